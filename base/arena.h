/* SPDX-License-Identifier: Apache-2.0
 *
 * Bump allocation for everything that lives exactly as long as its owner (a batch, a configuration).
 *
 * Threads: one owner, no locks. Nothing is freed alone. aq_arena_reset() keeps one chunk, so a batch that is
 * reused allocates from the system only while it is still growing. Out of memory ends the process (base/mem.h): a
 * bridge that cannot allocate a few kilobytes cannot finish a cycle either, and crash is a state we recover from.
 */
#ifndef AQ_BASE_ARENA_H
#define AQ_BASE_ARENA_H

#include "base/slice.h"

struct aq_arena_chunk;

struct aq_arena {
    struct aq_arena_chunk *head; /* newest chunk; older ones follow */
    size_t used;                 /* bytes taken from head */
    size_t total;                /* bytes of all chunks: what the arena costs */
    size_t chunk_size;           /* size of the next ordinary chunk */
};

void aq_arena_init(struct aq_arena *arena, size_t chunk_size);
void aq_arena_finish(struct aq_arena *arena);

/* Forgets everything; keeps its largest chunk, unless that is above 256 KiB. */
void aq_arena_reset(struct aq_arena *arena);

/* Memory aligned for any type, not cleared. size may be 0 (a unique non-NULL pointer is returned). */
void *aq_arena_alloc(struct aq_arena *arena, size_t size);
void *aq_arena_zalloc(struct aq_arena *arena, size_t size);

/* Copies; the copy of a null slice is null, a copied slice is followed by a zero byte that is not counted. */
struct aq_slice aq_arena_copy(struct aq_arena *arena, struct aq_slice s);
char *aq_arena_strdup(struct aq_arena *arena, const char *text);
char *aq_arena_printf(struct aq_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For a writer that knows only an upper bound: reserve max bytes, then keep the first used ones. No other call on the
 * arena may come between the two. */
char *aq_arena_reserve(struct aq_arena *arena, size_t max);
void aq_arena_keep(struct aq_arena *arena, size_t used);

#endif
