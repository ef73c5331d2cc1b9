/* SPDX-License-Identifier: Apache-2.0
 *
 * Joins with tables, row by row: one key, 23 changes of two sides, and what each becomes in twelve joins. The table is what Kafka
 * Streams 4.3 gives. ST: stream and table, TT: table and table; v: the tables are versioned, with a history of 5 minutes; g: a grace
 * period of 2 ms.
 */
#include "tests/unit/streams/table_world.h"

enum column {
    ST_IN,
    ST_LEFT,
    STV_IN,
    STV_LEFT,
    STVG_IN,
    STVG_LEFT,
    TT_IN,
    TT_LEFT,
    TT_OUTER,
    TTV_IN,
    TTV_LEFT,
    TTV_OUTER,
    COLUMNS
};

struct row {
    const char *side, *value;
    int64_t ms;
    const char *out[COLUMNS];
};

/* clang-format off */
static const struct row rows[] = {
    {"L", NULL, 1, {"", "", "", "", "", "", "", "", "", "", "", ""}},
    {"R", NULL, 2, {"", "", "", "", "", "", "", "", "", "", "", ""}},
    {"L", "A", 3, {"", "A-null@3", "", "A-null@3", "", "", "", "A-null@3", "A-null@3", "", "A-null@3", "A-null@3"}},
    {"R", "a", 4, {"", "", "", "", "", "", "A-a@4", "A-a@4", "A-a@4", "A-a@4", "A-a@4", "A-a@4"}},
    {"L", "B", 5, {"B-a@5", "B-a@5", "B-a@5", "B-a@5", "", "A-null@3", "B-a@5", "B-a@5", "B-a@5", "B-a@5", "B-a@5", "B-a@5"}},
    {"R", "b", 6, {"", "", "", "", "", "", "B-b@6", "B-b@6", "B-b@6", "B-b@6", "B-b@6", "B-b@6"}},
    {"L", NULL, 7, {"", "", "", "", "", "", "null@7", "null@7", "null-b@7", "null@7", "null@7", "null-b@7"}},
    {"R", NULL, 8, {"", "", "", "", "", "", "", "", "null@8", "", "", "null@8"}},
    {"L", "C", 9, {"", "C-null@9", "", "C-null@9", "B-a@5", "B-a@5", "", "C-null@9", "C-null@9", "", "C-null@9", "C-null@9"}},
    {"R", "c", 10, {"", "", "", "", "", "", "C-c@10", "C-c@10", "C-c@10", "C-c@10", "C-c@10", "C-c@10"}},
    {"R", NULL, 11, {"", "", "", "", "", "", "null@11", "C-null@11", "C-null@11", "null@11", "C-null@11", "C-null@11"}},
    {"L", NULL, 12, {"", "", "", "", "", "", "", "null@12", "null@12", "", "null@12", "null@12"}},
    {"R", NULL, 13, {"", "", "", "", "", "", "", "", "", "", "", ""}},
    {"R", "d", 7, {"", "", "", "", "", "", "", "", "null-d@7", "", "", ""}},
    {"L", "D", 6, {"D-d@6", "D-d@6", "D-b@6", "D-b@6", "D-b@6", "D-b@6", "D-d@7", "D-d@7", "D-d@7", "", "", ""}},
    {"L", NULL, 2, {"", "", "", "", "", "", "null@7", "null@7", "null-d@7", "", "", ""}},
    {"R", NULL, 3, {"", "", "", "", "", "", "", "", "null@3", "", "", ""}},
    {"R", "e", 14, {"", "", "", "", "", "", "", "", "null-e@14", "", "", "null-e@14"}},
    {"L", "E", 15, {"E-e@15", "E-e@15", "E-e@15", "E-e@15", "", "C-null@9", "E-e@15", "E-e@15", "E-e@15", "E-e@15", "E-e@15", "E-e@15"}},
    {"L", NULL, 10, {"", "", "", "", "", "", "null@14", "null@14", "null-e@14", "", "", ""}},
    {"R", NULL, 9, {"", "", "", "", "", "", "", "", "null@9", "", "", ""}},
    {"L", "F", 4, {"", "F-null@4", "F-a@4", "F-a@4", "F-a@4", "F-a@4", "", "F-null@4", "F-null@4", "", "", ""}},
    {"R", "f", 3, {"", "", "", "", "", "", "F-f@4", "F-f@4", "F-f@4", "", "", ""}},
};
/* clang-format on */

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const char *const column_names[COLUMNS] = {"ST-in",    "ST-left",   "STv-in",   "STv-left",
                                                  "STvg-in",  "STvg-left", "TT-in",    "TT-left",
                                                  "TT-outer", "TTv-in",    "TTv-left", "TTv-outer"};

