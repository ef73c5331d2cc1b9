/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes as they are written: what good ones become, and a table of bad ones with what is said about each, and where.
 */
#include "bridge/route.h"

#include "base/mem.h"
#include "tests/lib/check.h"

struct fixture {
    struct conf_diags diags;
    struct conf_doc *doc;
    struct aq_arena arena;
    struct kc_cluster clusters[2];
    struct xf_library *library;
    struct br_route route;
};

static void read_text(struct fixture *f, const char *before, const char *text, const char *after)
{
    memset(f, 0, sizeof(*f));
    conf_diags_init(&f->diags);
    aq_arena_init(&f->arena, 4096);
    char *whole = t_printf("%s%s%s", before, text, after);
    assert_int_equal(conf_load_text("t", whole, NULL, 0, &f->diags, &f->doc), 0);
    free(whole);
    kc_cluster_from_brokers("dc1", "127.0.0.1:1", &f->arena, &f->clusters[0]);
    kc_cluster_from_brokers("dc2", "127.0.0.1:2", &f->arena, &f->clusters[1]);
    xf_library_load(conf_get(f->doc->root, "transforms"), NULL, XF_SAFE, &f->diags, &f->library);
    assert_int_equal(f->diags.errors, 0);
    struct conf_node *routes = conf_get(f->doc->root, "routes");
    assert_non_null(routes);
    br_route_read(routes->first, f->clusters, 2, f->library, &f->arena, &f->diags, &f->route);
}

#define TRANSFORMS                                                                               \
    "transforms = {\n"                                                                           \
    "  mask = { type = \"MaskField\"; fields = [\"a\"]; replacement = \"x\"; };\n"               \
    "  rename = { type = \"RegexRouter\"; regex = \"(.*)\"; replacement = \"dc1.$1\"; };\n"      \
    "  same = { type = \"RegexRouter\"; regex = \"dc1[.](.*)\"; replacement = \"$1\"; };\n"      \
    "  edit = { type = \"Lua\"; map = \"\"; }; land = { type = \"Lua\"; route = \"topic\"; };\n" \
    "};\n"
#define ROUTE "name = \"r\"; from = \"dc1\"; to = \"dc2\"; topics = [\"orders\"];"

static void read_route(struct fixture *f, const char *text)
{
    read_text(f, TRANSFORMS "routes = ( { ", text, " } );\n");
}

static void finish(struct fixture *f)
{
    br_route_finish(&f->route);
    xf_library_destroy(f->library);
    conf_doc_destroy(f->doc);
    conf_diags_finish(&f->diags);
    aq_arena_finish(&f->arena);
}

static void check_clean(const struct fixture *f)
{
    if (f->diags.count == 0) return;
    conf_diags_print(&f->diags, stderr);
    T_FAIL("%zu findings", f->diags.count);
}

static void the_least_there_is(void **state)
{
    (void)state;
    struct fixture f;
    read_route(&f, ROUTE);
    check_clean(&f);
    const struct br_route *r = &f.route;
    assert_string_equal(r->group, "aqueduct.r");
    assert_string_equal(r->state_topic, "aqueduct.r.state");
    assert_ptr_equal(r->source, &f.clusters[0]);
    assert_ptr_equal(r->sink, &f.clusters[1]);
    assert_non_null(r->filter);
    assert_non_null(r->chain);
    assert_int_equal(xf_chain_length(r->chain), 0);
    assert_int_equal(r->delivery, BR_EXACTLY_ONCE);
    assert_int_equal(r->start, BR_START_EARLIEST);
    assert_int_equal(r->partitioning, BR_PARTITION_SOURCE);
    assert_false(r->read_uncommitted);
    assert_false(r->stop_at_end);
    assert_int_equal(r->workers, 1);
    assert_int_equal(r->tasks, 16);
    assert_int_equal(r->commit_interval_ms, 100);
    assert_int_equal(r->refresh_interval_ms, 5000);
    assert_int_equal(r->session_timeout_ms, 10000);
    assert_int_equal(r->transaction_timeout_ms, 10000);
    assert_int_equal(r->records_per_second, 0);
    assert_int_equal(r->in_flight_bytes, 16 << 20);
    assert_int_equal(r->queue_bytes, 8 << 20);
    assert_int_equal(r->linger_ms, 1);
    assert_int_equal(r->batch_bytes, 1 << 20);
    assert_string_equal(r->compression, "lz4");
    assert_true(r->create_topics && r->grow_topics && r->copy_configs);
    assert_int_equal(r->replication_factor, -1);
    assert_int_equal(r->on_anomaly, BR_ANOMALY_FAIL);
    assert_int_equal(r->compat, XF_SAFE);
    assert_int_equal(r->tolerance, BR_ERRORS_FAIL);
    assert_null(r->dead_letter_topic);
    assert_int_equal(r->key_format, XF_BYTES);
    assert_int_equal(r->value_format, XF_JSON);
    finish(&f);
}

