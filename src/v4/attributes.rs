//! Attributes (fattr4; RFC 8881, section 5): GETATTR and SETATTR, and what else carries them.

use super::compound::{Compound, Results, put_opaque, put_u32, put_u64};
use super::numbers::{attr, op};
use super::owner::{self, Names};
use super::stateid::StateId;
use super::status;
use crate::attributes::{Attributes, FileSystem, FileType, Handle, Limits, SetAttributes, SetTimes, Time};
use crate::error::{Error, Result};
use crate::xdr::Reader;

/// The attributes that are asked for: words of 32, the lowest bit first.
pub type Bitmap = [u32; 2];

/// Most words of a bitmap that a server may send.
const MOST_WORDS: u32 = 8;

/// What [`Attributes`] has.
pub const OBJECT: Bitmap = bitmap(&[
    attr::TYPE,
    attr::SIZE,
    attr::FSID,
    attr::FILEID,
    attr::MODE,
    attr::NUMLINKS,
    attr::OWNER,
    attr::OWNER_GROUP,
    attr::RAWDEV,
    attr::SPACE_USED,
    attr::TIME_ACCESS,
    attr::TIME_METADATA,
    attr::TIME_MODIFY,
    attr::MOUNTED_ON_FILEID,
]);

/// The same, of an entry of a directory.
pub const ENTRY: Bitmap = with(OBJECT, bitmap(&[attr::RDATTR_ERROR, attr::FILEHANDLE]));

/// What a mount needs to know, beside the attributes of its root.
pub const ROOT: Bitmap = with(OBJECT, bitmap(&[attr::LEASE_TIME, attr::MAXREAD, attr::MAXWRITE]));

/// What [`FileSystem`] has.
pub const FILE_SYSTEM: Bitmap = bitmap(&[
    attr::FSID,
    attr::FILES_AVAIL,
    attr::FILES_FREE,
    attr::FILES_TOTAL,
    attr::SPACE_AVAIL,
    attr::SPACE_FREE,
    attr::SPACE_TOTAL,
]);

const fn bitmap(attributes: &[u32]) -> Bitmap {
    let (mut words, mut index) = ([0; 2], 0);
    while index < attributes.len() {
        words[(attributes[index] / 32) as usize] |= 1 << (attributes[index] % 32);
        index += 1;
    }
    words
}

const fn with(some: Bitmap, more: Bitmap) -> Bitmap {
    [some[0] | more[0], some[1] | more[1]]
}

pub fn put_bitmap(to: &mut Vec<u8>, words: Bitmap) {
    put_u32(to, words.len() as u32);
    words.into_iter().for_each(|word| put_u32(to, word));
}

/// Whatever attributes a reply has.
#[derive(Debug, Clone, Default)]
pub struct Fattr {
    kind: Option<FileType>,
    size: u64,
    fsid: u64,
    fileid: u64,
    mode: Option<u32>,
    nlink: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
    rdev: (u32, u32),
    used: u64,
    atime: Time,
    mtime: Time,
    ctime: Time,
    /// Of the directory that the root of a file system is mounted on.
    pub mounted_on: Option<u64>,
    /// Why an entry of a listing has no attributes.
    pub error: Option<u32>,
    pub handle: Option<Handle>,
    /// Seconds.
    pub lease_time: Option<u32>,
    max_read: u64,
    max_write: u64,
    files: [u64; 3],
    space: [u64; 3],
}

impl Fattr {
    /// Reads a fattr4. An attribute that this library does not know cannot be skipped, as its length is not there.
    pub fn read(reader: &mut Reader<'_>, names: &Names) -> Result<Self> {
        let count = reader.u32()?;
        if count > MOST_WORDS {
            return Err(Error::malformed(format!("NFSv4: a bitmap of {count} words")));
        }
        let mut words = [0; MOST_WORDS as usize];
        for word in words.iter_mut().take(count as usize) {
            *word = reader.u32()?;
        }
        let mut values = Reader::new(reader.opaque()?);
        let mut fattr = Self::default();
        for (index, mut word) in (0..).zip(words) {
            while word != 0 {
                fattr.value(32 * index + word.trailing_zeros(), &mut values, names)?;
                word &= word - 1;
            }
        }
        Ok(fattr)
    }

