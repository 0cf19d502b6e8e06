//! Accounts and what they may do where.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use super::{
    Db, DbError,
    error::violates,
    sessions::{self, NewSession},
    to_i64, to_u64,
};
use crate::domain::{RestaurantId, Role};

/// Most restaurants one account may work for. They all travel in its token, and a cookie holds 4 KiB.
pub const ROLES_MAX: u32 = 48;

/// An account's id. Never changes, never a person's name or address: it may be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub u64);

impl std::fmt::Display for AccountId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What somebody may be at a restaurant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum RestaurantRole {
    /// Works the line.
    Staff,
    /// Owns the restaurant; may do all that staff may.
    Owner,
    /// One that a newer server knows: allows nothing here, and is still there when a token is issued anew.
    Other(Box<str>),
}

impl RestaurantRole {
    /// As SQL and tokens spell it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Staff => Role::Staff.as_str(),
            Self::Owner => Role::Owner.as_str(),
            Self::Other(word) => word,
        }
    }

    /// In which capacity it lets somebody act; `None`: in none.
    #[must_use]
    pub fn capacity(&self) -> Option<Role> {
        match self {
            Self::Staff => Some(Role::Staff),
            Self::Owner => Some(Role::Owner),
            Self::Other(_) => None,
        }
    }
}

impl From<String> for RestaurantRole {
    fn from(text: String) -> Self {
        [Self::Staff, Self::Owner].into_iter().find(|role| role.as_str() == text).unwrap_or(Self::Other(text.into()))
    }
}

impl From<RestaurantRole> for String {
    fn from(role: RestaurantRole) -> Self {
        role.as_str().to_owned()
    }
}

/// What an account is created from. There is no role here: nobody gives one to themselves.
#[derive(Clone, Copy, Debug)]
pub struct NewAccount<'a> {
    /// Lower-case.
    pub email: &'a str,
    /// Shown to colleagues.
    pub name: &'a str,
    /// PHC string.
    pub password_hash: &'a str,
}

/// Why an account was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// An account has this e-mail address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// PostgreSQL failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// What signing in needs to know.
#[derive(Clone)]
pub struct Credentials {
    /// Whose.
    pub id: AccountId,
    /// PHC string.
    pub password_hash: String,
}

/// Who somebody is and what they may do: what a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants {
    /// Shown to colleagues.
    pub name: String,
    /// Runs the platform.
    pub is_admin: bool,
    /// By restaurant, in the order of their ids.
    pub roles: Vec<(RestaurantId, RestaurantRole)>,
}

/// Creates an account and its first session, both or neither.
///
/// # Errors
/// [`CreateError::EmailTaken`], or when PostgreSQL fails.
pub async fn create(db: &Db, account: NewAccount<'_>, session: NewSession<'_>) -> Result<AccountId, CreateError> {
    let inserting = async {
        let mut transaction = db.pool.begin().await?;
        let id = sqlx::query_scalar!(
            "INSERT INTO accounts (email, name, password_hash) VALUES ($1, $2, $3) RETURNING id",
            account.email,
            account.name,
            account.password_hash
        )
        .fetch_one(&mut *transaction)
        .await?;
        let account = AccountId(to_u64(id));
        sessions::insert(&mut transaction, account, session).await?;
        transaction.commit().await?;
        Ok(account)
    };
    db.bounded::<_, DbError>(async { Ok(inserting.await) }).await?.map_err(|error: sqlx::Error| {
        match violates(&error, "accounts_email_key") {
            true => CreateError::EmailTaken,
            false => CreateError::Db(error.into()),
        }
    })
}

/// Creates an account without a session, or gives the one of this e-mail address this name, password and admin flag.
/// For operators and the demo; nothing that a client sends leads here.
///
/// # Errors
/// When PostgreSQL fails.
pub async fn put(db: &Db, account: NewAccount<'_>, is_admin: bool) -> Result<AccountId, DbError> {
    let query = sqlx::query_scalar!(
        "INSERT INTO accounts (email, name, password_hash, is_admin) VALUES ($1, $2, $3, $4)
         ON CONFLICT (email) DO UPDATE
         SET name = excluded.name, password_hash = excluded.password_hash, is_admin = excluded.is_admin
         RETURNING id",
        account.email,
        account.name,
        account.password_hash,
        is_admin
    );
    Ok(AccountId(to_u64(db.bounded(query.fetch_one(&db.pool)).await?)))
}

