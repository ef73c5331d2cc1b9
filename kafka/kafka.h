/* SPDX-License-Identifier: Apache-2.0
 *
 * The only door to Kafka: bridge/ and streams/ call through struct kc_ops and include no client library header.
 *
 * Two implementations stand behind it: kc_rd_ops (librdkafka, folder rd/) and kc_sim_ops (kafka/sim.h), a deterministic
 * in-process one with virtual time. Therefore: no call hides a thread that acts on its own towards the caller; client callbacks only
 * record, and the caller learns by polling. Calls marked [blocks] may take up to the timeout they are given and are
 * made from threads that may wait (start-up, take-over, discovery); everything else returns at once.
 *
 * Threads: a handle belongs to one thread at a time (the worker that opened it), except kc_admin, which belongs to
 * the route's discovery thread. `now` is aq_mono_us().
 * Errors: negative codes of base/err.def; err->text names the cluster, the resource and what to do.
 */
#ifndef AQ_KAFKA_KAFKA_H
#define AQ_KAFKA_KAFKA_H

#include "base/err.h"
#include "base/record.h"
#include "kafka/cluster.h"

#define KC_METADATA_MAX 96 /* of a committed pointer, with the terminator; longer is cut */
#define KC_ID_MAX       64 /* cluster ids and topic ids as text, with the terminator */

/* ---- admin: metadata and topics of one cluster ------------------------------------------------------------------ */

struct kc_topic {
    const char *name;
    char id[KC_ID_MAX]; /* "" where the library is too old to tell (librdkafka < 2.3) */
    int32_t partitions;
    bool internal;
    int error; /* 0, AQ_E_DENIED, AQ_E_UNKNOWN_TOPIC: as the broker answered for this topic */
};

struct kc_topics {
    struct aq_arena arena;
    struct kc_topic *list; /* sorted by name */
    size_t count;
    int32_t brokers;
};

struct kc_config_entry {
    const char *name;
    const char *value;
};

struct kc_topic_spec {
    const char *name;
    int32_t partitions;
    int32_t replication_factor; /* -1: the broker's default */
    const struct kc_config_entry *configs;
    size_t n_configs;
};

/* NULL when there is none of that name; the second: 0. */
const struct kc_topic *kc_topics_find(const struct kc_topics *topics, const char *name);
int32_t kc_topics_partitions(const struct kc_topics *topics, const char *name);

/* The end of one partition. */
struct kc_end {
    const char *topic;
    int32_t partition;
    int64_t end; /* out: high watermark; -1: no such topic or partition */
};

/* Records of one partition that nobody needs any more: those before the offset. */
struct kc_before {
    const char *topic;
    int32_t partition;
    int64_t offset;
};

/* A member of a group, as its coordinator describes it. */
struct kc_group_member {
    const char *member_id;
    const char *client_id;
    const char *instance_id;   /* NULL: dynamic */
    const char *host;          /* where it connects from, in the broker's words ("/10.0.0.7") */
    const int32_t *partitions; /* assigned to it, of the topic asked for; ascending */
    size_t n_partitions;
};

struct kc_group {
    struct aq_arena arena;
    bool
        stable; /* false: a rebalance is under way, the group is empty or unknown; what members have is then not to be used */
    struct kc_group_member *list; /* sorted by member id */
    size_t count;
};

struct kc_admin;

/* ---- consumer: source partitions, assigned by hand ---------------------------------------------------------------- */

struct kc_consumer;

/* Instead of an offset: wherever the log begins when it is first read. */
#define KC_OFFSET_EARLIEST (-2)

struct kc_consumer_conf {
    const char *client_id;
    const char *group_id; /* needed by the client even for assign(); nothing is ever committed to it */
    bool read_committed;
    int64_t queue_bytes;    /* bound of the client's own queue */
    uint32_t batch_records; /* most records in one batch */
    int64_t batch_bytes;    /* a batch ends with the record that reaches this */
};

/* What a consumer has to tell besides records. `owner` is what kc_assign was given. */
enum kc_event_kind {
    KC_EVENT_EOF,          /* offset = next offset after everything readable now (control records included) */
    KC_EVENT_OUT_OF_RANGE, /* offset (the one asked for) is not in the log; ask watermarks and classify */
    KC_EVENT_PARTITION, /* code/text: unknown topic, authorization, leader trouble; the partition may be suspect */
    KC_EVENT_CLUSTER, /* owner NULL. code UNREACHABLE (all brokers down), AUTH, FATAL */
};

