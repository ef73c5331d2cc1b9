/* SPDX-License-Identifier: Apache-2.0
 *
 * Global tables (streams/global.h).
 *
 * An ordinary pass: connect assigns every partition of every topic from its beginning and reads until each has reached the end it had;
 * only then do tasks start, so that the first record finds what it looks for. From then on the thread follows the topics: a
 * value replaces the row of its key, a null deletes it. Readers see a change between two of their look-ups, never half of one.
 * There is no order between a global table and the streams that are joined with it, as in Kafka Streams.
 *
 * Nothing is kept on disk and nothing is committed: a process that starts reads the topics again. Topics of global tables are compacted
 * as a rule, so that is as much as the table holds.
 *
 * A failing pass: while connecting, a topic that is missing or refused, or a cluster that is silent for too long, is the reason why the
 * application does not start. While following, trouble is logged once and kept for readiness, and the table stays as it is until
 * the client gets through again: every second the partitions concerned are assigned once more, until something comes from each. When retention has taken what was not read yet, reading goes on where the log begins, and so it does
 * when a topic was deleted and comes back; rows that were deleted with it may stay, which is said.
 *
 * Partitions that are added to a topic later are read when the process starts again, as in Kafka Streams.
 *
 * Invariants: one thread at a time polls the consumer and writes the tables; a partition's position is the offset behind the last record in
 * its table.
 */
#include "streams/global.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define ADMIN_TIMEOUT_MS 10000
#define CLOSE_MS         2000
#define BATCH_RECORDS    1024
#define WAIT_MS          100
#define TELL_EVERY_US    (5000 * AQ_MS)
#define AGAIN_US         (1000 * AQ_MS)

struct partition {
    struct st_global *global;
    int32_t number;
    int64_t begin;    /* where the log began when connect asked */
    int64_t end;      /* where it ended then */
    int64_t position; /* offset to be read next */
    bool reached;     /* everything that was there then has been read */
    bool suspect;     /* the client may not be reading it: to be assigned again */
    bool doubtful;    /* there was trouble, and nothing has come from it since it was assigned again */
    bool anew;        /* from its beginning */
};

struct member {
    struct st_global global; /* first: it is what is handed out */
    struct member *next;
};

struct st_globals {
    struct st_globals_conf conf;
    struct st_readers readers;
    struct aq_names names;
    struct aq_arena arena;
    struct member *first, *last;
    struct kc_consumer *consumer;
    struct partition *partitions;
    size_t n_partitions;
    size_t n_reached;
    size_t n_doubtful;
    int64_t again_us;      /* when suspect partitions are assigned again; 0: there are none */
    struct aq_err failure; /* while connecting: what waiting does not mend */
    atomic_bool whole;     /* connect has succeeded */
    atomic_uint_fast64_t read, all;
    pthread_mutex_t lock; /* guards trouble */
    char trouble[256];
    pthread_t thread;
    bool running; /* the starting thread's */
    atomic_bool stopping;
};

/* ---- life --------------------------------------------------------------------------------------------------------- */

struct st_globals *st_globals_create(const struct st_globals_conf *conf)
{
    AQ_ASSERT(conf->ops && conf->cluster && conf->application_id && conf->patience_ms > 0);
    struct st_globals *globals = aq_calloc(1, sizeof(*globals));
    globals->conf = *conf;
    st_readers_init(&globals->readers);
    aq_names_init(&globals->names);
    aq_arena_init(&globals->arena, 1024);
    atomic_init(&globals->read, 0);
    atomic_init(&globals->all, 0);
    atomic_init(&globals->whole, false);
    atomic_init(&globals->stopping, false);
    pthread_mutex_init(&globals->lock, NULL);
    return globals;
}

struct st_globals *st_globals_of(const struct kc_ops *ops, const struct st_settings *settings,
                                 const struct st_plan *plan)
{
    if (plan->n_globals == 0) return NULL;
    const struct st_globals_conf conf = {.ops = ops,
                                         .cluster = settings->cluster,
                                         .application_id = settings->application_id,
                                         .client_prefix = settings->flow.client_prefix,
                                         .read_committed = settings->flow.exactly_once,
                                         .queue_bytes = st_thread_share(settings, settings->queue_bytes),
                                         .batch_bytes = settings->batch_bytes,
                                         .patience_ms = settings->cluster->connect_timeout_ms};
    struct st_globals *globals = st_globals_create(&conf);
    for (size_t i = 0; i < plan->n_globals; i++)
        st_globals_add(globals, plan->globals[i]->name, plan->globals[i]->topics[0]);
    return globals;
}

