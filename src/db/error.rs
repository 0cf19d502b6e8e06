//! What can go wrong outside: PostgreSQL is away, slow, or holds something this code does not understand.
//!
//! What a caller can expect and act on (a taken e-mail, a used refresh token) is not here but in the answer of the
//! call itself.

use super::SchemaMismatch;

/// A failed call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DbError {
    /// PostgreSQL refused, or the connection broke. Says why itself: most who log it log no chain of causes.
    #[error("PostgreSQL failed: {0}")]
    Sqlx(sqlx::Error),
    /// No answer in time.
    #[error("PostgreSQL did not answer in time")]
    TimedOut,
    /// The schema could not be brought up to date.
    #[error("a migration failed")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The schema is not the one that this program knows.
    #[error(transparent)]
    Schema(#[from] SchemaMismatch),
    /// Not a `postgres://` URL. Says no more, because the URL holds a password.
    #[error("the database URL is not valid")]
    InvalidUrl,
    /// A row that the schema should not have admitted.
    #[error("unreadable {what} in the database")]
    Unreadable {
        /// Which value.
        what: &'static str,
        /// Why, where a parser said so.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        Self::Sqlx(error)
    }
}

impl DbError {
    /// A value of a row that does not parse.
    pub(crate) fn unreadable(what: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Unreadable { what, source: Some(Box::new(source)) }
    }

    /// The same, where a parser said why in words.
    pub(crate) fn unreadable_text(what: &'static str, why: String) -> Self {
        Self::Unreadable { what, source: Some(why.into()) }
    }

    /// Whether the same call may succeed a little later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::TimedOut => true,
            Self::Sqlx(error) => is_transient(error),
            Self::Migrate(sqlx::migrate::MigrateError::Execute(error)) => is_transient(error),
            Self::Migrate(_) | Self::Schema(_) | Self::InvalidUrl | Self::Unreadable { .. } => false,
        }
    }
}

pub(super) fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| is_transient_state(&code)),
        _ => false,
    }
}

/// SQLSTATEs that pass by themselves: connection trouble (08), too few resources (53), operator intervention such as
/// a restart or the statement timeout (57), deadlock and serialization (40), a lock not given in time (55P03), and a
/// server that became a read-only standby in a failover (25006).
fn is_transient_state(code: &str) -> bool {
    ["08", "53", "57", "40"].iter().any(|class| code.starts_with(class)) || matches!(code, "55P03" | "25006")
}

/// Whether a UNIQUE constraint of this name refused the row.
pub(super) fn violates(error: &sqlx::Error, constraint: &str) -> bool {
    error.as_database_error().is_some_and(|error| error.is_unique_violation() && error.constraint() == Some(constraint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_passes_by_itself_is_transient() {
        for code in ["08006", "53300", "57P01", "57P03", "57014", "40001", "40P01", "55P03", "25006"] {
            assert!(is_transient_state(code), "{code}");
        }
        for code in ["23505", "42P01", "28P01", "3D000", "22001"] {
            assert!(!is_transient_state(code), "{code}");
        }
        assert!(DbError::TimedOut.is_transient());
        assert!(DbError::from(sqlx::Error::PoolTimedOut).is_transient());
        assert!(!DbError::InvalidUrl.is_transient());
        assert!(!DbError::from(sqlx::Error::RowNotFound).is_transient());
    }

    #[test]
    fn what_is_logged_says_why() {
        let failed = DbError::from(sqlx::Error::Protocol("out of order".to_owned()));
        assert!(failed.to_string().contains("out of order"), "{failed}");
    }
}
