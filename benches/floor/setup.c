/* Getting at the file's handle, by MOUNT, LOOKUP and CREATE on the usual ports. */
#include "floor.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NFS 100003
#define MOUNT 100005

static struct handle scratch;
static char name[64];

static struct handle handle_at(const uint8_t *at)
{
    struct handle handle = {.length = get_u32(at)};

    if (handle.length > sizeof handle.bytes)
        die("a handle of %u bytes", handle.length);
    memcpy(handle.bytes, at + 4, handle.length);
    return handle;
}

static struct handle mounted(const char *server, const char *path)
{
    uint8_t request[2048];
    int fd = connected(server, 20048);
    const uint8_t *results =
        call(fd, request, put_opaque(begin_call(request, 1, MOUNT, 1), path, (uint32_t)strlen(path)));

    if (get_u32(results) != 0)
        die("mount: error %u", get_u32(results));
    close(fd);
    return handle_at(results + 4);
}

static const uint8_t *in_directory(struct floor *floor, uint32_t procedure, const struct handle *directory,
                                   const char *entry, const uint32_t *words, size_t count)
{
    uint8_t request[2048], *at = begin_call(request, 2, NFS, procedure);

    at = put_opaque(at, directory->bytes, directory->length);
    at = put_opaque(at, entry, (uint32_t)strlen(entry));
    for (size_t index = 0; index < count; index++)
        at = put_u32(at, words[index]);
    return call(floor->fd, request, at);
}

static struct handle lookup(struct floor *floor, const struct handle *directory, const char *entry)
{
    const uint8_t *results = in_directory(floor, 3, directory, entry, NULL, 0);

    if (get_u32(results) != 0)
        die("lookup of %s: error %u", entry, get_u32(results));
    return handle_at(results + 4);
}

void open_file(struct floor *floor, const char *url)
{
    char server[64], path[1024];
    struct handle root, directory;
    const uint32_t unchecked[] = {0, 1, 0644, 0, 0, 0, 0, 0};
    const uint8_t *results;

    if (sscanf(url, "nfs://%63[^/]%1023s", server, path) != 2)
        die("%s is no URL", url);
    root = mounted(server, path);
    floor->fd = connected(server, 2049);
    if (!floor->writes) {
        directory = lookup(floor, &root, "data");
        floor->file = lookup(floor, &directory, "large");
        return;
    }
    scratch = lookup(floor, &root, "scratch");
    snprintf(name, sizeof name, "floor-%d", (int)getpid());
    results = in_directory(floor, 8, &scratch, name, unchecked, sizeof unchecked / 4);
    if (get_u32(results) != 0 || get_u32(results + 4) != 1)
        die("create: error %u", get_u32(results));
    floor->file = handle_at(results + 8);
}

void remove_file(struct floor *floor)
{
    if (floor->writes && get_u32(in_directory(floor, 12, &scratch, name, NULL, 0)) != 0)
        die("remove");
}

void prepare_call(struct floor *floor)
{
    uint32_t size = (uint32_t)(floor->size < PIECE ? floor->size : PIECE);
    uint8_t *at = begin_call(floor->call, 0, NFS, floor->writes ? 7 : 6);

    at = put_opaque(at, floor->file.bytes, floor->file.length);
    at = put_u64(at, 0);
    at = put_u32(at, size);
    if (floor->writes) {
        at = put_u32(at, 0);
        at = put_u32(at, size);
    }
    floor->call_size = (size_t)(at - floor->call);
    finish_call(floor->call, floor->call_size + (floor->writes ? size : 0));
}
