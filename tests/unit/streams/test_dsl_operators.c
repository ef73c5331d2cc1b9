/* SPDX-License-Identifier: Apache-2.0
 *
 * What the operators of aqueduct/streams.h do to records: each test runs a small topology in a real task.
 */
#include "tests/unit/streams/st_run.h"

struct world {
    struct aq_streams_builder *builder;
    struct aq_stream *in;
    struct run run;
};

static const char *const in_topics[] = {"in"};

static struct world begin(const char *value_serde)
{
    struct world w = {.builder = aq_streams_builder_create("app")};
    const struct aq_consumed consumed = {
        .topics = in_topics, .n_topics = 1, .key_serde = "string", .value_serde = value_serde};
    w.in = aq_stream_from(w.builder, "in", &consumed);
    return w;
}

static void go(struct world *w)
{
    T_CHECK(aq_streams_error(w->builder) == NULL, "%s", aq_streams_error(w->builder));
    int rc = run_start(&w->run, w->builder->topology);
    T_CHECK(rc == 0, "%s", w->run.err.text);
}

static void put(struct world *w, const char *key, const char *value, int64_t timestamp)
{
    int n = run_text(&w->run, key, value, timestamp);
    T_CHECK(n == 1, "%d: %s", n, w->run.err.text);
}

/* The next record ends the task with this reason. */
static void put_bad(struct world *w, const char *value, const char *reason)
{
    int rc = run_text(&w->run, "k", value, 1);
    assert_int_equal(rc, AQ_E_BAD_RECORD);
    T_CHECK(strstr(w->run.err.text, reason), "%s", w->run.err.text);
}

static void end(struct world *w)
{
    run_stop(&w->run);
    aq_streams_builder_destroy(w->builder);
}

/* ---- predicates --------------------------------------------------------------------------------------------------- */

static bool is_user(struct aq_processor_context *ctx, const struct aq_stream_record *record, void *user)
{
    if (record->value.ptr && record->value.ptr[0] == '!') aq_processor_fail(ctx, "a bad mark");
    return aq_slice_equal(record->value, aq_slice_str(user));
}

static void filter_keeps_and_filter_not_drops_what_holds(void **state)
{
    (void)state;
    struct world w = begin("string");
    aq_stream_to(aq_stream_filter(w.in, "a", is_user, "x"), "out", "xs");
    aq_stream_to(aq_stream_filter_not(w.in, "b", is_user, "x"), "other", "others");
    go(&w);
    put(&w, "k", "x", 5);
    put(&w, NULL, NULL, 6);
    expect_output(&w.run, "xs k=x@5{h=1}\nothers null=null@6{h=1}\n");
    put_bad(&w, "!", "processing 'a': a bad mark");
    end(&w);
}

static void a_split_sends_a_record_to_the_first_branch_that_holds(void **state)
{
    (void)state;
    struct world w = begin("string");
    const struct aq_branch branches[] = {{.name = "x", .test = is_user, .user = "x"},
                                         {.name = "again", .test = is_user, .user = "x"},
                                         {.name = "y", .test = is_user, .user = "y"}};
    struct aq_stream *by[4];
    assert_int_equal(aq_stream_split(w.in, "by", branches, 3, "rest", by), 0);
    aq_stream_to(by[0], "o0", "t0");
    aq_stream_to(by[1], "o1", "t1");
    aq_stream_to(by[2], "o2", "t2");
    aq_stream_to(by[3], "o3", "t3");
    go(&w);
    put(&w, "a", "y", 1);
    put(&w, "b", "x", 2);
    put(&w, "c", "z", 3);
    expect_output(&w.run, "t2 a=y@1{h=1}\nt0 b=x@2{h=1}\nt3 c=z@3{h=1}\n");
    put_bad(&w, "!", "a bad mark");
    end(&w);
}

static void a_split_without_default_drops_the_rest(void **state)
{
    (void)state;
    struct world w = begin("string");
    const struct aq_branch branch = {.name = "x", .test = is_user, .user = "x"};
    struct aq_stream *by[1];
    assert_int_equal(aq_stream_split(w.in, "by", &branch, 1, NULL, by), 0);
    aq_stream_to(by[0], "out", "out");
    go(&w);
    put(&w, "a", "y", 1);
    put(&w, "b", "x", 2);
    expect_output(&w.run, "out b=x@2{h=1}\n");
    end(&w);
}

/* ---- mappers ------------------------------------------------------------------------------------------------------ */

static int swap(struct aq_processor_context *ctx, const struct aq_stream_record *record, void *user,
                struct aq_slice *ret_key, struct aq_slice *ret_value)
{
    (void)ctx;
    (void)user;
    *ret_key = record->value;
    *ret_value = record->key;
    return 0;
}

