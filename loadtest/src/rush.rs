//! A famous place opens: thousands join within seconds, each then watches its ticket while one after the other is called.
//!
//! What is judged needs no word of the server but its answers: lines are first come, first served by the rev of each join,
//! so who has how many ahead after which call can be counted. From that follow the frames that telling everybody every
//! change would take, and how old each screen was allowed to be, by its distance.

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
    city::{self, letter},
    engine::{
        Engine, Entry, Plan, Settings,
        changes::Changes,
        measure::BANDS,
        scan::{Kind, Standing},
    },
    fanout::{self, place},
    taken,
};

/// What the cadence promises, by how many are ahead: up to so many, within so many milliseconds.
const PROMISES: [(u32, u64); 4] = [(5, 0), (20, 1_000), (100, 3_000), (u32::MAX, 5_000)];

/// For the way there and back, and a busy machine.
const SLACK_MS: u64 = 1_000;

/// After the last call the furthest are told within this.
const SETTLING: Duration = Duration::from_secs(7);

/// A rush.
#[derive(Args)]
pub(crate) struct Options {
    /// Base URL of a `waitless dev`
    url: String,
    /// Its data folder
    #[arg(long)]
    data: PathBuf,
    /// People
    #[arg(long, default_value_t = 10_000)]
    people: usize,
    /// They join within so many seconds
    #[arg(long, default_value_t = 10.0)]
    within_s: f64,
    /// Lines of the restaurant
    #[arg(long, default_value_t = 2)]
    lines: usize,
    /// Somebody is called after so many milliseconds, in one line after the other
    #[arg(long, default_value_t = 250)]
    call_ms: u64,
    /// People are called for so many seconds in all
    #[arg(long, default_value_t = 40.0)]
    seconds: f64,
    /// What chance makes of it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where to write what came of it
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Somebody who joined. The index in the list is that of the screen.
struct Joined {
    id: String,
    line: u8,
    rev: i64,
}

/// Somebody was called.
struct Called {
    id: String,
    line: u8,
    rev: i64,
    /// Before it was asked for.
    at_us: u64,
}

/// What came of it, counted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    /// Frames that telling everybody every change of its own position would have taken; without first ones.
    all: u64,
    /// Those that telling everybody every change of the restaurant would have taken: joins, too.
    broadcast: u64,
    /// Those that were sent.
    sent: u64,
    /// The oldest screen of each band, milliseconds.
    stalest_ms: [u64; PROMISES.len()],
    wrong: Vec<String>,
}

