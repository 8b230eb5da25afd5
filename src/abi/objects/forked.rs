//! What becomes of handles when the process forks. A child goes on with a copy of all objects, and with nobody but the
//! thread that has forked: from each it makes one of its own when it uses that first.
//!
//! For that it must not find mutexes locked by threads that only the parent has, so that fork() waits for them. (A child
//! that came about in another way refuses what it finds locked.)

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};

use once_cell::sync::Lazy;

use super::{CONTEXTS, Context, DIRECTORIES, FILES, OpenDirectory, OpenFile, RPC_CONTEXTS};
use crate::client::hold_shared;
use crate::io;
use crate::sync::{Held, lock, lock_until};

/// How long fork() waits at most: it may be called by a signal handler, on top of whoever has one of the mutexes.
const PATIENCE: Duration = Duration::from_secs(1);

static FORKS: Mutex<Forks> = Mutex::new(Forks { process: 0, contexts: Vec::new(), former: Vec::new() });

/// What is known of parents and children. Locked from before a fork until after it.
pub struct Forks {
    /// The contexts of the parent, each with that of `process`.
    process: u32,
    contexts: Vec<(Arc<Context>, Weak<Context>)>,
    /// Copies of what the parent has. They are not to be dropped: threads that are gone may hold parts of them.
    former: Vec<Arc<dyn Any + Send + Sync>>,
}

/// What a child can go on with.
pub trait Forked: Send + Sync + 'static {
    /// What takes the place of this object of the parent.
    fn forked(self: &Arc<Self>, forks: &mut Forks) -> Option<Arc<Self>>;
}

impl Forks {
    /// For a child.
    pub fn lock() -> MutexGuard<'static, Self> {
        let mut forks = lock(&FORKS);
        if forks.process != io::process() {
            forks.process = io::process();
            for (old, _) in std::mem::take(&mut forks.contexts) {
                forks.keep(Some(old));
            }
        }
        forks
    }

    /// Keeps the copy of what the parent has.
    pub fn keep<T: Forked>(&mut self, former: Option<Arc<T>>) {
        self.former.extend(former.map(|former| former as Arc<dyn Any + Send + Sync>));
    }

    /// The context of this process by the number of its client.
    fn context(&self, client_id: u64) -> Option<Arc<Context>> {
        let (_, new) = self.contexts.iter().rfind(|(old, _)| old.client.id() == client_id)?;
        new.upgrade()
    }
}

impl Forked for Context {
    fn forked(self: &Arc<Self>, forks: &mut Forks) -> Option<Arc<Self>> {
        if let Some(known) = forks.context(self.client.id()) {
            return Some(known); // by its other handle
        }
        // Never the parent's own, though the parent may have ended: it may have used its connection after the fork, so that
        // another call with the same xid, or half a record, would be taken for the parent's.
        let new = Arc::new(self.of_child().ok()?);
        forks.contexts.push((self.clone(), Arc::downgrade(&new)));
        Some(new)
    }
}

impl Forked for OpenFile {
    fn forked(self: &Arc<Self>, forks: &mut Forks) -> Option<Arc<Self>> {
        let context = forks.context(self.file().client_id())?;
        Some(self.of_child(&context.client))
    }
}

impl Forked for OpenDirectory {
    fn forked(self: &Arc<Self>, _: &mut Forks) -> Option<Arc<Self>> {
        self.of_child()
    }
}

/// What is held while the process forks, in the order in which it is given back.
struct Guards {
    _held: Vec<Box<dyn Held>>,
    _contexts: Vec<Arc<Context>>,
    _forks: MutexGuard<'static, Forks>,
}

/// Belongs to the thread that has [`FORKS`] locked for a fork.
struct Kept(UnsafeCell<Option<Guards>>);

// SAFETY: only the thread that has FORKS locked touches it.
unsafe impl Sync for Kept {}

static KEPT: Kept = Kept(UnsafeCell::new(None));

thread_local! {
    /// Whether the thread has [`KEPT`].
    static FORKING: Cell<bool> = const { Cell::new(false) };
}

/// From now on forks are noticed.
pub fn watch() {
    static WATCHING: Lazy<()> = Lazy::new(|| {
        if cfg!(not(miri)) {
            // SAFETY: the functions live as long as the library, with which the system forgets them. Without memory for that
            // children find out by themselves.
            unsafe { libc::pthread_atfork(Some(before), Some(after), Some(after)) };
        }
    });
    Lazy::force(&WATCHING);
}

extern "C" fn before() {
    let until = Instant::now() + PATIENCE;
    let Some(forks) = lock_until(&FORKS, until) else { return };
    let mut contexts: Vec<Arc<Context>> = CONTEXTS.objects(until).collect();
    // Those of NFS contexts are among them already.
    contexts.extend(RPC_CONTEXTS.objects(until).filter(|context| context.has_one_handle(until)));
    let mut held = Vec::new();
    for context in &contexts {
        context.client.hold(until, &mut held);
    }
    // SAFETY: the contexts live longer, in the same `Guards`.
    let mut held = unsafe { std::mem::transmute::<Vec<Box<dyn Held + '_>>, Vec<Box<dyn Held>>>(held) };
    CONTEXTS.hold(until, &mut held);
    RPC_CONTEXTS.hold(until, &mut held);
    FILES.hold(until, &mut held);
    DIRECTORIES.hold(until, &mut held);
    hold_shared(until, &mut held);
    FORKING.set(true);
    // SAFETY: this thread has FORKS.
    unsafe { *KEPT.0.get() = Some(Guards { _held: held, _contexts: contexts, _forks: forks }) };
}

/// In both processes.
extern "C" fn after() {
    if FORKING.replace(false) {
        // SAFETY: this thread has locked FORKS in `before`.
        drop(unsafe { (*KEPT.0.get()).take() });
    }
}
