/* SPDX-License-Identifier: Apache-2.0
 *
 * When the source log is not what our position says it is: unread records deleted by retention, a topic deleted and
 * recreated, a log cut short. None of them passes in silence: policy `fail` stops the route with the place, the range
 * and what to do; `report` counts, logs and goes on from where the log makes sense again.
 *
 * How they are told apart. The offset asked for is below the log's start: retention took [position, start). Above its
 * end, or the log ends before the position: truncated, or recreated. A recreated log holds only records newer than the
 * last one we mirrored, a truncated one only older ones, so the first offset not older than that record decides (topic
 * ids decide where the client library knows them). The record at our last position has another fingerprint: recreated
 * and filled past us.
 *
 * A failing pass of `report`: the jump is applied only when nothing of the partition is in flight, so that no earlier
 * record is acknowledged behind it (br_anomaly_apply_resets).
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/log.h"
#include "bridge/worker.h"

#define ADMIN_TIMEOUT_MS 5000

enum kind { RETENTION, TRUNCATION, RECREATION };

static const struct {
    int code;
    const char *name;
} kinds[] = {
    [RETENTION] = {AQ_E_OFFSET_LOST, "retention"},
    [TRUNCATION] = {AQ_E_TRUNCATED, "truncation"},
    [RECREATION] = {AQ_E_RECREATED, "recreation"},
};

static void count_lost(struct br_worker *worker, enum kind kind, int64_t lost)
{
    uint64_t n = lost > 0 ? (uint64_t)lost : 0;
    switch (kind) {
    case RETENTION: aq_counter_add(&worker->counters.lost_retention, n); return;
    case TRUNCATION: aq_counter_add(&worker->counters.lost_truncation, n); return;
    case RECREATION: aq_counter_add(&worker->counters.lost_recreation, n); return;
    }
}

/* Applies the policy: `to` is where reading makes sense again, `lost` how many records nobody can read any more. */
static void decide(struct br_worker *worker, struct br_partition *p, enum kind kind, int64_t to, int64_t lost,
                   const char *what)
{
    const struct br_route *route = worker->route;
    if (route->on_anomaly == BR_ANOMALY_FAIL) {
        struct aq_err err;
        aq_fail(&err, kinds[kind].code,
                "%s[%d] on cluster %s: %s. To go on from offset %" PRId64
                " run `aqueduct positions --reset offset=%" PRId64
                " --topic %s --partition %d`, or set on_anomaly = "
                "\"report\"",
                p->topic->text, p->partition, route->source->name, what, to, to, p->topic->text,
                p->partition);
        p->state = BR_PARTITION_HALTED;
        kc_ownership_fail(&worker->own, &err);
        return;
    }
    aq_log(AQ_ERROR, "source anomaly, going on by on_anomaly = report", aq_fs("route", route->name),
           aq_fs("kind", kinds[kind].name), aq_fs("topic", p->topic->text), aq_fi("partition", p->partition),
           aq_fi("from", p->read.next), aq_fi("to", to), aq_fi("lost", lost), aq_fs("detail", what));
    count_lost(worker, kind, lost);
    p->reset_to = to;
    worker->resets = true;
}

/* An anomaly that cannot be classified now (the cluster does not answer): look again from the same place. */
static void look_again(struct br_worker *worker, struct br_partition *p, const struct aq_err *err)
{
    aq_log(AQ_WARN, "source partition cannot be examined yet", aq_fs("route", worker->route->name),
           aq_fs("topic", p->topic->text), aq_fi("partition", p->partition), aq_fs("reason", err->text));
    p->suspect = true;
    worker->suspects = true;
}

static int watermarks(struct br_worker *worker, const struct br_partition *p, int64_t *low, int64_t *high,
                      struct aq_err *err)
{
    return worker->ops->admin_watermarks(br_catalog_source(worker->catalog), p->topic->text, p->partition,
                                         ADMIN_TIMEOUT_MS, low, high, err);
}

