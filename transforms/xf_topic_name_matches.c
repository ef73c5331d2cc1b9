/* SPDX-License-Identifier: Apache-2.0
 *
 * TopicNameMatches: the record's topic, as earlier steps left it, matches a Java regular expression as a whole.
 *
 * The answer for the last topic is kept. A match that gives up (match limit) fails the record: taking it for "no
 * match" would let a record slip past a Filter.
 */
#include "transforms/java_regex.h"
#include "transforms/step.h"

#include <stdlib.h>

#include "base/mem.h"

struct match_conf {
    const char *pattern;
    struct java_regex re; /* made by configure */
};

struct match_run {
    struct java_matcher matcher;
    const struct aq_name *last;
    bool met;
};

static const struct opt_row rows[] = {
    {.name = "pattern",
     .kind = OPT_STRING,
     .offset = offsetof(struct match_conf, pattern),
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_ROUTE,
     .help = "Java regular expression that must match the whole topic name."},
    {.name = NULL},
};

static void configure(void *conf, const struct xf_setup *setup)
{
    struct match_conf *c = conf;
    struct aq_err err = {0};
    if (java_regex_compile(&c->re, c->pattern, &err) < 0) {
        xf_setup_error(setup, "pattern", "pattern: %s", err.text);
        return;
    }
    const char *never = java_regex_never_matches_topic(&c->re);
    if (never) xf_setup_warn(setup, "pattern", "pattern can never match a topic name: %s", never);
}

static void release(void *conf)
{
    java_regex_free(&((struct match_conf *)conf)->re);
}

static void *start(const void *conf)
{
    const struct match_conf *c = conf;
    struct match_run *run = aq_calloc(1, sizeof(*run));
    java_matcher_init(&run->matcher, &c->re);
    return run;
}

static void stop(void *run)
{
    struct match_run *r = run;
    if (!r) return;
    java_matcher_finish(&r->matcher);
    free(r);
}

static bool test(struct xf_step *step, struct aq_record *rec)
{
    const struct match_conf *c = step->conf;
    struct match_run *run = step->run;
    if (!rec->topic) return false;
    if (rec->topic != run->last) {
        struct aq_slice topic = aq_slice_of(rec->topic->text, rec->topic->len);
        struct aq_err err;
        int rc = java_regex_match(c->re.full, &run->matcher, topic, &err);
        if (rc < 0) {
            aq_record_fail(rec, step->name, "predicate: %s", err.text);
            return false;
        }
        run->met = rc == 1;
        run->last = rec->topic;
    }
    return run->met;
}

static int test_topic(const void *conf, const char *topic)
{
    const struct match_conf *c = conf;
    struct java_matcher m;
    java_matcher_init(&m, &c->re);
    int rc = java_regex_match(c->re.full, &m, aq_slice_str(topic), NULL);
    java_matcher_finish(&m);
    return rc < 0 ? -1 : rc;
}

const struct xf_kind xf_topic_name_matches = {
    .abi = XF_ABI,
    .sort = XF_PREDICATE,
    .name = "TopicNameMatches",
    .summary = "True for records whose topic name matches a regular expression.",
    .example = "is_order = { type = \"TopicNameMatches\"; pattern = \"orders\\..*\"; };",
    .rows = rows,
    .conf_size = sizeof(struct match_conf),
    .configure = configure,
    .release = release,
    .start = start,
    .stop = stop,
    .test = test,
    .test_topic = test_topic,
};
