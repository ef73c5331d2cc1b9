/* SPDX-License-Identifier: Apache-2.0
 *
 * Sources: which topics they read, by name or by pattern (streams/topology/topology.h).
 *
 * Patterns are Java's, like those of routes, and compiled when the source is added; the node owns the compiled form until
 * the topology is destroyed. A pattern that backtracks without end gives up on a topic, which is an error: to leave the topic
 * out in silence would be to lose its records.
 *
 * Threads: asking is read-only, so any thread may; everything a match needs belongs to the call.
 */
#include "base/assert.h"
#include "streams/topology/node.h"
#include "transforms/java_regex.h"
#include "transforms/topic_name.h"

/* ---- adding one -------------------------------------------------------------------------------------------------- */

static int check_source_topics(const struct st_source_conf *conf, struct aq_err *err)
{
    for (size_t i = 0; i < conf->n_topics; i++) {
        const char *topic = conf->topics[i];
        const char *fault = topic_name_fault(aq_slice_str(topic));
        if (fault) return aq_fail(err, AQ_E_CONFIG, "the topic name '%s' %s", topic ? topic : "", fault);
        for (size_t j = 0; j < i; j++)
            if (strcmp(topic, conf->topics[j]) == 0)
                return aq_fail(err, AQ_E_CONFIG, "the topic '%s' is listed twice", topic);
    }
    return 0;
}

static int check_source(const struct st_source_conf *conf, struct java_regex *regex, struct aq_err *err)
{
    if (conf->n_topics > 0 && conf->pattern)
        return aq_fail(err, AQ_E_CONFIG, "it has topics and a pattern; make two sources of it");
    if (conf->n_topics > 0) return check_source_topics(conf, err);
    if (!conf->pattern) return aq_fail(err, AQ_E_CONFIG, "a source needs topics or a pattern");
    int rc = java_regex_compile(regex, conf->pattern, err);
    if (rc != 0) return err ? aq_err_in(err, "bad pattern") : rc;
    const char *never = java_regex_never_matches_topic(regex);
    if (!never) return 0;
    java_regex_free(regex);
    return aq_fail(err, AQ_E_CONFIG, "the pattern '%s' can match no topic: %s", conf->pattern, never);
}

int st_add_source(struct st_topology *topology, const char *name, const struct st_source_conf *conf,
                  struct aq_err *err)
{
    AQ_ASSERT(topology && conf && (conf->topics || conf->n_topics == 0));
    struct java_regex regex = {0};
    int rc = st_check_new_node(topology, ST_SOURCE, name, NULL, err);
    if (rc == 0) rc = check_source(conf, &regex, err);
    if (rc != 0) return st_refused(err, "source", name, rc);
    struct st_node *node = st_make_node(topology, ST_SOURCE, name, NULL);
    struct aq_arena *arena = &topology->arena;
    node->reset = conf->reset;
    node->extractor = conf->extractor;
    node->n_topics = conf->n_topics;
    node->topics = aq_arena_zalloc(arena, conf->n_topics * sizeof(*node->topics));
    for (size_t i = 0; i < conf->n_topics; i++) node->topics[i] = aq_arena_strdup(arena, conf->topics[i]);
    if (conf->pattern) {
        node->pattern = aq_arena_strdup(arena, conf->pattern);
        node->regex = aq_arena_alloc(arena, sizeof(regex));
        *node->regex = regex;
    }
    return 0;
}

/* ---- patterns ----------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), n = strlen(end);
    return len > n && strcmp(text + len - n, end) == 0;
}

/* Positions of an application, of ours or another, or of a route of the bridge. */
static bool is_state_topic(const char *topic)
{
    return ends_with(topic, ST_STATE_SUFFIX) ||
           (strncmp(topic, "aqueduct.", 9) == 0 && ends_with(topic, ".state"));
}

/* What the topology writes for itself would come back to it through a pattern as wide as ".*". */
static bool is_internal(const struct st_topology *topology, const char *topic)
{
    if (topic[0] == '_' && topic[1] == '_') return true;
    if (is_state_topic(topic)) return true;
    for (size_t i = 0; i < topology->n_nodes; i++) {
        const struct st_node *node = topology->nodes[i];
        if (node->type == ST_REPARTITION && strcmp(node->topic, topic) == 0) return true;
    }
    for (size_t i = 0; i < topology->n_stores; i++) {
        const char *changelog = topology->stores[i]->changelog;
        if (changelog && strcmp(changelog, topic) == 0) return true;
    }
    return false;
}

int st_pattern_takes(const struct st_topology *topology, const struct st_node *source, const char *topic,
                     struct aq_err *err)
{
    AQ_ASSERT(topology && source && topic && source->type == ST_SOURCE);
    if (!source->regex || is_internal(topology, topic)) return 0;
    struct java_matcher matcher;
    java_matcher_init(&matcher, source->regex);
    int rc = java_regex_match(source->regex->full, &matcher, aq_slice_str(topic), err);
    java_matcher_finish(&matcher);
    if (rc >= 0) return rc;
    return aq_fail(err, AQ_E_CONFIG,
                   "source '%s': the pattern '%s' gave up on the topic '%s'; make it simpler", source->name,
                   source->pattern, topic);
}
