/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors: a function that can fail returns 0 (or a count) or a negative code from base/err.def, and fills the error
 * object its caller handed in: the detail, and a context that grows on the way up ("route orders: task 3:
 * orders[2]@981"). A function either logs or returns an error, never both. Passing err == NULL is allowed.
 */
#ifndef AQ_BASE_ERR_H
#define AQ_BASE_ERR_H

#include <stdarg.h>

enum aq_code {
#define X(name, value, class, text) AQ_E_##name = -(value),
#include "base/err.def"
#undef X
};

enum aq_class {
    AQ_CLASS_RETRY,
    AQ_CLASS_ABORT,
    AQ_CLASS_FENCED,
    AQ_CLASS_FATAL,
    AQ_CLASS_CONFIG,
    AQ_CLASS_INPUT,
    AQ_CLASS_BUG,
};

struct aq_err {
    int code;       /* 0 or an aq_code */
    char text[768]; /* one sentence: what happened and what to do; no trailing newline */
};

/* Fills err and returns code, so that `return aq_fail(err, AQ_E_IO, "…")` reads in one line. */
int aq_fail(struct aq_err *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
int aq_vfail(struct aq_err *err, int code, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

/* Puts "<context>: " before the text; returns err->code, so that a caller can `return aq_err_in(err, "task %d", t)`. */
int aq_err_in(struct aq_err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

void aq_err_clear(struct aq_err *err);

const char *aq_code_name(int code);    /* "UNSTABLE" */
const char *aq_code_text(int code);    /* "an open transaction still holds this offset" */
enum aq_class aq_code_class(int code); /* asserts that code is known */

#endif
