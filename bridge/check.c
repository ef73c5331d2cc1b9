/* SPDX-License-Identifier: Apache-2.0
 *
 * `check --connect`: what would go wrong on the clusters, found before the route runs.
 *
 * An ordinary pass: both clusters are reached; the topics the route takes are listed and their first partitions read at
 * the end (which needs the right to read, and disturbs nobody); the sink topics they go to are looked at; so are the
 * state topic's facts. For exactly_once a producer starts under a transactional id of its own, and, if the state topic
 * exists, a member of a group of its own offers a commit under a generation that cannot be current: a sink that takes it
 * does not fence.
 *
 * Nothing is written: no topic is created, no record sent, the group is not the route's. What only a write can show (the
 * right to write a topic) stays open, and is said so by the bridge when it happens.
 *
 * A failing pass: each finding is one line. Where a cluster does not answer, what needs it is left out.
 *
 * Threads: one caller. Everything blocks.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "bridge/bridge.h"
#include "kafka/report.h"
#include "kafka/state_topic.h"
#include "kafka/position.h"
#include "kafka/task_map.h"

#define ADMIN_TIMEOUT_MS      15000
#define COMMITTED_TIMEOUT_MS  3000
#define READ_MS               10000
#define GROUP_MS              30000
#define CLOSE_MS              3000
#define MOST_READ             64      /* topics whose right to read is tried */
#define DEFAULT_MESSAGE_BYTES 1048588 /* Kafka's max.message.bytes */

struct check {
    const struct kc_ops *ops;
    const struct br_route *route;
    struct kc_report report;
    struct aq_arena arena;
    struct kc_admin *source, *sink; /* NULL: not reached */
    char source_id[KC_ID_MAX], sink_id[KC_ID_MAX];
    struct kc_topics source_topics, sink_topics;
    bool has_state; /* the state topic exists */
};

/* ---- reaching them -------------------------------------------------------------------------------------------------- */

static struct kc_admin *reach(struct check *c, const char *role, const struct kc_cluster *cluster,
                              char id[KC_ID_MAX], struct kc_topics *topics)
{
    struct kc_admin *admin = NULL;
    struct aq_err err = {0};
    int rc = c->ops->admin_open(cluster, "aqueduct-check", &admin, &err);
    if (rc == 0) rc = c->ops->admin_connect(admin, cluster->connect_timeout_ms, id, &err);
    if (rc == 0) rc = c->ops->admin_topics(admin, ADMIN_TIMEOUT_MS, topics, &err);
    if (rc == 0) {
        kc_say(&c->report, KC_OK, "%s %s (%s): cluster id %s, %d broker%s, %zu topics", role, cluster->name,
               cluster->brokers, id, topics->brokers, topics->brokers == 1 ? "" : "s", topics->count);
        return admin;
    }
    kc_say(&c->report, KC_ERROR, "%s %s (%s): %s", role, cluster->name, cluster->brokers, err.text);
    if (admin) c->ops->admin_close(admin);
    return NULL;
}

/* ---- topics --------------------------------------------------------------------------------------------------------- */

/* What the source allows for the config, or Kafka's default. 0: unknown. */
static int64_t message_bytes(struct check *c, struct kc_admin *admin, const char *topic)
{
    struct aq_err ignored;
    struct kc_config_entry entry = {.name = "max.message.bytes"};
    if (c->ops->admin_topic_configs(admin, topic, &entry, 1, &c->arena, ADMIN_TIMEOUT_MS, &ignored) != 0)
        return 0;
    return entry.value ? strtoll(entry.value, NULL, 10) : DEFAULT_MESSAGE_BYTES;
}

static void check_sizes(struct check *c, const char *from, const char *to)
{
    int64_t source = message_bytes(c, c->source, from), sink = message_bytes(c, c->sink, to);
    if (source == 0 || sink == 0 || source <= sink) return;
    kc_say(&c->report, KC_WARN,
           "topic %s: the source takes records of up to %" PRId64 " bytes, %s on the sink only %" PRId64
           " (max.message.bytes); larger ones are for errors.tolerance",
           from, source, to, sink);
}

