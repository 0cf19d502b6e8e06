//! Everything that can break on one box, in a random order, one after the other, while people and screens go on: what
//! was acknowledged is there or was said to be lost, and the server is ready again soon after each.
//!
//! Short in `make test`; `make chaos` plays every kind for sixteen minutes on a busy machine. `WAITLESS_CHAOS_MINUTES`
//! says how long, `WAITLESS_CHAOS_LOAD` how many loops keep the machine busy, `WAITLESS_TEST_SEED` in which order.

mod house;
mod kinds;
mod people;
mod verdict;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    process::Child,
    time::{Duration, Instant},
};

use rand::{SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use serde_json::{Value, json};

use self::{
    house::House,
    kinds::Kind,
    people::{People, Phones},
};
use crate::{
    faults::{
        checker::{Judge, Operation},
        report::Report,
        screens::{Kind as ScreenKind, Screen},
        stage::judge_of,
    },
    harness::{dying_with_us, until},
    record::whole::{equals_the_live_state, recorded},
    storm::Storm,
};

/// Every wait has an end; what lasts longer is a problem of its own.
const PATIENCE: Duration = Duration::from_secs(60);

/// Screens are to show the truth so soon after the last fault.
const SCREENS_RIGHT: Duration = Duration::from_secs(5);

/// How large it is played.
struct Plan {
    lasting: Duration,
    kinds: Vec<Kind>,
    people: usize,
    phones: usize,
    boards: usize,
    consoles: usize,
    /// Loops that keep the machine busy.
    load: usize,
    ready_max_s: f64,
    /// People go on for so long before the next fault.
    between: Duration,
    is_full: bool,
}

impl Plan {
    fn given() -> Self {
        let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<f64>().ok());
        let load = number("WAITLESS_CHAOS_LOAD").unwrap_or(0.0) as usize;
        let Some(minutes) = number("WAITLESS_CHAOS_MINUTES") else {
            return Self {
                lasting: Duration::ZERO,
                kinds: kinds::A_FEW.to_vec(),
                people: 4,
                phones: 12,
                boards: 4,
                consoles: 4,
                load,
                ready_max_s: 45.0,
                between: Duration::from_secs(2),
                is_full: false,
            };
        };
        Self {
            lasting: Duration::from_secs_f64(minutes * 60.0),
            kinds: kinds::ALL.to_vec(),
            people: 8,
            phones: 100,
            boards: 30,
            consoles: 20,
            load,
            ready_max_s: 15.0,
            between: Duration::from_secs(4),
            is_full: true,
        }
    }
}

/// Keeps the machine busy until dropped.
struct Load(Vec<Child>);

