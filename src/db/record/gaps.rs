//! Revisions that were never seen.

use super::{
    super::{Db, DbError},
    rows::GapRow,
};
use crate::domain::Stamp;

/// Notes that revisions are missing.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn note(db: &Db, gap: &GapRow) -> Result<(), DbError> {
    let query = sqlx::query!(
        "INSERT INTO gaps (aggregate, epoch, rev_from, rev_to) VALUES ($1, $2, $3, $4)
         ON CONFLICT (aggregate, epoch, rev_from) DO UPDATE
             SET rev_to = greatest(gaps.rev_to, EXCLUDED.rev_to), reconciled_at = NULL",
        gap.aggregate,
        gap.epoch,
        gap.rev_from,
        gap.rev_to
    );
    db.bounded(query.execute(&db.pool)).await?;
    Ok(())
}

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
