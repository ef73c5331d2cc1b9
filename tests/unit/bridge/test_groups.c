/* SPDX-License-Identifier: Apache-2.0
 *
 * Source records that a chain makes several of: orders become lines, between two simulated clusters. The producer's queue is
 * smaller than most groups, so batches are handed over by pieces that end inside of groups; a commit is asked for at every
 * turn; and at every single turn of a run a process dies, a cycle is aborted, a worker stops, or another one joins. Each
 * line is on the sink exactly once then.
 *
 * Without kc_ownership_hold() in bridge/outflow.c the first two tests fail, without its send_rest() that of workers that join.
 */
#include "bridge/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/config.h"
#include "kafka/sim.h"
#include "tests/lib/check.h"

#define TASKS      4
#define WORKERS    3
#define ORDERS     10
#define LINES_MOST 160
#define TURNS_MOST 30000
#define SESSION_MS 6000
#define TIMEOUT_MS 10000

/* The lines of each order: none, one, a few, and more than the producer's queue takes at once. */
static const int lines_of[ORDERS] = {3, 0, 160, 1, 90, 2, 0, 130, 40, 1};

/* ---- a world ---------------------------------------------------------------------------------------------------------- */

struct place {
    struct br_catalog *catalog;
    struct br_finish finish;
    struct br_worker *worker;
};

struct scene {
    struct cli_config config;
    struct br_route route;
    struct kc_sim *sim;
    struct aq_virtual_clock *outside;
    struct kc_cluster source, sink;
    struct place places[WORKERS];
    int made;
    int held;         /* turns at whose end no commit was allowed */
    uint64_t aborted; /* cycles, of workers that were put away */
    int counts[ORDERS][LINES_MOST];
    int lines, letters;
    struct kc_sim_record letter;
};

static void read_route(struct scene *s, const char *options)
{
    char *text =
        t_printf("clusters = { a = { brokers = \"127.0.0.1:1\"; }; b = { brokers = \"127.0.0.1:2\"; }; };\n"
                 "transforms = { split = { type = \"Lua\"; flat_map = \"value.lines\"; };\n"
                 "  check = { type = \"Lua\"; map = \"if value.bad then error('bad line') end\"; }; };\n"
                 "routes = ( { name = \"r\"; from = \"a\"; to = \"b\"; topics = [\"in\"]; tasks = %d;\n"
                 "  chain = [\"split\", \"check\"]; %s } );\n",
                 TASKS, options);
    bool good = cli_config_load(&s->config, "test", text, NULL, 0);
    if (!good) conf_diags_print(&s->config.diags, stderr);
    assert_true(good);
    free(text);
    s->route = s->config.routes[0];
    s->route.source = s->route.flow.source = &s->source;
    s->route.sink = s->route.flow.sink = &s->sink;
    s->route.workers = s->route.flow.workers = 1;
    s->route.session_timeout_ms = s->route.flow.session_timeout_ms = SESSION_MS;
    s->route.transaction_timeout_ms = s->route.flow.transaction_timeout_ms = TIMEOUT_MS;
    s->route.commit_interval_ms = s->route.flow.commit_interval_ms = 0;
    s->route.replication_factor = s->route.flow.replication_factor = -1;
    /* The producer's queue is twice this. */
    s->route.in_flight_bytes = s->route.flow.in_flight_bytes = 4000;
}

static void open_scene(struct scene *s, uint64_t seed, const char *options, int64_t max_message_bytes)
{
    struct aq_err err = {0};
    memset(s, 0, sizeof(*s));
    aq_log_setup(AQ_ERROR, AQ_LOG_LOGFMT);
    read_route(s, options);
    s->sim = kc_sim_open(seed);
    kc_sim_cluster(s->sim, "a", &s->source);
    kc_sim_cluster(s->sim, "b", &s->sink);
    s->outside = aq_clock_use(kc_sim_clock(s->sim));
    kc_sim_set_latency(s->sim, 2 * AQ_MS);
    char most[24];
    snprintf(most, sizeof(most), "%lld", (long long)max_message_bytes);
    const struct kc_config_entry limit = {"max.message.bytes", most};
    assert_int_equal(kc_sim_create_topic(&s->source, "in", 2, NULL, 0, &err), 0);
    assert_int_equal(kc_sim_create_topic(&s->sink, "in", 2, &limit, 1, &err), 0);
    assert_int_equal(kc_sim_create_topic(&s->sink, "dead", 1, NULL, 0, &err), 0);
}

