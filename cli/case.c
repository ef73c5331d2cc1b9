/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the cases of a test file (cli/case.h).
 *
 * An ordinary pass: the file is read whole and cut into lines; empty lines and lines that begin with '#' are left
 * out. Every other line is one JSON object, whose fields are told apart by name.
 *
 * A failing pass: what is wrong with a line is said at the line, and the next one is read, so that one run shows
 * every mistake. A case with a mistake is not in the list.
 */
#include "cli/case.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "conf/opt.h"
#include "transforms/json_text.h"

struct reading {
    struct cli_case_file *file;
    struct conf_diags *diags;
    int line;
    size_t cap;
};

/* The line as an object that is being read. */
struct object {
    struct aq_slice text;
    struct json_fields fields;
    struct aq_arena *arena;
};

static bool complain(const struct reading *reading, size_t column, const char *text)
{
    const struct conf_pos pos = {
        .file = reading->file->path, .line = reading->line, .column = (int)column, .width = 1};
    conf_diag(reading->diags, CONF_ERROR, pos, "%s", text);
    return false;
}

/* ---- pieces ------------------------------------------------------------------------------------------------------- */

static int read_text(struct aq_slice text, struct aq_arena *arena, const char **ret, struct aq_err *err)
{
    if (text.ptr[0] != '"') return aq_fail(err, AQ_E_CONFIG, "a text is expected");
    *ret = json_unquote_text(arena, text).ptr;
    return 0;
}

/* {"advance": "10s"}: 1; 0 when it is another object. */
static int read_advance(struct aq_slice text, struct aq_arena *arena, int64_t *ret_ms, struct aq_err *err)
{
    struct object o = {.text = text};
    struct json_error error;
    enum json_type type;
    const char *how_long = NULL;
    int rc = json_scan(text, &o.fields, &type, &error);
    AQ_ASSERT(rc == 0); /* part of a line that was scanned */
    if (type == JS_OBJECT && o.fields.n == 1) {
        const struct json_field *field = &o.fields.list[0];
        if (aq_slice_equal(json_field_name(arena, text, field), AQ_LIT("advance")))
            rc = read_text(json_field_value(text, field), arena, &how_long, err);
    }
    json_fields_finish(&o.fields);
    if (rc != 0) return aq_err_in(err, "advance");
    if (!how_long) return 0;
    if (opt_parse_duration(how_long, ret_ms) != 0 || *ret_ms < 0)
        return aq_fail(err, AQ_E_CONFIG, "advance: '%s' is no duration; write it like \"10s\" or \"250ms\"",
                       how_long);
    return 1;
}

/* A record with everything in it that can be told from the line alone. */
static int read_record(struct aq_slice text, struct aq_arena *arena, struct st_json_record *ret,
                       struct aq_err *err)
{
    struct kc_sim_record rec;
    int rc = st_json_record_read(text, arena, ret, err);
    if (rc != 0) return rc;
    if (!ret->topic) return aq_fail(err, AQ_E_CONFIG, "a record needs a topic");
    return st_json_record_encode(ret, (struct st_serdes){0}, 0, arena, &rec, err);
}

static int read_step(struct aq_slice text, struct aq_arena *arena, struct cli_step *ret, struct aq_err *err)
{
    int advance = read_advance(text, arena, &ret->ms, err);
    if (advance < 0) return advance;
    ret->advance = advance == 1;
    return ret->advance ? 0 : read_record(text, arena, &ret->rec, err);
}

/* Elements of an array, or the one object that stands for an array of itself. */
static int open_list(struct aq_slice text, struct json_fields *ret, struct aq_err *err)
{
    struct json_error error;
    if (text.ptr[0] == '[') return json_scan_array(text, ret, &error);
    if (text.ptr[0] != '{') return aq_fail(err, AQ_E_CONFIG, "a record, or an array of records, is expected");
    json_fields_add(ret, (struct json_field){.value_len = (uint32_t)text.len, .type = JS_OBJECT});
    return 0;
}

static int read_in(struct aq_slice text, struct aq_arena *arena, struct cli_case *ret, struct aq_err *err)
{
    struct json_fields list = {0};
    int rc = open_list(text, &list, err);
    ret->steps = aq_arena_zalloc(arena, sizeof(*ret->steps) * list.n);
    for (uint32_t i = 0; rc == 0 && i < list.n; i++) {
        rc = read_step(json_field_value(text, &list.list[i]), arena, &ret->steps[ret->n_steps++], err);
        if (rc != 0) aq_err_in(err, "in[%" PRIu32 "]", i);
    }
    json_fields_finish(&list);
    return rc;
}

static int read_out(struct aq_slice text, struct aq_arena *arena, struct cli_case *ret, struct aq_err *err)
{
    struct json_fields list = {0};
    int rc = open_list(text, &list, err);
    ret->has_out = true;
    ret->out = aq_arena_zalloc(arena, sizeof(*ret->out) * list.n);
    for (uint32_t i = 0; rc == 0 && i < list.n; i++) {
        rc = read_record(json_field_value(text, &list.list[i]), arena, &ret->out[ret->n_out++], err);
        if (rc != 0) aq_err_in(err, "out[%" PRIu32 "]", i);
    }
    json_fields_finish(&list);
    return rc;
}

