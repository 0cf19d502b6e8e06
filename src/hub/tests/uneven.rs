//! Watchers of one room that are not alike: one is slower, one asks more often.

use super::{
    super::{
        HubSettings, Text, Watch,
        frames::{Deltas, Key},
    },
    fake::{Client, FakeSource, hub, ms, pass},
};
use crate::domain::{
    Ticket, TicketState,
    testing::{snapshot, ticket},
};

#[test]
fn a_delta_leads_to_the_present_whoever_asked_before() {
    let deltas = Deltas::default();
    let key = |version| Key { version, live: true, door: None };
    let text = |said: &str| Text::encode(&said);
    assert_eq!(deltas.get(1, key(2), || Some(text("1 to 2"))), Some(text("1 to 2")));
    assert_eq!(deltas.get(1, key(2), || Some(text("again"))), Some(text("1 to 2")), "encoded once");
    // A slower console at the same version, when there is one more.
    assert_eq!(deltas.get(1, key(3), || Some(text("1 to 3"))), Some(text("1 to 3")));
    assert_eq!(deltas.get(2, key(3), || Some(text("2 to 3"))), Some(text("2 to 3")));
}

#[tokio::test(start_paused = true)]
async fn a_phone_that_says_something_all_the_time_is_not_told_more_often() {
    let source = FakeSource::of(snapshot());
    source.happen("ticket.joined", (0..60).map(ticket).collect());
    let hub = hub(&source, HubSettings::default());
    let mut phone = Client::open(&hub, Watch::Ticket(ticket(50).id)).await;
    phone.news().await;
    let mut told = 0;
    for serial in 0..30 {
        let called = Ticket { state: TicketState::Called, called_at: Some(1_500), ..ticket(serial) };
        source.happen("ticket.called", vec![called]);
        phone.send_text(r#"{"type":"hello"}"#);
        pass(ms(200)).await;
        told += phone.frames_now().into_iter().filter(|frame| frame["type"] == "ticket").count();
    }
    assert!((1..=3).contains(&told), "{told} positions in 6 s, every 3 s at most");
}
