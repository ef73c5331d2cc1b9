/* SPDX-License-Identifier: Apache-2.0
 *
 * A join of two streams as nodes and stores of a topology (streams/ops/op_stream_join.h).
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/ops/op_stream_join.h"
#include "streams/state/state.h"
#include "streams/topology/topology.h"
#include "streams/ops/windows.h"

enum { LEFT, RIGHT };

static int add_side(struct st_topology *topology, const char *name, struct st_stream_join_side *side,
                    const char *parent, struct aq_err *err)
{
    const struct st_parents parents = {.names = &parent, .count = 1};
    return st_add_processor(topology, name, &st_stream_join_side_kind, side, parents, err);
}

/* Stores are connected to both sides in this order. */
static int add_store(struct st_topology *topology, char *const sides[2], const char *name,
                     const struct st_store_conf *conf, struct aq_err *err)
{
    int rc = st_add_store(topology, name, conf, err);
    for (int side = LEFT; side <= RIGHT && rc == 0; side++)
        rc = st_connect_store(topology, sides[side], name, err);
    return rc;
}

static int add_stores(struct st_topology *topology, const struct st_stream_join *join, char *const sides[2],
                      const char *store, struct aq_err *err)
{
    const struct st_store_conf window = {.rest_len = ST_STREAM_JOIN_REST,
                                         .in_memory = join->in_memory,
                                         .retention_ms = st_time_sum(st_stream_join_keeps(join), 1)};
    const struct st_store_conf alone = {.rest_len = ST_REST_VARIES, .in_memory = join->in_memory};
    char *left = aq_asprintf("%s-left", store), *right = aq_asprintf("%s-right", store),
         *list = aq_asprintf("%s-alone", store);
    int rc = add_store(topology, sides, left, &window, err);
    if (rc == 0) rc = add_store(topology, sides, right, &window, err);
    if (rc == 0 && st_stream_join_has_list(join)) rc = add_store(topology, sides, list, &alone, err);
    free(left);
    free(right);
    free(list);
    return rc;
}

int st_add_stream_join(struct st_topology *topology, const char *name, struct st_stream_join *join,
                       const char *left, const char *right, const char *store, struct aq_err *err)
{
    AQ_ASSERT((__int128)join->before_ms + join->after_ms >= 0 && join->grace_ms >= 0);
    char *sides[2] = {aq_asprintf("%s-left", name), aq_asprintf("%s-right", name)};
    join->sides[LEFT] = (struct st_stream_join_side){.join = join, .is_left = true};
    join->sides[RIGHT] = (struct st_stream_join_side){.join = join};
    const char *names[2] = {sides[LEFT], sides[RIGHT]};
    const struct st_parents parents = {.names = names, .count = 2};
    int rc = add_side(topology, sides[LEFT], &join->sides[LEFT], left, err);
    if (rc == 0) rc = add_side(topology, sides[RIGHT], &join->sides[RIGHT], right, err);
    if (rc == 0) rc = add_stores(topology, join, sides, store ? store : name, err);
    if (rc == 0) rc = st_add_processor(topology, name, &st_stream_join_kind, NULL, parents, err);
    for (int side = LEFT; side <= RIGHT && rc == 0; side++)
        rc = st_set_part(topology, sides[side], name, err);
    free(sides[LEFT]);
    free(sides[RIGHT]);
    return rc;
}
