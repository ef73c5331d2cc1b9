/* SPDX-License-Identifier: Apache-2.0
 *
 * Final results while instances come and go, simulated: every window's result goes on exactly once, and says what the changelog's last word
 * on the window is, whoever closed it, on a disk that has some of the windows or none. With a grace that nothing can miss no record is
 * lost either.
 */
#include <stdlib.h>

#include "streams/serde/windowed_key.h"
#include "tests/unit/streams/st_herd.h"
#include "tests/unit/streams/st_window_count.h"

#define SEEDS     25
#define ROUND_MS  6000
#define FINISH_MS 60000
#define CHANGELOG "app-counts-changelog"

#define BASE_MS   1704067200000 /* of the first record: st_herd.h */
#define SIZE_MS   50
#define WINDOWS   (HERD_RECORDS / SIZE_MS + 1)
#define END_MS    1000000 /* from the base: where the records are that close everything */
#define ALL_TAKEN 100000

static struct herd herd;
static struct st_aggregate op;

static uint64_t seeds(void)
{
    const char *text = getenv("AQUEDUCT_SEEDS");
    return text ? strtoull(text, NULL, 10) : SEEDS;
}

static void build(struct herd *h)
{
    struct engine *e = &h->e;
    e->settings.cache_bytes = herd_below(h, 2) ? 1 << 20 : 0;
    op = (struct st_aggregate){
        .aggregator = {.kind = &count_aggregator},
        .windows = {.kind = ST_TUMBLING, .size_ms = SIZE_MS, .grace_ms = herd_below(h, 2) ? 200 : ALL_TAKEN},
        .emit = ST_EMIT_CLOSE};
    st_windows_complete(&op.windows, false);
    engine_source(e, "in", "input");
    engine_processor(e, "rekey", &herd_rekeying, "in");
    engine_good(e, st_add_repartition(e->topology, "again", HERD_MIDDLE, engine_parent("rekey"), &e->err));
    engine_good(e, st_add_processor(e->topology, "counts", &st_window_aggregate_kind, &op,
                                    engine_parent("again"), &e->err));
    engine_good(e, st_aggregate_add_stores(e->topology, "counts", "counts", &op, true,
                                           (struct st_store_conf){0}, &e->err));
    engine_sink(e, "out", "output", "counts");
}

/* ---- what came of it ------------------------------------------------------------------------------------------------ */

struct results {
    int count[HERD_KEYS][WINDOWS];
    int times[HERD_KEYS][WINDOWS]; /* how often there was one */
    int64_t sum;
    int n;
};

static void take_result(struct results *r, const struct kc_sim_record *rec, enum st_key_form form)
{
    struct st_windowed_key key;
    char text[16] = "";
    assert_int_equal(st_windowed_key_decode(form, rec->key, &key, NULL), 0);
    if (key.start >= BASE_MS + END_MS) return;
    assert_true(rec->value.len > 0 && rec->value.len < sizeof(text));
    memcpy(text, rec->value.ptr, rec->value.len);
    assert_int_equal(key.key.len, 2);
    int k = key.key.ptr[1] - '0', w = (int)((key.start - BASE_MS) / SIZE_MS);
    assert_true(k >= 0 && k < HERD_KEYS && w >= 0 && w < WINDOWS);
    r->sum += atoi(text) - r->count[k][w];
    r->count[k][w] = atoi(text);
    r->n += r->times[k][w]++ == 0;
}

static void read_results(struct herd *h, const char *topic, enum st_key_form form, struct results *ret)
{
    struct kc_sim_record rec;
    memset(ret, 0, sizeof(*ret));
    for (size_t at = 0; kc_sim_read(&h->cluster, topic, at, &rec, 1, &h->e.err) == 1; at++)
        take_result(ret, &rec, form);
}

static int64_t produced(const struct herd *h)
{
    int64_t n = 0;
    for (int p = 0; p < HERD_PARTITIONS; p++) n += h->produced[p];
    return n;
}

/* ---- the play ------------------------------------------------------------------------------------------------------- */

