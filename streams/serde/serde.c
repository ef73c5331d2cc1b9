/* SPDX-License-Identifier: Apache-2.0
 *
 * The serdes (streams/serde/serde.h): one table, one row each, and a pair of functions per way that values lie in bytes.
 *
 * An ordinary pass: an operator's serde is found once, by name, when its topology is built. For every record the
 * operator reads the key or value it looks at into a st_value, computes, and writes the result. What it does not look
 * at never passes through here; it is forwarded as bytes.
 *
 * A failing pass: a value of 5 bytes under int32 is refused with its length and the one expected. The record is then
 * the error policy's; nothing here logs or decides.
 *
 * Serdes of windowed keys are made when they are asked for the first time and kept: there are as many as a process has kinds of
 * windows, and serdes are compared by address.
 *
 * Invariants: null never reaches a row's functions, in either direction; nothing is read beyond the bytes.
 *
 * Avro and Protobuf are rows to come. Both need a schema, by the id in front of the value (a zero byte and 4 bytes
 * big-endian in the registry's framing); their place is a row with functions of its own, next to json, a value type
 * that keeps the bytes with their schema, and the registry's client behind st_serde_find(), which alone may wait.
 */
#include "streams/serde/serde.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/big_endian.h"
#include "base/mem.h"
#include "conf/diag.h"
#include "conf/opt.h"

#define JAVA_PREFIX  "org.apache.kafka.common.serialization.Serdes$"
#define JAVA_CLASSES 3

/* What a computed NaN is written as: Java's Double.doubleToLongBits(). */
#define JAVA_NAN UINT64_C(0x7ff8000000000000)

struct st_serde {
    const char *name;
    const char *java[JAVA_CLASSES]; /* behind JAVA_PREFIX; unused ones are NULL */
    enum st_value_type type;
    size_t size; /* of every encoded value; 0: any */
    int (*read)(const struct st_serde *serde, struct aq_slice bytes, struct json_fields *fields,
                struct st_value *ret, struct aq_err *err);
    int (*write)(const struct st_serde *serde, const struct st_value *value, struct aq_arena *arena,
                 struct aq_slice *ret, struct aq_err *err);
    const struct st_serde *inner; /* of a windowed key */
    enum st_key_form form;
    int64_t window_ms;
};

/* ---- values ------------------------------------------------------------------------------------------------------- */

const char *st_value_type_name(enum st_value_type type)
{
    switch (type) {
    case ST_VALUE_NULL: return "null";
    case ST_VALUE_BYTES: return "bytes";
    case ST_VALUE_STRING: return "a string";
    case ST_VALUE_INT64: return "an integer";
    case ST_VALUE_DOUBLE: return "a double";
    case ST_VALUE_JSON: return "JSON";
    case ST_VALUE_WINDOWED: return "a windowed key";
    }
    AQ_ASSERT(!"a value type");
    return "";
}

static bool is_slice(enum st_value_type type)
{
    return type == ST_VALUE_BYTES || type == ST_VALUE_STRING || type == ST_VALUE_JSON;
}

struct st_value st_slice(enum st_value_type type, struct aq_slice slice)
{
    AQ_ASSERT(is_slice(type));
    if (aq_slice_is_null(slice)) return (struct st_value){.type = ST_VALUE_NULL};
    return (struct st_value){.type = type, .slice = slice};
}

struct st_value st_int64(int64_t integer)
{
    return (struct st_value){.type = ST_VALUE_INT64, .integer = integer};
}

static struct st_value double_of_bits(uint64_t bits)
{
    struct st_value value = {.type = ST_VALUE_DOUBLE};
    _Static_assert(sizeof(value.number) == sizeof(bits), "a double has 64 bits");
    memcpy(&value.number, &bits, sizeof(bits));
    return value;
}

struct st_value st_double(double number)
{
    if (isnan(number)) return double_of_bits(JAVA_NAN);
    return (struct st_value){.type = ST_VALUE_DOUBLE, .number = number};
}

/* ---- bytes and strings -------------------------------------------------------------------------------------------- */

static int read_slice(const struct st_serde *serde, struct aq_slice bytes, struct json_fields *fields,
                      struct st_value *ret, struct aq_err *err)
{
    (void)fields;
    (void)err;
    *ret = st_slice(serde->type, bytes);
    return 0;
}

static int write_slice(const struct st_serde *serde, const struct st_value *value, struct aq_arena *arena,
                       struct aq_slice *ret, struct aq_err *err)
{
    (void)serde;
    (void)arena;
    (void)err;
    AQ_ASSERT(!aq_slice_is_null(value->slice));
    *ret = value->slice;
    return 0;
}

