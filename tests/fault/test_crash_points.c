/* SPDX-License-Identifier: Apache-2.0
 *
 * Every named crash point (base/crash.def), one after the other: an instance dies exactly there while records flow, is
 * started again, and the copy must be exact.
 *
 * Most points lie on the way of every cycle and are hit by running. Two kinds need a push: an abort comes when an
 * instance is frozen beyond its session with a transaction open and then goes on; a revocation comes when a second
 * instance joins. A point that is not hit fails: a crash test that does not crash proves nothing.
 *
 * Only in builds with crash points (every preset but release).
 */
#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/herd.h"
#include "tests/lib/mirror.h"
#include "tests/lib/wait.h"

#define PARTITIONS  2
#define RECORDS     6000
#define HIT_MS      30000
#define CATCH_UP_MS 60000
#define CHECK_MS    120000
#define FROZEN_MS   3500 /* beyond the session of 2 s, within the transaction's 10 s */

enum push { PUSH_NONE, PUSH_FREEZE, PUSH_RIVAL };

static enum push push_for(int point)
{
    if (point == AQ_CRASH_BEFORE_ABORT || point == AQ_CRASH_AFTER_ABORT) return PUSH_FREEZE;
    if (point == AQ_CRASH_BEFORE_REVOKE) return PUSH_RIVAL;
    return PUSH_NONE;
}

static bool died_there(struct t_herd *herd, int point)
{
    t_herd_look(herd);
    return herd->hits[point] > 0;
}

static bool is_assigned(struct t_herd *herd)
{
    struct t_process *process = herd->list[0].process;
    return process && t_stderr_has(process, "tasks assigned");
}

/* Starts the armed instance. Records begin to flow when it has its tasks: were they there before, it would copy all of
 * them in fewer cycles than the count asks for. */
static void start_armed(struct t_herd *herd, int point, enum push kind)
{
    bool once = kind != PUSH_NONE || point == AQ_CRASH_AFTER_ASSIGN || point == AQ_CRASH_AFTER_RESUME;
    t_herd_start(herd, 0, point, once ? 1 : 5);
    T_CHECK(T_WAIT(HIT_MS, is_assigned(herd) || died_there(herd, point)), "no tasks are assigned");
}

/* For a point that needs a push. The self-test at the start aborts transactions too: an instance that died in it is
 * started again with the next count. */
static void wait_for_records(struct t_herd *herd, int point, const char *topic)
{
    int64_t deadline = t_now_ms() + HIT_MS;
    for (int count = 2; t_log_span(t_pair.dst, topic) <= 0; t_sleep_ms(20)) {
        T_CHECK(t_now_ms() < deadline, "nothing arrives in %s", topic);
        if (!died_there(herd, point)) continue;
        herd->hits[point] = 0;
        t_herd_start(herd, 0, point, count++);
    }
}

static void push(struct t_herd *herd, enum push kind)
{
    if (kind == PUSH_NONE) return;
    if (kind == PUSH_RIVAL) {
        t_herd_start(herd, 1, -1, 0);
        return;
    }
    t_herd_freeze(herd, 0);
    int64_t until = t_now_ms() + FROZEN_MS;
    (void)T_WAIT(FROZEN_MS + 1000, t_now_ms() >= until);
    t_herd_thaw(herd, 0);
}

static struct t_process *start_records(const char *topic)
{
    char records[16];
    snprintf(records, sizeof records, "%d", RECORDS);
    const char *argv[] = {t_tool("orders_gen"), "--brokers", t_pair.source, "--topic", topic,
                          "--records",          records,     "--rate",      "1500",    "--keep",
                          "--tombstones-every", "37",        NULL};
    return t_start(argv, NULL);
}

static void crash_at(int point)
{
    int64_t started = t_now_ms();
    struct t_name topic = t_unique("orders.crash"), route = t_unique("crash");
    t_topic_create(t_pair.src, topic.text, PARTITIONS, "retention.ms=-1", NULL);
    struct t_herd herd;
    enum push kind = push_for(point);
    t_herd_open(
        &herd, "bridge",
        t_config(
            t_pair.source, t_pair.sink, "",
            "name = \"%s\"; topics = [\"^%s$\"]; delivery = \"exactly_once\"; commit_interval = \"50ms\";\n"
            "    session_timeout = \"2s\"; transaction_timeout = \"%s\"; start = \"earliest\";",
            route.text, topic.text, kind == PUSH_FREEZE ? "10s" : "3s"),
        2);
    start_armed(&herd, point, kind);
    struct t_process *generator = start_records(topic.text);
    if (kind != PUSH_NONE) wait_for_records(&herd, point, topic.text);
    push(&herd, kind);
    if (!T_WAIT(HIT_MS, died_there(&herd, point))) {
        t_herd_close(&herd, true);
        T_FAIL("%s was never passed", aq_crash_names[point]);
    }
    t_herd_start(&herd, 0, -1, 0);
    T_CHECK(t_wait_exit(generator, 60000) == 0, "generator: %s", t_stderr(generator));
    t_process_free(generator);
    t_wait_mirrored(&t_pair, topic.text, PARTITIONS, RECORDS, CATCH_UP_MS);
    bool ended = t_herd_stop(&herd, 20000);
    t_check_mirror(&t_pair, topic.text, CHECK_MS);
    printf("%-20s %5.1f s\n", aq_crash_names[point], (double)(t_now_ms() - started) / 1000);
    fflush(stdout);
    t_herd_close(&herd, !ended || herd.unexpected);
    T_CHECK(ended && !herd.unexpected, "an instance ended by itself: %s", herd.last_words);
    char *state = t_printf("aqueduct.%s.state", route.text);
    t_topic_delete(t_pair.src, topic.text);
    t_topic_delete(t_pair.dst, topic.text);
    t_topic_delete(t_pair.dst, state);
    free(state);
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
    for (int i = 0; i < AQ_CRASH_COUNT; i++) {
        points[i] = i;
        tests[i] = (struct CMUnitTest){
            .name = aq_crash_names[i], .test_func = test_crash_point, .initial_state = &points[i]};
    }
    return cmocka_run_group_tests_name("crash points", tests, NULL, NULL);
}
