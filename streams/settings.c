/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the settings of a streams application.
 *
 * An ordinary pass: the rows fill the struct (streams/settings_opts.c); `properties` adds what is written in Kafka's spelling and
 * collects what is the client's (streams/properties.c); names become things (cluster, serdes); then what belongs together only in
 * certain ways is looked at, and the flow is filled in for the layers below.
 * A failing one: every complaint has a place, and nothing stops at the first. When the rows themselves found errors the checks
 * between settings are left out: a setting with a bad value has its default, and a complaint about that would mislead.
 *
 * Invariant: settings without complaints are complete; nothing that reads them later checks for what is checked here.
 * Threads: the main thread; the settings are read-only afterwards.
 */
#include "streams/settings.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/properties.h"
#include "transforms/topic_name.h"

#define RESET_COMMAND   "aqueduct streams reset"
#define REQUEST_RECORDS 4000 /* several flights: a burst, as of a flush, goes out in few requests */

static const struct conf_node *child_of(const struct conf_node *group, const char *name)
{
    for (const struct conf_node *n = group->type == CONF_GROUP ? group->first : NULL; n; n = n->next)
        if (strcmp(n->name, name) == 0) return n;
    return NULL;
}

/* Where a setting stands: in the group, else in `properties`, else the group itself. */
static struct conf_pos place(const struct st_reading *r, const char *name)
{
    const struct conf_node *node = child_of(r->group, name);
    if (node) return node->value_pos.file || node->value_pos.origin ? node->value_pos : node->pos;
    for (size_t i = 0; i < r->n_given; i++)
        if (strcmp(r->given[i].row->name, name) == 0) return r->given[i].pos;
    return r->group->pos;
}

/* ---- what names stand for ------------------------------------------------------------------------------------------- */

static void unknown_cluster(const struct st_reading *r, const struct kc_cluster *clusters, size_t n)
{
    const char **names = aq_calloc(n + 1, sizeof(*names));
    for (size_t i = 0; i < n; i++) names[i] = clusters[i].name;
    const char *name = r->settings->cluster_name;
    const char *near = n > 0 ? conf_did_you_mean(name, names, n) : NULL;
    if (near) {
        conf_diag(r->diags, CONF_ERROR, place(r, "cluster"),
                  "streams: cluster: unknown cluster '%s'; did you mean '%s'?", name, near);
    } else {
        char *list = aq_arena_strdup(r->arena, n > 0 ? names[0] : "none");
        for (size_t i = 1; i < n; i++) list = aq_arena_printf(r->arena, "%s, %s", list, names[i]);
        conf_diag(r->diags, CONF_ERROR, place(r, "cluster"),
                  "streams: cluster: unknown cluster '%s'; clusters has: %s", name, list);
    }
    free(names);
}

