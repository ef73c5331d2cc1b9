/* SPDX-License-Identifier: Apache-2.0
 *
 * Snapshots and facts as they are stored: what is written comes back, and whatever else stands in the state topic is
 * refused with its reason. Every field is damaged in turn; the rest of the decoder's input is random.
 */
#include "kafka/position.h"

#include <jansson.h>

#include "kafka/task_map.h"
#include "tests/lib/check.h"

#define TASKS 16

static const struct kc_route_facts facts = {.route = "orders",
                                            .source_id = "source-cluster-id_1",
                                            .sink_id = "sink-cluster-id_2",
                                            .tasks = TASKS,
                                            .map_version = 1,
                                            .created_ms = 1714557600000};

/* Two partitions that lie on one task, one with everything and one with the least. */
static struct kc_snapshot make_snapshot(struct kc_position list[2])
{
    int32_t task = kc_task_of("orders.eu", 4, TASKS);
    int32_t other = 0;
    while (kc_task_of("customers", other, TASKS) != task) other++;
    list[0] = (struct kc_position){.topic = "orders.eu",
                                   .partition = 4,
                                   .next = 9007199254740993, /* not a double */
                                   .leader_epoch = 12,
                                   .last_offset = 9007199254740991,
                                   .last_timestamp = -1,
                                   .last_hash = 0xfedcba9876543210u,
                                   .topic_id = "AAAAAAAAQACAAAAAAAAAAQ",
                                   .time_ms = 1714557601233,
                                   .sink_topic = "dc1.orders.eu",
                                   .sink_partition = 4,
                                   .sink_offset = 123456789012};
    list[1] = (struct kc_position){.topic = "customers",
                                   .partition = other,
                                   .next = 0,
                                   .leader_epoch = -1,
                                   .last_offset = -1,
                                   .time_ms = -1,
                                   .sink_offset = -1};
    return (struct kc_snapshot){.facts = facts,
                                .task = task,
                                .seq = 77,
                                .written_ms = 1714557601234,
                                .writer = "aqueduct.orders.host.1",
                                .list = list,
                                .count = 2};
}

static void check_position(const struct kc_position *a, const struct kc_position *b)
{
    assert_string_equal(a->topic, b->topic);
    assert_int_equal(a->partition, b->partition);
    assert_int_equal(a->next, b->next);
    assert_int_equal(a->leader_epoch, b->leader_epoch);
    assert_int_equal(a->last_offset, b->last_offset);
    assert_int_equal(a->last_timestamp, b->last_timestamp);
    assert_true(a->last_hash == b->last_hash);
    assert_string_equal(a->topic_id, b->topic_id);
    assert_int_equal(a->time_ms, b->time_ms);
    assert_int_equal(a->sink_offset, b->sink_offset);
    assert_int_equal(a->sink_topic != NULL, b->sink_topic != NULL);
    if (!a->sink_topic) return;
    assert_string_equal(a->sink_topic, b->sink_topic);
    assert_int_equal(a->sink_partition, b->sink_partition);
}

static void a_snapshot_comes_back_as_it_was(void **state)
{
    (void)state;
    struct aq_arena arena;
    struct kc_position list[2];
    struct kc_snapshot snapshot = make_snapshot(list), back;
    struct aq_err err = {0};
    aq_arena_init(&arena, 1024);
    struct aq_slice value = kc_snapshot_encode(&snapshot, &arena);
    T_CHECK(kc_snapshot_decode(value, &arena, &back, &err) == 0, "%s", err.text);
    assert_string_equal(back.facts.route, "orders");
    assert_string_equal(back.facts.source_id, facts.source_id);
    assert_string_equal(back.facts.sink_id, facts.sink_id);
    assert_int_equal(back.facts.tasks, TASKS);
    assert_int_equal(back.facts.map_version, 1);
    assert_int_equal(back.facts.created_ms, facts.created_ms);
    assert_int_equal(back.task, snapshot.task);
    assert_int_equal(back.seq, 77);
    assert_int_equal(back.written_ms, 1714557601234);
    assert_string_equal(back.writer, "aqueduct.orders.host.1");
    assert_int_equal(back.count, 2);
    check_position(&back.list[0], &list[0]);
    check_position(&back.list[1], &list[1]);
    aq_arena_finish(&arena);
}

