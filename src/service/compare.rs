//! A new life of Redis is compared with the record: what it lacks is put back, and numbers that may have been given out
//! are passed over. Any server does it for a restaurant that somebody asks for; a recorder does it for all of its own.
//!
//! Invariant: nothing of a new life is recorded before it is compared, so the record still says what the former ones
//! knew.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Instant,
};

use serde::Deserialize;

use super::rebuild::{self, Unreadable};
use crate::{
    db::{
        self, Db, DbError,
        record::{
            numbers,
            reconcile::{self, Lost, LostStock},
        },
    },
    domain::{Actor, Command, Kept, LineId, LineRecord, Rejection, RestaurantId, RestaurantRecord, Role, Stamp},
    metrics::Metrics,
    queue::{
        CallContext, Comparison, Queue, QueueError, Reconcile, StockChange, Uncompared, keys::Partition, log::Answer,
    },
};

/// While nothing happens, a recorder confirms every two seconds in Redis that all is recorded, and every second in the
/// record: a copy that is further behind is an older one.
const CONFIRMED_WITHIN_MS: i64 = 5_000;

/// Why a restaurant cannot be compared now.
#[derive(Debug, thiserror::Error)]
pub(super) enum CompareError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("reconcile was refused with {0}")]
    Refused(&'static str),
}

/// How a restaurant stands to the record.
#[derive(Debug)]
pub(super) enum Compared {
    /// There is no live state in this life of Redis.
    NotLoaded(i64),
    /// It was compared since Redis is this process.
    Whole,
    /// It was not; this is what the record says.
    Found(Box<Found>),
}

/// What the comparison found.
#[derive(Debug)]
pub(super) struct Found {
    here: Uncompared,
    lost: Lost,
    /// Redis came back with a copy from before the record was last complete.
    is_older_copy: bool,
    /// Changes that this server had acknowledged and that are in no record.
    changes_lost: u64,
    /// The highest rev of former lives that Redis, the record or this server knows of.
    covered: i64,
    /// Numbers that lines pass over, in each line at least the first.
    skip: u32,
    skips: Vec<(LineId, u32)>,
    /// How far they come by that.
    passed: Vec<(LineId, u32)>,
}

impl Found {
    /// Whether something has to be put back.
    pub(super) fn is_older(&self) -> bool {
        self.lost.events > 0
    }

    /// Whether nothing has to be put back, or passed over.
    pub(super) fn is_whole(&self) -> bool {
        !self.is_older() && self.skip == 0
    }

    /// Whether something may be lost for good.
    fn has_lost(&self) -> bool {
        self.is_older() || self.is_older_copy || self.changes_lost > 0
    }

    /// The business day at which Redis came back, if the record is at a later one.
    pub(super) fn earlier_day(&self) -> Option<&str> {
        let recorded = self.restaurant().ok().flatten()?;
        (recorded.day > self.here.day).then_some(&self.here.day)
    }

    /// The life of Redis that this is true of.
    pub(super) fn life(&self) -> i64 {
        self.here.life()
    }

    /// Each line passes over what may have been given out since its last number that is known.
    fn pass_over(&mut self) -> Result<(), Unreadable> {
        let (here, lost) = (&self.here, &self.lost);
        let day = self.restaurant()?.map(|restaurant| restaurant.day.clone());
        let recorded: Vec<Kept<LineRecord>> = match day.is_some_and(|day| day == here.day) {
            true => lost.lines.iter().map(|packed| rebuild::unpack("a line", packed)).collect::<Result<_, _>>()?,
            false => Vec::new(),
        };
        let busiest: HashMap<LineId, i64> = lost.busiest.iter().copied().collect();
        let of = |busiest| rebuild::skip(busiest, lost.unrecorded_s, self.changes_lost);
        let skip_of = |line, last: u32| {
            let passed = lost.passed.of(&here.day, line).saturating_sub(last);
            passed.saturating_add(of(busiest.get(&line).copied().unwrap_or(0)))
        };
        let (mut skips, mut passed) = (Vec::new(), Vec::new());
        for (line, last) in &here.lines {
            let recorded = recorded.iter().find(|recorded| recorded.line == *line);
            let last = recorded.map_or(0, |recorded| recorded.last_number).max(*last);
            skips.push((*line, skip_of(*line, last)));
            passed.push((*line, last.saturating_add(skip_of(*line, last))));
        }
        (self.skip, self.skips, self.passed) = (of(0), skips, passed);
        Ok(())
    }

    fn restaurant(&self) -> Result<Option<Kept<RestaurantRecord>>, Unreadable> {
        self.lost.restaurant.as_deref().map(|packed| rebuild::unpack("restaurant", packed)).transpose()
    }
}