static void check_sink_topic(struct check *c, const char *name, const char *from, int32_t partitions)
{
    const struct br_route *route = c->route;
    const struct kc_topic *topic = kc_topics_find(&c->sink_topics, name);
    if (topic && topic->error == AQ_E_DENIED) {
        kc_say(&c->report, KC_ERROR, "sink topic %s may not be described: allow Describe on it", name);
        return;
    }
    if (!topic || topic->partitions == 0) {
        if (route->create_topics)
            kc_say(&c->report, KC_OK, "sink topic %s will be created with %d partitions", name, partitions);
        else
            kc_say(&c->report, KC_ERROR, "sink topic %s does not exist, and create_topics = false", name);
        return;
    }
    bool short_of = route->partitioning == BR_PARTITION_SOURCE && from && topic->partitions < partitions;
    if (short_of && route->grow_topics)
        kc_say(&c->report, KC_WARN, "sink topic %s has %d partitions and will be given %d, as its source has",
               name, topic->partitions, partitions);
    else if (short_of)
        kc_say(&c->report, KC_ERROR,
               "sink topic %s has %d partitions, its source %d, and grow_topics = false", name,
               topic->partitions, partitions);
    if (from) check_sizes(c, from, name);
}

static void check_missing(struct check *c)
{
    const char *const *names;
    size_t n = br_topic_filter_literals(c->route->filter, &names);
    for (size_t i = 0; i < n; i++) {
        const struct kc_topic *topic = kc_topics_find(&c->source_topics, names[i]);
        if (!br_topic_filter_takes(c->route->filter, names[i])) continue;
        if (!topic)
            kc_say(&c->report, KC_WARN,
                   "source topic %s does not exist, or may not be described; the route would wait for it",
                   names[i]);
        else if (topic->error != 0)
            kc_say(&c->report, KC_ERROR, "source topic %s: %s", names[i], aq_code_text(topic->error));
    }
}

static bool is_taken(const struct check *c, const struct kc_topic *topic)
{
    return topic->error == 0 && topic->partitions > 0 && br_topic_filter_takes(c->route->filter, topic->name);
}

static void check_topics(struct check *c)
{
    size_t taken = 0;
    int64_t partitions = 0;
    check_missing(c);
    for (size_t i = 0; i < c->source_topics.count; i++) {
        const struct kc_topic *topic = &c->source_topics.list[i];
        if (!is_taken(c, topic)) continue;
        taken++;
        partitions += topic->partitions;
        char name[256];
        if (!c->sink) continue;
        if (xf_chain_map_topic(c->route->chain, topic->name, name, sizeof(name)))
            check_sink_topic(c, name, topic->name, topic->partitions);
    }
    if (taken == 0)
        kc_say(&c->report, KC_WARN, "no topic of the source matches topics and exclude");
    else
        kc_say(&c->report, KC_OK, "%zu source topics with %" PRId64 " partitions", taken, partitions);
}

/* ---- the right to read ---------------------------------------------------------------------------------------------- */

struct probe {
    const struct kc_topic *topic;
    bool answered;
};

/* Hears one event or record; either proves the right to read, unless it says the opposite. */
static void hear_probe(struct check *c, struct kc_consumer *consumer, size_t *left)
{
    struct kc_event event;
    struct aq_batch *batch = c->ops->consumer_poll(consumer, aq_mono_us(), 50);
    struct probe *probe = batch ? batch->owner : NULL;
    if (probe && !probe->answered) {
        probe->answered = true;
        (*left)--;
    }
    if (batch) aq_batch_release(batch);
    while (c->ops->consumer_event(consumer, &event)) {
        probe = event.owner;
        if (!probe || probe->answered) continue;
        if (event.kind == KC_EVENT_PARTITION && event.code != AQ_E_DENIED) continue; /* a leader that moves */
        if (event.kind == KC_EVENT_PARTITION)
            kc_say(&c->report, KC_ERROR, "source topic %s may not be read: %s", probe->topic->name,
                   event.text);
        probe->answered = true;
        (*left)--;
    }
}

