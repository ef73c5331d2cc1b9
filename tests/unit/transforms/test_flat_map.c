/* SPDX-License-Identifier: Apache-2.0
 *
 * flat_map of a Lua step: what becomes of the records of a batch, and of what is counted about them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/transforms/xf_test.h"

/* ---- a source that pins ----------------------------------------------------------------------------------------------- */

static int loads;

static void load_headers(struct aq_record *rec)
{
    loads++;
    rec->headers = aq_arena_alloc(&rec->batch->arena, sizeof(*rec->headers));
    rec->headers[0] = (struct aq_header){AQ_LIT("via"), AQ_LIT("source")};
    rec->n_headers = 1;
}

static const struct aq_batch_source source = {.load_headers = load_headers};

/* One record of the source at an offset of its own. */
static struct aq_record *add(struct xt *t, int64_t offset, const char *value)
{
    static const char pin = 'p';
    struct aq_record *rec = xt_add(t, "raw", value);
    rec->offset = offset;
    rec->leader_epoch = 4;
    rec->origin = (void *)(uintptr_t)&pin;
    t->batch.source = &source;
    return rec;
}

static void open_flat_map(struct xt *t, const char *expression)
{
    char *text = aq_asprintf("transforms = { x = { type = \"Lua\"; flat_map = \"%s\"; }; };", expression);
    xt_open(t, text, "x", XF_SAFE);
    free(text);
    loads = 0;
}

static uint64_t counted(const struct xt *t, size_t step, char what)
{
    const struct xf_counters *c = xf_run_counters(t->run, step);
    return aq_counter_get(what == 'r' ? &c->records : what == 'd' ? &c->dropped : &c->errors);
}

static void check_counters(const struct xt *t, size_t step, uint64_t records, uint64_t dropped,
                           uint64_t errors)
{
    assert_int_equal(counted(t, step, 'r'), records);
    assert_int_equal(counted(t, step, 'd'), dropped);
    assert_int_equal(counted(t, step, 'e'), errors);
}

/* ---- the step --------------------------------------------------------------------------------------------------------- */

static void outputs_stand_side_by_side_in_the_place_of_their_record(void **state)
{
    (void)state;
    struct xt t;
    open_flat_map(&t, "value.lines and {{key=value.lines[1], value=1}, {value={n=2}}, {key='c'}}");
    add(&t, 10, "{\"lines\":[\"a\"]}");
    add(&t, 11, "{\"lines\":[\"z\"]}");
    xt_run(&t);
    assert_int_equal(t.batch.n, 6);
    static const char *const keys[] = {"\"a\"", NULL, "\"c\"", "\"z\"", NULL, "\"c\""};
    static const char *const values[] = {"1", "{\"n\":2}", NULL, "1", "{\"n\":2}", NULL};
    for (uint32_t i = 0; i < 6; i++) {
        const struct aq_record *rec = &t.batch.records[i];
        xt_expect(rec->key, keys[i]);
        xt_expect(rec->value, values[i]);
        assert_int_equal(rec->offset, 10 + i / 3);
        assert_int_equal(rec->leader_epoch, 4);
        assert_int_equal(rec->timestamp, 1582981323456);
        assert_ptr_equal(rec->batch, &t.batch);
        assert_int_equal(rec->origin != NULL, i % 3 == 0); /* one pin, released once */
        assert_int_equal(aq_batch_group_begin(&t.batch, i), i / 3 * 3);
        assert_int_equal(aq_batch_group_end(&t.batch, i), i / 3 * 3 + 3);
    }
    assert_true(t.batch.grouped);
    check_counters(&t, 0, 2, 0, 0);
    aq_batch_release(&t.batch);
    assert_false(t.batch.grouped);
    xt_close(&t);
}

