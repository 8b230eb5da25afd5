/*
 * usage: leak-check EXPORT HOW
 *
 * Mounts, uses and ends, for a leak checker to look at. HOW has letters: a asynchronously, t with the service thread,
 * n by a name, o in another thread, e ends without an end of the context.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nfsc/libnfs.h>

static struct nfs_context *nfs;
static const char *export_dir, *how;
static volatile int called;

static void needed(long result)
{
    if (result < 0) {
        printf("%ld %s\n", result, nfs_get_error(nfs));
        exit(1);
    }
}

static void callback(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)context, (void)data, (void)private_data;
    needed(status);
    called = 1;
}

static void wait_for_it(void)
{
    while (!called) {
        struct pollfd pfd = {.fd = nfs_get_fd(nfs), .events = nfs_which_events(nfs)};

        poll(&pfd, 1, 100);
        if (strchr(how, 't') == NULL)
            nfs_service(nfs, pfd.revents);
    }
    called = 0;
}

static void use(void)
{
    struct nfs_stat_64 st;
    struct nfsfh *fh;
    struct nfsdir *directory;
    struct exportnode *exports;
    char buffer[5000] = "hello", path[40];
    int i;

    needed(nfs_mkdir(nfs, "/directory"));
    for (i = 0; i < 20; i++) {
        snprintf(path, sizeof(path), "/directory/%d", i);
        needed(nfs_mkdir(nfs, path));
        strcat(path, "/file");
        needed(nfs_creat(nfs, path, 0644, &fh));
        needed(nfs_write(nfs, fh, sizeof(buffer), buffer));
        needed(nfs_close(nfs, fh));
        needed(nfs_stat64(nfs, path, &st));
    }
    needed(nfs_open(nfs, path, O_RDWR, &fh));
    needed(nfs_pread(nfs, fh, 0, sizeof(buffer), buffer));
    needed(nfs_stat64_async(nfs, path, callback, NULL));
    wait_for_it();
    needed(nfs_pwrite_async(nfs, fh, 0, sizeof(buffer), buffer, callback, NULL));
    wait_for_it();
    needed(nfs_close(nfs, fh));
    needed(nfs_opendir(nfs, "/directory", &directory));
    while (nfs_readdir(nfs, directory))
        ;
    nfs_closedir(nfs, directory);
    if (nfs_stat64(nfs, "/missing", &st) == 0)
        exit(1);
    exports = mount_getexports("127.0.0.1");
    mount_free_export_list(exports);
    for (i = 0; i < 20; i++) {
        snprintf(path, sizeof(path), "/directory/%d/file", i);
        needed(nfs_unlink(nfs, path));
        snprintf(path, sizeof(path), "/directory/%d", i);
        needed(nfs_rmdir(nfs, path));
    }
    needed(nfs_rmdir(nfs, "/directory"));
}

static void *whole(void *argument)
{
    const char *server = strchr(how, 'n') ? "localhost" : "127.0.0.1";

    nfs = nfs_init_context();
    nfs_set_timeout(nfs, 60000);
#ifdef LIBNFS_FEATURE_MULTITHREADING
    if (strchr(how, 't'))
        needed(nfs_mt_service_thread_start(nfs));
#endif
    if (strchr(how, 'a')) {
        needed(nfs_mount_async(nfs, server, export_dir, callback, NULL));
        wait_for_it();
    } else {
        needed(nfs_mount(nfs, server, export_dir));
    }
    use();
#ifdef LIBNFS_FEATURE_MULTITHREADING
    if (strchr(how, 't'))
        nfs_mt_service_thread_stop(nfs);
#endif
    if (strchr(how, 'e') == NULL)
        nfs_destroy_context(nfs);
    return argument;
}

int main(int argc, char **argv)
{
    pthread_t thread;

    if (argc != 3)
        return 2;
    export_dir = argv[1];
    how = argv[2];
    if (strchr(how, 'o') == NULL)
        whole(NULL);
    else if (pthread_create(&thread, NULL, whole, NULL) != 0 || pthread_join(thread, NULL) != 0)
        return 2;
    return 0;
}
