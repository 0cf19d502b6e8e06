//! Signing up, in, on and out.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Api,
    body::{Fields, FromFields, Nothing, RawBody},
    client::ClientAddress,
    limits::Limit,
    problem::{Code, Problem},
    responses::{SignIn, SignOut, SignUp},
    session::{Anyone, check_origin, set_cookie},
};
use crate::{
    clock,
    config::Secret,
    service::{
        accounts::{self, RefreshError, SignInError, SignUpError, SignedIn},
        passwords::{self, PasswordError},
    },
};

/// Longest refresh token looked at, in characters; ours are shorter.
const REFRESH_LEN_MAX: usize = 512;

/// What is needed to sign up. There is no role: nobody gives one to themselves.
#[derive(ToSchema)]
#[schema(as = SignUp)]
#[serde(deny_unknown_fields)]
pub struct SignUpBody {
    #[schema(format = "email", max_length = 254)]
    email: String,
    #[schema(format = "password", min_length = 8, max_length = 128)]
    password: String,
    /// Shown to colleagues.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

impl FromFields for SignUpBody {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            email: fields.text("email", accounts::EMAIL_LEN_MAX),
            password: fields.secret("password", passwords::LEN_MAX),
            name: fields.text("name", accounts::NAME_LEN_MAX),
        }
    }
}

/// What is needed to sign in.
#[derive(ToSchema)]
#[schema(as = SignIn)]
#[serde(deny_unknown_fields)]
pub struct SignInBody {
    #[schema(max_length = 254)]
    email: String,
    #[schema(format = "password", max_length = 1024)]
    password: String,
}

impl FromFields for SignInBody {
    fn from_fields(fields: &mut Fields) -> Self {
        Self { email: fields.text("email", accounts::EMAIL_LEN_MAX), password: fields.secret("password", 1_024) }
    }
}

/// A refresh token.
#[derive(ToSchema)]
#[schema(as = Refresh)]
#[serde(deny_unknown_fields)]
pub struct RefreshBody {
    #[schema(max_length = 512)]
    refresh_token: String,
}

impl FromFields for RefreshBody {
    fn from_fields(fields: &mut Fields) -> Self {
        Self { refresh_token: fields.secret("refresh_token", REFRESH_LEN_MAX) }
    }
}

/// What somebody who is signed in gets, beside the cookie `wl_session`.
#[derive(Serialize, ToSchema)]
pub struct Tokens {
    /// For `Authorization: Bearer`.
    access_token: String,
    /// Good once, for new tokens.
    refresh_token: String,
    /// Seconds until the access token ends.
    expires_in: u64,
}

fn signed_in(api: &Api, status: StatusCode, signed_in: &SignedIn) -> Result<Response, Problem> {
    let tokens = Tokens {
        access_token: signed_in.access_token.expose().to_owned(),
        refresh_token: signed_in.refresh_token.expose().to_owned(),
        expires_in: signed_in.expires_in_s,
    };
    let mut response = (status, axum::Json(tokens)).into_response();
    response.headers_mut().insert(header::SET_COOKIE, set_cookie(Some(&signed_in.cookie_token), api.https));
    Ok(response)
}

/// Create an account, without any role
#[utoipa::path(post, path = "/auth/sign-up", tag = "accounts", operation_id = "signUp", request_body = SignUpBody,
    responses(
        (status = 201, description = "Signed up and in", body = Tokens, headers(("Set-Cookie" = String))),
        SignUp,
    ))]
pub async fn sign_up(
    State(api): State<Api>,
    client: ClientAddress,
    headers: HeaderMap,
    body: RawBody,
) -> Result<Response, Problem> {
    check_origin(&headers, &api)?;
    api.limits.check(Limit::SignUp, client)?;
    let SignUpBody { email, password, name } = body.read()?;
    let sign_up = accounts::SignUp { email, password: Secret::from(password), name };
    match api.accounts.sign_up(&sign_up, clock::now()).await {
        Ok(session) => signed_in(&api, StatusCode::CREATED, &session),
        Err(SignUpError::Invalid(errors)) => Err(Problem::invalid(errors)),
        Err(SignUpError::EmailTaken) => Err(Problem::new(Code::EmailTaken)),
        Err(SignUpError::Password(error)) => Err(error.into()),
        Err(SignUpError::Db(error)) => Err(error.into()),
    }
}

