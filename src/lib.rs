//! WaitLess: a live restaurant line.
//!
//! Reading order: [`domain`] (the words), `lua/README.md` and [`queue`] (the live truth in Redis), [`hub`] (who is
//! told), [`service`] (use cases), [`api`] (how it is reached), [`app`] (how it is put together).

pub mod api;
pub mod app;
pub mod clock;
pub mod config;
pub mod db;
pub mod dev;
pub mod domain;
pub mod health;
pub mod hub;
pub mod listen;
pub mod metrics;
pub mod protocol;
pub mod queue;
pub mod serve;
pub mod service;
pub mod shutdown;
pub mod telemetry;
pub mod worker;
