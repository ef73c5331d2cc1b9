/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings given by a program as "name=value" in Kafka's spelling: the rows, checks and defaults of a configuration file.
 */
#ifndef AQ_STREAMS_API_API_SETTINGS_H
#define AQ_STREAMS_API_API_SETTINGS_H

#include "conf/node.h"
#include "streams/settings.h"

struct st_api_settings {
    struct aq_arena arena;
    struct conf_doc *doc;
    struct conf_diags diags;
    struct st_settings settings;
};

/* brokers NULL: the properties name them. 0, or the first complaint. *ret is finished either way, and not moved before. */
int st_api_settings_read(const char *application_id, const char *brokers, const char *const *properties,
                         size_t n, struct st_api_settings *ret, struct aq_err *err);
void st_api_settings_finish(struct st_api_settings *settings);

#endif
