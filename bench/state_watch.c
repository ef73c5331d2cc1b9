/* SPDX-License-Identifier: Apache-2.0
 *
 * state_watch: starts an engine that counts or joins the events of state_fill, watches its output grow from outside, says how fast and at what
 * cost, and compares what came out with what the rule gives (bench/lib/state_rule.h).
 *
 * How many records an engine with a cache writes is its own affair, so their number says nothing. What is watched is their sum: the
 * latest counts of all keys (windows, sessions) add up to the number of events when every event is in a count, and not before. Only
 * offsets are asked for while the output grows, because reading takes CPU time from who is measured; when it has stood still for LULL_MS
 * what is new is read, and if the sum is there the run is over. The last growth is its end: the lull is in no figure. Joins write one
 * record an event, which is the same with their number as the sum.
 *
 * took_s counts from the start of the process, first_s to what is seen first; flow_* from there on, without the first_n events that are in
 * what the first look saw: the figures of an engine that is warm, when results come in more than one go. CPU seconds are those of the process at
 * the moment of the last growth, memory is its peak resident set, both with whatever threads it has.
 *
 * A process begins with the resident set of the one that forked it: nothing large is allocated before the engine is started.
 */
#include <getopt.h>
#include <signal.h>
#include <xxhash.h>

#include "base/big_endian.h"
#include "base/hash.h"
#include "bench/lib/state_rule.h"
#include "tests/lib/check.h"
#include "tests/lib/process.h"
#include "tests/lib/read.h"
#include "tests/lib/wait.h"

#define POLL_MS    10
#define LULL_MS    500
#define STOP_MS    60000
#define SHOWN_MOST 5 /* differences */

enum sort { COUNT, WINDOWS, SESSIONS, JOIN };

struct options {
    const char *brokers, *topic, *log;
    enum sort sort;
    uint64_t records, first;
    uint32_t keys;
    int partitions;
    int64_t timeout_ms;
};

/* What is counted of a key: start is 0 without windows, end is a session's. */
struct row {
    int64_t start, end, count;
};

struct rows {
    struct row *list;
    uint32_t n, cap;
};

/* The records of a partition: how many, the same whatever their order, the same in the same order. */
struct sums {
    uint64_t records, digest, order;
};

struct results {
    struct rows *keys;
    struct sums sums[ST_PARTITIONS];
    int64_t done; /* events that are in the results */
};

struct watch {
    const struct options *o;
    struct t_process *engine;
    struct t_stream *stream;
    rd_kafka_t *rk;
    struct results found;
    int64_t ends[ST_PARTITIONS], first_ends[ST_PARTITIONS], at[ST_PARTITIONS];
    int64_t started_us, first_us, last_us, seen, first_n, outputs;
    double first_cpu, last_cpu;
};

/* ---- results ------------------------------------------------------------------------------------------------------ */

static struct row *find_row(struct rows *rows, int64_t start, int64_t end)
{
    for (uint32_t i = rows->n; i-- > 0;)
        if (rows->list[i].start == start && rows->list[i].end == end) return &rows->list[i];
    return NULL;
}

static struct row *add_row(struct rows *rows, int64_t start, int64_t end)
{
    if (rows->n == rows->cap) {
        rows->cap = rows->cap ? rows->cap * 2 : 1;
        rows->list = t_realloc(rows->list, rows->cap * sizeof *rows->list);
    }
    rows->list[rows->n] = (struct row){.start = start, .end = end};
    return &rows->list[rows->n++];
}

/* count < 0: the row is gone. */
static void set_row(struct results *results, uint32_t key, int64_t start, int64_t end, int64_t count)
{
    struct rows *rows = &results->keys[key];
    struct row *row = find_row(rows, start, end);
    if (!row && count < 0) return;
    if (!row) row = add_row(rows, start, end);
    results->done += (count < 0 ? 0 : count) - row->count;
    row->count = count;
    if (count < 0) *row = rows->list[--rows->n];
}

/* Null and empty are told apart by the length that goes in first. */
static uint64_t hash_of(uint64_t hash, struct aq_slice bytes)
{
    uint64_t length = bytes.ptr ? bytes.len : UINT64_MAX;
    hash = XXH3_64bits_withSeed(&length, sizeof length, hash);
    return bytes.len ? XXH3_64bits_withSeed(bytes.ptr, bytes.len, hash) : hash;
}

