//! Every reply of every script, on a real Redis in one-node cluster mode, with undeclared keys refused.
//!
//! Each test of a script goes through [`cover::Cover`], which holds the script to its header: every code of the
//! `REPLY:` line is seen, none beside it; a refusal writes nothing; what was done is one event that agrees with
//! tickets and snapshot. What each command does beyond that is docs/RULES.md, rule by rule.

mod calls;
mod commands;
mod cost;
mod cover;
mod day;
mod events;
mod guest;
mod idempotency;
mod join;
mod life;
mod lost_numbers;
mod order;
mod rebuild;
mod reconcile;
mod settings;
mod staff;
mod stock;
mod timers;
mod undo;
