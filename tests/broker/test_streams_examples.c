/* SPDX-License-Identifier: Apache-2.0
 *
 * The examples of doc/streams.md as a reader types them: the command lines are taken out of the page and run by bash against the
 * source cluster. What they print must hold the lines the page shows, and what lies in the topics afterwards must be, record for
 * record, what the lines of conf/examples/generate.sh turn into by a plain version of each topology.
 *
 * A part of the page is found by its mark, `<!-- run: NAME -->`: the next ```sh block holds the commands, and a ```text block behind it,
 * if there is one before the next mark, what they print.
 */
#include <inttypes.h>

#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/mirror.h"

#define PAGE    "doc/streams.md"
#define RUN_MS  150000
#define TOOL_MS 60000
#define DEAD    "events-dead"

static char *page;

/* ---- the page ----------------------------------------------------------------------------------------------------- */

static char *load(const char *path)
{
    FILE *in = fopen(path, "re");
    if (!in) T_FAIL("%s cannot be read; the test runs at the root of the tree", path);
    char *text = NULL;
    size_t size = 0;
    ssize_t len = getdelim(&text, &size, -1, in);
    fclose(in);
    T_CHECK(len > 0, "%s is empty", path);
    return text;
}

/* The text of the next fenced block of that kind, up to `end` (NULL: anywhere); NULL: there is none. */
static char *fenced(const char *from, const char *end, const char *kind)
{
    char *open = t_printf("\n```%s\n", kind);
    const char *at = strstr(from, open);
    size_t len = strlen(open);
    free(open);
    if (!at || (end && at > end)) return NULL;
    at += len;
    const char *close = strstr(at, "\n```");
    assert_non_null(close);
    return t_printf("%.*s", (int)(close + 1 - at), at);
}

struct part {
    char *commands;
    char *prints; /* NULL: the page does not say */
};

static struct part part_of(const char *name)
{
    char *mark = t_printf("<!-- run: %s -->\n", name);
    const char *at = strstr(page, mark);
    T_CHECK(at != NULL, "%s has no mark '%s'", PAGE, name);
    const char *end = strstr(at + 1, "<!-- run: ");
    struct part part = {fenced(at, end, "sh"), fenced(at, end, "text")};
    T_CHECK(part.commands != NULL, "no commands behind the mark '%s' of %s", name, PAGE);
    free(mark);
    return part;
}

static void part_free(struct part *part)
{
    free(part->commands);
    free(part->prints);
}

/* Every line of `expected` is a line of `got`, in the same order. */
static void expect_lines(const char *expected, const char *got)
{
    const char *at = got;
    for (const char *line = expected, *next; *line; line = next) {
        next = strchr(line, '\n') + 1;
        size_t len = (size_t)(next - line);
        while (*at && strncmp(at, line, len) != 0) {
            const char *newline = strchr(at, '\n');
            at = newline ? newline + 1 : at + strlen(at);
        }
        T_CHECK(*at != '\0', "%s shows this line, and it was not printed:\n%.*s\nprinted:\n%s", PAGE,
                (int)len, line, got);
        at += len;
    }
}

/* Runs the commands behind the mark, after what every reader has typed before. */
static void run_part(const char *name)
{
    struct part setup = part_of("kafka"), part = part_of(name);
    char *folder = t_printf("%s", t_aqueduct());
    *strrchr(folder, '/') = '\0';
    char *path = t_printf("PATH=%s:%s", folder, getenv("PATH"));
    char *script = t_printf("set -euo pipefail\n%s%s", setup.commands, part.commands);
    const char *const argv[] = {"bash", "-c", script, NULL};
    const char *const env[] = {path, NULL};
    struct t_process *bash = t_start(argv, env);
    int code = t_wait_exit(bash, RUN_MS);
    T_CHECK(code == 0, "the commands of '%s' ended with %d:\n%s\n%s", name, code, t_stdout(bash),
            t_stderr(bash));
    if (part.prints) expect_lines(part.prints, t_stdout(bash));
    t_process_free(bash);
    free(script);
    free(path);
    free(folder);
    part_free(&setup);
    part_free(&part);
}

/* ---- what is expected, and what is there --------------------------------------------------------------------------- */

struct lines {
    char **list;
    size_t n, cap;
};

static void add_line(struct lines *lines, char *line)
{
    if (lines->n == lines->cap) {
        lines->cap = lines->cap ? lines->cap * 2 : 1024;
        lines->list = t_realloc(lines->list, lines->cap * sizeof(*lines->list));
    }
    lines->list[lines->n++] = line;
}

