//! The entries of a directory in little memory.
//!
//! Neighbours have much in common: an entry is its name, and those words of its attributes in which it differs from
//! the one before. Every [`GROUP`] entries this begins anew, so that each can be found.

use std::ffi::CStr;

use crate::attributes::{Attributes, FileType, Time};
use crate::error::{Error, Result};
use crate::v3::DirEntry;

/// Entries that build on each other.
const GROUP: usize = 64;

/// Words of four bytes: the attributes, and the file id of the entry.
const WORDS: usize = 22;

/// In the mask of words that follow: the entry has attributes.
const HAS_ATTRIBUTES: u32 = 1 << 31;

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    pub name: &'a CStr,
    pub fileid: u64,
    /// None when the server gave none.
    pub attributes: Option<Attributes>,
}

/// See the module.
#[derive(Default)]
pub struct Entries {
    /// For each entry: the mask of the words that follow, these words, the name and a NUL.
    bytes: Vec<u8>,
    count: usize,
    /// Where each group begins.
    groups: Vec<usize>,
    last: [u32; WORDS],
}

impl Entries {
    pub fn len(&self) -> usize {
        self.count
    }

    /// Bytes in use.
    pub fn memory(&self) -> usize {
        self.bytes.len()
    }

    /// Adds an entry. A name that leads elsewhere, or nowhere, would be a trap for the program: EIO.
    pub fn push(&mut self, entry: &DirEntry<'_>) -> Result<()> {
        let DirEntry { name, fileid, attributes } = entry;
        if name.is_empty() || name.iter().any(|byte| matches!(byte, 0 | b'/')) {
            return Err(Error::malformed(format!("{:?} is not a file name", String::from_utf8_lossy(name))));
        }
        if self.count.is_multiple_of(GROUP) {
            self.groups.push(self.bytes.len());
            self.last = [0; WORDS];
        }
        let words = words(*fileid, attributes.as_ref());
        let mut mask = if attributes.is_some() { HAS_ATTRIBUTES } else { 0 };
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        for (index, (word, last)) in words.iter().zip(&self.last).enumerate() {
            if word != last {
                mask |= 1 << index;
                self.bytes.extend_from_slice(&word.to_ne_bytes());
            }
        }
        self.bytes[at..at + 4].copy_from_slice(&mask.to_ne_bytes());
        self.bytes.extend_from_slice(name);
        self.bytes.push(0);
        (self.last, self.count) = (words, self.count + 1);
        Ok(())
    }

    /// Gives unused memory back.
    pub fn finish(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// The entries from `position` on.
    pub fn from(&self, position: usize) -> Iter<'_> {
        let group = position / GROUP;
        let at = self.groups.get(group).copied().unwrap_or(self.bytes.len());
        let rest = self.bytes.get(at..).unwrap_or_default();
        let mut iter = Iter { rest, position: group * GROUP, last: [0; WORDS] };
        for _ in group * GROUP..position {
            iter.next();
        }
        iter
    }
}

/// See [`Entries::from`].
pub struct Iter<'a> {
    rest: &'a [u8],
    position: usize,
    last: [u32; WORDS],
}

impl<'a> Iter<'a> {
    fn word(&mut self) -> Option<u32> {
        let (word, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u32::from_ne_bytes(*word))
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let mask = self.word()?;
        if self.position.is_multiple_of(GROUP) {
            self.last = [0; WORDS];
        }
        self.position += 1;
        let mut changed = mask & !HAS_ATTRIBUTES;
        while changed != 0 {
            let word = self.word()?;
            *self.last.get_mut(changed.trailing_zeros() as usize)? = word;
            changed &= changed - 1;
        }
        let name = CStr::from_bytes_until_nul(self.rest).ok()?;
        self.rest = self.rest.get(name.count_bytes() + 1..)?;
        let fileid = joined(self.last[20], self.last[21]);
        let attributes = (mask & HAS_ATTRIBUTES != 0).then(|| attributes(&self.last, fileid)).flatten();
        Some(Entry { name, fileid, attributes })
    }
}

