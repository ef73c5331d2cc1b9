/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables: rows of a topic, filters and maps of them, and their way back into a stream; groups and what is aggregated of them.
 */
#include "streams/ops/aggregators.h"
#include "tests/unit/streams/table_world.h"

/* Writes what a change says beside the value: what the row was, and whether it is the newest. */
static int show_row(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    const struct st_row row = st_row(context);
    struct aq_slice is = rec->value.ptr ? rec->value : AQ_LIT("null");
    struct aq_slice was = !row.known ? AQ_LIT("?") : row.old.ptr ? row.old : AQ_LIT("null");
    rec->value = aq_slice_str(aq_arena_printf(st_arena(context), "%.*s<-%.*s%s", (int)is.len, is.ptr,
                                              (int)was.len, was.ptr, row.is_latest ? "" : "!"));
    return st_forward(context, rec, err);
}

static const struct st_processor_kind show = {.name = "show", .process = show_row};

static void show_below(struct engine *e, const char *node)
{
    engine_processor(e, "show", &show, node);
    engine_sink(e, "sink", "out", "show");
    engine_start(e);
}

/* ---- table -------------------------------------------------------------------------------------------------------- */

static void records_become_rows(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {"T", "a", "1", 10, "a=1<-null@10"},
        {"T", "a", "2", 20, "a=2<-1@20"},
        {"T", "a", "3", 15, "a=3<-2@15"}, /* out of order, and applied */
        {"T", "b", "", 16, "b=<-null@16"},
        {"T", "a", "3", 17, "a=3<-3@17"},
        {"T", NULL, "4", 18, ""},
        {"T", "a", NULL, 12, "a=null<-3@12"},
        {"T", "a", "5", 19, "a=5<-null@19"},
        {"T", "b", NULL, 30, "b=null<-@30"},
    };
    static const struct step nothing_to_nothing[] = {{"T", "c", NULL, 40, "c=null<-null@40"}};
    for (int keeping = UNCACHED; keeping <= CACHED; keeping++) {
        struct engine e;
        table_init(&e);
        table(&e, "T", keeping);
        show_below(&e, "T");
        TAKE(&e, steps);
        if (keeping == UNCACHED)
            TAKE(&e, nothing_to_nothing);
        else
            take_step(&e, &(struct step){"T", "c", NULL, 40, ""}, true);
        engine_stop(&e);
    }
}

static void a_versioned_table_says_what_is_not_the_newest(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {"T", "a", "1", 10, "a=1<-null@10"},
        {"T", "a", "3", 30, "a=3<-1@30"},
        {"T", "a", "2", 20, "a=2<-1!@20"},
        {"T", "a", NULL, 5, "a=null<-null!@5"},
        {"T", "a", "3b", 30, "a=3b<-3@30"},
        {"T", "b", "x", 400030, "b=x<-null@400030"},
        {"T", "a", "late", 100029, ""}, /* the history begins at 100030 */
        {"T", "a", "4", 100030, "a=4<-3b@100030"},
    };
    struct engine e;
    table_init(&e);
    table(&e, "T", VERSIONED);
    show_below(&e, "T");
    TAKE(&e, steps);
    engine_stop(&e);
}

static void a_stream_of_a_table_has_its_changes(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {"T", "a", "1", 10, "a=1@10"}, {"T", "a", NULL, 20, "a=null@20"}, {"T", "a", "2", 5, "a=2@5"}};
    struct engine e;
    table_init(&e);
    table(&e, "T", UNCACHED);
    engine_processor(&e, "records", &st_to_stream_kind, "T");
    engine_sink(&e, "sink", "out", "records");
    engine_start(&e);
    TAKE(&e, steps);
    engine_stop(&e);
}

/* ---- filter ------------------------------------------------------------------------------------------------------- */

static void run_filter(const struct st_table_filter *filter, bool stored, bool shown,
                       const struct step *steps, size_t n)
{
    struct engine e;
    table_init(&e);
    table(&e, "T", UNCACHED);
    engine_good(&e, st_add_processor(e.topology, "even", &st_table_filter_kind, (void *)filter,
                                     engine_parent("T"), &e.err));
    if (stored) table_store(&e, "even", "even", UNCACHED);
    engine_processor(&e, "below", shown ? &show : &st_to_stream_kind, "even");
    engine_sink(&e, "sink", "out", "below");
    engine_start(&e);
    take_steps(&e, steps, n);
    engine_stop(&e);
}

#define EVEN     LUA("tonumber(value) % 2 == 0")
#define N(steps) (sizeof(steps) / sizeof((steps)[0]))

