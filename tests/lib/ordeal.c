/* SPDX-License-Identifier: Apache-2.0
 *
 * Blows (tests/lib/ordeal.h).
 *
 * An ordinary pass of a turn: the script that hurts brokers is looked after; the dead are started and the frozen thawed when
 * they are due; when the pause is over the next blow of the plan is struck. A failing pass: a blow that cannot be struck now (no
 * instance to spare, a broker is down already) is tried again in the next turn.
 *
 * Invariant: one broker is hurt at a time, and one instance at least is up. Threads: one owner.
 */
#include "tests/lib/ordeal.h"

#include <inttypes.h>

#include "tests/lib/check.h"
#include "tests/lib/wait.h"

#define ARMED_MS     10000 /* how long an armed instance is left to reach its crash point */
#define NODE_DOWN_MS 6000

static const char *const blow_names[T_BLOW_KINDS] = {"kill",   "freeze", "leave",     "sink",
                                                     "source", "crash",  "move sink", "move source"};
static int crash_hits[AQ_CRASH_COUNT];

int64_t t_setting(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoll(text, NULL, 10) : otherwise;
}

static uint64_t below(struct t_ordeal *o, uint64_t bound)
{
    o->random ^= o->random << 13;
    o->random ^= o->random >> 7;
    o->random ^= o->random << 17;
    return o->random % bound;
}

static bool is_verbose(void)
{
    return getenv("AQUEDUCT_TEST_VERBOSE") != NULL;
}

/* ---- the plan ----------------------------------------------------------------------------------------------------- */

static void add_blows(struct t_ordeal *o, enum t_blow kind, int n)
{
    while (n-- > 0 && o->n < T_ORDEAL_BLOWS) o->blows[o->n++] = kind;
}

static void make_plan(struct t_ordeal *o, const int counts[T_BLOW_KINDS], int crashes)
{
    for (int kind = 0; kind < T_BLOW_KINDS; kind++) add_blows(o, (enum t_blow)kind, counts[kind]);
#ifdef AQ_CRASH_POINTS
    add_blows(o, T_BLOW_CRASH, crashes);
#else
    (void)crashes;
#endif
    for (int i = o->n - 1; i > 0; i--) {
        int other = (int)below(o, (uint64_t)i + 1);
        enum t_blow swap = o->blows[i];
        o->blows[i] = o->blows[other];
        o->blows[other] = swap;
    }
}

int t_ordeal_crashes(bool exactly_once, int rounds)
{
    int crashes = exactly_once ? (AQ_CRASH_STORES + rounds - 1) / rounds : 3;
    return crashes < 3 ? 3 : crashes;
}

void t_ordeal_open(struct t_ordeal *o, const struct t_pair *pair, struct t_herd *herd, uint64_t seed,
                   const int counts[T_BLOW_KINDS], int crashes, int64_t flow_ms)
{
    o->pair = pair;
    o->herd = herd;
    o->random = seed * 2 + 1;
    make_plan(o, counts, crashes);
    T_CHECK(o->n > 0, "nothing is to happen");
    o->pause_ms = flow_ms * 95 / 100 / o->n;
    if (o->pause_ms < 1000) o->pause_ms = 1000;
    o->next_blow = t_now_ms() + 1500;
    t_ordeal_disarm(o);
}

/* Points that lie in a transaction cannot be reached without one. */
static bool reachable(const struct t_ordeal *o, int crash)
{
    if (crash >= AQ_CRASH_STORES) return o->stores;
    switch (crash) {
    case AQ_CRASH_AFTER_ASSIGN:
    case AQ_CRASH_AFTER_RESUME:
    case AQ_CRASH_BEFORE_REVOKE:
    case AQ_CRASH_FIRST_PRODUCE:
    case AQ_CRASH_AFTER_DELIVERY: return true;
    default: return o->exactly_once;
    }
}

