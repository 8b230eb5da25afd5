//! A hash table whose memory begins where its pointer says. A program may end without an end of its contexts: a leak
//! checker then finds the memory of std's tables possibly lost, for those keep a pointer to the middle of it.

use std::borrow::Borrow;

/// What a key is found by.
pub trait Fingerprint: Eq {
    fn fingerprint(&self) -> u64;
}

impl Fingerprint for u64 {
    /// Its low bits depend on all bits.
    fn fingerprint(&self) -> u64 {
        let product = (self ^ (self >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        product ^ (product >> 32)
    }
}

/// FNV-1a, by words. Keys are short, and so few that some made to collide cost microseconds.
impl Fingerprint for [u8] {
    fn fingerprint(&self) -> u64 {
        const PRIME: u64 = 0x0100_0000_01b3;
        let mut hash = 0xcbf2_9ce4_8422_2325;
        for bytes in self.chunks(8) {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(PRIME).rotate_left(29);
        }
        hash.fingerprint()
    }
}

impl Fingerprint for Box<[u8]> {
    fn fingerprint(&self) -> u64 {
        (**self).fingerprint()
    }
}

/// See the module. Open addressing: a key is in its place, or in one of those behind it without a free one between.
pub struct Map<K, V> {
    /// None, or a power of two.
    places: Vec<Option<(K, V)>>,
    len: usize,
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self { places: Vec::new(), len: 0 }
    }
}

impl<K: Fingerprint, V> Map<K, V> {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.places.iter().flatten().map(|(key, value)| (key, value))
    }

    fn next(&self, place: usize) -> usize {
        (place + 1) & (self.places.len() - 1)
    }

    fn first(&self, fingerprint: u64) -> usize {
        fingerprint as usize & (self.places.len() - 1)
    }

    /// Where a key is, or else where it belongs. There is a free place.
    fn find<Q: Fingerprint + ?Sized>(&self, key: &Q) -> (usize, bool)
    where
        K: Borrow<Q>,
    {
        let mut place = self.first(key.fingerprint());
        loop {
            match &self.places[place] {
                None => return (place, false),
                Some((other, _)) if other.borrow() == key => return (place, true),
                Some(_) => place = self.next(place),
            }
        }
    }

    pub fn get<Q: Fingerprint + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        if self.len == 0 {
            return None;
        }
        self.places[self.find(key).0].as_ref().map(|(_, value)| value)
    }

    /// The former value.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        if 4 * self.len >= 3 * self.places.len() {
            self.grow();
        }
        let (place, found) = self.find(&key);
        self.len += usize::from(!found);
        self.places[place].replace((key, value)).map(|(_, value)| value)
    }

    fn grow(&mut self) {
        const FEW: usize = 4;
        let mut places = Vec::new();
        places.resize_with((2 * self.places.len()).max(FEW), || None);
        for entry in std::mem::replace(&mut self.places, places) {
            if let Some((key, _)) = &entry {
                let (place, _) = self.find(key);
                self.places[place] = entry;
            }
        }
    }

    pub fn remove<Q: Fingerprint + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        if self.len == 0 {
            return None;
        }
        let (place, found) = self.find(key);
        if found { self.take(place) } else { None }
    }

    /// Empties a place, and lets those behind it move up.
    fn take(&mut self, mut free: usize) -> Option<V> {
        let (_, value) = self.places[free].take()?;
        self.len -= 1;
        let (mut place, last) = (free, self.places.len() - 1);
        loop {
            place = self.next(place);
            let Some((key, _)) = &self.places[place] else { return Some(value) };
            let first = self.first(key.fingerprint());
            if place.wrapping_sub(first) & last >= place.wrapping_sub(free) & last {
                self.places.swap(place, free);
                free = place;
            }
        }
    }

    /// Keeps what `which` says. It may be asked twice.
    pub fn retain(&mut self, mut which: impl FnMut(&K, &V) -> bool) {
        let mut place = 0;
        while let Some(entry) = self.places.get(place) {
            match entry {
                Some((key, value)) if !which(key, value) => drop(self.take(place)), // another may be there now
                _ => place += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Keys collide often.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    struct Key(u8);

    impl Fingerprint for Key {
        fn fingerprint(&self) -> u64 {
            u64::from(self.0 / 4) | 0xfff0
        }
    }

    proptest! {
        #[test]
        fn it_holds_what_was_inserted_and_not_removed(
            steps in prop::collection::vec((0..6u8, any::<u8>(), any::<u16>()), 0..300),
        ) {
            let (mut map, mut expected) = (Map::default(), HashMap::new());
            for (step, key, value) in steps {
                match step {
                    0..3 => prop_assert_eq!(map.insert(Key(key), value), expected.insert(Key(key), value)),
                    3 | 4 => prop_assert_eq!(map.remove(&Key(key)), expected.remove(&Key(key))),
                    _ => {
                        map.retain(|Key(other), _| other % 5 != key % 5);
                        expected.retain(|Key(other), _| other % 5 != key % 5);
                    }
                }
                prop_assert_eq!((map.len(), map.is_empty()), (expected.len(), expected.is_empty()));
                prop_assert_eq!(map.get(&Key(key)), expected.get(&Key(key)));
            }
            prop_assert_eq!(map.iter().map(|(key, value)| (*key, *value)).collect::<HashMap<_, _>>(), expected);
        }
    }
}
