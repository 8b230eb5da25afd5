/* The asynchronous calls of a media player or an event loop: nfs_mount_async and so on, driven by poll(). */
#include "common.h"

static int done;
static int last_status;
static char last_data[100];

/* Turns until `done` reaches a count, or five seconds have passed without any event. */
static int turn_until(int count)
{
    while (done < count) {
        struct pollfd pfd = {.fd = nfs_get_fd(nfs), .events = nfs_which_events(nfs)};
        int ret = poll(&pfd, 1, 5000);

        if (ret <= 0) {
            printf("poll: %d\n", ret);
            return -1;
        }
        if (nfs_service(nfs, pfd.revents) != 0) {
            printf("service: failed: %s\n", nfs_get_error(nfs));
            return -1;
        }
    }
    return 0;
}

static void remember(int status, struct nfs_context *context, void *data, void *private_data)
{
    if (context != nfs)
        printf("callback: another context\n");
    done++;
    last_status = status;
    last_data[0] = '\0';
    if (status < 0 && data)
        printf("%s: with a sentence %s\n", (const char *)private_data, *(const char *)data ? "set" : "empty");
    else if (status < 0)
        printf("%s: without a sentence\n", (const char *)private_data);
    else if (data == NULL)
        strcpy(last_data, "NULL");
}

static void finish(const char *label, int before, int ret)
{
    printf("%s: submitted %s\n", label, outcome(ret));
    if (ret == 0 && turn_until(before + 1) == 0)
        printf("%s: result %s %s\n", label, outcome(last_status), last_data);
}

/* Submits a call and waits for its callback. What needs no server may call back at once. */
#define expect(label, call)            \
    do {                               \
        int before_ = done;            \
        int ret_ = (call);             \
                                       \
        finish(label, before_, ret_);  \
    } while (0)

/* ---- Results with data ------------------------------------------------------------------------------------- */

static void got_stat(int status, struct nfs_context *context, void *data, void *private_data)
{
    const struct nfs_stat_64 *st = data;

    remember(status, context, data, private_data);
    if (status == 0)
        snprintf(last_data, sizeof(last_data), "mode=%06llo size=%llu", (unsigned long long)st->nfs_mode,
                 (unsigned long long)st->nfs_size);
}

static struct nfsfh *handle;

static void got_handle(int status, struct nfs_context *context, void *data, void *private_data)
{
    remember(status, context, data, private_data);
    if (status == 0)
        handle = data;
}

static char read_text[200];

static void got_bytes(int status, struct nfs_context *context, void *data, void *private_data)
{
    remember(status, context, data, private_data);
    if (status >= 0)
        snprintf(read_text, sizeof(read_text), "\"%.*s\"", status < 40 ? status : 40, status ? (char *)data : "");
    if (status >= 0)
        snprintf(last_data, sizeof(last_data), "%.60s", read_text);
}

static struct nfsdir *directory;

static void got_dir(int status, struct nfs_context *context, void *data, void *private_data)
{
    remember(status, context, data, private_data);
    if (status == 0)
        directory = data;
}

static void count_entries(const char *label)
{
    int count = 0;

    while (nfs_readdir(nfs, directory))
        count++;
    printf("%s: entries=%d\n", label, count);
    nfs_closedir(nfs, directory);
    directory = NULL;
}