static void everything_said(void **state)
{
    (void)state;
    struct fixture f;
    read_route(
        &f, "name = \"a.b_c-9\"; from = \"dc2\"; to = \"dc1\"; topics = \"orders, ^pay.*\";\n"
            "exclude = [\"^pay[.]tmp.*\"]; chain = \"mask,rename\"; delivery = \"at_least_once\";\n"
            "start = \"timestamp\"; start_timestamp = \"2024-05-01T12:00:00.25+02:00\"; stop_at_end = true;\n"
            "partition = \"key\"; isolation = \"read_uncommitted\"; workers = 4; tasks = 64;\n"
            "commit_interval = \"2s\"; refresh_interval = \"1m\"; session_timeout = \"30s\";\n"
            "transaction_timeout = \"1m\"; records_per_second = 1000; bytes_per_second = \"10MB\";\n"
            "in_flight = \"32MiB\"; queue = \"8MiB\"; linger = 0; batch_size = \"1MiB\";\n"
            "compression = \"zstd\"; create_topics = false; grow_topics = false; copy_configs = false;\n"
            "replication_factor = 3; on_anomaly = \"report\";\n"
            "errors = { tolerance = \"dead_letter\"; dead_letter_topic = \"dead\"; };\n"
            "format = { key = \"string\"; value = \"json\"; };");
    check_clean(&f);
    const struct br_route *r = &f.route;
    assert_string_equal(r->state_topic, "aqueduct.a.b_c-9.state");
    assert_int_equal(r->topics.count, 2);
    assert_int_equal(r->delivery, BR_AT_LEAST_ONCE);
    assert_int_equal(r->start_timestamp, 1714557600250LL);
    assert_true(r->read_uncommitted);
    assert_int_equal(r->partitioning, BR_PARTITION_KEY);
    assert_int_equal(r->tolerance, BR_ERRORS_DEAD_LETTER);
    assert_string_equal(r->dead_letter_topic, "dead");
    assert_int_equal(r->key_format, XF_STRING);
    assert_int_equal(xf_chain_length(r->chain), 2);
    assert_true(br_topic_filter_takes(r->filter, "payments"));
    assert_false(br_topic_filter_takes(r->filter, "pay.tmp.1"));
    finish(&f);
}

