/* SPDX-License-Identifier: Apache-2.0
 *
 * Records as lines of JSON (streams/serde/json_record.h).
 *
 * An ordinary pass: read cuts the line into its fields and keeps key and value as JSON text. Whoever knows the topic
 * knows the serdes, and encode turns the two texts into bytes. Print is the same way back: a value is read by its
 * serde and written as the JSON that encode would make the same bytes of.
 *
 * A failing pass: the first field that is wrong ends it, with the field's name in front of the reason.
 *
 * Nothing here is on a hot path: scanners are opened and closed for every value.
 */
#include "streams/serde/json_record.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/utf8.h"
#include "conf/diag.h"
#include "transforms/json_text.h"

#define HEX_NAME  "$hex"
#define TEXT_NAME "$text"

static const char *const field_names[] = {"topic", "key", "value", "timestamp", "headers", "partition"};
#define N_FIELDS (sizeof(field_names) / sizeof(field_names[0]))

/* The type of a text that is known to be JSON. */
static enum json_type type_of(struct aq_slice text)
{
    struct json_fields fields = {0};
    struct json_error error;
    enum json_type type = JS_NULL;
    int rc = json_scan(text, &fields, &type, &error);
    AQ_ASSERT(rc == 0);
    json_fields_finish(&fields);
    return type;
}

static int wrong_type(const char *wanted, struct aq_slice text, struct aq_err *err)
{
    return aq_fail(err, AQ_E_BAD_RECORD, "%s is expected, not %s", wanted, json_type_name(type_of(text)));
}

/* ---- bytes written as {"$hex": …} or {"$text": …} ----------------------------------------------------------------- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static int decode_hex(struct aq_slice hex, struct aq_arena *arena, struct aq_slice *ret, struct aq_err *err)
{
    char *out = aq_arena_alloc(arena, hex.len / 2 + 1);
    for (size_t i = 0; i + 1 < hex.len; i += 2) {
        int high = hex_digit(hex.ptr[i]), low = hex_digit(hex.ptr[i + 1]);
        if (high < 0 || low < 0) return aq_fail(err, AQ_E_BAD_RECORD, HEX_NAME " is not hexadecimal");
        out[i / 2] = (char)(high << 4 | low);
    }
    if (hex.len % 2 != 0)
        return aq_fail(err, AQ_E_BAD_RECORD, HEX_NAME " has an odd number of digits; a byte has two");
    *ret = aq_slice_of(out, hex.len / 2);
    return 0;
}

/* 1 when the text is one of the two forms (and *ret the bytes), 0 when not. */
static int raw_bytes(struct aq_slice text, struct aq_arena *arena, struct aq_slice *ret, struct aq_err *err)
{
    struct json_fields fields = {0};
    struct json_error error;
    enum json_type type;
    int rc = json_scan(text, &fields, &type, &error);
    AQ_ASSERT(rc == 0);
    if (type == JS_OBJECT && fields.n == 1 && fields.list[0].type == JS_STRING) {
        struct aq_slice name = json_field_name(arena, text, &fields.list[0]);
        struct aq_slice content = json_unquote_text(arena, json_field_value(text, &fields.list[0]));
        if (aq_slice_equal(name, AQ_LIT(HEX_NAME))) {
            rc = decode_hex(content, arena, ret, err);
            if (rc == 0) rc = 1;
        } else if (aq_slice_equal(name, AQ_LIT(TEXT_NAME))) {
            *ret = content;
            rc = 1;
        }
    }
    json_fields_finish(&fields);
    return rc;
}

static bool is_utf8(struct aq_slice bytes)
{
    for (size_t i = 0; i < bytes.len;) {
        /* What aq_utf8_len() may look at is not all there at the end. */
        unsigned char at[5] = {0};
        memcpy(at, bytes.ptr + i, bytes.len - i < 4 ? bytes.len - i : 4);
        size_t len = aq_utf8_len(at);
        if (len == 0 || len > bytes.len - i) return false;
        i += len;
    }
    return true;
}

static struct aq_slice print_hex(struct aq_slice bytes, struct aq_arena *arena)
{
    char *hex = aq_arena_alloc(arena, bytes.len * 2 + 1);
    for (size_t i = 0; i < bytes.len; i++) snprintf(hex + 2 * i, 3, "%02x", (unsigned char)bytes.ptr[i]);
    hex[bytes.len * 2] = '\0';
    return aq_slice_str(aq_arena_printf(arena, "{\"" HEX_NAME "\":\"%s\"}", hex));
}

