/* SPDX-License-Identifier: Apache-2.0
 *
 * Secrets: expanding ${…} in strings, and remembering what must not be printed.
 *
 * Ordinary pass: conf_expand() copies the text, and for each ${NAME…} looks into the environment, for each
 * ${secret:name} reads one small file. What it read is remembered. From then on conf_mask() takes it out of texts.
 * Failing pass: an unset variable, a missing or readable-by-others file, a form we do not know: AQ_E_CONFIG with a
 * sentence that says what to do, and never with a value in it.
 *
 * Remembered secrets live until the process ends: after a reload an old password may still turn up in an error
 * message of a connection that is being closed. They are ordered longest first, so that a secret that contains
 * another is replaced as a whole.
 *
 * Threads: any; a read-write lock covers the table, since a reload remembers while workers mask.
 */
#include "conf/secret.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "conf/mask.h"

#define SECRET_MAX   65536
#define SHORT_SECRET 4 /* shorter ones are masked only where they stand alone */

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static char **table;
static size_t count;

/* ---- remembering ---- */

static void remember_piece(const char *text, size_t len)
{
    AQ_ASSERT(len > 0);
    size_t at = 0;
    while (at < count && strlen(table[at]) >= len) {
        if (strlen(table[at]) == len && memcmp(table[at], text, len) == 0) return;
        at++;
    }
    table = aq_realloc(table, (count + 1) * sizeof(*table));
    memmove(table + at + 1, table + at, (count - at) * sizeof(*table));
    table[at] = aq_strndup(text, len);
    count++;
}

void conf_secret_remember(const char *value)
{
    /* Masking these words everywhere would hide more than it protects. */
    if (!value || !*value || !strcmp(value, "true") || !strcmp(value, "false")) return;
    pthread_rwlock_wrlock(&lock);
    remember_piece(value, strlen(value));
    /* A PEM file may be printed line by line. */
    for (const char *p = value; strchr(value, '\n') && *p;) {
        size_t len = strcspn(p, "\r\n");
        if (len >= SHORT_SECRET) remember_piece(p, len);
        p += len;
        p += strspn(p, "\r\n");
    }
    pthread_rwlock_unlock(&lock);
}

bool conf_secret_property(const char *name)
{
    static const char *const words[] = {"password",           "passwd",    "secret", "jaas", "token",
                                        "oauthbearer.config", "credential"};
    if (!name) return false;
    size_t len = strlen(name);
    /* Addresses and switches are no secrets, and seeing them in a diagnostic helps. */
    static const char *const plain[] = {".url", "_url", ".location", "_location", ".enable", "_enable"};
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        size_t n = strlen(plain[i]);
        if (len > n && strcasecmp(name + len - n, plain[i]) == 0) return false;
    }
    if (len >= 4 && strcasecmp(name + len - 4, ".pem") == 0) return true;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasestr(name, words[i])) return true;
    }
    return false;
}

static bool stands_alone(const char *text, const char *at, size_t len)
{
    bool before = at > text && isalnum((unsigned char)at[-1]);
    return !before && !isalnum((unsigned char)at[len]);
}

/* The next remembered secret in text at or after from; NULL when there is none. */
static char *find_secret(const char *text, char *from, const char *secret, size_t len)
{
    for (char *at = strstr(from, secret); at; at = strstr(at + 1, secret)) {
        if (len >= SHORT_SECRET || stands_alone(text, at, len)) return at;
    }
    return NULL;
}

void conf_mask(char *text)
{
    AQ_ASSERT(text);
    pthread_rwlock_rdlock(&lock);
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(table[i]);
        size_t stars = len < 3 ? len : 3;
        for (char *at = text; (at = find_secret(text, at, table[i], len));) {
            memset(at, '*', stars);
            memmove(at + stars, at + len, strlen(at + len) + 1);
            at += stars;
        }
    }
    pthread_rwlock_unlock(&lock);
}

void conf_mask_bytes(const char *line, size_t len, bool *hide)
{
    char *copy = aq_strndup(line, len);
    pthread_rwlock_rdlock(&lock);
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(table[i]);
        for (char *at = copy; (at = find_secret(copy, at, table[i], n)); at += n) {
            memset(hide + (at - copy), true, n * sizeof(*hide));
        }
    }
    pthread_rwlock_unlock(&lock);
    free(copy);
}

/* ---- expanding ---- */

static int read_secret_file(const char *path, bool systemd, char **ret_text, struct aq_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return aq_fail(err, AQ_E_CONFIG, "secret file %s: %s", path, strerror(errno));
    struct stat st;
    /* systemd gives its credential files mode 0440 and keeps others out by the directory. */
    mode_t forbidden = systemd ? S_IRWXO : S_IRWXG | S_IRWXO;
    int rc = 0;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        rc = aq_fail(err, AQ_E_CONFIG, "secret file %s is not a regular file", path);
    } else if (st.st_mode & forbidden) {
        rc = aq_fail(err, AQ_E_CONFIG, "secret file %s is open to others (mode %04o); run: chmod 600 %s",
                     path, (unsigned)(st.st_mode & 07777), path);
    } else if (st.st_size > SECRET_MAX) {
        rc = aq_fail(err, AQ_E_CONFIG, "secret file %s is larger than %d bytes", path, SECRET_MAX);
    }
    if (rc) {
        close(fd);
        return rc;
    }
    char *text = aq_malloc(SECRET_MAX + 1);
    size_t len = 0;
    ssize_t n;
    while (len < SECRET_MAX && (n = read(fd, text + len, SECRET_MAX - len)) != 0) {
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) break;
        len += (size_t)n;
    }
    close(fd);
    if (len > 0 && text[len - 1] == '\n') len--;
    text[len] = '\0';
    if (memchr(text, '\0', len)) {
        free(text);
        return aq_fail(err, AQ_E_CONFIG, "secret file %s contains a zero byte", path);
    }
    *ret_text = text;
    return 0;
}

