/* SPDX-License-Identifier: Apache-2.0
 *
 * TimestampRouter: puts the record's timestamp into the topic name.
 *
 * An ordinary pass: the run keeps the last result with its topic and with the stretch of time it holds for (a day for
 * yyyyMMdd), so that a record costs two comparisons; a new stretch formats and interns the name.
 * A failing pass: a record without a timestamp, or a result that is no legal topic name (safe), fails.
 *
 * connect: ${topic} is put in first, so a topic that itself contains ${timestamp} is expanded too; names are not
 * checked.
 */
#include "transforms/java_date.h"
#include "transforms/step.h"
#include "transforms/topic_name.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

#define TOPIC_BUF 1024

struct stamp_conf {
    const char *topic_format;
    const char *timestamp_format;
    struct java_date date; /* made by configure */
};

struct stamp_run {
    const struct aq_name *topic;
    const struct aq_name *result;
    int64_t from; /* the result holds for timestamps in [from, from + unit) */
};

static const struct opt_row rows[] = {
    {.name = "topic_format",
     .kind = OPT_STRING,
     .offset = offsetof(struct stamp_conf, topic_format),
     .def = "${topic}-${timestamp}",
     .reload = OPT_RELOAD_ROUTE,
     .help =
         "New topic name; ${topic} and ${timestamp} stand for the topic and the formatted timestamp. In a file "
         "write $${topic}, because ${...} is the environment."},
    {.name = "timestamp_format",
     .kind = OPT_STRING,
     .offset = offsetof(struct stamp_conf, timestamp_format),
     .def = "yyyyMMdd",
     .reload = OPT_RELOAD_ROUTE,
     .help = "Java SimpleDateFormat pattern for the timestamp, in UTC with English names."},
    {.name = NULL},
};

static void configure(void *conf, const struct xf_setup *setup)
{
    struct stamp_conf *c = conf;
    struct aq_err err = {0};
    if (java_date_parse(&c->date, c->timestamp_format, setup->arena, &err) < 0) {
        xf_setup_error(setup, "timestamp_format", "timestamp_format: %s", err.text);
    }
    if (!strstr(c->topic_format, "${timestamp}") && !strstr(c->topic_format, "${topic}")) {
        xf_setup_warn(setup, "topic_format",
                      "topic_format names neither ${topic} nor ${timestamp}: every record goes "
                      "to '%s'",
                      c->topic_format);
    }
}

static void *start(const void *conf)
{
    (void)conf;
    return aq_calloc(1, sizeof(struct stamp_run));
}

static void stop(void *run)
{
    free(run);
}

/* Copies format to buf with both placeholders replaced (null: left as they are); returns the length, or size when it
 * does not fit. */
static size_t expand(struct aq_slice format, struct aq_slice topic, struct aq_slice stamp, char *buf,
                     size_t size)
{
    static const char topic_mark[] = "${topic}", stamp_mark[] = "${timestamp}";
    size_t len = 0;
    for (size_t i = 0; i < format.len;) {
        struct aq_slice piece = {format.ptr + i, 1};
        size_t left = format.len - i, skip = 1;
        if (topic.ptr && left >= 8 && memcmp(format.ptr + i, topic_mark, 8) == 0) {
            piece = topic;
            skip = 8;
        } else if (stamp.ptr && left >= 12 && memcmp(format.ptr + i, stamp_mark, 12) == 0) {
            piece = stamp;
            skip = 12;
        }
        if (piece.len > size - len) return size;
        memcpy(buf + len, piece.ptr, piece.len);
        len += piece.len;
        i += skip;
    }
    return len;
}

static size_t make_name(struct xf_step *step, const struct aq_record *rec, char *buf, size_t size)
{
    const struct stamp_conf *c = step->conf;
    char stamp_buf[256], first[TOPIC_BUF];
    size_t n = java_date_format(&c->date, rec->timestamp, stamp_buf, sizeof(stamp_buf));
    struct aq_slice stamp = {stamp_buf, n};
    struct aq_slice topic = {rec->topic->text, rec->topic->len};
    struct aq_slice format = aq_slice_str(c->topic_format);
    if (step->compat == XF_SAFE) return expand(format, topic, stamp, buf, size);
    n = expand(format, topic, AQ_NULL_SLICE, first, sizeof(first));
    return expand(aq_slice_of(first, n), AQ_NULL_SLICE, stamp, buf, size);
}

static void each(struct xf_step *step, struct aq_record *rec)
{
    const struct stamp_conf *c = step->conf;
    struct stamp_run *run = step->run;
    AQ_DASSERT(rec->topic);
    if (rec->time_type == AQ_TIME_NONE) {
        aq_record_fail(rec, step->name, "record has no timestamp to route by");
        return;
    }
    int64_t rest = rec->timestamp % c->date.unit;
    int64_t from = rec->timestamp - rest - (rest < 0 ? c->date.unit : 0);
    if (rec->topic == run->topic && from == run->from) {
        rec->topic = run->result;
        return;
    }
    char buf[TOPIC_BUF];
    size_t len = make_name(step, rec, buf, sizeof(buf));
    const char *fault = step->compat == XF_SAFE ? topic_name_fault(aq_slice_of(buf, len)) : NULL;
    if (len == sizeof(buf)) fault = "is longer than 249 characters";
    if (fault) {
        aq_record_fail(rec, step->name, "topic '%s' would become '%.*s', which %s", rec->topic->text,
                       (int)(len < 300 ? len : 300), buf, fault);
        return;
    }
    run->topic = rec->topic;
    run->from = from;
    run->result = aq_names_intern(step->names, aq_slice_of(buf, len));
    rec->topic = run->result;
}

const struct xf_kind xf_timestamp_router = {
    .abi = XF_ABI,
    .sort = XF_TRANSFORM,
    .name = "TimestampRouter",
    .summary = "Puts the record's timestamp into the topic name.",
    .example = "daily = { type = \"TimestampRouter\"; topic_format = \"$${topic}-$${timestamp}\"; "
               "timestamp_format = \"yyyyMMdd\"; };",
    .rows = rows,
    .conf_size = sizeof(struct stamp_conf),
    .flags = XF_ROUTES,
    .configure = configure,
    .start = start,
    .stop = stop,
    .each = each,
};
