/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose stores are open in this process, by task: a family must never be open twice (streams/state/db.h), and several threads may come to
 * the same task: a worker that lost its session and has not heard of it, the one that has the task now, the keeper of copies, and who
 * deletes what is left over.
 *
 * Ownership: names are borrowed and outlive the claim. Threads: any.
 */
#ifndef AQ_STREAMS_STATE_CLAIMS_H
#define AQ_STREAMS_STATE_CLAIMS_H

#include <stdbool.h>
#include <stdint.h>

struct st_claims;

struct st_claims *st_claims_create(void);
/* None may be left. */
void st_claims_destroy(struct st_claims *claims);

/* False: somebody has it. */
bool st_claims_take(struct st_claims *claims, const char *subtopology, int32_t partition);
void st_claims_give_back(struct st_claims *claims, const char *subtopology, int32_t partition);
bool st_claims_has(struct st_claims *claims, const char *subtopology, int32_t partition);

#endif
