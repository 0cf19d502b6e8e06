//! The model's own tests: the tricky rules, with the answers worked out by hand from the documents.

use waitless::domain::{
    Actor, CallReason, Channel, Command, Done, Edit, Join, LineId, MenuItem, Millis, NewState, OpenState, Policy,
    Rejection, RestaurantId, RestaurantRecord, Role, Ticket, TicketId, TicketState, policy::GraceOver,
};

use super::rules::{Deadline, Model, Opening, Timer};

const NOON: Millis = 1_795_316_400_000;
const DAY_ENDS_AT: Millis = NOON + 3_600_000;
const SHOP: RestaurantId = RestaurantId(7);

fn line(letter: &str) -> LineId {
    letter.parse().expect("a letter")
}

/// A ticket by the number of its join, from 1.
fn t(serial: u32) -> TicketId {
    TicketId::new(SHOP, u128::from(serial))
}

/// A restaurant with five cakes and two lines, and a clock.
struct Shop {
    model: Model,
    now: Millis,
    joined: u32,
}

impl Shop {
    fn with(policy: Policy) -> Self {
        let opening = Opening {
            restaurant: RestaurantRecord {
                id: SHOP,
                slug: "shop".to_owned(),
                name: "Shop".to_owned(),
                time_zone: "Asia/Seoul".to_owned(),
                currency: "KRW".to_owned(),
                state: OpenState::Open,
                until: None,
                reason: None,
                announcement: None,
                day: "2026-11-22".to_owned(),
                day_ends_at: DAY_ENDS_AT,
                opened_at: None,
                rebuilt_at: None,
                epoch: 0,
            },
            policy,
            lines: vec![(line("A"), "hall".to_owned()), (line("B"), "terrace".to_owned())],
            menu: vec![(MenuItem { id: "cake".to_owned(), name: "Cake".to_owned(), price: 100 }, Some(5))],
        };
        let mut model = Model::new(&opening);
        model.due(NOON);
        Self { model, now: NOON, joined: 0 }
    }

    /// `count` parties of two wait in line A.
    fn waiting(count: u32) -> Self {
        let mut shop = Self::with(Policy { grace_s: 60, last_call_s: 20, ..Policy::default() });
        (0..count).for_each(|_| shop.join(|_| {}));
        shop
    }

    fn join(&mut self, change: impl FnOnce(&mut Join)) {
        assert!(self.try_join(change).is_ok());
    }

    fn try_join(&mut self, change: impl FnOnce(&mut Join)) -> Result<Done, Rejection> {
        self.joined += 1;
        let mut join = Join {
            id: t(self.joined),
            r#ref: format!("ref{}", self.joined),
            code: "1234".to_owned(),
            line: line("A"),
            adults: 2,
            children: 0,
            channel: Channel::Onsite,
            present: false,
            guards: Vec::new(),
            items: Vec::new(),
            drop_sold_out: false,
            name: None,
            phone_last4: None,
            note: None,
            lang: None,
            eta: None,
            place: None,
        };
        change(&mut join);
        self.model.run(&Actor::of(Role::Guest), self.now, &Command::Join(Box::new(join)))
    }

    fn by(&mut self, role: Role, command: Command) -> Result<Ticket, Rejection> {
        self.model.run(&Actor::of(role), self.now, &command).map(|done| done.ticket.expect("a ticket"))
    }

    fn staff(&mut self, command: Command) -> Result<Ticket, Rejection> {
        self.by(Role::Staff, command)
    }

    fn call(&mut self, serial: u32) {
        self.staff(Command::Call { ticket: t(serial), reason: Some(CallReason::Other), to: None }).expect("it waits");
    }

    fn miss(&mut self, serial: u32) {
        self.call(serial);
        self.staff(Command::NoShow { ticket: t(serial) }).expect("it is called");
    }

    fn ticket(&self, serial: u32) -> &Ticket {
        let index = self.model.live.index_of(&t(serial)).expect("it is kept");
        &self.model.live.entries[index].ticket
    }

    /// Serial numbers of the waiting of line A, head first.
    fn queue(&self) -> Vec<u32> {
        let of = |index: usize| (1..=self.joined).find(|&serial| t(serial) == self.model.live.entries[index].ticket.id);
        self.model.live.queue(line("A")).into_iter().filter_map(of).collect()
    }

