/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading files and putting includes in place.
 *
 * Ordinary pass: a file is read whole, told to diags (which prints source lines from it), checked for bytes that no
 * configuration has (byte order mark, UTF-16, zero bytes), its open ends are closed (close.c), and it is copied line by
 * line to the text; an `@include "x"` line is replaced by a newline and the text of x, recursively.
 * Failing pass: a file that cannot be read is an error at the @include; the rest is read all the same.
 *
 * Invariant: lines[i].start ascends, and line i of the text is line lines[i].line of lines[i].file.
 */
#include "conf/source.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/mem.h"

#define INCLUDE_DEPTH 10
#define FILE_MAX      (16u << 20)

struct reader {
    struct aq_arena *arena;
    struct conf_diags *diags;
    struct conf_text *out;
};

static void put(struct conf_text *out, const char *bytes, size_t len)
{
    if (out->cap - out->len < len + 1) {
        while (out->cap - out->len < len + 1) out->cap = out->cap ? out->cap * 2 : 4096;
        out->text = aq_realloc(out->text, out->cap);
    }
    memcpy(out->text + out->len, bytes, len);
    out->len += len;
    out->text[out->len] = '\0';
}

static void start_line(struct conf_text *out, const char *file, int line, int skipped)
{
    if (out->n_lines == out->cap_lines) {
        out->cap_lines = out->cap_lines ? out->cap_lines * 2 : 256;
        out->lines = aq_realloc(out->lines, out->cap_lines * sizeof(*out->lines));
    }
    out->lines[out->n_lines++] = (struct conf_line){out->len, file, line, skipped};
}

void conf_text_finish(struct conf_text *text)
{
    free(text->text);
    free(text->lines);
    *text = (struct conf_text){0};
}

/* malloc'ed and zero-terminated; NULL with errno set. */
static char *read_file(const char *path, size_t *ret_len)
{
    FILE *file = fopen(path, "re");
    if (!file) return NULL;
    struct stat st;
    char *text = NULL;
    if (fstat(fileno(file), &st) == 0 && S_ISDIR(st.st_mode)) {
        errno = EISDIR;
    } else {
        size_t cap = 4096, len = 0, n;
        text = aq_malloc(cap + 1);
        while (len < FILE_MAX && (n = fread(text + len, 1, cap - len, file)) > 0) {
            len += n;
            if (len == cap) text = aq_realloc(text, (cap *= 2) + 1);
        }
        text[len] = '\0';
        *ret_len = len;
        bool large = len >= FILE_MAX;
        if (ferror(file) || large) {
            if (large) errno = EFBIG;
            free(text);
            text = NULL;
        }
    }
    int saved = errno;
    fclose(file);
    errno = saved;
    return text;
}

/* Blanks what is no text. False when there is no sense in going on. */
static bool check_bytes(const char *path, char *text, size_t len, struct conf_diags *diags)
{
    const unsigned char *u = (const unsigned char *)text;
    struct conf_pos start = {.file = path, .line = 1, .column = 1, .width = 1};
    if (len >= 2 && ((u[0] == 0xFF && u[1] == 0xFE) || (u[0] == 0xFE && u[1] == 0xFF))) {
        conf_diag(diags, CONF_ERROR, start, "file is UTF-16; save it as UTF-8");
        return false;
    }
    if (len >= 3 && u[0] == 0xEF && u[1] == 0xBB && u[2] == 0xBF) {
        conf_diag(
            diags, CONF_ERROR, start,
            "file starts with a UTF-8 byte order mark, which libconfig cannot read; save it without BOM");
        memset(text, ' ', 3);
    }
    int line = 1;
    const char *line_start = text;
    for (char *p = text; p < text + len; p++) {
        if (*p == '\n') {
            line++;
            line_start = p + 1;
        }
        if (*p != '\0') continue;
        struct conf_pos pos = {.file = path, .line = line, .column = (int)(p - line_start) + 1, .width = 1};
        conf_diag(diags, CONF_ERROR, pos,
                  "zero byte: the rest of the file would be ignored; is this a text file?");
        for (; p < text + len; p++) {
            if (*p == '\0') *p = ' ';
        }
    }
    return true;
}

static void add_text(struct reader *r, const char *path, const char *given, size_t len, int depth);

static void add_file(struct reader *r, const char *path, struct conf_pos where, int depth)
{
    AQ_ASSERT(depth > 0);
    if (depth > INCLUDE_DEPTH) {
        conf_diag(r->diags, CONF_ERROR, where, "@include: more than %d files deep; does '%s' include itself?",
                  INCLUDE_DEPTH, path);
        return;
    }
    size_t len = 0;
    char *text = read_file(path, &len);
    if (!text) {
        conf_diag(r->diags, CONF_ERROR, where, "@include: %s: %s", path, strerror(errno));
        return;
    }
    add_text(r, path, text, len, depth);
    free(text);
}

static char *beside(struct reader *r, const char *including, const char *path)
{
    const char *slash = strrchr(including, '/');
    if (path[0] == '/' || !slash) return aq_arena_strdup(r->arena, path);
    return aq_arena_printf(r->arena, "%.*s/%s", (int)(slash - including), including, path);
}

static void add_included(struct reader *r, const char *including, const char *path, struct conf_pos where,
                         int depth)
{
    char *full = beside(r, including, path);
    if (!strpbrk(path, "*?[")) {
        add_file(r, full, where, depth);
        return;
    }
    glob_t found;
    /* No match is no error: conf.d may be empty. */
    if (glob(full, 0, NULL, &found) != 0) return;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        add_file(r, aq_arena_strdup(r->arena, found.gl_pathv[i]), where, depth);
    }
    globfree(&found);
}

