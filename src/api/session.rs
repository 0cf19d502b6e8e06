//! Who asks: extractors that a handler's signature names, so that what an endpoint allows can be read there.
//!
//! [`Anyone`] is anybody, signed in or not; [`Staff`] works for the restaurant of the path; [`Owner`] owns it. Checking
//! needs the signing key and the revoked sessions in memory, no database. The order of refusals is always: who are you
//! (401), from where (403), is there such a restaurant (404), may you (403).
//!
//! A bearer token that is not good is refused everywhere; a cookie that is not good is as good as none, because a
//! browser sends it unasked. A cookie also stands for its person on other people's pages, so with it a request
//! that changes something must come from a page of ours.

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{HeaderMap, HeaderValue, Method, header, request::Parts},
};
use url::Url;

use super::{
    Api,
    problem::{Code, Problem},
};
use crate::{
    clock,
    config::Secret,
    db::sessions::SessionId,
    domain::{Actor, Millis, RestaurantId, Role},
    service::tokens::{COOKIE_LIFETIME, Session, TokenKind},
};

/// The session cookie.
pub const COOKIE: &str = "wl_session";

/// How the console's WebSocket carries a token where no header can be set.
pub const BEARER_PROTOCOL: &str = "waitless.bearer.";

/// How somebody showed who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// By the header, which a page sends on purpose.
    Bearer,
    /// By the cookie, which a browser sends unasked.
    Cookie,
}

/// Anybody.
pub struct Anyone {
    /// Who is signed in.
    pub session: Option<Session>,
}

/// Somebody who works for the restaurant of the path.
pub struct Staff {
    /// Which restaurant.
    pub restaurant: RestaurantId,
    /// In which capacity, and who.
    pub actor: Actor,
    /// Which session.
    pub session: SessionId,
}

/// Somebody who owns the restaurant of the path, or runs the platform.
pub struct Owner {
    /// Which restaurant.
    pub restaurant: RestaurantId,
    /// In which capacity, and who.
    pub actor: Actor,
}

/// The restaurant of the path.
pub struct At(pub RestaurantId);

impl Anyone {
    /// In which capacity they act at a restaurant.
    #[must_use]
    pub fn actor_at(&self, restaurant: RestaurantId) -> Actor {
        let role = self.session.as_ref().and_then(|session| session.role_at(restaurant));
        Actor { role: role.unwrap_or(Role::Guest), device: None, account: self.account() }
    }

    /// A guest's capacity, whoever it is: what the holder of a ticket does is the guest's act.
    #[must_use]
    pub fn guest(&self) -> Actor {
        Actor { role: Role::Guest, device: None, account: self.account() }
    }

    fn account(&self) -> Option<String> {
        self.session.as_ref().map(|session| session.account.to_string())
    }
}

/// Whether this capacity works the line.
#[must_use]
pub fn is_staff(actor: &Actor) -> bool {
    matches!(actor.role, Role::Staff | Role::Owner | Role::Admin)
}

impl FromRequestParts<Api> for Anyone {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        Ok(Self { session: signed_in(parts, api)? })
    }
}

impl FromRequestParts<Api> for At {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        restaurant(parts, api).await.map(Self)
    }
}

impl FromRequestParts<Api> for Staff {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let (restaurant, actor, session) = worker(parts, api, &[Role::Staff, Role::Owner, Role::Admin]).await?;
        Ok(Self { restaurant, actor, session })
    }
}

impl FromRequestParts<Api> for Owner {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let (restaurant, actor, _) = worker(parts, api, &[Role::Owner, Role::Admin]).await?;
        Ok(Self { restaurant, actor })
    }
}

async fn worker(parts: &mut Parts, api: &Api, allowed: &[Role]) -> Result<(RestaurantId, Actor, SessionId), Problem> {
    let session = signed_in(parts, api)?.ok_or_else(|| Problem::new(Code::Unauthenticated))?;
    let restaurant = restaurant(parts, api).await?;
    let role = session.role_at(restaurant).filter(|role| allowed.contains(role));
    let role = role.ok_or_else(|| Problem::new(Code::Forbidden))?;
    Ok((restaurant, Actor { role, device: None, account: Some(session.account.to_string()) }, session.id))
}

async fn restaurant(parts: &mut Parts, api: &Api) -> Result<RestaurantId, Problem> {
    let params = RawPathParams::from_request_parts(parts, api).await.map_err(|_| Problem::new(Code::NotFound))?;
    let slug = params.iter().find(|(name, _)| *name == "r").map(|(_, slug)| slug.to_owned());
    let slug = slug.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(api.restaurants.by_slug(&slug).await?)
}

fn signed_in(parts: &Parts, api: &Api) -> Result<Option<Session>, Problem> {
    let Some((session, shown)) = look_at(&parts.headers, api, clock::now())? else { return Ok(None) };
    if shown == Shown::Cookie && changes(&parts.method) {
        check_origin(&parts.headers, api)?;
    }
    Ok(Some(session))
}

fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Who the headers say is asking.
pub(super) fn look_at(headers: &HeaderMap, api: &Api, now: Millis) -> Result<Option<(Session, Shown)>, Problem> {
    let refused = || Problem::new(Code::Unauthenticated);
    if let Some(token) = bearer(headers).ok_or_else(refused)? {
        let session = api.tokens.verify(TokenKind::Access, token, now).map_err(|_| refused())?;
        return if api.revocations.contains(session.id) { Err(refused()) } else { Ok(Some((session, Shown::Bearer))) };
    }
    let session = cookie(headers).and_then(|token| api.tokens.verify(TokenKind::Cookie, token, now).ok());
    Ok(session.filter(|session| !api.revocations.contains(session.id)).map(|session| (session, Shown::Cookie)))
}

/// The bearer token, from the header or the subprotocol. Outer `None`: an `Authorization` that is not one.
fn bearer(headers: &HeaderMap) -> Option<Option<&str>> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| Some(token.trim()));
    }
    let protocols = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let mut protocols = protocols.flat_map(|value| value.split(',')).map(str::trim);
    Some(protocols.find_map(|protocol| protocol.strip_prefix(BEARER_PROTOCOL)))
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|value| value.split(';')).find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// Refuses a page that is not ours. No `Origin` is no page.
///
/// # Errors
/// `forbidden`.
pub(super) fn check_origin(headers: &HeaderMap, api: &Api) -> Result<(), Problem> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().ok().and_then(|text| Url::parse(text).ok()).map(|url| url.origin());
    if origin.is_some_and(|origin| api.origins.contains(&origin)) {
        return Ok(());
    }
    Err(Problem::new(Code::Forbidden).detail("This page's origin is not among those allowed."))
}

/// The origins whose pages may act: that of the public URL, of the address listened on, and those configured. The
/// `Host` header is not asked, because a foreign page can be made to send any.
#[must_use]
pub fn allowed_origins(config: &crate::config::Config, listen: std::net::SocketAddr) -> Vec<url::Origin> {
    let mut urls: Vec<Url> = config.origins.clone();
    urls.push(config.public_url.clone());
    let port = listen.port();
    let mut hosts = vec![match listen.ip() {
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
        ip => ip.to_string(),
    }];
    if listen.ip().is_loopback() || listen.ip().is_unspecified() {
        hosts.extend(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned));
    }
    urls.extend(hosts.iter().filter_map(|host| Url::parse(&format!("http://{host}:{port}")).ok()));
    urls.iter().map(Url::origin).collect()
}

/// The cookie that says so, or with `None` takes it away.
#[must_use]
pub fn set_cookie(token: Option<&Secret>, https: bool) -> HeaderValue {
    let (value, max_age_s) = match token {
        Some(token) => (token.expose(), COOKIE_LIFETIME.as_secs()),
        None => ("", 0),
    };
    let secure = if https { "; Secure" } else { "" };
    let text = format!("{COOKIE}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}");
    let mut header = HeaderValue::from_str(&text).expect("Invariant: a token is visible ASCII");
    header.set_sensitive(true);
    header
}

/// The cookie again for somebody who is using it, when it is old enough.
pub(super) fn renewed(headers: &HeaderMap, api: &Api) -> Option<HeaderValue> {
    let now = clock::now();
    let (session, shown) = look_at(headers, api, now).ok()??;
    let renew = shown == Shown::Cookie && session.should_renew(now);
    renew.then(|| set_cookie(Some(&api.tokens.renew(&session, now)), api.https))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value"))).collect()
    }

    #[test]
    fn tokens_are_found() {
        assert_eq!(bearer(&headers(&[])), Some(None));
        assert_eq!(bearer(&headers(&[("authorization", "Bearer abc")])), Some(Some("abc")));
        assert_eq!(bearer(&headers(&[("authorization", "bearer abc")])), Some(Some("abc")));
        assert_eq!(bearer(&headers(&[("authorization", "Basic abc")])), None);
        assert_eq!(bearer(&headers(&[("authorization", "abc")])), None);
        let protocols = headers(&[("sec-websocket-protocol", "waitless.v1, waitless.bearer.a.b.c")]);
        assert_eq!(bearer(&protocols), Some(Some("a.b.c")));
        assert_eq!(cookie(&headers(&[("cookie", "theme=dark; wl_session=a.b.c; x=y")])), Some("a.b.c"));
        assert_eq!(cookie(&headers(&[("cookie", "not_wl_session=a; wl_sessions=b")])), None);
    }

    #[test]
    fn cookies_are_kept_from_scripts_and_other_sites() {
        let text =
            |https| set_cookie(Some(&Secret::from("a.b.c".to_owned())), https).to_str().expect("ASCII").to_owned();
        assert_eq!(text(false), "wl_session=a.b.c; Path=/; Max-Age=57600; HttpOnly; SameSite=Strict");
        assert!(text(true).ends_with("; Secure"));
        assert!(set_cookie(None, true).to_str().expect("ASCII").contains("Max-Age=0"));
    }
}
