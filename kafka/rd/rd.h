/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to kafka/rd/: what the librdkafka implementation of struct kc_ops shares between its files.
 *
 * Every handle (admin, consumer, member, reader, producer) embeds a struct krd_client: the rd_kafka_t, the name of
 * its cluster for messages, and what the client's callbacks had to tell. Callbacks run on whatever thread polls and
 * only record (krd_note); the turn that owns the handle reads the notes.
 */
#ifndef AQ_KAFKA_RD_RD_H
#define AQ_KAFKA_RD_RD_H

#include <pthread.h>
#include <stdatomic.h>

#include <librdkafka/rdkafka.h>

#include "kafka/kafka.h"

/* Hexadecimal MMmmrrxx, as RD_KAFKA_VERSION. */
#define KRD_AT_LEAST(major, minor) (RD_KAFKA_VERSION >= (((major) << 24) | ((minor) << 16)))

/* ---- client.c: a handle, its callbacks, its end -------------------------------------------------------------------- */

enum krd_role { KRD_ADMIN, KRD_CONSUMER, KRD_MEMBER, KRD_READER, KRD_PRODUCER };

struct krd_note {
    int code;    /* an aq_code: UNREACHABLE, AUTH, DENIED, FENCED, FATAL */
    int rd_code; /* what librdkafka called it */
    int skip;    /* text + skip: librdkafka's own words, without our "cluster dc1: " */
    char text[256];
};

#define KRD_NOTES 64 /* a deleted topic says it once for each partition */

/* The API keys whose traffic is watched: they decide the outcome of a transaction, or carry the generation. */
enum krd_api {
    KRD_ADD_PARTITIONS,
    KRD_ADD_OFFSETS,
    KRD_END_TXN,
    KRD_TXN_OFFSET_COMMIT,
    KRD_OFFSET_FETCH,
    KRD_API_COUNT
};

struct krd_traffic {
    atomic_uint sent;     /* since the last krd_traffic_reset() */
    atomic_uint answered; /* by the broker, whatever it said */
    atomic_int version;   /* of the last one sent; -1 before */
};

struct krd_client {
    rd_kafka_t *rk;
    enum krd_role role;
    char *cluster;
    char *sasl_username; /* "" when none: see krd_wake() */
    char *sasl_password;
    atomic_bool quiet;    /* its log lines are for debugging only */
    void *self;           /* the handle around this client */
    pthread_mutex_t lock; /* guards notes and last */
    struct krd_note notes[KRD_NOTES];
    uint32_t first_note;
    uint32_t n_notes;
    struct krd_note last; /* the last complaint of any kind, for error texts */
    int64_t last_us;
    struct krd_traffic traffic[KRD_API_COUNT];
};

/* Takes conf over, also on failure. */
int krd_client_open(struct krd_client *client, const struct kc_cluster *cluster, enum krd_role role,
                    void *self, rd_kafka_conf_t *conf, struct aq_err *err);

/* Ends the handle on a thread of its own, after rd_kafka_consumer_close() when leave_group is set. False when that
 * was not through within deadline_ms: the handle is left behind, still alive, and so must be everything its callbacks
 * or its queues can reach. */
bool krd_client_close(struct krd_client *client, bool leave_group, int64_t deadline_ms);

/* Frees what krd_client_open() allocated; after a krd_client_close() that returned true. */
void krd_client_finish(struct krd_client *client);

/* Records (error callback, tests) and takes the oldest note. */
void krd_note(struct krd_client *client, int rd_code, const char *text);
bool krd_take_note(struct krd_client *client, struct krd_note *ret);
/* The last complaint not older than since_us; false when there is none. */
bool krd_last_note(struct krd_client *client, int64_t since_us, struct krd_note *ret);

void krd_traffic_reset(struct krd_client *client);
/* Requests sent since the reset whose answer never came. */
unsigned krd_traffic_unanswered(const struct krd_client *client, enum krd_api api);

/* ---- conf.c: configuration of a handle ----------------------------------------------------------------------------- */

/* Defaults, then the cluster's own properties as far as the role can use them, then what must not be otherwise. */
rd_kafka_conf_t *krd_conf_new(const struct kc_cluster *cluster, enum krd_role role, const char *client_id,
                              struct aq_err *err);
int krd_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct aq_err *err);
int krd_conf_set_int(rd_kafka_conf_t *conf, const char *name, int64_t value, struct aq_err *err);

/* ---- error.c: librdkafka's codes in our words ---------------------------------------------------------------------- */

/* An aq_code; `otherwise` for codes that mean nothing special. */
int krd_code(int rd_code, int otherwise);

/* What was tried, for the sentence: "cannot <verb> <resource> of cluster dc1: …", and for refusals
 * "DENIED: <need> on <resource> of cluster dc1". */
struct krd_try {
    const char *verb;
    const char *need;
};

