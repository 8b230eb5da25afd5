/* nfs_symlink, nfs_readlink. */
#include "common.h"

static void read_link(const char *path, int size)
{
    char buffer[6001], label[60];
    int ret;

    memset(buffer, '#', sizeof(buffer));
    ret = nfs_readlink(nfs, path, buffer, size);
    snprintf(label, sizeof(label), "readlink size %d", size);
    printf("%s: %s", labelled(label, path), outcome(ret));
    if (ret >= 0) {
        size_t length = strnlen(buffer, sizeof(buffer));

        if (length < 100)
            printf(" %s", labelled("target", buffer));
        else
            printf(" length=%zu", length);
        printf(", %s", buffer[size] == '#' ? "no more" : "past its end");
    }
    printf("\n");
}

static void read_link2(const char *path)
{
    char *target = NULL;
    int ret = nfs_readlink2(nfs, path, &target);

    printf("%s: %s", labelled("readlink2", path), outcome(ret));
    if (ret != 0)
        printf(" %s\n", target ? "set" : "NULL");
    else if (strlen(target) < 100)
        printf(" %s\n", labelled("target", target));
    else
        printf(" length=%zu\n", strlen(target));
    free(target);
}

static void make(const char *target, const char *path)
{
    char is[6000] = "";
    ssize_t length;

    printf("%s: %s\n", labelled(labelled("symlink", target), path), outcome(nfs_symlink(nfs, target, path)));
    if (strlen(path) > 300)
        return;
    length = readlink(local(path), is, sizeof(is) - 1);
    if (length < 0)
        printf("%s: local %s\n", labelled("after symlink", path), strerrorname_np(errno));
    else
        printf("%s: local length=%zd equal=%d\n", labelled("after symlink", path), length, strcmp(is, target) == 0);
}

int main(int argc, char **argv)
{
    static const char *const no_link[] = {"/file", "/dir", "/", "", ".", "..", "/missing", "/file/x", "/missing/x", "/fifo",
                                          "/loop/x", name256, long_missing, "/link/", "/dirlink/", "/dirlink/."};
    static const char *const bad[] = {"/",       "",      ".",       "..",    "/file", "/dir", "/missing/x", "/file/x", "/link",
                                      "/broken", "/loop", "/loop/x", name256, long_missing, "/trailing/"};
    static char long_target[5000];
    struct nfs_context *root;
    size_t i;

    start(argc, argv);
    must(chmod(export_dir, 0755) == 0, "chmod", "/");
    make_dir("/dir", 0755);
    make_dir("/open", 0777);
    make_dir("/private", 0700);
    make_file("/file", 0644, "file");
    make_symlink("file", "/link");
    make_symlink("0123456789", "/ten");
    make_symlink("nowhere", "/broken");
    make_symlink("loop", "/loop");
    make_symlink("dir", "/dirlink");
    make_symlink("/absolute/target", "/absolute");
    make_symlink("..//odd/./\xff\x80 x", "/odd");
    make_symlink("../link", "/dir/up");
    make_symlink("hidden", "/private/link");
    make_node("/fifo", S_IFIFO | 0600, 0);
    memset(long_target, 't', 4095);
    make_symlink(long_target, "/long");
    mount_export();

    read_link("/link", 100);
    read_link("/ten", 100);
    read_link("/ten", 11);
    read_link("/ten", 10);
    read_link("/ten", 9);
    read_link("/ten", 1);
    read_link("/ten", 0);
    read_link("/broken", 100);
    read_link("/loop", 100);
    read_link("/absolute", 100);
    read_link("/odd", 100);
    read_link("/dir/up", 100);
    read_link("/dirlink/up", 100);
    read_link("/long", 4096);
    read_link("/long", 4095);
    read_link("/long", 6000);
    for (i = 0; i < COUNT(no_link); i++) {
        read_link(no_link[i], 100);
        read_link2(no_link[i]);
    }
    read_link2("/link");
    read_link2("/broken");
    read_link2("/absolute");
    read_link2("/odd");
    read_link2("/dirlink/up");
    read_link2("/long");

    make("target", "/new");
    make("../x/./y//", "/dir/new");
    make("/absolute", "/new-absolute");
    make("\xff\xfe", "/\xff\xfe");
    make("x", "/dirlink/through");
    make("relative", "relative-link");
    make("", "/empty-target");
    make(long_target, "/new-long");
    memset(long_target, 't', 4096);
    make(long_target, "/new-longer");
    make("x", name255);
    for (i = 0; i < COUNT(bad); i++)
        make("x", bad[i]);
    show_local("after symlinks", "/new");

    root = nfs;
    nfs = mount_user();
    make("x", "/open/user");
    show_local("after user symlink", "/open/user");
    make("x", "/dir/user");
    read_link("/private/link", 100);
    read_link("/link", 100);
    nfs_destroy_context(nfs);
    nfs = mount_dir(readonly_dir, 0, 0);
    CASE("read-only symlink", nfs_symlink(nfs, "x", "/new"));
    nfs_destroy_context(nfs);
    nfs_destroy_context(root);
    return 0;
}