/* One of `clusters`, or one made of bootstrap_servers; NULL after a complaint. */
static const struct kc_cluster *named_cluster(const struct st_reading *r, const struct kc_cluster *clusters,
                                              size_t n)
{
    const struct st_settings *s = r->settings;
    if (s->cluster_name && s->bootstrap_servers) {
        conf_diag(r->diags, CONF_ERROR, place(r, "bootstrap_servers"),
                  "streams: cluster and bootstrap_servers both name the cluster; leave one of them out");
        return NULL;
    }
    if (s->bootstrap_servers) {
        struct kc_cluster *made = aq_arena_zalloc(r->arena, sizeof(*made));
        kc_cluster_from_brokers("bootstrap_servers", s->bootstrap_servers, r->arena, made);
        return made;
    }
    if (!s->cluster_name) {
        /* One of a wrong type has been complained about. */
        if (!child_of(r->group, "cluster") && !child_of(r->group, "bootstrap_servers"))
            conf_diag(
                r->diags, CONF_ERROR, r->group->pos,
                "streams: which cluster? Write cluster = \"NAME\" or bootstrap_servers = \"HOST:PORT\"");
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        if (strcmp(clusters[i].name, s->cluster_name) == 0) return &clusters[i];
    unknown_cluster(r, clusters, n);
    return NULL;
}

/* The same cluster with the properties of the application's clients besides its own. */
static const struct kc_cluster *with_properties(const struct st_reading *r, const struct kc_cluster *cluster)
{
    if (r->n_client == 0) return cluster;
    struct kc_cluster *made = aq_arena_alloc(r->arena, sizeof(*made));
    *made = *cluster;
    made->properties =
        aq_arena_zalloc(r->arena, (cluster->n_properties + r->n_client) * sizeof(*made->properties));
    for (size_t i = 0; i < cluster->n_properties; i++) made->properties[i] = cluster->properties[i];
    for (size_t i = 0; i < r->n_client; i++) {
        const struct kc_property *property = &r->client[i];
        for (size_t k = 0; k < cluster->n_properties; k++)
            if (strcmp(cluster->properties[k].name, property->name) == 0)
                conf_diag(
                    r->diags, CONF_ERROR, property->pos,
                    "streams: properties: '%s' is set in clusters.%s.properties too; leave one of them out",
                    property->name, cluster->name);
        made->properties[made->n_properties++] = *property;
    }
    return made;
}

static const struct st_serde *find_serde(const struct st_reading *r, const char *option, const char *name)
{
    struct aq_err err = {0};
    if (!name) return NULL;
    const struct st_serde *serde = st_serde_find(name, &err);
    if (!serde) conf_diag(r->diags, CONF_ERROR, place(r, option), "streams: %s: %s", option, err.text);
    return serde;
}

/* ---- checks between settings ---------------------------------------------------------------------------------------- */

static void check_topic_name(const struct st_reading *r, const char *option, const char *name)
{
    const char *fault = name ? topic_name_fault(aq_slice_str(name)) : NULL;
    if (fault)
        conf_diag(r->diags, CONF_ERROR, place(r, option), "streams: %s: the name '%s' %s", option, name,
                  fault);
}

static void check_compression(const struct st_reading *r)
{
    static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    const size_t n = sizeof(codecs) / sizeof(codecs[0]);
    const char *given = r->settings->compression;
    for (size_t i = 0; i < n; i++)
        if (strcmp(codecs[i], given) == 0) return;
    const char *near = conf_did_you_mean(given, codecs, n);
    conf_diag(r->diags, CONF_ERROR, place(r, "compression_type"),
              "streams: compression_type: unknown value '%s'; %s%s%sallowed: none, gzip, snappy, lz4, zstd",
              given, near ? "did you mean '" : "", near ? near : "", near ? "'? " : "");
}

static void check_times(const struct st_reading *r)
{
    const struct st_settings *s = r->settings;
    bool transactional = s->guarantee == ST_EXACTLY_ONCE;
    if (transactional && s->transaction_timeout_ms < s->commit_interval_ms)
        conf_diag(
            r->diags, CONF_ERROR, place(r, "commit_interval_ms"),
            "streams: commit_interval_ms (%lld ms) must not be longer than transaction_timeout_ms (%lld ms): the "
            "brokers abort transactions that last longer",
            (long long)s->commit_interval_ms, (long long)s->transaction_timeout_ms);
    if (transactional && s->linger_ms > 0 && s->linger_ms >= s->commit_interval_ms)
        conf_diag(r->diags, CONF_WARNING, place(r, "linger_ms"),
                  "streams: linger_ms is not shorter than commit_interval_ms: every commit waits for it");
    if (s->session_timeout_ms < 6000)
        conf_diag(
            r->diags, CONF_WARNING, place(r, "session_timeout_ms"),
            "streams: session_timeout_ms below 6s is refused by brokers unless group.min.session.timeout.ms allows "
            "it");
}

static void check_sizes(const struct st_reading *r)
{
    const struct st_settings *s = r->settings;
    if (s->batch_bytes > s->in_flight_bytes)
        conf_diag(r->diags, CONF_ERROR, place(r, "batch_size"),
                  "streams: batch_size must not be larger than in_flight");
    if (s->threads > s->slots)
        conf_diag(r->diags, CONF_WARNING, place(r, "num_stream_threads"),
                  "streams: more threads than slots: some will have nothing to do");
    if (s->replication_factor == 0)
        conf_diag(r->diags, CONF_ERROR, place(r, "replication_factor"),
                  "streams: replication_factor: at least 1, or -1 for the brokers' default");
}

/* "host:port", or "[v6]:port". It goes behind an '@' in a client id, and into URLs. */
bool st_application_server_is_fine(const char *text)
{
    static const char host[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_[]:";
    const char *colon = strrchr(text, ':');
    size_t len = strlen(text);
    if (!colon || colon == text || len >= KC_ADDRESS_MAX || strspn(text, host) != len) return false;
    long port = strtol(colon + 1, NULL, 10);
    bool v6 = text[0] == '[' && colon[-1] == ']';
    return strspn(colon + 1, "0123456789") == strlen(colon + 1) && port > 0 && port < 65536 &&
           (v6 || memchr(text, ':', (size_t)(colon - text)) == NULL);
}

static void check_application_server(const struct st_reading *r)
{
    const char *text = r->settings->application_server;
    if (!text || st_application_server_is_fine(text)) return;
    conf_diag(r->diags, CONF_ERROR, place(r, "application_server"),
              "streams: application_server: '%s' is not HOST:PORT, such as app-1.example.org:9464", text);
}

/* The group tells processes, and their addresses, from client ids: what stands behind the prefix must stay findable. */
static void check_client_id(const struct st_reading *r)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const char *id = r->settings->client_id;
    size_t len = id ? strlen(id) : 1;
    if (!id || (len > 0 && len <= KC_CLIENT_PREFIX_MAX && strspn(id, allowed) == len)) return;
    conf_diag(r->diags, CONF_ERROR, place(r, "client_id"),
              "streams: client_id: '%s' is not 1 to %d letters, digits, '.', '_' and '-'", id,
              KC_CLIENT_PREFIX_MAX);
}

static void check_dead_letter(const struct st_reading *r)
{
    const struct st_settings *s = r->settings;
    if (!s->dead_letter_topic) return;
    check_topic_name(r, "errors_dead_letter_queue_topic_name", s->dead_letter_topic);
    if (s->on_deserialization == ST_ON_ERROR_FAIL && s->on_processing == ST_ON_ERROR_FAIL &&
        s->on_production == ST_ON_ERROR_FAIL)
        conf_diag(r->diags, CONF_WARNING, place(r, "errors_dead_letter_queue_topic_name"),
                  "streams: nothing is ever sent to '%s': no exception handler says continue",
                  s->dead_letter_topic);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

static void fill_flow(const struct st_reading *r)
{
    struct st_settings *s = r->settings;
    s->flow = (struct kc_flow){
        .noun = "application",
        .name = s->application_id,
        .group = s->application_id,
        .state_topic = aq_arena_printf(r->arena, "%s%s", s->application_id, ST_STATE_SUFFIX),
        .source = s->cluster,
        .sink = s->cluster,
        .tasks = (int32_t)s->slots,
        .exactly_once = s->guarantee == ST_EXACTLY_ONCE,
        .transactional_prefix = s->application_id,
        .commit_interval_ms = s->commit_interval_ms,
        .session_timeout_ms = s->session_timeout_ms,
        .transaction_timeout_ms = s->transaction_timeout_ms,
        .delivery_timeout_ms = s->delivery_timeout_ms,
        .linger_ms = s->linger_ms,
        .batch_bytes = s->batch_bytes,
        .batch_records = REQUEST_RECORDS,
        .in_flight_bytes = st_thread_share(s, s->in_flight_bytes),
        .compression = s->compression,
        .replication_factor = (int32_t)s->replication_factor,
        .workers = (int)s->threads,
        .instance_id = s->group_instance_id,
        .client_prefix = s->client_id,
        .address = s->application_server,
        .reset_command = RESET_COMMAND,
        .at_least_once_hint = "processing_guarantee = \"at_least_once\"",
    };
}

/* Its state topic is the longest name that is made of it without the topology's help. */
static void check_application_id(const struct st_reading *r)
{
    const char *id = r->settings->application_id;
    if (!id) {
        /* It may stand in properties, so the row cannot insist on it; one of a wrong type has been complained about. */
        if (!child_of(r->group, "application_id"))
            conf_diag(r->diags, CONF_ERROR, r->group->pos,
                      "streams: required option 'application_id' is missing");
        return;
    }
    check_topic_name(r, "application_id", id);
    if (strlen(id) + strlen(ST_STATE_SUFFIX) > TOPIC_NAME_MAX && strlen(id) <= TOPIC_NAME_MAX)
        conf_diag(
            r->diags, CONF_ERROR, place(r, "application_id"),
            "streams: application_id: '%s' is longer than %zu characters: the state topic is named after it",
            id, TOPIC_NAME_MAX - strlen(ST_STATE_SUFFIX));
}

void st_settings_read(struct conf_node *group, const struct kc_cluster *clusters, size_t n_clusters,
                      struct aq_arena *arena, struct conf_diags *diags, struct st_settings *ret)
{
    AQ_ASSERT(group && arena && diags && ret);
    memset(ret, 0, sizeof(*ret));
    struct st_reading r = {.group = group, .diags = diags, .arena = arena, .settings = ret};
    size_t before = diags->errors;
    opt_read(st_settings_table.rows, group, "streams", NULL, arena, ret, diags);
    st_properties_read(&r);
    bool rows_good = diags->errors == before;
    if (ret->topology && ret->topology->type != CONF_GROUP) {
        conf_diag(
            diags, CONF_ERROR, ret->topology->pos,
            "streams: topology is a group of named nodes, not a %s: topology = { NAME = { type = \"…\"; … }; };",
            conf_type_name(ret->topology->type));
        ret->topology = NULL;
    }
    check_application_id(&r);
    const struct kc_cluster *cluster = named_cluster(&r, clusters, n_clusters);
    if (cluster) ret->cluster = with_properties(&r, cluster);
    ret->key_serde = find_serde(&r, "default_key_serde", ret->key_serde_name);
    ret->value_serde = find_serde(&r, "default_value_serde", ret->value_serde_name);
    if (ret->commit_interval_ms == 0)
        ret->commit_interval_ms = ret->guarantee == ST_EXACTLY_ONCE ? 100 : 30000;
    if (rows_good) {
        check_times(&r);
        check_sizes(&r);
        check_compression(&r);
        check_dead_letter(&r);
        check_application_server(&r);
        check_client_id(&r);
        /* Kafka's rule for it is that of topic names. */
        check_topic_name(&r, "group_instance_id", ret->group_instance_id);
    }
    free(r.given);
    if (diags->errors == before) fill_flow(&r);
}
