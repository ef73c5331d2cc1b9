/* SPDX-License-Identifier: Apache-2.0
 *
 * The log: one line a call, formatted on the caller's stack, written to stderr with one write(2).
 *
 * Ordinary pass: level check (one relaxed load), format into a struct line, hash what identifies the line, take the
 * lock, ask the repeat table, write, unlock. Nothing is allocated; a line that is too long loses the tails of its
 * long values and ends with truncated=true, and stays valid JSON.
 * Repeats: a line is identified by its level, its message, its string fields and the integer fields that name a thing
 * (`partition`, `task`, `worker`, `broker`) or say what was shared out (`tasks`); other numbers are measurements. In the
 * fields `error` and `reason`, runs of digits count as equal, because they hold places such as orders[2]@981. An equal
 * line within ten seconds of the last one written is only counted, the next one after that carries repeated=N.
 * The table is bounded (SETS x WAYS); a full set gives up its oldest line, whose count is lost with it. That costs an
 * extra line or a count, never an unseen message.
 * Failing pass: stderr closed or full; the line is given up. A log must not stop the bridge.
 *
 * Threads: any. The lock covers the repeat table, the hook and the write; setup may run while others log.
 */
#include "base/log.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/utf8.h"

#define LINE_MAX_BYTES 8192
#define TAIL_ROOM      64 /* for truncated=true, repeated=N and the end of the line */
#define REPEAT_US      (10 * AQ_SEC)
#define SETS           64
#define WAYS           4

struct line {
    char text[LINE_MAX_BYTES];
    size_t len;
    bool json;
    bool cut;
};

struct repeat {
    uint64_t hash; /* 0: free */
    int64_t written_us;
    uint64_t suppressed;
};

static atomic_int least_level = AQ_INFO;
static atomic_int line_format = AQ_LOG_LOGFMT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct repeat repeats[SETS][WAYS];
static void (*before_line)(void);

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void aq_log_setup(enum aq_level least, enum aq_log_format format)
{
    AQ_ASSERT(least <= AQ_ERROR && format <= AQ_LOG_JSON);
    atomic_store_explicit(&least_level, (int)least, memory_order_relaxed);
    atomic_store_explicit(&line_format, (int)format, memory_order_relaxed);
}

bool aq_log_enabled(enum aq_level level)
{
    return (int)level >= atomic_load_explicit(&least_level, memory_order_relaxed);
}

void aq_log_set_before_line(void (*hook)(void))
{
    pthread_mutex_lock(&lock);
    before_line = hook;
    pthread_mutex_unlock(&lock);
}

/* Appends when it fits before the tail's room; else marks the line as cut. */
static bool put(struct line *line, const char *bytes, size_t n)
{
    AQ_ASSERT(line->len <= sizeof(line->text) - TAIL_ROOM);
    if (n > sizeof(line->text) - TAIL_ROOM - line->len) {
        line->cut = true;
        return false;
    }
    memcpy(line->text + line->len, bytes, n);
    line->len += n;
    return true;
}

static void put_quoted(struct line *line, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    /* The closing quote is bought together with the opening one. */
    if (!put(line, "\"\"", 2)) return;
    line->len--;
    while (*p) {
        char escape[8];
        size_t n = aq_utf8_len(p);
        const char *out = escape;
        size_t out_len = 2;
        escape[0] = '\\';
        if (n == 0) {
            out = "\xEF\xBF\xBD"; /* U+FFFD */
            out_len = 3;
            n = 1;
        } else if (*p == '"' || *p == '\\') {
            escape[1] = (char)*p;
        } else if (*p == '\n' || *p == '\t' || *p == '\r') {
            escape[1] = *p == '\n' ? 'n' : *p == '\t' ? 't' : 'r';
        } else if (*p < 0x20 || *p == 0x7F) {
            out_len = (size_t)snprintf(escape, sizeof(escape), "\\u%04x", *p);
        } else {
            out = (const char *)p;
            out_len = n;
        }
        if (sizeof(line->text) - TAIL_ROOM - line->len < out_len + 1 || !put(line, out, out_len)) {
            line->cut = true;
            break;
        }
        p += n;
    }
    line->text[line->len++] = '"';
}

static bool is_bare(const char *text)
{
    if (!*text) return false;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p <= ' ' || *p == '"' || *p == '=' || *p == '\\' || *p == 0x7F) return false;
        if (*p >= 0x80 && aq_utf8_len(p) == 0) return false;
        if (*p >= 0x80) p += aq_utf8_len(p) - 1;
    }
    return true;
}

/* ` key=` or `,"key":`; false when not even that fits. */
static bool put_key(struct line *line, const char *key)
{
    size_t len = strlen(key);
    AQ_ASSERT(len > 0 && len < 64);
    /* A key without a value is no line: take both or none. */
    if (sizeof(line->text) - TAIL_ROOM - line->len < len + 48) {
        line->cut = true;
        return false;
    }
    put(line, line->json ? ",\"" : " ", line->json ? 2 : 1);
    put(line, key, len);
    put(line, line->json ? "\":" : "=", line->json ? 2 : 1);
    return true;
}

static void put_text_field(struct line *line, const char *key, const char *value)
{
    if (!put_key(line, key)) return;
    if (!value && line->json) {
        put(line, "null", 4);
    } else if (!value) {
        put(line, "-", 1);
    } else if (!line->json && strlen(value) < 256 && is_bare(value)) {
        if (!put(line, value, strlen(value))) put(line, "-", 1);
    } else {
        put_quoted(line, value);
    }
}

