//! Signing up, in, on and out.
//!
//! Nobody gives themselves a role: signing up takes none, and what a token says is read from the database when it is
//! issued. An unknown e-mail address and a wrong password cost the same and are answered the same.
//!
//! How often somebody may try is limited by the caller, who knows the address.

use super::{
    keys::Keys,
    passwords::{self, PasswordError, Passwords},
    tokens::{ACCESS_LIFETIME, SESSION_LIFETIME, TokenKind, Tokens},
};
use crate::{
    config::Secret,
    db::{
        Db, DbError,
        accounts::{self, AccountId, CreateError, Grants, NewAccount},
        sessions::{self, NewSession, Rotation, SessionId},
    },
    domain::{Millis, rejection::FieldError},
};

/// Longest name, in characters.
pub const NAME_LEN_MAX: usize = 100;
/// Longest e-mail address, in characters (RFC 5321).
pub const EMAIL_LEN_MAX: usize = 254;

/// The use cases. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Accounts {
    db: Db,
    keys: Keys,
    tokens: Tokens,
    passwords: Passwords,
}

/// What somebody who is signed in gets.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The session, for revocations.
    pub session: SessionId,
    /// Whose.
    pub account: AccountId,
    /// For `Authorization: Bearer`.
    pub access_token: Secret,
    /// For the cookie `wl_session`.
    pub cookie_token: Secret,
    /// Good once, for new ones.
    pub refresh_token: Secret,
    /// Seconds until the access token ends.
    pub expires_in_s: u64,
}

/// What is needed to sign up. A role is not among it.
#[derive(Clone, Debug)]
pub struct SignUp {
    /// Its spelling in capitals does not count.
    pub email: String,
    /// 8 to 128 characters.
    pub password: Secret,
    /// 1 to 100 characters, shown to colleagues.
    pub name: String,
}

/// Why somebody was not signed up.
#[derive(Debug, thiserror::Error)]
pub enum SignUpError {
    /// Fields that are wrong, and how: `required`, `format`, `too_short`, `too_long`.
    #[error("the sign-up is not valid")]
    Invalid(Vec<FieldError>),
    /// There is an account of this e-mail address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// No turn to hash the password.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// PostgreSQL failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Why somebody was not signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Unknown e-mail address or wrong password; which of them is not told.
    #[error("the e-mail address or the password is wrong")]
    WrongCredentials,
    /// No turn to check the password.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// PostgreSQL failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Why a refresh token was not exchanged.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// Not a refresh token of ours, or its session has ended.
    #[error("the refresh token is not valid")]
    Refused,
    /// Used before: somebody has a copy. The session is revoked, and has to be among the revocations in Redis.
    #[error("the refresh token was used before")]
    Reused(SessionId),
    /// PostgreSQL failed. If it was the answer that was lost, the token may be used up.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Accounts {
    /// The use cases on this database, under these keys.
    #[must_use]
    pub fn new(db: Db, keys: &Keys, passwords: Passwords) -> Self {
        Self { db, keys: keys.clone(), tokens: Tokens::new(keys), passwords }
    }

    /// Creates an account without any role, and signs it in.
    ///
    /// # Errors
    /// See [`SignUpError`].
    pub async fn sign_up(&self, sign_up: &SignUp, now: Millis) -> Result<SignedIn, SignUpError> {
        let (email, name) = (normal_email(&sign_up.email), sign_up.name.trim());
        let errors = invalid_fields(&email, sign_up.password.expose(), name);
        if !errors.is_empty() {
            return Err(SignUpError::Invalid(errors));
        }
        let password_hash = self.passwords.hash(&sign_up.password).await?;
        let account = NewAccount { email: &email, name, password_hash: &password_hash };
        let id = random_session_id();
        let (refresh_token, refresh_hash) = self.keys.issue_refresh(id);
        let session = NewSession { id, refresh_hash: &refresh_hash, lifetime: SESSION_LIFETIME };
        let account = accounts::create(&self.db, account, session).await.map_err(|error| match error {
            CreateError::EmailTaken => SignUpError::EmailTaken,
            CreateError::Db(error) => SignUpError::Db(error),
        })?;
        let grants = Grants { name: name.to_owned(), is_admin: false, roles: Vec::new() };
        Ok(self.signed_in(id, account, &grants, refresh_token, now))
    }

    /// Starts a session.
    ///
    /// # Errors
    /// See [`SignInError`].
    pub async fn sign_in(&self, email: &str, password: &Secret, now: Millis) -> Result<SignedIn, SignInError> {
        // No account has such a password: refused before it costs anything, whoever it is for.
        if password.expose().chars().count() > passwords::LEN_MAX {
            return Err(SignInError::WrongCredentials);
        }
        let credentials = accounts::by_email(&self.db, &normal_email(email)).await?;
        let (account, hash) = credentials.map(|known| (known.id, known.password_hash)).unzip();
        let fits = self.passwords.verify(password, hash).await?;
        let Some(account) = account.filter(|_| fits) else { return Err(SignInError::WrongCredentials) };
        let Some(grants) = accounts::grants(&self.db, account).await? else {
            return Err(SignInError::WrongCredentials);
        };
        let id = random_session_id();
        let (refresh_token, refresh_hash) = self.keys.issue_refresh(id);
        let session = NewSession { id, refresh_hash: &refresh_hash, lifetime: SESSION_LIFETIME };
        sessions::create(&self.db, account, session).await?;
        Ok(self.signed_in(id, account, &grants, refresh_token, now))
    }