fn halves(number: u64) -> [u32; 2] {
    [(number >> 32) as u32, number as u32]
}

fn joined(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn words(entry_id: u64, attributes: Option<&Attributes>) -> [u32; WORDS] {
    let mut words = [0; WORDS];
    words[20..].copy_from_slice(&halves(entry_id));
    let Some(a) = attributes else { return words };
    words[..4].copy_from_slice(&[a.kind.nfs3() << 16 | a.mode, a.nlink, a.uid, a.gid]);
    // The object's id is the entry's, unless a file system is mounted there.
    for (index, number) in [a.size, a.used, a.fsid, a.fileid ^ entry_id].into_iter().enumerate() {
        words[4 + 2 * index..6 + 2 * index].copy_from_slice(&halves(number));
    }
    (words[12], words[13]) = a.rdev;
    for (index, time) in [a.atime, a.mtime, a.ctime].into_iter().enumerate() {
        words[14 + 2 * index..16 + 2 * index].copy_from_slice(&[time.seconds, time.nanoseconds]);
    }
    words
}

/// The inverse of [`words`].
fn attributes(words: &[u32; WORDS], entry_id: u64) -> Option<Attributes> {
    let long = |at: usize| joined(words[at], words[at + 1]);
    let time = |at: usize| Time { seconds: words[at], nanoseconds: words[at + 1] };
    Some(Attributes {
        kind: FileType::from_nfs3(words[0] >> 16)?,
        mode: words[0] & 0xffff,
        nlink: words[1],
        uid: words[2],
        gid: words[3],
        size: long(4),
        used: long(6),
        rdev: (words[12], words[13]),
        fsid: long(8),
        fileid: long(10) ^ entry_id,
        atime: time(14),
        mtime: time(16),
        ctime: time(18),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn some_attributes() -> impl Strategy<Value = Attributes> {
        let time =
            || (any::<u32>(), any::<u32>()).prop_map(|(seconds, nanoseconds)| Time { seconds, nanoseconds });
        let numbers = (any::<u32>(), any::<u32>(), any::<u32>(), any::<u64>(), any::<u64>(), any::<u64>());
        let rest = (0u32..0o10000, 1u32..8, any::<(u32, u32)>(), any::<u64>());
        (numbers, rest, time(), time(), time()).prop_map(|(numbers, rest, atime, mtime, ctime)| {
            let (nlink, uid, gid, size, used, fsid) = numbers;
            let (mode, kind, rdev, fileid) = rest;
            let kind = FileType::from_nfs3(kind).unwrap();
            Attributes { kind, mode, nlink, uid, gid, size, used, rdev, fsid, fileid, atime, mtime, ctime }
        })
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(
            entries in prop::collection::vec(("[^/\0]{1,20}", 0u64..3, prop::option::of(some_attributes())), 0..200),
            position in 0usize..220,
        ) {
            let mut packed = Entries::default();
            for (name, fileid, attributes) in &entries {
                let entry = DirEntry { name: name.as_bytes(), fileid: *fileid, attributes: attributes.clone() };
                packed.push(&entry).unwrap();
            }
            packed.finish();
            prop_assert_eq!(packed.len(), entries.len());
            let out: Vec<_> = packed.from(position).collect();
            prop_assert_eq!(out.len(), entries.len().saturating_sub(position));
            for (entry, (name, fileid, attributes)) in out.iter().zip(entries.iter().skip(position)) {
                prop_assert_eq!(entry.name.to_bytes(), name.as_bytes());
                prop_assert_eq!((entry.fileid, &entry.attributes), (*fileid, attributes));
            }
        }
    }

    #[test]
    fn names_that_are_traps_are_refused() {
        for name in [&b""[..], b"a/b", b"/", b"a\0"] {
            let mut entries = Entries::default();
            assert!(entries.push(&DirEntry { name, fileid: 1, attributes: None }).is_err());
        }
    }
}
