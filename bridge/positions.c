/* SPDX-License-Identifier: Apache-2.0
 *
 * Showing a route's stored positions, and moving them while the route is stopped.
 *
 * An ordinary pass of show: all pointers of the state topic in one request, the snapshots they point to in another, one
 * line per stored position with the bounds of the source partition beside it. It works while the route runs (an open
 * transaction is waited for) and while the source is down (the bounds are unknown then).
 *
 * An ordinary pass of reset: the group must be empty; the new offset of every partition is worked out and checked
 * before anything is written; then each task concerned gets a snapshot record (sequence + 1) and, when that is
 * acknowledged, a pointer to it (kafka/stopped.h).
 *
 * A failing pass: an instance starts in between: the pointer is refused (BUSY) and the route goes on from where it was.
 * We end between record and pointer: the old pointer holds. If compaction then takes the record it points to, the
 * newest snapshot in the partition counts, as everywhere when a pointer is lost.
 *
 * Invariants: a moved position has no fingerprint, since the record before it was never mirrored by us; positions that
 * are not moved keep theirs. A task's first snapshot covers all its partitions, because a task with a snapshot no
 * longer asks `start` where to begin.
 *
 * Threads: one caller, no other part of bridge/ is running. Everything blocks.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "bridge/bridge.h"
#include "kafka/position.h"
#include "kafka/state_topic.h"
#include "kafka/stopped.h"
#include "kafka/task_map.h"

#define ADMIN_TIMEOUT_MS     15000
#define COMMITTED_TIMEOUT_MS 3000
#define CLOSE_MS             3000
#define WRITER               "aqueduct positions"

/* What one task has stored. */
struct stored_task {
    bool found;
    struct kc_snapshot snapshot;
};

struct session {
    const struct kc_ops *ops;
    const struct br_route *route;
    struct aq_arena *arena;
    struct kc_admin *source; /* NULL: cannot be reached, and need not */
    struct kc_admin *sink;
    struct kc_reader *reader;
    bool has_state;              /* the state topic exists and has facts */
    struct kc_route_facts facts; /* as stored */
    char source_id[KC_ID_MAX];
    char sink_id[KC_ID_MAX];
    struct stored_task *tasks; /* facts.tasks of them */
};

/* ---- getting there -------------------------------------------------------------------------------------------------- */

static int connect_cluster(struct session *s, const struct kc_cluster *cluster, struct kc_admin **ret,
                           char id[KC_ID_MAX], struct aq_err *err)
{
    int rc = s->ops->admin_open(cluster, "aqueduct-positions", ret, err);
    if (rc != 0) return rc;
    rc = s->ops->admin_connect(*ret, cluster->connect_timeout_ms, id, err);
    if (rc == 0) return 0;
    s->ops->admin_close(*ret);
    *ret = NULL;
    return rc;
}

static int find_state(struct session *s, struct aq_err *err)
{
    int rc = kc_stopped_facts(s->ops, &s->route->flow, s->sink, s->arena, &s->facts, &s->has_state, err);
    if (rc != 0 || !s->has_state) return rc;
    const struct kc_route_facts ours = {
        .route = s->route->name, .tasks = (int32_t)s->route->tasks, .map_version = KC_TASK_MAP_VERSION};
    struct kc_route_facts expected = ours;
    snprintf(expected.source_id, sizeof(expected.source_id), "%s",
             s->source ? s->source_id : s->facts.source_id);
    snprintf(expected.sink_id, sizeof(expected.sink_id), "%s", s->sink_id);
    return kc_facts_check(&s->facts, &expected, err);
}

static void close_session(struct session *s)
{
    if (s->reader) s->ops->reader_close(s->reader, CLOSE_MS);
    if (s->source) s->ops->admin_close(s->source);
    if (s->sink) s->ops->admin_close(s->sink);
}

static int open_session(struct session *s, bool needs_source, struct aq_err *err)
{
    AQ_ASSERT(s->route->state_topic && s->route->group);
    int rc = connect_cluster(s, s->route->sink, &s->sink, s->sink_id, err);
    if (rc != 0) return rc;
    rc = connect_cluster(s, s->route->source, &s->source, s->source_id, err);
    if (rc != 0 && needs_source) return rc;
    rc = find_state(s, err);
    if (rc != 0 || !s->has_state) return rc;
    return s->ops->reader_open(s->route->sink, "aqueduct-positions", s->route->group, &s->reader, err);
}

