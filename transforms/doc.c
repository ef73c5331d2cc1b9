/* SPDX-License-Identifier: Apache-2.0
 *
 * The document view.
 *
 * What it is: the scanner's field list plus a sparse list of edits. A field that nobody touched costs nothing beyond
 * its scan; the first edit of a field gives it a doc_edit, found through json_field.note.
 *
 * An ordinary pass: doc_open() scans; steps look fields up by name (length first, so most candidates are refused
 * without touching the text) and note edits; doc_write() walks the fields once with a cursor into the text and copies
 * the stretches between edits in one piece each.
 *
 * A dropped field takes one separator with it: the one before it, or, as long as nothing was kept yet, the one behind
 * it. Added fields go behind the last field, before the white space that precedes the closing brace.
 *
 * A failing pass: doc_open() of invalid text leaves an empty view that must not be edited.
 *
 * Invariants: edits never touch the text; the cursor only moves forward; written bytes <= text + new_bytes.
 *
 * Threads: one owner, the run. Views are reused: in the steady state nothing here allocates but the arena.
 */
#include "transforms/doc.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "transforms/json_text.h"

struct doc_name doc_name_make(struct aq_arena *arena, struct aq_slice text)
{
    return (struct doc_name){.text = aq_arena_copy(arena, text), .quoted = json_quote(arena, text)};
}

void doc_init(struct doc *doc)
{
    *doc = (struct doc){.n_edits = 1};
}

void doc_finish(struct doc *doc)
{
    json_fields_finish(&doc->fields);
    free(doc->edits);
    *doc = (struct doc){0};
}

static struct doc_edit *add_edit(struct doc *doc)
{
    if (doc->n_edits >= doc->cap_edits) {
        doc->cap_edits = doc->cap_edits ? doc->cap_edits * 2 : 32;
        doc->edits = aq_realloc(doc->edits, doc->cap_edits * sizeof(*doc->edits));
    }
    struct doc_edit *edit = &doc->edits[doc->n_edits++];
    *edit = (struct doc_edit){0};
    return edit;
}

static inline struct aq_slice raw_name(const struct doc *doc, const struct json_field *field)
{
    return aq_slice_of(doc->text.ptr + field->name_at, field->name_len);
}

/* The field's edit, made when it has none yet. */
static struct doc_edit *touch(struct doc *doc, uint32_t index)
{
    AQ_ASSERT(index < doc->fields.n);
    struct json_field *field = &doc->fields.list[index];
    if (field->note) return &doc->edits[field->note];
    struct doc_edit *edit = add_edit(doc);
    struct aq_slice raw = raw_name(doc, field);
    edit->name = field->name_escaped ? json_unquote(doc->arena, raw) : aq_slice_of(raw.ptr + 1, raw.len - 2);
    edit->type = field->type;
    field->note = (uint32_t)(edit - doc->edits);
    return edit;
}

static inline const struct doc_edit *edit_of(const struct doc *doc, uint32_t index)
{
    AQ_DASSERT(index < doc->fields.n);
    uint32_t note = doc->fields.list[index].note;
    return note ? &doc->edits[note] : NULL;
}

int doc_open(struct doc *doc, struct aq_slice text, struct aq_arena *arena, enum json_type *ret_type,
             struct json_error *ret_error)
{
    doc->text = text;
    doc->arena = arena;
    doc->n_edits = 1;
    doc->new_bytes = 0;
    doc->changed = false;
    doc->scanned = 0;
    int rc = json_scan(text, &doc->fields, ret_type, ret_error);
    if (rc < 0) return rc;
    doc->scanned = doc->fields.n;
    /* An escaped name is decoded at once, so that doc_find() never has to. They are rare. */
    for (uint32_t i = 0; i < doc->scanned; i++) {
        if (doc->fields.list[i].name_escaped) touch(doc, i);
    }
    return 0;
}

uint32_t doc_find(const struct doc *doc, struct aq_slice name, uint32_t from)
{
    const struct json_field *list = doc->fields.list;
    for (uint32_t i = from; i < doc->fields.n; i++) {
        if (list[i].note) {
            const struct doc_edit *edit = &doc->edits[list[i].note];
            if (!(edit->marks & DOC_DROPPED) && aq_slice_equal(edit->name, name)) return i;
        } else if (list[i].name_len == name.len + 2 &&
                   memcmp(doc->text.ptr + list[i].name_at + 1, name.ptr, name.len) == 0) {
            return i;
        }
    }
    return DOC_NONE;
}

uint32_t doc_find_last(const struct doc *doc, struct aq_slice name)
{
    uint32_t last = DOC_NONE;
    for (uint32_t i = doc_find(doc, name, 0); i != DOC_NONE; i = doc_find(doc, name, i + 1)) last = i;
    return last;
}

bool doc_alive(const struct doc *doc, uint32_t index)
{
    const struct doc_edit *edit = edit_of(doc, index);
    return !edit || !(edit->marks & DOC_DROPPED);
}

struct aq_slice doc_name(const struct doc *doc, uint32_t index)
{
    const struct doc_edit *edit = edit_of(doc, index);
    if (edit) return edit->name;
    struct aq_slice raw = raw_name(doc, &doc->fields.list[index]);
    return aq_slice_of(raw.ptr + 1, raw.len - 2);
}

struct aq_slice doc_value(const struct doc *doc, uint32_t index)
{
    const struct doc_edit *edit = edit_of(doc, index);
    if (edit && edit->marks & (DOC_REPLACED | DOC_ADDED)) return edit->value;
    const struct json_field *field = &doc->fields.list[index];
    return aq_slice_of(doc->text.ptr + field->value_at, field->value_len);
}

