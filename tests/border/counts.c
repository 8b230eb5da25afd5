/* Directory handles, counts and offsets at their limits, odd flags, modes and settings. */
#include "common.h"

static const uint64_t huge[] = {UINT64_C(1) << 31, UINT64_C(1) << 32, (UINT64_C(1) << 32) + 1, UINT64_C(1) << 62,
                                UINT64_C(1) << 63, UINT64_MAX - 1, UINT64_MAX};

static void on_a_directory(void)
{
    struct nfsfh *fh = NULL;
    struct nfs_stat_64 st;
    char buffer[100];

    RETURNS(0, nfs_open(nfs, "/dir", O_RDONLY, &fh));
    if (fh == NULL)
        return;
    FAILS(nfs_read(nfs, fh, 10, buffer));
    FAILS(nfs_pread(nfs, fh, 0, 10, buffer));
    FAILS(nfs_write(nfs, fh, 1, "x"));
    FAILS(nfs_pwrite(nfs, fh, 0, 1, "x"));
    FAILS(nfs_ftruncate(nfs, fh, 1));
    SURVIVES(nfs_fsync(nfs, fh));
    SURVIVES(nfs_lseek(nfs, fh, 0, SEEK_END, NULL));
    RETURNS(0, nfs_fstat64(nfs, fh, &st));
    EXPECT(S_ISDIR(st.nfs_mode));
    RETURNS(0, nfs_fchmod(nfs, fh, 0711));
    RETURNS(0, nfs_close(nfs, fh));
    fh = NULL;
    FAILS(nfs_open(nfs, "/dir", O_WRONLY, &fh));
    FAILS(nfs_open(nfs, "/dir", O_RDWR | O_CREAT, &fh));
}

/* A file of ten bytes, and memory for no more: what is beyond must never be touched. */
static void reads(struct nfsfh *fh)
{
    char *buffer = malloc(10);
    size_t i;
    int ret;

    for (i = 0; i < COUNT(huge); i++) {
        ret = nfs_pread(nfs, fh, 0, huge[i], buffer);
        if (ret != 10 && (ret >= 0 || strlen(nfs_get_error(nfs)) < 5))
            broken(__FILE__, __LINE__, "pread of %llu = %d", (unsigned long long)huge[i], ret);
        RETURNS(0, nfs_lseek(nfs, fh, 0, SEEK_SET, NULL));
        ret = nfs_read(nfs, fh, huge[i], buffer);
        if (ret != 10 && (ret >= 0 || strlen(nfs_get_error(nfs)) < 5))
            broken(__FILE__, __LINE__, "read of %llu = %d", (unsigned long long)huge[i], ret);
        ret = nfs_pread(nfs, fh, huge[i], 10, buffer);
        if (ret > 0 || (ret < 0 && strlen(nfs_get_error(nfs)) < 5))
            broken(__FILE__, __LINE__, "pread at %llu = %d", (unsigned long long)huge[i], ret);
        ret = nfs_pread(nfs, fh, huge[i], huge[i], buffer);
        if (ret > 0)
            broken(__FILE__, __LINE__, "pread of %llu there = %d", (unsigned long long)huge[i], ret);
        RETURNS(0, nfs_pread(nfs, fh, huge[i], 0, buffer) > 0);
    }
    RETURNS(0, nfs_pread(nfs, fh, 0, 0, buffer));
    RETURNS(10, nfs_pread(nfs, fh, 0, 10, buffer));
    EXPECT(memcmp(buffer, "0123456789", 10) == 0);
    free(buffer);
}

static void writes(struct nfsfh *fh)
{
    struct nfs_stat_64 st;
    char byte = 'x';
    size_t i;

    RETURNS(0, nfs_write(nfs, fh, 0, &byte));
    RETURNS(0, nfs_pwrite(nfs, fh, UINT64_MAX, 0, &byte) > 0);
    /* More than an int can count cannot have been written. */
    for (i = 0; i < COUNT(huge); i++) {
        FAILS(nfs_write(nfs, fh, huge[i], &byte));
        FAILS(nfs_pwrite(nfs, fh, 0, huge[i], &byte));
        FAILS(nfs_pwrite(nfs, fh, huge[i], huge[i], &byte));
    }
    FAILS(nfs_pwrite(nfs, fh, UINT64_MAX, 1, &byte));
    FAILS(nfs_pwrite(nfs, fh, UINT64_C(1) << 63, 1, &byte));
    FAILS(nfs_pwrite(nfs, fh, INT64_MAX, 1, &byte));
    FAILS(nfs_ftruncate(nfs, fh, UINT64_MAX));
    FAILS(nfs_truncate(nfs, "/file", UINT64_C(1) << 63));
    RETURNS(0, nfs_fstat64(nfs, fh, &st));
    EXPECT(st.nfs_size == 10);
}

