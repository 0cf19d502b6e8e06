//! Whether a restaurant was compared with the record since Redis is the process it is: until then it may lack what
//! people were told.

use super::{
    Queue, QueueError,
    call::{Arguments, CallContext, Reply},
    keys::Partition,
};
use crate::domain::{Actor, Base, LineId, Millis, RestaurantId, Role, Stamp};

/// How a restaurant's live state stands to the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// There is no live state in this life of Redis.
    NotLoaded(i64),
    /// It was compared since Redis is this process.
    Compared,
    /// It was not.
    Uncompared(Uncompared),
}

/// A restaurant of a new life of Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncompared {
    /// Where it stands now.
    pub stamp: Stamp,
    /// Its business day.
    pub day: String,
    /// When the recorder confirmed last that all was recorded, as far as this copy knows; 0: never.
    pub confirmed_at: Millis,
    /// The highest rev of former lives that numbers were skipped for.
    pub covered: i64,
    /// Its lines, and the last number that each gave out.
    pub lines: Vec<(LineId, u32)>,
    /// Where it stood each time that Redis became another process since it was compared last, oldest first; at least
    /// one.
    pub bases: Vec<Base>,
}

impl Uncompared {
    /// The life of Redis that this is true of.
    #[must_use]
    pub fn life(&self) -> i64 {
        self.bases.last().map_or(0, |base| base.life)
    }
}

impl Queue {
    /// How this restaurant stands to the record. `epoch_recorded`: the highest epoch of which the record has something;
    /// 0: that is not known yet. One that it has, and that this life takes for its own, is not used again.
    ///
    /// # Errors
    /// When Redis could not be asked.
    pub async fn comparison(&self, id: RestaurantId, epoch_recorded: i64) -> Result<Comparison, QueueError> {
        let partition = Partition::of(id);
        let keys = self.keys().of_restaurant(id);
        let context = CallContext::by(Actor::of(Role::Timer));
        let arguments = Arguments::default().text("epoch_recorded", epoch_recorded.to_string());
        let reply = self.invoke("compare", partition, id, &keys, &context, arguments).await?;
        let mut reply = Reply::new(reply);
        if reply.text()? == "refused" {
            return match reply.text()?.as_str() {
                "not_loaded" => Ok(Comparison::NotLoaded(reply.int()?)),
                other => Err(QueueError::Protocol(format!("compare is refused with {other}"))),
            };
        }
        let stamp = Stamp { epoch: reply.int()?, rev: reply.int()? };
        self.note_epoch(partition, stamp.epoch);
        let day = reply.text()?;
        let (confirmed_at, covered) = (reply.int()?, reply.int()?);
        let mut lines = Vec::new();
        for _ in 0..reply.int()? {
            let line = reply.text()?;
            let line = line.parse().map_err(|_| QueueError::Protocol(format!("{line} is no line")))?;
            lines.push((line, u32::try_from(reply.int()?).unwrap_or(u32::MAX)));
        }
        let mut bases = Vec::new();
        while !reply.is_empty() {
            let life = reply.int()?;
            bases.push(Base { life, stamp: Stamp { epoch: reply.int()?, rev: reply.int()? } });
        }
        if bases.is_empty() {
            return Ok(Comparison::Compared);
        }
        Ok(Comparison::Uncompared(Uncompared { stamp, day, confirmed_at, covered, lines, bases }))
    }
}
