/* SPDX-License-Identifier: Apache-2.0
 *
 * Global tables (Kafka Streams' GlobalKTable): whole topics, all partitions of them, in the memory of every process, for joins by any key.
 * One set for each process, which every worker reads. Essay: streams/global.c.
 *
 * Threads: st_globals_connect() from the supervisor before workers run; the set reads its topics in a thread of its own
 * (st_globals_start()), or in turns of whoever drives it (st_globals_turn(): simulation). Look-ups from any thread that has a reader.
 * Errors: codes with the topic and the partition in the text.
 */
#ifndef AQ_STREAMS_GLOBAL_H
#define AQ_STREAMS_GLOBAL_H

#include "kafka/kafka.h"
#include "streams/settings.h"
#include "streams/state/shared_table.h"
#include "streams/topology/plan.h"

struct st_globals;

struct st_globals_conf {
    const struct kc_ops *ops;
    const struct kc_cluster *cluster;
    const char *application_id;
    const char *client_prefix; /* of client ids; NULL: ours */
    bool read_committed;
    int64_t queue_bytes; /* of the client's own queue */
    int64_t batch_bytes;
    int64_t patience_ms; /* how long the first reading may go without a record before it has failed */
};

/* One table: the topic it is made of. */
struct st_global {
    const char *name;
    const char *topic;
    struct st_shared_table table;
    atomic_uint_fast64_t records; /* read so far */
    atomic_uint_fast64_t dropped; /* of them, without a key */
};

/* Strings live as long as the set. */
struct st_globals *st_globals_create(const struct st_globals_conf *conf);
/* With the global tables of the plan; NULL when it has none. */
struct st_globals *st_globals_of(const struct kc_ops *ops, const struct st_settings *settings,
                                 const struct st_plan *plan);
/* Stops the thread. No reader may be left. */
void st_globals_destroy(struct st_globals *globals);

/* Before connect. The table lives as long as the set. */
struct st_global *st_globals_add(struct st_globals *globals, const char *name, const char *topic);
/* NULL: there is none of that name. */
struct st_global *st_globals_find(const struct st_globals *globals, const char *name);
/* The one added behind it, or the first (NULL); NULL behind the last. */
struct st_global *st_globals_next(const struct st_globals *globals, const struct st_global *global);

/* [blocks] Reads every topic to where it ends now, as the admin says. 0: the tables are whole; or why they cannot be: a topic is missing or
 * may not be read, the cluster was silent for patience_ms, *stop was set (STOPPED). May be called again after a failure. */
int st_globals_connect(struct st_globals *globals, struct kc_admin *admin, const atomic_bool *stop,
                       struct aq_err *err);
int st_globals_start(struct st_globals *globals, struct aq_err *err);
void st_globals_stop(struct st_globals *globals);
/* What has come since: one batch, waiting for it up to wait_ms. True: there was one. */
bool st_globals_turn(struct st_globals *globals, int wait_ms);

/* Records read of those that were there when connect began; true: the tables are whole. */
bool st_globals_progress(struct st_globals *globals, uint64_t *ret_read, uint64_t *ret_all);
/* Last trouble of following, "" when there is none, for readiness. */
void st_globals_trouble(struct st_globals *globals, char *buf, size_t size);

/* A thread that looks up: joins, rests once a turn, and leaves. */
struct st_reader *st_globals_join(struct st_globals *globals);
void st_globals_rest(struct st_globals *globals, struct st_reader *reader);
void st_globals_leave(struct st_globals *globals, struct st_reader *reader);

/* null: there is no such row. Valid until the reader rests. */
static inline struct aq_slice st_global_get(const struct st_global *global, struct aq_slice key)
{
    return st_shared_table_get(&global->table, key, NULL);
}

#endif
