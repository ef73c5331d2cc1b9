/* SPDX-License-Identifier: Apache-2.0
 *
 * Gathering rows (http/gather.h).
 *
 * An ordinary pass: the partitions that may have rows (of a key one, of a range all) are gone through in their order, from where the cursor
 * says, until there are as many rows as were asked for. Each is asked here first; when another instance has it, the request is passed on to
 * that one for this partition alone, and its answer's lists are joined to ours as they are, so that no value is read and printed
 * again.
 *
 *   {"application":"app","store":"counts","kind":"key-value",
 *    "rows":[…],                       streams/query/display.h
 *    "partitions":[{"partition":2,"instance":"app-1:9464","state":"active","changelog_position":9,"changelog_lag":0,
 *                   "inputs":[{"topic":"in","partition":2,"position":7,"lag":0}]}],
 *    "missing":[{"partition":1,"reason":"restoring","message":"…"}],
 *    "complete":false, "reason":"restoring",
 *    "cursor":"3:6162"}                when there is more
 *
 * A failing pass: a partition that cannot be had is put down under missing with the reason, and the next one is asked: an answer never
 * leaves a part out in silence. A page ends early when time is over; then its cursor says where to go on.
 *
 * With stale=1 a copy will do, and a store that is not restored yet: what this process has of them comes first, then the instance that has
 * the partition, then every other one, because any may have a copy.
 *
 * A request that was passed on is never passed on again: who gets it and does not have the partition says so, and the one who asked looks
 * where it is now, once.
 *
 * Invariant: at most `allowed` requests of this process wait for other instances, so that there are always connections left for what the
 * others ask of us.
 */
#include "http/gather.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "http/fetch.h"
#include "transforms/json_text.h"

#define ASK_US      (2 * AQ_SEC)
#define FORWARD_MS  5000
#define OTHERS_MOST 8 /* instances that are asked for a copy */

/* A list of JSON that grows. */
struct list {
    FILE *out;
    char *text;
    size_t len;
    size_t n;
};

struct gathering {
    struct st_queries *queries;
    const struct st_queryable *of;
    const struct http_request *request;
    const struct http_query *query;
    struct aq_arena arena;
    struct list rows, partitions, missing;
    char reason[32]; /* of the first that is missing */
    const char *cursor;
    int64_t until_us;
    const char *vain_reason, *vain; /* why the last one that was asked did not help */
};

static atomic_int allowed = 16;
static atomic_int forwarding;

void http_gather_allow(int forwards)
{
    atomic_store(&allowed, forwards > 0 ? forwards : 1);
}

/* ---- lists -------------------------------------------------------------------------------------------------------- */

static void list_open(struct list *list)
{
    list->out = open_memstream(&list->text, &list->len);
    AQ_ASSERT(list->out);
}

static FILE *list_next(struct list *list)
{
    if (list->n++ > 0) fputc(',', list->out);
    return list->out;
}

static void list_finish(struct list *list)
{
    fclose(list->out);
    free(list->text);
}

static void put_text(struct gathering *g, FILE *out, const char *text)
{
    struct aq_slice quoted = json_quote(&g->arena, aq_slice_str(text));
    fwrite(quoted.ptr, 1, quoted.len, out);
}

static void add_missing(struct gathering *g, int32_t partition, const char *reason, const char *message)
{
    FILE *out = list_next(&g->missing);
    fprintf(out, "{\"partition\":%" PRId32 ",\"reason\":\"%s\",\"message\":", partition, reason);
    put_text(g, out, message);
    fputc('}', out);
    if (g->reason[0] == '\0') snprintf(g->reason, sizeof(g->reason), "%s", reason);
}

/* ---- here --------------------------------------------------------------------------------------------------------- */

static const char *reason_of(enum st_here here)
{
    switch (here) {
    case ST_HERE: break;
    case ST_NOT_HERE: return "not_here";
    case ST_HERE_TAKING: return "taking_over";
    case ST_HERE_STARTING: return "starting";
    case ST_HERE_RESTORING: return "restoring";
    case ST_HERE_LOST: return "rebalancing";
    case ST_HERE_STOPPED: return "stopped";
    case ST_HERE_FAILED: return "failed";
    case ST_HERE_SILENT: return "timeout";
    }
    AQ_ASSERT(!"an answer that is no refusal");
    return "failed";
}

