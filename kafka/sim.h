/* SPDX-License-Identifier: Apache-2.0
 *
 * Simulated Kafka clusters inside this process: a second struct kc_ops, deterministic, with virtual time. For the test
 * drivers of streams and bridges, and for simulated faults.
 *
 * What is true to Kafka: offsets, control records and the last stable offset, both isolations, fencing by generation and
 * by producer epoch, transaction time-outs, rebalances (eager, round robin), static members, unstable offsets, deleted
 * records, deleted and recreated topics, refused records. What is not there: retention and compaction by themselves,
 * replicas, rights, quotas, compression, lost requests.
 *
 * Time: a world has one clock, and every wait of a call moves it. A driver makes it its own with
 * aq_clock_use(kc_sim_clock(sim)), so that aq_mono_us() and the simulation agree. What is due by the clock (a session or
 * a transaction that expires, a record that arrives) happens at the start of the next call.
 * Order: where Kafka promises none (ids, which partition is read next, how much of an aborted transaction had been
 * sent), the seed decides: one seed, one run.
 * Threads: a world, its clusters and all handles on them belong to the thread that opened the world; a call from another
 * one ends the process. (Also the admin's three calls "from any thread": here that is this thread.)
 */
#ifndef AQ_KAFKA_SIM_H
#define AQ_KAFKA_SIM_H

#include "base/clock.h"
#include "kafka/kafka.h"

struct kc_sim;

extern const struct kc_ops kc_sim_ops;

struct kc_sim *kc_sim_open(uint64_t seed);
/* All handles must have been closed, and the clock must be in use no longer. */
void kc_sim_close(struct kc_sim *sim);

/* Starts at 1 s and on 2024-01-01T00:00:00Z; may be set to any other date before the first record. */
struct aq_virtual_clock *kc_sim_clock(struct kc_sim *sim);

/* The cluster of this name, made on first use; a world may have many. Strings live as long as the world. */
void kc_sim_cluster(struct kc_sim *sim, const char *name, struct kc_cluster *ret);

/* How long a record that was sent takes to reach its log; 0: it is there at the producer's next drain. */
void kc_sim_set_latency(struct kc_sim *sim, int64_t us);

/* True: records reach the logs in the order one producer sent them, over all partitions, which Kafka does not promise; for
 * drivers that show what was written. False at first: only within each partition. */
void kc_sim_keep_order(struct kc_sim *sim, bool keep);

/* Moves the clock, and lets happen what is due by then. Members that do not poll meanwhile may lose their session. */
void kc_sim_advance(struct kc_sim *sim, int64_t us);

/* True when nothing is scheduled at or before now: no record on its way that is due, no commit, abort or start under way,
 * no change of the group that a member's next poll would bring, or that waits for its answer. Says nothing about records
 * that could be read. */
bool kc_sim_quiescent(struct kc_sim *sim);

/* When the clock alone makes something happen next (a record arrives, a session or a transaction expires); INT64_MAX:
 * never. */
int64_t kc_sim_next_us(struct kc_sim *sim);

/* ---- for drivers: a process that dies -------------------------------------------------------------------------------- */

/* Whoever holds the handle is gone, without a word: as kill -9 does it. Of what a producer had under way the cluster got a part, which
 * the seed decides, a commit included; its transaction stays open until it times out. A member's seat stays until the session
 * expires. After this the handle may only be closed, which frees it and tells nobody (and before that a member's
 * change be answered). */
void kc_sim_abandon_producer(struct kc_producer *producer);
void kc_sim_abandon_member(struct kc_member *member);

/* For so long the member and the group's coordinator hear nothing of each other's heartbeats: the session may expire, and the member
 * goes on believing what it knew. What it commits arrives, and is judged. */
void kc_sim_deafen_member(struct kc_member *member, int64_t us);

/* ---- for drivers: topics and records without a client ------------------------------------------------------------- */

struct kc_sim_record {
    int32_t partition; /* append: -1 decides by the key like the Java client, round robin without one */
    int64_t offset;    /* out */
    struct aq_slice key;
    struct aq_slice value;
    const struct aq_header *headers;
    uint16_t n_headers;
    int64_t timestamp; /* ms since 1970 */
};

/* As admin_create_topic. */
int kc_sim_create_topic(const struct kc_cluster *cluster, const char *topic, int32_t partitions,
                        const struct kc_config_entry *configs, size_t n_configs, struct aq_err *err);

/* Appends one record outside any transaction; bytes are copied, partition and offset filled in. UNKNOWN_TOPIC,
 * TOO_LARGE. */
int kc_sim_append(const struct kc_cluster *cluster, const char *topic, struct kc_sim_record *rec,
                  struct aq_err *err);

/* What a read_committed consumer of all partitions would have got, numbered from 0: records [from, from + max) into
 * list. Returns how many there were. Numbers never change: records are numbered when a call finds them readable, those of
 * one call in the order they were written. The bytes live as long as the topic. UNKNOWN_TOPIC. */
int kc_sim_read(const struct kc_cluster *cluster, const char *topic, size_t from, struct kc_sim_record *list,
                size_t max, struct aq_err *err);

/* ---- for drivers: reading on ---------------------------------------------------------------------------------------- */

/* How far each topic was read, and the topics in the order in which they were first named. Begins as {.cluster = …}. */
struct kc_sim_cursors {
    const struct kc_cluster *cluster; /* borrowed */
    const char **names;               /* ours; moves when a topic joins */
    size_t *next;                     /* parallel to names: number of the record to be read next */
    size_t n, cap;
};

void kc_sim_cursors_finish(struct kc_sim_cursors *cursors);
/* The topic joins the list if it is not there. */
void kc_sim_cursors_add(struct kc_sim_cursors *cursors, const char *topic);
/* The topic's next record as of kc_sim_read, and past it; false: there is none (or no such topic). The topic joins the
 * list either way. */
bool kc_sim_cursors_next(struct kc_sim_cursors *cursors, const char *topic, struct kc_sim_record *ret);

#endif
