//! Exports below the mounted one. The mount service lists them when the export is mounted, and the root of each is in
//! its place, whatever the server shows there; others are come upon where another file system begins. The mount service
//! is asked for a root when a path first leads there.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use super::directory::is_answer;
use super::directory_cache::Directory;
use super::mount::Mounted;
use super::path::{is_normal, last_of};
use super::walk::Object;
use super::{Client, Session};
use crate::attributes::Handle;
use crate::dialect::Nfs;
use crate::error::Result;
use crate::executor::AsyncMutex;
use crate::rpc::Credential;
use crate::sync::{lock, try_lock};
use crate::v3::{Export, Mount};

/// How long a refusal to mount a nested export holds: as long as the server cache.
const REFUSAL_LIFE: Duration = Duration::from_secs(10);

/// How often a question is sent over a connection that others share.
const SHARED_TRIES: usize = 2;

/// Most listed ones: a server may list whatever it likes.
const MOST: usize = 16 << 10;

/// What is known of the exports below one. Contexts that mount it within a few seconds share it.
#[derive(Default)]
pub struct Nested {
    /// By their paths from the root of the mounted export on.
    places: Mutex<BTreeMap<Vec<u8>, Place>>,
    /// Counts how often a root was forgotten.
    forgotten: AtomicU64,
    /// Counts the questions for roots.
    questions: AtomicU64,
    /// Counts the roots that were found and looked at.
    found: AtomicU64,
    /// The mount service has listed some.
    is_listed: bool,
}

/// A place where another export begins, or may begin.
#[derive(Debug, Clone)]
enum Place {
    /// The mount service is to be asked for its root.
    Unasked,
    /// The root, its file system as soon as that is known, and the number of the question that it answers. It holds
    /// until the server does not know it any more.
    Root(Handle, Option<u64>, u64),
    /// It is not exported by itself, as far as these callers may know. That holds for [`REFUSAL_LIFE`].
    Refused(Vec<(Credential, Instant)>),
}

impl Place {
    fn is_refused(&self, who: &Credential, now: Instant) -> bool {
        let Self::Refused(refusals) = self else { return false };
        refusals.iter().any(|(whom, since)| whom == who && is_fresh(*since, now))
    }
}

fn is_fresh(since: Instant, now: Instant) -> bool {
    now.saturating_duration_since(since) < REFUSAL_LIFE
}

/// The places whose roots a context asks for: once, however many operations need them. Each context asks by itself: one
/// that is not served would keep the others waiting.
#[derive(Default)]
pub struct Asking(Mutex<BTreeMap<Vec<u8>, Weak<AsyncMutex>>>);

impl Asking {
    /// Whose turn it is to ask.
    fn turns(&self, path: &[u8]) -> Arc<AsyncMutex> {
        let mut asking = lock(&self.0);
        if let Some(turns) = asking.get(path).and_then(Weak::upgrade) {
            return turns;
        }
        asking.retain(|_, turns| turns.strong_count() > 0);
        let turns = Arc::default();
        asking.insert(path.to_vec(), Arc::downgrade(&turns));
        turns
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
        let copy = |count: &AtomicU64| AtomicU64::new(count.load(Ordering::SeqCst));
        let (forgotten, questions, found) = (copy(&self.forgotten), copy(&self.questions), copy(&self.found));
        Some(Self { places: Mutex::new(places), is_listed: self.is_listed, forgotten, questions, found })
    }

    /// Whether there is anything to find by a path alone.
    pub fn is_listed(&self) -> bool {
        self.is_listed
    }

    /// The root at a path, if it has been found already.
    pub fn root(&self, path: &[u8]) -> Option<Directory> {
        match lock(&self.places).get(path) {
            Some(Place::Root(handle, Some(fsid), _)) => Some(Directory { handle: *handle, fsid: *fsid }),
            _ => None,
        }
    }

