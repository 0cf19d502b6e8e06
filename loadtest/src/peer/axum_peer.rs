//! axum 0.8: as it comes, and as well as it can be set without leaving it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use axum::{
    Router,
    extract::{
        Path, State,
        ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade},
    },
    response::Response,
    routing::get,
};
use futures_util::StreamExt as _;
use tokio::{
    net::TcpListener,
    sync::{broadcast, watch},
};

use super::room_of;

/// What the examples of broadcasting servers use.
const BROADCAST_LEN: usize = 1_024;

/// Of the tuned one.
const READ_BUFFER_LEN: usize = 2_048;

struct Room {
    /// The tuned one has only this.
    newest: watch::Sender<Utf8Bytes>,
    every: broadcast::Sender<Utf8Bytes>,
}

#[derive(Clone)]
struct Peer {
    tuned: bool,
    rooms: Arc<Mutex<HashMap<u32, Arc<Room>>>>,
}

impl Peer {
    fn room(&self, number: u32) -> Arc<Room> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let room = rooms.entry(number).or_insert_with(|| {
            // A channel that the tuned one does not use is as small as can be.
            let len = if self.tuned { 1 } else { BROADCAST_LEN };
            Arc::new(Room { newest: watch::Sender::default(), every: broadcast::channel(len).0 })
        });
        Arc::clone(room)
    }
}

pub(super) async fn run(redis: &str, tuned: bool) -> anyhow::Result<()> {
    let peer = Peer { tuned, rooms: Arc::default() };
    let mut messages = redis::Client::open(redis)?.get_async_pubsub().await.context("Redis")?;
    messages.psubscribe("r*").await?;
    let hub = peer.clone();
    tokio::spawn(async move {
        let mut messages = messages.into_on_message();
        while let Some(message) = messages.next().await {
            let text = Utf8Bytes::try_from(message.get_payload_bytes().to_vec());
            let (Some(number), Ok(text)) = (room_of(message.get_channel_name()), text) else { continue };
            let room = hub.room(number);
            room.newest.send_replace(text.clone());
            if !tuned {
                // Nobody may be there.
                let _ = room.every.send(text);
            }
        }
        eprintln!("the peer's Redis has gone");
    });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("ready http://{}", listener.local_addr()?);
    axum::serve(listener, Router::new().route("/room/{room}", get(enter)).with_state(peer)).await?;
    Ok(())
}

async fn enter(State(peer): State<Peer>, Path(room): Path<u32>, upgrade: WebSocketUpgrade) -> Response {
    let room = peer.room(room);
    if peer.tuned {
        let upgrade = upgrade.read_buffer_size(READ_BUFFER_LEN).write_buffer_size(0);
        upgrade.on_upgrade(move |socket| watch_newest(socket, room))
    } else {
        upgrade.on_upgrade(move |socket| hear_every(socket, room))
    }
}

async fn hear_every(mut socket: WebSocket, room: Arc<Room>) {
    let mut every = room.every.subscribe();
    let newest = room.newest.borrow().clone();
    if socket.send(Message::Text(newest)).await.is_err() {
        return;
    }
    loop {
        tokio::select! {
            message = every.recv() => match message {
                Ok(text) => if socket.send(Message::Text(text)).await.is_err() { return },
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            },
            inbound = socket.recv() => if !matches!(inbound, Some(Ok(_))) { return },
        }
    }
}

async fn watch_newest(mut socket: WebSocket, room: Arc<Room>) {
    let mut newest = room.newest.subscribe();
    newest.mark_changed();
    loop {
        tokio::select! {
            changed = newest.changed() => {
                let text = newest.borrow_and_update().clone();
                if changed.is_err() || socket.send(Message::Text(text)).await.is_err() {
                    return;
                }
            }
            inbound = socket.recv() => if !matches!(inbound, Some(Ok(_))) { return },
        }
    }
}
