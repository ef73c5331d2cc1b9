/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a feed begins that its slot has no position for.
 *
 * An ordinary pass: the group's committed offset of that very partition, if there is one. We commit it together with every position, so
 * it is there when the topology was changed and the partition has moved to another slot; and a Kafka Streams application of the
 * same id has left it there. Without one the reset policy decides: the beginning of the log, or its end, which is then written down
 * at once so that it is decided once.
 *
 * A failing pass: an open transaction holds the offset, or brokers do not answer: the task is put off and tried again in a moment.
 * With auto_offset_reset = "none" and no offset the application ends.
 *
 * The look-up waits for the coordinator, so it has a client of its own, which is opened when the first such feed turns up and closed
 * when the round of starting tasks is over.
 */
#include <inttypes.h>

#include "base/assert.h"
#include "base/log.h"
#include "streams/worker.h"

#define ADMIN_TIMEOUT_MS     5000
#define COMMITTED_TIMEOUT_MS 2000
#define CLOSE_MS             2000

static void begin_at(struct st_feed *feed, int64_t next)
{
    feed->sent = feed->acked = feed->writing = feed->committed =
        (struct st_mark){.next = next, .time_ms = ST_NO_TIME};
    feed->has_position = true;
}

/* 1 when the group has an offset, 0 when it has none. */
static int ask_group(struct st_worker *worker, struct st_feed *feed, struct aq_err *err)
{
    const struct st_settings *settings = worker->settings;
    struct kc_pointer pointer = {.partition = feed->partition};
    int rc = 0;
    if (!worker->offsets)
        rc = worker->ops->reader_open(settings->cluster, worker->own.instance, settings->flow.group,
                                      &worker->offsets, err);
    if (rc == 0)
        rc = worker->ops->reader_committed(worker->offsets, feed->topic->text, &pointer, 1,
                                           COMMITTED_TIMEOUT_MS, err);
    if (rc == 0 && pointer.code != 0)
        rc = aq_fail(err, pointer.code, "%s[%d]: %s", feed->topic->text, feed->partition,
                     aq_code_text(pointer.code));
    if (rc != 0) return rc;
    if (pointer.offset < 0) return 0;
    begin_at(feed, pointer.offset);
    aq_log(AQ_INFO, "position taken over from the group's committed offset",
           aq_fs("application", settings->application_id), aq_fs("topic", feed->topic->text),
           aq_fi("partition", feed->partition), aq_fi("offset", pointer.offset));
    return 1;
}

static int begin_at_end(struct st_worker *worker, struct st_feed *feed, struct aq_err *err)
{
    int64_t low, high;
    int rc = worker->ops->admin_watermarks(st_catalog_admin(worker->catalog), feed->topic->text,
                                           feed->partition, ADMIN_TIMEOUT_MS, &low, &high, err);
    if (rc != 0) return rc;
    begin_at(feed, high);
    worker->slots[feed->slot].write_first = true;
    return 0;
}

static int begin_by_policy(struct st_worker *worker, struct st_feed *feed, struct aq_err *err)
{
    enum st_reset reset = feed->internal ? ST_EARLIEST : feed->source->node->reset;
    switch (reset) {
    case ST_EARLIEST: return 0; /* the log says where that is when it is read */
    case ST_LATEST: return begin_at_end(worker, feed, err);
    case ST_NO_RESET: break;
    }
    aq_fail(
        err, AQ_E_CONFIG,
        "%s[%d]: there is no position to go on from, and auto_offset_reset is none: set it to earliest or latest, or "
        "give the group %s an offset with Kafka's kafka-consumer-groups --reset-offsets",
        feed->topic->text, feed->partition, worker->settings->application_id);
    st_worker_fail(worker, err);
    return err->code;
}

int st_beginning_find(struct st_worker *worker, struct st_feed **feeds, size_t n, struct aq_err *err)
{
    for (size_t i = 0; i < n; i++) {
        struct st_feed *feed = feeds[i];
        if (feed->has_position || feed->begun) continue;
        int rc = ask_group(worker, feed, err);
        if (rc == 0) rc = begin_by_policy(worker, feed, err);
        if (rc < 0) return rc;
        feed->begun = true;
    }
    return 0;
}

void st_beginning_close(struct st_worker *worker)
{
    if (worker->offsets) worker->ops->reader_close(worker->offsets, CLOSE_MS);
    worker->offsets = NULL;
}
