/* SPDX-License-Identifier: Apache-2.0
 *
 * native: a processor of a plugin (aqueduct/plugin.h).
 *
 *   dedup = { type = "native"; from = "in"; library = "./dedup.so"; processor = "dedup"; options = { window = "5m"; }; };
 *
 * The library is looked for beside the configuration file. Its code runs in this process: it is loaded, and its configure() is
 * called, when the configuration is checked already.
 */
#include "base/assert.h"
#include "streams/api/api_kinds.h"
#include "streams/forms/form_parts.h"
#include "streams/plugin.h"

struct native_conf {
    const char *library;
    const char *processor;
    const struct conf_node *options;
    const char *key_serde;
    const char *value_serde;
    /* made by add() */
    const struct st_plugin_processor *made; /* NULL: not configured */
    struct st_api_processor op;
};

static const struct opt_row rows[] = {
    {.name = "library",
     .kind = OPT_STRING,
     .offset = offsetof(struct native_conf, library),
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "Path of the plugin's shared object, relative to the configuration file. Its code runs in this process."},
    {.name = "processor",
     .kind = OPT_STRING,
     .offset = offsetof(struct native_conf, processor),
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_PROCESS,
     .help = "Name of the processor in the plugin."},
    {.name = "options",
     .kind = OPT_NODE,
     .offset = offsetof(struct native_conf, options),
     .reload = OPT_RELOAD_PROCESS,
     .help = "A group of the options that the processor itself lists."},
    {.name = "key_serde",
     .kind = OPT_STRING,
     .offset = offsetof(struct native_conf, key_serde),
     .reload = OPT_RELOAD_PROCESS,
     .help = "How keys lie in what leaves the processor, when it makes new ones: " ST_SERDE_HELP},
    {.name = "value_serde",
     .kind = OPT_STRING,
     .offset = offsetof(struct native_conf, value_serde),
     .reload = OPT_RELOAD_PROCESS,
     .help = "How values lie in what leaves the processor, when it makes new ones: " ST_SERDE_HELP},
    {.name = NULL},
};

static struct conf_pos place_of(const struct conf_node *group, const char *option)
{
    for (const struct conf_node *n = group->first; n; n = n->next)
        if (strcmp(n->name, option) == 0) return n->value_pos;
    return group->pos;
}

static const struct st_plugin_processor *find_processor(const struct st_forming *forming,
                                                        const struct native_conf *c)
{
    struct aq_err err = {0};
    const char *path = conf_path_beside(place_of(forming->group, "library"), c->library, forming->arena);
    const struct st_plugin *plugin = st_plugin_load(path, &err);
    if (!plugin) {
        st_form_error(forming, "library", "%s", err.text);
        return NULL;
    }
    const struct st_plugin_processor *found = st_plugin_find(plugin, c->processor, &err);
    if (!found) st_form_error(forming, "processor", "%s", err.text);
    return found;
}

static bool configure(const struct st_forming *forming, struct native_conf *c,
                      const struct st_plugin_processor *found)
{
    const char *what = aq_arena_printf(forming->arena, "%s.options", forming->what);
    /* Without a group of options a missing one is told at the node's. */
    struct conf_node none = {.type = CONF_GROUP, .pos = forming->group->pos};
    /* opt_read() marks what it has used; nothing else of the document is changed. */
    struct conf_node *group = c->options ? (struct conf_node *)c->options : &none;
    const struct aq_option_value *values = st_plugin_read(found, group, what, forming->arena, forming->diags);
    if (!values) return false;
    if (found->made->configure) {
        char reason[512] = "";
        int rc = found->made->configure(values, &c->op.user, reason, sizeof(reason));
        if (rc < 0) {
            st_form_error(forming, c->options ? "options" : NULL,
                          "the processor '%s' refuses its options: %s", found->made->name,
                          *reason ? reason : "it gives no reason");
            return false;
        }
    }
    c->made = found;
    c->op.processor = found->made->processor;
    return true;
}

static void add(const struct st_forming *forming, void *conf)
{
    struct native_conf *c = conf;
    const struct st_plugin_processor *found = find_processor(forming, c);
    if (!found || !configure(forming, c, found)) return;
    const struct st_processor_kind *kind =
        c->op.processor.keeps_key ? &st_api_process_values : &st_api_process;
    st_form_processor(forming, kind, &c->op, c->key_serde, c->value_serde);
}

static void release(void *conf)
{
    struct native_conf *c = conf;
    if (c->made && c->made->made->release) c->made->made->release(c->op.user);
    c->made = NULL;
}

const struct st_form st_form_native = {
    .name = "native",
    .summary = "A processor written in C, from a plugin.",
    .example =
        "  in    = { type = \"source\"; topics = [\"orders\"]; };\n"
        "  dedup = { type = \"native\"; from = \"in\"; library = \"./dedup.so\"; processor = \"dedup\"; };\n"
        "  out   = { type = \"sink\"; from = \"dedup\"; topic = \"orders.once\"; };\n",
    .rows = rows,
    .conf_size = sizeof(struct native_conf),
    .add = add,
    .release = release,
};
