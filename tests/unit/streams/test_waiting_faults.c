/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that hold records back, in several instances under faults, simulated: an outer join of two streams, and suppress until
 * windows close. Every pair, every record without a partner and every window comes exactly once, whoever had it in hand.
 */
#include <stdlib.h>

#include "streams/ops/op_stream_join.h"
#include "streams/ops/op_suppress.h"
#include "streams/serde/windowed_key.h"
#include "tests/unit/streams/st_herd.h"

#define SEEDS     10
#define ROUND_MS  6000
#define FINISH_MS 40000
#define EPOCH     1704067200000 /* of the herd's records: this and their offset */
#define NEAR_MS   15
#define SIZE_MS   100000 /* one window for all, so that they end together */
#define MANY_KEYS 500
#define LONG_MS   100000000 /* grace: nothing is late, and nothing closes before the end */
#define FLUSHES   64        /* keys that reach every partition */

static struct herd herd;
static struct st_stream_join join;
static struct st_suppress suppress;
static int keys;    /* how many there are */
static bool cached; /* in this round */
static bool bounded;

static uint64_t seeds(void)
{
    const char *text = getenv("AQUEDUCT_SEEDS");
    return text ? strtoull(text, NULL, 10) : SEEDS;
}

/* ---- input ----------------------------------------------------------------------------------------------------------- */

/* What ends the round: far in the future, for every partition. */
static int flush_all(struct st_context *context, struct aq_record *rec, struct aq_err *err)
{
    for (int i = 0; i < FLUSHES; i++) {
        struct aq_record out = *rec;
        out.key = aq_slice_str(aq_arena_printf(st_arena(context), "f%08d", i));
        out.value = AQ_LIT("flush");
        int rc = st_forward(context, &out, err);
        if (rc != 0) return rc;
    }
    return 0;
}

static int take(struct st_context *context, struct aq_record *rec, int64_t odd, struct aq_err *err)
{
    if (aq_slice_equal(rec->value, AQ_LIT("flush"))) return odd ? 0 : flush_all(context, rec, err);
    if (odd >= 0 && rec->offset % 2 != odd) return 0;
    rec->value =
        aq_slice_str(aq_arena_printf(st_arena(context), "%d:%lld", rec->partition, (long long)rec->offset));
    rec->key = aq_slice_str(aq_arena_printf(st_arena(context), "k%lld", (long long)rec->offset % keys));
    return st_forward(context, rec, err);
}

static int take_left(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    return take(context, rec, 0, err);
}

static int take_right(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    return take(context, rec, 1, err);
}

static const struct st_processor_kind left_kind = {.name = "left", .changes_key = true, .process = take_left};
static const struct st_processor_kind right_kind = {
    .name = "right", .changes_key = true, .process = take_right};

static void produce_flush(void)
{
    struct kc_sim_record rec = {
        .partition = 0, .key = AQ_LIT("k"), .value = AQ_LIT("flush"), .timestamp = EPOCH + 2 * LONG_MS};
    engine_good(&herd.e, kc_sim_append(&herd.cluster, "input", &rec, &herd.e.err));
}

/* ---- a round --------------------------------------------------------------------------------------------------------- */

static int up(int *ret_one)
{
    int n = 0;
    for (int i = 0; i < herd.n; i++) {
        if (herd.list[i].state != HERD_UP) continue;
        n++;
        if (herd_below(&herd, (uint64_t)n) == 0) *ret_one = i;
    }
    return n;
}

static void strike(void)
{
    int victim = 0;
    if (herd.n == HERD_MAX || up(&victim) < 2) return;
    switch (herd_below(&herd, 4)) {
    case 0: herd_kill(&herd, victim); break;
    case 1:
        herd.list[victim].state = HERD_FROZEN;
        herd.list[victim].thaw_us = aq_mono_us() + (int64_t)herd_below(&herd, 6000) * AQ_MS;
        return;
    case 2: herd_leave(&herd, victim); break;
    default: break;
    }
    herd_start(&herd);
}

