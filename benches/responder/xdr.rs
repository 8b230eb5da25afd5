//! XDR (RFC 4506): reading a call that lies in memory, writing a reply.

/// Reads items from the front of a call. `None` means that the call ends too early.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.bytes(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.bytes(8)?.try_into().ok().map(u64::from_be_bytes)
    }

    /// `opaque<>` or `string<>`, with its padding.
    pub fn opaque(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()? as usize;
        let bytes = self.bytes(length)?;
        self.bytes(length.next_multiple_of(4) - length)?;
        Some(bytes)
    }
}

/// Appends items to a reply.
pub trait Writer {
    fn u32(&mut self, value: u32);
    fn u64(&mut self, value: u64);
    fn opaque(&mut self, bytes: &[u8]);
}

impl Writer for Vec<u8> {
    fn u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn opaque(&mut self, bytes: &[u8]) {
        self.u32(bytes.len() as u32);
        self.extend_from_slice(bytes);
        self.resize(self.len().next_multiple_of(4), 0);
    }
}
