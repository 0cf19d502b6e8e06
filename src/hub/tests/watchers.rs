//! One connection: what is said, what may be asked, and how it ends.

use std::sync::{Arc, OnceLock, atomic::Ordering::SeqCst};

use tokio::time::{Duration, Instant};

use super::{
    super::{Dismissal, HubSettings, SourceError, Text, Watch, WatchError, Watcher, source::Delivery},
    fake::{Client, FakeSource, Say, hub, ms, pass, settle},
};
use crate::{
    domain::{
        Stamp, Ticket, TicketState,
        testing::{RESTAURANT, snapshot, ticket},
        ticket::Ended,
    },
    protocol::CloseCode,
};

const BOARD: Watch = Watch::Board { door: false };

fn phone(serial: u32) -> Watch {
    Watch::Ticket(ticket(serial).id)
}

fn ended(serial: u32, state: TicketState, by: &str, undo_until: Option<i64>) -> Ticket {
    Ticket { state, undo_until, ended: Some(Ended { by: by.to_owned(), reason: None }), ..ticket(serial) }
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_skips_to_the_newest_state() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    let mut board = Client::open_slow(&hub, BOARD, 1).await;
    for serial in 0..30 {
        source.happen("ticket.joined", vec![ticket(serial)]);
        pass(ms(100)).await;
    }
    let mut revs = vec![board.news().await["rev"].as_i64().expect("a rev")];
    while revs.last() != Some(&40) {
        revs.push(board.news().await["rev"].as_i64().expect("a rev"));
    }
    assert!(revs.len() <= 3 && revs.is_sorted(), "{revs:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_for_ten_seconds_is_closed() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    let board = Client::open_slow(&hub, BOARD, 1).await;
    pass(ms(4_000 + 9_900)).await;
    assert_eq!(hub.stats().boards, 1);
    // Then a second more in which the client might say why it closes.
    let asked_at = tokio::time::Instant::now();
    assert_eq!(board.given_up().await, Some(CloseCode::TooSlow));
    assert!(asked_at.elapsed() <= ms(1_200), "after {:?}", asked_at.elapsed());
    assert_eq!(hub.stats().boards, 0);
}

#[tokio::test(start_paused = true)]
async fn silence_is_filled_with_ticks() {
    let source = FakeSource::new();
    for serial in 0..20 {
        source.happen("ticket.joined", vec![ticket(serial)]);
    }
    let hub = hub(&source, HubSettings::default());
    for (watch, every_ms) in [(BOARD, 4_000), (Watch::Console, 4_000), (phone(5), 4_000), (phone(6), 20_000)] {
        let mut client = Client::open(&hub, watch.clone()).await;
        assert_eq!(client.frame().await["every_ms"], every_ms, "{watch:?}");
        pass(ms(every_ms - 100)).await;
        assert!(client.frames_now().is_empty(), "{watch:?}");
        pass(ms(200)).await;
        let tick = client.frames_now().pop().expect("a tick");
        assert_eq!((&tick["type"], &tick["live"], &tick["every_ms"]), (&"tick".into(), &true.into(), &every_ms.into()));
    }
}

/// A room may cease to be live, or be live again, while a watcher makes a frame: what it says and what it believes to
/// have said must be the same, or the client is not told before the next tick.
#[tokio::test]
async fn the_last_word_about_live_is_true_whenever_it_changes() {
    const ROUNDS: usize = 1_000;
    const ENOUGH: Duration = Duration::from_secs(1);
    let source = FakeSource::new();
    source.happen("ticket.joined", (0..20).map(ticket).collect());
    let hour = Duration::from_secs(3_600);
    let settings = HubSettings { resync_gap: ms(0), check_every: hour, silence_max: hour, ..HubSettings::default() };
    let hub = hub(&source, settings);
    for watch in [BOARD, Watch::Console, phone(15)] {
        let mut watcher = hub.watch(RESTAURANT, watch.clone()).await.expect("a place");
        let room = Arc::clone(watcher.room());
        let mut last = None;
        let mut speak = |watcher: &mut Watcher| {
            let mut say = |text: &Text| {
                let frame: serde_json::Value = serde_json::from_str(text.as_str()).expect("JSON");
                last = frame["live"].as_bool();
            };
            watcher.speak(Instant::now(), &mut say).expect("it goes on");
            last
        };
        let began = Instant::now();
        for round in (0..ROUNDS).take_while(|_| began.elapsed() < ENOUGH) {
            let changing = std::thread::spawn({
                let room = Arc::clone(&room);
                move || room.write(|state| state.set_health(round % 2 == 0, false))
            });
            while !changing.is_finished() {
                watcher.resync(Instant::now());
                speak(&mut watcher);
            }
            changing.join().expect("no panic");
            // As when it is rung.
            assert_eq!(speak(&mut watcher), Some(room.live()), "{watch:?}, round {round}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_client_may_not_send_ends_the_connection() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    let long = format!(r#"{{"type":"{}"}}"#, "x".repeat(1_024));
    for (say, code) in [
        (Say::Text(long), CloseCode::TooLarge),
        (Say::Text("x".repeat(100_000)), CloseCode::TooLarge),
        (Say::Binary, CloseCode::Unsupported),
        (Say::NotText, CloseCode::Invalid),
        (Say::Unmasked, CloseCode::Protocol),
        (Say::Text("{".into()), CloseCode::Invalid),
    ] {
        let mut client = Client::open(&hub, BOARD).await;
        client.send(say.clone());
        assert_eq!(client.closed().await, Some(code), "{say:?}");
    }
    let mut client = Client::open(&hub, BOARD).await;
    client.news().await;
    for say in [Say::Ping, Say::Text(r#"{"type":"who knows"}"#.into()), Say::Text("[]".into())] {
        client.send(say);
    }
    settle().await;
    assert_eq!(client.frames_now(), Vec::<serde_json::Value>::new());
    assert_eq!(hub.stats().boards, 1);
}

#[tokio::test(start_paused = true)]
async fn a_resync_is_answered_with_the_whole_state_once_a_second() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    let mut console = Client::open(&hub, Watch::Console).await;
    assert_eq!(console.frame().await["type"], "queue");
    for _ in 0..5 {
        console.send_text(r#"{"type":"resync"}"#);
        settle().await;
    }
    assert_eq!(console.frames_now().len(), 1);
    // What was asked too early is answered later, once.
    pass(ms(1_000)).await;
    let frames = console.frames_now();
    assert_eq!(frames.iter().map(|frame| frame["type"].clone()).collect::<Vec<_>>(), ["queue"]);
    pass(ms(2_000)).await;
    assert_eq!(console.frames_now().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_ticket_that_cannot_come_back_ends_its_phones() {
    let source = FakeSource::new();
    let serials = 1..=4;
    source.happen("ticket.joined", serials.map(ticket).collect());
    let hub = hub(&source, HubSettings::default());
    let day_end = 86_400_000;
    for (serial, last) in [
        (1, ended(1, TicketState::Completed, "staff", Some(day_end))),
        (2, ended(2, TicketState::Cancelled, "staff", Some(day_end))),
        // Leaves the replica with the event.
        (3, ended(3, TicketState::Cancelled, "timer", None)),
    ] {
        let mut client = Client::open(&hub, phone(serial)).await;
        assert_eq!(client.news().await["state"], "waiting");
        source.happen("ticket.ended", vec![last.clone()]);
        let frame = client.news().await;
        assert_eq!(frame["state"], serde_json::to_value(last.state).expect("JSON"));
        assert_eq!(frame["ended"]["by"], last.ended.expect("ended").by);
        assert_eq!(client.closed().await, Some(CloseCode::Normal), "{serial}");
        // Who comes later sees the end too.
        let mut late = Client::open(&hub, phone(serial)).await;
        assert_eq!(late.news().await["number"], ticket(serial).number);
        assert_eq!(late.closed().await, Some(CloseCode::Normal), "{serial}");
    }
    assert_eq!(Client::try_open(&hub, phone(99), 9).await.err(), Some(WatchError::NotFound));
}

#[tokio::test(start_paused = true)]
async fn the_own_cancel_keeps_the_connection_while_it_can_be_undone() {
    let source = FakeSource::new();
    source.happen("ticket.joined", vec![ticket(1), ticket(2)]);
    let hub = hub(&source, HubSettings::default());
    let mut client = Client::open(&hub, phone(1)).await;
    let mut console = Client::open(&hub, Watch::Console).await;
    client.news().await;
    console.news().await;
    let until = source.read(|replica| replica.at()) + 60_000;
    source.happen("ticket.cancelled", vec![ended(1, TicketState::Cancelled, "guest", Some(until))]);
    assert_eq!(client.news().await["state"], "cancelled");
    let cancelled = console.news().await;
    assert_eq!(cancelled["gone"], serde_json::json!([]));
    // Only ticks for a minute, then the end.
    pass(ms(59_000)).await;
    assert!(client.frames_now().iter().all(|frame| frame["type"] == "tick"));
    assert_eq!(client.closed().await, Some(CloseCode::Normal));
    // Staff are told that it lapsed: same rev, later time.
    let lapsed = console.news().await;
    assert_eq!((&lapsed["prev"], &lapsed["rev"]), (&cancelled["rev"], &cancelled["rev"]));
    assert!(lapsed["at"].as_i64() > cancelled["at"].as_i64());
    assert_eq!(lapsed["gone"], serde_json::json!([ticket(1).id]));
    // Undone in time, the connection stays.
    let mut other = Client::open(&hub, phone(2)).await;
    other.news().await;
    let until = source.read(|replica| replica.at()) + 120_000;
    source.happen("ticket.cancelled", vec![ended(2, TicketState::Cancelled, "guest", Some(until))]);
    assert_eq!(other.news().await["state"], "cancelled");
    source.happen("ticket.undone", vec![ticket(2)]);
    assert_eq!(other.news().await["state"], "waiting");
    pass(ms(180_000)).await;
    assert_eq!(hub.stats().phones, 1);
}

#[tokio::test(start_paused = true)]
async fn a_ticket_of_a_moment_ago_is_waited_for() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    hub.room(RESTAURANT).await.expect("entered");
    source.deaf.store(true, SeqCst);
    source.happen("ticket.joined", vec![ticket(1)]);
    let mut client = Client::open(&hub, phone(1)).await;
    assert_eq!(client.frame().await["state"], "waiting");
}

#[tokio::test(start_paused = true)]
async fn a_ticket_may_have_several_phones_and_one_that_goes_takes_nothing_from_the_others() {
    let source = FakeSource::new();
    source.happen("ticket.joined", vec![ticket(1)]);
    let hub = hub(&source, HubSettings::default());
    let room = hub.room(RESTAURANT).await.expect("entered");
    let one = Client::open(&hub, phone(1)).await;
    let mut other = Client::open(&hub, phone(1)).await;
    other.news().await;
    one.leave().await;
    source.happen("ticket.called", vec![Ticket { state: TicketState::Called, ..ticket(1) }]);
    settle().await;
    assert_eq!(other.frames_now()[0]["state"], "called");
    assert_eq!(room.bells.phones_len(), 1);
    other.leave().await;
    assert_eq!((room.bells.phones_len(), hub.stats().phones), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn only_devices_and_staff_see_the_door_code_which_changes() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    let mut public = Client::open(&hub, BOARD).await;
    let mut paired = Client::open(&hub, Watch::Board { door: true }).await;
    assert_eq!(public.news().await["door"], serde_json::Value::Null);
    assert_eq!(paired.news().await["door"], "0000");
    assert_eq!(paired.news().await["door"], "0001");
    assert!(public.frames_now().iter().all(|frame| frame["type"] == "tick"));
}

#[tokio::test(start_paused = true)]
async fn there_are_no_more_watchers_than_may_be() {
    let source = FakeSource::new();
    let settings = HubSettings { connections_max: 3, room_connections_max: 2, ..HubSettings::default() };
    let limited = hub(&source, settings.clone());
    let first = Client::open(&limited, BOARD).await;
    let _second = Client::open(&limited, Watch::Console).await;
    assert_eq!(Client::try_open(&limited, BOARD, 9).await.err(), Some(WatchError::RoomFull));
    first.leave().await;
    let _third = Client::open(&limited, BOARD).await;
    let small = hub(&source, HubSettings { connections_max: 0, ..settings.clone() });
    assert_eq!(Client::try_open(&small, BOARD, 9).await.err(), Some(WatchError::ServerFull));
    let unlimited = hub(&source, HubSettings { limits: false, connections_max: 0, ..settings });
    assert!(Client::try_open(&unlimited, BOARD, 9).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_drain_says_good_bye_to_all_over_its_time() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings { byes_per_s: 25, ..HubSettings::default() });
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = Client::open(&hub, BOARD).await;
        client.news().await;
        clients.push(client);
    }
    let draining = tokio::spawn({
        let hub = hub.clone();
        async move {
            let since = tokio::time::Instant::now();
            hub.drain("drain", ms(2_000)).await;
            since.elapsed()
        }
    });
    pass(ms(1_000)).await;
    let left = hub.stats().boards;
    assert!((10..40).contains(&left), "{left} left at half time");
    assert_eq!(Client::try_open(&hub, BOARD, 9).await.err(), Some(WatchError::Draining));
    let mut retries = Vec::new();
    for client in &mut clients {
        let bye = client.news().await;
        assert_eq!((&bye["type"], &bye["reason"]), (&"bye".into(), &"drain".into()));
        retries.push(bye["retry_ms"].as_u64().expect("a time"));
        assert_eq!(client.closed().await, Some(CloseCode::Restart));
    }
    assert!(draining.await.expect("no panic") <= ms(2_000));
    retries.sort_unstable();
    retries.dedup();
    assert!(retries.len() > 25 && retries.iter().all(|retry| (1..=250).contains(retry)), "{retries:?}");
}

#[tokio::test(start_paused = true)]
async fn a_drain_of_few_is_over_in_a_second_however_much_time_it_is_given() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    let mut clients = Vec::new();
    for _ in 0..50 {
        clients.push(Client::open(&hub, BOARD).await);
    }
    let since = tokio::time::Instant::now();
    hub.drain("drain", ms(5_000)).await;
    assert!((ms(500)..=ms(1_000)).contains(&since.elapsed()), "{:?}", since.elapsed());
    assert_eq!(hub.stats().boards, 0);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_does_not_hold_up_a_drain() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    let _deaf = Client::open_slow(&hub, BOARD, 1).await;
    let mut board = Client::open(&hub, BOARD).await;
    board.news().await;
    // The deaf one is stuck in a frame already.
    pass(ms(4_100)).await;
    let since = tokio::time::Instant::now();
    hub.drain("drain", ms(1_000)).await;
    assert!(since.elapsed() <= ms(3_000), "{:?}", since.elapsed());
    assert_eq!(board.closed().await, Some(CloseCode::Restart));
}

#[tokio::test(start_paused = true)]
async fn who_is_dismissed_hears_why_also_when_he_reads_nothing() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    for unread_len_max in [1_000, 1] {
        let dismissed = Arc::new(OnceLock::new());
        let asked = Arc::clone(&dismissed);
        let dismissal: Option<Dismissal> = Some(Box::new(move || asked.get().copied()));
        let console = Client::try_open_until(&hub, Watch::Console, unread_len_max, dismissal).await.expect("a place");
        pass(ms(4_100)).await;
        dismissed.set(CloseCode::Unauthenticated).expect("not yet");
        let since = tokio::time::Instant::now();
        assert_eq!(console.given_up().await, Some(CloseCode::Unauthenticated));
        assert!(since.elapsed() <= ms(2_000), "{:?}", since.elapsed());
        assert_eq!(hub.stats().consoles, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_frames_is_taken_slowly_and_disturbs_nobody() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    let mut flooder = Client::open(&hub, BOARD).await;
    let mut other = Client::open(&hub, BOARD).await;
    flooder.news().await;
    other.news().await;
    for _ in 0..1_000 {
        flooder.send(Say::Ping);
    }
    settle().await;
    let taken = || 1_000 - flooder.untaken_len();
    assert!((100..=102).contains(&taken()), "{} at once", taken());
    pass(ms(2_000)).await;
    assert!((195..=205).contains(&taken()), "{} after two seconds", taken());
    source.happen("ticket.joined", vec![ticket(1)]);
    settle().await;
    assert_eq!((flooder.frames_now().len(), other.frames_now().len()), (1, 1), "both are told");
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_is_not_listened_to() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    let board = Client::open_slow(&hub, BOARD, 1).await;
    settle().await;
    board.send(Say::Together(vec![Say::Ping, Say::Binary]));
    assert_eq!(board.given_up().await, Some(CloseCode::TooSlow), "the answer finds no room, what follows no ear");
}

#[tokio::test(start_paused = true)]
async fn who_goes_on_sending_after_the_close_is_cut_off() {
    for (len, waits) in [(100_000, true), (3_000_000, false)] {
        let source = FakeSource::new();
        let hub = hub(&source, HubSettings::default());
        let board = Client::open(&hub, BOARD).await;
        settle().await;
        let since = tokio::time::Instant::now();
        board.send_text(&"x".repeat(len));
        board.given_up().await;
        assert_eq!(since.elapsed() >= ms(1_000), waits, "{len} bytes: {:?}", since.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_phone_whose_ticket_is_asked_for_hears_that_the_source_is_silent() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    source.happen("ticket.joined", vec![ticket(1)]);
    let mut phone = Client::open(&hub, phone(1)).await;
    phone.news().await;
    // The room reads a state without the ticket; from then on nothing is answered.
    source.gated.store(true, SeqCst);
    let mut restored = snapshot();
    restored.stamp = Stamp { epoch: 2, rev: 1 };
    source.reset(restored);
    source.deliver(Delivery::Resumed);
    pass(ms(300)).await;
    source.frozen.store(true, SeqCst);
    source.gate.notify_one();
    settle().await;
    assert_eq!(hub.room(RESTAURANT).await.expect("there").read(|replica, _| replica.stamp().epoch), 2);
    pass(ms(4_000)).await;
    let told = phone.frames_now();
    assert!(told.iter().any(|frame| frame["live"] == false), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_restaurant_that_is_gone_ends_its_watchers() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    let mut board = Client::open(&hub, BOARD).await;
    board.news().await;
    source.unknown.store(true, SeqCst);
    source.deliver(Delivery::Resumed);
    assert_eq!(board.closed().await, Some(CloseCode::NotFound));
    assert_eq!(hub.room(RESTAURANT).await.err(), Some(SourceError::NotFound));
    assert_eq!((hub.stats().boards, hub.stats().rooms), (0, 0));
}

/// The restaurant is emptied, watched all the while, and rebuilt with these tickets.
async fn rebuild(source: &FakeSource, rebuilt_at: Option<i64>, tickets: Vec<Ticket>) {
    source.restoring.store(true, SeqCst);
    pass(ms(5_000)).await;
    let mut rebuilt = snapshot();
    rebuilt.stamp = Stamp { epoch: 2, rev: 1 };
    rebuilt.restaurant.rebuilt_at = rebuilt_at;
    rebuilt.tickets = tickets;
    source.reset(rebuilt);
    source.restoring.store(false, SeqCst);
    pass(ms(2_500)).await;
}

#[tokio::test(start_paused = true)]
async fn a_phone_whose_place_was_lost_in_a_rebuild_is_told_so_and_not_to_come_back() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    source.happen("ticket.joined", vec![ticket(1)]);
    source.happen("ticket.joined", vec![ticket(2)]);
    let (mut lost, mut kept) = (Client::open(&hub, phone(1)).await, Client::open(&hub, phone(2)).await);
    let mut board = Client::open(&hub, BOARD).await;
    for client in [&mut lost, &mut kept, &mut board] {
        client.news().await;
    }
    rebuild(&source, Some(900), vec![ticket(2)]).await;
    let bye = lost.news().await;
    assert_eq!((&bye["type"], &bye["reason"], &bye["retry_ms"]), (&"bye".into(), &"place_lost".into(), &0.into()));
    assert_eq!(lost.closed().await.map(CloseCode::code), Some(4404));
    let frame = kept.news().await;
    assert_eq!((&frame["epoch"], &frame["ahead"], &frame["live"]), (&2.into(), &0.into(), &true.into()));
    assert_eq!(board.news().await["restaurant"]["rebuilt_at"], 900);
    assert_eq!(Client::try_open(&hub, phone(1), 9).await.err(), Some(WatchError::PlaceLost));
}

#[tokio::test(start_paused = true)]
async fn a_ticket_that_vanished_without_a_rebuild_is_not_found() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    source.happen("ticket.joined", vec![ticket(1)]);
    let mut gone = Client::open(&hub, phone(1)).await;
    gone.news().await;
    rebuild(&source, None, Vec::new()).await;
    assert_eq!(gone.closed().await, Some(CloseCode::NotFound));
    assert_eq!(Client::try_open(&hub, phone(1), 9).await.err(), Some(WatchError::NotFound));
}

#[tokio::test(start_paused = true)]
async fn a_phone_keeps_its_last_state_while_the_restaurant_is_rebuilt() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    source.happen("ticket.joined", vec![ticket(1)]);
    let mut client = Client::open(&hub, phone(1)).await;
    client.news().await;
    source.restoring.store(true, SeqCst);
    pass(ms(60_000)).await;
    let frames = client.frames_now();
    assert!(frames.iter().all(|frame| frame["type"] == "tick"), "nothing else is said: {frames:?}");
    assert_eq!(frames.last().map(|tick| &tick["live"]), Some(&false.into()));
    let mut rebuilt = snapshot();
    rebuilt.stamp = Stamp { epoch: 2, rev: 1 };
    rebuilt.tickets = vec![ticket(1)];
    source.reset(rebuilt);
    source.restoring.store(false, SeqCst);
    pass(ms(2_500)).await;
    let last = client.frames_now().pop().expect("a word");
    assert_eq!((&last["type"], &last["live"]), (&"tick".into(), &true.into()), "its ticket is what it was");
    source.happen_with("ticket.joined", |event| event.tickets = vec![Ticket { order: "0".to_owned(), ..ticket(2) }]);
    let frame = client.news().await;
    assert_eq!((&frame["epoch"], &frame["ahead"]), (&2.into(), &1.into()));
}
