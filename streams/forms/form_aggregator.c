/* SPDX-License-Identifier: Apache-2.0
 *
 * Aggregators out of a configuration (streams/forms/form_aggregator.h). Nothing is kept between two calls.
 */
#include "streams/forms/form_aggregator.h"

#include <stdlib.h>

#include <stdio.h>

#include "base/assert.h"

const struct opt_enum st_function_names[] = {
#define X(name) {#name, ST_FUNCTION_##name},
#include "streams/ops/aggregators.def"
#undef X
    {.name = NULL},
};

static const struct st_serde *serde_of(const char *name)
{
    const struct st_serde *serde = st_serde_find(name, NULL);
    AQ_ASSERT(serde);
    return serde;
}

/* ---- what goes with what ------------------------------------------------------------------------------------------ */

/* A dump prints the value of an option that was left out, and must load. */
static bool is_default(const struct st_aggregate_conf *c, const char *option)
{
    if (strcmp(option, "n") == 0) return c->n == 0;
    return strcmp(option, "limit") == 0 && c->limit == atoll(ST_COLLECT_DEFAULT);
}

/* Options that something else than this aggregator takes. */
static bool refuse_options(const struct st_forming *forming, const struct st_aggregate_conf *c,
                           const char *name, unsigned takes)
{
    static const struct {
        const char *option;
        unsigned bit;
        const char *why;
    } options[] = {
        {"of", ST_TAKES_OF, "it takes whole records; a filter in front of it chooses which"},
        {"n", ST_TAKES_N, "that is an option of top_n"},
        {"keep", ST_TAKES_KEEP, "that is an option of top_n"},
        {"limit", ST_TAKES_LIMIT, "that is an option of collect"},
    };
    bool good = true;
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (takes & options[i].bit || !st_form_gives(forming, options[i].option)) continue;
        if (is_default(c, options[i].option)) continue;
        st_form_error(forming, options[i].option, "%s has no %s: %s", name, options[i].option,
                      options[i].why);
        good = false;
    }
    return good;
}

/* One of the ways was taken, and this option is another's. */
static bool refuse_way(const struct st_forming *forming, const char *const *options, size_t n,
                       const char *taken)
{
    bool good = true;
    for (size_t i = 0; i < n; i++) {
        if (!st_form_gives(forming, options[i])) continue;
        st_form_error(forming, options[i], "%s is for a node without %s: leave one of them out", options[i],
                      taken);
        good = false;
    }
    return good;
}

/* library and aggregator name one together. */
static bool check_plugin(const struct st_forming *forming, const struct st_plugin_conf *c)
{
    if (!c->library)
        st_form_error(forming, c->part ? "aggregator" : "options",
                      "library is needed: the plugin that has the aggregator");
    else if (!c->part)
        st_form_error(forming, "library",
                      "aggregator is needed: the name of one of the plugin's aggregators");
    return c->library && c->part;
}

/* function, add and aggregator are three ways to say the same, and each has options of its own. */
static bool check_way(const struct st_forming *forming, const struct st_aggregate_conf *c)
{
    static const char *const ways[] = {"add",     "initial",    "subtract", "merge",
                                       "library", "aggregator", "options"};
    const size_t all = sizeof(ways) / sizeof(ways[0]), expressions = 4;
    if (c->function != ST_FUNCTION_NONE) return refuse_way(forming, ways, all, "function");
    if (c->plugin.library || c->plugin.part || c->plugin.options) {
        bool good = refuse_way(forming, ways, expressions, "aggregator");
        return check_plugin(forming, &c->plugin) && good;
    }
    if (c->add) return true;
    st_form_error(
        forming, NULL,
        "function, add or aggregator is needed: function = \"sum\" names what there is, add = \"...\" is a "
        "Lua expression, aggregator one of a plugin");
    return false;
}

static const char *const any[] = {"json", "string", "int32", "int64", "double", "bytes", NULL};

/* "json, int64 or double" */
static void list_serdes(const char *const *as, char *buf, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; as[i]; i++) {
        const char *between = i == 0 ? "" : as[i + 1] ? ", " : " or ";
        used += (size_t)snprintf(buf + used, size - used, "%s%s", between, as[i]);
        AQ_ASSERT(used < size);
    }
}

static bool find_as(const struct st_forming *forming, const char *name, const char *text,
                    const char *const *as, const struct st_serde **ret)
{
    struct aq_err err = {0};
    char all[96];
    *ret = st_serde_find(text, &err);
    if (!*ret) {
        st_form_error(forming, "as", "as: %s", err.text);
        return false;
    }
    for (size_t i = 0; as[i]; i++)
        if (strcmp(as[i], st_serde_name(*ret)) == 0) return true;
    list_serdes(as, all, sizeof(all));
    st_form_error(forming, "as", "%s gives %s, not %s", name, all, st_serde_name(*ret));
    return false;
}

/* ---- with a name -------------------------------------------------------------------------------------------------- */

/* An expression, or the value itself. */
static bool compile_operand(const struct st_forming *forming, const char *option, const char *text,
                            struct st_limits limits, struct lua_program *ret)
{
    return st_form_program(forming, option, LUA_EXPRESSION, text ? text : "value", limits, ret);
}

