/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of the aggregators with a name (streams/ops/aggregators.def). Nothing is kept between two calls.
 */
#include "streams/ops/aggregators.h"

#include "base/assert.h"

#define X(name) extern const struct st_function st_agg_##name;
#include "streams/ops/aggregators.def"
#undef X

const struct st_function *const st_functions[] = {
#define X(name) &st_agg_##name,
#include "streams/ops/aggregators.def"
#undef X
};

const size_t st_function_count = sizeof(st_functions) / sizeof(st_functions[0]);

const struct st_function *st_function_find(const char *name)
{
    AQ_ASSERT(name);
    for (size_t i = 0; i < st_function_count; i++)
        if (strcmp(st_functions[i]->name, name) == 0) return st_functions[i];
    return NULL;
}

const struct st_aggregator_kind *st_function_kind(const struct st_function *function,
                                                  const struct st_serde *as)
{
    AQ_ASSERT(function && function->kind);
    bool integer = as && st_serde_type(as) == ST_VALUE_INT64;
    return integer && function->as_int64 ? function->as_int64 : function->kind;
}
