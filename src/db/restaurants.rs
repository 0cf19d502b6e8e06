//! Restaurants with their lines and menus. Their rules have a file of their own, [`policies`].

use std::{fmt, str::FromStr};

use serde::Deserialize;
use sqlx::types::Json;

use super::{Db, DbError, error::violates, policies, to_i64, to_limit, to_u64};
use crate::domain::{Kept, LineId, MenuItem, Policy, RestaurantId, ids::InvalidId};

/// All that `load` needs to open a restaurant's live state.
#[derive(Clone, Debug, PartialEq)]
pub struct Opening {
    /// Never changes.
    pub id: RestaurantId,
    /// The name in paths.
    pub slug: String,
    /// Shown.
    pub name: String,
    /// IANA name.
    pub time_zone: String,
    /// ISO 4217.
    pub currency: String,
    /// The rules.
    pub policy: Kept<Policy>,
    /// Lines and their names, in the owner's order.
    pub lines: Vec<(LineId, String)>,
    /// Menu items and the units at the start of a day (`None`: not counted), in the owner's order.
    pub menu: Vec<(MenuItem, Option<i64>)>,
}

/// A restaurant in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Never changes.
    pub id: RestaurantId,
    /// The name in paths.
    pub slug: String,
    /// Shown.
    pub name: String,
    /// IANA name.
    pub time_zone: String,
    /// ISO 4217.
    pub currency: String,
}

/// Some restaurants, and where to go on.
#[derive(Clone, Debug)]
pub struct Page {
    /// Oldest first.
    pub items: Vec<Listed>,
    /// `None` at the end.
    pub next: Option<Cursor>,
}

/// A place in the list of restaurants. Opaque to clients: they hand back what they were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    created_us: i64,
    id: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}{:016x}", self.created_us, self.id)
    }
}

impl FromStr for Cursor {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidId);
        }
        let number = |part: &str| i64::from_str_radix(part, 16).map_err(|_| InvalidId);
        let (created_us, id) = text.split_at(16);
        Ok(Self { created_us: number(created_us)?, id: number(id)? })
    }
}

/// What a restaurant is created from.
#[derive(Clone, Debug)]
pub struct NewRestaurant {
    /// Lower-case letters, digits and inner hyphens.
    pub slug: String,
    /// Shown.
    pub name: String,
    /// IANA name; the caller has checked that it exists.
    pub time_zone: String,
    /// ISO 4217.
    pub currency: String,
    /// Lines and their names.
    pub lines: Vec<(LineId, String)>,
    /// Menu items and the units at the start of a day.
    pub menu: Vec<(MenuItem, Option<i64>)>,
}

/// Why a restaurant was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Another restaurant has this slug.
    #[error("the slug is taken")]
    SlugTaken,
    /// PostgreSQL failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// The restaurant as it was at one moment: one statement, one round trip.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn opening(db: &Db, id: RestaurantId) -> Result<Option<Opening>, DbError> {
    let query = sqlx::query!(
        r#"
        SELECT slug, name, time_zone, currency, policy,
            (SELECT coalesce(jsonb_agg(jsonb_build_object('letter', letter, 'name', name)
                                       ORDER BY position, letter), '[]')
             FROM lines WHERE restaurant_id = restaurants.id) AS "lines!: Json<Vec<LineRow>>",
            (SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'name', name, 'price', price, 'stock', stock)
                                       ORDER BY position, id), '[]')
             FROM menu_items WHERE restaurant_id = restaurants.id) AS "menu!: Json<Vec<ItemRow>>"
        FROM restaurants WHERE id = $1
        "#,
        to_i64(id.0)
    );
    let Some(row) = db.bounded(query.fetch_optional(&db.pool)).await? else { return Ok(None) };
    Ok(Some(Opening {
        id,
        slug: row.slug,
        name: row.name,
        time_zone: row.time_zone,
        currency: row.currency,
        policy: policies::from_stored(row.policy)?,
        lines: row.lines.0.into_iter().map(|line| (line.letter, line.name)).collect(),
        menu: row.menu.0.into_iter().map(ItemRow::into_item).collect(),
    }))
}

/// The restaurant that has this slug now.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn by_slug(db: &Db, slug: &str) -> Result<Option<RestaurantId>, DbError> {
    let query = sqlx::query_scalar!("SELECT id FROM restaurants WHERE slug = $1", slug);
    Ok(db.bounded(query.fetch_optional(&db.pool)).await?.map(|id| RestaurantId(to_u64(id))))
}