static void add_joined(struct results *results, int partition, struct aq_slice key, struct aq_slice value,
                       int64_t time_ms)
{
    struct sums *sums = &results->sums[partition];
    uint64_t hash = hash_of(hash_of(0, key), value);
    hash = XXH3_64bits_withSeed(&time_ms, sizeof time_ms, hash);
    sums->records++;
    sums->digest += hash;
    sums->order = st_mix(sums->order) + hash;
    results->done++;
}

static void make_results(struct results *results, const struct options *o)
{
    *results = (struct results){0};
    results->keys = t_alloc(o->keys * sizeof *results->keys);
}

static void free_results(struct results *results, const struct options *o)
{
    for (uint32_t k = 0; k < o->keys; k++) free(results->keys[k].list);
    free(results->keys);
}

/* ---- what the engine wrote ---------------------------------------------------------------------------------------- */

static size_t tail_of(enum sort sort)
{
    return sort == WINDOWS ? 8 : sort == SESSIONS ? 16 : 0;
}

/* Keys of windows are the key and the start, those of sessions the key, the end and the start. */
static void take_count(struct watch *w, const rd_kafka_message_t *m)
{
    char text[ST_KEY_LEN + 1] = "";
    const char *tail = (const char *)m->key + ST_KEY_LEN;
    if (!m->key || m->key_len != ST_KEY_LEN + tail_of(w->o->sort) || (m->payload && m->len != 8))
        T_FAIL("%s: no count: key of %zu bytes, value of %zu", w->o->topic, m->key_len, m->len);
    memcpy(text, m->key, ST_KEY_LEN);
    unsigned key = 0;
    if (sscanf(text, "device-%u", &key) != 1 || key >= w->o->keys)
        T_FAIL("%s: strange key %s", w->o->topic, text);
    int64_t end = w->o->sort == SESSIONS ? (int64_t)aq_be64_get(tail) : 0;
    int64_t start = w->o->sort == COUNT ? 0 : (int64_t)aq_be64_get(w->o->sort == SESSIONS ? tail + 8 : tail);
    set_row(&w->found, key, start, end, m->payload ? (int64_t)aq_be64_get(m->payload) : -1);
}

static void take(struct watch *w, int partition, const rd_kafka_message_t *m)
{
    rd_kafka_timestamp_type_t type;
    w->outputs++;
    if (w->o->sort != JOIN)
        take_count(w, m);
    else
        add_joined(&w->found, partition, aq_slice_of(m->key, m->key_len), aq_slice_of(m->payload, m->len),
                   rd_kafka_message_timestamp(m, &type));
}

static void read_to(struct watch *w, const int64_t *ends)
{
    for (int p = 0; p < w->o->partitions; p++) {
        const rd_kafka_message_t *m;
        if (w->at[p] >= ends[p]) continue;
        t_stream_start(w->stream, w->o->topic, p, w->at[p], ends[p]);
        while ((m = t_stream_next(w->stream))) take(w, p, m);
        t_stream_stop(w->stream);
        w->at[p] = ends[p];
    }
}

/* ---- watching ----------------------------------------------------------------------------------------------------- */

/* Sum of the last stable offsets as far as they are known. */
static int64_t visible(struct watch *w)
{
    int64_t sum = 0;
    for (int p = 0; p < w->o->partitions; p++) {
        int64_t low, end;
        if (!rd_kafka_query_watermark_offsets(w->rk, w->o->topic, p, &low, &end, 1000) && end > w->ends[p])
            w->ends[p] = end;
        sum += w->ends[p];
    }
    return sum;
}

static void look(struct watch *w)
{
    int64_t sum = visible(w), now = t_now_us();
    if (sum <= w->seen) return;
    w->seen = sum;
    w->last_us = now;
    double cpu = t_cpu_so_far(w->engine);
    if (cpu >= 0) w->last_cpu = cpu;
    if (w->first_us) return;
    w->first_us = now;
    w->first_cpu = w->last_cpu;
    memcpy(w->first_ends, w->ends, sizeof w->first_ends);
}

static bool is_whole(const struct watch *w)
{
    return (uint64_t)w->found.done >= w->o->records;
}

static void catch_up(struct watch *w)
{
    if (w->outputs == 0) {
        read_to(w, w->first_ends);
        w->first_n = w->found.done;
    }
    read_to(w, w->ends);
}

