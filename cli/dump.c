/* SPDX-License-Identifier: Apache-2.0
 *
 * `aqueduct dump`: the configuration as the program understands it, every option with its value, defaults
 * marked. The output is a configuration file again; where no secret is involved it means the same.
 *
 * An ordinary pass: every section is printed by its own option rows into memory; then what must hold for the
 * text as a whole is done in one place: remembered secrets are masked, and "${" is written "$${", because all
 * expansion has happened and must not happen again when the dump is loaded.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aqueduct_version.h"
#include "base/assert.h"
#include "base/mem.h"
#include "cli/config.h"
#include "cli/exit.h"
#include "conf/secret.h"
#include "transforms/library.h"

static void dump_clusters(const struct cli_config *config, FILE *out)
{
    fputs("clusters = {\n", out);
    for (size_t i = 0; i < config->n_clusters; i++) {
        fprintf(out, "    %s = {\n", config->clusters[i].name);
        opt_print_effective(kc_cluster_table.rows, &config->clusters[i], 8, out);
        fputs("    };\n", out);
    }
    fputs("};\n", out);
}

static void dump_entry(const struct xf_entry *entry, FILE *out)
{
    const struct xf_kind *kind = entry->kind;
    AQ_ASSERT(kind); /* a library with errors is never dumped */
    fprintf(out, "    %s = {\n        type = \"%s\";\n", entry->name, kind->name);
    if (kind->flags & XF_HAS_PART)
        fprintf(out, "        on = \"%s\";\n", entry->part == XF_PART_KEY ? "key" : "value");
    if (entry->predicate) fprintf(out, "        predicate = \"%s\";\n", entry->predicate->name);
    if (entry->predicate && entry->negate) fputs("        negate = true;\n", out);
    if (kind->rows) opt_print_effective(kind->rows, entry->conf, 8, out);
    fputs("    };\n", out);
}

static void dump_entries(const char *name, const struct xf_entries *entries, FILE *out)
{
    if (entries->count == 0) return;
    fprintf(out, "%s = {\n", name);
    for (size_t i = 0; i < entries->count; i++) dump_entry(&entries->list[i], out);
    fputs("};\n", out);
}

static void dump_route(const struct br_route *route, FILE *out)
{
    fputs("    {\n", out);
    opt_print_effective(br_route_table.rows, route, 8, out);
    fputs("        errors = {\n", out);
    opt_print_effective(br_errors_table.rows, route, 12, out);
    fputs("        };\n        format = {\n", out);
    opt_print_effective(br_format_table.rows, route, 12, out);
    fputs("        };\n    }", out);
}

/* ["a", "b"] */
static void dump_names(const struct conf_node *list, int indent, FILE *out)
{
    const struct opt_row rows[] = {{.name = list->name, .kind = OPT_STRINGS}, {.name = NULL}};
    const char **items = aq_calloc((size_t)list->count + 1, sizeof(*items));
    size_t n = 0;
    for (const struct conf_node *item = list->first; item; item = item->next)
        if (item->type == CONF_STRING) items[n++] = item->string;
    const struct opt_strings strings = {.items = items, .count = n};
    opt_print_effective(rows, &strings, indent, out);
    free(items);
}

static void dump_scalar(const struct conf_node *n, int indent, FILE *out)
{
    enum opt_kind kind = n->type == CONF_STRING ? OPT_STRING : n->type == CONF_BOOL ? OPT_BOOL : OPT_INT;
    if (n->type == CONF_FLOAT) {
        fprintf(out, "%*s%s = %.17g;\n", indent, "", n->name, n->real);
        return;
    }
    const struct opt_row rows[] = {{.name = n->name, .kind = kind}, {.name = NULL}};
    int64_t integer = n->type == CONF_INT ? n->integer : 0;
    const void *value = kind == OPT_STRING ? (const void *)&n->string
                        : kind == OPT_BOOL ? (const void *)&n->boolean
                                           : (const void *)&integer;
    opt_print_effective(rows, value, indent, out);
}

static void dump_raw(const struct conf_node *n, int indent, FILE *out);

static void dump_inside(const struct conf_node *group, int indent, FILE *out)
{
    fputs("{\n", out);
    for (const struct conf_node *n = group->first; n; n = n->next) dump_raw(n, indent + 4, out);
    fprintf(out, "%*s}", indent, "");
}

static void dump_groups(const struct conf_node *list, int indent, FILE *out)
{
    fprintf(out, "%*s%s = (\n", indent, "", list->name);
    for (const struct conf_node *n = list->first; n; n = n->next) {
        fprintf(out, "%*s", indent + 4, "");
        dump_inside(n, indent + 4, out);
        fputs(n->next ? ",\n" : "\n", out);
    }
    fprintf(out, "%*s);\n", indent, "");
}

