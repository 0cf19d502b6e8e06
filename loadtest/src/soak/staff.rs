//! Staff at their consoles: they look at the same queue, call, seat and clear, and get into each other's way.
//!
//! The line keeps its length: they call when more wait than should. What stays on screens all day by the rules (a no-show, a
//! ticket that staff cancelled) is taken up again after a while, so that as many go as come.

use std::{sync::Arc, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::chance::Chance;

use super::world::{Caller, World};

/// Parties that wait in a line, called and seated ones: about as many as there are to be.
const WAITING: usize = 25;
const CALLED: usize = 4;
const SEATED: usize = 12;
const MISSED: usize = 3;

/// Counted items of the demo.
const ITEMS: [&str; 3] = ["galbijjim", "abalone-rice", "yukhoe-bibimbap"];

/// Works until the soak is over.
pub(super) async fn work(world: Arc<World>, index: u64) {
    let mut staff = Staff { chance: Chance::new(world.seed, 1_000_000 + index), world, cancelled: Vec::new() };
    while staff.world.churning() {
        let pause = staff.chance.ms(20, 110);
        staff.world.pause(pause).await;
        staff.step().await;
    }
    while let Some((_, ticket)) = staff.cancelled.pop() {
        staff.act_on(&ticket, "undo", json!({})).await;
    }
}

struct Staff {
    world: Arc<World>,
    chance: Chance,
    /// What was cancelled here, and when it is taken back.
    cancelled: Vec<(Instant, String)>,
}

impl Staff {
    async fn step(&mut self) {
        let now = Instant::now();
        if let Some(due) = self.cancelled.iter().position(|(at, _)| *at <= now) {
            let (_, ticket) = self.cancelled.swap_remove(due);
            return self.act_on(&ticket, "undo", json!({})).await;
        }
        match self.chance.below(100) {
            0..40 => self.call_next().await,
            40..64 => self.take_called().await,
            64..82 => self.clear_table().await,
            82..86 => self.take_missed().await,
            86..88 => self.cancel().await,
            88..91 => {
                if let Some(ticket) = self.any(&["called", "seated", "completed", "waiting"]) {
                    self.act_on(&ticket, "undo", json!({})).await;
                }
            }
            91..93 => {
                if let Some(ticket) = self.any(&["waiting"]) {
                    self.act_on(&ticket, "call", json!({ "reason": "table_fit" })).await;
                }
            }
            93..95 => self.edit().await,
            95..97 => self.count_stock().await,
            97 if self.chance.percent(20) => self.pause_line().await,
            97 => self.announce().await,
            _ => {
                let path = if self.chance.percent(50) { "queue" } else { "board" };
                self.restaurant("look at all", Method::GET, path, None).await;
            }
        }
    }

    /// One of those in these states.
    fn any(&mut self, states: &[&str]) -> Option<String> {
        let mirror = self.world.mirror();
        let of: Vec<&str> = states.iter().flat_map(|state| mirror.in_state(state)).collect();
        self.chance.pick(&of).map(|id| (*id).to_owned())
    }

    /// The one that has been in a state longest, if there are more than should be, or now and then.
    fn longest(&mut self, state: &str, since: &str, more_than: usize) -> Option<String> {
        let mirror = self.world.mirror();
        let of = mirror.in_state(state);
        let eager = of.len() > more_than || self.chance.percent(10);
        let longest = of.into_iter().min_by_key(|id| mirror.tickets[*id][since].as_i64());
        longest.filter(|_| eager).map(str::to_owned)
    }

    async fn call_next(&mut self) {
        let line = if self.chance.percent(60) { "A" } else { "B" };
        let waiting = self.world.mirror().waiting(line).len();
        if waiting > WAITING || self.chance.percent(3) {
            let body = match self.chance.below(10) {
                0 => json!({ "party_min": 3, "party_max": 4 }),
                1 => json!({ "to": "hall entrance" }),
                _ => json!({}),
            };
            self.restaurant("call-next", Method::POST, &format!("lines/{line}/call-next"), Some(body)).await;
        }
    }

    async fn take_called(&mut self) {
        let Some(ticket) = self.longest("called", "called_at", CALLED) else { return };
        match self.chance.below(100) {
            0..78 => self.act_on(&ticket, "seat", json!({})).await,
            78..86 => self.act_on(&ticket, "no-show", json!({})).await,
            86..94 => {
                let places = 1 + self.chance.below(4);
                self.act_on(&ticket, "put-back", json!({ "places": places })).await;
            }
            _ => self.act_on(&ticket, "recall", json!({})).await,
        }
    }

    async fn clear_table(&mut self) {
        if let Some(ticket) = self.longest("seated", "joined_at", SEATED) {
            self.act_on(&ticket, "complete", json!({})).await;
        }
    }

    async fn take_missed(&mut self) {
        if let Some(ticket) = self.longest("no_show", "joined_at", MISSED) {
            let act = if self.chance.percent(50) { "seat" } else { "restore" };
            self.act_on(&ticket, act, json!({})).await;
        }
    }

    async fn cancel(&mut self) {
        if let Some(ticket) = self.any(&["waiting"]) {
            self.act_on(&ticket, "cancel", json!({ "reason": "left" })).await;
            self.cancelled.push((Instant::now() + self.chance.ms(2_000, 8_000), ticket));
        }
    }

    async fn edit(&mut self) {
        if let Some(ticket) = self.any(&["waiting", "called"]) {
            let body = json!({ "adults": 1 + self.chance.below(5), "note": "by the window" });
            self.restaurant("edit", Method::PATCH, &format!("tickets/{ticket}"), Some(body)).await;
        }
    }

    async fn count_stock(&mut self) {
        let item = self.chance.pick(&ITEMS).expect("there are items");
        if self.chance.percent(50) {
            let body = json!({ "left": 20 + self.chance.below(40) });
            self.restaurant("stock", Method::PUT, &format!("stock/{item}"), Some(body)).await;
        } else {
            let body = json!({ "by": 1 + self.chance.below(3) });
            self.restaurant("stock", Method::POST, &format!("stock/{item}/adjust"), Some(body)).await;
        }
    }

    async fn pause_line(&mut self) {
        for (state, wait_ms) in [("paused", 700), ("open", 0)] {
            self.restaurant("line state", Method::PUT, "lines/B/state", Some(json!({ "state": state }))).await;
            self.world.pause(Duration::from_millis(wait_ms)).await;
        }
    }

    async fn announce(&mut self) {
        let texts = ["", "The kitchen closes at nine.", "오늘은 비빔밥이 있습니다."];
        let text = self.chance.pick(&texts).copied().unwrap_or_default();
        self.restaurant("announce", Method::PUT, "announcement", Some(json!({ "text": text }))).await;
    }

    async fn act_on(&mut self, ticket: &str, act: &'static str, body: Value) {
        self.restaurant(act, Method::POST, &format!("tickets/{ticket}/{act}"), Some(body)).await;
    }

    async fn restaurant(&mut self, kind: &'static str, method: Method, path: &str, body: Option<Value>) {
        let command = method != Method::GET;
        let key = (command && self.chance.percent(20)).then(|| self.chance.key());
        let path = format!("/restaurants/demo/{path}");
        self.world.act(kind, Caller::Session(&self.world.staff().await), method, &path, body, key.as_deref()).await;
    }
}
