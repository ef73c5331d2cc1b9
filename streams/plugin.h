/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared objects with processors and aggregators (aqueduct/plugin.h): loaded, looked over, and kept until the program ends.
 *
 * Ownership: plugins belong to one list of the process; what is returned stays until st_plugins_finish(). A shared object is never
 * unloaded before, because topologies, their tasks and messages point into it.
 * Threads: the main thread. What processors do is streams/api/api_processor.c's, and aggregators
 * streams/api/api_aggregator.c's.
 */
#ifndef AQ_STREAMS_PLUGIN_H
#define AQ_STREAMS_PLUGIN_H

#include "aqueduct/plugin.h"
#include "base/err.h"
#include "conf/opt.h"

struct st_plugin;

enum st_plugin_sort { ST_PLUGIN_PROCESSOR, ST_PLUGIN_AGGREGATOR };

/* One processor or aggregator of a plugin, with its options as rows. */
struct st_plugin_part {
    const struct st_plugin *plugin;
    enum st_plugin_sort sort;
    const struct aq_processor *processor;   /* by sort; else NULL */
    const struct aq_aggregator *aggregator; /* the same */
    /* as in the plugin's own descriptor */
    const char *name;
    const char *summary;
    const struct aq_option *options;
    size_t n_options;
    int (*configure)(const struct aq_option_value *values, void **ret_user, char *reason, size_t size);
    void (*release)(void *user);
    const struct opt_row
        *rows; /* all options but those of the kind double; they write into aq_option_values */
    const char *const *doubles; /* the names of those, ending with NULL */
};

/* "processor", "aggregator" */
const char *st_plugin_sort_name(enum st_plugin_sort sort);

/* The plugin at this path, loaded on first use. NULL: AQ_E_CONFIG with a sentence that names the file and what to do. */
const struct st_plugin *st_plugin_load(const char *path, struct aq_err *err);
const char *st_plugin_path(const struct st_plugin *plugin);
/* NULL: AQ_E_CONFIG, with the names there are. */
const struct st_plugin_part *st_plugin_find(const struct st_plugin *plugin, enum st_plugin_sort sort,
                                            const char *name, struct aq_err *err);

/* Reads the group by the part's list. The values are as many as its options, at least one, in the arena.
 * NULL after complaints, which begin with `what`. */
struct aq_option_value *st_plugin_read(const struct st_plugin_part *part, struct conf_node *group,
                                       const char *what, struct aq_arena *arena, struct conf_diags *diags);

/* Unloads all. Nothing of any plugin may be in use. */
void st_plugins_finish(void);

#endif
