//! Where most faults are played: a server as a real process on a Redis of its own that keeps everything, a judge, and
//! screens that stay open: two boards, two consoles, and phones of either line.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    checker::{Judge, Operation},
    report::Report,
    screens::{Kind, Screen},
};
use crate::{
    harness::{
        process::{Server, demo_database, sign_in},
        redis_of_ones_own::OwnRedis,
        until,
        wire::{Flow, Wire},
    },
    replay::{rank, stamp, standing},
};

/// An answer is promised within two seconds. The rest is for a machine whose two cores are shared with a load and
/// with other tests, where a client may be late in noticing its answer; the figures say what was measured.
const ANSWER_MAX_S: f64 = 2.0 + 1.5;

/// Screens are to say that they are not live within four seconds; likewise.
const NOT_LIVE_MAX_S: f64 = 4.0 + 1.5;

/// Screens are to be right within five seconds of healing; likewise, and a retry waits for up to a second.
const RIGHT_MAX_S: f64 = 5.0 + 2.5;

pub struct Stage {
    pub report: Report,
    pub judge: Arc<Judge>,
    pub screens: Vec<Screen>,
    pub server: Server,
    pub redis: OwnRedis,
    pub redis_wire: Wire,
    pub postgres_wire: Wire,
}

/// How the server reaches its Redis.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    Directly,
    /// By `redis_wire`.
    ByWire,
}

impl Stage {
    /// The server talks to its Redis without anything between, as on one box; to PostgreSQL by a wire.
    pub async fn set(case: &'static str) -> Self {
        Self::set_reaching(case, Reach::Directly).await
    }

    pub async fn set_reaching(case: &'static str, reach: Reach) -> Self {
        let report = Report::of(case);
        let redis = OwnRedis::durable().await;
        let database = demo_database().await;
        let (redis_wire, by_wire) = Wire::to(&redis.url, Flow::Open);
        let (postgres_wire, database_url) = Wire::to_secret(&database.url, Flow::Open);
        let redis_url = if reach == Reach::ByWire { &by_wire } else { &redis.url };
        let server = Server::begin(redis_url, &database, &database_url);
        server.ready().await;
        let judge = judge_of(&server.url("")).await;
        let screens = open_screens(&judge).await;
        let mut stage = Self { report, judge, screens, server, redis, redis_wire, postgres_wire };
        stage.right_since(Instant::now()).await;
        stage
    }

    /// Waits until every screen is right, and notes how long after `healed` that was.
    pub async fn right_since(&mut self, healed: Instant) -> f64 {
        self.judge.screens_right(&self.screens, healed, &mut self.report).await
    }

    /// Every screen is right soon enough after `healed`.
    pub async fn right_soon_after(&mut self, healed: Instant) {
        let right_s = self.right_since(healed).await;
        assert!(right_s < RIGHT_MAX_S, "screens were right only {right_s} s after healing");
    }

    /// Waits until every screen says that it is not live any more; in time after `broken`.
    pub async fn not_live_soon_after(&mut self, broken: Instant) {
        until("no screen says that it is live", async || {
            self.open_screens().all(|screen| !screen.seen().is_live()).then_some(())
        })
        .await;
        let mut slowest_s = 0.0_f64;
        for screen in self.open_screens() {
            let seen = screen.seen();
            let told = seen.live.iter().find(|(at, live)| !live && *at >= broken);
            let told_s = told.map_or(0.0, |(at, _)| at.duration_since(broken).as_secs_f64());
            assert!(told_s < NOT_LIVE_MAX_S, "{:?} went on as live for {told_s} s", screen.kind);
            slowest_s = slowest_s.max(told_s);
        }
        self.report.worst("live_false_s", slowest_s);
    }

    /// Those that have not been told that there is nothing more to say.
    pub fn open_screens(&self) -> impl Iterator<Item = &Screen> {
        self.screens.iter().filter(|screen| screen.seen().ended.is_none())
    }

    /// No answer came later than is promised.
    pub fn answers_came_in_time(&self) {
        let slowest_s = self.judge.slowest_s();
        assert!(slowest_s < ANSWER_MAX_S, "an answer took {slowest_s} s");
    }

    /// Everything acknowledged is there, once, also for a server that has never seen this line before.
    pub async fn judged(mut self) {
        let seen_first: Value = self.read_queue(self.judge.base()).await;
        let fresh = self.server.sibling().await;
        let read_afresh: Value = self.read_queue(&fresh.url("")).await;
        assert_eq!(stamp(&seen_first), stamp(&read_afresh), "one line, one state");
        for part in ["lines", "stock"] {
            assert_eq!(seen_first[part], read_afresh[part], "a server that starts now sees the same {part}");
        }
        let now = read_afresh["at"].as_i64().expect("a time");
        assert_eq!(standing(&seen_first, now), standing(&read_afresh, now), "and the same tickets");
        self.judge.judge(&self.screens, &mut self.report).await;
    }

    /// The queue of a server, ready to be compared.
    pub async fn read_queue(&self, base: &str) -> Value {
        let request = self.server.http.get(format!("{base}/v1/restaurants/demo/queue"));
        let answer = request.bearer_auth(self.judge.token()).send().await.expect("an answer");
        let mut queue = answer.json().await.expect("JSON");
        rank(&mut queue);
        queue
    }

    /// Lets a fault last, in seconds.
    pub async fn for_s(seconds: f64) {
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    }
}

/// A judge with staff's rights at a server.
pub async fn judge_of(base: &str) -> Arc<Judge> {
    let (status, token) = sign_in(base, "staff").await;
    Arc::new(Judge::new(base, token.unwrap_or_else(|| panic!("sign-in: {status}"))).await)
}

/// Boards and consoles, and phones of parties that join now: the terrace's stay there, the hall's will be called.
pub async fn open_screens(judge: &Arc<Judge>) -> Vec<Screen> {
    let mut kinds = vec![Kind::Board, Kind::Board, Kind::Console, Kind::Console];
    for line in ["B", "B", "B", "A", "A", "A"] {
        let (status, ticket) = judge.settle(&Operation::join(line, 2, None)).await;
        assert_eq!(status, 201, "{ticket}");
        kinds.push(Kind::Phone(ticket["id"].as_str().expect("an id").to_owned()));
    }
    kinds.into_iter().map(|kind| Screen::open(judge.base(), kind, judge.token())).collect()
}
