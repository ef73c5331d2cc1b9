/* SPDX-License-Identifier: Apache-2.0
 *
 * `clusters.NAME`: brokers, client properties, and how long the first contact may take.
 */
#include "kafka/cluster.h"

#include <ctype.h>
#include <stddef.h>
#include <strings.h>

#include "base/assert.h"
#include "conf/secret.h"
#include "kafka/property.h"

static const struct opt_row rows[] = {
    {
        .name = "brokers",
        .kind = OPT_STRING,
        .offset = offsetof(struct kc_cluster, brokers),
        .min = 1,
        .flags = OPT_REQUIRED,
        .reload = OPT_RELOAD_PROCESS,
        .help =
            "Addresses for the first contact, host:port, separated by commas. The others are learned from the brokers.",
    },
    {
        .name = "properties",
        .kind = OPT_STRINGS,
        .offset = offsetof(struct kc_cluster, raw_properties),
        .reload = OPT_RELOAD_PROCESS,
        .help =
            "Properties of the client library as \"name=value\", one per item. Those this program must set itself, and "
            "those that could run or load code, are refused with the reason.",
    },
    {
        .name = "connect_timeout",
        .kind = OPT_DURATION,
        .offset = offsetof(struct kc_cluster, connect_timeout_ms),
        .def = "10s",
        .min = 100,
        .max = 600000,
        .reload = OPT_RELOAD_PROCESS,
        .help = "How long the first contact at start may take. A running process tries for ever.",
    },
    {.name = NULL},
};

const struct opt_table kc_cluster_table = {
    .name = "cluster",
    .kind = "section",
    .summary = "How to reach a cluster.",
    .rows = rows,
    .example = "dc1 = {\n"
               "  brokers = \"k1.dc1:9093,k2.dc1:9093\";\n"
               "  properties = [ \"security.protocol=SASL_SSL\", \"sasl.mechanism=SCRAM-SHA-512\",\n"
               "                 \"sasl.username=aqueduct\", \"sasl.password=${DC1_PASSWORD:-secret}\" ];\n"
               "};\n",
};

/* The schema registry belongs to the transforms. */
static const char *const others[] = {"registry", NULL};

static char *trimmed(struct aq_arena *arena, const char *from, size_t len)
{
    while (len && isspace((unsigned char)*from)) from++, len--;
    while (len && isspace((unsigned char)from[len - 1])) len--;
    return aq_arena_printf(arena, "%.*s", (int)len, from);
}

static bool is_repeated(const struct kc_cluster *cluster, const char *name)
{
    for (size_t i = 0; i < cluster->n_properties; i++) {
        if (strcmp(cluster->properties[i].name, name) == 0) return true;
    }
    return false;
}

static void read_property(const char *text, struct conf_pos pos, struct aq_arena *arena,
                          struct conf_diags *diags, struct kc_cluster *ret)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text) {
        conf_diag(diags, CONF_ERROR, pos, "a client property is written \"name=value\"");
        return;
    }
    char *name = trimmed(arena, text, (size_t)(equals - text));
    char *value = trimmed(arena, equals + 1, strlen(equals + 1));
    bool secret = conf_secret_property(name);
    if (secret) conf_secret_remember(value);
    if (is_repeated(ret, name)) {
        conf_diag(diags, CONF_ERROR, pos, "client property '%s' is written twice", name);
        return;
    }
    if (!kc_property_check(name, value, pos, diags)) return;
    ret->properties[ret->n_properties++] = (struct kc_property){name, value, secret, pos};
}

void kc_cluster_read(struct conf_node *group, struct aq_arena *arena, struct conf_diags *diags,
                     struct kc_cluster *ret)
{
    AQ_ASSERT(group);
    *ret = (struct kc_cluster){0};
    char what[256];
    conf_node_path(group, what, sizeof(what));
    opt_read(rows, group, what, others, arena, ret, diags);
    ret->name = group->name;
    ret->properties = aq_arena_zalloc(arena, (ret->raw_properties.count + 1) * sizeof(*ret->properties));
    for (size_t i = 0; i < ret->raw_properties.count; i++) {
        struct conf_pos pos = ret->raw_properties.places ? ret->raw_properties.places[i] : group->pos;
        read_property(ret->raw_properties.items[i], pos, arena, diags, ret);
    }
}

void kc_cluster_from_brokers(const char *name, const char *brokers, struct aq_arena *arena,
                             struct kc_cluster *ret)
{
    AQ_ASSERT(name && brokers);
    *ret = (struct kc_cluster){0};
    opt_defaults(rows, arena, ret);
    ret->name = aq_arena_strdup(arena, name);
    ret->brokers = aq_arena_strdup(arena, brokers);
}

bool kc_cluster_is_plaintext(const struct kc_cluster *cluster)
{
    for (size_t i = 0; i < cluster->n_properties; i++) {
        if (strcmp(cluster->properties[i].name, "security.protocol") != 0) continue;
        return strcasecmp(cluster->properties[i].value, "ssl") != 0 &&
               strcasecmp(cluster->properties[i].value, "sasl_ssl") != 0;
    }
    return true; /* the client's default */
}
