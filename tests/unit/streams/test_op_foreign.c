/* SPDX-License-Identifier: Apache-2.0
 *
 * Foreign key joins: the left row's value begins with the key of the right row. The rows are what Kafka Streams 4.3 gives.
 */
#include "streams/tasks.h"
#include "tests/unit/streams/table_world.h"

/* The first character; none: it refers to nothing. */
static int first_char(struct st_context *context, void *user, const struct aq_record *row,
                      struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    (void)user;
    (void)err;
    *ret = row->value.len > 0 && row->value.ptr[0] != '!' ? aq_slice_of(row->value.ptr, 1) : AQ_NULL_SLICE;
    return 0;
}

static const struct st_foreign_key_join inner = {.foreign_key = {.call = first_char},
                                                 .joiner = {.kind = &st_joiner_pair}};
static const struct st_foreign_key_join left = {
    .foreign_key = {.call = first_char}, .joiner = {.kind = &st_joiner_pair}, .left = true};
static const struct st_foreign_key_join compat = {
    .foreign_key = {.call = first_char}, .joiner = {.kind = &st_joiner_pair}, .compat = true};
static const struct st_foreign_key_join compat_left = {
    .foreign_key = {.call = first_char}, .joiner = {.kind = &st_joiner_pair}, .left = true, .compat = true};
static const struct st_foreign_key_join by_lua = {.foreign_key = {.lua = LUA("string.sub(value, 1, 1)")},
                                                  .joiner = {.kind = &st_joiner_pair}};

static void open_join(struct engine *e, const struct st_foreign_key_join *join, int32_t partitions)
{
    table_init(e);
    e->partitions = partitions;
    struct st_table_ref l = table(e, "L", UNCACHED), r = table(e, "R", UNCACHED);
    const struct st_foreign_key_serdes serdes = {.value = e->settings.value_serde};
    engine_good(e, st_add_foreign_key_join(e->topology, "joined", l, r, join, &serdes, NULL, &e->err));
    engine_processor(e, "records", &st_to_stream_kind, "joined");
    engine_sink(e, "sink", "out", "records");
    engine_start(e);
}

struct row {
    const char *topic, *key, *value;
    int64_t ms;
    const char *inner, *left; /* left NULL: the same */
};

