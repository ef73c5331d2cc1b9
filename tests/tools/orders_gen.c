/* SPDX-License-Identifier: Apache-2.0
 *
 * orders_gen: makes a topic and fills it with orders (tests/lib/orders.h), as fast as the cluster takes them or at a
 * rate.
 *
 * Order number n goes to the partition murmur2 gives its key, with the next `seq` of that partition: the records of a
 * partition carry 0, 1, 2, … and every order an id of its own, so that a checker can name what is lost, doubled or out
 * of place. The producer is idempotent and retries for ever: a source broker that is restarted under it costs time, not
 * records. With --txn the orders travel in transactions, and with --abort-every some of those are aborted: their
 * orders have ids that begin with "x-" and take no seq.
 *
 * SIGTERM and SIGINT stop it after what is already queued. The last line on stdout says what was produced.
 */
#include <getopt.h>
#include <signal.h>

#include "base/hash.h"
#include "tests/lib/check.h"
#include "tests/lib/cluster.h"
#include "tests/lib/orders.h"
#include "tests/lib/wait.h"

#define MAX_LIST       32
#define MAX_PARTITIONS 1024
#define TXN_MS         60000
#define SLICE_MOST     2000 /* records under way at a time */
#define SLICE_MS       5

struct options {
    const char *brokers, *topic, *codec;
    const char *configs[MAX_LIST + 1], *properties[MAX_LIST + 1];
    int n_configs, n_properties;
    int partitions, replicas;
    uint64_t records, seed, first;
    size_t size;
    double rate;
    uint64_t headers_every, tombstones_every, txn, abort_every;
    bool keep_topic, progress;
};

/* A record that was given up, and is to be sent again. */
struct again {
    struct again *next;
    int32_t partition;
    bool tombstone;
    char *key, *value;
    size_t key_len, len;
    rd_kafka_headers_t *headers;
};

struct run {
    const struct options *options;
    rd_kafka_t *rk;
    rd_kafka_topic_t *rkt;
    int partitions;
    uint64_t seq[MAX_PARTITIONS];
    uint64_t queued, reported, failed, aborted;
    rd_kafka_resp_err_t failure;
    char *value;
    struct again *again, **again_end;
};

static volatile sig_atomic_t stop_asked;

static void on_signal(int signal)
{
    (void)signal;
    stop_asked = 1;
}

static void usage(FILE *out)
{
    fputs("usage: orders_gen --brokers B --topic T [options]\n"
          "  --records N         how many (100000)\n"
          "  --partitions N      of the topic to make (4); --replicas N (broker default)\n"
          "  --config K=V        config of the topic; repeat. retention.ms=-1 is always set\n"
          "  --keep              the topic is there already: use its partitions\n"
          "  --size BYTES        of a value (511)        --seed N (1)\n"
          "  --rate N            records per second (0: unthrottled)\n"
          "  --codec C           none gzip snappy lz4 zstd (lz4)\n"
          "  --first N           number of the first order (0)\n"
          "  --headers-every N   every n-th has headers, with duplicates and nulls (50; 0: none)\n"
          "  --tombstones-every N  every n-th is a tombstone (0: none)\n"
          "  --txn N             transactions of n orders; --abort-every K: every k-th is aborted\n"
          "  --progress          a line per second on stderr\n"
          "  -X K=V              property of the client\n",
          out);
}

/* A broker that has just come back may name fewer partitions or brokers than there are, and the client then gives up what it has for the
 * others. What was certainly not written is kept, to be sent again in its order. */
static void keep(struct run *run, const rd_kafka_message_t *message)
{
    struct again *again = t_alloc(sizeof *again);
    again->partition = message->partition;
    again->tombstone = !message->payload;
    again->key_len = message->key_len;
    again->key = t_alloc(message->key_len);
    memcpy(again->key, message->key, message->key_len);
    again->len = message->len;
    again->value = t_alloc(message->len);
    if (message->len > 0) memcpy(again->value, message->payload, message->len);
    run->queued--;
    run->reported--;
    rd_kafka_message_detach_headers((rd_kafka_message_t *)message, &again->headers);
    *run->again_end = again;
    run->again_end = &again->next;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    struct run *run = opaque;
    run->reported++;
    if (!message->err) return;
    bool untouched = rd_kafka_message_status(message) == RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
    if (untouched && run->options->rate > 0 && !run->options->txn) {
        keep(run, message);
        return;
    }
    run->failed++;
    run->failure = message->err;
}

