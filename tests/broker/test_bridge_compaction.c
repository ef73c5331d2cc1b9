/* SPDX-License-Identifier: Apache-2.0
 *
 * A compacted source. Its log has gaps before, around and behind the position; a gap is no anomaly, nothing that the log
 * holds is lost and nothing comes twice, whether compaction works while the bridge is stopped (it may take the very
 * record the position remembers) or while it runs.
 *
 * The cleaner is made quick: a segment a round (records a second apart by their timestamps, segment.ms = 100), the
 * lowest dirty ratio, tombstones without delay, and a cleaner that looks every 200 ms instead of every 15 s, which is
 * a setting of the brokers and is taken back at the end. The last round stays in the active segment, which is never
 * compacted: "done" is when every key before it stands there once.
 */
#include <inttypes.h>

#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/http.h"
#include "tests/lib/mirror.h"
#include "tests/lib/wait.h"

#define END_MS     30000
#define PARTITIONS 2
#define KEYS       40
#define LASTING    5  /* more keys, written once: they stay, and would show if they came again */
#define ROUND      60 /* records a round and partition: some keys come twice in it */

/* ---- the brokers' cleaner ------------------------------------------------------------------------------------------- */

/* backoff NULL: as it was configured. */
static void alter_broker(rd_kafka_t *rk, int id, const char *backoff)
{
    char name[16];
    snprintf(name, sizeof name, "%d", id);
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, name);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    if (backoff) rd_kafka_ConfigResource_set_config(resource, "log.cleaner.backoff.ms", backoff);
    rd_kafka_AlterConfigs(rk, &resource, 1, NULL, queue);
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, END_MS);
    if (!event || rd_kafka_event_error(event))
        T_FAIL("broker %d: %s", id, event ? rd_kafka_event_error_string(event) : "no answer");
    size_t n;
    const rd_kafka_ConfigResource_t **answers =
        rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &n);
    T_CHECK(n == 1 && !rd_kafka_ConfigResource_error(answers[0]), "broker %d: %s", id,
            rd_kafka_ConfigResource_error_string(answers[0]));
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
}

static void alter_cleaner(const char *backoff)
{
    rd_kafka_t *rk = t_client(RD_KAFKA_PRODUCER, t_pair.source, (const char *const[]){NULL});
    const struct rd_kafka_metadata *metadata;
    if (rd_kafka_metadata(rk, 0, NULL, &metadata, END_MS)) T_FAIL("no metadata of the source");
    for (int i = 0; i < metadata->broker_cnt; i++) alter_broker(rk, metadata->brokers[i].id, backoff);
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_destroy(rk);
}

static int set_up(void **state)
{
    t_pair_setup(state);
    alter_cleaner("200");
    return 0;
}

static int tear_down(void **state)
{
    alter_cleaner(NULL);
    return t_pair_teardown(state);
}

/* ---- writing -------------------------------------------------------------------------------------------------------- */

struct scene {
    struct t_name topic;
    struct t_name route;
    struct t_producer *producer;
    int64_t time; /* of the round */
    int serial;
};

static void open_scene(struct scene *s)
{
    *s = (struct scene){.topic = t_unique("compact"), .route = t_unique("compact-route")};
    s->time = t_wall_ms() - 3600000;
    t_topic_create(t_pair.src, s->topic.text, PARTITIONS, "cleanup.policy=compact", "segment.ms=100",
                   "min.cleanable.dirty.ratio=0.01", "delete.retention.ms=0", NULL);
    s->producer = t_producer_open(t_pair.source, NULL, NULL);
}

/* Every key at least once in each partition, every seventh record a tombstone; a segment of its own. */
static void write_round(struct scene *s)
{
    char key[16], value[32];
    s->time += 1000;
    for (int i = 0; i < ROUND * PARTITIONS; i++) {
        snprintf(key, sizeof key, "k%d", i / PARTITIONS * 7 % KEYS);
        snprintf(value, sizeof value, "v%d", s->serial++);
        struct t_record record = {.key = aq_slice_str(key),
                                  .value = i % 7 == 3 ? AQ_NULL_SLICE : aq_slice_str(value),
                                  .timestamp = s->time,
                                  .partition = i % PARTITIONS};
        t_send(s->producer, s->topic.text, &record);
    }
    t_flush(s->producer);
}