static void put_number(FILE *out, const char *name, int64_t number)
{
    if (number < 0)
        fprintf(out, ",\"%s\":null", name);
    else
        fprintf(out, ",\"%s\":%" PRId64, name, number);
}

static void add_partition(struct gathering *g, int32_t partition, const struct st_reply *reply)
{
    FILE *out = list_next(&g->partitions);
    const char *address = st_queries_address(g->queries);
    fprintf(out, "{\"partition\":%" PRId32 ",\"instance\":", partition);
    if (address)
        put_text(g, out, address);
    else
        fputs("null", out);
    fprintf(out, ",\"state\":\"%s\"", reply->standby ? "standby" : reply->restoring ? "restoring" : "active");
    put_number(out, "changelog_position", reply->changelog_position);
    put_number(out, "changelog_lag", reply->changelog_lag);
    fputs(",\"inputs\":[", out);
    for (size_t i = 0; i < reply->n_stands; i++) {
        const struct st_stand *stand = &reply->stands[i];
        fputs(i ? ",{\"topic\":" : "{\"topic\":", out);
        put_text(g, out, stand->topic);
        fprintf(out, ",\"partition\":%" PRId32, stand->partition);
        put_number(out, "position", stand->position);
        put_number(out, "lag", stand->lag);
        fputc('}', out);
    }
    fputs(reply->expired ? "],\"expired\":true}" : "]}", out);
}

static bool add_rows(struct gathering *g, int32_t partition, const struct st_reply *reply)
{
    struct aq_err err = {0};
    for (uint32_t i = 0; i < reply->n_rows; i++) {
        char *text = NULL;
        size_t len = 0;
        FILE *one = open_memstream(&text, &len);
        AQ_ASSERT(one);
        int rc = st_queries_print(g->queries, g->of, partition, &reply->rows[i], one, &err);
        fclose(one);
        if (rc == 0) fwrite(text, 1, len, list_next(&g->rows));
        free(text);
        if (rc == 0) continue;
        add_missing(g, partition, "failed", err.text);
        return false;
    }
    return true;
}

static struct st_ask *make_ask(struct gathering *g, int32_t partition, struct aq_slice after)
{
    const struct http_query *query = g->query;
    struct st_ask *ask = st_ask_create();
    struct st_question *q = &ask->question;
    q->of = g->of;
    q->partition = partition;
    q->key = aq_arena_copy(&ask->arena, query->key);
    q->from = aq_arena_copy(&ask->arena, query->from);
    q->to = aq_arena_copy(&ask->arena, query->to);
    q->time_from = query->time_from;
    q->time_to = query->time_to;
    q->as_of_ms = query->as_of_ms;
    q->after = aq_arena_copy(&ask->arena, after);
    q->most_rows = query->limit - (uint32_t)g->rows.n;
    q->stale = query->stale;
    return ask;
}

/* One page. True: there is more, and *after is where; the partition is put down with the first page, and again with none. */
static enum st_here ask_page(struct gathering *g, int32_t partition, bool first, struct aq_slice *after,
                             bool *ret_more, char *why)
{
    struct st_ask *ask = make_ask(g, partition, *after);
    int64_t left = g->until_us - aq_mono_us();
    enum st_here here = st_queries_ask(g->queries, ask,
                                       left < AQ_MS    ? AQ_MS
                                       : left < ASK_US ? left
                                                       : ASK_US,
                                       why);
    *ret_more = false;
    if (here == ST_HERE) {
        if (first) add_partition(g, partition, &ask->reply);
        *ret_more = add_rows(g, partition, &ask->reply) && ask->reply.more;
        *after = aq_arena_copy(&g->arena, ask->reply.last);
    }
    st_ask_unref(ask);
    return here;
}

static bool is_over(const struct gathering *g)
{
    return g->rows.n >= g->query->limit || aq_mono_us() >= g->until_us;
}