static void run_column(struct engine *e, enum column column)
{
    engine_start(e);
    for (size_t i = 0; i < ROWS; i++) {
        char told[256];
        engine_pipe(e, rows[i].side, "k", rows[i].value, rows[i].ms);
        tell(e, false, told, sizeof(told));
        T_CHECK(strcmp(told, rows[i].out[column]) == 0, "%s row %zu: '%s', not '%s'", column_names[column],
                i + 1, told, rows[i].out[column]);
    }
    engine_stop(e);
}

/* ---- a stream and a table ----------------------------------------------------------------------------------------- */

static void check_stream_table(enum column column, enum keeping keeping, int64_t grace_ms, bool left)
{
    struct engine e;
    struct st_stream_table_join join = {.joiner = {.kind = &st_joiner_pair},
                                        .left = left,
                                        .history_ms = keeping == VERSIONED ? HISTORY_MS : 0,
                                        .grace_ms = grace_ms};
    table_init(&e);
    table(&e, "R", keeping);
    engine_source(&e, "stream", "L");
    engine_good(&e, st_add_processor(e.topology, "joined", &st_stream_table_join_kind, &join,
                                     engine_parent("stream"), &e.err));
    engine_good(&e, st_connect_store(e.topology, "joined", "R", &e.err));
    if (grace_ms > 0) {
        const struct st_store_conf buffer = st_delay_conf();
        engine_good(&e, st_add_store(e.topology, "joined", &buffer, &e.err));
        engine_good(&e, st_connect_store(e.topology, "joined", "joined", &e.err));
    }
    engine_sink(&e, "sink", "out", "joined");
    run_column(&e, column);
}

static void a_stream_finds_the_rows_that_are_there(void **state)
{
    (void)state;
    for (int keeping = UNCACHED; keeping <= CACHED; keeping++) {
        check_stream_table(ST_IN, keeping, 0, false);
        check_stream_table(ST_LEFT, keeping, 0, true);
    }
}

static void a_stream_finds_the_rows_of_its_time_in_a_versioned_table(void **state)
{
    (void)state;
    check_stream_table(STV_IN, VERSIONED, 0, false);
    check_stream_table(STV_LEFT, VERSIONED, 0, true);
}

static void a_stream_waits_for_rows_as_long_as_its_grace_period(void **state)
{
    (void)state;
    check_stream_table(STVG_IN, VERSIONED, 2, false);
    check_stream_table(STVG_LEFT, VERSIONED, 2, true);
}

/* ---- two tables --------------------------------------------------------------------------------------------------- */

enum results { NOT_KEPT, KEPT, KEPT_CACHED };

static void check_tables(enum column column, enum keeping keeping, enum results results)
{
    struct engine e;
    enum column inner = keeping == VERSIONED ? TTV_IN : TT_IN;
    int64_t history_ms = keeping == VERSIONED ? HISTORY_MS : 0;
    struct st_table_join join = {.joiner = {.kind = &st_joiner_pair},
                                 .left_alone = column > inner,
                                 .right_alone = column > inner + 1,
                                 .left_history_ms = history_ms,
                                 .right_history_ms = history_ms};
    table_init(&e);
    struct st_table_ref left = table(&e, "L", keeping), right = table(&e, "R", keeping);
    if (results != NOT_KEPT) table_store(&e, "joined", NULL, results == KEPT_CACHED ? CACHED : UNCACHED);
    engine_good(&e, st_add_table_join(e.topology, "joined", left, right, &join, NULL,
                                      results != NOT_KEPT ? "joined" : NULL, &e.err));
    engine_processor(&e, "records", &st_to_stream_kind, "joined");
    engine_sink(&e, "sink", "out", "records");
    run_column(&e, column);
}

static void two_tables_are_joined_by_key(void **state)
{
    (void)state;
    for (int column = TT_IN; column <= TT_OUTER; column++)
        for (int keeping = UNCACHED; keeping <= CACHED; keeping++) check_tables(column, keeping, NOT_KEPT);
}

static void the_results_of_two_tables_can_be_kept(void **state)
{
    (void)state;
    for (int column = TT_IN; column <= TT_OUTER; column++)
        for (int results = KEPT; results <= KEPT_CACHED; results++) check_tables(column, UNCACHED, results);
}

