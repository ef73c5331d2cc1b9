/* SPDX-License-Identifier: Apache-2.0
 *
 * Bringing the stores of tasks that came to this worker up to date from their changelogs.
 *
 * An ordinary pass: the slot is ours, and whoever had it before is fenced. The true ends of the changelogs of all tasks that came with it are
 * asked for in one request, with what is in open transactions; a consumer of its own, which reads only what is committed, reads every changelog from where its family ends. A
 * transaction that is still open in front of that end holds the reading up until it is over, so nothing that was committed before can be
 * missed. Each turn writes a few batches straight into the families; the other tasks of the worker go on running. When all
 * stores of a task are there its task is started.
 *
 * A failing pass: the changelog does not hold where the family ends (it was deleted and made anew, or its head is gone): the family is wiped and
 * read from the changelog's beginning. The brokers do not answer: asked again in half a second.
 *
 * Invariants: the consumer is open while something is restored, and not longer; a partition of it is assigned while its store is
 * restoring.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "base/mem.h"
#include "streams/worker.h"

#define ADMIN_TIMEOUT_MS 5000
#define CLOSE_MS         3000
#define BATCHES_A_TURN   16
#define BATCH_RECORDS    5000
#define AGAIN_US         (500 * AQ_MS)

/* ---- beginning ---------------------------------------------------------------------------------------------------- */

static int open_consumer(struct st_worker *worker, struct aq_err *err)
{
    const struct st_settings *settings = worker->settings;
    const struct kc_consumer_conf conf = {.client_id = worker->own.instance,
                                          .group_id = settings->flow.group,
                                          .read_committed = settings->flow.exactly_once,
                                          .queue_bytes = 2 * st_thread_share(settings, settings->queue_bytes),
                                          .batch_records = BATCH_RECORDS,
                                          .batch_bytes = settings->batch_bytes};
    if (worker->restorer) return 0;
    return worker->ops->consumer_open(settings->cluster, &conf, &worker->names, &worker->restorer, err);
}

static int read_from(struct st_worker *worker, struct st_kept *kept, int64_t offset, struct aq_err *err)
{
    int rc = open_consumer(worker, err);
    if (rc == 0)
        rc = worker->ops->consumer_assign(worker->restorer, kept->changelog->text, kept->stores->partition,
                                          offset, kept, err);
    if (rc == 0 && !kept->restoring) worker->n_restoring++;
    if (rc != 0) return rc;
    kept->restoring = true;
    aq_counter_set(&worker->counters.restoring, worker->n_restoring);
    return 0;
}

/* Every store of the worker that has a changelog whose end was not asked for. list NULL: how many. */
static size_t waiting(const struct st_worker *worker, struct st_kept **list)
{
    size_t n = 0;
    for (int32_t s = 0; s < worker->own.n_tasks; s++)
        for (struct st_stores *stores = worker->slots[s].stores; stores; stores = stores->next)
            for (size_t i = 0; i < stores->n && !stores->ready; i++) {
                if (!stores->list[i].changelog || stores->list[i].end >= 0) continue;
                if (list) list[n] = &stores->list[i];
                n++;
            }
    return n;
}

int st_restore_ask(struct st_worker *worker, struct aq_err *err)
{
    size_t n = waiting(worker, NULL);
    if (n == 0) return 0;
    struct st_kept **list = aq_calloc(n, sizeof(struct st_kept *));
    struct kc_end *ends = aq_calloc(n, sizeof(*ends));
    waiting(worker, list);
    for (size_t i = 0; i < n; i++)
        ends[i] = (struct kc_end){.topic = list[i]->changelog->text, .partition = list[i]->stores->partition};
    int rc = worker->ops->admin_ends(st_catalog_admin(worker->catalog), ends, n, ADMIN_TIMEOUT_MS, err);
    for (size_t i = 0; i < n && rc == 0; i++) list[i]->end = ends[i].end < 0 ? -2 : ends[i].end;
    free(list);
    free(ends);
    return rc;
}

static int begin_kept(struct st_worker *worker, struct st_kept *kept, struct aq_err *err)
{
    if (kept->end < 0)
        return aq_fail(err, AQ_E_AGAIN, "changelog %s has no partition %d yet", kept->changelog->text,
                       kept->stores->partition);
    int rc = st_kept_check(kept, err);
    if (rc != 0) return rc;
    if (kept->end == 0) kept->next = 0;
    if (kept->next == kept->end) return 0;
    return read_from(worker, kept, kept->next > 0 ? kept->next : KC_OFFSET_EARLIEST, err);
}

static bool is_ready(const struct st_stores *stores)
{
    for (size_t i = 0; i < stores->n; i++)
        if (stores->list[i].restoring) return false;
    return true;
}

static void finish(struct st_worker *worker, struct st_stores *stores)
{
    uint64_t records = 0;
    AQ_CRASH_POINT(AFTER_RESTORE);
    for (size_t i = 0; i < stores->n; i++) records += stores->list[i].restored;
    stores->ready = true;
    worker->view_again = true;
    worker->view_again_us = 0;
    aq_log(records > 0 ? AQ_INFO : AQ_DEBUG, "stores restored",
           aq_fs("application", worker->settings->application_id),
           aq_fs("sub_topology", stores->subtopology->name), aq_fi("partition", stores->partition),
           aq_fi("records", (int64_t)records), aq_fi("took_ms", (aq_mono_us() - stores->since_us) / AQ_MS));
}

