//! How a room comes into step with its source, stays there, and goes.

use std::sync::{Arc, atomic::Ordering::SeqCst};

use super::{
    super::{HubSettings, Source as _, SourceError, Watch, WatchError, source::Delivery},
    fake::{Client, FakeSource, hub, ms, pass, settle},
};
use crate::domain::{
    RestaurantId, Stamp,
    testing::{self, RESTAURANT, snapshot, ticket},
};

const BOARD: Watch = Watch::Board { door: false };

#[tokio::test(start_paused = true)]
async fn events_that_stream_while_a_room_is_entered_are_not_lost() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    source.gated.store(true, SeqCst);
    let entering = tokio::spawn({
        let hub = hub.clone();
        async move { hub.room(RESTAURANT).await }
    });
    settle().await;
    // After the snapshot was taken, before it arrives.
    source.happen("ticket.joined", vec![ticket(1)]);
    source.happen("ticket.joined", vec![ticket(2)]);
    source.gated.store(false, SeqCst);
    source.gate.notify_one();
    let room = entering.await.expect("no panic").expect("entered");
    settle().await;
    assert_eq!(room.read(|replica, _| (replica.stamp().rev, replica.tickets().count())), (12, 2));
    assert_eq!(source.snapshots.load(SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_room_is_entered_once_however_many_ask() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    source.gated.store(true, SeqCst);
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let hub = hub.clone();
            tokio::spawn(async move { hub.room(RESTAURANT).await })
        })
        .collect();
    settle().await;
    source.gate.notify_one();
    let mut rooms = Vec::new();
    for room in asking {
        rooms.push(room.await.expect("no panic").expect("entered"));
    }
    assert!(rooms.iter().all(|room| Arc::ptr_eq(room, &rooms[0])));
    assert_eq!((source.subscriptions.load(SeqCst), source.snapshots.load(SeqCst)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_refused_entry_is_told_to_all_and_leaves_nothing() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    for (switch, error) in [
        (&source.unknown, SourceError::NotFound),
        (&source.restoring, SourceError::Restoring),
        (&source.silent, SourceError::Unavailable),
    ] {
        switch.store(true, SeqCst);
        let (one, other) = tokio::join!(hub.room(RESTAURANT), hub.room(RESTAURANT));
        assert_eq!((one.err(), other.err()), (Some(error), Some(error)));
        assert!(!source.subscribed());
        assert_eq!(hub.stats().rooms, 0);
        switch.store(false, SeqCst);
    }
    assert!(hub.room(RESTAURANT).await.is_ok());
}

/// What may be missed, and that the board then shows the truth within a second and a bit.
async fn check_recovery(lose: impl AsyncFnOnce(&FakeSource)) {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    let mut board = Client::open(&hub, BOARD).await;
    assert_eq!(board.news().await["rev"], 10);
    lose(&source).await;
    pass(ms(1_500)).await;
    let last = board.frames_now().into_iter().rfind(|frame| frame["type"] == "board");
    let last = last.expect("a board");
    let truth = source.stamp();
    assert_eq!((&last["epoch"], &last["rev"]), (&truth.epoch.into(), &truth.rev.into()));
    let waiting = source.read(|replica| replica.standing(testing::line('A')).waiting().len());
    assert_eq!(last["lines"][0]["waiting"], waiting);
    assert!(source.snapshots.load(SeqCst) <= 3, "{} snapshots", source.snapshots.load(SeqCst));
}

#[tokio::test(start_paused = true)]
async fn a_gap_is_read_again() {
    check_recovery(async |source| {
        source.deaf.store(true, SeqCst);
        source.happen("ticket.joined", vec![ticket(1)]);
        source.deaf.store(false, SeqCst);
        source.happen("ticket.joined", vec![ticket(2)]);
        settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_overflow_is_read_again() {
    check_recovery(async |source| {
        // Without a pause for the keeper: more than its channel holds.
        for serial in 0..2_000 {
            source.happen("ticket.joined", vec![ticket(serial)]);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_new_epoch_is_read_again() {
    check_recovery(async |source| {
        let mut restored = snapshot();
        restored.stamp = Stamp { epoch: 2, rev: 1 };
        source.reset(restored);
        source.happen("ticket.joined", vec![ticket(7)]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_publish_is_found_by_comparing() {
    check_recovery(async |source| {
        source.deaf.store(true, SeqCst);
        source.happen("ticket.joined", vec![ticket(1)]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_subscription_is_read_again_at_once() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings { check_every: ms(60_000), ..HubSettings::default() });
    let room = hub.room(RESTAURANT).await.expect("entered");
    source.deaf.store(true, SeqCst);
    source.happen("ticket.joined", vec![ticket(1)]);
    source.deaf.store(false, SeqCst);
    source.deliver(Delivery::Resumed);
    pass(ms(250)).await;
    assert_eq!(room.read(|replica, _| replica.stamp()), source.stamp());
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_ended_is_made_again() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    let room = hub.room(RESTAURANT).await.expect("entered");
    source.hang_up();
    pass(ms(300)).await;
    source.happen("ticket.joined", vec![ticket(1)]);
    settle().await;
    assert_eq!(room.read(|replica, _| replica.stamp()), source.stamp());
    assert_eq!(source.subscriptions.load(SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn snapshots_are_read_one_at_a_time_and_apart() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    let _room = hub.room(RESTAURANT).await.expect("entered");
    for _ in 0..100 {
        source.deliver(Delivery::Resumed);
        pass(ms(10)).await;
    }
    let snapshots = source.snapshots.load(SeqCst);
    assert!((4..=7).contains(&snapshots), "{snapshots} snapshots in a second");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_went_back_is_not_believed() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    let room = hub.room(RESTAURANT).await.expect("entered");
    source.happen("ticket.joined", vec![ticket(1)]);
    pass(ms(100)).await;
    let seen = room.read(|replica, _| replica.stamp());
    source.reset(snapshot());
    source.deliver(Delivery::Resumed);
    pass(ms(5_000)).await;
    assert_eq!(room.read(|replica, _| replica.stamp()), seen);
    assert!(!room.live());
    let mut restored = snapshot();
    restored.stamp = Stamp { epoch: 9, rev: 1 };
    source.reset(restored);
    pass(ms(3_000)).await;
    assert_eq!(room.read(|replica, _| replica.stamp()), source.stamp());
    assert!(room.live());
}

#[tokio::test(start_paused = true)]
async fn silence_of_the_source_is_told_at_once_and_so_is_its_return() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    let mut board = Client::open(&hub, BOARD).await;
    assert_eq!(board.frame().await["live"], true);
    pass(ms(10)).await;
    source.silent.store(true, SeqCst);
    pass(ms(2_900)).await;
    assert_eq!(board.frames_now(), Vec::<serde_json::Value>::new());
    // Well before the next tick was due.
    pass(ms(200)).await;
    let frames = board.frames_now();
    assert_eq!((&frames[0]["type"], &frames[0]["live"]), (&"tick".into(), &false.into()), "{frames:?}");
    // A newcomer sees it on the first frame.
    let mut late = Client::open(&hub, BOARD).await;
    assert_eq!(late.frame().await["live"], false);
    pass(ms(10)).await;
    board.frames_now();
    source.silent.store(false, SeqCst);
    pass(ms(1_100)).await;
    let told: Vec<_> = board.frames_now().into_iter().filter(|frame| frame["live"] == true).collect();
    assert_eq!(told.len(), 1);
    // Agreement alone keeps it live: nothing happens in this restaurant.
    pass(ms(60_000)).await;
    assert!(board.frames_now().iter().all(|frame| frame["live"] == true));
}

#[tokio::test(start_paused = true)]
async fn a_restaurant_that_is_being_restored_is_not_read_until_it_is_back() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    let mut board = Client::open(&hub, BOARD).await;
    board.news().await;
    source.restoring.store(true, SeqCst);
    pass(ms(1_100)).await;
    assert_eq!(board.frames_now().last().map(|frame| frame["live"].clone()), Some(false.into()));
    assert_eq!(hub.room(RESTAURANT).await.err(), Some(SourceError::Restoring));
    let mut restored = snapshot();
    restored.stamp = Stamp { epoch: 3, rev: 1 };
    source.reset(restored);
    source.restoring.store(false, SeqCst);
    pass(ms(2_100)).await;
    assert_eq!(
        board.frames_now().last().map(|frame| (frame["epoch"].clone(), frame["live"].clone())),
        Some((3.into(), true.into()))
    );
    assert!(hub.room(RESTAURANT).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_room_lingers_after_its_last_use_and_is_entered_anew_after_it() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    let board = Client::open(&hub, BOARD).await;
    pass(ms(60_000)).await;
    assert_eq!(hub.stats().rooms, 1);
    board.leave().await;
    pass(ms(20_000)).await;
    // A read prolongs it.
    hub.room(RESTAURANT).await.expect("there");
    pass(ms(29_900)).await;
    assert_eq!((hub.stats().rooms, source.subscriptions.load(SeqCst)), (1, 1));
    tokio::time::sleep(ms(100)).await;
    settle().await;
    // Its subscription is just ending: who asks now gets a successor, whose subscription stays.
    assert!(source.subscribed());
    let room = hub.room(RESTAURANT).await.expect("entered anew");
    pass(ms(1_000)).await;
    assert_eq!((source.subscriptions.load(SeqCst), source.unsubscriptions.load(SeqCst)), (2, 1));
    assert!(source.subscribed());
    source.happen("ticket.joined", vec![ticket(1)]);
    settle().await;
    assert_eq!(room.read(|replica, _| replica.stamp()), source.stamp());
    pass(ms(31_000)).await;
    assert_eq!(hub.stats().rooms, 0);
    assert!(!source.subscribed());
}

#[tokio::test(start_paused = true)]
async fn who_reads_after_writing_reads_what_was_written() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings { check_every: ms(60_000), ..HubSettings::default() });
    let room = hub.room(RESTAURANT).await.expect("entered");
    source.deaf.store(true, SeqCst);
    let event = source.happen("ticket.joined", vec![ticket(1)]);
    hub.wrote(RESTAURANT, event.stamp());
    room.settled().await;
    assert_eq!(room.read(|replica, _| replica.stamp()), event.stamp());
}

#[tokio::test(start_paused = true)]
async fn who_asks_a_source_that_hangs_is_answered_in_time() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    source.frozen.store(true, SeqCst);
    for watch in [None, Some(BOARD), Some(Watch::Ticket(ticket(1).id))] {
        let since = tokio::time::Instant::now();
        match watch {
            None => assert_eq!(hub.room(RESTAURANT).await.err(), Some(SourceError::Unavailable)),
            Some(watch) => assert_eq!(hub.watch(RESTAURANT, watch).await.err(), Some(WatchError::Unavailable)),
        }
        assert!(since.elapsed() < ms(1_500), "{:?}", since.elapsed());
    }
    source.frozen.store(false, SeqCst);
    pass(ms(1_000)).await;
    let room = hub.room(RESTAURANT).await.expect("entered");
    source.frozen.store(true, SeqCst);
    // A room that is open, a ticket that it does not know, and a command whose event does not arrive.
    hub.wrote(RESTAURANT, Stamp { epoch: 1, rev: 99 });
    let since = tokio::time::Instant::now();
    assert_eq!(room.ticket(&ticket(1).id).await.err(), Some(SourceError::Unavailable));
    assert!(since.elapsed() < ms(1_500), "{:?}", since.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_hangs_is_noticed_and_so_is_its_return() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    let mut board = Client::open(&hub, BOARD).await;
    board.news().await;
    pass(ms(5_500)).await;
    board.frames_now();
    source.frozen.store(true, SeqCst);
    source.deaf.store(true, SeqCst);
    pass(ms(3_000)).await;
    assert_eq!(board.frames_now().last().map(|frame| frame["live"].clone()), Some(false.into()));
    source.happen("ticket.joined", vec![ticket(1)]);
    pass(ms(10_000)).await;
    source.frozen.store(false, SeqCst);
    pass(ms(2_500)).await;
    let last = board.frames_now().pop().expect("frames");
    assert_eq!((&last["type"], &last["rev"], &last["live"]), (&"board".into(), &11.into(), &true.into()));
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_not_answered_for_takes_nothing_from_the_others() {
    let source = FakeSource::new();
    let hub = hub(&source, HubSettings::default());
    let other = RestaurantId(RESTAURANT.0 + 1);
    let (here, there) = (hub.room(RESTAURANT).await.expect("entered"), hub.room(other).await.expect("entered"));
    *source.frozen_group.lock().expect("lock") = Some(source.group(other));
    for _ in 0..100 {
        pass(ms(100)).await;
        assert!(here.live());
    }
    assert!(!there.live());
    *source.frozen_group.lock().expect("lock") = None;
    pass(ms(2_100)).await;
    assert!(here.live() && there.live());
}

#[tokio::test(start_paused = true)]
async fn there_are_no_more_rooms_than_may_be() {
    let source = FakeSource::new();
    let limited = hub(&source, HubSettings { rooms_max: 2, ..HubSettings::default() });
    let id = |n| RestaurantId(RESTAURANT.0 + n);
    for (n, expected) in [(0, None), (1, None), (2, Some(SourceError::Unavailable)), (1, None)] {
        assert_eq!(limited.room(id(n)).await.err(), expected, "{n}");
    }
    let unlimited = hub(&source, HubSettings { rooms_max: 0, limits: false, ..HubSettings::default() });
    assert!(unlimited.room(id(0)).await.is_ok());
}