struct kc_event {
    enum kc_event_kind kind;
    void *owner;
    int64_t offset;
    int code;
    char text[256];
};

/* ---- member: this worker in the group on the sink that shares out tasks ------------------------------------------- */

struct kc_member;
struct
    kc_membership; /* snapshot of member id and generation, taken inside the assign callback; counted references */

struct kc_member_conf {
    const char *client_id;
    const char *group_id;
    const char *topic; /* the state topic */
    const char
        *instance_id; /* static membership: a restart within session_timeout moves no task; NULL: dynamic */
    bool
        dealt_in_turn; /* partition p to member p mod n, in the order of ids, whatever they had: anybody can compute it */
    int64_t session_timeout_ms;
    int64_t max_poll_interval_ms;
};

enum kc_member_event_kind {
    KC_MEMBER_ASSIGNED, /* partitions newly owned; answer when ready to own them */
    KC_MEMBER_REVOKED,  /* partitions to give up; answer after their cycle is committed or aborted */
    KC_MEMBER_LOST,     /* already gone: the session expired; never commit for them; answer at once */
    KC_MEMBER_ERROR,    /* code/text; nothing to answer */
};

struct kc_member_event {
    enum kc_member_event_kind kind;
    const int32_t *partitions; /* valid until kc_member_answer */
    size_t n_partitions;
    bool incremental; /* cooperative protocol: the lists are differences */
    int code;
    char text[256];
};

/* ---- producer and transactions ------------------------------------------------------------------------------------ */

struct kc_producer;

struct kc_producer_conf {
    const char *client_id;
    const char *transactional_id; /* NULL: idempotent, at_least_once */
    int64_t transaction_timeout_ms;
    int64_t delivery_timeout_ms; /* at_least_once: how long a record may be retried */
    int64_t linger_ms;
    int64_t batch_bytes;
    int64_t batch_records; /* a request goes out at once when it has as many; 0: the client's default */
    int64_t queue_bytes;
    const char *compression; /* none gzip snappy lz4 zstd */
    bool failures_expected;  /* the self-test's: what the client complains of is no news to the operator */
};

/* A single record of our own (a position); done is set by kc_drain. The caller keeps it until then. */
struct kc_ack {
    bool done;
    int code;       /* 0 or why it was not delivered */
    int64_t offset; /* where it stands */
};

/* First delivery failure since the last begin (a record thrown away only because another one failed gives way to that
 * one); sticky until kc_txn_begin or kc_producer_forget_failure. */
struct kc_failure {
    int code; /* 0: none. TOO_LARGE, BAD_TIMESTAMP, UNKNOWN_TOPIC, DENIED, DELIVERY, FENCED, FATAL */
    struct aq_record *rec; /* the record, still whole until its batch is taken back; NULL for an own record */
    char text[256];
};

struct kc_drained {
    struct aq_batch *done; /* finished batches, oldest first, linked by next; now the caller's */
    uint64_t records;      /* acknowledged since the last drain */
    uint64_t bytes;
};

enum kc_txn_state {
    KC_TXN_NONE,     /* not transactional */
    KC_TXN_STARTING, /* init_transactions under way */
    KC_TXN_READY,    /* no transaction open */
    KC_TXN_OPEN,
    KC_TXN_COMMITTING, /* send_offsets and commit under way */
    KC_TXN_ABORTING,
    KC_TXN_FAILED, /* the handle is done: close and open another (class tells whether at once or after a fence) */
};

struct kc_task_offset {
    const char *topic; /* NULL: the state topic */
    int32_t partition;
    int64_t
        offset; /* in the state topic a pointer: position record's offset + 1; else the next one to read */
    const char *metadata;
};

/* ---- state reader: positions on the sink --------------------------------------------------------------------------- */

struct kc_reader;

/* A committed pointer as the group's coordinator has it. */
struct kc_pointer {
    int32_t partition; /* in */
    int code;          /* 0 or UNSTABLE */
    int64_t offset;    /* -1 none */
    char metadata[KC_METADATA_MAX];
};

