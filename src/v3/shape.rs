//! The shape of each reply: which lengths, flags and lists it has, and how long they may be.
//!
//! A reply is held against its shape before anything decodes it, so that a length which does not fit in the
//! reply, or a handle of 65 bytes, is refused before memory is allocated for it.

use nfs3_client::nfs3_types::mount::{self, MOUNT_PROGRAM};
use nfs3_client::nfs3_types::nfs3::{self, NFS_PROGRAM};
use nfs3_client::nfs3_types::portmap;

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
    Handle,
    /// post_op_fh3.
    OptionalHandle,
    /// A string of at most so many bytes.
    Text(usize),
    /// A counted array of words.
    Array,
    /// A list, as linked by XDR: a flag before each element, and a last one that is false.
    List(&'static [Part]),
}

use Part::{
    Array, Handle as FileHandle, List, OptionalAttributes as PostOp, OptionalHandle, Text, Wcc, Words,
};

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

/// Refuses a reply body that does not have the shape of `procedure`'s result.
pub fn check(program: u32, procedure: u32, body: &[u8]) -> Result<()> {
    const EXPORTS: &[Part] = &[List(&[Text(MAX_TEXT), List(&[Text(MAX_TEXT)])])];
    let reader = &mut Reader::new(body);
    match (program, procedure) {
        (nfs3::PROGRAM, procedure) => match nfs_shape(procedure) {
            Some(shape) => with_status(reader, shape),
            None => Err(Error::malformed(format!("NFS procedure {procedure} has no known reply"))),
        },
        (mount::PROGRAM, procedure) if procedure == MOUNT_PROGRAM::MOUNTPROC3_MNT as u32 => {
            with_status(reader, (&[FileHandle, Array], &[]))
        }
        (mount::PROGRAM, procedure) if procedure == MOUNT_PROGRAM::MOUNTPROC3_EXPORT as u32 => {
            walk(reader, EXPORTS)
        }
        (mount::PROGRAM, _) => Ok(()),
        (portmap::PROGRAM, _) => walk(reader, &[Words(1)]),
        (program, _) => Err(Error::malformed(format!("program {program} has no known replies"))),
    }
}

fn with_status(reader: &mut Reader<'_>, (success, failure): Shape) -> Result<()> {
    let parts = if reader.u32()? == 0 { success } else { failure };
    walk(reader, parts)
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
            FileHandle => text(reader, Handle::MAX)?,
            OptionalHandle => {
                if reader.flag()? {
                    text(reader, Handle::MAX)?;
                }
            }
            Text(max) => text(reader, *max)?,
            Array => {
                let count = reader.u32()? as usize;
                reader.take(count.saturating_mul(4))?;
            }
            List(element) => {
                while reader.flag()? {
                    walk(reader, element)?;
                }
            }
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

    const MNT: u32 = MOUNT_PROGRAM::MOUNTPROC3_MNT as u32;
    const CREATE: u32 = NFS_PROGRAM::NFSPROC3_CREATE as u32;

    fn mnt_reply(handle: usize) -> Vec<u8> {
        let mut reply = [0, handle as u32].map(u32::to_be_bytes).concat();
        reply.resize(reply.len() + handle.next_multiple_of(4), 1);
        reply.extend_from_slice(&[0; 4]); // no flavours
        reply
    }

    #[test]
    fn handles_of_64_bytes_and_no_more() {
        assert!(check(mount::PROGRAM, MNT, &mnt_reply(64)).is_ok());
        assert!(check(mount::PROGRAM, MNT, &mnt_reply(65)).is_err());
    }

    #[test]
    fn lengths_that_cannot_fit_are_refused() {
        let mut reply = mnt_reply(64);
        reply[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(check(mount::PROGRAM, MNT, &reply).is_err());
        let auth_flavors = [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
        assert!(check(mount::PROGRAM, MNT, &auth_flavors).is_err());
    }

    proptest! {
        /// What passes can be decoded without an allocation beyond its own size.
        #[test]
        fn garbage_never_panics(procedure in 0u32..24, body in prop::collection::vec(0u8..3, 0..400)) {
            if check(nfs3::PROGRAM, procedure, &body).is_ok() && procedure == CREATE {
                let _ = CREATE3res::unpack(&mut &body[..]);
            }
            let _ = check(mount::PROGRAM, procedure, &body);
        }
    }
}
