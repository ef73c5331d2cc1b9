/* SPDX-License-Identifier: Apache-2.0
 *
 * An application on a simulated cluster, its worker turned by the test: what it says about itself, and beginning anew.
 */
#include "streams/reset.h"
#include "tests/unit/streams/st_app_world.h"

static bool topic_exists(struct world *w, const char *name)
{
    struct kc_topics topics = {0};
    struct kc_admin *admin;
    bool found = false;
    good(w, kc_sim_ops.admin_open(&w->cluster, "t", &admin, &w->err));
    good(w, kc_sim_ops.admin_topics(admin, 1000, &topics, &w->err));
    for (size_t i = 0; i < topics.count; i++) found = found || strcmp(topics.list[i].name, name) == 0;
    aq_arena_finish(&topics.arena);
    kc_sim_ops.admin_close(admin);
    return found;
}

/* ---- status ------------------------------------------------------------------------------------------------------- */

static void status_tells_what_runs(void **state)
{
    (void)state;
    struct world w;
    struct st_app_status status;
    open_world(&w, ST_EXACTLY_ONCE);
    append(&w, 0, 6);
    start_app(&w);
    st_app_status(w.app, &status);
    assert_int_equal(status.state, ST_APP_CREATED);
    assert_false(status.ready);
    assert_int_equal(status.lag, -1);
    turn(&w, 400);
    st_app_status(w.app, &status);
    assert_string_equal(status.application_id, "app");
    assert_int_equal(status.state, ST_APP_RUNNING);
    T_CHECK(status.ready, "not ready: %s", status.reason);
    assert_int_equal(status.threads, 1);
    assert_int_equal(status.tasks, 5);
    assert_int_equal(status.partitions, 5);
    assert_int_equal(status.records_read, 12); /* 6 of the source, 6 of the repartition topic */
    assert_int_equal(status.records_processed, 12);
    assert_int_equal(status.records_written, 12);
    assert_int_equal(status.lag, 0);
    assert_true(status.cycles_committed >= 1);
    assert_true(status.last_commit_us > 0 && status.first_record_us > 0);
    stop_app(&w);
    st_app_status(w.app, &status);
    assert_int_equal(status.state, ST_APP_NOT_RUNNING);
    assert_false(status.ready);
    assert_int_equal(status.threads, 0);
    assert_int_equal(status.records_written, 12);
    st_app_destroy(w.app);
    close_world(&w);
}

static void a_failed_worker_says_why(void **state)
{
    (void)state;
    struct world w;
    struct st_app_status status;
    open_world(&w, ST_EXACTLY_ONCE);
    start_app(&w);
    turn(&w, 100);
    struct aq_err reason;
    aq_fail(&reason, AQ_E_DENIED, "no right to write");
    st_worker_fail(w.worker, &reason);
    turn(&w, 1000);
    assert_int_equal(w.worker->state, ST_WORKER_FAILED);
    assert_int_equal(st_app_wait(w.app, 0, &w.err), ST_APP_ERROR);
    assert_int_equal(w.err.code, AQ_E_DENIED);
    st_app_status(w.app, &status);
    assert_int_equal(status.state, ST_APP_ERROR);
    assert_string_equal(status.reason, "thread 0: no right to write");
    assert_false(status.ready);
    st_worker_close(w.worker);
    st_app_destroy(w.app);
    close_world(&w);
}

static void counts_of_a_replaced_thread_are_kept(void **state)
{
    (void)state;
    struct world w;
    struct st_app_status status;
    open_world(&w, ST_EXACTLY_ONCE);
    append(&w, 0, 3);
    start_app(&w);
    turn(&w, 400);
    struct st_counters more = {
        .records_read = 100, .committed = 7, .first_record_us = 1, .last_commit_us = 5};
    aq_histogram_add_us(&more.cycle, 1000, 7);
    st_counters_add(&w.app->retired, &more);
    st_app_status(w.app, &status);
    assert_int_equal(status.records_read, 106);
    assert_true(status.cycles_committed > 7);
    assert_int_equal(status.first_record_us, 1);
    assert_true(status.last_commit_us > 5);
    stop_app(&w);
    st_app_destroy(w.app);
    close_world(&w);
}