static void check(rd_kafka_error_t *error, const char *what)
{
    if (!error) return;
    T_FAIL("%s: %s", what, rd_kafka_error_string(error));
}

static rd_kafka_t *open_producer(struct run *run)
{
    const struct options *o = run->options;
    char error[256], codec[64], id[128];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, run);
    snprintf(codec, sizeof codec, "compression.codec=%s", o->codec);
    snprintf(id, sizeof id, "transactional.id=orders_gen-%s", o->topic);
    const char *defaults[] = {codec,
                              "enable.idempotence=true",
                              o->rate > 0 ? "linger.ms=50" : "linger.ms=10",
                              "batch.size=262144",
                              "queue.buffering.max.messages=400000",
                              "queue.buffering.max.kbytes=262144",
                              o->txn ? "retry.backoff.ms=10" : "message.timeout.ms=0",
                              o->txn ? id : NULL,
                              NULL};
    for (const char **property = defaults; *property; property++) {
        char *name = t_printf("%.*s", (int)strcspn(*property, "="), *property);
        if (rd_kafka_conf_set(conf, name, strchr(*property, '=') + 1, error, sizeof error) !=
            RD_KAFKA_CONF_OK)
            T_FAIL("%s", error);
        free(name);
    }
    rd_kafka_t *rk = t_client_with(RD_KAFKA_PRODUCER, conf, o->brokers, o->properties);
    if (o->txn) check(rd_kafka_init_transactions(rk, TXN_MS), "init_transactions");
    return rk;
}

static rd_kafka_headers_t *make_headers(uint64_t n, const char *id, bool tombstone, uint64_t every)
{
    bool decorated = every && n % every == 0;
    if (!decorated && !tombstone) return NULL;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(5);
    if (tombstone) rd_kafka_header_add(headers, "order_id", -1, id, -1);
    if (!decorated) return headers;
    rd_kafka_header_add(headers, "trace", -1, "one", -1);
    rd_kafka_header_add(headers, "none", -1, NULL, 0);
    rd_kafka_header_add(headers, "trace", -1, "two", -1);
    rd_kafka_header_add(headers, "empty", -1, "", 0);
    return headers;
}

/* Into the client's queue. A partition that the client has forgotten for the moment is waited for. */
static void send_record(struct run *run, int32_t partition, const void *key, size_t key_len,
                        const void *value, size_t len, rd_kafka_headers_t *headers)
{
    for (;;) {
        rd_kafka_resp_err_t error = rd_kafka_producev(
            run->rk, RD_KAFKA_V_RKT(run->rkt), RD_KAFKA_V_PARTITION(partition),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, key_len),
            RD_KAFKA_V_VALUE((void *)value, len), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
        if (!error) break;
        bool passes = error == RD_KAFKA_RESP_ERR__QUEUE_FULL || error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
        if (!passes) T_FAIL("produce: %s", rd_kafka_err2str(error));
        rd_kafka_poll(run->rk, 10);
    }
    run->queued++;
}

static void send_again(struct run *run)
{
    struct again *list = run->again;
    run->again = NULL;
    run->again_end = &run->again;
    for (struct again *next, *one = list; one; one = next) {
        next = one->next;
        send_record(run, one->partition, one->key, one->key_len, one->tombstone ? NULL : one->value, one->len,
                    one->headers);
        free(one->key);
        free(one->value);
        free(one);
    }
}

/* Until all that was queued is delivered. */
static void settle(struct run *run)
{
    for (;;) {
        while (run->reported < run->queued && !run->failure) rd_kafka_poll(run->rk, 50);
        if (run->failure || !run->again) break;
        t_sleep_ms(200);
        send_again(run);
    }
    if (run->failure)
        T_FAIL("%llu deliveries failed: %s", (unsigned long long)run->failed, rd_kafka_err2str(run->failure));
}

