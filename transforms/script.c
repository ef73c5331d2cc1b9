/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of Lua that a configuration names (transforms/script.h).
 */
#include "transforms/script.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/assert.h"

#define SCRIPT_MAX (1 << 20)

const char *script_path(const struct conf_node *group, const char *option, const char *path,
                        struct aq_arena *arena)
{
    AQ_ASSERT(group && option && path);
    struct conf_pos place = {0};
    for (const struct conf_node *n = group->first; n; n = n->next) {
        if (n->name && strcmp(n->name, option) == 0) place = n->value_pos;
    }
    return conf_path_beside(place, path, arena);
}

int script_read(const char *path, struct aq_arena *arena, struct aq_slice *ret_text, struct aq_err *err)
{
    AQ_ASSERT(path && ret_text);
    FILE *file = fopen(path, "re");
    if (!file) return aq_fail(err, AQ_E_CONFIG, "%s: %s", path, strerror(errno));
    struct stat st;
    int rc = 0;
    if (fstat(fileno(file), &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > SCRIPT_MAX) {
        rc = aq_fail(err, AQ_E_CONFIG, "%s: is not a file of at most 1 MiB", path);
    } else {
        char *text = aq_arena_alloc(arena, (size_t)st.st_size);
        *ret_text = aq_slice_of(text, fread(text, 1, (size_t)st.st_size, file));
        if (ferror(file)) rc = aq_fail(err, AQ_E_CONFIG, "%s: cannot be read", path);
    }
    fclose(file);
    return rc;
}
