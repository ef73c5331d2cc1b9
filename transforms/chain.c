/* SPDX-License-Identifier: Apache-2.0
 *
 * Building a chain from the names a route lists, the lints over it, and the question where a topic goes.
 *
 * An ordinary pass: each name is looked up in the library; a field step must find its part to be JSON; what is legal
 * but hardly meant becomes a warning at the name's place. All names are looked at before the call gives up, so that
 * one run of `aqueduct check` shows every complaint.
 *
 * Threads: a chain is read-only once built.
 */
#include "transforms/chain_steps.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

static struct conf_pos name_pos(const struct opt_strings *names, size_t i)
{
    return names->places ? names->places[i] : (struct conf_pos){.origin = "chain"};
}

const char *xf_format_name(enum xf_format format)
{
    static const char *const names[] = {
        [XF_BYTES] = "bytes", [XF_STRING] = "string", [XF_JSON] = "json",        [XF_INT32] = "int32",
        [XF_INT64] = "int64", [XF_DOUBLE] = "double", [XF_WINDOWED] = "windowed"};
    AQ_ASSERT(format <= XF_WINDOWED);
    return names[format];
}

/* The entry a chain item names, NULL after a complaint (now or when the library was read). */
static const struct xf_entry *find_step(const struct xf_library *library, const struct opt_strings *names,
                                        size_t i, struct conf_diags *diags)
{
    const char *name = names->items[i];
    for (size_t j = 0; j < i; j++) {
        if (strcmp(names->items[j], name) != 0) continue;
        conf_diag(diags, CONF_ERROR, name_pos(names, i),
                  "chain: '%s' is listed twice; define a second transform for a second step", name);
        return NULL;
    }
    const struct xf_entry *entry = xf_entries_find(&library->transforms, name);
    if (entry) return entry->kind && (!entry->predicate || entry->predicate->kind) ? entry : NULL;
    const struct xf_entries *known = &library->transforms;
    const char *near = known->count ? conf_did_you_mean(name, known->names, known->count) : NULL;
    if (near) {
        conf_diag(diags, CONF_ERROR, name_pos(names, i), "chain: unknown transform '%s'; did you mean '%s'?",
                  name, near);
    } else {
        conf_diag(diags, CONF_ERROR, name_pos(names, i),
                  "chain: unknown transform '%s'; define it in the group 'transforms'", name);
    }
    return NULL;
}

static void check_format(const struct xf_entry *entry, enum xf_format key, enum xf_format value,
                         struct conf_pos pos, struct conf_diags *diags)
{
    if (!(entry->kind->flags & XF_FIELDS)) return;
    enum xf_format format = entry->part == XF_PART_KEY ? key : value;
    const char *part = entry->part == XF_PART_KEY ? "key" : "value";
    if (format == XF_JSON) return;
    conf_diag(
        diags, CONF_ERROR, pos,
        "chain: '%s' (%s) works on fields of the %s, but its format is %s; set format = { %s = \"json\"; }",
        entry->name, entry->kind->name, part, xf_format_name(format), part);
}

static bool guarded_against_tombstones(const struct xf_entry *entry)
{
    return entry->predicate && entry->negate &&
           strcmp(entry->predicate->kind->name, "RecordIsTombstone") == 0;
}

static bool changes_key(const struct xf_entry *entry)
{
    unsigned flags = entry->kind->flags;
    return flags & XF_CHANGES_KEY || (flags & XF_FIELDS && entry->part == XF_PART_KEY);
}