static int read_secret(const char *name, char **ret_text, struct aq_err *err)
{
    if (!*name || strchr(name, '/') || name[0] == '.') {
        return aq_fail(err, AQ_E_CONFIG, "'${secret:%s}' is not a file name; a secret's name has no '/'",
                       name);
    }
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    if (dir && *dir) {
        char *path = aq_asprintf("%s/%s", dir, name);
        /* Only an absent file sends the search on: a wrong mode must be told, not hidden by another file. */
        bool there = access(path, F_OK) == 0;
        int rc = there ? read_secret_file(path, true, ret_text, err) : 0;
        free(path);
        if (there) return rc;
    }
    dir = getenv("AQUEDUCT_SECRETS_DIR");
    char *path = aq_asprintf("%s/%s", dir && *dir ? dir : "/etc/aqueduct/secrets", name);
    int rc = read_secret_file(path, false, ret_text, err);
    free(path);
    return rc;
}

static bool is_variable(const char *name, size_t len)
{
    if (len == 0 || isdigit((unsigned char)name[0])) return false;
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)name[i]) && name[i] != '_') return false;
    }
    return true;
}

/* The text for the inside of one ${…}: *ret_text is malloc'ed. */
static int expand_one(const char *inside, char **ret_text, bool *ret_secret, bool *ret_env,
                      struct aq_err *err)
{
    if (strncmp(inside, "secret:", 7) == 0) {
        int rc = read_secret(inside + 7, ret_text, err);
        if (rc) return rc;
        conf_secret_remember(*ret_text);
        *ret_secret = true;
        return 0;
    }
    size_t len = strcspn(inside, ":");
    const char *rest = inside + len;
    bool form = *rest == '\0' || strncmp(rest, ":-", 2) == 0 || strncmp(rest, ":?", 2) == 0;
    if (!is_variable(inside, len) || !form) {
        return aq_fail(err, AQ_E_CONFIG,
                       "'${%s}' is none of ${NAME}, ${NAME:-default}, ${NAME:?message}, ${secret:name}; "
                       "write '$${%s}' for the text itself",
                       inside, inside);
    }
    char *name = aq_strndup(inside, len);
    const char *value = getenv(name);
    free(name);
    *ret_env = true;
    /* As in the shell: with a colon, empty counts as unset. */
    if (value && (*value || *rest == '\0')) {
        *ret_text = aq_strdup(value);
        return 0;
    }
    if (rest[0] && rest[1] == '-') {
        *ret_text = aq_strdup(rest + 2);
        return 0;
    }
    if (rest[0]) {
        const char *message = rest[2] ? rest + 2 : "it must be set";
        return aq_fail(err, AQ_E_CONFIG, "environment variable %.*s: %s", (int)len, inside, message);
    }
    return aq_fail(err, AQ_E_CONFIG, "environment variable %.*s is not set; set it or write ${%.*s:-default}",
                   (int)len, inside, (int)len, inside);
}

struct growing {
    char *text;
    size_t len;
};

static void append(struct growing *g, const char *bytes, size_t n)
{
    g->text = aq_realloc(g->text, g->len + n + 1);
    memcpy(g->text + g->len, bytes, n);
    g->len += n;
    g->text[g->len] = '\0';
}

static int expand_all(const char *raw, struct growing *out, bool *ret_secret, bool *ret_env,
                      struct aq_err *err)
{
    for (const char *p = raw; *p;) {
        if (strncmp(p, "$${", 3) == 0) {
            append(out, "${", 2);
            p += 3;
            continue;
        }
        if (p[0] != '$' || p[1] != '{') {
            append(out, p, 1);
            p++;
            continue;
        }
        const char *end = strchr(p, '}');
        if (!end) return aq_fail(err, AQ_E_CONFIG, "'${' without '}'; write '$${' for the text itself");
        char *inside = aq_strndup(p + 2, (size_t)(end - p) - 2);
        char *value = NULL;
        int rc = expand_one(inside, &value, ret_secret, ret_env, err);
        free(inside);
        if (rc) return rc;
        append(out, value, strlen(value));
        free(value);
        p = end + 1;
    }
    return 0;
}

int conf_expand(const char *raw, struct aq_arena *arena, const char **ret_text, bool *ret_secret,
                bool *ret_env, struct aq_err *err)
{
    AQ_ASSERT(raw && ret_text && ret_secret && ret_env);
    *ret_text = raw;
    *ret_secret = false;
    *ret_env = false;
    if (!strstr(raw, "${")) return 0;
    struct growing out = {0};
    append(&out, "", 0);
    int rc = expand_all(raw, &out, ret_secret, ret_env, err);
    if (rc == 0) *ret_text = aq_arena_strdup(arena, out.text);
    free(out.text);
    return rc;
}