static bool form_named(const struct st_forming *forming, struct st_aggregate_conf *c, struct st_limits limits,
                       struct st_aggregator *ret)
{
    const struct st_function *a = st_functions[c->function - 1];
    c->user = (struct st_aggregate_user){.function = a, .n = c->n, .limit = c->limit};
    bool good = refuse_options(forming, c, a->name, a->takes);
    if (a->takes & ST_TAKES_N && c->n == 0) {
        st_form_error(forming, NULL, "%s needs n: how many it keeps", a->name);
        good = false;
    }
    if (c->as && !find_as(forming, a->name, c->as, a->as, &c->user.as)) good = false;
    if (!c->as && (!a->as_came || c->of)) c->user.as = serde_of(a->as[0]);
    if (a->takes & ST_TAKES_OF && !compile_operand(forming, "of", c->of, limits, &c->user.of)) good = false;
    if (a->takes & ST_TAKES_KEEP && !compile_operand(forming, "keep", c->keep, limits, &c->user.keep))
        good = false;
    *ret = (struct st_aggregator){
        .kind = st_function_kind(a, c->user.as), .user = &c->user, .value_serde = c->user.as};
    return good;
}

void st_form_counter(struct st_aggregate_user *user, struct st_aggregator *ret)
{
    const struct st_function *a = st_function_find("count");
    AQ_ASSERT(a);
    *user = (struct st_aggregate_user){.function = a, .as = serde_of(a->as[0])};
    *ret = (struct st_aggregator){.kind = a->kind, .user = user, .value_serde = user->as};
}

/* ---- expressions -------------------------------------------------------------------------------------------------- */

/* text NULL: there is none. */
static bool compile(const struct st_forming *forming, const char *option, const char *text,
                    const char *const *names, struct st_limits limits, struct lua_program *ret)
{
    if (!text) return true;
    if (!st_form_program(forming, option, LUA_EXPRESSION, text, limits, ret)) return false;
    ret->variables = names;
    return true;
}

static bool form_script(const struct st_forming *forming, struct st_aggregate_conf *c,
                        struct st_limits limits, struct st_aggregator *ret)
{
    struct st_script *s = &c->script;
    *s = (struct st_script){.as = serde_of("json")};
    bool good = refuse_options(forming, c, "add", 0);
    if (c->as && !find_as(forming, "add", c->as, any, &s->as)) good = false;
    if (!compile(forming, "initial", c->initial, NULL, limits, &s->initial)) good = false;
    if (!compile(forming, "add", c->add, st_aggregate_names, limits, &s->add)) good = false;
    if (!compile(forming, "subtract", c->subtract, st_aggregate_names, limits, &s->subtract)) good = false;
    if (!compile(forming, "merge", c->merge, st_merge_names, limits, &s->merge)) good = false;
    *ret = (struct st_aggregator){.kind = st_script_kind(s), .user = s, .value_serde = s->as};
    return good;
}

/* ---- of a plugin --------------------------------------------------------------------------------------------------- */

static bool form_native(const struct st_forming *forming, struct st_aggregate_conf *c,
                        struct st_aggregator *ret)
{
    const struct st_serde *as = NULL;
    bool good = refuse_options(forming, c, "aggregator", 0);
    if (c->as && !find_as(forming, "aggregator", c->as, any, &as)) good = false;
    if (!st_form_plugin(forming, &c->plugin, ST_PLUGIN_AGGREGATOR)) return false;
    c->native = (struct st_api_aggregator){.aggregator = *c->plugin.made->aggregator, .user = c->plugin.user};
    *ret = (struct st_aggregator){
        .kind = st_api_aggregator_kind(&c->native.aggregator), .user = &c->native, .value_serde = as};
    return good;
}

void st_form_aggregator_release(struct st_aggregate_conf *conf)
{
    st_form_plugin_release(&conf->plugin);
}

/* ---- all ----------------------------------------------------------------------------------------------------------- */

bool st_form_aggregator(const struct st_forming *forming, struct st_aggregate_conf *conf,
                        struct st_limits limits, struct st_aggregator *ret)
{
    AQ_ASSERT(conf->function >= 0 && (size_t)conf->function <= st_function_count);
    if (!check_way(forming, conf)) return false;
    if (conf->plugin.part) return form_native(forming, conf, ret);
    return conf->function ? form_named(forming, conf, limits, ret) : form_script(forming, conf, limits, ret);
}

bool st_form_reducer(const struct st_forming *forming, struct st_reduce_conf *conf, struct st_limits limits,
                     struct st_aggregator *ret)
{
    AQ_ASSERT(conf->reduce);
    struct st_script *s = &conf->script;
    *s = (struct st_script){.reduces = true};
    bool good = compile(forming, "reduce", conf->reduce, st_reduce_names, limits, &s->add);
    if (!compile(forming, "subtract", conf->subtract, st_reduce_names, limits, &s->subtract)) good = false;
    *ret = (struct st_aggregator){.kind = st_script_kind(s), .user = s};
    return good;
}

/* ---- what it is used for ------------------------------------------------------------------------------------------ */

bool st_form_needs_subtract(const struct st_forming *forming, const struct st_aggregator *aggregator)
{
    const struct st_aggregator_kind *kind = aggregator->kind;
    if (kind->subtract) return true;
    AQ_ASSERT(kind->why_not);
    st_form_error(forming, st_form_gives(forming, "aggregator") ? "aggregator" : "function",
                  "%s cannot aggregate a table, whose rows leave their groups again: %s", kind->name,
                  kind->why_not);
    return false;
}

bool st_form_needs_merge(const struct st_forming *forming, const struct st_aggregator *aggregator)
{
    if (aggregator->kind->merge) return true;
    if (st_form_gives(forming, "aggregator")) {
        st_form_error(
            forming, "aggregator",
            "a record between two sessions makes them one, and the plugin's aggregator has no merge()");
        return false;
    }
    st_form_error(
        forming, NULL,
        "merge is needed: a record between two sessions makes them one, and merge = \"...\" says what "
        "becomes of their rows a and b");
    return false;
}
