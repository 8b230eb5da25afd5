//! What a context has been told to do: by calls, or by the arguments of a URL.

#![allow(dead_code, reason = "some settings are remembered for what is still to come")]

use std::fmt::Write;
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
    /// Minor version of NFS version 4; None for the highest that both sides have.
    pub minor: Option<u32>,
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
    /// Stands for a port that is none, with which nothing can be mounted.
    pub const NO_PORT: u16 = 0;

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
            minor: None,
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

    /// Applies the arguments of a URL, or none of them where one asks for security that there is not. Like libnfs it
    /// minds no other value; what it ignored, or read as another number than a person would, is returned in words,
    /// each argument after a space and before a semicolon.
    pub fn apply(&mut self, arguments: &Arguments) -> Result<String> {
        for (name, value) in arguments {
            check_security(name, value.as_deref().unwrap_or_default())?;
        }
        let mut notes = String::new();
        for (name, value) in arguments {
            let understood = value.as_ref().map_or(Understood::Ignored, |value| self.apply_one(name, value));
            let (name, value) = (String::from_utf8_lossy(name), value.as_deref().unwrap_or_default());
            let value = String::from_utf8_lossy(value);
            // A string takes everything.
            let _ = match understood {
                Understood::Exactly => Ok(()),
                Understood::As(number) => write!(notes, " {name}={value} is read as {number};"),
                Understood::Ignored => write!(notes, " {name}={value} is ignored;"),
            };
        }
        Ok(notes)
    }

    fn apply_one(&mut self, name: &[u8], value: &[u8]) -> Understood {
        // Like mount(8), not what is too small to be meant, as in `rsize=1M`.
        const LEAST_TRANSFER: i32 = 1024;

        let (number, exact) = atoi(value);
        let port = u16::try_from(number).ok();
        let size = u32::try_from(number).unwrap_or(0);
        match name {
            b"version" if (3..=4).contains(&number) => {
                (self.version, self.minor) = (size, minor(value));
                return if exact || self.minor.is_some() {
                    Understood::Exactly
                } else {
                    Understood::As(number)
                };
            }
            b"uid" => self.uid = number as u32,
            b"gid" => self.gid = number as u32,
            b"nfsport" if port.is_some() => self.nfs_port = port.filter(|&port| port != 0),
            b"mountport" if port.is_some() => self.mount_port = port.filter(|&port| port != 0),
            b"readahead" => self.readahead = size,
            b"pagecache" => self.pagecache = size,
            b"autoreconnect" => self.autoreconnect = number.max(-1),
            b"tcp-syncnt" => self.tcp_syncnt = size,
            b"auto-traverse-mounts" => self.auto_traverse_mounts = number != 0,
            b"dircache" => self.dircache = number != 0,
            b"debug" => self.debug = number,
            b"timeo" => self.timeout = deciseconds(number),
            b"retrans" => self.retrans = size.min(1000),
            b"rsize" if number >= LEAST_TRANSFER => self.read_max = Some(size.into()),
            b"wsize" if number >= LEAST_TRANSFER => self.write_max = Some(size.into()),
            b"readdir-buffer" => {
                let second = value.iter().position(|&byte| byte == b',').map(|comma| &value[comma + 1..]);
                let (second, exact) = second.map_or((number, exact), atoi);
                self.readdir_dircount = size;
                self.readdir_maxcount = u32::try_from(second).unwrap_or(0);
                return Understood::number(second, exact);
            }
            b"if" => {
                self.interface = Some(value.to_vec()).filter(|name| !name.is_empty());
                return Understood::Exactly;
            }
            b"sec" | b"xprtsec" => return Understood::Exactly,
            _ => return Understood::Ignored,
        }
        Understood::number(number, exact)
    }
}

/// What became of an argument of a URL.
#[derive(Clone, Copy)]
enum Understood {
    Exactly,
    /// As a number, with something that is no number in its value.
    As(i32),
    Ignored,
}

impl Understood {
    fn number(number: i32, exact: bool) -> Self {
        if exact { Self::Exactly } else { Self::As(number) }
    }
}

