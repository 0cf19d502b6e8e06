//! The smallest whole evening: join three parties, watch one of them, the board and the console, call next.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

const DEMO: &str = "/v1/restaurants/demo";

/// Everybody should have seen a change by then.
const BLINK: Duration = Duration::from_millis(200);

/// How long a frame is waited for before the walk fails.
const PATIENCE: Duration = Duration::from_secs(5);

struct Watcher {
    name: String,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Watcher {
    async fn open(name: &str, url: &str, token: Option<&str>) -> anyhow::Result<Self> {
        let mut request = url.replacen("http", "ws", 1).into_client_request()?;
        if let Some(token) = token {
            let protocols = format!("waitless.v1, waitless.bearer.{token}");
            request.headers_mut().insert("sec-websocket-protocol", protocols.parse()?);
        }
        let (socket, _) = connect_async(request).await.with_context(|| format!("{name}: {url}"))?;
        let mut watcher = Self { name: name.to_owned(), socket };
        watcher.until(|_| true).await?;
        Ok(watcher)
    }

    /// The first frame from now on that shows what is looked for, and how long it took to come.
    async fn until(&mut self, shows: impl Fn(&Value) -> bool) -> anyhow::Result<(Value, Duration)> {
        let began = Instant::now();
        let looking = async {
            while let Some(message) = self.socket.next().await {
                if let Message::Text(text) = message? {
                    let frame: Value = serde_json::from_str(&text)?;
                    if frame["type"] != "tick" && shows(&frame) {
                        return Ok((frame, began.elapsed()));
                    }
                }
            }
            anyhow::bail!("the connection ended")
        };
        tokio::time::timeout(PATIENCE, looking).await.with_context(|| format!("{}: nothing came", self.name))?
    }
}

async fn post(http: &reqwest::Client, url: String, token: Option<&str>, body: Value) -> anyhow::Result<Value> {
    let mut request = http.post(&url).json(&body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await?;
    let status = answer.status();
    let body: Value = answer.json().await?;
    ensure!(status.is_success(), "{url}: {status} {body}");
    Ok(body)
}

fn text(value: &Value, name: &str) -> anyhow::Result<String> {
    Ok(value[name].as_str().with_context(|| format!("no {name} in {value}"))?.to_owned())
}

/// Line A of a board, or of a console's lines.
fn line_a(frame: &Value) -> &Value {
    frame["lines"].as_array().into_iter().flatten().find(|line| line["line"] == "A").unwrap_or(&Value::Null)
}

pub(crate) async fn run(url: &str) -> anyhow::Result<()> {
    let http = reqwest::Client::new();
    let credentials = json!({ "email": "staff@demo.test", "password": "waitless-demo" });
    let signed_in = post(&http, format!("{url}/v1/auth/sign-in"), None, credentials).await?;
    let token = text(&signed_in, "access_token")?;

    // Whoever still waits from an earlier walk is called first.
    while http
        .post(format!("{url}{DEMO}/lines/A/call-next"))
        .bearer_auth(&token)
        .json(&json!({}))
        .send()
        .await?
        .status()
        == 200
    {}

    let mut parties = Vec::new();
    for adults in [2, 3, 4] {
        let body = json!({ "line": "A", "adults": adults, "channel": "onsite" });
        let ticket = post(&http, format!("{url}{DEMO}/tickets"), None, body).await?;
        println!("joined   {} party of {adults}, {} ahead", text(&ticket, "number")?, ticket["ahead"]);
        parties.push((text(&ticket, "id")?, text(&ticket, "number")?));
    }
    let [(first, first_number), (second, _), (third, third_number)] =
        <[_; 3]>::try_from(parties).expect("three joined");

    let mut phone = Watcher::open("phone of the first", &format!("{url}/v1/tickets/{first}/live"), None).await?;
    let mut other = Watcher::open("phone of the third", &format!("{url}/v1/tickets/{third}/live"), None).await?;
    let mut board = Watcher::open("board", &format!("{url}{DEMO}/board/live"), None).await?;
    let mut console = Watcher::open("console", &format!("{url}{DEMO}/console/live"), Some(&token)).await?;

    let body = json!({ "to": "hall entrance" });
    let call = post(&http, format!("{url}{DEMO}/lines/A/call-next"), Some(&token), body);
    let (called, on_phone, on_other, on_board, on_console) = tokio::join!(
        call,
        phone.until(|frame| frame["state"] == "called"),
        other.until(|frame| frame["ahead"] == 1),
        board.until(|frame| line_a(frame)["called"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|call| call["number"] == *first_number)),
        console.until(|frame| frame["type"] == "delta"),
    );
    ensure!(called?["ticket"]["id"] == *first, "the first of the line is called");
    let (frame, phone_took) = on_phone?;
    println!("called   {first_number} to {}, grace until {}", frame["to"], frame["grace_until"]);
    let mut slowest = Duration::ZERO;
    let (_, other_took) = on_other?;
    let (_, board_took) = on_board?;
    let (_, console_took) = on_console?;
    for (who, took) in [
        ("its phone", phone_took),
        (third_number.as_str(), other_took),
        ("board", board_took),
        ("console", console_took),
    ] {
        println!("seen by  {who:<10} {:>6.1} ms after call-next was sent", took.as_secs_f64() * 1_000.0);
        slowest = slowest.max(took);
    }
    for (ticket, act) in [(&first, "seat"), (&first, "complete"), (&second, "cancel"), (&third, "cancel")] {
        post(&http, format!("{url}{DEMO}/tickets/{ticket}/{act}"), Some(&token), json!({})).await?;
    }
    ensure!(slowest <= BLINK, "the slowest screen took {slowest:?}, more than {BLINK:?}");
    println!("everybody saw it within {} ms", BLINK.as_millis());
    Ok(())
}