static struct place *add_worker(struct scene *s)
{
    static const atomic_bool never = false;
    struct aq_err err = {0};
    struct place *place = s->places;
    while (place->worker) place++;
    place->catalog = br_catalog_create(&kc_sim_ops, &s->route);
    assert_int_equal(br_catalog_connect(place->catalog, &never, &err), 0);
    assert_int_equal(br_catalog_refresh(place->catalog, &err), 0);
    br_finish_init(&place->finish, 1);
    place->worker = br_worker_create(&kc_sim_ops, &s->route, place->catalog, &place->finish, s->made++);
    place->worker->own.inline_lookup = true; /* the world belongs to this thread */
    T_CHECK(br_worker_open(place->worker, &err) == 0, "%s", err.text);
    return place;
}

static void remove_worker(struct scene *s, struct place *place)
{
    s->aborted += aq_counter_get(&place->worker->counters.aborted);
    br_worker_close(place->worker);
    br_worker_destroy(place->worker);
    br_catalog_destroy(place->catalog);
    *place = (struct place){0};
}

static void close_scene(struct scene *s)
{
    for (int i = 0; i < WORKERS; i++)
        if (s->places[i].worker) remove_worker(s, &s->places[i]);
    aq_clock_use(s->outside);
    kc_sim_close(s->sim);
    cli_config_finish(&s->config);
}

/* ---- what comes in and what goes out ---------------------------------------------------------------------------------- */

#define PAD \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"

static void write_order(struct scene *s, int order, const char *last)
{
    char *text = aq_malloc(LINES_MOST * 256 + 64 + strlen(last)), *at = text;
    at += sprintf(at, "{\"lines\":[");
    for (int i = 0; i < lines_of[order]; i++)
        at +=
            sprintf(at, "%s{\"key\":%d,\"value\":{\"line\":%d,\"pad\":\"" PAD "\"}}", i ? "," : "", order, i);
    sprintf(at, "%s]}", last);
    struct aq_err err;
    char key[16];
    snprintf(key, sizeof(key), "o%d", order);
    struct kc_sim_record rec = {
        .partition = order % 2, .key = aq_slice_str(key), .value = aq_slice_str(text), .timestamp = 5};
    assert_int_equal(kc_sim_append(&s->source, "in", &rec, &err), 0);
    free(text);
}

static void write_orders(struct scene *s)
{
    for (int i = 0; i < ORDERS; i++) write_order(s, i, "");
}

/* What a consumer of the sink has got by now. */
static void read_sink(struct scene *s)
{
    struct aq_err err;
    struct kc_sim_record rec;
    for (; kc_sim_read(&s->sink, "in", (size_t)s->lines, &rec, 1, &err) == 1; s->lines++) {
        int order = atoi(rec.key.ptr), line = atoi(rec.value.ptr + strlen("{\"line\":"));
        assert_in_range(order, 0, ORDERS - 1);
        assert_in_range(line, 0, lines_of[order] - 1);
        assert_int_equal(rec.partition, order % 2);
        s->counts[order][line]++;
        /* Order within a partition holds: no line comes before the one in front of it. */
        T_CHECK(line == 0 || s->counts[order][line - 1] >= s->counts[order][line],
                "order %d: line %d is early", order, line);
    }
    while (kc_sim_read(&s->sink, "dead", (size_t)s->letters, &rec, 1, &err) == 1) {
        s->letter = rec;
        s->letters++;
    }
}

static int lines_wanted(int without)
{
    int n = 0;
    for (int i = 0; i < ORDERS; i++) n += i == without ? 0 : lines_of[i];
    return n;
}

static void check_lines(const struct scene *s, int without, bool once, int at)
{
    for (int i = 0; i < ORDERS; i++) {
        for (int j = 0; j < lines_of[i]; j++) {
            int n = s->counts[i][j], want = i != without;
            T_CHECK(once ? n == want : n >= want, "turn %d: line %d of order %d is there %d times", at, j, i,
                    n);
        }
    }
}

/* ---- turns ------------------------------------------------------------------------------------------------------------ */

static bool is_at_rest(const struct scene *s)
{
    for (int i = 0; i < WORKERS; i++) {
        const struct br_worker *worker = s->places[i].worker;
        if (!worker) continue;
        if (worker->queue.head || worker->in_flight > 0 || !kc_ownership_is_idle(&worker->own)) return false;
    }
    return true;
}

/* A turn of every worker; one that has ended is put away. */
static void turn(struct scene *s)
{
    for (int i = 0; i < WORKERS; i++) {
        struct place *place = &s->places[i];
        if (!place->worker) continue;
        bool alive = br_worker_turn(place->worker, aq_mono_us());
        T_CHECK(place->worker->own.err.code == 0, "%s", place->worker->own.err.text);
        s->held += place->worker->own.lanes.held;
        kc_ownership_request(&place->worker->own);
        if (!alive) remove_worker(s, place);
    }
    read_sink(s);
}

