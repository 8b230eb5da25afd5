//! MOUNT version 3 (RFC 1813, appendix I) and the portmapper (RFC 1833): short calls, decoded in place. What follows a
//! result that is understood does not matter.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Instant;

use nfs3_client::nfs3_types::mount::{self, MOUNT_PROGRAM};
use nfs3_client::nfs3_types::portmap::{self, IPPROTO_TCP};

use super::convert::handle;
use super::data::put_opaque;
use super::status::{is_refusal, mount_error};
use crate::attributes::Handle;
use crate::error::{Error, Result};
use crate::rpc::{self, CallClass, Credential, Message, Pending, Request, Transport};
use crate::xdr::Reader;

/// The port that every server has its portmapper on.
pub const PORTMAPPER_PORT: u16 = portmap::PMAP_PORT;

/// Longest list of exports, and longest reply of the other calls, bytes.
const MAX_EXPORTS: usize = 4 << 20;
const MAX_REPLY: usize = 64 << 10;

/// Longest name in a list of exports, bytes: much longer than a path may be anywhere.
const MAX_NAME: usize = 64 << 10;

/// One exported directory and who may mount it (nobody named: everybody).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    pub directory: Vec<u8>,
    pub groups: Vec<Vec<u8>>,
}

/// The mount service, over one connection and until one deadline.
pub struct Mount {
    pub transport: Transport,
    pub credential: Credential,
    pub deadline: Instant,
    /// The connection comes from a reserved port, which servers ask for as a rule.
    pub is_privileged: bool,
}

/// Queues a call that may be sent twice.
fn start(
    transport: &Transport,
    mut message: Message,
    arguments: &[u8],
    deadline: Instant,
    limit: usize,
) -> Pending {
    message.arguments().extend_from_slice(arguments);
    let (deadline, class) = (Some(deadline), CallClass::Idempotent);
    transport.start(Request { message, source: None, sink: None, deadline, limit, class })
}

impl Mount {
    pub const PROGRAM: u32 = mount::PROGRAM;
    pub const VERSION: u32 = mount::VERSION;

    fn start(&self, procedure: MOUNT_PROGRAM, directory: Option<&[u8]>, limit: usize) -> Pending {
        let message = Message::call(Self::PROGRAM, Self::VERSION, procedure as u32, &self.credential);
        let mut arguments = Vec::new();
        if let Some(directory) = directory {
            put_opaque(&mut arguments, directory);
        }
        start(&self.transport, message, &arguments, self.deadline, limit)
    }

    /// The handle of an exported directory (MNT). The call is on its way when this returns.
    pub fn mnt(&self, directory: &[u8]) -> impl Future<Output = Result<Handle>> + Send + use<> {
        let call = self.start(MOUNT_PROGRAM::MOUNTPROC3_MNT, Some(directory), MAX_REPLY);
        async move {
            let reply = call.await?;
            let mut reader = Reader::new(reply.body());
            match reader.u32()? {
                0 => handle(&mut reader),
                status => Err(mount_error(status)),
            }
        }
    }

    /// Whether MNT was refused for good, and did not merely fail.
    pub fn is_refusal(error: &Error) -> bool {
        is_refusal(error)
    }

    /// As [`Mount::is_refusal`], when it cannot have been for the port alone.
    pub fn is_refusal_of_caller(&self, error: &Error) -> bool {
        is_refusal(error) && (self.is_privileged || ![libc::EACCES, libc::EPERM].contains(&error.errno()))
    }

    /// Tells the server that the directory is no longer in use (UMNT).
    pub async fn umnt(&self, directory: &[u8]) -> Result<()> {
        self.start(MOUNT_PROGRAM::MOUNTPROC3_UMNT, Some(directory), MAX_REPLY).await.map(drop)
    }

    /// All exported directories (EXPORT). The call is on its way when this returns.
    pub fn exports(&self) -> impl Future<Output = Result<Vec<Export>>> + Send + use<> {
        let call = self.start(MOUNT_PROGRAM::MOUNTPROC3_EXPORT, None, MAX_EXPORTS);
        async move { exports(Reader::new(call.await?.body())) }
    }
}

