/* SPDX-License-Identifier: Apache-2.0
 *
 * All kinds, and how their names are spelt: "MaskField", "MaskField$Value",
 * "org.apache.kafka.connect.transforms.MaskField$Value".
 */
#include "transforms/chain.h"

#include "base/assert.h"

#define X(symbol) extern const struct xf_kind xf_##symbol;
#include "transforms/builtin.def"
#undef X

const struct xf_kind *const xf_kinds[] = {
#define X(symbol) &xf_##symbol,
#include "transforms/builtin.def"
#undef X
};

const size_t xf_kind_count = sizeof(xf_kinds) / sizeof(xf_kinds[0]);

static const char *without_package(const char *type, enum xf_sort sort)
{
    static const char transforms[] = "org.apache.kafka.connect.transforms.";
    static const char predicates[] = "predicates.";
    if (strncmp(type, transforms, sizeof(transforms) - 1) != 0) return type;
    type += sizeof(transforms) - 1;
    if (sort == XF_PREDICATE && strncmp(type, predicates, sizeof(predicates) - 1) == 0) {
        type += sizeof(predicates) - 1;
    }
    return type;
}

const struct xf_kind *xf_kind_find(const char *type, enum xf_sort sort, enum xf_part *ret_part)
{
    AQ_ASSERT(type && ret_part);
    const char *name = without_package(type, sort);
    size_t len = strcspn(name, "$");
    enum xf_part part = XF_PART_NONE;
    if (strcmp(name + len, "$Key") == 0)
        part = XF_PART_KEY;
    else if (strcmp(name + len, "$Value") == 0)
        part = XF_PART_VALUE;
    else if (name[len])
        return NULL;
    for (size_t i = 0; i < xf_kind_count; i++) {
        const struct xf_kind *kind = xf_kinds[i];
        if (kind->sort != sort || strlen(kind->name) != len || memcmp(kind->name, name, len) != 0) continue;
        if (part != XF_PART_NONE && !(kind->flags & XF_HAS_PART)) return NULL;
        *ret_part = part;
        return kind;
    }
    return NULL;
}
