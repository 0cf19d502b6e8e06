//! The wait range: how long until a party's first call, as a pure function of recent seatings.
pub use self::shape::Eta;
mod shape {
    use serde::{Deserialize, Serialize};
    use utoipa::ToSchema;

    /// A range of waits. Unrounded: pages round to 5 minutes.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
    pub struct Eta {
        /// Seconds, the early end.
        pub low_s: u32,
        /// Seconds, the late end.
        pub high_s: u32,
        /// Share of parties, in percent, that the range is meant to cover.
        pub target: u8,
        /// True until the range has been calibrated against what happened.
        pub rough: bool,
    }
}
