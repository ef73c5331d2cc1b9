/* SPDX-License-Identifier: Apache-2.0
 *
 * The outbox by itself: when flights are closed, which marks move when, and when input batches go back.
 */
#include "streams/outbox.h"

#include "base/mem.h"
#include "streams/timestamp.h"
#include "tests/lib/check.h"

#define BATCHES 8

struct world {
    struct st_outbox outbox;
    struct aq_names names;
    const struct aq_name *topic;
    struct st_feed feeds[2];
    struct aq_batch batches[BATCHES]; /* stand for input batches */
    char log[1024];                   /* what was released and acknowledged */
};

/* The marks that the feeds have come to, by index. */
static struct st_mark positions[2];

static struct st_mark position(const struct st_feed *feed)
{
    return positions[feed->index];
}

static void note_release(void *ctx, struct aq_batch *batch)
{
    struct world *w = ctx;
    assert_null(batch->next);
    t_note(w->log, sizeof(w->log), "b%d", (int)(batch - w->batches));
}

static void note_acked(void *ctx, struct st_feed *feed)
{
    struct world *w = ctx;
    t_note(w->log, sizeof(w->log), "f%zu:%lld", feed->index, (long long)feed->acked.next);
}

static void begin(struct world *w)
{
    *w = (struct world){0};
    aq_names_init(&w->names);
    w->topic = aq_names_intern(&w->names, AQ_LIT("out"));
    st_outbox_init(&w->outbox, note_release, w);
    for (size_t i = 0; i < 2; i++) {
        w->feeds[i] = (struct st_feed){.index = i, .topic = w->topic};
        positions[i] = (struct st_mark){0, ST_NO_TIME};
    }
}

static void finish(struct world *w)
{
    st_outbox_finish(&w->outbox);
    aq_names_finish(&w->names);
}

static void expect_log(struct world *w, const char *text)
{
    assert_string_equal(w->log, text);
    w->log[0] = '\0';
}

static void put(struct world *w, struct aq_slice value)
{
    struct aq_record rec = {.value = value, .timestamp = 5, .time_type = AQ_TIME_CREATE, .offset = 9};
    st_outbox_add(&w->outbox, &rec, w->topic, -1, NULL);
}

/* One record of the feed was processed, with an output. */
static void process(struct world *w, size_t feed, int64_t next)
{
    st_outbox_touch(&w->outbox, &w->feeds[feed]);
    positions[feed] = (struct st_mark){next, next * 10};
    put(w, AQ_LIT("v"));
}

static struct st_flight *send(struct world *w)
{
    st_outbox_close(&w->outbox, position);
    struct st_flight *flight = st_outbox_next(&w->outbox);
    assert_non_null(flight);
    st_outbox_sent(&w->outbox, flight);
    return flight;
}

static void through(struct world *w, struct st_flight *flight)
{
    st_outbox_through(&w->outbox, flight, note_acked, w);
}

/* Done with, and source of a record. */
static void pin_lent(struct world *w, struct aq_batch *batch)
{
    batch->lent = true;
    st_outbox_pin(&w->outbox, batch);
}

/* ---- tests -------------------------------------------------------------------------------------------------------- */

static void an_empty_outbox_closes_nothing_and_keeps_no_batch(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    assert_true(st_outbox_is_empty(&w.outbox));
    st_outbox_close(&w.outbox, position);
    assert_null(st_outbox_next(&w.outbox));
    pin_lent(&w, &w.batches[0]);
    expect_log(&w, "b0");
    finish(&w);
    expect_log(&w, "");
}

static void marks_move_when_a_flight_is_sent_and_when_it_is_through(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    process(&w, 0, 3);
    process(&w, 0, 4);
    assert_true(w.feeds[0].touched);
    st_outbox_close(&w.outbox, position);
    assert_false(w.feeds[0].touched);
    positions[0].next = 99; /* too late for this flight */
    assert_int_equal(w.feeds[0].sent.next, 0);
    struct st_flight *flight = st_outbox_next(&w.outbox);
    assert_int_equal(flight->batch.n, 2);
    st_outbox_sent(&w.outbox, flight);
    assert_null(st_outbox_next(&w.outbox));
    assert_int_equal(w.feeds[0].sent.next, 4);
    assert_int_equal(w.feeds[0].sent.time_ms, 40);
    assert_int_equal(w.feeds[0].acked.next, 0);
    assert_false(st_outbox_is_empty(&w.outbox));
    through(&w, flight);
    assert_int_equal(w.feeds[0].acked.time_ms, 40);
    expect_log(&w, "f0:4");
    assert_true(st_outbox_is_empty(&w.outbox));
    assert_int_equal(w.outbox.bytes, 0);
    finish(&w);
}