static size_t assign_probes(struct check *c, struct kc_consumer *consumer, struct probe *probes)
{
    size_t n = 0;
    for (size_t i = 0; i < c->source_topics.count && n < MOST_READ; i++) {
        const struct kc_topic *topic = &c->source_topics.list[i];
        int64_t low, high;
        struct aq_err err = {0};
        if (!is_taken(c, topic)) continue;
        int rc = c->ops->admin_watermarks(c->source, topic->name, 0, ADMIN_TIMEOUT_MS, &low, &high, &err);
        probes[n].topic = topic;
        if (rc == 0) rc = c->ops->consumer_assign(consumer, topic->name, 0, high, &probes[n], &err);
        if (rc == 0)
            n++;
        else
            kc_say(&c->report, KC_ERROR, "source topic %s: %s", topic->name, err.text);
    }
    return n;
}

static void check_reading(struct check *c)
{
    const struct kc_consumer_conf conf = {.client_id = "aqueduct-check",
                                          .group_id = c->route->group,
                                          .read_committed = !c->route->read_uncommitted,
                                          .queue_bytes = 1 << 20,
                                          .batch_records = 1};
    struct aq_names names;
    struct kc_consumer *consumer;
    struct aq_err err = {0};
    aq_names_init(&names);
    if (c->ops->consumer_open(c->route->source, &conf, &names, &consumer, &err) != 0) {
        kc_say(&c->report, KC_ERROR, "reading the source: %s", err.text);
        aq_names_finish(&names);
        return;
    }
    struct probe probes[MOST_READ] = {0};
    size_t n = assign_probes(c, consumer, probes), left = n, before = c->report.errors;
    int64_t deadline = aq_mono_us() + READ_MS * AQ_MS;
    while (left > 0 && aq_mono_us() < deadline) hear_probe(c, consumer, &left);
    for (size_t i = 0; i < n; i++)
        if (!probes[i].answered)
            kc_say(&c->report, KC_WARN, "source topic %s gave no answer within %d s", probes[i].topic->name,
                   READ_MS / 1000);
    if (n > 0 && left == 0 && c->report.errors == before)
        kc_say(&c->report, KC_OK, "source topics can be read (%zu tried)", n);
    c->ops->consumer_close(consumer, CLOSE_MS);
    aq_names_finish(&names);
}

/* ---- the state topic and the group ---------------------------------------------------------------------------------- */

static void check_facts(struct check *c)
{
    const struct br_route *route = c->route;
    struct kc_route_facts stored,
        ours = {.route = route->name, .tasks = (int32_t)route->tasks, .map_version = KC_TASK_MAP_VERSION};
    int64_t low, high;
    bool found = false;
    struct aq_err err = {0};
    int rc = c->ops->admin_watermarks(c->sink, route->state_topic, 0, ADMIN_TIMEOUT_MS, &low, &high, &err);
    if (rc == 0) rc = kc_state_topic_facts(c->ops, &route->flow, low, high, &c->arena, &stored, &found, &err);
    if (rc == 0 && found) {
        memcpy(ours.sink_id, c->sink_id, sizeof(ours.sink_id));
        memcpy(ours.source_id, c->source ? c->source_id : stored.source_id, sizeof(ours.source_id));
        rc = kc_facts_check(&stored, &ours, &err);
    }
    if (rc != 0)
        kc_say(&c->report, KC_ERROR, "state topic %s: %s", route->state_topic, err.text);
    else
        kc_say(&c->report, KC_OK, "state topic %s belongs to this route", route->state_topic);
}

static void check_state(struct check *c)
{
    const struct br_route *route = c->route;
    const struct kc_topic *topic = kc_topics_find(&c->sink_topics, route->state_topic);
    if (topic && topic->error != 0) {
        kc_say(&c->report, KC_ERROR, "state topic %s: %s", route->state_topic, aq_code_text(topic->error));
        return;
    }
    if (!topic) {
        kc_say(&c->report, KC_OK,
               "state topic %s will be created with %" PRId64 " partitions: the route has not run yet",
               route->state_topic, route->tasks);
        return;
    }
    c->has_state = topic->partitions == route->tasks;
    if (!c->has_state)
        kc_say(&c->report, KC_ERROR,
               "state topic %s has %d partitions, the route tasks = %" PRId64 "; the number cannot change",
               route->state_topic, topic->partitions, route->tasks);
    else
        check_facts(c);
}

