//! The weaknesses of the system before this one, numbered as they were found there: a test each, through real servers on
//! a real Redis and PostgreSQL, that would find the weakness if it were here. Beside them, time: what acts by itself.
//!
//! What is checked was worked out here, from the contract; it shares no code with the server.

mod cancel;
mod day;
mod house;
mod join;
mod live;
mod order;
mod spy;
mod timers;
