//! Ports for the private servers: out of the way of everything that is usually found on a machine.

use std::net::{Ipv4Addr, TcpListener};

use super::error::DevError;

const PORT_MIN: u16 = 10_000;
const PORT_MAX: u16 = 30_000;
const TRIES_MAX: u32 = 200;

/// A port on the loopback that is free now: the `former` one if it is, else any between 10000 and 30000.
///
/// # Errors
/// When none is found.
pub(super) fn choose(former: Option<u16>, taken: &[u16]) -> Result<u16, DevError> {
    let is_free = |port: &u16| !taken.contains(port) && TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    former
        .into_iter()
        .filter(|port| (PORT_MIN..=PORT_MAX).contains(port))
        .chain((0..TRIES_MAX).map(|_| rand::random_range(PORT_MIN..=PORT_MAX)))
        .find(is_free)
        .ok_or_else(|| DevError::Unusable(format!("no free port between {PORT_MIN} and {PORT_MAX} on 127.0.0.1")))
}
