/* SPDX-License-Identifier: Apache-2.0
 *
 * native: a processor of a plugin (aqueduct/plugin.h).
 *
 *   dedup = { type = "native"; from = "in"; library = "./dedup.so"; processor = "dedup"; options = { window = "5m"; }; };
 *
 * The library is looked for beside the configuration file. Its code runs in this process: it is loaded, and its configure() is
 * called, when the configuration is checked already.
 */
#include "streams/api/api_kinds.h"
#include "streams/forms/form_plugin.h"

struct native_conf {
    struct st_plugin_conf plugin;
    const char *key_serde;
    const char *value_serde;
    struct st_api_processor op; /* made by add() */
};

static const struct opt_row rows[] = {
    ST_LIBRARY_ROW(struct native_conf, plugin, OPT_REQUIRED),
    {.name = "processor",
     .kind = OPT_STRING,
     .offset = offsetof(struct native_conf, plugin.part),
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_PROCESS,
     .help = "Name of the processor in the plugin."},
    ST_PLUGIN_OPTIONS_ROW(struct native_conf, plugin, "processor"),
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

static void add(const struct st_forming *forming, void *conf)
{
    struct native_conf *c = conf;
    if (!st_form_plugin(forming, &c->plugin, ST_PLUGIN_PROCESSOR)) return;
    c->op.processor = *c->plugin.made->processor;
    c->op.user = c->plugin.user;
    const struct st_processor_kind *kind =
        c->op.processor.keeps_key ? &st_api_process_values : &st_api_process;
    st_form_processor(forming, kind, &c->op, c->key_serde, c->value_serde);
}

static void release(void *conf)
{
    struct native_conf *c = conf;
    st_form_plugin_release(&c->plugin);
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
