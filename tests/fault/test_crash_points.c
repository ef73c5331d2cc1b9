/* SPDX-License-Identifier: Apache-2.0
 *
 * Every named crash point (base/crash.def), one after the other: an instance dies exactly there while records flow, is
 * started again, and the copy must be exact (tests/lib/crash_point.h).
 *
 * Only in builds with crash points (every preset but release).
 */
#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/crash_point.h"
#include "tests/lib/herd.h"
#include "tests/lib/mirror.h"
#include "tests/lib/wait.h"

#define PARTITIONS  2
#define RECORDS     6000
#define CATCH_UP_MS 60000
#define CHECK_MS    120000

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
    t_herd_open(
        &herd, "bridge",
        t_config(
            t_pair.source, t_pair.sink, "",
            "name = \"%s\"; topics = [\"^%s$\"]; delivery = \"exactly_once\"; commit_interval = \"50ms\";\n"
            "    session_timeout = \"2s\"; transaction_timeout = \"%ds\"; start = \"earliest\";",
            route.text, topic.text, t_crash_transaction_s(point)),
        2);
    t_crash_arm(&herd, point);
    struct t_process *generator = start_records(topic.text);
    t_crash_hit(&herd, point, t_pair.dst, topic.text);
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
    static int points[AQ_CRASH_STORES];
    static struct CMUnitTest tests[AQ_CRASH_STORES];
    for (int i = 0; i < AQ_CRASH_STORES; i++) {
        points[i] = i;
        tests[i] = (struct CMUnitTest){
            .name = aq_crash_names[i], .test_func = test_crash_point, .initial_state = &points[i]};
    }
    return cmocka_run_group_tests_name("crash points", tests, NULL, NULL);
}
