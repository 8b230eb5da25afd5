/*
 * Lists a directory of many entries: large-directory DIRECTORY make COUNT
 *                                    large-directory DIRECTORY list
 *
 * "make" makes it with local calls. "list" mounts DIRECTORY from 127.0.0.1 and prints how many entries there are, how
 * many names occur twice, a checksum of the sorted names and types, the seconds it took, and the largest resident size
 * in KiB.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <nfsc/libnfs.h>

static int make(const char *directory, int count)
{
    char path[4096], filling[250] = "";
    int i, fd;

    memset(filling, 'n', sizeof(filling) - 1);
    for (i = 0; i < count; i++) {
        /* Names of several lengths, up to the longest one. */
        snprintf(path, sizeof(path), "%s/%06d%.*s", directory, i, i % 1000 ? i % 20 : 249, filling);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
        if (fd < 0) {
            perror(path);
            return 1;
        }
        close(fd);
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static int list(const char *directory)
{
    struct nfs_context *nfs = nfs_init_context();
    struct nfsdirent *entry, *first, **entries;
    struct nfsdir *dir;
    struct rusage usage;
    size_t count = 0, twice = 0, odd = 0, i;
    uint64_t sum = 14695981039346656037u;
    double began = now(), took;
    char **names;

    nfs_set_uid(nfs, 0);
    nfs_set_gid(nfs, 0);
    if (nfs_mount(nfs, "127.0.0.1", directory) < 0 || nfs_opendir(nfs, "/", &dir) < 0) {
        printf("%s: %s\n", directory, nfs_get_error(nfs));
        return 1;
    }
    took = now() - began;
    while ((entry = nfs_readdir(nfs, dir)) != NULL) {
        count++;
        odd += entry->inode == 0 || (entry->type != 1 && entry->name[0] != '.');
    }
    /* Entries stay what they are until the directory is closed, and lead to each other. */
    names = malloc(count * sizeof(*names));
    entries = malloc(count * sizeof(*entries));
    nfs_rewinddir(nfs, dir);
    for (i = 0; i < count; i++)
        entries[i] = nfs_readdir(nfs, dir);
    nfs_rewinddir(nfs, dir);
    first = entry = nfs_readdir(nfs, dir);
    for (i = 0; i < count && entry != NULL; i++, entry = entry->next) {
        odd += entry != entries[i];
        names[i] = entries[i]->name;
    }
    odd += i != count || entry != NULL || first != entries[0];
    count = i;
    free(entries);
    qsort(names, count, sizeof(*names), by_name);
    for (i = 0; i < count; i++) {
        const char *byte = names[i];

        twice += i > 0 && strcmp(names[i - 1], names[i]) == 0;
        do
            sum = (sum ^ (unsigned char)*byte) * 1099511628211u;
        while (*byte++);
    }
    free(names);
    nfs_closedir(nfs, dir);
    nfs_destroy_context(nfs);
    getrusage(RUSAGE_SELF, &usage);
    printf("entries %zu\ntwice %zu\nodd %zu\nsum %016llx\nseconds %.2f\nresident %ld\n", count, twice, odd,
           (unsigned long long)sum, took, usage.ru_maxrss);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[2], "make") == 0)
        return make(argv[1], atoi(argv[3]));
    if (argc == 3 && strcmp(argv[2], "list") == 0)
        return list(argv[1]);
    fprintf(stderr, "usage: %s DIRECTORY make COUNT | list\n", argv[0]);
    return 2;
}
