/* SPDX-License-Identifier: Apache-2.0
 *
 * One option's value: from a node of the tree or a default's text into a field of the target struct.
 */
#include "conf/opt_value.h"

#include <ctype.h>

#include "base/assert.h"

/* A value that was written as a string: in quotes, by ${…}, or by -s, where everything is text. */
static const char *node_text(const struct conf_node *node)
{
    if (node->type == CONF_STRING) return node->string;
    return node->value_pos.origin ? node->raw : NULL;
}

static const char *article(enum conf_type type)
{
    return type == CONF_ARRAY || type == CONF_INT ? "an" : "a";
}

static int fail_type(const struct conf_node *node, const char *wanted, struct aq_err *err)
{
    return aq_fail(err, AQ_E_CONFIG, "must be %s, not %s %s", wanted, article(node->type),
                   conf_type_name(node->type));
}

static int check_range(const struct opt_row *row, int64_t value, struct aq_err *err)
{
    if (row->min == 0 && row->max == 0) return 0;
    if (value >= row->min && value <= row->max) return 0;
    struct aq_arena arena;
    aq_arena_init(&arena, 512);
    const char *shown = row->flags & OPT_SECRET ? "the value" : opt_number_text(row->kind, value, &arena);
    int rc = aq_fail(err, AQ_E_CONFIG, "%s is out of range; allowed: %s", shown, opt_range_text(row, &arena));
    aq_arena_finish(&arena);
    return rc;
}

static int parse_number(const struct opt_row *row, const char *text, int64_t *ret_value, struct aq_err *err)
{
    int rc;
    const char *hint;
    if (row->kind == OPT_DURATION) {
        rc = opt_parse_duration(text, ret_value);
        hint = "a duration: a whole number and ms, s, m, h or d, such as \"500ms\" or \"5s\"";
    } else if (row->kind == OPT_SIZE) {
        rc = opt_parse_size(text, ret_value);
        hint = "a size: a whole number and B, KiB, MiB, GiB, TiB, KB, MB, GB or TB, such as \"16MiB\"";
    } else {
        rc = opt_parse_int(text, ret_value);
        hint = "a whole number";
    }
    if (rc == 0) return check_range(row, *ret_value, err);
    if (row->flags & OPT_SECRET) return aq_fail(err, AQ_E_CONFIG, "the value is not %s", hint);
    return aq_fail(err, AQ_E_CONFIG, "'%s' is not %s", text, hint);
}

static int take_number(const struct opt_row *row, const struct conf_node *node, void *field,
                       struct aq_err *err)
{
    int64_t value = 0;
    int rc;
    const char *text = node_text(node);
    if (text) {
        rc = parse_number(row, text, &value, err);
    } else if (node->type == CONF_INT) {
        value = node->integer;
        rc = check_range(row, value, err);
    } else {
        static const char *const wanted[] = {[OPT_INT] = "a whole number",
                                             [OPT_DURATION] = "a duration such as \"5s\"",
                                             [OPT_SIZE] = "a size such as \"16MiB\""};
        return fail_type(node, wanted[row->kind], err);
    }
    if (rc == 0) memcpy(field, &value, sizeof(value));
    return rc;
}

static int take_bool(const struct conf_node *node, void *field, struct aq_err *err)
{
    bool value = node->type == CONF_BOOL && node->boolean;
    const char *text = node_text(node);
    if (text && strcasecmp(text, "true") == 0) {
        value = true;
    } else if (text && strcasecmp(text, "false") != 0) {
        return aq_fail(err, AQ_E_CONFIG, "must be true or false (without quotes)");
    } else if (!text && node->type != CONF_BOOL) {
        return fail_type(node, "true or false", err);
    }
    memcpy(field, &value, sizeof(value));
    return 0;
}

static int parse_enum(const struct opt_row *row, const char *text, void *field, struct aq_err *err)
{
    AQ_ASSERT(row->values);
    const char *names[64];
    size_t n = 0;
    for (const struct opt_enum *v = row->values; v->name; v++) {
        if (strcmp(v->name, text) == 0) {
            memcpy(field, &v->value, sizeof(v->value));
            return 0;
        }
        if (n < sizeof(names) / sizeof(names[0])) names[n++] = v->name;
    }
    struct aq_arena arena;
    aq_arena_init(&arena, 512);
    const char *near = conf_did_you_mean(text, names, n);
    const char *list = opt_enum_names(row->values, ", ", &arena);
    int rc = near ? aq_fail(err, AQ_E_CONFIG, "unknown value '%s'; did you mean '%s'? allowed: %s", text,
                            near, list)
                  : aq_fail(err, AQ_E_CONFIG, "unknown value '%s'; allowed: %s", text, list);
    aq_arena_finish(&arena);
    return rc;
}