static int up(struct herd *h, int *ret_one)
{
    int n = 0;
    for (int i = 0; i < h->n; i++) {
        if (h->list[i].state != HERD_UP) continue;
        n++;
        if (herd_below(h, (uint64_t)n) == 0) *ret_one = i;
    }
    return n;
}

static void strike(struct herd *h)
{
    int victim = 0;
    if (h->n == HERD_MAX || up(h, &victim) < 2) return;
    switch (herd_below(h, 3)) {
    case 0: herd_kill(h, victim); break;
    case 1: herd_leave(h, victim); break;
    default: break;
    }
    herd_start(h);
}

/* A record of each key in each partition, far behind all others. */
static void produce_end(struct herd *h)
{
    for (int32_t p = 0; p < HERD_PARTITIONS; p++) {
        for (int i = 0; i < HERD_KEYS; i++) {
            struct kc_sim_record rec = {
                .partition = p, .key = AQ_LIT("k"), .value = AQ_LIT("v"), .timestamp = BASE_MS + END_MS + i};
            engine_good(&h->e, kc_sim_append(&h->cluster, "input", &rec, &h->e.err));
        }
    }
}

static void play(struct herd *h, uint64_t seed, struct results *kept, struct results *sent)
{
    herd_open_with(h, ST_EXACTLY_ONCE, seed, build);
    bool all_taken = op.windows.grace_ms == ALL_TAKEN;
    kc_sim_set_latency(h->sim, (int64_t)herd_below(h, 30) * AQ_MS);
    if (herd_below(h, 4) > 0) herd_refusals = 3 + (unsigned)herd_below(h, 20);
    for (int i = 0; i < 3; i++) herd_start(h);
    for (int ms = 0; ms < ROUND_MS; ms++) {
        if (ms % 10 == 0) herd_produce(h, herd_below(h, 200) == 0 ? 500 : (int)herd_below(h, 8));
        if (herd_below(h, 900) == 0) strike(h);
        herd_turn(h);
    }
    read_results(h, CHANGELOG, ST_KEY_STORE, kept);
    for (int ms = 0; ms < (all_taken ? FINISH_MS : 15000) && kept->sum < produced(h); ms += 500) {
        herd_turns(h, 500);
        read_results(h, CHANGELOG, ST_KEY_STORE, kept);
    }
    produce_end(h);
    read_results(h, "output", ST_KEY_TIME, sent);
    for (int ms = 0; ms < FINISH_MS && sent->n < kept->n; ms += 500) {
        herd_turns(h, 500);
        read_results(h, "output", ST_KEY_TIME, sent);
    }
    for (int i = 0; i < h->n; i++)
        if (h->list[i].state == HERD_UP) herd_leave(h, i);
    herd_turns(h, 3000);
    read_results(h, CHANGELOG, ST_KEY_STORE, kept);
    read_results(h, "output", ST_KEY_TIME, sent);
}

static void every_window_sends_its_last_state_exactly_once(void **state)
{
    (void)state;
    static struct results kept, sent;
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        play(&herd, seed, &kept, &sent);
        for (int k = 0; k < HERD_KEYS; k++)
            for (int w = 0; w < WINDOWS; w++) {
                bool once = sent.times[k][w] == (kept.times[k][w] > 0);
                if (!once || sent.count[k][w] != kept.count[k][w])
                    fail_msg("seed %d: window %d of k%d: %d sent %d times, %d kept", (int)seed, w, k,
                             sent.count[k][w], sent.times[k][w], kept.count[k][w]);
            }
        if (sent.n <= 30)
            fail_msg("seed %d: %d windows kept, %d sent of %d records", (int)seed, kept.n, sent.n,
                     (int)produced(&herd));
        assert_true(sent.sum <= produced(&herd));
        if (op.windows.grace_ms == ALL_TAKEN) assert_int_equal(sent.sum, produced(&herd));
        herd_close(&herd);
    }
}

int main(void)
{
    aq_log_setup(getenv("AQUEDUCT_TEST_VERBOSE") ? AQ_DEBUG : AQ_ERROR, AQ_LOG_LOGFMT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_window_sends_its_last_state_exactly_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
