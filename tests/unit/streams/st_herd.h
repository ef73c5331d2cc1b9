/* SPDX-License-Identifier: Apache-2.0
 *
 * Several instances of one application in one simulated world: each has a catalog and a worker of its own, as a process has. A
 * test stops serving one (it is dead, or frozen), ends one in order, starts another, moves the clock by single milliseconds, and
 * at the end looks at what a read_committed consumer of the sink sees.
 *
 * The application: "input" (PARTITIONS) -> new key -> repartition (MIDDLE) -> "output". An output's value is "partition:offset" of
 * its input, its key follows from the offset, so that the checker can tell what is lost, doubled or out of place.
 */
#ifndef AQ_TESTS_ST_HERD_H
#define AQ_TESTS_ST_HERD_H

#include "base/log.h"
#include "streams/worker.h"
#include "tests/unit/streams/st_engine.h"

#define HERD_MAX        24 /* instances over the life of a world */
#define HERD_PARTITIONS 3
#define HERD_MIDDLE     4
#define HERD_OUTPUTS    2
#define HERD_RECORDS    8192 /* of a partition, at most */
#define HERD_KEYS       7
#define HERD_SESSION_MS 3000
#define HERD_TXN_MS     2000
#define HERD_BIG        400 /* blanks behind an output of the input "big": more than the sink takes */

enum herd_state { HERD_FREE, HERD_UP, HERD_FROZEN, HERD_DEAD, HERD_ENDING };

struct herd_instance {
    enum herd_state state;
    struct st_catalog *catalog;
    struct st_worker *worker;
    struct st_standby *standby; /* NULL: nobody keeps copies */
    struct st_dbs *disk;        /* one of the herd's */
    int64_t thaw_us;
    int64_t revoked_ms; /* of service while a revocation waits */
};

struct herd {
    struct engine e; /* settings and topology */
    struct kc_ops ops;
    struct kc_sim *sim;
    struct kc_cluster cluster;
    struct aq_virtual_clock *outside;
    struct st_plan *plan;
    struct st_serde_flow *serdes;
    struct herd_instance list[HERD_MAX];
    int n;
    struct st_dbs disks[HERD_MAX]; /* of machines; an instance may start on that of one that is gone */
    bool disk_used[HERD_MAX];
    int n_disks;
    int64_t produced[HERD_PARTITIONS];
    int64_t longest_revocation_ms;
    uint64_t random;
};

static inline uint64_t herd_below(struct herd *h, uint64_t bound)
{
    h->random ^= h->random << 13;
    h->random ^= h->random >> 7;
    h->random ^= h->random << 17;
    return h->random % bound;
}

/* ---- the application ---------------------------------------------------------------------------------------------- */

static inline int herd_rekey(struct st_context *context, void *state, struct aq_record *rec,
                             struct aq_err *err)
{
    (void)state;
    bool is_big = aq_slice_equal(rec->value, AQ_LIT("big"));
    rec->value = aq_slice_str(aq_arena_printf(st_arena(context), "%d:%lld%*s", rec->partition,
                                              (long long)rec->offset, is_big ? HERD_BIG : 0, ""));
    rec->key = aq_slice_str(aq_arena_printf(st_arena(context), "k%lld", (long long)rec->offset % HERD_KEYS));
    return st_forward(context, rec, err);
}

static const struct st_processor_kind herd_rekeying = {
    .name = "rekey", .changes_key = true, .process = herd_rekey};

static inline void herd_build(struct herd *h)
{
    struct engine *e = &h->e;
    engine_source(e, "in", "input");
    engine_processor(e, "rekey", &herd_rekeying, "in");
    engine_good(e, st_add_repartition(e->topology, "again", HERD_MIDDLE, engine_parent("rekey"), &e->err));
    engine_sink(e, "out", "output", "again");
}

static inline void herd_plan(struct herd *h)
{
    struct engine *e = &h->e;
    h->plan = st_plan_create(e->topology, &e->err);
    assert_non_null(h->plan);
    struct st_findings findings;
    st_findings_init(&findings);
    struct st_serdes defaults = {e->settings.key_serde, e->settings.value_serde};
    h->serdes = st_serde_flow_create(h->plan, defaults, &findings);
    assert_non_null(h->serdes);
    st_findings_finish(&findings);
}

