/* SPDX-License-Identifier: Apache-2.0
 *
 * Fencing writers that are gone (kafka/fencing.h).
 *
 * A process that is killed in the middle of a transaction leaves it open. Until the brokers abort it, by default after
 * ten seconds and their next look at it, no read_committed reader gets past it: the changelogs and repartition topics that it wrote to, the
 * outputs, and, when its positions were sent, the positions. A producer that begins with the same transactional id ends it at once:
 * the coordinator aborts what is open (what is being committed it completes), and refuses the old producer from then on.
 *
 * An ordinary pass: the snapshot of a task just taken over names its writer. If the group no longer has that worker as a
 * member, a producer is opened for each of its transactional ids, begins, and is closed. Where a transaction holds the
 * position itself, the lookup has no snapshot: then the newest record of the task's state partition, read uncommitted,
 * is that very transaction's position record, and names who made it.
 *
 * Why it harms nobody. A worker that the group does not have gets no positions accepted any more: the coordinator refuses
 * its generation. What it had accepted before and did not commit is aborted as a whole, and the new owner goes on from the position
 * before it; where its EndTxn was quicker the coordinator completes it, and the position says so. The lookup goes its own way in
 * either case, and finds what it would have found later. If the worker lives all the same (frozen for longer than its session, cut off,
 * on its way out), it finds its producers fenced, replaces them, takes its tasks anew and does what the group says, as after a
 * transaction that timed out. A worker that the group has is left alone, whatever it holds; so are all, as long as a member does not
 * say who it is (an older version), or we ourselves are not in the list yet.
 *
 * A failing pass: several new owners fence the same writer: each begins another epoch, and one that is refused for it has
 * what it wanted. The group cannot be described, or the coordinator does not answer: given up after
 * transaction_timeout, when the brokers do it themselves. A writer that was fenced is not fenced again before it is known to have
 * written since: it may have come back, and be gone once more.
 *
 * What it does not reach: a worker that is killed in its very first transaction, before its positions are in the state
 * topic, is named nowhere. Its transaction ends by transaction_timeout.
 */
#include "kafka/fencing.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "kafka/identity.h"
#include "kafka/position.h"

#define ADMIN_TIMEOUT_MS 2000
#define CLOSE_MS         1500
#define ASK_AGAIN_US     (200 * AQ_MS)
#define MOST_SUSPECTS    64
#define MOST_AT_ONCE     4 /* writers whose producers are open */
#define LOOK_AGAIN_US    (2 * AQ_SEC)
#define TAIL_US          AQ_SEC
#define TAIL_BYTES       (1 << 20)

enum stage {
    SUSPECTED, /* is it in the group? */
    GONE,      /* it is not */
    FENCING,   /* its producers are being opened */
    FENCED,    /* kept to know it by */
};

struct suspect {
    char *id; /* one of its transactional ids; NULL: nobody */
    struct kc_writer writer;
    int64_t written_ms; /* what it is known to have written last */
    enum stage stage;
    int64_t since_us;
    struct kc_producer *producers[KC_LANES];
};

/* A task whose position is held by a transaction, perhaps. */
struct hold {
    int32_t task;
    bool told;       /* that it is; the end of its state partition is to be read */
    bool looking;    /* it is being read */
    int64_t look_us; /* not before */
};

struct kc_fencing {
    const struct kc_ops *ops;
    const struct kc_flow *flow;
    struct kc_admin *sink_admin;
    const char *client_id;
    struct kc_writer self;
    struct suspect list[MOST_SUSPECTS];
    int64_t ask_us; /* the group: not before */
    struct hold *holds;
    struct kc_consumer *tail; /* reads the ends of state partitions; NULL: nothing to read */
    int64_t tail_until_us;
    size_t n_looking;
    struct aq_names names;
};

/* ---- life --------------------------------------------------------------------------------------------------------- */

struct kc_fencing *kc_fencing_create(const struct kc_ops *ops, const struct kc_flow *flow,
                                     struct kc_admin *sink_admin, const char *client_id, const char *self)
{
    AQ_ASSERT(flow->exactly_once && flow->tasks > 0 && client_id);
    struct kc_fencing *fencing = aq_calloc(1, sizeof(*fencing));
    fencing->ops = ops;
    fencing->flow = flow;
    fencing->sink_admin = sink_admin;
    fencing->client_id = client_id;
    bool ours = kc_writer_read(flow, self, &fencing->self);
    AQ_ASSERT(ours);
    fencing->holds = aq_calloc((size_t)flow->tasks, sizeof(*fencing->holds));
    for (int32_t t = 0; t < flow->tasks; t++) fencing->holds[t].task = t;
    aq_names_init(&fencing->names);
    return fencing;
}

