/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings in Kafka's spelling: properties = ["commit.interval.ms=100", "consumer.fetch.min.bytes=1024"].
 *
 * An ordinary pass over an item: the name is looked for among the rows of the settings, with underscores for dots, as it is and
 * without the prefix of a client ("producer.linger.ms" is the setting linger_ms). A row reads the value as it would read it in
 * the group. What is no setting is for the client library (kafka/property.h), with which the cluster of the application is made.
 * A failing one: the complaint stands at the item; a setting that the group has too, or another item, is an error.
 *
 * Prefixes: properties of the client are kept for a cluster, not for a kind of client, so a prefix is taken only where the
 * client library knows the property for that kind alone; elsewhere it would promise what does not happen.
 */
#include "streams/properties.h"

#include <ctype.h>

#include "base/assert.h"
#include "base/mem.h"
#include "conf/secret.h"
#include "kafka/property.h"

struct prefix {
    const char *text;
    bool producer, consumer; /* what kind of client it is for; neither: refused */
    const char *refusal;
};

static const struct prefix prefixes[] = {
    {"producer.", true, false, NULL},
    {"consumer.", false, true, NULL},
    {"main.consumer.", false, true, NULL},
    {"restore.consumer.", false, false, "changelogs are read with the settings of the main consumer"},
    {"global.consumer.", false, false, "this version has no global tables"},
    {"admin.", false, false,
     "administration goes through the clients that are there: write the name without it"},
    {"topic.", false, false, "configs of internal topics are set by the program"},
};
#define N_PREFIXES (sizeof(prefixes) / sizeof(prefixes[0]))

/* One item, taken apart. */
struct item {
    const char *text;
    struct conf_pos pos;
    char *name;
    char *value;
    const struct prefix *prefix; /* NULL: none */
    const char *bare;            /* the name without the prefix */
};

/* A name may be as long as it likes; one that does not fit is no setting. */
static const struct opt_row *find_row(const char *dotted)
{
    char name[96];
    size_t len = strlen(dotted);
    if (len >= sizeof(name)) return NULL;
    for (size_t i = 0; i <= len; i++) name[i] = dotted[i] == '.' ? '_' : dotted[i];
    for (const struct opt_row *row = st_settings_table.rows; row->name; row++)
        if (strcmp(row->name, name) == 0) return row;
    return NULL;
}

static char *trimmed(struct aq_arena *arena, const char *from, size_t len)
{
    while (len && isspace((unsigned char)*from)) from++, len--;
    while (len && isspace((unsigned char)from[len - 1])) len--;
    return aq_arena_printf(arena, "%.*s", (int)len, from);
}

static bool split_item(struct st_reading *r, struct item *item)
{
    const char *equals = strchr(item->text, '=');
    if (!equals || equals == item->text) {
        conf_diag(r->diags, CONF_ERROR, item->pos,
                  "streams: properties: a property is written \"name=value\"");
        return false;
    }
    item->name = trimmed(r->arena, item->text, (size_t)(equals - item->text));
    item->value = trimmed(r->arena, equals + 1, strlen(equals + 1));
    item->bare = item->name;
    for (size_t i = 0; i < N_PREFIXES && !item->prefix; i++) {
        size_t len = strlen(prefixes[i].text);
        if (strncmp(item->name, prefixes[i].text, len) != 0) continue;
        item->prefix = &prefixes[i];
        item->bare = item->name + len;
    }
    return true;
}

/* ---- settings -------------------------------------------------------------------------------------------------------- */

static bool is_repeated(struct st_reading *r, const struct item *item, const struct opt_row *row)
{
    for (const struct conf_node *n = r->group->first; n; n = n->next) {
        if (strcmp(n->name, row->name) != 0) continue;
        conf_diag(r->diags, CONF_ERROR, item->pos,
                  "streams: properties: '%s' is set as %s in line %d already; leave one of them out",
                  item->name, row->name, n->pos.line);
        return true;
    }
    for (size_t i = 0; i < r->n_given; i++) {
        if (r->given[i].row != row) continue;
        conf_diag(r->diags, CONF_ERROR, item->pos, "streams: properties: '%s' is set twice", item->name);
        return true;
    }
    return false;
}

