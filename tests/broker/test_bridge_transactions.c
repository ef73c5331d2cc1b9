/* SPDX-License-Identifier: Apache-2.0
 *
 * A transactional source. What was aborted lies in the log between what was committed and is never copied; control
 * records take offsets and are no lag; a transaction that is still open holds back what stands behind it, but neither
 * the end of a route with stop_at_end nor anything before it. With isolation = "read_uncommitted" all of it is copied.
 *
 * Every value says how its transaction was meant to end ("commit 17", "abort 18"), so that the copy can be judged
 * without the source.
 */
#include <inttypes.h>

#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/http.h"
#include "tests/lib/mirror.h"
#include "tests/lib/wait.h"

#define PARTITIONS 4
#define ONLY_GOOD  2 /* partition that ends with the commit of records */
#define ONLY_BAD   3 /* partition in which everything was aborted */
#define WRITERS    3
#define END_MS     30000

/* ---- writing -------------------------------------------------------------------------------------------------------- */

static struct t_producer *plain, *writers[WRITERS];

struct scene {
    struct t_name topic;
    struct t_name route;
    int serial;
    int64_t good; /* records that must be copied */
    int64_t bad;
};

static int set_up(void **state)
{
    t_pair_setup(state);
    plain = t_producer_open(t_pair.source, NULL, NULL);
    for (int i = 0; i < WRITERS; i++)
        writers[i] = t_producer_open(t_pair.source, t_unique("txn-writer").text, NULL);
    return 0;
}

static int tear_down(void **state)
{
    for (int i = 0; i < WRITERS; i++) t_producer_close(writers[i]);
    t_producer_close(plain);
    return t_pair_teardown(state);
}

/* A new topic. Producers meet it side by side with a first record, for each of them waits for its metadata. */
static void open_scene(struct scene *s)
{
    *s = (struct scene){.topic = t_unique("txn"), .route = t_unique("txn-route"), .bad = WRITERS, .good = 1};
    t_topic_create(t_pair.src, s->topic.text, PARTITIONS, NULL);
    for (int i = 0; i < WRITERS; i++) {
        t_begin(writers[i]);
        t_send_text(writers[i], s->topic.text, ONLY_BAD, "first", "abort");
    }
    t_send_text(plain, s->topic.text, 0, "first", "commit");
    t_flush(plain);
    for (int i = 0; i < WRITERS; i++) t_abort(writers[i]);
}

/* One record, flushed: batches of different producers really stand between each other in the log. */
static void write_one(struct scene *s, struct t_producer *producer, int partition, bool good)
{
    char key[16], value[32];
    snprintf(key, sizeof key, "k%d", s->serial % 50);
    snprintf(value, sizeof value, "%s %d", good ? "commit" : "abort", s->serial++);
    t_send_text(producer, s->topic.text, partition, key, value);
    t_flush(producer);
    *(good ? &s->good : &s->bad) += 1;
}

/* Three transactions side by side over partitions 0 and 1, with plain records between them; one or two of the three
 * are aborted, and they do not end in the order in which they began. */
static void write_round(struct scene *s, int round)
{
    bool good[WRITERS] = {round % 2 == 0, round % 3 == 0, round % 3 == 1};
    for (int i = 0; i < WRITERS; i++) t_begin(writers[i]);
    for (int n = 0; n < 4; n++) {
        for (int i = 0; i < WRITERS; i++) write_one(s, writers[i], (n + i) % 2, good[i]);
        write_one(s, plain, n % 2, true);
    }
    for (int i = 0; i < WRITERS; i++) {
        int writer = (i + round) % WRITERS;
        if (good[writer])
            t_commit(writers[writer]);
        else
            t_abort(writers[writer]);
    }
}

/* Rounds, then what the logs end with: an aborted transaction on 0, 1 and ONLY_BAD, a committed one on ONLY_GOOD. */
static void write_rounds(struct scene *s, int first, int n)
{
    for (int round = first; round < first + n; round++) write_round(s, round);
    t_begin(writers[0]);
    for (int n_good = 0; n_good < 5; n_good++) write_one(s, writers[0], ONLY_GOOD, true);
    t_commit(writers[0]);
    t_begin(writers[1]);
    for (int p = 0; p < PARTITIONS; p++)
        for (int i = 0; i < 3 && p != ONLY_GOOD; i++) write_one(s, writers[1], p, false);
    t_abort(writers[1]);
}

/* ---- judging -------------------------------------------------------------------------------------------------------- */

static void expect_good_only(const struct scene *s)
{
    struct t_log *all = t_read(t_pair.source, s->topic.text, -1, false);
    struct t_log *good = t_read(t_pair.source, s->topic.text, -1, true);
    struct t_log *copy = t_read(t_pair.sink, s->topic.text, -1, true);
    T_CHECK((int64_t)all->count == s->good + s->bad && s->bad > 0, "%zu, the source proves nothing",
            all->count);
    for (size_t i = 0; i < copy->count; i++)
        T_CHECK(copy->records[i].value.ptr[0] == 'c', "'%s' was copied", copy->records[i].value.ptr);
    T_CHECK((int64_t)copy->count == s->good, "%zu of %" PRId64 " committed records", copy->count, s->good);
    t_same_records(good, copy, true);
    t_log_free(all);
    t_log_free(good);
    t_log_free(copy);
}

