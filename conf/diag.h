/* SPDX-License-Identifier: Apache-2.0
 *
 * Located findings about a configuration: collected, sorted by place, printed all at once.
 *
 *   orders.conf:14:34: error: transforms.mask: unknown option 'replacment'; did you mean 'replacement'?
 *     14 |   mask = { type = "MaskField"; replacment = "***"; };
 *        |                                ^~~~~~~~~~
 *
 * Threads: one owner. Text given to conf_diag() is copied.
 */
#ifndef AQ_CONF_DIAG_H
#define AQ_CONF_DIAG_H

#include <stdio.h>

#include "base/arena.h"

enum conf_severity { CONF_WARNING, CONF_ERROR };

/* A place in a file. file == NULL: an override (-s), the environment, or no place at all; then `origin` says which. */
struct conf_pos {
    const char *file;
    int line;           /* from 1; 0 unknown */
    int column;         /* from 1, in bytes; 0 unknown */
    int width;          /* of the caret underline, at least 1 when column is known */
    const char *origin; /* "-s routes.orders.workers=2" when file is NULL */
};

struct conf_diag {
    enum conf_severity severity;
    struct conf_pos pos;
    char *text;
};

/* The text of a file as the loader read it: what the printed source lines come from, so that they belong to the same
 * version of the file as the findings, and so that a text from memory has source lines too. */
struct conf_source {
    const char *path;
    const char *text;
    size_t len;
};

/* A stretch of a file, end exclusive: a value that goes over several lines, or one that must not be shown. */
struct conf_span {
    const char *file;
    int line, column;
    int end_line, end_column;
};

struct conf_diags {
    struct aq_arena arena;
    struct conf_diag *list;
    size_t count;
    size_t cap;
    size_t errors;
    struct conf_source *sources;
    size_t n_sources;
    struct conf_span *spans; /* values of several lines */
    size_t n_spans;
    struct conf_span *hidden; /* secrets */
    size_t n_hidden;
};

void conf_diags_init(struct conf_diags *diags);
void conf_diags_finish(struct conf_diags *diags);
void conf_diag(struct conf_diags *diags, enum conf_severity severity, struct conf_pos pos, const char *format,
               ...) __attribute__((format(printf, 4, 5)));
/* For the loader: what file `path` contains (copied), and where a value of several lines ends. */
void conf_diags_source(struct conf_diags *diags, const char *path, const char *text, size_t len);
void conf_diags_span(struct conf_diags *diags, struct conf_pos start, int end_line, int end_column);
/* The value at this place is a secret: printed source lines show *** in its stead. Unknown places are ignored. */
void conf_diags_hide(struct conf_diags *diags, struct conf_pos value);

/* All findings in file and line order, each with its source line and caret. Secrets are masked: values told to
 * conf_diags_hide(), remembered ones (conf/secret.h), and literals that look like secrets by their name. */
void conf_diags_print(const struct conf_diags *diags, FILE *out);
void conf_diags_print_json(const struct conf_diags *diags, FILE *out);

/* The candidate nearest to `word` when it is near enough to be a typo, else NULL. */
const char *conf_did_you_mean(const char *word, const char *const *candidates, size_t count);

#endif
