//! The socket loop: the WebSockets of this server, from the upgrade on.
//!
//! A few threads, the shards, hold all of them: each an entry in a slab, no task, no buffer. A frame is encoded once
//! and written to each socket by one system call; what a client does not take at once is kept until it does, and then
//! it gets the newest state.
//!
//! Reading order: `frame` (what clients send), `connection` (one of them), `wheel` (times), `shard` (the loop).

pub(super) mod connection;
pub(super) mod frame;
mod shard;
mod wheel;

use std::{
    io,
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use bytes::Bytes;

use super::Watcher;
pub use connection::Dismissal;
use shard::Shard;

/// A WebSocket after its upgrade. `K` is what must be kept while it is open, and is dropped with it.
pub struct Upgraded<K> {
    /// In non-blocking mode.
    pub stream: TcpStream,
    /// What the client has sent since the upgrade and was read with it.
    pub read: Bytes,
    /// Who speaks.
    pub watcher: Watcher,
    /// Says when it has to end.
    pub dismissal: Option<Dismissal>,
    /// Kept while it is open.
    pub keeps: K,
}

/// All WebSockets of this server. They end when this is dropped.
pub struct Sockets<K: Send + 'static> {
    shards: Vec<Arc<Shard<K>>>,
    turn: AtomicUsize,
}

impl<K: Send + 'static> Sockets<K> {
    /// Starts so many shards. Must be called within a tokio runtime, which asks the source for them.
    ///
    /// # Errors
    /// When the system gives no thread or no file.
    pub fn start(shards: usize) -> io::Result<Self> {
        let shards = (0..shards).map(Shard::start).collect::<io::Result<_>>()?;
        Ok(Self { shards, turn: AtomicUsize::new(0) })
    }

    /// Holds a connection until it ends.
    pub fn hold(&self, upgraded: Upgraded<K>) {
        let index = self.turn.fetch_add(1, Relaxed) % self.shards.len().max(1);
        if let Some(shard) = self.shards.get(index) {
            shard.hold(upgraded);
        }
    }
}

impl<K: Send + 'static> Drop for Sockets<K> {
    fn drop(&mut self) {
        for shard in &self.shards {
            shard.stop();
        }
    }
}
