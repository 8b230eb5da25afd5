//! Types and constants of `libnfs.h`.

#![allow(non_camel_case_types, reason = "the names are those of the original header")]
#![allow(dead_code, reason = "some are there for the header alone")]

use libc::{c_char, c_int, c_void, timeval};

/// Unit of the block counts that the library reports, in bytes.
pub const NFS_BLKSIZE: c_int = 4096;

/// How long a page of a file may be used before it is read again, in seconds.
pub const NFS_PAGECACHE_DEFAULT_TTL: c_int = 5;

/// A connection to one export, with its settings and its working directory. Made by nfs_init_context().
pub struct nfs_context(());

/// A context of the raw RPC interface.
pub struct rpc_context(());

/// An open file. Made by nfs_open() and its relatives.
pub struct nfsfh(());

/// An open directory. Made by nfs_opendir().
pub struct nfsdir(());

/// A URL taken apart. Each string is NULL or belongs to the structure.
#[repr(C)]
pub struct nfs_url {
    /// Name or address of the server, as written.
    pub server: *mut c_char,
    /// The directory. Empty when the file is in the root.
    pub path: *mut c_char,
    /// The file, beginning with a slash. NULL from nfs_parse_url_dir().
    pub file: *mut c_char,
}

/// Called when an asynchronous operation is complete: exactly once for each operation that was accepted, from
/// within nfs_service(), a synchronous call or nfs_destroy_context() on the same context, or on the thread of
/// nfs_mt_service_thread_start().
///
/// `err` is 0 (or a count, where the function says so), or a negative errno. After an error `data` is a string
/// that describes it. Otherwise it is what the function says. It is valid during the callback only, unless it is
/// a handle. `private_data` is what was given to the function.
///
/// A callback may call any function of the library, nfs_destroy_context() included.
pub type nfs_cb = Option<
    unsafe extern "C" fn(err: c_int, nfs: *mut nfs_context, data: *mut c_void, private_data: *mut c_void),
>;

/// Called when an asynchronous call on an RPC context is complete. Like nfs_cb, from within rpc_service() or
/// rpc_destroy_context(); `status` and `data` are what the function says.
pub type rpc_cb = Option<
    unsafe extern "C" fn(rpc: *mut rpc_context, status: c_int, data: *mut c_void, private_data: *mut c_void),
>;

/// Attributes of a file (RFC 1813, fattr3).
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct nfs_stat_64 {
    /// Identifier of the server's file system.
    pub nfs_dev: u64,
    pub nfs_ino: u64,
    /// File type and permissions, as st_mode of stat(2).
    pub nfs_mode: u64,
    pub nfs_nlink: u64,
    pub nfs_uid: u64,
    pub nfs_gid: u64,
    pub nfs_rdev: u64,
    /// In bytes.
    pub nfs_size: u64,
    /// Always NFS_BLKSIZE.
    pub nfs_blksize: u64,
    /// In units of 512 bytes.
    pub nfs_blocks: u64,
    /// In seconds since 1970.
    pub nfs_atime: u64,
    pub nfs_mtime: u64,
    pub nfs_ctime: u64,
    pub nfs_atime_nsec: u64,
    pub nfs_mtime_nsec: u64,
    pub nfs_ctime_nsec: u64,
    /// Space in use on the server, in bytes.
    pub nfs_used: u64,
}

/// An entry of a directory. It belongs to the open directory and is valid until nfs_closedir().
#[repr(C)]
pub struct nfsdirent {
    /// The next entry, or NULL.
    pub next: *mut nfsdirent,
    pub name: *mut c_char,
    pub inode: u64,
    /// A number of the enumeration ftype3: 1 file, 2 directory, 3 block device, 4 character device, 5 symbolic
    /// link, 6 socket, 7 FIFO. It and the fields below are 0 when the server sent no attributes.
    pub r#type: u32,
    /// File type and permissions, as st_mode of stat(2).
    pub mode: u32,
    pub size: u64,
    pub atime: timeval,
    pub mtime: timeval,
    pub ctime: timeval,
    pub uid: u32,
    pub gid: u32,
    pub nlink: u32,
    pub dev: u64,
    pub rdev: u64,
    pub blksize: u64,
    pub blocks: u64,
    pub used: u64,
    pub atime_nsec: u32,
    pub mtime_nsec: u32,
    pub ctime_nsec: u32,
}

/// What nfs_statvfs64() reports about a file system. The fields are those of statvfs(3).
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct nfs_statvfs_64 {
    pub f_bsize: u64,
    pub f_frsize: u64,
    pub f_blocks: u64,
    pub f_bfree: u64,
    pub f_bavail: u64,
    pub f_files: u64,
    pub f_ffree: u64,
    pub f_favail: u64,
    pub f_fsid: u64,
    pub f_flag: u64,
    pub f_namemax: u64,
}

/// What nfs_lockf() is to do.
#[repr(C)]
pub enum nfs4_lock_op {
    NFS4_F_LOCK = 0,
    NFS4_F_TLOCK = 1,
    NFS4_F_ULOCK = 2,
    NFS4_F_TEST = 3,
}

/// What nfs_fcntl() is to do.
#[repr(C)]
pub enum nfs4_fcntl_op {
    NFS4_F_SETLK = 0,
    NFS4_F_SETLKW = 1,
}

/// A lock on a part of a file, for nfs_fcntl().
#[repr(C)]
pub struct nfs4_flock {
    /// F_RDLCK, F_WRLCK or F_UNLCK.
    pub l_type: c_int,
    /// SEEK_SET, SEEK_CUR or SEEK_END.
    pub l_whence: c_int,
    pub l_pid: u32,
    pub l_start: u64,
    pub l_len: u64,
}

/// A list of servers, from nfs_find_local_servers().
#[repr(C)]
pub struct nfs_server_list {
    /// The next server, or NULL.
    pub next: *mut nfs_server_list,
    /// The server's address as text.
    pub addr: *mut c_char,
}
