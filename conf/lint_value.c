/* SPDX-License-Identifier: Apache-2.0
 *
 * Scalars: what libconfig reads as something else than is written, and words that are no values at all.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "conf/lint.h"
#include "conf/opt_value.h"
#include "conf/secret.h"

/* Another way to write a large number: as a size or a duration, when one divides it. NULL when none does. */
static const char *with_unit(struct conf_lint *lint, long long value)
{
    if (value <= 0) return NULL;
    if (value % (1 << 20) == 0) return opt_number_text(OPT_SIZE, value, lint->arena);
    if (value % 60000 == 0) return opt_number_text(OPT_DURATION, value, lint->arena);
    return NULL;
}

static void bad_number(struct conf_lint *lint, struct conf_node *node, struct conf_token t)
{
    /* What stands there is not what would be read, so no reader shall look at it. */
    lint_fault(lint, LINT_TRAP, node);
    lint_edit(lint, LINT_TRAP, t.at, t.len, "0");
}

static void check_int(struct conf_lint *lint, struct conf_node *node, struct conf_token t)
{
    bool hex = t.kind == TOK_HEX || t.kind == TOK_HEX64;
    bool wide = t.kind == TOK_INT64 || t.kind == TOK_HEX64;
    const char *text = aq_arena_copy(lint->arena, aq_slice_of(lint->text->text + t.at, t.len)).ptr;
    const char *prefix = lint_prefix(lint, node);
    errno = 0;
    long long value = strtoll(text, NULL, hex ? 16 : 10);
    if (errno == ERANGE) {
        lint_say(lint, LINT_TRAP, CONF_ERROR, t.at, t.len,
                 "%s%s does not fit 64 bits; libconfig would read another number", prefix, text);
        bad_number(lint, node, t);
        return;
    }
    if (!wide && (value > INT32_MAX || value < INT32_MIN)) {
        /* What 1.5 makes of it: the low 32 bits, and of hex digits that do not fit, -1. */
        int wrapped = hex && value > UINT32_MAX ? -1 : (int)(unsigned)(unsigned long long)value;
        const char *unit = hex ? NULL : with_unit(lint, value);
        const char * or = unit ? aq_arena_printf(lint->arena, "\"%s\" or ", unit) : "";
        lint_say(lint, LINT_TRAP, CONF_ERROR, t.at, t.len,
                 "%s%s does not fit 32 bits and libconfig would read %d; write %s%sL", prefix, text, wrapped,
                 or, text);
        bad_number(lint, node, t);
        return;
    }
    const char *digits = text + (*text == '-' || *text == '+');
    /* Read as decimal by 1.5 and 1.8, as octal by 1.7. */
    bool leading_zero = !hex && digits[0] == '0' && isdigit((unsigned char)digits[1]);
    if (leading_zero && (value > 7 || value < -7)) {
        lint_say(lint, LINT_TRAP, CONF_ERROR, t.at, t.len,
                 "%s%s is decimal or octal, depending on the version of libconfig; write %lld", prefix, text,
                 value);
        bad_number(lint, node, t);
    }
}

static void check_float(struct conf_lint *lint, struct conf_node *node, struct conf_token t)
{
    const char *text = aq_arena_copy(lint->arena, aq_slice_of(lint->text->text + t.at, t.len)).ptr;
    bool digit = false;
    for (const char *p = text; *p && *p != 'e' && *p != 'E'; p++) digit |= isdigit((unsigned char)*p) != 0;
    if (digit && isfinite(strtod(text, NULL))) return;
    lint_say(lint, LINT_TRAP, CONF_ERROR, t.at, t.len,
             digit ? "%s'%s' is too large for a number" : "%s'%s' is no number, and libconfig would read 0",
             lint_prefix(lint, node), text);
    bad_number(lint, node, t);
}

