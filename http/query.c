/* SPDX-License-Identifier: Apache-2.0
 *
 * Arguments of a query (http/query.h). An argument nobody knows is an error: one that was misspelt would change the answer in silence.
 */
#include "http/query.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "streams/serde/json_record.h"

struct reading {
    const struct http_request *request;
    const struct st_queryable *of;
    struct aq_arena *arena;
    struct http_query *query;
    struct aq_err *err;
};

static const char *value_of(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->n_arguments; i++)
        if (strcmp(request->arguments[i].name, name) == 0)
            return request->arguments[i].value ? request->arguments[i].value : "";
    return NULL;
}

static int check_names(const struct reading *r)
{
    static const char *const known[] = {"key",   "from",  "to",    "all",        "window_from", "window_to",
                                        "as_of", "stale", "limit", "key_format", "cursor",      "partition"};
    const struct http_request *request = r->request;
    for (size_t i = 0; i < request->n_arguments; i++) {
        const char *name = request->arguments[i].name;
        bool fine = false;
        for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++) fine |= strcmp(known[k], name) == 0;
        if (!fine) return aq_fail(r->err, AQ_E_INVALID, "there is no argument '%.60s'", name);
        for (size_t k = 0; k < i; k++)
            if (strcmp(request->arguments[k].name, name) == 0)
                return aq_fail(r->err, AQ_E_INVALID, "%s is given twice", name);
    }
    return 0;
}

/* ---- numbers ------------------------------------------------------------------------------------------------------ */

static int read_number(const struct reading *r, const char *name, int64_t least, int64_t most, int64_t *ret)
{
    const char *text = value_of(r->request, name);
    char *end;
    if (!text) return 0;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || *end || end == text || text[0] == ' ' || value < least || value > most)
        return aq_fail(r->err, AQ_E_INVALID, "%s is a number from %" PRId64 " to %" PRId64 ", not '%.60s'",
                       name, least, most, text);
    *ret = value;
    return 0;
}

static int read_flag(const struct reading *r, const char *name, bool *ret)
{
    const char *text = value_of(r->request, name);
    *ret = false;
    if (!text || strcmp(text, "0") == 0 || strcmp(text, "false") == 0) return 0;
    *ret = true;
    if (!*text || strcmp(text, "1") == 0 || strcmp(text, "true") == 0) return 0;
    return aq_fail(r->err, AQ_E_INVALID, "%s is 1 or 0, not '%.60s'", name, text);
}

/* ---- keys --------------------------------------------------------------------------------------------------------- */

static bool is_text(const struct st_serde *serde)
{
    enum st_value_type type = serde ? st_serde_type(serde) : ST_VALUE_BYTES;
    return type == ST_VALUE_BYTES || type == ST_VALUE_STRING;
}

static int read_json_key(const struct reading *r, const char *name, struct aq_slice text,
                         struct aq_slice *ret)
{
    struct json_fields fields = {0};
    enum json_type type;
    struct json_error error;
    char what[128];
    int rc = json_scan(text, &fields, &type, &error);
    json_fields_finish(&fields);
    if (rc != 0)
        return aq_fail(r->err, AQ_E_INVALID, "%s is not JSON: %s", name,
                       json_error_text(&error, what, sizeof(what)));
    rc = st_json_encode(r->of->key, text, r->arena, ret, r->err);
    if (rc != 0) {
        aq_err_in(r->err, "%s", name);
        return r->err->code = AQ_E_INVALID;
    }
    return aq_slice_is_null(*ret) ? aq_fail(r->err, AQ_E_INVALID, "%s: no row has the key null", name) : 0;
}

static int read_key(const struct reading *r, const char *name, bool json, struct aq_slice *ret)
{
    const char *text = value_of(r->request, name);
    *ret = AQ_NULL_SLICE;
    if (!text) return 0;
    struct aq_slice bytes = text[0] ? aq_slice_str(text) : AQ_LIT("");
    if (json || !is_text(r->of->key)) return read_json_key(r, name, bytes, ret);
    *ret = bytes;
    return 0;
}

static int read_keys(const struct reading *r)
{
    const char *format = value_of(r->request, "key_format");
    bool json = format && strcmp(format, "json") == 0;
    if (format && !json && strcmp(format, "text") != 0)
        return aq_fail(r->err, AQ_E_INVALID, "key_format is text or json, not '%.60s'", format);
    int rc = read_key(r, "key", json, &r->query->key);
    if (rc == 0) rc = read_key(r, "from", json, &r->query->from);
    if (rc == 0) rc = read_key(r, "to", json, &r->query->to);
    return rc;
}

/* ---- the cursor --------------------------------------------------------------------------------------------------- */

