/* SPDX-License-Identifier: Apache-2.0
 *
 * Walking the configuration tree, and the names of its nodes in messages.
 */
#include "conf/node.h"

#include <stdio.h>

#include "base/assert.h"

struct conf_node *conf_get(const struct conf_node *group, const char *name)
{
    AQ_ASSERT(group && name);
    if (group->type != CONF_GROUP) return NULL;
    for (struct conf_node *n = group->first; n; n = n->next) {
        if (n->name && strcmp(n->name, name) == 0) {
            n->used = true;
            return n;
        }
    }
    return NULL;
}

const char *conf_type_name(enum conf_type type)
{
    static const char *const names[] = {"group", "list", "array", "string", "integer", "float", "boolean"};
    AQ_ASSERT(type <= CONF_BOOL);
    return names[type];
}

/* What an element of a list is called in messages: the name inside it, else its index. */
static const char *element_name(const struct conf_node *node, char *buf, size_t size)
{
    if (node->type == CONF_GROUP) {
        for (const struct conf_node *n = node->first; n; n = n->next) {
            if (n->type == CONF_STRING && n->name && strcmp(n->name, "name") == 0 && n->string[0])
                return n->string;
        }
    }
    int index = 0;
    for (const struct conf_node *n = node->parent->first; n && n != node; n = n->next) index++;
    snprintf(buf, size, "[%d]", index);
    return buf;
}

const char *conf_node_path(const struct conf_node *node, char *buf, size_t size)
{
    AQ_ASSERT(node && size > 0);
    buf[0] = '\0';
    if (!node->parent) return buf;
    if (node->parent->parent) conf_node_path(node->parent, buf, size);
    size_t len = strlen(buf);
    char index[24];
    const char *name = node->name ? node->name : element_name(node, index, sizeof(index));
    snprintf(buf + len, size - len, "%s%s", len ? "." : "", name);
    return buf;
}

const char *conf_path_beside(struct conf_pos place, const char *path, struct aq_arena *arena)
{
    AQ_ASSERT(path && arena);
    const char *slash = place.file ? strrchr(place.file, '/') : NULL;
    if (!slash || *path == '/') return path;
    return aq_arena_printf(arena, "%.*s/%s", (int)(slash - place.file), place.file, path);
}
