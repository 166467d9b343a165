//! Accounts: the people who may sign in. None is ever deleted, since the audit log names them.

use rusqlite::Connection;
use rusqlite::OptionalExtension as _;
use rusqlite::Row;

use crate::access::Access;
use crate::access::AccessError;
use crate::access::audit::record;
use crate::access::name;
use crate::access::password;
use crate::access::role::Role;
use crate::time;
use crate::time::Timestamp;

/// One person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// By which he or she signs in; lower case.
    pub name: String,
    /// What he or she is to Siaga.
    pub role: Role,
    /// The id that the data have for the rep; reps and managers have one.
    pub person: Option<String>,
    /// Whether he or she may not sign in any more.
    pub is_disabled: bool,
    /// When the account was made, by the wall clock.
    pub created_at: Timestamp,
}

/// A person to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct New<'a> {
    /// By which he or she will sign in.
    pub name: &'a str,
    /// What he or she will be to Siaga.
    pub role: Role,
    /// The id that the data have for the rep.
    pub person: Option<&'a str>,
}

impl Access {
    /// Makes an account; `by` goes into the audit log. Without a password nobody can sign in to it
    /// by one.
    pub fn add_account(
        &self,
        by: &str,
        new: New<'_>,
        password: Option<&str>,
    ) -> Result<(), AccessError> {
        let (account, role) = (name(new.name)?, new.role);
        let person = new.person.filter(|person| !person.is_empty());
        if role.is_of_a_person() && person.is_none() {
            return Err(AccessError::Person(role.name()));
        }
        let hash = password.map(|password| password::hash(&account, password)).transpose()?;
        let mut writer = self.writer.lock();
        let transaction = writer.transaction()?;
        let at = time::now().millis();
        let added = transaction.execute(
            "INSERT INTO accounts (name, role, person, password, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (name) DO NOTHING",
            rusqlite::params![account, role.name(), person, hash, at],
        )?;
        if added == 0 {
            return Err(AccessError::Taken(account));
        }
        let detail = person.map_or_else(String::new, |person| format!(", rep {person}"));
        let detail = format!("role {}{detail}", role.name());
        record(&transaction, by, "account.add", (&format!("user:{account}"), &detail))?;
        Ok(transaction.commit()?)
    }

    /// Every account, by name.
    pub fn accounts(&self) -> Result<Vec<Account>, AccessError> {
        let reader = self.reader();
        let mut statement = reader.prepare(
            "SELECT name, role, person, disabled, created_at FROM accounts ORDER BY name",
        )?;
        let mut rows = statement.query([])?;
        let mut accounts = Vec::new();
        while let Some(row) = rows.next()? {
            accounts.push(account(row)?);
        }
        Ok(accounts)
    }

    /// Gives an account another password, and ends its sessions.
    pub fn set_password(&self, by: &str, account: &str, password: &str) -> Result<(), AccessError> {
        let account = name(account)?;
        let hash = password::hash(&account, password)?;
        self.change(by, "account.password", &account, |to| {
            to.execute("UPDATE accounts SET password = ?2 WHERE name = ?1", [&account, &hash])
        })
    }

    /// Keeps an account out, and ends its sessions; or lets it in again.
    pub fn set_disabled(&self, by: &str, account: &str, disabled: bool) -> Result<(), AccessError> {
        let account = name(account)?;
        let did = if disabled { "account.disable" } else { "account.enable" };
        self.change(by, did, &account, |to| {
            to.execute(
                "UPDATE accounts SET disabled = ?2 WHERE name = ?1",
                rusqlite::params![account, disabled],
            )
        })
    }

    fn change(
        &self,
        by: &str,
        did: &str,
        account: &str,
        update: impl FnOnce(&Connection) -> rusqlite::Result<usize>,
    ) -> Result<(), AccessError> {
        let mut writer = self.writer.lock();
        let transaction = writer.transaction()?;
        if update(&transaction)? == 0 {
            return Err(AccessError::Unknown(account.to_owned()));
        }
        transaction.execute("DELETE FROM sessions WHERE account = ?1", [account])?;
        record(&transaction, by, did, (&format!("user:{account}"), ""))?;
        Ok(transaction.commit()?)
    }
}

/// An account with its password's hash.
pub(super) fn find(
    from: &Connection,
    name: &str,
) -> Result<Option<(Account, Option<String>)>, AccessError> {
    let mut statement = from.prepare_cached(
        "SELECT name, role, person, disabled, created_at, password FROM accounts WHERE name = ?1",
    )?;
    let found = statement.query_row([name], |row| Ok((account(row), row.get(5)?))).optional()?;
    found.map(|(account, password)| Ok((account?, password))).transpose()
}

/// Reads `name, role, person, disabled, created_at`.
pub(super) fn account(row: &Row<'_>) -> Result<Account, AccessError> {
    let role: String = row.get(1)?;
    Ok(Account {
        name: row.get(0)?,
        role: Role::from_name(&role).ok_or(AccessError::Damaged(role))?,
        person: row.get(2)?,
        is_disabled: row.get(3)?,
        created_at: Timestamp::saturating(row.get(4)?),
    })
}
