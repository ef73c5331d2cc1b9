/* SPDX-License-Identifier: Apache-2.0
 *
 * Java's regular expressions on PCRE2.
 *
 * The two dialects agree on nearly everything a topic pattern uses. Where they do not, a pattern must never silently
 * mean something else than it did in Connect: class intersections and unions ([a-z&&[^b]], [a-d[m-p]]) compile in
 * PCRE2 with another meaning and are refused; \uXXXX, which PCRE2 refuses, is rewritten to \x{XXXX}; a brace that
 * Java calls an illegal repetition is refused too.
 *
 * Java has no limit on backtracking. Here a match gives up after MATCH_LIMIT steps and the record fails, so that a
 * pattern like (a+)+$ cannot stop a worker.
 *
 * Threads: compiled patterns are shared and read-only; a matcher belongs to one worker.
 */
#include "transforms/java_regex.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "transforms/topic_name.h"

#define MATCH_LIMIT   1000000u
#define JIT_STACK_MAX ((size_t)1 << 20)

/* Walks a pattern while it is rewritten. */
struct translation {
    const char *in;
    const char *p;
    char *out;
    struct aq_err *err;
};

static int refuse(struct translation *t, const char *what)
{
    return aq_fail(t->err, AQ_E_CONFIG, "%s at character %d of \"%s\"", what, (int)(t->p - t->in) + 1, t->in);
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static void copy(struct translation *t, size_t n)
{
    memcpy(t->out, t->p, n);
    t->out += n;
    t->p += n;
}

/* At a backslash. */
static int translate_escape(struct translation *t)
{
    char c = t->p[1];
    if (c == '\0') return refuse(t, "nothing follows the backslash");
    if (c == 'u') {
        for (int i = 2; i < 6; i++) {
            if (!is_hex(t->p[i])) return refuse(t, "\\u needs four hexadecimal digits");
        }
        t->out += sprintf(t->out, "\\x{%.4s}", t->p + 2);
        t->p += 6;
        return 0;
    }
    if (c == 'Q') {
        const char *end = strstr(t->p, "\\E");
        copy(t, end ? (size_t)(end + 2 - t->p) : strlen(t->p));
        return 0;
    }
    /* PCRE2 alone knows these; \K would even let a match end before it starts. */
    if (strchr("KCgo", c)) return refuse(t, "this escape is not known to Java");
    copy(t, 2);
    if (strchr("xpPkN", c) && *t->p == '{') {
        const char *end = strchr(t->p, '}');
        if (!end) return refuse(t, "the brace is not closed");
        copy(t, (size_t)(end + 1 - t->p));
    }
    return 0;
}

/* At an opening bracket: copies the class. */
static int translate_class(struct translation *t)
{
    copy(t, 1);
    if (*t->p == '^') copy(t, 1);
    if (*t->p == ']') copy(t, 1); /* first in a class it is a literal, in both dialects */
    while (*t->p != ']') {
        if (*t->p == '\0') return refuse(t, "the character class is not closed");
        if (*t->p == '\\') {
            int rc = translate_escape(t);
            if (rc < 0) return rc;
            continue;
        }
        if (*t->p == '[') return refuse(t, "a class inside a class (Java's union) is not supported");
        if (t->p[0] == '&' && t->p[1] == '&') return refuse(t, "class intersection '&&' is not supported");
        copy(t, 1);
    }
    copy(t, 1);
    return 0;
}

/* out has room for twice the pattern and a few bytes: \uXXXX grows from 6 to 8. */
static int translate(struct translation *t)
{
    while (*t->p) {
        int rc = 0;
        if (*t->p == '\\')
            rc = translate_escape(t);
        else if (*t->p == '[')
            rc = translate_class(t);
        else if (*t->p == '{' && !(t->p[1] >= '0' && t->p[1] <= '9'))
            rc = refuse(t, "illegal repetition '{'");
        else
            copy(t, 1);
        if (rc < 0) return rc;
    }
    *t->out = '\0';
    return 0;
}

static pcre2_code *compile(const char *pattern, uint32_t options, struct aq_err *err)
{
    int code;
    PCRE2_SIZE at;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                   options | PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &at, NULL);
    if (!re) {
        unsigned char text[200];
        pcre2_get_error_message(code, text, sizeof(text));
        aq_fail(err, AQ_E_CONFIG, "%s at character %zu of \"%s\"", (const char *)text, (size_t)at + 1,
                pattern);
        return NULL;
    }
    /* Where the JIT is not to be had (a kernel that forbids writable code) pcre2_match() interprets. */
    (void)pcre2_jit_compile(re, PCRE2_JIT_COMPLETE);
    return re;
}

