/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON on its way through a task: scanned once, written once, and a view is open on the record it belongs to or on none.
 */
#include "tests/unit/streams/st_task_world.h"

/* Sets field "n" to the node's name and notes whether the view came open. A record {"drop":…} ends here. */
static int edit(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    struct world *w = world_of(context);
    struct xf_step reading = {.name = "edit", .views = st_views(context)};
    struct doc *doc;
    enum json_type type;
    struct json_error error;
    bool open = st_views(context)->value.rec == rec;
    assert_int_equal(xf_step_view(&reading, rec, XF_PART_VALUE, &doc, &type, &error), XF_OBJECT);
    t_note(w->log, sizeof(w->log), "%s:%s%s", context->node->name, open ? "open" : "scan",
           doc->changed ? "+" : "");
    if (doc_find(doc, AQ_LIT("drop"), 0) != DOC_NONE) return 0;
    uint32_t at = doc_find(doc, AQ_LIT("n"), 0);
    struct aq_slice value = aq_slice_str(aq_arena_printf(st_arena(context), "\"%s\"", context->node->name));
    if (at != DOC_NONE)
        doc_replace(doc, at, value, JS_STRING);
    else {
        struct doc_name name = doc_name_make(st_arena(context), aq_slice_str(context->node->name));
        doc_append(doc, &name, AQ_LIT("1"), JS_NUMBER);
    }
    return st_forward(context, rec, err);
}

static const struct st_processor_kind edit_kind = {.name = "edit", .process = edit};

static void json_begin(struct world *w)
{
    begin(w);
    source(w->topology, "in", "orders");
    serdes(w, "in", NULL, "json");
}

static void expect_closed(struct world *w)
{
    assert_null(w->task->views.value.rec);
    assert_null(w->task->views.key.rec);
}

static void two_edits_are_one_scan_and_one_write(void **state)
{
    (void)state;
    struct world w;
    json_begin(&w);
    step(&w, "a", &edit_kind, NULL, "in");
    step(&w, "b", &edit_kind, NULL, "a");
    sink(w.topology, "out", "out", "b");
    start(&w);
    ADD(&w, 0, row("k", "{ \"x\" : [1,  2] ,\"n\":0}", 10));
    run_all(&w);
    expect_log(&w, "a:open b:open+");
    expect_closed(&w);
    expect_out(&w, "out:k={ \"x\" : [1,  2] ,\"n\":\"b\"}@10");
    finish(&w);
}

static void what_nobody_edits_keeps_its_very_bytes(void **state)
{
    (void)state;
    struct world w;
    json_begin(&w);
    step(&w, "a", &pass_kind, NULL, "in");
    sink(w.topology, "out", "out", "a");
    start(&w);
    struct input *input = ADD(&w, 0, row("k", " {\"x\" :1}", 10));
    run_all(&w);
    assert_ptr_equal(made(&w, 0)->value.ptr, input->batch.records[0].value.ptr);
    expect_out(&w, "out:k= {\"x\" :1}@10");
    finish(&w);
}

static void a_dropped_record_leaves_no_view_open(void **state)
{
    (void)state;
    struct world w;
    json_begin(&w);
    step(&w, "a", &edit_kind, NULL, "in");
    step(&w, "b", &drop_kind, NULL, "a");
    start(&w);
    ADD(&w, 0, row("k", "{\"n\":0,\"drop\":1}", 10), row("k", "{\"n\":1}", 11));
    run_all(&w);
    expect_log(&w, "a:open a:open");
    expect_closed(&w);
    expect_out(&w, "");
    finish(&w);
}

static int fail_always(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)context;
    (void)state;
    (void)rec;
    return aq_fail(err, AQ_E_IO, "no");
}

static const struct st_processor_kind failing_kind = {.name = "failing", .process = fail_always};

static void a_failed_record_leaves_no_view_open_and_its_input_as_it_was(void **state)
{
    (void)state;
    struct world w;
    json_begin(&w);
    step(&w, "a", &edit_kind, NULL, "in");
    step(&w, "b", &failing_kind, NULL, "a");
    w.settings.on_processing = ST_ON_ERROR_CONTINUE;
    w.shop.dead_letter = aq_names_intern(&w.names, AQ_LIT("dead"));
    start(&w);
    ADD(&w, 0, row("k", "{\"n\":0}", 10));
    run_all(&w);
    expect_closed(&w);
    expect_out(&w, "dead:k={\"n\":0}@10");
    finish(&w);
}

static void a_fork_writes_the_edits_first_and_each_child_edits_its_own(void **state)
{
    (void)state;
    struct world w;
    json_begin(&w);
    step(&w, "a", &edit_kind, NULL, "in");
    step(&w, "b", &edit_kind, NULL, "a");
    step(&w, "c", &edit_kind, NULL, "a");
    sink(w.topology, "bs", "bs", "b");
    sink(w.topology, "cs", "cs", "c");
    sink(w.topology, "as", "as", "a");
    start(&w);
    ADD(&w, 0, row("k", "{\"x\":0}", 10));
    run_all(&w);
    expect_log(&w, "a:open b:scan c:scan");
    expect_out(
        &w, "bs:k={\"x\":0,\"a\":1,\"b\":1}@10 cs:k={\"x\":0,\"a\":1,\"c\":1}@10 as:k={\"x\":0,\"a\":1}@10");
    finish(&w);
}