/* ST_HERE: its rows are there, or its part of them and the cursor. */
static enum st_here gather_here(struct gathering *g, int32_t partition, struct aq_slice after, char *why)
{
    bool more = true;
    for (bool first = true; more; first = false) {
        if (!first && is_over(g)) {
            g->cursor = http_cursor_print(&g->arena, partition, after);
            return ST_HERE;
        }
        enum st_here here = ask_page(g, partition, first, &after, &more, why);
        if (here == ST_HERE) continue;
        if (first) return here;
        /* What was shown of it stays. */
        add_missing(g, partition, reason_of(here), why);
        return ST_HERE;
    }
    return ST_HERE;
}

/* ---- elsewhere ---------------------------------------------------------------------------------------------------- */

static const char *url_of(struct gathering *g, const char *address, int32_t partition, struct aq_slice after)
{
    struct aq_arena *arena = &g->arena;
    const struct http_request *request = g->request;
    const char *url = aq_arena_printf(arena, "http://%s/streams/%s/stores/%s?partition=%" PRId32 "&limit=%zu",
                                      address, http_escape(arena, st_queries_application(g->queries)),
                                      http_escape(arena, g->of->store->name), partition,
                                      (size_t)g->query->limit - g->rows.n);
    if (!aq_slice_is_null(after))
        url = aq_arena_printf(arena, "%s&cursor=%s", url,
                              http_escape(arena, http_cursor_print(arena, partition, after)));
    for (size_t i = 0; i < request->n_arguments; i++) {
        const struct http_argument *argument = &request->arguments[i];
        static const char *const ours[] = {"partition", "limit", "cursor"};
        bool set = false;
        for (size_t k = 0; k < 3; k++) set |= strcmp(argument->name, ours[k]) == 0;
        if (set) continue;
        url = aq_arena_printf(arena, "%s&%s=%s", url, http_escape(arena, argument->name),
                              http_escape(arena, argument->value ? argument->value : ""));
    }
    return url;
}

/* The answer of another instance, cut into its fields. */
struct relayed {
    struct aq_slice text;
    struct json_fields fields;
};

static struct aq_slice field_of(struct gathering *g, const struct relayed *r, const char *name)
{
    for (uint32_t i = 0; i < r->fields.n; i++) {
        struct aq_slice found = json_field_name(&g->arena, r->text, &r->fields.list[i]);
        if (aq_slice_equal(found, aq_slice_str(name))) return json_field_value(r->text, &r->fields.list[i]);
    }
    return AQ_NULL_SLICE;
}

/* The elements of the other's list behind ours. */
static bool join_list(struct gathering *g, const struct relayed *r, const char *name, struct list *list)
{
    struct json_fields elements = {0};
    struct json_error error;
    struct aq_slice array = field_of(g, r, name);
    bool fine = !aq_slice_is_null(array) && json_scan_array(array, &elements, &error) == 0;
    for (uint32_t i = 0; fine && i < elements.n; i++) {
        struct aq_slice element = json_field_value(array, &elements.list[i]);
        fwrite(element.ptr, 1, element.len, list_next(list));
    }
    json_fields_finish(&elements);
    return fine;
}

static const char *text_field(struct gathering *g, const struct relayed *r, const char *name)
{
    struct aq_slice value = field_of(g, r, name);
    if (value.len < 2 || value.ptr[0] != '"') return NULL;
    return json_unquote_text(&g->arena, value).ptr;
}

/* False: it is no answer of ours. *ret_elsewhere: it does not have the partition (any more). */
static bool take_answer(struct gathering *g, const struct http_fetched *fetched, bool *ret_elsewhere)
{
    struct relayed r = {.text = aq_slice_of(fetched->text, fetched->len)};
    struct json_error error;
    enum json_type type;
    *ret_elsewhere = false;
    bool fine = (fetched->status == 200 || fetched->status == 503) &&
                json_scan(r.text, &r.fields, &type, &error) == 0 && type == JS_OBJECT;
    const char *reason = fine ? text_field(g, &r, "reason") : NULL;
    bool elsewhere = reason && (strcmp(reason, "not_here") == 0 || strcmp(reason, "rebalancing") == 0);
    if (fine && elsewhere) {
        *ret_elsewhere = true;
    } else if (fine) {
        fine = join_list(g, &r, "rows", &g->rows) && join_list(g, &r, "partitions", &g->partitions) &&
               join_list(g, &r, "missing", &g->missing);
        if (reason && g->reason[0] == '\0') snprintf(g->reason, sizeof(g->reason), "%s", reason);
        g->cursor = text_field(g, &r, "cursor");
    }
    json_fields_finish(&r.fields);
    return fine;
}

