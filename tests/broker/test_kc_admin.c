/* SPDX-License-Identifier: Apache-2.0
 *
 * The admin side of the client layer on real brokers: topics, configs, offsets, and errors that name what to do.
 */
#include "tests/lib/broker_fixture.h"

static const struct kc_topic *find(const struct kc_topics *topics, const char *name)
{
    for (size_t i = 0; i < topics->count; i++) {
        if (strcmp(topics->list[i].name, name) == 0) return &topics->list[i];
    }
    return NULL;
}

static void connects_and_learns_the_cluster_id(void **state)
{
    (void)state;
    struct aq_err err = {0};
    char source[KC_ID_MAX] = "", sink[KC_ID_MAX] = "";
    kt_check(ops->admin_connect(env.source_admin, KT_TIMEOUT_MS, source, &err), &err, "connect");
    kt_check(ops->admin_connect(env.sink_admin, KT_TIMEOUT_MS, sink, &err), &err, "connect");
    assert_true(strlen(source) > 10);
    assert_string_not_equal(source, sink);
}

static void unreachable_cluster_is_named(void **state)
{
    (void)state;
    struct aq_err err = {0};
    struct kc_cluster nowhere;
    struct kc_admin *admin = NULL;
    char id[KC_ID_MAX];
    kc_cluster_from_brokers("nowhere", "127.0.0.1:1", &env.arena, &nowhere);
    kt_check(ops->admin_open(&nowhere, "kt", &admin, &err), &err, "open");
    int64_t started = aq_mono_us();
    assert_int_equal(ops->admin_connect(admin, 1500, id, &err), AQ_E_UNREACHABLE);
    assert_true(aq_mono_us() - started < 4 * AQ_SEC);
    assert_non_null(strstr(err.text, "cluster nowhere"));
    assert_non_null(strstr(err.text, "refused"));
    ops->admin_close(admin);
}

static void creates_grows_and_lists(void **state)
{
    (void)state;
    struct aq_err err = {0};
    const struct kc_config_entry configs[] = {{"cleanup.policy", "compact"}, {"segment.bytes", "1048576"}};
    const char *name = kt_topic(&env, env.sink_admin, "kt-adm", 3, configs, 2);
    struct kc_topic_spec again = {.name = name, .partitions = 3, .replication_factor = -1};
    assert_int_equal(ops->admin_create_topic(env.sink_admin, &again, KT_TIMEOUT_MS, &err), AQ_E_EXISTS);
    assert_non_null(strstr(err.text, name));
    assert_non_null(strstr(err.text, "cluster sink"));
    kt_check(ops->admin_grow_topic(env.sink_admin, name, 5, KT_TIMEOUT_MS, &err), &err, "grow");
    assert_int_not_equal(ops->admin_grow_topic(env.sink_admin, name, 2, KT_TIMEOUT_MS, &err),
                         0); /* never shrinks */
    assert_non_null(strstr(err.text, name));

    struct kc_topics topics;
    kt_check(ops->admin_topics(env.sink_admin, KT_TIMEOUT_MS, &topics, &err), &err, "topics");
    const struct kc_topic *topic = find(&topics, name);
    assert_non_null(topic);
    assert_int_equal(topic->partitions, 5);
    assert_int_equal(topic->error, 0);
    assert_false(topic->internal);
    int major = 0, minor = 0;
    assert_int_equal(sscanf(kc_rd_version(), "%d.%d", &major, &minor), 2);
    bool has_ids = major > 2 || minor >= 3;
    assert_int_equal(topic->id[0] != 0, has_ids);
    assert_true(topics.brokers >= 1);
    for (size_t i = 1; i < topics.count; i++)
        assert_true(strcmp(topics.list[i - 1].name, topics.list[i].name) < 0);
    aq_arena_finish(&topics.arena);
}

static void configs_are_the_topics_own(void **state)
{
    (void)state;
    struct aq_err err = {0};
    const struct kc_config_entry configs[] = {{"cleanup.policy", "compact"}};
    const char *name = kt_topic(&env, env.sink_admin, "kt-cfg", 1, configs, 1);
    struct kc_config_entry entries[] = {
        {"cleanup.policy", "x"}, {"max.message.bytes", "x"}, {"no.such.config", "x"}};
    kt_check(ops->admin_topic_configs(env.sink_admin, name, entries, 3, &env.arena, KT_TIMEOUT_MS, &err),
             &err, "configs");
    assert_string_equal(entries[0].value, "compact");
    assert_null(entries[1].value); /* the broker's default is not the topic's */
    assert_null(entries[2].value);
    const char *missing = kt_name(&env, "kt-missing");
    assert_int_equal(
        ops->admin_topic_configs(env.sink_admin, missing, entries, 3, &env.arena, KT_TIMEOUT_MS, &err),
        AQ_E_UNKNOWN_TOPIC);
    assert_non_null(strstr(err.text, missing));
}

