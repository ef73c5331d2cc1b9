/* SPDX-License-Identifier: Apache-2.0
 *
 * The forms there are (streams/forms/form.def). Nothing is kept between two calls.
 */
#include "streams/forms/form.h"

#define X(name) extern const struct st_form st_form_##name;
#include "streams/forms/form.def"
#undef X

const struct st_form *const st_forms[] = {
#define X(name) &st_form_##name,
#include "streams/forms/form.def"
#undef X
};
const size_t st_n_forms = sizeof(st_forms) / sizeof(st_forms[0]);

const struct st_form *st_form_find(const char *name)
{
    for (size_t i = 0; i < st_n_forms; i++)
        if (strcmp(st_forms[i]->name, name) == 0) return st_forms[i];
    return NULL;
}

bool st_formed_is_global(const struct st_formed *formed, const char *name)
{
    const struct st_formed_node *node = st_formed_find(formed, name);
    return node && node->form == &st_form_global_table;
}

struct opt_table st_form_options(const struct st_form *form)
{
    return (struct opt_table){.name = form->name,
                              .kind = "form",
                              .summary = form->summary,
                              .rows = form->rows,
                              .example = form->example};
}
