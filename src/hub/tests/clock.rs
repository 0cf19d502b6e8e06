//! A room's reading of Redis's clock.

use tokio::time::Instant;

use super::{super::clock::Clock, fake::ms};

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
fn only_a_snapshot_of_a_clock_that_was_set_back_sets_it_back() {
    let start = Instant::now();
    let mut clock = Clock::new(10_000, start);
    clock.set(9_000, start);
    assert_eq!(clock.read(start), 10_000, "a second is what a slow answer takes");
    clock.heard(5_000, start);
    assert_eq!(clock.read(start), 10_000, "an event that waited is no reading");
    clock.set(5_000, start);
    assert_eq!(clock.read(start), 5_000);
}
