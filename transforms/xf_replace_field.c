/* SPDX-License-Identifier: Apache-2.0
 *
 * ReplaceField: drops and renames top-level fields.
 *
 * An ordinary pass: a field is judged by the name it has when the step begins: exclude drops it, include (when given)
 * drops what it does not list, renames gives it a new name. All renames count as made at once, so two fields can swap
 * names.
 * A failing pass (safe): a renamed field would take the name of another one that stays. Which of the two a reader
 * would see is chance, so the record fails. connect: the one that a java.util.HashMap yields last stays.
 *
 * Null keys and values pass. Invariant: a field's tag is 1 + the index of the rename that was applied to it, else 0.
 */
#include "transforms/java_number.h"
#include "transforms/step.h"

struct rename {
    struct aq_slice from;
    struct doc_name to;
};

struct replace_conf {
    struct opt_strings exclude;
    struct opt_strings include;
    struct opt_strings renames;
    /* made by configure */
    struct rename *list;
    struct aq_slice *excluded;
    struct aq_slice *included;
};

static const struct opt_row rows[] = {
    {.name = "exclude",
     .kind = OPT_STRINGS,
     .offset = offsetof(struct replace_conf, exclude),
     .reload = OPT_RELOAD_ROUTE,
     .help = "Fields to drop; wins over include."},
    {.name = "include",
     .kind = OPT_STRINGS,
     .offset = offsetof(struct replace_conf, include),
     .reload = OPT_RELOAD_ROUTE,
     .help = "Fields to keep; all others are dropped. Empty keeps all."},
    {.name = "renames",
     .kind = OPT_STRINGS,
     .offset = offsetof(struct replace_conf, renames),
     .reload = OPT_RELOAD_ROUTE,
     .help = "Pairs \"old:new\". exclude and include speak of the old names."},
    {.name = "blacklist", .kind = OPT_REFUSED, .help = "Retired in Kafka 4.0; write exclude."},
    {.name = "whitelist", .kind = OPT_REFUSED, .help = "Retired in Kafka 4.0; write include."},
    {.name = "replace_null_with_default",
     .kind = OPT_REFUSED,
     .help = "JSON without a schema has no field defaults, so the option would do nothing."},
    {.name = NULL},
};

static void lint_renames(const struct replace_conf *c, const struct xf_setup *setup)
{
    for (size_t i = 0; i < c->renames.count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (aq_slice_equal(c->list[i].from, c->list[j].from)) {
                if (setup->compat == XF_SAFE) {
                    xf_setup_error(setup, "renames", "renames: '%s' and '%s' rename the same field",
                                   c->renames.items[j], c->renames.items[i]);
                } else {
                    xf_setup_warn(setup, "renames",
                                  "renames: '%s' and '%s' rename the same field, the last one wins",
                                  c->renames.items[j], c->renames.items[i]);
                }
            } else if (aq_slice_equal(c->list[i].to.text, c->list[j].to.text)) {
                xf_setup_warn(setup, "renames",
                              "renames: '%s' and '%s' collide in records that have both fields",
                              c->renames.items[j], c->renames.items[i]);
            }
        }
    }
}

static struct aq_slice *slices_of(const struct opt_strings *list, struct aq_arena *arena)
{
    struct aq_slice *slices = aq_arena_alloc(arena, list->count * sizeof(*slices));
    for (size_t i = 0; i < list->count; i++) slices[i] = aq_slice_str(list->items[i]);
    return slices;
}

static bool listed(const struct aq_slice *list, size_t count, struct aq_slice name)
{
    for (size_t i = 0; i < count; i++) {
        if (aq_slice_equal(list[i], name)) return true;
    }
    return false;
}

static void configure(void *conf, const struct xf_setup *setup)
{
    struct replace_conf *c = conf;
    size_t errors = setup->diags->errors;
    c->excluded = slices_of(&c->exclude, setup->arena);
    c->included = slices_of(&c->include, setup->arena);
    c->list = aq_arena_zalloc(setup->arena, c->renames.count * sizeof(*c->list));
    for (size_t i = 0; i < c->renames.count; i++) {
        const char *pair = c->renames.items[i];
        const char *colon = strchr(pair, ':');
        if (!colon || !colon[1] || strchr(colon + 1, ':')) {
            xf_setup_error(setup, "renames", "renames: '%s' is not of the form \"old:new\"", pair);
            continue;
        }
        c->list[i].from = aq_slice_of(pair, (size_t)(colon - pair));
        c->list[i].to = doc_name_make(setup->arena, aq_slice_str(colon + 1));
        bool dropped = listed(c->excluded, c->exclude.count, c->list[i].from) ||
                       (c->include.count && !listed(c->included, c->include.count, c->list[i].from));
        if (dropped) {
            xf_setup_warn(setup, "renames",
                          "renames: '%s' never applies, the field is dropped (include and exclude "
                          "speak of old names)",
                          pair);
        }
    }
    if (setup->diags->errors == errors) lint_renames(c, setup);
    if (c->exclude.count + c->include.count + c->renames.count == 0) {
        xf_setup_warn(setup, NULL, "does nothing: exclude, include and renames are all empty");
    }
}

