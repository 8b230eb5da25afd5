//! The text of paths.
//!
//! The caller's `.` and `..` are resolved in the text of the path, as libnfs does; those of a link's target, on the way.
//! Nothing leads out of the export.

use std::collections::VecDeque;

use crate::error::{Error, Result};

/// What is to be done with a name. It tells what is wrong with the root, with `.` and `..`, and with a slash behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// An object is made, but a directory.
    Make,
    /// The same with open(), which tells that directories are not made so.
    Create,
    MakeDirectory,
    Remove,
    RemoveDirectory,
    Rename,
}

impl Naming {
    /// The errno for a directory that cannot be named so: by `..`, by `.`, as the root.
    pub fn refused(self, name: &[u8]) -> Error {
        let errno = match (self, name) {
            (Self::Make | Self::MakeDirectory, _) => libc::EEXIST,
            (Self::Create | Self::Remove, _) => libc::EISDIR,
            (Self::RemoveDirectory | Self::Rename, b"") => libc::EBUSY,
            (Self::RemoveDirectory, b"..") => libc::ENOTEMPTY,
            (Self::RemoveDirectory | Self::Rename, _) => libc::EINVAL,
        };
        Error::new(errno, "the path ends in no name, but leads to a directory")
    }

    /// Whether slashes may stand behind the name.
    pub fn is_of_directory(self) -> bool {
        matches!(self, Self::MakeDirectory | Self::RemoveDirectory | Self::Rename)
    }
}

/// A path without `.`, `..` and superfluous slashes, and what they ask for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Normal {
    /// Empty for the root, otherwise beginning with a slash.
    pub path: Vec<u8>,
    /// What the path leaves by `..`: directories, or the path leads nowhere.
    pub left: Vec<Vec<u8>>,
    /// What the path leads to is a directory, or it leads nowhere: it ends in a slash or in `.`.
    pub directory: bool,
}

impl Normal {
    /// Whether there is more to look at than where the path ends.
    pub fn is_more(&self) -> bool {
        self.directory || !self.left.is_empty()
    }
}

/// `path` as seen from `directory`; EPERM when it climbs above the root.
pub fn normalize(directory: &[u8], path: &[u8]) -> Result<Normal> {
    let from = if path.first() == Some(&b'/') { &[][..] } else { directory };
    let mut normal = Vec::with_capacity(from.len() + path.len() + 2);
    let mut left = Vec::new();
    for part in from.split(|byte| *byte == b'/').chain(path.split(|byte| *byte == b'/')) {
        match part {
            b"" | b"." => {}
            b".." => match normal.iter().rposition(|byte| *byte == b'/') {
                Some(slash) => {
                    // The current directory is one, and so are those above it.
                    let rest = from.strip_prefix(&normal[..]);
                    if !rest.is_some_and(|rest| rest.is_empty() || rest.first() == Some(&b'/')) {
                        left.push(normal.clone());
                    }
                    normal.truncate(slash);
                }
                None => return Err(Error::new(libc::EPERM, "the path climbs above the root of the export")),
            },
            name => {
                normal.push(b'/');
                normal.extend_from_slice(name);
            }
        }
    }
    let directory = (path.ends_with(b"/") || path.ends_with(b"/.")) && !normal.is_empty();
    Ok(Normal { path: normal, left, directory })
}

/// Whether a path is as [`normalize`] makes it, whatever the current directory is.
pub fn is_normal(path: &[u8]) -> bool {
    let is_name = |part: &[u8]| !matches!(part, b"" | b"." | b"..");
    path.strip_prefix(b"/").is_some_and(|names| names.split(|byte| *byte == b'/').all(is_name))
}

/// A path as [`normalize`] makes it, as the path of its directory and the last name.
pub fn last_of(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (path, b""),
    }
}

/// Directory and last component of a path that is not empty; the latter may be `.` or `..`, and is empty for the root.
/// Whether a slash stands behind it.
pub fn split(path: &[u8]) -> (&[u8], &[u8], bool) {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    let slash = end < path.len();
    match path[..end].iter().rposition(|byte| *byte == b'/') {
        _ if end == 0 => (b"/", b"", slash),
        Some(0) => (b"/", &path[1..end], slash),
        Some(at) => (&path[..at], &path[at + 1..end], slash),
        None => (b"", &path[..end], slash),
    }
}

