/* SPDX-License-Identifier: Apache-2.0
 *
 * print: "[label]: key, value" for every record, by the serdes of what comes in. Texts and JSON are shown as they are, numbers as
 * Java prints them, windowed keys as "[key@start/end]", other bytes as Kafka's Bytes.toString() does: printable ASCII, and \xNN for the rest and the backslash.
 *
 * A line is made as a whole before it is written, so that lines of several threads do not mix, and a value that is none of its serde
 * fails the record with nothing printed. Threads: the worker's own; the file's lock is stdio's.
 */
#include <inttypes.h>

#include "base/assert.h"
#include "streams/api/api_kinds.h"
#include "transforms/java_number.h"

static bool is_plain(unsigned char c)
{
    return c >= ' ' && c <= '~' && c != '\\';
}

static struct aq_slice escaped(struct aq_arena *arena, struct aq_slice bytes)
{
    static const char digits[] = "0123456789ABCDEF";
    char *text = aq_arena_reserve(arena, 4 * bytes.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        if (is_plain(c)) {
            text[n++] = (char)c;
            continue;
        }
        text[n++] = '\\';
        text[n++] = 'x';
        text[n++] = digits[c >> 4];
        text[n++] = digits[c & 15];
    }
    aq_arena_keep(arena, n + 1);
    return aq_slice_of(text, n);
}

/* A number's bytes as text. */
static int number_text(struct aq_arena *arena, const struct st_serde *serde, struct aq_slice bytes,
                       struct aq_slice *ret, struct aq_err *err)
{
    struct json_fields none = {0};
    struct st_value value;
    int rc = st_serde_read(serde, bytes, &none, &value, err);
    if (rc < 0) return rc;
    char buf[32];
    if (value.type == ST_VALUE_DOUBLE)
        *ret = aq_slice_str(aq_arena_strdup(arena, java_double_text(value.number, buf)));
    else
        *ret = aq_slice_str(aq_arena_printf(arena, "%" PRId64, value.integer));
    return 0;
}

static int text_of(struct aq_arena *arena, const struct st_serde *serde, struct aq_slice bytes,
                   struct aq_slice *ret, struct aq_err *err);

/* "[key@start/end]", as Kafka Streams' Windowed has it. */
static int windowed_text(struct aq_arena *arena, const struct st_serde *serde, struct aq_slice bytes,
                         struct aq_slice *ret, struct aq_err *err)
{
    struct json_fields none = {0};
    struct st_value value;
    struct aq_slice key;
    int rc = st_serde_read(serde, bytes, &none, &value, err);
    if (rc == 0) rc = text_of(arena, st_serde_inner(serde), value.windowed.key, &key, err);
    if (rc < 0) return rc;
    *ret = aq_slice_str(aq_arena_printf(arena, "[%.*s@%" PRId64 "/%" PRId64 "]", (int)key.len, key.ptr,
                                        value.windowed.start, value.windowed.end));
    return 0;
}

static int text_of(struct aq_arena *arena, const struct st_serde *serde, struct aq_slice bytes,
                   struct aq_slice *ret, struct aq_err *err)
{
    enum st_value_type type = serde ? st_serde_type(serde) : ST_VALUE_BYTES;
    if (aq_slice_is_null(bytes)) {
        *ret = aq_slice_str("null");
        return 0;
    }
    switch (type) {
    case ST_VALUE_INT64:
    case ST_VALUE_DOUBLE: return number_text(arena, serde, bytes, ret, err);
    case ST_VALUE_STRING:
    case ST_VALUE_JSON: *ret = bytes; return 0;
    case ST_VALUE_WINDOWED: return windowed_text(arena, serde, bytes, ret, err);
    case ST_VALUE_NULL:
    case ST_VALUE_BYTES: *ret = escaped(arena, bytes); return 0;
    }
    AQ_ASSERT(!"a value type");
    return 0;
}

static void write_line(const struct st_api_print *op, struct aq_slice key, struct aq_slice value)
{
    flockfile(op->out);
    fprintf(op->out, "[%s]: ", op->label);
    fwrite(key.ptr, 1, key.len, op->out);
    fputs(", ", op->out);
    fwrite(value.ptr, 1, value.len, op->out);
    fputc('\n', op->out);
    fflush(op->out); /* who prints wants to see it now */
    funlockfile(op->out);
}

static int start(struct st_context *st, void *user, void **ret_state, struct aq_err *err)
{
    (void)st;
    (void)err;
    *ret_state = user;
    return 0;
}

static int print(struct st_context *st, void *state, struct aq_record *rec, struct aq_err *err)
{
    const struct st_api_print *op = state;
    st_settle(st, rec);
    struct aq_slice key, value;
    int rc = text_of(st_arena(st), st->key_serde, rec->key, &key, err);
    if (rc < 0) return err ? aq_err_in(err, "key") : rc;
    rc = text_of(st_arena(st), st->value_serde, rec->value, &value, err);
    if (rc < 0) return err ? aq_err_in(err, "value") : rc;
    write_line(op, key, value);
    return 0;
}

const struct st_processor_kind st_api_print = {.name = "print", .start = start, .process = print};
