//! NFS version 4 (RFC 7530, RFC 8881, RFC 7862, RFC 8276).
#![allow(dead_code, reason = "the operations of the client do not use it yet")]

mod attributes;
mod compound;
mod io;
mod lock;
mod names;
mod numbers;
mod open;
mod owner;
mod readdir;
mod session;
mod slots;
mod stateid;
mod status;