static void single_calls(void)
{
    static const char writing[] = "written";

#define LABEL (void *)label
    const char *label;

    label = "mount_async";
    expect(label, nfs_mount_async(nfs, server, export_dir, remember, LABEL));
    printf("queue after mount: %d\n", nfs_queue_length(nfs));
    printf("events when idle: %d\n", nfs_which_events(nfs));

    label = "stat64_async";
    expect(label, nfs_stat64_async(nfs, "/file", got_stat, LABEL));
    label = "stat64_async link";
    expect(label, nfs_stat64_async(nfs, "/link", got_stat, LABEL));
    label = "lstat64_async link";
    expect(label, nfs_lstat64_async(nfs, "/link", got_stat, LABEL));
    label = "stat64_async missing";
    expect(label, nfs_stat64_async(nfs, "/missing", got_stat, LABEL));
    label = "stat64_async not a directory";
    expect(label, nfs_stat64_async(nfs, "/file/x", got_stat, LABEL));
    label = "stat64_async loop";
    expect(label, nfs_stat64_async(nfs, "/loop", got_stat, LABEL));
    label = "stat64_async root";
    expect(label, nfs_stat64_async(nfs, "/", got_stat, LABEL));
    label = "stat64_async name too long";
    expect(label, nfs_stat64_async(nfs, name256, got_stat, LABEL));

    label = "open_async missing";
    expect(label, nfs_open_async(nfs, "/missing", O_RDONLY, got_handle, LABEL));
    label = "open_async";
    expect(label, nfs_open_async(nfs, "/file", O_RDWR, got_handle, LABEL));
    label = "pread_async";
    expect(label, nfs_pread_async(nfs, handle, 2, 4, got_bytes, LABEL));
    label = "pread_async 0";
    expect(label, nfs_pread_async(nfs, handle, 0, 0, got_bytes, LABEL));
    label = "pread_async past the end";
    expect(label, nfs_pread_async(nfs, handle, 1000, 10, got_bytes, LABEL));
    label = "read_async";
    expect(label, nfs_read_async(nfs, handle, 3, got_bytes, LABEL));
    label = "read_async on";
    expect(label, nfs_read_async(nfs, handle, 100, got_bytes, LABEL));
    label = "pwrite_async";
    expect(label, nfs_pwrite_async(nfs, handle, 1, strlen(writing), writing, remember, LABEL));
    label = "pwrite_async 0";
    expect(label, nfs_pwrite_async(nfs, handle, 1, 0, writing, remember, LABEL));
    label = "fstat64_async";
    expect(label, nfs_fstat64_async(nfs, handle, got_stat, LABEL));
    label = "fsync_async";
    expect(label, nfs_fsync_async(nfs, handle, remember, LABEL));
    label = "close_async";
    expect(label, nfs_close_async(nfs, handle, remember, LABEL));
    show_local_content("after async writes", "/file");

    label = "opendir_async";
    expect(label, nfs_opendir_async(nfs, "/dir", got_dir, LABEL));
    count_entries(label);
    label = "opendir_async missing";
    expect(label, nfs_opendir_async(nfs, "/missing", got_dir, LABEL));
    label = "opendir_async file";
    expect(label, nfs_opendir_async(nfs, "/file", got_dir, LABEL));
    label = "mkdir_async";
    expect(label, nfs_mkdir_async(nfs, "/made", remember, LABEL));
    label = "mkdir_async again";
    expect(label, nfs_mkdir_async(nfs, "/made", remember, LABEL));
    label = "rmdir_async";
    expect(label, nfs_rmdir_async(nfs, "/made", remember, LABEL));
    label = "creat_async";
    expect(label, nfs_creat_async(nfs, "/created", 0640, got_handle, LABEL));
    label = "close_async created";
    expect(label, nfs_close_async(nfs, handle, remember, LABEL));
    show_local("after creat_async", "/created");
    label = "unlink_async";
    expect(label, nfs_unlink_async(nfs, "/created", remember, LABEL));
    label = "chdir_async";
    expect(label, nfs_chdir_async(nfs, "/dir", remember, LABEL));
    label = "stat64_async relative";
    expect(label, nfs_stat64_async(nfs, "one", got_stat, LABEL));
    label = "chdir_async back";
    expect(label, nfs_chdir_async(nfs, "/", remember, LABEL));
}

/* ---- Many at once ------------------------------------------------------------------------------------------ */

#define CHUNKS 64
#define CHUNK 8192

static unsigned char big[CHUNKS * CHUNK], big_back[CHUNKS * CHUNK];
static int chunk_status[CHUNKS], chunk_calls[CHUNKS];

static void chunk_done(int status, struct nfs_context *context, void *data, void *private_data)
{
    size_t index = (size_t)private_data;

    (void)context;
    done++;
    chunk_status[index] = status;
    chunk_calls[index]++;
    if (status > 0 && data)
        memcpy(big_back + index * CHUNK, data, status);
}

static void chunk_written(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)data;
    chunk_done(status, context, NULL, private_data);
}

static void report(const char *label)
{
    int full = 0, once = 0, i;

    for (i = 0; i < CHUNKS; i++) {
        full += chunk_status[i] == CHUNK;
        once += chunk_calls[i] == 1;
    }
    printf("%s: full=%d once=%d\n", label, full, once);
    memset(chunk_status, 0, sizeof(chunk_status));
    memset(chunk_calls, 0, sizeof(chunk_calls));
}

