//! The live queue as the hub's source.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::{
    domain::{Rejection, RestaurantId, Stamp, Ticket, TicketId, replica::Snapshot},
    hub::source::{Answer, Delivery, Source, SourceError},
    queue::{Heard, Live, Queue, QueueError, keys::Partition},
};

/// Redis, as rooms see it.
pub struct LiveSource {
    queue: Queue,
    live: Live,
}

impl LiveSource {
    /// Snapshots from `queue`, changes from `live`.
    #[must_use]
    pub fn new(queue: Queue, live: Live) -> Self {
        Self { queue, live }
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
        Box::pin(std::future::ready(()))
    }

    fn snapshot(&self, restaurant: RestaurantId) -> Answer<'_, Result<Snapshot, SourceError>> {
        Box::pin(async move {
            match self.queue.snapshot(restaurant, None).await.map_err(unavailable)? {
                Ok(snapshot) => Ok(snapshot),
                Err(Rejection::NotLoaded) => Err(SourceError::Restoring),
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

    fn ticket(&self, ticket: TicketId) -> Answer<'_, Result<Option<Ticket>, SourceError>> {
        Box::pin(async move { self.queue.ticket(&ticket).await.map_err(unavailable) })
    }
}
