/* SPDX-License-Identifier: Apache-2.0
 *
 * Arithmetic of windows against models that try every window there could be, Kafka's bounds, and the set of windows that wait.
 */
#include "streams/ops/windows.h"

#include "streams/ops/closing.h"
#include "streams/serde/serde.h"
#include "tests/lib/check.h"

static uint64_t draw(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random >> 11;
}

static struct st_windows made(enum st_windows_kind kind, int64_t size, int64_t advance, int64_t grace)
{
    struct st_windows w = {.kind = kind, .size_ms = size, .advance_ms = advance, .grace_ms = grace};
    struct aq_err err = {0};
    st_windows_complete(&w, false);
    T_CHECK(st_windows_check(&w, NULL, &err) == 0, "%s", err.text);
    return w;
}

/* ---- which windows a time is in ------------------------------------------------------------------------------------- */

static void expect_starts(const struct st_windows *w, int64_t ms, const char *expected)
{
    char log[512] = "";
    for (int64_t s = st_windows_first(w, ms); s <= ms; s = st_windows_next(w, s))
        t_note(log, sizeof(log), "%lld", (long long)s);
    T_CHECK(strcmp(log, expected) == 0, "%lld is in %s, not in %s", (long long)ms, log, expected);
}

static void windows_start_at_multiples_of_the_advance_and_never_before_0(void **state)
{
    (void)state;
    struct st_windows w = made(ST_HOPPING, 10, 3, 0);
    expect_starts(&w, 0, "0");
    expect_starts(&w, 3, "0 3");
    expect_starts(&w, 9, "0 3 6 9");
    expect_starts(&w, 11, "3 6 9");
    expect_starts(&w, 12, "3 6 9 12");
    expect_starts(&w, 13, "6 9 12");
    w = made(ST_TUMBLING, 10, 0, 0);
    expect_starts(&w, 0, "0");
    expect_starts(&w, 9, "0");
    expect_starts(&w, 10, "10");
    w = made(ST_HOPPING, 1, 1, 0);
    expect_starts(&w, 7, "7");
}

static void a_time_is_in_exactly_the_windows_that_hold_it(void **state)
{
    (void)state;
    for (int64_t size = 1; size <= 14; size++) {
        for (int64_t advance = 1; advance <= size; advance++) {
            struct st_windows w = made(ST_HOPPING, size, advance, 0);
            for (int64_t ms = 0; ms <= 45; ms++) {
                int64_t at = st_windows_first(&w, ms);
                for (int64_t start = 0; start <= ms; start += advance) {
                    bool holds = ms < st_windows_end(&w, start);
                    if (!holds) continue;
                    assert_int_equal(at, start);
                    at = st_windows_next(&w, at);
                }
                assert_true(at > ms);
            }
        }
    }
}

static void times_at_the_end_of_the_world_do_not_overflow(void **state)
{
    (void)state;
    struct st_windows w = made(ST_TUMBLING, INT64_MAX, 0, INT64_MAX);
    assert_int_equal(st_windows_first(&w, INT64_MAX - 1), 0);
    assert_int_equal(st_windows_next(&w, 0), INT64_MAX);
    assert_int_equal(st_windows_end(&w, 1), INT64_MAX);
    assert_false(st_windows_is_over(&w, INT64_MAX, INT64_MAX));
    w = made(ST_SESSION, INT64_MAX - 3, 0, 1);
    assert_int_equal(st_windows_over(&w, 0), INT64_MAX - 1);
    assert_int_equal(st_windows_over(&w, 1), INT64_MAX);
    w = made(ST_SLIDING, INT64_MAX, 0, 0);
    assert_int_equal(w.retention_ms, INT64_MAX);
    assert_int_equal(st_windows_end(&w, 7), INT64_MAX);
    assert_false(st_windows_is_over(&w, INT64_MAX, INT64_MAX));
}

/* ---- when they are over --------------------------------------------------------------------------------------------- */

/* Kafka Streams' own words: what it accepts at this stream time. */
static bool kafka_takes(const struct st_windows *w, int64_t end, int64_t stream)
{
    int64_t close = stream - w->grace_ms;
    switch (w->kind) {
    case ST_TUMBLING:
    case ST_HOPPING: return end > close;
    case ST_SLIDING: return end >= close;
    case ST_SESSION: return end >= close - w->size_ms;
    }
    return false;
}

