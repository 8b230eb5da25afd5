//! Written data that the server may still lose: a copy of it, until a COMMIT says that it is on stable storage
//! (RFC 1813, section 4.8).

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::error::Result;
use crate::io::Source;
use crate::rpc::Credential;
use crate::sync::lock;

/// Changes when the server may have lost data that it had not made stable.
pub type Verifier = [u8; 8];

/// What an extent takes beside its data, about, bytes.
const EXTENT: usize = 192;

/// Extents that follow each other are sent again in one piece up to this size, bytes.
const JOINED: usize = 1 << 20;

/// The unstable data of one file, whoever has written it.
///
/// Extents do not overlap: newer data takes the place of older data when it is acknowledged, so that what is sent
/// again is never older than what the file has.
pub struct Unstable {
    state: Mutex<State>,
    /// [`State::retained`], to be read without the lock.
    retained: AtomicUsize,
    /// The first life of the server that some of the data is from.
    oldest_life: AtomicU64,
    /// What all files of the context retain together.
    all: Arc<AtomicUsize>,
}

#[derive(Default)]
struct State {
    by_offset: BTreeMap<u64, Extent>,
    retained: usize,
    /// How many extents there have been: each acknowledged WRITE makes one.
    count: u64,
    /// Since when there has been some data without a break.
    since: Option<Instant>,
    /// The verifier of the last reply.
    verifier: Option<Verifier>,
}

#[derive(Clone)]
struct Extent {
    data: Source,
    /// Its place in the order of acknowledgement.
    number: u64,
    /// What the server said when it took the data; None when it restarted before it had all.
    verifier: Option<Verifier>,
    /// The life of the server in which its WRITE was sent.
    life: u64,
    writer: Credential,
    /// The memory that it keeps from being used again, bytes: also that of what has been cut off.
    cost: usize,
}

/// Data to be sent again.
pub struct Lost {
    pub offset: u64,
    pub data: Source,
    /// As whom it was written.
    pub writer: Credential,
}

impl State {
    fn insert(&mut self, offset: u64, extent: Extent) {
        self.retained += extent.cost;
        self.by_offset.insert(offset, extent);
    }

    fn remove(&mut self, offset: u64) -> Option<Extent> {
        let extent = self.by_offset.remove(&offset)?;
        self.retained -= extent.cost;
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
            let mut cost = extent.cost;
            if end > range.end {
                let mut behind = part(range.end, end);
                if offset < range.start {
                    // Both keep the same memory: it is counted once.
                    behind.cost = behind.data.len() + EXTENT;
                    cost -= behind.data.len();
                }
                self.insert(range.end, behind);
            }
            if offset < range.start {
                self.insert(offset, Extent { cost, ..part(offset, range.start) });
            }
        }
    }

    /// Drops the extents up to a number that `which` selects.
    fn drop_if(&mut self, mark: u64, which: impl Fn(&Extent) -> bool) {
        let State { by_offset, retained, .. } = self;
        by_offset.retain(|_, extent| {
            let dropped = extent.number <= mark && which(extent);
            *retained -= if dropped { extent.cost } else { 0 };
            !dropped
        });
    }
}

impl Unstable {
    /// Nothing yet. `all` counts what all files of the context retain.
    pub fn new(all: Arc<AtomicUsize>) -> Self {
        Self { state: Mutex::default(), retained: AtomicUsize::new(0), oldest_life: AtomicU64::new(0), all }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = lock(&self.state);
        let before = state.retained;
        let result = change(&mut state);
        if state.retained >= before {
            self.all.fetch_add(state.retained - before, Ordering::SeqCst);
        } else {
            self.all.fetch_sub(before - state.retained, Ordering::SeqCst);
        }
        if state.retained == 0 {
            state.since = None;
        }
        self.retained.store(state.retained, Ordering::SeqCst);
        result
    }

