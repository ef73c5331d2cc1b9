/* SPDX-License-Identifier: Apache-2.0
 *
 * The application for programs (aqueduct/application.h) over streams/app.h.
 *
 * An ordinary pass: create checks the builder and reads the settings; start makes and starts the engine's application; everything else is
 * handed on. A failing pass: the first error stays in app->err; what was not made is NULL, and calls do nothing.
 */
#include "aqueduct/application.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/api/api_settings.h"
#include "streams/app.h"
#include "streams/api/builder.h"

struct aq_application {
    struct aq_err err; /* the first */
    struct st_api_settings settings;
    bool has_settings;
    struct st_app *app; /* NULL: it could not be made */
    bool started;
};

static enum aq_application_state public_state(enum st_app_state state)
{
    switch (state) {
    case ST_APP_CREATED: return AQ_APPLICATION_CREATED;
    case ST_APP_REBALANCING: return AQ_APPLICATION_REBALANCING;
    case ST_APP_RUNNING: return AQ_APPLICATION_RUNNING;
    case ST_APP_PENDING_SHUTDOWN: return AQ_APPLICATION_PENDING_SHUTDOWN;
    case ST_APP_NOT_RUNNING: return AQ_APPLICATION_NOT_RUNNING;
    case ST_APP_PENDING_ERROR: return AQ_APPLICATION_PENDING_ERROR;
    case ST_APP_ERROR: return AQ_APPLICATION_ERROR;
    }
    return AQ_APPLICATION_ERROR;
}

const char *aq_application_state_name(enum aq_application_state state)
{
    for (int s = ST_APP_CREATED; s <= ST_APP_ERROR; s++)
        if (public_state((enum st_app_state)s) == state) return st_app_state_name((enum st_app_state)s);
    return "unknown";
}

static void make(struct aq_application *app, const struct aq_streams_builder *builder,
                 const char *const *properties, size_t n)
{
    if (st_builder_verdict(builder, &app->err) != 0) return;
    app->has_settings = true;
    if (st_api_settings_read(builder->topology->application_id, NULL, properties, n, &app->settings,
                             &app->err) != 0 ||
        st_builder_suits(builder, &app->settings.settings, &app->err) != 0)
        return;
    app->app = st_app_create(&kc_rd_ops, &app->settings.settings, builder->topology, &app->err);
}

struct aq_application *aq_application_create(const struct aq_streams_builder *builder,
                                             const char *const *properties, size_t n_properties)
{
    AQ_ASSERT(builder);
    struct aq_application *app = aq_calloc(1, sizeof(*app));
    make(app, builder, properties, n_properties);
    AQ_ASSERT(app->app || app->err.code != 0);
    return app;
}

int aq_application_start(struct aq_application *app)
{
    if (app->err.code != 0) return app->err.code;
    if (app->started) return aq_fail(&app->err, AQ_E_INVALID, "the application was started before");
    app->started = true;
    struct aq_err err = {0}; /* what it got over on the way is no error */
    int rc = st_app_start(app->app, &err);
    if (rc != 0) app->err = err;
    return rc;
}

void aq_application_stop(struct aq_application *app)
{
    if (app->app) st_app_stop(app->app);
}

void aq_application_pause(struct aq_application *app)
{
    if (app->app) st_app_pause(app->app);
}

void aq_application_resume(struct aq_application *app)
{
    if (app->app) st_app_resume(app->app);
}

enum aq_application_state aq_application_wait(struct aq_application *app, int64_t timeout_ms)
{
    struct aq_err err = {0};
    if (app->err.code != 0) return AQ_APPLICATION_ERROR;
    if (!app->started) return AQ_APPLICATION_CREATED;
    enum st_app_state state = st_app_wait(app->app, timeout_ms, &err);
    if (state == ST_APP_ERROR) app->err = err;
    return public_state(state);
}

const char *aq_application_error(const struct aq_application *app)
{
    return app->err.code != 0 ? app->err.text : NULL;
}

void aq_application_destroy(struct aq_application *app)
{
    if (!app) return;
    st_app_destroy(app->app);
    if (app->has_settings) st_api_settings_finish(&app->settings);
    free(app);
}
