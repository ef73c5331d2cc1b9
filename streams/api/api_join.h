/* SPDX-License-Identifier: Apache-2.0
 *
 * What joins of streams share: what is said of one, and what every one of them is refused for. Only streams/api/api_join_*.c call this.
 *
 * Threads: one at a time.
 */
#ifndef AQ_STREAMS_API_API_JOIN_H
#define AQ_STREAMS_API_API_JOIN_H

#include "streams/api/dsl.h"

/* One join of a stream that is being added. */
struct st_joining {
    struct aq_streams_builder *builder;
    const char *what; /* "left_join" */
    const char *name;
    struct aq_stream *left;
    struct aq_joined how;
    const struct st_serde *value; /* of the results; NULL: nobody said */
};

/* False: the builder has failed, or has before. other: that of the other side; NULL: there is none. */
bool st_joining_begin(struct st_joining *j, const char *what, struct aq_stream *left, const char *name,
                      const struct aq_streams_builder *other, bool has_function, const struct aq_joined *how);

#endif