/* ---- metrics ------------------------------------------------------------------------------------------------------ */

static void expect_line(const struct aq_metric_writer *writer, const char *line)
{
    char *text = t_printf("\n%s\n", line);
    T_CHECK(strstr(writer->text, text) != NULL, "no line %s in:\n%s", line, writer->text);
    free(text);
}

static void metrics_have_every_row(void **state)
{
    (void)state;
    struct world w;
    struct aq_metric_writer writer;
    open_world(&w, ST_EXACTLY_ONCE);
    add_global_table(&w);
    append(&w, 0, 6);
    start_app(&w);
    turn(&w, 400);
    aq_metric_writer_init(&writer);
    st_app_metrics(w.app, &writer);
    for (int id = AQ_M_STREAMS_STATE; id <= AQ_M_STREAMS_POSITION; id++)
        T_CHECK(strstr(writer.text, aq_metric_table[id].name) != NULL, "%s is missing",
                aq_metric_table[id].name);
    expect_line(&writer, "aqueduct_streams_state{application=\"app\",state=\"RUNNING\"} 1");
    expect_line(&writer, "aqueduct_streams_state{application=\"app\",state=\"ERROR\"} 0");
    expect_line(&writer, "aqueduct_streams_threads{application=\"app\"} 1");
    expect_line(&writer, "aqueduct_streams_tasks{application=\"app\"} 5");
    expect_line(&writer, "aqueduct_streams_processed_records_total{application=\"app\"} 12");
    expect_line(&writer,
                "aqueduct_streams_skipped_records_total{application=\"app\",stage=\"deserialization\"} 0");
    expect_line(&writer, "aqueduct_streams_dropped_records_total{application=\"app\",reason=\"late\"} 0");
    expect_line(&writer, "aqueduct_streams_global_table_rows{application=\"app\",table=\"where\"} 2");
    expect_line(&writer,
                "aqueduct_streams_lag_records{application=\"app\",topic=\"input\",partition=\"2\"} 0");
    expect_line(&writer,
                "aqueduct_streams_position_offset{application=\"app\",topic=\"input\",partition=\"1\"} 2");
    /* Every written record was about two seconds old when its cycle was committed. */
    expect_line(&writer, "aqueduct_streams_latency_seconds_count{application=\"app\"} 12");
    expect_line(&writer, "aqueduct_streams_latency_seconds_bucket{application=\"app\",le=\"1\"} 0");
    expect_line(&writer, "aqueduct_streams_latency_seconds_bucket{application=\"app\",le=\"5\"} 12");
    aq_metric_writer_finish(&writer);
    stop_app(&w);
    st_app_destroy(w.app);
    close_world(&w);
}

/* Rows of a metric with this topic, one for each partition, and the sum of their values. */
static double sum_rows(const char *text, const char *metric, const char *topic, int partitions)
{
    double sum = 0;
    for (int i = 0; i < partitions; i++) {
        char *start = t_printf("\n%s{application=\"app\",topic=\"%s\",partition=\"%d\"} ", metric, topic, i);
        const char *row = strstr(text, start);
        T_CHECK(row != NULL, "no row %s in:\n%s", start + 1, text);
        sum += strtod(row + strlen(start), NULL);
        free(start);
    }
    char *more = t_printf("%s{application=\"app\",topic=\"%s\",partition=\"%d\"}", metric, topic, partitions);
    T_CHECK(strstr(text, more) == NULL, "row %s in:\n%s", more, text);
    free(more);
    return sum;
}

