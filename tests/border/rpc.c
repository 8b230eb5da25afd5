/* RPC contexts: lists of exports, life and death, and the one that belongs to an NFS context. */
#include "common.h"

#include <nfsc/libnfs-raw-mount.h>
#include <nfsc/libnfs-raw.h>

struct answer {
    int calls, status, count, ours;
    char sentence[300];
    struct rpc_context *destroy, *again;
};

static void answered(struct rpc_context *rpc, int status, void *data, void *private_data)
{
    struct answer *answer = private_data;
    struct exportnode *entry;

    answer->calls++;
    answer->status = status;
    EXPECT(data != NULL);
    if (status == 0) {
        for (entry = *(struct exportnode **)data; entry; entry = entry->ex_next) {
            answer->count++;
            answer->ours |= strcmp(entry->ex_dir, export_dir) == 0;
        }
    } else {
        snprintf(answer->sentence, sizeof(answer->sentence), "%s", (char *)data);
        EXPECT(strlen(answer->sentence) > 5);
    }
    if (answer->again) {
        answer->again = NULL;
        EXPECT(mount_getexports_async(rpc, server, answered, answer) == 0);
    }
    if (answer->destroy) {
        EXPECT(answer->destroy == rpc);
        rpc_destroy_context(rpc);
        EXPECT(mount_getexports_async(rpc, server, answered, answer) == -EBADF);
        EXPECT(rpc_get_fd(rpc) == -1);
    }
}

/* How many there are, by the synchronous call. */
static int exported;

static void count_exports(void)
{
    struct exportnode *list = mount_getexports(server), *entry;

    for (entry = list; entry; entry = entry->ex_next)
        exported++;
    mount_free_export_list(list);
    EXPECT(exported >= 2);
}

/* An event loop that waits as long as it takes. */
static void loop(struct rpc_context *rpc, struct answer *answer, int calls)
{
    while (answer->calls < calls) {
        struct pollfd pfd = {.fd = rpc_get_fd(rpc), .events = rpc_which_events(rpc)};

        if (pfd.fd < 0 || poll(&pfd, 1, 10000) != 1 || rpc_service(rpc, pfd.revents) != 0) {
            broken(__FILE__, __LINE__, "%d callbacks of %d", answer->calls, calls);
            return;
        }
    }
}

static void lists(void)
{
    struct rpc_context *rpc = rpc_init_context();
    struct answer answer = {0};

    EXPECT(rpc_get_fd(rpc) == -1);
    EXPECT(strcmp(rpc_get_error(rpc), "") == 0);
    EXPECT(rpc_service(rpc, 0) == 0);
    EXPECT(mount_getexports_async(rpc, server, answered, &answer) == 0);
    EXPECT(answer.calls == 0 && rpc_queue_length(rpc) == 1);
    EXPECT(rpc_service(rpc, POLLOUT) == 0 && rpc_service(rpc, POLLHUP | POLLERR) == 0);
    loop(rpc, &answer, 1);
    EXPECT(answer.status == 0 && answer.count == exported && answer.ours);
    EXPECT(rpc_queue_length(rpc) == 0);

    /* Again on the same context, and twice side by side. */
    answer = (struct answer){.again = rpc};
    EXPECT(mount_getexports_async(rpc, "localhost", answered, &answer) == 0);
    EXPECT(mount_getexports_async(rpc, "::1", answered, &answer) == 0);
    loop(rpc, &answer, 3);
    EXPECT(answer.status == 0 && answer.count == 3 * exported);
    rpc_destroy_context(rpc);
    EXPECT(answer.calls == 3);
}

static void failures(void)
{
    struct rpc_context *rpc = rpc_init_context();
    struct answer answer = {0};

    EXPECT(mount_getexports_async(NULL, server, answered, &answer) == -EINVAL);
    EXPECT(mount_getexports_async(rpc, NULL, answered, &answer) == -EINVAL);
    EXPECT(strlen(rpc_get_error(rpc)) > 5);
    EXPECT(mount_getexports_async(rpc, server, NULL, NULL) == -EINVAL);
    EXPECT(mount_getexports_async((struct rpc_context *)"context", server, answered, &answer) == -EBADF);
    EXPECT(answer.calls == 0);
    EXPECT(mount_getexports_async(rpc, "no-such-host.invalid", answered, &answer) == 0);
    loop(rpc, &answer, 1);
    EXPECT(answer.status < 0 && strcmp(rpc_get_error(rpc), answer.sentence) == 0);
    rpc_destroy_context(rpc);
    rpc_destroy_context(rpc);
    rpc_destroy_context(NULL);
    EXPECT(answer.calls == 1);
}

static void deadlines(void)
{
    struct nfs_context *context = nfs_init_context();
    struct rpc_context *rpc = nfs_get_rpc_context(context);
    struct answer answer = {0};
    int port, fd = listener(&port);
    double began = now();

    nfs_set_mountport(context, port);
    EXPECT(rpc_get_timeout(rpc) == -1);
    rpc_set_timeout(rpc, 300);
    EXPECT(rpc_get_timeout(rpc) == 300 && nfs_get_timeout(context) == 300);
    EXPECT(mount_getexports_async(rpc, server, answered, &answer) == 0);
    loop(rpc, &answer, 1);
    EXPECT(answer.status == -ETIMEDOUT && now() - began > 0.29 && now() - began < 2);
    /* Now nothing listens there. */
    close(fd);
    EXPECT(mount_getexports_async(rpc, server, answered, &answer) == 0);
    loop(rpc, &answer, 2);
    EXPECT(answer.status == -ECONNREFUSED);
    nfs_destroy_context(context);
}

