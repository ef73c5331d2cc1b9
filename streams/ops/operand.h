/* SPDX-License-Identifier: Apache-2.0
 *
 * What of a record is aggregated: the value of an expression such as "value.amount". An expression that is a plain path of fields is read
 * through the record's JSON spans, everything else by Lua; both give the same value, but for a number's text: a path keeps
 * it as it stands ("1.50"), Lua writes it anew ("1.5").
 *
 * Ownership: values point into the record or into the arena handed in. Threads: the worker's own.
 * Errors: AQ_E_BAD_RECORD.
 */
#ifndef AQ_STREAMS_OPS_OPERAND_H
#define AQ_STREAMS_OPS_OPERAND_H

#include "streams/ops/op.h"
#include "transforms/json_value.h"

#define ST_PATH_MAX 8

/* "value", "key.id", "value['a b'].c". */
struct st_path {
    enum xf_part part;
    uint8_t n; /* names; 0: the key or the value itself */
    struct aq_slice names[ST_PATH_MAX];
};

/* False: the expression is something else, or longer. Names point into it. */
bool st_path_parse(struct aq_slice expression, struct st_path *ret);

/* One expression of one node in one task. */
struct st_operand {
    struct st_running running;
    bool is_path;
    struct st_path path;
    struct doc nested; /* of the path's inner objects, one after the other */
    const struct st_serde *key_serde;
    const struct st_serde *value_serde;
};

void st_operand_start(struct st_operand *operand, struct st_context *context,
                      const struct lua_program *program);
void st_operand_stop(struct st_operand *operand);

/* nil, null and a field that is not there are JS_NULL. The record's views may stay open. */
int st_operand_read(struct st_operand *operand, struct aq_record *rec, struct aq_arena *arena,
                    struct json_value *ret, struct aq_err *err);

/* ---- values as bytes of a serde ------------------------------------------------------------------------------------ */

/* null and JSON's null are null for every serde but json. 0, or AQ_E_BAD_RECORD: it has no such form. Bytes lie in the value or in the
 * arena. */
int st_operand_encode(const struct json_value *value, const struct st_serde *serde, struct aq_arena *arena,
                      struct aq_slice *ret, struct aq_err *err);
/* The inverse; arrays and objects are not looked into. */
int st_operand_decode(struct aq_slice bytes, const struct st_serde *serde, struct aq_arena *arena,
                      struct json_value *ret, struct aq_err *err);

#endif