static int length(struct aq_processor_context *ctx, const struct aq_stream_record *record, void *user,
                  struct aq_slice *ret)
{
    (void)user;
    if (record->value.len > 5) return -3;
    *ret = aq_stream_int32(ctx, (int32_t)record->value.len);
    return 0;
}

static int untouched(struct aq_processor_context *ctx, const struct aq_stream_record *record, void *user,
                     struct aq_slice *ret)
{
    (void)ctx;
    (void)record;
    (void)user;
    (void)ret;
    return 0;
}

static void mappers_change_what_they_are_named_after_and_keep_the_rest(void **state)
{
    (void)state;
    struct world w = begin("string");
    aq_stream_to(aq_stream_map(w.in, "swap", swap, NULL), "o1", "swapped");
    aq_stream_to(aq_stream_serdes(aq_stream_map_values(w.in, "length", length, NULL), NULL, "int32"), "o2",
                 "lengths");
    aq_stream_to(aq_stream_serdes(aq_stream_select_key(w.in, "rekey", length, NULL), "int32", NULL), "o3",
                 "rekeyed");
    aq_stream_to(aq_stream_select_key(w.in, "same", untouched, NULL), "o4", "same");
    go(&w);
    put(&w, "k", "abc", 7);
    expect_output(&w.run, "swapped abc=k@7{h=1}\n"
                          "lengths k=\\00\\00\\00\\03@7{h=1}\n"
                          "rekeyed \\00\\00\\00\\03=abc@7{h=1}\n"
                          "same k=abc@7{h=1}\n");
    put_bad(&w, "longer", "'length': the callback returned -3 and no reason");
    end(&w);
}

static int letters(struct aq_processor_context *ctx, const struct aq_stream_record *record, void *user)
{
    (void)user;
    for (size_t i = 0; i < record->value.len; i++) {
        int rc = aq_stream_emit(ctx, aq_slice_of(record->value.ptr + i, 1), record->key);
        if (rc < 0) return rc;
    }
    return 0;
}

static int twice(struct aq_processor_context *ctx, const struct aq_stream_record *record, void *user)
{
    (void)user;
    aq_stream_emit_value(ctx, record->value);
    return aq_stream_emit_value(ctx, aq_slice_null());
}

static void flat_maps_send_as_many_as_they_like(void **state)
{
    (void)state;
    struct world w = begin("string");
    aq_stream_to(aq_stream_flat_map(w.in, "letters", letters, NULL), "o1", "letters");
    aq_stream_to(aq_stream_flat_map_values(w.in, "twice", twice, NULL), "o2", "twice");
    go(&w);
    put(&w, "k", "ab", 7);
    put(&w, "n", "", 8);
    expect_output(&w.run, "letters a=k@7{h=1}\nletters b=k@7{h=1}\n"
                          "twice k=ab@7{h=1}\ntwice k=null@7{h=1}\n"
                          "twice n=@8{h=1}\ntwice n=null@8{h=1}\n");
    end(&w);
}

static int wrong_emit(struct aq_processor_context *ctx, const struct aq_stream_record *record, void *user)
{
    (void)user;
    aq_stream_emit(ctx, record->key, record->value);
    return 0;
}

static int wrong_forward(struct aq_processor_context *ctx, const struct aq_stream_record *record, void *user)
{
    (void)user;
    aq_processor_forward(ctx, record);
    return 0;
}

static void what_a_callback_may_not_do_fails_the_record(void **state)
{
    (void)state;
    struct world w = begin("string");
    aq_stream_flat_map_values(w.in, "f", wrong_emit, NULL);
    go(&w);
    put_bad(&w, "v", "aq_stream_emit() is for the callback of flat_map");
    end(&w);
    w = begin("string");
    aq_stream_foreach(w.in, "f", wrong_forward, NULL);
    go(&w);
    put_bad(&w, "v", "forwarded from process() and from punctuations only");
    end(&w);
}

/* A child's failure is not lost when the callback does not look at the answer of its emit. */
static void a_failed_child_fails_its_parent(void **state)
{
    (void)state;
    struct world w = begin("string");
    struct aq_stream *emitted = aq_stream_flat_map_values(w.in, "twice", twice, NULL);
    aq_stream_map_values(emitted, "length", length, NULL);
    go(&w);
    put_bad(&w, "longer", "processing 'length'");
    end(&w);
}

/* ---- looking on --------------------------------------------------------------------------------------------------- */

static int note(struct aq_processor_context *ctx, const struct aq_stream_record *record, void *user)
{
    struct aq_record_metadata at;
    if (!aq_processor_record_metadata(ctx, &at)) return aq_processor_fail(ctx, "no place");
    t_note(user, 256, "%s[%d]@%lld:%.*s", at.topic, at.partition, (long long)at.offset,
           (int)record->value.len, record->value.ptr);
    return 0;
}

