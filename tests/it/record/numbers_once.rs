//! No number is given twice, however old the copy is that Redis came back with, and however little its servers know.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use futures_util::future::join_all;
use serde_json::Value;

use super::house::{Answer, Ask, House, id_of, new_key, number_of};
use crate::{
    faults::report::Report,
    harness::{redis_of_ones_own::Copy, until, wire::Flow},
};

/// Without PostgreSQL joins wait at most so long in a new life of Redis; the rest is for a machine that has more to do.
const RESTORING_MAX_S: f64 = 10.0 + 5.0;

/// A line that went on after its copy: A001 to A023 and B001 to B004 were given, the copy ends with A003 and B001.
struct Evening {
    house: House,
    copy: Copy,
    given: BTreeMap<String, u64>,
    tickets: Vec<Value>,
}

impl Evening {
    async fn spent() -> Self {
        let house = House::open(true).await;
        let mut tickets = house.join("A", 3).await;
        tickets.extend(house.join("B", 1).await);
        house.recorded().await;
        let copy = house.redis.copy();
        tickets.extend(house.join("A", 20).await);
        tickets.extend(house.join("B", 3).await);
        house.recorded().await;
        let mut given = BTreeMap::new();
        for ticket in &tickets {
            let (line, number) = number_of(ticket);
            let highest: &mut u64 = given.entry(line).or_default();
            *highest = number.max(*highest);
        }
        assert_eq!(given, BTreeMap::from([("A".to_owned(), 23), ("B".to_owned(), 4)]));
        Self { house, copy, given, tickets }
    }

    /// The whole machine goes down; Redis comes back with the copy, and nothing else runs yet.
    async fn machine_restarts(&mut self) {
        self.house.kill_servers().await;
        self.house.redis_returns(Some(&self.copy)).await;
    }

    /// Joins until the number is given; every other answer says that the restaurant is being restored.
    async fn patient_join(&self, line: &str) -> (Value, Vec<Answer>) {
        let (ask, key, mut refused) = (Ask::party(line), new_key(), Vec::new());
        let ticket = until("a number", async || {
            let answer = self.house.ask_of(0, &ask, &key).await;
            match answer.status {
                201 => return Some(answer.body),
                // The server is about to start.
                0 => {}
                503 => {
                    assert_eq!(answer.code(), "restoring", "{}", answer.body);
                    refused.push(answer);
                }
                status => panic!("{status}: {}", answer.body),
            }
            None
        })
        .await;
        (ticket, refused)
    }

    /// The next parties of each line get numbers of their own.
    async fn next_ones_are_new(&mut self, when: &str) {
        let lines = ["A", "A", "A", "A", "A", "A", "B", "A", "A", "B", "A", "A"];
        let joined = join_all(lines.map(|line| self.patient_join(line))).await;
        let mut fresh = BTreeSet::new();
        for (ticket, _) in &joined {
            let (line, number) = number_of(ticket);
            let highest = self.given[&line];
            assert!(number > highest, "{when}: {line}{number} was given twice, {line}{highest} was the last one");
            assert!(fresh.insert((line, number)), "{when}: twice among the new ones");
        }
        for (line, number) in fresh {
            let highest = self.given.get_mut(&line).expect("a line");
            *highest = number.max(*highest);
        }
        self.tickets.extend(joined.into_iter().map(|(ticket, _)| ticket));
    }

    /// Everybody who was given a number is there, and no two have the same.
    async fn all_are_there(&self, when: &str) {
        let mut numbers = BTreeSet::new();
        for ticket in &self.tickets {
            let seen = self.house.read(&format!("/v1/tickets/{}", id_of(ticket))).await;
            assert_eq!(seen["number"], ticket["number"], "{when}");
            assert!(numbers.insert(seen["number"].to_string()), "{when}: {} is there twice", seen["number"]);
        }
    }