static void many(void)
{
    const char *label = "many";
    int before, refused = 0;
    size_t i;

    for (i = 0; i < sizeof(big); i++)
        big[i] = (i * 2654435761u) >> 11;
    expect(label, nfs_creat_async(nfs, "/big", 0644, got_handle, LABEL));

    before = done;
    for (i = 0; i < CHUNKS; i++)
        refused += nfs_pwrite_async(nfs, handle, i * CHUNK, CHUNK, big + i * CHUNK, chunk_written, (void *)i) != 0;
    printf("many writes: refused=%d queue=%d\n", refused, nfs_queue_length(nfs));
    turn_until(before + CHUNKS);
    report("many writes");
    show_local_content("after many writes", "/big");

    before = done;
    for (i = 0; i < CHUNKS; i++)
        refused += nfs_pread_async(nfs, handle, i * CHUNK, CHUNK, chunk_done, (void *)i) != 0;
    printf("many reads: refused=%d queue=%d\n", refused, nfs_queue_length(nfs));
    turn_until(before + CHUNKS);
    report("many reads");
    printf("many reads: %s queue=%d\n", memcmp(big, big_back, sizeof(big)) ? "different" : "equal",
           nfs_queue_length(nfs));

    /* Beginning and end of the file belong to different reads. */
    before = done;
    for (i = 0; i < CHUNKS; i++)
        refused += nfs_stat64_async(nfs, i % 2 ? "/file" : "/missing", chunk_done, (void *)i) != 0;
    printf("many stats: refused=%d\n", refused);
    turn_until(before + CHUNKS);
    for (i = 0; i < CHUNKS; i++)
        if (chunk_status[i] != (i % 2 ? 0 : -ENOENT) || chunk_calls[i] != 1)
            printf("many stats: %zu %d %d\n", i, chunk_status[i], chunk_calls[i]);
    expect("many closed", nfs_close_async(nfs, handle, remember, LABEL));
}

/* ---- Calls from within callbacks --------------------------------------------------------------------------- */

static struct nfsfh *chained_handle;

static void chain_closed(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)context, (void)data;
    printf("%s: close %s\n", (const char *)private_data, outcome(status));
    done++;
}

static void chain_read(int status, struct nfs_context *context, void *data, void *private_data)
{
    printf("%s: read %s \"%.*s\"\n", (const char *)private_data, outcome(status), status > 0 ? status : 0, (char *)data);
    if (nfs_close_async(context, chained_handle, chain_closed, private_data) != 0)
        printf("%s: close refused\n", (const char *)private_data);
}

static void chain_opened(int status, struct nfs_context *context, void *data, void *private_data)
{
    printf("%s: open %s\n", (const char *)private_data, outcome(status));
    chained_handle = data;
    if (nfs_pread_async(context, data, 0, 3, chain_read, private_data) != 0)
        printf("%s: read refused\n", (const char *)private_data);
}

static void chain_started(int status, struct nfs_context *context, void *data, void *private_data)
{
    (void)data;
    printf("%s: stat %s\n", (const char *)private_data, outcome(status));
    nfs_set_uid(context, 1000);
    nfs_set_gid(context, 1000);
    if (nfs_open_async(context, "/dir/one", O_RDONLY, chain_opened, private_data) != 0)
        printf("%s: open refused\n", (const char *)private_data);
}

static void chain(void)
{
    const char *label = "chain";
    int before = done;

    CASE("chain submitted", nfs_stat64_async(nfs, "/dir", chain_started, LABEL));
    turn_until(before + 1);
}

/* Failures of the mount. */
static void bad_mounts(void)
{
    const char *label = "mount_async not exported";

    nfs = nfs_init_context();
    nfs_set_timeout(nfs, 5000);
    expect(label, nfs_mount_async(nfs, server, "/not-exported", remember, LABEL));
    nfs_destroy_context(nfs);
}

int main(int argc, char **argv)
{
    start(argc, argv);
    make_file("/file", 0644, "0123456789");
    make_symlink("file", "/link");
    make_symlink("loop", "/loop");
    make_dir("/dir", 0755);
    make_file("/dir/one", 0644, "one and more");
    make_file("/dir/two", 0644, "two");
    nfs = nfs_init_context();
    nfs_set_timeout(nfs, 20000);
    nfs_set_uid(nfs, 0);
    nfs_set_gid(nfs, 0);
    single_calls();
    many();
    chain();
    nfs_destroy_context(nfs);
    bad_mounts();
    return 0;
}