/* ---- numbers ------------------------------------------------------------------------------------------------------ */

static int read_int32(const struct st_serde *serde, struct aq_slice bytes, struct json_fields *fields,
                      struct st_value *ret, struct aq_err *err)
{
    (void)serde;
    (void)fields;
    (void)err;
    *ret = st_int64((int32_t)aq_be32_get(bytes.ptr));
    return 0;
}

static int write_int32(const struct st_serde *serde, const struct st_value *value, struct aq_arena *arena,
                       struct aq_slice *ret, struct aq_err *err)
{
    if (value->integer < INT32_MIN || value->integer > INT32_MAX)
        return aq_fail(err, AQ_E_BAD_RECORD,
                       "%" PRId64 " does not fit into %s, which goes from %" PRId32 " to %" PRId32,
                       value->integer, serde->name, INT32_MIN, INT32_MAX);
    char *at = aq_arena_alloc(arena, serde->size);
    aq_be32_put(at, (uint32_t)(int32_t)value->integer);
    *ret = aq_slice_of(at, serde->size);
    return 0;
}

static struct aq_slice put_be64(const struct st_serde *serde, uint64_t bits, struct aq_arena *arena)
{
    AQ_ASSERT(serde->size == sizeof(bits));
    char *at = aq_arena_alloc(arena, serde->size);
    aq_be64_put(at, bits);
    return aq_slice_of(at, serde->size);
}

static int read_int64(const struct st_serde *serde, struct aq_slice bytes, struct json_fields *fields,
                      struct st_value *ret, struct aq_err *err)
{
    (void)serde;
    (void)fields;
    (void)err;
    *ret = st_int64((int64_t)aq_be64_get(bytes.ptr));
    return 0;
}

static int write_int64(const struct st_serde *serde, const struct st_value *value, struct aq_arena *arena,
                       struct aq_slice *ret, struct aq_err *err)
{
    (void)err;
    *ret = put_be64(serde, (uint64_t)value->integer, arena);
    return 0;
}

static int read_double(const struct st_serde *serde, struct aq_slice bytes, struct json_fields *fields,
                       struct st_value *ret, struct aq_err *err)
{
    (void)serde;
    (void)fields;
    (void)err;
    *ret = double_of_bits(aq_be64_get(bytes.ptr));
    return 0;
}

static int write_double(const struct st_serde *serde, const struct st_value *value, struct aq_arena *arena,
                        struct aq_slice *ret, struct aq_err *err)
{
    (void)err;
    uint64_t bits;
    memcpy(&bits, &value->number, sizeof(bits));
    *ret = put_be64(serde, bits, arena);
    return 0;
}

/* ---- JSON --------------------------------------------------------------------------------------------------------- */

static int read_json(const struct st_serde *serde, struct aq_slice bytes, struct json_fields *fields,
                     struct st_value *ret, struct aq_err *err)
{
    enum json_type type;
    struct json_error error;
    if (json_scan(bytes, fields, &type, &error) < 0) {
        char text[128];
        return aq_fail(err, AQ_E_BAD_RECORD, "%s: %s", serde->name,
                       json_error_text(&error, text, sizeof(text)));
    }
    *ret = st_slice(serde->type, bytes);
    return 0;
}

/* ---- windowed keys ------------------------------------------------------------------------------------------------- */

static int read_windowed(const struct st_serde *serde, struct aq_slice bytes, struct json_fields *fields,
                         struct st_value *ret, struct aq_err *err)
{
    (void)fields;
    struct st_value value = {.type = ST_VALUE_WINDOWED};
    int rc = st_windowed_key_decode(serde->form, bytes, &value.windowed, err);
    if (rc != 0) return rc;
    if (serde->form == ST_KEY_TIME)
        value.windowed.end = serde->window_ms > 0 ? st_window_end(value.windowed.start, serde->window_ms)
                                                  : value.windowed.start;
    *ret = value;
    return 0;
}

static int write_windowed(const struct st_serde *serde, const struct st_value *value, struct aq_arena *arena,
                          struct aq_slice *ret, struct aq_err *err)
{
    const struct st_windowed_key *key = &value->windowed;
    bool possible = key->start >= 0 && (serde->form == ST_KEY_TIME || key->end >= key->start);
    if (!possible || aq_slice_is_null(key->key))
        return aq_fail(err, AQ_E_BAD_RECORD, "%s: a window from %" PRId64 " to %" PRId64 " of %s cannot be",
                       serde->name, key->start, key->end, aq_slice_is_null(key->key) ? "no key" : "a key");
    *ret = st_windowed_key_encode(serde->form, key, arena);
    return 0;
}

