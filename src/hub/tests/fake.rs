//! A source and sockets in memory.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};

use serde_json::Value;
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::{Duration, timeout},
};

use super::super::{
    Gone, Hub, HubSettings, Inbound, Socket, Source, SourceError, Text, Watch, WatchError,
    source::{Answer, Delivery},
};
use crate::{
    domain::{
        Event, RestaurantId, Stamp, Ticket, TicketId,
        replica::{Applied, Replica, Snapshot},
        testing,
    },
    protocol::CloseCode,
};

/// The truth of one restaurant, whatever it is called, with switches for what can go wrong on the way.
#[derive(Default)]
pub(crate) struct FakeSource {
    truth: Mutex<Option<Truth>>,
    sinks: Mutex<HashMap<RestaurantId, mpsc::Sender<Delivery>>>,
    /// Events are published but do not arrive.
    pub(crate) deaf: AtomicBool,
    /// Nothing is answered but that it cannot be.
    pub(crate) silent: AtomicBool,
    /// Nothing is answered at all.
    pub(crate) frozen: AtomicBool,
    /// This group is not answered for.
    pub(crate) frozen_group: Mutex<Option<u16>>,
    /// The live state is being put back.
    pub(crate) restoring: AtomicBool,
    /// The restaurant does not exist.
    pub(crate) unknown: AtomicBool,
    /// Snapshots wait at the gate.
    pub(crate) gated: AtomicBool,
    pub(crate) gate: Notify,
    pub(crate) subscriptions: AtomicUsize,
    pub(crate) unsubscriptions: AtomicUsize,
    pub(crate) snapshots: AtomicUsize,
}

struct Truth {
    replica: Replica,
    base: Snapshot,
    ended: HashMap<TicketId, Ticket>,
}

impl FakeSource {
    pub(crate) fn new() -> Arc<Self> {
        Self::of(testing::snapshot())
    }

    pub(crate) fn of(snapshot: Snapshot) -> Arc<Self> {
        let source = Self::default();
        source.reset(snapshot);
        Arc::new(source)
    }

    /// Another truth, as after a restore.
    pub(crate) fn reset(&self, snapshot: Snapshot) {
        let truth = Truth { replica: Replica::new(snapshot.clone()), base: snapshot, ended: HashMap::new() };
        *self.truth.lock().expect("lock") = Some(truth);
    }

    /// Makes and publishes the next event, with these tickets.
    pub(crate) fn happen(&self, name: &str, tickets: Vec<Ticket>) -> Arc<Event> {
        self.happen_with(name, |event| event.tickets = tickets)
    }

    pub(crate) fn happen_with(&self, name: &str, fill: impl FnOnce(&mut Event)) -> Arc<Event> {
        let mut truth = self.truth.lock().expect("lock");
        let truth = truth.as_mut().expect("a truth");
        let stamp = truth.replica.stamp();
        let at = truth.replica.at() + 1;
        let mut event = Event { epoch: stamp.epoch, at, ..testing::event(stamp.rev + 1, name) };
        fill(&mut event);
        for ticket in &event.tickets {
            truth.ended.insert(ticket.id.clone(), ticket.clone());
        }
        assert!(matches!(truth.replica.apply(&event), Ok(Applied::Yes { .. })));
        let event = Arc::new(event);
        if !self.deaf.load(SeqCst) {
            self.deliver(Delivery::Event(Arc::clone(&event)));
        }
        event
    }

    pub(crate) fn deliver(&self, delivery: Delivery) {
        for sink in self.sinks.lock().expect("lock").values() {
            // What a full sink loses is lost.
            let _ = sink.try_send(delivery.clone());
        }
    }

    /// Ends all subscriptions on the source's side.
    pub(crate) fn hang_up(&self) {
        self.sinks.lock().expect("lock").clear();
    }

    pub(crate) fn subscribed(&self) -> bool {
        !self.sinks.lock().expect("lock").is_empty()
    }

    pub(crate) fn stamp(&self) -> Stamp {
        self.truth.lock().expect("lock").as_ref().expect("a truth").replica.stamp()
    }

    pub(crate) fn read<R>(&self, look: impl FnOnce(&Replica) -> R) -> R {
        look(&self.truth.lock().expect("lock").as_ref().expect("a truth").replica)
    }