static void check_string(struct conf_lint *lint, struct conf_node *node, struct conf_token t)
{
    const char *text = lint->text->text + t.at;
    AQ_ASSERT(text[0] == '"');
    for (size_t i = 1; i + 1 < t.len; i++) {
        if (text[i] != '\\') continue;
        i++;
        bool zero =
            i + 3 < t.len && (text[i] == 'x' || text[i] == 'X') && text[i + 1] == '0' && text[i + 2] == '0';
        if (zero) {
            lint_say(lint, LINT_TRAP, CONF_ERROR, t.at + i - 1, 4,
                     "%s'\\x00' would be dropped: a string cannot hold a zero byte", lint_prefix(lint, node));
        } else if (strchr("abv", text[i])) {
            /* The \b of a regular expression: 1.8 makes one control character of it, 1.5 and 1.7 keep both. */
            lint_say(lint, LINT_TRAP, CONF_ERROR, t.at + i - 1, 2,
                     "%s'\\%c' is read differently by libconfig 1.5 and 1.8; write '\\\\%c'",
                     lint_prefix(lint, node), text[i], text[i]);
        }
    }
}

/* Strings next to each other are one value. */
static void read_strings(struct conf_lint *lint, struct conf_node *node, size_t start)
{
    while (lint->token.kind == TOK_STRING) {
        check_string(lint, node, lint->token);
        size_t end = lint->token.at + lint->token.len;
        /* In a list, `"a" name = …` cannot be; in a group a string with '=' behind it is a quoted name. */
        lint_next(lint);
        bool quoted_name =
            lint->token.kind == TOK_STRING &&
            conf_token_at(lint->text->text, lint->token.at + lint->token.len).kind == TOK_EQUALS;
        if (quoted_name) break;
        AQ_ASSERT(lint->last_end == end);
    }
    node->type = CONF_STRING;
    /* What messages call an element of a list. */
    bool names_it = node->name && strcmp(node->name, "name") == 0 && lint->last_end > start + 2;
    if (names_it) {
        node->string =
            aq_arena_copy(lint->arena, aq_slice_of(lint->text->text + start + 1, lint->last_end - start - 2))
                .ptr;
    }
    node->value_pos = conf_text_pos(lint->text, start, lint->last_end - start);
    struct conf_pos end = conf_text_pos(lint->text, lint->last_end, 0);
    bool one_file = end.file == node->value_pos.file;
    if (one_file && end.line > node->value_pos.line) {
        conf_diags_span(lint->diags, node->value_pos, end.line, end.column);
    }
}

/* How far the unquoted value reaches that begins at `at`: to the end of the line or the next separator; when an '='
 * comes before that, only to the first blank, since a new setting begins there. */
static size_t bare_end(const char *text, size_t at)
{
    size_t end = at;
    size_t blank = 0;
    char quote = text[at] == '\'' ? '\'' : '\0';
    int braces = 0;
    while (text[end] && text[end] != '\n' && text[end] != '\r') {
        char c = text[end];
        if (quote && end > at && c == quote) {
            end++;
            break;
        }
        bool opens = c == '{' && end > at && text[end - 1] == '$';
        if (opens) braces++;
        if (c == '}' && braces > 0) {
            braces--;
        } else if (!opens && !quote && strchr(";,{}[]()\"#", c)) {
            break;
        }
        if (c == '/' && text[end + 1] == '/' && (end == at || isspace((unsigned char)text[end - 1]))) break;
        if (!blank && isspace((unsigned char)c)) blank = end;
        if (!quote && blank && (c == '=')) {
            end = blank;
            break;
        }
        end++;
    }
    while (end > at + 1 && isspace((unsigned char)text[end - 1])) end--;
    return end;
}

static bool is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++) {
        if (strcasecmp(word, *list) == 0) return true;
    }
    return false;
}

/* A quote character of another alphabet or of the shell at the start of a word; its length. */
static size_t foreign_quote(const char *word)
{
    static const char *const quotes[] = {"'",      "`",      "\u201c", "\u201d", "\u201e",
                                         "\u2018", "\u2019", "\u00ab", NULL};
    for (const char *const *q = quotes; *q; q++) {
        if (strncmp(word, *q, strlen(*q)) == 0) return strlen(*q);
    }
    return 0;
}

