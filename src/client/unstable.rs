//! Written data that the server may still lose: a copy of it, until a COMMIT says that it is on stable storage
//! (RFC 1813, section 4.8).

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::error::{Error, Result};
use crate::executor::AsyncRwLock;
use crate::io::Source;
use crate::sync::lock;

/// Changes when the server may have lost data that it had not made stable.
pub type Verifier = [u8; 8];

/// What an extent takes beside its data, about, bytes.
const EXTENT: usize = 192;

/// Extents that follow each other are sent again in one piece up to this size, bytes.
const JOINED: usize = 1 << 20;

/// The unstable data of one file, whichever way it is open.
///
/// Extents do not overlap: newer data takes the place of older data when it is acknowledged, so that what is sent
/// again is never older than what the file has.
pub struct Unstable {
    state: Mutex<State>,
    /// Memory that the files of the context keep all together.
    kept: Arc<AtomicUsize>,
    /// Shared by calls that change the file's data, had alone by whoever sends data again: old data must not
    /// overtake new data.
    pub order: AsyncRwLock,
    /// Had alone by whoever makes room.
    pub room: AsyncRwLock,
    /// A COMMIT that nobody waits for is under way.
    pub committing: AtomicBool,
}

#[derive(Default)]
struct State {
    by_offset: BTreeMap<u64, Extent>,
    kept: usize,
    /// How many extents there have been.
    count: u64,
    /// What nobody has been told yet.
    error: Option<Error>,
}

#[derive(Clone)]
struct Extent {
    data: Source,
    /// Its place in the order of writing.
    number: u64,
    /// What the server said when it took the data; None when it has restarted before it had all.
    verifier: Option<Verifier>,
    /// The memory that it keeps from being used again, bytes: also that of what has been cut off.
    cost: usize,
}

impl State {
    fn insert(&mut self, offset: u64, extent: Extent) {
        self.kept += extent.cost;
        self.by_offset.insert(offset, extent);
    }

    fn remove(&mut self, offset: u64) -> Option<Extent> {
        let extent = self.by_offset.remove(&offset)?;
        self.kept -= extent.cost;
        Some(extent)
    }

    /// Cuts a range out of whatever reaches into it.
    fn forget(&mut self, range: Range<u64>) {
        while let Some((&offset, extent)) = self.by_offset.range(..range.end).next_back() {
            let end = offset + extent.data.len() as u64;
            if end <= range.start {
                return;
            }
            let Some(extent) = self.remove(offset) else { return };
            let part = |from: u64, to: u64| Extent {
                data: extent.data.slice((from - offset) as usize, (to - from) as usize),
                ..extent.clone()
            };
            if end > range.end {
                self.insert(range.end, part(range.end, end));
            }
            if offset < range.start {
                self.insert(offset, part(offset, range.start));
            }
        }
    }

    /// Drops the extents up to a number that `which` selects.
    fn drop_if(&mut self, mark: u64, which: impl Fn(&Extent) -> bool) {
        let State { by_offset, kept, .. } = self;
        by_offset.retain(|_, extent| {
            let gone = extent.number <= mark && which(extent);
            *kept -= if gone { extent.cost } else { 0 };
            !gone
        });
    }
}

