/* SPDX-License-Identifier: Apache-2.0
 *
 * An aggregator of a program: how a row of an aggregation grows by one record, as Kafka Streams' Initializer, Aggregator and Merger say
 * it.
 *
 *   static int add(struct aq_processor_context *ctx, void *user, const struct aq_stream_record *record,
 *                  struct aq_slice aggregate, struct aq_slice *ret)
 *   {
 *       int64_t longest = aggregate.ptr ? (int64_t)aq_be64_get(aggregate.ptr) : 0;
 *       if ((int64_t)record->value.len > longest) *ret = aq_stream_int64(ctx, (int64_t)record->value.len);
 *       return 0;
 *   }
 *   static const struct aq_aggregator longest_value = {.abi = AQ_AGGREGATOR_ABI, .add = add};
 *
 * What is kept of a row are bytes of the program's own making, the aggregate. They are in the node's store and its changelog, so a
 * later version of the program must read what an earlier one wrote. A null aggregate is no row: the row is deleted, and the next
 * record of its key begins it anew.
 *
 * Bytes handed in are borrowed until the callback returns. What it returns is one of them, a constant, or comes from aq_stream_alloc();
 * *ret begins as the aggregate, so a callback that sets nothing leaves the row as it is. Callbacks return 0 or a negative number, best from
 * aq_processor_fail(); then the row stays as it was.
 *
 * Threads: callbacks run in the threads of the application, several at once; `user` is shared.
 */
#ifndef AQUEDUCT_AGGREGATOR_H
#define AQUEDUCT_AGGREGATOR_H

#include "aqueduct/processor.h"

#ifdef __cplusplus
extern "C" {
#endif

#define AQ_AGGREGATOR_ABI 1u

/* Copied where it is given. All functions but add() may be NULL. */
struct aq_aggregator {
    uint32_t abi; /* AQ_AGGREGATOR_ABI */
    /* What a row begins with, before its first record. NULL: null. */
    int (*init)(struct aq_processor_context *ctx, void *user, struct aq_slice *ret);
    /* The aggregate with the record in it. */
    int (*add)(struct aq_processor_context *ctx, void *user, const struct aq_stream_record *record,
               struct aq_slice aggregate, struct aq_slice *ret);
    /* The aggregate without a record that was added before: tables need it, because their rows change groups. */
    int (*subtract)(struct aq_processor_context *ctx, void *user, const struct aq_stream_record *record,
                    struct aq_slice aggregate, struct aq_slice *ret);
    /* One of two, the first being the earlier one: sessions need it. *ret begins as the first. */
    int (*merge)(struct aq_processor_context *ctx, void *user, struct aq_slice key, struct aq_slice first,
                 struct aq_slice second, struct aq_slice *ret);
    /* What goes downstream, when that is not the aggregate itself. */
    int (*result)(struct aq_processor_context *ctx, void *user, struct aq_slice aggregate,
                  struct aq_slice *ret);
};

#ifdef __cplusplus
}
#endif

#endif