/// Sign in
#[utoipa::path(post, path = "/auth/sign-in", tag = "accounts", operation_id = "signIn", request_body = SignInBody,
    responses((status = 200, description = "Signed in", body = Tokens, headers(("Set-Cookie" = String))), SignIn))]
pub async fn sign_in(
    State(api): State<Api>,
    client: ClientAddress,
    headers: HeaderMap,
    body: RawBody,
) -> Result<Response, Problem> {
    // A foreign page must not sign a browser in as somebody else.
    check_origin(&headers, &api)?;
    let counted = |outcome| api.metrics.auth_sign_ins.with_label_values(&[outcome]).inc();
    api.limits.check(Limit::SignIn, client).inspect_err(|_| counted("limited"))?;
    let SignInBody { email, password } = body.read()?;
    // Whoever guesses one person's password from many addresses is slowed down, too.
    api.limits.check_email(&email).inspect_err(|_| counted("limited"))?;
    match api.accounts.sign_in(&email, &Secret::from(password), clock::now()).await {
        Ok(session) => {
            counted("done");
            signed_in(&api, StatusCode::OK, &session)
        }
        Err(SignInError::WrongCredentials) => {
            counted("refused");
            Err(Problem::new(Code::Unauthenticated).detail("The e-mail address or the password is wrong."))
        }
        Err(SignInError::Password(error)) => Err(error.into()),
        Err(SignInError::Db(error)) => Err(error.into()),
    }
}

/// Exchange a refresh token for new tokens
#[utoipa::path(post, path = "/auth/refresh", tag = "accounts", operation_id = "refresh", request_body = RefreshBody,
    responses((status = 200, description = "New tokens", body = Tokens, headers(("Set-Cookie" = String))), SignIn))]
pub async fn refresh(
    State(api): State<Api>,
    client: ClientAddress,
    headers: HeaderMap,
    body: RawBody,
) -> Result<Response, Problem> {
    check_origin(&headers, &api)?;
    api.limits.check(Limit::SignIn, client)?;
    let RefreshBody { refresh_token } = body.read()?;
    match api.accounts.refresh(&refresh_token, clock::now()).await {
        Ok(session) => signed_in(&api, StatusCode::OK, &session),
        Err(RefreshError::Refused) => Err(Problem::new(Code::Unauthenticated)),
        Err(RefreshError::Reused(session)) => {
            tracing::warn!("a refresh token was used twice; its session is revoked");
            api.revocations.revoke(session).await?;
            Err(Problem::new(Code::Unauthenticated))
        }
        Err(RefreshError::Db(error)) => Err(error.into()),
    }
}

/// Sign out: the session's tokens are good nowhere after a few seconds
#[utoipa::path(post, path = "/auth/sign-out", tag = "accounts", operation_id = "signOut",
    security((), ("bearer" = []), ("cookie" = [])),
    responses((status = 204, description = "Signed out", headers(("Set-Cookie" = String))), SignOut))]
pub async fn sign_out(State(api): State<Api>, caller: Anyone, body: RawBody) -> Result<Response, Problem> {
    let Nothing = body.read()?;
    if let Some(session) = caller.session {
        // Redis first: from there on no token of it is good. The record then ends its refresh token.
        api.revocations.revoke(session.id).await?;
        api.accounts.sign_out(session.id).await?;
    }
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, set_cookie(None, api.https))]).into_response())
}

impl From<PasswordError> for Problem {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::new(Code::Unavailable).retry_after(3),
            PasswordError::Failed => Self::internal(&error),
        }
    }
}
