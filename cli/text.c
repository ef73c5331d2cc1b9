/* SPDX-License-Identifier: Apache-2.0
 *
 * Text layout: wrapping and the escapes of roff. Pure functions of their arguments.
 */
#include "cli/text.h"

#include <string.h>

#include "base/assert.h"

/* Columns, not bytes: continuation bytes of UTF-8 take no room. */
static int columns(const char *text, size_t len)
{
    int n = 0;
    for (size_t i = 0; i < len; i++) n += ((unsigned char)text[i] & 0xC0) != 0x80;
    return n;
}

static size_t line_length(const char *line)
{
    return strcspn(line, "\n");
}

static bool is_example(const char *line)
{
    return line[0] == ' ' && line[1] == ' ';
}

static void wrap_line(FILE *out, const char *line, size_t len, int indent, int width)
{
    int column = 0;
    const char *end = line + len;
    while (line < end) {
        while (line < end && *line == ' ') line++;
        size_t word = 0;
        while (line + word < end && line[word] != ' ') word++;
        if (word == 0) break;
        int wide = columns(line, word);
        if (column > 0 && column + 1 + wide > width) {
            fputc('\n', out);
            column = 0;
        }
        if (column == 0) {
            fprintf(out, "%*s", indent, "");
            column = indent;
        } else {
            fputc(' ', out);
            column++;
        }
        fwrite(line, 1, word, out);
        column += wide;
        line += word;
    }
    fputc('\n', out);
}

void cli_wrap(FILE *out, const char *text, int indent, int width)
{
    AQ_ASSERT(width > indent + 10);
    while (*text) {
        size_t len = line_length(text);
        if (len == 0)
            fputc('\n', out);
        else if (is_example(text))
            fprintf(out, "%*s%.*s\n", indent, "", (int)len, text);
        else
            wrap_line(out, text, len, indent, width);
        text += len;
        if (*text == '\n') text++;
    }
}

static void roff_bytes(FILE *out, const char *text, size_t len)
{
    if (len > 0 && (text[0] == '.' || text[0] == '\'')) fputs("\\&", out);
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\\')
            fputs("\\e", out);
        else if (text[i] == '-')
            fputs("\\-", out);
        else
            fputc(text[i], out);
    }
}

void cli_roff(FILE *out, const char *text)
{
    roff_bytes(out, text, strlen(text));
}

/* roff and Markdown want examples fenced; `inside` tells whether the fence is open. */
static void fence(FILE *out, enum opt_print form, bool *inside, bool wanted)
{
    if (*inside == wanted) return;
    *inside = wanted;
    if (form == OPT_PRINT_MAN)
        fputs(wanted ? ".nf\n.RS 4\n" : ".RE\n.fi\n", out);
    else
        fputs(wanted ? "```\n" : "```\n", out);
}

void cli_paragraphs(FILE *out, const char *text, enum opt_print form)
{
    if (form == OPT_PRINT_TEXT) {
        cli_wrap(out, text, 0, 90);
        return;
    }
    bool inside = false;
    while (*text) {
        size_t len = line_length(text);
        if (form == OPT_PRINT_SAMPLE) {
            fprintf(out, len > 0 ? "# %.*s\n" : "#%.*s\n", (int)len, text);
        } else {
            fence(out, form, &inside, is_example(text));
            if (form == OPT_PRINT_MAN && len == 0)
                fputs(".PP", out);
            else if (form == OPT_PRINT_MAN)
                roff_bytes(out, text, len);
            else
                fwrite(text, 1, len, out);
            fputc('\n', out);
        }
        text += len;
        if (*text == '\n') text++;
    }
    fence(out, form, &inside, false);
}
