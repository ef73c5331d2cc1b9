/* SPDX-License-Identifier: Apache-2.0
 *
 * The fault tests' application and its checker (tests/lib/rekey.h).
 *
 * An ordinary pass of the checker: every source record's id is kept as a hash, by partition and number; every output is parsed,
 * compared with what its source record must become, and ticked off. A failing pass: what does not fit is counted, and the
 * first few are told. Memory: 16 bytes for each source record.
 */
#include "tests/lib/rekey.h"

#include <inttypes.h>
#include <xxhash.h>

#include "aqueduct/number.h"
#include "tests/lib/check.h"
#include "tests/lib/expect.h"
#include "tests/lib/read.h"

#define KEYS         97 /* new keys; a prime, so that they run through all partitions */
#define MOST_PARTS   64
#define SHOWN_MOST   8
#define OUTPUT_TEXT  128
#define GENERATOR_MS 120000

/* ---- the application ---------------------------------------------------------------------------------------------- */

char *t_rekey_config(const char *brokers, const char *application, const char *source, const char *sink,
                     const char *counts, bool exactly_once, const char *more)
{
    char *counting = counts
                         ? t_printf("    count = { type = \"count\"; from = \"again\"; cached = false; };\n"
                                    "    each  = { type = \"sink\"; from = \"count\"; topic = \"%s\"; };\n",
                                    counts)
                         : t_printf("%s", "");
    char *config = t_printf(
        "clusters = { main = { brokers = \"%s\"; connect_timeout = \"60s\"; }; };\n"
        "streams = {\n"
        "  application_id = \"%s\"; cluster = \"main\"; processing_guarantee = \"%s\";\n"
        "  commit_interval_ms = 100; auto_offset_reset = \"earliest\";\n"
        "  default_key_serde = \"string\"; default_value_serde = \"string\";\n"
        "  %s\n"
        "  topology = {\n"
        "    in    = { type = \"source\"; topics = [\"%s\"]; value_serde = \"json\"; };\n"
        "    rekey = { type = \"map\"; from = \"in\"; key = \"'k' .. value.seq %% %d\";\n"
        "              value = \"partition .. ':' .. value.seq .. ':' .. value.order_id\";\n"
        "              key_serde = \"string\"; value_serde = \"string\"; };\n"
        "    again = { type = \"repartition\"; from = \"rekey\"; partitions = %d; };\n"
        "    mark  = { type = \"map_values\"; from = \"again\"; value = \"value .. '!'\"; value_serde = \"string\"; };\n"
        "    out   = { type = \"sink\"; from = \"mark\"; topic = \"%s\"; };\n"
        "%s"
        "  };\n"
        "};\n",
        brokers, application, exactly_once ? "exactly_once_v2" : "at_least_once", more, source, KEYS,
        T_REKEY_MIDDLE, sink, counting);
    free(counting);
    return config;
}

struct t_process *t_rekey_generate(const char *brokers, const char *source, int partitions, int64_t records,
                                   int64_t rate, uint64_t seed)
{
    char n[32], per_second[32], number[32], parts[16];
    snprintf(parts, sizeof parts, "%d", partitions);
    snprintf(n, sizeof n, "%" PRId64, records);
    snprintf(per_second, sizeof per_second, "%" PRId64, rate);
    snprintf(number, sizeof number, "%" PRIu64, seed % 1000000);
    bool makes = partitions > 0;
    const char *argv[] = {t_tool("orders_gen"),
                          "--brokers",
                          brokers,
                          "--topic",
                          source,
                          "--records",
                          n,
                          "--rate",
                          per_second,
                          "--seed",
                          number,
                          makes ? "--partitions" : "--keep",
                          makes ? parts : NULL,
                          NULL};
    return t_start(argv, NULL);
}

int64_t t_rekey_produced(struct t_process *generator)
{
    long long produced = 0;
    T_CHECK(t_wait_exit(generator, GENERATOR_MS) == 0, "generator: %s", t_stderr(generator));
    T_CHECK(sscanf(t_stdout(generator), "produced=%lld", &produced) == 1, "generator: %s",
            t_stdout(generator));
    t_process_free(generator);
    return produced;
}

/* ---- the checker -------------------------------------------------------------------------------------------------- */

struct part {
    uint64_t *ids; /* hash of the order's id, by number */
    uint32_t *seen;
    int64_t count, room;
    int64_t last[KEYS]; /* the latest number seen with this key */
};

