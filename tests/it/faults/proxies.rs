//! Three servers behind a proxy, with the configuration that deploy/ gives: each is restarted in order, then each is
//! killed, while people join, read and watch through the proxy. No screen is away for long, nobody is told 502 in an
//! orderly restart, and no party joins twice.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::Client;
use serde_json::json;
use tokio::task::JoinHandle;

use super::{
    checker::{Judge, Operation},
    crowd::Crowd,
    report::Report,
    scale,
    screens::{Kind, Screen},
    stage::judge_of,
};
use crate::harness::{
    dev::folder,
    dying_with_us,
    process::{Server, demo_database},
    redis_of_ones_own::{OwnRedis, free_port},
    until,
};

/// A screen is to be back within this; what it took is in the report.
const AWAY_MAX_S: f64 = 5.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_nginx() {
    restarts_and_kills("proxies_nginx", nginx).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_haproxy() {
    restarts_and_kills("proxies_haproxy", haproxy).await;
}

async fn restarts_and_kills(case: &'static str, start: fn(u16, &[Server]) -> Proxy) {
    let mut report = Report::of(case);
    let redis = OwnRedis::durable().await;
    let database = demo_database().await;
    let port = free_port();
    let mut servers = Vec::new();
    for _ in 0..3 {
        // The time for good-byes is the one that operators have. Who asks again gets the same link from any server.
        let settings = vec![
            ("WAITLESS_DRAIN_MS", "5000".to_owned()),
            ("WAITLESS_PUBLIC_URL", format!("http://127.0.0.1:{port}")),
            ("WAITLESS_TRUSTED_PROXIES", "127.0.0.1".to_owned()),
        ];
        servers.push(Server::begin_with(&redis.url, &database, &database.url, settings));
    }
    for server in &servers {
        server.ready().await;
    }
    let proxy = start(port, &servers);
    until("the proxy serves", async || {
        let answer = Client::new().get(format!("{}/readyz", proxy.url)).send().await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await;
    let judge = judge_of(&proxy.url).await;
    let screens = open_screens(&judge, 40 * scale()).await;
    all_live(&screens).await;
    let watched = Watched { judge: &judge, screens: &screens };

    for _ in 0..scale().min(2) {
        for server in &mut servers {
            let screens = screens_of(server).await;
            watched.outage("restart", screens, &mut report, async { server.stop().await }).await;
            server.restart().await;
        }
        for server in &mut servers {
            let screens = screens_of(server).await;
            watched.outage("kill", screens, &mut report, async { server.kill() }).await;
            server.restart().await;
        }
    }
    judge.screens_right(&screens, Instant::now(), &mut report).await;
    judge.judge(&screens, &mut report).await;
    report.figure("screens", screens.len());

    without_redis(&redis, &servers, &proxy).await;
    let logged = proxy.logged();
    assert!(logged.contains("/v1/tickets") && logged.contains("/v1/restaurants/demo/tickets"), "{logged}");
    for screen in &screens {
        if let Kind::Phone(ticket) = &screen.kind {
            assert!(!logged.contains(ticket), "a ticket's id is in the proxy's log");
        }
    }
}

/// Boards, consoles, and phones of parties that join now, as a full restaurant has them.
async fn open_screens(judge: &Arc<Judge>, count: usize) -> Vec<Screen> {
    let mut screens = Vec::new();
    for nth in 0..count {
        let kind = match nth % 10 {
            0 | 1 => Kind::Board,
            2 => Kind::Console,
            _ => {
                let (status, ticket) = judge.settle(&Operation::join("B", 2, None)).await;
                assert_eq!(status, 201, "{ticket}");
                Kind::Phone(ticket["id"].as_str().expect("an id").to_owned())
            }
        };
        screens.push(Screen::open(judge.base(), kind, judge.token()));
    }
    screens
}

async fn all_live(screens: &[Screen]) {
    until("every screen is live", async || screens.iter().all(|screen| screen.seen().is_live()).then_some(())).await;
}

/// How many screens are connected to this server.
async fn screens_of(server: &Server) -> usize {
    let mut screens = 0;
    for kind in ["board", "ticket", "console"] {
        let figure = server.figure(&format!("waitless_hub_watchers{{kind=\"{kind}\"}}")).await;
        screens += figure.expect("a figure") as usize;
    }
    screens
}

/// People and screens, while a server goes.
struct Watched<'a> {
    judge: &'a Arc<Judge>,
    screens: &'a [Screen],
}

impl Watched<'_> {
    /// What `breaks` costs: how long screens were away, and what was answered by the proxy alone.
    async fn outage(&self, name: &str, to_move: usize, report: &mut Report, breaks: impl Future<Output = ()>) {
        let acknowledged = self.judge.acknowledged();
        let (crowd, readers) = (Crowd::of(self.judge, 8), Readers::begin(self.judge.base(), 2));
        until("people are at work", async || (self.judge.acknowledged() > acknowledged + 20).then_some(())).await;
        let connections = self.connections();
        let unanswered = self.unanswered();
        let broken = Instant::now();
        breaks.await;
        until("its screens have moved to other servers", async || {
            (self.connections() >= connections + to_move).then_some(())
        })
        .await;
        all_live(self.screens).await;
        report.worst(&format!("{name}_all_live_s"), broken.elapsed().as_secs_f64());
        crowd.rest().await;
        let reads = readers.rest().await;
        let mut away_s: Vec<f64> = self.screens.iter().flat_map(|screen| away_since(screen, broken)).collect();
        away_s.sort_by(f64::total_cmp);
        let worst_s = away_s.last().copied().unwrap_or_default();
        report.worst(&format!("{name}_away_s"), worst_s);
        report.worst(&format!("{name}_away_p50_s"), away_s.get(away_s.len() / 2).copied().unwrap_or_default());
        let unanswered = self.unanswered() - unanswered;
        report.worst(&format!("{name}_unanswered"), unanswered as f64);
        report.worst(&format!("{name}_reads_unanswered"), unanswered_of(&reads) as f64);
        println!("{name}: {} away, {worst_s:.2} s at most; {unanswered} unanswered; reads {reads:?}", away_s.len());
        assert!(worst_s < AWAY_MAX_S, "{name}: a screen was away for {worst_s} s");
        if name == "restart" {
            assert_eq!((unanswered, unanswered_of(&reads)), (0, 0), "nobody notices an orderly restart: {reads:?}");
        }
    }

    fn connections(&self) -> usize {
        self.screens.iter().map(|screen| screen.seen().connections as usize).sum()
    }

    /// Requests for which the proxy had no answer of a server.
    fn unanswered(&self) -> u64 {
        ["none", "502", "504"].into_iter().map(|kind| self.judge.answered(kind)).sum()
    }
}

/// For how long a screen was not live, each time it was not, in seconds.
fn away_since(screen: &Screen, broken: Instant) -> Vec<f64> {
    let seen = screen.seen();
    let turns = seen.live.windows(2).filter(|pair| !pair[0].1 && pair[0].0 >= broken);
    turns.map(|pair| pair[1].0.duration_since(pair[0].0).as_secs_f64()).collect()
}

/// Guests who read the board and open pages all the time: how often each status was answered.
struct Readers {
    stop: Arc<AtomicBool>,
    answers: Arc<Mutex<BTreeMap<u16, u64>>>,
    people: Vec<JoinHandle<()>>,
}

impl Readers {
    fn begin(base: &str, people: usize) -> Self {
        let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let people = (0..people).map(|_| {
            let (stop, answers, base) = (Arc::clone(&stop), Arc::clone(&answers), base.to_owned());
            tokio::spawn(read_until(stop, answers, base))
        });
        let people = people.collect();
        Self { stop, answers, people }
    }

    async fn rest(self) -> BTreeMap<u16, u64> {
        self.stop.store(true, Ordering::SeqCst);
        for person in self.people {
            person.await.expect("nobody fails");
        }
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn read_until(stop: Arc<AtomicBool>, answers: Arc<Mutex<BTreeMap<u16, u64>>>, base: String) {
    let http = Client::builder().timeout(Duration::from_secs(15)).build().expect("a client");
    while !stop.load(Ordering::SeqCst) {
        for path in ["/v1/restaurants/demo/board", "/?r=demo"] {
            let answer = http.get(format!("{base}{path}")).send().await;
            let status = answer.map_or(0, |answer| answer.status().as_u16());
            *answers.lock().unwrap_or_else(PoisonError::into_inner).entry(status).or_default() += 1;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn unanswered_of(reads: &BTreeMap<u16, u64>) -> u64 {
    [0, 502, 504].iter().filter_map(|status| reads.get(status)).sum()
}

/// Redis is silent, so that no server is ready: guests still get pages, and WaitLess's own word for what cannot be done.
async fn without_redis(redis: &OwnRedis, servers: &[Server], proxy: &Proxy) {
    redis.freeze();
    until("no server is ready", async || {
        for server in servers {
            if server.readyz().await != Some(503) {
                return None;
            }
        }
        Some(())
    })
    .await;
    let http = Client::builder().timeout(Duration::from_secs(15)).build().expect("a client");
    until("the proxy says what WaitLess says", async || {
        let join = http.post(format!("{}/v1/restaurants/demo/tickets", proxy.url));
        let party = json!({ "line": "A", "adults": 2, "channel": "onsite" });
        let answer = join.json(&party).send().await.ok()?;
        let told = answer.status() == 503 && answer.headers().contains_key("retry-after");
        (told && answer.headers().contains_key("x-request-id")).then_some(())
    })
    .await;
    let page = http.get(format!("{}/?r=demo", proxy.url)).send().await.expect("an answer");
    assert_eq!(page.status(), 200, "pages need no Redis");
    redis.thaw();
}

/// A running proxy; killed when dropped.
struct Proxy {
    url: String,
    child: Child,
    folder: tempfile::TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("what the proxy said:\n{}", self.logged());
        }
    }
}

impl Proxy {
    /// Everything that it wrote anywhere.
    fn logged(&self) -> String {
        let read = |entry: fs::DirEntry| fs::read_to_string(entry.path()).unwrap_or_default();
        let entries = fs::read_dir(self.folder.path()).expect("a folder").map(|entry| read(entry.expect("an entry")));
        entries.filter(|text| !text.starts_with("# WaitLess behind")).collect()
    }
}

/// Debian's, where it is not on the PATH.
fn program(name: &str) -> String {
    let of_the_system = format!("/usr/sbin/{name}");
    if Path::new(&of_the_system).exists() { of_the_system } else { name.to_owned() }
}

fn run(mut command: Command, url: String, folder: tempfile::TempDir) -> Proxy {
    let said = fs::File::create(folder.path().join("said")).expect("created");
    command.stdin(Stdio::null()).stdout(said.try_clone().expect("a handle")).stderr(said);
    let child = command.spawn().expect("setpriv is there");
    Proxy { url, child, folder }
}

/// An example of deploy/ with some of its text replaced: the address and port of each server, and what is given. Every
/// text has to be there, so that an example that is changed is not taken for one that is tested.
fn example(path: &str, servers: &[Server], replaced: &[(&str, &str)]) -> String {
    let mut text = fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).expect(path);
    let servers = servers.iter().enumerate();
    let servers = servers.map(|(nth, server)| (format!("127.0.0.1:{}", 8081 + nth), server.addr.to_string()));
    let given = replaced.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned()));
    for (old, new) in servers.chain(given) {
        assert!(text.contains(&old), "{path} has no {old:?}");
        text = text.replace(&old, &new);
    }
    text
}

fn nginx(port: u16, servers: &[Server]) -> Proxy {
    let folder = folder();
    let here = folder.path().to_str().expect("UTF-8");
    let example = example(
        "deploy/nginx/waitless.conf",
        servers,
        &[
            ("listen 443 ssl http2;", &format!("listen 127.0.0.1:{port};")),
            ("    ssl_certificate     /etc/ssl/line.example.com.pem;\n", ""),
            ("    ssl_certificate_key /etc/ssl/line.example.com.key;\n", ""),
            ("/var/log/nginx/", &format!("{here}/")),
        ],
    );
    fs::write(folder.path().join("waitless.conf"), example).expect("written");
    let temporary =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|of| format!("{of}_temp_path {here}/{of};"));
    let whole = format!(
        "daemon off; master_process off; pid {here}/nginx.pid; events {{ worker_connections 4096; }}\nhttp {{ {} include waitless.conf; }}\n",
        temporary.join(" ")
    );
    fs::write(folder.path().join("nginx.conf"), whole).expect("written");
    let mut command = dying_with_us(program("nginx"));
    command.args(["-e", &format!("{here}/start.log"), "-p", here, "-c", &format!("{here}/nginx.conf")]);
    run(command, format!("http://127.0.0.1:{port}"), folder)
}

fn haproxy(port: u16, servers: &[Server]) -> Proxy {
    let folder = folder();
    let example = example(
        "deploy/haproxy/haproxy.cfg",
        servers,
        &[
            (
                "bind :443 ssl crt /etc/ssl/line.example.com.haproxy.pem alpn h2,http/1.1",
                &format!("bind 127.0.0.1:{port}"),
            ),
            ("log /dev/log local0", "log stdout format raw local0"),
        ],
    );
    let file = folder.path().join("haproxy.cfg");
    fs::write(&file, example).expect("written");
    let mut command = dying_with_us(program("haproxy"));
    command.arg("-db").arg("-f").arg(file);
    run(command, format!("http://127.0.0.1:{port}"), folder)
}
