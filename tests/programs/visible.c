/* What another client does becomes visible to one that has warm caches: visible SERVER EXPORT LIBRARY_DIRECTORY
   The other client is this program, run as: visible SERVER EXPORT LIBRARY_DIRECTORY change WHAT PATH [TEXT] */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <nfsc/libnfs.h>

static char **arguments;
static struct nfs_context *nfs;

static void fail(const char *what, int status)
{
    printf("%s: %d, %s\n", what, status, nfs_get_error(nfs));
    exit(1);
}

static void need(const char *what, int status)
{
    if (status < 0)
        fail(what, status);
}

static void write_file(const char *path, const char *text)
{
    struct nfsfh *file;

    need("open", nfs_open(nfs, path, O_WRONLY | O_CREAT | O_TRUNC, &file));
    if (nfs_write(nfs, file, strlen(text), (void *)text) != (int)strlen(text))
        fail("write", -1);
    need("close", nfs_close(nfs, file));
}

static int change(const char *what, const char *path, const char *text)
{
    if (strcmp(what, "write") == 0)
        write_file(path, text);
    else if (strcmp(what, "rename") == 0)
        need(what, nfs_rename(nfs, path, text));
    else if (strcmp(what, "unlink") == 0)
        need(what, nfs_unlink(nfs, path));
    else if (strcmp(what, "mkdir") == 0)
        need(what, nfs_mkdir(nfs, path));
    else if (strcmp(what, "rmdir") == 0)
        need(what, nfs_rmdir(nfs, path));
    else
        return 2;
    return 0;
}

/* The other client does something. */
static void other(const char *what, const char *path, const char *text)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        setenv("LD_LIBRARY_PATH", arguments[3], 1);
        execl("/proc/self/exe", arguments[0], arguments[1], arguments[2], arguments[3], "change", what, path, text,
              (char *)NULL);
        _exit(127);
    }
    waitpid(child, &status, 0);
    if (status != 0)
        fail(what, status);
}

/* A new open, and stat, see this; NULL for a file that is not there. */
static void expect(const char *path, const char *text)
{
    char bytes[100] = "";
    struct nfs_stat_64 st;
    struct nfsfh *file;
    int status = nfs_stat64(nfs, path, &st);
    int opened = nfs_open(nfs, path, O_RDONLY, &file);

    if (text == NULL) {
        if (status != -ENOENT || opened != -ENOENT)
            fail(path, status);
        return;
    }
    need(path, status);
    need(path, opened);
    need(path, nfs_read(nfs, file, sizeof(bytes) - 1, bytes));
    need(path, nfs_close(nfs, file));
    if (strcmp(bytes, text) != 0 || st.nfs_size != strlen(text)) {
        printf("%s: \"%s\" of %d bytes in place of \"%s\"\n", path, bytes, (int)st.nfs_size, text);
        exit(1);
    }
}

static int entries(const char *path)
{
    struct nfsdir *directory;
    int count = 0;

    need("opendir", nfs_opendir(nfs, path, &directory));
    while (nfs_readdir(nfs, directory) != NULL)
        count++;
    nfs_closedir(nfs, directory);
    return count;
}

static void watch(void)
{
    int before;

    need("mkdir", nfs_mkdir(nfs, "/d"));
    need("mkdir", nfs_mkdir(nfs, "/d/e"));
    write_file("/d/e/f", "one");
    expect("/d/e/f", "one");
    before = entries("/d/e");

    other("write", "/d/e/f", "another");
    expect("/d/e/f", "another");
    other("write", "/d/e/g", "replaced");
    if (entries("/d/e") != before + 1)
        fail("a new entry is not listed", 0);
    expect("/d/e/g", "replaced");
    other("rename", "/d/e/g", "/d/e/f");
    expect("/d/e/f", "replaced");
    expect("/d/e/g", NULL);
    other("unlink", "/d/e/f", NULL);
    expect("/d/e/f", NULL);

    /* Another directory under the old name. */
    other("rmdir", "/d/e", NULL);
    expect("/d/e/f", NULL);
    other("mkdir", "/d/e", NULL);
    other("write", "/d/e/f", "in a new directory");
    expect("/d/e/f", "in a new directory");

    /* A directory moves: its new name is good at once, its old name is known a while longer. */
    other("rename", "/d", "/moved");
    expect("/moved/e/f", "in a new directory");
    sleep(4);
    expect("/d/e/f", NULL);

    nfs_set_dircache(nfs, 0);
    expect("/moved/e/f", "in a new directory");
    other("rename", "/moved", "/again");
    expect("/moved/e/f", NULL);
    expect("/again/e/f", "in a new directory");
}

int main(int argc, char **argv)
{
    arguments = argv;
    nfs = nfs_init_context();
    if (argc < 4)
        return 2;
    need("mount", nfs_mount(nfs, argv[1], argv[2]));
    if (argc > 6 && strcmp(argv[4], "change") == 0)
        return change(argv[5], argv[6], argv[7]);
    watch();
    nfs_destroy_context(nfs);
    return 0;
}
