//! Opening a restaurant's live state, and reading all of it.

use std::collections::{BTreeMap, HashMap};

use redis::Value;

use super::{
    Queue, QueueError,
    call::{Arguments, CallContext, Outcome, Reply, decode_refusal, unpack},
    keys::Partition,
    rebuild::Rebuild,
    version::{Kind, Newer},
};
use crate::domain::{
    Actor, Kept, LineId, LineRecord, MenuItem, Millis, Policy, Rejection, RestaurantId, RestaurantRecord, Role, Stamp,
    Ticket, TicketId, replica::Snapshot,
};

/// Whole states that are asked for at once. Each takes Redis as long as many joins do, and after an interruption every
/// room of a server wants one: commands come between, whatever the number of rooms.
pub(super) const AT_ONCE: usize = 8;

/// What `load` needs to know of a restaurant.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The restaurant as it opens.
    pub restaurant: RestaurantRecord,
    /// Its rules.
    pub policy: Kept<Policy>,
    /// Lines and their names.
    pub lines: Vec<(LineId, String)>,
    /// Menu items; those with a number are counted.
    pub menu: Vec<(MenuItem, Option<i64>)>,
}

/// Where the restaurants of a partition stand.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Which life of Redis.
    pub epoch: i64,
    /// The rev of each restaurant.
    pub revs: HashMap<RestaurantId, i64>,
}

impl Queue {
    /// Opens a restaurant's live state.
    ///
    /// # Errors
    /// [`Rejection::AlreadyLoaded`] when it is there; else as [`Queue::run`].
    pub async fn load(&self, opening: &Opening, now: Option<Millis>) -> Result<Result<Outcome, Rejection>, QueueError> {
        let lines = opening.lines.iter().map(|(line, name)| LineRecord::fresh(*line, name.as_str()).into());
        let stock = opening.menu.iter().filter_map(|(item, left)| Some((item.id.clone(), (*left)?)));
        self.load_all(
            &Rebuild {
                replace: None,
                restaurant: opening.restaurant.clone().into(),
                policy: opening.policy.clone(),
                lines: lines.collect(),
                skips: BTreeMap::new(),
                menu: opening.menu.iter().map(|(item, _)| item.clone()).collect(),
                stock: stock.collect(),
                pace: BTreeMap::new(),
                tickets: Vec::new(),
                answers: Vec::new(),
                stamp: Stamp::default(),
                covered: 0,
                since: 0,
            },
            "",
            now,
        )
        .await
    }

    /// Reads a restaurant's whole live state, in turn: waits, without a bound of its own, for those who asked before.
    /// `alone`: the record does not answer, and the state is read as it is.
    ///
    /// # Errors
    /// [`Rejection::NotLoaded`] when it is not there, [`Rejection::NotCompared`] when the record has to be asked first;
    /// else as [`Queue::run`].
    pub async fn snapshot(
        &self,
        restaurant: RestaurantId,
        now: Option<Millis>,
        alone: bool,
    ) -> Result<Result<Snapshot, Rejection>, QueueError> {
        let turn = self.shared.snapshots.acquire().await;
        let _turn = turn.map_err(|_| QueueError::Unavailable("the queue is closed".to_owned()))?;
        let first = self.read_snapshot(restaurant, now, alone).await?;
        if !matches!(first, Err(Rejection::NewSource)) {
            return Ok(first);
        }
        // Redis is another process than the epoch knows: `due` looks, then the state can be believed.
        self.due(Partition::of(restaurant), now, None).await?;
        self.read_snapshot(restaurant, now, alone).await
    }

    async fn read_snapshot(
        &self,
        restaurant: RestaurantId,
        now: Option<Millis>,
        alone: bool,
    ) -> Result<Result<Snapshot, Rejection>, QueueError> {
        let partition = Partition::of(restaurant);
        let keys = self.keys().of_restaurant(restaurant);
        let context = CallContext { now, alone, ..CallContext::by(Actor::of(Role::Timer)) };
        let reply = self.invoke("snapshot", partition, restaurant, &keys, &context, Arguments::default()).await?;
        let mut reply = Reply::new(reply);
        if reply.text()? == "refused" {
            return decode_refusal(reply).map(Err);
        }
        let snapshot = decode(reply, &self.shared.newer)?;
        self.note_epoch(partition, snapshot.stamp.epoch);
        Ok(Ok(snapshot))
    }