    /// Returns when it is not frozen.
    async fn thawed(&self) {
        while self.frozen.load(SeqCst) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn answer(&self) -> Result<(), SourceError> {
        match () {
            () if self.unknown.load(SeqCst) => Err(SourceError::NotFound),
            () if self.silent.load(SeqCst) => Err(SourceError::Unavailable),
            () if self.restoring.load(SeqCst) => Err(SourceError::Restoring),
            () => Ok(()),
        }
    }

    fn snapshot_now(&self) -> Snapshot {
        let truth = self.truth.lock().expect("lock");
        let Truth { replica, base, .. } = truth.as_ref().expect("a truth");
        let menu = replica.menu().to_vec();
        Snapshot {
            stamp: replica.stamp(),
            at: replica.at(),
            restaurant: replica.restaurant().clone(),
            policy: replica.policy().clone(),
            lines: replica.lines().clone(),
            stock: menu.iter().filter_map(|item| Some((item.id.clone(), replica.left(&item.id)?))).collect(),
            menu,
            pace: base.pace.clone(),
            tickets: replica.tickets().map(|ticket| Ticket::clone(ticket)).collect(),
        }
    }
}

impl Source for FakeSource {
    fn subscribe(&self, restaurant: RestaurantId, sink: mpsc::Sender<Delivery>) -> Answer<'_, Result<(), SourceError>> {
        Box::pin(async move {
            self.thawed().await;
            if self.silent.load(SeqCst) {
                return Err(SourceError::Unavailable);
            }
            self.subscriptions.fetch_add(1, SeqCst);
            self.sinks.lock().expect("lock").insert(restaurant, sink);
            Ok(())
        })
    }

    fn unsubscribe(&self, restaurant: RestaurantId) -> Answer<'_, ()> {
        Box::pin(async move {
            // The end of a subscription takes its time; a successor must not suffer from it.
            tokio::time::sleep(Duration::from_millis(10)).await;
            self.unsubscriptions.fetch_add(1, SeqCst);
            self.sinks.lock().expect("lock").remove(&restaurant);
        })
    }

    fn snapshot(&self, _: RestaurantId) -> Answer<'_, Result<Snapshot, SourceError>> {
        Box::pin(async move {
            self.snapshots.fetch_add(1, SeqCst);
            self.thawed().await;
            let snapshot = self.answer().map(|()| self.snapshot_now());
            if self.gated.load(SeqCst) {
                self.gate.notified().await;
            }
            snapshot
        })
    }

    fn group(&self, restaurant: RestaurantId) -> u16 {
        (restaurant.0 % 96) as u16
    }

    fn stamps(&self, restaurants: Vec<RestaurantId>) -> Answer<'_, Result<Vec<Option<Stamp>>, SourceError>> {
        Box::pin(async move {
            self.thawed().await;
            let group = restaurants.first().map(|restaurant| self.group(*restaurant));
            if group == *self.frozen_group.lock().expect("lock") {
                std::future::pending::<()>().await;
            }
            match self.answer() {
                Err(SourceError::Restoring) => Ok(vec![None; restaurants.len()]),
                Err(error) => Err(error),
                Ok(()) => Ok(vec![Some(self.stamp()); restaurants.len()]),
            }
        })
    }

    fn ticket(&self, ticket: TicketId) -> Answer<'_, Result<Option<Ticket>, SourceError>> {
        Box::pin(async move {
            self.thawed().await;
            self.answer()?;
            let truth = self.truth.lock().expect("lock");
            let truth = truth.as_ref().expect("a truth");
            let live = truth.replica.ticket(&ticket).map(|ticket| Ticket::clone(ticket));
            Ok(live.or_else(|| truth.ended.get(&ticket).cloned()))
        })
    }
}

/// A hub on this source. The door code is the minute.
pub(crate) fn hub(source: &Arc<FakeSource>, settings: HubSettings) -> Hub {
    let url = "http://wait.test/".parse().expect("a URL");
    Hub::new(source.clone(), settings, url, Arc::new(|_, at| format!("{:04}", at / 60_000)))
}

/// The client's end of a connection in memory.
pub(crate) struct Client {
    inbound: mpsc::UnboundedSender<Inbound>,
    outbound: mpsc::Receiver<Sent>,
    closed: Arc<OnceLock<CloseCode>>,
    sent: AtomicUsize,
    taken: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
enum Sent {
    Frame(Text),
    Close(CloseCode),
}

struct ServerEnd {
    inbound: mpsc::UnboundedReceiver<Inbound>,
    outbound: mpsc::Sender<Sent>,
    closed: Arc<OnceLock<CloseCode>>,
    taken: Arc<AtomicUsize>,
}

impl Socket for ServerEnd {
    async fn send(&mut self, text: Text) -> Result<(), Gone> {
        self.outbound.send(Sent::Frame(text)).await.map_err(|_| Gone)
    }

    async fn receive(&mut self) -> Inbound {
        let inbound = self.inbound.recv().await.unwrap_or(Inbound::Closed);
        self.taken.fetch_add(1, SeqCst);
        inbound
    }

