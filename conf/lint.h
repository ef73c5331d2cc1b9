/* SPDX-License-Identifier: Apache-2.0
 *
 * The pre-lint: reads the raw text before libconfig does, says what libconfig would only call "syntax error" or would
 * read as something else, and learns the place of every name and value. Internal to conf/.
 */
#ifndef AQ_CONF_LINT_H
#define AQ_CONF_LINT_H

#include "conf/node.h"
#include "conf/source.h"
#include "conf/token.h"

/* A change to the text that makes it readable again, so that the rest of it can be checked. */
struct conf_edit {
    size_t at;
    size_t remove;
    const char *insert; /* static or in the arena */
    size_t order;       /* of edits at one place: as they were noted */
};

enum lint_class {
    LINT_SYNTAX, /* libconfig refuses it: never told about a text that it accepts */
    LINT_TRAP,   /* one version accepts it, or reads something else than is written */
};

struct conf_lint {
    const struct conf_text *text;
    struct aq_arena *arena;
    struct conf_diags *diags;
    bool accepted;          /* libconfig has parsed the text as it is */
    struct conf_node *root; /* names, types and places; no values */
    struct conf_edit *edits;
    size_t n_edits;
    /* Where the parser stands: */
    struct conf_token token; /* the next one */
    size_t last_end;         /* end of the one before */
    int depth;
    int surplus;                  /* brackets that the text opens and never closes */
    bool gave_up;                 /* nested too deep: the rest is not read */
    const struct lint_open *open; /* innermost bracket */
};

/* The brackets that are open, innermost first. */
struct lint_open {
    struct conf_token token;
    enum conf_token_kind close;
    const struct lint_open *outer;
};

/* Reads lint->text (text, arena, diags and accepted are set by the caller) and fills root and edits. */
void conf_lint_run(struct conf_lint *lint);
void conf_lint_finish(struct conf_lint *lint);

/* The text with the edits applied, malloc'ed. */
char *conf_lint_repaired(const struct conf_lint *lint);

/* ---- between lint.c, lint_value.c and lint_name.c ---- */

void lint_next(struct conf_lint *lint);
void lint_say(struct conf_lint *lint, enum lint_class class, enum conf_severity severity, size_t at,
              size_t width, const char *format, ...) __attribute__((format(printf, 6, 7)));
void lint_edit(struct conf_lint *lint, enum lint_class class, size_t at, size_t remove, const char *insert);
/* The value has been reported: readers shall not look at it. */
void lint_fault(struct conf_lint *lint, enum lint_class class, struct conf_node *node);
/* Replaces [at, end) by spaces, newlines stay; edits inside are forgotten. */
void lint_blank(struct conf_lint *lint, enum lint_class class, size_t at, size_t end);
const char *lint_quote(const struct conf_lint *lint, size_t at, size_t len); /* arena, shortened */
/* "routes.orders: " or "" */
const char *lint_prefix(struct conf_lint *lint, const struct conf_node *node);

/* A scalar at the current token into node (type, places, faulty). */
void lint_scalar(struct conf_lint *lint, struct conf_node *node);
/* Any value; node->name and pos are set already when it has a name. */
void lint_value(struct conf_lint *lint, struct conf_node *node);
/* `name = value` with all that can be wrong about the name; adds to group when something usable came out. */
void lint_setting(struct conf_lint *lint, struct conf_node *group);
struct conf_node *lint_add(struct conf_lint *lint, struct conf_node *parent);
void lint_remove_last(struct conf_node *parent);
bool lint_starts_value(enum conf_token_kind kind);

#endif
