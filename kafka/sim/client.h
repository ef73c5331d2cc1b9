/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the simulation, the clients' side: the functions behind struct kc_ops, named as there, and what of a handle
 * more than one file needs.
 */
#ifndef AQ_KAFKA_SIM_CLIENT_H
#define AQ_KAFKA_SIM_CLIENT_H

#include "kafka/sim/world.h"

/* Opens and closes are counted: a world is not closed under its handles. */
static inline struct sim_cluster *sim_handle_open(const struct kc_cluster *cluster, struct aq_err *err)
{
    struct sim_cluster *found = sim_cluster_of(cluster, err);
    if (found) found->sim->handles++;
    return found;
}

static inline void sim_handle_close(struct sim_cluster *cluster)
{
    cluster->sim->handles--;
}

/* ---- admin.c -------------------------------------------------------------------------------------------------------- */

int sim_admin_open(const struct kc_cluster *cluster, const char *client_id, struct kc_admin **ret,
                   struct aq_err *err);
void sim_admin_close(struct kc_admin *admin);
int sim_admin_connect(struct kc_admin *admin, int64_t timeout_ms, char ret_cluster_id[KC_ID_MAX],
                      struct aq_err *err);
int sim_admin_topics(struct kc_admin *admin, int64_t timeout_ms, struct kc_topics *ret, struct aq_err *err);
int sim_admin_create_topic(struct kc_admin *admin, const struct kc_topic_spec *spec, int64_t timeout_ms,
                           struct aq_err *err);
int sim_admin_grow_topic(struct kc_admin *admin, const char *topic, int32_t partitions, int64_t timeout_ms,
                         struct aq_err *err);
int sim_admin_topic_configs(struct kc_admin *admin, const char *topic, struct kc_config_entry *entries,
                            size_t n, struct aq_arena *arena, int64_t timeout_ms, struct aq_err *err);
int sim_admin_watermarks(struct kc_admin *admin, const char *topic, int32_t partition, int64_t timeout_ms,
                         int64_t *ret_low, int64_t *ret_high, struct aq_err *err);
int sim_admin_ends(struct kc_admin *admin, struct kc_end *list, size_t n, int64_t timeout_ms,
                   struct aq_err *err);
int sim_admin_offset_for_time(struct kc_admin *admin, const char *topic, int32_t partition,
                              int64_t timestamp_ms, int64_t timeout_ms, int64_t *ret_offset,
                              struct aq_err *err);
int sim_admin_delete_records(struct kc_admin *admin, const struct kc_before *list, size_t n,
                             int64_t timeout_ms, struct aq_err *err);
int sim_admin_delete_topic(struct kc_admin *admin, const char *topic, int64_t timeout_ms, struct aq_err *err);
int sim_admin_group_members(struct kc_admin *admin, const char *group, int64_t timeout_ms,
                            int32_t *ret_members, struct aq_err *err);
int sim_admin_describe_group(struct kc_admin *admin, const char *group, const char *topic, int64_t timeout_ms,
                             struct kc_group *ret, struct aq_err *err);

/* ---- consumer.c, batch.c -------------------------------------------------------------------------------------------- */

struct sim_part {
    const struct aq_name *topic;
    int32_t partition;
    struct sim_log *log; /* as found last; NULL: not yet, or it is gone */
    int64_t next;        /* offset to read next; KC_OFFSET_EARLIEST until the log is found */
    int64_t eof_at;      /* where the end was told; -1: not yet */
    int64_t known_end;
    bool halted;  /* out of range, told: until it is assigned again */
    bool missing; /* no such partition, told */
    void *owner;
};

struct kc_consumer {
    struct sim_cluster *cluster;
    struct aq_names *names;
    bool committed;
    uint32_t batch_records;
    uint64_t batch_bytes;
    struct sim_part *parts; /* assigned, in no order */
    size_t n_parts;
    size_t cap_parts;
    size_t turn; /* where the next poll begins to look */
    struct kc_event *events;
    size_t first_event;
    size_t n_events;
    size_t cap_events;
    struct aq_batch_pool batches;
};

int sim_consumer_open(const struct kc_cluster *cluster, const struct kc_consumer_conf *conf,
                      struct aq_names *names, struct kc_consumer **ret, struct aq_err *err);
