//! MOUNT version 3 (RFC 1813, appendix I) and the portmapper.

use std::net::SocketAddr;
use std::time::Instant;

use nfs3_client::nfs3_types::mount::{self, dirpath};
use nfs3_client::nfs3_types::portmap::{self, IPPROTO_TCP};
use nfs3_client::nfs3_types::xdr_codec::Opaque;
use nfs3_client::{MountClient, PortmapperClient};

use super::channel::Channel;
use super::status::{is_refusal, mount_error, portmap_error, rpc_error};
use crate::attributes::Handle;
use crate::error::{Error, Result};
use crate::rpc::{self, CallClass, Credential, Message, Request, Transport};

/// The port that every server has its portmapper on.
pub const PORTMAPPER_PORT: u16 = portmap::PMAP_PORT;

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
}

impl Mount {
    pub const PROGRAM: u32 = mount::PROGRAM;
    pub const VERSION: u32 = mount::VERSION;

    fn client(&self) -> MountClient<Channel> {
        MountClient::new(Channel::new(&self.transport, &self.credential, Some(self.deadline)))
    }

    /// The handle of an exported directory (MNT).
    pub async fn mnt(&self, directory: &[u8]) -> Result<Handle> {
        let reply = self.client().mnt(dirpath(Opaque::borrowed(directory))).await.map_err(mount_error)?;
        Handle::new(&reply.fhandle.0)
    }

    /// Whether MNT was refused for good, and did not merely fail.
    pub fn is_refusal(error: &Error) -> bool {
        is_refusal(error)
    }

    /// Tells the server that the directory is no longer in use (UMNT).
    pub async fn umnt(&self, directory: &[u8]) -> Result<()> {
        self.client().umnt(dirpath(Opaque::borrowed(directory))).await.map_err(rpc_error)
    }

    /// All exported directories (EXPORT).
    pub async fn exports(&self) -> Result<Vec<Export>> {
        let exports = self.client().export().await.map_err(rpc_error)?;
        let names =
            |groups: Vec<mount::name<'_>>| groups.into_iter().map(|name| name.0.into_owned()).collect();
        Ok((exports.into_inner().into_iter())
            .map(|node| Export {
                directory: node.ex_dir.0.into_owned(),
                groups: names(node.ex_groups.into_inner()),
            })
            .collect())
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
        let nobody = Credential::raw(0, &[])?;
        if self.server.is_ipv6() {
            return self.port_ipv6(program, version, &nobody).await;
        }
        let channel = Channel::new(&self.transport, &nobody, Some(self.deadline));
        let port = PortmapperClient::new(channel).getport(program, version, IPPROTO_TCP).await;
        port.map_err(portmap_error)
    }

    async fn port_ipv6(&self, program: u32, version: u32, nobody: &Credential) -> Result<u16> {
        const RPCBIND_VERSION: u32 = 3;
        const GETADDR: u32 = 3;
        let mut message = Message::call(portmap::PROGRAM, RPCBIND_VERSION, GETADDR, nobody);
        message.arguments().extend(rpc::getaddr_arguments(program, version));
        let deadline = Some(self.deadline);
        let request = Request {
            message,
            source: None,
            sink: None,
            deadline,
            limit: 4096,
            class: CallClass::Idempotent,
        };
        let port = rpc::getaddr_port(self.transport.start(request).await?.body())?;
        if port == 0 {
            return Err(Error::malformed("rpcbind names port 0"));
        }
        Ok(port)
    }
}
