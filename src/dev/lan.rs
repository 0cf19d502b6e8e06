//! `waitless dev --lan`: the address that phones on the local network reach this machine by, and a password that
//! they do not know.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

/// An address of documentation (RFC 5737), behind the default route of any network; nothing is ever sent to it.
const FAR_AWAY: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

/// Letters and digits that are not taken for each other.
const ALPHABET: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";
const GROUPS: usize = 3;
const GROUP_LEN: usize = 5;

/// The address of this machine on the network of its default route: the kernel chooses it when a UDP socket is
/// connected, which sends nothing.
pub(super) fn address() -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(FAR_AWAY).ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(address) if !address.is_loopback() && !address.is_unspecified() => Some(address),
        _ => None,
    }
}

/// A password to read out and type: three groups of five, 74 bits.
pub(super) fn password() -> String {
    let letter = |_| char::from(ALPHABET[rand::random_range(0..ALPHABET.len())]);
    let group = |_| (0..GROUP_LEN).map(letter).collect::<String>();
    (0..GROUPS).map(group).collect::<Vec<_>>().join("-")
}

/// Whether a text is such a password, and not a file that was cut short or put there by somebody.
pub(super) fn is_password(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let is_group = |group: &&str| group.len() == GROUP_LEN && group.bytes().all(|letter| ALPHABET.contains(&letter));
    groups.len() == GROUPS && groups.iter().all(is_group)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn passwords_are_long_readable_and_each_another() {
        let passwords: BTreeSet<String> = (0..200).map(|_| password()).collect();
        assert_eq!(passwords.len(), 200);
        for password in &passwords {
            assert!(password.len() >= 12 && is_password(password), "{password}");
            assert!(!password.contains(['0', 'o', '1', 'l', 'i']), "{password}");
        }
        let letters: BTreeSet<char> = passwords.iter().flat_map(|password| password.chars()).collect();
        assert_eq!(letters.len(), ALPHABET.len() + 1, "all are used");
        let bits = (ALPHABET.len() as f64).log2() * (GROUPS * GROUP_LEN) as f64;
        assert!(bits >= 60.0, "{bits}");
    }

    #[test]
    fn what_is_no_such_password_is_not_taken_for_one() {
        for text in ["", "waitless-demo", "abcde-fghjk", "abcde-fghjk-mnpq0", "abcde-fghjk-mnpq", "abcde-fghjk-mnpqr-"]
        {
            assert!(!is_password(text), "{text}");
        }
        assert!(is_password("abcde-fghjk-mnpqr"));
    }
}
