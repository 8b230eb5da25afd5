//! LOCK, LOCKT and LOCKU (RFC 8881, sections 18.10 to 18.12): locks of byte ranges.

use super::compound::{Compound, Results, put_u32, put_u64, put_words};
use super::numbers::op;
use super::open::OpenOwner;
use super::stateid::StateId;
use super::status::{DENIED, OK, nfs_error};
use crate::error::Result;
use crate::xdr::Reader;

/// A range and how it is locked. A length of all ones reaches to the end, wherever that will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub exclusive: bool,
    pub offset: u64,
    pub length: u64,
}

/// Whose lock it is.
#[derive(Debug, Clone, Copy)]
pub enum Locker<'a> {
    /// The owner has no lock of this file yet: the state of its open file makes it one.
    New {
        open: &'a StateId,
        owner: OpenOwner<'a>,
    },
    Known(&'a StateId),
}

/// What LOCK and LOCKT find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<T> {
    Granted(T),
    /// Somebody else holds this.
    Denied(Range),
}

/// nfs_lock_type4.
fn lock_type(exclusive: bool) -> u32 {
    const READ_LT: u32 = 1;
    const WRITE_LT: u32 = 2;
    if exclusive { WRITE_LT } else { READ_LT }
}

impl Compound {
    pub fn lock(&mut self, range: &Range, reclaim: bool, locker: &Locker<'_>) {
        let arguments = self.op(op::LOCK);
        put_words(arguments, [lock_type(range.exclusive), reclaim.into()]);
        put_u64(arguments, range.offset);
        put_u64(arguments, range.length);
        match locker {
            Locker::New { open, owner } => {
                put_words(arguments, [1, 0]);
                open.put(arguments);
                put_u32(arguments, 0);
                owner.put(arguments);
            }
            Locker::Known(stateid) => {
                put_u32(arguments, 0);
                stateid.put(arguments);
                put_u32(arguments, 0);
            }
        }
    }

    pub fn lock_test(&mut self, range: &Range, owner: &OpenOwner<'_>) {
        let arguments = self.op(op::LOCKT);
        put_u32(arguments, lock_type(range.exclusive));
        put_u64(arguments, range.offset);
        put_u64(arguments, range.length);
        owner.put(arguments);
    }

    pub fn unlock(&mut self, range: &Range, stateid: &StateId) {
        let arguments = self.op(op::LOCKU);
        put_words(arguments, [lock_type(range.exclusive), 0]);
        stateid.put(arguments);
        put_u64(arguments, range.offset);
        put_u64(arguments, range.length);
    }
}

impl Results<'_> {
    pub fn lock(&mut self) -> Result<Outcome<StateId>> {
        match self.next_or_failed(op::LOCK)? {
            OK => StateId::read(self.reader()).map(Outcome::Granted),
            DENIED => denied(self.reader()).map(Outcome::Denied),
            status => Err(nfs_error(status)),
        }
    }

    pub fn lock_test(&mut self) -> Result<Outcome<()>> {
        match self.next_or_failed(op::LOCKT)? {
            OK => Ok(Outcome::Granted(())),
            DENIED => denied(self.reader()).map(Outcome::Denied),
            status => Err(nfs_error(status)),
        }
    }

    pub fn unlock(&mut self) -> Result<StateId> {
        StateId::read(self.next(op::LOCKU)?)
    }
}

/// LOCK4denied.
fn denied(reader: &mut Reader<'_>) -> Result<Range> {
    let (offset, length, kind) = (reader.u64()?, reader.u64()?, reader.u32()?);
    let _client = reader.u64()?;
    let _owner = reader.opaque()?;
    Ok(Range { exclusive: kind % 2 == 0, offset, length }) // WRITE_LT and WRITEW_LT are even
}
