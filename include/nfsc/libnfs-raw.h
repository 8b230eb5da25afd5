/*
 * RPC contexts, on which mount_getexports_async() works, and the names and errnos of the statuses of NFS. The conventions
 * are those of libnfs.h. After an error, rpc_get_error() describes it.
 *
 * This file is made from the source of the library; see tests/abi/headers.rs.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#ifndef _LIBNFS_RAW_H_
#define _LIBNFS_RAW_H_

#include <stdint.h>
#include <nfsc/libnfs.h>

/**
 * The status that the callback of an RPC gets when the reply has arrived.
 */
#define RPC_STATUS_SUCCESS 0

/**
 * There is no reply, and will be none.
 */
#define RPC_STATUS_ERROR 1

/**
 * The context was destroyed before there was a reply.
 */
#define RPC_STATUS_CANCEL 2

/**
 * There was no reply in time.
 */
#define RPC_STATUS_TIMEOUT 3

/**
 * A server's handle of a file. It has the layout of struct nfs_fh3: the length as an unsigned int, then the address
 * of the bytes.
 */
struct nfs_fh;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The name of a status of NFS version 3, such as "NFS3ERR_NOENT". It is not to be freed.
 */
EXTERN char *nfsstat3_to_str(int error);

/**
 * The negative errno for a status of NFS version 3; -ERANGE for what is none.
 */
EXTERN int nfsstat3_to_errno(int error);

/**
 * The name of a status of NFS version 4, such as "NFS4ERR_NOENT". It is not to be freed.
 */
EXTERN char *nfsstat4_to_str(int error);

/**
 * The negative errno for a status of NFS version 4; -ERANGE for what is none.
 */
EXTERN int nfsstat4_to_errno(int error);

/**
 * Makes an RPC context that acts as the user and group of the process. Returns NULL when there is no memory or no
 * file descriptor left. To be freed with rpc_destroy_context().
 */
EXTERN struct rpc_context *rpc_init_context(void);

/**
 * Closes an RPC context. Callbacks of calls that are not complete are called before it returns. It may be called from
 * a callback of the same context. NULL, a context that was destroyed before, and one that came from
 * nfs_get_rpc_context() are left alone.
 */
EXTERN void rpc_destroy_context(struct rpc_context *rpc);

/**
 * Returns the RPC context of an NFS context: the same one each time. It has the same descriptor, settings, calls and
 * errors, and ends with the NFS context. Returns NULL when `nfs` cannot be used.
 */
EXTERN struct rpc_context *nfs_get_rpc_context(struct nfs_context *nfs);

/**
 * Returns the server's handle of an open file. It is valid until the file is closed. Returns NULL when the file is
 * not open.
 */
EXTERN struct nfs_fh *nfs_get_fh(struct nfsfh *nfsfh);

/**
 * Describes the latest error of the context. Never NULL; empty when there has been no error. The string belongs
 * to the context and is valid until sixty-four others have been handed out, or the context is destroyed.
 */
EXTERN char *rpc_get_error(struct rpc_context *rpc);

/**
 * Returns the file descriptor to wait on with poll(2), for the events that rpc_which_events() returns, before
 * rpc_service() is called. It also becomes readable when a deadline has passed. It stays the same for the life of the
 * context and belongs to it: do not read from it. Returns -1 if there is none.
 */
EXTERN int rpc_get_fd(struct rpc_context *rpc);

/**
 * Returns the events, as for poll(2), to wait for on rpc_get_fd(). Call it each time before waiting.
 */
EXTERN int rpc_which_events(struct rpc_context *rpc);

/**
 * Does the work that is pending, without waiting: sends, receives, completes calls and calls their callbacks.
 * `revents` is what poll(2) returned. Calling it when nothing has happened does no harm. Returns 0, or -1 when the
 * context cannot be used any more.
 */
EXTERN int rpc_service(struct rpc_context *rpc, int revents);

/**
 * Returns how many asynchronous calls are not complete.
 */
EXTERN int rpc_queue_length(struct rpc_context *rpc);

/**
 * Makes the context use `auth` from the next call on, until rpc_set_uid() or a relative changes it again. The
 * context owns `auth` from now on and frees it. NULL goes back to the context's uid and gid.
 */
EXTERN void rpc_set_auth(struct rpc_context *rpc, struct AUTH *auth);

/**
 * Makes the following calls act as user `uid`, with AUTH_SYS.
 */
EXTERN void rpc_set_uid(struct rpc_context *rpc, int uid);

/**
 * Makes the following calls act with group `gid`, with AUTH_SYS.
 */
EXTERN void rpc_set_gid(struct rpc_context *rpc, int gid);

#if !defined(LIBNFS_ABI_13)
/**
 * Makes the following calls act with `len` further groups, with AUTH_SYS, which carries the first 16 of them.
 */
EXTERN void rpc_set_auxiliary_gids(struct rpc_context *rpc, uint32_t len, uint32_t *gids);
#endif

/**
 * Sets how long a call may take, in milliseconds. 0 or negative is as long as it takes, and for
 * mount_getexports_async() a minute.
 */
EXTERN void rpc_set_timeout(struct rpc_context *rpc, int timeout);

/**
 * Returns what rpc_set_timeout() has set. -1 at first.
 */
EXTERN int rpc_get_timeout(struct rpc_context *rpc);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* _LIBNFS_RAW_H_ */
