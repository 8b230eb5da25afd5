//! Fuzz targets: what a server's bytes go through, and the URL parser. `fuzz/` drives them by coverage; the tests here
//! replay its seeds, and mutations of them.

use std::io;

pub use crate::abi::fuzzing::{calls, replies, url};

/// The receiving half of a connection; see [`crate::rpc::fuzzing::connection`].
pub fn connection(input: &[u8]) {
    crate::rpc::fuzzing::connection(input, crate::v3::split_read, crate::v3::USUAL_READ_BODY);
}

/// A target by its name, which is that of its directory of seeds.
pub fn target(name: &str) -> io::Result<fn(&[u8])> {
    Ok(match name {
        "connection" => connection,
        "replies" => replies,
        "calls" => calls,
        "url" => url,
        _ => return Err(io::ErrorKind::NotFound.into()),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::{Duration, Instant};

    use super::target;

    /// How long the mutations of one target may take: as many as fit are made, in an order that never changes.
    const TIME: Duration = Duration::from_secs(3);

    /// Most mutations of one target.
    const MUTATIONS: usize = 20_000;

    /// A small generator of numbers (xorshift), the same each time.
    struct Numbers(u64);

    impl Numbers {
        fn next(&mut self) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 16) as usize
        }

        fn below(&mut self, limit: usize) -> usize {
            self.next() % limit.max(1)
        }
    }

    fn seeds(name: &str) -> Vec<Vec<u8>> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
        let mut paths: Vec<_> = std::fs::read_dir(&directory)
            .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
    }

    /// Changes a few bytes or words, cuts, repeats, or goes on with another seed.
    fn mutate(bytes: &mut Vec<u8>, other: &[u8], numbers: &mut Numbers) {
        const WORDS: [u32; 12] =
            [0, 1, 2, 3, 63, 64, 65, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fffc, 0xffff_ffff];
        for _ in 0..=numbers.below(4) {
            let at = numbers.below(bytes.len());
            match numbers.below(8) {
                0 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << numbers.below(8)),
                1 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = numbers.next() as u8),
                2..=4 => {
                    let word = WORDS[numbers.below(WORDS.len())].to_be_bytes();
                    let places = bytes.iter_mut().skip(at & !3);
                    places.zip(word).for_each(|(place, byte)| *place = byte);
                }
                5 => bytes.truncate(at),
                6 => {
                    let part = bytes[at..].iter().copied().take(numbers.below(64)).collect::<Vec<_>>();
                    bytes.splice(at..at, part);
                }
                _ => {
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[numbers.below(other.len()).min(other.len())..]);
                }
            }
        }
    }

    fn replay(name: &str) {
        let (target, seeds) = (target(name).unwrap(), seeds(name));
        assert!(seeds.len() > 3, "{name} has seeds");
        seeds.iter().for_each(|seed| target(seed));
        let (mut numbers, start) = (Numbers(0x9e37_79b9_7f4a_7c15), Instant::now());
        for _ in 0..MUTATIONS {
            let mut input = seeds[numbers.below(seeds.len())].clone();
            let other = &seeds[numbers.below(seeds.len())];
            mutate(&mut input, other, &mut numbers);
            target(&input);
            if start.elapsed() > TIME {
                break;
            }
        }
    }

    #[test]
    fn connections() {
        replay("connection");
    }

    #[test]
    fn replies() {
        replay("replies");
    }

    #[test]
    fn calls() {
        replay("calls");
    }

    #[test]
    fn urls() {
        replay("url");
    }
}
