//! READDIR and READDIRPLUS (RFC 1813, sections 3.3.16 and 3.3.17), decoded in place.

use nfs3_client::nfs3_types::nfs3::NFS_PROGRAM;

use super::convert::NFS3_FHSIZE;
use super::data::{skip_optional, status};
use super::nfs::Nfs;
use super::object::{FATTR3, listed_attributes};
use crate::attributes::{Attributes, Handle};
use crate::error::{Error, Result};
use crate::xdr::Reader;

/// Longest reply, bytes: pages are asked for in a size well below.
const MAX_REPLY: usize = 4 << 20;

/// Longest name, bytes: longer than any file system has them, and than any path may be.
const MAX_NAME: usize = 4096;

/// One entry of a directory.
#[derive(Debug)]
pub struct DirEntry<'a> {
    pub name: &'a [u8],
    pub fileid: u64,
    pub attributes: Option<Attributes>,
}

/// Where in a directory: the last entry's cookie and the verifier that came with it.
pub type Place = (u64, [u8; 8]);

/// The end of a part of a directory.
#[derive(Debug, PartialEq, Eq)]
pub struct PageEnd {
    /// Where the next part begins; None when there was no entry.
    pub next: Option<Place>,
    pub eof: bool,
}

impl Nfs {
    /// Gives `each` the entries behind `place`, with attributes where the server has them (READDIRPLUS). `dircount`
    /// bounds names and cookies, `maxcount` the whole reply, bytes.
    pub async fn readdirplus(
        &self,
        directory: &Handle,
        (cookie, verifier): Place,
        dircount: u32,
        maxcount: u32,
        each: impl FnMut(DirEntry<'_>) -> Result<()>,
    ) -> Result<PageEnd> {
        let place = |arguments: &mut Vec<u8>| {
            arguments.extend_from_slice(&cookie.to_be_bytes());
            arguments.extend_from_slice(&verifier);
            arguments.extend_from_slice(&dircount.to_be_bytes());
            arguments.extend_from_slice(&maxcount.to_be_bytes());
        };
        let reply = self.ask(NFS_PROGRAM::NFSPROC3_READDIRPLUS, directory, MAX_REPLY, place).await?;
        page(reply.body(), true, each)
    }

    /// As [`Nfs::readdirplus`], without attributes (READDIR): for servers that do not have that.
    pub async fn readdir(
        &self,
        directory: &Handle,
        (cookie, verifier): Place,
        count: u32,
        each: impl FnMut(DirEntry<'_>) -> Result<()>,
    ) -> Result<PageEnd> {
        let place = |arguments: &mut Vec<u8>| {
            arguments.extend_from_slice(&cookie.to_be_bytes());
            arguments.extend_from_slice(&verifier);
            arguments.extend_from_slice(&count.to_be_bytes());
        };
        let reply = self.ask(NFS_PROGRAM::NFSPROC3_READDIR, directory, MAX_REPLY, place).await?;
        page(reply.body(), false, each)
    }
}

/// A reply of READDIRPLUS (`plus`) or READDIR.
fn page(body: &[u8], plus: bool, mut each: impl FnMut(DirEntry<'_>) -> Result<()>) -> Result<PageEnd> {
    let reader = &mut Reader::new(body);
    status(reader)?;
    skip_optional(reader, FATTR3)?;
    let mut verifier = [0; 8];
    verifier.copy_from_slice(reader.take(8)?);
    let mut last = None;
    loop {
        match reader.u32() {
            Ok(0) => break,
            Ok(_follows) => {}
            // A page may end behind any entry.
            Err(_) if last.is_some() && reader.left() == 0 => return Ok(page_end(last, verifier, false)),
            Err(error) => return Err(error),
        }
        let fileid = reader.u64()?;
        let name = reader.opaque()?;
        if name.len() > MAX_NAME {
            return Err(Error::malformed(format!("a file name of {} bytes", name.len())));
        }
        last = Some(reader.u64()?);
        let attributes = if plus { listed_attributes(reader)? } else { None };
        if plus && reader.flag()? && reader.opaque()?.len() > NFS3_FHSIZE {
            return Err(Error::malformed("a file handle too long for one"));
        }
        each(DirEntry { name, fileid, attributes })?;
    }
    let eof = if last.is_some() && reader.left() == 0 { 0 } else { reader.u32()? };
    Ok(page_end(last, verifier, eof != 0))
}

fn page_end(last: Option<u64>, verifier: [u8; 8], eof: bool) -> PageEnd {
    PageEnd { next: last.map(|cookie| (cookie, verifier)), eof }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nfs3_client::nfs3_types::nfs3::*;
    use nfs3_client::nfs3_types::xdr_codec::{List, Opaque, Pack};
    use proptest::prelude::*;

    fn reply(names: &[&str], handle: usize) -> Vec<u8> {
        let entries = names.iter().zip(1..).map(|(name, number)| entryplus3 {
            fileid: 100 + number,
            name: filename3::from(name.as_bytes()),
            cookie: number,
            name_attributes: Nfs3Option::None,
            name_handle: Nfs3Option::Some(nfs_fh3 { data: Opaque::owned(vec![7; handle]) }),
        });
        let reply = dirlistplus3 { entries: List(entries.collect()), eof: true };
        let cookieverf = cookieverf3([5; 8]);
        let all: READDIRPLUS3res =
            Nfs3Result::Ok(READDIRPLUS3resok { dir_attributes: Nfs3Option::None, cookieverf, reply });
        let mut bytes = Vec::new();
        all.pack(&mut bytes).unwrap();
        bytes
    }

    fn names(body: &[u8]) -> Result<(Vec<(u64, String)>, PageEnd)> {
        let mut names = Vec::new();
        let end = page(body, true, |entry| {
            names.push((entry.fileid, String::from_utf8_lossy(entry.name).into_owned()));
            Ok(())
        })?;
        Ok((names, end))
    }

    #[test]
    fn entries_come_in_order() {
        let (entries, end) = names(&reply(&["a", "bc", "def"], 64)).unwrap();
        assert_eq!(entries, [(101, "a".into()), (102, "bc".into()), (103, "def".into())]);
        assert_eq!(end, PageEnd { next: Some((3, [5; 8])), eof: true });
        assert_eq!(names(&reply(&[], 64)).unwrap().1, PageEnd { next: None, eof: true });
        assert!(names(&reply(&["a"], 65)).is_err(), "a handle of 65 bytes");
    }

    #[test]
    fn an_unknown_type_of_file_spoils_its_own_attributes_only() {
        let attributes = |kind: u32| [&kind.to_be_bytes()[..], &[1; FATTR3 - 4]].concat();
        let mut body = [&[0; 8][..], &[5; 8]].concat();
        for (number, kind) in [1u8, 9, 0, 2].into_iter().enumerate() {
            body.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, number as u8, 0, 0, 0, 1]);
            body.extend_from_slice(&[b'a' + number as u8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number as u8 + 1]);
            body.extend_from_slice(&[0, 0, 0, 1]);
            body.extend_from_slice(&attributes(kind.into()));
            body.extend_from_slice(&[0; 4]);
        }
        body.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
        let mut known = Vec::new();
        let each = |entry: DirEntry<'_>| {
            known.push((entry.name.to_vec(), entry.attributes.is_some()));
            Ok(())
        };
        assert!(page(&body, true, each).unwrap().eof);
        assert_eq!(
            known,
            [(b"a".into(), true), (b"b".into(), false), (b"c".into(), false), (b"d".into(), true)]
        );
    }

    #[test]
    fn a_page_may_end_behind_an_entry() {
        let (all, whole) = (["a", "bc", "def"], reply(&["a", "bc", "def"], 8));
        let behind = |count: usize| reply(&all[..count], 8).len() - 8;
        // Behind an entry, and in front of eof.
        let ends = [(behind(1), 1), (behind(2), 2), (behind(3), 3), (behind(3) + 4, 3)];
        for length in 0..whole.len() {
            let page = names(&whole[..length]);
            match ends.iter().find(|(end, _)| *end == length) {
                Some((_, count)) => {
                    let (entries, end) = page.unwrap();
                    assert_eq!(entries.len(), *count);
                    assert_eq!(end, PageEnd { next: Some((*count as u64, [5; 8])), eof: false });
                }
                None => assert!(page.is_err(), "{length} bytes"),
            }
        }
    }

    proptest! {
        #[test]
        fn garbage_never_panics(plus: bool, body in prop::collection::vec(0u8..3, 0..400)) {
            let _ = page(&body, plus, |_| Ok(()));
        }

    }
}
