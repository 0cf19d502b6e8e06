//! What every answer has, what unknown paths get, and what operators see.

use serde_json::{Value, json};

use super::user::{Shop, id, own};

#[tokio::test]
async fn every_answer_has_its_headers() {
    let shop = Shop::open().await;
    let anon = shop.anon();
    let ticket = anon.join().await;
    for (method, path) in [
        ("GET", "/v1/restaurants/demo"),
        ("GET", own(&ticket, "").as_str()),
        ("GET", "/v1/restaurants/nowhere"),
        ("GET", "/nowhere"),
        ("DELETE", "/v1/restaurants/demo"),
        ("GET", "/healthz"),
        ("GET", "/openapi.json"),
        ("GET", "/v1/restaurants/demo/queue"),
    ] {
        let answer = shop.app.http.request(method.parse().expect("a method"), shop.app.url(path)).send().await;
        let headers = answer.expect("an answer").headers().clone();
        let header = |name: &str| headers.get(name).map_or("", |value| value.to_str().expect("text"));
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert!(header("x-request-id").len() >= 16, "{path}");
    }
    assert_eq!(anon.get(&own(&ticket, "")).await.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_request_has_one_id() {
    let shop = Shop::open().await;
    let anon = shop.anon();
    let send =
        async |id: &str| anon.send(anon.request("GET", "/v1/restaurants/nowhere").header("x-request-id", id)).await;
    let answer = send("from-the-proxy-1").await;
    assert_eq!(answer.header("x-request-id"), "from-the-proxy-1");
    assert_eq!(answer.refused(404, "not_found")["request_id"], "from-the-proxy-1");
    for odd in ["<script>", "a b", &"x".repeat(129)] {
        let answer = send(odd).await;
        assert_ne!(answer.header("x-request-id"), odd);
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let shop = Shop::open().await;
    let anon = shop.anon();
    for path in ["/nowhere", "/v1", "/v1/", "/v1/nothing", "/v1/restaurants/demo/nothing", "/v1/restaurants/%ff"] {
        let problem = anon.get(path).await.refused(404, "not_found");
        assert_eq!((&problem["status"], &problem["type"]), (&json!(404), &json!("urn:waitless:problem:not_found")));
    }
    let answer = anon.delete("/v1/restaurants/demo/tickets").await;
    assert_eq!(answer.header("allow"), "POST");
    answer.refused(405, "method_not_allowed");
    let answer = anon.delete("/v1/restaurants/demo").await;
    assert_eq!(answer.header("allow"), "GET,HEAD");
    answer.refused(405, "method_not_allowed");
    anon.send(anon.request("OPTIONS", "/v1/restaurants/demo/tickets")).await.refused(405, "method_not_allowed");
}

#[tokio::test]
async fn the_document_describes_everything() {
    let shop = Shop::open().await;
    let document = &shop.contract.document;
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")), "{}", document["openapi"]);
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    for frame in ["BoardFrame", "TicketFrame", "QueueFrame", "DeltaFrame", "Tick", "Bye", "Problem"] {
        assert!(schemas.contains_key(frame), "{frame}");
    }
    let securities = document["components"]["securitySchemes"].as_object().expect("schemes");
    assert!(securities.contains_key("bearer") && securities.contains_key("cookie"));
    let mut names = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            names.push(
                operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no name")).to_owned(),
            );
            assert!(operation["summary"].is_string(), "{method} {path} has no summary");
        }
    }
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count, "names are unique");
    // Every reference leads somewhere.
    let mut references = Vec::new();
    collect_references(document, &mut references);
    for reference in references {
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect_references(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get("$ref") {
                references.push(reference.clone());
            }
            map.values().for_each(|value| collect_references(value, references));
        }
        Value::Array(list) => list.iter().for_each(|value| collect_references(value, references)),
        _ => {}
    }
}

#[tokio::test]
async fn the_documentation_can_be_read() {
    let shop = Shop::open().await;
    let page = shop.app.http.get(shop.app.url("/docs")).send().await.expect("an answer");
    assert_eq!(page.status(), 200);
    let text = page.text().await.expect("text");
    // The policy lets nothing inline run, and nothing inline is there.
    assert!(text.contains("swagger-ui") && !text.contains("<style>") && !text.contains("onload="), "{text}");
    let initializer = shop.app.http.get(shop.app.url("/docs/swagger-initializer.js")).send().await.expect("an answer");
    assert!(initializer.text().await.expect("text").contains("/openapi.json"));
}

#[tokio::test]
async fn operators_see_figures_and_no_ids() {
    let shop = Shop::open().await;
    let (anon, staff) = (shop.anon(), shop.staff().await);
    let ticket = anon.join().await;
    anon.get(&own(&ticket, "")).await.did();
    anon.delete(&own(&ticket, "")).await.did();
    anon.delete(&own(&ticket, "")).await.refused(409, "already_final");
    staff.put("/v1/restaurants/demo/state", json!({"state": "open"})).await.did();
    anon.get(&format!("/made/up/{}", id(&ticket))).await.refused(404, "not_found");
    let answer = anon.get("/metrics").await;
    let text = String::from_utf8(answer.bytes).expect("text");
    for line in [
        "waitless_http_requests_total{method=\"GET\",route=\"/v1/tickets/{t}\",status=\"200\"} 1",
        "waitless_http_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\"} 1",
        "waitless_line_joins_total{channel=\"onsite\"} 1",
        "waitless_line_commands_total{command=\"cancel\",outcome=\"done\"} 1",
        "waitless_line_commands_total{command=\"cancel\",outcome=\"refused\"} 1",
        "waitless_http_refusals_total{code=\"already_final\"} 1",
        "waitless_redis_call_duration_seconds_count{command=\"join\"} 1",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    assert!(!text.contains(id(&ticket)) && !text.contains("A001"));
    assert_eq!(anon.get("/version").await.did()["protocol"], "waitless.v1");
    assert_eq!(anon.get("/healthz").await.did()["status"], "ok");
}

#[tokio::test]
async fn whoever_asks_too_often_is_told_when_to_come_back() {
    let app = crate::harness::app::TestApp::start_with(|config| config.limits = true).await;
    let shop = Shop::of(app).await;
    let anon = shop.anon();
    let guess =
        async || anon.post("/v1/restaurants/demo/tickets/find", json!({"number": "A001", "code": "0000"})).await;
    let mut tries = 0;
    let refused = loop {
        let answer = guess().await;
        if answer.status == 429 {
            break answer;
        }
        tries += 1;
        assert!(tries < 1_000, "there is no limit");
    };
    assert!(tries >= 50, "a shop's Wi-Fi is one address: {tries}");
    assert!(refused.header("retry-after").parse::<u32>().expect("seconds") >= 1);
    refused.refused(429, "too_many_requests");
    anon.join().await;
}