static struct aq_slice print_raw(struct aq_slice bytes, struct aq_arena *arena)
{
    if (!is_utf8(bytes)) return print_hex(bytes, arena);
    struct aq_slice quoted = json_quote(arena, bytes);
    return aq_slice_str(aq_arena_printf(arena, "{\"" TEXT_NAME "\":%.*s}", (int)quoted.len, quoted.ptr));
}

/* ---- numbers ------------------------------------------------------------------------------------------------------ */

static int read_integer(struct aq_slice text, struct aq_arena *arena, int64_t *ret, struct aq_err *err)
{
    const char *digits = aq_arena_copy(arena, text).ptr;
    char *end;
    if (type_of(text) != JS_NUMBER) return wrong_type("an integer", text, err);
    errno = 0;
    long long number = strtoll(digits, &end, 10);
    if (*end) return aq_fail(err, AQ_E_BAD_RECORD, "an integer is expected, not %s", digits);
    if (errno == ERANGE) return aq_fail(err, AQ_E_BAD_RECORD, "%s does not fit into 64 bits", digits);
    *ret = number;
    return 0;
}

static const struct {
    const char *text;
    double number;
} odd_numbers[] = {{"NaN", (double)NAN}, {"Infinity", HUGE_VAL}, {"-Infinity", -HUGE_VAL}};
#define N_ODD (sizeof(odd_numbers) / sizeof(odd_numbers[0]))

static int read_double(struct aq_slice text, struct aq_arena *arena, double *ret, struct aq_err *err)
{
    enum json_type type = type_of(text);
    struct aq_slice word = type == JS_STRING ? json_unquote_text(arena, text) : aq_arena_copy(arena, text);
    for (size_t i = 0; type == JS_STRING && i < N_ODD; i++) {
        if (strcmp(word.ptr, odd_numbers[i].text) != 0) continue;
        *ret = odd_numbers[i].number;
        return 0;
    }
    if (type != JS_NUMBER) return wrong_type("a number", text, err);
    *ret = strtod(word.ptr, NULL);
    return 0;
}

static struct aq_slice print_double(double number, struct aq_arena *arena)
{
    if (isnan(number)) return AQ_LIT("\"NaN\"");
    if (isinf(number)) return number > 0 ? AQ_LIT("\"Infinity\"") : AQ_LIT("\"-Infinity\"");
    return json_real(arena, number);
}

/* ---- keys and values ---------------------------------------------------------------------------------------------- */

/* Nobody knows the serde: a text stands for itself, everything else for its JSON. */
static struct aq_slice encode_unknown(struct aq_slice text, enum json_type type, struct aq_arena *arena)
{
    return type == JS_STRING ? json_unquote_text(arena, text) : text;
}

static int make_value(enum st_value_type wanted, struct aq_slice text, struct aq_arena *arena,
                      struct st_value *ret, struct aq_err *err)
{
    int rc = 0;
    switch (wanted) {
    case ST_VALUE_BYTES:
    case ST_VALUE_STRING:
        if (type_of(text) != JS_STRING) return wrong_type("a string", text, err);
        *ret = st_slice(wanted, json_unquote_text(arena, text));
        return 0;
    case ST_VALUE_INT64:
        *ret = (struct st_value){.type = wanted};
        return read_integer(text, arena, &ret->integer, err);
    case ST_VALUE_DOUBLE:
        *ret = (struct st_value){.type = wanted};
        rc = read_double(text, arena, &ret->number, err);
        if (rc == 0) *ret = st_double(ret->number);
        return rc;
    case ST_VALUE_JSON: *ret = st_slice(wanted, text); return 0;
    case ST_VALUE_WINDOWED:
    case ST_VALUE_NULL: break;
    }
    AQ_ASSERT(!"the type of a serde");
    return rc;
}

#define WINDOWED_FORM "{\"key\": KEY, \"start\": MS, \"end\": MS}"

static int take_window_field(const struct st_serde *serde, struct aq_slice name, struct aq_slice text,
                             struct aq_arena *arena, struct st_windowed_key *key, struct aq_err *err)
{
    int rc;
    if (aq_slice_equal(name, AQ_LIT("key")))
        rc = st_json_encode(st_serde_inner(serde), text, arena, &key->key, err);
    else if (aq_slice_equal(name, AQ_LIT("start")))
        rc = read_integer(text, arena, &key->start, err);
    else if (aq_slice_equal(name, AQ_LIT("end")))
        rc = read_integer(text, arena, &key->end, err);
    else
        return aq_fail(err, AQ_E_BAD_RECORD, "a windowed key is " WINDOWED_FORM ", without '%s'", name.ptr);
    return rc == 0 ? 0 : aq_err_in(err, "%s", name.ptr);
}

