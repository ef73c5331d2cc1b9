/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts of plugins in a configuration file: what the forms that take C share. Only streams/forms/ calls this.
 *
 * Threads: the main thread, while a configuration is read.
 */
#ifndef AQ_STREAMS_FORMS_FORM_PLUGIN_H
#define AQ_STREAMS_FORMS_FORM_PLUGIN_H

#include "streams/forms/form_parts.h"
#include "streams/plugin.h"

struct st_plugin_conf {
    const char *library;
    const char *part; /* its name in the plugin */
    const struct conf_node *options;
    /* made by st_form_plugin() */
    const struct st_plugin_part *made; /* NULL: not configured */
    void *user;
};

/* The rows `library` and `options` of a conf that has `struct st_plugin_conf field`. */
#define ST_LIBRARY_ROW(conf, field, more)                                                                   \
    {                                                                                                       \
        .name = "library", .kind = OPT_STRING, .offset = offsetof(conf, field.library), .flags = (more),    \
        .reload = OPT_RELOAD_PROCESS,                                                                       \
        .help = "Path of the plugin's shared object, relative to the configuration file. Its code runs in " \
                "this process."                                                                             \
    }
#define ST_PLUGIN_OPTIONS_ROW(conf, field, whose)                                                       \
    {                                                                                                   \
        .name = "options", .kind = OPT_NODE, .offset = offsetof(conf, field.options),                   \
        .reload = OPT_RELOAD_PROCESS, .help = "A group of the options that the " whose " itself lists." \
    }

/* Loads the library, finds the part and configures it. False after a complaint at the option `library`, the one named after the sort, or
 * `options`. */
bool st_form_plugin(const struct st_forming *forming, struct st_plugin_conf *conf, enum st_plugin_sort sort);
/* For st_form.release: also of one that was not configured. */
void st_form_plugin_release(struct st_plugin_conf *conf);

#endif
