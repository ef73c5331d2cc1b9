/* SPDX-License-Identifier: Apache-2.0
 *
 * Records and news from the sources.
 *
 * An ordinary pass: while what is in memory stays within in_flight_bytes, one batch of one partition is polled and goes to the queue of
 * its task; the end of the partition, as far as known, goes with it, because max_task_idle asks for it.
 *
 * Back-pressure: nothing is polled at the bound, and the client's own small queue fills up. A partition whose task waits for another one
 * (max_task_idle) is given back to the client while its queue is above buffered_records_per_partition, and read on from where its queue
 * ends when it has come down. When all that is in memory waits for partitions of which nothing is, those are read above the bound, and
 * the others given back until there is room, as Kafka Streams pauses partitions that are not empty.
 *
 * A failing pass: the offset we want is not in the log any more. What retention took is said and counted, and the reset policy decides
 * where to go on, as in Kafka Streams; with "none" the application ends.
 *
 * Invariant: in_flight is what batches cost that were polled and not yet released.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "streams/worker.h"

#define ADMIN_TIMEOUT_MS 5000

void st_intake_release(void *ctx, struct aq_batch *batch)
{
    struct st_worker *worker = ctx;
    uint64_t cost = aq_batch_cost(batch);
    AQ_ASSERT(worker->in_flight >= cost);
    worker->in_flight -= cost;
    aq_batch_release(batch);
}

/* ---- records ------------------------------------------------------------------------------------------------------ */

static bool may_read(const struct st_worker *worker, int64_t now)
{
    if (worker->state != ST_WORKER_RUNNING || worker->own.rewind_due) return false;
    if (atomic_load_explicit(&worker->pause, memory_order_relaxed)) return false;
    return kc_ownership_is_settled(&worker->own) && now >= worker->own.pause_until_us;
}

static bool is_full(const struct st_worker *worker)
{
    return worker->in_flight + worker->outbox.bytes >= (uint64_t)worker->own.flow->in_flight_bytes;
}

/* Memory is full of records that wait for one of a partition nothing is in memory of (max_task_idle). */
static bool is_starving(const struct st_worker *worker)
{
    return !worker->more && worker->tasks && st_outbox_is_empty(&worker->outbox);
}

static void read_on(struct st_worker *worker, struct st_feed *feed)
{
    struct aq_err err;
    bool held = feed->held;
    feed->held = false;
    if (!held || feed->reading || feed->paused) return;
    int64_t next = st_choice_fetched(&feed->task->choice, feed->index);
    if (st_assignment_read(worker, feed, next, &err) != 0) worker->view_again = true;
}

/* Only partitions without a record in memory are read, so each comes one batch above the bound at most. */
static void read_if_empty(struct st_worker *worker, struct st_feed *feed)
{
    struct aq_err err;
    if (st_choice_buffered(&feed->task->choice, feed->index) == 0) {
        read_on(worker, feed);
        return;
    }
    if (!feed->reading) return;
    worker->ops->consumer_unassign(worker->consumer, feed->topic->text, feed->partition, &err);
    feed->reading = false;
    feed->held = worker->holding = true;
}

static void each_feed(struct st_worker *worker, void (*call)(struct st_worker *worker, struct st_feed *feed))
{
    for (struct st_task *task = worker->tasks; task; task = task->next)
        for (size_t i = 0; i < task->n_feeds; i++) call(worker, task->feeds[i]);
}

/* True when there is room for another batch. */
static bool make_room(struct st_worker *worker)
{
    bool full = is_full(worker);
    if (full && !is_starving(worker)) return false;
    if (full) each_feed(worker, read_if_empty);
    if (full || !worker->holding) return true;
    worker->holding = false;
    each_feed(worker, read_on);
    return true;
}

static void take(struct st_worker *worker, struct st_feed *feed, struct aq_batch *batch)
{
    int64_t next = batch->records[batch->n - 1].offset + 1;
    int64_t end = worker->ops->consumer_known_end(worker->consumer, feed->topic->text, feed->partition);
    if (end > feed->end) feed->end = end;
    aq_counter_add(&worker->counters.records_read, batch->n);
    aq_counter_add(&worker->counters.bytes_read, batch->bytes);
    st_task_add(feed->task, feed, batch);
    st_task_progress(feed->task, feed, next, end > next ? end : next);
    worker->more = true;
    worker->idle_until_us = 0;
}

void st_intake_poll(struct st_worker *worker, int64_t now, int wait_ms)
{
    worker->fed = false;
    if (!may_read(worker, now) || !make_room(worker)) {
        if (wait_ms > 0 && !worker->more) aq_sleep_ms(1);
        return;
    }
    struct aq_batch *batch = worker->ops->consumer_poll(worker->consumer, now, wait_ms);
    if (!batch) return;
    struct st_feed *feed = batch->owner;
    AQ_ASSERT(feed != NULL && batch->n > 0);
    worker->fed = true;
    worker->in_flight += aq_batch_cost(batch);
    if (feed->task && feed->reading)
        take(worker, feed, batch);
    else
        st_intake_release(worker, batch);
}

/* ---- news --------------------------------------------------------------------------------------------------------- */

static enum st_reset reset_of(const struct st_feed *feed)
{
    return feed->internal ? ST_EARLIEST : feed->source->node->reset;
}

