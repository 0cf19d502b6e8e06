//! What a client is told when something does not work: RFC 9457 `application/problem+json`.
//!
//! One table gives every code its status and title; one conversion ([`Problem::render`]) makes the answer, at the
//! edge, where the request id is known. Handlers answer a [`Problem`] and nothing else.
//!
//! Invariant: `detail` is ours, never text from a database, a script or another client.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    db::DbError,
    domain::{Rejection, rejection::FieldError},
    queue::QueueError,
    service::line::LineError,
};

/// The content type.
pub const CONTENT_TYPE: &str = "application/problem+json";

macro_rules! codes {
    ($($name:ident = $status:literal $code:literal $title:literal;)+) => {
        /// Everything that can be answered instead of what was asked for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the title beside each name says it")]
        pub enum Code { $($name,)+ }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The stable word for programs.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// The HTTP status.
            #[must_use]
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)+ }
            }

            /// The sentence for people.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }
        }
    };
}

codes! {
    Malformed = 400 "malformed" "The request cannot be read";
    Unauthenticated = 401 "unauthenticated" "Sign in first";
    Forbidden = 403 "forbidden" "Not allowed";
    NotFound = 404 "not_found" "There is no such thing here";
    MethodNotAllowed = 405 "method_not_allowed" "This cannot be done to that";
    RestaurantClosed = 409 "restaurant_closed" "The restaurant is closed";
    LineClosed = 409 "line_closed" "The line is closed";
    Paused = 409 "paused" "No numbers are given for a while";
    LineFull = 409 "line_full" "As many wait in this line as may";
    RemoteFull = 409 "remote_full" "No more may join from elsewhere now";
    RemoteClosed = 409 "remote_closed" "Nobody may join from elsewhere now";
    DailyFull = 409 "daily_full" "All numbers of the day are given";
    PartySize = 409 "party_size" "The party is too small or too large for this restaurant";
    AlreadyWaiting = 409 "already_waiting" "This phone or account already waits here";
    SoldOut = 409 "sold_out" "Something ordered is sold out";
    DoorCode = 409 "door_code" "The code at the door is needed";
    LineEmpty = 409 "line_empty" "There is nobody to call";
    WrongState = 409 "wrong_state" "Not possible in this state";
    AlreadyFinal = 409 "already_final" "That was done before";
    NoDelaysLeft = 409 "no_delays_left" "There are no delays left";
    NoRecallsLeft = 409 "no_recalls_left" "There are no recalls left";
    NobodyBehind = 409 "nobody_behind" "There is nobody to let pass";
    Direct = 409 "direct" "No waiting: come in";
    UndoExpired = 409 "undo_expired" "It is too late to undo";
    RejoinExpired = 409 "rejoin_expired" "It is too late to rejoin";
    StockNegative = 409 "stock_negative" "The stock would fall below zero";
    EmailTaken = 409 "email_taken" "There is an account with this e-mail address";
    Conflict = 409 "conflict" "Somebody else changed this at the same time";
    PlaceLost = 410 "place_lost" "This place was lost";
    TooLarge = 413 "too_large" "The request is too large";
    UnsupportedMediaType = 415 "unsupported_media_type" "The body must be JSON";
    Invalid = 422 "invalid" "Some fields are not valid";
    IdempotencyMismatch = 422 "idempotency_mismatch" "This idempotency key was used for something else";
    TooManyRequests = 429 "too_many_requests" "Too many requests";
    Internal = 500 "internal" "Something went wrong here";
    Unavailable = 503 "unavailable" "Not possible right now";
    Restoring = 503 "restoring" "The restaurant is being restored";
    OutcomeUnknown = 503 "outcome_unknown" "It is not known whether this was done";
}

impl Code {
    /// The code a refusal of the live queue is answered with.
    fn of(rejection: &Rejection) -> Self {
        match rejection {
            Rejection::NotLoaded | Rejection::NewSource | Rejection::NotCompared => Self::Restoring,
            Rejection::AlreadyLoaded | Rejection::Superseded | Rejection::Stale | Rejection::DayBusy => Self::Internal,
            other => {
                let code = other.code();
                Self::ALL.iter().copied().find(|candidate| candidate.as_str() == code).unwrap_or(Self::Internal)
            }
        }
    }
}

/// An answer that is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which.
    pub code: Code,
    detail: Option<String>,
    errors: Vec<FieldError>,
    items: Vec<String>,
    retry_after_s: Option<u32>,
}

/// The wire shape.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// Names the code as a URI.
    #[schema(example = "urn:waitless:problem:line_full")]
    r#type: String,
    /// For people, the same for every occurrence.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// For programs.
    #[schema(example = "line_full")]
    code: &'a str,
    /// For people, about this occurrence.
    detail: &'a str,
    /// Names this request in the server's log; also the header `X-Request-Id`.
    request_id: &'a str,
    /// With `invalid`: every field that is wrong, and how.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false)]
    errors: &'a [FieldError],
    /// With `sold_out`: the items.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false)]
    items: &'a [String],
}

