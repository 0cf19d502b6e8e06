//! Holds a script to its header.

use std::collections::BTreeSet;

use rand::RngExt as _;
use waitless::{
    domain::{Actor, Command, Event, Rejection, Ticket, TicketState},
    queue::{
        Outcome,
        script::{LuaFile, OPERATIONS},
    },
};

use crate::harness::shop::{Dump, Shop};

/// Which replies of a script a test has seen.
pub struct Cover {
    script: &'static str,
    expected: BTreeSet<String>,
    events: Vec<&'static str>,
    seen: BTreeSet<String>,
}

/// Something that was done, and the event that tells of it.
pub struct Act {
    pub outcome: Outcome,
    pub event: Event,
}

impl Act {
    pub fn ticket(&self) -> Ticket {
        self.outcome.done.ticket.clone().expect("a reply with a ticket")
    }

    pub fn ahead(&self) -> Option<u32> {
        self.outcome.done.ahead
    }
}

/// The text of a header field.
pub fn header(file: LuaFile, field: &str) -> &'static str {
    let prefix = format!("-- {field}: ");
    let line = file.text.lines().find_map(|line| line.strip_prefix(prefix.as_str()));
    line.unwrap_or_else(|| panic!("lua/{}.lua has no {field}", file.name))
}

/// What `perform` adds to the replies of a script.
const PERFORM: [&str; 4] = ["replayed", "idempotency_mismatch", "not_loaded", "not_compared"];

const NOTHING: [&str; 0] = [];

/// Keys that are not what they were.
pub fn written<'a>(before: &'a Dump, after: &'a Dump) -> Vec<&'a str> {
    let keys: BTreeSet<&str> = before.keys().chain(after.keys()).map(String::as_str).collect();
    keys.into_iter().filter(|key| before.get(*key) != after.get(*key)).collect()
}

impl Cover {
    pub fn of(script: &'static str) -> Self {
        let file = *OPERATIONS.iter().find(|file| file.name == script).expect("a script");
        let (done, codes) = header(file, "REPLY").split_once(" | ").unwrap_or((header(file, "REPLY"), ""));
        let mut expected: BTreeSet<String> = codes.split_whitespace().map(str::to_owned).collect();
        expected.insert(done.split(' ').next().expect("a first word").to_owned());
        if file.text.contains("return perform(") {
            expected.extend(PERFORM.map(str::to_owned));
        }
        let events = header(file, "EVENT").split(' ').filter(|name| *name != "none").collect();
        Self { script, expected, events, seen: BTreeSet::new() }
    }

    /// A script that is never asked with an idempotency key.
    pub fn keyless(script: &'static str) -> Self {
        let mut cover = Self::of(script);
        cover.seen.extend(PERFORM[..2].iter().map(|code| (*code).to_owned()));
        cover
    }

    /// A command that must be refused like this, writing nothing.
    pub async fn refused(&mut self, shop: &Shop, actor: &Actor, command: Command, expected: Rejection) {
        let lost = expected == Rejection::NotFound && self.expected.contains("place_lost");
        self.refusal(shop, shop.run(actor, command.clone()), expected).await;
        if lost {
            // The same of a restaurant that was rebuilt today.
            shop.set_rebuilt_at(Some(shop.now)).await;
            self.refusal(shop, shop.run(actor, command), Rejection::PlaceLost).await;
            shop.set_rebuilt_at(None).await;
        }
    }

    pub async fn refusal<T>(
        &mut self,
        shop: &Shop,
        call: impl Future<Output = Result<T, Rejection>>,
        expected: Rejection,
    ) {
        let before = shop.dump().await;
        let refusal = call.await.err();
        assert_eq!(refusal.as_ref(), Some(&expected), "{}", self.script);
        assert_eq!(written(&before, &shop.dump().await), NOTHING, "{}: refused with {expected:?}", self.script);
        self.saw(expected.code());
    }

    /// A command that must be done, told by one event.
    pub async fn done(&mut self, shop: &Shop, actor: &Actor, command: Command) -> Act {
        self.act(shop, actor, shop.run(actor, command)).await
    }

    pub async fn act(
        &mut self,
        shop: &Shop,
        actor: &Actor,
        call: impl Future<Output = Result<Outcome, Rejection>>,
    ) -> Act {
        let before: i64 = shop.field("revs", &shop.id.to_string()).await.unwrap_or(0);
        let outcome = call.await.unwrap_or_else(|refusal| panic!("{}: {refusal:?}", self.script));
        let event = shop.last_event().await;
        assert_eq!(outcome.stamp.rev, before + 1, "{}: one change, one rev", self.script);
        self.agrees(shop, actor, &outcome, &event).await;
        self.saw("done");
        Act { outcome, event }
    }