struct checker {
    struct part parts[MOST_PARTS];
    int n_parts;
    struct t_rekey_found found;
    int shown;
    bool exactly_once, tell;
};

__attribute__((format(printf, 2, 3))) static void show(struct checker *c, const char *format, ...)
{
    if (!c->tell || c->shown++ >= SHOWN_MOST) return;
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
}

static void add_source(struct part *part, const rd_kafka_message_t *message)
{
    struct aq_slice id = t_expect_order_id(aq_slice_of(message->payload, message->len));
    T_CHECK(id.ptr && id.len > 2 && message->offset == part->count,
            "the source is not what the generator makes");
    id = aq_slice_of(id.ptr + 1, id.len - 2); /* without its quotes */
    if (part->count == part->room) {
        part->room = part->room ? part->room * 2 : 4096;
        part->ids = t_realloc(part->ids, (size_t)part->room * sizeof *part->ids);
        part->seen = t_realloc(part->seen, (size_t)part->room * sizeof *part->seen);
    }
    part->ids[part->count] = XXH3_64bits(id.ptr, id.len);
    part->seen[part->count++] = 0;
}

/* False: not an output of ours. */
static bool parse_output(const rd_kafka_message_t *message, int *ret_partition, int64_t *ret_seq,
                         struct aq_slice *ret_id)
{
    char text[OUTPUT_TEXT];
    long long seq;
    int taken = 0;
    if (!message->payload || message->len == 0 || message->len >= sizeof text) return false;
    memcpy(text, message->payload, message->len);
    text[message->len] = '\0';
    if (text[message->len - 1] != '!') return false;
    if (sscanf(text, "%d:%lld:%n", ret_partition, &seq, &taken) != 2 || taken == 0) return false;
    *ret_seq = seq;
    *ret_id = aq_slice_of((const char *)message->payload + taken, message->len - (size_t)taken - 1);
    return true;
}

static bool has_key(const rd_kafka_message_t *message, int64_t seq)
{
    char key[32];
    int length = snprintf(key, sizeof key, "k%" PRId64, seq % KEYS);
    return message->key && message->key_len == (size_t)length &&
           memcmp(message->key, key, message->key_len) == 0;
}

static void judge(struct checker *c, const char *topic, const rd_kafka_message_t *message)
{
    int partition;
    int64_t seq;
    struct aq_slice id;
    bool known = parse_output(message, &partition, &seq, &id) && partition >= 0 && partition < c->n_parts &&
                 seq >= 0 && seq < c->parts[partition].count;
    c->found.sink++;
    if (!known || c->parts[partition].ids[seq] != XXH3_64bits(id.ptr, id.len) || !has_key(message, seq)) {
        c->found.altered++;
        show(c, "altered: %s[%d]@%" PRId64 " is no source record's output: %.*s\n", topic, message->partition,
             message->offset, (int)message->len, (const char *)message->payload);
        return;
    }
    struct part *part = &c->parts[partition];
    if (part->seen[seq]++ > 0) {
        c->found.duplicated++;
        if (c->exactly_once)
            show(c, "duplicated: %s[%d]@%" PRId64 " is source %d:%" PRId64 " again\n", topic,
                 message->partition, message->offset, partition, seq);
        return;
    }
    if (seq < part->last[seq % KEYS]) {
        c->found.reordered++;
        if (c->exactly_once)
            show(c, "reordered: %s[%d]@%" PRId64 " is source %d:%" PRId64 " behind %" PRId64 "\n", topic,
                 message->partition, message->offset, partition, seq, part->last[seq % KEYS]);
    }
    part->last[seq % KEYS] = seq;
}

/* Every record of a partition in the order of the log. */
static void stream(struct checker *c, struct t_stream *stream, const char *topic, int partition,
                   bool from_source)
{
    int64_t low, end;
    T_CHECK(t_stream_bounds(stream, topic, partition, &low, &end), "%s[%d]: no answer", topic, partition);
    t_stream_start(stream, topic, partition, low, end);
    const rd_kafka_message_t *message;
    while ((message = t_stream_next(stream))) {
        if (from_source)
            add_source(&c->parts[partition], message);
        else
            judge(c, topic, message);
    }
    t_stream_stop(stream);
}

static void count_lost(struct checker *c, const char *source)
{
    for (int p = 0; p < c->n_parts; p++) {
        c->found.source += c->parts[p].count;
        for (int64_t i = 0; i < c->parts[p].count; i++) {
            if (c->parts[p].seen[i] > 0) continue;
            c->found.lost++;
            show(c, "lost: %s[%d]@%" PRId64 " has no output\n", source, p, i);
        }
    }
}

