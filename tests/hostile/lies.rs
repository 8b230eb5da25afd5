//! The lies, one line or one small function each.

#[path = "lies/connections.rs"]
mod connections;
#[path = "lies/data.rs"]
mod data;
#[path = "lies/directories.rs"]
mod directories;
#[path = "lies/mounting.rs"]
mod mounting;
#[path = "lies/objects.rs"]
mod objects;
#[path = "lies/rpc.rs"]
mod rpc;

use std::io;
use std::net::TcpStream;

use crate::server::{Call, Procedure};

/// What has to come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// An error.
    Fails,
    /// An error or a result: the protocol, or kindness, leaves both open.
    Survives,
    /// What the program wanted: it is odd, but no lie.
    Succeeds,
}

pub use Expect::{Fails, Succeeds, Survives};

/// Whether a connection goes on honestly after its beginning.
#[derive(Debug, PartialEq, Eq)]
pub enum Connection {
    Honest,
    Over,
}

type Telling = dyn Fn(&mut Call<'_>) -> io::Result<()> + Send + Sync;
type Connecting = dyn Fn(&mut TcpStream) -> io::Result<Connection> + Send + Sync;

pub enum Tell {
    /// In place of the honest reply to a procedure.
    Reply(Procedure, Box<Telling>),
    /// When a connection to NFS has been accepted.
    Connecting(Box<Connecting>),
}

pub struct Lie {
    pub name: String,
    /// What the client does: see `tests/programs/hostile.c`.
    pub action: &'static str,
    pub expect: Expect,
    pub tell: Tell,
}

/// A lie in the reply to a procedure.
fn reply(
    name: impl Into<String>,
    action: &'static str,
    expect: Expect,
    of: Procedure,
    tell: impl Fn(&mut Call<'_>) -> io::Result<()> + Send + Sync + 'static,
) -> Lie {
    Lie { name: name.into(), action, expect, tell: Tell::Reply(of, Box::new(tell)) }
}

/// A lie that is a body, always the same.
fn body(name: impl Into<String>, action: &'static str, expect: Expect, of: Procedure, body: Vec<u8>) -> Lie {
    reply(name, action, expect, of, move |call| call.answer(&body))
}

/// A lie in how a connection begins.
fn connecting(
    name: impl Into<String>,
    action: &'static str,
    expect: Expect,
    treat: impl Fn(&mut TcpStream) -> io::Result<Connection> + Send + Sync + 'static,
) -> Lie {
    Lie { name: name.into(), action, expect, tell: Tell::Connecting(Box::new(treat)) }
}

/// Nothing but the truth.
pub fn none() -> Lie {
    reply("none", "mount", Succeeds, (0, 0), |_| Ok(()))
}

pub fn all() -> Vec<Lie> {
    [rpc::lies(), objects::lies(), data::lies(), directories::lies(), mounting::lies(), connections::lies()]
        .into_iter()
        .flatten()
        .collect()
}
