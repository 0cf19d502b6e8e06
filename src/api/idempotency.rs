//! One call, asked for once or more often: `Idempotency-Key`.
//!
//! The key's scope is the call, who asks, and the restaurant; what is compared is the path and the body. The script
//! itself keeps and replays its reply, in the same step in which it acts; here the two hashes are made, and a body that
//! is not valid is checked against a key that was used, because a used key is looked up before the body.

use axum::{
    extract::FromRequestParts,
    http::{HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{
    Api,
    body::{FromFields, RawBody},
    problem::{Code, Problem},
};
use crate::{
    domain::{Actor, RestaurantId},
    queue::{CallContext, Idempotency, Outcome},
};

/// Characters of a key.
const LEN_MIN: usize = 16;
const LEN_MAX: usize = 255;

/// Fewest characters when nobody is signed in: the key alone then says whose call it is.
const ANONYMOUS_LEN_MIN: usize = 22;

/// How long the answer of a join is kept.
pub const JOIN_TTL_MS: i64 = 2 * 3_600_000;

/// How long the answer of every other command is kept.
pub const COMMAND_TTL_MS: i64 = 600_000;

/// Tells that an answer is that of an earlier call.
static REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

const HEADER: &str = "Idempotency-Key";

/// The header, as sent.
pub struct Key(Option<Result<String, &'static str>>);

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let value = parts.headers.get(HEADER);
        Ok(Self(value.map(|value| match value.to_str() {
            Ok(text) if !text.bytes().all(|byte| byte.is_ascii_graphic()) => Err("format"),
            Ok(text) if text.len() < LEN_MIN => Err("too_short"),
            Ok(text) if text.len() > LEN_MAX => Err("too_long"),
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err("format"),
        })))
    }
}

/// A call to a live queue: who, where, and what for.
pub struct Call<'a> {
    api: &'a Api,
    /// Which restaurant.
    pub restaurant: RestaurantId,
    /// Who.
    pub actor: Actor,
    idempotency: Option<Idempotency>,
    body: RawBody,
}

impl<'a> Call<'a> {
    /// A call of `operation` on what `path` names, whose answer is kept for `ttl_ms`.
    ///
    /// # Errors
    /// When the key is not one.
    pub fn new(
        api: &'a Api,
        (operation, path, ttl_ms): (&'static str, &[&str], i64),
        restaurant: RestaurantId,
        actor: Actor,
        key: Key,
        body: RawBody,
    ) -> Result<Self, Problem> {
        let key = key.0.transpose().map_err(|code| Problem::field(HEADER, code))?;
        let is_anonymous = actor.account.is_none();
        if key.as_ref().is_some_and(|key| is_anonymous && key.len() < ANONYMOUS_LEN_MIN) {
            return Err(Problem::field(HEADER, "too_short"));
        }
        let idempotency = key.map(|key| {
            let who = actor.account.as_deref().unwrap_or_default();
            let canonical = body.canonical();
            let what = path.iter().map(|part| part.as_bytes()).chain([canonical.as_slice()]);
            Idempotency {
                key: hash([operation.as_bytes(), who.as_bytes(), restaurant.to_string().as_bytes(), key.as_bytes()]),
                body: hash(what),
                ttl_ms,
            }
        });
        Ok(Self { api, restaurant, actor, idempotency, body })
    }

    /// Reads the body. A body that is not valid and comes with a key that was used for another is told the latter.
    ///
    /// # Errors
    /// As [`RawBody::read`], or `idempotency_mismatch`.
    pub async fn body<T: FromFields>(&self) -> Result<T, Problem> {
        self.checked(self.body.read()).await
    }

    /// What a check of the body came to, unless its key was used for another.
    ///
    /// # Errors
    /// As given, or `idempotency_mismatch`.
    pub async fn checked<T>(&self, checked: Result<T, Problem>) -> Result<T, Problem> {
        let Err(problem) = checked else { return checked };
        if let Some(idempotency) = &self.idempotency
            && self.api.queue.is_key_used(self.restaurant, &idempotency.key).await?
        {
            return Err(Problem::new(Code::IdempotencyMismatch));
        }
        Err(problem)
    }

    /// What the script is told beside the command.
    #[must_use]
    pub fn context(&self) -> CallContext {
        CallContext { idempotency: self.idempotency.clone(), ..CallContext::by(self.actor.clone()) }
    }

    /// The answer that every retry gets, when the answer says more than the script replied: the first that was made.
    ///
    /// # Errors
    /// When Redis could not be asked; a retry with the same key then finds what is kept.
    pub async fn first_answer(&self, outcome: &Outcome, body: &impl Serialize) -> Result<Vec<u8>, Problem> {
        let body = serde_json::to_vec(body).map_err(|error| Problem::internal(&error))?;
        let Some(idempotency) = &self.idempotency else { return Ok(body) };
        let Idempotency { key, ttl_ms, .. } = idempotency;
        let (stamp, at) = (outcome.stamp, outcome.at);
        Ok(self.api.queue.first_answer(self.restaurant, key, stamp, at, *ttl_ms, body).await?)
    }
}

/// SHA-256 over the parts, each preceded by its length, in hex.
fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    // Half of it is enough: it is 128 bits that nobody can steer, and Redis keeps it for hours.
    let half = hash.finalize()[..16].iter().fold(0_u128, |half, byte| half << 8 | u128::from(*byte));
    format!("{half:032x}")
}

/// A command's answer: JSON that follows from the script's reply alone, and whether it is that of an earlier call.
pub fn answer(status: StatusCode, replayed: bool, body: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_vec(body).map_err(|error| Problem::internal(&error))?;
    Ok(answer_bytes(status, replayed, body))
}

/// A command's answer that is encoded already.
pub fn answer_bytes(status: StatusCode, replayed: bool, body: Vec<u8>) -> Response {
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
    if replayed {
        response.headers_mut().insert(REPLAYED.clone(), HeaderValue::from_static("true"));
    }
    response
}