int krd_fail(struct aq_err *err, const struct krd_client *client, int rd_code, const char *detail,
             struct krd_try what, const char *resource, ...) __attribute__((format(printf, 6, 7)));
/* The same from an error object, which it destroys. */
int krd_fail_error(struct aq_err *err, const struct krd_client *client, rd_kafka_error_t *error,
                   struct krd_try what, const char *resource, ...) __attribute__((format(printf, 5, 6)));

/* ---- consumer.c, batch.c, events.c --------------------------------------------------------------------------------- */

/* One partition that is or was assigned; found by (topic, partition), never removed from the table. */
struct krd_part {
    const struct aq_name *topic;
    int32_t partition;
    bool live;              /* assigned, or about to be */
    bool pending;           /* the client is told at the next poll, … */
    int64_t pending_offset; /* … to read from here */
    bool known;             /* its topic's leaders were asked for */
    int64_t next;           /* lowest offset that may still be handed out */
    void *owner;
};

struct krd_batch {
    struct aq_batch base; /* first: the two are cast into each other */
    uint32_t pins;        /* messages to destroy on release */
};

struct krd_events {
    struct kc_event *list;
    size_t first;
    size_t count;
    size_t cap;
};

struct kc_consumer {
    struct krd_client client;
    rd_kafka_queue_t *queue;
    struct aq_names *names;
    struct krd_part **parts; /* open addressing */
    size_t n_parts;
    size_t part_mask;
    rd_kafka_message_t *
        *messages; /* as fetched from the queue: [next_message, n_messages) is still to be handed out */
    size_t n_messages;
    size_t next_message;
    uint32_t batch_records;
    struct aq_batch_pool batches; /* those that are out are with the caller or in flight */
    struct krd_events events;
    int64_t nudged_us; /* see krd_consumer_nudge() */
    bool drained_some;
    uint64_t batch_bytes;
    size_t n_pending;    /* assignments the client is not told of yet */
    int64_t assigned_us; /* last assignment: its fetches must be woken, too */
};

int krd_consumer_open(const struct kc_cluster *cluster, const struct kc_consumer_conf *conf,
                      struct aq_names *names, struct kc_consumer **ret, struct aq_err *err);
void krd_consumer_close(struct kc_consumer *consumer, int64_t deadline_ms);
int krd_consumer_assign(struct kc_consumer *consumer, const char *topic, int32_t partition, int64_t offset,
                        void *owner, struct aq_err *err);
int krd_consumer_unassign(struct kc_consumer *consumer, const char *topic, int32_t partition,
                          struct aq_err *err);
struct aq_batch *krd_consumer_poll(struct kc_consumer *consumer, int64_t now, int wait_ms);
bool krd_consumer_event(struct kc_consumer *consumer, struct kc_event *ret);
int64_t krd_consumer_known_end(struct kc_consumer *consumer, const char *topic, int32_t partition);

/* The partition's row; NULL when it was never assigned. */
struct krd_part *krd_part_find(const struct kc_consumer *consumer, const struct aq_name *topic,
                               int32_t partition);

/* nudge.c: learns who leads the partitions of these topics before they are assigned; waits for the answer, a round trip.
 * The list is sorted; a partition that its topic does not have gets the err UNKNOWN_PARTITION in it. */
void krd_learn_leaders(struct krd_client *client, rd_kafka_topic_partition_list_t *list, int timeout_ms);
/* Wakes the handle's broker threads; nothing goes over the network. */
void krd_wake(struct krd_client *client);
/* Keeps the fetcher awake; at most every 2 ms, except before the owner waits for an empty queue. */
void krd_consumer_nudge(struct kc_consumer *consumer, int64_t now, bool going_to_wait);

extern const struct aq_batch_source krd_batch_source;
void krd_batch_append(struct aq_batch *batch, rd_kafka_message_t *message);
/* Gives headers that were moved to a producer message back to the record they came from. */
void krd_record_put_headers(struct aq_record *rec, rd_kafka_headers_t *headers);

void krd_events_add(struct krd_events *events, const struct kc_event *event);
bool krd_events_take(struct krd_events *events, struct kc_event *ret);
/* What was heard of a partition before it was assigned anew says nothing about it any more; nor does an end (ends_only)
 * when records from behind it are being handed out. */
void krd_events_forget(struct krd_events *events, const void *owner, bool ends_only);
void krd_events_finish(struct krd_events *events);
/* Turns an error message of the consumer queue into events; does not destroy it. */
void krd_events_from_message(struct kc_consumer *consumer, const rd_kafka_message_t *message);

/* ---- member.c ------------------------------------------------------------------------------------------------------ */

struct kc_membership {
    atomic_uint refs;
    rd_kafka_consumer_group_metadata_t *metadata;
    int32_t generation;
    char *group_id;
    char *member_id;
};