    fn value(&mut self, attribute: u32, reader: &mut Reader<'_>, names: &Names) -> Result<()> {
        match attribute {
            attr::TYPE => self.kind = file_type(reader.u32()?),
            attr::SIZE => self.size = reader.u64()?,
            attr::FSID => self.fsid = fsid(reader.u64()?, reader.u64()?),
            attr::LEASE_TIME => self.lease_time = Some(reader.u32()?),
            attr::RDATTR_ERROR => self.error = Some(reader.u32()?).filter(|status| *status != status::OK),
            attr::FILEHANDLE => self.handle = Some(Handle::new(reader.opaque()?)?),
            attr::FILEID => self.fileid = reader.u64()?,
            attr::FILES_AVAIL => self.files[0] = reader.u64()?,
            attr::FILES_FREE => self.files[1] = reader.u64()?,
            attr::FILES_TOTAL => self.files[2] = reader.u64()?,
            attr::MAXREAD => self.max_read = reader.u64()?,
            attr::MAXWRITE => self.max_write = reader.u64()?,
            attr::MODE => self.mode = Some(reader.u32()? & 0o7777),
            attr::NUMLINKS => self.nlink = Some(reader.u32()?),
            attr::OWNER => self.uid = Some(names.id(owner::Kind::User, reader.opaque()?)),
            attr::OWNER_GROUP => self.gid = Some(names.id(owner::Kind::Group, reader.opaque()?)),
            attr::RAWDEV => self.rdev = (reader.u32()?, reader.u32()?),
            attr::SPACE_AVAIL => self.space[0] = reader.u64()?,
            attr::SPACE_FREE => self.space[1] = reader.u64()?,
            attr::SPACE_TOTAL => self.space[2] = reader.u64()?,
            attr::SPACE_USED => self.used = reader.u64()?,
            attr::TIME_ACCESS => self.atime = time(reader)?,
            attr::TIME_METADATA => self.ctime = time(reader)?,
            attr::TIME_MODIFY => self.mtime = time(reader)?,
            attr::MOUNTED_ON_FILEID => self.mounted_on = Some(reader.u64()?),
            other => {
                return Err(Error::malformed(format!("NFSv4: attribute {other}, which nobody asked for")));
            }
        }
        Ok(())
    }

    /// What the server left out has a harmless value; only the type has to be there.
    pub fn attributes(&self) -> Result<Attributes> {
        let kind = self.kind.ok_or_else(|| Error::malformed("NFSv4: an object without a type"))?;
        Ok(Attributes {
            kind,
            mode: self.mode.unwrap_or(if kind == FileType::Directory { 0o755 } else { 0o644 }),
            nlink: self.nlink.unwrap_or(1),
            uid: self.uid.unwrap_or(owner::NOBODY),
            gid: self.gid.unwrap_or(owner::NOBODY),
            size: self.size,
            used: self.used,
            rdev: self.rdev,
            fsid: self.fsid,
            fileid: self.fileid,
            atime: self.atime,
            mtime: self.mtime,
            ctime: self.ctime,
        })
    }

    /// Of an entry in a listing: none when the server cannot tell, or for a type that NFSv3 does not know.
    pub fn listed(&self) -> Option<Attributes> {
        self.attributes().ok().filter(|_| self.error.is_none())
    }

    /// What a listing shows: of a directory that something is mounted on, what is underneath.
    pub fn listed_fileid(&self) -> u64 {
        self.mounted_on.unwrap_or(self.fileid)
    }

    pub fn file_system(&self) -> FileSystem {
        let ([available_files, free_files, total_files], [available_bytes, free_bytes, total_bytes]) =
            (self.files, self.space);
        FileSystem {
            total_bytes,
            free_bytes,
            available_bytes,
            total_files,
            free_files,
            available_files,
            fsid: self.fsid,
        }
    }

    /// As the server has them; 0 where it says nothing.
    pub fn limits(&self, readdir: u32) -> Limits {
        let word = |limit: u64| u32::try_from(limit).unwrap_or(u32::MAX);
        Limits { read_max: word(self.max_read), write_max: word(self.max_write), readdir }
    }
}

