/* SPDX-License-Identifier: Apache-2.0
 *
 * Records through the client layer on real brokers: what is read is what was written, what is forwarded is what was
 * read, and a consumer says what it sees besides records.
 */
#include "tests/lib/broker_fixture.h"
#include "tests/lib/check.h"

/* ---- helpers -------------------------------------------------------------------------------------------------------- */

static struct aq_record *add(struct aq_batch *batch, const char *topic, struct aq_slice key,
                             struct aq_slice value, int64_t timestamp)
{
    struct aq_record *rec = aq_batch_add(batch);
    rec->topic = aq_names_intern(&env.names, aq_slice_str(topic));
    rec->partition = 0;
    rec->key = key;
    rec->value = value;
    rec->timestamp = timestamp;
    rec->time_type = AQ_TIME_CREATE;
    return rec;
}

/* The next batch within ten seconds. */
static struct aq_batch *poll_batch_at(struct kc_consumer *consumer, int line)
{
    int64_t until = aq_mono_us() + 10 * AQ_SEC;
    while (aq_mono_us() < until) {
        struct aq_batch *batch = ops->consumer_poll(consumer, aq_mono_us(), 50);
        if (batch) return batch;
    }
    fail_msg("line %d: no records within ten seconds", line);
    return NULL;
}

#define poll_batch(consumer) poll_batch_at((consumer), __LINE__)

static struct kc_event poll_event(struct kc_consumer *consumer, enum kc_event_kind kind)
{
    int64_t until = aq_mono_us() + 10 * AQ_SEC;
    struct kc_event event;
    while (aq_mono_us() < until) {
        struct aq_batch *batch = ops->consumer_poll(consumer, aq_mono_us(), 50);
        if (batch) aq_batch_release(batch);
        while (ops->consumer_event(consumer, &event)) {
            if (event.kind == kind) return event;
        }
    }
    fail_msg("no event of kind %d within ten seconds", kind);
    return event;
}

static void assign(struct kc_consumer *consumer, const char *topic, int32_t partition, int64_t offset,
                   void *owner)
{
    struct aq_err err = {0};
    kt_check(ops->consumer_assign(consumer, topic, partition, offset, owner, &err), &err, "assign");
}

static void send_numbers(const char *topic, int n)
{
    struct kc_producer *producer = kt_producer(&env.source, NULL);
    struct aq_batch batch;
    aq_batch_init(&batch, 16);
    for (int i = 0; i < n; i++) {
        char *text = aq_arena_printf(&batch.arena, "%d", i);
        add(&batch, topic, AQ_NULL_SLICE, aq_slice_str(text), 1700000000000 + i);
    }
    kt_send_all(producer, &batch);
    aq_batch_finish(&batch);
    kt_close_producer(producer);
}

static void assert_slice(struct aq_slice got, struct aq_slice expected)
{
    if (aq_slice_equal(got, expected)) return;
    fail_msg("got %s'%.*s', expected %s'%.*s'", got.ptr ? "" : "null ", (int)got.len, got.ptr ? got.ptr : "",
             expected.ptr ? "" : "null ", (int)expected.len, expected.ptr ? expected.ptr : "");
}

/* ---- round trip ----------------------------------------------------------------------------------------------------- */

static void write_specimens(const char *topic)
{
    struct kc_producer *producer = kt_producer(&env.source, NULL);
    struct aq_batch batch;
    aq_batch_init(&batch, 4);
    add(&batch, topic, AQ_LIT("k"), AQ_LIT("v"), 1700000000123);
    add(&batch, topic, AQ_NULL_SLICE, AQ_NULL_SLICE, 1);
    add(&batch, topic, AQ_LIT(""), AQ_LIT(""), 1700000000000);
    add(&batch, topic, AQ_LIT("tombstone"), AQ_NULL_SLICE, 1700000000000);
    struct aq_record *rec = add(&batch, topic, AQ_NULL_SLICE, AQ_LIT("with headers"), 0);
    aq_record_add_header(rec, AQ_LIT("a"), AQ_LIT("1"));
    aq_record_add_header(rec, AQ_LIT("a"), AQ_LIT("2"));
    aq_record_add_header(rec, AQ_LIT("null"), AQ_NULL_SLICE);
    aq_record_add_header(rec, AQ_LIT("empty"), AQ_LIT(""));
    aq_record_add_header(rec, AQ_LIT("bytes"), aq_slice_of("\0\1\xff", 3));
    add(&batch, topic, aq_slice_of("\0k", 2), aq_slice_of("v\0", 2), 1700000000000);
    kt_send_all(producer, &batch);
    aq_batch_finish(&batch);
    kt_close_producer(producer);
}

