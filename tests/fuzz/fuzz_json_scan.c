/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target for the span scanner and the document view: what is accepted must have spans inside the text in
 * ascending order, must stay byte-identical without edits, and must scan again after edits chosen by the input.
 *
 * With clang -fsanitize=fuzzer (defines AQ_LIBFUZZER) it is a libFuzzer target; otherwise main() replays the files
 * and directories it is given, by default tests/fuzz/corpus/fuzz_json_scan.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "transforms/doc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_spans(const struct doc *doc)
{
    uint32_t at = doc->fields.body_at;
    for (uint32_t i = 0; i < doc->scanned; i++) {
        const struct json_field *f = &doc->fields.list[i];
        AQ_ASSERT(f->name_at >= at && f->name_len >= 2);
        AQ_ASSERT(f->value_at > f->name_at + f->name_len && f->value_len > 0);
        at = f->value_at + f->value_len;
        AQ_ASSERT(at < doc->text.len);
        AQ_ASSERT(doc_alive(doc, i) && doc_value(doc, i).len == f->value_len);
        uint32_t found = doc_find(doc, doc_name(doc, i), 0);
        AQ_ASSERT(found <= i);
    }
}

/* Edits by the sum of the bytes: any mixture, none that the view forbids. Returns the fields left. */
static uint32_t edit(struct doc *doc, uint32_t dice)
{
    struct doc_name name = {AQ_LIT("n\"w"), AQ_LIT("\"n\\\"w\"")};
    uint32_t left = doc_count(doc);
    for (uint32_t i = 0; i < doc->scanned; i++) {
        dice = dice * 1664525u + 1013904223u;
        switch (dice >> 29) {
        case 0:
        case 1:
            doc_drop(doc, i);
            left--;
            break;
        case 2: doc_rename(doc, i, &name); break;
        case 3: doc_replace(doc, i, AQ_LIT("[null]"), JS_ARRAY); break;
        default: break;
        }
    }
    if (dice & 1024) {
        doc_append(doc, &name, AQ_LIT("-1.0"), JS_NUMBER);
        left++;
    }
    return left;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct doc doc, again;
    static struct aq_arena arena;
    if (!arena.chunk_size) {
        doc_init(&doc);
        doc_init(&again);
        aq_arena_init(&arena, 4096);
    }
    aq_arena_reset(&arena);
    enum json_type type;
    struct json_error error;
    struct aq_slice text = aq_slice_of(size ? (const void *)data : "", size);
    if (doc_open(&doc, text, &arena, &type, &error) < 0) {
        char buf[128];
        AQ_ASSERT(error.at <= size && *json_error_text(&error, buf, sizeof(buf)));
        return 0;
    }
    if (type != JS_OBJECT) {
        AQ_ASSERT(doc_count(&doc) == 0);
        return 0;
    }
    check_spans(&doc);
    AQ_ASSERT(doc_write(&doc).ptr == text.ptr);
    uint32_t dice = 0;
    for (size_t i = 0; i < size; i++) dice = dice * 31 + data[i];
    uint32_t left = edit(&doc, dice);
    struct aq_slice written = doc_write(&doc);
    int rc = doc_open(&again, written, &arena, &type, &error);
    AQ_ASSERT(rc == 0 && type == JS_OBJECT && doc_count(&again) == left);
    return 0;
}

#ifndef AQ_LIBFUZZER
static unsigned replayed;

static int replay_file(const char *path)
{
    FILE *in = fopen(path, "rb");
    if (!in) {
        perror(path);
        return 1;
    }
    static uint8_t buf[1 << 20];
    size_t n = fread(buf, 1, sizeof(buf), in);
    fclose(in);
    /* An exact copy on the heap, so that the address sanitizer sees a read behind the end. */
    uint8_t *copy = malloc(n ? n : 1);
    AQ_ASSERT(copy);
    memcpy(copy, buf, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
    replayed++;
    return 0;
}

static int replay(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0) {
        perror(path);
        return 1;
    }
    if (!S_ISDIR(st.st_mode)) return replay_file(path);
    DIR *dir = opendir(path);
    if (!dir) {
        perror(path);
        return 1;
    }
    int failed = 0;
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        char file[4096];
        if (entry->d_name[0] == '.') continue;
        snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
        failed |= replay_file(file);
    }
    closedir(dir);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++) failed |= replay(argv[i]);
    if (argc < 2) failed = replay("tests/fuzz/corpus/fuzz_json_scan");
    printf("%u inputs replayed\n", replayed);
    return failed || replayed == 0;
}
#endif
