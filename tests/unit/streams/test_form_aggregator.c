/* SPDX-License-Identifier: Apache-2.0
 *
 * Aggregators in a configuration: what is refused with which words, and what each one can.
 */
#include "tests/unit/streams/agg_world.h"

static void mistakes_in_the_configuration_are_said(void **state)
{
    (void)state;
    static const struct {
        const char *options, *words;
    } cases[] = {
        {"of = \"value.n\";",
         "function, add or aggregator is needed: function = \"sum\" names what there is"},
        {"function = \"sun\";", "did you mean 'sum'?"},
        {"function = \"sum\"; add = \"1\";", "add is for a node without function: leave one of them out"},
        {"function = \"sum\"; merge = \"1\";", "merge is for a node without function"},
        {"function = \"count\"; of = \"value.n\";",
         "count has no of: it takes whole records; a filter in front of it chooses which"},
        {"function = \"sum\"; n = 3;", "sum has no n: that is an option of top_n"},
        {"function = \"sum\"; limit = 3;", "sum has no limit: that is an option of collect"},
        {"function = \"first\"; keep = \"value\";", "first has no keep: that is an option of top_n"},
        {"function = \"top_n\"; of = \"value.n\";", "top_n needs n: how many it keeps"},
        {"function = \"top_n\"; n = 1001;", "n"},
        {"function = \"sum\"; as = \"string\";", "sum gives json, int64 or double, not string"},
        {"function = \"avg\"; as = \"int64\";", "avg gives double or json, not int64"},
        {"function = \"count\"; as = \"json\";", "count gives int64, not json"},
        {"function = \"sum\"; as = \"integer\";", "as: there is no serde 'integer'"},
        {"function = \"sum\"; of = \"value.\";", "of:1: <name> expected"},
        {"function = \"top_n\"; n = 1; keep = \"(\";", "keep:1: unexpected symbol"},
        {"add = \"1\"; of = \"value\";", "add has no of: it takes whole records"},
        {"add = \"agg +\";", "add:1: unexpected symbol"},
        {"add = \"1\"; merge = \"a +\";", "merge:1: unexpected symbol"},
        {"library = \"./x.so\";", "aggregator is needed: the name of one of the plugin's aggregators"},
        {"aggregator = \"x\";", "library is needed: the plugin that has the aggregator"},
        {"options = { n = 3; };", "library is needed"},
        {"function = \"sum\"; aggregator = \"x\";", "aggregator is for a node without function"},
        {"library = \"./x.so\"; aggregator = \"x\"; merge = \"a\";",
         "merge is for a node without aggregator"},
        {"library = \"./none.so\"; aggregator = \"x\";", "plugin "},
        {"reduce = \"agg +\";", "reduce:1: unexpected symbol"},
        {"reduce = \"agg\"; subtract = \"-\";", "subtract:1: unexpected symbol"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct agg_forming f;
        T_CHECK(!agg_form(&f, cases[i].options), "%s", cases[i].options);
        T_CHECK(f.diags.errors == 1, "%s: %zu", cases[i].options, f.diags.errors);
        T_CHECK(strstr(f.diags.list[0].text, cases[i].words), "%s: %s", cases[i].options,
                f.diags.list[0].text);
        agg_form_close(&f);
    }
}

static void what_cannot_take_back_says_why_a_table_cannot_use_it(void **state)
{
    (void)state;
    static const struct {
        const char *options;
        bool subtracts, merges;
        const char *words;
    } cases[] = {
        {"function = \"count\";", true, true, NULL},
        {"function = \"sum\";", true, true, NULL},
        {"function = \"avg\";", true, true, NULL},
        {"function = \"collect\";", true, true, NULL},
        {"function = \"min\";", false, true,
         "min cannot aggregate a table, whose rows leave their groups again: it keeps the smallest only"},
        {"function = \"max\";", false, true, "it keeps the largest only"},
        {"function = \"first\";", false, true, "it keeps the first only"},
        {"function = \"last\";", false, true, "it keeps the last only"},
        {"function = \"count_distinct\";", false, true, "it does not know how many rows had a value"},
        {"function = \"top_n\"; n = 2;", false, true, "it keeps the n largest only"},
        {"reduce = \"agg\";", false, true,
         "reduce cannot aggregate a table, whose rows leave their groups again: it has no subtract expression"},
        {"reduce = \"agg\"; subtract = \"agg\";", true, true, NULL},
        {"add = \"1\";", false, false, "it has no subtract expression"},
        {"add = \"1\"; subtract = \"1\";", true, false, NULL},
        {"add = \"1\"; merge = \"1\";", false, true, "it has no subtract expression"},
        {"add = \"1\"; subtract = \"1\"; merge = \"1\";", true, true, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct agg_forming f;
        T_CHECK(agg_form(&f, cases[i].options), "%s", cases[i].options);
        T_CHECK(st_form_needs_subtract(&f.forming, &f.aggregator) == cases[i].subtracts, "%s",
                cases[i].options);
        if (cases[i].words)
            T_CHECK(strstr(f.diags.list[0].text, cases[i].words), "%s: %s", cases[i].options,
                    f.diags.list[0].text);
        T_CHECK(st_form_needs_merge(&f.forming, &f.aggregator) == cases[i].merges, "%s", cases[i].options);
        if (!cases[i].merges)
            T_CHECK(strstr(f.diags.list[f.diags.count - 1].text, "merge is needed"), "%s", cases[i].options);
        agg_form_close(&f);
    }
}

static void each_says_the_serde_of_its_result(void **state)
{
    (void)state;
    static const struct {
        const char *options, *serde;
    } cases[] = {
        {"function = \"count\";", "int64"},
        {"function = \"sum\";", "json"},
        {"function = \"sum\"; as = \"org.apache.kafka.common.serialization.Serdes$LongSerde\";", "int64"},
        {"function = \"avg\";", "double"},
        {"function = \"min\";", NULL},
        {"function = \"max\"; of = \"value.a\";", "json"},
        {"function = \"first\"; as = \"string\";", "string"},
        {"function = \"count_distinct\";", "int64"},
        {"function = \"top_n\"; n = 1;", "json"},
        {"function = \"collect\";", "json"},
        {"reduce = \"agg\";", NULL},
        {"add = \"1\";", "json"},
        {"add = \"1\"; as = \"double\";", "double"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct agg_forming f;
        T_CHECK(agg_form(&f, cases[i].options), "%s", cases[i].options);
        const char *serde = f.aggregator.value_serde ? st_serde_name(f.aggregator.value_serde) : NULL;
        T_CHECK(serde == cases[i].serde || (serde && cases[i].serde && strcmp(serde, cases[i].serde) == 0),
                "%s: %s", cases[i].options, serde ? serde : "as it came");
        agg_form_close(&f);
    }
    struct st_aggregate_user user;
    struct st_aggregator counter;
    st_form_counter(&user, &counter);
    T_CHECK(strcmp(st_serde_name(counter.value_serde), "int64") == 0, "count");
}

static void every_one_of_the_table_is_whole(void **state)
{
    (void)state;
    static const struct opt_table table = {
        .name = "aggregate", .kind = "node", .summary = "Aggregates.", .rows = agg_rows};
    static const struct opt_table reduce = {
        .name = "reduce", .kind = "node", .summary = "Reduces.", .rows = reduce_rows};
    T_CHECK(opt_check_table(&table, stderr) == 0, "rows of aggregate");
    T_CHECK(opt_check_table(&reduce, stderr) == 0, "rows of reduce");
    for (size_t i = 0; i < st_function_count; i++) {
        const struct st_function *a = st_functions[i];
        T_CHECK(strcmp(st_function_names[i].name, a->name) == 0, "%s", a->name);
        T_CHECK(st_function_find(a->name) == a && strcmp(a->kind->name, a->name) == 0, "%s", a->name);
        T_CHECK(a->summary[strlen(a->summary) - 1] == '.', "%s", a->name);
        T_CHECK(a->kind->merge && !a->kind->subtract == !!a->kind->why_not, "%s", a->name);
        for (size_t k = 0; a->as[k]; k++) T_CHECK(st_serde_find(a->as[k], NULL), "%s", a->as[k]);
    }
    T_CHECK(!st_function_find("median"), "there is a median");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_in_the_configuration_are_said),
        cmocka_unit_test(what_cannot_take_back_says_why_a_table_cannot_use_it),
        cmocka_unit_test(each_says_the_serde_of_its_result),
        cmocka_unit_test(every_one_of_the_table_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