static void the_flow_says_what_the_route_says(void **state)
{
    (void)state;
    struct fixture f;
    read_route(&f, ROUTE " delivery = \"at_least_once\"; tasks = 6; workers = 2; commit_interval = \"3s\"; "
                         "session_timeout = \"9s\"; transaction_timeout = \"40s\"; linger = \"7ms\"; "
                         "batch_size = \"100KB\"; in_flight = \"2MB\"; compression = \"zstd\"; "
                         "replication_factor = 2;");
    check_clean(&f);
    const struct kc_flow *flow = &f.route.flow;
    assert_string_equal(flow->noun, "route");
    assert_string_equal(flow->name, "r");
    assert_string_equal(flow->group, "aqueduct.r");
    assert_string_equal(flow->transactional_prefix, "aqueduct.r");
    assert_string_equal(flow->state_topic, "aqueduct.r.state");
    assert_ptr_equal(flow->source, &f.clusters[0]);
    assert_ptr_equal(flow->sink, &f.clusters[1]);
    assert_false(flow->exactly_once);
    assert_int_equal(flow->tasks, 6);
    assert_int_equal(flow->workers, 2);
    assert_int_equal(flow->commit_interval_ms, 3000);
    assert_int_equal(flow->session_timeout_ms, 9000);
    assert_int_equal(flow->transaction_timeout_ms, 40000);
    assert_int_equal(flow->linger_ms, 7);
    assert_int_equal(flow->batch_bytes, f.route.batch_bytes);
    assert_int_equal(flow->in_flight_bytes, f.route.in_flight_bytes);
    assert_string_equal(flow->compression, "zstd");
    assert_int_equal(flow->replication_factor, 2);
    assert_null(flow->instance_id);
    finish(&f);
}

static void a_group_of_named_groups_needs_no_name(void **state)
{
    (void)state;
    struct fixture f;
    static const char before[] = "routes = { east = { from = \"dc1\"; to = \"dc2\"; topics = [\"orders\"]; ";
    read_text(&f, before, "", "}; };");
    check_clean(&f);
    assert_string_equal(f.route.name, "east");
    assert_string_equal(f.route.group, "aqueduct.east");
    finish(&f);
    read_text(&f, before, "name = \"west\";", "}; };");
    assert_int_equal(f.diags.errors, 1);
    assert_non_null(strstr(f.diags.list[0].text, "two names, 'east' and 'west'"));
    finish(&f);
}

static void words_of_connect_for_tolerance(void **state)
{
    (void)state;
    struct fixture f;
    read_route(&f, ROUTE "errors = { tolerance = \"all\"; };");
    check_clean(&f);
    assert_int_equal(f.route.tolerance, BR_ERRORS_SKIP);
    finish(&f);
    read_route(&f, ROUTE "errors = { tolerance = \"none\"; };");
    check_clean(&f);
    assert_int_equal(f.route.tolerance, BR_ERRORS_FAIL);
    finish(&f);
}

static void times_to_start_at(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } rows[] = {
        {"1714557600000L", 1714557600000},
        {"0", 0},
        {"\"1714557600000\"", 1714557600000},
        {"\"2024-05-01\"", 1714521600000},
        {"\"2024-05-01T10:00\"", 1714557600000},
        {"\"2024-05-01 10:00:00\"", 1714557600000},
        {"\"2024-05-01T10:00:00Z\"", 1714557600000},
        {"\"2024-05-01T10:00:00.5Z\"", 1714557600500},
        {"\"2024-05-01T10:00:00.123456Z\"", 1714557600123},
        {"\"2024-05-01T05:30:00-0430\"", 1714557600000},
        {"\"2024-02-29\"", 1709164800000},
        {"\"2023-02-29\"", -1},
        {"\"2024-13-01\"", -1},
        {"\"2024-05-01T24:00:00Z\"", -1},
        {"\"2024-05-01T10:00:00 CET\"", -1},
        {"\"2024-05-01T10\"", -1},
        {"\"2024-05-01T10:00:00.Z\"", -1},
        {"\"1969-12-31\"", -1},
        {"\"1970-01-01T00:00+01:00\"", -1},
        {"\"yesterday\"", -1},
        {"\"\"", -1},
        {"\"-5\"", -1},
        {"-5", -1},
        {"true", -1},
        {"1.5", -1},
        {"\"99999999999999999999\"", -1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture f;
        char *text = t_printf(ROUTE "start = \"timestamp\"; start_timestamp = %s;", rows[i].text);
        read_route(&f, text);
        free(text);
        if (rows[i].ms >= 0)
            T_CHECK(f.diags.count == 0 && f.route.start_timestamp == rows[i].ms, "%s: %lld", rows[i].text,
                    (long long)f.route.start_timestamp);
        else
            T_CHECK(f.diags.errors == 1 &&
                        strstr(f.diags.list[0].text, "start_timestamp: must be milliseconds"),
                    "%s: %zu errors, %lld", rows[i].text, f.diags.errors, (long long)f.route.start_timestamp);
        finish(&f);
    }
}