static int make_windowed(const struct st_serde *serde, struct aq_slice text, struct aq_arena *arena,
                         struct st_value *ret, struct aq_err *err)
{
    struct json_fields fields = {0};
    struct json_error error;
    enum json_type type;
    *ret = (struct st_value){.type = ST_VALUE_WINDOWED,
                             .windowed = {.key = AQ_NULL_SLICE, .start = -1, .end = -1}};
    int rc = json_scan(text, &fields, &type, &error);
    AQ_ASSERT(rc == 0);
    if (type != JS_OBJECT) rc = wrong_type(WINDOWED_FORM, text, err);
    for (uint32_t i = 0; rc == 0 && i < fields.n; i++)
        rc = take_window_field(serde, json_field_name(arena, text, &fields.list[i]),
                               json_field_value(text, &fields.list[i]), arena, &ret->windowed, err);
    json_fields_finish(&fields);
    return rc;
}

int st_json_encode(const struct st_serde *serde, struct aq_slice text, struct aq_arena *arena,
                   struct aq_slice *ret, struct aq_err *err)
{
    AQ_ASSERT(text.ptr && arena && ret);
    enum json_type type = type_of(text);
    *ret = AQ_NULL_SLICE;
    if (type == JS_NULL) return 0;
    int raw = raw_bytes(text, arena, ret, err);
    if (raw != 0) return raw < 0 ? raw : 0;
    if (!serde) {
        *ret = encode_unknown(text, type, arena);
        return 0;
    }
    struct st_value value;
    int rc = st_serde_inner(serde) ? make_windowed(serde, text, arena, &value, err)
                                   : make_value(st_serde_type(serde), text, arena, &value, err);
    return rc == 0 ? st_serde_write(serde, &value, arena, ret, err) : rc;
}

static bool is_json(struct aq_slice bytes)
{
    struct json_fields fields = {0};
    struct json_error error;
    enum json_type type;
    int rc = json_scan(bytes, &fields, &type, &error);
    json_fields_finish(&fields);
    return rc == 0;
}

static struct aq_slice print_text(struct aq_slice bytes, struct aq_arena *arena)
{
    return is_utf8(bytes) ? json_quote(arena, bytes) : print_hex(bytes, arena);
}

static struct aq_slice print_value(const struct st_value *value, struct aq_arena *arena)
{
    switch (value->type) {
    case ST_VALUE_NULL: return AQ_LIT("null");
    case ST_VALUE_BYTES:
    case ST_VALUE_STRING: return print_text(value->slice, arena);
    case ST_VALUE_INT64: return json_int(arena, value->integer);
    case ST_VALUE_DOUBLE: return print_double(value->number, arena);
    case ST_VALUE_JSON: return value->slice;
    case ST_VALUE_WINDOWED: break;
    }
    AQ_ASSERT(!"a value type");
    return AQ_NULL_SLICE;
}

static struct aq_slice print_windowed(const struct st_serde *serde, const struct st_windowed_key *key,
                                      struct aq_arena *arena)
{
    struct aq_slice inner = st_json_decode(st_serde_inner(serde), key->key, arena);
    return aq_slice_str(aq_arena_printf(arena, "{\"key\":%.*s,\"start\":%" PRId64 ",\"end\":%" PRId64 "}",
                                        (int)inner.len, inner.ptr, key->start, key->end));
}

struct aq_slice st_json_decode(const struct st_serde *serde, struct aq_slice bytes, struct aq_arena *arena)
{
    if (aq_slice_is_null(bytes)) return AQ_LIT("null");
    if (!serde) return bytes.len > 0 && is_json(bytes) ? bytes : print_text(bytes, arena);
    struct json_fields fields = {0};
    struct st_value value;
    struct aq_err ignored;
    int rc = st_serde_read(serde, bytes, &fields, &value, &ignored);
    json_fields_finish(&fields);
    if (rc != 0) return print_raw(bytes, arena);
    if (value.type == ST_VALUE_WINDOWED) return print_windowed(serde, &value.windowed, arena);
    return print_value(&value, arena);
}

/* ---- headers ------------------------------------------------------------------------------------------------------ */

static int read_header_value(struct aq_slice text, struct aq_arena *arena, struct aq_header *header,
                             struct aq_err *err)
{
    int rc = st_json_encode(st_serde_find("bytes", err), text, arena, &header->value, err);
    return rc == 0 ? 0 : aq_err_in(err, "header '%s'", header->name.ptr);
}

