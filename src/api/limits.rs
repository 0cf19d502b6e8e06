//! How often one address may do what can be abused: guess passwords and codes, make accounts and tickets.
//!
//! Token buckets in this process's memory. A shop's Wi-Fi is one address, so its limits are generous; guessing one
//! person's password is limited by the e-mail address, too, from wherever it comes. `WAITLESS_LIMITS=off` ends all.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use dashmap::{DashMap, Entry};

use super::{
    client::ClientAddress,
    problem::{Code, Problem},
};

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
    /// How many at once, and how many a second in the long run.
    fn rate(self) -> (f64, f64) {
        match self {
            Self::Join => (300.0, 10.0),
            Self::Find => (60.0, 1.0),
            Self::Door => (120.0, 2.0),
            Self::SignIn => (60.0, 1.0),
            Self::SignUp => (60.0, 0.5),
            Self::Email => (30.0, 0.1),
        }
    }
}

/// Most buckets kept; when there are more, those that are full again are forgotten.
const BUCKETS_LEN_MAX: usize = 50_000;

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

/// Most WebSockets of one address.
const CONNECTIONS_MAX: usize = 2_000;

/// The buckets.
pub struct Limits {
    enforced: bool,
    /// Keys are hashed with a key of this process: neither addresses nor e-mails are kept.
    hasher: RandomState,
    buckets: Mutex<HashMap<(Limit, u64), Bucket>>,
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
    pub fn new(enforced: bool) -> Self {
        Self { enforced, hasher: RandomState::new(), buckets: Mutex::default(), connections: Arc::default() }
    }

    /// Counts one try of this address.
    ///
    /// # Errors
    /// `too_many_requests`, and when the next may come.
    pub fn check(&self, limit: Limit, ClientAddress(address): ClientAddress) -> Result<(), Problem> {
        self.take(limit, self.hasher.hash_one(network(address)), Instant::now())
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
        let key = self.hasher.hash_one(network(address));
        let mut count = self.connections.entry(key).or_insert(0);
        if self.enforced && *count >= CONNECTIONS_MAX {
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
        let (burst, per_s) = limit.rate();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS_LEN_MAX {
            buckets.retain(|(limit, _), bucket| refilled(*bucket, *limit, now) < limit.rate().0);
        }
        let bucket = buckets.entry((limit, key)).or_insert(Bucket { left: burst, at: now });
        *bucket = Bucket { left: refilled(*bucket, limit, now), at: now };
        if bucket.left < 1.0 {
            let wait_s = ((1.0 - bucket.left) / per_s).ceil();
            return Err(Problem::new(Code::TooManyRequests).retry_after(wait_s as u32));
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

fn refilled(bucket: Bucket, limit: Limit, now: Instant) -> f64 {
    let (burst, per_s) = limit.rate();
    (bucket.left + now.saturating_duration_since(bucket.at).as_secs_f64() * per_s).min(burst)
}

/// What one customer is given: an IPv4 address, or an IPv6 network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_empties_and_fills() {
        let limits = Limits::new(true);
        let start = Instant::now();
        let (burst, _) = Limit::Find.rate();
        for _ in 0..burst as u32 {
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
        let limits = Limits::new(true);
        let here = ClientAddress("203.0.113.5".parse().expect("an address"));
        let mut connected: Vec<Connected> =
            (0..CONNECTIONS_MAX).map(|_| limits.connect(here).expect("below the limit")).collect();
        assert!(limits.connect(here).is_err());
        assert!(limits.connect(ClientAddress("203.0.113.6".parse().expect("an address"))).is_ok());
        connected.pop();
        drop(limits.connect(here).expect("one has gone"));
        drop(connected);
        assert!(limits.connections.is_empty(), "nobody is remembered");
    }

    #[test]
    fn off_is_off() {
        let limits = Limits::new(false);
        for _ in 0..10_000 {
            assert_eq!(limits.take(Limit::SignUp, 1, Instant::now()), Ok(()));
        }
    }

    #[test]
    fn an_ipv6_customer_is_one() {
        let network = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_ne!(network("10.0.0.1"), network("10.0.0.2"));
    }
}
