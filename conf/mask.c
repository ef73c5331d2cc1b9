/* SPDX-License-Identifier: Apache-2.0
 *
 * What must not be shown of a line of text.
 *
 * Source lines are masked by what they look like, not only by what the option tables know: a file that does not parse
 * never reaches a table, and its error message must not print a password either.
 */
#include "conf/mask.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

/* A literal that is only a reference is no secret, and seeing it helps: "${secret:x}", "${VAR}". */
static bool is_reference(const char *text, size_t len)
{
    if (len < 4 || text[0] != '$' || text[1] != '{' || text[len - 1] != '}') return false;
    const char *end = memchr(text, '}', len);
    return end == text + len - 1 && !memmem(text, len, ":-", 2);
}

static void hide_range(bool *hide, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) hide[i] = true;
}

static bool secret_name(const char *text, size_t len)
{
    char name[128];
    if (len == 0 || len >= sizeof(name)) return false;
    memcpy(name, text, len);
    name[len] = '\0';
    return conf_secret_property(name);
}

/* "prop.password=value": hides what follows '='. */
static void hide_property(const char *line, size_t from, size_t to, bool *hide)
{
    const char *equals = memchr(line + from, '=', to - from);
    if (!equals) return;
    size_t at = (size_t)(equals - line);
    size_t start = from;
    while (start < at && isspace((unsigned char)line[start])) start++;
    size_t end = at;
    while (end > start && isspace((unsigned char)line[end - 1])) end--;
    if (!secret_name(line + start, end - start)) return;
    if (!is_reference(line + at + 1, to - at - 1)) hide_range(hide, at + 1, to);
}

/* https://user:password@host */
static void hide_url_password(const char *line, size_t from, size_t to, bool *hide)
{
    const char *scheme = memmem(line + from, to - from, "://", 3);
    if (!scheme) return;
    size_t start = (size_t)(scheme - line) + 3;
    const char *at_sign = memchr(line + start, '@', to - start);
    if (!at_sign) return;
    size_t end = (size_t)(at_sign - line);
    const char *colon = memchr(line + start, ':', end - start);
    if (!colon) return;
    size_t first = (size_t)(colon - line) + 1;
    if (!is_reference(line + first, end - first)) hide_range(hide, first, end);
}

/* The setting name before position `at` (which is behind '=' or ':'), as a range; empty when there is none. */
static size_t name_before(const char *line, size_t at, size_t *ret_start)
{
    while (at > 0 && isspace((unsigned char)line[at - 1])) at--;
    if (at == 0 || (line[at - 1] != '=' && line[at - 1] != ':')) return 0;
    at--;
    while (at > 0 && isspace((unsigned char)line[at - 1])) at--;
    size_t end = at;
    while (at > 0 && (isalnum((unsigned char)line[at - 1]) || strchr("_-.*", line[at - 1]))) at--;
    *ret_start = at;
    return end - at;
}

static void hide_literals(const char *line, size_t len, bool *hide)
{
    for (size_t i = 0; i < len; i++) {
        if (line[i] != '"') continue;
        size_t from = i + 1;
        size_t to = from;
        while (to < len && line[to] != '"') to += line[to] == '\\' && to + 1 < len ? 2 : 1;
        size_t start = 0;
        size_t name_len = name_before(line, i, &start);
        bool secret =
            name_len && secret_name(line + start, name_len) && !is_reference(line + from, to - from);
        if (secret) hide_range(hide, from, to);
        hide_property(line, from, to, hide);
        hide_url_password(line, from, to, hide);
        i = to;
    }
}

/* password = hunter2; without quotes: a mistake, but still a password. */
static void hide_bare_values(const char *line, size_t len, bool *hide)
{
    bool quoted = false;
    for (size_t i = 0; i < len; i++) {
        if (line[i] == '"' && (i == 0 || line[i - 1] != '\\')) quoted = !quoted;
        if (quoted) continue;
        if (line[i] != '=' && line[i] != ':') continue;
        size_t start = 0;
        size_t name_len = name_before(line, i + 1, &start);
        if (!name_len || !secret_name(line + start, name_len)) continue;
        size_t from = i + 1;
        while (from < len && isspace((unsigned char)line[from])) from++;
        if (from < len && strchr("\"[({", line[from])) continue;
        size_t to = from;
        while (to < len && !isspace((unsigned char)line[to]) && !strchr(";]})", line[to])) to++;
        if (!is_reference(line + from, to - from)) hide_range(hide, from, to);
    }
}

void conf_mask_line(const char *line, size_t len, bool *hide)
{
    AQ_ASSERT(line && hide);
    conf_mask_bytes(line, len, hide);
    hide_literals(line, len, hide);
    hide_bare_values(line, len, hide);
}

char *conf_mask_render(const char *line, size_t len, const bool *hide, int *column, struct aq_arena *arena)
{
    /* A hidden run of one byte grows to three. */
    char *out = aq_arena_alloc(arena, len * 3 + 1);
    size_t n = 0;
    int moved = column ? *column : 0;
    for (size_t i = 0; i < len; i++) {
        if (column && (int)i + 1 == *column) moved = (int)n + 1;
        if (!hide[i]) {
            out[n++] = line[i];
            continue;
        }
        size_t run = 1;
        while (i + run < len && hide[i + run]) run++;
        memcpy(out + n, "***", 3);
        if (column && *column > (int)i + 1 && *column <= (int)(i + run)) moved = (int)n + 1;
        n += 3;
        i += run - 1;
    }
    if (column && *column > (int)len) moved = *column - (int)len + (int)n;
    if (column) *column = moved;
    AQ_ASSERT(n <= len * 3);
    out[n] = '\0';
    return out;
}

char *conf_mask_copy(const char *text, struct aq_arena *arena)
{
    size_t len = strlen(text);
    bool *hide = aq_calloc(len + 1, sizeof(*hide));
    conf_mask_bytes(text, len, hide);
    char *copy = conf_mask_render(text, len, hide, NULL, arena);
    free(hide);
    return copy;
}

char *conf_mask_line_copy(const char *text, struct aq_arena *arena)
{
    size_t len = strlen(text);
    bool *hide = aq_calloc(len + 1, sizeof(*hide));
    conf_mask_line(text, len, hide);
    char *copy = conf_mask_render(text, len, hide, NULL, arena);
    free(hide);
    return copy;
}
