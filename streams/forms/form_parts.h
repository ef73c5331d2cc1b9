/* SPDX-License-Identifier: Apache-2.0
 *
 * What the forms share: complaints at the right place, serdes, Lua programs. Only streams/form*.c call this.
 */
#ifndef AQ_STREAMS_FORMS_FORM_PARTS_H
#define AQ_STREAMS_FORMS_FORM_PARTS_H

#include <stddef.h>

#include "streams/forms/form.h"
#include "streams/ops/op.h"

#define ST_SERDE_HELP \
    "bytes, string, int32, int64, double or json, or the name of one of Kafka's Java classes."

/* A complaint at the option's value when the group has it, else at the group. */
void st_form_error(const struct st_forming *forming, const char *option, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same at the k-th name of `from`. */
void st_form_error_from(const struct st_forming *forming, size_t k, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The group has the option. */
bool st_form_gives(const struct st_forming *forming, const char *option);

/* What st_add_…() said, at the option (NULL: at the group). */
void st_form_refused(const struct st_forming *forming, const char *option, const struct aq_err *err);

/* Adds a processor and gives it the serdes of these names (NULL: as they came). False after a complaint. */
bool st_form_processor(const struct st_forming *forming, const struct st_processor_kind *kind, void *user,
                       const char *key_serde, const char *value_serde);

/* Declares the serdes of the node that was added. */
bool st_form_serdes(const struct st_forming *forming, const char *key_serde, const char *value_serde);

/* The extractor of the option timestamp_extractor; NULL: the application's. False after a complaint. */
bool st_form_extractor(const struct st_forming *forming, const char *name, const struct st_extractor **ret);

#define ST_EXTRACTOR_HELP                                                                                \
    "Which moment a record stands for, instead of default_timestamp_extractor: FailOnInvalidTimestamp, " \
    "LogAndSkipOnInvalidTimestamp, UsePartitionTimeOnInvalidTimestamp or WallclockTimestampExtractor."

/* ---- Lua ---------------------------------------------------------------------------------------------------------- */

/* What keeps a mistake in a script from stopping a thread. */
struct st_limits {
    int64_t instructions;
    int64_t memory;
};

/* The rows of limits that lie so far into a conf. */
#define ST_LIMIT_ROWS_AT(at)                                                                           \
    {.name = "instruction_limit",                                                                      \
     .kind = OPT_INT,                                                                                  \
     .offset = (at) + offsetof(struct st_limits, instructions),                                        \
     .def = LUA_INSTRUCTIONS_DEFAULT,                                                                  \
     .min = LUA_INSTRUCTIONS_MIN,                                                                      \
     .max = LUA_INSTRUCTIONS_MAX,                                                                      \
     .reload = OPT_RELOAD_PROCESS,                                                                     \
     .help = "How many instructions of Lua's machine a record may take before it fails."},             \
    {                                                                                                  \
        .name = "memory_limit", .kind = OPT_SIZE, .offset = (at) + offsetof(struct st_limits, memory), \
        .def = LUA_MEMORY_DEFAULT, .min = LUA_MEMORY_MIN, .max = LUA_MEMORY_MAX,                       \
        .reload = OPT_RELOAD_PROCESS,                                                                  \
        .help = "How much memory Lua may hold in each task, and how much it may write for one record." \
    }

/* The rows of a conf that has `struct st_limits limits`. */
#define ST_LIMIT_ROWS(conf) ST_LIMIT_ROWS_AT(offsetof(conf, limits))

/* Compiles the option's text; false after a complaint there. The texts live as long as the document. */
bool st_form_program(const struct st_forming *forming, const char *option, enum lua_form form,
                     const char *text, struct st_limits limits, struct lua_program *ret);

#endif