enum outcome {
    SETTLED,   /* its rows are there, or what is missing is put down */
    NOT_THERE, /* the instance does not have the partition */
    IN_VAIN,   /* g->vain says why */
};

static enum outcome in_vain(struct gathering *g, const char *reason, const char *message)
{
    g->vain_reason = reason;
    g->vain = message;
    return IN_VAIN;
}

static enum outcome forward(struct gathering *g, const char *address, int32_t partition,
                            struct aq_slice after)
{
    struct http_fetched fetched;
    struct aq_err err = {0};
    bool elsewhere = false;
    int64_t left_ms = (g->until_us - aq_mono_us()) / AQ_MS;
    if (atomic_fetch_add(&forwarding, 1) >= atomic_load(&allowed)) {
        atomic_fetch_sub(&forwarding, 1);
        return in_vain(g, "busy", "too many queries are being passed on to other instances; try again");
    }
    int rc = http_fetch(url_of(g, address, partition, after), true,
                        left_ms < 1            ? 1
                        : left_ms < FORWARD_MS ? left_ms
                                               : FORWARD_MS,
                        &fetched, &err);
    atomic_fetch_sub(&forwarding, 1);
    if (rc != 0)
        return in_vain(g, "unreachable",
                       aq_arena_printf(&g->arena,
                                       "the instance that has partition %" PRId32
                                       " does not answer (%s); when it is gone, the "
                                       "group gives the partition to another one after session_timeout_ms",
                                       partition, err.text));
    bool fine = take_answer(g, &fetched, &elsewhere);
    if (!fine)
        in_vain(g, "unreachable",
                aq_arena_printf(&g->arena,
                                "%s answers with status %d, and not as an instance of this application",
                                address, fetched.status));
    free(fetched.text);
    return !fine ? IN_VAIN : elsewhere ? NOT_THERE : SETTLED;
}

static enum outcome nowhere(struct gathering *g, enum st_whereabouts where, const struct aq_err *err)
{
    switch (where) {
    case ST_AT_ADDRESS: break;
    case ST_WITHOUT_ADDRESS:
        return in_vain(g, "no_address",
                       "another instance has the partition, and does not say where its HTTP side is: set "
                       "streams.application_server there");
    case ST_AT_NOBODY:
        return in_vain(g, "rebalancing", "the group is rebalancing: nobody has the partition yet");
    case ST_NOT_KNOWN:
        return in_vain(
            g, "unknown",
            aq_arena_printf(&g->arena, "who has the partition cannot be found out: %s", err->text));
    }
    return in_vain(g, "taking_over",
                   "the group has given the partition to this instance, which has not taken it over yet");
}

/* The one that has the partition; what is known of it may be old, and is looked up anew once. */
static enum outcome ask_owner(struct gathering *g, int32_t partition, struct aq_slice after)
{
    char address[KC_ADDRESS_MAX];
    struct aq_err err = {0};
    const char *own = st_queries_address(g->queries);
    enum outcome outcome = NOT_THERE;
    for (int round = 0; round < 2 && outcome == NOT_THERE; round++) {
        enum st_whereabouts where = st_queries_where(g->queries, g->of, partition, round > 0, address, &err);
        bool ours = where == ST_AT_ADDRESS && own && strcmp(own, address) == 0;
        if (ours && round == 0) continue; /* it may have gone on */
        outcome =
            where == ST_AT_ADDRESS && !ours ? forward(g, address, partition, after) : nowhere(g, where, &err);
    }
    if (outcome == NOT_THERE)
        in_vain(g, "rebalancing", "the partition is on its way from one instance to another");
    return outcome;
}

/* Somebody may have a copy. */
static enum outcome ask_others(struct gathering *g, int32_t partition, struct aq_slice after)
{
    char others[OTHERS_MOST][KC_ADDRESS_MAX];
    const char *reason = g->vain_reason, *message = g->vain;
    size_t n = st_queries_others(g->queries, others, OTHERS_MOST);
    for (size_t i = 0; i < n && aq_mono_us() < g->until_us; i++)
        if (forward(g, others[i], partition, after) == SETTLED) return SETTLED;
    return in_vain(g, reason, message);
}