static void an_empty_snapshot_is_one(void **state)
{
    (void)state;
    struct aq_arena arena;
    struct kc_snapshot snapshot = {.facts = facts, .task = 3, .seq = 1}, back;
    struct aq_err err = {0};
    aq_arena_init(&arena, 1024);
    assert_int_equal(kc_snapshot_decode(kc_snapshot_encode(&snapshot, &arena), &arena, &back, &err), 0);
    assert_int_equal(back.count, 0);
    assert_string_equal(back.writer, "");
    aq_arena_finish(&arena);
}

static void facts_come_back_as_they_were(void **state)
{
    (void)state;
    struct aq_arena arena;
    struct kc_route_facts back;
    struct aq_err err = {0};
    aq_arena_init(&arena, 1024);
    assert_int_equal(kc_facts_decode(kc_facts_encode(&facts, &arena), &arena, &back, &err), 0);
    assert_int_equal(kc_facts_check(&back, &facts, &err), 0);
    assert_int_equal(back.created_ms, facts.created_ms);
    aq_arena_finish(&arena);
}

/* ---- damage --------------------------------------------------------------------------------------------------------- */

static char *snapshot_text(void)
{
    struct aq_arena arena;
    struct kc_position list[2];
    struct kc_snapshot snapshot = make_snapshot(list);
    aq_arena_init(&arena, 1024);
    struct aq_slice value = kc_snapshot_encode(&snapshot, &arena);
    char *text = t_printf("%.*s", (int)value.len, value.ptr);
    aq_arena_finish(&arena);
    return text;
}

static int decode_text(const char *text, size_t len, struct aq_err *err)
{
    struct aq_arena arena;
    struct kc_snapshot back;
    aq_arena_init(&arena, 1024);
    int rc = kc_snapshot_decode(aq_slice_of(text, len), &arena, &back, err);
    aq_arena_finish(&arena);
    return rc;
}

/* The snapshot with one field of it, or of its first position, replaced (NULL: taken away). */
static int decode_with(bool in_position, const char *field, const char *json, struct aq_err *err)
{
    char *text = snapshot_text();
    json_t *whole = json_loads(text, 0, NULL);
    assert_non_null(whole);
    json_t *object = in_position ? json_array_get(json_object_get(whole, "positions"), 0) : whole;
    if (json)
        json_object_set_new(object, field, json_loads(json, JSON_DECODE_ANY, NULL));
    else
        json_object_del(object, field);
    char *damaged = json_dumps(whole, JSON_COMPACT);
    int rc = decode_text(damaged, strlen(damaged), err);
    free(damaged);
    json_decref(whole);
    free(text);
    return rc;
}

struct damage {
    const char *field;
    const char *json;
};

static void check_refused(bool in_position, const struct damage *damage)
{
    struct aq_err err = {0};
    int rc = decode_with(in_position, damage->field, damage->json, &err);
    T_CHECK(rc == AQ_E_CORRUPT || rc == AQ_E_STATE, "%s = %s: %d", damage->field, damage->json, rc);
    T_CHECK(strstr(err.text, damage->field) || rc == AQ_E_STATE, "%s = %s says: %s", damage->field,
            damage->json, err.text);
}

#define LONG_TEXT \
    "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"" /* 64: one too many for an id */

static void every_field_damaged(void **state)
{
    (void)state;
    static const struct damage whole[] = {
        {"format", NULL},       {"format", "0"},       {"format", "2"},       {"format", "\"1\""},
        {"route", NULL},        {"route", "5"},        {"source", NULL},      {"source", "null"},
        {"source", LONG_TEXT},  {"sink", NULL},        {"sink", LONG_TEXT},   {"tasks", NULL},
        {"tasks", "0"},         {"tasks", "-1"},       {"tasks", "100001"},   {"tasks", "16.0"},
        {"map", NULL},          {"map", "0"},          {"map", "4294967297"}, {"created", NULL},
        {"created", "-1"},      {"task", NULL},        {"task", "-1"},        {"task", "16"},
        {"seq", NULL},          {"seq", "-1"},         {"seq", "1e3"},        {"written", NULL},
        {"written", "\"now\""}, {"writer", NULL},      {"writer", "[]"},      {"positions", NULL},
        {"positions", "{}"},    {"positions", "\"\""}, {"positions", "null"},
    };
    static const struct damage position[] = {
        {"topic", NULL},
        {"topic", "1"},
        {"partition", NULL},
        {"partition", "-1"},
        {"partition", "2147483648"},
        {"next", NULL},
        {"next", "-1"},
        {"next", "1.5"},
        {"next", "true"},
        {"epoch", NULL},
        {"epoch", "-2"},
        {"epoch", "2147483648"},
        {"id", "7"},
        {"id", LONG_TEXT},
        {"last", "-1"},
        {"last", "\"5\""},
        {"time", NULL},
        {"time", "\"\""},
        {"hash", NULL},
        {"hash", "\"123\""},
        {"hash", "\"zzzzzzzzzzzzzzzz\""},
        {"hash", "12"},
        {"ptime", "-1"},
        {"ptime", "\"0\""},
        {"ptime", "1.5"},
        {"to", "1"},
        {"to_partition", NULL},
        {"to_partition", "-1"},
        {"to_partition", "2147483648"},
        {"to_offset", NULL},
        {"to_offset", "-1"},
        {"to_offset", "\"5\""},
    };
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) check_refused(false, &whole[i]);
    for (size_t i = 0; i < sizeof(position) / sizeof(position[0]); i++) check_refused(true, &position[i]);
}

