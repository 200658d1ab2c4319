//! Passwords under argon2id (RFC 9106) with the parameters that OWASP recommends: 19 MiB, two passes, one lane.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use countersign_evidence::key::Random;

/// Shortest password in characters (NIST SP 800-63B-4 asks for 15 where nothing else is asked for, 8 otherwise).
pub const LEAST: usize = 12;
/// Longest password in bytes.
pub const MOST: usize = 256;

/// Why a password is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It is too short.
    #[error("a password has at least {LEAST} characters: a few words make a good one")]
    TooShort,
    /// It is too long.
    #[error("a password has at most {MOST} bytes")]
    TooLong,
    /// It could not be hashed.
    #[error("the password could not be hashed: {0}")]
    Failed(String),
}

fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

/// The hash of a new password as a PHC string. No rules but its length: others make passwords worse.
///
/// # Errors
/// [`PasswordError`].
pub fn hash(password: &str, random: &dyn Random) -> Result<String, PasswordError> {
    if password.chars().count() < LEAST {
        return Err(PasswordError::TooShort);
    }
    if password.len() > MOST {
        return Err(PasswordError::TooLong);
    }
    let mut salt = [0; 16];
    random.fill(&mut salt);
    hashed(password, &salt)
}

fn hashed(password: &str, salt: &[u8]) -> Result<String, PasswordError> {
    let hash: Result<PasswordHash, _> = hasher().hash_password_with_salt(password.as_bytes(), salt);
    hash.map(|hash| hash.to_string()).map_err(|error| PasswordError::Failed(error.to_string()))
}

/// Whether this is the password of `hash`. Takes as long where there is no hash, so that nobody learns which names exist.
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    if password.len() > MOST {
        return false;
    }
    let parsed = hash.and_then(|hash| PasswordHash::new(hash).ok());
    match parsed {
        Some(hash) => hasher().verify_password(password.as_bytes(), &hash).is_ok(),
        None => {
            drop(hashed(password, &[0; 16]));
            false
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    struct Same(u8);

    impl Random for Same {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn only_the_password_itself_verifies() {
        let password = "correct horse battery staple";
        let hash = super::hash(password, &Same(7)).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(verify(password, Some(&hash)));
        for wrong in
            ["", "correct horse battery stapl", "Correct horse battery staple", "correct horse battery staple "]
        {
            assert!(!verify(wrong, Some(&hash)), "{wrong}");
        }
        assert!(!verify(password, None) && !verify(password, Some("")) && !verify(password, Some("$argon2id$v=19$")));
        assert_ne!(super::hash(password, &Same(8)).unwrap(), hash);
    }

    #[test]
    fn length_is_the_only_rule() {
        assert_eq!(super::hash("elevenchars", &Same(0)), Err(PasswordError::TooShort));
        assert!(super::hash("twelve chars", &Same(0)).is_ok());
        assert!(super::hash("ääääääääääää", &Same(0)).is_ok());
        assert_eq!(super::hash(&"x".repeat(MOST + 1), &Same(0)), Err(PasswordError::TooLong));
    }
}
