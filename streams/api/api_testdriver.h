/* SPDX-License-Identifier: Apache-2.0
 *
 * What is behind the installed aqueduct/testdriver.h. Only streams/api/api_testdriver.c and api_testrows.c call this.
 *
 * Threads: that of the driver.
 */
#ifndef AQ_STREAMS_API_API_TESTDRIVER_H
#define AQ_STREAMS_API_API_TESTDRIVER_H

#include "aqueduct/testdriver.h"
#include "streams/api/api_settings.h"
#include "streams/api/builder.h"
#include "streams/driver.h"

struct aq_test_driver {
    struct aq_err err;     /* the first */
    struct aq_arena arena; /* of what is read and piped */
    struct st_api_settings settings;
    bool has_settings;
    const struct st_topology *topology;
    struct st_driver *driver; /* NULL: it could not be made */
    bool closed;
};

/* 0 while records can go in, and stores can be read. */
int st_test_driver_verdict(struct aq_test_driver *driver);

#endif
