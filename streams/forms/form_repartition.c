/* SPDX-License-Identifier: Apache-2.0
 *
 * repartition: through an internal topic, so that records are partitioned by the key they have now.
 */
#include "streams/forms/form_parts.h"

struct repartition_conf {
    int64_t partitions;
};

static const struct opt_row rows[] = {
    {.name = "partitions",
     .kind = OPT_INT,
     .offset = offsetof(struct repartition_conf, partitions),
     .def = "0",
     .max = 100000,
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "Partitions of the internal topic APPLICATION_ID-NAME-repartition; 0: as many as the largest topic before it."},
    {.name = "number_of_partitions", .kind = OPT_REFUSED, .help = "Write partitions."},
    {.name = NULL},
};

static void add(const struct st_forming *forming, void *conf)
{
    const struct repartition_conf *c = conf;
    struct aq_err err = {0};
    if (st_add_repartition(forming->topology, forming->name, (int32_t)c->partitions, forming->parents,
                           &err) != 0)
        st_form_refused(forming, NULL, &err);
}

const struct st_form st_form_repartition = {
    .name = "repartition",
    .summary = "Partitions records by the key they have now, through a topic of its own.",
    .example =
        "  in    = { type = \"source\"; topics = [\"orders\"]; };\n"
        "  by    = { type = \"select_key\"; from = \"in\"; key = \"value.customer\"; key_serde = \"string\"; };\n"
        "  again = { type = \"repartition\"; from = \"by\"; partitions = 4; };\n"
        "  out   = { type = \"sink\"; from = \"again\"; topic = \"by-customer\"; };\n",
    .rows = rows,
    .conf_size = sizeof(struct repartition_conf),
    .add = add,
};