struct kc_stored {
    int32_t partition;
    int64_t offset;
    struct aq_slice key;
    struct aq_slice value; /* in the arena the caller gave */
    int64_t timestamp;
};

/* Protocol versions the client really sent; -1: not sent yet. They decide whether the guarantees hold at all: below
 * TxnOffsetCommit v3 the client silently leaves out the generation (no fencing), below OffsetFetch v7 require_stable. */
struct kc_seen_versions {
    int txn_offset_commit;
    int offset_fetch;
};

struct kc_ops {
    const char *name; /* "librdkafka 2.0.2" */

    /* admin */
    int (*admin_open)(const struct kc_cluster *cluster, const char *client_id, struct kc_admin **ret,
                      struct aq_err *err);
    void (*admin_close)(struct kc_admin *admin);
    /* [blocks] First contact: cluster id, or UNREACHABLE / AUTH with the last thing the client said. */
    int (*admin_connect)(struct kc_admin *admin, int64_t timeout_ms, char ret_cluster_id[KC_ID_MAX],
                         struct aq_err *err);
    /* [blocks] All topics. The caller finishes ret->arena. */
    int (*admin_topics)(struct kc_admin *admin, int64_t timeout_ms, struct kc_topics *ret,
                        struct aq_err *err);
    /* [blocks] EXISTS when it is there already. Waits until the new topic's leaders are known. */
    int (*admin_create_topic)(struct kc_admin *admin, const struct kc_topic_spec *spec, int64_t timeout_ms,
                              struct aq_err *err);
    int (*admin_grow_topic)(struct kc_admin *admin, const char *topic, int32_t partitions, int64_t timeout_ms,
                            struct aq_err *err);
    /* [blocks] Values of the named configs; NULL where the topic does not override the default. */
    int (*admin_topic_configs)(struct kc_admin *admin, const char *topic, struct kc_config_entry *entries,
                               size_t n, struct aq_arena *arena, int64_t timeout_ms, struct aq_err *err);
    /* These three from any thread, also while another asks the same handle.
     * [blocks] Low and high watermark (read_uncommitted: the true end). */
    int (*admin_watermarks)(struct kc_admin *admin, const char *topic, int32_t partition, int64_t timeout_ms,
                            int64_t *ret_low, int64_t *ret_high, struct aq_err *err);
    /* [blocks] The true ends of many partitions in one request a broker; -1 for a partition that does not exist. */
    int (*admin_ends)(struct kc_admin *admin, struct kc_end *list, size_t n, int64_t timeout_ms,
                      struct aq_err *err);
    /* [blocks] First offset whose timestamp is >= timestamp; the high watermark when there is none. */
    int (*admin_offset_for_time)(struct kc_admin *admin, const char *topic, int32_t partition,
                                 int64_t timestamp_ms, int64_t timeout_ms, int64_t *ret_offset,
                                 struct aq_err *err);
    /* [blocks] Deletes the records of each partition before the offset given. What is gone already, topics included, is no
     * error; the first partition that failed is told. */
    int (*admin_delete_records)(struct kc_admin *admin, const struct kc_before *list, size_t n,
                                int64_t timeout_ms, struct aq_err *err);
    /* [blocks] UNKNOWN_TOPIC when it is not there. */
    int (*admin_delete_topic)(struct kc_admin *admin, const char *topic, int64_t timeout_ms,
                              struct aq_err *err);
    /* [blocks] How many members a group has (0: empty or unknown). */
    int (*admin_group_members)(struct kc_admin *admin, const char *group, int64_t timeout_ms,
                               int32_t *ret_members, struct aq_err *err);
    /* [blocks] Who is in a group, and which partitions of the topic each member has. An unknown group has no members. The
     * caller finishes ret->arena after success. From any thread, as admin_ends. */
    int (*admin_describe_group)(struct kc_admin *admin, const char *group, const char *topic,
                                int64_t timeout_ms, struct kc_group *ret, struct aq_err *err);

