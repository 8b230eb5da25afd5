//! ONC RPC version 2 (RFC 5531) without a socket or a clock.

mod auth;
mod connection;
mod message;
mod portmap;
mod receiver;
#[cfg(test)]
mod tests;
mod transport;

pub use auth::Credential;
pub use connection::{Connection, Pending, Request, Sink};
pub use message::{Message, Split};
pub use portmap::{answers, callit, getaddr_arguments, getaddr_port};
pub use transport::{Line, Transport};