static size_t count_outputs(void)
{
    struct kc_sim_record rec;
    size_t n = 0;
    while (kc_sim_read(&herd.cluster, "output", n, &rec, 1, &herd.e.err) == 1) n++;
    return n;
}

static void play(uint64_t seed, void (*build)(struct herd *h), size_t (*expected)(void))
{
    cached = seed % 2;
    bounded = seed / 2 % 2;
    herd_open_with(&herd, ST_EXACTLY_ONCE, seed, build);
    kc_sim_set_latency(herd.sim, (int64_t)herd_below(&herd, 30) * AQ_MS);
    if (herd_below(&herd, 4) > 0) herd_refusals = 3 + (unsigned)herd_below(&herd, 20);
    for (int i = 0; i < 3; i++) herd_start(&herd);
    for (int ms = 0; ms < ROUND_MS; ms++) {
        if (ms % 10 == 0) herd_produce(&herd, (int)herd_below(&herd, 4));
        if (herd_below(&herd, 700) == 0) strike();
        herd_turn(&herd);
    }
    /* What was produced has to be through before time jumps, for a record behind the jump would be late. */
    herd_turns(&herd, 15000);
    produce_flush();
    size_t wanted = expected();
    for (int ms = 0; ms < FINISH_MS && count_outputs() < wanted; ms += 100) herd_turns(&herd, 100);
    for (int i = 0; i < herd.n; i++)
        if (herd.list[i].state == HERD_UP) herd_leave(&herd, i);
    herd_turns(&herd, 3000);
}

/* Texts, sorted. */
struct texts {
    char (*list)[48];
    size_t n, cap;
};

static void add_text(struct texts *texts, const char *text)
{
    if (texts->n == texts->cap) {
        texts->cap = texts->cap ? texts->cap * 2 : 1024;
        texts->list = realloc(texts->list, texts->cap * sizeof(*texts->list));
        assert_non_null(texts->list);
    }
    snprintf(texts->list[texts->n++], sizeof(*texts->list), "%s", text);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void compare(struct texts *wanted, void (*text_of)(const struct kc_sim_record *rec, char into[48]),
                    uint64_t seed)
{
    struct texts found = {0};
    struct kc_sim_record rec;
    while (kc_sim_read(&herd.cluster, "output", found.n, &rec, 1, &herd.e.err) == 1) {
        char text[48];
        text_of(&rec, text);
        add_text(&found, text);
    }
    qsort(wanted->list, wanted->n, sizeof(*wanted->list), by_text);
    qsort(found.list, found.n, sizeof(*found.list), by_text);
    for (size_t i = 0; i < wanted->n || i < found.n; i++) {
        const char *a = i < wanted->n ? wanted->list[i] : "nothing",
                   *b = i < found.n ? found.list[i] : "nothing";
        if (strcmp(a, b) != 0)
            fail_msg("seed %d: %s where %s should be (%d of %d)", (int)seed, b, a, (int)found.n,
                     (int)wanted->n);
    }
    free(found.list);
}

/* ---- the join -------------------------------------------------------------------------------------------------------- */

static void build_join(struct herd *h)
{
    struct engine *e = &h->e;
    join = (struct st_stream_join){.joiner = {.kind = &st_joiner_pair},
                                   .before_ms = NEAR_MS,
                                   .after_ms = NEAR_MS,
                                   .grace_ms = LONG_MS,
                                   .left_alone = true,
                                   .right_alone = true};
    e->settings.cache_bytes = cached ? 1 << 20 : 0;
    keys = HERD_KEYS;
    engine_source(e, "in", "input");
    engine_processor(e, "left", &left_kind, "in");
    engine_processor(e, "right", &right_kind, "in");
    engine_good(e, st_add_repartition(e->topology, "lefts", HERD_MIDDLE, engine_parent("left"), &e->err));
    engine_good(e, st_add_repartition(e->topology, "rights", HERD_MIDDLE, engine_parent("right"), &e->err));
    engine_good(e, st_add_stream_join(e->topology, "joined", &join, "lefts", "rights", NULL, &e->err));
    engine_sink(e, "out", "output", "joined");
}

/* A record is a place: of which partition, and where in it. */
static bool are_partners(int64_t left, int64_t right)
{
    return left % HERD_KEYS == right % HERD_KEYS && left - right <= NEAR_MS && right - left <= NEAR_MS;
}

static void wanted_of(int p, int64_t offset, struct texts *wanted)
{
    char text[48];
    bool alone = true;
    for (int q = 0; q < HERD_PARTITIONS; q++) {
        for (int64_t other = 1 - offset % 2; other < herd.produced[q]; other += 2) {
            if (!are_partners(offset, other)) continue;
            alone = false;
            if (offset % 2 == 1) continue;
            snprintf(text, sizeof(text), "%d:%lld-%d:%lld", p, (long long)offset, q, (long long)other);
            add_text(wanted, text);
        }
    }
    if (!alone) return;
    snprintf(text, sizeof(text), offset % 2 ? "null-%d:%lld" : "%d:%lld-null", p, (long long)offset);
    add_text(wanted, text);
}

static struct texts wanted_pairs(void)
{
    struct texts wanted = {0};
    for (int p = 0; p < HERD_PARTITIONS; p++)
        for (int64_t offset = 0; offset < herd.produced[p]; offset++) wanted_of(p, offset, &wanted);
    return wanted;
}

static size_t count_pairs(void)
{
    struct texts wanted = wanted_pairs();
    free(wanted.list);
    return wanted.n;
}

static void pair_text(const struct kc_sim_record *rec, char into[48])
{
    snprintf(into, 48, "%.*s", (int)rec->value.len, rec->value.ptr);
}

static void pairs_are_exact_while_instances_come_and_go(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        play(seed, build_join, count_pairs);
        struct texts wanted = wanted_pairs();
        assert_true(wanted.n > 300);
        compare(&wanted, pair_text, seed);
        free(wanted.list);
        herd_close(&herd);
    }
}

