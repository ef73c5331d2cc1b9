/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking things up in an answer of admin_topics (kafka/kafka.h).
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "kafka/kafka.h"

static int by_name(const void *name, const void *topic)
{
    return strcmp(name, ((const struct kc_topic *)topic)->name);
}

const struct kc_topic *kc_topics_find(const struct kc_topics *topics, const char *name)
{
    AQ_ASSERT(topics && name);
    if (topics->count == 0) return NULL;
    return bsearch(name, topics->list, topics->count, sizeof(*topics->list), by_name);
}

int32_t kc_topics_partitions(const struct kc_topics *topics, const char *name)
{
    const struct kc_topic *topic = kc_topics_find(topics, name);
    return topic ? topic->partitions : 0;
}