/* What an option hands out as it is: what is in it is named by the user. Lists are of groups or of names. */
static void dump_raw(const struct conf_node *n, int indent, FILE *out)
{
    bool list = n->type == CONF_LIST || n->type == CONF_ARRAY;
    if (list && n->first && n->first->type == CONF_GROUP) {
        dump_groups(n, indent, out);
    } else if (list) {
        dump_names(n, indent, out);
    } else if (n->type == CONF_GROUP) {
        fprintf(out, "%*s%s = ", indent, "", n->name);
        dump_inside(n, indent, out);
        fputs(";\n", out);
    } else {
        dump_scalar(n, indent, out);
    }
}

static void dump_node(const struct st_formed_node *node, FILE *out)
{
    static const struct opt_row from[] = {{.name = "from", .kind = OPT_STRINGS}, {.name = NULL}};
    fprintf(out, "        %s = {\n            type = \"%s\";\n", node->name, node->form->name);
    bool own = node->form->read_from != NULL; /* the form's rows have it */
    if (!own) opt_print_effective(from, &node->from, 12, out);
    opt_print_effective(node->form->rows, node->conf, 12, out);
    for (const struct opt_row *row = node->form->rows; row->name; row++) {
        const struct conf_node *group = NULL;
        if (row->kind == OPT_NODE) memcpy(&group, (const char *)node->conf + row->offset, sizeof(group));
        if (group) dump_raw(group, 12, out);
    }
    fputs("        };\n", out);
}

static void dump_streams(const struct cli_config *config, FILE *out)
{
    if (!config->has_streams) return;
    fputs("streams = {\n", out);
    opt_print_effective(st_settings_table.rows, &config->settings, 4, out);
    fputs("    topology = {\n", out);
    for (size_t i = 0; i < config->streams.n_nodes; i++) dump_node(&config->streams.nodes[i], out);
    fputs("    };\n};\n", out);
}

static void dump_routes(const struct cli_config *config, FILE *out)
{
    if (config->n_routes == 0) return;
    fputs("routes = (\n", out);
    for (size_t i = 0; i < config->n_routes; i++) {
        dump_route(&config->routes[i], out);
        fputs(i + 1 < config->n_routes ? ",\n" : "\n", out);
    }
    fputs(");\n", out);
}

static void dump_all(const struct cli_config *config, FILE *out)
{
    if (config->n_clusters > 0) dump_clusters(config, out);
    const struct xf_library *library = config->libraries[XF_SAFE];
    if (!library) library = config->libraries[XF_CONNECT];
    AQ_ASSERT(library);
    dump_entries("predicates", &library->predicates, out);
    dump_entries("transforms", &library->transforms, out);
    dump_routes(config, out);
    dump_streams(config, out);
    if (!config->http.enabled) return;
    fputs("http = {\n", out);
    opt_print_effective(http_table.rows, &config->http, 4, out);
    fputs("};\n", out);
}

static void print_escaped(const char *text, FILE *out)
{
    char before = '\0';
    for (; *text; before = *text++) {
        if (text[0] == '$' && text[1] == '{' && before != '$') fputc('$', out);
        fputc(*text, out);
    }
}

static int run_dump(struct cli_call *call)
{
    struct cli_config config;
    int rc = cli_config_open(&config, call);
    if (rc == CLI_USAGE) return rc;
    if (rc == CLI_OK) {
        char *text = NULL;
        size_t len = 0;
        FILE *memory = open_memstream(&text, &len);
        AQ_ASSERT(memory);
        dump_all(&config, memory);
        fclose(memory);
        conf_mask(text);
        printf("# aqueduct %s: effective configuration of %s\n", AQUEDUCT_VERSION, cli_config_path(call));
        print_escaped(text, stdout);
        free(text);
    }
    cli_config_finish(&config);
    return rc;
}

const struct cli_command cli_command_dump = {
    .name = "dump",
    .usage = "[FILE]",
    .summary = "Prints the effective configuration, defaults marked, secrets masked.",
    .text = "Every option with the value in force, after overrides (-s) and expansion; those that are not in "
            "the file are marked # default. Secrets are printed as ***. The output is a configuration file "
            "itself.\n"
            "\n"
            "  aqueduct dump -c aqueduct.conf -s routes.orders.workers=2 | grep workers",
    .max_args = 1,
    .run = run_dump,
};
