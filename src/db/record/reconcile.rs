//! What Redis lost, when it came back older than the record.
//!
//! Invariant: when this has looked, no recorder writes events of an earlier life of Redis any more. What it still had
//! in hand would be recorded behind the comparison's back.

use std::collections::HashMap;

use super::{
    super::{Db, DbError, pool::Transaction, to_i64},
    numbers::{Passed, passed},
    read::{RecordedAnswer, busiest, end_former_lives},
};
use crate::domain::{Base, LineId, RestaurantId};

/// What was recorded of a restaurant and is not in Redis any more.
#[derive(Clone, Debug, Default)]
pub struct Lost {
    /// Events that Redis does not know.
    pub events: i64,
    /// The highest rev among them.
    pub rev_max: i64,
    /// When the last of them happened, by Redis's clock.
    pub at: i64,
    /// The tickets they changed, packed as recorded.
    pub tickets: Vec<Vec<u8>>,
    /// What staff changed of the stock, in the order in which it happened.
    pub stock: Vec<LostStock>,
    /// Tickets that joined with a key: their ref, and [`crate::queue::log::Answer`], packed.
    pub joins: Vec<(String, Vec<u8>)>,
    /// Restaurant and lines, packed as recorded.
    pub restaurant: Option<Vec<u8>>,
    /// Likewise.
    pub lines: Vec<Vec<u8>>,
    /// Answers of those events that had a key.
    pub answers: Vec<RecordedAnswer>,
    /// Seconds since the record was complete: so long something may have happened that is in no record.
    pub unrecorded_s: f64,
    /// Redis's clock when it was; 0: never.
    pub caught_up_ms: i64,
    /// Most parties that joined a line within one second of its business day.
    pub busiest: Vec<(LineId, i64)>,
    /// Numbers that former lives have passed over.
    pub passed: Passed,
}

/// A lost change of what is left of an item, by staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostStock {
    /// The life that began at the base after which it happened.
    pub life: i64,
    /// The item.
    pub item: String,
    /// Units more or fewer; `None`: it was counted anew, or is not counted any more. (Older servers do not say which.)
    pub by: Option<i64>,
    /// Units left by the record, -1: not counted.
    pub left: i64,
    /// [`crate::queue::log::Answer`], packed, if it had a key.
    pub answer: Option<Vec<u8>>,
}

/// What the record says of a restaurant of a new life of Redis.
#[derive(Clone, Debug)]
pub enum Compared {
    /// This is lost; nothing, if no events are.
    Lost(Box<Lost>),
    /// This epoch is recorded already, which the new life takes for its own or one that is to come.
    EpochIsUsed(i64),
}

/// What Redis does not have of a restaurant that stood at these bases when Redis became another process.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn lost(db: &Db, partition: u16, id: RestaurantId, bases: &[Base]) -> Result<Compared, DbError> {
    let reading = async {
        let mut transaction = db.pool.begin().await?;
        let life = bases.iter().map(|base| base.life).max().unwrap_or_default();
        let aggregate = format!("restaurant:{id}");
        let recorded = sqlx::query_scalar!("SELECT epoch FROM aggregates WHERE aggregate = $1", aggregate)
            .fetch_optional(&mut *transaction)
            .await?;
        if let Some(epoch) = recorded.filter(|epoch| *epoch >= life) {
            return Ok(Compared::EpochIsUsed(epoch));
        }
        let (unrecorded_s, caught_up_ms) = end_former_lives(&mut transaction, partition, life).await?;
        let mut lost = Lost { unrecorded_s, caught_up_ms, ..of(&mut transaction, id, bases).await? };
        lost.busiest = busiest(&mut transaction, id).await?;
        lost.passed = passed(&mut transaction, id).await?;
        transaction.commit().await?;
        Ok(Compared::Lost(Box::new(lost)))
    };
    db.bounded::<_, DbError>(reading).await
}

