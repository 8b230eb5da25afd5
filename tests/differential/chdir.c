/* nfs_chdir, nfs_getcwd, and what relative paths mean after them. */
#include "common.h"

static void change(const char *path)
{
    const char *cwd = NULL;
    int ret = nfs_chdir(nfs, path);
    const char *label = labelled("chdir", path);

    nfs_getcwd(nfs, &cwd);
    if (cwd && strlen(cwd) > 200)
        printf("%s: %s cwd of %zu bytes\n", label, outcome(ret), strlen(cwd));
    else
        printf("%s: %s cwd %s\n", label, outcome(ret), cwd ? cwd : "NULL");
}

static void show(const char *from, const char *path)
{
    struct nfs_stat_64 st;
    char label[200];
    int ret = nfs_stat64(nfs, path, &st);

    snprintf(label, sizeof(label), "in %s stat64", from);
    printf("%s: %s", labelled(label, path), outcome(ret));
    if (ret == 0 && S_ISREG(st.nfs_mode))
        printf(" size=%llu", (unsigned long long)st.nfs_size);
    printf("\n");
}

int main(int argc, char **argv)
{
    static const char *const bad[] = {"/missing", "missing", "/file", "/file/x", "/broken", "/loop", "", name256,
                                      long_missing, "/a/b/missing", "/filelink"};
    struct nfs_context *root;
    struct nfsfh *fh = NULL;
    struct nfsdir *dir = NULL;
    char target[100] = "";
    size_t i;

    start(argc, argv);
    make_dir("/a", 0755);
    make_dir("/a/b", 0755);
    make_dir("/a/b/c", 0755);
    make_dir("/private", 0700);
    make_dir("/gone", 0755);
    make_dir("/a/\xff\xfe", 0755);
    make_file("/file", 0644, "1");
    make_file("/victim", 0644, "victim");
    make_file("/absolute-victim", 0644, "victim");
    make_file("/a/file", 0644, "22");
    make_file("/a/b/file", 0644, "333");
    make_symlink("a/b", "/to-b");
    make_symlink("/a", "/to-a-absolute");
    make_symlink("..", "/a/up");
    make_symlink("nowhere", "/broken");
    make_symlink("loop", "/loop");
    make_symlink("file", "/filelink");
    mount_export();

    show("/", "file");
    change("/a");
    show("/a", "file");
    show("/a", "./file");
    show("/a", "b/file");
    show("/a", "../file");
    show("/a", "/file");
    show("/a", "../a/file");
    show("/a", ".");
    show("/a", "");
    show("/a", "up/file");
    change("b");
    show("/a/b", "file");
    show("/a/b", "../file");
    show("/a/b", "../../file");
    show("/a/b", "../../../file");
    for (i = 0; i < COUNT(bad); i++) {
        nfs_chdir(nfs, "/a/b");
        change(bad[i]);
    }
    nfs_chdir(nfs, "/a/b");
    change(".");
    change("./c/");
    change("..");
    change("../b//c");
    change("../../../a");
    change("..");
    change("..");
    change("/");
    change("//a//b//");
    change("/a/./b/../b/.");
    change("/to-b");
    show("/to-b", "file");
    show("/to-b", "../file");
    change("..");
    change("/to-a-absolute/b");
    show("/to-a-absolute/b", "../file");
    change("/a/up");
    show("/a/up", "file");
    change("/a/\xff\xfe");
    change("/a/..");
    change(long_dots);
    change("/a/b");

    /* Every other call takes relative paths as well. */
    CASE("relative creat", nfs_creat(nfs, "new", 0644, &fh));
    if (fh)
        nfs_close(nfs, fh);
    show_local("after relative creat", "/a/b/new");
    CASE("relative mkdir", nfs_mkdir(nfs, "newdir"));
    show_local("after relative mkdir", "/a/b/newdir");
    CASE("relative opendir", nfs_opendir(nfs, ".", &dir));
    if (dir)
        nfs_closedir(nfs, dir);
    CASE("relative symlink", nfs_symlink(nfs, "file", "newlink"));
    show_local("after relative symlink", "/a/b/newlink");
    CASE("relative readlink", nfs_readlink(nfs, "newlink", target, sizeof(target)));
    printf("relative readlink target: %s\n", target);
    CASE("relative link", nfs_link(nfs, "new", "../hard"));
    show_local("after relative link", "/a/hard");
    CASE("relative rename", nfs_rename(nfs, "new", "../renamed"));
    show_local("after relative rename", "/a/renamed");
    CASE("relative mknod", nfs_mknod(nfs, "fifo", S_IFIFO | 0600, 0));
    show_local("after relative mknod", "/a/b/fifo");
    CASE("relative unlink", nfs_unlink(nfs, "newlink"));
    CASE("relative rmdir", nfs_rmdir(nfs, "newdir"));
    CASE("relative chmod", nfs_chmod(nfs, "file", 0600));
    CASE("relative chown", nfs_chown(nfs, "file", 1, 2));
    CASE("relative truncate", nfs_truncate(nfs, "file", 1));
    CASE("relative access", nfs_access(nfs, "file", R_OK));
    show_local("after relative changes", "/a/b/file");

    /* Absolute paths of one component do not depend on the current directory. */
    CASE("absolute mkdir", nfs_mkdir(nfs, "/absolute"));
    show_local("after absolute mkdir", "/absolute");
    fh = NULL;
    CASE("absolute creat", nfs_creat(nfs, "/absolute-file", 0644, &fh));
    if (fh)
        nfs_close(nfs, fh);
    show_local("after absolute creat", "/absolute-file");
    fh = NULL;
    CASE("absolute open O_CREAT", nfs_open(nfs, "/absolute-open", O_RDWR | O_CREAT, &fh));
    if (fh)
        nfs_close(nfs, fh);
    show_local("after absolute open O_CREAT", "/absolute-open");
    CASE("absolute symlink", nfs_symlink(nfs, "x", "/absolute-link"));
    show_local("after absolute symlink", "/absolute-link");
    CASE("absolute rename", nfs_rename(nfs, "/victim", "/victim2"));
    show_local("after absolute rename", "/victim2");
    CASE("absolute unlink", nfs_unlink(nfs, "/absolute-victim"));
    show_local("after absolute unlink", "/absolute-victim");
    CASE("absolute chmod", nfs_chmod(nfs, "/file", 0600));
    show_local("after absolute chmod", "/file");

    change("/gone");
    CASE("rmdir of the current directory", nfs_rmdir(nfs, "../gone"));
    show("/gone", "file");
    show("/gone", ".");
    show("/gone", "/file");
    change("..");

    root = nfs;
    nfs = mount_user();
    change("/private");
    change("/a");
    nfs_destroy_context(nfs);
    nfs_destroy_context(root);
    return 0;
}
