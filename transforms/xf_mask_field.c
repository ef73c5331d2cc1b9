/* SPDX-License-Identifier: Apache-2.0
 *
 * MaskField: replaces the values of named top-level fields.
 *
 * An ordinary pass: without `replacement` a value becomes the empty value of its type (0, 0.0, "", false, [], {});
 * with one, strings take it as it is and numbers as a number. All forms are made once, when the configuration is
 * read; per record a mask is a look-up and an edit. A name that occurs twice is masked twice.
 * A failing pass: a replacement cannot take the place of a boolean, array or object, nor "***" that of a number: the
 * record fails, because letting the value through would leak what was to be masked.
 *
 * safe: a tombstone and a missing field are left alone; a replacement beyond 64 bits is not a number.
 * connect: a tombstone fails, a missing field is added as null, numbers are converted as Connect converts them.
 */
#include "transforms/java_number.h"
#include "transforms/json_text.h"
#include "transforms/step.h"

struct mask_conf {
    struct opt_strings fields;
    const char *replacement;
    /* made by configure */
    struct doc_name *names;
    struct aq_slice as_string; /* JSON forms of the replacement; null where it has none */
    struct aq_slice as_integer;
    struct aq_slice as_real;
};

static const struct opt_row rows[] = {
    {.name = "fields",
     .kind = OPT_STRINGS,
     .offset = offsetof(struct mask_conf, fields),
     .min = 1,
     .max = 1000,
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_ROUTE,
     .help = "Names of the top-level fields to mask."},
    {.name = "replacement",
     .kind = OPT_STRING,
     .offset = offsetof(struct mask_conf, replacement),
     .reload = OPT_RELOAD_ROUTE,
     .help = "What strings and numbers are replaced by; without it, the empty value of the field's type."},
    {.name = "replace_null_with_default",
     .kind = OPT_REFUSED,
     .help = "JSON without a schema has no field defaults, so the option would do nothing."},
    {.name = NULL},
};

static bool is_json_number(const char *text)
{
    if (strpbrk(text, " \t\r\n")) return false; /* the scanner would accept white space around it */
    struct json_fields none = {0};
    struct json_error error;
    enum json_type type;
    bool ok = json_scan(aq_slice_str(text), &none, &type, &error) == 0 && type == JS_NUMBER;
    json_fields_finish(&none);
    return ok;
}

static void configure(void *conf, const struct xf_setup *setup)
{
    struct mask_conf *c = conf;
    c->names = aq_arena_alloc(setup->arena, c->fields.count * sizeof(*c->names));
    for (size_t i = 0; i < c->fields.count; i++) {
        c->names[i] = doc_name_make(setup->arena, aq_slice_str(c->fields.items[i]));
    }
    if (!c->replacement) return;
    if (!*c->replacement) {
        xf_setup_error(setup, "replacement",
                       "replacement must not be empty; leave it out to mask with empty values");
        return;
    }
    c->as_string = json_quote(setup->arena, aq_slice_str(c->replacement));
    struct java_decimal d = java_decimal_read(c->replacement);
    if (!d.valid) return;
    if (d.fits || setup->compat == XF_CONNECT) c->as_integer = json_int(setup->arena, d.whole);
    char text[32];
    bool as_written = setup->compat == XF_SAFE && is_json_number(c->replacement);
    java_double_text(d.real, text);
    if (as_written)
        c->as_real = aq_slice_str(c->replacement);
    else if (d.real - d.real == 0)
        c->as_real = aq_slice_str(aq_arena_strdup(setup->arena, text));
}

static bool is_real(struct aq_slice number)
{
    for (size_t i = 0; i < number.len; i++) {
        if (number.ptr[i] == '.' || number.ptr[i] == 'e' || number.ptr[i] == 'E') return true;
    }
    return false;
}

static struct aq_slice empty_value(enum json_type type, struct aq_slice value)
{
    switch (type) {
    case JS_NULL: return AQ_NULL_SLICE;
    case JS_FALSE:
    case JS_TRUE: return AQ_LIT("false");
    case JS_NUMBER: return is_real(value) ? AQ_LIT("0.0") : AQ_LIT("0");
    case JS_STRING: return AQ_LIT("\"\"");
    case JS_ARRAY: return AQ_LIT("[]");
    case JS_OBJECT: return AQ_LIT("{}");
    }
    return AQ_NULL_SLICE;
}

/* Masks one occurrence; false when the record was failed. */
static bool mask(struct xf_step *step, struct aq_record *rec, struct doc *doc, uint32_t index)
{
    const struct mask_conf *c = step->conf;
    enum json_type type = doc_type(doc, index);
    if (type == JS_NULL) return true;
    struct aq_slice value;
    if (!c->replacement) {
        value = empty_value(type, doc_value(doc, index));
        if (type == JS_TRUE) type = JS_FALSE;
    } else if (type == JS_STRING) {
        value = c->as_string;
    } else if (type == JS_NUMBER) {
        value = is_real(doc_value(doc, index)) ? c->as_real : c->as_integer;
    } else {
        value = AQ_NULL_SLICE;
    }
    if (aq_slice_is_null(value)) {
        struct aq_slice name = doc_name(doc, index);
        aq_record_fail(
            rec, step->name, "field '%.*s' is %s, which cannot be masked with the replacement '%s'",
            (int)(name.len < 100 ? name.len : 100), name.ptr, json_type_name(type), c->replacement);
        return false;
    }
    doc_replace(doc, index, value, type);
    return true;
}

static void each(struct xf_step *step, struct aq_record *rec)
{
    const struct mask_conf *c = step->conf;
    struct doc *doc;
    enum xf_fields fields = xf_step_doc(step, rec, &doc);
    if (fields == XF_NULL && step->compat == XF_CONNECT) {
        aq_record_fail(rec, step->name, "%s is null, it has no fields to mask (compat = \"connect\")",
                       step->part == XF_PART_KEY ? "key" : "value");
    }
    if (fields != XF_OBJECT) return;
    for (size_t i = 0; i < c->fields.count; i++) {
        uint32_t index = doc_find(doc, c->names[i].text, 0);
        if (index == DOC_NONE && step->compat == XF_CONNECT) {
            doc_append(doc, &c->names[i], AQ_LIT("null"), JS_NULL);
        }
        for (; index != DOC_NONE; index = doc_find(doc, c->names[i].text, index + 1)) {
            if (!mask(step, rec, doc, index)) return;
        }
    }
}

const struct xf_kind xf_mask_field = {
    .abi = XF_ABI,
    .sort = XF_TRANSFORM,
    .name = "MaskField",
    .summary = "Replaces the values of fields by empty values or a replacement.",
    .example = "mask = { type = \"MaskField\"; fields = [\"email\", \"ssn\"]; replacement = \"***\"; };",
    .rows = rows,
    .conf_size = sizeof(struct mask_conf),
    .flags = XF_HAS_PART | XF_FIELDS,
    .configure = configure,
    .each = each,
};