    /// Exchanges a refresh token for new tokens, with the roles of now.
    ///
    /// # Errors
    /// See [`RefreshError`].
    pub async fn refresh(&self, refresh_token: &str, now: Millis) -> Result<SignedIn, RefreshError> {
        let presented = self.keys.read_refresh(refresh_token).ok_or(RefreshError::Refused)?;
        let (next, next_hash) = self.keys.issue_refresh(presented.session);
        match sessions::rotate(&self.db, presented.session, &presented.hash, &next_hash, SESSION_LIFETIME).await? {
            Rotation::Rotated { account, grants } => Ok(self.signed_in(presented.session, account, &grants, next, now)),
            Rotation::Reused => Err(RefreshError::Reused(presented.session)),
            Rotation::Ended => Err(RefreshError::Refused),
        }
    }

    /// Ends a session in the record, for good, and answers its id once more: its tokens are good until the caller has
    /// put it among the revocations in Redis. Signing out twice is fine.
    ///
    /// # Errors
    /// When PostgreSQL does not answer.
    pub async fn sign_out(&self, session: SessionId) -> Result<SessionId, DbError> {
        sessions::revoke(&self.db, session).await?;
        Ok(session)
    }

    fn signed_in(
        &self,
        session: SessionId,
        account: AccountId,
        grants: &Grants,
        refresh_token: Secret,
        now: Millis,
    ) -> SignedIn {
        SignedIn {
            session,
            account,
            access_token: self.tokens.issue(TokenKind::Access, session, account, grants, now),
            cookie_token: self.tokens.issue(TokenKind::Cookie, session, account, grants, now),
            refresh_token,
            expires_in_s: ACCESS_LIFETIME.as_secs(),
        }
    }
}

fn random_session_id() -> SessionId {
    SessionId(rand::random_range(1..=i64::MAX.cast_unsigned()))
}

/// The one spelling of an e-mail address.
fn normal_email(email: &str) -> String {
    email.trim().to_ascii_lowercase()
}

fn invalid_fields(email: &str, password: &str, name: &str) -> Vec<FieldError> {
    let password_len = password.chars().count();
    let checks = [
        ("email", "required", !email.is_empty()),
        ("email", "too_long", email.len() <= EMAIL_LEN_MAX),
        ("email", "format", email.is_empty() || is_email(email)),
        ("password", "too_short", password_len >= passwords::LEN_MIN),
        ("password", "too_long", password_len <= passwords::LEN_MAX),
        ("name", "required", !name.is_empty()),
        ("name", "too_long", name.chars().count() <= NAME_LEN_MAX),
        ("name", "format", !name.chars().any(char::is_control)),
    ];
    checks.into_iter().filter(|(_, _, fine)| !fine).map(|(field, code, _)| FieldError::new(field, code)).collect()
}

/// Whether mail could be sent there: printable ASCII (an international domain in its `xn--` form), one `@`, and a
/// domain of several labels. Only a letter that arrives proves more.
fn is_email(email: &str) -> bool {
    let Some((local, domain)) = email.split_once('@') else { return false };
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (1..=64).contains(&local.len())
        && local.bytes().all(|byte| byte.is_ascii_graphic())
        && domain.contains('.')
        && domain.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn email_addresses_are_told_from_other_text() {
        for email in ["a@b.kr", "first.last+tag@mail.example.com", "x@xn--9m1b.kr"] {
            assert!(is_email(email), "{email}");
        }
        for text in ["", "a", "@b.kr", "a@", "a@b", "a@b..kr", "a@-b.kr", "a b@c.kr", "a@b@c.kr", "가@b.kr", "a@b.kr\n"]
        {
            assert!(!is_email(text), "{text:?}");
        }
        assert_eq!(normal_email(" Guest@Example.COM "), "guest@example.com");
    }

    #[test]
    fn every_wrong_field_is_named() {
        let codes = |email: &str, password: &str, name: &str| {
            let errors = invalid_fields(email, password, name).into_iter();
            errors.map(|error| format!("{} {}", error.field, error.code)).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(codes("a@b.kr", "12345678", "이"), "");
        assert_eq!(codes("a@b.kr", "비밀번호입니다", "이"), "password too_short");
        assert_eq!(codes("a@b.kr", &"비".repeat(128), &"이".repeat(100)), "");
        assert_eq!(codes("a@b.kr", &"비".repeat(129), &"이".repeat(101)), "password too_long, name too_long");
        assert_eq!(codes("", "", ""), "email required, password too_short, name required");
        assert_eq!(codes("ab.kr", "12345678", "a\u{0}b"), "email format, name format");
    }
}
