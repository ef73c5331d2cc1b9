/* SPDX-License-Identifier: Apache-2.0
 *
 * What a transform or a predicate is. Three types, three lifetimes:
 *   struct xf_kind   static: name, option rows, functions. The descriptor a plugin will export, so its first field is
 *                    the ABI version.
 *   conf             what one `transforms.NAME` group means: filled by the option rows, completed by configure();
 *                    read-only while it runs, shared by all workers.
 *   run              what one worker needs to run it (caches, match data): created by start(), single-threaded.
 *
 * A transform has one of two entries. each() is handed one record at a time, and only records it is meant for;
 * consecutive steps with each() run record by record, so that a record is still in the cache when the next step comes
 * (transforms/run.c). apply() is handed a whole batch and must look only at records for which xf_wants(step, rec) is
 * true (not dropped, not failed, predicate met); it suits steps that gain from seeing many records.
 * A kind may have both, and then batchwise() says which one a configuration takes.
 *
 * Both edit records in place; bytes they make live in rec->batch->arena. apply() may also make several records of one
 * (transforms/flatten.c): they stand side by side, have its offset, and only the first has its origin (base/record.h). They drop by setting AQ_REC_DROPPED and fail
 * a record by aq_record_fail(); they never block and never log.
 *
 * Built-ins are listed in transforms/builtin.def, one line each.
 */
#ifndef AQ_TRANSFORMS_TRANSFORM_H
#define AQ_TRANSFORMS_TRANSFORM_H

#include "base/err.h"
#include "base/record.h"
#include "conf/opt.h"

#define XF_ABI 1u

enum xf_sort { XF_TRANSFORM, XF_PREDICATE };

/* What a step works on: `on = "key"` / "value", or type = "MaskField$Key". */
enum xf_part { XF_PART_NONE, XF_PART_KEY, XF_PART_VALUE };

enum xf_flag {
    XF_HAS_PART = 1u << 0,    /* takes `on` (default value) */
    XF_CHANGES_KEY = 1u << 1, /* for the lint "key changed, partition kept" */
    XF_ROUTES = 1u << 2, /* changes the sink topic: map_topic is set if it depends on the topic name alone */
    XF_DROPS_ALL = 1u << 3, /* Filter: drops whatever reaches it */
    XF_FIELDS = 1u << 4,    /* works on JSON fields: its part must have the format json */
};

enum xf_compat { XF_SAFE, XF_CONNECT };

struct xf_step;

/* Given to configure(): where things come from and where complaints go. */
struct xf_setup {
    const char *what;              /* "transforms.mask" */
    const struct conf_node *group; /* for places in messages */
    enum xf_part part;
    enum xf_compat compat;
    struct aq_arena *arena; /* lives as long as conf */
    struct conf_diags *diags;
};

struct xf_kind {
    uint32_t abi; /* XF_ABI */
    enum xf_sort sort;
    const char *name;    /* "MaskField"; Connect's class name without package */
    const char *summary; /* one sentence */
    const char *example; /* a configuration group that loads */
    const struct opt_row *rows;
    size_t conf_size;
    unsigned flags;

    /* Completes conf after the rows were read: compiles, cross-checks; complaints go to setup->diags. May be NULL. */
    void (*configure)(void *conf, const struct xf_setup *setup);
    void (*release)(void *conf); /* frees what configure() made; may be NULL */

    /* Per-worker state; both may be NULL. */
    void *(*start)(const void *conf);
    void (*stop)(void *run);

    /* Transforms: one of each() and apply(), or both and batchwise(): whether this configuration takes apply(). */
    void (*each)(struct xf_step *step, struct aq_record *rec);
    void (*apply)(struct xf_step *step, struct aq_batch *batch);
    bool (*batchwise)(const void *conf);
    /* Where a record of this topic goes, as far as the name alone decides it: false when it depends on the record.
     * `topic` is changed in place in a buffer of `size` bytes. */
    bool (*map_topic)(const void *conf, char *topic, size_t size);

    /* For a kind with XF_ROUTES that does not with every configuration: whether it does with this one. NULL: always. */
    bool (*routes)(const void *conf);

    /* Predicates: look at the record and change nothing; one that cannot decide fails it by aq_record_fail(). */
    bool (*test)(struct xf_step *step, struct aq_record *rec);
    /* 1 or 0 when the topic name alone decides, -1 otherwise. */
    int (*test_topic)(const void *conf, const char *topic);
};

#endif
