/* SPDX-License-Identifier: Apache-2.0
 *
 * A failed assertion: one line on stderr, then abort().
 */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void aq_assert_failed(const char *expression, const char *file, int line, const char *function)
{
    /* One write(2), no lock and no allocation: the failing thread may hold either. */
    char text[512];
    int n = snprintf(text, sizeof(text), "aqueduct: assertion failed: %s, at %s:%d in %s()\n", expression,
                     file, line, function);
    if (n >= (int)sizeof(text)) n = (int)sizeof(text) - 1;
    if (n > 0) (void)!write(STDERR_FILENO, text, (size_t)n);
    abort();
}
