//! Directories found lately, so that a walk need not begin at the root each time.
//!
//! Only the way to a directory is kept, for [`LIFE`], and by the path without links. What is in it is always asked
//! of the server. When a directory turns out to be gone, the walk begins anew, so that what others rename or replace is
//! found late at most, never missed.
//!
//! What this context itself changes is never hidden: a call that changes a name forgets what was at that name and
//! below it, before and after (see [`super::names`]), and a LOOKUP in that directory that began before the end of such
//! a call is not kept.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::path::last_of;
use crate::attributes::Handle;
use crate::map::{Fingerprint, Map};
use crate::rpc::Credential;
use crate::sync::lock;

/// How long the way to a directory is trusted.
const LIFE: Duration = Duration::from_secs(3);

/// Most directories of one mount.
const MOST: usize = 4096;

/// How many changes back it is known which directory each was in.
const CHANGES: usize = 64;

/// A directory and the file system it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Directory {
    pub handle: Handle,
    pub fsid: u64,
}

/// See the module.
#[derive(Default)]
pub struct DirectoryCache {
    state: Mutex<State>,
    /// Counts the changes. Written under the lock of the state.
    generation: AtomicU64,
    /// Counts how often something was forgotten.
    forgotten: AtomicU64,
}

#[derive(Default)]
struct State {
    /// The parent of each directory is there, too, or is the root of an export.
    by_path: Map<Box<[u8]>, Known>,
    /// Each path of `by_path`, by [`place`] of its parent and its name.
    by_place: Map<u64, Box<[u8]>>,
    /// Who found them: somebody else might not be allowed to.
    credential: Option<Credential>,
    /// The directories that were changed last, the latest at the end.
    changes: VecDeque<Handle>,
}

struct Known {
    directory: Directory,
    /// The directory that it was found in.
    parent: Handle,
    /// When it was found, or what is above it if that was earlier: it is trusted no longer than that.
    found: Instant,
}

/// A LOOKUP that found a directory.
pub struct Found<'a> {
    /// Without links, beginning with a slash.
    pub path: &'a [u8],
    pub directory: Directory,
    pub parent: &'a Handle,
    /// The parent is the root of an export: it stays where it is.
    pub is_in_root: bool,
    /// As [`DirectoryCache::generation`] was before the call.
    pub generation: u64,
}

/// A fingerprint of a name in a directory. Two that are equal by chance forget each other.
fn place(parent: &Handle, name: &[u8]) -> u64 {
    (parent.fingerprint() ^ name.fingerprint().rotate_left(1)).fingerprint()
}

impl DirectoryCache {
    pub fn get(&self, path: &[u8], credential: &Credential, now: Instant) -> Option<Directory> {
        let state = lock(&self.state);
        let known = state.by_path.get(path)?;
        let fresh = now.saturating_duration_since(known.found) < LIFE;
        (fresh && state.credential.as_ref() == Some(credential)).then_some(known.directory)
    }

    /// A directory by where it is named.
    pub fn named(&self, directory: &Handle, name: &[u8]) -> Option<Handle> {
        let state = lock(&self.state);
        let path = state.by_place.get(&place(directory, name))?;
        state.by_path.get(path).map(|known| known.directory.handle)
    }

