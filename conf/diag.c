/* SPDX-License-Identifier: Apache-2.0
 *
 * Findings: collecting them. Printing is diag_print.c.
 *
 * Ordinary pass: the loader tells the texts of the files, lint and option readers add findings in whatever order they
 * come across them, and the command prints them all, sorted. Whoever learns that a value is secret says so with
 * conf_diags_hide(), before or after a finding on the same line.
 * The same finding at the same place is kept once: the lint and libconfig may both have seen it.
 *
 * Invariants: errors counts the list's errors; no string in it belongs to a document, so a document may go first.
 * Threads: one owner.
 */
#include "conf/mask.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

void conf_diags_init(struct conf_diags *diags)
{
    *diags = (struct conf_diags){0};
    aq_arena_init(&diags->arena, 4096);
}

void conf_diags_finish(struct conf_diags *diags)
{
    aq_arena_finish(&diags->arena);
    free(diags->list);
    free(diags->sources);
    free(diags->spans);
    free(diags->hidden);
    *diags = (struct conf_diags){0};
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* The diags' own copy of a file name; one copy for each name. */
static const char *keep_path(struct conf_diags *diags, const char *path)
{
    if (!path) return NULL;
    for (size_t i = 0; i < diags->n_sources; i++) {
        if (strcmp(diags->sources[i].path, path) == 0) return diags->sources[i].path;
    }
    for (size_t i = 0; i < diags->count; i++) {
        if (same_text(diags->list[i].pos.file, path)) return diags->list[i].pos.file;
    }
    return aq_arena_strdup(&diags->arena, path);
}

void conf_diag(struct conf_diags *diags, enum conf_severity severity, struct conf_pos pos, const char *format,
               ...)
{
    AQ_ASSERT(diags && format);
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    AQ_ASSERT(n >= 0);

    for (size_t i = 0; i < diags->count; i++) {
        const struct conf_diag *old = &diags->list[i];
        bool same = old->pos.line == pos.line && old->pos.column == pos.column &&
                    same_text(old->pos.file, pos.file) && same_text(old->pos.origin, pos.origin) &&
                    strcmp(old->text, text) == 0;
        if (same) {
            free(text);
            return;
        }
    }
    if (diags->count == diags->cap) {
        diags->cap = diags->cap ? diags->cap * 2 : 16;
        diags->list = aq_realloc(diags->list, diags->cap * sizeof(*diags->list));
    }
    pos.file = keep_path(diags, pos.file);
    if (pos.origin) pos.origin = aq_arena_strdup(&diags->arena, pos.origin);
    diags->list[diags->count++] = (struct conf_diag){severity, pos, aq_arena_strdup(&diags->arena, text)};
    if (severity == CONF_ERROR) diags->errors++;
    free(text);
}

void conf_diags_source(struct conf_diags *diags, const char *path, const char *text, size_t len)
{
    AQ_ASSERT(path && (text || len == 0));
    for (size_t i = 0; i < diags->n_sources; i++) {
        if (strcmp(diags->sources[i].path, path) == 0) return;
    }
    const char *own_path = keep_path(diags, path);
    diags->sources = aq_realloc(diags->sources, (diags->n_sources + 1) * sizeof(*diags->sources));
    diags->sources[diags->n_sources++] = (struct conf_source){
        .path = own_path,
        .text = aq_arena_copy(&diags->arena, aq_slice_of(text ? text : "", len)).ptr,
        .len = len,
    };
}

static void add_span(struct conf_span **list, size_t *count, struct conf_span span)
{
    AQ_ASSERT(span.line > 0 && span.column > 0);
    *list = aq_realloc(*list, (*count + 1) * sizeof(**list));
    (*list)[(*count)++] = span;
}

void conf_diags_span(struct conf_diags *diags, struct conf_pos start, int end_line, int end_column)
{
    AQ_ASSERT(end_line >= start.line);
    add_span(
        &diags->spans, &diags->n_spans,
        (struct conf_span){keep_path(diags, start.file), start.line, start.column, end_line, end_column});
}

bool conf_diags_line(const struct conf_diags *diags, const struct conf_pos *pos, const char **ret_line,
                     size_t *ret_len)
{
    const struct conf_source *source = NULL;
    for (size_t i = 0; i < diags->n_sources && pos->file; i++) {
        if (strcmp(diags->sources[i].path, pos->file) == 0) source = &diags->sources[i];
    }
    if (!source || pos->line <= 0) return false;
    const char *p = source->text;
    const char *end = source->text + source->len;
    for (int line = 1; line < pos->line; line++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        if (!newline) return false;
        p = newline + 1;
    }
    const char *newline = memchr(p, '\n', (size_t)(end - p));
    *ret_line = p;
    *ret_len = (size_t)((newline ? newline : end) - p);
    if (*ret_len > 0 && p[*ret_len - 1] == '\r') (*ret_len)--;
    AQ_ASSERT(*ret_line + *ret_len <= end);
    return true;
}

/* A finding may quote the literal, so it is remembered as it stands in the file too. */
static void remember_literal(const struct conf_diags *diags, const struct conf_pos *value)
{
    const char *line;
    size_t len;
    if (!conf_diags_line(diags, value, &line, &len) || (size_t)value->column > len) return;
    const char *text = line + value->column - 1;
    len -= (size_t)value->column - 1;
    if (value->width > 0 && (size_t)value->width < len) len = (size_t)value->width;
    if (len > 0 && text[0] == '"') {
        text++;
        len--;
    }
    if (len > 0 && text[len - 1] == '"') len--;
    if (len >= 2 && text[0] == '$' && text[1] == '{') return;
    if (len == 0 || strchr("{[(", text[0])) return;
    char *literal = aq_strndup(text, len);
    conf_secret_remember(literal);
    free(literal);
}

void conf_diags_hide(struct conf_diags *diags, struct conf_pos value)
{
    if (!value.file || value.line <= 0 || value.column <= 0) return;
    struct conf_span span = {keep_path(diags, value.file), value.line, value.column, value.line,
                             value.column + (value.width > 0 ? value.width : 1)};
    for (size_t i = 0; i < diags->n_spans; i++) {
        const struct conf_span *s = &diags->spans[i];
        if (s->line == value.line && s->column == value.column && same_text(s->file, value.file)) span = *s;
    }
    add_span(&diags->hidden, &diags->n_hidden, span);
    remember_literal(diags, &value);
}
