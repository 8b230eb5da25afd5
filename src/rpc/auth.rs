//! Credentials: AUTH_SYS (RFC 5531, appendix A) and whatever the program brings ready-made.

use std::sync::Arc;

use nfs3_client::nfs3_types::rpc::{auth_unix, opaque_auth};
use nfs3_client::nfs3_types::xdr_codec::{Opaque, Pack};
use once_cell::sync::OnceCell;

use crate::error::{Error, Result};

/// AUTH_SYS carries at most this many auxiliary groups.
pub const MAX_GROUPS: usize = 16;

/// The body of a credential is at most this long.
const MAX_BODY: usize = 400;

/// An encoded `opaque_auth`, shared by the calls made under it.
#[derive(Debug, Clone, Eq)]
pub struct Credential(Arc<[u8]>);

impl PartialEq for Credential {
    /// Mostly it is a clone.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Credential {
    /// AUTH_SYS for `uid`, `gid` and the first 16 of `groups`.
    pub fn sys(uid: u32, gid: u32, groups: &[u32]) -> Result<Self> {
        let gids = groups[..groups.len().min(MAX_GROUPS)].to_vec();
        let machinename = Opaque::borrowed(machine_name()?.as_slice());
        let body = opaque_auth::auth_unix(&auth_unix { stamp: 0, machinename, uid, gid, gids });
        Self::encode(&body)
    }

    /// A credential of any flavour, made elsewhere.
    pub fn raw(flavor: u32, body: &[u8]) -> Result<Self> {
        if body.len() > MAX_BODY {
            return Err(Error::new(
                libc::EINVAL,
                format!("a credential of {} bytes is too long", body.len()),
            ));
        }
        let mut bytes = Vec::with_capacity(8 + body.len());
        (flavor.pack(&mut bytes))
            .and_then(|_| Opaque::borrowed(body).pack(&mut bytes))
            .map_err(|error| Error::new(libc::EINVAL, format!("encode the credential: {error}")))?;
        Ok(Self(bytes.into()))
    }

    fn encode(auth: &opaque_auth<'_>) -> Result<Self> {
        Self::raw(auth.flavor as u32, auth.body.as_ref())
    }

    /// Flavour, length and body, padded.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// This machine's name, asked once per process, cut to what AUTH_SYS allows.
fn machine_name() -> Result<&'static Vec<u8>> {
    static NAME: OnceCell<Vec<u8>> = OnceCell::new();
    NAME.get_or_try_init(crate::io::host_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_sixteen_groups() {
        let groups: Vec<u32> = (0..40).collect();
        let credential = Credential::sys(1, 2, &groups).unwrap();
        let bytes = credential.as_bytes();
        assert_eq!(bytes[..4], [0, 0, 0, 1]);
        assert_eq!(bytes[bytes.len() - 4..], 15u32.to_be_bytes());
        assert_eq!(credential, Credential::sys(1, 2, &groups[..16]).unwrap());
    }

    #[test]
    fn raw_bodies_are_bounded_and_padded() {
        assert_eq!(Credential::raw(6, b"abcde").unwrap().as_bytes(), b"\0\0\0\x06\0\0\0\x05abcde\0\0\0");
        assert_eq!(Credential::raw(1, &[0; 401]).unwrap_err().errno(), libc::EINVAL);
    }
}