async fn of(transaction: &mut Transaction, id: RestaurantId, bases: &[Base]) -> Result<Lost, DbError> {
    let (restaurant, aggregate) = (to_i64(id.0), format!("restaurant:{id}"));
    let epochs: Vec<i64> = bases.iter().map(|base| base.stamp.epoch).collect();
    let revs: Vec<i64> = bases.iter().map(|base| base.stamp.rev).collect();
    let lives: Vec<i64> = bases.iter().map(|base| base.life).collect();
    let events = sqlx::query!(
        r#"SELECT count(*) AS "count!", coalesce(max(at), 0) AS "at!",
             coalesce(max(events.rev), 0) AS "rev_max!"
           FROM events, unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS base (epoch, rev, life)
           WHERE aggregate = $1 AND (events.epoch, events.rev) > (base.epoch, base.rev) AND events.epoch < base.life"#,
        aggregate,
        &epochs,
        &revs,
        &lives
    )
    .fetch_one(&mut **transaction)
    .await?;
    if events.count == 0 {
        return Ok(Lost::default());
    }
    let tickets = sqlx::query_scalar!(
        r#"WITH recent AS (SELECT day FROM days WHERE restaurant_id = $1 ORDER BY day DESC LIMIT 2)
           SELECT packed AS "packed!"
           FROM tickets, unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS base (epoch, rev, life)
           WHERE restaurant_id = $1 AND packed IS NOT NULL AND day >= (SELECT min(day) FROM recent)
             AND (tickets.epoch, tickets.rev) > (base.epoch, base.rev) AND tickets.epoch < base.life
           ORDER BY joined_at, ref"#,
        restaurant,
        &epochs,
        &revs,
        &lives
    )
    .fetch_all(&mut **transaction)
    .await?;
    let stock = sqlx::query!(
        r#"SELECT base.life AS "life!", movement.item, movement.adjusted, answer
           FROM unnest($3::bigint[], $4::bigint[], $5::bigint[]) AS base (epoch, rev, life)
           JOIN events ON aggregate = $2 AND (events.epoch, events.rev) > (base.epoch, base.rev)
             AND events.epoch < base.life AND events.name = 'stock.changed'
           JOIN stock_movements AS movement ON movement.restaurant_id = $1 AND movement.item = events.item
             AND movement.epoch = events.epoch AND movement.rev = events.rev
           ORDER BY base.life, events.epoch, events.rev"#,
        restaurant,
        aggregate,
        &epochs,
        &revs,
        &lives
    )
    .fetch_all(&mut **transaction)
    .await?;
    let joins = sqlx::query!(
        r#"SELECT ref AS "ref!", answer AS "answer!"
           FROM events, unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS base (epoch, rev, life)
           WHERE aggregate = $1 AND (events.epoch, events.rev) > (base.epoch, base.rev)
             AND events.epoch < base.life AND name = 'ticket.joined' AND ref IS NOT NULL AND answer IS NOT NULL"#,
        aggregate,
        &epochs,
        &revs,
        &lives
    )
    .fetch_all(&mut **transaction)
    .await?;
    let parts = sqlx::query!(
        "SELECT part, packed FROM live_parts
         WHERE restaurant_id = $1 AND (part = 'restaurant' OR part LIKE 'line:%' OR part LIKE 'stock:%')
         ORDER BY part",
        restaurant
    )
    .fetch_all(&mut **transaction)
    .await?;
    let answers = sqlx::query_as!(
        RecordedAnswer,
        r#"SELECT events.epoch, events.rev, at, ref, answer AS "answer!"
           FROM events, unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS base (epoch, rev, life)
           WHERE aggregate = $1 AND (events.epoch, events.rev) > (base.epoch, base.rev)
             AND events.epoch < base.life AND answer IS NOT NULL"#,
        aggregate,
        &epochs,
        &revs,
        &lives
    )
    .fetch_all(&mut **transaction)
    .await?;
    let mut lost =
        Lost { events: events.count, rev_max: events.rev_max, at: events.at, tickets, answers, ..Lost::default() };
    let mut left = HashMap::new();
    for row in parts {
        if let Some(item) = row.part.strip_prefix("stock:") {
            left.insert(item.to_owned(), rmp_serde::from_slice::<i64>(&row.packed).unwrap_or(-1));
        } else if row.part == "restaurant" {
            lost.restaurant = Some(row.packed);
        } else {
            lost.lines.push(row.packed);
        }
    }
    let stock = stock.into_iter().map(|row| LostStock {
        left: left.get(&row.item).copied().unwrap_or(-1),
        life: row.life,
        item: row.item,
        by: row.adjusted,
        answer: row.answer,
    });
    lost.stock = stock.collect();
    lost.joins = joins.into_iter().map(|row| (row.r#ref, row.answer)).collect();
    Ok(lost)
}
