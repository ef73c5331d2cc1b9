/* SPDX-License-Identifier: Apache-2.0
 *
 * Time in a running task: punctuations, when they are called, what they emit and what goes with it; and the extractors, which say
 * what time a record has.
 */
#include "tests/unit/streams/st_task_world.h"

struct plan {
    enum st_punctuation_type type;
    bool once; /* cancels itself in its first call */
    struct st_schedule *schedule;
};

static int emit(struct st_context *context, void *state, int64_t now_ms, struct aq_err *err)
{
    struct plan *plan = state;
    struct world *w = world_of(context);
    t_note(w->log, sizeof(w->log), "%lld", (long long)now_ms);
    assert_null(st_source_record(context));
    if (plan->once) st_cancel(context, plan->schedule);
    struct aq_record rec = st_new_record(context);
    assert_int_equal(rec.timestamp, now_ms);
    assert_int_equal(rec.offset, -1);
    assert_int_equal(rec.partition, -1);
    assert_null(rec.topic);
    rec.value = AQ_LIT("tick");
    return st_forward(context, &rec, err);
}

static int start_plan(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    struct plan *plan = user;
    *ret_state = plan;
    plan->schedule = st_schedule(context, plan->type, 10, ST_DEFAULT_START, emit, err);
    return plan->schedule ? 0 : err->code;
}

static const struct st_processor_kind plan_kind = {.name = "plan", .start = start_plan, .process = pass_on};

static void planned(struct world *w, struct plan *plan)
{
    begin(w);
    source(w->topology, "in", "orders");
    step(w, "p", &plan_kind, plan, "in");
    sink(w->topology, "out", "out", "p");
    start(w);
}

static void stream_time_calls_behind_every_record_however_they_are_batched(void **state)
{
    (void)state;
    for (int batches = 0; batches < 2; batches++) {
        struct plan plan = {.type = ST_STREAM_TIME};
        struct world w;
        planned(&w, &plan);
        if (batches) {
            ADD(&w, 0, row("k", "1", 5));
            run_all(&w);
            ADD(&w, 0, row("k", "2", 12));
            run_all(&w);
            ADD(&w, 0, row("k", "3", 14), row("k", "4", 47));
        } else
            ADD(&w, 0, row("k", "1", 5), row("k", "2", 12), row("k", "3", 14), row("k", "4", 47));
        run_all(&w);
        assert_null(st_outbox_source(made(&w, 1)));
        assert_int_equal(w.shop.tally.punctuations, 3);
        expect_log(&w, "5 12 47");
        expect_out(
            &w,
            "out:k=1@5 out:null=tick@5 out:k=2@12 out:null=tick@12 out:k=3@14 out:k=4@47 out:null=tick@47");
        finish(&w);
    }
}

static void the_wall_clock_calls_without_records_and_takes_the_positions_along(void **state)
{
    (void)state;
    struct plan plan = {.type = ST_WALL_CLOCK};
    struct world w;
    planned(&w, &plan);
    assert_int_equal(st_task_next_due_ms(w.task), 5010);
    assert_int_equal(st_task_punctuate(w.task, &w.err), 0);
    assert_true(st_outbox_is_empty(&w.outbox));
    w.shop.wall_ms = 5034;
    assert_int_equal(st_task_punctuate(w.task, &w.err), 1);
    assert_int_equal(st_task_next_due_ms(w.task), 5040);
    expect_log(&w, "5034");
    expect_out(&w, "out:null=tick@5034");
    assert_string_equal(w.acked, "orders:0@-1");
    finish(&w);
}

static void a_schedule_can_be_cancelled_from_its_call(void **state)
{
    (void)state;
    struct plan plan = {.type = ST_STREAM_TIME, .once = true};
    struct world w;
    planned(&w, &plan);
    ADD(&w, 0, row("k", "1", 5), row("k", "2", 50));
    run_all(&w);
    expect_log(&w, "5");
    assert_int_equal(st_task_next_due_ms(w.task), ST_NEVER_DUE);
    finish(&w);
}

static void time_skipped_by_a_restart_is_one_call(void **state)
{
    (void)state;
    struct plan plan = {.type = ST_STREAM_TIME};
    struct world w;
    begin(&w);
    source(w.topology, "in", "orders");
    step(&w, "p", &plan_kind, &plan, "in");
    sink(w.topology, "out", "out", "p");
    prepare(&w, 0);
    committed(&w, 0, 3, 1000);
    start(&w);
    ADD(&w, 0, row("k", "late", 7));
    run_all(&w);
    expect_log(&w, "1000");
    expect_out(&w, "out:k=late@7 out:null=tick@1000");
    finish(&w);
}

