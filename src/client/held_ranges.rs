//! The byte ranges that one open file has locked, as POSIX has them: a new lock replaces what it covers of older ones,
//! an unlock may leave a rest at either side.

/// Bytes that are locked in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldRange {
    pub first: u64,
    /// The last byte; `u64::MAX` for all there will ever be.
    pub last: u64,
    /// For writing.
    pub exclusive: bool,
}

/// See the module. In their order, none touching another of the same kind.
#[derive(Debug, Default)]
pub struct HeldRanges(Vec<HeldRange>);

impl HeldRange {
    /// From an offset and a length as the lock manager has them: 0 is for all bytes from there on.
    pub fn new(offset: u64, length: u64, exclusive: bool) -> Self {
        let last = match length {
            0 => u64::MAX,
            length => offset.saturating_add(length - 1),
        };
        Self { first: offset, last, exclusive }
    }

    /// The length as the lock manager has it.
    pub fn length(&self) -> u64 {
        if self.last == u64::MAX { 0 } else { self.last - self.first + 1 }
    }

    /// Whether the two overlap, or nothing is between them.
    fn touches(&self, other: &Self) -> bool {
        self.first <= other.last.saturating_add(1) && other.first <= self.last.saturating_add(1)
    }
}

impl HeldRanges {
    /// The bytes are locked like this now.
    pub fn lock(&mut self, mut new: HeldRange) {
        self.unlock(new.first, new.last);
        self.0.retain(|held| {
            let joins = held.exclusive == new.exclusive && held.touches(&new);
            if joins {
                (new.first, new.last) = (new.first.min(held.first), new.last.max(held.last));
            }
            !joins
        });
        let at = self.0.partition_point(|held| held.first < new.first);
        self.0.insert(at, new);
    }

    /// The bytes from `first` to `last` are not locked any more.
    pub fn unlock(&mut self, first: u64, last: u64) {
        let mut left = Vec::with_capacity(self.0.len() + 1);
        for held in self.0.drain(..) {
            if held.last < first || last < held.first {
                left.push(held);
                continue;
            }
            if held.first < first {
                left.push(HeldRange { last: first - 1, ..held });
            }
            if last < held.last {
                left.push(HeldRange { first: last + 1, ..held });
            }
        }
        self.0 = left;
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn as_slice(&self) -> &[HeldRange] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn held(ranges: &HeldRanges) -> Vec<(u64, u64, bool)> {
        ranges.as_slice().iter().map(|range| (range.first, range.length(), range.exclusive)).collect()
    }

    #[test]
    fn locks_split_and_merge() {
        let mut ranges = HeldRanges::default();
        ranges.lock(HeldRange::new(10, 10, false));
        ranges.lock(HeldRange::new(20, 5, false));
        assert_eq!(held(&ranges), [(10, 15, false)]);
        ranges.lock(HeldRange::new(12, 3, true));
        assert_eq!(held(&ranges), [(10, 2, false), (12, 3, true), (15, 10, false)]);
        ranges.unlock(11, 12);
        assert_eq!(held(&ranges), [(10, 1, false), (13, 2, true), (15, 10, false)]);
        ranges.lock(HeldRange::new(0, 0, true));
        assert_eq!(held(&ranges), [(0, 0, true)]);
        ranges.unlock(5, 5);
        assert_eq!(held(&ranges), [(0, 5, true), (6, 0, true)]);
        ranges.unlock(0, u64::MAX);
        assert_eq!(held(&ranges), []);
    }

    proptest! {
        #[test]
        fn as_if_each_byte_were_locked_by_itself(
            steps in prop::collection::vec((0u64..24, 1u64..12, 0u8..3), 0..40),
        ) {
            let mut ranges = HeldRanges::default();
            let mut bytes = [None; 40];
            for (first, length, what) in steps {
                let exclusive = match what {
                    0 => None,
                    1 => Some(false),
                    _ => Some(true),
                };
                match exclusive {
                    None => ranges.unlock(first, first + length - 1),
                    Some(exclusive) => ranges.lock(HeldRange::new(first, length, exclusive)),
                }
                bytes[first as usize..][..length as usize].fill(exclusive);
                let mut found = [None; 40];
                for range in ranges.as_slice() {
                    found[range.first as usize..=range.last as usize].fill(Some(range.exclusive));
                }
                prop_assert_eq!(found, bytes);
                for pair in ranges.as_slice().windows(2) {
                    prop_assert!(pair[0].last < pair[1].first);
                    prop_assert!(pair[0].exclusive != pair[1].exclusive || !pair[0].touches(&pair[1]));
                }
            }
        }
    }
}
