//! Users and groups as NFSv4 names them (RFC 8881, section 5.9): a number in digits, as Linux has it with AUTH_SYS, or
//! `name@domain`, which the tables of the system turn into a number.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::sync::Mutex;

use crate::sync::lock;

/// Who is not known here.
pub const NOBODY: u32 = 65_534;

/// Names that are remembered. Beyond that all are forgotten: a server can make up any number.
const MOST_NAMES: usize = 1024;

/// A longer name is nobody's.
const LONGEST_NAME: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    User,
    Group,
}

/// Numbers of names that were looked up before, of one mount.
#[derive(Default)]
pub struct Names(Mutex<BTreeMap<Name, u32>>);

type Name = (Kind, Box<[u8]>);

impl Names {
    /// The number of an owner, [`NOBODY`] when the system does not know the name.
    pub fn id(&self, kind: Kind, owner: &[u8]) -> u32 {
        match number(owner) {
            Some(id) => id,
            None => self.of_name(kind, owner),
        }
    }

    #[cold]
    fn of_name(&self, kind: Kind, owner: &[u8]) -> u32 {
        let name = owner.split(|byte| *byte == b'@').next().unwrap_or_default();
        if name.is_empty() || name.len() > LONGEST_NAME {
            return NOBODY;
        }
        let mut names = lock(&self.0);
        if let Some(id) = names.get(&(kind, name.into())) {
            return *id;
        }
        let id = look_up(kind, name).unwrap_or(NOBODY);
        if names.len() >= MOST_NAMES {
            names.clear();
        }
        names.insert((kind, name.into()), id);
        id
    }
}

fn number(owner: &[u8]) -> Option<u32> {
    if owner.is_empty() || owner.len() > 10 {
        return None;
    }
    let digit = |number: Option<u32>, byte: &u8| {
        let digit = char::from(*byte).to_digit(10)?;
        number?.checked_mul(10)?.checked_add(digit)
    };
    owner.iter().fold(Some(0), digit)
}

fn look_up(kind: Kind, name: &[u8]) -> Option<u32> {
    let name = CString::new(name).ok()?;
    let mut memory = vec![0; 16 << 10];
    // SAFETY: all zero is a valid value of both records, whose pointers are not followed.
    let (mut user, mut group) =
        unsafe { (std::mem::zeroed::<libc::passwd>(), std::mem::zeroed::<libc::group>()) };
    let (start, length) = (memory.as_mut_ptr(), memory.len());
    match kind {
        Kind::User => {
            let mut found = std::ptr::null_mut();
            // SAFETY: the name is a C string, and the record and the memory live until the call is over.
            unsafe { libc::getpwnam_r(name.as_ptr(), &raw mut user, start, length, &raw mut found) };
            (!found.is_null()).then_some(user.pw_uid)
        }
        Kind::Group => {
            let mut found = std::ptr::null_mut();
            // SAFETY: the name is a C string, and the record and the memory live until the call is over.
            unsafe { libc::getgrnam_r(name.as_ptr(), &raw mut group, start, length, &raw mut found) };
            (!found.is_null()).then_some(group.gr_gid)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_numbers_or_names() {
        let names = Names::default();
        for (owner, id) in [
            ("0", 0),
            ("1000", 1000),
            ("4294967295", u32::MAX),
            ("4294967296", NOBODY),
            ("00000000001", NOBODY),
            ("root@localdomain", 0),
            ("root", 0),
            ("nobody-of-this-name@localdomain", NOBODY),
            ("", NOBODY),
            ("@", NOBODY),
            ("-1", NOBODY),
            ("root\0", NOBODY),
        ] {
            for kind in [Kind::User, Kind::Group] {
                assert_eq!(names.id(kind, owner.as_bytes()), id, "{owner:?}");
                assert_eq!(names.id(kind, owner.as_bytes()), id, "{owner:?}, remembered");
            }
        }
        assert_eq!(names.id(Kind::User, &[b'a'; 100_000]), NOBODY);
    }

    #[test]
    fn a_server_cannot_make_it_remember_everything() {
        let names = Names::default();
        lock(&names.0).extend((0..MOST_NAMES).map(|n| ((Kind::User, n.to_string().into_bytes().into()), 1)));
        names.id(Kind::User, b"one more@domain");
        assert_eq!(lock(&names.0).len(), 1);
    }
}
