/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a group by its option table.
 *
 * Ordinary pass: all defaults into the struct, then each child of the group in file order: find its row, convert,
 * store; then look for required rows that no child named.
 * Failing pass: nothing stops at the first mistake. A bad value leaves the default in place, so that the readers that
 * follow see a sane struct and add their own findings; the caller learns the number of errors and must not run.
 *
 * Invariant: a row marked OPT_SECRET is remembered (conf/secret.h) and hidden in diags before any finding about it is
 * added. Threads: one owner.
 */
#include "conf/opt.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "conf/opt_value.h"
#include "conf/secret.h"

/* An option without a default is absent: NULL, 0, false, an empty list. */
static void set_absent(const struct opt_row *row, void *target)
{
    static const size_t sizes[] = {
        [OPT_STRING] = sizeof(const char *),
        [OPT_BOOL] = sizeof(bool),
        [OPT_INT] = sizeof(int64_t),
        [OPT_DURATION] = sizeof(int64_t),
        [OPT_SIZE] = sizeof(int64_t),
        [OPT_ENUM] = sizeof(int),
        [OPT_STRINGS] = sizeof(struct opt_strings),
        [OPT_NODE] = sizeof(const struct conf_node *),
        [OPT_REFUSED] = 0,
    };
    AQ_ASSERT(row->kind <= OPT_REFUSED);
    memset((char *)target + row->offset, 0, sizes[row->kind]);
}

void opt_defaults(const struct opt_row *rows, struct aq_arena *arena, void *target)
{
    AQ_ASSERT(rows && target);
    for (const struct opt_row *row = rows; row->name; row++) {
        set_absent(row, target);
        if (!row->def) continue;
        struct aq_err err = {0};
        int rc = opt_read_text(row, row->def, arena, target, &err);
        /* opt_check_table() finds this in a test; going on with a random zero would be worse. */
        AQ_ASSERT(rc == 0);
    }
}

static const struct opt_row *find_row(const struct opt_row *rows, const char *name)
{
    for (const struct opt_row *row = rows; row->name; row++) {
        if (strcmp(row->name, name) == 0) return row;
    }
    return NULL;
}

static bool listed(const char *const *names, const char *name)
{
    for (; names && *names; names++) {
        if (strcmp(*names, name) == 0) return true;
    }
    return false;
}

static void report_unknown(const struct opt_row *rows, const struct conf_node *child, const char *what,
                           const char *const *ignore, struct conf_diags *diags)
{
    size_t most = 0;
    for (const struct opt_row *row = rows; row->name; row++) most++;
    for (const char *const *name = ignore; name && *name; name++) most++;
    const char **names = aq_calloc(most + 1, sizeof(*names));
    size_t n = 0;
    for (const char *const *name = ignore; name && *name; name++) names[n++] = *name;
    for (const struct opt_row *row = rows; row->name; row++) {
        if (row->kind != OPT_REFUSED) names[n++] = row->name;
    }
    AQ_ASSERT(n <= most);

    const char *near = conf_did_you_mean(child->name, names, n);
    if (near) {
        conf_diag(diags, CONF_ERROR, child->pos, "%s: unknown option '%s'; did you mean '%s'?", what,
                  child->name, near);
    } else {
        struct aq_arena arena;
        aq_arena_init(&arena, 1024);
        char *list = aq_arena_strdup(&arena, "");
        for (size_t i = 0; i < n; i++)
            list = aq_arena_printf(&arena, "%s%s%s", list, i ? ", " : "", names[i]);
        conf_diag(diags, CONF_ERROR, child->pos, "%s: unknown option '%s'; allowed: %s", what, child->name,
                  n ? list : "none");
        aq_arena_finish(&arena);
    }
    free(names);
}

static void hide_secret(const struct conf_node *node, struct conf_diags *diags)
{
    if (node->type == CONF_STRING) conf_secret_remember(node->string);
    if (node->type != CONF_STRING && node->raw) conf_secret_remember(node->raw);
    conf_diags_hide(diags, node->value_pos);
    for (const struct conf_node *n = node->first; n; n = n->next) hide_secret(n, diags);
}

static void read_child(const struct opt_row *row, struct conf_node *child, const char *what,
                       struct aq_arena *arena, void *target, struct conf_diags *diags)
{
    AQ_ASSERT(child->name);
    if (row->flags & OPT_SECRET) hide_secret(child, diags);
    if (child->faulty) return; /* the lint has said what is wrong with it */
    struct aq_err err = {0};
    struct conf_pos place;
    int rc = opt_take(row, child, arena, target, &place, &err);
    if (rc == 0) return;
    if (row->kind == OPT_REFUSED) {
        conf_diag(diags, CONF_ERROR, place, "%s: option '%s' is not supported: %s", what, row->name,
                  err.text);
    } else {
        conf_diag(diags, CONF_ERROR, place, "%s: %s: %s", what, row->name, err.text);
    }
}

size_t opt_read(const struct opt_row *rows, struct conf_node *group, const char *what,
                const char *const *ignore, struct aq_arena *arena, void *target, struct conf_diags *diags)
{
    AQ_ASSERT(rows && what && arena && target && diags);
    size_t before = diags->errors;
    opt_defaults(rows, arena, target);
    if (group) group->used = true;
    if (group && group->faulty) return 0;
    if (group && group->type != CONF_GROUP) {
        conf_diag(diags, CONF_ERROR, group->pos, "%s: must be a group { … }, not %s %s", what,
                  group->type == CONF_ARRAY || group->type == CONF_INT ? "an" : "a",
                  conf_type_name(group->type));
        return diags->errors - before;
    }
    for (struct conf_node *child = group ? group->first : NULL; child; child = child->next) {
        if (listed(ignore, child->name)) continue;
        child->used = true;
        const struct opt_row *row = find_row(rows, child->name);
        if (row) {
            read_child(row, child, what, arena, target, diags);
        } else {
            report_unknown(rows, child, what, ignore, diags);
        }
    }
    for (const struct opt_row *row = rows; row->name; row++) {
        if (!(row->flags & OPT_REQUIRED)) continue;
        bool there = false;
        for (const struct conf_node *n = group ? group->first : NULL; n && !there; n = n->next) {
            there = strcmp(n->name, row->name) == 0;
        }
        if (there) continue;
        conf_diag(diags, CONF_ERROR, group ? group->pos : (struct conf_pos){0},
                  "%s: required option '%s' is missing", what, row->name);
    }
    return diags->errors - before;
}
