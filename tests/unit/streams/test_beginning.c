/* SPDX-License-Identifier: Apache-2.0
 *
 * Where partitions begin that have no position, and what becomes of positions when the topology is changed.
 */
#include "tests/unit/streams/st_app_world.h"

/* The same application with other nodes: input is read by `source`, behind a source of its own when there is another topic. */
static void change_topology(struct world *w, const char *first, const char *source)
{
    st_topology_destroy(w->e.topology);
    w->e.topology = st_topology_create("app", &w->e.err);
    if (first) engine_source(&w->e, first, "other");
    engine_source(&w->e, source, "input");
    const char *parents[] = {source, first};
    struct st_parents both = {.names = parents, .count = first ? 2 : 1};
    engine_good(&w->e, st_add_sink(w->e.topology, "out", "output", both, &w->e.err));
}

static void positions_follow_a_partition_to_another_slot(void **state)
{
    (void)state;
    for (int guarantee = ST_AT_LEAST_ONCE; guarantee <= ST_EXACTLY_ONCE; guarantee++) {
        struct world w;
        open_world(&w, guarantee);
        good(&w, kc_sim_create_topic(&w.cluster, "other", 1, NULL, 0, &w.err));
        change_topology(&w, NULL, "in");
        append(&w, 0, 30);
        run_once(&w);
        assert_int_equal(outputs(&w), 30);
        /* The sub-topology has another name now, so its tasks lie in other slots. */
        change_topology(&w, "earlier", "in");
        append(&w, 30, 6);
        run_once(&w);
        assert_int_equal(outputs(&w), 36);
        /* And back again: the first slots know nothing of it any more. */
        change_topology(&w, NULL, "in");
        append(&w, 36, 3);
        run_once(&w);
        assert_int_equal(outputs(&w), 39);
        close_world(&w);
    }
}

static void the_end_of_the_log_is_decided_once(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, ST_EXACTLY_ONCE);
    st_topology_destroy(w.e.topology);
    w.e.topology = st_topology_create("app", &w.e.err);
    const char *topic = "input";
    const struct st_source_conf conf = {.topics = &topic, .n_topics = 1, .reset = ST_LATEST};
    engine_good(&w.e, st_add_source(w.e.topology, "in", &conf, &w.e.err));
    engine_sink(&w.e, "out", "output", "in");
    append(&w, 0, 9);
    run_once(&w); /* nothing comes in while it runs */
    assert_int_equal(outputs(&w), 0);
    append(&w, 9, 5); /* while it does not run */
    run_once(&w);
    assert_int_equal(outputs(&w), 5);
    close_world(&w);
}

static void without_a_reset_policy_there_must_be_a_position(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, ST_EXACTLY_ONCE);
    st_topology_destroy(w.e.topology);
    w.e.topology = st_topology_create("app", &w.e.err);
    const char *topic = "input";
    const struct st_source_conf conf = {.topics = &topic, .n_topics = 1, .reset = ST_NO_RESET};
    engine_good(&w.e, st_add_source(w.e.topology, "in", &conf, &w.e.err));
    engine_sink(&w.e, "out", "output", "in");
    start_app(&w);
    turn(&w, 400);
    assert_int_equal(w.worker->state, ST_WORKER_FAILED);
    assert_non_null(strstr(w.worker->own.err.text, "there is no position to go on from"));
    st_worker_close(w.worker);
    st_app_destroy(w.app);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positions_follow_a_partition_to_another_slot),
        cmocka_unit_test(the_end_of_the_log_is_decided_once),
        cmocka_unit_test(without_a_reset_policy_there_must_be_a_position),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
