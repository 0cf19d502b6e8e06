//! What a board has been shown.

use super::{
    super::{Room, frames::Key},
    Look,
};
use crate::protocol::FrameType;

pub(super) struct BoardView {
    door: bool,
    /// What the last frame was made from; its liveness is told by ticks.
    shown: Option<(u64, Option<String>)>,
}

impl BoardView {
    pub(super) fn new(door: bool) -> Self {
        Self { door, shown: None }
    }

    pub(super) fn look(&mut self, room: &Room, resync: bool) -> Look {
        let Key { version, live, door } = room.board_key(self.door);
        if !resync && self.shown == Some((version, door)) {
            return Look::nothing(live);
        }
        let (Key { version, live, door }, text) = room.board_keyed(self.door);
        self.shown = Some((version, door));
        Look { frame: Some((FrameType::Board, text)), ..Look::nothing(live) }
    }
}
