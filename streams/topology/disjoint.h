/* SPDX-License-Identifier: Apache-2.0
 *
 * Which of the numbers 0..n-1 belong together (union-find). Starts with every number alone. One owner, no locks.
 */
#ifndef AQ_STREAMS_TOPOLOGY_DISJOINT_H
#define AQ_STREAMS_TOPOLOGY_DISJOINT_H

#include <stddef.h>

struct st_disjoint {
    size_t *up; /* towards the smallest number of the set, which points at itself */
    size_t count;
};

void st_disjoint_init(struct st_disjoint *sets, size_t count);
void st_disjoint_finish(struct st_disjoint *sets);
/* The smallest number of the set that i is in. */
size_t st_disjoint_find(struct st_disjoint *sets, size_t i);
void st_disjoint_unite(struct st_disjoint *sets, size_t a, size_t b);

#endif
