/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys with windows. Golden bytes are put together by hand: the key's ASCII, then 1000 = 3e8, 1,700,000,000,000 =
 * 18bcfe56800 and so on in 8 bytes, the sequence in 4. Partitions are toPositive(murmur2(inner key)) % n, worked out with
 * Java's murmur2.
 */
#include "streams/serde/windowed_key.h"

#include <inttypes.h>

#include "streams/serde/serde.h"

#include "tests/unit/streams/serde_test.h"

#define T0 INT64_C(1700000000000)

static const enum st_key_form forms[] = {ST_KEY_TIME, ST_KEY_SESSION, ST_KEY_STORE};
static const size_t tails[] = {8, 16, 12};

static const struct {
    enum st_key_form form;
    const char *key;
    int64_t start;
    int64_t end;
    int32_t sequence;
    const char *bytes;
} golden[] = {
    {ST_KEY_TIME, "a", 1000, 0, 0, "61 00000000000003e8"},
    {ST_KEY_TIME, "", 0, 0, 0, "0000000000000000"},
    {ST_KEY_TIME, "ab", T0, 0, 0, "6162 0000018bcfe56800"},
    {ST_KEY_TIME, "a", INT64_MAX, 0, 0, "61 7fffffffffffffff"},
    {ST_KEY_SESSION, "a", 10, 15, 0, "61 000000000000000f 000000000000000a"},
    {ST_KEY_SESSION, "a", 10, 10, 0, "61 000000000000000a 000000000000000a"},
    {ST_KEY_SESSION, "", 0, 0, 0, "0000000000000000 0000000000000000"},
    {ST_KEY_SESSION, "ab", T0, INT64_MAX, 0, "6162 7fffffffffffffff 0000018bcfe56800"},
    {ST_KEY_STORE, "a", 1000, 0, 7, "61 00000000000003e8 00000007"},
    {ST_KEY_STORE, "", 0, 0, INT32_MAX, "0000000000000000 7fffffff"},
    {ST_KEY_STORE, "ab", T0, 0, 0, "6162 0000018bcfe56800 00000000"},
};

static bool same(const struct st_windowed_key *a, const struct st_windowed_key *b)
{
    return aq_slice_equal(a->key, b->key) && a->start == b->start && a->end == b->end &&
           a->sequence == b->sequence;
}

static void bytes_are_those_of_kafka_streams(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
        struct st_windowed_key key = {.key = aq_slice_str(golden[i].key),
                                      .start = golden[i].start,
                                      .end = golden[i].end,
                                      .sequence = golden[i].sequence};
        expect_bytes(st_windowed_key_encode(golden[i].form, &key, &arena), golden[i].bytes);
        struct aq_err err = {0};
        struct st_windowed_key read;
        struct aq_slice bytes = exact(unhex(golden[i].bytes));
        T_CHECK(st_windowed_key_decode(golden[i].form, bytes, &read, &err) == 0, "%s", err.text);
        T_CHECK(same(&read, &key), "row %zu", i);
        drop(bytes);
    }
}

static void too_short_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct st_windowed_key key;
        for (size_t length = 0; length < tails[i]; length++) {
            struct aq_err err = {0};
            struct aq_slice bytes = exact(aq_slice_of("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", length));
            assert_int_equal(st_windowed_key_decode(forms[i], bytes, &key, &err), AQ_E_BAD_RECORD);
            const char *text = aq_arena_printf(
                &arena, "a windowed key of %zu bytes, where the window alone takes %zu", length, tails[i]);
            assert_string_equal(err.text, text);
            drop(bytes);
        }
        struct aq_err err = {0};
        assert_int_equal(st_windowed_key_decode(forms[i], AQ_NULL_SLICE, &key, &err), AQ_E_BAD_RECORD);
        assert_string_equal(err.text, "a windowed key cannot be null");
    }
}

static void windows_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const struct {
        enum st_key_form form;
        const char *bytes;
        const char *text;
    } rows[] = {
        {ST_KEY_TIME, "61 ffffffffffffffff",
         "not a windowed key: its window starts before 1970 (start -1, end 0, sequence 0)"},
        {ST_KEY_STORE, "61 8000000000000000 00000000",
         "not a windowed key: its window starts before 1970 (start -9223372036854775808, end 0, sequence 0)"},
        {ST_KEY_STORE, "61 0000000000000000 ffffffff",
         "not a windowed key: its sequence is negative (start 0, end 0, sequence -1)"},
        {ST_KEY_SESSION, "61 0000000000000003 ffffffffffffffff",
         "not a windowed key: its window starts before 1970 (start -1, end 3, sequence 0)"},
        {ST_KEY_SESSION, "61 0000000000000003 0000000000000005",
         "not a windowed key: its session ends before it starts (start 5, end 3, sequence 0)"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct aq_err err = {0};
        struct st_windowed_key key = {.sequence = 42};
        assert_int_equal(st_windowed_key_decode(rows[i].form, unhex(rows[i].bytes), &key, &err),
                         AQ_E_BAD_RECORD);
        T_CHECK(strcmp(err.text, rows[i].text) == 0, "%s", err.text);
        assert_int_equal(key.sequence, 42);
    }
}

static struct st_windowed_key draw_key(uint64_t *random, enum st_key_form form, size_t longest)
{
    struct st_windowed_key key = {.key = draw_bytes(random, longest)};
    key.start = (int64_t)(draw(random) >> (1 + draw(random) % 63));
    if (form == ST_KEY_SESSION)
        key.end = key.start + (int64_t)(draw(random) % ((uint64_t)(INT64_MAX - key.start) + 1));
    if (form == ST_KEY_STORE) key.sequence = (int32_t)(draw(random) & INT32_MAX);
    return key;
}

