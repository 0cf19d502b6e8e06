//! A fresh, migrated database for each test, in milliseconds: cloned from a template that the first test of all
//! processes makes.
//!
//! Invariant: a template is complete. It gets its name only when it is migrated, and the name follows from the
//! migrations, so that an edited one makes a new template.

use std::{
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use url::Url;
use waitless::{config::Secret, db};

/// Held while a template is made or old databases are dropped. Any number that no other test uses.
const LOCK: i64 = 0x7761_6974_6c65_7373;
const PREFIX: &str = "waitless_test_";

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// A database of one test. Dropping this drops it.
pub(crate) struct TestDatabase {
    /// Its URL, with the rights of a superuser.
    pub(crate) url: Secret,
    name: String,
}

/// A new database with the schema of now and no rows.
pub(crate) async fn fresh_database() -> TestDatabase {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mut server = connect(&server_url()).await;
    let template = template(&mut server).await;
    let name = format!("{PREFIX}{}_{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    run(&mut server, format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
    server.close().await.expect("PostgreSQL says good-bye");
    TestDatabase { url: url_of(&name), name }
}

impl TestDatabase {
    /// The pool of a server on this database.
    pub(crate) fn db(&self) -> db::Db {
        db::Db::connect_lazy(&self.url).expect("the URL was made here")
    }

    /// A connection of the test's own.
    pub(crate) async fn connect(&self) -> PgConnection {
        connect(&self.url).await
    }

    /// A statement that the code under test would never run, as moving time.
    pub(crate) async fn execute(&self, sql: &'static str) -> u64 {
        let mut connection = connect(&self.url).await;
        sqlx::query(sql).execute(&mut connection).await.expect("the test's SQL is right").rows_affected()
    }

    /// Whether the schema itself refuses a statement.
    pub(crate) async fn refuses(&self, sql: &'static str) -> bool {
        let refused = sqlx::query(sql).execute(&mut connect(&self.url).await).await;
        refused.is_err_and(|error| error.as_database_error().is_some_and(|error| error.is_check_violation()))
    }

    /// A number that the code under test has no call for.
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        let mut connection = connect(&self.url).await;
        sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("the test's SQL is right")
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // A thread and a runtime of its own: a test's runtime cannot be waited for from inside.
        let dropping = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let mut server = connect(&server_url()).await;
                // PostgreSQL waits for every connection, also for one that the test's runtime, which waits here, was
                // about to make: for a minute, and all others' tests with it.
                run(&mut server, "SET statement_timeout = '2s'".to_owned()).await;
                run(&mut server, sql).await;
            });
        });
        // After a failed test, its own message counts; what is left is dropped by a later run.
        let _ = dropping.join();
    }
}

/// The template's name; makes it if nobody has, and drops what killed tests left behind.
async fn template(server: &mut PgConnection) -> String {
    let checksum = MIGRATIONS.iter().fold(crc32fast::Hasher::new(), |mut hasher, migration| {
        hasher.update(&migration.checksum);
        hasher
    });
    let name = format!("waitless_template_{:08x}", checksum.finalize());
    sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&mut *server).await.expect("the lock");
    drop_orphans(server).await;
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(&name)
        .fetch_one(&mut *server)
        .await
        .expect("the list of databases");
    if !exists {
        let draft = format!("{name}_draft");
        run(server, format!("DROP DATABASE IF EXISTS {draft} WITH (FORCE)")).await;
        run(server, format!("CREATE DATABASE {draft}")).await;
        db::migrate(&url_of(&draft)).await.expect("the migrations run");
        run(server, format!("ALTER DATABASE {draft} RENAME TO {name}")).await;
    }
    sqlx::query("SELECT pg_advisory_unlock($1)").bind(LOCK).execute(&mut *server).await.expect("the lock");
    name
}

/// Drops the databases whose process is gone.
async fn drop_orphans(server: &mut PgConnection) {
    let names: Vec<String> = sqlx::query_scalar("SELECT datname::text FROM pg_database WHERE starts_with(datname, $1)")
        .bind(PREFIX)
        .fetch_all(&mut *server)
        .await
        .expect("the list of databases");
    for name in names {
        let process = name.trim_start_matches(PREFIX).split('_').next().unwrap_or_default();
        if !std::path::Path::new("/proc").join(process).exists() {
            run(server, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        }
    }
}

async fn connect(url: &Secret) -> PgConnection {
    PgConnection::connect(url.expose()).await.expect("PostgreSQL of the tests answers")
}

async fn run(server: &mut PgConnection, sql: String) {
    let shown = sql.clone();
    // Names are made of letters, digits and underscores above.
    if let Err(error) = server.execute(AssertSqlSafe(sql)).await {
        panic!("{shown}: {error}");
    }
}

fn server_url() -> Secret {
    let url = std::env::var("WAITLESS_TEST_DATABASE_URL");
    url.expect("WAITLESS_TEST_DATABASE_URL is set by `tests/run -- cargo test`").into()
}

fn url_of(database: &str) -> Secret {
    let mut url = Url::parse(server_url().expose()).expect("the URL of the tests' PostgreSQL");
    url.set_path(database);
    String::from(url).into()
}
