/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole configuration, checked and assembled: what every command that takes -c works on.
 */
#ifndef AQ_CLI_CONFIG_H
#define AQ_CLI_CONFIG_H

#include "bridge/bridge.h"
#include "cli/command.h"
#include "http/http.h"
#include "streams/forms/form.h"

struct cli_config {
    struct conf_doc *doc;
    struct conf_diags diags;
    struct aq_arena arena;
    struct kc_cluster *clusters;
    size_t n_clusters;
    struct conf_node *transforms; /* the raw sections; NULL when absent */
    struct conf_node *predicates;
    struct xf_library *libraries[2]; /* by enum xf_compat; NULL when nothing asks for it */
    struct br_route *routes;
    struct conf_node **route_nodes; /* one per route */
    size_t n_routes;
    bool has_streams; /* the section `streams` is there; then */
    struct st_settings settings;
    struct st_formed streams;
    struct http_conf http;
};

/* The sections at the top level of a file. */
extern const struct opt_table cli_root_table;

/* Reads, checks and assembles; every complaint lands in config->diags. True when there is no error. The
 * caller finishes the configuration either way. `text` NULL: the file at `path`, else the text, named `path`
 * in messages. */
bool cli_config_load(struct cli_config *config, const char *path, const char *text,
                     const struct conf_override *overrides, size_t n_overrides);
void cli_config_finish(struct cli_config *config);

/* What commands do first: -c or the one plain argument names the file; complaints go to stderr (errors and
 * warnings). CLI_OK, CLI_USAGE or CLI_CONFIG. */
int cli_config_open(struct cli_config *config, const struct cli_call *call);
const char *cli_config_path(const struct cli_call *call);

/* The same for a command that works on routes, or on a streams application: a file without is CLI_CONFIG. */
int cli_config_open_routes(struct cli_config *config, const struct cli_call *call);
int cli_config_open_streams(struct cli_config *config, const struct cli_call *call);

/* Complaints that need all routes at once (cli/lint.c). */
void cli_lint(struct cli_config *config);

#endif
