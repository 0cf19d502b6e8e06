//! Every second: does the source stand where our rooms stand? Its agreement keeps them live; a difference shows an
//! event that was lost on the way.
//!
//! Invariant: a group of restaurants that gets no answer takes nothing from the others: each is asked for by itself,
//! and no round lasts longer than the time between two.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, Weak},
};

use futures_util::future::join_all;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{Room, registry::Inner};
use crate::domain::Stamp;

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
    let mut groups: BTreeMap<u16, Vec<(Stamp, Arc<Room>)>> = BTreeMap::new();
    for room in hub.open_rooms() {
        groups.entry(hub.source.group(room.id)).or_default().push(stands(room));
    }
    join_all(groups.into_values().map(|asked| compare_group(hub, asked))).await;
}

async fn compare_group(hub: &Inner, asked: Vec<(Stamp, Arc<Room>)>) {
    let answer = hub.source.stamps(asked.iter().map(|(_, room)| room.id).collect());
    let Ok(Ok(stamps)) = timeout(hub.settings.check_every, answer).await else {
        // No word: the rooms notice by themselves.
        tracing::debug!("the source does not say where its restaurants stand");
        return;
    };
    for ((before, room), said) in asked.into_iter().zip(stamps) {
        {
            let mut outside = room.outside.lock().unwrap_or_else(PoisonError::into_inner);
            (outside.heard, outside.time) = (Some((before, said)), hub.source.time(room.id));
        }
        room.nudge.notify_one();
    }
}