static void flights_that_come_back_out_of_order_move_the_marks_in_order(void **state)
{
    (void)state;
    struct world w;
    struct st_flight *flights[3];
    begin(&w);
    for (int i = 0; i < 3; i++) {
        process(&w, 0, i + 1);
        if (i != 1) process(&w, 1, i + 1);
        pin_lent(&w, &w.batches[i]);
        flights[i] = send(&w);
    }
    assert_int_equal(w.outbox.bytes, 5);
    through(&w, flights[2]);
    expect_log(&w, "");
    through(&w, flights[0]);
    expect_log(&w, "f0:1 f1:1 b0");
    through(&w, flights[1]);
    expect_log(&w, "f0:2 b1 f0:3 f1:3 b2");
    assert_int_equal(w.outbox.bytes, 0);
    finish(&w);
}

static void an_input_batch_waits_for_all_that_was_made_before_it_was_pinned(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    process(&w, 0, 1);
    struct st_flight *first = send(&w);
    pin_lent(&w, &w.batches[0]); /* nothing in the open flight, but one is in the air */
    expect_log(&w, "");
    through(&w, first);
    expect_log(&w, "f0:1 b0");
    assert_true(st_outbox_is_empty(&w.outbox));
    finish(&w);
}

static void an_input_batch_that_was_no_source_waits_for_nothing(void **state)
{
    (void)state;
    struct world w;
    struct aq_record read = {.batch = &w.batches[0], .value = AQ_LIT("v")};
    begin(&w);
    process(&w, 0, 1);
    st_outbox_pin(&w.outbox, &w.batches[1]); /* what was made is of a store, whatever it was read for */
    expect_log(&w, "b1");
    st_outbox_add(&w.outbox, &read, w.topic, -1, &read);
    st_outbox_pin(&w.outbox, &w.batches[0]);
    struct st_flight *flight = send(&w);
    expect_log(&w, "");
    through(&w, flight);
    expect_log(&w, "f0:1 b0");
    finish(&w);
}

static void a_flight_of_marks_alone_moves_them_too(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    st_outbox_touch(&w.outbox, &w.feeds[0]);
    positions[0].next = 7;
    assert_false(st_outbox_is_empty(&w.outbox));
    pin_lent(&w, &w.batches[0]);
    struct st_flight *flight = send(&w);
    assert_int_equal(flight->batch.n, 0);
    through(&w, flight);
    expect_log(&w, "f0:7 b0");
    finish(&w);
}

static void a_forgotten_feed_keeps_its_marks_where_they_are(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    process(&w, 0, 1);
    process(&w, 1, 2);
    struct st_flight *first = send(&w);
    process(&w, 0, 3);
    process(&w, 1, 4);
    st_outbox_forget(&w.outbox, &w.feeds[0]);
    w.feeds[0].touched = false;
    positions[0].next = 1000;
    struct st_flight *second = send(&w);
    assert_int_equal(second->batch.n, 2);
    assert_int_equal(w.feeds[0].sent.next, 1);
    through(&w, first);
    through(&w, second);
    expect_log(&w, "f1:2 f1:4");
    finish(&w);
}

static void a_batch_that_waited_for_nothing_but_forgotten_marks_comes_back(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    st_outbox_touch(&w.outbox, &w.feeds[0]);
    pin_lent(&w, &w.batches[0]);
    st_outbox_forget(&w.outbox, &w.feeds[0]);
    assert_true(st_outbox_is_empty(&w.outbox));
    expect_log(&w, "b0");
    finish(&w);
}

static void after_an_abort_all_is_forgotten_and_every_batch_is_back(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    process(&w, 0, 1);
    pin_lent(&w, &w.batches[0]);
    struct st_flight *first = send(&w);
    process(&w, 0, 2);
    pin_lent(&w, &w.batches[1]);
    st_outbox_close(&w.outbox, position);
    process(&w, 0, 3);
    process(&w, 1, 3);
    pin_lent(&w, &w.batches[2]);
    first->batch.produced = 1;
    st_outbox_clear(&w.outbox);
    expect_log(&w, "b0 b1 b2");
    assert_true(st_outbox_is_empty(&w.outbox));
    assert_null(st_outbox_next(&w.outbox));
    assert_false(w.feeds[0].touched || w.feeds[1].touched);
    assert_int_equal(w.feeds[0].acked.next, 0);
    process(&w, 0, 8);
    struct st_flight *again = send(&w);
    assert_int_equal(again->batch.produced, 0);
    through(&w, again);
    expect_log(&w, "f0:8");
    finish(&w);
}

