//! A restaurant's live state vanishes from Redis while its server runs, and comes back when the test says so.

use redis::aio::MultiplexedConnection;
use serde_json::Value;
use waitless::{
    db::{
        Db,
        lock::{RebuildLock, try_lock},
        restaurants,
    },
    domain::{Millis, OpenState, RestaurantId, RestaurantRecord},
    queue::{Opening, Queue, QueueSettings},
    service::business_day::BusinessDay,
};

use super::{app::TestApp, until};

/// The demo restaurant of a server, for what happens to its keys.
pub struct Vanishing {
    pub queue: Queue,
    db: Db,
    id: RestaurantId,
    redis: MultiplexedConnection,
}

impl Vanishing {
    pub async fn demo(app: &TestApp) -> Self {
        let settings = QueueSettings { namespace: app.config.namespace.clone(), guarded: false, may_lose: None };
        let restaurant = app.http.get(app.url("/v1/restaurants/demo")).send().await.expect("an answer");
        let restaurant: Value = restaurant.json().await.expect("JSON");
        let client = redis::Client::open(app.config.redis_url.expose()).expect("a URL");
        Self {
            queue: Queue::new(app.config.redis_url.expose(), &settings).expect("a URL"),
            db: Db::connect_lazy(&app.config.database_url).expect("a URL"),
            id: restaurant["id"].as_str().expect("an id").parse().expect("an id"),
            redis: client.get_multiplexed_async_connection().await.expect("Redis answers"),
        }
    }

    /// No server opens it again as long as this is held.
    pub async fn hold(&self) -> RebuildLock {
        until("nobody else is opening it", async || try_lock(&self.db, self.id).await.expect("PostgreSQL")).await
    }

    /// Everything of the restaurant is gone, as after Redis was emptied.
    pub async fn vanish(&mut self) {
        let partition = waitless::queue::keys::Partition::of(self.id);
        let keys = self.queue.keys().of_restaurant(self.id);
        // Those of its partition stay, but for its own field: their epoch is to grow.
        let own: Vec<_> = keys.iter().filter(|key| key.contains(&self.id.to_string())).collect();
        let mut unlink = redis::cmd("UNLINK");
        unlink.arg(own);
        let unlinked: i64 = unlink.query_async(&mut self.redis).await.expect("UNLINK");
        assert!(unlinked > 0, "there was something");
        let revs = self.queue.keys().revs(partition);
        let mut forget = redis::cmd("HDEL");
        forget.arg(revs).arg(self.id.to_string()).exec_async(&mut self.redis).await.expect("HDEL");
    }

    /// Says that the live state was rebuilt then, behind the scripts' back; servers hear of it with the next change of
    /// the restaurant itself.
    pub async fn say_rebuilt(&mut self, at: Millis) {
        let meta = self.queue.keys().one(self.id, "meta");
        let mut get = redis::cmd("HGET");
        let packed: Vec<u8> =
            get.arg(&meta).arg("restaurant").query_async(&mut self.redis).await.expect("it is loaded");
        let mut record: RestaurantRecord = rmp_serde::from_slice(&packed).expect("a record");
        record.rebuilt_at = Some(at);
        let packed = rmp_serde::to_vec_named(&record).expect("a record packs");
        let mut set = redis::cmd("HSET");
        set.arg(&meta).arg("restaurant").arg(packed).exec_async(&mut self.redis).await.expect("HSET");
    }

    /// It was rebuilt, and everything that was in it is lost.
    pub async fn rebuild_without_anybody(&self, at: Millis) {
        let known = restaurants::opening(&self.db, self.id).await.expect("PostgreSQL").expect("the demo");
        let today = BusinessDay::at(at, &known.time_zone, &known.policy).expect("a day");
        let opening = Opening {
            restaurant: RestaurantRecord {
                id: self.id,
                slug: known.slug,
                name: known.name,
                time_zone: known.time_zone,
                currency: known.currency,
                state: OpenState::Open,
                until: None,
                reason: None,
                announcement: None,
                day: today.date,
                day_ends_at: today.ends_at,
                opened_at: None,
                rebuilt_at: Some(at),
                epoch: 0,
            },
            policy: known.policy,
            lines: known.lines,
            menu: known.menu,
        };
        self.queue.load(&opening, None).await.expect("Redis").expect("it was not there");
    }
}
