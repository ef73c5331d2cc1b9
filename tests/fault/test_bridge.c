/* SPDX-License-Identifier: Apache-2.0
 *
 * The fault test: records flow from one real cluster to another through three instances of the bridge, while instances
 * are killed, frozen beyond their session, crashed at named points, and brokers are restarted. At the end, read
 * read_committed, nothing may be lost, doubled or out of order (exactly_once); nothing lost (at_least_once).
 *
 * An ordinary round: a fresh topic and route; the generator produces at a rate; a shuffled plan of blows is worked off
 * one after the other, so that each kind comes in every round; then everything is set right again, the copy must catch
 * up within a deadline, the instances must end on SIGTERM with 0, and mirror_check judges. A failing round keeps the
 * logs of every life of every instance, and prints the seed that replays the plan (the machine's timing it cannot
 * replay).
 *
 * Three brokers a cluster are needed: a partition whose only broker restarts has no leader for a moment, and a broker of
 * Kafka 4.3 takes such a partition for deleted and leaves out the end of a transaction there for good ("Couldn't find
 * leader endpoint for partitions", doc/operations.md), which no client can make up for.
 *
 *   AQUEDUCT_FAULT_ROUNDS   exactly_once rounds (3); a third as many follow in at_least_once
 *   AQUEDUCT_FAULT_RECORDS  records a round (100000)     AQUEDUCT_FAULT_RATE  records/s (3000)
 *   AQUEDUCT_FAULT_SEED     replays a plan
 */
#include <inttypes.h>
#include <time.h>

#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/herd.h"
#include "tests/lib/pair.h"
#include "tests/lib/read.h"
#include "tests/lib/wait.h"

#define INSTANCES   3
#define PARTITIONS  6
#define SESSION_MS  3000
#define CATCH_UP_MS 120000
#define STOP_MS     30000
#define MAX_BLOWS   64
#define ARMED_MS    10000 /* how long an armed instance is left to reach its crash point */

enum blow {
    BLOW_KILL,
    BLOW_FREEZE,
    BLOW_SINK,
    BLOW_SOURCE,
    BLOW_CRASH,
    BLOW_MOVE_SINK,
    BLOW_MOVE_SOURCE,
    BLOW_KINDS
};

static const char *const blow_names[BLOW_KINDS] = {"kill",  "freeze",    "sink",       "source",
                                                   "crash", "move sink", "move source"};

struct plan {
    enum blow blows[MAX_BLOWS];
    int n, at;
};

struct round {
    int number;
    bool exactly_once;
    uint64_t seed, random;
    struct t_name topic, route;
    struct t_herd herd;
    struct plan plan;
    int64_t due[INSTANCES]; /* when a killed one starts again, a frozen one thaws, an armed one may be hurt */
    int crash[INSTANCES];   /* what a leaving one starts again with: crash point, -1: nothing */
    int64_t pause_ms;       /* between two blows, on average */
    struct t_process *generator;
    struct t_process *clusters; /* a restart under way */
    int script_failures;
    int node_down; /* broker to start again after a leader move, 0: none */
    const char *cluster_down;
    int64_t node_due, next_blow;
    int done[BLOW_KINDS];
    char verdict[256];
};

static struct t_pair pair;
static int crash_hits[AQ_CRASH_COUNT];

static int64_t setting(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoll(text, NULL, 10) : otherwise;
}

static uint64_t below(struct round *r, uint64_t bound)
{
    r->random ^= r->random << 13;
    r->random ^= r->random >> 7;
    r->random ^= r->random << 17;
    return r->random % bound;
}

/* ---- the plan ----------------------------------------------------------------------------------------------------- */

static void add_blows(struct plan *plan, enum blow kind, int n)
{
    while (n-- > 0 && plan->n < MAX_BLOWS) plan->blows[plan->n++] = kind;
}

