/* SPDX-License-Identifier: Apache-2.0
 *
 * The transaction coordinator: transactional ids, their producer ids and epochs, and what their open transactions cover.
 *
 * Ordinary pass: init gives the id's next epoch; the first record or offset of a transaction opens it and starts its
 * time-out; the end writes a marker into each log and settles the pending offsets of each group.
 * Failing pass: init while a transaction is open aborts it first. When the time is over the coordinator aborts by itself
 * and raises the epoch: the holder is fenced and finds out by its next request.
 *
 * Invariants: a transaction that is not open covers nothing; each log and group is in it once.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "kafka/sim/world.h"

static void next_epoch(struct sim_cluster *cluster, struct sim_txn *txn)
{
    if (txn->epoch < INT16_MAX - 1) {
        txn->epoch++;
        return;
    }
    txn->producer_id = cluster->next_producer_id++;
    txn->epoch = 0;
}

struct sim_txn *sim_txn_init(struct sim_cluster *cluster, const char *id, int64_t timeout_ms)
{
    AQ_ASSERT(id && timeout_ms > 0 && timeout_ms <= SIM_MAX_TXN_TIMEOUT_MS);
    struct sim_txn *txn = cluster->txns;
    while (txn && strcmp(txn->id, id) != 0) txn = txn->next;
    if (txn) {
        sim_txn_end(cluster, txn, false);
        next_epoch(cluster, txn);
    } else {
        txn = aq_calloc(1, sizeof(*txn));
        txn->id = aq_strdup(id);
        txn->producer_id = cluster->next_producer_id++;
        txn->next = cluster->txns;
        cluster->txns = txn;
    }
    txn->timeout_us = timeout_ms * AQ_MS;
    return txn;
}

static void open(struct sim_cluster *cluster, struct sim_txn *txn)
{
    if (txn->open) return;
    txn->open = true;
    txn->until_us = sim_now(cluster) + txn->timeout_us;
    sim_due(cluster, txn->until_us);
}

void sim_txn_add_log(struct sim_cluster *cluster, struct sim_txn *txn, struct sim_log *log)
{
    open(cluster, txn);
    if (sim_log_is_open(log, txn->producer_id)) return;
    if (txn->n_logs == txn->cap_logs) {
        txn->cap_logs = txn->cap_logs ? txn->cap_logs * 2 : 8;
        txn->logs = aq_realloc(txn->logs, txn->cap_logs * sizeof(struct sim_log *));
    }
    txn->logs[txn->n_logs++] = sim_log_ref(log);
}

void sim_txn_add_group(struct sim_cluster *cluster, struct sim_txn *txn, struct sim_group *group)
{
    open(cluster, txn);
    for (size_t i = 0; i < txn->n_groups; i++)
        if (txn->groups[i] == group) return;
    if (txn->n_groups == txn->cap_groups) {
        txn->cap_groups = txn->cap_groups ? txn->cap_groups * 2 : 2;
        txn->groups = aq_realloc(txn->groups, txn->cap_groups * sizeof(struct sim_group *));
    }
    txn->groups[txn->n_groups++] = group;
}

void sim_txn_end(struct sim_cluster *cluster, struct sim_txn *txn, bool commit)
{
    if (!txn->open) return;
    for (size_t i = 0; i < txn->n_logs; i++) {
        struct sim_log *log = txn->logs[i];
        sim_log_end_txn(log, txn->producer_id, commit, sim_wall_ms(cluster), cluster->sim->seq++);
        sim_log_unref(log);
    }
    for (size_t i = 0; i < txn->n_groups; i++) sim_offsets_end(txn->groups[i], txn->producer_id, commit);
    txn->n_logs = txn->n_groups = 0;
    txn->open = false;
}

int64_t sim_txns_due(const struct sim_cluster *cluster)
{
    int64_t due = SIM_NEVER;
    for (const struct sim_txn *txn = cluster->txns; txn; txn = txn->next)
        if (txn->open && txn->until_us < due) due = txn->until_us;
    return due;
}

void sim_txns_fire(struct sim_cluster *cluster, int64_t now)
{
    for (struct sim_txn *txn = cluster->txns; txn; txn = txn->next) {
        if (!txn->open || txn->until_us > now) continue;
        sim_txn_end(cluster, txn, false);
        next_epoch(cluster, txn);
    }
}

void sim_txns_finish(struct sim_cluster *cluster)
{
    while (cluster->txns) {
        struct sim_txn *txn = cluster->txns;
        cluster->txns = txn->next;
        for (size_t i = 0; i < txn->n_logs; i++) sim_log_unref(txn->logs[i]);
        free(txn->logs);
        free(txn->groups);
        free(txn->id);
        free(txn);
    }
}
