//! What a console has been shown: the version its deltas go on from.

use super::{super::Room, Look};
use crate::protocol::FrameType;

#[derive(Default)]
pub(super) struct ConsoleView {
    shown: Option<u64>,
}

impl ConsoleView {
    pub(super) fn look(&mut self, room: &Room, resync: bool) -> Look {
        let (version, live) = {
            let state = room.state();
            (state.version(), state.live())
        };
        let (key, kind, text) = match self.shown.filter(|_| !resync) {
            Some(shown) if shown == version => return Look::nothing(live),
            Some(shown) => room.changes_since(shown),
            None => {
                let (key, text) = room.queue_keyed();
                (key, FrameType::Queue, text)
            }
        };
        self.shown = Some(key.version);
        Look { frame: Some((kind, text)), ..Look::nothing(key.live) }
    }
}
