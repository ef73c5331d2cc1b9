/* SPDX-License-Identifier: Apache-2.0
 *
 * Apache Kafka's own crash test of Kafka Streams, with us in the place of Kafka Streams: SmokeTestDriver (scripts/smoke.sh) makes
 * records for 20 keys, and judges what a topology equal to its SmokeTestClient (tests/smoke/smoke.conf) makes of them:
 * aggregations in windows, suppressed ones, tables, joins of tables and a table grouped anew. Meanwhile three instances of it are
 * killed, frozen beyond their session, crashed at named points, told to leave, and come back.
 *
 * An ordinary round: the driver's topics are made anew, they have fixed names; the instances and the driver start; the blows come
 * while it produces (tests/lib/ordeal.h, also for the settings in the environment); then everything is set right again, and when
 * nothing more comes the driver starts again: it waits until all transactions have ended, reads read_committed, and says SUCCESS.
 * It does not ask whether suppressed results are complete, so that is looked at here: each window's only result is the
 * last one of those that were not held back.
 * A failing round: what the driver said, and the logs of every life of every instance, are kept and their folder named.
 *
 * The driver makes records two days old and counts windows of whole days of UTC: a round that would come upon midnight waits
 * until it is past.
 */
#include <inttypes.h>
#include <time.h>

#include "tests/lib/check.h"
#include "tests/lib/ordeal.h"
#include "tests/lib/read.h"
#include "tests/lib/wait.h"

#define USUAL_ROUNDS 3 /* of ./dev test */
#define INSTANCES    3
#define PARTITIONS   5 /* as in Kafka's own run */
#define KEYS         20
#define RECORDS      500 /* of each key; 1000 in Kafka's own run, in 90 s */
#define SECONDS      40
#define LONG_RECORDS 1000 /* when more rounds than usual are asked for */
#define LONG_SECONDS 90
#define SESSION_MS   3000
#define STOP_MS      30000
#define PREPARE_MS   600000
#define JUDGE_MS     900000 /* the driver has deadlines of its own, of six and of ten minutes */
#define DAY_MS       86400000
#define CATCH_UP_MS  180000
#define QUIET_MS     10000 /* longer than a dead instance's session and transaction */
#define DEATHS_MAX   5     /* unexpected ones after which a round is hopeless */
#define SUCCESS      "SUCCESS"

static const int usual_blows[T_BLOW_KINDS] = {[T_BLOW_KILL] = 6, [T_BLOW_FREEZE] = 1, [T_BLOW_LEAVE] = 1};
static const int long_blows[T_BLOW_KINDS] = {[T_BLOW_KILL] = 14, [T_BLOW_FREEZE] = 2, [T_BLOW_LEAVE] = 2};

struct round {
    int number, seconds, records;
    uint64_t seed;
    struct t_name application;
    struct t_herd herd;
    struct t_ordeal ordeal;
    struct t_process *driver;
    const char *verdict;
};

/* ---- the driver ------------------------------------------------------------------------------------------------------- */

static char *script(void)
{
    const char *folder = getenv("AQUEDUCT_SRC");
    T_CHECK(folder, "AQUEDUCT_SRC is not set");
    return t_printf("%s/scripts/smoke.sh", folder);
}

/* What it prints, one topic a line; the caller's memory. */
static char *driver_topics(void)
{
    char *path = script(), *names = NULL;
    const char *argv[] = {path, "topics", NULL};
    T_CHECK(t_run(argv, PREPARE_MS, &names) == 0, "no SmokeTestDriver");
    free(path);
    return names;
}

static struct t_process *start_driver(const char *command, const struct round *r)
{
    char *path = script(), keys[16], each[16], time[16];
    bool generates = strcmp(command, "generate") == 0;
    snprintf(keys, sizeof keys, "%d", KEYS);
    snprintf(each, sizeof each, "%d", r->records);
    snprintf(time, sizeof time, "%d", r->seconds);
    const char *argv[] = {path, command, t_pair.source, keys, each, generates ? time : NULL, NULL};
    struct t_process *driver = t_start(argv, NULL);
    free(path);
    return driver;
}

static bool driver_says(struct round *r, const char *line)
{
    const char *text = t_stdout(r->driver);
    size_t length = strlen(line);
    for (const char *at = strstr(text, line); at; at = strstr(at + 1, line))
        if ((at == text || at[-1] == '\n') && at[length] == '\n') return true;
    return false;
}

/* What it says of the results. */
static const char *verdict(struct round *r, int code)
{
    if (code == T_STILL_RUNNING) return "nothing";
    if (driver_says(r, "PROCESSED-MORE-THAN-GENERATED")) return "PROCESSED-MORE-THAN-GENERATED";
    if (driver_says(r, "PROCESSED-LESS-THAN-GENERATED")) return "PROCESSED-LESS-THAN-GENERATED";
    if (!driver_says(r, "ALL-RECORDS-DELIVERED")) return "not ALL-RECORDS-DELIVERED";
    return code == 0 && driver_says(r, "SUCCESS") ? SUCCESS : "FAILURE";
}

