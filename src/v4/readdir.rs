//! READDIR (RFC 8881, section 18.23), decoded in place.

use super::attributes::{Bitmap, Fattr, put_bitmap};
use super::compound::{Compound, Results, put_u32, put_u64};
use super::numbers::op;
use super::owner::Names;
use crate::error::{Error, Result};

/// Longest name, bytes: longer than any file system has them, and than any path may be.
const MAX_NAME: usize = 4096;

/// One entry of a directory.
#[derive(Debug)]
pub struct Entry<'a> {
    pub name: &'a [u8],
    pub fattr: Fattr,
}

/// Where in a directory: the last entry's cookie and the verifier that came with it.
pub type Place = (u64, [u8; 8]);

impl Compound {
    pub fn readdir(&mut self, (cookie, verifier): Place, dircount: u32, maxcount: u32, words: Bitmap) {
        let arguments = self.op(op::READDIR);
        put_u64(arguments, cookie);
        arguments.extend_from_slice(&verifier);
        put_u32(arguments, dircount);
        put_u32(arguments, maxcount);
        put_bitmap(arguments, words);
    }
}

impl Results<'_> {
    /// Gives `each` the entries. The place behind the last one, None when there was none, and whether the directory ends
    /// there.
    pub fn readdir(
        &mut self,
        names: &Names,
        mut each: impl FnMut(Entry<'_>) -> Result<()>,
    ) -> Result<(Option<Place>, bool)> {
        let reader = self.next(op::READDIR)?;
        let verifier = *reader.array()?;
        let mut last = None;
        while reader.flag()? {
            last = Some((reader.u64()?, verifier));
            let name = reader.opaque()?;
            if name.len() > MAX_NAME {
                return Err(Error::malformed(format!("a file name of {} bytes", name.len())));
            }
            each(Entry { name, fattr: Fattr::read(reader, names)? })?;
        }
        Ok((last, reader.flag()?))
    }
}
