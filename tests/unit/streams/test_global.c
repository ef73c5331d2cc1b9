/* SPDX-License-Identifier: Apache-2.0
 *
 * Global tables on a simulated cluster.
 */
#include "streams/global.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "kafka/sim.h"
#include "tests/lib/check.h"

struct world {
    struct kc_sim *sim;
    struct kc_cluster cluster;
    struct kc_admin *admin;
    struct st_globals *globals;
    struct st_global *users, *places;
    struct aq_virtual_clock *outside;
    struct aq_err err;
};

static void good(struct world *w, int rc)
{
    T_CHECK(rc == 0, "%s", w->err.text);
}

static void make_topic(struct world *w, const char *name, int32_t partitions)
{
    good(w, kc_sim_create_topic(&w->cluster, name, partitions, NULL, 0, &w->err));
}

static void begin(struct world *w, bool topics)
{
    *w = (struct world){.sim = kc_sim_open(1)};
    aq_log_setup(AQ_ERROR, AQ_LOG_LOGFMT);
    kc_sim_cluster(w->sim, "c", &w->cluster);
    w->outside = aq_clock_use(kc_sim_clock(w->sim));
    good(w, kc_sim_ops.admin_open(&w->cluster, "admin", &w->admin, &w->err));
    if (topics) make_topic(w, "users", 3);
    if (topics) make_topic(w, "places", 1);
    const struct st_globals_conf conf = {.ops = &kc_sim_ops,
                                         .cluster = &w->cluster,
                                         .application_id = "app",
                                         .read_committed = true,
                                         .queue_bytes = 1 << 20,
                                         .batch_bytes = 1 << 16,
                                         .patience_ms = 5000};
    w->globals = st_globals_create(&conf);
    w->users = st_globals_add(w->globals, "users", "users");
    w->places = st_globals_add(w->globals, "where", "places");
}

static void end(struct world *w)
{
    st_globals_destroy(w->globals);
    kc_sim_ops.admin_close(w->admin);
    aq_clock_use(w->outside);
    kc_sim_close(w->sim);
}

static void append(struct world *w, const char *topic, const char *key, const char *value)
{
    struct kc_sim_record rec = {
        .partition = -1, .key = aq_slice_str(key), .value = aq_slice_str(value), .timestamp = 5};
    good(w, kc_sim_append(&w->cluster, topic, &rec, &w->err));
}

static int connect_globals(struct world *w, const atomic_bool *stop)
{
    return st_globals_connect(w->globals, w->admin, stop, &w->err);
}

static void expect(struct st_global *global, const char *key, const char *value)
{
    struct aq_slice found = st_global_get(global, aq_slice_str(key));
    T_CHECK(aq_slice_equal(found, aq_slice_str(value)), "%s of %s is '%.*s', not '%s'", key, global->name,
            (int)found.len, found.ptr ? found.ptr : "", value ? value : "null");
}

static void turn_until_quiet(struct world *w)
{
    for (int quiet = 0; quiet < 5;) quiet = st_globals_turn(w->globals, 1) ? 0 : quiet + 1;
}

static void tables_are_whole_when_connect_returns(void **state)
{
    (void)state;
    struct world w;
    char key[16], value[16];
    uint64_t read, all;
    begin(&w, true);
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof(key), "u%d", i % 2000);
        snprintf(value, sizeof(value), "%d", i);
        append(&w, "users", key, value);
    }
    append(&w, "users", "u7", NULL);
    append(&w, "users", NULL, "no key");
    append(&w, "places", "p", "");
    good(&w, connect_globals(&w, NULL));
    for (int i = 0; i < 2000; i++) {
        snprintf(key, sizeof(key), "u%d", i);
        snprintf(value, sizeof(value), "%d", i < 1000 ? 4000 + i : 2000 + i);
        expect(w.users, key, i == 7 ? NULL : value);
    }
    expect(w.places, "p", "");
    expect(w.places, "u1", NULL);
    T_CHECK(w.users->table.rows == 1999 && w.users->dropped == 1, "%d rows", (int)w.users->table.rows);
    T_CHECK(st_globals_progress(w.globals, &read, &all), "it is not whole");
    T_CHECK(read == 5003 && all == 5003, "%d of %d", (int)read, (int)all);
    T_CHECK(st_globals_next(w.globals, NULL) == w.users, "the first");
    T_CHECK(st_globals_next(w.globals, w.users) == w.places, "the second");
    T_CHECK(st_globals_next(w.globals, w.places) == NULL, "the last");
    T_CHECK(st_globals_find(w.globals, "where") == w.places && !st_globals_find(w.globals, "x"), "names");
    end(&w);
}

static void what_comes_later_is_followed(void **state)
{
    (void)state;
    struct world w;
    begin(&w, true);
    append(&w, "users", "a", "1");
    good(&w, connect_globals(&w, NULL));
    struct st_reader *reader = st_globals_join(w.globals);
    struct aq_slice held = st_global_get(w.users, AQ_LIT("a"));
    append(&w, "users", "a", "2");
    append(&w, "users", "b", "3");
    append(&w, "places", "p", "4");
    turn_until_quiet(&w);
    expect(w.users, "a", "2");
    expect(w.users, "b", "3");
    expect(w.places, "p", "4");
    T_CHECK(aq_slice_equal(held, AQ_LIT("1")), "what was looked up changed");
    st_globals_rest(w.globals, reader);
    append(&w, "users", "a", NULL);
    turn_until_quiet(&w);
    expect(w.users, "a", NULL);
    st_globals_leave(w.globals, reader);
    end(&w);
}

