//! PostgreSQL, the durable record. SQL stands only in this folder: one file per aggregate, every query checked when it
//! is compiled (against `.sqlx`, which `migrations/prepare` writes).
//!
//! It deliberately knows nothing of live queues: those are Redis's. A server starts with PostgreSQL down and recovers
//! by itself: connections are opened when first needed, and every call ends within [`CALL_TIMEOUT`], also when
//! the server behind the connection is frozen.
//!
//! Invariant: bind values are never logged, the statements neither.

use std::{future::Future, str::FromStr as _, time::Duration};

use sqlx::{
    ConnectOptions as _, Connection as _, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::config::Secret;

pub mod accounts;
mod error;
pub mod history;
pub mod lock;
pub mod policies;
pub mod record;
pub mod restaurants;
pub mod retention;
pub mod schema;
pub mod sessions;

pub use error::DbError;
pub use schema::SchemaMismatch;

/// Longest wait for a connection, connecting included.
pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest run of one statement, ended by PostgreSQL.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(4);
/// Longest call, ended here whatever PostgreSQL does.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Most connections of one server. Live queues do not need them; a burst of sign-ins waits.
pub const CONNECTIONS_MAX: u32 = 16;

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// The pool. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    pool: PgPool,
    options: PgConnectOptions,
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
        Ok(Self::with(options, CONNECTIONS_MAX))
    }

    fn with(options: PgConnectOptions, connections_max: u32) -> Self {
        let pool = PgPoolOptions::new()
            .max_connections(connections_max)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_release(|connection, _| {
                // sqlx tests a returned connection without a limit; a frozen server would keep its place for ever.
                Box::pin(async move {
                    match tokio::time::timeout(ACQUIRE_TIMEOUT, connection.ping()).await {
                        Ok(answer) => answer.map(|()| true),
                        Err(elapsed) => Err(sqlx::Error::Io(elapsed.into())),
                    }
                })
            })
            .connect_lazy_with(options.clone());
        Self { pool, options }
    }

    /// Whether PostgreSQL answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), DbError> {
        self.bounded(async { sqlx::query_scalar!(r#"SELECT 1 AS "one!""#).fetch_one(&self.pool).await.map(drop) }).await
    }

    /// Closes the pool: calls under way finish, later ones fail.
    pub async fn close(&self) {
        self.pool.close().await;
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
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(CALL_TIMEOUT).connect_lazy_with(parse(url)?);
    let migrated = async {
        match schema::check(&mut *pool.acquire().await?).await {
            Ok(()) | Err(DbError::Schema(SchemaMismatch::NotMigrated | SchemaMismatch::Older { .. })) => {}
            Err(error) => return Err(error),
        }
        Ok(MIGRATOR.run(&pool).await?)
    };
    let migrated = migrated.await;
    pool.close().await;
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
