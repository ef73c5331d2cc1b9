/* SPDX-License-Identifier: Apache-2.0
 *
 * The library: reads the `predicates` and `transforms` groups.
 *
 * An ordinary pass: for each group the type names the kind; the kind's option rows are put behind the common ones
 * (type, on, predicate, negate) and opt_read() fills both in one go, so that a typo in either is found with the
 * nearest name of both; then the kind's configure() completes its part. Predicates are read first because transforms
 * refer to them.
 * A failing pass: every complaint is collected; a group with a complaint stays in the library without a kind, so
 * that chains which name it do not report it a second time as unknown.
 *
 * Invariants: conf memory, names and kinds live as long as the library; strings in conf may point into the document,
 * which must outlive it. Threads: built by one, read-only afterwards.
 */
#include "transforms/library.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "transforms/step.h"

/* Laid out before the kind's own struct in one block. */
struct common {
    const char *type;
    int on;
    const char *predicate;
    bool negate;
};

#define COMMON_SIZE ((sizeof(struct common) + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1))

static const struct opt_enum part_values[] = {{"key", XF_PART_KEY}, {"value", XF_PART_VALUE}, {NULL, 0}};

enum { ROW_TYPE, ROW_ON, ROW_PREDICATE, ROW_NEGATE, ROW_END };

static const struct opt_row common_rows[] = {
    [ROW_TYPE] =
        {.name = "type",
         .kind = OPT_STRING,
         .offset = offsetof(struct common, type),
         .flags = OPT_REQUIRED,
         .reload = OPT_RELOAD_ROUTE,
         .help = "What the step does: a name of `aqueduct list`, also with $Key or $Value, or Connect's full "
                 "Java class name."},
    [ROW_ON] = {.name = "on",
                .kind = OPT_ENUM,
                .offset = offsetof(struct common, on),
                .values = part_values,
                .reload = OPT_RELOAD_ROUTE,
                .help =
                    "Which part of the record the step works on; value when neither this nor the type says."},
    [ROW_PREDICATE] = {.name = "predicate",
                       .kind = OPT_STRING,
                       .offset = offsetof(struct common, predicate),
                       .reload = OPT_RELOAD_ROUTE,
                       .help =
                           "Name of a group in `predicates`: the step runs only for records that meet it."},
    [ROW_NEGATE] = {.name = "negate",
                    .kind = OPT_BOOL,
                    .offset = offsetof(struct common, negate),
                    .def = "false",
                    .reload = OPT_RELOAD_ROUTE,
                    .help = "Runs the step for records that do not meet the predicate instead."},
    [ROW_END] = {.name = NULL},
};

const struct opt_table xf_common_table = {
    .name = "transforms",
    .kind = "section",
    .summary = "Options every transform takes besides its own.",
    .rows = common_rows,
};

static struct conf_pos option_pos(const struct xf_setup *setup, const char *option)
{
    for (const struct conf_node *n = setup->group->first; option && n; n = n->next) {
        if (n->name && strcmp(n->name, option) == 0) return n->value_pos.line ? n->value_pos : n->pos;
    }
    return setup->group->pos;
}

__attribute__((format(printf, 4, 0))) static void complain(const struct xf_setup *setup,
                                                           enum conf_severity severity, const char *option,
                                                           const char *format, va_list args)
{
    char text[600];
    vsnprintf(text, sizeof(text), format, args);
    conf_diag(setup->diags, severity, option_pos(setup, option), "%s: %s", setup->what, text);
}

void xf_setup_error(const struct xf_setup *setup, const char *option, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain(setup, CONF_ERROR, option, format, args);
    va_end(args);
}

void xf_setup_warn(const struct xf_setup *setup, const char *option, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain(setup, CONF_WARNING, option, format, args);
    va_end(args);
}

const struct xf_entry *xf_entries_find(const struct xf_entries *entries, const char *name)
{
    for (size_t i = 0; i < entries->count; i++) {
        if (strcmp(entries->list[i].name, name) == 0) return &entries->list[i];
    }
    return NULL;
}

bool xf_entry_routes(const struct xf_entry *entry)
{
    const struct xf_kind *kind = entry->kind;
    return kind->flags & XF_ROUTES && (!kind->routes || kind->routes(entry->conf));
}

bool xf_entry_is_batchwise(const struct xf_entry *entry)
{
    const struct xf_kind *kind = entry->kind;
    AQ_ASSERT(kind->each || kind->apply);
    return kind->apply && (!kind->batchwise || kind->batchwise(entry->conf));
}

