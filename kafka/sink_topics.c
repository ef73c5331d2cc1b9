/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of sink topics (kafka/sink_topics.h). Sorted array with binary search: clusters have thousands of topics,
 * look-ups by name happen once per topic and worker (workers keep the answer).
 */
#include "kafka/sink_topics.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

void kc_sink_topics_init(struct kc_sink_topics *topics, const char *noun)
{
    AQ_ASSERT(noun != NULL);
    memset(topics, 0, sizeof(*topics));
    topics->noun = noun;
    pthread_mutex_init(&topics->lock, NULL);
}

void kc_sink_topics_finish(struct kc_sink_topics *topics)
{
    for (size_t i = 0; i < topics->count; i++) {
        free(topics->list[i]->name);
        free(topics->list[i]);
    }
    free(topics->list);
    pthread_mutex_destroy(&topics->lock);
}

/* Index of the name, or where it belongs. */
static size_t search(const struct kc_sink_topics *topics, const char *name, bool *ret_found)
{
    size_t low = 0, high = topics->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(topics->list[middle]->name, name);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_found = false;
    return low;
}

static struct kc_sink_topic *get_or_add(struct kc_sink_topics *topics, const char *name)
{
    bool found;
    size_t at = search(topics, name, &found);
    if (found) return topics->list[at];
    if (topics->count == topics->cap) {
        topics->cap = topics->cap ? topics->cap * 2 : 64;
        topics->list = aq_realloc(topics->list, topics->cap * sizeof(*topics->list));
    }
    memmove(&topics->list[at + 1], &topics->list[at], (topics->count - at) * sizeof(*topics->list));
    topics->count++;
    struct kc_sink_topic *topic = aq_calloc(1, sizeof(*topic));
    topic->name = aq_strdup(name);
    topics->list[at] = topic;
    return topic;
}

/* A topic this flow writes to is gone. Creating it again in silence would hide that its records are gone, too. One
 * answer without it may come from a broker that lags behind; two in a row are believed. */
static void note_vanished(struct kc_sink_topic *topic, const char *noun)
{
    if (topic->present) {
        topic->missing = 0;
        topic->vanished = false;
        return;
    }
    if (!topic->seen) return;
    topic->missing++;
    if (topic->missing < 2) return;
    topic->partitions = 0;
    if (!topic->used) return;
    topic->vanished = true;
    topic->code = AQ_E_MISMATCH;
    snprintf(topic->text, sizeof(topic->text),
             "sink topic %.140s was deleted while the %s was running; start again to be told what it lacks",
             topic->name, noun);
}

void kc_sink_topics_update(struct kc_sink_topics *topics, const struct kc_topics *seen)
{
    pthread_mutex_lock(&topics->lock);
    for (size_t i = 0; i < topics->count; i++) topics->list[i]->present = false;
    for (size_t i = 0; i < seen->count; i++) {
        const struct kc_topic *topic = &seen->list[i];
        struct kc_sink_topic *known = get_or_add(topics, topic->name);
        known->present = true; /* also with an error: a leader that moves is not a deletion */
        if (topic->error != 0) continue;
        known->partitions = topic->partitions;
        known->seen = true;
    }
    for (size_t i = 0; i < topics->count; i++) note_vanished(topics->list[i], topics->noun);
    pthread_mutex_unlock(&topics->lock);
}

int32_t kc_sink_topics_want(struct kc_sink_topics *topics, const char *name, int32_t least, int32_t wanted,
                            const char *copy_from, bool *ret_asked, struct aq_err *err)
{
    AQ_ASSERT(least > 0 && wanted >= least);
    int32_t answer = 0;
    *ret_asked = false;
    pthread_mutex_lock(&topics->lock);
    struct kc_sink_topic *topic = get_or_add(topics, name);
    topic->used = true;
    if (topic->partitions >= least) {
        answer = topic->partitions;
    } else {
        *ret_asked = topic->least < least && !topic->vanished;
        if (*ret_asked) {
            topic->least = least;
            topic->wanted = wanted > topic->wanted ? wanted : topic->wanted;
            topic->code = 0;
            topic->retry_us = 0;
            if (copy_from) snprintf(topic->copy_from, sizeof(topic->copy_from), "%s", copy_from);
        }
        if (topic->code != 0) answer = aq_fail(err, topic->code, "%s", topic->text);
    }
    pthread_mutex_unlock(&topics->lock);
    return answer;
}

bool kc_sink_topics_next(struct kc_sink_topics *topics, int64_t now, struct kc_sink_topic *ret)
{
    bool found = false;
    pthread_mutex_lock(&topics->lock);
    for (size_t i = 0; i < topics->count && !found; i++) {
        struct kc_sink_topic *topic = topics->list[i];
        if (topic->least <= topic->partitions || now < topic->retry_us || topic->vanished) continue;
        *ret = *topic;
        found = true;
    }
    pthread_mutex_unlock(&topics->lock);
    return found;
}

void kc_sink_topics_done(struct kc_sink_topics *topics, const char *name, int32_t partitions,
                         const struct aq_err *err, int64_t retry_us)
{
    pthread_mutex_lock(&topics->lock);
    struct kc_sink_topic *topic = get_or_add(topics, name);
    if (partitions > 0) {
        topic->partitions = partitions;
        topic->seen = true;
        topic->code = 0;
    } else {
        topic->code = err->code;
        topic->retry_us = retry_us;
        snprintf(topic->text, sizeof(topic->text), "%.*s", (int)sizeof(topic->text) - 1, err->text);
    }
    pthread_mutex_unlock(&topics->lock);
}