/* The log ends before our position. */
static void beyond_end(struct br_worker *worker, struct br_partition *p, int64_t low, int64_t high)
{
    char what[256];
    int64_t next = p->read.next;
    int64_t not_older = high;
    struct aq_err err;
    if (p->read.last_offset >= 0 && high > low) {
        int rc = worker->ops->admin_offset_for_time(br_catalog_source(worker->catalog), p->topic->text,
                                                    p->partition, p->read.last_timestamp + 1,
                                                    ADMIN_TIMEOUT_MS, &not_older, &err);
        if (rc != 0) {
            look_again(worker, p, &err);
            return;
        }
    }
    bool recreated = high == low || not_older == low;
    if (recreated) {
        snprintf(what, sizeof(what),
                 "the topic was deleted and recreated: position %" PRId64 " is beyond its end %" PRId64
                 " and every record in it is newer than the last one mirrored",
                 next, high);
        decide(worker, p, RECREATION, low, 0, what);
        return;
    }
    snprintf(what, sizeof(what),
             "the log was truncated: it ends at %" PRId64 ", %" PRId64 " records before position %" PRId64
             "; the sink has records the source no longer has",
             high, next - high, next);
    decide(worker, p, TRUNCATION, high, 0, what);
}

void br_anomaly_out_of_range(struct br_worker *worker, struct br_partition *p, int64_t offset)
{
    int64_t low, high;
    struct aq_err err;
    if (watermarks(worker, p, &low, &high, &err) != 0) {
        look_again(worker, p, &err);
        return;
    }
    int64_t next = p->read.next;
    if (next > high) {
        beyond_end(worker, p, low, high);
        return;
    }
    if (next >= 0 && next < low) {
        char what[256];
        snprintf(what, sizeof(what),
                 "retention deleted records before they were read: offsets %" PRId64 " to %" PRId64
                 " (%" PRId64 " records at most)",
                 next, low - 1, low - next);
        decide(worker, p, RETENTION, low, low - next, what);
        return;
    }
    /* Only the record we wanted to compare with is gone, nothing unread: read on without comparing. */
    aq_log(AQ_DEBUG, "the last mirrored record is no longer on the source", aq_fs("topic", p->topic->text),
           aq_fi("partition", p->partition), aq_fi("offset", offset));
    if (br_task_read_from_mark(worker, p, false, &err) != 0) look_again(worker, p, &err);
}

void br_anomaly_fingerprint(struct br_worker *worker, struct br_partition *p, const struct aq_record *found)
{
    int64_t low, high;
    struct aq_err err;
    char what[320];
    if (watermarks(worker, p, &low, &high, &err) != 0) {
        look_again(worker, p, &err);
        return;
    }
    snprintf(what, sizeof(what),
             "the topic was deleted and recreated: the record at offset %" PRId64 " (time %" PRId64
             ") is not the one that was mirrored (time %" PRId64 ")",
             found->offset, found->timestamp, p->read.last_timestamp);
    decide(worker, p, RECREATION, low, 0, what);
}

void br_anomaly_short_log(struct br_worker *worker, struct br_partition *p)
{
    int64_t low, high;
    struct aq_err err;
    if (watermarks(worker, p, &low, &high, &err) != 0) {
        look_again(worker, p, &err);
        return;
    }
    /* The end we were told is the last stable offset; only the true end below our position means anything. */
    if (high >= p->read.next) return;
    beyond_end(worker, p, low, high);
}

void br_anomaly_topic_id(struct br_worker *worker, struct br_partition *p, const char *new_id)
{
    int64_t low, high;
    struct aq_err err;
    char what[256];
    if (watermarks(worker, p, &low, &high, &err) != 0) {
        look_again(worker, p, &err);
        worker->view_again = true;
        return;
    }
    snprintf(what, sizeof(what), "the topic was deleted and recreated: its id was %s and is %s", p->topic_id,
             new_id);
    memcpy(p->topic_id, new_id, sizeof(p->topic_id));
    decide(worker, p, RECREATION, low, 0, what);
}

void br_anomaly_apply_resets(struct br_worker *worker)
{
    if (!worker->resets || worker->state == BR_WORKER_FAILED) return;
    worker->resets = false;
    for (int32_t t = 0; t < worker->own.n_tasks; t++) {
        for (size_t i = 0; i < worker->tasks[t].count; i++) {
            struct br_partition *p = worker->tasks[t].partitions[i];
            if (p->reset_to < 0) continue;
            struct aq_err err;
            worker->resets = true;
            if (p->count > 0) continue;
            struct br_mark committed = p->committed;
            br_partition_set(p,
                             &(struct br_mark){.next = p->reset_to, .last_offset = -1, .leader_epoch = -1});
            p->committed = committed; /* until the jump itself is committed */
            if (br_task_read_from_mark(worker, p, false, &err) != 0) continue;
            p->reset_to = -1;
            p->settled_next = 0; /* a topic made anew has other records at the same offsets */
            worker->tasks[t].write_first = true;
        }
    }
}