/* ---- reading what is stored ----------------------------------------------------------------------------------------- */

/* All pointers, once no transaction holds any of them. */
static int read_pointers(struct session *s, struct kc_pointer *list, struct aq_err *err)
{
    size_t n = (size_t)s->facts.tasks;
    int64_t deadline = aq_mono_us() + (2 * s->route->transaction_timeout_ms + ADMIN_TIMEOUT_MS) * AQ_MS;
    for (;;) {
        for (size_t i = 0; i < n; i++) list[i] = (struct kc_pointer){.partition = (int32_t)i, .offset = -1};
        int rc =
            s->ops->reader_committed(s->reader, s->route->state_topic, list, n, COMMITTED_TIMEOUT_MS, err);
        int32_t unstable = -1;
        for (size_t i = 0; i < n && rc == 0; i++)
            if (list[i].code != 0) unstable = (int32_t)i;
        if (rc == 0 && unstable < 0) return 0;
        if (rc != 0 && aq_code_class(rc) != AQ_CLASS_RETRY) return rc;
        if (aq_mono_us() > deadline)
            return rc != 0 ? rc
                           : aq_fail(err, AQ_E_UNSTABLE, "an open transaction holds the position of task %d",
                                     unstable);
        aq_sleep_ms(20);
    }
}

/* The newest committed snapshot in the partition, for a task whose pointer is lost. */
static int scan(struct session *s, int32_t task, struct kc_stored *ret, struct aq_err *err)
{
    int64_t low, high;
    *ret = (struct kc_stored){.partition = task, .offset = -1};
    int rc =
        s->ops->admin_watermarks(s->sink, s->route->state_topic, task, ADMIN_TIMEOUT_MS, &low, &high, err);
    if (rc != 0 || high <= low) return rc;
    return s->ops->reader_scan_last(s->reader, s->route->state_topic, task, AQ_LIT(KC_POSITION_KEY), high,
                                    ADMIN_TIMEOUT_MS, s->arena, ret, err);
}

static int read_task(struct session *s, const struct kc_pointer *pointer, struct aq_err *err)
{
    int32_t task = pointer->partition;
    struct kc_stored stored = {.partition = task, .offset = pointer->offset - 1};
    bool pointed = pointer->offset > 0;
    int rc = pointed ? s->ops->reader_read(s->reader, s->route->state_topic, &stored, 1, ADMIN_TIMEOUT_MS,
                                           s->arena, err)
                     : 0;
    if (rc == AQ_E_STATE)
        pointed = false; /* compacted away behind a newer record without a pointer */
    else if (rc != 0)
        return rc;
    if (!pointed && (rc = scan(s, task, &stored, err)) != 0) return rc;
    if (stored.offset < 0 || !stored.value.ptr) return 0;
    struct kc_snapshot *snapshot = &s->tasks[task].snapshot;
    if ((rc = kc_snapshot_decode(stored.value, s->arena, snapshot, err)) != 0) return rc;
    if (snapshot->task != task)
        return aq_fail(err, AQ_E_CORRUPT, "the position found belongs to task %d", snapshot->task);
    if ((rc = kc_facts_check(&snapshot->facts, &s->facts, err)) != 0) return rc;
    if (pointed && (rc = kc_metadata_check(pointer->metadata, snapshot->seq, stored.value, err)) != 0)
        return rc;
    s->tasks[task].found = true;
    return 0;
}

static int read_tasks(struct session *s, struct aq_err *err)
{
    size_t n = (size_t)s->facts.tasks;
    s->tasks = aq_arena_zalloc(s->arena, n * sizeof(*s->tasks));
    struct kc_pointer *pointers = aq_arena_zalloc(s->arena, n * sizeof(*pointers));
    int rc = read_pointers(s, pointers, err);
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = read_task(s, &pointers[i], err);
        if (rc != 0) aq_err_in(err, "state topic %s, task %zu", s->route->state_topic, i);
    }
    return rc;
}