static const struct row rows[] = {
    {"R", "1", "r1", 1, "", NULL},
    {"L", "a", "1x", 2, "a=1x-r1@2", NULL},
    {"L", "b", "1y", 3, "b=1y-r1@3", NULL},
    {"L", "c", "2z", 4, "", "c=2z-null@4"},
    {"R", "2", "r2", 5, "c=2z-r2@5", NULL},
    {"R", "1", NULL, 6, "a=null@6 b=null@6", "a=1x-null@6 b=1y-null@6"},
    {"R", "1", "r1b", 7, "a=1x-r1b@7 b=1y-r1b@7", NULL},
    {"L", "a", "2x", 8, "a=2x-r2@8", NULL},
    {"L", "a", "3x", 9, "a=null@9", "a=3x-null@9"},
    {"L", "a", "nofk", 10, "a=null@10", "a=nofk-null@10"},
    {"L", "a", "1q", 11, "a=1q-r1b@11", NULL},
    {"L", "a", NULL, 12, "a=null@12", NULL},
    {"L", "b", "1y2", 13, "b=1y2-r1b@13", NULL},
    {"L", "c", NULL, 14, "c=null@14", NULL},
    {"L", "d", NULL, 15, "", NULL},
    {"R", "2", NULL, 16, "", NULL},
    {"L", "e", "9e", 17, "", "e=9e-null@17"},
    {"L", "e", NULL, 18, "e=null@18", NULL},
    {"R", "1", "r1old", 2, "b=1y2-r1old@2", NULL},
    {"L", "b", "1old", 1, "b=1old-r1old@2", NULL},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void run_rows(const struct st_foreign_key_join *join, size_t n)
{
    struct engine e;
    open_join(&e, join, 1);
    for (size_t i = 0; i < n; i++) {
        const struct row *row = &rows[i];
        const struct step step = {row->topic, row->key, row->value, row->ms,
                                  join->left && row->left ? row->left : row->inner};
        take_step(&e, &step, true);
    }
    engine_stop(&e);
}

static void an_inner_join_finds_rows_by_a_foreign_key(void **state)
{
    (void)state;
    run_rows(&inner, ROWS);
    run_rows(&by_lua, ROWS);
    run_rows(&compat, ROWS);
}

static void a_left_join_has_results_without_a_right_row(void **state)
{
    (void)state;
    run_rows(&left, ROWS);
    run_rows(&compat_left, ROWS);
}

static void rows_that_refer_to_nothing(void **state)
{
    (void)state;
    static const struct step inner_steps[] = {
        {"R", "1", "r", 1, ""},          {"L", "a", "!", 2, ""}, {"L", "a", "1", 3, "a=1-r@3"},
        {"L", "a", "!x", 4, "a=null@4"}, {"R", "1", "s", 5, ""}, {"L", "a", NULL, 6, ""},
    };
    static const struct step left_steps[] = {
        {"R", "1", "r", 1, ""},        {"L", "a", "!", 2, "a=!-null@2"},
        {"L", "a", "1", 3, "a=1-r@3"}, {"L", "a", "!x", 4, "a=!x-null@4"},
        {"R", "1", "s", 5, ""},        {"L", "a", NULL, 6, "a=null@6"},
        {"L", "a", NULL, 7, ""},
    };
    struct engine e;
    open_join(&e, &inner, 1);
    TAKE(&e, inner_steps);
    engine_stop(&e);
    open_join(&e, &left, 1);
    TAKE(&e, left_steps);
    engine_stop(&e);
}

/* Foreign and primary keys are in different partitions, and each finds the other. */
static void results_are_found_across_partitions(void **state)
{
    (void)state;
    struct engine e;
    open_join(&e, &inner, 5);
    char key[16], value[16], expected[64];
    for (int i = 0; i < 8; i++) {
        snprintf(key, sizeof(key), "%d", i);
        engine_pipe(&e, "R", key, "r", 1);
    }
    for (int i = 0; i < 40; i++) {
        snprintf(key, sizeof(key), "p%d", i);
        snprintf(value, sizeof(value), "%d-%d", i % 8, i);
        snprintf(expected, sizeof(expected), "p%d=%d-%d-r@%d", i, i % 8, i, i + 2);
        const struct step step = {"L", key, value, i + 2, expected};
        take_step(&e, &step, true);
    }
    engine_stop(&e);
}

/* Two changes of a row for each record: the second before the answer to the first. */
static int change_twice(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    struct aq_record first = *rec;
    int rc = st_forward(context, &first, err);
    if (aq_slice_is_null(rec->value)) return rc;
    rec->value =
        aq_slice_str(aq_arena_printf(st_arena(context), "%.*s'", (int)rec->value.len, rec->value.ptr));
    return rc == 0 ? st_forward(context, rec, err) : rc;
}

static const struct st_processor_kind twice = {.name = "twice", .process = change_twice};

static void an_answer_to_what_a_row_said_before_is_no_result(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {"R", "1", "r", 1, ""}, {"T", "a", "1x", 2, "a=1x'-r@2"}, {"T", "a", "1y", 3, "a=1y'-r@3"}};
    struct engine e;
    table_init(&e);
    engine_source(&e, "in", "T");
    engine_processor(&e, "twice", &twice, "in");
    engine_good(&e, st_add_processor(e.topology, "L", &st_table_source_kind, (void *)&plain_table,
                                     engine_parent("twice"), &e.err));
    table_store(&e, "L", "L", UNCACHED);
    struct st_table_ref l = {.node = "L", .store = "L"}, r = table(&e, "R", UNCACHED);
    const struct st_foreign_key_serdes serdes = {.value = e.settings.value_serde};
    table_store(&e, "joined", NULL, UNCACHED);
    engine_good(&e, st_add_foreign_key_join(e.topology, "joined", l, r, &inner, &serdes, "joined", &e.err));
    engine_sink(&e, "sink", "out", "joined");
    engine_start(&e);
    TAKE(&e, steps);
    engine_stop(&e);
}

/* Where an answer depends on what was before: nobody had a result, but only in compat that is guessed. */
static void rows_that_change_without_a_right_row(void **state)
{
    (void)state;
    static const struct step ours[] = {{"L", "a", "1x", 5, ""},
                                       {"L", "a", "1y", 6, "a=null@6"},
                                       {"R", "1", "r", 9, "a=1y-r@9"},
                                       {"L", "a", NULL, 7, "a=null@7"}};
    static const struct step theirs[] = {{"L", "a", "1x", 5, ""},
                                         {"L", "a", "1y", 6, ""},
                                         {"R", "1", "r", 9, "a=1y-r@9"},
                                         {"L", "a", NULL, 7, "a=null@9"}};
    struct engine e;
    open_join(&e, &inner, 1);
    TAKE(&e, ours);
    engine_stop(&e);
    open_join(&e, &compat, 1);
    TAKE(&e, theirs);
    engine_stop(&e);
}