void sim_consumer_close(struct kc_consumer *consumer, int64_t deadline_ms);
int sim_consumer_assign(struct kc_consumer *consumer, const char *topic, int32_t partition, int64_t offset,
                        void *owner, struct aq_err *err);
int sim_consumer_unassign(struct kc_consumer *consumer, const char *topic, int32_t partition,
                          struct aq_err *err);
struct aq_batch *sim_consumer_poll(struct kc_consumer *consumer, int64_t now, int wait_ms);
bool sim_consumer_event(struct kc_consumer *consumer, struct kc_event *ret);
int64_t sim_consumer_known_end(struct kc_consumer *consumer, const char *topic, int32_t partition);

extern const struct aq_batch_source sim_batch_source;
/* A batch for this partition that pins the segment. */
struct aq_batch *sim_batch_take(struct kc_consumer *consumer, const struct sim_part *part,
                                struct sim_segment *segment);
void sim_batch_append(struct aq_batch *batch, struct sim_entry *entry, int64_t offset);

/* ---- member.c, membership.c ----------------------------------------------------------------------------------------- */

struct kc_membership {
    unsigned refs;
    char *group_id;
    char *member_id;
    int32_t generation;
};

struct kc_membership *sim_membership_new(const char *group_id, const char *member_id, int32_t generation);
struct kc_membership *sim_membership_ref(struct kc_membership *membership); /* NULL stays NULL */
void sim_membership_unref(struct kc_membership *membership);
struct kc_membership *sim_membership_forge(const struct kc_membership *membership);

int sim_member_open(const struct kc_cluster *cluster, const struct kc_member_conf *conf,
                    struct kc_member **ret, struct aq_err *err);
bool sim_member_poll(struct kc_member *member, struct kc_member_event *ret);
int sim_member_answer(struct kc_member *member, struct aq_err *err);
struct kc_membership *sim_member_membership(struct kc_member *member);
int sim_member_commit(struct kc_member *member, const struct kc_task_offset *offsets, size_t n,
                      struct aq_err *err);
bool sim_member_commit_poll(struct kc_member *member, int *ret_code);
void sim_member_close(struct kc_member *member, int64_t deadline_ms);
bool sim_members_busy(const struct sim_cluster *cluster);

/* Offsets that outlive the call: copies, all with a topic. */
struct sim_offset_list {
    struct aq_arena arena;
    struct kc_task_offset *list;
    size_t n;
};
void sim_offset_list_fill(struct sim_offset_list *ret, const char *topic,
                          const struct kc_task_offset *offsets, size_t n);
void sim_offset_list_finish(struct sim_offset_list *list);

/* ---- producer.c, send.c, txn.c -------------------------------------------------------------------------------------- */

/* An own record, with its bytes behind it. */
struct sim_own {
    struct kc_ack *ack;
    struct aq_slice key;
    struct aq_slice value;
    int64_t timestamp;
    int32_t partition;
    const char *topic;
    char bytes[];
};

/* A record on its way: rec or own. */
struct sim_sent {
    struct aq_record *rec;
    struct sim_own *own;
    int64_t due_us; /* when it is in the log */
    int64_t offset; /* once it has arrived */
    int code;
    bool echo; /* thrown away because another one failed */
};

struct kc_producer {
    struct kc_producer *next;
    struct sim_cluster *cluster;
    bool transactional;
    uint64_t max_bytes;
    uint64_t max_records;
    size_t request_records; /* most records of one request, which is refused as a whole */

    struct sim_sent *sent; /* [first, arrived): to be reported; [arrived, count): on their way */
    size_t first;
    size_t arrived;
    size_t count;
    size_t cap;
    uint64_t in_flight_bytes;
    struct aq_batch *done_first;
    struct aq_batch *done_last;
    uint64_t acked_records;
    uint64_t acked_bytes;
    struct kc_failure failure;
    bool failure_is_echo;
    bool purging;
    bool undelivered; /* since the last begin */

