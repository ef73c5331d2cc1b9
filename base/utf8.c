/* SPDX-License-Identifier: Apache-2.0
 *
 * Recognising UTF-8, for logs and JSON that must stay valid whatever bytes a record brought.
 */
#include "base/utf8.h"

#include "base/assert.h"

size_t aq_utf8_len(const unsigned char *p)
{
    AQ_DASSERT(p);
    if (p[0] < 0x80) return 1;
    size_t n = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4) return 0;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80) return 0;
    }
    if (p[0] == 0xE0 && p[1] < 0xA0) return 0;
    if (p[0] == 0xED && p[1] > 0x9F) return 0; /* surrogates */
    if (p[0] == 0xF0 && p[1] < 0x90) return 0;
    if (p[0] == 0xF4 && p[1] > 0x8F) return 0;
    return n;
}
