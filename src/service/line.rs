//! What guests and staff do with a restaurant's line: commands go to the live queue, reads come from the room.
//!
//! A command needs Redis alone. It is answered from what its script replied, so that a retry is answered the same.

use std::{sync::Arc, time::Duration};

use rand::RngExt as _;

use super::{
    keys::{Guarded, Keys},
    phone::Phone,
    restaurants::{Opened, Restaurants},
};
use crate::{
    db::{self, Db, DbError, accounts::AccountId, policies::VersionedPolicy},
    domain::{
        Channel, Command, Join, LineId, Policy, Rejection, RestaurantId, Ticket, TicketId, estimate::Eta,
        replica::Replica,
    },
    hub::{Hub, Room, SourceError, Text, Watch, WatchError, Watcher},
    metrics::Metrics,
    protocol::{OwnView, TicketFrame, eta_of_reply, ticket_frame},
    queue::{CallContext, Outcome, Queue, QueueError, keys::Partition},
};

/// How long an answer waits for this server's room to have heard of a command.
const ROOM_WAIT: Duration = Duration::from_millis(300);

/// Times a policy is merged anew because somebody else changed it meanwhile.
const POLICY_TRIES: usize = 3;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The rules do not allow it.
    #[error("refused: {}", .0.code())]
    Refused(Rejection),
    /// No such restaurant or ticket.
    #[error("no such restaurant or ticket")]
    NotFound,
    /// The live state is being restored.
    #[error("the restaurant's live state is being restored")]
    Restoring,
    /// The live queue does not answer.
    #[error("the live queue does not answer")]
    Unavailable,
    /// Others kept changing the same thing.
    #[error("changed by others at the same time")]
    Conflict,
    /// The live queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// PostgreSQL failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// A party that wants to join.
pub struct Party {
    /// Which line.
    pub line: LineId,
    /// At least 1.
    pub adults: u32,
    /// Children with a seat.
    pub children: u32,
    /// From where.
    pub channel: Channel,
    /// Being there was shown.
    pub present: bool,
    /// One active ticket each.
    pub phone: Option<Phone>,
    /// A signed-in guest, who has one active ticket, too.
    pub account: Option<AccountId>,
    /// Menu item and quantity.
    pub items: Vec<(String, u32)>,
    /// Leave sold-out items out instead of refusing.
    pub drop_sold_out: bool,
    /// As given.
    pub name: Option<String>,
    /// Staff's note.
    pub note: Option<String>,
    /// BCP 47.
    pub lang: Option<String>,
    /// Waiting tickets of the line that stay ahead; `None`: all of them. For staff alone.
    pub place: Option<u32>,
}

/// The use cases. Cheap to clone.
#[derive(Clone)]
pub struct Lines {
    queue: Queue,
    hub: Arc<Hub>,
    db: Db,
    keys: Keys,
    restaurants: Restaurants,
    metrics: Arc<Metrics>,
}

/// What is not whole yet is being restored.
fn restoring(answer: Result<Outcome, LineError>) -> Result<Outcome, LineError> {
    match answer {
        Err(LineError::Refused(Rejection::NotLoaded | Rejection::NotCompared)) => Err(LineError::Restoring),
        answer => answer,
    }
}

impl Lines {
    /// The use cases on these parts.
    #[must_use]
    pub fn new(
        queue: Queue,
        hub: Arc<Hub>,
        db: Db,
        keys: Keys,
        restaurants: Restaurants,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { queue, hub, db, keys, restaurants, metrics }
    }

