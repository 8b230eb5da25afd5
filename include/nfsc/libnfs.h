/*
 * An NFS client in user space. The functions have the names, arguments and results of libnfs.
 *
 * Results: a function that returns an int returns 0 or a count when it succeeds, and a negative errno when it fails.
 * nfs_get_error() then describes the error.
 *
 * Handles: a context, a file or a directory is valid until it is closed or destroyed. Using it afterwards is an error,
 * -EBADF. So is using a file or a directory with another context than the one in which it was opened. A handle that
 * is NULL is -EINVAL, and so is any other argument that must not be NULL. A path that is only looked up may be NULL; like
 * the empty path, it means the current directory.
 *
 * Memory: the library copies the strings and structures that it is given, except for the buffers of synchronous reads
 * and writes. What it returns belongs to the library, unless the description of the function says otherwise.
 *
 * Asynchronous functions have names that end in _async. They return 0 when they have accepted the operation; its callback
 * is then called exactly once. When they return a negative errno, it is not called. They need an event loop:
 *
 *     struct pollfd p = { .fd = nfs_get_fd(nfs), .events = nfs_which_events(nfs) };
 *     poll(&p, 1, -1);
 *     nfs_service(nfs, p.revents);
 *
 * This file is made from the source of the library; see tests/abi/headers.rs.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#ifndef _LIBNFS_H_
#define _LIBNFS_H_

#include <stdint.h>
#include <sys/time.h>
#include <time.h>

/* The interface that is described: the number in the library's soname, 14 (libnfs 5.0) or 13 (libnfs 4.0). */
#ifndef LIBNFS_ABI
#define LIBNFS_ABI 14
#endif
#if LIBNFS_ABI == 13
#define LIBNFS_ABI_13
#endif

#define LIBNFS_FEATURE_READAHEAD
#define LIBNFS_FEATURE_PAGECACHE
#define LIBNFS_FEATURE_DEBUG
#ifndef LIBNFS_ABI_13
#define LIBNFS_FEATURE_UMOUNT
#define LIBNFS_FEATURE_MULTITHREADING
#endif

/* May be defined before this file is included. */
#ifndef EXTERN
#define EXTERN
#endif

/* In <sys/stat.h>, <sys/statvfs.h>, <utime.h>, <nfsc/libnfs-raw-mount.h>; credentials are opaque here. */
struct stat;
struct statvfs;
struct utimbuf;
struct exportnode;
struct AUTH;

/**
 * Unit of the block counts that the library reports, in bytes.
 */
#define NFS_BLKSIZE 4096

/**
 * How long a page of a file may be used before it is read again, in seconds.
 */
#define NFS_PAGECACHE_DEFAULT_TTL 5

/**
 * What nfs_lockf() is to do.
 */
enum nfs4_lock_op {
  NFS4_F_LOCK = 0,
  NFS4_F_TLOCK = 1,
  NFS4_F_ULOCK = 2,
  NFS4_F_TEST = 3,
};

/**
 * What nfs_fcntl() is to do.
 */
enum nfs4_fcntl_op {
  NFS4_F_SETLK = 0,
  NFS4_F_SETLKW = 1,
};

/**
 * A connection to one export, with its settings and its working directory. Made by nfs_init_context().
 */
struct nfs_context;

/**
 * An open directory. Made by nfs_opendir().
 */
struct nfsdir;

/**
 * An open file. Made by nfs_open() and its relatives.
 */
struct nfsfh;

/**
 * A context of the raw RPC interface.
 */
struct rpc_context;

/**
 * A URL taken apart. Each string is NULL or belongs to the structure.
 */
struct nfs_url {
  /**
   * Name or address of the server, as written.
   */
  char *server;
  /**
   * The directory. Empty when the file is in the root.
   */
  char *path;
  /**
   * The file, beginning with a slash. NULL from nfs_parse_url_dir().
   */
  char *file;
};

/**
 * Called when an asynchronous operation is complete: exactly once for each operation that was accepted, from
 * within nfs_service(), a synchronous call or nfs_destroy_context() on the same context, or on the thread of
 * nfs_mt_service_thread_start().
 *
 * `err` is 0 (or a count, where the function says so), or a negative errno. After an error `data` is a string
 * that describes it. Otherwise it is what the function says. It is valid during the callback only, unless it is
 * a handle. `private_data` is what was given to the function.
 *
 * A callback may call any function of the library, nfs_destroy_context() included.
 */
typedef void (*nfs_cb)(int err, struct nfs_context *nfs, void *data, void *private_data);

/**
 * Attributes of a file (RFC 1813, fattr3).
 */
struct nfs_stat_64 {
  /**
   * Identifier of the server's file system.
   */
  uint64_t nfs_dev;
  uint64_t nfs_ino;
  /**
   * File type and permissions, as st_mode of stat(2).
   */
  uint64_t nfs_mode;
  uint64_t nfs_nlink;
  uint64_t nfs_uid;
  uint64_t nfs_gid;
  uint64_t nfs_rdev;
  /**
   * In bytes.
   */
  uint64_t nfs_size;
  /**
   * Always NFS_BLKSIZE.
   */
  uint64_t nfs_blksize;
  /**
   * In units of 512 bytes.
   */
  uint64_t nfs_blocks;
  /**
   * In seconds since 1970.
   */
  uint64_t nfs_atime;
  uint64_t nfs_mtime;
  uint64_t nfs_ctime;
  uint64_t nfs_atime_nsec;
  uint64_t nfs_mtime_nsec;
  uint64_t nfs_ctime_nsec;
  /**
   * Space in use on the server, in bytes.
   */
  uint64_t nfs_used;
};

/**
 * An entry of a directory. It belongs to the open directory and is valid until nfs_closedir().
 */
struct nfsdirent {
  /**
   * The next entry, or NULL.
   */
  struct nfsdirent *next;
  char *name;
  uint64_t inode;
  /**
   * A number of the enumeration ftype3: 1 file, 2 directory, 3 block device, 4 character device, 5 symbolic
   * link, 6 socket, 7 FIFO. It and the fields below are 0 when the server sent no attributes.
   */
  uint32_t type;
  /**
   * File type and permissions, as st_mode of stat(2).
   */
  uint32_t mode;
  uint64_t size;
  struct timeval atime;
  struct timeval mtime;
  struct timeval ctime;
  uint32_t uid;
  uint32_t gid;
  uint32_t nlink;
  uint64_t dev;
  uint64_t rdev;
  uint64_t blksize;
  uint64_t blocks;
  uint64_t used;
  uint32_t atime_nsec;
  uint32_t mtime_nsec;
  uint32_t ctime_nsec;
};

