//! Makes cases: a restaurant with rules that bite early, and steps chosen by looking at the model, so that rare
//! answers are reached often. All randomness comes from the seed in [`World`].

use proptest::strategy::{BoxedStrategy, Just, Strategy as _};
use proptest_state_machine::ReferenceStateMachine;
use rand::{
    RngExt as _, SeedableRng as _,
    rngs::StdRng,
    seq::{IndexedRandom as _, IteratorRandom as _},
};
use waitless::domain::{
    Actor, CallReason, Channel, Command, Edit, Join, LineId, MenuItem, Millis, NewState, OpenState, Policy,
    RestaurantId, RestaurantRecord, Role, TicketId, TicketState,
    policy::{GraceOver, Presence},
};

use super::{
    rules::{Deadline, Entry, Model, Opening, UndoRecord},
    step::{Clock, Step},
};

/// The restaurant of every case.
pub(crate) const RESTAURANT: RestaurantId = RestaurantId(20_261_122);

/// So many different phones.
const GUARDS: u32 = 40;

/// A case while it is made.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) opening: Opening,
    pub(crate) model: Model,
    clock: Clock,
    /// What the next step is drawn with.
    seed: u64,
    tickets: u32,
    steps_today: u32,
    /// After so many steps of a day staff begin to close.
    steps_per_day: u32,
    days: i64,
    /// Deadlines that were once due, the newest last.
    past: Vec<Deadline>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "World({} tickets)", self.tickets)
    }
}

/// The state machine that proptest walks.
pub(crate) struct LineMachine;

impl ReferenceStateMachine for LineMachine {
    type State = World;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<World> {
        proptest::num::u64::ANY.no_shrink().prop_map(World::new).boxed()
    }

    fn transitions(world: &World) -> BoxedStrategy<Step> {
        Just(Maker { world, rng: StdRng::seed_from_u64(world.seed) }.step()).boxed()
    }

    fn apply(mut world: World, step: &Step) -> World {
        world.take(step);
        world
    }
}

impl World {
    /// When every case begins.
    pub(crate) const START: Millis = 1_795_316_400_000;

    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let opening = opening(&mut rng);
        let mut model = Model::new(&opening);
        let clock = Clock::starting(Self::START, &mut model);
        let steps_per_day = rng.random_range(120..320);
        Self { opening, model, clock, seed, tickets: 0, steps_today: 0, steps_per_day, days: 0, past: Vec::new() }
    }

    fn take(&mut self, step: &Step) {
        let day = self.model.live.restaurant.day.clone();
        let deadlines = self.model.live.deadlines();
        self.clock.take(step, &mut self.model);
        let now = self.clock.now;
        self.past.extend(deadlines.into_iter().filter(|deadline| deadline.at <= now));
        let excess = self.past.len().saturating_sub(40);
        self.past.drain(..excess);
        if matches!(step, Step::Run { command: Command::Join(_), .. }) {
            self.tickets += 1;
        }
        self.steps_today += 1;
        if self.model.live.restaurant.day != day {
            self.steps_today = 0;
            self.days += 1;
        }
        self.seed = StdRng::seed_from_u64(self.seed).random();
        self.model.events.clear();
    }
}

fn opening(rng: &mut StdRng) -> Opening {
    let lines = if rng.random_bool(0.7) { "AB" } else { "ABC" };
    let mut opening = opening_with(policy(rng, Policy::default(), 1.0));
    opening.restaurant.day_ends_at = World::START + rng.random_range(60_000..3_600_000);
    opening.lines = lines.chars().map(|letter| (line(letter), format!("line {letter}"))).collect();
    for (_, left) in opening.menu.iter_mut().take(3) {
        *left = rng.random_bool(0.85).then(|| rng.random_range(0..9));
    }
    opening
}

/// The restaurant of every case, with this policy, one line, and nothing counted on its menu.
pub(crate) fn opening_with(policy: Policy) -> Opening {
    let item = |id: &str, price| (MenuItem { id: id.to_owned(), name: format!("{id} 요리"), price }, None);
    Opening {
        restaurant: RestaurantRecord {
            id: RESTAURANT,
            slug: "model".to_owned(),
            name: "국수집".to_owned(),
            time_zone: "Asia/Seoul".to_owned(),
            currency: "KRW".to_owned(),
            state: OpenState::Open,
            until: None,
            reason: None,
            announcement: None,
            day: day(0),
            day_ends_at: World::START + 3_600_000,
            opened_at: None,
            rebuilt_at: None,
            epoch: 0,
        },
        policy,
        lines: vec![(line('A'), "line A".to_owned())],
        menu: vec![item("cake", 7_000), item("soup", 9_000), item("rice", 1_000), item("tea", 500)],
    }
}

