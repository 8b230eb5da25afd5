#![doc = include_str!("../README.md")]
#![allow(dead_code)]

mod attributes;
mod client;
mod error;
mod io;
mod rpc;
mod url;
mod v3;
mod xdr;