struct t_rekey_found t_rekey_check(const char *brokers, const char *source, const char *sink,
                                   bool exactly_once, bool tell)
{
    struct checker *c = t_alloc(sizeof *c);
    struct t_cluster *cluster = t_cluster_open(brokers);
    struct t_stream *reader = t_stream_open(brokers, true);
    c->exactly_once = exactly_once;
    c->tell = tell;
    c->n_parts = t_partitions(cluster, source);
    int outputs = t_partitions(cluster, sink);
    T_CHECK(c->n_parts > 0 && c->n_parts <= MOST_PARTS && outputs > 0, "%d and %d partitions", c->n_parts,
            outputs);
    for (int p = 0; p < c->n_parts; p++) {
        memset(c->parts[p].last, -1, sizeof c->parts[p].last);
        stream(c, reader, source, p, true);
    }
    for (int p = 0; p < outputs; p++) stream(c, reader, sink, p, false);
    count_lost(c, source);
    struct t_rekey_found found = c->found;
    for (int p = 0; p < c->n_parts; p++) {
        free(c->parts[p].ids);
        free(c->parts[p].seen);
    }
    t_stream_close(reader);
    t_cluster_close(cluster);
    free(c);
    return found;
}

/* ---- counts ------------------------------------------------------------------------------------------------------- */

struct counting {
    int64_t last[KEYS];
    int64_t wrong;
    int shown;
    bool exactly_once, tell;
};

static void note_count(struct counting *c, const rd_kafka_message_t *message)
{
    char text[16] = "";
    T_CHECK(message->key && message->key_len > 1 && message->key_len < sizeof text && message->len == 8,
            "a count of %zu bytes", message->len);
    memcpy(text, message->key, message->key_len);
    int k = atoi(text + 1);
    int64_t n = (int64_t)aq_be64_get(message->payload);
    T_CHECK(text[0] == 'k' && k >= 0 && k < KEYS, "key %s", text);
    if (c->exactly_once && n != c->last[k] + 1) {
        c->wrong++;
        if (c->tell && c->shown++ < SHOWN_MOST)
            fprintf(stderr, "count of %s at [%d]@%" PRId64 ": %" PRId64 " behind %" PRId64 "\n", text,
                    message->partition, message->offset, n, c->last[k]);
    }
    c->last[k] = n;
}

static int64_t records_of(struct t_stream *reader, struct t_cluster *cluster, const char *source, int k)
{
    int64_t low, end, n = 0;
    for (int p = 0, parts = t_partitions(cluster, source); p < parts; p++) {
        T_CHECK(t_stream_bounds(reader, source, p, &low, &end), "%s[%d]: no answer", source, p);
        n += (end - k + KEYS - 1) / KEYS; /* numbers 0 to end - 1 that leave k */
    }
    return n;
}

int64_t t_rekey_miscounted(const char *brokers, const char *source, const char *counts, bool exactly_once,
                           bool tell)
{
    struct counting c = {.exactly_once = exactly_once, .tell = tell};
    struct t_cluster *cluster = t_cluster_open(brokers);
    struct t_stream *reader = t_stream_open(brokers, true);
    const rd_kafka_message_t *message;
    int64_t low, end;
    for (int p = 0, parts = t_partitions(cluster, counts); p < parts; p++) {
        T_CHECK(t_stream_bounds(reader, counts, p, &low, &end), "%s[%d]: no answer", counts, p);
        t_stream_start(reader, counts, p, low, end);
        while ((message = t_stream_next(reader))) note_count(&c, message);
        t_stream_stop(reader);
    }
    for (int k = 0; k < KEYS; k++) {
        int64_t true_count = records_of(reader, cluster, source, k);
        if (c.last[k] == true_count || (!exactly_once && c.last[k] > true_count)) continue;
        c.wrong++;
        if (tell && c.shown++ < SHOWN_MOST)
            fprintf(stderr, "key k%d was counted %" PRId64 " times, and there are %" PRId64 "\n", k,
                    c.last[k], true_count);
    }
    t_stream_close(reader);
    t_cluster_close(cluster);
    return c.wrong;
}

bool t_rekey_is_right(const struct t_rekey_found *found, bool exactly_once)
{
    if (found->lost > 0 || found->altered > 0 || found->source == 0) return false;
    return !exactly_once || (found->duplicated == 0 && found->reordered == 0);
}
