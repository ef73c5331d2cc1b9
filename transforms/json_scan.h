/* SPDX-License-Identifier: Apache-2.0
 *
 * A JSON document as spans: validated strictly (RFC 8259) and cut into its top-level fields, in one pass, without a
 * tree and without copying. Numbers stay text, duplicated names and the order of fields stay as they are.
 *
 * Not checked: UTF-8 inside strings. Bytes that no step touches are forwarded unchanged, so a broken sequence is
 * neither repaired nor a reason to stop a mirror.
 */
#ifndef AQ_TRANSFORMS_JSON_SCAN_H
#define AQ_TRANSFORMS_JSON_SCAN_H

#include "base/slice.h"

/* Containers inside containers, the document itself included. */
#define JSON_DEPTH_MAX 512

enum json_type { JS_NULL, JS_FALSE, JS_TRUE, JS_NUMBER, JS_STRING, JS_ARRAY, JS_OBJECT };

/* One "name": value of the top-level object, as offsets into the text. */
struct json_field {
    uint32_t name_at;  /* of the opening quote */
    uint32_t name_len; /* quotes included */
    uint32_t value_at;
    uint32_t value_len;
    uint32_t note;     /* the reader's own; the scanner writes 0 */
    uint8_t type;      /* enum json_type */
    bool name_escaped; /* the name holds at least one backslash: decode before comparing */
};

/* Grows as needed and is reused from document to document. */
struct json_fields {
    struct json_field *list;
    uint32_t n;
    uint32_t cap;
    uint32_t body_at; /* offset behind the opening brace of a top-level object */
};

struct json_error {
    const char *what; /* "unexpected", "string is not closed", ... */
    size_t at;        /* byte offset from 0 */
    int byte;         /* the byte there, -1 at the end of the text */
};

void json_fields_finish(struct json_fields *fields);

/* One more entry, for a reader that keeps fields of its own behind the scanned ones. */
void json_fields_add(struct json_fields *fields, struct json_field field);

/* 0, or AQ_E_BAD_RECORD with *ret_error filled. fields is filled for an object and emptied for anything else. */
int json_scan(struct aq_slice text, struct json_fields *fields, enum json_type *ret_type,
              struct json_error *ret_error);

/* The elements of an array, as fields without names (name_len 0, name_at where the value starts). Same result as
 * json_scan(); anything but an array is "unexpected". */
int json_scan_array(struct aq_slice text, struct json_fields *fields, struct json_error *ret_error);

/* "unexpected ',' at byte 17": into buf, which it returns. */
const char *json_error_text(const struct json_error *error, char *buf, size_t size);

/* "an array", "a string", ... for messages. */
const char *json_type_name(enum json_type type);

#endif
