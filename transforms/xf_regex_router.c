/* SPDX-License-Identifier: Apache-2.0
 *
 * RegexRouter: renames the topic by a regular expression.
 *
 * An ordinary pass: a batch comes from one source partition, so nearly every record has the topic of the one before
 * it; the run remembers the last topic and where it went, by pointer, because names are interned. A new topic must
 * match as a whole; its new name is built in a buffer and interned.
 * A failing pass: the result is no legal topic name, or the match gave up: the record fails.
 *
 * safe: the whole topic is replaced. connect: Java's replaceFirst(), i.e. the first occurrence, which for a pattern
 * like a|ab is not the match that was tested; a bad group reference fails each record instead of the start, and names
 * are not checked.
 */
#include "transforms/java_regex.h"
#include "transforms/step.h"
#include "transforms/topic_name.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

#define TOPIC_BUF 1024

struct router_conf {
    const char *regex;
    const char *replacement;
    /* made by configure */
    struct java_regex re;
    struct java_replacement pieces;
    const char *bad_replacement; /* connect: what every matching record fails with */
    enum xf_compat compat;
};

struct router_run {
    struct java_matcher matcher;
    const struct aq_name *last;
    const struct aq_name *result;
};

static const struct opt_row rows[] = {
    {.name = "regex",
     .kind = OPT_STRING,
     .offset = offsetof(struct router_conf, regex),
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_ROUTE,
     .help = "Java regular expression that must match the whole topic name; other topics pass unchanged."},
    {.name = "replacement",
     .kind = OPT_STRING,
     .offset = offsetof(struct router_conf, replacement),
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_ROUTE,
     .help = "New topic name; $1 or ${name} stand for groups of the regex, \\$ for a dollar sign."},
    {.name = NULL},
};

static void configure(void *conf, const struct xf_setup *setup)
{
    struct router_conf *c = conf;
    struct aq_err err = {0};
    c->compat = setup->compat;
    if (java_regex_compile(&c->re, c->regex, &err) < 0) {
        xf_setup_error(setup, "regex", "regex: %s", err.text);
        return;
    }
    const char *never = java_regex_never_matches_topic(&c->re);
    if (never) xf_setup_warn(setup, "regex", "regex can never match a topic name: %s", never);
    if (java_replacement_parse(&c->pieces, c->replacement, &c->re, setup->arena, &err) == 0) return;
    if (c->compat == XF_SAFE) {
        xf_setup_error(setup, "replacement", "%s", err.text);
        return;
    }
    xf_setup_warn(setup, "replacement", "%s; every record whose topic matches will fail", err.text);
    c->bad_replacement = aq_arena_strdup(setup->arena, err.text);
}

static void release(void *conf)
{
    java_regex_free(&((struct router_conf *)conf)->re);
}

static void *start(const void *conf)
{
    const struct router_conf *c = conf;
    struct router_run *run = aq_calloc(1, sizeof(*run));
    java_matcher_init(&run->matcher, &c->re);
    return run;
}

static void stop(void *run)
{
    struct router_run *r = run;
    if (!r) return;
    java_matcher_finish(&r->matcher);
    free(r);
}

static bool put(struct aq_slice bytes, char *buf, size_t *len)
{
    if (bytes.len > TOPIC_BUF - *len) return false;
    memcpy(buf + *len, bytes.ptr, bytes.len);
    *len += bytes.len;
    return true;
}

/* Java's replaceFirst() after matches(): text before the first occurrence, replacement, text behind it. */
static int replace_first(const struct router_conf *c, struct java_matcher *m, struct aq_slice topic,
                         char *buf, size_t *len, struct aq_err *err)
{
    int rc = java_regex_match(c->re.find, m, topic, err);
    if (rc < 0) return rc;
    AQ_ASSERT(rc == 1);
    const PCRE2_SIZE *span = pcre2_get_ovector_pointer(m->data);
    struct aq_slice rest = {topic.ptr + span[1], topic.len - span[1]};
    if (put(aq_slice_of(topic.ptr, span[0]), buf, len) &&
        java_replacement_expand(&c->pieces, m, topic, buf, TOPIC_BUF, len) && put(rest, buf, len)) {
        return 1;
    }
    return aq_fail(err, AQ_E_BAD_RECORD, "new topic name is longer than %d bytes", TOPIC_BUF);
}

/* 1 with the new name in buf, 0 when the topic does not match, AQ_E_BAD_RECORD. */
static int rename_topic(const struct router_conf *c, struct java_matcher *m, struct aq_slice topic, char *buf,
                        size_t *len, struct aq_err *err)
{
    *len = 0;
    int rc = java_regex_match(c->re.full, m, topic, err);
    if (rc <= 0) return rc;
    if (c->bad_replacement) return aq_fail(err, AQ_E_BAD_RECORD, "%s", c->bad_replacement);
    if (c->compat == XF_CONNECT) return replace_first(c, m, topic, buf, len, err);
    const char *fault = "is longer than 249 characters";
    if (java_replacement_expand(&c->pieces, m, topic, buf, TOPIC_BUF, len)) {
        fault = topic_name_fault(aq_slice_of(buf, *len));
    }
    if (!fault) return 1;
    return aq_fail(err, AQ_E_BAD_RECORD, "topic '%.*s' would become '%.*s', which %s", (int)topic.len,
                   topic.ptr, (int)*len, buf, fault);
}

static void each(struct xf_step *step, struct aq_record *rec)
{
    struct router_run *run = step->run;
    AQ_DASSERT(rec->topic);
    if (rec->topic == run->last) {
        rec->topic = run->result;
        return;
    }
    char buf[TOPIC_BUF];
    size_t len;
    struct aq_err err = {0};
    const struct aq_name *topic = rec->topic;
    int rc = rename_topic(step->conf, &run->matcher, aq_slice_of(topic->text, topic->len), buf, &len, &err);
    if (rc < 0) {
        aq_record_fail(rec, step->name, "%s", err.text);
        return;
    }
    run->last = topic;
    run->result = rc ? aq_names_intern(step->names, aq_slice_of(buf, len)) : topic;
    rec->topic = run->result;
}

static bool map_topic(const void *conf, char *topic, size_t size)
{
    const struct router_conf *c = conf;
    struct java_matcher m;
    char buf[TOPIC_BUF];
    size_t len;
    java_matcher_init(&m, &c->re);
    int rc = rename_topic(c, &m, aq_slice_str(topic), buf, &len, NULL);
    java_matcher_finish(&m);
    if (rc == 0) return true;
    if (rc < 0 || len >= size || topic_name_fault(aq_slice_of(buf, len))) return false;
    memcpy(topic, buf, len);
    topic[len] = '\0';
    return true;
}

const struct xf_kind xf_regex_router = {
    .abi = XF_ABI,
    .sort = XF_TRANSFORM,
    .name = "RegexRouter",
    .summary = "Renames topics by a regular expression.",
    .example = "rename = { type = \"RegexRouter\"; regex = \"(.*)\"; replacement = \"dc1.$1\"; };",
    .rows = rows,
    .conf_size = sizeof(struct router_conf),
    .flags = XF_ROUTES,
    .configure = configure,
    .release = release,
    .start = start,
    .stop = stop,
    .each = each,
    .map_topic = map_topic,
};
