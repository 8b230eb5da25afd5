/* A child of the process that has mounted uses the context, and the parent goes on when it has ended: at the same time
 * both cannot, with libnfs, which leaves them one connection; nor does the parent change anything, for with libnfs it
 * then uses the xids of the child again, and is given the server's replies to that. */
#include "common.h"

#include <sys/wait.h>

static struct nfsfh *fh;
static struct nfsdir *directory;

static void read_on(const char *label)
{
    char text[4] = "---";
    int ret = nfs_read(nfs, fh, 3, text);

    printf("%s: %s %.3s\n", label, outcome(ret), text);
}

static void use(const char *who, int writes)
{
    struct nfs_stat_64 st;
    struct nfsdir *other;
    struct nfsfh *own;
    char label[100], text[10];
    int ret;

#define LABEL(what) (snprintf(label, sizeof(label), "%s %s", who, what), label)
    read_on(LABEL("read"));
    ret = nfs_stat64(nfs, "/file", &st);
    printf("%s: %s\n", LABEL("stat"), outcome(ret));
    ret = nfs_stat64(nfs, "/missing", &st);
    printf("%s: %s\n", LABEL("stat of nothing"), outcome(ret));
    printf("%s: %s\n", LABEL("readdir"), nfs_readdir(nfs, directory) ? "an entry" : "NULL");
    ret = nfs_opendir(nfs, "/", &other);
    printf("%s: %s\n", LABEL("opendir"), outcome(ret));
    nfs_closedir(nfs, other);
    if (!writes)
        return;
    ret = nfs_creat(nfs, "/own", 0644, &own);
    printf("%s: %s\n", LABEL("creat"), outcome(ret));
    ret = nfs_pwrite(nfs, own, 0, 7, "content");
    printf("%s: %s\n", LABEL("pwrite"), outcome(ret));
    ret = nfs_pread(nfs, own, 0, 7, text);
    printf("%s: %s %.7s\n", LABEL("pread"), outcome(ret), text);
    ret = nfs_close(nfs, own);
    printf("%s: %s\n", LABEL("close"), outcome(ret));
    ret = nfs_unlink(nfs, "/own");
    printf("%s: %s\n", LABEL("unlink"), outcome(ret));
}

int main(int argc, char **argv)
{
    pid_t child;
    int status;

    start(argc, argv);
    make_file("/file", 0644, "0123456789abcdefghij");
    mount_export();
    fh = opened("/file", O_RDONLY);
    printf("opendir: %s\n", outcome(nfs_opendir(nfs, "/", &directory)));
    read_on("read");
    fflush(stdout);
    child = fork();
    if (child == 0) {
        use("child", 1);
        fflush(stdout);
        child = fork();
        if (child == 0) {
            use("grandchild", 1);
            fflush(stdout);
            _exit(0);
        }
        waitpid(child, &status, 0);
        read_on("child goes on");
        printf("child close: %s\n", outcome(nfs_close(nfs, fh)));
        nfs_destroy_context(nfs);
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, &status, 0);
    use("parent", 0);
    nfs_closedir(nfs, directory);
    printf("close: %s\n", outcome(nfs_close(nfs, fh)));
    nfs_destroy_context(nfs);
    return 0;
}
