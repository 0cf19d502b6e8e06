//! Whether the database's schema is the one that this program knows.
//!
//! Migrations only add. So a server that runs may go on beside a schema that became newer; what starts anew is refused
//! there, because it could not know what it would leave out.

use std::collections::BTreeSet;

use sqlx::{PgConnection, migrate::Migrate as _};

use super::{Db, DbError, MIGRATOR};

/// Why a program cannot work with a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaMismatch {
    /// Nothing was ever migrated.
    #[error("the database has not been migrated: run `waitless migrate`")]
    NotMigrated,
    /// Some migrations are still to come.
    #[error("the database has not been migrated to {known}, it stands at {found}: run `waitless migrate`")]
    Older {
        /// The newest migration of the database.
        found: i64,
        /// The newest of this program.
        known: i64,
    },
    /// A newer program has migrated it.
    #[error(
        "the database was migrated by a newer waitless, to {found}; this one knows no more than {known}: \
         run the newer one"
    )]
    Newer {
        /// The newest migration of the database.
        found: i64,
        /// The newest of this program.
        known: i64,
    },
}

impl Db {
    /// Makes sure that the schema is the one that this program knows.
    ///
    /// # Errors
    /// [`DbError::Schema`] when it is another; else when PostgreSQL does not answer.
    pub async fn check_schema(&self) -> Result<(), DbError> {
        self.bounded::<_, DbError>(async { check(&mut *self.pool.acquire().await?).await }).await
    }
}

pub(super) async fn check(connection: &mut PgConnection) -> Result<(), DbError> {
    let applied = match connection.list_applied_migrations(&MIGRATOR.table_name).await {
        Ok(applied) => applied.into_iter().map(|migration| migration.version).collect(),
        Err(sqlx::migrate::MigrateError::Execute(error)) if is_missing_table(&error) => BTreeSet::new(),
        Err(error) => return Err(error.into()),
    };
    let known = MIGRATOR.iter().map(|migration| migration.version).collect();
    compare(&applied, &known).map_err(DbError::Schema)
}

fn compare(applied: &BTreeSet<i64>, known: &BTreeSet<i64>) -> Result<(), SchemaMismatch> {
    let Some(found) = applied.last().copied() else { return Err(SchemaMismatch::NotMigrated) };
    let newest = known.last().copied().unwrap_or_default();
    if let Some(unknown) = applied.difference(known).last().copied() {
        return Err(SchemaMismatch::Newer { found: unknown, known: newest });
    }
    if applied.len() < known.len() {
        return Err(SchemaMismatch::Older { found, known: newest });
    }
    Ok(())
}

fn is_missing_table(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("42P01"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_ours_older_or_newer() {
        use SchemaMismatch::{Newer, NotMigrated, Older};
        let known = [1, 2, 3];
        for (applied, expected) in [
            (&[][..], Err(NotMigrated)),
            (&[1, 2], Err(Older { found: 2, known: 3 })),
            (&[1, 2, 3], Ok(())),
            (&[1, 2, 3, 4], Err(Newer { found: 4, known: 3 })),
            // Of another branch: neither may be taken for the other.
            (&[1, 2, 4], Err(Newer { found: 4, known: 3 })),
            (&[1, 3], Err(Older { found: 3, known: 3 })),
        ] {
            assert_eq!(compare(&applied.iter().copied().collect(), &known.into()), expected, "{applied:?}");
        }
    }
}