static void a_filter_says_that_a_row_is_gone_only_if_it_was_there(void **state)
{
    (void)state;
    static const struct st_table_filter even = {.where = {.lua = EVEN}};
    static const struct st_table_filter odd = {.where = {.lua = EVEN}, .negate = true};
    static const struct step evens[] = {
        {"T", "a", "1", 10, ""},          {"T", "b", "2", 5, "b=2<-null@5"},
        {"T", "c", "3", 8, ""},           {"T", "d", "4", 14, "d=4<-null@14"},
        {"T", "a", NULL, 18, ""},         {"T", "b", NULL, 15, "b=null<-2@15"},
        {"T", "d", "6", 16, "d=6<-4@16"}, {"T", "d", "7", 17, "d=null<-6@17"},
        {"T", "d", "9", 18, ""},          {"T", "d", "8", 19, "d=8<-null@19"},
    };
    static const struct step odds[] = {{"T", "a", "1", 10, "a=1<-null@10"},
                                       {"T", "b", "2", 5, ""},
                                       {"T", "a", "2", 11, "a=null<-1@11"},
                                       {"T", "a", NULL, 12, ""}};
    for (int stored = 0; stored < 2; stored++) {
        run_filter(&even, stored, true, evens, N(evens));
        run_filter(&odd, stored, true, odds, N(odds));
    }
}

/* KTableFilterTest: every row that does not pass is a tombstone, unless what rows were is tracked. */
static void in_compat_a_filter_says_that_rows_are_gone_that_never_were(void **state)
{
    (void)state;
    static const struct st_table_filter even = {.where = {.lua = EVEN}, .compat = true};
    static const struct st_table_filter tracked = {.where = {.lua = EVEN}, .compat = true, .tracked = true};
    static const struct step evens[] = {{"T", "a", "1", 10, "a=null@10"},  {"T", "b", "2", 5, "b=2@5"},
                                        {"T", "c", "3", 8, "c=null@8"},    {"T", "d", "4", 14, "d=4@14"},
                                        {"T", "a", NULL, 18, "a=null@18"}, {"T", "b", NULL, 15, "b=null@15"}};
    static const struct step quiet[] = {
        {"T", "a", "1", 10, ""}, {"T", "b", "2", 5, "b=2<-null@5"}, {"T", "b", "3", 6, "b=null<-2@6"}};
    for (int stored = 0; stored < 2; stored++) {
        run_filter(&even, stored, false, evens, N(evens));
        run_filter(&tracked, stored, true, quiet, N(quiet));
    }
}

static void a_filter_that_fails_changes_nothing(void **state)
{
    (void)state;
    static const struct st_table_filter even = {.where = {.lua = EVEN}};
    struct engine e;
    table_init(&e);
    table(&e, "T", UNCACHED);
    engine_good(&e, st_add_processor(e.topology, "even", &st_table_filter_kind, (void *)&even,
                                     engine_parent("T"), &e.err));
    engine_sink(&e, "sink", "out", "even");
    engine_start(&e);
    const struct kc_sim_record rec = {.partition = -1, .key = AQ_LIT("a"), .value = AQ_LIT("x")};
    assert_int_equal(st_driver_pipe(e.driver, "T", &rec, &e.err), AQ_E_BAD_RECORD);
    T_CHECK(strstr(e.err.text, "arithmetic") && strstr(e.err.text, "even"), "%s", e.err.text);
    engine_expect_no_more(&e, "out");
    st_driver_destroy(e.driver);
    st_topology_destroy(e.topology);
}

static void a_filter_of_a_versioned_table_keeps_versions(void **state)
{
    (void)state;
    static const struct st_table_filter even = {.where = {.lua = EVEN}, .history_ms = HISTORY_MS};
    static const struct step steps[] = {
        {"T", "a", "2", 10, "a=2<-null@10"},
        {"T", "a", "3", 30, "a=null<-2@30"},
        {"T", "a", "4", 20, "a=4<-2!@20"},
        {"T", "a", "5", 25, "a=null<-4!@25"},
        {"T", "a", "7", 5, ""},
        {"T", "a", "8", 30, "a=8<-null@30"},
        {"T", "a", "6", 12, "a=6<-2!@12"},
    };
    for (int stored = 0; stored < 2; stored++) {
        struct engine e;
        table_init(&e);
        table(&e, "T", VERSIONED);
        engine_good(&e, st_add_processor(e.topology, "even", &st_table_filter_kind, (void *)&even,
                                         engine_parent("T"), &e.err));
        if (stored) table_store(&e, "even", "even", VERSIONED);
        show_below(&e, "even");
        TAKE(&e, steps);
        engine_stop(&e);
    }
}

