/* SPDX-License-Identifier: Apache-2.0
 *
 * A value of a document, or one that a script computed: null, a boolean, a number, a string; an array or an object is its text.
 *
 * Numbers are read as Lua reads them (transforms/lua_view.c): what fits 64 bits signed and has neither point nor exponent is an
 * integer, exactly; everything else is the nearest double, 1e999 is infinity.
 *
 * Ownership: slices point into the text that was read, or into the arena. Threads: none of its own.
 */
#ifndef AQ_TRANSFORMS_JSON_VALUE_H
#define AQ_TRANSFORMS_JSON_VALUE_H

#include "base/arena.h"
#include "base/err.h"
#include "transforms/json_scan.h"

struct json_value {
    enum json_type type;
    bool is_integer; /* JS_NUMBER: `integer` holds it, else `real` */
    union {
        int64_t integer;
        double real; /* a computed one may be infinite or NaN */
    };
    struct aq_slice string; /* JS_STRING: decoded */
    struct aq_slice
        text; /* as it stands in its document; null for what a script computed, arrays and objects aside */
};

/* A value whose place and type the scanner told. Escapes are decoded into the arena. */
struct json_value json_value_of(enum json_type type, struct aq_slice text, struct aq_arena *arena);

/* A whole text, white space around it included. 0, or AQ_E_BAD_RECORD with *ret_error. Arrays and objects are told by their first byte and
 * not looked into. */
int json_value_read(struct aq_slice text, struct aq_arena *arena, struct json_value *ret,
                    struct json_error *ret_error);

/* Its JSON text: the one it came with, or a new one in the arena. 0, or AQ_E_BAD_RECORD for NaN and infinity, which have none. */
int json_value_write(const struct json_value *value, struct aq_arena *arena, struct aq_slice *ret,
                     struct aq_err *err);

/* Numbers by what they are worth, an integer and a double exactly; strings by their bytes. *ret is negative, 0 or positive. False: the
 * two have no order (a number and a string, NaN, anything else). */
bool json_value_compare(const struct json_value *a, const struct json_value *b, int *ret);

/* Without the white space around it. */
struct aq_slice json_trim(struct aq_slice text);

/* Of the text of a JSON number: true with the integer when it is one of 64 bits; the nearest double. */
bool json_read_integer(struct aq_slice text, int64_t *ret);
double json_read_real(struct aq_slice text);

/* Whether a double is an integer of 64 bits, and which. */
bool json_real_is_integer(double real, int64_t *ret);

#endif
