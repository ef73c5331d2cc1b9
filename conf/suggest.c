/* SPDX-License-Identifier: Apache-2.0
 *
 * "did you mean": the candidate with the fewest edits, when they are few.
 */
#include <ctype.h>

#include "base/assert.h"
#include "conf/diag.h"

#define WORD_MAX 48

/* Spellings that readers of other tools' manuals mix up count as the same letter. */
static char fold(char c)
{
    if (c == '-' || c == '.') return '_';
    return (char)tolower((unsigned char)c);
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Edits (insert, delete, replace, swap of neighbours) between two words. */
static int distance(const char *a, size_t n, const char *b, size_t m)
{
    int rows[3][WORD_MAX + 1];
    AQ_ASSERT(n <= WORD_MAX && m <= WORD_MAX);
    for (size_t j = 0; j <= m; j++) rows[0][j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        int *now = rows[i % 3];
        const int *up = rows[(i + 2) % 3];
        const int *up2 = rows[(i + 1) % 3];
        now[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            bool same = fold(a[i - 1]) == fold(b[j - 1]);
            now[j] = least(least(up[j] + 1, now[j - 1] + 1), up[j - 1] + !same);
            bool swapped =
                i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1]);
            if (swapped) now[j] = least(now[j], up2[j - 2] + 1);
        }
    }
    return rows[n % 3][m];
}

static bool is_prefix(const char *prefix, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++) {
        if (!word[i] || fold(prefix[i]) != fold(word[i])) return false;
    }
    return true;
}

const char *conf_did_you_mean(const char *word, const char *const *candidates, size_t count)
{
    AQ_ASSERT(word);
    size_t n = strlen(word);
    if (n == 0 || n > WORD_MAX) return NULL;
    const char *best = NULL;
    /* A third of the word may be wrong, three letters at most; in words of one or two letters nothing. */
    int limit = n < 3 ? 0 : n < 6 ? 1 : n < 9 ? 2 : 3;
    int best_distance = limit + 1;
    for (size_t i = 0; i < count; i++) {
        size_t m = strlen(candidates[i]);
        if (m > WORD_MAX) continue;
        int d = distance(word, n, candidates[i], m);
        /* An abbreviation or an overlong form is near, but not as near as a typo of one letter. */
        bool extends =
            (n >= 4 && is_prefix(word, n, candidates[i])) || (m >= 4 && is_prefix(candidates[i], m, word));
        if (extends) d = least(d, least(2, limit));
        if (d < best_distance) {
            best = candidates[i];
            best_distance = d;
        }
    }
    return best;
}