    /// Whether an export begins at a path, as far as the mount service has not refused it to `who`.
    pub fn is_root(&self, path: &[u8], who: &Credential, now: Instant) -> bool {
        lock(&self.places).get(path).is_some_and(|place| !place.is_refused(who, now))
    }

    /// The names in a directory at which exports begin for `who`, in order, and how many roots of these are to be asked
    /// for.
    pub fn names_in(&self, directory: &[u8], who: &Credential, now: Instant) -> (Vec<Vec<u8>>, usize) {
        let (places, mut names, mut unasked) = (lock(&self.places), Vec::new(), 0);
        for (path, place) in places.iter() {
            let (above, name) = last_of(path);
            if above == directory && !place.is_refused(who, now) {
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

    /// A name has been removed or renamed somewhere: roots at and below such names have to be asked for again.
    pub fn name_changed(&self, name: &[u8]) {
        let mut some = false;
        for (path, place) in lock(&self.places).iter_mut() {
            if matches!(place, Place::Root(..)) && path.split(|byte| *byte == b'/').any(|part| part == name) {
                (*place, some) = (Place::Unasked, true);
            }
        }
        self.found.fetch_add(some.into(), Ordering::Release);
        self.forgotten.fetch_add(some.into(), Ordering::Release);
    }

    /// What is known before a question, when `gone` has turned out not to be the root any more.
    fn before(&self, path: &[u8], gone: Option<Handle>, who: &Credential, now: Instant) -> Before {
        let mut places = lock(&self.places);
        let Some(place) = places.get_mut(path) else {
            places.insert(path.to_vec(), Place::Unasked);
            return Before::Unknown;
        };
        match place {
            Place::Root(root, ..) if Some(*root) != gone => return Before::Root(*root),
            Place::Root(..) => {
                *place = Place::Unasked;
                self.forgotten.fetch_add(1, Ordering::Release);
            }
            place if place.is_refused(who, now) => return Before::Refused,
            _ => {}
        }
        Before::Unknown
    }

    /// The number of a question that begins now.
    fn question(&self) -> u64 {
        self.questions.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Keeps the answer to a question, unless a later one has been answered already. The root that holds.
    fn found(&self, path: &[u8], root: Handle, question: u64) -> Handle {
        match lock(&self.places).entry(path.to_vec()).or_insert(Place::Unasked) {
            Place::Root(root, _, later) if *later > question => *root,
            place => {
                if matches!(place, Place::Root(former, ..) if *former != root) {
                    self.forgotten.fetch_add(1, Ordering::Release);
                }
                *place = Place::Root(root, None, question);
                root
            }
        }
    }

    /// Keeps a refusal, unless the root has been found meanwhile: that.
    fn refused(&self, path: &[u8], who: &Credential, now: Instant) -> Option<Handle> {
        let mut places = lock(&self.places);
        let place = places.entry(path.to_vec()).or_insert(Place::Unasked);
        let refusal = (who.clone(), now);
        match place {
            Place::Root(root, ..) => return Some(*root),
            Place::Refused(refusals) => {
                refusals.retain(|(whom, since)| whom != who && is_fresh(*since, now));
                refusals.push(refusal);
            }
            Place::Unasked => *place = Place::Refused(vec![refusal]),
        }
        None
    }

    /// Changes whenever [`Nested::root`] has another one to tell.
    pub fn found_so_far(&self) -> u64 {
        self.found.load(Ordering::Acquire)
    }

    /// The server has said which file system a root is of.
    fn looked_at(&self, path: &[u8], root: Handle, fsid: u64) {
        if let Some(Place::Root(handle, known, _)) = lock(&self.places).get_mut(path)
            && *handle == root
            && known.replace(fsid).is_none()
        {
            self.found.fetch_add(1, Ordering::Release);
        }
    }
}

/// A connection to the mount service for many questions.
pub struct SharedMount {
    current: Mutex<Arc<Mount>>,
    /// Who makes another one.
    turns: AsyncMutex,
    deadline: Instant,
}

/// See [`Nested::before`].
enum Before {
    Root(Handle),
    Refused,
    Unknown,
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
            if !session.mounted.nested.is_root(&place, session.nfs.credential(), self.reactor.now()) {
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
        self.look_at_nested(session, path).await?
    }

    /// As [`Client::nested_root`]. The inner error is that of the mount service, the outer one that of looking at the
    /// root.
    pub(super) async fn look_at_nested(
        &self,
        session: &Session,
        path: &[u8],
    ) -> Result<Result<Option<Object>>> {
        // NFSv4 crosses by itself.
        if session.mounted.registration.is_some() || !self.settings().auto_traverse_mounts {
            return Ok(Ok(None));
        }
        let (mounted, who) = (&session.mounted, session.nfs.credential());
        let mut gone = None;
        loop {
            let (handle, is_known) = match mounted.nested.before(path, gone, who, self.reactor.now()) {
                Before::Root(root) => (root, gone.is_none()),
                Before::Refused => return Ok(Ok(None)),
                Before::Unknown => match self.ask_for_nested(mounted, path, who).await {
                    Ok(Some(root)) => (root, false),
                    Ok(None) => return Ok(Ok(None)),
                    Err(error) => return Ok(Err(error)),
                },
            };
            match session.nfs.getattr(&handle).await {
                Err(error) if is_known && Nfs::is_gone(&error) => gone = Some(handle),
                attributes => {
                    let attributes = attributes?;
                    mounted.nested.looked_at(path, handle, attributes.fsid);
                    return Ok(Ok(Some(Object { handle, attributes })));
                }
            }
        }
    }

    /// For who asks for so many roots: as long as the result lives, that is done over one connection. None when there is
    /// none.
    pub(super) async fn share_mount_service(
        &self,
        mounted: &Mounted,
        roots: usize,
    ) -> Option<Arc<SharedMount>> {
        if roots < 2 {
            return None;
        }
        let deadline = self.mount_deadline();
        let mount = self.mount_client(mounted.mount_service, deadline).await.ok()?;
        let shared = Arc::new(SharedMount {
            turns: AsyncMutex::default(),
            current: Mutex::new(Arc::new(mount)),
            deadline,
        });
        *lock(&mounted.mount_connection) = Arc::downgrade(&shared);
        Some(shared)
    }

    /// Another connection in place of one that was `lost`, for all who share it.
    async fn share_again(&self, mounted: &Mounted, shared: &SharedMount, lost: &Arc<Mount>) -> Result<()> {
        let _turn = shared.turns.lock().await;
        if Arc::ptr_eq(&lock(&shared.current), lost) {
            let mount = self.mount_client(mounted.mount_service, shared.deadline).await?;
            *lock(&shared.current) = Arc::new(mount);
        }
        Ok(())
    }

    /// Sends MNT over the connection that is shared, over another one when that is lost, or over one of its own. The
    /// number of the question comes with the answer.
    async fn ask_mount_service(
        &self,
        mounted: &Mounted,
        path: &[u8],
        deadline: Instant,
    ) -> Result<(Arc<Mount>, u64, Result<Handle>)> {
        let (directory, nested) = (mounted.below(path), &mounted.nested);
        let shared = lock(&mounted.mount_connection).upgrade();
        if let Some(shared) = shared {
            for _ in 0..SHARED_TRIES {
                let (mount, question) = (lock(&shared.current).clone(), nested.question());
                match mount.mnt(&directory).await {
                    Err(error) if !is_answer(&error) && self.reactor.now() < shared.deadline => {
                        self.share_again(mounted, &shared, &mount).await?;
                    }
                    answer => return Ok((mount, question, answer)),
                }
            }
        }
        let mount = Arc::new(self.mount_client(mounted.mount_service, deadline).await?);
        let question = nested.question();
        let answer = mount.mnt(&directory).await;
        Ok((mount, question, answer))
    }

    /// Asks the mount service for a nested export, and keeps its answer; when another operation asks already, its answer
    /// is waited for.
    async fn ask_for_nested(
        &self,
        mounted: &Mounted,
        path: &[u8],
        who: &Credential,
    ) -> Result<Option<Handle>> {
        let (deadline, turns, nested) = (self.mount_deadline(), mounted.asking.turns(path), &mounted.nested);
        let ask = async {
            let _turn = turns.lock().await;
            match nested.before(path, None, who, self.reactor.now()) {
                Before::Root(root) => return Ok(Some(root)),
                Before::Refused => return Ok(None),
                Before::Unknown => {}
            }
            let (mount, question, answer) = self.ask_mount_service(mounted, path, deadline).await?;
            match answer {
                Ok(root) => Ok(Some(nested.found(path, root, question))),
                // Another connection may be allowed to: what lies underneath is not what the path means.
                Err(error) if mount.is_refusal_of_caller(&error) => {
                    Ok(nested.refused(path, &mount.credential, self.reactor.now()))
                }
                Err(error) => Err(error),
            }
        };
        let answer = self.reactor.until(deadline, ask).await;
        answer.map_err(|error| error.during("mount the export at").at(path))
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
        let [who, other] = [1, 2].map(|uid| Credential::sys(uid, 1, &[]).unwrap());
        assert!(nested.is_root(b"/a/b", &who, now) && !nested.is_root(b"/a", &who, now));
        nested.forget();
        assert_eq!(nested.forgotten(), 0);
        assert_eq!(nested.names_in(b"/a", &who, now), (vec![b"b".to_vec()], 1));
        assert_eq!(nested.names_in(b"", &who, now), (vec![], 0));
        assert_eq!(nested.found(b"/a/b", handle, nested.question()), handle);
        assert_eq!(nested.root(b"/a/b"), None);
        nested.looked_at(b"/a/b", handle, 7);
        assert_eq!(nested.root(b"/a/b"), Some(Directory { handle, fsid: 7 }));
        assert_eq!(nested.names_in(b"/a", &who, now), (vec![b"b".to_vec()], 0));
        assert_eq!(nested.refused(b"/a/b", &who, now), Some(handle), "it has been found");
        nested.forget();
        assert_eq!(nested.forgotten(), 1);
        assert!(nested.root(b"/a/b").is_none() && nested.is_root(b"/a/b", &who, now));
        assert_eq!(nested.refused(b"/a/b", &who, now), None);
        assert!(!nested.is_root(b"/a/b", &who, now) && nested.names_in(b"/a", &who, now).0.is_empty());
        assert!(nested.is_root(b"/a/b", &other, now), "it was not refused to everybody");
        assert_eq!(nested.refused(b"/a/b", &other, now), None);
        assert!(!nested.is_root(b"/a/b", &who, now) && !nested.is_root(b"/a/b", &other, now));
        assert!(nested.is_root(b"/a/b", &who, now + REFUSAL_LIFE));
    }

    #[test]
    fn names_are_in_order() {
        let export_of =
            |name: &str| Export { directory: format!("/srv/{name}").into_bytes(), groups: vec![] };
        let exports: Vec<_> = ["b", "a/x", "a", "a.b", "a-b", "0"].into_iter().map(export_of).collect();
        let who = Credential::sys(1, 1, &[]).unwrap();
        let (names, unasked) = Nested::below(b"/srv", &exports).names_in(b"", &who, Instant::now());
        assert!(names.is_sorted() && names.len() == 5 && unasked == 5, "{names:?}");
    }

    #[test]
    fn an_older_answer_does_not_replace_a_root() {
        let nested = Nested::default();
        let [old, new] = [b"old", b"new"].map(|name| Handle::new(name).unwrap());
        let (first, second) = (nested.question(), nested.question());
        assert_eq!(nested.found(b"/a", new, second), new);
        assert_eq!(nested.found(b"/a", old, first), new);
        assert_eq!(nested.found(b"/a", old, nested.question()), old);
        nested.looked_at(b"/a", new, 7);
        assert_eq!(nested.root(b"/a"), None, "that was not the root any more");
    }
}