/* A key is any bytes, so a cut-off tail may leave something that is a windowed key too: then it encodes to these bytes. */
static void random_keys_come_back_and_every_beginning_is_bounded(void **state)
{
    (void)state;
    uint64_t random = 7;
    for (int i = 0; i < 1500; i++) {
        enum st_key_form form = forms[i % 3];
        struct st_windowed_key key = draw_key(&random, form, 24), read;
        struct aq_slice whole = st_windowed_key_encode(form, &key, &arena);
        assert_int_equal(whole.len, key.key.len + tails[i % 3]);
        assert_int_equal(st_windowed_key_decode(form, whole, &read, NULL), 0);
        assert_true(same(&read, &key));
        for (size_t length = 0; length < whole.len; length++) {
            struct aq_slice bytes = exact(aq_slice_of(whole.ptr, length));
            int rc = st_windowed_key_decode(form, bytes, &read, NULL);
            assert_true(length >= tails[i % 3] || rc == AQ_E_BAD_RECORD);
            if (rc == 0) assert_true(aq_slice_equal(st_windowed_key_encode(form, &read, &arena), bytes));
            drop(bytes);
        }
        aq_arena_reset(&arena);
    }
}

/* ---- partition ---------------------------------------------------------------------------------------------------- */

static void all_windows_of_a_key_go_to_the_partition_of_the_key(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int32_t partitions;
        int32_t partition;
    } rows[] = {
        {"a", 1, 0},        {"a", 7, 5},         {"a", 16, 12}, {"a", 100, 24},  {"ab", 7, 0},
        {"ab", 16, 10},     {"ab", 100, 34},     {"21", 7, 3},  {"21", 100, 40}, {"foobar", 7, 0},
        {"foobar", 16, 14}, {"foobar", 100, 66}, {"", 7, 2},    {"", 16, 9},     {"", 100, 81},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int64_t start = 0; start < 5; start++) {
            struct st_windowed_key key = {.key = aq_slice_str(rows[i].key), .start = start};
            assert_int_equal(st_windowed_key_partition(&key, rows[i].partitions), rows[i].partition);
        }
    }
}

/* ---- order -------------------------------------------------------------------------------------------------------- */

static int by_time(enum st_key_form form, const struct st_windowed_key *a, const struct st_windowed_key *b)
{
    if (form == ST_KEY_SESSION && a->end != b->end) return a->end < b->end ? -1 : 1;
    if (a->start != b->start) return a->start < b->start ? -1 : 1;
    return (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

static void windows_of_one_key_are_ordered_by_time(void **state)
{
    (void)state;
    uint64_t random = 11;
    for (int i = 0; i < 3000; i++) {
        enum st_key_form form = forms[i % 3];
        struct st_windowed_key a = draw_key(&random, form, 4), b = draw_key(&random, form, 0);
        b.key = a.key;
        if (draw(&random) % 4 == 0) b.start = a.start;
        if (form == ST_KEY_SESSION && b.end < b.start) b.end = b.start;
        int order = st_key_compare(st_windowed_key_encode(form, &a, &arena),
                                   st_windowed_key_encode(form, &b, &arena));
        assert_int_equal((order > 0) - (order < 0), by_time(form, &a, &b));
        aq_arena_reset(&arena);
    }
}

/* In the order of a sorted map of Java's store keys: the empty key and the key 00 mix, for a start begins with zeros. */
static void a_key_that_begins_another_mixes_with_it(void **state)
{
    (void)state;
    const int64_t late = INT64_C(7) << 56;
    const struct st_windowed_key keys[] = {
        {.key = AQ_LIT(""), .start = 0},
        {.key = aq_slice_of("\0", 1), .start = 0},
        {.key = aq_slice_of("\0", 1), .start = 256},
        {.key = AQ_LIT(""), .start = 256},
        {.key = aq_slice_of("\0", 1), .start = late},
        {.key = AQ_LIT(""), .start = late},
        {.key = AQ_LIT("a"), .start = 0},
        {.key = AQ_LIT("a"), .start = 256},
        {.key = AQ_LIT("a"), .start = late},
        {.key = AQ_LIT("ab"), .start = 0},
        {.key = AQ_LIT("ab"), .start = late},
        {.key = AQ_LIT("b"), .start = 0},
        {.key = AQ_LIT("\xc3\xbf"), .start = 0},
    };
    for (size_t i = 1; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct aq_slice before = st_windowed_key_encode(ST_KEY_STORE, &keys[i - 1], &arena);
        struct aq_slice behind = st_windowed_key_encode(ST_KEY_STORE, &keys[i], &arena);
        T_CHECK(st_key_compare(before, behind) < 0, "%s, %s", hex(before), hex(behind));
    }
}

static void the_end_of_a_window_does_not_overflow(void **state)
{
    (void)state;
    assert_true(st_window_end(0, 1) == 1);
    assert_true(st_window_end(5, 10) == 15);
    assert_true(st_window_end(INT64_MAX - 10, 10) == INT64_MAX);
    assert_true(st_window_end(INT64_MAX - 9, 10) == INT64_MAX);
    assert_true(st_window_end(INT64_MAX, INT64_MAX) == INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_those_of_kafka_streams),
        cmocka_unit_test(too_short_is_refused),
        cmocka_unit_test(windows_that_cannot_be_are_refused),
        cmocka_unit_test(random_keys_come_back_and_every_beginning_is_bounded),
        cmocka_unit_test(all_windows_of_a_key_go_to_the_partition_of_the_key),
        cmocka_unit_test(windows_of_one_key_are_ordered_by_time),
        cmocka_unit_test(a_key_that_begins_another_mixes_with_it),
        cmocka_unit_test(the_end_of_a_window_does_not_overflow),
    };
    return cmocka_run_group_tests(tests, serde_setup, serde_teardown);
}