static void gather_elsewhere(struct gathering *g, int32_t partition, struct aq_slice after)
{
    enum outcome outcome = ask_owner(g, partition, after);
    if (outcome != SETTLED && g->query->stale) outcome = ask_others(g, partition, after);
    if (outcome != SETTLED) add_missing(g, partition, g->vain_reason, g->vain);
}

/* ---- all of it ---------------------------------------------------------------------------------------------------- */

static void gather_partition(struct gathering *g, int32_t partition, struct aq_slice after)
{
    char why[256];
    enum st_here here = gather_here(g, partition, after, why);
    if (here == ST_HERE) return;
    bool elsewhere = here == ST_NOT_HERE || here == ST_HERE_LOST || here == ST_HERE_STOPPED;
    if (elsewhere && !g->request->forwarded)
        gather_elsewhere(g, partition, after);
    else
        add_missing(g, partition, reason_of(here), why);
}

/* The partitions to be gone through: [*ret_first, end). */
static int32_t choose(const struct gathering *g, int32_t n, int32_t *ret_first)
{
    const struct http_query *query = g->query;
    int32_t one = query->partition;
    if (one < 0 && !aq_slice_is_null(query->key)) one = st_queries_partition(g->queries, g->of, query->key);
    *ret_first = one >= 0 ? one : 0;
    int32_t end = one >= 0 ? one + 1 : n;
    if (query->cursor_partition > *ret_first) *ret_first = query->cursor_partition;
    return end;
}

static void gather_all(struct gathering *g)
{
    int32_t n = st_queries_partitions(g->queries, g->of), first = 0;
    if (n == 0) {
        add_missing(g, -1, "starting", "the application is starting: its topics are not known yet");
        return;
    }
    int32_t end = choose(g, n, &first);
    for (int32_t p = first; p < end && !g->cursor; p++) {
        bool resumed = p == g->query->cursor_partition;
        if (p > first && is_over(g)) {
            g->cursor = http_cursor_print(&g->arena, p, AQ_NULL_SLICE);
            return;
        }
        if (p >= n)
            add_missing(g, p, "unknown", "there is no such partition");
        else
            gather_partition(g, p, resumed ? g->query->cursor_after : AQ_NULL_SLICE);
    }
}

static void put_list(FILE *out, const char *name, struct list *list)
{
    fflush(list->out);
    fprintf(out, ",\"%s\":[", name);
    fwrite(list->text, 1, list->len, out);
    fputc(']', out);
}

static void print(struct gathering *g, struct http_page *ret)
{
    FILE *out = open_memstream(&ret->text, &ret->len);
    AQ_ASSERT(out);
    fputs("{\"application\":", out);
    put_text(g, out, st_queries_application(g->queries));
    fputs(",\"store\":", out);
    put_text(g, out, g->of->store->name);
    fprintf(out, ",\"kind\":\"%s\"", st_queryable_kind(g->of));
    put_list(out, "rows", &g->rows);
    put_list(out, "partitions", &g->partitions);
    put_list(out, "missing", &g->missing);
    fprintf(out, ",\"complete\":%s", g->missing.n == 0 ? "true" : "false");
    if (g->reason[0]) fprintf(out, ",\"reason\":\"%s\"", g->reason);
    if (g->cursor) fprintf(out, ",\"cursor\":\"%s\"", g->cursor);
    fputs("}\n", out);
    fclose(out);
    ret->type = "application/json";
    ret->status = g->partitions.n == 0 && g->missing.n > 0 ? 503 : 200;
}

void http_gather(struct st_queries *queries, const struct st_queryable *of,
                 const struct http_request *request, const struct http_query *query, struct http_page *ret)
{
    AQ_ASSERT(query->limit > 0);
    struct gathering g = {.queries = queries,
                          .of = of,
                          .request = request,
                          .query = query,
                          .until_us = aq_mono_us() + HTTP_PATIENCE_MS * AQ_MS};
    aq_arena_init(&g.arena, 4096);
    list_open(&g.rows);
    list_open(&g.partitions);
    list_open(&g.missing);
    gather_all(&g);
    print(&g, ret);
    list_finish(&g.rows);
    list_finish(&g.partitions);
    list_finish(&g.missing);
    aq_arena_finish(&g.arena);
}