static void check_group(struct check *c)
{
    int32_t members;
    struct aq_err err = {0};
    if (c->ops->admin_group_members(c->sink, c->route->group, ADMIN_TIMEOUT_MS, &members, &err) != 0)
        kc_say(&c->report, KC_ERROR, "group %s: %s", c->route->group, err.text);
    else
        kc_say(&c->report, KC_OK, "group %s has %d member%s", c->route->group, members,
               members == 1 ? "" : "s");
}

/* ---- exactly_once --------------------------------------------------------------------------------------------------- */

/* Waits until the producer is in none of its slow states; the code of what has just ended. */
static int settle(struct check *c, struct kc_producer *producer, enum kc_txn_state *ret, struct aq_err *err)
{
    int64_t deadline = aq_mono_us() + GROUP_MS * AQ_MS;
    for (;;) {
        int code = 0;
        *ret = c->ops->txn_poll(producer, &code, NULL, err);
        if (*ret != KC_TXN_STARTING && *ret != KC_TXN_COMMITTING && *ret != KC_TXN_ABORTING) return code;
        if (aq_mono_us() > deadline)
            return aq_fail(err, AQ_E_TIMEOUT, "no answer within %d s", GROUP_MS / 1000);
        aq_sleep_ms(5);
    }
}

/* A membership in a group of our own; NULL after a complaint. The member is the caller's either way. */
static struct kc_membership *join(struct check *c, const char *group, struct kc_member **ret)
{
    const struct kc_member_conf conf = {.client_id = "aqueduct-check",
                                        .group_id = group,
                                        .topic = c->route->state_topic,
                                        .session_timeout_ms = c->route->session_timeout_ms,
                                        .max_poll_interval_ms = 300000};
    struct aq_err err = {0};
    struct kc_member_event event = {0};
    *ret = NULL;
    if (c->ops->member_open(c->route->sink, &conf, ret, &err) != 0) {
        kc_say(&c->report, KC_ERROR, "group %s: %s", group, err.text);
        return NULL;
    }
    int64_t deadline = aq_mono_us() + GROUP_MS * AQ_MS;
    while (aq_mono_us() < deadline) {
        if (!c->ops->member_poll(*ret, &event)) {
            aq_sleep_ms(5);
            continue;
        }
        if (event.kind != KC_MEMBER_ERROR) c->ops->member_answer(*ret, &err);
        if (event.kind == KC_MEMBER_ASSIGNED) return c->ops->member_membership(*ret);
        if (event.kind == KC_MEMBER_ERROR && aq_code_class(event.code) == AQ_CLASS_CONFIG) break;
    }
    kc_say(&c->report, KC_ERROR, "group %s could not be joined: %s", group,
           event.kind == KC_MEMBER_ERROR ? event.text : "no answer of its coordinator");
    return NULL;
}

/* The protocol versions the client agreed on with the brokers; see struct kc_seen_versions. */
static bool versions_suffice(struct check *c, struct kc_producer *producer, const char *group)
{
    struct kc_seen_versions sent = {-1, -1}, read = {-1, -1};
    struct kc_reader *reader;
    struct kc_pointer pointer = {.partition = 0, .offset = -1};
    struct aq_err err = {0};
    if (c->ops->reader_open(c->route->sink, "aqueduct-check", group, &reader, &err) != 0) {
        kc_say(&c->report, KC_ERROR, "group %s: %s", group, err.text);
        return false;
    }
    int rc = c->ops->reader_committed(reader, c->route->state_topic, &pointer, 1, COMMITTED_TIMEOUT_MS, &err);
    c->ops->reader_seen_versions(reader, &read);
    c->ops->producer_seen_versions(producer, &sent);
    c->ops->reader_close(reader, CLOSE_MS);
    if (rc != 0)
        kc_say(&c->report, KC_ERROR, "group %s: %s", group, err.text);
    else if (sent.txn_offset_commit < 3 || read.offset_fetch < 7)
        kc_say(
            &c->report, KC_ERROR,
            "the sink is too old for exactly_once: it speaks TxnOffsetCommit %d and OffsetFetch %d, needed are 3 and 7",
            sent.txn_offset_commit, read.offset_fetch);
    else
        return true;
    return false;
}

