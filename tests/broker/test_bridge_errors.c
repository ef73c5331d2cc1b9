/* SPDX-License-Identifier: Apache-2.0
 *
 * Bad records and the error policy, in both deliveries. Two kinds come from the record (a value that is not JSON, for a
 * chain that needs it) and two from the sink (larger than its topic takes, a timestamp too far ahead: the broker refuses
 * the whole batch and does not say which record it was). The policy applies to exactly that record: `fail` stops before
 * it, `skip` counts it, `dead_letter` keeps it with its bytes and its origin; its neighbours arrive in order, in
 * exactly_once exactly once, the dead letters included, also when the bridge is killed in between.
 */
#include <inttypes.h>

#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/mirror.h"
#include "tests/lib/wait.h"

#define END_MS 60000
#define GOOD   40
#define BAD_AT 25 /* offset of the first bad record in partition 0; the next is bad as well */
#define BAD    2

enum kind { POISON, TOO_LARGE, FUTURE };

struct scene {
    struct t_name topic, route, dead;
    enum kind kind;
    const char *delivery;
    bool exactly_once;
};

#define CHAIN                                                                               \
    "predicates = { tombstone = { type = \"RecordIsTombstone\"; }; };\n"                    \
    "transforms = { hide = { type = \"MaskField\"; on = \"value\"; fields = [\"email\"];\n" \
    "    replacement = \"***\"; predicate = \"tombstone\"; negate = true; }; };\n"

static char *config_of(const struct scene *s, const char *tolerance, const char *more)
{
    return t_config(t_pair.source, t_pair.sink, s->kind == POISON ? CHAIN : "",
                    "name = \"%s\"; topics = [\"%s\"]; delivery = \"%s\"; %s %s\n"
                    "    errors = { tolerance = \"%s\"; %s%s%s };",
                    s->route.text, s->topic.text, s->delivery, s->kind == POISON ? "chain = [\"hide\"];" : "",
                    more, tolerance, strcmp(tolerance, "dead_letter") == 0 ? "dead_letter_topic = \"" : "",
                    strcmp(tolerance, "dead_letter") == 0 ? s->dead.text : "",
                    strcmp(tolerance, "dead_letter") == 0 ? "\";" : "");
}

static const int64_t bad_offsets[BAD] = {BAD_AT, BAD_AT + 1};

static bool is_bad(int64_t offset)
{
    for (int i = 0; i < BAD; i++)
        if (bad_offsets[i] == offset) return true;
    return false;
}

/* ---- the material -------------------------------------------------------------------------------------------------- */

static char large[6000];

static void fill_large(void)
{
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < sizeof large; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        large[i] = (char)(x >> 24);
    }
}

static const struct t_header bad_headers[] = {{"a", {"1", 1}}, {"none", {NULL, 0}}, {"a", {"2", 1}}};

static struct t_record bad_record(enum kind kind)
{
    struct t_record record = {.key = AQ_LIT("bad"), .headers = bad_headers, .n_headers = 3};
    record.timestamp = t_wall_ms() + (kind == FUTURE ? 2 * 3600 * 1000 : 0);
    record.value = kind == POISON ? AQ_LIT("{\"email\": \"a\0b\", \"x\": ]") : AQ_LIT("{}");
    if (kind == TOO_LARGE) record.value = aq_slice_of(large, sizeof large);
    return record;
}

static void send_good(struct t_producer *producer, const char *topic, int partition, int number)
{
    char key[16], value[64];
    snprintf(key, sizeof key, "k%d", number);
    snprintf(value, sizeof value, "{\"n\": %d, \"email\":\"x\" }", number);
    t_send_text(producer, topic, partition, key, number % 7 ? value : NULL);
}

/* Two partitions of good records; the bad ones stand in partition 0. */
static void produce(const struct scene *s)
{
    struct t_producer *producer = t_producer_open(t_pair.source, NULL, NULL);
    struct t_record bad = bad_record(s->kind);
    for (int i = 0; i < GOOD; i++) {
        if (is_bad(i))
            t_send(producer, s->topic.text, &bad);
        else
            send_good(producer, s->topic.text, 0, i);
        send_good(producer, s->topic.text, 1, 1000 + i);
    }
    t_flush(producer);
    t_producer_close(producer);
}

