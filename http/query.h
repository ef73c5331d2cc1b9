/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request asks of a store: the arguments behind the '?', read and checked.
 *
 *   key=K            rows of this key             from=K, to=K      of a range of keys, both inclusive, each may be left out
 *   all=1            of all keys                  window_from=T, window_to=T   windows that start then (sessions: that touch it;
 *                                                 versions: valid then), ms since 1970, both inclusive
 *   as_of=T          versioned: as it was then    partition=N       only this one
 *   stale=1          what is behind will do       limit=N, cursor=C one page, and where it begins
 *   key_format=json  keys are JSON, as in answers; else they are the text itself where the key's serde is string or bytes, and JSON where it
 *                    is another
 *
 * Ownership: keys lie in the arena. Threads: none of its own. Errors: AQ_E_INVALID with a sentence.
 */
#ifndef AQ_HTTP_QUERY_H
#define AQ_HTTP_QUERY_H

#include "streams/query/query.h"

#define HTTP_LIMIT_DEFAULT 1000
#define HTTP_LIMIT_MOST    10000

struct http_argument {
    const char *name;
    const char *value; /* NULL: there is no '=' */
};

struct http_request {
    const char *path;
    const struct http_argument *arguments;
    size_t n_arguments;
    bool forwarded; /* by another instance: not to be passed on again */
};

struct http_query {
    struct aq_slice key;                  /* null: none */
    struct aq_slice from, to;             /* null: open */
    int64_t time_from, time_to, as_of_ms; /* ST_TIME_OPEN */
    int32_t partition;                    /* -1: as the key says, or all */
    uint32_t limit;
    int32_t cursor_partition;     /* -1: no cursor */
    struct aq_slice cursor_after; /* null: at the beginning of the partition */
    bool stale;
};

int http_query_read(const struct http_request *request, const struct st_queryable *of, struct aq_arena *arena,
                    struct http_query *ret, struct aq_err *err);

/* "3:6162", in the arena: partition, and the key of the store behind which the page begins, in hex. */
const char *http_cursor_print(struct aq_arena *arena, int32_t partition, struct aq_slice after);

#endif
