/* SPDX-License-Identifier: Apache-2.0
 *
 * Kafka's rules for topic names: [a-zA-Z0-9._-]{1,249}, but not "." and not "..".
 */
#ifndef AQ_TRANSFORMS_TOPIC_NAME_H
#define AQ_TRANSFORMS_TOPIC_NAME_H

#include "base/slice.h"

#define TOPIC_NAME_MAX 249

static inline bool topic_name_byte_legal(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

/* NULL when legal, else what is wrong with it. */
static inline const char *topic_name_fault(struct aq_slice name)
{
    if (name.len == 0) return "is empty";
    if (name.len > TOPIC_NAME_MAX) return "is longer than 249 characters";
    if (name.ptr[0] == '.' && (name.len == 1 || (name.len == 2 && name.ptr[1] == '.')))
        return "is not a legal name";
    for (size_t i = 0; i < name.len; i++) {
        if (!topic_name_byte_legal((unsigned char)name.ptr[i])) {
            return "holds a character other than a-z A-Z 0-9 . _ -";
        }
    }
    return NULL;
}

#endif
