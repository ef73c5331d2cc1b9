/* SPDX-License-Identifier: Apache-2.0
 *
 * What requests ask of stores: arguments, keys by serde, cursors; and the lists of /streams, of an application that has not started.
 */
#include "http/query.h"
#include "http/stores.h"
#include "kafka/sim.h"
#include "streams/ops/op_table.h"
#include "streams/state/versioned.h"
#include "tests/lib/check.h"

/* ---- arguments ---------------------------------------------------------------------------------------------------- */

struct asked {
    struct aq_arena arena;
    struct http_argument arguments[12];
    struct http_request request;
    struct st_store store;
    struct st_queryable of;
    struct http_query query;
    struct aq_err err;
};

/* text: "name=value&name=value", not escaped. */
static int ask(struct asked *a, enum st_rows_kept kept, const char *key_serde, const char *text)
{
    *a = (struct asked){.store = {.name = "rows"}};
    aq_arena_init(&a->arena, 1024);
    a->of = (struct st_queryable){.store = &a->store, .kept = kept};
    if (key_serde) a->of.key = st_serde_find(key_serde, &a->err);
    char *rest = NULL, *copy = aq_arena_strdup(&a->arena, text);
    for (char *word = strtok_r(copy, "&", &rest); word; word = strtok_r(NULL, "&", &rest)) {
        char *value = strchr(word, '=');
        if (value) *value++ = '\0';
        a->arguments[a->request.n_arguments++] = (struct http_argument){.name = word, .value = value};
    }
    a->request.arguments = a->arguments;
    return http_query_read(&a->request, &a->of, &a->arena, &a->query, &a->err);
}

static void expect_key(const char *serde, const char *text, const char *bytes, size_t len)
{
    struct asked a;
    int rc = ask(&a, ST_KEPT_PLAIN, serde, text);
    T_CHECK(rc == 0, "%s: %s", text, a.err.text);
    T_CHECK(a.query.key.len == len && memcmp(a.query.key.ptr, bytes, len) == 0, "%s: %zu bytes", text,
            a.query.key.len);
    aq_arena_finish(&a.arena);
}

