/* SPDX-License-Identifier: Apache-2.0
 *
 * Operands (streams/ops/operand.h).
 *
 * An ordinary pass: "value.amount" was seen to be a path when the node started. For a record the task's document view is
 * opened, or found open, the field looked up and its span read as a value: no Lua, no copy. A path into something nested
 * scans the inner object by itself.
 *
 * A failing pass: where a path leads through something that is not there or is no object, and where the record is no JSON, the
 * expression is given to Lua after all, which fails in its own words ("attempt to index a nil value (field 'customer')"). So there
 * is one set of rules, and the path is only a shorter way.
 *
 * Invariant: what the short way finds is what Lua would have found. Threads: the worker's own.
 */
#include "streams/ops/operand.h"

#include "base/assert.h"
#include "transforms/views.h"

/* ---- paths -------------------------------------------------------------------------------------------------------- */

struct cursor {
    const char *at;
    const char *end;
};

static void skip_space(struct cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || (*c->at >= '\t' && *c->at <= '\r'))) c->at++;
}

static bool take(struct cursor *c, char wanted)
{
    skip_space(c);
    if (c->at == c->end || *c->at != wanted) return false;
    c->at++;
    return true;
}

static bool is_name_byte(char byte, bool first)
{
    return byte == '_' || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (!first && byte >= '0' && byte <= '9');
}

/* Reserved words need no care: an expression with one in this place did not compile. */
static struct aq_slice take_name(struct cursor *c)
{
    skip_space(c);
    const char *from = c->at;
    while (c->at < c->end && is_name_byte(*c->at, c->at == from)) c->at++;
    return aq_slice_of(from, (size_t)(c->at - from));
}

/* 'text' or "text" without escapes, and the bracket behind it. */
static bool take_quoted(struct cursor *c, struct aq_slice *ret)
{
    skip_space(c);
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"')) return false;
    char quote = *c->at++;
    const char *from = c->at;
    while (c->at < c->end && *c->at != quote && *c->at != '\\') c->at++;
    *ret = aq_slice_of(from, (size_t)(c->at - from));
    return c->at < c->end && *c->at++ == quote && take(c, ']');
}

static bool take_step(struct cursor *c, struct aq_slice *ret)
{
    if (take(c, '[')) return take_quoted(c, ret);
    if (!take(c, '.')) return false;
    *ret = take_name(c);
    return ret->len > 0;
}