/* `aqueduct positions` once the bridge is gone: every partition that had something to mirror stands at the end. */
static void expect_no_lag_stored(const char *config, const struct scene *s)
{
    char *words = t_aqueduct_words(0, "positions", "-c", t_config_file(config), NULL);
    int lines = 0;
    char *rest = words;
    for (char *line; (line = strsep(&rest, "\n"));) {
        char topic[160];
        int partition, task;
        int64_t next, low, high, lag;
        if (sscanf(line, " %159s %d %d %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64, topic, &partition,
                   &task, &next, &low, &high, &lag) != 7 ||
            strcmp(topic, s->topic.text) != 0)
            continue;
        T_CHECK(lag == 0 && next == high, "[%d] stands at %" PRId64 " of %" PRId64, partition, next, high);
        lines++;
    }
    free(words);
    T_CHECK(lines >= PARTITIONS - 1, "positions of %d partitions", lines);
}

/* ---- tests ---------------------------------------------------------------------------------------------------------- */

static char *config_of(const struct scene *s, int port, const char *more)
{
    char *http = t_printf("http = { listen = \"127.0.0.1:%d\"; };", port);
    char *text = t_config(t_pair.source, t_pair.sink, port ? http : "",
                          "name = \"%s\"; topics = [\"%s\"]; %s", s->route.text, s->topic.text, more);
    free(http);
    return text;
}

/* The lag of partition p as the metric tells it; -1 while it is unknown. */
static double lag_of(const struct scene *s, int port, int p)
{
    char *sample = t_printf("aqueduct_lag_records{route=\"%s\",topic=\"%s\",partition=\"%d\"}", s->route.text,
                            s->topic.text, p);
    double lag = t_metric(port, sample);
    free(sample);
    return lag;
}

static void expect_lag_gone(const struct scene *s, int port)
{
    for (int p = 0; p < PARTITIONS; p++)
        T_CHECK(T_WAIT(END_MS / 2, lag_of(s, port, p) == 0), "[%d]: lag %g", p, lag_of(s, port, p));
}

static void never_copy_aborted(const char *delivery)
{
    struct scene s;
    open_scene(&s);
    char *once = t_printf("delivery = \"%s\"; stop_at_end = true;", delivery);
    char *follow = t_printf("delivery = \"%s\";", delivery);
    char *to_end = config_of(&s, 0, once);
    int port = t_free_port();
    char *running = config_of(&s, port, follow);
    write_rounds(&s, 0, 4);
    t_bridge_to_end(to_end, 0, END_MS);
    expect_no_lag_stored(to_end, &s);
    /* The same while it runs, continued behind the control records. */
    struct t_process *bridge = t_bridge(running, NULL);
    expect_lag_gone(&s, port);
    write_rounds(&s, 4, 4);
    t_wait_mirrored(&t_pair, s.topic.text, PARTITIONS, s.good, END_MS);
    expect_lag_gone(&s, port);
    t_bridge_stop(bridge, END_MS);
    expect_no_lag_stored(to_end, &s);
    /* Nothing is left to do, and that ends too. */
    t_bridge_to_end(to_end, 0, END_MS);
    expect_good_only(&s);
    free(once);
    free(follow);
    free(to_end);
    free(running);
}

static void test_exactly_once_never_copies_aborted(void **state)
{
    (void)state;
    never_copy_aborted("exactly_once");
}

static void test_at_least_once_never_copies_aborted(void **state)
{
    (void)state;
    never_copy_aborted("at_least_once");
}

/* Partition 0: copied, open (will be committed), held back. 1: the same, will be aborted. 2: open from its first
 * record. 3: nothing open. */
static void write_open(struct scene *s)
{
    for (int p = 0; p < PARTITIONS; p++)
        for (int i = 0; i < 10 && p != 2; i++) write_one(s, plain, p, true);
    t_begin(writers[0]);
    t_begin(writers[1]);
    write_one(s, writers[0], 0, true);
    write_one(s, writers[0], 2, true);
    write_one(s, writers[1], 1, false);
    for (int p = 0; p < PARTITIONS; p++)
        for (int i = 0; i < 10; i++) write_one(s, plain, p, true);
}

static void test_open_transaction_does_not_block_the_end(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    char *config = config_of(&s, 0, "stop_at_end = true;");
    write_open(&s);
    for (int i = 0; i < 2; i++) { /* the second time there is nothing new before the open transactions */
        t_bridge_to_end(config, 0, END_MS);
        t_expect_mirror(&t_pair, s.topic.text);
        int64_t n = t_count(t_pair.sink, s.topic.text);
        T_CHECK(n == 1 + 10 + 10 + 0 + 20, "%" PRId64 " records: what is behind an open transaction waits",
                n);
    }
    t_commit(writers[0]);
    t_abort(writers[1]);
    t_bridge_to_end(config, 0, END_MS);
    expect_good_only(&s);
    expect_no_lag_stored(config, &s);
    free(config);
}

static void test_read_uncommitted_copies_everything(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    char *config = config_of(&s, 0, "isolation = \"read_uncommitted\"; stop_at_end = true;");
    write_rounds(&s, 0, 2);
    write_open(&s);
    for (int i = 0; i < 2; i++) { /* before and after the open transactions end */
        t_bridge_to_end(config, 0, END_MS);
        struct t_log *all = t_read(t_pair.source, s.topic.text, -1, false);
        struct t_log *copy = t_read(t_pair.sink, s.topic.text, -1, true);
        T_CHECK((int64_t)all->count == s.good + s.bad && s.bad > 0, "%zu in the source", all->count);
        t_same_records(all, copy, true);
        t_log_free(all);
        t_log_free(copy);
        expect_no_lag_stored(config, &s);
        if (i > 0) break;
        t_commit(writers[0]);
        t_abort(writers[1]);
        write_round(&s, 7);
    }
    free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exactly_once_never_copies_aborted),
        cmocka_unit_test(test_at_least_once_never_copies_aborted),
        cmocka_unit_test(test_open_transaction_does_not_block_the_end),
        cmocka_unit_test(test_read_uncommitted_copies_everything),
    };
    return cmocka_run_group_tests_name("bridge: transactional source", tests, set_up, tear_down);
}
