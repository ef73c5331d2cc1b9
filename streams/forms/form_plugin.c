/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts of plugins (streams/forms/form_plugin.h).
 */
#include "streams/forms/form_plugin.h"

#include "base/assert.h"

static struct conf_pos place_of(const struct conf_node *group, const char *option)
{
    for (const struct conf_node *n = group->first; n; n = n->next)
        if (strcmp(n->name, option) == 0) return n->value_pos;
    return group->pos;
}

static const struct st_plugin_part *find_part(const struct st_forming *forming,
                                              const struct st_plugin_conf *c, enum st_plugin_sort sort)
{
    struct aq_err err = {0};
    const char *path = conf_path_beside(place_of(forming->group, "library"), c->library, forming->arena);
    const struct st_plugin *plugin = st_plugin_load(path, &err);
    if (!plugin) {
        st_form_error(forming, "library", "%s", err.text);
        return NULL;
    }
    const struct st_plugin_part *found = st_plugin_find(plugin, sort, c->part, &err);
    if (!found) st_form_error(forming, st_plugin_sort_name(sort), "%s", err.text);
    return found;
}

static bool configure(const struct st_forming *forming, struct st_plugin_conf *c,
                      const struct st_plugin_part *found)
{
    const char *what = aq_arena_printf(forming->arena, "%s.options", forming->what);
    /* Without a group of options a missing one is told at the node's. */
    struct conf_node none = {.type = CONF_GROUP, .pos = forming->group->pos};
    /* opt_read() marks what it has used; nothing else of the document is changed. */
    struct conf_node *group = c->options ? (struct conf_node *)c->options : &none;
    const struct aq_option_value *values = st_plugin_read(found, group, what, forming->arena, forming->diags);
    if (!values) return false;
    if (found->configure) {
        char reason[512] = "";
        int rc = found->configure(values, &c->user, reason, sizeof(reason));
        if (rc < 0) {
            st_form_error(forming, c->options ? "options" : NULL, "the %s '%s' refuses its options: %s",
                          st_plugin_sort_name(found->sort), found->name,
                          *reason ? reason : "it gives no reason");
            return false;
        }
    }
    c->made = found;
    return true;
}

bool st_form_plugin(const struct st_forming *forming, struct st_plugin_conf *conf, enum st_plugin_sort sort)
{
    AQ_ASSERT(conf->library && conf->part && !conf->made);
    const struct st_plugin_part *found = find_part(forming, conf, sort);
    return found && configure(forming, conf, found);
}

void st_form_plugin_release(struct st_plugin_conf *conf)
{
    if (conf->made && conf->made->release) conf->made->release(conf->user);
    conf->made = NULL;
}