/* Until all is there and nothing moves any more; how many turns that took. */
static int run_out(struct scene *s, int lines, int letters)
{
    int turns = 0;
    for (int calm = 0; calm < 20; turns++) {
        turn(s);
        T_CHECK(turns < TURNS_MOST, "%d lines and %d letters after %d turns", s->lines, s->letters, turns);
        calm = s->lines >= lines && s->letters >= letters && is_at_rest(s) ? calm + 1 : 0;
    }
    return turns;
}

static void kill_worker(struct scene *s, struct place *place)
{
    struct kc_ownership *own = &place->worker->own;
    for (int i = 0; i < own->lanes.n; i++)
        if (own->lanes.list[i].producer) kc_sim_abandon_producer(own->lanes.list[i].producer);
    if (own->selftest_producer) kc_sim_abandon_producer(own->selftest_producer);
    kc_sim_abandon_member(own->member);
    remove_worker(s, place);
    kc_sim_advance(s->sim, (SESSION_MS + TIMEOUT_MS) * AQ_MS);
}

enum trouble { NONE, DIES, ABORTS, STOPS, JOINS };

static void make_trouble(struct scene *s, enum trouble trouble)
{
    struct place *place = &s->places[0];
    switch (trouble) {
    case NONE: return;
    case DIES:
        kill_worker(s, place);
        add_worker(s);
        return;
    case ABORTS: kc_ownership_abort(&place->worker->own, aq_mono_us()); return;
    case STOPS:
        atomic_store(&place->worker->stop, true);
        for (int turns = 0; place->worker; turns++) {
            turn(s);
            T_CHECK(turns < TURNS_MOST, "the worker does not stop");
        }
        add_worker(s);
        return;
    case JOINS: add_worker(s); return;
    }
}

/* How many turns it took; `at`: the turn after which there is trouble. */
static int play(enum trouble trouble, int at, const char *options, int *ret_held)
{
    struct scene s;
    bool once = strstr(options, "at_least_once") == NULL;
    open_scene(&s, 7 + (uint64_t)at, options, 1 << 20);
    write_orders(&s);
    add_worker(&s);
    for (int i = 0; i < at; i++) turn(&s);
    make_trouble(&s, trouble);
    int turns = run_out(&s, lines_wanted(-1), 0);
    check_lines(&s, -1, once, at);
    *ret_held += s.held;
    close_scene(&s);
    /* Who leaves in order, or makes room, takes the rest of a group along and gives nothing up. */
    if (trouble == STOPS || trouble == JOINS)
        T_CHECK(s.aborted == 0, "turn %d: %d cycles aborted", at, (int)s.aborted);
    return at + turns;
}

static void every_turn(enum trouble trouble, const char *options)
{
    int held = 0, none = 0;
    int turns = play(NONE, 0, options, &none);
    assert_in_range(turns, 30, 5000);
    int step = turns > 150 ? turns / 150 : 1;
    for (int at = 1; at < turns; at += step) play(trouble, at, options, &held);
    if (strstr(options, "exactly_once")) assert_true(none > 0 && held > 0); /* or nothing was tested */
    if (strstr(options, "at_least_once")) assert_true(none == 0 && held == 0);
}

/* ---- tests ------------------------------------------------------------------------------------------------------------ */

static void a_process_that_dies_leaves_each_line_once(void **state)
{
    (void)state;
    every_turn(DIES, "delivery = \"exactly_once\";");
}

static void an_abort_leaves_each_line_once(void **state)
{
    (void)state;
    every_turn(ABORTS, "delivery = \"exactly_once\";");
}

static void a_stop_leaves_each_line_once(void **state)
{
    (void)state;
    every_turn(STOPS, "delivery = \"exactly_once\";");
}

static void a_worker_that_joins_leaves_each_line_once(void **state)
{
    (void)state;
    every_turn(JOINS, "delivery = \"exactly_once\";");
}

static void at_least_once_loses_no_line(void **state)
{
    (void)state;
    every_turn(DIES, "delivery = \"at_least_once\";");
    every_turn(STOPS, "delivery = \"at_least_once\";");
}

static void check_letter(const struct scene *s, int order, const char *stage, const char *reason)
{
    char key[16];
    snprintf(key, sizeof(key), "o%d", order);
    assert_int_equal(s->letters, 1);
    assert_true(aq_slice_equal(s->letter.key, aq_slice_str(key)));
    const char *found = NULL;
    for (uint16_t i = 0; i < s->letter.n_headers; i++) {
        const struct aq_header *h = &s->letter.headers[i];
        if (aq_slice_equal(h->name, AQ_LIT("aqueduct.error.stage")))
            assert_true(aq_slice_equal(h->value, aq_slice_str(stage)));
        if (aq_slice_equal(h->name, AQ_LIT("aqueduct.error.reason"))) found = h->value.ptr;
    }
    assert_non_null(found);
    T_CHECK(strstr(found, reason), "%s", found);
}

