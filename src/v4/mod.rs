//! NFS version 4 (RFC 7530, RFC 8881, RFC 7862, RFC 8276).
#![allow(dead_code, reason = "the operations of the client do not use it yet")]

mod attributes;
mod compound;
mod data;
mod establish;
#[cfg(test)]
mod exactly_once;
mod files;
mod io;
#[cfg(test)]
mod live;
mod lock;
mod names;
mod nfs;
mod numbers;
mod objects;
mod open;
mod owner;
mod readdir;
mod registration;
mod session;
mod slots;
mod state;
mod stateid;
mod status;