    /* consumer */
    int (*consumer_open)(const struct kc_cluster *cluster, const struct kc_consumer_conf *conf,
                         struct aq_names *names, struct kc_consumer **ret, struct aq_err *err);
    /* Never blocks longer than deadline_ms: the client's close may hang; then the handle is left behind. All batches
     * must have been released. */
    void (*consumer_close)(struct kc_consumer *consumer, int64_t deadline_ms);
    /* Reads `topic` `partition` from `offset` (or KC_OFFSET_EARLIEST) from the next poll on; assigning an assigned
     * partition again moves it there. owner comes back in batches and events. A partition that the client refuses, or
     * that its topic does not have, is told by a KC_EVENT_PARTITION. */
    int (*consumer_assign)(struct kc_consumer *consumer, const char *topic, int32_t partition, int64_t offset,
                           void *owner, struct aq_err *err);
    int (*consumer_unassign)(struct kc_consumer *consumer, const char *topic, int32_t partition,
                             struct aq_err *err);
    /* Next records of ONE partition, offsets ascending, at most batch_records; NULL when there are none within
     * wait_ms. Never a record of a partition that is no longer assigned, nor below its assigned offset. The batch is
     * the caller's until aq_batch_release(). */
    struct aq_batch *(*consumer_poll)(struct kc_consumer *consumer, int64_t now, int wait_ms);
    /* Next event recorded so far; false when there is none. */
    bool (*consumer_event)(struct kc_consumer *consumer, struct kc_event *ret);
    /* High watermark as last seen in a fetch answer, -1 unknown. Cheap. (The client keeps the LSO to itself: with
     * read_committed an open transaction counts as lag.) */
    int64_t (*consumer_known_end)(struct kc_consumer *consumer, const char *topic, int32_t partition);

    /* member */
    int (*member_open)(const struct kc_cluster *cluster, const struct kc_member_conf *conf,
                       struct kc_member **ret, struct aq_err *err);
    /* Serves the group; true and fills ret when something happened. While an ASSIGNED/REVOKED/LOST is unanswered it
     * returns false (heartbeats go on). */
    bool (*member_poll)(struct kc_member *member, struct kc_member_event *ret);
    int (*member_answer)(struct kc_member *member, struct aq_err *err);
    /* The generation this worker may commit under; NULL before the first assignment and after a loss. The caller gets
     * a reference of its own. */
    struct kc_membership *(*member_membership)(struct kc_member *member);
    void (*membership_unref)(struct kc_membership *membership);
    /* The same member under a generation that cannot be current: what the start-up self-test offers to the coordinator,
     * which must refuse it. */
    struct kc_membership *(*membership_forge)(const struct kc_membership *membership);
    /* at_least_once: commits pointers outside a transaction, asynchronously, under the current generation. */
    int (*member_commit)(struct kc_member *member, const struct kc_task_offset *offsets, size_t n,
                         struct aq_err *err);
    /* Result of the last member_commit: false while it is under way; *ret_code 0, FENCED (rebalanced) or another. */
    bool (*member_commit_poll)(struct kc_member *member, int *ret_code);
    /* Leaves the group (any pending event must have been answered). Never blocks longer than deadline_ms. */
    void (*member_close)(struct kc_member *member, int64_t deadline_ms);

    /* producer */
    int (*producer_open)(const struct kc_cluster *cluster, const struct kc_producer_conf *conf,
                         struct kc_producer **ret, struct aq_err *err);
    /* Purges what is still queued. Batches in flight come back through *ret_batches (linked by next). */
    void (*producer_close)(struct kc_producer *producer, int64_t deadline_ms, struct aq_batch **ret_batches);
    /* Hands over records [batch->produced, n) that are neither DROPPED nor SKIP, values uncopied. rec->topic and
     * rec->partition say where. 0: all handed over and the batch is the producer's until kc_drain gives it back;
     * AQ_E_FULL: call again later with the same batch (it stays the caller's, partly produced);
     * another code: records[batch->produced] was refused (TOO_LARGE, UNKNOWN_TOPIC, …) and err says why; the batch
     * stays the caller's: it may mark that record (drop, dead letter) and call again. */
    int (*producer_send)(struct kc_producer *producer, struct aq_batch *batch, struct aq_err *err);
    /* An own record; bytes are copied. */
    int (*producer_send_own)(struct kc_producer *producer, const char *topic, int32_t partition,
                             struct aq_slice key, struct aq_slice value, struct kc_ack *ack,
                             struct aq_err *err);
    /* Collects delivery reports, up to wait_ms for the first. Must not be called while COMMITTING or ABORTING. */
    void (*producer_drain)(struct kc_producer *producer, int wait_ms, struct kc_drained *ret);
    /* Sent and not yet reported, own records included. */
    uint64_t (*producer_in_flight)(const struct kc_producer *producer, uint64_t *ret_bytes);
    const struct kc_failure *(*producer_failure)(const struct kc_producer *producer);
    void (*producer_forget_failure)(struct kc_producer *producer);

