/* SPDX-License-Identifier: Apache-2.0
 *
 * The values of repartition topics of tables. Golden bytes are put together by hand: "n" = 6e, "o" = 6f, a length is
 * doubled (zigzag) and cut into groups of 7 bits, the lowest first: 64 -> 128 -> 80 01, 8192 -> 16384 -> 80 80 01.
 */
#include "streams/serde/change.h"

#include "tests/unit/streams/serde_test.h"

static struct aq_slice encode(struct aq_slice new_value, struct aq_slice old_value)
{
    struct aq_err err = {0};
    struct aq_slice bytes;
    struct st_change change = {.new_value = new_value, .old_value = old_value};
    T_CHECK(st_change_encode(&change, &arena, &bytes, &err) == 0, "%s", err.text);
    return bytes;
}

static void expect_change(const char *digits, const char *new_digits, const char *old_digits, bool latest)
{
    struct aq_err err = {0};
    struct st_change change;
    struct aq_slice bytes = exact(unhex(digits));
    T_CHECK(st_change_decode(bytes, &change, &err) == 0, "%s: %s", digits, err.text);
    expect_bytes(change.new_value, new_digits);
    expect_bytes(change.old_value, old_digits);
    assert_int_equal(change.is_latest, latest);
    drop(bytes);
}

