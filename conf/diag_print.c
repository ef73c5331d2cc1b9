/* SPDX-License-Identifier: Apache-2.0
 *
 * Findings: printing them, for people (source line and caret) and for programs (JSON). Nothing leaves here unmasked:
 * messages and origins through the remembered secrets, source lines through conf/mask.h and the hidden spans.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "conf/mask.h"

struct ordered {
    const struct conf_diag *diag;
    size_t file; /* files in the order they were read, then unknown ones, then findings without a file */
    size_t index;
};

static size_t file_rank(const struct conf_diags *diags, const char *file)
{
    if (!file) return diags->n_sources + 1;
    for (size_t i = 0; i < diags->n_sources; i++) {
        if (strcmp(diags->sources[i].path, file) == 0) return i;
    }
    return diags->n_sources;
}

static int compare(const void *pa, const void *pb)
{
    const struct ordered *a = pa, *b = pb;
    if (a->file != b->file) return a->file < b->file ? -1 : 1;
    const struct conf_pos *x = &a->diag->pos, *y = &b->diag->pos;
    int names = strcmp(x->file ? x->file : "", y->file ? y->file : "");
    if (names) return names;
    if (x->line != y->line) return x->line < y->line ? -1 : 1;
    if (x->column != y->column) return x->column < y->column ? -1 : 1;
    return a->index < b->index ? -1 : 1;
}

static struct ordered *sort(const struct conf_diags *diags)
{
    struct ordered *list = aq_calloc(diags->count, sizeof(*list));
    for (size_t i = 0; i < diags->count; i++) {
        list[i] = (struct ordered){&diags->list[i], file_rank(diags, diags->list[i].pos.file), i};
    }
    if (diags->count > 1) qsort(list, diags->count, sizeof(*list), compare);
    return list;
}

static void hide_spans(const struct conf_diags *diags, const struct conf_pos *pos, size_t len, bool *hide)
{
    for (size_t i = 0; i < diags->n_hidden; i++) {
        const struct conf_span *s = &diags->hidden[i];
        if (pos->line < s->line || pos->line > s->end_line || strcmp(s->file, pos->file) != 0) continue;
        size_t from = pos->line == s->line ? (size_t)s->column - 1 : 0;
        size_t to = pos->line == s->end_line ? (size_t)s->end_column - 1 : len;
        for (size_t k = from; k < to && k < len; k++) hide[k] = true;
    }
}

/* Where one byte stands on a terminal: continuation bytes take no room. */
static bool takes_room(char c)
{
    return ((unsigned char)c & 0xC0) != 0x80;
}

static void print_source(const struct conf_diags *diags, const struct conf_pos *pos, FILE *out)
{
    const char *line;
    size_t len;
    if (!conf_diags_line(diags, pos, &line, &len)) return;
    struct aq_arena arena;
    aq_arena_init(&arena, 1024);
    bool *hide = aq_calloc(len + 1, sizeof(*hide));
    conf_mask_line(line, len, hide);
    hide_spans(diags, pos, len, hide);
    int column = pos->column;
    int end = pos->column + (pos->width > 0 ? pos->width : 1);
    if (end > (int)len + 1) end = (int)len + 1;
    char *text = conf_mask_render(line, len, hide, &column, &arena);
    conf_mask_render(line, len, hide, &end, &arena);
    free(hide);

    for (char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 && *p != '\t') *p = '?';
    }
    fprintf(out, "%4d | %s\n", pos->line, text);
    if (column > 0) {
        size_t n = strlen(text);
        fputs("     | ", out);
        for (int i = 0; i < column - 1; i++) {
            if ((size_t)i >= n || takes_room(text[i]))
                fputc((size_t)i < n && text[i] == '\t' ? '\t' : ' ', out);
        }
        fputc('^', out);
        for (int i = column; i < end - 1; i++) {
            if ((size_t)i >= n || takes_room(text[i])) fputc('~', out);
        }
        fputc('\n', out);
    }
    aq_arena_finish(&arena);
}

static void print_one(const struct conf_diags *diags, const struct conf_diag *diag, struct aq_arena *arena,
                      FILE *out)
{
    const struct conf_pos *pos = &diag->pos;
    if (pos->file) {
        fprintf(out, "%s:", pos->file);
        if (pos->line > 0) fprintf(out, "%d:", pos->line);
        if (pos->line > 0 && pos->column > 0) fprintf(out, "%d:", pos->column);
        fputc(' ', out);
    } else if (pos->origin) {
        fprintf(out, "%s: ", conf_mask_line_copy(pos->origin, arena));
    }
    const char *severity = diag->severity == CONF_ERROR ? "error" : "warning";
    fprintf(out, "%s: %s\n", severity, conf_mask_copy(diag->text, arena));
    if (pos->file) print_source(diags, pos, out);
}

void conf_diags_print(const struct conf_diags *diags, FILE *out)
{
    struct ordered *list = sort(diags);
    struct aq_arena arena;
    aq_arena_init(&arena, 1024);
    for (size_t i = 0; i < diags->count; i++) print_one(diags, list[i].diag, &arena, out);
    aq_arena_finish(&arena);
    free(list);
}

static void print_json_string(const char *text, FILE *out)
{
    fputc('"', out);
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        size_t n = aq_utf8_len(p);
        if (n == 0) {
            fputs("\\ufffd", out);
            n = 1;
        } else if (*p == '"' || *p == '\\') {
            fprintf(out, "\\%c", *p);
        } else if (*p < 0x20) {
            fprintf(out, "\\u%04x", *p);
        } else {
            fwrite(p, 1, n, out);
        }
        p += n;
    }
    fputc('"', out);
}

void conf_diags_print_json(const struct conf_diags *diags, FILE *out)
{
    struct ordered *list = sort(diags);
    struct aq_arena arena;
    aq_arena_init(&arena, 1024);
    fputc('[', out);
    for (size_t i = 0; i < diags->count; i++) {
        const struct conf_diag *diag = list[i].diag;
        const struct conf_pos *pos = &diag->pos;
        AQ_ASSERT(diag->text);
        fprintf(out, "%s\n  {\"severity\":\"%s\"", i ? "," : "",
                diag->severity == CONF_ERROR ? "error" : "warning");
        if (pos->file) {
            fputs(",\"file\":", out);
            print_json_string(pos->file, out);
            fprintf(out, ",\"line\":%d,\"column\":%d,\"width\":%d", pos->line, pos->column, pos->width);
        } else if (pos->origin) {
            fputs(",\"origin\":", out);
            print_json_string(conf_mask_line_copy(pos->origin, &arena), out);
        }
        fputs(",\"message\":", out);
        print_json_string(conf_mask_copy(diag->text, &arena), out);
        fputc('}', out);
    }
    fputs(diags->count ? "\n]\n" : "]\n", out);
    aq_arena_finish(&arena);
    free(list);
}