/* Records 0 to n-1 in partition 0. */
static void fill_topic(const char *name, int n)
{
    struct kc_producer *producer = kt_producer(&env.sink, NULL);
    struct aq_batch batch;
    aq_batch_init(&batch, 8);
    for (int i = 0; i < n; i++) {
        struct aq_record *rec = aq_batch_add(&batch);
        rec->topic = aq_names_intern(&env.names, aq_slice_str(name));
        rec->partition = 0;
        rec->value = AQ_LIT("x");
        rec->timestamp = aq_wall_ms();
        rec->time_type = AQ_TIME_CREATE;
    }
    kt_send_all(producer, &batch);
    aq_batch_finish(&batch);
    kt_close_producer(producer);
}

static void check_low(const char *name, int64_t expected)
{
    struct aq_err err = {0};
    int64_t low = -1, high = -1;
    kt_check(ops->admin_watermarks(env.sink_admin, name, 0, KT_TIMEOUT_MS, &low, &high, &err), &err, "low");
    assert_int_equal(low, expected);
}

static void records_before_an_offset_are_deleted(void **state)
{
    (void)state;
    struct aq_err err = {0};
    const char *one = kt_topic(&env, env.sink_admin, "kt-del1", 2, NULL, 0);
    const char *two = kt_topic(&env, env.sink_admin, "kt-del2", 1, NULL, 0);
    fill_topic(one, 7);
    fill_topic(two, 3);
    /* One of them twice, the second partition of the first has nothing to lose. */
    const struct kc_before list[] = {{one, 0, 5}, {two, 0, 3}, {one, 0, 4}, {one, 1, 0}};
    kt_check(ops->admin_delete_records(env.sink_admin, list, 4, KT_TIMEOUT_MS, &err), &err, "delete");
    check_low(one, 5);
    check_low(two, 3);
    kt_check(ops->admin_delete_records(env.sink_admin, list, 1, KT_TIMEOUT_MS, &err), &err, "again");
    check_low(one, 5);
    kt_check(ops->admin_delete_records(env.sink_admin, list, 0, KT_TIMEOUT_MS, &err), &err, "nothing");
}

static void records_that_are_gone_need_not_be_deleted(void **state)
{
    (void)state;
    struct aq_err err = {0};
    const char *name = kt_topic(&env, env.sink_admin, "kt-del3", 1, NULL, 0);
    fill_topic(name, 4);
    const char *missing = kt_name(&env, "kt-missing");
    const struct kc_before list[] = {{missing, 0, 5}, {name, 9, 1}, {name, 0, 2}};
    int64_t started = aq_mono_us();
    kt_check(ops->admin_delete_records(env.sink_admin, list, 3, KT_TIMEOUT_MS, &err), &err, "delete");
    kt_check(ops->admin_delete_records(env.sink_admin, list, 2, KT_TIMEOUT_MS, &err), &err, "missing");
    assert_true(aq_mono_us() - started < KT_TIMEOUT_MS * AQ_MS);
    check_low(name, 2);
}

static void an_offset_beyond_the_end_is_told_with_its_partition(void **state)
{
    (void)state;
    struct aq_err err = {0};
    const char *good = kt_topic(&env, env.sink_admin, "kt-del4", 1, NULL, 0);
    const char *bad = kt_topic(&env, env.sink_admin, "kt-del5", 1, NULL, 0);
    fill_topic(good, 3);
    fill_topic(bad, 3);
    const struct kc_before list[] = {{good, 0, 2}, {bad, 0, 100}};
    assert_int_not_equal(ops->admin_delete_records(env.sink_admin, list, 2, KT_TIMEOUT_MS, &err), 0);
    char *expected = NULL;
    assert_true(asprintf(&expected, "topic %s[0] of cluster sink", bad) > 0);
    if (!strstr(err.text, expected)) fail_msg("%s", err.text);
    free(expected);
    check_low(good, 2);
    check_low(bad, 0);
}