    /* Transactions. The slow calls run on the producer's helper thread; txn_poll tells when they are through.
     * In READY; FATAL or FENCED when the handle has FAILED or is tainted: it must be replaced. */
    int (*txn_begin)(struct kc_producer *producer, struct aq_err *err);
    /* All deliveries must have been drained. send_offsets_to_transaction for `group`, then commit. The list must not be
     * empty (the client would make it a silent no-op without fencing): asserted. */
    int (*txn_commit)(struct kc_producer *producer, struct kc_membership *membership, const char *state_topic,
                      const struct kc_task_offset *offsets, size_t n, struct aq_err *err);
    /* Batches in flight come back by kc_drain once the state is READY again. */
    int (*txn_abort)(struct kc_producer *producer, struct aq_err *err);
    /* Current state. When a commit or abort has just ended, *ret_code says how, once: 0, or TXN_ABORT (not committed:
     * abort), FENCED, FATAL, and err->text why. started_us: since when the slow call is running, for the deadline.
     * FENCED with the state OPEN: the coordinator refused the membership; the handle is fine, abort. With the state
     * FAILED a commit's outcome may be unknown (EndTxn was on its way): only the sink knows what is committed. */
    enum kc_txn_state (*txn_poll)(struct kc_producer *producer, int *ret_code, int64_t *ret_started_us,
                                  struct aq_err *err);
    /* True when the caller must replace the producer before the next transaction: a transactional request (EndTxn,
     * TxnOffsetCommit, AddOffsets, AddPartitions) of a past one was never answered, and a delayed copy could end,
     * extend or turn back the next; or an abort threw records away, and the next could lose as many. txn_begin refuses
     * otherwise. */
    bool (*txn_tainted)(const struct kc_producer *producer);

    /* state reader */
    int (*reader_open)(const struct kc_cluster *cluster, const char *client_id, const char *group_id,
                       struct kc_reader **ret, struct aq_err *err);
    void (*reader_close)(struct kc_reader *reader, int64_t deadline_ms);
    /* [blocks] The group's committed offsets with require_stable, for all of the list in one request. Each entry gets its
     * own code: 0 and offset (-1: none), or UNSTABLE while an open transaction holds it. Not 0: nothing is known. */
    int (*reader_committed)(struct kc_reader *reader, const char *topic, struct kc_pointer *list, size_t n,
                            int64_t timeout_ms, struct aq_err *err);
    /* [blocks] The records at exactly the offsets asked for, read_committed, in one go. STATE when one is not there. */
    int (*reader_read)(struct kc_reader *reader, const char *topic, struct kc_stored *list, size_t n,
                       int64_t timeout_ms, struct aq_arena *arena, struct aq_err *err);
    /* [blocks] The last committed record with this key before `end` (a high watermark taken read_uncommitted), reading
     * from the start and waiting until the read_committed end has reached `end`; ret->offset = -1 when there is none. */
    int (*reader_scan_last)(struct kc_reader *reader, const char *topic, int32_t partition,
                            struct aq_slice key, int64_t end, int64_t timeout_ms, struct aq_arena *arena,
                            struct kc_stored *ret, struct aq_err *err);
    /* [blocks] Commits an offset for a group that has no members (positions --reset). BUSY when it has some. */
    int (*reader_commit_stopped)(struct kc_reader *reader, const char *topic, int32_t partition,
                                 int64_t offset, const char *metadata, int64_t timeout_ms,
                                 struct aq_err *err);

    /* For the self-test at start: known once the first commit (producer), the first reader_committed was sent. */
    void (*producer_seen_versions)(const struct kc_producer *producer, struct kc_seen_versions *ret);
    void (*reader_seen_versions)(const struct kc_reader *reader, struct kc_seen_versions *ret);
};

extern const struct kc_ops kc_rd_ops;

/* "2.0.2", for build info and `version`. */
const char *kc_rd_version(void);

#endif