static void a_window_is_over_when_kafka_streams_takes_nothing_for_it(void **state)
{
    (void)state;
    for (int kind = ST_TUMBLING; kind <= ST_SESSION; kind++) {
        for (int64_t grace = 0; grace <= 4; grace++) {
            struct st_windows w = made((enum st_windows_kind)kind, 6, kind == ST_HOPPING ? 2 : 0, grace);
            for (int64_t end = 0; end <= 30; end++)
                for (int64_t stream = -1; stream <= 60; stream++)
                    assert_int_equal(st_windows_is_over(&w, end, stream), !kafka_takes(&w, end, stream));
        }
    }
}

static void nothing_is_over_before_the_first_record(void **state)
{
    (void)state;
    struct st_windows w = made(ST_TUMBLING, 1, 0, 0);
    assert_false(st_windows_is_over(&w, 0, -1));
    w = made(ST_SLIDING, 0, 0, 0);
    assert_false(st_windows_is_over(&w, 0, -1));
    assert_false(st_windows_is_over(&w, 0, 0));
    assert_true(st_windows_is_over(&w, 0, 1));
}

static void a_row_is_kept_at_least_until_its_window_is_over(void **state)
{
    (void)state;
    for (int kind = ST_TUMBLING; kind <= ST_SESSION; kind++) {
        for (int64_t size = 1; size < 9; size++) {
            for (int64_t grace = 0; grace < 9; grace++) {
                struct st_windows w =
                    made((enum st_windows_kind)kind, size, kind == ST_HOPPING ? 1 : 0, grace);
                /* The newest row may start (of a session: end) at stream time. */
                int64_t start = 100, end = kind == ST_SESSION ? start : st_windows_end(&w, start);
                for (int64_t stream = start; !st_windows_is_over(&w, end, stream); stream++)
                    assert_true(stream < start + w.retention_ms);
            }
        }
    }
}

/* ---- checks --------------------------------------------------------------------------------------------------------- */

static void expect_refused(struct st_windows w, const char *field, const char *reason)
{
    const char *found = "";
    struct aq_err err = {0};
    st_windows_complete(&w, false);
    assert_int_equal(st_windows_check(&w, &found, &err), AQ_E_CONFIG);
    assert_string_equal(found, field);
    T_CHECK(strstr(err.text, reason), "'%s' is not in: %s", reason, err.text);
}

static void what_kafka_streams_refuses_is_refused(void **state)
{
    (void)state;
    expect_refused((struct st_windows){.kind = ST_TUMBLING}, "size_ms", "size of tumbling windows is 0 ms");
    expect_refused((struct st_windows){.kind = ST_TUMBLING, .size_ms = -1}, "size_ms", "at least 1 ms");
    expect_refused((struct st_windows){.kind = ST_SESSION}, "size_ms", "gap of session windows");
    expect_refused((struct st_windows){.kind = ST_SLIDING, .size_ms = -1}, "size_ms",
                   "difference of sliding");
    expect_refused((struct st_windows){.kind = ST_HOPPING, .size_ms = 5}, "advance_ms", "advance by 0 ms");
    expect_refused((struct st_windows){.kind = ST_HOPPING, .size_ms = 5, .advance_ms = 6}, "advance_ms",
                   "at most the size");
    expect_refused((struct st_windows){.kind = ST_HOPPING, .size_ms = 5, .advance_ms = -1}, "advance_ms", "");
    expect_refused((struct st_windows){.kind = ST_TUMBLING, .size_ms = 5, .grace_ms = -1}, "grace_ms",
                   "-1 ms");
    expect_refused((struct st_windows){.kind = ST_TUMBLING, .size_ms = 5, .grace_ms = 2, .retention_ms = 6},
                   "retention_ms", "need 7 ms: the size and grace");
    expect_refused((struct st_windows){.kind = ST_SESSION, .size_ms = 5, .grace_ms = 2, .retention_ms = 6},
                   "retention_ms", "need 7 ms: the gap and grace");
    expect_refused((struct st_windows){.kind = ST_SLIDING, .size_ms = 5, .grace_ms = 2, .retention_ms = 11},
                   "retention_ms", "need 12 ms: twice the difference and grace");
}

static void what_is_left_out_is_completed(void **state)
{
    (void)state;
    struct st_windows w = made(ST_TUMBLING, 60, 0, 5);
    assert_int_equal(w.advance_ms, 60);
    assert_int_equal(w.retention_ms, 65);
    w = made(ST_SESSION, 60, 0, 5);
    assert_int_equal(w.retention_ms, 66);
    w.retention_ms = 0;
    st_windows_complete(&w, true);
    assert_int_equal(w.retention_ms, 65);
    w = made(ST_SLIDING, 60, 0, 5);
    assert_int_equal(w.retention_ms, 186);
    w.retention_ms = 0;
    st_windows_complete(&w, true);
    assert_int_equal(w.retention_ms, 125);
    w = made(ST_SLIDING, 0, 0, 0);
    assert_int_equal(w.retention_ms, 1);
    w = (struct st_windows){.kind = ST_SLIDING, .size_ms = 5, .retention_ms = 10};
    st_windows_complete(&w, false);
    assert_int_equal(w.retention_ms, 10);
    assert_string_equal(st_windows_kind_name(ST_HOPPING), "hopping");
}

