/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the stores of a process live: what is kept on disk in one database in state_dir, what is kept in memory in another.
 *
 * Threads: opened and closed by the application; the databases in them are shared by its workers.
 */
#ifndef AQ_STREAMS_STATE_DBS_H
#define AQ_STREAMS_STATE_DBS_H

#include "streams/state/claims.h"
#include "streams/state/db.h"
#include "streams/settings.h"

struct st_dbs {
    const struct st_db_kind *disk_kind;
    struct st_db *disk; /* NULL: everything is kept in memory */
    struct st_db *memory;
    struct st_claims *claims; /* whose stores are open */
};

/* Opens what the stores of the topology need. CONFIG when state_dir cannot be used, IO, CORRUPT, BUSY as streams/state/db.h has it. The caller
 * closes it, whatever the answer. */
int st_dbs_open(const struct st_settings *settings, const struct st_topology *topology, struct st_dbs *ret,
                struct aq_err *err);
/* Without a disk, whatever the stores say: for tests. */
void st_dbs_open_memory(struct st_dbs *ret);
void st_dbs_close(struct st_dbs *dbs);
/* What the databases hold in memory. */
uint64_t st_dbs_memory(const struct st_dbs *dbs);

#endif