/* ---- map_values --------------------------------------------------------------------------------------------------- */

static void map_values_maps_what_a_row_was_too(void **state)
{
    (void)state;
    static const struct st_table_map map = {.value = {.lua = LUA("value .. '!'")}};
    static const struct step steps[] = {{"T", "a", "1", 10, "a=1!<-null@10"},
                                        {"T", "a", "2", 11, "a=2!<-1!@11"},
                                        {"T", "a", NULL, 12, "a=null<-2!@12"}};
    for (int stored = 0; stored < 2; stored++) {
        struct engine e;
        table_init(&e);
        table(&e, "T", UNCACHED);
        engine_good(&e, st_add_processor(e.topology, "loud", &st_table_map_values_kind, (void *)&map,
                                         engine_parent("T"), &e.err));
        if (stored) table_store(&e, "loud", "loud", UNCACHED);
        show_below(&e, "loud");
        TAKE(&e, steps);
        engine_stop(&e);
    }
}

static void map_values_edits_documents(void **state)
{
    (void)state;
    static const struct st_table_map map = {.edit = {.form = LUA_STATEMENTS,
                                                     .name = "map",
                                                     .text = {"value.n = value.n + 1", 21},
                                                     .keep_key = true,
                                                     .instruction_limit = 1000000,
                                                     .memory_limit = 16 << 20}};
    static const struct step steps[] = {{"T", "a", "{\"n\":1}", 10, "a={\"n\":2}<-null@10"},
                                        {"T", "a", "{\"n\":5}", 11, "a={\"n\":6}<-{\"n\":2}@11"}};
    struct engine e;
    table_init(&e);
    e.settings.value_serde = st_serde_find("json", &e.err);
    table(&e, "T", UNCACHED);
    engine_good(&e, st_add_processor(e.topology, "next", &st_table_map_values_kind, (void *)&map,
                                     engine_parent("T"), &e.err));
    show_below(&e, "next");
    TAKE(&e, steps);
    engine_stop(&e);
}

/* ---- group_by and aggregate --------------------------------------------------------------------------------------- */

/* KTableAggregateTest's aggregator: "0+1-1+3". */
static int append(struct st_context *context, struct aq_record *rec, struct aq_slice acc, char sign,
                  struct aq_slice *ret)
{
    if (aq_slice_is_null(acc)) acc = AQ_LIT("0");
    *ret = aq_slice_str(aq_arena_printf(st_arena(context), "%.*s%c%.*s", (int)acc.len, acc.ptr, sign,
                                        (int)rec->value.len, rec->value.ptr));
    return 0;
}

static int add_text(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
                    struct aq_slice *ret, struct aq_err *err)
{
    (void)running;
    (void)err;
    return append(context, rec, acc, '+', ret);
}

static int subtract_text(struct st_context *context, void *running, struct aq_record *rec,
                         struct aq_slice acc, struct aq_slice *ret, struct aq_err *err)
{
    (void)running;
    (void)err;
    return append(context, rec, acc, '-', ret);
}

/* Without the "0" in front, so that results differ from accumulators. */
static int shorten(struct st_context *context, void *running, struct aq_slice acc, struct aq_slice *ret,
                   struct aq_err *err)
{
    (void)context;
    (void)running;
    (void)err;
    *ret = aq_slice_of(acc.ptr + 1, acc.len - 1);
    return 0;
}

static const struct st_aggregator_kind texts = {.name = "texts", .add = add_text, .subtract = subtract_text};
static const struct st_aggregator_kind short_texts = {
    .name = "texts", .add = add_text, .subtract = subtract_text, .result = shorten};
static const struct st_aggregator_kind only_adds = {.name = "only", .add = add_text};

static void grouped(struct engine *e, const struct st_table_group *group, const struct st_aggregator *of,
                    enum keeping keeping)
{
    table_init(e);
    table(e, "T", UNCACHED);
    engine_good(e, st_add_table_group(e->topology, "grouped", "T", group, NULL, 0, &e->err));
    engine_good(e, st_add_processor(e->topology, "agg", &st_table_aggregate_kind, (void *)of,
                                    engine_parent("grouped"), &e->err));
    engine_good(e, st_set_serdes(e->topology, "agg", NULL, e->settings.value_serde, &e->err));
    table_store(e, "agg", "agg", keeping);
}

static const struct st_table_group by_key = {.key = {.lua = LUA("key")}};

