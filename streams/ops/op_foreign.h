/* SPDX-License-Identifier: Apache-2.0
 *
 * Join of two tables by a foreign key that a row of the left one holds: the processors, and what they send to each other. They are put
 * together by st_add_foreign_key_join() (streams/ops/table_build.h).
 *
 *   left's partition                      right's partition
 *   subscribe     -- subscription -->     subscriptions: remembers who asked for which row, answers with the row
 *                                         foreign: a row of the right changed: answers all who asked for it
 *   respond       <-- response ----       (from both)
 *
 * The result is worked out where the left row is: when the answer arrives, and only if the left row still is the one that asked. What
 * tells that is a hash of its bytes, XXH3 of 128 bits.
 *
 *   subscription: key: foreign key; value:   01, instruction, has hash (0, 1), hash (16), primary key
 *   response:     key: primary key; value:   01, has hash, hash (16), has value (0, 1), right value
 *   store of subscriptions: bucket: foreign key, rest: primary key; value: hash (16)
 *
 * A hash that is not there is 16 bytes of 0. In the store and its changelog the key is the length of the foreign key in 4 bytes,
 * big-endian, the foreign key, the primary key: as Kafka Streams' CombinedKey. The other formats are our own; neither topic is for others.
 *
 * What is known where the left row is needs no answer (`unmatched`): a left join works out there the results of rows that refer to
 * nothing, an inner join deletes those of rows that refer to nothing any more.
 *
 * Times: an answer to a subscription has the later of both rows' times, one to a change of the right row that row's own.
 */
#ifndef AQ_STREAMS_OPS_OP_FOREIGN_H
#define AQ_STREAMS_OPS_OP_FOREIGN_H

#include "streams/ops/joiner.h"
#include "streams/ops/op_table.h"
#include "streams/ops/row_function.h"

struct st_foreign_key_join {
    /* Of a left row; null: it refers to none. Its serde is that of the right table's keys; NULL: of the left one's. */
    struct st_row_function foreign_key;
    struct st_joiner joiner;
    bool left;               /* left rows without a right one give results */
    int64_t left_history_ms; /* of versioned stores; 0: they are none */
    int64_t right_history_ms;
    /* As Kafka Streams 4.3: the result of a row that is deleted, or refers to nothing any more, is deleted by an answer, and a row that
     * refers to what it did before gets an answer only if the right row is there. Both answers are dropped when the left row changed
     * meanwhile, and then an inner join keeps a result that is none. A right row of no bytes counts as none. */
    bool compat;
};

/* All have the join as their user. Stores: none; subscriptions, right table; subscriptions; left table; none. */
extern const struct st_processor_kind st_foreign_subscribe_kind;
extern const struct st_processor_kind st_foreign_subscriptions_kind;
extern const struct st_processor_kind st_foreign_changed_kind;
extern const struct st_processor_kind st_foreign_respond_kind;
extern const struct st_processor_kind st_foreign_unmatched_kind;

/* ---- what is sent -------------------------------------------------------------------------------------------------- */

#define ST_ROW_HASH_LEN 16

/* Of a row's bytes; has: false when there is no row. */
struct st_row_hash {
    bool has;
    char bytes[ST_ROW_HASH_LEN];
};

struct st_row_hash st_row_hash_of(struct aq_slice value);
bool st_row_hash_equal(const struct st_row_hash *a, const struct st_row_hash *b);

/* What Kafka Streams' instructions of the same names say. */
enum st_foreign_instruction {
    ST_DELETE_KEY_NO_PROPAGATE,
    ST_DELETE_KEY_AND_PROPAGATE,
    ST_PROPAGATE_NULL_IF_NO_FK_VAL_AVAILABLE,
    ST_PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE,
};

struct st_subscription {
    enum st_foreign_instruction instruction;
    struct st_row_hash hash;
    struct aq_slice primary_key;
};

struct st_response {
    struct st_row_hash hash;
    struct aq_slice value; /* of the right row; null: there is none */
};

struct aq_slice st_subscription_encode(const struct st_subscription *subscription, struct aq_arena *arena);
struct aq_slice st_response_encode(const struct st_response *response, struct aq_arena *arena);
/* 0, or AQ_E_BAD_RECORD. Slices point into the bytes. */
int st_subscription_decode(struct aq_slice bytes, struct st_subscription *ret, struct aq_err *err);
int st_response_decode(struct aq_slice bytes, struct st_response *ret, struct aq_err *err);

#endif
