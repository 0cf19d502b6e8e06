//! Writing what was read: one transaction for the entries of some partitions, checked, committed, and then believed.

use std::{
    collections::{BTreeMap, BTreeSet},
    slice,
};

use tokio::time::Instant;

use super::{
    KEEP_PERIOD, RecordError, Recorder,
    batch::{Batch, Known, Standing, last, standing, unpack_left},
    control,
    held::Held,
    readable::Readable,
};
use crate::{
    db::{
        DbError, Obstacle,
        record::{
            rows::{AggregateRow, DeadLetterRow, GapRow, Rows},
            write::{self, Move, WriteError, Writing},
        },
    },
    queue::{keys::Partition, log::Entry},
};

/// Some entries of a partition.
pub(super) type Part = (Partition, Vec<Entry>);

impl Recorder {
    /// Records these entries. What PostgreSQL refuses is narrowed down to the entry that it refuses: one that is to
    /// blame itself is set aside, any other stops its partition.
    pub(super) async fn record_parts(&mut self, parts: Vec<Part>) -> Result<(), RecordError> {
        let until = Instant::now() + KEEP_PERIOD;
        let (mut rest, mut news) = (vec![parts], News::default());
        while let Some(parts) = rest.pop() {
            let parts = self.turned_back(parts);
            match self.write(&parts, None).await {
                Ok(()) => news.taken.extend(self.taken(&parts)),
                Err(WriteError::Fenced(partitions)) => rest.push(self.fenced(&partitions, parts)),
                Err(WriteError::Db(error)) if error.obstacle() == Obstacle::Server => return Err(error.into()),
                Err(WriteError::Db(error)) => match halves(parts) {
                    // Leases have to be kept: what was not tried is read again.
                    Halves::Two(..) if Instant::now() > until && news.stopped > 0 => break,
                    // Who waits for a lock with one entry waits with another.
                    Halves::Two(first, second) if error.obstacle() == Obstacle::Lock && is_one(&first, &second) => {
                        first.iter().for_each(|part| self.stop(part, &error, &mut news, &mut rest));
                    }
                    Halves::Two(first, second) => rest.extend([second, first]),
                    Halves::One(part) => match self.set_aside(&part, error).await {
                        Ok(()) => {}
                        Err(WriteError::Fenced(partitions)) => rest.push(self.fenced(&partitions, vec![part])),
                        Err(WriteError::Db(error)) if error.obstacle() == Obstacle::Server => return Err(error.into()),
                        Err(WriteError::Db(error)) => self.stop(&part, &error, &mut news, &mut rest),
                    },
                    Halves::None => {}
                },
            }
            rest.retain(|parts| !parts.is_empty());
        }
        news.say();
        Ok(())
    }

    /// Sets an entry aside that PostgreSQL refused, if it is to blame itself: its values were refused twice, and in
    /// between values as large as any may be were not.
    ///
    /// # Errors
    /// Why its partition has to stop, if it is not to blame.
    async fn set_aside(&mut self, part: &Part, error: DbError) -> Result<(), WriteError> {
        if error.obstacle() != Obstacle::Value || !self.takes_others(part.0).await? {
            return Err(error.into());
        }
        match self.write(slice::from_ref(part), None).await {
            Err(WriteError::Db(error)) if error.obstacle() == Obstacle::Value => {
                self.write(slice::from_ref(part), Some(&error.to_string())).await
            }
            done => done,
        }
    }

    /// Whether PostgreSQL takes what is in order, as it is now.
    async fn takes_others(&self, partition: Partition) -> Result<bool, WriteError> {
        let Some(held) = self.held.get(&partition) else { return Ok(false) };
        let (position, rows) = (held.position.to_string(), control::rows(partition));
        let (fence, from, epoch) = (held.fence, held.written(), held.epoch);
        let moved = Move { partition: partition.index(), fence, from, position, epoch, events: 1 };
        let mut writing = write::begin(&self.db, &self.holder, &[moved]).await?;
        let written = writing.write(&rows).await;
        writing.take_back(written.as_ref().err()).await;
        match written {
            Err(WriteError::Db(error)) if matches!(error.obstacle(), Obstacle::Value | Obstacle::Schema) => Ok(false),
            written => written.map(|()| true),
        }
    }

