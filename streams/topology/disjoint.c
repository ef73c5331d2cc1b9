/* SPDX-License-Identifier: Apache-2.0
 *
 * Union-find with path halving. The smaller root always wins, so that a set is known by its smallest number in whatever
 * order it was united.
 */
#include "streams/topology/disjoint.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

void st_disjoint_init(struct st_disjoint *sets, size_t count)
{
    sets->count = count;
    sets->up = aq_calloc(count + 1, sizeof(*sets->up));
    for (size_t i = 0; i < count; i++) sets->up[i] = i;
}

void st_disjoint_finish(struct st_disjoint *sets)
{
    free(sets->up);
    sets->up = NULL;
    sets->count = 0;
}

size_t st_disjoint_find(struct st_disjoint *sets, size_t i)
{
    AQ_ASSERT(i < sets->count);
    while (sets->up[i] != i) {
        sets->up[i] = sets->up[sets->up[i]];
        i = sets->up[i];
    }
    return i;
}

void st_disjoint_unite(struct st_disjoint *sets, size_t a, size_t b)
{
    size_t x = st_disjoint_find(sets, a), y = st_disjoint_find(sets, b);
    if (x < y)
        sets->up[y] = x;
    else
        sets->up[x] = y;
}
