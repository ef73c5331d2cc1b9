/* SPDX-License-Identifier: Apache-2.0
 *
 * mirror_check: reads a source topic and its copy read_committed to their ends and says what was lost, duplicated,
 * reordered or changed.
 *
 * The ends are those at the start; a partition whose last stable offset lies before its high watermark has an open
 * transaction, and the checker waits for it to end (--wait), because a killed bridge's transaction is aborted by the
 * broker only after its timeout.
 *
 * An ordinary pass: for each partition the two sides are streamed in step; as long as the expected and the found record
 * have the same digest, nothing is kept. A failing pass: at the first difference the partition is read again and each
 * record becomes 24 bytes (identity, digest, offset); then the sink's records are matched to the source's by identity,
 * which tells lost, duplicated, reordered, different and alien apart. Memory is bounded by the streams' queues on
 * the ordinary pass, by 24 bytes a record of one partition on the failing one.
 *
 * Identity is the order's id (field order_id, else header order_id), else the whole record. The digest covers key,
 * value, headers in order, and timestamp, null and empty told apart. With --orders-chain the source record is first
 * taken through expect.c's own plain version of conf/examples/orders.conf.
 */
#include <getopt.h>
#include <xxhash.h>

#include "tests/lib/check.h"
#include "tests/lib/expect.h"
#include "tests/lib/read.h"
#include "tests/lib/wait.h"

#define MAX_TOPICS 64
#define MAX_SHOWN  5

struct options {
    const char *source, *sink;
    struct {
        const char *from, *to;
    } topics[MAX_TOPICS];
    int n_topics;
    const char *prefix, *ignore_header;
    bool chain, at_least_once, quiet, ignore_timestamp;
    int64_t wait_ms;
};

struct totals {
    uint64_t source, sink, lost, duplicated, reordered, different, alien;
};

/* What is kept of a record once the two sides differ. */
struct mark {
    uint64_t id, digest;
    int64_t offset;
};

struct marks {
    struct mark *list;
    size_t count, room;
};

struct side {
    struct t_stream *stream;
    const char *topic;
    int64_t low, end;
};

struct checker {
    struct options options;
    struct t_cluster *clusters[2];
    struct side source, sink;
    struct t_expect expect;
    struct totals totals;
    int shown;
    int partition;
};

/* ---- digests ------------------------------------------------------------------------------------------------------ */

static void add(XXH3_state_t *state, const void *bytes, size_t size)
{
    uint64_t length = bytes ? size : UINT64_MAX; /* null is not empty */
    XXH3_64bits_update(state, &length, sizeof length);
    if (bytes && size) XXH3_64bits_update(state, bytes, size);
}

static void add_headers(const struct options *o, XXH3_state_t *state, const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
    const char *name;
    const void *value;
    size_t size;
    for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &size); i++) {
        if (o->ignore_header && strcmp(name, o->ignore_header) == 0) continue;
        add(state, name, strlen(name));
        add(state, value, size);
    }
}

static uint64_t digest(const struct options *o, const rd_kafka_message_t *message, struct aq_slice value)
{
    static XXH3_state_t *state;
    if (!state && !(state = XXH3_createState())) T_FAIL("out of memory");
    XXH3_64bits_reset(state);
    add(state, message->key, message->key_len);
    add(state, value.ptr, value.len);
    add_headers(o, state, message);
    rd_kafka_timestamp_type_t type;
    int64_t timestamp = rd_kafka_message_timestamp(message, &type);
    if (!o->ignore_timestamp) add(state, &timestamp, sizeof timestamp);
    return XXH3_64bits_digest(state);
}

/* 0: the record names no order. */
static uint64_t order_id(const rd_kafka_message_t *message)
{
    struct aq_slice id =
        t_expect_order_id(aq_slice_of(message->payload, message->payload ? message->len : 0));
    rd_kafka_headers_t *headers;
    const void *bytes;
    size_t size;
    if (!id.ptr && rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR &&
        rd_kafka_header_get_last(headers, "order_id", &bytes, &size) == RD_KAFKA_RESP_ERR_NO_ERROR)
        id = aq_slice_of(bytes, size);
    return id.ptr ? XXH3_64bits(id.ptr, id.len) : 0;
}

