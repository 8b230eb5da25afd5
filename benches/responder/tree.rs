//! Files and directories: names, sizes and times only. What a file contains is the pattern.

use std::collections::HashMap;
use std::rc::Rc;

use crate::xdr::Writer;

pub const ROOT: u64 = 1;
/// How long the opaque part of a file handle is, as with other servers.
const HANDLE: usize = 32;
const BLOCK: u64 = 4096;

pub enum Kind {
    File { size: u64 },
    Directory(Box<Directory>),
}

#[derive(Default)]
pub struct Directory {
    children: HashMap<Vec<u8>, u64>,
    /// The entries as READDIR and READDIRPLUS send them, until something changes.
    listings: [Option<Rc<Listing>>; 2],
}

pub struct Listing {
    pub bytes: Rc<Vec<u8>>,
    /// Where each entry ends; an entry's cookie is its number, from 1.
    pub ends: Vec<usize>,
    /// What the entries up to here count for `dircount`: fileid, name and cookie.
    pub names: Vec<usize>,
}

pub struct Inode {
    pub kind: Kind,
    parent: u64,
    mode: u32,
    /// When it changed: the value of the tree's clock.
    changed: u64,
}

pub struct Tree {
    inodes: Vec<Option<Inode>>,
    clock: u64,
}

impl Tree {
    pub fn new() -> Self {
        let mut tree = Tree { inodes: vec![None], clock: 0 };
        tree.insert(ROOT, Kind::Directory(Box::default()));
        tree
    }

    pub fn get(&self, id: u64) -> Option<&Inode> {
        self.inodes.get(id as usize)?.as_ref()
    }

    fn insert(&mut self, parent: u64, kind: Kind) -> u64 {
        let mode = if matches!(kind, Kind::File { .. }) { 0o644 } else { 0o755 };
        self.inodes.push(Some(Inode { kind, parent, mode, changed: self.clock }));
        self.inodes.len() as u64 - 1
    }

    fn directory(&self, id: u64) -> Option<&Directory> {
        match &self.get(id)?.kind {
            Kind::Directory(directory) => Some(directory),
            Kind::File { .. } => None,
        }
    }

    /// The directory, about to be changed: the clock goes on, listings are no longer right.
    fn change(&mut self, id: u64) -> Option<&mut Directory> {
        self.clock += 1;
        let clock = self.clock;
        let inode = self.inodes.get_mut(id as usize)?.as_mut()?;
        inode.changed = clock;
        match &mut inode.kind {
            Kind::Directory(directory) => {
                directory.listings = [None, None];
                Some(directory)
            }
            Kind::File { .. } => None,
        }
    }

    pub fn lookup(&self, directory: u64, name: &[u8]) -> Option<u64> {
        match name {
            b"." => Some(directory),
            b".." => self.get(directory).map(|inode| inode.parent),
            _ => self.directory(directory)?.children.get(name).copied(),
        }
    }

    /// Makes a new object; the name must be free.
    pub fn make(&mut self, directory: u64, name: &[u8], kind: Kind) -> Option<u64> {
        self.directory(directory)?;
        let id = self.insert(directory, kind);
        self.change(directory)?.children.insert(name.to_vec(), id);
        Some(id)
    }

    /// Takes a name away, and what it named.
    pub fn remove(&mut self, directory: u64, name: &[u8]) -> Option<()> {
        let id = self.change(directory)?.children.remove(name)?;
        *self.inodes.get_mut(id as usize)? = None;
        Some(())
    }

    pub fn rename(&mut self, from: (u64, &[u8]), to: (u64, &[u8])) -> Option<()> {
        self.directory(to.0)?;
        let id = self.change(from.0)?.children.remove(from.1)?;
        let replaced = self.change(to.0)?.children.insert(to.1.to_vec(), id);
        if let Some(replaced) = replaced {
            *self.inodes.get_mut(replaced as usize)? = None;
        }
        self.inodes.get_mut(id as usize)?.as_mut()?.parent = to.0;
        Some(())
    }

    /// A file's data changed: it now reaches to `resize(size)`. `None` when this is no file.
    pub fn resize(&mut self, id: u64, resize: impl FnOnce(u64) -> u64) -> Option<()> {
        self.clock += 1;
        let clock = self.clock;
        let inode = self.inodes.get_mut(id as usize)?.as_mut()?;
        let Kind::File { size } = &mut inode.kind else { return None };
        *size = resize(*size);
        inode.changed = clock;
        let parent = inode.parent;
        if let Some(Some(Inode { kind: Kind::Directory(directory), .. })) =
            self.inodes.get_mut(parent as usize)
        {
            directory.listings[1] = None;
        }
        Some(())
    }

