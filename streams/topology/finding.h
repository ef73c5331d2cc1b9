/* SPDX-License-Identifier: Apache-2.0
 *
 * What is wrong with a topology: collected, so that one run tells all of it. A finding is located at a node or a store;
 * who read the topology from a file knows the place of both.
 *
 * Ownership: the texts live in the list's arena, nodes and stores in the topology, which must outlive the list.
 * Threads: one owner.
 */
#ifndef AQ_STREAMS_TOPOLOGY_FINDING_H
#define AQ_STREAMS_TOPOLOGY_FINDING_H

#include "conf/diag.h"
#include "streams/topology/topology.h"

struct st_finding {
    enum conf_severity severity;
    const struct st_node *node;   /* where; NULL for a store, and for what concerns the topology as a whole */
    const struct st_store *store; /* where; NULL for a node */
    const char *text;             /* a sentence without the place and without a line feed */
};

struct st_findings {
    struct aq_arena arena;
    struct st_finding *list; /* in the order of reporting */
    size_t count;
    size_t cap;
    size_t errors; /* how many of them are no warnings */
};

/* The node that a message about it names: its own, or that of the operator it is a part of. */
const struct st_node *st_finding_place(const struct st_finding *finding);

void st_findings_init(struct st_findings *findings);
void st_findings_finish(struct st_findings *findings);

/* node NULL: the topology as a whole. */
void st_report(struct st_findings *findings, enum conf_severity severity, const struct st_node *node,
               const char *format, ...) __attribute__((format(printf, 4, 5)));
void st_report_store(struct st_findings *findings, enum conf_severity severity, const struct st_store *store,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* One line each: "error: sink 'out': no source leads to it". */
void st_findings_print(const struct st_findings *findings, FILE *out);

/* 0 without errors; else AQ_E_CONFIG with the first one and how many there are besides. */
int st_findings_verdict(const struct st_findings *findings, struct aq_err *err);

#endif