static void one_output_is_no_group(void **state)
{
    (void)state;
    struct xt t;
    open_flat_map(&t, "{{key_bytes=key_bytes, value=value.a}}");
    add(&t, 10, "{\"a\":1}");
    add(&t, 11, "{\"a\":2}");
    xt_run(&t);
    assert_int_equal(t.batch.n, 2);
    assert_false(t.batch.grouped);
    xt_expect(t.batch.records[1].key, "raw");
    xt_expect(t.batch.records[1].value, "2");
    assert_non_null(t.batch.records[1].origin);
    /* Headers nobody shares go on as they came. */
    assert_int_equal(t.batch.records[1].flags & AQ_REC_HEADERS_CHANGED, 0);
    assert_int_equal(loads, 0);
    xt_close(&t);
}

static void no_output_drops_the_record(void **state)
{
    (void)state;
    struct xt t;
    open_flat_map(&t, "value.lines");
    add(&t, 10, "{}");
    add(&t, 11, "{\"lines\":[]}");
    add(&t, 12, "{\"lines\":null}");
    add(&t, 13, "{\"lines\":[{\"key\":1},{\"key\":2}]}");
    xt_run(&t);
    assert_int_equal(t.batch.n, 5);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(t.batch.records[i].flags & AQ_REC_DROPPED, AQ_REC_DROPPED);
        assert_non_null(t.batch.records[i].origin);
    }
    assert_int_equal(t.batch.records[4].flags & AQ_REC_DROPPED, 0);
    check_counters(&t, 0, 4, 3, 0);
    xt_close(&t);
}

static void an_error_fails_the_record_as_it_came_and_makes_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *expression, *error;
    } cases[] = {
        {"{{key=1}, {kee=2}}",
         "flat_map: element 2: a record has no 'kee'; it has key or key_bytes, value or "
         "value_bytes, timestamp and headers"},
        {"{{key=1}, {to='child'}}", "element 2: a record has no 'to'"},
        {"{{key=1, key_bytes='1'}}", "element 1: a record has key or key_bytes, not both"},
        {"{{value_bytes='1', value=1}}", "element 1: a record has value or value_bytes, not both"},
        {"{{value_bytes=1}}", "element 1: value_bytes must be a string, not a number"},
        {"{1}", "element 1: a record is a table with key and value, not a number"},
        {"7", "flat_map: the result must be an array or nil, not a number"},
        {"value.a.b.c", "flat_map:1: attempt to index a nil value (field 'b')"},
        {"{{headers={a=1}}}", "header 'a' must be a string, not a number"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct xt t;
        open_flat_map(&t, cases[i].expression);
        add(&t, 10, "{\"a\":{}}");
        xt_run(&t);
        assert_int_equal(t.batch.n, 1);
        const struct aq_record *rec = t.batch.records;
        if (!(rec->flags & AQ_REC_FAILED)) fail_msg("%s did not fail", cases[i].expression);
        if (!strstr(rec->fail_reason, cases[i].error)) fail_msg("%s", rec->fail_reason);
        assert_string_equal(rec->fail_step, "x");
        xt_expect(rec->value, "{\"a\":{}}");
        assert_non_null(rec->origin);
        check_counters(&t, 0, 1, 0, 1);
        xt_close(&t);
    }
}

static void check_headers(struct aq_record *rec, const char *name, const char *value)
{
    uint16_t n;
    const struct aq_header *list = aq_record_headers(rec, &n);
    assert_int_equal(n, 1);
    xt_expect(list[0].name, name);
    xt_expect(list[0].value, value);
}

