//! What a context has been told to do: by calls, or by the arguments of a URL.

#![allow(dead_code, reason = "some settings are remembered for what is still to come")]

use std::time::Duration;

use crate::error::{Error, Result};
use crate::io::SocketOptions;
use crate::rpc::{Credential, Retry};
use crate::url::Arguments;

/// Settings of one context. They count from the next connection or the next call on.
#[derive(Debug, Clone)]
pub struct Settings {
    pub uid: u32,
    pub gid: u32,
    /// Auxiliary groups; AUTH_SYS carries the first 16.
    pub groups: Vec<u32>,
    /// Used instead of uid, gid and groups.
    pub auth: Option<Credential>,
    /// How long one call may take; None for as long as it takes.
    pub timeout: Option<Duration>,
    /// What nfs_set_timeout() was given in place of a timeout: 0, or a negative number.
    endless: i32,
    /// How long a synchronous call sleeps at most before it looks at its deadlines.
    pub poll_timeout: Option<Duration>,
    /// NFS version, 3 or 4.
    pub version: u32,
    /// Port of the NFS service; None to ask the portmapper.
    pub nfs_port: Option<u16>,
    /// Port of the MOUNT service; None to ask the portmapper.
    pub mount_port: Option<u16>,
    /// How often a SYN is sent before connecting fails; 0 for the system's number.
    pub tcp_syncnt: u32,
    /// How often a call is sent again when the server says nothing within the timeout.
    pub retrans: u32,
    /// Bytes to read ahead of a sequential reader.
    pub readahead: u32,
    /// Size of the page cache of a file, in pages of 4096 bytes.
    pub pagecache: u32,
    /// How long a cached page may be used, in seconds.
    pub pagecache_ttl: u32,
    /// How often a lost connection is made again: -1 without limit, 0 never.
    pub autoreconnect: i32,
    pub dircache: bool,
    pub auto_traverse_mounts: bool,
    /// How much is told on the standard error output; 0 nothing.
    pub debug: i32,
    /// The network interface to connect from.
    pub interface: Option<Vec<u8>>,
    /// Upper limit for one READ, in bytes, below the server's.
    pub read_max: Option<u64>,
    /// Upper limit for one WRITE, in bytes, below the server's.
    pub write_max: Option<u64>,
    /// READDIRPLUS: bytes of names and cookies in one reply; 0 for a default.
    pub readdir_dircount: u32,
    /// READDIRPLUS: bytes of everything in one reply; 0 for a default.
    pub readdir_maxcount: u32,
    pub umask: u32,
    /// How NFS version 4 knows this client; None to make a name.
    pub client_name: Option<Vec<u8>>,
    /// Tells one life of this client from the next in NFS version 4; None to make one.
    pub client_verifier: Option<[u8; 8]>,
}

impl Settings {
    /// The settings of a new context that acts as `uid` and `gid`.
    pub fn new(uid: u32, gid: u32) -> Self {
        Self {
            uid,
            gid,
            groups: Vec::new(),
            auth: None,
            timeout: None,
            endless: -1,
            poll_timeout: Some(Duration::from_millis(100)),
            version: 3,
            nfs_port: None,
            mount_port: None,
            tcp_syncnt: 0,
            retrans: 0,
            readahead: 0,
            pagecache: 0,
            pagecache_ttl: 5,
            autoreconnect: -1,
            dircache: true,
            auto_traverse_mounts: true,
            debug: 0,
            interface: None,
            read_max: None,
            write_max: None,
            readdir_dircount: 0,
            readdir_maxcount: 0,
            umask: 0o022,
            client_name: None,
            client_verifier: None,
        }
    }

    /// What connections are made with.
    pub fn socket_options(&self) -> SocketOptions {
        SocketOptions { syncnt: self.tcp_syncnt, interface: self.interface.clone() }
    }

    /// Sets the timeout in milliseconds; 0 and less is none.
    pub fn set_timeout(&mut self, milliseconds: i32) {
        self.timeout = milliseconds_or_none(milliseconds).filter(|time| !time.is_zero());
        self.endless = milliseconds.min(0);
    }

    /// The timeout as it was set.
    pub fn timeout_milliseconds(&self) -> i32 {
        if self.timeout.is_some() { milliseconds(self.timeout) } else { self.endless }
    }

    /// How long one call may take with all its repetitions.
    pub fn call_timeout(&self) -> Option<Duration> {
        self.timeout.map(|timeout| timeout.saturating_mul(self.retrans.saturating_add(1)))
    }