    /// Lets time pass with the timers alive, and every deadline act.
    fn pass(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.now += 1_000;
            self.tick();
        }
    }

    fn tick(&mut self) {
        for deadline in self.model.due(self.now) {
            let acted = self.model.expire(&deadline, self.now);
            // A last call that was listed before its grace has moved that, too.
            assert!(acted.is_ok() || matches!(deadline.timer, Timer::Grace(_)), "{deadline:?}: {acted:?}");
        }
    }

    fn notices(&self, serial: u32) -> Vec<&str> {
        self.ticket(serial).notices.iter().map(|notice| notice.kind.as_str()).collect()
    }

    fn stock(&self) -> i64 {
        self.model.live.stock["cake"]
    }
}

#[test]
fn moves_back_count_from_the_own_place() {
    for (called, mover, places, queue) in [
        (None, 1, 1, [2, 1, 3, 4, 5].as_slice()),
        (None, 1, 3, &[2, 3, 4, 1, 5]),
        (None, 2, 20, &[1, 3, 4, 5, 2]),
        (Some(1), 1, 2, &[2, 3, 1, 4, 5]),
        // Called ones do not count as places.
        (Some(3), 2, 1, &[1, 4, 2, 5]),
    ] {
        let mut shop = Shop::waiting(5);
        if let Some(called) = called {
            shop.call(called);
        }
        shop.by(Role::Guest, Command::Delay { ticket: t(mover), places }).expect("a delay");
        assert_eq!(shop.queue(), queue, "{mover} back by {places}");
    }
}

#[test]
fn with_nobody_behind_a_guest_keeps_the_delay_and_staff_keep_the_place() {
    let mut shop = Shop::waiting(2);
    shop.call(2);
    let delay = Command::Delay { ticket: t(2), places: 1 };
    assert_eq!(shop.by(Role::Guest, delay), Err(Rejection::NobodyBehind));
    assert_eq!(shop.ticket(2).delays_left, 3);
    let order = shop.ticket(2).order.clone();
    shop.staff(Command::PutBack { ticket: t(2), places: 1 }).expect("put back");
    assert_eq!((&shop.ticket(2).order, shop.queue()), (&order, vec![1, 2]));
}

#[test]
fn restored_ones_stand_at_their_place_from_the_head() {
    for (places, queue) in [(0, [1, 2, 3, 4]), (1, [2, 1, 3, 4]), (2, [2, 3, 1, 4]), (9, [2, 3, 4, 1])] {
        let mut shop = Shop::waiting(4);
        shop.miss(1);
        shop.staff(Command::Restore { ticket: t(1), places }).expect("restored");
        assert_eq!(shop.queue(), queue, "at {places}");
    }
    let mut shop = Shop::waiting(6);
    shop.miss(5);
    shop.by(Role::Guest, Command::Rejoin { ticket: t(5) }).expect("in time");
    assert_eq!(shop.queue(), [1, 2, 3, 5, 4, 6]);
    shop.miss(5);
    assert_eq!(shop.by(Role::Guest, Command::Rejoin { ticket: t(5) }), Err(Rejection::RejoinExpired), "only once");
}

#[test]
fn a_ticket_that_comes_back_stands_before_who_took_its_place() {
    let mut shop = Shop::waiting(3);
    // 3 goes between 1 and 2, is called; 2 … then 1 moves into the very same gap.
    shop.miss(3);
    shop.staff(Command::Restore { ticket: t(3), places: 1 }).expect("restored");
    shop.call(3);
    let order = shop.ticket(3).order.clone();
    shop.join(|_| {});
    shop.miss(4);
    shop.staff(Command::Restore { ticket: t(4), places: 1 }).expect("restored");
    assert_eq!(shop.ticket(4).order, order);
    shop.staff(Command::Undo { ticket: t(3) }).expect("undone");
    assert_eq!(shop.queue(), [1, 3, 4, 2]);
    assert_ne!(shop.ticket(3).order, order);
}

#[test]
fn undo_brings_back_state_place_and_calls() {
    let mut shop = Shop::waiting(3);
    shop.call(2);
    shop.now += 5_000;
    shop.staff(Command::Recall { ticket: t(2) }).expect("recalled");
    let called = shop.ticket(2).clone();
    for act in
        [Command::Seat { ticket: t(2) }, Command::NoShow { ticket: t(2) }, Command::PutBack { ticket: t(2), places: 1 }]
    {
        shop.now += 1_000;
        shop.staff(act).expect("it is called");
        shop.staff(Command::Undo { ticket: t(2) }).expect("undone");
        let expected = Ticket { grace_until: Some(shop.now + 60_000), undo_until: None, ..called.clone() };
        assert_eq!(shop.ticket(2), &expected);
    }
    assert_eq!(shop.staff(Command::Undo { ticket: t(2) }), Err(Rejection::WrongState), "the record is gone");
}