static void seeks(struct nfsfh *fh)
{
    uint64_t at = 0;

    RETURNS(0, nfs_lseek(nfs, fh, INT64_MAX, SEEK_SET, &at));
    FAILS(nfs_lseek(nfs, fh, 1, SEEK_CUR, &at));
    FAILS(nfs_lseek(nfs, fh, INT64_MAX, SEEK_CUR, &at));
    FAILS(nfs_lseek(nfs, fh, INT64_MAX, SEEK_END, &at));
    FAILS(nfs_lseek(nfs, fh, INT64_MIN, SEEK_SET, &at));
    FAILS(nfs_lseek(nfs, fh, INT64_MIN, SEEK_CUR, &at));
    FAILS(nfs_lseek(nfs, fh, INT64_MIN, SEEK_END, &at));
    RETURNS(0, nfs_lseek(nfs, fh, 0, SEEK_CUR, &at));
    EXPECT(at == INT64_MAX);
    FAILS(nfs_write(nfs, fh, 1, "x"));
    RETURNS(0, nfs_lseek(nfs, fh, 0, SEEK_SET, &at));
}

static void oddities(void)
{
    static const int flags[] = {-1, INT32_MIN, O_ACCMODE | O_CREAT, O_PATH, O_TMPFILE, O_DIRECTORY | O_CREAT};
    static char long_path[70000];
    struct nfs_stat_64 st;
    struct nfsdir *dir = NULL;
    char buffer[100];
    size_t i;

    for (i = 0; i < COUNT(flags); i++) {
        struct nfsfh *fh = NULL;

        SURVIVES(nfs_open(nfs, "/odd", flags[i], &fh));
        if (fh)
            nfs_close(nfs, fh);
    }
    FAILS(nfs_readlink(nfs, "/link", buffer, 0));
    FAILS(nfs_readlink(nfs, "/link", buffer, -1));
    FAILS(nfs_readlink(nfs, "/link", buffer, INT32_MIN));
    memset(buffer, '#', sizeof(buffer));
    /* The end of the string needs room, too. */
    FAILS(nfs_readlink(nfs, "/link", buffer, 4));
    EXPECT(buffer[4] == '#');
    RETURNS(0, nfs_readlink(nfs, "/link", buffer, 5));
    EXPECT(strcmp(buffer, "file") == 0);

    memset(long_path, 'x', sizeof(long_path) - 1);
    FAILS(nfs_stat64(nfs, long_path, &st));
    for (i = 0; i + 2 < sizeof(long_path); i += 2)
        memcpy(long_path + i, "./", 2);
    SURVIVES(nfs_stat64(nfs, long_path, &st));
    for (i = 0; i + 3 < sizeof(long_path); i += 3)
        memcpy(long_path + i, "../", 3);
    SURVIVES(nfs_stat64(nfs, long_path, &st));
    memset(long_path, '/', sizeof(long_path) - 1);
    SURVIVES(nfs_stat64(nfs, long_path, &st));
    FAILS(nfs_symlink(nfs, long_path, "/long-target"));

    RETURNS(0, nfs_opendir(nfs, "/", &dir));
    nfs_seekdir(nfs, dir, -1);
    SURVIVES(nfs_readdir(nfs, dir));
    nfs_seekdir(nfs, dir, 1000000);
    SURVIVES(nfs_readdir(nfs, dir));
    nfs_rewinddir(nfs, dir);
    EXPECT(nfs_readdir(nfs, dir) != NULL);
    nfs_closedir(nfs, dir);

    nfs_set_readahead(nfs, UINT32_MAX);
    nfs_set_pagecache(nfs, UINT32_MAX);
    nfs_set_pagecache_ttl(nfs, UINT32_MAX);
    nfs_set_tcp_syncnt(nfs, -5);
    nfs_set_autoreconnect(nfs, INT32_MIN);
    nfs_set_uid(nfs, -1);
    nfs_set_gid(nfs, -1);
    SURVIVES(nfs_stat64(nfs, "/", &st));
    EXPECT(nfs_set_version(nfs, 77) != 0);
}

int main(int argc, char **argv)
{
    struct nfsfh *fh = NULL;

    start(argc, argv);
    make_file("file", "0123456789");
    if (mkdir(local("dir"), 0755) != 0 || symlink("file", local("link")) != 0)
        return 2;
    nfs = mounted();
    on_a_directory();
    RETURNS(0, nfs_open(nfs, "/file", O_RDWR, &fh));
    reads(fh);
    writes(fh);
    seeks(fh);
    RETURNS(0, nfs_close(nfs, fh));
    oddities();
    nfs_destroy_context(nfs);
    return finish();
}
