//! Every Redis key WaitLess uses, spelled once.
//!
//! All keys of a restaurant carry the hash tag of its partition, so one script is atomic in a cluster. A restaurant's
//! keys are a fixed, known list, which every script declares whole; `lua/lib/keys.lua` names them in this order.

use crate::domain::RestaurantId;

/// Partitions there are, for ever: a restaurant's partition is part of its keys.
pub const PARTITIONS: u16 = 96;

/// A hash tag per partition. Tag `p` lies in the middle of the `p`-th of 96 equal parts of the 16,384 slots.
const TAGS: [&str; PARTITIONS as usize] = [
    "1la", "nbd", "ggj", "83p", "o4m", "f1c", "9a9", "3el", "2iz", "870", "23e", "nx3", "ya4", "bgq", "6a7", "46e",
    "c1x", "7s6", "hgd", "7ia", "6ew", "a8u", "c58", "7wv", "19k", "n7n", "280", "0ob", "06", "3n9", "943", "30f",
    "ni", "ear", "4v", "3jy", "55f", "bvs", "6p5", "4co", "cdr", "7b4", "h2n", "7xc", "6tu", "idg", "6jb", "7ft",
    "fdw", "1cj", "8fd", "j7", "05c", "19u", "3jg", "9n2", "eal", "nw", "m2k", "d7e", "bhz", "5og", "4cq", "k7k",
    "49n", "55x", "7fj", "hho", "4g1", "60c", "asv", "518", "fuu", "1rh", "83n", "ggt", "8iq", "9eg", "fq5", "d8p",
    "e4f", "2id", "8m1", "dbo", "byx", "092l", "4rs", "cky", "4ld", "qh2", "7wh", "hym", "4v3", "6ei", "abt", "5d2",
];

/// Names of the keys a script declares, in their order.
pub const NAMES: [&str; 20] = [
    "meta",
    "tickets",
    "order",
    "heads",
    "codes",
    "called",
    "seated",
    "missed",
    "ended",
    "days",
    "stock",
    "guard",
    "pace",
    "idem",
    "idem_until",
    "events",
    "revs",
    "deadlines",
    "src",
    "channel",
];

/// How many of them belong to the restaurant; the others belong to its partition, but for the channel.
const OF_RESTAURANT: usize = 15;

/// Index of the channel.
const CHANNEL: usize = NAMES.len() - 1;

/// One of the 96 partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(u16);

impl Partition {
    /// The partition of a restaurant: crc32 (IEEE) of its id in decimal digits, mod 96.
    #[must_use]
    pub fn of(restaurant: RestaurantId) -> Self {
        let hash = crc32fast::hash(restaurant.to_string().as_bytes());
        Self((hash % u32::from(PARTITIONS)) as u16)
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..PARTITIONS).map(Self)
    }

    /// The one with the lowest index.
    pub const FIRST: Self = Self(0);

    /// The partition of this index.
    #[must_use]
    pub fn at(index: u16) -> Option<Self> {
        (index < PARTITIONS).then_some(Self(index))
    }

    /// 0 to 95.
    #[must_use]
    pub fn index(self) -> u16 {
        self.0
    }

    fn tag(self) -> &'static str {
        TAGS[usize::from(self.0)]
    }
}

/// Spells keys under one namespace.
#[derive(Clone, Debug)]
pub struct Keys {
    namespace: String,
}

impl Keys {
    /// Keys that begin with this namespace, `wl` but in tests.
    #[must_use]
    pub fn new(namespace: &str) -> Self {
        Self { namespace: namespace.to_owned() }
    }

    /// The fixed list of a restaurant's scripts.
    #[must_use]
    pub fn of_restaurant(&self, restaurant: RestaurantId) -> Vec<String> {
        self.list(Partition::of(restaurant), restaurant)
    }

    /// The list for a script of a partition. Restaurant 0 does not exist.
    #[must_use]
    pub fn of_partition(&self, partition: Partition) -> Vec<String> {
        self.list(partition, RestaurantId(0))
    }

