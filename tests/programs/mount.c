/* Mounts an export, destroys the context, and says how that went: mount SERVER EXPORT [TIMEOUT_MS]. SERVER may be the
 * beginning of a URL, nfs://SERVER:PORT. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <nfsc/libnfs.h>

static long milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
    struct nfs_context *nfs = nfs_init_context();
    long start = milliseconds();
    int status;

    if (argc < 3)
        return 2;
    if (argc > 3)
        nfs_set_timeout(nfs, atoi(argv[3]));
    if (strncmp(argv[1], "nfs://", 6) == 0) {
        struct nfs_url *url;
        char text[1000];

        snprintf(text, sizeof(text), "%s%s", argv[1], argv[2]);
        url = nfs_parse_url_dir(nfs, text);
        status = url ? nfs_mount(nfs, url->server, url->path) : -1;
        nfs_destroy_url(url);
    } else {
        status = nfs_mount(nfs, argv[1], argv[2]);
    }
    printf("%d %ld %s\n", status, milliseconds() - start, nfs_get_error(nfs));
    nfs_destroy_context(nfs);
    return 0;
}