/* Every kind at least once, in any order. */
static void make_plan(struct round *r, int rounds)
{
    struct plan *plan = &r->plan;
    add_blows(plan, BLOW_KILL, 3);
    add_blows(plan, BLOW_FREEZE, 2);
    add_blows(plan, BLOW_SINK, 1);
    add_blows(plan, BLOW_SOURCE, 1);
    add_blows(plan, BLOW_MOVE_SINK, 1);
    add_blows(plan, BLOW_MOVE_SOURCE, 1);
#ifdef AQ_CRASH_POINTS
    int crashes = r->exactly_once ? (AQ_CRASH_COUNT + rounds - 1) / rounds : 3;
    add_blows(plan, BLOW_CRASH, crashes < 3 ? 3 : crashes);
#else
    (void)rounds;
#endif
    for (int i = plan->n - 1; i > 0; i--) {
        int other = (int)below(r, (uint64_t)i + 1);
        enum blow swap = plan->blows[i];
        plan->blows[i] = plan->blows[other];
        plan->blows[other] = swap;
    }
}

/* Points that lie in a transaction cannot be reached without one. */
static bool reachable(const struct round *r, int crash)
{
    switch (crash) {
    case AQ_CRASH_AFTER_ASSIGN:
    case AQ_CRASH_AFTER_RESUME:
    case AQ_CRASH_BEFORE_REVOKE:
    case AQ_CRASH_FIRST_PRODUCE:
    case AQ_CRASH_AFTER_DELIVERY: return true;
    default: return r->exactly_once;
    }
}

/* The point that was hit least, and among those the one that was armed least: in a few rounds all have their turn. */
static int choose_crash(const struct round *r)
{
    static int armed[AQ_CRASH_COUNT];
    int chosen = AQ_CRASH_AFTER_ASSIGN;
    for (int i = 0; i < AQ_CRASH_COUNT; i++) {
        if (!reachable(r, i)) continue;
        int hits = crash_hits[i] + r->herd.hits[i], least = crash_hits[chosen] + r->herd.hits[chosen];
        if (hits < least || (hits == least && armed[i] < armed[chosen])) chosen = i;
    }
    armed[chosen]++;
    return chosen;
}

/* An instance that is up, and not waiting for its crash point; -1 when the herd has suffered enough for the moment. */
static int victim(struct round *r)
{
    int up = 0, chosen = -1;
    for (int i = 0; i < INSTANCES; i++) up += r->herd.list[i].state == T_HERD_UP;
    if (up < 2) return -1;
    int start = (int)below(r, INSTANCES);
    for (int k = 0; k < INSTANCES && chosen < 0; k++) {
        struct t_instance *one = &r->herd.list[(start + k) % INSTANCES];
        bool waits = one->crash >= 0 && t_now_ms() < r->due[(start + k) % INSTANCES];
        if (one->state == T_HERD_UP && !waits) chosen = (start + k) % INSTANCES;
    }
    return chosen;
}

static bool hurt_brokers(struct round *r, enum blow kind)
{
    const char *cluster = kind == BLOW_SINK || kind == BLOW_MOVE_SINK ? "sink" : "source";
    if (r->clusters || r->node_down) return false;
    if (kind == BLOW_SINK || kind == BLOW_SOURCE) {
        r->clusters = t_clusters_start("restart", cluster, 1 + (int)below(r, (uint64_t)pair.brokers));
        return true;
    }
    r->node_down = 1 + (int)below(r, (uint64_t)pair.brokers);
    r->cluster_down = cluster;
    r->node_due = t_now_ms() + 6000;
    r->clusters = t_clusters_start("kill", cluster, r->node_down);
    return true;
}

/* False: not now. */
static bool strike(struct round *r, enum blow kind)
{
    if (kind == BLOW_SINK || kind == BLOW_SOURCE || kind == BLOW_MOVE_SINK || kind == BLOW_MOVE_SOURCE)
        return hurt_brokers(r, kind);
    int i = victim(r);
    if (i < 0) return false;
    int64_t now = t_now_ms();
    if (kind == BLOW_FREEZE) {
        t_herd_freeze(&r->herd, i);
        r->due[i] = now + SESSION_MS + 1000 + (int64_t)below(r, 3000);
        return true;
    }
    r->crash[i] = kind == BLOW_CRASH ? choose_crash(r) : -1;
    /* One that is to crash leaves in good order first: the others need not wait for its session to end. */
    if (kind == BLOW_CRASH) {
        t_herd_leave(&r->herd, i);
    } else {
        t_herd_kill(&r->herd, i);
        r->due[i] = now + (int64_t)below(r, 2000);
    }
    return true;
}

