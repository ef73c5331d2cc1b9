/* SPDX-License-Identifier: Apache-2.0
 *
 * `aqueduct query`: rows of a running application's stores.
 *
 * An ordinary pass: the address of one running instance comes from --server, or from the http section of the file; its pages are asked for
 * one after the other, each going on where the one before ended, and every row is printed: on a terminal as a table, else as it came, one
 * object a line. Which instance has what is for the instance to find out (http/gather.h).
 *
 * A failing pass: a part that could not be had is told on standard error with its reason, and the exit code is 75; what could be had is
 * printed all the same.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/config.h"
#include "cli/exit.h"
#include "cli/number.h"
#include "cli/when.h"
#include "http/fetch.h"
#include "transforms/json_text.h"

#define TIMEOUT_MS 15000

struct asking {
    const struct cli_call *call;
    struct aq_arena arena;
    const char *server; /* "http://host:port" */
    const char *application;
    const char *store;
    const char *arguments; /* what is asked for, as "&name=value…" */
    uint64_t limit;        /* rows; 0: all */
    bool table;
    bool answers;
    bool wants_key;
    /* so far */
    uint64_t rows;
    bool complete;
    uint32_t partitions;
    int64_t changelog_lag, input_lag; /* -1: some are not known */
};

/* ---- what is asked for -------------------------------------------------------------------------------------------- */

static void add_argument(struct asking *a, const char *name, const char *value)
{
    a->arguments = aq_arena_printf(&a->arena, "%s&%s=%s", a->arguments, name, http_escape(&a->arena, value));
}

static bool is_open(const char *text)
{
    return strcmp(text, "-") == 0;
}

static int add_time(struct asking *a, const char *name, const char *text)
{
    struct cli_when when;
    if (is_open(text)) return CLI_OK;
    const char *place = aq_arena_printf(&a->arena, "timestamp=%s", text);
    if (!cli_when_parse(place, &when))
        return cli_usage_error(a->call, "a time is milliseconds since 1970 or 2024-05-01T12:00:00Z, not '%s'",
                               text);
    add_argument(a, name, aq_arena_printf(&a->arena, "%" PRId64, when.value));
    return CLI_OK;
}

static int add_pair(struct asking *a, const char *option, char **pair)
{
    bool window = strcmp(option, "window") == 0;
    if (window) {
        int rc = add_time(a, "window_from", pair[0]);
        if (rc == CLI_OK) rc = add_time(a, "window_to", pair[1]);
        if (is_open(pair[0]) && is_open(pair[1])) add_argument(a, "window_from", "0");
        return rc;
    }
    if (!is_open(pair[0])) add_argument(a, "from", pair[0]);
    if (!is_open(pair[1])) add_argument(a, "to", pair[1]);
    if (is_open(pair[0]) && is_open(pair[1])) add_argument(a, "all", "1");
    return CLI_OK;
}

/* STORE, KEY if there is one, and two more for each --range and --window, in the order in which these were given. */
static int read_words(struct asking *a)
{
    const struct cli_call *call = a->call;
    int pairs = cli_has(call, "range") + cli_has(call, "window");
    int plain = call->n_args - 2 * pairs;
    if (plain < 1)
        return cli_usage_error(call, pairs ? "--range and --window take two arguments, behind STORE"
                                           : "which store?");
    if (plain > 2) return cli_usage_error(call, "unexpected argument '%s'", call->args[2]);
    a->store = call->args[0];
    a->wants_key = plain == 2;
    if (plain == 2) add_argument(a, "key", call->args[1]);
    int at = plain, rc = CLI_OK;
    for (size_t i = 0; i < call->n_uses && rc == CLI_OK; i++) {
        const char *name = call->uses[i].option->name;
        if (strcmp(name, "range") != 0 && strcmp(name, "window") != 0) continue;
        if (at + 2 > call->n_args) return cli_usage_error(call, "--%s is given twice", name);
        rc = add_pair(a, name, call->args + at);
        at += 2;
    }
    bool range = cli_has(call, "range"), all = cli_has(call, "all");
    if (rc == CLI_OK && a->wants_key + range + all > 1)
        return cli_usage_error(call, "one of KEY, --range and --all, not several");
    if (rc == CLI_OK && !a->wants_key && !pairs && !all)
        return cli_usage_error(call, "what is asked for? A KEY, --range FROM TO, --window FROM TO or --all");
    return rc;
}