static void every_partition_has_its_metrics(void **state)
{
    (void)state;
    struct world w;
    struct aq_metric_writer writer;
    open_world(&w, ST_AT_LEAST_ONCE);
    append(&w, 0, 9);
    start_app(&w);
    turn(&w, 400);
    aq_metric_writer_init(&writer);
    st_app_metrics(w.app, &writer);
    expect_line(&writer, "aqueduct_streams_tasks{application=\"app\"} 5");
    expect_line(&writer, "aqueduct_streams_assigned_partitions{application=\"app\"} 5");
    assert_int_equal(sum_rows(writer.text, "aqueduct_streams_position_offset", "input", 3), 9);
    assert_int_equal(sum_rows(writer.text, "aqueduct_streams_lag_records", "input", 3), 0);
    /* Positions of the repartition topic step over nothing: at_least_once writes no markers. */
    assert_int_equal(sum_rows(writer.text, "aqueduct_streams_position_offset", REPARTITION, 2), 9);
    assert_int_equal(sum_rows(writer.text, "aqueduct_streams_lag_records", REPARTITION, 2), 0);
    aq_metric_writer_finish(&writer);
    stop_app(&w);
    st_app_destroy(w.app);
    close_world(&w);
}

/* ---- reset -------------------------------------------------------------------------------------------------------- */

static int reset(struct world *w, const struct st_reset_request *request, char **ret_text)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    int rc = st_reset_app(&kc_sim_ops, &w->e.settings, w->e.topology, request, out, &w->err);
    fclose(out);
    if (ret_text)
        *ret_text = text;
    else
        free(text);
    return rc;
}

static void everything_comes_again_after_a_reset(void **state)
{
    (void)state;
    for (int guarantee = ST_AT_LEAST_ONCE; guarantee <= ST_EXACTLY_ONCE; guarantee++) {
        struct world w;
        char *planned, *done;
        open_world(&w, guarantee);
        append(&w, 0, 9);
        run_once(&w);
        assert_int_equal(outputs(&w), 9);
        good(&w, reset(&w, &(struct st_reset_request){.plan = true}, &planned));
        assert_true(topic_exists(&w, REPARTITION));
        run_once(&w);
        assert_int_equal(outputs(&w), 9); /* a plan changes nothing */

        good(&w, reset(&w, &(struct st_reset_request){.to = ST_TO_EARLIEST}, &done));
        assert_string_equal(planned, done);
        assert_non_null(strstr(done, "move input[0] from 3 to 0\n"));
        assert_non_null(strstr(done, "delete topic " REPARTITION "\n"));
        assert_non_null(strstr(done, "forget the position "));
        assert_false(topic_exists(&w, REPARTITION));
        assert_int_equal(outputs(&w), 9); /* sinks stay */
        run_once(&w);
        /* The repartition topic began at 0 again: a position left behind would have passed over its records. */
        assert_int_equal(outputs(&w), 18);
        append(&w, 9, 3);
        run_once(&w);
        assert_int_equal(outputs(&w), 21);
        free(planned);
        free(done);
        close_world(&w);
    }
}

static void a_second_reset_is_as_good_as_one(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, ST_EXACTLY_ONCE);
    append(&w, 0, 9);
    run_once(&w);
    good(&w, reset(&w, &(struct st_reset_request){.to = ST_TO_EARLIEST}, NULL));
    good(&w, reset(&w, &(struct st_reset_request){.to = ST_TO_EARLIEST}, NULL));
    run_once(&w);
    assert_int_equal(outputs(&w), 18);
    close_world(&w);
}

