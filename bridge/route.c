/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading one entry of `routes`.
 *
 * An ordinary pass: the rows fill the struct (bridge/route_opts.c); then names become things (clusters, topic filter,
 * chain, group and state topic); then what belongs together only in certain ways is looked at.
 * A failing one: every complaint has a place, and nothing stops at the first. Only when the rows themselves found
 * errors are the checks between options left out: an option with a bad value has its default, and a complaint about that
 * would mislead.
 *
 * Invariant: a route without complaints is complete; nothing that reads it later checks for what is checked here.
 * Threads: the main thread; the route is read-only afterwards.
 */
#include "bridge/route.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "base/mem.h"
#include "kafka/topic_config.h"
#include "transforms/library.h"
#include "transforms/topic_name.h"

#define NAME_MAX_LEN 200 /* leaves room for the prefixes and suffixes of topics named after the route */
#define WHAT_MAX     300

#define DELIVERY_TIMEOUT_MS 120000

/* What the parts of reading hand on. */
struct reading {
    struct conf_node *group;
    struct conf_diags *diags;
    struct aq_arena *arena;
    struct br_route *route;
    char what[WHAT_MAX]; /* "routes.orders" */
};

static struct conf_node *child_of(const struct conf_node *group, const char *name)
{
    for (struct conf_node *n = group && group->type == CONF_GROUP ? group->first : NULL; n; n = n->next)
        if (n->name && strcmp(n->name, name) == 0) return n;
    return NULL;
}

/* Where an option stands; the group's place when it is not written down. */
static struct conf_pos place_in(const struct conf_node *group, const struct conf_node *fallback,
                                const char *name)
{
    const struct conf_node *node = child_of(group, name);
    if (!node) return group ? group->pos : fallback->pos;
    return node->value_pos.file || node->value_pos.origin ? node->value_pos : node->pos;
}

static struct conf_pos place(const struct reading *r, const char *name)
{
    return place_in(r->group, r->group, name);
}

static struct conf_pos item_place(const struct reading *r, const struct opt_strings *list, size_t i,
                                  const char *name)
{
    return list->places ? list->places[i] : place(r, name);
}

/* ---- the name ------------------------------------------------------------------------------------------------------- */

/* In a list the name is an option; in a group of named groups it is the group's. */
static void read_name(struct reading *r)
{
    struct br_route *route = r->route;
    const char *given = r->group->name;
    if (!route->name && !given) {
        /* A name of another type has been complained about. */
        if (!child_of(r->group, "name"))
            conf_diag(r->diags, CONF_ERROR, r->group->pos, "%s: required option 'name' is missing", r->what);
        return;
    }
    if (route->name && given && strcmp(route->name, given) != 0) {
        conf_diag(r->diags, CONF_ERROR, place(r, "name"), "%s: the route has two names, '%s' and '%s'",
                  r->what, given, route->name);
        return;
    }
    if (!route->name) route->name = given;
    size_t len = strlen(route->name);
    bool legal = len > 0 && len <= NAME_MAX_LEN;
    for (size_t i = 0; i < len; i++) legal = legal && topic_name_byte_legal((unsigned char)route->name[i]);
    if (!legal) {
        conf_diag(
            r->diags, CONF_ERROR, place(r, "name"),
            "%s: name: '%s' must be 1 to %d letters, digits, dots, underscores or hyphens: the group and the state "
            "topic on the sink are named after it",
            r->what, route->name, NAME_MAX_LEN);
        return;
    }
    route->group = aq_arena_printf(r->arena, "aqueduct.%s", route->name);
    route->state_topic = aq_arena_printf(r->arena, "aqueduct.%s.state", route->name);
}

/* ---- start_timestamp ------------------------------------------------------------------------------------------------ */

static bool parse_digits(const char **p, int count, int *ret)
{
    *ret = 0;
    for (int i = 0; i < count; i++) {
        if (!isdigit((unsigned char)(*p)[i])) return false;
        *ret = *ret * 10 + ((*p)[i] - '0');
    }
    *p += count;
    return true;
}

/* ":MM" and ":SS" may be missing, a fraction counts to the millisecond. */
static bool parse_clock(const char **p, struct tm *tm, int *ret_ms)
{
    if (!parse_digits(p, 2, &tm->tm_hour) || **p != ':') return false;
    (*p)++;
    if (!parse_digits(p, 2, &tm->tm_min)) return false;
    if (**p != ':') return true;
    (*p)++;
    if (!parse_digits(p, 2, &tm->tm_sec)) return false;
    if (**p != '.' && **p != ',') return true;
    (*p)++;
    if (!isdigit((unsigned char)**p)) return false;
    for (int unit = 100; isdigit((unsigned char)**p); (*p)++, unit /= 10) *ret_ms += unit * (**p - '0');
    return true;
}

