/* SPDX-License-Identifier: Apache-2.0
 *
 * Worlds: many clusters, one clock, one seed; what drivers use without a client; and that it is fast enough for them.
 */
#include <pthread.h>

#include "base/hash.h"
#include "tests/unit/kafka/sim_stage.h"

#define MANY 1000000

static void clusters_are_found_by_their_brokers(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    struct kc_cluster two, again;
    kc_sim_cluster(stage.sim, "two", &two);
    kc_sim_cluster(stage.sim, "one", &again);
    assert_string_equal(again.brokers, stage.cluster.brokers);
    assert_string_not_equal(two.brokers, stage.cluster.brokers);
    assert_memory_equal(two.brokers, "sim:", 4);
    add_topic(&stage, "t", 1);
    assert_int_equal(kc_sim_create_topic(&two, "t", 2, NULL, 0, &stage.err), 0);
    struct kc_admin *admin = NULL;
    assert_int_equal(ops->admin_open(&two, "a", &admin, &stage.err), 0);
    char one_id[KC_ID_MAX], two_id[KC_ID_MAX];
    assert_int_equal(ops->admin_connect(stage.admin, 0, one_id, &stage.err), 0);
    assert_int_equal(ops->admin_connect(admin, 0, two_id, &stage.err), 0);
    assert_string_not_equal(one_id, two_id);
    ops->admin_close(admin);

    struct kc_sim *other = kc_sim_open(1); /* a world of its own, with the same seed */
    struct kc_cluster three;
    kc_sim_cluster(other, "one", &three);
    assert_string_not_equal(three.brokers, stage.cluster.brokers);
    struct kc_sim_record none[1];
    assert_int_equal(kc_sim_read(&three, "t", 0, none, 1, &stage.err), AQ_E_UNKNOWN_TOPIC);
    const struct kc_cluster gone = {.name = "one", .brokers = aq_arena_strdup(&stage.arena, three.brokers)};
    kc_sim_close(other);
    assert_int_equal(ops->admin_open(&gone, "a", &admin, &stage.err), AQ_E_UNREACHABLE);
    stage_close(&stage);
}

static void drivers_write_by_key_and_read_in_order(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "t", 3);
    for (int i = 0; i < 30; i++) {
        char key[16];
        snprintf(key, sizeof(key), "key-%d", i / 2);
        struct kc_sim_record rec = {.partition = -1, .timestamp = i};
        if (i % 2) rec.key = aq_slice_str(key);
        assert_int_equal(kc_sim_append(&stage.cluster, "t", &rec, &stage.err), 0);
        assert_int_equal(rec.partition, i % 2 ? aq_partition_for_key(aq_slice_str(key), 3) : i / 2 % 3);
    }
    struct kc_sim_record list[40];
    assert_int_equal(kc_sim_read(&stage.cluster, "t", 0, list, 10, &stage.err), 10);
    assert_int_equal(kc_sim_read(&stage.cluster, "t", 10, list + 10, 30, &stage.err), 20);
    for (int i = 0; i < 30; i++) assert_int_equal(list[i].timestamp, i);
    assert_int_equal(kc_sim_read(&stage.cluster, "t", 30, list, 10, &stage.err), 0);

    struct kc_sim_record bad = {.partition = 3};
    assert_int_equal(kc_sim_append(&stage.cluster, "t", &bad, &stage.err), AQ_E_UNKNOWN_TOPIC);
    assert_int_equal(kc_sim_append(&stage.cluster, "none", &bad, &stage.err), AQ_E_UNKNOWN_TOPIC);
    char *large = aq_arena_zalloc(&stage.arena, 1100000);
    bad = (struct kc_sim_record){.value = aq_slice_of(large, 1100000)};
    assert_int_equal(kc_sim_append(&stage.cluster, "t", &bad, &stage.err), AQ_E_TOO_LARGE);
    stage_close(&stage);
}