static void headers_and_times_are_given_or_stay(void **state)
{
    (void)state;
    struct xt t;
    open_flat_map(&t, "{{timestamp=5}, {headers={by='me'}}, {headers=headers, timestamp=6}, {headers={}}}");
    add(&t, 10, "{}");
    xt_run(&t);
    assert_int_equal(t.batch.n, 4);
    struct aq_record *list = t.batch.records;
    static const int64_t times[] = {5, 1582981323456, 6, 1582981323456};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(list[i].timestamp, times[i]);
        /* None may have the client's own list moved to it: the others still point into it. */
        unsigned built = AQ_REC_HEADERS_LOADED | AQ_REC_HEADERS_CHANGED;
        assert_int_equal(list[i].flags & built, built);
    }
    check_headers(&list[0], "via", "source");
    check_headers(&list[1], "by", "me");
    check_headers(&list[2], "via", "source");
    assert_int_equal(list[3].n_headers, 0);
    assert_int_equal(loads, 1);
    /* An edit of one leaves the others alone. */
    aq_record_drop_headers(&list[0], AQ_LIT("via"));
    check_headers(&list[2], "via", "source");
    xt_close(&t);
}

static void a_predicate_leaves_records_as_they_are(void **state)
{
    (void)state;
    struct xt t;
    xt_open(
        &t,
        "predicates = { many = { type = \"Where\"; expression = \"value.n > 1\"; }; };"
        "transforms = { x = { type = \"Lua\"; flat_map = \"{{value=1}, {value=2}}\"; predicate = \"many\"; }; };",
        "x", XF_SAFE);
    add(&t, 10, "{ \"n\":1}");
    add(&t, 11, "{ \"n\":2}");
    add(&t, 12, "{ \"n\":{}}"); /* the predicate fails it */
    add(&t, 13, "{ \"n\":2}")->flags = AQ_REC_SKIP | AQ_REC_DROPPED;
    xt_run(&t);
    assert_int_equal(t.batch.n, 5);
    xt_expect(t.batch.records[0].value, "{ \"n\":1}");
    xt_expect(t.batch.records[2].value, "2");
    assert_true(t.batch.records[3].flags & AQ_REC_FAILED);
    assert_int_equal(t.batch.records[4].flags, AQ_REC_SKIP | AQ_REC_DROPPED);
    xt_expect(t.batch.records[4].value, "{ \"n\":2}");
    check_counters(&t, 0, 1, 0, 1);
    xt_close(&t);
}

/* ---- in a chain ------------------------------------------------------------------------------------------------------- */

static void steps_before_and_behind_see_what_they_should(void **state)
{
    (void)state;
    struct xt t;
    xt_open(
        &t,
        "transforms = {"
        "  total = { type = \"Lua\"; map = \"value.seen = offset\"; };"
        "  split = { type = \"Lua\"; flat_map = \"value.lines and {{value={l=value.lines[1], s=value.seen}}, "
        "{value={l=value.lines[2], s=value.seen}}}\"; };"
        "  again = { type = \"Lua\"; flat_map = \"{{value=value}, {value={l=value.l .. '!', s=value.s}}}\"; };"
        "  keep  = { type = \"Lua\"; where = \"value.l ~= 'b!'\"; };"
        "  to    = { type = \"Lua\"; route = \"'lines.' .. value.s\"; };"
        "};",
        "total split again keep to", XF_SAFE);
    add(&t, 10, "{\"lines\":[\"a\",\"b\"]}");
    add(&t, 11, "{}");
    add(&t, 12, "{\"lines\":[\"b\",\"c\"]}");
    xt_run(&t);
    static const char *const lines[] = {"a", "a!", "b", NULL, NULL, "b", NULL, "c", "c!"};
    assert_int_equal(t.batch.n, 9);
    for (uint32_t i = 0; i < 9; i++) {
        const struct aq_record *rec = &t.batch.records[i];
        assert_int_equal(rec->offset, i < 4 ? 10 : i == 4 ? 11 : 12);
        assert_int_equal(rec->origin != NULL, i == 0 || i == 4 || i == 5);
        if (!lines[i]) {
            assert_true(rec->flags & AQ_REC_DROPPED);
            continue;
        }
        char want[64];
        snprintf(want, sizeof(want), "{\"l\":\"%s\",\"s\":%d}", lines[i], i < 4 ? 10 : 12);
        xt_expect(rec->value, want);
        assert_string_equal(rec->topic->text, i < 4 ? "lines.10" : "lines.12");
    }
    check_counters(&t, 0, 3, 0, 0);
    check_counters(&t, 1, 3, 1, 0);
    check_counters(&t, 2, 4, 0, 0);
    check_counters(&t, 3, 8, 2, 0);
    check_counters(&t, 4, 6, 0, 0);
    xt_close(&t);
}