static struct scene make_scene(enum kind kind, bool exactly_once)
{
    struct scene s = {.topic = t_unique("err"),
                      .route = t_unique("err-route"),
                      .dead = t_unique("err-dead"),
                      .kind = kind,
                      .delivery = exactly_once ? "exactly_once" : "at_least_once",
                      .exactly_once = exactly_once};
    fill_large();
    t_topic_create(t_pair.src, s.topic.text, 2, "message.timestamp.after.max.ms=9223372036854775807", NULL);
    if (kind == TOO_LARGE) t_topic_create(t_pair.dst, s.topic.text, 2, "max.message.bytes=4000", NULL);
    produce(&s);
    return s;
}

/* ---- what must be there -------------------------------------------------------------------------------------------- */

/* What a good record becomes; POISON scenes have a chain. */
static bool is_copy(const struct scene *s, const struct t_record *from, const struct t_record *to)
{
    char expected[64] = "";
    struct aq_slice value = from->value;
    if (s->kind == POISON && !aq_slice_is_null(value)) {
        int n = (int)strtol(from->key.ptr + 1, NULL, 10);
        snprintf(expected, sizeof expected, "{\"n\": %d, \"email\":\"***\" }", n);
        value = aq_slice_str(expected);
    }
    return aq_slice_equal(from->key, to->key) && aq_slice_is_null(value) == aq_slice_is_null(to->value) &&
           aq_slice_equal(value, to->value) && from->timestamp == to->timestamp;
}

/* Partition `partition` of the sink: the first `n` records of the source (-1: all) without the bad ones, in order. In
 * at_least_once stretches may come again. */
static void expect_good(const struct scene *s, int partition, int n)
{
    struct t_log *source = t_read(t_pair.source, s->topic.text, partition, true);
    struct t_log *sink = t_read(t_pair.sink, s->topic.text, partition, true);
    size_t end = n < 0 ? source->count : (size_t)n, at = 0;
    for (size_t i = 0; i < end; i++) {
        if (partition == 0 && is_bad((int64_t)i)) continue;
        size_t from = at;
        while (at < sink->count && !is_copy(s, &source->records[i], &sink->records[at])) at++;
        T_CHECK(at < sink->count, "[%d]@%zu did not arrive", partition, i);
        T_CHECK(!s->exactly_once || at == from, "[%d]@%zu: %zu records before it that do not belong there",
                partition, i, at - from);
        at++;
    }
    T_CHECK(!s->exactly_once || at == sink->count, "[%d]: %zu records too many", partition, sink->count - at);
    t_log_free(source);
    t_log_free(sink);
}

/* The sink has a beginning of partition 0 that ends before the bad record. */
static void expect_nothing_behind(const struct scene *s)
{
    struct t_log *sink = t_read(t_pair.sink, s->topic.text, 0, true);
    for (size_t i = 0; i < sink->count; i++) {
        int n = (int)strtol(sink->records[i].key.ptr + 1, NULL, 10);
        T_CHECK(n < BAD_AT, "record %d is behind the bad one", n);
    }
    if (s->exactly_once) expect_good(s, 0, (int)sink->count);
    t_log_free(sink);
}

static void expect_text_header(const struct t_record *record, const char *name, const char *expected)
{
    const struct t_header *header = t_header_of(record, name);
    T_CHECK(header, "no header %s", name);
    T_CHECK(aq_slice_equal(header->value, aq_slice_str(expected)), "%s is %.*s, not %s", name,
            (int)header->value.len, header->value.ptr, expected);
}

static void expect_origin(const struct scene *s, const struct t_record *dead, int64_t offset)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, offset);
    expect_text_header(dead, "aqueduct.error.route", s->route.text);
    expect_text_header(dead, "aqueduct.source.topic", s->topic.text);
    expect_text_header(dead, "aqueduct.source.partition", "0");
    expect_text_header(dead, "aqueduct.source.offset", text);
    expect_text_header(dead, "aqueduct.error.stage", s->kind == POISON ? "hide" : "sink");
    const struct t_header *reason = t_header_of(dead, "aqueduct.error.reason");
    T_CHECK(reason && reason->value.len > 5, "no reason");
}

