/* SPDX-License-Identifier: Apache-2.0
 *
 * The Processor API in a real task: state, forwards, headers, punctuations, failures.
 */
#include "tests/unit/streams/st_run.h"

static char calls[512];

static void said(const char *what)
{
    t_note(calls, sizeof(calls), "%s", what);
}

struct world {
    struct aq_streams_builder *builder;
    struct run run;
};

/* in -> p -> {a, b} */
static int begin(struct world *w, const struct aq_processor *processor, void *user)
{
    static const char *const topics[] = {"in"};
    const struct aq_consumed consumed = {.topics = topics, .n_topics = 1};
    const char *in[] = {"in"}, *p[] = {"p"};
    calls[0] = '\0';
    w->builder = aq_streams_builder_create("app");
    aq_topology_add_source(w->builder, "in", &consumed);
    aq_topology_add_processor(w->builder, "p", processor, user, in, 1);
    aq_topology_add_sink(w->builder, "a", "ta", p, 1);
    aq_topology_add_sink(w->builder, "b", "tb", p, 1);
    T_CHECK(aq_streams_error(w->builder) == NULL, "%s", aq_streams_error(w->builder));
    return run_start(&w->run, w->builder->topology);
}

static void end(struct world *w)
{
    run_stop(&w->run);
    aq_streams_builder_destroy(w->builder);
}

static void expect_failure(struct world *w, int code, const char *reason)
{
    assert_int_equal(w->run.err.code, code);
    T_CHECK(strstr(w->run.err.text, reason), "%s", w->run.err.text);
}

/* ---- state and place ---------------------------------------------------------------------------------------------- */

static int init_counter(struct aq_processor_context *ctx, void *user, void **ret_state)
{
    assert_string_equal(aq_processor_name(ctx), "p");
    assert_string_equal(aq_processor_application_id(ctx), "app");
    assert_string_equal(aq_processor_task_id(ctx), "0_3");
    assert_int_equal(aq_processor_stream_time(ctx), -1);
    assert_int_equal(aq_processor_wall_time(ctx), 1000);
    struct aq_record_metadata at;
    assert_false(aq_processor_record_metadata(ctx, &at));
    int *count = t_alloc(sizeof(*count));
    *count = *(int *)user;
    *ret_state = count;
    said("init");
    return 0;
}

static int count_up(struct aq_processor_context *ctx, void *state, const struct aq_stream_record *record)
{
    struct aq_stream_record out = *record;
    out.value = aq_stream_int32(ctx, ++*(int *)state);
    aq_processor_commit(ctx);
    return aq_processor_forward_to(ctx, "b", &out);
}

static void free_counter(struct aq_processor_context *ctx, void *state)
{
    (void)ctx;
    said("close");
    free(state);
}

static void a_processor_has_state_of_its_own_from_init_to_close(void **state)
{
    (void)state;
    const struct aq_processor counter = {
        .abi = AQ_PROCESSOR_ABI, .init = init_counter, .process = count_up, .close = free_counter};
    struct world w;
    int first = 40;
    assert_int_equal(begin(&w, &counter, &first), 0);
    assert_int_equal(run_text(&w.run, "k", "v", 5), 1);
    assert_int_equal(run_text(&w.run, "k", "v", 6), 1);
    assert_true(w.run.shop.commit_requested);
    expect_output(&w.run, "tb k=\\00\\00\\00)@5{h=1}\ntb k=\\00\\00\\00*@6{h=1}\n");
    end(&w);
    assert_string_equal(calls, "init close");
}

static int with_user(struct aq_processor_context *ctx, void *state, const struct aq_stream_record *record)
{
    struct aq_stream_record out = *record;
    out.value = aq_slice_str(state);
    out.timestamp++;
    return aq_processor_forward(ctx, &out);
}

static void without_init_the_state_is_the_user(void **state)
{
    (void)state;
    const struct aq_processor processor = {.abi = AQ_PROCESSOR_ABI, .process = with_user};
    struct world w;
    assert_int_equal(begin(&w, &processor, "given"), 0);
    assert_int_equal(run_text(&w.run, "k", "v", 5), 1);
    expect_output(&w.run, "ta k=given@6{h=1}\ntb k=given@6{h=1}\n");
    end(&w);
}

