//! The C border: the functions, types and constants of the original library.
//!
//! An export says in its comment what C needs to know (the headers are generated from here), converts its
//! arguments, and makes one call through [`guard`](guard::guard), which finds the context, stops panics, keeps the
//! error's sentence and returns `-errno`. Nothing else in the library is called by C.
//!
//! Arrows point down only: exports (those of `libnfs.h` here, those of the raw headers in [`raw`]) use [`guard`],
//! [`callback`] and [`arguments`], these use the [`objects`] that C holds handles of, and all of them `messages`,
//! `malloc` and the [`types`] of C.
//!
//! - Contexts, files and directories are [handles](objects): C holds an address that is looked up at each call, so
//!   that using a closed one is an error and not a crash.
//! - A context is borrowed only as an `Arc` that the call owns: a callback may destroy it.
//! - What C may free() itself comes from malloc().

mod access;
mod acl;
mod arguments;
mod attributes;
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
mod identity;
mod links;
mod locks;
mod malloc;
mod messages;
mod missing;
mod mount;
mod namespace;
mod objects;
mod permissions;
mod position;
mod raw;
mod servers;
mod settings;
#[cfg(test)]
mod tests;
mod times;
mod types;
mod url;
