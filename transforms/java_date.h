/* SPDX-License-Identifier: Apache-2.0
 *
 * java.text.SimpleDateFormat, output only: UTC, English names, weeks as in the US locale (they start on Sunday, the
 * one with January 1st is the first). Letters G y Y M L d D E u F w W a H h K k m s S z Z X, quotes.
 */
#ifndef AQ_TRANSFORMS_JAVA_DATE_H
#define AQ_TRANSFORMS_JAVA_DATE_H

#include "base/arena.h"
#include "base/err.h"

struct java_date_piece {
    struct aq_slice text; /* of a literal; null for a letter */
    char letter;
    int count;
};

struct java_date {
    struct java_date_piece *pieces;
    size_t count;
    int64_t unit; /* milliseconds: times in the same unit give the same text */
};

/* 0, or AQ_E_CONFIG for what SimpleDateFormat's constructor throws on. */
int java_date_parse(struct java_date *date, const char *format, struct aq_arena *arena, struct aq_err *err);

/* Milliseconds since 1970 as text; returns its length, or size when buf is too small. */
size_t java_date_format(const struct java_date *date, int64_t ms, char *buf, size_t size);

/* Days since 1970-01-01 of a date; month and day may be out of range and are carried (lenient). */
int64_t java_days(int64_t year, int64_t month, int64_t day);

#endif
