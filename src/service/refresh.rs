//! Refresh tokens: 256 random bits, good once, kept by the database as a hash only.
//!
//! A token names its session and carries proof that it was issued for it. So one that is made up never reaches the
//! database, and one that is genuine but no longer the current one was used before: [`crate::db::sessions::rotate`].

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::keys::{Keys, mac};
use crate::{
    config::Secret,
    db::sessions::{RefreshHash, SessionId},
};

/// How a refresh token begins, so that one that leaks is recognised by scanners, and by us.
const PREFIX: &str = "wlr_";
const SESSION_HEX: usize = 16;
const RANDOM_HEX: usize = 64;
const PROOF_HEX: usize = 32;

/// A refresh token that was issued here, now or once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presented {
    /// The session it was issued for.
    pub session: SessionId,
    /// What the database knows of the current one.
    pub hash: RefreshHash,
}

impl Keys {
    /// A new refresh token of this session, and its hash.
    #[must_use]
    pub fn issue_refresh(&self, session: SessionId) -> (Secret, RefreshHash) {
        let token = self.refresh_token(session, &hex(&rand::random::<[u8; 32]>()));
        let hash = Sha256::digest(token.as_bytes()).into();
        (Secret::from(token), hash)
    }

    /// What a refresh token says, if it was issued here.
    #[must_use]
    pub fn read_refresh(&self, token: &str) -> Option<Presented> {
        let body = token.strip_prefix(PREFIX)?;
        let well_formed = body.len() == SESSION_HEX + RANDOM_HEX + PROOF_HEX
            && body.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !well_formed {
            return None;
        }
        let session = SessionId(u64::from_str_radix(&body[..SESSION_HEX], 16).ok()?);
        let genuine = self.refresh_token(session, &body[SESSION_HEX..SESSION_HEX + RANDOM_HEX]);
        bool::from(genuine.as_bytes().ct_eq(token.as_bytes()))
            .then(|| Presented { session, hash: Sha256::digest(token.as_bytes()).into() })
    }

    fn refresh_token(&self, session: SessionId, random: &str) -> String {
        let proof = mac(&self.refresh, &[&session.0.to_be_bytes(), random.as_bytes()]);
        format!("{PREFIX}{:016x}{random}{}", session.0, &hex(&proof)[..PROOF_HEX])
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secret: &str) -> Keys {
        Keys::new(&secret.parse().expect("any text is a secret"))
    }

    #[test]
    fn a_token_is_read_back() {
        let keys = keys("0123456789abcdef0123456789abcdef");
        let session = SessionId(i64::MAX.cast_unsigned());
        let (token, hash) = keys.issue_refresh(session);
        assert_eq!(keys.read_refresh(token.expose()), Some(Presented { session, hash }));
        assert_ne!(keys.issue_refresh(session).1, hash, "each is new");
    }

    #[test]
    fn what_was_not_issued_here_is_refused() {
        let ours = keys("0123456789abcdef0123456789abcdef");
        let (token, _) = ours.issue_refresh(SessionId(5));
        let token = token.expose();
        let (foreign, _) = keys("another secret of enough characters").issue_refresh(SessionId(5));
        let other_session = token.replacen("wlr_0000000000000005", "wlr_0000000000000006", 1);
        for text in
            ["", "wlr_", "é", foreign.expose(), &other_session, &token.to_uppercase(), &token[..token.len() - 1]]
        {
            assert_eq!(ours.read_refresh(text), None, "{text}");
        }
    }
}
