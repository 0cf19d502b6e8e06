//! What happens on the wire itself: a reader that stops reading, and pages of other people.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::TcpSocket;

use super::{
    bounded::{Bounded, DEMO, memory_kib},
    raw::{Ended, Raw, masked},
    report::Report,
    scale,
};
use crate::harness::{app::TestApp, until, watch::Watcher};

const CONSOLES: &str = "waitless_hub_watchers{kind=\"console\"}";

async fn join(app: &TestApp, token: &str, note: &str) -> Value {
    let party = json!({ "line": "A", "adults": 2, "channel": "onsite", "note": note });
    let request = app.http.post(app.url(&format!("{DEMO}/tickets"))).bearer_auth(token).json(&party);
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 201);
    answer.json().await.expect("JSON")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_stops_reading() {
    let mut report = Report::of("wire_reader_that_stops_reading");
    let app = TestApp::start().await;
    let token = app.token("staff").await;
    let unwritable_max = Duration::from_secs(if scale() > 1 { 10 } else { 2 });
    let server = Bounded::beside(&app, |bounds| {
        bounds.hub.unwritable_max = unwritable_max;
        // Whole states may be asked for at once, to fill what the kernel holds between server and client; and there is
        // time to begin to read again before the connection is cut.
        bounds.hub.resync_gap = Duration::from_millis(1);
        bounds.hub.close_max = Duration::from_secs(20);
    })
    .await;
    for _ in 0..100 {
        join(&app, &token, &"n".repeat(500)).await;
    }
    let console = format!("{DEMO}/console/live");
    let mut other = Watcher::connect(&server.ws(&console), Some(&token)).await.expect("let in");
    other.frame().await;
    let before_kib = memory_kib();
    let small = |socket: &TcpSocket| socket.set_recv_buffer_size(4_096).expect("a size");
    let mut deaf = Raw::connect_with(server.addr, 1, small).await.expect("connected");
    let protocols = format!("Sec-WebSocket-Protocol: waitless.v1, waitless.bearer.{token}\r\n");
    let answer = deaf.upgrade(&console, &protocols).await.expect("an answer");
    assert_eq!(answer.status, 101);
    // From here on nothing is read. Twenty whole states a second are more than the kernel holds within a second or two.
    let began = Instant::now();
    let mut joined = 0;
    let (mut seen_after, mut grown_kib) = (Duration::ZERO, 0);
    let patience = unwritable_max + Duration::from_secs(25);
    while server.figure(CONSOLES).await == 2 {
        assert!(began.elapsed() < patience, "the deaf console is still counted");
        let _ = deaf.send(masked(0x81, br#"{"type":"resync"}"#)).await;
        // The others see every change meanwhile.
        joined += 1;
        let ticket = join(&app, &token, "").await;
        let asked_at = Instant::now();
        while other.frame().await["rev"].as_i64() < ticket["rev"].as_i64() {}
        seen_after = seen_after.max(asked_at.elapsed());
        grown_kib = grown_kib.max(memory_kib() - before_kib);
    }
    let closed_after = began.elapsed();
    assert!(closed_after >= unwritable_max, "{closed_after:?}");
    // Now it reads: what was on its way, and then why.
    assert_eq!(deaf.ending(Duration::from_secs(15)).await, Ended::Closed(Some(4408)));
    assert!(seen_after < Duration::from_secs(5), "{seen_after:?}");
    // One frame, and what the kernel holds.
    assert!(grown_kib < 32 * 1_024, "{grown_kib} KiB");
    report.figure("unwritable_max_ms", unwritable_max.as_millis() as u64);
    report.figure("closed_after_ms", closed_after.as_millis() as u64);
    report.figure("changes_meanwhile", joined);
    report.figure("others_seen_after_ms", seen_after.as_millis() as u64);
    report.figure("memory_grown_kib", grown_kib);
    drop((deaf, other));
    server.until_all_have_gone().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_other_people() {
    let mut report = Report::of("wire_pages_of_other_people");
    let app =
        TestApp::start_with(|config| config.origins = vec!["https://kiosk.example".parse().expect("a URL")]).await;
    let token = app.token("staff").await;
    let ticket = join(&app, &token, "").await;
    let ours = app.url("");
    let bearer = format!("Sec-WebSocket-Protocol: waitless.v1, waitless.bearer.{token}\r\n");
    let offered = "Sec-WebSocket-Protocol: waitless.v1\r\n";
    let other = "Sec-WebSocket-Protocol: something.else\r\n";
    let authorized = format!("Authorization: Bearer {token}\r\n");
    let public: [(&str, Option<&str>); 3] = [("", None), (offered, Some("waitless.v1")), (other, None)];
    let staff: [(&str, Option<&str>); 2] = [(&bearer, Some("waitless.v1")), (&authorized, None)];
    let mut counts = [0; 2];
    for (path, variants) in [
        (format!("{DEMO}/board/live"), &public[..]),
        (format!("/v1/tickets/{}/live", ticket["id"].as_str().expect("an id")), &public[..]),
        (format!("{DEMO}/console/live"), &staff[..]),
    ] {
        for (headers, selected) in variants {
            for (origin, status) in [
                (None, 101),
                (Some(ours.as_str()), 101),
                (Some("https://kiosk.example"), 101),
                (Some("https://kiosk.example.evil.example"), 403),
                (Some("http://kiosk.example"), 403),
                (Some("https://kiosk.example:444"), 403),
                (Some("https://evil.example"), 403),
                (Some("null"), 403),
                (Some(""), 403),
                (Some("nonsense"), 403),
                (Some("http://127.0.0.1"), 403),
            ] {
                let origin = origin.map(|origin| format!("Origin: {origin}\r\n")).unwrap_or_default();
                let mut raw = Raw::connect(app.addr, 1).await.expect("connected");
                let answer = raw.upgrade(&path, &format!("{headers}{origin}")).await.expect("an answer");
                assert_eq!(answer.status, status, "{path} {origin}");
                if status == 101 {
                    assert_eq!(answer.header("sec-websocket-protocol"), *selected, "{path}");
                    let (opcode, frame) = raw.frame().await.expect("a first frame");
                    let frame: Value = serde_json::from_slice(&frame).expect("JSON");
                    assert_eq!(
                        (opcode, frame["restaurant"]["slug"].as_str().is_some() || frame["tickets"].is_array()),
                        (1, true)
                    );
                }
                counts[usize::from(status == 101)] += 1;
            }
        }
    }
    // Nothing came of those that were refused.
    until("only the accepted ones were let in, and they have gone", async || {
        let text = app.http.get(app.url("/metrics")).send().await.expect("an answer").text().await.expect("text");
        let gone = ["board", "ticket", "console"]
            .iter()
            .all(|kind| text.contains(&format!("waitless_hub_watchers{{kind=\"{kind}\"}} 0")));
        gone.then_some(())
    })
    .await;
    report.figure("refused", counts[0]);
    report.figure("let_in", counts[1]);
}
