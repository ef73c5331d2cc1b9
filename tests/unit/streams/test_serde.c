/* SPDX-License-Identifier: Apache-2.0
 *
 * The serdes: the bytes of Kafka's Java serdes, what is refused, and the order of encoded keys. Golden bytes are worked out
 * from the formats by hand: two's complement and IEEE 754 (sign, 11 bits of exponent with bias 1023, 52 of mantissa) with
 * the highest byte first, and UTF-8.
 */
#include "streams/serde/serde.h"

#include <inttypes.h>
#include <math.h>

#include "base/big_endian.h"

#include "tests/unit/streams/serde_test.h"

static const struct st_serde *serde(const char *name)
{
    struct aq_err err = {0};
    const struct st_serde *found = st_serde_find(name, &err);
    T_CHECK(found != NULL, "%s", err.text);
    return found;
}

static int read_with(const char *name, struct aq_slice bytes, struct st_value *ret, struct aq_err *err)
{
    struct json_fields fields = {0};
    int rc = st_serde_read(serde(name), bytes, &fields, ret, err);
    json_fields_finish(&fields);
    return rc;
}

static struct st_value must_read(const char *name, const char *digits)
{
    struct aq_err err = {0};
    struct st_value value;
    struct aq_slice bytes = unhex(digits);
    T_CHECK(read_with(name, bytes, &value, &err) == 0, "%s %s: %s", name, hex(bytes), err.text);
    return value;
}

static struct aq_slice must_write(const char *name, struct st_value value)
{
    struct aq_err err = {0};
    struct aq_slice bytes;
    T_CHECK(st_serde_write(serde(name), &value, &arena, &bytes, &err) == 0, "%s", err.text);
    return bytes;
}

static void expect_refused(const char *name, struct aq_slice bytes, const char *text)
{
    struct aq_err err = {0};
    struct st_value value;
    struct aq_slice copy = exact(bytes);
    int rc = read_with(name, copy, &value, &err);
    T_CHECK(rc == AQ_E_BAD_RECORD, "%s %s: %d", name, hex(bytes), rc);
    T_CHECK(strcmp(err.text, text) == 0, "%s", err.text);
    drop(copy);
}

static uint64_t bits_of(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    return bits;
}

static const char *const names[] = {"bytes", "string", "int32", "int64", "double", "json"};
#define NAMES (sizeof(names) / sizeof(names[0]))

/* ---- the table ---------------------------------------------------------------------------------------------------- */

static void found_by_name_and_by_java_class(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"Serdes$BytesSerde", "bytes"},      {"Serdes$ByteArraySerde", "bytes"},
        {"Serdes$ByteBufferSerde", "bytes"}, {"Serdes$StringSerde", "string"},
        {"Serdes$IntegerSerde", "int32"},    {"Serdes$LongSerde", "int64"},
        {"Serdes$DoubleSerde", "double"},
    };
    for (size_t i = 0; i < NAMES; i++) assert_string_equal(st_serde_name(serde(names[i])), names[i]);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char java[128];
        snprintf(java, sizeof(java), "org.apache.kafka.common.serialization.%s", rows[i][0]);
        assert_ptr_equal(serde(java), serde(rows[i][1]));
    }
    assert_int_equal(st_serde_type(serde("int32")), ST_VALUE_INT64);
    assert_int_equal(st_serde_type(serde("json")), ST_VALUE_JSON);
}

static void unknown_names_say_what_there_is(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"strin", "there is no serde 'strin'; did you mean 'string'?"},
        {"", "there is no serde ''; there are bytes, string, int32, int64, double, json"},
        {"StringSerde", "there is no serde 'StringSerde'; did you mean 'string'?"},
        {"org.apache.kafka.common.serialization.Serdes$UUIDSerde",
         "the Java class 'org.apache.kafka.common.serialization.Serdes$UUIDSerde' has no serde here, which are "
         "bytes, string, int32, int64, double, json; bytes carries what need not be read"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct aq_err err = {0};
        assert_null(st_serde_find(rows[i][0], &err));
        assert_int_equal(err.code, AQ_E_CONFIG);
        T_CHECK(strcmp(err.text, rows[i][1]) == 0, "%s", err.text);
    }
}

/* ---- null and empty ----------------------------------------------------------------------------------------------- */