/* KTableAggregateTest.testAggBasic */
static void a_table_is_aggregated_by_subtracting_and_adding(void **state)
{
    (void)state;
    static const struct st_aggregator of = {.kind = &texts};
    static const struct step steps[] = {
        {"T", "A", "1", 10, "A=0+1<-null@10"},
        {"T", "B", "2", 15, "B=0+2<-null@15"},
        {"T", "A", "3", 20, "A=0+1-1+3<-0+1@20"},
        {"T", "B", "4", 18, "B=0+2-2+4<-0+2@18"},
        {"T", "C", "5", 5, "C=0+5<-null@5"},
        {"T", "D", "6", 25, "D=0+6<-null@25"},
        {"T", "B", "7", 15, "B=0+2-2+4-4+7<-0+2-2+4@18"},
        {"T", "C", "8", 10, "C=0+5-5+8<-0+5@10"},
    };
    for (int keeping = UNCACHED; keeping <= CACHED; keeping++) {
        struct engine e;
        grouped(&e, &by_key, &of, keeping);
        show_below(&e, "agg");
        TAKE(&e, steps);
        engine_stop(&e);
    }
}

/* The selector of testAggRepartition: the value is the new key; "null" has a null key, "NULL" no pair at all. */
static int select_key(struct st_context *context, void *user, const struct aq_record *row,
                      struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    (void)user;
    (void)err;
    bool none = aq_slice_equal(row->key, AQ_LIT("null")) || aq_slice_equal(row->key, AQ_LIT("NULL"));
    *ret = none ? AQ_NULL_SLICE : row->value;
    return 0;
}

static int select_value(struct st_context *context, void *user, const struct aq_record *row,
                        struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    (void)user;
    (void)err;
    *ret = aq_slice_equal(row->key, AQ_LIT("NULL")) ? AQ_NULL_SLICE : row->value;
    return 0;
}

/* KTableAggregateTest.testAggRepartition */
static void rows_move_from_group_to_group(void **state)
{
    (void)state;
    static const struct st_aggregator of = {.kind = &texts};
    static const struct st_table_group by_value = {.key = {.call = select_key},
                                                   .value = {.call = select_value}};
    static const struct step steps[] = {
        {"T", "A", "1", 10, "1=0+1@10"},     {"T", "A", NULL, 15, "1=0+1-1@15"},
        {"T", "A", "1", 12, "1=0+1-1+1@15"}, {"T", "B", "2", 20, "2=0+2@20"},
        {"T", "null", "3", 25, ""},          {"T", "B", "4", 23, "2=0+2-2@23 4=0+4@23"},
        {"T", "NULL", "5", 24, ""},          {"T", "B", "7", 22, "4=0+4-4@23 7=0+7@22"},
    };
    struct engine e;
    grouped(&e, &by_value, &of, UNCACHED);
    engine_processor(&e, "records", &st_to_stream_kind, "agg");
    engine_sink(&e, "sink", "out", "records");
    engine_start(&e);
    TAKE(&e, steps);
    engine_stop(&e);
}

static void results_go_on_and_accumulators_are_kept(void **state)
{
    (void)state;
    static const struct st_aggregator of = {.kind = &short_texts};
    static const struct step steps[] = {{"T", "A", "1", 10, "A=+1<-null@10"},
                                        {"T", "A", "2", 11, "A=+1-1+2<-+1@11"}};
    for (int keeping = UNCACHED; keeping <= CACHED; keeping++) {
        struct engine e;
        grouped(&e, &by_key, &of, keeping);
        show_below(&e, "agg");
        TAKE(&e, steps);
        engine_stop(&e);
    }
}

static void an_aggregator_that_cannot_subtract_does_not_start(void **state)
{
    (void)state;
    static const struct st_aggregator of = {.kind = &only_adds};
    struct engine e;
    grouped(&e, &by_key, &of, UNCACHED);
    engine_sink(&e, "sink", "out", "agg");
    const struct st_driver_setup setup = {.settings = &e.settings, .topology = e.topology};
    e.driver = st_driver_create(&setup, &e.err);
    assert_null(e.driver);
    T_CHECK(strstr(e.err.text, "'agg'") && strstr(e.err.text, "only cannot take a row"), "%s", e.err.text);
    st_topology_destroy(e.topology);
}

