//! One question to a server: `GET /readyz`, answered with 200 or not.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(2);
const OK: &[u8] = b"HTTP/1.1 200";

/// An address to connect to for an address that is listened on.
pub(super) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// True when the server answers that it is ready.
pub(super) async fn is_ready(address: SocketAddr) -> bool {
    matches!(timeout(PATIENCE, status_line(address)).await, Ok(Ok(line)) if line == OK)
}

async fn status_line(address: SocketAddr) -> std::io::Result<[u8; OK.len()]> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut line = [0; OK.len()];
    stream.read_exact(&mut line).await?;
    Ok(line)
}