/* The point that was hit least, and among those the one that was armed least: in a few rounds all have their turn. */
static int choose_crash(const struct t_ordeal *o)
{
    static int armed[AQ_CRASH_COUNT];
    int chosen = AQ_CRASH_AFTER_ASSIGN;
    for (int i = 0; i < AQ_CRASH_COUNT; i++) {
        if (!reachable(o, i)) continue;
        int hits = crash_hits[i] + o->herd->hits[i], least = crash_hits[chosen] + o->herd->hits[chosen];
        if (hits < least || (hits == least && armed[i] < armed[chosen])) chosen = i;
    }
    armed[chosen]++;
    return chosen;
}

/* An instance that is up, and not waiting for its crash point; -1 when the herd has suffered enough for the moment. */
static int victim(struct t_ordeal *o)
{
    int up = 0, chosen = -1, n = o->herd->n;
    for (int i = 0; i < n; i++) up += o->herd->list[i].state == T_HERD_UP;
    if (up < 2) return -1;
    int start = (int)below(o, (uint64_t)n);
    for (int k = 0; k < n && chosen < 0; k++) {
        struct t_instance *one = &o->herd->list[(start + k) % n];
        bool waits = one->crash >= 0 && t_now_ms() < o->due[(start + k) % n];
        if (one->state == T_HERD_UP && !waits) chosen = (start + k) % n;
    }
    return chosen;
}

/* ---- blows -------------------------------------------------------------------------------------------------------- */

static bool hurts_brokers(enum t_blow kind)
{
    return kind == T_BLOW_SINK || kind == T_BLOW_SOURCE || kind == T_BLOW_MOVE_SINK ||
           kind == T_BLOW_MOVE_SOURCE;
}

static bool hurt_brokers(struct t_ordeal *o, enum t_blow kind)
{
    const char *cluster = kind == T_BLOW_SINK || kind == T_BLOW_MOVE_SINK ? "sink" : "source";
    if (o->clusters || o->node_down) return false;
    if (kind == T_BLOW_SINK || kind == T_BLOW_SOURCE) {
        o->clusters = t_clusters_start("restart", cluster, 1 + (int)below(o, (uint64_t)o->pair->brokers));
        return true;
    }
    o->node_down = 1 + (int)below(o, (uint64_t)o->pair->brokers);
    o->cluster_down = cluster;
    o->node_due = t_now_ms() + NODE_DOWN_MS;
    o->clusters = t_clusters_start("kill", cluster, o->node_down);
    return true;
}

/* False: not now. */
static bool strike(struct t_ordeal *o, enum t_blow kind)
{
    if (hurts_brokers(kind)) return hurt_brokers(o, kind);
    int i = victim(o);
    if (i < 0) return false;
    int64_t now = t_now_ms();
    if (kind == T_BLOW_FREEZE) {
        t_herd_freeze(o->herd, i);
        o->due[i] = now + o->session_ms + 1000 + (int64_t)below(o, 3000);
        return true;
    }
    o->crash[i] = kind == T_BLOW_CRASH ? choose_crash(o) : -1;
    /* One that is to crash leaves in good order first: the others need not wait for its session to end. */
    if (kind == T_BLOW_KILL) {
        t_herd_kill(o->herd, i);
        o->due[i] = now + (int64_t)below(o, 2000);
    } else {
        t_herd_leave(o->herd, i);
    }
    return true;
}

/* ---- mending ------------------------------------------------------------------------------------------------------ */

static void tend_brokers(struct t_ordeal *o)
{
    if (o->clusters && !t_running(o->clusters)) {
        int code = t_wait_exit(o->clusters, 0);
        if (code != 0) fprintf(stderr, "the clusters script failed (%d): %s", code, t_stderr(o->clusters));
        if (code != 0 && ++o->script_failures > 1) T_FAIL("the brokers cannot be kept running");
        t_process_free(o->clusters);
        /* On a busy machine a broker may be late once; what runs already is left alone by `start`. */
        o->clusters = code != 0 ? t_clusters_start("start", "both", 0) : NULL;
    }
    if (!o->clusters && o->node_down && t_now_ms() >= o->node_due) {
        o->clusters = t_clusters_start("start", o->cluster_down, o->node_down);
        o->node_down = 0;
    }
}