/* ["name", value] */
static int read_pair(struct aq_slice text, struct aq_arena *arena, struct aq_header *ret, struct aq_err *err)
{
    struct json_fields fields = {0};
    struct json_error error;
    int rc = 0;
    if (type_of(text) != JS_ARRAY || json_scan_array(text, &fields, &error) != 0 || fields.n != 2 ||
        fields.list[0].type != JS_STRING) {
        rc = aq_fail(err, AQ_E_BAD_RECORD, "a header is [\"name\", \"text\"] or [\"name\", null]");
    } else {
        ret->name = json_unquote_text(arena, json_field_value(text, &fields.list[0]));
        rc = read_header_value(json_field_value(text, &fields.list[1]), arena, ret, err);
    }
    json_fields_finish(&fields);
    return rc;
}

static int read_header(struct aq_slice text, const struct json_field *field, bool named,
                       struct aq_arena *arena, struct aq_header *ret, struct aq_err *err)
{
    if (!named) return read_pair(json_field_value(text, field), arena, ret, err);
    ret->name = json_field_name(arena, text, field);
    return read_header_value(json_field_value(text, field), arena, ret, err);
}

static int read_headers(struct aq_slice text, struct aq_arena *arena, struct st_json_record *ret,
                        struct aq_err *err)
{
    struct json_fields fields = {0};
    struct json_error error;
    enum json_type type = type_of(text);
    if (type == JS_NULL) return 0;
    ret->headers_by_name = type == JS_OBJECT;
    if (type != JS_OBJECT && type != JS_ARRAY)
        return wrong_type("an array of [\"name\", \"text\"], or an object,", text, err);
    int rc =
        type == JS_OBJECT ? json_scan(text, &fields, &type, &error) : json_scan_array(text, &fields, &error);
    AQ_ASSERT(rc == 0);
    if (fields.n > UINT16_MAX) rc = aq_fail(err, AQ_E_BAD_RECORD, "too many headers");
    ret->headers = aq_arena_zalloc(arena, sizeof(*ret->headers) * fields.n);
    for (uint32_t i = 0; rc == 0 && i < fields.n; i++) {
        rc = read_header(text, &fields.list[i], type == JS_OBJECT, arena, &ret->headers[i], err);
        ret->n_headers++;
    }
    json_fields_finish(&fields);
    return rc;
}

/* ---- the record --------------------------------------------------------------------------------------------------- */

static int read_topic(struct aq_slice text, struct aq_arena *arena, struct st_json_record *ret,
                      struct aq_err *err)
{
    if (type_of(text) != JS_STRING) return wrong_type("a string", text, err);
    ret->topic = json_unquote_text(arena, text).ptr;
    return 0;
}

static int read_partition(struct aq_slice text, struct aq_arena *arena, struct st_json_record *ret,
                          struct aq_err *err)
{
    int64_t number = 0;
    int rc = read_integer(text, arena, &number, err);
    if (rc == 0 && (number < 0 || number > INT32_MAX))
        rc = aq_fail(err, AQ_E_BAD_RECORD, "%" PRId64 " is no number of a partition", number);
    if (rc == 0) ret->partition = (int32_t)number;
    return rc;
}

static int read_field(unsigned which, struct aq_slice text, struct aq_arena *arena,
                      struct st_json_record *ret, struct aq_err *err)
{
    switch (which) {
    case ST_JSON_TOPIC: return read_topic(text, arena, ret, err);
    case ST_JSON_KEY: ret->key = text; return 0;
    case ST_JSON_VALUE: ret->value = text; return 0;
    case ST_JSON_TIMESTAMP: return read_integer(text, arena, &ret->timestamp, err);
    case ST_JSON_HEADERS: return read_headers(text, arena, ret, err);
    case ST_JSON_PARTITION: return read_partition(text, arena, ret, err);
    default: break;
    }
    AQ_ASSERT(!"a field of a record");
    return 0;
}

static int unknown_field(const char *name, struct aq_err *err)
{
    const char *near = conf_did_you_mean(name, field_names, N_FIELDS);
    if (near) return aq_fail(err, AQ_E_BAD_RECORD, "unknown field '%s'; did you mean '%s'?", name, near);
    return aq_fail(err, AQ_E_BAD_RECORD,
                   "unknown field '%s'; a record has topic, key, value, timestamp, headers and partition",
                   name);
}

