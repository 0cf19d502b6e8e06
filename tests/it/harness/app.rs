//! A whole server in the test's process, with keys and a database of its own and the demo restaurant in it.

use std::{net::SocketAddr, sync::Arc};

use rand::RngExt as _;
use serde_json::{Value, json};
use waitless::{
    app::App,
    config::{Config, Secret, default_public_url},
    db::Db,
    service::{demo, passwords::Passwords},
};

use super::database;

/// A running server. Stops when it is dropped.
pub struct TestApp {
    app: Option<App>,
    pub config: Config,
    pub addr: SocketAddr,
    pub http: reqwest::Client,
    database: Arc<database::TestDatabase>,
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// A server whose settings are changed before it starts.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let database = database::fresh_database().await;
        let listen: SocketAddr = ([127, 0, 0, 1], 0).into();
        let mut config = Config {
            listen,
            public_url: default_public_url(listen),
            redis_url: Secret::from(super::given("WAITLESS_TEST_REDIS_URL")),
            database_url: database.url.clone(),
            secret: Secret::from("a secret of the tests, long enough".to_owned()),
            origins: Vec::new(),
            trusted_proxies: Vec::new(),
            worker: true,
            keep_tickets_days: 90,
            limits: false,
            drain: std::time::Duration::from_millis(200),
            namespace: format!("t{:016x}", rand::rng().random::<u64>()),
            dev: true,
        };
        change(&mut config);
        // As `waitless dev` does before it starts a server.
        let db = Db::connect_lazy(&config.database_url).expect("a URL");
        let password = Secret::from(demo::PASSWORD.to_owned());
        demo::load(&db, &Passwords::default(), &password).await.expect("the demo is loaded");
        Self::run(config, Arc::new(database)).await
    }

    /// Another server on the same Redis, keys and database.
    pub async fn sibling(&self) -> Self {
        Self::run(self.config.clone(), Arc::clone(&self.database)).await
    }

    /// The same with settings of its own.
    pub async fn sibling_with(&self, config: Config) -> Self {
        Self::run(config, Arc::clone(&self.database)).await
    }

    async fn run(config: Config, database: Arc<database::TestDatabase>) -> Self {
        let listener = tokio::net::TcpListener::bind(config.listen).await.expect("a free port");
        let addr = listener.local_addr().expect("bound");
        let app = App::start(listener, config.clone()).await.expect("the server starts");
        let http = reqwest::Client::builder().build().expect("a client");
        let test = Self { app: Some(app), config, addr, http, database };
        super::until("the server is ready", async || {
            let ready = test.http.get(test.url("/readyz")).send().await;
            ready.is_ok_and(|answer| answer.status().is_success()).then_some(())
        })
        .await;
        test
    }

    /// Its database.
    pub(crate) fn database(&self) -> &database::TestDatabase {
        &self.database
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub fn ws(&self, path: &str) -> String {
        format!("ws://{}{path}", self.addr)
    }

    /// An access token of one of the demo's people: `staff`, `owner` or `admin`.
    pub async fn token(&self, who: &str) -> String {
        let body = json!({ "email": format!("{who}@demo.test"), "password": demo::PASSWORD });
        let answer = self.http.post(self.url("/v1/auth/sign-in")).json(&body).send().await.expect("an answer");
        assert!(answer.status().is_success(), "sign-in of {who}: {}", answer.status());
        let tokens: Value = answer.json().await.expect("JSON");
        tokens["access_token"].as_str().expect("a token").to_owned()
    }

    /// Stops it as SIGTERM does.
    pub async fn stop(mut self) {
        if let Some(app) = self.app.take() {
            app.stop().await;
        }
    }
}
