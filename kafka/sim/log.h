/* SPDX-License-Identifier: Apache-2.0
 *
 * The log of one partition: offsets without gaps, control records included. Counted: its topic and every transaction that
 * wrote to it hold it.
 */
#ifndef AQ_KAFKA_SIM_LOG_H
#define AQ_KAFKA_SIM_LOG_H

#include "base/record.h"

enum sim_kind { SIM_DATA, SIM_COMMIT, SIM_ABORT };

struct sim_entry {
    struct aq_slice key;
    struct aq_slice value;
    struct aq_header *headers;
    int64_t timestamp;
    int64_t producer_id; /* of the transaction it belongs to; -1: none */
    uint64_t seq;        /* order of writing in the whole world */
    uint16_t n_headers;
    uint8_t kind;
    bool aborted; /* its transaction's marker has come, and was an abort */
    bool append_time;
};

/* Entries with the bytes they own. Counted: the log holds it until its records are deleted, readers as long as they use
 * the bytes. Never moves. */
struct sim_segment {
    uint32_t refs;
    uint32_t n;
    uint32_t cap;
    int64_t base; /* offset of entries[0] */
    struct aq_arena bytes;
    struct sim_entry entries[];
};

struct sim_open {
    int64_t producer_id;
    int64_t first; /* offset of the transaction's first record here */
};

struct sim_log {
    uint32_t refs;
    bool deleted; /* its topic is gone */
    int64_t start;
    int64_t end; /* high watermark: there are no replicas to wait for */
    struct sim_segment **segments;
    size_t n_segments;
    size_t cap_segments;
    struct sim_open *open; /* transactions whose marker has not come, by first offset */
    size_t n_open;
    size_t cap_open;
};

struct sim_log *sim_log_new(void);
struct sim_log *sim_log_ref(struct sim_log *log);
void sim_log_unref(struct sim_log *log);

/* Copies the entry's bytes and returns its offset. A producer id that is not open yet opens its transaction here. */
int64_t sim_log_append(struct sim_log *log, const struct sim_entry *entry);
bool sim_log_is_open(const struct sim_log *log, int64_t producer_id);
/* Writes the marker of an open transaction. */
void sim_log_end_txn(struct sim_log *log, int64_t producer_id, bool commit, int64_t timestamp, uint64_t seq);

/* First offset that a read_committed consumer may not pass. */
int64_t sim_log_stable_end(const struct sim_log *log);
static inline int64_t sim_log_readable_end(const struct sim_log *log, bool committed)
{
    return committed ? sim_log_stable_end(log) : log->end;
}

/* True for a record that a consumer of this isolation gets; offset below its readable end. */
static inline bool sim_entry_visible(const struct sim_entry *entry, bool committed)
{
    return entry->kind == SIM_DATA && !(committed && entry->aborted);
}

/* What a broker counts against max.message.bytes when the record travels alone. */
int64_t sim_entry_size(const struct sim_entry *entry);

/* The segment that holds an offset of [start, end). */
struct sim_segment *sim_log_segment(const struct sim_log *log, int64_t offset);
struct sim_entry *sim_log_entry(const struct sim_log *log, int64_t offset);
struct sim_segment *sim_segment_ref(struct sim_segment *segment);
void sim_segment_unref(struct sim_segment *segment);

void sim_log_delete_before(struct sim_log *log, int64_t offset);

#endif