/// Compares where a restaurant stood when Redis became another process with its record.
pub(super) async fn compare(queue: &Queue, db: &Db, id: RestaurantId) -> Result<Compared, CompareError> {
    let mut epoch_recorded = 0;
    let (here, lost) = loop {
        let here = match queue.comparison(id, epoch_recorded).await? {
            Comparison::NotLoaded(life) => return Ok(Compared::NotLoaded(life)),
            Comparison::Compared => return Ok(Compared::Whole),
            Comparison::Uncompared(here) => here,
        };
        match reconcile::lost(db, Partition::of(id).index(), id, &here.bases).await? {
            reconcile::Compared::Lost(lost) => break (here, *lost),
            // Another life began within the same second. This one takes the next epoch.
            reconcile::Compared::EpochIsUsed(epoch) => epoch_recorded = epoch,
        }
    };
    let may_lose = queue.may_lose().await;
    let base = here.bases.last().copied();
    let came_back_at = base.map_or(here.stamp, |base| base.stamp).rev.max(lost.rev_max);
    // What is known of the new life is not lost; what is known of lives before Redis's own was passed over already.
    let (life, own_epoch) = base.map_or((0, 0), |base| (base.life, base.stamp.epoch));
    let known = queue.known(id).into_iter().filter(|known| known.epoch < life);
    let lost_of = |known: &Stamp| match known.epoch == own_epoch {
        true => known.rev - came_back_at,
        false => known.rev - came_back_at.max(here.covered),
    };
    let changes_lost = known.clone().map(|known| lost_of(&known)).max().unwrap_or(0).max(0).cast_unsigned();
    let covered = known.map(|known| known.rev).max().unwrap_or(0).max(came_back_at).max(here.covered);
    // A copy that lacks the last confirmations is older, though nothing that was recorded is missing.
    let is_unconfirmed = here.confirmed_at > 0 && lost.caught_up_ms - here.confirmed_at > CONFIRMED_WITHIN_MS;
    // So is one that has not passed over what a life passed over of which nothing may be recorded.
    let has_not_passed = here.lines.iter().any(|(line, last)| lost.passed.of(&here.day, *line) > *last);
    let is_older_copy = is_unconfirmed || has_not_passed;
    let mut found =
        Found { here, lost, is_older_copy, changes_lost, covered, skip: 0, skips: Vec::new(), passed: Vec::new() };
    if found.has_lost() || may_lose {
        found.pass_over()?;
    }
    Ok(Compared::Found(Box::new(found)))
}

/// Puts back what was found to be lost, in batches, of which the last ends the comparison. If Redis has become another
/// process since, nothing is done: it is compared again.
pub(super) async fn put_back(
    queue: &Queue,
    db: &Db,
    metrics: &Metrics,
    id: RestaurantId,
    found: &Found,
) -> Result<(), CompareError> {
    let began = Instant::now();
    let (mut tickets_put_back, mut acted) = (0, false);
    if !found.passed.is_empty() {
        numbers::pass(db, id, &found.here.day, &found.passed).await?;
    }
    for (index, batch) in batches(id, found)?.into_iter().enumerate() {
        let key = match batch.key.as_str() {
            "" => format!("{}:{index}:{:08x}", found.here.stamp.epoch, content(&batch)),
            named => named.to_owned(),
        };
        match queue.reconcile(&Reconcile { key, ..batch }, None).await? {
            // Another server was quicker with this batch.
            Ok(outcome) if outcome.replayed => {}
            // Or with all of them; or this Redis was never compared.
            Err(Rejection::Stale) => return Ok(()),
            Ok(outcome) => {
                acted = true;
                tickets_put_back += outcome.done.left.unwrap_or(0);
            }
            Err(refusal) => return Err(CompareError::Refused(refusal.code())),
        }
    }
    if !acted {
        return Ok(());
    }
    metrics.recorder_put_back.inc_by(tickets_put_back.max(0).cast_unsigned());
    metrics.restaurants_changes_lost.inc_by(found.changes_lost);
    if found.has_lost() {
        tracing::warn!(
            restaurant.id = %id,
            events_put_back = found.lost.events,
            tickets_put_back,
            changes_lost = found.changes_lost,
            numbers_skipped = found.skips.iter().map(|(_, skip)| *skip).max().unwrap_or(found.skip),
            duration_ms = began.elapsed().as_millis() as u64,
            "Redis came back older: what the record knows was put back"
        );
    }
    if found.is_older() {
        put_back_policy(queue, db, id).await?;
    }
    Ok(())
}

