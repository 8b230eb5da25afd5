/* Settings that can be seen to have an effect: the interface, what is told on the standard error output. */
#include "common.h"

static char buffer[5000];

/* What a call has written to the standard error output. */
static const char *told(int level, int (*act)(struct nfs_context *context), struct nfs_context *context)
{
    static char text[1000];
    int ends[2], before = dup(STDERR_FILENO);
    ssize_t count;

    nfs_set_debug(context, level);
    if (pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0)
        exit(2);
    FAILS(act(context));
    dup2(before, STDERR_FILENO);
    close(before);
    close(ends[1]);
    count = read(ends[0], text, sizeof(text) - 1);
    close(ends[0]);
    text[count > 0 ? count : 0] = '\0';
    return text;
}

static int stat_missing(struct nfs_context *context)
{
    struct nfs_stat_64 st;

    return nfs_stat64(context, "/missing", &st);
}

static int stat_null(struct nfs_context *context)
{
    return nfs_stat64(context, "/missing", NULL);
}

static int mkdir_twice(struct nfs_context *context)
{
    nfs_mkdir(context, "/twice");
    return nfs_mkdir(context, "/twice");
}

static int mount_by_interface(struct nfs_context *context, const char *name)
{
    nfs_set_interface(context, name);
    return nfs_mount(context, server, export_dir);
}

/* Sentences of the system are those of C programs. */
static void refused(void)
{
    int port;

    close(listener(&port));
    nfs = nfs_init_context();
    snprintf(buffer, sizeof(buffer), "nfs://%s%s?nfsport=%d&mountport=%d", server, export_dir, port, port);
    nfs_destroy_url(nfs_parse_url_dir(nfs, buffer));
    RETURNS(-ECONNREFUSED, nfs_mount(nfs, server, export_dir));
    EXPECT(strstr(nfs_get_error(nfs), "Connection refused") != NULL);
    EXPECT(strstr(nfs_get_error(nfs), "os error") == NULL);
    FAILS(nfs_mount(nfs, "no-such-host.invalid", export_dir));
    EXPECT(strstr(nfs_get_error(nfs), "lookup address") == NULL);
    nfs_destroy_context(nfs);
}

/* What was set counts before the mount, and what is no port is none. */
static void limits(void)
{
    nfs = nfs_init_context();
    EXPECT(nfs_get_readmax(nfs) == 0 && nfs_get_writemax(nfs) == 0);
    snprintf(buffer, sizeof(buffer), "nfs://%s%s?rsize=8192&wsize=4096", server, export_dir);
    nfs_destroy_url(nfs_parse_url_dir(nfs, buffer));
    EXPECT(nfs_get_readmax(nfs) == 8192 && nfs_get_writemax(nfs) == 4096);
    RETURNS(0, nfs_mount(nfs, server, export_dir));
    EXPECT(nfs_get_readmax(nfs) == 8192 && nfs_get_writemax(nfs) == 4096);
    nfs_destroy_context(nfs);
    nfs = nfs_init_context();
    nfs_set_readmax(nfs, 16384);
    EXPECT(nfs_get_readmax(nfs) == 16384);
    nfs_set_nfsport(nfs, 65536 + 2049);
    EXPECT(strstr(nfs_get_error(nfs), "67585 is not a port") != NULL);
    RETURNS(-EINVAL, nfs_mount(nfs, server, export_dir));
    nfs_set_nfsport(nfs, 2049);
    nfs_set_mountport(nfs, -1);
    RETURNS(-EINVAL, nfs_mount(nfs, server, export_dir));
    nfs_set_mountport(nfs, 0);
    RETURNS(0, nfs_mount(nfs, server, export_dir));
    EXPECT(nfs_get_readmax(nfs) == 16384);
    nfs_destroy_context(nfs);
}

int main(int argc, char **argv)
{
    char url[5000];
    const char *text;
    struct nfs_url *parts;

    start(argc, argv);
    nfs = nfs_init_context();
    EXPECT(mount_by_interface(nfs, "nothing0") == -ENODEV);
    EXPECT(mount_by_interface(nfs, "a name that is longer than interfaces have") < 0);
    EXPECT(mount_by_interface(nfs, "lo") == 0);
    nfs_destroy_context(nfs);

    nfs = nfs_init_context();
    snprintf(url, sizeof(url), "nfs://%s%s?if=nothing0&debug=1", server, export_dir);
    parts = nfs_parse_url_dir(nfs, url);
    nfs_destroy_url(parts);
    FAILS(nfs_mount(nfs, server, export_dir));
    RETURNS(0, mount_by_interface(nfs, NULL));

    /* As in libnfs, what the server says is of level 2, and what goes wrong on the way of level 1. */
    EXPECT(strcmp(told(0, stat_missing, nfs), "") == 0);
    EXPECT(strcmp(told(1, stat_missing, nfs), "") == 0);
    EXPECT(strcmp(told(1, mkdir_twice, nfs), "") == 0);
    EXPECT(strcmp(told(0, stat_null, nfs), "") == 0);
    text = told(1, stat_null, nfs);
    EXPECT(strncmp(text, "libnfs:1 ", 9) == 0);
    text = told(2, stat_missing, nfs);
    EXPECT(strncmp(text, "libnfs:2 ", 9) == 0);
    EXPECT(strstr(text, "/missing") && strstr(text, nfs_get_error(nfs)));
    EXPECT(text[0] && text[strlen(text) - 1] == '\n' && strchr(text, '\n') == text + strlen(text) - 1);
    nfs_destroy_context(nfs);
    refused();
    limits();
    return finish();
}
