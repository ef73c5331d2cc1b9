/* SPDX-License-Identifier: Apache-2.0
 *
 * Renderings as text in memory.
 */
#ifndef AQ_TESTS_ST_RENDER_H
#define AQ_TESTS_ST_RENDER_H

#include "streams/topology/plan.h"

#include "tests/unit/streams/st_test.h"

/* What print() writes about the plan; the caller frees it. */
__attribute__((unused)) static char *text_of(const struct st_plan *plan,
                                             void (*print)(const struct st_plan *plan, FILE *out))
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    print(plan, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

/* Plans the topology, compares what print() writes, destroys both. */
__attribute__((unused)) static void expect_text(struct st_topology *topology,
                                                void (*print)(const struct st_plan *plan, FILE *out),
                                                const char *expected)
{
    struct aq_err err = {0};
    struct st_plan *plan = st_plan_create(topology, &err);
    T_CHECK(plan != NULL, "%s", err.text);
    char *text = text_of(plan, print);
    assert_string_equal(text, expected);
    free(text);
    st_plan_destroy(plan);
    st_topology_destroy(topology);
}

#endif
