//! How a connection to NFS is treated, whatever is said on it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsRawFd;
use std::thread::sleep;
use std::time::Duration;

use super::Connection::{Honest, Over};
use super::{Fails, Lie, Succeeds, Survives, connecting, reply};
use crate::server::{Call, LOOKUP, READ, WRITE};

/// Longer than any client waits.
const LONG: Duration = Duration::from_secs(60);

/// Lets close() send a reset.
pub fn reset_on_close(stream: &TcpStream) -> io::Result<()> {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    // SAFETY: the pointer and the length describe `linger`.
    let status = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of_val(&linger) as libc::socklen_t,
        )
    };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn reset(call: &mut Call<'_>) -> io::Result<()> {
    reset_on_close(call.stream)?;
    Err(io::ErrorKind::ConnectionReset.into())
}

fn close(_call: &mut Call<'_>) -> io::Result<()> {
    Err(io::ErrorKind::ConnectionAborted.into())
}

fn silence(_call: &mut Call<'_>) -> io::Result<()> {
    Ok(())
}

/// Does not even read any more.
fn sleep_long(_call: &mut Call<'_>) -> io::Result<()> {
    sleep(LONG);
    Ok(())
}

/// Closes this one half of the connection; what comes on the other is read for ever.
fn half(call: &mut Call<'_>, half: Shutdown) -> io::Result<()> {
    call.stream.shutdown(half)?;
    io::copy(call.stream, &mut io::sink())?;
    Ok(())
}

pub fn lies() -> Vec<Lie> {
    vec![
        connecting("silence", "mount", Fails, |stream| {
            io::copy(stream, &mut io::sink())?;
            Ok(Over)
        }),
        connecting("nothing is read or said", "mount", Fails, |_| {
            sleep(LONG);
            Ok(Over)
        }),
        connecting("closed at once", "mount", Fails, |_| Ok(Over)),
        connecting("reset at once", "mount", Fails, |stream| reset_on_close(stream).map(|()| Over)),
        connecting("nothing will be said", "mount", Fails, |stream| {
            stream.shutdown(Shutdown::Write)?;
            io::copy(stream, &mut io::sink())?;
            Ok(Over)
        }),
        connecting("closed after the first byte", "mount", Fails, |stream| {
            stream.read_exact(&mut [0])?;
            Ok(Over)
        }),
        connecting("words before the first call", "mount", Survives, |stream| {
            stream.write_all(b"220 mail.example.com ESMTP\r\n")?;
            Ok(Honest)
        }),
        connecting("a record before the first call", "mount", Succeeds, |stream| {
            stream.write_all(&crate::server::record(&[7; 40]))?;
            Ok(Honest)
        }),
        connecting("zeros without end", "mount", Fails, |stream| {
            loop {
                stream.write_all(&[0; 65536])?;
            }
        }),
        reply("LOOKUP: silence", "stat", Fails, LOOKUP, silence),
        reply("LOOKUP: closed", "stat", Fails, LOOKUP, close),
        reply("LOOKUP: reset", "stat", Fails, LOOKUP, reset),
        reply("READ: silence", "read16", Fails, READ, silence),
        reply("READ: closed", "read16", Fails, READ, close),
        reply("READ: reset", "read16", Fails, READ, reset),
        reply("WRITE: silence", "write16", Fails, WRITE, silence),
        reply("WRITE: closed", "write16", Fails, WRITE, close),
        reply("WRITE: reset", "write16", Fails, WRITE, reset),
        reply("WRITE: nothing is read any more", "write16", Fails, WRITE, sleep_long),
        reply("WRITE: no more is said", "write16", Fails, WRITE, |call| half(call, Shutdown::Write)),
        reply("LOOKUP: nothing is read before it", "write16", Fails, LOOKUP, sleep_long),
        reply("every second call is answered", "read16", Fails, READ, |call| {
            if call.before % 2 == 0 {
                return Ok(());
            }
            let body = call.honest();
            call.answer(&body)
        }),
        reply("closed behind every answer", "read16", Survives, READ, |call| {
            let body = call.honest();
            call.answer(&body)?;
            close(call)
        }),
        reply("closed behind every answer to LOOKUP", "stat", Succeeds, LOOKUP, |call| {
            let body = call.honest();
            call.answer(&body)?;
            close(call)
        }),
    ]
}