/* "a, b,,c" -> a b c. Places are only exact when the text stands in the file as it is. */
static void split_commas(const char *text, const struct conf_node *node, struct aq_arena *arena,
                         struct opt_strings *ret)
{
    size_t most = 1;
    for (const char *p = text; *p; p++) most += *p == ',';
    const char **items = aq_arena_alloc(arena, most * sizeof(*items));
    struct conf_pos *places = aq_arena_zalloc(arena, most * sizeof(*places));
    bool literal = node && node->type == CONF_STRING && node->value_pos.column > 0 &&
                   node->raw == node->string && node->value_pos.width == (int)strlen(text) + 2;
    size_t n = 0;
    for (const char *p = text; *p;) {
        size_t len = strcspn(p, ",");
        const char *start = p;
        size_t width = len;
        while (width > 0 && isspace((unsigned char)*start)) {
            start++;
            width--;
        }
        while (width > 0 && isspace((unsigned char)start[width - 1])) width--;
        if (width > 0) {
            items[n] = aq_arena_copy(arena, aq_slice_of(start, width)).ptr;
            if (node) places[n] = node->value_pos;
            if (literal) {
                places[n].column += 1 + (int)(start - text);
                places[n].width = (int)width;
            }
            n++;
        }
        p += len + (p[len] == ',');
    }
    AQ_ASSERT(n <= most);
    *ret = (struct opt_strings){items, places, n};
}

static int take_strings(const struct opt_row *row, const struct conf_node *node, struct aq_arena *arena,
                        void *field, struct conf_pos *ret_place, struct aq_err *err)
{
    struct opt_strings list = {0};
    const char *text = node_text(node);
    if (text) {
        split_commas(text, node, arena, &list);
    } else if (node->type == CONF_ARRAY || node->type == CONF_LIST) {
        const char **items = aq_arena_alloc(arena, (size_t)(node->count + 1) * sizeof(*items));
        struct conf_pos *places = aq_arena_zalloc(arena, (size_t)(node->count + 1) * sizeof(*places));
        for (const struct conf_node *n = node->first; n; n = n->next) {
            if (n->type != CONF_STRING) {
                *ret_place = n->pos;
                return aq_fail(err, AQ_E_CONFIG, "must hold strings in quotes, not %s %s", article(n->type),
                               conf_type_name(n->type));
            }
            places[list.count] = n->value_pos;
            items[list.count++] = n->string;
        }
        list.items = items;
        list.places = places;
    } else {
        return fail_type(node, "a list of strings such as [\"a\", \"b\"]", err);
    }
    if (row->min > 0 && (int64_t)list.count < row->min) {
        return aq_fail(err, AQ_E_CONFIG, "needs at least %lld item%s", (long long)row->min,
                       row->min == 1 ? "" : "s");
    }
    memcpy(field, &list, sizeof(list));
    return 0;
}

static void mark_used(struct conf_node *node)
{
    node->used = true;
    for (struct conf_node *n = node->first; n; n = n->next) mark_used(n);
}

int opt_take(const struct opt_row *row, const struct conf_node *node, struct aq_arena *arena, void *target,
             struct conf_pos *ret_place, struct aq_err *err)
{
    AQ_ASSERT(row && node && target && ret_place);
    void *field = (char *)target + row->offset;
    *ret_place = node->value_pos.file || node->value_pos.origin ? node->value_pos : node->pos;
    const char *text = node_text(node);
    switch (row->kind) {
    case OPT_STRING:
        if (!text) return fail_type(node, "a string in quotes", err);
        if (row->min > 0 && text[strspn(text, " \t")] == '\0')
            return aq_fail(err, AQ_E_CONFIG, "must not be empty");
        memcpy(field, &text, sizeof(text));
        return 0;
    case OPT_BOOL: return take_bool(node, field, err);
    case OPT_INT:
    case OPT_DURATION:
    case OPT_SIZE: return take_number(row, node, field, err);
    case OPT_ENUM:
        if (!text) return fail_type(node, "a string in quotes", err);
        return parse_enum(row, text, field, err);
    case OPT_STRINGS: return take_strings(row, node, arena, field, ret_place, err);
    case OPT_NODE:
        mark_used((struct conf_node *)node);
        memcpy(field, &node, sizeof(node));
        return 0;
    case OPT_REFUSED: *ret_place = node->pos; return aq_fail(err, AQ_E_CONFIG, "%s", row->help);
    }
    AQ_ASSERT(!"a kind of option without a reader");
    return AQ_E_INVALID;
}

int opt_read_text(const struct opt_row *row, const char *text, struct aq_arena *arena, void *target,
                  struct aq_err *err)
{
    AQ_ASSERT(row && text && target);
    /* A default is read exactly like a string in the file. */
    struct conf_node node = {.type = CONF_STRING, .string = text, .raw = text};
    struct conf_pos place;
    if (row->kind == OPT_NODE || row->kind == OPT_REFUSED) {
        return aq_fail(err, AQ_E_INVALID, "a %s has no default", opt_kind_text(row->kind));
    }
    return opt_take(row, &node, arena, target, &place, err);
}
