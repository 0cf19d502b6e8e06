//! A restaurant's live state as it lies in Redis, packed: what the record is made whole from where its log has a gap.

use std::collections::HashMap;

use super::{Queue, QueueError, log::Packed};
use crate::domain::RestaurantId;

/// Tickets read at once.
const PAGE_LEN: usize = 500;

/// Everything of a restaurant but what only scripts look at. Read in several steps: what changes meanwhile comes again
/// with its own event.
#[derive(Clone, Debug, Default)]
pub struct Raw {
    /// The restaurant's record.
    pub restaurant: Option<Packed>,
    /// Its rules.
    pub policy: Option<Packed>,
    /// Its menu.
    pub menu: Option<Packed>,
    /// Its lines.
    pub lines: Vec<Packed>,
    /// Units left of the counted items.
    pub stock: HashMap<String, i64>,
    /// Recent seatings by class.
    pub pace: HashMap<String, Packed>,
    /// All tickets, also those that ended.
    pub tickets: Vec<Packed>,
}

impl Queue {
    /// Reads all of a restaurant; `None`: it is not loaded.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn raw(&self, restaurant: RestaurantId) -> Result<Option<Raw>, QueueError> {
        let key = |name| self.keys().one(restaurant, name);
        let meta: HashMap<String, Vec<u8>> = self.query(redis::cmd("HGETALL").arg(key("meta"))).await?;
        if !meta.contains_key("restaurant") {
            return Ok(None);
        }
        let part = |name: &str| meta.get(name).cloned().map(Packed);
        let mut raw = Raw {
            restaurant: part("restaurant"),
            policy: part("policy"),
            menu: part("menu"),
            lines: meta
                .iter()
                .filter(|(field, _)| field.starts_with("line:"))
                .map(|(_, packed)| Packed(packed.clone()))
                .collect(),
            stock: self.query(redis::cmd("HGETALL").arg(key("stock"))).await?,
            ..Raw::default()
        };
        let pace: HashMap<String, Vec<u8>> = self.query(redis::cmd("HGETALL").arg(key("pace"))).await?;
        raw.pace = pace.into_iter().map(|(class, packed)| (class, Packed(packed))).collect();
        let mut cursor = "0".to_owned();
        loop {
            let mut scan = redis::cmd("HSCAN");
            scan.arg(key("tickets")).arg(&cursor).arg("COUNT").arg(PAGE_LEN);
            let (next, page): (String, Vec<(String, Vec<u8>)>) = self.query(&scan).await?;
            raw.tickets.extend(page.into_iter().map(|(_, packed)| Packed(packed)));
            if next == "0" {
                return Ok(Some(raw));
            }
            cursor = next;
        }
    }
}
