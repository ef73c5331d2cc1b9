/* SPDX-License-Identifier: Apache-2.0
 *
 * Value joiners (streams/ops/joiner.h): their life in a task, and the two kinds that need nothing else.
 */
#include "streams/ops/joiner.h"

#include "base/assert.h"

int st_joiner_start(const struct st_joiner *joiner, struct st_context *context, void **ret_running,
                    struct aq_err *err)
{
    AQ_ASSERT(joiner->kind && joiner->kind->join);
    *ret_running = joiner->user;
    return joiner->kind->start ? joiner->kind->start(context, joiner->user, ret_running, err) : 0;
}

void st_joiner_stop(const struct st_joiner *joiner, void *running)
{
    AQ_ASSERT(joiner->kind);
    if (joiner->kind->stop) joiner->kind->stop(running);
}

static bool lies_in(struct aq_slice part, struct aq_slice whole)
{
    uintptr_t at = (uintptr_t)part.ptr, from = (uintptr_t)whole.ptr;
    return !aq_slice_is_null(whole) && at >= from && at <= from + whole.len;
}

int st_join(const struct st_joiner *joiner, struct st_context *context, void *running, struct aq_slice key,
            struct aq_slice left, struct aq_slice right, struct aq_slice stored, struct aq_slice *ret,
            struct aq_err *err)
{
    *ret = AQ_NULL_SLICE;
    int rc = joiner->kind->join(context, running, key, left, right, ret, err);
    if (rc == 0 && !aq_slice_is_null(*ret) && lies_in(*ret, stored))
        *ret = aq_arena_copy(st_arena(context), *ret);
    return rc;
}

/* ---- pair --------------------------------------------------------------------------------------------------------- */

static struct aq_slice text_of(struct aq_slice value)
{
    return aq_slice_is_null(value) ? AQ_LIT("null") : value;
}

static int join_pair(struct st_context *context, void *running, struct aq_slice key, struct aq_slice left,
                     struct aq_slice right, struct aq_slice *ret, struct aq_err *err)
{
    (void)running;
    (void)key;
    (void)err;
    struct aq_slice a = text_of(left), b = text_of(right);
    char *bytes = aq_arena_alloc(st_arena(context), a.len + 1 + b.len);
    if (a.len) memcpy(bytes, a.ptr, a.len);
    bytes[a.len] = '-';
    if (b.len) memcpy(bytes + a.len + 1, b.ptr, b.len);
    *ret = aq_slice_of(bytes, a.len + 1 + b.len);
    return 0;
}

const struct st_joiner_kind st_joiner_pair = {.name = "pair", .join = join_pair};

/* ---- a function of C ---------------------------------------------------------------------------------------------- */

static int join_c(struct st_context *context, void *running, struct aq_slice key, struct aq_slice left,
                  struct aq_slice right, struct aq_slice *ret, struct aq_err *err)
{
    const struct st_joiner_call *call = running;
    AQ_ASSERT(call && call->call);
    return call->call(context, call->user, key, left, right, ret, err);
}

const struct st_joiner_kind st_joiner_c = {.name = "c", .join = join_c};