#[test]
fn each_undoes_what_is_theirs_and_in_time() {
    for (by, ok, expired_after_s) in [(Role::Guest, Role::Guest, 60), (Role::Staff, Role::Staff, 3_600)] {
        let mut shop = Shop::waiting(1);
        shop.by(by, Command::Cancel { ticket: t(1), reason: None }).expect("it waits");
        let other = if ok == Role::Guest { Role::Staff } else { Role::Guest };
        assert_eq!(shop.by(other, Command::Undo { ticket: t(1) }), Err(Rejection::WrongState));
        shop.now = NOON + expired_after_s * 1_000 - 1;
        let mut in_time = Shop { model: shop.model.clone(), ..shop };
        in_time.by(ok, Command::Undo { ticket: t(1) }).expect("in time");
        shop = Shop { now: NOON + expired_after_s * 1_000, ..shop };
        assert_eq!(shop.by(ok, Command::Undo { ticket: t(1) }), Err(Rejection::UndoExpired));
    }
}

#[test]
fn a_guest_who_joined_again_blocks_undo_restore_and_rejoin() {
    let guarded = |join: &mut Join| join.guards = vec!["phone".to_owned()];
    let mut shop = Shop::with(Policy::default());
    shop.join(guarded);
    assert_eq!(shop.try_join(guarded), Err(Rejection::AlreadyWaiting));
    shop.miss(1);
    shop.join(guarded);
    assert_eq!(shop.staff(Command::Undo { ticket: t(1) }), Err(Rejection::AlreadyWaiting));
    assert_eq!(shop.staff(Command::Restore { ticket: t(1), places: 0 }), Err(Rejection::AlreadyWaiting));
    assert_eq!(shop.by(Role::Guest, Command::Rejoin { ticket: t(1) }), Err(Rejection::AlreadyWaiting));
}

#[test]
fn check_in_leaves_the_undo_record_and_a_delay_removes_it() {
    let mut shop = Shop::with(Policy::default());
    (0..2).for_each(|_| shop.join(|join| join.channel = Channel::Remote));
    shop.call(1);
    shop.by(Role::Guest, Command::CheckIn { ticket: t(1), present: false }).expect("called");
    assert!(shop.ticket(1).undo_until.is_some());
    shop.by(Role::Guest, Command::Delay { ticket: t(1), places: 1 }).expect("called");
    assert_eq!(shop.ticket(1).undo_until, None);
}

#[test]
fn overtaken_ones_are_counted_and_told() {
    let mut shop = Shop::waiting(25);
    for (round, told) in [
        (25, vec!["overtaken"]),
        (24, vec!["overtaken"; 2]),
        (23, vec!["overtaken", "overtaken", "overtaken", "passed_over"]),
    ] {
        assert_eq!(
            shop.staff(Command::Call { ticket: t(round), reason: None, to: None }).map_err(|refusal| refusal.code()),
            Err("invalid")
        );
        shop.call(round);
        assert_eq!(shop.notices(1), told);
    }
    assert_eq!((shop.ticket(20).overtaken, shop.ticket(21).overtaken), (3, 0), "the first 20 only");
}

#[test]
fn who_is_not_there_is_told_once_and_keeps_the_place() {
    let mut shop = Shop::with(Policy { check_in_before_call: true, overtaken_max: 1, ..Policy::default() });
    shop.join(|join| join.channel = Channel::Remote);
    (0..2).for_each(|_| shop.join(|_| {}));
    for called in [2, 3] {
        let next = Command::CallNext { line: line("A"), party_min: None, party_max: None, to: None };
        assert_eq!(shop.staff(next).expect("somebody is there").id, t(called));
    }
    assert_eq!(
        (shop.notices(1), shop.ticket(1).overtaken, shop.queue()),
        (vec!["not_here", "passed_over"], 1, vec![1])
    );
    let next = Command::CallNext { line: line("A"), party_min: None, party_max: None, to: None };
    assert_eq!(shop.staff(next), Err(Rejection::LineEmpty), "it never jams, and is never called unseen");
}

#[test]
fn grace_puts_back_once_then_misses() {
    let mut shop = Shop::waiting(5);
    shop.call(1);
    shop.pass(40);
    assert_eq!(shop.notices(1), ["last_call"]);
    shop.pass(20);
    assert_eq!(shop.queue(), [2, 3, 4, 1, 5]);
    shop.call(1);
    shop.pass(60);
    assert_eq!(shop.ticket(1).state, TicketState::NoShow);
    shop.staff(Command::Undo { ticket: t(1) }).expect("the timer's act is staff's to undo");
    assert_eq!((shop.ticket(1).state, shop.ticket(1).calls), (TicketState::Called, 1));
}

