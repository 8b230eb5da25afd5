/* A context is destroyed while calls are under way: each callback is called once, with -EINTR. */
#include "common.h"

#define CALLS 100

static int calls[CALLS + 1], statuses[CALLS + 1];

static void remember(int status, struct nfs_context *context, void *data, void *private_data)
{
    size_t index = (size_t)private_data;

    (void)context, (void)data;
    calls[index]++;
    statuses[index] = status;
}

static void fresh(void)
{
    memset(calls, 0, sizeof(calls));
    memset(statuses, 0, sizeof(statuses));
}

/* Checks the callbacks of submitted calls: once each; with -EINTR those which had not been called before. */
static void check(const char *what, size_t count, const int *before)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (calls[i] != 1 || (!before[i] && statuses[i] != -EINTR))
            broken(__FILE__, __LINE__, "%s: callback %zu: %d calls, status %d", what, i, calls[i], statuses[i]);
}

static void never_sent(void)
{
    int none[CALLS] = {0};
    size_t i;

    nfs = mounted();
    fresh();
    for (i = 0; i < CALLS; i++)
        EXPECT(nfs_stat64_async(nfs, "/file", remember, (void *)i) == 0);
    nfs_destroy_context(nfs);
    check("never sent", CALLS, none);
}

static void under_way(int turns)
{
    int before[CALLS];
    struct nfsfh *fh = NULL;
    char what[40];
    size_t i;

    nfs = mounted();
    RETURNS(0, nfs_open(nfs, "/file", O_RDWR, &fh));
    fresh();
    for (i = 0; i < CALLS; i++) {
        int ret;

        switch (i % 4) {
        case 0:
            ret = nfs_stat64_async(nfs, "/dir/../file", remember, (void *)i);
            break;
        case 1:
            ret = nfs_pread_async(nfs, fh, 0, 3 << 20, remember, (void *)i);
            break;
        case 2:
            ret = nfs_pwrite_async(nfs, fh, 0, 5, "hello", remember, (void *)i);
            break;
        default:
            ret = nfs_opendir_async(nfs, "/dir", remember, (void *)i);
            break;
        }
        EXPECT(ret == 0);
    }
    EXPECT(nfs_queue_length(nfs) > 0);
    while (turns-- > 0)
        turn(nfs, 100);
    memcpy(before, calls, sizeof(before));
    nfs_destroy_context(nfs);
    snprintf(what, sizeof(what), "under way after turns");
    check(what, CALLS, before);
}

static void while_mounting(void)
{
    int none[1] = {0}, port, fd = listener(&port), i, submitted;

    for (i = 0; i < 3; i++) {
        nfs = context_for_ports(port, port, "");
        fresh();
        EXPECT(nfs_mount_async(nfs, server, export_dir, remember, (void *)0) == 0);
        if (i > 0)
            turn(nfs, 50);
        if (i > 1)
            turn(nfs, 50);
        nfs_destroy_context(nfs);
        check("while mounting", 1, none);
    }
    close(fd);
    /* While a name is being looked up. */
    nfs = nfs_init_context();
    fresh();
    submitted = nfs_mount_async(nfs, "no-such-host.invalid", "/x", remember, (void *)0) == 0;
    nfs_destroy_context(nfs);
    EXPECT(calls[0] == submitted && (!submitted || statuses[0] < 0));
}

static void not_answered(void)
{
    struct forwarder forwarder = start_forwarder();
    int none[CALLS] = {0};
    size_t i;

    nfs = context_for_ports(forwarder.nfs_port, forwarder.mount_port, "");
    nfs_set_timeout(nfs, 10000);
    RETURNS(0, nfs_mount(nfs, server, export_dir));
    silence_forwarder(&forwarder);
    fresh();
    for (i = 0; i < CALLS; i++)
        EXPECT(nfs_stat64_async(nfs, "/file", remember, (void *)i) == 0);
    turn(nfs, 100);
    turn(nfs, 100);
    nfs_destroy_context(nfs);
    check("not answered", CALLS, none);
    stop_forwarder(&forwarder);
}

/* Callbacks that do things with the context that is going. */
static int submitted_late, called_late;

static void count_late(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)context, (void)data, (void)private_data;
    EXPECT(status < 0);
    called_late++;
}

static struct nfsfh *open_file;

static void busy(int status, struct nfs_context *context, void *data, void *private_data)
{
    struct nfs_stat_64 st;

    remember(status, context, data, private_data);
    submitted_late += nfs_stat64_async(context, "/file", count_late, NULL) == 0;
    EXPECT(nfs_stat64(context, "/file", &st) < 0);
    EXPECT(nfs_get_error(context) != NULL);
    nfs_get_fd(context);
    nfs_which_events(context);
    nfs_queue_length(context);
    if (open_file) {
        nfs_close(context, open_file);
        open_file = NULL;
    }
}

static void busy_callbacks(void)
{
    int none[CALLS] = {0};
    size_t i;

    nfs = mounted();
    RETURNS(0, nfs_open(nfs, "/file", O_RDONLY, &open_file));
    fresh();
    for (i = 0; i < 10; i++)
        EXPECT(nfs_stat64_async(nfs, "/file", busy, (void *)i) == 0);
    nfs_destroy_context(nfs);
    check("busy", 10, none);
    EXPECT(called_late == submitted_late);
}

/* What players do on their way out: queue a close, and go. */
static void queued_close(void)
{
    struct nfsfh *fh = NULL;

    nfs = mounted();
    RETURNS(0, nfs_open(nfs, "/file", O_RDWR, &fh));
    RETURNS(5, nfs_write(nfs, fh, 5, "hello"));
    fresh();
    EXPECT(nfs_close_async(nfs, fh, remember, (void *)0) == 0);
    nfs_destroy_context(nfs);
    EXPECT(calls[0] == 1);
    EXPECT(statuses[0] == 0 || statuses[0] == -EINTR);
}

/* Files and directories left open are the context's to free. */
static void left_open(void)
{
    struct nfsfh *fh = NULL;
    struct nfsdir *dir = NULL;

    nfs = mounted();
    RETURNS(0, nfs_open(nfs, "/file", O_RDWR, &fh));
    RETURNS(0, nfs_opendir(nfs, "/", &dir));
    nfs_destroy_context(nfs);
    /* Never mounted, never used. */
    nfs_destroy_context(nfs_init_context());
}

int main(int argc, char **argv)
{
    start(argc, argv);
    make_file("file", "0123456789");
    if (truncate(local("file"), 4 << 20) != 0 || mkdir(local("dir"), 0755) != 0)
        return 2;
    never_sent();
    under_way(0);
    under_way(1);
    under_way(3);
    while_mounting();
    not_answered();
    busy_callbacks();
    queued_close();
    left_open();
    return finish();
}
