/* SPDX-License-Identifier: Apache-2.0
 *
 * filter, filter_not and map_values of a table, which are tables again. Only streams/form*.c call this.
 *
 * Threads: the main thread, while a configuration is read.
 */
#ifndef AQ_STREAMS_FORMS_FORM_VIEW_H
#define AQ_STREAMS_FORMS_FORM_VIEW_H

#include "streams/forms/form_parts.h"
#include "streams/ops/op_table.h"

/* The row of a conf that has `const char *store`. */
#define ST_VIEW_ROW(conf)                                                                                   \
    {                                                                                                       \
        .name = "store", .kind = OPT_STRING, .offset = offsetof(conf, store), .reload = OPT_RELOAD_PROCESS, \
        .help =                                                                                             \
            "Of a table: the rows are kept in a store of this name, with the changelog "                    \
            "APPLICATION_ID-STORE-changelog, so that they can be joined. Without it they are kept nowhere." \
    }

/* Adds the store to the node that was added; NULL: it has none. False after a complaint, also about a node that is of no table. */
bool st_form_view_store(const struct st_forming *forming, const char *store);

/* A table when it is of one; for st_form.makes_table. */
bool st_form_view_makes_table(const void *conf, bool of_table);

#endif
