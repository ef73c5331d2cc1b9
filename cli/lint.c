/* SPDX-License-Identifier: Apache-2.0
 *
 * What only the whole configuration shows: two flows that end in one topic, records on unencrypted wires.
 * Warnings: each of them can be meant.
 *
 * Regular expressions cannot be compared, so the topics that are written out literally anywhere are followed
 * through every route that takes them; that finds the copied route whose chain was forgotten, which is how it
 * happens.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "cli/config.h"

#define TOPIC_MAX 256

/* One literal topic on its way through one route. */
struct flow {
    size_t route;
    const char *from;
    char to[TOPIC_MAX];
};

struct flows {
    struct flow *list;
    size_t count;
    size_t cap;
    bool *told; /* one warning per pair of routes: [first * n_routes + second] */
};

static struct conf_pos topics_pos(const struct cli_config *config, size_t route)
{
    const struct br_route *r = &config->routes[route];
    if (r->topics.count > 0 && r->topics.places) return r->topics.places[0];
    return config->route_nodes[route]->pos;
}

static void complain_same_sink(struct cli_config *config, const struct flow *a, const struct flow *b)
{
    const struct br_route *first = &config->routes[a->route];
    const struct br_route *second = &config->routes[b->route];
    if (a->route == b->route)
        conf_diag(&config->diags, CONF_WARNING, topics_pos(config, b->route),
                  "route '%s' writes both '%s' and '%s' into topic '%s' of cluster '%s'", first->name,
                  a->from, b->from, b->to, second->to);
    else
        conf_diag(
            &config->diags, CONF_WARNING, topics_pos(config, b->route),
            "routes '%s' and '%s' both write into topic '%s' of cluster '%s'; partition order holds within a "
            "route only",
            first->name, second->name, b->to, second->to);
}

static void add_flow(struct cli_config *config, struct flows *flows, size_t route, const char *topic)
{
    const struct br_route *r = &config->routes[route];
    if (!r->filter || !r->chain || !r->to || !br_topic_filter_takes(r->filter, topic)) return;
    struct flow flow = {.route = route, .from = topic};
    if (!xf_chain_map_topic(r->chain, topic, flow.to, sizeof(flow.to))) return;
    for (size_t i = 0; i < flows->count; i++) {
        const struct flow *other = &flows->list[i];
        if (strcmp(config->routes[other->route].to, r->to) != 0 || strcmp(other->to, flow.to) != 0) continue;
        if (other->route == route && strcmp(other->from, topic) == 0)
            return; /* the same literal named twice */
        bool *told = &flows->told[other->route * config->n_routes + route];
        if (!*told) complain_same_sink(config, other, &flow);
        *told = true;
        return;
    }
    if (flows->count == flows->cap) {
        flows->cap = flows->cap ? 2 * flows->cap : 16;
        flows->list = aq_realloc(flows->list, flows->cap * sizeof(*flows->list));
    }
    flows->list[flows->count++] = flow;
}

static void lint_sink_topics(struct cli_config *config)
{
    if (config->n_routes == 0) return;
    struct flows flows = {.told = aq_calloc(config->n_routes * config->n_routes, sizeof(bool))};
    for (size_t named_by = 0; named_by < config->n_routes; named_by++) {
        const struct br_topic_filter *filter = config->routes[named_by].filter;
        if (!filter) continue;
        const char *const *names;
        size_t n = br_topic_filter_literals(filter, &names);
        for (size_t i = 0; i < n; i++) {
            for (size_t route = 0; route < config->n_routes; route++)
                add_flow(config, &flows, route, names[i]);
        }
    }
    free(flows.list);
    free(flows.told);
}

/* Every broker of the list on this machine: nobody listens on that wire. */
static bool all_loopback(const char *brokers)
{
    if (!brokers) return true;
    static const char *const local[] = {"localhost:", "127.", "[::1]", "::1"};
    for (const char *p = brokers; *p;) {
        while (*p == ' ' || *p == ',') p++;
        if (!*p) break;
        const char *scheme = strstr(p, "://");
        const char *comma = strchr(p, ',');
        if (scheme && (!comma || scheme < comma)) p = scheme + 3;
        bool is_local = false;
        for (size_t i = 0; i < sizeof(local) / sizeof(local[0]) && !is_local; i++)
            is_local = strncmp(p, local[i], strlen(local[i])) == 0;
        if (!is_local) return false;
        p = comma ? comma : p + strlen(p);
    }
    return true;
}

static void lint_plaintext(struct cli_config *config)
{
    for (size_t i = 0; i < config->n_clusters; i++) {
        const struct kc_cluster *cluster = &config->clusters[i];
        if (!cluster->brokers || !kc_cluster_is_plaintext(cluster) || all_loopback(cluster->brokers))
            continue;
        const struct conf_node *node = config->doc->root->first;
        while (node && strcmp(node->name, "clusters") != 0) node = node->next;
        for (node = node ? node->first : NULL; node; node = node->next) {
            if (strcmp(node->name, cluster->name) != 0) continue;
            conf_diag(&config->diags, CONF_WARNING, node->pos,
                      "clusters.%s: traffic is not encrypted; say \"security.protocol=SSL\" or SASL_SSL in "
                      "properties",
                      cluster->name);
            break;
        }
    }
}

/* An application that names its brokers itself: no group of `clusters` says how to reach them. */
static void lint_plaintext_streams(struct cli_config *config)
{
    const struct st_settings *settings = &config->settings;
    if (!config->has_streams || !settings->bootstrap_servers || !settings->cluster) return;
    if (!kc_cluster_is_plaintext(settings->cluster) || all_loopback(settings->bootstrap_servers)) return;
    const struct conf_node *node = config->doc->root->first;
    while (node && strcmp(node->name, "streams") != 0) node = node->next;
    AQ_ASSERT(node);
    conf_diag(&config->diags, CONF_WARNING, node->pos,
              "streams: traffic is not encrypted; say \"security.protocol=SSL\" or SASL_SSL in properties");
}

/* Other instances are told an address where nothing answers. */
static void lint_queries(struct cli_config *config)
{
    const struct st_settings *settings = &config->settings;
    if (!config->has_streams || !settings->application_server || http_shows_queries(&config->http)) return;
    const struct conf_node *node = config->doc->root->first;
    while (node && strcmp(node->name, "streams") != 0) node = node->next;
    AQ_ASSERT(node);
    conf_diag(&config->diags, CONF_WARNING, node->pos,
              "streams: application_server: nobody answers queries there: %s",
              config->http.enabled ? "say http.queries = \"on\"" : "there is no section http");
}

void cli_lint(struct cli_config *config)
{
    AQ_ASSERT(config->doc && config->doc->root);
    lint_sink_topics(config);
    lint_plaintext(config);
    lint_plaintext_streams(config);
    lint_queries(config);
}
