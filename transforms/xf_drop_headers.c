/* SPDX-License-Identifier: Apache-2.0
 *
 * DropHeaders: removes every header whose name is in a list. Exact names, as in Connect.
 */
#include "transforms/step.h"

struct drop_conf {
    struct opt_strings headers;
    struct aq_slice *names; /* made by configure */
};

static const struct opt_row rows[] = {
    {.name = "headers",
     .kind = OPT_STRINGS,
     .offset = offsetof(struct drop_conf, headers),
     .min = 1,
     .max = 1000,
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_ROUTE,
     .help = "Names of the headers to remove, case-sensitive."},
    {.name = NULL},
};

static void configure(void *conf, const struct xf_setup *setup)
{
    struct drop_conf *c = conf;
    c->names = aq_arena_alloc(setup->arena, c->headers.count * sizeof(*c->names));
    for (size_t i = 0; i < c->headers.count; i++) c->names[i] = aq_slice_str(c->headers.items[i]);
}

static void each(struct xf_step *step, struct aq_record *rec)
{
    const struct drop_conf *c = step->conf;
    for (size_t i = 0; i < c->headers.count; i++) aq_record_drop_headers(rec, c->names[i]);
}

const struct xf_kind xf_drop_headers = {
    .abi = XF_ABI,
    .sort = XF_TRANSFORM,
    .name = "DropHeaders",
    .summary = "Removes headers by name.",
    .example = "clean = { type = \"DropHeaders\"; headers = [\"trace-id\", \"internal\"]; };",
    .rows = rows,
    .conf_size = sizeof(struct drop_conf),
    .configure = configure,
    .each = each,
};
