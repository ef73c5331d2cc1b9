/* SPDX-License-Identifier: Apache-2.0
 *
 * `aqueduct help`: finds a name among commands, configuration sections, transforms, predicates and forms and prints
 * its table as text, Markdown, roff or a sample. Whole documents are in cli/man.c.
 */
#include "cli/help.h"

#include <string.h>

#include "base/assert.h"
#include "bridge/route.h"
#include "cli/config.h"
#include "cli/exit.h"
#include "cli/text.h"
#include "http/http.h"
#include "kafka/cluster.h"
#include "streams/forms/form.h"
#include "streams/forms/form_group.h"
#include "streams/forms/form_windows.h"
#include "transforms/library.h"

const struct opt_table *const cli_sections[] = {
    &cli_root_table,  &kc_cluster_table,       &br_route_table,    &br_errors_table,
    &br_format_table, &xf_common_table,        &st_settings_table, &st_node_table,
    &st_window_table, &st_cogroup_input_table, &http_table,
};
const size_t cli_section_count = sizeof(cli_sections) / sizeof(cli_sections[0]);

struct opt_table cli_kind_table(const struct xf_kind *kind)
{
    static const struct opt_row no_options[] = {{.name = NULL}};
    return (struct opt_table){.name = kind->name,
                              .kind = kind->sort == XF_TRANSFORM ? "transform" : "predicate",
                              .summary = kind->summary,
                              .rows = kind->rows ? kind->rows : no_options,
                              .example = kind->example};
}

/* ---- options of the command line ----------------------------------------------------------------------- */

static void option_name(char *buf, size_t size, const struct cli_option *option)
{
    int n = option->letter ? snprintf(buf, size, "-%c, --%s", option->letter, option->name)
                           : snprintf(buf, size, "--%s", option->name);
    AQ_ASSERT(n > 0 && (size_t)n < size);
    if (option->argument) snprintf(buf + n, size - (size_t)n, " %s", option->argument);
}

void cli_help_options(const struct cli_option *options, enum opt_print form, FILE *out)
{
    for (const struct cli_option *o = options; o && o->name; o++) {
        char name[80];
        option_name(name, sizeof(name), o);
        switch (form) {
        case OPT_PRINT_TEXT:
        case OPT_PRINT_SAMPLE:
            fprintf(out, "  %s\n", name);
            cli_wrap(out, o->help, 6, 90);
            break;
        case OPT_PRINT_MARKDOWN: fprintf(out, "- `%s`: %s\n", name, o->help); break;
        case OPT_PRINT_MAN:
            fputs(".TP\n.B ", out);
            cli_roff(out, name);
            fputc('\n', out);
            cli_roff(out, o->help);
            fputc('\n', out);
            break;
        }
    }
}

static void command_text(const struct cli_command *command, FILE *out)
{
    fprintf(out, "usage: aqueduct %s %s\n\n%s\n\n", command->name, command->usage, command->summary);
    cli_paragraphs(out, command->text, OPT_PRINT_TEXT);
    if (command->options && command->options->name) {
        fputs("\nOptions:\n", out);
        cli_help_options(command->options, OPT_PRINT_TEXT, out);
    }
    fputs("\nCommon options:\n", out);
    cli_help_options(cli_common_options, OPT_PRINT_TEXT, out);
}

void cli_help_command(const struct cli_command *command, enum opt_print form, FILE *out)
{
    if (form == OPT_PRINT_TEXT || form == OPT_PRINT_SAMPLE) {
        command_text(command, out);
        return;
    }
    if (form == OPT_PRINT_MARKDOWN) {
        fprintf(out, "## aqueduct %s\n\n%s\n\n```\naqueduct %s %s\n```\n\n", command->name, command->summary,
                command->name, command->usage);
    } else {
        fprintf(out, ".SS %s\n.B aqueduct %s\n", command->name, command->name);
        cli_roff(out, command->usage);
        fputs("\n.PP\n", out);
    }
    cli_paragraphs(out, command->text, form);
    if (form == OPT_PRINT_MARKDOWN) fputc('\n', out);
    cli_help_options(command->options, form, out);
    if (form == OPT_PRINT_MARKDOWN && command->options) fputc('\n', out);
}