static struct mark mark_of(struct checker *c, const rd_kafka_message_t *message, bool from_source,
                           bool with_id)
{
    struct aq_slice value = aq_slice_of(message->payload, message->payload ? message->len : 0);
    if (!message->payload) value = AQ_NULL_SLICE;
    if (from_source && c->options.chain) value = t_expect_orders(&c->expect, value);
    struct mark mark = {.digest = digest(&c->options, message, value), .offset = message->offset};
    if (with_id) mark.id = order_id(message);
    if (!mark.id) mark.id = mark.digest;
    return mark;
}

/* ---- ends --------------------------------------------------------------------------------------------------------- */

/* Fills low and end of one side, once no transaction is open before the high watermark, or the patience is over. */
static void find_ends(struct checker *c, struct side *side, struct t_cluster *cluster, int64_t deadline)
{
    for (;;) {
        int64_t low, high;
        if (!t_watermarks(cluster, side->topic, c->partition, 30000, &low, &high) ||
            !t_stream_bounds(side->stream, side->topic, c->partition, &side->low, &side->end))
            T_FAIL("%s[%d]: the brokers do not answer", side->topic, c->partition);
        if (side->end >= high) return;
        if (t_now_ms() >= deadline) {
            fprintf(
                stderr,
                "note: %s[%d]: a transaction is still open at %lld; records from there to %lld are not seen\n",
                side->topic, c->partition, (long long)side->end, (long long)high);
            return;
        }
        t_sleep_ms(200);
    }
}

static void start(struct checker *c, struct side *side)
{
    t_stream_start(side->stream, side->topic, c->partition, side->low, side->end);
}

/* ---- the failing pass --------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static bool show(struct checker *c, const char *format, ...)
{
    if (c->options.quiet || c->shown++ >= MAX_SHOWN) return false;
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    return true;
}

/* Both values from the byte where they part. */
static void show_values(struct checker *c, int64_t source_offset, int64_t sink_offset)
{
    struct aq_slice found[2] = {AQ_NULL_SLICE, AQ_NULL_SLICE};
    char *copies[2] = {NULL, NULL};
    struct side *sides[2] = {&c->source, &c->sink};
    int64_t offsets[2] = {source_offset, sink_offset};
    for (int i = 0; i < 2; i++) {
        t_stream_start(sides[i]->stream, sides[i]->topic, c->partition, offsets[i], offsets[i] + 1);
        const rd_kafka_message_t *message = t_stream_next(sides[i]->stream);
        if (message && message->payload) {
            found[i] = aq_slice_of(message->payload, message->len);
            if (i == 0 && c->options.chain) found[i] = t_expect_orders(&c->expect, found[i]);
            copies[i] = t_alloc(found[i].len + 1);
            memcpy(copies[i], found[i].ptr, found[i].len);
            found[i].ptr = copies[i];
        }
        t_stream_stop(sides[i]->stream);
    }
    size_t same = 0;
    while (same < found[0].len && same < found[1].len && found[0].ptr[same] == found[1].ptr[same]) same++;
    size_t from = same > 30 ? same - 30 : 0;
    if (aq_slice_equal(found[0], found[1]))
        printf("    the values are equal: key, headers or timestamp differ\n");
    else
        printf("    from byte %zu\n    expected %.100s\n    found    %.100s\n", same,
               copies[0] ? copies[0] + from : "null", copies[1] ? copies[1] + from : "null");
    free(copies[0]);
    free(copies[1]);
}

static void collect(struct checker *c, struct side *side, bool from_source, struct marks *marks)
{
    start(c, side);
    const rd_kafka_message_t *message;
    while ((message = t_stream_next(side->stream))) {
        if (marks->count == marks->room) {
            marks->room = marks->room ? marks->room * 2 : 4096;
            marks->list = t_realloc(marks->list, marks->room * sizeof *marks->list);
        }
        marks->list[marks->count++] = mark_of(c, message, from_source, true);
    }
    t_stream_stop(side->stream);
}

/* Source records by identity; `place` is the record's index in the partition, `found` how its copy came. */
struct entry {
    uint64_t id;
    size_t place;
    bool found;
};

