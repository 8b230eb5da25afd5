/* Settings of a context, before and after the mount. */
#include "common.h"

static void show(const char *when)
{
    printf("%s: readmax=%llu writemax=%llu timeout=%d queue=%d events=%d fd=%s\n", when,
           (unsigned long long)nfs_get_readmax(nfs), (unsigned long long)nfs_get_writemax(nfs), nfs_get_timeout(nfs),
           nfs_queue_length(nfs), nfs_get_fd(nfs) >= 0 ? nfs_which_events(nfs) : -1,
           nfs_get_fd(nfs) >= 0 ? "open" : "-1");
}

int main(int argc, char **argv)
{
    static const int timeouts[] = {0, 1, 100, 20000, -1, 2147483647};
    struct nfs_stat_64 st;
    size_t i;

    start(argc, argv);
    make_file("/file", 0644, "file");
    nfs = nfs_init_context();
    show("new context");
    for (i = 0; i < COUNT(timeouts); i++) {
        char label[60];

        nfs_set_timeout(nfs, timeouts[i]);
        snprintf(label, sizeof(label), "timeout %d", timeouts[i]);
        printf("%s: %d\n", label, nfs_get_timeout(nfs));
    }
    nfs_set_timeout(nfs, 10000);
    printf("umask at first: %03o\n", nfs_umask(nfs, 027));
    printf("umask then: %03o\n", nfs_umask(nfs, 07777));
    printf("umask of all bits: %03o\n", nfs_umask(nfs, 0177777));
    printf("umask of more bits: %03o\n", nfs_umask(nfs, 022));
    nfs_set_tcp_syncnt(nfs, 3);
    nfs_set_uid(nfs, 0);
    nfs_set_gid(nfs, 0);
    nfs_set_pagecache(nfs, 16);
    nfs_set_pagecache_ttl(nfs, 3);
    nfs_set_readahead(nfs, 65536);
    nfs_set_debug(nfs, 0);
    nfs_set_dircache(nfs, 0);
    nfs_set_autoreconnect(nfs, 2);
    show("set up");
    CASE("mount", nfs_mount(nfs, server, export_dir));
    show("mounted");
    CASE("stat64", nfs_stat64(nfs, "/file", &st));
    show("used");
    nfs_set_timeout(nfs, 3000);
    nfs_set_readahead(nfs, 0);
    nfs_set_pagecache(nfs, 0);
    nfs_set_dircache(nfs, 1);
    CASE("stat64 again", nfs_stat64(nfs, "/file", &st));
    show("changed");
    nfs_destroy_context(nfs);

    /* A second mount of a used context, and two contexts at once. */
    mount_export();
    CASE("mount again", nfs_mount(nfs, server, readonly_dir));
    CASE("file of the first mount", nfs_stat64(nfs, "/file", &st));
    nfs_destroy_context(nfs);
    return 0;
}
