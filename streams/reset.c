/* SPDX-License-Identifier: Apache-2.0
 *
 * Resetting an application (streams/reset.h).
 *
 * An ordinary pass: the group must be empty. The stored positions are looked up, the new ones worked out and checked, and everything that
 * will be done is said. Then, in this order: every slot concerned gets a snapshot with its new positions and a pointer to it; the
 * group's committed offsets of the source topics are set to the same, for those who watch them; the repartition topics
 * are deleted.
 *
 * What a snapshot has of a repartition topic goes with the topic: the next one of that name starts at 0, and a position left
 * behind would pass over its records. So does what it has of topics the topology no longer reads.
 *
 * Changelogs go as well. What instances keep of them in their state_dir need not: the next changelogs have other ids, and an
 * instance whose stores were made of others reads them anew.
 *
 * A failing pass: an instance starts in between: the pointer is refused (BUSY) and the slots that were not moved go on from where they
 * were. We end before the topics are deleted: they have no positions any more, so what is left in them is read again,
 * and nothing is lost. Running the reset again finishes it in both cases.
 *
 * Only repartition topics are deleted that are this application's for certain: those of the topology, and those that a position of
 * ours is in. A name that begins with our application id may be another application's.
 */
#include "streams/reset.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "kafka/lookup.h"
#include "kafka/state_topic.h"
#include "kafka/stopped.h"
#include "kafka/task_map.h"
#include "streams/choice.h"
#include "streams/tasks.h"

#define ADMIN_TIMEOUT_MS 15000
#define CLOSE_MS         3000
#define WRITER           "aqueduct streams reset"

/* Of the topics that are ours when their names begin with the application's id. */
static const char *const suffixes[] = {"-repartition", "-changelog"};

struct move {
    const char *topic;
    int32_t partition;
    int32_t slot;
    int64_t to;
    char topic_id[KC_ID_MAX];
};

struct session {
    const struct kc_ops *ops;
    const struct st_settings *settings;
    const struct kc_flow *flow;
    const struct st_topology *topology;
    const struct st_reset_request *request;
    struct aq_arena arena;
    struct kc_admin *admin;
    struct kc_reader *reader;
    struct kc_lookup *lookup; /* its answer: what every slot has stored */
    const struct kc_found *found;
    struct kc_route_facts facts;
    struct kc_topics topics; /* of the cluster */
    struct st_plan *plan;
    struct st_tasks *tasks;
    struct move *moves;
    size_t n_moves, cap_moves;
    const char **doomed; /* topics to be deleted */
    size_t n_doomed;
};

/* ---- getting there ------------------------------------------------------------------------------------------------ */

static int check_facts(struct session *s, const char *cluster_id, struct aq_err *err)
{
    bool there;
    int rc = kc_stopped_facts(s->ops, s->flow, s->admin, &s->arena, &s->facts, &there, err);
    if (rc != 0) return rc;
    if (!there)
        return aq_fail(err, AQ_E_STATE,
                       "it has no positions yet (topic %s on cluster %s), so there is nothing to reset",
                       s->flow->state_topic, s->flow->sink->name);
    struct kc_route_facts ours = {
        .route = s->settings->application_id, .tasks = s->flow->tasks, .map_version = KC_TASK_MAP_BY_NAME};
    snprintf(ours.source_id, sizeof(ours.source_id), "%s", cluster_id);
    snprintf(ours.sink_id, sizeof(ours.sink_id), "%s", cluster_id);
    return kc_facts_check(&s->facts, &ours, err);
}

static int connect_cluster(struct session *s, struct aq_err *err)
{
    char cluster_id[KC_ID_MAX];
    const struct kc_cluster *cluster = s->settings->cluster;
    int rc = s->ops->admin_open(cluster, WRITER, &s->admin, err);
    if (rc == 0) rc = s->ops->admin_connect(s->admin, cluster->connect_timeout_ms, cluster_id, err);
    if (rc == 0) rc = check_facts(s, cluster_id, err);
    if (rc == 0) rc = kc_stopped_check(s->ops, s->flow, s->admin, err);
    if (rc == 0) rc = s->ops->reader_open(cluster, WRITER, s->flow->group, &s->reader, err);
    if (rc == 0) rc = s->ops->admin_topics(s->admin, ADMIN_TIMEOUT_MS, &s->topics, err);
    return rc;
}

/* The first slot that could not be looked up; NULL: all could. */
static const struct kc_found *first_failed(const struct session *s)
{
    for (int32_t i = 0; i < s->flow->tasks; i++)
        if (s->found[i].code != 0) return &s->found[i];
    return NULL;
}

