/* SPDX-License-Identifier: Apache-2.0
 *
 * state_failover: how long a task with a large store stands still when its process is lost and another one has a standby copy.
 *
 * Two processes run the same application, which has one task; the rows of state_fill's `big` are in its store. In each round: wait until
 * all of them are, the last commit is settle_ms old, and the copy has all of the changelog; send a trickle of events with changing keys; kill -9 the process that has the task; read the output until
 * the first row that an event from after the kill made; go on for a while; wait until every event is in the output; start the killed
 * one again. Who has the task is found anew in each round: the other one says that it keeps a copy.
 *
 * An output counts only when the timestamp of its event lies behind the kill: what the dead process had committed becomes visible after it,
 * too. The reader is read_committed. noticed_s is when the coordinator no longer counts the killed one among the group's members: its
 * session has run out, which began with its last heartbeat, up to half a second before the kill.
 *
 * A row that comes out must be the key's own filler and its number of events, one more than the last time: without the old row no
 * engine knows either. With --repeats, for at_least_once, events are read again and counted again, from where the last commit left the
 * row; in the end none may be missing.
 *
 * One thread: events are sent, outputs read and the group asked in turns of a few milliseconds.
 */
#include <getopt.h>
#include <signal.h>
#include <time.h>

#include "base/hash.h"
#include "bench/lib/state_rule.h"
#include "tests/lib/check.h"
#include "tests/lib/http.h"
#include "tests/lib/process.h"
#include "tests/lib/produce.h"
#include "tests/lib/wait.h"

#define TURN_MS    2
#define ASK_MS     200 /* between two looks at the metrics */
#define CALM       5   /* looks in a row that must say the same */
#define AFTER_MS   1000
#define STOP_MS    60000
#define SHOWN_MOST 5 /* wrong rows */
#define GROUP_MS   5000

struct options {
    const char *brokers, *input, *output, *group, *log, *config[2];
    uint32_t keys;
    int64_t rate, lead_ms, settle_ms, timeout_ms;
    int rounds;
    bool repeats;
    char **command;
};

struct watch {
    const struct options *o;
    struct t_process *engine[2];
    struct t_producer *producer;
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *outputs, *answers;
    uint32_t *sent, *seen; /* events of each key */
    uint64_t events, results, wrong;
    int64_t trickle_us, trickled; /* since when, and how many since then; 0: none is sent */
    bool asking;
    size_t members;
    int64_t killed_us, killed_ms, noticed_us, first_us; /* of this round; 0: not yet */
};

/* ---- events out, rows in ------------------------------------------------------------------------------------------ */

static void send_event(struct watch *w)
{
    char key[ST_ROOM], value[ST_ROOM];
    uint32_t k = st_event_key(w->events, w->o->keys);
    struct t_record record = {.timestamp = t_wall_ms()};
    record.key = aq_slice_of(key, st_key_text(key, k));
    record.value = aq_slice_of(
        value, (size_t)snprintf(value, sizeof value, "event %llu", (unsigned long long)w->events));
    t_send(w->producer, w->o->input, &record);
    w->sent[k]++;
    w->events++;
}

static void send_due(struct watch *w)
{
    if (w->trickle_us == 0) return;
    int64_t due = (t_now_us() - w->trickle_us) * w->o->rate / 1000000;
    for (; w->trickled < due; w->trickled++) send_event(w);
}

