//! ONC RPC version 2 (RFC 5531) without a socket or a clock.

mod answer;
mod auth;
mod backoff;
mod calls;
mod connection;
#[cfg(all(any(test, fuzzing), not(libnfs_abi = "13")))]
pub mod fuzzing;
mod message;
mod pending;
mod portmap;
mod record;
mod request;
#[cfg(test)]
mod tests;
mod transport;

pub use answer::{Answer, Completion, Reply};
pub use auth::Credential;
pub use backoff::Backoff;
pub use connection::Connection;
pub use message::{Message, Split};
pub use pending::Pending;
pub use portmap::{answers, callit, getaddr_arguments, getaddr_port};
pub use request::{CallClass, Request, Retry, Sink, SlotTable, Ticket};
pub use transport::{Supervision, Transport};
