//! Exports below the mounted one. The mount service lists them when the export is mounted, and the root of each is in
//! its place, whatever the server shows there; others are come upon where another file system begins. The mount service
//! is asked for a root when a path first leads there.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::directory_cache::Directory;
use super::mount::Mounted;
use super::path::{is_normal, last_of};
use super::walk::Object;
use super::{Client, Session};
use crate::attributes::Handle;
use crate::dialect::Nfs;
use crate::error::Result;
use crate::sync::{lock, try_lock};
use crate::v3::{Export, Mount};

/// How long a refusal to mount a nested export holds: as long as the server cache.
const REFUSAL_LIFE: Duration = Duration::from_secs(10);

/// Most listed ones: a server may list whatever it likes.
const MOST: usize = 16 << 10;

/// What is known of the exports below one. Contexts that mount it within a few seconds share it.
#[derive(Default)]
pub struct Nested {
    /// By their paths from the root of the mounted export on.
    places: Mutex<BTreeMap<Vec<u8>, Place>>,
    /// Counts how often a root was forgotten.
    forgotten: AtomicU64,
    /// The mount service has listed some.
    is_listed: bool,
}

/// A place where another export begins, or may begin.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// The mount service is to be asked for its root.
    Unasked,
    /// The root, and its file system as soon as that is known. It holds until the server does not know it any more.
    Root(Handle, Option<u64>),
    /// It is not exported by itself, as far as this caller may know. That holds for [`REFUSAL_LIFE`].
    Refused(Instant),
}

impl Place {
    fn is_refused(self, now: Instant) -> bool {
        matches!(self, Self::Refused(since) if now.saturating_duration_since(since) < REFUSAL_LIFE)
    }
}

impl Nested {
    /// Those of a server's exports that are below `export`.
    pub fn below(export: &[u8], exports: &[Export]) -> Self {
        let export = without_slashes(export);
        let below = exports.iter().filter_map(|other| {
            let path = without_slashes(&other.directory).strip_prefix(export)?;
            is_normal(path).then(|| (path.to_vec(), Place::Unasked))
        });
        let places: BTreeMap<_, _> = below.take(MOST).collect();
        Self { is_listed: !places.is_empty(), places: Mutex::new(places), ..Self::default() }
    }

    /// In a child of the process: a copy of its own. None when another thread was changing it when the process forked.
    pub fn of_child(&self) -> Option<Self> {
        let places = try_lock(&self.places)?.clone();
        Some(Self { places: Mutex::new(places), is_listed: self.is_listed, ..Self::default() })
    }

    /// Whether there is anything to find by a path alone.
    pub fn is_listed(&self) -> bool {
        self.is_listed
    }

    /// The root at a path, if it has been found already.
    pub fn root(&self, path: &[u8]) -> Option<Directory> {
        match lock(&self.places).get(path) {
            Some(Place::Root(handle, Some(fsid))) => Some(Directory { handle: *handle, fsid: *fsid }),
            _ => None,
        }
    }

    /// Whether an export begins at a path, as far as the mount service has not refused it.
    pub fn is_root(&self, path: &[u8], now: Instant) -> bool {
        lock(&self.places).get(path).is_some_and(|place| !place.is_refused(now))
    }

    /// The names in a directory at which exports begin, and how many roots of these are to be asked for.
    pub fn names_in(&self, directory: &[u8], now: Instant) -> (Vec<Vec<u8>>, usize) {
        let (places, mut names, mut unasked) = (lock(&self.places), Vec::new(), 0);
        for (path, place) in places.iter() {
            let (above, name) = last_of(path);
            if above == directory && !place.is_refused(now) {
                names.push(name.to_vec());
                unasked += usize::from(!matches!(place, Place::Root(..)));
            }
        }
        (names, unasked)
    }

