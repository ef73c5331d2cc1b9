/* SPDX-License-Identifier: Apache-2.0
 *
 * A task that runs: the ways records take through a topology, what is carried with them, what is copied and what is not, which input
 * comes first, and time.
 */
#include "tests/unit/streams/st_task_world.h"

/* ---- ways --------------------------------------------------------------------------------------------------------- */

static void pass_and_sink(struct world *w)
{
    begin(w);
    source(w->topology, "in", "orders");
    step(w, "pass", &pass_kind, NULL, "in");
    sink(w->topology, "out", "out", "pass");
    start(w);
}

static void a_record_walks_from_source_to_sink(void **state)
{
    (void)state;
    struct world w;
    pass_and_sink(&w);
    ADD(&w, 0, row("a", "1", 10), row(NULL, "2", 20), row("c", NULL, 15));
    assert_int_equal(run(&w), 3);
    assert_int_equal(w.shop.tally.processed, 3);
    assert_int_equal(w.shop.tally.emitted, 3);
    assert_string_equal(w.task->id, "0_0");
    assert_int_equal(st_task_position(&w.feeds[0]).next, 3);
    assert_int_equal(st_task_position(&w.feeds[0]).time_ms, 20);
    expect_out(&w, "out:a=1@10 out:null=2@20 out:c=null@15");
    finish(&w);
}

static void values_are_carried_and_not_copied(void **state)
{
    (void)state;
    struct world w;
    pass_and_sink(&w);
    struct input *input = ADD(&w, 0, row_with("a", "1", 10, "h1=x h2=y h1=z"));
    run_all(&w);
    const struct aq_record *read = &input->batch.records[0], *rec = made(&w, 0);
    assert_ptr_equal(rec->key.ptr, read->key.ptr);
    assert_ptr_equal(rec->value.ptr, read->value.ptr);
    assert_ptr_equal(st_outbox_source(rec), read);
    assert_int_equal(rec->partition, -1);
    expect_headers(rec, "h1=x h2=y h1=z");
    assert_true(rec->flags & AQ_REC_HEADERS_CHANGED);
    finish(&w);
}

static int add_header(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    aq_record_add_header(rec, AQ_LIT("by"), aq_slice_str(context->node->name));
    rec->timestamp++;
    rec->key = AQ_LIT("changed");
    int rc = append_name(context, NULL, rec, err);
    return rc;
}

static const struct st_processor_kind header_kind = {.name = "header", .process = add_header};

static void a_forks_children_do_not_see_each_others_changes(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    source(w.topology, "in", "orders");
    step(&w, "x", &header_kind, NULL, "in");
    step(&w, "y", &header_kind, NULL, "in");
    sink(w.topology, "plain", "plain", "in");
    sink(w.topology, "xs", "xs", "x");
    sink(w.topology, "ys", "ys", "y");
    start(&w);
    struct input *input = ADD(&w, 0, row_with("a", "1", 10, "h=v"));
    run_all(&w);
    expect_headers(made(&w, 0), "h=v by=x");
    expect_headers(made(&w, 1), "h=v by=y");
    expect_headers(made(&w, 2), "h=v");
    expect_open(&w, "xs:changed=1+x@11 ys:changed=1+y@11 plain:a=1@10");
    assert_ptr_equal(made(&w, 2)->value.ptr, input->batch.records[0].value.ptr);
    expect_headers(&input->batch.records[0], "h=v");
    finish(&w);
}

static void a_node_with_two_parents_gets_the_records_of_both(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    source(w.topology, "left", "a");
    source(w.topology, "right", "b");
    step(&w, "x", &append_kind, NULL, "left");
    step(&w, "both", &append_kind, NULL, "x right");
    sink(w.topology, "out", "out", "both");
    start(&w);
    ADD(&w, 0, row("k", "1", 10), row("k", "2", 30));
    ADD(&w, 1, row("k", "3", 20));
    run_all(&w);
    expect_out(&w, "out:k=1+x+both@10 out:k=3+both@20 out:k=2+x+both@30");
    finish(&w);
}

static void a_diamond_gives_its_foot_a_record_from_each_side(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    source(w.topology, "in", "orders");
    step(&w, "x", &append_kind, NULL, "in");
    step(&w, "y", &append_kind, NULL, "in");
    step(&w, "foot", &append_kind, NULL, "x y");
    sink(w.topology, "out", "out", "foot");
    start(&w);
    ADD(&w, 0, row("k", "1", 10));
    run_all(&w);
    expect_out(&w, "out:k=1+x+foot@10 out:k=1+y+foot@10");
    finish(&w);
}

