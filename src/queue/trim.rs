//! The event log is kept until it is recorded.

use super::{
    Queue, QueueError,
    call::{Arguments, CallContext, Reply},
    keys::Partition,
};
use crate::domain::{Actor, Millis, RestaurantId, Role};

impl Queue {
    /// Takes the entries up to and including `upto`, an id of the partition's stream, out of its event log, and
    /// confirms in Redis that all was recorded just now. Worth calling also when there was nothing to record: a copy
    /// that lacks this is known to be an older one.
    ///
    /// # Errors
    /// When Redis could not be asked.
    pub async fn trim(&self, partition: Partition, upto: &str, now: Option<Millis>) -> Result<(), QueueError> {
        let keys = self.keys().of_partition(partition);
        let context = CallContext { now, ..CallContext::by(Actor::of(Role::Timer)) };
        let arguments = Arguments::default().text("upto", upto);
        let reply = self.invoke("trim", partition, RestaurantId(0), &keys, &context, arguments).await?;
        let mut reply = Reply::new(reply);
        reply.text()?;
        self.note_epoch(partition, reply.int()?);
        Ok(())
    }
}
