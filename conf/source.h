/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of a configuration with its includes put in place, and where each line of it came from.
 * Internal to conf/.
 *
 * libconfig 1.5 looks for an included file in the current directory, and a comment left open in one file swallows the
 * rest of the next. So includes are resolved here, beside the including file, and libconfig is only ever given one
 * string. Everything after this speaks of offsets in that string and maps them back with conf_text_pos().
 */
#ifndef AQ_CONF_SOURCE_H
#define AQ_CONF_SOURCE_H

#include "conf/diag.h"

struct conf_line {
    size_t start;     /* offset in the text */
    const char *file; /* as the user would name it */
    int line;         /* from 1, in that file */
    int skipped;      /* bytes of that file's line that come before start */
};

struct conf_text {
    char *text; /* ends with a newline (1.5 fails on a comment without one) and a zero byte */
    size_t len;
    struct conf_line *lines;
    size_t n_lines;
    size_t cap;
    size_t cap_lines;
};

/* Reads path and its includes. Returns 0 or AQ_E_CONFIG when path itself could not be read; everything else that is
 * wrong is told to diags and repaired as well as it can be, so that the rest can be checked. */
int conf_text_read(const char *path, struct aq_arena *arena, struct conf_diags *diags, struct conf_text *ret);
/* The same for a text from memory; path is for messages and as the place that includes are relative to. */
int conf_text_from(const char *path, const char *text, size_t len, struct aq_arena *arena,
                   struct conf_diags *diags, struct conf_text *ret);
void conf_text_finish(struct conf_text *text);

struct conf_pos conf_text_pos(const struct conf_text *text, size_t offset, size_t width);
/* The place of a line of the whole text (from 1), as libconfig counts. */
struct conf_pos conf_text_line_pos(const struct conf_text *text, int line);

/* Closes strings and comments that one file leaves open (close.c). Returns a new text (malloc) when it had to change
 * something, else NULL. */
char *conf_close_open_ends(const char *path, const char *text, size_t len, struct conf_diags *diags);

#endif