/* ---- commits that take their time, which the simulation's do not ---------------------------------------------------- */

#define HERD_COMMIT_US  15000
#define HERD_COMMITTING 64

static struct {
    const struct kc_producer *producer;
    int64_t until_us;
} herd_committing[HERD_COMMITTING];

static unsigned herd_refusals; /* of so many commits one is refused at once; 0: none */
static uint64_t herd_dice;

static inline int64_t *herd_commit_end(const struct kc_producer *producer, bool add)
{
    static size_t next;
    for (size_t i = 0; i < HERD_COMMITTING; i++)
        if (herd_committing[i].producer == producer) return &herd_committing[i].until_us;
    if (!add) return NULL;
    next = (next + 1) % HERD_COMMITTING;
    herd_committing[next].producer = producer;
    return &herd_committing[next].until_us;
}

static inline int herd_txn_commit(struct kc_producer *producer, struct kc_membership *membership,
                                  const char *state_topic, const struct kc_task_offset *offsets, size_t n,
                                  struct aq_err *err)
{
    herd_dice = herd_dice * 6364136223846793005u + 1442695040888963407u;
    if (herd_refusals > 0 && (herd_dice >> 33) % herd_refusals == 0)
        return aq_fail(err, AQ_E_AGAIN, "the coordinator is being moved");
    *herd_commit_end(producer, true) = aq_mono_us() + HERD_COMMIT_US;
    return kc_sim_ops.txn_commit(producer, membership, state_topic, offsets, n, err);
}

