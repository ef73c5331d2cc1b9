/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a case (cli/case_run.h).
 *
 * An ordinary pass: find out what the case is about, start a driver for it, pipe records in and let time pass, step
 * by step, stop in order, read all topics that were written. Expected and got records are printed as JSON, topic by
 * topic, each got record with the fields its expected one has; the two texts are equal or their diff is the report.
 *
 * A failing pass: an error of the driver ends the steps, and is what a case with `error` expects. A record that its
 * topic's serde cannot take, or a route that does not exist, is a fault of the case and no failure.
 */
#include "cli/case_run.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "bridge/driver.h"
#include "cli/unified.h"
#include "streams/driver.h"

/* A topic that was written. */
struct written {
    const char *topic;
    struct kc_sim_record *list;
    size_t n;
};

struct stage {
    const struct cli_config *config;
    const struct cli_case *one;
    const struct br_route *route; /* NULL: the application */
    struct br_driver *bridge;
    struct st_driver *streams;
    struct written *written;
    size_t n_written;
    struct aq_arena arena;
};

/* ---- what it is about --------------------------------------------------------------------------------------------- */

static const struct br_route *find_route(const struct cli_config *config, const char *name)
{
    for (size_t i = 0; i < config->n_routes; i++)
        if (strcmp(config->routes[i].name, name) == 0) return &config->routes[i];
    return NULL;
}

static int no_such_route(const struct cli_config *config, const char *name, struct aq_err *err)
{
    const char **names = aq_calloc(config->n_routes + 1, sizeof(*names));
    for (size_t i = 0; i < config->n_routes; i++) names[i] = config->routes[i].name;
    const char *near = conf_did_you_mean(name, names, config->n_routes);
    free(names);
    if (near) return aq_fail(err, AQ_E_CONFIG, "there is no route '%s'; did you mean '%s'?", name, near);
    return aq_fail(err, AQ_E_CONFIG, "there is no route '%s' in the configuration", name);
}

static int choose(struct stage *stage, struct aq_err *err)
{
    const struct cli_config *config = stage->config;
    const struct cli_case *one = stage->one;
    if (one->route) {
        stage->route = find_route(config, one->route);
        return stage->route ? 0 : no_such_route(config, one->route, err);
    }
    if (one->application) {
        if (config->has_streams && strcmp(config->settings.application_id, one->application) == 0) return 0;
        return aq_fail(err, AQ_E_CONFIG, "the configuration's application is %s%s, not '%s'",
                       config->has_streams ? "" : "none",
                       config->has_streams ? config->settings.application_id : "", one->application);
    }
    if (config->n_routes + config->has_streams != 1)
        return aq_fail(err, AQ_E_CONFIG,
                       "which route? The configuration has %zu of them%s: name one in the field 'route'%s",
                       config->n_routes, config->has_streams ? " and an application" : "",
                       config->has_streams ? " or 'application'" : "");
    stage->route = config->n_routes == 1 ? &config->routes[0] : NULL;
    return 0;
}

/* ---- the driver --------------------------------------------------------------------------------------------------- */

static size_t topics_of(const struct stage *stage, const char **topics)
{
    size_t n = 0;
    for (size_t i = 0; i < stage->one->n_steps; i++)
        if (!stage->one->steps[i].advance) topics[n++] = stage->one->steps[i].rec.topic;
    return n;
}

static int start(struct stage *stage, struct aq_err *err)
{
    if (stage->route) {
        const struct br_driver_setup setup = {.route = stage->route, .partitions = stage->one->partitions};
        stage->bridge = br_driver_create(&setup, err);
        return stage->bridge ? 0 : err->code;
    }
    const char **topics = aq_arena_alloc(&stage->arena, sizeof(*topics) * (stage->one->n_steps + 1));
    const struct st_driver_setup setup = {.settings = &stage->config->settings,
                                          .topology = stage->config->streams.topology,
                                          .partitions = stage->one->partitions,
                                          .topics = topics,
                                          .n_topics = topics_of(stage, topics)};
    stage->streams = st_driver_create(&setup, err);
    return stage->streams ? 0 : err->code;
}

static int64_t now_ms(const struct stage *stage)
{
    return stage->bridge ? br_driver_wall_ms(stage->bridge) : st_driver_wall_ms(stage->streams);
}

static int advance(struct stage *stage, int64_t ms, struct aq_err *err)
{
    return stage->bridge ? br_driver_advance(stage->bridge, ms, err)
                         : st_driver_advance(stage->streams, ms, err);
}

static int pipe_in(struct stage *stage, const char *topic, const struct kc_sim_record *rec,
                   struct aq_err *err)
{
    return stage->bridge ? br_driver_pipe(stage->bridge, topic, rec, err)
                         : st_driver_pipe(stage->streams, topic, rec, err);
}

static int stop(struct stage *stage, struct aq_err *err)
{
    return stage->bridge ? br_driver_close(stage->bridge, err) : st_driver_close(stage->streams, err);
}

