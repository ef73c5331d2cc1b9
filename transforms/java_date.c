/* SPDX-License-Identifier: Apache-2.0
 *
 * SimpleDateFormat's output. The pattern is cut into pieces once; formatting computes the fields of the instant and
 * prints piece by piece. Dates before 1582 differ from Java, which switches to the Julian calendar there.
 */
#include "transforms/java_date.h"

#include <stdio.h>

#include "base/assert.h"

#define DAY_MS 86400000ll

/* The instant, cut up. */
struct fields {
    int64_t days; /* since 1970-01-01 */
    int64_t year;
    int month;    /* 1.. */
    int day;      /* of the month, 1.. */
    int year_day; /* 1.. */
    int week_day; /* 0 Sunday */
    int ms;       /* of the day */
};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t java_days(int64_t year, int64_t month, int64_t day)
{
    year += floor_div(month - 1, 12);
    month = month - 1 - 12 * floor_div(month - 1, 12) + 1;
    AQ_ASSERT(month >= 1 && month <= 12);
    /* Years that begin in March put the leap day last. */
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = floor_div(y, 400);
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468 + day - 1;
}

static struct fields cut(int64_t ms)
{
    struct fields f = {.days = floor_div(ms, DAY_MS)};
    f.ms = (int)(ms - f.days * DAY_MS);
    int64_t z = f.days + 719468;
    int64_t era = floor_div(z, 146097);
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    f.day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
    f.month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    f.year = year_of_era + era * 400 + (f.month <= 2);
    f.year_day = (int)(f.days - java_days(f.year, 1, 1)) + 1;
    f.week_day = (int)(((f.days + 4) % 7 + 7) % 7);
    return f;
}

/* Week of the year and the year it belongs to: week 1 holds January 1st. */
static int week_of_year(const struct fields *f, int64_t *ret_year)
{
    int64_t sunday = f->days - f->week_day;
    int64_t next = java_days(f->year + 1, 1, 1);
    *ret_year = f->year;
    if (sunday + 6 >= next) {
        *ret_year = f->year + 1;
        return 1;
    }
    int64_t first = java_days(f->year, 1, 1);
    int64_t first_sunday = first - ((first + 4) % 7 + 7) % 7;
    return (int)((sunday - first_sunday) / 7) + 1;
}

static int week_of_month(const struct fields *f)
{
    int64_t first = f->days - f->day + 1;
    int first_week_day = (int)(((first + 4) % 7 + 7) % 7);
    return (f->day - 1 + first_week_day) / 7 + 1;
}

static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};
static const char *const week_days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};

struct out {
    char *buf;
    size_t size;
    size_t len;
};

static void put(struct out *o, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (o->len < o->size) o->buf[o->len++] = text[i];
    }
}

static void put_number(struct out *o, int64_t value, int digits)
{
    char text[64];
    int n = snprintf(text, sizeof(text), "%0*lld", digits > 40 ? 40 : digits, (long long)value);
    put(o, text, (size_t)n);
}

static void put_name(struct out *o, const char *name, int count)
{
    put(o, name, count >= 4 ? strlen(name) : 3);
}

static void put_year(struct out *o, int64_t year, int count)
{
    if (count == 2)
        put_number(o, ((year % 100) + 100) % 100, 2);
    else
        put_number(o, year, count);
}

/* Letters of date and week. false: not one of them. */
static bool put_date(struct out *o, const struct fields *f, char letter, int count)
{
    int64_t year = f->year, week_year;
    int week = week_of_year(f, &week_year);
    switch (letter) {
    case 'G': put(o, year > 0 ? "AD" : "BC", 2); return true;
    case 'y': put_year(o, year > 0 ? year : 1 - year, count); return true;
    case 'Y': put_year(o, week_year, count); return true;
    case 'M':
    case 'L':
        if (count >= 3)
            put_name(o, months[f->month - 1], count);
        else
            put_number(o, f->month, count);
        return true;
    case 'd': put_number(o, f->day, count); return true;
    case 'D': put_number(o, f->year_day, count); return true;
    case 'E': put_name(o, week_days[f->week_day], count); return true;
    case 'u': put_number(o, f->week_day ? f->week_day : 7, count); return true;
    case 'F': put_number(o, (f->day - 1) / 7 + 1, count); return true;
    case 'w': put_number(o, week, count); return true;
    case 'W': put_number(o, week_of_month(f), count); return true;
    default: return false;
    }
}

