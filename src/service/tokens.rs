//! Signed tokens: who somebody is and what they may do, checked with the key alone, so that a line command never reads
//! the database. Revocations are looked up in Redis by [`Session::id`], by the caller.
//!
//! Two kinds, each good in its place only: an access token in a header, and a cookie that is issued anew while it is
//! used. Refresh tokens are something else altogether: [`super::refresh`].

use std::{fmt, time::Duration};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::keys::Keys;
use crate::{
    config::Secret,
    db::{
        accounts::{AccountId, Grants, RestaurantRole},
        sessions::SessionId,
    },
    domain::{Millis, RestaurantId, Role},
};

/// Life of an access token.
pub const ACCESS_LIFETIME: Duration = Duration::from_secs(3_600);
/// Life of a cookie that is not used: longer than a day of work.
pub const COOKIE_LIFETIME: Duration = Duration::from_secs(16 * 3_600);
/// Age from which a cookie is issued anew.
pub const COOKIE_RENEW_AFTER: Duration = Duration::from_secs(15 * 60);
/// Life of a session that is not refreshed; no cookie outlives it.
pub const SESSION_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3_600);

const ISSUER: &str = "waitless";

/// Where a token is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// As `Authorization: Bearer` or a WebSocket subprotocol.
    Access,
    /// As the cookie `wl_session`.
    Cookie,
}

impl TokenKind {
    fn audience(self) -> &'static str {
        match self {
            Self::Access => "waitless:access",
            Self::Cookie => "waitless:cookie",
        }
    }

    fn lifetime(self) -> Duration {
        match self {
            Self::Access => ACCESS_LIFETIME,
            Self::Cookie => COOKIE_LIFETIME,
        }
    }
}

/// Somebody signed in, as a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The session, for revocations.
    pub id: SessionId,
    /// Whose.
    pub account: AccountId,
    /// Shown to colleagues.
    pub name: String,
    /// Runs the platform.
    pub is_admin: bool,
    /// By restaurant.
    pub roles: Vec<(RestaurantId, RestaurantRole)>,
    /// When the token was issued.
    pub issued_at: Millis,
    /// When the token ends.
    pub expires_at: Millis,
    /// When the session ends unless it is refreshed.
    pub ends_at: Millis,
}

impl Session {
    /// In which capacity this person acts at a restaurant; `None`: no better than a guest.
    #[must_use]
    pub fn role_at(&self, restaurant: RestaurantId) -> Option<Role> {
        if self.is_admin {
            return Some(Role::Admin);
        }
        self.roles.iter().find(|(at, _)| *at == restaurant).and_then(|(_, role)| role.capacity())
    }

    /// Whether the cookie that says so is old enough to be issued anew, and can still grow younger.
    #[must_use]
    pub fn should_renew(&self, now: Millis) -> bool {
        now - self.issued_at >= millis(COOKIE_RENEW_AFTER) && self.expires_at < self.ends_at
    }
}

/// Why a token is refused. One answer for everything wrong with it: details help only who forges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It was good once.
    #[error("the token has expired")]
    Expired,
    /// Not ours, tampered with, or of another kind.
    #[error("the token is not valid")]
    Invalid,
}

/// Issues and checks tokens.
#[derive(Clone)]
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    access: Validation,
    cookie: Validation,
}

impl Tokens {
    /// Tokens under these keys.
    #[must_use]
    pub fn new(keys: &Keys) -> Self {
        Self {
            encoding: EncodingKey::from_secret(&keys.sessions),
            decoding: DecodingKey::from_secret(&keys.sessions),
            access: validation(TokenKind::Access),
            cookie: validation(TokenKind::Cookie),
        }
    }

    /// A token for somebody who has just shown who they are.
    #[must_use]
    pub fn issue(&self, kind: TokenKind, id: SessionId, account: AccountId, grants: &Grants, now: Millis) -> Secret {
        let session = Session {
            id,
            account,
            name: grants.name.clone(),
            is_admin: grants.is_admin,
            roles: grants.roles.clone(),
            issued_at: now,
            expires_at: now,
            ends_at: now + millis(SESSION_LIFETIME),
        };
        self.sign(kind, session, now)
    }

    /// The cookie again, with a new life: purely local, so what it allows stays what it was.
    #[must_use]
    pub fn renew(&self, session: &Session, now: Millis) -> Secret {
        self.sign(TokenKind::Cookie, session.clone(), now)
    }

