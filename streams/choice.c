/* SPDX-License-Identifier: Apache-2.0
 *
 * Record choice: the queues of a task's input partitions, and which of them gives the next record.
 *
 * A queue is a list of batches (through their own `next`) and a cursor into the first. It is in one of five states:
 *   PENDING  something changed; the next st_choice_next() looks at it, because only that has a clock and can fail
 *   READY    its head record has been given a timestamp; it stands in the heap under it
 *   BEHIND   empty, and the broker has more, or nobody knows whether it has
 *   IDLE     empty and caught up; it stands in a list with the time until which it is waited for
 *   PAUSED   empty, and nothing will come
 * All waits have the same length, so the list of idle queues is in the order of their deadlines and its last one decides:
 * the question whether to wait costs the same for two partitions and for two thousand. Only the heap costs O(log n).
 *
 * An ordinary pass: a batch is added to an empty queue, which becomes PENDING. st_choice_next() extracts the timestamp of
 * its head record and puts it into the heap; nobody is BEHIND, no deadline is left, so the top of the heap gives its
 * record and becomes PENDING again. The next call hands its batch back if that was the last record, else extracts the next
 * timestamp: a timestamp is extracted once, and with the partition time that all records before it made.
 *
 * A failing pass: an extractor fails. The queue stays PENDING with its cursor in front of the record, and the call returns the
 * error; nothing was given, nothing is lost. The task stops, or closes that partition.
 * A record with a negative timestamp is logged, counted and passed over, and the position passes it, too.
 *
 * Invariants: a queue is in the structure of its state and in no other; READY means cursor < head->n; BEHIND, IDLE and
 * PAUSED mean no batch; `records` is the sum of what the batches hold from the cursor on, `bytes` that of whole batches;
 * offsets only grow.
 * Threads: the task's own.
 */
#include "streams/choice.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum queue_state { QUEUE_PENDING, QUEUE_READY, QUEUE_BEHIND, QUEUE_IDLE, QUEUE_PAUSED };

struct st_queue {
    size_t index;
    struct st_choice_partition conf;
    enum queue_state state;
    struct st_heap_item item; /* READY: the key is the head's timestamp */
    struct st_queue *before;  /* PENDING and IDLE: neighbours in the list */
    struct st_queue *after;
    int64_t deadline_us; /* IDLE */

    struct aq_batch *head;
    struct aq_batch *tail;
    uint32_t cursor; /* in head: the first record that was not given */
    uint64_t records;
    uint64_t bytes;

    int64_t fetched;
    int64_t end;
    bool paused;
    int64_t partition_ms;

    bool told_pause; /* what st_choice_flow() said last */
    bool in_flow;
    struct st_queue *flow_after;
};

void st_choice_init(struct st_choice *choice, const struct st_choice_conf *conf)
{
    AQ_ASSERT(conf->release && conf->max_task_idle_ms >= ST_NEVER_IDLE);
    AQ_ASSERT(conf->buffered_records_per_partition > 0 && conf->buffered_bytes_per_partition > 0);
    *choice = (struct st_choice){.conf = *conf, .stream_ms = conf->stream_ms};
}

void st_choice_finish(struct st_choice *choice)
{
    for (size_t i = 0; i < choice->n_queues; i++) {
        if (choice->queues[i]) st_choice_close(choice, i);
    }
    AQ_ASSERT(choice->n_open == 0 && choice->ready.count == 0 && choice->n_behind == 0);
    st_heap_finish(&choice->ready);
    free(choice->queues);
    *choice = (struct st_choice){0};
}

static struct st_queue *queue_at(const struct st_choice *choice, size_t index)
{
    AQ_ASSERT(index < choice->n_queues && choice->queues[index]);
    return choice->queues[index];
}

/* ---- states ------------------------------------------------------------------------------------------------------- */

static void append(struct st_queue_list *list, struct st_queue *queue)
{
    queue->before = list->last;
    queue->after = NULL;
    *(list->last ? &list->last->after : &list->first) = queue;
    list->last = queue;
}

static void take_out(struct st_queue_list *list, struct st_queue *queue)
{
    *(queue->before ? &queue->before->after : &list->first) = queue->after;
    *(queue->after ? &queue->after->before : &list->last) = queue->before;
}

