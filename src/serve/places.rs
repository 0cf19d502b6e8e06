//! How many connections there may be: of this process, and of one customer.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ipnet::IpNet;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Files that are not connections of clients: Redis, PostgreSQL, logs, the listener, and some to spare.
const OTHER_FILES: usize = 128;

/// How many open files a process has where it cannot be found out.
const OPEN_FILES_USUAL: usize = 1_024;

/// How many connections there may be.
#[derive(Clone, Debug)]
pub struct PlacesSettings {
    /// Of this process.
    pub connections_max: usize,
    /// Of one customer; WebSockets count, too.
    pub customer_max: usize,
    /// Whose connections are many people's: proxies.
    pub shared: Vec<IpNet>,
}

impl PlacesSettings {
    /// A little fewer than this process may have open files, and of one customer more than a shop needs.
    #[must_use]
    pub fn of_this_process(shared: Vec<IpNet>) -> Self {
        let connections_max = open_files_max().saturating_sub(OTHER_FILES).max(OTHER_FILES);
        Self { connections_max, customer_max: 3_000, shared }
    }
}

/// The soft limit of this process's open files.
fn open_files_max() -> usize {
    let soft = getrlimit(Resource::RLIMIT_NOFILE).map(|(soft, _hard)| usize::try_from(soft).unwrap_or(usize::MAX));
    soft.unwrap_or(OPEN_FILES_USUAL)
}

/// Lets this process have as many open files as it may at all: systems start it with few, for the sake of old programs.
pub fn raise_open_files() {
    let raised =
        getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_soft, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        tracing::warn!(%error, open_files = open_files_max(), "no more open files than at the start");
    }
}

/// The connections that are open now.
pub struct Places {
    settings: PlacesSettings,
    taken: Mutex<Taken>,
}

/// Invariant: `customers` has an entry for no more customers than there are connections.
#[derive(Default)]
struct Taken {
    open: usize,
    refused: u64,
    customers: HashMap<IpAddr, usize>,
}

/// There is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused;

/// A connection's place; free again when it is dropped.
pub struct Place {
    places: Arc<Places>,
    customer: Option<IpAddr>,
}

impl Places {
    /// All free.
    #[must_use]
    pub fn new(settings: PlacesSettings) -> Arc<Self> {
        Arc::new(Self { settings, taken: Mutex::default() })
    }

    /// Connections that are open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.taken().open
    }

    /// Connections that found no place so far.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.taken().refused
    }

    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Result<Place, Refused> {
        let peer = peer.to_canonical();
        let customer = (!self.settings.shared.iter().any(|net| net.contains(&peer))).then(|| customer(peer));
        let mut taken = self.taken();
        let of_customer = customer.and_then(|customer| taken.customers.get(&customer).copied()).unwrap_or(0);
        if taken.open >= self.settings.connections_max || of_customer >= self.settings.customer_max {
            taken.refused += 1;
            return Err(Refused);
        }
        taken.open += 1;
        if let Some(customer) = customer {
            *taken.customers.entry(customer).or_default() += 1;
        }
        drop(taken);
        Ok(Place { places: Arc::clone(self), customer })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.open -= 1;
        if let Some(Entry::Occupied(mut count)) = self.customer.map(|customer| taken.customers.entry(customer)) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// What one customer of a network provider is given: an IPv4 address, or an IPv6 network of 64 bits.
#[must_use]
pub fn customer(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_customer_has_so_many_places_and_the_process_too() {
        let shared = vec!["10.0.0.0/8".parse().expect("a network")];
        let places = Places::new(PlacesSettings { connections_max: 5, customer_max: 2, shared });
        let mut taken = Vec::new();
        for (peer, there_is) in [
            ("203.0.113.5", true),
            ("203.0.113.5", true),
            ("203.0.113.5", false),
            ("::ffff:203.0.113.5", false),
            ("10.0.0.1", true),
            ("10.0.0.1", true),
            ("10.0.0.1", true),
            ("10.0.0.1", false),
            ("203.0.113.6", false),
        ] {
            let place = places.take(ip(peer));
            assert_eq!(place.is_ok(), there_is, "{peer}");
            taken.extend(place);
        }
        assert_eq!((places.open(), places.refused()), (5, 4));
        taken.clear();
        assert_eq!(places.open(), 0);
        assert!(places.taken().customers.is_empty(), "nobody is remembered");
    }

    #[test]
    fn an_ipv6_customer_is_one() {
        assert_eq!(customer(ip("2001:db8::1")), customer(ip("2001:db8::ffff:1")));
        assert_ne!(customer(ip("2001:db8::1")), customer(ip("2001:db8:0:1::1")));
        assert_ne!(customer(ip("10.0.0.1")), customer(ip("10.0.0.2")));
    }

    #[test]
    fn there_are_files_left_for_redis_and_postgresql() {
        let settings = PlacesSettings::of_this_process(Vec::new());
        assert!(settings.connections_max + OTHER_FILES <= open_files_max().max(2 * OTHER_FILES));
    }
}