    /// Gives a party a number.
    ///
    /// # Errors
    /// As [`Lines::run`].
    pub async fn join(
        &self,
        restaurant: RestaurantId,
        context: &CallContext,
        party: Party,
    ) -> Result<Outcome, LineError> {
        // Neither the wait range nor this server's room is needed to join, and the joins just before need not be in it.
        let size = crate::domain::party(party.adults, party.children);
        let room = tokio::time::timeout(ROOM_WAIT, self.room(restaurant)).await;
        let room = room.ok().and_then(Result::ok);
        let eta = room.and_then(|room| room.read(|replica, _| replica.eta_at(party.line, size, party.place)));
        let outcome =
            self.run(restaurant, context, &Command::Join(Box::new(self.joining(restaurant, party, eta)))).await?;
        if let Some(ticket) = outcome.done.ticket.as_ref().filter(|_| !outcome.replayed) {
            let channel = if ticket.channel == Channel::Remote { "remote" } else { "onsite" };
            self.metrics.line_joins.with_label_values(&[channel]).inc();
        }
        Ok(outcome)
    }

    fn joining(&self, restaurant: RestaurantId, party: Party, eta: Option<Eta>) -> Join {
        let id = TicketId::new(restaurant, rand::rng().random());
        let phone = party.phone.as_ref().map(|phone| Guarded::Phone(phone.compared()));
        let guards = phone.into_iter().chain(party.account.map(Guarded::Account));
        Join {
            r#ref: self.keys.ticket_ref(&id),
            id,
            code: format!("{:04}", rand::rng().random_range(0..10_000)),
            line: party.line,
            adults: party.adults,
            children: party.children,
            channel: party.channel,
            present: party.present,
            guards: guards.map(|guarded| self.keys.guard(restaurant, guarded)).collect(),
            items: party.items,
            drop_sold_out: party.drop_sold_out,
            name: party.name,
            phone_last4: party.phone.as_ref().map(|phone| phone.last4().to_owned()),
            note: party.note,
            lang: party.lang,
            eta,
            place: party.place,
        }
    }

    /// Runs a command. In a new life of Redis it waits for the comparison with the record; while the record does not
    /// answer, it goes on without it where the rules allow that.
    ///
    /// # Errors
    /// [`LineError::Refused`] by the rules; [`LineError::Restoring`] when the live state is missing, or was not
    /// compared in time; else when the live queue could not be asked.
    pub async fn run(
        &self,
        restaurant: RestaurantId,
        context: &CallContext,
        command: &Command,
    ) -> Result<Outcome, LineError> {
        let first = self.counted(restaurant, command.name(), self.queue.run(restaurant, context, command)).await;
        let Some(context) = self.when_whole(restaurant, context, &first).await? else { return first };
        restoring(self.counted(restaurant, command.name(), self.queue.run(restaurant, &context, command)).await)
    }

    /// The ticket of a number and its code.
    ///
    /// # Errors
    /// As [`Lines::run`].
    pub async fn find(
        &self,
        restaurant: RestaurantId,
        context: &CallContext,
        number: &str,
        code: &str,
    ) -> Result<Outcome, LineError> {
        let first = self.counted(restaurant, "find", self.queue.find(restaurant, context, number, code)).await;
        let Some(context) = self.when_whole(restaurant, context, &first).await? else { return first };
        restoring(self.counted(restaurant, "find", self.queue.find(restaurant, &context, number, code)).await)
    }

    /// How to call again what was answered so because the live state is not whole; `None`: that was not the reason.
    async fn when_whole(
        &self,
        restaurant: RestaurantId,
        context: &CallContext,
        answer: &Result<Outcome, LineError>,
    ) -> Result<Option<CallContext>, LineError> {
        if !matches!(answer, Err(LineError::Refused(Rejection::NotLoaded | Rejection::NotCompared))) {
            return Ok(None);
        }
        match self.restaurants.open(restaurant).await {
            Opened::Unknown => Err(LineError::NotFound),
            Opened::Elsewhere => Err(LineError::Restoring),
            opened @ (Opened::Present | Opened::Failed) => {
                Ok(Some(CallContext { alone: opened == Opened::Failed, ..context.clone() }))
            }
        }
    }

