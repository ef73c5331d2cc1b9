/* SPDX-License-Identifier: Apache-2.0
 *
 * The pages below /streams: what applications, what stores, and rows of stores.
 *
 *   /streams                        {"applications":["app"]}
 *   /streams/APP/stores             the stores: kind, serdes, partitions
 *   /streams/APP/stores/STORE?…     rows (http/query.h, http/gather.h)
 *
 * Threads: any; blocks for the rows.
 */
#ifndef AQ_HTTP_STORES_H
#define AQ_HTTP_STORES_H

#include "http/pages.h"
#include "http/query.h"

/* Is it one of these pages? */
bool http_is_streams_path(const char *path);
/* queries NULL: no application runs here. */
void http_page_streams(struct st_queries *queries, const struct http_request *request, struct http_page *ret);
/* They are there, and switched off. */
void http_page_no_queries(struct http_page *ret);

#endif