/* ---- stream time of a join ------------------------------------------------------------------------------------------- */

static int take_sides(struct st_context *context, struct aq_record *rec, char side, struct aq_err *err)
{
    if (rec->value.ptr[0] != side) return 0;
    rec->value = aq_slice_of(rec->value.ptr + 1, rec->value.len - 1);
    return st_forward(context, rec, err);
}

static int take_l(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    return take_sides(context, rec, 'L', err);
}

static int take_r(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    return take_sides(context, rec, 'R', err);
}

static const struct st_processor_kind l_kind = {.name = "l", .process = take_l};
static const struct st_processor_kind r_kind = {.name = "r", .process = take_r};

static void build_small_join(struct herd *h)
{
    struct engine *e = &h->e;
    join = (struct st_stream_join){
        .joiner = {.kind = &st_joiner_pair}, .before_ms = 10, .after_ms = 10, .left_alone = true};
    engine_source(e, "in", "input");
    engine_processor(e, "l", &l_kind, "in");
    engine_processor(e, "r", &r_kind, "in");
    engine_good(e, st_add_stream_join(e->topology, "joined", &join, "l", "r", NULL, &e->err));
    engine_sink(e, "out", "output", "joined");
}

static void produce_at(const char *value, int64_t ms)
{
    struct kc_sim_record rec = {
        .partition = 0, .key = AQ_LIT("k"), .value = aq_slice_str(value), .timestamp = EPOCH + ms};
    engine_good(&herd.e, kc_sim_append(&herd.cluster, "input", &rec, &herd.e.err));
    herd_turns(&herd, 2000);
}