/* What a line leaves the scanner in. */
enum inside { IN_NOTHING, IN_STRING, IN_COMMENT };

static enum inside scan_line(const char *p, const char *end, enum inside in)
{
    while (p < end) {
        if (in == IN_STRING) {
            if (*p == '\\')
                p++;
            else if (*p == '"')
                in = IN_NOTHING;
        } else if (in == IN_COMMENT) {
            if (p[0] == '*' && p[1] == '/') {
                in = IN_NOTHING;
                p++;
            }
        } else if (*p == '"') {
            in = IN_STRING;
        } else if (p[0] == '/' && p[1] == '*') {
            in = IN_COMMENT;
            p++;
        } else if (*p == '#' || (p[0] == '/' && p[1] == '/')) {
            return IN_NOTHING;
        }
        p++;
    }
    return in;
}

/* `@include "path"` at the start of a line. Returns what is left of the line behind it, or NULL when it is none. */
static const char *include_line(struct reader *r, const char *file, const char *line, const char *end,
                                int number, int depth)
{
    const char *p = line + strspn(line, " \t");
    if (strncmp(p, "@include", 8) != 0) return NULL;
    struct conf_pos where = {.file = file, .line = number, .column = (int)(p - line) + 1, .width = 8};
    const char *quote = p + 8 + strspn(p + 8, " \t");
    const char *close = *quote == '"' ? memchr(quote + 1, '"', (size_t)(end - quote - 1)) : NULL;
    if (!close || quote == p + 8) {
        conf_diag(r->diags, CONF_ERROR, where, "@include wants a path in quotes: @include \"other.conf\"");
        return end;
    }
    where.column = (int)(quote - line) + 1;
    where.width = (int)(close - quote) + 1;
    char *path = (char *)aq_arena_copy(r->arena, aq_slice_of(quote + 1, (size_t)(close - quote) - 1)).ptr;
    add_included(r, file, path, where, depth + 1);
    return close + 1;
}

static void add_text(struct reader *r, const char *path, const char *given, size_t len, int depth)
{
    conf_diags_source(r->diags, path, given, len);
    char *text = aq_malloc(len + 1);
    if (len) memcpy(text, given, len);
    text[len] = '\0';
    char *closed = NULL;
    if (check_bytes(path, text, len, r->diags))
        closed = conf_close_open_ends(path, text, len, r->diags);
    else
        text[0] = '\0';

    enum inside in = IN_NOTHING;
    int number = 1;
    for (const char *line = closed ? closed : text; *line; number++) {
        const char *end = strchrnul(line, '\n');
        const char *rest = in == IN_NOTHING ? include_line(r, path, line, end, number, depth) : NULL;
        start_line(r->out, path, number, rest ? (int)(rest - line) : 0);
        put(r->out, rest ? rest : line, (size_t)(end - (rest ? rest : line)));
        put(r->out, "\n", 1);
        in = scan_line(rest ? rest : line, end, in);
        if (in == IN_STRING && *end == '\0') in = IN_NOTHING;
        line = end + (*end == '\n');
    }
    AQ_ASSERT(in != IN_STRING);
    free(closed);
    free(text);
}

int conf_text_from(const char *path, const char *text, size_t len, struct aq_arena *arena,
                   struct conf_diags *diags, struct conf_text *ret)
{
    AQ_ASSERT(path && arena && diags);
    *ret = (struct conf_text){0};
    struct reader r = {arena, diags, ret};
    put(ret, "", 0);
    add_text(&r, aq_arena_strdup(arena, path), text, len, 0);
    /* The end of the text is a place too. */
    start_line(ret, ret->n_lines ? ret->lines[ret->n_lines - 1].file : aq_arena_strdup(arena, path),
               ret->n_lines ? ret->lines[ret->n_lines - 1].line + 1 : 1, 0);
    return 0;
}

int conf_text_read(const char *path, struct aq_arena *arena, struct conf_diags *diags, struct conf_text *ret)
{
    AQ_ASSERT(path && diags);
    size_t len = 0;
    char *text = read_file(path, &len);
    if (!text) {
        *ret = (struct conf_text){0};
        conf_diag(diags, CONF_ERROR, (struct conf_pos){.file = path}, "cannot read the file: %s",
                  strerror(errno));
        return AQ_E_CONFIG;
    }
    int rc = conf_text_from(path, text, len, arena, diags, ret);
    free(text);
    return rc;
}

struct conf_pos conf_text_pos(const struct conf_text *text, size_t offset, size_t width)
{
    AQ_ASSERT(text->n_lines > 0 && offset <= text->len);
    size_t low = 0, high = text->n_lines;
    while (high - low > 1) {
        size_t mid = (low + high) / 2;
        if (text->lines[mid].start <= offset)
            low = mid;
        else
            high = mid;
    }
    const struct conf_line *line = &text->lines[low];
    /* An underline ends with its line. */
    size_t end = offset;
    while (end < offset + width && end < text->len && text->text[end] != '\n') end++;
    return (struct conf_pos){
        .file = line->file,
        .line = line->line,
        .column = (int)(offset - line->start) + line->skipped + 1,
        .width = end > offset ? (int)(end - offset) : 1,
    };
}

struct conf_pos conf_text_line_pos(const struct conf_text *text, int line)
{
    if (line < 1 || (size_t)line > text->n_lines) return (struct conf_pos){0};
    return (struct conf_pos){.file = text->lines[line - 1].file, .line = text->lines[line - 1].line};
}