/* To the child that the value names; by number when it is one. */
static int to_named(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    char name[16];
    snprintf(name, sizeof(name), "%.*s", (int)rec->value.len, rec->value.ptr);
    if (name[0] == '0' || name[0] == '1') return st_forward_child(context, (size_t)(name[0] - '0'), rec, err);
    return st_forward_to(context, name, rec, err);
}

static const struct st_processor_kind branch_kind = {.name = "branch", .process = to_named};

static void a_record_goes_to_the_child_that_was_named(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    source(w.topology, "in", "orders");
    step(&w, "branch", &branch_kind, NULL, "in");
    sink(w.topology, "x", "xs", "branch");
    sink(w.topology, "y", "ys", "branch");
    start(&w);
    ADD(&w, 0, row("k", "y", 10), row("k", "x", 11), row("k", "1", 12), row("k", "0", 13));
    run_all(&w);
    expect_out(&w, "ys:k=y@10 xs:k=x@11 ys:k=1@12 xs:k=0@13");
    ADD(&w, 0, row("k", "z", 14));
    assert_int_equal(run(&w), AQ_E_INVALID);
    assert_string_equal(w.err.text,
                        "orders[0]@4: processing 'branch': 'branch' has no child 'z' to forward to");
    finish(&w);
}

static void repartition_topology(struct world *w, uint32_t subtopology)
{
    begin(w);
    source(w->topology, "in", "orders");
    step(w, "x", &append_kind, NULL, "in");
    repartition(w->topology, "rekeyed", 0, "x");
    step(w, "y", &append_kind, NULL, "rekeyed");
    sink(w->topology, "out", "out", "y");
    w->settings.extractor = 3; /* the wall clock: not for what lies between */
    prepare(w, subtopology);
    T_CHECK(try_create(w, subtopology) == 0, "%s", w->err.text);
}

static void a_repartition_is_written_on_one_side(void **state)
{
    (void)state;
    struct world w;
    repartition_topology(&w, 0);
    ADD(&w, 0, row_with("k", "1", 10, "h=v"));
    run_all(&w);
    expect_headers(made(&w, 0), "h=v");
    expect_out(&w, "app-rekeyed-repartition:k=1+x@5000");
    finish(&w);
}

static void and_read_on_the_other_with_the_time_it_was_written_with(void **state)
{
    (void)state;
    struct world w;
    repartition_topology(&w, 1);
    assert_string_equal(w.feeds[0].topic->text, "app-rekeyed-repartition");
    ADD(&w, 0, row("k", "1+x", 10));
    run_all(&w);
    assert_string_equal(w.task->id, "1_0");
    expect_out(&w, "out:k=1+x+y@10");
    finish(&w);
}

/* The value is the topic. */
static int by_value(struct st_context *context, void *state, struct aq_record *rec,
                    struct aq_slice *ret_topic, struct aq_err *err)
{
    assert_ptr_equal(state, world_of(context));
    if (rec->value.len == 4 && memcmp(rec->value.ptr, "none", 4) == 0)
        return aq_fail(err, AQ_E_BAD_RECORD, "no topic for it");
    *ret_topic = rec->value;
    return 0;
}

static int start_chooser(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    (void)err;
    struct world *w = world_of(context);
    assert_ptr_equal(user, w);
    *ret_state = w;
    t_note(w->log, sizeof(w->log), "start");
    return 0;
}

static void stop_chooser(struct st_context *context, void *state)
{
    (void)context;
    struct world *w = state;
    t_note(w->log, sizeof(w->log), "stop");
}

static const struct st_topic_chooser chooser = {start_chooser, by_value, stop_chooser};

static void choosing_topology(struct world *w)
{
    begin(w);
    source(w->topology, "in", "orders");
    sink(w->topology, "out", ST_BY_VALUE, "in");
    T_CHECK(st_set_chooser(w->topology, "out", &chooser, w, &w->err) == 0, "%s", w->err.text);
    start(w);
}

static void a_chooser_finds_the_topic_of_each_record(void **state)
{
    (void)state;
    struct world w;
    choosing_topology(&w);
    ADD(&w, 0, row("k", "red", 10), row("k", "blue", 11), row("k", "red", 12));
    run_all(&w);
    assert_ptr_equal(made(&w, 0)->topic, made(&w, 2)->topic);
    expect_out(&w, "red:k=red@10 blue:k=blue@11 red:k=red@12");
    st_task_destroy(w.task);
    w.task = NULL;
    expect_log(&w, "start stop");
    finish(&w);
}

