/* SPDX-License-Identifier: Apache-2.0
 *
 * A step while it runs, as kinds see it: its configuration, its state, and the document views of the record at hand.
 */
#ifndef AQ_TRANSFORMS_STEP_H
#define AQ_TRANSFORMS_STEP_H

#include "transforms/chain.h"
#include "transforms/doc.h"

struct xf_views;

/* What Lua takes key and value for when a record comes in, and makes of what a script gives them. */
struct xf_formats {
    enum xf_format in_key;
    enum xf_format in_value;
    enum xf_format out_key;
    enum xf_format out_value;
};

/* A key of the format XF_WINDOWED: the bytes of a key, and behind them its window's start, or a session's end and start (8 bytes each,
 * big-endian, ms since 1970). */
struct xf_window {
    enum xf_format inner; /* of the key itself; never XF_WINDOWED */
    bool session;
    int64_t size_ms; /* from start to end, unless it is a session */
};

struct xf_step {
    const char *name; /* alias in the configuration; what failed records carry */
    const struct xf_kind *kind;
    const void *conf;
    void *run; /* what kind->start() returned */
    enum xf_part part;
    enum xf_compat compat;
    bool negate;
    bool batchwise;            /* apply(), not each() */
    struct xf_step *predicate; /* NULL: runs for every record */
    struct aq_names *names;
    struct xf_views *views;
    const struct xf_formats *formats; /* NULL: JSON, whatever the route says; only Lua looks at them */
    const struct xf_window *window;   /* of the key, where a format of it is XF_WINDOWED */
    bool alone;                       /* records come one at a time: see xf_source_partition() */
    struct xf_counters counters;
};

/* Records of a batch carry the sink's partition themselves; one that comes alone carries the source's. */
static inline int32_t xf_source_partition(const struct xf_step *step, const struct aq_record *rec)
{
    return step->alone ? rec->partition : rec->batch->partition;
}

/* Not dropped, not failed, not skipped, predicate met. A predicate that cannot decide fails the record. */
static inline bool xf_wants(struct xf_step *step, struct aq_record *rec)
{
    if (rec->flags & (AQ_REC_DROPPED | AQ_REC_FAILED | AQ_REC_SKIP)) return false;
    if (!step->predicate) return true;
    bool met = step->predicate->kind->test(step->predicate, rec);
    return met != step->negate && !(rec->flags & AQ_REC_FAILED);
}

enum xf_fields {
    XF_OBJECT, /* *ret_doc is the record's open view */
    XF_NULL,   /* the part is null: the kind decides */
    XF_BAD,    /* not a JSON object: the record was failed */
    XF_OTHER,  /* xf_step_view() only: JSON, but no object; nothing is open */
};

/* The view of the step's part of rec. It stays open over the following steps and is written back to the record by
 * the chain, or as soon as another record is opened. */
enum xf_fields xf_step_doc(struct xf_step *step, struct aq_record *rec, struct doc **ret_doc);

/* Key or value as the edits so far left them, for a kind that needs the bytes: writes an open view back. */
struct aq_slice xf_step_bytes(struct xf_step *step, struct aq_record *rec);

/* The same for a kind that reads key and value alike and takes other JSON than objects too. Never fails the record:
 * XF_BAD means that the part is no JSON and *ret_error says why; *ret_type is set for XF_OBJECT and XF_OTHER. */
enum xf_fields xf_step_view(struct xf_step *step, struct aq_record *rec, enum xf_part part,
                            struct doc **ret_doc, enum json_type *ret_type, struct json_error *ret_error);
struct aq_slice xf_step_part(struct xf_step *step, struct aq_record *rec, enum xf_part part);

/* Gives the part new bytes (null included), which must live as long as the batch; edits of an open view are forgotten. */
void xf_step_set_part(struct xf_step *step, struct aq_record *rec, enum xf_part part, struct aq_slice bytes);

/* Complaints of configure(): at the option's value when the group has it, else at the group. */
void xf_setup_error(const struct xf_setup *setup, const char *option, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void xf_setup_warn(const struct xf_setup *setup, const char *option, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
