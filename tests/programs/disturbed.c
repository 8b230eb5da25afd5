/*
 * Works on while its server or its connection is disturbed: disturbed URL write|read|create|list|check
 *
 * With DISTURB in the environment, that command is started in the middle: when item number $AT is done, or $AT
 * milliseconds after the first listing. Prints nothing when everything is as it should be in the end. `create` makes
 * $MANY files (10000 when unset); `check` looks at a local file instead of an export.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <nfsc/libnfs.h>

#define PIECE (1 << 20)
#define PIECES 256
#define WINDOW 4
#define ENTRIES 100000

static struct nfs_context *nfs;
static unsigned char wanted[PIECE], found[PIECE];
static int calls_back[PIECES], outstanding;

#define MUST(call) must(call, #call)

static int must(int status, const char *call)
{
    if (status < 0) {
        printf("%s: %d %s\n", call, status, nfs_get_error(nfs));
        exit(1);
    }
    return status;
}

/*
 * Whether a call was under way when its connection was lost, and is refused the second time: the server has forgotten
 * that it was this very call that has made or removed the name.
 */
static int retransmitted(int status, int refusal)
{
    return status == -refusal && strstr(nfs_get_error(nfs), "retransmitted") != NULL;
}

/* What such a call should have done is looked at. */
static void must_be(const char *name, int status)
{
    struct nfs_stat_64 st;
    int found = nfs_stat64(nfs, name, &st);

    if (found != status)
        printf("%s: %d instead of %d\n", name, found, status);
}

static long number(const char *name)
{
    const char *value = getenv(name);

    return value ? atol(value) : 0;
}

static void disturb_after(double seconds)
{
    char command[5000];

    if (getenv("DISTURB") == NULL)
        return;
    snprintf(command, sizeof(command), "(sleep %f; %s; touch \"$TMPDIR/disturbed\") &", seconds, getenv("DISTURB"));
    MUST(-system(command));
}

/* Item number i is done. */
static void done(int i)
{
    if (i == number("AT"))
        disturb_after(0);
}

static void fill(unsigned char *piece, int number)
{
    int i;

    for (i = 0; i < PIECE; i += 4) {
        unsigned int value = (unsigned int)(number * 2654435761u + i * 40503u);

        memcpy(piece + i, &value, 4);
    }
}

static void called_back(int status, struct nfs_context *context, void *data, void *private_data)
{
    int number = (int)(intptr_t)private_data;

    (void)context;
    outstanding--;
    calls_back[number]++;
    if (status != PIECE)
        printf("piece %d: %d %s\n", number, status, nfs_get_error(nfs));
    if (data != NULL) {
        fill(wanted, number);
        if (memcmp(data, wanted, PIECE) != 0)
            printf("piece %d differs\n", number);
    }
    done(number);
}

static void turn_while_more_than(int most)
{
    while (outstanding > most) {
        struct pollfd pfd = {.fd = nfs_get_fd(nfs), .events = nfs_which_events(nfs)};

        poll(&pfd, 1, -1);
        MUST(nfs_service(nfs, pfd.revents));
    }
}

/* The first half asynchronously, the rest one by one. */
static void write_all(void)
{
    struct nfsfh *file;
    int i;

    MUST(nfs_creat(nfs, "/big", 0644, &file));
    for (i = 0; i < PIECES / 2; i++) {
        fill(wanted, i);
        turn_while_more_than(WINDOW - 1);
        outstanding++;
        MUST(nfs_pwrite_async(nfs, file, (uint64_t)i * PIECE, PIECE, wanted, called_back, (void *)(intptr_t)i));
    }
    turn_while_more_than(0);
    for (; i < PIECES; i++) {
        fill(wanted, i);
        if (MUST(nfs_pwrite(nfs, file, (uint64_t)i * PIECE, PIECE, wanted)) != PIECE)
            printf("short write of piece %d\n", i);
        done(i);
    }
    MUST(nfs_fsync(nfs, file));
    MUST(nfs_close(nfs, file));
}

static void compare(int number, int count)
{
    fill(wanted, number);
    if (count != PIECE || memcmp(wanted, found, PIECE) != 0)
        printf("piece %d differs, %d bytes\n", number, count);
}

