/* SPDX-License-Identifier: Apache-2.0
 *
 * The streams engine under faults: an application with a repartition in the middle runs on three instances of two threads each,
 * while instances are killed, frozen beyond their session, crashed at named points, leave and come back, and brokers are
 * restarted or stay away for a while. At the end, read read_committed, the output must hold what every input becomes exactly
 * once, in the order of source partition and new key (exactly_once_v2); at least once (at_least_once).
 *
 * An ordinary round: fresh topics and application; the generator produces at a rate; the blows come (tests/lib/ordeal.h, also
 * for the settings in the environment); then everything is set right again, the output must become complete within a deadline,
 * the instances must end on SIGTERM with 0, and the checker judges (tests/lib/rekey.h). A failing round keeps the logs of every
 * life of every instance and what the brokers know of their transactions.
 */
#include <inttypes.h>
#include <time.h>

#include "tests/lib/check.h"
#include "tests/lib/ordeal.h"
#include "tests/lib/read.h"
#include "tests/lib/rekey.h"
#include "tests/lib/wait.h"

#define USUAL_ROUNDS 3 /* of ./dev test */
#define INSTANCES    3
#define PARTITIONS   6
#define OUTPUTS      4
#define SESSION_MS   3000
#define CATCH_UP_MS  120000
#define STOP_MS      30000
#define ROUND_MS     1800000
#define DEATHS_MAX   5 /* unexpected ones after which a round is hopeless */

static const int blows[T_BLOW_KINDS] = {[T_BLOW_KILL] = 3,
                                        [T_BLOW_FREEZE] = 2,
                                        [T_BLOW_LEAVE] = 2,
                                        [T_BLOW_SOURCE] = 1,
                                        [T_BLOW_MOVE_SOURCE] = 1};

struct round {
    int number;
    bool exactly_once, stateful;
    uint64_t seed;
    struct t_name source, sink, counts, application;
    struct t_herd herd;
    struct t_ordeal ordeal;
    struct t_process *generator;
    struct t_rekey_found found;
    int64_t miscounted;
};

static void start_round(struct round *r, int rounds)
{
    int64_t records = t_setting("AQUEDUCT_FAULT_RECORDS", 100000);
    int64_t rate = t_setting("AQUEDUCT_FAULT_RATE", 3000);
    /* A broker of the last round may be late: topics cannot get their replicas without it. */
    t_clusters("start", "source", 0);
    r->source = t_unique("orders.streams");
    r->sink = t_unique("rekeyed");
    r->counts = t_unique("counted");
    r->application = t_unique("fault");
    t_topic_create(t_pair.src, r->sink.text, OUTPUTS, "retention.ms=-1", NULL);
    if (r->stateful) t_topic_create(t_pair.src, r->counts.text, OUTPUTS, "retention.ms=-1", NULL);
    r->generator = t_rekey_generate(t_pair.source, r->source.text, PARTITIONS, records, rate, r->seed);
    T_CHECK(T_WAIT(CATCH_UP_MS, t_partitions(t_pair.src, r->source.text) == PARTITIONS), "no source topic");
    t_sleep_ms(500); /* for the other brokers to hear of it, too */
    t_herd_open(
        &r->herd, "streams",
        t_rekey_config(t_pair.source, r->application.text, r->source.text, r->sink.text,
                       r->stateful ? r->counts.text : NULL, r->exactly_once,
                       "num_stream_threads = 2; session_timeout_ms = 3000; transaction_timeout_ms = 5000;\n"
                       "  repartition_purge_interval_ms = 2000; state_dir = \"${" T_HERD_STATE_DIR "}\";"),
        INSTANCES);
    for (int i = 0; i < INSTANCES; i++) t_herd_start(&r->herd, i, -1, 0);
    r->ordeal.session_ms = SESSION_MS;
    r->ordeal.exactly_once = r->exactly_once;
    r->ordeal.stores = r->stateful;
    t_ordeal_open(&r->ordeal, &t_pair, &r->herd, r->seed, blows,
                  t_ordeal_crashes(r->exactly_once, rounds > USUAL_ROUNDS ? rounds : USUAL_ROUNDS),
                  records * 1000 / rate);
}

static bool judge(struct round *r, bool strict, bool tell)
{
    r->found = t_rekey_check(t_pair.source, r->source.text, r->sink.text, r->exactly_once, tell);
    if (r->stateful)
        r->miscounted =
            t_rekey_miscounted(t_pair.source, r->source.text, r->counts.text, r->exactly_once, tell);
    return t_rekey_is_right(&r->found, strict) && r->miscounted == 0;
}

/* Everything is well again: the output must become complete, or the engine has stopped living. */
static bool catch_up(struct round *r, int64_t produced)
{
    int64_t deadline = t_now_ms() + CATCH_UP_MS, seen = 0;
    struct t_tail *tail = t_tail_open(t_pair.source, r->sink.text, OUTPUTS);
    while (seen < produced && t_now_ms() < deadline && r->herd.unexpected < DEATHS_MAX) {
        t_ordeal_tend(&r->ordeal, true);
        seen = t_tail_poll(tail, 200);
    }
    t_tail_close(tail);
    if (seen < produced)
        fprintf(stderr, "liveness: %" PRId64 " of %" PRId64 " records when patience was over\n", seen,
                produced);
    if (seen < produced || r->exactly_once) return seen >= produced;
    /* In at_least_once the count says little: the checker must find every record. */
    while (t_now_ms() < deadline)
        if (judge(r, false, false)) return true;
    return false;
}

