/* SPDX-License-Identifier: Apache-2.0
 *
 * Records that a Lua program makes, on their way to the children of its node.
 */
#ifndef AQ_STREAMS_OPS_OP_EMIT_H
#define AQ_STREAMS_OPS_OP_EMIT_H

#include "streams/ops/op.h"

struct st_emitting {
    struct st_context *context;
    const struct aq_record
        *rec; /* what came in: keeps its place where the output has nothing; NULL: a punctuation */
};

/* For struct lua_emit; user is a struct st_emitting. */
int st_emit(void *user, const struct lua_output *out, struct aq_err *err);

#endif
