//! Which process this is: fork() duplicates memory and descriptors, but what the descriptors stand for (connections,
//! epoll sets) remains one thing, and belongs to the process that has made it.

use std::io::Error;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

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

fn wiped_on_fork() -> Option<&'static AtomicU32> {
    if cfg!(miri) {
        return None; // it does not know how, either
    }
    const SIZE: usize = 4096;
    let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: asks for new memory, wherever there is room.
    let page = unsafe { libc::mmap(std::ptr::null_mut(), SIZE, access, flags, -1, 0) };
    if page == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: the page is ours.
    if unsafe { libc::madvise(page, SIZE, libc::MADV_WIPEONFORK) } != 0 {
        // SAFETY: nobody uses the page.
        unsafe { libc::munmap(page, SIZE) };
        return None;
    }
    // SAFETY: zeroed memory, aligned to a page, that is never given back and used as this atomic only.
    Some(unsafe { &*page.cast::<AtomicU32>() })
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
