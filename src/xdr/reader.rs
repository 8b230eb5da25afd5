//! A cursor over received bytes. It never looks past their end and allocates nothing.

use crate::error::{Error, Result};

/// See the module. Methods fail when too few bytes are left.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// Bytes consumed so far.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Bytes left.
    pub fn left(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// The next `length` bytes, without padding.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        if length > self.left() {
            return Err(Error::malformed("the reply is cut short"));
        }
        let taken = &self.bytes[self.position..self.position + length];
        self.position += length;
        Ok(taken)
    }

    pub fn u32(&mut self) -> Result<u32> {
        let mut word = [0; 4];
        word.copy_from_slice(self.take(4)?);
        Ok(u32::from_be_bytes(word))
    }

    pub fn u64(&mut self) -> Result<u64> {
        let mut words = [0; 8];
        words.copy_from_slice(self.take(8)?);
        Ok(u64::from_be_bytes(words))
    }

    /// A boolean, which is 0 or 1 and nothing else.
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
    pub fn opaque(&mut self) -> Result<&'a [u8]> {
        let length = self.u32()? as usize;
        let bytes = self.take(length)?;
        self.take(length.wrapping_neg() & 3)?;
        Ok(bytes)
    }
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