static void versioned_tables_join_only_what_is_newest(void **state)
{
    (void)state;
    for (int column = TTV_IN; column <= TTV_OUTER; column++) check_tables(column, VERSIONED, NOT_KEPT);
}

/* What a result was is known below without a store: the count of each result goes down again. */
static struct aq_slice bracket(struct st_context *context, struct aq_slice value)
{
    if (aq_slice_is_null(value)) return AQ_LIT("null");
    return aq_slice_str(aq_arena_printf(st_arena(context), "%.*s", (int)value.len, value.ptr));
}

static int show_row(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    const struct st_row row = st_row(context);
    struct aq_slice is = bracket(context, rec->value), was = bracket(context, row.old);
    rec->value =
        aq_slice_str(aq_arena_printf(st_arena(context), "%s<-%s", is.ptr, row.known ? was.ptr : "?"));
    return st_forward(context, rec, err);
}

static const struct st_processor_kind show = {.name = "show", .process = show_row};

static void who_is_below_a_join_learns_what_results_were(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {"L", "k", "A", 1, "k=A-null<-null@1"},  {"R", "k", "a", 2, "k=A-a<-A-null@2"},
        {"L", "k", "B", 3, "k=B-a<-A-a@3"},      {"L", "k", NULL, 4, "k=null-a<-B-a@4"},
        {"R", "k", NULL, 5, "k=null<-null-a@5"}, {"R", "k", NULL, 6, ""},
        {"R", "k", "b", 7, "k=null-b<-null@7"},
    };
    for (int kept = 0; kept < 2; kept++) {
        struct engine e;
        struct st_table_join join = {
            .joiner = {.kind = &st_joiner_pair}, .left_alone = true, .right_alone = true};
        table_init(&e);
        struct st_table_ref left = table(&e, "L", UNCACHED), right = table(&e, "R", UNCACHED);
        if (kept) table_store(&e, "joined", NULL, UNCACHED);
        engine_good(&e, st_add_table_join(e.topology, "joined", left, right, &join, NULL,
                                          kept ? "joined" : NULL, &e.err));
        engine_processor(&e, "show", &show, "joined");
        engine_sink(&e, "sink", "out", "show");
        engine_start(&e);
        TAKE(&e, steps);
        engine_stop(&e);
    }
}

/* A table of the source "in"; the topic's records change several of them. */
static struct st_table_ref table_of_in(struct engine *e, const char *name, enum keeping keeping)
{
    engine_good(e, st_add_processor(e->topology, name, &st_table_source_kind, (void *)&plain_table,
                                    engine_parent("in"), &e->err));
    table_store(e, name, name, keeping);
    return (struct st_table_ref){.node = name, .store = name};
}

/* One record changes both tables. From cached ones both changes wait for the same flush; each result is taken back as what it was all
 * the same. */
static void changes_that_wait_for_one_flush_do_not_meet_twice(void **state)
{
    (void)state;
    for (int left = UNCACHED; left <= CACHED; left++)
        for (int right = UNCACHED; right <= CACHED; right++) {
            const struct step steps[] = {
                {"T", "k", "1", 1, "k=1-1<-null@1"},
                {"T", "k", "2", 2, left > right ? "k=1-2<-1-1@2 k=2-2<-1-2@2" : "k=2-1<-1-1@2 k=2-2<-2-1@2"},
                {"T", "k", NULL, 3, "k=null<-2-2@3"},
                {"T", "k", "3", 4, "k=3-3<-null@4"},
            };
            struct engine e;
            struct st_table_join join = {.joiner = {.kind = &st_joiner_pair}};
            table_init(&e);
            engine_source(&e, "in", "T");
            struct st_table_ref l = table_of_in(&e, "L", left), r = table_of_in(&e, "R", right);
            engine_good(&e, st_add_table_join(e.topology, "joined", l, r, &join, NULL, NULL, &e.err));
            engine_processor(&e, "show", &show, "joined");
            engine_sink(&e, "sink", "out", "show");
            engine_start(&e);
            TAKE(&e, steps);
            engine_stop(&e);
        }
}

