//! PostgreSQL: the schema, the lists, accounts and sessions, and life without it.

mod accounts;
mod history;
mod outage;
mod restaurants;
mod retention;