static void put_time(struct out *o, const struct fields *f, char letter, int count)
{
    int hour = f->ms / 3600000;
    switch (letter) {
    case 'a': put(o, hour < 12 ? "AM" : "PM", 2); return;
    case 'H': put_number(o, hour, count); return;
    case 'k': put_number(o, hour ? hour : 24, count); return;
    case 'K': put_number(o, hour % 12, count); return;
    case 'h': put_number(o, hour % 12 ? hour % 12 : 12, count); return;
    case 'm': put_number(o, f->ms / 60000 % 60, count); return;
    case 's': put_number(o, f->ms / 1000 % 60, count); return;
    case 'S': put_number(o, f->ms % 1000, count); return;
    case 'z':
        if (count >= 4)
            put(o, "Coordinated Universal Time", 26);
        else
            put(o, "UTC", 3);
        return;
    case 'Z': put(o, "+0000", 5); return;
    case 'X': put(o, "Z", 1); return;
    default: AQ_ASSERT(!"letter was checked when the pattern was read");
    }
}

/* What a letter's text depends on, in milliseconds; 0 for an unknown letter. */
static int64_t letter_unit(char letter)
{
    if (strchr("GyYMLdDEuFwW", letter)) return DAY_MS;
    if (strchr("aHhKk", letter)) return 3600000;
    if (strchr("zZX", letter)) return DAY_MS;
    if (letter == 'm') return 60000;
    if (letter == 's') return 1000;
    return letter == 'S';
}

/* At a quote: the literal up to the closing one, '' standing for a quote. */
static const char *parse_quoted(const char *p, struct java_date *date, struct aq_arena *arena,
                                struct aq_err *err)
{
    char *text = aq_arena_alloc(arena, strlen(p) + 1);
    size_t n = 0;
    const char *start = p++;
    if (*p == '\'') {
        date->pieces[date->count++] = (struct java_date_piece){.text = {p, 1}};
        return p + 1;
    }
    for (;; p++) {
        if (!*p) {
            aq_fail(err, AQ_E_CONFIG, "unterminated quote in \"%s\"", start);
            return NULL;
        }
        if (*p == '\'' && *++p != '\'') break;
        text[n++] = *p;
    }
    date->pieces[date->count++] = (struct java_date_piece){.text = {text, n}};
    return p;
}

int java_date_parse(struct java_date *date, const char *format, struct aq_arena *arena, struct aq_err *err)
{
    *date = (struct java_date){.unit = DAY_MS};
    date->pieces = aq_arena_alloc(arena, (strlen(format) + 1) * sizeof(*date->pieces));
    for (const char *p = format; *p;) {
        char c = *p;
        if (c == '\'') {
            p = parse_quoted(p, date, arena, err);
            if (!p) return AQ_E_CONFIG;
            continue;
        }
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))) {
            date->pieces[date->count++] = (struct java_date_piece){.text = {p++, 1}};
            continue;
        }
        int count = 0;
        while (p[count] == c) count++;
        int64_t unit = letter_unit(c);
        if (unit == 0) {
            return aq_fail(err, AQ_E_CONFIG,
                           "unknown letter '%c' in \"%s\"; put literal text in single quotes", c, format);
        }
        if (c == 'X' && count > 3) return aq_fail(err, AQ_E_CONFIG, "more than three X in \"%s\"", format);
        if (unit < date->unit) date->unit = unit;
        date->pieces[date->count++] = (struct java_date_piece){.letter = c, .count = count};
        p += count;
    }
    return 0;
}

size_t java_date_format(const struct java_date *date, int64_t ms, char *buf, size_t size)
{
    struct fields f = cut(ms);
    struct out o = {.buf = buf, .size = size};
    for (size_t i = 0; i < date->count; i++) {
        const struct java_date_piece *piece = &date->pieces[i];
        if (piece->text.ptr)
            put(&o, piece->text.ptr, piece->text.len);
        else if (!put_date(&o, &f, piece->letter, piece->count))
            put_time(&o, &f, piece->letter, piece->count);
    }
    AQ_ASSERT(o.len <= size);
    return o.len;
}
