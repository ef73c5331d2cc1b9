/* SPDX-License-Identifier: Apache-2.0
 *
 * Steps of tests that call the worker's intake by itself, with a clock of their own.
 */
#ifndef AQ_TESTS_UNIT_BRIDGE_INTAKE_WORLD_H
#define AQ_TESTS_UNIT_BRIDGE_INTAKE_WORLD_H

#include "tests/unit/bridge/worker_world.h"

static inline struct aq_batch *poll_once(struct world *w)
{
    forget_time(w);
    return br_intake_poll(w->worker, w->now);
}

static inline void hear(struct world *w)
{
    br_intake_events(w->worker, w->now);
}

/* A partition that is being read from position `next`; `verify`: from the record before it, as after a take-over. */
static inline struct br_partition *reading(struct world *w, int64_t next, bool verify)
{
    struct aq_err err;
    struct br_partition *p = mirrored(w, 0, next);
    assert_int_equal(br_task_read_from_mark(w->worker, p, verify, &err), 0);
    w->log[0] = '\0';
    return p;
}

/* Polls a batch of which the records from `first` on are taken. */
static inline struct aq_batch *take(struct world *w, int64_t first, int64_t last)
{
    struct aq_batch *batch = poll_once(w);
    assert_non_null(batch);
    for (uint32_t i = 0; i < batch->n; i++) {
        const struct aq_record *rec = &batch->records[i];
        unsigned expected = rec->offset < first ? AQ_REC_SKIP | AQ_REC_DROPPED : 0;
        T_CHECK(rec->flags == expected, "offset %lld has flags %x", (long long)rec->offset, rec->flags);
    }
    assert_int_equal(batch->records[batch->n - 1].offset, last);
    return batch;
}

/* The sink has it. */
static inline void acknowledge(struct world *w, struct aq_batch *batch)
{
    br_partition_sent(batch->owner, batch);
    br_partition_acked(batch->owner, batch);
    w->worker->in_flight -= batch->bytes;
    aq_batch_release(batch);
}

/* The next batch comes and nobody takes it. */
static inline void check_untaken(struct world *w)
{
    int released = w->consumer.released, handed_out = w->consumer.handed_out;
    assert_null(poll_once(w));
    assert_int_equal(w->consumer.handed_out, handed_out + 1);
    assert_int_equal(w->consumer.released, released + 1);
    assert_int_equal(w->worker->in_flight, 0);
}

static inline void check_marks(const struct br_partition *p, int64_t read, int64_t acked)
{
    T_CHECK(p->read.next == read && p->acked.next == acked, "read %lld acked %lld", (long long)p->read.next,
            (long long)p->acked.next);
}

/* As after a disturbance a moment after the last one: it is not yet read again. */
static inline void make_suspect(struct world *w, struct br_partition *p)
{
    p->suspect = w->worker->suspects = true;
    w->worker->recheck_us = w->now + AQ_SEC;
}

static inline void say_partition(struct world *w, struct br_partition *p, int code)
{
    say(w, &(struct kc_event){.kind = KC_EVENT_PARTITION, .owner = p, .code = code, .text = "scripted"});
}

static inline void say_cluster(struct world *w, int code)
{
    say(w, &(struct kc_event){.kind = KC_EVENT_CLUSTER, .code = code, .text = "scripted"});
}

static inline void say_out_of_range(struct world *w, struct br_partition *p, int64_t offset)
{
    say(w, &(struct kc_event){.kind = KC_EVENT_OUT_OF_RANGE, .owner = p, .offset = offset});
}

#endif
