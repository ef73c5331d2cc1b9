/* SPDX-License-Identifier: Apache-2.0
 *
 * streams_records: the records of `./dev bench streams`: fills the source topic, says what must come out, and reads what
 * did come out.
 *
 *   fill     makes the topic and writes the records into it
 *   expect   computes the output by the generator's rule, without a broker: no engine is the other's only judge
 *   digest   reads a topic read_committed to its end
 *
 * expect and digest print the same lines, so that two texts are compared: for each partition the number of records, the
 * sum of their hashes (the same records, whatever their order) and a hash of the sequence (in the same order). A
 * record's hash covers key, value and timestamp. The sink has as many partitions as the source and the key stays, so
 * a record keeps its partition and its place among its kind.
 *
 * The job: keep records whose `amount` is above BOUND, which is half of them; add `total` = amount * units; drop
 * `debug`. With --constant it adds `origin` = "dc1" instead, which is what steps without a computation can do.
 *
 * Floats are written as the shortest text that Java gives them (two decimals, no zero at the end but "x.0"), because
 * a JSON tree writes numbers anew: the digests would differ where the data do not.
 */
#include <getopt.h>
#include <xxhash.h>

#include "base/assert.h"
#include "base/hash.h"
#include "tests/lib/check.h"
#include "tests/lib/read.h"
#include "tests/lib/wait.h"

#define MAX_PARTITIONS 256
#define ROOM           512
#define FIRST_MS       1700000000000 /* timestamp of record 0; a record a millisecond */
#define AMOUNTS        2000
#define BOUND          999
#define DEVICES        50000
#define END_WAIT_MS    30000

enum form { FORM_INPUT, FORM_TOTAL, FORM_CONSTANT };

struct options {
    const char *brokers, *topic, *codec;
    uint64_t records;
    int partitions;
    enum form form;
};

struct sums {
    uint64_t records, digest, order;
};

/* ---- records ------------------------------------------------------------------------------------------------------ */

/* splitmix64. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

static unsigned amount_of(uint64_t n)
{
    return (unsigned)(mix(n) % AMOUNTS);
}

static size_t key_of(char out[ROOM], uint64_t n)
{
    return (size_t)snprintf(out, ROOM, "device-%05u", (unsigned)(mix(~n) % DEVICES));
}

/* A two-decimal number as Java writes the double. */
static const char *decimal(char out[32], unsigned hundredths)
{
    unsigned whole = hundredths / 100, rest = hundredths % 100;
    if (rest % 10)
        snprintf(out, 32, "%u.%02u", whole, rest);
    else
        snprintf(out, 32, "%u.%u", whole, rest / 10);
    return out;
}

/* Value number n in the given form; its length. */
static size_t value_of(char out[ROOM], uint64_t n, enum form form)
{
    static const char *const cities[] = {"Lisbon", "Porto", "Coimbra", "Évora", "Faro"};
    static const char *const channels[] = {"web", "shop", "phone"};
    uint64_t r = mix(n * 3 + 1);
    unsigned amount = amount_of(n), units = 1 + (unsigned)(r >> 8) % 9;
    char price[32], latitude[32];
    decimal(price, 100 + (unsigned)(r >> 12) % 90000);
    decimal(latitude, 3700 + (unsigned)(r >> 28) % 500);
    int at = snprintf(
        out, ROOM,
        "{\"id\":%llu,\"at\":%lld,\"amount\":%u,\"units\":%u,\"price\":%s,\"paid\":%s,"
        "\"channel\":\"%s\",\"customer\":{\"name\":\"customer %u\",\"level\":%u,\"address\":{\"city\":\"%s\","
        "\"latitude\":%s}},",
        (unsigned long long)n, (long long)(FIRST_MS + (int64_t)n), amount, units, price,
        r & 1 ? "true" : "false", channels[r % 3], (unsigned)(r >> 36) % 100000, (unsigned)(r >> 4) % 7,
        cities[(r >> 20) % 5], latitude);
    if (form == FORM_INPUT)
        at += snprintf(out + at, ROOM - (size_t)at, "\"debug\":\"%016llx\",", (unsigned long long)r);
    at +=
        snprintf(out + at, ROOM - (size_t)at, "\"note\":\"line %u of the list\"", (unsigned)(r >> 44) % 1000);
    if (form == FORM_TOTAL) at += snprintf(out + at, ROOM - (size_t)at, ",\"total\":%u", amount * units);
    if (form == FORM_CONSTANT) at += snprintf(out + at, ROOM - (size_t)at, ",\"origin\":\"dc1\"");
    at += snprintf(out + at, ROOM - (size_t)at, "}");
    AQ_ASSERT(at < ROOM);
    return (size_t)at;
}

static int fill(const struct options *o)
{
    struct t_cluster *cluster = t_cluster_open(o->brokers);
    t_topic_create(cluster, o->topic, o->partitions, "retention.ms=-1", NULL);
    t_cluster_close(cluster);
    char codec[64], key[ROOM], value[ROOM];
    snprintf(codec, sizeof codec, "compression.codec=%s", o->codec);
    const char *properties[] = {codec, "linger.ms=20", "batch.size=262144", NULL};
    struct t_producer *producer = t_producer_open(o->brokers, NULL, properties);
    uint64_t bytes = 0, kept = 0;
    for (uint64_t n = 0; n < o->records; n++) {
        struct t_record record = {.timestamp = FIRST_MS + (int64_t)n};
        record.key = aq_slice_of(key, key_of(key, n));
        record.value = aq_slice_of(value, value_of(value, n, FORM_INPUT));
        record.partition = aq_partition_for_key(record.key, o->partitions);
        t_send(producer, o->topic, &record);
        bytes += record.value.len;
        kept += amount_of(n) > BOUND;
    }
    t_flush(producer);
    t_producer_close(producer);
    printf("records=%llu value_bytes=%.0f kept=%llu\n", (unsigned long long)o->records,
           o->records ? (double)bytes / (double)o->records : 0.0, (unsigned long long)kept);
    return 0;
}

