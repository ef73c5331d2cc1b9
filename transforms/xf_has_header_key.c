/* SPDX-License-Identifier: Apache-2.0
 *
 * HasHeaderKey: at least one header has exactly this name.
 */
#include "transforms/step.h"

struct header_conf {
    const char *name;
    struct aq_slice key; /* made by configure */
};

static const struct opt_row rows[] = {
    {.name = "name",
     .kind = OPT_STRING,
     .offset = offsetof(struct header_conf, name),
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_ROUTE,
     .help = "Name of the header, case-sensitive."},
    {.name = NULL},
};

static void configure(void *conf, const struct xf_setup *setup)
{
    struct header_conf *c = conf;
    c->key = aq_slice_str(c->name);
    if (c->key.len == 0) xf_setup_error(setup, "name", "name must not be empty");
}

static bool test(struct xf_step *step, struct aq_record *rec)
{
    const struct header_conf *c = step->conf;
    uint16_t n;
    const struct aq_header *headers = aq_record_headers(rec, &n);
    for (uint16_t i = 0; i < n; i++) {
        if (aq_slice_equal(headers[i].name, c->key)) return true;
    }
    return false;
}

const struct xf_kind xf_has_header_key = {
    .abi = XF_ABI,
    .sort = XF_PREDICATE,
    .name = "HasHeaderKey",
    .summary = "True for records that carry a header of this name.",
    .example = "traced = { type = \"HasHeaderKey\"; name = \"trace-id\"; };",
    .rows = rows,
    .conf_size = sizeof(struct header_conf),
    .configure = configure,
    .test = test,
};
