//! Revisions that were never seen.

use super::super::{Db, DbError};
use crate::domain::Stamp;

/// The last revision of the newest gap of an aggregate that is not mended.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn newest(db: &Db, aggregate: &str) -> Result<Option<Stamp>, DbError> {
    let query = sqlx::query!(
        "SELECT epoch, rev_to FROM gaps WHERE aggregate = $1 AND reconciled_at IS NULL
         ORDER BY epoch DESC, rev_to DESC LIMIT 1",
        aggregate
    );
    let row = db.bounded(query.fetch_optional(&db.pool)).await?;
    Ok(row.map(|row| Stamp { epoch: row.epoch, rev: row.rev_to }))
}

/// The aggregates of these partitions that have a gap which is not mended.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn open(db: &Db, partitions: &[u16]) -> Result<Vec<String>, DbError> {
    let partitions: Vec<i16> = partitions.iter().map(|partition| partition.cast_signed()).collect();
    let query = sqlx::query_scalar!(
        "SELECT DISTINCT aggregate FROM gaps JOIN aggregates USING (aggregate)
         WHERE reconciled_at IS NULL AND partition = ANY($1::smallint[])",
        &partitions
    );
    db.bounded(query.fetch_all(&db.pool)).await
}