/* ---- the table ---------------------------------------------------------------------------------------------------- */

static const struct st_serde serdes[] = {
    {.name = "bytes",
     .java = {"BytesSerde", "ByteArraySerde", "ByteBufferSerde"},
     .type = ST_VALUE_BYTES,
     .read = read_slice,
     .write = write_slice},
    {.name = "string",
     .java = {"StringSerde"},
     .type = ST_VALUE_STRING,
     .read = read_slice,
     .write = write_slice},
    {.name = "int32",
     .java = {"IntegerSerde"},
     .type = ST_VALUE_INT64,
     .size = 4,
     .read = read_int32,
     .write = write_int32},
    {.name = "int64",
     .java = {"LongSerde"},
     .type = ST_VALUE_INT64,
     .size = 8,
     .read = read_int64,
     .write = write_int64},
    {.name = "double",
     .java = {"DoubleSerde"},
     .type = ST_VALUE_DOUBLE,
     .size = 8,
     .read = read_double,
     .write = write_double},
    {.name = "json", .type = ST_VALUE_JSON, .read = read_json, .write = write_slice},
};

#define SERDES (sizeof(serdes) / sizeof(serdes[0]))

static bool stands_for(const struct st_serde *serde, const char *java)
{
    for (size_t i = 0; i < JAVA_CLASSES && serde->java[i]; i++)
        if (strcmp(serde->java[i], java) == 0) return true;
    return false;
}

static void not_found(const char *name, struct aq_err *err)
{
    const char *names[SERDES];
    char all[128] = "";
    for (size_t i = 0, used = 0; i < SERDES; i++) {
        names[i] = serdes[i].name;
        used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", i ? ", " : "", names[i]);
        AQ_ASSERT(used < sizeof(all));
    }
    const char *near = conf_did_you_mean(name, names, SERDES);
    if (near)
        aq_fail(err, AQ_E_CONFIG, "there is no serde '%s'; did you mean '%s'?", name, near);
    else if (strchr(name, '.'))
        aq_fail(err, AQ_E_CONFIG,
                "the Java class '%s' has no serde here, which are %s; bytes carries what need not be read",
                name, all);
    else
        aq_fail(err, AQ_E_CONFIG, "there is no serde '%s'; there are %s", name, all);
}

static const struct st_serde *find_plain(const char *name)
{
    const size_t prefix = sizeof(JAVA_PREFIX) - 1;
    const char *java = strncmp(name, JAVA_PREFIX, prefix) == 0 ? name + prefix : NULL;
    for (size_t i = 0; i < SERDES; i++) {
        if (java ? stands_for(&serdes[i], java) : strcmp(serdes[i].name, name) == 0) return &serdes[i];
    }
    return NULL;
}

/* ---- windowed serdes ----------------------------------------------------------------------------------------------- */

#define TIME_PREFIX    "time-windowed-"
#define SESSION_PREFIX "session-windowed-"
#define NAME_MOST      64

struct made {
    struct st_serde serde;
    char name[NAME_MOST];
    struct made *next;
};

static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
static struct made *made_ones; /* never freed; guarded by `making` */

static struct made *make_windowed(enum st_key_form form, const struct st_serde *inner, int64_t size_ms)
{
    struct made *made = aq_calloc(1, sizeof(*made));
    if (form == ST_KEY_TIME)
        snprintf(made->name, sizeof(made->name), TIME_PREFIX "%s-%" PRId64, inner->name, size_ms);
    else
        snprintf(made->name, sizeof(made->name), SESSION_PREFIX "%s", inner->name);
    made->serde = (struct st_serde){.name = made->name,
                                    .type = ST_VALUE_WINDOWED,
                                    .read = read_windowed,
                                    .write = write_windowed,
                                    .inner = inner,
                                    .form = form,
                                    .window_ms = size_ms};
    made->next = made_ones;
    return made_ones = made;
}

const struct st_serde *st_serde_windowed(enum st_key_form form, const struct st_serde *inner, int64_t size_ms)
{
    AQ_ASSERT(inner && !inner->inner && size_ms >= 0);
    AQ_ASSERT(form == ST_KEY_TIME || (form == ST_KEY_SESSION && size_ms == 0));
    pthread_mutex_lock(&making);
    struct made *made = made_ones;
    while (made &&
           (made->serde.form != form || made->serde.inner != inner || made->serde.window_ms != size_ms))
        made = made->next;
    if (!made) made = make_windowed(form, inner, size_ms);
    pthread_mutex_unlock(&making);
    return &made->serde;
}

