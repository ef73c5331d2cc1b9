/* SPDX-License-Identifier: Apache-2.0
 *
 * What the forms share (streams/forms/form_parts.h). Nothing is kept between two calls.
 */
#include "streams/forms/form_parts.h"

#include <stdlib.h>

#include "base/assert.h"

static const struct conf_node *find_in(const struct conf_node *group, const char *option)
{
    for (const struct conf_node *n = group ? group->first : NULL; n; n = n->next)
        if (strcmp(n->name, option) == 0) return n;
    return NULL;
}

static const struct conf_node *find_option(const struct st_forming *forming, const char *option)
{
    const struct conf_node *n = find_in(forming->group, option);
    return n ? n : find_in(forming->around, option);
}

static struct conf_pos place_of(const struct st_forming *forming, const char *option)
{
    const struct conf_node *n = option ? find_option(forming, option) : NULL;
    if (!n) return forming->group->pos;
    return n->value_pos.file || n->value_pos.origin ? n->value_pos : n->pos;
}

__attribute__((format(printf, 3, 0))) static void complain(const struct st_forming *forming,
                                                           struct conf_pos at, const char *format,
                                                           va_list args)
{
    AQ_ASSERT(forming && forming->what);
    char *text = NULL;
    int n = vasprintf(&text, format, args);
    AQ_ASSERT(n >= 0);
    conf_diag(forming->diags, CONF_ERROR, at, "%s: %s", forming->what, text);
    free(text);
}

void st_form_error(const struct st_forming *forming, const char *option, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain(forming, place_of(forming, option), format, args);
    va_end(args);
}

void st_form_error_from(const struct st_forming *forming, size_t k, const char *format, ...)
{
    AQ_ASSERT(k < forming->node->from.count);
    va_list args;
    va_start(args, format);
    complain(forming, forming->node->from.places[k], format, args);
    va_end(args);
}

bool st_form_gives(const struct st_forming *forming, const char *option)
{
    return find_option(forming, option) != NULL;
}

void st_form_refused(const struct st_forming *forming, const char *option, const struct aq_err *err)
{
    conf_diag(forming->diags, CONF_ERROR, place_of(forming, option), "streams.topology: %s", err->text);
}

bool st_form_extractor(const struct st_forming *forming, const char *name, const struct st_extractor **ret)
{
    *ret = NULL;
    if (!name) return true;
    const char *names[16];
    size_t n = 0;
    for (const struct opt_enum *e = st_extractor_names; e->name; e++) {
        if (strcmp(e->name, name) == 0) *ret = st_extractors[e->value];
        if (n < sizeof(names) / sizeof(names[0])) names[n++] = e->name;
    }
    if (*ret) return true;
    const char *near = conf_did_you_mean(name, names, n);
    st_form_error(forming, "timestamp_extractor", "timestamp_extractor: unknown extractor '%s'%s%s%s", name,
                  near ? "; did you mean '" : "; `aqueduct help source` names them", near ? near : "",
                  near ? "'?" : "");
    return false;
}

static bool find_serde(const struct st_forming *forming, const char *option, const char *name,
                       const struct st_serde **ret)
{
    struct aq_err err = {0};
    *ret = name ? st_serde_find(name, &err) : NULL;
    if (*ret || !name) return true;
    st_form_error(forming, option, "%s: %s", option, err.text);
    return false;
}

bool st_form_serdes(const struct st_forming *forming, const char *key_serde, const char *value_serde)
{
    struct aq_err err = {0};
    const struct st_serde *key, *value;
    bool good = find_serde(forming, "key_serde", key_serde, &key);
    if (!find_serde(forming, "value_serde", value_serde, &value)) good = false;
    int rc = st_set_serdes(forming->topology, forming->name, key, value, &err);
    AQ_ASSERT(rc == 0); /* the node was added just now */
    return good;
}

bool st_form_processor(const struct st_forming *forming, const struct st_processor_kind *kind, void *user,
                       const char *key_serde, const char *value_serde)
{
    struct aq_err err = {0};
    if (st_add_processor(forming->topology, forming->name, kind, user, forming->parents, &err) != 0) {
        st_form_refused(forming, NULL, &err);
        return false;
    }
    return st_form_serdes(forming, key_serde, value_serde);
}

bool st_form_program(const struct st_forming *forming, const char *option, enum lua_form form,
                     const char *text, struct st_limits limits, struct lua_program *ret)
{
    AQ_ASSERT(text);
    struct aq_err err = {0};
    *ret = (struct lua_program){.form = form,
                                .name = option,
                                .text = aq_slice_str(text),
                                .instruction_limit = limits.instructions,
                                .memory_limit = limits.memory};
    if (lua_program_check(ret, &err) == 0) return true;
    st_form_error(forming, option, "%s", err.text);
    return false;
}