static void check_specimens(struct aq_batch *batch)
{
    assert_int_equal(batch->n, 6);
    struct aq_record *r = batch->records;
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(r[i].offset, i);
        assert_int_equal(r[i].time_type, AQ_TIME_CREATE);
        assert_non_null(r[i].origin);
        assert_ptr_equal(r[i].batch, batch);
    }
    assert_slice(r[0].key, AQ_LIT("k"));
    assert_slice(r[0].value, AQ_LIT("v"));
    assert_int_equal(r[0].timestamp, 1700000000123);
    assert_slice(r[1].key, AQ_NULL_SLICE);
    assert_slice(r[1].value, AQ_NULL_SLICE);
    assert_int_equal(r[1].timestamp, 1);
    assert_slice(r[2].key, AQ_LIT(""));
    assert_slice(r[2].value, AQ_LIT(""));
    assert_slice(r[3].key, AQ_LIT("tombstone"));
    assert_slice(r[3].value, AQ_NULL_SLICE);
    assert_int_equal(r[4].timestamp, 1); /* 0 cannot be sent; "now" would be further off */
    uint16_t n = 0;
    struct aq_header *h = aq_record_headers(&r[4], &n);
    assert_int_equal(n, 5);
    assert_slice(h[0].name, AQ_LIT("a"));
    assert_slice(h[0].value, AQ_LIT("1"));
    assert_slice(h[1].name, AQ_LIT("a"));
    assert_slice(h[1].value, AQ_LIT("2"));
    assert_slice(h[2].value, AQ_NULL_SLICE);
    assert_slice(h[3].value, AQ_LIT(""));
    assert_slice(h[4].value, aq_slice_of("\0\1\xff", 3));
    assert_slice(r[5].key, aq_slice_of("\0k", 2));
    assert_slice(r[5].value, aq_slice_of("v\0", 2));
    aq_record_headers(&r[0], &n);
    assert_int_equal(n, 0);
}

static void forward(struct aq_batch *batch, const char *topic, struct kc_producer *producer)
{
    const struct aq_name *name = aq_names_intern(&env.names, aq_slice_str(topic));
    for (uint32_t i = 0; i < batch->n; i++) {
        batch->records[i].topic = name;
        batch->records[i].partition = 0;
    }
    kt_send_all(producer, batch);
    aq_batch_release(batch);
}

static void round_trip_and_forward(void **state)
{
    (void)state;
    const char *from = kt_topic(&env, env.source_admin, "kt-rt", 1, NULL, 0);
    const char *to = kt_topic(&env, env.sink_admin, "kt-rt", 1, NULL, 0);
    write_specimens(from);
    struct kc_consumer *source = kt_consumer(&env, &env.source, true);
    struct kc_consumer *sink = kt_consumer(&env, &env.sink, true);
    struct kc_producer *producer = kt_producer(&env.sink, NULL);
    int owner = 0;
    assign(source, from, 0, 0, &owner);
    struct aq_batch *batch = poll_batch(source);
    check_specimens(batch);
    assert_ptr_equal(batch->owner, &owner);
    assert_string_equal(batch->topic->text, from);
    forward(batch, to, producer);
    assign(sink, to, 0, 0, NULL);
    batch = poll_batch(sink);
    check_specimens(batch);

    /* Steps change things, the dead letter wants them back. */
    struct aq_record *rec = &batch->records[4];
    aq_record_add_header(rec, AQ_LIT("new"), AQ_LIT("x"));
    aq_record_drop_headers(rec, AQ_LIT("a"));
    rec->value = AQ_LIT("changed");
    rec->key = AQ_LIT("changed");
    aq_record_restore(rec);
    check_specimens(batch);
    aq_batch_release(batch);
    kt_close_producer(producer);
    ops->consumer_close(source, 5000);
    ops->consumer_close(sink, 5000);
}

