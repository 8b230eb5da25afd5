//! OPEN, CLOSE and OPEN_DOWNGRADE (RFC 8881, sections 18.16, 18.2 and 18.18): the state of open files.

use super::attributes::{put_settable, skip_bitmap};
use super::compound::{Compound, Results, put_opaque, put_u32, put_u64, put_words};
use super::names::skip_change;
use super::numbers::*;
use super::stateid::StateId;
use crate::attributes::SetAttributes;
use crate::error::{Error, Result};
use crate::xdr::Reader;

/// Which file is opened.
#[derive(Debug, Clone, Copy)]
pub enum Claim<'a> {
    /// The one of this name in the current directory.
    Name(&'a [u8]),
    /// The current file.
    Current,
    /// The current file, which was open before the server has restarted.
    Previous,
}

/// What happens when there is no such file, and when there is one.
#[derive(Debug, Clone, Copy)]
pub enum Create<'a> {
    No,
    /// An existing file is opened as it is.
    Unchecked(&'a SetAttributes),
    Guarded(&'a SetAttributes),
    /// Exactly once: the server keeps the verifier.
    Exclusive([u8; 8], &'a SetAttributes),
}

/// Who opens: files that one owner has open share their state.
#[derive(Debug, Clone, Copy)]
pub struct OpenOwner<'a> {
    pub client: u64,
    pub owner: &'a [u8],
}

impl OpenOwner<'_> {
    pub fn put(&self, to: &mut Vec<u8>) {
        put_u64(to, self.client);
        put_opaque(to, self.owner);
    }
}

/// An open file as the server sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    pub stateid: StateId,
    /// A delegation, which was declined and is to be given back.
    pub delegation: Option<StateId>,
}

impl Compound {
    /// `access` is of the OPEN4_SHARE_ACCESS bits.
    pub fn open(&mut self, access: u32, owner: &OpenOwner<'_>, create: &Create<'_>, claim: &Claim<'_>) {
        let arguments = self.op(op::OPEN);
        put_u32(arguments, 0); // the slot numbers it
        put_u32(arguments, access | OPEN4_SHARE_ACCESS_WANT_NO_DELEG);
        put_u32(arguments, 0); // nobody is denied anything
        owner.put(arguments);
        match *create {
            Create::No => put_u32(arguments, OPEN4_NOCREATE),
            Create::Unchecked(set) => {
                put_words(arguments, [OPEN4_CREATE, UNCHECKED4]);
                put_settable(arguments, set);
            }
            Create::Guarded(set) => {
                put_words(arguments, [OPEN4_CREATE, GUARDED4]);
                put_settable(arguments, set);
            }
            Create::Exclusive(verifier, set) => {
                put_words(arguments, [OPEN4_CREATE, EXCLUSIVE4_1]);
                arguments.extend_from_slice(&verifier);
                put_settable(arguments, set);
            }
        }
        match *claim {
            Claim::Name(name) => {
                put_u32(arguments, CLAIM_NULL);
                put_opaque(arguments, name);
            }
            Claim::Current => put_u32(arguments, CLAIM_FH),
            Claim::Previous => put_words(arguments, [CLAIM_PREVIOUS, OPEN_DELEGATE_NONE]),
        }
    }

    pub fn close(&mut self, stateid: &StateId) {
        let arguments = self.op(op::CLOSE);
        put_u32(arguments, 0);
        stateid.put(arguments);
    }

    pub fn open_downgrade(&mut self, stateid: &StateId, access: u32) {
        let arguments = self.op(op::OPEN_DOWNGRADE);
        stateid.put(arguments);
        put_words(arguments, [0, access, 0]);
    }
}

impl Results<'_> {
    pub fn open(&mut self) -> Result<Opened> {
        let reader = self.next(op::OPEN)?;
        let stateid = StateId::read(reader)?;
        skip_change(reader)?;
        let _flags = reader.u32()?;
        skip_bitmap(reader)?;
        Ok(Opened { stateid, delegation: delegation(reader)? })
    }

    pub fn close(&mut self) -> Result<()> {
        StateId::read(self.next(op::CLOSE)?).map(drop)
    }

    pub fn open_downgrade(&mut self) -> Result<StateId> {
        StateId::read(self.next(op::OPEN_DOWNGRADE)?)
    }
}

/// open_delegation4.
fn delegation(reader: &mut Reader<'_>) -> Result<Option<StateId>> {
    const LIMIT_BLOCKS: u32 = 2;
    const WND4_CONTENTION: u32 = 1;
    const WND4_RESOURCE: u32 = 2;
    let kind = reader.u32()?;
    match kind {
        OPEN_DELEGATE_NONE => Ok(None),
        OPEN_DELEGATE_NONE_EXT => {
            if let WND4_CONTENTION | WND4_RESOURCE = reader.u32()? {
                reader.u32()?;
            }
            Ok(None)
        }
        OPEN_DELEGATE_READ | OPEN_DELEGATE_WRITE => {
            let stateid = StateId::read(reader)?;
            let _recall = reader.u32()?;
            if kind == OPEN_DELEGATE_WRITE {
                let _limit = match reader.u32()? {
                    LIMIT_BLOCKS => u64::from(reader.u32()?) * u64::from(reader.u32()?),
                    _ => reader.u64()?,
                };
            }
            reader.take(12)?; // type, flags and mask of an access control entry
            reader.opaque()?;
            Ok(Some(stateid))
        }
        other => Err(Error::malformed(format!("NFSv4: a delegation of type {other}"))),
    }
}