    /// Nothing more of this partition is tried for a while.
    fn stop(&mut self, part: &Part, error: &DbError, news: &mut News, rest: &mut [Vec<Part>]) {
        let (partition, _) = part;
        for parts in rest {
            parts.retain(|(other, _)| other != partition);
        }
        news.stopped += 1;
        if self.held.get_mut(partition).is_some_and(Held::refused) {
            let (_, _, partitions) = news
                .refused
                .entry(error.sqlstate().unwrap_or_default())
                .or_insert_with(|| (error.to_string(), error.remedy(), Vec::new()));
            partitions.push(partition.index());
        }
    }

    /// Those of these partitions go on that were stopped.
    fn taken(&mut self, parts: &[Part]) -> Vec<u16> {
        let mut taken = Vec::new();
        for (partition, _) in parts {
            if self.held.get_mut(partition).is_some_and(|held| held.stopped.taken()) {
                taken.push(partition.index());
            }
        }
        taken
    }

    /// These partitions are another recorder's: what is left without them.
    fn fenced(&mut self, partitions: &[u16], parts: Vec<Part>) -> Vec<Part> {
        self.metrics.recorder_fenced.inc();
        tracing::warn!(?partitions, "fence refused: not where this recorder left it");
        self.held.retain(|partition, _| !partitions.contains(&partition.index()));
        parts.into_iter().filter(|(partition, _)| self.held.contains_key(partition)).collect()
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
        let mut events: Vec<Written<'_>> = Vec::new();
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
                from: held.written(),
                position: position.to_string(),
                epoch: held.epoch,
                events: taken,
            });
        }
        if moves.is_empty() {
            return Ok(());
        }
        let mut writing = write::begin(&self.db, &self.holder, &moves).await?;
        let rows = match fill(&mut writing, &events, gaps).await {
            Ok(rows) => rows,
            Err(error) => {
                writing.take_back(Some(&error)).await;
                return Err(error);
            }
        };
        writing.commit().await?;
        say_troubles(&rows);
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

/// An event, or an entry that is set aside and why.
type Written<'e> = Result<Readable, (Partition, &'e Entry, String)>;

/// Writes everything that these mean.
async fn fill(writing: &mut Writing, events: &[Written<'_>], gaps: Vec<GapRow>) -> Result<Rows, WriteError> {
    let mut batch = Batch::new(known(writing, events.iter().flatten()).await?);
    for gap in gaps {
        batch.push_gap(gap);
    }
    let mut at = BTreeMap::new();
    for event in events {
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
    Ok(rows)
}

/// What is recorded, and is not as it should be.
fn say_troubles(rows: &Rows) {
    for gap in &rows.gaps {
        tracing::error!(epoch = gap.epoch, from = gap.rev_from, to = gap.rev_to, "the event log has a gap");
    }
    for letter in &rows.dead_letters {
        let DeadLetterRow { partition, entry, error, .. } = letter;
        tracing::error!(partition, entry, error, "an entry of the event log was set aside: `waitless dlq list`");
    }
}

/// What a look at the logs has changed, told when it is over.
#[derive(Default)]
struct News {
    /// Partitions that were refused, also again.
    stopped: usize,
    /// Why, what helps, and which partitions it is new for, by SQLSTATE.
    refused: BTreeMap<String, (String, &'static str, Vec<u16>)>,
    /// Partitions that go on.
    taken: Vec<u16>,
}

impl News {
    fn say(&self) {
        for (sqlstate, (error, remedy, partitions)) in &self.refused {
            tracing::error!(
                sqlstate,
                error,
                remedy,
                ?partitions,
                "PostgreSQL refuses what comes next; the event log is kept"
            );
        }
        if !self.taken.is_empty() {
            tracing::info!(partitions = ?self.taken, "recorded again");
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

/// Whether both are of one partition.
fn is_one(first: &[Part], second: &[Part]) -> bool {
    first.iter().chain(second).all(|(partition, _)| *partition == first[0].0)
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