/* connect: whether field a yields to field b in Java's map, both ending up under one name. */
static bool yields(const struct replace_conf *c, const struct doc *doc, uint32_t a, uint32_t b,
                   uint32_t count)
{
    uint32_t ta = doc_tag(doc, a), tb = doc_tag(doc, b);
    uint32_t pa = java_map_place(ta ? c->list[ta - 1].from : doc_name(doc, a), count);
    uint32_t pb = java_map_place(tb ? c->list[tb - 1].from : doc_name(doc, b), count);
    return pa != pb ? pa < pb : a < b;
}

/* After renaming: no renamed field may share its name with a field that came by it another way. */
static void settle_collisions(struct xf_step *step, struct aq_record *rec, struct doc *doc, uint32_t in_map)
{
    const struct replace_conf *c = step->conf;
    for (uint32_t i = 0; i < doc_count(doc); i++) {
        if (!doc_alive(doc, i) || !doc_tag(doc, i)) continue;
        struct aq_slice name = doc_name(doc, i);
        for (uint32_t j = doc_find(doc, name, 0); j != DOC_NONE; j = doc_find(doc, name, j + 1)) {
            if (doc_tag(doc, j) == doc_tag(doc, i))
                continue; /* itself, or the same name twice in the input */
            if (step->compat == XF_SAFE) {
                aq_record_fail(rec, step->name, "rename '%s': the record has another field '%.*s'",
                               c->renames.items[doc_tag(doc, i) - 1], (int)(name.len < 100 ? name.len : 100),
                               name.ptr);
                return;
            }
            bool lost = yields(c, doc, i, j, in_map);
            doc_drop(doc, lost ? i : j);
            if (lost) break;
        }
    }
}

static void drop_unlisted(const struct replace_conf *c, struct doc *doc)
{
    for (uint32_t i = 0; i < doc_count(doc); i++) {
        if (doc_alive(doc, i) && !listed(c->included, c->include.count, doc_name(doc, i))) doc_drop(doc, i);
    }
}

/* Renames by the names the fields had before: a field with a tag already has its new one. The last of two renames of
 * the same field wins (connect; safe refuses them). */
static bool rename_fields(const struct replace_conf *c, struct doc *doc)
{
    bool renamed = false;
    for (size_t r = c->renames.count; r-- > 0;) {
        struct aq_slice from = c->list[r].from;
        for (uint32_t i = doc_find(doc, from, 0); i != DOC_NONE; i = doc_find(doc, from, i + 1)) {
            if (doc_tag(doc, i)) continue;
            doc_rename(doc, i, &c->list[r].to);
            doc_set_tag(doc, i, (uint32_t)r + 1);
            renamed = true;
        }
    }
    return renamed;
}

static uint32_t count_alive(const struct doc *doc)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < doc_count(doc); i++) n += doc_alive(doc, i);
    return n;
}

static void each(struct xf_step *step, struct aq_record *rec)
{
    const struct replace_conf *c = step->conf;
    struct doc *doc;
    if (xf_step_doc(step, rec, &doc) != XF_OBJECT) return;
    uint32_t in_map = step->compat == XF_CONNECT ? count_alive(doc) : 0;
    for (size_t e = 0; e < c->exclude.count; e++) {
        uint32_t i = doc_find(doc, c->excluded[e], 0);
        for (; i != DOC_NONE; i = doc_find(doc, c->excluded[e], i + 1)) doc_drop(doc, i);
    }
    if (c->include.count) drop_unlisted(c, doc);
    if (c->renames.count == 0) return;
    doc_clear_tags(doc); /* an earlier ReplaceField may have left some */
    if (rename_fields(c, doc)) settle_collisions(step, rec, doc, in_map);
}

const struct xf_kind xf_replace_field = {
    .abi = XF_ABI,
    .sort = XF_TRANSFORM,
    .name = "ReplaceField",
    .summary = "Drops and renames fields.",
    .example =
        "trim = { type = \"ReplaceField\"; exclude = [\"debug\"]; renames = [\"cust:customer_id\"]; };",
    .rows = rows,
    .conf_size = sizeof(struct replace_conf),
    .flags = XF_HAS_PART | XF_FIELDS,
    .configure = configure,
    .each = each,
};
