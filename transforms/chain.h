/* SPDX-License-Identifier: Apache-2.0
 *
 * A chain: ordered transforms, each with an optional predicate (negated or not). xf_chain is what the configuration
 * says, built once and shared; xf_run is one worker's running copy.
 *
 * Semantics (those of Kafka Connect): a step sees the record as earlier steps left it; a step runs when
 * negate XOR predicate(record); a dropped or failed record skips the rest of the chain. Dropped records still move
 * the position.
 *
 * JSON: field steps work on a document view of key or value that is scanned at most once per record and written at
 * most once, after the last step that needs it (transforms/doc.h); bytes no step changed stay as they were.
 */
#ifndef AQ_TRANSFORMS_CHAIN_H
#define AQ_TRANSFORMS_CHAIN_H

#include "base/metric.h"
#include "transforms/transform.h"

struct xf_chain;
struct xf_run;

/* The parsed `transforms` and `predicates` sections, by name; *ret_library owns all confs. NULL sections are empty.
 * 0, or AQ_E_CONFIG with complaints in diags; *ret_library is set either way, so that chains can be checked too. The
 * document must outlive the library, the library every chain built from it, a chain its runs and their batches. */
struct xf_library;
int xf_library_load(struct conf_node *transforms, struct conf_node *predicates, enum xf_compat compat,
                    struct conf_diags *diags, struct xf_library **ret_library);
void xf_library_destroy(struct xf_library *library);

/* How a key or a value lies in its bytes. Those of numbers are those of Kafka's serializers: big-endian, two's complement
 * and IEEE 754 (streams/serde/serde.h); they exist in streams only, routes have the others. So does XF_WINDOWED, a key with a
 * window behind it (struct xf_window). */
enum xf_format { XF_BYTES, XF_STRING, XF_JSON, XF_INT32, XF_INT64, XF_DOUBLE, XF_WINDOWED };

const char *xf_format_name(enum xf_format format);

/* Builds the chain a route names. `names`/`places` come from the route's `chain = [...]`. key/value formats: field
 * steps on a part that is not json are a configuration error at `route_pos`. Complaints go to diags; also the lints
 * (stage after an unconditional Filter, key rewritten but partition kept when keep_partition, …) as warnings. */
int xf_chain_build(struct xf_library *library, const struct opt_strings *names, enum xf_format key_format,
                   enum xf_format value_format, bool keep_partition, struct conf_diags *diags,
                   struct xf_chain **ret_chain);
void xf_chain_destroy(struct xf_chain *chain);

size_t xf_chain_length(const struct xf_chain *chain);
const char *xf_chain_step_name(const struct xf_chain *chain, size_t index);

/* Where a topic's records go as far as names decide it; false when a step decides per record. */
bool xf_chain_map_topic(const struct xf_chain *chain, const char *topic, char *ret_topic, size_t size);

/* Counters of one step in one run; written by the worker, read by anybody. nanoseconds of steps that run together is
 * the measured sum, divided by the shares of one sampled record per batch. */
struct xf_counters {
    aq_counter records;
    aq_counter dropped;
    aq_counter errors;
    aq_counter nanoseconds;
};

/* A worker's running chain. Topic names that steps make are interned in `names`. */
struct xf_run *xf_run_create(const struct xf_chain *chain, struct aq_names *names);
void xf_run_destroy(struct xf_run *run);

/* Runs all steps over the batch. Afterwards every record is live, AQ_REC_DROPPED or AQ_REC_FAILED, and key/value/
 * headers hold the final bytes. An empty chain returns at once. */
void xf_run_batch(struct xf_run *run, struct aq_batch *batch);

/* A running chain for records that come one at a time. `views` are borrowed and shared with whoever else works on the
 * same records; they must outlive the run. NULL: views of its own. */
struct xf_views;
struct xf_run *xf_run_create_with(const struct xf_chain *chain, struct aq_names *names,
                                  struct xf_views *views);

/* What key and value are for the run's Lua steps; borrowed, must outlive the run. A chain does not change formats, so those
 * going out are those coming in. Without this call both are JSON. */
struct xf_formats;
void xf_run_set_formats(struct xf_run *run, const struct xf_formats *formats);

/* Runs all steps over one record, which may lie anywhere: rec->batch gives the arena, and rec->partition the source
 * partition, which must be known. Afterwards the record is live, AQ_REC_DROPPED or AQ_REC_FAILED. A live one may have open
 * views: whoever looks at key or value, copies the record or ends its life calls xf_views_write() first, because a
 * view belongs to the address of the record it was opened for. Not for chains with a step that takes whole batches, and
 * not for a run that is also given batches. */
void xf_run_record(struct xf_run *run, struct aq_record *rec);

const struct xf_counters *xf_run_counters(const struct xf_run *run, size_t step);

/* All kinds, for `aqueduct list` and `help`. */
extern const struct xf_kind *const xf_kinds[];
extern const size_t xf_kind_count;
/* Accepts "MaskField", "MaskField$Value" and the full Java class name; *ret_part is what the spelling says. */
const struct xf_kind *xf_kind_find(const char *type, enum xf_sort sort, enum xf_part *ret_part);

#endif
