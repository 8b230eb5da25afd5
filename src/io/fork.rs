//! Which process this is: fork() duplicates memory and descriptors, but what the descriptors stand for (connections,
//! epoll sets) remains one thing, and belongs to the process that has made it.

use std::hash::{BuildHasher, RandomState};
use std::io::Error;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use libc::c_int;
use once_cell::sync::Lazy;

/// A word that the kernel sets to zero in a child; None where it does not know how (before Linux 4.14).
static WORD: Lazy<Option<&'static AtomicU32>> = Lazy::new(wiped_on_fork);

/// The number of this process. Costs no system call.
pub fn process() -> u32 {
    let Some(word) = *WORD else { return std::process::id() };
    match word.load(Ordering::Relaxed) {
        0 => {
            let process = std::process::id();
            word.store(process, Ordering::Relaxed);
            process
        }
        process => process,
    }
}

/// Whether a process that this one was forked from has ended, even if nobody has waited for it yet.
pub fn has_ended(process: u32) -> bool {
    // SAFETY: no signal is sent; it is only asked whether one could be.
    if unsafe { libc::kill(process as libc::pid_t, 0) } != 0 {
        return Error::last_os_error().raw_os_error() == Some(libc::ESRCH);
    }
    // The state is the letter behind the name, which is in parentheses and may have some in it.
    let status = std::fs::read(format!("/proc/{process}/stat")).unwrap_or_default();
    let name_end = status.iter().rposition(|&byte| byte == b')');
    let state = name_end.and_then(|at| status.get(at + 2));
    matches!(state, Some(b'Z' | b'X'))
}

/// As [`has_ended`], but gives it some time for that: when a program becomes a daemon, the child may go on before its
/// parent is gone. That is waited for no longer than 200 milliseconds in all.
pub fn ends(process: u32) -> bool {
    static LEFT: AtomicU32 = AtomicU32::new(200);
    while !has_ended(process) {
        if LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    true
}

/// The number of the only child that goes on with the connections of a process when that has ended: a word that both
/// have. 0 as long as there is none.
pub struct Succession {
    parent: u32,
    successor: Option<&'static AtomicU32>,
}

impl Succession {
    /// Nobody's.
    pub const NONE: Self = Self { parent: 0, successor: None };

    /// That of this process, before it forks.
    pub fn new() -> Self {
        Self { parent: process(), successor: page(libc::MAP_SHARED) }
    }

    /// Whether it is that of this process.
    pub fn is_ours(&self) -> bool {
        self.parent == process()
    }

    /// In a child: whether it goes on with what `process` had, which `ended` is asked for.
    pub fn is_successor(&self, process: u32, ended: fn(u32) -> bool) -> bool {
        let Some(successor) = self.successor.filter(|_| self.parent == process && ended(process)) else {
            return false;
        };
        let us = self::process();
        let first = successor.compare_exchange(0, us, Ordering::SeqCst, Ordering::SeqCst);
        first.is_ok() || first == Err(us)
    }
}

fn wiped_on_fork() -> Option<&'static AtomicU32> {
    let word = page(libc::MAP_PRIVATE)?;
    // SAFETY: the page is ours.
    let wiped = unsafe { libc::madvise(word.as_ptr().cast(), PAGE, libc::MADV_WIPEONFORK) };
    (wiped == 0).then_some(word)
}

const PAGE: usize = 4096;

/// A word in a page of its own.
fn page(sharing: c_int) -> Option<&'static AtomicU32> {
    if cfg!(miri) {
        return None; // it knows no such memory, or not how to wipe it
    }
    let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, sharing | libc::MAP_ANONYMOUS);
    // SAFETY: asks for new memory, wherever there is room.
    let page = unsafe { libc::mmap(std::ptr::null_mut(), PAGE, access, flags, -1, 0) };
    // SAFETY: zeroed memory, aligned to a page, that is never given back and used as this atomic only.
    (page != libc::MAP_FAILED).then(|| unsafe { &*page.cast::<AtomicU32>() })
}

/// A number that neither this process nor a relative has had: what std calls random is the same in a child.
pub fn random() -> u64 {
    RandomState::new().hash_one(process())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "it knows no fork()")]
    fn a_child_has_another_number() {
        let before = process();
        assert_eq!(process(), before);
        // SAFETY: the child calls nothing that takes locks or memory.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let differs = process() != before && process() == process();
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(i32::from(!differs)) };
        }
        let mut status = -1;
        // SAFETY: the status is valid for the call.
        unsafe { libc::waitpid(child, &mut status, 0) };
        assert_eq!((status, process()), (0, before));
        assert!(has_ended(child as u32) && !has_ended(before) && !ends(before));
    }
}
