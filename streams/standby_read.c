/* SPDX-License-Identifier: Apache-2.0
 *
 * Standby copies: opening them, and reading their changelogs (essay: streams/standby.c).
 *
 * An ordinary pass: the snapshots of the slots are looked up, for what they say of the changelogs; the ends of all changelogs are asked for;
 * the stores are opened and compared with both, under the lock; then the consumer is told to read. Of what comes later a batch is written
 * under the lock, if its copy is still open.
 *
 * Threads: the keeper's own.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "streams/standby_run.h"

#define UNKNOWN_US       (5 * AQ_SEC)  /* what was never committed */
#define AGAIN_US         (500 * AQ_MS) /* what could not be opened */
#define BROKEN_US        (60 * AQ_SEC) /* what cannot be mended by waiting */
#define ADMIN_TIMEOUT_MS 5000
#define BATCHES_A_TURN   16
#define BATCH_RECORDS    5000

/* ---- opening copies ----------------------------------------------------------------------------------------------- */

static int open_clients(struct st_standby *standby, struct aq_err *err)
{
    const struct kc_ops *ops = standby->conf.ops;
    const struct st_settings *settings = standby->conf.settings;
    char id[KC_CLIENT_ID_MAX];
    const struct kc_consumer_conf conf = {.client_id =
                                              kc_client_id(settings->flow.client_prefix, "standby", id),
                                          .group_id = settings->flow.group,
                                          .read_committed = settings->flow.exactly_once,
                                          .queue_bytes = st_thread_share(settings, settings->queue_bytes),
                                          .batch_records = BATCH_RECORDS,
                                          .batch_bytes = settings->batch_bytes};
    int rc = st_standby_open_admin(standby, err);
    if (rc == 0 && !standby->consumer)
        rc = ops->consumer_open(settings->cluster, &conf, &standby->names, &standby->consumer, err);
    if (rc == 0 && !standby->reader)
        rc = ops->reader_open(settings->cluster, id, settings->flow.group, &standby->reader, err);
    if (rc == 0 && !standby->lookup)
        standby->lookup = kc_lookup_create(ops, &settings->flow, st_catalog_facts(standby->conf.catalog),
                                           standby->admin, standby->reader);
    return rc;
}

static bool is_to_open(struct st_standby *standby, const struct st_copy *copy, int64_t now)
{
    if (!copy->wanted) return false;
    pthread_mutex_lock(&standby->lock);
    bool is = !copy->stores && now >= copy->again_us;
    pthread_mutex_unlock(&standby->lock);
    return is;
}

static void put_off(struct st_standby *standby, struct st_copy *copy, int64_t until_us)
{
    pthread_mutex_lock(&standby->lock);
    if (copy->again_us < until_us) copy->again_us = until_us;
    pthread_mutex_unlock(&standby->lock);
}

/* What the snapshot says of the changelog. False: nothing was committed to it yet. */
static bool read_mark(struct st_copy_log *log, const struct kc_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->count; i++) {
        const struct kc_position *position = &snapshot->list[i];
        if (position->partition != log->feed.partition || !position->topic_id[0] ||
            strcmp(position->topic, log->feed.topic->text) != 0)
            continue;
        log->feed.committed.next = position->next;
        memcpy(log->feed.topic_id, position->topic_id, sizeof(log->feed.topic_id));
        return true;
    }
    return false;
}

static const struct kc_found *found_slot(const struct kc_found *list, size_t n, int32_t slot)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].task == slot) return &list[i];
    return NULL;
}

/* Keeps of the list those whose changelogs the snapshots know. */
static size_t find_marks(struct st_standby *standby, struct st_copy **list, size_t n, int64_t now)
{
    size_t slots = 0, known = 0, answered;
    struct kc_found *ask = kc_lookup_list(standby->lookup);
    for (size_t i = 0; i < n; i++)
        if (!found_slot(ask, slots, list[i]->slot)) ask[slots++].task = list[i]->slot;
    kc_lookup_ask(standby->lookup, slots);
    kc_lookup_run(standby->lookup);
    const struct kc_found *found = kc_lookup_answer(standby->lookup, &answered);
    for (size_t i = 0; i < n; i++) {
        struct st_copy *copy = list[i];
        const struct kc_found *of = found_slot(found, answered, copy->slot);
        bool whole = of->code == 0 && of->has_snapshot;
        for (size_t l = 0; l < copy->n_logs && whole; l++) whole = read_mark(&copy->logs[l], &of->snapshot);
        if (whole)
            list[known++] = copy;
        else
            put_off(standby, copy, now + (of->code == 0 ? UNKNOWN_US : AGAIN_US));
    }
    kc_lookup_taken(standby->lookup);
    return known;
}

