//! The live queue as the hub's source.
//!
//! A restaurant that is watched and whose live state is gone is asked for here: nobody else may notice that it is.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::mpsc, time::Instant};

use super::restaurants::{Opened, Restaurants};

use crate::{
    domain::{Millis, Rejection, RestaurantId, Stamp, Ticket, TicketId, replica::Snapshot},
    hub::source::{Answer, Delivery, Source, SourceError},
    queue::{Comparison, Heard, Live, Queue, QueueError, keys::Partition},
};

/// Live state that is missing is asked for again after this long at first, then twice as long each time: an opening
/// that cannot succeed now, or goes on at another server, must not be asked for by every room every second.
const ASK_AGAIN_MIN: Duration = Duration::from_secs(1);

/// And after this long at most.
const ASK_AGAIN_MAX: Duration = Duration::from_secs(8);

/// Redis, as rooms see it.
pub struct LiveSource {
    queue: Queue,
    live: Live,
    restaurants: Restaurants,
    missing: Missing,
}

impl LiveSource {
    /// Snapshots from `queue`, changes from `live`; `restaurants` opens what is missing.
    #[must_use]
    pub fn new(queue: Queue, live: Live, restaurants: Restaurants) -> Self {
        Self { queue, live, restaurants, missing: Missing::default() }
    }
}

/// Restaurants whose live state was found missing: when to ask for each again, and how long to wait after that.
#[derive(Default)]
struct Missing(Mutex<HashMap<RestaurantId, (Instant, Duration)>>);

impl Missing {
    /// Whether it is to be asked for now.
    fn found(&self, restaurant: RestaurantId, now: Instant) -> bool {
        let mut missing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (ask_at, pause) = missing.entry(restaurant).or_insert((now, ASK_AGAIN_MIN));
        let due = *ask_at <= now;
        if due {
            (*ask_at, *pause) = (now + *pause, (*pause * 2).min(ASK_AGAIN_MAX));
        }
        due
    }

    /// It is there, or nobody watches it any more.
    fn forget(&self, restaurant: RestaurantId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&restaurant);
    }
}

fn unavailable(error: QueueError) -> SourceError {
    if error.is_transient() {
        tracing::debug!(%error, "the live queue does not answer");
    } else {
        tracing::error!(%error, "the live queue cannot be read");
    }
    SourceError::Unavailable
}

impl Source for LiveSource {
    fn subscribe(&self, restaurant: RestaurantId, sink: mpsc::Sender<Delivery>) -> Answer<'_, Result<(), SourceError>> {
        // What a full sink loses shows as a gap in rev.
        let sink = move |heard| {
            drop(sink.try_send(match heard {
                Heard::Event(event) => Delivery::Event(event),
                Heard::Resumed => Delivery::Resumed,
            }));
        };
        Box::pin(async move { self.live.subscribe(restaurant, Arc::new(sink)).await.map_err(unavailable) })
    }

    fn unsubscribe(&self, restaurant: RestaurantId) -> Answer<'_, ()> {
        self.live.unsubscribe(restaurant);
        self.missing.forget(restaurant);
        Box::pin(std::future::ready(()))
    }

    fn snapshot(&self, restaurant: RestaurantId) -> Answer<'_, Result<Snapshot, SourceError>> {
        Box::pin(async move {
            let mut read = self.queue.snapshot(restaurant, None, false).await.map_err(unavailable)?;
            if matches!(read, Err(Rejection::NotCompared)) {
                let alone = self.restaurants.open(restaurant).await == Opened::Failed;
                read = self.queue.snapshot(restaurant, None, alone).await.map_err(unavailable)?;
            }
            match read {
                Ok(snapshot) => {
                    self.missing.forget(restaurant);
                    Ok(snapshot)
                }
                Err(Rejection::NotLoaded) => {
                    if self.missing.found(restaurant, Instant::now()) {
                        self.restaurants.ask_to_open(restaurant);
                    }
                    Err(SourceError::Restoring)
                }
                Err(Rejection::NotCompared) => Err(SourceError::Restoring),
                Err(_) => Err(SourceError::Unavailable),
            }
        })
    }

    fn group(&self, restaurant: RestaurantId) -> u16 {
        Partition::of(restaurant).index()
    }

    fn stamps(&self, restaurants: Vec<RestaurantId>) -> Answer<'_, Result<Vec<Option<Stamp>>, SourceError>> {
        Box::pin(async move { self.queue.stamps(&restaurants).await.map_err(unavailable) })
    }

    fn time(&self, restaurant: RestaurantId) -> Option<Millis> {
        self.queue.time_known(Partition::of(restaurant))
    }

    fn ticket(&self, ticket: TicketId) -> Answer<'_, Result<Option<Ticket>, SourceError>> {
        Box::pin(async move {
            let known = self.queue.ticket(&ticket).await.map_err(unavailable)?;
            // That it does not exist is final for its holder: not to be said because all the live state is gone, or
            // before what another life of Redis has lost was put back.
            if known.is_none() {
                let restaurant = ticket.restaurant();
                if self.queue.comparison(restaurant, 0).await.map_err(unavailable)? != Comparison::Compared {
                    self.restaurants.ask_to_open(restaurant);
                    return Err(SourceError::Restoring);
                }
                // It may have been put back meanwhile; if not, a room may be behind that was not read anew yet.
                let known = self.queue.ticket(&ticket).await.map_err(unavailable)?;
                let record = self.queue.record(restaurant).await.map_err(unavailable)?;
                let is_rebuilt = record.is_some_and(|(restaurant, _)| restaurant.rebuilt_at.is_some());
                return if known.is_none() && is_rebuilt { Err(SourceError::PlaceLost) } else { Ok(known) };
            }
            Ok(known)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_missing_is_asked_for_ever_more_seldom() {
        let (missing, shop, start) = (Missing::default(), RestaurantId(1), Instant::now());
        let asked = |until_ms: u64| {
            let times = (0..=until_ms).step_by(100).map(Duration::from_millis);
            times.filter(|after| missing.found(shop, start + *after)).map(|after| after.as_secs()).collect::<Vec<_>>()
        };
        assert_eq!(asked(40_000), [0, 1, 3, 7, 15, 23, 31, 39]);
        assert!(missing.found(RestaurantId(2), start), "each by itself");
        missing.forget(shop);
        assert!(missing.found(shop, start), "what is lost anew is asked for at once");
    }
}
