/* SPDX-License-Identifier: Apache-2.0
 *
 * Records as lines of JSON: to bytes by serdes, and back.
 */
#include "streams/serde/json_record.h"

#include "base/big_endian.h"
#include "tests/lib/check.h"

struct desk {
    struct aq_arena arena;
    struct aq_err err;
};

static int set_up(void **state)
{
    static struct desk desk;
    desk.err = (struct aq_err){0};
    aq_arena_init(&desk.arena, 4096);
    *state = &desk;
    return 0;
}

static int tear_down(void **state)
{
    struct desk *desk = *state;
    aq_arena_finish(&desk->arena);
    return 0;
}

static const struct st_serde *serde(const char *name)
{
    struct aq_err err;
    if (!name) return NULL;
    const struct st_serde *found = st_serde_find(name, &err);
    assert_non_null(found);
    return found;
}

static void expect_slice(struct aq_slice got, const char *text)
{
    struct aq_slice expected = aq_slice_str(text);
    T_CHECK(aq_slice_equal(got, expected), "%.*s, not %s", (int)got.len, got.ptr ? got.ptr : "",
            text ? text : "null");
}

static struct aq_slice encode(struct desk *desk, const char *name, const char *text)
{
    struct aq_slice bytes = AQ_NULL_SLICE;
    int rc = st_json_encode(serde(name), aq_slice_str(text), &desk->arena, &bytes, &desk->err);
    T_CHECK(rc == 0, "%s: %s", text, desk->err.text);
    return bytes;
}

/* There and back, and the bytes in between. */
static void expect_both(struct desk *desk, const char *name, const char *json, const char *bytes)
{
    struct aq_slice got = encode(desk, name, json);
    expect_slice(got, bytes);
    expect_slice(st_json_decode(serde(name), got, &desk->arena), json);
}

static void texts_and_json_are_their_bytes(void **state)
{
    expect_both(*state, "string", "\"a \\\"b\\\" é\"", "a \"b\" é");
    expect_both(*state, "bytes", "\"\"", "");
    expect_both(*state, "json", "{ \"b\" : 1.50, \"a\":[ ] }", "{ \"b\" : 1.50, \"a\":[ ] }");
    expect_both(*state, "json", "\"text\"", "\"text\"");
    for (size_t i = 0; i < 6; i++) {
        static const char *const names[] = {"string", "bytes", "int32", "int64", "double", "json"};
        expect_both(*state, names[i], "null", NULL);
    }
}

static void numbers_are_exact(void **state)
{
    struct desk *desk = *state;
    struct aq_slice bytes = encode(desk, "int64", "-9223372036854775808");
    assert_int_equal(bytes.len, 8);
    assert_true((int64_t)aq_be64_get(bytes.ptr) == INT64_MIN);
    expect_slice(st_json_decode(serde("int64"), bytes, &desk->arena), "-9223372036854775808");
    bytes = encode(desk, "int64", "9007199254740993");
    assert_true(aq_be64_get(bytes.ptr) == UINT64_C(9007199254740993));
    bytes = encode(desk, "int32", "-1");
    assert_int_equal(bytes.len, 4);
    assert_true(aq_be32_get(bytes.ptr) == UINT32_MAX);
    expect_slice(st_json_decode(serde("double"), encode(desk, "double", "0.1"), &desk->arena), "0.1");
    expect_slice(st_json_decode(serde("double"), encode(desk, "double", "5"), &desk->arena), "5.0");
    static const char *const odd[] = {"\"NaN\"", "\"Infinity\"", "\"-Infinity\""};
    for (size_t i = 0; i < 3; i++)
        expect_slice(st_json_decode(serde("double"), encode(desk, "double", odd[i]), &desk->arena), odd[i]);
    assert_true(aq_be64_get(encode(desk, "double", "\"NaN\"").ptr) == UINT64_C(0x7ff8000000000000));
}