static void close_producer(struct kc_fencing *fencing, struct kc_producer **producer)
{
    struct aq_batch *none = NULL;
    if (*producer) fencing->ops->producer_close(*producer, CLOSE_MS, &none);
    AQ_ASSERT(none == NULL);
    *producer = NULL;
}

static void forget(struct kc_fencing *fencing, struct suspect *suspect)
{
    for (int i = 0; i < KC_LANES; i++) close_producer(fencing, &suspect->producers[i]);
    free(suspect->id);
    *suspect = (struct suspect){0};
}

static void close_tail(struct kc_fencing *fencing)
{
    if (fencing->tail) fencing->ops->consumer_close(fencing->tail, CLOSE_MS);
    fencing->tail = NULL;
    fencing->n_looking = 0;
    for (int32_t t = 0; t < fencing->flow->tasks; t++) fencing->holds[t].looking = false;
}

void kc_fencing_destroy(struct kc_fencing *fencing)
{
    if (!fencing) return;
    for (size_t i = 0; i < MOST_SUSPECTS; i++) forget(fencing, &fencing->list[i]);
    close_tail(fencing);
    aq_names_finish(&fencing->names);
    free(fencing->holds);
    free(fencing);
}

/* ---- suspects ----------------------------------------------------------------------------------------------------- */

/* An empty place, else that of whoever was fenced longest ago; NULL: all are busy. */
static struct suspect *take_place(struct kc_fencing *fencing)
{
    struct suspect *oldest = NULL;
    for (size_t i = 0; i < MOST_SUSPECTS; i++) {
        struct suspect *one = &fencing->list[i];
        if (!one->id) return one;
        if (one->stage == FENCED && (!oldest || one->since_us < oldest->since_us)) oldest = one;
    }
    if (oldest) forget(fencing, oldest);
    return oldest;
}

static struct suspect *find(struct kc_fencing *fencing, const struct kc_writer *writer)
{
    for (size_t i = 0; i < MOST_SUSPECTS; i++)
        if (fencing->list[i].id && kc_writer_is(&fencing->list[i].writer, writer)) return &fencing->list[i];
    return NULL;
}

/* An earlier life of ourselves: the group gave its seat to us. */
static bool is_predecessor(const struct kc_fencing *fencing, const struct kc_writer *writer)
{
    const struct kc_writer *self = &fencing->self;
    return fencing->flow->instance_id && writer->index == self->index &&
           aq_slice_equal(writer->name, self->name);
}

void kc_fencing_suspect(struct kc_fencing *fencing, const char *writer, int64_t written_ms)
{
    struct kc_writer read;
    if (!kc_writer_read(fencing->flow, writer, &read) || kc_writer_is(&read, &fencing->self)) return;
    struct suspect *suspect = find(fencing, &read);
    if (suspect && written_ms <= suspect->written_ms) return;
    if (suspect && suspect->stage != FENCED) {
        suspect->written_ms = written_ms;
        return;
    }
    if (!suspect) suspect = take_place(fencing);
    if (!suspect) return;
    char *id = aq_strdup(writer);
    forget(fencing, suspect);
    *suspect = (struct suspect){.id = id, .written_ms = written_ms, .since_us = aq_mono_us()};
    kc_writer_read(fencing->flow, id, &suspect->writer);
    suspect->stage = is_predecessor(fencing, &suspect->writer) ? GONE : SUSPECTED;
}

static size_t count(const struct kc_fencing *fencing, enum stage stage)
{
    size_t n = 0;
    for (size_t i = 0; i < MOST_SUSPECTS; i++) n += fencing->list[i].id && fencing->list[i].stage == stage;
    return n;
}

/* ---- are they in the group? --------------------------------------------------------------------------------------- */

static void judge(struct kc_fencing *fencing, struct suspect *suspect, const struct kc_group *group)
{
    if (kc_writer_presence(&suspect->writer, group) == KC_ABSENT)
        suspect->stage = GONE;
    else
        forget(fencing, suspect);
}

static void give_up_unknown(struct kc_fencing *fencing, int64_t now)
{
    for (size_t i = 0; i < MOST_SUSPECTS; i++) {
        struct suspect *one = &fencing->list[i];
        bool late = now - one->since_us > fencing->flow->transaction_timeout_ms * AQ_MS;
        if (one->id && one->stage == SUSPECTED && late) forget(fencing, one);
    }
}