static void numbers_of_records_never_change(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "t", 2);
    struct kc_producer *producer = add_ready_producer(&stage, "id");
    ops->txn_begin(producer, &stage.err);
    send_value(&stage, producer, "t", 0, "aborted");
    put(&stage, "t", 0, "behind it");
    put(&stage, "t", 1, "free");
    struct kc_sim_record list[8];
    assert_int_equal(kc_sim_read(&stage.cluster, "t", 0, list, 8, &stage.err), 1);
    assert_true(aq_slice_equal(list[0].value, AQ_LIT("free")));
    abort_now(&stage, producer);
    put(&stage, "t", 1, "last");
    const struct kc_before before = {.topic = "t", .partition = 1, .offset = 1};
    ops->admin_delete_records(stage.admin, &before, 1, 0, &stage.err);
    assert_int_equal(kc_sim_read(&stage.cluster, "t", 0, list, 8, &stage.err), 3);
    assert_true(aq_slice_equal(list[0].value, AQ_LIT("free")));
    assert_true(aq_slice_equal(list[1].value, AQ_LIT("behind it")));
    assert_int_equal(list[1].offset, 1);
    assert_true(aq_slice_equal(list[2].value, AQ_LIT("last")));
    assert_int_equal(ops->admin_grow_topic(stage.admin, "t", 3, 0, &stage.err), 0);
    put(&stage, "t", 2, "grown");
    assert_int_equal(kc_sim_read(&stage.cluster, "t", 3, list, 8, &stage.err), 1);
    assert_int_equal(list[0].partition, 2);
    end_producer(producer);
    stage_close(&stage);
}

static void quiescence_knows_calls_and_changes_under_way(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "s", 1);
    assert_true(kc_sim_quiescent(stage.sim));
    struct kc_producer *producer = add_producer(&stage, "id");
    assert_false(kc_sim_quiescent(stage.sim));
    finish_call(&stage, producer);
    assert_true(kc_sim_quiescent(stage.sim));
    struct kc_member *member = add_member(&stage, "g", "s", NULL);
    assert_false(kc_sim_quiescent(stage.sim));
    struct kc_member_event event;
    assert_false(ops->member_poll(member, &event));
    assert_false(kc_sim_quiescent(stage.sim));
    assert_true(ops->member_poll(member, &event));
    assert_false(kc_sim_quiescent(stage.sim)); /* unanswered */
    ops->member_answer(member, &stage.err);
    assert_true(kc_sim_quiescent(stage.sim));
    assert_int_equal(kc_sim_next_us(stage.sim), aq_mono_us() + 6 * AQ_SEC); /* its session */
    struct kc_ack ack;
    ops->txn_begin(producer, &stage.err);
    ops->producer_send_own(producer, "s", 0, AQ_NULL_SLICE, AQ_LIT("x"), &ack, &stage.err);
    assert_false(kc_sim_quiescent(stage.sim));
    struct kc_drained drained;
    ops->producer_drain(producer, 0, &drained);
    assert_true(kc_sim_quiescent(stage.sim));
    end_producer(producer);
    ops->member_close(member, 0);
    stage_close(&stage);
}

/* What one seed does, as text. */
static const char *run_with(uint64_t seed, struct aq_arena *arena)
{
    struct stage stage;
    stage_open_seed(&stage, seed);
    add_topic(&stage, "t", 8);
    for (int i = 0; i < 80; i++) put(&stage, "t", i % 8, "x");
    struct kc_consumer *consumer = add_consumer(&stage, true, 3);
    for (int p = 0; p < 8; p++) ops->consumer_assign(consumer, "t", p, 0, NULL, &stage.err);
    struct kc_member *a = add_member(&stage, "g", "t", NULL);
    struct kc_member *b = add_member(&stage, "g", "t", NULL);
    next_change(&stage, a);
    next_change(&stage, b);
    next_change(&stage, a);
    const char *text = aq_arena_strdup(arena, next_change(&stage, a));
    struct aq_batch *batch;
    while ((batch = ops->consumer_poll(consumer, 0, 0))) {
        text =
            aq_arena_printf(arena, "%s %d@%lld", text, batch->partition, (long long)batch->records[0].offset);
        aq_batch_release(batch);
    }
    ops->member_close(a, 0);
    ops->member_close(b, 0);
    ops->consumer_close(consumer, 0);
    stage_close(&stage);
    return text;
}

