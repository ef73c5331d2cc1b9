/* SPDX-License-Identifier: Apache-2.0
 *
 * The values of a table's repartition topic: what a row became and what it was, both already serialized, in one record.
 * The format is that of Kafka Streams' ChangedSerializer since 3.5 (KIP-904). The last byte says which of the two there are:
 *
 *   bytes                        meaning
 *   old, 00                      the row left this key: subtract
 *   new, 01                      the row came to this key: add
 *   length of new, new, old, 02  the row stayed under its key: subtract and add in one step
 *   old, latest, 03              as 00, 01 and 02, with one byte more: 01 when this was the newest change of its row,
 *   new, latest, 04              00 when it came out of order into a versioned table
 *   length, new, old, latest, 05
 *
 * Kafka Streams reads 03 to 05 and does not write them; so do we.
 *
 * length: a zigzag varint as in Kafka's record format, at most 5 bytes. The other lengths follow from that of the
 * record. A value that is absent is null; an empty one is a value.
 *
 * Ownership: what is decoded points into the bytes; what is encoded lies in the arena. Threads: none of its own.
 */
#ifndef AQ_STREAMS_SERDE_CHANGE_H
#define AQ_STREAMS_SERDE_CHANGE_H

#include "base/arena.h"
#include "base/err.h"

struct st_change {
    struct aq_slice new_value; /* null: none */
    struct aq_slice old_value; /* null: none; one of the two is there */
    bool is_latest;            /* decoded only, true where the record does not say; encoding passes over it */
};

/* 0, or AQ_E_BAD_RECORD: neither value, or a new one of 2 GiB or more. */
int st_change_encode(const struct st_change *change, struct aq_arena *arena, struct aq_slice *ret,
                     struct aq_err *err);

/* 0, or AQ_E_BAD_RECORD. Lengths that take more bytes than they need are read, as Java does; lengths of more than 32 bits
 * are not, where Java drops the bits above. */
int st_change_decode(struct aq_slice bytes, struct st_change *ret, struct aq_err *err);

#endif
