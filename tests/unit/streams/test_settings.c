/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings of an application: Kafka's names, Kafka's spelling, Kafka's defaults, and what is said about the rest.
 */
#include "kafka/property.h"
#include "streams/settings.h"
#include "tests/unit/conf/conf_test.h"

#include "tests/lib/check.h"

struct had {
    struct loaded l;
    struct aq_arena arena;
    struct st_settings settings;
};

static struct kc_cluster clusters[2];

/* Reads streams = { FIRST LINE: `lines` }, which begins in line 1, column 13; the topology is empty. */
static struct had have(const char *lines)
{
    struct had h = {0};
    char *text = t_printf("streams = { %s topology = { }; };", lines);
    h.l = load(text);
    T_CHECK(h.l.rc == 0, "%s", h.l.text);
    free(text);
    aq_arena_init(&h.arena, 4096);
    st_settings_read(h.l.doc->root->first, clusters, 2, &h.arena, &h.l.diags, &h.settings);
    again(&h.l);
    return h;
}

static void done(struct had *h)
{
    aq_arena_finish(&h->arena);
    unload(&h->l);
}

#define ID "application_id = \"app\"; "
#define TO "bootstrap_servers = \"127.0.0.1:9092\"; "

static void expect_only(const char *lines, const char *expected)
{
    struct had h = have(lines);
    T_CHECK(h.l.diags.count == 1, "%s: %zu complaints\n%s", lines, h.l.diags.count, h.l.text);
    T_CHECK(strcmp(h.l.diags.list[0].text, expected) == 0, "'%s', not '%s'", h.l.diags.list[0].text,
            expected);
    T_CHECK(h.l.diags.list[0].pos.line == 1 && h.l.diags.list[0].pos.column > 0, "%s: no place", lines);
    done(&h);
}

static void expect_good(const char *lines, struct had *ret)
{
    *ret = have(lines);
    T_CHECK(ret->l.diags.count == 0, "%s\n%s", lines, ret->l.text);
}

static void the_table_is_sane(void **state)
{
    (void)state;
    assert_int_equal(opt_check_table(&st_settings_table, stderr), 0);
}

static void defaults_are_kafkas(void **state)
{
    (void)state;
    struct had h;
    expect_good(ID TO, &h);
    const struct st_settings *s = &h.settings;
    assert_int_equal(s->guarantee, ST_AT_LEAST_ONCE);
    assert_int_equal(s->threads, 1);
    assert_int_equal(s->commit_interval_ms, 30000);
    assert_int_equal(s->max_task_idle_ms, 0);
    assert_int_equal(s->buffered_records_per_partition, 1000);
    assert_int_equal(s->replication_factor, -1);
    assert_int_equal(s->repartition_purge_interval_ms, 30000);
    assert_int_equal(s->task_timeout_ms, 300000);
    assert_int_equal(s->poll_ms, 100);
    assert_int_equal(s->transaction_timeout_ms, 10000);
    assert_int_equal(s->session_timeout_ms, 10000);
    assert_int_equal(s->auto_offset_reset, ST_EARLIEST);
    assert_ptr_equal(st_extractors[s->extractor], &ST_FAIL_ON_INVALID_TIMESTAMP);
    assert_int_equal(s->on_processing, ST_ON_ERROR_FAIL);
    assert_string_equal(s->compression, "none");
    assert_null(s->key_serde);
    done(&h);
}

static void the_flow_is_filled_in(void **state)
{
    (void)state;
    struct had h;
    expect_good(
        ID TO
        "processing_guarantee = \"exactly_once_v2\"; num_stream_threads = 3; group_instance_id = \"one\"; "
        "client_id = \"shop-eu\";",
        &h);
    const struct kc_flow *f = &h.settings.flow;
    assert_string_equal(f->noun, "application");
    assert_string_equal(f->name, "app");
    assert_string_equal(f->group, "app");
    assert_string_equal(f->state_topic, "app-aqueduct-state");
    assert_string_equal(f->transactional_prefix, "app");
    assert_string_equal(f->reset_command, "aqueduct streams reset");
    assert_string_equal(f->at_least_once_hint, "processing_guarantee = \"at_least_once\"");
    assert_string_equal(f->instance_id, "one");
    assert_string_equal(f->client_prefix, "shop-eu");
    assert_ptr_equal(f->source, f->sink);
    assert_string_equal(f->source->brokers, "127.0.0.1:9092");
    assert_true(f->exactly_once);
    assert_int_equal(f->commit_interval_ms, 100);
    assert_int_equal(f->tasks, 16);
    assert_int_equal(f->workers, 3);
    done(&h);
    expect_good(ID "cluster = \"east\";", &h);
    assert_ptr_equal(h.settings.flow.source, &clusters[0]);
    assert_null(h.settings.flow.client_prefix);
    done(&h);
}