/* A time nobody knows is not written, and 0 is a time. */
static void a_partition_time_is_written_when_it_is_known(void **state)
{
    (void)state;
    static const int64_t times[] = {-1, 0, 1, INT64_MAX};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct aq_arena arena;
        struct kc_position list[2];
        struct kc_snapshot snapshot = make_snapshot(list), back;
        struct aq_err err = {0};
        aq_arena_init(&arena, 1024);
        list[0].time_ms = times[i];
        struct aq_slice value = kc_snapshot_encode(&snapshot, &arena);
        bool written = memmem(value.ptr, value.len, "ptime", 5) != NULL;
        T_CHECK(written == (times[i] >= 0), "%lld: %.*s", (long long)times[i], (int)value.len, value.ptr);
        T_CHECK(kc_snapshot_decode(value, &arena, &back, &err) == 0, "%s", err.text);
        assert_int_equal(back.list[0].time_ms, times[i]);
        assert_int_equal(back.list[1].time_ms, -1);
        aq_arena_finish(&arena);
    }
}

/* As every version before wrote them. */
static void a_position_without_a_partition_time_has_none(void **state)
{
    (void)state;
    struct aq_err err = {0};
    assert_int_equal(decode_with(true, "ptime", NULL, &err), 0);
}

static void names_of_the_wrong_length(void **state)
{
    (void)state;
    struct aq_err err;
    char *name = t_printf("\"%0250d\"", 7);
    assert_int_equal(decode_with(true, "topic", name, &err), AQ_E_CORRUPT);
    assert_int_equal(decode_with(false, "route", name, &err), AQ_E_CORRUPT);
    free(name);
    name = t_printf("\"%0513d\"", 7);
    assert_int_equal(decode_with(false, "writer", name, &err), AQ_E_CORRUPT);
    free(name);
    char *text = snapshot_text();
    memcpy(strstr(text, "aqueduct.orders.host"), "\\u0000", 6);
    assert_int_equal(decode_text(text, strlen(text), &err), AQ_E_CORRUPT);
    free(text);
}

static void a_position_of_another_task(void **state)
{
    (void)state;
    struct aq_err err = {0};
    assert_int_equal(decode_with(true, "partition", "5", &err), AQ_E_CORRUPT);
    assert_int_equal(decode_with(true, "topic", "\"orders.us\"", &err), AQ_E_CORRUPT);
    assert_int_equal(decode_with(true, "partition", "4", &err), 0);
}

/* Which partitions such a task has is not known here: that the map is the right one is for kc_facts_check() to say. */
static void a_position_of_another_map(void **state)
{
    (void)state;
    struct aq_arena arena;
    struct kc_position list[2];
    struct kc_snapshot snapshot = make_snapshot(list), back;
    struct aq_err err = {0};
    aq_arena_init(&arena, 1024);
    snapshot.facts.map_version = KC_TASK_MAP_VERSION + 1;
    snapshot.task = (snapshot.task + 1) % TASKS;
    assert_int_equal(kc_snapshot_decode(kc_snapshot_encode(&snapshot, &arena), &arena, &back, &err), 0);
    assert_int_equal(kc_facts_check(&back.facts, &facts, &err), AQ_E_STATE);
    aq_arena_finish(&arena);
}

