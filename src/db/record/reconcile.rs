//! What Redis lost, when it came back older than the record.

use super::{
    super::{Db, DbError, to_i64},
    read::RecordedAnswer,
};
use crate::domain::RestaurantId;

/// What was recorded of a restaurant and is not in Redis any more.
#[derive(Clone, Debug, Default)]
pub struct Lost {
    /// Events that Redis does not know.
    pub events: i64,
    /// When the last of them happened, by Redis's clock.
    pub at: i64,
    /// The tickets they changed, packed as recorded, unless they were changed again in the new epoch.
    pub tickets: Vec<Vec<u8>>,
    /// What staff added to or took from the stock of counted items.
    pub stock: Vec<(String, i64)>,
    /// Restaurant and lines, packed as recorded.
    pub restaurant: Option<Vec<u8>>,
    /// Likewise.
    pub lines: Vec<Vec<u8>>,
    /// Answers of those events that had a key.
    pub answers: Vec<RecordedAnswer>,
}

/// What the new life of Redis, `epoch`, does not have, given that it is at `rev` now.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn lost(db: &Db, id: RestaurantId, epoch: i64, rev: i64) -> Result<Lost, DbError> {
    let (restaurant, aggregate) = (to_i64(id.0), format!("restaurant:{id}"));
    let reading = async {
        // Redis came back with everything up to the rev before the first event of its new life.
        let came_back_at = sqlx::query_scalar!(
            r#"SELECT coalesce(min(rev) - 1, $3) AS "rev!" FROM events WHERE aggregate = $1 AND epoch = $2"#,
            aggregate,
            epoch,
            rev
        )
        .fetch_one(&db.pool)
        .await?;
        let events = sqlx::query!(
            r#"SELECT count(*) AS "count!", coalesce(max(at), 0) AS "at!" FROM events
               WHERE aggregate = $1 AND epoch < $2 AND rev > $3"#,
            aggregate,
            epoch,
            came_back_at
        )
        .fetch_one(&db.pool)
        .await?;
        if events.count == 0 {
            return Ok(Lost::default());
        }
        let tickets = sqlx::query_scalar!(
            r#"SELECT packed AS "packed!" FROM tickets
               WHERE restaurant_id = $1 AND epoch < $2 AND rev > $3 AND packed IS NOT NULL
               ORDER BY joined_at, ref"#,
            restaurant,
            epoch,
            came_back_at
        )
        .fetch_all(&db.pool)
        .await?;
        let stock = sqlx::query!(
            r#"SELECT item, sum(change)::bigint AS "change!" FROM stock_movements
               WHERE restaurant_id = $1 AND epoch < $2 AND rev > $3 AND name = 'stock.changed' AND change IS NOT NULL
               GROUP BY item"#,
            restaurant,
            epoch,
            came_back_at
        )
        .fetch_all(&db.pool)
        .await?;
        let parts = sqlx::query!(
            "SELECT part, packed FROM live_parts
             WHERE restaurant_id = $1 AND (part = 'restaurant' OR part LIKE 'line:%') ORDER BY part",
            restaurant
        )
        .fetch_all(&db.pool)
        .await?;
        let answers = sqlx::query_as!(
            RecordedAnswer,
            r#"SELECT epoch, rev, at, ref, answer AS "answer!" FROM events
               WHERE aggregate = $1 AND epoch < $2 AND rev > $3 AND answer IS NOT NULL"#,
            aggregate,
            epoch,
            came_back_at
        )
        .fetch_all(&db.pool)
        .await?;
        let (restaurants, lines): (Vec<_>, Vec<_>) = parts.into_iter().partition(|row| row.part == "restaurant");
        Ok(Lost {
            events: events.count,
            at: events.at,
            tickets,
            stock: stock.into_iter().map(|row| (row.item, row.change)).collect(),
            restaurant: restaurants.into_iter().next().map(|row| row.packed),
            lines: lines.into_iter().map(|row| row.packed).collect(),
            answers,
        })
    };
    db.bounded::<_, DbError>(reading).await
}

/// Notes that nothing is missing any more in this epoch.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn reconciled(db: &Db, id: RestaurantId, epoch: i64) -> Result<(), DbError> {
    let query = sqlx::query!(
        "UPDATE aggregates SET reconciled = $2 WHERE aggregate = $1 AND reconciled < $2",
        format!("restaurant:{id}"),
        epoch
    );
    db.bounded(query.execute(&db.pool)).await?;
    Ok(())
}
