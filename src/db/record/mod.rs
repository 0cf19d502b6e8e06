//! The durable record: what the recorder writes, exactly once, and what a rebuild reads (docs/RECORD.md).
//!
//! Invariant: a row of the record is written in the transaction that moves the position of its partition, by the holder
//! of the partition's newest lease; or, of an entry that was set aside, in one that ends that lease. What numbers were
//! passed over is noted by whoever compares.

pub mod dead_letters;
pub mod gaps;
pub mod late;
pub mod leases;
pub mod numbers;
pub mod read;
pub mod reconcile;
pub mod rows;
pub mod write;

use std::time::Duration;

use super::{Db, DbError};

/// A transaction whose holder has said nothing for so long is ended by PostgreSQL: a recorder that is paused between
/// two statements must not keep the next one out.
const IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// A recorder waits so long for a lock: it has other partitions to look after.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// Connections of a recorder: some write, one looks after leases.
const CONNECTIONS_MAX: usize = 4;

impl Db {
    /// The same database with connections of the recorder's own: its batches and the requests' reads do not wait for
    /// each other.
    #[must_use]
    pub fn for_recording(&self) -> Self {
        let timeouts = [
            ("idle_in_transaction_session_timeout", IDLE_TIMEOUT.as_millis().to_string()),
            ("lock_timeout", LOCK_TIMEOUT.as_millis().to_string()),
        ];
        Self::with(self.options.clone().options(timeouts), CONNECTIONS_MAX, self.gate.clone())
    }
}

/// A number that PostgreSQL keeps as SMALLINT.
fn partition_of(number: i16) -> Result<u16, DbError> {
    u16::try_from(number).map_err(|error| DbError::unreadable("partition", error))
}