static void unknown_fields_are_for_later_versions(void **state)
{
    (void)state;
    struct aq_err err = {0};
    assert_int_equal(decode_with(false, "comment", "\"x\"", &err), 0);
    assert_int_equal(decode_with(true, "comment", "[1,2]", &err), 0);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    char *text = snapshot_text();
    size_t len = strlen(text);
    for (size_t n = 0; n < len; n++) {
        struct aq_err err = {0};
        char *exact = t_alloc(n + 1); /* so that a sanitizer sees a read beyond it */
        memcpy(exact, text, n);
        T_CHECK(decode_text(exact, n, &err) == AQ_E_CORRUPT, "cut to %zu bytes", n);
        free(exact);
    }
    struct aq_err err = {0};
    assert_int_equal(decode_text(text, len, &err), 0);
    free(text);
}

static void what_is_no_snapshot_at_all(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",      "null",           "[]",       "{}",      "5",
        "\"x\"", "{\"format\":1}", "\xff\xfe", "{\"a\":", "{\"format\":1,\"format\":1}"};
    struct aq_err err = {0};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        T_CHECK(decode_text(texts[i], strlen(texts[i]), &err) == AQ_E_CORRUPT, "%s", texts[i]);
    struct aq_arena arena;
    struct kc_snapshot back;
    aq_arena_init(&arena, 64);
    assert_int_equal(kc_snapshot_decode(AQ_NULL_SLICE, &arena, &back, &err), AQ_E_CORRUPT); /* a tombstone */
    struct kc_route_facts none;
    assert_int_equal(kc_facts_decode(AQ_NULL_SLICE, &arena, &none, &err), AQ_E_CORRUPT);
    aq_arena_finish(&arena);
    char *deep = t_alloc(200001);
    memset(deep, '[', 200000);
    assert_int_equal(decode_text(deep, 200000, &err), AQ_E_CORRUPT);
    free(deep);
}

/* Bytes changed at random: decoding may succeed (a digit for a digit), but never more than that. */
static void hostile_bytes(void **state)
{
    (void)state;
    char *text = snapshot_text();
    size_t len = strlen(text);
    uint64_t seed = 88172645463325252u;
    for (int round = 0; round < 20000; round++) {
        struct aq_err err = {0};
        char *copy = t_alloc(len);
        memcpy(copy, text, len);
        for (int change = 0; change <= round % 3; change++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            copy[seed % len] = (char)(seed >> 40);
        }
        int rc = decode_text(copy, len, &err);
        T_CHECK(rc == 0 || rc == AQ_E_CORRUPT || rc == AQ_E_STATE, "%d: %.*s", rc, (int)len, copy);
        T_CHECK(rc == 0 || err.text[0], "no reason: %.*s", (int)len, copy);
        free(copy);
    }
    free(text);
}

static void a_later_format_asks_for_an_upgrade(void **state)
{
    (void)state;
    struct aq_err err = {0};
    assert_int_equal(decode_with(false, "format", "2", &err), AQ_E_STATE);
    assert_non_null(strstr(err.text, "upgrade aqueduct"));
}

/* ---- checks --------------------------------------------------------------------------------------------------------- */

static void the_first_difference_of_facts_is_named(void **state)
{
    (void)state;
    struct aq_err err = {0};
    struct kc_route_facts other = facts;
    other.route = "billing";
    assert_int_equal(kc_facts_check(&facts, &other, &err), AQ_E_STATE);
    assert_non_null(strstr(err.text, "'orders'"));
    other = facts;
    snprintf(other.source_id, sizeof(other.source_id), "elsewhere");
    assert_int_equal(kc_facts_check(&facts, &other, &err), AQ_E_STATE);
    assert_non_null(strstr(err.text, "source cluster source-cluster-id_1"));
    assert_non_null(strstr(err.text, "elsewhere"));
    other = facts;
    snprintf(other.sink_id, sizeof(other.sink_id), "elsewhere");
    assert_int_equal(kc_facts_check(&facts, &other, &err), AQ_E_STATE);
    assert_non_null(strstr(err.text, "sink cluster sink-cluster-id_2"));
    other = facts;
    other.map_version = 2;
    assert_int_equal(kc_facts_check(&facts, &other, &err), AQ_E_STATE);
    assert_non_null(strstr(err.text, "map version 1"));
    other = facts;
    other.tasks = 8;
    assert_int_equal(kc_facts_check(&facts, &other, &err), AQ_E_STATE);
    assert_non_null(strstr(err.text, "tasks = 16"));
    other = facts;
    other.created_ms = 5; /* who was first does not matter */
    assert_int_equal(kc_facts_check(&facts, &other, &err), 0);
}