static void changed_headers_are_sent(void **state)
{
    (void)state;
    const char *from = kt_topic(&env, env.source_admin, "kt-ch", 1, NULL, 0);
    const char *to = kt_topic(&env, env.sink_admin, "kt-ch", 1, NULL, 0);
    write_specimens(from);
    struct kc_consumer *source = kt_consumer(&env, &env.source, true);
    struct kc_consumer *sink = kt_consumer(&env, &env.sink, true);
    struct kc_producer *producer = kt_producer(&env.sink, NULL);
    assign(source, from, 0, 0, NULL);
    struct aq_batch *batch = poll_batch(source);
    aq_record_drop_headers(&batch->records[4], AQ_LIT("a"));
    aq_record_add_header(&batch->records[4], AQ_LIT("route"), AQ_LIT("orders"));
    aq_record_add_header(&batch->records[0], AQ_LIT("first"), AQ_NULL_SLICE);
    batch->records[1].flags |= AQ_REC_DROPPED;
    batch->records[2].flags |= AQ_REC_SKIP;
    forward(batch, to, producer);
    assign(sink, to, 0, 0, NULL);
    batch = poll_batch(sink);
    assert_int_equal(batch->n, 4);
    uint16_t n = 0;
    struct aq_header *h = aq_record_headers(&batch->records[0], &n);
    assert_int_equal(n, 1);
    assert_slice(h[0].name, AQ_LIT("first"));
    assert_slice(h[0].value, AQ_NULL_SLICE);
    h = aq_record_headers(&batch->records[2], &n);
    assert_int_equal(n, 4);
    assert_slice(h[0].name, AQ_LIT("null"));
    assert_slice(h[3].name, AQ_LIT("route"));
    assert_slice(h[3].value, AQ_LIT("orders"));
    aq_batch_release(batch);
    kt_close_producer(producer);
    ops->consumer_close(source, 5000);
    ops->consumer_close(sink, 5000);
}

static void aim(struct aq_batch *batch, const char *topic, int32_t partition_of_fifth)
{
    const struct aq_name *name = aq_names_intern(&env.names, aq_slice_str(topic));
    for (uint32_t i = 0; i < batch->n; i++) {
        batch->records[i].topic = name;
        batch->records[i].partition = i == 4 ? partition_of_fifth : 0;
    }
}

static void wait_until_empty(struct kc_producer *producer)
{
    struct kc_drained drained;
    int64_t until = aq_mono_us() + 60 * AQ_SEC;
    while (ops->producer_in_flight(producer, NULL) > 0 && aq_mono_us() < until)
        ops->producer_drain(producer, 20, &drained);
    assert_int_equal(ops->producer_in_flight(producer, NULL), 0);
}

static void assert_headers_whole(struct aq_record *rec)
{
    aq_record_restore(rec);
    uint16_t n = 0;
    aq_record_headers(rec, &n);
    assert_int_equal(n, 5);
}

/* Headers are moved to the produced message. When it is refused, at once or by its delivery report, they must be back
 * on the record: for the retry and for the dead letter topic. */
static void undelivered_record_keeps_its_headers(void **state)
{
    (void)state;
    const char *from = kt_topic(&env, env.source_admin, "kt-rh", 1, NULL, 0);
    const struct kc_config_entry strict = {"message.timestamp.after.max.ms", "1000"};
    const char *to = kt_topic(&env, env.sink_admin, "kt-rh", 1, &strict, 1);
    write_specimens(from);
    struct kc_consumer *source = kt_consumer(&env, &env.source, true);
    struct kc_consumer *sink = kt_consumer(&env, &env.sink, true);
    struct kc_producer *producer = kt_producer(&env.sink, NULL);
    struct aq_err err = {0};

    /* Refused by the broker, the whole batch for one bad record: the reports bring the headers back. */
    assign(source, from, 0, 0, NULL);
    struct aq_batch *batch = poll_batch(source);
    aim(batch, to, 0);
    batch->records[0].timestamp = aq_wall_ms() + 86400000;
    kt_check(ops->producer_send(producer, batch, &err), &err, "send");
    wait_until_empty(producer);
    assert_int_equal(ops->producer_failure(producer)->code, AQ_E_BAD_TIMESTAMP);
    assert_headers_whole(&batch->records[4]);
    ops->producer_forget_failure(producer);
    aq_batch_release(batch);

    /* Refused by the client at once, then sent to where it can go. */
    assign(source, from, 0, 0, NULL);
    batch = poll_batch(source);
    aim(batch, to, 7);
    assert_int_equal(ops->producer_send(producer, batch, &err), AQ_E_UNKNOWN_TOPIC);
    assert_int_equal(batch->produced, 4);
    assert_non_null(strstr(err.text, from));
    assert_headers_whole(&batch->records[4]);
    aim(batch, to, 0);
    kt_send_all(producer, batch);
    aq_batch_release(batch);

    assign(sink, to, 0, 0, NULL);
    batch = poll_batch(sink);
    uint16_t n = 0;
    aq_record_headers(&batch->records[4], &n);
    assert_int_equal(n, 5);
    aq_batch_release(batch);
    kt_close_producer(producer);
    ops->consumer_close(source, 5000);
    ops->consumer_close(sink, 5000);
}

