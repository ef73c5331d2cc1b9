/* SPDX-License-Identifier: Apache-2.0
 *
 * The marks of a source partition: how far it is read, sent, acknowledged and committed, in every order in which
 * batches may come back.
 */
#include "bridge/partition.h"

#include "tests/lib/check.h"

#define MOST 24

struct fixture {
    struct aq_names names;
    struct br_partition p;
    struct aq_batch batches[MOST];
};

static void start(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    aq_names_init(&f->names);
    br_partition_init(&f->p, aq_names_intern(&f->names, AQ_LIT("orders")), 3, 7);
    for (int i = 0; i < MOST; i++) aq_batch_init(&f->batches[i], 4);
}

static void stop(struct fixture *f)
{
    f->p.count = 0;
    br_partition_finish(&f->p);
    for (int i = 0; i < MOST; i++) aq_batch_finish(&f->batches[i]);
    aq_names_finish(&f->names);
}

/* Fills a batch with n records, offsets from `first` in steps, and has the partition take it. */
static struct aq_batch *take(struct fixture *f, int index, int64_t first, int n, int step)
{
    struct aq_batch *batch = &f->batches[index];
    for (int i = 0; i < n; i++) {
        struct aq_record *rec = aq_batch_add(batch);
        rec->offset = first + (int64_t)i * step;
        rec->timestamp = 1000 + rec->offset;
        rec->leader_epoch = 5;
        rec->value = AQ_LIT("v");
    }
    struct br_mark after = br_mark_after(batch);
    br_partition_took(&f->p, batch, &after);
    return batch;
}

static void check_marks(const struct br_partition *p, int64_t read, int64_t sent, int64_t acked,
                        int64_t committed)
{
    T_CHECK(p->read.next == read && p->sent.next == sent && p->acked.next == acked &&
                p->committed.next == committed,
            "read %lld sent %lld acked %lld committed %lld", (long long)p->read.next, (long long)p->sent.next,
            (long long)p->acked.next, (long long)p->committed.next);
}

static void it_begins_at_the_beginning(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    check_marks(&f.p, BR_NEXT_EARLIEST, BR_NEXT_EARLIEST, BR_NEXT_EARLIEST, BR_NEXT_EARLIEST);
    assert_int_equal(f.p.read.last_offset, -1);
    assert_int_equal(br_partition_lag(&f.p), -1);
    assert_false(f.p.has_position);
    stop(&f);
}

static void an_ordinary_pass(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    struct aq_batch *a = take(&f, 0, 100, 3, 1), *b = take(&f, 1, 103, 2, 1);
    check_marks(&f.p, 105, BR_NEXT_EARLIEST, BR_NEXT_EARLIEST, BR_NEXT_EARLIEST);
    br_partition_sent(&f.p, a);
    br_partition_sent(&f.p, b);
    check_marks(&f.p, 105, 105, BR_NEXT_EARLIEST, BR_NEXT_EARLIEST);
    br_partition_acked(&f.p, a);
    check_marks(&f.p, 105, 105, 103, BR_NEXT_EARLIEST);
    assert_int_equal(f.p.acked.last_offset, 102);
    assert_int_equal(f.p.acked.last_timestamp, 1102);
    assert_int_equal(f.p.acked.leader_epoch, 5);
    assert_true(f.p.acked.last_hash == kc_fingerprint(AQ_NULL_SLICE, AQ_LIT("v"), 1102));
    br_partition_acked(&f.p, b);
    check_marks(&f.p, 105, 105, 105, BR_NEXT_EARLIEST);
    assert_int_equal(f.p.count, 0);
    stop(&f);
}

static void acknowledged_is_only_the_finished_prefix(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    struct aq_batch *batch[MOST];
    for (int i = 0; i < MOST; i++) { /* more than the ring begins with */
        batch[i] = take(&f, i, i * 10, 2, 5);
        br_partition_sent(&f.p, batch[i]);
    }
    for (int i = MOST - 1; i > 0; i--) br_partition_acked(&f.p, batch[i]);
    assert_int_equal(f.p.acked.next, BR_NEXT_EARLIEST);
    assert_int_equal(f.p.count, MOST);
    br_partition_acked(&f.p, batch[0]);
    assert_int_equal(f.p.acked.next, (MOST - 1) * 10 + 6);
    assert_int_equal(f.p.count, 0);
    stop(&f);
}

