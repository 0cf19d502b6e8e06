//! Binding the address guests reach us at: what goes wrong here is said in words that tell what to do.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
};

/// Binds `address`; port 0 takes a free one.
///
/// # Errors
/// One sentence naming the address and the way out.
pub fn bind(address: SocketAddr) -> Result<TcpListener, String> {
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
    let listener = TcpListener::bind(address).map_err(refused)?;
    listener.set_nonblocking(true).map_err(refused)?;
    Ok(listener)
}