static void destroying(void)
{
    struct rpc_context *rpc = rpc_init_context();
    struct answer answer = {.destroy = rpc};
    int turns;

    EXPECT(mount_getexports_async(rpc, server, answered, &answer) == 0);
    while (answer.calls == 0) {
        struct pollfd pfd = {.fd = rpc_get_fd(rpc), .events = rpc_which_events(rpc)};

        poll(&pfd, 1, 10000);
        rpc_service(rpc, pfd.revents);
    }
    EXPECT(answer.calls == 1 && answer.status == 0);
    for (turns = 0; turns < 4; turns++) {
        int i, before;

        rpc = rpc_init_context();
        answer = (struct answer){0};
        EXPECT(mount_getexports_async(rpc, server, answered, &answer) == 0);
        for (i = 0; i < turns; i++) {
            struct pollfd pfd = {.fd = rpc_get_fd(rpc), .events = rpc_which_events(rpc)};

            poll(&pfd, 1, 100);
            rpc_service(rpc, pfd.revents);
        }
        before = answer.calls;
        rpc_destroy_context(rpc);
        EXPECT(answer.calls == 1 && (before || answer.status == -EINTR));
    }
}

static int done;

static void opened(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)context;
    EXPECT(status == 0);
    *(struct nfsfh **)private_data = data;
    done++;
}

/* As some programs do: NFS calls, waited for with the functions of the RPC context. */
static void of_an_nfs_context(void)
{
    struct rpc_context *rpc = nfs_get_rpc_context(nfs);
    struct answer answer = {0};
    struct nfs_fh3 {
        unsigned int length;
        const char *bytes;
    } *handle;
    struct nfs_stat_64 st;
    struct nfsfh *fh = NULL;

    EXPECT(rpc != NULL && rpc == nfs_get_rpc_context(nfs) && (void *)rpc != (void *)nfs);
    EXPECT(rpc_get_fd(rpc) == nfs_get_fd(nfs));
    rpc_destroy_context(rpc);
    EXPECT(strlen(rpc_get_error(rpc)) > 5 && strcmp(rpc_get_error(rpc), nfs_get_error(nfs)) == 0);
    RETURNS(0, nfs_stat64(nfs, "/file", &st));

    EXPECT(nfs_open_async(nfs, "/file", O_RDONLY, opened, &fh) == 0);
    EXPECT(mount_getexports_async(rpc, server, answered, &answer) == 0);
    EXPECT(rpc_queue_length(rpc) == 2 && nfs_queue_length(nfs) == 2);
    loop(rpc, &answer, 1);
    EXPECT(answer.status == 0 && answer.count == exported);
    EXPECT(turn_until(nfs, &done, 1) == 0);

    handle = (struct nfs_fh3 *)nfs_get_fh(fh);
    EXPECT(handle != NULL && handle->length > 0 && handle->length <= 64 && handle->bytes != NULL);
    EXPECT(handle == (struct nfs_fh3 *)nfs_get_fh(fh));
    EXPECT(nfs_get_fh(NULL) == NULL && nfs_get_fh((struct nfsfh *)nfs) == NULL);
    RETURNS(0, nfs_close(nfs, fh));
    EXPECT(nfs_get_fh(fh) == NULL);

    /* Another uid counts at once. */
    rpc_set_uid(rpc, 1000);
    rpc_set_gid(rpc, 1000);
    rpc_set_auxiliary_gids(rpc, 0, NULL);
    RETURNS(-EACCES, nfs_open(nfs, "/private", O_RDONLY, &fh));
    nfs_set_uid(nfs, 0);
    nfs_set_gid(nfs, 0);
    RETURNS(0, nfs_open(nfs, "/private", O_RDONLY, &fh));
    RETURNS(0, nfs_close(nfs, fh));

    answer = (struct answer){0};
    EXPECT(mount_getexports_async(rpc, server, answered, &answer) == 0);
    nfs_destroy_context(nfs);
    EXPECT(answer.calls == 1 && answer.status == -EINTR);
    EXPECT(rpc_get_fd(rpc) == -1 && rpc_service(rpc, POLLIN) == -1 && rpc_queue_length(rpc) == -EBADF);
    EXPECT(mount_getexports_async(rpc, server, answered, &answer) == -EBADF);
    EXPECT(nfs_get_rpc_context(nfs) == NULL && nfs_get_rpc_context(NULL) == NULL);
    rpc_destroy_context(rpc);
}

int main(int argc, char **argv)
{
    start(argc, argv);
    make_file("file", "0123456789");
    make_file("private", "");
    chmod(local("private"), 0600);
    count_exports();
    lists();
    failures();
    deadlines();
    destroying();
    nfs = mounted();
    of_an_nfs_context();
    return finish();
}