static void values_that_people_copy_are_taken(void **state)
{
    (void)state;
    struct had h;
    expect_good(
        ID TO
        "default_key_serde = \"org.apache.kafka.common.serialization.Serdes$StringSerde\"; "
        "default_value_serde = \"json\"; "
        "deserialization_exception_handler = \"org.apache.kafka.streams.errors.LogAndContinueExceptionHandler\"; "
        "processing_exception_handler = \"LogAndContinueProcessingExceptionHandler\"; "
        "production_exception_handler = "
        "\"org.apache.kafka.streams.errors.DefaultProductionExceptionHandler\"; "
        "default_timestamp_extractor = \"org.apache.kafka.streams.processor.WallclockTimestampExtractor\"; "
        "uncaught_exception_handler = \"REPLACE_THREAD\"; commit_interval_ms = 250; max_task_idle_ms = -1;",
        &h);
    const struct st_settings *s = &h.settings;
    assert_string_equal(st_serde_name(s->key_serde), "string");
    assert_string_equal(st_serde_name(s->value_serde), "json");
    assert_int_equal(s->on_deserialization, ST_ON_ERROR_CONTINUE);
    assert_int_equal(s->on_processing, ST_ON_ERROR_CONTINUE);
    assert_int_equal(s->on_production, ST_ON_ERROR_FAIL);
    assert_ptr_equal(st_extractors[s->extractor], &ST_WALLCLOCK_TIMESTAMP);
    assert_int_equal(s->on_failure, ST_REPLACE_THREAD);
    assert_int_equal(s->commit_interval_ms, 250);
    assert_int_equal(s->max_task_idle_ms, -1);
    done(&h);
}

static void properties_take_kafkas_spelling(void **state)
{
    (void)state;
    struct had h;
    expect_good(
        "properties = [\"application.id=app\", \"bootstrap.servers=k:9092\", \"commit.interval.ms=250\", "
        "\"processing.guarantee = exactly_once_v2\", \"producer.linger.ms=7\", \"consumer.auto.offset.reset=latest\", "
        "\"main.consumer.session.timeout.ms=20000\", \"num.stream.threads=2\", \"client.id=shop\"];",
        &h);
    const struct st_settings *s = &h.settings;
    assert_string_equal(s->application_id, "app");
    assert_string_equal(s->cluster->brokers, "k:9092");
    assert_int_equal(s->commit_interval_ms, 250);
    assert_int_equal(s->guarantee, ST_EXACTLY_ONCE);
    assert_int_equal(s->linger_ms, 7);
    assert_int_equal(s->auto_offset_reset, ST_LATEST);
    assert_int_equal(s->session_timeout_ms, 20000);
    assert_int_equal(s->threads, 2);
    assert_string_equal(s->flow.client_prefix, "shop");
    assert_int_equal(s->properties.count, 0);
    done(&h);
}

static void properties_of_the_client_go_to_the_cluster(void **state)
{
    (void)state;
    struct had h;
    expect_good(
        ID "cluster = \"west\"; properties = [\"consumer.fetch.min.bytes=1024\", \"security.protocol=SSL\", "
           "\"poll.ms=50\"];",
        &h);
    const struct kc_cluster *c = h.settings.cluster;
    assert_ptr_not_equal(c, &clusters[1]);
    assert_string_equal(c->name, "west");
    assert_int_equal(c->n_properties, 3);
    assert_string_equal(c->properties[0].name, "socket.timeout.ms");
    assert_string_equal(c->properties[1].name, "fetch.min.bytes");
    assert_string_equal(c->properties[2].value, "SSL");
    assert_int_equal(h.settings.properties.count, 2);
    assert_string_equal(h.settings.properties.items[1], "security.protocol=SSL");
    done(&h);
}