#define LETTERS "errors = { tolerance = \"dead_letter\"; dead_letter_topic = \"dead\"; };"

static void one_bad_line_makes_its_order_a_dead_letter(void **state)
{
    (void)state;
    static const char *const options[] = {LETTERS, LETTERS " delivery = \"at_least_once\";"};
    for (size_t i = 0; i < 2; i++) {
        struct scene s;
        open_scene(&s, 5, options[i], 1 << 20);
        for (int order = 0; order < ORDERS; order++)
            write_order(&s, order, order == 2 ? ",{\"key\":2,\"value\":{\"line\":160,\"bad\":true}}" : "");
        struct br_worker *worker = add_worker(&s)->worker;
        run_out(&s, lines_wanted(2), 1);
        check_lines(&s, 2, i == 0, 0);
        check_letter(&s, 2, "check", "bad line");
        /* The bytes as they were read. */
        assert_memory_equal(s.letter.value.ptr, "{\"lines\":[{\"key\":2,", 19);
        assert_non_null(strstr(s.letter.value.ptr, "\"bad\":true"));
        assert_int_equal(aq_counter_get(&worker->counters.dead), 1);
        assert_int_equal(aq_counter_get(&worker->counters.dropped), 2); /* two orders without lines */
        close_scene(&s);
    }
}

static void a_skipped_order_is_counted_once(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, 5, "errors = { tolerance = \"skip\"; };", 1 << 20);
    for (int order = 0; order < ORDERS; order++)
        write_order(&s, order, order == 4 ? ",{\"value\":{\"bad\":1}},{\"value\":{\"bad\":2}}" : "");
    struct br_worker *worker = add_worker(&s)->worker;
    run_out(&s, lines_wanted(4), 0);
    check_lines(&s, 4, true, 0);
    assert_int_equal(aq_counter_get(&worker->counters.skipped), 1);
    assert_int_equal(aq_counter_get(&worker->counters.dropped), 2);
    close_scene(&s);
}

/* The sink refuses the last line of a group that is larger than the producer's queue: found by going group by group. */
static void a_line_the_sink_refuses_takes_its_order_with_it(void **state)
{
    (void)state;
    static const char *const options[] = {LETTERS, LETTERS " delivery = \"at_least_once\";"};
    for (size_t i = 0; i < 2; i++) {
        struct scene s;
        char big[1201] = "";
        memset(big, 'x', sizeof(big) - 1);
        char *last = t_printf(",{\"key\":7,\"value\":{\"line\":130,\"big\":\"%s\"}}", big);
        open_scene(&s, 9, options[i], 1000);
        for (int order = 0; order < ORDERS; order++) write_order(&s, order, order == 7 ? last : "");
        struct br_worker *worker = add_worker(&s)->worker;
        run_out(&s, lines_wanted(7), 1);
        check_lines(&s, 7, i == 0, 0);
        check_letter(&s, 7, "sink", "large");
        assert_int_equal(aq_counter_get(&worker->counters.dead), 1);
        close_scene(&s);
        free(last);
    }
}

static void what_a_chain_makes_counts_as_in_flight(void **state)
{
    (void)state;
    struct scene s;
    uint64_t most = 0;
    open_scene(&s, 5, "", 1 << 20);
    write_order(&s, 2, "");
    struct br_worker *worker = add_worker(&s)->worker;
    for (int i = 0; i < 100; i++) {
        turn(&s);
        if (worker->in_flight > most) most = worker->in_flight;
    }
    /* The record itself, its lines, and the room of the records beyond the first. */
    uint64_t read = aq_counter_get(&worker->counters.bytes_read);
    assert_true(read > 0 && most > read + (uint64_t)(lines_of[2] - 1) * sizeof(struct aq_record));
    run_out(&s, lines_of[2], 0);
    assert_int_equal(worker->in_flight, 0);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_that_dies_leaves_each_line_once),
        cmocka_unit_test(an_abort_leaves_each_line_once),
        cmocka_unit_test(a_stop_leaves_each_line_once),
        cmocka_unit_test(a_worker_that_joins_leaves_each_line_once),
        cmocka_unit_test(at_least_once_loses_no_line),
        cmocka_unit_test(one_bad_line_makes_its_order_a_dead_letter),
        cmocka_unit_test(a_skipped_order_is_counted_once),
        cmocka_unit_test(a_line_the_sink_refuses_takes_its_order_with_it),
        cmocka_unit_test(what_a_chain_makes_counts_as_in_flight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
