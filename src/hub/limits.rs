//! How many watchers there are, how many there may be, and what was sent to them.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::protocol::FrameType;

/// Counters of a hub.
#[derive(Default)]
pub(super) struct Counters {
    boards: AtomicUsize,
    phones: AtomicUsize,
    consoles: AtomicUsize,
    frames: [AtomicU64; 6],
    snapshots: AtomicU64,
}

/// The kind of a watcher, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Board,
    Phone,
    Console,
}

/// A reading of a hub's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Restaurants that are followed.
    pub rooms: usize,
    /// Open boards.
    pub boards: usize,
    /// Open phone pages.
    pub phones: usize,
    /// Open consoles.
    pub consoles: usize,
    /// Sent `board` frames.
    pub board_frames: u64,
    /// Sent `ticket` frames.
    pub ticket_frames: u64,
    /// Sent `queue` frames.
    pub queue_frames: u64,
    /// Sent `delta` frames.
    pub delta_frames: u64,
    /// Sent `tick` frames.
    pub tick_frames: u64,
    /// Sent `bye` frames.
    pub bye_frames: u64,
    /// Snapshots that were asked for.
    pub snapshots: u64,
}

impl Counters {
    /// One watcher more, unless that makes more than `max`.
    pub(super) fn admit(&self, kind: Kind, max: usize) -> bool {
        self.watchers(kind).fetch_add(1, Relaxed);
        let admitted = self.connections() <= max;
        if !admitted {
            self.dismiss(kind);
        }
        admitted
    }

    /// One watcher less.
    pub(super) fn dismiss(&self, kind: Kind) {
        self.watchers(kind).fetch_sub(1, Relaxed);
    }

    /// All watchers.
    pub(super) fn connections(&self) -> usize {
        [&self.boards, &self.phones, &self.consoles].into_iter().map(|count| count.load(Relaxed)).sum()
    }

    pub(super) fn sent(&self, kind: FrameType) {
        self.frames[kind as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn snapshot(&self) {
        self.snapshots.fetch_add(1, Relaxed);
    }

    pub(super) fn stats(&self, rooms: usize) -> Stats {
        let frames = |kind: FrameType| self.frames[kind as usize].load(Relaxed);
        Stats {
            rooms,
            boards: self.boards.load(Relaxed),
            phones: self.phones.load(Relaxed),
            consoles: self.consoles.load(Relaxed),
            board_frames: frames(FrameType::Board),
            ticket_frames: frames(FrameType::Ticket),
            queue_frames: frames(FrameType::Queue),
            delta_frames: frames(FrameType::Delta),
            tick_frames: frames(FrameType::Tick),
            bye_frames: frames(FrameType::Bye),
            snapshots: self.snapshots.load(Relaxed),
        }
    }

    fn watchers(&self, kind: Kind) -> &AtomicUsize {
        match kind {
            Kind::Board => &self.boards,
            Kind::Phone => &self.phones,
            Kind::Console => &self.consoles,
        }
    }
}