/* ---- headers ------------------------------------------------------------------------------------------------------ */

static int add_header(struct aq_processor_context *ctx, void *state, const struct aq_stream_record *record)
{
    (void)state;
    /* On the stack, and the name without a zero behind it: the engine copies both. */
    char name[] = {'n', 'e', 'w', '!'};
    struct aq_header headers[2];
    headers[0] = record->headers[0];
    headers[1] = (struct aq_header){aq_slice_of(name, 3), aq_slice_null()};
    struct aq_stream_record out = *record;
    out.headers = headers;
    out.n_headers = 2;
    int rc = aq_processor_forward_to(ctx, "a", &out);
    memset(name, '?', sizeof(name));
    memset(headers, 0, sizeof(headers));
    out.n_headers = 0;
    return rc < 0 ? rc : aq_processor_forward_to(ctx, "b", &out);
}

static void headers_are_copied_when_they_are_the_processors_own(void **state)
{
    (void)state;
    const struct aq_processor processor = {.abi = AQ_PROCESSOR_ABI, .process = add_header};
    struct world w;
    assert_int_equal(begin(&w, &processor, NULL), 0);
    assert_int_equal(run_text(&w.run, "k", "v", 5), 1);
    expect_output(&w.run, "ta k=v@5{h=1,new=null}\ntb k=v@5{}\n");
    end(&w);
}

/* ---- punctuations ------------------------------------------------------------------------------------------------- */

struct clocks {
    struct aq_schedule *stream;
    struct aq_schedule *wall;
};

static int on_stream_time(struct aq_processor_context *ctx, void *state, int64_t now_ms)
{
    (void)state;
    struct aq_record_metadata at;
    assert_false(aq_processor_record_metadata(ctx, &at));
    const struct aq_stream_record out = {
        .key = aq_stream_copy(ctx, aq_slice_str("tick")), .value = aq_slice_null(), .timestamp = now_ms};
    return aq_processor_forward_to(ctx, "a", &out);
}

static int on_wall_clock(struct aq_processor_context *ctx, void *state, int64_t now_ms)
{
    struct clocks *clocks = state;
    t_note(calls, sizeof(calls), "wall@%lld", (long long)now_ms);
    /* Itself, from inside. */
    aq_processor_cancel(ctx, clocks->wall);
    return 0;
}

static int init_clocks(struct aq_processor_context *ctx, void *user, void **ret_state)
{
    struct clocks *clocks = user;
    clocks->stream = aq_processor_schedule(ctx, AQ_STREAM_TIME, 10, AQ_DEFAULT_START, on_stream_time);
    clocks->wall = aq_processor_schedule(ctx, AQ_WALL_CLOCK, 100, AQ_DEFAULT_START, on_wall_clock);
    *ret_state = clocks;
    return clocks->stream && clocks->wall ? 0 : -1;
}

static int swallow(struct aq_processor_context *ctx, void *state, const struct aq_stream_record *record)
{
    (void)ctx;
    (void)state;
    (void)record;
    return 0;
}

static void punctuations_of_one_processor_have_functions_of_their_own(void **state)
{
    (void)state;
    const struct aq_processor processor = {.abi = AQ_PROCESSOR_ABI, .init = init_clocks, .process = swallow};
    struct world w;
    struct clocks clocks;
    assert_int_equal(begin(&w, &processor, &clocks), 0);
    assert_int_equal(run_text(&w.run, "k", "v", 5), 1);
    assert_int_equal(run_text(&w.run, "k", "v", 7), 1);
    assert_int_equal(run_text(&w.run, "k", "v", 31), 1);
    expect_output(&w.run, "ta tick=null@5{}\nta tick=null@31{}\n");
    w.run.shop.wall_ms = 1100;
    assert_int_equal(st_task_punctuate(w.run.task, &w.run.err), 1);
    w.run.shop.wall_ms = 1300;
    assert_int_equal(st_task_punctuate(w.run.task, &w.run.err), 0);
    assert_string_equal(calls, "wall@1100");
    end(&w);
}

static int bad_interval(struct aq_processor_context *ctx, void *user, void **ret_state)
{
    (void)user;
    (void)ret_state;
    assert_null(aq_processor_schedule(ctx, AQ_WALL_CLOCK, 0, AQ_DEFAULT_START, on_wall_clock));
    return 0;
}

