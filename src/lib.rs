#![doc = include_str!("../README.md")]
#![cfg_attr(libnfs_abi = "13", allow(dead_code, unused_imports, reason = "this ABI has fewer functions"))]

mod abi;
mod attributes;
mod client;
mod dialect;
mod error;
mod executor;
#[cfg(all(any(test, fuzzing), not(libnfs_abi = "13")))]
#[doc(hidden)]
pub mod fuzzing;
mod io;
mod map;
mod rpc;
mod sync;
mod transfer;
mod url;
mod v3;
mod v4;
mod xdr;
