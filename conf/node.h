/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration as a tree of our own, so that every value knows its place and nothing above the loader sees
 * libconfig. Built by conf_load(); read-only afterwards; lives in the document's arena.
 */
#ifndef AQ_CONF_NODE_H
#define AQ_CONF_NODE_H

#include "conf/diag.h"

enum conf_type { CONF_GROUP, CONF_LIST, CONF_ARRAY, CONF_STRING, CONF_INT, CONF_FLOAT, CONF_BOOL };

struct conf_node {
    const char *name; /* NULL inside lists and arrays */
    enum conf_type type;
    struct conf_pos pos;       /* of the name, or of the value where there is no name */
    struct conf_pos value_pos; /* of a scalar's value */
    union {
        const char *string; /* after ${…} expansion */
        long long integer;
        double real;
        bool boolean;
    };
    const char *raw;  /* a string before expansion, for dumps; equal to string when nothing was expanded */
    bool from_secret; /* a ${secret:…} was expanded into it: print as *** everywhere */
    bool from_env;    /* an ${ENV} was expanded into it */
    struct conf_node *parent;
    struct conf_node *first; /* children in file order */
    struct conf_node *last;
    struct conf_node *next;
    int count;   /* of children */
    bool used;   /* a reader consumed it; what stays unused is reported as unknown */
    bool faulty; /* the lint has reported its value already: there, but not to be looked at */
};

struct conf_doc {
    struct aq_arena arena;
    struct conf_node *root; /* a group */
    const char *path;
};

/* One `-s path=value` of the command line: routes.orders.errors.tolerance=skip. Lists of named groups are addressed
 * by the name inside (routes.orders) or by index (routes.[0]). */
struct conf_override {
    const char *text;
};

/* Pre-lint, parse, expand, override. Returns 0, or AQ_E_CONFIG with at least one error in diags; *ret_doc is set
 * either way as far as it could be read (NULL when it could not be parsed at all). Includes resolve beside the
 * including file. The caller frees with conf_doc_destroy(). */
int conf_load(const char *path, const struct conf_override *overrides, size_t n_overrides,
              struct conf_diags *diags, struct conf_doc **ret_doc);
/* The same from text in memory (`aqueduct mirror`, tests); `path` is only for messages. */
int conf_load_text(const char *path, const char *text, const struct conf_override *overrides,
                   size_t n_overrides, struct conf_diags *diags, struct conf_doc **ret_doc);
void conf_doc_destroy(struct conf_doc *doc);

struct conf_node *conf_get(const struct conf_node *group,
                           const char *name); /* marks it used; NULL when absent */
/* A path as a configuration file means it: one that does not begin with a slash is looked for beside the file that `place` is in. */
const char *conf_path_beside(struct conf_pos place, const char *path, struct aq_arena *arena);
const char *conf_type_name(enum conf_type type);
/* "routes.orders.errors": into buf, which it returns. */
const char *conf_node_path(const struct conf_node *node, char *buf, size_t size);

#endif
