/* SPDX-License-Identifier: Apache-2.0
 *
 * A plan as a picture: Graphviz DOT and Mermaid. Both show a cluster per sub-topology with its nodes and stores, and outside
 * of them the topics that lead from one to the next, each once however many nodes read and write it.
 *
 *   shape                         DOT                       Mermaid
 *   source, sink                  rounded box               n(["..."])
 *   processor, with its kind      box                       n["..."]
 *   store                         cylinder, dashed line     n[("...")], dotted line
 *   global table                  cylinder, outside           n[("...")]
 *   topic                         cds, an arrow-like flag   n>"..."]
 *   internal topic, pattern       cds, grey; cds, dashed    classes internal and pattern
 *
 * Names never become part of the language: nodes are called n0, n1, ..., and every text is a quoted, escaped label.
 */
#ifndef AQ_STREAMS_TOPOLOGY_GRAPH_H
#define AQ_STREAMS_TOPOLOGY_GRAPH_H

#include <stdio.h>

#include "streams/topology/plan.h"

/* The same plan gives the same bytes. Errors of the stream are the caller's to look for. */
void st_graph_dot(const struct st_plan *plan, FILE *out);
void st_graph_mermaid(const struct st_plan *plan, FILE *out);

#endif