static void lines_free(struct lines *lines)
{
    for (size_t i = 0; i < lines->n; i++) free(lines->list[i]);
    free(lines->list);
    *lines = (struct lines){0};
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Both hold the same lines, in whatever order. */
static void expect_same(struct lines *expected, struct lines *got)
{
    T_CHECK(expected->n > 0, "nothing is expected");
    qsort(expected->list, expected->n, sizeof(*expected->list), by_text);
    if (got->n > 0) qsort(got->list, got->n, sizeof(*got->list), by_text);
    for (size_t i = 0; i < expected->n && i < got->n; i++)
        T_CHECK(strcmp(expected->list[i], got->list[i]) == 0, "expected\n%s\ngot\n%s", expected->list[i],
                got->list[i]);
    T_CHECK(expected->n == got->n, "%zu records instead of %zu", got->n, expected->n);
    lines_free(expected);
    lines_free(got);
}

/* "TOPIC<TAB>KEY<TAB>VALUE" of every committed record. */
static void read_topic(const char *topic, struct lines *ret)
{
    struct t_log *log = t_read(t_pair.source, topic, -1, true);
    for (size_t i = 0; i < log->count; i++) {
        const struct t_record *rec = &log->records[i];
        add_line(ret, t_printf("%s\t%.*s\t%.*s", topic, (int)rec->key.len, rec->key.ptr, (int)rec->value.len,
                               rec->value.ptr));
    }
    t_log_free(log);
}

/* What becomes of one line of the generator: "TOPIC<TAB>KEY<TAB>VALUE"; NULL: nothing. */
typedef char *turn(const char *key, const char *value);

static void expect_generated(const char *kind, const char *n, const char *seed, turn *becomes,
                             struct lines *expected)
{
    const char *const argv[] = {"conf/examples/generate.sh", kind, n, seed, NULL};
    char *out = NULL, *rest;
    assert_int_equal(t_run(argv, TOOL_MS, &out), 0);
    for (char *line = strtok_r(out, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *tab = strchr(line, '\t');
        assert_non_null(tab);
        *tab = '\0';
        char *turned = becomes(line, tab + 1);
        if (turned) add_line(expected, turned);
    }
    free(out);
}

/* ---- the topologies, in a few lines each ---------------------------------------------------------------------------- */

/* A float as Lua writes it into JSON. */
static void print_float(char *buf, size_t size, double number)
{
    snprintf(buf, size, "%.14g", number);
    if (!strpbrk(buf, ".e")) snprintf(buf, size, "%.14g.0", number);
}

static char *turn_metric(const char *key, const char *value)
{
    char host[8], name[16], number[32];
    double amount;
    int64_t time;
    int n = sscanf(value, "{\"host\":\"%7[^\"]\",\"name\":\"%15[^\"]\",\"value\":%lf,\"time\":%" SCNd64 "}",
                   host, name, &amount, &time);
    T_CHECK(n == 4 && strcmp(key, name) == 0, "generated: %s", value);
    print_float(number, sizeof(number), amount);
    return t_printf("metrics-by-host\t%s\t{\"host\":\"%s\",\"name\":\"%s\",\"time\":%" PRId64
                    ",\"value\":%s}",
                    host, host, name, time, number);
}

static char *turn_cpu(const char *key, const char *value)
{
    char server[8], number[32];
    double user, system;
    int64_t time;
    int n = sscanf(value, "{\"server\":\"%7[^\"]\",\"user\":%lf,\"system\":%lf,\"time\":%" SCNd64 "}", server,
                   &user, &system, &time);
    T_CHECK(n == 4 && strncmp(key, "rack", 4) == 0, "generated: %s", value);
    print_float(number, sizeof(number), user + system);
    return t_printf("metrics-by-host\t%s\t{\"host\":\"%s\",\"name\":\"cpu\",\"time\":%" PRId64
                    ",\"value\":%s}",
                    server, server, time, number);
}

static char *turn_event(const char *key, const char *value)
{
    char kind[16];
    if (sscanf(value, "{\"kind\":\"%15[^\"]\"", kind) != 1) return t_printf("%s\t%s\t%s", DEAD, key, value);
    return t_printf("events.%s\t%s\t%s", kind, key, value);
}

static char *turn_order(const char *key, const char *value)
{
    const char *amount_at = strstr(value, "\"amount\":"), *card = strstr(value, "\"card\":\"");
    assert_true(amount_at && card);
    double amount = strtod(amount_at + strlen("\"amount\":"), NULL);
    if (strstr(value, "\"test\":true")) return NULL;
    if (amount < 10) return t_printf("orders-small\t%s\t%s", key, value);
    if (amount < 1000) return t_printf("orders-ordinary\t%s\t%s", key, value);
    card += strlen("\"card\":\"");
    return t_printf("orders-to-review\t%s\t%.*s***%s", key, (int)(card - value), value, strchr(card, '"'));
}

/* What the generator says of customers, by number. */
static struct {
    char name[8], city[8];
} customers[50];

static char *turn_customer(const char *key, const char *value)
{
    char name[8], city[8];
    int i = -1, n = sscanf(key, "c%d", &i);
    n += sscanf(value, "{\"name\":\"%7[^\"]\",\"city\":\"%7[^\"]\"", name, city);
    T_CHECK(n == 3 && i >= 0 && i < 50, "generated: %s %s", key, value);
    memcpy(customers[i].name, name, sizeof(name));
    memcpy(customers[i].city, city, sizeof(city));
    return NULL;
}

static char *turn_shop_order(const char *key, const char *value)
{
    const char *amount_at = strstr(value, "\"amount\":"), *of = strstr(value, "\"customer\":\"c");
    char number[32];
    assert_true(amount_at && of);
    print_float(number, sizeof(number), strtod(amount_at + strlen("\"amount\":"), NULL));
    int i = atoi(of + strlen("\"customer\":\"c"));
    assert_in_range(i, 0, 49);
    if (!customers[i].name[0])
        return t_printf(
            "orders-with-customers\t%s\t{\"amount\":%s,\"customer\":\"unknown\",\"order\":\"%s\"}", key,
            number, key);
    return t_printf(
        "orders-with-customers\t%s\t{\"amount\":%s,\"city\":\"%s\",\"customer\":\"%s\",\"order\":\"%s\"}",
        key, number, customers[i].city, customers[i].name, key);
}

static char *turn_click(const char *key, const char *value)
{
    (void)value;
    return t_printf("%s", key);
}

/* ---- the tests ------------------------------------------------------------------------------------------------------ */

/* All records of a key are in one partition. */
static void expect_partitioned(const char *topic)
{
    struct t_log *log = t_read(t_pair.source, topic, -1, true);
    for (size_t i = 1; i < log->count; i++)
        for (size_t k = 0; k < i; k++) {
            const struct t_record *a = &log->records[i], *b = &log->records[k];
            if (a->partition == b->partition || !aq_slice_equal(a->key, b->key)) continue;
            T_FAIL("%.*s is in the partitions %d and %d of %s", (int)a->key.len, a->key.ptr, a->partition,
                   b->partition, topic);
        }
    t_log_free(log);
}

static void metrics_and_cpu_are_brought_together(void **state)
{
    (void)state;
    struct lines expected = {0}, got = {0};
    run_part("metrics");
    expect_generated("metrics", "1000", "1", turn_metric, &expected);
    expect_generated("cpu", "1000", "1", turn_cpu, &expected);
    read_topic("metrics-by-host", &got);
    assert_int_equal(expected.n, 2000);
    expect_same(&expected, &got);
    expect_partitioned("metrics-by-host");
}

static void expect_dead_letters(void)
{
    struct t_log *log = t_read(t_pair.source, DEAD, -1, true);
    for (size_t i = 0; i < log->count; i++) {
        const struct t_header *topic = t_header_of(&log->records[i], "__streams.errors.topic");
        const struct t_header *why = t_header_of(&log->records[i], "__streams.errors.message");
        assert_true(topic && why);
        T_CHECK(aq_slice_equal(topic->value, AQ_LIT("events-eu")) ||
                    aq_slice_equal(topic->value, AQ_LIT("events-us")),
                "from %.*s", (int)topic->value.len, topic->value.ptr);
        T_CHECK(memmem(why->value.ptr, why->value.len, "'kind'", 6) != NULL, "%.*s", (int)why->value.len,
                why->value.ptr);
    }
    T_CHECK(log->count > 0, "there is no dead letter");
    t_log_free(log);
}

static void events_go_to_the_topics_they_name(void **state)
{
    (void)state;
    static const char *const topics[] = {"events.buy", "events.login", "events.logout", "events.view", DEAD};
    struct lines expected = {0}, got = {0};
    run_part("events");
    expect_generated("events", "500", "1", turn_event, &expected);
    expect_generated("events", "500", "2", turn_event, &expected);
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) read_topic(topics[i], &got);
    assert_int_equal(expected.n, 1000);
    expect_same(&expected, &got);
    expect_dead_letters();
}

/* One line for every click that was counted. */
static void read_counts(struct lines *ret)
{
    struct t_log *log = t_read(t_pair.source, "clicks-per-interval", -1, true);
    for (size_t i = 0; i < log->count; i++) {
        const struct t_record *rec = &log->records[i];
        T_CHECK(rec->value.len == 8, "a count of %zu bytes", rec->value.len);
        uint64_t count = 0;
        for (size_t b = 0; b < 8; b++) count = count << 8 | (unsigned char)rec->value.ptr[b];
        T_CHECK(count > 0 && count <= 1000, "a count of %" PRIu64, count);
        for (uint64_t k = 0; k < count; k++) add_line(ret, t_printf("%.*s", (int)rec->key.len, rec->key.ptr));
    }
    t_log_free(log);
}

static void clicks_are_counted_at_intervals(void **state)
{
    (void)state;
    struct lines expected = {0}, got = {0};
    run_part("clicks");
    expect_generated("clicks", "1000", "1", turn_click, &expected);
    read_counts(&got);
    assert_int_equal(expected.n, 1000);
    expect_same(&expected, &got);
}

static void orders_go_different_ways(void **state)
{
    (void)state;
    struct lines expected = {0}, got = {0};
    run_part("orders");
    expect_generated("orders", "1000", "1", turn_order, &expected);
    read_topic("orders-to-review", &got);
    read_topic("orders-small", &got);
    read_topic("orders-ordinary", &got);
    expect_same(&expected, &got);
}

static void orders_find_their_customers(void **state)
{
    (void)state;
    struct lines expected = {0}, got = {0};
    run_part("customers");
    expect_generated("customers", "45", "1", turn_customer, &expected);
    expect_generated("orders", "1000", "1", turn_shop_order, &expected);
    read_topic("orders-with-customers", &got);
    assert_int_equal(expected.n, 1000);
    expect_same(&expected, &got);
}

/* ---- a clean cluster before and after --------------------------------------------------------------------------------- */

static void remove_traces(void)
{
    static const char *const topics[] = {"metrics",
                                         "cpu",
                                         "metrics-by-host",
                                         "metrics-by_host-repartition",
                                         "metrics-aqueduct-state",
                                         "events-eu",
                                         "events-us",
                                         "events.buy",
                                         "events.login",
                                         "events.logout",
                                         "events.view",
                                         DEAD,
                                         "events-by-kind-aqueduct-state",
                                         "clicks",
                                         "clicks-per-interval",
                                         "clicks-per-interval-aqueduct-state",
                                         "orders",
                                         "orders-to-review",
                                         "orders-small",
                                         "orders-ordinary",
                                         "orders-by-size-aqueduct-state",
                                         "customers",
                                         "shop-orders",
                                         "orders-with-customers",
                                         "orders-with-customers-aqueduct-state"};
    const char *const groups[] = {"./dev",
                                  "clusters",
                                  "tool",
                                  "kafka-consumer-groups",
                                  "--bootstrap-server",
                                  t_pair.source,
                                  "--delete",
                                  "--group",
                                  "metrics",
                                  "--group",
                                  "events-by-kind",
                                  "--group",
                                  "clicks-per-interval",
                                  "--group",
                                  "orders-by-size",
                                  "--group",
                                  "orders-with-customers",
                                  NULL};
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) t_topic_delete(t_pair.src, topics[i]);
    (void)t_run(groups, TOOL_MS,
                NULL); /* it fails when there is none, as it should be before the first run */
}

static int set_up(void **state)
{
    t_pair_setup(state);
    page = load(PAGE);
    remove_traces();
    return 0;
}

static int tear_down(void **state)
{
    if (page) remove_traces();
    free(page);
    return t_pair_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_and_cpu_are_brought_together),
        cmocka_unit_test(events_go_to_the_topics_they_name),
        cmocka_unit_test(clicks_are_counted_at_intervals),
        cmocka_unit_test(orders_go_different_ways),
        cmocka_unit_test(orders_find_their_customers),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