/// `policy` with each rule drawn anew with this probability.
fn policy(rng: &mut StdRng, mut policy: Policy, change: f64) -> Policy {
    macro_rules! draw {
        ($($field:ident: $value:expr,)+) => {$(
            if rng.random_bool(change) { policy.$field = $value; }
        )+};
    }
    draw! {
        grace_s: rng.random_range(1..40),
        last_call_s: rng.random_range(0..25),
        recalls: rng.random_range(0..3),
        grace_over: if rng.random_bool(0.6) { GraceOver::PutBackOnce } else { GraceOver::NoShow },
        delays: rng.random_range(0..4),
        delay_places_max: rng.random_range(1..6),
        undo_s: rng.random_range(0..90),
        rejoin_s: rng.random_range(0..150),
        stay_s: rng.random_range(1..120),
        party_min: rng.random_range(1..3),
        party_max: rng.random_range(3..9),
        capacity: rng.random_bool(0.3).then(|| rng.random_range(2..7)),
        daily_max: rng.random_bool(0.3).then(|| rng.random_range(4..20)),
        per_ticket_max: rng.random_range(1..5),
        remote: rng.random_bool(0.9),
        remote_share_max: rng.random_bool(0.4).then(|| rng.random_range(0..=100)),
        remote_opens_after_s: if rng.random_bool(0.5) { 0 } else { rng.random_range(1..40) },
        check_in_before_call: rng.random_bool(0.4),
        presence: if rng.random_bool(0.6) { Presence::Open } else { Presence::Code },
        overtaken_max: rng.random_range(1..4),
    }
    assert_eq!(policy.invalid_fields(), Vec::<&str>::new());
    policy
}

fn line(letter: char) -> LineId {
    letter.to_string().parse().expect("a letter is a line")
}

fn day(days: i64) -> String {
    let first = jiff::civil::date(2026, 11, 22);
    first.checked_add(jiff::Span::new().days(days)).expect("a day of our time").to_string()
}

/// Draws the next step.
struct Maker<'a> {
    world: &'a World,
    rng: StdRng,
}

