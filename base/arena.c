/* SPDX-License-Identifier: Apache-2.0
 *
 * The arena: a list of chunks, newest first; only the newest is allocated from.
 *
 * Ordinary pass: alloc rounds `used` up to the alignment, checks that the bytes fit and moves `used`. Text (copy,
 * strdup, printf, reserve) is packed without alignment, the next alloc aligns again.
 * When the chunk is full: a new one of chunk_size, or of the wanted size when that is larger, becomes the head;
 * chunk_size doubles up to CHUNK_MAX. The tail of the old chunk is given up.
 * Reset: one chunk stays, the largest that is not above KEEP_MAX; a batch that was too big for its first chunk
 * therefore finds a bigger one next time and soon allocates nothing, while a single 50 MB record does not make its
 * batch hold 50 MB for ever.
 *
 * Invariants: head == NULL exactly while total == 0; used <= head->size. Threads: one owner.
 * Under AddressSanitizer everything not handed out is poisoned, so a slice kept past its batch is found.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   ASAN_POISON_MEMORY_REGION((p), (n))
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION((p), (n))
#else
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

#define ALIGN     _Alignof(max_align_t)
#define CHUNK_MIN ((size_t)256)
#define CHUNK_MAX ((size_t)1 << 20)
#define KEEP_MAX  ((size_t)256 << 10)

struct aq_arena_chunk {
    struct aq_arena_chunk *older;
    size_t size; /* of data */
    _Alignas(max_align_t) char data[];
};

void aq_arena_init(struct aq_arena *arena, size_t chunk_size)
{
    AQ_ASSERT(arena);
    *arena = (struct aq_arena){.chunk_size = chunk_size < CHUNK_MIN ? CHUNK_MIN : chunk_size};
}

static void free_chunk(struct aq_arena *arena, struct aq_arena_chunk *chunk)
{
    AQ_ASSERT(arena->total >= chunk->size);
    arena->total -= chunk->size;
    UNPOISON(chunk->data, chunk->size);
    free(chunk);
}

void aq_arena_finish(struct aq_arena *arena)
{
    struct aq_arena_chunk *chunk = arena->head;
    while (chunk) {
        struct aq_arena_chunk *older = chunk->older;
        free_chunk(arena, chunk);
        chunk = older;
    }
    AQ_ASSERT(arena->total == 0);
    arena->head = NULL;
    arena->used = 0;
}

void aq_arena_reset(struct aq_arena *arena)
{
    struct aq_arena_chunk *chunk = arena->head;
    arena->used = 0;
    if (!chunk) return;

    struct aq_arena_chunk *keep = NULL;
    while (chunk) {
        struct aq_arena_chunk *older = chunk->older;
        bool better = chunk->size <= KEEP_MAX && (!keep || chunk->size > keep->size);
        struct aq_arena_chunk *drop = better ? keep : chunk;
        if (better) keep = chunk;
        if (drop) free_chunk(arena, drop);
        chunk = older;
    }
    arena->head = keep;
    if (!keep) return;
    keep->older = NULL;
    POISON(keep->data, keep->size);
    AQ_ASSERT(arena->total == keep->size);
}

__attribute__((noinline, cold)) static void add_chunk(struct aq_arena *arena, size_t size)
{
    AQ_ASSERT(arena->chunk_size >= CHUNK_MIN);
    AQ_ASSERT(size < SIZE_MAX / 2);
    size_t want = size > arena->chunk_size ? size : arena->chunk_size;
    struct aq_arena_chunk *chunk = aq_malloc(sizeof(*chunk) + want);
    chunk->older = arena->head;
    chunk->size = want;
    POISON(chunk->data, chunk->size);
    arena->head = chunk;
    arena->used = 0;
    arena->total += want;
    if (arena->chunk_size < CHUNK_MAX) arena->chunk_size *= 2;
}

void *aq_arena_alloc(struct aq_arena *arena, size_t size)
{
    if (size == 0) size = 1;
    size_t at = (arena->used + ALIGN - 1) & ~(ALIGN - 1);
    if (__builtin_expect(!arena->head || at > arena->head->size || arena->head->size - at < size, 0)) {
        add_chunk(arena, size);
        at = 0;
    }
    arena->used = at + size;
    char *p = arena->head->data + at;
    UNPOISON(p, size);
    return p;
}

void *aq_arena_zalloc(struct aq_arena *arena, size_t size)
{
    void *p = aq_arena_alloc(arena, size);
    return memset(p, 0, size);
}

char *aq_arena_reserve(struct aq_arena *arena, size_t max)
{
    if (__builtin_expect(!arena->head || arena->head->size - arena->used < max + 1, 0))
        add_chunk(arena, max + 1);
    char *p = arena->head->data + arena->used;
    UNPOISON(p, max);
    return p;
}

void aq_arena_keep(struct aq_arena *arena, size_t used)
{
    AQ_ASSERT(arena->head && used <= arena->head->size - arena->used);
    arena->used += used;
    POISON(arena->head->data + arena->used, arena->head->size - arena->used);
}

struct aq_slice aq_arena_copy(struct aq_arena *arena, struct aq_slice s)
{
    if (aq_slice_is_null(s)) return s;
    char *p = aq_arena_reserve(arena, s.len + 1);
    if (s.len) memcpy(p, s.ptr, s.len);
    p[s.len] = '\0';
    arena->used += s.len + 1;
    return (struct aq_slice){p, s.len};
}

char *aq_arena_strdup(struct aq_arena *arena, const char *text)
{
    AQ_ASSERT(text);
    return (char *)aq_arena_copy(arena, aq_slice_str(text)).ptr;
}

char *aq_arena_printf(struct aq_arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    AQ_ASSERT(n >= 0);
    char *text = aq_arena_reserve(arena, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    arena->used += (size_t)n + 1;
    return text;
}
