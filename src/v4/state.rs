//! What the server keeps for one open file of a mount: one open state, which all handles of the file share, since one
//! owner opens them all (RFC 8881, section 9.9).
//!
//! OPENs are counted; the last handle that needs an access gives it back, by OPEN_DOWNGRADE or CLOSE. An OPEN may be on
//! its way beside a CLOSE: which of them the server did first is told by the stateid.

use std::sync::Mutex;

use super::numbers::{OPEN4_SHARE_ACCESS_READ, OPEN4_SHARE_ACCESS_WRITE};
use super::open::Opened;
use super::stateid::StateId;
use crate::sync::lock;

/// Who reads and writes through a handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    pub reads: bool,
    pub writes: bool,
}

impl Access {
    /// Of the OPEN4_SHARE_ACCESS bits.
    pub fn bits(self) -> u32 {
        let bit = |set: bool, bit| if set { bit } else { 0 };
        bit(self.reads, OPEN4_SHARE_ACCESS_READ) | bit(self.writes, OPEN4_SHARE_ACCESS_WRITE)
    }
}

/// See the module.
#[derive(Default)]
pub struct FileState(Mutex<State>);

#[derive(Default)]
struct State {
    stateid: Option<StateId>,
    readers: u32,
    writers: u32,
}

/// What the server is to be told when a handle is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    Nothing,
    Close(StateId),
    Downgrade(StateId, Access),
}

impl State {
    fn access(&self) -> Access {
        Access { reads: self.readers > 0, writes: self.writers > 0 }
    }
}

impl FileState {
    /// A handle has been opened.
    pub fn opened(&self, opened: &Opened, access: Access) {
        let mut state = lock(&self.0);
        state.readers += u32::from(access.reads);
        state.writers += u32::from(access.writes);
        state.learn(opened.stateid);
    }

    /// A handle is closed.
    pub fn release(&self, access: Access) -> Release {
        let mut state = lock(&self.0);
        let before = state.access();
        state.readers = state.readers.saturating_sub(access.reads.into());
        state.writers = state.writers.saturating_sub(access.writes.into());
        let (after, Some(stateid)) = (state.access(), state.stateid) else { return Release::Nothing };
        if after == before {
            return Release::Nothing;
        }
        if after.bits() != 0 {
            return Release::Downgrade(stateid, after);
        }
        state.stateid = None;
        Release::Close(stateid)
    }

    /// OPEN_DOWNGRADE has made another version of it.
    pub fn downgraded(&self, stateid: StateId) {
        lock(&self.0).learn(stateid);
    }

    /// How the file is open, if it is.
    pub fn access(&self) -> Option<Access> {
        let state = lock(&self.0);
        state.stateid.map(|_| state.access()).filter(|access| access.bits() != 0)
    }

    /// The server has forgotten the former state, and made this one.
    pub fn reopened(&self, stateid: StateId) {
        lock(&self.0).stateid = Some(stateid);
    }

    /// What READ, WRITE and SETATTR of the file name.
    pub fn stateid(&self) -> StateId {
        lock(&self.0).stateid.map_or(StateId::ANONYMOUS, StateId::newest)
    }
}

impl State {
    /// Of two versions of one state the later one counts.
    fn learn(&mut self, stateid: StateId) {
        match &mut self.stateid {
            Some(known) if known.other == stateid.other => {
                if stateid.seqid.wrapping_sub(known.seqid) as i32 > 0 {
                    *known = stateid;
                }
            }
            known => *known = Some(stateid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READS: Access = Access { reads: true, writes: false };
    const WRITES: Access = Access { reads: false, writes: true };
    const BOTH: Access = Access { reads: true, writes: true };

    fn opened(other: u8, seqid: u32) -> Opened {
        Opened { stateid: StateId { seqid, other: [other; 12] }, delegation: None }
    }

    #[test]
    fn opens_are_counted() {
        let file = FileState::default();
        assert_eq!((file.stateid(), file.release(READS)), (StateId::ANONYMOUS, Release::Nothing));
        file.opened(&opened(1, 1), READS);
        file.opened(&opened(1, 3), BOTH);
        file.opened(&opened(1, 2), READS); // the reply to an OPEN in between
        assert_eq!((file.stateid().seqid, file.access()), (0, Some(BOTH)));
        assert_eq!(file.release(READS), Release::Nothing);
        assert_eq!(file.release(BOTH), Release::Downgrade(opened(1, 3).stateid, READS));
        file.downgraded(opened(1, 4).stateid);
        assert_eq!(file.release(READS), Release::Close(opened(1, 4).stateid));
        assert_eq!((file.stateid(), file.access()), (StateId::ANONYMOUS, None));
    }

    #[test]
    fn the_state_of_another_open_counts() {
        let file = FileState::default();
        file.opened(&opened(1, 1), READS);
        assert_eq!(file.release(READS), Release::Close(opened(1, 1).stateid));
        // The server has opened it anew before it has closed the former one.
        file.opened(&opened(2, 1), WRITES);
        assert_eq!(file.release(WRITES), Release::Close(opened(2, 1).stateid));
        file.opened(&opened(3, u32::MAX), READS);
        file.opened(&opened(3, 1), READS); // the number begins anew behind the highest
        file.reopened(opened(4, 1).stateid);
        assert_eq!(file.release(READS), Release::Nothing);
        assert_eq!(file.release(READS), Release::Close(opened(4, 1).stateid));
    }
}