/// Runs it.
///
/// # Errors
/// When the server is not there, and when a screen was wrong or staler than promised.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let api = Api::new(&options.url).await?;
    let shop = city::open(&api, &options.data, 1, options.lines).await?.remove(0);
    let pid = taken::server_pid(&options.data)?;
    let changes = Arc::new(Changes::new(1, 1));
    let settings = Settings {
        to: api.authority()?,
        dialect: crate::engine::Dialect::Plain,
        subprotocol: Some("waitless.v1"),
        at_once: 200,
        shard: 0,
        progress: true,
        log: true,
    };
    let engine = Arc::new(Engine::start(settings, Arc::clone(&changes))?);
    let before = taken::process(&[pid])?;
    let began = Instant::now();
    let joined = Arc::new(Mutex::new(Vec::new()));
    let mut people = JoinSet::new();
    let mut chance = Chance::new(options.seed, 9_000_000);
    let answers = Arc::new(Mutex::new(crate::engine::measure::Latency::new()));
    for person in 0..options.people {
        let at = began + Duration::from_secs_f64(options.within_s * chance.below(1_000_000) as f64 / 1e6);
        let line = letter(person % options.lines);
        let (api, slug, engine) = (api.clone(), Arc::clone(&shop.slug), Arc::clone(&engine));
        let (joined, answers) = (Arc::clone(&joined), Arc::clone(&answers));
        people.spawn(async move {
            tokio::time::sleep_until(at).await;
            let asked = Instant::now();
            let ticket = api.join(&slug, &char::from(line).to_string()).await?;
            lock(&answers).record_ns(asked.elapsed().as_nanos() as u64);
            let id = ticket["id"].as_str().context("a ticket has an id")?.to_owned();
            let path = format!("/v1/tickets/{id}/live").into();
            // Under the lock, so that indices of screens are those of the list.
            let mut joined = lock(&joined);
            joined.push(Joined { id, line, rev: stamp(&ticket)?.1 });
            engine.open(vec![Plan { room: 0, line, path }], Duration::ZERO)
        });
    }
    let staff = call(&api, &shop.slug, &options, &changes, began);
    let everybody = async {
        while let Some(outcome) = people.join_next().await {
            outcome??;
        }
        anyhow::Ok(began.elapsed().as_secs_f64())
    };
    let (called, joined_s) = tokio::try_join!(staff, everybody)?;
    engine.showing(options.people, Duration::from_secs(60)).await?;
    tokio::time::sleep(SETTLING).await;

    let look = engine.look().await?;
    let ended_us = changes.now() / 1_000;
    let joined = std::mem::take(&mut *lock(&joined));
    let mut verdict = judge(&joined, &called, &look.log, ended_us);
    verdict.wrong.extend(look.wrong);
    let queue = api.ask(Method::GET, &format!("/restaurants/{}/queue", shop.slug), None).await?;
    let said: HashMap<&str, &Value> = queue["tickets"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|ticket| Some((ticket["id"].as_str()?, ticket)))
        .collect();
    for (screen, (joined, shown)) in joined.iter().zip(&look.shown).enumerate() {
        let ticket = said.get(joined.id.as_str()).with_context(|| format!("the queue lacks screen {screen}"))?;
        if place(ticket)? != shown.place || !shown.open {
            verdict.wrong.push(format!("screen {screen} shows {:?}, HTTP says {:?}", shown.place, place(ticket)?));
        }
    }
    let after = taken::process(&[pid])?;
    let against_all = verdict.sent as f64 / verdict.all.max(1) as f64;
    let stalest: serde_json::Map<String, Value> =
        BANDS[1..].iter().zip(verdict.stalest_ms).map(|(band, ms)| ((*band).to_owned(), ms.into())).collect();
    let ticks = look.measured.frames[Kind::Tick as usize];
    let report = json!({
        "scenario": "rush", "people": options.people, "lines": options.lines, "calls": called.len(), "seed": options.seed,
        "joined_s": joined_s, "join": lock(&answers).json(), "first_frame": look.measured.first.json(),
        "frames_sent": verdict.sent, "frames_to_all": verdict.all, "frames_against_all": against_all,
        "frames_to_broadcast": verdict.broadcast,
        "frames_against_broadcast": verdict.sent as f64 / verdict.broadcast.max(1) as f64, "ticks": ticks,
        "stalest_ms": stalest, "server_cpu_s": after.cpu_s - before.cpu_s, "rss_kib_after": after.rss_kib,
        "wrong": verdict.wrong, "load": taken::load(),
    });
    println!("{} people joined in                {joined_s:>12.3} s", options.people);
    println!("join answered, p99                   {:>12.3} ms", lock(&answers).quantile_ms(0.99));
    println!("first frame after dialling, p99      {:>12.3} ms", look.measured.first.quantile_ms(0.99));
    println!("frames against everybody, every time {against_all:>12.4} ({} of {})", verdict.sent, verdict.all);
    println!("server CPU                           {:>12.3} s", after.cpu_s - before.cpu_s);
    for (band, ms) in BANDS[1..].iter().zip(verdict.stalest_ms) {
        println!("stalest screen, {band:<12}         {ms:>12} ms");
    }
    fanout::finish(options.out.as_deref(), &report, &verdict.wrong)
}