    /// Roots have to be asked for again.
    pub fn forget(&self) {
        let mut some = false;
        for place in lock(&self.places).values_mut().filter(|place| matches!(place, Place::Root(..))) {
            (*place, some) = (Place::Unasked, true);
        }
        self.forgotten.fetch_add(some.into(), Ordering::Release);
    }

    /// Changes when a root is forgotten: an operation that began before may have used it.
    pub fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Acquire)
    }

    fn get(&self, path: &[u8]) -> Option<Place> {
        lock(&self.places).get(path).copied()
    }

    fn set(&self, path: &[u8], place: Place) {
        let former = lock(&self.places).insert(path.to_vec(), place);
        let is_same = |root: Handle| matches!(place, Place::Root(now, _) if now == root);
        if matches!(former, Some(Place::Root(root, _)) if !is_same(root)) {
            self.forgotten.fetch_add(1, Ordering::Release);
        }
    }
}

fn without_slashes(path: &[u8]) -> &[u8] {
    &path[..path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1)]
}

/// An export that a path leads into: its root, what the server has said of it if that was just now, and how many of the
/// names in front of the walk lead there.
pub struct Ahead {
    pub root: Directory,
    pub found: Option<Object>,
    pub names: usize,
}

impl Client {
    /// The farthest export that a walk to `path`, and by the names `todo` from there, leads into; `trusting` what is
    /// known of its root.
    pub(super) async fn export_ahead(
        &self,
        session: &Session,
        path: &[u8],
        todo: &VecDeque<Vec<u8>>,
        trusting: bool,
    ) -> Result<Option<Ahead>> {
        let (mut place, mut ends) = (path.to_vec(), vec![path.len()]);
        for name in todo.iter().take_while(|name| *name != b"..") {
            place.push(b'/');
            place.extend_from_slice(name);
            ends.push(place.len());
        }
        for (names, end) in ends.into_iter().enumerate().rev() {
            place.truncate(end);
            if !session.mounted.nested.is_root(&place, self.reactor.now()) {
                continue;
            }
            if trusting && let Some(root) = session.mounted.nested.root(&place) {
                return Ok(Some(Ahead { root, found: None, names }));
            }
            if let Some(found) = self.nested_root(session, &place).await? {
                let root = Directory { handle: found.handle, fsid: found.attributes.fsid };
                return Ok(Some(Ahead { root, found: Some(found), names }));
            }
        }
        Ok(None)
    }

    /// The root of another export that begins at `path` of this one; None where the mount service has refused it for
    /// good, or exports are not to be crossed. Any other failure is an error: what lies underneath is not what the
    /// path means.
    pub(super) async fn nested_root(&self, session: &Session, path: &[u8]) -> Result<Option<Object>> {
        // NFSv4 crosses by itself.
        if session.mounted.registration.is_some() || !self.settings().auto_traverse_mounts {
            return Ok(None);
        }
        let nested = &session.mounted.nested;
        let mut root = match nested.get(path) {
            Some(place) if place.is_refused(self.reactor.now()) => return Ok(None),
            Some(Place::Root(root, _)) => Some(root),
            _ => None,
        };
        loop {
            let is_known = root.is_some();
            let Some(handle) = (match root.take() {
                None => self.ask_for_nested(&session.mounted, path).await?,
                root => root,
            }) else {
                return Ok(None);
            };
            match session.nfs.getattr(&handle).await {
                Err(error) if is_known && Nfs::is_gone(&error) => {}
                attributes => {
                    let attributes = attributes?;
                    nested.set(path, Place::Root(handle, Some(attributes.fsid)));
                    return Ok(Some(Object { handle, attributes }));
                }
            }
        }
    }

    /// For who asks for so many roots: as long as the result lives, that is done over one connection. None when there is
    /// none.
    pub(super) async fn share_mount_service(&self, mounted: &Mounted, roots: usize) -> Option<Arc<Mount>> {
        if roots < 2 {
            return None;
        }
        let mount =
            self.mount_client(mounted.mount_service, self.mount_deadline()).await.ok().map(Arc::new)?;
        *lock(&mounted.mount_connection) = Arc::downgrade(&mount);
        Some(mount)
    }