static void a_deleted_topic_is_gone(void **state)
{
    (void)state;
    struct aq_err err = {0};
    const char *name = kt_topic(&env, env.sink_admin, "kt-gone", 3, NULL, 0);
    kt_check(ops->admin_delete_topic(env.sink_admin, name, KT_TIMEOUT_MS, &err), &err, "delete");
    assert_int_equal(ops->admin_delete_topic(env.sink_admin, name, KT_TIMEOUT_MS, &err), AQ_E_UNKNOWN_TOPIC);
    assert_non_null(strstr(err.text, name));
    struct kc_topics topics;
    kt_check(ops->admin_topics(env.sink_admin, KT_TIMEOUT_MS, &topics, &err), &err, "topics");
    assert_null(find(&topics, name));
    aq_arena_finish(&topics.arena);
}

static void offsets_by_time_and_watermark(void **state)
{
    (void)state;
    struct aq_err err = {0};
    const char *name = kt_topic(&env, env.source_admin, "kt-off", 1, NULL, 0);
    struct kc_producer *producer = kt_producer(&env.source, NULL);
    struct aq_batch batch;
    aq_batch_init(&batch, 8);
    for (int i = 0; i < 5; i++) {
        struct aq_record *rec = aq_batch_add(&batch);
        rec->topic = aq_names_intern(&env.names, aq_slice_str(name));
        rec->partition = 0;
        rec->value = AQ_LIT("x");
        rec->time_type = AQ_TIME_CREATE;
        rec->timestamp = 1700000000000 + i * 1000;
    }
    kt_send_all(producer, &batch);
    aq_batch_finish(&batch);
    kt_close_producer(producer);
    int64_t low = -1, high = -1, offset = -1;
    kt_check(ops->admin_watermarks(env.source_admin, name, 0, KT_TIMEOUT_MS, &low, &high, &err), &err,
             "watermarks");
    assert_int_equal(low, 0);
    assert_int_equal(high, 5);
    kt_check(
        ops->admin_offset_for_time(env.source_admin, name, 0, 1700000002500, KT_TIMEOUT_MS, &offset, &err),
        &err, "time");
    assert_int_equal(offset, 3);
    kt_check(
        ops->admin_offset_for_time(env.source_admin, name, 0, 1700000004000, KT_TIMEOUT_MS, &offset, &err),
        &err, "time");
    assert_int_equal(offset, 4);
    kt_check(
        ops->admin_offset_for_time(env.source_admin, name, 0, 1900000000000, KT_TIMEOUT_MS, &offset, &err),
        &err, "time");
    assert_int_equal(offset, 5);
    kt_check(ops->admin_offset_for_time(env.source_admin, name, 0, 0, KT_TIMEOUT_MS, &offset, &err), &err,
             "time");
    assert_int_equal(offset, 0);
    assert_int_not_equal(ops->admin_watermarks(env.source_admin, name, 7, 3000, &low, &high, &err), 0);
    assert_non_null(strstr(err.text, name));
    assert_non_null(strstr(err.text, "cluster source"));
}

static void unknown_group_has_no_members(void **state)
{
    (void)state;
    struct aq_err err = {0};
    int32_t members = -1;
    kt_check(
        ops->admin_group_members(env.sink_admin, kt_name(&env, "kt-nobody"), KT_TIMEOUT_MS, &members, &err),
        &err, "members");
    assert_int_equal(members, 0);
}

static void bad_property_is_told_at_open(void **state)
{
    (void)state;
    struct aq_err err = {0};
    struct kc_property bad = {.name = "socket.timeout.ms", .value = "soon"};
    struct kc_cluster cluster = env.sink;
    cluster.properties = &bad;
    cluster.n_properties = 1;
    struct kc_admin *admin = NULL;
    assert_int_equal(ops->admin_open(&cluster, "kt", &admin, &err), AQ_E_CONFIG);
    assert_non_null(strstr(err.text, "socket.timeout.ms"));
    assert_non_null(strstr(err.text, "sink"));
    assert_null(admin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connects_and_learns_the_cluster_id),
        cmocka_unit_test(unreachable_cluster_is_named),
        cmocka_unit_test(creates_grows_and_lists),
        cmocka_unit_test(configs_are_the_topics_own),
        cmocka_unit_test(records_before_an_offset_are_deleted),
        cmocka_unit_test(records_that_are_gone_need_not_be_deleted),
        cmocka_unit_test(an_offset_beyond_the_end_is_told_with_its_partition),
        cmocka_unit_test(a_deleted_topic_is_gone),
        cmocka_unit_test(offsets_by_time_and_watermark),
        cmocka_unit_test(unknown_group_has_no_members),
        cmocka_unit_test(bad_property_is_told_at_open),
    };
    return cmocka_run_group_tests(tests, kt_setup, kt_teardown);
}
