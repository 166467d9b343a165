//! Access: who asks, and what may he, she or it do?
//!
//! ```text
//! cookie ─► session ─► account ─► role ──┐
//! bearer ─► API token ─► scopes ─────────┼─► Viewer ─┬─► rights: may this be asked at all?
//! nothing, on this machine, while there  │           └─► sight: whose alerts?
//! is neither account nor token ──────────┘
//! ```
//!
//! Everything lies in one SQLite file beside the inbox, so that the command line and the running
//! server see the same. Passwords are kept as Argon2id, sessions and tokens as SHA-256 of a random
//! secret: who reads the file can use none of them. What anybody does is kept in a table that only
//! grows.

pub mod role;
pub mod viewer;
mod secret;
pub mod password;
pub mod account;
pub mod session;
pub(crate) mod address;
pub mod oidc;
pub mod token;
pub mod throttle;
pub mod audit;
mod schema;

use std::path::Path;

use parking_lot::Mutex;
use parking_lot::MutexGuard;
use rusqlite::Connection;
use serde::Deserialize;
use serde::Serialize;

use crate::access::secret::Hash;
use crate::access::throttle::Throttle;
use crate::tables::MigrateError;

/// Section `[access]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccessConfig {
    /// Hours after which somebody has to sign in again, whatever he or she does.
    pub session_hours: u32,
    /// Hours without a request after which somebody has to sign in again.
    pub idle_hours: u32,
}

impl Default for AccessConfig {
    fn default() -> Self {
        Self { session_hours: 7 * 24, idle_hours: 24 }
    }
}

/// Why something about accounts, sessions or tokens did not work.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The file cannot be read or written.
    #[error("accounts cannot be used: {0}: check the disk and `storage.data_dir`")]
    Sqlite(#[from] rusqlite::Error),
    /// A later program wrote the file.
    #[error("the accounts have version {found}, this program knows {known}: run a newer siaga")]
    Newer {
        /// Version of the file.
        found: usize,
        /// Highest version that this program knows.
        known: usize,
    },
    /// The operating system gives no random numbers.
    #[error("no random numbers: {0}: check the operating system")]
    Random(getrandom::Error),
    /// A password could not be hashed.
    #[error("a password could not be hashed: {0}")]
    Hash(argon2::password_hash::Error),
    /// Something in the file is not what this program writes.
    #[error("the accounts hold `{0}`, which means nothing: restore the file from a backup")]
    Damaged(String),
    /// The name breaks the rules for names.
    #[error(
        "`{0}` is no name: write 1 to 64 of the letters a to z, digits, and . _ @ + -, beginning \
         with a letter or a digit"
    )]
    Name(String),
    /// The name is taken.
    #[error("`{0}` is there already: choose another name")]
    Taken(String),
    /// Nobody and nothing has the name.
    #[error("there is no `{0}`: `list` shows what there is")]
    Unknown(String),
    /// A rep or a manager without the id by which customers know him or her.
    #[error("a {0} needs the id that your data have for the person: give it by --rep, e.g. r07")]
    Person(&'static str),
    /// The password breaks the rules for passwords.
    #[error(transparent)]
    Password(#[from] password::PasswordError),
}

impl From<MigrateError> for AccessError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Sqlite(error) => Self::Sqlite(error),
            MigrateError::Newer { found, known } => Self::Newer { found, known },
        }
    }
}

/// Accounts, sessions, tokens and what was done by whom.
pub struct Access {
    writer: Mutex<Connection>,
    /// None for an access in memory, which has one connection.
    reader: Option<Mutex<Connection>>,
    throttle: Mutex<Throttle>,
    /// Of the link by which the first account is made.
    setup: Mutex<Option<Hash>>,
    config: AccessConfig,
}

impl Access {
    /// Name of the file in the data folder.
    pub const FILE: &str = "access.sqlite";

    /// Opens the accounts in this file, and makes it, for its owner's eyes only, if it is not there.
    pub fn open(path: &Path, config: AccessConfig) -> Result<Self, AccessError> {
        let writer = Connection::open(path)?;
        own(path);
        let writer = schema::prepared(writer)?;
        let flags =
            rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(path, flags)?;
        reader.busy_timeout(schema::BUSY)?;
        Ok(Self::with(writer, Some(reader), config))
    }

    /// Accounts that are gone when the program ends.
    pub fn in_memory(config: AccessConfig) -> Result<Self, AccessError> {
        Ok(Self::with(schema::prepared(Connection::open_in_memory()?)?, None, config))
    }

    fn with(writer: Connection, reader: Option<Connection>, config: AccessConfig) -> Self {
        Self {
            writer: Mutex::new(writer),
            reader: reader.map(Mutex::new),
            throttle: Mutex::default(),
            setup: Mutex::default(),
            config,
        }
    }

    fn reader(&self) -> MutexGuard<'_, Connection> {
        self.reader.as_ref().unwrap_or(&self.writer).lock()
    }

    /// Whether there has never been an account or a token: who has the machine has it all.
    pub fn is_untouched(&self) -> Result<bool, AccessError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(
            "SELECT NOT EXISTS (SELECT 1 FROM accounts) AND NOT EXISTS (SELECT 1 FROM tokens)",
        )?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }

    /// The key of a link by which, once, the first account can be made; it ends with the program.
    pub fn begin_setup(&self) -> Result<String, AccessError> {
        let secret = secret::Secret::random()?;
        *self.setup.lock() = Some(secret.hash("setup"));
        Ok(secret.text())
    }

    /// Whether this is the key of the link for the first account, and it has not been used.
    pub fn is_setup(&self, key: &str) -> Result<bool, AccessError> {
        let right = {
            let setup = self.setup.lock();
            let given = secret::Secret::parse(key);
            setup.as_ref().zip(given).is_some_and(|(hash, given)| hash.is_of("setup", &given))
        };
        Ok(right && self.is_untouched()?)
    }

    /// Makes the first account, an operator; false where the key is wrong or was used.
    pub fn set_up(&self, key: &str, name: &str, password: &str) -> Result<bool, AccessError> {
        if !self.is_setup(key)? {
            return Ok(false);
        }
        let new = account::New { name, role: role::Role::Operator, person: None };
        self.add_account("setup", new, Some(password))?;
        *self.setup.lock() = None;
        Ok(true)
    }
}

/// Lets nobody else read the file, where the file system knows of owners.
#[cfg(unix)]
fn own(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    if let Err(error) = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)) {
        tracing::warn!(%error, "the file of accounts keeps the rights that it has");
    }
}

#[cfg(not(unix))]
fn own(_path: &Path) {}

/// Whether it can name an account or a token; in lower case.
fn name(text: &str) -> Result<String, AccessError> {
    let name = text.to_ascii_lowercase();
    let fair = |c: char| c.is_ascii_alphanumeric() || "._@+-".contains(c);
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins_well && name.len() <= 64 && name.chars().all(fair) {
        return Ok(name);
    }
    Err(AccessError::Name(text.chars().take(64).collect()))
}

#[cfg(test)]
mod tests;
