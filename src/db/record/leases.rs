//! Which partitions a recorder may record: shared evenly among those that are there, taken over from one that is not.
//!
//! A lease is the holder's name and a fence in the partition's row. It lasts as long as the holder says every second
//! that it is there. Whoever takes a partition over raises the fence; what the former holder still tries to write names
//! the old one and is refused. Time is PostgreSQL's.

use std::{collections::BTreeMap, time::Duration};

use super::{super::Db, partition_of, rows::AggregateRow};
use crate::db::DbError;

/// A partition that this holder may record, and where its record stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// 0 to 95.
    pub partition: u16,
    /// Which lease of this partition.
    pub fence: i64,
    /// The entry of the log up to which everything is recorded.
    pub position: String,
    /// The life of Redis that the position is of.
    pub epoch: i64,
}

/// A partition whose record was complete at some moment.
#[derive(Clone, Copy, Debug)]
pub struct CaughtUp {
    /// 0 to 95.
    pub partition: u16,
    /// The lease under which that was seen.
    pub fence: i64,
    /// Redis's clock at that moment, in milliseconds.
    pub at_ms: i64,
    /// How long ago that was.
    pub ago: Duration,
}

/// Says that `holder` is there for another `lasts`, takes or gives up partitions so that all who are there have the
/// same share, and answers those it has now.
///
/// # Errors
/// When PostgreSQL does not answer; the leases may have changed all the same.
pub async fn keep(
    db: &Db,
    holder: &str,
    lasts: Duration,
    caught_up: &[CaughtUp],
) -> Result<BTreeMap<u16, Lease>, DbError> {
    let keeping = async {
        let mut transaction = db.pool.begin().await?;
        let partitions: Vec<i16> = caught_up.iter().map(|at| at.partition.cast_signed()).collect();
        let fences: Vec<i64> = caught_up.iter().map(|at| at.fence).collect();
        let times: Vec<i64> = caught_up.iter().map(|at| at.at_ms).collect();
        let agos: Vec<f64> = caught_up.iter().map(|at| at.ago.as_secs_f64()).collect();
        // Nothing here is needed after a crash of PostgreSQL, so nobody waits for the disk.
        sqlx::query!("SET LOCAL synchronous_commit = off").execute(&mut *transaction).await?;
        sqlx::query!(
            "INSERT INTO recorder_workers (holder, until) VALUES ($1, clock_timestamp() + make_interval(secs => $2))
             ON CONFLICT (holder) DO UPDATE SET until = EXCLUDED.until",
            holder,
            lasts.as_secs_f64()
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query!(
            "UPDATE recorder SET caught_up_at = clock_timestamp() - make_interval(secs => seen.ago_s),
                 caught_up_ms = seen.at_ms
             FROM unnest($2::smallint[], $3::bigint[], $4::bigint[], $5::float8[])
                 AS seen (partition, fence, at_ms, ago_s)
             WHERE recorder.partition = seen.partition AND recorder.holder = $1 AND recorder.fence = seen.fence",
            holder,
            &partitions,
            &fences,
            &times,
            &agos
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query!("DELETE FROM recorder_workers WHERE until < clock_timestamp() - interval '1 minute'")
            .execute(&mut *transaction)
            .await?;
        // More than its share goes back to those who have less; what nobody has, or somebody who is gone, is taken.
        // Rows are locked only then: a lock is a write, and this is once a second.
        let shares = sqlx::query!(
            r#"SELECT (SELECT ceil(96.0 / count(*))::bigint FROM recorder_workers WHERE until > clock_timestamp())
                   AS "most!", count(*) AS "mine!"
               FROM recorder WHERE holder = $1"#,
            holder
        )
        .fetch_one(&mut *transaction)
        .await?;
        if shares.mine > shares.most {
            sqlx::query!(
                "UPDATE recorder SET holder = NULL WHERE partition IN (
                     SELECT partition FROM recorder WHERE holder = $1 ORDER BY partition OFFSET $2)",
                holder,
                shares.most
            )
            .execute(&mut *transaction)
            .await?;
        }
        if shares.mine < shares.most {
            sqlx::query!(
                "UPDATE recorder SET holder = $1, fence = fence + 1 WHERE partition IN (
                     SELECT partition FROM recorder
                     WHERE holder IS NULL OR holder <> $1 AND NOT EXISTS (
                         SELECT 1 FROM recorder_workers
                         WHERE recorder_workers.holder = recorder.holder AND until > clock_timestamp())
                     ORDER BY partition LIMIT $2 FOR UPDATE SKIP LOCKED)",
                holder,
                shares.most - shares.mine
            )
            .execute(&mut *transaction)
            .await?;
        }
        let rows = sqlx::query!("SELECT partition, fence, position, epoch FROM recorder WHERE holder = $1", holder)
            .fetch_all(&mut *transaction)
            .await?;
        transaction.commit().await?;
        rows.into_iter()
            .map(|row| {
                let partition = partition_of(row.partition)?;
                Ok((partition, Lease { partition, fence: row.fence, position: row.position, epoch: row.epoch }))
            })
            .collect()
    };
    db.bounded::<_, DbError>(keeping).await
}

/// Gives up everything, so that others need not wait for the end of the leases.
///
/// # Errors
/// When PostgreSQL does not answer: the leases end by themselves.
pub async fn release(db: &Db, holder: &str) -> Result<(), DbError> {
    let releasing = async {
        let mut transaction = db.pool.begin().await?;
        sqlx::query!("UPDATE recorder SET holder = NULL WHERE holder = $1", holder).execute(&mut *transaction).await?;
        sqlx::query!("DELETE FROM recorder_workers WHERE holder = $1", holder).execute(&mut *transaction).await?;
        transaction.commit().await
    };
    db.bounded(releasing).await
}

/// Where the aggregates of these partitions stand.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn aggregates(db: &Db, partitions: &[u16]) -> Result<Vec<AggregateRow>, DbError> {
    let partitions: Vec<i16> = partitions.iter().map(|partition| partition.cast_signed()).collect();
    let query = sqlx::query!(
        "SELECT aggregate, partition, epoch, rev, at FROM aggregates WHERE partition = ANY($1::smallint[])",
        &partitions
    );
    let rows = db.bounded(query.fetch_all(&db.pool)).await?;
    rows.into_iter()
        .map(|row| {
            let partition = partition_of(row.partition)?;
            Ok(AggregateRow { aggregate: row.aggregate, partition, epoch: row.epoch, rev: row.rev, at: row.at })
        })
        .collect()
}