impl Maker<'_> {
    fn step(mut self) -> Step {
        let world = self.world;
        if world.clock.silent {
            // Deadlines that begin in a silence, end in it, or both.
            match self.rng.random_range(0..100) {
                0..12 => return Step::Heard,
                12..22 => return self.pass(),
                22..25 => return self.restaurant_set(0.0),
                _ => {}
            }
        }
        if world.steps_today > world.steps_per_day && !world.clock.silent && self.rng.random_bool(0.7) {
            return self.closing();
        }
        let shut = world.model.live.restaurant.state != OpenState::Open;
        if shut && self.rng.random_bool(0.08) {
            return self.restaurant_set(0.8);
        }
        match self.rng.random_range(0..1_000) {
            0..120 => self.pass(),
            120..145 => Step::Silence,
            145..163 => self.expire_again(),
            163..170 => self.roll(),
            170..195 => self.find(),
            195..215 => self.restaurant_set(0.3),
            215..245 => self.line_set(),
            245..255 => self.on_ticket(),
            255..268 => self.by_staff(|maker| {
                Command::PolicySet(Box::new(policy(&mut maker.rng, maker.world.model.live.policy.clone(), 0.2).into()))
            }),
            268..285 => self.announce(),
            285..300 => self.by_staff(|maker| {
                let left = maker.rng.random_bool(0.7).then(|| maker.rng.random_range(0..9));
                Command::StockSet { item: maker.stocked(), left }
            }),
            300..320 => {
                self.by_staff(|maker| Command::StockAdjust { item: maker.stocked(), by: maker.rng.random_range(-4..4) })
            }
            320..550 => self.join(),
            550..600 => self.call_next(),
            _ => self.on_ticket(),
        }
    }

    /// Towards the end of the day: the called come in or are missed, the doors close, the day rolls.
    fn closing(&mut self) -> Step {
        let called = self.world.model.live.entries.iter().find(|entry| entry.is(&[TicketState::Called]));
        if let Some(called) = called {
            let ticket = called.ticket.id.clone();
            return self.by_staff(|maker| match maker.rng.random_range(0..3) {
                0 => Command::Seat { ticket },
                1 => Command::NoShow { ticket },
                _ => Command::Cancel { ticket, reason: None },
            });
        }
        if self.world.model.live.restaurant.state == OpenState::Closed {
            return self.roll();
        }
        let closed = NewState { state: OpenState::Closed, until: None, reason: Some("마감".to_owned()) };
        self.by_staff(|_| Command::RestaurantSet(closed))
    }

    fn pass(&mut self) -> Step {
        let ms = match self.rng.random_range(0..20) {
            _ if self.world.clock.silent => self.rng.random_range(1_000..60_000),
            0..8 => self.rng.random_range(1..1_000),
            8..17 => self.rng.random_range(1_000..15_000),
            17..19 => self.rng.random_range(15_000..60_000),
            _ => self.rng.random_range(60_000..180_000),
        };
        Step::Pass { ms, act: self.rng.random_bool(0.8) }
    }

    fn expire_again(&mut self) -> Step {
        match self.world.past.choose(&mut self.rng) {
            Some(deadline) => Step::ExpireAgain(deadline.clone()),
            None => self.pass(),
        }
    }

    fn roll(&mut self) -> Step {
        let ahead = if self.rng.random_bool(0.8) { 1 } else { self.rng.random_range(-1..2) };
        let ends_at = self.world.clock.now + self.rng.random_range(60_000..3_600_000);
        Step::RollDay { day: day((self.world.days + ahead).max(0)), ends_at }
    }

    /// Mostly of the number that was tried most, with a wrong code.
    fn find(&mut self) -> Step {
        let entries = &self.world.model.live.entries;
        let most_tried = entries.iter().filter(|entry| entry.tries < 8).max_by_key(|entry| entry.tries);
        let entry = if self.rng.random_bool(0.85) { most_tried } else { entries.iter().choose(&mut self.rng) };
        match entry {
            Some(entry) => {
                let right = if entry.tries < 5 { 0.2 } else { 0.6 };
                let code = if self.rng.random_bool(right) { entry.ticket.code.clone() } else { "0000".to_owned() };
                Step::Find { number: entry.ticket.number.clone(), code }
            }
            None => Step::Find { number: "A999".to_owned(), code: "1234".to_owned() },
        }
    }

    fn restaurant_set(&mut self, open: f64) -> Step {
        let state = self.new_state(open);
        self.by_staff(|_| Command::RestaurantSet(state))
    }

    fn line_set(&mut self) -> Step {
        let line = self.any_line();
        let shut = self.world.model.live.lines.get(&line).is_some_and(|line| line.state != OpenState::Open);
        let state = self.new_state(if shut { 0.7 } else { 0.2 });
        self.by_staff(|_| Command::LineSet { line, state })
    }

    fn new_state(&mut self, open: f64) -> NewState {
        let state = if self.rng.random_bool(open) {
            OpenState::Open
        } else {
            [OpenState::Closed, OpenState::Paused, OpenState::Direct][self.rng.random_range(0..3)]
        };
        let reason = self.rng.random_bool(0.3).then(|| "재료 소진".to_owned());
        NewState { state, until: self.until(if state == OpenState::Open { 0.1 } else { 0.7 }), reason }
    }

    fn until(&mut self, given: f64) -> Option<Millis> {
        let given = self.rng.random_bool(given);
        let past = self.rng.random_bool(0.1);
        let ms = if past { self.rng.random_range(-5_000..=0) } else { self.rng.random_range(1..40_000) };
        given.then_some(self.world.clock.now + ms)
    }

    fn announce(&mut self) -> Step {
        let text =
            if self.rng.random_bool(0.2) { String::new() } else { "오늘은 면이 특별합니다".to_owned() };
        let until = self.until(0.8);
        self.by_staff(|_| Command::Announce { text, until })
    }

    fn join(&mut self) -> Step {
        let actor = match self.rng.random_range(0..10) {
            0..5 => Actor::of(Role::Guest),
            5..8 => Actor { role: Role::Device, device: Some("kiosk-1".to_owned()), account: None },
            _ => self.staff(),
        };
        let serial = self.world.tickets + 1;
        let id = TicketId::new(RESTAURANT, u128::from(serial));
        let channel = if self.rng.random_bool(0.45) { Channel::Remote } else { Channel::Onsite };
        let guest = actor.role == Role::Guest;
        let join = Join {
            r#ref: format!("ref{serial}"),
            id,
            code: format!("{}", self.rng.random_range(1_000..10_000)),
            line: self.any_line(),
            adults: if self.rng.random_bool(0.08) { self.rng.random_range(1..15) } else { self.rng.random_range(1..4) },
            children: self.rng.random_range(0..3_u32).saturating_sub(1),
            channel,
            present: !guest || self.rng.random_bool(0.6),
            guards: self.guards(),
            items: self.items(),
            drop_sold_out: self.rng.random_bool(0.5),
            name: self.rng.random_bool(0.3).then(|| "김하늘".to_owned()),
            phone_last4: self.rng.random_bool(0.3).then(|| "0420".to_owned()),
            note: (!guest && self.rng.random_bool(0.3)).then(|| "window".to_owned()),
            lang: self.rng.random_bool(0.3).then(|| "ko".to_owned()),
            eta: None,
            place: None,
        };
        Step::Run { actor, command: Command::Join(Box::new(join)) }
    }

    fn guards(&mut self) -> Vec<String> {
        if self.rng.random_bool(0.3) {
            // Somebody who was missed, or was here before, joins again.
            let state = [TicketState::NoShow, TicketState::NoShow, TicketState::Cancelled, TicketState::Seated];
            let state = state[self.rng.random_range(0..4)];
            let fits = |entry: &&Entry| entry.ticket.state == state && !entry.guards.is_empty();
            let mut before = self.world.model.live.entries.iter().rev().filter(fits);
            return before.next().map(|entry| entry.guards.clone()).unwrap_or_default();
        }
        let count = [0, 1, 1, 2][self.rng.random_range(0..4)];
        let mut guards: Vec<u32> = (0..count).map(|_| self.rng.random_range(0..GUARDS)).collect();
        guards.dedup();
        guards.into_iter().map(|guard| format!("guard{guard}")).collect()
    }

    fn items(&mut self) -> Vec<(String, u32)> {
        let max = self.world.model.live.policy.per_ticket_max;
        let too_many = u32::from(self.rng.random_bool(0.05));
        let mut items: Vec<(String, u32)> = Vec::new();
        for _ in 0..[0, 1, 1, 2, 3][self.rng.random_range(0..5)] {
            let item = self.item();
            if items.iter().all(|(other, _)| *other != item) {
                items.push((item, self.rng.random_range(1..=max) + too_many));
            }
        }
        items
    }

    fn item(&mut self) -> String {
        let known = ["cake", "soup", "rice", "tea"];
        (if self.rng.random_bool(0.02) { "moon" } else { known[self.rng.random_range(0..4)] }).to_owned()
    }

    fn stocked(&mut self) -> String {
        if self.rng.random_bool(0.1) { "moon".to_owned() } else { self.item() }
    }

    fn any_line(&mut self) -> LineId {
        let known: Vec<_> = self.world.model.live.lines.keys().copied().collect();
        if self.rng.random_bool(0.05) { line('Z') } else { known[self.rng.random_range(0..known.len())] }
    }

    fn call_next(&mut self) -> Step {
        let (party_min, party_max) = match self.rng.random_range(0..3) {
            0 => (Some(self.rng.random_range(2..5)), None),
            1 => (None, Some(self.rng.random_range(1..4))),
            _ => (None, None),
        };
        let (line, to) = (self.any_line(), self.table());
        self.by_staff(|_| Command::CallNext { line, party_min, party_max, to })
    }

    fn table(&mut self) -> Option<String> {
        self.rng.random_bool(0.5).then(|| format!("table {}", self.rng.random_range(1..9)))
    }

    fn by_staff(&mut self, command: impl FnOnce(&mut Self) -> Command) -> Step {
        let command = command(self);
        Step::Run { actor: self.staff(), command }
    }

    fn staff(&mut self) -> Actor {
        let role = [Role::Staff, Role::Staff, Role::Owner, Role::Admin][self.rng.random_range(0..4)];
        Actor { role, device: None, account: Some("7".to_owned()) }
    }

    /// A ticket that mostly fits; sometimes any other, sometimes none that exists.
    fn ticket(&mut self, fits: impl Fn(&Entry) -> bool) -> TicketId {
        let entries = &self.world.model.live.entries;
        let fitting: Vec<_> = entries.iter().filter(|entry| fits(entry)).collect();
        let chosen = match self.rng.random_range(0..100) {
            0..3 => None,
            3..20 => entries.iter().choose(&mut self.rng),
            _ => fitting.choose(&mut self.rng).copied().or(entries.iter().choose(&mut self.rng)),
        };
        chosen.map_or_else(|| TicketId::new(RESTAURANT, u128::from(u32::MAX)), |entry| entry.ticket.id.clone())
    }

    /// One who was missed today, and by preference has joined again.
    fn missed(&mut self, in_time: bool) -> TicketId {
        let world = self.world;
        let until = if in_time { world.clock.now } else { 0 };
        let missed = |entry: &Entry| {
            let may_rejoin = !entry.rejoined && entry.ticket.rejoin_until.is_some_and(|at| at > until);
            entry.is(&[TicketState::NoShow]) && (may_rejoin || !in_time)
        };
        let again = |entry: &Entry| missed(entry) && !world.model.live.guards_free(&entry.guards, None);
        if world.model.live.entries.iter().any(again) { self.ticket(again) } else { self.ticket(missed) }
    }

    fn on_ticket(&mut self) -> Step {
        use TicketState::{Called, NoShow, Seated, Waiting};
        let in_state = |states: &'static [TicketState]| move |entry: &Entry| entry.is(states);
        let allowed = 1..=self.world.model.live.policy.delay_places_max;
        let places =
            if self.rng.random_bool(0.8) { self.rng.random_range(allowed) } else { self.rng.random_range(0..7) };
        let guest = Actor::of(Role::Guest);
        let (by_guest, command) = match self.rng.random_range(0..28) {
            0..2 => (false, {
                let reason = self.rng.random_bool(0.8).then(|| CallReason::ALL[self.rng.random_range(0..7)]);
                Command::Call { ticket: self.ticket(in_state(&[Waiting])), reason, to: self.table() }
            }),
            2..4 => (false, Command::Recall { ticket: self.ticket(in_state(&[Called])) }),
            4 => (false, Command::PutBack { ticket: self.ticket(in_state(&[Called])), places }),
            5..8 => (true, Command::Delay { ticket: self.ticket(in_state(&[Waiting, Called])), places }),
            8..10 => (false, Command::Seat { ticket: self.ticket(in_state(&[Waiting, Called, NoShow])) }),
            10 => (false, Command::Complete { ticket: self.ticket(in_state(&[Seated])) }),
            11 => (self.rng.random_bool(0.6), {
                let reason = self.rng.random_bool(0.5).then(|| "changed plans".to_owned());
                Command::Cancel { ticket: self.ticket(in_state(&[Waiting, Called])), reason }
            }),
            12 => (false, Command::NoShow { ticket: self.ticket(in_state(&[Called])) }),
            13..15 => {
                let places = if self.rng.random_bool(0.4) { 0 } else { places };
                (false, Command::Restore { ticket: self.missed(false), places })
            }
            15..18 => (true, {
                let in_time = self.rng.random_bool(0.6);
                Command::Rejoin { ticket: self.missed(in_time) }
            }),
            18..24 => {
                let by_guest = self.rng.random_bool(0.25);
                let now = self.world.clock.now;
                let late = self.rng.random_bool(0.2);
                let theirs = |entry: &Entry| {
                    let fits = |record: &UndoRecord| record.by_guest == by_guest && (late || now < record.until);
                    entry.undo.as_ref().is_some_and(fits)
                };
                (by_guest, Command::Undo { ticket: self.ticket(theirs) })
            }
            24 => (true, {
                let away = |entry: &Entry| !entry.ticket.checked_in && entry.is(&[Waiting, Called]);
                Command::CheckIn { ticket: self.ticket(away), present: self.rng.random_bool(0.6) }
            }),
            _ => (false, {
                let ticket = self.ticket(in_state(&[Waiting, Called, Seated, NoShow]));
                Command::Edit { ticket, edit: self.edit() }
            }),
        };
        let actor = match (by_guest, self.rng.random_bool(0.1)) {
            (true, true) => Actor { role: Role::Device, device: Some("kiosk-1".to_owned()), account: None },
            (true, false) => guest,
            (false, _) => self.staff(),
        };
        Step::Run { actor, command }
    }

    fn edit(&mut self) -> Edit {
        let mut given = |probability| self.rng.random_bool(probability);
        let (adults, children, line, note, name) = (given(0.4), given(0.3), given(0.4), given(0.2), given(0.2));
        Edit {
            adults: adults.then(|| self.rng.random_range(1..21)),
            children: children.then(|| self.rng.random_range(0..8)),
            line: line.then(|| self.any_line()),
            note: note.then(|| self.rng.random_bool(0.6).then(|| "window".to_owned())),
            name: name.then(|| self.rng.random_bool(0.6).then(|| "이바다".to_owned())),
        }
    }
}
