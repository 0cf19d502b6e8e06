//! Opening a restaurant's live state again from the record, when Redis has lost it: `load`, in batches.
//!
//! What is put in is believed: whoever calls this has read one consistent record, and calls it for one restaurant from
//! one place at a time. Two that do it nevertheless harm nothing: the second one's first batch takes over, and the
//! first one is told so.
//!
//! Invariant: until the last batch the restaurant is not loaded. A crash between two batches leaves it so, and the next
//! rebuild starts from nothing.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Queue, QueueError,
    call::{Arguments, CallContext, Outcome},
};
use crate::domain::{
    Actor, Kept, LineId, LineRecord, MenuItem, Millis, Policy, Rejection, RestaurantRecord, Role, Stamp, TicketId,
    event::PaceRecord,
};

/// Tickets, and answers, of one batch: Redis does nothing else meanwhile.
const BATCH: usize = 200;

/// What was recorded of a restaurant.
#[derive(Clone, Debug)]
pub struct Rebuild {
    /// What is there in this life of Redis is of a business day that is over by the record, and goes, unless it was
    /// compared meanwhile.
    pub replace: Option<i64>,
    /// The restaurant as it was; the script says when it was rebuilt.
    pub restaurant: Kept<RestaurantRecord>,
    /// Its rules.
    pub policy: Kept<Policy>,
    /// Its lines as they were.
    pub lines: Vec<Kept<LineRecord>>,
    /// Numbers that each line passes over: they may have been given out and lost.
    pub skips: BTreeMap<LineId, u32>,
    /// Its menu, in order.
    pub menu: Vec<MenuItem>,
    /// Units left of the counted items.
    pub stock: BTreeMap<String, i64>,
    /// Recent seatings.
    pub pace: BTreeMap<String, Kept<PaceRecord>>,
    /// Tickets of the business day and the day before, packed as an event carried them, in any order.
    pub tickets: Vec<Vec<u8>>,
    /// Answers that may be asked for again.
    pub answers: Vec<KeptAnswer>,
    /// The highest that is recorded: the new epoch is higher, and the rev goes on.
    pub stamp: Stamp,
    /// The highest rev that numbers were skipped for.
    pub covered: i64,
    /// Until then, by Redis's clock, everything is recorded: what was to come later was missed. 0: unknown.
    pub since: Millis,
}

/// What was answered to a command with an idempotency key, as its event says, and where that event stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeptAnswer {
    /// The key.
    pub key: String,
    /// Hash of what was asked.
    pub body: String,
    /// When it is forgotten.
    pub until_at: Millis,
    /// Of the event.
    pub epoch: i64,
    /// Of the event.
    pub rev: i64,
    /// Of the event.
    pub at: Millis,
    /// The ticket it was about.
    pub ticket: Option<TicketId>,
    /// Tickets before it, -1 unless it waited.
    pub ahead: i64,
    /// Units left, for an answer about stock.
    pub left: Option<i64>,
    /// Items that were left out.
    pub dropped: Vec<String>,
}

impl Rebuild {
    /// The number of each line up to which it passes over.
    #[must_use]
    pub fn passed(&self) -> Vec<(LineId, u32)> {
        let skip_of = |line| self.skips.get(&line).copied().unwrap_or(0);
        self.lines.iter().map(|line| (line.line, line.last_number.saturating_add(skip_of(line.line)))).collect()
    }
}

impl Queue {
    /// Opens a restaurant's live state as it was recorded.
    ///
    /// # Errors
    /// [`Rejection::AlreadyLoaded`] when it is there, [`Rejection::Superseded`] when another rebuild has begun since;
    /// else as [`Queue::run`].
    ///
    /// # Cancel safety
    /// What was begun is started anew by the next call.
    pub async fn rebuild(
        &self,
        rebuild: &Rebuild,
        now: Option<Millis>,
    ) -> Result<Result<Outcome, Rejection>, QueueError> {
        self.load_all(rebuild, &format!("{:032x}", rand::random::<u128>()), now).await
    }

    /// All batches; without a token, what is loaded is fresh.
    pub(super) async fn load_all(
        &self,
        rebuild: &Rebuild,
        token: &str,
        now: Option<Millis>,
    ) -> Result<Result<Outcome, Rejection>, QueueError> {
        let context = CallContext { now, ..CallContext::by(Actor::of(Role::Timer)) };
        let restaurant = &rebuild.restaurant;
        let mut batches = batches(rebuild).into_iter().peekable();
        let mut is_first = true;
        while let Some(batch) = batches.next() {
            let is_last = batches.peek().is_none();
            let arguments = arguments(rebuild, token, is_first, is_last, &batch);
            let outcome = self.call("load", restaurant.id, &context, arguments).await?;
            if is_last && outcome.is_ok() {
                self.remember_slug(&restaurant.slug, restaurant.id).await?;
            }
            if is_last || outcome.is_err() {
                return Ok(outcome);
            }
            is_first = false;
        }
        Err(QueueError::Protocol("a rebuild without batches".to_owned()))
    }
}

#[derive(Default)]
struct Batch<'a> {
    tickets: &'a [Vec<u8>],
    answers: &'a [KeptAnswer],
}

/// At least one. Answers come after all tickets: they name some.
fn batches(rebuild: &Rebuild) -> Vec<Batch<'_>> {
    let tickets = rebuild.tickets.chunks(BATCH).map(|tickets| Batch { tickets, ..Batch::default() });
    let answers = rebuild.answers.chunks(BATCH).map(|answers| Batch { answers, ..Batch::default() });
    let mut batches: Vec<_> = tickets.chain(answers).collect();
    if batches.is_empty() {
        batches.push(Batch::default());
    }
    batches
}

fn arguments(rebuild: &Rebuild, token: &str, is_first: bool, is_last: bool, batch: &Batch<'_>) -> Arguments {
    let mut lines = rebuild.lines.clone();
    let mut skipped = 0;
    for (line, (_, last)) in lines.iter_mut().zip(rebuild.passed()) {
        skipped += u64::from(last - line.last_number);
        *line = line.clone().edited(|line| line.last_number = last);
    }
    let stock: Vec<(&str, i64)> = rebuild.stock.iter().map(|(item, left)| (item.as_str(), *left)).collect();
    Arguments::default()
        .text("token", token)
        .flag("first", is_first)
        .flag("last", is_last)
        .text("replace", rebuild.replace.unwrap_or(0).to_string())
        .packed("restaurant", &rebuild.restaurant)
        .packed("policy", &rebuild.policy)
        .packed_texts("tickets", batch.tickets)
        .packed("answers", &batch.answers)
        .packed("lines", &lines)
        .packed("menu", &rebuild.menu)
        .packed("stock", &stock)
        .packed("pace", &rebuild.pace)
        .text("skipped", skipped.to_string())
        .text("epoch_recorded", rebuild.stamp.epoch.to_string())
        .text("rev_recorded", rebuild.stamp.rev.to_string())
        .text("covered", rebuild.covered.to_string())
        .text("since", rebuild.since.to_string())
}
