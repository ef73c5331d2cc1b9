/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the simulation: a world with its clock and its clusters, and the broker's side of a cluster: topics,
 * transactional ids, groups. What clients hold is in client.h.
 *
 * Threads: the world's one. Times are of the world's clock, in microseconds.
 */
#ifndef AQ_KAFKA_SIM_WORLD_H
#define AQ_KAFKA_SIM_WORLD_H

#include "base/assert.h"
#include "kafka/sim.h"
#include "kafka/sim/log.h"

#define SIM_NEVER              INT64_MAX
#define SIM_MAX_MESSAGE_BYTES  1048588 /* Kafka's default of max.message.bytes */
#define SIM_MAX_TXN_TIMEOUT_MS 900000  /* Kafka's default of transaction.max.timeout.ms */

/* ---- topics (topic.c) ----------------------------------------------------------------------------------------------- */

struct sim_read; /* what kc_sim_read has numbered (driver.c) */

struct sim_topic {
    char *name;
    char id[KC_ID_MAX];
    struct sim_log **logs;
    int32_t partitions;
    struct kc_config_entry *configs;
    size_t n_configs;
    int64_t max_message_bytes;
    int64_t max_ahead_ms; /* of a record's timestamp before the wall clock */
    bool append_time;
    int32_t next_keyless; /* kc_sim_append */
    struct sim_read *read;
};

/* ---- transactional ids (coordinator.c) ------------------------------------------------------------------------------ */

struct sim_group;

struct sim_txn {
    struct sim_txn *next;
    char *id;
    int64_t producer_id;
    int32_t epoch;
    bool open;
    int64_t timeout_us;
    int64_t until_us; /* while open: aborted by then */
    struct sim_log **logs;
    size_t n_logs;
    size_t cap_logs;
    struct sim_group **groups; /* with offsets pending */
    size_t n_groups;
    size_t cap_groups;
};

/* ---- groups (group.c, offsets.c) ------------------------------------------------------------------------------------- */

struct sim_offset {
    char *topic;
    int32_t partition;
    int64_t offset;
    char *metadata;      /* "" for none */
    int64_t producer_id; /* of a pending one; -1: committed */
};

/* A member as the coordinator sees it. */
struct sim_seat {
    char *member_id;
    char *client_id;
    char *instance_id; /* NULL: dynamic */
    char *topic;
    int64_t session_us;
    int64_t rebalance_us; /* how long it may take to join again */
    int64_t until_us;     /* the session's end unless it is heard of */
    bool joined;          /* while the group is preparing */
    int32_t known_partitions;
    int32_t *partitions; /* assigned */
    size_t n_partitions;
};

struct sim_group {
    struct sim_group *next;
    struct sim_cluster *cluster;
    char *id;
    int32_t generation;
    bool preparing;
    int64_t preparing_until_us;
    struct sim_seat **seats;
    size_t n_seats;
    size_t cap_seats;
    struct sim_offset *offsets; /* committed and pending ones */
    size_t n_offsets;
    size_t cap_offsets;
};

/* ---- clusters and worlds (world.c) ---------------------------------------------------------------------------------- */

struct sim_cluster {
    struct sim_cluster *next;
    struct kc_sim *sim;
    uint32_t id;
    char *name;
    char cluster_id[KC_ID_MAX];
    struct kc_cluster face;
    struct sim_topic **topics; /* sorted by name */
    size_t n_topics;
    size_t cap_topics;
    struct sim_topic *last_topic; /* found last */
    struct sim_txn *txns;
    struct sim_group *groups;
    int64_t next_producer_id;
    struct kc_producer *producers; /* open handles */
    struct kc_member *members;
};

struct kc_sim {
    struct kc_sim *next;
    const void *thread; /* sim_this_thread() of the one that opened it */
    struct aq_virtual_clock clock;
    struct aq_arena arena;
    struct sim_cluster *clusters;
    uint64_t rng;
    uint64_t seq;
    int64_t latency_us;
    bool keep_order;
    int64_t due_us; /* nothing happens by itself before; may be too early */
    size_t handles;
};

/* Another address in each thread. */
extern _Thread_local char sim_thread_mark;
static inline const void *sim_this_thread(void)
{
    return &sim_thread_mark;
}

/* The cluster that brokers ("sim:<id>") names; NULL and UNREACHABLE when there is none. */
struct sim_cluster *sim_cluster_of(const struct kc_cluster *cluster, struct aq_err *err);

static inline int64_t sim_now(const struct sim_cluster *cluster)
{
    return cluster->sim->clock.mono_us;
}

static inline int64_t sim_wall_ms(const struct sim_cluster *cluster)
{
    return cluster->sim->clock.wall_us / AQ_MS;
}

/* Something will happen by itself at this time. */
static inline void sim_due(struct sim_cluster *cluster, int64_t at_us)
{
    if (at_us < cluster->sim->due_us) cluster->sim->due_us = at_us;
}

