/* SPDX-License-Identifier: Apache-2.0
 *
 * Plugins (streams/plugin.h).
 *
 * An ordinary pass: a node names a file; it is opened with all its symbols bound at once, so that one that is missing
 * shows at the start and not with the first record, and without giving its symbols to others. Then the descriptor is looked
 * over: first the abi, before any other field is believed, then names, processors, aggregators and option lists,
 * which become option rows.
 *
 * A failing pass: a file that cannot be opened or used is closed again and not kept. The message has the file, the symbol or
 * the part, and what is to be done.
 *
 * Invariants: a listed plugin is good; one path is opened once. Threads: the main thread, while configurations are read.
 */
#include "streams/plugin.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/api/api_aggregator.h"
#include "streams/api/api_kinds.h"
#include "transforms/topic_name.h"

struct st_plugin {
    void *handle;
    const char *path;
    const struct aq_plugin *descriptor;
    struct st_plugin_part *parts; /* processors, then aggregators */
    size_t n_parts;
    struct aq_arena arena;
    struct st_plugin *next;
};

static struct st_plugin *plugins;

/* ---- option lists ------------------------------------------------------------------------------------------------- */

static bool parse_double(const char *text, double *ret)
{
    char *end;
    *ret = strtod(text, &end);
    return *text && !*end && isfinite(*ret);
}

static struct opt_row row_of(const struct aq_option *option, size_t index)
{
    static const struct {
        enum opt_kind kind;
        size_t field;
    } kinds[] = {
        [AQ_OPTION_STRING] = {OPT_STRING, offsetof(struct aq_option_value, string)},
        [AQ_OPTION_INT] = {OPT_INT, offsetof(struct aq_option_value, integer)},
        [AQ_OPTION_BOOL] = {OPT_BOOL, offsetof(struct aq_option_value, boolean)},
        [AQ_OPTION_DOUBLE] = {OPT_STRING, offsetof(struct aq_option_value, string)},
        [AQ_OPTION_DURATION] = {OPT_DURATION, offsetof(struct aq_option_value, integer)},
    };
    AQ_ASSERT((size_t)option->kind < sizeof(kinds) / sizeof(kinds[0]));
    return (struct opt_row){
        .name = option->name,
        .kind = kinds[option->kind].kind,
        .offset = index * sizeof(struct aq_option_value) + kinds[option->kind].field,
        .def = option->def,
        .flags = option->required ? OPT_REQUIRED : 0,
        .reload = OPT_RELOAD_PROCESS,
        .help = option->help,
    };
}

/* What the table-wide test of options says about them; NULL: nothing. */
static char *faults_of(const struct st_plugin_part *part, const struct opt_row *rows)
{
    const struct opt_table table = {
        .name = part->name, .kind = st_plugin_sort_name(part->sort), .summary = part->summary, .rows = rows};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    AQ_ASSERT(out);
    size_t faults = opt_check_table(&table, out);
    for (const struct opt_row *row = rows; row->name; row++) {
        const struct aq_option *option = &part->options[row - rows];
        double ignored;
        if (option->kind != AQ_OPTION_DOUBLE || !option->def || parse_double(option->def, &ignored)) continue;
        fprintf(out, "%s.%s: default '%s' is no number\n", part->name, option->name, option->def);
        faults++;
    }
    fclose(out);
    if (faults == 0) {
        free(text);
        return NULL;
    }
    text[strcspn(text, "\n")] = '\0'; /* the first one will do */
    return text;
}

/* A list of rows without those of the kind double, and the names of these. */
static void sort_rows(struct st_plugin *plugin, struct st_plugin_part *part, struct opt_row *rows)
{
    size_t n = part->n_options, kept = 0, apart = 0;
    const char **doubles = aq_arena_zalloc(&plugin->arena, (n + 1) * sizeof(*doubles));
    for (size_t i = 0; i < n; i++) {
        if (part->options[i].kind == AQ_OPTION_DOUBLE)
            doubles[apart++] = rows[i].name;
        else
            rows[kept++] = rows[i];
    }
    rows[kept] = (struct opt_row){.name = NULL};
    part->rows = rows;
    part->doubles = doubles;
}

static int take_options(struct st_plugin *plugin, struct st_plugin_part *part, struct aq_err *err)
{
    if (part->n_options > 0 && !part->options) return aq_fail(err, AQ_E_CONFIG, "its option list is NULL");
    struct opt_row *rows = aq_arena_zalloc(&plugin->arena, (part->n_options + 1) * sizeof(*rows));
    for (size_t i = 0; i < part->n_options; i++) {
        const struct aq_option *option = &part->options[i];
        if (!option->name) return aq_fail(err, AQ_E_CONFIG, "its option %zu has no name", i);
        if ((size_t)option->kind > AQ_OPTION_DURATION)
            return aq_fail(err, AQ_E_CONFIG, "its option '%s' is of the unknown kind %d", option->name,
                           (int)option->kind);
        rows[i] = row_of(option, i);
    }
    char *faults = faults_of(part, rows);
    if (faults) {
        aq_fail(err, AQ_E_CONFIG, "its option list is faulty: %s", faults);
        free(faults);
        return AQ_E_CONFIG;
    }
    sort_rows(plugin, part, rows);
    return 0;
}

