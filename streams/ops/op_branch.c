/* SPDX-License-Identifier: Apache-2.0
 *
 * branch: the first program that is true for a record says which child gets it. A program that fails fails the record; the ones
 * behind it are not asked.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "streams/ops/op.h"

struct branching {
    struct st_running *ways;
    size_t n;
    bool has_default;
};

static int start(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    (void)err;
    const struct st_branch *branch = user;
    struct branching *b = aq_calloc(1, sizeof(*b));
    b->n = branch->n;
    b->has_default = branch->has_default;
    b->ways = aq_calloc(branch->n, sizeof(*b->ways));
    for (size_t i = 0; i < b->n; i++) st_running_start(&b->ways[i], context, &branch->programs[i]);
    *ret_state = b;
    return 0;
}

static int process(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    struct branching *b = state;
    for (size_t i = 0; i < b->n; i++) {
        int met = st_running_test(&b->ways[i], rec, err);
        if (met < 0) return met;
        if (met) return st_forward_child(context, i, rec, err);
    }
    if (b->has_default) return st_forward_child(context, b->n, rec, err);
    context->dropped++;
    return 0;
}

static void stop(struct st_context *context, void *state)
{
    (void)context;
    struct branching *b = state;
    for (size_t i = 0; i < b->n; i++) st_running_stop(&b->ways[i]);
    free(b->ways);
    free(b);
}

const struct st_processor_kind st_branch_kind = {
    .name = "branch", .start = start, .process = process, .stop = stop};
