//! Everything that can go wrong on one box, forced; what came of it is judged by a checker that shares no code with
//! the server. Small here; `make faults` runs the same at full size (`WAITLESS_TEST_SCALE`).

mod bounded;
pub mod checker;
mod clocks;
mod clusters;
mod crowd;
mod figures;
mod floods;
mod freshness;
mod hints_lost;
mod malformed;
mod postgres_away;
mod proxies;
mod raw;
mod redis_full;
mod redis_killed;
mod redis_stalls;
pub mod report;
pub mod screens;
mod server_killed;
pub mod stage;
mod supervisor;
mod wire;

/// How much larger than in `make test` a case is to be.
pub fn scale() -> usize {
    std::env::var("WAITLESS_TEST_SCALE").ok().and_then(|scale| scale.parse().ok()).unwrap_or(1).max(1)
}