/* ---- what it does not ask --------------------------------------------------------------------------------------------- */

static int compare(struct aq_slice a, struct aq_slice b)
{
    int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_key_then_offset(const void *a, const void *b)
{
    const struct t_record *one = a, *other = b;
    int order = compare(one->key, other->key);
    return order ? order : (one->offset > other->offset) - (one->offset < other->offset);
}

/* Leaves the last record of each key (a key is in one partition), by key. Returns how many were there too many. */
static size_t keep_last(struct t_log *log)
{
    size_t kept = 0;
    qsort(log->records, log->count, sizeof *log->records, by_key_then_offset);
    for (size_t i = 0; i < log->count; i++) {
        if (i + 1 < log->count && aq_slice_equal(log->records[i].key, log->records[i + 1].key)) continue;
        log->records[kept++] = log->records[i];
    }
    size_t others = log->count - kept;
    log->count = kept;
    return others;
}

/* Every window has one final result, and it is right. */
static bool finals_are_right(const char *raw_topic, const char *final_topic)
{
    struct t_log *raw = t_read(t_pair.source, raw_topic, -1, true),
                 *final = t_read(t_pair.source, final_topic, -1, true);
    keep_last(raw);
    size_t repeated = keep_last(final), wrong = 0;
    for (size_t i = 0; i < raw->count && i < final->count; i++)
        wrong += !aq_slice_equal(raw->records[i].key, final->records[i].key) ||
                 !aq_slice_equal(raw->records[i].value, final->records[i].value);
    bool right = raw->count > 0 && final->count == raw->count && repeated == 0 && wrong == 0;
    if (!right)
        fprintf(stderr, "%s: %zu of %zu windows have a result, %zu have another, and %zu are not as in %s\n",
                final_topic, final->count, raw->count, repeated, wrong, raw_topic);
    t_log_free(raw);
    t_log_free(final);
    return right;
}

/* ---- a round ---------------------------------------------------------------------------------------------------------- */

static void wait_past_midnight(int seconds)
{
    int64_t left = DAY_MS - t_wall_ms() % DAY_MS;
    if (left > ((int64_t)seconds + 60) * 1000) return;
    printf("waiting for %" PRId64 " s until midnight is past\n", left / 1000);
    t_sleep_ms(left + 1000);
}

static void each_topic(const char *names, void (*what)(const char *topic))
{
    char *list = t_printf("%s", names), *rest = NULL;
    for (char *name = strtok_r(list, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest)) what(name);
    free(list);
}

static void make_anew(const char *topic)
{
    t_topic_delete(t_pair.src, topic);
    t_topic_create(t_pair.src, topic, PARTITIONS, "retention.ms=-1", NULL);
}

static void delete (const char *topic)
{
    t_topic_delete(t_pair.src, topic);
}

static char *read_config(void)
{
    static char text[16384];
    char *path = t_printf("%s/tests/smoke/smoke.conf", getenv("AQUEDUCT_SRC"));
    FILE *file = fopen(path, "r");
    T_CHECK(file, "%s cannot be read", path);
    size_t length = fread(text, 1, sizeof text, file);
    T_CHECK(length < sizeof text, "%s is too long", path);
    fclose(file);
    free(path);
    return t_printf("%.*s", (int)length, text);
}

static void start_round(struct round *r, const char *topics, bool is_long, int rounds)
{
    wait_past_midnight(r->seconds);
    each_topic(topics, make_anew);
    r->application = t_unique("smoke");
    /* The configuration's, for every instance. */
    setenv("AQUEDUCT_SMOKE_ID", r->application.text, 1);
    t_herd_open(&r->herd, "streams", read_config(), INSTANCES);
    for (int i = 0; i < INSTANCES; i++) t_herd_start(&r->herd, i, -1, 0);
    r->driver = start_driver("generate", r);
    r->ordeal.session_ms = SESSION_MS;
    r->ordeal.exactly_once = r->ordeal.stores = true;
    int crashes = is_long ? t_ordeal_crashes(true, rounds) : 3;
    t_ordeal_open(&r->ordeal, &t_pair, &r->herd, r->seed, is_long ? long_blows : usual_blows, crashes,
                  (int64_t)r->seconds * 1000);
}

/* While the driver produces. False when that went wrong, or the instances do. */
static bool play_blows(struct round *r)
{
    int64_t deadline = t_now_ms() + (int64_t)r->seconds * 1000 + CATCH_UP_MS;
    while (t_running(r->driver) || !t_ordeal_is_over(&r->ordeal)) {
        t_ordeal_turn(&r->ordeal);
        t_sleep_ms(20);
        if (t_now_ms() > deadline || r->herd.unexpected >= DEATHS_MAX) return false;
    }
    t_ordeal_disarm(&r->ordeal);
    t_ordeal_tend(&r->ordeal, true);
    return t_wait_exit(r->driver, 0) == 0;
}

static int64_t logs_span(const char *topics)
{
    char *list = t_printf("%s", topics), *rest = NULL;
    int64_t sum = 0;
    for (char *name = strtok_r(list, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest))
        sum += t_log_span(t_pair.src, name);
    free(list);
    return sum;
}

/* Until nothing has come for a while: the driver's look at transactions cannot be taken at moving logs. False: it never does. */
static bool settle(struct round *r, const char *topics)
{
    int64_t deadline = t_now_ms() + CATCH_UP_MS, span = 0, since = t_now_ms();
    while (t_now_ms() - since < QUIET_MS) {
        int64_t now_there = logs_span(topics);
        if (now_there != span) since = t_now_ms();
        span = now_there;
        t_ordeal_tend(&r->ordeal, true);
        t_sleep_ms(200);
        if (t_now_ms() > deadline || r->herd.unexpected >= DEATHS_MAX) return false;
    }
    return true;
}

static const char *judge(struct round *r)
{
    t_process_free(r->driver);
    r->driver = start_driver("verify", r);
    int code = t_wait_exit(r->driver, JUDGE_MS);
    t_herd_look(&r->herd);
    return verdict(r, code);
}

static void keep_words(struct round *r)
{
    char *path = t_printf("%s/driver.log", r->herd.folder);
    FILE *file = fopen(path, "w");
    if (file) fprintf(file, "%s%s", t_stdout(r->driver), t_stderr(r->driver));
    if (file) fclose(file);
    free(path);
}

static void print_header(void)
{
    printf("%-5s %-10s %8s %5s %5s %6s %5s %5s  %s\n", "round", "seed", "records", "s", "kills", "frozen",
           "left", "crash", "result");
}

static void print_round(const struct round *r, int64_t took_ms, int hits, bool fine)
{
    const int *done = r->ordeal.done;
    printf("%-5d %-10" PRIu64 " %8d %5.0f %5d %6d %5d %2d/%-2d  %s: the driver says %s\n", r->number, r->seed,
           r->records * KEYS, (double)took_ms / 1000, done[T_BLOW_KILL], done[T_BLOW_FREEZE],
           done[T_BLOW_LEAVE], hits, done[T_BLOW_CRASH], fine ? "ok" : "FAILED", r->verdict);
    fflush(stdout);
}

static bool play_round(int number, uint64_t seed, const char *topics, int rounds)
{
    bool is_long = rounds > USUAL_ROUNDS;
    struct round r = {.number = number,
                      .seed = seed,
                      .records = is_long ? LONG_RECORDS : RECORDS,
                      .seconds = is_long ? LONG_SECONDS : SECONDS};
    int64_t started = t_now_ms();
    start_round(&r, topics, is_long, rounds);
    bool alive = play_blows(&r) && settle(&r, topics);
    r.verdict = alive ? judge(&r) : "nothing";
    if (!alive) t_pair_keep_evidence(&t_pair, r.herd.folder);
    bool ended = t_herd_stop(&r.herd, STOP_MS);
    bool right = strcmp(r.verdict, SUCCESS) == 0 && finals_are_right("min-raw", "min-suppressed") &&
                 finals_are_right("sws-raw", "sws-suppressed");
    int hits = t_ordeal_count_hits(&r.ordeal);
    bool fine = ended && right && r.herd.unexpected == 0;
    print_round(&r, t_now_ms() - started, hits, fine);
    if (!fine) keep_words(&r);
    t_process_free(r.driver);
    t_herd_close(&r.herd, !fine);
    t_topics_delete(t_pair.src, r.application.text);
    return fine;
}

static void test_the_driver_says_success(void **state)
{
    (void)state;
    int asked = (int)t_setting("AQUEDUCT_FAULT_ROUNDS", USUAL_ROUNDS);
    /* The usual number is for what the bridge's rounds test, too: one is enough here. */
    int rounds = asked > USUAL_ROUNDS ? asked : 1, failed = 0;
    uint64_t seed = (uint64_t)t_setting("AQUEDUCT_FAULT_SEED", (int64_t)time(NULL) % 1000000);
    char *topics = driver_topics();
    print_header();
    for (int i = 1; i <= rounds; i++) failed += !play_round(i, seed + (uint64_t)i - 1, topics, rounds);
    each_topic(topics, delete);
    free(topics);
    if (failed)
        T_FAIL("%d of %d rounds failed; AQUEDUCT_FAULT_SEED=%" PRIu64 " replays them", failed, rounds, seed);
}

static int tell_crash_points(void **state)
{
    (void)state;
    t_ordeal_tell_hits();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {T_WITH_PAIR(test_the_driver_says_success)};
    return cmocka_run_group_tests_name("Kafka's smoke test", tests, NULL, tell_crash_points);
}
