//! Passwords: Argon2id with a random salt, in the form `$argon2id$v=19$m=…` (PHC string).
//!
//! 19 MiB and two passes: the first choice of OWASP's Password Storage Cheat Sheet, and the
//! library's own. A wrong name takes as long as a wrong password.

use std::sync::LazyLock;

use argon2::Argon2;
use argon2::PasswordHasher as _;
use argon2::PasswordVerifier as _;
use argon2::password_hash::Error;
use argon2::password_hash::phc::PasswordHash;

use crate::access::AccessError;

/// Why a password was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It can be guessed.
    #[error("the password is too short: take at least {} characters", MIN)]
    Short,
    /// It would take long to hash.
    #[error("the password is too long: take at most {} bytes", MAX)]
    Long,
    /// It says what everybody knows.
    #[error("the password is the name: take another one")]
    Name,
}

/// Least characters (NIST SP 800-63B-4 asks for 15 where nothing but a password is asked for, and
/// allows 8 where something else is; sign-in here is throttled).
const MIN: usize = 12;
/// Most bytes.
const MAX: usize = 1024;

/// A hash that no password has, to be compared to where there is no account.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    let hash = Argon2::default().hash_password(b"");
    hash.map(|hash: PasswordHash| hash.to_string()).unwrap_or_default()
});

/// The hash of a new password.
pub(super) fn hash(name: &str, password: &str) -> Result<String, AccessError> {
    let refused = if password.chars().count() < MIN {
        Some(PasswordError::Short)
    } else if password.len() > MAX {
        Some(PasswordError::Long)
    } else if password.to_lowercase() == name {
        Some(PasswordError::Name)
    } else {
        None
    };
    if let Some(refused) = refused {
        return Err(refused.into());
    }
    let hash = Argon2::default().hash_password(password.as_bytes());
    let hash: PasswordHash = hash.map_err(AccessError::Hash)?;
    Ok(hash.to_string())
}

/// Whether it is the password of this hash; where there is none, it takes as long and says no.
pub(super) fn is_of(hash: Option<&str>, password: &str) -> Result<bool, AccessError> {
    if password.is_empty() || password.len() > MAX {
        return Ok(false);
    }
    let parsed = PasswordHash::new(hash.unwrap_or(&NOBODY))
        .map_err(|_| AccessError::Damaged("a password in an unknown form".to_owned()))?;
    match Argon2::default().verify_password(password.as_bytes(), &parsed) {
        Ok(()) => Ok(hash.is_some()),
        Err(Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(AccessError::Hash(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_no_other_one_is() {
        let (right, name) = ("correct horse battery", "maya");
        let kept = hash(name, right).unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert_ne!(kept, hash(name, right).unwrap(), "each has a salt of its own");
        for (hash, password, want) in [
            (Some(kept.as_str()), right, true),
            (Some(&kept), "correct horse batterY", false),
            (Some(&kept), "", false),
            (None, right, false),
            (None, "", false),
        ] {
            assert_eq!(is_of(hash, password).unwrap(), want, "{password}");
        }
        assert!(is_of(Some("plain"), right).is_err());
    }

    #[test]
    fn a_poor_password_is_refused() {
        for (password, want) in [
            ("elevenchars", PasswordError::Short),
            ("MayaFromTheNorth", PasswordError::Name),
            (&"x".repeat(1025), PasswordError::Long),
        ] {
            let error = hash("mayafromthenorth", password).unwrap_err().to_string();
            assert_eq!(error, want.to_string());
        }
    }
}