    /// Retains data that the server has taken, but not made stable; true when the verifier is another than that of the
    /// last reply.
    pub fn retain(
        &self,
        offset: u64,
        data: Source,
        verifier: Option<Verifier>,
        life: u64,
        writer: &Credential,
        now: impl FnOnce() -> Instant,
    ) -> bool {
        let end = offset.saturating_add(data.len() as u64);
        self.change(|state| {
            state.count += 1;
            if state.since.is_none() {
                state.since = Some(now());
                self.oldest_life.store(life, Ordering::SeqCst);
            } else if life < self.oldest_life.load(Ordering::SeqCst) {
                self.oldest_life.store(life, Ordering::SeqCst);
            }
            let cost = data.len() + EXTENT;
            match state.by_offset.get_mut(&offset) {
                // Its very place: nothing else reaches into that.
                Some(former) if former.data.len() == data.len() => {
                    state.retained = state.retained + cost - former.cost;
                    (former.number, former.verifier, former.cost) = (state.count, verifier, cost);
                    former.life = life;
                    former.data = data;
                    if former.writer != *writer {
                        former.writer = writer.clone();
                    }
                }
                _ => {
                    state.forget(offset..end);
                    if data.len() > 0 {
                        let writer = writer.clone();
                        let extent = Extent { data, number: state.count, verifier, life, writer, cost };
                        state.insert(offset, extent);
                    }
                }
            }
            verifier.is_some() && std::mem::replace(&mut state.verifier, verifier) != verifier
        })
    }

    /// A range has got other data, which is stable, or is no longer part of the file.
    pub fn forget(&self, range: Range<u64>) {
        if !range.is_empty() && self.retained() > 0 {
            self.change(|state| state.forget(range));
        }
    }

    /// Bytes of memory retained for this file.
    pub fn retained(&self) -> usize {
        self.retained.load(Ordering::SeqCst)
    }

    /// Since when there has been some.
    pub fn since(&self) -> Option<Instant> {
        lock(&self.state).since
    }

    /// Takes note of the verifier in a reply; true when the last one was another.
    pub fn note(&self, verifier: Verifier) -> bool {
        lock(&self.state).verifier.replace(verifier) != Some(verifier)
    }

    /// Stands for all that has been acknowledged so far. A COMMIT that is sent after this is about that.
    pub fn mark(&self) -> u64 {
        lock(&self.state).count
    }

    /// Whether some of the data up to `mark` is still retained.
    pub fn has_any(&self, mark: u64) -> bool {
        self.retained() > 0 && lock(&self.state).by_offset.values().any(|extent| extent.number <= mark)
    }

    /// As whom the data up to `mark` was written, the first of it; None when there is none.
    pub fn writer(&self, mark: u64) -> Option<Credential> {
        let state = lock(&self.state);
        state.by_offset.values().find(|extent| extent.number <= mark).map(|extent| extent.writer.clone())
    }

    /// Takes note of a COMMIT that was sent after `mark`: what was acknowledged before, under the same verifier, is
    /// stable.
    pub fn committed(&self, mark: u64, verifier: Verifier) {
        self.change(|state| {
            state.drop_if(mark, |extent| extent.verifier == Some(verifier));
            self.note_oldest_life(state);
        });
    }

    /// Whether some of the data is from an earlier life of the server than this one.
    pub fn is_older(&self, life: u64) -> bool {
        self.retained() > 0 && self.oldest_life.load(Ordering::SeqCst) < life
    }

