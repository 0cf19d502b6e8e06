//! A record of one restaurant in a test's memory: the newest packed value of everything that its events carried, and
//! nothing else. What cannot be rebuilt from it is not in the events.

use std::collections::BTreeMap;

use waitless::{
    domain::{LineId, LineRecord, Millis, RestaurantRecord, Stamp, Ticket, TicketId},
    queue::{
        KeptAnswer, Rebuild,
        log::{Answer, Logged, Packed},
    },
};

use super::shop::Shop;

/// What is known of a restaurant by its events.
#[derive(Clone, Debug, Default)]
pub struct Record {
    stamp: Stamp,
    /// Business days, the newest last.
    days: Vec<String>,
    restaurant: Packed,
    policy: Packed,
    menu: Packed,
    lines: BTreeMap<LineId, LineRecord>,
    stock: BTreeMap<String, i64>,
    pace: BTreeMap<String, Packed>,
    tickets: BTreeMap<TicketId, (String, Packed)>,
    answers: Vec<KeptAnswer>,
}

impl Record {
    pub fn take(&mut self, event: Logged) {
        let stamp = Stamp { epoch: event.epoch, rev: event.rev };
        if stamp <= self.stamp {
            return;
        }
        self.stamp = stamp;
        if let Some(restaurant) = event.restaurant {
            let day = restaurant.unpack::<RestaurantRecord>().expect("a packed value").day;
            if self.days.last() != Some(&day) {
                self.days.push(day);
            }
            self.restaurant = restaurant;
        }
        self.policy = event.policy.unwrap_or(std::mem::take(&mut self.policy));
        self.menu = event.menu.unwrap_or(std::mem::take(&mut self.menu));
        for line in event.lines {
            let line: LineRecord = line.unpack().expect("a packed value");
            self.lines.insert(line.line, line);
        }
        self.stock.extend(event.stock);
        self.stock.retain(|_, left| *left >= 0);
        self.pace.extend(event.pace);
        for packed in event.tickets {
            let ticket: Ticket = packed.unpack().expect("a packed value");
            self.tickets.insert(ticket.id, (ticket.day, packed));
        }
        if let Some(answer) = event.answer {
            let Answer { key, body, until_at, ahead, left, dropped } = answer;
            let (Stamp { epoch, rev }, at, ticket) = (stamp, event.at, event.ticket);
            self.answers.push(KeptAnswer { key, body, until_at, epoch, rev, at, ticket, ahead, left, dropped });
        }
    }

    /// All that is known, everything up to `since`; each line passes over so many numbers.
    pub fn rebuild(&self, since: Millis, skip: u32) -> Rebuild {
        let kept = &self.days[self.days.len().saturating_sub(2)..];
        Rebuild {
            replace: None,
            restaurant: self.restaurant.unpack().expect("a packed value"),
            policy: self.policy.unpack().expect("a packed value"),
            lines: self.lines.values().cloned().map(Into::into).collect(),
            skips: self.lines.keys().map(|line| (*line, skip)).collect(),
            menu: self.menu.unpack().expect("a packed value"),
            stock: self.stock.clone(),
            pace: self
                .pace
                .iter()
                .map(|(class, packed)| (class.clone(), packed.unpack().expect("a packed value")))
                .collect(),
            tickets: self.tickets.values().filter(|(day, _)| kept.contains(day)).map(|(_, it)| it.0.clone()).collect(),
            answers: self.answers.clone(),
            stamp: self.stamp,
            covered: self.stamp.rev,
            since,
        }
    }
}

impl Shop {
    /// What its events tell.
    pub async fn record(&self) -> Record {
        self.record_on(&mut self.redis().await).await
    }

    /// What its events tell, in another Redis than the shared one.
    pub async fn record_on(&self, redis: &mut redis::aio::MultiplexedConnection) -> Record {
        let mut record = Record::default();
        self.raw_events_on(redis).await.into_iter().for_each(|event| record.take(event));
        record
    }

    /// Redis has lost all of the restaurant and its partition.
    pub async fn lose(&self) {
        let mut unlink = redis::cmd("UNLINK");
        unlink.arg(self.queue.keys().of_restaurant(self.id)).exec_async(&mut self.redis().await).await.expect("UNLINK");
    }

    /// Redis has lost all of the restaurant, and nothing else.
    pub async fn lose_restaurant(&self) {
        let keys = &self.queue.keys().of_restaurant(self.id)[..15];
        redis::cmd("UNLINK").arg(keys).exec_async(&mut self.redis().await).await.expect("UNLINK");
    }

    /// All events of this restaurant in the log, as they lie there.
    pub async fn raw_events(&self) -> Vec<Logged> {
        self.raw_events_on(&mut self.redis().await).await
    }

    async fn raw_events_on(&self, redis: &mut redis::aio::MultiplexedConnection) -> Vec<Logged> {
        const PAGE: usize = 500;
        let aggregate = format!("restaurant:{}", self.id);
        let (mut events, mut from) = (Vec::new(), "-".to_owned());
        loop {
            let mut read = redis::cmd("XRANGE");
            read.arg(self.key("events")).arg(&from).arg("+").arg("COUNT").arg(PAGE);
            let page: redis::streams::StreamRangeReply = read.query_async(redis).await.expect("XRANGE");
            let packed = page.ids.iter().map(|entry| Packed(entry.get("event").expect("an event")));
            events.extend(
                packed
                    .map(|packed| packed.unpack::<Logged>().expect("a packed value"))
                    .filter(|event| event.aggregate == aggregate),
            );
            match page.ids.last() {
                Some(last) if page.ids.len() == PAGE => from = format!("({}", last.id),
                _ => return events,
            }
        }
    }
}
