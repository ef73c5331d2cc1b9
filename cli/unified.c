/* SPDX-License-Identifier: Apache-2.0
 *
 * Pretty JSON and unified diffs (cli/unified.h), for tests that failed: made for texts that people look at, so both
 * are quadratic.
 *
 * The diff: equal lines at both ends are left aside; of what is between, the longest common subsequence is found by
 * the table of Wagner and Fischer, and what is not in it was removed or added. Texts too long for a table are one
 * change from end to end.
 */
#include "cli/unified.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "transforms/json_text.h"

/* ---- JSON --------------------------------------------------------------------------------------------------------- */

struct pretty {
    FILE *out;
    struct aq_arena arena;
};

static void put(FILE *out, struct aq_slice text)
{
    fwrite(text.ptr, 1, text.len, out);
}

static void put_value(struct pretty *pretty, struct aq_slice text, int depth);

/* Numbers that are the same are printed the same. Integers keep their digits, however many they are. */
static void put_number(struct pretty *pretty, struct aq_slice text)
{
    struct aq_slice digits = aq_arena_copy(&pretty->arena, text);
    double number = strtod(digits.ptr, NULL);
    bool exact = number > -9007199254740992.0 && number < 9007199254740992.0; /* integers are */
    if (!strpbrk(digits.ptr, ".eE") || !isfinite(number))
        put(pretty->out, digits);
    else if (exact && number == (double)(int64_t)number)
        put(pretty->out, json_int(&pretty->arena, (int64_t)number));
    else
        put(pretty->out, json_real(&pretty->arena, number));
}

static void new_line(struct pretty *pretty, int depth)
{
    fprintf(pretty->out, "\n%*s", 2 * depth, "");
}

struct named {
    struct aq_slice name;
    struct aq_slice value;
    uint32_t at;
};

/* By name; fields of one name in the order of the text. */
static int by_name(const void *left, const void *right)
{
    const struct named *a = left, *b = right;
    size_t shared = a->name.len < b->name.len ? a->name.len : b->name.len;
    int order = memcmp(a->name.ptr, b->name.ptr, shared);
    if (order == 0) order = (a->name.len > b->name.len) - (a->name.len < b->name.len);
    return order != 0 ? order : (a->at > b->at) - (a->at < b->at);
}

static void put_object(struct pretty *pretty, struct aq_slice text, const struct json_fields *fields,
                       int depth)
{
    struct named *list = aq_arena_alloc(&pretty->arena, sizeof(*list) * fields->n);
    for (uint32_t i = 0; i < fields->n; i++)
        list[i] = (struct named){json_field_name(&pretty->arena, text, &fields->list[i]),
                                 json_field_value(text, &fields->list[i]), i};
    if (depth > 0) qsort(list, fields->n, sizeof(*list), by_name);
    fputc('{', pretty->out);
    for (uint32_t i = 0; i < fields->n; i++) {
        if (i) fputc(',', pretty->out);
        new_line(pretty, depth + 1);
        put(pretty->out, json_quote(&pretty->arena, list[i].name));
        fputs(": ", pretty->out);
        put_value(pretty, list[i].value, depth + 1);
    }
    if (fields->n) new_line(pretty, depth);
    fputc('}', pretty->out);
}

static void put_array(struct pretty *pretty, struct aq_slice text, const struct json_fields *fields,
                      int depth)
{
    fputc('[', pretty->out);
    for (uint32_t i = 0; i < fields->n; i++) {
        if (i) fputc(',', pretty->out);
        new_line(pretty, depth + 1);
        put_value(pretty, json_field_value(text, &fields->list[i]), depth + 1);
    }
    if (fields->n) new_line(pretty, depth);
    fputc(']', pretty->out);
}

static void put_value(struct pretty *pretty, struct aq_slice text, int depth)
{
    struct json_fields fields = {0};
    struct json_error error;
    enum json_type type;
    int rc = json_scan(text, &fields, &type, &error);
    if (rc == 0 && type == JS_ARRAY) rc = json_scan_array(text, &fields, &error);
    AQ_ASSERT(rc == 0);
    switch (type) {
    case JS_OBJECT: put_object(pretty, text, &fields, depth); break;
    case JS_ARRAY: put_array(pretty, text, &fields, depth); break;
    case JS_NUMBER: put_number(pretty, text); break;
    case JS_STRING: put(pretty->out, json_quote(&pretty->arena, json_unquote(&pretty->arena, text))); break;
    default: put(pretty->out, text); break;
    }
    json_fields_finish(&fields);
}

/* Without the blanks around it, which are no part of the value. */
static struct aq_slice trim(struct aq_slice text)
{
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[0])) text = aq_slice_of(text.ptr + 1, text.len - 1);
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[text.len - 1])) text.len--;
    return text;
}

void cli_json_pretty(struct aq_slice text, FILE *out)
{
    struct pretty pretty = {.out = out};
    aq_arena_init(&pretty.arena, 4096);
    put_value(&pretty, trim(text), 0);
    aq_arena_finish(&pretty.arena);
}

/* ---- lines -------------------------------------------------------------------------------------------------------- */

