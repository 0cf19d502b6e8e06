//! Binding the address guests reach us at: what goes wrong here is said in words that tell what to do.

use std::{
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener},
};

use socket2::{Domain, Socket, Type};

/// Connections that wait to be accepted, at most (the system may allow fewer): when a server comes back, all its
/// screens do at once, and who is turned away tries again only a second later.
const BACKLOG: i32 = 4_096;

/// Binds `address`; port 0 takes a free one. `shared`: other servers of this machine may listen on it, too, and the
/// system deals connections out among them.
///
/// # Errors
/// One sentence naming the address and the way out.
pub fn bind(address: SocketAddr, shared: bool) -> Result<TcpListener, String> {
    let refused = |error: std::io::Error| match error.kind() {
        ErrorKind::AddrInUse => {
            format!(
                "{address} is already in use: stop what listens there, or choose another with --listen or WAITLESS_LISTEN"
            )
        }
        ErrorKind::AddrNotAvailable => {
            format!("{address} is not an address of this machine: choose another with --listen or WAITLESS_LISTEN")
        }
        ErrorKind::PermissionDenied => {
            format!(
                "listening on {address} is not permitted: choose a port from 1024 up with --listen or WAITLESS_LISTEN"
            )
        }
        _ => format!("cannot listen on {address}: {error}; choose another with --listen or WAITLESS_LISTEN"),
    };
    open(address, shared).map_err(refused)
}

fn open(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // A server that was stopped a moment ago has left connections behind that are in nobody's way.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_shared_only_by_those_who_say_so() {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let alone = bind(free, false).expect("a free port");
        let its = alone.local_addr().expect("bound");
        assert!(bind(its, false).expect_err("taken").contains("already in use"));
        assert!(bind(its, true).expect_err("taken").contains("already in use"));
        let shared = bind(free, true).expect("a free port");
        let its = shared.local_addr().expect("bound");
        assert_eq!(bind(its, true).expect("shared").local_addr().expect("bound"), its);
        assert!(bind(its, false).is_err(), "not by one that did not say so");
    }
}
