/* SPDX-License-Identifier: Apache-2.0
 *
 * A GET over a plain socket, HTTP/1.0, so that the answer ends with the connection and never comes in chunks.
 */
#include "tests/lib/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/lib/check.h"

static struct sockaddr_in loopback(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

int t_free_port(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        T_FAIL("no free port");
    close(fd);
    return ntohs(address.sin_port);
}

static char *read_all(int fd)
{
    size_t size = 0, room = 4096;
    char *text = t_alloc(room + 1);
    ssize_t got;
    while ((got = recv(fd, text + size, room - size, 0)) > 0) {
        size += (size_t)got;
        if (size < room) continue;
        room *= 2;
        text = t_realloc(text, room + 1);
    }
    text[size] = '\0';
    if (got == 0) return text;
    free(text);
    return NULL;
}

int t_http_get(int port, const char *path, int64_t timeout_ms, char **ret_body)
{
    if (ret_body) *ret_body = NULL;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return 0;
    struct timeval limit = {timeout_ms / 1000, (suseconds_t)(timeout_ms % 1000) * 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    struct sockaddr_in address = loopback(port);
    char *request = t_printf("GET %s HTTP/1.0\r\nHost: 127.0.0.1:%d\r\n\r\n", path, port);
    size_t length = strlen(request);
    char *answer = NULL;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        send(fd, request, length, MSG_NOSIGNAL) == (ssize_t)length)
        answer = read_all(fd);
    free(request);
    close(fd);
    int status = 0;
    if (!answer || sscanf(answer, "HTTP/%*s %d", &status) != 1) status = 0;
    const char *body = status ? strstr(answer, "\r\n\r\n") : NULL;
    if (ret_body && body) *ret_body = t_printf("%s", body + 4);
    free(answer);
    return status;
}