static int by_id(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->id != y->id) return x->id < y->id ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static struct entry *first_with(struct entry *entries, size_t n, uint64_t id)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (entries[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && entries[low].id == id ? &entries[low] : NULL;
}

/* Equal source records (tests write them) have one identity: the k-th copy belongs to the k-th of them. */
static struct entry *match(struct entry *entries, size_t n, uint64_t id, struct entry **ret_any)
{
    struct entry *entry = *ret_any = first_with(entries, n, id);
    for (; entry && entry < entries + n && entry->id == id; entry++) {
        if (!entry->found) return entry;
    }
    return NULL;
}

static void judge(struct checker *c, const struct marks *source, const struct marks *sink,
                  struct entry *entries)
{
    size_t furthest = 0;
    const char *to = c->sink.topic;
    for (size_t i = 0; i < sink->count; i++) {
        const struct mark *copy = &sink->list[i];
        struct entry *any, *entry = match(entries, source->count, copy->id, &any);
        long long at = (long long)copy->offset;
        if (!any) {
            c->totals.alien++;
            show(c, "alien: %s[%d]@%lld is no source record's copy\n", to, c->partition, at);
            continue;
        }
        const struct mark *original = &source->list[entry ? entry->place : any->place];
        if (!entry) {
            c->totals.duplicated++;
            if (!c->options.at_least_once)
                show(c, "duplicated: %s[%d]@%lld is source offset %lld again\n", to, c->partition, at,
                     (long long)original->offset);
            continue;
        }
        entry->found = true;
        if (original->digest != copy->digest) {
            c->totals.different++;
            if (show(c, "different: %s[%d]@%lld, from source offset %lld\n", to, c->partition, at,
                     (long long)original->offset))
                show_values(c, original->offset, copy->offset);
        }
        if (entry->place < furthest) {
            c->totals.reordered++;
            show(c, "reordered: %s[%d]@%lld (source offset %lld) comes after source offset %lld\n", to,
                 c->partition, at, (long long)original->offset, (long long)source->list[furthest].offset);
        } else {
            furthest = entry->place;
        }
    }
}

static void compare_closely(struct checker *c)
{
    struct marks source = {0}, sink = {0};
    collect(c, &c->source, true, &source);
    collect(c, &c->sink, false, &sink);
    struct entry *entries = t_alloc(source.count * sizeof *entries);
    for (size_t i = 0; i < source.count; i++)
        entries[i] = (struct entry){.id = source.list[i].id, .place = i};
    qsort(entries, source.count, sizeof *entries, by_id);
    judge(c, &source, &sink, entries);
    for (size_t i = 0; i < source.count; i++) {
        if (entries[i].found) continue;
        c->totals.lost++;
        show(c, "lost: %s[%d]@%lld has no copy in %s\n", c->source.topic, c->partition,
             (long long)source.list[entries[i].place].offset, c->sink.topic);
    }
    c->totals.source += source.count;
    c->totals.sink += sink.count;
    free(entries);
    free(source.list);
    free(sink.list);
}

/* ---- the ordinary pass -------------------------------------------------------------------------------------------- */

/* True when the two sides are the same, record by record. */
static bool in_step(struct checker *c, uint64_t *ret_records)
{
    start(c, &c->source);
    start(c, &c->sink);
    uint64_t n = 0;
    bool same;
    for (;;) {
        const rd_kafka_message_t *expected = t_stream_next(c->source.stream);
        const rd_kafka_message_t *found = t_stream_next(c->sink.stream);
        same = !expected == !found;
        if (!expected || !found) break;
        same = mark_of(c, expected, true, false).digest == mark_of(c, found, false, false).digest;
        if (!same) break;
        n++;
    }
    t_stream_stop(c->source.stream);
    t_stream_stop(c->sink.stream);
    *ret_records = n;
    return same;
}

static void check_topic(struct checker *c, const char *from, const char *to, int64_t deadline)
{
    int counts[2] = {-1, -1};
    (void)T_WAIT(30000, (counts[0] = t_partitions(c->clusters[0], from)) > 0);
    (void)T_WAIT(30000, (counts[1] = t_partitions(c->clusters[1], to)) >= 0);
    if (counts[0] <= 0) T_FAIL("source topic %s: no answer or no such topic", from);
    if (counts[1] < 0) T_FAIL("sink topic %s: no answer", to);
    c->source.topic = from;
    c->sink.topic = to;
    for (c->partition = 0; c->partition < counts[0] || c->partition < counts[1]; c->partition++) {
        uint64_t records = 0;
        c->source.low = c->source.end = c->sink.low = c->sink.end = 0;
        if (c->partition < counts[0]) find_ends(c, &c->source, c->clusters[0], deadline);
        if (c->partition < counts[1]) find_ends(c, &c->sink, c->clusters[1], deadline);
        if (in_step(c, &records)) {
            c->totals.source += records;
            c->totals.sink += records;
        } else {
            compare_closely(c);
        }
    }
}

/* ---- command line ------------------------------------------------------------------------------------------------- */

static void usage(FILE *out)
{
    fputs("usage: mirror_check --source B --sink B --topic FROM[=TO] [options]\n"
          "  --topic FROM[=TO]   repeat for several; TO is FROM with the prefix when it is not given\n"
          "  --prefix P          sink topics are named P + source topic\n"
          "  --identical         records are equal byte for byte (the default)\n"
          "  --orders-chain      as conf/examples/orders.conf changes them (prefix dc1.)\n"
          "  --at-least-once     duplicates are counted, not a fault\n"
          "  --ignore-timestamp  --ignore-header NAME\n"
          "  --wait SECONDS      patience with open transactions (90)\n"
          "  --quiet             only the summary line\n"
          "exit: 0 equal, 1 not, 255 no answer\n",
          out);
}

static const struct option long_options[] = {
    {"source", 1, NULL, 's'},
    {"sink", 1, NULL, 'd'},
    {"topic", 1, NULL, 't'},
    {"prefix", 1, NULL, 'p'},
    {"identical", 0, NULL, 'i'},
    {"orders-chain", 0, NULL, 'c'},
    {"at-least-once", 0, NULL, 'a'},
    {"ignore-timestamp", 0, NULL, 'T'},
    {"ignore-header", 1, NULL, 'H'},
    {"wait", 1, NULL, 'w'},
    {"quiet", 0, NULL, 'q'},
    {"help", 0, NULL, 'h'},
    {0},
};

static void apply(struct options *o, int option)
{
    switch (option) {
    case 's': o->source = optarg; break;
    case 'd': o->sink = optarg; break;
    case 't':
        if (o->n_topics == MAX_TOPICS) T_FAIL("more than %d topics", MAX_TOPICS);
        o->topics[o->n_topics++].from = optarg;
        break;
    case 'p': o->prefix = optarg; break;
    case 'i': o->chain = false; break;
    case 'c': o->chain = true; break;
    case 'a': o->at_least_once = true; break;
    case 'T': o->ignore_timestamp = true; break;
    case 'H': o->ignore_header = optarg; break;
    case 'w': o->wait_ms = atol(optarg) * 1000; break;
    case 'q': o->quiet = true; break;
    case 'h': usage(stdout); exit(0);
    default: usage(stderr); exit(64);
    }
}

static void parse(int argc, char **argv, struct options *o)
{
    o->wait_ms = 90000;
    int option;
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) apply(o, option);
    if (!o->source || !o->sink || !o->n_topics || optind != argc) {
        usage(stderr);
        exit(64);
    }
    if (!o->prefix) o->prefix = o->chain ? "dc1." : "";
    for (int i = 0; i < o->n_topics; i++) {
        char *from = t_printf("%s", o->topics[i].from), *equals = strchr(from, '=');
        if (equals) *equals = '\0';
        o->topics[i].from = from;
        o->topics[i].to = equals ? equals + 1 : t_printf("%s%s", o->prefix, from);
    }
}

