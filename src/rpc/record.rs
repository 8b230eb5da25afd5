//! Record marking (RFC 5531, section 11): records out of fragments out of a stream of bytes.

/// What comes next in the stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The bytes are used up.
    Nothing,
    /// Bytes of the current record.
    Payload(&'a [u8]),
    /// The current record is complete.
    End,
}

/// Where in the stream of fragments we are.
#[derive(Debug, Default)]
pub struct Marks {
    mark: [u8; 4],
    /// Bytes of the mark that are there.
    have: usize,
    /// Bytes left in the fragment.
    left: usize,
    last: bool,
    /// Bytes of the record so far.
    total: usize,
}

const LAST_FRAGMENT: u32 = 0x8000_0000;

impl Marks {
    /// Between two records.
    pub fn idle(&self) -> bool {
        self.have == 0 && self.total == 0
    }

    /// Bytes left in the current fragment.
    pub fn left(&self) -> usize {
        self.left
    }

    /// Bytes of the current record that have come.
    pub fn total(&self) -> usize {
        self.total
    }

    /// Cuts the next piece off `bytes`.
    pub fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Piece<'a> {
        loop {
            if self.have == 4 && self.left == 0 {
                self.have = 0;
                if self.last {
                    self.total = 0;
                    return Piece::End;
                }
            }
            if bytes.is_empty() {
                return Piece::Nothing;
            }
            if self.have < 4 {
                let (now, later) = bytes.split_at(bytes.len().min(4 - self.have));
                self.mark[self.have..self.have + now.len()].copy_from_slice(now);
                self.have += now.len();
                *bytes = later;
                if self.have == 4 {
                    let mark = u32::from_be_bytes(self.mark);
                    self.last = mark & LAST_FRAGMENT != 0;
                    self.left = (mark & !LAST_FRAGMENT) as usize;
                }
                continue;
            }
            let (now, later) = bytes.split_at(bytes.len().min(self.left));
            *bytes = later;
            self.skip(now.len());
            return Piece::Payload(now);
        }
    }

    /// `count` bytes of the current fragment went past another way.
    pub fn skip(&mut self, count: usize) {
        self.left -= count;
        self.total += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All records in `stream` when it comes in chunks of the given sizes.
    fn records(stream: &[u8], chunks: &[usize]) -> Vec<Vec<u8>> {
        let (mut marks, mut records, mut record) = (Marks::default(), Vec::new(), Vec::new());
        let (mut rest, mut sizes) = (stream, chunks.iter().cycle());
        while !rest.is_empty() {
            let (mut chunk, later) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
            rest = later;
            loop {
                match marks.next(&mut chunk) {
                    Piece::Nothing => break,
                    Piece::Payload(bytes) => record.extend_from_slice(bytes),
                    Piece::End => records.push(std::mem::take(&mut record)),
                }
            }
        }
        assert!(marks.idle());
        records
    }

    proptest! {
        #[test]
        fn any_fragments_in_any_chunks(
            expected in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..4), 0..6),
            chunks in prop::collection::vec(1usize..30, 1..8),
        ) {
            let mut stream = Vec::new();
            for record in &expected {
                for (index, fragment) in record.iter().enumerate() {
                    let last = if index + 1 == record.len() { LAST_FRAGMENT } else { 0 };
                    stream.extend_from_slice(&(fragment.len() as u32 | last).to_be_bytes());
                    stream.extend_from_slice(fragment);
                }
            }
            let expected: Vec<Vec<u8>> = expected.into_iter().map(|fragments| fragments.concat()).collect();
            prop_assert_eq!(records(&stream, &chunks), expected);
        }
    }
}
