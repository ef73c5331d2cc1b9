/* SPDX-License-Identifier: Apache-2.0
 *
 * `-s path=value`: changes one place of the loaded tree.
 *
 * Ordinary pass: the path is walked from the root by names; in a list a name is the `name` of an element or an index
 * in brackets; groups that are not there yet are made on the way, elements of lists are not. The last name gets the
 * value: true, false, a number, a libconfig value when it starts with " [ ( or {, else the text as it is. Because
 * everything on a command line is text, the node keeps it as raw, and the option readers take it for a string too.
 * Failing pass: a finding whose place is the option as it was typed; at most empty groups were added, and the load fails.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/assert.h"
#include "conf/load.h"

struct step {
    const char *name; /* in the arena */
    int index;        /* of [3]; -1 for a name */
};

struct walk {
    struct conf_doc *doc;
    struct conf_diags *diags;
    const char *origin;
    const char *rest; /* of the path, up to '=' */
    const char *end;
};

static struct conf_pos place(const struct walk *w)
{
    return (struct conf_pos){.origin = w->origin};
}

/* Takes the next part of the path; false when there is none or it is malformed. */
static bool next_step(struct walk *w, struct step *ret)
{
    const char *p = w->rest;
    size_t len = 0;
    while (p + len < w->end && p[len] != '.') len++;
    if (len == 0) return false;
    w->rest = p + len + (p + len < w->end);
    *ret = (struct step){.name = aq_arena_copy(&w->doc->arena, aq_slice_of(p, len)).ptr, .index = -1};
    if (p[0] != '[') return true;
    char *stop;
    errno = 0;
    long index = strtol(p + 1, &stop, 10);
    bool good =
        !errno && stop > p + 1 && stop == p + len - 1 && *stop == ']' && index >= 0 && index < 1000000;
    ret->index = (int)index;
    return good;
}

static const char *name_inside(const struct conf_node *group)
{
    for (const struct conf_node *n = group->first; n; n = n->next) {
        if (n->name && strcmp(n->name, "name") == 0 && n->type == CONF_STRING) return n->string;
    }
    return NULL;
}

static struct conf_node *find(const struct conf_node *in, const struct step *step)
{
    int index = 0;
    for (struct conf_node *n = in->first; n; n = n->next, index++) {
        if (step->index >= 0) {
            if (index == step->index) return n;
            continue;
        }
        const char *name = n->name ? n->name : n->type == CONF_GROUP ? name_inside(n) : NULL;
        if (name && strcmp(name, step->name) == 0) return n;
    }
    return NULL;
}

static struct conf_node *add(struct walk *w, struct conf_node *group, const char *name)
{
    AQ_ASSERT(group->type == CONF_GROUP);
    struct conf_node *node = aq_arena_zalloc(&w->doc->arena, sizeof(*node));
    node->name = name;
    node->type = CONF_GROUP;
    node->parent = group;
    node->pos = place(w);
    node->value_pos = node->pos;
    if (!group->last)
        group->first = node;
    else
        group->last->next = node;
    group->last = node;
    group->count++;
    return node;
}

static void report_absent(struct walk *w, const struct conf_node *in, const struct step *step)
{
    char path[256];
    conf_node_path(in, path, sizeof(path));
    if (in->type == CONF_GROUP) {
        conf_diag(w->diags, CONF_ERROR, place(w), "'%s' is no name of an option", step->name);
        return;
    }
    if (in->type != CONF_LIST && in->type != CONF_ARRAY) {
        conf_diag(w->diags, CONF_ERROR, place(w), "%s is %s value, there is no '%s' in it", path,
                  conf_type_name(in->type), step->name);
        return;
    }
    const char *names[64];
    size_t n = 0;
    for (const struct conf_node *c = in->first; c && n < 64; c = c->next) {
        const char *name = c->type == CONF_GROUP ? name_inside(c) : NULL;
        if (name) names[n++] = name;
    }
    const char *near = conf_did_you_mean(step->name, names, n);
    if (near) {
        conf_diag(w->diags, CONF_ERROR, place(w), "%s has no '%s'; did you mean '%s'?", path, step->name,
                  near);
    } else {
        conf_diag(w->diags, CONF_ERROR, place(w), "%s has no '%s' (it has %d element%s)", path, step->name,
                  in->count, in->count == 1 ? "" : "s");
    }
}

static bool is_name(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-*") == strlen(text);
}

static struct conf_node *walk_to(struct walk *w)
{
    struct conf_node *node = w->doc->root;
    while (w->rest < w->end) {
        struct step step;
        if (!next_step(w, &step)) {
            conf_diag(w->diags, CONF_ERROR, place(w),
                      "the path must be names with '.' between them, or [INDEX]");
            return NULL;
        }
        struct conf_node *child = find(node, &step);
        if (!child && node->type == CONF_GROUP && step.index < 0 && is_name(step.name)) {
            child = add(w, node, step.name);
        }
        if (!child) {
            report_absent(w, node, &step);
            return NULL;
        }
        node = child;
    }
    return node;
}

/* Copies what a value is made of; name, parent and neighbours stay. */
static void take_value(struct conf_node *node, const struct conf_node *value)
{
    struct conf_node old = *node;
    *node = *value;
    node->name = old.name;
    node->parent = old.parent;
    node->next = old.next;
    for (struct conf_node *n = node->first; n; n = n->next) n->parent = node;
}

static bool set_value(struct walk *w, struct conf_node *node, const char *value)
{
    struct conf_node new = {.pos = place(w), .value_pos = place(w), .raw = value};
    if (*value && strchr("\"[({", *value)) {
        const char *text = aq_arena_printf(&w->doc->arena, "value = %s;\n", value);
        struct conf_node *parsed = conf_load_snippet(w->doc, text, w->origin);
        if (!parsed || parsed->next) {
            conf_diag(w->diags, CONF_ERROR, place(w), "the value is not written as in a configuration file");
            return false;
        }
        take_value(node, parsed);
        return true;
    }
    char *end;
    errno = 0;
    long long integer = strtoll(value, &end, 10);
    bool number = *value && !errno && *end == '\0' && !strchr(" \t", *value);
    if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0) {
        new.type = CONF_BOOL;
        new.boolean = value[0] == 't';
    } else if (number) {
        new.type = CONF_INT;
        new.integer = integer;
    } else {
        new.type = CONF_STRING;
        new.string = value;
    }
    take_value(node, &new);
    if (new.type == CONF_STRING) conf_load_expand(w->doc, node, w->diags);
    return true;
}

void conf_override_apply(struct conf_doc *doc, const struct conf_override *override, struct conf_diags *diags)
{
    AQ_ASSERT(doc && doc->root && override && override->text);
    struct walk w = {.doc = doc, .diags = diags};
    const char *text = aq_arena_strdup(&doc->arena, override->text);
    w.origin = aq_arena_printf(&doc->arena, "-s %s", text);
    const char *equals = strchr(text, '=');
    if (!equals || equals == text) {
        conf_diag(diags, CONF_ERROR, place(&w), "-s wants PATH=VALUE, such as routes.orders.workers=2");
        return;
    }
    w.rest = text;
    w.end = equals;
    struct conf_node *node = walk_to(&w);
    if (node) set_value(&w, node, equals + 1);
}