/* ---- what is said about bad ones ------------------------------------------------------------------------------------ */

struct bad {
    const char *text;   /* added to ROUTE */
    const char *says;   /* in one finding, the only one of its severity */
    const char *marked; /* what the caret points at, "" for the route itself */
};

/* The source text the finding points at. */
static void check_place(const struct fixture *f, const struct conf_diag *diag, const struct bad *bad)
{
    const char *line = f->diags.sources[0].text;
    for (int i = 1; i < diag->pos.line; i++) line = strchr(line, '\n') + 1;
    T_CHECK(diag->pos.column > 0, "no column: %s", diag->text);
    const char *at = line + diag->pos.column - 1;
    size_t len = strlen(bad->marked);
    if (len == 0) return;
    T_CHECK(strncmp(at, bad->marked, len) == 0, "%s: points at %.20s", diag->text, at);
}

static void check_bad(const struct bad *bad, enum conf_severity severity)
{
    struct fixture f;
    char *text = t_printf(ROUTE "%s", bad->text);
    read_route(&f, text);
    free(text);
    size_t n = 0;
    for (size_t i = 0; i < f.diags.count; i++) {
        const struct conf_diag *diag = &f.diags.list[i];
        if (diag->severity != severity) continue;
        n++;
        T_CHECK(strstr(diag->text, bad->says) != NULL, "%s\n  gives: %s", bad->text, diag->text);
        check_place(&f, diag, bad);
    }
    if (n != 1) conf_diags_print(&f.diags, stderr);
    T_CHECK(n == 1, "%s: %zu findings", bad->text, n);
    finish(&f);
}

