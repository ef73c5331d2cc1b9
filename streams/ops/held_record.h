/* SPDX-License-Identifier: Apache-2.0
 *
 * Records as the value of a row in a store, for operators that hand a record on later: its timestamp, headers and value, and what the row
 * of a table was before. Key and place are not kept: the key is the row's.
 *
 *   flags (1): 1 there is a value, 2 there is an old one, 4 somebody knows what was before
 *   timestamp (8), number of headers (2)
 *   of each header: length of the name (4), name, a zero byte, length of the value (4, 0xffffffff: null), value
 *   length of the old value (4) and the old value, when there is one
 *   value, to the end
 *
 * All numbers big-endian. The format is our own: nobody else reads these stores.
 *
 * Ownership: what is made lies in the arena; what is taken apart points into the bytes, its array of headers lies in the arena.
 * Errors: AQ_E_CORRUPT.
 */
#ifndef AQ_STREAMS_OPS_HELD_RECORD_H
#define AQ_STREAMS_OPS_HELD_RECORD_H

#include "base/err.h"
#include "base/record.h"

struct st_held {
    int64_t time_ms;
    struct aq_header *headers;
    uint16_t n_headers;
    struct aq_slice value; /* may be null */
    struct aq_slice old;   /* may be null */
    bool old_known;
};

/* value, timestamp and headers of the record; of a table's row what was before. */
struct st_held st_held_of(struct aq_record *rec);
struct aq_slice st_held_encode(const struct st_held *kept, struct aq_arena *arena);
int st_held_decode(struct aq_slice bytes, struct aq_arena *arena, struct st_held *ret, struct aq_err *err);

#endif
