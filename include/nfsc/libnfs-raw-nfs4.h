/*
 * Access control lists of NFS version 4, which the library does not speak yet.
 *
 * This file is made from the source of the library; see tests/abi/headers.rs.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#ifndef _LIBNFS_RAW_NFS4_H_
#define _LIBNFS_RAW_NFS4_H_

#include <stdint.h>
#include <nfsc/libnfs.h>

/**
 * For nfs_set_version(): NFS version 4.
 */
#define NFS_V4 4

/**
 * A text of `utf8string_len` bytes.
 */
typedef struct utf8string {
  unsigned int utf8string_len;
  char *utf8string_val;
} utf8string;

/**
 * One entry of an ACL (RFC 7530, section 6.2.1).
 */
typedef struct nfsace4 {
  uint32_t type;
  uint32_t flag;
  uint32_t access_mask;
  struct utf8string who;
} nfsace4;

/**
 * An ACL of NFS version 4.
 */
typedef struct fattr4_acl {
  unsigned int fattr4_acl_len;
  /**
   * `fattr4_acl_len` entries.
   */
  struct nfsace4 *fattr4_acl_val;
} fattr4_acl;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

#if !defined(LIBNFS_ABI_13)
/**
 * Would free the entries of an ACL that nfs4_getacl() has stored. No effect so far: it stores none.
 */
EXTERN void nfs4_acl_free(struct fattr4_acl *nfs4acl);
#endif

#if !defined(LIBNFS_ABI_13)
/**
 * Reads the ACL of a file. Not supported: returns -ENOSYS.
 */
EXTERN int nfs4_getacl(struct nfs_context *nfs, struct nfsfh *nfsfh, struct fattr4_acl *nfs4acl);
#endif

#if !defined(LIBNFS_ABI_13)
/**
 * Like nfs4_getacl(), asynchronous. Not supported: returns -ENOSYS, and `cb` is not called.
 */
EXTERN int nfs4_getacl_async(struct nfs_context *nfs, struct nfsfh *nfsfh, nfs_cb cb,
    void *private_data);
#endif

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* _LIBNFS_RAW_NFS4_H_ */