const struct st_serde *st_serde_inner(const struct st_serde *serde)
{
    AQ_ASSERT(serde);
    return serde->inner;
}

enum st_key_form st_serde_form(const struct st_serde *serde)
{
    AQ_ASSERT(serde && serde->inner);
    return serde->form;
}

int64_t st_serde_size(const struct st_serde *serde)
{
    AQ_ASSERT(serde && serde->inner);
    return serde->window_ms;
}

size_t st_serde_tail(const struct st_serde *serde)
{
    if (!serde || !serde->inner) return 0;
    return st_windowed_key_tail(serde->form);
}

/* INNER, or INNER-SIZE. The name of a serde has no hyphen. */
static const struct st_serde *find_windowed(const char *name, enum st_key_form form, const char *rest,
                                            struct aq_err *err)
{
    char inner_name[NAME_MOST];
    size_t len = strcspn(rest, "-");
    const char *size = rest[len] == '-' ? rest + len + 1 : NULL;
    int64_t size_ms = 0;
    snprintf(inner_name, sizeof(inner_name), "%.*s", (int)(len < NAME_MOST ? len : 0), rest);
    const struct st_serde *inner = find_plain(inner_name);
    if (!inner) {
        not_found(inner_name, err);
        aq_err_in(err, "'%s'", name);
        return NULL;
    }
    if (form == ST_KEY_SESSION && size) {
        aq_fail(err, AQ_E_CONFIG, "'%s': a session has no size: " SESSION_PREFIX "%s", name, inner->name);
        return NULL;
    }
    if (form == ST_KEY_TIME && (!size || opt_parse_duration(size, &size_ms) != 0 || size_ms < 0)) {
        aq_fail(err, AQ_E_CONFIG, "'%s': the size of the windows is missing: " TIME_PREFIX "%s-1m", name,
                inner->name);
        return NULL;
    }
    return st_serde_windowed(form, inner, size_ms);
}

const struct st_serde *st_serde_find(const char *name, struct aq_err *err)
{
    AQ_ASSERT(name);
    const struct st_serde *plain = find_plain(name);
    if (plain) return plain;
    if (strncmp(name, TIME_PREFIX, sizeof(TIME_PREFIX) - 1) == 0)
        return find_windowed(name, ST_KEY_TIME, name + sizeof(TIME_PREFIX) - 1, err);
    if (strncmp(name, SESSION_PREFIX, sizeof(SESSION_PREFIX) - 1) == 0)
        return find_windowed(name, ST_KEY_SESSION, name + sizeof(SESSION_PREFIX) - 1, err);
    not_found(name, err);
    return NULL;
}

const char *st_serde_name(const struct st_serde *serde)
{
    AQ_ASSERT(serde);
    return serde->name;
}

enum st_value_type st_serde_type(const struct st_serde *serde)
{
    AQ_ASSERT(serde);
    return serde->type;
}

/* ---- reading and writing ------------------------------------------------------------------------------------------ */

int st_serde_read(const struct st_serde *serde, struct aq_slice bytes, struct json_fields *fields,
                  struct st_value *ret, struct aq_err *err)
{
    AQ_ASSERT(serde && ret && (fields || serde->type != ST_VALUE_JSON));
    if (aq_slice_is_null(bytes)) {
        *ret = (struct st_value){.type = ST_VALUE_NULL};
        return 0;
    }
    if (serde->size && bytes.len != serde->size)
        return aq_fail(err, AQ_E_BAD_RECORD, "%s: %zu bytes, where exactly %zu are expected", serde->name,
                       bytes.len, serde->size);
    return serde->read(serde, bytes, fields, ret, err);
}

int st_serde_write(const struct st_serde *serde, const struct st_value *value, struct aq_arena *arena,
                   struct aq_slice *ret, struct aq_err *err)
{
    AQ_ASSERT(serde && value && arena && ret);
    if (value->type == ST_VALUE_NULL) {
        *ret = AQ_NULL_SLICE;
        return 0;
    }
    if (value->type != serde->type)
        return aq_fail(err, AQ_E_BAD_RECORD, "the serde %s takes %s, and the value is %s", serde->name,
                       st_value_type_name(serde->type), st_value_type_name(value->type));
    return serde->write(serde, value, arena, ret, err);
}

/* ---- order -------------------------------------------------------------------------------------------------------- */

int st_key_compare(struct aq_slice a, struct aq_slice b)
{
    AQ_ASSERT(a.ptr && b.ptr);
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared ? memcmp(a.ptr, b.ptr, shared) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}
