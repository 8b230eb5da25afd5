//! The shape of each reply: which lengths, flags and lists it has, and how long they may be.
//!
//! A reply is held against its shape before anything decodes it, so that a length which does not fit in the
//! reply, or a handle of 65 bytes, is refused before memory is allocated for it.

use nfs3_client::nfs3_types::nfs3::NFS_PROGRAM;

use crate::attributes::Handle;
use crate::error::{Error, Result};
use crate::xdr::Reader;

/// One part of a reply.
enum Part {
    /// So many words of four bytes.
    Words(usize),
    /// post_op_attr.
    OptionalAttributes,
    /// wcc_data.
    Wcc,
    /// post_op_fh3.
    OptionalHandle,
    /// A string of at most so many bytes.
    Text(usize),
}

use Part::{OptionalAttributes as PostOp, OptionalHandle, Text, Wcc, Words};

const FATTR3_WORDS: usize = 21;
const WCC_ATTR_WORDS: usize = 6;

/// Symbolic links may be longer than a path may be anywhere; this much longer is no link.
const MAX_TEXT: usize = 64 << 10;

/// After the status: what success brings, what failure brings.
type Shape = (&'static [Part], &'static [Part]);

const CREATED: Shape = (&[OptionalHandle, PostOp, Wcc], &[Wcc]);
const CHANGED: Shape = (&[Wcc], &[Wcc]);

fn nfs_shape(procedure: u32) -> Option<Shape> {
    Some(match NFS_PROGRAM::try_from(procedure).ok()? {
        NFS_PROGRAM::NFSPROC3_SETATTR => CHANGED,
        NFS_PROGRAM::NFSPROC3_READLINK => (&[PostOp, Text(MAX_TEXT)], &[PostOp]),
        NFS_PROGRAM::NFSPROC3_CREATE
        | NFS_PROGRAM::NFSPROC3_MKDIR
        | NFS_PROGRAM::NFSPROC3_SYMLINK
        | NFS_PROGRAM::NFSPROC3_MKNOD => CREATED,
        NFS_PROGRAM::NFSPROC3_REMOVE | NFS_PROGRAM::NFSPROC3_RMDIR => CHANGED,
        NFS_PROGRAM::NFSPROC3_RENAME => (&[Wcc, Wcc], &[Wcc, Wcc]),
        NFS_PROGRAM::NFSPROC3_LINK => (&[PostOp, Wcc], &[PostOp, Wcc]),
        NFS_PROGRAM::NFSPROC3_FSSTAT => (&[PostOp, Words(13)], &[PostOp]),
        NFS_PROGRAM::NFSPROC3_FSINFO => (&[PostOp, Words(12)], &[PostOp]),
        NFS_PROGRAM::NFSPROC3_PATHCONF => (&[PostOp, Words(6)], &[PostOp]),
        NFS_PROGRAM::NFSPROC3_COMMIT => (&[Wcc, Words(2)], &[Wcc]),
        _ => return None,
    })
}

/// The length of the result of `procedure` in a reply body; what follows it is nothing. Refuses a body that does not
/// have its shape.
pub fn check(procedure: u32, body: &[u8]) -> Result<usize> {
    let unknown = || Error::malformed(format!("NFS procedure {procedure} has no known reply"));
    let (success, failure) = nfs_shape(procedure).ok_or_else(unknown)?;
    let reader = &mut Reader::new(body);
    let parts = if reader.u32()? == 0 { success } else { failure };
    walk(reader, parts)?;
    Ok(reader.position())
}

fn walk(reader: &mut Reader<'_>, parts: &[Part]) -> Result<()> {
    for part in parts {
        match part {
            Words(count) => drop(reader.take(4 * count)?),
            PostOp => optional(reader, FATTR3_WORDS)?,
            Wcc => {
                optional(reader, WCC_ATTR_WORDS)?;
                optional(reader, FATTR3_WORDS)?;
            }
            OptionalHandle => {
                if reader.flag()? {
                    text(reader, Handle::MAX)?;
                }
            }
            Text(max) => text(reader, *max)?,
        }
    }
    Ok(())
}

fn optional(reader: &mut Reader<'_>, words: usize) -> Result<()> {
    if reader.flag()? {
        reader.take(4 * words)?;
    }
    Ok(())
}

fn text(reader: &mut Reader<'_>, max: usize) -> Result<()> {
    let length = reader.opaque()?.len();
    if length > max {
        return Err(Error::malformed(format!("{length} bytes where at most {max} may stand")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nfs3_client::nfs3_types::nfs3::CREATE3res;
    use nfs3_client::nfs3_types::xdr_codec::Unpack;
    use proptest::prelude::*;

    const CREATE: u32 = NFS_PROGRAM::NFSPROC3_CREATE as u32;

    /// Success, with a handle of so many bytes, and neither attributes nor wcc_data.
    fn create_reply(handle: usize) -> Vec<u8> {
        let mut reply = [0, 1, handle as u32].map(u32::to_be_bytes).concat();
        reply.resize(reply.len() + handle.next_multiple_of(4) + 12, 0);
        reply
    }

    #[test]
    fn handles_of_64_bytes_and_no_more() {
        assert!(check(CREATE, &create_reply(64)).is_ok());
        assert!(check(CREATE, &create_reply(65)).is_err());
    }

    #[test]
    fn lengths_that_cannot_fit_are_refused() {
        let mut reply = create_reply(64);
        reply[8..12].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(check(CREATE, &reply).is_err());
    }

    #[test]
    fn the_end_of_a_result_is_known() {
        let reply = create_reply(64);
        assert_eq!(check(CREATE, &[&reply[..], &[9; 7]].concat()).unwrap(), reply.len());
        for length in 0..reply.len() {
            assert!(check(CREATE, &reply[..length]).is_err(), "{length} bytes");
        }
    }

    proptest! {
        /// What passes can be decoded without an allocation beyond its own size.
        #[test]
        fn garbage_never_panics(procedure in 0u32..24, body in prop::collection::vec(0u8..3, 0..400)) {
            if check(procedure, &body).is_ok() && procedure == CREATE {
                let _ = CREATE3res::unpack(&mut &body[..]);
            }
        }
    }
}
