//! Entries of the event logs that were set aside, for an operator to look at: what becomes of each is noted on it.

use super::{
    super::{Db, DbError},
    partition_of,
    write::{WriteError, Writing},
};

/// An entry that was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// 0 to 95.
    pub partition: u16,
    /// Its id in the log.
    pub entry: String,
    /// As it was; empty when it was erased.
    pub raw: Vec<u8>,
    /// What it held was erased.
    pub is_erased: bool,
    /// Why it was set aside.
    pub error: String,
    /// When, by PostgreSQL's clock, as ISO 8601.
    pub found_at: String,
    /// What became of it last: that it was replayed, discarded or erased, or why a replay left it there.
    pub outcome: Option<String>,
}

impl Letter {
    /// Why there is nothing to read, if so.
    #[must_use]
    pub fn nothing(&self) -> Option<&'static str> {
        let why = if self.is_erased { "what it held was erased" } else { "it is empty" };
        self.raw.is_empty().then_some(why)
    }
}

/// All that lie there, oldest first in each partition; with `settled`, also those that do not any more.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn list(db: &Db, settled: bool) -> Result<Vec<Letter>, DbError> {
    let query = sqlx::query!(
        r#"SELECT partition, entry, raw, error, outcome,
               (settled_at IS NOT NULL OR coalesce(outcome, '') = 'erased') AS "is_erased!",
               to_char(found_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS "found_at!"
           FROM dead_letters WHERE settled_at IS NULL OR $1
           ORDER BY partition, split_part(entry, '-', 1)::numeric, split_part(entry, '-', 2)::numeric"#,
        settled
    );
    let rows = db.bounded(query.fetch_all(&db.pool)).await?;
    rows.into_iter()
        .map(|row| {
            Ok(Letter {
                partition: partition_of(row.partition)?,
                entry: row.entry,
                raw: row.raw,
                is_erased: row.is_erased,
                error: row.error,
                found_at: row.found_at,
                outcome: row.outcome,
            })
        })
        .collect()
}

/// Notes that this one is of no use: what it held is erased. Whether it lay there.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn discard(db: &Db, partition: u16, entry: &str) -> Result<bool, DbError> {
    let query = sqlx::query!(
        "UPDATE dead_letters SET settled_at = now(), outcome = 'discarded', raw = ''
         WHERE partition = $1 AND entry = $2 AND settled_at IS NULL",
        partition.cast_signed(),
        entry
    );
    Ok(db.bounded(query.execute(&db.pool)).await?.rows_affected() > 0)
}

/// Notes why this one could not be replayed, beside why it was set aside.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn keep(db: &Db, partition: u16, entry: &str, why: &str) -> Result<(), DbError> {
    let query = sqlx::query!(
        "UPDATE dead_letters SET outcome = 'kept: ' || $3::text
         WHERE partition = $1 AND entry = $2 AND settled_at IS NULL",
        partition.cast_signed(),
        entry,
        why
    );
    db.bounded(query.execute(&db.pool)).await?;
    Ok(())
}

/// Deletes those that were replayed or discarded; how many.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn purge(db: &Db) -> Result<u64, DbError> {
    let query = sqlx::query!("DELETE FROM dead_letters WHERE settled_at IS NOT NULL");
    Ok(db.bounded(query.execute(&db.pool)).await?.rows_affected())
}

impl Writing {
    /// Notes in this transaction what became of an entry; what it held is in the record, or of no use, and is erased.
    /// Whether it lay there: two who replay it at once do it once.
    ///
    /// # Errors
    /// When PostgreSQL fails.
    pub async fn settle(&mut self, partition: u16, entry: &str, outcome: &str) -> Result<bool, WriteError> {
        let query = sqlx::query!(
            "UPDATE dead_letters SET settled_at = now(), outcome = $3, raw = ''
             WHERE partition = $1 AND entry = $2 AND settled_at IS NULL",
            partition.cast_signed(),
            entry,
            outcome
        );
        self.bounded(async |on| Ok(query.execute(on).await?.rows_affected() > 0)).await
    }
}
