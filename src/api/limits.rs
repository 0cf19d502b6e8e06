//! How often one address may do what can be abused: guess passwords and codes, make accounts and tickets.
//!
//! Token buckets (`buckets`) in this process's memory. A shop's Wi-Fi is one address, so its limits are generous;
//! guessing one person's password is limited by the e-mail address, too, from wherever it comes. `WAITLESS_LIMITS=off`
//! ends all.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use dashmap::{DashMap, Entry};

use super::{
    buckets::{Buckets, Rate},
    client::ClientAddress,
    problem::{Code, Problem},
};
use crate::serve::customer;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Taking numbers.
    Join,
    /// Guessing ticket codes.
    Find,
    /// Guessing door codes.
    Door,
    /// Guessing passwords and refresh tokens.
    SignIn,
    /// Making accounts.
    SignUp,
    /// Guessing one person's password.
    Email,
}

impl Limit {
    /// All of them, in order.
    const ALL: [Self; 6] = [Self::Join, Self::Find, Self::Door, Self::SignIn, Self::SignUp, Self::Email];

    fn rate(self) -> Rate {
        let (burst, per_s) = match self {
            Self::Join => (300, 10.0),
            Self::Find => (60, 1.0),
            Self::Door => (120, 2.0),
            Self::SignIn => (60, 1.0),
            Self::SignUp => (60, 0.5),
            Self::Email => (30, 0.1),
        };
        Rate { burst, every: Duration::from_secs_f64(1.0 / per_s) }
    }
}

/// Most WebSockets of one customer.
pub const SOCKETS_OF_CUSTOMER_MAX: usize = 2_000;

/// The limits.
pub struct Limits {
    enforced: bool,
    sockets_max: usize,
    /// Keys are hashed with a key of this process: neither addresses nor e-mails are kept.
    hasher: RandomState,
    /// For each limit its own, so that a flood of one does not make another forget.
    buckets: [Mutex<Buckets>; Limit::ALL.len()],
    connections: Arc<DashMap<u64, usize>>,
}

/// A connection of an address; it is counted until this is dropped.
pub struct Connected {
    connections: Arc<DashMap<u64, usize>>,
    key: u64,
}

impl Drop for Connected {
    fn drop(&mut self) {
        if let Entry::Occupied(mut count) = self.connections.entry(self.key) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

impl Limits {
    /// All buckets full.
    #[must_use]
    pub fn new(enforced: bool, sockets_max: usize) -> Self {
        let buckets = Limit::ALL.map(|limit| Mutex::new(Buckets::new(limit.rate(), Instant::now())));
        Self { enforced, sockets_max, hasher: RandomState::new(), buckets, connections: Arc::default() }
    }

    /// Counts one try of this address.
    ///
    /// # Errors
    /// `too_many_requests`, and when the next may come.
    pub fn check(&self, limit: Limit, ClientAddress(address): ClientAddress) -> Result<(), Problem> {
        self.take(limit, self.hasher.hash_one(customer(address)), Instant::now())
    }

    /// Counts one try at this person's password.
    ///
    /// # Errors
    /// As [`Limits::check`].
    pub fn check_email(&self, email: &str) -> Result<(), Problem> {
        self.take(Limit::Email, self.hasher.hash_one(email.trim().to_ascii_lowercase()), Instant::now())
    }

    /// Counts one more WebSocket of this address.
    ///
    /// # Errors
    /// `too_many_requests`.
    pub fn connect(&self, ClientAddress(address): ClientAddress) -> Result<Connected, Problem> {
        let key = self.hasher.hash_one(customer(address));
        let mut count = self.connections.entry(key).or_insert(0);
        if self.enforced && *count >= self.sockets_max {
            return Err(Problem::new(Code::TooManyRequests).retry_after(5));
        }
        *count += 1;
        drop(count);
        Ok(Connected { connections: Arc::clone(&self.connections), key })
    }

    fn take(&self, limit: Limit, key: u64, now: Instant) -> Result<(), Problem> {
        if !self.enforced {
            return Ok(());
        }
        let mut buckets = self.buckets[limit as usize].lock().unwrap_or_else(PoisonError::into_inner);
        buckets.take(key, now).map_err(|wait| {
            let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
            Problem::new(Code::TooManyRequests).retry_after(seconds)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills() {
        let limits = Limits::new(true, 1);
        let start = Instant::now();
        for _ in 0..Limit::Find.rate().burst {
            assert_eq!(limits.take(Limit::Find, 1, start), Ok(()));
        }
        let refused = limits.take(Limit::Find, 1, start).expect_err("empty");
        assert_eq!(refused.code, Code::TooManyRequests);
        assert_eq!(limits.take(Limit::Find, 2, start), Ok(()), "another address has its own");
        assert_eq!(limits.take(Limit::Join, 1, start), Ok(()), "another limit has its own");
        assert_eq!(limits.take(Limit::Find, 1, start + Duration::from_secs(1)), Ok(()));
        assert!(limits.take(Limit::Find, 1, start + Duration::from_secs(1)).is_err());
    }

    #[test]
    fn connections_are_counted_while_they_last() {
        let limits = Limits::new(true, 3);
        let here = ClientAddress("203.0.113.5".parse().expect("an address"));
        let mut connected: Vec<Connected> = (0..3).map(|_| limits.connect(here).expect("below the limit")).collect();
        assert!(limits.connect(here).is_err());
        assert!(limits.connect(ClientAddress("203.0.113.6".parse().expect("an address"))).is_ok());
        connected.pop();
        drop(limits.connect(here).expect("one has gone"));
        drop(connected);
        assert!(limits.connections.is_empty(), "nobody is remembered");
    }

    #[test]
    fn off_is_off() {
        let limits = Limits::new(false, 1);
        for _ in 0..10_000 {
            assert_eq!(limits.take(Limit::SignUp, 1, Instant::now()), Ok(()));
        }
    }

    #[test]
    fn a_flood_of_joins_does_not_make_guessed_passwords_forgotten() {
        let limits = Limits::new(true, 1);
        let start = Instant::now();
        while limits.take(Limit::Email, 1, start).is_ok() {}
        for key in 0..200_000 {
            let _ = limits.take(Limit::Join, key, start);
        }
        assert!(limits.take(Limit::Email, 1, start).is_err(), "its own bucket still is empty");
        for (limit, buckets) in Limit::ALL.iter().zip(&limits.buckets) {
            let len = buckets.lock().expect("not poisoned").len();
            assert!(len <= super::super::buckets::LEN_MAX, "{limit:?}: {len}");
        }
    }

    #[test]
    fn each_limit_has_its_buckets() {
        for (index, limit) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, index, "{limit:?}");
        }
    }
}
