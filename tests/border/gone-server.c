/* The server goes away, or falls silent: calls end with an errno within the timeout, and there is no SIGPIPE. */
#include "common.h"

static volatile sig_atomic_t pipes;

static void count_pipe(int number)
{
    (void)number;
    pipes++;
}

static int called_back, last_status;

static void remember(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)context, (void)data, (void)private_data;
    called_back++;
    last_status = status;
}

static char block[1 << 20];

static void use(struct nfsfh *fh)
{
    struct nfs_stat_64 st;
    int i;

    FAILS(nfs_stat64(nfs, "/file", &st));
    FAILS(nfs_pread(nfs, fh, 0, 10, block));
    for (i = 0; i < 3; i++)
        FAILS(nfs_pwrite(nfs, fh, 0, sizeof(block), block));
    FAILS(nfs_mkdir(nfs, "/new"));
    called_back = 0;
    if (nfs_stat64_async(nfs, "/file", remember, NULL) == 0) {
        double began = now();

        while (!called_back && now() - began < 5 && nfs_get_fd(nfs) >= 0)
            if (turn(nfs, 100) != 0 && called_back)
                break;
        EXPECT(called_back == 1);
        EXPECT(last_status < 0);
    }
}

/* nfs_service() says when no connection will be made any more, after the callbacks of what has failed, and not before. */
static void used_up(int retries)
{
    struct forwarder forwarder = start_forwarder();
    int i, ret = 0;
    double began;

    nfs = context_for_ports(forwarder.nfs_port, forwarder.mount_port, "");
    nfs_set_autoreconnect(nfs, retries);
    RETURNS(0, nfs_mount(nfs, server, export_dir));
    EXPECT(turn(nfs, 0) <= 0 && nfs_service(nfs, 0) == 0);
    stop_forwarder(&forwarder);
    called_back = 0;
    for (i = 0; i < 3; i++)
        RETURNS(0, nfs_stat64_async(nfs, "/file", remember, NULL));
    began = now();
    while (now() - began < (retries < 0 ? 1 : 10)) {
        ret = turn(nfs, 100);
        if (ret == -1)
            break;
        EXPECT(called_back == 0);
    }
    if (retries < 0) {
        EXPECT(ret != -1 && called_back == 0);
    } else {
        if (ret != -1 || called_back != 3 || last_status != -ECONNRESET)
            broken(__FILE__, __LINE__, "nfs_service() %d, %d callbacks, %s", ret, called_back, name_of(last_status));
        EXPECT(nfs_service(nfs, 0) == -1);
        EXPECT(strstr(nfs_get_error(nfs), "lost") != NULL);
    }
    nfs_destroy_context(nfs);
    EXPECT(called_back == 3);
}

/* So when nothing is under way. */
static void lost_while_idle(void)
{
    struct forwarder forwarder = start_forwarder();
    int i, ret = 0;

    nfs = context_for_ports(forwarder.nfs_port, forwarder.mount_port, "&autoreconnect=0");
    RETURNS(0, nfs_mount(nfs, server, export_dir));
    nfs_get_fd(nfs);
    stop_forwarder(&forwarder);
    for (i = 0; i < 100 && ret != -1; i++)
        ret = turn(nfs, 100);
    EXPECT(ret == -1);
    RETURNS(0, nfs_umount(nfs));
    EXPECT(nfs_service(nfs, 0) == 0);
    nfs_destroy_context(nfs);
}

/* The connection breaks: with a reset when data is under way, and stays refused. */
static void killed(void)
{
    struct forwarder forwarder = start_forwarder();
    struct nfsfh *fh = NULL;

    nfs = context_for_ports(forwarder.nfs_port, forwarder.mount_port, "&autoreconnect=0");
    nfs_set_timeout(nfs, 1000);
    RETURNS(0, nfs_mount(nfs, server, export_dir));
    RETURNS(0, nfs_open(nfs, "/file", O_RDWR, &fh));
    RETURNS(1 << 20, nfs_pwrite(nfs, fh, 0, sizeof(block), block));
    stop_forwarder(&forwarder);
    use(fh);
    SURVIVES(nfs_close(nfs, fh));
    nfs_destroy_context(nfs);
}

/* Killed in the middle of asynchronous writes. */
static void killed_in_flight(void)
{
    struct forwarder forwarder = start_forwarder();
    struct nfsfh *fh = NULL;
    double began = now();
    int i, submitted = 0;

    nfs = context_for_ports(forwarder.nfs_port, forwarder.mount_port, "&autoreconnect=0");
    nfs_set_timeout(nfs, 1000);
    RETURNS(0, nfs_mount(nfs, server, export_dir));
    RETURNS(0, nfs_open(nfs, "/file", O_RDWR, &fh));
    called_back = 0;
    for (i = 0; i < 20; i++)
        submitted += nfs_pwrite_async(nfs, fh, 0, sizeof(block), block, remember, NULL) == 0;
    turn(nfs, 1000);
    stop_forwarder(&forwarder);
    while (called_back < submitted && now() - began < 8 && nfs_get_fd(nfs) >= 0)
        turn(nfs, 100);
    nfs_destroy_context(nfs);
    EXPECT(called_back == submitted);
}

/* The server takes everything and answers nothing. */
static void silenced(void)
{
    struct forwarder forwarder = start_forwarder();
    struct nfs_stat_64 st;
    struct nfsfh *fh = NULL;
    double began;
    int ret;

    nfs = context_for_ports(forwarder.nfs_port, forwarder.mount_port, "&autoreconnect=0");
    nfs_set_timeout(nfs, 600);
    RETURNS(0, nfs_mount(nfs, server, export_dir));
    RETURNS(0, nfs_open(nfs, "/file", O_RDWR, &fh));
    silence_forwarder(&forwarder);
    began = now();
    ret = nfs_stat64(nfs, "/file", &st);
    /* libnfs says -EINTR. */
    EXPECT(ret == -ETIMEDOUT || ret == -EINTR);
    EXPECT(strlen(nfs_get_error(nfs)) > 4);
    EXPECT(now() - began > 0.4 && now() - began < 3);
    FAILS(nfs_pread(nfs, fh, 0, 10, block));
    FAILS(nfs_pwrite(nfs, fh, 0, 10, block));
    SURVIVES(nfs_close(nfs, fh));
    nfs_destroy_context(nfs);
    stop_forwarder(&forwarder);
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = count_pipe};

    start(argc, argv);
    sigaction(SIGPIPE, &action, NULL);
    make_file("file", "0123456789");
    killed();
    killed_in_flight();
    silenced();
    used_up(0);
    used_up(2);
    used_up(-1);
    lost_while_idle();
    EXPECT(pipes == 0);
    return finish();
}
