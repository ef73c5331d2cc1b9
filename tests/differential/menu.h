/* SPDX-License-Identifier: Apache-2.0
 *
 * The menu of functions (menu.def) as a table, and the types keys and values have. Only tests/tools/topology_gen.c
 * includes this.
 */
#ifndef AQ_TESTS_DIFFERENTIAL_MENU_H
#define AQ_TESTS_DIFFERENTIAL_MENU_H

#include "tests/lib/check.h"

/* One bit each, so that a function can take several. */
enum { S = 1, L = 2, I = 4, D = 8, J = 16, B = 32, ANY = 63, SAME = 64 };

enum role { CONDITION, VALUE, STATEMENTS, KEY, VALUES, RECORDS, TOPIC };

struct function {
    const char *id;
    enum role role;
    unsigned keys, values; /* the types it takes */
    unsigned to_key, to_value;
    const char *lua;
};

static const struct function menu[] = {
#define F(id, role, keys, values, to_key, to_value, lua) {#id, role, keys, values, to_key, to_value, lua},
#include "tests/differential/menu.def"
#undef F
};

#define MENU_COUNT (sizeof(menu) / sizeof(menu[0]))

/* As `key_serde` and `value_serde` spell it. */
static inline const char *type_name(unsigned type)
{
    switch (type) {
    case S: return "string";
    case L: return "int64";
    case I: return "int32";
    case D: return "double";
    case J: return "json";
    case B: return "bytes";
    default: T_FAIL("%u is no type", type);
    }
}

static inline unsigned type_after(unsigned to, unsigned before)
{
    return to == SAME ? before : to;
}

#endif