static bool read_next(struct stage *stage, const char *topic, struct kc_sim_record *ret)
{
    return stage->bridge ? br_driver_read(stage->bridge, topic, ret)
                         : st_driver_read(stage->streams, topic, ret);
}

static size_t list_topics(struct stage *stage, const char *const **ret)
{
    if (stage->bridge) return br_driver_topics(stage->bridge, ret);
    return stage->streams ? st_driver_topics(stage->streams, ret) : 0;
}

/* ---- serdes ------------------------------------------------------------------------------------------------------- */

/* A route that says bytes, or string, may carry anything: texts stand for themselves then and JSON for JSON. */
static const struct st_serde *serde_of_format(int format)
{
    struct aq_err ignored;
    if (format == XF_BYTES || format == XF_STRING) return NULL;
    return st_serde_find(xf_format_name((enum xf_format)format), &ignored);
}

static struct st_serdes serdes_of(const struct stage *stage, const char *topic, bool is_read)
{
    const struct br_route *route = stage->route;
    const struct st_formed *formed = &stage->config->streams;
    if (route)
        return (struct st_serdes){serde_of_format(route->key_format), serde_of_format(route->value_format)};
    if (is_read) return st_serde_flow_read_from(formed->serdes, formed->plan, topic);
    return stage->streams ? st_driver_writes(stage->streams, topic) : (struct st_serdes){0};
}

/* ---- running ------------------------------------------------------------------------------------------------------ */

/* The records as they go in; a fault of the case otherwise. Timestamps are left to the moment. */
static int encode_steps(struct stage *stage, struct kc_sim_record *ret, struct aq_err *err)
{
    for (size_t i = 0; i < stage->one->n_steps; i++) {
        const struct cli_step *step = &stage->one->steps[i];
        if (step->advance) continue;
        int rc = st_json_record_encode(&step->rec, serdes_of(stage, step->rec.topic, true), 0, &stage->arena,
                                       &ret[i], err);
        if (rc != 0) return aq_err_in(err, "in[%zu]", i);
    }
    return 0;
}

static int run_steps(struct stage *stage, struct kc_sim_record *records, struct aq_err *err)
{
    int rc = start(stage, err);
    for (size_t i = 0; rc == 0 && i < stage->one->n_steps; i++) {
        const struct cli_step *step = &stage->one->steps[i];
        if (step->advance) {
            rc = advance(stage, step->ms, err);
            continue;
        }
        if (!(step->rec.given & ST_JSON_TIMESTAMP)) records[i].timestamp = now_ms(stage);
        rc = pipe_in(stage, step->rec.topic, &records[i], err);
    }
    return rc == 0 ? stop(stage, err) : rc;
}

static void read_topic(struct stage *stage, const char *topic)
{
    struct written *written = &stage->written[stage->n_written++];
    struct kc_sim_record rec;
    size_t cap = 0;
    *written = (struct written){.topic = topic};
    while (read_next(stage, topic, &rec)) {
        if (written->n == cap) {
            cap = cap ? cap * 2 : 16;
            written->list = aq_realloc(written->list, cap * sizeof(*written->list));
        }
        written->list[written->n++] = rec;
    }
}

static void read_all(struct stage *stage)
{
    const char *const *topics;
    size_t n = list_topics(stage, &topics);
    stage->written = aq_calloc(n + 1, sizeof(*stage->written));
    for (size_t i = 0; i < n; i++) read_topic(stage, topics[i]);
}

/* ---- comparing ---------------------------------------------------------------------------------------------------- */

static void put_record(struct stage *stage, const struct kc_sim_record *rec, const char *topic,
                       struct st_serdes serdes, unsigned fields, FILE *out)
{
    cli_json_pretty(st_json_record_print(rec, topic, serdes, fields | ST_JSON_TOPIC, &stage->arena), out);
    fputc('\n', out);
}

static void put_expected(struct stage *stage, const struct st_json_record *expected, struct st_serdes serdes,
                         FILE *out)
{
    struct kc_sim_record rec;
    struct aq_err ignored;
    if (st_json_record_encode(expected, serdes, 0, &stage->arena, &rec, &ignored) != 0) {
        /* What the topic's serde cannot take is never got; it is shown as it was written. */
        serdes = (struct st_serdes){0};
        int rc = st_json_record_encode(expected, serdes, 0, &stage->arena, &rec, &ignored);
        AQ_ASSERT(rc == 0); /* was tried when the case was read */
    }
    put_record(stage, &rec, expected->topic, serdes, expected->given, out);
}

static const struct aq_header *last_header(const struct kc_sim_record *rec, struct aq_slice name)
{
    for (uint16_t i = rec->n_headers; i-- > 0;)
        if (aq_slice_equal(rec->headers[i].name, name)) return &rec->headers[i];
    return NULL;
}