    async fn close(&mut self, code: CloseCode) {
        let _ = self.closed.set(code);
        let _ = self.outbound.send(Sent::Close(code)).await;
    }
}

/// Longer than any tick, so that a client that waits so long has been forgotten.
const PATIENCE: Duration = Duration::from_secs(60);

/// More than any test expects between two pieces of news.
const FRAMES_MAX: usize = 100;

impl Client {
    pub(crate) async fn open(hub: &Hub, watch: Watch) -> Self {
        Self::open_slow(hub, watch, 1_000).await
    }

    /// A client whose connection holds so many frames that it has not read.
    pub(crate) async fn open_slow(hub: &Hub, watch: Watch, unread_len_max: usize) -> Self {
        Self::try_open(hub, watch, unread_len_max).await.expect("a place")
    }

    pub(crate) async fn try_open(hub: &Hub, watch: Watch, unread_len_max: usize) -> Result<Self, WatchError> {
        Self::try_open_until(hub, watch, unread_len_max, std::future::pending()).await
    }

    /// A client whose connection must end when that is said.
    pub(crate) async fn try_open_until(
        hub: &Hub,
        watch: Watch,
        unread_len_max: usize,
        dismissed: impl Future<Output = CloseCode> + Send + 'static,
    ) -> Result<Self, WatchError> {
        let watcher = hub.watch(testing::RESTAURANT, watch).await?;
        let (inbound, inbound_end) = mpsc::unbounded_channel();
        let (outbound_end, outbound) = mpsc::channel(unread_len_max);
        let (closed, taken) = (Arc::default(), Arc::default());
        let end = ServerEnd {
            inbound: inbound_end,
            outbound: outbound_end,
            closed: Arc::clone(&closed),
            taken: Arc::clone(&taken),
        };
        Ok(Self {
            inbound,
            outbound,
            closed,
            sent: AtomicUsize::new(0),
            taken,
            task: tokio::spawn(watcher.run(end, dismissed)),
        })
    }

    /// The next frame, whatever it is.
    pub(crate) async fn text(&mut self) -> Text {
        match timeout(PATIENCE, self.outbound.recv()).await.expect("a frame in time") {
            Some(Sent::Frame(text)) => text,
            other => panic!("no frame but {other:?}"),
        }
    }

    pub(crate) async fn frame(&mut self) -> Value {
        serde_json::from_str(self.text().await.as_str()).expect("JSON")
    }

    /// The next frame that is no tick.
    pub(crate) async fn news(&mut self) -> Value {
        for _ in 0..FRAMES_MAX {
            let frame = self.frame().await;
            if frame["type"] != "tick" {
                return frame;
            }
        }
        panic!("nothing but ticks")
    }

    /// Whatever was sent by now; the clock stands.
    pub(crate) fn frames_now(&mut self) -> Vec<Value> {
        let mut frames = Vec::new();
        while let Ok(sent) = self.outbound.try_recv() {
            match sent {
                Sent::Frame(text) => frames.push(serde_json::from_str(text.as_str()).expect("JSON")),
                Sent::Close(code) => panic!("closed: {code:?}"),
            }
        }
        frames
    }

    /// How it was closed, after any further frames.
    pub(crate) async fn closed(&mut self) -> Option<CloseCode> {
        for _ in 0..FRAMES_MAX {
            match timeout(PATIENCE, self.outbound.recv()).await.expect("an end in time") {
                Some(Sent::Frame(_)) => {}
                Some(Sent::Close(code)) => return Some(code),
                None => return None,
            }
        }
        panic!("no end")
    }

    /// What was sent and the server has not taken yet.
    pub(crate) fn untaken_len(&self) -> usize {
        self.sent.load(SeqCst) - self.taken.load(SeqCst)
    }

    pub(crate) fn send(&self, inbound: Inbound) {
        self.sent.fetch_add(1, SeqCst);
        let _ = self.inbound.send(inbound);
    }

    pub(crate) fn send_text(&self, text: &str) {
        self.send(Inbound::Text(text.to_owned().into()));
    }

    /// Goes, and waits until the server has noticed.
    pub(crate) async fn leave(self) {
        self.send(Inbound::Closed);
        self.task.await.expect("no panic");
    }

    /// How the server closed it, which a client that does not read never hears.
    pub(crate) async fn given_up(self) -> Option<CloseCode> {
        timeout(PATIENCE, self.task).await.expect("an end in time").expect("no panic");
        self.closed.get().copied()
    }
}

/// Lets all tasks do what they can without time passing.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

pub(crate) async fn pass(duration: Duration) {
    tokio::time::sleep(duration).await;
    settle().await;
}

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
