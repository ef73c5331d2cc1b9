/* SPDX-License-Identifier: Apache-2.0
 *
 * merge: the records of several nodes as one stream.
 */
#include "streams/api/api_kinds.h"
#include "streams/forms/form_parts.h"

static const struct opt_row rows[] = {{.name = NULL}};

static void add(const struct st_forming *forming, void *conf)
{
    (void)conf;
    st_form_processor(forming, &st_api_merge, NULL, NULL, NULL);
}

const struct st_form st_form_merge = {
    .name = "merge",
    .summary = "Makes one stream of several, in no order between them.",
    .example = "  eu  = { type = \"source\"; topics = [\"orders.eu\"]; };\n"
               "  us  = { type = \"source\"; topics = [\"orders.us\"]; };\n"
               "  all = { type = \"merge\"; from = [\"eu\", \"us\"]; };\n"
               "  out = { type = \"sink\"; from = \"all\"; topic = \"orders\"; };\n",
    .rows = rows,
    .conf_size = 1,
    .add = add,
};
