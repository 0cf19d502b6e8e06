//! Writing a batch: the lease is checked and the position moved first, in the transaction of the rows.

use std::collections::HashMap;

use sqlx::{Connection as _, PgConnection};

use super::{
    super::{CALL_TIMEOUT, Db, DbError, pool::Transaction, to_i64},
    partition_of,
    rows::{AggregateRow, By, EventRow, KnownTicket, Rows, TicketRow},
};

use crate::domain::RestaurantId;

/// A position that is moved: what stands between was recorded by this transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// 0 to 95.
    pub partition: u16,
    /// The lease under which this is written.
    pub fence: i64,
    /// Where it was left: epoch and position. A record that is elsewhere is not the one that was written last.
    pub from: (i64, String),
    /// The new position.
    pub position: String,
    /// The life of Redis it is of.
    pub epoch: i64,
    /// Rows of `events` that come with it.
    pub events: i64,
}

/// A transaction that may write these partitions: no other can until it ends.
pub struct Writing {
    transaction: Transaction,
    /// The last seq of each partition before this.
    seqs: HashMap<u16, i64>,
}

/// Why nothing is written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The lease of these partitions is another's by now, or their record is not where it was left.
    #[error("another's by now, or another record was put in its place: partitions {0:?}")]
    Fenced(Vec<u16>),
    /// PostgreSQL failed. Whether a commit happened may be unknown: read the positions again.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for WriteError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

async fn in_time<T>(call: impl Future<Output = Result<T, WriteError>>) -> Result<T, WriteError> {
    tokio::time::timeout(CALL_TIMEOUT, call).await.map_err(|_| WriteError::Db(DbError::TimedOut))?
}

/// A column of some rows, as an array.
fn column<'a, R, T>(rows: &'a [R], of: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}

/// Begins a transaction that moves these positions.
///
/// # Errors
/// [`WriteError::Fenced`] when a lease among them is not `holder`'s any more, or the record is not where it was left: a
/// later life of Redis has been compared with it, or an older one was put back. Nothing is written then.
pub async fn begin(db: &Db, holder: &str, moves: &[Move]) -> Result<Writing, WriteError> {
    in_time(async {
        let mut transaction = db.pool.begin().await?;
        let rows = sqlx::query!(
            "UPDATE recorder SET position = moved.position, epoch = moved.epoch, seq = seq + moved.events
             FROM unnest($2::smallint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
                 $8::text[]) AS moved (partition, fence, position, epoch, events, from_epoch, from_position)
             WHERE recorder.partition = moved.partition AND recorder.holder = $1 AND recorder.fence = moved.fence
               AND recorder.epoch = moved.from_epoch AND recorder.position = moved.from_position
             RETURNING recorder.partition, seq - moved.events AS \"seq!\"",
            holder,
            &column(moves, |moved| moved.partition.cast_signed()),
            &column(moves, |moved| moved.fence),
            &column(moves, |moved| moved.position.as_str()) as &[&str],
            &column(moves, |moved| moved.epoch),
            &column(moves, |moved| moved.events),
            &column(moves, |moved| moved.from.0),
            &column(moves, |moved| moved.from.1.as_str()) as &[&str]
        )
        .fetch_all(&mut *transaction)
        .await?;
        let mut seqs = HashMap::with_capacity(rows.len());
        for row in rows {
            seqs.insert(partition_of(row.partition)?, row.seq);
        }
        let fenced: Vec<u16> =
            moves.iter().map(|moved| moved.partition).filter(|partition| !seqs.contains_key(partition)).collect();
        if fenced.is_empty() { Ok(Writing { transaction, seqs }) } else { Err(WriteError::Fenced(fenced)) }
    })
    .await
}

impl Writing {
    /// A transaction that has checked no lease yet.
    pub(super) async fn unfenced(db: &Db) -> Result<Self, WriteError> {
        in_time(async { Ok(Self { transaction: db.pool.begin().await?, seqs: HashMap::new() }) }).await
    }

