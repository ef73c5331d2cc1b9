/* SPDX-License-Identifier: Apache-2.0
 *
 * The sink's topics as discovery last saw them, and what workers want of them. A worker asks; the discovery thread
 * creates or grows; the answer is there at the worker's next look. No thread waits for another.
 *
 * Threads: every call takes the table's own mutex, held for a look-up only.
 */
#ifndef AQ_BRIDGE_SINK_TOPICS_H
#define AQ_BRIDGE_SINK_TOPICS_H

#include <pthread.h>

#include "base/err.h"
#include "kafka/kafka.h"

struct br_sink_topic {
    char *name;
    int32_t partitions; /* 0: does not exist */
    int32_t wanted;     /* partitions to create it with or grow it to; 0: nobody asked */
    int32_t least;      /* it must have at least these; fewer means grow */
    bool seen;          /* it existed while this process ran */
    bool used;          /* records of this route go there */
    bool present;       /* in the last answer */
    bool vanished;      /* it was deleted under us: an error until it is back */
    uint8_t missing;    /* answers in a row without it */
    int code;           /* why the last attempt to create or grow failed; 0 */
    char text[256];
    int64_t retry_us;    /* not before this monotonic time again */
    char copy_from[256]; /* source topic whose configs a created topic takes; "" none */
};

struct br_sink_topics {
    pthread_mutex_t lock;
    struct br_sink_topic **list; /* sorted by name */
    size_t count, cap;
};

void br_sink_topics_init(struct br_sink_topics *topics);
void br_sink_topics_finish(struct br_sink_topics *topics);

/* Takes over what the sink has now. */
void br_sink_topics_update(struct br_sink_topics *topics, const struct kc_topics *seen);

/* See br_catalog_sink_partitions(): at least `least` partitions are needed, `wanted` are given to a topic that must be
 * created. *ret_asked is set when this call asked for something new. copy_from may be NULL. */
int32_t br_sink_topics_want(struct br_sink_topics *topics, const char *name, int32_t least, int32_t wanted,
                            const char *copy_from, bool *ret_asked, struct aq_err *err);

/* The next topic that must be created or grown and may be tried now; false: none. `ret` is a copy (name borrowed). */
bool br_sink_topics_next(struct br_sink_topics *topics, int64_t now, struct br_sink_topic *ret);

/* What came of it: partitions > 0 on success, else the error, tried again after retry_us. */
void br_sink_topics_done(struct br_sink_topics *topics, const char *name, int32_t partitions,
                         const struct aq_err *err, int64_t retry_us);

#endif