static void lint_step(const struct xf_chain *chain, const struct xf_entry *entry, bool keep_partition,
                      struct conf_pos pos, struct conf_diags *diags)
{
    const struct xf_entry *last = chain->n ? chain->steps[chain->n - 1] : NULL;
    if (last && last->kind->flags & XF_DROPS_ALL && !last->predicate) {
        conf_diag(diags, CONF_WARNING, pos, "chain: '%s' is never reached: '%s' before it drops every record",
                  entry->name, last->name);
    }
    if (chain->compat == XF_CONNECT && strcmp(entry->kind->name, "MaskField") == 0 &&
        !guarded_against_tombstones(entry)) {
        conf_diag(
            diags, CONF_WARNING, pos,
            "chain: '%s' fails on every tombstone with compat = \"connect\"; give it a RecordIsTombstone "
            "predicate with negate = true",
            entry->name);
    }
    if (keep_partition && changes_key(entry)) {
        conf_diag(
            diags, CONF_WARNING, pos,
            "chain: '%s' changes the key, but records keep their source partition; set partition = \"key\" "
            "when consumers rely on the key's partition",
            entry->name);
    }
}

int xf_chain_build(struct xf_library *library, const struct opt_strings *names, enum xf_format key_format,
                   enum xf_format value_format, bool keep_partition, struct conf_diags *diags,
                   struct xf_chain **ret_chain)
{
    AQ_ASSERT(library && diags && ret_chain);
    *ret_chain = NULL;
    size_t count = names ? names->count : 0;
    size_t errors = diags->errors;
    bool complete = true;
    struct xf_chain *chain = aq_calloc(1, sizeof(*chain));
    aq_arena_init(&chain->arena, 512);
    chain->compat = library->compat;
    chain->steps = aq_arena_zalloc(&chain->arena, count * sizeof(*chain->steps));
    chain->names = aq_arena_zalloc(&chain->arena, count * sizeof(*chain->names));
    for (size_t i = 0; i < count; i++) {
        const struct xf_entry *entry = find_step(library, names, i, diags);
        if (!entry) {
            complete = false;
            continue;
        }
        check_format(entry, key_format, value_format, name_pos(names, i), diags);
        lint_step(chain, entry, keep_partition, name_pos(names, i), diags);
        chain->names[chain->n] = aq_arena_strdup(&chain->arena, entry->name);
        chain->steps[chain->n++] = entry;
    }
    if (!complete || diags->errors != errors) {
        xf_chain_destroy(chain);
        return AQ_E_CONFIG;
    }
    *ret_chain = chain;
    return 0;
}

void xf_chain_destroy(struct xf_chain *chain)
{
    if (!chain) return;
    aq_arena_finish(&chain->arena);
    free(chain);
}

size_t xf_chain_length(const struct xf_chain *chain)
{
    return chain->n;
}

const char *xf_chain_step_name(const struct xf_chain *chain, size_t index)
{
    AQ_ASSERT(index < chain->n);
    return chain->names[index];
}

/* Whether the step runs for records of this topic: 1, 0, or -1 when that depends on the record. */
static int runs_for_topic(const struct xf_entry *entry, const char *topic)
{
    const struct xf_entry *p = entry->predicate;
    if (!p) return 1;
    int met = p->kind->test_topic ? p->kind->test_topic(p->conf, topic) : -1;
    return met < 0 ? -1 : (met != 0) != entry->negate;
}

bool xf_chain_map_topic(const struct xf_chain *chain, const char *topic, char *ret_topic, size_t size)
{
    size_t len = strlen(topic);
    if (len >= size) return false;
    memcpy(ret_topic, topic, len + 1);
    for (size_t i = 0; i < chain->n; i++) {
        const struct xf_entry *entry = chain->steps[i];
        if (!xf_entry_routes(entry) && !(entry->kind->flags & XF_DROPS_ALL)) continue;
        int runs = runs_for_topic(entry, ret_topic);
        if (runs == 0) continue;
        if (entry->kind->flags & XF_DROPS_ALL) {
            if (runs == 1) return false; /* no record of this topic goes anywhere */
            continue; /* some are dropped; the others go where the rest of the chain says */
        }
        if (runs < 0 || !entry->kind->map_topic) return false;
        if (!entry->kind->map_topic(entry->conf, ret_topic, size)) return false;
    }
    return true;
}
