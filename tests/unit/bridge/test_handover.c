/* SPDX-License-Identifier: Apache-2.0
 *
 * Batches that are handed over by pieces, against scripted producers: what a client refuses at once, what is committed in
 * between, and what goes first.
 */
#include "tests/unit/bridge/worker_world.h"

static struct br_partition *start_reading(struct world *w, const char *options)
{
    start(w, options);
    assert_true(turn(w));
    check_log(w, "assign(0@-2)");
    return w->worker->tasks[0].partitions[0];
}

/* Reads a batch, and makes of it what a step leaves that makes several records of one: records of the same offsets side by
 * side. (The scripted worker's chain is empty.) */
static void take_groups(struct world *w, struct br_partition *p, int n, const int64_t *offsets)
{
    struct aq_batch *batch = arrive(w, p, offsets[0], n);
    forget_time(w);
    assert_ptr_equal(br_intake_poll(w->worker, aq_mono_us()), batch);
    for (int i = 0; i < n; i++) batch->records[i].offset = offsets[i];
    batch->grouped = true;
    br_settle_batch(w->worker, batch);
    br_outflow_enqueue(w->worker, batch);
}

#define COUNT(...)      (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))
#define TAKE(w, p, ...) take_groups(w, p, COUNT(__VA_ARGS__), (const int64_t[]){__VA_ARGS__})

/* ---- half a group ----------------------------------------------------------------------------------------------------- */

static void half_a_group_holds_the_commit_and_the_position(void **state)
{
    (void)state;
    struct world w;
    struct br_partition *p = start_reading(&w, "");
    w.takes = 3;
    TAKE(&w, p, 10, 11, 12, 12, 12, 12, 12, 13);
    assert_true(turn(&w));
    check_log(&w, "a:begin a:send(10-12)"); /* a commit is due at every turn, and none starts */
    assert_int_equal(p->sent.next, 12);
    assert_true(w.worker->own.lanes.held);
    assert_true(turn(&w));
    check_log(&w, "a:send(12-12)");
    assert_int_equal(p->sent.next, 12);
    assert_true(turn(&w)); /* the group is through */
    check_log(&w, "a:send(12-13) a:own(18)");
    assert_false(w.worker->own.lanes.held);
    stop(&w);
}

static void between_groups_nothing_is_held(void **state)
{
    (void)state;
    struct world w;
    struct br_partition *p = start_reading(&w, "");
    w.takes = 2;
    TAKE(&w, p, 10, 10, 12, 13);
    assert_true(turn(&w));
    check_log(&w, "a:begin a:send(10-10) a:own(12)");
    assert_int_equal(p->sent.next, 12);
    assert_false(w.worker->own.lanes.held);
    stop(&w);
}

static void at_least_once_holds_nothing(void **state)
{
    (void)state;
    struct world w;
    struct br_partition *p = start_reading(&w, "delivery = \"at_least_once\";");
    w.takes = 1;
    TAKE(&w, p, 10, 10, 10);
    assert_true(turn(&w));
    check_log(&w, "p:send(10-10)");
    assert_false(w.worker->own.lanes.held);
    assert_int_equal(p->acked.next, BR_NEXT_EARLIEST);
    stop(&w);
}

/* A revocation waits for the open cycle, which waits for the rest of the group: that is sent, and nothing else. */
static void a_revocation_lets_the_rest_of_a_group_go(void **state)
{
    (void)state;
    struct world w;
    struct br_partition *p = start_reading(&w, "");
    w.takes = 2;
    TAKE(&w, p, 10, 10, 10);
    TAKE(&w, p, 13, 14);
    assert_true(turn(&w));
    check_log(&w, "a:begin a:send(10-10)");
    w.member.event = (struct kc_member_event){.kind = KC_MEMBER_REVOKED};
    w.member.has_event = true;
    assert_true(turn(&w));
    check_log(&w, "a:send(10-10) a:own(13)");
    deliver(&w);
    assert_true(turn(&w));
    check_log(&w, "a:commit(1)");
    end_call(w.worker->own.lanes.list[0].producer, KC_TXN_READY, 0);
    assert_true(turn(&w));
    assert_true(turn(&w));
    check_log(&w, "answer");
    stop(&w);
}