/* ---- a round ------------------------------------------------------------------------------------------------------ */

static void tend_brokers(struct round *r)
{
    if (r->clusters && !t_running(r->clusters)) {
        int code = t_wait_exit(r->clusters, 0);
        if (code != 0) fprintf(stderr, "the clusters script failed (%d): %s", code, t_stderr(r->clusters));
        if (code != 0 && ++r->script_failures > 1) T_FAIL("the brokers cannot be kept running");
        t_process_free(r->clusters);
        /* On a busy machine a broker may be late once; what runs already is left alone by `start`. */
        r->clusters = code != 0 ? t_clusters_start("start", "both", 0) : NULL;
    }
    if (!r->clusters && r->node_down && t_now_ms() >= r->node_due) {
        r->clusters = t_clusters_start("start", r->cluster_down, r->node_down);
        r->node_down = 0;
    }
}

/* How often an armed point is passed before it strikes: points of a cycle under load, those of an assignment at once,
 * those of an abort not in the self-test at the start. */
static int passes(struct round *r, int crash)
{
    switch (crash) {
    case AQ_CRASH_BEFORE_ABORT:
    case AQ_CRASH_AFTER_ABORT: return 2;
    case AQ_CRASH_AFTER_ASSIGN:
    case AQ_CRASH_AFTER_RESUME:
    case AQ_CRASH_BEFORE_REVOKE: return 1;
    default: return 1 + (int)below(r, 5);
    }
}

static void start_again(struct round *r, int i)
{
    int crash = r->crash[i];
    int count = crash >= 0 ? passes(r, crash) : 0;
    if (crash >= 0 && getenv("AQUEDUCT_TEST_VERBOSE"))
        fprintf(stderr, "%" PRId64 " instance %d is to die %s:%d\n", t_now_ms(), i, aq_crash_names[crash],
                count);
    t_herd_start(&r->herd, i, crash, count);
    if (crash >= 0) r->due[i] = t_now_ms() + ARMED_MS;
    r->crash[i] = -1;
}

/* Starts the dead and thaws the frozen whose time has come. */
static void tend_herd(struct round *r, bool at_once)
{
    bool down_before[INSTANCES];
    for (int i = 0; i < INSTANCES; i++) down_before[i] = r->herd.list[i].state == T_HERD_DOWN;
    t_herd_look(&r->herd);
    int64_t now = t_now_ms();
    for (int i = 0; i < INSTANCES; i++) {
        struct t_instance *one = &r->herd.list[i];
        /* What was killed waits; what has just died by itself or left comes back now. */
        bool waits = down_before[i] || one->state == T_HERD_FROZEN;
        if (waits && !at_once && now < r->due[i]) continue;
        if (one->state == T_HERD_FROZEN) t_herd_thaw(&r->herd, i);
        if (one->state == T_HERD_DOWN) start_again(r, i);
    }
}

static void turn(struct round *r)
{
    tend_brokers(r);
    tend_herd(r, false);
    if (r->plan.at == r->plan.n || t_now_ms() < r->next_blow) return;
    enum blow kind = r->plan.blows[r->plan.at];
    if (!strike(r, kind)) return;
    if (getenv("AQUEDUCT_TEST_VERBOSE")) fprintf(stderr, "%" PRId64 " %s\n", t_now_ms(), blow_names[kind]);
    r->done[kind]++;
    r->plan.at++;
    r->next_blow = t_now_ms() + r->pause_ms / 2 + (int64_t)below(r, (uint64_t)r->pause_ms);
}

