//! Pages of files, kept for a while: the page cache and what is read ahead.
//!
//! A write or truncation through the context drops the pages of the file, before and after, so that a page is never
//! older than either. Opening the file drops them as well, so that what others have written and closed before is seen
//! (close-to-open; that attributes are the same proves nothing on servers with coarse clocks), and so does taking a
//! lock. Otherwise what others write is seen when the time to live is over.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::client::Settings;
use crate::map::Map;
use crate::sync::lock;

/// Bytes of a page.
const PAGE: usize = 4096;

/// Most pages of one file, whatever is asked for: 256 MiB.
const MAX_PAGES: usize = 65_536;

/// How a context wants its files cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Pages of one file.
    pages: usize,
    /// Bytes to read ahead of a sequential reader.
    ahead: usize,
    ttl: Duration,
}

impl Policy {
    /// None when nothing is to be cached. Reading ahead alone keeps twice of what is read ahead.
    pub fn of(settings: &Settings) -> Option<Self> {
        let (pages, ahead) = (settings.pagecache as usize, settings.readahead as usize);
        let pages = if pages == 0 { (2 * ahead).div_ceil(PAGE) } else { pages };
        let pages = pages.min(MAX_PAGES);
        let ahead = ahead.min(pages * PAGE / 2);
        (pages > 0).then_some(Self { pages, ahead, ttl: Duration::from_secs(settings.pagecache_ttl.into()) })
    }

    /// The pages to read for `count` bytes at `offset`, as offset and length; None when they are too many to keep.
    pub fn span(&self, offset: u64, count: usize, sequential: bool) -> Option<(u64, usize)> {
        let start = offset - offset % PAGE as u64;
        let wanted = (offset - start) as usize + count;
        let ahead = if sequential { self.ahead } else { 0 };
        let length = wanted.checked_add(ahead)?.checked_next_multiple_of(PAGE)?;
        start.checked_add(length as u64)?;
        (length <= self.pages * PAGE).then_some((start, length))
    }
}

struct Page {
    /// Shorter than a page where the file ends.
    bytes: Box<[u8]>,
    read: Instant,
}

/// The pages of one file.
#[derive(Default)]
pub struct PageCache {
    pages: Mutex<Pages>,
    /// Changes with every invalidation.
    generation: AtomicU64,
    /// There are pages, or there will be some in a moment.
    used: AtomicBool,
}

#[derive(Default)]
struct Pages {
    by_number: Map<u64, Page>,
    /// Page numbers, the one stored first in front.
    order: VecDeque<u64>,
}

impl PageCache {
    /// Copies `to.len()` bytes from `offset` on, or those up to the end of the file; None unless all are there and
    /// fresh.
    pub fn copy(&self, policy: Policy, now: Instant, offset: u64, to: &mut [u8]) -> Option<usize> {
        let pages = lock(&self.pages);
        let mut done = 0;
        while done < to.len() {
            let at = offset + done as u64;
            let page = pages.by_number.get(&(at / PAGE as u64))?;
            if now.saturating_duration_since(page.read) >= policy.ttl {
                return None;
            }
            let bytes = page.bytes.get((at % PAGE as u64) as usize..).unwrap_or_default();
            let count = bytes.len().min(to.len() - done);
            to[done..done + count].copy_from_slice(&bytes[..count]);
            done += count;
            if page.bytes.len() < PAGE && count == bytes.len() {
                break;
            }
        }
        Some(done)
    }

    /// Changes with every invalidation: what was read before one must not be stored after it.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Keeps `bytes` read from `start` on (the beginning of a page) when nothing was invalidated meanwhile.
    pub fn store(
        &self,
        policy: Policy,
        now: Instant,
        generation: u64,
        start: u64,
        bytes: &[u8],
        at_end: bool,
    ) {
        let mut pages = lock(&self.pages);
        // In this order: either the invalidation sees that there is something to drop, or this sees the invalidation.
        self.used.store(true, Ordering::SeqCst);
        if self.generation() != generation {
            return;
        }
        let chunks = bytes.chunks(PAGE).filter(|chunk| at_end || chunk.len() == PAGE);
        // An end at the end of a page shows as an empty page behind it.
        let end = (at_end && bytes.len().is_multiple_of(PAGE)).then_some(&[][..]);
        for (index, chunk) in chunks.chain(end).enumerate() {
            let number = start / PAGE as u64 + index as u64;
            if pages.by_number.insert(number, Page { bytes: chunk.into(), read: now }).is_none() {
                pages.order.push_back(number);
            }
        }
        while pages.order.len() > policy.pages + 1
            && let Some(oldest) = pages.order.pop_front()
        {
            pages.by_number.remove(&oldest);
        }
    }

    /// Drops all pages.
    pub fn invalidate(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        if self.used.load(Ordering::SeqCst) {
            let mut pages = lock(&self.pages);
            self.used.store(false, Ordering::SeqCst);
            *pages = Pages::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(pagecache: u32, readahead: u32) -> Option<Policy> {
        let mut settings = Settings::new(0, 0);
        (settings.pagecache, settings.readahead) = (pagecache, readahead);
        Policy::of(&settings)
    }

    #[test]
    fn policies() {
        assert_eq!(policy(0, 0), None);
        assert_eq!(policy(0, 65536).unwrap().pages, 32);
        assert_eq!(policy(4, 65536).unwrap().ahead, 2 * PAGE);
        assert_eq!(policy(u32::MAX, u32::MAX).unwrap().pages, MAX_PAGES);
        let some = policy(32, 65536).unwrap();
        assert_eq!(some.span(5000, 10, false), Some((4096, 4096)));
        assert_eq!(some.span(5000, 10, true), Some((4096, 4096 + 65536)));
        assert_eq!(some.span(0, 33 * PAGE, false), None);
        assert_eq!(some.span(u64::MAX - 5, 10, true), None);
    }

    #[test]
    fn pages_are_used_while_fresh_and_while_they_fit() {
        let (policy, now) = (policy(4, 0).unwrap(), Instant::now());
        let cache = PageCache::default();
        let bytes: Vec<u8> = (0..10_000u32).map(|index| (index / 40) as u8).collect();
        cache.store(policy, now, cache.generation(), 4096, &bytes, true);
        let mut to = [0; 200];
        assert_eq!(cache.copy(policy, now, 4096 + 4000, &mut to), Some(200));
        assert_eq!(to, bytes[4000..4200]);
        assert_eq!(cache.copy(policy, now, 4096 + 9_900, &mut to), Some(100), "up to the end of the file");
        assert_eq!(cache.copy(policy, now, 4096 + 10_000, &mut to), Some(0));
        assert_eq!(cache.copy(policy, now, 4000, &mut to), None, "the page in front is not there");
        assert_eq!(cache.copy(policy, now + Duration::from_secs(5), 4096, &mut to), None, "too old");
        cache.store(policy, now, cache.generation(), 1 << 20, &[7; 4 * PAGE], false);
        assert_eq!(cache.copy(policy, now, 4096, &mut to), None, "no room for all");
        assert_eq!(cache.copy(policy, now, 1 << 20, &mut to), Some(200));
    }

    #[test]
    fn what_was_read_before_an_invalidation_is_not_stored() {
        let (policy, now) = (policy(4, 0).unwrap(), Instant::now());
        let cache = PageCache::default();
        let generation = cache.generation();
        cache.invalidate();
        cache.store(policy, now, generation, 0, &[1; PAGE], true);
        assert_eq!(cache.copy(policy, now, 0, &mut [0; 1]), None);
    }
}