/* One record into the client's queue. `aborted` ones get an id that the checker must never see. */
static void queue_order(struct run *run, uint64_t n, bool aborted)
{
    const struct options *o = run->options;
    char key[T_ORDER_ID_MAX], id[T_ORDER_ID_MAX];
    size_t key_length = t_order_key(key, o->seed, n), length;
    int32_t partition = aq_partition_for_key(aq_slice_of(key, key_length), run->partitions);
    t_order_id(id, o->seed, n);
    bool tombstone = o->tombstones_every && n % o->tombstones_every == o->tombstones_every - 1;
    length = tombstone ? 0 : t_order_value(run->value, o->seed, n, run->seq[partition], o->size);
    if (aborted) {
        id[0] = 'x';
        char *in_value = tombstone ? NULL : memmem(run->value, length, "\"order_id\":\"o-", 14);
        if (in_value) in_value[12] = 'x';
    }
    rd_kafka_headers_t *headers = make_headers(n, id, tombstone, o->headers_every);
    if (run->again) settle(run); /* older ones first */
    send_record(run, partition, key, key_length, tombstone ? NULL : run->value, length, headers);
    if (!aborted) run->seq[partition]++;
}

static void begin_txn(struct run *run)
{
    check(rd_kafka_begin_transaction(run->rk), "begin");
}

static void end_txn(struct run *run, bool abort_it)
{
    settle(run);
    if (abort_it)
        check(rd_kafka_abort_transaction(run->rk, TXN_MS), "abort");
    else
        check(rd_kafka_commit_transaction(run->rk, TXN_MS), "commit");
}

/* At a rate: sleeps until order i is due, in slices, so that a slow machine catches up instead of drifting. What was queued is delivered
 * before the next slice: the client's broker threads spin for as long as a batch is ready while another is under way, and
 * when brokers are slow to answer, that takes from them the cores they would answer with. The linger keeps a slice together: it is
 * longer than queueing one takes, also on a busy machine. Without the wait two cores stood at a load of 200 for minutes. */
static void pace(struct run *run, uint64_t i, int64_t started_us)
{
    double rate = run->options->rate;
    if (rate <= 0) return;
    int64_t due = started_us + (int64_t)((double)i / rate * 1e6);
    int64_t ahead_ms = (due - t_now_us()) / 1000;
    if (ahead_ms < SLICE_MS && run->queued - run->reported < SLICE_MOST) return;
    settle(run);
    ahead_ms = (due - t_now_us()) / 1000;
    if (ahead_ms > 0) t_sleep_ms(ahead_ms);
}

static void tell(const struct run *run, int64_t started_us, FILE *out)
{
    double seconds = (double)(t_now_us() - started_us) / 1e6;
    uint64_t committed = run->reported - run->aborted;
    fprintf(out, "produced=%llu aborted=%llu seconds=%.3f rate=%.0f\n", (unsigned long long)committed,
            (unsigned long long)run->aborted, seconds, (double)run->reported / (seconds > 0 ? seconds : 1));
    fflush(out);
}

static void produce_all(struct run *run)
{
    const struct options *o = run->options;
    int64_t started = t_now_us(), told = started;
    uint64_t n = o->first, txns = 0, i = 0;
    while (i < o->records && !stop_asked) {
        uint64_t group = o->txn ? o->txn : 1024;
        if (group > o->records - i) group = o->records - i;
        bool abort_it = o->abort_every && o->txn && ++txns % o->abort_every == 0;
        if (o->txn) begin_txn(run);
        for (uint64_t k = 0; k < group; k++) {
            pace(run, i + k, started);
            queue_order(run, n + k, abort_it);
        }
        if (o->txn) end_txn(run, abort_it);
        if (abort_it) run->aborted += group;
        /* Aborted orders come in addition: their numbers are used again by committed ones. */
        if (!abort_it) {
            i += group;
            n += group;
        }
        rd_kafka_poll(run->rk, 0);
        if (run->failure) break;
        if (o->progress && t_now_us() - told >= 1000000) {
            told = t_now_us();
            tell(run, started, stderr);
        }
    }
    settle(run);
    tell(run, started, stdout);
}

