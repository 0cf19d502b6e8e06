//! What can go wrong outside: PostgreSQL is away, slow, or holds something this code does not understand.
//!
//! What a caller can expect and act on (a taken e-mail, a used refresh token) is not here but in the answer of the
//! call itself.

use sqlx::{error::DatabaseError, migrate::MigrateError, postgres::PgDatabaseError};

use super::SchemaMismatch;

/// What is in the way of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// PostgreSQL is away, full, read-only, or lets nobody in: nothing at all can be written.
    Server,
    /// Somebody else holds what the write needs, or it took too long.
    Lock,
    /// A value. It may be that of one row alone.
    Value,
    /// All else: the schema, a permission, a constraint, a trigger, a damaged table.
    Schema,
}

impl Obstacle {
    /// What a SQLSTATE means. Values (22, and 54000 for one too large for an index) are all that can be wrong with one
    /// event's own data. A constraint (23) is not among them: the record's tables have none that an event could
    /// break, so whoever added one has to take it away.
    fn of(code: &str) -> Self {
        match (code.get(..2).unwrap_or_default(), code) {
            (_, "55P03" | "57014") => Self::Lock,
            (_, "25006") | ("08" | "28" | "3D" | "40" | "53" | "57", _) => Self::Server,
            ("22", _) | (_, "54000") => Self::Value,
            _ => Self::Schema,
        }
    }
}

fn remedy(code: &str) -> &'static str {
    match (code.get(..2).unwrap_or_default(), code) {
        (_, "25006") => "let PostgreSQL take writes again, or name the primary in WAITLESS_DATABASE_URL",
        (_, "42501") => "grant the role of WAITLESS_DATABASE_URL its rights on the tables of the record",
        (_, "42P01" | "42703") => "run `waitless migrate`, or put back the table or column that was taken away",
        (_, "53100") => "free some space on PostgreSQL's disk",
        (_, "55P03" | "57014") => "find who holds the lock, or what makes PostgreSQL slow: pg_stat_activity",
        ("23", _) => "drop the constraint that was added, or give the new column a default",
        ("22" | "54", _) => "undo the change of a column's type, or drop the trigger that refuses",
        ("P0", _) => "mend or drop the trigger that refuses",
        ("08" | "28" | "3D" | "57", _) => "see to PostgreSQL, and to WAITLESS_DATABASE_URL",
        ("53", _) => "give PostgreSQL more of what it lacks",
        _ => "see PostgreSQL's own log",
    }
}

/// A failed call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DbError {
    /// PostgreSQL refused, or the connection broke. Says why itself: most who log it log no chain of causes.
    #[error("PostgreSQL failed: {}", words(.0))]
    Sqlx(sqlx::Error),
    /// PostgreSQL answers, but takes no writes: a standby, or set so.
    #[error("PostgreSQL is read-only")]
    ReadOnly,
    /// No answer in time.
    #[error("PostgreSQL did not answer in time")]
    TimedOut,
    /// The schema could not be brought up to date. Says why itself, too.
    #[error("a migration failed: {}", words_of_migration(.0))]
    Migrate(MigrateError),
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

