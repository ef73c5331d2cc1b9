/* SPDX-License-Identifier: Apache-2.0
 *
 * The operators of aqueduct/streams.h and the processors, choosers and extractors of aqueduct/processor.h and topology.h, as kinds
 * of the engine. The `user` of a node of such a kind is the op named beside it, which lives as long as the topology.
 *
 * Threads: ops are constant; what runs is the worker's own.
 */
#ifndef AQ_STREAMS_API_API_KINDS_H
#define AQ_STREAMS_API_API_KINDS_H

#include "aqueduct/streams.h"
#include "streams/processor.h"
#include "streams/timestamp.h"

struct st_api_op {
    union {
        aq_predicate test;
        aq_mapper map;
        aq_part_mapper map_part;
        aq_flat_mapper flat_map;
        aq_action action;
        aq_topic_chooser choose;
        aq_timestamp_extractor extract;
    };
    void *user;
};

struct st_api_split {
    const struct st_api_op *branches; /* child i gets what branch i tests */
    size_t n_branches;
    bool has_default; /* the child behind the last branch */
};

struct st_api_print {
    const char *label;
    FILE *out;
};

struct st_api_processor {
    struct aq_processor processor;
    void *user;
};

/* struct st_api_op */
extern const struct st_processor_kind st_api_filter;
extern const struct st_processor_kind st_api_filter_not;
extern const struct st_processor_kind st_api_map;
extern const struct st_processor_kind st_api_map_values;
extern const struct st_processor_kind st_api_select_key;
extern const struct st_processor_kind st_api_flat_map;
extern const struct st_processor_kind st_api_flat_map_values;
extern const struct st_processor_kind st_api_peek;
extern const struct st_processor_kind st_api_foreach;
extern const struct st_topic_chooser st_api_chooser;
int st_api_extract(void *op, const struct aq_record *rec, struct st_extract_at at, int64_t *ret_ms,
                   struct aq_err *err);
/* struct st_api_split */
extern const struct st_processor_kind st_api_split;
/* none: records go through, to all children; what a branch and a merge are */
extern const struct st_processor_kind st_api_branch;
extern const struct st_processor_kind st_api_merge;
/* struct st_api_print */
extern const struct st_processor_kind st_api_print;
/* struct st_api_processor; the second for those that keep keys */
extern const struct st_processor_kind st_api_process;
extern const struct st_processor_kind st_api_process_values;

/* 0, or why no node can be made of it. */
int st_api_check_processor(const struct aq_processor *processor, struct aq_err *err);

#endif
