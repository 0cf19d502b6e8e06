//! The durable record: whole and exact whatever dies, and the live state rebuilt from it.

mod fences;
mod house;
mod ledger;
mod letters;
mod lives;
mod lost;
mod numbers_once;
mod older_record;
mod phones_stay;
mod refused;
mod stage;
mod stock_once;
mod troubles;
pub mod whole;

/// How much larger than in `make test` a case is to be.
fn scale() -> usize {
    std::env::var("WAITLESS_TEST_SCALE").ok().and_then(|scale| scale.parse().ok()).unwrap_or(1).max(1)
}
