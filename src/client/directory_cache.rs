//! Directories come upon lately, so that a walk need not begin at the root each time.
//!
//! Only the way to a directory is remembered, for [`LIFE`], and by the path without links. What is in it is always asked
//! of the server. When a remembered directory turns out to be gone, the walk begins anew, so that what others rename
//! or replace is found late at most, never missed.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::attributes::Handle;
use crate::rpc::Credential;
use crate::sync::lock;

/// How long the way to a directory is trusted.
const LIFE: Duration = Duration::from_secs(3);

/// Most directories of one mount.
const MOST: usize = 4096;

/// A directory and the file system it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Directory {
    pub handle: Handle,
    pub fsid: u64,
}

/// See the module.
#[derive(Default)]
pub struct DirectoryCache(Mutex<State>);

#[derive(Default)]
struct State {
    by_path: HashMap<Box<[u8]>, (Directory, Instant), BuildHasherDefault<Fnv>>,
    /// Who found them: somebody else might not be allowed to.
    credential: Option<Credential>,
}

/// FNV-1a: paths are short, and so few that a tree with names made to collide costs some microseconds at most.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn write_usize(&mut self, _length: usize) {} // of the path: nothing follows it

    fn finish(&self) -> u64 {
        self.0
    }
}

impl DirectoryCache {
    pub fn get(&self, path: &[u8], credential: &Credential, now: Instant) -> Option<Directory> {
        let state = lock(&self.0);
        let (directory, found) = state.by_path.get(path)?;
        let fresh = now.saturating_duration_since(*found) < LIFE;
        (fresh && state.credential.as_ref() == Some(credential)).then_some(*directory)
    }

    /// `path` is without links, and begins with a slash.
    pub fn insert(&self, path: &[u8], directory: Directory, credential: &Credential, now: Instant) {
        let mut state = lock(&self.0);
        if state.credential.as_ref() != Some(credential) || state.by_path.len() >= MOST {
            state.by_path.clear();
            state.credential = Some(credential.clone());
        }
        state.by_path.insert(path.into(), (directory, now));
    }

    /// Forgets what is at a path, and below it.
    pub fn forget(&self, path: &[u8]) {
        let below = |other: &[u8]| {
            other.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.first() == Some(&b'/'))
        };
        lock(&self.0).by_path.retain(|other, _| !below(other));
    }

    pub fn is_empty(&self) -> bool {
        lock(&self.0).by_path.is_empty()
    }

    /// Forgets everything; true if there was something.
    pub fn clear(&self) -> bool {
        let mut state = lock(&self.0);
        let some = !state.by_path.is_empty();
        state.by_path.clear();
        some
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_known_for_a_while_to_who_found_it() {
        let (alice, bob) = (Credential::sys(1, 1, &[]).unwrap(), Credential::sys(2, 2, &[]).unwrap());
        let (known, now) = (DirectoryCache::default(), Instant::now());
        let directory = |name: &[u8]| Directory { handle: Handle::new(name).unwrap(), fsid: 1 };
        for path in [&b"/a"[..], b"/a/b", b"/ab"] {
            known.insert(path, directory(path), &alice, now);
        }
        assert_eq!(known.get(b"/a/b", &alice, now), Some(directory(b"/a/b")));
        assert_eq!(known.get(b"/a/b", &alice, now + LIFE), None);
        assert_eq!(known.get(b"/a/b", &bob, now), None);
        known.forget(b"/a");
        assert_eq!(known.get(b"/a", &alice, now), None);
        assert_eq!(known.get(b"/a/b", &alice, now), None);
        assert_eq!(known.get(b"/ab", &alice, now), Some(directory(b"/ab")));
        known.insert(b"/c", directory(b"/c"), &bob, now);
        assert_eq!(known.get(b"/ab", &bob, now), None);
        assert!(known.clear() && !known.clear());
    }
}