    fn list(&self, partition: Partition, restaurant: RestaurantId) -> Vec<String> {
        let (of_partition, of_restaurant) = (self.partition_key(partition, ""), self.key(partition, restaurant, ""));
        let keys = NAMES.iter().enumerate().map(|(index, name)| {
            let is_of_restaurant = index < OF_RESTAURANT || index == CHANNEL;
            [if is_of_restaurant { &of_restaurant } else { &of_partition }, *name].concat()
        });
        keys.collect()
    }

    fn key(&self, partition: Partition, restaurant: RestaurantId, name: &str) -> String {
        format!("{}:{{{}}}:{restaurant}:{name}", self.namespace, partition.tag())
    }

    fn partition_key(&self, partition: Partition, name: &str) -> String {
        format!("{}:{{{}}}:{name}", self.namespace, partition.tag())
    }

    /// One key of a restaurant.
    #[must_use]
    pub fn one(&self, restaurant: RestaurantId, name: &'static str) -> String {
        debug_assert!(NAMES.contains(&name), "{name} is a declared key");
        self.key(Partition::of(restaurant), restaurant, name)
    }

    /// A restaurant's sharded pub/sub channel.
    #[must_use]
    pub fn channel(&self, restaurant: RestaurantId) -> String {
        self.one(restaurant, NAMES[CHANNEL])
    }

    /// A server's own channel, on which it hears whether its subscriptions work.
    #[must_use]
    pub fn probe(&self, server: u64) -> String {
        format!("{}:probe:{server:016x}", self.namespace)
    }

    /// Epoch and revs of a partition: all that anti-entropy reads.
    #[must_use]
    pub fn revs(&self, partition: Partition) -> String {
        self.partition_key(partition, "revs")
    }

    /// A partition's event log.
    #[must_use]
    pub fn events(&self, partition: Partition) -> String {
        self.partition_key(partition, "events")
    }

    /// The restaurant id of a slug.
    #[must_use]
    pub fn slug(&self, slug: &str) -> String {
        format!("{}:slug:{slug}", self.namespace)
    }

    /// Revoked sessions, scored by when they would have ended anyway.
    #[must_use]
    pub fn revoked(&self) -> String {
        format!("{}:revoked", self.namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CRC-16/XMODEM, as Redis Cluster specifies it for slots.
    fn slot(tag: &str) -> u32 {
        let crc = tag.bytes().fold(0_u16, |crc, byte| {
            (0..8).fold(
                crc ^ (u16::from(byte) << 8),
                |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 },
            )
        });
        u32::from(crc) % 16_384
    }

    #[test]
    fn partitions_lie_evenly_over_the_slots() {
        for (index, tag) in TAGS.iter().enumerate() {
            assert_eq!(slot(tag), (2 * index as u32 + 1) * 16_384 / (2 * u32::from(PARTITIONS)), "{tag}");
        }
    }

    #[test]
    fn all_keys_of_a_script_share_one_tag() {
        let keys = Keys::new("wl").of_restaurant(RestaurantId(42));
        assert_eq!(keys.len(), NAMES.len());
        let tag = Partition::of(RestaurantId(42)).tag();
        assert!(keys.iter().all(|key| key.starts_with(&format!("wl:{{{tag}}}:"))), "{keys:?}");
        assert_eq!(keys[0], format!("wl:{{{tag}}}:42:meta"));
        assert_eq!(keys[15], format!("wl:{{{tag}}}:events"));
        assert_eq!(Keys::new("wl").channel(RestaurantId(42)), keys[CHANNEL]);
    }

    #[test]
    fn a_partition_never_changes() {
        // Fixed for ever: a restaurant's data would not be found again.
        for (id, partition) in PINNED {
            assert_eq!(Partition::of(RestaurantId(id)).index(), partition);
        }
    }

    const PINNED: [(u64, u16); 3] = [(1, 23), (42, 8), (u64::MAX, 90)];
}
