//! Being built.
pub mod source;