static int read_options(struct asking *a)
{
    const struct cli_call *call = a->call;
    const char *as_of = cli_value(call, "as-of"), *limit = cli_value(call, "limit"),
               *partition = cli_value(call, "partition");
    if (cli_has(call, "all")) add_argument(a, "all", "1");
    if (cli_has(call, "stale")) add_argument(a, "stale", "1");
    if (cli_has(call, "json-key")) add_argument(a, "key_format", "json");
    if (partition) add_argument(a, "partition", partition);
    a->answers = cli_has(call, "answers");
    a->table = !a->answers && isatty(STDOUT_FILENO);
    if (limit) {
        char *end;
        a->limit = strtoull(limit, &end, 10);
        if (*end || limit[0] < '0' || limit[0] > '9' || a->limit == 0)
            return cli_usage_error(call, "--limit is a number of rows, not '%s'", limit);
    }
    return as_of ? add_time(a, "as_of", as_of) : CLI_OK;
}

/* ---- whom --------------------------------------------------------------------------------------------------------- */

/* Of the instance that the file describes. */
static int server_of_config(struct asking *a, struct cli_call *call)
{
    struct cli_config config;
    struct cli_call only_file = *call;
    only_file.n_args = 0;
    int rc = cli_config_open_streams(&config, &only_file);
    if (rc == CLI_USAGE) return rc;
    const struct http_conf *http = &config.http;
    if (rc == CLI_OK && (!http->enabled || http->port == 0)) {
        fprintf(
            stderr,
            "aqueduct query: the file has no http section with a port; name a running instance: --server HOST:PORT\n");
        rc = CLI_CONFIG;
    }
    if (rc == CLI_OK) {
        const char *host = strcmp(http->host, "0.0.0.0") == 0 ? "127.0.0.1"
                           : strcmp(http->host, "::") == 0    ? "::1"
                                                              : http->host;
        a->server = aq_arena_printf(&a->arena, strchr(host, ':') ? "http://[%s]:%u" : "http://%s:%u", host,
                                    http->port);
        a->application = aq_arena_strdup(&a->arena, config.settings.application_id);
    }
    cli_config_finish(&config);
    return rc;
}

/* The instance could not be asked. The text of the error is the page, and the reason behind it. */
static int tell(const struct asking *a, const struct aq_err *err)
{
    const char *address = strstr(a->server, "://"), *reason = strstr(err->text, ": ");
    address = address ? address + strlen("://") : a->server;
    reason = reason ? reason + strlen(": ") : err->text;
    if (err->code == AQ_E_TIMEOUT) {
        fprintf(
            stderr,
            "aqueduct query: %s did not answer in time, try again, or ask another instance by --server (%s)\n",
            address, reason);
        return CLI_RETRY;
    }
    fprintf(
        stderr,
        "aqueduct query: no instance answers at %s: start it with http = { listen = \"HOST:PORT\"; } in its file, or name one "
        "that runs by --server HOST:PORT (%s)\n",
        address, reason);
    return cli_exit_for(err->code);
}

static struct aq_slice field(struct asking *a, struct aq_slice object, const char *name)
{
    struct json_fields fields = {0};
    struct json_error error;
    enum json_type type;
    struct aq_slice value = AQ_NULL_SLICE;
    if (json_scan(object, &fields, &type, &error) == 0) {
        for (uint32_t i = 0; i < fields.n; i++)
            if (aq_slice_equal(json_field_name(&a->arena, object, &fields.list[i]), aq_slice_str(name)))
                value = json_field_value(object, &fields.list[i]);
    }
    json_fields_finish(&fields);
    return value;
}

static const char *text_of(struct asking *a, struct aq_slice value)
{
    if (value.len < 2 || value.ptr[0] != '"') return NULL;
    return json_unquote_text(&a->arena, value).ptr;
}

static void each_element(struct asking *a, struct aq_slice array,
                         void (*each)(struct asking *a, struct aq_slice one))
{
    struct json_fields elements = {0};
    struct json_error error;
    if (!aq_slice_is_null(array) && json_scan_array(array, &elements, &error) == 0)
        for (uint32_t i = 0; i < elements.n; i++) each(a, json_field_value(array, &elements.list[i]));
    json_fields_finish(&elements);
}

static void take_application(struct asking *a, struct aq_slice one)
{
    a->application = text_of(a, one);
}

/* What a refusal says. */
static int refused(struct asking *a, const struct http_fetched *fetched)
{
    const char *error = text_of(a, field(a, aq_slice_of(fetched->text, fetched->len), "error"));
    if (error)
        fprintf(stderr, "aqueduct query: %s\n", error);
    else
        fprintf(stderr, "aqueduct query: %s answers with status %d, and not as a streams application\n",
                a->server, fetched->status);
    return !error                   ? CLI_FAILED
           : fetched->status == 400 ? CLI_USAGE
           : fetched->status == 403 ? CLI_DENIED
                                    : CLI_FAILED;
}