static void leave_state(struct st_choice *choice, struct st_queue *queue)
{
    switch (queue->state) {
    case QUEUE_PENDING: take_out(&choice->pending, queue); break;
    case QUEUE_READY: st_heap_remove(&choice->ready, &queue->item); break;
    case QUEUE_BEHIND: choice->n_behind--; break;
    case QUEUE_IDLE: take_out(&choice->idle, queue); break;
    case QUEUE_PAUSED: break;
    }
}

static void enter_state(struct st_choice *choice, struct st_queue *queue, enum queue_state state)
{
    queue->state = state;
    switch (state) {
    case QUEUE_PENDING: append(&choice->pending, queue); break;
    case QUEUE_READY: st_heap_push(&choice->ready, &queue->item); break;
    case QUEUE_BEHIND: choice->n_behind++; break;
    case QUEUE_IDLE: append(&choice->idle, queue); break;
    case QUEUE_PAUSED: break;
    }
}

static void change_state(struct st_choice *choice, struct st_queue *queue, enum queue_state state)
{
    leave_state(choice, queue);
    enter_state(choice, queue, state);
}

static enum queue_state state_of_empty(const struct st_queue *queue)
{
    AQ_ASSERT(!queue->head);
    if (queue->paused) return QUEUE_PAUSED;
    if (queue->end == ST_END_UNKNOWN || queue->fetched < queue->end) return QUEUE_BEHIND;
    return QUEUE_IDLE;
}

/* News that matter to an empty queue only. One that stays idle keeps its deadline. */
static void reconsider(struct st_choice *choice, struct st_queue *queue)
{
    if (queue->head || queue->state == QUEUE_PENDING) return;
    if (queue->state != state_of_empty(queue)) change_state(choice, queue, QUEUE_PENDING);
}

/* ---- partitions --------------------------------------------------------------------------------------------------- */

static void make_room(struct st_choice *choice, size_t index)
{
    if (index >= choice->n_queues) {
        choice->queues = aq_realloc(choice->queues, (index + 1) * sizeof(struct st_queue *));
        while (choice->n_queues <= index) choice->queues[choice->n_queues++] = NULL;
    }
    st_heap_reserve(&choice->ready, choice->n_open + 1);
}

void st_choice_open(struct st_choice *choice, size_t index, const struct st_choice_partition *partition)
{
    AQ_ASSERT(partition->topic && partition->extractor.extract && partition->position >= 0);
    make_room(choice, index);
    AQ_ASSERT(!choice->queues[index]);
    struct st_queue *queue = aq_calloc(1, sizeof(*queue));
    *queue = (struct st_queue){
        .index = index,
        .conf = *partition,
        .item = {.tie = index, .owner = queue},
        .fetched = partition->position,
        .end = ST_END_UNKNOWN,
        .partition_ms = partition->partition_ms,
    };
    choice->queues[index] = queue;
    choice->n_open++;
    enter_state(choice, queue, QUEUE_PENDING);
}

static void leave_flow(struct st_choice *choice, struct st_queue *queue)
{
    struct st_queue *before = NULL;
    for (struct st_queue *q = choice->flow_first; q != queue; q = q->flow_after) before = q;
    *(before ? &before->flow_after : &choice->flow_first) = queue->flow_after;
    if (choice->flow_last == queue) choice->flow_last = before;
    queue->in_flow = false;
}

static void hand_back_head(struct st_choice *choice, struct st_queue *queue)
{
    struct aq_batch *batch = queue->head;
    AQ_ASSERT(batch && queue->bytes >= batch->bytes && queue->cursor <= batch->n);
    queue->head = batch->next;
    if (!queue->head) queue->tail = NULL;
    queue->bytes -= batch->bytes;
    queue->records -= batch->n - queue->cursor;
    queue->cursor = 0;
    batch->next = NULL;
    choice->conf.release(choice->conf.user, batch);
}

void st_choice_close(struct st_choice *choice, size_t index)
{
    struct st_queue *queue = queue_at(choice, index);
    leave_state(choice, queue);
    if (queue->in_flow) leave_flow(choice, queue);
    while (queue->head) hand_back_head(choice, queue);
    AQ_ASSERT(queue->records == 0 && queue->bytes == 0);
    choice->queues[index] = NULL;
    choice->n_open--;
    free(queue);
}

