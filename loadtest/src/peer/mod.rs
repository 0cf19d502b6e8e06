//! Servers to be measured beside ours: each takes messages from Redis (`PUBLISH r<room> message`) and gives them to
//! whoever is connected to `/room/<room>`, newcomers the newest. They do nothing else; that is the point of them.

mod axum_peer;
mod floor;

use clap::{Args, ValueEnum};

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// One epoll thread, each frame encoded once, one `send` for each subscriber, no buffers: what the kernel costs
    Floor,
    /// axum 0.8 as it comes: its default buffers, a `broadcast` channel for each room
    Axum,
    /// axum 0.8 with small buffers and a `watch` channel for each room
    AxumTuned,
}

/// A server to be measured beside ours.
#[derive(Args)]
pub(crate) struct Options {
    /// Which server
    #[arg(value_enum)]
    kind: Kind,
    /// Redis that messages are published to
    redis: String,
}

/// Serves until it is killed. Prints `ready URL`.
///
/// # Errors
/// When Redis is not there.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    crate::engine::raise_open_files();
    match options.kind {
        Kind::Floor => tokio::task::spawn_blocking(move || floor::run(&options.redis)).await?,
        Kind::Axum => axum_peer::run(&options.redis, false).await,
        Kind::AxumTuned => axum_peer::run(&options.redis, true).await,
    }
}

/// The room of a channel or of a path: what is behind its last letter that is no digit.
fn room_of(text: &str) -> Option<u32> {
    let digits = text.rsplit(|letter: char| !letter.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_told_by_its_number() {
        for (text, room) in [("r17", Some(17)), ("/room/0", Some(0)), ("/room/", None), ("r99999999999", None)] {
            assert_eq!(room_of(text), room, "{text}");
        }
    }
}