static void null_is_null_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < NAMES; i++) {
        struct st_value value = must_read(names[i], NULL);
        assert_int_equal(value.type, ST_VALUE_NULL);
        assert_true(aq_slice_is_null(must_write(names[i], value)));
    }
    assert_int_equal(st_slice(ST_VALUE_JSON, AQ_NULL_SLICE).type, ST_VALUE_NULL);
}

static void empty_is_a_string_and_no_number(void **state)
{
    (void)state;
    static const char *const slices[] = {"bytes", "string"};
    for (size_t i = 0; i < 2; i++) {
        struct st_value value = must_read(slices[i], "");
        assert_int_equal(value.type, st_serde_type(serde(slices[i])));
        struct aq_slice written = must_write(slices[i], value);
        assert_non_null(written.ptr);
        assert_int_equal(written.len, 0);
    }
    expect_refused("int32", AQ_LIT(""), "int32: 0 bytes, where exactly 4 are expected");
    expect_refused("int64", AQ_LIT(""), "int64: 0 bytes, where exactly 8 are expected");
    expect_refused("double", AQ_LIT(""), "double: 0 bytes, where exactly 8 are expected");
    expect_refused("json", AQ_LIT(""), "json: unexpected end at byte 0");
}

/* ---- numbers ------------------------------------------------------------------------------------------------------ */

static void integers_are_big_endian(void **state)
{
    (void)state;
    static const struct {
        const char *serde;
        int64_t number;
        const char *bytes;
    } rows[] = {
        {"int32", 0, "00000000"},
        {"int32", 1, "00000001"},
        {"int32", -1, "ffffffff"},
        {"int32", 258, "00000102"},
        {"int32", INT32_MIN, "80000000"},
        {"int32", INT32_MAX, "7fffffff"},
        {"int64", 0, "0000000000000000"},
        {"int64", 1, "0000000000000001"},
        {"int64", -1, "ffffffffffffffff"},
        {"int64", -2, "fffffffffffffffe"},
        {"int64", INT64_C(0x0102030405060708), "0102030405060708"},
        {"int64", INT64_MIN, "8000000000000000"},
        {"int64", INT64_MAX, "7fffffffffffffff"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        expect_bytes(must_write(rows[i].serde, st_int64(rows[i].number)), rows[i].bytes);
        struct st_value value = must_read(rows[i].serde, rows[i].bytes);
        assert_int_equal(value.type, ST_VALUE_INT64);
        T_CHECK(value.integer == rows[i].number, "%" PRId64, value.integer);
    }
}

static void an_integer_beyond_int32_is_refused(void **state)
{
    (void)state;
    const int64_t rows[] = {INT64_C(2147483648), INT64_C(-2147483649), INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct aq_err err = {0};
        struct aq_slice bytes;
        struct st_value value = st_int64(rows[i]);
        assert_int_equal(st_serde_write(serde("int32"), &value, &arena, &bytes, &err), AQ_E_BAD_RECORD);
        const char *text = aq_arena_printf(
            &arena, "%" PRId64 " does not fit into int32, which goes from -2147483648 to 2147483647",
            rows[i]);
        assert_string_equal(err.text, text);
    }
}

/* 0.1 is 1.6 * 2^-4: exponent 1019 (3fb), mantissa 0.6 * 2^52 rounded (999999999999a). -2.5 is -1.25 * 2^1: c00, 4. */
static void doubles_are_big_endian(void **state)
{
    (void)state;
    static const struct {
        double number;
        const char *bytes;
    } rows[] = {
        {0.0, "0000000000000000"},
        {-0.0, "8000000000000000"},
        {1.0, "3ff0000000000000"},
        {-2.5, "c004000000000000"},
        {0.1, "3fb999999999999a"},
        {0x1p-1074, "0000000000000001"},
        {INFINITY, "7ff0000000000000"},
        {-INFINITY, "fff0000000000000"},
        {0x1.fffffffffffffp+1023, "7fefffffffffffff"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        expect_bytes(must_write("double", st_double(rows[i].number)), rows[i].bytes);
        struct st_value value = must_read("double", rows[i].bytes);
        assert_int_equal(value.type, ST_VALUE_DOUBLE);
        assert_true(bits_of(value.number) == bits_of(rows[i].number));
    }
}

/* Quiet and signalling, of either sign, with something in the mantissa. */
static void a_nan_that_was_read_keeps_its_bits(void **state)
{
    (void)state;
    static const char *const rows[] = {"7ff8000000000000", "7ff0000000000001", "fff8000000001234",
                                       "fff7ffffffffffff", "ffffffffffffffff"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct st_value value = must_read("double", rows[i]);
        assert_true(isnan(value.number));
        expect_bytes(must_write("double", value), rows[i]);
    }
}

static void a_computed_nan_is_written_as_java_does(void **state)
{
    (void)state;
    expect_bytes(must_write("double", st_double(NAN)), "7ff8000000000000");
    expect_bytes(must_write("double", st_double(-NAN)), "7ff8000000000000");
    volatile double zero = 0;
    expect_bytes(must_write("double", st_double(zero / zero)), "7ff8000000000000");
}

static void numbers_of_another_length_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *serde;
        size_t size;
    } rows[] = {{"int32", 4}, {"int64", 8}, {"double", 8}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t length = 0; length < 20; length++) {
            struct aq_slice bytes = aq_slice_of(aq_arena_zalloc(&arena, length), length);
            if (length == rows[i].size) continue;
            expect_refused(rows[i].serde, bytes,
                           aq_arena_printf(&arena, "%s: %zu bytes, where exactly %zu are expected",
                                           rows[i].serde, length, rows[i].size));
        }
    }
}