    /// Redis is emptied: what the new life has recorded is no lower than what the old one had.
    async fn and_after_it_is_emptied(&mut self) {
        self.house.compared().await;
        self.house.redis_is_emptied().await;
        self.next_ones_are_new("after it was emptied").await;
        self.all_are_there("after it was emptied").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_restarts_with_an_older_copy() {
    let mut report = Report::of("lives_numbers");
    let mut evening = Evening::spent().await;
    evening.machine_restarts().await;
    evening.house.servers_begin_again(true);
    let began = Instant::now();
    evening.next_ones_are_new("an older copy and new servers").await;
    report.worst("numbers_after_s", began.elapsed().as_secs_f64());
    evening.all_are_there("an older copy and new servers").await;
    evening.and_after_it_is_emptied().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stayed_and_one_that_is_new() {
    let _report = Report::of("lives_numbers_two_servers");
    let mut evening = Evening::spent().await;
    evening.house.redis_returns(Some(&evening.copy)).await;
    evening.house.another(true);
    evening.house.servers.swap(0, 1);
    evening.next_ones_are_new("an older copy and one more server").await;
    evening.all_are_there("an older copy and one more server").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_records() {
    let _report = Report::of("lives_numbers_no_worker");
    let mut evening = Evening::spent().await;
    evening.machine_restarts().await;
    evening.house.servers_begin_again(false);
    evening.next_ones_are_new("an older copy, and no worker").await;
    evening.all_are_there("an older copy, and no worker").await;
    // What happened is recorded when there is a recorder again.
    evening.house.recorder();
    evening.and_after_it_is_emptied().await;
}

/// PostgreSQL is away for the first three seconds.
async fn postgres_is_late(case: &'static str, recording: bool) {
    const AWAY_S: f64 = 3.0;
    let mut report = Report::of(case);
    let mut evening = Evening::spent().await;
    evening.machine_restarts().await;
    evening.house.postgres.set(Flow::Gone);
    evening.house.servers_begin_again(recording);
    let began = Instant::now();
    let mut refused = 0;
    until("PostgreSQL was away long enough", async || {
        let answer = evening.house.ask_of(0, &Ask::party("A"), &new_key()).await;
        if answer.status != 0 {
            assert_eq!((answer.status, answer.code()), (503, "restoring"), "without PostgreSQL: {}", answer.body);
            report.worst("refused_after_s", answer.took_s);
            refused += 1;
        }
        (began.elapsed().as_secs_f64() > AWAY_S && refused > 0).then_some(())
    })
    .await;
    report.figure("refused", refused);
    evening.house.postgres.set(Flow::Open);
    let back = Instant::now();
    evening.next_ones_are_new("an older copy, and PostgreSQL late").await;
    report.worst("numbers_after_s", back.elapsed().as_secs_f64());
    evening.all_are_there("an older copy, and PostgreSQL late").await;
    if !recording {
        evening.house.recorder();
    }
    evening.and_after_it_is_emptied().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_comes_three_seconds_later() {
    postgres_is_late("lives_numbers_postgres_late", true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_comes_three_seconds_later_and_nobody_records() {
    postgres_is_late("lives_numbers_postgres_late_no_worker", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_stays_away() {
    let mut report = Report::of("lives_numbers_postgres_away");
    let mut evening = Evening::spent().await;
    evening.machine_restarts().await;
    evening.house.postgres.set(Flow::Gone);
    evening.house.servers_begin_again(true);
    let began = Instant::now();
    let (first, refused) = evening.patient_join("A").await;
    let waited_s = began.elapsed().as_secs_f64();
    report.worst("number_after_s", waited_s);
    assert!(!refused.is_empty(), "{} was given at once, without the record", first["number"]);
    assert!(waited_s < RESTORING_MAX_S, "a number only after {waited_s} s");
    assert!(number_of(&first).1 > 3 + 100, "{} is at least a hundred above the copy", first["number"]);
    evening.tickets.push(first.clone());
    // Each line passes over once, not with every number.
    let second = evening.patient_join("A").await.0;
    assert_eq!(number_of(&second).1, number_of(&first).1 + 1, "the line passes over once");
    let terrace = evening.patient_join("B").await.0;
    assert!(number_of(&terrace).1 > 1 + 100, "{} is at least a hundred above the copy", terrace["number"]);
    evening.tickets.extend([second, terrace]);
    // A ticket that only the record has is not said to be unknown.
    let only_recorded = format!("/v1/tickets/{}", id_of(&evening.tickets[20]));
    let seen = evening.house.read_of(0, &only_recorded).await;
    assert_eq!((seen.status, seen.code()), (503, "restoring"), "a ticket of the record: {}", seen.body);

    evening.house.postgres.set(Flow::Open);
    evening.all_are_there("PostgreSQL is back").await;
    for ticket in &evening.tickets {
        let (line, number) = number_of(ticket);
        let highest = evening.given.get_mut(&line).expect("a line");
        *highest = number.max(*highest);
    }
    evening.next_ones_are_new("PostgreSQL is back").await;
    evening.and_after_it_is_emptied().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_call_somebody_before_the_copy_was_compared() {
    let _report = Report::of("lives_numbers_line_touched");
    let mut evening = Evening::spent().await;
    evening.machine_restarts().await;
    evening.house.postgres.set(Flow::Gone);
    evening.house.servers_begin_again(true);
    let called = evening.house.did(&Ask::call_next("A")).await;
    assert_eq!(called["ticket"]["number"], "A001", "staff go on with whom the copy has");
    evening.house.postgres.set(Flow::Open);
    evening.next_ones_are_new("a line that was touched").await;
    evening.all_are_there("a line that was touched").await;
    evening.and_after_it_is_emptied().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_again_before_it_was_compared() {
    let _report = Report::of("lives_numbers_two_losses");
    let mut evening = Evening::spent().await;
    evening.machine_restarts().await;
    evening.house.postgres.set(Flow::Gone);
    evening.house.servers_begin_again(true);
    evening.house.did(&Ask::call_next("A")).await;
    evening.machine_restarts().await;
    evening.house.postgres.set(Flow::Open);
    evening.house.servers_begin_again(true);
    evening.next_ones_are_new("two losses").await;
    evening.all_are_there("two losses").await;
    evening.and_after_it_is_emptied().await;
}

/// Lives that gave out numbers are lost before anything of them is recorded, and so is what the servers knew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_life_of_which_nothing_is_recorded_is_lost() {
    let _report = Report::of("lives_numbers_unrecorded_life");
    let mut evening = Evening::spent().await;
    for when in ["an older copy, and no worker", "the same once more", "and once more"] {
        evening.machine_restarts().await;
        evening.house.servers_begin_again(false);
        evening.next_ones_are_new(when).await;
    }
    evening.house.kill_servers().await;
    evening.house.redis_is_emptied().await;
    evening.house.servers_begin_again(false);
    evening.next_ones_are_new("it is emptied").await;
}
