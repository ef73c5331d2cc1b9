/* SPDX-License-Identifier: Apache-2.0
 *
 * Views: which record's key and value are open as documents, and when they are written back.
 *
 * An ordinary pass: the first field step asks xf_step_doc() and pays the scan; later steps of the same record get the
 * open view; the chain calls xf_views_write() after the record's last step. A kind that runs batch-wise may use the
 * views too: opening the next record writes the one before it.
 * A failing pass: a part that is no JSON object fails its record with the scanner's words; the view stays closed and
 * record bytes stay as they were.
 *
 * Invariant: while view->rec is set, rec's part is the text the view was opened on. Threads: the run's.
 */
#include "transforms/views.h"

#include "base/assert.h"

void xf_views_init(struct xf_views *views)
{
    *views = (struct xf_views){0};
    doc_init(&views->key.doc);
    doc_init(&views->value.doc);
}

void xf_views_finish(struct xf_views *views)
{
    doc_finish(&views->key.doc);
    doc_finish(&views->value.doc);
}

static inline struct aq_slice *part_of(struct aq_record *rec, bool key)
{
    return key ? &rec->key : &rec->value;
}

static inline void write_view(struct xf_view *view, bool key)
{
    if (!view->rec) return;
    bool gone = view->rec->flags & (AQ_REC_DROPPED | AQ_REC_FAILED);
    if (view->doc.changed && !view->null && !gone) *part_of(view->rec, key) = doc_write(&view->doc);
    view->rec = NULL;
}

void xf_views_write(struct xf_views *views)
{
    write_view(&views->key, true);
    write_view(&views->value, false);
}

void xf_views_close(struct xf_views *views)
{
    views->key.rec = NULL;
    views->value.rec = NULL;
}

static inline struct xf_view *view_of(struct xf_step *step, enum xf_part part)
{
    AQ_DASSERT(part != XF_PART_NONE && step->views);
    return part == XF_PART_KEY ? &step->views->key : &step->views->value;
}

enum xf_fields xf_step_view(struct xf_step *step, struct aq_record *rec, enum xf_part part,
                            struct doc **ret_doc, enum json_type *ret_type, struct json_error *ret_error)
{
    bool key = part == XF_PART_KEY;
    struct xf_view *view = view_of(step, part);
    *ret_doc = &view->doc;
    *ret_type = JS_OBJECT;
    if (view->rec == rec) return view->null ? XF_NULL : XF_OBJECT;
    write_view(view, key);
    struct aq_slice bytes = *part_of(rec, key);
    if (aq_slice_is_null(bytes)) return XF_NULL;
    if (doc_open(&view->doc, bytes, &rec->batch->arena, ret_type, ret_error) < 0) return XF_BAD;
    /* Connect's converter turns the text null into a null value before any transform sees it. */
    view->null = *ret_type == JS_NULL && step->compat == XF_CONNECT;
    if (*ret_type != JS_OBJECT && !view->null) return XF_OTHER;
    view->rec = rec;
    return view->null ? XF_NULL : XF_OBJECT;
}

enum xf_fields xf_step_doc(struct xf_step *step, struct aq_record *rec, struct doc **ret_doc)
{
    enum json_type type;
    struct json_error error;
    enum xf_fields fields = xf_step_view(step, rec, step->part, ret_doc, &type, &error);
    if (fields == XF_OBJECT || fields == XF_NULL) return fields;
    const char *part = step->part == XF_PART_KEY ? "key" : "value";
    char text[128];
    if (fields == XF_BAD)
        aq_record_fail(rec, step->name, "%s is not JSON: %s", part,
                       json_error_text(&error, text, sizeof(text)));
    else
        aq_record_fail(rec, step->name, "%s is %s, not a JSON object: it has no fields", part,
                       json_type_name(type));
    return XF_BAD;
}

struct aq_slice xf_step_part(struct xf_step *step, struct aq_record *rec, enum xf_part part)
{
    struct xf_view *view = view_of(step, part);
    if (view->rec == rec) write_view(view, part == XF_PART_KEY);
    return *part_of(rec, part == XF_PART_KEY);
}

struct aq_slice xf_step_bytes(struct xf_step *step, struct aq_record *rec)
{
    return xf_step_part(step, rec, step->part == XF_PART_KEY ? XF_PART_KEY : XF_PART_VALUE);
}

void xf_step_set_part(struct xf_step *step, struct aq_record *rec, enum xf_part part, struct aq_slice bytes)
{
    struct xf_view *view = view_of(step, part);
    if (view->rec == rec) view->rec = NULL;
    *part_of(rec, part == XF_PART_KEY) = bytes;
}
