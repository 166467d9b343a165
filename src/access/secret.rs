//! Secrets that the program makes: 256 random bits, of which only the hash is kept.
//!
//! ```text
//! given out   ID.SECRET        the id finds the row, the secret is compared to its hash
//! kept        ID, SHA-256(purpose, SECRET)
//! ```
//!
//! A fast hash is enough for what nobody can guess; the purpose keeps a hash of one kind from
//! passing for another. Hashes are compared in constant time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::types::FromSql;
use rusqlite::types::FromSqlResult;
use rusqlite::types::ToSql;
use rusqlite::types::ToSqlOutput;
use rusqlite::types::ValueRef;
use sha2::Digest as _;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::access::AccessError;

/// What only its holder knows.
pub(super) struct Secret([u8; 32]);

/// What is kept of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hash([u8; 32]);

/// An id with a secret, as it is given out.
pub(super) struct Ticket {
    pub(super) id: String,
    pub(super) secret: Secret,
}

impl Secret {
    pub(super) fn random() -> Result<Self, AccessError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(AccessError::Random)?;
        Ok(Self(bytes))
    }

    pub(super) fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The hash of it for this purpose.
    pub(super) fn hash(&self, purpose: &str) -> Hash {
        let hasher = Sha256::new_with_prefix(purpose).chain_update([0]).chain_update(self.0);
        Hash(hasher.finalize().into())
    }
}

impl Hash {
    pub(super) fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Whether it was made of this secret for this purpose.
    pub(super) fn is_of(&self, purpose: &str, secret: &Secret) -> bool {
        self.0.ct_eq(&secret.hash(purpose).0).into()
    }
}

impl Ticket {
    pub(super) fn random() -> Result<Self, AccessError> {
        let mut id = [0; 9];
        getrandom::fill(&mut id).map_err(AccessError::Random)?;
        Ok(Self { id: URL_SAFE_NO_PAD.encode(id), secret: Secret::random()? })
    }

    pub(super) fn text(&self) -> String {
        format!("{}.{}", self.id, self.secret.text())
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.split_once('.')?;
        Some(Self { id: id.to_owned(), secret: Secret::parse(secret)? })
    }
}

impl ToSql for Hash {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(&self.0[..]))
    }
}

impl FromSql for Hash {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        <[u8; 32]>::column_result(value).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_read_back_and_nothing_else_passes() {
        let ticket = Ticket::random().unwrap();
        let hash = ticket.secret.hash("session");
        let again = Ticket::parse(&ticket.text()).unwrap();
        assert!(again.id == ticket.id && hash.is_of("session", &again.secret));
        assert!(!hash.is_of("token", &again.secret), "another purpose");
        assert!(!hash.is_of("session", &Secret::random().unwrap()), "another secret");
        for text in ["", ".", "a.b", "a", &format!("{}=", ticket.text()), &ticket.text()[..40]] {
            assert!(Ticket::parse(text).is_none(), "{text}");
        }
    }
}
