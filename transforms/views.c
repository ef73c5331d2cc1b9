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

/* Scans the part into the view; false when the record was failed. */
static bool open_view(struct xf_step *step, struct aq_record *rec, struct xf_view *view,
                      struct aq_slice bytes)
{
    const char *part = step->part == XF_PART_KEY ? "key" : "value";
    enum json_type type;
    struct json_error error;
    if (doc_open(&view->doc, bytes, &rec->batch->arena, &type, &error) < 0) {
        char text[128];
        aq_record_fail(rec, step->name, "%s is not JSON: %s", part,
                       json_error_text(&error, text, sizeof(text)));
        return false;
    }
    /* Connect's converter turns the text null into a null value before any transform sees it. */
    view->null = type == JS_NULL && step->compat == XF_CONNECT;
    if (type != JS_OBJECT && !view->null) {
        aq_record_fail(rec, step->name, "%s is %s, not a JSON object: it has no fields", part,
                       json_type_name(type));
        return false;
    }
    view->rec = rec;
    return true;
}

enum xf_fields xf_step_doc(struct xf_step *step, struct aq_record *rec, struct doc **ret_doc)
{
    AQ_DASSERT(step->part != XF_PART_NONE && step->views);
    bool key = step->part == XF_PART_KEY;
    struct xf_view *view = key ? &step->views->key : &step->views->value;
    *ret_doc = &view->doc;
    if (view->rec != rec) {
        write_view(view, key);
        struct aq_slice bytes = *part_of(rec, key);
        if (aq_slice_is_null(bytes)) return XF_NULL;
        if (!open_view(step, rec, view, bytes)) return XF_BAD;
    }
    return view->null ? XF_NULL : XF_OBJECT;
}

struct aq_slice xf_step_bytes(struct xf_step *step, struct aq_record *rec)
{
    bool key = step->part == XF_PART_KEY;
    struct xf_view *view = key ? &step->views->key : &step->views->value;
    if (view->rec == rec) write_view(view, key);
    return *part_of(rec, key);
}