/* ---- at random ---------------------------------------------------------------------------------------------------- */

#define LEFTS  6
#define RIGHTS 4

struct model {
    char left[LEFTS][8], right[RIGHTS][8]; /* "": no row */
    char result[LEFTS][24];                /* what came out last; "": nothing, or a tombstone */
    bool keeps_lonely, is_twice;
    uint64_t random;
};

static uint32_t draw(struct model *m, uint32_t n)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (uint32_t)((m->random >> 11) % n);
}

static void open_random(struct engine *e, struct model *m)
{
    const struct st_foreign_key_serdes serdes = {.value = st_serde_find("string", &e->err)};
    table_init(e);
    e->partitions = 1 + (int32_t)draw(m, 4);
    m->keeps_lonely = draw(m, 2);
    m->is_twice = draw(m, 2);
    engine_source(e, "in", "L");
    engine_processor(e, "twice", m->is_twice ? &twice : &engine_pass, "in");
    engine_good(e, st_add_processor(e->topology, "L", &st_table_source_kind, (void *)&plain_table,
                                    engine_parent("twice"), &e->err));
    table_store(e, "L", "L", draw(m, 2) ? CACHED : UNCACHED);
    struct st_table_ref l = {.node = "L", .store = "L"};
    struct st_table_ref r = table(e, "R", draw(m, 2) ? CACHED : UNCACHED);
    engine_good(e, st_add_foreign_key_join(e->topology, "joined", l, r, m->keeps_lonely ? &left : &inner,
                                           &serdes, NULL, &e->err));
    engine_sink(e, "sink", "out", "joined");
    engine_start(e);
}

static void change_left(struct engine *e, struct model *m)
{
    char key[4];
    uint32_t k = draw(m, LEFTS);
    char *value = m->left[k];
    snprintf(key, sizeof(key), "p%u", k);
    value[0] = '\0';
    if (draw(m, 5) > 0)
        snprintf(value, sizeof(m->left[k]), "%c%u", draw(m, 6) ? '0' + (int)draw(m, RIGHTS) : '!',
                 draw(m, 9));
    engine_pipe(e, "L", key, value[0] ? value : NULL, draw(m, 1000));
    if (value[0] && m->is_twice) strcat(value, "'");
}

static void change_right(struct engine *e, struct model *m)
{
    char key[4];
    uint32_t k = draw(m, RIGHTS);
    char *value = m->right[k];
    snprintf(key, sizeof(key), "%u", k);
    value[0] = '\0';
    if (draw(m, 4) > 0) snprintf(value, sizeof(m->right[k]), "r%u", draw(m, 100));
    engine_pipe(e, "R", key, value[0] ? value : NULL, draw(m, 1000));
}

static void read_results(struct engine *e, struct model *m)
{
    struct kc_sim_record rec;
    while (st_driver_read(e->driver, "out", &rec)) {
        assert_true(rec.key.len == 2);
        snprintf(m->result[rec.key.ptr[1] - '0'], sizeof(m->result[0]), "%.*s", (int)rec.value.len,
                 rec.value.ptr ? rec.value.ptr : "");
    }
}

static void expect_results(const struct model *m)
{
    for (int k = 0; k < LEFTS; k++) {
        char expected[24] = "";
        const char *of = m->left[k], *to = of[0] && of[0] != '!' ? m->right[of[0] - '0'] : "";
        if (of[0] && (to[0] || m->keeps_lonely))
            snprintf(expected, sizeof(expected), "%s-%s", of, to[0] ? to : "null");
        T_CHECK(strcmp(m->result[k], expected) == 0, "p%d is '%s', not '%s'", k, m->result[k], expected);
    }
}

static void results_are_right_behind_every_record(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct model m = {.random = seed * 0x9E3779B97F4A7C15u};
        struct engine e;
        open_random(&e, &m);
        for (int i = 0; i < 120; i++) {
            if (draw(&m, 3))
                change_left(&e, &m);
            else
                change_right(&e, &m);
            read_results(&e, &m);
            expect_results(&m);
        }
        engine_stop(&e);
    }
}

/* ---- partitions --------------------------------------------------------------------------------------------------- */

