//! A console that never leaves: it follows every delta, and every phone's frame is held to what it saw at that rev.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, interval};

use super::{
    mirror::{Moment, Stamp},
    socket::{Connection, Heard},
    world::{Phase, Shown, World},
};

/// Moments that are remembered.
const MOMENTS_LEN_MAX: usize = 2_000;

/// A frame is compared after this: the auditor may hear of its rev a little later than the phone.
const COMPARE_AFTER: Duration = Duration::from_secs(2);

/// States in which a screen need not show a ticket any more.
const GONE: [&str; 3] = ["cancelled", "completed", "no_show"];

/// Follows the queue until everybody leaves.
pub(super) async fn follow(world: Arc<World>) -> anyhow::Result<()> {
    let path = "/restaurants/demo/console/live";
    let mut console = Connection::open(&world, "auditor", 0, path, Some(&world.staff().await), false).await?;
    let mut phase = world.phase.subscribe();
    let mut compared = interval(Duration::from_millis(500));
    loop {
        tokio::select! {
            heard = console.next(&world) => match heard {
                Heard::Frame(frame) => see(&world, &frame),
                Heard::Nothing => {}
                Heard::Closed(code) => anyhow::bail!("the auditor was closed with {code:?}"),
                Heard::Silence => anyhow::bail!("the auditor heard nothing"),
            },
            _ = compared.tick() => compare(&world, COMPARE_AFTER),
            _ = phase.wait_for(|phase| *phase == Phase::Leave) => break,
        }
    }
    compare(&world, Duration::ZERO);
    console.leave().await;
    Ok(())
}

fn see(world: &World, frame: &serde_json::Value) {
    let mut mirror = world.mirror();
    if frame["type"] == "queue" && mirror.stamp != Stamp::default() {
        world.tally.count("auditor", "whole queues again");
    }
    if let Err(problem) = mirror.apply(frame) {
        world.tally.find(format!("the auditor's console: {problem}"));
    }
    let moment = mirror.moment();
    let mut moments = world.moments();
    moments.insert(mirror.stamp, moment);
    while moments.len() > MOMENTS_LEN_MAX {
        moments.pop_first();
    }
}

fn compare(world: &World, after: Duration) {
    let ripe: Vec<Shown> = {
        let mut shown = world.shown();
        let count = shown.iter().take_while(|shown| Instant::now().into_std() - shown.heard_at >= after).count();
        shown.drain(..count).collect()
    };
    let moments = world.moments();
    for shown in ripe {
        // Several changes told at once have no moment of their own in between.
        let Some(moment) = moments.get(&shown.stamp) else {
            world.tally.count("compared", "between");
            continue;
        };
        world.tally.count("compared", "checked");
        if let Some(problem) = contradiction(moment, &shown) {
            world.tally.find(problem);
        }
    }
}

fn contradiction(moment: &Moment, shown: &Shown) -> Option<String> {
    let agrees = match moment.places.get(&shown.ticket) {
        Some(place) => *place == shown.place,
        None => GONE.contains(&shown.place.0.as_str()),
    };
    let known = moment.places.get(&shown.ticket);
    (!agrees).then(|| format!("a phone showed {:?} at {:?}, a console {known:?}", shown.place, shown.stamp))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(state: &str, ahead: Option<u64>) -> Shown {
        let heard_at = std::time::Instant::now();
        Shown { ticket: "a".to_owned(), stamp: (1, 2), place: (state.to_owned(), ahead), heard_at }
    }

    #[test]
    fn a_phone_that_says_something_else_is_found() {
        let place = ("waiting".to_owned(), Some(2));
        let moment = Moment { places: [("a".to_owned(), place)].into(), ..Moment::default() };
        assert_eq!(contradiction(&moment, &shown("waiting", Some(2))), None);
        for wrong in [shown("waiting", Some(3)), shown("called", None), shown("completed", None)] {
            assert!(contradiction(&moment, &wrong).is_some(), "{:?}", wrong.place);
        }
        let gone = Moment::default();
        assert_eq!(contradiction(&gone, &shown("completed", None)), None);
        assert!(contradiction(&gone, &shown("waiting", Some(0))).is_some());
    }
}