/// None for what NFSv3 does not know.
fn file_type(number: u32) -> Option<FileType> {
    FileType::from_nfs3(number)
}

/// One number of two, which differ from one file system of a server to the next.
fn fsid(major: u64, minor: u64) -> u64 {
    major ^ minor.rotate_left(32)
}

fn time(reader: &mut Reader<'_>) -> Result<Time> {
    let (seconds, nanoseconds) = (reader.u64()?, reader.u32()?);
    Ok(Time { seconds: seconds as u32, nanoseconds })
}

/// A fattr4 of what is to be set.
pub fn put_settable(to: &mut Vec<u8>, set: &SetAttributes) {
    let mut words: Bitmap = [0; 2];
    let mut values = Vec::new();
    let mut set_bit = |attribute: u32| words[(attribute / 32) as usize] |= 1 << (attribute % 32);
    if let Some(size) = set.size {
        set_bit(attr::SIZE);
        put_u64(&mut values, size);
    }
    if let Some(mode) = set.mode {
        set_bit(attr::MODE);
        put_u32(&mut values, mode);
    }
    for (attribute, id) in [(attr::OWNER, set.uid), (attr::OWNER_GROUP, set.gid)] {
        if let Some(id) = id {
            set_bit(attribute);
            put_opaque(&mut values, id.to_string().as_bytes());
        }
    }
    if let Some(times) = set.times {
        let (atime, mtime) = match times {
            SetTimes::Now => (None, None),
            SetTimes::To { atime, mtime } => (Some(atime), Some(mtime)),
        };
        for (attribute, time) in [(attr::TIME_ACCESS_SET, atime), (attr::TIME_MODIFY_SET, mtime)] {
            set_bit(attribute);
            put_u32(&mut values, u32::from(time.is_some())); // SET_TO_SERVER_TIME4, SET_TO_CLIENT_TIME4
            if let Some(time) = time {
                put_u64(&mut values, time.seconds.into());
                put_u32(&mut values, time.nanoseconds);
            }
        }
    }
    put_bitmap(to, words);
    put_opaque(to, &values);
}

impl Compound {
    pub fn getattr(&mut self, words: Bitmap) {
        put_bitmap(self.op(op::GETATTR), words);
    }

    /// Goes on if the current object is a directory, or, with `not`, if it is none.
    pub fn verify_directory(&mut self, not: bool) {
        let arguments = self.op(if not { op::NVERIFY } else { op::VERIFY });
        put_bitmap(arguments, bitmap(&[attr::TYPE]));
        put_opaque(arguments, &FileType::Directory.nfs3().to_be_bytes());
    }

    pub fn setattr(&mut self, stateid: &StateId, set: &SetAttributes) {
        let arguments = self.op(op::SETATTR);
        stateid.put(arguments);
        put_settable(arguments, set);
    }
}

impl Results<'_> {
    pub fn getattr(&mut self, names: &Names) -> Result<Fattr> {
        Fattr::read(self.next(op::GETATTR)?, names)
    }

    /// As [`Compound::verify_directory`]; ENOTDIR or EISDIR.
    pub fn verify_directory(&mut self, not: bool) -> Result<()> {
        match self.next_or_failed(if not { op::NVERIFY } else { op::VERIFY })? {
            status::OK => Ok(()),
            status::NOT_SAME => Err(status::nfs_error(status::NOTDIR)),
            status::SAME => Err(status::nfs_error(status::ISDIR)),
            other => Err(status::nfs_error(other)),
        }
    }

    /// Which attributes were set; also when the operation has failed.
    pub fn setattr(&mut self) -> Result<()> {
        let status = self.next_or_failed(op::SETATTR)?;
        if status != status::OK {
            return Err(status::nfs_error(status));
        }
        skip_bitmap(self.reader())
    }
}

