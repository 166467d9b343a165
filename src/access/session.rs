//! Sessions: a browser that somebody signed in with.
//!
//! ```text
//! name, password ─► throttle ─► Argon2id ─► session: a ticket in a cookie, its hash in the table
//! every request  ─► ticket ─► row, not too old, not idle, account not disabled ─► who asks
//! ```

use std::net::IpAddr;

use rusqlite::Connection;
use rusqlite::OptionalExtension as _;

use crate::access::Access;
use crate::access::AccessConfig;
use crate::access::AccessError;
use crate::access::account;
use crate::access::account::Account;
use crate::access::audit::record;
use crate::access::name;
use crate::access::password;
use crate::access::secret::Hash;
use crate::access::secret::Ticket;
use crate::access::viewer::Viewer;
use crate::time;
use crate::time::Span;
use crate::time::Timestamp;

/// Browsers in which one account is signed in at the same time; a further one ends the oldest.
const SESSIONS_MAX: i64 = 20;
/// How often it is noted that a session is in use.
const SEEN_EVERY: Span = Span::from_millis(5 * 60_000);
const PURPOSE: &str = "session";

/// What came of an attempt to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignIn {
    /// The text of the cookie.
    Welcome(String),
    /// No such name, another password, or kept out: which one is not said.
    Wrong,
    /// Too many failures: to be tried again after so many seconds.
    Wait(u64),
}

/// A session, as a request finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who signed in.
    pub viewer: Viewer,
    /// What a page of this session has to send along with every change (CSRF).
    pub csrf: String,
}

impl Access {
    /// Signs somebody in who says a name and a password.
    pub fn sign_in(
        &self,
        given: &str,
        password: &str,
        from: Option<IpAddr>,
    ) -> Result<SignIn, AccessError> {
        // What can be no name is tried like any other, so that it takes as long.
        let known = name(given).unwrap_or_default();
        let now = time::steady();
        if let Some(wait) = self.throttle.lock().wait(&known, from, now) {
            return Ok(SignIn::Wait(wait.as_secs().max(1)));
        }
        let found = account::find(&self.reader(), &known)?;
        let hash = found.as_ref().and_then(|(_, hash)| hash.as_deref());
        let right = password::is_of(hash, password)?;
        if let Some((account, _)) = &found
            && right
            && !account.is_disabled
        {
            self.throttle.lock().succeeded(&known, from);
            return self.begin_session(&account.name).map(SignIn::Welcome);
        }
        self.throttle.lock().failed(&known, from, now);
        // An unknown name is not logged: people type passwords there.
        let account = found.as_ref().map_or("unknown", |(account, _)| account.name.as_str());
        tracing::warn!(account, "a sign-in was refused");
        Ok(SignIn::Wrong)
    }

    /// Signs in whom the company's directory has named; the text of the cookie, or none where there
    /// is no such account, or it is kept out.
    pub fn sign_in_named(&self, given: &str) -> Result<Option<String>, AccessError> {
        let Ok(known) = name(given) else { return Ok(None) };
        let found = account::find(&self.reader(), &known)?;
        match found.filter(|(account, _)| !account.is_disabled) {
            Some((account, _)) => self.begin_session(&account.name).map(Some),
            None => {
                tracing::warn!("the directory named somebody who has no account, or is kept out");
                Ok(None)
            }
        }
    }

    /// Signs an account in without asking for anything; gives the text of the cookie.
    pub fn begin_session(&self, account: &str) -> Result<String, AccessError> {
        let (ticket, now) = (Ticket::random()?, time::now().millis());
        let mut writer = self.writer.lock();
        let transaction = writer.transaction()?;
        self.prune(&transaction)?;
        transaction.execute(
            "INSERT INTO sessions (id, hash, account, created_at, seen_at)
             VALUES (?1, ?2, ?3, ?4, ?4)",
            rusqlite::params![ticket.id, ticket.secret.hash(PURPOSE), account, now],
        )?;
        transaction.execute(
            "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE account = ?1
             ORDER BY created_at DESC, rowid DESC LIMIT -1 OFFSET ?2)",
            rusqlite::params![account, SESSIONS_MAX],
        )?;
        let key = format!("user:{account}");
        record(&transaction, &key, "session.begin", (&key, ""))?;
        transaction.commit()?;
        Ok(ticket.text())
    }

    /// The session of this cookie, unless it is over.
    pub fn session(&self, cookie: &str) -> Result<Option<Session>, AccessError> {
        let Some(ticket) = Ticket::parse(cookie) else { return Ok(None) };
        let now = time::now();
        let Some((account, seen_at)) = self.find_session(&ticket, now)? else { return Ok(None) };
        if now - seen_at >= SEEN_EVERY {
            let writer = self.writer.lock();
            let mut statement =
                writer.prepare_cached("UPDATE sessions SET seen_at = ?2 WHERE id = ?1")?;
            statement.execute(rusqlite::params![ticket.id, now.millis()])?;
        }
        let Account { name, role, person, .. } = account;
        let csrf = ticket.secret.hash("csrf").text();
        Ok(Some(Session { viewer: Viewer::Account { name, role, person }, csrf }))
    }

    fn find_session(
        &self,
        ticket: &Ticket,
        now: Timestamp,
    ) -> Result<Option<(Account, Timestamp)>, AccessError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(
            "SELECT name, role, person, disabled, accounts.created_at,
                    hash, sessions.created_at, seen_at
             FROM sessions JOIN accounts ON name = account WHERE id = ?1",
        )?;
        let found = statement
            .query_row([&ticket.id], |row| {
                let hash: Hash = row.get(5)?;
                let (created, seen): (i64, i64) = (row.get(6)?, row.get(7)?);
                Ok((account::account(row), hash, created, seen))
            })
            .optional()?;
        let Some((account, hash, created, seen)) = found else { return Ok(None) };
        let (account, seen) = (account?, Timestamp::saturating(seen));
        let (oldest, idle) = limits(&self.config, now);
        let is_good = hash.is_of(PURPOSE, &ticket.secret)
            && !account.is_disabled
            && Timestamp::saturating(created) > oldest
            && seen > idle;
        Ok(is_good.then_some((account, seen)))
    }

    /// Ends the session of this cookie, if there is one.
    pub fn sign_out(&self, cookie: &str) -> Result<(), AccessError> {
        let Some(session) = self.session(cookie)? else { return Ok(()) };
        let Some(ticket) = Ticket::parse(cookie) else { return Ok(()) };
        let mut writer = self.writer.lock();
        let transaction = writer.transaction()?;
        transaction.execute("DELETE FROM sessions WHERE id = ?1", [&ticket.id])?;
        let key = session.viewer.key();
        record(&transaction, &key, "session.end", (&key, ""))?;
        Ok(transaction.commit()?)
    }

    fn prune(&self, to: &Connection) -> Result<(), AccessError> {
        let (oldest, idle) = limits(&self.config, time::now());
        to.execute(
            "DELETE FROM sessions WHERE created_at <= ?1 OR seen_at <= ?2",
            [oldest.millis(), idle.millis()],
        )?;
        Ok(())
    }
}

/// Before which a session may not have begun, and may not have been idle since.
fn limits(config: &AccessConfig, now: Timestamp) -> (Timestamp, Timestamp) {
    let hours = |hours: u32| Span::from_millis(i64::from(hours) * 3_600_000);
    (now - hours(config.session_hours), now - hours(config.idle_hours))
}