static void follow(struct watch *w)
{
    int64_t deadline = t_now_ms() + w->o->timeout_ms, read_at = 0;
    bool ended = false;
    while (!is_whole(w) && !ended && t_now_ms() < deadline) {
        /* One more look after its end, then there is nothing to wait for. */
        ended = !t_running(w->engine);
        look(w);
        bool lull = w->first_us && t_now_us() - w->last_us > LULL_MS * 1000;
        if (w->seen > read_at && (lull || ended)) {
            catch_up(w);
            read_at = w->seen;
        }
        t_sleep_ms(POLL_MS);
    }
}

/* ---- what must come out ------------------------------------------------------------------------------------------- */

struct event {
    uint32_t key;
    int64_t time;
};

static int by_key_and_time(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return (x->time > y->time) - (x->time < y->time);
}

/* The row that an event belongs to, which is the last one of its key: events come sorted. */
static struct row *row_of(struct rows *rows, const struct event *event, enum sort sort)
{
    int64_t start = sort == COUNT     ? 0
                    : sort == WINDOWS ? event->time - event->time % ST_WINDOW_MS
                                      : event->time;
    struct row *last = rows->n ? &rows->list[rows->n - 1] : NULL;
    bool belongs = last && (sort == SESSIONS ? event->time - last->end <= ST_GAP_MS : last->start == start);
    if (!belongs) last = add_row(rows, start, 0);
    if (sort == SESSIONS) last->end = event->time;
    return last;
}

static void expect_counts(struct results *results, const struct options *o)
{
    struct event *events = t_alloc(o->records * sizeof *events);
    for (uint64_t i = 0; i < o->records; i++)
        events[i] = (struct event){st_event_key(o->first + i, o->keys), st_event_time(o->first + i)};
    qsort(events, o->records, sizeof *events, by_key_and_time);
    for (uint64_t i = 0; i < o->records; i++)
        row_of(&results->keys[events[i].key], &events[i], o->sort)->count++;
    free(events);
}

static void expect_joins(struct results *results, const struct options *o)
{
    char key[ST_ROOM], value[2 * ST_ROOM + 1];
    for (uint64_t n = o->first; n < o->first + o->records; n++) {
        uint32_t k = st_event_key(n, o->keys);
        struct aq_slice text = aq_slice_of(key, st_key_text(key, k));
        size_t len = st_event_value(value, n);
        value[len++] = '|';
        len += st_row_value(value + len, k);
        add_joined(results, aq_partition_for_key(text, o->partitions), text, aq_slice_of(value, len),
                   st_event_time(n));
    }
}

