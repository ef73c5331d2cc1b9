/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole documents made of the tables: aqueduct(1), aqueduct.conf(5), the reference in Markdown, a sample
 * file. What is written here is only what no table knows: how the parts hang together.
 */
#include <stdlib.h>
#include <string.h>

#include "aqueduct_version.h"
#include "base/assert.h"
#include "cli/config.h"
#include "cli/exit.h"
#include "cli/help.h"
#include "cli/text.h"

static const char file_text[] =
    "A configuration file is written in libconfig's syntax: name = value; settings, { groups }, ( lists ) of "
    "groups and [ arrays ] of strings. Comments start with # or //, or stand between /* and */. A line "
    "@include \"FILE\" takes in another file, which is looked for beside the including one.\n"
    "\n"
    "Durations are written \"100ms\", \"5s\", \"2m\", \"1h\" or \"7d\", sizes \"64KiB\", \"16MiB\" or "
    "\"1MB\". An integer above 2147483647 needs an L at its end.\n"
    "\n"
    "Inside strings ${NAME} stands for an environment variable, ${NAME:-text} gives a default, "
    "${NAME:?message} insists, and ${secret:NAME} stands for the content of the file NAME in "
    "$CREDENTIALS_DIRECTORY (systemd's LoadCredential), else in $AQUEDUCT_SECRETS_DIR, else in "
    "/etc/aqueduct/secrets. A secret file that group or others can read is refused. Expansion happens after "
    "parsing, so that a value never becomes syntax; $${ stands for a plain ${. Secrets appear in no output.\n"
    "\n"
    "Client properties are passed on to librdkafka: properties = [\"security.protocol=SSL\"]. Those on which "
    "the guarantees rest, and those that load code or read files from elsewhere, are refused with the "
    "reason.\n";

static const char environment_text[] =
    "CREDENTIALS_DIRECTORY, AQUEDUCT_SECRETS_DIR: where ${secret:NAME} looks for files; see "
    "aqueduct.conf(5).\n";

static const char transform_text[] =
    "A transform is named in the section transforms and used by the chain of a route. It takes type, "
    "predicate and negate besides its own options, and those that work on a part of the record take on = "
    "\"key\" or \"value\" (default), which may also be written type = \"MaskField$Key\".\n";

static const char predicate_text[] =
    "A predicate is named in the section predicates and referred to by the transforms it guards.\n";

static const char form_text[] =
    "The nodes of a topology are groups of any order in streams.topology: NAME = { type = \"FORM\"; from = \"OTHER\"; … }. "
    "Lua expressions see key, value, timestamp, topic, partition, offset and headers; key and value are what their serde "
    "says: a JSON document, a string, a number, nil for null. Their results are written by the node's key_serde and "
    "value_serde, or as what came in.\n";

static void man_header(FILE *out, const char *title, const char *section, const char *name)
{
    fprintf(out, ".TH %s %s \"\" \"aqueduct %s\" \"Aqueduct\"\n.SH NAME\n%s\n", title, section,
            AQUEDUCT_VERSION, name);
}

void cli_man_program(FILE *out)
{
    man_header(out, "AQUEDUCT", "1", "aqueduct \\- bridges Kafka clusters, exactly once");
    fputs(".SH SYNOPSIS\n.B aqueduct\n[\\fIOPTION\\fR]... \\fICOMMAND\\fR [\\fIARGUMENT\\fR]...\n"
          ".SH DESCRIPTION\n",
          out);
    cli_paragraphs(
        out,
        "Mirrors and transforms records between Kafka clusters. Routes, each from one cluster through a "
        "chain of transforms to another, are written in a file, see aqueduct.conf(5). Output records and "
        "positions are committed in one transaction on the sink cluster; nothing is written to the source.",
        OPT_PRINT_MAN);
    fputs(".SH OPTIONS\nThese may stand before or after the command.\n", out);
    cli_help_options(cli_common_options, OPT_PRINT_MAN, out);
    fputs(".SH COMMANDS\n", out);
    for (size_t i = 0; i < cli_command_count; i++) cli_help_command(cli_commands[i], OPT_PRINT_MAN, out);
    fputs(".SH EXIT STATUS\n", out);
    for (size_t i = 0; i < cli_exit_count; i++) {
        fprintf(out, ".TP\n.B %d\n", cli_exit_rows[i].code);
        cli_roff(out, cli_exit_rows[i].text);
        fputc('\n', out);
    }
    fputs(".SH ENVIRONMENT\n", out);
    cli_paragraphs(out, environment_text, OPT_PRINT_MAN);
    fputs(".SH SEE ALSO\n.BR aqueduct.conf (5)\n", out);
}

static void print_tables(FILE *out, enum opt_print form)
{
    for (size_t i = 0; i < cli_section_count; i++) {
        cli_help_table(cli_sections[i], form, out);
        if (form == OPT_PRINT_MARKDOWN) fputc('\n', out);
    }
}