/* ---- descriptors -------------------------------------------------------------------------------------------------- */

static struct st_plugin_part processor_part(const struct aq_plugin_processor *made)
{
    return (struct st_plugin_part){.sort = ST_PLUGIN_PROCESSOR,
                                   .processor = &made->processor,
                                   .name = made->name,
                                   .summary = made->summary,
                                   .options = made->options,
                                   .n_options = made->n_options,
                                   .configure = made->configure,
                                   .release = made->release};
}

static struct st_plugin_part aggregator_part(const struct aq_plugin_aggregator *made)
{
    return (struct st_plugin_part){.sort = ST_PLUGIN_AGGREGATOR,
                                   .aggregator = &made->aggregator,
                                   .name = made->name,
                                   .summary = made->summary,
                                   .options = made->options,
                                   .n_options = made->n_options,
                                   .configure = made->configure,
                                   .release = made->release};
}

/* index: among those of its sort. */
static int take_part(struct st_plugin *plugin, struct st_plugin_part part, size_t index, struct aq_err *err)
{
    const char *sort = st_plugin_sort_name(part.sort), *fault = topic_name_fault(aq_slice_str(part.name));
    if (fault) return aq_fail(err, AQ_E_CONFIG, "the name of its %s %zu %s", sort, index, fault);
    for (size_t i = 0; i < plugin->n_parts; i++)
        if (plugin->parts[i].sort == part.sort && strcmp(plugin->parts[i].name, part.name) == 0)
            return aq_fail(err, AQ_E_CONFIG, "it has two %ss '%s'", sort, part.name);
    part.plugin = plugin;
    struct st_plugin_part *kept = &plugin->parts[plugin->n_parts++];
    *kept = part;
    int rc = part.summary && *part.summary ? 0 : aq_fail(err, AQ_E_CONFIG, "it has no summary");
    if (rc == 0)
        rc = part.processor ? st_api_check_processor(part.processor, err)
                            : st_api_check_aggregator(part.aggregator, err);
    if (rc == 0) rc = take_options(plugin, kept, err);
    return rc < 0 && err ? aq_err_in(err, "%s '%s'", sort, part.name) : rc;
}

static int take_parts(struct st_plugin *plugin, size_t processors, size_t aggregators, struct aq_err *err)
{
    const struct aq_plugin *descriptor = plugin->descriptor;
    plugin->parts = aq_arena_zalloc(&plugin->arena, (processors + aggregators) * sizeof(*plugin->parts));
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < processors; i++)
        rc = take_part(plugin, processor_part(&descriptor->processors[i]), i, err);
    for (size_t i = 0; rc == 0 && i < aggregators; i++)
        rc = take_part(plugin, aggregator_part(&descriptor->aggregators[i]), i, err);
    return rc;
}

static int take_descriptor(struct st_plugin *plugin, struct aq_err *err)
{
    const struct aq_plugin *descriptor = plugin->descriptor;
    if (descriptor->abi == 0 || descriptor->abi > AQ_PLUGIN_ABI)
        return aq_fail(err, AQ_E_CONFIG,
                       "its symbol aq_plugin has the abi %" PRIu32
                       ", and this program knows 1 to %u; compile it with the headers of this version",
                       descriptor->abi, AQ_PLUGIN_ABI);
    if (!descriptor->name || !*descriptor->name)
        return aq_fail(err, AQ_E_CONFIG, "its aq_plugin has no name");
    /* What is behind the fields of its abi is not there. */
    bool aggregates = descriptor->abi >= 2;
    size_t processors = descriptor->processors ? descriptor->n_processors : 0;
    size_t aggregators = aggregates && descriptor->aggregators ? descriptor->n_aggregators : 0;
    if (processors + aggregators == 0)
        return aq_fail(err, AQ_E_CONFIG, "its aq_plugin lists no processor%s",
                       aggregates ? " and no aggregator" : "");
    return take_parts(plugin, processors, aggregators, err);
}

/* ---- loading ------------------------------------------------------------------------------------------------------ */

