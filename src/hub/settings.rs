//! How often, how much, how long. The defaults are the contract's; tests shorten some.

use std::time::Duration;

/// Settings of a hub.
#[derive(Clone, Debug)]
pub struct HubSettings {
    /// Whether `connections_max`, `room_connections_max` and `rooms_max` are enforced.
    pub limits: bool,
    /// Watchers of this server. Below the 20,000 open files that a process can usually have.
    pub connections_max: usize,
    /// Watchers of one restaurant.
    pub room_connections_max: usize,
    /// Restaurants that are followed.
    pub rooms_max: usize,
    /// Bytes of a client's frame.
    pub inbound_len_max: usize,
    /// A client's frames are taken one after so long, in the long run; what it sends faster waits in its own socket.
    pub inbound_gap: Duration,
    /// So many of them may come at once.
    pub inbound_burst: u32,
    /// A watcher that cannot take a frame for so long is closed.
    pub unwritable_max: Duration,
    /// How long a room is kept after its last use.
    pub linger: Duration,
    /// Between comparisons of all rooms with the source; also how often a source in trouble is read again.
    pub check_every: Duration,
    /// The source is ahead of a room for so long: an event was lost.
    pub suspect_after: Duration,
    /// Without word from the source for so long, a room is not live.
    pub silence_max: Duration,
    /// Between snapshots of one room.
    pub snapshot_gap: Duration,
    /// The source may take so long to answer.
    pub source_timeout: Duration,
    /// Who asks for a room or a ticket is answered within this, if only that it cannot be said now.
    pub answer_max: Duration,
    /// Changes that wait for the room's keeper; what does not fit is lost, and read again.
    pub deliveries_len_max: usize,
    /// Changes that a room remembers, for deltas. A console that is further behind gets the whole queue.
    pub log_len_max: usize,
    /// A change after so much quiet is told at once.
    pub quiet: Duration,
    /// Other changes are told together after this.
    pub merge: Duration,
    /// An encoded frame is given to newcomers for so long, then encoded again for its time.
    pub frame_age_max: Duration,
    /// How often positions are told, by distance.
    pub cadence: Cadence,
    /// Silence on boards, consoles and phones of the next few.
    pub tick_near: Duration,
    /// Silence on other phones.
    pub tick_far: Duration,
    /// Between two whole frames that a client asks for.
    pub resync_gap: Duration,
    /// Between two looks at whether a connection has to end for a reason of its own: a session that was ended.
    pub dismissal_check: Duration,
    /// How long a client may take to hear why its connection ends.
    pub close_max: Duration,
    /// Who does not take his good-bye within this does not hold up the end of the server.
    pub bye_max: Duration,
    /// A stopping server sends no more watchers a second to the others: well below what one machine was measured to
    /// take (docs/BENCHMARKS.md), which has watchers of its own.
    pub byes_per_s: u32,
    /// Good-byes are spread over at least this, however few, so that proxies notice meanwhile that the server stops.
    pub byes_spread_min: Duration,
    /// The longest `retry_ms` of a good-bye. Good-byes are spread already; a client that also has a first back-off of
    /// its own, as the pages do, waits no longer than after a cut connection.
    pub retry_max: Duration,
}

impl Default for HubSettings {
    fn default() -> Self {
        Self {
            limits: true,
            connections_max: 18_000,
            room_connections_max: 12_000,
            rooms_max: 10_000,
            inbound_len_max: 1_024,
            inbound_gap: Duration::from_millis(20),
            inbound_burst: 100,
            unwritable_max: Duration::from_secs(10),
            linger: Duration::from_secs(30),
            check_every: Duration::from_secs(1),
            suspect_after: Duration::from_millis(150),
            silence_max: Duration::from_secs(3),
            snapshot_gap: Duration::from_millis(200),
            source_timeout: Duration::from_secs(3),
            answer_max: Duration::from_millis(1_200),
            deliveries_len_max: 1_024,
            log_len_max: 256,
            quiet: Duration::from_millis(50),
            merge: Duration::from_millis(30),
            frame_age_max: Duration::from_secs(1),
            cadence: Cadence::default(),
            tick_near: Duration::from_secs(4),
            tick_far: Duration::from_secs(20),
            resync_gap: Duration::from_secs(1),
            dismissal_check: Duration::from_secs(1),
            close_max: Duration::from_secs(1),
            bye_max: Duration::from_secs(2),
            byes_per_s: 2_000,
            byes_spread_min: Duration::from_secs(1),
            retry_max: Duration::from_millis(250),
        }
    }
}

impl HubSettings {
    /// How long a stopping server takes to say good-bye to so many watchers, if it is given the time.
    pub(super) fn byes_spread(&self, watchers: usize) -> Duration {
        let watchers = u32::try_from(watchers).unwrap_or(u32::MAX);
        (Duration::from_secs(1) * watchers / self.byes_per_s).max(self.byes_spread_min)
    }
}

/// How often a phone is told its position, by how many are ahead.
#[derive(Clone, Debug)]
pub struct Cadence {
    /// Up to so many ahead, every change is told at once.
    pub near: u32,
    /// Up to so many ahead (first), positions are told no more often than this (second). Ascending.
    pub bands: Vec<(u32, Duration)>,
    /// Further back than all bands.
    pub far: Duration,
}

impl Default for Cadence {
    fn default() -> Self {
        Self {
            near: 5,
            bands: vec![(20, Duration::from_secs(1)), (100, Duration::from_secs(3))],
            far: Duration::from_secs(5),
        }
    }
}

impl Cadence {
    /// The longest time between a change of position and its telling; `None`: told at once.
    #[must_use]
    pub fn interval(&self, ahead: u32) -> Option<Duration> {
        if ahead <= self.near {
            return None;
        }
        Some(self.bands.iter().find(|(up_to, _)| ahead <= *up_to).map_or(self.far, |(_, interval)| *interval))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_byes_are_spread_by_what_the_other_servers_can_take() {
        let settings = HubSettings::default();
        for (watchers, spread_ms) in [(0, 1_000), (50, 1_000), (2_000, 1_000), (3_000, 1_500), (18_000, 9_000)] {
            assert_eq!(settings.byes_spread(watchers), Duration::from_millis(spread_ms), "{watchers}");
        }
    }
}
