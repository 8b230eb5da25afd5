//! How long to wait between two tries of what a server cannot do yet: it is fetching data from slow storage
//! (NFS3ERR_JUKEBOX, RFC 1813, section 2.6; NFS4ERR_DELAY), or restarts.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use super::Transport;

/// The pauses of one operation, each twice as long as the one before, up to a longest one. There is no end to them,
/// unless the operation has a deadline.
pub struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    /// What a call is given at least to be answered before its deadline.
    const LAST_TRY: Duration = Duration::from_millis(100);

    /// For a busy server: Linux waits as long as 15 s, too.
    pub fn new() -> Self {
        Self::within(Duration::from_millis(100)..=Duration::from_secs(15))
    }

    /// From the shortest pause to the longest one.
    pub fn within(pauses: RangeInclusive<Duration>) -> Self {
        Self { next: *pauses.start(), longest: *pauses.end() }
    }

    /// How long to wait before the next try, when there is so much time left, or no end to it. None when it is not worth
    /// another one.
    pub fn pause(&mut self, left: Option<Duration>) -> Option<Duration> {
        let pause = match left {
            Some(left) => self.next.min(left.checked_sub(Self::LAST_TRY).filter(|rest| !rest.is_zero())?),
            None => self.next,
        };
        self.next = (self.next * 2).min(self.longest);
        Some(pause)
    }

    /// Waits; false when the call would be overdue by then.
    pub async fn wait(&mut self, transport: &Transport, deadline: Option<Instant>) -> bool {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(transport.now()));
        match self.pause(left) {
            Some(pause) => {
                transport.sleep(pause).await;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(pauses: impl IntoIterator<Item = Option<Duration>>) -> Vec<Option<u128>> {
        pauses.into_iter().map(|pause| pause.map(|pause| pause.as_millis())).collect()
    }

    #[test]
    fn pauses_grow_and_do_not_end() {
        let mut backoff = Backoff::new();
        let pauses = milliseconds((0..1000).map(|_| backoff.pause(None)));
        assert_eq!(pauses[..4], [Some(100), Some(200), Some(400), Some(800)]);
        assert!(pauses[8..].iter().all(|pause| *pause == Some(15_000)), "{:?}", &pauses[..10]);
    }

    #[test]
    fn the_last_try_is_shortly_before_the_deadline() {
        let mut backoff = Backoff::new();
        let mut left = Duration::from_millis(1000);
        let pauses = std::iter::from_fn(|| {
            let pause = backoff.pause(Some(left))?;
            left -= pause;
            Some(Some(pause))
        });
        assert_eq!(milliseconds(pauses), [Some(100), Some(200), Some(400), Some(200)]);
        assert_eq!(Backoff::new().pause(Some(Duration::ZERO)), None);
    }
}