static void mistakes_in_properties_stand_at_their_item(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"properties = [\"commit.intervall.ms=5\"];",
         "streams: properties: unknown property 'commit.intervall.ms'; did you mean 'commit.interval.ms'?"},
        {"properties = [\"commit.interval.ms\"];",
         "streams: properties: a property is written \"name=value\""},
        {"properties = [\"commit.interval.ms=soon\"];",
         "streams: properties: commit.interval.ms: 'soon' is not a duration: a whole number and ms, s, m, h or d, such as "
         "\"500ms\" or \"5s\""},
        {"poll_ms = 5; properties = [\"poll.ms=5\"];",
         "streams: properties: 'poll.ms' is set as poll_ms in line 1 already; leave one of them out"},
        {"properties = [\"poll.ms=5\", \"poll.ms=6\"];", "streams: properties: 'poll.ms' is set twice"},
        {"properties = [\"linger.ms=5\", \"producer.linger.ms=6\"];",
         "streams: properties: 'producer.linger.ms' is set twice"},
        {"properties = [\"max.warmup.replicas=1\"];",
         "streams: properties: 'max.warmup.replicas' is not supported: An instance that joins restores what it is given; "
         "write num_standby_replicas for the loss of one."},
        {"properties = [\"num.standby.replicas=4\"];",
         "streams: properties: num.standby.replicas: 4 is out of range; allowed: 0 to 3"},
        {"properties = [\"restore.consumer.fetch.min.bytes=1\"];",
         "streams: properties: 'restore.consumer.fetch.min.bytes' is not supported: changelogs are read with the settings "
         "of the main consumer"},
        {"properties = [\"consumer.socket.keepalive.enable=true\"];",
         "streams: properties: 'consumer.socket.keepalive.enable' holds for all clients of the application: write "
         "'socket.keepalive.enable'"},
        {"properties = [\"producer.fetch.min.bytes=1\"];",
         "streams: properties: 'fetch.min.bytes' is no property of a producer"},
        {"properties = [\"socket.nagle.disable=false\"];",
         "client property 'socket.nagle.disable' cannot be set: it is always true"},
        {"properties = [\"enable.idempotence=false\"];",
         "streams: properties: 'enable.idempotence' is not supported: It is always true: without it retries duplicate and "
         "reorder."},
        {"properties = [\"topology=x\"];",
         "streams: properties: 'topology' is an option of the group, not a property"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *lines = t_printf(ID TO "%s", rows[i][0]);
        expect_only(lines, rows[i][1]);
        struct had h = have(lines);
        const struct conf_pos at = h.l.diags.list[0].pos;
        T_CHECK(at.column > (int)(strstr(lines, "properties") - lines), "%s: column %d", lines, at.column);
        done(&h);
        free(lines);
    }
}

static void a_property_that_the_cluster_has_is_an_error(void **state)
{
    (void)state;
    expect_only(
        ID "cluster = \"west\"; properties = [\"socket.timeout.ms=1000\"];",
        "streams: properties: 'socket.timeout.ms' is set in clusters.west.properties too; leave one of them out");
}

static void what_belongs_together(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {TO, "streams: required option 'application_id' is missing"},
        {ID, "streams: which cluster? Write cluster = \"NAME\" or bootstrap_servers = \"HOST:PORT\""},
        {ID "bootstrap_servers = \"\";", "streams: bootstrap_servers: must not be empty"},
        {ID TO "cluster = \"east\";",
         "streams: cluster and bootstrap_servers both name the cluster; leave one of them out"},
        {ID "cluster = \"eats\";", "streams: cluster: unknown cluster 'eats'; did you mean 'east'?"},
        {ID "cluster = \"moon\";", "streams: cluster: unknown cluster 'moon'; clusters has: east, west"},
        {"application_id = \"a b\"; " TO,
         "streams: application_id: the name 'a b' holds a character other than a-z A-Z 0-9 . _ -"},
        {ID TO "processing_guarantee = \"exactly_once_v2\"; commit_interval_ms = \"11s\";",
         "streams: commit_interval_ms (11000 ms) must not be longer than transaction_timeout_ms (10000 ms): the brokers abort "
         "transactions that last longer"},
        {ID TO "compression_type = \"lz5\";",
         "streams: compression_type: unknown value 'lz5'; did you mean 'lz4'? allowed: none, gzip, snappy, lz4, zstd"},
        {ID TO "default_key_serde = \"sting\";",
         "streams: default_key_serde: there is no serde 'sting'; did you mean 'string'?"},
        {ID TO "errors_dead_letter_queue_topic_name = \"dead\";",
         "streams: nothing is ever sent to 'dead': no exception handler says continue"},
        {ID TO "replication_factor = 0;",
         "streams: replication_factor: at least 1, or -1 for the brokers' default"},
        {ID TO "session_timeout_ms = 3000;",
         "streams: session_timeout_ms below 6s is refused by brokers unless group.min.session.timeout.ms allows it"},
        {ID TO "client_id = \"a@b\";",
         "streams: client_id: 'a@b' is not 1 to 100 letters, digits, '.', '_' and '-'"},
        {ID TO "group_instance_id = \"\";", "streams: group_instance_id: the name '' is empty"},
        {ID TO "client_id = \"\";",
         "streams: client_id: '' is not 1 to 100 letters, digits, '.', '_' and '-'"},
        {ID TO "num_stream_threads = 17;", "streams: more threads than slots: some will have nothing to do"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) expect_only(rows[i][0], rows[i][1]);
}

