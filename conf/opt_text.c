/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers with units, both ways. Durations are kept in milliseconds, sizes in bytes; a written number must come out
 * exact, so there are no fractions and an overflow is an error, never a wrap.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "base/assert.h"
#include "conf/opt_value.h"

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first: formatting takes the first that divides. */
static const struct unit durations[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0},
};
static const struct unit sizes[] = {
    {"TiB", 1LL << 40},   {"GiB", 1LL << 30}, {"MiB", 1LL << 20}, {"KiB", 1LL << 10}, {"TB", 1000000000000LL},
    {"GB", 1000000000LL}, {"MB", 1000000LL},  {"KB", 1000LL},     {"B", 1},           {NULL, 0},
};

int opt_parse_int(const char *text, int64_t *ret_value)
{
    AQ_ASSERT(text && ret_value);
    while (isspace((unsigned char)*text)) text++;
    const char *digits = text + (*text == '-' || *text == '+');
    if (!isdigit((unsigned char)*digits)) return AQ_E_INVALID;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno) return AQ_E_INVALID;
    if (*end == 'L') end++;
    while (isspace((unsigned char)*end)) end++;
    if (*end) return AQ_E_INVALID;
    *ret_value = value;
    return 0;
}

static int parse_with_unit(const char *text, const struct unit *units, bool fold_case, int64_t *ret_value)
{
    AQ_ASSERT(text && ret_value);
    while (isspace((unsigned char)*text)) text++;
    const char *digits = text + (*text == '-' || *text == '+');
    if (!isdigit((unsigned char)*digits)) return AQ_E_INVALID;
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno) return AQ_E_INVALID;
    while (isspace((unsigned char)*end)) end++;
    size_t len = strlen(end);
    while (len > 0 && isspace((unsigned char)end[len - 1])) len--;
    int64_t factor = len == 0 ? 1 : 0;
    for (const struct unit *u = units; u->name && factor == 0; u++) {
        bool same = fold_case ? strncasecmp(u->name, end, len) == 0 : strncmp(u->name, end, len) == 0;
        if (same && u->name[len] == '\0') factor = u->factor;
    }
    int64_t value;
    if (factor == 0 || __builtin_mul_overflow((int64_t)number, factor, &value)) return AQ_E_INVALID;
    *ret_value = value;
    return 0;
}

int opt_parse_duration(const char *text, int64_t *ret_ms)
{
    /* Case matters: "1M" could be meant as a month. */
    return parse_with_unit(text, durations, false, ret_ms);
}

int opt_parse_size(const char *text, int64_t *ret_bytes)
{
    return parse_with_unit(text, sizes, true, ret_bytes);
}

char *opt_number_text(enum opt_kind kind, int64_t value, struct aq_arena *arena)
{
    const struct unit *units = kind == OPT_DURATION ? durations : kind == OPT_SIZE ? sizes : NULL;
    /* -1 is a mark such as "no limit", not a length. */
    if (!units || value < 0) return aq_arena_printf(arena, "%lld", (long long)value);
    if (value == 0) return aq_arena_strdup(arena, kind == OPT_DURATION ? "0ms" : "0B");
    const struct unit *u = units;
    while (value % u->factor != 0) u++;
    AQ_ASSERT(u->name);
    return aq_arena_printf(arena, "%lld%s", (long long)(value / u->factor), u->name);
}

char *opt_range_text(const struct opt_row *row, struct aq_arena *arena)
{
    if (row->min == 0 && row->max == 0) return NULL;
    if (row->kind == OPT_STRINGS) {
        return aq_arena_printf(arena, "at least %lld item%s", (long long)row->min, row->min == 1 ? "" : "s");
    }
    if (row->kind == OPT_STRING) return aq_arena_strdup(arena, "not empty");
    if (row->kind != OPT_INT && row->kind != OPT_DURATION && row->kind != OPT_SIZE) return NULL;
    char *min = opt_number_text(row->kind, row->min, arena);
    if (row->max >= INT64_MAX / 2) return aq_arena_printf(arena, "at least %s", min);
    return aq_arena_printf(arena, "%s to %s", min, opt_number_text(row->kind, row->max, arena));
}

char *opt_enum_names(const struct opt_enum *values, const char *separator, struct aq_arena *arena)
{
    AQ_ASSERT(values);
    char *names = aq_arena_strdup(arena, "");
    for (const struct opt_enum *v = values; v->name; v++) {
        names = aq_arena_printf(arena, "%s%s%s", names, v == values ? "" : separator, v->name);
    }
    return names;
}

const char *opt_kind_text(enum opt_kind kind)
{
    static const char *const names[] = {
        "string", "true or false",   "integer", "duration", "size",
        "one of", "list of strings", "group",   "refused",
    };
    AQ_ASSERT(kind <= OPT_REFUSED);
    return names[kind];
}