static void ask_group(struct kc_fencing *fencing, int64_t now)
{
    const struct kc_flow *flow = fencing->flow;
    struct kc_group group;
    struct aq_err err;
    if (count(fencing, SUSPECTED) == 0 || now < fencing->ask_us) return;
    fencing->ask_us = now + ASK_AGAIN_US;
    int rc = fencing->ops->admin_describe_group(fencing->sink_admin, flow->group, flow->state_topic,
                                                ADMIN_TIMEOUT_MS, &group, &err);
    bool usable = rc == 0 && kc_writer_presence(&fencing->self, &group) == KC_PRESENT;
    for (size_t i = 0; i < MOST_SUSPECTS && usable; i++)
        if (fencing->list[i].id && fencing->list[i].stage == SUSPECTED)
            judge(fencing, &fencing->list[i], &group);
    if (rc == 0) aq_arena_finish(&group.arena);
    if (!usable) give_up_unknown(fencing, now);
}

/* ---- fencing ------------------------------------------------------------------------------------------------------ */

static void say(const struct kc_fencing *fencing, enum aq_level level, const char *message,
                const struct suspect *suspect, struct aq_field last)
{
    aq_log(level, message, aq_fs(fencing->flow->noun, fencing->flow->name), aq_fs("writer", suspect->id),
           last);
}

static void begin(struct kc_fencing *fencing, struct suspect *suspect, int64_t now)
{
    char id[KC_TRANSACTIONAL_ID_MAX];
    const struct kc_producer_conf conf = {.client_id = fencing->client_id,
                                          .transactional_id = id,
                                          .transaction_timeout_ms = fencing->flow->transaction_timeout_ms,
                                          .batch_bytes = 65536,
                                          .queue_bytes = 65536,
                                          .compression = "none",
                                          .failures_expected = true};
    AQ_ASSERT(strlen(suspect->id) < sizeof(id));
    memcpy(id, suspect->id, suspect->writer.stem);
    suspect->stage = FENCING;
    suspect->since_us = now;
    for (int i = 0; i < KC_LANES; i++) {
        struct aq_err err;
        id[suspect->writer.stem] = (char)('a' + i);
        id[suspect->writer.stem + 1] = '\0';
        if (fencing->ops->producer_open(fencing->flow->sink, &conf, &suspect->producers[i], &err) != 0)
            say(fencing, AQ_WARN, "a writer that is gone cannot be fenced", suspect,
                aq_fs("reason", err.text));
    }
}

/* True when it is over for this id, well or not. */
static bool is_over(struct kc_fencing *fencing, struct suspect *suspect, int lane, int64_t now)
{
    int code = 0;
    struct aq_err err = {0};
    enum kc_txn_state state = fencing->ops->txn_poll(suspect->producers[lane], &code, NULL, &err);
    bool late = now - suspect->since_us > fencing->flow->transaction_timeout_ms * AQ_MS;
    bool answered = state == KC_TXN_READY || state == KC_TXN_FAILED;
    if (!answered && !late) return false;
    /* FENCED: another new owner was quicker. */
    if (!answered || (state == KC_TXN_FAILED && code != AQ_E_FENCED))
        say(fencing, AQ_INFO,
            "a writer that is gone could not be fenced; its transactions end by transaction_timeout", suspect,
            aq_fs("reason", code ? err.text : "no answer"));
    return true;
}

static void go_on(struct kc_fencing *fencing, struct suspect *suspect, int64_t now)
{
    bool open = false;
    for (int i = 0; i < KC_LANES; i++) {
        if (!suspect->producers[i]) continue;
        if (is_over(fencing, suspect, i, now))
            close_producer(fencing, &suspect->producers[i]);
        else
            open = true;
    }
    if (open) return;
    suspect->stage = FENCED;
    say(fencing, AQ_INFO, "fenced a writer that is gone", suspect,
        aq_fi("took_ms", (now - suspect->since_us) / AQ_MS));
}

static void fence(struct kc_fencing *fencing, int64_t now)
{
    size_t under_way = count(fencing, FENCING);
    for (size_t i = 0; i < MOST_SUSPECTS; i++) {
        struct suspect *one = &fencing->list[i];
        if (!one->id) continue;
        if (one->stage == FENCING) go_on(fencing, one, now);
        if (one->stage != GONE || under_way == MOST_AT_ONCE) continue;
        begin(fencing, one, now);
        under_way++;
    }
}