static void start_round(struct round *r, int rounds)
{
    char records[32], rate[32], partitions[16], seed[32];
    r->random = r->seed * 2 + 1;
    r->topic = t_unique("orders.fault");
    r->route = t_unique("fault");
    make_plan(r, rounds);
    snprintf(records, sizeof records, "%" PRId64, setting("AQUEDUCT_FAULT_RECORDS", 100000));
    snprintf(rate, sizeof rate, "%" PRId64, setting("AQUEDUCT_FAULT_RATE", 3000));
    snprintf(partitions, sizeof partitions, "%d", PARTITIONS);
    snprintf(seed, sizeof seed, "%" PRIu64, r->seed % 1000000);
    const char *argv[] = {t_tool("orders_gen"),
                          "--brokers",
                          pair.source,
                          "--topic",
                          r->topic.text,
                          "--records",
                          records,
                          "--rate",
                          rate,
                          "--partitions",
                          partitions,
                          "--seed",
                          seed,
                          "--tombstones-every",
                          "101",
                          NULL};
    r->generator = t_start(argv, NULL);
    t_herd_open(
        &r->herd,
        t_config(pair.source, pair.sink, "",
                 "name = \"%s\"; topics = [\"^%s$\"]; delivery = \"%s\"; commit_interval = \"100ms\";\n"
                 "    session_timeout = \"3s\"; transaction_timeout = \"5s\"; start = \"earliest\";",
                 r->route.text, r->topic.text, r->exactly_once ? "exactly_once" : "at_least_once"),
        INSTANCES);
    for (int i = 0; i < INSTANCES; i++) {
        r->crash[i] = -1;
        t_herd_start(&r->herd, i, -1, 0);
    }
    /* The blows are spread over the time that records flow. */
    r->pause_ms =
        setting("AQUEDUCT_FAULT_RECORDS", 100000) * 950 / setting("AQUEDUCT_FAULT_RATE", 3000) / r->plan.n;
    if (r->pause_ms < 1000) r->pause_ms = 1000;
    r->next_blow = t_now_ms() + 1500;
}

/* Runs the checker; true when it is content. The line it printed goes to the verdict. */
static bool judge(struct round *r, bool strict)
{
    const char *argv[] = {t_tool("mirror_check"),
                          "--source",
                          pair.source,
                          "--sink",
                          pair.sink,
                          "--topic",
                          r->topic.text,
                          strict ? "--identical" : "--at-least-once",
                          NULL};
    struct t_process *checker = t_start(argv, NULL);
    int code = t_wait_exit(checker, 180000);
    const char *out = t_stdout(checker), *last = strstr(out, "source=");
    if (code != 0 && strict) fprintf(stderr, "%s%s", out, t_stderr(checker));
    snprintf(r->verdict, sizeof r->verdict, "%.*s", last ? (int)strcspn(last, "\n") : 0, last ? last : "");
    t_process_free(checker);
    return code == 0;
}

/* Everything is well again: the copy must become complete, or the bridge has stopped living. */
static bool catch_up(struct round *r, int64_t produced)
{
    int64_t deadline = t_now_ms() + CATCH_UP_MS, seen = 0;
    if (!T_WAIT(CATCH_UP_MS, t_partitions(pair.dst, r->topic.text) == PARTITIONS)) {
        fprintf(stderr, "liveness: the sink topic does not exist\n");
        return false;
    }
    struct t_tail *tail = t_tail_open(pair.sink, r->topic.text, PARTITIONS);
    while (seen < produced && t_now_ms() < deadline) {
        tend_herd(r, true);
        seen = t_tail_poll(tail, 200);
    }
    t_tail_close(tail);
    if (seen < produced) {
        fprintf(stderr, "liveness: %" PRId64 " of %" PRId64 " records after %d s without faults\n", seen,
                produced, CATCH_UP_MS / 1000);
        return false;
    }
    /* In at_least_once the count says little: the checker must find every record. */
    bool whole = r->exactly_once;
    while (!whole && t_now_ms() < deadline) whole = judge(r, false);
    return whole;
}

static void print_header(void)
{
    printf("%-5s %-13s %-10s %8s %5s %5s %6s %5s %6s %5s %5s  %s\n", "round", "delivery", "seed", "records",
           "s", "kills", "frozen", "sink", "source", "moves", "crash", "result");
}