static const struct bad errors[] = {
    /* rows */
    {"exlude = [\"a\"];", "unknown option 'exlude'; did you mean 'exclude'?", "exlude"},
    {"workers = 17;", "routes.r: workers: 17 is out of range; allowed: 1 to 16", "17"},
    {"workers = 0;", "out of range", "0"},
    {"tasks = 1025;", "allowed: 1 to 1024", "1025"},
    {"commit_interval = \"61s\";", "allowed: 1ms to 1m", "\"61s\""},
    {"refresh_interval = \"50ms\";", "allowed: 100ms to 1h", "\"50ms\""},
    {"in_flight = \"1KiB\";", "allowed: 1MiB to 4GiB", "\"1KiB\""},
    {"delivery = \"exactly-once\";", "did you mean 'exactly_once'?", "\"exactly-once\""},
    {"partition = 3;", "must be a string", "3"},
    {"isolation = \"read_commited\";", "did you mean 'read_committed'?", "\"read_commited\""},
    {"on_anomaly = \"skip\";", "allowed: fail, report", "\"skip\""},
    {"errors = { tolerance = \"ignore\"; };", "routes.r.errors: tolerance: unknown value 'ignore'",
     "\"ignore\""},
    {"errors = \"skip\";", "routes.r.errors: must be a group", "errors"},
    {"format = { value = \"avro\"; };", "routes.r.format: value: unknown value 'avro'", "\"avro\""},
    {"errors = { dead_letter_topics = \"x\"; };", "did you mean 'dead_letter_topic'?", "dead_letter_topics"},
    {"records_per_second = -1;", "out of range", "-1"},
    /* names from elsewhere */
    {"tasks_max = 4;", "option 'tasks_max' is not supported: Write workers", "tasks_max"},
    {"refresh_topics_interval_seconds = 5;", "Write refresh_interval", "refresh_topics_interval_seconds"},
    {"sync_topic_configs_enabled = true;", "disaster recovery", "sync_topic_configs_enabled"},
    {"errors_deadletterqueue_topic_name = \"d\";", "dead_letter_topic", "errors_deadletterqueue_topic_name"},
    {"consumer = { };", "clusters.NAME.properties", "consumer"},
    {"max_records_per_second = 5;", "Write records_per_second", "max_records_per_second"},
    {"errors = { retry = \"5s\"; };", "routes.r.errors: option 'retry' is not supported", "retry"},
    /* values that only a look at them shows */
    {"compression = \"lz5\";", "compression: unknown value 'lz5'; did you mean 'lz4'?", "\"lz5\""},
    {"compression = \"brotli\";", "allowed: none, gzip, snappy, lz4, zstd", "\"brotli\""},
    {"replication_factor = 0;", "replication_factor: at least 1", "0"},
    {"bytes_per_second = 10;", "bytes_per_second: at least 1KiB", "10"},
    {"start_offset = -7; start = \"offset\";", "start_offset: must not be negative", "-7"},
    {"topic_configs = [\"retention.ms\"];", "'retention.ms' is not NAME=VALUE", "\"retention.ms\""},
    {"topic_configs = [\"=1\"];", "'=1' is not NAME=VALUE", "\"=1\""},
    {"topic_configs = [\"retention.mz=1\"];", "did you mean 'retention.ms'?", "\"retention.mz=1\""},
    {"topic_configs = [\"retention.ms=1\", \"retention.ms=2\"];", "'retention.ms' is set twice",
     "\"retention.ms=2\""},
    {"exclude = [\"orders\"];", "exclude leaves nothing of it", "\"orders\""},
    {"exclude = [\"^(\"];", "exclude: bad regular expression", "\"^(\""},
    {"chain = [\"mask\", \"renam\"];", "unknown transform 'renam'; did you mean 'rename'?", "\"renam\""},
    {"chain = [\"mask\"]; format = { value = \"bytes\"; };", "works on fields of the value", "\"mask\""},
    /* options that do not go together */
    {"start = \"timestamp\";", "start = \"timestamp\" needs start_timestamp", "\"timestamp\""},
    {"start = \"offset\";", "start = \"offset\" needs start_offset", "\"offset\""},
    {"start_timestamp = 5;", "start_timestamp would be ignored", "5"},
    {"start_offset = 5; start = \"latest\";", "start_offset would be ignored", "5"},
    {"commit_interval = \"6s\";", "at most half of transaction_timeout", "\"6s\""},
    {"transaction_timeout = \"1s\"; commit_interval = \"501ms\";", "at most half", "\"501ms\""},
    {"batch_size = \"32MiB\";", "batch_size must not be larger than in_flight", "\"32MiB\""},
    {"errors = { tolerance = \"dead_letter\"; };", "needs dead_letter_topic", "\"dead_letter\""},
    {"errors = { dead_letter_topic = \"d\"; };", "dead_letter_topic would be ignored", "\"d\""},
    {"errors = { tolerance = \"skip\"; dead_letter_topic = \"d\"; };", "would be ignored", "\"d\""},
    {"errors = { tolerance = \"dead_letter\"; dead_letter_topic = \"a b\"; };", "holds a character",
     "\"a b\""},
    {"errors = { tolerance = \"dead_letter\"; dead_letter_topic = \"aqueduct.r.state\"; };",
     "holds the positions", "\"aqueduct.r.state\""},
};

static void bad_routes_and_what_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) check_bad(&errors[i], CONF_ERROR);
}

