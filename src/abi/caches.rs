//! What is kept of files and directories on this side.

use libc::c_int;

use super::arguments::file;
use super::guard::guard_or;
use super::settings::set;
use super::types::{nfs_context, nfsfh};

/// Sets the size of each file's page cache, in pages of NFS_BLKSIZE bytes. 0 turns it off, unless bytes are
/// read ahead. Pages are dropped by writes and truncations through the same context, and when their time is over.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_set_pagecache(nfs: *mut nfs_context, v: u32) {
    set(nfs, |settings| settings.pagecache = v);
}

/// Sets how long a cached page may be used, in seconds: what others write is seen after that.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_set_pagecache_ttl(nfs: *mut nfs_context, v: u32) {
    set(nfs, |settings| settings.pagecache_ttl = v);
}

/// Drops the cached pages of a file.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_pagecache_invalidate(nfs: *mut nfs_context, nfsfh: *mut nfsfh) {
    guard_or(
        nfs,
        |_| (),
        |context| {
            context.client.invalidate(&*file(context, nfsfh)?);
            Ok(())
        },
    );
}

/// Begins with an empty page cache for a file, of the size that nfs_set_pagecache() has set.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_pagecache_init(nfs: *mut nfs_context, nfsfh: *mut nfsfh) {
    nfs_pagecache_invalidate(nfs, nfsfh);
}

/// Sets how many bytes are read ahead of a sequential reader, into the page cache, which has room for twice as many
/// if no size is set. 0 turns it off.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_set_readahead(nfs: *mut nfs_context, v: u32) {
    set(nfs, |settings| settings.readahead = v);
}

/// Sets whether the ways to directories are remembered for a few seconds, so that a path costs one call and not one for
/// each of its components. On unless switched off. What is in a directory is asked of the server each time.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_set_dircache(nfs: *mut nfs_context, enabled: c_int) {
    set(nfs, |settings| settings.dircache = enabled != 0);
}