    /// A command that succeeds without changing anything.
    pub async fn quiet(&mut self, shop: &Shop, call: impl Future<Output = Result<Outcome, Rejection>>) -> Outcome {
        let before = shop.dump().await;
        let outcome = call.await.unwrap_or_else(|refusal| panic!("{}: {refusal:?}", self.script));
        assert_eq!(written(&before, &shop.dump().await), NOTHING, "{}", self.script);
        self.saw("done");
        outcome
    }

    /// The replies that all commands share; the command must be possible, and is done.
    pub async fn common(&mut self, shop: &Shop, actor: &Actor, command: Command) -> Act {
        let unopened = Shop::unopened();
        unopened.due().await;
        self.refused(&unopened, actor, command.clone(), Rejection::NotLoaded).await;
        self.uncompared(shop, shop.run(actor, command.clone())).await;
        let key = format!("k{:016x}", rand::rng().random::<u64>());
        let first = self.act(shop, actor, shop.run_once(actor, &key, "asked", command.clone())).await;
        let before = shop.dump().await;
        let again = shop.run_once(actor, &key, "asked", command.clone()).await.expect("a replay");
        assert!(again.replayed && !first.outcome.replayed);
        assert_eq!(Outcome { replayed: false, ..again }, first.outcome, "{}: a replay is the same answer", self.script);
        assert_eq!(written(&before, &shop.dump().await), NOTHING, "{}: a replay", self.script);
        self.saw("replayed");
        let other = shop.run_once(actor, &key, "asked differently", command);
        self.refusal(shop, other, Rejection::IdempotencyMismatch).await;
        first
    }

    /// A call that must be refused while the restaurant is of another life of Redis than the comparison.
    pub async fn uncompared<T>(&mut self, shop: &Shop, call: impl Future<Output = Result<T, Rejection>>) {
        let compared: String = shop.field("meta", "compared").await.expect("loaded");
        shop.set_field("meta", "compared", "0").await;
        shop.set_field("src", "life_at", shop.now).await;
        self.refusal(shop, call, Rejection::NotCompared).await;
        shop.set_field("meta", "compared", compared).await;
    }

    /// Every reply of the header was seen.
    pub fn finish(self) {
        assert_eq!(self.seen, self.expected, "replies of lua/{}.lua: seen, and in its header", self.script);
    }

    pub fn saw(&mut self, code: &str) {
        assert!(self.expected.contains(code), "lua/{}.lua answers {code}, its header does not say so", self.script);
        self.seen.insert(code.to_owned());
    }

    /// Event, reply, tickets and snapshot tell the same.
    async fn agrees(&self, shop: &Shop, actor: &Actor, outcome: &Outcome, event: &Event) {
        let what = format!("{} → {}", self.script, event.name);
        assert!(self.events.contains(&event.name.as_str()), "{what}: not in the header");
        assert_eq!(event.stamp(), outcome.stamp, "{what}");
        assert_eq!((event.at, event.aggregate.as_str()), (outcome.at, format!("restaurant:{}", shop.id).as_str()));
        assert_eq!(&event.by, actor, "{what}");
        let snapshot = shop.snapshot().await;
        assert_eq!(snapshot.stamp, outcome.stamp, "{what}");
        if let Some(ticket) = &outcome.done.ticket {
            assert_eq!(event.ticket.as_ref(), Some(&ticket.id), "{what}");
            assert_eq!(event.line, Some(ticket.line), "{what}");
            assert!(event.tickets.contains(ticket), "{what}: the event carries the ticket");
            let ahead = snapshot.tickets.iter().filter(|other| {
                other.state == TicketState::Waiting && other.line == ticket.line && other.order < ticket.order
            });
            let ahead = (ticket.state == TicketState::Waiting).then_some(ahead.count() as u32);
            assert_eq!(outcome.done.ahead, ahead, "{what}: ahead");
        }
        for ticket in &event.tickets {
            assert_eq!(ticket, &shop.ticket(&ticket.id).await, "{what}");
            let shown = snapshot.tickets.iter().find(|shown| shown.id == ticket.id);
            let live = !matches!(ticket.state, TicketState::Cancelled | TicketState::Completed)
                || ticket.undo_until.is_some_and(|until| until > snapshot.at);
            assert_eq!(shown, live.then_some(ticket), "{what}: the snapshot");
            assert_eq!(ticket.grace_until.is_some(), ticket.state == TicketState::Called, "{what}");
        }
        for changed in &event.lines {
            assert_eq!(snapshot.lines.get(&changed.line), Some(changed), "{what}");
        }
        for (item, left) in &event.stock {
            assert_eq!(snapshot.stock.get(item).copied().unwrap_or(-1), *left, "{what}: {item}");
        }
        if let Some(restaurant) = &event.restaurant {
            assert_eq!(restaurant, &snapshot.restaurant, "{what}");
        }
    }
}
