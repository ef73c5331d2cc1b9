/* SPDX-License-Identifier: Apache-2.0
 *
 * InsertHeader: appends one header with a constant value. Headers of the same name stay.
 *
 * The value is the literal's bytes, as written (raw, the default in safe), or what Connect makes of the literal by
 * guessing its type (connect: 007 becomes 7), made once when the configuration is read.
 */
#include "transforms/java_literal.h"
#include "transforms/step.h"

enum literal { LITERAL_BY_COMPAT, LITERAL_RAW, LITERAL_CONNECT };

struct header_conf {
    const char *header;
    const char *value_literal;
    int literal;
    /* made by configure */
    struct aq_slice name;
    struct aq_slice value;
};

static const struct opt_enum literal_values[] = {
    {"raw", LITERAL_RAW}, {"connect", LITERAL_CONNECT}, {NULL, 0}};

static const struct opt_row rows[] = {
    {.name = "header",
     .kind = OPT_STRING,
     .offset = offsetof(struct header_conf, header),
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_ROUTE,
     .help = "Name of the header to append."},
    {.name = "value_literal",
     .kind = OPT_STRING,
     .offset = offsetof(struct header_conf, value_literal),
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_ROUTE,
     .help = "Value of the header."},
    {.name = "literal",
     .kind = OPT_ENUM,
     .offset = offsetof(struct header_conf, literal),
     .values = literal_values,
     .reload = OPT_RELOAD_ROUTE,
     .help =
         "raw writes the bytes of value_literal; connect guesses a type as Kafka Connect does and writes that "
         "type's text (007 becomes 7). The default follows compat: raw for safe, connect for connect."},
    {.name = NULL},
};

static void configure(void *conf, const struct xf_setup *setup)
{
    struct header_conf *c = conf;
    struct aq_err err = {0};
    c->name = aq_slice_str(c->header);
    c->value = aq_slice_str(c->value_literal);
    if (c->name.len == 0) xf_setup_error(setup, "header", "header must not be empty");
    int literal = c->literal;
    if (literal == LITERAL_BY_COMPAT) literal = setup->compat == XF_CONNECT ? LITERAL_CONNECT : LITERAL_RAW;
    if (literal == LITERAL_RAW) return;
    if (java_literal(c->value_literal, setup->arena, &c->value, &err) < 0) {
        xf_setup_error(setup, "value_literal", "value_literal: %s", err.text);
    }
}

static void each(struct xf_step *step, struct aq_record *rec)
{
    const struct header_conf *c = step->conf;
    aq_record_add_header(rec, c->name, c->value);
}

const struct xf_kind xf_insert_header = {
    .abi = XF_ABI,
    .sort = XF_TRANSFORM,
    .name = "InsertHeader",
    .summary = "Appends a header with a constant value.",
    .example = "origin = { type = \"InsertHeader\"; header = \"origin\"; value_literal = \"dc1\"; };",
    .rows = rows,
    .conf_size = sizeof(struct header_conf),
    .configure = configure,
    .each = each,
};