void st_choice_pause(struct st_choice *choice, size_t index, bool paused)
{
    struct st_queue *queue = queue_at(choice, index);
    queue->paused = paused;
    reconsider(choice, queue);
}

void st_choice_progress(struct st_choice *choice, size_t index, int64_t fetched, int64_t end)
{
    AQ_ASSERT(end >= ST_END_UNKNOWN);
    struct st_queue *queue = queue_at(choice, index);
    if (fetched > queue->fetched) queue->fetched = fetched;
    queue->end = end;
    reconsider(choice, queue);
}

/* ---- the bound ---------------------------------------------------------------------------------------------------- */

static bool is_over_bound(const struct st_choice *choice, const struct st_queue *queue)
{
    return queue->records > choice->conf.buffered_records_per_partition ||
           queue->bytes > choice->conf.buffered_bytes_per_partition;
}

/* After every change of what is buffered. */
static void note_flow(struct st_choice *choice, struct st_queue *queue)
{
    if (queue->in_flow || is_over_bound(choice, queue) == queue->told_pause) return;
    queue->in_flow = true;
    queue->flow_after = NULL;
    *(choice->flow_last ? &choice->flow_last->flow_after : &choice->flow_first) = queue;
    choice->flow_last = queue;
}

bool st_choice_flow(struct st_choice *choice, size_t *ret_index, bool *ret_pause)
{
    while (choice->flow_first) {
        struct st_queue *queue = choice->flow_first;
        leave_flow(choice, queue);
        bool over = is_over_bound(choice, queue);
        /* There and back between two questions: nothing to tell. */
        if (over == queue->told_pause) continue;
        queue->told_pause = over;
        *ret_index = queue->index;
        *ret_pause = over;
        return true;
    }
    return false;
}

/* ---- records in --------------------------------------------------------------------------------------------------- */

static void check_batch(const struct st_queue *queue, const struct aq_batch *batch)
{
    AQ_ASSERT(batch->topic == queue->conf.topic && batch->partition == queue->conf.partition);
    AQ_ASSERT(batch->records[0].offset >= queue->fetched);
    for (uint32_t i = 1; i < batch->n; i++)
        AQ_DASSERT(batch->records[i - 1].offset < batch->records[i].offset);
}

void st_choice_add(struct st_choice *choice, size_t index, struct aq_batch *batch)
{
    struct st_queue *queue = queue_at(choice, index);
    if (batch->n == 0) {
        choice->conf.release(choice->conf.user, batch);
        return;
    }
    check_batch(queue, batch);
    batch->next = NULL;
    *(queue->tail ? &queue->tail->next : &queue->head) = batch;
    queue->tail = batch;
    queue->records += batch->n;
    queue->bytes += batch->bytes;
    queue->fetched = batch->records[batch->n - 1].offset + 1;
    note_flow(choice, queue);
    if (queue->state != QUEUE_READY && queue->state != QUEUE_PENDING)
        change_state(choice, queue, QUEUE_PENDING);
}

/* ---- records out -------------------------------------------------------------------------------------------------- */

static void pass_over_head(struct st_queue *queue)
{
    AQ_ASSERT(queue->cursor < queue->head->n && queue->records > 0);
    queue->cursor++;
    queue->records--;
}

static void skip_head(struct st_choice *choice, struct st_queue *queue, const struct aq_record *rec,
                      int64_t timestamp_ms)
{
    aq_log(AQ_WARN, "record skipped because its timestamp is negative",
           aq_fs("topic", queue->conf.topic->text), aq_fi("partition", queue->conf.partition),
           aq_fi("offset", rec->offset), aq_fi("timestamp", timestamp_ms));
    choice->skipped++;
    pass_over_head(queue);
}