/* What all slots have stored, once no transaction of an instance that was killed holds any of it. */
static int look_up(struct session *s, struct aq_err *err)
{
    size_t n = (size_t)s->flow->tasks;
    int64_t deadline = aq_mono_us() + (2 * s->flow->transaction_timeout_ms + ADMIN_TIMEOUT_MS) * AQ_MS;
    s->lookup = kc_lookup_create(s->ops, s->flow, &s->facts, s->admin, s->reader);
    for (;;) {
        struct kc_found *list = kc_lookup_list(s->lookup);
        for (size_t i = 0; i < n; i++) list[i].task = (int32_t)i;
        kc_lookup_ask(s->lookup, n);
        kc_lookup_run(s->lookup);
        s->found = kc_lookup_answer(s->lookup, &n);
        const struct kc_found *failed = first_failed(s);
        if (!failed) return 0;
        if (aq_code_class(failed->code) != AQ_CLASS_RETRY || aq_mono_us() > deadline) {
            *err = failed->err;
            return aq_err_in(err, "state topic %s, slot %d", s->flow->state_topic, failed->task);
        }
        kc_lookup_taken(s->lookup);
        aq_sleep_ms(50);
    }
}

static int make_tasks(struct session *s, struct aq_err *err)
{
    s->plan = st_plan_create(s->topology, err);
    if (!s->plan) return err->code;
    struct st_findings findings;
    st_findings_init(&findings);
    s->tasks = st_tasks_on(s->plan, &s->topics, &findings);
    int rc = st_findings_verdict(&findings, err);
    st_findings_finish(&findings);
    return rc;
}

static void close_session(struct session *s)
{
    if (s->lookup) kc_lookup_destroy(s->lookup);
    if (s->reader) s->ops->reader_close(s->reader, CLOSE_MS);
    if (s->admin) s->ops->admin_close(s->admin);
    if (s->tasks) st_tasks_destroy(s->tasks);
    if (s->plan) st_plan_destroy(s->plan);
    if (s->topics.list) aq_arena_finish(&s->topics.arena);
    free(s->moves);
    aq_arena_finish(&s->arena);
}

/* ---- where to ----------------------------------------------------------------------------------------------------- */

static int place_of(const struct session *s, struct move *move, struct aq_err *err)
{
    int64_t low, high;
    const struct st_reset_request *request = s->request;
    int rc =
        s->ops->admin_watermarks(s->admin, move->topic, move->partition, ADMIN_TIMEOUT_MS, &low, &high, err);
    if (rc != 0) return rc;
    switch (request->to) {
    case ST_TO_EARLIEST: move->to = low; return 0;
    case ST_TO_LATEST: move->to = high; return 0;
    case ST_TO_TIMESTAMP:
        return s->ops->admin_offset_for_time(s->admin, move->topic, move->partition, request->value,
                                             ADMIN_TIMEOUT_MS, &move->to, err);
    case ST_TO_OFFSET: move->to = request->value; break;
    }
    if (move->to >= low && move->to <= high) return 0;
    return aq_fail(err, AQ_E_CONFIG,
                   "%s[%d] has offsets %" PRId64 " to %" PRId64 ", so that offset %" PRId64
                   " is not in it; nothing was changed",
                   move->topic, move->partition, low, high, move->to);
}

static int add_moves(struct session *s, const struct st_subtopology_tasks *tasks,
                     const struct st_input *input, struct aq_err *err)
{
    const struct kc_topic *topic = kc_topics_find(&s->topics, input->topic);
    AQ_ASSERT(topic != NULL);
    for (int32_t p = 0; p < input->partitions; p++) {
        if (s->n_moves == s->cap_moves) {
            s->cap_moves = s->cap_moves ? 2 * s->cap_moves : 64;
            s->moves = aq_realloc(s->moves, s->cap_moves * sizeof(*s->moves));
        }
        struct move *move = &s->moves[s->n_moves++];
        *move = (struct move){.topic = input->topic,
                              .partition = p,
                              .slot = st_task_slot(tasks->subtopology, p, s->flow->tasks)};
        memcpy(move->topic_id, topic->id, sizeof(move->topic_id));
        int rc = place_of(s, move, err);
        if (rc != 0) return rc;
    }
    return 0;
}

static int find_moves(struct session *s, struct aq_err *err)
{
    const char *only = s->request->topic;
    for (size_t i = 0; i < s->plan->n_subtopologies; i++) {
        const struct st_subtopology_tasks *tasks = &s->tasks->subtopologies[i];
        for (size_t k = 0; k < tasks->n_inputs; k++) {
            const struct st_input *input = &tasks->inputs[k];
            if (input->source->side == ST_SOURCE_SIDE) continue;
            if (only && strcmp(only, input->topic) != 0) continue;
            int rc = add_moves(s, tasks, input, err);
            if (rc != 0) return rc;
        }
    }
    if (only && s->n_moves == 0)
        return aq_fail(err, AQ_E_CONFIG, "no source of the topology reads topic %s", only);
    return 0;
}

