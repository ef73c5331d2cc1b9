/* SPDX-License-Identifier: Apache-2.0
 *
 * Aggregators with a name (struct aq_built_in in aqueduct/grouped.h) as aggregators of the engine: the rules of the form aggregate in a
 * configuration (streams/forms/form_aggregator.c). Nothing is kept between two calls.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "streams/api/dsl.h"
#include "streams/ops/aggregators.h"

/* A record may take so much of Lua; a configuration says so by the text "16MiB". */
#define MEMORY_LIMIT (INT64_C(16) << 20)

#define N_MAX     1000
#define LIMIT_MAX 1000000

static const char *complaint(const struct st_function *f, const struct aq_built_in *b)
{
    if (b->of && !(f->takes & ST_TAKES_OF))
        return "it takes whole records, and has no `of`; a filter chooses which";
    if (b->n != 0 && !(f->takes & ST_TAKES_N)) return "n is for top_n";
    if (b->keep && !(f->takes & ST_TAKES_KEEP)) return "keep is for top_n";
    if (b->limit != 0 && !(f->takes & ST_TAKES_LIMIT)) return "limit is for collect";
    if (f->takes & ST_TAKES_N && (b->n < 1 || b->n > N_MAX))
        return "it needs n, how many it keeps: 1 to 1000";
    if (b->limit < 0 || b->limit > LIMIT_MAX) return "limit is 1 to 1000000, or 0 for 1000";
    return NULL;
}

/* An expression, or the value itself; it lives as long as the topology. */
static int compile(struct aq_streams_builder *builder, const char *option, const char *text,
                   struct lua_program *ret, struct aq_err *err)
{
    const char *kept = aq_arena_strdup(&builder->topology->arena, text ? text : "value");
    *ret = (struct lua_program){.form = LUA_EXPRESSION,
                                .name = option,
                                .text = aq_slice_str(kept),
                                .instruction_limit = atoll(LUA_INSTRUCTIONS_DEFAULT),
                                .memory_limit = MEMORY_LIMIT};
    return lua_program_check(ret, err);
}

static int find_as(const struct st_function *f, const char *name, const struct st_serde **ret,
                   struct aq_err *err)
{
    *ret = st_serde_find(name, err);
    if (!*ret) return aq_err_in(err, "as");
    for (size_t i = 0; f->as[i]; i++)
        if (strcmp(f->as[i], st_serde_name(*ret)) == 0) return 0;
    return aq_fail(err, AQ_E_CONFIG, "as: %s gives no %s; leave `as` out for %s", f->name,
                   st_serde_name(*ret), f->as[0]);
}

static int make(struct aq_streams_builder *builder, const struct st_function *f, const struct aq_built_in *b,
                struct st_aggregate_user *user, struct aq_err *err)
{
    const char *wrong = complaint(f, b);
    if (wrong) return aq_fail(err, AQ_E_CONFIG, "%s: %s", f->name, wrong);
    *user = (struct st_aggregate_user){.function = f, .n = b->n, .limit = b->limit};
    if (user->limit == 0) user->limit = atoll(ST_COLLECT_DEFAULT);
    int rc = b->as ? find_as(f, b->as, &user->as, err) : 0;
    if (!b->as && (!f->as_came || b->of)) user->as = st_serde_find(f->as[0], NULL);
    if (rc == 0 && f->takes & ST_TAKES_OF) rc = compile(builder, "of", b->of, &user->of, err);
    if (rc == 0 && f->takes & ST_TAKES_KEEP) rc = compile(builder, "keep", b->keep, &user->keep, err);
    return rc;
}

bool st_dsl_built_in(struct aq_streams_builder *builder, const char *what, const char *name,
                     const struct aq_built_in *built_in, struct st_aggregator *ret)
{
    AQ_ASSERT(st_builder_is_open(builder));
    struct aq_err err = {0};
    const struct st_function *f = built_in->function ? st_function_find(built_in->function) : NULL;
    if (!f) {
        st_dsl_refuse(builder, what, name,
                      "there is no function '%s'; `aqueduct help aggregate` tells all of them",
                      built_in->function ? built_in->function : "");
        return false;
    }
    struct st_aggregate_user *user = st_builder_alloc(builder, sizeof(*user));
    if (make(builder, f, built_in, user, &err) != 0) {
        st_dsl_refuse(builder, what, name, "%s", err.text);
        return false;
    }
    *ret =
        (struct st_aggregator){.kind = st_function_kind(f, user->as), .user = user, .value_serde = user->as};
    return true;
}
