//! The record, for staff: which ticket a path means, and what is told of it.

use super::keys::{Keys, REF_LEN};
use crate::{
    db::{
        Db, DbError,
        history::{self, Cursor, Day, Page},
    },
    domain::{RestaurantId, TicketId},
    protocol::record::{DayListed, DaySummary, RecordedTicket, TicketHistory},
};

/// Reads the record. Cheap to clone.
#[derive(Clone, Debug)]
pub struct History {
    db: Db,
    keys: Keys,
}

impl History {
    /// Of this database; `keys` tell a ticket's ref.
    #[must_use]
    pub fn new(db: Db, keys: Keys) -> Self {
        Self { db, keys }
    }

    /// A ticket of this restaurant by its id or its ref. `None`: there is none, or its ref has been replaced.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn ticket(&self, restaurant: RestaurantId, named: &str) -> Result<Option<TicketHistory>, DbError> {
        let Some(name) = self.ref_of(restaurant, named) else { return Ok(None) };
        history::ticket(&self.db, restaurant, &name).await
    }

    fn ref_of(&self, restaurant: RestaurantId, named: &str) -> Option<String> {
        if let Ok(id) = named.parse::<TicketId>() {
            return (id.restaurant() == restaurant).then(|| self.keys.ticket_ref(&id));
        }
        let is_ref = named.len() == REF_LEN && named.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_ref.then(|| named.to_owned())
    }

    /// Business days before `before`, newest first.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn days(
        &self,
        restaurant: RestaurantId,
        before: Option<&Day>,
        limit: u32,
    ) -> Result<Page<DayListed, String>, DbError> {
        history::days(&self.db, restaurant, before, limit).await
    }

    /// A business day; `None` for one that was not.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn day(&self, restaurant: RestaurantId, day: &Day) -> Result<Option<DaySummary>, DbError> {
        history::day(&self.db, restaurant, day).await
    }

    /// Whether there was this business day.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn was(&self, restaurant: RestaurantId, day: &Day) -> Result<bool, DbError> {
        history::was(&self.db, restaurant, day).await
    }

    /// Tickets of a business day after `after`, by when they joined.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn tickets(
        &self,
        restaurant: RestaurantId,
        day: &Day,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<RecordedTicket, Cursor>, DbError> {
        history::tickets(&self.db, restaurant, day, after, limit).await
    }

    /// The IANA name of the time by which the restaurant lives; `None` when it is gone.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn time_zone(&self, restaurant: RestaurantId) -> Result<Option<String>, DbError> {
        history::time_zone(&self.db, restaurant).await
    }
}
