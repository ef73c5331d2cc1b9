/* SPDX-License-Identifier: Apache-2.0
 *
 * A program's settings (streams/api/api_settings.h): written into a configuration of one line, because that is where settings and their
 * defaults come from.
 */
#include "streams/api/api_settings.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

#define CONF_NAME "properties"

static void put_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static char *make_text(const char *application_id, const char *brokers, const char *const *properties,
                       size_t n)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    AQ_ASSERT(out);
    fputs("streams = { application_id = ", out);
    put_string(out, application_id);
    if (brokers) {
        fputs("; bootstrap_servers = ", out);
        put_string(out, brokers);
    }
    fputs("; properties = [", out);
    for (size_t i = 0; i < n; i++) {
        if (i) fputs(", ", out);
        put_string(out, properties[i]);
    }
    fputs("]; topology = { }; };\n", out); /* required in a file, and not looked at: the builder has it */
    fclose(out);
    return text;
}

static int first_complaint(const struct conf_diags *diags, struct aq_err *err)
{
    for (size_t i = 0; i < diags->count; i++)
        if (diags->list[i].severity == CONF_ERROR)
            return aq_fail(err, AQ_E_CONFIG, "%s", diags->list[i].text);
    return 0;
}

int st_api_settings_read(const char *application_id, const char *brokers, const char *const *properties,
                         size_t n, struct st_api_settings *ret, struct aq_err *err)
{
    AQ_ASSERT(application_id && (properties || n == 0));
    memset(ret, 0, sizeof(*ret));
    aq_arena_init(&ret->arena, 16384);
    conf_diags_init(&ret->diags);
    char *text = make_text(application_id, brokers, properties, n);
    conf_load_text(CONF_NAME, text, NULL, 0, &ret->diags, &ret->doc);
    free(text);
    int rc = first_complaint(&ret->diags, err);
    if (rc != 0) return rc;
    AQ_ASSERT(ret->doc);
    st_settings_read(conf_get(ret->doc->root, "streams"), NULL, 0, &ret->arena, &ret->diags, &ret->settings);
    return first_complaint(&ret->diags, err);
}

void st_api_settings_finish(struct st_api_settings *settings)
{
    if (settings->doc) conf_doc_destroy(settings->doc);
    conf_diags_finish(&settings->diags);
    aq_arena_finish(&settings->arena);
}
