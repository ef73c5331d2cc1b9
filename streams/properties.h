/* SPDX-License-Identifier: Apache-2.0
 *
 * `streams.properties`: settings in Kafka's spelling. Only streams/settings.c calls this.
 */
#ifndef AQ_STREAMS_PROPERTIES_H
#define AQ_STREAMS_PROPERTIES_H

#include "streams/settings.h"

/* A setting that `properties` gave. */
struct st_given {
    const struct opt_row *row;
    struct conf_pos pos;
};

/* What the parts of reading hand on. */
struct st_reading {
    struct conf_node *group;
    struct conf_diags *diags;
    struct aq_arena *arena;
    struct st_settings *settings;
    struct st_given *given; /* the caller frees it */
    size_t n_given;
    struct kc_property *client; /* in the arena */
    size_t n_client;
};

/* Reads the items that the rows have put into settings->properties, and leaves those there that are the client's. */
void st_properties_read(struct st_reading *r);

#endif
