//! EXCHANGE_ID, CREATE_SESSION, SEQUENCE and their ends (RFC 8881, sections 18.35 to 18.37, 18.46, 18.50 and 18.51):
//! how a client makes itself known and gets its slots.

use super::compound::{Compound, Results, put_opaque, put_u32, put_u64, put_words};
use super::numbers::{EXCHGID4_FLAG_CONFIRMED_R, EXCHGID4_FLAG_USE_NON_PNFS, op};
use super::slots::{Sequence, Sequenced, SessionId, WANTED};
use super::status::{OK, nfs_error};
use crate::error::{Error, Result};
use crate::xdr::Reader;

/// Who a client is: another verifier under the same owner ends what the former one had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientOwner {
    pub verifier: [u8; 8],
    pub owner: Vec<u8>,
}

/// What EXCHANGE_ID gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientId {
    pub id: u64,
    /// For CREATE_SESSION.
    pub sequence: u32,
    /// It has a session already.
    pub confirmed: bool,
}

/// Sizes of a channel that count (channel_attrs4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channel {
    /// Longest call and longest reply, bytes, with the header of RPC.
    pub request: u32,
    pub response: u32,
    /// Longest reply that the server keeps, bytes.
    pub cached: u32,
    /// Operations of one COMPOUND.
    pub operations: u32,
    /// Slots.
    pub requests: u32,
}

impl Channel {
    /// What is asked for: READ and WRITE of 1 MiB, and a walk of a long path.
    pub const WANTED: Self = Self {
        request: (1 << 20) + (64 << 10),
        response: (1 << 20) + (64 << 10),
        cached: 8 << 10,
        operations: 64,
        requests: WANTED,
    };

    /// There is no back channel, but it has to have a size.
    const BACK: Self = Self { request: 4096, response: 4096, cached: 0, operations: 2, requests: 1 };

    fn put(&self, to: &mut Vec<u8>) {
        let Self { request, response, cached, operations, requests } = *self;
        let (padding, rdma) = (0, 0);
        put_words(to, [padding, request, response, cached, operations, requests, rdma]);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let _padding = reader.u32()?;
        let channel = Self {
            request: reader.u32()?,
            response: reader.u32()?,
            cached: reader.u32()?,
            operations: reader.u32()?,
            requests: reader.u32()?,
        };
        match reader.u32()? {
            0 => Ok(channel),
            1 => reader.u32().map(|_rdma| channel),
            other => Err(Error::malformed(format!("NFSv4: {other} sizes for RDMA"))),
        }
    }
}

/// A session as the server has made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewSession {
    pub id: SessionId,
    pub channel: Channel,
}

/// SP4_NONE: state is protected by the credential only; AUTH_NONE for the back channel that there is not.
const SP4_NONE: u32 = 0;
const AUTH_NONE: u32 = 0;

impl Compound {
    pub fn exchange_id(&mut self, owner: &ClientOwner) {
        let arguments = self.op(op::EXCHANGE_ID);
        arguments.extend_from_slice(&owner.verifier);
        put_opaque(arguments, &owner.owner);
        put_u32(arguments, EXCHGID4_FLAG_USE_NON_PNFS);
        put_u32(arguments, SP4_NONE);
        put_u32(arguments, 0); // what implementation it is says nothing
    }

    pub fn create_session(&mut self, client: &ClientId, channel: &Channel) {
        let arguments = self.op(op::CREATE_SESSION);
        put_u64(arguments, client.id);
        put_u32(arguments, client.sequence);
        put_u32(arguments, 0); // no persistence, no back channel
        channel.put(arguments);
        Channel::BACK.put(arguments);
        put_words(arguments, [0, 1, AUTH_NONE]); // program and security of the back channel
    }

    pub fn sequence(&mut self, sequence: &Sequence, cache: bool) {
        let arguments = self.op(op::SEQUENCE);
        arguments.extend_from_slice(&sequence.session.0);
        let Sequence { sequence, slot, highest, .. } = *sequence;
        put_words(arguments, [sequence, slot, highest, cache.into()]);
    }

    pub fn reclaim_complete(&mut self) {
        put_u32(self.op(op::RECLAIM_COMPLETE), 0); // of all file systems
    }

    pub fn destroy_session(&mut self, session: &SessionId) {
        self.op(op::DESTROY_SESSION).extend_from_slice(&session.0);
    }

    pub fn destroy_clientid(&mut self, client: u64) {
        put_u64(self.op(op::DESTROY_CLIENTID), client);
    }
}

impl Results<'_> {
    pub fn exchange_id(&mut self) -> Result<ClientId> {
        let reader = self.next(op::EXCHANGE_ID)?;
        let (id, sequence, flags) = (reader.u64()?, reader.u32()?, reader.u32()?);
        match reader.u32()? {
            SP4_NONE => {}
            other => return Err(Error::malformed(format!("NFSv4: protection {other} of state"))),
        }
        let _minor = reader.u64()?;
        let (_major, _scope) = (reader.opaque()?, reader.opaque()?);
        let confirmed = flags & EXCHGID4_FLAG_CONFIRMED_R != 0;
        Ok(ClientId { id, sequence, confirmed })
    }

    pub fn create_session(&mut self) -> Result<NewSession> {
        let reader = self.next(op::CREATE_SESSION)?;
        let id = SessionId(*reader.array()?);
        let (_sequence, _flags) = (reader.u32()?, reader.u32()?);
        Ok(NewSession { id, channel: Channel::read(reader)? })
    }

    /// The status of SEQUENCE, and what it says when that is a success.
    pub fn sequence(&mut self, sequence: &Sequence) -> Result<std::result::Result<Sequenced, u32>> {
        match self.next_or_failed(op::SEQUENCE)? {
            OK => sequence.read(self.reader()).map(Ok),
            status => Ok(Err(status)),
        }
    }

    pub fn reclaim_complete(&mut self) -> Result<()> {
        const COMPLETE_ALREADY: u32 = 10_054;
        match self.next_or_failed(op::RECLAIM_COMPLETE)? {
            OK | COMPLETE_ALREADY => Ok(()),
            status => Err(nfs_error(status)),
        }
    }
}