static void many_batches_use_the_same_memory(void **state)
{
    (void)state;
    struct xt t;
    open_flat_map(&t, "value.lines");
    const struct aq_record *seen[2] = {NULL, NULL};
    for (int batch = 0; batch < 50; batch++) {
        for (int i = 0; i < 100; i++) add(&t, i, "{\"lines\":[{\"value\":1},{\"value\":2},{\"value\":3}]}");
        xt_run(&t);
        assert_int_equal(t.batch.n, 300);
        /* Two arrays take turns once both have grown. */
        if (batch >= 40 && seen[batch % 2]) assert_ptr_equal(t.batch.records, seen[batch % 2]);
        seen[batch % 2] = t.batch.records;
        aq_batch_release(&t.batch);
    }
    xt_close(&t);
}

static void what_is_made_is_weighed(void **state)
{
    (void)state;
    struct xt t;
    open_flat_map(&t, "{{value_bytes=('x'):rep(1000)}, {value_bytes=('x'):rep(1000), headers={h='12345'}}}");
    struct aq_record *rec = add(&t, 10, "{}");
    uint64_t own = rec->key.len + rec->value.len;
    xt_run(&t);
    assert_int_equal(t.batch.added,
                     2000 - own + sizeof(struct aq_record) + sizeof(struct aq_header) + strlen("h12345"));
    aq_batch_release(&t.batch);
    assert_int_equal(t.batch.added, 0);
    xt_close(&t);
    open_flat_map(&t, "{{value=1}}"); /* less than came in */
    add(&t, 10, "{\"lines\":[]}");
    xt_run(&t);
    assert_int_equal(t.batch.added, 0);
    xt_close(&t);
}

static void limits_hold_for_all_records_made_of_one(void **state)
{
    (void)state;
    struct xt t;
    xt_open(
        &t,
        "transforms = { x = { type = \"Lua\"; memory_limit = \"256KiB\"; flat_map = \"value.lines\"; }; };",
        "x", XF_SAFE);
    char *text = aq_malloc(200000), *at = text + sprintf(text, "{\"lines\":[{}");
    for (int i = 0; i < 20000; i++) at += sprintf(at, ",{}");
    sprintf(at, "]}");
    add(&t, 10, text);
    add(&t, 11, "{\"lines\":[{},{}]}");
    xt_run(&t);
    assert_int_equal(t.batch.n, 3);
    assert_true(t.batch.records[0].flags & AQ_REC_FAILED);
    if (!strstr(t.batch.records[0].fail_reason, "memory_limit"))
        fail_msg("%s", t.batch.records[0].fail_reason);
    assert_int_equal(t.batch.records[1].flags & AQ_REC_FAILED, 0);
    xt_close(&t);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_stand_side_by_side_in_the_place_of_their_record),
        cmocka_unit_test(one_output_is_no_group),
        cmocka_unit_test(no_output_drops_the_record),
        cmocka_unit_test(an_error_fails_the_record_as_it_came_and_makes_nothing),
        cmocka_unit_test(headers_and_times_are_given_or_stay),
        cmocka_unit_test(a_predicate_leaves_records_as_they_are),
        cmocka_unit_test(steps_before_and_behind_see_what_they_should),
        cmocka_unit_test(many_batches_use_the_same_memory),
        cmocka_unit_test(what_is_made_is_weighed),
        cmocka_unit_test(limits_hold_for_all_records_made_of_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