static void close_consumer(struct st_globals *globals)
{
    if (globals->consumer) globals->conf.ops->consumer_close(globals->consumer, CLOSE_MS);
    globals->consumer = NULL;
    free(globals->partitions);
    globals->partitions = NULL;
    globals->n_partitions = globals->n_reached = globals->n_doubtful = 0;
}

void st_globals_destroy(struct st_globals *globals)
{
    if (!globals) return;
    st_globals_stop(globals);
    close_consumer(globals);
    for (struct member *next, *member = globals->first; member; member = next) {
        next = member->next;
        st_shared_table_finish(&member->global.table);
        free(member);
    }
    st_readers_finish(&globals->readers);
    aq_names_finish(&globals->names);
    aq_arena_finish(&globals->arena);
    pthread_mutex_destroy(&globals->lock);
    free(globals);
}

struct st_global *st_globals_add(struct st_globals *globals, const char *name, const char *topic)
{
    AQ_ASSERT(!globals->consumer && !st_globals_find(globals, name));
    struct member *member = aq_calloc(1, sizeof(*member));
    member->global.name = aq_arena_strdup(&globals->arena, name);
    member->global.topic = aq_arena_strdup(&globals->arena, topic);
    st_shared_table_init(&member->global.table, &globals->readers);
    *(globals->last ? &globals->last->next : &globals->first) = member;
    globals->last = member;
    return &member->global;
}

struct st_global *st_globals_find(const struct st_globals *globals, const char *name)
{
    for (struct member *member = globals->first; member; member = member->next)
        if (strcmp(member->global.name, name) == 0) return &member->global;
    return NULL;
}

struct st_global *st_globals_next(const struct st_globals *globals, const struct st_global *global)
{
    /* The table is the first thing in its member. */
    struct member *member = global ? ((const struct member *)global)->next : globals->first;
    return member ? &member->global : NULL;
}

struct st_reader *st_globals_join(struct st_globals *globals)
{
    return st_readers_join(&globals->readers);
}

void st_globals_rest(struct st_globals *globals, struct st_reader *reader)
{
    st_reader_rest(&globals->readers, reader);
}

void st_globals_leave(struct st_globals *globals, struct st_reader *reader)
{
    st_reader_leave(&globals->readers, reader);
}

/* ---- what is told ------------------------------------------------------------------------------------------------- */

static void set_trouble(struct st_globals *globals, const char *text)
{
    pthread_mutex_lock(&globals->lock);
    snprintf(globals->trouble, sizeof(globals->trouble), "%.*s", (int)sizeof(globals->trouble) - 1, text);
    pthread_mutex_unlock(&globals->lock);
}

void st_globals_trouble(struct st_globals *globals, char *buf, size_t size)
{
    pthread_mutex_lock(&globals->lock);
    snprintf(buf, size, "%s", globals->trouble);
    pthread_mutex_unlock(&globals->lock);
}

bool st_globals_progress(struct st_globals *globals, uint64_t *ret_read, uint64_t *ret_all)
{
    *ret_read = atomic_load(&globals->read);
    *ret_all = atomic_load(&globals->all);
    return atomic_load(&globals->whole);
}

static void tell_progress(const struct st_globals *globals)
{
    aq_log(AQ_INFO, "global tables are being read", aq_fs("application", globals->conf.application_id),
           aq_fi("records", (int64_t)atomic_load(&globals->read)),
           aq_fi("of", (int64_t)atomic_load(&globals->all)));
}

/* Records, or the news that there are no more of them: the client is reading it. */
static void trust(struct st_globals *globals, struct partition *partition)
{
    if (!partition->doubtful || partition->suspect) return;
    partition->doubtful = false;
    AQ_ASSERT(globals->n_doubtful > 0);
    if (--globals->n_doubtful > 0 || !globals->whole) return;
    set_trouble(globals, "");
    aq_log(AQ_INFO, "global tables are being followed again",
           aq_fs("application", globals->conf.application_id));
}

/* ---- records ------------------------------------------------------------------------------------------------------ */