/* A word that is no value: says what to write. */
static void say_word(struct conf_lint *lint, const struct conf_node *node, size_t at, const char *word)
{
    static const char *const yes[] = {"yes", "on", "y", "enabled", "enable", NULL};
    static const char *const no[] = {"no", "off", "n", "disabled", "disable", NULL};
    static const char *const none[] = {"null", "none", "nil", "undefined", NULL};
    const char *prefix = lint_prefix(lint, node);
    size_t len = strlen(word);
    size_t quote = foreign_quote(word);
    if (node->name && conf_secret_property(node->name)) {
        conf_secret_remember(word);
        lint_say(lint, LINT_SYNTAX, CONF_ERROR, at, len, "%sthe value must be in double quotes", prefix);
        return;
    }
    if (is_one_of(word, yes) || is_one_of(word, no)) {
        lint_say(lint, LINT_SYNTAX, CONF_ERROR, at, len,
                 "%s'%s' is no value; write %s (or \"%s\" for the text)", prefix, word,
                 is_one_of(word, yes) ? "true" : "false", word);
    } else if (is_one_of(word, none)) {
        lint_say(lint, LINT_SYNTAX, CONF_ERROR, at, len,
                 "%s'%s' is no value; leave the option out (or write \"%s\" for the text)", prefix, word,
                 word);
    } else if (quote) {
        size_t end = len;
        if (len > 2 * quote && foreign_quote(word + len - quote)) end = len - quote;
        lint_say(lint, LINT_SYNTAX, CONF_ERROR, at, len,
                 "%sstrings are written in double quotes; write \"%.*s\"", prefix, (int)(end - quote),
                 word + quote);
    } else if (len > 1 && word[len - 1] == 'l' && strspn(word + 1, "0123456789") == len - 2) {
        lint_say(lint, LINT_SYNTAX, CONF_ERROR, at, len, "%s'%s' is no number; write %.*sL", prefix, word,
                 (int)len - 1, word);
    } else {
        lint_say(lint, LINT_SYNTAX, CONF_ERROR, at, len, "%s'%s' must be in quotes; write \"%s\"", prefix,
                 word, word);
    }
}

/* 0b101 and 0o17 are numbers in 1.8 only. */
static bool number_of_18(const char *word)
{
    return word[0] == '0' && word[1] && strchr("bBoOqQ", word[1]) && isdigit((unsigned char)word[2]);
}

static void read_word(struct conf_lint *lint, struct conf_node *node)
{
    size_t at = lint->token.at;
    size_t end = bare_end(lint->text->text, at);
    if (end < at + 1) end = at + 1;
    const char *word = aq_arena_copy(lint->arena, aq_slice_of(lint->text->text + at, end - at)).ptr;
    enum lint_class class = number_of_18(word) ? LINT_TRAP : LINT_SYNTAX;
    if (class == LINT_TRAP) {
        lint_say(lint, class, CONF_ERROR, at, end - at,
                 "%s'%s' is a number only in libconfig 1.8; write it in decimal", lint_prefix(lint, node),
                 word);
    } else {
        say_word(lint, node, at, word);
    }
    node->type = CONF_INT;
    lint_fault(lint, class, node);
    node->value_pos = conf_text_pos(lint->text, at, end - at);
    lint_blank(lint, class, at, end);
    if (class == LINT_TRAP || !lint->accepted) lint->edits[lint->n_edits - 1].insert = "0";
    lint->last_end = end;
    lint->token = conf_token_at(lint->text->text, end);
}

/* `5 MiB`, `10 s`: a number and a word behind it that is no new setting. */
static bool number_and_word(const struct conf_lint *lint)
{
    size_t end = lint->token.at + lint->token.len;
    struct conf_token after = conf_token_at(lint->text->text, end);
    if (after.kind != TOK_NAME || memchr(lint->text->text + end, '\n', after.at - end)) return false;
    enum conf_token_kind third = conf_token_at(lint->text->text, after.at + after.len).kind;
    return third != TOK_EQUALS && !lint_starts_value(third);
}

void lint_scalar(struct conf_lint *lint, struct conf_node *node)
{
    struct conf_token t = lint->token;
    switch (t.kind) {
    case TOK_STRING: read_strings(lint, node, t.at); return;
    case TOK_BOOL: node->type = CONF_BOOL; break;
    case TOK_INT:
    case TOK_INT64:
    case TOK_HEX:
    case TOK_HEX64:
        node->type = CONF_INT;
        if (number_and_word(lint)) {
            read_word(lint, node);
            return;
        }
        check_int(lint, node, t);
        break;
    case TOK_FLOAT:
        node->type = CONF_FLOAT;
        check_float(lint, node, t);
        if (node->faulty) node->type = CONF_INT;
        break;
    default: read_word(lint, node); return;
    }
    lint_next(lint);
}