bool st_path_parse(struct aq_slice expression, struct st_path *ret)
{
    AQ_ASSERT(expression.ptr);
    struct cursor c = {expression.ptr, expression.ptr + expression.len};
    struct aq_slice root = take_name(&c);
    *ret = (struct st_path){.part = XF_PART_VALUE};
    if (aq_slice_equal(root, AQ_LIT("key")))
        ret->part = XF_PART_KEY;
    else if (!aq_slice_equal(root, AQ_LIT("value")))
        return false;
    for (skip_space(&c); c.at < c.end; skip_space(&c)) {
        if (ret->n == ST_PATH_MAX || !take_step(&c, &ret->names[ret->n])) return false;
        ret->n++;
    }
    return true;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

void st_operand_start(struct st_operand *operand, struct st_context *context,
                      const struct lua_program *program)
{
    st_running_start(&operand->running, context, program);
    operand->is_path = st_path_parse(program->text, &operand->path);
    operand->key_serde = context->key_serde;
    operand->value_serde = context->value_serde;
    doc_init(&operand->nested);
}

void st_operand_stop(struct st_operand *operand)
{
    st_running_stop(&operand->running);
    doc_finish(&operand->nested);
}

/* Along the names from the open document. False: Lua has to say what this is. */
static bool follow(struct st_operand *operand, const struct doc *doc, struct aq_arena *arena,
                   struct json_value *ret)
{
    const struct st_path *path = &operand->path;
    enum json_type type;
    struct json_error error;
    for (uint8_t i = 0;; i++) {
        uint32_t field = doc_find_last(doc, path->names[i]);
        bool last = i + 1 == path->n;
        if (field == DOC_NONE) {
            *ret = (struct json_value){.type = JS_NULL};
            return last;
        }
        struct aq_slice text = doc_value(doc, field);
        type = doc_type(doc, field);
        if (last) {
            *ret = json_value_of(type, text, arena);
            return true;
        }
        if (type != JS_OBJECT || doc_open(&operand->nested, text, arena, &type, &error) < 0) return false;
        doc = &operand->nested;
    }
}

/* 1: read; 0: Lua has to; or a code. */
static int read_path(struct st_operand *operand, struct aq_record *rec, struct aq_arena *arena,
                     struct json_value *ret, struct aq_err *err)
{
    struct xf_step *step = &operand->running.step;
    enum xf_part part = operand->path.part;
    const struct st_serde *serde = part == XF_PART_KEY ? operand->key_serde : operand->value_serde;
    if (st_format_of(serde) != XF_JSON) {
        if (operand->path.n > 0) return 0;
        int rc = st_operand_decode(xf_step_part(step, rec, part), serde, arena, ret, err);
        return rc < 0 ? rc : 1;
    }
    struct doc *doc;
    enum json_type type;
    struct json_error error;
    enum xf_fields fields = xf_step_view(step, rec, part, &doc, &type, &error);
    if (fields == XF_BAD) return 0;
    if (operand->path.n > 0) return fields == XF_OBJECT && follow(operand, doc, arena, ret);
    *ret = (struct json_value){.type = JS_NULL};
    if (fields == XF_NULL) return 1;
    struct aq_slice text = fields == XF_OBJECT ? doc_write(doc) : xf_step_part(step, rec, part);
    *ret = json_value_of(type, json_trim(text), arena);
    return 1;
}

int st_operand_read(struct st_operand *operand, struct aq_record *rec, struct aq_arena *arena,
                    struct json_value *ret, struct aq_err *err)
{
    AQ_ASSERT(rec && arena && ret);
    if (operand->is_path) {
        int rc = read_path(operand, rec, arena, ret, err);
        if (rc != 0) return rc < 0 ? rc : 0;
    }
    return lua_engine_value(operand->running.engine, &operand->running.step, rec, arena, ret, err);
}

/* ---- bytes -------------------------------------------------------------------------------------------------------- */

static int wrong_type(const struct json_value *value, const struct st_serde *serde, struct aq_err *err)
{
    static const char *const wanted[] = {
        [ST_VALUE_NULL] = "null",        [ST_VALUE_BYTES] = "a string",  [ST_VALUE_STRING] = "a string",
        [ST_VALUE_INT64] = "an integer", [ST_VALUE_DOUBLE] = "a number", [ST_VALUE_JSON] = "JSON"};
    if (value->type == JS_NUMBER && st_serde_type(serde) == ST_VALUE_INT64)
        return aq_fail(err, AQ_E_BAD_RECORD, "it must be an integer (its serde is %s), not %.17g",
                       st_serde_name(serde), value->real);
    return aq_fail(err, AQ_E_BAD_RECORD, "it must be %s (its serde is %s), not %s",
                   wanted[st_serde_type(serde)], st_serde_name(serde), json_type_name(value->type));
}

int st_operand_encode(const struct json_value *value, const struct st_serde *serde, struct aq_arena *arena,
                      struct aq_slice *ret, struct aq_err *err)
{
    AQ_ASSERT(value && serde);
    enum st_value_type type = st_serde_type(serde);
    struct st_value typed = {.type = ST_VALUE_NULL};
    int64_t integer = value->type == JS_NUMBER && value->is_integer ? value->integer : 0;
    if (type == ST_VALUE_JSON) return json_value_write(value, arena, ret, err);
    if (value->type == JS_NULL) {
        *ret = AQ_NULL_SLICE;
        return 0;
    }
    if (value->type == JS_STRING && (type == ST_VALUE_STRING || type == ST_VALUE_BYTES))
        typed = st_slice(type, value->string);
    else if (value->type == JS_NUMBER && type == ST_VALUE_INT64 &&
             (value->is_integer || json_real_is_integer(value->real, &integer)))
        typed = st_int64(integer);
    else if (value->type == JS_NUMBER && type == ST_VALUE_DOUBLE)
        typed = st_double(value->is_integer ? (double)integer : value->real);
    else
        return wrong_type(value, serde, err);
    return st_serde_write(serde, &typed, arena, ret, err);
}

static int decode_json(struct aq_slice bytes, struct aq_arena *arena, struct json_value *ret,
                       struct aq_err *err)
{
    struct json_error error;
    char text[128];
    if (json_value_read(bytes, arena, ret, &error) == 0) return 0;
    return aq_fail(err, AQ_E_BAD_RECORD, "json: %s", json_error_text(&error, text, sizeof(text)));
}

int st_operand_decode(struct aq_slice bytes, const struct st_serde *serde, struct aq_arena *arena,
                      struct json_value *ret, struct aq_err *err)
{
    struct st_value typed;
    *ret = (struct json_value){.type = JS_NULL};
    if (aq_slice_is_null(bytes)) return 0;
    if (!serde) { /* nobody said how it lies there */
        *ret = (struct json_value){.type = JS_STRING, .string = bytes};
        return 0;
    }
    if (st_serde_type(serde) == ST_VALUE_JSON) return decode_json(bytes, arena, ret, err);
    int rc = st_serde_read(serde, bytes, NULL, &typed, err);
    if (rc < 0) return rc;
    switch (typed.type) {
    case ST_VALUE_INT64:
        *ret = (struct json_value){.type = JS_NUMBER, .is_integer = true, .integer = typed.integer};
        break;
    case ST_VALUE_DOUBLE: *ret = (struct json_value){.type = JS_NUMBER, .real = typed.number}; break;
    default: *ret = (struct json_value){.type = JS_STRING, .string = typed.slice};
    }
    return 0;
}
