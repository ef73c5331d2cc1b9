/* SPDX-License-Identifier: Apache-2.0
 *
 * The sink's topics as discovery last saw them, and what workers want of them. A worker asks; the discovery thread
 * creates or grows; the answer is there at the worker's next look. No thread waits for another.
 *
 * Threads: every call takes the table's own mutex, held for a look-up only.
 */
#ifndef AQ_KAFKA_SINK_TOPICS_H
#define AQ_KAFKA_SINK_TOPICS_H

#include <pthread.h>

#include "base/err.h"
#include "kafka/kafka.h"

struct kc_sink_topic {
    char *name;
    int32_t partitions; /* 0: does not exist */
    int32_t wanted;     /* partitions to create it with or grow it to; 0: nobody asked */
    int32_t least;      /* it must have at least these; fewer means grow */
    bool seen;          /* it existed while this process ran */
    bool used;          /* records of this flow go there */
    bool present;       /* in the last answer */
    bool vanished;      /* it was deleted under us: an error until it is back */
    uint8_t missing;    /* answers in a row without it */
    int code;           /* why the last attempt to create or grow failed; 0 */
    char text[256];
    int64_t retry_us;    /* not before this monotonic time again */
    char copy_from[256]; /* source topic whose configs a created topic takes; "" none */
};

struct kc_sink_topics {
    const char *noun; /* of the flow, for messages */
    pthread_mutex_t lock;
    struct kc_sink_topic **list; /* sorted by name */
    size_t count, cap;
};

/* The noun (struct kc_flow) must outlive it. */
void kc_sink_topics_init(struct kc_sink_topics *topics, const char *noun);
void kc_sink_topics_finish(struct kc_sink_topics *topics);

/* Takes over what the sink has now. */
void kc_sink_topics_update(struct kc_sink_topics *topics, const struct kc_topics *seen);

/* How many partitions a topic has, when that is at least `least`. 0: not yet; it was asked for and will be created (with
 * `wanted` partitions and the configs of copy_from, which may be NULL) or grown. Negative: it cannot be, err says why.
 * *ret_asked is set when this call asked for something new. */
int32_t kc_sink_topics_want(struct kc_sink_topics *topics, const char *name, int32_t least, int32_t wanted,
                            const char *copy_from, bool *ret_asked, struct aq_err *err);

/* The next topic that must be created or grown and may be tried now; false: none. `ret` is a copy (name borrowed). */
bool kc_sink_topics_next(struct kc_sink_topics *topics, int64_t now, struct kc_sink_topic *ret);

/* What came of it: partitions > 0 on success, else the error, tried again after retry_us. */
void kc_sink_topics_done(struct kc_sink_topics *topics, const char *name, int32_t partitions,
                         const struct aq_err *err, int64_t retry_us);

#endif
