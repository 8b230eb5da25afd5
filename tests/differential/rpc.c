/* RPC contexts: mount_getexports_async, and the context that an NFS context has (nfs_get_rpc_context, nfs_get_fh). */
#include "common.h"

#include <nfsc/libnfs-raw.h>

static int calls, last_status;
static struct rpc_context *last_context;

/* The data of a success is the address of a list. */
static void answered(struct rpc_context *rpc, int status, void *data, void *private_data)
{
    int count = 0, ours = 0, readonly = 0;
    struct exportnode *entry;

    calls++;
    last_status = status;
    last_context = rpc;
    if (status != 0) {
        printf("%s, sentence: %s\n", (const char *)private_data, data && *(char *)data ? "set" : "empty");
        return;
    }
    for (entry = *(exports *)data; entry; entry = entry->ex_next) {
        count++;
        ours |= strncmp(entry->ex_dir, export_dir, strlen(entry->ex_dir)) == 0;
        readonly |= strncmp(entry->ex_dir, readonly_dir, strlen(entry->ex_dir)) == 0;
    }
    printf("%s: count=%d export=%d read-only=%d\n", (const char *)private_data, count, ours, readonly);
}

/* Turns as a program does that waits for one callback, at most ten seconds. */
static void turn(struct rpc_context *rpc)
{
    int before = calls;

    while (calls == before) {
        struct pollfd pfd = {.fd = rpc_get_fd(rpc), .events = rpc_which_events(rpc)};

        if (pfd.fd < 0 || poll(&pfd, 1, 10000) != 1 || (rpc_service(rpc, pfd.revents) < 0 && calls == before)) {
            printf("no callback\n");
            return;
        }
    }
}

static void list(struct rpc_context *rpc, const char *label, const char *host)
{
    int ret = mount_getexports_async(rpc, host, answered, (void *)label);

    printf("%s: submitted %s, fd %s\n", label, outcome(ret), rpc_get_fd(rpc) >= 0 ? "open" : "-1");
    if (ret != 0)
        return;
    turn(rpc);
    printf("%s, called back: %s context=%s\n", label, outcome(last_status), last_context == rpc ? "same" : "other");
}

static void lists(void)
{
    struct rpc_context *rpc = rpc_init_context();

    printf("new context: fd=%d queue=%d\n", rpc_get_fd(rpc), rpc_queue_length(rpc));
    list(rpc, "127.0.0.1", "127.0.0.1");
    printf("after: fd=%d queue=%d\n", rpc_get_fd(rpc), rpc_queue_length(rpc));
    list(rpc, "again", "localhost");
    rpc_set_uid(rpc, 1000);
    rpc_set_gid(rpc, 1000);
    list(rpc, "another user", "127.0.0.1");
    rpc_destroy_context(rpc);

    rpc = rpc_init_context();
    list(rpc, "unknown host", "no-such-host.invalid");
    printf("unknown host, error: %s\n", rpc_get_error(rpc) && *rpc_get_error(rpc) ? "set" : "empty");
    rpc_destroy_context(rpc);
    rpc = rpc_init_context();
    list(rpc, "empty name", "");
    rpc_destroy_context(rpc);

    rpc = rpc_init_context();
    calls = 0;
    printf("destroyed: submitted %s\n", outcome(mount_getexports_async(rpc, "127.0.0.1", answered, "destroyed")));
    rpc_destroy_context(rpc);
    printf("destroyed, callbacks: %d\n", calls);
}

static void with_nfs(void)
{
    struct rpc_context *rpc;
    struct nfs_fh3 *handle;
    struct nfs_stat_64 st;
    struct nfsfh *fh;

    mount_export();
    rpc = nfs_get_rpc_context(nfs);
    printf("of nfs: %s each time, fd %s\n", rpc == nfs_get_rpc_context(nfs) ? "same" : "another",
           rpc_get_fd(rpc) == nfs_get_fd(nfs) ? "same" : "another");
    fh = opened("/file", O_RDONLY);
    handle = (struct nfs_fh3 *)nfs_get_fh(fh);
    printf("handle: length %s\n", handle->data.data_len > 0 && handle->data.data_len <= 64 ? "right" : "wrong");
    printf("handle: %s each time\n", handle == (struct nfs_fh3 *)nfs_get_fh(fh) ? "same" : "another");
    nfs_close(nfs, fh);
    rpc_set_uid(rpc, 1000);
    rpc_set_gid(rpc, 1000);
    CASE("another user", nfs_access(nfs, "/private", R_OK));
    CASE("stat64", nfs_stat64(nfs, "/private", &st));
    rpc_set_auth(rpc, libnfs_authunix_create("host", 0, 0, 0, NULL));
    CASE("a credential", nfs_access(nfs, "/private", R_OK));
    CASE("stat64 with it", nfs_stat64(nfs, "/private", &st));
    nfs_destroy_context(nfs);
}

int main(int argc, char **argv)
{
    start(argc, argv);
    make_file("/file", 0644, "file");
    make_file("/private", 0600, "");
    lists();
    with_nfs();
    return 0;
}