static void a_topic_that_cannot_be_chosen_is_a_processing_error(void **state)
{
    (void)state;
    static const struct {
        const char *value, *reason;
    } bad[] = {
        {"none", "orders[0]@0: processing 'out': no topic for it"},
        {"", "orders[0]@0: processing 'out': the topic name '' is empty"},
        {"a b",
         "orders[0]@0: processing 'out': the topic name 'a b' holds a character other than a-z A-Z 0-9 . _ -"},
        {NULL, "orders[0]@0: processing 'out': the topic name '' is empty"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct world w;
        choosing_topology(&w);
        ADD(&w, 0, row("k", bad[i].value, 10));
        assert_int_equal(run(&w), AQ_E_BAD_RECORD);
        assert_string_equal(w.err.text, bad[i].reason);
        assert_int_equal(w.outbox.open->batch.n, 0);
        finish(&w);
    }
}

/* ---- starting ----------------------------------------------------------------------------------------------------- */

static int note_start(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    struct world *w = world_of(context);
    t_note(w->log, sizeof(w->log), "+%s", context->node->name);
    if (user) return aq_fail(err, AQ_E_IO, "no disk");
    *ret_state = (void *)context->node->name;
    return 0;
}

static void note_stop(struct st_context *context, void *state)
{
    struct world *w = world_of(context);
    assert_ptr_equal(state, context->node->name);
    t_note(w->log, sizeof(w->log), "-%s", context->node->name);
}

static const struct st_processor_kind lived_kind = {
    .name = "lived", .start = note_start, .process = pass_on, .stop = note_stop};

static void processors_are_started_in_order_and_stopped_in_reverse(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    source(w.topology, "in", "orders");
    step(&w, "x", &lived_kind, NULL, "in");
    step(&w, "y", &lived_kind, NULL, "x");
    sink(w.topology, "out", "out", "y");
    start(&w);
    st_task_destroy(w.task);
    w.task = NULL;
    expect_log(&w, "+x +y -y -x");
    assert_null(w.feeds[0].task);
    finish(&w);
}

static void when_one_does_not_start_those_before_it_are_stopped_and_there_is_no_task(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    source(w.topology, "in", "orders");
    step(&w, "x", &lived_kind, NULL, "in");
    step(&w, "y", &lived_kind, &w, "x");
    sink(w.topology, "out", "out", "y");
    prepare(&w, 0);
    assert_int_equal(try_create(&w, 0), AQ_E_IO);
    assert_string_equal(w.err.text, "task 0_0: 'y' did not start: no disk");
    assert_null(w.task);
    assert_null(w.feeds[0].task);
    expect_log(&w, "+x +y -x");
    finish(&w);
}

/* ---- order and time ----------------------------------------------------------------------------------------------- */

static void two_inputs(struct world *w)
{
    begin(w);
    source(w->topology, "left", "a");
    source(w->topology, "right", "b");
    step(w, "both", &pass_kind, NULL, "left right");
    sink(w->topology, "out", "out", "both");
}

static void two_partitions_come_in_the_order_of_their_timestamps(void **state)
{
    (void)state;
    struct world w;
    two_inputs(&w);
    start(&w);
    ADD(&w, 0, row("a", "1", 10), row("a", "2", 40), row("a", "3", 20));
    ADD(&w, 1, row("b", "1", 15), row("b", "2", 30), row("b", "3", 50));
    run_all(&w);
    assert_int_equal(st_task_position(&w.feeds[0]).time_ms, 40);
    assert_int_equal(st_task_position(&w.feeds[1]).time_ms, 50);
    expect_out(&w, "out:a=1@10 out:b=1@15 out:b=2@30 out:a=2@40 out:a=3@20 out:b=3@50");
    finish(&w);
}

static void a_task_waits_for_a_partition_that_has_more(void **state)
{
    (void)state;
    struct world w;
    two_inputs(&w);
    w.settings.max_task_idle_ms = 100;
    start(&w);
    ADD(&w, 0, row("a", "1", 10));
    assert_int_equal(run(&w), 0);
    assert_true(w.until_us == ST_NO_DEADLINE);
    st_task_progress(w.task, &w.feeds[1], 0, 0);
    assert_int_equal(run(&w), 0);
    assert_int_equal(w.until_us, 100000);
    w.now_us = 100000;
    assert_int_equal(run(&w), 1);
    expect_out(&w, "out:a=1@10");
    finish(&w);
}

static int note_times(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    struct world *w = world_of(context);
    t_note(w->log, sizeof(w->log), "%lld/%lld", (long long)rec->timestamp, (long long)st_stream_ms(context));
    return st_forward(context, rec, err);
}

static const struct st_processor_kind times_kind = {.name = "times", .process = note_times};

static void time_goes_on_from_the_committed_marks(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    source(w.topology, "left", "a");
    source(w.topology, "right", "b");
    step(&w, "both", &times_kind, NULL, "left right");
    sink(w.topology, "out", "out", "both");
    prepare(&w, 0);
    committed(&w, 0, 7, 100);
    committed(&w, 1, 3, 50);
    w.settings.extractor = 2; /* partition time for a record without one */
    start(&w);
    ADD(&w, 0, row("a", "1", 80), timeless("a", "2"));
    ADD(&w, 1, row("b", "1", -1), row("b", "2", 200));
    run_all(&w);
    expect_log(&w, "50/100 80/100 100/100 200/200");
    assert_int_equal(st_task_position(&w.feeds[0]).next, 9);
    assert_int_equal(st_task_position(&w.feeds[0]).time_ms, 100);
    assert_int_equal(st_task_position(&w.feeds[1]).next, 5);
    assert_int_equal(st_task_position(&w.feeds[1]).time_ms, 200);
    finish(&w);
}

static void a_feed_whose_log_may_begin_anywhere_keeps_saying_so_until_it_is_read(void **state)
{
    (void)state;
    struct world w;
    pass_and_sink(&w);
    st_task_destroy(w.task);
    committed(&w, 0, KC_OFFSET_EARLIEST, ST_NO_TIME);
    start(&w);
    assert_int_equal(st_task_position(&w.feeds[0]).next, KC_OFFSET_EARLIEST);
    w.next[0] = 500;
    ADD(&w, 0, row("a", "1", 10));
    assert_int_equal(st_task_position(&w.feeds[0]).next, 500);
    run_all(&w);
    assert_int_equal(st_task_position(&w.feeds[0]).next, 501);
    finish(&w);
}

/* ---- how much at once --------------------------------------------------------------------------------------------- */

static void a_run_ends_at_its_count_and_at_a_full_flight(void **state)
{
    (void)state;
    struct world w;
    pass_and_sink(&w);
    for (int i = 0; i < ST_FLIGHT_RECORDS + 10; i++) ADD(&w, 0, row("k", "v", i));
    assert_int_equal(st_task_run(w.task, 5, 0, &w.until_us, &w.err), 5);
    assert_int_equal(run(&w), ST_FLIGHT_RECORDS - 5);
    assert_true(st_outbox_is_full(&w.outbox));
    assert_int_equal(run(&w), 0);
    struct st_flight *flight = send(&w);
    assert_int_equal(run(&w), 10);
    through(&w, flight);
    finish(&w);
}

static int ask_commit(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    (void)err;
    assert_string_equal(st_application_id(context), "app");
    assert_string_equal(st_task_id(context), "0_0");
    assert_int_equal(st_wall_ms(context), 5000);
    assert_int_equal(st_source_record(context)->offset, rec->offset);
    assert_string_equal(rec->topic->text, "orders");
    assert_int_equal(rec->partition, 0);
    st_request_commit(context);
    return 0;
}

static void a_processor_knows_where_it_is_and_can_ask_for_a_commit(void **state)
{
    (void)state;
    static const struct st_processor_kind kind = {.name = "ask", .process = ask_commit};
    struct world w;
    begin(&w);
    source(w.topology, "in", "orders");
    step(&w, "ask", &kind, NULL, "in");
    start(&w);
    assert_false(w.shop.commit_requested);
    ADD(&w, 0, row("k", "v", 1));
    run_all(&w);
    assert_true(w.shop.commit_requested);
    finish(&w);
}

static int make_two(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct aq_record fresh = st_new_record(context);
        assert_true(aq_slice_is_null(fresh.key) && aq_slice_is_null(fresh.value) && fresh.n_headers == 0);
        assert_int_equal(fresh.offset, rec->offset);
        assert_ptr_equal(fresh.topic, rec->topic);
        assert_int_equal(fresh.partition, rec->partition);
        fresh.value = aq_slice_str(aq_arena_printf(st_arena(context), "%d", i));
        aq_record_add_header(&fresh, AQ_LIT("n"), fresh.value);
        int rc = st_forward(context, &fresh, err);
        if (rc != 0) return rc;
    }
    return st_forward(context, rec, err);
}

