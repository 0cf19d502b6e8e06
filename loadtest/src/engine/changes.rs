//! The changes of a run: when each was sent, and who has not shown it yet.
//!
//! Written by who makes changes, read by the engine, without a lock. In one room changes are made one after the other, so
//! that the n-th one after `base` is of rev `base + n`; whoever makes them compares that with the server's answer.

use std::{
    sync::atomic::{
        AtomicI64, AtomicU32, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
    time::Instant,
};

use tokio::sync::Notify;

/// Not a line: it is shown to everybody in the room.
pub(crate) const EVERYBODY: u8 = 0;

/// Makes of a moment and a line one number.
const LINE_BITS: u32 = 8;

/// The changes of all rooms.
pub(crate) struct Changes {
    started: Instant,
    rooms: Vec<Room>,
    /// Rings when everybody concerned has shown a change.
    pub(crate) delivered: Notify,
}

struct Room {
    base: AtomicI64,
    entries: Box<[Entry]>,
}

#[derive(Default)]
struct Entry {
    /// Nanoseconds since the start · 256 + line; 0: not made.
    sent: AtomicU64,
    /// Screens that have not shown it.
    left: AtomicU32,
}

impl Changes {
    /// Room for so many changes in each room.
    pub(crate) fn new(rooms: usize, changes_max: usize) -> Self {
        let room = || Room {
            base: AtomicI64::new(i64::MAX),
            entries: std::iter::repeat_with(Entry::default).take(changes_max).collect(),
        };
        let rooms = std::iter::repeat_with(room).take(rooms).collect();
        Self { started: Instant::now(), rooms, delivered: Notify::new() }
    }

    /// Nanoseconds since the start, never 0.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    /// Changes of a room are counted from this rev.
    pub(crate) fn begin(&self, room: usize, rev: i64) {
        self.rooms[room].base.store(rev, Release);
    }

    /// A change is about to be made: `ordinal` from 0. False: there is no room for it.
    pub(crate) fn sent(&self, room: usize, ordinal: usize, line: u8, screens: u32) -> bool {
        let Some(entry) = self.rooms[room].entries.get(ordinal) else { return false };
        entry.left.store(screens, Relaxed);
        entry.sent.store(self.now() << LINE_BITS | u64::from(line), Release);
        true
    }

    /// Screens that have not shown a change.
    pub(crate) fn left(&self, room: usize, ordinal: usize) -> u32 {
        self.rooms[room].entries.get(ordinal).map_or(0, |entry| entry.left.load(Acquire))
    }

    /// A screen that showed `from` shows `to`: how long ago the changes between were sent, nanoseconds.
    pub(crate) fn shown(&self, room: usize, line: u8, from: i64, to: i64, now: u64, mut each: impl FnMut(u64)) {
        let Some(room) = self.rooms.get(room) else { return };
        let base = room.base.load(Acquire);
        if base == i64::MAX {
            return;
        }
        for rev in from.max(base)..to {
            let Some(entry) = usize::try_from(rev - base).ok().and_then(|ordinal| room.entries.get(ordinal)) else {
                return;
            };
            let sent = entry.sent.load(Acquire);
            let concerned = (sent & ((1 << LINE_BITS) - 1)) as u8;
            if sent == 0 || !(concerned == EVERYBODY || line == EVERYBODY || concerned == line) {
                continue;
            }
            each(now.saturating_sub(sent >> LINE_BITS));
            if entry.left.fetch_sub(1, Release) == 1 {
                self.delivered.notify_one();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ages(changes: &Changes, line: u8, from: i64, to: i64) -> usize {
        let mut count = 0;
        changes.shown(0, line, from, to, changes.now(), |_| count += 1);
        count
    }

    #[test]
    fn a_screen_shows_the_changes_between_what_it_showed_and_what_it_shows() {
        let changes = Changes::new(1, 4);
        assert_eq!(ages(&changes, 0, 0, 100), 0, "nothing has begun");
        changes.begin(0, 10);
        for ordinal in 0..4 {
            assert!(changes.sent(0, ordinal, EVERYBODY, 2));
        }
        assert!(!changes.sent(0, 4, EVERYBODY, 2), "there is room for four");
        assert_eq!(ages(&changes, 0, 9, 10), 0, "what was there before");
        assert_eq!(ages(&changes, 0, 10, 11), 1);
        assert_eq!(ages(&changes, 0, 11, 13), 2, "two at once");
        assert_eq!((changes.left(0, 0), changes.left(0, 2), changes.left(0, 3)), (1, 1, 2));
        assert_eq!(ages(&changes, 0, 13, 99), 1, "no more than were made");
    }

    #[test]
    fn a_change_of_another_line_is_not_waited_for() {
        let changes = Changes::new(1, 2);
        changes.begin(0, 0);
        changes.sent(0, 0, b'A', 1);
        changes.sent(0, 1, b'B', 1);
        assert_eq!(ages(&changes, b'B', 0, 2), 1);
        assert_eq!((changes.left(0, 0), changes.left(0, 1)), (1, 0));
        assert_eq!(ages(&changes, EVERYBODY, 0, 2), 2, "a board shows all lines");
    }
}