impl Load {
    fn of(loops: usize) -> Self {
        let begin = |_| dying_with_us("sh").args(["-c", "while :; do :; done"]).spawn().expect("starts");
        Self((0..loops).map(begin).collect())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// How often a kind was played, and the seconds until ready and until every screen was live.
#[derive(Default)]
struct Played {
    ready_s: Vec<f64>,
    live_s: Vec<f64>,
}

fn worst(seconds: &[f64]) -> f64 {
    seconds.iter().copied().fold(0.0, f64::max)
}

fn middle(seconds: &[f64]) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn is_dark(screen: &Screen) -> bool {
    let seen = screen.seen();
    seen.ended.is_none() && !seen.is_live()
}

fn tenths(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_one_after_the_other() {
    let mut report = Report::of("chaos");
    let plan = Plan::given();
    let seed = std::env::var("WAITLESS_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| if plan.is_full { rand::random_range(0..1_000_000) } else { 17 });
    println!("WAITLESS_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let Some(mut house) = House::open() else { return };
    let judge = judge_of(&house.dev.url).await;
    let mut phones = Phones::open(&judge, plan.phones).await;
    let others = [(ScreenKind::Board, plan.boards), (ScreenKind::Console, plan.consoles)];
    let others = others.into_iter().flat_map(|(kind, count)| std::iter::repeat_n(kind, count));
    let shared: Vec<Screen> = others.map(|kind| Screen::open(judge.base(), kind, judge.token())).collect();
    let load = Load::of(plan.load);
    let people = People::at_work(&judge, plan.people);
    until("the crowd is at work", async || (judge.acknowledged() > 20 + plan.phones).then_some(())).await;

    let began = Instant::now();
    let (mut played, mut problems) = (BTreeMap::<&str, Played>::new(), Vec::<String>::new());
    let (mut flushes, mut load_seen) = (Vec::new(), Vec::new());
    let mut deck = Vec::new();
    loop {
        if deck.is_empty() {
            let over = if plan.is_full { began.elapsed() >= plan.lasting } else { !played.is_empty() };
            if over {
                break;
            }
            deck.clone_from(&plan.kinds);
            deck.shuffle(&mut random);
        }
        let Some(kind) = deck.pop() else { break };
        if plan.is_full && began.elapsed() >= plan.lasting {
            break;
        }
        if kind == Kind::Flushall {
            flushes.push(Instant::now());
        }
        let healed = kind.play(&mut house, &mut random).await;
        let of_kind = played.entry(kind.name()).or_default();
        let ready_s = ready_again(&judge, healed).await;
        // People go on for a while, in which a screen may yet find out that it was cut off.
        let all = || shared.iter().chain(phones.open_screens());
        let goes_on = Duration::from_secs_f64(ready_s) + plan.between;
        let (mut live_s, mut dark) = (0.0, Vec::new());
        while healed.elapsed() < goes_on || !dark.is_empty() && healed.elapsed() < PATIENCE {
            dark = all().filter(|screen| is_dark(screen)).map(|screen| format!("{:?}", screen.kind)).collect();
            if !dark.is_empty() {
                live_s = healed.elapsed().as_secs_f64();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if !dark.is_empty() {
            problems.push(format!("not live {live_s:.0} s after {}: {dark:?}", kind.name()));
        }
        if ready_s > plan.ready_max_s {
            problems.push(format!("ready only {ready_s:.1} s after {}", kind.name()));
        }
        of_kind.ready_s.push(ready_s);
        of_kind.live_s.push(live_s);
        let machine = house::machine_load();
        load_seen.push(machine);
        println!(
            "{:6.0} s  {:<26} ready {ready_s:5.1} s  screens live {live_s:5.1} s  acknowledged {}  load {machine:.0}",
            began.elapsed().as_secs_f64(),
            kind.name(),
            judge.acknowledged()
        );
        phones.fill_up(&judge, plan.phones).await;
    }

    people.rest().await;
    let healed = Instant::now();
    let storm = Storm::on(vec![judge.base().to_owned()], judge.token().to_owned()).await;
    let queue = storm.read(&format!("{}/queue", crate::storm::RESTAURANT), true).await;
    let last = crate::replay::stamp(&queue);
    let mut database = house.database().await;
    until("the record has caught up", async || (recorded(&mut database).await >= last).then_some(())).await;
    let caught_up_s = healed.elapsed().as_secs_f64();
    let mut verdict = verdict::of(&judge, &mut database, &flushes).await;

    let mut screens = shared;
    screens.extend(phones.all().into_iter().filter(|screen| !verdict.excuses(screen)));
    let looked = Instant::now();
    let wrong_screens = loop {
        let (near, far) = judge.differences(&screens).await;
        let wrong: Vec<String> = near.into_iter().chain(far).collect();
        if wrong.is_empty() || looked.elapsed() > SCREENS_RIGHT.max(Duration::from_secs_f64(plan.ready_max_s)) {
            break wrong;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let screens_right_s = looked.elapsed().as_secs_f64();
    if wrong_screens.is_empty() && screens_right_s > SCREENS_RIGHT.as_secs_f64() && plan.is_full {
        problems.push(format!("screens show the truth only after {screens_right_s:.1} s"));
    }
    drop(load);
    for screen in &screens {
        verdict.wrong.extend(screen.seen().problems.iter().map(|problem| format!("{:?}: {problem}", screen.kind)));
    }

    let mut table = format!("{:<26} {:>6} {:>9} {:>9} {:>9}\n", "kind", "played", "ready p50", "ready max", "live max");
    let mut rows = Vec::new();
    for (kind, of) in &played {
        let (times, ready_p50, ready_max, live_max) =
            (of.ready_s.len(), middle(&of.ready_s), worst(&of.ready_s), worst(&of.live_s));
        let _ = writeln!(table, "{kind:<26} {times:>6} {ready_p50:>7.1} s {ready_max:>7.1} s {live_max:>7.1} s");
        rows.push(json!({ "kind": kind, "played": times, "ready_p50_s": tenths(ready_p50),
            "ready_max_s": tenths(ready_max), "screens_live_max_s": tenths(live_max) }));
    }
    let faults: usize = played.values().map(|of| of.ready_s.len()).sum();
    let load_seen = middle(&load_seen);
    let figures: Vec<(&str, Value)> = vec![
        ("seed", seed.into()),
        ("faults", faults.into()),
        ("minutes", tenths(began.elapsed().as_secs_f64() / 60.0).into()),
        ("load", tenths(load_seen).into()),
        ("screens", screens.len().into()),
        ("acknowledged", judge.acknowledged().into()),
        ("lost_and_said", verdict.said.into()),
        ("acts_undone_by_flushall", verdict.undone.into()),
        ("lost_s_before_flushall", tenths(verdict.lost_before_s).into()),
        ("lost", verdict.lost.len().into()),
        ("doubled", verdict.doubled.len().into()),
        ("screens_wrong", wrong_screens.len().into()),
        ("screens_right_s", tenths(screens_right_s).into()),
        ("record_caught_up_s", tenths(caught_up_s).into()),
        ("gaps_found", verdict.gaps.into()),
        ("gaps_open", verdict.gaps_open.into()),
        ("dead_letters", verdict.dead_letters.into()),
    ];
    for (name, value) in &figures {
        let _ = writeln!(table, "{name:<26} {value:>6}");
        report.figure(name, value.clone());
    }
    println!("\n{table}");
    problems.extend(judge.broken_promises());
    problems.extend(verdict.problems());
    problems.extend(wrong_screens);
    if let Ok(file) = std::env::var("WAITLESS_CHAOS_OUT") {
        let figures: serde_json::Map<String, Value> =
            figures.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let whole = json!({ "kinds": rows, "figures": figures, "problems": problems });
        std::fs::write(file, whole.to_string()).expect("written");
    }
    for problem in &problems {
        println!("WRONG: {problem}");
    }
    if !problems.is_empty() {
        house.tell();
    }
    assert!(problems.is_empty(), "{} problems, listed above", problems.len());
    equals_the_live_state(&storm, &mut database).await;
}

/// Seconds from here until it says that it is ready and a party has joined; or until nobody would wait any longer. On a
/// thread of its own: what is measured is the server, not how long the screens of this test take to read their frames.
async fn ready_again(judge: &Judge, healed: Instant) -> f64 {
    let aside = judge.aside();
    let asking = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            while healed.elapsed() < PATIENCE && !aside.is_ready().await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let (status, body) = aside.settle(&Operation::join("B", 2, None)).await;
            assert_eq!(status, 201, "a party joins: {body}");
            healed.elapsed().as_secs_f64()
        })
    });
    asking.await.expect("it is asked")
}
