/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of stores as JSON, one object each:
 *
 *   {"partition":2,"key":"a","value":5,"timestamp":1714564800000}
 *   {"partition":2,"key":"a","window":{"start":0,"end":60000},"value":5,"timestamp":12}
 *   {"partition":2,"key":"a","session":{"start":5,"end":9},"value":5}
 *   {"partition":2,"key":"a","valid_from":44,"value":{"x":1}}
 *
 * Keys and values are printed as `aqueduct test` prints them (streams/serde/json_record.h). The value of an aggregation is its result, what
 * goes downstream of it, not what the store keeps.
 *
 * A display belongs to one store. Threads: any; one prints at a time.
 */
#ifndef AQ_STREAMS_QUERY_DISPLAY_H
#define AQ_STREAMS_QUERY_DISPLAY_H

#include <stdio.h>

#include "streams/query/ask.h"
#include "streams/settings.h"

struct st_display;

/* All outlive it. Never NULL; an aggregator that does not start is told by the first row. */
struct st_display *st_display_create(const struct st_settings *settings, const struct st_serde_flow *serdes,
                                     const struct st_topology *topology, const struct st_queryable *of);
void st_display_destroy(struct st_display *display);

/* 0, or why it cannot be shown: the aggregator does not understand what is kept. */
int st_display_row(struct st_display *display, int32_t partition, const struct st_found_row *row, FILE *out,
                   struct aq_err *err);

#endif