static void random_numbers_come_back(void **state)
{
    (void)state;
    uint64_t random = 20;
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = draw(&random);
        char bytes[8];
        aq_be64_put(bytes, bits);
        assert_true(aq_be64_get(bytes) == bits);
        struct st_value value;
        assert_int_equal(read_with("double", aq_slice_of(bytes, 8), &value, NULL), 0);
        assert_true(aq_slice_equal(must_write("double", value), aq_slice_of(bytes, 8)));
        assert_int_equal(read_with("int64", aq_slice_of(bytes, 8), &value, NULL), 0);
        assert_true(value.integer == (int64_t)bits);
        assert_true(aq_slice_equal(must_write("int64", value), aq_slice_of(bytes, 8)));
        assert_int_equal(read_with("int32", aq_slice_of(bytes, 4), &value, NULL), 0);
        assert_true(value.integer == (int32_t)(bits >> 32));
        assert_true(aq_slice_equal(must_write("int32", value), aq_slice_of(bytes, 4)));
        aq_arena_reset(&arena);
    }
}

/* ---- strings, bytes, JSON ----------------------------------------------------------------------------------------- */

/* Characters of one to four bytes: g r ü ß e euro emoji; then UTF-8 that is none: Java would make efbfbd of ff. */
static void strings_are_forwarded_untouched(void **state)
{
    (void)state;
    static const char *const rows[] = {"67 72 c3bc c39f 65 e282ac f09f9880", "ff 41", "c3", "ed a0 80", "00"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct st_value value = must_read("string", rows[i]);
        assert_int_equal(value.type, ST_VALUE_STRING);
        expect_bytes(must_write("string", value), rows[i]);
        value = must_read("bytes", rows[i]);
        assert_int_equal(value.type, ST_VALUE_BYTES);
        struct aq_slice written = must_write("bytes", value);
        assert_ptr_equal(written.ptr, value.slice.ptr);
        expect_bytes(written, rows[i]);
    }
}

static void json_keeps_its_text(void **state)
{
    (void)state;
    static const char *const rows[] = {"{ \"a\" : 1.50, \"a\":2 }", "[]", "null", " \"x\" ", "-0.0"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct st_value value;
        struct aq_slice text = aq_slice_str(rows[i]);
        assert_int_equal(read_with("json", text, &value, NULL), 0);
        assert_int_equal(value.type, ST_VALUE_JSON);
        struct aq_slice written = must_write("json", value);
        assert_true(aq_slice_equal(written, text));
    }
}

static void json_leaves_the_fields_behind(void **state)
{
    (void)state;
    struct json_fields fields = {0};
    struct st_value value;
    struct aq_slice text = AQ_LIT("{\"a\":1,\"b\":[2,3]}");
    assert_int_equal(st_serde_read(serde("json"), text, &fields, &value, NULL), 0);
    assert_int_equal(fields.n, 2);
    assert_memory_equal(text.ptr + fields.list[1].value_at, "[2,3]", 5);
    json_fields_finish(&fields);
}