pub fn skip_bitmap(reader: &mut Reader<'_>) -> Result<()> {
    let count = reader.u32()?;
    reader.take(4 * count.min(MOST_WORDS) as usize)?;
    match count {
        0..=MOST_WORDS => Ok(()),
        _ => Err(Error::malformed(format!("NFSv4: a bitmap of {count} words"))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fattr(words: &[u32], values: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_u32(&mut bytes, words.len() as u32);
        words.iter().for_each(|word| put_u32(&mut bytes, *word));
        put_opaque(&mut bytes, values);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Fattr> {
        Fattr::read(&mut Reader::new(bytes), &Names::default())
    }

    /// All of [`OBJECT`], as a server sends it.
    fn object() -> Vec<u8> {
        let mut values = Vec::new();
        put_u32(&mut values, 2); // type
        put_u64(&mut values, 4 << 40); // size
        put_u64(&mut values, 5); // fsid
        put_u64(&mut values, 6);
        put_u64(&mut values, 7); // fileid
        put_u32(&mut values, 0o40_755);
        put_u32(&mut values, 3); // links
        put_opaque(&mut values, b"1000");
        put_opaque(&mut values, b"100");
        put_u32(&mut values, 8); // device
        put_u32(&mut values, 9);
        put_u64(&mut values, 10); // used
        for second in [11, 13, 12] {
            put_u64(&mut values, second);
            put_u32(&mut values, 500);
        }
        put_u64(&mut values, 77); // mounted on
        values
    }

    #[test]
    fn attributes_of_an_object() {
        let fattr = read(&fattr(&OBJECT, &object())).unwrap();
        let time = |seconds| Time { seconds, nanoseconds: 500 };
        let expected = Attributes {
            kind: FileType::Directory,
            mode: 0o755,
            nlink: 3,
            uid: 1000,
            gid: 100,
            size: 4 << 40,
            used: 10,
            rdev: (8, 9),
            fsid: fsid(5, 6),
            fileid: 7,
            atime: time(11),
            mtime: time(12),
            ctime: time(13),
        };
        assert_eq!((fattr.attributes().unwrap(), fattr.mounted_on), (expected, Some(77)));
    }

    #[test]
    fn lies_about_attributes_are_errors() {
        let values = object();
        for length in 0..values.len() {
            assert!(read(&fattr(&OBJECT, &values[..length])).is_err(), "{length} bytes of values");
        }
        assert!(read(&fattr(&[OBJECT[0], OBJECT[1], 1], &values)).is_err(), "an attribute nobody knows");
        assert!(read(&fattr(&[0; 9], &[])).is_err(), "too many words");
        assert!(read(&[0xff; 64]).is_err());
        assert!(read(&fattr(&[], &[])).unwrap().attributes().is_err(), "no type");
        assert!(read(&fattr(&[OBJECT[0], OBJECT[1], 0, 0], &[values, vec![0; 8]].concat())).is_ok());
    }

    #[test]
    fn what_is_set_is_read_as_it_was() {
        let times = SetTimes::To {
            atime: Time { seconds: 1, nanoseconds: 2 },
            mtime: Time { seconds: 3, nanoseconds: 4 },
        };
        let all = SetAttributes {
            mode: Some(0o640),
            uid: Some(5),
            gid: Some(6),
            size: Some(7),
            times: Some(times),
        };
        let mut bytes = Vec::new();
        put_settable(&mut bytes, &all);
        let mut reader = Reader::new(&bytes);
        assert_eq!((reader.u32().unwrap(), reader.u32().unwrap()), (2, 1 << attr::SIZE));
        let expected = [33, 36, 37, 48, 54].iter().fold(0, |word, bit| word | 1 << (bit - 32));
        assert_eq!(reader.u32().unwrap(), expected);
        let mut values = Reader::new(reader.opaque().unwrap());
        assert_eq!((values.u64().unwrap(), values.u32().unwrap()), (7, 0o640));
        assert_eq!((values.opaque().unwrap(), values.opaque().unwrap()), (&b"5"[..], &b"6"[..]));
        for seconds in [1, 3] {
            assert_eq!((values.u32().unwrap(), values.u64().unwrap()), (1, seconds));
            assert_eq!(u64::from(values.u32().unwrap()), seconds + 1);
        }
        assert_eq!((values.left(), reader.left()), (0, 0));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes).map(|fattr| fattr.attributes());
            let _ = read(&fattr(&[0xffff_ffff; 2], &bytes));
            let _ = skip_bitmap(&mut Reader::new(&bytes));
        }
    }
}