static void put_field(struct line *line, const struct aq_field *field)
{
    char number[40];
    if (field->kind == AQ_FIELD_STR) {
        put_text_field(line, field->key, field->str);
        return;
    }
    if (!put_key(line, field->key)) return;
    if (field->kind == AQ_FIELD_INT) {
        snprintf(number, sizeof(number), "%lld", (long long)field->num);
    } else if (line->json && !isfinite(field->real)) {
        snprintf(number, sizeof(number), "null"); /* JSON has no NaN */
    } else {
        snprintf(number, sizeof(number), "%.6g", field->real);
    }
    put(line, number, strlen(number));
}

static void put_start(struct line *line, enum aq_level level, const char *message)
{
    int64_t now = aq_wall_ms();
    time_t seconds = (time_t)(now / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    char date[32];
    size_t len = strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
    AQ_ASSERT(len > 0);
    char start[128];
    int n = snprintf(
        start, sizeof(start),
        line->json ? "{\"ts\":\"%s.%03dZ\",\"level\":\"%s\",\"msg\":" : "ts=%s.%03dZ level=%s msg=", date,
        (int)(now % 1000), level_names[level]);
    put(line, start, (size_t)n);
    put_quoted(line, message);
}

static uint64_t mix(uint64_t h, const char *text, bool fold_digits)
{
    bool digit = false;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        bool was = digit;
        digit = fold_digits && *p >= '0' && *p <= '9';
        if (digit && was) continue;
        h = (h ^ (digit ? '0' : *p)) * 0x100000001b3u;
    }
    return (h ^ 0xFF) * 0x100000001b3u; /* an end mark: "ab","c" is not "a","bc" */
}

static bool names_a_thing(const char *key)
{
    return !strcmp(key, "partition") || !strcmp(key, "task") || !strcmp(key, "worker") ||
           !strcmp(key, "broker") || !strcmp(key, "tasks");
}

static uint64_t identify(enum aq_level level, const char *message, const struct aq_field *fields)
{
    uint64_t h = mix(0xcbf29ce484222325u ^ (uint64_t)level, message, false);
    for (; fields->key; fields++) {
        if (fields->kind == AQ_FIELD_STR) {
            bool place = !strcmp(fields->key, "error") || !strcmp(fields->key, "reason");
            h = mix(mix(h, fields->key, false), fields->str ? fields->str : "", place);
        } else if (fields->kind == AQ_FIELD_INT && names_a_thing(fields->key)) {
            h = (mix(h, fields->key, false) ^ (uint64_t)fields->num) * 0x100000001b3u;
        }
    }
    return h ? h : 1;
}

/* True when the line is to be written; *ret_count is how many equal ones were held back before it. */
static bool admit(uint64_t hash, int64_t now, uint64_t *ret_count)
{
    struct repeat *set = repeats[(hash >> 32) % SETS];
    struct repeat *victim = &set[0];
    *ret_count = 0;
    for (int i = 0; i < WAYS; i++) {
        if (set[i].hash == hash) {
            if (now - set[i].written_us < REPEAT_US) {
                set[i].suppressed++;
                return false;
            }
            *ret_count = set[i].suppressed;
            victim = &set[i];
            break;
        }
        if (set[i].hash == 0 || (victim->hash != 0 && set[i].written_us < victim->written_us))
            victim = &set[i];
    }
    *victim = (struct repeat){.hash = hash, .written_us = now};
    return true;
}

/* Writes into the room that put() never touches. */
static void put_end(struct line *line, uint64_t repeated)
{
    AQ_ASSERT(line->len <= sizeof(line->text) - TAIL_ROOM);
    char *at = line->text + line->len;
    size_t room = sizeof(line->text) - line->len;
    int n = 0;
    if (line->cut) n += snprintf(at, room, line->json ? ",\"truncated\":true" : " truncated=true");
    if (repeated) {
        n += snprintf(at + n, room - (size_t)n, line->json ? ",\"repeated\":%llu" : " repeated=%llu",
                      (unsigned long long)repeated);
    }
    n += snprintf(at + n, room - (size_t)n, line->json ? "}\n" : "\n");
    line->len += (size_t)n;
    AQ_ASSERT(line->len < sizeof(line->text));
}

static void write_all(const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDERR_FILENO, text, len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;
        text += n;
        len -= (size_t)n;
    }
}

void aq_log_fields(enum aq_level level, const char *message, const struct aq_field *fields)
{
    AQ_ASSERT(level <= AQ_ERROR && message);
    if (!aq_log_enabled(level)) return;
    static const struct aq_field none = {.key = NULL};
    if (!fields) fields = &none;

    int saved_errno = errno;
    struct line line;
    line.len = 0;
    line.cut = false;
    line.json = atomic_load_explicit(&line_format, memory_order_relaxed) == AQ_LOG_JSON;
    uint64_t hash = identify(level, message, fields);
    put_start(&line, level, message);
    for (; fields->key; fields++) put_field(&line, fields);

    uint64_t repeated = 0;
    pthread_mutex_lock(&lock);
    if (admit(hash, aq_mono_us(), &repeated)) {
        put_end(&line, repeated);
        if (before_line) before_line();
        write_all(line.text, line.len);
    }
    pthread_mutex_unlock(&lock);
    errno = saved_errno;
}