int java_regex_compile(struct java_regex *re, const char *pattern, struct aq_err *err)
{
    *re = (struct java_regex){0};
    size_t size = strlen(pattern) * 2 + 8;
    char *text = malloc(size);
    if (!text) return aq_fail(err, AQ_E_NOMEM, "pattern of %zu bytes", size / 2);
    struct translation t = {.in = pattern, .p = pattern, .out = text, .err = err};
    int rc = translate(&t);
    if (rc == 0) {
        AQ_ASSERT((size_t)(t.out - text) < size);
        re->full = compile(text, PCRE2_ANCHORED | PCRE2_ENDANCHORED, err);
        re->find = re->full ? compile(text, 0, err) : NULL;
        rc = re->find ? 0 : AQ_E_CONFIG;
    }
    free(text);
    if (rc < 0) {
        java_regex_free(re);
        return rc;
    }
    pcre2_pattern_info(re->full, PCRE2_INFO_CAPTURECOUNT, &re->groups);
    return 0;
}

void java_regex_free(struct java_regex *re)
{
    pcre2_code_free(re->full);
    pcre2_code_free(re->find);
    *re = (struct java_regex){0};
}

const char *java_regex_never_matches_topic(const struct java_regex *re)
{
    uint32_t least = 0, type = 0, byte = 0;
    const uint8_t *bitmap = NULL;
    pcre2_pattern_info(re->find, PCRE2_INFO_MINLENGTH, &least);
    if (least > TOPIC_NAME_MAX) return "it needs more than 249 characters";
    pcre2_pattern_info(re->find, PCRE2_INFO_FIRSTCODETYPE, &type);
    pcre2_pattern_info(re->find, PCRE2_INFO_FIRSTCODEUNIT, &byte);
    if (type == 1 && !topic_name_byte_legal((unsigned char)byte))
        return "it starts with a character no topic has";
    pcre2_pattern_info(re->find, PCRE2_INFO_LASTCODETYPE, &type);
    pcre2_pattern_info(re->find, PCRE2_INFO_LASTCODEUNIT, &byte);
    if (type == 1 && !topic_name_byte_legal((unsigned char)byte)) return "it needs a character no topic has";
    pcre2_pattern_info(re->find, PCRE2_INFO_FIRSTBITMAP, &bitmap);
    for (unsigned c = 0; bitmap && c < 256; c++) {
        if (bitmap[c / 8] >> (c % 8) & 1 && topic_name_byte_legal((unsigned char)c)) return NULL;
    }
    return bitmap ? "it starts with characters no topic has" : NULL;
}

void java_matcher_init(struct java_matcher *m, const struct java_regex *re)
{
    m->data = pcre2_match_data_create_from_pattern(re->full, NULL);
    m->context = pcre2_match_context_create(NULL);
    m->stack = pcre2_jit_stack_create(32768, JIT_STACK_MAX, NULL);
    AQ_ASSERT(m->data && m->context);
    pcre2_set_match_limit(m->context, MATCH_LIMIT);
    if (m->stack) pcre2_jit_stack_assign(m->context, NULL, m->stack);
}

void java_matcher_finish(struct java_matcher *m)
{
    pcre2_match_data_free(m->data);
    pcre2_match_context_free(m->context);
    pcre2_jit_stack_free(m->stack);
    *m = (struct java_matcher){0};
}

int java_regex_match(const pcre2_code *code, struct java_matcher *m, struct aq_slice subject,
                     struct aq_err *err)
{
    AQ_ASSERT(m->data && subject.ptr);
    int rc = pcre2_match(code, (PCRE2_SPTR)subject.ptr, subject.len, 0, 0, m->data, m->context);
    if (rc > 0) return 1;
    if (rc == PCRE2_ERROR_NOMATCH) return 0;
    unsigned char text[200];
    pcre2_get_error_message(rc, text, sizeof(text));
    return aq_fail(err, AQ_E_BAD_RECORD, "regex gave up on topic '%.*s': %s", (int)subject.len, subject.ptr,
                   (const char *)text);
}

