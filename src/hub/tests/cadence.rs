//! How often whom is told.

use super::{
    super::{Cadence, HubSettings, Watch},
    fake::{Client, FakeSource, hub, ms, pass, settle},
};
use crate::domain::{
    Announcement, Ticket, TicketState,
    restaurant::NumberAt,
    testing::{line, random_ticket, snapshot, ticket},
};

fn called(serial: u32) -> Ticket {
    Ticket { state: TicketState::Called, called_at: Some(1_500), ..ticket(serial) }
}

async fn long_line() -> std::sync::Arc<FakeSource> {
    let source = FakeSource::new();
    source.happen("ticket.joined", (0..200).map(ticket).collect());
    source
}

#[test]
fn the_interval_grows_with_the_distance() {
    let cadence = Cadence::default();
    for (ahead, interval) in
        [(0, None), (5, None), (6, Some(1)), (20, Some(1)), (21, Some(3)), (100, Some(3)), (101, Some(5))]
    {
        assert_eq!(cadence.interval(ahead).map(|interval| interval.as_secs()), interval, "{ahead}");
    }
}

#[tokio::test(start_paused = true)]
async fn positions_are_told_by_distance() {
    let source = long_line().await;
    let hub = hub(&source, HubSettings::default());
    let mut phones = Vec::new();
    for serial in [5, 20, 100, 199] {
        let mut phone = Client::open(&hub, Watch::Ticket(ticket(serial).id)).await;
        phone.news().await;
        phones.push(phone);
    }
    // Every tenth of a second for ten seconds the head is called or put back, and the line shows another last call.
    let mut told = vec![0; phones.len()];
    for step in 0..100 {
        source.happen_with("ticket.called", |event| {
            event.tickets = vec![if step % 2 == 0 { called(0) } else { ticket(0) }];
            let mut line = snapshot().lines[&line('A')].clone();
            line.recent = vec![NumberAt { number: format!("A{step}"), at: event.at }];
            event.lines = vec![line];
        });
        pass(ms(100)).await;
        for (phone, told) in phones.iter_mut().zip(&mut told) {
            *told += phone.frames_now().into_iter().filter(|frame| frame["type"] == "ticket").count();
        }
    }
    // At once; then at most every 1, 3, 5 s, jittered down to 0.8 of that.
    assert_eq!(told[0], 100);
    for (told, expected) in told[1..].iter().zip([9..=13, 3..=5, 1..=3]) {
        assert!(expected.contains(told), "{told} not in {expected:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobodys_position_is_older_than_its_interval() {
    let source = long_line().await;
    let hub = hub(&source, HubSettings::default());
    for (serial, interval_ms) in [(5, 60), (20, 1_000), (100, 3_000), (199, 5_000)] {
        let mut phone = Client::open(&hub, Watch::Ticket(ticket(serial).id)).await;
        let before = phone.news().await["ahead"].as_u64().expect("ahead");
        pass(ms(7_000)).await;
        phone.frames_now();
        source.happen("ticket.called", vec![called(0)]);
        pass(ms(interval_ms)).await;
        let last = phone.frames_now().pop().unwrap_or_default();
        assert_eq!(last["ahead"], before - 1, "{serial}");
        source.happen("ticket.undone", vec![ticket(0)]);
        pass(ms(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_nearer_is_told_as_often_as_those_who_are_there() {
    let source = long_line().await;
    let hub = hub(&source, HubSettings::default());
    // Told just before the change; the change brings it over the edge, one place or many.
    for (serial, gone, interval_ms) in [(102, 0..2, 3_000), (140, 2..45, 3_000), (70, 45..57, 1_000)] {
        let gone: Vec<Ticket> = gone.map(called).collect();
        let mut phone = Client::open(&hub, Watch::Ticket(ticket(serial).id)).await;
        let before = phone.news().await["ahead"].as_u64().expect("ahead");
        pass(ms(100)).await;
        let passed = gone.len() as u64;
        source.happen("ticket.called", gone);
        pass(ms(interval_ms)).await;
        let last = phone.frames_now().pop().unwrap_or_default();
        assert_eq!(last["ahead"], before - passed, "{serial}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_concerns_the_ticket_itself_is_told_at_once_however_far_back() {
    let source = long_line().await;
    let hub = hub(&source, HubSettings::default());
    let mut phone = Client::open(&hub, Watch::Ticket(ticket(199).id)).await;
    phone.news().await;
    pass(ms(100)).await;
    source.happen("ticket.edited", vec![Ticket { adults: 4, ..ticket(199) }]);
    settle().await;
    assert_eq!(phone.frames_now()[0]["adults"], 4);
    pass(ms(100)).await;
    // Its own call, from the very end of the line.
    source.happen("ticket.called", vec![called(199)]);
    settle().await;
    assert_eq!(phone.frames_now()[0]["state"], "called");
    pass(ms(100)).await;
    // And what is said to everybody.
    source.happen_with("restaurant.changed", |event| {
        let mut restaurant = crate::domain::testing::snapshot().restaurant;
        restaurant.announcement = Some(Announcement { text: "soup".to_owned(), until: None, at: 1_600 });
        event.restaurant = Some(restaurant);
    });
    settle().await;
    assert_eq!(phone.frames_now()[0]["notices"][0]["kind"], "announcement");
}

#[tokio::test(start_paused = true)]
async fn who_is_pushed_back_from_the_head_is_told_at_once() {
    let source = long_line().await;
    let hub = hub(&source, HubSettings::default());
    let mut phone = Client::open(&hub, Watch::Ticket(ticket(5).id)).await;
    assert_eq!(phone.news().await["ahead"], 5);
    pass(ms(100)).await;
    source.happen("ticket.restored", vec![Ticket { order: "000000001".to_owned(), ..ticket(300) }]);
    pass(ms(1_000)).await;
    assert_eq!(phone.frames_now().pop().unwrap_or_default()["ahead"], 6);
}

#[tokio::test(start_paused = true)]
async fn nothing_new_is_not_told() {
    let source = long_line().await;
    let hub = hub(&source, HubSettings::default());
    let mut phone = Client::open(&hub, Watch::Ticket(ticket(3).id)).await;
    phone.news().await;
    // Behind it, and in the other line.
    source.happen("ticket.joined", vec![ticket(400)]);
    pass(ms(100)).await;
    source.happen("ticket.cancelled", vec![Ticket { state: TicketState::Seated, ..ticket(100) }]);
    pass(ms(1_000)).await;
    assert_eq!(phone.frames_now(), Vec::<serde_json::Value>::new());
}

#[tokio::test(start_paused = true)]
async fn bursts_are_told_together_after_their_first_change() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    let mut board = Client::open(&hub, Watch::Board { door: false }).await;
    board.news().await;
    pass(ms(100)).await;
    source.happen("ticket.joined", vec![ticket(0)]);
    settle().await;
    // At once, without time passing.
    assert_eq!(board.frames_now().len(), 1);
    let mut random = crate::domain::testing::Random::new(1);
    for _ in 0..100 {
        source.happen_with("ticket.changed", |event| event.tickets = vec![random_ticket(&mut random, event.at)]);
        pass(ms(5)).await;
    }
    pass(ms(60)).await;
    let frames = board.frames_now();
    assert!((10..=26).contains(&frames.len()), "{} frames in half a second", frames.len());
    assert_eq!(frames.last().expect("frames")["rev"], 111);
}