/* ---- refusals by the sink ------------------------------------------------------------------------------------------- */

static void too_large_names_the_record(void **state)
{
    (void)state;
    const struct kc_config_entry small = {"max.message.bytes", "10000"};
    const char *to = kt_topic(&env, env.sink_admin, "kt-big", 1, &small, 1);
    struct kc_producer *producer = kt_producer(&env.sink, NULL);
    struct aq_batch batch;
    aq_batch_init(&batch, 1);
    char *value = aq_arena_alloc(&batch.arena, 200000);
    for (size_t i = 0; i < 200000; i++) value[i] = (char)(rand() % 256);
    add(&batch, to, AQ_NULL_SLICE, aq_slice_of(value, 200000), 1700000000000);
    batch.topic = batch.records[0].topic;
    batch.records[0].offset = 4711;
    struct aq_err err = {0};
    kt_check(ops->producer_send(producer, &batch, &err), &err, "send");
    wait_until_empty(producer);
    const struct kc_failure *failure = ops->producer_failure(producer);
    assert_int_equal(failure->code, AQ_E_TOO_LARGE);
    assert_ptr_equal(failure->rec, &batch.records[0]);
    assert_non_null(strstr(failure->text, "@4711"));
    assert_non_null(strstr(failure->text, "sink"));
    kt_close_producer(producer);
    aq_batch_finish(&batch);
}

static void future_timestamp_is_told_apart(void **state)
{
    (void)state;
    const struct kc_config_entry strict = {"message.timestamp.after.max.ms", "1000"};
    const char *to = kt_topic(&env, env.sink_admin, "kt-ts", 1, &strict, 1);
    struct kc_producer *producer = kt_producer(&env.sink, NULL);
    struct aq_batch batch;
    aq_batch_init(&batch, 1);
    add(&batch, to, AQ_NULL_SLICE, AQ_LIT("from tomorrow"), aq_wall_ms() + 86400000);
    struct aq_err err = {0};
    kt_check(ops->producer_send(producer, &batch, &err), &err, "send");
    wait_until_empty(producer);
    assert_int_equal(ops->producer_failure(producer)->code, AQ_E_BAD_TIMESTAMP);
    kt_close_producer(producer);
    aq_batch_finish(&batch);
}

static void full_queue_takes_the_rest_later(void **state)
{
    (void)state;
    const char *to = kt_topic(&env, env.sink_admin, "kt-full", 1, NULL, 0);
    struct aq_err err = {0};
    struct kc_producer *producer = NULL;
    struct kc_producer_conf conf = {.client_id = "kt",
                                    .delivery_timeout_ms = 30000,
                                    .linger_ms = 5,
                                    .batch_bytes = 100000,
                                    .queue_bytes = 1000,
                                    .compression = "none"};
    kt_check(ops->producer_open(&env.sink, &conf, &producer, &err), &err, "open");
    struct aq_batch batch;
    aq_batch_init(&batch, 16);
    char *value =
        aq_arena_zalloc(&batch.arena, 5000); /* alone larger than the whole bound: must pass nevertheless */
    for (int i = 0; i < 10; i++) add(&batch, to, AQ_NULL_SLICE, aq_slice_of(value, 5000), 1700000000000);
    assert_int_equal(ops->producer_send(producer, &batch, &err), AQ_E_FULL);
    assert_int_equal(batch.produced, 1);
    kt_send_all(producer, &batch);
    kt_close_producer(producer);
    aq_batch_finish(&batch);
}

