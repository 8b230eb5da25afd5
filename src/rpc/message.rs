//! Call and reply messages (RFC 5531, sections 9 and 11).

use crate::error::{Error, Result};
use crate::rpc::Credential;
use crate::xdr::Reader;

const CALL: u32 = 0;
const REPLY: u32 = 1;
const RPC_VERSION: u32 = 2;

/// Most calls are no longer than this, beside their data.
const USUAL_LENGTH: usize = 256;
const LAST_FRAGMENT: u32 = 0x8000_0000;

/// Where the xid stands in a call: behind the record mark.
const XID: std::ops::Range<usize> = 4..8;

/// One call as a record: mark, header and arguments. Mark and xid are filled in when it is queued.
pub struct Message(Vec<u8>);

impl Message {
    /// The header of a call; arguments are to be appended.
    pub fn call(program: u32, version: u32, procedure: u32, credential: &Credential) -> Self {
        Self::call_in(Vec::new(), program, version, procedure, credential)
    }

    /// As [`Message::call`], in memory that is there, and empty.
    pub fn call_in(
        mut bytes: Vec<u8>,
        program: u32,
        version: u32,
        procedure: u32,
        credential: &Credential,
    ) -> Self {
        bytes.reserve(USUAL_LENGTH);
        let words = [0, 0, CALL, RPC_VERSION, program, version, procedure].map(u32::to_be_bytes);
        bytes.extend_from_slice(words.as_flattened());
        bytes.extend_from_slice(credential.as_bytes());
        bytes.extend_from_slice(&[0; 8]); // verifier: AUTH_NONE
        Self(bytes)
    }

    /// The encoded arguments go to the end of this.
    pub fn arguments(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }

    /// Fills in mark and xid; `data` bytes of payload (padded) follow the message itself. An error when they are too
    /// many.
    pub(super) fn seal(mut self, xid: u32, data: usize) -> (Vec<u8>, Result<()>) {
        let length = u32::try_from(self.0.len() - 4 + data.next_multiple_of(4));
        let length = length.ok().filter(|length| length & LAST_FRAGMENT == 0);
        self.0[..4].copy_from_slice(&(length.unwrap_or(0) | LAST_FRAGMENT).to_be_bytes());
        self.0[XID].copy_from_slice(&xid.to_be_bytes());
        let too_long = || Error::new(libc::EMSGSIZE, "the call is too long for one record");
        (self.0, length.map(drop).ok_or_else(too_long))
    }
}

/// Where the data of a reply is to be received straight into the caller's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Too few bytes to tell.
    More,
    /// There is no such data: collect the whole reply.
    Whole,
    /// `len` bytes of data begin `at` bytes into the body.
    Data { at: usize, len: usize },
}

/// The body's place in a reply that starts with its xid: None when more bytes are needed to tell.
///
/// An error is the server's refusal, or a header that breaks the protocol.
pub(super) fn body_offset(reply: &[u8]) -> Result<Option<usize>> {
    let mut reader = Reader::new(reply);
    match header(&mut reader) {
        Ok(()) => Ok(Some(reader.position())),
        Err(Refusal::Short) => Ok(None),
        Err(Refusal::Because(error)) => Err(error),
    }
}

enum Refusal {
    Short,
    Because(Error),
}

impl From<Error> for Refusal {
    fn from(_: Error) -> Self {
        Refusal::Short // the reader fails for one reason only: too few bytes
    }
}

fn header(reader: &mut Reader<'_>) -> std::result::Result<(), Refusal> {
    let because = |errno, cause: String| Err(Refusal::Because(Error::new(errno, cause)));
    let _xid = reader.u32()?;
    if reader.u32()? != REPLY {
        return because(libc::EIO, "RPC: the server sent a call where a reply was due".into());
    }
    match reader.u32()? {
        0 => accepted(reader),
        1 => match reader.u32()? {
            0 => {
                let (low, high) = (reader.u32()?, reader.u32()?);
                because(
                    libc::EPROTONOSUPPORT,
                    format!("RPC: the server speaks RPC versions {low} to {high} only"),
                )
            }
            1 => {
                let status = reader.u32()?;
                because(
                    libc::EACCES,
                    format!("RPC: the server refuses the credential: {}", auth_stat(status)),
                )
            }
            other => because(libc::EIO, format!("RPC: reject_stat {other} is unknown")),
        },
        other => because(libc::EIO, format!("RPC: reply_stat {other} is unknown")),
    }
}