/* ---- show ----------------------------------------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
    const struct br_position_line *x = a, *y = b;
    int order = strcmp(x->topic, y->topic);
    return order != 0 ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

/* Bounds on the source; unknown when it or the topic is gone, which is no reason to hide the position. */
static void add_bounds(const struct session *s, struct br_position_line *line)
{
    struct aq_err ignored;
    line->low = line->high = -1;
    if (!s->source) return;
    int rc = s->ops->admin_watermarks(s->source, line->topic, line->partition, ADMIN_TIMEOUT_MS, &line->low,
                                      &line->high, &ignored);
    if (rc != 0) line->low = line->high = -1;
}

static void make_lines(const struct session *s, struct br_position_line **ret_lines, size_t *ret_count)
{
    size_t n = 0;
    for (int32_t t = 0; t < s->facts.tasks; t++) n += s->tasks[t].snapshot.count;
    struct br_position_line *lines = aq_arena_zalloc(s->arena, n * sizeof(*lines));
    size_t at = 0;
    for (int32_t t = 0; t < s->facts.tasks; t++) {
        const struct kc_snapshot *snapshot = &s->tasks[t].snapshot;
        for (size_t i = 0; i < snapshot->count; i++, at++) {
            lines[at] = (struct br_position_line){.task = t,
                                                  .topic = snapshot->list[i].topic,
                                                  .partition = snapshot->list[i].partition,
                                                  .next = snapshot->list[i].next,
                                                  .committed_ms = snapshot->written_ms};
            add_bounds(s, &lines[at]);
        }
    }
    AQ_ASSERT(at == n);
    qsort(lines, n, sizeof(*lines), by_place);
    *ret_lines = lines;
    *ret_count = n;
}

int br_positions_show(const struct kc_ops *ops, const struct br_route *route, struct aq_arena *arena,
                      struct br_position_line **ret_lines, size_t *ret_count, struct aq_err *err)
{
    AQ_ASSERT(ops && route && arena && ret_lines && ret_count);
    struct session s = {.ops = ops, .route = route, .arena = arena};
    *ret_lines = NULL;
    *ret_count = 0;
    int rc = open_session(&s, false, err);
    if (rc == 0 && s.has_state) rc = read_tasks(&s, err);
    if (rc == 0 && s.has_state) make_lines(&s, ret_lines, ret_count);
    close_session(&s);
    return rc;
}

/* ---- reset: where to ------------------------------------------------------------------------------------------------ */

struct target {
    const char *topic; /* NULL: all the route takes */
    int32_t partition; /* -1: all */
    enum br_reset how;
    int64_t value;
};

struct move {
    const char *topic;
    char topic_id[KC_ID_MAX];
    int32_t partition;
    int32_t task;
    int64_t low, high;
    int64_t to;
};

struct moves {
    struct move *list;
    size_t count, cap;
};

static int place_of(const struct session *s, const struct target *target, struct move *move,
                    struct aq_err *err)
{
    int rc = s->ops->admin_watermarks(s->source, move->topic, move->partition, ADMIN_TIMEOUT_MS, &move->low,
                                      &move->high, err);
    if (rc != 0) return rc;
    switch (target->how) {
    case BR_RESET_EARLIEST: move->to = move->low; return 0;
    case BR_RESET_LATEST: move->to = move->high; return 0;
    case BR_RESET_TIMESTAMP:
        return s->ops->admin_offset_for_time(s->source, move->topic, move->partition, target->value,
                                             ADMIN_TIMEOUT_MS, &move->to, err);
    case BR_RESET_OFFSET:
        move->to = target->value;
        if (move->to >= move->low && move->to <= move->high) return 0;
        return aq_fail(err, AQ_E_CONFIG,
                       "%s[%d] on cluster %s has offsets %" PRId64 " to %" PRId64 ", so that offset %" PRId64
                       " is not in it; nothing was changed",
                       move->topic, move->partition, s->route->source->name, move->low, move->high, move->to);
    }
    AQ_ASSERT(!"a place to move to that is not handled");
    return AQ_E_INVALID;
}