static void apply(struct st_global *global, const struct aq_record *rec)
{
    atomic_fetch_add_explicit(&global->records, 1, memory_order_relaxed);
    if (aq_slice_is_null(rec->key)) {
        atomic_fetch_add_explicit(&global->dropped, 1, memory_order_relaxed);
        return;
    }
    st_shared_table_put(&global->table, rec->key, rec->value, rec->timestamp);
}

static void reach(struct st_globals *globals, struct partition *partition)
{
    if (partition->reached) return;
    partition->reached = true;
    globals->n_reached++;
    if (partition->end > partition->begin && partition->position < partition->end)
        atomic_fetch_add(&globals->read, (uint64_t)(partition->end - partition->position));
}

static void move_to(struct st_globals *globals, struct partition *partition, int64_t next)
{
    int64_t from = partition->position, to = next < partition->end ? next : partition->end;
    partition->position = next;
    if (partition->reached) return;
    if (to > from) atomic_fetch_add(&globals->read, (uint64_t)(to - from));
    if (next >= partition->end) reach(globals, partition);
}

static void take_batch(struct st_globals *globals, struct aq_batch *batch)
{
    struct partition *partition = batch->owner;
    struct st_global *global = partition->global;
    for (uint32_t i = 0; i < batch->n; i++) apply(global, &batch->records[i]);
    if (batch->n > 0) move_to(globals, partition, batch->records[batch->n - 1].offset + 1);
    st_shared_table_clean(&global->table);
    aq_batch_release(batch);
    trust(globals, partition);
}

/* ---- news --------------------------------------------------------------------------------------------------------- */

static int assign(struct st_globals *globals, struct partition *partition, int64_t offset, struct aq_err *err)
{
    int rc = globals->conf.ops->consumer_assign(globals->consumer, partition->global->topic,
                                                partition->number, offset, partition, err);
    return rc == 0 ? 0 : aq_err_in(err, "global table '%s'", partition->global->name);
}

static void note_trouble(struct st_globals *globals, const struct aq_err *err)
{
    bool final = err->code == AQ_E_DENIED || err->code == AQ_E_AUTH || err->code == AQ_E_FATAL;
    if (!globals->whole && final && globals->failure.code == 0) globals->failure = *err;
    set_trouble(globals, err->text);
}

static void log_trouble(const struct st_globals *globals, const struct aq_err *err)
{
    aq_log(AQ_WARN, "trouble with a global table", aq_fs("application", globals->conf.application_id),
           aq_fs("reason", err->text));
}

static void doubt(struct st_globals *globals, struct partition *partition)
{
    partition->suspect = true;
    globals->n_doubtful += !partition->doubtful;
    partition->doubtful = true;
    globals->again_us = aq_mono_us() + AGAIN_US;
}

/* Told once, however often it is tried again. */
static void suspect(struct st_globals *globals, struct partition *partition, int code, const char *reason)
{
    struct aq_err err = {0};
    aq_fail(&err, code, "global table '%s': %s[%" PRId32 "]: %s", partition->global->name,
            partition->global->topic, partition->number, reason);
    note_trouble(globals, &err);
    if (!partition->doubtful) log_trouble(globals, &err);
    doubt(globals, partition);
    /* A topic that was gone begins anew when it is back. To read all of it twice does no harm. */
    if (code == AQ_E_UNKNOWN_TOPIC) partition->anew = true;
}

/* The client says when a cluster is gone, and not when it is back: what comes from the partitions, assigned again, says that. */
static void suspect_all(struct st_globals *globals, int code, const char *reason)
{
    struct aq_err err = {0};
    aq_fail(&err, code, "global tables: %s", reason);
    note_trouble(globals, &err);
    log_trouble(globals, &err);
    for (size_t i = 0; i < globals->n_partitions && globals->whole; i++)
        doubt(globals, &globals->partitions[i]);
}

static void read_again(struct st_globals *globals)
{
    struct aq_err err = {0};
    globals->again_us = 0;
    for (size_t i = 0; i < globals->n_partitions; i++) {
        struct partition *partition = &globals->partitions[i];
        if (!partition->suspect) continue;
        bool anew = partition->anew || partition->position <= partition->begin;
        int64_t from = anew ? KC_OFFSET_EARLIEST : partition->position;
        partition->suspect = partition->anew = false;
        if (assign(globals, partition, from, &err) != 0) suspect(globals, partition, err.code, err.text);
    }
}

