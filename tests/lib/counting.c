/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/counting.h"

#include <stdlib.h>
#include <string.h>

#include "aqueduct/number.h"
#include "base/big_endian.h"
#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/mirror.h"

/* ---- the application ---------------------------------------------------------------------------------------------- */

struct t_counting t_counting_make(int keys, int partitions)
{
    struct t_counting c = {.app = t_unique("app"),
                           .in = t_unique("in"),
                           .out = t_unique("out"),
                           .keys = keys,
                           .partitions = partitions,
                           .folder = "/tmp/aqueduct-counting.XXXXXX"};
    assert_non_null(mkdtemp(c.folder));
    t_topic_create(t_pair.src, c.in.text, partitions, NULL);
    t_topic_create(t_pair.src, c.out.text, 2, NULL);
    return c;
}

void t_counting_finish(const struct t_counting *c)
{
    t_remove_folder(c->folder);
}

const char *t_counting_file(const struct t_counting *c, const char *state_dir, const char *more)
{
    char *config =
        t_printf("clusters = { one = { brokers = \"%s\"; }; };\n"
                 "streams = {\n"
                 "  application_id = \"%s\"; cluster = \"one\"; processing_guarantee = \"exactly_once_v2\";\n"
                 "  session_timeout_ms = 6000; state_dir = \"%s/%s\"; %s\n"
                 "  default_key_serde = \"string\"; default_value_serde = \"string\";\n"
                 "  topology = {\n"
                 "    in    = { type = \"source\"; topics = [\"%s\"]; };\n"
                 "    count = { type = \"count\"; from = \"in\"; by = \"'x' .. key\"; cached = false; };\n"
                 "    out   = { type = \"sink\"; from = \"count\"; topic = \"%s\"; };\n"
                 "  };\n"
                 "};\n",
                 t_pair.source, c->app.text, c->folder, state_dir, more, c->in.text, c->out.text);
    const char *file = t_config_file(config);
    free(config);
    return file;
}

struct t_process *t_counting_start(const char *file)
{
    const char *argv[] = {t_aqueduct(), "streams", "-c", file, NULL};
    return t_start(argv, NULL);
}

/* ---- records ------------------------------------------------------------------------------------------------------ */

void t_counting_produce(const struct t_counting *c, int n)
{
    struct t_producer *producer = t_producer_open(t_pair.source, NULL, NULL);
    for (int i = 0; i < n; i++) {
        char key[32];
        snprintf(key, sizeof(key), "k%d", i % c->keys);
        t_send_text(producer, c->in.text, i % c->partitions, key, "v");
    }
    t_flush(producer);
    t_producer_close(producer);
}

void t_counting_wait(const struct t_counting *c, int64_t n)
{
    int64_t got = t_wait_count(t_pair.source, c->out.text, n, T_COUNTING_MS);
    T_CHECK(got == n, "%lld of %lld counts", (long long)got, (long long)n);
}

static int key_of(const struct t_counting *c, const struct t_record *rec)
{
    char key[32];
    int k = -1;
    snprintf(key, sizeof(key), "%.*s", (int)rec->key.len, rec->key.ptr);
    T_CHECK(sscanf(key, "xk%d", &k) == 1 && k >= 0 && k < c->keys && rec->value.len == 8, "key %s", key);
    return k;
}

void t_counting_expect(const struct t_counting *c, int64_t each)
{
    int64_t *last = calloc((size_t)c->keys, sizeof(*last));
    assert_non_null(last);
    struct t_log *log = t_read(t_pair.source, c->out.text, -1, true);
    for (size_t i = 0; i < log->count; i++) {
        int k = key_of(c, &log->records[i]);
        int64_t n = (int64_t)aq_be64_get(log->records[i].value.ptr);
        T_CHECK(n == last[k] + 1, "key %d: %lld behind %lld", k, (long long)n, (long long)last[k]);
        last[k] = n;
    }
    for (int k = 0; k < c->keys; k++)
        T_CHECK(last[k] == each, "key %d was counted %lld times", k, (long long)last[k]);
    t_log_free(log);
    free(last);
}

/* ---- what it said ------------------------------------------------------------------------------------------------- */

int64_t t_counting_sum(const char *words, const char *message, const char *number)
{
    int64_t all = 0;
    for (const char *at = words; (at = strstr(at, message)) != NULL; at++) {
        const char *found = number ? strstr(at, number) : NULL;
        if (found) all += atoll(found + strlen(number));
        all += number == NULL;
    }
    return all;
}

int64_t t_counting_restored(const char *words)
{
    return t_counting_sum(words, "stores restored", "records=");
}