static bool is_right(struct watch *w, const rd_kafka_message_t *m, uint32_t *ret_key, uint32_t *ret_count)
{
    char text[ST_KEY_LEN + 1] = "", digits[ST_BIG_DIGITS + 1] = "", row[ST_BIG_LEN];
    if (!m->key || m->key_len != ST_KEY_LEN || !m->payload || m->len != ST_BIG_LEN) return false;
    memcpy(text, m->key, ST_KEY_LEN);
    memcpy(digits, m->payload, ST_BIG_DIGITS);
    if (sscanf(text, "device-%u", ret_key) != 1 || *ret_key >= w->o->keys) return false;
    if (sscanf(digits, "%u", ret_count) != 1) return false;
    st_big_value(row, *ret_key);
    if (memcmp(row + ST_BIG_DIGITS, (const char *)m->payload + ST_BIG_DIGITS, ST_BIG_LEN - ST_BIG_DIGITS) !=
        0)
        return false;
    if (w->o->repeats) return *ret_count > 0;
    return *ret_count == w->seen[*ret_key] + 1 && *ret_count <= w->sent[*ret_key];
}

static void take(struct watch *w, const rd_kafka_message_t *m)
{
    rd_kafka_timestamp_type_t type;
    uint32_t key = 0, count = 0;
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return;
    if (m->err) T_FAIL("%s: %s", w->o->output, rd_kafka_message_errstr(m));
    w->results++;
    if (w->first_us == 0 && w->killed_us && rd_kafka_message_timestamp(m, &type) > w->killed_ms)
        w->first_us = t_now_us();
    if (is_right(w, m, &key, &count)) {
        w->seen[key] = count;
    } else if (w->wrong++ < SHOWN_MOST) {
        fprintf(stderr, "  wrong row: key %.*s, %.*s… behind %u of %u events\n", (int)m->key_len,
                (const char *)m->key, m->len < 40 ? (int)m->len : 40, (const char *)m->payload, w->seen[key],
                w->sent[key]);
    }
}

/* ---- the group ---------------------------------------------------------------------------------------------------- */

