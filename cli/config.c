/* SPDX-License-Identifier: Apache-2.0
 *
 * Assembles a configuration from its sections. Each section is read by the module that owns it; this file
 * only knows their order: clusters, then predicates and transforms, then routes and streams (which refer to all
 * of them), then http. A file has routes, streams or both.
 *
 * An ordinary pass: load the tree, hand each section out, look for what only the whole can tell (cli/lint.c).
 * A failing one: nothing stops at the first complaint. A section that is missing or of the wrong type is
 * reported and taken as empty, so that one run shows every mistake; only a file that cannot be parsed at all
 * ends early.
 *
 * Invariants: routes point into clusters[] and libraries[], which therefore are allocated once at their final
 * size and outlive the routes. Threads: the main thread; read-only once loaded.
 */
#include "cli/config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "cli/exit.h"

struct root {
    const struct conf_node *clusters;
    const struct conf_node *predicates;
    const struct conf_node *transforms;
    const struct conf_node *routes;
    const struct conf_node *streams;
    const struct conf_node *http;
};

static const struct opt_row root_rows[] = {
    {.name = "clusters",
     .kind = OPT_NODE,
     .offset = offsetof(struct root, clusters),
     .help = "The clusters by name, a group each, such as dc1 = { brokers = \"127.0.0.1:9092\"; }. "
             "Needed by routes, and by streams that name one."},
    {.name = "predicates",
     .kind = OPT_NODE,
     .offset = offsetof(struct root, predicates),
     .help = "Conditions by name that transforms refer to."},
    {.name = "transforms",
     .kind = OPT_NODE,
     .offset = offsetof(struct root, transforms),
     .help = "Transforms by name that the chains of routes and streams refer to."},
    {.name = "routes",
     .kind = OPT_NODE,
     .offset = offsetof(struct root, routes),
     .help =
         "What flows where: a list of groups with a name each, or a group of named groups. A file has routes, "
         "streams or both."},
    {.name = "streams",
     .kind = OPT_NODE,
     .offset = offsetof(struct root, streams),
     .help = "A streams application: its settings and its topology."},
    {.name = "http",
     .kind = OPT_NODE,
     .offset = offsetof(struct root, http),
     .help = "Metrics and health pages; without it nothing listens."},
    {.name = "links",
     .kind = OPT_REFUSED,
     .help = "A link is called a route here, with from, to and topics."},
    {.name = "connectors",
     .kind = OPT_REFUSED,
     .help = "There are no connectors: a route reads one cluster and writes another."},
    {.name = NULL},
};

const struct opt_table cli_root_table = {
    .name = "aqueduct.conf",
    .kind = "section",
    .summary = "The top level of a configuration file.",
    .rows = root_rows,
    .example = "clusters = {\n"
               "  dc1 = { brokers = \"127.0.0.1:9092\"; };\n"
               "  dc2 = { brokers = \"127.0.0.1:9192\"; };\n"
               "};\n"
               "routes = (\n"
               "  { name = \"orders\"; from = \"dc1\"; to = \"dc2\"; topics = [\"^orders.*\"]; }\n"
               ");\n",
};

/* Whether it is there at all, good or bad; unlike conf_get() it does not count as reading it. */
static bool has_setting(const struct conf_node *root, const char *name)
{
    for (const struct conf_node *node = root->first; node; node = node->next)
        if (strcmp(node->name, name) == 0) return true;
    return false;
}

/* The section as a group of named groups; NULL (told about, if present) when it is not one. */
static struct conf_node *named_groups(struct conf_node *root, const char *name, struct conf_diags *diags)
{
    struct conf_node *node = conf_get(root, name);
    if (!node || node->faulty) return NULL; /* what is faulty was reported by the lint */
    if (node->type != CONF_GROUP) {
        conf_diag(diags, CONF_ERROR, node->pos,
                  "%s is a group of named groups, not a %s: %s = { NAME = { … }; };", name,
                  conf_type_name(node->type), name);
        return NULL;
    }
    return node;
}

static void read_clusters(struct cli_config *config, struct conf_node *root)
{
    struct conf_node *section = named_groups(root, "clusters", &config->diags);
    if (!section) {
        if (!has_setting(root, "clusters") && has_setting(root, "routes"))
            conf_diag(&config->diags, CONF_ERROR, root->pos,
                      "configuration: required option 'clusters' is missing");
        return;
    }
    config->clusters =
        aq_arena_zalloc(&config->arena, sizeof(*config->clusters) * (size_t)(section->count + 1));
    for (struct conf_node *node = section->first; node; node = node->next) {
        if (node->type != CONF_GROUP) {
            conf_diag(&config->diags, CONF_ERROR, node->pos,
                      "clusters.%s is a group: %s = { brokers = \"HOST:PORT\"; };", node->name, node->name);
            continue;
        }
        struct kc_cluster *cluster = &config->clusters[config->n_clusters++];
        kc_cluster_read(node, &config->arena, &config->diags, cluster);
        if (!cluster->name) cluster->name = node->name;
    }
    if (section->count == 0) conf_diag(&config->diags, CONF_ERROR, section->pos, "clusters names no cluster");
}

