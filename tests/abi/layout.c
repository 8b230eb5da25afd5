/* Prints every size, offset, value and macro of our headers. */
#include <stddef.h>
#include <stdio.h>
#include <sys/time.h>
#include <nfsc/libnfs.h>
#include <nfsc/libnfs-raw.h>
#include <nfsc/libnfs-raw-mount.h>
#include <nfsc/libnfs-raw-nfs.h>
#include <nfsc/libnfs-raw-nfs4.h>

#define TEXT_OF(...) #__VA_ARGS__
#define TEXT(...) TEXT_OF(__VA_ARGS__)
#define TYPE(type) printf(#type ": size %zu align %zu\n", sizeof(type), __alignof__(type))
#define NAME(value) \
    _Generic((value), int: "int", uint32_t: "uint32_t", uint64_t: "uint64_t", char *: "char *", default: "other")
#define FIELD(type, field) \
    printf("  " #field ": offset %zu size %zu %s\n", offsetof(type, field), sizeof(((type *)NULL)->field), \
           NAME(((type *)NULL)->field))
#define VALUE(value) printf(#value " = %lld size %zu\n", (long long)(value), sizeof(value))
#define MACRO(macro) printf("#define " #macro " [%s]\n", TEXT(macro))

int main(void)
{
    TYPE(struct nfs_url);
    FIELD(struct nfs_url, server);
    FIELD(struct nfs_url, path);
    FIELD(struct nfs_url, file);

    TYPE(struct nfs_stat_64);
    FIELD(struct nfs_stat_64, nfs_dev);
    FIELD(struct nfs_stat_64, nfs_ino);
    FIELD(struct nfs_stat_64, nfs_mode);
    FIELD(struct nfs_stat_64, nfs_nlink);
    FIELD(struct nfs_stat_64, nfs_uid);
    FIELD(struct nfs_stat_64, nfs_gid);
    FIELD(struct nfs_stat_64, nfs_rdev);
    FIELD(struct nfs_stat_64, nfs_size);
    FIELD(struct nfs_stat_64, nfs_blksize);
    FIELD(struct nfs_stat_64, nfs_blocks);
    FIELD(struct nfs_stat_64, nfs_atime);
    FIELD(struct nfs_stat_64, nfs_mtime);
    FIELD(struct nfs_stat_64, nfs_ctime);
    FIELD(struct nfs_stat_64, nfs_atime_nsec);
    FIELD(struct nfs_stat_64, nfs_mtime_nsec);
    FIELD(struct nfs_stat_64, nfs_ctime_nsec);
    FIELD(struct nfs_stat_64, nfs_used);

    TYPE(struct nfsdirent);
    FIELD(struct nfsdirent, next);
    FIELD(struct nfsdirent, name);
    FIELD(struct nfsdirent, inode);
    FIELD(struct nfsdirent, type);
    FIELD(struct nfsdirent, mode);
    FIELD(struct nfsdirent, size);
    FIELD(struct nfsdirent, atime);
    FIELD(struct nfsdirent, mtime);
    FIELD(struct nfsdirent, ctime);
    FIELD(struct nfsdirent, uid);
    FIELD(struct nfsdirent, gid);
    FIELD(struct nfsdirent, nlink);
    FIELD(struct nfsdirent, dev);
    FIELD(struct nfsdirent, rdev);
    FIELD(struct nfsdirent, blksize);
    FIELD(struct nfsdirent, blocks);
    FIELD(struct nfsdirent, used);
    FIELD(struct nfsdirent, atime_nsec);
    FIELD(struct nfsdirent, mtime_nsec);
    FIELD(struct nfsdirent, ctime_nsec);

    TYPE(struct nfs_statvfs_64);
    FIELD(struct nfs_statvfs_64, f_bsize);
    FIELD(struct nfs_statvfs_64, f_frsize);
    FIELD(struct nfs_statvfs_64, f_blocks);
    FIELD(struct nfs_statvfs_64, f_bfree);
    FIELD(struct nfs_statvfs_64, f_bavail);
    FIELD(struct nfs_statvfs_64, f_files);
    FIELD(struct nfs_statvfs_64, f_ffree);
    FIELD(struct nfs_statvfs_64, f_favail);
    FIELD(struct nfs_statvfs_64, f_fsid);
    FIELD(struct nfs_statvfs_64, f_flag);
    FIELD(struct nfs_statvfs_64, f_namemax);

    TYPE(struct nfs4_flock);
    FIELD(struct nfs4_flock, l_type);
    FIELD(struct nfs4_flock, l_whence);
    FIELD(struct nfs4_flock, l_pid);
    FIELD(struct nfs4_flock, l_start);
    FIELD(struct nfs4_flock, l_len);

    TYPE(struct nfs_server_list);
    FIELD(struct nfs_server_list, next);
    FIELD(struct nfs_server_list, addr);

    TYPE(struct groupnode);
    FIELD(struct groupnode, gr_name);
    FIELD(struct groupnode, gr_next);

    TYPE(struct exportnode);
    FIELD(struct exportnode, ex_dir);
    FIELD(struct exportnode, ex_groups);
    FIELD(struct exportnode, ex_next);

    TYPE(struct nfsacl_ace);
    FIELD(struct nfsacl_ace, type);
    FIELD(struct nfsacl_ace, id);
    FIELD(struct nfsacl_ace, perm);

    TYPE(nfsace4);
    FIELD(nfsace4, type);
    FIELD(nfsace4, flag);
    FIELD(nfsace4, access_mask);
    FIELD(nfsace4, who.utf8string_len);
    FIELD(nfsace4, who.utf8string_val);
    TYPE(fattr4_acl);
    FIELD(fattr4_acl, fattr4_acl_len);
    FIELD(fattr4_acl, fattr4_acl_val);

#if defined(LIBNFS_ABI) && LIBNFS_ABI > 13
    TYPE(struct fattr3_acl);
    FIELD(struct fattr3_acl, ace_count);
    FIELD(struct fattr3_acl, ace);
    FIELD(struct fattr3_acl, default_ace_count);
    FIELD(struct fattr3_acl, default_ace);
    TYPE(fattr3_acl);
#endif

    TYPE(nfsacl_ace);
    TYPE(nfsacl_type);
    TYPE(enum nfsacl_type);
    TYPE(groupnode);
    TYPE(exportnode);
    TYPE(groups);
    TYPE(exports);
    TYPE(dirpath);
    TYPE(name);
    TYPE(nfs_cb);
    TYPE(rpc_cb);
    TYPE(enum nfs4_lock_op);
    TYPE(enum nfs4_fcntl_op);

    VALUE(NFS4_F_LOCK);
    VALUE(NFS4_F_TLOCK);
    VALUE(NFS4_F_ULOCK);
    VALUE(NFS4_F_TEST);
    VALUE(NFS4_F_SETLK);
    VALUE(NFS4_F_SETLKW);
    VALUE(NFS_BLKSIZE);
    VALUE(NFS_PAGECACHE_DEFAULT_TTL);
    VALUE(MNTPATHLEN);
    VALUE(MNTNAMLEN);
    VALUE(FHSIZE3);
    VALUE(FHSIZE);

    VALUE(RPC_STATUS_SUCCESS);
    VALUE(RPC_STATUS_ERROR);
    VALUE(RPC_STATUS_CANCEL);
    VALUE(RPC_STATUS_TIMEOUT);
    VALUE(NFS_V3);
    VALUE(NFS_V4);
    VALUE(NFSACL_PERM_READ);
    VALUE(NFSACL_PERM_WRITE);
    VALUE(NFSACL_PERM_EXEC);
    VALUE(NFSACL_TYPE_USER_OBJ);
    VALUE(NFSACL_TYPE_USER);
    VALUE(NFSACL_TYPE_GROUP_OBJ);
    VALUE(NFSACL_TYPE_GROUP);
    VALUE(NFSACL_TYPE_CLASS_OBJ);
    VALUE(NFSACL_TYPE_CLASS);
    VALUE(NFSACL_TYPE_DEFAULT);
    VALUE(NFSACL_TYPE_DEFAULT_USER_OBJ);
    VALUE(NFSACL_TYPE_DEFAULT_USER);
    VALUE(NFSACL_TYPE_DEFAULT_GROUP_OBJ);
    VALUE(NFSACL_TYPE_DEFAULT_GROUP);
    VALUE(NFSACL_TYPE_DEFAULT_CLASS_OBJ);
    VALUE(NFSACL_TYPE_DEFAULT_OTHER_OBJ);

    MACRO(EXTERN);
#ifdef LIBNFS_FEATURE_READAHEAD
    MACRO(LIBNFS_FEATURE_READAHEAD);
#endif
#ifdef LIBNFS_FEATURE_PAGECACHE
    MACRO(LIBNFS_FEATURE_PAGECACHE);
#endif
#ifdef LIBNFS_FEATURE_DEBUG
    MACRO(LIBNFS_FEATURE_DEBUG);
#endif
#ifdef LIBNFS_FEATURE_UMOUNT
    MACRO(LIBNFS_FEATURE_UMOUNT);
#endif
#ifdef LIBNFS_FEATURE_MULTITHREADING
    MACRO(LIBNFS_FEATURE_MULTITHREADING);
#endif
#ifdef _LIBNFS_H_
    MACRO(_LIBNFS_H_);
#endif
    return 0;
}
