/* SPDX-License-Identifier: Apache-2.0
 *
 * transform: records pass a chain of the `transforms` section, as those of a route do. Where a record goes is for sinks to say, so
 * steps that choose a topic are refused; a Lua step, which may do so or not, is caught when it does (streams/ops/op_transform.c). One
 * record goes in and at most one comes out, so a step that takes whole batches and makes several of one is refused, too.
 */
#include "base/assert.h"
#include "streams/forms/form_parts.h"
#include "transforms/library.h"

struct transform_conf {
    struct opt_strings chain_names;
    struct st_chain op;
};

static const struct opt_row rows[] = {
    {.name = "chain",
     .kind = OPT_STRINGS,
     .offset = offsetof(struct transform_conf, chain_names),
     .min = 1,
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_PROCESS,
     .help = "The transforms each record passes, by name, in order. What they drop ends here."},
    {.name = NULL},
};

/* Why the step cannot stand here, NULL when it can. */
static const char *unfit(const struct xf_entry *entry)
{
    if (xf_entry_is_batchwise(entry))
        return "makes any number of records of each; here a node of type flat_map does";
    bool only_routes = entry->kind->flags & XF_ROUTES && !entry->kind->routes;
    return only_routes ? "chooses a topic; here a sink does: topic_by" : NULL;
}

/* Complains about steps that have no place in a topology. */
static bool check_steps(const struct st_forming *forming, const struct transform_conf *c)
{
    bool good = true;
    for (size_t i = 0; i < c->chain_names.count; i++) {
        const struct xf_entry *entry =
            xf_entries_find(&forming->library->transforms, c->chain_names.items[i]);
        const char *why = entry && entry->kind ? unfit(entry) : NULL;
        if (!why) continue;
        conf_diag(forming->diags, CONF_ERROR, c->chain_names.places[i], "%s: chain: '%s' (%s) %s",
                  forming->what, entry->name, entry->kind->name, why);
        good = false;
    }
    return good;
}

/* Lua says nothing about the key, so it counts as one that may change it. */
static bool may_change_key(const struct st_forming *forming, const struct transform_conf *c)
{
    for (size_t i = 0; i < c->chain_names.count; i++) {
        const struct xf_entry *entry =
            xf_entries_find(&forming->library->transforms, c->chain_names.items[i]);
        AQ_ASSERT(entry && entry->kind);
        if (entry->part == XF_PART_KEY || entry->kind->flags & XF_CHANGES_KEY || entry->kind->routes)
            return true;
    }
    return false;
}

static void add(const struct st_forming *forming, void *conf)
{
    struct transform_conf *c = conf;
    /* Formats are not known before all nodes are there: check() comes back to them. */
    int rc = xf_chain_build(forming->library, &c->chain_names, XF_JSON, XF_JSON, false, forming->diags,
                            &c->op.chain);
    if (!check_steps(forming, c) || rc != 0) return;
    st_form_processor(forming, may_change_key(forming, c) ? &st_chain_changing_kind : &st_chain_kind, &c->op,
                      NULL, NULL);
}

static void check(const struct st_forming *forming, void *conf, struct st_serdes in)
{
    const struct transform_conf *c = conf;
    const struct opt_strings *names = &c->chain_names;
    for (size_t i = 0; i < names->count; i++) {
        const struct xf_entry *entry = xf_entries_find(&forming->library->transforms, names->items[i]);
        AQ_ASSERT(entry && entry->kind);
        bool on_key = entry->part == XF_PART_KEY;
        const struct st_serde *serde = on_key ? in.key : in.value;
        if (!(entry->kind->flags & XF_FIELDS) || st_format_of(serde) == XF_JSON) continue;
        conf_diag(
            forming->diags, CONF_ERROR, names->places[i],
            "%s: chain: '%s' (%s) works on fields of the %s, and what reaches this node is %s, not json",
            forming->what, entry->name, entry->kind->name, on_key ? "key" : "value", st_serde_name(serde));
    }
}

static void release(void *conf)
{
    struct transform_conf *c = conf;
    xf_chain_destroy(c->op.chain);
    c->op.chain = NULL;
}

const struct st_form st_form_transform = {
    .name = "transform",
    .summary = "Passes records through a chain of transforms.",
    .example = "  in   = { type = \"source\"; topics = [\"orders\"]; };\n"
               "  tidy = { type = \"transform\"; from = \"in\"; chain = [\"mask\"]; };\n"
               "  out  = { type = \"sink\"; from = \"tidy\"; topic = \"tidy-orders\"; };\n",
    .rows = rows,
    .conf_size = sizeof(struct transform_conf),
    .add = add,
    .check = check,
    .release = release,
};
