//! HTTP and WebSockets by hand, over TCP: for what no client library would send, and for reading nothing.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

/// Nothing is waited for longer.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A connection.
pub struct Raw {
    pub stream: TcpStream,
    unread: Vec<u8>,
}

/// How something ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With a close frame of this code.
    Closed(Option<u16>),
    /// Without one.
    Cut,
    /// It has not.
    Open,
}

/// The head of an answer, and its body.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }
}

impl Raw {
    /// Connects from 127.0.0.`host`.
    pub async fn connect(addr: SocketAddr, host: u8) -> std::io::Result<Self> {
        Self::connect_with(addr, host, |_| {}).await
    }

    pub async fn connect_with(addr: SocketAddr, host: u8, change: impl FnOnce(&TcpSocket)) -> std::io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, 0, host], 0)))?;
        change(&socket);
        Ok(Self { stream: socket.connect(addr).await?, unread: Vec::new() })
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        timeout(PATIENCE, self.stream.write_all(bytes.as_ref()))
            .await
            .unwrap_or(Err(std::io::ErrorKind::TimedOut.into()))
    }

    /// Reads a little more; false at the end.
    async fn more(&mut self) -> bool {
        let mut chunk = [0; 16 * 1_024];
        match timeout(PATIENCE, self.stream.read(&mut chunk)).await.expect("an answer or an end in time") {
            Ok(0) | Err(_) => false,
            Ok(len) => {
                self.unread.extend_from_slice(&chunk[..len]);
                true
            }
        }
    }

    /// The next answer; `None` when the connection ends before it.
    pub async fn answer(&mut self) -> Option<Answer> {
        let end = loop {
            match self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None if !self.more().await => return None,
                None => {}
            }
        };
        let head = String::from_utf8_lossy(&self.unread.drain(..end).collect::<Vec<_>>()).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let mut answer = Answer { status, head, body: Vec::new() };
        let len = answer.header("content-length").map_or(0, |len| len.parse().expect("a length"));
        if status == 101 {
            return Some(answer);
        }
        while self.unread.len() < len {
            if !self.more().await {
                return None;
            }
        }
        answer.body = self.unread.drain(..len).collect();
        Some(answer)
    }

    /// How long it takes until the server ends the connection, whatever it says before.
    pub async fn ended_after(&mut self) -> Duration {
        let began = Instant::now();
        while self.more().await {
            self.unread.clear();
        }
        began.elapsed()
    }

    /// Asks for a WebSocket; the answer is the server's.
    pub async fn upgrade(&mut self, path: &str, headers: &str) -> Option<Answer> {
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        );
        self.send(head).await.ok()?;
        self.answer().await
    }

    /// The next frame: opcode and payload; `None` at the end.
    pub async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((opcode, start, len)) = header(&self.unread)
                && self.unread.len() >= start + len
            {
                let payload = self.unread[start..start + len].to_vec();
                self.unread.drain(..start + len);
                return Some((opcode, payload));
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// Reads frames until the end, or until it has been open for so long.
    pub async fn ending(&mut self, open_max: Duration) -> Ended {
        let ending = async {
            loop {
                match self.frame().await {
                    None => return Ended::Cut,
                    Some((8, payload)) => {
                        let code = payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]]));
                        return Ended::Closed(code);
                    }
                    Some(_) => {}
                }
            }
        };
        timeout(open_max, ending).await.unwrap_or(Ended::Open)
    }
}

/// Opcode, start and length of the payload of a server's frame.
fn header(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (start, len) = match second & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        len => (2, usize::from(len)),
    };
    Some((first & 0x0f, start, len))
}

/// A client's frame: its first byte as given, its payload masked with zeros.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(0x80 | u8::try_from(len).expect("small")),
        len @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&u16::try_from(len).expect("small").to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}