static void write_lasting(struct scene *s)
{
    char key[16];
    s->time += 1000;
    for (int i = 0; i < LASTING * PARTITIONS; i++) {
        snprintf(key, sizeof key, "k%d", KEYS + i / PARTITIONS);
        struct t_record record = {.key = aq_slice_str(key),
                                  .value = AQ_LIT("v0"),
                                  .timestamp = s->time,
                                  .partition = i % PARTITIONS};
        t_send(s->producer, s->topic.text, &record);
    }
    t_flush(s->producer);
}

/* Every key but those of the newest record stands there once. */
static bool is_compact(const struct t_log *log)
{
    int seen[PARTITIONS][KEYS + LASTING] = {{0}};
    int64_t active = 0;
    for (size_t i = 0; i < log->count; i++)
        if (log->records[i].timestamp > active) active = log->records[i].timestamp;
    for (size_t i = 0; i < log->count; i++) {
        const struct t_record *r = &log->records[i];
        if (r->timestamp < active && seen[r->partition][atoi(r->key.ptr + 1)]++) return false;
    }
    return true;
}

/* n rounds, and the log as compaction leaves it. */
static struct t_log *write_and_compact(struct scene *s, int n)
{
    for (int i = 0; i < n; i++) write_round(s);
    int64_t deadline = t_now_ms() + END_MS;
    for (;;) {
        struct t_log *log = t_read(t_pair.source, s->topic.text, -1, true);
        if (is_compact(log)) {
            T_CHECK((int64_t)log->count < t_log_span(t_pair.src, s->topic.text) / 2, "%zu, no gaps",
                    log->count);
            return log;
        }
        t_log_free(log);
        if (t_now_ms() > deadline) T_FAIL("%s was not compacted", s->topic.text);
        t_sleep_ms(200);
    }
}

/* ---- judging -------------------------------------------------------------------------------------------------------- */

static char *config_of(const struct scene *s, const char *before, const char *more)
{
    return t_config(t_pair.source, t_pair.sink, before, "name = \"%s\"; topics = [\"%s\"]; %s", s->route.text,
                    s->topic.text, more);
}

/* Where partition p of the copy stands: behind the record of `source` that its last one is, the copy being a prefix. */
static size_t prefix_of(const struct t_log *log, int p, size_t n, int64_t *ret_next)
{
    size_t begin = 0;
    while (begin < log->count && log->records[begin].partition < p) begin++;
    *ret_next = n ? log->records[begin + n - 1].offset + 1 : 0;
    return begin;
}

/* The copy is what it was before and then, from where each partition stood in `was`, what the source has now. */
static void expect_joined(const struct scene *s, const struct t_log *was, const size_t copied[PARTITIONS],
                          const struct t_log *now)
{
    for (int p = 0; p < PARTITIONS; p++) {
        int64_t next, end;
        size_t begin = prefix_of(was, p, copied[p], &next), at = prefix_of(now, p, 0, &end), stop = at;
        while (at < now->count && now->records[at].partition == p && now->records[at].offset < next) at++;
        for (stop = at; stop < now->count && now->records[stop].partition == p;) stop++;
        struct t_log *copy = t_read(t_pair.sink, s->topic.text, p, true);
        T_CHECK(copy->count == copied[p] + (stop - at) && stop > at, "[%d]: %zu records, not %zu and %zu", p,
                copy->count, copied[p], stop - at);
        struct t_log first = {.records = copy->records, .count = copied[p]};
        struct t_log rest = {.records = copy->records + copied[p], .count = stop - at};
        struct t_log before = {.records = was->records + begin, .count = copied[p]};
        struct t_log later = {.records = now->records + at, .count = stop - at};
        t_same_records(&before, &first, true);
        t_same_records(&later, &rest, true);
        t_log_free(copy);
    }
}

static void count_copied(const struct scene *s, size_t copied[PARTITIONS])
{
    for (int p = 0; p < PARTITIONS; p++) {
        struct t_log *copy = t_read(t_pair.sink, s->topic.text, p, true);
        copied[p] = copy->count;
        t_log_free(copy);
    }
}

/* The bridge has read all there is (compaction does not move the first offset, 0), and calls nothing lost. */
static void expect_nothing_lost(const struct scene *s, int port)
{
    static const char *const reasons[] = {"retention", "truncation", "recreation"};
    double span = (double)t_log_span(t_pair.src, s->topic.text);
    T_CHECK(T_WAIT(END_MS, t_metric(port, "aqueduct_position_offset{") == span), "stands at %g of %g",
            t_metric(port, "aqueduct_position_offset{"), span);
    T_CHECK(T_WAIT(END_MS, t_metric(port, "aqueduct_lag_records{") == 0), "lag %g",
            t_metric(port, "aqueduct_lag_records{"));
    for (int i = 0; i < 3; i++) {
        char *sample = t_printf("aqueduct_source_lost_records_total{route=\"%s\",reason=\"%s\"}",
                                s->route.text, reasons[i]);
        T_CHECK(t_metric(port, sample) == 0, "%s: %g", sample, t_metric(port, sample));
        free(sample);
    }
}

