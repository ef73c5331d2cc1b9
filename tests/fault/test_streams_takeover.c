/* SPDX-License-Identifier: Apache-2.0
 *
 * An instance of an application with a store and a repartition is gone in the middle of a transaction, which the brokers would keep open
 * for a minute: killed with its records sent, with its positions written, with its positions sent to the group's
 * coordinator, or frozen. The other instance ends the transaction when it takes the tasks over (kafka/fencing.c), and everything
 * comes out long before the minute is over. What comes out is exact; who was only frozen finds itself fenced, wakes up, and goes on.
 *
 * Only in builds with crash points (every preset but release).
 */
#include <inttypes.h>

#include "tests/lib/check.h"
#include "tests/lib/crash_point.h"
#include "tests/lib/herd.h"
#include "tests/lib/pair.h"
#include "tests/lib/read.h"
#include "tests/lib/rekey.h"
#include "tests/lib/wait.h"

#define PARTITIONS     2
#define OUTPUTS        2
#define RECORDS        6000
#define MORE_RECORDS   15000
#define WHILE_FROZEN   8000 /* of them */
#define RATE           1500
#define SESSION_MS     2000
#define TRANSACTION_MS 60000
#define LATE_MS        20000 /* beyond the session; about one second is usual */
#define START_MS       30000
#define STOP_MS        30000

struct scene {
    struct t_herd herd;
    struct t_name source, sink, counts, application;
};

static bool has_tasks(const struct t_herd *herd, int i)
{
    return herd->list[i].process && t_stderr_has(herd->list[i].process, "tasks assigned");
}

/* Two instances; the first is armed, unless point is -1. Records flow when both have tasks. */
static struct t_process *begin(struct scene *s, int point, int64_t records)
{
    *s = (struct scene){.source = t_unique("orders.take"),
                        .sink = t_unique("rekeyed"),
                        .counts = t_unique("counted"),
                        .application = t_unique("take")};
    t_topic_create(t_pair.src, s->source.text, PARTITIONS, "retention.ms=-1", NULL);
    t_topic_create(t_pair.src, s->sink.text, OUTPUTS, "retention.ms=-1", NULL);
    t_topic_create(t_pair.src, s->counts.text, OUTPUTS, "retention.ms=-1", NULL);
    t_sleep_ms(500); /* for every broker to hear of it */
    char *more = t_printf(
        "session_timeout_ms = %d; transaction_timeout_ms = %d; state_dir = \"${" T_HERD_STATE_DIR "}\";",
        SESSION_MS, TRANSACTION_MS);
    t_herd_open(&s->herd, "streams",
                t_rekey_config(t_pair.source, s->application.text, s->source.text, s->sink.text,
                               s->counts.text, true, more),
                2);
    free(more);
    t_herd_start(&s->herd, 1, -1, 0);
    T_CHECK(T_WAIT(START_MS, has_tasks(&s->herd, 1)), "no tasks are assigned");
    t_herd_start(&s->herd, 0, point, 10);
    T_CHECK(T_WAIT(START_MS, has_tasks(&s->herd, 0)), "no tasks are assigned");
    return t_rekey_generate(t_pair.source, s->source.text, 0, records, RATE, 1);
}

/* So many records have come out; the first instance is gone since then. */
static void wait_for(struct scene *s, int64_t records, int64_t gone)
{
    int64_t left_ms = gone + SESSION_MS + LATE_MS - t_now_ms();
    struct t_tail *tail = t_tail_open(t_pair.source, s->sink.text, OUTPUTS);
    int64_t seen = t_tail_wait(tail, records, left_ms > 0 ? left_ms : 0);
    t_tail_close(tail);
    if (seen < records) t_herd_close(&s->herd, true);
    T_CHECK(seen >= records, "%" PRId64 " of %" PRId64 " records came out within %d ms after the session",
            seen, records, LATE_MS);
    printf("%" PRId64 " records, %" PRId64 " ms after the instance was gone\n", records, t_now_ms() - gone);
    fflush(stdout);
}

static void end(struct scene *s)
{
    bool ended = t_herd_stop(&s->herd, STOP_MS);
    struct t_rekey_found found = t_rekey_check(t_pair.source, s->source.text, s->sink.text, true, true);
    int64_t miscounted = t_rekey_miscounted(t_pair.source, s->source.text, s->counts.text, true, true);
    bool right = ended && s->herd.unexpected == 0 && t_rekey_is_right(&found, true) && miscounted == 0;
    t_herd_close(&s->herd, !right);
    T_CHECK(ended && s->herd.unexpected == 0, "an instance ended by itself: %s", s->herd.last_words);
    T_CHECK(right,
            "lost=%" PRId64 " duplicated=%" PRId64 " altered=%" PRId64 " reordered=%" PRId64
            " miscounted=%" PRId64,
            found.lost, found.duplicated, found.altered, found.reordered, miscounted);
    t_topic_delete(t_pair.src, s->source.text);
    t_topic_delete(t_pair.src, s->sink.text);
    t_topic_delete(t_pair.src, s->counts.text);
    t_topics_delete(t_pair.src, s->application.text);
}

static bool died_at(struct scene *s, int point)
{
    t_herd_look(&s->herd);
    return s->herd.hits[point] > 0;
}

static void dies_at(void **state)
{
#ifdef AQ_CRASH_POINTS
    int point = *(const int *)*state;
    struct scene s;
    t_pair_setup(state);
    struct t_process *generator = begin(&s, point, RECORDS);
    T_CHECK(T_WAIT(START_MS, died_at(&s, point)), "%s was never passed", aq_crash_names[point]);
    int64_t gone = t_now_ms();
    wait_for(&s, t_rekey_produced(generator), gone);
    T_CHECK(T_WAIT(START_MS, t_stderr_has(s.herd.list[1].process, "fenced a writer that is gone")),
            "nobody was fenced");
    end(&s);
    t_pair_teardown(state);
#else
    (void)state;
    (void)died_at;
    skip();
#endif
}

static void one_that_is_frozen_is_fenced_and_goes_on(void **state)
{
    struct scene s;
    t_pair_setup(state);
    struct t_process *generator = begin(&s, -1, MORE_RECORDS);
    t_sleep_ms(1500);
    t_herd_freeze(&s.herd, 0);
    wait_for(&s, WHILE_FROZEN, t_now_ms());
    t_herd_thaw(&s.herd, 0);
    T_CHECK(T_WAIT(START_MS, t_stderr_has(s.herd.list[0].process, "tasks lost")), "it does not wake up");
    wait_for(&s, t_rekey_produced(generator), t_now_ms());
    end(&s);
    t_pair_teardown(state);
}

int main(void)
{
    static const int points[] = {AQ_CRASH_FIRST_PRODUCE, AQ_CRASH_AFTER_POSITIONS, AQ_CRASH_AFTER_OFFSETS};
    static int states[3];
    static struct CMUnitTest tests[4];
    for (int i = 0; i < 3; i++) {
        states[i] = points[i];
        tests[i] = (struct CMUnitTest){
            .name = aq_crash_names[points[i]], .test_func = dies_at, .initial_state = &states[i]};
    }
    tests[3] = (struct CMUnitTest)cmocka_unit_test(one_that_is_frozen_is_fenced_and_goes_on);
    return _cmocka_run_group_tests("take-over from the dead", tests, 4, NULL, NULL);
}
