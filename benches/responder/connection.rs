//! One connection: records in, replies out. The data of a large WRITE is looked at as it comes and never gathered.

use std::io::{self, Read};
use std::net::TcpStream;

use crate::nfs::{self, Piece};
use crate::output::Output;
use crate::services::{self, Call, Server};

const BUFFER: usize = 256 << 10;
/// Records up to this length are gathered; the header of a WRITE is shorter.
const GATHERED: usize = 128 << 10;
/// More than the header of any WRITE.
const HEADER: usize = 1024;

pub struct Connection {
    pub stream: TcpStream,
    input: Box<[u8]>,
    start: usize,
    end: usize,
    /// The WRITE whose data is coming in.
    writing: Option<Piece>,
    pub output: Output,
}

impl Connection {
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let input = vec![0; BUFFER].into_boxed_slice();
        Ok(Connection { stream, input, start: 0, end: 0, writing: None, output: Output::default() })
    }

    /// Reads once, answers what is complete. An error ends the connection.
    pub fn turn(&mut self, server: &mut Server) -> io::Result<()> {
        if self.output.is_empty() {
            match self.stream.read(&mut self.input[self.end..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
            while self.record(server)? {}
            self.make_room();
        }
        self.output.flush(&mut self.stream)
    }

    fn make_room(&mut self) {
        self.input.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
    }

    /// Deals with what lies at the front of the buffer; false when there is too little of it.
    fn record(&mut self, server: &mut Server) -> io::Result<bool> {
        let waiting = &self.input[self.start..self.end];
        if let Some(piece) = &mut self.writing {
            let taken = piece.take(waiting, server);
            self.start += taken;
            if piece.is_complete() {
                let piece = self.writing.take();
                piece.into_iter().for_each(|piece| piece.answer(server, &mut self.output));
            }
            return Ok(taken > 0);
        }
        let Some((mark, rest)) = waiting.split_first_chunk::<4>() else { return Ok(false) };
        let mark = u32::from_be_bytes(*mark);
        let length = (mark & !(1 << 31)) as usize;
        if mark >> 31 == 0 {
            return Err(io::Error::other("a record in several fragments"));
        }
        if let Some(record) = rest.get(..length) {
            services::answer(record, server, &mut self.output)
                .ok_or_else(|| io::Error::other("not a call"))?;
            self.start += 4 + length;
            return Ok(true);
        }
        if length <= GATHERED || rest.len() < HEADER {
            return Ok(false);
        }
        let call =
            Call::parse(rest).filter(Call::is_write).ok_or_else(|| io::Error::other("a huge record"))?;
        let (piece, header) = nfs::piece(&call).ok_or_else(|| io::Error::other("not a WRITE"))?;
        server.counters.call(call.program, call.procedure);
        self.start += 4 + rest.len() - header;
        self.writing = Some(piece);
        Ok(true)
    }
}