static int read_named(struct aq_slice text, const struct json_field *field, struct aq_arena *arena,
                      struct st_json_record *ret, struct aq_err *err)
{
    const char *name = json_field_name(arena, text, field).ptr;
    for (size_t i = 0; i < N_FIELDS; i++) {
        if (strcmp(name, field_names[i]) != 0) continue;
        if (ret->given & 1u << i) return aq_fail(err, AQ_E_BAD_RECORD, "the field '%s' is there twice", name);
        ret->given |= 1u << i;
        int rc = read_field(1u << i, json_field_value(text, field), arena, ret, err);
        return rc == 0 ? 0 : aq_err_in(err, "%s", name);
    }
    return unknown_field(name, err);
}

int st_json_record_read(struct aq_slice text, struct aq_arena *arena, struct st_json_record *ret,
                        struct aq_err *err)
{
    AQ_ASSERT(text.ptr && arena && ret);
    struct json_fields fields = {0};
    struct json_error error;
    enum json_type type;
    char why[160];
    *ret = (struct st_json_record){.partition = -1, .key = AQ_LIT("null"), .value = AQ_LIT("null")};
    int rc = json_scan(text, &fields, &type, &error);
    if (rc != 0)
        aq_fail(err, rc, "this is not JSON: %s", json_error_text(&error, why, sizeof(why)));
    else if (type != JS_OBJECT)
        rc = aq_fail(err, AQ_E_BAD_RECORD, "a record is an object, not %s", json_type_name(type));
    for (uint32_t i = 0; rc == 0 && i < fields.n; i++)
        rc = read_named(text, &fields.list[i], arena, ret, err);
    json_fields_finish(&fields);
    return rc;
}

int st_json_record_encode(const struct st_json_record *json, struct st_serdes serdes, int64_t timestamp,
                          struct aq_arena *arena, struct kc_sim_record *ret, struct aq_err *err)
{
    AQ_ASSERT(json && ret);
    *ret = (struct kc_sim_record){.partition = json->partition,
                                  .headers = json->headers,
                                  .n_headers = json->n_headers,
                                  .timestamp = json->given & ST_JSON_TIMESTAMP ? json->timestamp : timestamp};
    if (st_json_encode(serdes.key, json->key, arena, &ret->key, err) != 0) return aq_err_in(err, "key");
    if (st_json_encode(serdes.value, json->value, arena, &ret->value, err) != 0)
        return aq_err_in(err, "value");
    return 0;
}

/* ---- the way back ------------------------------------------------------------------------------------------------- */

static void put_slice(FILE *out, struct aq_slice text)
{
    fwrite(text.ptr, 1, text.len, out);
}

static void put_headers(FILE *out, const struct kc_sim_record *rec, struct aq_arena *arena)
{
    struct aq_err ignored;
    const struct st_serde *bytes = st_serde_find("bytes", &ignored);
    fputc('[', out);
    for (uint16_t i = 0; i < rec->n_headers; i++) {
        fprintf(out, "%s[", i ? "," : "");
        put_slice(out, json_quote(arena, rec->headers[i].name));
        fputc(',', out);
        put_slice(out, st_json_decode(bytes, rec->headers[i].value, arena));
        fputc(']', out);
    }
    fputc(']', out);
}

static void put_field(FILE *out, unsigned which, const struct kc_sim_record *rec, const char *topic,
                      struct st_serdes serdes, struct aq_arena *arena)
{
    switch (which) {
    case ST_JSON_TOPIC: put_slice(out, json_quote(arena, aq_slice_str(topic))); break;
    case ST_JSON_KEY: put_slice(out, st_json_decode(serdes.key, rec->key, arena)); break;
    case ST_JSON_VALUE: put_slice(out, st_json_decode(serdes.value, rec->value, arena)); break;
    case ST_JSON_TIMESTAMP: fprintf(out, "%" PRId64, rec->timestamp); break;
    case ST_JSON_HEADERS: put_headers(out, rec, arena); break;
    case ST_JSON_PARTITION: fprintf(out, "%" PRId32, rec->partition); break;
    default: AQ_ASSERT(!"a field of a record");
    }
}

struct aq_slice st_json_record_print(const struct kc_sim_record *rec, const char *topic,
                                     struct st_serdes serdes, unsigned fields, struct aq_arena *arena)
{
    AQ_ASSERT(rec && (topic || !(fields & ST_JSON_TOPIC)));
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    AQ_ASSERT(out);
    const char *between = "{";
    for (size_t i = 0; i < N_FIELDS; i++) {
        if (!(fields & 1u << i)) continue;
        fprintf(out, "%s\"%s\":", between, field_names[i]);
        put_field(out, 1u << i, rec, topic, serdes, arena);
        between = ",";
    }
    fputs(*between == '{' ? "{}" : "}", out);
    fclose(out);
    struct aq_slice ret = aq_arena_copy(arena, aq_slice_of(text, size));
    free(text);
    return ret;
}