static void fail_out_of_range(struct st_worker *worker, const struct st_feed *feed, int64_t offset,
                              int64_t low, int64_t high)
{
    struct aq_err err;
    aq_fail(&err, AQ_E_OFFSET_LOST,
            "%s[%d]: the next record to read is %" PRId64 ", and the log holds %" PRId64 " to %" PRId64
            "; auto_offset_reset says none: move the position with `aqueduct streams reset`",
            feed->topic->text, feed->partition, offset, low, high);
    st_worker_fail(worker, &err);
}

/* Reads the feed from here on at the next look, when the client may take it. */
static void read_from(struct st_worker *worker, struct st_feed *feed, int64_t offset)
{
    struct aq_err err;
    if (st_assignment_read(worker, feed, offset, &err) == 0) return;
    feed->suspect = worker->view_again = true;
}

/* The log ends in front of our position: it was made anew, or lost its tail. Everything begins anew with this feed at its start, since
 * what a task has read never goes back. */
static void go_back(struct st_worker *worker, struct st_feed *feed, int64_t next)
{
    feed->committed.next = next;
    feed->has_position = true;
    kc_ownership_abort(&worker->own, aq_mono_us());
    worker->own.rewind_due = true;
}

static void tell_out_of_range(const struct st_worker *worker, const struct st_feed *feed, int64_t offset,
                              int64_t low, int64_t high, int64_t next)
{
    int64_t lost = offset < low ? low - offset : 0;
    aq_log(AQ_WARN, lost ? "records were deleted before they were read" : "the log ends before our position",
           aq_fs("application", worker->settings->application_id), aq_fs("topic", feed->topic->text),
           aq_fi("partition", feed->partition), aq_fi("position", offset), aq_fi("log_start", low),
           aq_fi("log_end", high), aq_fi("lost", lost), aq_fi("going_on_at", next));
}

/* The log no longer has what we want to read. */
static void out_of_range(struct st_worker *worker, struct st_feed *feed, int64_t offset)
{
    struct aq_err err;
    int64_t low, high;
    int rc = worker->ops->admin_watermarks(st_catalog_admin(worker->catalog), feed->topic->text,
                                           feed->partition, ADMIN_TIMEOUT_MS, &low, &high, &err);
    if (rc != 0 || (offset >= low && offset <= high)) {
        /* A leader that had just moved said so, or the next answer will tell more. */
        read_from(worker, feed, offset);
        return;
    }
    if (reset_of(feed) == ST_NO_RESET) {
        fail_out_of_range(worker, feed, offset, low, high);
        return;
    }
    int64_t next = reset_of(feed) == ST_LATEST ? high : low;
    tell_out_of_range(worker, feed, offset, low, high, next);
    if (next < offset) {
        go_back(worker, feed, next);
        return;
    }
    aq_counter_add(&worker->counters.records_lost, (uint64_t)(next - offset));
    st_task_progress(feed->task, feed, next, high);
    read_from(worker, feed, next);
}

static void partition_trouble(struct st_worker *worker, struct st_feed *feed, const struct kc_event *event)
{
    if (event->code == AQ_E_DENIED) {
        struct aq_err err;
        aq_fail(&err, AQ_E_DENIED, "%s[%d]: %s", feed->topic->text, feed->partition, event->text);
        st_worker_fail(worker, &err);
        return;
    }
    aq_log(AQ_WARN, "source partition in trouble", aq_fs("application", worker->settings->application_id),
           aq_fs("topic", feed->topic->text), aq_fi("partition", feed->partition),
           aq_fs("reason", event->text));
    /* The client waits for a topic by itself; an assignment it did not take has to be made again. */
    if (event->code == AQ_E_UNKNOWN_TOPIC)
        st_catalog_poke(worker->catalog);
    else
        feed->suspect = worker->view_again = true;
}

static void cluster_trouble(struct st_worker *worker, const struct kc_event *event)
{
    const char *cluster = worker->settings->cluster->name;
    if (event->code == AQ_E_AUTH || event->code == AQ_E_FATAL) {
        struct aq_err err;
        aq_fail(&err, event->code, "cluster %s: %s", cluster, event->text);
        st_worker_fail(worker, &err);
        return;
    }
    aq_log(AQ_WARN, "cluster does not answer; the client keeps trying",
           aq_fs("application", worker->settings->application_id), aq_fs("cluster", cluster),
           aq_fs("reason", event->text));
}

/* Nothing but control records may lie between the last record and the end; stepping over them is worth a position, or an idle
 * partition would show a lag for ever. */
static void at_end(struct st_worker *worker, struct st_feed *feed, int64_t offset)
{
    if (offset > feed->end) feed->end = offset;
    st_task_progress(feed->task, feed, offset, offset);
    if (st_task_position(feed).next > feed->sent.next) st_outbox_touch(&worker->outbox, feed);
    worker->more = true; /* a task may have waited for this partition */
}

static void hear(struct st_worker *worker, const struct kc_event *event)
{
    struct st_feed *feed = event->owner;
    if (event->kind == KC_EVENT_CLUSTER) {
        cluster_trouble(worker, event);
        return;
    }
    if (!feed->reading || !feed->task) return;
    switch (event->kind) {
    case KC_EVENT_EOF: at_end(worker, feed, event->offset); return;
    case KC_EVENT_OUT_OF_RANGE: out_of_range(worker, feed, event->offset); return;
    case KC_EVENT_PARTITION: partition_trouble(worker, feed, event); return;
    case KC_EVENT_CLUSTER: return;
    }
}

void st_intake_events(struct st_worker *worker, int64_t now)
{
    (void)now;
    struct kc_event event;
    while (worker->own.err.code == 0 && worker->ops->consumer_event(worker->consumer, &event))
        hear(worker, &event);
}
