//! Writing what was read: one transaction for the entries of some partitions, checked, committed, and then believed.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    RecordError, Recorder,
    batch::{Batch, Known, Standing, last, standing, unpack_left},
    readable::Readable,
};
use crate::{
    db::{
        DbError,
        record::{
            rows::AggregateRow,
            write::{self, Move, WriteError, Writing},
        },
    },
    queue::{keys::Partition, log::Entry},
};

/// Some entries of a partition.
pub(super) type Part = (Partition, Vec<Entry>);

impl Recorder {
    /// Records these entries. What PostgreSQL refuses for its content is narrowed down to the entry that is to blame.
    pub(super) async fn record_parts(&mut self, parts: Vec<Part>) -> Result<(), RecordError> {
        let mut rest = vec![parts];
        while let Some(parts) = rest.pop() {
            let parts = self.turned_back(parts);
            match self.write(&parts, None).await {
                Ok(()) => {}
                Err(WriteError::Fenced(partitions)) => {
                    self.metrics.recorder_fenced.inc();
                    tracing::warn!(?partitions, "fence refused: these partitions are another recorder's now");
                    self.held.retain(|partition, _| !partitions.contains(&partition.index()));
                    let still = parts.into_iter().filter(|(partition, _)| self.held.contains_key(partition)).collect();
                    rest.push(still);
                }
                Err(WriteError::Db(error)) if error.is_transient() => return Err(error.into()),
                Err(WriteError::Db(error)) => match halves(parts) {
                    Halves::Two(first, second) => rest.extend([second, first]),
                    Halves::One(part) => {
                        let error = DbError::to_string(&error);
                        self.write(&[part], Some(&error)).await?;
                    }
                    Halves::None => {}
                },
            }
            rest.retain(|parts| !parts.is_empty());
        }
        Ok(())
    }

    /// At a new epoch a log is read from its first entry: what stands before the position may be new. Those partitions
    /// are left out until then.
    fn turned_back(&mut self, parts: Vec<Part>) -> Vec<Part> {
        let mut kept = Vec::with_capacity(parts.len());
        for (partition, entries) in parts {
            let Some(held) = self.held.get_mut(&partition) else { continue };
            let epoch = entries.iter().filter_map(|entry| entry.event.as_ref().ok()).map(|event| event.epoch).max();
            if epoch.is_some_and(|epoch| held.begin_epoch(epoch)) {
                continue;
            }
            kept.push((partition, entries));
        }
        kept
    }

    /// Writes entries in one transaction. `refused`: they are one, which PostgreSQL does not take.
    async fn write(&mut self, parts: &[Part], refused: Option<&str>) -> Result<(), WriteError> {
        let mut events: Vec<Result<Readable, (Partition, &Entry, String)>> = Vec::new();
        let (mut moves, mut stands) = (Vec::new(), BTreeMap::new());
        let mut gaps = Vec::new();
        for (partition, entries) in parts {
            let (Some(held), Some(position)) = (self.held.get(partition), last(entries)) else { continue };
            let mut taken = 0;
            for entry in entries {
                let readable = match refused {
                    Some(error) => Err(error.to_owned()),
                    None => Readable::of(*partition, entry),
                };
                match readable {
                    Ok(event) => {
                        let known = stands.get(event.aggregate()).copied().or_else(|| held.stamp(event.aggregate()));
                        match standing(known, event.aggregate(), event.stamp()) {
                            Standing::Old => continue,
                            Standing::Next => {}
                            Standing::Gap(gap) => gaps.push(gap),
                        }
                        stands.insert(event.aggregate().to_owned(), event.stamp());
                        taken += 1;
                        events.push(Ok(event));
                    }
                    Err(error) => events.push(Err((*partition, entry, error))),
                }
            }
            moves.push(Move {
                partition: partition.index(),
                fence: held.fence,
                position: position.to_string(),
                epoch: held.epoch,
                events: taken,
            });
        }
        if moves.is_empty() {
            return Ok(());
        }
        let mut writing = write::begin(&self.db, &self.holder, &moves).await?;
        let mut batch = Batch::new(known(&mut writing, events.iter().flatten()).await?);
        for gap in gaps {
            batch.push_gap(gap);
        }
        let mut at = BTreeMap::new();
        for event in &events {
            match event {
                Ok(event) => {
                    at.insert(event.aggregate().to_owned(), event.row());
                    batch.push(event);
                }
                Err((partition, entry, error)) => batch.push_dead_letter(*partition, entry, error),
            }
        }
        let rows = batch.finish(|aggregate| at.get(aggregate).cloned());
        writing.write(&rows).await?;
        writing.commit().await?;
        self.committed(&moves, rows.aggregates);
        self.note_gaps(rows.gaps.iter().map(|gap| gap.aggregate.as_str()));
        self.metrics.recorder_events.inc_by(rows.events.len() as u64);
        self.metrics.recorder_dead_letters.inc_by(rows.dead_letters.len() as u64);
        self.metrics.recorder_gaps.inc_by(rows.gaps.len() as u64);
        Ok(())
    }

    /// Takes over what is true now.
    fn committed(&mut self, moves: &[Move], aggregates: Vec<AggregateRow>) {
        for moved in moves {
            let held = Partition::at(moved.partition).and_then(|partition| self.held.get_mut(&partition));
            if let (Some(held), Ok(position)) = (held, moved.position.parse()) {
                held.move_to(position);
            }
        }
        for aggregate in aggregates {
            let held = Partition::at(aggregate.partition).and_then(|partition| self.held.get_mut(&partition));
            if let Some(held) = held {
                held.note(&aggregate);
            }
        }
    }
}

/// What is recorded of all that these events touch.
pub(super) async fn known<'e>(
    writing: &mut Writing,
    events: impl Iterator<Item = &'e Readable> + Clone,
) -> Result<Known, WriteError> {
    let tickets: BTreeSet<_> = events.clone().flat_map(Readable::ticket_keys).collect();
    let stock: BTreeSet<_> = events.flat_map(Readable::stock_keys).collect();
    let mut known = Known::default();
    if !tickets.is_empty() {
        known.tickets = writing.tickets(&tickets.into_iter().collect::<Vec<_>>()).await?;
    }
    if !stock.is_empty() {
        let parts = writing.parts(&stock.into_iter().collect::<Vec<_>>()).await?;
        known.stock = parts.into_iter().map(|(key, packed)| (key, unpack_left(&packed))).collect();
    }
    Ok(known)
}

/// A batch that was refused, cut in two; or the one entry that is left of it.
enum Halves {
    Two(Vec<Part>, Vec<Part>),
    One(Part),
    None,
}

fn halves(mut parts: Vec<Part>) -> Halves {
    match parts.len() {
        0 => Halves::None,
        1 => {
            let (partition, mut entries) = parts.remove(0);
            if entries.len() < 2 {
                return Halves::One((partition, entries));
            }
            let second = entries.split_off(entries.len() / 2);
            Halves::Two(vec![(partition, entries)], vec![(partition, second)])
        }
        len => {
            let second = parts.split_off(len / 2);
            Halves::Two(parts, second)
        }
    }
}
