//! Files of SQLite: how an older one becomes a newer one.
//!
//! ```text
//! user_version 2 ─► migration 3 ─► migration 4 ─► user_version 4        one transaction, or none
//! ```
//!
//! `PRAGMA user_version` counts the migrations that a file has seen. A module that keeps a file has
//! its own list; it adds at the end, and never edits one that has shipped.

use rusqlite::Connection;
use rusqlite::TransactionBehavior;

/// Why a file was not brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// It cannot be read or written.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// A later program wrote it.
    #[error("the file has version {found}, this program knows {known}: run a newer siaga")]
    Newer {
        /// Version of the file.
        found: usize,
        /// Highest version that this program knows.
        known: usize,
    },
}

/// Brings the tables of an open file up to date; a file of a newer program is refused.
pub fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<(), MigrateError> {
    let known = migrations.len();
    let version = i64::try_from(known).unwrap_or(i64::MAX);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let seen: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let seen = usize::try_from(seen).unwrap_or(usize::MAX);
    let Some(missing) = migrations.get(seen..) else {
        return Err(MigrateError::Newer { found: seen, known });
    };
    for migration in missing {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", version)?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_migration_runs_once_and_a_newer_file_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        let first = ["CREATE TABLE one (a INTEGER) STRICT;"];
        let both = [first[0], "ALTER TABLE one ADD COLUMN b INTEGER;"];
        migrate(&mut connection, &first).unwrap();
        migrate(&mut connection, &both).unwrap();
        migrate(&mut connection, &both).unwrap();
        connection.execute("INSERT INTO one (a, b) VALUES (1, 2)", []).unwrap();
        let error = migrate(&mut connection, &first).unwrap_err();
        assert!(matches!(error, MigrateError::Newer { found: 2, known: 1 }), "{error}");
    }
}
