/* SPDX-License-Identifier: Apache-2.0
 *
 * Error objects, and what the codes of base/err.def are called.
 */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

static const struct code_row {
    const char *name;
    const char *text;
    enum aq_class class;
    int value;
} codes[] = {
#define X(name, value, class, text) {#name, text, AQ_CLASS_##class, -(value)},
#include "base/err.def"
#undef X
};

static const struct code_row *find_code(int code)
{
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i].value == code) return &codes[i];
    }
    return NULL;
}

/* vsnprintf cuts between bytes; a half character at the end would make the JSON log invalid. */
static void trim_half_character(char *text, size_t len)
{
    size_t start = len;
    while (start > 0 && len - start < 4 && ((unsigned char)text[start - 1] & 0xC0) == 0x80) start--;
    if (start == 0) return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t wanted = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (wanted > 1 && len - (start - 1) < wanted) text[start - 1] = '\0';
}

int aq_vfail(struct aq_err *err, int code, const char *format, va_list args)
{
    AQ_ASSERT(code < 0);
    if (!err) return code;
    /* Formatted aside: the arguments may point into err->text itself. */
    char text[sizeof(err->text)];
    int n = vsnprintf(text, sizeof(text), format, args);
    AQ_ASSERT(n >= 0);
    size_t len = strlen(text);
    if ((size_t)n > len) trim_half_character(text, len);
    memcpy(err->text, text, strlen(text) + 1);
    err->code = code;
    return code;
}

int aq_fail(struct aq_err *err, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    aq_vfail(err, code, format, args);
    va_end(args);
    return code;
}

int aq_err_in(struct aq_err *err, const char *format, ...)
{
    /* Without an object there is no code to hand on, but success must not come out of a failing path. */
    if (!err) return AQ_E_INVALID;
    AQ_ASSERT(err->code < 0);
    char text[sizeof(err->text)];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    AQ_ASSERT(n >= 0);
    size_t len = strlen(text);
    int more = snprintf(text + len, sizeof(text) - len, ": %s", err->text);
    AQ_ASSERT(more >= 0);
    if (len + (size_t)more >= sizeof(text)) trim_half_character(text, strlen(text));
    memcpy(err->text, text, strlen(text) + 1);
    return err->code;
}

void aq_err_clear(struct aq_err *err)
{
    if (!err) return;
    err->code = 0;
    err->text[0] = '\0';
}

const char *aq_code_name(int code)
{
    if (code == 0) return "OK";
    const struct code_row *row = find_code(code);
    return row ? row->name : "UNKNOWN";
}

const char *aq_code_text(int code)
{
    if (code == 0) return "success";
    const struct code_row *row = find_code(code);
    return row ? row->text : "unknown error";
}

enum aq_class aq_code_class(int code)
{
    const struct code_row *row = find_code(code);
    AQ_ASSERT(row);
    return row->class;
}