    fn note_oldest_life(&self, state: &State) {
        let oldest = state.by_offset.values().map(|extent| extent.life).min();
        self.oldest_life.store(oldest.unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Where the last of the data ends.
    pub fn end(&self) -> u64 {
        let state = lock(&self.state);
        state.by_offset.last_key_value().map_or(0, |(offset, extent)| offset + extent.data.len() as u64)
    }

    /// The data up to `mark` that is still retained, to be sent again.
    pub fn lost(&self, mark: u64) -> Result<Vec<Lost>> {
        let state = lock(&self.state);
        let mut runs: Vec<(u64, u64, Vec<&Extent>)> = Vec::new();
        for (&offset, extent) in state.by_offset.iter().filter(|(_, extent)| extent.number <= mark) {
            let length = extent.data.len() as u64;
            match runs.last_mut() {
                Some((start, end, run))
                    if *end == offset
                        && offset + length - *start <= JOINED as u64
                        && run.first().is_some_and(|first| first.writer == extent.writer) =>
                {
                    *end += length;
                    run.push(extent);
                }
                _ => runs.push((offset, offset + length, vec![extent])),
            }
        }
        let lost = |(offset, _, run): (u64, u64, Vec<&Extent>)| {
            let writer = run.first().map(|extent| extent.writer.clone());
            Ok(writer.zip(Some(joined(&run)?)).map(|(writer, data)| Lost { offset, data, writer }))
        };
        runs.into_iter().filter_map(|run| lost(run).transpose()).collect()
    }

    /// The data up to `mark` cannot be made stable, and is given up.
    pub fn give_up(&self, mark: u64) {
        self.change(|state| state.drop_if(mark, |_| true));
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

    fn unstable(all: &Arc<AtomicUsize>) -> Unstable {
        Unstable::new(all.clone())
    }

    fn retain(unstable: &Unstable, offset: u64, bytes: &[u8], verifier: u8) {
        let (data, writer) = (Source::copied(bytes).unwrap(), Credential::raw(0, b"").unwrap());
        unstable.retain(offset, data, Some([verifier; 8]), 1, &writer, Instant::now);
    }

    fn parts(unstable: &Unstable) -> Vec<(u64, Vec<u8>)> {
        let lost = unstable.lost(u64::MAX).unwrap();
        lost.into_iter().map(|lost| (lost.offset, lost.data.as_slice().to_vec())).collect()
    }

    #[test]
    fn a_commit_drops_what_was_acknowledged_before_it_under_the_same_verifier() {
        let unstable = unstable(&Arc::default());
        retain(&unstable, 0, b"aaaa", 1);
        let mark = unstable.mark();
        retain(&unstable, 10, b"bb", 1);
        unstable.committed(mark, [1; 8]);
        assert_eq!(parts(&unstable), [(10, b"bb".to_vec())]);
        unstable.committed(unstable.mark(), [2; 8]); // the server has restarted
        assert_eq!(parts(&unstable), [(10, b"bb".to_vec())]);
        assert!(unstable.since().is_some());
        unstable.give_up(unstable.mark());
        assert!(unstable.retained() == 0 && unstable.since().is_none());
    }

    #[test]
    fn what_was_sent_again_is_not_covered_by_an_older_commit() {
        let unstable = unstable(&Arc::default());
        retain(&unstable, 0, b"aaaa", 1);
        let mark = unstable.mark();
        retain(&unstable, 0, b"aaaa", 2);
        unstable.committed(mark, [2; 8]);
        assert_eq!(parts(&unstable), [(0, b"aaaa".to_vec())]);
    }

    #[test]
    fn newer_data_takes_the_place_of_older_data() {
        let unstable = unstable(&Arc::default());
        retain(&unstable, 0, b"aaaaaaaaaa", 1);
        retain(&unstable, 3, b"bb", 2);
        unstable.committed(unstable.mark(), [2; 8]);
        assert_eq!(parts(&unstable), [(0, b"aaa".to_vec()), (5, b"aaaaa".to_vec())]);
        unstable.forget(8..u64::MAX);
        assert_eq!(parts(&unstable), [(0, b"aaa".to_vec()), (5, b"aaa".to_vec())]);
    }

    #[test]
    fn each_writer_is_remembered() {
        let unstable = unstable(&Arc::default());
        let users = [1, 2].map(|uid| Credential::sys(uid, uid, &[]).unwrap());
        for (offset, user) in [(0, 0), (4, 0), (8, 1), (4, 1)] {
            let data = Source::copied(&[7; 4]).unwrap();
            unstable.retain(offset, data, None, 1, &users[user], Instant::now);
        }
        let lost = unstable.lost(u64::MAX).unwrap();
        let lost: Vec<_> = lost.iter().map(|lost| (lost.offset, lost.data.len(), &lost.writer)).collect();
        assert_eq!(lost, [(0, 4, &users[0]), (4, 8, &users[1])]);
        assert_eq!(unstable.writer(u64::MAX).as_ref(), Some(&users[0]));
        assert_eq!(unstable.writer(0), None);
    }

    #[test]
    fn memory_is_counted_for_the_context() {
        let all = Arc::new(AtomicUsize::new(0));
        let (one, other) = (unstable(&all), unstable(&all));
        retain(&one, 0, &[0; 1000], 1);
        retain(&other, 0, &[0; 500], 1);
        retain(&other, 0, &[0; 500], 1);
        assert_eq!(all.load(Ordering::SeqCst), 1500 + 2 * EXTENT);
        drop(one);
        assert_eq!(all.load(Ordering::SeqCst), other.retained());
        other.forget(0..500);
        assert_eq!(all.load(Ordering::SeqCst), 0);
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
            unstable.committed(mark, [server.verifier; 8]);
            let lost = unstable.lost(mark).unwrap();
            if lost.is_empty() {
                return;
            }
            for Lost { offset, data, .. } in lost {
                server.now[offset as usize..][..data.len()].copy_from_slice(data.as_slice());
                retain(unstable, offset, data.as_slice(), server.verifier);
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_old_comes_back(steps in prop::collection::vec(step(), 1..60)) {
            let unstable = unstable(&Arc::default());
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
                            retain(&unstable, offset as u64, &bytes, server.verifier);
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
                        prop_assert_eq!(unstable.retained(), 0);
                    }
                }
            }
            commit(&unstable, &mut server);
            prop_assert_eq!(server.stable, expected);
        }
    }
}
