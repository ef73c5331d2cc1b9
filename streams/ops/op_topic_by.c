/* SPDX-License-Identifier: Apache-2.0
 *
 * topic_by of a sink: a Lua expression names each record's topic, and patterns say which names it may give.
 *
 * A name that was let through once is remembered for as long as the task lives: matching a pattern costs more than everything else
 * a sink does. There are as many as topics that records were written to.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/ops/op.h"
#include "transforms/topic_name.h"

struct choosing {
    const struct st_topic_by *conf;
    struct st_running expression;
    struct java_matcher *matchers; /* one for each pattern */
    const struct aq_name **allowed;
    size_t n_allowed, cap_allowed;
};

static int start(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    (void)err;
    const struct st_topic_by *conf = user;
    struct choosing *c = aq_calloc(1, sizeof(*c));
    c->conf = conf;
    c->matchers = aq_calloc(conf->n, sizeof(*c->matchers));
    for (size_t i = 0; i < conf->n; i++) java_matcher_init(&c->matchers[i], &conf->allow[i]);
    st_running_start(&c->expression, context, &conf->expression);
    *ret_state = c;
    return 0;
}

static const struct aq_name *find_known(const struct choosing *c, struct aq_slice topic)
{
    for (size_t i = 0; i < c->n_allowed; i++) {
        const struct aq_name *name = c->allowed[i];
        if (name->len == topic.len && memcmp(name->text, topic.ptr, topic.len) == 0) return name;
    }
    return NULL;
}

static void remember(struct choosing *c, const struct aq_name *name)
{
    if (c->n_allowed == c->cap_allowed) {
        c->cap_allowed = c->cap_allowed ? 2 * c->cap_allowed : 8;
        c->allowed = aq_realloc(c->allowed, c->cap_allowed * sizeof(*c->allowed));
    }
    c->allowed[c->n_allowed++] = name;
}

static int refuse(const struct choosing *c, struct aq_slice topic, struct aq_err *err)
{
    char list[400] = "";
    size_t len = 0;
    for (size_t i = 0; i < c->conf->n && len < sizeof(list); i++)
        len +=
            (size_t)snprintf(list + len, sizeof(list) - len, "%s'%s'", i ? ", " : "", c->conf->patterns[i]);
    return aq_fail(err, AQ_E_BAD_RECORD, "topic_by: the topic '%.*s' is not allowed; topic_allow has: %s",
                   (int)topic.len, topic.ptr, list);
}

static int check_allowed(struct choosing *c, struct aq_slice topic, struct aq_err *err)
{
    for (size_t i = 0; i < c->conf->n; i++) {
        int rc = java_regex_match(c->conf->allow[i].full, &c->matchers[i], topic, err);
        if (rc < 0) return aq_err_in(err, "topic_by: topic_allow '%s'", c->conf->patterns[i]);
        if (rc > 0) return 0;
    }
    return refuse(c, topic, err);
}

static int choose(struct st_context *context, void *state, struct aq_record *rec, struct aq_slice *ret_topic,
                  struct aq_err *err)
{
    struct choosing *c = state;
    struct lua_result result;
    int rc = lua_engine_run(c->expression.engine, &c->expression.step, rec, &result, err);
    if (rc < 0) return rc;
    if (result.answer != LUA_STRING)
        return aq_fail(err, AQ_E_BAD_RECORD, "topic_by: the result is a %s, not the name of a topic",
                       result.type);
    const char *fault = topic_name_fault(result.text);
    if (fault)
        return aq_fail(err, AQ_E_BAD_RECORD, "topic_by: the topic '%.*s' %s", (int)result.text.len,
                       result.text.ptr, fault);
    const struct aq_name *name = find_known(c, result.text);
    if (!name) {
        rc = check_allowed(c, result.text, err);
        if (rc != 0) return rc;
        name = aq_names_intern(st_names(context), result.text);
        remember(c, name);
    }
    *ret_topic = aq_slice_of(name->text, name->len);
    return 0;
}

static void stop(struct st_context *context, void *state)
{
    (void)context;
    struct choosing *c = state;
    for (size_t i = 0; i < c->conf->n; i++) java_matcher_finish(&c->matchers[i]);
    st_running_stop(&c->expression);
    free(c->matchers);
    free(c->allowed);
    free(c);
}

const struct st_topic_chooser st_topic_by_chooser = {.start = start, .choose = choose, .stop = stop};
