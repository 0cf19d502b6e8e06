//! Being built.
pub mod live;