    /// fattr3
    pub fn attributes(&self, id: u64, out: &mut Vec<u8>) {
        let Some(inode) = self.get(id) else { return };
        let (kind, links, size) = match inode.kind {
            Kind::File { size } => (1, 1, size),
            Kind::Directory(_) => (2, 2, BLOCK),
        };
        out.u32(kind);
        out.u32(inode.mode);
        out.u32(links);
        out.u64(0); // uid and gid
        out.u64(size);
        out.u64(size.next_multiple_of(BLOCK));
        out.u64(0); // rdev
        out.u64(1); // fsid
        out.u64(id);
        for _ in ["atime", "mtime", "ctime"] {
            out.u32(1_700_000_000 + (inode.changed / 1_000_000) as u32);
            out.u32((inode.changed % 1_000_000) as u32 * 1000);
        }
    }

    /// post_op_attr
    pub fn post_op(&self, id: u64, out: &mut Vec<u8>) {
        out.u32(self.get(id).is_some().into());
        self.attributes(id, out);
    }

    /// The entries of a directory, with attributes and file handles (`plus`) or without.
    pub fn listing(&mut self, id: u64, plus: bool) -> Option<Rc<Listing>> {
        if let Some(listing) = &self.directory(id)?.listings[usize::from(plus)] {
            return Some(listing.clone());
        }
        let mut names: Vec<(&[u8], u64)> =
            self.directory(id)?.children.iter().map(|(name, id)| (&name[..], *id)).collect();
        names.sort_unstable();
        names.splice(0..0, [(&b"."[..], id), (&b".."[..], self.get(id)?.parent)]);
        let (mut bytes, mut ends, mut counted) = (Vec::new(), Vec::new(), Vec::new());
        let mut count = 0;
        for (index, (name, child)) in names.into_iter().enumerate() {
            bytes.u32(1);
            bytes.u64(child);
            bytes.opaque(name);
            bytes.u64(index as u64 + 1);
            if plus {
                self.post_op(child, &mut bytes);
                bytes.u32(1);
                handle(child, &mut bytes);
            }
            count += 20 + name.len().next_multiple_of(4);
            ends.push(bytes.len());
            counted.push(count);
        }
        let listing = Rc::new(Listing { bytes: Rc::new(bytes), ends, names: counted });
        match &mut self.inodes.get_mut(id as usize)?.as_mut()?.kind {
            Kind::Directory(directory) => directory.listings[usize::from(plus)] = Some(listing.clone()),
            Kind::File { .. } => return None,
        }
        Some(listing)
    }
}

/// nfs_fh3: the number of the inode, then zeros.
pub fn handle(id: u64, out: &mut Vec<u8>) {
    out.u32(HANDLE as u32);
    out.u64(id);
    out.resize(out.len() + HANDLE - 8, 0);
}

pub fn id_of(handle: &[u8]) -> u64 {
    handle.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// What `benches/tree` makes in a directory.
pub fn furnished() -> Tree {
    let mut tree = Tree::new();
    let directory = |tree: &mut Tree, parent, name: &str| {
        tree.make(parent, name.as_bytes(), Kind::Directory(Box::default())).unwrap_or(ROOT)
    };
    let data = directory(&mut tree, ROOT, "data");
    let a = directory(&mut tree, ROOT, "a");
    let b = directory(&mut tree, a, "b");
    let c = directory(&mut tree, b, "c");
    let d = directory(&mut tree, c, "d");
    let small = directory(&mut tree, ROOT, "small");
    let list = directory(&mut tree, ROOT, "list");
    directory(&mut tree, ROOT, "scratch");
    let listed =
        [1_000, 10_000, 100_000].map(|count| (directory(&mut tree, list, &count.to_string()), count));

    let mut file = |parent, name: &str, size| tree.make(parent, name.as_bytes(), Kind::File { size });
    file(data, "large", 16 << 20);
    file(a, "stat", 2);
    file(d, "stat", 5);
    file(c, "file", 64 << 10);
    for index in 0..100 {
        file(small, &format!("{index:02}"), 4096);
    }
    for (parent, count) in listed {
        for index in 0..count {
            file(parent, &format!("entry-{index:06}"), index);
        }
    }
    tree
}