enum json_type doc_type(const struct doc *doc, uint32_t index)
{
    const struct doc_edit *edit = edit_of(doc, index);
    return edit ? edit->type : doc->fields.list[index].type;
}

void doc_drop(struct doc *doc, uint32_t index)
{
    touch(doc, index)->marks |= DOC_DROPPED;
    doc->changed = true;
}

void doc_rename(struct doc *doc, uint32_t index, const struct doc_name *name)
{
    struct doc_edit *edit = touch(doc, index);
    AQ_ASSERT(!(edit->marks & DOC_DROPPED));
    edit->marks |= DOC_RENAMED;
    edit->name = name->text;
    edit->quoted = name->quoted;
    doc->new_bytes += name->quoted.len;
    doc->changed = true;
}

void doc_replace(struct doc *doc, uint32_t index, struct aq_slice value, enum json_type type)
{
    struct doc_edit *edit = touch(doc, index);
    AQ_ASSERT(!(edit->marks & DOC_DROPPED) && value.len > 0);
    edit->marks |= DOC_REPLACED;
    edit->value = value;
    edit->type = (uint8_t)type;
    doc->new_bytes += value.len;
    doc->changed = true;
}

void doc_append(struct doc *doc, const struct doc_name *name, struct aq_slice value, enum json_type type)
{
    AQ_ASSERT(value.len > 0);
    struct doc_edit *edit = add_edit(doc);
    *edit = (struct doc_edit){.name = name->text,
                              .quoted = name->quoted,
                              .value = value,
                              .marks = DOC_ADDED,
                              .type = (uint8_t)type};
    json_fields_add(&doc->fields, (struct json_field){.note = (uint32_t)(edit - doc->edits)});
    doc->new_bytes += name->quoted.len + value.len + 2; /* comma and colon */
    doc->changed = true;
}

void doc_set_tag(struct doc *doc, uint32_t index, uint32_t tag)
{
    touch(doc, index)->tag = tag;
}

void doc_clear_tags(struct doc *doc)
{
    for (uint32_t i = 1; i < doc->n_edits; i++) doc->edits[i].tag = 0;
}

uint32_t doc_tag(const struct doc *doc, uint32_t index)
{
    const struct doc_edit *edit = edit_of(doc, index);
    return edit ? edit->tag : 0;
}

struct writer {
    const char *text;
    size_t cursor; /* text[0, cursor) is written or given up */
    char *out;
};

static inline void put(struct writer *w, struct aq_slice bytes)
{
    memcpy(w->out, bytes.ptr, bytes.len);
    w->out += bytes.len;
}

/* Copies the text from the cursor up to offset `to`, then goes on at offset `next`. */
static inline void copy_to(struct writer *w, size_t to, size_t next)
{
    AQ_DASSERT(to >= w->cursor && next >= to);
    put(w, aq_slice_of(w->text + w->cursor, to - w->cursor));
    w->cursor = next;
}

static inline uint32_t value_end(const struct json_field *field)
{
    return field->value_at + field->value_len;
}

/* The scanned fields; returns whether any was kept. */
static bool write_scanned(const struct doc *doc, struct writer *w)
{
    const struct json_field *list = doc->fields.list;
    bool any = false;
    for (uint32_t i = 0; i < doc->scanned; i++) {
        const struct doc_edit *edit = list[i].note ? &doc->edits[list[i].note] : NULL;
        unsigned marks = edit ? edit->marks : 0;
        if (marks & DOC_DROPPED) {
            bool last = i + 1 == doc->scanned;
            if (any)
                copy_to(w, value_end(&list[i - 1]), value_end(&list[i]));
            else
                copy_to(w, list[i].name_at, last ? value_end(&list[i]) : list[i + 1].name_at);
            continue;
        }
        any = true;
        if (marks & DOC_RENAMED) {
            copy_to(w, list[i].name_at, list[i].name_at + list[i].name_len);
            put(w, edit->quoted);
        }
        if (marks & DOC_REPLACED) {
            copy_to(w, list[i].value_at, value_end(&list[i]));
            put(w, edit->value);
        }
    }
    return any;
}

static void write_added(const struct doc *doc, struct writer *w, bool any)
{
    for (uint32_t i = doc->scanned; i < doc->fields.n; i++) {
        const struct doc_edit *edit = edit_of(doc, i);
        AQ_ASSERT(edit && edit->marks & DOC_ADDED);
        if (edit->marks & DOC_DROPPED) continue;
        if (any) *w->out++ = ',';
        put(w, edit->quoted);
        *w->out++ = ':';
        put(w, edit->value);
        any = true;
    }
}

struct aq_slice doc_write(struct doc *doc)
{
    if (!doc->changed) return doc->text;
    size_t max = doc->text.len + doc->new_bytes;
    char *start = aq_arena_reserve(doc->arena, max);
    struct writer w = {.text = doc->text.ptr, .out = start};
    bool any = write_scanned(doc, &w);
    size_t body_end = doc->scanned ? value_end(&doc->fields.list[doc->scanned - 1]) : doc->fields.body_at;
    copy_to(&w, body_end, body_end);
    write_added(doc, &w, any);
    copy_to(&w, doc->text.len, doc->text.len);
    size_t len = (size_t)(w.out - start);
    AQ_ASSERT(len <= max);
    aq_arena_keep(doc->arena, len);
    return aq_slice_of(start, len);
}
