#![doc = include_str!("../README.md")]

mod abi;
mod attributes;
mod client;
mod error;
mod io;
mod rpc;
mod url;
mod v3;
mod xdr;
