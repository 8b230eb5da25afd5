#include "floor.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int connected(const char *server, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    if (inet_pton(AF_INET, server, &address.sin_addr) != 1)
        die("%s is no IPv4 address", server);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        die("cannot connect to port %d", port);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

uint8_t *put_u32(uint8_t *at, uint32_t value)
{
    value = htonl(value);
    memcpy(at, &value, 4);
    return at + 4;
}

uint8_t *put_u64(uint8_t *at, uint64_t value)
{
    return put_u32(put_u32(at, (uint32_t)(value >> 32)), (uint32_t)value);
}

uint8_t *put_opaque(uint8_t *at, const void *bytes, uint32_t length)
{
    at = put_u32(at, length);
    memset(at, 0, (length + 3) & ~3u);
    memcpy(at, bytes, length);
    return at + ((length + 3) & ~3u);
}

uint32_t get_u32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, 4);
    return ntohl(value);
}

uint8_t *begin_call(uint8_t *at, uint32_t xid, uint32_t program, uint32_t procedure)
{
    const uint32_t words[] = {0, xid, 0, 2, program, 3, procedure, 1};
    uint8_t credential[64], *end = credential;

    for (size_t index = 0; index < sizeof words / 4; index++)
        at = put_u32(at, words[index]);
    end = put_u32(end, 0);
    end = put_opaque(end, "floor", 5);
    end = put_u32(end, getuid());
    end = put_u32(end, getgid());
    end = put_u32(end, 0);
    at = put_opaque(at, credential, (uint32_t)(end - credential));
    return put_u64(at, 0);
}

void finish_call(uint8_t *call, size_t length)
{
    put_u32(call, 1u << 31 | (uint32_t)(length - 4));
}

void receive_all(int fd, void *data, size_t size)
{
    if (recv(fd, data, size, MSG_WAITALL) != (ssize_t)size)
        die("the connection ended");
}

const uint8_t *call(int fd, uint8_t *request, uint8_t *end)
{
    static uint8_t reply[65536];
    size_t length;

    finish_call(request, (size_t)(end - request));
    if (send(fd, request, (size_t)(end - request), 0) != end - request)
        die("send");
    receive_all(fd, reply, 4);
    length = get_u32(reply) & ~(1u << 31);
    if (length < 24 || length > sizeof reply)
        die("a reply of %zu bytes", length);
    receive_all(fd, reply, length);
    if (get_u32(reply + 8) != 0 || get_u32(reply + 20) != 0)
        die("a call was refused");
    return reply + 24;
}
