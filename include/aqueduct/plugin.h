/* SPDX-License-Identifier: Apache-2.0
 *
 * Plugins: processors and aggregators in a shared object that a configuration file names,
 *
 *   dedup = { type = "native"; from = "in"; library = "./dedup.so"; processor = "dedup"; options = { window = "5m"; }; };
 *   p95   = { type = "aggregate"; from = "in"; library = "./sketch.so"; aggregator = "p95"; as = "double"; };
 *
 * The shared object includes this header alone, links nothing of aqueduct, and exports one constant:
 *
 *   AQ_API const struct aq_plugin aq_plugin = {
 *       .abi = AQ_PLUGIN_ABI, .name = "dedup", .processors = list, .n_processors = 1 };
 *
 *   cc -shared -fPIC -o dedup.so dedup.c $(pkg-config --cflags aqueduct)
 *
 * Whoever runs the configuration runs the plugin's code in its own process: nothing is confined.
 *
 * Versions: abi says which fields there are. Fields are only ever added behind the last one, with a new number; a program loads the
 * numbers it knows and refuses others by name.
 *
 * Ownership: everything the descriptor points to is constant and lives as long as the shared object, which stays loaded to the end.
 * Threads: configure() and release() are called from the main thread; processors as aqueduct/processor.h says.
 */
#ifndef AQUEDUCT_PLUGIN_H
#define AQUEDUCT_PLUGIN_H

#include "aqueduct/aggregator.h"
#include "aqueduct/processor.h"

#ifdef __cplusplus
extern "C" {
#endif

#define AQ_PLUGIN_ABI 2u /* 1: without aggregators */

enum aq_option_kind {
    AQ_OPTION_STRING,
    AQ_OPTION_INT,
    AQ_OPTION_BOOL,
    AQ_OPTION_DOUBLE,
    AQ_OPTION_DURATION, /* "5s", "100ms", "2m"; ms */
};

struct aq_option {
    const char *name; /* lower case letters, digits and underscores, a letter first */
    enum aq_option_kind kind;
    const char *def;  /* in the form a user writes; NULL: absent */
    bool required;    /* an error when it is missing; then without a default */
    const char *help; /* one or two sentences, with a full stop at the end */
};

/* What an option has: the user's value, the default, or (is_set false) neither and zero. */
struct aq_option_value {
    bool is_set;
    const char *string; /* valid until release() */
    int64_t integer;    /* INT, DURATION (ms) */
    bool boolean;
    double number;
};

struct aq_plugin_processor {
    const char *name;
    const char *summary; /* one sentence */
    const struct aq_option *options;
    size_t n_options;
    /* Values come in the order of `options`. *ret_user is what init() is given, by all tasks. A negative number refuses the values, with
     * the reason in `reason` (room for size bytes, zero included). NULL: there is nothing to make, user is NULL. */
    int (*configure)(const struct aq_option_value *values, void **ret_user, char *reason, size_t size);
    void (*release)(void *user); /* may be NULL */
    struct aq_processor processor;
};

/* An aggregator that a node names in `aggregator`. Fields as above; `user` is that of its callbacks. */
struct aq_plugin_aggregator {
    const char *name;
    const char *summary;
    const struct aq_option *options;
    size_t n_options;
    int (*configure)(const struct aq_option_value *values, void **ret_user, char *reason, size_t size);
    void (*release)(void *user);
    struct aq_aggregator aggregator;
};

struct aq_plugin {
    uint32_t abi;     /* AQ_PLUGIN_ABI */
    const char *name; /* for messages */
    const struct aq_plugin_processor *processors;
    size_t n_processors;
    const struct aq_plugin_aggregator *aggregators; /* since abi 2 */
    size_t n_aggregators;
};

/* What the shared object defines. */
extern AQ_API const struct aq_plugin aq_plugin;

#ifdef __cplusplus
}
#endif

#endif