static int find_ends(struct st_standby *standby, struct st_copy **list, size_t n, struct kc_end **ret,
                     struct aq_err *err)
{
    size_t logs = 0, at = 0;
    for (size_t i = 0; i < n; i++) logs += list[i]->n_logs;
    struct kc_end *ends = *ret = aq_calloc(logs, sizeof(*ends));
    for (size_t i = 0; i < n; i++)
        for (size_t l = 0; l < list[i]->n_logs; l++)
            ends[at++] =
                (struct kc_end){.topic = list[i]->logs[l].feed.topic->text, .partition = list[i]->partition};
    return standby->conf.ops->admin_ends(standby->admin, ends, logs, ADMIN_TIMEOUT_MS, err);
}

static struct st_kept *kept_of(struct st_stores *stores, const struct st_store *store)
{
    size_t i = 0;
    while (stores->list[i].store != store) i++;
    return &stores->list[i];
}

/* Under lock. */
static int open_stores(struct st_standby *standby, struct st_copy *copy, const struct kc_end *ends,
                       struct aq_err *err)
{
    const struct st_stores_conf conf = {.dbs = standby->conf.dbs,
                                        .subtopology = copy->subtopology,
                                        .partition = copy->partition,
                                        .names = &standby->names};
    int rc = st_stores_open(&conf, &copy->stores, err);
    if (rc != 0) return rc;
    copy->restored = 0;
    for (size_t l = 0; l < copy->n_logs && rc == 0; l++) {
        struct st_copy_log *log = &copy->logs[l];
        struct st_kept *kept = kept_of(copy->stores, log->store);
        if (ends[l].end < 0) rc = aq_fail(err, AQ_E_AGAIN, "changelog %s is not there", ends[l].topic);
        if (rc != 0) break;
        st_kept_follow(kept, &log->feed);
        kept->end = ends[l].end;
        kept->restoring = true;
        rc = st_kept_check(kept, err);
        log->kept = kept;
        log->next = kept->next;
    }
    if (rc != 0) st_copy_close(copy);
    return rc;
}

static int read_log(struct st_standby *standby, struct st_copy_log *log, int64_t offset, struct aq_err *err)
{
    int rc = standby->conf.ops->consumer_assign(standby->consumer, log->feed.topic->text, log->feed.partition,
                                                offset, log, err);
    if (rc == 0) log->reading = true;
    return rc;
}

/* Says what cannot be mended by waiting; the copy is closed. */
static void give_up(struct st_standby *standby, struct st_copy *copy, const struct aq_err *err, int64_t now)
{
    bool passes = err->code == AQ_E_BUSY || aq_code_class(err->code) == AQ_CLASS_RETRY;
    aq_log(passes ? AQ_DEBUG : AQ_ERROR, "standby copy cannot be kept now",
           aq_fs("application", standby->conf.settings->application_id),
           aq_fs("sub_topology", copy->subtopology->name), aq_fi("partition", copy->partition),
           aq_fs("reason", err->text));
    pthread_mutex_lock(&standby->lock);
    if (copy->stores) st_copy_close(copy);
    pthread_mutex_unlock(&standby->lock);
    put_off(standby, copy, now + (passes ? AGAIN_US : BROKEN_US));
}

static void open_copy(struct st_standby *standby, struct st_copy *copy, const struct kc_end *ends,
                      int64_t now)
{
    struct aq_err err = {0};
    pthread_mutex_lock(&standby->lock);
    int rc = open_stores(standby, copy, ends, &err);
    pthread_mutex_unlock(&standby->lock);
    copy->since_us = now;
    for (size_t l = 0; l < copy->n_logs && rc == 0; l++) {
        struct st_copy_log *log = &copy->logs[l];
        rc = read_log(standby, log, log->next > 0 ? log->next : KC_OFFSET_EARLIEST, &err);
    }
    if (rc != 0) give_up(standby, copy, &err, now);
}

static void open_all(struct st_standby *standby, struct st_copy **list, size_t n, int64_t now)
{
    struct aq_err err = {0};
    struct kc_end *ends = NULL;
    int rc = open_clients(standby, &err);
    if (rc == 0) n = find_marks(standby, list, n, now);
    if (rc == 0 && n == 0) return;
    if (rc == 0) rc = find_ends(standby, list, n, &ends, &err);
    for (size_t i = 0, at = 0; i < n; at += list[i]->n_logs, i++) {
        if (rc == 0)
            open_copy(standby, list[i], &ends[at], now);
        else
            put_off(standby, list[i], now + UNKNOWN_US);
    }
    if (rc != 0) st_standby_say_trouble(standby, &err);
    free(ends);
}