/* Until the head record has a valid timestamp, or there is none left: 1, 0, or the extractor's error. */
static int find_head(struct st_choice *choice, struct st_queue *queue, int64_t wall_ms, struct aq_err *err)
{
    struct st_extract_at at = {.partition_ms = queue->partition_ms, .wall_ms = wall_ms};
    while (queue->head) {
        if (queue->cursor == queue->head->n) {
            hand_back_head(choice, queue);
            continue;
        }
        struct aq_record *rec = &queue->head->records[queue->cursor];
        int64_t timestamp_ms;
        int rc = st_extract(&queue->conf.extractor, rec, at, &timestamp_ms, err);
        if (rc < 0) return rc;
        if (timestamp_ms >= 0) {
            queue->item.key = timestamp_ms;
            return 1;
        }
        skip_head(choice, queue, rec, timestamp_ms);
    }
    return 0;
}

static int64_t idle_deadline(const struct st_choice *choice)
{
    int64_t span_ms = choice->conf.max_task_idle_ms;
    if (span_ms <= 0) return choice->now_us;
    if (span_ms > (INT64_MAX - choice->now_us) / AQ_MS) return ST_NO_DEADLINE;
    return choice->now_us + span_ms * AQ_MS;
}

static int settle(struct st_choice *choice, struct st_queue *queue, int64_t wall_ms, struct aq_err *err)
{
    int found = find_head(choice, queue, wall_ms, err);
    note_flow(choice, queue);
    if (found < 0) return found;
    queue->deadline_us = idle_deadline(choice);
    change_state(choice, queue, found ? QUEUE_READY : state_of_empty(queue));
    return 0;
}

/* Until when the empty queues hold the others back; now or earlier: not any more. */
static int64_t wait_until(const struct st_choice *choice)
{
    if (choice->conf.max_task_idle_ms == ST_NEVER_IDLE) return choice->now_us;
    if (choice->n_behind > 0) return ST_NO_DEADLINE;
    return choice->idle.last ? choice->idle.last->deadline_us : choice->now_us;
}

static void give(struct st_choice *choice, struct st_chosen *ret)
{
    struct st_queue *queue = st_heap_top(&choice->ready)->owner;
    ret->record = &queue->head->records[queue->cursor];
    ret->timestamp_ms = queue->item.key;
    ret->index = queue->index;
    if (ret->timestamp_ms > queue->partition_ms) queue->partition_ms = ret->timestamp_ms;
    if (ret->timestamp_ms > choice->stream_ms) choice->stream_ms = ret->timestamp_ms;
    pass_over_head(queue);
    note_flow(choice, queue);
    change_state(choice, queue, QUEUE_PENDING);
}

int st_choice_next(struct st_choice *choice, int64_t now_us, int64_t wall_ms, struct st_chosen *ret,
                   struct aq_err *err)
{
    AQ_ASSERT(now_us >= choice->now_us);
    choice->now_us = now_us;
    *ret = (struct st_chosen){.until_us = ST_NO_DEADLINE};
    while (choice->pending.first) {
        int rc = settle(choice, choice->pending.first, wall_ms, err);
        if (rc < 0) return rc;
    }
    if (choice->ready.count == 0) return ST_CHOICE_EMPTY;
    int64_t until_us = wait_until(choice);
    if (until_us > now_us) {
        ret->until_us = until_us;
        return ST_CHOICE_WAIT;
    }
    give(choice, ret);
    return ST_CHOICE_RECORD;
}

/* ---- questions ---------------------------------------------------------------------------------------------------- */

int64_t st_choice_position(const struct st_choice *choice, size_t index)
{
    const struct st_queue *queue = queue_at(choice, index);
    if (queue->records == 0) return queue->fetched;
    /* The head batch may be used up and still be here, for the sake of the record that was given last. */
    bool used_up = queue->cursor == queue->head->n;
    const struct aq_batch *batch = used_up ? queue->head->next : queue->head;
    return batch->records[used_up ? 0 : queue->cursor].offset;
}

int64_t st_choice_fetched(const struct st_choice *choice, size_t index)
{
    return queue_at(choice, index)->fetched;
}

int64_t st_choice_partition_ms(const struct st_choice *choice, size_t index)
{
    return queue_at(choice, index)->partition_ms;
}

int64_t st_choice_stream_ms(const struct st_choice *choice)
{
    return choice->stream_ms;
}

uint32_t st_choice_buffered(const struct st_choice *choice, size_t index)
{
    return (uint32_t)queue_at(choice, index)->records;
}