/// Up to `limit` restaurants after `after`, oldest first. What is added meanwhile comes at the end: nothing is shown
/// twice or skipped.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn page(db: &Db, after: Option<Cursor>, limit: u32) -> Result<Page, DbError> {
    let after = after.unwrap_or(Cursor { created_us: 0, id: 0 });
    let query = sqlx::query!(
        r#"
        SELECT id, slug, name, time_zone, currency, (extract(epoch FROM created_at) * 1000000)::bigint AS "created_us!"
        FROM restaurants
        WHERE (created_at, id) > (timestamptz 'epoch' + $1::bigint * interval '1 microsecond', $2)
        ORDER BY created_at, id
        LIMIT $3
        "#,
        after.created_us,
        after.id,
        // One more than asked for tells whether there is a next page.
        to_limit(limit) + 1
    );
    let mut rows = db.bounded(query.fetch_all(&db.pool)).await?;
    let limit = limit as usize;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| Cursor { created_us: row.created_us, id: row.id });
    let items = rows
        .into_iter()
        .map(|row| Listed {
            id: RestaurantId(to_u64(row.id)),
            slug: row.slug,
            name: row.name,
            time_zone: row.time_zone,
            currency: row.currency,
        })
        .collect();
    Ok(Page { items, next })
}

/// Up to `limit` ids above `after`, ascending: for a walk over all of them.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn all_ids(db: &Db, after: Option<RestaurantId>, limit: u32) -> Result<Vec<RestaurantId>, DbError> {
    let after = after.map_or(0, |id| to_i64(id.0));
    let query =
        sqlx::query_scalar!("SELECT id FROM restaurants WHERE id > $1 ORDER BY id LIMIT $2", after, to_limit(limit));
    Ok(db.bounded(query.fetch_all(&db.pool)).await?.into_iter().map(|id| RestaurantId(to_u64(id))).collect())
}

/// Creates a restaurant with its lines and menu, wholly or not at all.
///
/// # Errors
/// [`CreateError::SlugTaken`], or when PostgreSQL fails.
pub async fn create(db: &Db, new: &NewRestaurant) -> Result<RestaurantId, CreateError> {
    db.bounded::<_, DbError>(async { Ok(insert(db, new).await) }).await?.map_err(|error| {
        match violates(&error, "restaurants_slug_key") {
            true => CreateError::SlugTaken,
            false => CreateError::Db(error.into()),
        }
    })
}

async fn insert(db: &Db, new: &NewRestaurant) -> Result<RestaurantId, sqlx::Error> {
    let mut transaction = db.pool.begin().await?;
    let id = sqlx::query_scalar!(
        "INSERT INTO restaurants (slug, name, time_zone, currency) VALUES ($1, $2, $3, $4) RETURNING id",
        new.slug,
        new.name,
        new.time_zone,
        new.currency
    )
    .fetch_one(&mut *transaction)
    .await?;
    let (letters, names): (Vec<_>, Vec<_>) =
        new.lines.iter().map(|(line, name)| (line.to_string(), name.clone())).unzip();
    sqlx::query!(
        "INSERT INTO lines (restaurant_id, letter, name, position)
         SELECT $1, letter, name, position
         FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS new (letter, name, position)",
        id,
        &letters,
        &names
    )
    .execute(&mut *transaction)
    .await?;
    for (position, (item, stock)) in (0..).zip(&new.menu) {
        sqlx::query!(
            "INSERT INTO menu_items (restaurant_id, id, name, price, stock, position) VALUES ($1, $2, $3, $4, $5, $6)",
            id,
            item.id,
            item.name,
            item.price,
            *stock,
            position
        )
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    Ok(RestaurantId(to_u64(id)))
}

#[derive(Debug, Deserialize)]
struct LineRow {
    letter: LineId,
    name: String,
}

#[derive(Debug, Deserialize)]
struct ItemRow {
    id: String,
    name: String,
    price: i64,
    stock: Option<i64>,
}

impl ItemRow {
    fn into_item(self) -> (MenuItem, Option<i64>) {
        (MenuItem { id: self.id, name: self.name, price: self.price }, self.stock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back() {
        for cursor in [Cursor { created_us: 0, id: 0 }, Cursor { created_us: 1_795_334_400_000_001, id: i64::MAX }] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        let signed = format!("+{}", "0".repeat(31));
        let too_large = "f".repeat(32);
        for text in ["", "12", signed.as_str(), too_large.as_str(), &"é".repeat(16)] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidId), "{text}");
        }
    }
}