static void expect_dead_letter(const struct scene *s, const struct t_record *got, const struct t_record *bad)
{
    T_CHECK(aq_slice_equal(got->key, bad->key), "another key");
    if (s->kind == TOO_LARGE) {
        expect_text_header(got, "aqueduct.error.omitted_bytes", "6000");
    } else {
        T_CHECK(aq_slice_equal(got->value, bad->value), "another value: %zu bytes", got->value.len);
    }
    if (s->kind == FUTURE) {
        char *time = t_printf("%" PRId64, bad->timestamp);
        expect_text_header(got, "aqueduct.source.timestamp", time);
        free(time);
    } else {
        T_CHECK(got->timestamp == bad->timestamp, "another timestamp");
    }
    T_CHECK(got->n_headers >= 3 && memcmp(got->headers[0].value.ptr, "1", 1) == 0 &&
                aq_slice_is_null(got->headers[1].value) && memcmp(got->headers[2].value.ptr, "2", 1) == 0,
            "the record's own headers are gone");
    expect_origin(s, got, bad->offset);
}

static void expect_dead_letters(const struct scene *s)
{
    struct t_log *source = t_read(t_pair.source, s->topic.text, 0, true);
    struct t_log *dead = t_read(t_pair.sink, s->dead.text, -1, true);
    T_CHECK(s->exactly_once ? dead->count == BAD : dead->count >= BAD, "%zu dead letters", dead->count);
    for (size_t i = 0; i < BAD && s->exactly_once; i++)
        expect_dead_letter(s, &dead->records[i], &source->records[bad_offsets[i]]);
    if (!s->exactly_once) expect_dead_letter(s, &dead->records[0], &source->records[BAD_AT]);
    t_log_free(source);
    t_log_free(dead);
}

/* ---- the policies -------------------------------------------------------------------------------------------------- */

/* fail, and then, told to go on, the rest. */
static void play_fail(enum kind kind, bool exactly_once)
{
    struct scene s = make_scene(kind, exactly_once);
    char *place = t_printf("%s[0]@%d", s.topic.text, BAD_AT);
    char *config = config_of(&s, "fail", "stop_at_end = true;");
    /* Failing once is no reason to go on the next time. */
    for (int i = 0; i < (kind == POISON ? 2 : 1); i++) {
        char *words = t_bridge_words(config, 1, END_MS);
        t_expect_words(words, place, kind == POISON ? ": hide: " : ": sink: ", "errors.tolerance", NULL);
        expect_nothing_behind(&s);
        free(words);
    }
    free(config);
    config = config_of(&s, "skip", "stop_at_end = true;");
    t_bridge_to_end(config, 0, END_MS);
    expect_good(&s, 0, -1);
    expect_good(&s, 1, -1);
    free(config);
    free(place);
}

static void play_skip(enum kind kind)
{
    struct scene s = make_scene(kind, true);
    char *place = t_printf("topic=%s partition=0 offset=%d", s.topic.text, BAD_AT);
    char *config = config_of(&s, "skip", "stop_at_end = true;");
    char *words = t_bridge_words(config, 0, END_MS);
    t_expect_words(words, "bad record skipped", place, "\n  skipped                     2  ", NULL);
    expect_good(&s, 0, -1);
    expect_good(&s, 1, -1);
    free(words);
    free(config);
    free(place);
}

static void play_dead_letter(enum kind kind, bool exactly_once)
{
    struct scene s = make_scene(kind, exactly_once);
    char *config = config_of(&s, "dead_letter", "stop_at_end = true;");
    char *words = t_bridge_words(config, 0, END_MS);
    t_expect_words(words, "\n  dead letters                2  ", NULL);
    expect_good(&s, 0, -1);
    expect_good(&s, 1, -1);
    expect_dead_letters(&s);
    /* And no second one the next time. */
    t_bridge_to_end(config, 0, END_MS);
    expect_dead_letters(&s);
    free(words);
    free(config);
}

/* What differs in at_least_once is the same for both kinds the sink refuses: one shows `fail`, the other dead letters. */
static void play(enum kind kind)
{
    play_fail(kind, true);
    play_skip(kind);
    play_dead_letter(kind, true);
    if (kind != FUTURE) play_fail(kind, false);
    if (kind != TOO_LARGE) play_dead_letter(kind, false);
}

static void test_a_value_that_is_not_json(void **state)
{
    (void)state;
    play(POISON);
}

static void test_a_record_too_large_for_the_sink(void **state)
{
    (void)state;
    play(TOO_LARGE);
}

static void test_a_timestamp_the_sink_refuses(void **state)
{
    (void)state;
    play(FUTURE);
}

/* ---- killed among dead letters ------------------------------------------------------------------------------------- */

#define MANY 4000 /* every tenth is bad */