static void every_beginning_of_a_json_object_is_refused(void **state)
{
    (void)state;
    struct aq_slice text = AQ_LIT("{\"a\":[1,\"x\\u00e9\",{\"b\":null}],\"c\":-1.5e3}");
    for (size_t length = 0; length < text.len; length++) {
        struct aq_slice beginning = exact(aq_slice_of(text.ptr, length));
        struct st_value value;
        assert_int_equal(read_with("json", beginning, &value, NULL), AQ_E_BAD_RECORD);
        drop(beginning);
    }
    expect_refused("json", AQ_LIT("{} {}"), "json: the document ends, but more follows: '{' at byte 3");
    expect_refused("json", AQ_LIT("NaN"), "json: unexpected 'N' at byte 0");
}

static void values_of_another_type_are_refused(void **state)
{
    (void)state;
    const struct st_value values[] = {st_slice(ST_VALUE_BYTES, AQ_LIT("1")),
                                      st_slice(ST_VALUE_STRING, AQ_LIT("1")),
                                      st_slice(ST_VALUE_JSON, AQ_LIT("1")), st_int64(1), st_double(1)};
    for (size_t i = 0; i < NAMES; i++) {
        for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
            struct aq_err err = {0};
            struct aq_slice bytes;
            bool fits = values[k].type == st_serde_type(serde(names[i]));
            int rc = st_serde_write(serde(names[i]), &values[k], &arena, &bytes, &err);
            assert_int_equal(rc, fits ? 0 : AQ_E_BAD_RECORD);
        }
    }
    struct aq_err err = {0};
    struct aq_slice bytes;
    st_serde_write(serde("int64"), &values[1], &arena, &bytes, &err);
    assert_string_equal(err.text, "the serde int64 takes an integer, and the value is a string");
}

/* ---- order -------------------------------------------------------------------------------------------------------- */

static void expect_ascending(const struct aq_slice *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            int order = st_key_compare(keys[i], keys[k]);
            T_CHECK((order > 0) - (order < 0) == (i > k) - (i < k), "%s and %s: %d", hex(keys[i]),
                    hex(keys[k]), order);
        }
    }
}

static void keys_are_ordered_by_unsigned_bytes(void **state)
{
    (void)state;
    static const char *const rows[] = {"",   "00", "0000", "0001", "61", "6100", "6162",
                                       "62", "7f", "80",   "c3bf", "ff", "ff00"};
    struct aq_slice keys[sizeof(rows) / sizeof(rows[0])];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) keys[i] = unhex(rows[i]);
    expect_ascending(keys, sizeof(rows) / sizeof(rows[0]));
}

/* What a sorted map of Java's encoded keys iterates in: 0, 1, 255, 256, MAX, MIN, -1. */
static void negative_integers_come_behind_positive_ones(void **state)
{
    (void)state;
    const int64_t numbers[] = {0, 1, 255, 256, INT32_MAX, INT32_MIN, -1};
    struct aq_slice keys[7];
    for (size_t i = 0; i < 7; i++) keys[i] = must_write("int32", st_int64(numbers[i]));
    expect_ascending(keys, 7);
    const double doubles[] = {0.0, 1.0, 2.0, INFINITY, -0.0, -1.0, -2.0};
    for (size_t i = 0; i < 7; i++) keys[i] = must_write("double", st_double(doubles[i]));
    expect_ascending(keys, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_by_name_and_by_java_class),
        cmocka_unit_test(unknown_names_say_what_there_is),
        cmocka_unit_test(null_is_null_both_ways),
        cmocka_unit_test(empty_is_a_string_and_no_number),
        cmocka_unit_test(integers_are_big_endian),
        cmocka_unit_test(an_integer_beyond_int32_is_refused),
        cmocka_unit_test(doubles_are_big_endian),
        cmocka_unit_test(a_nan_that_was_read_keeps_its_bits),
        cmocka_unit_test(a_computed_nan_is_written_as_java_does),
        cmocka_unit_test(numbers_of_another_length_are_refused),
        cmocka_unit_test(random_numbers_come_back),
        cmocka_unit_test(strings_are_forwarded_untouched),
        cmocka_unit_test(json_keeps_its_text),
        cmocka_unit_test(json_leaves_the_fields_behind),
        cmocka_unit_test(every_beginning_of_a_json_object_is_refused),
        cmocka_unit_test(values_of_another_type_are_refused),
        cmocka_unit_test(keys_are_ordered_by_unsigned_bytes),
        cmocka_unit_test(negative_integers_come_behind_positive_ones),
    };
    return cmocka_run_group_tests(tests, serde_setup, serde_teardown);
}