impl From<MigrateError> for DbError {
    fn from(error: MigrateError) -> Self {
        Self::Migrate(error)
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

    /// What PostgreSQL calls what is wrong (its SQLSTATE), where it was PostgreSQL that said so.
    #[must_use]
    pub fn sqlstate(&self) -> Option<String> {
        Some(self.reported()?.code()?.into_owned())
    }

    /// What is in the way of a write that PostgreSQL did not take.
    #[must_use]
    pub fn obstacle(&self) -> Obstacle {
        let Some(reported) = self.reported() else {
            return if self.is_transient() { Obstacle::Server } else { Obstacle::Schema };
        };
        let obstacle = Obstacle::of(&reported.code().unwrap_or_default());
        // A trigger that reckons wrongly blames the values, too.
        let context = reported.try_downcast_ref::<PgDatabaseError>().and_then(PgDatabaseError::r#where);
        let in_function = context.is_some_and(|context| context.contains("function"));
        if obstacle == Obstacle::Value && in_function { Obstacle::Schema } else { obstacle }
    }

    /// What an operator can do about a write that PostgreSQL did not take.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        remedy(&self.sqlstate().unwrap_or_default())
    }

    /// Whether a statement that was prepared earlier no longer fits the tables.
    pub(super) fn is_stale_statement(&self) -> bool {
        self.sqlstate().is_some_and(|code| code == "0A000" || code == "26000")
    }

    fn reported(&self) -> Option<&(dyn DatabaseError + 'static)> {
        match self {
            Self::Sqlx(error) => error.as_database_error(),
            _ => None,
        }
    }

    /// Whether the same call may succeed a little later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::ReadOnly | Self::TimedOut => true,
            Self::Sqlx(error) => is_transient(error),
            Self::Migrate(MigrateError::Execute(error)) => is_transient(error),
            Self::Migrate(_) | Self::Schema(_) | Self::InvalidUrl | Self::Unreadable { .. } => false,
        }
    }
}

/// What went wrong, in the words of who found it. sqlx says of each cause what kind it is, and of PostgreSQL's in which
/// line of its own source that was found.
pub(super) fn words(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Configuration(error) => error.to_string(),
        other => other.to_string(),
    }
}

fn words_of_migration(error: &MigrateError) -> String {
    match error {
        MigrateError::Execute(error) => words(error),
        MigrateError::ExecuteMigration(error, version) => format!("{version}: {}", words(error)),
        other => other.to_string(),
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
    fn only_values_can_be_one_events_own_fault() {
        use Obstacle::{Lock, Schema, Server, Value};
        for (code, means, expected) in [
            ("22001", "string_data_right_truncation", Value),
            ("22003", "numeric_value_out_of_range", Value),
            ("22007", "invalid_datetime_format", Value),
            ("22008", "datetime_field_overflow", Value),
            ("22021", "character_not_in_repertoire", Value),
            ("22P02", "invalid_text_representation", Value),
            ("22P05", "untranslatable_character", Value),
            ("54000", "program_limit_exceeded", Value),
            ("0A000", "feature_not_supported: a prepared statement is of no use any more", Schema),
            ("23502", "not_null_violation", Schema),
            ("23503", "foreign_key_violation", Schema),
            ("23505", "unique_violation", Schema),
            ("23514", "check_violation", Schema),
            ("23P01", "exclusion_violation", Schema),
            ("42501", "insufficient_privilege", Schema),
            ("42703", "undefined_column", Schema),
            ("42804", "datatype_mismatch", Schema),
            ("42P01", "undefined_table", Schema),
            ("54011", "too_many_columns", Schema),
            ("58030", "io_error", Schema),
            ("P0001", "raise_exception", Schema),
            ("XX001", "data_corrupted", Schema),
            ("", "nothing at all", Schema),
            ("55P03", "lock_not_available", Lock),
            ("57014", "query_canceled", Lock),
            ("08006", "connection_failure", Server),
            ("25006", "read_only_sql_transaction", Server),
            ("28P01", "invalid_password", Server),
            ("3D000", "invalid_catalog_name", Server),
            ("40001", "serialization_failure", Server),
            ("53100", "disk_full", Server),
            ("53300", "too_many_connections", Server),
            ("57P01", "admin_shutdown", Server),
        ] {
            assert_eq!(Obstacle::of(code), expected, "{code} {means}");
        }
        assert_eq!(DbError::TimedOut.obstacle(), Server);
        assert_eq!(DbError::from(sqlx::Error::PoolTimedOut).obstacle(), Server);
        assert_eq!(DbError::from(sqlx::Error::ColumnNotFound("rev".to_owned())).obstacle(), Schema);
    }

    #[test]
    fn what_is_logged_says_why() {
        let failed = DbError::from(sqlx::Error::Protocol("out of order".to_owned()));
        assert!(failed.to_string().contains("out of order"), "{failed}");
    }
}