/// Whether one of these e-mail addresses, which are lower-case, has an account.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn any_exists(db: &Db, emails: &[&str]) -> Result<bool, DbError> {
    let emails: Vec<String> = emails.iter().map(|email| (*email).to_owned()).collect();
    let query =
        sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM accounts WHERE email = ANY ($1)) AS "any!""#, &emails);
    db.bounded(query.fetch_one(&db.pool)).await
}

/// The account of this e-mail address, which is lower-case.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn by_email(db: &Db, email: &str) -> Result<Option<Credentials>, DbError> {
    let query = sqlx::query!("SELECT id, password_hash FROM accounts WHERE email = $1", email);
    let row = db.bounded(query.fetch_optional(&db.pool)).await?;
    Ok(row.map(|row| Credentials { id: AccountId(to_u64(row.id)), password_hash: row.password_hash }))
}

/// Who this account is and what it may do, as of one moment.
///
/// # Errors
/// When PostgreSQL does not answer.
pub async fn grants(db: &Db, account: AccountId) -> Result<Option<Grants>, DbError> {
    db.bounded(async {
        let mut connection = db.pool.acquire().await?;
        grants_on(&mut connection, account).await
    })
    .await
}

/// [`grants`] inside the caller's transaction.
pub(super) async fn grants_on(connection: &mut PgConnection, account: AccountId) -> Result<Option<Grants>, DbError> {
    let query = sqlx::query!(
        r#"
        SELECT name, is_admin,
            array(SELECT restaurant_id FROM restaurant_roles WHERE account_id = accounts.id
                  ORDER BY restaurant_id) AS "restaurants!",
            array(SELECT role FROM restaurant_roles WHERE account_id = accounts.id
                  ORDER BY restaurant_id) AS "roles!"
        FROM accounts WHERE id = $1
        "#,
        to_i64(account.0)
    );
    let Some(row) = query.fetch_optional(connection).await? else { return Ok(None) };
    let roles = row.restaurants.into_iter().zip(row.roles);
    let roles = roles.map(|(restaurant, role)| (RestaurantId(to_u64(restaurant)), role.into()));
    Ok(Some(Grants { name: row.name, is_admin: row.is_admin, roles: roles.collect() }))
}

/// Gives an account a role at a restaurant, in place of the one it had there. `false`: it already works for
/// [`ROLES_MAX`] others. A token that is out keeps what it says until it is renewed or its session is revoked.
///
/// # Errors
/// When PostgreSQL does not answer, or knows no such account or restaurant.
pub async fn grant(
    db: &Db,
    account: AccountId,
    restaurant: RestaurantId,
    role: RestaurantRole,
) -> Result<bool, DbError> {
    let granting = async {
        let mut transaction = db.pool.begin().await?;
        // The account's row is locked, so that two grants at once cannot both be the last one allowed.
        sqlx::query!("SELECT id FROM accounts WHERE id = $1 FOR NO KEY UPDATE", to_i64(account.0))
            .fetch_optional(&mut *transaction)
            .await?;
        let given = sqlx::query!(
            "INSERT INTO restaurant_roles (account_id, restaurant_id, role)
             SELECT $1, $2, $3
             WHERE (SELECT count(*) FROM restaurant_roles WHERE account_id = $1 AND restaurant_id <> $2) < $4
             ON CONFLICT (account_id, restaurant_id) DO UPDATE SET role = excluded.role",
            to_i64(account.0),
            to_i64(restaurant.0),
            role.as_str(),
            i64::from(ROLES_MAX)
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok::<_, sqlx::Error>(given.rows_affected() > 0)
    };
    db.bounded(granting).await
}