static bool is_same(const struct t_record *a, const struct t_record *b)
{
    return a->partition == b->partition && a->timestamp == b->timestamp &&
           strcmp(a->key.ptr, b->key.ptr) == 0 && aq_slice_is_null(a->value) == aq_slice_is_null(b->value) &&
           (aq_slice_is_null(a->value) || strcmp(a->value.ptr, b->value.ptr) == 0);
}

/* What the log holds is in the copy, in its order; nothing is there twice (the serial numbers in the values grow). */
static void expect_covered(const struct scene *s, const struct t_log *log)
{
    struct t_log *copy = t_read(t_pair.sink, s->topic.text, -1, true);
    int last[PARTITIONS] = {-1, -1};
    size_t found = 0;
    for (size_t i = 0; i < copy->count; i++) {
        const struct t_record *r = &copy->records[i];
        if (found < log->count && is_same(r, &log->records[found])) found++;
        if (aq_slice_is_null(r->value)) continue;
        int serial = atoi(r->value.ptr + 1);
        T_CHECK(serial > last[r->partition], "v%d after v%d", serial, last[r->partition]);
        last[r->partition] = serial;
    }
    T_CHECK(found == log->count, "[%d]@%" PRId64 " is missing", log->records[found].partition,
            log->records[found].offset);
    t_log_free(copy);
}

/* ---- tests ---------------------------------------------------------------------------------------------------------- */

/* Gaps from the first offset on; then compaction takes the last mirrored record and all around it. */
static void test_compaction_between_runs(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    char *config = config_of(&s, "", "stop_at_end = true;");
    write_round(&s);
    write_lasting(&s);
    struct t_log *was = write_and_compact(&s, 10);
    T_CHECK(was->records[0].offset > 0, "no gap at the beginning");
    t_bridge_to_end(config, 0, END_MS);
    struct t_log *copy = t_read(t_pair.sink, s.topic.text, -1, true);
    t_same_records(was, copy, true);
    size_t copied[PARTITIONS];
    count_copied(&s, copied);
    struct t_log *now = write_and_compact(&s, 10);
    size_t kept = 0;
    for (size_t i = 0; i < now->count; i++)
        kept += now->records[i].offset <= was->records[was->count - 1].offset;
    T_CHECK(kept == LASTING * PARTITIONS, "%zu: the positions' last records are still there", kept);
    t_bridge_to_end(config, 0, END_MS);
    expect_joined(&s, was, copied, now);
    t_log_free(was);
    t_log_free(copy);
    t_log_free(now);
    t_producer_close(s.producer);
    free(config);
}

/* A slow bridge is stopped in the middle of a log, which is compacted before and behind its position; the next one then
 * sees a compaction while it runs. */
static void test_compaction_around_a_position(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct t_log *was = write_and_compact(&s, 4);
    char *slow = config_of(&s, "", "records_per_second = 40;");
    struct t_process *bridge = t_bridge(slow, NULL);
    t_wait_mirrored(&t_pair, s.topic.text, PARTITIONS, 10, END_MS);
    t_bridge_stop(bridge, END_MS);
    size_t copied[PARTITIONS];
    count_copied(&s, copied);
    T_CHECK(copied[0] + copied[1] < was->count, "all of %zu were copied: not in the middle", was->count);
    struct t_log *now = write_and_compact(&s, 5);
    int port = t_free_port();
    char *http = t_printf("http = { listen = \"127.0.0.1:%d\"; };", port);
    char *fast = config_of(&s, http, "");
    bridge = t_bridge(fast, NULL);
    expect_nothing_lost(&s, port);
    expect_joined(&s, was, copied, now);
    /* Running, it meets each record before or after the cleaner does. */
    struct t_log *end = write_and_compact(&s, 5);
    expect_nothing_lost(&s, port);
    expect_covered(&s, end);
    t_bridge_stop(bridge, END_MS);
    t_log_free(was);
    t_log_free(now);
    t_log_free(end);
    t_producer_close(s.producer);
    free(http);
    free(slow);
    free(fast);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compaction_between_runs),
        cmocka_unit_test(test_compaction_around_a_position),
    };
    return cmocka_run_group_tests_name("bridge: compacted source", tests, set_up, tear_down);
}
