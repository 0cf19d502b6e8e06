//! Sessions: a sign-in on one device, kept alive by refresh tokens that are good once.
//!
//! Time here is PostgreSQL's, so that the servers' clocks do not matter.

use std::time::Duration;

use sqlx::PgConnection;

use super::{
    Db, DbError,
    accounts::{AccountId, Grants, grants_on},
    to_i64, to_u64,
};
use crate::domain::Millis;

/// A session's id. Not a secret: it names a session in tokens and among revocations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

impl std::fmt::Display for SessionId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// SHA-256 of a refresh token.
pub type RefreshHash = [u8; 32];

/// What a session starts with. The id is chosen by the caller, because the refresh token carries it.
#[derive(Clone, Copy, Debug)]
pub struct NewSession<'a> {
    /// Random, 1 to 2⁶³ − 1.
    pub id: SessionId,
    /// Hash of its first refresh token.
    pub refresh_hash: &'a RefreshHash,
    /// How long it lives without a refresh.
    pub lifetime: Duration,
}

/// What became of a refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// The token was the current one; the new one is now.
    Rotated {
        /// Whose session.
        account: AccountId,
        /// What the account may do now.
        grants: Grants,
    },
    /// The token had been used before: somebody has a copy. The session is revoked now.
    Reused,
    /// No such session, or it has ended.
    Ended,
}

/// Creates a session.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn create(db: &Db, account: AccountId, session: NewSession<'_>) -> Result<(), DbError> {
    let inserting = async {
        let mut connection = db.pool.acquire().await?;
        insert(&mut connection, account, session).await
    };
    db.bounded(inserting).await
}

/// Creates a session inside the caller's transaction.
pub(super) async fn insert(
    connection: &mut PgConnection,
    account: AccountId,
    session: NewSession<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO sessions (id, account_id, refresh_hash, expires_at)
         VALUES ($1, $2, $3, now() + make_interval(secs => $4))",
        to_i64(session.id.0),
        to_i64(account.0),
        session.refresh_hash.as_slice(),
        session.lifetime.as_secs_f64()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Replaces the current refresh token `presented` by `next` and prolongs the session.
///
/// The caller has proven that `presented` was issued for this session; so one that is not the current one was used
/// before, and the session is revoked: a copy of it may be in other hands. Two refreshes at once with one token count
/// as that, too.
///
/// # Errors
/// When PostgreSQL does not answer. The token may then have been used up all the same.
pub async fn rotate(
    db: &Db,
    session: SessionId,
    presented: &RefreshHash,
    next: &RefreshHash,
    lifetime: Duration,
) -> Result<Rotation, DbError> {
    let rotating = async {
        // One transaction: a token is not used up unless all that its successor needs was read.
        let mut transaction = db.pool.begin().await?;
        let rotated = sqlx::query_scalar!(
            "UPDATE sessions
             SET refresh_hash = $3, renewed_at = now(), expires_at = now() + make_interval(secs => $4)
             WHERE id = $1 AND refresh_hash = $2 AND revoked_at IS NULL AND expires_at > now()
             RETURNING account_id",
            to_i64(session.0),
            presented.as_slice(),
            next.as_slice(),
            lifetime.as_secs_f64()
        )
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(account) = rotated {
            let account = AccountId(to_u64(account));
            let grants = grants_on(&mut transaction, account).await?.ok_or(sqlx::Error::RowNotFound)?;
            transaction.commit().await?;
            return Ok(Rotation::Rotated { account, grants });
        }
        let revoked = sqlx::query!(
            "UPDATE sessions SET revoked_at = now()
             WHERE id = $1 AND refresh_hash <> $2 AND revoked_at IS NULL AND expires_at > now()",
            to_i64(session.0),
            presented.as_slice()
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok::<_, DbError>(if revoked.rows_affected() > 0 { Rotation::Reused } else { Rotation::Ended })
    };
    db.bounded(rotating).await
}

/// Ends a session. Whether it was still alive is not told: signing out twice is fine.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn revoke(db: &Db, session: SessionId) -> Result<(), DbError> {
    let query =
        sqlx::query!("UPDATE sessions SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL", to_i64(session.0));
    db.bounded(query.execute(&db.pool)).await?;
    Ok(())
}

/// Ends every session of an account, as when it loses a role, and answers which ended by this.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn revoke_all(db: &Db, account: AccountId) -> Result<Vec<SessionId>, DbError> {
    let query = sqlx::query_scalar!(
        "UPDATE sessions SET revoked_at = now()
         WHERE account_id = $1 AND revoked_at IS NULL AND expires_at > now()
         RETURNING id",
        to_i64(account.0)
    );
    Ok(db.bounded(query.fetch_all(&db.pool)).await?.into_iter().map(|id| SessionId(to_u64(id))).collect())
}

/// The sessions revoked within the last `within`, at most `limit`, newest first, and when: what an emptied Redis has
/// to be told, with `within` the longest life of a token that is checked without this table.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn revoked(db: &Db, within: Duration, limit: u32) -> Result<Vec<(SessionId, Millis)>, DbError> {
    let query = sqlx::query!(
        r#"
        SELECT id, (extract(epoch FROM revoked_at) * 1000)::bigint AS "revoked_at!"
        FROM sessions
        WHERE revoked_at > now() - make_interval(secs => $1)
        ORDER BY revoked_at DESC
        LIMIT $2
        "#,
        within.as_secs_f64(),
        i64::from(limit)
    );
    let rows = db.bounded(query.fetch_all(&db.pool)).await?;
    Ok(rows.into_iter().map(|row| (SessionId(to_u64(row.id)), row.revoked_at)).collect())
}

/// Deletes up to `limit` sessions that ended longer than `kept` ago, and answers how many.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn clean(db: &Db, kept: Duration, limit: u32) -> Result<u64, DbError> {
    let query = sqlx::query!(
        "DELETE FROM sessions WHERE id IN (
             SELECT id FROM sessions WHERE expires_at < now() - make_interval(secs => $1)
             ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        kept.as_secs_f64(),
        i64::from(limit)
    );
    Ok(db.bounded(query.execute(&db.pool)).await?.rows_affected())
}