#define CONTEXT   3
#define TABLE_MAX ((size_t)16 << 20)

struct lines {
    struct aq_slice *list;
    size_t n;
};

static struct lines cut(const char *text)
{
    struct lines lines = {0};
    size_t n = 1;
    for (const char *p = text; *p; p++) n += *p == '\n';
    lines.list = aq_calloc(n, sizeof(*lines.list));
    while (*text) {
        size_t len = strcspn(text, "\n");
        lines.list[lines.n++] = aq_slice_of(text, len);
        text += len + (text[len] == '\n');
    }
    return lines;
}

/* One line of the result. */
struct change {
    char mark; /* ' ', '-', '+' */
    struct aq_slice line;
};

struct script {
    struct change *list;
    size_t n;
};

static void note(struct script *script, char mark, struct aq_slice line)
{
    script->list[script->n++] = (struct change){mark, line};
}

/* a and b differ in their first and in their last line. */
static void compare_middle(struct lines a, struct lines b, struct script *script)
{
    size_t width = b.n + 1, i = 0, k = 0;
    uint32_t *table = NULL;
    if (a.n > 0 && b.n > 0 && (a.n + 1) <= TABLE_MAX / width) {
        table = aq_calloc((a.n + 1) * width, sizeof(*table));
        for (i = a.n; i-- > 0;) {
            for (k = b.n; k-- > 0;) {
                uint32_t down = table[(i + 1) * width + k], right = table[i * width + k + 1];
                bool same = aq_slice_equal(a.list[i], b.list[k]);
                table[i * width + k] = same           ? table[(i + 1) * width + k + 1] + 1
                                       : down > right ? down
                                                      : right;
            }
        }
    }
    for (i = k = 0; table && i < a.n && k < b.n;) {
        if (aq_slice_equal(a.list[i], b.list[k])) {
            note(script, ' ', a.list[i++]);
            k++;
        } else if (table[(i + 1) * width + k] >= table[i * width + k + 1]) {
            note(script, '-', a.list[i++]);
        } else {
            note(script, '+', b.list[k++]);
        }
    }
    free(table);
    while (i < a.n) note(script, '-', a.list[i++]);
    while (k < b.n) note(script, '+', b.list[k++]);
}

static struct script compare(struct lines a, struct lines b)
{
    struct script script = {.list = aq_calloc(a.n + b.n + 1, sizeof(struct change))};
    size_t head = 0, tail = 0, least = a.n < b.n ? a.n : b.n;
    while (head < least && aq_slice_equal(a.list[head], b.list[head])) note(&script, ' ', a.list[head++]);
    while (tail < least - head && aq_slice_equal(a.list[a.n - 1 - tail], b.list[b.n - 1 - tail])) tail++;
    compare_middle((struct lines){a.list + head, a.n - head - tail},
                   (struct lines){b.list + head, b.n - head - tail}, &script);
    for (size_t i = a.n - tail; i < a.n; i++) note(&script, ' ', a.list[i]);
    return script;
}

/* ---- hunks -------------------------------------------------------------------------------------------------------- */

/* Where the next change from `from` on is; n when there is none. */
static size_t next_change(const struct script *script, size_t from)
{
    while (from < script->n && script->list[from].mark == ' ') from++;
    return from;
}

/* Behind the last change that is less than two contexts away from the one before. */
static size_t end_of_hunk(const struct script *script, size_t change)
{
    for (;;) {
        while (change < script->n && script->list[change].mark != ' ') change++;
        size_t next = next_change(script, change);
        if (next == script->n || next - change > 2 * CONTEXT) return change;
        change = next;
    }
}

static size_t count(const struct script *script, size_t from, size_t to, char without)
{
    size_t n = 0;
    for (size_t i = from; i < to; i++) n += script->list[i].mark != without;
    return n;
}

static void put_hunk(const struct script *script, size_t from, size_t to, FILE *out)
{
    size_t a = count(script, from, to, '+'), b = count(script, from, to, '-');
    /* An empty side is said to be behind the line in front of it. */
    fprintf(out, "@@ -%zu,%zu +%zu,%zu @@\n", count(script, 0, from, '+') + (a > 0), a,
            count(script, 0, from, '-') + (b > 0), b);
    for (size_t i = from; i < to; i++) {
        fputc(script->list[i].mark, out);
        put(out, script->list[i].line);
        fputc('\n', out);
    }
}

void cli_unified_diff(const char *expected, const char *got, FILE *out)
{
    AQ_ASSERT(expected && got);
    if (strcmp(expected, got) == 0) return;
    struct lines a = cut(expected), b = cut(got);
    struct script script = compare(a, b);
    fputs("--- expected\n+++ got\n", out);
    for (size_t at = next_change(&script, 0); at < script.n;) {
        size_t end = end_of_hunk(&script, at);
        size_t from = at > CONTEXT ? at - CONTEXT : 0,
               to = end + CONTEXT < script.n ? end + CONTEXT : script.n;
        put_hunk(&script, from, to, out);
        at = next_change(&script, end);
    }
    free(script.list);
    free(a.list);
    free(b.list);
}