/* ---- windows that wait ---------------------------------------------------------------------------------------------- */

#define ENDS 6
#define KEYS 4

static const char *const key_texts[KEYS] = {"", "a", "aa", "b"};

static struct st_open_window cell(uint32_t i)
{
    return (struct st_open_window){.end = i / (2 * KEYS),
                                   .start = i / KEYS % 2,
                                   .key = i % KEYS ? aq_slice_str(key_texts[i % KEYS]) : AQ_LIT("")};
}

/* Cells are numbered in the order in which they have to come. */
static void expect_first(const struct st_closing *closing, const bool *in)
{
    struct st_open_window first;
    uint32_t i = 0;
    while (i < ENDS * 2 * KEYS && !in[i]) i++;
    assert_int_equal(st_closing_first(closing, &first), i < ENDS * 2 * KEYS);
    if (i == ENDS * 2 * KEYS) return;
    struct st_open_window expected = cell(i);
    assert_int_equal(first.end, expected.end);
    assert_int_equal(first.start, expected.start);
    assert_true(aq_slice_equal(first.key, expected.key));
}

static void windows_that_wait_come_in_order_whatever_was_added_and_removed(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct st_closing closing = {0};
        bool in[ENDS * 2 * KEYS] = {false};
        size_t n = 0;
        uint64_t random = seed;
        for (int round = 0; round < 2000; round++) {
            uint32_t i = (uint32_t)(draw(&random) % (ENDS * 2 * KEYS));
            struct st_open_window window = cell(i);
            /* Fewer and fewer, then more and more. */
            if (draw(&random) % 8 < (uint64_t)(round / 250)) {
                assert_int_equal(st_closing_remove(&closing, &window), in[i]);
                n -= in[i];
                in[i] = false;
            } else {
                assert_int_equal(st_closing_add(&closing, &window), !in[i]);
                n += !in[i];
                in[i] = true;
            }
            assert_int_equal(closing.n, n);
            expect_first(&closing, in);
        }
        st_closing_finish(&closing);
        assert_int_equal(closing.n, 0);
    }
}

static void ten_thousand_windows_that_wait_come_out_sorted(void **state)
{
    (void)state;
    struct st_closing closing = {0};
    uint64_t random = 7;
    char text[16];
    for (int i = 0; i < 10000; i++) {
        snprintf(text, sizeof(text), "k%d", i);
        int64_t end = (int64_t)(draw(&random) % 500);
        const struct st_open_window window = {.end = end, .start = end - 1, .key = aq_slice_str(text)};
        assert_true(st_closing_add(&closing, &window));
    }
    assert_true(closing.bytes > 10000 * 40);
    int64_t last = -1;
    char before[16] = "";
    struct st_open_window first;
    for (int i = 0; i < 10000; i++) {
        assert_true(st_closing_first(&closing, &first));
        assert_true(first.end > last ||
                    (first.end == last && st_key_compare(aq_slice_str(before), first.key) < 0));
        last = first.end;
        snprintf(before, sizeof(before), "%.*s", (int)first.key.len, first.key.ptr);
        assert_true(st_closing_remove(&closing, &first));
    }
    assert_int_equal(closing.n, 0);
    assert_int_equal(closing.bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_start_at_multiples_of_the_advance_and_never_before_0),
        cmocka_unit_test(a_time_is_in_exactly_the_windows_that_hold_it),
        cmocka_unit_test(times_at_the_end_of_the_world_do_not_overflow),
        cmocka_unit_test(a_window_is_over_when_kafka_streams_takes_nothing_for_it),
        cmocka_unit_test(nothing_is_over_before_the_first_record),
        cmocka_unit_test(a_row_is_kept_at_least_until_its_window_is_over),
        cmocka_unit_test(what_kafka_streams_refuses_is_refused),
        cmocka_unit_test(what_is_left_out_is_completed),
        cmocka_unit_test(windows_that_wait_come_in_order_whatever_was_added_and_removed),
        cmocka_unit_test(ten_thousand_windows_that_wait_come_out_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
