//! Making the record whole where its log has a gap: what Redis has now takes the place of what was missed.
//!
//! The last revision of the gap becomes an event of its own, `record.reconciled`, which carries everything that is not
//! recorded as it is. Events that follow it are recorded on top.

use std::{collections::BTreeSet, sync::Arc};

use super::{RecordError, Recorder, batch::Batch, commit::known, held::aggregate_of, of_one, readable::Readable};
use crate::{
    db::{
        DbError,
        record::{
            gaps,
            rows::AggregateRow,
            write::{self, Move},
        },
    },
    domain::{Actor, Millis, RestaurantId, Role, Stamp},
    queue::{
        Raw,
        keys::Partition,
        log::{Logged, Packed},
    },
};

impl Recorder {
    /// Mends the restaurants that have gaps, once their logs are read to the end.
    pub(super) async fn mend(&mut self) -> Result<(), RecordError> {
        let with_gaps: Vec<RestaurantId> = self
            .held
            .values()
            .filter(|held| held.is_at_the_end())
            .flat_map(|held| held.with_gaps.iter().copied())
            .collect();
        for id in with_gaps {
            of_one(id, self.mend_one(id).await)?;
        }
        Ok(())
    }

    async fn mend_one(&mut self, id: RestaurantId) -> Result<(), RecordError> {
        let (partition, aggregate) = (Partition::of(id), aggregate_of(id));
        let Some(held) = self.held.get(&partition) else { return Ok(()) };
        let stamp = held.stamp(&aggregate);
        let Some(gap) = gaps::newest(&self.db, &aggregate).await? else {
            self.mended(id);
            return Ok(());
        };
        // Lost altogether: the rebuild comes first.
        let Some(raw) = self.queue.raw(id).await? else { return Ok(()) };
        let moves = [Move {
            partition: partition.index(),
            fence: held.fence,
            from: held.written(),
            position: held.position.to_string(),
            epoch: held.epoch,
            events: 1,
        }];
        let now = self.queue.time(partition).await?;
        let mut writing = write::begin(&self.db, &self.holder, &moves).await?;
        let recorded: BTreeSet<Vec<u8>> = writing.packed_tickets(id).await?.into_iter().collect();
        let tickets: Vec<Packed> = raw.tickets.iter().filter(|packed| !recorded.contains(&packed.0)).cloned().collect();
        let found = tickets.len();
        let event = Arc::new(reconciled(&aggregate, gap, now, raw, tickets));
        let event =
            Readable::of_logged(partition, event).map_err(|error| DbError::unreadable_text("live state", error))?;
        let mut batch = Batch::new(known(&mut writing, std::iter::once(&event)).await?);
        batch.push(&event);
        // A gap may be the last that there is.
        let Stamp { epoch, rev } = stamp.map_or(gap, |stamp| stamp.max(gap));
        let stands = AggregateRow { aggregate: aggregate.clone(), partition: partition.index(), epoch, rev, at: now };
        writing.write(&batch.finish(|_| Some(stands.clone()))).await?;
        writing.mend_gaps(&aggregate).await?;
        writing.commit().await?;
        if let Some(held) = self.held.get_mut(&partition) {
            held.note(&stands);
            held.is_written();
        }
        self.mended(id);
        tracing::warn!(restaurant.id = %id, tickets = found, "a gap in the record was filled from the live state");
        Ok(())
    }

    fn mended(&mut self, id: RestaurantId) {
        if let Some(held) = self.held.get_mut(&Partition::of(id)) {
            held.with_gaps.remove(&id);
        }
    }
}

fn reconciled(aggregate: &str, gap: Stamp, at: Millis, raw: Raw, tickets: Vec<Packed>) -> Logged {
    Logged {
        aggregate: aggregate.to_owned(),
        epoch: gap.epoch,
        rev: gap.rev,
        at,
        name: "record.reconciled".to_owned(),
        by: Actor::of(Role::Timer).into(),
        ticket: None,
        line: None,
        item: None,
        adjusted: None,
        reason: None,
        tickets,
        lines: raw.lines,
        stock: raw.stock.into_iter().collect(),
        restaurant: raw.restaurant,
        policy: raw.policy,
        menu: raw.menu,
        pace: raw.pace.into_iter().collect(),
        answer: None,
    }
}
