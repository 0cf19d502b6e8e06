//! An entry that was set aside is read again, and recorded as the recorder would have recorded it.
//!
//! Those that followed it may be recorded by now, and what Redis had took its place: then it is written between them,
//! and touches nothing that is newer ([`write_late`](Writing::write_late)).

use std::{
    collections::{BTreeSet, HashMap},
    iter,
    sync::Arc,
};

use super::{
    batch::{Batch, Known, Standing, standing},
    commit::known,
    readable::Readable,
};
use crate::{
    db::{
        Db, DbError, Obstacle,
        record::{
            dead_letters::{self, Letter},
            late::Place,
            write::{WriteError, Writing},
        },
    },
    queue::{keys::Partition, log::Logged},
};

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is recorded, by this.
    Replayed,
    /// It was recorded before.
    AlreadyRecorded,
    /// It lies where it lay, and why.
    Kept(String),
}

/// The event of an entry.
///
/// # Errors
/// Why it cannot be read.
pub fn event_of(letter: &Letter) -> Result<Arc<Logged>, String> {
    Logged::read(&letter.raw)
}

/// Records this entry, once.
///
/// # Errors
/// When PostgreSQL does not answer: nothing has happened then.
pub async fn replay(db: &Db, letter: &Letter) -> Result<Outcome, DbError> {
    if let Some(why) = letter.nothing() {
        // That is known; what is noted stays.
        return Ok(Outcome::Kept(format!("{why}: discard it")));
    }
    let outcome = match try_to(db, letter).await {
        Ok(outcome) => outcome,
        Err(WriteError::Db(error)) if matches!(error.obstacle(), Obstacle::Value | Obstacle::Schema) => {
            Outcome::Kept(format!("PostgreSQL refuses it: {error}; {}", error.remedy()))
        }
        Err(WriteError::Db(error)) => return Err(error),
        Err(WriteError::Fenced(_)) => return Err(DbError::TimedOut),
    };
    match &outcome {
        Outcome::Kept(why) => dead_letters::keep(db, letter.partition, &letter.entry, why).await?,
        done => tracing::info!(partition = letter.partition, entry = letter.entry, ?done, "an entry was replayed"),
    }
    Ok(outcome)
}

async fn try_to(db: &Db, letter: &Letter) -> Result<Outcome, WriteError> {
    let partition = Partition::at(letter.partition).ok_or_else(|| "there is no such partition".to_owned());
    let event = partition.and_then(|partition| Readable::of_logged(partition, event_of(letter)?));
    let event = match event {
        Ok(event) => event,
        Err(why) => return Ok(Outcome::Kept(format!("it still cannot be read: {why}"))),
    };
    let mut writing = Writing::take_over(db, letter.partition).await?;
    let recorded = match record(&mut writing, &event).await {
        Ok(Outcome::Kept(why)) => Err(Ok(Outcome::Kept(why))),
        Ok(outcome) => {
            let word = if outcome == Outcome::Replayed { "replayed" } else { "already recorded" };
            match writing.settle(letter.partition, &letter.entry, word).await {
                Ok(true) => Ok(outcome),
                // Somebody else was faster.
                Ok(false) => Err(Ok(Outcome::AlreadyRecorded)),
                Err(error) => Err(Err(error)),
            }
        }
        Err(error) => Err(Err(error)),
    };
    match recorded {
        Ok(outcome) => writing.commit().await.map(|()| outcome),
        Err(ended) => {
            writing.take_back(ended.as_ref().err()).await;
            ended
        }
    }
}

async fn record(writing: &mut Writing, event: &Readable) -> Result<Outcome, WriteError> {
    let (aggregate, stamp) = (event.aggregate(), event.stamp());
    let place = writing.place(aggregate, stamp).await?;
    if place == Place::Taken {
        return Ok(Outcome::AlreadyRecorded);
    }
    let days: Vec<String> = event.tickets.iter().map(|facts| facts.day.clone()).collect();
    if writing.is_forgotten(event.restaurant.unwrap_or_default(), &days).await? {
        return Ok(Outcome::Kept("its business day is anonymous by now: discard it".to_owned()));
    }
    let known = known(writing, iter::once(event)).await?;
    match standing(writing.stands(aggregate).await?, aggregate, stamp) {
        Standing::Old => return late(writing, event, known, &place).await,
        ahead => {
            let mut batch = Batch::new(known);
            if let Standing::Gap(gap) = ahead {
                batch.push_gap(gap);
            }
            batch.push(event);
            writing.reserve(event.partition.index(), 1).await?;
            writing.write(&batch.finish(|_| Some(event.row()))).await?;
        }
    }
    Ok(Outcome::Replayed)
}

/// Records an event that others have followed.
async fn late(writing: &mut Writing, event: &Readable, mut known: Known, place: &Place) -> Result<Outcome, WriteError> {
    if writing.is_in_open_gap(event.aggregate(), event.logged.rev).await? {
        let why = "the record is about to be made whole from what Redis has: try again when a worker has done that";
        return Ok(Outcome::Kept(why.to_owned()));
    }
    let (mut newer, mut gives_way) = (BTreeSet::new(), HashMap::new());
    for (facts, packed) in event.tickets.iter().zip(&event.logged.tickets) {
        let key = (event.restaurant.unwrap_or_default(), facts.r#ref.clone());
        let Some(recorded) = writing.late_ticket(key.0, &key.1).await? else { continue };
        if recorded.stamp < event.stamp() {
            continue;
        }
        // What stood in for this event may be what the ticket's row is from.
        let stand_in = writing.stand_in(key.0, &key.1, event.stamp()).await?;
        let is_from_stand_in = recorded.packed.as_ref() == Some(&packed.0) && Some(recorded.stamp) == stand_in;
        // As long as the row is from it, only the change that led there takes its place.
        if let Some(stand_in) = stand_in.filter(|stand_in| is_from_stand_in || *stand_in != recorded.stamp) {
            gives_way.insert(key.1.clone(), stand_in);
        }
        if !is_from_stand_in {
            // Counted as it is now; this event changes no sum.
            newer.insert(facts.r#ref.clone());
            known.tickets.insert(key, facts.known(None));
        }
    }
    let mut batch = Batch::new(known);
    batch.push(event);
    let mut rows = batch.finish(|_| None);
    rows.tickets.retain(|ticket| !newer.contains(&ticket.r#ref));
    writing.write_late(event.restaurant, &rows, place, &gives_way).await?;
    Ok(Outcome::Replayed)
}