/// Restaurant, lines and stock, then the tickets, then the answers, which name tickets; then the end.
fn batches(id: RestaurantId, found: &Found) -> Result<Vec<Reconcile>, Unreadable> {
    let lost = &found.lost;
    let lines: Vec<Kept<LineRecord>> =
        lost.lines.iter().map(|packed| rebuild::unpack("a line", packed)).collect::<Result<_, _>>()?;
    let recounted: BTreeSet<&str> =
        lost.stock.iter().filter(|stock| stock.by.is_none()).map(|stock| stock.item.as_str()).collect();
    let of_restaurant = Reconcile {
        restaurant: found.restaurant()?,
        recounted: recounted.iter().map(|item| (*item).to_owned()).collect(),
        since: lost.at,
        ..Reconcile::nothing(id, found.life())
    };
    let mut batches = Vec::new();
    if found.is_older() {
        batches.push(Reconcile { lines, ..of_restaurant.clone() });
    }
    let mut by_life: BTreeMap<i64, Vec<StockChange>> = BTreeMap::new();
    for LostStock { life, item, by, answer, .. } in lost.stock.iter().cloned() {
        let key = answer.as_deref().and_then(key_of);
        by_life.entry(life).or_default().push(StockChange { item, by: by.unwrap_or(0), left: None, key });
    }
    if let Some(mut last) = by_life.last_entry() {
        let left: BTreeMap<&str, i64> = lost.stock.iter().map(|stock| (stock.item.as_str(), stock.left)).collect();
        let counts = left.into_iter().filter(|(item, _)| recounted.contains(item));
        let count =
            |(item, left): (&str, i64)| StockChange { item: item.to_owned(), by: 0, left: Some(left), key: None };
        last.get_mut().extend(counts.map(count));
    }
    // What was lost by a life is put back once: after a crash, and also in a later life that knows of it.
    for (life, stock) in by_life {
        for (index, stock) in stock.chunks(Reconcile::TICKETS_MAX).enumerate() {
            let (key, stock) = (format!("stock:{life}:{index}"), stock.to_vec());
            batches.push(Reconcile { key, stock, ..of_restaurant.clone() });
        }
    }
    let keys: HashMap<&str, String> =
        lost.joins.iter().filter_map(|(r#ref, answer)| Some((r#ref.as_str(), key_of(answer)?))).collect();
    for tickets in lost.tickets.chunks(Reconcile::TICKETS_MAX) {
        let key = |packed: &Vec<u8>| {
            let named: Named = rebuild::unpack("a ticket", packed)?;
            Ok::<_, Unreadable>(keys.get(named.r#ref.as_str()).cloned().unwrap_or_default())
        };
        let keys = tickets.iter().map(key).collect::<Result<_, _>>()?;
        batches.push(Reconcile { tickets: tickets.to_vec(), keys, ..of_restaurant.clone() });
    }
    let answers = rebuild::answers(&lost.answers, &lost.tickets).unwrap_or_else(|error| {
        tracing::error!(restaurant.id = %id, %error, "answers are not put back");
        Vec::new()
    });
    for answers in answers.chunks(Reconcile::TICKETS_MAX) {
        batches.push(Reconcile { answers: answers.to_vec(), ..of_restaurant.clone() });
    }
    batches.push(Reconcile {
        skip: found.skip,
        skips: found.skips.clone(),
        lost: found.has_lost(),
        covered: found.covered,
        last: true,
        ..of_restaurant
    });
    Ok(batches)
}

#[derive(Deserialize)]
struct Named {
    r#ref: String,
}

/// The key of a recorded answer.
fn key_of(answer: &[u8]) -> Option<String> {
    rmp_serde::from_slice::<Answer>(answer).ok().map(|answer| answer.key)
}

/// The rules are PostgreSQL's; an older copy has older ones.
async fn put_back_policy(queue: &Queue, db: &Db, id: RestaurantId) -> Result<(), CompareError> {
    let (Some(recorded), Some((_, here))) = (db::policies::get(db, id).await?, queue.record(id).await?) else {
        return Ok(());
    };
    if recorded.policy != here {
        let context = CallContext::by(Actor::of(Role::Timer));
        // Refused only when Redis is another process once more: then it is compared once more.
        drop(queue.run(id, &context, &Command::PolicySet(Box::new(recorded.policy))).await?);
    }
    Ok(())
}

/// Other batches are named by what is in them, so that one that comes again acts once.
fn content(batch: &Reconcile) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    batch.tickets.iter().for_each(|packed| hasher.update(packed));
    batch.answers.iter().for_each(|answer| hasher.update(answer.key.as_bytes()));
    hasher.finalize()
}
