/* nfs_mount_async and nfs_umount_async beside their synchronous forms: how a mount fails, and how it ends. */
#include "async.h"

static void mount_case(const char *label, const char *host, const char *path)
{
    const char *sentence;

    nfs = nfs_init_context();
    nfs_set_timeout(nfs, 5000);
    ASYNC_CASE(label, NOTHING, nfs_mount_async, host, path);
    sentence = nfs_get_error(nfs);
    printf("%s, error: %s\n", label, sentence && *sentence ? "set" : "empty");
    nfs_destroy_context(nfs);

    nfs = nfs_init_context();
    nfs_set_timeout(nfs, 5000);
    printf("%s, synchronously: %s\n", label, outcome(nfs_mount(nfs, host, path)));
    nfs_destroy_context(nfs);
}

int main(int argc, char **argv)
{
    char path[PATH_MAX + 300];
    struct nfs_stat_64 st;

    start(argc, argv);
    make_file("/file", 0644, "content");
    make_dir("/dir", 0755);

    mount_case("mount export", server, export_dir);
    mount_case("mount by name", "localhost", export_dir);
    mount_case("mount not exported", server, "/not-exported");
    mount_case("mount empty", server, "");
    mount_case("mount relative", server, "export");
    snprintf(path, sizeof(path), "%s/missing", export_dir);
    mount_case("mount missing", server, path);
    snprintf(path, sizeof(path), "%s/file", export_dir);
    mount_case("mount file", server, path);
    snprintf(path, sizeof(path), "%s/%s", export_dir, name256);
    mount_case("mount long name", server, path);
    mount_case("mount unknown host", "no-such-host.invalid", export_dir);

    mount_export();
    CASE("stat before umount", nfs_stat64(nfs, "/file", &st));
    ASYNC_CASE("umount", NOTHING, nfs_umount_async);
    nfs_destroy_context(nfs);

    mount_export();
    CASE("synchronous umount", nfs_umount(nfs));
    nfs_destroy_context(nfs);
    return 0;
}
