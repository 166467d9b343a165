//! API tokens: programs that hand events in, read, act or watch.
//!
//! A token is shown once, when it is made: `siaga_` and a ticket, so that scanners for leaked
//! secrets know it. It is sent as `Authorization: Bearer …`.

use rusqlite::OptionalExtension as _;

use crate::access::Access;
use crate::access::AccessError;
use crate::access::audit::record;
use crate::access::name;
use crate::access::role::Scope;
use crate::access::secret::Hash;
use crate::access::secret::Ticket;
use crate::access::viewer::Viewer;
use crate::time;
use crate::time::Timestamp;

const PREFIX: &str = "siaga_";
const PURPOSE: &str = "token";

/// One program's token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub scopes: Vec<Scope>,
    /// Whether it is of no use any more.
    pub is_revoked: bool,
    /// When it was made, by the wall clock.
    pub created_at: Timestamp,
}

impl Access {
    /// Makes a token and gives its text, which is shown this once; `by` goes into the audit log.
    pub fn add_token(
        &self,
        by: &str,
        token: &str,
        scopes: &[Scope],
    ) -> Result<String, AccessError> {
        let (token, ticket) = (name(token)?, Ticket::random()?);
        let words = scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(",");
        let mut writer = self.writer.lock();
        let transaction = writer.transaction()?;
        let hash = ticket.secret.hash(PURPOSE);
        let added = transaction.execute(
            "INSERT INTO tokens (id, name, hash, scopes, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (name) DO NOTHING",
            rusqlite::params![ticket.id, token, hash, words, time::now().millis()],
        )?;
        if added == 0 {
            return Err(AccessError::Taken(token));
        }
        record(&transaction, by, "token.add", (&format!("token:{token}"), &words))?;
        transaction.commit()?;
        Ok(format!("{PREFIX}{}", ticket.text()))
    }

    /// Every token, by name.
    pub fn tokens(&self) -> Result<Vec<Token>, AccessError> {
        let reader = self.reader();
        let mut statement =
            reader.prepare("SELECT name, scopes, revoked, created_at FROM tokens ORDER BY name")?;
        let mut rows = statement.query([])?;
        let mut tokens = Vec::new();
        while let Some(row) = rows.next()? {
            tokens.push(Token {
                name: row.get(0)?,
                scopes: scopes(&row.get::<_, String>(1)?)?,
                is_revoked: row.get(2)?,
                created_at: Timestamp::saturating(row.get(3)?),
            });
        }
        Ok(tokens)
    }

    /// Makes a token useless, for good.
    pub fn revoke_token(&self, by: &str, token: &str) -> Result<(), AccessError> {
        let token = name(token)?;
        let mut writer = self.writer.lock();
        let transaction = writer.transaction()?;
        let revoke = "UPDATE tokens SET revoked = 1 WHERE name = ?1 AND revoked = 0";
        if transaction.execute(revoke, [&token])? == 0 {
            return Err(AccessError::Unknown(token));
        }
        record(&transaction, by, "token.revoke", (&format!("token:{token}"), ""))?;
        Ok(transaction.commit()?)
    }

    /// Who sends this token, unless it is none of ours or revoked.
    pub fn bearer(&self, text: &str) -> Result<Option<Viewer>, AccessError> {
        let Some(ticket) = text.strip_prefix(PREFIX).and_then(Ticket::parse) else {
            return Ok(None);
        };
        let reader = self.reader();
        let mut statement = reader.prepare_cached(
            "SELECT name, scopes, hash FROM tokens WHERE id = ?1 AND revoked = 0",
        )?;
        let found = statement
            .query_row([&ticket.id], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, Hash>(2)?))
            })
            .optional()?;
        let found = found.filter(|(.., hash)| hash.is_of(PURPOSE, &ticket.secret));
        let viewer = |(name, words, _): (String, String, Hash)| {
            Ok(Viewer::Token { name, scopes: scopes(&words)? })
        };
        found.map(viewer).transpose()
    }
}

fn scopes(words: &str) -> Result<Vec<Scope>, AccessError> {
    let known = |word: &str| Scope::from_name(word).ok_or(AccessError::Damaged(word.to_owned()));
    words.split(',').filter(|word| !word.is_empty()).map(known).collect()
}
