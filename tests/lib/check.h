/* SPDX-License-Identifier: Apache-2.0
 *
 * What every broker and fault test includes first: cmocka with the headers it needs before it, and failures with a
 * formatted reason. Outside a running cmocka test (in the tools) a failure prints and exits with 255.
 */
#ifndef AQ_TESTS_LIB_CHECK_H
#define AQ_TESTS_LIB_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Fails the test: T_FAIL("%d records are missing", n). Only in the thread that runs the test. */
#define T_FAIL(...) t_fail(__FILE__, __LINE__, __VA_ARGS__)
/* T_CHECK(n == 5, "read %d", n): the condition is part of the message. */
#define T_CHECK(condition, ...) \
    ((condition) ? (void)0 : t_check_failed(__FILE__, __LINE__, #condition, __VA_ARGS__))

_Noreturn void t_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
_Noreturn void t_check_failed(const char *file, int line, const char *condition, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Text in memory of its own; ends the test when there is none. */
char *t_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* With all that is in it; what is not there is fine. */
void t_remove_folder(const char *path);

/* Appends a word to a log of what was called: "a:begin a:send(0-4)". What does not fit is cut off. */
void t_note(char *log, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
void *t_alloc(size_t size);
void *t_realloc(void *memory, size_t size);

#endif
