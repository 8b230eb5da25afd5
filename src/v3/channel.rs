//! One call of `nfs3_client`, carried over the shared connection.
//!
//! The typed clients write a whole call and then read its whole reply. The channel takes the call apart, lets
//! the RPC layer send it among others under an xid and a credential of our own, and answers with a reply that
//! has been checked against its shape.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use nfs3_client::io::{AsyncRead, AsyncWrite};

use super::shape;
use super::status::{about_names, is_busy};
use crate::error::{Error, Result};
use crate::io::hold_handle;
use crate::rpc::{Backoff, CallClass, Credential, Message, Pending, Request, Transport};
use crate::xdr::Reader;

/// Longest reply of a typed call, bytes: directory pages are asked for in a size well below.
const MAX_REPLY: usize = 4 << 20;

/// See the module. Good for one call after another, each as one write and reads up to the end of its reply.
pub struct Channel {
    transport: Transport,
    credential: Credential,
    deadline: Option<Instant>,
    class: CallClass,
    retransmitted: Arc<AtomicBool>,
    exchange: Exchange,
}

enum Exchange {
    Idle,
    Asked { call: Header, arguments: Vec<u8>, pending: Pending },
    Answered { record: Vec<u8>, at: usize },
}

#[derive(Clone, Copy)]
struct Header {
    xid: u32,
    program: u32,
    version: u32,
    procedure: u32,
}

impl Channel {
    /// For calls that may be sent twice.
    pub fn new(transport: &Transport, credential: &Credential, deadline: Option<Instant>) -> Self {
        Self::of_class(CallClass::Idempotent, transport, credential, deadline)
    }

    pub fn of_class(
        class: CallClass,
        transport: &Transport,
        credential: &Credential,
        deadline: Option<Instant>,
    ) -> Self {
        hold_handle(); // a client is made for it next
        let (transport, credential) = (transport.clone(), credential.clone());
        let (retransmitted, exchange) = (Arc::default(), Exchange::Idle);
        Self { transport, credential, deadline, class, retransmitted, exchange }
    }

    /// Tells, when the call is over, whether it was sent more than once and is none that may be.
    pub fn retransmitted(&self) -> Arc<AtomicBool> {
        self.retransmitted.clone()
    }

    fn ask(&mut self, record: &[u8]) -> Result<()> {
        let mut reader = Reader::new(record);
        let (_mark, xid, _call, _rpc_version) = (reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?);
        let (program, version, procedure) = (reader.u32()?, reader.u32()?, reader.u32()?);
        for _credential_and_verifier in 0..2 {
            reader.u32()?;
            reader.opaque()?;
        }
        let call = Header { xid, program, version, procedure };
        let arguments = reader.take(reader.left())?.to_vec();
        let pending = self.start(call, &arguments);
        self.exchange = Exchange::Asked { call, arguments, pending };
        Ok(())
    }

    fn start(&self, call: Header, arguments: &[u8]) -> Pending {
        let mut message = Message::call(call.program, call.version, call.procedure, &self.credential);
        message.arguments().extend_from_slice(arguments);
        let (deadline, limit, class) = (self.deadline, MAX_REPLY, self.class.clone());
        self.transport.start(Request { message, source: None, sink: None, deadline, limit, class })
    }

    /// Waits for the reply and makes the record that the typed client expects. While the server says that it is
    /// busy fetching the data (NFS3ERR_JUKEBOX), the call is made again.
    async fn answer(&mut self) -> Result<()> {
        let Exchange::Asked { call, arguments, pending } =
            std::mem::replace(&mut self.exchange, Exchange::Idle)
        else {
            return Ok(());
        };
        let mut reply = pending.await.map_err(|error| about_names(error, longest_name(&arguments)))?;
        let mut retransmitted = reply.retransmitted;
        let mut backoff = Backoff::new();
        while is_busy(reply.body()) && backoff.wait(&self.transport, self.deadline).await {
            reply = self.start(call, &arguments).await?;
            retransmitted |= reply.retransmitted;
        }
        self.retransmitted.store(retransmitted, Ordering::Relaxed);
        let length = shape::check(call.procedure, reply.body())?;
        let body = reply.body().get(..length).unwrap_or_default(); // the typed client minds what follows
        const REPLY: u32 = 1;
        const HEADER: u32 = 24;
        let mut record = Vec::with_capacity(4 + HEADER as usize + length);
        let length = HEADER + length as u32;
        for word in [length | 0x8000_0000, call.xid, REPLY, 0, 0, 0, 0] {
            record.extend_from_slice(&word.to_be_bytes());
        }
        record.extend_from_slice(body);
        self.exchange = Exchange::Answered { record, at: 0 };
        Ok(())
    }
}

/// The length of the longest opaque or string that arguments begin with: file handles and names, or a path.
fn longest_name(arguments: &[u8]) -> usize {
    let (mut reader, mut longest) = (Reader::new(arguments), 0);
    while let Ok(bytes) = reader.opaque() {
        longest = longest.max(bytes.len());
    }
    longest
}

impl AsyncWrite for Channel {
    async fn async_write(&mut self, record: &[u8]) -> io::Result<usize> {
        self.ask(record)?;
        Ok(record.len())
    }
}

impl AsyncRead for Channel {
    async fn async_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Exchange::Asked { .. } = self.exchange {
            self.answer().await?;
        }
        let Exchange::Answered { record, at } = &mut self.exchange else {
            return Err(Error::new(libc::EINVAL, "there is no call to answer").into());
        };
        let rest = record.get(*at..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if count == 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer[..count].copy_from_slice(&rest[..count]);
        *at += count;
        Ok(count)
    }
}