/**
 * What nfs_statvfs64() reports about a file system. The fields are those of statvfs(3).
 */
struct nfs_statvfs_64 {
  uint64_t f_bsize;
  uint64_t f_frsize;
  uint64_t f_blocks;
  uint64_t f_bfree;
  uint64_t f_bavail;
  uint64_t f_files;
  uint64_t f_ffree;
  uint64_t f_favail;
  uint64_t f_fsid;
  uint64_t f_flag;
  uint64_t f_namemax;
};

/**
 * Called when an asynchronous call on an RPC context is complete. Like nfs_cb, from within rpc_service() or
 * rpc_destroy_context(); `status` and `data` are what the function says.
 */
typedef void (*rpc_cb)(struct rpc_context *rpc, int status, void *data, void *private_data);

/**
 * A list of servers, from nfs_find_local_servers().
 */
struct nfs_server_list {
  /**
   * The next server, or NULL.
   */
  struct nfs_server_list *next;
  /**
   * The server's address as text.
   */
  char *addr;
};

/**
 * A lock on a part of a file, for nfs_fcntl().
 */
struct nfs4_flock {
  /**
   * F_RDLCK, F_WRLCK or F_UNLCK.
   */
  int l_type;
  /**
   * SEEK_SET, SEEK_CUR or SEEK_END.
   */
  int l_whence;
  uint32_t l_pid;
  uint64_t l_start;
  uint64_t l_len;
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Creates a context. It acts as the user and group of the process. Returns NULL when there is no memory or no file
 * descriptor left. Free it with nfs_destroy_context().
 */
EXTERN struct nfs_context *nfs_init_context(void);

/**
 * Closes a context with its connections, open files and open directories, and frees their memory. Operations that are
 * not complete end first: their callbacks are called with -EINTR. Files are closed without a COMMIT: call nfs_close()
 * or nfs_fsync() before, to be sure of written data. The function may be called from a callback of the same context.
 * It does nothing if the context is NULL or already destroyed. In a child of the process that made the context, it
 * does not disturb the parent, and calls none of the parent's callbacks.
 */
EXTERN void nfs_destroy_context(struct nfs_context *nfs);

/**
 * Returns a sentence that describes the latest error of the context: the operation, the path and the cause. The latest
 * one that the calling thread has had counts, or that of any thread if this one has had none. It is never NULL, and
 * empty if there has been no error. The string belongs to the context. It is valid until 64 others have been returned,
 * or until the context is destroyed.
 */
EXTERN char *nfs_get_error(struct nfs_context *nfs);

/**
 * Returns the file descriptor to wait on with poll(2), for the events that nfs_which_events() returns, before
 * nfs_service() is called. It also becomes readable when a deadline has passed. It stays the same for the life of the
 * context and belongs to it: do not read from it. Returns -1 if there is none.
 */
EXTERN int nfs_get_fd(struct nfs_context *nfs);

/**
 * Returns the events, as for poll(2), to wait for on nfs_get_fd(). Call it each time before waiting.
 */
EXTERN int nfs_which_events(struct nfs_context *nfs);

/**
 * Does the work that is pending, without waiting: sends, receives, completes operations and calls their callbacks.
 * `revents` is what poll(2) returned. Calling it when nothing has happened does no harm. Returns 0, or -1 when the
 * connection cannot be used any more.
 */
EXTERN int nfs_service(struct nfs_context *nfs, int revents);

/**
 * Returns the number of asynchronous operations that are not complete.
 */
EXTERN int nfs_queue_length(struct nfs_context *nfs);

#if !defined(LIBNFS_ABI_13)
/**
 * Starts a thread that serves the context from now on, so that the program need not: callbacks run on that thread,
 * and synchronous calls work from any other. The thread does not run signal handlers. Returns 0 or -errno,
 * -EALREADY when there is such a thread.
 */
EXTERN int nfs_mt_service_thread_start(struct nfs_context *nfs);
#endif

#if !defined(LIBNFS_ABI_13)
/**
 * Ends the thread of nfs_mt_service_thread_start(), which nfs_destroy_context() does as well. Returns when a callback
 * that it runs has returned, unless it is called from there. Calls that are not complete go on when the context is
 * served.
 */
EXTERN void nfs_mt_service_thread_stop(struct nfs_context *nfs);
#endif

/**
 * Makes the context use `auth` from the next call on, until nfs_set_uid() or a relative changes it again. The
 * context owns `auth` from now on and frees it. NULL goes back to the context's uid and gid.
 */
EXTERN void nfs_set_auth(struct nfs_context *nfs, struct AUTH *auth);

/**
 * Makes the following calls act as user `uid`, with AUTH_SYS.
 */
EXTERN void nfs_set_uid(struct nfs_context *nfs, int uid);

/**
 * Makes the following calls act with group `gid`, with AUTH_SYS.
 */
EXTERN void nfs_set_gid(struct nfs_context *nfs, int gid);

#if !defined(LIBNFS_ABI_13)
/**
 * Makes the following calls act with `len` further groups, with AUTH_SYS, which carries the first 16 of them.
 */
EXTERN void nfs_set_auxiliary_gids(struct nfs_context *nfs, uint32_t len, uint32_t *gids);
#endif

/**
 * Chooses the network interface to connect from, by its name. NULL leaves the choice to the system.
 */
EXTERN void nfs_set_interface(struct nfs_context *nfs, const char *ifname);

#if !defined(LIBNFS_ABI_13)
/**
 * Returns 0. There is no table to size: it grows with the calls in flight. No effect.
 */
EXTERN int nfs_set_hash_size(struct nfs_context *nfs, int hashes);
#endif

/**
 * Returns how many bytes a single READ of the mounted server carries at most. Before the mount it is the limit that the
 * program has set, or 0.
 */
EXTERN uint64_t nfs_get_readmax(struct nfs_context *nfs);

/**
 * Returns how many bytes a single WRITE to the mounted server carries at most. Before the mount it is the limit that the
 * program has set, or 0.
 */
EXTERN uint64_t nfs_get_writemax(struct nfs_context *nfs);

#if !defined(LIBNFS_ABI_13)
/**
 * Limits a single READ to `readmax` bytes, when that is less than what the server allows. 0 removes the limit.
 * Larger reads are split, and need no care.
 */
EXTERN void nfs_set_readmax(struct nfs_context *nfs, uint64_t readmax);
#endif

#if !defined(LIBNFS_ABI_13)
/**
 * Limits a single WRITE to `writemax` bytes, when that is less than what the server allows. 0 removes the limit.
 * Larger writes are split, and need no care.
 */
EXTERN void nfs_set_writemax(struct nfs_context *nfs, uint64_t writemax);
#endif

/**
 * Sets how often the system sends a SYN before connecting fails. 0 leaves it to the system.
 */
EXTERN void nfs_set_tcp_syncnt(struct nfs_context *nfs, int v);

/**
 * Sets how much is told on the standard error output, a line for each. 0 is nothing. 1 is what goes wrong between this
 * program and the server: connections that are lost and made again, calls without an answer, wrong arguments. 2 is also
 * what the server refuses, names that do not exist, and connections that are made.
 */
EXTERN void nfs_set_debug(struct nfs_context *nfs, int level);

#if !defined(LIBNFS_ABI_13)
/**
 * Sets whether exports below the mounted one are mounted on the way. On unless switched off.
 */
EXTERN void nfs_set_auto_traverse_mounts(struct nfs_context *nfs, int enabled);
#endif

/**
 * Sets how often the library tries to connect again after a connection is lost, before calls fail. -1, the default,
 * means without limit; 0 means never.
 */
EXTERN void nfs_set_autoreconnect(struct nfs_context *nfs, int num_retries);

#if !defined(LIBNFS_ABI_13)
/**
 * Sets the port of the server's NFS service. 0 asks the server's portmapper. What is no port, above 65535 or negative,
 * makes mounting fail with -EINVAL.
 */
EXTERN void nfs_set_nfsport(struct nfs_context *nfs, int port);
#endif

#if !defined(LIBNFS_ABI_13)
/**
 * Sets the port of the server's MOUNT service. 0 asks the server's portmapper. What is no port, above 65535 or negative,
 * makes mounting fail with -EINVAL.
 */
EXTERN void nfs_set_mountport(struct nfs_context *nfs, int port);
#endif

#if !defined(LIBNFS_ABI_13)
/**
 * Sets how much of a directory one READDIRPLUS asks for, in bytes: `dircount` of names, and `maxcount` in all
 * (RFC 1813, section 3.3.17).
 */
EXTERN void nfs_set_readdir_max_buffer_size(struct nfs_context *nfs, uint32_t dircount,
    uint32_t maxcount);
#endif

/**
 * Sets the NFS version of the next mount, NFS_V3 or NFS_V4. Returns 0, or -1 for any other number. With version 4 the
 * server's highest minor version is used, 4.2 or 4.1; 4.0 is not there yet.
 */
EXTERN int nfs_set_version(struct nfs_context *nfs, int version);

#if !defined(LIBNFS_ABI_13)
/**
 * Returns the NFS version of the context, 3 or 4.
 */
EXTERN int nfs_get_version(struct nfs_context *nfs);
#endif

#if !defined(LIBNFS_ABI_13)
/**
 * Sets how long, in milliseconds, a synchronous call sleeps at most before it looks at the time again. It is kept for
 * nfs_get_poll_timeout(). No effect otherwise: calls wake when something happens and when their time is over.
 */
EXTERN void nfs_set_poll_timeout(struct nfs_context *nfs, int milliseconds);
#endif

#if !defined(LIBNFS_ABI_13)
/**
 * Returns what nfs_set_poll_timeout() has set.
 */
EXTERN int nfs_get_poll_timeout(struct nfs_context *nfs);
#endif

/**
 * Sets how long a mount, and after that each call to the server, may take, in milliseconds. 0 or a negative number
 * means no limit; a mount then ends after 60 seconds.
 */
EXTERN void nfs_set_timeout(struct nfs_context *nfs, int milliseconds);

/**
 * Returns what nfs_set_timeout() has set. -1 at first.
 */
EXTERN int nfs_get_timeout(struct nfs_context *nfs);

/**
 * Sets the name that an NFS version 4 server knows this client by. It must be another one for each client of the
 * server. NULL has a name made. No effect so far.
 */
EXTERN void nfs4_set_client_name(struct nfs_context *nfs, const char *id);

/**
 * Sets the eight bytes by which an NFS version 4 server distinguishes a restarted client from the one before. NULL
 * lets the library choose them. No effect so far.
 */
EXTERN void nfs4_set_verifier(struct nfs_context *nfs, const char *verifier);

/**
 * Sets the permission bits that nfs_open() removes from those of a file it creates, and returns the former ones. They
 * are 022 at first. Functions that take the permissions as an argument use them unchanged.
 */
EXTERN uint16_t nfs_umask(struct nfs_context *nfs, uint16_t mask);

/**
 * Sets the size of each file's page cache, in pages of NFS_BLKSIZE bytes. 0 turns it off, unless bytes are
 * read ahead. Pages are dropped by writes and truncations through the same context, and when their time is over.
 */
EXTERN void nfs_set_pagecache(struct nfs_context *nfs, uint32_t v);

/**
 * Sets how long a cached page may be used, in seconds: what others write is seen after that.
 */
EXTERN void nfs_set_pagecache_ttl(struct nfs_context *nfs, uint32_t v);

/**
 * Drops the cached pages of a file.
 */
EXTERN void nfs_pagecache_invalidate(struct nfs_context *nfs, struct nfsfh *nfsfh);

/**
 * Begins with an empty page cache for a file, of the size that nfs_set_pagecache() has set.
 */
EXTERN void nfs_pagecache_init(struct nfs_context *nfs, struct nfsfh *nfsfh);

/**
 * Sets how many bytes are read ahead of a sequential reader, into the page cache, which has room for twice as many
 * if no size is set. 0 turns it off.
 */
EXTERN void nfs_set_readahead(struct nfs_context *nfs, uint32_t v);

/**
 * Sets whether the ways to directories are remembered for a few seconds, so that a path costs one call and not one for
 * each of its components. On unless switched off. What is in a directory is asked of the server each time.
 */
EXTERN void nfs_set_dircache(struct nfs_context *nfs, int enabled);

/**
 * Takes the URL of a file apart: nfs://SERVER:PORT/PATH/FILE?ARGUMENT=VALUE&... The port, which may be left out with
 * its colon, is that of the NFS service. An IPv6 address in front of a port stands in brackets. The arguments are
 * applied to the context. They are
 *
 * - version: NFS version, 3 or 4, or exactly 4.1 or 4.2
 * - uid, gid: whom to act as
 * - nfsport, mountport: ports of the server's services; 0 asks its portmapper
 * - timeo: how long one call may take, in tenths of a second; 0 is as long as it takes
 * - retrans: how often a call is sent again, over another connection, when the server says nothing for that long
 * - autoreconnect: how often a lost connection is made again; -1 without limit
 * - tcp-syncnt: how often a SYN is sent
 * - if: the network interface to connect from
 * - rsize, wsize: the most that one READ or WRITE carries, in bytes, 1024 or more
 * - readahead: bytes to read ahead
 * - pagecache: pages to keep of a file
 * - dircache: 0 not to keep entries of directories
 * - auto-traverse-mounts: 0 not to mount exports below the mounted one
 * - readdir-buffer: bytes of names, and of everything, in one READDIRPLUS
 * - debug: how much to tell on the standard error output
 * - sec, xprtsec: only "sys" and "none"; anything else is an error
 *
 * and others are ignored. A number ends where its digits end, and is 0 without any; one that an argument cannot have
 * is ignored. nfs_set_debug() tells of both. Percent escapes are decoded; one of a slash separates as a slash does,
 * one of "?", "&" or "=" stands for that character.
 *
 * Returns NULL after an error, otherwise the parts, to be freed with nfs_destroy_url(). The context may be NULL:
 * the arguments and the port are ignored then.
 */
EXTERN struct nfs_url *nfs_parse_url_full(struct nfs_context *nfs, const char *url);

/**
 * Like nfs_parse_url_full(), but everything after the server is the path, and there is no file.
 */
EXTERN struct nfs_url *nfs_parse_url_dir(struct nfs_context *nfs, const char *url);

/**
 * Like nfs_parse_url_full(), but what is missing at the end of the URL is NULL: the path and the file, or the
 * server as well.
 */
EXTERN struct nfs_url *nfs_parse_url_incomplete(struct nfs_context *nfs, const char *url);

/**
 * Frees what a function of this family returned. NULL is left alone.
 */
EXTERN void nfs_destroy_url(struct nfs_url *url);

/**
 * Mounts the directory `exportname` of `server`, which is a host name or an address. The paths of all other calls
 * start there. Returns 0 or -errno, for example -EACCES when the server refuses and -ENOENT when it has no such
 * directory.
 */
EXTERN int nfs_mount(struct nfs_context *nfs, const char *server, const char *exportname);

/**
 * Like nfs_mount(), asynchronous. The callback gets 0.
 */
EXTERN int nfs_mount_async(struct nfs_context *nfs, const char *server, const char *exportname,
    nfs_cb cb, void *private_data);

/**
 * Ends the use of an export. Calls that are under way end with -EINTR first, so that none of them uses a buffer any
 * more when this function returns. Written data is made stable. Files and directories that are open can only be closed
 * from now on; closing a file returns an error if its data could not be made stable. The context can mount again.
 * Returns 0 or -errno.
 */
EXTERN int nfs_umount(struct nfs_context *nfs);

/**
 * Like nfs_umount(), asynchronous. The callback gets 0. The callbacks of calls that are under way are called before
 * it.
 */
EXTERN int nfs_umount_async(struct nfs_context *nfs, nfs_cb cb, void *private_data);

/**
 * Changes the directory where relative paths of the context start. At first it is the root of the export. Returns 0 or
 * -errno.
 */
EXTERN int nfs_chdir(struct nfs_context *nfs, const char *path);

/**
 * Like nfs_chdir(), asynchronous. The callback gets 0.
 */
EXTERN int nfs_chdir_async(struct nfs_context *nfs, const char *path, nfs_cb cb,
    void *private_data);

/**
 * Stores the path of the working directory in `*cwd`. It belongs to the context and is valid until
 * nfs_getcwd() is called again.
 */
EXTERN void nfs_getcwd(struct nfs_context *nfs, const char **cwd);

/**
 * Reads the attributes of a file (RFC 1813, GETATTR). nfs_stat64() returns more of them and should be used instead.
 * Returns 0 or -errno.
 */
EXTERN int nfs_stat(struct nfs_context *nfs, const char *path, struct stat *st);

/**
 * Like nfs_stat(), asynchronous. The callback gets 0 and the attributes, a struct stat *.
 */
EXTERN int nfs_stat_async(struct nfs_context *nfs, const char *path, nfs_cb cb, void *private_data);

/**
 * Reads the attributes of a file (RFC 1813, GETATTR) and stores them in `*st`. Returns 0 or -errno. A symbolic link at
 * the end of the path is followed; see nfs_lstat64().
 */
EXTERN int nfs_stat64(struct nfs_context *nfs, const char *path, struct nfs_stat_64 *st);

/**
 * Like nfs_stat64(), asynchronous. The callback gets 0 and the attributes, a struct nfs_stat_64 *.
 */
EXTERN int nfs_stat64_async(struct nfs_context *nfs, const char *path, nfs_cb cb,
    void *private_data);

/**
 * Like nfs_stat64(), but of a symbolic link itself when the path ends in one.
 */
EXTERN int nfs_lstat64(struct nfs_context *nfs, const char *path, struct nfs_stat_64 *st);

/**
 * Like nfs_lstat64(), asynchronous. The callback gets 0 and the attributes, a struct nfs_stat_64 *.
 */
EXTERN int nfs_lstat64_async(struct nfs_context *nfs, const char *path, nfs_cb cb,
    void *private_data);

/**
 * Reads the attributes of an open file. nfs_fstat64() returns more of them and should be used instead. Returns 0 or
 * -errno.
 */
EXTERN int nfs_fstat(struct nfs_context *nfs, struct nfsfh *nfsfh, struct stat *st);

/**
 * Like nfs_fstat(), asynchronous. The callback gets 0 and the attributes, a struct stat *.
 */
EXTERN int nfs_fstat_async(struct nfs_context *nfs, struct nfsfh *nfsfh, nfs_cb cb,
    void *private_data);

/**
 * Reads the attributes of an open file (RFC 1813, GETATTR). Returns 0 or -errno.
 */
EXTERN int nfs_fstat64(struct nfs_context *nfs, struct nfsfh *nfsfh, struct nfs_stat_64 *st);

/**
 * Like nfs_fstat64(), asynchronous. The callback gets 0 and the attributes, a struct nfs_stat_64 *.
 */
EXTERN int nfs_fstat64_async(struct nfs_context *nfs, struct nfsfh *nfsfh, nfs_cb cb,
    void *private_data);

/**
 * Opens a file and stores its handle in `*nfsfh`, or NULL after an error. Close it with nfs_close(). Returns 0 or
 * -errno.
 *
 * `flags` are those of open(2). O_CREAT creates the file with the permissions 0666 without those of nfs_umask().
 * O_EXCL, O_TRUNC (with O_WRONLY or O_RDWR), O_APPEND, O_SYNC, O_NOFOLLOW and O_DIRECTORY have their usual meaning.
 * Other flags are ignored.
 */
EXTERN int nfs_open(struct nfs_context *nfs, const char *path, int flags, struct nfsfh **nfsfh);

/**
 * Like nfs_open(), asynchronous. The callback gets 0 and the file, a struct nfsfh *.
 */
EXTERN int nfs_open_async(struct nfs_context *nfs, const char *path, int flags, nfs_cb cb,
    void *private_data);

/**
 * Like nfs_open(), but O_CREAT creates the file with exactly the permissions `mode`.
 */
EXTERN int nfs_open2(struct nfs_context *nfs, const char *path, int flags, int mode,
    struct nfsfh **nfsfh);

/**
 * Like nfs_open2(), asynchronous. The callback gets 0 and the file, a struct nfsfh *.
 */
EXTERN int nfs_open2_async(struct nfs_context *nfs, const char *path, int flags, int mode,
    nfs_cb cb, void *private_data);

/**
 * Creates a file with exactly the permissions `mode`, or empties the file if it exists. Opens it for reading and
 * writing, and stores its handle in `*nfsfh`, or NULL after an error. Returns 0 or -errno.
 */
EXTERN int nfs_creat(struct nfs_context *nfs, const char *path, int mode, struct nfsfh **nfsfh);

/**
 * Like nfs_creat(), asynchronous. The callback gets 0 and the file, a struct nfsfh *.
 */
EXTERN int nfs_creat_async(struct nfs_context *nfs, const char *path, int mode, nfs_cb cb,
    void *private_data);

/**
 * Like nfs_creat(), with flags of open(2): O_EXCL fails with -EEXIST when the file is there, O_TRUNC empties it,
 * O_APPEND and O_SYNC are known as well.
 */
EXTERN int nfs_create(struct nfs_context *nfs, const char *path, int flags, int mode,
    struct nfsfh **nfsfh);

/**
 * Like nfs_create(), asynchronous. The callback gets 0 and the file, a struct nfsfh *.
 */
EXTERN int nfs_create_async(struct nfs_context *nfs, const char *path, int flags, int mode,
    nfs_cb cb, void *private_data);

/**
 * Closes a file, after everything written to it has reached the server's stable storage. Returns 0 or -errno. An error
 * means that data may be lost. The handle is invalid afterwards, also after an error.
 */
EXTERN int nfs_close(struct nfs_context *nfs, struct nfsfh *nfsfh);

/**
 * Like nfs_close(), asynchronous. The callback gets 0. The handle is invalid as soon as the function returns.
 */
EXTERN int nfs_close_async(struct nfs_context *nfs, struct nfsfh *nfsfh, nfs_cb cb,
    void *private_data);

/**
 * Reads up to `count` bytes at `offset` into `buf` (RFC 1813, READ). The position of the file does not change. Returns
 * the number of bytes, or -errno. The number is less than `count` only at the end of the file, or when `count` is
 * above 2147479552.
 */
EXTERN int nfs_pread(struct nfs_context *nfs, struct nfsfh *nfsfh, uint64_t offset, uint64_t count,
    void *buf);

/**
 * Like nfs_pread(), asynchronous. The callback gets the number of bytes in place of 0, and the bytes.
 */
EXTERN int nfs_pread_async(struct nfs_context *nfs, struct nfsfh *nfsfh, uint64_t offset,
    uint64_t count, nfs_cb cb, void *private_data);

/**
 * Reads up to `count` bytes at the position of the file into `buf`, and advances the position (RFC 1813, READ).
 * Returns the number of bytes, or -errno. The number is less than `count` only at the end of the file, or when `count`
 * is above 2147479552; it is 0 at the end.
 */
EXTERN int nfs_read(struct nfs_context *nfs, struct nfsfh *nfsfh, uint64_t count, void *buf);

/**
 * Like nfs_read(), asynchronous. The callback gets the number of bytes in place of 0, and the bytes.
 */
EXTERN int nfs_read_async(struct nfs_context *nfs, struct nfsfh *nfsfh, uint64_t count, nfs_cb cb,
    void *private_data);

/**
 * Writes `count` bytes of `buf` at `offset` (RFC 1813, WRITE). The position of the file does not change. Returns the
 * number of bytes, or -errno: -EINVAL when `count` is above INT_MAX. The data is on stable storage after nfs_fsync()
 * or nfs_close() has returned 0, or at once if the file was opened with O_SYNC.
 */
EXTERN int nfs_pwrite(struct nfs_context *nfs, struct nfsfh *nfsfh, uint64_t offset, uint64_t count,
    const void *buf);

/**
 * Like nfs_pwrite(), asynchronous. The bytes are copied first. The callback gets the number of bytes in place
 * of 0.
 */
EXTERN int nfs_pwrite_async(struct nfs_context *nfs, struct nfsfh *nfsfh, uint64_t offset,
    uint64_t count, const void *buf, nfs_cb cb, void *private_data);

/**
 * Writes `count` bytes of `buf` at the position of the file, or at its end if it was opened with O_APPEND, and sets
 * the position to the end of the written data (RFC 1813, WRITE). Returns the number of bytes, or -errno. For when the
 * data is on stable storage, see nfs_pwrite().
 */
EXTERN int nfs_write(struct nfs_context *nfs, struct nfsfh *nfsfh, uint64_t count, const void *buf);

/**
 * Like nfs_write(), asynchronous. The bytes are copied first. The callback gets the number of bytes in place of 0.
 */
EXTERN int nfs_write_async(struct nfs_context *nfs, struct nfsfh *nfsfh, uint64_t count,
    const void *buf, nfs_cb cb, void *private_data);

/**
 * Moves the position of a file like lseek(2), and stores the new one in `*current_offset` unless that is
 * NULL. Returns 0 or -errno.
 */
EXTERN int nfs_lseek(struct nfs_context *nfs, struct nfsfh *nfsfh, int64_t offset, int whence,
    uint64_t *current_offset);

/**
 * Like nfs_lseek(), asynchronous. The callback gets 0 and the new position, a uint64_t *.
 */
EXTERN int nfs_lseek_async(struct nfs_context *nfs, struct nfsfh *nfsfh, int64_t offset, int whence,
    nfs_cb cb, void *private_data);

/**
 * Waits until everything written to the file is on the server's stable storage (RFC 1813, COMMIT). Returns 0 or
 * -errno. An error means that data may be lost.
 */
EXTERN int nfs_fsync(struct nfs_context *nfs, struct nfsfh *nfsfh);

/**
 * Like nfs_fsync(), asynchronous. The callback gets 0.
 */
EXTERN int nfs_fsync_async(struct nfs_context *nfs, struct nfsfh *nfsfh, nfs_cb cb,
    void *private_data);

/**
 * Sets the length of a file, in bytes (RFC 1813, SETATTR). Returns 0 or -errno.
 */
EXTERN int nfs_truncate(struct nfs_context *nfs, const char *path, uint64_t length);

/**
 * Like nfs_truncate(), asynchronous. The callback gets 0.
 */
EXTERN int nfs_truncate_async(struct nfs_context *nfs, const char *path, uint64_t length, nfs_cb cb,
    void *private_data);

/**
 * Sets the length of an open file, in bytes. Returns 0 or -errno.
 */
EXTERN int nfs_ftruncate(struct nfs_context *nfs, struct nfsfh *nfsfh, uint64_t length);

/**
 * Like nfs_ftruncate(), asynchronous. The callback gets 0.
 */
EXTERN int nfs_ftruncate_async(struct nfs_context *nfs, struct nfsfh *nfsfh, uint64_t length,
    nfs_cb cb, void *private_data);

/**
 * Locks, tests or unlocks `count` bytes of a file from its position on, or with 0 all that there will ever be, like
 * lockf(3). NFS4_F_LOCK locks them for writing, and waits while another owner has a lock there. NFS4_F_TLOCK does
 * not wait: it returns -EAGAIN then. NFS4_F_TEST returns 0 when NFS4_F_TLOCK would, and -EACCES when another owner has
 * a lock there. NFS4_F_ULOCK unlocks. Returns 0 or -errno.
 *
 * Locks are those of the server's lock manager (NLM, X/Open XNFS); -ENOLCK when it has none. They belong to the
 * open file: another nfs_open() of the same file is another owner, in the same context too. nfs_close(), nfs_umount()
 * and nfs_destroy_context() give them back. They keep out other locks, not reads and writes.
 *
 * To wait means to ask again, after 10 milliseconds first and each second at last, until the time of
 * nfs_set_timeout() is over (-ETIMEDOUT), or for ever when there is none. Nobody keeps the order of those who wait.
 * After an error that leaves open whether the server has locked, as -ETIMEDOUT does, unlock or close the file.
 */
EXTERN int nfs_lockf(struct nfs_context *nfs, struct nfsfh *nfsfh, enum nfs4_lock_op op,
    uint64_t count);

/**
 * Like nfs_lockf(), asynchronous. The callback gets 0.
 */
EXTERN int nfs_lockf_async(struct nfs_context *nfs, struct nfsfh *nfsfh, enum nfs4_lock_op op,
    uint64_t count, nfs_cb cb, void *private_data);

/**
 * Sets or removes a lock, `arg`, a struct nfs4_flock *, like fcntl(2): F_RDLCK locks for reading, which others may do
 * as well, F_WRLCK for writing, F_UNLCK unlocks. NFS4_F_SETLK returns -EAGAIN while another owner has a lock there;
 * NFS4_F_SETLKW waits. `l_start` counts from the beginning of the file (SEEK_SET), from its position (SEEK_CUR) or
 * from its end (SEEK_END), and may be a negative number there; an `l_len` of 0 is all bytes from there on. `*arg` is
 * not changed. Returns 0 or -errno. For what a lock is, and what it is to wait, see nfs_lockf().
 */
EXTERN int nfs_fcntl(struct nfs_context *nfs, struct nfsfh *nfsfh, enum nfs4_fcntl_op cmd,
    void *arg);

/**
 * Like nfs_fcntl(), asynchronous. `*arg` is copied. The callback gets 0.
 */
EXTERN int nfs_fcntl_async(struct nfs_context *nfs, struct nfsfh *nfsfh, enum nfs4_fcntl_op cmd,
    void *arg, nfs_cb cb, void *private_data);

/**
 * Creates a directory with the permissions 0755 (RFC 1813, MKDIR). Returns 0 or -errno, for example -EEXIST when the
 * name exists.
 */
EXTERN int nfs_mkdir(struct nfs_context *nfs, const char *path);

/**
 * Like nfs_mkdir(), asynchronous. The callback gets 0.
 */
EXTERN int nfs_mkdir_async(struct nfs_context *nfs, const char *path, nfs_cb cb,
    void *private_data);

/**
 * Makes a directory with the permissions `mode` (RFC 1813, MKDIR). Returns 0 or -errno.
 */
EXTERN int nfs_mkdir2(struct nfs_context *nfs, const char *path, int mode);

/**
 * Like nfs_mkdir2(), asynchronous. The callback gets 0.
 */
EXTERN int nfs_mkdir2_async(struct nfs_context *nfs, const char *path, int mode, nfs_cb cb,
    void *private_data);

/**
 * Removes an empty directory (RFC 1813, RMDIR). Returns 0 or -errno, for example -ENOTEMPTY when it is not empty.
 */
EXTERN int nfs_rmdir(struct nfs_context *nfs, const char *path);

/**
 * Like nfs_rmdir(), asynchronous. The callback gets 0.
 */
EXTERN int nfs_rmdir_async(struct nfs_context *nfs, const char *path, nfs_cb cb,
    void *private_data);

/**
 * Makes a device, a FIFO or a socket (RFC 1813, MKNOD). `mode` is the file type and the permissions, `dev`
 * the device as from makedev(). Returns 0, or -errno: -EINVAL for other file types.
 */
EXTERN int nfs_mknod(struct nfs_context *nfs, const char *path, int mode, int dev);

/**
 * Like nfs_mknod(), asynchronous. The callback gets 0.
 */
EXTERN int nfs_mknod_async(struct nfs_context *nfs, const char *path, int mode, int dev, nfs_cb cb,
    void *private_data);

/**
 * Removes the name of a file, or of anything else that is not a directory (RFC 1813, REMOVE). Returns 0 or -errno.
 */
EXTERN int nfs_unlink(struct nfs_context *nfs, const char *path);

/**
 * Like nfs_unlink(), asynchronous. The callback gets 0.
 */
EXTERN int nfs_unlink_async(struct nfs_context *nfs, const char *path, nfs_cb cb,
    void *private_data);

/**
 * Renames a file or a directory. Replaces a file, or an empty directory, that has the new name (RFC 1813, RENAME).
 * Returns 0 or -errno.
 */
EXTERN int nfs_rename(struct nfs_context *nfs, const char *oldpath, const char *newpath);

/**
 * Like nfs_rename(), asynchronous. The callback gets 0.
 */
EXTERN int nfs_rename_async(struct nfs_context *nfs, const char *oldpath, const char *newpath,
    nfs_cb cb, void *private_data);

/**
 * Opens a directory and reads all its entries (RFC 1813, READDIRPLUS), which do not change any more afterwards. Stores
 * its handle in `*nfsdir`, or NULL after an error. Close it with nfs_closedir(). Returns 0 or -errno.
 */
EXTERN int nfs_opendir(struct nfs_context *nfs, const char *path, struct nfsdir **nfsdir);

/**
 * Like nfs_opendir(), asynchronous. The callback gets 0 and the directory, a struct nfsdir *.
 */
EXTERN int nfs_opendir_async(struct nfs_context *nfs, const char *path, nfs_cb cb,
    void *private_data);

/**
 * Returns the next entry of a directory, or NULL if there are no more. The entry belongs to the directory and is valid
 * until nfs_closedir(). The entries "." and ".." are included. The context may be NULL.
 */
EXTERN struct nfsdirent *nfs_readdir(struct nfs_context *nfs, struct nfsdir *nfsdir);

/**
 * Moves to a position that nfs_telldir() has returned. The context may be NULL.
 */
EXTERN void nfs_seekdir(struct nfs_context *nfs, struct nfsdir *nfsdir, long loc);

/**
 * Returns the position of the next entry, counted from 0, or -1 when there is none left. The context may be NULL.
 */
EXTERN long nfs_telldir(struct nfs_context *nfs, struct nfsdir *nfsdir);

/**
 * Moves back to the first entry. What has changed on the server since nfs_opendir() is not seen. The context may
 * be NULL.
 */
EXTERN void nfs_rewinddir(struct nfs_context *nfs, struct nfsdir *nfsdir);

/**
 * Closes a directory and frees its entries. The context may be NULL.
 */
EXTERN void nfs_closedir(struct nfs_context *nfs, struct nfsdir *nfsdir);

/**
 * Tells about the file system that a file lies in (RFC 1813, FSSTAT); sizes are in units of NFS_BLKSIZE
 * bytes. Superseded by nfs_statvfs64(). Returns 0 or -errno.
 */
EXTERN int nfs_statvfs(struct nfs_context *nfs, const char *path, struct statvfs *svfs);

/**
 * Like nfs_statvfs(), asynchronous. The callback gets 0 and a struct statvfs *.
 */
EXTERN int nfs_statvfs_async(struct nfs_context *nfs, const char *path, nfs_cb cb,
    void *private_data);

/**
 * Tells about the file system that a file lies in (RFC 1813, FSSTAT); sizes are in units of NFS_BLKSIZE
 * bytes. Returns 0 or -errno.
 */
EXTERN int nfs_statvfs64(struct nfs_context *nfs, const char *path, struct nfs_statvfs_64 *svfs);

/**
 * Like nfs_statvfs64(), asynchronous. The callback gets 0 and a struct nfs_statvfs_64 *.
 */
EXTERN int nfs_statvfs64_async(struct nfs_context *nfs, const char *path, nfs_cb cb,
    void *private_data);

/**
 * Makes the symbolic link `linkname` to `target`, which is stored as it is (RFC 1813, SYMLINK). Returns 0 or
 * -errno.
 */
EXTERN int nfs_symlink(struct nfs_context *nfs, const char *target, const char *linkname);

/**
 * Like nfs_symlink(), asynchronous. The callback gets 0.
 */
EXTERN int nfs_symlink_async(struct nfs_context *nfs, const char *target, const char *linkname,
    nfs_cb cb, void *private_data);

/**
 * Gives the file `oldpath` the further name `newpath` (RFC 1813, LINK). Returns 0 or -errno.
 */
EXTERN int nfs_link(struct nfs_context *nfs, const char *oldpath, const char *newpath);

/**
 * Like nfs_link(), asynchronous. The callback gets 0.
 */
EXTERN int nfs_link_async(struct nfs_context *nfs, const char *oldpath, const char *newpath,
    nfs_cb cb, void *private_data);

/**
 * Reads a symbolic link into `buf` (RFC 1813, READLINK) as a C string. Returns 0, or -errno: -ENAMETOOLONG when
 * the target and its NUL byte do not fit into `bufsize` bytes.
 */
EXTERN int nfs_readlink(struct nfs_context *nfs, const char *path, char *buf, int bufsize);

/**
 * Like nfs_readlink(), but stores the address of the target in `*bufptr`. The caller frees it with free().
 */
EXTERN int nfs_readlink2(struct nfs_context *nfs, const char *path, char **bufptr);

/**
 * Like nfs_readlink(), asynchronous. The callback gets 0 and the target, a char *.
 */
EXTERN int nfs_readlink_async(struct nfs_context *nfs, const char *path, nfs_cb cb,
    void *private_data);

/**
 * Changes the permissions of a file (RFC 1813, SETATTR). Returns 0 or -errno.
 */
EXTERN int nfs_chmod(struct nfs_context *nfs, const char *path, int mode);

/**
 * Like nfs_chmod(), asynchronous. The callback gets 0.
 */
EXTERN int nfs_chmod_async(struct nfs_context *nfs, const char *path, int mode, nfs_cb cb,
    void *private_data);

/**
 * Changes the permissions of a file (RFC 1813, SETATTR). A symbolic link at the end is changed itself.
 * Returns 0 or -errno.
 */
EXTERN int nfs_lchmod(struct nfs_context *nfs, const char *path, int mode);

/**
 * Like nfs_lchmod(), asynchronous. The callback gets 0.
 */
EXTERN int nfs_lchmod_async(struct nfs_context *nfs, const char *path, int mode, nfs_cb cb,
    void *private_data);

/**
 * Changes the permissions of an open file. Returns 0 or -errno.
 */
EXTERN int nfs_fchmod(struct nfs_context *nfs, struct nfsfh *nfsfh, int mode);

/**
 * Like nfs_fchmod(), asynchronous. The callback gets 0.
 */
EXTERN int nfs_fchmod_async(struct nfs_context *nfs, struct nfsfh *nfsfh, int mode, nfs_cb cb,
    void *private_data);

/**
 * Changes owner and group of a file (RFC 1813, SETATTR); -1 leaves one as it is. Returns 0 or -errno.
 */
EXTERN int nfs_chown(struct nfs_context *nfs, const char *path, int uid, int gid);

/**
 * Like nfs_chown(), asynchronous. The callback gets 0.
 */
EXTERN int nfs_chown_async(struct nfs_context *nfs, const char *path, int uid, int gid, nfs_cb cb,
    void *private_data);

/**
 * Changes owner and group of a file (RFC 1813, SETATTR); -1 leaves one as it is. A symbolic link at the end
 * is changed itself. Returns 0 or -errno.
 */
EXTERN int nfs_lchown(struct nfs_context *nfs, const char *path, int uid, int gid);

/**
 * Like nfs_lchown(), asynchronous. The callback gets 0.
 */
EXTERN int nfs_lchown_async(struct nfs_context *nfs, const char *path, int uid, int gid, nfs_cb cb,
    void *private_data);

/**
 * Changes owner and group of an open file; -1 leaves one as it is. Returns 0 or -errno.
 */
EXTERN int nfs_fchown(struct nfs_context *nfs, struct nfsfh *nfsfh, int uid, int gid);

/**
 * Like nfs_fchown(), asynchronous. The callback gets 0.
 */
EXTERN int nfs_fchown_async(struct nfs_context *nfs, struct nfsfh *nfsfh, int uid, int gid,
    nfs_cb cb, void *private_data);

/**
 * Sets the times of the last access, `times[0]`, and of the last change, `times[1]` (RFC 1813, SETATTR).
 * NULL sets both to the server's time. Returns 0 or -errno: -EOVERFLOW for a time before 1970 or after 2106.
 */
EXTERN int nfs_utimes(struct nfs_context *nfs, const char *path, struct timeval *times);

/**
 * Like nfs_utimes(), asynchronous. The callback gets 0.
 */
EXTERN int nfs_utimes_async(struct nfs_context *nfs, const char *path, struct timeval *times,
    nfs_cb cb, void *private_data);

/**
 * Sets the times of the last access, `times[0]`, and of the last change, `times[1]` (RFC 1813, SETATTR).
 * NULL sets both to the server's time. A symbolic link at the end is changed itself. Returns 0 or -errno.
 */
EXTERN int nfs_lutimes(struct nfs_context *nfs, const char *path, struct timeval *times);

/**
 * Like nfs_lutimes(), asynchronous. The callback gets 0.
 */
EXTERN int nfs_lutimes_async(struct nfs_context *nfs, const char *path, struct timeval *times,
    nfs_cb cb, void *private_data);

/**
 * Like nfs_utimes(), in whole seconds.
 */
EXTERN int nfs_utime(struct nfs_context *nfs, const char *path, struct utimbuf *times);

/**
 * Like nfs_utime(), asynchronous. The callback gets 0.
 */
EXTERN int nfs_utime_async(struct nfs_context *nfs, const char *path, struct utimbuf *times,
    nfs_cb cb, void *private_data);

/**
 * Asks the server whether the context's user may read, write or execute a file (RFC 1813, ACCESS). `mode` is
 * made of R_OK, W_OK and X_OK, or is F_OK to ask whether the file is there. Returns 0, or -errno: -EACCES
 * when not.
 */
EXTERN int nfs_access(struct nfs_context *nfs, const char *path, int mode);

/**
 * Like nfs_access(), asynchronous. The callback gets 0.
 */
EXTERN int nfs_access_async(struct nfs_context *nfs, const char *path, int mode, nfs_cb cb,
    void *private_data);

/**
 * Returns what the context's user may do with a file, made of R_OK, W_OK and X_OK, or -errno (RFC 1813,
 * ACCESS).
 */
EXTERN int nfs_access2(struct nfs_context *nfs, const char *path);

/**
 * Like nfs_access2(), asynchronous. The callback gets what the user may do in place of 0.
 */
EXTERN int nfs_access2_async(struct nfs_context *nfs, const char *path, nfs_cb cb,
    void *private_data);

/**
 * Asks a server for its exports (RFC 1813, section 5.2.5). Returns the first of a list, to be freed with
 * mount_free_export_list(), or NULL when there is none or after an error.
 */
EXTERN struct exportnode *mount_getexports(const char *server);

#if !defined(LIBNFS_ABI_13)
/**
 * Like mount_getexports(), but gives up after `timeout` milliseconds without an answer; 0 or less never.
 */
EXTERN struct exportnode *mount_getexports_timeout(const char *server, int timeout);
#endif

/**
 * Like mount_getexports(), asynchronous, over connections that the RPC context makes for it. Its own timeout applies.
 * The callback gets 0 and the address of a list (a struct exportnode **, which the original headers call exports *),
 * valid until it returns; or a negative errno and a sentence. Returns 0 or -errno.
 */
EXTERN int mount_getexports_async(struct rpc_context *rpc, const char *server, rpc_cb cb,
    void *private_data);

/**
 * Frees a list of exports. NULL is left alone.
 */
EXTERN void mount_free_export_list(struct exportnode *exports);

/**
 * Looks for NFS servers on the local network, with a broadcast to their portmappers, for three seconds. Returns the
 * first of a list, to be freed with free_nfs_srvr_list(), or NULL when there is none.
 */
EXTERN struct nfs_server_list *nfs_find_local_servers(void);

/**
 * Frees a list of servers. NULL is left alone.
 */
EXTERN void free_nfs_srvr_list(struct nfs_server_list *srv);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* _LIBNFS_H_ */
