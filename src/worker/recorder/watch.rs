//! What a recorder does beside recording: it notices that Redis has lost a restaurant, or came back older, and sees
//! that the live state is made whole again.

use crate::{
    db::record::reconcile::{self, Lost},
    domain::{RestaurantId, Stamp},
    queue::{Reconcile, keys::Partition},
    service::rebuild,
};

use super::{RecordError, Recorder, held::aggregate_of, of_one};

impl Recorder {
    /// Compares where every restaurant stands in Redis with the record.
    pub(super) async fn watch(&mut self) -> Result<(), RecordError> {
        let ids: Vec<RestaurantId> = self.held.values().flat_map(super::Held::restaurants).collect();
        let stamps = self.queue.stamps(&ids).await?;
        for (id, stamp) in ids.into_iter().zip(stamps) {
            match stamp {
                None => self.restaurants.ask_to_open(id),
                Some(stamp) => of_one(id, self.compare(id, stamp).await)?,
            }
        }
        Ok(())
    }

    async fn compare(&mut self, id: RestaurantId, stamp: Stamp) -> Result<(), RecordError> {
        let Some(held) = self.held.get_mut(&Partition::of(id)) else { return Ok(()) };
        // A new life: first all that its log has is recorded.
        if held.begin_epoch(stamp.epoch) || held.epoch != stamp.epoch || !held.is_at_the_end() {
            return Ok(());
        }
        if held.reconciled(id) >= stamp.epoch || !held.is_settled(id, stamp) {
            return Ok(());
        }
        let lost = reconcile::lost(&self.db, id, stamp.epoch, stamp.rev).await?;
        if lost.events > 0 && !self.put_back(id, stamp.epoch, &lost).await? {
            return Ok(());
        }
        reconcile::reconciled(&self.db, id, stamp.epoch).await?;
        if let Some(held) = self.held.get_mut(&Partition::of(id)) {
            held.note_reconciled(&aggregate_of(id), stamp.epoch);
        }
        Ok(())
    }

    /// Puts back what Redis lost; whether that was possible now.
    async fn put_back(&self, id: RestaurantId, epoch: i64, lost: &Lost) -> Result<bool, RecordError> {
        let Some(restaurant) = lost.restaurant.as_deref().and_then(|packed| rmp_serde::from_slice(packed).ok()) else {
            return Ok(false);
        };
        let answers = rebuild::answers(&lost.answers, &lost.tickets).unwrap_or_else(|error| {
            tracing::error!(restaurant.id = %id, %error, "answers are not put back");
            Vec::new()
        });
        let empty = Reconcile {
            key: String::new(),
            restaurant,
            lines: Vec::new(),
            tickets: Vec::new(),
            stock: Vec::new(),
            answers: Vec::new(),
            since: lost.at,
        };
        // Restaurant, lines and stock, then the tickets, then the answers, which name tickets.
        let mut batches = vec![Reconcile {
            lines: lost.lines.iter().filter_map(|packed| rmp_serde::from_slice(packed).ok()).collect(),
            stock: lost.stock.clone(),
            ..empty.clone()
        }];
        for tickets in lost.tickets.chunks(Reconcile::TICKETS_MAX) {
            batches.push(Reconcile { tickets: tickets.to_vec(), ..empty.clone() });
        }
        for answers in answers.chunks(Reconcile::TICKETS_MAX) {
            batches.push(Reconcile { answers: answers.to_vec(), ..empty.clone() });
        }
        let mut put_back = 0;
        for batch in batches {
            let batch = Reconcile { key: format!("{epoch}:{:08x}", content(&batch)), ..batch };
            match self.queue.reconcile(&batch, None).await? {
                Ok(outcome) => put_back += outcome.done.left.unwrap_or(0),
                Err(refusal) => {
                    tracing::debug!(restaurant.id = %id, code = refusal.code(), "nothing can be put back yet");
                    return Ok(false);
                }
            }
        }
        self.metrics.recorder_put_back.inc_by(put_back.max(0).cast_unsigned());
        tracing::warn!(
            restaurant.id = %id,
            events_lost = lost.events,
            tickets_put_back = put_back,
            "Redis came back older than the record: what it had lost was put back"
        );
        Ok(true)
    }
}

/// A batch is named by what is in it, so that one that comes again acts once.
fn content(batch: &Reconcile) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    batch.tickets.iter().for_each(|packed| hasher.update(packed));
    batch.answers.iter().for_each(|answer| hasher.update(answer.key.as_bytes()));
    hasher.finalize()
}