/* Lets happen what is due by now, in the order it was due. The first thing each call does. */
void sim_settle_due(struct kc_sim *sim);
static inline void sim_settle(struct sim_cluster *cluster)
{
    AQ_ASSERT(cluster->sim->thread == sim_this_thread());
    if (cluster->sim->due_us <= cluster->sim->clock.mono_us) sim_settle_due(cluster->sim);
}

/* A call waits: moves the clock to until_us, or to the next thing that happens by itself before. False when until_us had
 * been reached already. */
bool sim_wait(struct sim_cluster *cluster, int64_t until_us);

uint64_t sim_random(struct kc_sim *sim);
uint64_t sim_random_below(struct kc_sim *sim, uint64_t bound);
/* 22 letters and digits, as Kafka writes its ids. */
void sim_random_id(struct kc_sim *sim, char ret[KC_ID_MAX]);

/* ---- topics --------------------------------------------------------------------------------------------------------- */

struct sim_topic *sim_topic_find(struct sim_cluster *cluster, const char *name);
/* The partition's log; NULL when there is none. */
struct sim_log *sim_log_find(struct sim_cluster *cluster, const char *topic, int32_t partition);
int32_t sim_topic_partitions(struct sim_cluster *cluster, const char *topic); /* 0: no such topic */
int sim_topic_create(struct sim_cluster *cluster, const struct kc_topic_spec *spec, struct aq_err *err);
int sim_topic_grow(struct sim_cluster *cluster, const char *name, int32_t partitions, struct aq_err *err);
int sim_topic_delete(struct sim_cluster *cluster, const char *name, struct aq_err *err);
const char *sim_topic_config(const struct sim_topic *topic, const char *name); /* NULL: not set */
void sim_topics_finish(struct sim_cluster *cluster);
void sim_read_finish(struct sim_read *read);

/* ---- transactional ids ---------------------------------------------------------------------------------------------- */

/* InitProducerId: aborts what the id had open, and whoever used it before is fenced from now on. */
struct sim_txn *sim_txn_init(struct sim_cluster *cluster, const char *id, int64_t timeout_ms);
static inline bool sim_txn_holds(const struct sim_txn *txn, int64_t producer_id, int32_t epoch)
{
    return txn->producer_id == producer_id && txn->epoch == epoch;
}
/* The transaction covers this log, this group; opens it when it is the first. */
void sim_txn_add_log(struct sim_cluster *cluster, struct sim_txn *txn, struct sim_log *log);
void sim_txn_add_group(struct sim_cluster *cluster, struct sim_txn *txn, struct sim_group *group);
/* Writes the markers; nothing when none is open. */
void sim_txn_end(struct sim_cluster *cluster, struct sim_txn *txn, bool commit);
int64_t sim_txns_due(const struct sim_cluster *cluster);
void sim_txns_fire(struct sim_cluster *cluster, int64_t now);
void sim_txns_finish(struct sim_cluster *cluster);

/* ---- groups --------------------------------------------------------------------------------------------------------- */

struct sim_group *sim_group_find(struct sim_cluster *cluster, const char *id); /* NULL: unknown */
struct sim_group *sim_group_get(struct sim_cluster *cluster, const char *id);
struct sim_seat *sim_group_seat(const struct sim_group *group, const char *member_id);
struct sim_seat *sim_group_instance(const struct sim_group *group, const char *instance_id);
/* First join: returns the new seat. A static member that is still known gets its seat back under another member id. */
struct sim_seat *sim_group_join(struct sim_group *group, const struct kc_member_conf *conf);
void sim_group_rejoin(struct sim_group *group, struct sim_seat *seat);
void sim_group_leave(struct sim_group *group, struct sim_seat *seat);
/* All members have to join again. */
void sim_group_prepare(struct sim_group *group);
void sim_group_heartbeat(struct sim_group *group, struct sim_seat *seat);
/* 0, or FENCED: not a member, or of another generation. */
int sim_group_check(const struct sim_group *group, const char *member_id, int32_t generation);
int64_t sim_groups_due(const struct sim_cluster *cluster);
void sim_groups_fire(struct sim_cluster *cluster, int64_t now);
void sim_groups_finish(struct sim_cluster *cluster);

/* producer_id -1: committed at once; else pending until sim_offsets_end. */
void sim_offsets_put(struct sim_group *group, const char *topic, const struct kc_task_offset *offset,
                     int64_t producer_id);
void sim_offsets_end(struct sim_group *group, int64_t producer_id, bool commit);
const struct sim_offset *sim_offsets_find(const struct sim_group *group, const char *topic,
                                          int32_t partition);
bool sim_offsets_unstable(const struct sim_group *group, const char *topic, int32_t partition);
void sim_offsets_forget_topic(struct sim_cluster *cluster, const char *topic);
void sim_offsets_finish(struct sim_group *group);

#endif