static int forward_two(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct aq_record fresh = st_new_record(context);
        fresh.key = rec->key;
        fresh.value = i ? AQ_LIT("{\"i\":1}") : AQ_LIT("{\"i\":0}");
        int rc = st_forward(context, &fresh, err);
        if (rc != 0) return rc;
    }
    return 0;
}

static const struct st_processor_kind two_kind = {.name = "two", .process = forward_two};

static void two_stack_records_do_not_see_each_others_view(void **state)
{
    (void)state;
    struct world w;
    json_begin(&w);
    step(&w, "two", &two_kind, NULL, "in");
    step(&w, "e", &edit_kind, NULL, "two");
    sink(w.topology, "out", "out", "e");
    start(&w);
    ADD(&w, 0, row("k", "{\"n\":0}", 10));
    run_all(&w);
    expect_log(&w, "e:scan e:scan");
    expect_out(&w, "out:k={\"i\":0,\"e\":1}@10 out:k={\"i\":1,\"e\":1}@10");
    finish(&w);
}

/* Edits what came, sends something else ahead, then hands on what it edited. */
static int edit_around(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    struct xf_step reading = {.name = "edit", .views = st_views(context)};
    struct doc *doc;
    enum json_type type;
    struct json_error error;
    assert_int_equal(xf_step_view(&reading, rec, XF_PART_VALUE, &doc, &type, &error), XF_OBJECT);
    doc_replace(doc, doc_find(doc, AQ_LIT("n"), 0), AQ_LIT("7"), JS_NUMBER);
    struct aq_record ahead = st_new_record(context);
    ahead.value = AQ_LIT("{\"drop\":1}");
    int rc = st_forward(context, &ahead, err);
    return rc != 0 ? rc : st_forward(context, rec, err);
}

static const struct st_processor_kind around_kind = {.name = "around", .process = edit_around};

static void edits_of_a_record_outlive_another_that_is_sent_ahead(void **state)
{
    (void)state;
    static const struct {
        const struct st_processor_kind *child;
        const char *out;
    } cases[] = {
        {&edit_kind, "out:k={\"n\":\"c\"}@10"},
        {&pass_kind, "out:null={\"drop\":1}@10 out:k={\"n\":7}@10"},
        {&drop_kind, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world w;
        json_begin(&w);
        step(&w, "a", &around_kind, NULL, "in");
        step(&w, "c", cases[i].child, NULL, "a");
        sink(w.topology, "out", "out", "c");
        start(&w);
        ADD(&w, 0, row("k", "{\"n\":0}", 10));
        run_all(&w);
        expect_closed(&w);
        expect_out(&w, cases[i].out);
        finish(&w);
    }
}

/* Looks at bytes alone: hands on {"n":7}, never a view. */
static int want_seven(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    bool drops = rec->value.len == 10; /* {"drop":1} */
    if (drops) return 0;
    return st_forward(context, rec, err);
}

static const struct st_processor_kind seven_kind = {.name = "seven", .process = want_seven};

static void even_when_nobody_looks_at_the_one_sent_ahead(void **state)
{
    (void)state;
    struct world w;
    json_begin(&w);
    step(&w, "a", &around_kind, NULL, "in");
    step(&w, "c", &seven_kind, NULL, "a");
    sink(w.topology, "out", "out", "c");
    start(&w);
    ADD(&w, 0, row("k", "{\"n\":0}", 10));
    run_all(&w);
    expect_out(&w, "out:k={\"n\":7}@10");
    finish(&w);
}

/* A view of a record that only it has, left open. */
static int look_aside(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    (void)rec;
    struct xf_step reading = {.name = "look", .views = st_views(context)};
    struct doc *doc;
    enum json_type type;
    struct json_error error;
    struct aq_record aside = st_new_record(context);
    aside.value = AQ_LIT("{\"aside\":1}");
    assert_int_equal(xf_step_view(&reading, &aside, XF_PART_VALUE, &doc, &type, &error), XF_OBJECT);
    (void)err;
    return 0;
}

static const struct st_processor_kind aside_kind = {.name = "aside", .process = look_aside};

static void a_view_that_a_processor_leaves_open_is_closed_behind_it(void **state)
{
    (void)state;
    struct world w;
    json_begin(&w);
    step(&w, "a", &aside_kind, NULL, "in");
    start(&w);
    ADD(&w, 0, row("k", "{\"n\":0}", 10));
    run_all(&w);
    expect_closed(&w);
    finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_edits_are_one_scan_and_one_write),
        cmocka_unit_test(what_nobody_edits_keeps_its_very_bytes),
        cmocka_unit_test(a_dropped_record_leaves_no_view_open),
        cmocka_unit_test(a_failed_record_leaves_no_view_open_and_its_input_as_it_was),
        cmocka_unit_test(a_fork_writes_the_edits_first_and_each_child_edits_its_own),
        cmocka_unit_test(two_stack_records_do_not_see_each_others_view),
        cmocka_unit_test(edits_of_a_record_outlive_another_that_is_sent_ahead),
        cmocka_unit_test(even_when_nobody_looks_at_the_one_sent_ahead),
        cmocka_unit_test(a_view_that_a_processor_leaves_open_is_closed_behind_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