static void ask_group(struct watch *w)
{
    if (w->asking) return;
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(w->rk, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
    char text[64];
    rd_kafka_AdminOptions_set_request_timeout(options, GROUP_MS, text, sizeof text);
    rd_kafka_DescribeConsumerGroups(w->rk, (const char *[]){w->o->group}, 1, options, w->answers);
    rd_kafka_AdminOptions_destroy(options);
    w->asking = true;
}

static void hear_group(struct watch *w)
{
    rd_kafka_event_t *event = w->asking ? rd_kafka_queue_poll(w->answers, 0) : NULL;
    if (!event) return;
    w->asking = false;
    size_t n = 0;
    const rd_kafka_DescribeConsumerGroups_result_t *result =
        rd_kafka_event_DescribeConsumerGroups_result(event);
    const rd_kafka_ConsumerGroupDescription_t **groups =
        result ? rd_kafka_DescribeConsumerGroups_result_groups(result, &n) : NULL;
    if (n == 1 && !rd_kafka_ConsumerGroupDescription_error(groups[0])) {
        bool stable =
            rd_kafka_ConsumerGroupDescription_state(groups[0]) == RD_KAFKA_CONSUMER_GROUP_STATE_STABLE;
        size_t members = rd_kafka_ConsumerGroupDescription_member_count(groups[0]);
        if (!w->killed_us && stable) w->members = members;
        if (w->killed_us && !w->noticed_us && members < w->members) w->noticed_us = t_now_us();
    }
    rd_kafka_event_destroy(event);
}

/* One turn of everything. */
static void turn(struct watch *w)
{
    send_due(w);
    if (w->trickle_us && !w->noticed_us) ask_group(w);
    hear_group(w);
    rd_kafka_message_t *m = rd_kafka_consume_queue(w->outputs, TURN_MS);
    for (; m; m = rd_kafka_consume_queue(w->outputs, 0)) {
        take(w, m);
        rd_kafka_message_destroy(m);
    }
}

static void turns(struct watch *w, int64_t ms)
{
    for (int64_t until = t_now_ms() + ms; t_now_ms() < until;) turn(w);
}

/* ---- the two processes -------------------------------------------------------------------------------------------- */

static void start(struct watch *w, int i)
{
    const char *argv[32];
    int n = 0;
    for (; w->o->command[n]; n++) {
        if (n > 28) T_FAIL("a command of more than %d words", n);
        argv[n] = w->o->command[n];
    }
    argv[n++] = w->o->config[i];
    argv[n] = NULL;
    w->engine[i] = t_start(argv, NULL);
}

static void must_run(struct watch *w, int i)
{
    if (!t_running(w->engine[i])) T_FAIL("process %d has ended:\n%s", i, t_stderr(w->engine[i]));
}

static int port_of(struct watch *w, int i)
{
    static const char listens[] = "msg=\"http listens\"", host[] = "127.0.0.1:";
    const char *line = strstr(t_stderr(w->engine[i]), listens);
    const char *address = line ? strstr(line, host) : NULL;
    return address ? atoi(address + sizeof host - 1) : 0;
}

/* The number behind NAME{…}; -1: it is not there. */
static int64_t metric(const char *page, const char *name)
{
    const char *at = strstr(page, name);
    const char *number = at ? strchr(at, '}') : NULL;
    return number ? atoll(number + 1) : -1;
}

struct look {
    bool running;
    int64_t copies, lag, restored;
};

static struct look look_at(struct watch *w, int i)
{
    struct look look = {.copies = -1, .lag = -1, .restored = -1};
    char *page = NULL;
    must_run(w, i);
    int port = port_of(w, i);
    if (port && t_http_get(port, "/metrics", 1000, &page) == 200) {
        look.running = metric(page, "state=\"RUNNING\"") == 1;
        look.copies = metric(page, "\naqueduct_streams_standby_stores{");
        look.lag = metric(page, "\naqueduct_streams_standby_lag_records{");
        look.restored = metric(page, "\naqueduct_streams_restored_records_total{");
    }
    free(page);
    return look;
}

/* The copy's keeper has read that much once, which a lag of 0 does not say before it has asked how much there is. */
static bool has_caught_up(struct watch *w, int i)
{
    return t_stderr_has(w->engine[i], "standby copy has caught up");
}

/* Who has the task, when the other one's copy has all of its store. */
static int wait_copied(struct watch *w)
{
    int owner = -1, calm = 0;
    int64_t deadline = t_now_ms() + w->o->timeout_ms;
    while (calm < CALM) {
        struct look look[2] = {look_at(w, 0), look_at(w, 1)};
        int found = -1;
        for (int i = 0; i < 2; i++)
            if (look[0].running && look[1].running && look[i].copies == 0 && look[!i].copies == 1 &&
                look[!i].lag == 0 && has_caught_up(w, !i))
                found = i;
        calm = found >= 0 && found == owner ? calm + 1 : 0;
        owner = found;
        if (t_now_ms() > deadline)
            T_FAIL("no copy after %lld s: copies %lld and %lld, lags %lld and %lld\n%s\n%s",
                   (long long)w->o->timeout_ms / 1000, (long long)look[0].copies, (long long)look[1].copies,
                   (long long)look[0].lag, (long long)look[1].lag, t_stderr(w->engine[0]),
                   t_stderr(w->engine[1]));
        turns(w, ASK_MS);
    }
    return owner;
}

static void stop(struct watch *w, int i)
{
    t_signal(w->engine[i], SIGTERM);
    if (t_wait_exit(w->engine[i], STOP_MS) != 0)
        T_FAIL("process %d did not end in order:\n%s", i, t_stderr(w->engine[i]));
    t_process_free(w->engine[i]);
    w->engine[i] = NULL;
}

static uint64_t count_missing(const struct watch *w)
{
    uint64_t n = 0;
    for (uint32_t k = 0; k < w->o->keys; k++) n += w->seen[k] < w->sent[k] ? w->sent[k] - w->seen[k] : 0;
    return n;
}

/* Until all events are in the rows that came out; how many are not. */
static uint64_t drain(struct watch *w)
{
    int64_t deadline = t_now_ms() + w->o->timeout_ms;
    uint64_t missing;
    w->trickle_us = 0;
    t_flush(w->producer);
    while ((missing = count_missing(w)) > 0 && t_now_ms() < deadline) turns(w, ASK_MS);
    return missing;
}

/* Who has the task, when everything sent so far is in the changelog and in the copy. An event says that all in front of it was processed,
 * but what that made may go to the changelog with the next commit only. */
static int wait_settled(struct watch *w)
{
    send_event(w);
    if (drain(w) > 0) T_FAIL("an event has no row:\n%s\n%s", t_stderr(w->engine[0]), t_stderr(w->engine[1]));
    wait_copied(w);
    turns(w, w->o->settle_ms);
    return wait_copied(w);
}

/* Who has the task now, which is not the last round's one if that can be had: the group deals by age, so the other process gets a new
 * one. */
static int next_owner(struct watch *w, int last)
{
    int owner = wait_settled(w);
    if (owner != last) return owner;
    stop(w, !owner);
    start(w, !owner);
    return wait_settled(w);
}

/* ---- a round ------------------------------------------------------------------------------------------------------ */

static void keep_log(struct watch *w, int i, int round, size_t length)
{
    FILE *file = w->o->log ? fopen(w->o->log, "a") : NULL;
    if (!file) return;
    time_t second = (time_t)(w->killed_ms / 1000);
    struct tm tm;
    char text[32];
    strftime(text, sizeof text, "%FT%T", gmtime_r(&second, &tm));
    fprintf(file, "round %d: killed at %s.%03d\n%s", round, text, (int)(w->killed_ms % 1000),
            t_stderr(w->engine[i]) + length);
    fclose(file);
}

static void kill_it(struct watch *w, int owner)
{
    w->noticed_us = w->first_us = 0;
    w->killed_ms = t_wall_ms();
    w->killed_us = t_now_us();
    t_signal(w->engine[owner], SIGKILL);
}

static double seconds(const struct watch *w, int64_t us)
{
    return us ? (double)(us - w->killed_us) / 1e6 : -1;
}

/* Gives who was killed. */
static int run_round(struct watch *w, int round, int last)
{
    int owner = next_owner(w, last);
    w->trickled = 0;
    w->killed_us = w->noticed_us = 0;
    w->trickle_us = t_now_us();
    turns(w, w->o->lead_ms);
    size_t length = strlen(t_stderr(w->engine[!owner]));
    uint64_t wrong = w->wrong, results = w->results;
    struct look before = look_at(w, !owner);
    kill_it(w, owner);
    int64_t deadline = t_now_ms() + w->o->timeout_ms;
    while (!w->first_us && t_now_ms() < deadline) turn(w);
    must_run(w, !owner);
    turns(w, AFTER_MS);
    uint64_t missing = drain(w);
    int64_t restored = look_at(w, !owner).restored - before.restored;
    keep_log(w, !owner, round, length);
    t_wait_exit(w->engine[owner], STOP_MS);
    t_process_free(w->engine[owner]);
    w->engine[owner] = NULL;
    printf("round=%d killed=%d total_s=%.3f noticed_s=%.3f lag=%lld restored=%lld outputs=%llu wrong=%llu "
           "missing=%llu\n",
           round, owner, seconds(w, w->first_us), seconds(w, w->noticed_us), (long long)before.lag,
           (long long)restored, (unsigned long long)(w->results - results),
           (unsigned long long)(w->wrong - wrong), (unsigned long long)missing);
    fflush(stdout);
    if (round < w->o->rounds) start(w, owner);
    return owner;
}

/* ---- command line ------------------------------------------------------------------------------------------------- */

_Noreturn static void usage(void)
{
    fputs(
        "usage: state_failover --brokers B --input T --output T --group G --config FILE --config FILE --keys K\n"
        "                      [--rate EVENTS_A_SECOND] [--lead MS] [--rounds N] [--repeats] [--timeout SECONDS]\n"
        "                      [--settle MS] [--log FILE] -- COMMAND…, which gets one of the files as its last word\n",
        stderr);
    exit(64);
}

static void parse(int argc, char **argv, struct options *o)
{
    static const struct option known[] = {{"brokers", 1, NULL, 'b'}, {"input", 1, NULL, 'i'},
                                          {"output", 1, NULL, 'o'},  {"group", 1, NULL, 'g'},
                                          {"config", 1, NULL, 'c'},  {"keys", 1, NULL, 'k'},
                                          {"rate", 1, NULL, 'r'},    {"lead", 1, NULL, 'l'},
                                          {"rounds", 1, NULL, 'n'},  {"timeout", 1, NULL, 'T'},
                                          {"repeats", 0, NULL, 'R'}, {"log", 1, NULL, 'L'},
                                          {"settle", 1, NULL, 's'},  {0}};
    int option;
    while ((option = getopt_long(argc, argv, "+", known, NULL)) != -1) {
        switch (option) {
        case 'b': o->brokers = optarg; break;
        case 'i': o->input = optarg; break;
        case 'o': o->output = optarg; break;
        case 'g': o->group = optarg; break;
        case 'c': o->config[o->config[0] != NULL] = optarg; break;
        case 'k': o->keys = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'r': o->rate = atoll(optarg); break;
        case 'l': o->lead_ms = atoll(optarg); break;
        case 'n': o->rounds = atoi(optarg); break;
        case 'T': o->timeout_ms = atoll(optarg) * 1000; break;
        case 's': o->settle_ms = atoll(optarg); break;
        case 'L': o->log = optarg; break;
        case 'R': o->repeats = true; break;
        default: usage();
        }
    }
    if (!o->brokers || !o->input || !o->output || !o->group || !o->config[1] || o->keys < 1 ||
        o->keys > ST_KEYS_MOST || o->rate < 1 || o->rounds < 1 || optind == argc)
        usage();
    o->command = argv + optind;
}

static void open_clients(struct watch *w)
{
    const struct options *o = w->o;
    const char *reading[] = {"isolation.level=read_committed", "fetch.wait.max.ms=20", NULL};
    const char *sending[] = {"linger.ms=0", NULL};
    w->rk = t_client(RD_KAFKA_CONSUMER, o->brokers, reading);
    w->topic = rd_kafka_topic_new(w->rk, o->output, NULL);
    w->outputs = rd_kafka_queue_new(w->rk);
    w->answers = rd_kafka_queue_new(w->rk);
    if (rd_kafka_consume_start_queue(w->topic, 0, RD_KAFKA_OFFSET_BEGINNING, w->outputs) != 0)
        T_FAIL("%s: %s", o->output, rd_kafka_err2str(rd_kafka_last_error()));
    w->producer = t_producer_open(o->brokers, NULL, sending);
}

static void close_clients(struct watch *w)
{
    t_producer_close(w->producer);
    rd_kafka_consume_stop(w->topic, 0);
    rd_kafka_queue_destroy(w->outputs);
    rd_kafka_queue_destroy(w->answers);
    rd_kafka_topic_destroy(w->topic);
    rd_kafka_destroy(w->rk);
}

int main(int argc, char **argv)
{
    struct options o = {.rate = 200, .lead_ms = 5000, .settle_ms = 1000, .rounds = 1, .timeout_ms = 600000};
    parse(argc, argv, &o);
    struct watch w = {.o = &o};
    for (int i = 0; i < 2; i++) start(&w, i);
    w.sent = t_alloc(o.keys * sizeof *w.sent);
    w.seen = t_alloc(o.keys * sizeof *w.seen);
    open_clients(&w);
    for (int round = 1, last = -1; round <= o.rounds; round++) last = run_round(&w, round, last);
    close_clients(&w);
    for (int i = 0; i < 2; i++)
        if (w.engine[i]) stop(&w, i);
    free(w.sent);
    free(w.seen);
    return 0;
}
