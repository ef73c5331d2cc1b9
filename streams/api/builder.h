/* SPDX-License-Identifier: Apache-2.0
 *
 * What is behind the installed aqueduct/topology.h and aqueduct/streams.h: a topology and the first error. Whoever runs or tests what a
 * program has built takes builder->topology, after looking at st_builder_verdict().
 *
 * Ownership: the topology is the builder's; ops, extractors and streams live in the topology's arena, so a topology is
 * complete without its builder's calls being repeated. Threads: one at a time while it is built.
 */
#ifndef AQ_STREAMS_API_BUILDER_H
#define AQ_STREAMS_API_BUILDER_H

#include "aqueduct/streams.h"
#include "streams/topology/topology.h"

struct aq_streams_builder {
    struct st_topology *topology; /* NULL: the application id was refused, and err says so */
    bool compat;                  /* operators that are added do as Kafka Streams does */
    struct aq_err err;            /* the first of building; code 0: none */
    struct aq_err check_err;      /* of the last look at the whole */
};

struct aq_stream {
    struct aq_streams_builder *builder;
    const char *name; /* of its node */
};

/* 0, or the code of the first error, with its sentence in err. */
int st_builder_verdict(const struct aq_streams_builder *builder, struct aq_err *err);

struct st_settings;

/* The same, and whether the settings suit what was built. */
int st_builder_suits(const struct aq_streams_builder *builder, const struct st_settings *settings,
                     struct aq_err *err);

/* False when an error came before: the call at hand does nothing. */
bool st_builder_is_open(const struct aq_streams_builder *builder);

/* Memory that lives as long as the topology; the builder is open. */
void *st_builder_alloc(struct aq_streams_builder *builder, size_t size);

#endif
