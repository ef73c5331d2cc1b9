/* SPDX-License-Identifier: Apache-2.0
 *
 * Option tables as text: help, Markdown, man page, sample file, and the effective values of a running configuration.
 * All of them print the same rows, so a documented option is one that is read, and the other way round.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "conf/mask.h"
#include "conf/opt_value.h"

char *opt_format_value(const struct opt_row *row, const void *target, struct aq_arena *arena)
{
    AQ_ASSERT(row && target && arena);
    const void *field = (const char *)target + row->offset;
    int64_t number;
    switch (row->kind) {
    case OPT_STRING: {
        const char *text;
        memcpy(&text, field, sizeof(text));
        return text ? aq_arena_strdup(arena, text) : NULL;
    }
    case OPT_BOOL: {
        bool on;
        memcpy(&on, field, sizeof(on));
        return aq_arena_strdup(arena, on ? "true" : "false");
    }
    case OPT_INT:
    case OPT_DURATION:
    case OPT_SIZE: memcpy(&number, field, sizeof(number)); return opt_number_text(row->kind, number, arena);
    case OPT_ENUM: {
        int value;
        memcpy(&value, field, sizeof(value));
        for (const struct opt_enum *v = row->values; v->name; v++) {
            if (v->value == value) return aq_arena_strdup(arena, v->name);
        }
        return NULL;
    }
    case OPT_STRINGS: {
        struct opt_strings list;
        memcpy(&list, field, sizeof(list));
        char *text = aq_arena_strdup(arena, "");
        for (size_t i = 0; i < list.count; i++) {
            text = aq_arena_printf(arena, "%s%s%s", text, i ? "," : "", list.items[i]);
        }
        return text;
    }
    case OPT_NODE:
    case OPT_REFUSED: return NULL;
    }
    return NULL;
}

/* A libconfig string literal. */
static char *quote(const char *text, struct aq_arena *arena)
{
    char *out = aq_arena_alloc(arena, strlen(text) * 4 + 3);
    char *p = out;
    *p++ = '"';
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            *p++ = '\\';
            *p++ = (char)c;
        } else if (c == '\n' || c == '\t' || c == '\r') {
            *p++ = '\\';
            *p++ = c == '\n' ? 'n' : c == '\t' ? 't' : 'r';
        } else if (c < 0x20 || c == 0x7F) {
            p += sprintf(p, "\\x%02x", c);
        } else {
            *p++ = (char)c;
        }
    }
    *p++ = '"';
    *p = '\0';
    return out;
}

static char *quote_list(const struct opt_strings *list, bool secret, struct aq_arena *arena)
{
    char *text = aq_arena_strdup(arena, "[");
    for (size_t i = 0; i < list->count; i++) {
        char *item = quote(secret ? "***" : list->items[i], arena);
        item = conf_mask_line_copy(item, arena);
        text = aq_arena_printf(arena, "%s%s%s", text, i ? ", " : "", item);
    }
    return aq_arena_printf(arena, "%s]", text);
}

/* The value as it would be written in a file, secrets masked; NULL when the option is not set at all. */
static char *value_syntax(const struct opt_row *row, const void *target, struct aq_arena *arena)
{
    if (row->kind == OPT_STRINGS) {
        struct opt_strings list;
        memcpy(&list, (const char *)target + row->offset, sizeof(list));
        return quote_list(&list, row->flags & OPT_SECRET, arena);
    }
    char *text = opt_format_value(row, target, arena);
    if (!text || row->kind == OPT_BOOL) return text;
    if (row->flags & OPT_SECRET) return aq_arena_strdup(arena, "\"***\"");
    if (row->kind == OPT_INT) {
        int64_t number;
        memcpy(&number, (const char *)target + row->offset, sizeof(number));
        return aq_arena_printf(arena, "%s%s", text, number > INT32_MAX || number < INT32_MIN ? "L" : "");
    }
    return conf_mask_line_copy(quote(text, arena), arena);
}

/* The default as it would be written in a file; NULL when there is none. */
static char *default_syntax(const struct opt_row *row, struct aq_arena *arena)
{
    if (!row->def) return NULL;
    /* A target for this one row: the widest field is enough. */
    union {
        struct opt_strings strings;
        int64_t number;
        const char *text;
    } field = {0};
    struct opt_row alone = *row;
    alone.offset = 0;
    struct aq_err err;
    if (opt_read_text(&alone, row->def, arena, &field, &err)) return quote(row->def, arena);
    return value_syntax(&alone, &field, arena);
}

void opt_print_effective(const struct opt_row *rows, const void *target, int indent, FILE *out)
{
    AQ_ASSERT(rows && target && indent >= 0);
    struct aq_arena arena;
    aq_arena_init(&arena, 4096);
    for (const struct opt_row *row = rows; row->name; row++) {
        char *value = value_syntax(row, target, &arena);
        if (!value) continue;
        char *def = default_syntax(row, &arena);
        if (!def && row->kind == OPT_STRINGS && strcmp(value, "[]") == 0) continue;
        bool is_default = def && strcmp(def, value) == 0;
        int width = fprintf(out, "%*s%s = %s;", indent, "", row->name, value);
        if (is_default) fprintf(out, "%*s# default", width < 48 ? 48 - width : 1, "");
        fputc('\n', out);
    }
    aq_arena_finish(&arena);
}