/* How often an armed point is passed before it strikes: points of a cycle under load, those of an assignment at once,
 * those of an abort not in the self-test at the start. */
static int passes(struct t_ordeal *o, int crash)
{
    switch (crash) {
    case AQ_CRASH_BEFORE_ABORT:
    case AQ_CRASH_AFTER_ABORT: return 2;
    case AQ_CRASH_AFTER_ASSIGN:
    case AQ_CRASH_AFTER_RESUME:
    case AQ_CRASH_BEFORE_REVOKE:
    case AQ_CRASH_IN_RESTORE:
    case AQ_CRASH_AFTER_RESTORE: return 1;
    default: return 1 + (int)below(o, 5);
    }
}

static void start_again(struct t_ordeal *o, int i)
{
    int crash = o->crash[i];
    int count = crash >= 0 ? passes(o, crash) : 0;
    if (crash >= 0 && is_verbose())
        fprintf(stderr, "%" PRId64 " instance %d is to die %s:%d\n", t_now_ms(), i, aq_crash_names[crash],
                count);
    t_herd_start(o->herd, i, crash, count);
    if (crash >= 0) o->due[i] = t_now_ms() + ARMED_MS;
    o->crash[i] = -1;
}

void t_ordeal_tend(struct t_ordeal *o, bool at_once)
{
    bool down_before[T_HERD_MAX];
    for (int i = 0; i < o->herd->n; i++) down_before[i] = o->herd->list[i].state == T_HERD_DOWN;
    t_herd_look(o->herd);
    int64_t now = t_now_ms();
    for (int i = 0; i < o->herd->n; i++) {
        struct t_instance *one = &o->herd->list[i];
        /* What was killed waits; what has just died by itself or left comes back now. */
        bool waits = down_before[i] || one->state == T_HERD_FROZEN;
        if (waits && !at_once && now < o->due[i]) continue;
        if (one->state == T_HERD_FROZEN) t_herd_thaw(o->herd, i);
        if (one->state == T_HERD_DOWN) start_again(o, i);
    }
}

void t_ordeal_disarm(struct t_ordeal *o)
{
    for (int i = 0; i < T_HERD_MAX; i++) o->crash[i] = -1;
}

/* ---- the turn ----------------------------------------------------------------------------------------------------- */

void t_ordeal_turn(struct t_ordeal *o)
{
    tend_brokers(o);
    t_ordeal_tend(o, false);
    if (o->at == o->n || t_now_ms() < o->next_blow) return;
    enum t_blow kind = o->blows[o->at];
    if (!strike(o, kind)) return;
    if (is_verbose()) fprintf(stderr, "%" PRId64 " %s\n", t_now_ms(), blow_names[kind]);
    o->done[kind]++;
    o->at++;
    o->next_blow = t_now_ms() + o->pause_ms / 2 + (int64_t)below(o, (uint64_t)o->pause_ms);
}

bool t_ordeal_is_over(const struct t_ordeal *o)
{
    return o->at == o->n && !o->clusters && !o->node_down;
}

int t_ordeal_count_hits(const struct t_ordeal *o)
{
    int hits = 0;
    for (int i = 0; i < AQ_CRASH_COUNT; i++) {
        hits += o->herd->hits[i];
        crash_hits[i] += o->herd->hits[i];
    }
    return hits;
}

void t_ordeal_tell_hits(void)
{
    printf("crash points hit:");
    for (int i = 0; i < AQ_CRASH_COUNT; i++) printf(" %s=%d", aq_crash_names[i], crash_hits[i]);
    printf("\n");
}