static void read_all(void)
{
    struct nfsfh *file;
    int i;

    MUST(nfs_open(nfs, "/big", O_RDONLY, &file));
    for (i = 0; i < PIECES / 2; i++) {
        turn_while_more_than(WINDOW - 1);
        outstanding++;
        MUST(nfs_pread_async(nfs, file, (uint64_t)i * PIECE, PIECE, called_back, (void *)(intptr_t)i));
    }
    turn_while_more_than(0);
    for (; i < PIECES; i++) {
        compare(i, MUST(nfs_pread(nfs, file, (uint64_t)i * PIECE, PIECE, found)));
        done(i);
    }
    MUST(nfs_close(nfs, file));
}

/* A third of the files stays, a third is renamed, a third is removed. */
static void create_all(void)
{
    char name[64], other[64];
    struct nfsfh *file;
    int i, status, many = getenv("MANY") ? number("MANY") : 10000;

    status = nfs_mkdir(nfs, "/many");
    if (!retransmitted(status, EEXIST))
        MUST(status);
    for (i = 0; i < many; i++) {
        snprintf(name, sizeof(name), "/many/%d", i);
        snprintf(other, sizeof(other), "/many/renamed-%d", i);
        /* By its verifier a server knows it again, unless it was killed between making the file and keeping that. */
        status = nfs_open2(nfs, name, O_CREAT | O_EXCL | O_WRONLY, 0644, &file);
        if (retransmitted(status, EEXIST))
            status = nfs_open(nfs, name, O_WRONLY, &file);
        MUST(status);
        MUST(nfs_close(nfs, file));
        if (i % 3 == 1) {
            status = nfs_rename(nfs, name, other);
            if (retransmitted(status, ENOENT)) {
                must_be(name, -ENOENT);
                must_be(other, 0);
            } else
                MUST(status);
        }
        if (i % 3 == 2) {
            status = nfs_unlink(nfs, name);
            if (retransmitted(status, ENOENT))
                must_be(name, -ENOENT);
            else
                MUST(status);
        }
        done(i);
    }
}

/* Entries are called 0 to ENTRIES - 1, and each is to be there once. */
static void list_once(void)
{
    static unsigned char seen[ENTRIES];
    struct nfsdir *directory;
    struct nfsdirent *entry;
    int i, wrong = 0;

    memset(seen, 0, sizeof(seen));
    MUST(nfs_opendir(nfs, "/entries", &directory));
    while ((entry = nfs_readdir(nfs, directory)) != NULL)
        if (entry->name[0] != '.')
            seen[atoi(entry->name) % ENTRIES]++;
    nfs_closedir(nfs, directory);
    for (i = 0; i < ENTRIES; i++)
        wrong += seen[i] != 1;
    if (wrong)
        printf("%d entries are missing or twice there\n", wrong);
}

static void list_all(void)
{
    char marker[5000];

    list_once();
    disturb_after(number("AT") / 1000.0);
    snprintf(marker, sizeof(marker), "%s/disturbed", getenv("TMPDIR"));
    while (getenv("DISTURB") && access(marker, F_OK) != 0)
        list_once();
    list_once();
}

static void check_local(const char *path)
{
    FILE *file = fopen(path, "r");
    int i;

    for (i = 0; file && i < PIECES; i++)
        compare(i, (int)fread(found, 1, PIECE, file));
    if (!file || fgetc(file) != EOF)
        printf("%s is not there or too long\n", path);
}

static void check_callbacks(const char *job)
{
    int asynchronous = strcmp(job, "write") == 0 || strcmp(job, "read") == 0, i;

    for (i = 0; i < PIECES; i++)
        if (calls_back[i] != (asynchronous && i < PIECES / 2))
            printf("piece %d was called back %d times\n", i, calls_back[i]);
}

int main(int argc, char **argv)
{
    struct nfs_url *url;

    if (argc != 3)
        return 2;
    if (strcmp(argv[2], "check") == 0) {
        check_local(argv[1]);
        return 0;
    }
    nfs = nfs_init_context();
    url = nfs_parse_url_dir(nfs, argv[1]);
    MUST(url ? 0 : -EINVAL);
    MUST(nfs_mount(nfs, url->server, url->path));
    nfs_destroy_url(url);
    if (strcmp(argv[2], "write") == 0)
        write_all();
    else if (strcmp(argv[2], "read") == 0)
        read_all();
    else if (strcmp(argv[2], "create") == 0)
        create_all();
    else
        list_all();
    nfs_destroy_context(nfs);
    check_callbacks(argv[2]);
    return 0;
}
