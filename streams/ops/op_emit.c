/* SPDX-License-Identifier: Apache-2.0
 *
 * Records that a Lua program makes (streams/ops/op_emit.h). What the program says nothing about stays as it came in; in a punctuation,
 * where nothing came in, a record begins with a null key and value and the punctuation's time.
 */
#include "streams/ops/op_emit.h"

#include "base/assert.h"

int st_emit(void *user, const struct lua_output *out, struct aq_err *err)
{
    AQ_ASSERT(user && out);
    const struct st_emitting *e = user;
    struct aq_record made = e->rec ? *e->rec : st_new_record(e->context);
    if (out->has_key) made.key = out->key;
    if (out->has_value) made.value = out->value;
    if (out->has_timestamp) {
        made.timestamp = out->timestamp;
        made.time_type = AQ_TIME_CREATE;
    }
    if (out->has_headers) {
        /* Nobody changes headers in place: a step that edits them makes an array of its own. */
        made.headers = (struct aq_header *)out->headers;
        made.n_headers = out->n_headers;
        made.flags |= AQ_REC_HEADERS_LOADED | AQ_REC_HEADERS_CHANGED;
    }
    return out->to ? st_forward_to(e->context, out->to, &made, err) : st_forward(e->context, &made, err);
}