/* ---- positions that are held -------------------------------------------------------------------------------------- */

void kc_fencing_held(struct kc_fencing *fencing, int32_t task)
{
    AQ_ASSERT(task >= 0 && task < fencing->flow->tasks);
    struct hold *hold = &fencing->holds[task];
    hold->told = aq_mono_us() >= hold->look_us;
}

static int open_tail(struct kc_fencing *fencing, struct aq_err *err)
{
    const struct kc_consumer_conf conf = {.client_id = fencing->client_id,
                                          .group_id = fencing->flow->group,
                                          .read_committed = false,
                                          .queue_bytes = TAIL_BYTES,
                                          .batch_records = 1,
                                          .batch_bytes = TAIL_BYTES};
    if (fencing->tail) return 0;
    return fencing->ops->consumer_open(fencing->flow->sink, &conf, &fencing->names, &fencing->tail, err);
}

static void read_last(struct kc_fencing *fencing, struct hold *hold, int64_t end)
{
    struct aq_err err;
    int rc = open_tail(fencing, &err);
    if (rc == 0)
        rc = fencing->ops->consumer_assign(fencing->tail, fencing->flow->state_topic, hold->task, end - 1,
                                           hold, &err);
    hold->looking = rc == 0;
    fencing->n_looking += hold->looking;
}

static void look(struct kc_fencing *fencing, int64_t now)
{
    struct kc_end *ends = NULL;
    struct aq_err err;
    size_t n = 0;
    for (int32_t t = 0; t < fencing->flow->tasks; t++) {
        struct hold *hold = &fencing->holds[t];
        if (!hold->told) continue;
        if (!ends) ends = aq_calloc((size_t)fencing->flow->tasks, sizeof(*ends));
        hold->told = false;
        hold->look_us = now + LOOK_AGAIN_US;
        ends[n++] = (struct kc_end){.topic = fencing->flow->state_topic, .partition = t};
    }
    if (n == 0) return;
    int rc = fencing->ops->admin_ends(fencing->sink_admin, ends, n, ADMIN_TIMEOUT_MS, &err);
    for (size_t i = 0; i < n && rc == 0; i++)
        if (ends[i].end > 0) read_last(fencing, &fencing->holds[ends[i].partition], ends[i].end);
    fencing->tail_until_us = now + TAIL_US;
    free(ends);
}

static void looked(struct kc_fencing *fencing, struct hold *hold)
{
    if (!hold || !hold->looking) return;
    hold->looking = false;
    fencing->n_looking--;
}

static void take_record(struct kc_fencing *fencing, const struct aq_record *rec)
{
    struct kc_snapshot snapshot;
    struct aq_arena arena;
    struct aq_err err;
    aq_arena_init(&arena, 4096);
    bool position = rec->key.ptr && aq_slice_equal(rec->key, AQ_LIT(KC_POSITION_KEY)) && rec->value.ptr;
    if (position && kc_snapshot_decode(rec->value, &arena, &snapshot, &err) == 0)
        kc_fencing_suspect(fencing, snapshot.writer, snapshot.written_ms);
    aq_arena_finish(&arena);
}

static void read_tail(struct kc_fencing *fencing, int64_t now)
{
    struct kc_event event;
    struct aq_batch *batch;
    while ((batch = fencing->ops->consumer_poll(fencing->tail, now, 0))) {
        for (uint32_t i = 0; i < batch->n; i++) take_record(fencing, &batch->records[i]);
        looked(fencing, batch->owner);
        aq_batch_release(batch);
    }
    while (fencing->ops->consumer_event(fencing->tail, &event)) looked(fencing, event.owner);
    if (fencing->n_looking == 0 || now >= fencing->tail_until_us) close_tail(fencing);
}

/* ---- the step ----------------------------------------------------------------------------------------------------- */

bool kc_fencing_step(struct kc_fencing *fencing)
{
    int64_t now = aq_mono_us();
    if (!fencing->tail) look(fencing, now);
    if (fencing->tail) read_tail(fencing, now);
    ask_group(fencing, now);
    fence(fencing, now);
    return kc_fencing_is_looking(fencing) || count(fencing, FENCING) > 0;
}

bool kc_fencing_is_looking(const struct kc_fencing *fencing)
{
    return fencing->tail || count(fencing, SUSPECTED) + count(fencing, GONE) > 0;
}
