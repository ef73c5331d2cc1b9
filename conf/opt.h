/* SPDX-License-Identifier: Apache-2.0
 *
 * Option tables. Each module declares its options once, as rows beside the code that reads them; parsing, ranges,
 * units, defaults, `aqueduct help`, man page, sample file, dumps and the completeness test all come out of the rows.
 *
 * A row writes into a plain struct at `offset`. C types by kind:
 *   STRING  const char *      (document arena, NULL when absent and no default)
 *   BOOL    bool
 *   INT     int64_t           accepts 5, 5L, "5"
 *   DURATION int64_t          milliseconds; accepts "5s" "100ms" "2m" "1h" "7d" and bare integers as milliseconds
 *   SIZE    int64_t           bytes; accepts "4MiB" "64KiB" "1MB" "1GiB" and bare integers
 *   ENUM    int               one of `values` (name, number)
 *   STRINGS struct opt_strings  array/list of strings, or one comma-separated string; trimmed, empty items dropped
 *   NODE    const struct conf_node *   the raw sub-tree, for readers that go on themselves (marks it used)
 *   REFUSED nothing: a known foreign or retired name; using it is an error that says `help`
 * Names: lower case with underscores; a dotted Connect spelling ("topic.field") cannot be written in libconfig, so
 * underscore forms are the only ones.
 */
#ifndef AQ_CONF_OPT_H
#define AQ_CONF_OPT_H

#include "base/err.h"
#include "conf/node.h"

enum opt_kind {
    OPT_STRING,
    OPT_BOOL,
    OPT_INT,
    OPT_DURATION,
    OPT_SIZE,
    OPT_ENUM,
    OPT_STRINGS,
    OPT_NODE,
    OPT_REFUSED,
};

enum opt_flag {
    OPT_REQUIRED = 1u << 0,
    OPT_SECRET = 1u << 1, /* masked in every output */
    OPT_EXPERIMENTAL = 1u << 2,
};

enum opt_reload { OPT_RELOAD_LIVE, OPT_RELOAD_ROUTE, OPT_RELOAD_PROCESS };

struct opt_enum {
    const char *name; /* NULL ends the list */
    int value;
};

struct opt_strings {
    const char **items;
    const struct conf_pos *places; /* one per item */
    size_t count;
};

struct opt_row {
    const char *name; /* NULL ends the table */
    enum opt_kind kind;
    size_t offset;
    const char *def; /* default in the text form a user would write; NULL: absent / zero */
    int64_t
        min; /* INT, DURATION (ms), SIZE; STRINGS: least count; STRING: 1: not empty. min == max == 0: unchecked */
    int64_t max;
    const struct opt_enum *values;
    unsigned flags;
    enum opt_reload reload;
    const char *help; /* one or two sentences, ends with a full stop */
};

/* A named set of rows: what `aqueduct list` and `aqueduct help NAME` show. */
struct opt_table {
    const char *name;    /* "route", "cluster", "MaskField" */
    const char *kind;    /* "section", "transform", "predicate" */
    const char *summary; /* one sentence */
    const struct opt_row *rows;
    const char *example; /* a few lines of configuration that load; may be NULL */
};

/* Reads `group` by the rows into `target`: defaults first, then values; every unknown name, bad value, missing
 * required option goes to diags with its place. `what` starts the messages ("transforms.mask"). `ignore` (may be
 * NULL, ends with NULL) names children the caller reads itself. Strings and arrays are allocated from `arena` or
 * point into the document, so the document must outlive target. Returns the number of errors added. */
size_t opt_read(const struct opt_row *rows, struct conf_node *group, const char *what,
                const char *const *ignore, struct aq_arena *arena, void *target, struct conf_diags *diags);

/* One option from a text that stands outside of a group, such as "commit.interval.ms=100" in a list: parsed like a string in
 * the file. 0, or AQ_E_CONFIG with what is expected, without the option's name. Not for NODE and REFUSED. */
int opt_read_text(const struct opt_row *row, const char *text, struct aq_arena *arena, void *target,
                  struct aq_err *err);

/* Only the defaults. */
void opt_defaults(const struct opt_row *rows, struct aq_arena *arena, void *target);

/* Text forms: opt_format is the inverse of parsing ("1500" ms -> "1500ms", 4194304 -> "4MiB"). */
int opt_parse_duration(const char *text, int64_t *ret_ms); /* 0 or AQ_E_INVALID */
int opt_parse_size(const char *text, int64_t *ret_bytes);
char *opt_format_value(const struct opt_row *row, const void *target, struct aq_arena *arena);

/* `aqueduct help`: the rows as text, as Markdown, as roff (man page body), as a commented sample group. */
enum opt_print { OPT_PRINT_TEXT, OPT_PRINT_MARKDOWN, OPT_PRINT_MAN, OPT_PRINT_SAMPLE };
void opt_print_table(const struct opt_table *table, enum opt_print form, FILE *out);

/* `aqueduct dump`: the group with its effective values, defaults marked "# default", secrets as "***". */
void opt_print_effective(const struct opt_row *rows, const void *target, int indent, FILE *out);

/* Every row sane: name, help, default parses and is inside the range. Returns the number of faults, told to out. */
size_t opt_check_table(const struct opt_table *table, FILE *out);

#endif