static void print_kinds(FILE *out, enum opt_print form, enum xf_sort sort)
{
    for (size_t i = 0; i < xf_kind_count; i++) {
        if (xf_kinds[i]->sort != sort) continue;
        struct opt_table table = cli_kind_table(xf_kinds[i]);
        cli_help_table(&table, form, out);
        if (form == OPT_PRINT_MARKDOWN) fputc('\n', out);
    }
}

static void print_forms(FILE *out, enum opt_print form)
{
    for (size_t i = 0; i < st_n_forms; i++) {
        struct opt_table table = st_form_options(st_forms[i]);
        cli_help_table(&table, form, out);
        if (form == OPT_PRINT_MARKDOWN) fputc('\n', out);
    }
}

void cli_man_configuration(FILE *out)
{
    man_header(out, "AQUEDUCT.CONF", "5", "aqueduct.conf \\- configuration of aqueduct");
    fputs(".SH DESCRIPTION\n", out);
    cli_paragraphs(out, file_text, OPT_PRINT_MAN);
    fputs(".SH EXAMPLE\n.nf\n", out);
    AQ_ASSERT(cli_root_table.example);
    cli_roff(out, cli_root_table.example);
    fputs(".fi\n.SH SECTIONS\n", out);
    print_tables(out, OPT_PRINT_MAN);
    fputs(".SH TRANSFORMS\n", out);
    cli_paragraphs(out, transform_text, OPT_PRINT_MAN);
    print_kinds(out, OPT_PRINT_MAN, XF_TRANSFORM);
    fputs(".SH PREDICATES\n", out);
    cli_paragraphs(out, predicate_text, OPT_PRINT_MAN);
    print_kinds(out, OPT_PRINT_MAN, XF_PREDICATE);
    fputs(".SH FORMS OF NODES\n", out);
    cli_paragraphs(out, form_text, OPT_PRINT_MAN);
    print_forms(out, OPT_PRINT_MAN);
    fputs(".SH SEE ALSO\n.BR aqueduct (1)\n", out);
}

void cli_markdown_reference(FILE *out)
{
    fprintf(out, "# aqueduct %s: reference\n\nGenerated by `aqueduct help --markdown`.\n\n# Commands\n\n",
            AQUEDUCT_VERSION);
    fputs("Common options, before or after the command:\n\n", out);
    cli_help_options(cli_common_options, OPT_PRINT_MARKDOWN, out);
    fputc('\n', out);
    for (size_t i = 0; i < cli_command_count; i++) cli_help_command(cli_commands[i], OPT_PRINT_MARKDOWN, out);
    fputs("# Exit codes\n\n", out);
    for (size_t i = 0; i < cli_exit_count; i++)
        fprintf(out, "- %d: %s\n", cli_exit_rows[i].code, cli_exit_rows[i].text);
    fputs("\n# Configuration file\n\n", out);
    cli_paragraphs(out, file_text, OPT_PRINT_MARKDOWN);
    fputc('\n', out);
    print_tables(out, OPT_PRINT_MARKDOWN);
    fputs("# Transforms\n\n", out);
    cli_paragraphs(out, transform_text, OPT_PRINT_MARKDOWN);
    fputc('\n', out);
    print_kinds(out, OPT_PRINT_MARKDOWN, XF_TRANSFORM);
    fputs("# Predicates\n\n", out);
    cli_paragraphs(out, predicate_text, OPT_PRINT_MARKDOWN);
    fputc('\n', out);
    print_kinds(out, OPT_PRINT_MARKDOWN, XF_PREDICATE);
    fputs("# Forms of nodes\n\n", out);
    cli_paragraphs(out, form_text, OPT_PRINT_MARKDOWN);
    fputc('\n', out);
    print_forms(out, OPT_PRINT_MARKDOWN);
}

void cli_sample_file(FILE *out)
{
    fputs(
        "# A sample configuration: what is not commented out would run; the rest are all options with their "
        "defaults.\n"
        "# `aqueduct check -c FILE` tells what is wrong with it, `aqueduct dump -c FILE` what it means.\n\n",
        out);
    fputs(cli_root_table.example, out);
    for (size_t i = 1; i < cli_section_count; i++) {
        fputs("\n", out);
        cli_help_table(cli_sections[i], OPT_PRINT_SAMPLE, out);
    }
    for (size_t i = 0; i < xf_kind_count; i++) {
        struct opt_table table = cli_kind_table(xf_kinds[i]);
        fputs("\n", out);
        cli_help_table(&table, OPT_PRINT_SAMPLE, out);
    }
    for (size_t i = 0; i < st_n_forms; i++) {
        struct opt_table table = st_form_options(st_forms[i]);
        fputs("\n", out);
        cli_help_table(&table, OPT_PRINT_SAMPLE, out);
    }
}