static void bytes_that_are_no_value_have_a_form(void **state)
{
    struct desk *desk = *state;
    expect_both(desk, "int64", "{\"$text\":\"no number\"}", "no number");
    expect_both(desk, "json", "{\"$text\":\"{broken\"}", "{broken");
    expect_both(desk, "string", "{\"$hex\":\"ff41\"}", "\xff\x41");
    expect_both(desk, "bytes", "{\"$hex\":\"ff41\"}", "\xff\x41");
    expect_slice(encode(desk, "string", "{\"$hex\":\"4142\"}"), "AB");
    /* Only these: an object of other fields is an object. */
    expect_both(desk, "json", "{\"$hex\":1}", "{\"$hex\":1}");
    expect_both(desk, "json", "{\"$hex\":\"41\",\"b\":1}", "{\"$hex\":\"41\",\"b\":1}");
}

static void without_a_serde_json_is_json_and_the_rest_text(void **state)
{
    expect_both(*state, NULL, "{\"a\":1}", "{\"a\":1}");
    expect_both(*state, NULL, "\"plain text\"", "plain text");
    expect_both(*state, NULL, "5", "5");
    expect_both(*state, NULL, "\"\"", "");
    expect_both(*state, NULL, "{\"$hex\":\"ff\"}", "\xff");
}

static void a_value_its_serde_cannot_take_is_refused(void **state)
{
    static const char *const rows[][3] = {
        {"int64", "\"5\"", "an integer is expected, not a string"},
        {"int64", "5.0", "an integer is expected, not 5.0"},
        {"int64", "9223372036854775808", "does not fit into 64 bits"},
        {"int32", "2147483648", "2147483648 does not fit into int32"},
        {"double", "true", "a number is expected, not a boolean"},
        {"double", "\"nan\"", "a number is expected, not a string"},
        {"string", "5", "a string is expected, not a number"},
        {"bytes", "[]", "a string is expected, not an array"},
        {"bytes", "{\"$hex\":\"4\"}", "odd number of digits"},
        {"bytes", "{\"$hex\":\"4x\"}", "not hexadecimal"},
    };
    struct desk *desk = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct aq_slice bytes;
        int rc =
            st_json_encode(serde(rows[i][0]), aq_slice_str(rows[i][1]), &desk->arena, &bytes, &desk->err);
        T_CHECK(rc == AQ_E_BAD_RECORD && strstr(desk->err.text, rows[i][2]), "%s %s: %d %s", rows[i][0],
                rows[i][1], rc, desk->err.text);
    }
}

/* ---- lines -------------------------------------------------------------------------------------------------------- */

static struct st_serdes string_and_json(void)
{
    return (struct st_serdes){serde("string"), serde("json")};
}

static void a_line_is_a_record_and_the_record_the_line(void **state)
{
    struct desk *desk = *state;
    static const char line[] =
        "{\"topic\":\"orders\",\"key\":\"o-1\",\"value\":{\"n\": 5},\"timestamp\":44,"
        "\"headers\":[[\"kind\",\"x\"],[\"kind\",null],[\"raw\",{\"$hex\":\"ff\"}]],\"partition\":3}";
    struct st_json_record json;
    struct kc_sim_record rec;
    assert_int_equal(st_json_record_read(aq_slice_str(line), &desk->arena, &json, &desk->err), 0);
    assert_int_equal(json.given, 63);
    assert_string_equal(json.topic, "orders");
    assert_false(json.headers_by_name);
    assert_int_equal(st_json_record_encode(&json, string_and_json(), 7, &desk->arena, &rec, &desk->err), 0);
    expect_slice(rec.key, "o-1");
    expect_slice(rec.value, "{\"n\": 5}");
    assert_int_equal(rec.timestamp, 44);
    assert_int_equal(rec.partition, 3);
    assert_int_equal(rec.n_headers, 3);
    assert_true(aq_slice_is_null(rec.headers[1].value));
    expect_slice(rec.headers[2].value, "\xff");
    expect_slice(st_json_record_print(&rec, "orders", string_and_json(), 63, &desk->arena), line);
    expect_slice(st_json_record_print(&rec, NULL, string_and_json(), ST_JSON_KEY, &desk->arena),
                 "{\"key\":\"o-1\"}");
    expect_slice(st_json_record_print(&rec, NULL, string_and_json(), 0, &desk->arena), "{}");
}