static void print_header(void)
{
    printf("%-5s %-13s %-10s %8s %5s %5s %6s %5s %7s %5s %5s  %s\n", "round", "guarantee", "seed", "records",
           "s", "kills", "frozen", "left", "brokers", "moves", "crash", "result");
}

static void print_round(const struct round *r, int64_t produced, int64_t took_ms, int hits,
                        const char *result)
{
    const int *done = r->ordeal.done;
    const struct t_rekey_found *f = &r->found;
    printf("%-5d %-13s %-10" PRIu64 " %8" PRId64 " %5.0f %5d %6d %5d %7d %5d %2d/%-2d  %s lost=%" PRId64
           " duplicated=%" PRId64 " altered=%" PRId64 " reordered=%" PRId64,
           r->number, r->exactly_once ? "exactly_once" : "at_least_once", r->seed, produced,
           (double)took_ms / 1000, done[T_BLOW_KILL], done[T_BLOW_FREEZE], done[T_BLOW_LEAVE],
           done[T_BLOW_SOURCE], done[T_BLOW_MOVE_SOURCE], hits, done[T_BLOW_CRASH], result, f->lost,
           f->duplicated, f->altered, f->reordered);
    if (r->stateful) printf(" miscounted=%" PRId64, r->miscounted);
    printf("\n");
    fflush(stdout);
}

static void delete_topics(const struct round *r)
{
    char *state = t_printf("%s-aqueduct-state", r->application.text);
    char *middle = t_printf("%s-again-repartition", r->application.text);
    char *changelog = t_printf("%s-count-changelog", r->application.text);
    const char *topics[] = {r->source.text, r->sink.text, state, middle, r->counts.text, changelog};
    for (size_t i = 0; i < (r->stateful ? 6 : 4); i++) t_topic_delete(t_pair.src, topics[i]);
    free(state);
    free(middle);
    free(changelog);
}

static bool play_round(int number, bool exactly_once, bool stateful, uint64_t seed, int rounds)
{
    struct round r = {.number = number, .exactly_once = exactly_once, .stateful = stateful, .seed = seed};
    int64_t started = t_now_ms();
    start_round(&r, rounds);
    while (!t_ordeal_is_over(&r.ordeal) || t_running(r.generator)) {
        t_ordeal_turn(&r.ordeal);
        t_sleep_ms(20);
        T_CHECK(t_now_ms() - started < ROUND_MS, "the round does not end");
        if (r.herd.unexpected >= DEATHS_MAX) break;
    }
    int64_t produced = t_rekey_produced(r.generator);
    t_ordeal_disarm(&r.ordeal);
    t_ordeal_tend(&r.ordeal, true);
    bool alive = catch_up(&r, produced);
    if (!alive) t_pair_keep_evidence(&t_pair, r.herd.folder);
    bool ended = t_herd_stop(&r.herd, STOP_MS);
    bool right = judge(&r, exactly_once, true);
    int hits = t_ordeal_count_hits(&r.ordeal);
    bool fine = alive && ended && right && r.herd.unexpected == 0 && r.found.source == produced;
    print_round(&r, produced, t_now_ms() - started, hits,
                fine                ? "ok"
                : !alive            ? "FAILED (no progress)"
                : r.herd.unexpected ? "FAILED (an instance ended by itself)"
                                    : "FAILED");
    t_herd_close(&r.herd, !fine);
    if (fine) delete_topics(&r);
    return fine;
}

static void play(bool exactly_once, bool stateful, int rounds)
{
    T_CHECK(t_pair.brokers >= 3, "three brokers a cluster are needed, here is %d", t_pair.brokers);
    uint64_t seed = (uint64_t)t_setting("AQUEDUCT_FAULT_SEED", (int64_t)time(NULL) % 1000000);
    int failed = 0;
    print_header();
    for (int i = 1; i <= rounds; i++)
        failed += !play_round(i, exactly_once, stateful, seed + (uint64_t)i - 1, rounds);
    if (failed)
        T_FAIL("%d of %d rounds failed; AQUEDUCT_FAULT_SEED=%" PRIu64 " replays them", failed, rounds, seed);
}

/* The usual number is for what routes and applications share, which the bridge's rounds test, too: one is enough for the rest. */
static int rounds_asked_for(void)
{
    int64_t rounds = t_setting("AQUEDUCT_FAULT_ROUNDS", USUAL_ROUNDS);
    return rounds > USUAL_ROUNDS ? (int)rounds : 1;
}

static void test_exactly_once_survives_faults(void **state)
{
    (void)state;
    play(true, false, rounds_asked_for());
}

/* A store behind the repartition: every count once and in order, whoever counted. */
static void test_state_is_exact(void **state)
{
    (void)state;
    play(true, true, rounds_asked_for());
}

static void test_at_least_once_loses_nothing(void **state)
{
    (void)state;
    /* Without transactions a frozen instance may write older counts behind newer ones: nothing to be exact about. */
    play(false, false, (rounds_asked_for() + 2) / 3);
}

static int tell_crash_points(void **state)
{
    (void)state;
    t_ordeal_tell_hits();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T_WITH_PAIR(test_exactly_once_survives_faults),
        T_WITH_PAIR(test_state_is_exact),
        T_WITH_PAIR(test_at_least_once_loses_nothing),
    };
    return cmocka_run_group_tests_name("streams under faults", tests, NULL, tell_crash_points);
}
