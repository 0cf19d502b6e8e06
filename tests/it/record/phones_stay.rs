//! Nobody is sent away whose ticket is in the record: until a new life of Redis was compared with it, a ticket that
//! Redis does not have is being restored, and not unknown.

use std::time::Instant;

use sqlx::Connection as _;

use super::house::{House, RESTAURANT, id_of};
use crate::{
    faults::{
        report::Report,
        screens::{Kind, Screen},
    },
    harness::{redis_of_ones_own::Copy, until, wire::Flow},
};

const PHONES: usize = 30;

/// How late the comparison is.
const LATE_S: f64 = 2.0;

/// Thirty phones on tickets that only the record will have.
struct Phones {
    house: House,
    copy: Copy,
    screens: Vec<(String, Screen)>,
}

impl Phones {
    async fn open() -> Self {
        let house = House::open(true).await;
        house.join("A", 2).await;
        house.recorded().await;
        let copy = house.redis.copy();
        let tickets = house.join("A", PHONES).await;
        let base = house.servers[0].url("");
        let open = |ticket: &serde_json::Value| {
            let id = id_of(ticket).to_owned();
            (id.clone(), Screen::open(&base, Kind::Phone(id), &house.token))
        };
        let screens: Vec<_> = tickets.iter().map(open).collect();
        house.recorded().await;
        let phones = Self { house, copy, screens };
        phones.all_show_their_place().await;
        phones
    }

    async fn all_show_their_place(&self) {
        until("every phone is live and shows its place", async || {
            let mut all = true;
            for (id, screen) in &self.screens {
                let seen = screen.seen();
                assert_eq!(seen.ended, None, "a phone was sent away for good");
                let shows = seen.shown.frame.as_ref().is_some_and(|frame| frame["id"] == id.as_str());
                all &= shows && seen.is_live();
            }
            all.then_some(())
        })
        .await;
    }

    /// For a while nobody may hear that a ticket is unknown; answers how many heard that it is being restored.
    async fn nobody_is_unknown_for(&self, seconds: f64) -> usize {
        let (began, mut restoring) = (Instant::now(), 0);
        while began.elapsed().as_secs_f64() < seconds {
            for (id, screen) in &self.screens {
                let answer = self.house.read_of(0, &format!("/v1/tickets/{id}")).await;
                match (answer.status, answer.code()) {
                    (503, "restoring") => restoring += 1,
                    // A server that is about to start does not answer.
                    (200 | 0, _) => {}
                    (status, code) => panic!("{status} {code} for a ticket that is recorded"),
                }
                assert_eq!(screen.seen().ended, None, "a phone was sent away for good");
            }
        }
        restoring
    }

    async fn everybody_is_back(self, report: &mut Report, since: Instant) {
        self.all_show_their_place().await;
        report.worst("phones_right_s", since.elapsed().as_secs_f64());
        for (id, screen) in &self.screens {
            let seen = self.house.read(&format!("/v1/tickets/{id}")).await;
            assert_eq!(seen["state"], "waiting");
            assert_eq!(screen.seen().problems, Vec::<String>::new());
        }
        let waiting = self.house.read(&format!("{RESTAURANT}/board")).await["lines"][0]["waiting"].clone();
        assert_eq!(waiting, PHONES + 2);
        report.figure("phones", PHONES);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_copy_and_postgres_is_away_for_a_while() {
    let mut report = Report::of("lives_phones_postgres_late");
    let mut phones = Phones::open().await;
    phones.house.postgres.set(Flow::Gone);
    phones.house.redis_returns(Some(&phones.copy)).await;
    let restoring = phones.nobody_is_unknown_for(LATE_S).await;
    assert!(restoring > 0, "the record was needed");
    phones.house.postgres.set(Flow::Open);
    let since = Instant::now();
    phones.nobody_is_unknown_for(LATE_S).await;
    phones.everybody_is_back(&mut report, since).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_copy_and_the_record_is_locked_for_a_while() {
    let mut report = Report::of("lives_phones_record_locked");
    let mut phones = Phones::open().await;
    let mut sql = phones.house.sql().await;
    let mut locking = sql.begin().await.expect("a transaction");
    for table in [
        "LOCK TABLE tickets IN ACCESS EXCLUSIVE MODE",
        "LOCK TABLE events IN ACCESS EXCLUSIVE MODE",
        "LOCK TABLE live_parts IN ACCESS EXCLUSIVE MODE",
    ] {
        sqlx::query(table).execute(&mut *locking).await.expect("locked");
    }
    phones.house.redis_returns(Some(&phones.copy)).await;
    let restoring = phones.nobody_is_unknown_for(LATE_S).await;
    assert!(restoring > 0, "the record was needed");
    locking.rollback().await.expect("given up");
    let since = Instant::now();
    phones.nobody_is_unknown_for(LATE_S).await;
    phones.everybody_is_back(&mut report, since).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_restarts_and_postgres_comes_later() {
    let mut report = Report::of("lives_phones_new_servers");
    let mut phones = Phones::open().await;
    phones.house.kill_servers().await;
    phones.house.postgres.set(Flow::Gone);
    phones.house.redis_returns(Some(&phones.copy)).await;
    // They know nothing of the life before, and nobody records.
    phones.house.servers_begin_again(false);
    until("the server answers", async || {
        phones.house.read_of(0, &format!("{RESTAURANT}/board")).await.status.checked_sub(1)
    })
    .await;
    let restoring = phones.nobody_is_unknown_for(LATE_S).await;
    assert!(restoring > 0, "the record was needed");
    phones.house.postgres.set(Flow::Open);
    let since = Instant::now();
    phones.nobody_is_unknown_for(LATE_S).await;
    phones.everybody_is_back(&mut report, since).await;
}
