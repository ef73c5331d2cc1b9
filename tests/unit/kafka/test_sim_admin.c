/* SPDX-License-Identifier: Apache-2.0
 *
 * Simulated admin requests and the state reader.
 */
#include "kafka/topic_config.h"
#include "tests/unit/kafka/sim_stage.h"

static void topics_are_listed_by_name_with_ids(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "b", 2);
    add_topic(&stage, "a", 1);
    add_topic(&stage, "c", 3);
    struct kc_topics topics;
    assert_int_equal(ops->admin_topics(stage.admin, 0, &topics, &stage.err), 0);
    assert_int_equal(topics.count, 3);
    assert_int_equal(topics.brokers, 1);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(topics.list[i].name[0], "abc"[i]);
        assert_int_equal(topics.list[i].partitions, i + 1);
        assert_int_equal(strlen(topics.list[i].id), 22);
        assert_int_equal(topics.list[i].error, 0);
    }
    assert_string_not_equal(topics.list[0].id, topics.list[1].id);
    assert_int_equal(ops->admin_delete_topic(stage.admin, "b", 0, &stage.err), 0);
    assert_int_equal(ops->admin_delete_topic(stage.admin, "b", 0, &stage.err), AQ_E_UNKNOWN_TOPIC);
    add_topic(&stage, "b", 2);
    struct kc_topics again;
    assert_int_equal(ops->admin_topics(stage.admin, 0, &again, &stage.err), 0);
    assert_string_equal(again.list[0].id, topics.list[0].id);
    assert_string_not_equal(again.list[1].id, topics.list[1].id);
    aq_arena_finish(&topics.arena);
    aq_arena_finish(&again.arena);
    stage_close(&stage);
}

static int create(struct stage *stage, const char *name, int32_t replicas, const char *config)
{
    const struct kc_config_entry configs[] = {{config, "1"}};
    const struct kc_topic_spec spec = {.name = name,
                                       .partitions = 1,
                                       .replication_factor = replicas,
                                       .configs = configs,
                                       .n_configs = config ? 1 : 0};
    return ops->admin_create_topic(stage->admin, &spec, 0, &stage->err);
}

static void impossible_topics_are_refused(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    assert_int_equal(create(&stage, "good-1._x", 3, "retention.ms"), 0);
    assert_int_equal(create(&stage, "good-1._x", 3, NULL), AQ_E_EXISTS);
    assert_int_equal(create(&stage, "no/slash", -1, NULL), AQ_E_CONFIG);
    assert_int_equal(create(&stage, "..", -1, NULL), AQ_E_CONFIG);
    assert_int_equal(create(&stage, "", -1, NULL), AQ_E_CONFIG);
    assert_int_equal(create(&stage, "factor", 4, NULL), AQ_E_CONFIG);
    assert_int_equal(create(&stage, "config", -1, "retention.msec"), AQ_E_CONFIG);
    assert_int_equal(ops->admin_grow_topic(stage.admin, "none", 2, 0, &stage.err), AQ_E_UNKNOWN_TOPIC);
    assert_int_equal(ops->admin_grow_topic(stage.admin, "good-1._x", 1, 0, &stage.err), AQ_E_CONFIG);
    stage_close(&stage);
}

static void a_topic_takes_every_config_that_kafka_has(void **state)
{
    (void)state;
    struct stage stage;
    size_t n;
    const char *const *known = kc_topic_configs(&n);
    stage_open(&stage);
    for (size_t i = 0; i < n; i++) {
        assert_true(kc_topic_config_is_known(known[i]));
        for (size_t j = 0; j < i; j++) assert_string_not_equal(known[i], known[j]);
        assert_int_equal(create(&stage, known[i], -1, known[i]), 0);
    }
    assert_true(kc_topic_config_is_known("message.downconversion.enable"));
    assert_false(kc_topic_config_is_known("retention"));
    assert_false(kc_topic_config_is_known(""));
    stage_close(&stage);
}

static void configs_are_kept(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    assert_int_equal(create(&stage, "t", -1, "retention.ms"), 0);
    struct kc_config_entry asked[] = {{"segment.ms", "stale"}, {"retention.ms", NULL}};
    assert_int_equal(ops->admin_topic_configs(stage.admin, "t", asked, 2, &stage.arena, 0, &stage.err), 0);
    assert_null(asked[0].value);
    assert_string_equal(asked[1].value, "1");
    assert_int_equal(ops->admin_topic_configs(stage.admin, "none", asked, 2, &stage.arena, 0, &stage.err),
                     AQ_E_UNKNOWN_TOPIC);
    stage_close(&stage);
}

static int delete_before(struct stage *stage, const char *topic, int32_t partition, int64_t offset)
{
    const struct kc_before list[] = {{topic, partition, offset}};
    return ops->admin_delete_records(stage->admin, list, 1, 0, &stage->err);
}

