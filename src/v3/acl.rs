//! POSIX ACLs: GETACL of the NFSACL side protocol (program 100227), which servers speak on the port of NFS.

use nfs3_client::nfs3_types::nfs3::nfsstat3;

use super::data::{put_opaque, skip_optional, status};
use super::nfs::Nfs;
use super::object::FATTR3;
use super::status::{is, is_busy};
use crate::attributes::Handle;
use crate::error::{Error, Result};
use crate::rpc::{Backoff, CallClass, Message, Request};
use crate::xdr::Reader;

pub const PROGRAM: u32 = 100_227;
const VERSION: u32 = 3;
pub const GETACL: u32 = 1;

/// The entries, the default entries, and how many there are of both.
const EVERYTHING: u32 = 0xf;

/// The longest reply, bytes: five times what Linux allows.
const MAX_REPLY: usize = 128 << 10;

/// Three words.
const ENTRY: usize = 12;

/// One entry of an ACL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AclEntry {
    /// Whom it is for: a number of nfsacl_type in the C header.
    pub kind: u32,
    /// The user or group, where it is for a certain one.
    pub id: u32,
    /// Read 4, write 2, execute 1.
    pub permissions: u32,
}

/// The ACL of an object, and what a directory gives to new objects in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acl {
    pub entries: Vec<AclEntry>,
    pub default_entries: Vec<AclEntry>,
}

impl Nfs {
    /// Reads the ACL of an object; EOPNOTSUPP when the server or the file system has none.
    pub async fn getacl(&self, object: &Handle) -> Result<Acl> {
        let mut backoff = Backoff::new();
        let mut reply = self.ask_for_acl(object).await?;
        while is_busy(&reply) && backoff.wait(&self.transport, self.deadline).await {
            reply = self.ask_for_acl(object).await?;
        }
        decode(&reply).map_err(without_acls)
    }

    async fn ask_for_acl(&self, object: &Handle) -> Result<Vec<u8>> {
        let mut message = Message::call(PROGRAM, VERSION, GETACL, &self.credential);
        put_opaque(message.arguments(), object.as_bytes());
        message.arguments().extend_from_slice(&EVERYTHING.to_be_bytes());
        let deadline = self.deadline;
        let request = Request {
            message,
            source: None,
            sink: None,
            deadline,
            limit: MAX_REPLY,
            class: CallClass::Idempotent,
        };
        let reply = self.transport.start(request).await.map_err(without_acls)?;
        Ok(reply.body().to_vec())
    }
}

/// What says that there are no ACLs becomes EOPNOTSUPP.
fn without_acls(error: Error) -> Error {
    let unknown = [libc::EPROTONOSUPPORT, libc::EOPNOTSUPP].contains(&error.errno());
    if unknown || is(&error, nfsstat3::NFS3ERR_NOTSUPP) {
        return Error::new(libc::EOPNOTSUPP, format!("no ACLs: {error}"));
    }
    error
}

/// Decodes a GETACL3res.
fn decode(body: &[u8]) -> Result<Acl> {
    let mut reader = Reader::new(body);
    status(&mut reader)?;
    skip_optional(&mut reader, FATTR3)?;
    let _mask = reader.u32()?;
    Ok(Acl { entries: entries(&mut reader)?, default_entries: entries(&mut reader)? })
}

/// How many entries there are, and an array of as many.
fn entries(reader: &mut Reader<'_>) -> Result<Vec<AclEntry>> {
    let (count, length) = (reader.u32()?, reader.u32()?);
    if count != length {
        return Err(Error::malformed(format!("an ACL of {count} entries brings {length}")));
    }
    let mut words = Reader::new(reader.take((length as usize).saturating_mul(ENTRY))?);
    (0..length)
        .map(|_| Ok(AclEntry { kind: words.u32()?, id: words.u32()?, permissions: words.u32()? }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    fn entry(kind: u32, id: u32, permissions: u32) -> AclEntry {
        AclEntry { kind, id, permissions }
    }

    #[test]
    fn acls_of_a_file_and_of_a_directory() {
        // user::rw- user:1234:r-- group::r-- mask::r-- other::---
        let file = [0, 0, 0xf, 5, 5, 1, 0, 6, 2, 1234, 4, 4, 0, 4, 0x10, 0, 4, 0x20, 0, 0, 0, 0];
        let acl = decode(&words(&file)).unwrap();
        let expected =
            [entry(1, 0, 6), entry(2, 1234, 4), entry(4, 0, 4), entry(0x10, 0, 4), entry(0x20, 0, 0)];
        assert_eq!((&acl.entries[..], acl.default_entries.len()), (&expected[..], 0));

        let mut directory = words(&[0, 1]);
        directory.resize(directory.len() + FATTR3, 9);
        directory.extend(words(&[0xf, 1, 1, 1, 0, 7, 2, 2, 0x1001, 0, 7, 0x1008, 50, 5]));
        let acl = decode(&directory).unwrap();
        assert_eq!(acl.entries, [entry(1, 0, 7)]);
        assert_eq!(acl.default_entries, [entry(0x1001, 0, 7), entry(0x1008, 50, 5)]);
    }

    #[test]
    fn every_beginning_of_a_reply_is_too_short() {
        let reply = words(&[0, 0, 0xf, 1, 1, 1, 0, 7, 1, 1, 0x1001, 0, 7]);
        assert!(decode(&reply).is_ok());
        for length in 0..reply.len() {
            assert_eq!(decode(&reply[..length]).unwrap_err().errno(), libc::EIO, "{length} bytes");
        }
    }

    #[test]
    fn hostile_counts_are_refused() {
        for counts in [[u32::MAX, u32::MAX], [u32::MAX, 0], [0, u32::MAX], [1, 0], [0, 1], [0x1555_5556; 2]] {
            let reply = words(&[0, 0, 0xf, counts[0], counts[1], 1, 0, 7, 0, 0]);
            assert_eq!(decode(&reply).unwrap_err().errno(), libc::EIO, "{counts:?}");
            let reply = words(&[0, 0, 0xf, 0, 0, counts[0], counts[1], 1, 0, 7]);
            assert_eq!(decode(&reply).unwrap_err().errno(), libc::EIO, "{counts:?}");
        }
        assert_eq!(decode(&words(&[0, 2])).unwrap_err().errno(), libc::EIO, "neither true nor false");
    }

    #[test]
    fn failures_have_an_errno() {
        let errno =
            |words_of_reply: &[u32]| without_acls(decode(&words(words_of_reply)).unwrap_err()).errno();
        assert_eq!(errno(&[nfsstat3::NFS3ERR_STALE as u32, 0]), libc::ESTALE);
        assert_eq!(errno(&[nfsstat3::NFS3ERR_NOTSUPP as u32, 0]), libc::EOPNOTSUPP);
        assert_eq!(errno(&[77777]), libc::EIO);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(body in prop::collection::vec(prop::sample::select(vec![0u8, 0, 0, 1, 2, 255]), 0..200)) {
            let _ = decode(&body);
        }
    }
}