async fn call(
    api: &Api,
    slug: &str,
    options: &Options,
    changes: &Changes,
    began: Instant,
) -> anyhow::Result<Vec<Called>> {
    let mut called = Vec::new();
    let mut turn = 0;
    let mut due = began;
    while began.elapsed().as_secs_f64() < options.seconds {
        due += Duration::from_millis(options.call_ms);
        tokio::time::sleep_until(due).await;
        let line = letter(turn % options.lines);
        turn += 1;
        let at_us = changes.now() / 1_000;
        let path = format!("/restaurants/{slug}/lines/{}/call-next", char::from(line));
        let (status, answer) = api.try_ask(Method::POST, &path, None).await?;
        if status == 409 && answer["code"] == "line_empty" {
            continue;
        }
        ensure!(status == 200, "call-next was answered {status}: {answer}");
        let id = answer["ticket"]["id"].as_str().context("a ticket has an id")?.to_owned();
        called.push(Called { id, line, rev: stamp(&answer)?.1, at_us });
    }
    Ok(called)
}

/// Counts ranks and holds every screen to its promise.
fn judge(joined: &[Joined], called: &[Called], log: &[Entry], ended_us: u64) -> Verdict {
    let mut verdict = Verdict::default();
    let mut frames: Vec<Vec<&Entry>> = vec![Vec::new(); joined.len()];
    for entry in log {
        if let Some(frames) = frames.get_mut(entry.screen as usize) {
            frames.push(entry);
        }
    }
    let newest =
        joined.iter().map(|joined| joined.rev).chain(called.iter().map(|called| called.rev)).max().unwrap_or(0);
    let lines: std::collections::BTreeSet<u8> = joined.iter().map(|joined| joined.line).collect();
    for line in lines {
        let mut order: Vec<usize> = (0..joined.len()).filter(|index| joined[*index].line == line).collect();
        order.sort_by_key(|index| joined[*index].rev);
        let calls: Vec<&Called> = called.iter().filter(|called| called.line == line).collect();
        for (nth, call) in calls.iter().enumerate() {
            if order.get(nth).is_none_or(|first| joined[*first].id != call.id) {
                verdict
                    .wrong
                    .push(format!("call {nth} of line {} called somebody who was not first", char::from(line)));
            }
        }
        for (rank, index) in order.iter().enumerate() {
            let Some(first) = frames[*index].first() else {
                verdict.wrong.push(format!("screen {index} was told nothing"));
                continue;
            };
            verdict.sent += frames[*index].len() as u64 - 1;
            verdict.broadcast += u64::try_from(newest - first.rev).unwrap_or(0);
            for entry in frames[*index].iter().filter(|entry| entry.place.standing == Standing::Waiting) {
                let ahead = rank.checked_sub(calls.iter().filter(|call| call.rev <= entry.rev).count());
                if entry.place.ahead.map(|ahead| ahead as usize) != ahead {
                    verdict.wrong.push(format!("screen {index} said {:?} ahead, not {ahead:?}", entry.place.ahead));
                }
            }
            // Its own call is the last that moves it.
            for (nth, call) in calls.iter().enumerate().take(rank + 1).filter(|(_, call)| call.rev > first.rev) {
                verdict.all += 1;
                let ahead = (rank - nth).saturating_sub(1) as u32;
                let band = PROMISES.iter().position(|(most, _)| ahead <= *most).unwrap_or(PROMISES.len() - 1);
                let shown = frames[*index].iter().find(|entry| entry.rev >= call.rev);
                let shown_us = shown.map_or(ended_us, |entry| entry.at_us);
                let stale_ms = shown_us.saturating_sub(call.at_us) / 1_000;
                verdict.stalest_ms[band] = verdict.stalest_ms[band].max(stale_ms);
                if shown.is_none() || stale_ms > PROMISES[band].1 + SLACK_MS {
                    verdict.wrong.push(format!("screen {index}, {ahead} ahead, was {stale_ms} ms behind a call"));
                }
            }
        }
    }
    verdict
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::scan::Place;

    fn joined(id: &str, rev: i64) -> Joined {
        Joined { id: id.to_owned(), line: b'A', rev }
    }

    fn called(id: &str, rev: i64, at_ms: u64) -> Called {
        Called { id: id.to_owned(), line: b'A', rev, at_us: at_ms * 1_000 }
    }

    fn told(screen: u32, rev: i64, at_ms: u64) -> Entry {
        Entry { screen, at_us: at_ms * 1_000, rev, place: Place::default() }
    }

    #[test]
    fn frames_are_counted_against_everybody_every_time() {
        let people = [joined("a", 1), joined("b", 2), joined("c", 3)];
        let calls = [called("a", 4, 100), called("b", 5, 200)];
        let first = [told(0, 1, 0), told(1, 2, 0), told(2, 3, 0)];
        let told_later = [told(0, 4, 101), told(1, 4, 102), told(1, 5, 203), told(2, 5, 204)];
        let verdict = judge(&people, &calls, &[&first[..], &told_later[..]].concat(), 9_000_000);
        // The first call moves three, the second two; c was told of both at once.
        assert_eq!((verdict.all, verdict.sent, &verdict.wrong[..]), (5, 4, &[][..]));
        assert_eq!(verdict.stalest_ms[0], 104);
        assert_eq!(verdict.broadcast, 4 + 3 + 2, "each is told what happened since its first frame, joins too");
    }

    #[test]
    fn a_screen_that_stays_behind_its_promise_is_found() {
        let people = [joined("a", 1), joined("b", 2)];
        let calls = [called("a", 3, 100)];
        let late = [told(0, 1, 0), told(1, 2, 0), told(0, 3, 101), told(1, 3, 1_200)];
        assert_eq!(judge(&people, &calls, &late, 9_000_000).wrong.len(), 1, "1,100 ms with nobody ahead");
        let never = &late[..3];
        assert_eq!(judge(&people, &calls, never, 200_000).wrong.len(), 1, "never");
        let wrong = judge(&people, &[called("b", 3, 100)], &late[..2], 200_000).wrong;
        assert!(wrong[0].contains("not first"), "{wrong:?}");
    }

    #[test]
    fn a_position_that_is_not_so_is_found() {
        let people = [joined("a", 1), joined("b", 2), joined("c", 3)];
        let place = |ahead| Place { standing: Standing::Waiting, ahead: Some(ahead), number: 0 };
        let first = |ahead| Entry { place: place(ahead), ..told(2, 3, 0) };
        let later = |ahead| Entry { place: place(ahead), ..told(2, 4, 101) };
        let others = [told(0, 1, 0), told(1, 2, 0), told(0, 4, 101), told(1, 4, 101)];
        for (log, wrong) in [([first(2), later(1)], 0), ([first(2), later(2)], 1), ([first(1), later(0)], 2)] {
            let verdict = judge(&people, &[called("a", 4, 100)], &[&log[..], &others[..]].concat(), 200_000);
            assert_eq!(verdict.wrong.len(), wrong, "{:?}", verdict.wrong);
        }
    }

    #[test]
    fn far_back_a_screen_may_be_older() {
        let people: Vec<Joined> = (0..200).map(|index| joined(&format!("t{index}"), index + 1)).collect();
        let calls = [called("t0", 300, 100)];
        let told_at = |rank: u32| match rank.saturating_sub(1) {
            0..=5 => 1_050,
            6..=20 => 2_050,
            21..=100 => 4_050,
            _ => 6_050,
        };
        let log: Vec<Entry> =
            (0..200).flat_map(|index| [told(index, 200, 0), told(index, 300, told_at(index))]).collect();
        let verdict = judge(&people, &calls, &log, 9_000_000);
        assert_eq!((verdict.wrong.len(), verdict.stalest_ms), (0, [950, 1_950, 3_950, 5_950]));
    }
}
