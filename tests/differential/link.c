/* nfs_link. */
#include "common.h"

static void join(const char *from, const char *to)
{
    char label[900];

    snprintf(label, sizeof(label), "%s", labelled("link", from));
    CASE(labelled(label, to), nfs_link(nfs, from, to));
}

int main(int argc, char **argv)
{
    static const struct {
        const char *from, *to;
    } bad[] = {
        {"/missing", "/new"},   {"/missing/x", "/new"}, {"/file/x", "/new"},      {"/file", "/missing/new"},
        {"/file", "/other/new"}, {"/file", "/other"},   {"/file", "/file"},       {"/file", "/dir"},
        {"/dir", "/new"},       {"/", "/new"},          {"/file", "/"},           {"", "/new"},
        {"/file", ""},          {".", "/new"},          {"/file", "."},           {"..", "/new"},
        {"/file", ".."},        {"/file", name256},     {name256, "/new"},        {long_missing, "/new"},
        {"/file", long_missing}, {"/loop/x", "/new"},   {"/file", "/loop/x"},     {"/file", "/new/"},
        {"/file", "/link"},     {"/file", "/broken"},
    };
    struct nfs_context *root;
    char path[PATH_MAX];
    size_t i;

    start(argc, argv);
    must(chmod(export_dir, 0755) == 0, "chmod", "/");
    make_dir("/dir", 0755);
    make_dir("/open", 0777);
    make_dir("/private", 0700);
    make_file("/file", 0666, "file");
    make_file("/other", 0640, "other");
    make_file("/private/file", 0644, "");
    make_file("/secret", 0600, "");
    make_symlink("file", "/link");
    make_symlink("nowhere", "/broken");
    make_symlink("loop", "/loop");
    make_symlink("dir", "/dirlink");
    make_node("/fifo", S_IFIFO | 0600, 0);
    snprintf(path, sizeof(path), "%s/file", readonly_dir);
    write_local_file(path, 0666, "", 0);
    mount_export();

    for (i = 0; i < COUNT(bad); i++)
        join(bad[i].from, bad[i].to);
    show_local("after bad links", "/file");
    join("/file", "/hard");
    show_local("after link", "/hard");
    join("file", "dir/hard");
    show_local("after link below", "/dir/hard");
    join("/file", "/dirlink/through");
    show_local("after link through a link", "/dir/through");
    join("/link", "/hard-of-link");
    show_local("after link of a link", "/hard-of-link");
    join("/broken", "/hard-of-broken");
    show_local("after link of a broken link", "/hard-of-broken");
    join("/loop", "/hard-of-loop");
    show_local("after link of a loop", "/hard-of-loop");
    join("/fifo", "/hard-of-fifo");
    show_local("after link of a fifo", "/hard-of-fifo");
    join("/file", "/\xff\xfe");
    show_local("after link bytes", "/\xff\xfe");
    join("/file", name255);
    show_local("after link long", name255);
    join("/file", "/hard");

    root = nfs;
    nfs = mount_user();
    join("/file", "/open/user");
    join("/file", "/dir/user");
    join("/secret", "/open/secret");
    join("/private/file", "/open/private");
    nfs_destroy_context(nfs);
    nfs = mount_dir(readonly_dir, 0, 0);
    CASE("read-only link", nfs_link(nfs, "/file", "/file2"));
    nfs_destroy_context(nfs);
    nfs_destroy_context(root);
    return 0;
}