static void take_setting(struct st_reading *r, const struct item *item, const struct opt_row *row)
{
    if (row->kind == OPT_REFUSED) {
        conf_diag(r->diags, CONF_ERROR, item->pos, "streams: properties: '%s' is not supported: %s",
                  item->name, row->help);
        return;
    }
    if (row->kind == OPT_NODE || row->kind == OPT_STRINGS) {
        conf_diag(r->diags, CONF_ERROR, item->pos,
                  "streams: properties: '%s' is an option of the group, not a property", item->name);
        return;
    }
    if (is_repeated(r, item, row)) return;
    r->given[r->n_given++] = (struct st_given){row, item->pos};
    struct aq_err err = {0};
    if (opt_read_text(row, item->value, r->arena, r->settings, &err) != 0)
        conf_diag(r->diags, CONF_ERROR, item->pos, "streams: properties: %s: %s", item->name, err.text);
}

/* ---- properties of the client ----------------------------------------------------------------------------------------- */

/* What was probably meant, among the settings in Kafka's spelling. */
static const char *near_setting(struct st_reading *r, const char *name)
{
    const char *names[256];
    size_t n = 0;
    for (const struct opt_row *row = st_settings_table.rows; row->name; row++) {
        if (row->kind == OPT_REFUSED || row->kind == OPT_NODE) continue;
        char *dotted = aq_arena_strdup(r->arena, row->name);
        for (char *p = dotted; *p; p++)
            if (*p == '_') *p = '.';
        AQ_ASSERT(n < sizeof(names) / sizeof(names[0]));
        names[n++] = dotted;
    }
    return conf_did_you_mean(name, names, n);
}

static bool prefix_holds(struct st_reading *r, const struct item *item)
{
    if (!item->prefix) return true;
    bool producer = kc_property_applies(item->bare, true), consumer = kc_property_applies(item->bare, false);
    if (item->prefix->producer == producer && item->prefix->consumer == consumer) return true;
    if (producer && consumer)
        conf_diag(r->diags, CONF_ERROR, item->pos,
                  "streams: properties: '%s' holds for all clients of the application: write '%s'",
                  item->name, item->bare);
    else
        conf_diag(r->diags, CONF_ERROR, item->pos, "streams: properties: '%s' is no property of a %s",
                  item->bare, item->prefix->producer ? "producer" : "consumer");
    return false;
}

/* True when the client is to have it. */
static bool take_client(struct st_reading *r, const struct item *item)
{
    bool secret = conf_secret_property(item->bare);
    if (secret) conf_secret_remember(item->value);
    for (size_t i = 0; i < r->n_client; i++) {
        if (strcmp(r->client[i].name, item->bare) != 0) continue;
        conf_diag(r->diags, CONF_ERROR, item->pos, "streams: properties: '%s' is set twice", item->name);
        return false;
    }
    const char *near = kc_property_is_known(item->bare) ? NULL : near_setting(r, item->bare);
    if (near) {
        conf_diag(r->diags, CONF_ERROR, item->pos,
                  "streams: properties: unknown property '%s'; did you mean '%s'?", item->name, near);
        return false;
    }
    if (!kc_property_check(item->bare, item->value, item->pos, r->diags) || !prefix_holds(r, item))
        return false;
    r->client[r->n_client++] = (struct kc_property){item->bare, item->value, secret, item->pos};
    return true;
}

/* ---- the whole -------------------------------------------------------------------------------------------------------- */

/* True when the item stays in the list of what is the client's. */
static bool take_item(struct st_reading *r, struct item *item)
{
    if (!split_item(r, item)) return false;
    if (item->prefix && item->prefix->refusal) {
        conf_diag(r->diags, CONF_ERROR, item->pos, "streams: properties: '%s' is not supported: %s",
                  item->name, item->prefix->refusal);
        return false;
    }
    const struct opt_row *row = find_row(item->bare);
    if (!row) return take_client(r, item);
    take_setting(r, item, row);
    return false;
}

void st_properties_read(struct st_reading *r)
{
    AQ_ASSERT(r && r->group && r->settings && !r->given);
    struct opt_strings *list = &r->settings->properties;
    r->given = aq_calloc(list->count + 1, sizeof(*r->given));
    r->client = aq_arena_zalloc(r->arena, (list->count + 1) * sizeof(*r->client));
    const char **items = aq_arena_zalloc(r->arena, (list->count + 1) * sizeof(*items));
    struct conf_pos *places = aq_arena_zalloc(r->arena, (list->count + 1) * sizeof(*places));
    size_t n = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct item item = {.text = list->items[i], .pos = list->places ? list->places[i] : r->group->pos};
        if (!take_item(r, &item)) continue;
        items[n] = item.text;
        places[n++] = item.pos;
    }
    *list = (struct opt_strings){items, places, n};
}