    /// Who a token of this kind says somebody is. Needs the key and the time, nothing else.
    ///
    /// # Errors
    /// [`TokenError::Expired`] for a token that was good, [`TokenError::Invalid`] for everything else.
    pub fn verify(&self, kind: TokenKind, token: &str, now: Millis) -> Result<Session, TokenError> {
        let validation = match kind {
            TokenKind::Access => &self.access,
            TokenKind::Cookie => &self.cookie,
        };
        let claims =
            jsonwebtoken::decode::<Claims>(token, &self.decoding, validation).map_err(|_| TokenError::Invalid)?.claims;
        let session = claims.into_session()?;
        if session.expires_at <= now { Err(TokenError::Expired) } else { Ok(session) }
    }

    fn sign(&self, kind: TokenKind, session: Session, now: Millis) -> Secret {
        let expires_at = (now + millis(kind.lifetime())).min(session.ends_at);
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: kind.audience().to_owned(),
            sub: session.account.to_string(),
            sid: session.id.to_string(),
            name: session.name,
            admin: session.is_admin,
            roles: session.roles,
            iat: now.div_euclid(1_000),
            exp: expires_at.div_euclid(1_000),
            end: session.ends_at.div_euclid(1_000),
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding);
        Secret::from(token.expect("Invariant: plain claims are JSON, and HS256 signs with any key"))
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tokens([redacted])")
    }
}

/// What a token carries; times in seconds, as JWTs have them.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    sid: String,
    name: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    admin: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<(RestaurantId, RestaurantRole)>,
    iat: i64,
    exp: i64,
    end: i64,
}

impl Claims {
    fn into_session(self) -> Result<Session, TokenError> {
        let id = |text: &str| text.parse::<u64>().map_err(|_| TokenError::Invalid);
        let milliseconds = |seconds: i64| seconds.checked_mul(1_000).ok_or(TokenError::Invalid);
        Ok(Session {
            id: SessionId(id(&self.sid)?),
            account: AccountId(id(&self.sub)?),
            name: self.name,
            is_admin: self.admin,
            roles: self.roles,
            issued_at: milliseconds(self.iat)?,
            expires_at: milliseconds(self.exp)?,
            ends_at: milliseconds(self.end)?,
        })
    }
}

/// The algorithm is fixed: what a token's header claims is compared, never followed.
fn validation(kind: TokenKind) -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[kind.audience()]);
    // `verify` compares `exp` itself, with the time it is given.
    validation.validate_exp = false;
    validation
}