/* ---- command line ------------------------------------------------------------------------------------------------ */

static uint64_t number(const char *text)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (*end || end == text) {
        fprintf(stderr, "orders_gen: '%s' is not a number\n", text);
        exit(64);
    }
    return value;
}

static const struct option long_options[] = {
    {"brokers", 1, NULL, 'b'},
    {"topic", 1, NULL, 't'},
    {"records", 1, NULL, 'n'},
    {"partitions", 1, NULL, 'p'},
    {"replicas", 1, NULL, 'R'},
    {"config", 1, NULL, 'c'},
    {"keep", 0, NULL, 'k'},
    {"size", 1, NULL, 's'},
    {"seed", 1, NULL, 'S'},
    {"rate", 1, NULL, 'r'},
    {"codec", 1, NULL, 'z'},
    {"first", 1, NULL, 'f'},
    {"headers-every", 1, NULL, 'H'},
    {"tombstones-every", 1, NULL, 'T'},
    {"txn", 1, NULL, 'x'},
    {"abort-every", 1, NULL, 'a'},
    {"progress", 0, NULL, 'P'},
    {"help", 0, NULL, 'h'},
    {0},
};

static void apply(struct options *o, int option)
{
    switch (option) {
    case 'b': o->brokers = optarg; break;
    case 't': o->topic = optarg; break;
    case 'n': o->records = number(optarg); break;
    case 'p': o->partitions = (int)number(optarg); break;
    case 'R': o->replicas = (int)number(optarg); break;
    case 'c':
        if (o->n_configs < MAX_LIST) o->configs[o->n_configs++] = optarg;
        break;
    case 'k': o->keep_topic = true; break;
    case 's': o->size = number(optarg); break;
    case 'S': o->seed = number(optarg); break;
    case 'r': o->rate = (double)number(optarg); break;
    case 'z': o->codec = optarg; break;
    case 'f': o->first = number(optarg); break;
    case 'H': o->headers_every = number(optarg); break;
    case 'T': o->tombstones_every = number(optarg); break;
    case 'x': o->txn = number(optarg); break;
    case 'a': o->abort_every = number(optarg); break;
    case 'P': o->progress = true; break;
    case 'X':
        if (o->n_properties < MAX_LIST) o->properties[o->n_properties++] = optarg;
        break;
    case 'h': usage(stdout); exit(0);
    default: usage(stderr); exit(64);
    }
}

static void parse(int argc, char **argv, struct options *o)
{
    *o = (struct options){.codec = "lz4",
                          .partitions = 4,
                          .replicas = -1,
                          .records = 100000,
                          .seed = 1,
                          .size = T_ORDER_SIZE,
                          .headers_every = 50};
    o->configs[o->n_configs++] = "retention.ms=-1";
    int option;
    while ((option = getopt_long(argc, argv, "X:h", long_options, NULL)) != -1) apply(o, option);
    if (o->brokers && o->topic && optind == argc && o->partitions >= 1 && o->partitions <= MAX_PARTITIONS)
        return;
    usage(stderr);
    exit(64);
}

int main(int argc, char **argv)
{
    struct options options;
    parse(argc, argv, &options);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    struct t_cluster *cluster = t_cluster_open(options.brokers);
    struct run run = {.options = &options, .partitions = options.partitions};
    if (options.keep_topic)
        run.partitions = t_partitions(cluster, options.topic);
    else
        t_topic_create_with(cluster, options.topic, options.partitions, options.replicas, options.configs);
    t_cluster_close(cluster);
    if (run.partitions < 1 || run.partitions > MAX_PARTITIONS)
        T_FAIL("%s: %d partitions", options.topic, run.partitions);
    run.again_end = &run.again;
    run.value = t_alloc(options.size > T_ORDER_ROOM ? options.size : T_ORDER_ROOM);
    run.rk = open_producer(&run);
    run.rkt = rd_kafka_topic_new(run.rk, options.topic, NULL);
    produce_all(&run);
    rd_kafka_topic_destroy(run.rkt);
    rd_kafka_destroy(run.rk);
    free(run.value);
    return run.failed ? 1 : 0;
}