/* What a filter keeps from the join moves the time of the task, and must not make anything late after a restart. */
static void a_join_goes_on_at_its_own_time(void **state)
{
    (void)state;
    struct kc_sim_record rec = {0};
    herd_open_with(&herd, ST_EXACTLY_ONCE, 1, build_small_join);
    int first = herd_start(&herd);
    herd_turns(&herd, 3000);
    produce_at("LA", 0);
    produce_at("x", 100000);
    herd_leave(&herd, first);
    herd_turns(&herd, 2000);
    herd_start(&herd);
    herd_turns(&herd, 3000);
    produce_at("Ra", 5);
    assert_int_equal(kc_sim_read(&herd.cluster, "output", 0, &rec, 1, &herd.e.err), 1);
    assert_true(aq_slice_equal(rec.value, AQ_LIT("A-a")));
    produce_at("LB", 2);
    assert_int_equal(kc_sim_read(&herd.cluster, "output", 1, &rec, 1, &herd.e.err), 1);
    assert_true(aq_slice_equal(rec.value, AQ_LIT("B-a")));
    herd_close(&herd);
}

/* ---- suppress -------------------------------------------------------------------------------------------------------- */

static int open_window(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    const struct st_windowed_key key = {.key = rec->key, .start = rec->timestamp / SIZE_MS * SIZE_MS};
    rec->key = st_windowed_key_encode(ST_KEY_TIME, &key, st_arena(context));
    return st_forward(context, rec, err);
}

static const struct st_processor_kind window_kind = {.name = "window", .process = open_window};

static void build_suppress(struct herd *h)
{
    struct engine *e = &h->e;
    suppress = (struct st_suppress){.until = ST_SUPPRESS_TIME_WINDOW,
                                    .size_ms = SIZE_MS,
                                    .wait_ms = LONG_MS,
                                    .max_records = bounded ? 1000000 : 0};
    e->settings.cache_bytes = cached ? 1 << 20 : 0;
    keys = MANY_KEYS;
    engine_source(e, "in", "input");
    engine_processor(e, "left", &left_kind, "in");
    engine_good(e, st_add_repartition(e->topology, "again", HERD_MIDDLE, engine_parent("left"), &e->err));
    engine_processor(e, "window", &window_kind, "again");
    engine_good(e, st_add_suppress(e->topology, "held", &suppress, "window", NULL, &e->err));
    engine_sink(e, "out", "output", "held");
}

static struct texts wanted_windows(void)
{
    struct texts wanted = {0};
    int64_t most = 0;
    for (int p = 0; p < HERD_PARTITIONS; p++)
        if (herd.produced[p] > most) most = herd.produced[p];
    for (int64_t offset = 0; offset < most && offset < MANY_KEYS; offset += 2) {
        char text[48];
        snprintf(text, sizeof(text), "k%lld@0", (long long)offset);
        add_text(&wanted, text);
    }
    return wanted;
}

static size_t count_windows(void)
{
    struct texts wanted = wanted_windows();
    free(wanted.list);
    return wanted.n;
}

static void window_text(const struct kc_sim_record *rec, char into[48])
{
    struct st_windowed_key key;
    engine_good(&herd.e, st_windowed_key_decode(ST_KEY_TIME, rec->key, &key, &herd.e.err));
    snprintf(into, 48, "%.*s@%lld", (int)key.key.len, key.key.ptr, (long long)(key.start - EPOCH));
}

static void windows_are_told_once_while_instances_come_and_go(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        play(seed, build_suppress, count_windows);
        struct texts wanted = wanted_windows();
        assert_true(wanted.n > 100);
        compare(&wanted, window_text, seed);
        free(wanted.list);
        herd_close(&herd);
    }
}

int main(void)
{
    aq_log_setup(getenv("AQUEDUCT_TEST_VERBOSE") ? AQ_DEBUG : AQ_ERROR, AQ_LOG_LOGFMT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_exact_while_instances_come_and_go),
        cmocka_unit_test(a_join_goes_on_at_its_own_time),
        cmocka_unit_test(windows_are_told_once_while_instances_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
