/* SPDX-License-Identifier: Apache-2.0
 *
 * Allocation that does not fail: out of memory prints one line and aborts the process. Positions live on the sink in
 * the same transaction as the data, so ending is always safe; limping on without memory is not.
 */
#ifndef AQ_BASE_MEM_H
#define AQ_BASE_MEM_H

#include <stddef.h>

void *aq_malloc(size_t size);
void *aq_calloc(size_t count, size_t size);
void *aq_realloc(void *old, size_t size);
char *aq_strdup(const char *text);
char *aq_strndup(const char *text, size_t len);
char *aq_asprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
