//! The floor: what the kernel alone costs. One epoll thread, no buffers, one `send` for each subscriber and message.
//!
//! A subscriber whose socket is full is cut, and said so: nothing is kept for later, so nothing can be made up for.

use std::{
    collections::HashMap,
    io::{ErrorKind, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, mpsc},
};

use anyhow::Context as _;
use nix::sys::{
    epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
    eventfd::{EfdFlags, EventFd},
    socket::{Backlog, listen},
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::room_of;
use crate::engine::frame::{TEXT, unmasked};

const LISTENER: u64 = u64::MAX;
const BELL: u64 = u64::MAX - 1;

/// A request that is longer is no request.
const REQUEST_LEN_MAX: usize = 4 * 1_024;

#[derive(Default)]
struct Room {
    newest: Vec<u8>,
    members: Vec<usize>,
}

struct Client {
    stream: TcpStream,
    /// `None` until it has asked for one.
    room: Option<u32>,
}

struct Floor {
    epoll: Epoll,
    clients: Vec<Option<Client>>,
    free: Vec<usize>,
    rooms: HashMap<u32, Room>,
}

pub(super) fn run(redis: &str) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    // Again with as long a queue as the kernel grants.
    listen(&listener, Backlog::MAXCONN)?;
    listener.set_nonblocking(true)?;
    let bell = Arc::new(EventFd::from_value_and_flags(0, EfdFlags::EFD_NONBLOCK)?);
    let (sender, inbox) = mpsc::channel::<(u32, Vec<u8>)>();
    let mut connection = redis::Client::open(redis)?.get_connection().context("Redis")?;
    let ringing = Arc::clone(&bell);
    let mut subscriber = move || -> anyhow::Result<()> {
        let mut messages = connection.as_pubsub();
        messages.psubscribe("r*")?;
        loop {
            let message = messages.get_message()?;
            let Some(room) = room_of(message.get_channel_name()) else { continue };
            sender.send((room, unmasked(TEXT, message.get_payload_bytes())))?;
            ringing.write(1)?;
        }
    };
    std::thread::spawn(move || {
        if let Err(error) = subscriber() {
            eprintln!("the floor's Redis: {error:#}");
        }
    });

    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    epoll.add(&bell, EpollEvent::new(EpollFlags::EPOLLIN, BELL))?;
    println!("ready http://{}", listener.local_addr()?);
    let mut floor = Floor { epoll, clients: Vec::new(), free: Vec::new(), rooms: HashMap::new() };
    let mut events = vec![EpollEvent::empty(); 1_024];
    loop {
        let count = match floor.epoll.wait(&mut events, EpollTimeout::NONE) {
            Ok(count) => count,
            Err(nix::errno::Errno::EINTR) => continue,
            Err(error) => return Err(error.into()),
        };
        for event in &events[..count] {
            match event.data() {
                LISTENER => floor.accept(&listener)?,
                BELL => {
                    // Only that it rang matters.
                    let _ = bell.read();
                    while let Ok((room, frame)) = inbox.try_recv() {
                        floor.publish(room, frame);
                    }
                }
                client => floor.read(client as usize),
            }
        }
    }
}

impl Floor {
    fn accept(&mut self, listener: &TcpListener) -> anyhow::Result<()> {
        loop {
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let index = self.free.pop().unwrap_or_else(|| {
                self.clients.push(None);
                self.clients.len() - 1
            });
            self.epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, index as u64))?;
            self.clients[index] = Some(Client { stream, room: None });
        }
    }

    fn read(&mut self, index: usize) {
        let Some(client) = &mut self.clients[index] else { return };
        let mut bytes = [0; REQUEST_LEN_MAX];
        let len = match client.stream.read(&mut bytes) {
            Ok(len) if len > 0 => len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Ok(_) | Err(_) => return self.cut(index),
        };
        if client.room.is_some() {
            // Whatever a subscriber says: the floor listens to nobody.
            return;
        }
        // The request of our client comes in one piece.
        let request = String::from_utf8_lossy(&bytes[..len]);
        let room = request.split_whitespace().nth(1).and_then(room_of);
        let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let (Some(room), Some(key)) = (room, key) else { return self.cut(index) };
        let accept = derive_accept_key(key.trim().as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        client.room = Some(room);
        let entered = self.rooms.entry(room).or_default();
        entered.members.push(index);
        let first = [answer.as_bytes(), &entered.newest].concat();
        if !send(&mut client.stream, &first) {
            self.cut(index);
        }
    }

    fn publish(&mut self, room: u32, frame: Vec<u8>) {
        let entered = self.rooms.entry(room).or_default();
        let mut full = Vec::new();
        for index in &entered.members {
            if let Some(client) = &mut self.clients[*index]
                && !send(&mut client.stream, &frame)
            {
                full.push(*index);
            }
        }
        entered.newest = frame;
        for index in full {
            eprintln!("a subscriber of the floor was cut");
            self.cut(index);
        }
    }

    fn cut(&mut self, index: usize) {
        let Some(client) = self.clients[index].take() else { return };
        if let Some(room) = client.room.and_then(|room| self.rooms.get_mut(&room)) {
            room.members.retain(|member| *member != index);
        }
        self.free.push(index);
    }
}

/// False: not all of it was taken.
fn send(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    matches!(stream.write(bytes), Ok(len) if len == bytes.len())
}