static void a_processor_may_make_records_of_its_own(void **state)
{
    (void)state;
    static const struct st_processor_kind kind = {.name = "two", .process = make_two};
    struct world w;
    begin(&w);
    source(w.topology, "in", "orders");
    step(&w, "two", &kind, NULL, "in");
    sink(w.topology, "out", "out", "two");
    start(&w);
    struct input *input = ADD(&w, 0, row_with("k", "v", 1, "h=v"));
    run_all(&w);
    expect_headers(made(&w, 0), "n=0");
    expect_headers(made(&w, 1), "n=1");
    expect_headers(made(&w, 2), "h=v");
    assert_ptr_equal(st_outbox_source(made(&w, 1)), &input->batch.records[0]);
    expect_out(&w, "out:null=0@1 out:null=1@1 out:k=v@1");
    finish(&w);
}

/* ---- ends --------------------------------------------------------------------------------------------------------- */

static void after_an_abort_a_task_begins_again_at_its_committed_marks(void **state)
{
    (void)state;
    struct world w;
    pass_and_sink(&w);
    ADD(&w, 0, row("k", "1", 10), row("k", "2", 20));
    run_all(&w);
    expect_out(&w, "out:k=1@10 out:k=2@20");
    committed(&w, 0, w.feeds[0].acked.next, w.feeds[0].acked.time_ms);
    ADD(&w, 0, row("k", "3", 15), row("k", "4", 40));
    run_all(&w);
    send(&w);
    st_outbox_clear(&w.outbox);
    st_task_destroy(w.task);
    assert_int_equal(w.released, w.added);
    committed(&w, 0, w.feeds[0].committed.next, w.feeds[0].committed.time_ms);
    start(&w);
    assert_int_equal(st_task_position(&w.feeds[0]).next, 2);
    assert_int_equal(st_task_position(&w.feeds[0]).time_ms, 20);
    ADD(&w, 0, row("k", "3", 15), row("k", "4", 40));
    run_all(&w);
    expect_out(&w, "out:k=3@15 out:k=4@40");
    finish(&w);
}

