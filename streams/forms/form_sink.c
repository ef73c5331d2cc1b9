/* SPDX-License-Identifier: Apache-2.0
 *
 * sink: records go to a topic, one for all or one that each record's value decides.
 *
 * A value that names any topic could make the application write anywhere it may, so topic_by comes with topic_allow.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "streams/forms/form_parts.h"

struct sink_conf {
    const char *topic;
    const char *topic_by;
    struct opt_strings topic_allow;
    const char *key_serde;
    const char *value_serde;
    struct st_limits limits;
    struct st_topic_by op;
};

static const struct opt_row rows[] = {
    {.name = "topic",
     .kind = OPT_STRING,
     .offset = offsetof(struct sink_conf, topic),
     .reload = OPT_RELOAD_PROCESS,
     .help = "The topic to write. This or topic_by."},
    {.name = "topic_by",
     .kind = OPT_STRING,
     .offset = offsetof(struct sink_conf, topic_by),
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "Lua expression whose result is the name of the record's topic: 'out.' .. value.kind. Needs topic_allow."},
    {.name = "topic_allow",
     .kind = OPT_STRINGS,
     .offset = offsetof(struct sink_conf, topic_allow),
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "Regular expressions, as in Java, for whole names: a topic of topic_by that none of them matches is an error."},
    {.name = "key_serde",
     .kind = OPT_STRING,
     .offset = offsetof(struct sink_conf, key_serde),
     .reload = OPT_RELOAD_PROCESS,
     .help = "What keys are to be here, to be sure of it; nothing is converted. " ST_SERDE_HELP},
    {.name = "value_serde",
     .kind = OPT_STRING,
     .offset = offsetof(struct sink_conf, value_serde),
     .reload = OPT_RELOAD_PROCESS,
     .help = "What values are to be here, to be sure of it; nothing is converted. " ST_SERDE_HELP},
    ST_LIMIT_ROWS(struct sink_conf),
    {.name = "topics",
     .kind = OPT_REFUSED,
     .help = "A sink writes one topic; write several sinks, or topic_by."},
    {.name = NULL},
};

static bool check_options(const struct st_forming *forming, const struct sink_conf *c)
{
    if (c->topic && c->topic_by)
        st_form_error(forming, "topic_by", "topic and topic_by both name the topic; leave one of them out");
    else if (!c->topic && !c->topic_by)
        st_form_error(forming, NULL, "one of topic and topic_by is needed");
    else if (c->topic_by && c->topic_allow.count == 0)
        st_form_error(
            forming, "topic_by",
            "topic_by needs topic_allow: which topics may a record name? Such as topic_allow = [\"out[.].*\"]");
    else if (c->topic && c->topic_allow.count > 0)
        st_form_error(forming, "topic_allow", "topic_allow is for topic_by, and there is none");
    else
        return true;
    return false;
}

/* Compiles the patterns; false after a complaint. */
static bool compile_allow(const struct st_forming *forming, struct sink_conf *c)
{
    const struct opt_strings *list = &c->topic_allow;
    c->op.allow = aq_arena_zalloc(forming->arena, list->count * sizeof(*c->op.allow));
    c->op.patterns = list->items;
    bool good = true;
    for (size_t i = 0; i < list->count; i++) {
        struct aq_err err = {0};
        int rc = java_regex_compile(&c->op.allow[c->op.n], list->items[i], &err);
        const char *never = rc == 0 ? java_regex_never_matches_topic(&c->op.allow[c->op.n]) : NULL;
        if (rc == 0) c->op.n++; /* is to be freed */
        if (rc == 0 && !never) continue;
        conf_diag(forming->diags, CONF_ERROR, list->places ? list->places[i] : forming->group->pos,
                  "%s: topic_allow: '%s' %s%s", forming->what, list->items[i],
                  rc ? "" : "can match no topic: ", rc ? err.text : never);
        good = false;
    }
    return good;
}

static void add(const struct st_forming *forming, void *conf)
{
    struct sink_conf *c = conf;
    struct aq_err err = {0};
    if (!check_options(forming, c)) return;
    if (c->topic_by) {
        bool allow = compile_allow(forming, c);
        bool program =
            st_form_program(forming, "topic_by", LUA_EXPRESSION, c->topic_by, c->limits, &c->op.expression);
        if (!allow || !program) return;
    }
    if (st_add_sink(forming->topology, forming->name, c->topic ? c->topic : ST_BY_VALUE, forming->parents,
                    &err) != 0) {
        st_form_refused(forming, c->topic ? "topic" : NULL, &err);
        return;
    }
    int rc = c->topic_by
                 ? st_set_chooser(forming->topology, forming->name, &st_topic_by_chooser, &c->op, &err)
                 : 0;
    AQ_ASSERT(rc == 0);
    st_form_serdes(forming, c->key_serde, c->value_serde);
}

static void release(void *conf)
{
    struct sink_conf *c = conf;
    for (size_t i = 0; i < c->op.n; i++) java_regex_free(&c->op.allow[i]);
    c->op.n = 0;
}

const struct st_form st_form_sink = {
    .name = "sink",
    .summary = "Writes a topic, the same for all records or one that each record decides.",
    .example =
        "  in  = { type = \"source\"; topics = [\"events\"]; };\n"
        "  out = { type = \"sink\"; from = \"in\"; topic_by = \"'events.' .. value.kind\"; topic_allow = [\"events[.].*\"]; };\n",
    .rows = rows,
    .conf_size = sizeof(struct sink_conf),
    .childless = "a sink sends nothing on",
    .add = add,
    .release = release,
};
