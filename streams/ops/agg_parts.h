/* SPDX-License-Identifier: Apache-2.0
 *
 * What the aggregators with a name share: how they start, what they aggregate of a record, where accumulators lie. Only
 * streams/agg_*.c call this.
 *
 * Accumulators alternate between two arenas: so the last one that was made may be handed in while the next is made, and nothing is
 * left over from call to call.
 *
 * Threads: the worker's own.
 */
#ifndef AQ_STREAMS_OPS_AGG_PARTS_H
#define AQ_STREAMS_OPS_AGG_PARTS_H

#include "streams/ops/aggregators.h"

struct st_rooms {
    struct aq_arena arenas[2];
    unsigned made; /* which one has the accumulator that was made last */
};

void st_rooms_init(struct st_rooms *rooms);
void st_rooms_finish(struct st_rooms *rooms);
/* Empty, for the call at hand; the accumulator that was made last is not in there. */
struct aq_arena *st_rooms_next(struct st_rooms *rooms);
/* This call has made the accumulator of what it got from st_rooms_next(). One that it was handed and returns is not made. */
static inline struct aq_slice st_rooms_made(struct st_rooms *rooms, struct aq_slice acc)
{
    rooms->made ^= 1;
    return acc;
}

/* One of them while it runs. */
struct st_agg {
    const struct st_aggregate_user *user;
    const char *name;
    struct st_operand of;   /* unless it takes none */
    struct st_operand keep; /* top_n */
    const struct st_serde
        *serde; /* of the result, and of what is kept; NULL: nobody said how the values lie there */
    struct st_rooms rooms;
    struct json_fields fields; /* collect */
};

/* For the kinds. */
int st_agg_start(struct st_context *context, void *user, void **ret_running, struct aq_err *err);
void st_agg_stop(void *running);

/* The operand of a record: 0, ST_PASSED_OVER (it is nil or null) with *ret made acc, or a code, whose text begins with the
 * aggregator's name. */
#define ST_PASSED_OVER 1
int st_agg_read(struct st_agg *agg, struct aq_record *rec, struct aq_arena *arena, struct aq_slice acc,
                struct json_value *ret_value, struct aq_slice *ret, struct aq_err *err);

/* What add() and subtract() return then. */
static inline int st_agg_code(int rc)
{
    return rc == ST_PASSED_OVER ? 0 : rc;
}

/* The accumulator that is the value as bytes of agg->serde; arena is the call's. Errors likewise. */
int st_agg_make(struct st_agg *agg, const struct json_value *value, struct aq_arena *arena,
                struct aq_slice *ret, struct aq_err *err);

/* AQ_E_STATE: the row's bytes are none of ours. */
int st_agg_foreign(const struct st_agg *agg, struct aq_slice acc, struct aq_err *err);

/* json_value_compare() with words for what has no order. */
int st_agg_compare(const struct st_agg *agg, const struct json_value *a, const struct json_value *b, int *ret,
                   struct aq_err *err);
/* Refuses what has no order with anything. */
int st_agg_check_order(const struct st_agg *agg, const struct json_value *value, struct aq_err *err);

static inline double st_agg_double(uint64_t bits)
{
    double number;
    memcpy(&number, &bits, sizeof(number));
    return number;
}

static inline uint64_t st_agg_bits(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    return bits;
}

#endif