/* Subscriptions go to the right table's partitions, answers to the left one's, whatever the counts are. */
static void each_way_has_the_partitions_of_the_table_it_leads_to(void **state)
{
    (void)state;
    static const int32_t counts[][2] = {{2, 5}, {5, 2}, {3, 3}};
    for (size_t i = 0; i < 3; i++) {
        const struct st_topic_count topics[] = {{"L", counts[i][0]}, {"R", counts[i][1]}};
        struct st_findings findings;
        struct engine e;
        table_init(&e);
        struct st_table_ref l = table(&e, "L", UNCACHED), r = table(&e, "R", UNCACHED);
        const struct st_foreign_key_serdes serdes = {.value = e.settings.value_serde};
        engine_good(&e, st_add_foreign_key_join(e.topology, "joined", l, r, &left, &serdes, NULL, &e.err));
        struct st_plan *plan = st_plan_create(e.topology, &e.err);
        engine_good(&e, plan ? 0 : e.err.code);
        st_findings_init(&findings);
        struct st_tasks *tasks = st_tasks_create(plan, topics, 2, &findings);
        assert_non_null(tasks);
        const struct st_node *there = st_find_node(e.topology, "joined-subscription-registration");
        const struct st_node *back = st_find_node(e.topology, "joined-subscription-response");
        assert_int_equal(st_repartition_count(tasks, there), counts[i][1]);
        assert_int_equal(st_repartition_count(tasks, back), counts[i][0]);
        assert_int_equal(plan->n_subtopologies, 2);
        st_tasks_destroy(tasks);
        st_findings_finish(&findings);
        st_plan_destroy(plan);
        st_topology_destroy(e.topology);
    }
}

/* ---- bytes -------------------------------------------------------------------------------------------------------- */

static void what_is_sent_can_be_read(void **state)
{
    (void)state;
    struct aq_arena arena;
    struct aq_err err;
    aq_arena_init(&arena, 256);
    struct st_row_hash some = st_row_hash_of(AQ_LIT("x")), other = st_row_hash_of(AQ_LIT("y"));
    struct st_row_hash none = st_row_hash_of(AQ_NULL_SLICE), empty = st_row_hash_of(AQ_LIT(""));
    assert_false(st_row_hash_equal(&some, &other) || st_row_hash_equal(&none, &empty));
    const struct aq_slice values[] = {AQ_NULL_SLICE, AQ_LIT(""), AQ_LIT("value")};
    for (size_t i = 0; i < 3; i++) {
        const struct st_response sent = {.hash = i ? some : none, .value = values[i]};
        struct st_response got;
        struct aq_slice bytes = st_response_encode(&sent, &arena);
        assert_int_equal(st_response_decode(bytes, &got, &err), 0);
        assert_true(aq_slice_equal(got.value, values[i]) && st_row_hash_equal(&got.hash, &sent.hash));
        assert_int_equal(st_response_decode(aq_slice_of(bytes.ptr, 18), &got, &err), AQ_E_BAD_RECORD);
    }
    for (int i = ST_DELETE_KEY_NO_PROPAGATE; i <= ST_PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE; i++) {
        const struct st_subscription sent = {
            .instruction = (enum st_foreign_instruction)i, .hash = some, .primary_key = AQ_LIT("pk")};
        struct st_subscription got;
        struct aq_slice bytes = st_subscription_encode(&sent, &arena);
        assert_int_equal(st_subscription_decode(bytes, &got, &err), 0);
        assert_true(got.instruction == sent.instruction && aq_slice_equal(got.primary_key, AQ_LIT("pk")));
        assert_int_equal(st_subscription_decode(aq_slice_of(bytes.ptr, 18), &got, &err), AQ_E_BAD_RECORD);
    }
    struct st_subscription got;
    assert_int_equal(st_subscription_decode(AQ_NULL_SLICE, &got, &err), AQ_E_BAD_RECORD);
    aq_arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_inner_join_finds_rows_by_a_foreign_key),
        cmocka_unit_test(a_left_join_has_results_without_a_right_row),
        cmocka_unit_test(rows_that_refer_to_nothing),
        cmocka_unit_test(results_are_found_across_partitions),
        cmocka_unit_test(an_answer_to_what_a_row_said_before_is_no_result),
        cmocka_unit_test(rows_that_change_without_a_right_row),
        cmocka_unit_test(results_are_right_behind_every_record),
        cmocka_unit_test(each_way_has_the_partitions_of_the_table_it_leads_to),
        cmocka_unit_test(what_is_sent_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
