/* nfs_mount, nfs_umount, credentials in URLs and contexts, which port and version URLs ask for. */
#include "common.h"

static void try_mount(const char *label, const char *host, const char *path)
{
    struct nfs_context *context = nfs_init_context();
    const char *error;
    int ret;

    nfs_set_timeout(context, 5000);
    ret = nfs_mount(context, host, path);
    error = nfs_get_error(context);
    printf("%s: %s error %s\n", label, outcome(ret), ret == 0 ? "-" : error && *error ? "set" : "not set");
    nfs_destroy_context(context);
}

static const char *joined(const char *a, const char *b)
{
    static char buffers[4][PATH_MAX];
    static int next;
    char *buffer = buffers[next++ % 4];

    snprintf(buffer, sizeof(buffers[0]), "%s%s", a, b);
    return buffer;
}

static void with_url(const char *query, const char *name)
{
    struct nfs_context *context = nfs_init_context();
    struct nfs_url *url;
    struct nfsfh *fh = NULL;
    char text[PATH_MAX + 100];
    int ret;

    nfs_set_timeout(context, 5000);
    snprintf(text, sizeof(text), "nfs://127.0.0.1%s?%s", export_dir, query);
    url = nfs_parse_url_dir(context, text);
    if (url == NULL) {
        printf("url %s: NULL\n", query);
        nfs_destroy_context(context);
        return;
    }
    ret = nfs_mount(context, url->server, url->path);
    printf("url %s: mount %s\n", query, outcome(ret));
    if (ret == 0) {
        ret = nfs_creat(context, name, 0644, &fh);
        printf("url %s create: %s\n", query, outcome(ret));
        if (fh)
            nfs_close(context, fh);
        show_local(joined("after url ", query), name);
    }
    nfs_destroy_url(url);
    nfs_destroy_context(context);
}

int main(int argc, char **argv)
{
    struct nfs_stat_64 st;
    struct nfsfh *fh = NULL;
    const char *cwd = NULL;

    start(argc, argv);
    must(chmod(export_dir, 0777) == 0, "chmod", "/");
    make_dir("/dir", 0755);
    make_file("/file", 0644, "content");
    make_file("/dir/file", 0644, "dir content");
    make_symlink("dir", "/dirlink");
    make_dir("/private", 0700);

    try_mount("mount export", server, export_dir);
    try_mount("mount directory below", server, joined(export_dir, "/dir"));
    try_mount("mount slash after", server, joined(export_dir, "/"));
    try_mount("mount slashes before", server, joined("//", export_dir + 1));
    try_mount("mount file", server, joined(export_dir, "/file"));
    try_mount("mount symlink", server, joined(export_dir, "/dirlink"));
    try_mount("mount missing below", server, joined(export_dir, "/missing"));
    try_mount("mount not exported", server, "/not-exported");
    try_mount("mount slash", server, "/");
    try_mount("mount empty", server, "");
    try_mount("mount relative", server, export_dir + 1);
    try_mount("mount dot", server, joined(export_dir, "/."));
    try_mount("mount dotdot", server, joined(export_dir, "/dir/.."));
    try_mount("mount long name", server, joined(joined(export_dir, "/"), name256));
    try_mount("mount read-only", server, readonly_dir);
    try_mount("mount localhost", "localhost", export_dir);

    with_url("version=3", "/u-version3");
    with_url("uid=1000", "/u-uid");
    with_url("gid=1001", "/u-gid");
    with_url("uid=1000&gid=1001", "/u-uid-gid");
    with_url("gid=1001&uid=1000", "/u-gid-uid");
    with_url("uid=1000&&unknown=7&gid=100", "/u-unknown");
    with_url("nfsport=2049&mountport=20048", "/u-ports");
    with_url("readahead=65536&pagecache=16&autoreconnect=3&tcp-syncnt=2&dircache=0&debug=0", "/u-many");
    with_url("auto-traverse-mounts=0", "/u-traverse");
    with_url("timeo=50", "/u-timeo");
    with_url("version={VERS}", "/u-version-name");
    with_url("version", "/u-version");
    with_url("version=3x", "/u-version-3x");
    with_url("uid=-2", "/u-uid-2");
    with_url("uid=4294967294&gid=4294967293", "/u-uid-large");
    with_url("uid=abc&gid=1000abc", "/u-uid-name");
    with_url("uid=1000&uid", "/u-uid-none");
    with_url("uid= 1000&gid=+1001", "/u-uid-space");
    with_url("autoreconnect=&dircache=2&readahead=1M&pagecache=x&debug=", "/u-no-numbers");
    with_url("nfsport=2049x&mountport=20048?", "/u-ports-x");
    with_url("nfsport=0x801", "/u-port-0");

    nfs = nfs_init_context();
    CASE("set_version 3", nfs_set_version(nfs, 3));
    CASE("set_version 4", nfs_set_version(nfs, 4));
    CASE("set_version 2", nfs_set_version(nfs, 2));
    CASE("set_version 5", nfs_set_version(nfs, 5));
    CASE("set_version 0", nfs_set_version(nfs, 0));
    CASE("set_version -1", nfs_set_version(nfs, -1));
    nfs_destroy_context(nfs);

    nfs = mount_dir(joined(export_dir, "/dir"), 1000, 1001);
    CASE("below stat of the root", nfs_stat64(nfs, "/file", &st));
    printf("below size: %llu\n", (unsigned long long)st.nfs_size);
    CASE("below stat of ..", nfs_stat64(nfs, "/../file", &st));
    nfs_getcwd(nfs, &cwd);
    printf("below cwd: %s\n", cwd);
    nfs_destroy_context(nfs);

    /* Credentials may change while mounted. */
    mount_export();
    nfs_set_uid(nfs, 1000);
    nfs_set_gid(nfs, 1001);
    CASE("uid changed, create", nfs_creat(nfs, "/changed", 0644, &fh));
    if (fh)
        nfs_close(nfs, fh);
    show_local("after uid changed", "/changed");
    CASE("uid changed, denied", nfs_stat64(nfs, "/private/x", &st));
    nfs_set_uid(nfs, 0);
    nfs_set_gid(nfs, 0);
    CASE("uid changed back", nfs_stat64(nfs, "/private/x", &st));

    printf("readmax: %llu\n", (unsigned long long)nfs_get_readmax(nfs));
    printf("writemax: %llu\n", (unsigned long long)nfs_get_writemax(nfs));
    printf("fd: %s\n", nfs_get_fd(nfs) >= 0 ? "open" : "-1");
    printf("queue length: %d\n", nfs_queue_length(nfs));
    CASE("umount", nfs_umount(nfs));
    nfs_destroy_context(nfs);

    nfs = nfs_init_context();
    printf("unmounted fd: %s\n", nfs_get_fd(nfs) >= 0 ? "open" : "-1");
    printf("unmounted queue length: %d\n", nfs_queue_length(nfs));
    cwd = NULL;
    nfs_getcwd(nfs, &cwd);
    printf("unmounted cwd: %s\n", cwd ? cwd : "NULL");
    printf("unmounted error: %s\n", nfs_get_error(nfs) && *nfs_get_error(nfs) ? "set" : "empty");
    nfs_destroy_context(nfs);
    return 0;
}