static void one_seed_is_one_run(void **state)
{
    (void)state;
    struct aq_arena arena;
    aq_arena_init(&arena, 4096);
    int different = 0;
    for (uint64_t seed = 0; seed < 10; seed++) {
        const char *text = run_with(seed, &arena);
        assert_string_equal(text, run_with(seed, &arena));
        different += strcmp(text, run_with(seed + 100, &arena)) != 0;
    }
    assert_true(different > 5);
    aq_arena_finish(&arena);
}

static void close_with_a_handle(void *arg)
{
    kc_sim_close(((struct stage *)arg)->sim);
}

static void *look_from_elsewhere(void *arg)
{
    struct stage *stage = arg;
    int64_t low, high;
    ops->admin_watermarks(stage->admin, "t", 0, 0, &low, &high, NULL);
    return NULL;
}

static void use_in_another_thread(void *arg)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, look_from_elsewhere, arg) == 0) pthread_join(thread, NULL);
}

static void worlds_belong_to_one_thread(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "t", 1);
    look_from_elsewhere(&stage);
    assert_true(aborts(use_in_another_thread, &stage));
    stage_close(&stage);
}

static void open_handles_are_noticed(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    assert_true(aborts(close_with_a_handle, &stage));
    stage_close(&stage);
}

static void produce_many(struct stage *stage, struct kc_producer *producer, int n)
{
    struct aq_batch batch;
    struct kc_drained drained;
    aq_batch_init(&batch, 1000);
    for (int sent = 0; sent < n; sent += 1000) {
        batch.n = batch.produced = 0;
        for (int i = 0; i < 1000; i++)
            add_record(stage, &batch, "t", i % 4, "a small value")->key = AQ_LIT("key");
        assert_int_equal(ops->producer_send(producer, &batch, &stage->err), 0);
        ops->producer_drain(producer, 0, &drained);
        assert_ptr_equal(drained.done, &batch);
    }
    aq_batch_finish(&batch);
}

/* Generous: shared machines and sanitizers must pass, too; what matters is that nothing grows with the square. */
static void million_records_pass_in_no_time(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "t", 4);
    struct kc_producer *producer = NULL;
    const struct kc_producer_conf conf = {.client_id = "p", .batch_bytes = 1 << 20, .queue_bytes = 1 << 20};
    assert_int_equal(ops->producer_open(&stage.cluster, &conf, &producer, &stage.err), 0);
    aq_clock_use(NULL);
    int64_t start = aq_mono_us();
    produce_many(&stage, producer, MANY);
    int64_t middle = aq_mono_us();
    struct kc_consumer *consumer = add_consumer(&stage, true, 1000);
    for (int p = 0; p < 4; p++) ops->consumer_assign(consumer, "t", p, 0, NULL, &stage.err);
    uint64_t n = 0;
    uint64_t bytes = 0;
    struct aq_batch *batch;
    while ((batch = ops->consumer_poll(consumer, 0, 0))) {
        n += batch->n;
        bytes += batch->bytes;
        aq_batch_release(batch);
    }
    int64_t end = aq_mono_us();
    print_message("1 M records: written in %lld ms, read in %lld ms\n", (long long)(middle - start) / AQ_MS,
                  (long long)(end - middle) / AQ_MS);
    assert_int_equal(n, MANY);
    assert_int_equal(bytes, MANY * 16ULL);
    assert_true(end - start < 20 * AQ_SEC);
    ops->consumer_close(consumer, 0);
    end_producer(producer);
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clusters_are_found_by_their_brokers),
        cmocka_unit_test(drivers_write_by_key_and_read_in_order),
        cmocka_unit_test(numbers_of_records_never_change),
        cmocka_unit_test(quiescence_knows_calls_and_changes_under_way),
        cmocka_unit_test(one_seed_is_one_run),
        cmocka_unit_test(worlds_belong_to_one_thread),
        cmocka_unit_test(open_handles_are_noticed),
        cmocka_unit_test(million_records_pass_in_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