/* "duration, 100ms to 1h, required": what an option accepts. */
static char *describe(const struct opt_row *row, struct aq_arena *arena)
{
    char *text = row->kind == OPT_ENUM
                     ? aq_arena_printf(arena, "one of %s", opt_enum_names(row->values, ", ", arena))
                     : aq_arena_strdup(arena, opt_kind_text(row->kind));
    char *range = opt_range_text(row, arena);
    if (range) text = aq_arena_printf(arena, "%s, %s", text, range);
    char *def = default_syntax(row, arena);
    if (def) text = aq_arena_printf(arena, "%s, default %s", text, def);
    if (row->flags & OPT_REQUIRED) text = aq_arena_printf(arena, "%s, required", text);
    if (row->flags & OPT_SECRET) text = aq_arena_printf(arena, "%s, secret", text);
    if (row->flags & OPT_EXPERIMENTAL) text = aq_arena_printf(arena, "%s, experimental", text);
    return text;
}

static void print_wrapped(const char *text, int indent, FILE *out)
{
    int column = 0;
    while (*text) {
        int len = (int)strcspn(text, " \n");
        if (column > 0 && column + 1 + len > 76 - indent) {
            fputc('\n', out);
            column = 0;
        }
        column += fprintf(out, "%*s%.*s", column ? 1 : indent, "", len, text) - (column ? 0 : indent);
        text += len;
        text += strspn(text, " \n");
    }
    fputc('\n', out);
}

static void print_text(const struct opt_table *table, struct aq_arena *arena, FILE *out)
{
    fprintf(out, "%s (%s)\n", table->name, table->kind);
    print_wrapped(table->summary, 2, out);
    for (const struct opt_row *row = table->rows; row->name; row++) {
        if (row->kind == OPT_REFUSED) continue;
        fprintf(out, "\n  %s\n", row->name);
        print_wrapped(describe(row, arena), 6, out);
        print_wrapped(row->help, 6, out);
    }
    if (table->example)
        fprintf(out, "\nExample:\n%s%s", table->example,
                table->example[strlen(table->example) - 1] == '\n' ? "" : "\n");
}

static void print_escaped(const char *text, const char *special, FILE *out)
{
    for (; *text; text++) {
        if (strchr(special, *text)) fputc('\\', out);
        fputc(*text, out);
    }
}

static void print_markdown(const struct opt_table *table, struct aq_arena *arena, FILE *out)
{
    fprintf(out, "## %s\n\n%s\n\n| option | accepts | what it does |\n|---|---|---|\n", table->name,
            table->summary);
    for (const struct opt_row *row = table->rows; row->name; row++) {
        if (row->kind == OPT_REFUSED) continue;
        fprintf(out, "| `%s` | ", row->name);
        print_escaped(describe(row, arena), "|*<", out);
        fputs(" | ", out);
        print_escaped(row->help, "|*<", out);
        fputs(" |\n", out);
    }
    if (table->example)
        fprintf(out, "\n```\n%s%s```\n", table->example,
                table->example[strlen(table->example) - 1] == '\n' ? "" : "\n");
}

static void print_roff(const char *text, FILE *out)
{
    if (*text == '.' || *text == '\'') fputs("\\&", out);
    for (; *text; text++) {
        if (*text == '\\') {
            fputs("\\e", out);
        } else if (*text == '-') {
            fputs("\\-", out);
        } else {
            fputc(*text, out);
        }
    }
}

static void print_man(const struct opt_table *table, struct aq_arena *arena, FILE *out)
{
    fprintf(out, ".SS %s\n", table->name);
    print_roff(table->summary, out);
    fputc('\n', out);
    for (const struct opt_row *row = table->rows; row->name; row++) {
        if (row->kind == OPT_REFUSED) continue;
        fputs(".TP\n.B ", out);
        print_roff(row->name, out);
        fputc('\n', out);
        print_roff(row->help, out);
        fputs("\n.br\n(", out);
        print_roff(describe(row, arena), out);
        fputs(")\n", out);
    }
}

static void print_sample(const struct opt_table *table, struct aq_arena *arena, FILE *out)
{
    fprintf(out, "# %s: %s\n", table->name, table->summary);
    for (const struct opt_row *row = table->rows; row->name; row++) {
        if (row->kind == OPT_REFUSED) continue;
        char *def = default_syntax(row, arena);
        const char *empty = row->kind == OPT_NODE      ? "{ }"
                            : row->kind == OPT_STRINGS ? "[ ]"
                            : row->kind == OPT_INT     ? "0"
                            : row->kind == OPT_BOOL    ? "false"
                            : row->min > 0             ? "\"...\""
                                                       : "\"\"";
        fprintf(out, "#   %s\n# %s = %s;\n", row->help, row->name, def ? def : empty);
    }
}

void opt_print_table(const struct opt_table *table, enum opt_print form, FILE *out)
{
    AQ_ASSERT(table && table->rows && out);
    struct aq_arena arena;
    aq_arena_init(&arena, 4096);
    switch (form) {
    case OPT_PRINT_TEXT: print_text(table, &arena, out); break;
    case OPT_PRINT_MARKDOWN: print_markdown(table, &arena, out); break;
    case OPT_PRINT_MAN: print_man(table, &arena, out); break;
    case OPT_PRINT_SAMPLE: print_sample(table, &arena, out); break;
    }
    aq_arena_finish(&arena);
}