/* Retention was faster than we. */
static void begin_again(struct st_globals *globals, struct partition *partition, int64_t asked)
{
    struct aq_err err = {0};
    aq_log(
        AQ_WARN,
        "records of a global table's topic were deleted before they were read; rows deleted by them may stay",
        aq_fs("application", globals->conf.application_id), aq_fs("table", partition->global->name),
        aq_fs("topic", partition->global->topic), aq_fi("partition", partition->number),
        aq_fi("offset", asked));
    if (assign(globals, partition, KC_OFFSET_EARLIEST, &err) != 0)
        suspect(globals, partition, err.code, err.text);
}

static void take_events(struct st_globals *globals)
{
    struct kc_event event;
    while (globals->conf.ops->consumer_event(globals->consumer, &event)) {
        struct partition *partition = event.owner;
        switch (event.kind) {
        case KC_EVENT_EOF:
            if (event.offset > partition->position) move_to(globals, partition, event.offset);
            reach(globals, partition);
            trust(globals, partition);
            break;
        case KC_EVENT_OUT_OF_RANGE: begin_again(globals, partition, event.offset); break;
        case KC_EVENT_PARTITION: suspect(globals, partition, event.code, event.text); break;
        case KC_EVENT_CLUSTER: suspect_all(globals, event.code, event.text); break;
        }
    }
}

bool st_globals_turn(struct st_globals *globals, int wait_ms)
{
    AQ_ASSERT(globals->consumer);
    struct aq_batch *batch = globals->conf.ops->consumer_poll(globals->consumer, aq_mono_us(), wait_ms);
    if (batch) take_batch(globals, batch);
    take_events(globals);
    if (globals->again_us != 0 && aq_mono_us() >= globals->again_us) read_again(globals);
    return batch != NULL;
}

/* ---- connecting --------------------------------------------------------------------------------------------------- */

static int missing_topic(const struct st_globals *globals, const struct st_global *global,
                         const struct kc_topics *topics, struct aq_err *err)
{
    const struct kc_topic *topic = kc_topics_find(topics, global->topic);
    if (topic && topic->error != 0)
        return aq_fail(err, topic->error, "global table '%s': topic %s on cluster %s: %s", global->name,
                       global->topic, globals->conf.cluster->name, aq_code_text(topic->error));
    return aq_fail(err, AQ_E_UNKNOWN_TOPIC,
                   "global table '%s': topic %s does not exist on cluster %s: create it first", global->name,
                   global->topic, globals->conf.cluster->name);
}

static int list_partitions(struct st_globals *globals, const struct kc_topics *topics, struct aq_err *err)
{
    size_t n = 0;
    for (const struct member *member = globals->first; member; member = member->next) {
        int32_t partitions = kc_topics_partitions(topics, member->global.topic);
        if (partitions <= 0) return missing_topic(globals, &member->global, topics, err);
        n += (size_t)partitions;
    }
    globals->partitions = aq_calloc(n, sizeof(*globals->partitions));
    for (struct member *member = globals->first; member; member = member->next) {
        int32_t partitions = kc_topics_partitions(topics, member->global.topic);
        for (int32_t i = 0; i < partitions; i++)
            globals->partitions[globals->n_partitions++] =
                (struct partition){.global = &member->global, .number = i};
    }
    AQ_ASSERT(globals->n_partitions == n);
    return 0;
}

static int find_partitions(struct st_globals *globals, struct kc_admin *admin, struct aq_err *err)
{
    struct kc_topics topics = {0};
    int rc = globals->conf.ops->admin_topics(admin, ADMIN_TIMEOUT_MS, &topics, err);
    if (rc != 0) return aq_err_in(err, "global tables");
    rc = list_partitions(globals, &topics, err);
    aq_arena_finish(&topics.arena);
    return rc;
}

static int find_ends(struct st_globals *globals, struct kc_admin *admin, struct aq_err *err)
{
    for (size_t i = 0; i < globals->n_partitions; i++) {
        struct partition *partition = &globals->partitions[i];
        int rc =
            globals->conf.ops->admin_watermarks(admin, partition->global->topic, partition->number,
                                                ADMIN_TIMEOUT_MS, &partition->begin, &partition->end, err);
        if (rc != 0) return aq_err_in(err, "global table '%s'", partition->global->name);
        partition->position = partition->begin;
        atomic_fetch_add(&globals->all, (uint64_t)(partition->end - partition->begin));
        if (partition->begin >= partition->end) reach(globals, partition);
    }
    return 0;
}