/// The number that atoi(3) finds in a text, and whether the text is that number.
fn atoi(text: &[u8]) -> (i32, bool) {
    let digits = text.trim_ascii_start();
    let (negative, digits) = match digits {
        [sign @ (b'+' | b'-'), digits @ ..] => (*sign == b'-', digits),
        _ => (false, digits),
    };
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let value = digits[..length]
        .iter()
        .fold(0i64, |value, digit| value.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    let value = if negative { -value } else { value };
    // As in C: a uid may be written as an unsigned number or as a negative one.
    (value as i32, length > 0 && length == digits.len() && i64::from(value as u32) >= value)
}

/// A time in tenths of a second, as mount(8) counts `timeo`; 0 and less stands for no limit.
/// Of "4.1": that which follows the point.
fn minor(version: &[u8]) -> Option<u32> {
    match version {
        [b'4', b'.', digit] if digit.is_ascii_digit() => Some((digit - b'0').into()),
        _ => None,
    }
}

fn deciseconds(tenths: i32) -> Option<Duration> {
    let tenths = u64::try_from(tenths).ok().filter(|&tenths| tenths > 0)?;
    Some(Duration::from_millis(100 * tenths))
}

/// What protects the traffic must not be weaker than asked for: anything but what there is is refused.
fn check_security(name: &[u8], value: &[u8]) -> Result<()> {
    let (name, supported) = match name {
        b"sec" => ("sec", "sys"),
        b"xprtsec" => ("xprtsec", "none"),
        _ => return Ok(()),
    };
    if value.is_empty() || value == supported.as_bytes() {
        return Ok(());
    }
    let value = String::from_utf8_lossy(value);
    Err(Error::new(libc::EOPNOTSUPP, format!("URL argument {name}={value}: only {supported} is supported")))
}

/// A time in milliseconds; a negative one is none.
fn milliseconds_or_none(milliseconds: i32) -> Option<Duration> {
    u64::try_from(milliseconds).ok().map(Duration::from_millis)
}

/// The inverse of [`milliseconds_or_none`].
fn milliseconds(time: Option<Duration>) -> i32 {
    time.map_or(-1, |time| i32::try_from(time.as_millis()).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::{Form, Syntax, Url};

    fn apply(arguments: &str) -> Result<(Settings, String)> {
        let url = format!("nfs://server/export?{arguments}");
        let url = Url::parse(url.as_bytes(), Form::Directory, Syntax::Plain)?;
        let mut settings = Settings::new(10, 20);
        settings.apply(&url.arguments).map(|notes| (settings, notes))
    }

    #[test]
    fn arguments_change_their_setting() {
        let (settings, notes) = apply(
            "version=4&uid=1000&gid=-1&nfsport=2049&mountport=0&readahead=65536&pagecache=16&autoreconnect=-1\
             &tcp-syncnt=3&auto-traverse-mounts=0&dircache=0&debug=2&if=eth0&timeo=50&retrans=5&rsize=8192&wsize=4096\
             &readdir-buffer=1024,4096&sec=sys&xprtsec=none",
        )
        .unwrap();
        assert!(notes.is_empty(), "{notes:?}");
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
    fn numbers_are_read_as_c_does() {
        for (text, number) in [
            ("0", 0),
            ("7", 7),
            ("-2", -2),
            ("+5", 5),
            (" 6", 6),
            ("007", 7),
            ("4294967295", -1),
            ("4294967294", -2),
            ("2147483647", i32::MAX),
        ] {
            assert_eq!(atoi(text.as_bytes()), (number, true), "{text:?}");
        }
        for (text, number) in [
            ("", 0),
            ("-", 0),
            ("x", 0),
            ("1M", 1),
            ("1 ", 1),
            ("--1", 0),
            ("0x10", 0),
            ("{VERS}", 0),
            ("4294967296", 0),
            ("99999999999999999999", -1),
        ] {
            assert_eq!(atoi(text.as_bytes()), (number, false), "{text:?}");
        }
    }

    #[test]
    fn no_value_is_an_error() {
        let (settings, notes) = apply(
            "version&version={VERS}&uid=-2&gid=x&nfsport=70000&mountport=-1&readahead=1M&dircache=2&autoreconnect=\
             &readdir-buffer=0,x&rsize=1M&wsize=0&timeo=-5&retrans=-1&tcp-syncnt=-1&if=&bogus=1&=1&auto-traverse-mounts",
        )
        .unwrap();
        assert_eq!((settings.version, settings.uid, settings.gid), (3, u32::MAX - 1, 0));
        assert_eq!((settings.nfs_port, settings.mount_port), (None, None));
        assert_eq!((settings.readahead, settings.autoreconnect), (1, 0));
        assert!(settings.dircache && settings.auto_traverse_mounts);
        assert_eq!((settings.read_max, settings.write_max), (None, None));
        assert_eq!((settings.readdir_dircount, settings.readdir_maxcount), (0, 0));
        assert_eq!((settings.timeout, settings.retrans, settings.tcp_syncnt), (None, 0, 0));
        assert_eq!(
            notes,
            " version= is ignored; version={VERS} is ignored; gid=x is read as 0; nfsport=70000 is ignored;\
             \x20mountport=-1 is ignored; readahead=1M is read as 1; autoreconnect= is read as 0;\
             \x20readdir-buffer=0,x is read as 0; rsize=1M is ignored; wsize=0 is ignored; bogus=1 is ignored;\
             \x20=1 is ignored; auto-traverse-mounts= is ignored;"
        );
    }

    #[test]
    fn security_that_there_is_not_is_refused_and_changes_nothing() {
        for arguments in ["sec=krb5", "sec=krb5:sys", "xprtsec=tls", "xprtsec=mtls"] {
            let error = apply(arguments).unwrap_err();
            assert!(error.to_string().contains(arguments), "{arguments}: {error}");
            let mut settings = Settings::new(10, 20);
            let url = format!("nfs://server/export?gid=5&{arguments}");
            let url = Url::parse(url.as_bytes(), Form::Directory, Syntax::Plain).unwrap();
            assert!(settings.apply(&url.arguments).is_err() && settings.gid == 20, "{arguments}");
        }
        assert!(apply("sec&xprtsec=&sec=sys&xprtsec=none").is_ok());
    }
}