static void add_piece(struct java_replacement *r, struct java_piece piece, bool literal)
{
    struct java_piece *last = r->count ? &r->pieces[r->count - 1] : NULL;
    if (literal && last && last->text.ptr && last->text.ptr + last->text.len == piece.text.ptr) {
        last->text.len += piece.text.len;
        return;
    }
    r->pieces[r->count++] = piece;
}

/* Behind "${"; returns the place behind the brace, NULL after filling err. */
static const char *parse_named(const char *p, const struct java_regex *re, uint32_t *ret_group,
                               struct aq_err *err)
{
    const char *end = strchr(p, '}');
    char name[64];
    if (!end || end == p || (size_t)(end - p) >= sizeof(name)) {
        aq_fail(err, AQ_E_CONFIG, "replacement: a group name and '}' must follow '${'");
        return NULL;
    }
    memcpy(name, p, (size_t)(end - p));
    name[end - p] = '\0';
    int group = pcre2_substring_number_from_name(re->full, (PCRE2_SPTR)name);
    if (group < 0) {
        aq_fail(err, AQ_E_CONFIG, "replacement: the regex has no group named '%s'", name);
        return NULL;
    }
    *ret_group = (uint32_t)group;
    return end + 1;
}

/* Behind '$', at a digit: takes as many digits as there are groups. */
static const char *parse_number(const char *p, const struct java_regex *re, uint32_t *ret_group,
                                struct aq_err *err)
{
    uint32_t group = (uint32_t)(*p++ - '0');
    if (group > re->groups) {
        aq_fail(err, AQ_E_CONFIG, "replacement: there is no group %u, the regex has %u", group, re->groups);
        return NULL;
    }
    while (*p >= '0' && *p <= '9' && group * 10 + (uint32_t)(*p - '0') <= re->groups) {
        group = group * 10 + (uint32_t)(*p++ - '0');
    }
    *ret_group = group;
    return p;
}

int java_replacement_parse(struct java_replacement *r, const char *text, const struct java_regex *re,
                           struct aq_arena *arena, struct aq_err *err)
{
    *r = (struct java_replacement){.pieces = aq_arena_alloc(arena, (strlen(text) + 1) * sizeof(*r->pieces))};
    for (const char *p = text; *p;) {
        if (*p == '\\') {
            if (!p[1]) return aq_fail(err, AQ_E_CONFIG, "replacement: nothing follows the backslash");
            add_piece(r, (struct java_piece){.text = {p + 1, 1}}, true);
            p += 2;
        } else if (*p == '$') {
            struct java_piece piece = {0};
            if (p[1] == '{')
                p = parse_named(p + 2, re, &piece.group, err);
            else if (p[1] >= '0' && p[1] <= '9')
                p = parse_number(p + 1, re, &piece.group, err);
            else
                return aq_fail(err, AQ_E_CONFIG,
                               "replacement: a group must follow '$' (write \\$ for a dollar)");
            if (!p) return AQ_E_CONFIG;
            add_piece(r, piece, false);
        } else {
            add_piece(r, (struct java_piece){.text = {p, 1}}, true);
            p++;
        }
    }
    return 0;
}

bool java_replacement_expand(const struct java_replacement *r, const struct java_matcher *m,
                             struct aq_slice subject, char *buf, size_t size, size_t *len)
{
    const PCRE2_SIZE *span = pcre2_get_ovector_pointer(m->data);
    for (size_t i = 0; i < r->count; i++) {
        struct aq_slice piece = r->pieces[i].text;
        if (!piece.ptr) {
            PCRE2_SIZE from = span[2 * r->pieces[i].group], to = span[2 * r->pieces[i].group + 1];
            if (from == PCRE2_UNSET) continue;
            AQ_ASSERT(from <= to && to <= subject.len);
            piece = aq_slice_of(subject.ptr + from, to - from);
        }
        if (piece.len > size - *len) return false;
        memcpy(buf + *len, piece.ptr, piece.len);
        *len += piece.len;
    }
    return true;
}
