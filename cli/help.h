/* SPDX-License-Identifier: Apache-2.0
 *
 * Help pages, all printed from tables: commands, configuration sections, transforms, predicates.
 */
#ifndef AQ_CLI_HELP_H
#define AQ_CLI_HELP_H

#include <stdio.h>

#include "cli/command.h"
#include "conf/opt.h"
#include "transforms/chain.h"

/* The sections of a configuration file, outermost first. */
extern const struct opt_table *const cli_sections[];
extern const size_t cli_section_count;

/* A transform or predicate kind as an option table, so that one printer serves both. */
struct opt_table cli_kind_table(const struct xf_kind *kind);

void cli_help_overview(FILE *out);
void cli_help_command(const struct cli_command *command, enum opt_print form, FILE *out);
void cli_help_table(const struct opt_table *table, enum opt_print form, FILE *out);
/* Option rows of a command line, own or common. */
void cli_help_options(const struct cli_option *options, enum opt_print form, FILE *out);

/* The two man pages, the whole reference in Markdown, a commented sample file (cli/man.c). */
void cli_man_program(FILE *out);
void cli_man_configuration(FILE *out);
void cli_markdown_reference(FILE *out);
void cli_sample_file(FILE *out);

#endif
