/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AQ_BASE_UTF8_H
#define AQ_BASE_UTF8_H

#include <stddef.h>

/* Length (1 to 4) of the valid UTF-8 character at p, 0 when there is none. p must be zero-terminated or have three
 * readable bytes behind it; a zero byte is a character of length 1. */
size_t aq_utf8_len(const unsigned char *p);

#endif
