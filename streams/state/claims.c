/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose stores are open in this process (streams/state/claims.h): a list, since a process has few tasks.
 */
#include "streams/state/claims.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

struct claim {
    const char *subtopology;
    int32_t partition;
};

struct st_claims {
    pthread_mutex_t lock;
    struct claim *list;
    size_t n, cap;
};

struct st_claims *st_claims_create(void)
{
    struct st_claims *claims = aq_calloc(1, sizeof(*claims));
    pthread_mutex_init(&claims->lock, NULL);
    return claims;
}

void st_claims_destroy(struct st_claims *claims)
{
    if (!claims) return;
    AQ_ASSERT(claims->n == 0);
    pthread_mutex_destroy(&claims->lock);
    free(claims->list);
    free(claims);
}

static size_t find(const struct st_claims *claims, const char *subtopology, int32_t partition)
{
    size_t i = 0;
    while (i < claims->n &&
           !(claims->list[i].partition == partition && strcmp(claims->list[i].subtopology, subtopology) == 0))
        i++;
    return i;
}

bool st_claims_take(struct st_claims *claims, const char *subtopology, int32_t partition)
{
    AQ_ASSERT(subtopology && partition >= 0);
    pthread_mutex_lock(&claims->lock);
    bool is_free = find(claims, subtopology, partition) == claims->n;
    if (is_free) {
        if (claims->n == claims->cap) {
            claims->cap = claims->cap ? claims->cap * 2 : 8;
            claims->list = aq_realloc(claims->list, claims->cap * sizeof(*claims->list));
        }
        claims->list[claims->n++] = (struct claim){.subtopology = subtopology, .partition = partition};
    }
    pthread_mutex_unlock(&claims->lock);
    return is_free;
}

void st_claims_give_back(struct st_claims *claims, const char *subtopology, int32_t partition)
{
    pthread_mutex_lock(&claims->lock);
    size_t i = find(claims, subtopology, partition);
    AQ_ASSERT(i < claims->n);
    claims->list[i] = claims->list[--claims->n];
    pthread_mutex_unlock(&claims->lock);
}

bool st_claims_has(struct st_claims *claims, const char *subtopology, int32_t partition)
{
    pthread_mutex_lock(&claims->lock);
    bool found = find(claims, subtopology, partition) < claims->n;
    pthread_mutex_unlock(&claims->lock);
    return found;
}
