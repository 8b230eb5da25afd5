//! Types and constants of `libnfs-raw.h`.

#![allow(non_camel_case_types, reason = "the names are those of the original header")]
#![allow(dead_code, reason = "some are there for the header alone")]

use libc::c_int;

/// The status that the callback of an RPC gets when the reply has arrived.
pub const RPC_STATUS_SUCCESS: c_int = 0;

/// There is no reply, and will be none.
pub const RPC_STATUS_ERROR: c_int = 1;

/// The context was destroyed before there was a reply.
pub const RPC_STATUS_CANCEL: c_int = 2;

/// There was no reply in time.
pub const RPC_STATUS_TIMEOUT: c_int = 3;

/// A server's handle of a file. It has the layout of struct nfs_fh3: the length as an unsigned int, then the address
/// of the bytes.
pub struct nfs_fh(());
