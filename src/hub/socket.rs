//! The seam between a watcher and its connection: `src/api/live.rs` is the one over axum, tests have one in memory.

use std::future::Future;

use bytes::Bytes;

use super::Text;
use crate::protocol::CloseCode;

/// The connection is gone; nobody can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// What a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inbound {
    /// Text.
    Text(Bytes),
    /// Something else: always refused.
    Binary,
    /// More than the connection takes.
    TooLarge,
    /// Text that is not UTF-8.
    Invalid,
    /// What is no frame at all.
    Malformed,
    /// Ping or pong; the connection answers by itself.
    Control,
    /// The connection ends.
    Closed,
}

/// A connection that carries text frames.
pub trait Socket: Send {
    /// Hands a frame to the network.
    ///
    /// # Cancel safety
    /// None: after giving up a send, only `close` may follow.
    fn send(&mut self, text: Text) -> impl Future<Output = Result<(), Gone>> + Send;

    /// The next frame of the client.
    ///
    /// # Cancel safety
    /// A cancelled call loses nothing.
    fn receive(&mut self) -> impl Future<Output = Inbound> + Send;

    /// Says why, and ends the connection.
    fn close(&mut self, code: CloseCode) -> impl Future<Output = ()> + Send;
}