static void deleting_records_moves_the_low_watermark(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "t", 1);
    for (int i = 0; i < 10; i++) put(&stage, "t", 0, "x");
    assert_int_equal(delete_before(&stage, "t", 0, 4), 0);
    assert_int_equal(delete_before(&stage, "t", 0, 2), 0);    /* gone already */
    assert_int_equal(delete_before(&stage, "t", 5, 2), 0);    /* no such partition */
    assert_int_equal(delete_before(&stage, "none", 0, 2), 0); /* no such topic */
    int64_t low, high, offset;
    assert_int_equal(ops->admin_watermarks(stage.admin, "t", 0, 0, &low, &high, &stage.err), 0);
    assert_int_equal(low, 4);
    assert_int_equal(high, 10);
    assert_int_equal(ops->admin_offset_for_time(stage.admin, "t", 0, 0, 0, &offset, &stage.err), 0);
    assert_int_equal(offset, 4);
    assert_int_equal(delete_before(&stage, "t", 0, 11), AQ_E_IO);
    assert_non_null(strstr(stage.err.text, "out of range"));
    assert_int_equal(delete_before(&stage, "t", 0, 10), 0);
    assert_string_equal(read_from(&stage, "t", KC_OFFSET_EARLIEST, true), "|end 10");
    put(&stage, "t", 0, "y");
    assert_string_equal(read_from(&stage, "t", KC_OFFSET_EARLIEST, true), "10:y |end 11");
    /* A compacted topic's records are not to be deleted that way, and the others of the list are all the same. */
    const struct kc_config_entry configs[] = {{"cleanup.policy", "compact"}};
    assert_int_equal(kc_sim_create_topic(&stage.cluster, "c", 1, configs, 1, &stage.err), 0);
    const struct kc_before list[] = {{"c", 0, 0}, {"t", 0, 11}};
    assert_int_equal(ops->admin_delete_records(stage.admin, list, 2, 0, &stage.err), AQ_E_CONFIG);
    assert_string_equal(read_from(&stage, "t", KC_OFFSET_EARLIEST, true), "|end 11");
    stage_close(&stage);
}

static void deleting_below_an_open_transaction_moves_the_stable_end(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "t", 1);
    struct kc_producer *producer = add_ready_producer(&stage, "id");
    ops->txn_begin(producer, &stage.err);
    for (int i = 0; i < 300; i++) send_value(&stage, producer, "t", 0, "x");
    assert_int_equal(delete_before(&stage, "t", 0, 290), 0);
    assert_string_equal(read_from(&stage, "t", KC_OFFSET_EARLIEST, true), "|end 290");
    assert_int_equal(abort_now(&stage, producer), 0);
    assert_string_equal(read_from(&stage, "t", KC_OFFSET_EARLIEST, true), "|end 301");
    end_producer(producer);
    stage_close(&stage);
}

static void reader_reads_what_is_committed(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "s", 2);
    struct kc_sim_record rec = {.partition = 1, .key = AQ_LIT("pos"), .value = AQ_LIT("one"), .timestamp = 7};
    kc_sim_append(&stage.cluster, "s", &rec, &stage.err);
    rec.value = AQ_LIT("two");
    kc_sim_append(&stage.cluster, "s", &rec, &stage.err);
    struct kc_producer *producer = add_ready_producer(&stage, "id");
    ops->txn_begin(producer, &stage.err);
    struct kc_ack ack;
    struct kc_drained drained;
    ops->producer_send_own(producer, "s", 1, AQ_LIT("pos"), AQ_LIT("aborted"), &ack, &stage.err);
    ops->producer_drain(producer, 0, &drained);

    struct kc_reader *reader = NULL;
    assert_int_equal(ops->reader_open(&stage.cluster, "r", "g", &reader, &stage.err), 0);
    struct kc_seen_versions seen;
    ops->reader_seen_versions(reader, &seen);
    assert_int_equal(seen.offset_fetch, -1);
    struct kc_stored list[] = {{.partition = 1, .offset = 0}, {.partition = 1, .offset = 1}};
    assert_int_equal(ops->reader_read(reader, "s", list, 2, 1000, &stage.arena, &stage.err), 0);
    assert_true(aq_slice_equal(list[0].value, AQ_LIT("one")) && aq_slice_equal(list[1].value, AQ_LIT("two")));
    assert_int_equal(list[0].timestamp, 7);

    /* Behind the open transaction: waited for, in vain within one second, until it times out within twenty. */
    struct kc_stored stored = {.partition = 1, .offset = 2};
    int64_t start = aq_mono_us();
    assert_int_equal(ops->reader_read(reader, "s", &stored, 1, 1000, &stage.arena, &stage.err), AQ_E_TIMEOUT);
    assert_int_equal(aq_mono_us() - start, AQ_SEC);
    assert_int_equal(
        ops->reader_scan_last(reader, "s", 1, AQ_LIT("pos"), 3, 1000, &stage.arena, &stored, &stage.err),
        AQ_E_UNSTABLE);
    assert_int_equal(
        ops->reader_scan_last(reader, "s", 1, AQ_LIT("pos"), 3, 20000, &stage.arena, &stored, &stage.err), 0);
    assert_int_equal(stored.offset, 1);
    assert_int_equal(aq_mono_us() - start, 10 * AQ_SEC);
    assert_int_equal(
        ops->reader_scan_last(reader, "s", 1, AQ_LIT("other"), 3, 0, &stage.arena, &stored, &stage.err), 0);
    assert_int_equal(stored.offset, -1);
    const int64_t not_there[] = {2, 3, 99}; /* aborted, a marker, beyond the end */
    for (size_t i = 0; i < 3; i++) {
        stored = (struct kc_stored){.partition = 1, .offset = not_there[i]};
        assert_int_equal(ops->reader_read(reader, "s", &stored, 1, 0, &stage.arena, &stage.err), AQ_E_STATE);
    }
    stored = (struct kc_stored){.partition = 7};
    assert_int_equal(ops->reader_read(reader, "s", &stored, 1, 0, &stage.arena, &stage.err),
                     AQ_E_UNKNOWN_TOPIC);
    ops->reader_close(reader, 0);
    end_producer(producer);
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topics_are_listed_by_name_with_ids),
        cmocka_unit_test(impossible_topics_are_refused),
        cmocka_unit_test(a_topic_takes_every_config_that_kafka_has),
        cmocka_unit_test(configs_are_kept),
        cmocka_unit_test(deleting_records_moves_the_low_watermark),
        cmocka_unit_test(deleting_below_an_open_transaction_moves_the_stable_end),
        cmocka_unit_test(reader_reads_what_is_committed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