/* "", "Z", "+02:00", "-0530". */
static bool parse_zone(const char **p, int64_t *ret_offset_ms)
{
    *ret_offset_ms = 0;
    if (**p == 'Z' || **p == 'z') {
        (*p)++;
        return true;
    }
    if (**p != '+' && **p != '-') return true;
    int sign = **p == '-' ? -1 : 1, hours, minutes;
    (*p)++;
    if (!parse_digits(p, 2, &hours)) return false;
    if (**p == ':') (*p)++;
    if (!parse_digits(p, 2, &minutes) || hours > 23 || minutes > 59) return false;
    *ret_offset_ms = sign * (hours * 60 + minutes) * 60000LL;
    return true;
}

/* ISO 8601, UTC where no zone is given. */
static bool parse_time(const char *text, int64_t *ret_ms)
{
    struct tm tm = {0};
    int year, month, ms = 0;
    int64_t zone = 0;
    const char *p = text;
    if (!parse_digits(&p, 4, &year) || *p++ != '-' || !parse_digits(&p, 2, &month) || *p++ != '-' ||
        !parse_digits(&p, 2, &tm.tm_mday))
        return false;
    if (*p == 'T' || *p == 't' || *p == ' ') {
        p++;
        if (!parse_clock(&p, &tm, &ms) || !parse_zone(&p, &zone)) return false;
    }
    if (*p || year < 1970 || month < 1 || month > 12 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 59)
        return false;
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    struct tm given = tm;
    time_t seconds = timegm(&tm);
    /* timegm() turns 31 February into March. */
    if (tm.tm_mday != given.tm_mday || tm.tm_mon != given.tm_mon) return false;
    *ret_ms = (int64_t)seconds * 1000 + ms - zone;
    return *ret_ms >= 0;
}

/* A number or a text: more than one kind of row, so it is read here. */
static void read_start_timestamp(struct reading *r)
{
    struct conf_node *node = child_of(r->group, "start_timestamp");
    if (!node) return;
    node->used = true;
    if (node->faulty) return;
    int64_t value = 0;
    bool good = true;
    if (node->type == CONF_INT) {
        value = node->integer;
        good = value >= -1;
    } else if (node->type == CONF_STRING) {
        char *end;
        errno = 0;
        value = strtoll(node->string, &end, 10);
        good = !errno && end != node->string && !*end && value >= 0;
        if (!good) good = parse_time(node->string, &value);
    } else {
        good = false;
    }
    if (good)
        r->route->start_timestamp = value;
    else
        conf_diag(
            r->diags, CONF_ERROR, place(r, "start_timestamp"),
            "%s: start_timestamp: must be milliseconds since 1970 or a time such as \"2024-05-01T12:00:00Z\"",
            r->what);
}

/* ---- what names stand for ------------------------------------------------------------------------------------------- */

static const struct kc_cluster *find_cluster(const struct reading *r, const char *option, const char *name,
                                             const struct kc_cluster *clusters, size_t n)
{
    if (!name) return NULL; /* required: was complained about */
    for (size_t i = 0; i < n; i++)
        if (strcmp(clusters[i].name, name) == 0) return &clusters[i];
    const char **names = aq_calloc(n + 1, sizeof(*names));
    for (size_t i = 0; i < n; i++) names[i] = clusters[i].name;
    const char *near = n > 0 ? conf_did_you_mean(name, names, n) : NULL;
    if (near)
        conf_diag(r->diags, CONF_ERROR, place(r, option), "%s: %s: unknown cluster '%s'; did you mean '%s'?",
                  r->what, option, name, near);
    else {
        char *list = aq_arena_strdup(r->arena, n > 0 ? names[0] : "none");
        for (size_t i = 1; i < n; i++) list = aq_arena_printf(r->arena, "%s, %s", list, names[i]);
        conf_diag(r->diags, CONF_ERROR, place(r, option), "%s: %s: unknown cluster '%s'; clusters has: %s",
                  r->what, option, name, list);
    }
    free(names);
    return NULL;
}

