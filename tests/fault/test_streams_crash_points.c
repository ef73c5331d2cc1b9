/* SPDX-License-Identifier: Apache-2.0
 *
 * Every named crash point (base/crash.def), one after the other, in an application of the streams engine: an instance dies exactly
 * there while records flow through a repartition, is started again, and the output must be exact (tests/lib/crash_point.h).
 *
 * Only in builds with crash points (every preset but release).
 */
#include <inttypes.h>

#include "tests/lib/ordeal.h"
#include "tests/lib/check.h"
#include "tests/lib/crash_point.h"
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
#define CATCH_UP_MS  60000

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
    struct t_herd herd;
    struct t_name source = t_unique("orders.crash"), sink = t_unique("rekeyed"), name = t_unique("crash");
    t_topic_create(t_pair.src, sink.text, OUTPUTS, "retention.ms=-1", NULL);
    t_topic_create(t_pair.src, source.text, PARTITIONS, "retention.ms=-1", NULL);
    t_sleep_ms(500); /* for every broker to hear of it */
    char *timeouts = t_printf("session_timeout_ms = 2000; transaction_timeout_ms = %d;",
                              1000 * t_crash_transaction_s(point));
    t_herd_open(&herd, "streams",
                t_rekey_config(t_pair.source, name.text, source.text, sink.text, NULL, true, timeouts), 2);
    free(timeouts);
    t_crash_arm(&herd, point);
    struct t_process *generator = t_rekey_generate(t_pair.source, source.text, 0, RECORDS, RATE, 1);
    t_crash_hit(&herd, point, t_pair.src, sink.text);
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
    static int points[AQ_CRASH_STORES];
    static struct CMUnitTest tests[AQ_CRASH_STORES];
    /* The bridge's test passes all of them in the code both share; every second one is enough for ./dev test. */
    bool all = t_setting("AQUEDUCT_FAULT_ROUNDS", USUAL_ROUNDS) > USUAL_ROUNDS;
    int n = 0;
    for (int i = 0; i < AQ_CRASH_STORES; i += all ? 1 : 2) {
        points[i] = i;
        tests[n++] = (struct CMUnitTest){
            .name = aq_crash_names[i], .test_func = test_crash_point, .initial_state = &points[i]};
    }
    return _cmocka_run_group_tests("crash points of an application", tests, (size_t)n, NULL, NULL);
}
