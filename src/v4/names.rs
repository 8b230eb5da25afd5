//! CREATE, REMOVE, RENAME, LINK, READLINK and ACCESS (RFC 8881, sections 18.4, 18.25, 18.26, 18.9, 18.24 and 18.1).

use super::attributes::{put_settable, skip_bitmap};
use super::compound::{Compound, Results, put_opaque, put_u32};
use super::numbers::op;
use crate::attributes::{FileType, SetAttributes};
use crate::error::Result;
use crate::xdr::Reader;

/// What CREATE makes. Regular files are made by OPEN.
#[derive(Debug, Clone, Copy)]
pub enum Kind<'a> {
    Directory,
    Link {
        target: &'a [u8],
    },
    /// A device, a socket or a FIFO.
    Special {
        kind: FileType,
        device: (u32, u32),
    },
}

impl Compound {
    pub fn create(&mut self, kind: &Kind<'_>, name: &[u8], set: &SetAttributes) {
        let arguments = self.op(op::CREATE);
        match *kind {
            Kind::Directory => put_u32(arguments, FileType::Directory.nfs3()),
            Kind::Link { target } => {
                put_u32(arguments, FileType::Link.nfs3());
                put_opaque(arguments, target);
            }
            Kind::Special { kind, device } => {
                put_u32(arguments, kind.nfs3());
                if let FileType::Block | FileType::Character = kind {
                    put_u32(arguments, device.0);
                    put_u32(arguments, device.1);
                }
            }
        }
        put_opaque(arguments, name);
        put_settable(arguments, set);
    }

    pub fn remove(&mut self, name: &[u8]) {
        put_opaque(self.op(op::REMOVE), name);
    }

    /// From the saved directory to the current one.
    pub fn rename(&mut self, from: &[u8], to: &[u8]) {
        let arguments = self.op(op::RENAME);
        put_opaque(arguments, from);
        put_opaque(arguments, to);
    }

    /// Of the saved file, in the current directory.
    pub fn link(&mut self, name: &[u8]) {
        put_opaque(self.op(op::LINK), name);
    }

    pub fn readlink(&mut self) {
        self.op(op::READLINK);
    }

    pub fn access(&mut self, access: u32) {
        put_u32(self.op(op::ACCESS), access);
    }
}

impl Results<'_> {
    pub fn create(&mut self) -> Result<()> {
        let reader = self.next(op::CREATE)?;
        skip_change(reader)?;
        skip_bitmap(reader)
    }

    pub fn remove(&mut self) -> Result<()> {
        self.next(op::REMOVE).map(drop)
    }

    pub fn rename(&mut self) -> Result<()> {
        self.next(op::RENAME).map(drop)
    }

    pub fn link(&mut self) -> Result<()> {
        self.next(op::LINK).map(drop)
    }

    pub fn readlink(&mut self) -> Result<Vec<u8>> {
        self.next(op::READLINK)?.opaque().map(<[u8]>::to_vec)
    }

    /// The granted ones among those that were asked for.
    pub fn access(&mut self) -> Result<u32> {
        let reader = self.next(op::ACCESS)?;
        let _supported = reader.u32()?;
        reader.u32()
    }
}

/// change_info4.
pub fn skip_change(reader: &mut Reader<'_>) -> Result<()> {
    reader.take(20).map(drop)
}
