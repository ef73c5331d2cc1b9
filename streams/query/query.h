/* SPDX-License-Identifier: Apache-2.0
 *
 * Queries: what the HTTP side asks a running application about the rows of its stores.
 *
 * Threads: any. Ownership: the application outlives who asks.
 */
#ifndef AQ_STREAMS_QUERY_QUERY_H
#define AQ_STREAMS_QUERY_QUERY_H

#include "streams/app.h"
#include "streams/query/ask.h"
#include "streams/query/directory.h"

struct st_queries;

struct st_queries *st_queries_create(struct st_app *app);
void st_queries_destroy(struct st_queries *queries);
struct st_queries *st_app_queries(struct st_app *app);

const char *st_queries_application(const struct st_queries *queries);
/* Where others reach this instance; NULL: nowhere. */
const char *st_queries_address(const struct st_queries *queries);

/* In the order of the topology. */
size_t st_queries_count(const struct st_queries *queries);
const struct st_queryable *st_queries_store(const struct st_queries *queries, size_t index);
/* NULL: there is none of that name. */
const struct st_queryable *st_queries_find(const struct st_queries *queries, const char *store);

/* 0 while the topics are not known. */
int32_t st_queries_partitions(const struct st_queries *queries, const struct st_queryable *of);
/* Of a key, or -1: it may be in any. */
int32_t st_queries_partition(const struct st_queries *queries, const struct st_queryable *of,
                             struct aq_slice key);

/* [blocks] One page from a worker of this process: fills ask->question.slot. The answer says what became of it; when it is SILENT
 * the ask may only be given back. Where the question says that what is stale will do, a copy answers when no worker does. `why` has room for
 * 256 bytes. */
enum st_here st_queries_ask(struct st_queries *queries, struct st_ask *ask, int64_t timeout_us, char *why);

/* [blocks] Who else has the partition. */
enum st_whereabouts st_queries_where(struct st_queries *queries, const struct st_queryable *of,
                                     int32_t partition, bool fresh, char *address, struct aq_err *err);

/* Where the other instances are, as far as they say so; how many. */
size_t st_queries_others(struct st_queries *queries, char (*list)[KC_ADDRESS_MAX], size_t most);

/* Prints a row as an object of JSON. */
int st_queries_print(struct st_queries *queries, const struct st_queryable *of, int32_t partition,
                     const struct st_found_row *row, FILE *out, struct aq_err *err);

#endif