/* The list of StreamsConfig in Kafka 4.3. */
static const char *const kafkas[] = {
    "acceptable.recovery.lag",
    "application.id",
    "application.server",
    "bootstrap.servers",
    "buffered.records.per.partition",
    "built.in.metrics.version",
    "client.id",
    "commit.interval.ms",
    "config.providers",
    "default.client.supplier",
    "default.key.serde",
    "default.list.key.serde.inner",
    "default.list.key.serde.type",
    "default.list.value.serde.inner",
    "default.list.value.serde.type",
    "default.timestamp.extractor",
    "default.value.serde",
    "deserialization.exception.handler",
    "dsl.store.format",
    "dsl.store.suppliers.class",
    "enable.metrics.push",
    "ensure.explicit.internal.resource.naming",
    "errors.dead.letter.queue.topic.name",
    "group.protocol",
    "log.summary.interval.ms",
    "max.task.idle.ms",
    "max.warmup.replicas",
    "metadata.max.age.ms",
    "metric.reporters",
    "metrics.num.samples",
    "metrics.recording.level",
    "metrics.sample.window.ms",
    "num.standby.replicas",
    "num.stream.threads",
    "poll.ms",
    "probing.rebalance.interval.ms",
    "processing.exception.handler",
    "processing.exception.handler.global.enabled",
    "processing.guarantee",
    "processor.wrapper.class",
    "production.exception.handler",
    "rack.aware.assignment.non_overlap_cost",
    "rack.aware.assignment.strategy",
    "rack.aware.assignment.tags",
    "rack.aware.assignment.traffic_cost",
    "repartition.purge.interval.ms",
    "replication.factor",
    "request.timeout.ms",
    "rocksdb.config.setter",
    "state.cleanup.delay.ms",
    "state.dir",
    "statestore.cache.max.bytes",
    "task.assignor.class",
    "task.timeout.ms",
    "topology.optimization",
    "upgrade.from",
    "window.size.ms",
    "windowed.inner.class.serde",
    "windowstore.changelog.additional.retention.ms",
};

static void every_setting_of_kafka_streams_is_a_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(kafkas) / sizeof(kafkas[0]); i++) {
        char *name = t_printf("%s", kafkas[i]);
        for (char *p = name; *p; p++)
            if (*p == '.') *p = '_';
        const struct opt_row *row = st_settings_table.rows;
        while (row->name && strcmp(row->name, name) != 0) row++;
        T_CHECK(row->name, "%s is no row", kafkas[i]);
        free(name);
    }
}

static void what_is_refused_says_why(void **state)
{
    (void)state;
    for (const struct opt_row *row = st_settings_table.rows; row->name; row++) {
        if (row->kind != OPT_REFUSED) continue;
        char *lines = t_printf(ID TO "%s = 1;", row->name);
        char *expected = t_printf("streams: option '%s' is not supported: %s", row->name, row->help);
        expect_only(lines, expected);
        free(lines);
        free(expected);
    }
}

int main(void)
{
    static struct kc_property west[] = {{.name = "socket.timeout.ms", .value = "5000"}};
    clusters[0] = (struct kc_cluster){.name = "east", .brokers = "east:9092"};
    clusters[1] =
        (struct kc_cluster){.name = "west", .brokers = "west:9092", .properties = west, .n_properties = 1};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_sane),
        cmocka_unit_test(defaults_are_kafkas),
        cmocka_unit_test(the_flow_is_filled_in),
        cmocka_unit_test(values_that_people_copy_are_taken),
        cmocka_unit_test(properties_take_kafkas_spelling),
        cmocka_unit_test(properties_of_the_client_go_to_the_cluster),
        cmocka_unit_test(mistakes_in_properties_stand_at_their_item),
        cmocka_unit_test(a_property_that_the_cluster_has_is_an_error),
        cmocka_unit_test(what_belongs_together),
        cmocka_unit_test(every_setting_of_kafka_streams_is_a_row),
        cmocka_unit_test(what_is_refused_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
