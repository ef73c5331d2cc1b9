/* SPDX-License-Identifier: Apache-2.0
 *
 * Several workers that count, under faults, simulated: every count comes once and in order, whoever counts it, and the changelog holds
 * the last ones. An instance that takes a task over restores its store, from a disk that has some of it or none.
 */
#include <stdlib.h>

#include "tests/unit/streams/st_count.h"
#include "tests/unit/streams/st_herd.h"

#define SEEDS     25
#define ROUND_MS  10000
#define FINISH_MS 30000
#define CHANGELOG "app-counts-changelog"

static struct herd herd;

static uint64_t seeds(void)
{
    const char *text = getenv("AQUEDUCT_SEEDS");
    return text ? strtoull(text, NULL, 10) : SEEDS;
}

static int64_t cache_bytes; /* of the next world */
static int64_t copies;      /* of stores, in the next world */

static void build(struct herd *h)
{
    struct engine *e = &h->e;
    e->settings.cache_bytes = cache_bytes;
    e->settings.standby_replicas = copies;
    e->settings.state_cleanup_delay_ms = copies > 0 ? 1000 : 0;
    engine_source(e, "in", "input");
    engine_processor(e, "rekey", &herd_rekeying, "in");
    engine_good(e, st_add_repartition(e->topology, "again", HERD_MIDDLE, engine_parent("rekey"), &e->err));
    engine_count(e, "again", NULL);
    engine_sink(e, "out", "output", "count");
}

static int key_of(struct aq_slice key)
{
    char text[16] = "";
    assert_true(key.len > 1 && key.len < sizeof(text) && key.ptr[0] == 'k');
    memcpy(text, key.ptr + 1, key.len - 1);
    return atoi(text);
}

static int64_t number_of(struct aq_slice value)
{
    char text[16] = "";
    assert_true(value.len > 0 && value.len < sizeof(text));
    memcpy(text, value.ptr, value.len);
    return atoll(text);
}

struct counts {
    int64_t last[HERD_KEYS];
    int64_t wrong; /* not one more than the one before (cached: not more) */
};

static struct counts read_counts(struct herd *h, const char *topic)
{
    struct counts found = {0};
    struct kc_sim_record rec;
    bool cached = h->e.settings.cache_bytes > 0;
    for (size_t at = 0; kc_sim_read(&h->cluster, topic, at, &rec, 1, &h->e.err) == 1; at++) {
        int k = key_of(rec.key);
        int64_t n = number_of(rec.value);
        found.wrong += cached ? n <= found.last[k] : n != found.last[k] + 1;
        found.last[k] = n;
    }
    return found;
}

static int64_t expected(const struct herd *h, int k)
{
    int64_t n = 0;
    for (int p = 0; p < HERD_PARTITIONS; p++)
        for (int64_t i = k; i < h->produced[p]; i += HERD_KEYS) n++;
    return n;
}

static bool is_complete(struct herd *h, const struct counts *found)
{
    for (int k = 0; k < HERD_KEYS; k++)
        if (found->last[k] < expected(h, k)) return false;
    return true;
}

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

/* Without transactions a frozen instance's last requests may arrive after another one has restored the store, and in the changelog its
 * older counts then stand behind newer ones; so it is with Kafka Streams, too. */
static void strike(struct herd *h)
{
    int victim = 0;
    if (h->n == HERD_MAX || up(h, &victim) < 2) return;
    switch (herd_below(h, 4)) {
    case 0: herd_kill(h, victim); break;
    case 1:
        if (!h->e.settings.flow.exactly_once) break;
        h->list[victim].state = HERD_FROZEN;
        h->list[victim].thaw_us = aq_mono_us() + (int64_t)herd_below(h, 6000) * AQ_MS;
        return;
    case 2: herd_leave(h, victim); break;
    default: break;
    }
    herd_start(h);
}

/* A commit is through before its marker is in every log. */
static int ends_without_marker(struct kc_admin *admin, struct kc_end *list, size_t n, int64_t timeout_ms,
                               struct aq_err *err)
{
    static uint64_t dice = 1;
    int rc = kc_sim_ops.admin_ends(admin, list, n, timeout_ms, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        dice = dice * 6364136223846793005u + 1442695040888963407u;
        if (list[i].end > 0 && (dice >> 33) % 3 == 0) list[i].end--;
    }
    return rc;
}

static struct counts play(struct herd *h, int guarantee, uint64_t seed)
{
    cache_bytes = seed % 2 == 0 ? 1 << 20 : 0;
    herd_open_with(h, guarantee, seed, build);
    if (guarantee == ST_EXACTLY_ONCE) h->ops.admin_ends = ends_without_marker;
    kc_sim_set_latency(h->sim, (int64_t)herd_below(h, 30) * AQ_MS);
    if (herd_below(h, 4) > 0) herd_refusals = 3 + (unsigned)herd_below(h, 20);
    for (int i = 0; i < 3; i++) herd_start(h);
    for (int ms = 0; ms < ROUND_MS; ms++) {
        if (ms % 10 == 0) herd_produce(h, herd_below(h, 200) == 0 ? 1000 : (int)herd_below(h, 8));
        if (herd_below(h, 900) == 0) strike(h);
        herd_turn(h);
    }
    struct counts found = read_counts(h, "output");
    for (int ms = 0; ms < FINISH_MS && !is_complete(h, &found); ms += 100) {
        herd_turns(h, 100);
        found = read_counts(h, "output");
    }
    for (int i = 0; i < h->n; i++)
        if (h->list[i].state == HERD_UP) herd_leave(h, i);
    herd_turns(h, 3000);
    return read_counts(h, "output");
}

static void expect_exact_counts(bool with_copies)
{
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        copies = with_copies ? 1 + (int64_t)seed / 2 % 2 : 0;
        struct counts found = play(&herd, ST_EXACTLY_ONCE, seed), kept = read_counts(&herd, CHANGELOG);
        for (int k = 0; k < HERD_KEYS; k++)
            if (found.last[k] != expected(&herd, k) || kept.last[k] != found.last[k])
                fail_msg("seed %d: key %d: counted %d, changelog %d, true %d", (int)seed, k,
                         (int)found.last[k], (int)kept.last[k], (int)expected(&herd, k));
        if (found.wrong > 0) fail_msg("seed %d: %d counts out of order", (int)seed, (int)found.wrong);
        herd_close(&herd);
    }
}

static void counts_are_exact_while_instances_come_and_go(void **state)
{
    (void)state;
    expect_exact_counts(false);
}

static void counts_are_exact_with_standby_copies(void **state)
{
    (void)state;
    expect_exact_counts(true);
}

static void at_least_once_counts_nothing_too_little(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        copies = (int64_t)seed / 2 % 2;
        struct counts found = play(&herd, ST_AT_LEAST_ONCE, seed);
        for (int k = 0; k < HERD_KEYS; k++)
            if (found.last[k] < expected(&herd, k))
                fail_msg("seed %d: key %d: counted %d of %d", (int)seed, k, (int)found.last[k],
                         (int)expected(&herd, k));
        herd_close(&herd);
    }
}

int main(void)
{
    aq_log_setup(getenv("AQUEDUCT_TEST_VERBOSE") ? AQ_DEBUG : AQ_ERROR, AQ_LOG_LOGFMT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_exact_while_instances_come_and_go),
        cmocka_unit_test(counts_are_exact_with_standby_copies),
        cmocka_unit_test(at_least_once_counts_nothing_too_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
