//! A room's reading of Redis's clock.

use std::sync::atomic::Ordering::SeqCst;

use tokio::time::Instant;

use super::{
    super::{HubSettings, clock::Clock},
    fake::{FakeSource, hub, ms, pass},
};
use crate::domain::testing::RESTAURANT;

#[test]
fn a_time_that_comes_late_does_not_set_the_clock_back() {
    let start = Instant::now();
    let mut clock = Clock::new(10_000, start);
    let later = start + ms(500);
    clock.heard(10_100, later);
    assert_eq!(clock.read(later), 10_500, "400 ms on the way");
    clock.heard(10_900, later);
    assert_eq!(clock.read(later), 10_900, "what was sent later is the better reading");
    assert_eq!(clock.when(11_000, later), later + ms(100));
}

#[test]
fn what_the_source_says_of_its_own_clock_sets_it_back() {
    let start = Instant::now();
    let mut clock = Clock::new(10_000, start);
    clock.set(9_000, start);
    assert_eq!(clock.read(start), 10_000, "a second is what a slow answer takes");
    clock.heard(5_000, start);
    assert_eq!(clock.read(start), 10_000, "an event that waited is no reading");
    clock.set(5_000, start);
    assert_eq!(clock.read(start), 5_000);
}

/// Door codes follow the time, and a quiet room hears of no event.
#[tokio::test(start_paused = true)]
async fn a_quiet_room_goes_by_its_sources_clock() {
    const HOUR: i64 = 3_600_000;
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    let room = hub.room(RESTAURANT).await.expect("entered");
    let reads = || room.read(|_, heading| heading.at);
    let before = reads();
    for said in [before + HOUR, before] {
        source.says.store(said, SeqCst);
        pass(ms(1_500)).await;
        let off = reads() - said;
        assert!((0..=1_500).contains(&off), "{off} ms from what the source says");
    }
}
