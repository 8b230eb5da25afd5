//! What every file contains: the eight bytes at offset `o`, a multiple of 8, are `o` modulo [`PERIOD`] times
//! [`FACTOR`], little-endian. So data at a wrong offset is seen, and nothing needs to be stored.
//! `benches/client/pattern.c` and `benches/tree` make the same.

use std::rc::Rc;

pub const PERIOD: usize = 16 << 20;
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// A byte in the first pieces of all sizes but not at their ends.
const CORRUPT: usize = 2345;

/// Two periods side by side, so that a piece of up to one period is contiguous wherever it begins.
pub fn pattern(corrupt: bool) -> Rc<Vec<u8>> {
    let mut bytes = Vec::with_capacity(2 * PERIOD);
    for offset in (0..2 * PERIOD).step_by(8) {
        let word = ((offset % PERIOD) as u64).wrapping_mul(FACTOR);
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    if corrupt {
        bytes[CORRUPT] ^= 1;
    }
    Rc::new(bytes)
}

/// How much of each written piece is compared.
#[derive(Clone, Copy, PartialEq)]
pub enum Verify {
    /// Its first and its last bytes: costs next to nothing.
    Ends,
    Everything,
}

/// Whether `data`, a part of a piece that was written at `offset`, is as it should be.
pub fn matches(pattern: &[u8], verify: Verify, offset: u64, data: &[u8]) -> bool {
    const END: usize = 64;
    let start = offset as usize % PERIOD;
    let same = |from: usize, to: usize| {
        data[from..to]
            .chunks(PERIOD)
            .all(|chunk| pattern.get(start + from..start + from + chunk.len()) == Some(chunk))
    };
    if data.len() > PERIOD {
        return false;
    }
    if verify == Verify::Everything || data.len() <= 2 * END {
        same(0, data.len())
    } else {
        same(0, END) && same(data.len() - END, data.len())
    }
}
