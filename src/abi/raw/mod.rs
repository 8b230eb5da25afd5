//! The raw interface: RPC contexts, credentials, and the types of the protocols, one file for each.
//!
//! An RPC context is a [`Context`](super::objects::Context) under another type of handle: one of its own, or that of an
//! NFS context.

mod auth;
mod context;
mod event;
pub mod mount;
pub mod nfs4;
mod settings;
mod statuses;
mod types;