static void empty_topics_are_whole_at_once(void **state)
{
    (void)state;
    struct world w;
    begin(&w, true);
    good(&w, connect_globals(&w, NULL));
    expect(w.users, "a", NULL);
    append(&w, "users", "a", "1");
    turn_until_quiet(&w);
    expect(w.users, "a", "1");
    end(&w);
}

static void a_topic_that_is_missing_is_told(void **state)
{
    (void)state;
    struct world w;
    begin(&w, false);
    make_topic(&w, "users", 1);
    T_CHECK(connect_globals(&w, NULL) == AQ_E_UNKNOWN_TOPIC, "%s", w.err.text);
    T_CHECK(strstr(w.err.text, "'where'") && strstr(w.err.text, "places"), "%s", w.err.text);
    make_topic(&w, "places", 1);
    append(&w, "places", "p", "1");
    good(&w, connect_globals(&w, NULL));
    expect(w.places, "p", "1");
    end(&w);
}

static void connecting_can_be_stopped(void **state)
{
    (void)state;
    struct world w;
    const atomic_bool stop = true;
    begin(&w, true);
    append(&w, "users", "a", "1");
    T_CHECK(connect_globals(&w, &stop) == AQ_E_STOPPED, "%s", w.err.text);
    good(&w, connect_globals(&w, NULL));
    expect(w.users, "a", "1");
    end(&w);
}

static void a_topic_that_goes_away_is_trouble(void **state)
{
    (void)state;
    struct world w;
    char trouble[256];
    begin(&w, true);
    append(&w, "places", "p", "1");
    good(&w, connect_globals(&w, NULL));
    st_globals_trouble(w.globals, trouble, sizeof(trouble));
    T_CHECK(trouble[0] == '\0', "%s", trouble);
    good(&w, kc_sim_ops.admin_delete_topic(w.admin, "places", 1000, &w.err));
    turn_until_quiet(&w);
    st_globals_trouble(w.globals, trouble, sizeof(trouble));
    T_CHECK(strstr(trouble, "'where'"), "'%s'", trouble);
    expect(w.places, "p", "1");
    make_topic(&w, "places", 1);
    append(&w, "places", "q", "2");
    kc_sim_advance(w.sim, 3000000);
    turn_until_quiet(&w);
    expect(w.places, "q", "2");
    st_globals_trouble(w.globals, trouble, sizeof(trouble));
    T_CHECK(trouble[0] == '\0', "%s", trouble);
    end(&w);
}

static bool cluster_gone;

static bool event_of_a_cluster(struct kc_consumer *consumer, struct kc_event *ret)
{
    if (!cluster_gone) return kc_sim_ops.consumer_event(consumer, ret);
    cluster_gone = false;
    *ret = (struct kc_event){
        .kind = KC_EVENT_CLUSTER, .code = AQ_E_UNREACHABLE, .offset = -1, .text = "all brokers are down"};
    return true;
}

/* The client does not say that a cluster is back, and the topics of a table may be quiet for days. */
static void trouble_ends_without_a_new_record(void **state)
{
    (void)state;
    struct world w;
    char trouble[256];
    static struct kc_ops ops;
    begin(&w, true);
    ops = kc_sim_ops;
    ops.consumer_event = event_of_a_cluster;
    const struct st_globals_conf conf = {.ops = &ops,
                                         .cluster = &w.cluster,
                                         .application_id = "app",
                                         .queue_bytes = 1 << 20,
                                         .batch_bytes = 1 << 16,
                                         .patience_ms = 5000};
    st_globals_destroy(w.globals);
    w.globals = st_globals_create(&conf);
    w.users = st_globals_add(w.globals, "users", "users");
    append(&w, "users", "a", "1");
    good(&w, connect_globals(&w, NULL));
    turn_until_quiet(&w);
    cluster_gone = true;
    st_globals_turn(w.globals, 1);
    st_globals_trouble(w.globals, trouble, sizeof(trouble));
    T_CHECK(strcmp(trouble, "global tables: all brokers are down") == 0, "'%s'", trouble);
    turn_until_quiet(&w);
    st_globals_trouble(w.globals, trouble, sizeof(trouble));
    T_CHECK(trouble[0] != '\0', "nobody has looked");
    kc_sim_advance(w.sim, 1000 * 1000);
    turn_until_quiet(&w);
    st_globals_trouble(w.globals, trouble, sizeof(trouble));
    T_CHECK(trouble[0] == '\0', "%s", trouble);
    T_CHECK(w.users->records == 1, "%d records were read", (int)w.users->records);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_whole_when_connect_returns),
        cmocka_unit_test(what_comes_later_is_followed),
        cmocka_unit_test(empty_topics_are_whole_at_once),
        cmocka_unit_test(a_topic_that_is_missing_is_told),
        cmocka_unit_test(connecting_can_be_stopped),
        cmocka_unit_test(a_topic_that_goes_away_is_trouble),
        cmocka_unit_test(trouble_ends_without_a_new_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
