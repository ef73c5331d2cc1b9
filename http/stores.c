/* SPDX-License-Identifier: Apache-2.0
 *
 * The pages below /streams (http/stores.h). Errors are objects, too: {"error":"…"}.
 */
#include "http/stores.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "http/gather.h"
#include "transforms/json_text.h"

static void put_text(FILE *out, struct aq_arena *arena, const char *text)
{
    struct aq_slice quoted = json_quote(arena, aq_slice_str(text));
    fwrite(quoted.ptr, 1, quoted.len, out);
}

static FILE *open_page(struct http_page *page, int status)
{
    page->status = status;
    page->type = "application/json";
    FILE *out = open_memstream(&page->text, &page->len);
    AQ_ASSERT(out);
    return out;
}

static void error_page(struct http_page *page, int status, const char *text)
{
    struct aq_arena arena;
    aq_arena_init(&arena, 512);
    FILE *out = open_page(page, status);
    fputs("{\"error\":", out);
    put_text(out, &arena, text);
    fputs("}\n", out);
    fclose(out);
    aq_arena_finish(&arena);
}

void http_page_no_queries(struct http_page *ret)
{
    error_page(
        ret, 403,
        "queries are switched off here: http.listen can be reached from other machines; http.queries = \"on\" allows "
        "them");
}

/* ---- lists -------------------------------------------------------------------------------------------------------- */

static void applications_page(struct st_queries *queries, struct aq_arena *arena, struct http_page *page)
{
    FILE *out = open_page(page, 200);
    fputs("{\"applications\":[", out);
    put_text(out, arena, st_queries_application(queries));
    fputs("]}\n", out);
    fclose(out);
}

static void put_serde(FILE *out, struct aq_arena *arena, const char *name, const struct st_serde *serde)
{
    fprintf(out, ",\"%s\":", name);
    if (serde)
        put_text(out, arena, st_serde_name(serde));
    else
        fputs("null", out);
}

static void put_store(FILE *out, struct aq_arena *arena, struct st_queries *queries,
                      const struct st_queryable *of)
{
    fputs("{\"store\":", out);
    put_text(out, arena, of->store->name);
    fprintf(out, ",\"kind\":\"%s\",\"sub_topology\":", st_queryable_kind(of));
    put_text(out, arena, of->subtopology->name);
    fprintf(out, ",\"partitions\":%" PRId32, st_queries_partitions(queries, of));
    put_serde(out, arena, "key", of->kept == ST_KEPT_INTERNAL ? NULL : of->key);
    put_serde(out, arena, "value", of->kept == ST_KEPT_INTERNAL ? NULL : of->value);
    fprintf(out, ",\"queryable\":%s}", of->kept == ST_KEPT_INTERNAL ? "false" : "true");
}

static void stores_page(struct st_queries *queries, struct aq_arena *arena, struct http_page *page)
{
    FILE *out = open_page(page, 200);
    fputs("{\"application\":", out);
    put_text(out, arena, st_queries_application(queries));
    fputs(",\"stores\":[", out);
    for (size_t i = 0; i < st_queries_count(queries); i++) {
        if (i > 0) fputc(',', out);
        put_store(out, arena, queries, st_queries_store(queries, i));
    }
    fputs("]}\n", out);
    fclose(out);
}

/* ---- rows --------------------------------------------------------------------------------------------------------- */

static void rows_page(struct st_queries *queries, const char *name, const struct http_request *request,
                      struct aq_arena *arena, struct http_page *page)
{
    struct http_query query;
    struct aq_err err = {0};
    const struct st_queryable *of = st_queries_find(queries, name);
    if (!of) {
        error_page(page, 404,
                   aq_arena_printf(arena, "there is no store '%s'; /streams/%s/stores lists them", name,
                                   st_queries_application(queries)));
    } else if (of->kept == ST_KEPT_INTERNAL) {
        error_page(page, 400,
                   aq_arena_printf(arena,
                                   "store '%s' is its operator's own and holds no table; it cannot be asked",
                                   name));
    } else if (http_query_read(request, of, arena, &query, &err) != 0) {
        error_page(page, 400, err.text);
    } else {
        http_gather(queries, of, request, &query, page);
    }
}

/* ---- which -------------------------------------------------------------------------------------------------------- */

bool http_is_streams_path(const char *path)
{
    return strncmp(path, "/streams", 8) == 0 && (path[8] == '\0' || path[8] == '/');
}

void http_page_streams(struct st_queries *queries, const struct http_request *request, struct http_page *ret)
{
    AQ_ASSERT(http_is_streams_path(request->path));
    if (!queries) {
        error_page(ret, 404, "no streams application runs here");
        return;
    }
    struct aq_arena arena;
    aq_arena_init(&arena, 4096);
    const char *rest = request->path + 8, *application = st_queries_application(queries);
    size_t len = strlen(application);
    bool ours = rest[0] == '/' && strncmp(rest + 1, application, len) == 0 &&
                strncmp(rest + 1 + len, "/stores", 7) == 0;
    const char *store = ours ? rest + 1 + len + 7 : NULL;
    if (rest[strspn(rest, "/")] == '\0')
        applications_page(queries, &arena, ret);
    else if (store && (store[0] == '\0' || strcmp(store, "/") == 0))
        stores_page(queries, &arena, ret);
    else if (store && store[0] == '/')
        rows_page(queries, store + 1, request, &arena, ret);
    else
        error_page(ret, 404,
                   aq_arena_printf(&arena, "there is no such page: /streams/%s/stores lists the stores",
                                   application));
    aq_arena_finish(&arena);
}
