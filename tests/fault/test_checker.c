/* SPDX-License-Identifier: Apache-2.0
 *
 * The judge is judged first: mirror_check must see every kind of harm that is done to a copy here on purpose, and must
 * not see harm where there is none. A fault test with a blind checker would pass for ever.
 *
 * Each case makes a source topic with the generator, copies it to the sink by its own hand (t_read, t_send), does its
 * harm on the way, and compares the checker's numbers.
 */
#include "tests/lib/check.h"
#include "tests/lib/expect.h"
#include "tests/lib/pair.h"
#include "tests/lib/read.h"

#define RECORDS    "3000"
#define PARTITIONS "3"

enum harm {
    HARM_NONE,
    HARM_LOSE,
    HARM_DOUBLE,
    HARM_SWAP,
    HARM_VALUE,
    HARM_HEADER,
    HARM_TIME,
    HARM_NULL_TO_EMPTY,
    HARM_ALIEN,
    HARM_REPLAY, /* ten records again, as after a crash in at_least_once */
};

static struct t_name source, sink;
static struct t_log *original;

static int set_up(void **state)
{
    (void)state;
    if (getenv("AQUEDUCT_SOURCE") == NULL) return 0; /* the tests say so */
    source = t_unique("orders.checker");
    const char *argv[] = {t_tool("orders_gen"),
                          "--brokers",
                          getenv("AQUEDUCT_SOURCE"),
                          "--topic",
                          source.text,
                          "--records",
                          RECORDS,
                          "--partitions",
                          PARTITIONS,
                          "--tombstones-every",
                          "97",
                          "--txn",
                          "500",
                          "--abort-every",
                          "3",
                          NULL};
    if (t_run(argv, 60000, NULL) != 0) return -1;
    if (!t_wait_ended(getenv("AQUEDUCT_SOURCE"), source.text, 60000))
        T_FAIL("a transaction in %s does not end", source.text);
    original = t_read(getenv("AQUEDUCT_SOURCE"), source.text, -1, true);
    T_CHECK(original->count == (size_t)atoi(RECORDS), "%s has %zu records", source.text, original->count);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    t_log_free(original);
    if (!getenv("AQUEDUCT_SOURCE")) return 0;
    struct t_cluster *cluster = t_cluster_open(getenv("AQUEDUCT_SOURCE"));
    t_topic_delete(cluster, source.text);
    t_cluster_close(cluster);
    return 0;
}

/* Sends record i changed as told; the victim is somewhere in the middle. */
static void send_harmed(struct t_producer *producer, size_t i, enum harm harm, const struct t_record *record)
{
    static const struct t_header more[] = {{"extra", {"1", 1}}};
    struct t_record copy = *record;
    const size_t victim = 1501;
    if (i != victim) {
        t_send(producer, sink.text, &copy);
        return;
    }
    switch (harm) {
    case HARM_LOSE: return;
    case HARM_VALUE: copy.value.len--; break;
    case HARM_TIME: copy.timestamp++; break;
    case HARM_HEADER:
        copy.headers = more;
        copy.n_headers = 1;
        break;
    case HARM_SWAP:
        t_send(producer, sink.text, &original->records[i + 1]);
        t_send(producer, sink.text, &copy);
        return;
    case HARM_DOUBLE: t_send(producer, sink.text, &copy); break;
    case HARM_ALIEN:
        t_send(producer, sink.text, &copy);
        copy.value = AQ_LIT("{\"order_id\":\"nobody's\"}");
        break;
    case HARM_REPLAY:
        for (size_t k = i - 10; k < i; k++) t_send(producer, sink.text, &original->records[k]);
        break;
    default: break;
    }
    t_send(producer, sink.text, &copy);
}

