/* SPDX-License-Identifier: Apache-2.0
 *
 * What becomes of records that cannot be read, processed or written, and of punctuations that fail: fail, continue, dead letters.
 */
#include "tests/unit/streams/st_task_world.h"

static void linear(struct world *w, const char *key_serde, const char *value_serde, bool goes_on,
                   bool letters)
{
    begin(w);
    source(w->topology, "in", "orders");
    serdes(w, "in", key_serde, value_serde);
    step(w, "a", &fail_kind, NULL, "in");
    sink(w->topology, "out", "out", "a");
    if (goes_on) {
        w->settings.on_deserialization = ST_ON_ERROR_CONTINUE;
        w->settings.on_processing = ST_ON_ERROR_CONTINUE;
        w->settings.on_production = ST_ON_ERROR_CONTINUE;
    }
    if (letters) w->shop.dead_letter = aq_names_intern(&w->names, AQ_LIT("dead"));
    start(w);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static void bytes_that_do_not_fit_their_serde_stop_the_task(void **state)
{
    (void)state;
    static const struct {
        const char *key_serde, *value_serde, *key, *value, *reason;
    } cases[] = {
        {"int32", "string", "abc", "v",
         "orders[0]@0: deserialization 'in': the key: int32: 3 bytes, where exactly 4 are expected"},
        {"string", "int64", "k", "1234567",
         "orders[0]@0: deserialization 'in': the value: int64: 7 bytes, where exactly 8 are expected"},
        {"double", "string", "123456789", "v",
         "orders[0]@0: deserialization 'in': the key: double: 9 bytes, where exactly 8 are expected"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world w;
        linear(&w, cases[i].key_serde, cases[i].value_serde, false, true);
        ADD(&w, 0, row(cases[i].key, cases[i].value, 10));
        assert_int_equal(run(&w), AQ_E_BAD_RECORD);
        assert_string_equal(w.err.text, cases[i].reason);
        assert_int_equal(w.shop.tally.processed, 0);
        expect_log(&w, "");
        expect_open(&w, "");
        finish(&w);
    }
}

static void right_lengths_and_nulls_pass(void **state)
{
    (void)state;
    struct world w;
    linear(&w, "int32", "int64", false, false);
    ADD(&w, 0, row("abcd", "12345678", 10), row(NULL, NULL, 11));
    assert_int_equal(run(&w), 2);
    expect_out(&w, "out:abcd=12345678@10 out:null=null@11");
    finish(&w);
}

static void text_that_is_no_json_stops_the_task(void **state)
{
    (void)state;
    struct world w;
    linear(&w, "json", "json", false, false);
    ADD(&w, 0, row("1", "{\"a\":1}", 10), row("\"k\"", "[1]", 11), row("1", "{\"a\":", 12));
    assert_int_equal(run(&w), AQ_E_BAD_RECORD);
    T_CHECK(strncmp(w.err.text, "orders[0]@2: deserialization 'in': the value is not JSON: ", 58) == 0, "%s",
            w.err.text);
    assert_int_equal(w.shop.tally.processed, 2);
    expect_out(&w, "out:1={\"a\":1}@10 out:\"k\"=[1]@11");
    finish(&w);
}

static void or_is_skipped_and_counted(void **state)
{
    (void)state;
    struct world w;
    linear(&w, "string", "json", true, false);
    ADD(&w, 0, row("1", "{", 10), row("1", "{}", 11));
    assert_int_equal(run(&w), 2);
    assert_int_equal(w.shop.tally.skipped_deserialization, 1);
    assert_int_equal(w.shop.tally.dead_letters, 0);
    assert_int_equal(w.shop.tally.emitted, 1);
    assert_int_equal(w.err.code, 0);
    expect_log(&w, "a:{}");
    expect_out(&w, "out:1={}@11");
    finish(&w);
}

static void a_dead_letter_is_the_record_as_it_was_read_with_its_story(void **state)
{
    (void)state;
    struct world w;
    linear(&w, "string", "int32", true, true);
    struct input *input = ADD(&w, 0, row_with("key", "abc", 10, "h1=x h1=y"));
    run_all(&w);
    const struct aq_record *letter = made(&w, 0);
    assert_ptr_equal(letter->value.ptr, input->batch.records[0].value.ptr);
    expect_headers(
        letter,
        "h1=x h1=y __streams.errors.exception=BAD_RECORD __streams.errors.message=the value: int32: 3 "
        "bytes, where exactly 4 are expected __streams.errors.stacktrace=deserialization: in "
        "__streams.errors.topic=orders __streams.errors.partition=0 __streams.errors.offset=0");
    assert_int_equal(w.shop.tally.dead_letters, 1);
    assert_int_equal(w.shop.tally.emitted, 0);
    expect_out(&w, "dead:key=abc@10");
    finish(&w);
}

static void a_dead_letter_of_a_record_without_a_time_has_none(void **state)
{
    (void)state;
    struct world w;
    linear(&w, "string", "int32", true, true);
    st_task_destroy(w.task);
    w.settings.extractor = 3;
    start(&w);
    ADD(&w, 0, timeless("key", "abc"), row("key", "abcd", 10));
    run_all(&w);
    assert_int_equal(made(&w, 0)->time_type, AQ_TIME_NONE);
    assert_int_equal(made(&w, 1)->time_type, AQ_TIME_CREATE);
    expect_out(&w, "dead:key=abc@77 out:key=abcd@5000");
    finish(&w);
}

/* ---- processing --------------------------------------------------------------------------------------------------- */

static void a_processor_that_fails_stops_the_task_in_front_of_the_record(void **state)
{
    (void)state;
    struct world w;
    linear(&w, NULL, NULL, false, true);
    ADD(&w, 0, row("k", "good", 10), row("k", "bad", 11), row("k", "late", 12));
    assert_int_equal(run(&w), AQ_E_BAD_RECORD);
    assert_string_equal(w.err.text, "orders[0]@1: processing 'a': it is bad");
    assert_int_equal(w.shop.tally.processed, 1);
    assert_int_equal(w.shop.tally.dead_letters, 0);
    assert_int_equal(st_task_position(&w.feeds[0]).next, 1);
    expect_out(&w, "out:k=good@10");
    assert_int_equal(w.feeds[0].acked.next, 1);
    finish(&w);
}

static int change_and_fail(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    rec->key = rec->value = AQ_LIT("changed");
    rec->timestamp = 1;
    aq_record_add_header(rec, AQ_LIT("added"), AQ_LIT("x"));
    aq_record_drop_headers(rec, AQ_LIT("h"));
    int rc = st_forward(context, rec, err);
    return rc != 0 ? rc : AQ_E_IO; /* without a reason */
}

static void a_dead_letter_has_nothing_of_what_processors_changed(void **state)
{
    (void)state;
    static const struct st_processor_kind kind = {.name = "change", .process = change_and_fail};
    struct world w;
    begin(&w);
    source(w.topology, "in", "orders");
    step(&w, "a", &kind, NULL, "in");
    sink(w.topology, "out", "out", "a");
    w.settings.on_processing = ST_ON_ERROR_CONTINUE;
    w.shop.dead_letter = aq_names_intern(&w.names, AQ_LIT("dead"));
    start(&w);
    ADD(&w, 0, row_with("k", "v", 10, "h=1"));
    assert_int_equal(run(&w), 1);
    expect_headers(made(&w, 0), "added=x");
    expect_headers(made(&w, 1), "h=1 __streams.errors.exception=IO __streams.errors.message=it failed "
                                "__streams.errors.stacktrace=processing: a __streams.errors.topic=orders "
                                "__streams.errors.partition=0 __streams.errors.offset=0");
    expect_out(&w, "out:changed=changed@1 dead:k=v@10");
    finish(&w);
}

static void chain_of_three(struct world *w, bool goes_on)
{
    begin(w);
    source(w->topology, "in", "orders");
    step(w, "a", &append_kind, NULL, "in");
    step(w, "b", &pass_kind, NULL, "a");
    step(w, "c", &fail_kind, NULL, "b");
    step(w, "d", &fail_kind, NULL, "b");
    sink(w->topology, "out", "out", "c d a");
    w->settings.on_processing = goes_on ? ST_ON_ERROR_CONTINUE : ST_ON_ERROR_FAIL;
    w->shop.dead_letter = aq_names_intern(&w->names, AQ_LIT("dead"));
    start(w);
}

static void an_error_below_is_decided_on_once_where_it_happened(void **state)
{
    (void)state;
    struct world w;
    chain_of_three(&w, false);
    ADD(&w, 0, row("k", "bad", 10));
    assert_int_equal(run(&w), AQ_E_BAD_RECORD);
    assert_string_equal(w.err.text, "orders[0]@0: processing 'c': it is bad");
    expect_log(&w, "c:bad+a");
    finish(&w);
}

static void when_it_goes_on_only_what_is_below_the_failure_misses_the_record(void **state)
{
    (void)state;
    struct world w;
    chain_of_three(&w, true);
    ADD(&w, 0, row("k", "bad", 10));
    assert_int_equal(run(&w), 1);
    expect_log(&w, "c:bad+a d:bad+a");
    assert_int_equal(w.shop.tally.skipped_processing, 2);
    assert_int_equal(w.shop.tally.dead_letters, 2);
    expect_out(&w, "dead:k=bad@10 dead:k=bad@10 out:k=bad+a@10");
    finish(&w);
}

static int swallow(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    st_forward(context, rec, err);
    return 0;
}

static void a_verdict_stands_when_a_processor_between_hands_on_no_code(void **state)
{
    (void)state;
    static const struct st_processor_kind kind = {.name = "swallow", .process = swallow};
    struct world w;
    begin(&w);
    source(w.topology, "in", "orders");
    step(&w, "a", &kind, NULL, "in");
    step(&w, "b", &fail_kind, NULL, "a");
    start(&w);
    ADD(&w, 0, row("k", "bad", 10));
    assert_int_equal(run(&w), AQ_E_BAD_RECORD);
    assert_string_equal(w.err.text, "orders[0]@0: processing 'b': it is bad");
    assert_int_equal(st_task_position(&w.feeds[0]).next, 0);
    finish(&w);
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static int refuse(struct world *w, struct aq_record *rec)
{
    return st_production_error(&w->shop, rec, AQ_E_TOO_LARGE, "the record is too large", &w->err);
}

static void a_refused_record_ends_the_task(void **state)
{
    (void)state;
    struct world w;
    linear(&w, NULL, NULL, false, true);
    ADD(&w, 0, row("k", "v", 10));
    run_all(&w);
    assert_int_equal(refuse(&w, made(&w, 0)), AQ_E_TOO_LARGE);
    assert_string_equal(w.err.text, "orders[0]@0: production 'out': the record is too large");
    assert_int_equal(made(&w, 0)->flags & AQ_REC_DROPPED, 0);
    finish(&w);
}

static void a_refused_record_is_dropped_when_it_goes_on(void **state)
{
    (void)state;
    struct world w;
    linear(&w, NULL, NULL, true, false);
    ADD(&w, 0, row("k", "v", 10));
    run_all(&w);
    assert_int_equal(refuse(&w, made(&w, 0)), 0);
    assert_true(made(&w, 0)->flags & AQ_REC_DROPPED);
    assert_int_equal(w.shop.tally.skipped_production, 1);
    finish(&w);
}

static void a_refused_records_input_and_mark_wait_for_its_dead_letter(void **state)
{
    (void)state;
    struct world w;
    linear(&w, NULL, NULL, true, true);
    ADD(&w, 0, row_with("k", "v", 10, "h=1"));
    run_all(&w);
    assert_int_equal(run(&w), 0); /* the input batch is pinned */
    struct st_flight *first = send(&w);
    assert_int_equal(refuse(&w, &first->batch.records[0]), 0);
    through(&w, first);
    assert_int_equal(w.released, 0);
    assert_string_equal(w.acked, "");
    expect_headers(
        made(&w, 0),
        "h=1 __streams.errors.exception=TOO_LARGE __streams.errors.message=the record is too large "
        "__streams.errors.stacktrace=production: out __streams.errors.topic=orders "
        "__streams.errors.partition=0 __streams.errors.offset=0");
    expect_out(&w, "dead:k=v@10");
    assert_int_equal(w.released, 1);
    assert_string_equal(w.acked, "orders:1@10");
    assert_true(st_outbox_is_empty(&w.outbox));
    finish(&w);
}

static void a_dead_letter_that_is_refused_ends_the_task(void **state)
{
    (void)state;
    struct world w;
    linear(&w, "string", "int32", true, true);
    ADD(&w, 0, row("k", "abc", 10));
    run_all(&w);
    assert_int_equal(refuse(&w, made(&w, 0)), AQ_E_TOO_LARGE);
    assert_string_equal(
        w.err.text, "orders[0]@0: production 'dead': the dead letter was refused: the record is too large");
    assert_int_equal(w.outbox.open->batch.n, 1);
    finish(&w);
}

/* ---- punctuations ------------------------------------------------------------------------------------------------- */

static int emit_bad(struct st_context *context, void *state, int64_t now_ms, struct aq_err *err)
{
    (void)state;
    (void)now_ms;
    struct aq_record rec = st_new_record(context);
    rec.value = AQ_LIT("bad");
    return st_forward(context, &rec, err);
}

static int just_fail(struct st_context *context, void *state, int64_t now_ms, struct aq_err *err)
{
    (void)context;
    (void)state;
    return aq_fail(err, AQ_E_IO, "at %lld", (long long)now_ms);
}

/* user: what is called */
static int (*const calls[])(struct st_context *, void *, int64_t, struct aq_err *) = {emit_bad, just_fail};

static int start_punctuator(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    (void)ret_state;
    size_t which = *(size_t *)user;
    return st_schedule(context, which < 2 ? ST_STREAM_TIME : ST_WALL_CLOCK, 10, ST_DEFAULT_START,
                       calls[which % 2], err)
               ? 0
               : err->code;
}

static const struct st_processor_kind punctuator_kind = {
    .name = "punctuator", .start = start_punctuator, .process = pass_on};

static void punctuated(struct world *w, size_t *which, bool goes_on)
{
    begin(w);
    source(w->topology, "in", "orders");
    step(w, "p", &punctuator_kind, which, "in");
    step(w, "c", &fail_kind, NULL, "p");
    sink(w->topology, "out", "out", "c");
    w->settings.on_processing = goes_on ? ST_ON_ERROR_CONTINUE : ST_ON_ERROR_FAIL;
    w->shop.dead_letter = aq_names_intern(&w->names, AQ_LIT("dead"));
    start(w);
}

static void a_punctuator_that_fails_ends_the_task(void **state)
{
    (void)state;
    static const char *const reasons[] = {
        "punctuator of processor 'p': processing 'c', in a punctuation: it is bad",
        "punctuator of processor 'p': processing 'p', in a punctuation: at 10"};
    for (size_t which = 0; which < 2; which++) {
        struct world w;
        punctuated(&w, &which, false);
        ADD(&w, 0, row("k", "v", 10));
        assert_int_equal(run(&w), which ? AQ_E_IO : AQ_E_BAD_RECORD);
        assert_string_equal(w.err.text, reasons[which]);
        finish(&w);
    }
}

static void or_goes_on_without_a_dead_letter(void **state)
{
    (void)state;
    for (size_t which = 0; which < 2; which++) {
        struct world w;
        punctuated(&w, &which, true);
        ADD(&w, 0, row("k", "v", 10), row("k", "v", 25));
        assert_int_equal(run(&w), 2);
        assert_int_equal(w.shop.tally.skipped_processing, 2);
        assert_int_equal(w.shop.tally.punctuations, 2);
        assert_int_equal(w.shop.tally.dead_letters, 0);
        expect_out(&w, "out:k=v@10 out:k=v@25");
        finish(&w);
    }
}

static void by_the_wall_clock_it_is_the_same(void **state)
{
    (void)state;
    size_t which = 3;
    struct world w;
    punctuated(&w, &which, false);
    w.shop.wall_ms = 5010;
    assert_int_equal(st_task_punctuate(w.task, &w.err), AQ_E_IO);
    assert_string_equal(w.err.text, "punctuator of processor 'p': processing 'p', in a punctuation: at 5010");
    w.settings.on_processing = ST_ON_ERROR_CONTINUE;
    assert_int_equal(st_task_punctuate(w.task, &w.err), 1);
    finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_that_do_not_fit_their_serde_stop_the_task),
        cmocka_unit_test(right_lengths_and_nulls_pass),
        cmocka_unit_test(text_that_is_no_json_stops_the_task),
        cmocka_unit_test(or_is_skipped_and_counted),
        cmocka_unit_test(a_dead_letter_is_the_record_as_it_was_read_with_its_story),
        cmocka_unit_test(a_dead_letter_of_a_record_without_a_time_has_none),
        cmocka_unit_test(a_processor_that_fails_stops_the_task_in_front_of_the_record),
        cmocka_unit_test(a_dead_letter_has_nothing_of_what_processors_changed),
        cmocka_unit_test(an_error_below_is_decided_on_once_where_it_happened),
        cmocka_unit_test(when_it_goes_on_only_what_is_below_the_failure_misses_the_record),
        cmocka_unit_test(a_verdict_stands_when_a_processor_between_hands_on_no_code),
        cmocka_unit_test(a_refused_record_ends_the_task),
        cmocka_unit_test(a_refused_record_is_dropped_when_it_goes_on),
        cmocka_unit_test(a_refused_records_input_and_mark_wait_for_its_dead_letter),
        cmocka_unit_test(a_dead_letter_that_is_refused_ends_the_task),
        cmocka_unit_test(a_punctuator_that_fails_ends_the_task),
        cmocka_unit_test(or_goes_on_without_a_dead_letter),
        cmocka_unit_test(by_the_wall_clock_it_is_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