    /// When calls are repeated.
    pub fn retry(&self) -> Option<Retry> {
        self.timeout.map(|after| Retry { after, times: self.retrans })
    }

    /// Sets the poll timeout in milliseconds; a negative one is none.
    pub fn set_poll_timeout(&mut self, milliseconds: i32) {
        self.poll_timeout = milliseconds_or_none(milliseconds);
    }

    /// The poll timeout as it was set.
    pub fn poll_timeout_milliseconds(&self) -> i32 {
        milliseconds(self.poll_timeout)
    }

    /// Applies the arguments of a URL: all of them, or none when one has a value that makes no sense. Unknown
    /// ones are skipped.
    pub fn apply(&mut self, arguments: &Arguments) -> Result<()> {
        let mut changed = self.clone();
        for (name, value) in arguments {
            let Ok(name) = std::str::from_utf8(name) else { continue };
            changed.apply_one(name, value)?;
        }
        *self = changed;
        Ok(())
    }

    fn apply_one(&mut self, name: &str, value: &[u8]) -> Result<()> {
        let argument = Argument { name, value };
        match name {
            "version" => self.version = argument.number(3, 4)?,
            "uid" => self.uid = argument.id()?,
            "gid" => self.gid = argument.id()?,
            "nfsport" => self.nfs_port = argument.port()?,
            "mountport" => self.mount_port = argument.port()?,
            "readahead" => self.readahead = argument.number(0, u32::MAX)?,
            "pagecache" => self.pagecache = argument.number(0, u32::MAX)?,
            "autoreconnect" => self.autoreconnect = argument.number(-1, i32::MAX)?,
            "tcp-syncnt" => self.tcp_syncnt = argument.number(0, i32::MAX as u32)?,
            "auto-traverse-mounts" => self.auto_traverse_mounts = argument.number(0, 1)? == 1,
            "dircache" => self.dircache = argument.number(0, 1)? == 1,
            "debug" => self.debug = argument.number(0, i32::MAX)?,
            "if" => self.interface = Some(argument.word()?),
            "timeo" => self.timeout = argument.deciseconds()?,
            "retrans" => self.retrans = argument.number(0, 1000)?,
            "rsize" => self.read_max = Some(argument.number(1, u32::MAX)?.into()),
            "wsize" => self.write_max = Some(argument.number(1, u32::MAX)?.into()),
            "readdir-buffer" => (self.readdir_dircount, self.readdir_maxcount) = argument.one_or_two()?,
            "sec" => argument.only("sys")?,
            "xprtsec" => argument.only("none")?,
            _ => {}
        }
        Ok(())
    }
}

/// A time in milliseconds; a negative one is none.
fn milliseconds_or_none(milliseconds: i32) -> Option<Duration> {
    u64::try_from(milliseconds).ok().map(Duration::from_millis)
}

/// The inverse of [`milliseconds_or_none`].
fn milliseconds(time: Option<Duration>) -> i32 {
    time.map_or(-1, |time| i32::try_from(time.as_millis()).unwrap_or(i32::MAX))
}

/// One argument of a URL.
struct Argument<'a> {
    name: &'a str,
    value: &'a [u8],
}

