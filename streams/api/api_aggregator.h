/* SPDX-License-Identifier: Apache-2.0
 *
 * Aggregators of programs (aqueduct/aggregator.h) as kinds of the engine.
 *
 * Threads: kinds are constant; what runs is the worker's own.
 */
#ifndef AQ_STREAMS_API_API_AGGREGATOR_H
#define AQ_STREAMS_API_API_AGGREGATOR_H

#include "aqueduct/aggregator.h"
#include "streams/ops/aggregator.h"

/* `user` of such an aggregator; it lives as long as the topology. */
struct st_api_aggregator {
    struct aq_aggregator aggregator;
    void *user;
};

/* 0, or why no node can be made of it. */
int st_api_check_aggregator(const struct aq_aggregator *aggregator, struct aq_err *err);

/* The kind for an aggregator that passed the check. */
const struct st_aggregator_kind *st_api_aggregator_kind(const struct aq_aggregator *aggregator);

#endif