static void what_a_task_made_flies_on_when_it_ends(void **state)
{
    (void)state;
    struct world w;
    pass_and_sink(&w);
    ADD(&w, 0, row("k", "1", 10));
    ADD(&w, 0, row("k", "2", 20));
    assert_int_equal(st_task_run(w.task, 1, 0, &w.until_us, &w.err), 1);
    struct st_flight *flight = send(&w);
    st_task_destroy(w.task);
    w.task = NULL;
    assert_int_equal(w.released, 1); /* what was not processed */
    assert_memory_equal(flight->batch.records[0].value.ptr, "1", 1);
    through(&w, flight);
    assert_int_equal(w.released, 2);
    assert_string_equal(w.acked, "");
    finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_walks_from_source_to_sink),
        cmocka_unit_test(values_are_carried_and_not_copied),
        cmocka_unit_test(a_forks_children_do_not_see_each_others_changes),
        cmocka_unit_test(a_node_with_two_parents_gets_the_records_of_both),
        cmocka_unit_test(a_diamond_gives_its_foot_a_record_from_each_side),
        cmocka_unit_test(a_record_goes_to_the_child_that_was_named),
        cmocka_unit_test(a_repartition_is_written_on_one_side),
        cmocka_unit_test(and_read_on_the_other_with_the_time_it_was_written_with),
        cmocka_unit_test(a_chooser_finds_the_topic_of_each_record),
        cmocka_unit_test(a_topic_that_cannot_be_chosen_is_a_processing_error),
        cmocka_unit_test(processors_are_started_in_order_and_stopped_in_reverse),
        cmocka_unit_test(when_one_does_not_start_those_before_it_are_stopped_and_there_is_no_task),
        cmocka_unit_test(two_partitions_come_in_the_order_of_their_timestamps),
        cmocka_unit_test(a_task_waits_for_a_partition_that_has_more),
        cmocka_unit_test(time_goes_on_from_the_committed_marks),
        cmocka_unit_test(a_feed_whose_log_may_begin_anywhere_keeps_saying_so_until_it_is_read),
        cmocka_unit_test(a_run_ends_at_its_count_and_at_a_full_flight),
        cmocka_unit_test(a_processor_knows_where_it_is_and_can_ask_for_a_commit),
        cmocka_unit_test(a_processor_may_make_records_of_its_own),
        cmocka_unit_test(after_an_abort_a_task_begins_again_at_its_committed_marks),
        cmocka_unit_test(what_a_task_made_flies_on_when_it_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