/* ---- transforms ---------------------------------------------------------------------------------------- */

/* What a route's own `compat` says, before the route is read: its library must exist first. */
static enum xf_compat compat_of(const struct conf_node *route)
{
    for (const struct conf_node *node = route->first; node; node = node->next) {
        if (node->name && strcmp(node->name, "compat") == 0 && node->type == CONF_STRING)
            return strcmp(node->string, "connect") == 0 ? XF_CONNECT : XF_SAFE;
    }
    return XF_SAFE;
}

static bool same_diag(const struct conf_diag *a, const struct conf_diag *b)
{
    return a->pos.line == b->pos.line && a->pos.column == b->pos.column && strcmp(a->text, b->text) == 0;
}

/* Loads the second flavour of the library; what it complains about was mostly said by the first already. */
static void load_second_library(struct cli_config *config, enum xf_compat compat)
{
    struct conf_diags more;
    conf_diags_init(&more);
    xf_library_load(config->transforms, config->predicates, compat, &more, &config->libraries[compat]);
    size_t known = config->diags.count;
    for (size_t i = 0; i < more.count; i++) {
        bool said = false;
        for (size_t k = 0; k < known && !said; k++) said = same_diag(&more.list[i], &config->diags.list[k]);
        if (!said)
            conf_diag(&config->diags, more.list[i].severity, more.list[i].pos, "%s", more.list[i].text);
    }
    conf_diags_finish(&more);
}

static void read_transforms(struct cli_config *config, struct conf_node *root, const struct conf_node *routes,
                            bool streams)
{
    config->predicates = named_groups(root, "predicates", &config->diags);
    config->transforms = named_groups(root, "transforms", &config->diags);
    bool wanted[2] = {[XF_SAFE] = streams};
    for (const struct conf_node *node = routes ? routes->first : NULL; node; node = node->next)
        wanted[compat_of(node)] = true;
    enum xf_compat first = wanted[XF_CONNECT] && !wanted[XF_SAFE] ? XF_CONNECT : XF_SAFE;
    xf_library_load(config->transforms, config->predicates, first, &config->diags, &config->libraries[first]);
    if (wanted[XF_SAFE] && wanted[XF_CONNECT]) load_second_library(config, XF_CONNECT);
}

/* ---- routes -------------------------------------------------------------------------------------------- */

static struct conf_node *route_section(struct cli_config *config, struct conf_node *root)
{
    struct conf_node *section = conf_get(root, "routes");
    if (!section || section->faulty) return NULL;
    if (section->type != CONF_LIST && section->type != CONF_GROUP) {
        conf_diag(&config->diags, CONF_ERROR, section->pos,
                  "routes is a list of groups, not a %s: routes = ( { name = \"…\"; … } );",
                  conf_type_name(section->type));
        return NULL;
    }
    if (section->count == 0) conf_diag(&config->diags, CONF_ERROR, section->pos, "routes names no route");
    return section;
}

static void check_route_name(struct cli_config *config, size_t index)
{
    const struct br_route *route = &config->routes[index];
    if (!route->name) return;
    for (size_t i = 0; i < index; i++) {
        const struct br_route *other = &config->routes[i];
        if (!other->name || strcmp(other->name, route->name) != 0) continue;
        conf_diag(
            &config->diags, CONF_ERROR, config->route_nodes[index]->pos,
            "route '%s' is already defined at line %d; the name decides group and state topic, so it must be "
            "unique",
            route->name, config->route_nodes[i]->pos.line);
        return;
    }
}

static void read_routes(struct cli_config *config, struct conf_node *section)
{
    size_t room = (size_t)section->count + 1;
    config->routes = aq_arena_zalloc(&config->arena, sizeof(*config->routes) * room);
    config->route_nodes = aq_arena_zalloc(&config->arena, sizeof(*config->route_nodes) * room);
    for (struct conf_node *node = section->first; node; node = node->next) {
        if (node->type != CONF_GROUP) {
            conf_diag(&config->diags, CONF_ERROR, node->pos,
                      "a route is a group, not a %s: { name = \"…\"; … }", conf_type_name(node->type));
            continue;
        }
        size_t index = config->n_routes++;
        config->route_nodes[index] = node;
        br_route_read(node, config->clusters, config->n_clusters, config->libraries[compat_of(node)],
                      &config->arena, &config->diags, &config->routes[index]);
        check_route_name(config, index);
    }
}

