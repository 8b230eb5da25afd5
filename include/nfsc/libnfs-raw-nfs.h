/*
 * Access control lists of NFS version 3.
 *
 * This file is made from the source of the library; see tests/abi/headers.rs.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#ifndef _LIBNFS_RAW_NFS_H_
#define _LIBNFS_RAW_NFS_H_

#include <stdint.h>
#include <nfsc/libnfs.h>

/**
 * For nfs_set_version(): NFS version 3.
 */
#define NFS_V3 3

/**
 * Bits of nfsacl_ace.perm.
 */
#define NFSACL_PERM_READ 4

#define NFSACL_PERM_WRITE 2

#define NFSACL_PERM_EXEC 1

/**
 * Whom an entry is for. In a list of default entries the bit NFSACL_TYPE_DEFAULT is set.
 */
typedef enum nfsacl_type {
  NFSACL_TYPE_USER_OBJ = 1,
  NFSACL_TYPE_USER = 2,
  NFSACL_TYPE_GROUP_OBJ = 4,
  NFSACL_TYPE_GROUP = 8,
  NFSACL_TYPE_CLASS_OBJ = 16,
  /**
   * Everybody else, in spite of the name.
   */
  NFSACL_TYPE_CLASS = 32,
  NFSACL_TYPE_DEFAULT = 4096,
  NFSACL_TYPE_DEFAULT_USER_OBJ = 4097,
  NFSACL_TYPE_DEFAULT_USER = 4098,
  NFSACL_TYPE_DEFAULT_GROUP_OBJ = 4100,
  NFSACL_TYPE_DEFAULT_GROUP = 4104,
  NFSACL_TYPE_DEFAULT_CLASS_OBJ = 4112,
  NFSACL_TYPE_DEFAULT_OTHER_OBJ = 4128,
} nfsacl_type;

/**
 * One entry of an ACL.
 */
typedef struct nfsacl_ace {
  enum nfsacl_type type;
  /**
   * The user or group, where the type asks for one.
   */
  unsigned int id;
  /**
   * What they may do, NFSACL_PERM_READ and its relatives.
   */
  unsigned int perm;
} nfsacl_ace;

/**
 * The ACL of a file or a directory.
 */
typedef struct fattr3_acl {
  unsigned int ace_count;
  /**
   * `ace_count` entries. NULL when that is 0.
   */
  struct nfsacl_ace *ace;
  unsigned int default_ace_count;
  /**
   * What a directory gives to new files in it: `default_ace_count` entries. NULL when that is 0.
   */
  struct nfsacl_ace *default_ace;
} fattr3_acl;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

#if !defined(LIBNFS_ABI_13)
/**
 * Reads the POSIX ACL of an open file or directory, with the NFSACL protocol beside NFS version 3. Stores it in
 * `*nfs3acl`, to be freed with nfs3_acl_free(); after an error it is empty. Returns 0 or -errno, -EOPNOTSUPP when
 * the server has no ACLs.
 */
EXTERN int nfs3_getacl(struct nfs_context *nfs, struct nfsfh *nfsfh, struct fattr3_acl *nfs3acl);
#endif

#if !defined(LIBNFS_ABI_13)
/**
 * Like nfs3_getacl(), asynchronous. The callback gets 0 and a fattr3_acl, which is valid until it returns.
 */
EXTERN int nfs3_getacl_async(struct nfs_context *nfs, struct nfsfh *nfsfh, nfs_cb cb,
    void *private_data);
#endif

#if !defined(LIBNFS_ABI_13)
/**
 * Frees the entries of an ACL that nfs3_getacl() has stored, and empties it. NULL is left alone.
 */
EXTERN void nfs3_acl_free(struct fattr3_acl *nfs3acl);
#endif

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* _LIBNFS_RAW_NFS_H_ */
