//! One connection: from an address of its own, asked for by a request written by hand.
//!
//! A port leads to the same server port only once from one address, and there are 28,000: so screens come from many
//! addresses of the loopback network, a thousand each.

use std::{
    net::{Ipv4Addr, SocketAddrV4, TcpStream},
    os::fd::AsRawFd as _,
};

use nix::{
    errno::Errno,
    sys::socket::{
        AddressFamily, SockFlag, SockProtocol, SockType, SockaddrIn, bind, connect, setsockopt, socket,
        sockopt::{IpBindAddressNoPort, TcpNoDelay},
    },
};

/// Screens of one address.
const SCREENS_PER_ADDRESS: u32 = 1_000;

/// The example of RFC 6455, section 1.3, and what has to be answered. That a proxy does not answer from its cache is
/// what the nonce is for, and here is none.
const NONCE: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Most bytes of a server's answer.
pub(crate) const ANSWER_LEN_MAX: usize = 8 * 1_024;

/// What an answer to the request is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Not whole yet.
    Partial,
    /// Frames begin here.
    Upgraded(usize),
    /// A status, and the beginning of what was said.
    Refused(String),
}

/// Addresses of one process of `shard`s: apart from those of the others.
pub(crate) fn source(shard: u8, index: u32) -> Ipv4Addr {
    let block = index / SCREENS_PER_ADDRESS;
    Ipv4Addr::new(127, 1 + shard, (block / 250) as u8, 1 + (block % 250) as u8)
}

/// Begins to connect.
pub(crate) fn dial(from: Ipv4Addr, to: SocketAddrV4) -> nix::Result<TcpStream> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Inet, SockType::Stream, flags, SockProtocol::Tcp)?;
    setsockopt(&socket, TcpNoDelay, &true)?;
    // The port is then chosen at connecting, for this pair of addresses.
    setsockopt(&socket, IpBindAddressNoPort, &true)?;
    bind(socket.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(from, 0)))?;
    match connect(socket.as_raw_fd(), &SockaddrIn::from(to)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(TcpStream::from(socket)),
        Err(error) => Err(error),
    }
}

/// The request of an upgrade.
pub(crate) fn request(to: SocketAddrV4, path: &str, subprotocol: Option<&str>) -> String {
    let subprotocol = subprotocol.map_or_else(String::new, |name| format!("Sec-WebSocket-Protocol: {name}\r\n"));
    format!(
        "GET {path} HTTP/1.1\r\nHost: {to}\r\nOrigin: http://{to}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {NONCE}\r\n{subprotocol}\r\n"
    )
}

/// Reads what came.
pub(crate) fn answer(bytes: &[u8]) -> Answer {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
        if bytes.len() > ANSWER_LEN_MAX {
            return Answer::Refused("an answer without an end".to_owned());
        }
        return Answer::Partial;
    };
    let head = String::from_utf8_lossy(&bytes[..end]);
    let accepted = head.starts_with("HTTP/1.1 101 ")
        && head.lines().any(|line| {
            let (name, value) = line.split_once(':').unwrap_or_default();
            name.eq_ignore_ascii_case("sec-websocket-accept") && value.trim() == ACCEPT
        });
    if accepted {
        return Answer::Upgraded(end + 4);
    }
    let said = String::from_utf8_lossy(&bytes[end..]);
    Answer::Refused(format!("{} {}", head.lines().next().unwrap_or_default(), said.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_however_it_is_split() {
        let whole = format!("HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: {ACCEPT}\r\nx: y\r\n\r\n");
        let mut bytes = whole.clone().into_bytes();
        bytes.extend_from_slice(&[0x81, 0x00]);
        for len in 0..whole.len() {
            assert_eq!(answer(&bytes[..len]), Answer::Partial, "{len} bytes");
        }
        assert_eq!(answer(&bytes), Answer::Upgraded(whole.len()));
        let stranger = whole.replace(ACCEPT, "AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        assert!(matches!(answer(stranger.as_bytes()), Answer::Refused(_)), "an answer to somebody else");
        let refused = Answer::Refused("HTTP/1.1 429 Too Many Requests {}".to_owned());
        assert_eq!(answer(b"HTTP/1.1 429 Too Many Requests\r\n\r\n{}"), refused);
    }

    #[test]
    fn no_address_has_too_many_screens() {
        assert_eq!(source(0, 0), Ipv4Addr::new(127, 1, 0, 1));
        assert_eq!(source(0, 999), source(0, 0));
        assert_eq!(source(2, 19_800), Ipv4Addr::new(127, 3, 0, 20));
        assert_ne!(source(0, 250_000), source(0, 0));
    }
}
