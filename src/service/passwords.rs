//! Passwords: argon2id, apart from the async threads, a few at a time.
//!
//! One hash takes 19 MiB and tens of milliseconds of a core: unbounded, a burst of sign-ins would starve the
//! server that moves the lines. Who cannot be served within [`WAIT_MAX`] is told so.

use std::{sync::Arc, time::Duration};

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _, password_hash::phc::PasswordHash};
use tokio::sync::Semaphore;

use crate::config::Secret;

/// Shortest password, in characters.
pub const LEN_MIN: usize = 8;
/// Longest password, in characters.
pub const LEN_MAX: usize = 128;
/// Longest wait for a turn.
pub const WAIT_MAX: Duration = Duration::from_secs(3);
/// Most hashes at once.
const AT_ONCE_MAX: usize = 4;

/// What is compared when there is no account: costs what a real one costs, and no password fits it.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too many wait.
    #[error("too many passwords are being checked")]
    Busy,
    /// A stored hash that cannot be read, or a failure of the hash function.
    #[error("the password hash failed")]
    Failed,
}

/// Hashes and checks passwords.
#[derive(Clone, Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    wait_max: Duration,
}

impl Default for Passwords {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { turns: Arc::new(Semaphore::new(cores.min(AT_ONCE_MAX))), wait_max: WAIT_MAX }
    }
}

impl Passwords {
    /// The PHC string to keep.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] when no turn comes in time.
    pub async fn hash(&self, password: &Secret) -> Result<String, PasswordError> {
        let password = password.clone();
        self.in_turn(move || {
            let hash: Result<PasswordHash, _> = Argon2::default().hash_password(password.expose().as_bytes());
            hash.map(|hash| hash.to_string()).map_err(|_| PasswordError::Failed)
        })
        .await
    }

    /// Whether the password fits the hash. `None` (no such account) takes as long and is always false.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] when no turn comes in time.
    pub async fn verify(&self, password: &Secret, hash: Option<String>) -> Result<bool, PasswordError> {
        let password = password.clone();
        self.in_turn(move || {
            let known = hash.is_some();
            let fits = fits(password.expose(), hash.as_deref().unwrap_or(DECOY))?;
            Ok(known && fits)
        })
        .await
    }

    /// Runs `work` on a thread for blocking work. The turn ends with the work, not with the waiting, so that
    /// callers who give up do not let more in.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let turn = tokio::time::timeout(self.wait_max, Arc::clone(&self.turns).acquire_owned())
            .await
            .map_err(|_| PasswordError::Busy)?
            .map_err(|_| PasswordError::Failed)?;
        let worked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        worked.await.map_err(|_| PasswordError::Failed)?
    }
}

fn fits(password: &str, hash: &str) -> Result<bool, PasswordError> {
    let hash = PasswordHash::new(hash).map_err(|_| PasswordError::Failed)?;
    match Argon2::default().verify_password(password.as_bytes(), &hash) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(_) => Err(PasswordError::Failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        text.parse().expect("any text is a secret")
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let passwords = Passwords::default();
        let hash = passwords.hash(&secret("열려라 참깨")).await.expect("idle");
        assert_ne!(hash, passwords.hash(&secret("열려라 참깨")).await.expect("idle"), "salted");
        assert_eq!(passwords.verify(&secret("열려라 참깨"), Some(hash.clone())).await, Ok(true));
        assert_eq!(passwords.verify(&secret("열려라 참께"), Some(hash)).await, Ok(false));
        assert_eq!(passwords.verify(&secret("x"), Some("plain".to_owned())).await, Err(PasswordError::Failed));
    }

    #[tokio::test]
    async fn the_decoy_costs_what_a_real_hash_costs() {
        let real = Passwords::default().hash(&secret("waitless-demo")).await.expect("idle");
        let up_to_salt = |hash: &str| hash.split('$').take(4).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(up_to_salt(DECOY), up_to_salt(&real));
        assert_eq!(DECOY.len(), real.len());
        assert_eq!(Passwords::default().verify(&secret("anything"), None).await, Ok(false));
    }

    #[tokio::test]
    async fn who_gets_no_turn_is_told() {
        let passwords = Passwords { turns: Arc::new(Semaphore::new(0)), wait_max: Duration::ZERO };
        assert_eq!(passwords.hash(&secret("waitless-demo")).await, Err(PasswordError::Busy));
    }
}
