/* SPDX-License-Identifier: Apache-2.0
 *
 * The menu of functions (menu.def) as a table, and the types keys and values have. Only tests/tools/topology_gen.c
 * includes this.
 */
#ifndef AQ_TESTS_DIFFERENTIAL_MENU_H
#define AQ_TESTS_DIFFERENTIAL_MENU_H

#include "tests/lib/check.h"

/* One bit each, so that a function can take several. W stands beside another one: keys of that type with their window. INNER: that
 * other type. A is JSON that need not be an object, which few functions take. */
enum { S = 1, L = 2, I = 4, D = 8, J = 16, B = 32, A = 64, ANY = 127, W = 128, SAME = 256, INNER = 512 };

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

static inline bool mentions(const struct function *f, const char *name)
{
    return strstr(f->lua, name) != NULL;
}

/* Whether the function takes such keys. Most do not know what a window is; what makes a key of such a one makes one without. */
static inline bool takes_key(const struct function *f, unsigned key)
{
    if (!(key & W)) return f->keys & key && !(f->keys & W);
    if (f->keys & W) return f->keys & key & ~(unsigned)W;
    if (f->role == KEY && f->to_key == SAME) return false;
    return f->keys == ANY && !mentions(f, "key");
}

/* As `key_serde` and `value_serde` spell it. */
static inline const char *type_name(unsigned type)
{
    switch (type) {
    case S: return "string";
    case L: return "int64";
    case I: return "int32";
    case D: return "double";
    case A:
    case J: return "json";
    case B: return "bytes";
    default: T_FAIL("%u is no type", type);
    }
}

static inline unsigned type_after(unsigned to, unsigned before)
{
    if (to == INNER) return before & ~(unsigned)W;
    return to == SAME ? before : to;
}

#endif
