/* SPDX-License-Identifier: Apache-2.0
 *
 * Positions by topic (kafka/sim.h). Drivers have a handful of topics, so the list is searched from its start.
 */
#include "kafka/sim.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

static size_t place_of(struct kc_sim_cursors *cursors, const char *topic)
{
    for (size_t i = 0; i < cursors->n; i++)
        if (strcmp(cursors->names[i], topic) == 0) return i;
    if (cursors->n == cursors->cap) {
        cursors->cap = cursors->cap ? cursors->cap * 2 : 8;
        cursors->names = aq_realloc(cursors->names, cursors->cap * sizeof(*cursors->names));
        cursors->next = aq_realloc(cursors->next, cursors->cap * sizeof(*cursors->next));
    }
    cursors->names[cursors->n] = aq_strdup(topic);
    cursors->next[cursors->n] = 0;
    return cursors->n++;
}

void kc_sim_cursors_add(struct kc_sim_cursors *cursors, const char *topic)
{
    AQ_ASSERT(topic);
    place_of(cursors, topic);
}

bool kc_sim_cursors_next(struct kc_sim_cursors *cursors, const char *topic, struct kc_sim_record *ret)
{
    AQ_ASSERT(cursors->cluster && topic && ret);
    struct aq_err ignored;
    size_t i = place_of(cursors, topic);
    if (kc_sim_read(cursors->cluster, topic, cursors->next[i], ret, 1, &ignored) <= 0) return false;
    cursors->next[i]++;
    return true;
}

void kc_sim_cursors_finish(struct kc_sim_cursors *cursors)
{
    for (size_t i = 0; i < cursors->n; i++) free((char *)cursors->names[i]);
    free(cursors->names);
    free(cursors->next);
    *cursors = (struct kc_sim_cursors){0};
}
