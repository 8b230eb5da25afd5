//! URLs.

use libc::c_char;

use super::arguments::text;
use super::guard::{guard_or, stop_panics};
use super::malloc;
use super::types::{nfs_context, nfs_url};
use crate::error::Result;
use crate::url::{Form, Syntax, Url};

/// What a URL looks like has changed with libnfs 5.0.
const SYNTAX: Syntax = if cfg!(libnfs_abi = "13") { Syntax::Plain } else { Syntax::Escaped };

/// Takes the URL of a file apart: nfs://SERVER:PORT/PATH/FILE?ARGUMENT=VALUE&... The port, which may be left out with
/// its colon, is that of the NFS service. An IPv6 address in front of a port stands in brackets. The arguments are
/// applied to the context. They are
///
/// - version: NFS version, 3 or 4, or exactly 4.1 or 4.2
/// - uid, gid: whom to act as
/// - nfsport, mountport: ports of the server's services; 0 asks its portmapper
/// - timeo: how long one call may take, in tenths of a second; 0 is as long as it takes
/// - retrans: how often a call is sent again, over another connection, when the server says nothing for that long
/// - autoreconnect: how often a lost connection is made again; -1 without limit
/// - tcp-syncnt: how often a SYN is sent
/// - if: the network interface to connect from
/// - rsize, wsize: the most that one READ or WRITE carries, in bytes, 1024 or more
/// - readahead: bytes to read ahead
/// - pagecache: pages to keep of a file
/// - dircache: 0 not to keep entries of directories
/// - auto-traverse-mounts: 0 not to mount exports below the mounted one
/// - readdir-buffer: bytes of names, and of everything, in one READDIRPLUS
/// - debug: how much to tell on the standard error output
/// - sec, xprtsec: only "sys" and "none"; anything else is an error
///
/// and others are ignored. A number ends where its digits end, and is 0 without any; one that an argument cannot have
/// is ignored. nfs_set_debug() tells of both. Percent escapes are decoded; one of a slash separates as a slash does,
/// one of "?", "&" or "=" stands for that character.
///
/// Returns NULL after an error, otherwise the parts, to be freed with nfs_destroy_url(). The context may be NULL:
/// the arguments and the port are ignored then.
///
/// # Safety
/// `url` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_parse_url_full(nfs: *mut nfs_context, url: *const c_char) -> *mut nfs_url {
    // SAFETY: passed on.
    unsafe { parse(nfs, url, Form::Full) }
}

/// Like nfs_parse_url_full(), but everything after the server is the path, and there is no file.
///
/// # Safety
/// `url` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_parse_url_dir(nfs: *mut nfs_context, url: *const c_char) -> *mut nfs_url {
    // SAFETY: passed on.
    unsafe { parse(nfs, url, Form::Directory) }
}

/// Like nfs_parse_url_full(), but what is missing at the end of the URL is NULL: the path and the file, or the
/// server as well.
///
/// # Safety
/// `url` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_parse_url_incomplete(nfs: *mut nfs_context, url: *const c_char) -> *mut nfs_url {
    // SAFETY: passed on.
    unsafe { parse(nfs, url, Form::Incomplete) }
}

/// Frees what a function of this family returned. NULL is left alone.
///
/// # Safety
/// `url` is NULL, or came from a function of this family and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfs_destroy_url(url: *mut nfs_url) {
    // SAFETY: by the contract above.
    unsafe {
        if let Some(url) = url.as_ref() {
            malloc::free(url.server);
            malloc::free(url.path);
            malloc::free(url.file);
        }
        malloc::free(url);
    }
}

/// The common part.
///
/// # Safety
/// `url` is NULL or a C string.
unsafe fn parse(nfs: *mut nfs_context, url: *const c_char, form: Form) -> *mut nfs_url {
    // SAFETY: by the caller's contract.
    let parts = || Url::parse(&unsafe { text(url, "the URL")? }, form, SYNTAX);
    if nfs.is_null() {
        return stop_panics(|| for_c(&parts()?)).unwrap_or(std::ptr::null_mut());
    }
    guard_or(
        nfs,
        |_| std::ptr::null_mut(),
        |context| {
            let url = parts()?;
            let notes = context.client.change_settings(|settings| settings.apply(&url.arguments))?;
            if !notes.is_empty() {
                context.tell(&format!("the arguments of the URL:{notes}"));
            }
            for_c(&url)
        },
    )
}

fn for_c(url: &Url) -> Result<*mut nfs_url> {
    malloc::boxed(nfs_url {
        server: malloc::optional_string(url.server.as_deref())?,
        path: malloc::optional_string(url.path.as_deref())?,
        file: malloc::optional_string(url.file.as_deref())?,
    })
}
