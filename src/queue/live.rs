//! What scripts publish, for who wants to hear it: one sharded channel per watched restaurant.
//!
//! A hint, never the truth: after every interruption each subscriber is told to read again, and gaps in rev show
//! whatever else was lost. Nothing is queued here: what is heard is handed on as it comes in, to sinks that do not
//! wait.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{Notify, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Queue, QueueError, link};
use crate::domain::{Event, RestaurantId};

/// What is delivered to a subscriber.
#[derive(Clone, Debug)]
pub enum Heard {
    /// A change.
    Event(Arc<Event>),
    /// The link was interrupted and stands again.
    Resumed,
}

/// Takes what is heard, without waiting.
pub type Sink = Arc<dyn Fn(Heard) + Send + Sync>;

/// The answer to a subscription may take this long.
pub(super) const CONFIRM_TIMEOUT: Duration = Duration::from_millis(900);

/// The subscriber of this server. Cheap to clone.
#[derive(Clone)]
pub struct Live {
    queue: Queue,
    wanted: Arc<Wanted>,
    _stop: Arc<DropGuard>,
}

impl Live {
    /// Starts the subscriber; it ends with its last handle.
    ///
    /// # Errors
    /// When the URL is not one of Redis.
    pub fn start(url: &str, queue: Queue) -> Result<Self, QueueError> {
        let wanted = Arc::<Wanted>::default();
        let stop = CancellationToken::new();
        let running = link::run(link::client(url)?, queue.clone(), Arc::clone(&wanted));
        tokio::spawn(stop.clone().run_until_cancelled_owned(running));
        Ok(Self { queue, wanted, _stop: Arc::new(stop.drop_guard()) })
    }

    /// Delivers a restaurant's events to `sink` from now on; resolves when Redis has confirmed.
    ///
    /// # Errors
    /// When Redis does not confirm in time; the subscription goes on being tried.
    pub async fn subscribe(&self, restaurant: RestaurantId, sink: Sink) -> Result<(), QueueError> {
        let (confirm, confirmed) = oneshot::channel();
        self.wanted.add(self.queue.keys().channel(restaurant), Subscription { sink, confirm: Some(confirm) });
        match tokio::time::timeout(CONFIRM_TIMEOUT, confirmed).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(QueueError::Unavailable("no confirmation of a subscription".to_owned())),
        }
    }

    /// Ends the delivery of a restaurant's events.
    pub fn unsubscribe(&self, restaurant: RestaurantId) {
        self.wanted.remove(&self.queue.keys().channel(restaurant));
    }
}

/// What is wanted from the link, which looks whenever `changed` says so.
#[derive(Default)]
pub(super) struct Wanted {
    state: Mutex<WantedState>,
    pub(super) changed: Notify,
}

#[derive(Default)]
struct WantedState {
    subscriptions: HashMap<String, Subscription>,
    /// Channels that the link may have subscribed to or not, against what is wanted.
    unsettled: HashSet<String>,
}

struct Subscription {
    sink: Sink,
    /// Who waits for the first confirmation.
    confirm: Option<oneshot::Sender<()>>,
}

impl Wanted {
    fn add(&self, channel: String, subscription: Subscription) {
        let mut state = self.state();
        state.unsettled.insert(channel.clone());
        state.subscriptions.insert(channel, subscription);
        drop(state);
        self.changed.notify_one();
    }

    fn remove(&self, channel: &str) {
        let mut state = self.state();
        if state.subscriptions.remove(channel).is_some() {
            state.unsettled.insert(channel.to_owned());
        }
        drop(state);
        self.changed.notify_one();
    }

    /// A new connection has no subscriptions yet.
    pub(super) fn unsettle_all(&self) {
        let mut state = self.state();
        state.unsettled = state.subscriptions.keys().cloned().collect();
    }

    /// Channels to be settled, and whether each is wanted. They count as settled from now on.
    pub(super) fn take_unsettled(&self) -> Vec<(String, bool)> {
        let mut state = self.state();
        let unsettled = std::mem::take(&mut state.unsettled);
        let wanted = |channel: String| {
            let is_wanted = state.subscriptions.contains_key(&channel);
            (channel, is_wanted)
        };
        unsettled.into_iter().map(wanted).collect()
    }

    /// Redis delivers this channel from now on.
    pub(super) fn settled(&self, channel: &str) {
        let mut state = self.state();
        let Some(subscription) = state.subscriptions.get_mut(channel) else { return };
        match subscription.confirm.take() {
            // Who has given up waiting is told nothing.
            Some(confirm) => drop(confirm.send(())),
            None => {
                let sink = Arc::clone(&subscription.sink);
                drop(state);
                sink(Heard::Resumed);
            }
        }
    }

    pub(super) fn sink(&self, channel: &str) -> Option<Sink> {
        self.state().subscriptions.get(channel).map(|subscription| Arc::clone(&subscription.sink))
    }

    fn state(&self) -> MutexGuard<'_, WantedState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_while_the_link_is_down_is_remembered_once() {
        let wanted = Wanted::default();
        let heard = Arc::new(Mutex::new(Vec::new()));
        for _ in 0..10_000 {
            let heard = Arc::clone(&heard);
            let sink: Sink = Arc::new(move |what| heard.lock().expect("unharmed").push(format!("{what:?}")));
            let (confirm, gone) = oneshot::channel();
            wanted.remove("here");
            wanted.add("here".to_owned(), Subscription { sink, confirm: Some(confirm) });
            drop(gone);
        }
        assert_eq!(wanted.take_unsettled(), [("here".to_owned(), true)]);
        assert_eq!(wanted.take_unsettled(), [], "it counts as settled");
        wanted.settled("here");
        assert!(heard.lock().expect("unharmed").is_empty(), "a first confirmation is no interruption");

        wanted.unsettle_all();
        assert_eq!(wanted.take_unsettled(), [("here".to_owned(), true)], "a new connection starts from nothing");
        wanted.settled("here");
        assert_eq!(*heard.lock().expect("unharmed"), ["Resumed"]);
        wanted.remove("here");
        assert_eq!(wanted.take_unsettled(), [("here".to_owned(), false)]);
        assert!(wanted.sink("here").is_none());
    }
}