    async fn counted(
        &self,
        restaurant: RestaurantId,
        name: &'static str,
        call: impl Future<Output = Result<Result<Outcome, Rejection>, QueueError>>,
    ) -> Result<Outcome, LineError> {
        let timer = self.metrics.redis_call_seconds.with_label_values(&[name]).start_timer();
        let answer = call.await;
        timer.observe_duration();
        let outcome = match &answer {
            Ok(Ok(outcome)) if outcome.replayed => "replayed",
            Ok(Ok(_)) => "done",
            Ok(Err(_)) => "refused",
            Err(_) => "failed",
        };
        self.metrics.line_commands.with_label_values(&[name, outcome]).inc();
        match answer? {
            Ok(outcome) => {
                self.hub.wrote(restaurant, outcome.stamp);
                Ok(outcome)
            }
            Err(rejection) => Err(LineError::Refused(rejection)),
        }
    }

    /// Why live state is missing; asks for it to be opened.
    async fn missing(&self, restaurant: RestaurantId) -> LineError {
        match self.restaurants.open(restaurant).await {
            Opened::Unknown => LineError::NotFound,
            Opened::Present | Opened::Elsewhere | Opened::Failed => LineError::Restoring,
        }
    }

    /// Changes some rules: in the record first, then live. Doing it again after a failure puts both right.
    ///
    /// # Errors
    /// [`LineError::Conflict`] when others keep changing them; what `merge` refuses; else when a database failed.
    pub async fn change_policy<E: From<LineError>>(
        &self,
        restaurant: RestaurantId,
        context: &CallContext,
        merge: impl Fn(&Policy) -> Result<Policy, E>,
    ) -> Result<Policy, E> {
        let get = || async { db::policies::get(&self.db, restaurant).await?.ok_or(LineError::NotFound) };
        for _ in 0..POLICY_TRIES {
            let VersionedPolicy { policy, version } = get().await?;
            let merged = merge(&policy)?;
            let policy = policy.edited(|policy| *policy = merged);
            let replaced = db::policies::replace(&self.db, restaurant, version, &policy).await;
            if replaced.map_err(LineError::Db)?.is_none() {
                continue;
            }
            self.run(restaurant, context, &Command::PolicySet(Box::new(policy.clone()))).await?;
            return Ok(policy.into_known());
        }
        Err(LineError::Conflict.into())
    }

    /// This server's room of a restaurant.
    ///
    /// # Errors
    /// [`LineError::NotFound`] for an id that no restaurant has; [`LineError::Restoring`] when the live state is
    /// missing, which is then asked for; [`LineError::Unavailable`] when the live queue does not answer.
    pub async fn room(&self, restaurant: RestaurantId) -> Result<Arc<Room>, LineError> {
        match self.hub.room(restaurant).await {
            Ok(room) => Ok(room),
            Err(error) => Err(self.source_error(restaurant, error).await),
        }
    }

    /// The room once it has every change that this server made, or after a short while as it is then.
    async fn settled_room(&self, restaurant: RestaurantId) -> Result<Arc<Room>, LineError> {
        let room = self.room(restaurant).await?;
        // Whoever needs to know whether it has heard looks at its stamp.
        let _ = tokio::time::timeout(ROOM_WAIT, room.settled()).await;
        Ok(room)
    }

    async fn source_error(&self, restaurant: RestaurantId, error: SourceError) -> LineError {
        match error {
            SourceError::NotFound => LineError::NotFound,
            SourceError::Restoring => self.missing(restaurant).await,
            SourceError::PlaceLost => LineError::Refused(Rejection::PlaceLost),
            SourceError::Unavailable => LineError::Unavailable,
        }
    }

    /// A place to watch from.
    ///
    /// # Errors
    /// When there is nothing to watch, or no room for one more.
    pub async fn watch(&self, restaurant: RestaurantId, watch: Watch) -> Result<Watcher, WatchError> {
        let watcher = self.hub.watch(restaurant, watch).await;
        if matches!(watcher, Err(WatchError::Restoring)) && self.restaurants.open(restaurant).await == Opened::Unknown {
            return Err(WatchError::NotFound);
        }
        watcher
    }