    /// Asks the mount service for a nested export, and keeps its answer.
    async fn ask_for_nested(&self, mounted: &Mounted, path: &[u8]) -> Result<Option<Handle>> {
        mounted.nested.set(path, Place::Unasked);
        let deadline = self.mount_deadline();
        let ask = async {
            let shared = lock(&mounted.mount_connection).upgrade();
            let mount = match shared {
                Some(mount) => mount,
                None => Arc::new(self.mount_client(mounted.mount_service, deadline).await?),
            };
            mount.mnt(&mounted.below(path)).await
        };
        match self.reactor.until(deadline, ask).await {
            Ok(root) => {
                mounted.nested.set(path, Place::Root(root, None));
                Ok(Some(root))
            }
            Err(error) if Mount::is_refusal(&error) => {
                mounted.nested.set(path, Place::Refused(self.reactor.now()));
                Ok(None)
            }
            Err(error) => Err(error.during("mount the export at").at(path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn below(export: &str, exports: &[&str]) -> Vec<String> {
        let export_of =
            |directory: &&str| Export { directory: directory.as_bytes().to_vec(), groups: vec![] };
        let exports: Vec<_> = exports.iter().map(export_of).collect();
        let nested = Nested::below(export.as_bytes(), &exports);
        let places = lock(&nested.places);
        assert_eq!(nested.is_listed(), !places.is_empty());
        let mut paths: Vec<_> =
            places.keys().map(|path| String::from_utf8_lossy(path).into_owned()).collect();
        paths.sort();
        paths
    }

    #[test]
    fn exports_below_another_one() {
        let all = ["/", "/srv", "/srv/", "/srv/a", "/srv/a/b/", "/srvs", "/other"];
        assert_eq!(below("/srv", &all), ["/a", "/a/b"]);
        assert_eq!(below("/srv/", &all), ["/a", "/a/b"]);
        assert_eq!(below("/", &all), ["/other", "/srv", "/srv/a", "/srv/a/b", "/srvs"]);
        assert_eq!(below("/srv/a/b", &all), [""; 0]);
    }

    #[test]
    fn a_list_may_hold_anything() {
        let lies =
            ["", "a", "srv/a", "/srv/../etc", "/srv/./a", "/srv//a", "/srv/a/..", "//srv/a", "/srv///"];
        assert_eq!(below("/srv", &lies), [""; 0]);
    }

    #[test]
    fn what_is_known_of_a_place() {
        let export = Export { directory: b"/srv/a/b".to_vec(), groups: vec![] };
        let (nested, now) = (Nested::below(b"/srv", &[export]), Instant::now());
        let handle = Handle::new(b"root").unwrap();
        assert!(nested.is_root(b"/a/b", now) && !nested.is_root(b"/a", now));
        nested.forget();
        assert_eq!(nested.forgotten(), 0);
        assert_eq!(nested.names_in(b"/a", now), (vec![b"b".to_vec()], 1));
        assert_eq!(nested.names_in(b"", now), (vec![], 0));
        nested.set(b"/a/b", Place::Root(handle, None));
        assert_eq!(nested.root(b"/a/b"), None);
        nested.set(b"/a/b", Place::Root(handle, Some(7)));
        assert_eq!(nested.root(b"/a/b"), Some(Directory { handle, fsid: 7 }));
        assert_eq!(nested.names_in(b"/a", now), (vec![b"b".to_vec()], 0));
        nested.forget();
        assert!(nested.root(b"/a/b").is_none() && nested.is_root(b"/a/b", now));
        assert_eq!(nested.forgotten(), 1);
        nested.set(b"/a/b", Place::Refused(now));
        assert!(!nested.is_root(b"/a/b", now) && nested.names_in(b"/a", now).0.is_empty());
        assert!(nested.is_root(b"/a/b", now + REFUSAL_LIFE));
    }
}
