//! Recording an event late: those that followed it are recorded, and what Redis had then took its place. Nothing that
//! is newer is touched, and nothing is counted twice.

use std::collections::HashMap;

use super::{
    super::Db,
    rows::{EventRow, MovementRow, Rows, TransitionRow},
    write::{WriteError, Writing},
};
use crate::domain::Stamp;

/// The name of the event that takes the place of what was missed.
pub const STAND_IN: &str = "record.reconciled";

/// What the record has at an event's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nothing.
    Free,
    /// What Redis had later.
    StandIn,
    /// The event itself.
    Taken,
}

/// A ticket in the record, as far as a late event has to know.
#[derive(Clone, Debug)]
pub struct LateTicket {
    /// Of its last change.
    pub stamp: Stamp,
    /// As it was then; `None`: erased.
    pub packed: Option<Vec<u8>>,
}

impl Writing {
    /// Begins a transaction that writes this partition without its lease. Whoever has the lease has to take it anew,
    /// and so learns what is recorded here.
    ///
    /// # Errors
    /// When PostgreSQL fails.
    pub async fn take_over(db: &Db, partition: u16) -> Result<Self, WriteError> {
        let mut writing = Self::unfenced(db).await?;
        let query = sqlx::query_scalar!(
            "UPDATE recorder SET holder = NULL, fence = fence + 1 WHERE partition = $1 RETURNING seq",
            partition.cast_signed()
        );
        let seq = writing.bounded(async |on| query.fetch_one(on).await).await?;
        writing.note_seq(partition, seq);
        Ok(writing)
    }

    /// Gives so many events of this partition their place in its order.
    ///
    /// # Errors
    /// When PostgreSQL fails.
    pub async fn reserve(&mut self, partition: u16, events: i64) -> Result<(), WriteError> {
        let query =
            sqlx::query!("UPDATE recorder SET seq = seq + $2 WHERE partition = $1", partition.cast_signed(), events);
        self.bounded(async |on| query.execute(on).await.map(drop)).await
    }

    /// Where an aggregate stands.
    ///
    /// # Errors
    /// When PostgreSQL fails.
    pub async fn stands(&mut self, aggregate: &str) -> Result<Option<Stamp>, WriteError> {
        let query = sqlx::query!("SELECT epoch, rev FROM aggregates WHERE aggregate = $1", aggregate);
        let row = self.bounded(async |on| query.fetch_optional(on).await).await?;
        Ok(row.map(|row| Stamp { epoch: row.epoch, rev: row.rev }))
    }

    /// What stands at an event's place.
    ///
    /// # Errors
    /// When PostgreSQL fails.
    pub async fn place(&mut self, aggregate: &str, stamp: Stamp) -> Result<Place, WriteError> {
        let query = sqlx::query_scalar!(
            "SELECT name FROM events WHERE aggregate = $1 AND epoch = $2 AND rev = $3",
            aggregate,
            stamp.epoch,
            stamp.rev
        );
        let name = self.bounded(async |on| query.fetch_optional(on).await).await?;
        Ok(name.map_or(Place::Free, |name| if name == STAND_IN { Place::StandIn } else { Place::Taken }))
    }

