/* SPDX-License-Identifier: Apache-2.0
 *
 * streams_runner: one scenario of the differential test on our engine (tests/differential/README.md has the formats).
 *
 *   streams_runner CONFIG INPUT          pipes the records one by one, prints what came out of each
 *   streams_runner --describe CONFIG     prints the topology
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "cli/config.h"
#include "streams/topology/describe.h"
#include "streams/driver.h"
#include "streams/serde/json_record.h"

static void print_bytes(struct aq_slice bytes)
{
    if (aq_slice_is_null(bytes)) fputs("null", stdout);
    for (size_t i = 0; i < bytes.len; i++) printf("%02x", (unsigned char)bytes.ptr[i]);
}

static void print_record(size_t number, const char *topic, const struct kc_sim_record *rec)
{
    printf("%zu\t%s\t", number, topic);
    print_bytes(rec->key);
    putchar('\t');
    print_bytes(rec->value);
    printf("\t%" PRId64 "\t%s", rec->timestamp, rec->n_headers == 0 ? "-" : "");
    for (uint16_t i = 0; i < rec->n_headers; i++) {
        printf("%s%.*s=", i ? "," : "", (int)rec->headers[i].name.len, rec->headers[i].name.ptr);
        print_bytes(rec->headers[i].value);
    }
    putchar('\n');
}

static void print_new_records(struct st_driver *driver, size_t number)
{
    const char *const *topics;
    size_t n = st_driver_topics(driver, &topics);
    struct kc_sim_record rec;
    for (size_t i = 0; i < n; i++)
        while (st_driver_read(driver, topics[i], &rec)) print_record(number, topics[i], &rec);
}

static int pipe_line(struct st_driver *driver, struct aq_slice line, struct aq_arena *arena,
                     struct aq_err *err)
{
    struct st_json_record json;
    struct kc_sim_record rec;
    int rc = st_json_record_read(line, arena, &json, err);
    if (rc != 0) return rc;
    if (!json.topic) return aq_fail(err, AQ_E_BAD_RECORD, "a record needs a topic");
    struct st_serdes serdes = st_driver_reads(driver, json.topic);
    rc = st_json_record_encode(&json, serdes, st_driver_wall_ms(driver), arena, &rec, err);
    return rc == 0 ? st_driver_pipe(driver, json.topic, &rec, err) : rc;
}

static int pipe_lines(struct st_driver *driver, FILE *in, struct aq_err *err)
{
    struct aq_arena arena;
    char *line = NULL;
    size_t size = 0, number = 0;
    ssize_t len;
    int rc = 0;
    aq_arena_init(&arena, 4096);
    while (rc == 0 && (len = getline(&line, &size, in)) >= 0) {
        rc = pipe_line(driver, aq_slice_of(line, (size_t)len), &arena, err);
        if (rc != 0)
            aq_err_in(err, "line %zu", number + 1);
        else
            print_new_records(driver, number++);
        aq_arena_reset(&arena);
    }
    free(line);
    aq_arena_finish(&arena);
    return rc;
}

static int run(const struct cli_config *config, const char *path, struct aq_err *err)
{
    FILE *in = fopen(path, "r");
    if (!in) return aq_fail(err, AQ_E_IO, "cannot open %s", path);
    const struct st_driver_setup setup = {.settings = &config->settings,
                                          .topology = config->streams.topology};
    struct st_driver *driver = st_driver_create(&setup, err);
    int rc = driver ? pipe_lines(driver, in, err) : err->code;
    if (rc == 0) rc = st_driver_close(driver, err);
    st_driver_destroy(driver);
    fclose(in);
    return rc;
}

int main(int argc, char **argv)
{
    bool describe = argc == 3 && strcmp(argv[1], "--describe") == 0;
    if (argc != 3) {
        fprintf(stderr, "usage: %s CONFIG INPUT\n       %s --describe CONFIG\n", argv[0], argv[0]);
        return 64;
    }
    const char *path = argv[describe ? 2 : 1];
    struct cli_config config;
    struct aq_err err = {0};
    aq_log_setup(AQ_WARN, AQ_LOG_LOGFMT);
    bool good = cli_config_load(&config, path, NULL, NULL, 0);
    conf_diags_print(&config.diags, stderr);
    int status = good && config.has_streams ? 0 : 78;
    if (status == 0 && describe) st_describe(config.streams.plan, stdout);
    if (status == 0 && !describe && run(&config, argv[2], &err) != 0) {
        fprintf(stderr, "%s: %s\n", argv[2], err.text);
        status = 1;
    }
    cli_config_finish(&config);
    return status;
}