/* ---- streams ------------------------------------------------------------------------------------------- */

static void read_streams(struct cli_config *config, struct conf_node *section)
{
    config->has_streams = true;
    st_settings_read(section, config->clusters, config->n_clusters, &config->arena, &config->diags,
                     &config->settings);
    if (config->settings.topology)
        st_form_topology(&config->settings, config->libraries[XF_SAFE], &config->arena, &config->diags,
                         &config->streams);
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

static void read_sections(struct cli_config *config)
{
    struct conf_node *root = config->doc->root;
    struct root sections;
    opt_read(root_rows, root, "configuration", NULL, &config->arena, &sections, &config->diags);
    read_clusters(config, root);
    struct conf_node *routes = route_section(config, root), *streams = conf_get(root, "streams");
    if (streams && streams->faulty) streams = NULL;
    if (!has_setting(root, "routes") && !has_setting(root, "streams"))
        conf_diag(&config->diags, CONF_ERROR, root->pos,
                  "configuration: there is nothing to run: the file has neither 'routes' nor 'streams'");
    read_transforms(config, root, routes, streams != NULL);
    if (routes) read_routes(config, routes);
    if (streams) read_streams(config, streams);
    struct conf_node *http = conf_get(root, "http");
    if (http && !http->faulty && http->type != CONF_GROUP)
        conf_diag(&config->diags, CONF_ERROR, http->pos,
                  "http is a group: http = { listen = \"127.0.0.1:9464\"; };");
    else if (http && !http->faulty)
        http_read(http, &config->arena, &config->diags, &config->http);
    cli_lint(config);
}

bool cli_config_load(struct cli_config *config, const char *path, const char *text,
                     const struct conf_override *overrides, size_t n_overrides)
{
    memset(config, 0, sizeof(*config));
    conf_diags_init(&config->diags);
    aq_arena_init(&config->arena, 16384);
    int rc = text ? conf_load_text(path, text, overrides, n_overrides, &config->diags, &config->doc)
                  : conf_load(path, overrides, n_overrides, &config->diags, &config->doc);
    AQ_ASSERT(rc == 0 || config->diags.errors > 0);
    if (config->doc && config->doc->root) read_sections(config);
    return config->diags.errors == 0;
}

void cli_config_finish(struct cli_config *config)
{
    for (size_t i = 0; i < config->n_routes; i++) br_route_finish(&config->routes[i]);
    st_formed_finish(&config->streams);
    for (size_t i = 0; i < 2; i++) {
        if (config->libraries[i]) xf_library_destroy(config->libraries[i]);
    }
    if (config->doc) conf_doc_destroy(config->doc);
    conf_diags_finish(&config->diags);
    aq_arena_finish(&config->arena);
    memset(config, 0, sizeof(*config));
}

const char *cli_config_path(const struct cli_call *call)
{
    return call->file ? call->file : call->n_args > 0 ? call->args[0] : NULL;
}

int cli_config_open(struct cli_config *config, const struct cli_call *call)
{
    memset(config, 0, sizeof(*config));
    const char *path = cli_config_path(call);
    if (!path) return cli_usage_error(call, "which configuration? Name a file with -c FILE");
    if (call->file && call->n_args > 0)
        return cli_usage_error(call, "one configuration file, not both '%s' and '%s'", call->file,
                               call->args[0]);
    bool good = cli_config_load(config, path, NULL, call->overrides, call->n_overrides);
    if (!good || !call->quiet) conf_diags_print(&config->diags, stderr);
    if (good) return CLI_OK;
    fprintf(stderr, "%s: %zu error%s\n", path, config->diags.errors, config->diags.errors == 1 ? "" : "s");
    return CLI_CONFIG;
}

int cli_config_open_routes(struct cli_config *config, const struct cli_call *call)
{
    int rc = cli_config_open(config, call);
    if (rc != CLI_OK || config->n_routes > 0) return rc;
    fprintf(stderr, "%s: there is no section 'routes', so there is nothing for `aqueduct %s`\n",
            cli_config_path(call), call->command->name);
    return CLI_CONFIG;
}

int cli_config_open_streams(struct cli_config *config, const struct cli_call *call)
{
    int rc = cli_config_open(config, call);
    if (rc != CLI_OK || config->has_streams) return rc;
    fprintf(stderr, "%s: there is no section 'streams', so there is nothing for `aqueduct %s`\n",
            cli_config_path(call), call->command->name);
    return CLI_CONFIG;
}