static int read_partitions(struct aq_slice text, struct aq_arena *arena, int32_t *ret, struct aq_err *err)
{
    char *end;
    const char *digits = aq_arena_copy(arena, text).ptr;
    long number = strtol(digits, &end, 10);
    if (*end || number < 1 || number > 1000)
        return aq_fail(err, AQ_E_CONFIG, "a number from 1 to 1000 is expected");
    *ret = (int32_t)number;
    return 0;
}

/* ---- a case ------------------------------------------------------------------------------------------------------- */

static const char *const case_fields[] = {"name", "route", "application", "in", "out", "error", "partitions"};
#define N_CASE_FIELDS (sizeof(case_fields) / sizeof(case_fields[0]))

static int unknown_field(const char *name, struct aq_err *err)
{
    const char *near = conf_did_you_mean(name, case_fields, N_CASE_FIELDS);
    if (near) return aq_fail(err, AQ_E_CONFIG, "unknown field '%s'; did you mean '%s'?", name, near);
    return aq_fail(err, AQ_E_CONFIG,
                   "unknown field '%s'; a case has name, route or application, in, out, error and partitions",
                   name);
}

static int read_case_field(const char *name, struct aq_slice text, struct aq_arena *arena,
                           struct cli_case *ret, struct aq_err *err)
{
    if (strcmp(name, "name") == 0) return read_text(text, arena, &ret->name, err);
    if (strcmp(name, "route") == 0) return read_text(text, arena, &ret->route, err);
    if (strcmp(name, "application") == 0) return read_text(text, arena, &ret->application, err);
    if (strcmp(name, "error") == 0) return read_text(text, arena, &ret->error, err);
    if (strcmp(name, "partitions") == 0) return read_partitions(text, arena, &ret->partitions, err);
    if (strcmp(name, "in") == 0)
        return ret->steps ? aq_fail(err, AQ_E_CONFIG, "is there twice") : read_in(text, arena, ret, err);
    AQ_ASSERT(strcmp(name, "out") == 0);
    return ret->has_out ? aq_fail(err, AQ_E_CONFIG, "is there twice") : read_out(text, arena, ret, err);
}

static bool is_case_field(const char *name)
{
    for (size_t i = 0; i < N_CASE_FIELDS; i++)
        if (strcmp(name, case_fields[i]) == 0) return true;
    return false;
}

/* As many partitions as the records name. */
static void count_partitions(struct cli_case *one)
{
    if (one->partitions == 0) one->partitions = 1;
    for (size_t i = 0; i < one->n_steps; i++)
        if (one->steps[i].rec.partition >= one->partitions && !one->steps[i].advance)
            one->partitions = one->steps[i].rec.partition + 1;
}

static int check_case(struct cli_case *one, struct aq_err *err)
{
    if (!one->steps) return aq_fail(err, AQ_E_CONFIG, "the case has no field 'in': what comes in?");
    if (!one->has_out && !one->error)
        return aq_fail(err, AQ_E_CONFIG,
                       "the case expects nothing: it needs a field 'out' (maybe []) or 'error'");
    if (one->route && one->application)
        return aq_fail(err, AQ_E_CONFIG, "a case is about a route or about an application, not both");
    count_partitions(one);
    return one->partitions <= 1000
               ? 0
               : aq_fail(err, AQ_E_CONFIG, "a partition above 999 is more than a test needs");
}

static int read_case(const struct object *o, struct cli_case *ret, struct aq_err *err)
{
    for (uint32_t i = 0; i < o->fields.n; i++) {
        const char *name = json_field_name(o->arena, o->text, &o->fields.list[i]).ptr;
        if (!is_case_field(name)) return unknown_field(name, err);
        struct aq_slice value = json_field_value(o->text, &o->fields.list[i]);
        int rc = read_case_field(name, value, o->arena, ret, err);
        if (rc != 0) {
            bool list = strncmp(err->text, "in[", 3) == 0 || strncmp(err->text, "out[", 4) == 0;
            return list ? rc : aq_err_in(err, "%s", name);
        }
    }
    return check_case(ret, err);
}

/* ---- the first line ----------------------------------------------------------------------------------------------- */

static const char *beside(struct cli_case_file *file, const char *name)
{
    const char *slash = strrchr(file->path, '/');
    if (!slash || name[0] == '/') return name;
    return aq_arena_printf(&file->arena, "%.*s%s", (int)(slash + 1 - file->path), file->path, name);
}

static int read_env(struct aq_slice text, struct cli_case_file *file, struct aq_err *err)
{
    struct json_fields fields = {0};
    struct json_error error;
    enum json_type type;
    int rc = json_scan(text, &fields, &type, &error);
    AQ_ASSERT(rc == 0);
    if (type != JS_OBJECT) rc = aq_fail(err, AQ_E_CONFIG, "an object of names and texts is expected");
    file->env = aq_arena_zalloc(&file->arena, sizeof(*file->env) * fields.n);
    for (uint32_t i = 0; rc == 0 && i < fields.n; i++) {
        struct cli_case_env *env = &file->env[file->n_env++];
        env->name = json_field_name(&file->arena, text, &fields.list[i]).ptr;
        rc = read_text(json_field_value(text, &fields.list[i]), &file->arena, &env->value, err);
        if (rc == 0 && (env->name[0] == '\0' || strchr(env->name, '=')))
            rc = aq_fail(err, AQ_E_CONFIG, "'%s' is no name of a variable", env->name);
    }
    json_fields_finish(&fields);
    return rc;
}