static void metadata_belongs_to_one_value(void **state)
{
    (void)state;
    char metadata[KC_METADATA_MAX], longest[KC_METADATA_MAX];
    struct aq_err err = {0};
    kc_metadata_format(7, AQ_LIT("value"), metadata, sizeof(metadata));
    assert_true(strncmp(metadata, "v1 seq=7 sum=", 13) == 0);
    assert_int_equal(strlen(metadata), 13 + 16);
    assert_int_equal(kc_metadata_check(metadata, 7, AQ_LIT("value"), &err), 0);
    assert_int_equal(kc_metadata_check(metadata, 8, AQ_LIT("value"), &err), AQ_E_CORRUPT);
    assert_int_equal(kc_metadata_check(metadata, 7, AQ_LIT("valuf"), &err), AQ_E_CORRUPT);
    assert_int_equal(kc_metadata_check("", 7, AQ_LIT("value"), &err), AQ_E_CORRUPT);
    metadata[strlen(metadata) - 1] ^= 1;
    assert_int_equal(kc_metadata_check(metadata, 7, AQ_LIT("value"), &err), AQ_E_CORRUPT);
    kc_metadata_format(INT64_MAX, AQ_LIT(""), longest, sizeof(longest));
    assert_int_equal(kc_metadata_check(longest, INT64_MAX, AQ_LIT(""), &err), 0);
}

static void fingerprints_tell_records_apart(void **state)
{
    (void)state;
    const uint64_t prints[] = {
        kc_fingerprint(AQ_LIT("k"), AQ_LIT("v"), 5),     kc_fingerprint(AQ_LIT("k"), AQ_LIT("v"), 6),
        kc_fingerprint(AQ_LIT("k"), AQ_LIT("w"), 5),     kc_fingerprint(AQ_LIT("l"), AQ_LIT("v"), 5),
        kc_fingerprint(AQ_NULL_SLICE, AQ_LIT("v"), 5),   kc_fingerprint(AQ_LIT(""), AQ_LIT("v"), 5),
        kc_fingerprint(AQ_LIT("k"), AQ_NULL_SLICE, 5),   kc_fingerprint(AQ_LIT("k"), AQ_LIT(""), 5),
        kc_fingerprint(AQ_NULL_SLICE, AQ_NULL_SLICE, 5), kc_fingerprint(AQ_LIT("kv"), AQ_NULL_SLICE, 5),
        kc_fingerprint(AQ_LIT("v"), AQ_LIT("k"), 5),     kc_fingerprint(AQ_NULL_SLICE, AQ_LIT("kv"), 5),
    };
    size_t n = sizeof(prints) / sizeof(prints[0]);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) T_CHECK(prints[i] != prints[j], "%zu and %zu", i, j);
    assert_true(prints[0] == kc_fingerprint(AQ_LIT("k"), AQ_LIT("v"), 5));
}

/* Stored for as long as a route lives: these may never change. */
static void fingerprints_stay_what_they_are(void **state)
{
    (void)state;
    assert_true(kc_fingerprint(AQ_LIT("k"), AQ_LIT("v"), 5) == 0x858017aecce88f39u);
    assert_true(kc_fingerprint(AQ_NULL_SLICE, AQ_LIT("{\"id\":1}"), 1714557600000) == 0xe431ed97c657907cu);
    char metadata[KC_METADATA_MAX];
    kc_metadata_format(7, AQ_LIT("value"), metadata, sizeof(metadata));
    assert_string_equal(metadata, "v1 seq=7 sum=107876e4e94ea9c1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_comes_back_as_it_was),
        cmocka_unit_test(an_empty_snapshot_is_one),
        cmocka_unit_test(facts_come_back_as_they_were),
        cmocka_unit_test(every_field_damaged),
        cmocka_unit_test(a_partition_time_is_written_when_it_is_known),
        cmocka_unit_test(a_position_without_a_partition_time_has_none),
        cmocka_unit_test(names_of_the_wrong_length),
        cmocka_unit_test(a_position_of_another_task),
        cmocka_unit_test(a_position_of_another_map),
        cmocka_unit_test(unknown_fields_are_for_later_versions),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(what_is_no_snapshot_at_all),
        cmocka_unit_test(hostile_bytes),
        cmocka_unit_test(a_later_format_asks_for_an_upgrade),
        cmocka_unit_test(the_first_difference_of_facts_is_named),
        cmocka_unit_test(metadata_belongs_to_one_value),
        cmocka_unit_test(fingerprints_tell_records_apart),
        cmocka_unit_test(fingerprints_stay_what_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
