//! The calls of a connection by their xids.

/// A table in which an xid's place is its remainder. Xids follow one another but for those whose place is taken, so
/// that finding one costs a single look, and the table is never larger than four times the calls there were at a time.
pub struct Calls<C> {
    places: Vec<Option<(u32, C)>>,
    len: usize,
    next: u32,
}

/// Places to begin with, and how many may be kept when there are no calls. Powers of two.
const FEW: usize = 4;
const MANY: usize = 256;

impl<C> Calls<C> {
    /// `first_xid` should differ from one connection to the next: servers remember xids.
    pub fn new(first_xid: u32) -> Self {
        Self { places: places(FEW), len: 0, next: first_xid }
    }

    fn place(&self, xid: u32) -> usize {
        xid as usize & (self.places.len() - 1)
    }

    /// Adds the call that `make` makes, given its xid.
    pub fn add(&mut self, make: impl FnOnce(u32) -> C) -> u32 {
        if 2 * self.len >= self.places.len() {
            let former = std::mem::replace(&mut self.places, places(4 * self.len));
            for (xid, call) in former.into_iter().flatten() {
                let place = self.place(xid);
                self.places[place] = Some((xid, call));
            }
        }
        let mut xid = self.next;
        let mut place = self.place(xid);
        while self.places[place].is_some() {
            xid = xid.wrapping_add(1);
            place = self.place(xid);
        }
        self.next = xid.wrapping_add(1);
        self.len += 1;
        self.places[place] = Some((xid, make(xid)));
        xid
    }

    pub fn get(&self, xid: u32) -> Option<&C> {
        match &self.places[self.place(xid)] {
            Some((taken, call)) if *taken == xid => Some(call),
            _ => None,
        }
    }

    pub fn get_mut(&mut self, xid: u32) -> Option<&mut C> {
        let place = self.place(xid);
        match &mut self.places[place] {
            Some((taken, call)) if *taken == xid => Some(call),
            _ => None,
        }
    }

    pub fn forget(&mut self, xid: u32) {
        let place = self.place(xid);
        if !matches!(&self.places[place], Some((taken, _)) if *taken == xid) {
            return;
        }
        self.places[place] = None;
        self.len -= 1;
        if self.len == 0 && self.places.len() > MANY {
            self.places = places(FEW);
        }
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &C)> {
        self.places.iter().flatten().map(|(xid, call)| (*xid, call))
    }
}

fn places<C>(count: usize) -> Vec<Option<(u32, C)>> {
    let mut places = Vec::new();
    places.resize_with(count.next_power_of_two().max(FEW), || None);
    places
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_was_added_and_not_forgotten(
            first in any::<u32>(),
            steps in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..600),
        ) {
            let mut calls = Calls::new(first);
            let mut expected: HashMap<u32, u32> = HashMap::new();
            let mut added = Vec::new();
            for (adds, which) in steps {
                if adds || added.is_empty() {
                    let xid = calls.add(|xid| xid ^ 1);
                    prop_assert!(expected.insert(xid, xid ^ 1).is_none());
                    added.push(xid);
                } else {
                    let xid = *which.get(&added);
                    prop_assert_eq!(calls.get(xid).copied(), expected.remove(&xid));
                    calls.forget(xid);
                    calls.forget(xid);
                    prop_assert_eq!(calls.get(xid), None);
                }
                prop_assert!(calls.places.len() <= MANY.max(8 * added.len()));
            }
            for xid in added {
                prop_assert_eq!(calls.get(xid), expected.get(&xid));
                prop_assert_eq!(calls.get_mut(xid).map(|call| *call), expected.get(&xid).copied());
            }
            prop_assert_eq!(calls.iter().map(|(xid, call)| (xid, *call)).collect::<HashMap<_, _>>(), expected);
        }
    }

    #[test]
    fn one_that_stays_does_not_make_the_table_grow() {
        let mut calls = Calls::new(u32::MAX - 5);
        let stays = calls.add(|_| 0);
        for n in 1..10_000 {
            let xid = calls.add(|_| n);
            assert_eq!(calls.get(xid), Some(&n));
            calls.forget(xid);
        }
        assert_eq!((calls.places.len(), calls.get(stays)), (FEW, Some(&0)));
    }

    #[test]
    fn memory_of_many_is_given_back() {
        let mut calls = Calls::new(7);
        let xids: Vec<u32> = (0..5000).map(|n| calls.add(|_| n)).collect();
        for xid in xids {
            calls.forget(xid);
        }
        assert_eq!(calls.places.len(), FEW);
    }
}
