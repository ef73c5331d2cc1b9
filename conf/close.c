/* SPDX-License-Identifier: Apache-2.0
 *
 * Strings and comments that are never closed.
 *
 * libconfig ignores the rest of the file behind an open comment and says nothing; behind an open string it reports
 * the last line. Both are found here by a scan that knows only strings, comments and newlines.
 *
 * Ordinary pass: the scan reaches the end of the text outside of both; nothing is changed.
 * A string that is left open swallows text up to the next quote, usually lines below, and what follows that quote
 * cannot follow a string. So: a string that contains a newline and has a wrong follower is the culprit, and is closed
 * at the end of its first line; the scan then goes on behind it. A string on several lines with a right follower is
 * taken as meant.
 * An open comment is closed before the next line that looks like a setting.
 *
 * Invariant: no newline is added or removed, so lines keep their numbers.
 */
#include <ctype.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "conf/source.h"

struct scan {
    const char *path;
    char *text; /* malloc'ed, zero-terminated; one byte is inserted at times */
    size_t len;
    struct conf_diags *diags;
    bool changed;
};

static struct conf_pos place(const struct scan *s, size_t at, int width)
{
    struct conf_pos pos = {.file = s->path, .line = 1, .column = 1, .width = width};
    for (size_t i = 0; i < at; i++) {
        pos.column++;
        if (s->text[i] != '\n') continue;
        pos.line++;
        pos.column = 1;
    }
    return pos;
}

static bool is_name_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '*';
}

/* `name =` or `name :` at p. */
static bool is_setting(const char *p)
{
    if (!isalpha((unsigned char)*p) && *p != '*') return false;
    while (is_name_byte(*p)) p++;
    p += strspn(p, " \t");
    return *p == '=' || *p == ':';
}

/* May this stand behind a string on the same line? */
static bool may_follow(const char *p)
{
    p += strspn(p, " \t\r");
    if (*p == '\0' || strchr("\n\f;,])}#\"", *p)) return true;
    if (p[0] == '/' && (p[1] == '/' || p[1] == '*')) return true;
    return is_setting(p);
}

static void close_string(struct scan *s, size_t start)
{
    size_t end = start + 1;
    while (s->text[end] && s->text[end] != '\n') end++;
    while (end > start + 1 && strchr(" \t\r;,])}", s->text[end - 1])) end--;
    /* An escaping backslash would take the new quote for its own. */
    size_t slashes = 0;
    while (end - slashes > start + 1 && s->text[end - 1 - slashes] == '\\') slashes++;
    if (slashes % 2) s->text[end - 1] = ' ';
    conf_diag(
        s->diags, CONF_ERROR, place(s, start, (int)(end - start)),
        "string opened here is not closed on this line; close it with '\"', or, if it is meant to go on below, "
        "write \\\" for every quote inside");
    s->text = aq_realloc(s->text, s->len + 2);
    memmove(s->text + end + 1, s->text + end, s->len - end + 1);
    s->text[end] = '"';
    s->len++;
    s->changed = true;
}

/* at: behind the opening quote. Returns the offset of the closing one, or len. */
static size_t string_end(const struct scan *s, size_t at)
{
    while (at < s->len && s->text[at] != '"') at += s->text[at] == '\\' && at + 1 < s->len ? 2 : 1;
    return at < s->len ? at : s->len;
}

static size_t scan_string(struct scan *s, size_t start, size_t *chain)
{
    size_t end = string_end(s, start + 1);
    bool lines = memchr(s->text + start, '\n', end - start) != NULL;
    bool glued = *chain != SIZE_MAX;
    bool bad = end == s->len || (lines && !may_follow(s->text + end + 1));
    if (bad) {
        size_t culprit = glued ? *chain : start;
        *chain = SIZE_MAX;
        close_string(s, culprit);
        return string_end(s, culprit + 1) + 1;
    }
    /* `b = "";` below an open string looks like two strings without anything between: remember where it began. */
    if (!glued && lines && s->text[end + 1] == '"') *chain = start;
    if (s->text[end + 1] != '"') *chain = SIZE_MAX;
    return end + 1;
}

static bool looks_like_config(const char *line)
{
    line += strspn(line, " \t");
    if (strchr("{}[]()@", *line)) return *line != '\0';
    if (!is_setting(line)) return false;
    /* `Note: this …` is prose; a value starts with a quote, a bracket, a digit or a sign, or is true or false. */
    line += strcspn(line, "=:");
    line += 1 + strspn(line + 1, " \t");
    return *line == '\0' || strchr("\"{[(\r\n-+.", *line) || isdigit((unsigned char)*line) ||
           strncasecmp(line, "true", 4) == 0 || strncasecmp(line, "false", 5) == 0;
}

static size_t close_comment(struct scan *s, size_t start)
{
    int lines = 0;
    for (size_t i = start; i < s->len; i++) lines += s->text[i] == '\n';
    if (s->len > 0 && s->text[s->len - 1] != '\n') lines++;
    conf_diag(s->diags, CONF_ERROR, place(s, start, 2),
              "'/*' opened here is never closed: %d line%s would be ignored; close it with '*/'", lines,
              lines == 1 ? "" : "s");
    size_t at = start;
    do {
        size_t end = at;
        while (s->text[end] && s->text[end] != '\n') end++;
        memset(s->text + at, ' ', end - at);
        at = end + (s->text[end] == '\n');
    } while (at < s->len && !looks_like_config(s->text + at));
    s->changed = true;
    return at;
}

static size_t scan_comment(struct scan *s, size_t start)
{
    const char *close = strstr(s->text + start + 2, "*/");
    if (!close) return close_comment(s, start);
    size_t end = (size_t)(close - s->text);
    const char *inner = memmem(s->text + start + 2, end - start - 2, "/*", 2);
    if (inner) {
        const char *newline = memchr(s->text + start, '\n', (size_t)(inner - s->text) - start);
        if (newline) {
            conf_diag(
                s->diags, CONF_WARNING, place(s, start, 2),
                "comment opened here goes on to line %d and contains another '/*' in line %d; is its '*/' "
                "missing?",
                place(s, end, 1).line, place(s, (size_t)(inner - s->text), 1).line);
        }
    }
    return end + 2;
}

char *conf_close_open_ends(const char *path, const char *text, size_t len, struct conf_diags *diags)
{
    AQ_ASSERT(path && text);
    struct scan s = {.path = path, .text = aq_malloc(len + 1), .len = len, .diags = diags};
    memcpy(s.text, text, len);
    s.text[len] = '\0';
    size_t chain = SIZE_MAX; /* where a run of strings without anything between began */
    for (size_t i = 0; i < s.len;) {
        const char *p = s.text + i;
        if (*p == '"') {
            i = scan_string(&s, i, &chain);
        } else if (p[0] == '/' && p[1] == '*') {
            i = scan_comment(&s, i);
        } else if (*p == '#' || (p[0] == '/' && p[1] == '/')) {
            while (i < s.len && s.text[i] != '\n') i++;
        } else {
            i++;
        }
    }
    if (s.changed) return s.text;
    free(s.text);
    return NULL;
}