static bool names_config(const struct object *o)
{
    for (uint32_t i = 0; i < o->fields.n; i++)
        if (aq_slice_equal(json_field_name(o->arena, o->text, &o->fields.list[i]), AQ_LIT("config")))
            return true;
    return false;
}

static int read_config_line(const struct object *o, struct cli_case_file *file, struct aq_err *err)
{
    for (uint32_t i = 0; i < o->fields.n; i++) {
        const char *name = json_field_name(o->arena, o->text, &o->fields.list[i]).ptr, *config = NULL;
        struct aq_slice value = json_field_value(o->text, &o->fields.list[i]);
        int rc = 0;
        if (strcmp(name, "config") == 0)
            rc = read_text(value, o->arena, &config, err);
        else if (strcmp(name, "env") == 0)
            rc = read_env(value, file, err);
        else
            rc = aq_fail(err, AQ_E_CONFIG, "unknown field; this line has config and env");
        if (rc != 0) return aq_err_in(err, "%s", name);
        if (config) file->config = beside(file, config);
    }
    return 0;
}

/* ---- the file ----------------------------------------------------------------------------------------------------- */

static void add_case(struct reading *reading, const struct cli_case *one)
{
    struct cli_case_file *file = reading->file;
    if (file->n == reading->cap) {
        reading->cap = reading->cap ? reading->cap * 2 : 16;
        file->list = aq_realloc(file->list, reading->cap * sizeof(*file->list));
    }
    file->list[file->n++] = *one;
}

static bool read_object(struct reading *reading, const struct object *o)
{
    struct aq_err err = {0};
    struct cli_case one = {.line = reading->line};
    if (names_config(o)) {
        if (reading->file->n > 0 || reading->file->config)
            return complain(reading, 0,
                            "the line that names the configuration is the first, and there is one");
        return read_config_line(o, reading->file, &err) == 0 || complain(reading, 0, err.text);
    }
    if (read_case(o, &one, &err) != 0) return complain(reading, 0, err.text);
    add_case(reading, &one);
    return true;
}

static bool read_line(struct reading *reading, struct aq_slice line)
{
    struct object o = {.text = line, .arena = &reading->file->arena};
    struct json_error error;
    enum json_type type;
    char why[160];
    bool good;
    if (json_scan(line, &o.fields, &type, &error) != 0)
        good = complain(reading, error.at + 1, json_error_text(&error, why, sizeof(why)));
    else if (type != JS_OBJECT)
        good = complain(reading, 1, "a case is an object: {\"name\": …, \"in\": …, \"out\": …}");
    else
        good = read_object(reading, &o);
    json_fields_finish(&o.fields);
    return good;
}

static bool is_left_out(struct aq_slice line)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.ptr[i] != ' ' && line.ptr[i] != '\t' && line.ptr[i] != '\r') return line.ptr[i] == '#';
    return true;
}

static bool read_lines(struct reading *reading, struct aq_slice text)
{
    bool good = true;
    for (const char *at = text.ptr, *end = text.ptr + text.len; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        struct aq_slice line = aq_slice_of(at, (size_t)((newline ? newline : end) - at));
        reading->line++;
        if (!is_left_out(line)) good &= read_line(reading, line);
        at = newline ? newline + 1 : end;
    }
    if (good && reading->file->n == 0) good = complain(reading, 0, "there is no case in this file");
    return good;
}

static bool slurp(FILE *in, struct aq_arena *arena, struct aq_slice *ret)
{
    char *text = NULL;
    size_t size = 0;
    ssize_t len = getdelim(&text, &size, -1, in); /* no byte is EOF's, so this is all there is */
    bool good = !ferror(in);
    *ret = aq_arena_copy(arena, aq_slice_of(text ? text : "", len > 0 ? (size_t)len : 0));
    free(text);
    return good;
}

bool cli_case_file_read(const char *path, struct conf_diags *diags, struct cli_case_file *ret)
{
    AQ_ASSERT(path && diags && ret);
    *ret = (struct cli_case_file){.path = path};
    aq_arena_init(&ret->arena, 16384);
    struct reading reading = {.file = ret, .diags = diags};
    struct aq_slice text;
    FILE *in = fopen(path, "re");
    if (!in || !slurp(in, &ret->arena, &text)) {
        if (in) fclose(in);
        return complain(&reading, 0, "the file cannot be read");
    }
    fclose(in);
    conf_diags_source(diags, path, text.ptr, text.len);
    return read_lines(&reading, text);
}

void cli_case_file_finish(struct cli_case_file *file)
{
    free(file->list);
    aq_arena_finish(&file->arena);
    *file = (struct cli_case_file){0};
}