/// The part of a link's target that lies in the export: an absolute target is seen from its root, whether it
/// names the export's directory on the server or not.
pub fn inside<'a>(target: &'a [u8], export: &[u8]) -> &'a [u8] {
    let export = export.strip_suffix(b"/").unwrap_or(export);
    match target.strip_prefix(export) {
        Some(rest) if !export.is_empty() && (rest.is_empty() || rest[0] == b'/') => rest,
        _ => target,
    }
}

/// Puts the components of a link's target in front of what is left of the path.
pub fn prepend(todo: &mut VecDeque<Vec<u8>>, target: &[u8]) -> Result<()> {
    const MAX_COMPONENTS: usize = 4096;
    let parts = target.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    for part in parts.rev() {
        todo.push_front(part.to_vec());
    }
    if todo.len() > MAX_COMPONENTS {
        return Err(Error::new(libc::ENAMETOOLONG, "symbolic links make the path too long"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(directory: &str, path: &str) -> std::result::Result<String, i32> {
        let normal = normalize(directory.as_bytes(), path.as_bytes()).map_err(|error| error.errno())?;
        Ok(String::from_utf8_lossy(&normal.path).into_owned())
    }

    #[test]
    fn paths_are_normalized_in_their_text() {
        assert_eq!(normal("/", "").as_deref(), Ok(""));
        for path in ["", "/", "/a", "/a/b", "/a/", "//a", "/a/./b", "/a/../b", "a", "/.a/..b"] {
            assert_eq!(
                is_normal(path.as_bytes()),
                !path.is_empty() && normal("/", path).as_deref() == Ok(path)
            );
        }
        assert_eq!(normal("/a/b", "c//./d/").as_deref(), Ok("/a/b/c/d"));
        assert_eq!(normal("/a/b", "../c").as_deref(), Ok("/a/c"));
        assert_eq!(normal("/a/b", "/x/../y").as_deref(), Ok("/y"));
        assert_eq!(normal("/a", "../.."), Err(libc::EPERM));
        assert_eq!(normal("/a", "/.."), Err(libc::EPERM));
        assert_eq!(normal("/", "...").as_deref(), Ok("/..."));
    }

    #[test]
    fn directories_that_a_path_asks_for() {
        let more = |directory: &str, path: &str| {
            let normal = normalize(directory.as_bytes(), path.as_bytes()).unwrap();
            let left: Vec<_> =
                normal.left.iter().map(|left| String::from_utf8_lossy(left).into_owned()).collect();
            (normal.directory, left)
        };
        let none = Vec::<String>::new;
        for path in ["", "/", "//", ".", "/.", "/a", "a/./b", "/.a", "/a."] {
            assert_eq!(more("/", path), (false, none()), "{path}");
        }
        for path in ["/a/", "a//", "a/.", "./a/"] {
            assert_eq!(more("/", path), (true, none()), "{path}");
        }
        assert_eq!(more("/", "/a/.."), (false, vec!["/a".into()]));
        assert_eq!(more("/", "/a/b/../../c/"), (true, vec!["/a/b".into(), "/a".into()]));
        assert_eq!(more("/a/b", "../../c"), (false, none()), "the current directory is one");
        assert_eq!(more("/a/b", "../c/../d"), (false, vec!["/a/c".into()]));
    }

    #[test]
    fn the_last_component() {
        assert_eq!(split(b"/a"), (&b"/"[..], &b"a"[..], false));
        assert_eq!(split(b"a/b/.."), (&b"a/b"[..], &b".."[..], false));
        assert_eq!(split(b"a//b//"), (&b"a/"[..], &b"b"[..], true));
        assert_eq!(split(b"a/"), (&b""[..], &b"a"[..], true));
        assert_eq!(split(b"a"), (&b""[..], &b"a"[..], false));
        assert_eq!(split(b"//"), (&b"/"[..], &b""[..], true));
        assert_eq!(split(b""), (&b"/"[..], &b""[..], false));
    }

    #[test]
    fn absolute_targets_are_seen_from_the_export() {
        assert_eq!(inside(b"/srv/data/a", b"/srv/data"), b"/a");
        assert_eq!(inside(b"/srv/data", b"/srv/data/"), b"");
        assert_eq!(inside(b"/srv/database", b"/srv/data"), b"/srv/database");
        assert_eq!(inside(b"/a", b"/"), b"/a");
        assert_eq!(inside(b"a", b"/srv"), b"a");
    }
}
