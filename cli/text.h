/* SPDX-License-Identifier: Apache-2.0
 *
 * Paragraphs for the terminal, for Markdown and for roff. Text is written once, as paragraphs separated by
 * empty lines; lines that begin with two blanks are examples and keep their shape.
 */
#ifndef AQ_CLI_TEXT_H
#define AQ_CLI_TEXT_H

#include <stdio.h>

#include "conf/opt.h"

/* Wraps at `width` columns, each line indented by `indent` blanks. */
void cli_wrap(FILE *out, const char *text, int indent, int width);
/* The text in one of the forms of opt_print; SAMPLE prints it as comment lines. */
void cli_paragraphs(FILE *out, const char *text, enum opt_print form);
/* Escapes what roff would take as its own; no newline is added. */
void cli_roff(FILE *out, const char *text);

#endif
