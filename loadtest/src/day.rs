//! An evening at many restaurants, drawn from a seed: some are empty, some have a queue; guests join, watch, wait longer or
//! give up; staff call, seat, miss and put back. Two boards hang in each.
//!
//! A board shows every change, so how fresh screens are is judged there; a phone is compared with HTTP when the evening is
//! over, and its frames are counted.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    api::{Api, stamp},
    chance::Chance,
    city::{self, Shop, letter},
    engine::{
        Dialect, Engine, Entry, Plan, Settings,
        changes::{Changes, EVERYBODY},
        measure::Latency,
        scan::Standing,
    },
    fanout::{self, place},
    taken,
};

const LINES: usize = 2;
const BOARDS: usize = 2;

/// What a place does in one minute of the evening, at most: guests that come.
const GUESTS_MAX: u64 = 120;

/// The furthest phones are told every 5 s.
const SETTLING: Duration = Duration::from_secs(7);

/// Refusals that people run into when others are quicker.
const EXPECTED: [&str; 4] = ["line_empty", "wrong_state", "already_final", "nobody_behind"];

/// An evening.
#[derive(Args)]
pub(crate) struct Options {
    /// Base URL of a `waitless dev`
    url: String,
    /// Its data folder
    #[arg(long)]
    data: PathBuf,
    /// Restaurants
    #[arg(long, default_value_t = 50)]
    shops: usize,
    /// How long the evening is
    #[arg(long, default_value_t = 60.0)]
    seconds: f64,
    /// What chance makes of it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where to write what came of it
    #[arg(long)]
    out: Option<PathBuf>,
}

/// A change that was acknowledged.
struct Made {
    shop: usize,
    rev: i64,
    at_us: u64,
}

/// What all restaurants share.
struct Evening {
    api: Api,
    engine: Engine,
    changes: Arc<Changes>,
    made: Mutex<Vec<Made>>,
    /// Tickets of screens, by index; boards have none.
    phones: Mutex<Vec<Option<String>>>,
    refused: Mutex<HashMap<String, u64>>,
}

/// Runs it.
///
/// # Errors
/// When the server is not there, refuses what it should not, and when a screen was wrong.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let api = Api::new(&options.url).await?;
    let shops = city::open(&api, &options.data, options.shops, LINES).await?;
    let pid = taken::server_pid(&options.data)?;
    let changes = Arc::new(Changes::new(options.shops, 1));
    let settings = Settings {
        to: api.authority()?,
        dialect: Dialect::Plain,
        subprotocol: Some("waitless.v1"),
        at_once: 100,
        shard: 0,
        progress: true,
        log: true,
    };
    let engine = Engine::start(settings, Arc::clone(&changes))?;
    let boards = (0..options.shops * BOARDS).map(|index| {
        let room = index % options.shops;
        let path = format!("/v1/restaurants/{}/board/live", shops[room].slug).into();
        Plan { room: room as u32, line: EVERYBODY, path }
    });
    engine.open(boards.collect(), Duration::ZERO)?;
    engine.showing(options.shops * BOARDS, Duration::from_secs(30)).await?;
    let evening = Arc::new(Evening {
        api,
        engine,
        changes,
        made: Mutex::default(),
        phones: Mutex::new(vec![None; options.shops * BOARDS]),
        refused: Mutex::default(),
    });

    let before = taken::process(&[pid])?;
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for (index, shop) in shops.iter().cloned().enumerate() {
        let evening = Arc::clone(&evening);
        let chance = Chance::new(options.seed, 10_000_000 + index as u64);
        tasks.spawn(async move { evening.work(index, &shop, chance, options.seconds).await });
    }
    while let Some(outcome) = tasks.join_next().await {
        outcome??;
    }
    let took = began.elapsed().as_secs_f64();
    let after = taken::process(&[pid])?;
    tokio::time::sleep(SETTLING).await;
    evening.judge(&options, &shops, took, after.cpu_s - before.cpu_s).await
}

impl Evening {
    /// One restaurant, one act after the other.
    async fn work(&self, index: usize, shop: &Shop, mut chance: Chance, seconds: f64) -> anyhow::Result<()> {
        let began = Instant::now();
        // Few are famous.
        let guests_per_minute = 2 + GUESTS_MAX / (1 + chance.below(20));
        let mut waiting: Vec<String> = Vec::new();
        let mut called: Vec<String> = Vec::new();
        while began.elapsed().as_secs_f64() < seconds {
            // Quiet at first and at last, busiest in the middle.
            let hour = began.elapsed().as_secs_f64() / seconds;
            let busy = 0.3 + 0.7 * (std::f64::consts::PI * hour.min(1.0)).sin();
            let gap_ms = 30_000.0 / (guests_per_minute as f64 * busy);
            tokio::time::sleep(Duration::from_millis(chance.below((2.0 * gap_ms) as u64 + 1))).await;
            let line = char::from(letter(chance.below(LINES as u64) as usize));
            let slug = &shop.slug;
            match chance.below(100) {
                0..=49 => {
                    let body = json!({ "line": line.to_string(), "adults": 1 + chance.below(4), "channel": "onsite" });
                    let path = format!("/restaurants/{slug}/tickets");
                    let Some(ticket) = self.act(index, Method::POST, &path, Some(body)).await? else { continue };
                    let id = ticket["id"].as_str().context("a ticket has an id")?.to_owned();
                    if chance.percent(85) {
                        self.watch(index, line as u8, &id)?;
                    }
                    waiting.push(id);
                }
                50..=79 => {
                    let path = format!("/restaurants/{slug}/lines/{line}/call-next");
                    let Some(answer) = self.act(index, Method::POST, &path, None).await? else { continue };
                    called.push(answer["ticket"]["id"].as_str().context("a ticket has an id")?.to_owned());
                }
                80..=93 => {
                    let Some(id) = called.pop() else { continue };
                    let act = ["seat", "seat", "seat", "no-show", "put-back"][chance.below(5) as usize];
                    self.act(index, Method::POST, &format!("/restaurants/{slug}/tickets/{id}/{act}"), None).await?;
                }
                94..=96 => {
                    let Some(id) = chance.pick(&waiting).cloned() else { continue };
                    let body = Some(json!({ "places": 1 + chance.below(3) }));
                    self.act(index, Method::POST, &format!("/tickets/{id}/delay"), body).await?;
                }
                _ => {
                    let Some(id) = chance.pick(&waiting).cloned() else { continue };
                    self.act(index, Method::DELETE, &format!("/tickets/{id}"), None).await?;
                }
            }
        }
        Ok(())
    }

