/* SPDX-License-Identifier: Apache-2.0
 *
 * `check --connect` of an application, on a simulated cluster.
 */
#include <stdlib.h>

#include "tests/unit/streams/st_app_world.h"

/* What the check says; the caller frees it. */
static char *check(struct world *w, size_t *ret_errors)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct st_plan *plan = st_plan_create(w->e.topology, &w->err);
    T_CHECK(plan && out, "%s", w->err.text);
    *ret_errors = st_app_check_connected(&kc_sim_ops, &w->e.settings, plan, out);
    fclose(out);
    st_plan_destroy(plan);
    return text;
}

static void expect(struct world *w, size_t errors, const char *const *lines)
{
    size_t found;
    char *text = check(w, &found);
    T_CHECK(found == errors, "%zu errors:\n%s", found, text);
    for (; *lines; lines++) T_CHECK(strstr(text, *lines) != NULL, "'%s' is missing in:\n%s", *lines, text);
    free(text);
}

static void before_the_first_start_it_says_what_will_be_made(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, ST_EXACTLY_ONCE);
    expect(&w, 0,
           (const char *const[]){
               "ok     source 'in': topic input has 3 partitions", "ok     2 sub-topologies, 5 tasks",
               "ok     repartition 'again': topic app-again-repartition will be created with 2 partitions",
               "ok     sink out: topic output has 2 partitions",
               "ok     state topic app-aqueduct-state will be created with 4 slots",
               "ok     group app: 0 members now", NULL});
    run_once(&w);
    expect(&w, 0,
           (const char *const[]){"ok     repartition 'again': topic app-again-repartition has 2 partitions",
                                 "ok     state topic app-aqueduct-state: 4 slots", NULL});
    close_world(&w);
}

static void topics_that_are_missing_or_do_not_fit_are_errors(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, ST_EXACTLY_ONCE);
    good(&w, kc_sim_create_topic(&w.cluster, "app-again-repartition", 5, NULL, 0, &w.err));
    good(&w, kc_sim_create_topic(&w.cluster, "app-aqueduct-state", 7, NULL, 0, &w.err));
    engine_sink(&w.e, "second", "nowhere", "again");
    expect(&w, 3,
           (const char *const[]){
               "error  repartition 'again': topic app-again-repartition has 5 partitions and must have 2",
               "error  sink second: topic nowhere does not exist and create_topics = false",
               "error  state topic app-aqueduct-state has 7 partitions and slots = 4", NULL});
    w.e.settings.create_topics = true;
    engine_source(&w.e, "other", "inputs");
    engine_sink(&w.e, "third", "output", "other");
    /* Without tasks nobody can say what a repartition topic needs. */
    expect(&w, 2,
           (const char *const[]){
               "error  source 'other': the topic 'inputs' does not exist; did you mean 'input'?",
               "ok     sink second: topic nowhere will be created", NULL});
    close_world(&w);
}

static void global_tables_are_looked_at(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, ST_EXACTLY_ONCE);
    struct kc_config_entry compact = {.name = "cleanup.policy", .value = "compact"};
    good(&w, kc_sim_create_topic(&w.cluster, "people", 4, &compact, 1, &w.err));
    good(&w, kc_sim_create_topic(&w.cluster, "places", 1, NULL, 0, &w.err));
    good(&w, st_add_global_table(w.e.topology, "customers", "people", &w.err));
    good(&w, st_add_global_table(w.e.topology, "where", "places", &w.err));
    good(&w, st_add_global_table(w.e.topology, "gone", "nowhere", &w.err));
    expect(&w, 1,
           (const char *const[]){
               "ok     2 sub-topologies, 5 tasks",
               "ok     global table 'customers': topic people has 4 partitions",
               "ok     global table 'where': topic places has 1 partition",
               "warn   global table 'where': topic places has cleanup.policy = delete: rows",
               "error  global table 'gone': topic nowhere does not exist: create it first", NULL});
    size_t errors;
    char *text = check(&w, &errors);
    T_CHECK(strstr(text, "topic people has cleanup") == NULL, "%s", text);
    free(text);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_the_first_start_it_says_what_will_be_made),
        cmocka_unit_test(topics_that_are_missing_or_do_not_fit_are_errors),
        cmocka_unit_test(global_tables_are_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
