/* SPDX-License-Identifier: Apache-2.0
 *
 * libconfig's tokens. Words are cut at blanks, brackets, quotes and separators and classified as a whole, so that
 * 5s is one word and not a number and a name; what libconfig would split is told by the lint only when libconfig fails.
 */
#include "conf/token.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/assert.h"

static size_t skip_blank(const char *text, size_t at)
{
    for (;;) {
        at += strspn(text + at, " \t\r\n\f");
        if (text[at] == '#' || (text[at] == '/' && text[at + 1] == '/')) {
            at += strcspn(text + at, "\n");
        } else if (text[at] == '/' && text[at + 1] == '*') {
            const char *end = strstr(text + at + 2, "*/");
            at = end ? (size_t)(end - text) + 2 : at + strlen(text + at);
        } else {
            return at;
        }
    }
}

bool conf_is_name(const char *text, size_t len)
{
    if (len == 0 || (!isalpha((unsigned char)text[0]) && text[0] != '*')) return false;
    for (size_t i = 1; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && !strchr("-_*", text[i])) return false;
    }
    return memchr(text, '\0', len) == NULL;
}

static size_t digits(const char *p, const char *end)
{
    size_t n = 0;
    while (p + n < end && isdigit((unsigned char)p[n])) n++;
    return n;
}

/* libconfig's float: digits with a point, or digits with an exponent. */
static bool is_float(const char *p, const char *end)
{
    if (p < end && (*p == '-' || *p == '+')) p++;
    size_t whole = digits(p, end);
    p += whole;
    bool point = p < end && *p == '.';
    if (point) p += 1 + digits(p + 1, end);
    if (p == end) return point;
    if ((*p != 'e' && *p != 'E') || (!point && whole == 0)) return false;
    p++;
    if (p < end && (*p == '-' || *p == '+')) p++;
    size_t exponent = digits(p, end);
    return exponent > 0 && p + exponent == end;
}

static enum conf_token_kind classify(const char *text, size_t len)
{
    AQ_ASSERT(len > 0);
    const char *end = text + len;
    if (len == 4 && strncasecmp(text, "true", 4) == 0) return TOK_BOOL;
    if (len == 5 && strncasecmp(text, "false", 5) == 0) return TOK_BOOL;
    if (conf_is_name(text, len)) return TOK_NAME;
    const char *p = text;
    bool hex = len > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X') && isxdigit((unsigned char)p[2]);
    if (hex) {
        p += 2;
        while (p < end && isxdigit((unsigned char)*p)) p++;
    } else {
        if (*p == '-' || *p == '+') p++;
        size_t n = digits(p, end);
        if (n == 0) return is_float(text, end) ? TOK_FLOAT : TOK_WORD;
        p += n;
    }
    if (p == end) return hex ? TOK_HEX : TOK_INT;
    bool suffix = *p == 'L' && (p + 1 == end || (p[1] == 'L' && p + 2 == end));
    if (suffix) return hex ? TOK_HEX64 : TOK_INT64;
    return is_float(text, end) ? TOK_FLOAT : TOK_WORD;
}

struct conf_token conf_token_at(const char *text, size_t at)
{
    static const char marks[] = "=:,;{}()[]";
    static const enum conf_token_kind kinds[] = {
        TOK_EQUALS,    TOK_EQUALS,     TOK_COMMA,    TOK_SEMICOLON,   TOK_GROUP_START,
        TOK_GROUP_END, TOK_LIST_START, TOK_LIST_END, TOK_ARRAY_START, TOK_ARRAY_END,
    };
    at = skip_blank(text, at);
    const char *p = text + at;
    if (*p == '\0') return (struct conf_token){TOK_END, at, 0};
    const char *mark = strchr(marks, *p);
    if (mark) return (struct conf_token){kinds[mark - marks], at, 1};
    if (*p == '"') {
        size_t len = 1;
        while (p[len] && p[len] != '"') len += p[len] == '\\' && p[len + 1] ? 2 : 1;
        return (struct conf_token){TOK_STRING, at, len + (p[len] == '"')};
    }
    size_t len = 0;
    while (p[len] && !strchr(" \t\r\n\f\"#", p[len]) && !strchr(marks, p[len])) {
        if (p[len] == '/' && (p[len + 1] == '/' || p[len + 1] == '*')) break;
        len++;
    }
    AQ_ASSERT(len > 0);
    return (struct conf_token){classify(p, len), at, len};
}