fn accepted(reader: &mut Reader<'_>) -> std::result::Result<(), Refusal> {
    let because = |errno, cause: String| Err(Refusal::Because(Error::new(errno, cause)));
    let _verifier_flavor = reader.u32()?;
    let length = reader.u32()?;
    if length > 400 {
        return because(libc::EIO, format!("RPC: a verifier of {length} bytes is too long"));
    }
    reader.skip_padded(length as usize)?;
    match reader.u32()? {
        0 => Ok(()),
        1 => {
            because(libc::EPROTONOSUPPORT, "RPC: the server does not have this program (PROG_UNAVAIL)".into())
        }
        2 => {
            let (low, high) = (reader.u32()?, reader.u32()?);
            because(
                libc::EPROTONOSUPPORT,
                format!("RPC: the server has versions {low} to {high} of this program (PROG_MISMATCH)"),
            )
        }
        3 => because(libc::EOPNOTSUPP, "RPC: the server does not have this procedure (PROC_UNAVAIL)".into()),
        4 => {
            let cause = "RPC: the server cannot decode the arguments (GARBAGE_ARGS)";
            Err(Refusal::Because(Error::new(libc::EIO, cause).with_undecodable()))
        }
        5 => because(libc::EIO, "RPC: the server has an error of its own (SYSTEM_ERR)".into()),
        other => because(libc::EIO, format!("RPC: accept_stat {other} is unknown")),
    }
}

fn auth_stat(status: u32) -> String {
    const NAMES: [&str; 8] = [
        "AUTH_OK",
        "AUTH_BADCRED",
        "AUTH_REJECTEDCRED",
        "AUTH_BADVERF",
        "AUTH_REJECTEDVERF",
        "AUTH_TOOWEAK",
        "AUTH_INVALIDRESP",
        "AUTH_FAILED",
    ];
    NAMES.get(status as usize).map_or_else(|| format!("auth_stat {status}"), |name| (*name).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn every_prefix_of_a_header_asks_for_more() {
        let reply = words(&[7, 1, 0, 0, 4, 0xdead_beef, 0]);
        for length in 0..reply.len() {
            assert!(body_offset(&reply[..length]).unwrap().is_none(), "{length} bytes");
        }
        assert_eq!(body_offset(&reply).unwrap(), Some(28));
    }

    #[test]
    fn refusals_have_an_errno() {
        for (reply, errno) in [
            (vec![7, 0], libc::EIO),
            (vec![7, 1, 1, 0, 3, 4], libc::EPROTONOSUPPORT),
            (vec![7, 1, 1, 1, 5], libc::EACCES),
            (vec![7, 1, 2], libc::EIO),
            (vec![7, 1, 0, 0, 401], libc::EIO),
            (vec![7, 1, 0, 0, 0, 1], libc::EPROTONOSUPPORT),
            (vec![7, 1, 0, 0, 0, 2, 3, 4], libc::EPROTONOSUPPORT),
            (vec![7, 1, 0, 0, 0, 3], libc::EOPNOTSUPP),
            (vec![7, 1, 0, 0, 0, 4], libc::EIO),
            (vec![7, 1, 0, 0, 0, 9], libc::EIO),
        ] {
            assert_eq!(body_offset(&words(&reply)).unwrap_err().errno(), errno, "{reply:?}");
        }
    }

    #[test]
    fn mark_counts_the_padded_data() {
        let credential = Credential::raw(0, b"").unwrap();
        let sealed = Message::call(1, 2, 3, &credential).seal(9, 5).0;
        assert_eq!(sealed[..8], words(&[LAST_FRAGMENT | (sealed.len() as u32 - 4 + 8), 9])[..]);
    }
}