static int server_of_option(struct asking *a, const char *server)
{
    struct http_fetched fetched;
    struct aq_err err = {0};
    size_t len = strlen(server);
    while (len > 0 && server[len - 1] == '/') len--;
    a->server =
        aq_arena_printf(&a->arena, "%s%.*s", strstr(server, "://") ? "" : "http://", (int)len, server);
    const char *url = aq_arena_printf(&a->arena, "%s/streams", a->server);
    if (http_fetch(url, false, TIMEOUT_MS, &fetched, &err) != 0) return tell(a, &err);
    if (fetched.status == 200)
        each_element(a, field(a, aq_slice_of(fetched.text, fetched.len), "applications"), take_application);
    int rc = a->application ? CLI_OK : refused(a, &fetched);
    free(fetched.text);
    return rc;
}

/* ---- rows --------------------------------------------------------------------------------------------------------- */

static void print_text(struct aq_slice text, int width)
{
    int len = (int)text.len;
    printf("%.*s%*s  ", len, text.ptr ? text.ptr : "", width > len ? width - len : 0, "");
}

/* The window of a row, or since when it is so. */
static void print_place(struct asking *a, struct aq_slice row)
{
    char from[CLI_NUMBER_MAX], to[CLI_NUMBER_MAX];
    struct aq_slice window = field(a, row, "window"), since = field(a, row, "valid_from");
    if (aq_slice_is_null(window)) window = field(a, row, "session");
    if (!aq_slice_is_null(since)) printf("since %s  ", cli_timestamp(from, strtoll(since.ptr, NULL, 10)));
    if (aq_slice_is_null(window)) return;
    struct aq_slice start = field(a, window, "start"), end = field(a, window, "end");
    printf("%s to %s  ", cli_timestamp(from, strtoll(start.ptr, NULL, 10)),
           cli_timestamp(to, strtoll(end.ptr, NULL, 10)));
}

static void print_as_table(struct asking *a, struct aq_slice row)
{
    char when[CLI_NUMBER_MAX];
    struct aq_slice time = field(a, row, "timestamp");
    print_text(field(a, row, "key"), 20);
    print_place(a, row);
    print_text(field(a, row, "value"), 12);
    puts(aq_slice_is_null(time) ? "" : cli_timestamp(when, strtoll(time.ptr, NULL, 10)));
}

/* Line breaks in JSON stand between its parts only; one row is one line. */
static void print_row(struct asking *a, struct aq_slice row)
{
    a->rows++;
    if (a->answers) return;
    if (a->table) {
        print_as_table(a, row);
        return;
    }
    for (size_t i = 0; i < row.len; i++) putchar(row.ptr[i] == '\n' || row.ptr[i] == '\r' ? ' ' : row.ptr[i]);
    putchar('\n');
}

static void add_lag(int64_t *sum, struct aq_slice lag)
{
    bool known = lag.len > 0 && lag.ptr[0] >= '0' && lag.ptr[0] <= '9';
    if (!known)
        *sum = -1;
    else if (*sum >= 0)
        *sum += strtoll(lag.ptr, NULL, 10);
}

static void take_input(struct asking *a, struct aq_slice one)
{
    add_lag(&a->input_lag, field(a, one, "lag"));
}

static void take_partition(struct asking *a, struct aq_slice one)
{
    a->partitions++;
    add_lag(&a->changelog_lag, field(a, one, "changelog_lag"));
    each_element(a, field(a, one, "inputs"), take_input);
}

static void tell_missing(struct asking *a, struct aq_slice one)
{
    const char *message = text_of(a, field(a, one, "message")), *reason = text_of(a, field(a, one, "reason"));
    struct aq_slice partition = field(a, one, "partition");
    a->complete = false;
    fprintf(stderr, "aqueduct query: not here yet: partition %.*s: %s: %s\n", (int)partition.len,
            partition.ptr, reason ? reason : "", message ? message : "");
}

static void take_answer(struct asking *a, const struct http_fetched *fetched)
{
    struct aq_slice answer = aq_slice_of(fetched->text, fetched->len);
    if (a->answers) fputs(fetched->text, stdout);
    each_element(a, field(a, answer, "rows"), print_row);
    each_element(a, field(a, answer, "partitions"), take_partition);
    each_element(a, field(a, answer, "missing"), tell_missing);
}