int krd_member_open(const struct kc_cluster *cluster, const struct kc_member_conf *conf,
                    struct kc_member **ret, struct aq_err *err);
bool krd_member_poll(struct kc_member *member, struct kc_member_event *ret);
int krd_member_answer(struct kc_member *member, struct aq_err *err);
struct kc_membership *krd_member_membership(struct kc_member *member);
int krd_member_commit(struct kc_member *member, const struct kc_task_offset *offsets, size_t n,
                      struct aq_err *err);
bool krd_member_commit_poll(struct kc_member *member, int *ret_code);
void krd_member_close(struct kc_member *member, int64_t deadline_ms);

/* membership.c: snapshot of the group metadata as it is now; NULL (and nothing leaked) when the client is in no
 * generation. */
struct kc_membership *krd_membership_take(rd_kafka_t *rk);
struct kc_membership *krd_membership_ref(struct kc_membership *membership);
void krd_membership_unref(struct kc_membership *membership);
struct kc_membership *krd_membership_forge(const struct kc_membership *membership);
/* The client's list of the pointers, never empty, metadata copied. */
rd_kafka_topic_partition_list_t *krd_offset_list(const char *topic, const struct kc_task_offset *offsets,
                                                 size_t n);

/* ---- producer.c, send.c, txn.c -------------------------------------------------------------------------------------- */

struct krd_topic_slot {
    const struct aq_name *name;
    rd_kafka_topic_t *handle;
    int64_t refreshed_us; /* last time its metadata was asked for because a partition was unknown */
};

struct krd_txn; /* txn.c */

struct kc_producer {
    struct krd_client client;
    struct krd_topic_slot *topics; /* open addressing by the name's address */
    size_t n_topics;
    size_t topic_mask;
    char *own_topic; /* the last topic of producer_send_own() */
    rd_kafka_topic_t *own_handle;
    uint64_t max_bytes; /* bounds of what is in flight */
    uint64_t max_records;
    _Atomic uint64_t in_flight; /* records; one writer at a time, see txn.c */
    _Atomic uint64_t in_flight_bytes;
    struct aq_batch *done_first;
    struct aq_batch *done_last;
    uint64_t acked_records;
    uint64_t acked_bytes;
    struct kc_failure failure;
    bool
        failure_is_echo; /* a record thrown away after another had failed; that other one may still be reported */
    bool purging;        /* an abort or the close is throwing records away: their reports are no failures */
    bool undelivered;    /* of the open transaction, a record or more came back with an error */
    struct krd_txn *txn; /* NULL: idempotent only */
};

int krd_producer_open(const struct kc_cluster *cluster, const struct kc_producer_conf *conf,
                      struct kc_producer **ret, struct aq_err *err);
void krd_producer_close(struct kc_producer *producer, int64_t deadline_ms, struct aq_batch **ret_batches);
int krd_producer_send(struct kc_producer *producer, struct aq_batch *batch, struct aq_err *err);
int krd_producer_send_own(struct kc_producer *producer, const char *topic, int32_t partition,
                          struct aq_slice key, struct aq_slice value, struct kc_ack *ack, struct aq_err *err);
void krd_producer_drain(struct kc_producer *producer, int wait_ms, struct kc_drained *ret);
uint64_t krd_producer_in_flight(const struct kc_producer *producer, uint64_t *ret_bytes);
const struct kc_failure *krd_producer_failure(const struct kc_producer *producer);
void krd_producer_forget_failure(struct kc_producer *producer);
void krd_producer_seen_versions(const struct kc_producer *producer, struct kc_seen_versions *ret);
/* Notes of the error callback that end the producer become its failure. */
void krd_producer_read_notes(struct kc_producer *producer);
void krd_producer_finish_batch(struct kc_producer *producer, struct aq_batch *batch);
/* send.c: the delivery report callback and the end of the topic handles. */
void krd_delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque);
void krd_topics_finish(struct kc_producer *producer);

/* Starts the helper thread, which begins with init_transactions. */
struct krd_txn *krd_txn_start(struct kc_producer *producer, int64_t transaction_timeout_ms);
/* False when the helper thread is stuck in a call: it and the producer must be left behind. */
bool krd_txn_stop(struct krd_txn *txn, int64_t deadline_ms);
/* True while the helper thread owns the producer's lists. */
bool krd_txn_busy(const struct krd_txn *txn);
bool krd_txn_open(const struct krd_txn *txn);
int krd_txn_begin(struct kc_producer *producer, struct aq_err *err);
int krd_txn_commit(struct kc_producer *producer, struct kc_membership *membership, const char *state_topic,
                   const struct kc_task_offset *offsets, size_t n, struct aq_err *err);
int krd_txn_abort(struct kc_producer *producer, struct aq_err *err);
enum kc_txn_state krd_txn_poll(struct kc_producer *producer, int *ret_code, int64_t *ret_started_us,
                               struct aq_err *err);
