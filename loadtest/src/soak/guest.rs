//! A guest: takes a number, watches it on the phone, loses the connection, comes back, and sooner or later is seated or
//! gives up. Then the next one comes.

use std::{sync::Arc, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::chance::Chance;

use super::{
    socket::{Connection, Heard, Seen},
    world::{Caller, Phase, Shown, World},
};

/// Phone numbers there are, so that now and then one waits already.
const PHONES: u64 = 400;

/// States that a guest cannot come back from, or only for a while.
const FINAL: [&str; 3] = ["cancelled", "completed", "no_show"];

/// One guest after the other.
pub(super) async fn come_and_go(world: Arc<World>, index: u64) {
    let mut chance = Chance::new(world.seed, index);
    while world.churning() {
        world.pause(chance.ms(500, 8_000)).await;
        if !world.churning() {
            return;
        }
        let from = chance.below(256) as u8;
        if let Some(ticket) = join(&world, &mut chance, from).await {
            let guest =
                Guest { world: Arc::clone(&world), from, ticket, seen: Seen::default(), phone: None, over: false };
            guest.stay(&mut chance).await;
        }
    }
}

async fn join(world: &World, chance: &mut Chance, from: u8) -> Option<String> {
    let line = if chance.percent(60) { "A" } else { "B" };
    let channel = if chance.percent(20) { "remote" } else { "onsite" };
    let mut body = json!({ "line": line, "adults": 1 + chance.below(5), "channel": channel });
    if chance.percent(30) {
        body["phone"] = json!(format!("010-5555-{:04}", chance.below(PHONES)));
    }
    if chance.percent(30) {
        body["items"] = json!([{ "item": "galbijjim", "quantity": 1 + chance.below(3) }]);
        body["if_sold_out"] = json!(if chance.percent(50) { "drop" } else { "refuse" });
    }
    let key = chance.percent(50).then(|| chance.key());
    let path = "/restaurants/demo/tickets";
    let join = || world.act("join", Caller::Guest(from), Method::POST, path, Some(body.clone()), key.as_deref());
    let ticket = join().await?["id"].as_str()?.to_owned();
    // A tap that was not seen to be answered.
    if key.is_some() && chance.percent(10) {
        let again = join().await;
        if again.as_ref().is_none_or(|again| again["id"] != ticket) {
            world.tally.find("a repeated join was not answered as the first".to_owned());
        }
    }
    Some(ticket)
}

struct Guest {
    world: Arc<World>,
    from: u8,
    ticket: String,
    seen: Seen,
    phone: Option<Connection>,
    /// There is nothing more to wait for.
    over: bool,
}

impl Guest {
    async fn stay(mut self, chance: &mut Chance) {
        let world = Arc::clone(&self.world);
        let mut phase = world.phase.subscribe();
        if chance.percent(90) {
            self.connect(false).await;
        }
        let mut act_at = Instant::now() + chance.ms(500, 5_000);
        while !self.over {
            tokio::select! {
                heard = next(&mut self.phone, &world) => self.hear(heard).await,
                () = sleep_until(act_at), if world.churning() => {
                    self.act(chance).await;
                    act_at = Instant::now() + chance.ms(500, 5_000);
                }
                _ = phase.changed() => {
                    let phase = *phase.borrow_and_update();
                    match phase {
                        Phase::Churn => {}
                        Phase::Hold if self.phone.is_some() => {}
                        Phase::Hold => self.connect(false).await,
                        Phase::Leave => return self.last_look(chance).await,
                    }
                }
            }
        }
        if let Some(phone) = self.phone.take() {
            phone.leave().await;
        }
    }

    async fn connect(&mut self, narrow: bool) {
        let path = format!("/tickets/{}/live", self.ticket);
        match Connection::open(&self.world, "phone", self.from, &path, None, narrow).await {
            Ok(phone) => self.phone = Some(phone),
            Err(error) => {
                self.world.tally.find(format!("a phone was not let in: {error:#}"));
                self.over = true;
            }
        }
    }

    async fn hear(&mut self, heard: Heard) {
        let tally = &self.world.tally;
        match heard {
            Heard::Nothing => {}
            Heard::Frame(frame) => self.look(frame),
            Heard::Closed(Some(1000)) => {
                if !FINAL.contains(&self.state()) {
                    tally.find(format!("a phone was told that nothing more is to come of a ticket {}", self.state()));
                }
                (self.phone, self.over) = (None, true);
            }
            Heard::Closed(Some(4408)) => {
                tally.count("connections", "closed as too slow");
                self.connect(false).await;
            }
            Heard::Closed(code) => {
                tally.find(format!("a phone was closed with {code:?}"));
                (self.phone, self.over) = (None, true);
            }
            Heard::Silence => {
                tally.find("a phone heard nothing for too long".to_owned());
                (self.phone, self.over) = (None, true);
            }
        }
    }

    fn look(&mut self, frame: Value) {
        let number = self.seen.frame["number"].clone();
        if frame["type"] != "ticket" || frame["id"] != self.ticket || !(number.is_null() || frame["number"] == number) {
            self.world.tally.find(format!("a phone got {frame}"));
        }
        if frame["ahead"].is_u64() != (frame["state"] == "waiting") {
            self.world.tally.find(format!("{} with {} ahead", frame["state"], frame["ahead"]));
        }
        self.seen.take(&self.world, "phone", frame);
        let place = (self.state().to_owned(), self.seen.frame["ahead"].as_u64());
        let shown =
            Shown { ticket: self.ticket.clone(), stamp: self.seen.stamp(), place, heard_at: std::time::Instant::now() };
        self.world.shown().push_back(shown);
    }

    fn state(&self) -> &str {
        self.seen.frame["state"].as_str().unwrap_or_default()
    }

    async fn act(&mut self, chance: &mut Chance) {
        match chance.below(100) {
            0..15 => {
                self.go_away(chance).await;
                self.world.pause(chance.ms(200, 6_000)).await;
                let narrow = chance.percent(20);
                self.connect(narrow).await;
            }
            15..20 => {
                if let Some(phone) = &mut self.phone {
                    phone.resync().await;
                }
            }
            20..22 => self.give_up(chance).await,
            22..29 => {
                drop(self.ask("delay", Method::POST, "/delay", Some(json!({ "places": 1 + chance.below(3) }))).await)
            }
            29..36 => drop(self.ask("look", Method::GET, "", None).await),
            36..40 => {
                // In a pocket: connected, and not read.
                self.world.pause(chance.ms(2_000, 12_000)).await;
                if let Some(phone) = &mut self.phone {
                    phone.forgive();
                }
            }
            40..44 if self.seen.frame["checked_in"] == false && self.state() == "waiting" => {
                self.ask("check-in", Method::POST, "/check-in", Some(json!({}))).await;
            }
            44..48 => {
                // Somebody else of the party looks, too.
                tokio::spawn(glance(Arc::clone(&self.world), self.from, self.ticket.clone(), chance.ms(500, 5_000)));
            }
            _ => {}
        }
    }

    async fn go_away(&mut self, chance: &mut Chance) {
        match self.phone.take() {
            Some(phone) if chance.percent(50) => phone.leave().await,
            Some(phone) => phone.cut(),
            None => {}
        }
    }

    async fn give_up(&mut self, chance: &mut Chance) {
        if self.ask("cancel by guest", Method::DELETE, "", None).await.is_none() {
            return;
        }
        if chance.percent(30) {
            self.world.pause(chance.ms(300, 2_000)).await;
            self.ask("undo by guest", Method::POST, "/undo", Some(json!({}))).await;
        } else {
            self.go_away(chance).await;
            self.over = true;
        }
    }

    async fn ask(&self, kind: &'static str, method: Method, path: &str, body: Option<Value>) -> Option<Value> {
        let path = format!("/tickets/{}{path}", self.ticket);
        self.world.act(kind, Caller::Guest(self.from), method, &path, body, None).await
    }

    /// Nothing has changed for a while: the phone shows what the API says.
    async fn last_look(mut self, chance: &mut Chance) {
        if let Some(said) = self.ask("look", Method::GET, "", None).await
            && self.phone.is_some()
        {
            self.world.tally.count("compared", "phones at rest");
            for field in ["number", "line", "state", "ahead", "order", "calls", "checked_in", "adults", "items"] {
                if said[field] != self.seen.frame[field] {
                    let (shown, said) = (&self.seen.frame[field], &said[field]);
                    self.world.tally.find(format!("a phone at rest shows {field} {shown}, the API {said}"));
                }
            }
        }
        self.go_away(chance).await;
    }
}

/// What a phone says next; never, without one.
async fn next(phone: &mut Option<Connection>, world: &World) -> Heard {
    match phone {
        Some(phone) => phone.next(world).await,
        None => std::future::pending().await,
    }
}

/// Opens a ticket's page for a moment.
async fn glance(world: Arc<World>, from: u8, ticket: String, while_: Duration) {
    let path = format!("/tickets/{ticket}/live");
    match Connection::open(&world, "phone", from, &path, None, false).await {
        Err(error) => world.tally.find(format!("a second phone was not let in: {error:#}")),
        Ok(mut phone) => {
            let (mut seen, until) = (Seen::default(), Instant::now() + while_);
            while let Ok(heard) = timeout_at(until, phone.next(&world)).await {
                match heard {
                    Heard::Frame(frame) => seen.take(&world, "second phone", frame),
                    Heard::Nothing => {}
                    Heard::Closed(_) | Heard::Silence => break,
                }
            }
            if seen.frame.is_null() {
                world.tally.find("a second phone was shown nothing".to_owned());
            }
            phone.cut();
        }
    }
}