static int open_plugin(struct st_plugin *plugin, struct aq_err *err)
{
    /* Without a slash dlopen() would look everywhere but here. */
    const char *name =
        strchr(plugin->path, '/') ? plugin->path : aq_arena_printf(&plugin->arena, "./%s", plugin->path);
    plugin->handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    /* Its text names the file already when there is none, and the symbol when one is missing. */
    if (!plugin->handle)
        return aq_fail(err, AQ_E_CONFIG, "it cannot be loaded as a shared object: %s", dlerror());
    plugin->descriptor = dlsym(plugin->handle, "aq_plugin");
    if (!plugin->descriptor)
        return aq_fail(
            err, AQ_E_CONFIG,
            "it has no symbol aq_plugin, so it is no plugin; define `AQ_API const struct aq_plugin "
            "aq_plugin` (aqueduct/plugin.h)");
    return take_descriptor(plugin, err);
}

static void close_plugin(struct st_plugin *plugin)
{
    if (plugin->handle) dlclose(plugin->handle);
    aq_arena_finish(&plugin->arena);
    free(plugin);
}

const struct st_plugin *st_plugin_load(const char *path, struct aq_err *err)
{
    AQ_ASSERT(path && *path);
    for (struct st_plugin *plugin = plugins; plugin; plugin = plugin->next)
        if (strcmp(plugin->path, path) == 0) return plugin;
    struct st_plugin *plugin = aq_calloc(1, sizeof(*plugin));
    aq_arena_init(&plugin->arena, 1024);
    plugin->path = aq_arena_strdup(&plugin->arena, path);
    if (open_plugin(plugin, err) < 0) {
        if (err) aq_err_in(err, "plugin %s", path);
        close_plugin(plugin);
        return NULL;
    }
    plugin->next = plugins;
    plugins = plugin;
    return plugin;
}

void st_plugins_finish(void)
{
    while (plugins) {
        struct st_plugin *plugin = plugins;
        plugins = plugin->next;
        close_plugin(plugin);
    }
}

const char *st_plugin_path(const struct st_plugin *plugin)
{
    return plugin->path;
}

const char *st_plugin_sort_name(enum st_plugin_sort sort)
{
    return sort == ST_PLUGIN_PROCESSOR ? "processor" : "aggregator";
}

const struct st_plugin_part *st_plugin_find(const struct st_plugin *plugin, enum st_plugin_sort sort,
                                            const char *name, struct aq_err *err)
{
    AQ_ASSERT(plugin && name);
    struct aq_arena arena;
    const char *list = "";
    aq_arena_init(&arena, 1024);
    const struct st_plugin_part *found = NULL;
    for (size_t i = 0; i < plugin->n_parts && !found; i++) {
        const struct st_plugin_part *part = &plugin->parts[i];
        if (part->sort != sort) continue;
        if (strcmp(part->name, name) == 0) found = part;
        list = aq_arena_printf(&arena, "%s%s'%s'", list, *list ? ", " : "", part->name);
    }
    if (!found)
        aq_fail(err, AQ_E_CONFIG, "the plugin %s has no %s '%s'; it has %s", plugin->path,
                st_plugin_sort_name(sort), name, *list ? list : "none");
    aq_arena_finish(&arena);
    return found;
}

/* ---- options ------------------------------------------------------------------------------------------------------ */

static struct conf_node *child_of(struct conf_node *group, const char *name)
{
    for (struct conf_node *n = group->first; n; n = n->next)
        if (n->name && strcmp(n->name, name) == 0) return n;
    return NULL;
}

/* opt_read() has no kind for them. */
static void read_double(const struct aq_option *option, struct conf_node *group, const char *what,
                        struct aq_option_value *value, struct conf_diags *diags)
{
    struct conf_node *node = child_of(group, option->name);
    if (option->def) parse_double(option->def, &value->number);
    if (!node) {
        if (option->required)
            conf_diag(diags, CONF_ERROR, group->pos, "%s: required option '%s' is missing", what,
                      option->name);
        return;
    }
    node->used = true;
    if (node->faulty) return;
    if (node->type == CONF_INT)
        value->number = (double)node->integer;
    else if (node->type == CONF_FLOAT)
        value->number = node->real;
    else
        conf_diag(diags, CONF_ERROR, node->value_pos, "%s: %s: must be a number, not %s", what, option->name,
                  conf_type_name(node->type));
}

struct aq_option_value *st_plugin_read(const struct st_plugin_part *part, struct conf_node *group,
                                       const char *what, struct aq_arena *arena, struct conf_diags *diags)
{
    AQ_ASSERT(part && group);
    struct aq_option_value *values = aq_arena_zalloc(arena, (part->n_options + 1) * sizeof(*values));
    size_t before = diags->errors;
    opt_read(part->rows, group, what, part->doubles, arena, values, diags);
    bool is_group = group->type == CONF_GROUP; /* else opt_read() has complained */
    for (size_t i = 0; i < part->n_options && is_group; i++) {
        const struct aq_option *option = &part->options[i];
        if (option->kind == AQ_OPTION_DOUBLE) read_double(option, group, what, &values[i], diags);
        values[i].is_set = option->def || child_of(group, option->name);
    }
    return diags->errors == before ? values : NULL;
}
