//! The C border: the functions, types and constants of the original library.
//!
//! An export says in its comment what C needs to know (the headers are generated from here), converts its
//! arguments, and makes one call through [`guard`](guard::guard), which finds the context, stops panics, keeps the
//! error's sentence and returns `-errno`. Nothing else in the library is called by C.
//!
//! - Contexts, files and directories are [handles](handle): C holds an address that is looked up at each call, so
//!   that using a closed one is an error and not a crash.
//! - A context is borrowed only as an `Arc` that the call owns: a callback may destroy it.
//! - What C may free() itself comes from malloc().

mod access;
mod acl;
mod arguments;
mod attributes;
mod auth;
mod caches;
mod callback;
mod context;
mod data;
mod directory;
mod event;
mod exports;
mod file;
mod file_system;
#[cfg(all(any(test, fuzzing), not(libnfs_abi = "13")))]
pub mod fuzzing;
mod guard;
mod handle;
mod identity;
mod links;
mod locks;
mod malloc;
mod messages;
mod missing;
mod mount;
mod namespace;
mod permissions;
mod position;
mod raw;
mod raw_mount;
mod servers;
mod settings;
#[cfg(test)]
mod tests;
mod times;
mod types;
mod url;

use crate::sync::lock;