static void a_reset_may_go_elsewhere(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, ST_EXACTLY_ONCE);
    append(&w, 0, 9);
    run_once(&w);
    append(&w, 9, 3);
    good(&w, reset(&w, &(struct st_reset_request){.to = ST_TO_LATEST}, NULL));
    run_once(&w);
    assert_int_equal(outputs(&w), 9); /* the three were left out */
    good(&w, reset(&w, &(struct st_reset_request){.to = ST_TO_OFFSET, .value = 3}, NULL));
    run_once(&w);
    assert_int_equal(outputs(&w), 12);
    assert_int_equal(reset(&w, &(struct st_reset_request){.to = ST_TO_OFFSET, .value = 99}, NULL),
                     AQ_E_CONFIG);
    assert_true(topic_exists(&w, REPARTITION));
    int64_t later = aq_wall_ms() + 1000;
    good(&w, reset(&w, &(struct st_reset_request){.to = ST_TO_TIMESTAMP, .value = later}, NULL));
    run_once(&w);
    assert_int_equal(outputs(&w), 12);
    close_world(&w);
}

static void one_topic_alone_is_moved(void **state)
{
    (void)state;
    struct world w;
    char *text;
    open_world(&w, ST_EXACTLY_ONCE);
    append(&w, 0, 6);
    run_once(&w);
    good(&w, reset(&w, &(struct st_reset_request){.topic = "input"}, &text));
    assert_null(strstr(text, "delete"));
    assert_null(strstr(text, "forget"));
    free(text);
    assert_true(topic_exists(&w, REPARTITION));
    run_once(&w);
    assert_int_equal(outputs(&w), 12);
    assert_int_equal(reset(&w, &(struct st_reset_request){.topic = "other"}, NULL), AQ_E_CONFIG);
    assert_int_equal(reset(&w, &(struct st_reset_request){.topic = REPARTITION}, NULL), AQ_E_CONFIG);
    close_world(&w);
}

/* What the message about the wrong number of partitions advises. */
static void a_repartition_may_get_another_count_by_a_reset(void **state)
{
    (void)state;
    static const atomic_bool never = false;
    struct world w;
    open_world(&w, ST_EXACTLY_ONCE);
    append(&w, 0, 9);
    run_once(&w);
    st_topology_destroy(w.e.topology);
    w.e.topology = st_topology_create("app", &w.e.err);
    engine_source(&w.e, "in", "input");
    engine_good(&w.e, st_add_repartition(w.e.topology, "again", 5, engine_parent("in"), &w.e.err));
    engine_sink(&w.e, "out", "output", "again");

    w.app = st_app_create(&kc_sim_ops, &w.e.settings, w.e.topology, &w.err);
    T_CHECK(w.app != NULL, "%s", w.err.text);
    assert_int_equal(st_catalog_connect(w.app->catalog, &never, &w.err), AQ_E_STATE);
    assert_non_null(strstr(w.err.text, "aqueduct streams reset"));
    st_app_destroy(w.app);

    good(&w, reset(&w, &(struct st_reset_request){.to = ST_TO_EARLIEST}, NULL));
    run_once(&w);
    assert_int_equal(outputs(&w), 18);
    close_world(&w);
}

static void group_offsets_follow_a_reset(void **state)
{
    (void)state;
    struct world w;
    struct kc_reader *reader;
    open_world(&w, ST_EXACTLY_ONCE);
    append(&w, 0, 9);
    run_once(&w);
    struct kc_pointer list[3] = {{.partition = 0}, {.partition = 1}, {.partition = 2}};
    good(&w, kc_sim_ops.reader_open(&w.cluster, "t", "app", &reader, &w.err));
    good(&w, kc_sim_ops.reader_committed(reader, "input", list, 3, 1000, &w.err));
    for (int i = 0; i < 3; i++) assert_int_equal(list[i].offset, 3);
    good(&w, reset(&w, &(struct st_reset_request){.to = ST_TO_OFFSET, .value = 1}, NULL));
    good(&w, kc_sim_ops.reader_committed(reader, "input", list, 3, 1000, &w.err));
    for (int i = 0; i < 3; i++) assert_int_equal(list[i].offset, 1);
    kc_sim_ops.reader_close(reader, 0);
    close_world(&w);
}