/* ---- sums --------------------------------------------------------------------------------------------------------- */

/* Null and empty are told apart by the length that goes in first. */
static uint64_t hash_of(uint64_t hash, struct aq_slice bytes)
{
    uint64_t length = bytes.ptr ? bytes.len : UINT64_MAX;
    hash = XXH3_64bits_withSeed(&length, sizeof length, hash);
    return bytes.len ? XXH3_64bits_withSeed(bytes.ptr, bytes.len, hash) : hash;
}

static void count(struct sums *sums, struct aq_slice key, struct aq_slice value, int64_t timestamp)
{
    uint64_t hash = hash_of(hash_of(0, key), value);
    hash = XXH3_64bits_withSeed(&timestamp, sizeof timestamp, hash);
    sums->records++;
    sums->digest += hash;
    sums->order = mix(sums->order) + hash;
}

static void print(const struct sums *sums, int partitions)
{
    uint64_t all = 0;
    for (int p = 0; p < partitions; p++) {
        all += sums[p].records;
        printf("partition=%d records=%llu digest=%016llx order=%016llx\n", p,
               (unsigned long long)sums[p].records, (unsigned long long)sums[p].digest,
               (unsigned long long)sums[p].order);
    }
    printf("all=%llu\n", (unsigned long long)all);
}

static int expect(const struct options *o)
{
    struct sums sums[MAX_PARTITIONS] = {0};
    char key[ROOM], value[ROOM];
    for (uint64_t n = 0; n < o->records; n++) {
        if (amount_of(n) <= BOUND) continue;
        struct aq_slice k = aq_slice_of(key, key_of(key, n));
        struct aq_slice v = aq_slice_of(value, value_of(value, n, o->form));
        count(&sums[aq_partition_for_key(k, o->partitions)], k, v, FIRST_MS + (int64_t)n);
    }
    print(sums, o->partitions);
    return 0;
}

static struct aq_slice slice(const void *bytes, size_t length)
{
    return bytes ? aq_slice_of(bytes, length) : AQ_NULL_SLICE;
}

/* A transaction that was left open hides what lies behind it: the end is read when there is none. */
static void find_end(struct t_cluster *cluster, struct t_stream *stream, const char *topic, int partition,
                     int64_t *ret_low, int64_t *ret_end)
{
    int64_t deadline = t_now_ms() + END_WAIT_MS, low, high;
    for (;;) {
        if (!t_watermarks(cluster, topic, partition, END_WAIT_MS, &low, &high) ||
            !t_stream_bounds(stream, topic, partition, ret_low, ret_end))
            T_FAIL("%s[%d]: the brokers do not answer", topic, partition);
        if (*ret_end >= high) return;
        if (t_now_ms() > deadline) T_FAIL("%s[%d]: a transaction stays open", topic, partition);
        t_sleep_ms(100);
    }
}

static int digest(const struct options *o)
{
    struct sums sums[MAX_PARTITIONS] = {0};
    struct t_cluster *cluster = t_cluster_open(o->brokers);
    struct t_stream *stream = t_stream_open(o->brokers, true);
    for (int p = 0; p < o->partitions; p++) {
        int64_t low, end;
        find_end(cluster, stream, o->topic, p, &low, &end);
        t_stream_start(stream, o->topic, p, low, end);
        const rd_kafka_message_t *m;
        while ((m = t_stream_next(stream))) {
            rd_kafka_timestamp_type_t type;
            count(&sums[p], slice(m->key, m->key_len), slice(m->payload, m->len),
                  rd_kafka_message_timestamp(m, &type));
        }
        t_stream_stop(stream);
    }
    t_stream_close(stream);
    t_cluster_close(cluster);
    print(sums, o->partitions);
    return 0;
}

/* ---- command line ------------------------------------------------------------------------------------------------- */

_Noreturn static void usage(void)
{
    fputs("usage: streams_records fill   --brokers B --topic T [--records N] [--partitions N] [--codec lz4]\n"
          "       streams_records expect [--records N] [--partitions N] [--constant]\n"
          "       streams_records digest --brokers B --topic T [--partitions N]\n",
          stderr);
    exit(64);
}

static void parse(int argc, char **argv, struct options *o)
{
    static const struct option known[] = {{"brokers", 1, NULL, 'b'},
                                          {"topic", 1, NULL, 't'},
                                          {"records", 1, NULL, 'n'},
                                          {"partitions", 1, NULL, 'p'},
                                          {"codec", 1, NULL, 'z'},
                                          {"constant", 0, NULL, 'c'},
                                          {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'b': o->brokers = optarg; break;
        case 't': o->topic = optarg; break;
        case 'n': o->records = strtoull(optarg, NULL, 10); break;
        case 'p': o->partitions = atoi(optarg); break;
        case 'z': o->codec = optarg; break;
        case 'c': o->form = FORM_CONSTANT; break;
        default: usage();
        }
    }
    if (optind != argc || o->partitions < 1 || o->partitions > MAX_PARTITIONS) usage();
}

int main(int argc, char **argv)
{
    struct options o = {.records = 2000000, .partitions = 4, .codec = "lz4", .form = FORM_TOTAL};
    if (argc < 2) usage();
    parse(argc - 1, argv + 1, &o);
    if (strcmp(argv[1], "expect") == 0) return expect(&o);
    if (!o.brokers || !o.topic) usage();
    if (strcmp(argv[1], "fill") == 0) return fill(&o);
    if (strcmp(argv[1], "digest") == 0) return digest(&o);
    usage();
}
