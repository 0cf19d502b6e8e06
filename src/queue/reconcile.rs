//! Putting back what Redis lost when it came back older: the record knows more than it does.

use serde::Serialize;

use super::{
    KeptAnswer, Queue, QueueError,
    call::{Arguments, CallContext, Idempotency, Outcome},
};
use crate::domain::{Actor, Kept, LineId, LineRecord, Millis, Rejection, RestaurantId, RestaurantRecord, Role};

/// How long a batch that comes again is known, in milliseconds.
const KEPT_MS: i64 = 86_400_000;

/// What is recorded of a restaurant, as far as Redis may have lost it: one batch of it. The last batch ends the
/// comparison, and may be the only one.
#[derive(Clone, Debug)]
pub struct Reconcile {
    /// Names this batch among those of the restaurant: one that comes twice acts once. Stock needs that; all else is
    /// compared with what is there.
    pub key: String,
    /// Which restaurant.
    pub id: RestaurantId,
    /// The life of Redis that was compared, [`super::Uncompared::life`]. In another one nothing is done.
    pub life: i64,
    /// The restaurant as it was; `None`: nothing of it was lost.
    pub restaurant: Option<Kept<RestaurantRecord>>,
    /// Its lines as they were.
    pub lines: Vec<Kept<LineRecord>>,
    /// Tickets of the business day and the day before, packed as an event carried them; at most
    /// [`Reconcile::TICKETS_MAX`].
    pub tickets: Vec<Vec<u8>>,
    /// For each of these tickets the key with which it joined, or nothing.
    pub keys: Vec<String>,
    /// What staff changed of the stock in what was lost; at most [`Reconcile::TICKETS_MAX`].
    pub stock: Vec<StockChange>,
    /// Items of which [`StockChange::left`] is known; the same in every batch.
    pub recounted: Vec<String>,
    /// Answers that may be asked for again, about tickets that are back; at most [`Reconcile::TICKETS_MAX`].
    pub answers: Vec<KeptAnswer>,
    /// Until then, by Redis's clock, everything is recorded.
    pub since: Millis,
    /// In the last batch: numbers that each line passes over, because they may have been given out and recorded
    /// nowhere. 0: none.
    pub skip: u32,
    /// Lines that pass over more.
    pub skips: Vec<(LineId, u32)>,
    /// In the last batch: something was lost, so that an unknown ticket may be one that nobody recorded.
    pub lost: bool,
    /// In the last batch: the highest rev that numbers were skipped for.
    pub covered: i64,
    /// With this batch the restaurant is compared.
    pub last: bool,
}

/// What staff changed of what is left of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StockChange {
    /// The item.
    pub item: String,
    /// Units more or fewer.
    pub by: i64,
    /// It was counted anew, or is not counted any more (-1): so many units are left by the record.
    pub left: Option<i64>,
    /// The key with which it was asked for. Who asked again with it has changed it again.
    pub key: Option<String>,
}

impl Reconcile {
    /// A batch in which nothing is put back.
    #[must_use]
    pub fn nothing(id: RestaurantId, life: i64) -> Self {
        Self {
            key: String::new(),
            id,
            life,
            restaurant: None,
            lines: Vec::new(),
            tickets: Vec::new(),
            keys: Vec::new(),
            stock: Vec::new(),
            recounted: Vec::new(),
            answers: Vec::new(),
            since: 0,
            skip: 0,
            skips: Vec::new(),
            lost: false,
            covered: 0,
            last: false,
        }
    }

    /// Tickets of one batch: Redis does nothing else meanwhile.
    pub const TICKETS_MAX: usize = 200;
}

impl Queue {
    /// Puts back what is recorded and not there; `done.left` is how many tickets that were. What was touched since
    /// Redis is this process stays as it is.
    ///
    /// # Errors
    /// [`Rejection::Stale`] when the restaurant was compared meanwhile, or Redis is another process since; else as
    /// [`Queue::run`].
    pub async fn reconcile(
        &self,
        reconcile: &Reconcile,
        now: Option<Millis>,
    ) -> Result<Result<Outcome, Rejection>, QueueError> {
        debug_assert!(reconcile.tickets.len() <= Reconcile::TICKETS_MAX, "more than a batch");
        let idempotency =
            Idempotency { key: format!("reconcile:{}", reconcile.key), body: String::new(), ttl_ms: KEPT_MS };
        let actor = Actor::of(Role::Timer);
        let context = CallContext { actor, idempotency: Some(idempotency), now, alone: true };
        let arguments = Arguments::default()
            .text("life_compared", reconcile.life.to_string())
            .packed("restaurant", &reconcile.restaurant)
            .packed("lines", &reconcile.lines)
            .packed_texts("tickets", &reconcile.tickets)
            .packed("keys", &reconcile.keys)
            .packed("stock", &reconcile.stock)
            .packed("recounted", &reconcile.recounted)
            .packed("answers", &reconcile.answers)
            .text("since", reconcile.since.to_string())
            .text("skip", reconcile.skip.to_string())
            .packed("skips", &reconcile.skips)
            .flag("lost", reconcile.lost)
            .text("covered", reconcile.covered.to_string())
            .flag("last", reconcile.last);
        self.call("reconcile", reconcile.id, &context, arguments).await
    }
}
