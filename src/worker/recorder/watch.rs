//! What a recorder does beside recording: it notices that Redis has lost a restaurant, or came back older, and sees
//! that the live state is made whole again.

use crate::{
    db::record::reconcile::{self, Lost},
    domain::{LineRecord, RestaurantId, RestaurantRecord, Stamp},
    queue::{Reconcile, keys::Partition},
};

use super::{RecordError, Recorder, held::aggregate_of};

impl Recorder {
    /// Compares where every restaurant stands in Redis with the record.
    pub(super) async fn watch(&mut self) -> Result<(), RecordError> {
        let ids: Vec<RestaurantId> = self.held.values().flat_map(super::Held::restaurants).collect();
        let stamps = self.queue.stamps(&ids).await?;
        for (id, stamp) in ids.into_iter().zip(stamps) {
            match stamp {
                None => self.restaurants.ask_to_open(id),
                Some(stamp) => self.compare(id, stamp).await?,
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
        if held.reconciled(id) >= stamp.epoch {
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
        let Some(restaurant) = lost.restaurant.as_deref().and_then(unpack::<RestaurantRecord>) else {
            return Ok(false);
        };
        let mut put_back = 0;
        // Restaurant, lines and stock at once, then the tickets: a batch is named by what is in it, so that one that
        // comes again acts once.
        let rest: [&[Vec<u8>]; 1] = [&[]];
        for tickets in rest.into_iter().chain(lost.tickets.chunks(Reconcile::TICKETS_MAX)) {
            let lines: &[Vec<u8>] = if tickets.is_empty() { &lost.lines } else { &[] };
            let content = tickets.iter().fold(crc32fast::Hasher::new(), |mut hasher, packed| {
                hasher.update(packed);
                hasher
            });
            let reconcile = Reconcile {
                key: format!("{epoch}:{:08x}", content.finalize()),
                restaurant: restaurant.clone(),
                lines: lines.iter().filter_map(|packed| unpack::<LineRecord>(packed)).collect(),
                tickets: tickets.to_vec(),
                stock: if tickets.is_empty() { lost.stock.clone() } else { Vec::new() },
                since: lost.at,
            };
            match self.queue.reconcile(&reconcile, None).await? {
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

fn unpack<T: serde::de::DeserializeOwned>(packed: &[u8]) -> Option<T> {
    rmp_serde::from_slice(packed).ok()
}
