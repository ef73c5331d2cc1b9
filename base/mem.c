/* SPDX-License-Identifier: Apache-2.0
 *
 * Allocation that ends the process instead of failing.
 */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"

_Noreturn static void out_of_memory(size_t size)
{
    /* No stdio stream here: it may want to allocate a buffer. */
    char line[96];
    int n = snprintf(line, sizeof(line), "aqueduct: out of memory (%zu bytes wanted)\n", size);
    if (n > 0) (void)!write(STDERR_FILENO, line, (size_t)n);
    abort();
}

void *aq_malloc(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p) out_of_memory(size);
    return p;
}

void *aq_calloc(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size ? size : 1);
    if (!p) out_of_memory(size);
    return p;
}

void *aq_realloc(void *old, size_t size)
{
    void *p = realloc(old, size ? size : 1);
    if (!p) out_of_memory(size);
    return p;
}

char *aq_strdup(const char *text)
{
    AQ_ASSERT(text);
    return aq_strndup(text, strlen(text));
}

char *aq_strndup(const char *text, size_t len)
{
    AQ_ASSERT(text || len == 0);
    size_t n = text ? strnlen(text, len) : 0;
    char *copy = aq_malloc(n + 1);
    if (n) memcpy(copy, text, n);
    copy[n] = '\0';
    return copy;
}

char *aq_asprintf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0) out_of_memory(strlen(format));
    return text;
}
