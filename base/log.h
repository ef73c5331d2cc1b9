/* SPDX-License-Identifier: Apache-2.0
 *
 * Structured log on stderr: logfmt or JSON, one line a call, written with one write(2). Thread-safe.
 *
 * Repeats: a line whose level, message and key fields equal one written in the last ten seconds is counted instead of
 * written; the count follows as `repeated=N` on the next one that is. Secrets never get here: whoever formats a value
 * that came from the configuration uses conf's masked form.
 */
#ifndef AQ_BASE_LOG_H
#define AQ_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum aq_level { AQ_DEBUG, AQ_INFO, AQ_WARN, AQ_ERROR };
enum aq_log_format { AQ_LOG_LOGFMT, AQ_LOG_JSON };

struct aq_field {
    const char *key; /* NULL ends the list */
    enum { AQ_FIELD_STR, AQ_FIELD_INT, AQ_FIELD_NUM } kind;
    const char *str;
    int64_t num;
    double real;
};

static inline struct aq_field aq_fs(const char *key, const char *value)
{
    return (struct aq_field){.key = key, .kind = AQ_FIELD_STR, .str = value};
}

static inline struct aq_field aq_fi(const char *key, int64_t value)
{
    return (struct aq_field){.key = key, .kind = AQ_FIELD_INT, .num = value};
}

static inline struct aq_field aq_fd(const char *key, double value)
{
    return (struct aq_field){.key = key, .kind = AQ_FIELD_NUM, .real = value};
}

void aq_log_setup(enum aq_level least, enum aq_log_format format);
bool aq_log_enabled(enum aq_level level);

/* aq_log(AQ_WARN, "partition moved", aq_fs("route", name), aq_fi("partition", p)); */
#define aq_log(level, message, ...) \
    aq_log_fields((level), (message), (const struct aq_field[]){__VA_ARGS__ __VA_OPT__(, ){.key = NULL}})

void aq_log_fields(enum aq_level level, const char *message, const struct aq_field *fields);

/* While a progress line is on the terminal the log clears it first: the hook writes the erase sequence. */
void aq_log_set_before_line(void (*hook)(void));

#endif