static int by_start(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

static void show(const char *name, uint32_t key, const struct rows *rows)
{
    fprintf(stderr, "  key %u %s:", key, name);
    for (uint32_t i = 0; i < rows->n; i++)
        fprintf(stderr, " [%lld,%lld]=%lld",
                (long long)(rows->list[i].start ? rows->list[i].start - ST_FIRST_MS : 0),
                (long long)(rows->list[i].end ? rows->list[i].end - ST_FIRST_MS : 0),
                (long long)rows->list[i].count);
    fputc('\n', stderr);
}

static bool same_rows(struct rows *a, struct rows *b)
{
    if (a->n != b->n) return false;
    if (a->n == 0) return true;
    qsort(a->list, a->n, sizeof *a->list, by_start);
    qsort(b->list, b->n, sizeof *b->list, by_start);
    return memcmp(a->list, b->list, a->n * sizeof *a->list) == 0;
}

/* Keys, or partitions of joins, that are not as the rule says. */
static uint64_t count_wrong(struct watch *w)
{
    struct results expected;
    uint64_t wrong = 0;
    make_results(&expected, w->o);
    if (w->o->sort == JOIN)
        expect_joins(&expected, w->o);
    else
        expect_counts(&expected, w->o);
    for (int p = 0; p < w->o->partitions; p++) {
        if (memcmp(&expected.sums[p], &w->found.sums[p], sizeof expected.sums[p]) == 0) continue;
        wrong++;
        fprintf(stderr, "  partition %d: %llu records expected, %llu found\n", p,
                (unsigned long long)expected.sums[p].records, (unsigned long long)w->found.sums[p].records);
    }
    for (uint32_t k = 0; k < w->o->keys; k++) {
        if (same_rows(&expected.keys[k], &w->found.keys[k])) continue;
        if (wrong++ >= SHOWN_MOST) continue;
        show("expected", k, &expected.keys[k]);
        show("found", k, &w->found.keys[k]);
    }
    free_results(&expected, w->o);
    return wrong;
}

/* ---- report ------------------------------------------------------------------------------------------------------- */

static void keep_log(const struct watch *w)
{
    FILE *file = w->o->log ? fopen(w->o->log, "w") : NULL;
    if (!file) return;
    fputs(t_stdout(w->engine), file);
    fputs(t_stderr(w->engine), file);
    fclose(file);
}

static int report(struct watch *w)
{
    t_signal(w->engine, SIGTERM);
    int code = t_wait_exit(w->engine, STOP_MS);
    keep_log(w);
    /* What it wrote while it stopped counts as well. */
    visible(w);
    read_to(w, w->ends);
    bool whole = is_whole(w);
    uint64_t wrong = count_wrong(w);
    printf(
        "records=%llu complete=%s wrong=%llu outputs=%lld took_s=%.3f first_s=%.3f first_n=%lld flow_s=%.3f "
        "flow_cpu_s=%.2f cpu_s=%.2f peak_mb=%.1f exit=%d\n",
        (unsigned long long)w->o->records, whole ? "yes" : "no", (unsigned long long)wrong,
        (long long)w->outputs, (double)(w->last_us - w->started_us) / 1e6,
        (double)(w->first_us - w->started_us) / 1e6, (long long)w->first_n,
        (double)(w->last_us - w->first_us) / 1e6, w->last_cpu - w->first_cpu, w->last_cpu,
        (double)t_peak_kb(w->engine) / 1024, code);
    if (!whole || code == T_STILL_RUNNING)
        fprintf(stderr, "%s\n%s\n", t_stdout(w->engine), t_stderr(w->engine));
    t_process_free(w->engine);
    return whole && wrong == 0 ? 0 : 1;
}

/* ---- command line ------------------------------------------------------------------------------------------------- */

_Noreturn static void usage(void)
{
    fputs(
        "usage: state_watch --case count|windows|sessions|join --brokers B --topic T --records N [--first N]\n"
        "                   [--keys K] [--partitions P] [--timeout SECONDS] [--log FILE] -- COMMAND…\n",
        stderr);
    exit(64);
}

static enum sort sort_of(const char *name)
{
    static const char *const names[] = {"count", "windows", "sessions", "join"};
    for (int i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0) return (enum sort)i;
    usage();
}

static void parse(int argc, char **argv, struct options *o)
{
    static const struct option known[] = {{"case", 1, NULL, 'c'},       {"brokers", 1, NULL, 'b'},
                                          {"topic", 1, NULL, 't'},      {"records", 1, NULL, 'n'},
                                          {"first", 1, NULL, 'f'},      {"keys", 1, NULL, 'k'},
                                          {"partitions", 1, NULL, 'p'}, {"timeout", 1, NULL, 'T'},
                                          {"log", 1, NULL, 'l'},        {0}};
    int option;
    while ((option = getopt_long(argc, argv, "+", known, NULL)) != -1) {
        switch (option) {
        case 'c': o->sort = sort_of(optarg); break;
        case 'b': o->brokers = optarg; break;
        case 't': o->topic = optarg; break;
        case 'n': o->records = strtoull(optarg, NULL, 10); break;
        case 'f': o->first = strtoull(optarg, NULL, 10); break;
        case 'k': o->keys = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'p': o->partitions = atoi(optarg); break;
        case 'T': o->timeout_ms = atoll(optarg) * 1000; break;
        case 'l': o->log = optarg; break;
        default: usage();
        }
    }
    if (!o->brokers || !o->topic || o->records < 1 || o->partitions < 1 || o->partitions > ST_PARTITIONS ||
        o->keys < 1 || o->keys > ST_KEYS_MOST || optind == argc)
        usage();
}

int main(int argc, char **argv)
{
    struct options o = {.keys = 100000, .partitions = 4, .timeout_ms = 180000};
    parse(argc, argv, &o);
    struct watch w = {.o = &o, .started_us = t_now_us()};
    w.engine = t_start((const char *const *)(argv + optind), NULL);
    make_results(&w.found, &o);
    const char *properties[] = {"isolation.level=read_committed", NULL};
    w.rk = t_client(RD_KAFKA_CONSUMER, o.brokers, properties);
    w.stream = t_stream_open(o.brokers, true);
    follow(&w);
    int rc = report(&w);
    t_stream_close(w.stream);
    rd_kafka_destroy(w.rk);
    free_results(&w.found, &o);
    return rc;
}