int st_restore_begin(struct st_worker *worker, struct st_stores *stores, struct aq_err *err)
{
    AQ_ASSERT(!stores->ready);
    int asked = st_restore_ask(worker, err);
    if (asked != 0) return asked;
    for (size_t i = 0; i < stores->n; i++) {
        struct st_kept *kept = &stores->list[i];
        if (!kept->changelog || kept->restoring || (kept->checked && kept->next >= kept->end)) continue;
        int rc = begin_kept(worker, kept, err);
        if (rc != 0) return aq_err_in(err, "store '%s'", kept->store->name);
    }
    if (is_ready(stores)) finish(worker, stores);
    return 0;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static void stop_reading(struct st_worker *worker, struct st_kept *kept)
{
    struct aq_err err;
    AQ_ASSERT(kept->restoring);
    kept->restoring = false;
    worker->n_restoring--;
    worker->ops->consumer_unassign(worker->restorer, kept->changelog->text, kept->stores->partition, &err);
}

static void fail(struct st_worker *worker, const struct st_kept *kept, struct aq_err *err)
{
    aq_err_in(err, "restoring store '%s' from %s[%d]", kept->store->name, kept->changelog->text,
              kept->stores->partition);
    st_worker_fail(worker, err);
}

/* All records before `offset` were read. */
static void reached(struct st_worker *worker, struct st_kept *kept, int64_t offset)
{
    struct aq_err err;
    if (offset < kept->end) return;
    int rc = st_kept_reach(kept, offset, &err);
    stop_reading(worker, kept);
    if (rc != 0) {
        fail(worker, kept, &err);
        return;
    }
    if (is_ready(kept->stores)) finish(worker, kept->stores);
}

static void take(struct st_worker *worker, struct aq_batch *batch)
{
    struct st_kept *kept = batch->owner;
    struct aq_err err = {0};
    AQ_ASSERT(kept->restoring);
    if (batch->n > 0 && st_kept_take(kept, batch, &err) != 0) fail(worker, kept, &err);
    AQ_CRASH_POINT(IN_RESTORE);
    aq_counter_add(&worker->counters.records_restored, batch->n);
    aq_batch_release(batch);
    if (err.code == 0) reached(worker, kept, kept->next);
}

/* What we have does not go on there. */
static void begin_anew(struct st_worker *worker, struct st_kept *kept)
{
    struct aq_err err;
    aq_log(AQ_WARN, "the changelog no longer holds where the store ends; the store is read anew",
           aq_fs("application", worker->settings->application_id), aq_fs("topic", kept->changelog->text),
           aq_fi("partition", kept->stores->partition), aq_fi("store", kept->next));
    int rc = st_kept_wipe(kept, &err);
    if (rc == 0) rc = read_from(worker, kept, KC_OFFSET_EARLIEST, &err);
    if (rc != 0) fail(worker, kept, &err);
}

static void hear(struct st_worker *worker, const struct kc_event *event)
{
    struct st_kept *kept = event->owner;
    struct aq_err err;
    if (event->kind == KC_EVENT_CLUSTER) {
        if (event->code != AQ_E_AUTH && event->code != AQ_E_FATAL) return;
        aq_fail(&err, event->code, "%s", event->text);
        st_worker_fail(worker, &err);
        return;
    }
    if (!kept->restoring) return;
    switch (event->kind) {
    case KC_EVENT_EOF: reached(worker, kept, event->offset); return;
    case KC_EVENT_OUT_OF_RANGE: begin_anew(worker, kept); return;
    case KC_EVENT_PARTITION:
        if (event->code == AQ_E_DENIED) {
            aq_fail(&err, event->code, "%s", event->text);
            fail(worker, kept, &err);
        } else if (read_from(worker, kept, kept->next > 0 ? kept->next : KC_OFFSET_EARLIEST, &err) != 0) {
            fail(worker, kept, &err);
        }
        return;
    case KC_EVENT_CLUSTER: return;
    }
}

void st_restore_turn(struct st_worker *worker, int64_t now)
{
    struct kc_event event;
    if (!worker->restorer) return;
    for (int i = 0; i < BATCHES_A_TURN && worker->own.err.code == 0; i++) {
        struct aq_batch *batch = worker->ops->consumer_poll(worker->restorer, now, 0);
        if (!batch) break;
        take(worker, batch);
    }
    while (worker->own.err.code == 0 && worker->ops->consumer_event(worker->restorer, &event))
        hear(worker, &event);
    aq_counter_set(&worker->counters.restoring, worker->n_restoring);
    if (worker->n_restoring == 0) st_restore_close(worker);
}

void st_restore_forget(struct st_worker *worker, struct st_stores *stores)
{
    for (size_t i = 0; i < stores->n; i++)
        if (stores->list[i].restoring) stop_reading(worker, &stores->list[i]);
}

void st_restore_close(struct st_worker *worker)
{
    if (worker->restorer) worker->ops->consumer_close(worker->restorer, CLOSE_MS);
    worker->restorer = NULL;
}