    /// One ticket, also one that ended; `None` when its restaurant does not know it.
    ///
    /// # Errors
    /// When Redis could not be asked.
    pub async fn ticket(&self, id: &TicketId) -> Result<Option<Ticket>, QueueError> {
        let key = self.keys().one(id.restaurant(), "tickets");
        let packed: Option<Vec<u8>> = self.query(redis::cmd("HGET").arg(key).arg(id.as_str())).await?;
        let Some(packed) = packed else { return Ok(None) };
        self.shared.newer.look(Kind::Ticket, &packed);
        unpack(&packed).map(Some)
    }

    /// Where all restaurants of these partitions stand.
    ///
    /// # Errors
    /// When Redis could not be asked.
    pub async fn standings(&self, partitions: &[Partition]) -> Result<Vec<(Partition, Standing)>, QueueError> {
        let reads = partitions.iter().map(|partition| async move {
            let fields: HashMap<String, i64> =
                self.query(redis::cmd("HGETALL").arg(self.keys().revs(*partition))).await?;
            let epoch = fields.get("epoch").copied().unwrap_or(0);
            let revs = fields.into_iter().filter_map(|(field, rev)| Some((field.parse().ok()?, rev))).collect();
            Ok((*partition, Standing { epoch, revs }))
        });
        futures_util::future::try_join_all(reads).await
    }

    /// Where restaurants stand; `None` for one that is not loaded. One read per partition.
    ///
    /// # Errors
    /// When Redis could not be asked.
    pub async fn stamps(&self, restaurants: &[RestaurantId]) -> Result<Vec<Option<Stamp>>, QueueError> {
        let mut by_partition: BTreeMap<Partition, Vec<usize>> = BTreeMap::new();
        for (index, restaurant) in restaurants.iter().enumerate() {
            by_partition.entry(Partition::of(*restaurant)).or_default().push(index);
        }
        let reads = by_partition.into_iter().map(|(partition, indexes)| async move {
            let mut command = redis::cmd("HMGET");
            command.arg(self.keys().revs(partition)).arg("epoch");
            for index in &indexes {
                command.arg(restaurants[*index].to_string());
            }
            let values: Vec<Option<i64>> = self.query(&command).await?;
            let epoch = values.first().copied().flatten();
            let stamps = indexes
                .into_iter()
                .zip(values.into_iter().skip(1))
                .map(move |(index, rev)| (index, epoch.zip(rev).map(|(epoch, rev)| Stamp { epoch, rev })));
            Ok::<_, QueueError>(stamps)
        });
        let mut stamps = vec![None; restaurants.len()];
        for (index, stamp) in futures_util::future::try_join_all(reads).await?.into_iter().flatten() {
            stamps[index] = stamp;
        }
        Ok(stamps)
    }
}

fn decode(mut reply: Reply, newer: &Newer) -> Result<Snapshot, QueueError> {
    let missing = |what: &str| QueueError::Protocol(format!("a snapshot without {what}"));
    let stamp = Stamp { epoch: reply.int()?, rev: reply.int()? };
    let at = reply.int()?;
    let restaurant = reply.bytes()?;
    newer.look(Kind::Restaurant, &restaurant);
    let policy = reply.packed()?.ok_or_else(|| missing("policy"))?;
    let menu = reply.packed()?.ok_or_else(|| missing("menu"))?;
    let mut snapshot = Snapshot {
        stamp,
        at,
        restaurant: unpack(&restaurant)?,
        policy,
        lines: BTreeMap::new(),
        menu,
        stock: BTreeMap::new(),
        pace: BTreeMap::new(),
        tickets: Vec::new(),
    };
    for _ in 0..reply.int()? {
        let packed = reply.bytes()?;
        newer.look(Kind::Line, &packed);
        let line: LineRecord = unpack(&packed)?;
        snapshot.lines.insert(line.line, line);
    }
    for _ in 0..reply.int()? {
        let item = reply.text()?;
        let left = reply.text()?.parse().map_err(|_| missing("a number left"))?;
        snapshot.stock.insert(item, left);
    }
    for _ in 0..reply.int()? {
        let class = reply.text()?;
        snapshot.pace.insert(class, reply.packed()?.ok_or_else(|| missing("a pace"))?);
    }
    while !reply.is_empty() {
        match reply.next()? {
            Value::BulkString(packed) => {
                newer.look(Kind::Ticket, &packed);
                snapshot.tickets.push(unpack(&packed)?);
            }
            other => return Err(QueueError::Protocol(format!("{other:?} is not a ticket"))),
        }
    }
    Ok(snapshot)
}