static void bytes_are_those_of_kafka_streams(void **state)
{
    (void)state;
    static const struct {
        const char *new_value;
        const char *old_value;
        const char *bytes;
    } rows[] = {
        {"6e", NULL, "6e 01"},  {NULL, "6f", "6f 00"},  {"6e", "6f", "02 6e 6f 02"},
        {"", NULL, "01"},       {NULL, "", "00"},       {"", "", "00 02"},
        {"", "6f", "00 6f 02"}, {"6e", "", "02 6e 02"}, {"0001", "02", "04 0001 02 02"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        expect_bytes(encode(unhex(rows[i].new_value), unhex(rows[i].old_value)), rows[i].bytes);
        expect_change(rows[i].bytes, rows[i].new_value, rows[i].old_value, true);
    }
}

static void lengths_take_as_many_bytes_as_they_need(void **state)
{
    (void)state;
    static const struct {
        size_t length;
        const char *head;
    } rows[] = {{63, "7e"},       {64, "8001"},        {8191, "fe7f"},
                {8192, "808001"}, {1048575, "feff7f"}, {1048576, "80808001"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct aq_slice value = aq_slice_of(aq_arena_zalloc(&arena, rows[i].length), rows[i].length);
        struct aq_slice bytes = encode(value, AQ_LIT("o"));
        size_t head = bytes.len - rows[i].length - 2;
        expect_bytes(aq_slice_of(bytes.ptr, head), rows[i].head);
        struct st_change change;
        assert_int_equal(st_change_decode(bytes, &change, NULL), 0);
        assert_true(aq_slice_equal(change.new_value, value));
        assert_true(aq_slice_equal(change.old_value, AQ_LIT("o")));
    }
}

static void newer_flags_are_read(void **state)
{
    (void)state;
    expect_change("6f 00 03", NULL, "6f", false);
    expect_change("6f 01 03", NULL, "6f", true);
    expect_change("01 03", NULL, "", true);
    expect_change("6e 00 04", "6e", NULL, false);
    expect_change("02 6e 6f 00 05", "6e", "6f", false);
    expect_change("00 01 05", "", "", true);
}

static void a_length_may_be_longer_than_it_needs(void **state)
{
    (void)state;
    expect_change("82 80 00 6e 6f 02", "6e", "6f", true);
    expect_change("82 80 80 80 00 6e 6f 02", "6e", "6f", true);
}

static void garbage_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        const char *text;
    } rows[] = {
        {NULL, "null"},
        {"", "no bytes"},
        {"6e 06", "unknown flag 6"},
        {"6e ff", "unknown flag 255"},
        {"02", "the length of its new value cannot be read"},
        {"80 02", "the length of its new value cannot be read"},
        {"82 80 80 80 80 00 6e 02", "the length of its new value cannot be read"},
        {"82 80 80 80 10 6e 6f 02", "the length of its new value cannot be read"},
        {"ff ff ff ff ff 6e 02", "the length of its new value cannot be read"},
        {"01 6e 6f 02", "the length of its new value cannot be read"},
        {"04 6e 02", "its new value has 2 bytes, of which 1 are there"},
        {"fe ff ff ff 0f 6e 02", "its new value has 2147483647 bytes, of which 1 are there"},
        {"03", "nothing in front of its flag"},
        {"05", "nothing in front of its flag"},
        {"6f 02 03", "2 is neither latest (1) nor not (0)"},
        {"01 05", "the length of its new value cannot be read"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct aq_err err = {0};
        struct st_change change = {.is_latest = false};
        struct aq_slice bytes = rows[i].bytes ? exact(unhex(rows[i].bytes)) : AQ_NULL_SLICE;
        assert_int_equal(st_change_decode(bytes, &change, &err), AQ_E_BAD_RECORD);
        const char *text = aq_arena_printf(&arena, "not a change of a table: %s", rows[i].text);
        T_CHECK(strcmp(err.text, text) == 0, "%s: %s", rows[i].bytes ? rows[i].bytes : "null", err.text);
        assert_true(aq_slice_is_null(change.new_value) && !change.is_latest);
        drop(bytes);
    }
}

static void neither_value_cannot_be_encoded(void **state)
{
    (void)state;
    struct aq_err err = {0};
    struct aq_slice bytes;
    struct st_change change = {.is_latest = true};
    assert_int_equal(st_change_encode(&change, &arena, &bytes, &err), AQ_E_BAD_RECORD);
    assert_string_equal(err.text, "a change of a table has neither an old nor a new value");
#if SIZE_MAX > UINT32_MAX
    /* Refused before a byte is looked at. */
    change.new_value = aq_slice_of("x", (size_t)INT32_MAX + 1);
    assert_int_equal(st_change_encode(&change, &arena, &bytes, &err), AQ_E_BAD_RECORD);
#endif
}

static void random_changes_come_back(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (int i = 0; i < 3000; i++) {
        struct aq_slice new_value = draw_bytes(&random, 200), old_value = draw_bytes(&random, 200);
        if (i % 3 == 0) new_value = AQ_NULL_SLICE;
        if (i % 3 == 1) old_value = AQ_NULL_SLICE;
        struct aq_slice bytes = encode(new_value, old_value);
        struct st_change change;
        assert_int_equal(st_change_decode(bytes, &change, NULL), 0);
        assert_true(aq_slice_equal(change.new_value, new_value));
        assert_true(aq_slice_equal(change.old_value, old_value));
        assert_true(change.is_latest);
        aq_arena_reset(&arena);
    }
}

/* The last byte decides, so what is left of a record may be a change by accident; it never reaches beyond its bytes. */
static void what_is_cut_off_or_random_stays_within_its_bytes(void **state)
{
    (void)state;
    uint64_t random = 5;
    for (int i = 0; i < 20000; i++) {
        struct aq_slice drawn = draw_bytes(&random, 12);
        struct aq_slice bytes = exact(drawn);
        if (bytes.len > 0 && i % 8) ((char *)(uintptr_t)bytes.ptr)[bytes.len - 1] = (char)(i % 8 - 1);
        struct st_change change;
        int rc = st_change_decode(bytes, &change, NULL);
        if (rc == 0) {
            assert_true(change.new_value.ptr || change.old_value.ptr);
            assert_true(!change.new_value.ptr || lies_in(change.new_value, bytes));
            assert_true(!change.old_value.ptr || lies_in(change.old_value, bytes));
        }
        drop(bytes);
        aq_arena_reset(&arena);
    }
}

/* No byte of these values or of their length is a flag, so nothing that is left can pass for a change. */
static void every_beginning_of_a_change_of_text_is_refused(void **state)
{
    (void)state;
    static const char *const olds[] = {NULL, "6f6c64"};
    static const char *const news[] = {"6e6577", NULL};
    for (size_t i = 0; i < 4; i++) {
        const char *new_digits = news[i / 2], *old_digits = olds[i % 2];
        if (!new_digits && !old_digits) continue;
        struct aq_slice whole = encode(unhex(new_digits), unhex(old_digits));
        for (size_t length = 0; length < whole.len; length++) {
            struct aq_slice bytes = exact(aq_slice_of(whole.ptr, length));
            struct st_change change;
            assert_int_equal(st_change_decode(bytes, &change, NULL), AQ_E_BAD_RECORD);
            drop(bytes);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_those_of_kafka_streams),
        cmocka_unit_test(lengths_take_as_many_bytes_as_they_need),
        cmocka_unit_test(newer_flags_are_read),
        cmocka_unit_test(a_length_may_be_longer_than_it_needs),
        cmocka_unit_test(garbage_is_refused),
        cmocka_unit_test(neither_value_cannot_be_encoded),
        cmocka_unit_test(random_changes_come_back),
        cmocka_unit_test(what_is_cut_off_or_random_stays_within_its_bytes),
        cmocka_unit_test(every_beginning_of_a_change_of_text_is_refused),
    };
    return cmocka_run_group_tests(tests, serde_setup, serde_teardown);
}
