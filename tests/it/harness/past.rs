//! Rows of the durable record, written by the tests themselves: any age, any content.

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use waitless::config::Secret;

/// Milliseconds of an hour.
pub const HOUR_MS: i64 = 3_600_000;

/// The record of one restaurant.
pub struct Record {
    pub connection: PgConnection,
    pub restaurant: i64,
}

impl Record {
    pub async fn of(url: &Secret, restaurant: i64) -> Self {
        let connection = PgConnection::connect(url.expose()).await.expect("PostgreSQL of the tests answers");
        Self { connection, restaurant }
    }

    /// That of the demo.
    pub async fn of_demo(url: &Secret) -> Self {
        let mut record = Self::of(url, 0).await;
        record.restaurant = record.number("SELECT id FROM restaurants WHERE slug = 'demo'").await;
        record
    }

    /// A row with these columns, and the restaurant's id.
    pub async fn insert(&mut self, table: &str, mut row: Value) {
        let fields = row.as_object_mut().expect("columns");
        if !matches!(table, "events" | "dead_letters" | "gaps") {
            fields.insert("restaurant_id".to_owned(), json!(self.restaurant));
        }
        let columns: Vec<&str> = fields.keys().map(String::as_str).collect();
        let columns = columns.join(", ");
        let sql =
            format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::{table}, $1)");
        let inserted = sqlx::query(AssertSqlSafe(sql)).bind(&row).execute(&mut self.connection).await;
        inserted.unwrap_or_else(|error| panic!("{table}: {error}"));
    }

    /// A party of two, completed half an hour after it joined, but for these columns.
    pub async fn ticket(&mut self, name: &str, day: &str, joined_at: i64, columns: Value) {
        let mut row = json!({
            "ref": name, "day": day, "number": "A001", "line": "A", "state": "completed", "adults": 2, "children": 0,
            "channel": "onsite", "checked_in": true, "name": "김지은", "phone_last4": "5678", "note": "by the window",
            "lang": "ko", "joined_at": joined_at, "seated_at": joined_at + 600_000, "ended_at": joined_at + 1_800_000,
            "ended_by": "staff", "calls": 1, "delays": 0, "overtaken": 0, "ahead_at_join": 3, "total": 0, "epoch": 1,
            "rev": 1, "at": joined_at + 1_800_000, "packed": "\\x80",
        });
        for (column, value) in columns.as_object().expect("columns") {
            row[column] = value.clone();
        }
        self.insert("tickets", row).await;
    }

    pub async fn day(&mut self, day: &str, ends_at: i64) {
        self.insert("days", json!({ "day": day, "ends_at": ends_at })).await;
    }

    pub async fn number(&mut self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&mut self.connection).await.expect("the test's SQL is right")
    }

    pub async fn texts(&mut self, sql: &'static str) -> Vec<String> {
        sqlx::query_scalar(sql).fetch_all(&mut self.connection).await.expect("the test's SQL is right")
    }

    /// PostgreSQL's clock.
    pub async fn now(&mut self) -> i64 {
        self.number("SELECT (extract(epoch FROM now()) * 1000)::bigint").await
    }
}