static void the_ring_survives_growing_when_it_has_turned(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    struct aq_batch *batch[MOST];
    for (int i = 0; i < 6; i++) {
        batch[i] = take(&f, i, i, 1, 1);
        br_partition_sent(&f.p, batch[i]);
        br_partition_acked(&f.p, batch[i]);
    }
    for (int i = 6; i < MOST; i++) batch[i] = take(&f, i, i, 1, 1);
    for (int i = 6; i < MOST; i++) br_partition_sent(&f.p, batch[i]);
    for (int i = 6; i < MOST; i++) {
        br_partition_acked(&f.p, batch[i]);
        assert_int_equal(f.p.acked.next, i + 1);
    }
    stop(&f);
}

static void a_batch_sent_in_pieces(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    struct aq_batch *a = take(&f, 0, 10, 2, 1), *b = take(&f, 1, 20, 4, 10);
    br_partition_sent(&f.p, a);
    b->produced = 0;
    assert_false(br_partition_sent_part(&f.p, b));
    assert_int_equal(f.p.sent.next, 12);
    b->produced = 2;
    assert_true(br_partition_sent_part(&f.p, b));
    assert_int_equal(f.p.sent.next, 40); /* before the third record: what lies between does not exist */
    assert_int_equal(f.p.sent.last_offset, -1);
    assert_int_equal(f.p.sent.leader_epoch, 5);
    assert_false(br_partition_sent_part(&f.p, b)); /* nothing new */
    b->produced = 3;
    assert_true(br_partition_sent_part(&f.p, b));
    assert_int_equal(f.p.sent.next, 50);
    b->produced = 4;
    br_partition_sent(&f.p, b);
    assert_int_equal(f.p.sent.next, 51);
    assert_int_equal(f.p.sent.last_offset, 50);
    br_partition_acked(&f.p, a);
    br_partition_acked(&f.p, b);
    check_marks(&f.p, 51, 51, 51, BR_NEXT_EARLIEST);
    stop(&f);
}

/* Records that were read again only to be compared count as handed over, but the mark is behind them already. */
static void a_piece_of_known_records_moves_nothing(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    struct br_mark at = {.next = 31, .last_offset = 30, .last_hash = 9, .leader_epoch = 5};
    br_partition_set(&f.p, &at);
    struct aq_batch *a = take(&f, 0, 30, 3, 1);
    a->produced = 1;
    assert_false(br_partition_sent_part(&f.p, a));
    assert_int_equal(f.p.sent.next, 31);
    assert_int_equal(f.p.sent.last_offset, 30);
    stop(&f);
}

static void rewinding_forgets_everything_not_committed(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    struct aq_batch *a = take(&f, 0, 0, 4, 1);
    br_partition_sent(&f.p, a);
    br_partition_acked(&f.p, a);
    f.p.committed = f.p.acked;
    f.p.reached_end = true;
    br_partition_sent(&f.p, take(&f, 1, 4, 4, 1));
    take(&f, 2, 8, 4, 1);
    br_partition_rewind(&f.p);
    check_marks(&f.p, 4, 4, 4, 4);
    assert_int_equal(f.p.read.last_offset, 3);
    assert_int_equal(f.p.count, 0);
    assert_false(f.p.reached_end);
    stop(&f);
}

/* Where the sink is known to have one of the records; a batch that sent nothing leaves what was known. */
static void the_place_on_the_sink_is_remembered(void **state)
{
    (void)state;
    struct fixture f;
    struct kc_position position;
    start(&f);
    struct aq_batch *a = take(&f, 0, 0, 2, 1), *b = take(&f, 1, 2, 2, 1);
    a->sink_topic = aq_names_intern(&f.names, AQ_LIT("dc1.orders"));
    a->sink_partition = 5;
    a->sink_offset = 77;
    b->sink_offset = -1;
    br_partition_sent(&f.p, a);
    br_partition_sent(&f.p, b);
    br_partition_acked(&f.p, a);
    br_partition_acked(&f.p, b);
    br_mark_to_position(&f.p, &f.p.acked, &position);
    assert_string_equal(position.sink_topic, "dc1.orders");
    assert_int_equal(position.sink_partition, 5);
    assert_int_equal(position.sink_offset, 77);
    stop(&f);
}

static void the_end_is_stepped_to_only_when_nothing_is_between(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    struct aq_batch *a = take(&f, 0, 0, 4, 1);
    br_partition_at_end(&f.p, 6); /* two control records follow; the client says so once */
    assert_true(f.p.reached_end);
    assert_int_equal(f.p.end, 6);
    check_marks(&f.p, 4, BR_NEXT_EARLIEST, BR_NEXT_EARLIEST, BR_NEXT_EARLIEST);
    br_partition_sent(&f.p, a);
    f.p.committed = f.p.sent;
    assert_int_equal(br_partition_lag(&f.p), 2);
    assert_true(br_partition_acked(&f.p, a));
    check_marks(&f.p, 6, 6, 6, 4);
    assert_int_equal(f.p.read.last_offset, 3); /* the record to be recognised stays the same */
    f.p.committed = f.p.acked;
    assert_int_equal(br_partition_lag(&f.p), 0);
    br_partition_at_end(&f.p, 5); /* an older answer */
    assert_int_equal(f.p.end, 6);
    check_marks(&f.p, 6, 6, 6, 6);
    stop(&f);
}