impl Problem {
    /// The problem of this code.
    #[must_use]
    pub fn new(code: Code) -> Self {
        let retry_after_s = matches!(code.status(), 429 | 503).then_some(1);
        Self { code, detail: None, errors: Vec::new(), items: Vec::new(), retry_after_s }
    }

    /// Adds what happened here; must be text of ours.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Fields that are wrong.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let fields: Vec<String> = errors.iter().map(|error| format!("{}: {}", error.field, error.code)).collect();
        Self { errors, ..Self::new(Code::Invalid).detail(fields.join(", ")) }
    }

    /// One field that is wrong.
    #[must_use]
    pub fn field(field: &str, code: &str) -> Self {
        Self::invalid(vec![FieldError::new(field, code)])
    }

    /// A ticket that is not known any more, in a restaurant that was rebuilt today.
    #[must_use]
    pub fn place_lost() -> Self {
        Self::new(Code::PlaceLost).detail(
            "The line was rebuilt today without this ticket. Show its number and time of joining to the staff: they \
             can add the party again at its place.",
        )
    }

    /// When to come back.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// A bug of ours: logged once, here, told without details.
    #[must_use]
    pub fn internal(error: &dyn std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        tracing::error!(error = %text, "a request failed");
        Self::new(Code::Internal)
    }

    /// The problem an answer of this status stands for, when no handler made one.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        Self::new(match status.as_u16() {
            404 => Code::NotFound,
            405 => Code::MethodNotAllowed,
            413 => Code::TooLarge,
            415 => Code::UnsupportedMediaType,
            503 => Code::Unavailable,
            // 400, and what the framework refuses of an upgrade (426 and the like).
            status if status < 500 => Code::Malformed,
            _ => Code::Internal,
        })
    }

    /// The whole answer. The one place that makes one.
    #[must_use]
    pub fn render(&self, request_id: &str) -> Response {
        let title = self.code.title();
        let body = ProblemBody {
            r#type: format!("urn:waitless:problem:{}", self.code.as_str()),
            title,
            status: self.code.status(),
            code: self.code.as_str(),
            detail: self.detail.as_deref().unwrap_or(title),
            request_id,
            errors: &self.errors,
            items: &self.items,
        };
        let body = serde_json::to_vec(&body).expect("Invariant: a problem is plain data");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() =
            StatusCode::from_u16(self.code.status()).expect("Invariant: the statuses above are valid");
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.code == Code::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Carries the problem to the edge, which renders it.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() =
            StatusCode::from_u16(self.code.status()).expect("Invariant: the statuses above are valid");
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Invalid(errors) => Self::invalid(errors),
            Rejection::SoldOut { items } => Self { items, ..Self::new(Code::SoldOut) },
            Rejection::PlaceLost => Self::place_lost(),
            other => match Code::of(&other) {
                Code::Internal => Self::internal(&UnexpectedRefusal(other.code())),
                code => Self::new(code),
            },
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a command was refused with {0}")]
struct UnexpectedRefusal(&'static str);

impl From<QueueError> for Problem {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Unavailable(_) | QueueError::Unfit(_) => Self::new(Code::Unavailable),
            QueueError::OutcomeUnknown(_) => Self::new(Code::OutcomeUnknown)
                .detail("No answer came in time. Ask again with the same Idempotency-Key."),
            QueueError::Script { .. } | QueueError::Protocol(_) => Self::internal(&error),
        }
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        if error.is_transient() { Self::new(Code::Unavailable) } else { Self::internal(&error) }
    }
}

impl From<LineError> for Problem {
    fn from(error: LineError) -> Self {
        match error {
            LineError::Refused(rejection) => rejection.into(),
            LineError::NotFound => Self::new(Code::NotFound),
            LineError::Restoring => Self::new(Code::Restoring),
            LineError::Unavailable => Self::new(Code::Unavailable),
            LineError::Conflict => Self::new(Code::Conflict),
            LineError::Queue(error) => error.into(),
            LineError::Db(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_of_a_script_has_a_code() {
        let internal = ["already_loaded", "superseded", "stale", "day_busy"];
        let restoring = ["not_loaded", "new_source", "not_compared"];
        for code in Rejection::CODES {
            let rejection = Rejection::from_reply(code, &[]).expect("it is one of them");
            let expected = match *code {
                code if internal.contains(&code) => "internal",
                code if restoring.contains(&code) => "restoring",
                code => code,
            };
            assert_eq!(Code::of(&rejection).as_str(), expected);
        }
    }

    #[test]
    fn codes_are_unique() {
        let mut codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Code::ALL.len());
    }

    #[test]
    fn who_is_to_come_back_is_told_when() {
        for code in Code::ALL {
            let response = Problem::new(*code).render("r");
            let told = response.headers().contains_key(header::RETRY_AFTER);
            assert_eq!(told, matches!(code.status(), 429 | 503), "{code:?}");
            assert_eq!(response.headers().contains_key(header::WWW_AUTHENTICATE), code.status() == 401, "{code:?}");
        }
    }
}
