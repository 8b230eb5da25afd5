/* nfs_rename. */
#include "common.h"

static void move(const char *from, const char *to)
{
    char label[900];

    snprintf(label, sizeof(label), "%s", labelled("rename", from));
    CASE(labelled(label, to), nfs_rename(nfs, from, to));
}

int main(int argc, char **argv)
{
    static const struct {
        const char *from, *to;
    } bad[] = {
        {"/missing", "/new"},     {"/missing/x", "/new"},   {"/file/x", "/new"},      {"/file", "/missing/new"},
        {"/file", "/other/new"},  {"/dir", "/file"},        {"/file", "/dir"},        {"/dir", "/full"},
        {"/dir", "/dir/below"},   {"/full/inner", "/full"}, {"/", "/new"},            {"/file", "/"},
        {"", "/new"},             {"/file", ""},            {".", "/new"},            {"/file", "."},
        {"..", "/new"},           {"/file", ".."},          {"/file", name256},       {name256, "/new"},
        {long_missing, "/new"},   {"/file", long_missing},  {"/loop/x", "/new"},      {"/file", "/loop/x"},
        {"/dir/.", "/new"},       {"/dir/..", "/new"},      {"/file", "/dir/."},      {"/file", "/dir/.."},
        {"/file/", "/new"},       {"/file", "/new/"},
    };
    struct nfs_context *root;
    struct nfsfh *fh;
    char path[PATH_MAX], content[20] = "";
    size_t i;

    start(argc, argv);
    must(chmod(export_dir, 0755) == 0, "chmod", "/");
    make_dir("/dir", 0755);
    make_dir("/dir2", 0700);
    make_dir("/empty", 0711);
    make_dir("/full", 0755);
    make_dir("/full/inner", 0755);
    make_dir("/open", 0777);
    make_dir("/sticky", 01777);
    make_file("/file", 0644, "file");
    make_file("/other", 0640, "other");
    make_file("/a", 0601, "a");
    make_file("/b", 0602, "bb");
    make_file("/c", 0603, "ccc");
    make_file("/handle", 0644, "handle");
    make_file("/hard1", 0644, "hard");
    make_file("/bytes", 0644, "bytes");
    make_file("/dir/denied", 0666, "");
    make_file("/open/file", 0600, "");
    make_file("/sticky/root", 0666, "");
    must(link(local("/hard1"), local("/hard2")) == 0, "link", "/hard2");
    make_symlink("c", "/link");
    make_symlink("loop", "/loop");
    make_symlink("dir", "/dirlink");
    snprintf(path, sizeof(path), "%s/file", readonly_dir);
    write_local_file(path, 0666, "", 0);
    mount_export();

    for (i = 0; i < COUNT(bad); i++)
        move(bad[i].from, bad[i].to);
    show_local("after bad renames", "/file");
    show_local("after bad renames dir", "/dir");
    show_local("after bad renames new", "/new");

    move("/a", "/a2");
    show_local("after rename old", "/a");
    show_local("after rename new", "/a2");
    move("/a2", "/b");
    show_local("after rename over old", "/a2");
    show_local("after rename over new", "/b");
    move("/b", "/b");
    show_local("after rename to itself", "/b");
    move("/hard1", "/hard2");
    show_local("after rename to a hard link, old", "/hard1");
    show_local("after rename to a hard link, new", "/hard2");
    move("/c", "/dir/c");
    show_local("after rename into", "/dir/c");
    move("/dir/c", "c-again");
    show_local("after rename out", "/c-again");
    move("/link", "/link2");
    show_local("after rename link", "/link2");
    move("/c-again", "/link2");
    show_local("after rename over link", "/link2");
    move("/dir2", "/dir3");
    show_local("after rename directory", "/dir3");
    move("/dir3", "/empty");
    show_local("after rename over an empty directory", "/empty");
    move("/full/inner", "/dirlink/inner");
    show_local("after rename through a link", "/dir/inner");
    move("/bytes", "/\xff\x80");
    show_local("after rename bytes", "/\xff\x80");
    move("/\xff\x80", name255);
    show_local("after rename long", name255);

    fh = opened("/handle", O_RDWR);
    move("/handle", "/handle2");
    CASE("read after rename", nfs_read(nfs, fh, 6, content));
    printf("content after rename: %s\n", content);
    move("/file", "/handle2");
    CASE("read after rename over", nfs_pread(nfs, fh, 0, 6, content));
    nfs_close(nfs, fh);

    root = nfs;
    nfs = mount_user();
    move("/dir/denied", "/open/denied");
    move("/open/file", "/dir/file");
    move("/open/file", "/open/file2");
    move("/sticky/root", "/sticky/mine");
    move("/dir/missing", "/open/x");
    nfs_destroy_context(nfs);
    nfs = mount_dir(readonly_dir, 0, 0);
    CASE("read-only rename", nfs_rename(nfs, "/file", "/file2"));
    CASE("read-only rename missing", nfs_rename(nfs, "/missing", "/file2"));
    nfs_destroy_context(nfs);
    nfs_destroy_context(root);
    return 0;
}
