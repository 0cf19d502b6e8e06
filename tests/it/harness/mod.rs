//! What tests share: servers given by `tests/run`, a namespace or a database of their own for each test.

pub mod redis_of_ones_own;
pub mod shop;

/// An environment variable that `tests/run` exports.
pub fn given(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests with `make test` or tests/run"))
}