/* Half a group stands behind a batch whose partition is busy: it goes to the front, where it is looked for and goes on first. */
static void half_a_group_goes_to_the_front(void **state)
{
    (void)state;
    struct world w;
    struct br_partition *p = start_reading(&w, "");
    struct aq_err err;
    w.partitions = 2;
    assert_int_equal(br_catalog_refresh(w.catalog, &err), 0);
    assert_true(turn(&w));
    check_log(&w, "assign(1@-2)");
    struct br_partition *q = w.worker->tasks[0].partitions[1];
    for (int i = 0; i < KC_LANES; i++) w.worker->own.lanes.list[i].cycle.conf.interval_us = INT64_MAX / 2;
    TAKE(&w, q, 100);
    assert_true(turn(&w));
    TAKE(&w, q, 101);
    TAKE(&w, p, 10, 10, 10);
    w.takes = 2;
    w.worker->answer_us = AQ_SEC; /* a slow sink: one batch of a partition at a time */
    br_outflow_send(w.worker, aq_mono_us());
    check_log(&w, "a:begin a:send(100-100) a:send(10-10)");
    assert_int_equal(w.worker->queue.head->records[0].offset, 10);
    assert_int_equal(w.worker->queue.tail->records[0].offset, 101);
    assert_true(w.worker->own.lanes.held);
    br_outflow_send(w.worker, aq_mono_us());
    check_log(&w, "a:send(10-10)");
    assert_false(w.worker->own.lanes.held);
    stop(&w);
}

/* ---- what the client refuses ------------------------------------------------------------------------------------------ */

static void a_group_the_client_refuses_is_settled_as_one(void **state)
{
    (void)state;
    struct world w;
    struct br_partition *p = start_reading(&w, "errors = { tolerance = \"skip\"; };");
    w.refused = 11;
    w.refuse_from = 2;
    w.refuse_rc = AQ_E_TOO_LARGE;
    for (int i = 0; i < 2; i++) {
        TAKE(&w, p, 10, 11, 11, 11, 12);
        assert_true(turn(&w));
        if (i > 0) break;
        /* One of it was taken already: the cycle goes with it. */
        check_log(&w, "a:begin a:send(10-11) a:abort");
        assert_int_equal(aq_counter_get(&w.worker->counters.skipped), 0);
        end_call(w.worker->own.lanes.list[0].producer, KC_TXN_READY, 0);
        assert_true(turn(&w));
        check_log(&w, "assign(0@-2)");
    }
    check_log(&w, "a:begin a:send(10-12) a:own(15)");
    const struct aq_batch *sent = w.worker->own.lanes.list[0].producer->sent[0];
    for (uint32_t i = 0; i < sent->n; i++)
        assert_int_equal((sent->records[i].flags & AQ_REC_DROPPED) != 0, sent->records[i].offset == 11);
    assert_int_equal(aq_counter_get(&w.worker->counters.skipped), 1);
    assert_int_equal(aq_counter_get(&w.worker->counters.dropped), 0);
    stop(&w);
}

static void a_record_the_client_refuses_keeps_its_place_in_the_order(void **state)
{
    (void)state;
    struct world w;
    struct br_partition *p = start_reading(&w, "errors = { tolerance = \"skip\"; };");
    w.refused = 11;
    w.refuse_rc = AQ_E_TOO_LARGE;
    TAKE(&w, p, 10, 11, 12);
    TAKE(&w, p, 13, 14);
    assert_true(turn(&w));
    check_log(&w, "a:begin a:send(10-10) a:own(11)");
    deliver(&w);
    assert_true(turn(&w));
    assert_true(turn(&w));
    check_log(&w, "a:commit(1) b:begin b:send(11-12) b:send(13-14)");
    assert_int_equal(aq_counter_get(&w.worker->counters.skipped), 1);
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_a_group_holds_the_commit_and_the_position),
        cmocka_unit_test(between_groups_nothing_is_held),
        cmocka_unit_test(at_least_once_holds_nothing),
        cmocka_unit_test(a_revocation_lets_the_rest_of_a_group_go),
        cmocka_unit_test(half_a_group_goes_to_the_front),
        cmocka_unit_test(a_group_the_client_refuses_is_settled_as_one),
        cmocka_unit_test(a_record_the_client_refuses_keeps_its_place_in_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
