/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows that a query asks for, from wherever their partitions are: this process, or another instance. Essay: http/gather.c.
 *
 * Threads: any; blocks until the answer is there, at most HTTP_PATIENCE_MS.
 */
#ifndef AQ_HTTP_GATHER_H
#define AQ_HTTP_GATHER_H

#include "http/pages.h"
#include "http/query.h"

#define HTTP_PATIENCE_MS 10000

/* How many requests this process passes on at a time; more are refused with the reason "busy". */
void http_gather_allow(int forwards);

/* The page: 200, or 503 when not one of the partitions could be had. */
void http_gather(struct st_queries *queries, const struct st_queryable *of,
                 const struct http_request *request, const struct http_query *query, struct http_page *ret);

#endif