static void what_a_line_leaves_out_has_a_default(void **state)
{
    struct desk *desk = *state;
    struct st_json_record json;
    struct kc_sim_record rec;
    assert_int_equal(st_json_record_read(AQ_LIT("{\"headers\":{\"a\":\"1\",\"b\":null}}"), &desk->arena,
                                         &json, &desk->err),
                     0);
    assert_null(json.topic);
    assert_int_equal(json.given, ST_JSON_HEADERS);
    assert_true(json.headers_by_name);
    assert_int_equal(st_json_record_encode(&json, string_and_json(), 7, &desk->arena, &rec, &desk->err), 0);
    assert_true(aq_slice_is_null(rec.key) && aq_slice_is_null(rec.value));
    assert_int_equal(rec.timestamp, 7);
    assert_int_equal(rec.partition, -1);
    assert_int_equal(rec.n_headers, 2);
}

static void a_bad_line_is_told_with_its_field(void **state)
{
    static const char *const rows[][2] = {
        {"{\"key\": }", "this is not JSON: unexpected '}' at byte 8"},
        {"[]", "a record is an object, not an array"},
        {"{\"tpoic\":\"a\"}", "unknown field 'tpoic'; did you mean 'topic'?"},
        {"{\"frobnicate\":\"a\"}", "unknown field 'frobnicate'; a record has"},
        {"{\"key\":1,\"key\":2}", "the field 'key' is there twice"},
        {"{\"topic\":5}", "topic: a string is expected, not a number"},
        {"{\"timestamp\":\"now\"}", "timestamp: an integer is expected, not a string"},
        {"{\"timestamp\":1e3}", "timestamp: an integer is expected, not 1e3"},
        {"{\"partition\":-1}", "partition: -1 is no number of a partition"},
        {"{\"headers\":5}", "headers: an array"},
        {"{\"headers\":[[\"a\"]]}", "headers: a header is [\"name\", \"text\"]"},
        {"{\"headers\":[\"a\"]}", "headers: a header is [\"name\", \"text\"]"},
        {"{\"headers\":{\"a\":5}}", "headers: header 'a': a string is expected, not a number"},
    };
    struct desk *desk = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct st_json_record json;
        int rc = st_json_record_read(aq_slice_str(rows[i][0]), &desk->arena, &json, &desk->err);
        T_CHECK(rc == AQ_E_BAD_RECORD && strstr(desk->err.text, rows[i][1]), "%s: %d %s", rows[i][0], rc,
                desk->err.text);
    }
    struct st_json_record json;
    struct kc_sim_record rec;
    assert_int_equal(st_json_record_read(AQ_LIT("{\"key\":5}"), &desk->arena, &json, &desk->err), 0);
    assert_int_equal(st_json_record_encode(&json, string_and_json(), 0, &desk->arena, &rec, &desk->err),
                     AQ_E_BAD_RECORD);
    assert_string_equal(desk->err.text, "key: a string is expected, not a number");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(texts_and_json_are_their_bytes),           TEST(numbers_are_exact),
        TEST(bytes_that_are_no_value_have_a_form),      TEST(without_a_serde_json_is_json_and_the_rest_text),
        TEST(a_value_its_serde_cannot_take_is_refused), TEST(a_line_is_a_record_and_the_record_the_line),
        TEST(what_a_line_leaves_out_has_a_default),     TEST(a_bad_line_is_told_with_its_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