    fn watch(&self, shop: usize, line: u8, id: &str) -> anyhow::Result<()> {
        let path = format!("/v1/tickets/{id}/live").into();
        // Under the lock, so that indices of screens are those of the list.
        let mut phones = lock(&self.phones);
        phones.push(Some(id.to_owned()));
        self.engine.open(vec![Plan { room: shop as u32, line, path }], Duration::ZERO)
    }

    /// `None`: it was refused, as happens.
    async fn act(&self, shop: usize, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Option<Value>> {
        let at_us = self.changes.now() / 1_000;
        let (status, answer) = self.api.try_ask(method, path, body).await?;
        if status >= 300 {
            let code = answer["code"].as_str().unwrap_or_default();
            let no_delay = code == "no_delays_left";
            ensure!(no_delay || EXPECTED.contains(&code), "an act was answered {status}: {answer}");
            *lock(&self.refused).entry(code.to_owned()).or_default() += 1;
            return Ok(None);
        }
        lock(&self.made).push(Made { shop, rev: stamp(&answer)?.1, at_us });
        Ok(Some(answer))
    }

    async fn judge(&self, options: &Options, shops: &[Shop], took: f64, cpu_s: f64) -> anyhow::Result<()> {
        let look = self.engine.look().await?;
        let mut wrong = look.wrong.clone();
        let made = std::mem::take(&mut *lock(&self.made));
        let boards = options.shops * BOARDS;
        let mut frames: Vec<Vec<&Entry>> = vec![Vec::new(); boards];
        for entry in &look.log {
            if let Some(frames) = frames.get_mut(entry.screen as usize) {
                frames.push(entry);
            }
        }
        let mut fresh = Latency::new();
        for made in &made {
            for board in (0..BOARDS).map(|nth| nth * options.shops + made.shop) {
                match frames[board].iter().find(|entry| entry.rev >= made.rev) {
                    Some(entry) => fresh.record_ns(entry.at_us.saturating_sub(made.at_us) * 1_000),
                    None => wrong.push(format!("board {board} never showed rev {}", made.rev)),
                }
            }
        }
        let mut said = HashMap::new();
        for shop in shops {
            let queue = self.api.ask(Method::GET, &format!("/restaurants/{}/queue", shop.slug), None).await?;
            for ticket in queue["tickets"].as_array().into_iter().flatten() {
                said.insert(ticket["id"].as_str().unwrap_or_default().to_owned(), place(ticket)?);
            }
        }
        let phones = lock(&self.phones).clone();
        for (screen, (phone, shown)) in phones.iter().zip(&look.shown).enumerate() {
            let Some(phone) = phone else { continue };
            let gone = shown.place.standing == Standing::Gone;
            // Staff are no longer told of a ticket that was cancelled a while ago.
            let right = said.get(phone).map_or(gone, |said| *said == shown.place);
            if !right || !(shown.open || gone) {
                wrong.push(format!("screen {screen} shows {:?}, HTTP says {:?}", shown.place, said.get(phone)));
            }
        }
        let refused = lock(&self.refused).clone();
        let report = json!({
            "scenario": "day", "shops": options.shops, "seconds": took, "seed": options.seed, "changes": made.len(),
            "phones": phones.len() - boards, "boards": boards, "refused": refused, "freshness": fresh.json(),
            "frames": look.measured.json()["frames"], "server_cpu_s": cpu_s,
            "server_cpu_s_per_thousand_changes": cpu_s / made.len().max(1) as f64 * 1e3,
            "wrong": wrong, "load": taken::load(),
        });
        println!("{} changes, {} phones, {boards} boards; refused: {refused:?}", made.len(), phones.len() - boards);
        println!("boards, freshness p50 / p99 ms       {:.2} / {:.2}", fresh.quantile_ms(0.5), fresh.quantile_ms(0.99));
        println!("server CPU s per 1,000 changes       {:>12.3}", cpu_s / made.len().max(1) as f64 * 1e3);
        fanout::finish(options.out.as_deref(), &report, &wrong)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