static void copy_with(enum harm harm, bool chain)
{
    struct t_expect expect = {0};
    sink = t_unique("copy");
    t_topic_create(t_pair.dst, sink.text, atoi(PARTITIONS), "retention.ms=-1", NULL);
    struct t_producer *producer = t_producer_open(t_pair.sink, sink.text, NULL);
    t_begin(producer);
    t_send_text(producer, sink.text, 1, "never", "{\"order_id\":\"never seen\"}");
    t_abort(producer);
    t_begin(producer);
    for (size_t i = 0; i < original->count; i++) {
        struct t_record record = original->records[i];
        if (chain) record.value = t_expect_orders(&expect, record.value);
        bool tombstone = harm == HARM_NULL_TO_EMPTY && !record.value.ptr && i > 1000;
        if (tombstone) record.value = AQ_LIT("");
        if (tombstone) harm = HARM_NONE;
        if (harm == HARM_SWAP && i == 1502) continue;
        send_harmed(producer, i, harm, &record);
    }
    t_commit(producer);
    t_producer_close(producer);
    T_CHECK(t_wait_ended(t_pair.sink, sink.text, 60000), "a transaction in %s does not end", sink.text);
    t_expect_finish(&expect);
}

/* Runs the checker on a copy; its last line and exit code must be these. */
static void expect_line(enum harm harm, const char *mode, int code, const char *line)
{
    copy_with(harm, strcmp(mode, "--orders-chain") == 0);
    char *topics = t_printf("%s=%s", source.text, sink.text);
    const char *argv[] = {t_tool("mirror_check"),
                          "--source",
                          t_pair.source,
                          "--sink",
                          t_pair.sink,
                          "--topic",
                          topics,
                          mode,
                          "--quiet",
                          NULL};
    struct t_process *process = t_start(argv, NULL);
    int got = t_wait_exit(process, 60000);
    T_CHECK(strcmp(t_stdout(process), line) == 0, "got %s%s", t_stdout(process), t_stderr(process));
    assert_int_equal(got, code);
    t_process_free(process);
    free(topics);
    t_topic_delete(t_pair.dst, sink.text);
}

static void test_a_true_copy_passes(void **state)
{
    (void)state;
    const char *fine = "source=3000 sink=3000 lost=0 duplicated=0 reordered=0 different=0 alien=0\n";
    expect_line(HARM_NONE, "--identical", 0, fine);
    expect_line(HARM_NONE, "--orders-chain", 0, fine);
}

static void test_loss_and_duplicates_are_seen(void **state)
{
    (void)state;
    expect_line(HARM_LOSE, "--identical", 1,
                "source=3000 sink=2999 lost=1 duplicated=0 reordered=0 different=0 alien=0\n");
    expect_line(HARM_DOUBLE, "--identical", 1,
                "source=3000 sink=3001 lost=0 duplicated=1 reordered=0 different=0 alien=0\n");
    expect_line(HARM_REPLAY, "--identical", 1,
                "source=3000 sink=3010 lost=0 duplicated=10 reordered=0 different=0 alien=0\n");
    expect_line(HARM_REPLAY, "--at-least-once", 0,
                "source=3000 sink=3010 lost=0 duplicated=10 reordered=0 different=0 alien=0\n");
    expect_line(HARM_LOSE, "--at-least-once", 1,
                "source=3000 sink=2999 lost=1 duplicated=0 reordered=0 different=0 alien=0\n");
}

static void test_order_and_foreign_records_are_seen(void **state)
{
    (void)state;
    expect_line(HARM_SWAP, "--identical", 1,
                "source=3000 sink=3000 lost=0 duplicated=0 reordered=1 different=0 alien=0\n");
    expect_line(HARM_ALIEN, "--identical", 1,
                "source=3000 sink=3001 lost=0 duplicated=0 reordered=0 different=0 alien=1\n");
}

static void test_changed_bytes_are_seen(void **state)
{
    (void)state;
    const char *one = "source=3000 sink=3000 lost=0 duplicated=0 reordered=0 different=1 alien=0\n";
    expect_line(HARM_VALUE, "--identical", 1, one);
    expect_line(HARM_HEADER, "--identical", 1, one);
    expect_line(HARM_TIME, "--identical", 1, one);
    expect_line(HARM_NULL_TO_EMPTY, "--identical", 1, one);
    expect_line(HARM_VALUE, "--orders-chain", 1, one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T_WITH_PAIR(test_a_true_copy_passes),
        T_WITH_PAIR(test_loss_and_duplicates_are_seen),
        T_WITH_PAIR(test_order_and_foreign_records_are_seen),
        T_WITH_PAIR(test_changed_bytes_are_seen),
    };
    return cmocka_run_group_tests_name("checker", tests, set_up, tear_down);
}