static void peek_and_foreach_see_what_goes_by(void **state)
{
    (void)state;
    struct world w = begin("string");
    char seen[256] = "";
    struct aq_stream *peeked = aq_stream_peek(w.in, "peek", note, seen);
    assert_int_equal(aq_stream_foreach(peeked, "each", note, seen), 0);
    aq_stream_to(peeked, "out", "out");
    go(&w);
    put(&w, "k", "v", 5);
    put(&w, "k", "w", 6);
    assert_string_equal(seen, "in[3]@0:v in[3]@0:v in[3]@1:w in[3]@1:w");
    expect_output(&w.run, "out k=v@5{h=1}\nout k=w@6{h=1}\n");
    end(&w);
}

static int number(struct aq_processor_context *ctx, const struct aq_stream_record *record, void *user,
                  struct aq_slice *ret)
{
    (void)record;
    *ret = user ? aq_stream_int64(ctx, -5) : aq_stream_double(ctx, 2.5);
    return 0;
}

static void print_shows_values_as_their_serdes_say(void **state)
{
    (void)state;
    struct world w = begin("bytes");
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct aq_stream *integer = aq_stream_serdes(aq_stream_map_values(w.in, "i", number, out), NULL, "int64");
    struct aq_stream *real = aq_stream_serdes(aq_stream_map_values(w.in, "d", number, NULL), NULL, "double");
    aq_stream_print(w.in, "p1", "raw", out);
    aq_stream_print(integer, "p2", NULL, out);
    aq_stream_print(real, "p3", "real", out);
    aq_stream_print(aq_stream_serdes(aq_stream_peek(w.in, "lie", note, (char[256]){""}), NULL, "int32"), "p4",
                    "lie", out);
    go(&w);
    put_bad(&w, "a\\\x01", "processing 'p4': value");
    fclose(out);
    assert_string_equal(text, "[i]: k, -5\n[real]: k, 2.5\n[raw]: k, a\\x5C\\x01\n");
    free(text);
    end(&w);
}

/* ---- topics ------------------------------------------------------------------------------------------------------- */

static int to_value(struct aq_processor_context *ctx, const struct aq_stream_record *record, void *user,
                    struct aq_slice *ret_topic)
{
    (void)ctx;
    (void)user;
    *ret_topic = record->value;
    return 0;
}

static void a_chooser_names_the_topic_of_each_record(void **state)
{
    (void)state;
    struct world w = begin("string");
    aq_stream_to_by(w.in, "out", to_value, NULL);
    go(&w);
    put(&w, "k", "here", 1);
    put(&w, "k", "there", 2);
    expect_output(&w.run, "here k=here@1{h=1}\nthere k=there@2{h=1}\n");
    put_bad(&w, "", "named no topic");
    end(&w);
}

static void numbers_are_read_as_they_are_written(void **state)
{
    (void)state;
    char bytes[8];
    int32_t i32 = 7;
    int64_t i64 = 7;
    double real = 7;
    aq_be32_put(bytes, (uint32_t)-2);
    assert_true(aq_read_int32(aq_slice_of(bytes, 4), &i32));
    assert_int_equal(i32, -2);
    aq_be64_put(bytes, UINT64_C(0x4004000000000000));
    assert_true(aq_read_int64(aq_slice_of(bytes, 8), &i64));
    assert_true(i64 == INT64_C(0x4004000000000000));
    assert_true(aq_read_double(aq_slice_of(bytes, 8), &real));
    assert_true(real == 2.5);
    assert_false(aq_read_int32(aq_slice_of(bytes, 8), &i32));
    assert_false(aq_read_int64(aq_slice_null(), &i64));
    assert_false(aq_read_double(aq_slice_of(bytes, 4), &real));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filter_keeps_and_filter_not_drops_what_holds),
        cmocka_unit_test(a_split_sends_a_record_to_the_first_branch_that_holds),
        cmocka_unit_test(a_split_without_default_drops_the_rest),
        cmocka_unit_test(mappers_change_what_they_are_named_after_and_keep_the_rest),
        cmocka_unit_test(flat_maps_send_as_many_as_they_like),
        cmocka_unit_test(what_a_callback_may_not_do_fails_the_record),
        cmocka_unit_test(a_failed_child_fails_its_parent),
        cmocka_unit_test(peek_and_foreach_see_what_goes_by),
        cmocka_unit_test(print_shows_values_as_their_serdes_say),
        cmocka_unit_test(a_chooser_names_the_topic_of_each_record),
        cmocka_unit_test(numbers_are_read_as_they_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
