//! The demo: a restaurant, its menu and three people. [`PASSWORD`] is public, so a server refuses to start where these
//! accounts exist, unless `waitless dev` started it.

use super::passwords::{PasswordError, Passwords};
use crate::{
    config::Secret,
    db::{
        Db, DbError,
        accounts::{self, NewAccount, RestaurantRole},
        restaurants::{self, CreateError, NewRestaurant},
    },
    domain::{LineId, MenuItem, RestaurantId},
};

/// Its slug.
pub const SLUG: &str = "demo";
/// The password of its accounts on a machine that nobody else reaches.
pub const PASSWORD: &str = "waitless-demo";
/// E-mail addresses of its accounts: staff, owner, admin.
pub const EMAILS: [&str; 3] = ["staff@demo.test", "owner@demo.test", "admin@demo.test"];

/// Units of each counted item.
const STOCK: i64 = 50;

/// Why the demo could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The password could not be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// PostgreSQL failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Somebody made the restaurant and removed it, while the demo was loading.
    #[error("the demo restaurant was removed while it was loaded")]
    Removed,
}

/// Makes sure that the demo exists, and answers its restaurant. What was changed in the restaurant since stays; the
/// accounts get this password and their roles back.
///
/// # Errors
/// When PostgreSQL fails.
pub async fn load(db: &Db, passwords: &Passwords, password: &Secret) -> Result<RestaurantId, DemoError> {
    let restaurant = restaurant(db).await?;
    let password_hash = passwords.hash(password).await?;
    let people = [
        (EMAILS[0], "이서준", Some(RestaurantRole::Staff), false),
        (EMAILS[1], "박지우", Some(RestaurantRole::Owner), false),
        (EMAILS[2], "WaitLess", None, true),
    ];
    for (email, name, role, is_admin) in people {
        let account = NewAccount { email, name, password_hash: &password_hash };
        let account = accounts::put(db, account, is_admin).await?;
        if let Some(role) = role {
            accounts::grant(db, account, restaurant, role).await?;
        }
    }
    Ok(restaurant)
}

/// Whether one of the demo's accounts exists: then whoever has read the documentation can sign in.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn demo_accounts_present(db: &Db) -> Result<bool, DbError> {
    accounts::any_exists(db, &EMAILS).await
}

async fn restaurant(db: &Db) -> Result<RestaurantId, DemoError> {
    if let Some(id) = restaurants::by_slug(db, SLUG).await? {
        return Ok(id);
    }
    match restaurants::create(db, &new_restaurant()).await {
        Ok(id) => Ok(id),
        // Somebody else loads the demo at the same time.
        Err(CreateError::SlugTaken) => restaurants::by_slug(db, SLUG).await?.ok_or(DemoError::Removed),
        Err(CreateError::Db(error)) => Err(error.into()),
    }
}

fn new_restaurant() -> NewRestaurant {
    let line = |letter: &str, name: &str| (line_id(letter), name.to_owned());
    let item =
        |id: &str, name: &str, price, stock| (MenuItem { id: id.to_owned(), name: name.to_owned(), price }, stock);
    NewRestaurant {
        slug: SLUG.to_owned(),
        name: "북촌 소반".to_owned(),
        time_zone: "Asia/Seoul".to_owned(),
        currency: "KRW".to_owned(),
        lines: vec![line("A", "홀"), line("B", "테라스")],
        menu: vec![
            item("galbijjim", "소갈비찜 정식", 24_000, Some(STOCK)),
            item("abalone-rice", "전복 돌솥밥", 18_000, Some(STOCK)),
            item("yukhoe-bibimbap", "육회비빔밥", 16_000, Some(STOCK)),
            item("kimchi-pancake", "김치전", 12_000, None),
            item("sikhye", "식혜", 4_000, None),
        ],
    }
}

fn line_id(letter: &str) -> LineId {
    letter.parse().expect("Invariant: the demo's lines are letters")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_has_what_the_contract_promises() {
        let demo = new_restaurant();
        let counted = demo.menu.iter().filter(|(_, stock)| *stock == Some(50)).count();
        let uncounted = demo.menu.iter().filter(|(_, stock)| stock.is_none()).count();
        assert!(counted >= 3 && uncounted == 2, "{counted} counted, {uncounted} not");
        let lines: String = demo.lines.iter().map(|(line, _)| line.letter()).collect();
        assert_eq!((demo.slug.as_str(), demo.time_zone.as_str(), lines.as_str()), ("demo", "Asia/Seoul", "AB"));
    }
}
