/* SPDX-License-Identifier: Apache-2.0
 *
 * Plugins (streams/plugin.h).
 *
 * An ordinary pass: a node of the form native names a file; it is opened with all its symbols bound at once, so that one that is missing
 * shows at the start and not with the first record, and without giving its symbols to others. Then the descriptor is looked
 * over: first the abi, before any other field is believed, then names, processors and option lists, which become option rows.
 *
 * A failing pass: a file that cannot be opened or used is closed again and not kept. The message has the file, the symbol or
 * the processor, and what is to be done.
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
#include "streams/api/api_kinds.h"
#include "transforms/topic_name.h"

struct st_plugin {
    void *handle;
    const char *path;
    const struct aq_plugin *descriptor;
    struct st_plugin_processor *processors; /* as many as the descriptor's */
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
static char *faults_of(const struct aq_plugin_processor *processor, const struct opt_row *rows)
{
    const struct opt_table table = {
        .name = processor->name, .kind = "processor", .summary = processor->summary, .rows = rows};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    AQ_ASSERT(out);
    size_t faults = opt_check_table(&table, out);
    for (const struct opt_row *row = rows; row->name; row++) {
        const struct aq_option *option = &processor->options[row - rows];
        double ignored;
        if (option->kind != AQ_OPTION_DOUBLE || !option->def || parse_double(option->def, &ignored)) continue;
        fprintf(out, "%s.%s: default '%s' is no number\n", processor->name, option->name, option->def);
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
static void part_rows(struct st_plugin *plugin, struct st_plugin_processor *processor, struct opt_row *rows)
{
    size_t n = processor->made->n_options, kept = 0, apart = 0;
    const char **doubles = aq_arena_zalloc(&plugin->arena, (n + 1) * sizeof(*doubles));
    for (size_t i = 0; i < n; i++) {
        if (processor->made->options[i].kind == AQ_OPTION_DOUBLE)
            doubles[apart++] = rows[i].name;
        else
            rows[kept++] = rows[i];
    }
    rows[kept] = (struct opt_row){.name = NULL};
    processor->rows = rows;
    processor->doubles = doubles;
}

static int take_options(struct st_plugin *plugin, struct st_plugin_processor *processor, struct aq_err *err)
{
    const struct aq_plugin_processor *made = processor->made;
    if (made->n_options > 0 && !made->options) return aq_fail(err, AQ_E_CONFIG, "its option list is NULL");
    struct opt_row *rows = aq_arena_zalloc(&plugin->arena, (made->n_options + 1) * sizeof(*rows));
    for (size_t i = 0; i < made->n_options; i++) {
        const struct aq_option *option = &made->options[i];
        if (!option->name) return aq_fail(err, AQ_E_CONFIG, "its option %zu has no name", i);
        if ((size_t)option->kind > AQ_OPTION_DURATION)
            return aq_fail(err, AQ_E_CONFIG, "its option '%s' is of the unknown kind %d", option->name,
                           (int)option->kind);
        rows[i] = row_of(option, i);
    }
    char *faults = faults_of(made, rows);
    if (faults) {
        aq_fail(err, AQ_E_CONFIG, "its option list is faulty: %s", faults);
        free(faults);
        return AQ_E_CONFIG;
    }
    part_rows(plugin, processor, rows);
    return 0;
}

/* ---- descriptors -------------------------------------------------------------------------------------------------- */

static int take_processor(struct st_plugin *plugin, size_t index, struct aq_err *err)
{
    const struct aq_plugin_processor *made = &plugin->descriptor->processors[index];
    const char *fault = topic_name_fault(aq_slice_str(made->name));
    if (fault) return aq_fail(err, AQ_E_CONFIG, "the name of its processor %zu %s", index, fault);
    for (size_t i = 0; i < index; i++)
        if (strcmp(plugin->descriptor->processors[i].name, made->name) == 0)
            return aq_fail(err, AQ_E_CONFIG, "it has two processors '%s'", made->name);
    struct st_plugin_processor *processor = &plugin->processors[index];
    *processor = (struct st_plugin_processor){.plugin = plugin, .made = made};
    int rc = made->summary && *made->summary ? 0 : aq_fail(err, AQ_E_CONFIG, "it has no summary");
    if (rc == 0) rc = st_api_check_processor(&made->processor, err);
    if (rc == 0) rc = take_options(plugin, processor, err);
    return rc < 0 && err ? aq_err_in(err, "processor '%s'", made->name) : rc;
}

static int take_descriptor(struct st_plugin *plugin, struct aq_err *err)
{
    const struct aq_plugin *descriptor = plugin->descriptor;
    if (descriptor->abi != AQ_PLUGIN_ABI)
        return aq_fail(err, AQ_E_CONFIG,
                       "its symbol aq_plugin has the abi %" PRIu32
                       ", and this program knows %u; compile it with the headers of this version",
                       descriptor->abi, AQ_PLUGIN_ABI);
    if (!descriptor->name || !*descriptor->name)
        return aq_fail(err, AQ_E_CONFIG, "its aq_plugin has no name");
    if (descriptor->n_processors == 0 || !descriptor->processors)
        return aq_fail(err, AQ_E_CONFIG, "its aq_plugin lists no processor");
    plugin->processors =
        aq_arena_zalloc(&plugin->arena, descriptor->n_processors * sizeof(*plugin->processors));
    for (size_t i = 0; i < descriptor->n_processors; i++) {
        int rc = take_processor(plugin, i, err);
        if (rc < 0) return rc;
    }
    return 0;
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

const struct st_plugin_processor *st_plugin_find(const struct st_plugin *plugin, const char *name,
                                                 struct aq_err *err)
{
    AQ_ASSERT(plugin && name);
    size_t n = plugin->descriptor->n_processors;
    for (size_t i = 0; i < n; i++)
        if (strcmp(plugin->processors[i].made->name, name) == 0) return &plugin->processors[i];
    struct aq_arena arena;
    aq_arena_init(&arena, 1024);
    const char *list = "";
    for (size_t i = 0; i < n; i++)
        list = aq_arena_printf(&arena, "%s%s'%s'", list, i ? ", " : "", plugin->processors[i].made->name);
    aq_fail(err, AQ_E_CONFIG, "the plugin %s has no processor '%s'; it has %s", plugin->path, name, list);
    aq_arena_finish(&arena);
    return NULL;
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

struct aq_option_value *st_plugin_read(const struct st_plugin_processor *processor, struct conf_node *group,
                                       const char *what, struct aq_arena *arena, struct conf_diags *diags)
{
    AQ_ASSERT(processor && group);
    const struct aq_plugin_processor *made = processor->made;
    struct aq_option_value *values = aq_arena_zalloc(arena, (made->n_options + 1) * sizeof(*values));
    size_t before = diags->errors;
    opt_read(processor->rows, group, what, processor->doubles, arena, values, diags);
    bool is_group = group->type == CONF_GROUP; /* else opt_read() has complained */
    for (size_t i = 0; i < made->n_options && is_group; i++) {
        const struct aq_option *option = &made->options[i];
        if (option->kind == AQ_OPTION_DOUBLE) read_double(option, group, what, &values[i], diags);
        values[i].is_set = option->def || child_of(group, option->name);
    }
    return diags->errors == before ? values : NULL;
}
