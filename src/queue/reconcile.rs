//! Putting back what Redis lost when it came back older: the record knows more than it does.

use super::{
    KeptAnswer, Queue, QueueError,
    call::{Arguments, CallContext, Idempotency, Outcome},
};
use crate::domain::{Actor, Kept, LineRecord, Millis, Rejection, RestaurantRecord, Role};

/// How long a batch that comes again is known, in milliseconds.
const KEPT_MS: i64 = 86_400_000;

/// What is recorded of a restaurant, as far as Redis may have lost it.
#[derive(Clone, Debug)]
pub struct Reconcile {
    /// Names this batch among those of the restaurant: one that comes twice acts once. Stock needs that; all else is
    /// compared with what is there.
    pub key: String,
    /// The restaurant as it was.
    pub restaurant: Kept<RestaurantRecord>,
    /// Its lines as they were. May be left out of all batches but one.
    pub lines: Vec<Kept<LineRecord>>,
    /// Tickets of the business day and the day before, packed as an event carried them; at most
    /// [`Reconcile::TICKETS_MAX`].
    pub tickets: Vec<Vec<u8>>,
    /// Items, and by how much staff changed what is left of them in what was lost.
    pub stock: Vec<(String, i64)>,
    /// Answers that may be asked for again, about tickets that are back; at most [`Reconcile::TICKETS_MAX`].
    pub answers: Vec<KeptAnswer>,
    /// Until then, by Redis's clock, everything is recorded.
    pub since: Millis,
}

impl Reconcile {
    /// Tickets of one batch: Redis does nothing else meanwhile.
    pub const TICKETS_MAX: usize = 200;
}

impl Queue {
    /// Puts back what is recorded and not there; `done.left` is how many tickets that were. What was touched since
    /// Redis is this process stays as it is.
    ///
    /// # Errors
    /// [`Rejection::Stale`] when Redis is at another business day than the record: again after the day roll. Else as
    /// [`Queue::run`].
    pub async fn reconcile(
        &self,
        reconcile: &Reconcile,
        now: Option<Millis>,
    ) -> Result<Result<Outcome, Rejection>, QueueError> {
        debug_assert!(reconcile.tickets.len() <= Reconcile::TICKETS_MAX, "more than a batch");
        let idempotency =
            Idempotency { key: format!("reconcile:{}", reconcile.key), body: String::new(), ttl_ms: KEPT_MS };
        let context = CallContext { actor: Actor::of(Role::Timer), idempotency: Some(idempotency), now };
        let arguments = Arguments::default()
            .packed("restaurant", &reconcile.restaurant)
            .packed("lines", &reconcile.lines)
            .packed_texts("tickets", &reconcile.tickets)
            .packed("stock", &reconcile.stock)
            .packed("answers", &reconcile.answers)
            .text("since", reconcile.since.to_string());
        self.call("reconcile", reconcile.restaurant.id, &context, arguments).await
    }
}
