//! The restaurant behind a slug, kept in Redis so that a join needs nothing else.

use super::{Queue, QueueError};
use crate::domain::RestaurantId;

impl Queue {
    /// The restaurant that last opened under this slug.
    ///
    /// # Errors
    /// When Redis could not be asked.
    pub async fn restaurant_of_slug(&self, slug: &str) -> Result<Option<RestaurantId>, QueueError> {
        let id: Option<u64> = self.query(redis::cmd("GET").arg(self.keys().slug(slug))).await?;
        Ok(id.map(RestaurantId))
    }

    /// Keeps the restaurant of a slug.
    ///
    /// # Errors
    /// When Redis could not be asked.
    pub async fn remember_slug(&self, slug: &str, restaurant: RestaurantId) -> Result<(), QueueError> {
        self.query(redis::cmd("SET").arg(self.keys().slug(slug)).arg(restaurant.0)).await
    }
}