static void keys_are_read_by_their_serde(void **state)
{
    (void)state;
    expect_key("string", "key=a b", "a b", 3);
    expect_key("string", "key=", "", 0);
    expect_key("string", "key=\"a\"", "\"a\"", 3);
    expect_key("string", "key=\"a\"&key_format=json", "a", 1);
    expect_key("bytes", "key={\"$hex\":\"00ff\"}&key_format=json", "\0\xff", 2);
    expect_key("int64", "key=258", "\0\0\0\0\0\0\1\2", 8);
    expect_key("int32", "key=-1", "\xff\xff\xff\xff", 4);
    expect_key("json", "key={\"a\":1}", "{\"a\":1}", 7);
    expect_key("session-windowed-string", "key={\"key\":\"k\",\"start\":1,\"end\":2}",
               "k\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\1", 17);
    expect_key(NULL, "key=plain", "plain", 5);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const struct {
        enum st_rows_kept kept;
        const char *serde, *text, *error;
    } rows[] = {
        {ST_KEPT_PLAIN, "string", "", "what is asked for?"},
        {ST_KEPT_PLAIN, "string", "stale=1", "what is asked for?"},
        {ST_KEPT_PLAIN, "string", "key=a&from=b", "not several"},
        {ST_KEPT_PLAIN, "string", "from=a&all=1", "not several"},
        {ST_KEPT_PLAIN, "string", "key=a&key=b", "key is given twice"},
        {ST_KEPT_PLAIN, "string", "keys=a", "there is no argument 'keys'"},
        {ST_KEPT_PLAIN, "int64", "key=a", "key is not JSON"},
        {ST_KEPT_PLAIN, "int64", "key=\"a\"", "key: "},
        {ST_KEPT_PLAIN, "int64", "key=null", "no row has the key null"},
        {ST_KEPT_PLAIN, "string", "key=a&key_format=xml", "key_format is text or json"},
        {ST_KEPT_PLAIN, "string", "all=yes", "all is 1 or 0"},
        {ST_KEPT_PLAIN, "string", "all=1&limit=10001", "limit is a number from 1 to 10000"},
        {ST_KEPT_PLAIN, "string", "all=1&limit=5x", "limit is a number"},
        {ST_KEPT_PLAIN, "string", "all=1&partition=-1", "partition is a number"},
        {ST_KEPT_PLAIN, "string", "key=a&window_to=5", "a key-value store has no windows"},
        {ST_KEPT_PLAIN, "string", "key=a&as_of=5", "only a versioned store"},
        {ST_KEPT_WINDOWS, "string", "key=a&window_from=x", "window_from is a number"},
        {ST_KEPT_VERSIONED, "string", "all=1&window_from=5", "need a key"},
        {ST_KEPT_VERSIONED, "string", "key=a&window_from=5&as_of=6", "not both"},
        {ST_KEPT_PLAIN, "string", "all=1&cursor=1", "cursor is not one"},
        {ST_KEPT_PLAIN, "string", "all=1&cursor=1:6", "cursor is not one"},
        {ST_KEPT_PLAIN, "string", "all=1&cursor=1:6G", "cursor is not one"},
        {ST_KEPT_PLAIN, "string", "all=1&cursor=-1:61", "cursor is not one"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct asked a;
        int rc = ask(&a, rows[i].kept, rows[i].serde, rows[i].text);
        T_CHECK(rc == AQ_E_INVALID && strstr(a.err.text, rows[i].error), "%s: %d %s", rows[i].text, rc,
                a.err.text);
        aq_arena_finish(&a.arena);
    }
}

static void everything_is_read(void **state)
{
    (void)state;
    struct asked a;
    int rc =
        ask(&a, ST_KEPT_WINDOWS, "string", "from=a&window_from=5&window_to=9&limit=3&stale=1&partition=2");
    T_CHECK(rc == 0, "%s", a.err.text);
    assert_true(aq_slice_equal(a.query.from, AQ_LIT("a")) && aq_slice_is_null(a.query.to));
    assert_true(a.query.time_from == 5 && a.query.time_to == 9 && a.query.limit == 3 && a.query.stale);
    assert_int_equal(a.query.partition, 2);
    assert_int_equal(a.query.cursor_partition, -1);
    aq_arena_finish(&a.arena);
    rc = ask(&a, ST_KEPT_WINDOWS, "string", "window_from=5"); /* of all keys */
    T_CHECK(rc == 0 && a.query.partition == -1 && a.query.limit == HTTP_LIMIT_DEFAULT, "%s", a.err.text);
    aq_arena_finish(&a.arena);
}

static void cursors_come_back_as_they_went(void **state)
{
    (void)state;
    struct asked a;
    static const struct aq_slice keys[] = {{"a\0\xff", 3}, {NULL, 0}};
    for (size_t i = 0; i < 2; i++) {
        char text[64];
        struct aq_arena arena;
        aq_arena_init(&arena, 256);
        snprintf(text, sizeof(text), "all=1&cursor=%s", http_cursor_print(&arena, 7, keys[i]));
        int rc = ask(&a, ST_KEPT_PLAIN, "string", text);
        T_CHECK(rc == 0, "%s: %s", text, a.err.text);
        assert_int_equal(a.query.cursor_partition, 7);
        assert_true(aq_slice_equal(a.query.cursor_after, keys[i]));
        aq_arena_finish(&a.arena);
        aq_arena_finish(&arena);
    }
}

/* ---- pages -------------------------------------------------------------------------------------------------------- */

struct site {
    struct kc_sim *sim;
    struct kc_cluster cluster;
    struct st_settings settings;
    struct st_topology *topology;
    struct st_table_source versioned;
    struct st_app *app;
    struct aq_err err;
};

static void add_table(struct site *s, const char *name, const struct st_store_conf *conf, void *user)
{
    const char *const in[] = {"in"};
    const struct st_parents parents = {.names = in, .count = 1};
    assert_int_equal(st_add_processor(s->topology, name, &st_table_source_kind, user, parents, &s->err), 0);
    assert_int_equal(st_add_store(s->topology, name, conf, &s->err), 0);
    assert_int_equal(st_connect_store(s->topology, name, name, &s->err), 0);
}

static void open_site(struct site *s)
{
    static const char *const topics[] = {"input"};
    const struct st_source_conf source = {.topics = topics, .n_topics = 1};
    const struct st_store_conf stamped = {.timestamped = true}, held = {.rest_len = ST_REST_VARIES},
                               versions = st_versioned_conf();
    *s = (struct site){.sim = kc_sim_open(1), .versioned = {.history_ms = 5}};
    kc_sim_cluster(s->sim, "test", &s->cluster);
    s->topology = st_topology_create("app", &s->err);
    assert_int_equal(st_add_source(s->topology, "in", &source, &s->err), 0);
    add_table(s, "people", &stamped, NULL);
    add_table(s, "prices", &versions, &s->versioned);
    assert_int_equal(st_add_store(s->topology, "held", &held, &s->err), 0);
    assert_int_equal(st_connect_store(s->topology, "people", "held", &s->err), 0);
    s->settings = (struct st_settings){.application_id = "app",
                                       .threads = 1,
                                       .refresh_interval_ms = 1000,
                                       .repartition_purge_interval_ms = 1000,
                                       .cluster = &s->cluster,
                                       .key_serde = st_serde_find("string", &s->err),
                                       .value_serde = st_serde_find("json", &s->err)};
    s->settings.flow = (struct kc_flow){.group = "app",
                                        .state_topic = "app-state",
                                        .tasks = 4,
                                        .sink = &s->cluster,
                                        .source = &s->cluster,
                                        .name = "app",
                                        .noun = "application"};
    s->app = st_app_create(&kc_sim_ops, &s->settings, s->topology, &s->err);
    T_CHECK(s->app, "%s", s->err.text);
}

static void close_site(struct site *s)
{
    st_app_destroy(s->app);
    st_topology_destroy(s->topology);
    kc_sim_close(s->sim);
}

static void expect_page(struct site *s, const char *path, const char *argument, const char *value, int status,
                        const char *part)
{
    const struct http_argument arguments[] = {{argument, value}};
    const struct http_request request = {
        .path = path, .arguments = arguments, .n_arguments = argument ? 1 : 0};
    struct http_page page = {0};
    assert_true(http_is_streams_path(path));
    http_page_streams(s ? st_app_queries(s->app) : NULL, &request, &page);
    T_CHECK(page.status == status && strstr(page.text, part), "%s: %d, '%s' is not in %s", path, page.status,
            part, page.text);
    assert_string_equal(page.type, "application/json");
    free(page.text);
}

static void the_lists_say_what_there_is(void **state)
{
    (void)state;
    struct site s;
    open_site(&s);
    expect_page(&s, "/streams", NULL, NULL, 200, "{\"applications\":[\"app\"]}");
    expect_page(
        &s, "/streams/app/stores", NULL, NULL, 200,
        "{\"store\":\"people\",\"kind\":\"timestamped-key-value\",\"sub_topology\":\"in\",\"partitions\":0,"
        "\"key\":\"string\",\"value\":\"json\",\"queryable\":true}");
    expect_page(&s, "/streams/app/stores", NULL, NULL, 200, "\"store\":\"prices\",\"kind\":\"versioned\"");
    expect_page(&s, "/streams/app/stores", NULL, NULL, 200, "\"kind\":\"internal\"");
    expect_page(&s, "/streams/other/stores", NULL, NULL, 404, "/streams/app/stores lists the stores");
    expect_page(&s, "/streams/app/stores/none", "all", "1", 404, "there is no store 'none'");
    expect_page(&s, "/streams/app/stores/held", "all", "1", 400, "it cannot be asked");
    expect_page(&s, "/streams/app/stores/people", "al", "1", 400, "there is no argument 'al'");
    expect_page(NULL, "/streams/app/stores", NULL, NULL, 404, "no streams application runs here");
    assert_false(http_is_streams_path("/streamsx"));
    close_site(&s);
}

static void an_application_that_is_starting_says_so(void **state)
{
    (void)state;
    struct site s;
    open_site(&s);
    expect_page(&s, "/streams/app/stores/people", "key", "a", 503, "\"reason\":\"starting\"");
    expect_page(&s, "/streams/app/stores/people", "all", "1", 503, "\"rows\":[],\"partitions\":[]");
    expect_page(&s, "/streams/app/stores/people", "all", "1", 503, "\"complete\":false");
    close_site(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_read_by_their_serde),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(everything_is_read),
        cmocka_unit_test(cursors_come_back_as_they_went),
        cmocka_unit_test(the_lists_say_what_there_is),
        cmocka_unit_test(an_application_that_is_starting_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
