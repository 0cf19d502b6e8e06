//! What a rebuild needs: a restaurant's live state as far as it was recorded, at one moment.

use super::{super::Db, partition_of};
use crate::{
    db::{DbError, to_i64},
    domain::{LineId, RestaurantId, Stamp},
};

/// A restaurant's live state in the record.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The last event recorded.
    pub stamp: Stamp,
    /// When it happened, by Redis's clock.
    pub at: i64,
    /// The entry of the partition's log up to which everything is recorded.
    pub position: String,
    /// Seconds since nothing was left to record; as long as that something may have happened that is not here.
    pub unrecorded_s: f64,
    /// Redis's clock when nothing was left to record.
    pub caught_up_ms: Option<i64>,
    /// Recorders that are there: one of them will record what is left.
    pub recorders: i64,
    /// Parts of live state, packed: `restaurant`, `policy`, `menu`, `line:A`, `stock:cake`, `pace:A1`.
    pub parts: Vec<(String, Vec<u8>)>,
    /// Tickets of its business day and of the one before, packed, in the order in which they joined.
    pub tickets: Vec<Vec<u8>>,
    /// Most parties that joined a line within one second of its business day.
    pub busiest: Vec<(LineId, i64)>,
    /// Answers that retries may still ask for.
    pub answers: Vec<RecordedAnswer>,
}

/// The answer of a command with a key, packed as the log had it, and the event it was for.
#[derive(Clone, Debug)]
pub struct RecordedAnswer {
    /// [`crate::queue::log::Answer`], packed.
    pub packed: Vec<u8>,
    /// Where the restaurant stood after it.
    pub stamp: Stamp,
    /// When, by Redis's clock.
    pub at: i64,
    /// The ticket it was about.
    pub r#ref: Option<String>,
}

/// A ref and its packed ticket.
type RefAndTicket = (String, Vec<u8>);

/// How long an answer may be asked for again, at most: joins', in milliseconds.
const ANSWERS_KEPT_MS: i64 = 2 * 3_600 * 1_000;

impl Db {
    /// The record of this restaurant, while nothing is being written to its partition; `None`: nothing ever happened
    /// there.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn recorded(&self, partition: u16, id: RestaurantId) -> Result<Option<Recorded>, DbError> {
        let restaurant = to_i64(id.0);
        let aggregate = format!("restaurant:{id}");
        let reading = async {
            let mut transaction = self.pool.begin().await?;
            // A batch that is being committed is waited for, and none begins meanwhile.
            let recorder = sqlx::query!(
                r#"SELECT position, caught_up_ms,
                     extract(epoch FROM clock_timestamp() - caught_up_at)::float8 AS unrecorded_s,
                     (SELECT count(*) FROM recorder_workers WHERE until > clock_timestamp()) AS "recorders!"
                   FROM recorder WHERE partition = $1 FOR UPDATE OF recorder"#,
                partition.cast_signed()
            )
            .fetch_one(&mut *transaction)
            .await?;
            let stands =
                sqlx::query!("SELECT epoch, rev, at, partition FROM aggregates WHERE aggregate = $1", aggregate)
                    .fetch_optional(&mut *transaction)
                    .await?;
            let Some(stands) = stands else { return Ok(None) };
            partition_of(stands.partition)?;
            let parts = sqlx::query!("SELECT part, packed FROM live_parts WHERE restaurant_id = $1", restaurant)
                .fetch_all(&mut *transaction)
                .await?;
            let tickets = sqlx::query!(
                r#"WITH recent AS (SELECT day FROM days WHERE restaurant_id = $1 ORDER BY day DESC LIMIT 2)
                   SELECT ref, packed AS "packed!" FROM tickets
                   WHERE restaurant_id = $1 AND packed IS NOT NULL AND day >= (SELECT min(day) FROM recent)
                   ORDER BY joined_at, ref"#,
                restaurant
            )
            .fetch_all(&mut *transaction)
            .await?;
            let busiest = sqlx::query!(
                r#"SELECT line, max(joins) AS "joins!" FROM (
                       SELECT line, count(*) AS joins FROM tickets
                       WHERE restaurant_id = $1 AND day = (SELECT max(day) FROM days WHERE restaurant_id = $1)
                       GROUP BY line, joined_at / 1000) AS seconds
                   GROUP BY line"#,
                restaurant
            )
            .fetch_all(&mut *transaction)
            .await?;
            let answers = sqlx::query!(
                r#"SELECT epoch, rev, at, ref, answer AS "answer!" FROM events
                   WHERE aggregate = $1 AND answer IS NOT NULL AND at > $2"#,
                aggregate,
                stands.at - ANSWERS_KEPT_MS
            )
            .fetch_all(&mut *transaction)
            .await?;
            transaction.rollback().await?;
            let mut lines = Vec::with_capacity(busiest.len());
            for row in busiest {
                lines.push((row.line.parse().map_err(|error| DbError::unreadable("line", error))?, row.joins));
            }
            let tickets: Vec<RefAndTicket> = tickets.into_iter().map(|row| (row.r#ref, row.packed)).collect();
            Ok(Some(Recorded {
                stamp: Stamp { epoch: stands.epoch, rev: stands.rev },
                at: stands.at,
                position: recorder.position,
                unrecorded_s: recorder.unrecorded_s.unwrap_or(UNKNOWN_S).max(0.0),
                caught_up_ms: recorder.caught_up_ms,
                recorders: recorder.recorders,
                parts: parts.into_iter().map(|row| (row.part, row.packed)).collect(),
                tickets: tickets.into_iter().map(|(_, packed)| packed).collect(),
                busiest: lines,
                answers: answers
                    .into_iter()
                    .map(|row| RecordedAnswer {
                        packed: row.answer,
                        stamp: Stamp { epoch: row.epoch, rev: row.rev },
                        at: row.at,
                        r#ref: row.r#ref,
                    })
                    .collect(),
            }))
        };
        self.bounded::<_, DbError>(reading).await
    }
}

/// How long is counted where no recorder has ever said that nothing was left.
const UNKNOWN_S: f64 = 60.0;
