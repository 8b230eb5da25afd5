//! What is kept of files and directories on this side. So far the sizes are remembered and nothing is kept.

use libc::c_int;

use super::arguments::file;
use super::guard::guard_or;
use super::settings::set;
use super::types::{nfs_context, nfsfh};

/// Sets the size of each file's page cache, in pages of NFS_BLKSIZE bytes. 0 turns it off. No effect so far.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_set_pagecache(nfs: *mut nfs_context, v: u32) {
    set(nfs, |settings| settings.pagecache = v);
}

/// Sets how long a cached page may be used, in seconds. No effect so far.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_set_pagecache_ttl(nfs: *mut nfs_context, v: u32) {
    set(nfs, |settings| settings.pagecache_ttl = v);
}

/// Drops the cached pages of a file. No effect so far.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_pagecache_invalidate(nfs: *mut nfs_context, nfsfh: *mut nfsfh) {
    // There are no pages: reads always go to the server.
    guard_or(nfs, |_| (), |context| file(context, nfsfh).map(drop));
}

/// Gives a file its page cache, of the size that nfs_set_pagecache() has set. No effect so far.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_pagecache_init(nfs: *mut nfs_context, nfsfh: *mut nfsfh) {
    // There are no pages: reads always go to the server.
    guard_or(nfs, |_| (), |context| file(context, nfsfh).map(drop));
}

/// Sets how many bytes are read ahead of a sequential reader. 0 turns it off. No effect so far.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_set_readahead(nfs: *mut nfs_context, v: u32) {
    set(nfs, |settings| settings.readahead = v);
}

/// Sets whether the entries of directories are cached. On unless switched off. No effect so far.
#[unsafe(no_mangle)]
pub extern "C" fn nfs_set_dircache(nfs: *mut nfs_context, enabled: c_int) {
    set(nfs, |settings| settings.dircache = enabled != 0);
}
