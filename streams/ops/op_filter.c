/* SPDX-License-Identifier: Apache-2.0
 *
 * filter and filter_not.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "streams/ops/op.h"

struct filtering {
    struct st_running where;
    bool negate;
};

static int start(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    (void)err;
    const struct st_filter *filter = user;
    struct filtering *f = aq_calloc(1, sizeof(*f));
    f->negate = filter->negate;
    st_running_start(&f->where, context, &filter->where);
    *ret_state = f;
    return 0;
}

static int process(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    struct filtering *f = state;
    int met = st_running_test(&f->where, rec, err);
    if (met < 0) return met;
    if ((met != 0) != f->negate) return st_forward(context, rec, err);
    context->dropped++;
    return 0;
}

static void stop(struct st_context *context, void *state)
{
    (void)context;
    struct filtering *f = state;
    st_running_stop(&f->where);
    free(f);
}

const struct st_processor_kind st_filter_kind = {
    .name = "filter", .start = start, .process = process, .stop = stop};