void cli_help_overview(FILE *out)
{
    fputs("usage: aqueduct [OPTION]... COMMAND [ARGUMENT]...\n\n"
          "Bridges Kafka clusters, with transforms, and runs streams topologies within one; exactly once.\n\n"
          "Commands:\n",
          out);
    for (size_t i = 0; i < cli_command_count; i++)
        fprintf(out, "  %-10s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
    fputs("\nCommon options, before or after the command:\n", out);
    cli_help_options(cli_common_options, OPT_PRINT_TEXT, out);
    fputs(
        "\n`aqueduct help NAME` explains a command, a configuration section, a transform, a predicate or a form;\n"
        "`aqueduct list` shows the names. No file at hand? `aqueduct demo` needs none, and\n"
        "`aqueduct mirror --from HOST:PORT --to HOST:PORT TOPIC` mirrors without one.\n",
        out);
}

void cli_help_table(const struct opt_table *table, enum opt_print form, FILE *out)
{
    opt_print_table(table, form, out);
    if (form == OPT_PRINT_TEXT && strcmp(table->kind, "form") == 0) {
        fputs("\n", out);
        cli_wrap(out, "Every node also has `type`, and all but sources `from` (`aqueduct help node`).", 0,
                 90);
    }
    bool step = strcmp(table->kind, "transform") == 0;
    if (!step || form != OPT_PRINT_TEXT) return;
    fputs("\n", out);
    cli_wrap(out,
             "Every transform also takes `predicate = \"NAME\"`, to run only for records that meet it, and "
             "`negate = true` to turn that round.",
             0, 90);
}

/* ---- the command --------------------------------------------------------------------------------------- */

static const struct opt_table *find_section(const char *name)
{
    for (size_t i = 0; i < cli_section_count; i++)
        if (strcmp(cli_sections[i]->name, name) == 0) return cli_sections[i];
    return NULL;
}

/* A command and a section may have one name (`streams`): then both are explained. */
static bool help_by_name(const char *name, enum opt_print form)
{
    const struct cli_command *command = cli_find_command(name);
    const struct opt_table *section = find_section(name);
    bool shown = command && !(section && form == OPT_PRINT_SAMPLE);
    if (shown) cli_help_command(command, form, stdout);
    if (shown && section) fputs("\n", stdout);
    if (section) cli_help_table(section, form, stdout);
    if (shown || section) return true;
    enum xf_part part;
    const struct xf_kind *kind = xf_kind_find(name, XF_TRANSFORM, &part);
    if (!kind) kind = xf_kind_find(name, XF_PREDICATE, &part);
    const struct st_form *node = kind ? NULL : st_form_find(name);
    if (!kind && !node) return false;
    struct opt_table table = kind ? cli_kind_table(kind) : st_form_options(node);
    cli_help_table(&table, form, stdout);
    return true;
}

static int unknown_name(const struct cli_call *call, const char *name)
{
    const char *names[200];
    size_t n = 0;
    AQ_ASSERT(cli_command_count + cli_section_count + xf_kind_count + st_n_forms <=
              sizeof(names) / sizeof(names[0]));
    for (size_t i = 0; i < cli_command_count; i++) names[n++] = cli_commands[i]->name;
    for (size_t i = 0; i < cli_section_count; i++) names[n++] = cli_sections[i]->name;
    for (size_t i = 0; i < xf_kind_count; i++) names[n++] = xf_kinds[i]->name;
    for (size_t i = 0; i < st_n_forms; i++) names[n++] = st_forms[i]->name;
    const char *near = conf_did_you_mean(name, names, n);
    if (near) return cli_usage_error(call, "nothing is called '%s'; did you mean '%s'?", name, near);
    return cli_usage_error(call, "nothing is called '%s'; `aqueduct list` shows the names", name);
}

static int whole_document(enum opt_print form)
{
    switch (form) {
    case OPT_PRINT_TEXT: cli_help_overview(stdout); break;
    case OPT_PRINT_MARKDOWN: cli_markdown_reference(stdout); break;
    case OPT_PRINT_MAN: cli_man_program(stdout); break;
    case OPT_PRINT_SAMPLE: cli_sample_file(stdout); break;
    }
    return CLI_OK;
}

static int run_help(struct cli_call *call)
{
    enum opt_print form = OPT_PRINT_TEXT;
    if (cli_has(call, "markdown")) form = OPT_PRINT_MARKDOWN;
    if (cli_has(call, "man")) form = OPT_PRINT_MAN;
    if (cli_has(call, "sample")) form = OPT_PRINT_SAMPLE;
    if (cli_has(call, "markdown") + cli_has(call, "man") + cli_has(call, "sample") > 1)
        return cli_usage_error(call, "only one of --markdown, --man and --sample");
    if (call->n_args == 0) return whole_document(form);
    if (form == OPT_PRINT_MAN && strcmp(call->args[0], cli_root_table.name) == 0) {
        cli_man_configuration(stdout);
        return CLI_OK;
    }
    return help_by_name(call->args[0], form) ? CLI_OK : unknown_name(call, call->args[0]);
}

static const struct cli_option help_options[] = {
    {"markdown", 0, NULL, "Prints Markdown; without NAME the whole reference."},
    {"man", 0, NULL,
     "Prints roff; without NAME the page aqueduct(1), for aqueduct.conf the page aqueduct.conf(5)."},
    {"sample", 0, NULL, "Prints a commented sample configuration; without NAME a whole file."},
    {.name = NULL},
};

const struct cli_command cli_command_help = {
    .name = "help",
    .usage = "[--markdown|--man|--sample] [NAME]",
    .summary = "Explains a command, a section, a transform, a predicate or a form of node.",
    .text =
        "NAME is one of those `aqueduct list` shows: a command such as mirror, a section such as route, a "
        "transform such as MaskField, a predicate such as TopicNameMatches, a form of node such as branch. Everything is printed from the "
        "tables the program itself works by.\n"
        "\n"
        "  aqueduct help route\n"
        "  aqueduct help MaskField\n"
        "  aqueduct help --sample > aqueduct.conf",
    .options = help_options,
    .max_args = 1,
    .run = run_help,
};