static const struct bad warnings[] = {
    {"start = \"latest\"; stop_at_end = true;", "the first run copies nothing", "\"latest\""},
    {"linger = \"100ms\";", "every commit waits for it", "\"100ms\""},
    {"session_timeout = \"2s\";", "group.min.session.timeout.ms", "\"2s\""},
    {"isolation = \"read_uncommitted\";", "later aborts are copied too", "\"read_uncommitted\""},
    {"workers = 4; tasks = 2;", "more workers than tasks", "4"},
    {"topic_configs = [\"confluent.placement=1\"];", "no topic config of Kafka", "\"confluent.placement=1\""},
    {"create_topics = false; topic_configs = [\"retention.ms=1\"];", "of no use", "\"retention.ms=1\""},
};

static void doubtful_routes_and_what_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(warnings) / sizeof(warnings[0]); i++) check_bad(&warnings[i], CONF_WARNING);
}

static void check_whole(const char *text, size_t errors_expected, const char *says, const char *marked)
{
    struct fixture f;
    read_route(&f, text);
    const struct bad bad = {.text = text, .says = says, .marked = marked};
    const struct conf_diag *found = NULL;
    for (size_t i = 0; i < f.diags.count; i++)
        if (strstr(f.diags.list[i].text, says)) found = &f.diags.list[i];
    if (!found || f.diags.errors != errors_expected) conf_diags_print(&f.diags, stderr);
    T_CHECK(f.diags.errors == errors_expected, "%s: %zu errors", text, f.diags.errors);
    T_CHECK(found != NULL, "%s: not said: %s", text, says);
    check_place(&f, found, &bad);
    finish(&f);
}

static void names_of_routes_and_clusters(void **state)
{
    (void)state;
#define REST "from = \"dc1\"; to = \"dc2\"; topics = [\"orders\"];"
    check_whole(REST, 1, "required option 'name' is missing", "");
    check_whole("name = \"a b\";" REST, 1, "'a b' must be 1 to 200 letters", "\"a b\"");
    check_whole("name = \"a/b\";" REST, 1, "named after it", "\"a/b\"");
    check_whole("name = \"\";" REST, 1, "'' must be", "\"\"");
    check_whole("name = \"r\"; from = \"dc3\"; to = \"dc2\"; topics = [\"o\"];", 1,
                "unknown cluster 'dc3'; did you mean", "\"dc3\"");
    check_whole("name = \"r\"; from = \"dc1\"; to = \"elsewhere\"; topics = [\"o\"];", 1,
                "clusters has: dc1, dc2", "\"elsewhere\"");
    check_whole("name = \"r\"; from = \"dc1\"; topics = [\"o\"];", 1, "required option 'to' is missing", "");
    check_whole("name = \"r\"; from = \"dc1\"; to = \"dc2\";", 1, "required option 'topics' is missing", "");
    check_whole("name = \"r\"; from = \"dc1\"; to = \"dc2\"; topics = [];", 1,
                "topics: needs at least 1 item", "");
#undef REST
    char long_name[300];
    memset(long_name, 'n', 201);
    long_name[201] = '\0';
    char *text = t_printf("name = \"%s\"; from = \"dc1\"; to = \"dc2\"; topics = [\"o\"];", long_name);
    check_whole(text, 1, "must be 1 to 200", "");
    free(text);
}

static void within_one_cluster(void **state)
{
    (void)state;
#define SAME "name = \"r\"; from = \"dc1\"; to = \"dc1\"; "
    check_whole(SAME "topics = [\"o\"];", 1, "copied into its own topic", "\"dc1\"");
    check_whole(SAME "topics = [\"o\"]; chain = [\"mask\"];", 1, "copied into its own topic", "\"dc1\"");
    check_whole(SAME "topics = [\"o\"]; chain = [\"edit\"];", 1, "copied into its own topic", "\"dc1\"");
    check_whole(SAME "topics = [\"o\"]; chain = [\"land\"];", 0, "must not take what the chain makes",
                "\"dc1\"");
    check_whole(SAME "topics = [\"o\"]; chain = [\"same\"];", 1,
                "'o' goes to 'o', which the route takes again", "");
    check_whole(SAME "topics = [\"o\", \"^dc1.*\"]; chain = [\"rename\"];", 1, "'o' goes to 'dc1.o'", "");
    check_whole(SAME "topics = [\"o\"]; chain = [\"rename\"];", 0, "must not take what the chain makes",
                "\"dc1\"");
    check_whole(SAME
                "topics = [\"o\", \"d\"]; chain = [\"rename\"]; errors = { tolerance = \"dead_letter\";\n"
                "dead_letter_topic = \"d\"; };",
                1, "takes its own dead_letter_topic", "\"d\"");
#undef SAME
}

