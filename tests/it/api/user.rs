//! Users as types: what a test does reads as a sentence.

use std::ops::Deref;

use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};
use waitless::{
    config::Secret,
    db::{
        Db,
        accounts::{self, NewAccount, RestaurantRole},
        restaurants::{self, NewRestaurant},
    },
    domain::MenuItem,
    service::passwords::Passwords,
};

use super::contract::Contract;
use crate::harness::{app::TestApp, until};

/// The demo restaurant on a server of its own.
pub(super) struct Shop {
    pub(super) app: TestApp,
    pub(super) contract: Contract,
}

/// Somebody who asks.
pub(super) struct Caller<'a> {
    pub(super) shop: &'a Shop,
    token: Option<String>,
}

/// Nobody in particular.
pub(super) struct Anon<'a>(Caller<'a>);

/// Somebody signed in.
pub(super) struct User<'a>(Caller<'a>);

/// Staff of the demo.
pub(super) struct StaffUser<'a>(Caller<'a>);

impl<'a> Deref for Anon<'a> {
    type Target = Caller<'a>;
    fn deref(&self) -> &Caller<'a> {
        &self.0
    }
}

impl<'a> Deref for User<'a> {
    type Target = Caller<'a>;
    fn deref(&self) -> &Caller<'a> {
        &self.0
    }
}

impl<'a> Deref for StaffUser<'a> {
    type Target = Caller<'a>;
    fn deref(&self) -> &Caller<'a> {
        &self.0
    }
}

/// What was answered.
pub(super) struct Answer {
    what: String,
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Vec<u8>,
}

impl Shop {
    pub(super) async fn open() -> Self {
        Self::of(TestApp::start().await).await
    }

    pub(super) async fn of(app: TestApp) -> Self {
        let document = app.http.get(app.url("/openapi.json")).send().await.expect("an answer");
        let document = document.json().await.expect("JSON");
        Self { contract: Contract::new(document), app }
    }

    pub(super) fn anon(&self) -> Anon<'_> {
        Anon(Caller { shop: self, token: None })
    }

    pub(super) async fn staff(&self) -> StaffUser<'_> {
        StaffUser(Caller { shop: self, token: Some(self.app.token("staff").await) })
    }

    pub(super) async fn user(&self, who: &str) -> User<'_> {
        User(Caller { shop: self, token: Some(self.app.token(who).await) })
    }

    pub(super) fn with_token(&self, token: &str) -> User<'_> {
        User(Caller { shop: self, token: Some(token.to_owned()) })
    }

    fn db(&self) -> Db {
        Db::connect_lazy(&self.app.config.database_url).expect("the URL of the server")
    }

    /// Another restaurant, `other`, and an account that works there: `other@demo.test`.
    pub(super) async fn another_restaurant(&self) {
        let db = self.db();
        let other = NewRestaurant {
            slug: "other".to_owned(),
            name: "다른 집".to_owned(),
            time_zone: "Asia/Seoul".to_owned(),
            currency: "KRW".to_owned(),
            lines: vec![("A".parse().expect("a letter"), "홀".to_owned())],
            menu: vec![(MenuItem { id: "tea".to_owned(), name: "차".to_owned(), price: 1_000 }, None)],
        };
        let other = restaurants::create(&db, &other).await.expect("created");
        let password = Secret::from("waitless-demo".to_owned());
        let password_hash = Passwords::default().hash(&password).await.expect("hashed");
        let account = NewAccount { email: "other@demo.test", name: "다른 사람", password_hash: &password_hash };
        let account = accounts::put(&db, account, false).await.expect("an account");
        assert!(accounts::grant(&db, account, other, RestaurantRole::Staff).await.expect("granted"));
        // Whoever asks first has it opened.
        until("the restaurant is open", async || {
            (self.anon().get("/v1/restaurants/other").await.status == 200).then_some(())
        })
        .await;
    }
}

impl<'a> Caller<'a> {
    /// A request that a test adds to.
    pub(super) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method: Method = method.parse().expect("a method");
        let request = self.shop.app.http.request(method, self.shop.app.url(path));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends it and holds the answer against the document.
    pub(super) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let request = request.build().expect("a request");
        let (method, path) = (request.method().to_string(), request.url().path().to_owned());
        let answer = self.shop.app.http.execute(request).await.expect("an answer");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let bytes = answer.bytes().await.expect("a body").to_vec();
        let content_type = headers.get("content-type").map_or("", |value| value.to_str().expect("text"));
        self.shop.contract.check(&method, &path, status, content_type, &bytes);
        Answer { what: format!("{method} {path}"), status, headers, bytes }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Answer {
        self.send(self.request("DELETE", path)).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request("POST", path).json(&body)).await
    }

    pub(super) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(self.request("PUT", path).json(&body)).await
    }

    pub(super) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(self.request("PATCH", path).json(&body)).await
    }

    /// A party of two at the door takes a number of line A.
    pub(super) async fn join(&self) -> Value {
        self.join_as(json!({})).await
    }

    /// The same, but for these fields.
    pub(super) async fn join_as(&self, fields: Value) -> Value {
        self.post("/v1/restaurants/demo/tickets", party(fields)).await.did()
    }

    /// What staff do with a ticket.
    pub(super) async fn act(&self, ticket: &Value, what: &str, body: Value) -> Answer {
        self.post(&format!("/v1/restaurants/demo/tickets/{}/{what}", id(ticket)), body).await
    }
}

/// A party of two at the door, but for these fields.
pub(super) fn party(fields: Value) -> Value {
    let mut party = json!({"line": "A", "adults": 2, "channel": "onsite"});
    for (field, value) in fields.as_object().expect("fields") {
        party[field] = value.clone();
    }
    party
}

/// The id of a ticket.
pub(super) fn id(ticket: &Value) -> &str {
    ticket["id"].as_str().expect("an id")
}

/// The path of a ticket for its holder.
pub(super) fn own(ticket: &Value, act: &str) -> String {
    format!("/v1/tickets/{}{act}", id(ticket))
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{}: {error}", self.what))
    }

    /// What was answered; it must have been done.
    #[track_caller]
    pub(super) fn did(self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {}", self.what, String::from_utf8_lossy(&self.bytes));
        if self.bytes.is_empty() { Value::Null } else { self.json() }
    }

    /// The problem; it must be this one.
    #[track_caller]
    pub(super) fn refused(self, status: u16, code: &str) -> Value {
        let body = String::from_utf8_lossy(&self.bytes);
        assert_eq!(self.status, status, "{}: {body}", self.what);
        let problem = self.json();
        assert_eq!(problem["code"], code, "{}: {problem}", self.what);
        problem
    }

    /// The fields that are wrong, as `field code`; it must be refused for them.
    #[track_caller]
    pub(super) fn invalid(self) -> Vec<String> {
        let problem = self.refused(422, "invalid");
        let errors = problem["errors"].as_array().expect("errors").iter();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let mut errors: Vec<String> =
            errors.map(|error| format!("{} {}", text(&error["field"]), text(&error["code"]))).collect();
        errors.sort();
        errors
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }
}
