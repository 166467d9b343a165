//! The tables of access, and how an older file becomes a newer one.
//!
//! ```text
//! accounts  one row a person            sessions  one row a browser that is signed in
//! tokens    one row a program           audit     one row a deed; rows are only ever added
//! ```
//!
//! Add a migration at the end; never edit one that has shipped.

use std::time::Duration;

use rusqlite::Connection;

use crate::access::AccessError;
use crate::tables;

/// How long one program waits for the other: the server and the command line share the file.
pub(super) const BUSY: Duration = Duration::from_secs(5);

const MIGRATIONS: [&str; 1] = ["
    CREATE TABLE accounts (
        name       TEXT    PRIMARY KEY,
        role       TEXT    NOT NULL,
        person     TEXT,
        password   TEXT,
        disabled   INTEGER NOT NULL DEFAULT 0,
        created_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE sessions (
        id         TEXT    PRIMARY KEY,
        hash       BLOB    NOT NULL,
        account    TEXT    NOT NULL REFERENCES accounts (name),
        created_at INTEGER NOT NULL,
        seen_at    INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX sessions_by_account ON sessions (account, created_at);
    CREATE TABLE tokens (
        id         TEXT    PRIMARY KEY,
        name       TEXT    NOT NULL UNIQUE,
        hash       BLOB    NOT NULL,
        scopes     TEXT    NOT NULL,
        revoked    INTEGER NOT NULL DEFAULT 0,
        created_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE audit (
        seq    INTEGER PRIMARY KEY AUTOINCREMENT,
        at     INTEGER NOT NULL,
        who    TEXT    NOT NULL,
        did    TEXT    NOT NULL,
        object TEXT    NOT NULL,
        detail TEXT    NOT NULL
    ) STRICT;
    CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
    CREATE TRIGGER audit_is_not_shortened BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
"];

/// Brings the tables of an open file up to date; a file of a newer program is refused.
pub(super) fn prepared(mut connection: Connection) -> Result<Connection, AccessError> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    tables::migrate(&mut connection, &MIGRATIONS)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_migrated_once_and_a_newer_one_is_refused() {
        let connection = prepared(Connection::open_in_memory().unwrap()).unwrap();
        let connection = prepared(connection).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        let error = prepared(connection).unwrap_err();
        assert!(error.to_string().contains("version 99"), "{error}");
    }
}
