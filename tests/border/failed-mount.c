/* Mounts that fail in every way, the context afterwards, and that it can still be mounted. */
#include "every-call.h"

static void afterwards(void)
{
    every_call_fails();
    EXPECT(nfs_umount(nfs) <= 0);
    nfs_destroy_context(nfs);
}

static void try_again(void)
{
    RETURNS(0, nfs_mount(nfs, server, export_dir));
    RETURNS(0, nfs_access(nfs, "/", R_OK));
    nfs_destroy_context(nfs);
}

static struct nfs_context *with_timeout(int milliseconds)
{
    struct nfs_context *context = nfs_init_context();

    nfs_set_timeout(context, milliseconds);
    return context;
}

static void unreachable(void)
{
    int port, closed_port, fd = listener(&port), closed = listener(&closed_port);
    double began;
    int i;

    close(closed);
    /* A refused connection fails at once, without any timeout set. */
    nfs = context_for_ports(closed_port, closed_port, "&autoreconnect=0");
    FAILS(nfs_mount(nfs, server, export_dir));
    afterwards();
    nfs = context_for_ports(2049, closed_port, "");
    FAILS(nfs_mount(nfs, server, export_dir));
    afterwards();
    nfs = context_for_ports(closed_port, 20048, "");
    nfs_set_timeout(nfs, 2000);
    FAILS(nfs_mount(nfs, server, export_dir));
    afterwards();

    /* A server that takes the connection and says nothing. */
    for (i = 0; i < 2; i++) {
        nfs = context_for_ports(i ? port : 2049, i ? 20048 : port, "");
        nfs_set_timeout(nfs, 700);
        began = now();
        FAILS(nfs_mount(nfs, server, export_dir));
        EXPECT(now() - began > 0.5 && now() - began < 4);
        afterwards();
    }
    /* An address that does not answer, or has no route, and a name that does not exist. */
    nfs = with_timeout(700);
    FAILS(nfs_mount(nfs, "192.0.2.1", export_dir));
    afterwards();
    nfs = with_timeout(1000);
    FAILS(nfs_mount(nfs, "no-such-host.invalid", export_dir));
    afterwards();
    nfs = nfs_init_context();
    FAILS(nfs_mount(nfs, "no-such-host.invalid", export_dir));
    afterwards();
    close(fd);
}

int main(int argc, char **argv)
{
    static char long_text[10000];
    static const char *const bad_exports[] = {"/not-exported", "/", "", "relative", long_text};
    static const char *const bad_servers[] = {"", " ", "999.999.999.999", "[::1", "\xff\xfe", "%", long_text};
    size_t i;

    start(argc, argv);
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[0] = '/';
    for (i = 0; i < COUNT(bad_exports); i++) {
        nfs = with_timeout(5000);
        FAILS(nfs_mount(nfs, server, bad_exports[i]));
        afterwards();
    }
    for (i = 0; i < COUNT(bad_servers); i++) {
        nfs = with_timeout(2000);
        FAILS(nfs_mount(nfs, bad_servers[i], export_dir));
        afterwards();
    }
    /* Without a timeout, too. */
    nfs = nfs_init_context();
    FAILS(nfs_mount(nfs, server, "/not-exported"));
    afterwards();

    nfs = with_timeout(5000);
    FAILS(nfs_mount(nfs, NULL, export_dir));
    FAILS(nfs_mount(nfs, server, NULL));
    FAILS(nfs_mount(nfs, NULL, NULL));
    try_again();
    nfs = with_timeout(5000);
    RETURNS(-EACCES, nfs_mount(nfs, server, "/not-exported"));
    try_again();
    unreachable();

    nfs = with_timeout(5000);
    FAILS_LATER(nfs_mount_async(nfs, server, "/not-exported", count_failure, "mount_async"));
    afterwards();
    nfs = with_timeout(5000);
    FAILS_LATER(nfs_mount_async(nfs, "no-such-host.invalid", "/x", count_failure, "mount_async of no host"));
    afterwards();
    return finish();
}
