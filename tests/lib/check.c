/* SPDX-License-Identifier: Apache-2.0
 *
 * Failures and memory for tests. cmocka's _fail() jumps back into the runner, or ends the program when no test is
 * running, which is just what the tools want from the same helpers.
 */
#include "tests/lib/check.h"

#include <errno.h>
#include <ftw.h>

static void say(const char *file, int line, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

static void say(const char *file, int line, const char *format, va_list args)
{
    fflush(stdout);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

_Noreturn void t_fail(const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(file, line, format, args);
    va_end(args);
    _fail(file, line);
    abort(); /* _fail is not declared noreturn in every cmocka */
}

_Noreturn void t_check_failed(const char *file, int line, const char *condition, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
    va_start(args, format);
    say(file, line, format, args);
    va_end(args);
    _fail(file, line);
    abort();
}

char *t_printf(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0) T_FAIL("out of memory");
    return text;
}

static int remove_one(const char *path, const struct stat *found, int type, struct FTW *at)
{
    (void)found;
    (void)type;
    (void)at;
    return remove(path);
}

void t_remove_folder(const char *path)
{
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
        T_FAIL("%s: %s", path, strerror(errno));
}

void t_note(char *log, size_t size, const char *format, ...)
{
    size_t length = strlen(log);
    va_list args;
    va_start(args, format);
    if (length > 0 && length + 1 < size) log[length++] = ' ';
    vsnprintf(log + length, size - length, format, args);
    va_end(args);
}

void *t_alloc(size_t size)
{
    void *memory = calloc(1, size ? size : 1);
    if (!memory) T_FAIL("out of memory (%zu bytes)", size);
    return memory;
}

void *t_realloc(void *memory, size_t size)
{
    void *grown = realloc(memory, size ? size : 1);
    if (!grown) T_FAIL("out of memory (%zu bytes)", size);
    return grown;
}
