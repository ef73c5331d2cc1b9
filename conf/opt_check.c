/* SPDX-License-Identifier: Apache-2.0
 *
 * The table-wide test: a fault in a table is a fault of ours, found by a unit test and never by a user.
 */
#include <ctype.h>

#include "base/assert.h"
#include "conf/opt_value.h"

static const char *name_fault(const struct opt_row *row)
{
    if (!*row->name) return "empty name";
    if (!islower((unsigned char)row->name[0])) return "name does not start with a lower case letter";
    /* Refused rows carry foreign names, but libconfig's rules hold for them too. */
    for (const char *p = row->name; *p; p++) {
        bool refused_form = row->kind == OPT_REFUSED && (isupper((unsigned char)*p) || *p == '-');
        if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '_' && !refused_form) {
            return "name has characters other than a-z, 0-9 and _";
        }
    }
    return NULL;
}

static const char *row_fault(const struct opt_row *row)
{
    const char *fault = name_fault(row);
    if (fault) return fault;
    if (row->kind > OPT_REFUSED) return "unknown kind";
    if (!row->help || !*row->help) return "no help";
    if (row->help[strlen(row->help) - 1] != '.') return "help does not end with a full stop";
    if ((row->kind == OPT_ENUM) != (row->values != NULL))
        return "an enum needs values, and only an enum has them";
    if (row->kind == OPT_STRING && (row->min < 0 || row->min > 1)) return "a string is empty or not";
    if (row->min > row->max && row->kind != OPT_STRINGS && row->kind != OPT_STRING) return "min is above max";
    if (row->flags & OPT_REQUIRED && row->def) return "required and has a default";
    if (row->kind == OPT_REFUSED && (row->flags & OPT_REQUIRED || row->def))
        return "refused, but required or set";
    if (row->kind == OPT_NODE && row->def) return "a group cannot have a default";
    return NULL;
}

static size_t check_default(const struct opt_table *table, const struct opt_row *row, FILE *out)
{
    if (!row->def) return 0;
    struct aq_arena arena;
    aq_arena_init(&arena, 512);
    union {
        struct opt_strings strings;
        int64_t number;
        const char *text;
    } field = {0};
    struct opt_row alone = *row;
    alone.offset = 0;
    struct aq_err err = {0};
    size_t faults = 0;
    if (opt_read_text(&alone, row->def, &arena, &field, &err)) {
        fprintf(out, "%s.%s: default '%s': %s\n", table->name, row->name, row->def, err.text);
        faults = 1;
    }
    aq_arena_finish(&arena);
    return faults;
}

size_t opt_check_table(const struct opt_table *table, FILE *out)
{
    AQ_ASSERT(table && out);
    size_t faults = 0;
    if (!table->name || !table->kind || !table->summary || !table->rows) {
        fprintf(out, "%s: name, kind, summary or rows missing\n",
                table->name ? table->name : "(unnamed table)");
        return 1;
    }
    for (const struct opt_row *row = table->rows; row->name; row++) {
        const char *fault = row_fault(row);
        if (fault) {
            fprintf(out, "%s.%s: %s\n", table->name, row->name, fault);
            faults++;
            continue;
        }
        for (const struct opt_row *other = table->rows; other < row; other++) {
            if (strcmp(other->name, row->name) != 0) continue;
            fprintf(out, "%s.%s: two rows of this name\n", table->name, row->name);
            faults++;
        }
        faults += check_default(table, row, out);
    }
    return faults;
}