static bool play_round(int number, bool exactly_once, uint64_t seed, int rounds)
{
    struct round r = {.number = number, .exactly_once = exactly_once, .seed = seed};
    int64_t started = t_now_ms();
    start_round(&r, rounds);
    while (r.plan.at < r.plan.n || t_running(r.generator) || r.clusters || r.node_down) {
        turn(&r);
        t_sleep_ms(20);
        if (t_now_ms() - started > 1800000) T_FAIL("the round does not end");
    }
    T_CHECK(t_wait_exit(r.generator, 0) == 0, "generator: %s", t_stderr(r.generator));
    long long produced = 0;
    T_CHECK(sscanf(t_stdout(r.generator), "produced=%lld", &produced) == 1, "generator: %s",
            t_stdout(r.generator));
    t_process_free(r.generator);
    for (int i = 0; i < INSTANCES; i++) r.crash[i] = -1;
    tend_herd(&r, true);
    bool alive = catch_up(&r, produced);
    if (!alive) t_pair_keep_evidence(&pair, r.herd.folder);
    bool ended = t_herd_stop(&r.herd, STOP_MS);
    bool right = judge(&r, exactly_once);
    int hits = 0;
    for (int i = 0; i < AQ_CRASH_COUNT; i++) {
        hits += r.herd.hits[i];
        crash_hits[i] += r.herd.hits[i];
    }
    bool fine = alive && ended && right && r.herd.unexpected == 0;
    printf("%-5d %-13s %-10" PRIu64 " %8lld %5.0f %5d %6d %5d %6d %5d %2d/%-2d  %s%s%s %s\n", number,
           exactly_once ? "exactly_once" : "at_least_once", seed, produced,
           (double)(t_now_ms() - started) / 1000, r.done[BLOW_KILL], r.done[BLOW_FREEZE], r.done[BLOW_SINK],
           r.done[BLOW_SOURCE], r.done[BLOW_MOVE_SINK] + r.done[BLOW_MOVE_SOURCE], hits, r.done[BLOW_CRASH],
           fine ? "ok" : "FAILED", alive ? "" : " (no progress)",
           r.herd.unexpected ? " (an instance ended by itself)" : "", r.verdict);
    fflush(stdout);
    t_herd_close(&r.herd, !fine);
    if (fine) {
        char *state = t_printf("aqueduct.%s.state", r.route.text);
        t_topic_delete(pair.src, r.topic.text);
        t_topic_delete(pair.dst, r.topic.text);
        t_topic_delete(pair.dst, state);
        free(state);
    }
    return fine;
}

static void play(bool exactly_once, int rounds)
{
    t_pair_open(&pair);
    T_CHECK(pair.brokers >= 3, "three brokers a cluster are needed, here is %d", pair.brokers);
    uint64_t seed = (uint64_t)setting("AQUEDUCT_FAULT_SEED", (int64_t)time(NULL) % 1000000);
    int failed = 0;
    print_header();
    for (int i = 1; i <= rounds; i++) failed += !play_round(i, exactly_once, seed + (uint64_t)i - 1, rounds);
    t_pair_close(&pair);
    if (failed)
        T_FAIL("%d of %d rounds failed; AQUEDUCT_FAULT_SEED=%" PRIu64 " replays them", failed, rounds, seed);
}

static void test_exactly_once_survives_faults(void **state)
{
    (void)state;
    play(true, (int)setting("AQUEDUCT_FAULT_ROUNDS", 3));
}

static void test_at_least_once_loses_nothing(void **state)
{
    (void)state;
    play(false, ((int)setting("AQUEDUCT_FAULT_ROUNDS", 3) + 2) / 3);
}

static int tell_crash_points(void **state)
{
    (void)state;
    printf("crash points hit:");
    for (int i = 0; i < AQ_CRASH_COUNT; i++) printf(" %s=%d", aq_crash_names[i], crash_hits[i]);
    printf("\n");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exactly_once_survives_faults),
        cmocka_unit_test(test_at_least_once_loses_nothing),
    };
    return cmocka_run_group_tests_name("bridge under faults", tests, NULL, tell_crash_points);
}
