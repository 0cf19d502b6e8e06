//! People who go on at an even pace whatever breaks, and phones of parties that come and go. Nothing of the server's
//! code is used here.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::faults::{
    checker::{Judge, Operation},
    screens::{Kind, Screen},
};

/// Guests and staff at work. [`People::rest`] lets them finish what they do.
pub struct People {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
}

impl People {
    /// So many, each with a pause after everything.
    pub fn at_work(judge: &Arc<Judge>, people: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let tasks = (0..people).map(|person| {
            let (judge, stop) = (Arc::clone(judge), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut random = StdRng::seed_from_u64(1_300 + person as u64);
                while !stop.load(Ordering::SeqCst) {
                    act(&judge, &mut random).await;
                    pause(&mut random).await;
                }
            })
        });
        let tasks = tasks.collect();
        Self { stop, tasks }
    }

    /// Nobody begins anything new; returns when everybody has a definite answer.
    pub async fn rest(self) {
        self.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.expect("nobody fails");
        }
    }
}

async fn pause(random: &mut StdRng) {
    tokio::time::sleep(Duration::from_millis(random.random_range(50..550))).await;
}

async fn act(judge: &Judge, random: &mut StdRng) {
    let line = if random.random_bool(0.6) { "A" } else { "B" };
    let roll = random.random_range(0..100);
    if roll < 40 {
        let order = random.random_bool(0.4).then(|| random.random_range(1..=3));
        let party = Operation::join(line, random.random_range(1..=6), order);
        let (201, ticket) = judge.settle(&party).await else { return };
        if random.random_bool(0.15) {
            pause(random).await;
            judge.settle(&Operation::guest_cancel(ticket["id"].as_str().expect("an id"))).await;
        }
    } else if roll < 85 {
        let (200, answer) = judge.settle(&Operation::call_next(line)).await else { return };
        let id = answer["ticket"]["id"].as_str().expect("an id");
        let acts: &[&str] = match random.random_range(0..10) {
            0..5 => &["seat", "complete"],
            5 | 6 => &["recall", "seat"],
            7 => &["recall", "no-show"],
            8 => &["cancel"],
            _ => &[],
        };
        for act in acts {
            pause(random).await;
            judge.settle(&Operation::staff(act, id)).await;
        }
    } else {
        judge.settle(&Operation::adjust(judge.counted(), random.random_range(-2..8))).await;
    }
}

/// Phones, each open until the server has no more to say.
pub struct Phones {
    open: Vec<Screen>,
    ended: Vec<Screen>,
}

impl Phones {
    pub async fn open(judge: &Arc<Judge>, count: usize) -> Self {
        let mut phones = Self { open: Vec::new(), ended: Vec::new() };
        phones.fill_up(judge, count).await;
        phones
    }

    pub fn open_screens(&self) -> impl Iterator<Item = &Screen> {
        self.open.iter()
    }

    /// Parties join in the place of those that have gone.
    pub async fn fill_up(&mut self, judge: &Arc<Judge>, count: usize) {
        let (ended, open) =
            std::mem::take(&mut self.open).into_iter().partition::<Vec<_>, _>(|phone| phone.seen().ended.is_some());
        self.open = open;
        self.ended.extend(ended);
        let joining = (self.open.len()..count).map(async |index| {
            let line = if index % 2 == 0 { "A" } else { "B" };
            let (status, ticket): (u16, Value) = judge.settle(&Operation::join(line, 2, None)).await;
            assert_eq!(status, 201, "a party joins: {ticket}");
            Screen::open(judge.base(), Kind::Phone(ticket["id"].as_str().expect("an id").to_owned()), judge.token())
        });
        let opened: Vec<Screen> = stream::iter(joining).buffered(4).collect().await;
        self.open.extend(opened);
    }

    pub fn all(self) -> Vec<Screen> {
        self.open.into_iter().chain(self.ended).collect()
    }
}