int main(int argc, char **argv)
{
    struct checker c = {0};
    parse(argc, argv, &c.options);
    c.clusters[0] = t_cluster_open(c.options.source);
    c.clusters[1] = t_cluster_open(c.options.sink);
    c.source.stream = t_stream_open(c.options.source, true);
    c.sink.stream = t_stream_open(c.options.sink, true);
    int64_t deadline = t_now_ms() + c.options.wait_ms;
    for (int i = 0; i < c.options.n_topics; i++)
        check_topic(&c, c.options.topics[i].from, c.options.topics[i].to, deadline);
    const struct totals *t = &c.totals;
    if (c.shown > MAX_SHOWN) printf("… and %d more\n", c.shown - MAX_SHOWN);
    printf("source=%llu sink=%llu lost=%llu duplicated=%llu reordered=%llu different=%llu alien=%llu\n",
           (unsigned long long)t->source, (unsigned long long)t->sink, (unsigned long long)t->lost,
           (unsigned long long)t->duplicated, (unsigned long long)t->reordered,
           (unsigned long long)t->different, (unsigned long long)t->alien);
    t_stream_close(c.source.stream);
    t_stream_close(c.sink.stream);
    t_cluster_close(c.clusters[0]);
    t_cluster_close(c.clusters[1]);
    t_expect_finish(&c.expect);
    bool fine = !t->lost && !t->reordered && !t->different && !t->alien &&
                (!t->duplicated || c.options.at_least_once);
    return fine ? 0 : 1;
}