/* Offers a commit that must be refused. */
static void check_fencing(struct check *c, struct kc_producer *producer, struct kc_membership *membership,
                          const char *group)
{
    struct aq_err err = {0};
    enum kc_txn_state state;
    const struct kc_task_offset offset = {.partition = 0, .offset = 0, .metadata = ""};
    struct kc_membership *forged = c->ops->membership_forge(membership);
    int rc = c->ops->txn_begin(producer, &err);
    if (rc == 0) rc = c->ops->txn_commit(producer, forged, c->route->state_topic, &offset, 1, &err);
    if (rc == 0) rc = settle(c, producer, &state, &err);
    c->ops->membership_unref(forged);
    if (rc == 0) {
        kc_say(
            &c->report, KC_ERROR,
            "the sink committed offsets for a group generation that does not exist: it cannot fence, and so not "
            "carry exactly_once");
        return;
    }
    if (rc != AQ_E_FENCED) {
        kc_say(&c->report, KC_ERROR, "self-test of exactly_once: %s", err.text);
        return;
    }
    if (!versions_suffice(c, producer, group)) return;
    kc_say(&c->report, KC_OK, "the sink fences stale instances: exactly_once holds");
    if (c->ops->txn_abort(producer, &err) == 0) settle(c, producer, &state, &err);
}

static void check_group_of_our_own(struct check *c, struct kc_producer *producer)
{
    const char *group = aq_arena_printf(&c->arena, "%s.check.%d", c->route->group, (int)getpid());
    struct kc_member *member;
    struct kc_membership *membership = join(c, group, &member);
    if (membership) {
        check_fencing(c, producer, membership, group);
        c->ops->membership_unref(membership);
    }
    if (member) c->ops->member_close(member, CLOSE_MS);
}

static void check_exactly_once(struct check *c)
{
    struct kc_producer *producer;
    struct aq_err err = {0};
    enum kc_txn_state state;
    const struct kc_producer_conf conf = {
        .client_id = "aqueduct-check",
        .transactional_id = aq_arena_printf(&c->arena, "aqueduct.%s.check.%d", c->route->name, (int)getpid()),
        .transaction_timeout_ms = c->route->transaction_timeout_ms,
        .batch_bytes = 65536,
        .queue_bytes = 65536,
        .compression = "none"};
    int rc = c->ops->producer_open(c->route->sink, &conf, &producer, &err);
    if (rc != 0) {
        kc_say(&c->report, KC_ERROR, "transactional producer: %s", err.text);
        return;
    }
    rc = settle(c, producer, &state, &err);
    if (rc != 0 || state != KC_TXN_READY)
        kc_say(&c->report, KC_ERROR, "transactional producer %s: %s", conf.transactional_id,
               err.text[0] ? err.text : "could not start");
    else if (!c->has_state)
        kc_say(&c->report, KC_OK,
               "transactions are allowed; whether the sink fences is tested when the state topic exists");
    else
        check_group_of_our_own(c, producer);
    struct aq_batch *none = NULL;
    c->ops->producer_close(producer, CLOSE_MS, &none);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

size_t br_route_check_connected(const struct kc_ops *ops, const struct br_route *route, FILE *out)
{
    AQ_ASSERT(ops && route && route->filter && route->chain && out);
    struct check c = {.ops = ops, .route = route, .report = {.out = out}};
    aq_arena_init(&c.arena, 4096);
    c.source = reach(&c, "source", route->source, c.source_id, &c.source_topics);
    c.sink = reach(&c, "sink", route->sink, c.sink_id, &c.sink_topics);
    if (c.source && c.sink && strcmp(c.source_id, c.sink_id) == 0)
        kc_say(&c.report, KC_WARN,
               "source and sink are the same cluster: only topics that the chain renames can be mirrored");
    if (c.source) {
        check_topics(&c);
        check_reading(&c);
    }
    if (c.sink) {
        if (route->tolerance == BR_ERRORS_DEAD_LETTER)
            check_sink_topic(&c, route->dead_letter_topic, NULL, 1);
        check_state(&c);
        check_group(&c);
        if (route->delivery == BR_EXACTLY_ONCE) check_exactly_once(&c);
    }
    if (c.source) {
        aq_arena_finish(&c.source_topics.arena);
        ops->admin_close(c.source);
    }
    if (c.sink) {
        aq_arena_finish(&c.sink_topics.arena);
        ops->admin_close(c.sink);
    }
    aq_arena_finish(&c.arena);
    return c.report.errors;
}