static void a_flight_is_full_at_so_many_records(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    for (int i = 0; i < ST_FLIGHT_RECORDS; i++) {
        assert_false(st_outbox_is_full(&w.outbox));
        put(&w, AQ_LIT("v"));
    }
    assert_true(st_outbox_is_full(&w.outbox));
    through(&w, send(&w));
    assert_false(st_outbox_is_full(&w.outbox));
    finish(&w);
}

static void or_at_so_many_bytes(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    char *value = aq_calloc(1, ST_FLIGHT_BYTES);
    put(&w, aq_slice_of(value, ST_FLIGHT_BYTES - 1));
    assert_false(st_outbox_is_full(&w.outbox));
    put(&w, AQ_LIT("v"));
    assert_true(st_outbox_is_full(&w.outbox));
    assert_true(w.outbox.bytes == ST_FLIGHT_BYTES);
    through(&w, send(&w));
    free(value);
    finish(&w);
}

static void headers_count_as_bytes(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    char *value = aq_calloc(1, ST_FLIGHT_BYTES);
    struct aq_header header = {AQ_LIT("h"), aq_slice_of(value, ST_FLIGHT_BYTES)};
    struct aq_record rec = {.headers = &header, .n_headers = 1, .flags = AQ_REC_HEADERS_LOADED};
    st_outbox_add(&w.outbox, &rec, w.topic, -1, NULL);
    assert_true(st_outbox_is_full(&w.outbox));
    through(&w, send(&w));
    free(value);
    finish(&w);
}

static void a_flight_is_held_until_the_one_with_its_dead_letter_is_through(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    process(&w, 0, 1);
    pin_lent(&w, &w.batches[0]);
    struct st_flight *first = send(&w);
    assert_ptr_equal(st_outbox_flight_of(&first->batch), first);
    process(&w, 0, 2);
    struct st_flight *second = send(&w);
    put(&w, AQ_LIT("letter"));
    st_outbox_hold(&w.outbox, first);
    through(&w, first);
    struct st_flight *third = send(&w);
    through(&w, third);
    expect_log(&w, "");
    through(&w, second);
    expect_log(&w, "f0:1 b0 f0:2");
    process(&w, 0, 3);
    through(&w, send(&w)); /* the same memory, held no more */
    expect_log(&w, "f0:3");
    finish(&w);
}

static void bytes_in_the_arena_live_as_long_as_the_flight(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    put(&w, aq_arena_copy(st_outbox_arena(&w.outbox), AQ_LIT("made")));
    struct st_flight *flight = send(&w);
    put(&w, aq_arena_copy(st_outbox_arena(&w.outbox), AQ_LIT("next")));
    assert_true(aq_slice_equal(flight->batch.records[0].value, AQ_LIT("made")));
    through(&w, flight);
    assert_true(aq_slice_equal(w.outbox.open->batch.records[0].value, AQ_LIT("next")));
    finish(&w);
}

static void while_closing_a_flight_that_did_not_come_back_is_left_behind(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    process(&w, 0, 1);
    struct st_flight *gone = send(&w);
    gone->batch.outstanding = 1;
    process(&w, 0, 2);
    pin_lent(&w, &w.batches[1]);
    w.outbox.closing = true;
    st_outbox_clear(&w.outbox);
    expect_log(&w, "b1");
    assert_int_equal(w.outbox.bytes, 0);
    assert_true(st_outbox_is_empty(&w.outbox));
    gone->batch.outstanding = 0; /* nobody reads it here */
    aq_batch_finish(&gone->batch);
    free(gone->marks);
    free(gone);
    finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_outbox_closes_nothing_and_keeps_no_batch),
        cmocka_unit_test(marks_move_when_a_flight_is_sent_and_when_it_is_through),
        cmocka_unit_test(flights_that_come_back_out_of_order_move_the_marks_in_order),
        cmocka_unit_test(an_input_batch_waits_for_all_that_was_made_before_it_was_pinned),
        cmocka_unit_test(an_input_batch_that_was_no_source_waits_for_nothing),
        cmocka_unit_test(a_flight_of_marks_alone_moves_them_too),
        cmocka_unit_test(a_forgotten_feed_keeps_its_marks_where_they_are),
        cmocka_unit_test(a_batch_that_waited_for_nothing_but_forgotten_marks_comes_back),
        cmocka_unit_test(after_an_abort_all_is_forgotten_and_every_batch_is_back),
        cmocka_unit_test(a_flight_is_full_at_so_many_records),
        cmocka_unit_test(or_at_so_many_bytes),
        cmocka_unit_test(headers_count_as_bytes),
        cmocka_unit_test(a_flight_is_held_until_the_one_with_its_dead_letter_is_through),
        cmocka_unit_test(bytes_in_the_arena_live_as_long_as_the_flight),
        cmocka_unit_test(while_closing_a_flight_that_did_not_come_back_is_left_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