static int open_consumer(struct st_globals *globals, struct aq_err *err)
{
    char id[KC_CLIENT_ID_MAX];
    const struct kc_consumer_conf conf = {.client_id =
                                              kc_client_id(globals->conf.client_prefix, "global", id),
                                          .group_id = globals->conf.application_id,
                                          .read_committed = globals->conf.read_committed,
                                          .queue_bytes = globals->conf.queue_bytes,
                                          .batch_records = BATCH_RECORDS,
                                          .batch_bytes = globals->conf.batch_bytes};
    int rc = globals->conf.ops->consumer_open(globals->conf.cluster, &conf, &globals->names,
                                              &globals->consumer, err);
    for (size_t i = 0; i < globals->n_partitions && rc == 0; i++)
        rc = assign(globals, &globals->partitions[i], KC_OFFSET_EARLIEST, err);
    return rc;
}

static int silent(struct st_globals *globals, struct aq_err *err)
{
    char trouble[256];
    const struct partition *partition = globals->partitions;
    st_globals_trouble(globals, trouble, sizeof(trouble));
    if (trouble[0]) return aq_fail(err, AQ_E_UNREACHABLE, "%s", trouble);
    while (partition->reached) partition++;
    return aq_fail(
        err, AQ_E_UNREACHABLE,
        "global table '%s': nothing came of %s[%" PRId32 "] for %" PRId64 " ms, from offset %" PRId64
        " of %" PRId64 ": is cluster %s reachable, and is no transaction "
        "open there?",
        partition->global->name, partition->global->topic, partition->number, globals->conf.patience_ms,
        partition->position, partition->end, globals->conf.cluster->name);
}

static int read_all(struct st_globals *globals, const atomic_bool *stop, struct aq_err *err)
{
    int64_t moved_us = aq_mono_us(), told_us = moved_us;
    while (globals->n_reached < globals->n_partitions) {
        if (stop && atomic_load(stop))
            return aq_fail(err, AQ_E_STOPPED, "stopped while reading global tables");
        size_t before = globals->n_reached;
        bool moved = st_globals_turn(globals, WAIT_MS) || globals->n_reached > before;
        if (globals->failure.code != 0) {
            *err = globals->failure;
            return err->code;
        }
        int64_t now_us = aq_mono_us();
        if (moved) moved_us = now_us;
        if (now_us - moved_us >= globals->conf.patience_ms * AQ_MS) return silent(globals, err);
        if (now_us - told_us < TELL_EVERY_US) continue;
        told_us = now_us;
        tell_progress(globals);
    }
    return 0;
}

int st_globals_connect(struct st_globals *globals, struct kc_admin *admin, const atomic_bool *stop,
                       struct aq_err *err)
{
    AQ_ASSERT(!globals->whole && !globals->running);
    if (!globals->first) return 0;
    atomic_store(&globals->read, 0);
    atomic_store(&globals->all, 0);
    globals->failure = (struct aq_err){0};
    int rc = find_partitions(globals, admin, err);
    if (rc == 0) rc = find_ends(globals, admin, err);
    if (rc == 0) rc = open_consumer(globals, err);
    if (rc == 0) rc = read_all(globals, stop, err);
    if (rc != 0) {
        close_consumer(globals);
        return rc;
    }
    atomic_store(&globals->whole, true);
    set_trouble(globals, "");
    aq_log(AQ_INFO, "global tables are there", aq_fs("application", globals->conf.application_id),
           aq_fi("records", (int64_t)atomic_load(&globals->all)));
    return 0;
}

/* ---- the thread --------------------------------------------------------------------------------------------------- */

static void *globals_thread(void *arg)
{
    struct st_globals *globals = arg;
    while (!atomic_load(&globals->stopping)) st_globals_turn(globals, WAIT_MS);
    return NULL;
}

int st_globals_start(struct st_globals *globals, struct aq_err *err)
{
    AQ_ASSERT(!globals->running);
    if (!globals->first) return 0;
    AQ_ASSERT(globals->whole);
    atomic_store(&globals->stopping, false);
    if (pthread_create(&globals->thread, NULL, globals_thread, globals) != 0)
        return aq_fail(err, AQ_E_FATAL, "cannot start the thread of the global tables");
    globals->running = true;
    return 0;
}

void st_globals_stop(struct st_globals *globals)
{
    if (!globals->running) return;
    atomic_store(&globals->stopping, true);
    pthread_join(globals->thread, NULL);
    globals->running = false;
}
