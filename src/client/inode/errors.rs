//! Errors of data that was acknowledged before: each handle that had the file open for writing hears of one, once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};
use crate::sync::lock;

/// The latest error of a file, and how many there have been (as Linux's errseq_t).
#[derive(Default)]
pub struct ErrorSequence {
    count: AtomicU64,
    latest: Mutex<Option<Error>>,
}

/// Up to where a handle has heard of the errors.
pub struct ErrorCursor(AtomicU64);

impl ErrorSequence {
    /// For a handle that is opened now: it hears of later errors only.
    pub fn cursor(&self) -> ErrorCursor {
        ErrorCursor(AtomicU64::new(self.count.load(Ordering::SeqCst)))
    }

    /// Data that was acknowledged is lost.
    pub fn record(&self, error: Error) {
        let mut latest = lock(&self.latest);
        *latest = Some(error);
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether there is an error that a handle has not heard of.
    #[inline]
    pub fn has_news(&self, cursor: &ErrorCursor) -> bool {
        self.count.load(Ordering::SeqCst) != cursor.0.load(Ordering::SeqCst)
    }

    /// The latest error, if the handle has not heard of it: once, of however many threads.
    #[inline]
    pub fn check(&self, cursor: &ErrorCursor) -> Result<()> {
        if self.has_news(cursor) { self.tell(cursor) } else { Ok(()) }
    }

    #[cold]
    fn tell(&self, cursor: &ErrorCursor) -> Result<()> {
        let latest = lock(&self.latest);
        let count = self.count.load(Ordering::SeqCst);
        match cursor.0.swap(count, Ordering::SeqCst) == count {
            true => Ok(()),
            false => latest.clone().map_or(Ok(()), Err),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_handle_hears_of_an_error_once() {
        let errors = ErrorSequence::default();
        let (one, other) = (errors.cursor(), errors.cursor());
        assert!(errors.check(&one).is_ok());
        errors.record(Error::new(libc::EIO, "the disk is broken"));
        let late = errors.cursor();
        assert_eq!(errors.check(&one).unwrap_err().errno(), libc::EIO);
        assert!(errors.check(&one).is_ok() && errors.has_news(&other) && !errors.has_news(&late));
        errors.record(Error::new(libc::ENOSPC, "no room"));
        for cursor in [&one, &other, &late] {
            assert_eq!(errors.check(cursor).unwrap_err().errno(), libc::ENOSPC);
            assert!(errors.check(cursor).is_ok());
        }
    }
}
