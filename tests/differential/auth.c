/* Credentials: nfs_set_auth with those of libnfs-zdr.h, nfs_set_uid and nfs_set_gid after them. */
#include "common.h"

#include <nfsc/libnfs-zdr.h>

/* Who the server takes the context for: the owner of what it makes, and what it may read. */
static void show_identity(const char *label)
{
    static int number;
    struct nfsfh *fh = NULL;
    char path[40];
    int ret;

    snprintf(path, sizeof(path), "/new-%d", number++);
    ret = nfs_creat(nfs, path, 0644, &fh);
    printf("%s, creat: %s\n", label, outcome(ret));
    if (fh)
        nfs_close(nfs, fh);
    show_local(label, path);
    printf("%s, user's: access2 %s\n", label, outcome(nfs_access2(nfs, "/users")));
    printf("%s, group's: access2 %s\n", label, outcome(nfs_access2(nfs, "/groups")));
    printf("%s, further group's: access2 %s\n", label, outcome(nfs_access2(nfs, "/further")));
    printf("%s, sixteenth group's: access2 %s\n", label, outcome(nfs_access2(nfs, "/sixteenth")));
}

int main(int argc, char **argv)
{
    uint32_t groups[16], i;
    struct AUTH *auth;

    start(argc, argv);
    must(chmod(export_dir, 0777) == 0, "chmod", "/");
    make_file("/users", 0600, "");
    own("/users", 1000, 0);
    make_file("/groups", 0060, "");
    own("/groups", 0, 1001);
    make_file("/further", 0060, "");
    own("/further", 0, 2000);
    make_file("/sixteenth", 0060, "");
    own("/sixteenth", 0, 2015);
    for (i = 0; i < COUNT(groups); i++)
        groups[i] = 2000 + i;

    auth = libnfs_authnone_create();
    printf("authnone: %s\n", auth ? "made" : "NULL");
    libnfs_auth_destroy(auth);
    auth = libnfs_authunix_create_default();
    printf("authunix default: %s\n", auth ? "made" : "NULL");
    libnfs_auth_destroy(auth);

    nfs = nfs_init_context();
    nfs_set_timeout(nfs, 20000);
    nfs_set_auth(nfs, libnfs_authunix_create("client", 1000, 1001, 0, NULL));
    CASE("mount with auth", nfs_mount(nfs, server, export_dir));
    show_identity("uid 1000 gid 1001");
    nfs_set_auth(nfs, libnfs_authunix_create("client", 1234, 1235, COUNT(groups), groups));
    show_identity("sixteen groups");
    nfs_set_auth(nfs, libnfs_authunix_create("", 1234, 1235, 1, groups));
    show_identity("one group, no name");
    nfs_set_auth(nfs, libnfs_authunix_create("client", 0, 0, 0, NULL));
    show_identity("root");
    nfs_set_uid(nfs, 1000);
    nfs_set_gid(nfs, 1001);
    show_identity("set_uid after set_auth");
    nfs_set_auth(nfs, libnfs_authunix_create_default());
    show_identity("default");
    nfs_destroy_context(nfs);
    return 0;
}