static int schedule_anew(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    struct plan *plan = state;
    assert_null(st_schedule(context, plan->type, 0, ST_DEFAULT_START, emit, err));
    st_cancel(context, plan->schedule);
    plan->schedule = st_schedule(context, plan->type, 10, 1000 + rec->timestamp, emit, err);
    return plan->schedule ? 0 : err->code;
}

static void scheduling_with_every_record_costs_no_memory_that_stays(void **state)
{
    (void)state;
    static const struct st_processor_kind kind = {
        .name = "anew", .start = start_plan, .process = schedule_anew};
    struct plan plan = {.type = ST_STREAM_TIME};
    struct world w;
    begin(&w);
    source(w.topology, "in", "orders");
    step(&w, "p", &kind, &plan, "in");
    start(&w);
    ADD(&w, 0, row("k", "v", 1));
    run_all(&w);
    size_t used = w.task->arena.used;
    for (int i = 0; i < 50; i++) {
        ADD(&w, 0, row("k", "v", 2 + i));
        run_all(&w);
    }
    assert_int_equal(w.task->arena.used, used);
    expect_log(&w, "");
    ADD(&w, 0, row("k", "v", 1100));
    run_all(&w);
    expect_log(&w, "");
    finish(&w);
}

/* ---- extractors --------------------------------------------------------------------------------------------------- */

static int with_extractor(struct world *w, int extractor)
{
    begin(w);
    source(w->topology, "in", "orders");
    sink(w->topology, "out", "out", "in");
    w->settings.extractor = extractor;
    start(w);
    ADD(w, 0, row("a", "1", 10), row("b", "2", -5), timeless("c", "3"), row("d", "4", 30));
    return run(w);
}

static void a_record_without_a_valid_time_stops_the_task_by_default(void **state)
{
    (void)state;
    struct world w;
    assert_int_equal(with_extractor(&w, 0), AQ_E_BAD_RECORD);
    assert_true(strncmp(w.err.text, "orders[0]@1: the timestamp -5 is negative", 41) == 0);
    assert_int_equal(st_task_position(&w.feeds[0]).next, 1);
    expect_out(&w, "out:a=1@10");
    finish(&w);
}

static void or_is_skipped(void **state)
{
    (void)state;
    struct world w;
    assert_int_equal(with_extractor(&w, 1), 2);
    assert_int_equal(st_task_position(&w.feeds[0]).next, 4);
    expect_out(&w, "out:a=1@10 out:d=4@30");
    finish(&w);
}

static void or_takes_the_partition_time(void **state)
{
    (void)state;
    struct world w;
    assert_int_equal(with_extractor(&w, 2), 4);
    expect_out(&w, "out:a=1@10 out:b=2@10 out:c=3@10 out:d=4@30");
    finish(&w);
}

static void or_all_take_the_wall_clock(void **state)
{
    (void)state;
    struct world w;
    assert_int_equal(with_extractor(&w, 3), 4);
    expect_out(&w, "out:a=1@5000 out:b=2@5000 out:c=3@5000 out:d=4@5000");
    finish(&w);
}

static int from_key(void *user, const struct aq_record *rec, struct st_extract_at at, int64_t *ret_ms,
                    struct aq_err *err)
{
    (void)user;
    (void)at;
    (void)err;
    *ret_ms = rec->key.ptr[0];
    return 0;
}

static void a_source_may_have_an_extractor_of_its_own(void **state)
{
    (void)state;
    static const struct st_extractor extractor = {.extract = from_key};
    static const char *topics[] = {"orders"};
    struct world w;
    begin(&w);
    struct st_source_conf conf = {.topics = topics, .n_topics = 1, .extractor = &extractor};
    T_CHECK(st_add_source(w.topology, "in", &conf, &w.err) == 0, "%s", w.err.text);
    sink(w.topology, "out", "out", "in");
    start(&w);
    ADD(&w, 0, row("A", "1", -1));
    run_all(&w);
    expect_out(&w, "out:A=1@65");
    finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_time_calls_behind_every_record_however_they_are_batched),
        cmocka_unit_test(the_wall_clock_calls_without_records_and_takes_the_positions_along),
        cmocka_unit_test(a_schedule_can_be_cancelled_from_its_call),
        cmocka_unit_test(time_skipped_by_a_restart_is_one_call),
        cmocka_unit_test(scheduling_with_every_record_costs_no_memory_that_stays),
        cmocka_unit_test(a_record_without_a_valid_time_stops_the_task_by_default),
        cmocka_unit_test(or_is_skipped),
        cmocka_unit_test(or_takes_the_partition_time),
        cmocka_unit_test(or_all_take_the_wall_clock),
        cmocka_unit_test(a_source_may_have_an_extractor_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