/* Page after page. */
static int ask(struct asking *a)
{
    const char *cursor = "";
    a->complete = true;
    for (;;) {
        struct http_fetched fetched;
        struct aq_err err = {0};
        uint64_t left = a->limit ? a->limit - a->rows : 1000;
        const char *url =
            aq_arena_printf(&a->arena, "%s/streams/%s/stores/%s?limit=%" PRIu64 "%s%s%s", a->server,
                            http_escape(&a->arena, a->application), http_escape(&a->arena, a->store),
                            left < 1000 ? left : 1000, a->arguments, cursor[0] ? "&cursor=" : "", cursor);
        if (http_fetch(url, false, TIMEOUT_MS, &fetched, &err) != 0) return tell(a, &err);
        struct aq_slice next = AQ_NULL_SLICE;
        bool answered = !aq_slice_is_null(field(a, aq_slice_of(fetched.text, fetched.len), "rows"));
        int rc = answered ? CLI_OK : refused(a, &fetched);
        if (answered) {
            take_answer(a, &fetched);
            next = field(a, aq_slice_of(fetched.text, fetched.len), "cursor");
        }
        const char *text = text_of(a, next);
        /* What one page left in the arena is not needed by the next. */
        char *kept = text ? aq_strdup(text) : NULL;
        free(fetched.text);
        bool enough = !kept || (a->limit && a->rows >= a->limit);
        if (kept) cursor = http_escape(&a->arena, kept);
        free(kept);
        if (rc != CLI_OK || enough) return rc;
    }
}

static void print_lag(const char *name, int64_t lag)
{
    char number[CLI_NUMBER_MAX];
    printf(", %s lag %s", name, lag < 0 ? "unknown" : cli_count(number, (uint64_t)lag));
}

static int run_query(struct cli_call *call)
{
    struct asking a = {.call = call, .arguments = ""};
    const char *server = cli_value(call, "server");
    aq_arena_init(&a.arena, 16384);
    int rc = read_words(&a);
    if (rc == CLI_OK) rc = read_options(&a);
    if (rc == CLI_OK && server && call->file) rc = cli_usage_error(call, "-c FILE or --server, not both");
    if (rc == CLI_OK) rc = server ? server_of_option(&a, server) : server_of_config(&a, call);
    if (rc == CLI_OK) rc = ask(&a);
    if (rc == CLI_OK && a.table) {
        printf("%" PRIu64 " row%s, %u partition%s", a.rows, a.rows == 1 ? "" : "s", a.partitions,
               a.partitions == 1 ? "" : "s");
        print_lag("changelog", a.changelog_lag);
        print_lag("input", a.input_lag);
        putchar('\n');
    }
    if (rc == CLI_OK && !a.complete) rc = CLI_RETRY;
    if (rc == CLI_OK && a.wants_key && a.rows == 0) {
        if (!call->quiet) fprintf(stderr, "aqueduct query: there is no such row\n");
        rc = CLI_FAILED;
    }
    aq_arena_finish(&a.arena);
    return rc;
}

static const struct cli_option query_options[] = {
    {"range", 0, NULL,
     "FROM and TO stand behind STORE: the first and the last key, by their bytes; - leaves an end open."},
    {"window", 0, NULL,
     "FROM and TO stand behind STORE, or behind KEY: windows that start then, sessions that touch it, versions that were valid "
     "then. Times are UTC or milliseconds since 1970; - leaves an end open."},
    {"all", 0, NULL, "Every row of the store."},
    {"as-of", 0, "TIME", "Of a versioned store: what rows were then."},
    {"stale", 0, NULL, "Takes answers that are not up to date, from a store that is still being restored."},
    {"partition", 0, "N", "Only this partition."},
    {"limit", 0, "N", "At most so many rows."},
    {"json-key", 0, NULL,
     "Keys are given as JSON whatever their serde, as answers have them: '\"a\"', '{\"$hex\":\"00ff\"}'."},
    {"answers", 0, NULL, "Prints whole answers, one a line, with positions, lag and what is missing."},
    {"server", 0, "HOST:PORT",
     "Asks this instance; else the one that the http section of the file describes."},
    {.name = NULL},
};

const struct cli_command cli_command_query = {
    .name = "query",
    .usage = "[--server HOST:PORT] STORE KEY|--range FROM TO|--window FROM TO|--all",
    .summary = "Shows rows of a running streams application's stores.",
    .text =
        "Asks one running instance over HTTP, which finds the instances that have the rows. What is shown is what was committed "
        "last. On a terminal rows are a table, and the last line says how far they are behind; elsewhere each row is an object of JSON, "
        "one a line.\n"
        "\n"
        "The exit code is 1 when there is no row of KEY, and 75 when some partition could not be had, because it is moving to another "
        "instance or is being restored; the reason is told for each, and rows of the others are printed all the same.\n"
        "\n"
        "  aqueduct query -c aqueduct.conf counts alice\n"
        "  aqueduct query -c aqueduct.conf counts --range a b\n"
        "  aqueduct query -c aqueduct.conf per-minute alice --window 2024-05-01T12:00:00Z -\n"
        "  aqueduct query --server app-1:9464 counts --all",
    .options = query_options,
    .max_args = -1,
    .run = run_query,
};