/* ---- what a consumer tells ------------------------------------------------------------------------------------------ */

static void end_of_partition(void **state)
{
    (void)state;
    const char *topic = kt_topic(&env, env.source_admin, "kt-eof", 2, NULL, 0);
    send_numbers(topic, 5);
    struct kc_consumer *consumer = kt_consumer(&env, &env.source, true);
    int owner0, owner1;
    assign(consumer, topic, 0, 0, &owner0);
    struct kc_event event = poll_event(consumer, KC_EVENT_EOF);
    assert_ptr_equal(event.owner, &owner0);
    assert_int_equal(event.offset, 5);
    assert_int_equal(ops->consumer_known_end(consumer, topic, 0), 5);
    assert_int_equal(ops->consumer_known_end(consumer, topic, 1), -1);
    assign(consumer, topic, 1, 0, &owner1);
    event = poll_event(consumer, KC_EVENT_EOF);
    assert_ptr_equal(event.owner, &owner1);
    assert_int_equal(event.offset, 0);
    ops->consumer_close(consumer, 5000);
}

/* The owner was away while records came and the end, and more records and another end. */
static void an_end_that_is_none_any_more_is_not_told(void **state)
{
    (void)state;
    const char *topic = kt_topic(&env, env.source_admin, "kt-ends", 1, NULL, 0);
    struct kc_consumer *consumer = kt_consumer(&env, &env.source, true);
    int owner;
    assign(consumer, topic, 0, 0, &owner);
    assert_int_equal(poll_event(consumer, KC_EVENT_EOF).offset, 0);
    int64_t read = 0, ends = 0;
    for (int round = 0; round < 5; round++) {
        send_numbers(topic, 1);
        aq_sleep_ms(100); /* in the client's queue by now: the record, and the end behind it */
    }
    for (int64_t until = aq_mono_us() + 10 * AQ_SEC; ends < 5 && aq_mono_us() < until;) {
        struct aq_batch *batch = ops->consumer_poll(consumer, aq_mono_us(), 10);
        if (batch) read = batch->records[batch->n - 1].offset + 1;
        if (batch) aq_batch_release(batch);
        struct kc_event event;
        while (ops->consumer_event(consumer, &event)) {
            assert_int_equal(event.kind, KC_EVENT_EOF);
            T_CHECK(event.offset >= read, "end %lld after record %lld", (long long)event.offset,
                    (long long)read - 1);
            ends = event.offset;
        }
    }
    assert_int_equal(read, 5);
    assert_int_equal(ends, 5);
    ops->consumer_close(consumer, 5000);
}

static void out_of_range(void **state)
{
    (void)state;
    const char *topic = kt_topic(&env, env.source_admin, "kt-oor", 1, NULL, 0);
    send_numbers(topic, 5);
    struct kc_consumer *consumer = kt_consumer(&env, &env.source, true);
    int owner;
    assign(consumer, topic, 0, 1000, &owner);
    struct kc_event event = poll_event(consumer, KC_EVENT_OUT_OF_RANGE);
    assert_ptr_equal(event.owner, &owner);
    assert_int_equal(event.offset, 1000);
    assert_int_equal(event.code, AQ_E_OFFSET_LOST);
    /* And the partition can be moved to where there is something. */
    assign(consumer, topic, 0, 3, &owner);
    struct aq_batch *batch = poll_batch(consumer);
    assert_int_equal(batch->records[0].offset, 3);
    assert_int_equal(batch->n, 2);
    aq_batch_release(batch);
    ops->consumer_close(consumer, 5000);
}

static void unknown_partition(void **state)
{
    (void)state;
    const char *topic = kt_topic(&env, env.source_admin, "kt-unk", 1, NULL, 0);
    struct kc_consumer *consumer = kt_consumer(&env, &env.source, true);
    int owner;
    assign(consumer, topic, 5, 0, &owner);
    struct kc_event event = poll_event(consumer, KC_EVENT_PARTITION);
    assert_ptr_equal(event.owner, &owner);
    assert_int_equal(event.code, AQ_E_UNKNOWN_TOPIC);
    assert_non_null(strstr(event.text, topic));
    ops->consumer_close(consumer, 5000);
}

