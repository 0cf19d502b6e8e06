//! One rebuilder at a time per restaurant, over all servers.
//!
//! A session-level advisory lock on a connection that nothing else uses meanwhile: it ends with
//! [`RebuildLock::release`], with a drop, with this process, and with PostgreSQL. The last is why the holder must not
//! trust it alone: a rebuild also carries a token in Redis that its later batches check.

use sqlx::{
    Connection as _,
    postgres::{PgAdvisoryLock, PgAdvisoryLockKey},
};

use super::{CALL_TIMEOUT, Db, DbError, pool::Lease};
use crate::domain::RestaurantId;

/// The right to rebuild one restaurant's live state.
#[derive(Debug)]
#[must_use = "dropping it lets the next rebuilder in"]
pub struct RebuildLock {
    connection: Lease,
}

/// Takes the lock of this restaurant, unless somebody holds it.
///
/// # Errors
/// When PostgreSQL does not answer.
///
/// # Cancel safety
/// Dropping the future leaves no lock behind: the connection is unlocked before another may use it.
pub async fn try_lock(db: &Db, restaurant: RestaurantId) -> Result<Option<RebuildLock>, DbError> {
    let key = key(restaurant);
    db.bounded::<_, DbError>(async {
        let mut connection = db.locks.acquire().await?;
        connection.unlock_afterwards();
        let taken = sqlx::query_scalar!(r#"SELECT pg_try_advisory_lock($1) AS "taken!""#, key)
            .fetch_one(&mut *connection)
            .await?;
        Ok(taken.then_some(RebuildLock { connection }))
    })
    .await
}

impl RebuildLock {
    /// Whether the connection, and with it the lock, still lives.
    pub async fn is_held(&mut self) -> bool {
        matches!(tokio::time::timeout(CALL_TIMEOUT, self.connection.ping()).await, Ok(Ok(())))
    }

    /// Lets the next rebuilder in, at once.
    ///
    /// # Errors
    /// When PostgreSQL does not answer; the lock ends with its connection then.
    pub async fn release(self) -> Result<(), DbError> {
        Ok(self.connection.give_back().await?)
    }
}

/// A key that no other use of advisory locks has, the migrations' included.
fn key(restaurant: RestaurantId) -> i64 {
    match PgAdvisoryLock::new(format!("waitless rebuild {restaurant}")).key() {
        PgAdvisoryLockKey::BigInt(key) => *key,
        other => unreachable!("Invariant: a lock named by text has a 64-bit key, not {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_restaurant_has_its_key_and_keeps_it() {
        assert_eq!(key(RestaurantId(1)), key(RestaurantId(1)));
        assert_ne!(key(RestaurantId(1)), key(RestaurantId(2)));
    }
}