/* The selector sees fields, and so does the aggregator: of the halves of a pair. */
static void named_aggregators_work_on_fields_of_rows(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {"T", "a", "{\"g\":\"x\",\"n\":1}", 10, "x=1@10"},
        {"T", "b", "{\"g\":\"x\",\"n\":2}", 11, "x=3@11"},
        {"T", "b", "{\"g\":\"x\",\"n\":7}", 12, "x=8@12"},
        {"T", "a", "{\"g\":\"y\",\"n\":5}", 13, "x=7@13 y=5@13"},
        {"T", "c", "{\"n\":5}", 14, ""},
        {"T", "a", "{\"g\":\"y\"}", 15, "y=0@15"},
    };
    static const struct st_table_group by_field = {.key = {.lua = LUA("value.g")}};
    for (int keeping = UNCACHED; keeping <= CACHED; keeping++) {
        const struct st_aggregate_user user = {.function = st_function_find("sum"), .of = LUA("value.n")};
        const struct st_aggregator of = {.kind = user.function->kind, .user = (void *)&user};
        struct engine e;
        table_init(&e);
        e.settings.value_serde = st_serde_find("json", &e.err);
        table(&e, "T", UNCACHED);
        engine_good(&e, st_add_table_group(e.topology, "grouped", "T", &by_field, NULL, 0, &e.err));
        engine_good(&e, st_add_processor(e.topology, "agg", &st_table_aggregate_kind, (void *)&of,
                                         engine_parent("grouped"), &e.err));
        engine_good(&e, st_set_serdes(e.topology, "agg", NULL, e.settings.value_serde, &e.err));
        table_store(&e, "agg", "agg", keeping);
        engine_sink(&e, "sink", "out", "agg");
        engine_start(&e);
        TAKE(&e, steps);
        engine_stop(&e);
    }
}

static void a_group_has_to_know_what_rows_were(void **state)
{
    (void)state;
    struct engine e;
    table_init(&e);
    engine_source(&e, "in", "T");
    engine_processor(&e, "T", &st_table_source_kind, "in");
    engine_good(&e, st_add_table_group(e.topology, "grouped", "T", &by_key, NULL, 0, &e.err));
    engine_sink(&e, "sink", "out", "grouped");
    engine_start(&e);
    const struct kc_sim_record rec = {.partition = -1, .key = AQ_LIT("a"), .value = AQ_LIT("x")};
    assert_int_equal(st_driver_pipe(e.driver, "T", &rec, &e.err), AQ_E_CONFIG);
    T_CHECK(strstr(e.err.text, "grouped-select") && strstr(e.err.text, "give it a store"), "%s", e.err.text);
    st_driver_destroy(e.driver);
    st_topology_destroy(e.topology);
}

static void a_versioned_table_groups_only_what_is_newest(void **state)
{
    (void)state;
    static const struct st_aggregator of = {.kind = &texts};
    static const struct step steps[] = {{"T", "A", "1", 10, "A=0+1@10"},
                                        {"T", "A", "2", 20, "A=0+1-1+2@20"},
                                        {"T", "A", "x", 15, ""},
                                        {"T", "A", "3", 21, "A=0+1-1+2-2+3@21"}};
    struct engine e;
    table_init(&e);
    table(&e, "T", VERSIONED);
    engine_good(&e, st_add_table_group(e.topology, "grouped", "T", &by_key, NULL, 0, &e.err));
    engine_good(&e, st_add_processor(e.topology, "agg", &st_table_aggregate_kind, (void *)&of,
                                     engine_parent("grouped"), &e.err));
    engine_good(&e, st_set_serdes(e.topology, "agg", NULL, e.settings.value_serde, &e.err));
    table_store(&e, "agg", "agg", UNCACHED);
    engine_processor(&e, "records", &st_to_stream_kind, "agg");
    engine_sink(&e, "sink", "out", "records");
    engine_start(&e);
    TAKE(&e, steps);
    engine_stop(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_become_rows),
        cmocka_unit_test(a_versioned_table_says_what_is_not_the_newest),
        cmocka_unit_test(a_stream_of_a_table_has_its_changes),
        cmocka_unit_test(a_filter_says_that_a_row_is_gone_only_if_it_was_there),
        cmocka_unit_test(in_compat_a_filter_says_that_rows_are_gone_that_never_were),
        cmocka_unit_test(a_filter_that_fails_changes_nothing),
        cmocka_unit_test(a_filter_of_a_versioned_table_keeps_versions),
        cmocka_unit_test(map_values_maps_what_a_row_was_too),
        cmocka_unit_test(map_values_edits_documents),
        cmocka_unit_test(a_table_is_aggregated_by_subtracting_and_adding),
        cmocka_unit_test(rows_move_from_group_to_group),
        cmocka_unit_test(results_go_on_and_accumulators_are_kept),
        cmocka_unit_test(an_aggregator_that_cannot_subtract_does_not_start),
        cmocka_unit_test(named_aggregators_work_on_fields_of_rows),
        cmocka_unit_test(a_group_has_to_know_what_rows_were),
        cmocka_unit_test(a_versioned_table_groups_only_what_is_newest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
