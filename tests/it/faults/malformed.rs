//! Malformed frames, bodies, headers and paths at volume. The server never answers 500, never hangs, says with the
//! contract's code why it closes, and serves afterwards as before.
//!
//! What is sent is generated from [`SEEDS`], so every run sends the same; [`KEPT`] are inputs that once went wrong.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::select,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};

use super::{
    bounded::DEMO,
    raw::{Ended, Raw, masked},
    report::Report,
    scale,
};
use crate::harness::app::TestApp;

/// Each makes as many inputs as the scale says.
const SEEDS: [u64; 4] = [4, 20_261_122, 0xdead_beef, 77];

/// Bodies that are kept, each with an endpoint's place in [`endpoints`]: the edges that generation seldom meets.
const KEPT: &[(usize, &str)] = &[
    (0, "\u{feff}{}"),
    (0, r#"{"line":"\ud800","adults":1,"channel":"onsite"}"#),
    (0, r#"{"line":"A","adults":1e400,"channel":"onsite"}"#),
    (0, r#"{"line":"A","adults":1,"channel":"onsite","phone":"\u0000"}"#),
    (0, r#"{"line":"A","adults":1,"channel":"onsite","name":"\u0000\u0007"}"#),
    (0, r#"{"line":"A","adults":1,"adults":2,"channel":"onsite"}"#),
    (1, r#"{"number":"\u0000","code":"\u0000"}"#),
    (2, r#"{"email":"\u0000@\u0000","password":"\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000","name":"\u0000"}"#),
    (3, r#"{"email":"a@b.test\u0000","password":"x"}"#),
    (4, r#"{"refresh_token":"\u0000"}"#),
    (8, r#"{"text":"\u0000","until":9999999999999}"#),
    (9, r#"{"left":9999999999999999}"#),
    (10, r#"{"by":-9223372036854775808}"#),
];

/// A request is answered within this: no call waits longer than 2 s for what is behind it, and this machine is busy.
const ANSWER_MAX: Duration = Duration::from_secs(7);

fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// Values of a strategy: of every seed as many.
fn generated<S: Strategy>(strategy: &S, of_each_seed: usize) -> Vec<S::Value> {
    let of_seed = |seed| {
        let mut runner = runner(seed);
        (0..of_each_seed).map(|_| strategy.new_tree(&mut runner).expect("a value").current()).collect::<Vec<_>>()
    };
    SEEDS.into_iter().flat_map(of_seed).collect()
}

/// What is sent over a WebSocket, and how it has to end.
#[derive(Clone, Debug)]
struct Nonsense {
    kind: &'static str,
    bytes: Vec<u8>,
    /// The code it is closed with; `None`: it need not be closed, or with any of the codes.
    code: Option<u16>,
}

/// One kind of nonsense each.
fn nonsense() -> impl Strategy<Value = Nonsense> {
    let of = |kind, bytes: Vec<u8>, code| Nonsense { kind, bytes, code: Some(code) };
    let some = || vec(any::<u8>(), 0..100);
    // A text that goes on: FIN is not set.
    let open_text = masked(0x01, b"{");
    prop_oneof![
        (select(vec![3_u8, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf]), some()).prop_map(move |(opcode, payload)| of(
            "bad_opcode",
            masked(0x80 | opcode, &payload),
            1002
        )),
        (select(vec![0x40_u8, 0x20, 0x10, 0x70]), some()).prop_map(move |(bits, payload)| of(
            "reserved_bits",
            masked(0x81 | bits, &payload),
            1002
        )),
        vec(b' '..=b'~', 1..100).prop_map(move |payload| {
            let len = u8::try_from(payload.len()).expect("small");
            of("unmasked", [vec![0x81, len], payload].concat(), 1002)
        }),
        some().prop_map(move |payload| of("continuation_of_nothing", masked(0x80, &payload), 1002)),
        some().prop_map({
            let open_text = open_text.clone();
            move |payload| of("text_within_text", [open_text.clone(), masked(0x81, &payload)].concat(), 1002)
        }),
        vec(any::<u8>(), 126..400).prop_map(move |payload| of("long_ping", masked(0x89, &payload), 1002)),
        some().prop_map(move |payload| of("fragmented_ping", masked(0x09, &payload), 1002)),
        vec(any::<u8>(), 1..100).prop_map(move |payload| of("binary", masked(0x82, &payload), 1003)),
        (some(), select(vec![&[0xff_u8][..], &[0xc0, 0x80], &[0xed, 0xa0, 0x80], &[0xf8]])).prop_map(
            move |(payload, wrong)| {
                let text = [b"\"".as_slice(), wrong, &payload].concat();
                of("no_utf_8", masked(0x81, &text), 1007)
            }
        ),
        "[a-z{\\[,:]{1,80}"
            .prop_filter("no JSON", |text| serde_json::from_str::<Value>(text).is_err())
            .prop_map(move |text| of("no_json", masked(0x81, text.as_bytes()), 1007)),
        (1_025_usize..4_000).prop_map(move |len| of("long_text", masked(0x81, &vec![b'x'; len]), 1009)),
        (5_000_usize..20_000).prop_map(move |len| of("very_long_text", masked(0x81, &vec![b'x'; len]), 1009)),
        (40..62_u32).prop_map(move |bits| {
            let header = [&[0x81, 0xff][..], &(1_u64 << bits).to_be_bytes(), &[0; 4]].concat();
            of("endless_text", header, 1009)
        }),
        (11_usize..30).prop_map({
            let open_text = open_text.clone();
            move |count| {
                let more = masked(0x00, &[b'x'; 400]).repeat(count);
                of("endless_fragments", [open_text.clone(), more].concat(), 1009)
            }
        }),
        any::<u8>().prop_map(move |byte| of("close_of_one_byte", masked(0x88, &[byte]), 1002)),
        // What may be gone through: the rest is a flood of bytes without any meaning, or the end within a frame.
        vec(any::<u8>(), 1..300).prop_map(|bytes| Nonsense { kind: "noise", bytes, code: None }),
        (vec(any::<u8>(), 1..100), any::<proptest::sample::Index>()).prop_map(|(payload, at)| {
            let whole = masked(0x81, &payload);
            let len = at.index(whole.len());
            Nonsense { kind: "truncated", bytes: whole[..len].to_vec(), code: None }
        }),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames() {
    let mut report = Report::of("malformed_frames");
    let app = TestApp::start().await;
    let inputs = generated(&nonsense(), 100 * scale());
    let mut ends: BTreeMap<String, u64> = BTreeMap::new();
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    let mut slowest = Duration::ZERO;
    for some in inputs.chunks(16) {
        let talks = some.iter().map(async |nonsense| {
            let mut raw = Raw::connect(app.addr, 1).await.expect("connected");
            let answer = raw.upgrade(&format!("{DEMO}/board/live"), "").await.expect("an answer");
            assert_eq!(answer.status, 101);
            let (opcode, _) = raw.frame().await.expect("a first frame");
            assert_eq!(opcode, 1);
            let began = Instant::now();
            // It may be closed before everything is sent.
            let _ = raw.send(&nonsense.bytes).await;
            if nonsense.code.is_none() {
                // No more comes: then it has to end in any case.
                let _ = tokio::io::AsyncWriteExt::shutdown(&mut raw.stream).await;
            }
            (raw.ending(ANSWER_MAX).await, began.elapsed())
        });
        for (nonsense, (end, took)) in some.iter().zip(join_all(talks).await) {
            match (&end, nonsense.code) {
                (Ended::Closed(code), Some(expected)) => assert_eq!(*code, Some(expected), "{nonsense:?}"),
                (Ended::Closed(Some(1000..=1003 | 1007 | 1009)) | Ended::Cut, None) => {}
                _ => panic!("{end:?} of {nonsense:?}"),
            }
            slowest = slowest.max(took);
            *kinds.entry(nonsense.kind).or_default() += 1;
            *ends.entry(format!("{end:?}")).or_default() += 1;
        }
    }
    report.figure("inputs", inputs.len());
    report.figure("kinds", json!(kinds));
    report.figure("ends", json!(ends));
    report.figure("slowest_ms", slowest.as_millis() as u64);
    serves_as_before(&app).await;
}

/// A call with a body that is right.
struct Endpoint {
    name: &'static str,
    method: &'static str,
    path: String,
    body: Value,
    staff: bool,
}

async fn endpoints(app: &TestApp) -> Vec<Endpoint> {
    let party = json!({ "line": "A", "adults": 2, "channel": "onsite" });
    let joined = app.http.post(app.url(&format!("{DEMO}/tickets"))).json(&party).send().await.expect("an answer");
    let joined: Value = joined.json().await.expect("JSON");
    let ticket = joined["id"].as_str().expect("an id");
    let menu = app.http.get(app.url(&format!("{DEMO}/menu"))).send().await.expect("an answer");
    let menu: Value = menu.json().await.expect("JSON");
    let item = menu["items"][0]["id"].as_str().expect("an id").to_owned();
    let at = |path: &str| format!("{DEMO}{path}");
    let of = |name, method, path, body, staff| Endpoint { name, method, path, body, staff };
    vec![
        of(
            "join",
            "POST",
            at("/tickets"),
            json!({
                "line": "A", "adults": 2, "children": 1, "channel": "remote", "phone": "010-1234-5678", "name": "손님",
                "lang": "ko", "items": [{ "item": item, "quantity": 1 }], "if_sold_out": "drop", "door": "0123",
            }),
            false,
        ),
        of("find", "POST", at("/tickets/find"), json!({ "number": "A001", "code": "0000" }), false),
        of(
            "sign_up",
            "POST",
            "/v1/auth/sign-up".to_owned(),
            json!({
                "email": "new@guest.test", "password": "long enough 1", "name": "New",
            }),
            false,
        ),
        of(
            "sign_in",
            "POST",
            "/v1/auth/sign-in".to_owned(),
            json!({
                "email": "nobody@guest.test", "password": "guessed",
            }),
            false,
        ),
        of("refresh", "POST", "/v1/auth/refresh".to_owned(), json!({ "refresh_token": "x.y.z" }), false),
        of("delay", "POST", format!("/v1/tickets/{ticket}/delay"), json!({ "places": 1 }), false),
        of("check_in", "POST", format!("/v1/tickets/{ticket}/check-in"), json!({ "door": "0123" }), false),
        of("state", "PUT", at("/lines/B/state"), json!({ "state": "open", "until": null, "reason": "x" }), true),
        of("announce", "PUT", at("/announcement"), json!({ "text": "soup", "until": 9_000_000_000_000_i64 }), true),
        of("stock_set", "PUT", at(&format!("/stock/{item}")), json!({ "left": 5 }), true),
        of("stock_adjust", "POST", at(&format!("/stock/{item}/adjust")), json!({ "by": 1 }), true),
        of("call_next", "POST", at("/lines/A/call-next"), json!({ "party_min": 1, "party_max": 4, "to": "x" }), true),
        of("edit", "PATCH", at(&format!("/tickets/{ticket}")), json!({ "adults": 2, "note": "x", "name": "y" }), true),
        of("call", "POST", at(&format!("/tickets/{ticket}/call")), json!({ "reason": "table_fit", "to": "x" }), true),
        of("put_back", "POST", at(&format!("/tickets/{ticket}/put-back")), json!({ "places": 1 }), true),
        of("restore", "POST", at(&format!("/tickets/{ticket}/restore")), json!({ "places": 0 }), true),
        of(
            "policy",
            "PATCH",
            at("/policy"),
            json!({ "grace_s": 300, "day_starts": "05:00", "presence": "open" }),
            true,
        ),
    ]
}

/// How a body is made wrong.
#[derive(Clone, Debug)]
enum Damage {
    Replace(usize, Value),
    Remove(usize),
    Add(String, Value),
    /// The same field twice, as text.
    Double(usize, Value),
    Nest(usize, usize),
    Whole(Value),
    Cut(proptest::sample::Index),
    Flip(proptest::sample::Index, u8),
    Insert(proptest::sample::Index, Vec<u8>),
    Fill(usize),
    None,
}

fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        select(vec![0_i64, -1, 1, 21, 1_000, 9_007_199_254_740_993, 99_999_999_999_999, i64::MIN, i64::MAX])
            .prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        select(vec!["", " ", "\0", "A\0", "Z", "a", "\u{202e}x", "﷽", "0123", "٠١٢٣", "' OR 1=1 --", "${x}", "05:00"])
            .prop_map(Value::from),
        (60_usize..5_000).prop_map(|len| Value::from("가".repeat(len))),
        vec(any::<i32>(), 0..50).prop_map(Value::from),
        Just(json!({})),
        Just(json!([{ "item": "\0", "quantity": 1 }])),
        Just(json!([{ "item": "x", "quantity": 1, "more": 1 }, null, 3])),
        (20_usize..2_000).prop_map(|len| Value::from(vec![json!({ "item": "x", "quantity": 1 }); len])),
    ]
}

fn damage() -> impl Strategy<Value = Damage> {
    use proptest::sample::Index;
    prop_oneof![
        4 => (any::<usize>(), odd()).prop_map(|(field, value)| Damage::Replace(field, value)),
        1 => any::<usize>().prop_map(Damage::Remove),
        1 => ("\\PC{0,20}", odd()).prop_map(|(name, value)| Damage::Add(name, value)),
        1 => (any::<usize>(), odd()).prop_map(|(field, value)| Damage::Double(field, value)),
        1 => (any::<usize>(), 1_usize..20_000).prop_map(|(field, depth)| Damage::Nest(field, depth)),
        1 => odd().prop_map(Damage::Whole),
        1 => any::<Index>().prop_map(Damage::Cut),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Flip(at, byte)),
        1 => (any::<Index>(), prop_oneof![
            vec(any::<u8>(), 1..20),
            select(vec![&b"\\ud800"[..], b"\\udc00\\ud800", b"\\u0000", b"\0", b"\xff", b"\xed\xa0\x80", b"//", b"NaN"])
                .prop_map(<[u8]>::to_vec),
        ]).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        1 => (60_000_usize..70_000).prop_map(Damage::Fill),
        1 => Just(Damage::None),
    ]
}

fn damaged(body: &Value, damage: &Damage) -> Vec<u8> {
    let mut body = body.clone();
    let fields: Vec<String> = body.as_object().expect("an object").keys().cloned().collect();
    let name = |field: &usize| fields[field % fields.len()].clone();
    let text = |body: &Value| body.to_string().into_bytes();
    match damage {
        Damage::Replace(field, value) => body[name(field)] = value.clone(),
        Damage::Remove(field) => {
            body.as_object_mut().expect("an object").remove(&name(field));
        }
        Damage::Add(field, value) => body[field.as_str()] = value.clone(),
        Damage::Double(field, value) => {
            let text = body.to_string();
            let twice = format!("{},{}:{value}}}", &text[..text.len() - 1], Value::from(name(field)));
            return twice.into_bytes();
        }
        Damage::Nest(field, depth) => {
            let mark = "\"nest\"";
            body[name(field)] = Value::from("nest");
            let deep = format!("{}{}", "[".repeat(*depth), "]".repeat(*depth));
            return body.to_string().replace(mark, &deep).into_bytes();
        }
        Damage::Whole(value) => body = value.clone(),
        Damage::Cut(at) => {
            let mut bytes = text(&body);
            bytes.truncate(at.index(bytes.len()));
            return bytes;
        }
        Damage::Flip(at, byte) => {
            let mut bytes = text(&body);
            let at = at.index(bytes.len());
            bytes[at] = *byte;
            return bytes;
        }
        Damage::Insert(at, more) => {
            let mut bytes = text(&body);
            let at = at.index(bytes.len());
            bytes.splice(at..at, more.iter().copied());
            return bytes;
        }
        Damage::Fill(len) => {
            let mut bytes = text(&body);
            bytes.resize((*len).max(bytes.len()), b' ');
            return bytes;
        }
        Damage::None => {}
    }
    text(&body)
}

/// What the contract lets a call with a wrong body be answered with. 401 is what a wrong password is answered with.
fn may_be(status: u16) -> bool {
    matches!(status, 200 | 201 | 204 | 400 | 401 | 404 | 409 | 413 | 415 | 422 | 429)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies() {
    let mut report = Report::of("malformed_bodies");
    let app = TestApp::start().await;
    let owner = app.token("owner").await;
    let endpoints = endpoints(&app).await;
    let types =
        vec![None, Some("text/plain"), Some("application/json; charset=utf-16"), Some("é"), Some("application/")];
    let types = prop_oneof![9 => Just(Some("application/json")), 1 => select(types)];
    let generated = generated(&(any::<usize>(), damage(), types), 250 * scale());
    let inputs = generated.iter().map(|(endpoint, damage, content_type)| {
        let index = endpoint % endpoints.len();
        (index, damaged(&endpoints[index].body, damage), *content_type)
    });
    let kept = KEPT.iter().map(|(index, body)| (*index, body.as_bytes().to_vec(), Some("application/json")));
    let inputs: Vec<_> = kept.chain(inputs).collect();
    let mut counts: BTreeMap<&str, BTreeMap<u16, u64>> = BTreeMap::new();
    let mut slowest = Duration::ZERO;
    for some in inputs.chunks(8) {
        let calls = some.iter().map(async |(index, body, content_type)| {
            let Endpoint { method, path, staff, .. } = &endpoints[*index];
            let mut request = app.http.request(method.parse().expect("a method"), app.url(path)).body(body.clone());
            if let Some(content_type) = content_type {
                request = request.header("content-type", content_type.as_bytes());
            }
            if *staff {
                request = request.bearer_auth(&owner);
            }
            let began = Instant::now();
            let answer = request.send().await.unwrap_or_else(|error| panic!("{path}: {error:?}"));
            let status = answer.status().as_u16();
            let json = answer.headers()["content-type"].to_str().expect("text").contains("json");
            let body = answer.bytes().await.expect("a body");
            (status, json && serde_json::from_slice::<Value>(&body).is_ok() || status == 204, began.elapsed())
        });
        for ((index, body, _), (status, is_json, took)) in some.iter().zip(join_all(calls).await) {
            let said = || String::from_utf8_lossy(&body[..body.len().min(400)]).into_owned();
            let name = endpoints[*index].name;
            assert!(may_be(status) && is_json, "{name}: {status} for {}", said());
            assert!(took < ANSWER_MAX, "{name}: {took:?} for {}", said());
            slowest = slowest.max(took);
            *counts.entry(name).or_default().entry(status).or_default() += 1;
        }
    }
    assert!(counts.len() == endpoints.len() && counts.values().all(|statuses| statuses.len() > 1), "{counts:?}");
    report.figure("inputs", inputs.len());
    report.figure("statuses", json!(counts));
    report.figure("slowest_ms", slowest.as_millis() as u64);
    serves_as_before(&app).await;
}

/// A request as bytes: every part of its head may be wrong.
fn head() -> impl Strategy<Value = Vec<u8>> {
    let methods = vec!["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "get", "G T", "", "\0"];
    let paths = vec![
        "/",
        "",
        "*",
        "//",
        "/..",
        "/../../etc/passwd",
        "/static/../Cargo.toml",
        "/static/%2e%2e/%2e%2e/x",
        "/v1/",
        "/v1/restaurants/%00",
        "/v1/restaurants/demo%2fboard",
        "/v1/restaurants/%ff%fe/board",
        "/t/%",
        "/t/%0d%0aX:y",
        "/v1/restaurants?limit=99999999999999999999",
        "/v1/restaurants?after=%00",
        "/v1/restaurants?limit=1&limit=2",
        "/v1/tickets/0",
        "/v1/tickets/000000000000000000000000000000000",
        "/v1/restaurants/demo/lines/%F0%9F%8D%9C/call-next",
        "http://evil.example/v1/restaurants",
        "/v1/restaurants/demo/board/live",
        "/console/demo?x=<script>",
        "/readyz",
    ];
    let versions = vec!["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/9", ""];
    let headers = vec![
        "Content-Length: -1",
        "Content-Length: 99999999999999999999",
        "Content-Length: 5\r\nContent-Length: 6",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: gzip",
        "Expect: nonsense",
        "Host:",
        "Host: a\r\nHost: b",
        "Host: evil.example",
        "Cookie: wl_session=\u{1}",
        "Cookie: wl_session=a.b.c; ;;=",
        "Authorization: Bearer",
        "Authorization: \u{7f}",
        "Idempotency-Key: short",
        "X-Request-Id: {{}}\u{e9}",
        "X-Forwarded-For: ,,,::1,",
        "Origin: %%",
        "Upgrade: websocket\r\nConnection: Upgrade",
        "Sec-WebSocket-Version: 12",
        "Range: bytes=0-",
        ": x",
        "A",
        "A : b",
        "Accept-Encoding: br;q=9,*;q=x",
        "If-None-Match: \"",
        "Connection: close, close",
        "Content-Type: \u{0}",
    ];
    let text = |lines: Vec<&'static str>| select(lines).prop_map(|line| line.as_bytes().to_vec());
    let right = |text: &'static str| Just(text.as_bytes().to_vec());
    let noise = || vec(any::<u8>(), 0..60);
    let path = prop_oneof![4 => text(paths), 1 => "/[ -~]{0,80}".prop_map(String::into_bytes), 1 => noise()];
    let header = prop_oneof![5 => text(headers), 1 => noise()];
    // Most parts are right most of the time, so that the wrong one is reached.
    (
        prop_oneof![3 => right("GET"), 2 => right("POST"), 2 => text(methods)],
        prop_oneof![1 => right("/v1/restaurants/demo/board"), 1 => path],
        prop_oneof![6 => right("HTTP/1.1"), 1 => text(versions)],
        prop_oneof![1 => Just(Vec::new()), 1 => vec(header, 1..3)],
        prop_oneof![9 => Just(&b"\r\n"[..]), 1 => Just(&b""[..])],
        prop_oneof![4 => Just(Vec::new()), 1 => noise()],
    )
        .prop_map(|(method, path, version, headers, end, rest)| {
            let mut bytes = [method, path, version].join(&b' ');
            bytes.extend_from_slice(b"\r\nHost: x\r\nConnection: close\r\n");
            for header in headers {
                bytes.extend(header);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(end);
            bytes.extend(rest);
            bytes
        })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads() {
    let mut report = Report::of("malformed_heads");
    let app = TestApp::start().await;
    let inputs = generated(&head(), 250 * scale());
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut slowest = Duration::ZERO;
    for some in inputs.chunks(40) {
        let calls = some.iter().map(async |head| {
            let mut raw = Raw::connect(app.addr, 1).await.expect("connected");
            let began = Instant::now();
            let _ = raw.send(head).await;
            // What is whole is answered. For the rest nothing more comes, so it has to be ended.
            let answer = match tokio::time::timeout(Duration::from_millis(500), raw.answer()).await {
                Ok(answer) => Ok(answer),
                Err(_) => {
                    let _ = tokio::io::AsyncWriteExt::shutdown(&mut raw.stream).await;
                    tokio::time::timeout(ANSWER_MAX, raw.answer()).await
                }
            };
            (answer.map(|answer| answer.map(|answer| answer.status)), began.elapsed())
        });
        for (head, (answer, took)) in some.iter().zip(join_all(calls).await) {
            let said = || String::from_utf8_lossy(head).into_owned();
            let status = answer.unwrap_or_else(|_| panic!("nothing within {ANSWER_MAX:?}: {:?}", said()));
            assert!(status.is_none_or(|status| status < 500), "{status:?}: {:?}", said());
            slowest = slowest.max(took);
            *counts.entry(status.map_or_else(|| "closed".to_owned(), |status| status.to_string())).or_default() += 1;
        }
    }
    assert!(counts.len() > 3, "{counts:?}");
    report.figure("inputs", inputs.len());
    report.figure("outcomes", json!(counts));
    report.figure("slowest_ms", slowest.as_millis() as u64);
    serves_as_before(&app).await;
}

/// Nobody is left over, no handler failed or panicked (a panic is answered 500 `internal`, and counted), and a guest
/// joins as ever.
async fn serves_as_before(app: &TestApp) {
    let text = async || {
        let answer = app.http.get(app.url("/metrics")).send().await.expect("an answer");
        answer.text().await.expect("text")
    };
    crate::harness::until("nobody watches", async || {
        text().await.contains("waitless_hub_watchers{kind=\"board\"} 0").then_some(())
    })
    .await;
    assert!(!text().await.contains("code=\"internal\""), "something was answered 500");
    let party = json!({ "line": "B", "adults": 2, "channel": "onsite" });
    let reopened = json!({ "state": "open" });
    let token = app.token("owner").await;
    for path in ["/state", "/lines/B/state"] {
        let request = app.http.put(app.url(&format!("{DEMO}{path}"))).bearer_auth(&token).json(&reopened);
        assert_eq!(request.send().await.expect("an answer").status().as_u16(), 200);
    }
    let policy = json!({ "capacity": null, "daily_max": null, "party_min": 1, "party_max": 8, "presence": "open" });
    let request = app.http.patch(app.url(&format!("{DEMO}/policy"))).bearer_auth(&token).json(&policy);
    assert_eq!(request.send().await.expect("an answer").status().as_u16(), 200);
    let joined = app.http.post(app.url(&format!("{DEMO}/tickets"))).json(&party).send().await.expect("an answer");
    assert_eq!(joined.status().as_u16(), 201);
}