/* "; did you mean 'x'?" or nothing, in a buffer of the caller. */
static const char *suggest(char *buf, size_t size, const char *word, const char *const *names, size_t count)
{
    const char *near = count ? conf_did_you_mean(word, names, count) : NULL;
    if (near)
        snprintf(buf, size, "; did you mean '%s'?", near);
    else
        buf[0] = '\0';
    return buf;
}

/* The kind the group's type names; NULL after a complaint. */
static const struct xf_kind *read_type(struct xf_setup *setup, struct conf_node *group, enum xf_sort sort,
                                       enum xf_part *ret_part)
{
    struct conf_node *type = conf_get(group, "type");
    if (!type) {
        xf_setup_error(setup, NULL, "'type' is missing");
        return NULL;
    }
    if (type->type != CONF_STRING) {
        xf_setup_error(setup, "type", "type must be a string, not %s", conf_type_name(type->type));
        return NULL;
    }
    const struct xf_kind *kind = xf_kind_find(type->string, sort, ret_part);
    if (kind) return kind;
    const char *names[64];
    size_t count = 0;
    for (size_t i = 0; i < xf_kind_count && count < 64; i++) {
        if (xf_kinds[i]->sort == sort) names[count++] = xf_kinds[i]->name;
    }
    enum xf_part part;
    const char *sort_name = sort == XF_TRANSFORM ? "transform" : "predicate";
    const char *other = sort == XF_TRANSFORM ? "predicate" : "transform";
    char hint[128];
    if (xf_kind_find(type->string, sort == XF_TRANSFORM ? XF_PREDICATE : XF_TRANSFORM, &part)) {
        xf_setup_error(setup, "type", "%s is a %s and belongs into the group '%ss'", type->string, other,
                       other);
    } else {
        xf_setup_error(setup, "type", "unknown %s '%s'%s", sort_name, type->string,
                       suggest(hint, sizeof(hint), type->string, names, count));
    }
    return NULL;
}

/* The common rows that apply to the kind, then the kind's own, moved behind the common struct. */
static const struct opt_row *merge_rows(struct aq_arena *arena, const struct xf_kind *kind)
{
    size_t own = 0;
    while (kind->rows && kind->rows[own].name) own++;
    struct opt_row *rows = aq_arena_zalloc(arena, (ROW_END + own + 1) * sizeof(*rows));
    size_t n = 0;
    for (size_t i = 0; i < ROW_END; i++) {
        if (i != ROW_TYPE && kind->sort == XF_PREDICATE) continue;
        if (i == ROW_ON && !(kind->flags & XF_HAS_PART)) continue;
        rows[n++] = common_rows[i];
    }
    for (size_t i = 0; i < own; i++) {
        rows[n] = kind->rows[i];
        rows[n++].offset += COMMON_SIZE;
    }
    return rows;
}

/* Kafka's ConfigDef trims every string, so a replacement of " 7 " masks a string with "7" in Connect. */
static void trim_strings(struct aq_arena *arena, const struct opt_row *rows, char *block)
{
    for (; rows->name; rows++) {
        if (rows->kind != OPT_STRING) continue;
        const char **value = (const char **)(void *)(block + rows->offset);
        if (!*value) continue;
        struct aq_slice text = aq_slice_str(*value);
        while (text.len && (unsigned char)text.ptr[text.len - 1] <= ' ') text.len--;
        while (text.len && (unsigned char)text.ptr[0] <= ' ') {
            text.ptr++;
            text.len--;
        }
        *value = aq_arena_copy(arena, text).ptr;
    }
}

static void read_part(const struct xf_setup *setup, const struct common *common, struct xf_entry *entry,
                      enum xf_part from_type)
{
    if (!(entry->kind->flags & XF_HAS_PART)) return;
    entry->part = common->on ? (enum xf_part)common->on : XF_PART_VALUE;
    if (from_type == XF_PART_NONE) return;
    if (common->on && entry->part != from_type) {
        xf_setup_error(setup, "on", "the type already says %s", from_type == XF_PART_KEY ? "$Key" : "$Value");
    }
    entry->part = from_type;
}

static void read_predicate(const struct xf_setup *setup, const struct xf_library *library,
                           const struct common *common, struct xf_entry *entry)
{
    entry->negate = common->negate;
    if (!common->predicate) {
        if (conf_get(setup->group, "negate")) {
            xf_setup_error(setup, "negate", "'negate' needs a 'predicate' to negate");
        }
        return;
    }
    entry->predicate = xf_entries_find(&library->predicates, common->predicate);
    if (entry->predicate) return;
    char hint[128];
    xf_setup_error(
        setup, "predicate", "unknown predicate '%s'%s", common->predicate,
        suggest(hint, sizeof(hint), common->predicate, library->predicates.names, library->predicates.count));
}

