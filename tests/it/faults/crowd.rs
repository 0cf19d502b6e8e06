//! People who go on using the restaurant while something breaks: guests who join and cancel, staff who call, seat,
//! recall and count stock. Every one asks again, with the same key, until the answer is definite.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::task::JoinHandle;

use super::checker::{Judge, Operation};

/// People at work. [`Crowd::rest`] lets them finish what they do.
pub struct Crowd {
    stop: Arc<AtomicBool>,
    people: Vec<JoinHandle<()>>,
}

impl Crowd {
    /// Everything, by so many people, one act after the other each.
    pub fn of(judge: &Arc<Judge>, people: usize) -> Self {
        Self::start(judge, people, false)
    }

    /// Only guests who join, as fast as they are answered.
    pub fn joining(judge: &Arc<Judge>, people: usize) -> Self {
        Self::start(judge, people, true)
    }

    fn start(judge: &Arc<Judge>, people: usize, only_join: bool) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let people = (0..people).map(|person| {
            let (judge, stop) = (Arc::clone(judge), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut random = StdRng::seed_from_u64(4_711 + person as u64);
                while !stop.load(Ordering::SeqCst) {
                    if only_join {
                        judge.settle(&a_party(&mut random)).await;
                    } else {
                        act(&judge, &mut random).await;
                    }
                }
            })
        });
        let people = people.collect();
        Self { stop, people }
    }

    /// Nobody begins anything new; returns when everybody has a definite answer.
    pub async fn rest(self) {
        self.stop.store(true, Ordering::SeqCst);
        for person in self.people {
            person.await.expect("nobody fails");
        }
    }
}

/// Guests who come at this rate, however long the others have to wait. Returns when all have a definite answer.
pub async fn joins_at(judge: &Arc<Judge>, per_s: u32, lasting: Duration) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_s);
    let mut random = StdRng::seed_from_u64(815);
    let mut guests = Vec::new();
    for _ in 0..(lasting.as_secs_f64() * f64::from(per_s)) as usize {
        ticks.tick().await;
        let (judge, party) = (Arc::clone(judge), a_party(&mut random));
        guests.push(tokio::spawn(async move {
            judge.settle(&party).await;
        }));
    }
    for guest in guests {
        guest.await.expect("no guest fails");
    }
}

fn a_party(random: &mut StdRng) -> Operation {
    let order = random.random_bool(0.4).then(|| random.random_range(1..=3));
    Operation::join(if random.random_bool(0.9) { "A" } else { "B" }, random.random_range(1..=6), order)
}

async fn act(judge: &Judge, random: &mut StdRng) {
    let roll = random.random_range(0..100);
    if roll < 45 {
        let (201, ticket) = judge.settle(&a_party(random)).await else { return };
        if random.random_bool(0.15) {
            let id = ticket["id"].as_str().expect("an id");
            judge.settle(&Operation::guest_cancel(id)).await;
        }
    } else if roll < 85 {
        let (200, answer) = judge.settle(&Operation::call_next("A")).await else { return };
        let id = answer["ticket"]["id"].as_str().expect("an id");
        let acts: &[&str] = match random.random_range(0..10) {
            0..4 => &["seat", "complete"],
            4..6 => &["recall", "seat"],
            6 => &["recall", "no-show"],
            7 => &["no-show", "seat"],
            8 => &["cancel"],
            _ => &[],
        };
        for act in acts {
            judge.settle(&Operation::staff(act, id)).await;
        }
    } else {
        judge.settle(&Operation::adjust(judge.counted(), random.random_range(-2..8))).await;
    }
}
