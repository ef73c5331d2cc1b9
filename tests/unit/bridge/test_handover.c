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

/* Records of which some have the same offset, as a step leaves them that makes several of one. */
static struct aq_batch *arrive_grouped(struct world *w, struct br_partition *p, int n, const int64_t *offsets)
{
    struct aq_batch *batch = arrive(w, p, 0, n);
    for (int i = 0; i < n; i++) batch->records[i].offset = offsets[i];
    return batch;
}

/* What intake asserts holds for what was read, so the chain's work is done behind it. */
static void turn_grouped(struct world *w, struct aq_batch *batch, int n, const int64_t *offsets)
{
    for (int i = 0; i < n; i++) batch->records[i].offset = offsets[0] + i; /* as if it had been read so */
    forget_time(w);
    struct aq_batch *polled = br_intake_poll(w->worker, aq_mono_us());
    assert_ptr_equal(polled, batch);
    for (int i = 0; i < n; i++) batch->records[i].offset = offsets[i];
    batch->grouped = true;
    struct br_partition *p = batch->owner;
    p->flights[(p->head + p->count - 1) % p->cap].after.next = offsets[n - 1] + 1;
    p->read.next = offsets[n - 1] + 1;
    br_settle_batch(w->worker, batch);
    br_outflow_enqueue(w->worker, batch);
    assert_true(turn(w));
}

#define GROUPED(w, p, ...)                                                                         \
    turn_grouped(w, arrive_grouped(w, p, COUNT(__VA_ARGS__), (const int64_t[]){__VA_ARGS__}), COUNT(__VA_ARGS__), \
                 (const int64_t[]){__VA_ARGS__})
#define COUNT(...) (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

/* ---- half a group ----------------------------------------------------------------------------------------------------- */

static void half_a_group_holds_the_commit_and_the_position(void **state)
{
    (void)state;
    struct world w;
    struct br_partition *p = start_reading(&w, "");
    w.takes = 3;
    GROUPED(&w, p, 10, 11, 12, 12, 12, 12, 13);
    check_log(&w, "a:begin a:send(10-12)"); /* a commit is due at every turn, and none starts */
    assert_int_equal(p->sent.next, 12);
    assert_true(w.worker->own.lanes.held);
    assert_true(turn(&w));
    check_log(&w, "a:send(12-12)"); /* the group is through */
    assert_int_equal(p->sent.next, 14);
    stop(&w);
}

static void between_groups_nothing_is_held(void **state)
{
    (void)state;
    struct world w;
    struct br_partition *p = start_reading(&w, "");
    w.takes = 2;
    GROUPED(&w, p, 10, 10, 12, 13);
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
    GROUPED(&w, p, 10, 10, 10);
    assert_false(w.worker->own.lanes.held);
    assert_int_equal(p->acked.next, BR_NEXT_EARLIEST);
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_a_group_holds_the_commit_and_the_position),
        cmocka_unit_test(between_groups_nothing_is_held),
        cmocka_unit_test(at_least_once_holds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
