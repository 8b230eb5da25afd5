//! Names of the state that a server keeps for a client (stateid4; RFC 8881, section 8.2).

use super::compound::put_u32;
use crate::error::Result;
use crate::xdr::Reader;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateId {
    pub seqid: u32,
    pub other: [u8; 12],
}

impl StateId {
    /// No state at all: attributes are set, and files read, as whoever asks.
    pub const ANONYMOUS: Self = Self { seqid: 0, other: [0; 12] };

    /// The one that an operation in front of it in the same COMPOUND has made.
    pub const CURRENT: Self = Self { seqid: 1, other: [0; 12] };

    pub fn put(&self, to: &mut Vec<u8>) {
        put_u32(to, self.seqid);
        to.extend_from_slice(&self.other);
    }

    pub fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self { seqid: reader.u32()?, other: *reader.array()? })
    }

    /// In its newest version, whichever that is: opens that were made meanwhile do not make it old.
    pub fn newest(self) -> Self {
        Self { seqid: 0, ..self }
    }
}