static inline enum kc_txn_state herd_txn_poll(struct kc_producer *producer, int *ret_code,
                                              int64_t *ret_started_us, struct aq_err *err)
{
    const int64_t *until_us = herd_commit_end(producer, false);
    if (!until_us || aq_mono_us() >= *until_us)
        return kc_sim_ops.txn_poll(producer, ret_code, ret_started_us, err);
    if (ret_code) *ret_code = 0;
    if (ret_started_us) *ret_started_us = *until_us - HERD_COMMIT_US;
    return KC_TXN_COMMITTING;
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

static inline void herd_open_with(struct herd *h, int guarantee, uint64_t seed, void (*build)(struct herd *h))
{
    *h = (struct herd){.ops = kc_sim_ops, .random = seed * 2 + 1};
    h->ops.txn_commit = herd_txn_commit;
    h->ops.txn_poll = herd_txn_poll;
    memset(herd_committing, 0, sizeof(herd_committing));
    herd_refusals = 0;
    herd_dice = seed;
    h->sim = kc_sim_open(seed);
    kc_sim_cluster(h->sim, "test", &h->cluster);
    h->outside = aq_clock_use(kc_sim_clock(h->sim));
    engine_init(&h->e, guarantee);
    struct st_settings *settings = &h->e.settings;
    settings->cluster = settings->flow.source = settings->flow.sink = &h->cluster;
    settings->auto_offset_reset = ST_EARLIEST;
    settings->create_topics = true;
    settings->repartition_purge_interval_ms = 100;
    settings->session_timeout_ms = settings->flow.session_timeout_ms = HERD_SESSION_MS;
    settings->transaction_timeout_ms = settings->flow.transaction_timeout_ms = HERD_TXN_MS;
    settings->flow.replication_factor = -1;
    build(h);
    herd_plan(h);
    engine_good(&h->e, kc_sim_create_topic(&h->cluster, "input", HERD_PARTITIONS, NULL, 0, &h->e.err));
    const struct kc_config_entry small = {.name = "max.message.bytes", .value = "300"};
    engine_good(&h->e, kc_sim_create_topic(&h->cluster, "output", HERD_OUTPUTS, &small, 1, &h->e.err));
    kc_sim_set_latency(h->sim, 2000);
}

static inline void herd_open(struct herd *h, int guarantee, uint64_t seed)
{
    herd_open_with(h, guarantee, seed, herd_build);
}

/* A machine nobody runs on, most often one that was used before. */
static inline struct st_dbs *herd_disk(struct herd *h)
{
    bool used_before = herd_below(h, 4) > 0;
    for (int i = 0; i < h->n_disks && used_before; i++) {
        if (h->disk_used[i]) continue;
        h->disk_used[i] = true;
        return &h->disks[i];
    }
    assert_true(h->n_disks < HERD_MAX);
    st_dbs_open_memory(&h->disks[h->n_disks]);
    h->disk_used[h->n_disks] = true;
    return &h->disks[h->n_disks++];
}

static inline void herd_leave_disk(struct herd *h, struct herd_instance *one)
{
    if (one->disk) h->disk_used[one->disk - h->disks] = false;
    one->disk = NULL;
}

/* Returns the instance's number. */
static inline int herd_start(struct herd *h)
{
    static const atomic_bool never = false;
    int i = h->n++;
    assert_true(i < HERD_MAX);
    struct herd_instance *one = &h->list[i];
    if (h->e.topology->n_stores > 0) one->disk = herd_disk(h);
    one->catalog = st_catalog_create(&h->ops, &h->e.settings, h->plan);
    engine_good(&h->e, st_catalog_connect(one->catalog, &never, &h->e.err));
    const struct st_standby_conf keeper = {.ops = &h->ops,
                                           .settings = &h->e.settings,
                                           .plan = h->plan,
                                           .catalog = one->catalog,
                                           .dbs = one->disk};
    if (one->disk && h->e.settings.state_cleanup_delay_ms > 0) one->standby = st_standby_create(&keeper);
    const struct st_worker_setup setup = {.ops = &h->ops,
                                          .settings = &h->e.settings,
                                          .plan = h->plan,
                                          .serdes = h->serdes,
                                          .catalog = one->catalog,
                                          .dbs = one->disk,
                                          .standby = one->standby,
                                          .index = i,
                                          .inline_lookup = true};
    one->worker = st_worker_create(&setup);
    /* Each is a process of its own. */
    char *name = one->worker->own.instance;
    snprintf(name, sizeof(one->worker->own.instance), "aqueduct-machine-%d-0", i);
    if (one->standby) st_standby_name(one->standby, name);
    engine_good(&h->e, st_worker_open(one->worker, &h->e.err));
    one->state = HERD_UP;
    return i;
}

static inline void herd_bury(struct herd *h, struct herd_instance *one)
{
    if (one->state == HERD_FREE) return;
    st_worker_close(one->worker);
    st_worker_destroy(one->worker);
    st_standby_destroy(one->standby);
    st_catalog_destroy(one->catalog);
    herd_leave_disk(h, one);
    *one = (struct herd_instance){.state = HERD_FREE};
}

/* As kill -9: of what is under way the cluster gets a part. */
static inline void herd_kill(struct herd *h, int i)
{
    struct kc_ownership *own = &h->list[i].worker->own;
    for (int k = 0; k < own->lanes.n; k++)
        if (own->lanes.list[k].producer) kc_sim_abandon_producer(own->lanes.list[k].producer);
    kc_sim_abandon_member(own->member);
    /* Its files stay, and nobody holds them any more. */
    for (int32_t s = 0; s < own->n_tasks; s++) {
        struct st_slot *slot = &h->list[i].worker->slots[s];
        for (struct st_stores *next; slot->stores; slot->stores = next) {
            next = slot->stores->next;
            st_restore_forget(h->list[i].worker, slot->stores);
            st_stores_close(slot->stores);
        }
    }
    st_standby_destroy(h->list[i].standby);
    h->list[i].standby = h->list[i].worker->standby = NULL;
    herd_leave_disk(h, &h->list[i]);
    h->list[i].state = HERD_DEAD;
}

static inline void herd_leave(struct herd *h, int i)
{
    atomic_store(&h->list[i].worker->stop, true);
    h->list[i].state = HERD_ENDING;
}

static inline void herd_turn_one(struct herd *h, int i)
{
    struct herd_instance *one = &h->list[i];
    if (one->state == HERD_FROZEN && aq_mono_us() >= one->thaw_us) one->state = HERD_UP;
    if (one->state != HERD_UP && one->state != HERD_ENDING) return;
    bool alive = st_worker_turn(one->worker, aq_mono_us(), 0);
    if (one->standby) st_standby_settled(one->standby, one->worker->shown_assigned);
    if (one->standby && alive) st_standby_turn(one->standby, aq_mono_us(), 0);
    one->revoked_ms = one->worker->own.revoking ? one->revoked_ms + 1 : 0;
    if (one->revoked_ms > h->longest_revocation_ms) h->longest_revocation_ms = one->revoked_ms;
    if (alive) return;
    if (one->worker->own.err.code != 0) fail_msg("instance %d: %s", i, one->worker->own.err.text);
    assert_int_equal(one->state, HERD_ENDING);
    herd_bury(h, one);
}

/* A millisecond of everybody's life. */
static inline void herd_turn(struct herd *h)
{
    for (int i = 0; i < h->n; i++) herd_turn_one(h, i);
    for (int i = 0; i < h->n; i++)
        if (h->list[i].state == HERD_UP && herd_below(h, 50) == 0)
            engine_good(&h->e, st_catalog_refresh(h->list[i].catalog, &h->e.err));
    kc_sim_advance(h->sim, 1000);
}

static inline void herd_turns(struct herd *h, int n)
{
    while (n-- > 0) herd_turn(h);
}

static inline void herd_close(struct herd *h)
{
    for (int i = 0; i < h->n; i++) herd_bury(h, &h->list[i]);
    for (int i = 0; i < h->n_disks; i++) st_dbs_close(&h->disks[i]);
    st_serde_flow_destroy(h->serdes);
    st_plan_destroy(h->plan);
    st_topology_destroy(h->e.topology);
    aq_clock_use(h->outside);
    kc_sim_close(h->sim);
}

/* ---- records ------------------------------------------------------------------------------------------------------ */

static inline void herd_produce_one(struct herd *h, const char *value)
{
    int32_t p = (int32_t)herd_below(h, HERD_PARTITIONS);
    if (h->produced[p] == HERD_RECORDS) return;
    struct kc_sim_record rec = {.partition = p,
                                .key = AQ_LIT("k"),
                                .value = aq_slice_str(value),
                                .timestamp = 1704067200000 + h->produced[p]};
    engine_good(&h->e, kc_sim_append(&h->cluster, "input", &rec, &h->e.err));
    assert_int_equal(rec.offset, h->produced[p]);
    h->produced[p]++;
}

static inline void herd_produce(struct herd *h, int n)
{
    while (n-- > 0) herd_produce_one(h, "v");
}

struct herd_found {
    int64_t produced, sink, lost, duplicated, reordered;
};

static inline struct herd_found herd_check(struct herd *h)
{
    static uint8_t seen[HERD_PARTITIONS][HERD_RECORDS];
    int64_t last[HERD_PARTITIONS][HERD_KEYS];
    struct herd_found found = {0};
    memset(seen, 0, sizeof(seen));
    memset(last, -1, sizeof(last));
    struct kc_sim_record rec;
    for (size_t at = 0; kc_sim_read(&h->cluster, "output", at, &rec, 1, &h->e.err) == 1; at++) {
        char text[32] = "", key[32];
        int p = -1;
        long long offset = -1;
        memcpy(text, rec.value.ptr, rec.value.len < 31 ? rec.value.len : 31);
        assert_int_equal(sscanf(text, "%d:%lld", &p, &offset), 2);
        assert_true(p >= 0 && p < HERD_PARTITIONS && offset >= 0 && offset < h->produced[p]);
        snprintf(key, sizeof(key), "k%lld", offset % HERD_KEYS);
        assert_true(aq_slice_equal(rec.key, aq_slice_str(key)));
        found.sink++;
        if (seen[p][offset]++ > 0) {
            found.duplicated++;
            continue;
        }
        if (offset < last[p][offset % HERD_KEYS]) found.reordered++;
        last[p][offset % HERD_KEYS] = offset;
    }
    for (int p = 0; p < HERD_PARTITIONS; p++) {
        found.produced += h->produced[p];
        for (int64_t i = 0; i < h->produced[p]; i++) found.lost += seen[p][i] == 0;
    }
    return found;
}

/* Turns until every record has come out, or so many milliseconds are over; true when all did. */
static inline bool herd_catch_up(struct herd *h, int most_ms)
{
    for (int ms = 0; ms < most_ms; ms += 100) {
        if (herd_check(h).lost == 0) return true;
        herd_turns(h, 100);
    }
    return herd_check(h).lost == 0;
}

#endif
