//! RPCBIND (RFC 1833) beyond the typed client: version 3 for IPv6 servers, since version 2 knows IPv4 only, and
//! indirect calls for broadcasts.

use super::message::{Message, body_offset};
use crate::error::{Error, Result};
use crate::rpc::Credential;
use crate::xdr::Reader;

/// GETADDR's arguments: program, version, transport, and two strings the server does not need.
pub fn getaddr_arguments(program: u32, version: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(24);
    for word in [program, version, 4] {
        bytes.extend_from_slice(&word.to_be_bytes());
    }
    bytes.extend_from_slice(b"tcp6");
    bytes.extend_from_slice(&[0; 8]);
    bytes
}

/// The port at the end of GETADDR's universal address ("::.8.1" is port 2049); an empty one means none.
pub fn getaddr_port(body: &[u8]) -> Result<u16> {
    let address = Reader::new(body).opaque()?;
    if address.is_empty() {
        return Err(Error::new(
            libc::EPROTONOSUPPORT,
            "the program is not registered with the server's rpcbind",
        ));
    }
    let invalid =
        || Error::malformed(format!("{:?} is not a universal address", String::from_utf8_lossy(address)));
    let text = std::str::from_utf8(address).map_err(|_| invalid())?;
    let mut parts = text.rsplit('.').map(str::parse::<u8>);
    match (parts.next(), parts.next()) {
        (Some(Ok(low)), Some(Ok(high))) => Ok(u16::from_be_bytes([high, low])),
        _ => Err(invalid()),
    }
}

/// A datagram that asks a portmapper (version 2) to forward a call without arguments to one of its programs.
pub fn callit(program: u32, version: u32, procedure: u32) -> Result<Vec<u8>> {
    const PORTMAPPER: u32 = 100_000;
    const CALLIT: u32 = 5;
    let mut message = Message::call(PORTMAPPER, 2, CALLIT, &Credential::raw(0, &[])?);
    for word in [program, version, procedure, 0] {
        message.arguments().extend_from_slice(&word.to_be_bytes());
    }
    let xid = std::process::id();
    let (mut record, sealed) = message.seal(xid, 0);
    sealed.map(|()| record.split_off(4)) // no record mark in a datagram
}

/// Whether a datagram is a successful answer to `question`.
pub fn answers(question: &[u8], answer: &[u8]) -> bool {
    question.get(..4) == answer.get(..4) && matches!(body_offset(answer), Ok(Some(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn universal_addresses() {
        let port = |text: &str| {
            let mut body = (text.len() as u32).to_be_bytes().to_vec();
            body.extend_from_slice(text.as_bytes());
            body.resize(body.len().next_multiple_of(4), 0);
            getaddr_port(&body).map_err(|error| error.errno())
        };
        assert_eq!(port("::.8.1"), Ok(2049));
        assert_eq!(port("fe80::1.0.111"), Ok(111));
        assert_eq!(port(""), Err(libc::EPROTONOSUPPORT));
        assert_eq!(port("::.8.256"), Err(libc::EIO));
        assert_eq!(port("8"), Err(libc::EIO));
        assert!(getaddr_port(&[0, 0, 0, 9, 1]).is_err());
    }
}