static int add_topic(const struct session *s, const struct target *target, const struct kc_topic *topic,
                     struct moves *moves, struct aq_err *err)
{
    int32_t first = target->partition < 0 ? 0 : target->partition;
    int32_t end = target->partition < 0 ? topic->partitions : target->partition + 1;
    if (end > topic->partitions)
        return aq_fail(err, AQ_E_UNKNOWN_TOPIC,
                       "topic %s on cluster %s has %d partitions, and so no partition %d", topic->name,
                       s->route->source->name, topic->partitions, first);
    const char *name = aq_arena_strdup(s->arena, topic->name);
    for (int32_t p = first; p < end; p++) {
        if (moves->count == moves->cap) {
            moves->cap = moves->cap ? 2 * moves->cap : 64;
            moves->list = aq_realloc(moves->list, moves->cap * sizeof(*moves->list));
        }
        struct move *move = &moves->list[moves->count++];
        *move = (struct move){.topic = name, .partition = p, .task = kc_task_of(name, p, s->facts.tasks)};
        memcpy(move->topic_id, topic->id, sizeof(move->topic_id));
        int rc = place_of(s, target, move, err);
        if (rc != 0) return rc;
    }
    return 0;
}

static int find_moves(const struct session *s, const struct target *target, struct moves *moves,
                      struct aq_err *err)
{
    const struct br_route *route = s->route;
    if (target->topic && !br_topic_filter_takes(route->filter, target->topic))
        return aq_fail(err, AQ_E_CONFIG, "the route does not take topic %s", target->topic);
    struct kc_topics topics = {0};
    int rc = s->ops->admin_topics(s->source, ADMIN_TIMEOUT_MS, &topics, err);
    if (rc != 0) return rc;
    for (size_t i = 0; i < topics.count && rc == 0; i++) {
        const struct kc_topic *topic = &topics.list[i];
        if (target->topic ? strcmp(topic->name, target->topic) != 0
                          : !br_topic_filter_takes(route->filter, topic->name))
            continue;
        if (topic->error != 0)
            rc = aq_fail(err, topic->error, "topic %s on cluster %s: %s", topic->name, route->source->name,
                         aq_code_text(topic->error));
        else
            rc = add_topic(s, target, topic, moves, err);
    }
    aq_arena_finish(&topics.arena);
    if (rc == 0 && target->topic && moves->count == 0)
        return aq_fail(err, AQ_E_UNKNOWN_TOPIC, "topic %s does not exist on cluster %s", target->topic,
                       route->source->name);
    return rc;
}

/* ---- reset: the new snapshots --------------------------------------------------------------------------------------- */

static struct kc_position *find_position(struct kc_snapshot *snapshot, const char *topic, int32_t partition)
{
    for (size_t i = 0; i < snapshot->count; i++)
        if (snapshot->list[i].partition == partition && strcmp(snapshot->list[i].topic, topic) == 0)
            return &snapshot->list[i];
    return NULL;
}

static void apply(struct kc_snapshot *snapshot, const struct move *move)
{
    struct kc_position *position = find_position(snapshot, move->topic, move->partition);
    if (!position) {
        position = &snapshot->list[snapshot->count++];
        *position = (struct kc_position){
            .topic = move->topic, .partition = move->partition, .next = -1, .time_ms = -1};
    }
    /* Whoever moves a position by hand accepts the sink as it is. */
    position->sink_topic = NULL;
    position->sink_offset = -1;
    bool other_topic = move->topic_id[0] && strcmp(position->topic_id, move->topic_id) != 0;
    if (position->next != move->to || other_topic) {
        position->next = move->to;
        position->leader_epoch = -1;
        position->last_offset = -1;
        position->last_timestamp = 0;
        position->last_hash = 0;
    }
    memcpy(position->topic_id, move->topic_id, sizeof(position->topic_id));
}

/* The task's snapshot with its moves applied; true when it has any. */
static bool next_snapshot(const struct session *s, int32_t task, const struct moves *moves,
                          struct kc_snapshot *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < moves->count; i++) n += moves->list[i].task == task;
    const struct kc_snapshot *old = &s->tasks[task].snapshot;
    *ret = (struct kc_snapshot){.facts = s->facts,
                                .task = task,
                                .seq = old->seq + 1,
                                .written_ms = aq_wall_ms(),
                                .writer = WRITER,
                                .count = old->count};
    ret->list = aq_arena_zalloc(s->arena, (old->count + n) * sizeof(*ret->list));
    for (size_t i = 0; i < old->count; i++) ret->list[i] = old->list[i];
    for (size_t i = 0; i < moves->count; i++)
        if (moves->list[i].task == task) apply(ret, &moves->list[i]);
    return n > 0;
}