static void a_running_application_is_not_reset(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, ST_EXACTLY_ONCE);
    assert_int_equal(reset(&w, &(struct st_reset_request){.plan = true}, NULL), AQ_E_STATE);
    append(&w, 0, 3);
    start_app(&w);
    turn(&w, 400);
    assert_int_equal(reset(&w, &(struct st_reset_request){.to = ST_TO_EARLIEST}, NULL), AQ_E_BUSY);
    assert_int_equal(reset(&w, &(struct st_reset_request){.plan = true}, NULL), AQ_E_BUSY);
    assert_true(topic_exists(&w, REPARTITION));
    stop_app(&w);
    st_app_destroy(w.app);
    close_world(&w);
}

static void expect_status(struct world *w, bool ready, const char *reason)
{
    struct st_app_status status;
    st_app_status(w->app, &status);
    T_CHECK(status.ready == ready && strncmp(status.reason, reason, strlen(reason)) == 0, "%d '%s'",
            status.ready, status.reason);
}

/* Rows are there before the first record, changes are followed, and a process that starts again reads the topic again. */
static void workers_look_into_global_tables(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, ST_EXACTLY_ONCE);
    add_global_table(&w);
    join_global_table(&w);
    append(&w, 0, 3); /* k2 has no row */
    start_app(&w);
    turn(&w, 400);
    struct kc_sim_record list[20];
    int n = kc_sim_read(&w.cluster, "output", 0, list, 20, &w.err), joined = 0;
    for (int i = 0; i < n; i++) joined += aq_slice_equal(list[i].value, AQ_LIT("v-here"));
    assert_int_equal(n, 5); /* all three come from the repartition, too */
    assert_int_equal(joined, 2);
    expect_status(&w, true, "");
    good(&w, kc_sim_ops.admin_delete_topic(st_catalog_admin(w.app->catalog), "places", 1000, &w.err));
    turn(&w, 100);
    expect_status(&w, false, "global table 'where': places[");
    stop_app(&w);
    st_app_destroy(w.app);
    close_world(&w);
}

static void it_is_told_how_far_global_tables_are(void **state)
{
    (void)state;
    struct world w;
    static const atomic_bool never = false, stop = true;
    open_world(&w, ST_EXACTLY_ONCE);
    add_global_table(&w);
    join_global_table(&w);
    w.app = st_app_create(&kc_sim_ops, &w.e.settings, w.e.topology, &w.err);
    T_CHECK(w.app != NULL, "%s", w.err.text);
    expect_status(&w, false, "");
    good(&w, st_catalog_connect(w.app->catalog, &never, &w.err));
    struct kc_admin *admin = st_catalog_admin(w.app->catalog);
    assert_int_equal(st_globals_connect(w.app->globals, admin, &stop, &w.err), AQ_E_STOPPED);
    expect_status(&w, false, "reading global tables: 0 of 2 records");
    good(&w, st_globals_connect(w.app->globals, admin, &never, &w.err));
    expect_status(&w, false, "");
    st_app_destroy(w.app);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_tells_what_runs),
        cmocka_unit_test(a_failed_worker_says_why),
        cmocka_unit_test(counts_of_a_replaced_thread_are_kept),
        cmocka_unit_test(metrics_have_every_row),
        cmocka_unit_test(every_partition_has_its_metrics),
        cmocka_unit_test(workers_look_into_global_tables),
        cmocka_unit_test(it_is_told_how_far_global_tables_are),
        cmocka_unit_test(everything_comes_again_after_a_reset),
        cmocka_unit_test(a_second_reset_is_as_good_as_one),
        cmocka_unit_test(a_reset_may_go_elsewhere),
        cmocka_unit_test(one_topic_alone_is_moved),
        cmocka_unit_test(a_repartition_may_get_another_count_by_a_reset),
        cmocka_unit_test(group_offsets_follow_a_reset),
        cmocka_unit_test(a_running_application_is_not_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