static const struct move *move_of(const struct session *s, const struct kc_position *position)
{
    for (size_t i = 0; i < s->n_moves; i++)
        if (s->moves[i].partition == position->partition && strcmp(s->moves[i].topic, position->topic) == 0)
            return &s->moves[i];
    return NULL;
}

/* ---- what goes ---------------------------------------------------------------------------------------------------- */

static void doom(struct session *s, const char *topic)
{
    if (!kc_topics_find(&s->topics, topic)) return;
    for (size_t i = 0; i < s->n_doomed; i++)
        if (strcmp(s->doomed[i], topic) == 0) return;
    s->doomed[s->n_doomed++] = topic;
}

static bool looks_like_ours(const struct session *s, const char *topic)
{
    size_t n = strlen(topic), id = strlen(s->settings->application_id);
    if (strncmp(topic, s->settings->application_id, id) != 0 || topic[id] != '-') return false;
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        size_t end = strlen(suffixes[i]);
        if (n > id + 1 + end && strcmp(topic + n - end, suffixes[i]) == 0) return true;
    }
    return false;
}

/* See the last paragraph on top. */
static void find_doomed(struct session *s)
{
    size_t room = s->topology->n_nodes + s->topology->n_stores;
    for (int32_t t = 0; t < s->flow->tasks; t++) room += s->found[t].snapshot.count;
    s->doomed = aq_arena_zalloc(&s->arena, room * sizeof(*s->doomed));
    if (s->request->topic) return;
    for (size_t i = 0; i < s->topology->n_nodes; i++)
        if (s->topology->nodes[i]->type == ST_REPARTITION) doom(s, s->topology->nodes[i]->topic);
    for (size_t i = 0; i < s->topology->n_stores; i++)
        if (s->topology->stores[i]->changelog) doom(s, s->topology->stores[i]->changelog);
    for (int32_t t = 0; t < s->flow->tasks; t++) {
        const struct kc_snapshot *snapshot = &s->found[t].snapshot;
        for (size_t i = 0; i < snapshot->count; i++)
            if (!move_of(s, &snapshot->list[i]) && looks_like_ours(s, snapshot->list[i].topic))
                doom(s, snapshot->list[i].topic);
    }
}

/* ---- saying it ---------------------------------------------------------------------------------------------------- */

static const struct kc_position *stored_of(const struct session *s, const struct move *move)
{
    const struct kc_snapshot *snapshot = &s->found[move->slot].snapshot;
    for (size_t i = 0; i < snapshot->count; i++)
        if (snapshot->list[i].partition == move->partition &&
            strcmp(snapshot->list[i].topic, move->topic) == 0)
            return &snapshot->list[i];
    return NULL;
}

static void say_moves(const struct session *s, FILE *out)
{
    for (size_t i = 0; i < s->n_moves; i++) {
        const struct move *move = &s->moves[i];
        const struct kc_position *stored = stored_of(s, move);
        if (stored)
            fprintf(out, "move %s[%d] from %" PRId64 " to %" PRId64 "\n", move->topic, move->partition,
                    stored->next, move->to);
        else
            fprintf(out, "move %s[%d] to %" PRId64 ", where it has no position yet\n", move->topic,
                    move->partition, move->to);
    }
}

static void say(const struct session *s, FILE *out)
{
    fprintf(out, "application %s on cluster %s\n", s->settings->application_id, s->settings->cluster->name);
    say_moves(s, out);
    for (int32_t t = 0; !s->request->topic && t < s->flow->tasks; t++) {
        const struct kc_snapshot *snapshot = &s->found[t].snapshot;
        for (size_t i = 0; i < snapshot->count; i++) {
            const struct kc_position *position = &snapshot->list[i];
            if (!move_of(s, position))
                fprintf(out, "forget the position %" PRId64 " of %s[%d]\n", position->next, position->topic,
                        position->partition);
        }
    }
    for (size_t i = 0; i < s->n_doomed; i++) fprintf(out, "delete topic %s\n", s->doomed[i]);
}

/* ---- doing it ----------------------------------------------------------------------------------------------------- */

static struct kc_position moved(const struct move *move)
{
    struct kc_position position = {.topic = move->topic,
                                   .partition = move->partition,
                                   .next = move->to,
                                   .leader_epoch = -1,
                                   .last_offset = -1,
                                   .sink_offset = -1,
                                   .time_ms = ST_NO_TIME};
    memcpy(position.topic_id, move->topic_id, sizeof(position.topic_id));
    return position;
}