bool krd_txn_tainted(const struct kc_producer *producer);

/* ---- reader.c ------------------------------------------------------------------------------------------------------- */

int krd_reader_open(const struct kc_cluster *cluster, const char *client_id, const char *group_id,
                    struct kc_reader **ret, struct aq_err *err);
void krd_reader_close(struct kc_reader *reader, int64_t deadline_ms);
int krd_reader_committed(struct kc_reader *reader, const char *topic, struct kc_pointer *list, size_t n,
                         int64_t timeout_ms, struct aq_err *err);
int krd_reader_read(struct kc_reader *reader, const char *topic, struct kc_stored *list, size_t n,
                    int64_t timeout_ms, struct aq_arena *arena, struct aq_err *err);
int krd_reader_scan_last(struct kc_reader *reader, const char *topic, int32_t partition, struct aq_slice key,
                         int64_t end, int64_t timeout_ms, struct aq_arena *arena, struct kc_stored *ret,
                         struct aq_err *err);
int krd_reader_commit_stopped(struct kc_reader *reader, const char *topic, int32_t partition, int64_t offset,
                              const char *metadata, int64_t timeout_ms, struct aq_err *err);
void krd_reader_seen_versions(const struct kc_reader *reader, struct kc_seen_versions *ret);

/* ---- admin.c, admin_topics.c, admin_change.c, admin_offsets.c, admin_groups.c --------------------------------------- */

struct kc_admin {
    struct krd_client client;
    int64_t no_ids_until_us; /* topic ids could not be had: not asked for before */
    rd_kafka_queue_t *queue; /* answers of admin requests */
};

int krd_admin_open(const struct kc_cluster *cluster, const char *client_id, struct kc_admin **ret,
                   struct aq_err *err);
void krd_admin_close(struct kc_admin *admin);
int krd_admin_connect(struct kc_admin *admin, int64_t timeout_ms, char ret_cluster_id[KC_ID_MAX],
                      struct aq_err *err);
int krd_admin_delete_records(struct kc_admin *admin, const struct kc_before *list, size_t n,
                             int64_t timeout_ms, struct aq_err *err);
int krd_admin_delete_topic(struct kc_admin *admin, const char *topic, int64_t timeout_ms, struct aq_err *err);
int krd_admin_group_members(struct kc_admin *admin, const char *group, int64_t timeout_ms,
                            int32_t *ret_members, struct aq_err *err);
int krd_admin_describe_group(struct kc_admin *admin, const char *group, const char *topic, int64_t timeout_ms,
                             struct kc_group *ret, struct aq_err *err);
/* Options with the request timeout; destroyed by the caller. */
rd_kafka_AdminOptions_t *krd_admin_options(struct kc_admin *admin, rd_kafka_admin_op_t op,
                                           int64_t timeout_ms);
/* Waits for the answer of one admin request; 0, or a code with the request's own error told. The caller destroys
 * *ret_event. */
int krd_admin_wait(struct kc_admin *admin, rd_kafka_event_type_t type, int64_t timeout_ms,
                   struct krd_try what, const char *resource, rd_kafka_event_t **ret_event,
                   struct aq_err *err);
/* The same for a request that was to be answered on a queue of its caller's, from any thread. */
int krd_admin_wait_on(struct kc_admin *admin, rd_kafka_queue_t *queue, rd_kafka_event_type_t type,
                      int64_t timeout_ms, struct krd_try what, const char *resource,
                      rd_kafka_event_t **ret_event, struct aq_err *err);

int krd_admin_topics(struct kc_admin *admin, int64_t timeout_ms, struct kc_topics *ret, struct aq_err *err);
int krd_admin_create_topic(struct kc_admin *admin, const struct kc_topic_spec *spec, int64_t timeout_ms,
                           struct aq_err *err);
int krd_admin_grow_topic(struct kc_admin *admin, const char *topic, int32_t partitions, int64_t timeout_ms,
                         struct aq_err *err);
int krd_admin_topic_configs(struct kc_admin *admin, const char *topic, struct kc_config_entry *entries,
                            size_t n, struct aq_arena *arena, int64_t timeout_ms, struct aq_err *err);
int krd_admin_watermarks(struct kc_admin *admin, const char *topic, int32_t partition, int64_t timeout_ms,
                         int64_t *ret_low, int64_t *ret_high, struct aq_err *err);
int krd_admin_ends(struct kc_admin *admin, struct kc_end *list, size_t n, int64_t timeout_ms,
                   struct aq_err *err);
int krd_admin_offset_for_time(struct kc_admin *admin, const char *topic, int32_t partition,
                              int64_t timestamp_ms, int64_t timeout_ms, int64_t *ret_offset,
                              struct aq_err *err);

#endif