static void a_refused_schedule_fails_the_start(void **state)
{
    (void)state;
    const struct aq_processor processor = {
        .abi = AQ_PROCESSOR_ABI, .init = bad_interval, .process = swallow, .close = free_counter};
    struct world w;
    assert_int_equal(begin(&w, &processor, NULL), AQ_E_CONFIG);
    expect_failure(&w, AQ_E_CONFIG, "a punctuation interval is at least 1 ms, not 0");
    end(&w);
    assert_string_equal(calls, "");
}

/* ---- failures ----------------------------------------------------------------------------------------------------- */

static int refuse(struct aq_processor_context *ctx, void *user, void **ret_state)
{
    (void)ret_state;
    aq_processor_schedule(ctx, AQ_WALL_CLOCK, 10, AQ_DEFAULT_START, on_wall_clock);
    return aq_processor_fail(ctx, "no %s today", (const char *)user);
}

static void an_init_that_fails_gives_the_reason(void **state)
{
    (void)state;
    const struct aq_processor processor = {
        .abi = AQ_PROCESSOR_ABI, .init = refuse, .process = swallow, .close = free_counter};
    struct world w;
    assert_int_equal(begin(&w, &processor, "table"), AQ_E_CONFIG);
    expect_failure(&w, AQ_E_CONFIG, "task 0_3: 'p' did not start: no table today");
    end(&w);
    assert_string_equal(calls, "");
}

static int ignore_failures(struct aq_processor_context *ctx, void *state,
                           const struct aq_stream_record *record)
{
    (void)state;
    struct aq_stream_record out = *record;
    if (record->value.ptr[0] == 't') out.timestamp = -1;
    aq_processor_forward_to(ctx, record->value.ptr[0] == 'c' ? "nobody" : "a", &out);
    aq_processor_fail(ctx, "too late to say");
    return 0;
}

static void the_first_failure_counts_whatever_the_callback_returns(void **state)
{
    (void)state;
    const struct aq_processor processor = {.abi = AQ_PROCESSOR_ABI, .process = ignore_failures};
    struct world w;
    assert_int_equal(begin(&w, &processor, NULL), 0);
    assert_true(run_text(&w.run, "k", "c", 5) < 0);
    expect_failure(&w, AQ_E_INVALID, "'p' has no child 'nobody' to forward to");
    end(&w);
    assert_int_equal(begin(&w, &processor, NULL), 0);
    assert_true(run_text(&w.run, "k", "t", 5) < 0);
    expect_failure(&w, AQ_E_BAD_RECORD, "a record's timestamp is never negative (-1 ms)");
    end(&w);
    assert_int_equal(begin(&w, &processor, NULL), 0);
    assert_true(run_text(&w.run, "k", "v", 5) < 0);
    expect_failure(&w, AQ_E_BAD_RECORD, "in[3]@0: processing 'p': too late to say");
    end(&w);
}

static void an_error_handler_that_continues_goes_on_with_the_next(void **state)
{
    (void)state;
    const struct aq_processor processor = {.abi = AQ_PROCESSOR_ABI, .process = ignore_failures};
    struct world w;
    assert_int_equal(begin(&w, &processor, NULL), 0);
    w.run.settings.on_processing = ST_ON_ERROR_CONTINUE;
    assert_int_equal(run_text(&w.run, "k", "c", 5), 1);
    assert_int_equal(run_text(&w.run, "k", "t", 6), 1);
    assert_int_equal(w.run.shop.tally.skipped_processing, 2);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_processor_has_state_of_its_own_from_init_to_close),
        cmocka_unit_test(without_init_the_state_is_the_user),
        cmocka_unit_test(headers_are_copied_when_they_are_the_processors_own),
        cmocka_unit_test(punctuations_of_one_processor_have_functions_of_their_own),
        cmocka_unit_test(a_refused_schedule_fails_the_start),
        cmocka_unit_test(an_init_that_fails_gives_the_reason),
        cmocka_unit_test(the_first_failure_counts_whatever_the_callback_returns),
        cmocka_unit_test(an_error_handler_that_continues_goes_on_with_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