static void one_offset_for_many_topics(void **state)
{
    (void)state;
    check_whole(
        "name = \"r\"; from = \"dc1\"; to = \"dc2\"; topics = [\"^o.*\"]; start = \"offset\"; start_offset = 7;",
        0, "holds for every partition of every topic", "7");
    struct fixture f;
    read_route(&f, ROUTE "start = \"offset\"; start_offset = 7;");
    check_clean(&f);
    finish(&f);
}

static void all_mistakes_in_one_run(void **state)
{
    (void)state;
    struct fixture f;
    read_route(&f, "name = \"a b\"; from = \"dc9\"; to = \"nowhere\"; topics = [\"^(\"]; workers = 99;\n"
                   "chain = [\"nothing\"]; topic_configs = [\"x\"]; colour = \"red\";");
    assert_int_equal(f.diags.errors, 8);
    finish(&f);
}

static void tables_are_sound(void **state)
{
    (void)state;
    assert_int_equal(opt_check_table(&br_route_table, stderr), 0);
    assert_int_equal(opt_check_table(&br_errors_table, stderr), 0);
    assert_int_equal(opt_check_table(&br_format_table, stderr), 0);
}

static void examples_load(void **state)
{
    (void)state;
    const struct opt_table *tables[] = {&br_route_table, &br_errors_table, &br_format_table};
    for (size_t i = 0; i < 3; i++) {
        struct fixture f;
        read_text(&f, "", tables[i]->example, "");
        check_clean(&f);
        finish(&f);
    }
}

/* What `dump` prints is a route again, and the same one. */
static void effective_values_read_back(void **state)
{
    (void)state;
    struct fixture f;
    read_route(&f, ROUTE "chain = [\"rename\"]; start = \"timestamp\"; start_timestamp = \"2024-05-01\";\n"
                         "errors = { tolerance = \"dead_letter\"; dead_letter_topic = \"d\"; };");
    check_clean(&f);
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    opt_print_effective(br_route_table.rows, &f.route, 0, out);
    fputs("errors = {\n", out);
    opt_print_effective(br_errors_table.rows, &f.route, 0, out);
    fputs("};\nformat = {\n", out);
    opt_print_effective(br_format_table.rows, &f.route, 0, out);
    fputs("};\n", out);
    fclose(out);
    finish(&f);
    read_route(&f, text);
    check_clean(&f);
    assert_int_equal(f.route.start_timestamp, 1714521600000LL);
    assert_int_equal(f.route.tolerance, BR_ERRORS_DEAD_LETTER);
    finish(&f);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_there_is),
        cmocka_unit_test(everything_said),
        cmocka_unit_test(the_flow_says_what_the_route_says),
        cmocka_unit_test(a_group_of_named_groups_needs_no_name),
        cmocka_unit_test(words_of_connect_for_tolerance),
        cmocka_unit_test(times_to_start_at),
        cmocka_unit_test(bad_routes_and_what_is_said),
        cmocka_unit_test(doubtful_routes_and_what_is_said),
        cmocka_unit_test(names_of_routes_and_clusters),
        cmocka_unit_test(within_one_cluster),
        cmocka_unit_test(one_offset_for_many_topics),
        cmocka_unit_test(all_mistakes_in_one_run),
        cmocka_unit_test(tables_are_sound),
        cmocka_unit_test(examples_load),
        cmocka_unit_test(effective_values_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