    /* transactions */
    char *transactional_id;
    int64_t timeout_ms;
    struct sim_txn *txn;
    int64_t producer_id;
    int32_t epoch;
    enum kc_txn_state state;
    unsigned polls; /* of the slow call under way */
    int64_t started_us;
    bool fenced;     /* the cluster has refused the epoch: nothing goes on */
    bool failing;    /* the open transaction can only be aborted */
    bool unanswered; /* the commit's offsets were not all taken: they are sent again and again */
    bool touched;    /* the coordinator has heard of the open transaction */
    bool tainted;
    struct kc_membership *membership; /* of the commit under way */
    struct sim_offset_list offsets;
    bool has_result;
    int result;
    char result_text[512];
    struct kc_seen_versions seen;
};

int sim_producer_open(const struct kc_cluster *cluster, const struct kc_producer_conf *conf,
                      struct kc_producer **ret, struct aq_err *err);
void sim_producer_close(struct kc_producer *producer, int64_t deadline_ms, struct aq_batch **ret_batches);
int sim_producer_send(struct kc_producer *producer, struct aq_batch *batch, struct aq_err *err);
int sim_producer_send_own(struct kc_producer *producer, const char *topic, int32_t partition,
                          struct aq_slice key, struct aq_slice value, struct kc_ack *ack, struct aq_err *err);
void sim_producer_drain(struct kc_producer *producer, int wait_ms, struct kc_drained *ret);
uint64_t sim_producer_in_flight(const struct kc_producer *producer, uint64_t *ret_bytes);
const struct kc_failure *sim_producer_failure(const struct kc_producer *producer);
void sim_producer_forget_failure(struct kc_producer *producer);
void sim_producer_seen_versions(const struct kc_producer *producer, struct kc_seen_versions *ret);

int64_t sim_producers_due(const struct sim_cluster *cluster);
void sim_producers_fire(struct sim_cluster *cluster, int64_t now);
bool sim_producers_busy(const struct sim_cluster *cluster);

/* Writes what was sent up to a time into the logs. */
void sim_producer_arrive(struct kc_producer *producer, int64_t until_us);
/* Hands out the reports of what has arrived. */
void sim_producer_report(struct kc_producer *producer);
/* A part of what is on its way arrives, which the seed decides; the rest never will. */
void sim_producer_arrive_partly(struct kc_producer *producer);
/* Throws away what is still on its way (how much of it the cluster got all the same, the seed decides) and reports all. */
void sim_producer_purge(struct kc_producer *producer);
void sim_producer_finish_batch(struct kc_producer *producer, struct aq_batch *batch);

int sim_txn_begin(struct kc_producer *producer, struct aq_err *err);
int sim_txn_commit(struct kc_producer *producer, struct kc_membership *membership, const char *state_topic,
                   const struct kc_task_offset *offsets, size_t n, struct aq_err *err);
int sim_txn_abort(struct kc_producer *producer, struct aq_err *err);
enum kc_txn_state sim_txn_poll(struct kc_producer *producer, int *ret_code, int64_t *ret_started_us,
                               struct aq_err *err);
bool sim_txn_tainted(const struct kc_producer *producer);
bool sim_txn_busy(const struct kc_producer *producer);
/* Ends the slow call under way, if there is one. */
void sim_txn_run_out(struct kc_producer *producer);
/* Leaves the slow call under way where the seed says. */
void sim_txn_abandon(struct kc_producer *producer);

/* ---- reader.c ------------------------------------------------------------------------------------------------------- */

int sim_reader_open(const struct kc_cluster *cluster, const char *client_id, const char *group_id,
                    struct kc_reader **ret, struct aq_err *err);
void sim_reader_close(struct kc_reader *reader, int64_t deadline_ms);
int sim_reader_committed(struct kc_reader *reader, const char *topic, struct kc_pointer *list, size_t n,
                         int64_t timeout_ms, struct aq_err *err);
int sim_reader_read(struct kc_reader *reader, const char *topic, struct kc_stored *list, size_t n,
                    int64_t timeout_ms, struct aq_arena *arena, struct aq_err *err);
int sim_reader_scan_last(struct kc_reader *reader, const char *topic, int32_t partition, struct aq_slice key,
                         int64_t end, int64_t timeout_ms, struct aq_arena *arena, struct kc_stored *ret,
                         struct aq_err *err);
int sim_reader_commit_stopped(struct kc_reader *reader, const char *topic, int32_t partition, int64_t offset,
                              const char *metadata, int64_t timeout_ms, struct aq_err *err);
void sim_reader_seen_versions(const struct kc_reader *reader, struct kc_seen_versions *ret);

#endif