    /// Changes with every change that this context makes: what was looked up before one may be wrong after it.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Changes when something is forgotten: an operation that began before may have used it.
    pub fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Acquire)
    }

    /// Keeps what a LOOKUP has found, unless its directory was changed meanwhile, or is not where it was.
    pub fn insert(&self, found: &Found<'_>, credential: &Credential, now: Instant) {
        let mut state = lock(&self.state);
        let changes = self.generation().wrapping_sub(found.generation);
        if state.may_be_changed(found.parent, changes) {
            return;
        }
        if state.credential.as_ref() != Some(credential) || state.by_path.len() >= MOST {
            self.clear_all(&mut state);
            state.credential = Some(credential.clone());
        }
        let (above, name) = last_of(found.path);
        let mut since = now;
        if !above.is_empty() && !found.is_in_root {
            match state.by_path.get(above) {
                Some(known) if known.directory.handle == *found.parent => since = known.found.min(now),
                _ => return,
            }
        }
        let place = place(found.parent, name);
        let differs =
            |known: &Known| (known.directory.handle, known.parent) != (found.directory.handle, *found.parent);
        if state.by_path.get(found.path).is_some_and(differs) {
            state.remove(found.path);
        }
        if state.by_place.get(&place).is_some_and(|other| **other != *found.path)
            && let Some(other) = state.by_place.remove(&place)
        {
            state.remove(&other);
        }
        let known = Known { directory: found.directory, parent: *found.parent, found: since };
        if state.by_path.insert(found.path.into(), known).is_none() {
            state.by_place.insert(place, found.path.into());
        }
    }

    /// Forgets what is at a name in a directory, and below it.
    pub fn forget(&self, directory: &Handle, name: &[u8]) {
        let mut state = lock(&self.state);
        self.changed(&mut state, directory);
        if !state.by_place.is_empty()
            && let Some(path) = state.by_place.remove(&place(directory, name))
        {
            self.forgotten.fetch_add(1, Ordering::Release);
            state.remove(&path);
        }
    }

    /// Forgets what is below an object, if it is a directory.
    pub fn forget_below(&self, directory: &Handle) {
        let mut state = lock(&self.state);
        self.changed(&mut state, directory);
        let in_it = state.by_path.iter().filter(|(_, known)| known.parent == *directory);
        let paths: Vec<_> = in_it.map(|(path, _)| path.clone()).collect();
        for path in paths {
            self.forgotten.fetch_add(1, Ordering::Release);
            state.remove(&path);
        }
    }

    fn changed(&self, state: &mut State, directory: &Handle) {
        self.generation.fetch_add(1, Ordering::Release);
        if state.changes.len() >= CHANGES {
            state.changes.pop_front();
        }
        state.changes.push_back(*directory);
    }

    pub fn is_empty(&self) -> bool {
        lock(&self.state).by_path.is_empty()
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.clear_all(&mut lock(&self.state));
    }

    fn clear_all(&self, state: &mut State) {
        self.forgotten.fetch_add((!state.by_path.is_empty()).into(), Ordering::Release);
        state.by_path.clear();
        state.by_place.clear();
    }
}

impl State {
    /// Whether one of the last so many changes may have been in a directory.
    fn may_be_changed(&self, directory: &Handle, changes: u64) -> bool {
        let known = usize::try_from(changes).ok().filter(|changes| *changes <= self.changes.len());
        known
            .is_none_or(|changes| self.changes.iter().rev().take(changes).any(|changed| changed == directory))
    }