static void a_table_is_joined_with_itself(void **state)
{
    (void)state;
    static const struct step once[] = {{"T", "k", "1", 1, "k=1-1<-null@1"},
                                       {"T", "k", "2", 2, "k=2-2<-1-1@2"},
                                       {"T", "k", NULL, 3, "k=null<-2-2@3"},
                                       {"T", "k", NULL, 4, ""}};
    static const struct step twice[] = {{"T", "k", "1", 1, "k=1-1@1 k=1-1@1"},
                                        {"T", "k", "2", 2, "k=2-2@2 k=2-2@2"},
                                        {"T", "k", NULL, 3, ""}};
    for (int mode = 0; mode < 3; mode++) {
        struct engine e;
        struct st_table_join join = {.joiner = {.kind = &st_joiner_pair}, .compat = mode == 2};
        table_init(&e);
        struct st_table_ref t = table(&e, "T", mode == 1 ? CACHED : UNCACHED);
        engine_good(&e, st_add_table_join(e.topology, "joined", t, t, &join, NULL, NULL, &e.err));
        engine_processor(&e, "below", mode == 2 ? &st_to_stream_kind : &show, "joined");
        engine_sink(&e, "sink", "out", "below");
        engine_start(&e);
        if (mode == 2)
            TAKE(&e, twice);
        else
            TAKE(&e, once);
        engine_stop(&e);
    }
}

/* ---- keys, order, partitions -------------------------------------------------------------------------------------- */

static void stream_table_with_null_keys(bool left, const struct step *steps, size_t n)
{
    struct engine e;
    struct st_stream_table_join join = {.joiner = {.kind = &st_joiner_pair}, .left = left};
    table_init(&e);
    table(&e, "R", UNCACHED);
    engine_source(&e, "stream", "L");
    engine_good(&e, st_add_processor(e.topology, "joined", &st_stream_table_join_kind, &join,
                                     engine_parent("stream"), &e.err));
    engine_good(&e, st_connect_store(e.topology, "joined", "R", &e.err));
    engine_sink(&e, "sink", "out", "joined");
    engine_start(&e);
    take_steps(&e, steps, n);
    engine_stop(&e);
}

static void records_without_a_key_have_no_row(void **state)
{
    (void)state;
    static const struct step inner[] = {{"R", NULL, "r", 1, ""}, {"L", NULL, "l", 2, ""}};
    static const struct step left[] = {
        {"R", NULL, "r", 1, ""}, {"L", NULL, "l", 2, "null=l-null@2"}, {"L", NULL, NULL, 3, ""}};
    stream_table_with_null_keys(false, inner, 2);
    stream_table_with_null_keys(true, left, 3);
}

static int initial(struct st_context *context, void *user, const struct aq_record *row, struct aq_slice *ret,
                   struct aq_err *err)
{
    (void)context;
    (void)user;
    (void)err;
    *ret = row->value.len && row->value.ptr[0] != '-' ? aq_slice_of(row->value.ptr, 1) : AQ_NULL_SLICE;
    return 0;
}

static void a_global_table_is_joined_by_any_key(void **state)
{
    (void)state;
    static const struct step steps[2][9] = {
        {{"L", "k", "x0", 1, ""},
         {"R", "x", "r", 9, ""},
         {"L", "k", "x1", 2, "k=x1-r@2"},
         {"L", NULL, "x2", 3, "null=x2-r@3"},
         {"L", "k", "y1", 4, ""},
         {"L", "k", "-", 5, ""},
         {"L", "k", NULL, 6, ""},
         {"R", "x", NULL, 7, ""},
         {"L", "k", "x4", 8, ""}},
        {{"L", "k", "x0", 1, "k=x0-null@1"},
         {"R", "x", "r", 9, ""},
         {"L", "k", "x1", 2, "k=x1-r@2"},
         {"L", NULL, "x2", 3, "null=x2-r@3"},
         {"L", "k", "y1", 4, "k=y1-null@4"},
         {"L", "k", "-", 5, "k=--null@5"},
         {"L", "k", NULL, 6, ""},
         {"R", "x", NULL, 7, ""},
         {"L", "k", "x4", 8, "k=x4-null@8"}},
    };
    for (int left = 0; left < 2; left++) {
        struct engine e;
        struct st_stream_global_join join = {
            .joiner = {.kind = &st_joiner_pair}, .left = left, .key = {.call = initial}};
        table_init(&e);
        engine_good(&e, st_add_global_table(e.topology, "rows", "R", &e.err));
        engine_source(&e, "stream", "L");
        engine_good(&e, st_add_processor(e.topology, "joined", &st_stream_global_join_kind, &join,
                                         engine_parent("stream"), &e.err));
        engine_good(&e, st_connect_global_table(e.topology, "joined", "rows", &e.err));
        engine_sink(&e, "sink", "out", "joined");
        engine_start(&e);
        take_steps(&e, steps[left], 9);
        engine_stop(&e);
    }
}

