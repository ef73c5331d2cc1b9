/* SPDX-License-Identifier: Apache-2.0
 *
 * Every named crash point (base/crash.def), one after the other, in an application of the streams engine: an instance dies exactly
 * there while records flow through a repartition, is started again, and the output must be exact.
 *
 * Most points lie on the way of every cycle and are hit by running. Two kinds need a push: an abort comes when an instance is frozen
 * beyond its session with a transaction open and then goes on; a revocation comes when a second instance joins. A point that is not
 * hit fails: a crash test that does not crash proves nothing.
 *
 * Only in builds with crash points (every preset but release).
 */
#include <inttypes.h>

#include "tests/lib/ordeal.h"
#include "tests/lib/check.h"
#include "tests/lib/herd.h"
#include "tests/lib/pair.h"
#include "tests/lib/read.h"
#include "tests/lib/rekey.h"
#include "tests/lib/wait.h"

#define USUAL_ROUNDS 3 /* of ./dev test */
#define PARTITIONS   2
#define OUTPUTS      2
#define RECORDS      6000
#define RATE         1500
#define HIT_MS       30000
#define CATCH_UP_MS  60000
#define FROZEN_MS    3500 /* beyond the session of 2 s, within the transaction's 10 s */

static struct t_herd herd;

enum push { PUSH_NONE, PUSH_FREEZE, PUSH_RIVAL };

static enum push push_for(int point)
{
    if (point == AQ_CRASH_BEFORE_ABORT || point == AQ_CRASH_AFTER_ABORT) return PUSH_FREEZE;
    if (point == AQ_CRASH_BEFORE_REVOKE) return PUSH_RIVAL;
    return PUSH_NONE;
}

static bool died_there(int point)
{
    t_herd_look(&herd);
    return herd.hits[point] > 0;
}

static bool is_assigned(void)
{
    struct t_process *process = herd.list[0].process;
    return process && t_stderr_has(process, "tasks assigned");
}

/* For a point that needs a push. The self-test at the start aborts transactions too: an instance that died in it is started again with
 * the next count. */
static void wait_for_output(int point, const char *topic)
{
    int64_t deadline = t_now_ms() + HIT_MS;
    for (int count = 2; t_log_span(t_pair.src, topic) <= 0; t_sleep_ms(20)) {
        T_CHECK(t_now_ms() < deadline, "nothing arrives in %s", topic);
        if (!died_there(point)) continue;
        herd.hits[point] = 0;
        t_herd_start(&herd, 0, point, count++);
    }
}

static void push(enum push kind)
{
    if (kind == PUSH_RIVAL) t_herd_start(&herd, 1, -1, 0);
    if (kind != PUSH_FREEZE) return;
    t_herd_freeze(&herd, 0);
    t_sleep_ms(FROZEN_MS);
    t_herd_thaw(&herd, 0);
}

static void wait_complete(const char *topic, int64_t produced)
{
    struct t_tail *tail = t_tail_open(t_pair.source, topic, OUTPUTS);
    int64_t seen = t_tail_wait(tail, produced, CATCH_UP_MS);
    t_tail_close(tail);
    T_CHECK(seen >= produced, "%" PRId64 " of %" PRId64 " records came out", seen, produced);
}

static void crash_at(int point)
{
    int64_t started = t_now_ms();
    enum push kind = push_for(point);
    struct t_name source = t_unique("orders.crash"), sink = t_unique("rekeyed"), name = t_unique("crash");
    t_topic_create(t_pair.src, sink.text, OUTPUTS, "retention.ms=-1", NULL);
    t_topic_create(t_pair.src, source.text, PARTITIONS, "retention.ms=-1", NULL);
    t_sleep_ms(500); /* for every broker to hear of it */
    t_herd_open(&herd, "streams",
                t_rekey_config(t_pair.source, name.text, source.text, sink.text, true,
                               kind == PUSH_FREEZE
                                   ? "session_timeout_ms = 2000; transaction_timeout_ms = 10000;"
                                   : "session_timeout_ms = 2000; transaction_timeout_ms = 3000;"),
                2);
    bool once = kind != PUSH_NONE || point == AQ_CRASH_AFTER_ASSIGN || point == AQ_CRASH_AFTER_RESUME;
    /* Records begin to flow when it has its tasks: were they there before, it would process all of them in fewer cycles than the
     * count asks for. */
    t_herd_start(&herd, 0, point, once ? 1 : 5);
    T_CHECK(T_WAIT(HIT_MS, is_assigned() || died_there(point)), "no tasks are assigned");
    struct t_process *generator = t_rekey_generate(t_pair.source, source.text, 0, RECORDS, RATE, 1);
    if (kind != PUSH_NONE) wait_for_output(point, sink.text);
    push(kind);
    if (!T_WAIT(HIT_MS, died_there(point))) {
        t_herd_close(&herd, true);
        T_FAIL("%s was never passed", aq_crash_names[point]);
    }
    t_herd_start(&herd, 0, -1, 0);
    int64_t produced = t_rekey_produced(generator);
    wait_complete(sink.text, produced);
    bool ended = t_herd_stop(&herd, 20000);
    struct t_rekey_found found = t_rekey_check(t_pair.source, source.text, sink.text, true, true);
    bool right = ended && herd.unexpected == 0 && t_rekey_is_right(&found, true);
    printf("%-20s %5.1f s\n", aq_crash_names[point], (double)(t_now_ms() - started) / 1000);
    fflush(stdout);
    t_herd_close(&herd, !right);
    T_CHECK(ended && herd.unexpected == 0, "an instance ended by itself: %s", herd.last_words);
    T_CHECK(right, "lost=%" PRId64 " duplicated=%" PRId64 " altered=%" PRId64 " reordered=%" PRId64,
            found.lost, found.duplicated, found.altered, found.reordered);
    t_topic_delete(t_pair.src, source.text);
    t_topic_delete(t_pair.src, sink.text);
}

static void test_crash_point(void **state)
{
#ifdef AQ_CRASH_POINTS
    t_pair_setup(state);
    crash_at(*(const int *)*state);
    t_pair_teardown(state);
#else
    (void)state;
    (void)crash_at;
    skip();
#endif
}

int main(void)
{
    static int points[AQ_CRASH_COUNT];
    static struct CMUnitTest tests[AQ_CRASH_COUNT];
    /* The bridge's test passes all of them in the code both share; every second one is enough for ./dev test. */
    bool all = t_setting("AQUEDUCT_FAULT_ROUNDS", USUAL_ROUNDS) > USUAL_ROUNDS;
    int n = 0;
    for (int i = 0; i < AQ_CRASH_COUNT; i += all ? 1 : 2) {
        points[i] = i;
        tests[n++] = (struct CMUnitTest){
            .name = aq_crash_names[i], .test_func = test_crash_point, .initial_state = &points[i]};
    }
    return _cmocka_run_group_tests("crash points of an application", tests, (size_t)n, NULL, NULL);
}