#[test]
fn undoing_the_timers_put_back_gives_the_second_chance_again() {
    let mut shop = Shop::waiting(2);
    shop.call(1);
    shop.pass(60);
    shop.staff(Command::Undo { ticket: t(1) }).expect("in time");
    shop.pass(60);
    assert_eq!(shop.ticket(1).state, TicketState::Waiting);
}

#[test]
fn deadlines_inside_an_outage_move_by_its_length() {
    let mut shop = Shop::waiting(1);
    shop.model.live.policy.grace_over = GraceOver::NoShow;
    shop.call(1);
    shop.pass(10);
    let stale = Deadline { timer: Timer::Grace(t(1)), at: NOON + 60_000 };
    // Nobody watches from 10 s to 100 s: last call (40 s) and grace (60 s) lie inside and move by 90 s.
    shop.now = NOON + 100_000;
    shop.tick();
    assert_eq!(shop.ticket(1).grace_until, Some(NOON + 150_000));
    assert_eq!(shop.notices(1), ["deadline_moved"]);
    assert_eq!(shop.model.expire(&stale, shop.now), Err(Rejection::Stale));
    shop.pass(30);
    assert_eq!(shop.notices(1), ["deadline_moved", "last_call"]);
    shop.pass(20);
    assert_eq!(shop.ticket(1).state, TicketState::NoShow);
}

#[test]
fn a_silence_of_ten_seconds_is_no_outage() {
    for (silence_ms, state) in [(10_000, TicketState::Waiting), (10_001, TicketState::Called)] {
        let mut shop = Shop::waiting(2);
        shop.call(1);
        shop.pass(55);
        shop.now += silence_ms;
        shop.tick();
        assert_eq!(shop.ticket(1).state, state, "after {silence_ms} ms");
    }
}

#[test]
fn returned_items_are_retaken_as_far_as_they_are_left() {
    let cakes = |quantity: u32| move |join: &mut Join| join.items = vec![("cake".to_owned(), quantity)];
    for (bought_meanwhile, held, lost) in [(1, 3, 0), (3, 2, 1), (4, 1, 2)] {
        let mut shop = Shop::with(Policy::default());
        shop.join(cakes(3));
        assert_eq!(shop.stock(), 2);
        shop.by(Role::Staff, Command::Cancel { ticket: t(1), reason: None }).expect("it waits");
        assert_eq!((shop.stock(), shop.ticket(1).items[0].held), (5, 0));
        shop.join(cakes(bought_meanwhile));
        shop.staff(Command::Undo { ticket: t(1) }).expect("never fails for stock");
        let item = &shop.ticket(1).items[0];
        assert_eq!(
            (item.held, item.lost, shop.stock()),
            (held, lost, 5 - i64::from(bought_meanwhile) - i64::from(held))
        );
        assert_eq!(shop.notices(1).len(), usize::from(lost > 0));
    }
}

#[test]
fn a_missed_one_holds_its_items_until_it_can_no_longer_rejoin() {
    let mut shop = Shop::with(Policy { rejoin_s: 30, ..Policy::default() });
    shop.join(|join| join.items = vec![("cake".to_owned(), 2)]);
    shop.miss(1);
    shop.pass(29);
    assert_eq!(shop.stock(), 3);
    shop.pass(1);
    assert_eq!((shop.stock(), shop.ticket(1).state), (5, TicketState::NoShow));
    shop.staff(Command::Seat { ticket: t(1) }).expect("staff seat from any row");
    assert_eq!((shop.stock(), shop.ticket(1).items[0].held), (3, 2));
    // Missed again, its time to rejoin is over at once.
    shop.staff(Command::Undo { ticket: t(1) }).expect("in time");
    shop.pass(1);
    assert_eq!(shop.stock(), 5);
}

#[test]
fn the_ledger_follows_stock_set_and_consumption() {
    let mut shop = Shop::with(Policy::default());
    shop.join(|join| join.items = vec![("cake".to_owned(), 2)]);
    shop.join(|join| join.items = vec![("cake".to_owned(), 1)]);
    shop.staff(Command::Seat { ticket: t(1) }).expect("it waits");
    let actor = Actor::of(Role::Staff);
    for command in [
        Command::StockSet { item: "cake".to_owned(), left: Some(9) },
        Command::StockAdjust { item: "cake".to_owned(), by: -9 },
        Command::StockSet { item: "cake".to_owned(), left: None },
    ] {
        shop.model.run(&actor, shop.now, &command).expect("known and counted");
    }
    // Not counted: what is returned is not counted either (the model asserts left + held + consumed = ledger).
    shop.staff(Command::Cancel { ticket: t(2), reason: None }).expect("it waits");
    assert!(shop.model.live.stock.is_empty());
    let counted = Command::StockSet { item: "cake".to_owned(), left: Some(4) };
    assert_eq!(shop.model.run(&actor, shop.now, &counted).map(|done| done.left), Ok(Some(4)));
}