/* The engine has the partitions of the table's topic in any number, and the stream's in another. */
static void a_global_table_has_all_partitions_and_what_is_written_to_them(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {"R", "a", "1", 1, ""},          {"R", "b", "2", 2, ""},        {"R", "c", "3", 3, ""},
        {"L", "a", "x", 4, "a=x-1@4"},   {"L", "b", "x", 5, "b=x-2@5"}, {"L", "c", "x", 6, "c=x-3@6"},
        {"R", "a", "4", 7, ""},          {"L", "a", "y", 8, "a=y-4@8"}, {"back", "d", "5", 9, ""},
        {"L", "d", "z", 10, "d=z-5@10"}, {"back", "d", NULL, 11, ""},   {"L", "d", "z", 12, ""},
        {"L", NULL, "no key", 13, ""},
    };
    struct engine e;
    struct st_stream_global_join join = {.joiner = {.kind = &st_joiner_pair}};
    table_init(&e);
    e.partitions = 3;
    engine_good(&e, st_add_global_table(e.topology, "rows", "R", &e.err));
    engine_source(&e, "stream", "L");
    engine_good(&e, st_add_processor(e.topology, "joined", &st_stream_global_join_kind, &join,
                                     engine_parent("stream"), &e.err));
    engine_good(&e, st_connect_global_table(e.topology, "joined", "rows", &e.err));
    engine_sink(&e, "sink", "out", "joined");
    engine_source(&e, "other", "back");
    engine_sink(&e, "to-rows", "R", "other");
    engine_start(&e);
    TAKE(&e, steps);
    engine_stop(&e);
}

static void what_waited_comes_in_the_order_of_time_then_key(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {"R", "a", "1", 0, ""},
        {"R", "b", "2", 0, ""},
        {"L", "b", "x", 10, ""},
        {"L", "a", "y", 10, ""},
        {"L", "b", "z", 9, ""},
        {"L", "a", "v", 10, ""},
        {"L", "a", "late", 4, "a=late-1@4"},
        {"R", "a", "3", 11, ""},
        {"R", "b", "4", 10, ""},
        {"L", "a", "w", 15, "b=z-2@9 a=y-1@10 a=v-1@10 b=x-4@10"},
        {"L", NULL, "-", 30, ""},
        {"L", "b", "end", 21, "a=w-3@15"},
    };
    struct engine e;
    struct st_stream_table_join join = {
        .joiner = {.kind = &st_joiner_pair}, .history_ms = HISTORY_MS, .grace_ms = 5};
    const struct st_store_conf buffer = st_delay_conf();
    table_init(&e);
    table(&e, "R", VERSIONED);
    engine_source(&e, "stream", "L");
    engine_good(&e, st_add_processor(e.topology, "joined", &st_stream_table_join_kind, &join,
                                     engine_parent("stream"), &e.err));
    engine_good(&e, st_connect_store(e.topology, "joined", "R", &e.err));
    engine_good(&e, st_add_store(e.topology, "waiting", &buffer, &e.err));
    engine_good(&e, st_connect_store(e.topology, "joined", "waiting", &e.err));
    engine_sink(&e, "sink", "out", "joined");
    engine_start(&e);
    TAKE(&e, steps);
    engine_stop(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_finds_the_rows_that_are_there),
        cmocka_unit_test(a_stream_finds_the_rows_of_its_time_in_a_versioned_table),
        cmocka_unit_test(a_stream_waits_for_rows_as_long_as_its_grace_period),
        cmocka_unit_test(two_tables_are_joined_by_key),
        cmocka_unit_test(the_results_of_two_tables_can_be_kept),
        cmocka_unit_test(versioned_tables_join_only_what_is_newest),
        cmocka_unit_test(who_is_below_a_join_learns_what_results_were),
        cmocka_unit_test(changes_that_wait_for_one_flush_do_not_meet_twice),
        cmocka_unit_test(a_table_is_joined_with_itself),
        cmocka_unit_test(records_without_a_key_have_no_row),
        cmocka_unit_test(a_global_table_is_joined_by_any_key),
        cmocka_unit_test(a_global_table_has_all_partitions_and_what_is_written_to_them),
        cmocka_unit_test(what_waited_comes_in_the_order_of_time_then_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