fn millis(duration: Duration) -> Millis {
    i64::try_from(duration.as_millis()).expect("Invariant: the lives above are days, not ages")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_795_334_400_000;
    const HOUR: Millis = 3_600_000;

    fn tokens(secret: &str) -> Tokens {
        Tokens::new(&Keys::new(&secret.parse().expect("any text is a secret")))
    }

    fn ours() -> Tokens {
        tokens("0123456789abcdef0123456789abcdef")
    }

    fn grants() -> Grants {
        Grants { name: "김하늘".to_owned(), is_admin: false, roles: vec![(RestaurantId(7), RestaurantRole::Staff)] }
    }

    fn issue(kind: TokenKind) -> Secret {
        ours().issue(kind, SessionId(5), AccountId(9), &grants(), NOW)
    }

    fn verify(kind: TokenKind, token: &str, now: Millis) -> Result<Session, TokenError> {
        ours().verify(kind, token, now)
    }

    #[test]
    fn a_token_says_who_and_what() {
        let session = verify(TokenKind::Access, issue(TokenKind::Access).expose(), NOW).expect("fresh");
        assert_eq!((session.id, session.account, session.name.as_str()), (SessionId(5), AccountId(9), "김하늘"));
        assert_eq!((session.issued_at, session.expires_at), (NOW, NOW + HOUR));
        assert_eq!(session.role_at(RestaurantId(7)), Some(Role::Staff));
        assert_eq!(session.role_at(RestaurantId(8)), None);
        let admin = Session { is_admin: true, ..session };
        assert_eq!(admin.role_at(RestaurantId(8)), Some(Role::Admin));
    }

    #[test]
    fn a_role_that_a_newer_server_knows_allows_nothing_and_is_kept() {
        let host = RestaurantRole::from("host".to_owned());
        let grants = Grants { roles: vec![(RestaurantId(7), host)], ..grants() };
        let cookie = ours().issue(TokenKind::Cookie, SessionId(5), AccountId(9), &grants, NOW);
        let session = verify(TokenKind::Cookie, cookie.expose(), NOW).expect("signed in all the same");
        assert_eq!(session.role_at(RestaurantId(7)), None);
        let renewed = verify(TokenKind::Cookie, ours().renew(&session, NOW).expose(), NOW).expect("renewed");
        assert_eq!(renewed.roles, grants.roles);
    }

    #[test]
    fn a_token_ends() {
        for (kind, life) in [(TokenKind::Access, HOUR), (TokenKind::Cookie, 16 * HOUR)] {
            let token = issue(kind);
            assert!(verify(kind, token.expose(), NOW + life - 1).is_ok(), "{kind:?}");
            assert_eq!(verify(kind, token.expose(), NOW + life), Err(TokenError::Expired), "{kind:?}");
        }
    }

    #[test]
    fn a_token_is_good_in_its_place_only() {
        let (access, cookie) = (issue(TokenKind::Access), issue(TokenKind::Cookie));
        assert_eq!(verify(TokenKind::Cookie, access.expose(), NOW), Err(TokenError::Invalid));
        assert_eq!(verify(TokenKind::Access, cookie.expose(), NOW), Err(TokenError::Invalid));
    }

    #[test]
    fn what_was_not_signed_by_us_is_refused() {
        let token = issue(TokenKind::Access);
        let parts: Vec<&str> = token.expose().split('.').collect();
        let (head, body, signature) = (parts[0], parts[1], parts[2]);
        let admin = Grants { is_admin: true, ..grants() };
        let other = tokens("another secret of enough characters");
        let forged = other.issue(TokenKind::Access, SessionId(5), AccountId(9), &admin, NOW);
        let forged_body = forged.expose().split('.').nth(1).expect("a token has three parts");
        // base64url of {"alg":"none","typ":"JWT"} and {"alg":"HS512","typ":"JWT"}
        let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
        let hs512 = "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9";
        for (what, text) in [
            ("another key", forged.expose().to_owned()),
            ("another body", format!("{head}.{forged_body}.{signature}")),
            ("no signature", format!("{head}.{body}.")),
            ("alg none", format!("{none}.{body}.")),
            ("alg none, signed", format!("{none}.{body}.{signature}")),
            ("another alg", format!("{hs512}.{body}.{signature}")),
            ("nothing", String::new()),
            ("no token", "abc".to_owned()),
        ] {
            assert_eq!(verify(TokenKind::Access, &text, NOW), Err(TokenError::Invalid), "{what}");
        }
    }

    #[test]
    fn another_issuer_with_our_key_is_refused() {
        let claims = |iss: &str| Claims {
            iss: iss.to_owned(),
            aud: "waitless:access".to_owned(),
            sub: "9".to_owned(),
            sid: "5".to_owned(),
            name: String::new(),
            admin: true,
            roles: Vec::new(),
            iat: NOW / 1_000,
            exp: NOW / 1_000 + 60,
            end: NOW / 1_000 + 60,
        };
        let sign = |claims| {
            jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &ours().encoding).expect("plain claims")
        };
        assert!(verify(TokenKind::Access, &sign(claims("waitless")), NOW).is_ok());
        let foreign = sign(claims("somebody else"));
        assert_eq!(verify(TokenKind::Access, &foreign, NOW), Err(TokenError::Invalid));
    }

    #[test]
    fn a_cookie_in_use_stays_good_until_its_session_ends() {
        let mut now = NOW;
        let mut cookie = issue(TokenKind::Cookie);
        loop {
            let session = verify(TokenKind::Cookie, cookie.expose(), now).expect("in use");
            assert!(!session.should_renew(session.issued_at + 15 * 60_000 - 1));
            now += 47 * 60_000;
            if !session.should_renew(now) {
                assert_eq!(session.expires_at, session.ends_at, "nothing left to renew");
                assert_eq!(session.ends_at, NOW + millis(SESSION_LIFETIME));
                break;
            }
            cookie = ours().renew(&session, now);
        }
        assert!(now > NOW + millis(SESSION_LIFETIME) - 16 * HOUR, "renewed as long as it helped");
    }

    #[test]
    fn the_largest_cookie_fits_a_browser() {
        let roles = (0..u64::from(crate::db::accounts::ROLES_MAX))
            .map(|n| (RestaurantId(i64::MAX.cast_unsigned() - n), RestaurantRole::Owner))
            .collect();
        let grants = Grants { name: "힣".repeat(100), is_admin: true, roles };
        let big = i64::MAX.cast_unsigned();
        let cookie = ours().issue(TokenKind::Cookie, SessionId(big), AccountId(big), &grants, NOW);
        assert!(cookie.expose().len() < 4_000, "{} bytes", cookie.expose().len());
    }
}