static void resolve(struct reading *r, const struct kc_cluster *clusters, size_t n_clusters,
                    struct xf_library *library)
{
    struct br_route *route = r->route;
    route->source = find_cluster(r, "from", route->from, clusters, n_clusters);
    route->sink = find_cluster(r, "to", route->to, clusters, n_clusters);
    if (route->topics.count > 0)
        route->filter = br_topic_filter_create(&route->topics, &route->exclude, r->diags);
    if (library)
        xf_chain_build(library, &route->chain_names, (enum xf_format)route->key_format,
                       (enum xf_format)route->value_format, route->partitioning == BR_PARTITION_SOURCE,
                       r->diags, &route->chain);
}

/* ---- checks between options ----------------------------------------------------------------------------------------- */

static bool has_router(const struct br_route *route, const struct xf_library *library)
{
    for (size_t i = 0; i < route->chain_names.count; i++) {
        const struct xf_entry *entry = xf_entries_find(&library->transforms, route->chain_names.items[i]);
        if (entry && entry->kind && xf_entry_routes(entry)) return true;
    }
    return false;
}

/* Within one cluster a record must not land where it came from, nor where it would be taken again. */
static void check_loop(struct reading *r, const struct xf_library *library)
{
    const struct br_route *route = r->route;
    if (!route->source || route->source != route->sink || !route->filter || !route->chain || !library) return;
    if (!has_router(route, library)) {
        conf_diag(
            r->diags, CONF_ERROR, place(r, "to"),
            "%s: from and to are the same cluster and no step of the chain changes the topic: every record would be "
            "copied into its own topic, for ever",
            r->what);
        return;
    }
    const char *const *names;
    size_t n = br_topic_filter_literals(route->filter, &names);
    for (size_t i = 0; i < n; i++) {
        char target[TOPIC_NAME_MAX + 8];
        if (!xf_chain_map_topic(route->chain, names[i], target, sizeof(target))) continue;
        if (!br_topic_filter_takes(route->filter, target)) continue;
        conf_diag(
            r->diags, CONF_ERROR, place(r, "topics"),
            "%s: from and to are the same cluster, and topic '%s' goes to '%s', which the route takes again: its "
            "records would be copied for ever",
            r->what, names[i], target);
    }
    conf_diag(r->diags, CONF_WARNING, place(r, "to"),
              "%s: from and to are the same cluster: topics must not take what the chain makes of them",
              r->what);
}

static void check_start(struct reading *r)
{
    const struct br_route *route = r->route;
    if (route->start == BR_START_TIMESTAMP && route->start_timestamp < 0)
        conf_diag(r->diags, CONF_ERROR, place(r, "start"), "%s: start = \"timestamp\" needs start_timestamp",
                  r->what);
    if (route->start != BR_START_TIMESTAMP && route->start_timestamp >= 0)
        conf_diag(r->diags, CONF_ERROR, place(r, "start_timestamp"),
                  "%s: start_timestamp would be ignored without start = \"timestamp\"", r->what);
    if (route->start_offset < -1)
        conf_diag(r->diags, CONF_ERROR, place(r, "start_offset"), "%s: start_offset: must not be negative",
                  r->what);
    else if (route->start == BR_START_OFFSET && route->start_offset < 0)
        conf_diag(r->diags, CONF_ERROR, place(r, "start"), "%s: start = \"offset\" needs start_offset",
                  r->what);
    if (route->start != BR_START_OFFSET && route->start_offset >= 0)
        conf_diag(r->diags, CONF_ERROR, place(r, "start_offset"),
                  "%s: start_offset would be ignored without start = \"offset\"", r->what);
    bool many = route->topics.count > 1 || (route->topics.count == 1 && route->topics.items[0][0] == '^');
    if (route->start == BR_START_OFFSET && route->start_offset >= 0 && many)
        conf_diag(r->diags, CONF_WARNING, place(r, "start_offset"),
                  "%s: start_offset holds for every partition of every topic of the route", r->what);
    if (route->start == BR_START_LATEST && route->stop_at_end)
        conf_diag(r->diags, CONF_WARNING, place(r, "start"),
                  "%s: with start = \"latest\" and stop_at_end the first run copies nothing", r->what);
}

static void check_times(struct reading *r)
{
    const struct br_route *route = r->route;
    bool transactional = route->delivery == BR_EXACTLY_ONCE;
    const char *which = child_of(r->group, "commit_interval") ? "commit_interval" : "transaction_timeout";
    if (transactional && route->commit_interval_ms * 2 > route->transaction_timeout_ms)
        conf_diag(
            r->diags, CONF_ERROR, place(r, which),
            "%s: commit_interval must be at most half of transaction_timeout: the sink aborts transactions that "
            "last longer",
            r->what);
    if (transactional && route->linger_ms > 0 && route->linger_ms >= route->commit_interval_ms)
        conf_diag(r->diags, CONF_WARNING,
                  place(r, child_of(r->group, "linger") ? "linger" : "commit_interval"),
                  "%s: linger is not shorter than commit_interval: every commit waits for it", r->what);
    if (route->session_timeout_ms < 6000)
        conf_diag(
            r->diags, CONF_WARNING, place(r, "session_timeout"),
            "%s: session_timeout below 6s is refused by brokers unless group.min.session.timeout.ms allows it",
            r->what);
    if (transactional && route->read_uncommitted)
        conf_diag(
            r->diags, CONF_WARNING, place(r, "isolation"),
            "%s: with isolation = \"read_uncommitted\" records that the source later aborts are copied too",
            r->what);
}