static void produce_mixed(const char *topic)
{
    struct t_producer *producer = t_producer_open(t_pair.source, NULL, NULL);
    char key[16];
    for (int i = 0; i < MANY; i++) {
        snprintf(key, sizeof key, "k%d", i);
        if (i % 10 == 3)
            t_send_text(producer, topic, 0, key, "no json");
        else
            send_good(producer, topic, 0, i);
    }
    t_flush(producer);
    t_producer_close(producer);
}

static void test_dead_letters_come_once_though_it_is_killed(void **state)
{
    (void)state;
    struct scene s = {.topic = t_unique("err"),
                      .route = t_unique("err-route"),
                      .dead = t_unique("err-dead"),
                      .delivery = "exactly_once"};
    t_topic_create(t_pair.src, s.topic.text, 1, NULL);
    produce_mixed(s.topic.text);
    char *slow = config_of(&s, "dead_letter",
                           "commit_interval = \"50ms\"; records_per_second = 1500;\n"
                           "    session_timeout = \"6s\";");
    struct t_process *bridge = t_bridge(slow, NULL);
    t_wait_mirrored(&t_pair, s.dead.text, 1, 50, END_MS);
    t_signal(bridge, SIGKILL);
    t_wait_exit(bridge, 5000);
    t_process_free(bridge);
    char *config = config_of(&s, "dead_letter", "stop_at_end = true; session_timeout = \"6s\";");
    t_bridge_to_end(config, 0, END_MS);
    T_CHECK(t_wait_ended(t_pair.sink, s.dead.text, END_MS) && t_wait_ended(t_pair.sink, s.topic.text, END_MS),
            "a transaction is still open");
    struct t_log *dead = t_read(t_pair.sink, s.dead.text, -1, true);
    T_CHECK(dead->count == MANY / 10, "%zu dead letters, not %d", dead->count, MANY / 10);
    for (size_t i = 0; i < dead->count; i++) expect_origin(&s, &dead->records[i], (int64_t)i * 10 + 3);
    int64_t good = t_count(t_pair.sink, s.topic.text);
    T_CHECK(good == MANY - MANY / 10, "%" PRId64 " good ones", good);
    t_log_free(dead);
    free(slow);
    free(config);
}

/* ---- dropped by the batch ------------------------------------------------------------------------------------------ */

#define SIFTED 24000

/* Batches of which a filter leaves nothing stand among batches that are sent, and must not take those with them. */
static void test_batches_dropped_as_a_whole(void **state)
{
    (void)state;
    struct t_name stem = t_unique("filter"), route = t_unique("filter-route");
    char *kept = t_printf("%s.kept", stem.text), *dropped = t_printf("%s.dropped", stem.text);
    t_topic_create(t_pair.src, kept, 3, NULL);
    t_topic_create(t_pair.src, dropped, 3, NULL);
    fill_large();
    struct t_producer *producer = t_producer_open(t_pair.source, NULL, NULL);
    for (int i = 0; i < SIFTED; i++) {
        struct t_record record = {.value = aq_slice_of(large + i % 5000, 1000), .partition = i % 3};
        t_send(producer, kept, &record);
        t_send(producer, dropped, &record);
    }
    t_flush(producer);
    t_producer_close(producer);
    char *config = t_config(
        t_pair.source, t_pair.sink,
        "predicates = { unwanted = { type = \"TopicNameMatches\"; pattern = \".*[.]dropped\"; }; };\n"
        "transforms = { sieve = { type = \"Filter\"; predicate = \"unwanted\"; }; };\n",
        "name = \"%s\"; topics = [\"^%s.*\"]; chain = [\"sieve\"]; stop_at_end = true;", route.text,
        stem.text);
    char *words = t_bridge_words(config, 0, END_MS);
    t_expect_words(words, "\n  dropped                24,000  ", NULL);
    t_expect_mirror(&t_pair, kept);
    T_CHECK(t_count(t_pair.sink, dropped) == 0, "dropped records arrived");
    free(words);
    free(config);
    free(kept);
    free(dropped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T_WITH_PAIR(test_a_value_that_is_not_json),
        T_WITH_PAIR(test_a_record_too_large_for_the_sink),
        T_WITH_PAIR(test_a_timestamp_the_sink_refuses),
        T_WITH_PAIR(test_batches_dropped_as_a_whole),
        T_WITH_PAIR(test_dead_letters_come_once_though_it_is_killed),
    };
    if (getenv("AQUEDUCT_TEST_FILTER")) cmocka_set_test_filter(getenv("AQUEDUCT_TEST_FILTER"));
    return cmocka_run_group_tests_name("bridge: bad records", tests, NULL, NULL);
}
