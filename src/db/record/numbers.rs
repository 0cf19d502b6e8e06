//! Numbers that lines have passed over at the beginning of a life of Redis. They are noted before any number of that
//! life is given out: it may be lost before something of it is recorded, and the next one must not pass over as many
//! and give the same ones out again.

use std::collections::BTreeMap;

use super::super::{Db, DbError, pool::Transaction, to_i64};
use crate::domain::{LineId, RestaurantId};

/// How far the lines of a restaurant have passed over numbers of a business day.
#[derive(Clone, Debug, Default)]
pub struct Passed {
    day: String,
    numbers: BTreeMap<LineId, u32>,
}

impl Passed {
    /// The number of this line up to which it has passed over, if it is of this business day; else 0.
    #[must_use]
    pub fn of(&self, day: &str, line: LineId) -> u32 {
        self.numbers.get(&line).copied().filter(|_| self.day == day).unwrap_or(0)
    }
}

/// Of the newest business day of which something is noted.
pub(super) async fn passed(transaction: &mut Transaction, id: RestaurantId) -> Result<Passed, DbError> {
    let rows = sqlx::query!(
        "SELECT line, day, number FROM numbers_passed
         WHERE restaurant_id = $1 AND day = (SELECT max(day) FROM numbers_passed WHERE restaurant_id = $1)",
        to_i64(id.0)
    )
    .fetch_all(&mut **transaction)
    .await?;
    let mut passed = Passed::default();
    for row in rows {
        let line = row.line.parse().map_err(|error| DbError::unreadable("line", error))?;
        passed.numbers.insert(line, row.number.try_into().map_err(|error| DbError::unreadable("number", error))?);
        passed.day = row.day;
    }
    Ok(passed)
}

/// Notes how far the lines pass over, before they do.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn pass(db: &Db, id: RestaurantId, day: &str, numbers: &[(LineId, u32)]) -> Result<(), DbError> {
    let lines: Vec<String> = numbers.iter().map(|(line, _)| line.to_string()).collect();
    let numbers: Vec<i64> = numbers.iter().map(|(_, number)| i64::from(*number)).collect();
    let query = sqlx::query!(
        "INSERT INTO numbers_passed (restaurant_id, line, day, number)
         SELECT $1, line, $2, number FROM unnest($3::text[], $4::bigint[]) AS passed (line, number)
         ON CONFLICT (restaurant_id, line) DO UPDATE SET day = EXCLUDED.day, number = EXCLUDED.number
         WHERE (numbers_passed.day, numbers_passed.number) < (EXCLUDED.day, EXCLUDED.number)",
        to_i64(id.0),
        day,
        &lines,
        &numbers
    );
    db.bounded(query.execute(&db.pool)).await?;
    Ok(())
}
