//! A source in memory.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering::SeqCst},
    },
};

use tokio::{
    sync::{Notify, mpsc},
    time::Duration,
};

use super::super::super::{
    Source, SourceError,
    source::{Answer, Delivery},
};
use crate::domain::{
    Event, Millis, RestaurantId, Stamp, Ticket, TicketId,
    replica::{Applied, Replica, Snapshot},
    testing,
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
    /// What time it says that it is; 0: nothing.
    pub(crate) says: AtomicI64,
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

    fn time(&self, _: RestaurantId) -> Option<Millis> {
        Some(self.says.load(SeqCst)).filter(|at| *at > 0)
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