    /// Looks at a restaurant's live state.
    ///
    /// # Errors
    /// As [`Lines::room`].
    pub async fn read<T>(&self, restaurant: RestaurantId, look: impl FnOnce(&Replica) -> T) -> Result<T, LineError> {
        Ok(self.settled_room(restaurant).await?.read(|replica, _| look(replica)))
    }

    /// The board, with the door code for staff.
    ///
    /// # Errors
    /// As [`Lines::room`].
    pub async fn board(&self, restaurant: RestaurantId, with_door: bool) -> Result<Text, LineError> {
        Ok(self.settled_room(restaurant).await?.board(with_door))
    }

    /// The queue.
    ///
    /// # Errors
    /// As [`Lines::room`].
    pub async fn queue(&self, restaurant: RestaurantId) -> Result<Text, LineError> {
        Ok(self.settled_room(restaurant).await?.queue())
    }

    /// A ticket as its holder sees it, also one that screens do not show any more.
    ///
    /// # Errors
    /// As [`Lines::room`]; when there is none of this id, [`LineError::NotFound`], or [`Rejection::PlaceLost`] of a
    /// restaurant that was rebuilt today.
    pub async fn ticket(&self, id: &TicketId) -> Result<TicketFrame, LineError> {
        let room = self.room(id.restaurant()).await?;
        match room.ticket(id).await {
            Ok(Some(frame)) => Ok(frame),
            Ok(None) if room.rebuilt() => Err(LineError::Refused(Rejection::PlaceLost)),
            Ok(None) => Err(LineError::NotFound),
            Err(error) => Err(self.source_error(id.restaurant(), error).await),
        }
    }

    /// A ticket as its holder sees it after a command: from the room once it has heard of the command, else from the
    /// command's reply.
    ///
    /// # Errors
    /// [`QueueError::OutcomeUnknown`] when the room cannot be entered: the command is done all the same.
    pub async fn ticket_after(
        &self,
        restaurant: RestaurantId,
        outcome: &Outcome,
        ticket: &Ticket,
    ) -> Result<TicketFrame, LineError> {
        let room =
            self.settled_room(restaurant).await.map_err(|error| QueueError::OutcomeUnknown(error.to_string()))?;
        Ok(room.read(|replica, heading| {
            if replica.stamp() >= outcome.stamp
                && let Some(known) = replica.ticket(&ticket.id)
            {
                return ticket_frame(replica, known, heading);
            }
            let mut frame = ticket_frame(replica, ticket, heading);
            let stamp = replica.stamp().max(outcome.stamp);
            let eta = eta_of_reply(outcome.done.ahead, outcome.done.pace.as_ref());
            frame.own = OwnView::new(ticket, outcome.done.ahead, eta);
            (frame.epoch, frame.rev, frame.at) = (stamp.epoch, stamp.rev, frame.at.max(outcome.at));
            frame
        }))
    }

    /// Makes sure that a ticket id names a restaurant: a client may have made it up.
    ///
    /// # Errors
    /// As [`Restaurants::check`].
    pub async fn check_restaurant(&self, ticket: &TicketId) -> Result<RestaurantId, LineError> {
        let restaurant = ticket.restaurant();
        self.restaurants.check(restaurant).await?;
        Ok(restaurant)
    }

    /// Whether somebody who gives this code at the door, or none, is there. Codes go by Redis's time, as on boards.
    ///
    /// # Errors
    /// When Redis has not told the time lately, and does not answer.
    pub async fn is_present(&self, restaurant: RestaurantId, door: Option<&str>) -> Result<bool, LineError> {
        let Some(code) = door else { return Ok(false) };
        let now = self.queue.time(Partition::of(restaurant)).await?;
        Ok(self.keys.door_code_valid(restaurant, code, now))
    }
}
