//! Writing XDR (RFC 4506), and what is not quite XDR.

#[derive(Clone, Default)]
pub struct Xdr(Vec<u8>);

impl Xdr {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn words(mut self, words: &[u32]) -> Self {
        self.0.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        self
    }

    pub fn u64(self, number: u64) -> Self {
        self.words(&[(number >> 32) as u32, number as u32])
    }

    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn opaque(self, bytes: &[u8]) -> Self {
        let padding = bytes.len().wrapping_neg() & 3;
        self.words(&[bytes.len() as u32]).raw(bytes).raw(&[0; 3][..padding])
    }

    /// An optional thing that is there.
    pub fn some(self, thing: &[u8]) -> Self {
        self.words(&[1]).raw(thing)
    }

    pub fn done(self) -> Vec<u8> {
        self.0
    }
}

/// A fattr3 of this type.
pub fn attributes(kind: u32) -> Vec<u8> {
    let size = if kind == 1 { 1 << 30 } else { 4096 };
    attributes_of_size(kind, size)
}

pub fn attributes_of_size(kind: u32, size: u64) -> Vec<u8> {
    let fixed = Xdr::new().words(&[kind, 0o755, 1, 0, 0]).u64(size).u64(size).words(&[0, 0]);
    fixed.u64(1).u64(u64::from(kind) + 2).words(&[1_600_000_000, 5].repeat(3)).done()
}
