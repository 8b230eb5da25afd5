//! The entries of a directory in little memory.
//!
//! Neighbours have much in common: an entry is its name, and those words of its attributes in which it differs from
//! the one before. Every [`GROUP`] entries this begins anew.

use std::collections::VecDeque;

use crate::attributes::{Attributes, FileType, Time};
use crate::error::{Error, Result};
use crate::v3::DirEntry;

/// Entries that build on each other.
const GROUP: usize = 64;

/// Words of four bytes: the attributes, and the file id of the entry.
const WORDS: usize = 22;

/// In the mask of words that follow: the entry has attributes.
const HAS_ATTRIBUTES: u32 = 1 << 31;

/// The bits of the mask that have the length of the name; LONG when it is that long, or longer.
const LENGTH: u32 = WORDS as u32;
const LONG: usize = (1 << (31 - LENGTH)) - 1;

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    pub name: &'a [u8],
    pub fileid: u64,
    /// None when the server gave none.
    pub attributes: Option<Attributes>,
}

/// Memory is given out, and given back, in chunks of about this size, bytes.
const CHUNK: usize = 64 << 10;

/// See the module.
#[derive(Default)]
pub struct Entries {
    /// For each entry the mask of the words that follow, and these words; several groups in each chunk.
    chunks: VecDeque<Vec<u8>>,
    /// The names, each with a NUL behind it.
    names: Vec<u8>,
    count: usize,
    last: [u32; WORDS],
}

impl Entries {
    pub fn len(&self) -> usize {
        self.count
    }

    /// Bytes of memory that they take.
    pub fn memory(&self) -> usize {
        self.chunks.len() * CHUNK + self.names.len()
    }

    /// Adds an entry. A name that leads elsewhere, or nowhere, would be a trap for the program: EIO.
    pub fn push(&mut self, entry: &DirEntry<'_>) -> Result<()> {
        let DirEntry { name, fileid, attributes } = entry;
        if name.is_empty() || name.iter().any(|byte| matches!(byte, 0 | b'/')) {
            return Err(Error::malformed(format!("{:?} is not a file name", String::from_utf8_lossy(name))));
        }
        if self.count.is_multiple_of(GROUP) {
            self.last = [0; WORDS];
            if self.chunks.back().is_none_or(|chunk| chunk.len() > CHUNK - GROUP * LONGEST) {
                self.chunks.push_back(Vec::new());
            }
        }
        let Some(chunk) = self.chunks.back_mut() else { return Ok(()) };
        let words = words(*fileid, attributes.as_ref());
        let mut mask = if attributes.is_some() { HAS_ATTRIBUTES } else { 0 };
        mask |= (name.len().min(LONG) as u32) << LENGTH;
        let differs = |(index, (word, last)): (usize, (&u32, &u32))| u32::from(word != last) << index;
        let mut changed = words.iter().zip(&self.last).enumerate().map(differs).fold(0, |all, one| all | one);
        mask |= changed;
        chunk.reserve(LONGEST);
        chunk.extend_from_slice(&mask.to_ne_bytes());
        while changed != 0 {
            chunk.extend_from_slice(&words[changed.trailing_zeros() as usize].to_ne_bytes());
            changed &= changed - 1;
        }
        self.names.extend_from_slice(name);
        self.names.push(0);
        (self.last, self.count) = (words, self.count + 1);
        Ok(())
    }

    /// The entries, in order.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut names = &self.names[..];
        let mut unpacker = Unpacker::default();
        let mut chunks = self.chunks.iter();
        let mut rest = &[][..];
        std::iter::from_fn(move || {
            if rest.is_empty() {
                rest = chunks.next()?;
            }
            let (length, fileid, attributes) = unpacker.next(&mut rest)?;
            let (name, behind) = cut(names, length)?;
            names = behind;
            Some(Entry { name, fileid, attributes })
        })
    }

    /// Gives up the memory of what is handed out, but for the names: those are the result. `each` gets an entry: where
    /// its name begins, which has a NUL behind it and stays there as long as the result, its file id and attributes.
    pub fn unpack(mut self, mut each: impl FnMut(*const u8, u64, Option<Attributes>)) -> Box<[u8]> {
        let names = std::mem::take(&mut self.names).into_boxed_slice();
        let mut rest_of_names = &names[..];
        let mut unpacker = Unpacker::default();
        while let Some(chunk) = self.chunks.pop_front() {
            let mut rest = &chunk[..];
            while let Some((length, fileid, attributes)) = unpacker.next(&mut rest) {
                let Some((name, behind)) = cut(rest_of_names, length) else { break };
                rest_of_names = behind;
                each(name.as_ptr(), fileid, attributes);
            }
        }
        names
    }
}

/// The first name, whose length is known if it is less than [`LONG`], and what follows the NUL behind it.
fn cut(names: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    let length = if length < LONG { length } else { names.iter().position(|byte| *byte == 0)? };
    Some((names.get(..length)?, names.get(length + 1..)?))
}

/// The most that one entry takes in a chunk, bytes.
const LONGEST: usize = 4 + 4 * WORDS;

/// Reads what [`Entries::push`] has packed.
#[derive(Default)]
struct Unpacker {
    count: usize,
    last: [u32; WORDS],
}

impl Unpacker {
    /// The length of the name, the file id and the attributes.
    fn next(&mut self, rest: &mut &[u8]) -> Option<(usize, u64, Option<Attributes>)> {
        let mask = word(rest)?;
        if self.count.is_multiple_of(GROUP) {
            self.last = [0; WORDS];
        }
        self.count += 1;
        let length = (mask & !HAS_ATTRIBUTES) >> LENGTH;
        let mut changed = mask & ((1 << LENGTH) - 1);
        while changed != 0 {
            let word = word(rest)?;
            *self.last.get_mut(changed.trailing_zeros() as usize)? = word;
            changed &= changed - 1;
        }
        let fileid = joined(self.last[20], self.last[21]);
        let attributes = (mask & HAS_ATTRIBUTES != 0).then(|| attributes(&self.last, fileid)).flatten();
        Some((length as usize, fileid, attributes))
    }
}

fn word(rest: &mut &[u8]) -> Option<u32> {
    let (word, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(u32::from_ne_bytes(*word))
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
            entries in prop::collection::vec(("[^/\0]{1,20}|[a-z]{505,520}", 0u64..3, prop::option::of(some_attributes())), 0..200),
        ) {
            let mut packed = Entries::default();
            for (name, fileid, attributes) in &entries {
                let entry = DirEntry { name: name.as_bytes(), fileid: *fileid, attributes: attributes.clone() };
                packed.push(&entry).unwrap();
            }
            prop_assert_eq!(packed.len(), entries.len());
            let out: Vec<_> = packed.iter().collect();
            prop_assert_eq!(out.len(), entries.len());
            for (entry, (name, fileid, attributes)) in out.iter().zip(&entries) {
                prop_assert_eq!(entry.name, name.as_bytes());
                prop_assert_eq!((entry.fileid, &entry.attributes), (*fileid, attributes));
            }
            let mut names = Vec::new();
            let kept = packed.unpack(|name, fileid, _| names.push((name.addr(), fileid)));
            prop_assert_eq!(names.len(), entries.len());
            for ((address, fileid), entry) in names.into_iter().zip(&entries) {
                let name = &kept[address - kept.as_ptr().addr()..];
                prop_assert!(name.starts_with(entry.0.as_bytes()) && name[entry.0.len()] == 0);
                prop_assert_eq!(fileid, entry.1);
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
