//! PostgreSQL, the durable record. SQL stands only in this folder: one file per aggregate, every query checked when it
//! is compiled (against `.sqlx`, which `migrations/prepare` writes).
//!
//! It deliberately knows nothing of live queues: those are Redis's. A server starts with PostgreSQL down and recovers
//! by itself: connections are opened when first needed ([`pool`]), and every call ends within [`CALL_TIMEOUT`], also
//! when the server behind the connection is frozen.
//!
//! Invariant: bind values are never logged, the statements neither.

use std::{future::Future, str::FromStr as _, time::Duration};

use sqlx::{ConnectOptions as _, postgres::PgConnectOptions};

use self::pool::{Gate, Pool};
use crate::config::Secret;

pub mod accounts;
mod error;
pub mod history;
pub mod lock;
pub mod policies;
pub mod pool;
pub mod record;
pub mod restaurants;
pub mod retention;
pub mod schema;
pub mod sessions;

pub use error::{DbError, Obstacle};
pub use schema::SchemaMismatch;

/// Longest run of one statement, ended by PostgreSQL.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(4);
/// Longest call, ended here whatever PostgreSQL does.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Most connections of one server. Live queues do not need them; a burst of sign-ins waits.
pub const CONNECTIONS_MAX: usize = 16;
/// Most connections beside these whose advisory locks are in use.
const LOCKS_MAX: usize = 8;

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// The database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    pool: Pool,
    /// A holder of a lock also needs a connection for its work: if both came from one pool, holders could wait for each
    /// other.
    locks: Pool,
    options: PgConnectOptions,
    gate: Gate,
}

impl Db {
    /// Sets up the pool; nothing is connected yet. Must be called inside a Tokio runtime.
    ///
    /// # Errors
    /// When the URL is not one of PostgreSQL.
    pub fn connect_lazy(url: &Secret) -> Result<Self, DbError> {
        let milliseconds = |duration: Duration| duration.as_millis().to_string();
        let options = parse(url)?.options([
            ("statement_timeout", milliseconds(STATEMENT_TIMEOUT)),
            ("lock_timeout", milliseconds(STATEMENT_TIMEOUT)),
            ("idle_in_transaction_session_timeout", milliseconds(CALL_TIMEOUT)),
        ]);
        Ok(Self::with(options, CONNECTIONS_MAX, Gate::default()))
    }

    fn with(options: PgConnectOptions, connections_max: usize, gate: Gate) -> Self {
        let pool = |connections_max| Pool::new(options.clone(), connections_max, gate.clone());
        Self { pool: pool(connections_max), locks: pool(LOCKS_MAX), options, gate }
    }

    /// Whether PostgreSQL answers, and takes writes.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), DbError> {
        let query =
            sqlx::query_scalar!(r#"SELECT current_setting('transaction_read_only')::boolean AS "is_read_only!""#);
        let is_read_only = self.bounded(query.fetch_one(&self.pool)).await?;
        if is_read_only { Err(DbError::ReadOnly) } else { Ok(()) }
    }

    /// Closes the pools: calls under way finish, later ones fail.
    pub async fn close(&self) {
        tokio::join!(self.pool.close(), self.locks.close());
    }

    /// Ends `call` at [`CALL_TIMEOUT`].
    async fn bounded<T, E: Into<DbError>>(&self, call: impl Future<Output = Result<T, E>>) -> Result<T, DbError> {
        tokio::time::timeout(CALL_TIMEOUT, call).await.map_err(|_| DbError::TimedOut)?.map_err(Into::into)
    }
}

/// Brings the schema up to date. Safe to start on several servers at once: they take turns, by an advisory lock.
///
/// # Errors
/// When PostgreSQL cannot be reached, a migration fails, one that was applied has been edited since, or a newer program
/// has migrated the database.
pub async fn migrate(url: &Secret) -> Result<(), DbError> {
    // A migration may take its time, so no statement timeout here.
    let pool = Pool::new(parse(url)?, 1, Gate::default());
    let mut connection = pool.acquire_within(pool::CONNECT_TIMEOUT).await?;
    let migrated = match schema::check(&mut connection).await {
        Ok(()) | Err(DbError::Schema(SchemaMismatch::NotMigrated | SchemaMismatch::Older { .. })) => {
            MIGRATOR.run(&mut *connection).await.map_err(DbError::from)
        }
        Err(error) => Err(error),
    };
    pool.close().await;
    // The connection is closed when it is back.
    let _ = connection.give_back().await;
    migrated
}

fn parse(url: &Secret) -> Result<PgConnectOptions, DbError> {
    // The cause may quote the URL, which holds a password: it is dropped.
    let options = PgConnectOptions::from_str(url.expose()).map_err(|_| DbError::InvalidUrl)?;
    Ok(options.application_name("waitless").disable_statement_logging())
}

/// A row's id as the 64 bits of the domain. The table's CHECK keeps it positive.
fn to_u64(id: i64) -> u64 {
    id.cast_unsigned()
}

/// An id as PostgreSQL keeps it. One beyond 63 bits, which only a client can make up, becomes negative and so names
/// no row.
fn to_i64(id: u64) -> i64 {
    id.cast_signed()
}

/// A limit of rows for SQL.
fn to_limit(limit: u32) -> i64 {
    i64::from(limit)
}