    /// The last seq of a partition before what is written.
    pub(super) fn note_seq(&mut self, partition: u16, seq: i64) {
        self.seqs.insert(partition, seq);
    }

    /// One call within this transaction, in time.
    pub(super) async fn bounded<T>(
        &mut self,
        call: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, WriteError> {
        in_time(async { Ok(call(&mut self.transaction).await?) }).await
    }

    /// Those of these tickets (restaurant, ref) that are recorded.
    ///
    /// # Errors
    /// When PostgreSQL fails.
    pub async fn tickets(
        &mut self,
        tickets: &[(i64, String)],
    ) -> Result<HashMap<(i64, String), KnownTicket>, WriteError> {
        let query = sqlx::query!(
            r#"SELECT restaurant_id, ref, day::text AS "day!", line, state, adults, children, channel, joined_at,
                 seated_at, ended_at
               FROM tickets JOIN unnest($1::bigint[], $2::text[]) AS asked (restaurant, asked_ref)
                 ON restaurant_id = restaurant AND ref = asked_ref"#,
            &column(tickets, |(restaurant, _)| *restaurant),
            &column(tickets, |(_, r#ref)| r#ref.as_str()) as &[&str]
        );
        let rows = in_time(async { Ok(query.fetch_all(&mut *self.transaction).await?) }).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let known = KnownTicket {
                    day: row.day,
                    line: row.line,
                    state: row.state,
                    guests: i64::from(row.adults) + i64::from(row.children),
                    remote: row.channel == "remote",
                    joined_at: row.joined_at,
                    seated_at: row.seated_at,
                    ended_at: row.ended_at,
                };
                ((row.restaurant_id, row.r#ref), known)
            })
            .collect())
    }

    /// Those of these parts of live state (restaurant, part) that are recorded.
    ///
    /// # Errors
    /// When PostgreSQL fails.
    pub async fn parts(&mut self, parts: &[(i64, String)]) -> Result<HashMap<(i64, String), Vec<u8>>, WriteError> {
        let query = sqlx::query!(
            "SELECT restaurant_id, part, packed
             FROM live_parts JOIN unnest($1::bigint[], $2::text[]) AS asked (restaurant, asked_part)
               ON restaurant_id = restaurant AND part = asked_part",
            &column(parts, |(restaurant, _)| *restaurant),
            &column(parts, |(_, part)| part.as_str()) as &[&str]
        );
        let rows = in_time(async { Ok(query.fetch_all(&mut *self.transaction).await?) }).await?;
        Ok(rows.into_iter().map(|row| ((row.restaurant_id, row.part), row.packed)).collect())
    }

    /// All tickets of a restaurant, packed, that are not forgotten.
    ///
    /// # Errors
    /// When PostgreSQL fails.
    pub async fn packed_tickets(&mut self, id: RestaurantId) -> Result<Vec<Vec<u8>>, WriteError> {
        let query = sqlx::query_scalar!(
            r#"SELECT packed AS "packed!" FROM tickets WHERE restaurant_id = $1 AND packed IS NOT NULL"#,
            to_i64(id.0)
        );
        in_time(async { Ok(query.fetch_all(&mut *self.transaction).await?) }).await
    }

    /// Notes that the gaps of an aggregate are mended.
    ///
    /// # Errors
    /// When PostgreSQL fails.
    pub async fn mend_gaps(&mut self, aggregate: &str) -> Result<(), WriteError> {
        let query = sqlx::query!(
            "UPDATE gaps SET reconciled_at = now() WHERE aggregate = $1 AND reconciled_at IS NULL",
            aggregate
        );
        in_time(async { Ok(query.execute(&mut *self.transaction).await.map(drop)?) }).await
    }

    /// Writes rows. Events get their seq in the order they stand in.
    ///
    /// # Errors
    /// When PostgreSQL fails or refuses a row; the transaction is of no more use then.
    pub async fn write(&mut self, rows: &Rows) -> Result<(), WriteError> {
        in_time(async {
            self.write_events(&rows.events).await?;
            self.write_tickets(&rows.tickets).await?;
            self.write_transitions(rows).await?;
            self.write_movements(rows).await?;
            self.write_live(rows).await?;
            self.write_totals(rows).await?;
            self.write_aggregates(&rows.aggregates).await?;
            self.write_troubles(rows).await
        })
        .await
    }

    /// Takes everything back, after this failure if there was one; the connection is fit for the next transaction.
    pub async fn take_back(mut self, failed: Option<&WriteError>) {
        let ending = async {
            if matches!(failed, Some(WriteError::Db(error)) if error.is_stale_statement()) {
                self.transaction.clear_cached_statements().await?;
            }
            Ok(self.transaction.rollback().await?)
        };
        if let Err(error) = in_time(ending).await {
            tracing::debug!(%error, "a transaction was not taken back; PostgreSQL ends it");
        }
    }

    /// Makes all of it true at once.
    ///
    /// # Errors
    /// When PostgreSQL fails; whether it was committed is unknown then.
    pub async fn commit(self) -> Result<(), WriteError> {
        in_time(async { Ok(self.transaction.commit().await?) }).await
    }

    async fn write_events(&mut self, events: &[EventRow]) -> Result<(), WriteError> {
        if events.is_empty() {
            return Ok(());
        }
        let mut seqs = Vec::with_capacity(events.len());
        for event in events {
            let seq = self.seqs.entry(event.partition).or_default();
            *seq += 1;
            seqs.push(*seq);
        }
        sqlx::query!(
            "INSERT INTO events (partition, seq, aggregate, epoch, rev, at, name, role, device, account, ref, line,
                 item, reason, answer)
             SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
                 $7::text[], $8::text[], $9::text[], $10::bigint[], $11::text[], $12::text[], $13::text[], $14::text[],
                 $15::bytea[])",
            &column(events, |event| event.partition.cast_signed()),
            &seqs,
            &column(events, |event| event.aggregate.as_str()) as &[&str],
            &column(events, |event| event.epoch),
            &column(events, |event| event.rev),
            &column(events, |event| event.at),
            &column(events, |event| event.name.as_str()) as &[&str],
            &column(events, |event| event.by.role.as_str()) as &[&str],
            &column(events, |event| event.by.device.as_deref()) as &[Option<&str>],
            &column(events, |event| event.by.account) as &[Option<i64>],
            &column(events, |event| event.r#ref.as_deref()) as &[Option<&str>],
            &column(events, |event| event.line.as_deref()) as &[Option<&str>],
            &column(events, |event| event.item.as_deref()) as &[Option<&str>],
            &column(events, |event| event.reason.as_deref()) as &[Option<&str>],
            &column(events, |event| event.answer.as_deref()) as &[Option<&[u8]>]
        )
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    async fn write_tickets(&mut self, tickets: &[TicketRow]) -> Result<(), WriteError> {
        if tickets.is_empty() {
            return Ok(());
        }
        sqlx::query!(
            "INSERT INTO tickets (restaurant_id, ref, day, number, line, state, adults, children, channel, checked_in,
                 name, phone_last4, note, lang, joined_at, called_at, seated_at, missed_at, ended_at, ended_by,
                 ended_reason, calls, delays, overtaken, ahead_at_join, eta_at_join, items, total, epoch, rev, at,
                 packed)
             SELECT restaurant, ref, day::date, number, line, state, adults, children, channel, checked_in, name,
                 phone_last4, note, lang, joined_at, called_at, seated_at, missed_at, ended_at, ended_by, ended_reason,
                 calls, delays, overtaken, ahead_at_join, eta_at_join, items, total, epoch, rev, at, packed
             FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::smallint[],
                 $8::smallint[], $9::text[], $10::boolean[], $11::text[], $12::text[], $13::text[], $14::text[],
                 $15::bigint[], $16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[], $20::text[], $21::text[],
                 $22::smallint[], $23::smallint[], $24::integer[], $25::integer[], $26::jsonb[], $27::jsonb[],
                 $28::bigint[], $29::bigint[], $30::bigint[], $31::bigint[], $32::bytea[])
                 AS new (restaurant, ref, day, number, line, state, adults, children, channel, checked_in, name,
                 phone_last4, note, lang, joined_at, called_at, seated_at, missed_at, ended_at, ended_by, ended_reason,
                 calls, delays, overtaken, ahead_at_join, eta_at_join, items, total, epoch, rev, at, packed)
             ON CONFLICT (restaurant_id, ref) DO UPDATE SET number = EXCLUDED.number, line = EXCLUDED.line,
                 state = EXCLUDED.state, adults = EXCLUDED.adults, children = EXCLUDED.children,
                 checked_in = EXCLUDED.checked_in, name = EXCLUDED.name, note = EXCLUDED.note,
                 called_at = EXCLUDED.called_at, seated_at = EXCLUDED.seated_at, missed_at = EXCLUDED.missed_at,
                 ended_at = EXCLUDED.ended_at, ended_by = EXCLUDED.ended_by, ended_reason = EXCLUDED.ended_reason,
                 calls = EXCLUDED.calls, delays = EXCLUDED.delays, overtaken = EXCLUDED.overtaken,
                 items = EXCLUDED.items, total = EXCLUDED.total, epoch = EXCLUDED.epoch, rev = EXCLUDED.rev,
                 at = EXCLUDED.at, packed = EXCLUDED.packed",
            &column(tickets, |ticket| ticket.restaurant),
            &column(tickets, |ticket| ticket.r#ref.as_str()) as &[&str],
            &column(tickets, |ticket| ticket.day.as_str()) as &[&str],
            &column(tickets, |ticket| ticket.number.as_str()) as &[&str],
            &column(tickets, |ticket| ticket.line.as_str()) as &[&str],
            &column(tickets, |ticket| ticket.state.as_str()) as &[&str],
            &column(tickets, |ticket| ticket.adults),
            &column(tickets, |ticket| ticket.children),
            &column(tickets, |ticket| ticket.channel.as_str()) as &[&str],
            &column(tickets, |ticket| ticket.checked_in),
            &column(tickets, |ticket| ticket.name.as_deref()) as &[Option<&str>],
            &column(tickets, |ticket| ticket.phone_last4.as_deref()) as &[Option<&str>],
            &column(tickets, |ticket| ticket.note.as_deref()) as &[Option<&str>],
            &column(tickets, |ticket| ticket.lang.as_deref()) as &[Option<&str>],
            &column(tickets, |ticket| ticket.joined_at),
            &column(tickets, |ticket| ticket.called_at) as &[Option<i64>],
            &column(tickets, |ticket| ticket.seated_at) as &[Option<i64>],
            &column(tickets, |ticket| ticket.missed_at) as &[Option<i64>],
            &column(tickets, |ticket| ticket.ended_at) as &[Option<i64>],
            &column(tickets, |ticket| ticket.ended_by.as_deref()) as &[Option<&str>],
            &column(tickets, |ticket| ticket.ended_reason.as_deref()) as &[Option<&str>],
            &column(tickets, |ticket| ticket.calls),
            &column(tickets, |ticket| ticket.delays),
            &column(tickets, |ticket| ticket.overtaken),
            &column(tickets, |ticket| ticket.ahead_at_join),
            &column(tickets, |ticket| ticket.eta_at_join.clone()) as &[Option<serde_json::Value>],
            &column(tickets, |ticket| ticket.items.clone()) as &[Option<serde_json::Value>],
            &column(tickets, |ticket| ticket.total),
            &column(tickets, |ticket| ticket.epoch),
            &column(tickets, |ticket| ticket.rev),
            &column(tickets, |ticket| ticket.at),
            &column(tickets, |ticket| ticket.packed.as_slice()) as &[&[u8]]
        )
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    async fn write_transitions(&mut self, rows: &Rows) -> Result<(), WriteError> {
        let rows = &rows.transitions;
        if rows.is_empty() {
            return Ok(());
        }
        let by = |of: fn(&By) -> Option<&str>| -> Vec<Option<&str>> { rows.iter().map(|row| of(&row.by)).collect() };
        sqlx::query!(
            "INSERT INTO transitions (restaurant_id, ref, epoch, rev, at, name, state, line, role, device, account,
                 reason)
             SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[],
                 $7::text[], $8::text[], $9::text[], $10::text[], $11::bigint[], $12::text[])",
            &column(rows, |row| row.restaurant),
            &column(rows, |row| row.r#ref.as_str()) as &[&str],
            &column(rows, |row| row.epoch),
            &column(rows, |row| row.rev),
            &column(rows, |row| row.at),
            &column(rows, |row| row.name.as_str()) as &[&str],
            &column(rows, |row| row.state.as_str()) as &[&str],
            &column(rows, |row| row.line.as_str()) as &[&str],
            &by(|by| Some(by.role.as_str())) as &[Option<&str>],
            &by(|by| by.device.as_deref()) as &[Option<&str>],
            &column(rows, |row| row.by.account) as &[Option<i64>],
            &column(rows, |row| row.reason.as_deref()) as &[Option<&str>]
        )
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    async fn write_movements(&mut self, rows: &Rows) -> Result<(), WriteError> {
        let rows = &rows.movements;
        if rows.is_empty() {
            return Ok(());
        }
        sqlx::query!(
            "INSERT INTO stock_movements (restaurant_id, item, epoch, rev, at, name, left_after, change, adjusted, ref,
                 role, device, account)
             SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[],
                 $7::bigint[], $8::bigint[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::bigint[])",
            &column(rows, |row| row.restaurant),
            &column(rows, |row| row.item.as_str()) as &[&str],
            &column(rows, |row| row.epoch),
            &column(rows, |row| row.rev),
            &column(rows, |row| row.at),
            &column(rows, |row| row.name.as_str()) as &[&str],
            &column(rows, |row| row.left_after) as &[Option<i64>],
            &column(rows, |row| row.change) as &[Option<i64>],
            &column(rows, |row| row.adjusted) as &[Option<i64>],
            &column(rows, |row| row.r#ref.as_deref()) as &[Option<&str>],
            &column(rows, |row| row.by.role.as_str()) as &[&str],
            &column(rows, |row| row.by.device.as_deref()) as &[Option<&str>],
            &column(rows, |row| row.by.account) as &[Option<i64>]
        )
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    async fn write_live(&mut self, rows: &Rows) -> Result<(), WriteError> {
        if !rows.parts.is_empty() {
            sqlx::query!(
                "INSERT INTO live_parts (restaurant_id, part, packed)
                 SELECT * FROM unnest($1::bigint[], $2::text[], $3::bytea[])
                 ON CONFLICT (restaurant_id, part) DO UPDATE SET packed = EXCLUDED.packed",
                &column(&rows.parts, |(restaurant, _, _)| *restaurant),
                &column(&rows.parts, |(_, part, _)| part.as_str()) as &[&str],
                &column(&rows.parts, |(_, _, packed)| packed.as_slice()) as &[&[u8]]
            )
            .execute(&mut *self.transaction)
            .await?;
        }
        if !rows.days.is_empty() {
            sqlx::query!(
                "INSERT INTO days (restaurant_id, day, ends_at)
                 SELECT restaurant, day::date, ends_at
                 FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS new (restaurant, day, ends_at)
                 ON CONFLICT (restaurant_id, day) DO UPDATE SET ends_at = EXCLUDED.ends_at
                 WHERE days.ends_at <> EXCLUDED.ends_at",
                &column(&rows.days, |(restaurant, _, _)| *restaurant),
                &column(&rows.days, |(_, day, _)| day.as_str()) as &[&str],
                &column(&rows.days, |(_, _, ends_at)| *ends_at)
            )
            .execute(&mut *self.transaction)
            .await?;
        }
        Ok(())
    }

    async fn write_totals(&mut self, rows: &Rows) -> Result<(), WriteError> {
        let rows = &rows.totals;
        if rows.is_empty() {
            return Ok(());
        }
        sqlx::query!(
            "INSERT INTO day_totals AS old (restaurant_id, day, line, parties, guests, remote, waiting, called, seated,
                 completed, cancelled, no_show, seated_guests, waited_ms)
             SELECT restaurant, day::date, line, parties, guests, remote, waiting, called, seated, completed, cancelled,
                 no_show, seated_guests, waited_ms
             FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                 $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[])
                 AS new (restaurant, day, line, parties, guests, remote, waiting, called, seated, completed, cancelled,
                 no_show, seated_guests, waited_ms)
             ON CONFLICT (restaurant_id, day, line) DO UPDATE SET parties = old.parties + EXCLUDED.parties,
                 guests = old.guests + EXCLUDED.guests, remote = old.remote + EXCLUDED.remote,
                 waiting = old.waiting + EXCLUDED.waiting, called = old.called + EXCLUDED.called,
                 seated = old.seated + EXCLUDED.seated, completed = old.completed + EXCLUDED.completed,
                 cancelled = old.cancelled + EXCLUDED.cancelled, no_show = old.no_show + EXCLUDED.no_show,
                 seated_guests = old.seated_guests + EXCLUDED.seated_guests,
                 waited_ms = old.waited_ms + EXCLUDED.waited_ms",
            &column(rows, |((restaurant, _, _), _)| *restaurant),
            &column(rows, |((_, day, _), _)| day.as_str()) as &[&str],
            &column(rows, |((_, _, line), _)| line.as_str()) as &[&str],
            &column(rows, |(_, totals)| totals.parties),
            &column(rows, |(_, totals)| totals.guests),
            &column(rows, |(_, totals)| totals.remote),
            &column(rows, |(_, totals)| totals.waiting),
            &column(rows, |(_, totals)| totals.called),
            &column(rows, |(_, totals)| totals.seated),
            &column(rows, |(_, totals)| totals.completed),
            &column(rows, |(_, totals)| totals.cancelled),
            &column(rows, |(_, totals)| totals.no_show),
            &column(rows, |(_, totals)| totals.seated_guests),
            &column(rows, |(_, totals)| totals.waited_ms)
        )
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    async fn write_aggregates(&mut self, rows: &[AggregateRow]) -> Result<(), WriteError> {
        if rows.is_empty() {
            return Ok(());
        }
        sqlx::query!(
            "INSERT INTO aggregates (aggregate, partition, epoch, rev, at)
             SELECT * FROM unnest($1::text[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[])
             ON CONFLICT (aggregate) DO UPDATE SET epoch = EXCLUDED.epoch, rev = EXCLUDED.rev, at = EXCLUDED.at",
            &column(rows, |row| row.aggregate.as_str()) as &[&str],
            &column(rows, |row| row.partition.cast_signed()),
            &column(rows, |row| row.epoch),
            &column(rows, |row| row.rev),
            &column(rows, |row| row.at)
        )
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    /// Gaps and entries that cannot be read. There are few.
    async fn write_troubles(&mut self, rows: &Rows) -> Result<(), WriteError> {
        for gap in &rows.gaps {
            sqlx::query!(
                "INSERT INTO gaps (aggregate, epoch, rev_from, rev_to) VALUES ($1, $2, $3, $4)
                 ON CONFLICT DO NOTHING",
                gap.aggregate,
                gap.epoch,
                gap.rev_from,
                gap.rev_to
            )
            .execute(&mut *self.transaction)
            .await?;
        }
        for letter in &rows.dead_letters {
            sqlx::query!(
                "INSERT INTO dead_letters (partition, entry, raw, error) VALUES ($1, $2, $3, $4)
                 ON CONFLICT DO NOTHING",
                letter.partition.cast_signed(),
                letter.entry,
                letter.raw,
                letter.error
            )
            .execute(&mut *self.transaction)
            .await?;
        }
        Ok(())
    }
}