/* See the invariants on top. */
static int check_first_snapshots(const struct session *s, const struct target *target,
                                 const struct moves *moves, struct aq_err *err)
{
    if (s->route->start == BR_START_EARLIEST || !target->topic) return 0;
    for (size_t i = 0; i < moves->count; i++) {
        int32_t task = moves->list[i].task;
        if (s->tasks[task].found) continue;
        return aq_fail(
            err, AQ_E_STATE,
            "task %d, which %s[%d] belongs to, has no position yet: run the route once, or reset all topics",
            task, moves->list[i].topic, moves->list[i].partition);
    }
    return 0;
}

static int write_tasks(struct session *s, const struct moves *moves, struct aq_err *err)
{
    struct kc_producer *writer;
    int rc = kc_state_topic_writer(s->ops, &s->route->flow, &writer, err);
    if (rc != 0) return rc;
    int32_t done = 0;
    for (int32_t task = 0; task < s->facts.tasks && rc == 0; task++) {
        struct kc_snapshot snapshot;
        if (!next_snapshot(s, task, moves, &snapshot)) continue;
        rc = kc_stopped_write(s->ops, &s->route->flow, writer, s->reader, &snapshot, s->arena, err);
        if (rc == 0)
            done++;
        else if (done > 0)
            aq_err_in(err, "%d tasks were moved, then task %d failed (run the reset again)", done, task);
        else
            aq_err_in(err, "nothing was moved: task %d", task);
        s->tasks[task].snapshot = snapshot;
    }
    kc_state_topic_writer_close(s->ops, writer);
    return rc;
}

static void show_moves(const struct session *s, const struct moves *moves,
                       struct br_position_line **ret_lines, size_t *ret_count)
{
    struct br_position_line *lines = aq_arena_zalloc(s->arena, moves->count * sizeof(*lines));
    for (size_t i = 0; i < moves->count; i++) {
        const struct move *move = &moves->list[i];
        const struct kc_snapshot *snapshot = &s->tasks[move->task].snapshot;
        lines[i] = (struct br_position_line){.task = move->task,
                                             .topic = move->topic,
                                             .partition = move->partition,
                                             .next = move->to,
                                             .low = move->low,
                                             .high = move->high,
                                             .committed_ms = snapshot->seq > 0 ? snapshot->written_ms : -1};
    }
    if (moves->count > 0) qsort(lines, moves->count, sizeof(*lines), by_place);
    *ret_lines = lines;
    *ret_count = moves->count;
}

/* ---- reset ---------------------------------------------------------------------------------------------------------- */

static int reset(struct session *s, const struct target *target, bool dry_run, struct moves *moves,
                 struct aq_err *err)
{
    int rc = open_session(s, true, err);
    if (rc != 0) return rc;
    if (!s->has_state)
        return aq_fail(err, AQ_E_STATE,
                       "it has no positions yet (topic %s on cluster %s); say where to begin with start = …",
                       s->route->state_topic, s->route->sink->name);
    if ((rc = kc_stopped_check(s->ops, &s->route->flow, s->sink, err)) != 0) return rc;
    if ((rc = read_tasks(s, err)) != 0) return rc;
    if ((rc = find_moves(s, target, moves, err)) != 0) return rc;
    if ((rc = check_first_snapshots(s, target, moves, err)) != 0) return rc;
    return dry_run ? 0 : write_tasks(s, moves, err);
}

int br_positions_reset(const struct kc_ops *ops, const struct br_route *route, const char *topic,
                       int32_t partition, enum br_reset how, int64_t value, bool dry_run,
                       struct aq_arena *arena, struct br_position_line **ret_lines, size_t *ret_count,
                       struct aq_err *err)
{
    AQ_ASSERT(ops && route && route->filter && arena && ret_lines && ret_count);
    AQ_ASSERT(partition < 0 || topic != NULL);
    struct session s = {.ops = ops, .route = route, .arena = arena};
    const struct target target = {.topic = topic, .partition = partition, .how = how, .value = value};
    struct moves moves = {0};
    *ret_lines = NULL;
    *ret_count = 0;
    int rc = reset(&s, &target, dry_run, &moves, err);
    if (rc == 0) show_moves(&s, &moves, ret_lines, ret_count);
    free(moves.list);
    close_session(&s);
    return rc;
}
