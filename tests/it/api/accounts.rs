//! Signing up, in, on and out.

use serde_json::{Value, json};

use super::user::Shop;
use crate::harness::until;

const DEMO: &str = "/v1/restaurants/demo";

fn token(tokens: &Value, name: &str) -> String {
    tokens[name].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn nobody_gives_themselves_a_role() {
    let shop = Shop::open().await;
    let anon = shop.anon();
    let new = json!({"email": "new@example.com", "password": "long enough", "name": "새 사람"});
    let answer = anon.post("/v1/auth/sign-up", new.clone()).await;
    assert_eq!(answer.status, 201);
    let tokens = answer.did();
    assert_eq!(tokens["expires_in"], 3_600);
    let user = shop.with_token(&token(&tokens, "access_token"));
    user.get(&format!("{DEMO}/queue")).await.refused(403, "forbidden");
    // A signed-in guest has one ticket at a time.
    user.join().await;
    user.post(&format!("{DEMO}/tickets"), super::user::party(json!({}))).await.refused(409, "already_waiting");

    let mut again = new.clone();
    again["email"] = json!("NEW@example.com");
    anon.post("/v1/auth/sign-up", again).await.refused(409, "email_taken");
    let mut admin = new;
    admin["role"] = json!("admin");
    assert_eq!(anon.post("/v1/auth/sign-up", admin).await.invalid(), ["role unknown"]);
    let bad = json!({"email": "no address", "password": "short", "name": " "});
    assert_eq!(
        anon.post("/v1/auth/sign-up", bad).await.invalid(),
        ["email format", "name required", "password too_short"]
    );
    assert_eq!(
        anon.post("/v1/auth/sign-up", json!({})).await.invalid(),
        ["email required", "name required", "password required"]
    );
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_the_same() {
    let shop = Shop::open().await;
    let anon = shop.anon();
    let mut problems = Vec::new();
    for email in ["staff@demo.test", "nobody@demo.test"] {
        let answer = anon.post("/v1/auth/sign-in", json!({"email": email, "password": "wrong password"})).await;
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        let mut problem = answer.refused(401, "unauthenticated");
        problem["request_id"] = json!(null);
        problems.push(problem);
    }
    assert_eq!(problems[0], problems[1]);
}

#[tokio::test]
async fn a_refresh_token_is_good_once() {
    let shop = Shop::open().await;
    let anon = shop.anon();
    let credentials = json!({"email": "staff@demo.test", "password": "waitless-demo"});
    let first = anon.post("/v1/auth/sign-in", credentials).await.did();
    let refresh =
        async |tokens: &Value| anon.post("/v1/auth/refresh", json!({"refresh_token": tokens["refresh_token"]})).await;
    let second = refresh(&first).await.did();
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    let staff = shop.with_token(&token(&second, "access_token"));
    staff.get(&format!("{DEMO}/queue")).await.did();
    refresh(&first).await.refused(401, "unauthenticated");
    // Somebody has a copy: the whole session is over.
    refresh(&second).await.refused(401, "unauthenticated");
    staff.get(&format!("{DEMO}/queue")).await.refused(401, "unauthenticated");
    anon.post("/v1/auth/refresh", json!({"refresh_token": token(&second, "access_token")}))
        .await
        .refused(401, "unauthenticated");
    // And a refresh token is no access token.
    let confused = shop.with_token(&token(&second, "refresh_token"));
    confused.get(&format!("{DEMO}/queue")).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn signing_out_works_on_every_server() {
    let shop = Shop::open().await;
    let other = Shop::of(shop.app.sibling().await).await;
    let token = shop.app.token("staff").await;
    let queue = format!("{DEMO}/queue");
    other.with_token(&token).get(&queue).await.did();
    let here = shop.with_token(&token);
    here.send(here.request("POST", "/v1/auth/sign-out")).await.did();
    here.get(&queue).await.refused(401, "unauthenticated");
    let began = std::time::Instant::now();
    until("the other server knows", async || (other.with_token(&token).get(&queue).await.status == 401).then_some(()))
        .await;
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    // Without a session there is nothing to do.
    shop.anon().send(shop.anon().request("POST", "/v1/auth/sign-out")).await.did();
}

/// What a browser would send back.
fn cookie_of(answer: &super::user::Answer) -> String {
    answer.header("set-cookie").split(';').next().expect("a cookie").to_owned()
}

#[tokio::test]
async fn a_cookie_signs_in_pages_of_ours_only() {
    let shop = Shop::open().await;
    let anon = shop.anon();
    let credentials = json!({"email": "staff@demo.test", "password": "waitless-demo"});
    let answer = anon.post("/v1/auth/sign-in", credentials.clone()).await;
    let attributes = answer.header("set-cookie");
    for attribute in ["wl_session=", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=57600"] {
        assert!(attributes.contains(attribute), "{attributes}");
    }
    assert!(!attributes.contains("Secure"), "not on http: {attributes}");
    let cookie = cookie_of(&answer);
    let pause = |origin: Option<&str>| {
        let request = anon.request("PUT", &format!("{DEMO}/state")).header("cookie", &cookie);
        let request = request.json(&json!({"state": "open"}));
        match origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        }
    };
    let port = shop.app.addr.port();
    anon.send(pause(None)).await.did();
    for origin in [shop.app.url(""), format!("http://localhost:{port}")] {
        anon.send(pause(Some(&origin))).await.did();
    }
    for origin in
        ["https://evil.example", "http://127.0.0.1:1", "null", "nonsense", &format!("https://127.0.0.1:{port}")]
    {
        anon.send(pause(Some(origin))).await.refused(403, "forbidden");
        // A page cannot be made ours by the name it calls us by.
        anon.send(pause(Some("http://evil.example")).header("host", "evil.example")).await.refused(403, "forbidden");
    }
    // Reading is not changing, and a token is sent on purpose.
    let read = anon.request("GET", &format!("{DEMO}/queue")).header("cookie", &cookie);
    anon.send(read.header("origin", "https://evil.example")).await.did();
    let staff = shop.staff().await;
    let write = staff.request("PUT", &format!("{DEMO}/state")).json(&json!({"state": "open"}));
    staff.send(write.header("origin", "https://evil.example")).await.did();
    // Nobody is signed in as somebody else by a foreign page.
    let sign_in = anon.request("POST", "/v1/auth/sign-in").json(&credentials);
    anon.send(sign_in.header("origin", "https://evil.example")).await.refused(403, "forbidden");
    // A cookie that is not good is none; a token that is not good is refused.
    let stale = anon.request("GET", &format!("{DEMO}/board")).header("cookie", "wl_session=abc");
    anon.send(stale).await.did();
    shop.with_token("abc").get(&format!("{DEMO}/board")).await.refused(401, "unauthenticated");
    // Signing out takes the cookie away.
    let out = anon.send(anon.request("POST", "/v1/auth/sign-out").header("cookie", &cookie)).await;
    assert!(out.header("set-cookie").contains("wl_session=;") && out.header("set-cookie").contains("Max-Age=0"));
    let read = anon.request("GET", &format!("{DEMO}/queue")).header("cookie", &cookie);
    anon.send(read).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn configured_origins_are_allowed_and_https_cookies_are_secure() {
    let app = crate::harness::app::TestApp::start_with(|config| {
        config.public_url = "https://wait.example".parse().expect("a URL");
        config.origins = vec!["https://partner.example".parse().expect("a URL")];
    });
    let shop = Shop::of(app.await).await;
    let anon = shop.anon();
    let sign_in = |origin: &str| {
        let body = json!({"email": "staff@demo.test", "password": "waitless-demo"});
        anon.request("POST", "/v1/auth/sign-in").json(&body).header("origin", origin)
    };
    for origin in ["https://wait.example", "https://partner.example"] {
        let answer = anon.send(sign_in(origin)).await;
        assert!(answer.header("set-cookie").ends_with("; Secure"), "{}", answer.header("set-cookie"));
    }
    anon.send(sign_in("https://partner.example.evil.example")).await.refused(403, "forbidden");
}