static void check_sizes(struct reading *r)
{
    const struct br_route *route = r->route;
    if (route->workers > route->tasks)
        conf_diag(r->diags, CONF_WARNING, place(r, child_of(r->group, "workers") ? "workers" : "tasks"),
                  "%s: more workers than tasks: some will have nothing to do", r->what);
    if (route->batch_bytes > route->in_flight_bytes)
        conf_diag(r->diags, CONF_ERROR,
                  place(r, child_of(r->group, "batch_size") ? "batch_size" : "in_flight"),
                  "%s: batch_size must not be larger than in_flight", r->what);
    if (route->bytes_per_second > 0 && route->bytes_per_second < 1024)
        conf_diag(r->diags, CONF_ERROR, place(r, "bytes_per_second"),
                  "%s: bytes_per_second: at least 1KiB, or 0 for no throttle (10MB/s is written \"10MB\")",
                  r->what);
    if (route->replication_factor == 0)
        conf_diag(r->diags, CONF_ERROR, place(r, "replication_factor"),
                  "%s: replication_factor: at least 1, or -1 for the brokers' default", r->what);
    static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    const size_t n_codecs = sizeof(codecs) / sizeof(codecs[0]);
    for (size_t i = 0; i < n_codecs; i++)
        if (strcmp(codecs[i], route->compression) == 0) return;
    const char *near = conf_did_you_mean(route->compression, codecs, n_codecs);
    conf_diag(r->diags, CONF_ERROR, place(r, "compression"),
              "%s: compression: unknown value '%s'; %s%s%sallowed: none, gzip, snappy, lz4, zstd", r->what,
              route->compression, near ? "did you mean '" : "", near ? near : "", near ? "'? " : "");
}

static void check_errors(struct reading *r)
{
    const struct br_route *route = r->route;
    const char *topic = route->dead_letter_topic;
    struct conf_pos at = place_in(route->errors, r->group, "dead_letter_topic");
    if (route->tolerance == BR_ERRORS_DEAD_LETTER && !topic) {
        conf_diag(r->diags, CONF_ERROR, place_in(route->errors, r->group, "tolerance"),
                  "%s.errors: tolerance = \"dead_letter\" needs dead_letter_topic", r->what);
        return;
    }
    if (!topic) return;
    if (route->tolerance != BR_ERRORS_DEAD_LETTER)
        conf_diag(r->diags, CONF_ERROR, at,
                  "%s.errors: dead_letter_topic would be ignored without tolerance = \"dead_letter\"",
                  r->what);
    const char *fault = topic_name_fault(aq_slice_str(topic));
    if (fault)
        conf_diag(r->diags, CONF_ERROR, at, "%s.errors: dead_letter_topic: the topic name '%s' %s", r->what,
                  topic, fault);
    else if (route->source && route->source == route->sink && route->filter &&
             br_topic_filter_takes(route->filter, topic))
        conf_diag(
            r->diags, CONF_ERROR, at,
            "%s.errors: the route takes its own dead_letter_topic '%s': a bad record would go round for ever",
            r->what, topic);
    if (route->state_topic && strcmp(topic, route->state_topic) == 0)
        conf_diag(r->diags, CONF_ERROR, at,
                  "%s.errors: dead_letter_topic: '%s' holds the positions of this route", r->what, topic);
}

/* ---- topic_configs -------------------------------------------------------------------------------------------------- */

static void check_config_name(struct reading *r, const char *name, struct conf_pos at)
{
    if (kc_topic_config_is_known(name)) return;
    size_t n;
    const char *const *known = kc_topic_configs(&n);
    const char *near = conf_did_you_mean(name, known, n);
    if (near)
        conf_diag(r->diags, CONF_ERROR, at,
                  "%s: topic_configs: unknown topic config '%s'; did you mean '%s'?", r->what, name, near);
    else /* brokers may know more than we do */
        conf_diag(r->diags, CONF_WARNING, at,
                  "%s: topic_configs: '%s' is no topic config of Kafka that is known here", r->what, name);
}