static void read_entry(struct xf_library *library, struct conf_node *group, enum xf_sort sort,
                       struct conf_diags *diags, struct xf_entry *entry)
{
    char what[160];
    snprintf(what, sizeof(what), "%s.%s", sort == XF_TRANSFORM ? "transforms" : "predicates", group->name);
    *entry = (struct xf_entry){.name = group->name, .pos = group->pos};
    struct xf_setup setup = {
        .what = what, .group = group, .compat = library->compat, .arena = &library->arena, .diags = diags};
    group->used = true;
    if (group->type != CONF_GROUP) {
        xf_setup_error(&setup, NULL, "must be a group { type = \"...\"; }, not %s",
                       conf_type_name(group->type));
        return;
    }
    enum xf_part from_type = XF_PART_NONE;
    const struct xf_kind *kind = read_type(&setup, group, sort, &from_type);
    if (!kind) {
        for (struct conf_node *n = group->first; n; n = n->next)
            n->used = true; /* whose options they are is unknown */
        return;
    }
    AQ_ASSERT(kind->abi == XF_ABI && kind->sort == sort);
    size_t errors = diags->errors;
    char *block = aq_arena_zalloc(&library->arena, COMMON_SIZE + kind->conf_size);
    const struct common *common = (const struct common *)(const void *)block;
    const struct opt_row *rows = merge_rows(&library->arena, kind);
    opt_read(rows, group, what, NULL, &library->arena, block, diags);
    if (library->compat == XF_CONNECT) trim_strings(&library->arena, rows, block);
    entry->kind = kind;
    entry->conf = block + COMMON_SIZE;
    read_part(&setup, common, entry, from_type);
    if (sort == XF_TRANSFORM) read_predicate(&setup, library, common, entry);
    setup.part = entry->part;
    /* configure() relies on what the rows promise, so it is not shown a group they refused. */
    bool usable = diags->errors == errors;
    if (usable && kind->configure) kind->configure(entry->conf, &setup);
    if (diags->errors == errors) return;
    if (usable && kind->release) kind->release(entry->conf);
    entry->kind = NULL;
}

static void read_section(struct xf_library *library, struct conf_node *section, enum xf_sort sort,
                         struct conf_diags *diags, struct xf_entries *entries)
{
    if (!section) return;
    section->used = true;
    if (section->type != CONF_GROUP) {
        conf_diag(diags, CONF_ERROR, section->pos, "%s: must be a group of named groups, not %s",
                  sort == XF_TRANSFORM ? "transforms" : "predicates", conf_type_name(section->type));
        return;
    }
    AQ_ASSERT(section->count >= 0);
    entries->list = aq_arena_zalloc(&library->arena, (size_t)section->count * sizeof(*entries->list));
    entries->names = aq_arena_zalloc(&library->arena, (size_t)section->count * sizeof(*entries->names));
    for (struct conf_node *n = section->first; n; n = n->next) {
        size_t i = entries->count++;
        AQ_ASSERT(i < (size_t)section->count);
        entries->names[i] = n->name;
        read_entry(library, n, sort, diags, &entries->list[i]);
    }
}

int xf_library_load(struct conf_node *transforms, struct conf_node *predicates, enum xf_compat compat,
                    struct conf_diags *diags, struct xf_library **ret_library)
{
    AQ_ASSERT(diags && ret_library);
    size_t errors = diags->errors;
    struct xf_library *library = aq_calloc(1, sizeof(*library));
    aq_arena_init(&library->arena, 4096);
    library->compat = compat;
    read_section(library, predicates, XF_PREDICATE, diags, &library->predicates);
    read_section(library, transforms, XF_TRANSFORM, diags, &library->transforms);
    *ret_library = library;
    return diags->errors == errors ? 0 : AQ_E_CONFIG;
}

static void release_entries(struct xf_entries *entries)
{
    for (size_t i = 0; i < entries->count; i++) {
        const struct xf_entry *e = &entries->list[i];
        if (e->kind && e->kind->release) e->kind->release(e->conf);
    }
}

void xf_library_destroy(struct xf_library *library)
{
    if (!library) return;
    release_entries(&library->transforms);
    release_entries(&library->predicates);
    aq_arena_finish(&library->arena);
    free(library);
}
