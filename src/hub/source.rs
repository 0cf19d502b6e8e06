//! Where rooms get their truth from. The hub knows no Redis: the app wires this to the live queue.

use std::{future::Future, pin::Pin, sync::Arc};

use tokio::sync::mpsc;

use crate::domain::{Event, Millis, RestaurantId, Stamp, Ticket, TicketId, replica::Snapshot};

/// A boxed future, so that the trait can be an object.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a subscription delivers.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// A change, in the order of the restaurant's rev unless something was lost.
    Event(Arc<Event>),
    /// Deliveries may have been lost, and come again from now on: read a snapshot.
    Resumed,
}

/// Why the source cannot answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// No such restaurant.
    #[error("no such restaurant")]
    NotFound,
    /// Its live state is being restored.
    #[error("the restaurant's live state is being restored")]
    Restoring,
    /// The ticket is not there any more, since the restaurant's live state was lost.
    #[error("the ticket is lost")]
    PlaceLost,
    /// The source does not answer.
    #[error("the live queue does not answer")]
    Unavailable,
}

/// The live queue, as the hub needs it.
pub trait Source: Send + Sync + 'static {
    /// Delivers the restaurant's changes to `sink` from now on; resolves when that is certain. A full sink loses
    /// deliveries, which shows as a gap in rev. Ends when the sink is dropped or by [`Source::unsubscribe`].
    fn subscribe(&self, restaurant: RestaurantId, sink: mpsc::Sender<Delivery>) -> Answer<'_, Result<(), SourceError>>;

    /// Ends the delivery of the restaurant's changes.
    fn unsubscribe(&self, restaurant: RestaurantId) -> Answer<'_, ()>;

    /// Reads the whole live state.
    fn snapshot(&self, restaurant: RestaurantId) -> Answer<'_, Result<Snapshot, SourceError>>;

    /// Which restaurants are answered for together: one group in one round trip, whatever becomes of the others.
    fn group(&self, restaurant: RestaurantId) -> u16;

    /// Reads where these restaurants of one group stand, for anti-entropy. Also the proof that the source is alive.
    /// `None`: not loaded.
    fn stamps(&self, restaurants: Vec<RestaurantId>) -> Answer<'_, Result<Vec<Option<Stamp>>, SourceError>>;

    /// The time by the source's clock, as it told last; `None`: not known. It may say less than rooms have counted to.
    fn time(&self, _restaurant: RestaurantId) -> Option<Millis> {
        None
    }

    /// Reads one ticket, for those that the replica has forgotten. `None`: not known, or no longer.
    fn ticket(&self, ticket: TicketId) -> Answer<'_, Result<Option<Ticket>, SourceError>>;
}
