//! Every second: does the source stand where our rooms stand? Its agreement keeps them live; a difference shows an
//! event that was lost on the way.

use std::sync::{Arc, PoisonError, Weak};

use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{Room, registry::Inner};

/// Compares until the hub is gone.
pub(super) async fn run(hub: Weak<Inner>) {
    let Some(every) = hub.upgrade().map(|hub| hub.settings.check_every) else { return };
    let mut due = interval(every);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        let Some(hub) = hub.upgrade() else { return };
        compare(&hub).await;
    }
}

async fn compare(hub: &Inner) {
    // Where a room stood before the question: an answer below that is not merely late.
    let stands = |room: Arc<Room>| {
        let stamp = room.state().replica().stamp();
        (stamp, room)
    };
    let asked: Vec<_> = hub.open_rooms().into_iter().map(stands).collect();
    if asked.is_empty() {
        return;
    }
    let answer = hub.source.stamps(asked.iter().map(|(_, room)| room.id).collect());
    let Ok(Ok(stamps)) = timeout(hub.settings.source_timeout, answer).await else {
        // No word: the rooms notice by themselves.
        tracing::debug!("the source does not say where its restaurants stand");
        return;
    };
    for ((before, room), said) in asked.into_iter().zip(stamps) {
        room.outside.lock().unwrap_or_else(PoisonError::into_inner).heard = Some((before, said));
        room.nudge.notify_one();
    }
}