    /// A path, and what is below it.
    fn remove(&mut self, path: &[u8]) {
        let Self { by_path, by_place, .. } = self;
        let below = |other: &[u8]| {
            other.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.first() == Some(&b'/'))
        };
        by_path.retain(|other, known| {
            let stays = !below(other);
            if !stays {
                by_place.remove(&place(&known.parent, last_of(other).1));
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handle(name: &[u8]) -> Handle {
        Handle::new(name).unwrap()
    }

    /// A directory whose handle is its path was found at a path, in the directory whose handle is `parent`.
    fn insert(
        known: &DirectoryCache,
        path: &str,
        parent: &str,
        who: &Credential,
        now: Instant,
        generation: u64,
    ) {
        let directory = Directory { handle: handle(path.as_bytes()), fsid: 1 };
        let found = Found {
            path: path.as_bytes(),
            directory,
            parent: &handle(parent.as_bytes()),
            is_in_root: false,
            generation,
        };
        known.insert(&found, who, now);
    }

    fn all(known: &DirectoryCache) -> Vec<String> {
        let state = lock(&known.state);
        assert_eq!(state.by_path.len(), state.by_place.len());
        let mut all: Vec<_> =
            state.by_path.iter().map(|(path, _)| String::from_utf8(path.to_vec()).unwrap()).collect();
        all.sort();
        all
    }

    #[test]
    fn a_directory_is_known_for_a_while_to_who_found_it() {
        let (alice, bob) = (Credential::sys(1, 1, &[]).unwrap(), Credential::sys(2, 2, &[]).unwrap());
        let (known, now) = (DirectoryCache::default(), Instant::now());
        for (path, parent) in [("/a", ""), ("/a/b", "/a"), ("/ab", "")] {
            insert(&known, path, parent, &alice, now, 0);
        }
        let directory = Directory { handle: handle(b"/a/b"), fsid: 1 };
        assert_eq!(known.get(b"/a/b", &alice, now), Some(directory));
        assert_eq!(known.get(b"/a/b", &alice, now + LIFE), None);
        assert_eq!(known.get(b"/a/b", &bob, now), None);
        known.forget(&handle(b""), b"a");
        assert_eq!(all(&known), ["/ab"]);
        insert(&known, "/c", "", &bob, now, known.generation());
        assert_eq!(known.get(b"/ab", &bob, now), None);
        let forgotten = known.forgotten();
        known.clear();
        known.clear();
        assert_eq!((all(&known).len(), known.forgotten()), (0, forgotten + 1));
    }

    #[test]
    fn the_way_to_a_directory_is_as_old_as_its_oldest_part() {
        let (who, known, now) =
            (Credential::sys(1, 1, &[]).unwrap(), DirectoryCache::default(), Instant::now());
        let late = now + LIFE / 2;
        insert(&known, "/a", "", &who, now, 0);
        insert(&known, "/a/b", "/a", &who, late, 0);
        insert(&known, "/c", "", &who, late, 0);
        assert!(known.get(b"/a/b", &who, late).is_some());
        assert!(
            known.get(b"/a/b", &who, now + LIFE).is_none() && known.get(b"/c", &who, now + LIFE).is_some()
        );
        insert(&known, "/a", "", &who, late, 0);
        assert!(known.get(b"/a/b", &who, now + LIFE).is_none(), "it was not looked up again");
        insert(&known, "/a/b", "/a", &who, late, 0);
        assert!(known.get(b"/a/b", &who, now + LIFE).is_some());
    }

    #[test]
    fn a_lookup_that_a_change_has_overtaken_is_not_kept() {
        let (who, known, now) =
            (Credential::sys(1, 1, &[]).unwrap(), DirectoryCache::default(), Instant::now());
        insert(&known, "/a", "", &who, now, known.generation());
        let before = known.generation();
        known.forget(&handle(b""), b"b");
        insert(&known, "/c", "", &who, now, before);
        assert_eq!(all(&known), ["/a"], "the root was changed");
        insert(&known, "/a/x", "/a", &who, now, before);
        assert_eq!(all(&known), ["/a", "/a/x"], "not this directory");
        insert(&known, "/d/x", "/d", &who, now, known.generation());
        assert_eq!(all(&known), ["/a", "/a/x"], "where it is in is not known any more");
        insert(&known, "/a/y", "/other", &who, now, known.generation());
        assert_eq!(all(&known), ["/a", "/a/x"], "another directory is there now");
        for _ in 0..=CHANGES {
            known.forget(&handle(b"elsewhere"), b"b");
        }
        insert(&known, "/a/z", "/a", &who, now, before);
        assert_eq!(all(&known), ["/a", "/a/x"], "nobody knows what was changed");
    }

    #[test]
    fn what_is_below_is_forgotten_by_handle() {
        let (who, known, now) =
            (Credential::sys(1, 1, &[]).unwrap(), DirectoryCache::default(), Instant::now());
        for (path, parent) in [("/a", ""), ("/a/b", "/a"), ("/a/b/c", "/a/b"), ("/d", "")] {
            insert(&known, path, parent, &who, now, 0);
        }
        known.forget_below(&handle(b"/a/b/c"));
        assert_eq!(all(&known), ["/a", "/a/b", "/a/b/c", "/d"]);
        let before = known.generation();
        known.forget_below(&handle(b"/a"));
        assert_eq!(all(&known), ["/a", "/d"]);
        insert(&known, "/a/b", "/a", &who, now, before);
        assert_eq!(all(&known), ["/a", "/d"], "it was looked up with the former permissions");
        known.forget_below(&handle(b""));
        assert!(known.is_empty());
    }

    #[test]
    fn a_directory_that_is_another_one_now_has_other_ones_below() {
        let (who, known, now) =
            (Credential::sys(1, 1, &[]).unwrap(), DirectoryCache::default(), Instant::now());
        for (path, parent) in [("/a", ""), ("/a/b", "/a")] {
            insert(&known, path, parent, &who, now, 0);
        }
        let other = Directory { handle: handle(b"other"), fsid: 1 };
        known.insert(
            &Found { path: b"/a", directory: other, parent: &handle(b""), is_in_root: false, generation: 0 },
            &who,
            now,
        );
        assert_eq!(known.get(b"/a", &who, now), Some(other));
        assert_eq!(all(&known), ["/a"]);
    }
}
