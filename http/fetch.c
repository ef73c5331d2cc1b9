/* SPDX-License-Identifier: Apache-2.0
 *
 * GET by libcurl (http/fetch.h). One handle a request: connections are not kept, because the other side has room for a few only.
 */
#include "http/fetch.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

#define BODY_MOST ((size_t)64 << 20)

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init_library(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static size_t take_body(char *bytes, size_t size, size_t n, void *ctx)
{
    struct http_fetched *fetched = ctx;
    size_t more = size * n;
    if (more > BODY_MOST - fetched->len) return 0;
    fetched->text = aq_realloc(fetched->text, fetched->len + more + 1);
    memcpy(fetched->text + fetched->len, bytes, more);
    fetched->len += more;
    fetched->text[fetched->len] = '\0';
    return more;
}

static void set_up(CURL *curl, const char *url, const struct curl_slist *headers, int64_t timeout_ms,
                   char *why, struct http_fetched *ret)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)(timeout_ms < 2000 ? timeout_ms : 2000));
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, ret);
}

int http_fetch(const char *url, bool forwarded, int64_t timeout_ms, struct http_fetched *ret,
               struct aq_err *err)
{
    AQ_ASSERT(url && timeout_ms > 0);
    char why[CURL_ERROR_SIZE] = "";
    *ret = (struct http_fetched){.text = aq_calloc(1, 1)};
    pthread_once(&once, init_library);
    CURL *curl = curl_easy_init();
    AQ_ASSERT(curl);
    struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/json");
    if (forwarded) headers = curl_slist_append(headers, HTTP_FORWARDED ": 1");
    set_up(curl, url, headers, timeout_ms, why, ret);
    CURLcode code = curl_easy_perform(curl);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    ret->status = (int)status;
    if (code == CURLE_OK) return 0;
    free(ret->text);
    *ret = (struct http_fetched){0};
    size_t shown = strcspn(url, "?");
    return aq_fail(err, code == CURLE_OPERATION_TIMEDOUT ? AQ_E_TIMEOUT : AQ_E_UNREACHABLE, "%.*s: %s",
                   (int)shown, url, why[0] ? why : curl_easy_strerror(code));
}

const char *http_escape(struct aq_arena *arena, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    static const char digits[] = "0123456789ABCDEF";
    size_t len = strlen(text), at = 0;
    char *bytes = aq_arena_alloc(arena, 3 * len + 1);
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (memchr(plain, byte, sizeof(plain) - 1)) {
            bytes[at++] = text[i];
            continue;
        }
        bytes[at++] = '%';
        bytes[at++] = digits[byte >> 4];
        bytes[at++] = digits[byte & 15];
    }
    bytes[at] = '\0';
    return bytes;
}