    /// Whether this revision is missing, and what Redis has will take its place soon.
    ///
    /// # Errors
    /// When PostgreSQL fails.
    pub async fn is_in_open_gap(&mut self, aggregate: &str, rev: i64) -> Result<bool, WriteError> {
        let query = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT 1 FROM gaps WHERE aggregate = $1 AND reconciled_at IS NULL
                   AND $2 BETWEEN rev_from AND rev_to) AS "is_open!""#,
            aggregate,
            rev
        );
        self.bounded(async |on| query.fetch_one(on).await).await
    }

    /// Where that stands which took the place of a ticket's change, as this revision was missing.
    ///
    /// # Errors
    /// When PostgreSQL fails.
    pub async fn stand_in(&mut self, restaurant: i64, r#ref: &str, stamp: Stamp) -> Result<Option<Stamp>, WriteError> {
        let query = sqlx::query!(
            "SELECT epoch, rev FROM transitions
             WHERE restaurant_id = $1 AND ref = $2 AND (epoch, rev) >= ($3, $4) AND name = $5
             ORDER BY epoch, rev LIMIT 1",
            restaurant,
            r#ref,
            stamp.epoch,
            stamp.rev,
            STAND_IN
        );
        let row = self.bounded(async |on| query.fetch_optional(on).await).await?;
        Ok(row.map(|row| Stamp { epoch: row.epoch, rev: row.rev }))
    }

    /// Whether one of these business days is anonymous by now: its tickets go by other refs.
    ///
    /// # Errors
    /// When PostgreSQL fails.
    pub async fn is_forgotten(&mut self, restaurant: i64, days: &[String]) -> Result<bool, WriteError> {
        let query = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT 1 FROM days WHERE restaurant_id = $1 AND anonymous AND day::text = ANY($2))
                   AS "is_forgotten!""#,
            restaurant,
            days
        );
        self.bounded(async |on| query.fetch_one(on).await).await
    }

    /// A ticket as it is recorded.
    ///
    /// # Errors
    /// When PostgreSQL fails.
    pub async fn late_ticket(&mut self, restaurant: i64, r#ref: &str) -> Result<Option<LateTicket>, WriteError> {
        let query = sqlx::query!(
            "SELECT epoch, rev, packed FROM tickets WHERE restaurant_id = $1 AND ref = $2",
            restaurant,
            r#ref
        );
        let row = self.bounded(async |on| query.fetch_optional(on).await).await?;
        Ok(row.map(|row| LateTicket { stamp: Stamp { epoch: row.epoch, rev: row.rev }, packed: row.packed }))
    }

    /// Writes what a late event means. Its tickets and totals are only those that nothing newer has changed;
    /// `gives_way`: what stood in for the change of a ticket.
    ///
    /// # Errors
    /// When PostgreSQL fails or refuses a row.
    pub async fn write_late(
        &mut self,
        restaurant: Option<i64>,
        rows: &Rows,
        place: &Place,
        gives_way: &HashMap<String, Stamp>,
    ) -> Result<(), WriteError> {
        for event in &rows.events {
            if *place == Place::StandIn {
                self.replace_stand_in(event).await?;
            } else {
                self.reserve(event.partition, 1).await?;
                let events = Rows { events: vec![event.clone()], ..Rows::default() };
                self.write(&events).await?;
            }
        }
        self.write(&Rows { tickets: rows.tickets.clone(), totals: rows.totals.clone(), ..Rows::default() }).await?;
        for transition in &rows.transitions {
            if let Some(stand_in) = gives_way.get(&transition.r#ref) {
                self.drop_stand_in(*stand_in, transition).await?;
            }
            self.write_late_transition(transition).await?;
            self.note_end(transition).await?;
        }
        for movement in &rows.movements {
            self.write_late_movement(movement).await?;
        }
        if let (Some(event), Some(restaurant), Place::StandIn) = (rows.events.first(), restaurant, place) {
            self.drop_idle_stand_ins(restaurant, event).await?;
        }
        for (restaurant, part, packed) in &rows.parts {
            let query = sqlx::query!(
                "INSERT INTO live_parts (restaurant_id, part, packed) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                restaurant,
                part,
                packed
            );
            self.bounded(async |on| query.execute(on).await.map(drop)).await?;
        }
        for (restaurant, day, ends_at) in &rows.days {
            let query = sqlx::query!(
                "INSERT INTO days (restaurant_id, day, ends_at) VALUES ($1, $2::text::date, $3) ON CONFLICT DO NOTHING",
                restaurant,
                day,
                ends_at
            );
            self.bounded(async |on| query.execute(on).await.map(drop)).await?;
        }
        Ok(())
    }

    /// What stood in for this event gives way to it, at the same place in the order of commit.
    async fn replace_stand_in(&mut self, event: &EventRow) -> Result<(), WriteError> {
        let query = sqlx::query!(
            "UPDATE events SET at = $4, name = $5, role = $6, device = $7, account = $8, ref = $9, line = $10,
                 item = $11, reason = $12, answer = $13
             WHERE aggregate = $1 AND epoch = $2 AND rev = $3",
            event.aggregate,
            event.epoch,
            event.rev,
            event.at,
            event.name,
            event.by.role,
            event.by.device,
            event.by.account,
            event.r#ref,
            event.line,
            event.item,
            event.reason,
            event.answer
        );
        self.bounded(async |on| query.execute(on).await.map(drop)).await
    }

    async fn write_late_transition(&mut self, row: &TransitionRow) -> Result<(), WriteError> {
        let query = sqlx::query!(
            "INSERT INTO transitions AS old (restaurant_id, ref, epoch, rev, at, name, state, line, role, device,
                 account, reason)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             ON CONFLICT (restaurant_id, ref, epoch, rev) DO UPDATE SET at = EXCLUDED.at, name = EXCLUDED.name,
                 state = EXCLUDED.state, line = EXCLUDED.line, role = EXCLUDED.role, device = EXCLUDED.device,
                 account = EXCLUDED.account, reason = EXCLUDED.reason
             WHERE old.name = $13",
            row.restaurant,
            row.r#ref,
            row.epoch,
            row.rev,
            row.at,
            row.name,
            row.state,
            row.line,
            row.by.role,
            row.by.device,
            row.by.account,
            row.reason,
            STAND_IN
        );
        self.bounded(async |on| query.execute(on).await.map(drop)).await
    }

    /// What stood in for the change of a ticket gives way to the change itself, if it led to the same state.
    async fn drop_stand_in(&mut self, stand_in: Stamp, change: &TransitionRow) -> Result<(), WriteError> {
        let query = sqlx::query!(
            "DELETE FROM transitions
             WHERE restaurant_id = $1 AND ref = $2 AND epoch = $3 AND rev = $4 AND name = $5 AND state = $6
                 AND line = $7",
            change.restaurant,
            change.r#ref,
            stand_in.epoch,
            stand_in.rev,
            STAND_IN,
            change.state,
            change.line
        );
        self.bounded(async |on| query.execute(on).await.map(drop)).await
    }

    /// A ticket that is over ended with the first of its last changes that say so.
    async fn note_end(&mut self, change: &TransitionRow) -> Result<(), WriteError> {
        let query = sqlx::query!(
            "UPDATE tickets SET ended_at = coalesce((
                 SELECT min(ends.at) FROM transitions AS ends
                 WHERE ends.restaurant_id = $1 AND ends.ref = $2 AND ends.state IN ('completed', 'cancelled')
                     AND NOT EXISTS (
                         SELECT 1 FROM transitions AS later
                         WHERE later.restaurant_id = $1 AND later.ref = $2
                             AND later.state NOT IN ('completed', 'cancelled')
                             AND (later.epoch, later.rev) > (ends.epoch, ends.rev))), ended_at)
             WHERE restaurant_id = $1 AND ref = $2 AND state IN ('completed', 'cancelled')",
            change.restaurant,
            change.r#ref
        );
        self.bounded(async |on| query.execute(on).await.map(drop)).await
    }

    /// A movement between others. What it moved was counted with the next one that was recorded: each is counted anew
    /// from then on, by what was left before it, so that the sum stays what it is.
    async fn write_late_movement(&mut self, row: &MovementRow) -> Result<(), WriteError> {
        let query = sqlx::query!(
            "INSERT INTO stock_movements AS old (restaurant_id, item, epoch, rev, at, name, left_after, change, ref,
                 role, device, account, adjusted)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $14)
             ON CONFLICT (restaurant_id, item, epoch, rev) DO UPDATE SET at = EXCLUDED.at, name = EXCLUDED.name,
                 left_after = EXCLUDED.left_after, change = EXCLUDED.change, ref = EXCLUDED.ref, role = EXCLUDED.role,
                 device = EXCLUDED.device, account = EXCLUDED.account, adjusted = EXCLUDED.adjusted
             WHERE old.name = $13",
            row.restaurant,
            row.item,
            row.epoch,
            row.rev,
            row.at,
            row.name,
            row.left_after,
            None::<i64>,
            row.r#ref,
            row.by.role,
            row.by.device,
            row.by.account,
            STAND_IN,
            row.adjusted
        );
        self.bounded(async |on| query.execute(on).await.map(drop)).await?;
        let query = sqlx::query!(
            "UPDATE stock_movements AS old SET change = new.change
             FROM (SELECT epoch, rev, left_after - lag(left_after) OVER (ORDER BY at, epoch, rev) AS change
                   FROM stock_movements
                   WHERE restaurant_id = $1 AND item = $2 AND at >= coalesce((
                       SELECT max(at) FROM stock_movements
                       WHERE restaurant_id = $1 AND item = $2 AND at < $3), $3)) AS new
             WHERE old.restaurant_id = $1 AND old.item = $2 AND old.at >= $3 AND old.epoch = new.epoch
                 AND old.rev = new.rev AND old.change IS DISTINCT FROM new.change",
            row.restaurant,
            row.item,
            row.at
        );
        self.bounded(async |on| query.execute(on).await.map(drop)).await
    }

    /// What stood in for an event also told what was left of every item: where that had not changed, it told nothing.
    async fn drop_idle_stand_ins(&mut self, restaurant: i64, event: &EventRow) -> Result<(), WriteError> {
        let query = sqlx::query!(
            "DELETE FROM stock_movements AS idle
             WHERE restaurant_id = $1 AND epoch = $2 AND rev = $3 AND name = $4 AND left_after IS NOT DISTINCT FROM (
                 SELECT before.left_after FROM stock_movements AS before
                 WHERE before.restaurant_id = $1 AND before.item = idle.item
                     AND (before.at, before.epoch, before.rev) < (idle.at, idle.epoch, idle.rev)
                 ORDER BY before.at DESC, before.epoch DESC, before.rev DESC LIMIT 1)",
            restaurant,
            event.epoch,
            event.rev,
            STAND_IN
        );
        self.bounded(async |on| query.execute(on).await.map(drop)).await
    }
}
