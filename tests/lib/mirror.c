/* SPDX-License-Identifier: Apache-2.0
 *
 * Comparing topics, and listening to the program. Threads: the test's.
 */
#include "tests/lib/mirror.h"

#include <inttypes.h>

#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/http.h"
#include "tests/lib/wait.h"

/* ---- records ------------------------------------------------------------------------------------------------------- */

static const char *show(struct aq_slice slice, char room[80])
{
    if (aq_slice_is_null(slice)) return "null";
    snprintf(room, 80, "%zu bytes '%.*s'", slice.len, slice.len < 40 ? (int)slice.len : 40, slice.ptr);
    return room;
}

static bool same_bytes(struct aq_slice a, struct aq_slice b)
{
    if (aq_slice_is_null(a) || aq_slice_is_null(b)) return aq_slice_is_null(a) && aq_slice_is_null(b);
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

static void same_slice(const struct t_record *place, const char *what, struct aq_slice expected,
                       struct aq_slice got)
{
    char room[2][80];
    if (same_bytes(expected, got)) return;
    T_FAIL("[%d]@%" PRId64 ": %s is %s, not %s", place->partition, place->offset, what, show(got, room[0]),
           show(expected, room[1]));
}

static void same_record(const struct t_record *expected, const struct t_record *got, bool timestamps)
{
    T_CHECK(expected->partition == got->partition, "[%d]@%" PRId64 " is missing or in partition %d",
            expected->partition, expected->offset, got->partition);
    same_slice(expected, "key", expected->key, got->key);
    same_slice(expected, "value", expected->value, got->value);
    T_CHECK(!timestamps || expected->timestamp == got->timestamp,
            "[%d]@%" PRId64 ": %" PRId64 ", not %" PRId64, expected->partition, expected->offset,
            got->timestamp, expected->timestamp);
    T_CHECK(expected->n_headers == got->n_headers, "[%d]@%" PRId64 ": %zu, not %zu", expected->partition,
            expected->offset, got->n_headers, expected->n_headers);
    for (size_t i = 0; i < expected->n_headers; i++) {
        same_slice(expected, "a header's name", aq_slice_str(expected->headers[i].name),
                   aq_slice_str(got->headers[i].name));
        same_slice(expected, expected->headers[i].name, expected->headers[i].value, got->headers[i].value);
    }
}

void t_same_records(const struct t_log *expected, const struct t_log *got, bool timestamps)
{
    size_t n = expected->count < got->count ? expected->count : got->count;
    for (size_t i = 0; i < n; i++) same_record(&expected->records[i], &got->records[i], timestamps);
    T_CHECK(expected->count == got->count, "%zu records instead of %zu", got->count, expected->count);
}

void t_expect_mirror_as(const struct t_pair *pair, const char *source_topic, const char *sink_topic,
                        bool timestamps)
{
    struct t_log *source = t_read(pair->source, source_topic, -1, true);
    struct t_log *sink = t_read(pair->sink, sink_topic, -1, true);
    t_same_records(source, sink, timestamps);
    t_log_free(source);
    t_log_free(sink);
}

void t_expect_mirror(const struct t_pair *pair, const char *topic)
{
    t_expect_mirror_as(pair, topic, topic, true);
}

void t_wait_mirrored(const struct t_pair *pair, const char *topic, int partitions, int64_t n,
                     int64_t timeout_ms)
{
    int64_t deadline = t_now_ms() + timeout_ms;
    T_CHECK(T_WAIT(timeout_ms, t_partitions(pair->dst, topic) == partitions), "%s has %d partitions, not %d",
            topic, t_partitions(pair->dst, topic), partitions);
    struct t_tail *tail = t_tail_open(pair->sink, topic, partitions);
    int64_t seen = t_tail_wait(tail, n, deadline - t_now_ms());
    t_tail_close(tail);
    T_CHECK(seen >= n, "%" PRId64 " of %" PRId64 " records in %s", seen, n, topic);
}

void t_check_mirror(const struct t_pair *pair, const char *topic, int64_t timeout_ms)
{
    const char *const argv[] = {
        t_tool("mirror_check"), "--source", pair->source, "--sink", pair->sink, "--topic", topic, NULL};
    free(t_end_words(t_start(argv, NULL), 0, timeout_ms));
}

/* ---- words --------------------------------------------------------------------------------------------------------- */

void t_wait_words(struct t_process *process, const char *text, int64_t timeout_ms)
{
    if (T_WAIT(timeout_ms, t_stderr_has(process, text) || !t_running(process)) && t_stderr_has(process, text))
        return;
    char *words = t_printf("%s", t_stderr(process));
    t_process_free(process);
    T_FAIL("never said '%s', but:\n%s", text, words);
}

char *t_end_words(struct t_process *process, int expected, int64_t timeout_ms)
{
    int code = t_wait_exit(process, timeout_ms);
    char *words = t_printf("%s%s", t_stderr(process), t_stdout(process));
    t_process_free(process);
    if (code == T_STILL_RUNNING) T_FAIL("still runs after %" PRId64 " ms:\n%s", timeout_ms, words);
    if (code != expected) T_FAIL("exit %d instead of %d:\n%s", code, expected, words);
    return words;
}

char *t_bridge_words(const char *config, int expected, int64_t timeout_ms)
{
    return t_end_words(t_bridge(config, NULL), expected, timeout_ms);
}

char *t_aqueduct_words(int expected, ...)
{
    const char *argv[24] = {t_aqueduct()};
    va_list args;
    va_start(args, expected);
    for (int n = 1; n < 23 && (argv[n] = va_arg(args, const char *)); n++) {
    }
    va_end(args);
    return t_end_words(t_start(argv, NULL), expected, 60000);
}

void t_expect_words(const char *words, ...)
{
    va_list args;
    va_start(args, words);
    for (const char *text; (text = va_arg(args, const char *));) {
        if (strstr(words, text)) continue;
        va_end(args);
        T_FAIL("'%s' is not in:\n%s", text, words);
    }
    va_end(args);
}

/* ---- metrics ------------------------------------------------------------------------------------------------------- */

double t_metric(int port, const char *sample)
{
    char *page = NULL;
    double sum = 0;
    bool found = false;
    size_t length = strlen(sample);
    bool open = sample[length - 1] == '{';
    if (t_http_get(port, "/metrics", 3000, &page) != 200) {
        free(page);
        return -1;
    }
    char *rest = page;
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (strncmp(line, sample, length) != 0 || (!open && line[length] != ' ')) continue;
        const char *value = strrchr(line, ' ');
        sum += value ? strtod(value, NULL) : 0;
        found = true;
    }
    free(page);
    return found ? sum : -1;
}
