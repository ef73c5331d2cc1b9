/* SPDX-License-Identifier: Apache-2.0
 *
 * A JSON object seen through the edits made to it: scanned once, edited by any number of steps, written once.
 *
 * A field is addressed by its index, which stays the same while the document is open; fields that steps append come
 * last. Steps see the document as earlier steps left it: new names, new values, no dropped fields. What no edit
 * touches, white space included, is written as it was read.
 *
 * Names are those of the top level. Dotted paths would enter here, as a doc_find_path() that scans into a value span
 * and returns it; nothing else would change, because an edit is a span and its new bytes.
 */
#ifndef AQ_TRANSFORMS_DOC_H
#define AQ_TRANSFORMS_DOC_H

#include "base/arena.h"
#include "transforms/json_scan.h"

#define DOC_NONE UINT32_MAX

/* A field name in both of its forms. */
struct doc_name {
    struct aq_slice text;
    struct aq_slice quoted; /* as JSON, quotes included */
};

struct doc_name doc_name_make(struct aq_arena *arena, struct aq_slice text);

enum doc_mark {
    DOC_DROPPED = 1u << 0,
    DOC_RENAMED = 1u << 1,
    DOC_REPLACED = 1u << 2,
    DOC_ADDED = 1u << 3,
};

/* What differs from the text; made on the first edit of a field. */
struct doc_edit {
    struct aq_slice name;   /* current, decoded */
    struct aq_slice quoted; /* of a renamed or added field */
    struct aq_slice value;  /* of a replaced or added field */
    uint32_t tag;           /* scratch of the step at work, see doc_set_tag() */
    uint8_t marks;
    uint8_t type;
};

struct doc {
    struct aq_slice text;
    struct aq_arena *arena; /* of the batch */
    struct json_fields fields;
    uint32_t scanned;       /* fields[0, scanned) are in the text, the others were added */
    struct doc_edit *edits; /* edits[0] is unused: a field's note 0 means untouched */
    uint32_t n_edits;
    uint32_t cap_edits;
    size_t new_bytes; /* upper bound of what the edits add */
    bool changed;
};

void doc_init(struct doc *doc);
void doc_finish(struct doc *doc);

/* Scans text. 0; or AQ_E_BAD_RECORD with *ret_error. *ret_type tells an object from the rest, which has no fields. */
int doc_open(struct doc *doc, struct aq_slice text, struct aq_arena *arena, enum json_type *ret_type,
             struct json_error *ret_error);

static inline uint32_t doc_count(const struct doc *doc)
{
    return doc->fields.n;
}

/* First live field of this name at or behind index `from`, DOC_NONE when there is none. A name may occur twice. */
uint32_t doc_find(const struct doc *doc, struct aq_slice name, uint32_t from);
/* The last one, which is the one that counts with most readers of JSON. */
uint32_t doc_find_last(const struct doc *doc, struct aq_slice name);

bool doc_alive(const struct doc *doc, uint32_t index);
struct aq_slice doc_name(const struct doc *doc, uint32_t index);
struct aq_slice doc_value(const struct doc *doc, uint32_t index);
enum json_type doc_type(const struct doc *doc, uint32_t index);

/* Edits. Bytes and names must live as long as the batch. */
void doc_drop(struct doc *doc, uint32_t index);
void doc_rename(struct doc *doc, uint32_t index, const struct doc_name *name);
void doc_replace(struct doc *doc, uint32_t index, struct aq_slice value, enum json_type type);
void doc_append(struct doc *doc, const struct doc_name *name, struct aq_slice value, enum json_type type);

/* A number a step may leave at a field while it works on the record; 0 at first. */
void doc_set_tag(struct doc *doc, uint32_t index, uint32_t tag);
void doc_clear_tags(struct doc *doc);
uint32_t doc_tag(const struct doc *doc, uint32_t index);

/* The document with all edits: the text itself when nothing changed, else new bytes in the arena. */
struct aq_slice doc_write(struct doc *doc);

#endif