impl Argument<'_> {
    fn number<T>(&self, least: T, most: T) -> Result<T>
    where
        T: TryFrom<i64> + Into<i64> + Copy,
    {
        self.number_in(self.value, least, most)
    }

    fn number_in<T>(&self, text: &[u8], least: T, most: T) -> Result<T>
    where
        T: TryFrom<i64> + Into<i64> + Copy,
    {
        let range = least.into()..=most.into();
        let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        number
            .filter(|number| range.contains(number))
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| self.malformed(&format!("a number from {} to {}", range.start(), range.end())))
    }

    /// A uid or gid; -1 is the largest one, as in C.
    fn id(&self) -> Result<u32> {
        if self.value == b"-1" { Ok(u32::MAX) } else { self.number(0, u32::MAX) }
    }

    /// A port; 0 stands for none.
    fn port(&self) -> Result<Option<u16>> {
        Ok(Some(self.number(0, u16::MAX)?).filter(|&port| port != 0))
    }

    /// A time in tenths of a second, as mount(8) counts `timeo`; 0 stands for no limit.
    fn deciseconds(&self) -> Result<Option<Duration>> {
        let tenths: i32 = self.number(0, i32::MAX / 100)?;
        Ok(Some(Duration::from_millis(100 * u64::from(tenths.unsigned_abs()))).filter(|time| !time.is_zero()))
    }

    fn one_or_two(&self) -> Result<(u32, u32)> {
        let mut parts = self.value.splitn(2, |&byte| byte == b',');
        let first = self.number_in(parts.next().unwrap_or_default(), 1, u32::MAX)?;
        Ok((first, parts.next().map_or(Ok(first), |second| self.number_in(second, 1, u32::MAX))?))
    }

    fn word(&self) -> Result<Vec<u8>> {
        if self.value.is_empty() { Err(self.malformed("a name")) } else { Ok(self.value.to_vec()) }
    }

    /// What protects the traffic must not be weaker than asked for: anything but `supported` is refused.
    fn only(&self, supported: &str) -> Result<()> {
        if self.value == supported.as_bytes() {
            return Ok(());
        }
        Err(self.error(libc::EOPNOTSUPP, &format!("only {supported} is supported")))
    }

    fn malformed(&self, expected: &str) -> Error {
        self.error(libc::EINVAL, &format!("{expected} is needed"))
    }

    fn error(&self, errno: libc::c_int, why: &str) -> Error {
        Error::new(
            errno,
            format!("URL argument {}={:?}: {why}", self.name, String::from_utf8_lossy(self.value)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::{Form, Url};

    fn apply(arguments: &str) -> Result<Settings> {
        let url = Url::parse(format!("nfs://server/export?{arguments}").as_bytes(), Form::Directory)?;
        let mut settings = Settings::new(10, 20);
        settings.apply(&url.arguments).map(|()| settings)
    }

    #[test]
    fn arguments_change_their_setting() {
        let settings = apply(
            "version=4&uid=1000&gid=-1&nfsport=2049&mountport=0&readahead=65536&pagecache=16&autoreconnect=-1\
             &tcp-syncnt=3&auto-traverse-mounts=0&dircache=0&debug=2&if=eth0&timeo=50&retrans=5&rsize=8192&wsize=4096\
             &readdir-buffer=1024,4096&sec=sys&xprtsec=none",
        )
        .unwrap();
        assert_eq!((settings.version, settings.uid, settings.gid), (4, 1000, u32::MAX));
        assert_eq!((settings.nfs_port, settings.mount_port), (Some(2049), None));
        assert_eq!((settings.readahead, settings.pagecache, settings.autoreconnect), (65536, 16, -1));
        assert_eq!((settings.tcp_syncnt, settings.retrans, settings.debug), (3, 5, 2));
        assert!(!settings.auto_traverse_mounts && !settings.dircache);
        assert_eq!(settings.interface.as_deref(), Some(b"eth0".as_slice()));
        assert_eq!(settings.timeout, Some(Duration::from_secs(5)));
        assert_eq!((settings.read_max, settings.write_max), (Some(8192), Some(4096)));
        assert_eq!((settings.readdir_dircount, settings.readdir_maxcount), (1024, 4096));
    }

    #[test]
    fn timeouts_are_told_as_they_were_set() {
        let mut settings = Settings::new(10, 20);
        assert_eq!(settings.timeout_milliseconds(), -1);
        for (milliseconds, timeout) in
            [(0, None), (-5, None), (1, Some(1)), (i32::MAX, Some(i32::MAX as u64))]
        {
            settings.set_timeout(milliseconds);
            assert_eq!(settings.timeout_milliseconds(), milliseconds);
            assert_eq!(settings.timeout, timeout.map(Duration::from_millis));
        }
    }

    #[test]
    fn unknown_arguments_are_skipped() {
        assert_eq!(apply("bogus&=1&other=x&uid=7&\u{fe}=1").unwrap().uid, 7);
    }

    #[test]
    fn malformed_values_are_refused_and_change_nothing() {
        for arguments in [
            "uid=abc",
            "uid=",
            "uid",
            "uid=-2",
            "uid=4294967296",
            "gid=1x",
            "version=2",
            "version=",
            "nfsport=70000",
            "mountport=-1",
            "dircache=yes",
            "timeo=x",
            "if=",
            "rsize=0",
            "readdir-buffer=1,",
            "sec=krb5",
            "xprtsec=tls",
            "debug=99999999999999999999",
        ] {
            let name = arguments.split('=').next().unwrap();
            let error = apply(arguments).unwrap_err();
            assert!(error.to_string().contains(name), "{arguments}: {error}");
            let mut settings = Settings::new(10, 20);
            let url = format!("nfs://server/export?gid=5&{arguments}");
            let url = Url::parse(url.as_bytes(), Form::Directory).unwrap();
            assert!(settings.apply(&url.arguments).is_err() && settings.gid == 20, "{arguments}");
        }
    }
}
