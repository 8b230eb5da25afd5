//! The library's one error type: an errno, a cause in words, and what was being done to which path.

use std::borrow::Cow;
use std::fmt;
use std::io;

use libc::c_int;

/// Result of everything below the C border.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an operation failed. `Display` gives the sentence that `nfs_get_error()` returns.
/// One word, so that results stay small where nothing fails.
#[derive(Debug, Clone)]
pub struct Error(Box<Details>);

/// A status in a reply, of the protocol that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Nfs(u32),
    Mount(u32),
    /// RPC's GARBAGE_ARGS: the server cannot decode the arguments.
    Undecodable,
}

#[derive(Debug, Clone)]
struct Details {
    errno: c_int,
    cause: Cow<'static, str>,
    operation: Option<&'static str>,
    path: Option<Box<[u8]>>,
    /// The status in the server's reply, where that was the cause.
    status: Option<Status>,
    /// The server may have done what it now refuses: the call was sent twice.
    retransmitted: bool,
}

impl Error {
    /// An error with a positive `errno` and a cause in words.
    pub fn new(errno: c_int, cause: impl Into<Cow<'static, str>>) -> Self {
        let cause = cause.into();
        let (operation, path, status, retransmitted) = (None, None, None, false);
        Self(Box::new(Details { errno, cause, operation, path, status, retransmitted }))
    }

    /// A reply that breaks the protocol: nothing in it can be trusted.
    pub fn malformed(cause: impl Into<Cow<'static, str>>) -> Self {
        Self::new(libc::EIO, cause)
    }

    /// Adds the NFS status that was the cause.
    pub fn with_status(mut self, status: u32) -> Self {
        self.0.status = Some(Status::Nfs(status));
        self
    }

    /// Adds the status of MNT that was the cause.
    pub fn with_mount_status(mut self, status: u32) -> Self {
        self.0.status = Some(Status::Mount(status));
        self
    }

    /// Notes that the server could not decode the arguments.
    pub fn with_undecodable(mut self) -> Self {
        self.0.status = Some(Status::Undecodable);
        self
    }

    /// Whether the server could not decode the arguments.
    pub fn is_undecodable(&self) -> bool {
        self.0.status == Some(Status::Undecodable)
    }

    /// The NFS status that was the cause.
    pub fn status(&self) -> Option<u32> {
        match self.0.status {
            Some(Status::Nfs(status)) => Some(status),
            _ => None,
        }
    }

    /// The status of MNT that was the cause.
    pub fn mount_status(&self) -> Option<u32> {
        match self.0.status {
            Some(Status::Mount(status)) => Some(status),
            _ => None,
        }
    }

    /// Notes that the call was sent more than once: the sentence says so.
    pub fn with_retransmitted(mut self, retransmitted: bool) -> Self {
        self.0.retransmitted = retransmitted;
        self
    }

    /// Whether the call was sent more than once and the refusal may come from its own first sending. That is no proof:
    /// another client may have made or removed the name.
    pub fn may_be_done(&self, errno: c_int) -> bool {
        self.0.retransmitted && self.0.errno == errno
    }

    /// The positive errno.
    pub fn errno(&self) -> c_int {
        self.0.errno
    }

    /// Whether a living server has said so, or a path leads nowhere: the program may expect that.
    pub fn is_ordinary(&self) -> bool {
        self.0.status.is_some() || self.0.errno == libc::ENOENT
    }

    /// Adds the operation that failed. The innermost name stays: it is the most exact one.
    pub fn during(mut self, operation: &'static str) -> Self {
        self.0.operation.get_or_insert(operation);
        self
    }

    /// Adds the path the operation was about, as the caller gave it.
    pub fn at(mut self, path: &[u8]) -> Self {
        self.0.path.get_or_insert_with(|| path.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(operation) = self.0.operation {
            write!(f, "{operation}")?;
            if let Some(path) = &self.0.path {
                write!(f, " {}", String::from_utf8_lossy(path))?;
            }
            write!(f, ": ")?;
        }
        write!(f, "{}", self.0.cause)?;
        if self.0.retransmitted {
            write!(f, "; the call was retransmitted and may have been done the first time")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// An error of the system in its own words, without what Rust adds to them.
pub fn words(error: &io::Error) -> String {
    let mut text = error.to_string();
    if error.raw_os_error().is_some() {
        text.truncate(text.rfind('(').unwrap_or(text.len()));
        text.truncate(text.trim_end().len());
    }
    text.strip_prefix("failed to lookup address information: ").map_or(text.clone(), str::to_owned)
}

impl Error {
    /// An error of the system, in what it was asked to do.
    pub fn system(doing: fmt::Arguments<'_>, error: &io::Error) -> Self {
        Self::new(error.raw_os_error().unwrap_or(libc::EIO), format!("{doing}: {}", words(error)))
    }
}

impl From<io::Error> for Error {
    /// Unwraps an `Error` that travelled inside an `io::Error`; anything else keeps its errno.
    fn from(error: io::Error) -> Self {
        let errno = error.raw_os_error().unwrap_or(libc::EIO);
        match error.downcast::<Error>() {
            Ok(inner) => inner,
            Err(error) => Self::new(errno, words(&error)),
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        io::Error::other(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentence_names_operation_and_path() {
        let error =
            Error::new(libc::ENOENT, "NFS3ERR_NOENT").during("lookup").at(b"/a").during("stat").at(b"/b");
        assert_eq!(error.to_string(), "lookup /a: NFS3ERR_NOENT");
        assert_eq!(error.errno(), libc::ENOENT);
        assert!(!error.may_be_done(libc::ENOENT));
        let error = error.with_retransmitted(true);
        assert!(
            error
                .to_string()
                .ends_with("NFS3ERR_NOENT; the call was retransmitted and may have been done the first time")
        );
        assert!(error.may_be_done(libc::ENOENT) && !error.may_be_done(libc::EEXIST));
    }

    #[test]
    fn survives_a_trip_through_io_error() {
        let error: Error = io::Error::from(Error::new(libc::ETIMEDOUT, "late")).into();
        assert_eq!((error.errno(), error.to_string()), (libc::ETIMEDOUT, "late".to_string()));
        let error: Error = io::Error::from_raw_os_error(libc::ECONNRESET).into();
        assert_eq!(error.errno(), libc::ECONNRESET);
        assert_eq!(error.to_string(), "Connection reset by peer");
        let refused = io::Error::from_raw_os_error(libc::ECONNREFUSED);
        let error = Error::system(format_args!("connect to {}", "server"), &refused);
        assert_eq!(error.to_string(), "connect to server: Connection refused");
    }
}
