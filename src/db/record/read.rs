//! What a rebuild needs: a restaurant's live state as far as it was recorded, at one moment.

use super::{
    super::Db,
    numbers::{Passed, passed},
};
use crate::{
    db::{DbError, pool::Transaction, to_i64},
    domain::{LineId, RestaurantId, Stamp},
};

/// A restaurant's live state in the record.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The last event recorded.
    pub stamp: Stamp,
    /// When it happened, by Redis's clock.
    pub at: i64,
    /// Seconds since the record was complete: so long something may have happened that is not here.
    pub unrecorded_s: f64,
    /// Redis's clock when it was; 0: never.
    pub caught_up_ms: i64,
    /// Parts of live state, packed: `restaurant`, `policy`, `menu`, `line:A`, `stock:cake`, `pace:A1`.
    pub parts: Vec<(String, Vec<u8>)>,
    /// Tickets of its business day and of the one before, packed, in the order in which they joined.
    pub tickets: Vec<Vec<u8>>,
    /// Most parties that joined a line within one second of its business day.
    pub busiest: Vec<(LineId, i64)>,
    /// Numbers that former lives have passed over.
    pub passed: Passed,
    /// Answers that retries may still ask for.
    pub answers: Vec<RecordedAnswer>,
}

/// The answer of a command with a key, and the event it was for.
#[derive(Clone, Debug)]
pub struct RecordedAnswer {
    /// Where the restaurant stood after it.
    pub epoch: i64,
    /// Likewise.
    pub rev: i64,
    /// When, by Redis's clock.
    pub at: i64,
    /// The ticket it was about.
    pub r#ref: Option<String>,
    /// [`crate::queue::log::Answer`], packed as the log had it.
    pub answer: Vec<u8>,
}

/// How far a partition is recorded.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The entry of its log up to which everything is recorded.
    pub position: String,
    /// Recorders that are there: one of them will record what is left.
    pub recorders: i64,
}

/// How long an answer may be asked for again, at most: joins', in milliseconds.
const ANSWERS_KEPT_MS: i64 = 2 * 3_600 * 1_000;

impl Db {
    /// How far this partition is recorded.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn progress(&self, partition: u16) -> Result<Progress, DbError> {
        let query = sqlx::query_as!(
            Progress,
            r#"SELECT position,
                 (SELECT count(*) FROM recorder_workers WHERE until > clock_timestamp()) AS "recorders!"
               FROM recorder WHERE partition = $1"#,
            partition.cast_signed()
        );
        self.bounded(query.fetch_one(&self.pool)).await
    }

    /// The record of this restaurant, to which nothing of an earlier life of Redis than this one is added any more;
    /// `None`: nothing ever happened there.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn recorded(&self, partition: u16, id: RestaurantId, life: i64) -> Result<Option<Recorded>, DbError> {
        let restaurant = to_i64(id.0);
        let aggregate = format!("restaurant:{id}");
        let reading = async {
            let mut transaction = self.pool.begin().await?;
            let (unrecorded_s, caught_up_ms) = end_former_lives(&mut transaction, partition, life).await?;
            let stands = sqlx::query!("SELECT epoch, rev, at FROM aggregates WHERE aggregate = $1", aggregate)
                .fetch_optional(&mut *transaction)
                .await?;
            let Some(stands) = stands else { return Ok(None) };
            let parts = sqlx::query!("SELECT part, packed FROM live_parts WHERE restaurant_id = $1", restaurant)
                .fetch_all(&mut *transaction)
                .await?;
            let tickets = sqlx::query_scalar!(
                r#"WITH recent AS (SELECT day FROM days WHERE restaurant_id = $1 ORDER BY day DESC LIMIT 2)
                   SELECT packed AS "packed!" FROM tickets
                   WHERE restaurant_id = $1 AND packed IS NOT NULL AND day >= (SELECT min(day) FROM recent)
                   ORDER BY joined_at, ref"#,
                restaurant
            )
            .fetch_all(&mut *transaction)
            .await?;
            let busiest = busiest(&mut transaction, id).await?;
            let passed = passed(&mut transaction, id).await?;
            let answers = sqlx::query_as!(
                RecordedAnswer,
                r#"SELECT epoch, rev, at, ref, answer AS "answer!" FROM events
                   WHERE aggregate = $1 AND answer IS NOT NULL AND at > $2"#,
                aggregate,
                stands.at - ANSWERS_KEPT_MS
            )
            .fetch_all(&mut *transaction)
            .await?;
            transaction.commit().await?;
            Ok(Some(Recorded {
                stamp: Stamp { epoch: stands.epoch, rev: stands.rev },
                at: stands.at,
                unrecorded_s,
                caught_up_ms,
                parts: parts.into_iter().map(|row| (row.part, row.packed)).collect(),
                tickets,
                busiest,
                passed,
                answers,
            }))
        };
        self.bounded::<_, DbError>(reading).await
    }
}

/// A batch that is being committed is waited for; one of an earlier life that comes later is refused. Answers for how
/// long the record was not complete, and when it was.
pub(super) async fn end_former_lives(
    transaction: &mut Transaction,
    partition: u16,
    life: i64,
) -> Result<(f64, i64), DbError> {
    let partition = partition.cast_signed();
    let recorder = sqlx::query!(
        "SELECT epoch, caught_up_ms, extract(epoch FROM clock_timestamp() - caught_up_at)::float8 AS unrecorded_s
         FROM recorder WHERE partition = $1 FOR UPDATE",
        partition
    )
    .fetch_one(&mut **transaction)
    .await?;
    if recorder.epoch < life {
        // The log of the new life is read from its first entry.
        sqlx::query!("UPDATE recorder SET epoch = $2, position = '0-0' WHERE partition = $1", partition, life)
            .execute(&mut **transaction)
            .await?;
    }
    Ok((recorder.unrecorded_s.unwrap_or(UNKNOWN_S).max(0.0), recorder.caught_up_ms.unwrap_or(0)))
}

/// Most parties that joined each line within one second of the newest business day.
pub(super) async fn busiest(transaction: &mut Transaction, id: RestaurantId) -> Result<Vec<(LineId, i64)>, DbError> {
    let rows = sqlx::query!(
        r#"SELECT line, max(joins) AS "joins!" FROM (
               SELECT line, count(*) AS joins FROM tickets
               WHERE restaurant_id = $1 AND day = (SELECT max(day) FROM days WHERE restaurant_id = $1)
               GROUP BY line, joined_at / 1000) AS seconds
           GROUP BY line"#,
        to_i64(id.0)
    )
    .fetch_all(&mut **transaction)
    .await?;
    let parsed = |line: &str| line.parse().map_err(|error| DbError::unreadable("line", error));
    rows.into_iter().map(|row| Ok((parsed(&row.line)?, row.joins))).collect()
}

/// How long is counted where no recorder has ever said that nothing was left.
const UNKNOWN_S: f64 = 60.0;
