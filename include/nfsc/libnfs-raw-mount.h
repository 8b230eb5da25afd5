/*
 * The types of the MOUNT protocol that mount_getexports() returns.
 *
 * This file is made from the source of the library; see tests/abi/headers.rs.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#ifndef _LIBNFS_RAW_MOUNT_H_
#define _LIBNFS_RAW_MOUNT_H_

#include <stdint.h>

/**
 * The longest path of an export, in bytes.
 */
#define MNTPATHLEN 1024

/**
 * The longest name of a client, in bytes.
 */
#define MNTNAMLEN 255

/**
 * The longest file handle of NFS version 3, in bytes.
 */
#define FHSIZE3 64

/**
 * The length of a file handle of NFS version 2, in bytes.
 */
#define FHSIZE 32

/**
 * The name of a client, or of a group of clients.
 */
typedef char *name;

/**
 * A list of clients; NULL is the empty one.
 */
typedef struct groupnode *groups;

/**
 * Clients that an export is for.
 */
typedef struct groupnode {
  name gr_name;
  groups gr_next;
} groupnode;

/**
 * The path of an export.
 */
typedef char *dirpath;

/**
 * A list of exports; NULL is the empty one.
 */
typedef struct exportnode *exports;

/**
 * An exported directory.
 */
typedef struct exportnode {
  dirpath ex_dir;
  /**
   * Who may mount it. NULL is everybody.
   */
  groups ex_groups;
  exports ex_next;
} exportnode;

#endif  /* _LIBNFS_RAW_MOUNT_H_ */