/* Of headers that are expected as an object, only those it names count. */
static void select_headers(struct stage *stage, const struct st_json_record *expected,
                           struct kc_sim_record *rec)
{
    struct aq_header *list = aq_arena_alloc(&stage->arena, sizeof(*list) * (expected->n_headers + 1u));
    uint16_t n = 0;
    for (uint16_t i = 0; i < expected->n_headers; i++) {
        const struct aq_header *header = last_header(rec, expected->headers[i].name);
        if (header) list[n++] = *header;
    }
    rec->headers = list;
    rec->n_headers = n;
}

static void put_got(struct stage *stage, struct kc_sim_record rec, const char *topic,
                    const struct st_json_record *expected, FILE *out)
{
    unsigned fields = expected ? expected->given : ST_JSON_KEY | ST_JSON_VALUE;
    if (expected && expected->headers_by_name) select_headers(stage, expected, &rec);
    put_record(stage, &rec, topic, serdes_of(stage, topic, false), fields, out);
}

static const struct written *find_written(const struct stage *stage, const char *topic)
{
    for (size_t i = 0; i < stage->n_written; i++)
        if (strcmp(stage->written[i].topic, topic) == 0) return &stage->written[i];
    return NULL;
}

static void put_topic(struct stage *stage, const char *topic, FILE *expected, FILE *got)
{
    const struct written *written = find_written(stage, topic);
    size_t n = 0;
    for (size_t i = 0; i < stage->one->n_out; i++) {
        const struct st_json_record *one = &stage->one->out[i];
        if (strcmp(one->topic, topic) != 0) continue;
        put_expected(stage, one, serdes_of(stage, topic, false), expected);
        if (written && n < written->n) put_got(stage, written->list[n], topic, one, got);
        n++;
    }
    for (; written && n < written->n; n++) put_got(stage, written->list[n], topic, NULL, got);
}

static bool was_before(const struct cli_case *one, size_t n, const char *topic)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(one->out[i].topic, topic) == 0) return true;
    return false;
}

static void compare(struct stage *stage, FILE *report)
{
    const struct cli_case *one = stage->one;
    char *texts[2] = {NULL, NULL};
    size_t sizes[2];
    FILE *expected = open_memstream(&texts[0], &sizes[0]), *got = open_memstream(&texts[1], &sizes[1]);
    AQ_ASSERT(expected && got);
    for (size_t i = 0; i < one->n_out; i++)
        if (!was_before(one, i, one->out[i].topic)) put_topic(stage, one->out[i].topic, expected, got);
    for (size_t i = 0; i < stage->n_written; i++)
        if (!was_before(one, one->n_out, stage->written[i].topic))
            put_topic(stage, stage->written[i].topic, expected, got);
    fclose(expected);
    fclose(got);
    cli_unified_diff(texts[0], texts[1], report);
    free(texts[0]);
    free(texts[1]);
}

static void judge(struct stage *stage, int rc, const struct aq_err *err, FILE *report)
{
    const char *wanted = stage->one->error;
    if (rc != 0 && !wanted) fprintf(report, "it ended with an error: %s\n", err->text);
    if (rc == 0 && wanted) fprintf(report, "no error came; one with \"%s\" was expected\n", wanted);
    if (rc != 0 && wanted && !strstr(err->text, wanted))
        fprintf(report, "the error was: %s\none with \"%s\" was expected\n", err->text, wanted);
    if (!stage->one->has_out) return;
    read_all(stage);
    compare(stage, report);
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

static void finish(struct stage *stage)
{
    for (size_t i = 0; i < stage->n_written; i++) free(stage->written[i].list);
    free(stage->written);
    br_driver_destroy(stage->bridge);
    st_driver_destroy(stage->streams);
    aq_arena_finish(&stage->arena);
}

static char *run_and_judge(struct stage *stage, struct kc_sim_record *records)
{
    struct aq_err err = {0};
    char *text = NULL;
    size_t size = 0;
    FILE *report = open_memstream(&text, &size);
    AQ_ASSERT(report);
    int rc = run_steps(stage, records, &err);
    judge(stage, rc, &err, report);
    fclose(report);
    if (size > 0) return text;
    free(text);
    return NULL;
}

bool cli_case_run(const struct cli_config *config, const char *path, const struct cli_case *one,
                  struct conf_diags *diags, char **ret_report)
{
    AQ_ASSERT(config && one && one->steps && ret_report);
    struct stage stage = {.config = config, .one = one};
    struct aq_err err = {0};
    *ret_report = NULL;
    aq_arena_init(&stage.arena, 16384);
    struct kc_sim_record *records = aq_arena_zalloc(&stage.arena, sizeof(*records) * (one->n_steps + 1));
    int rc = choose(&stage, &err);
    if (rc == 0) rc = encode_steps(&stage, records, &err);
    if (rc == 0)
        *ret_report = run_and_judge(&stage, records);
    else
        conf_diag(diags, CONF_ERROR, (struct conf_pos){.file = path, .line = one->line}, "%s", err.text);
    finish(&stage);
    return rc == 0;
}
