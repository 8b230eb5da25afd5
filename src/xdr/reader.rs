//! A cursor over received bytes. It never looks past their end and allocates nothing.

use crate::error::{Error, Result};

/// See the module. Methods fail when too few bytes are left.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, length: bytes.len() }
    }

    /// Bytes consumed so far.
    pub fn position(&self) -> usize {
        self.length - self.rest.len()
    }

    /// Bytes left.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next `length` bytes, without padding.
    #[inline]
    pub fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(cut_short)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes, without padding.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<&'a [u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(cut_short)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    pub fn u32(&mut self) -> Result<u32> {
        self.array().map(|word| u32::from_be_bytes(*word))
    }

    #[inline]
    pub fn u64(&mut self) -> Result<u64> {
        self.array().map(|words| u64::from_be_bytes(*words))
    }

    /// A boolean, which is 0 or 1 and nothing else.
    #[inline]
    pub fn flag(&mut self) -> Result<bool> {
        match self.u32()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(Error::malformed(format!("{other} is neither true nor false"))),
        }
    }

    /// Skips fixed opaque data of `length` bytes and its padding.
    pub fn skip_padded(&mut self, length: usize) -> Result<()> {
        self.take(length)?;
        self.take(length.wrapping_neg() & 3)?;
        Ok(())
    }

    /// Variable-length opaque data: its length, the bytes, the padding.
    #[inline]
    pub fn opaque(&mut self) -> Result<&'a [u8]> {
        let length = self.u32()? as usize;
        let bytes = self.take(length)?;
        self.take(length.wrapping_neg() & 3)?;
        Ok(bytes)
    }
}

#[cold]
fn cut_short() -> Error {
    Error::malformed("the reply is cut short")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_within_bounds() {
        let mut reader = Reader::new(b"\0\0\0\x03abc\0\0\0\0\0\0\0\0\x01\0\0");
        assert_eq!(reader.opaque().unwrap(), b"abc");
        assert_eq!((reader.u32().unwrap(), reader.u32().unwrap()), (0, 1));
        assert!(reader.u32().is_err());
        assert_eq!((reader.position(), reader.left()), (16, 2));
        assert!(Reader::new(&[0xff; 8]).opaque().is_err());
        assert!(Reader::new(&[0xff; 8]).skip_padded(usize::MAX).is_err());
    }
}
