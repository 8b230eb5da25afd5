//! Sockets, poll, clock and memory: the only layer that makes system calls.

mod buffer_pool;
mod datagram;
mod fork;
mod link;
mod memory;
mod reactor;
mod resolve;
mod socket;
mod stage;
mod thread;
mod user;
mod waiter;

pub use buffer_pool::{BufferPool, copy, hold_spare_chunks};
pub use datagram::{Datagrams, broadcast_addresses};
pub use fork::{process, random};
#[cfg(any(test, fuzzing))]
pub use link::OUTGOING_SLICES;
pub use link::{LinkId, Receive, Received, Wire};
pub use memory::{Block, Destination, Source, hold_spare_blocks};
pub use reactor::Reactor;
pub use resolve::{host_name, resolve};
pub use socket::{Connecting, PortKind, SocketOptions, Stream};
pub use stage::{STAGE, Stage};
pub use thread::{spawn, tell};