/* The slot's next snapshot; false when it stays as it is. */
static bool next_snapshot(struct session *s, int32_t slot, struct kc_snapshot *ret)
{
    const struct kc_snapshot *old = &s->found[slot].snapshot;
    size_t moves = 0;
    *ret = (struct kc_snapshot){
        .facts = s->facts, .task = slot, .seq = old->seq + 1, .written_ms = aq_wall_ms(), .writer = WRITER};
    ret->list = aq_arena_zalloc(&s->arena, (old->count + s->n_moves) * sizeof(*ret->list));
    for (size_t i = 0; i < s->n_moves; i++) {
        if (s->moves[i].slot != slot) continue;
        ret->list[ret->count++] = moved(&s->moves[i]);
        moves++;
    }
    for (size_t i = 0; s->request->topic && i < old->count; i++)
        if (!move_of(s, &old->list[i])) ret->list[ret->count++] = old->list[i];
    bool forgets = !s->request->topic && old->count > 0;
    return moves > 0 || forgets;
}

static int write_slots(struct session *s, struct aq_err *err)
{
    struct kc_producer *writer;
    int rc = kc_state_topic_writer(s->ops, s->flow, &writer, err);
    if (rc != 0) return rc;
    for (int32_t slot = 0; slot < s->flow->tasks && rc == 0; slot++) {
        struct kc_snapshot snapshot;
        if (!next_snapshot(s, slot, &snapshot)) continue;
        rc = kc_stopped_write(s->ops, s->flow, writer, s->reader, &snapshot, &s->arena, err);
        if (rc != 0) aq_err_in(err, "slots before %d are done (run the reset again)", slot);
    }
    kc_state_topic_writer_close(s->ops, writer);
    return rc;
}

static int commit_offsets(struct session *s, struct aq_err *err)
{
    int rc = 0;
    for (size_t i = 0; i < s->n_moves && rc == 0; i++) {
        const struct move *move = &s->moves[i];
        rc = s->ops->reader_commit_stopped(s->reader, move->topic, move->partition, move->to, NULL,
                                           ADMIN_TIMEOUT_MS, err);
    }
    return rc;
}

/* Until the brokers no longer name it: the next start must not take it for the new one. */
static int wait_until_gone(struct session *s, const char *topic, struct aq_err *err)
{
    int64_t deadline = aq_mono_us() + ADMIN_TIMEOUT_MS * AQ_MS;
    for (;;) {
        struct kc_topics seen = {0};
        int rc = s->ops->admin_topics(s->admin, ADMIN_TIMEOUT_MS, &seen, err);
        if (rc != 0) return rc;
        bool there = kc_topics_find(&seen, topic) != NULL;
        aq_arena_finish(&seen.arena);
        if (!there) return 0;
        if (aq_mono_us() > deadline)
            return aq_fail(err, AQ_E_TIMEOUT, "topic %s was deleted, but the brokers still name it", topic);
        aq_sleep_ms(100);
    }
}

static int delete_topics(struct session *s, struct aq_err *err)
{
    int rc = 0;
    for (size_t i = 0; i < s->n_doomed && rc == 0; i++) {
        rc = s->ops->admin_delete_topic(s->admin, s->doomed[i], ADMIN_TIMEOUT_MS, err);
        if (rc == AQ_E_UNKNOWN_TOPIC) rc = 0;
        if (rc == 0) rc = wait_until_gone(s, s->doomed[i], err);
    }
    return rc;
}

static int reset(struct session *s, FILE *out, struct aq_err *err)
{
    int rc = connect_cluster(s, err);
    if (rc == 0) rc = look_up(s, err);
    if (rc == 0) rc = make_tasks(s, err);
    if (rc == 0) rc = find_moves(s, err);
    if (rc != 0) return rc;
    find_doomed(s);
    say(s, out);
    if (s->request->plan) return 0;
    rc = write_slots(s, err);
    if (rc == 0) rc = commit_offsets(s, err);
    return rc == 0 ? delete_topics(s, err) : rc;
}

int st_reset_app(const struct kc_ops *ops, const struct st_settings *settings,
                 const struct st_topology *topology, const struct st_reset_request *request, FILE *out,
                 struct aq_err *err)
{
    AQ_ASSERT(ops && settings->cluster && topology && request && out);
    struct session s = {
        .ops = ops, .settings = settings, .flow = &settings->flow, .topology = topology, .request = request};
    aq_arena_init(&s.arena, 8192);
    int rc = reset(&s, out, err);
    close_session(&s);
    return rc == 0 ? 0 : aq_err_in(err, "application %s", settings->application_id);
}