/// exports: a list of directories, each with a list of groups.
fn exports(mut reader: Reader<'_>) -> Result<Vec<Export>> {
    let mut exports = Vec::new();
    while follows(&mut reader)? {
        let (directory, mut groups) = (name(&mut reader)?, Vec::new());
        while follows(&mut reader)? {
            groups.push(name(&mut reader)?);
        }
        exports.push(Export { directory, groups });
    }
    Ok(exports)
}

/// Whether an element of a list follows: a word that is not 0, as libnfs takes it.
fn follows(reader: &mut Reader<'_>) -> Result<bool> {
    Ok(reader.u32()? != 0)
}

fn name(reader: &mut Reader<'_>) -> Result<Vec<u8>> {
    match reader.opaque()? {
        name if name.len() > MAX_NAME => {
            Err(Error::malformed(format!("a name of {} bytes in the list of exports", name.len())))
        }
        name => Ok(name.to_vec()),
    }
}

/// The portmapper of one server, over one connection and until one deadline.
pub struct PortMapper {
    pub transport: Transport,
    pub server: SocketAddr,
    pub deadline: Instant,
}

impl PortMapper {
    /// The TCP port of a program: by GETPORT (version 2), or GETADDR (version 3) where the server's address is
    /// an IPv6 one.
    pub async fn port(&self, program: u32, version: u32) -> Result<u16> {
        const GETPORT: u32 = 3;
        const RPCBIND_VERSION: u32 = 3;
        const GETADDR: u32 = 3;
        let (rpcbind, procedure, arguments) = match self.server.is_ipv6() {
            true => (RPCBIND_VERSION, GETADDR, rpc::getaddr_arguments(program, version)),
            false => {
                let mapping = [program, version, IPPROTO_TCP, 0];
                (portmap::VERSION, GETPORT, mapping.iter().flat_map(|word| word.to_be_bytes()).collect())
            }
        };
        let message = Message::call(portmap::PROGRAM, rpcbind, procedure, &Credential::raw(0, &[])?);
        let reply = start(&self.transport, message, &arguments, self.deadline, MAX_REPLY).await?;
        if self.server.is_ipv6() {
            return match rpc::getaddr_port(reply.body())? {
                0 => Err(Error::malformed("rpcbind names port 0")),
                port => Ok(port),
            };
        }
        match Reader::new(reply.body()).u32()? {
            0 => Err(Error::new(
                libc::EPROTONOSUPPORT,
                "the program is not registered with the server's portmapper",
            )),
            port => {
                u16::try_from(port).map_err(|_| Error::malformed(format!("the portmapper names port {port}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words, and names among them.
    fn list(parts: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in parts {
            match part {
                [number] if *number < b' ' => bytes.extend_from_slice(&[0, 0, 0, *number]),
                name => put_opaque(&mut bytes, name),
            }
        }
        bytes
    }

    #[test]
    fn lists_of_exports() {
        let whole = list(&[&[1], b"/a", &[1], b"one", &[1], b"two", &[0], &[1], b"/b", &[0], &[0]]);
        let decoded = exports(Reader::new(&whole)).unwrap();
        let names = |names: &[&[u8]]| names.iter().map(|name| name.to_vec()).collect::<Vec<_>>();
        let expected = [(b"/a".to_vec(), names(&[b"one", b"two"])), (b"/b".to_vec(), names(&[]))];
        let expected = expected.map(|(directory, groups)| Export { directory, groups });
        assert_eq!(decoded, expected);
        for length in 0..whole.len() {
            assert!(exports(Reader::new(&whole[..length])).is_err(), "{length} bytes");
        }
        let more = [&whole[..], &[9; 5]].concat();
        assert_eq!(exports(Reader::new(&more)).unwrap(), expected, "bytes behind the list");
        assert_eq!(exports(Reader::new(&list(&[&[2], b"/a", &[0], &[0]]))).unwrap().len(), 1, "true is 2");
        let long = vec![b'/'; MAX_NAME + 1];
        assert!(exports(Reader::new(&list(&[&[1], &long, &[0], &[0]]))).is_err());
    }
}