/* Moving a partition back while its records are in our array and in the client's queue: the first record is exactly
 * the one asked for, every time, and nothing of before comes. */
static void moving_back_and_forth(void **state)
{
    (void)state;
    const char *topic = kt_topic(&env, env.source_admin, "kt-move", 2, NULL, 0);
    send_numbers(topic, 20000);
    struct kc_consumer *consumer = kt_consumer(&env, &env.source, true);
    assign(consumer, topic, 1, 0, NULL);
    for (int round = 0; round < 200; round++) {
        int64_t at = rand() % 19000;
        assign(consumer, topic, 0, at, NULL);
        int64_t expected = at;
        int batches = rand() % 4;
        while (batches-- > 0 && expected < 20000) {
            struct aq_batch *batch = poll_batch(consumer);
            assert_int_equal(batch->partition, 0);
            for (uint32_t i = 0; i < batch->n; i++) assert_int_equal(batch->records[i].offset, expected++);
            aq_batch_release(batch);
        }
    }
    struct aq_err err = {0};
    kt_check(ops->consumer_unassign(consumer, topic, 0, &err), &err, "unassign");
    int64_t until = aq_mono_us() + AQ_SEC / 2;
    while (aq_mono_us() < until) assert_null(ops->consumer_poll(consumer, aq_mono_us(), 20));
    ops->consumer_close(consumer, 5000);
}

static void aborted_records_are_not_seen(void **state)
{
    (void)state;
    const char *topic = kt_topic(&env, env.source_admin, "kt-abort", 1, NULL, 0);
    struct kc_producer *producer = kt_producer(&env.source, kt_name(&env, "kt-abort"));
    struct aq_err err = {0};
    kt_check(kt_wait_txn(producer, KC_TXN_STARTING, &err), &err, "start");
    kt_check(ops->txn_begin(producer, &err), &err, "begin");
    struct aq_batch batch;
    aq_batch_init(&batch, 4);
    for (int i = 0; i < 3; i++) add(&batch, topic, AQ_NULL_SLICE, AQ_LIT("aborted"), 1700000000000);
    kt_send_all(producer, &batch);
    kt_check(ops->txn_abort(producer, &err), &err, "abort");
    kt_check(kt_wait_txn(producer, KC_TXN_ABORTING, &err), &err, "abort");
    aq_batch_finish(&batch);
    kt_close_producer(producer);
    send_numbers(topic, 2);

    struct kc_consumer *committed = kt_consumer(&env, &env.source, true);
    assign(committed, topic, 0, 0, NULL);
    struct aq_batch *got = poll_batch(committed);
    /* 0 to 2 aborted; the marker comes before, between or behind the two others: it is written after the abort is
     * acknowledged. */
    assert_in_range(got->records[0].offset, 3, 4);
    assert_slice(got->records[0].value, AQ_LIT("0"));
    aq_batch_release(got);
    assert_int_equal(poll_event(committed, KC_EVENT_EOF).offset, 6);
    ops->consumer_close(committed, 5000);

    struct kc_consumer *uncommitted = kt_consumer(&env, &env.source, false);
    assign(uncommitted, topic, 0, 0, NULL);
    got = poll_batch(uncommitted);
    assert_int_equal(got->records[0].offset, 0);
    assert_slice(got->records[0].value, AQ_LIT("aborted"));
    aq_batch_release(got);
    ops->consumer_close(uncommitted, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip_and_forward),
        cmocka_unit_test(changed_headers_are_sent),
        cmocka_unit_test(undelivered_record_keeps_its_headers),
        cmocka_unit_test(too_large_names_the_record),
        cmocka_unit_test(future_timestamp_is_told_apart),
        cmocka_unit_test(full_queue_takes_the_rest_later),
        cmocka_unit_test(end_of_partition),
        cmocka_unit_test(an_end_that_is_none_any_more_is_not_told),
        cmocka_unit_test(out_of_range),
        cmocka_unit_test(unknown_partition),
        cmocka_unit_test(moving_back_and_forth),
        cmocka_unit_test(aborted_records_are_not_seen),
    };
    return cmocka_run_group_tests(tests, kt_setup, kt_teardown);
}