static void an_end_is_forgotten_with_what_was_read_before_it(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    f.p.committed.next = 0;
    take(&f, 0, 0, 4, 1);
    br_partition_at_end(&f.p, 6);
    br_partition_rewind(&f.p);
    struct aq_batch *first = take(&f, 1, 0, 2, 1); /* read again, in smaller pieces */
    br_partition_sent(&f.p, first);
    assert_false(br_partition_acked(&f.p, first));
    check_marks(&f.p, 2, 2, 2, 0);
    stop(&f);
}

static void a_partition_without_a_record_has_no_lag(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    br_partition_at_end(&f.p, 3); /* aborted ones and a control record */
    check_marks(&f.p, 3, 3, 3, BR_NEXT_EARLIEST);
    assert_int_equal(br_partition_lag(&f.p), 0);
    f.p.end = 5;
    assert_int_equal(br_partition_lag(&f.p), 2);
    struct aq_batch *a = take(&f, 0, 3, 2, 1);
    br_partition_sent(&f.p, a);
    br_partition_acked(&f.p, a);
    assert_int_equal(br_partition_lag(&f.p), -1); /* now there is something to commit */
    stop(&f);
}

static void positions_and_marks_are_the_same_thing(void **state)
{
    (void)state;
    struct fixture f;
    struct kc_position position;
    struct br_mark back;
    start(&f);
    const struct br_mark mark = {.next = 42,
                                 .last_offset = 40,
                                 .last_timestamp = -7,
                                 .last_hash = 0xfedcba9876543210u,
                                 .leader_epoch = 3};
    snprintf(f.p.topic_id, sizeof(f.p.topic_id), "abc");
    br_mark_to_position(&f.p, &mark, &position);
    assert_string_equal(position.topic, "orders");
    assert_int_equal(position.partition, 3);
    assert_string_equal(position.topic_id, "abc");
    assert_null(position.sink_topic); /* nothing is known to stand on the sink yet */
    assert_int_equal(position.sink_offset, -1);
    br_mark_from_position(&position, &back);
    assert_int_equal(back.next, 42);
    assert_int_equal(back.last_offset, 40);
    assert_int_equal(back.last_timestamp, -7);
    assert_true(back.last_hash == mark.last_hash);
    assert_int_equal(back.leader_epoch, 3);
    stop(&f);
}

static void several_bad_records_are_remembered_until_they_are_behind(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    for (int64_t offset = 10; offset < 20; offset++) br_partition_poison(&f.p, offset, AQ_E_TOO_LARGE);
    br_partition_poison(&f.p, 10, AQ_E_BAD_TIMESTAMP); /* the first word counts */
    assert_int_equal(f.p.poison_count, 10);
    assert_int_equal(br_partition_find_poison(&f.p, 10)->code, AQ_E_TOO_LARGE);
    assert_null(br_partition_find_poison(&f.p, 20));
    br_partition_rewind(&f.p);
    assert_int_equal(f.p.poison_count, 10);
    br_partition_forget_poison(&f.p, 18);
    assert_int_equal(f.p.poison_count, 2);
    assert_null(br_partition_find_poison(&f.p, 17));
    assert_non_null(br_partition_find_poison(&f.p, 18));
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_begins_at_the_beginning),
        cmocka_unit_test(an_ordinary_pass),
        cmocka_unit_test(acknowledged_is_only_the_finished_prefix),
        cmocka_unit_test(the_ring_survives_growing_when_it_has_turned),
        cmocka_unit_test(a_batch_sent_in_pieces),
        cmocka_unit_test(a_piece_of_known_records_moves_nothing),
        cmocka_unit_test(rewinding_forgets_everything_not_committed),
        cmocka_unit_test(the_place_on_the_sink_is_remembered),
        cmocka_unit_test(the_end_is_stepped_to_only_when_nothing_is_between),
        cmocka_unit_test(an_end_is_forgotten_with_what_was_read_before_it),
        cmocka_unit_test(a_partition_without_a_record_has_no_lag),
        cmocka_unit_test(positions_and_marks_are_the_same_thing),
        cmocka_unit_test(several_bad_records_are_remembered_until_they_are_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
