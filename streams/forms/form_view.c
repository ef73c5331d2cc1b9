/* SPDX-License-Identifier: Apache-2.0
 *
 * filter, filter_not and map_values of a table (streams/forms/form_view.h). Nothing is kept between two calls.
 */
#include "streams/forms/form_view.h"

#include "base/assert.h"

bool st_form_view_store(const struct st_forming *forming, const char *store)
{
    const struct st_store_conf how = {.timestamped = true};
    struct aq_err err = {0};
    if (store && !forming->of_table) {
        st_form_error(forming, "store", "store: only a table has rows to keep; put a to_table in front");
        return false;
    }
    forming->node->table_store = store;
    forming->node->table_hint = "set store there";
    if (!store) return true;
    int rc = st_add_store(forming->topology, store, &how, &err);
    if (rc == 0) rc = st_connect_store(forming->topology, forming->name, store, &err);
    if (rc != 0) st_form_refused(forming, "store", &err);
    return rc == 0;
}

bool st_form_view_makes_table(const void *conf, bool of_table)
{
    (void)conf;
    return of_table;
}