impl Unstable {
    /// Nothing yet. `kept` counts what all files of the context keep.
    pub fn new(kept: Arc<AtomicUsize>) -> Self {
        Self {
            state: Mutex::default(),
            kept,
            order: AsyncRwLock::default(),
            room: AsyncRwLock::default(),
            committing: AtomicBool::new(false),
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = lock(&self.state);
        let before = state.kept;
        let result = change(&mut state);
        if state.kept >= before {
            self.kept.fetch_add(state.kept - before, Ordering::Relaxed);
        } else {
            self.kept.fetch_sub(before - state.kept, Ordering::Relaxed);
        }
        result
    }

    /// Keeps data that the server has taken, but not made stable.
    pub fn keep(&self, offset: u64, data: Source, verifier: Option<Verifier>) {
        let end = offset.saturating_add(data.len() as u64);
        self.change(|state| {
            state.count += 1;
            let extent = Extent { number: state.count, verifier, cost: data.len() + EXTENT, data };
            match state.by_offset.get_mut(&offset) {
                // Its very place: nothing else reaches into that.
                Some(former) if former.data.len() == extent.data.len() => {
                    state.kept = state.kept + extent.cost - former.cost;
                    *former = extent;
                }
                _ => {
                    state.forget(offset..end);
                    if extent.data.len() > 0 {
                        state.insert(offset, extent);
                    }
                }
            }
        });
    }

    /// A range has got other data, which is stable, or is no longer part of the file.
    pub fn forget(&self, range: Range<u64>) {
        if !range.is_empty() {
            self.change(|state| state.forget(range));
        }
    }

    /// Bytes of memory kept for this file.
    pub fn kept(&self) -> usize {
        lock(&self.state).kept
    }

    /// Where the last of the data ends: a server that has lost some may think that the file is shorter.
    pub fn end(&self) -> u64 {
        let state = lock(&self.state);
        state.by_offset.last_key_value().map_or(0, |(offset, extent)| offset + extent.data.len() as u64)
    }

    /// Stands for all that has been kept so far. A COMMIT that is sent after this is about that.
    pub fn mark(&self) -> u64 {
        lock(&self.state).count
    }

    /// Takes note of a COMMIT that was sent after `mark`. False when some of the data may be lost.
    pub fn committed(&self, mark: u64, verifier: Verifier) -> bool {
        self.change(|state| {
            state.drop_if(mark, |extent| extent.verifier == Some(verifier));
            state.by_offset.values().all(|extent| extent.number > mark)
        })
    }

    /// The data up to `mark` that is still kept, to be sent again.
    pub fn lost(&self, mark: u64) -> Result<Vec<(u64, Source)>> {
        let state = lock(&self.state);
        let mut runs: Vec<(u64, u64, Vec<&Extent>)> = Vec::new();
        for (&offset, extent) in state.by_offset.iter().filter(|(_, extent)| extent.number <= mark) {
            let length = extent.data.len() as u64;
            match runs.last_mut() {
                Some((start, end, run)) if *end == offset && offset + length - *start <= JOINED as u64 => {
                    *end += length;
                    run.push(extent);
                }
                _ => runs.push((offset, offset + length, vec![extent])),
            }
        }
        runs.into_iter().map(|(offset, _, run)| Ok((offset, joined(&run)?))).collect()
    }

    /// The data up to `mark` cannot be made stable, and is given up.
    pub fn give_up(&self, mark: u64) {
        self.change(|state| state.drop_if(mark, |_| true));
    }

    /// An error that the next write, fsync or close tells.
    pub fn set_error(&self, error: Error) {
        lock(&self.state).error = Some(error);
    }

    /// The error that nobody has been told yet, once.
    pub fn tell_error(&self) -> Result<()> {
        lock(&self.state).error.take().map_or(Ok(()), Err)
    }

    /// Whether there is an error that nobody has been told yet.
    pub fn has_error(&self) -> bool {
        lock(&self.state).error.is_some()
    }

    /// Whether close has something to do.
    pub fn is_clean(&self) -> bool {
        let state = lock(&self.state);
        state.by_offset.is_empty() && state.error.is_none()
    }
}

fn joined(run: &[&Extent]) -> Result<Source> {
    if let [extent] = run {
        return Ok(extent.data.clone());
    }
    let mut bytes = Vec::new();
    run.iter().for_each(|extent| bytes.extend_from_slice(extent.data.as_slice()));
    Source::copied(&bytes)
}

impl Drop for Unstable {
    fn drop(&mut self) {
        self.give_up(u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIZE: usize = 64;

    fn source(bytes: &[u8]) -> Source {
        Source::copied(bytes).unwrap()
    }

    fn parts(unstable: &Unstable) -> Vec<(u64, Vec<u8>)> {
        let lost = unstable.lost(u64::MAX).unwrap();
        lost.into_iter().map(|(offset, data)| (offset, data.as_slice().to_vec())).collect()
    }

    #[test]
    fn a_commit_drops_what_was_written_before_it_under_the_same_verifier() {
        let unstable = Unstable::new(Arc::default());
        unstable.keep(0, source(b"aaaa"), Some([1; 8]));
        let mark = unstable.mark();
        unstable.keep(10, source(b"bb"), Some([1; 8]));
        assert!(unstable.committed(mark, [1; 8]));
        assert_eq!(parts(&unstable), [(10, b"bb".to_vec())]);
        assert_eq!((unstable.end(), unstable.is_clean()), (12, false));
        assert!(!unstable.committed(unstable.mark(), [2; 8]), "the server has restarted");
        assert_eq!(parts(&unstable), [(10, b"bb".to_vec())]);
        unstable.give_up(unstable.mark());
        assert!(unstable.is_clean() && unstable.kept() == 0);
    }

    #[test]
    fn newer_data_takes_the_place_of_older_data() {
        let unstable = Unstable::new(Arc::default());
        unstable.keep(0, source(b"aaaaaaaaaa"), Some([1; 8]));
        unstable.keep(3, source(b"bb"), Some([2; 8]));
        assert!(!unstable.committed(unstable.mark(), [2; 8]));
        assert_eq!(parts(&unstable), [(0, b"aaa".to_vec()), (5, b"aaaaa".to_vec())]);
        unstable.forget(8..u64::MAX);
        assert_eq!(unstable.end(), 8);
    }

    #[test]
    fn an_error_is_told_once() {
        let unstable = Unstable::new(Arc::default());
        unstable.set_error(Error::new(libc::EIO, "the disk is broken"));
        assert!(!unstable.is_clean());
        assert!(unstable.tell_error().is_err() && unstable.tell_error().is_ok() && unstable.is_clean());
    }

    #[test]
    fn memory_is_counted_for_the_context() {
        let kept = Arc::new(AtomicUsize::new(0));
        let (one, other) = (Unstable::new(kept.clone()), Unstable::new(kept.clone()));
        one.keep(0, source(&[0; 1000]), Some([1; 8]));
        other.keep(0, source(&[0; 500]), Some([1; 8]));
        other.keep(0, source(&[0; 500]), Some([1; 8]));
        assert_eq!(kept.load(Ordering::Relaxed), 1500 + 2 * EXTENT);
        drop(one);
        assert_eq!(kept.load(Ordering::Relaxed), other.kept());
        other.forget(0..500);
        assert_eq!(kept.load(Ordering::Relaxed), 0);
    }

    /// A server that forgets, when it restarts, what it has not made stable.
    struct Server {
        stable: [u8; SIZE],
        now: [u8; SIZE],
        verifier: u8,
    }

    #[derive(Debug, Clone)]
    enum Step {
        Write { offset: usize, bytes: Vec<u8>, stable: bool },
        Truncate(usize),
        Restart,
        Commit,
    }

    fn step() -> impl Strategy<Value = Step> {
        let bytes = prop::collection::vec(any::<u8>(), 1..20);
        prop_oneof![
            6 => (0..SIZE - 20, bytes, any::<bool>())
                .prop_map(|(offset, bytes, stable)| Step::Write { offset, bytes, stable }),
            1 => (0..SIZE).prop_map(Step::Truncate),
            1 => Just(Step::Restart),
            1 => Just(Step::Commit),
        ]
    }

    /// COMMIT, and data sent again as long as the server has lost some.
    fn commit(unstable: &Unstable, server: &mut Server) {
        loop {
            let mark = unstable.mark();
            server.stable = server.now;
            if unstable.committed(mark, [server.verifier; 8]) {
                return;
            }
            for (offset, data) in unstable.lost(mark).unwrap() {
                server.now[offset as usize..][..data.len()].copy_from_slice(data.as_slice());
                unstable.keep(offset, data, Some([server.verifier; 8]));
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_old_comes_back(steps in prop::collection::vec(step(), 1..60)) {
            let unstable = Unstable::new(Arc::default());
            let mut server = Server { stable: [0; SIZE], now: [0; SIZE], verifier: 0 };
            let mut expected = [0; SIZE];
            for step in steps {
                match step {
                    Step::Write { offset, bytes, stable } => {
                        expected[offset..][..bytes.len()].copy_from_slice(&bytes);
                        server.now[offset..][..bytes.len()].copy_from_slice(&bytes);
                        if stable {
                            server.stable[offset..][..bytes.len()].copy_from_slice(&bytes);
                            unstable.forget(offset as u64..(offset + bytes.len()) as u64);
                        } else {
                            unstable.keep(offset as u64, source(&bytes), Some([server.verifier; 8]));
                        }
                    }
                    Step::Truncate(length) => {
                        for content in [&mut expected, &mut server.now, &mut server.stable] {
                            content[length..].fill(0);
                        }
                        unstable.forget(length as u64..u64::MAX);
                    }
                    Step::Restart => {
                        server.now = server.stable;
                        server.verifier = server.verifier.wrapping_add(1);
                    }
                    Step::Commit => {
                        commit(&unstable, &mut server);
                        prop_assert_eq!(server.stable, expected);
                        prop_assert_eq!(unstable.kept(), 0);
                    }
                }
            }
            commit(&unstable, &mut server);
            prop_assert_eq!(server.stable, expected);
        }
    }
}