const char *http_cursor_print(struct aq_arena *arena, int32_t partition, struct aq_slice after)
{
    static const char digits[] = "0123456789abcdef";
    char *text = aq_arena_alloc(arena, 13 + 2 * after.len);
    char *at = text + sprintf(text, "%" PRId32 ":", partition);
    for (size_t i = 0; i < after.len; i++) {
        *at++ = digits[(unsigned char)after.ptr[i] >> 4];
        *at++ = digits[after.ptr[i] & 15];
    }
    *at = '\0';
    return text;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_cursor(const struct reading *r)
{
    const char *text = value_of(r->request, "cursor");
    char *end;
    struct http_query *query = r->query;
    query->cursor_partition = -1;
    query->cursor_after = AQ_NULL_SLICE;
    if (!text) return 0;
    errno = 0;
    long partition = strtol(text, &end, 10);
    size_t len = strlen(end);
    bool fine =
        !errno && end != text && *end == ':' && partition >= 0 && partition <= INT32_MAX && len % 2 == 1;
    char *bytes = aq_arena_alloc(r->arena, len);
    for (size_t i = 1; fine && i < len; i += 2) {
        int high = hex_digit(end[i]), low = hex_digit(end[i + 1]);
        fine = high >= 0 && low >= 0;
        bytes[i / 2] = (char)(high * 16 + low);
    }
    if (!fine) return aq_fail(r->err, AQ_E_INVALID, "cursor is not one of this server's: '%.60s'", text);
    query->cursor_partition = (int32_t)partition;
    if (len > 1) query->cursor_after = aq_slice_of(bytes, len / 2);
    return 0;
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

static int read_numbers(const struct reading *r)
{
    struct http_query *query = r->query;
    int64_t partition = -1, limit = HTTP_LIMIT_DEFAULT;
    query->time_from = query->time_to = query->as_of_ms = ST_TIME_OPEN;
    int rc = read_number(r, "window_from", 0, INT64_MAX, &query->time_from);
    if (rc == 0) rc = read_number(r, "window_to", 0, INT64_MAX, &query->time_to);
    if (rc == 0) rc = read_number(r, "as_of", 0, INT64_MAX, &query->as_of_ms);
    if (rc == 0) rc = read_number(r, "partition", 0, INT32_MAX, &partition);
    if (rc == 0) rc = read_number(r, "limit", 1, HTTP_LIMIT_MOST, &limit);
    query->partition = (int32_t)partition;
    query->limit = (uint32_t)limit;
    return rc == 0 ? read_flag(r, "stale", &query->stale) : rc;
}

static int check_times(const struct reading *r)
{
    const struct http_query *query = r->query;
    enum st_rows_kept kept = r->of->kept;
    bool times = query->time_from != ST_TIME_OPEN || query->time_to != ST_TIME_OPEN;
    const char *kind = st_queryable_kind(r->of);
    if (times && kept == ST_KEPT_PLAIN)
        return aq_fail(r->err, AQ_E_INVALID, "window_from and window_to: a %s store has no windows", kind);
    if (times && kept == ST_KEPT_VERSIONED && aq_slice_is_null(query->key))
        return aq_fail(r->err, AQ_E_INVALID,
                       "window_from and window_to of a versioned store need a key; as_of does not");
    if (query->as_of_ms != ST_TIME_OPEN && (kept != ST_KEPT_VERSIONED || times))
        return aq_fail(r->err, AQ_E_INVALID,
                       times ? "as_of or window_from and window_to, not both"
                             : "as_of: only a versioned store knows what rows were");
    return 0;
}

static int check_what(const struct reading *r)
{
    const struct http_query *query = r->query;
    bool all = false;
    int rc = read_flag(r, "all", &all);
    if (rc != 0) return rc;
    bool key = !aq_slice_is_null(query->key);
    bool range = !aq_slice_is_null(query->from) || !aq_slice_is_null(query->to);
    if (key + range + all > 1)
        return aq_fail(r->err, AQ_E_INVALID, "one of key, from and to, or all=1, not several");
    bool times = query->time_from != ST_TIME_OPEN || query->time_to != ST_TIME_OPEN;
    if (key || range || all || times) return 0;
    return aq_fail(r->err, AQ_E_INVALID, "what is asked for? key=K, from=K and to=K, or all=1");
}

int http_query_read(const struct http_request *request, const struct st_queryable *of, struct aq_arena *arena,
                    struct http_query *ret, struct aq_err *err)
{
    AQ_ASSERT(request && of && of->kept != ST_KEPT_INTERNAL);
    *ret = (struct http_query){0};
    const struct reading r = {.request = request, .of = of, .arena = arena, .query = ret, .err = err};
    int rc = check_names(&r);
    if (rc == 0) rc = read_numbers(&r);
    if (rc == 0) rc = read_keys(&r);
    if (rc == 0) rc = read_cursor(&r);
    if (rc == 0) rc = check_times(&r);
    return rc == 0 ? check_what(&r) : rc;
}