#[test]
fn a_change_of_line_keeps_number_and_order() {
    let mut shop = Shop::waiting(2);
    shop.join(|join| join.line = line("B"));
    let order = shop.ticket(3).order.clone();
    let edit = Edit { line: Some(line("A")), ..Edit::default() };
    let moved = shop.staff(Command::Edit { ticket: t(3), edit: edit.clone() }).expect("it waits");
    assert_eq!((moved.number.as_str(), moved.order), ("B001", order));
    assert_eq!(shop.queue(), [1, 2, 3]);
    let rev = shop.model.live.rev;
    shop.staff(Command::Edit { ticket: t(3), edit }).expect("nothing to do");
    assert_eq!(shop.model.live.rev, rev);
}

#[test]
fn the_day_rolls_when_nobody_is_called_and_nobody_waits_for_an_open_door() {
    let mut shop = Shop::waiting(3);
    let next = "2026-11-23";
    assert_eq!(shop.model.roll_day("2026-11-22", DAY_ENDS_AT, shop.now), Err(Rejection::Stale));
    assert_eq!(shop.model.roll_day(next, DAY_ENDS_AT, shop.now), Err(Rejection::DayBusy), "open, and they wait");
    shop.miss(1);
    shop.staff(Command::Seat { ticket: t(2) }).expect("it waits");
    let closed = NewState { state: OpenState::Closed, until: None, reason: None };
    let actor = Actor::of(Role::Staff);
    shop.model.run(&actor, shop.now, &Command::RestaurantSet(closed)).expect("always possible");
    shop.call(3);
    assert_eq!(shop.model.roll_day(next, DAY_ENDS_AT, shop.now), Err(Rejection::DayBusy), "one is called");
    shop.staff(Command::Undo { ticket: t(3) }).expect("in time");
    shop.model.roll_day(next, DAY_ENDS_AT, shop.now).expect("closed");
    let ended = |serial| {
        let ticket = shop.ticket(serial);
        (ticket.state, ticket.ended.as_ref().and_then(|ended| ended.reason.clone()))
    };
    assert_eq!(ended(1), (TicketState::NoShow, Some("day_end".to_owned())));
    assert_eq!(ended(2), (TicketState::Completed, None));
    assert_eq!(ended(3), (TicketState::Cancelled, Some("day_end".to_owned())));
    assert!(shop.model.snapshot(shop.now).tickets.is_empty());
    assert_eq!(shop.staff(Command::Restore { ticket: t(1), places: 0 }), Err(Rejection::WrongState));
    assert_eq!(shop.model.find("A001", "1234"), Err(Rejection::NotFound), "codes of the old day are gone");

    let joined = shop.model.run(&actor, shop.now, &Command::Join(Box::new(next_day_join()))).expect("staff may add");
    assert_eq!(joined.ticket.expect("a ticket").number, "A001");
    shop.staff(Command::Cancel { ticket: t(99), reason: None }).expect("it waits");
    shop.model.roll_day("2026-11-24", DAY_ENDS_AT, shop.now).expect("nobody waits");
    assert_eq!(shop.staff(Command::Seat { ticket: t(1) }), Err(Rejection::NotFound), "the roll after next forgets");
    assert_eq!(shop.staff(Command::Seat { ticket: t(99) }), Err(Rejection::WrongState));
}

fn next_day_join() -> Join {
    Join {
        id: t(99),
        r#ref: "ref99".to_owned(),
        code: "1234".to_owned(),
        line: line("A"),
        adults: 2,
        children: 0,
        channel: Channel::Onsite,
        present: true,
        guards: Vec::new(),
        items: Vec::new(),
        drop_sold_out: false,
        name: None,
        phone_last4: None,
        note: None,
        lang: None,
        eta: None,
        place: None,
    }
}

#[test]
fn a_code_is_locked_after_five_wrong_tries() {
    let mut shop = Shop::waiting(1);
    for _ in 0..4 {
        assert_eq!(shop.model.find("A001", "0000"), Err(Rejection::NotFound));
    }
    assert_eq!(shop.model.find("A001", "1234"), Ok(t(1)));
    assert_eq!(shop.model.find("A001", "0000"), Err(Rejection::NotFound));
    assert_eq!(shop.model.find("A001", "1234"), Err(Rejection::NotFound));
}
