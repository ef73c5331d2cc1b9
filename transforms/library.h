/* SPDX-License-Identifier: Apache-2.0
 *
 * The configured transforms and predicates by name, as chains are built from them.
 */
#ifndef AQ_TRANSFORMS_LIBRARY_H
#define AQ_TRANSFORMS_LIBRARY_H

#include "transforms/chain.h"

/* One group of `transforms` or `predicates`. */
struct xf_entry {
    const char *name;
    const struct xf_kind *kind; /* NULL: the group has errors, which were reported */
    void *conf;
    enum xf_part part;
    bool negate;
    const struct xf_entry *predicate; /* NULL: none */
    struct conf_pos pos;              /* of the group's name */
};

struct xf_entries {
    struct xf_entry *list;
    const char **names; /* as in list, for suggestions */
    size_t count;
};

struct xf_library {
    struct aq_arena arena;
    enum xf_compat compat;
    struct xf_entries transforms;
    struct xf_entries predicates;
};

/* Whether the step may change a record's topic. */
bool xf_entry_routes(const struct xf_entry *entry);
/* Whether the step takes whole batches. */
bool xf_entry_is_batchwise(const struct xf_entry *entry);

const struct xf_entry *xf_entries_find(const struct xf_entries *entries, const char *name);

/* The options every transform group takes besides its kind's own; for printing. */
extern const struct opt_table xf_common_table;

#endif
