//! What READ and WRITE say, in every dialect.

use crate::error::Error;
use crate::io::Destination;

/// How far a WRITE has gone when it is answered (stable_how).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stability {
    /// The server may still lose it: COMMIT makes it stable.
    Unstable,
    /// On stable storage.
    FileSync,
}

impl Stability {
    /// The number that all versions of NFS give it.
    pub fn stable_how(self) -> u32 {
        match self {
            Self::Unstable => 0,
            Self::FileSync => 2,
        }
    }

    /// What a server has done: DATA_SYNC counts as stable, too.
    pub fn done(stable_how: u32) -> Self {
        if stable_how == 0 { Self::Unstable } else { Self::FileSync }
    }
}

/// What the server says of a WRITE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteReply {
    /// The server is busy: nothing was written, the call is to be made again later.
    pub busy: bool,
    pub count: usize,
    pub stability: Stability,
    /// Changes when the server may have lost unstable data.
    pub verifier: [u8; 8],
}

impl WriteReply {
    pub const BUSY: Self = Self { busy: true, count: 0, stability: Stability::Unstable, verifier: [0; 8] };
}

/// What the server says of a READ.
pub struct ReadReply {
    /// The server is busy: nothing was read, the call is to be made again later.
    pub busy: bool,
    /// Nothing was read since the server takes it for an invalid argument, perhaps because the file ends in front of it.
    pub invalid: Option<Error>,
    pub count: usize,
    /// The file ends behind these bytes.
    pub eof: bool,
    /// The memory that the bytes are in, from its beginning on.
    pub to: Option<Destination>,
}