static void check_topic_configs(struct reading *r)
{
    const struct br_route *route = r->route;
    const struct opt_strings *list = &route->topic_configs;
    for (size_t i = 0; i < list->count; i++) {
        struct conf_pos at = item_place(r, list, i, "topic_configs");
        const char *equals = strchr(list->items[i], '=');
        size_t len = equals ? (size_t)(equals - list->items[i]) : 0;
        if (len == 0) {
            conf_diag(r->diags, CONF_ERROR, at, "%s: topic_configs: '%s' is not NAME=VALUE", r->what,
                      list->items[i]);
            continue;
        }
        char *name = aq_strndup(list->items[i], len);
        check_config_name(r, name, at);
        for (size_t j = 0; j < i; j++) {
            if (strncmp(list->items[j], list->items[i], len + 1) != 0) continue;
            conf_diag(r->diags, CONF_ERROR, at, "%s: topic_configs: '%s' is set twice", r->what, name);
            break;
        }
        free(name);
    }
    if (list->count > 0 && !route->create_topics)
        conf_diag(r->diags, CONF_WARNING, item_place(r, list, 0, "topic_configs"),
                  "%s: topic_configs is of no use with create_topics = false", r->what);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

static size_t read_part(struct reading *r, const struct opt_row *rows, const struct conf_node *part,
                        const char *name)
{
    char what[WHAT_MAX + 16];
    snprintf(what, sizeof(what), "%s.%s", r->what, name);
    /* The rows hand the sub-tree out read-only; reading it marks what was used. */
    return opt_read(rows, (struct conf_node *)part, what, NULL, r->arena, r->route, r->diags);
}

static void fill_flow(struct br_route *route)
{
    route->flow = (struct kc_flow){.noun = "route",
                                   .name = route->name,
                                   .group = route->group,
                                   .state_topic = route->state_topic,
                                   .source = route->source,
                                   .sink = route->sink,
                                   .tasks = (int32_t)route->tasks,
                                   .exactly_once = route->delivery == BR_EXACTLY_ONCE,
                                   .transactional_prefix = route->group,
                                   .commit_interval_ms = route->commit_interval_ms,
                                   .session_timeout_ms = route->session_timeout_ms,
                                   .transaction_timeout_ms = route->transaction_timeout_ms,
                                   .delivery_timeout_ms = DELIVERY_TIMEOUT_MS,
                                   .linger_ms = route->linger_ms,
                                   .batch_bytes = route->batch_bytes,
                                   .batch_records = BR_BATCH_RECORDS,
                                   .in_flight_bytes = route->in_flight_bytes,
                                   .compression = route->compression,
                                   .replication_factor = (int32_t)route->replication_factor,
                                   .workers = (int)route->workers,
                                   .reset_command = "aqueduct positions --reset earliest",
                                   .at_least_once_hint = "delivery = \"at_least_once\""};
}

void br_route_read(struct conf_node *group, const struct kc_cluster *clusters, size_t n_clusters,
                   struct xf_library *library, struct aq_arena *arena, struct conf_diags *diags,
                   struct br_route *ret)
{
    AQ_ASSERT(group && arena && diags && ret);
    static const char *const read_here[] = {"start_timestamp", NULL};
    struct reading r = {.group = group, .diags = diags, .arena = arena, .route = ret};
    memset(ret, 0, sizeof(*ret));
    conf_node_path(group, r.what, sizeof(r.what));
    size_t before = diags->errors;
    opt_read(br_route_table.rows, group, r.what, read_here, arena, ret, diags);
    read_part(&r, br_errors_table.rows, ret->errors, "errors");
    read_part(&r, br_format_table.rows, ret->format, "format");
    read_start_timestamp(&r);
    ret->read_uncommitted = ret->isolation == BR_READ_UNCOMMITTED;
    bool rows_good = diags->errors == before;
    read_name(&r);
    resolve(&r, clusters, n_clusters, library);
    check_topic_configs(&r);
    fill_flow(ret);
    if (!rows_good) return;
    check_loop(&r, library);
    check_start(&r);
    check_times(&r);
    check_sizes(&r);
    check_errors(&r);
    AQ_ASSERT(diags->errors > before ||
              (ret->name && ret->source && ret->sink && ret->filter && ret->group && ret->state_topic));
}

void br_route_finish(struct br_route *route)
{
    xf_chain_destroy(route->chain);
    br_topic_filter_destroy(route->filter);
    route->chain = NULL;
    route->filter = NULL;
}