void st_standby_open_copies(struct st_standby *standby, int64_t now)
{
    struct st_copy **list = aq_calloc(standby->n_copies + 1, sizeof(struct st_copy *));
    size_t n = 0;
    for (size_t i = 0; i < standby->n_copies; i++)
        if (is_to_open(standby, standby->copies[i], now)) list[n++] = standby->copies[i];
    if (n > 0) open_all(standby, list, n, now);
    free(list);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

/* Under lock: every log has what there was when the copy was opened. */
static void consider_caught_up(struct st_standby *standby, struct st_copy *copy)
{
    if (copy->caught_up) return;
    for (size_t l = 0; l < copy->n_logs; l++)
        if (copy->logs[l].kept->next < copy->logs[l].kept->end) return;
    copy->caught_up = true;
    aq_log(
        AQ_INFO, "standby copy has caught up", aq_fs("application", standby->conf.settings->application_id),
        aq_fs("sub_topology", copy->subtopology->name), aq_fi("partition", copy->partition),
        aq_fi("records", (int64_t)copy->restored), aq_fi("took_ms", (aq_mono_us() - copy->since_us) / AQ_MS));
}

static void take(struct st_standby *standby, struct aq_batch *batch, int64_t now)
{
    struct st_copy_log *log = batch->owner;
    struct aq_err err = {0};
    int rc = 0;
    pthread_mutex_lock(&standby->lock);
    if (log->kept && batch->n > 0) {
        rc = st_kept_take(log->kept, batch, &err);
        log->next = log->kept->next;
        log->copy->restored += batch->n;
        if (rc == 0) consider_caught_up(standby, log->copy);
        aq_counter_add(&standby->counters.restored, batch->n);
    }
    pthread_mutex_unlock(&standby->lock);
    aq_batch_release(batch);
    if (rc != 0) give_up(standby, log->copy, &err, now);
}

/* The end of what can be read: behind the last record there may be markers. */
static int reach(struct st_standby *standby, struct st_copy_log *log, int64_t offset, struct aq_err *err)
{
    int rc = 0;
    pthread_mutex_lock(&standby->lock);
    if (log->kept && offset > log->kept->next) rc = st_kept_reach(log->kept, offset, err);
    if (log->kept) log->next = log->kept->next;
    if (log->kept && rc == 0) consider_caught_up(standby, log->copy);
    pthread_mutex_unlock(&standby->lock);
    return rc;
}

static int begin_anew(struct st_standby *standby, struct st_copy_log *log, struct aq_err *err)
{
    int rc = 0;
    aq_log(AQ_WARN, "the changelog no longer holds where the standby copy ends; it is read anew",
           aq_fs("application", standby->conf.settings->application_id),
           aq_fs("topic", log->feed.topic->text), aq_fi("partition", log->feed.partition));
    pthread_mutex_lock(&standby->lock);
    bool open = log->kept != NULL;
    if (open) rc = st_kept_wipe(log->kept, err);
    if (open) log->next = log->kept->next;
    pthread_mutex_unlock(&standby->lock);
    return rc == 0 && open ? read_log(standby, log, KC_OFFSET_EARLIEST, err) : rc;
}

static void hear(struct st_standby *standby, const struct kc_event *event, int64_t now)
{
    struct st_copy_log *log = event->owner;
    struct aq_err err = {0};
    int rc = 0;
    switch (event->kind) {
    case KC_EVENT_EOF: rc = reach(standby, log, event->offset, &err); break;
    case KC_EVENT_OUT_OF_RANGE: rc = begin_anew(standby, log, &err); break;
    case KC_EVENT_PARTITION: rc = aq_fail(&err, event->code, "%s", event->text); break;
    case KC_EVENT_CLUSTER: return; /* the client goes on trying, and the workers say it */
    }
    if (rc != 0) give_up(standby, log->copy, &err, now);
}

void st_standby_stop_closed(struct st_standby *standby)
{
    struct aq_err ignored;
    for (size_t i = 0; i < standby->n_copies; i++) {
        struct st_copy *copy = standby->copies[i];
        pthread_mutex_lock(&standby->lock);
        bool open = copy->stores != NULL;
        pthread_mutex_unlock(&standby->lock);
        for (size_t l = 0; l < copy->n_logs && !open; l++) {
            struct st_copy_log *log = &copy->logs[l];
            if (!log->reading) continue;
            log->reading = false;
            standby->conf.ops->consumer_unassign(standby->consumer, log->feed.topic->text,
                                                 log->feed.partition, &ignored);
        }
    }
}

void st_standby_read(struct st_standby *standby, int64_t now, int wait_ms)
{
    struct kc_event event;
    for (int i = 0; i < BATCHES_A_TURN && !st_standby_is_wanted(standby); i++) {
        struct aq_batch *batch =
            standby->conf.ops->consumer_poll(standby->consumer, now, i == 0 ? wait_ms : 0);
        if (!batch) break;
        take(standby, batch, now);
    }
    while (!st_standby_is_wanted(standby) && standby->conf.ops->consumer_event(standby->consumer, &event))
        hear(standby, &event, now);
}
