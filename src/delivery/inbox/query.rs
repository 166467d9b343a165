//! Questions to the inbox: the ranked list, one alert, how many there are, what has changed.
//!
//! ```text
//! ranked: money at stake, the most first ─► without money last ─► the newest first
//! closed: what was closed last comes first
//! page:   [ a b c ] cursor = c's place ─► [ d e f ] …   stable while alerts come and go
//! ```

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::OptionalExtension;
use rusqlite::Row;
use rusqlite::types::Value as Param;

use crate::alert::Alert;
use crate::alert::AlertId;
use crate::alert::AlertState;
use crate::alert::Family;
use crate::alert::Owner;
use crate::alert::Severity;
use crate::alert::Value;
use crate::delivery::inbox::Change;
use crate::delivery::inbox::Inbox;
use crate::delivery::inbox::InboxError;
use crate::delivery::inbox::MOVED;
use crate::delivery::inbox::people::Sight;
use crate::event::EntityKind;
use crate::money::Currency;
use crate::money::Decimal;
use crate::time::Timestamp;

/// The rank of an alert without a value: behind every amount, also a negative one.
pub(super) const RANK_NONE: i64 = i64::MIN;

/// Which states a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// Firing or acknowledged: what is to be done.
    #[default]
    Open,
    /// Waiting for somebody.
    Firing,
    /// Somebody is on it.
    Acknowledged,
    /// Put aside.
    Snoozed,
    /// Over.
    Closed,
    /// All of them but the shadow.
    Any,
    /// Of rules in shadow mode, whatever became of them: no other list shows these.
    Shadow,
}

/// What a list shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    /// In these states.
    pub standing: Standing,
    /// As far as whoever asks may see.
    pub sight: Sight,
    /// Of this owner, by [`crate::alert::Owner::key`].
    pub owner: Option<String>,
    /// Of this family.
    pub family: Option<Family>,
    /// About this entity.
    pub entity: Option<(EntityKind, String)>,
    /// Of this rule.
    pub rule: Option<String>,
    /// As urgent as this.
    pub severity: Option<Severity>,
    /// Worth at least this much, whatever the currency.
    pub value_min: Option<Decimal>,
    /// With every one of these words in name, id, summary or rule.
    pub text: Option<String>,
    /// Those of these that the list has; all of it when empty. Tallies are of the whole list all the
    /// same.
    pub among: Vec<AlertId>,
    /// Behind this place.
    pub after: Option<Cursor>,
    /// At most this many, up to [`Query::LIMIT_MAX`]; 0 means 50.
    pub limit: u32,
}

/// A place in the ranked list; opaque outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    key: i64,
    opened_at: i64,
    id: String,
}

/// An alert with the number of its newest change.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The alert, in the state that it has now.
    pub alert: Alert,
    /// Number of its newest change.
    pub seq: u64,
    /// What it brought in or cost, where whoever closed it said so.
    pub amount: Option<Value>,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The alerts, ranked.
    pub alerts: Vec<Kept>,
    /// By what each of them is ranked; whatever is newer comes first among equals.
    pub keys: Vec<i64>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<Cursor>,
}

/// How many alerts there are, and how much money is at stake in them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Alerts.
    pub alerts: u64,
    /// Whole currency units at stake, for each currency.
    pub money: Vec<(Option<Currency>, i64)>,
}

/// Tallies of what a list could show.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// Open alerts.
    pub open: Tally,
    /// Snoozed ones.
    pub snoozed: Tally,
    /// Closed ones, where the standing asked for has them: there are many, and nobody waits for them.
    pub closed: Tally,
    /// Within the standing asked for: each family that has any.
    pub families: Vec<(Family, Tally)>,
}

/// What has changed since a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// These changes, oldest first; empty when there are none.
    Changes(Vec<Change>),
    /// Too long ago, or never handed out: read the list afresh, then go on behind this number.
    Resync(u64),
}

impl Query {
    /// Most alerts on a page.
    pub const LIMIT_MAX: u32 = 200;
    /// Most owners that [`Inbox::owners`] names.
    const OWNERS_MAX: usize = 500;
    const WORDS_MAX: usize = 8;

    /// What may be seen at all, as SQL with what it compares to.
    fn in_sight(&self) -> (String, Vec<Param>) {
        match self.sight.condition("owner") {
            Some((sql, param)) => (sql, vec![param]),
            None => ("1".to_owned(), Vec::new()),
        }
    }

    /// The conditions as SQL, with what they compare to.
    fn conditions(&self, owner: bool, family: bool) -> (String, Vec<Param>) {
        let (mut sql, mut params) = self.in_sight();
        let mut add = |condition: &str, param: Option<String>| {
            sql.push_str(" AND ");
            sql.push_str(condition);
            params.extend(param.map(Param::Text));
        };
        if let Some(owner) = self.owner.as_ref().filter(|_| owner) {
            add("owner = ?", Some(owner.clone()));
        }
        if let Some(family) = self.family.filter(|_| family) {
            add("family = ?", Some(family.name().to_owned()));
        }
        if let Some((kind, id)) = &self.entity {
            add("entity_kind = ?", Some(kind.name().to_owned()));
            add("entity_id = ?", Some(id.clone()));
        }
        if let Some(rule) = &self.rule {
            add("rule = ?", Some(rule.clone()));
        }
        if let Some(severity) = self.severity {
            add("severity = ?", Some(severity.name().to_owned()));
        }
        let text = self.text.as_deref().unwrap_or_default().to_lowercase();
        for word in text.split_whitespace().take(Self::WORDS_MAX) {
            add("instr(words, ?) > 0", Some(word.to_owned()));
        }
        if let Some(least) = self.value_min {
            sql.push_str(" AND rank >= ?");
            params.push(Param::Integer(least.micros()));
        }
        (sql, params)
    }
}

impl Standing {
    /// Every standing with its word in the API.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Open, "open"),
        (Self::Firing, "firing"),
        (Self::Acknowledged, "acknowledged"),
        (Self::Snoozed, "snoozed"),
        (Self::Closed, "closed"),
        (Self::Any, "any"),
        (Self::Shadow, "shadow"),
    ];

    /// Its word in the API.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// The standing of this word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, n)| *n == name).map(|(standing, _)| *standing)
    }

    /// The column that orders such a list.
    fn key(self) -> &'static str {
        if self == Self::Closed { "changed_at" } else { "rank" }
    }

    fn condition(self) -> &'static str {
        match self {
            Self::Open => "shelf = 0",
            Self::Firing => "shelf = 0 AND state_name = 'firing'",
            Self::Acknowledged => "shelf = 0 AND state_name = 'acknowledged'",
            Self::Snoozed => "shelf = 1",
            Self::Closed => "shelf = 2",
            Self::Any => "shelf < 3",
            Self::Shadow => "shelf = 3",
        }
    }
}

impl Cursor {
    /// As a word for a query string.
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}:{}:{}", self.key, self.opened_at, self.id))
    }

    /// The place that [`Cursor::encode`] wrote.
    pub fn decode(text: &str) -> Result<Self, InboxError> {
        let error = || InboxError::Cursor(text.chars().take(80).collect());
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| error())?;
        let plain = String::from_utf8(bytes).map_err(|_| error())?;
        let mut parts = plain.splitn(3, ':');
        let mut number = || parts.next().and_then(|part| part.parse::<i64>().ok());
        let (key, opened_at) = (number().ok_or_else(error)?, number().ok_or_else(error)?);
        let id: AlertId = parts.next().and_then(|part| part.parse().ok()).ok_or_else(error)?;
        Ok(Self { key, opened_at, id: id.to_string() })
    }
}

impl Inbox {
    /// One page of the ranked list.
    pub fn list(&self, query: &Query) -> Result<Page, InboxError> {
        let limit = if query.limit == 0 { 50 } else { query.limit.min(Query::LIMIT_MAX) };
        let (mut sql, mut params) = query.conditions(true, true);
        let key = query.standing.key();
        if !query.among.is_empty() {
            let places = vec!["?"; query.among.len()].join(", ");
            let _ = write!(sql, " AND id IN ({places})");
            params.extend(query.among.iter().map(|id| Param::Text(id.to_string())));
        }
        if let Some(after) = &query.after {
            let _ = write!(sql, " AND ({key}, opened_at, id) < (?, ?, ?)");
            params.push(Param::Integer(after.key));
            params.push(Param::Integer(after.opened_at));
            params.push(Param::Text(after.id.clone()));
        }
        params.push(Param::Integer(i64::from(limit) + 1));
        let reader = self.reader();
        let mut statement = reader.prepare_cached(&format!(
            "SELECT body, state, seq, owner, amount, {key} FROM alerts WHERE {} AND {sql}
             ORDER BY {key} DESC, opened_at DESC, id DESC LIMIT ?",
            query.standing.condition()
        ))?;
        let mut rows = statement.query(rusqlite::params_from_iter(params))?;
        let (mut alerts, mut keys) = (Vec::new(), Vec::new());
        while let Some(row) = rows.next()? {
            alerts.push(kept(row)?);
            keys.push(row.get::<_, i64>(5)?);
        }
        let more = alerts.len() > limit as usize;
        alerts.truncate(limit as usize);
        keys.truncate(limit as usize);
        let next = alerts.last().zip(keys.last()).filter(|_| more);
        let next = next.map(|(last, key)| Cursor {
            key: *key,
            opened_at: last.alert.opened_at.millis(),
            id: last.alert.id.to_string(),
        });
        Ok(Page { alerts, keys, next })
    }

    /// One alert.
    pub fn get(&self, id: AlertId) -> Result<Option<Kept>, InboxError> {
        let reader = self.reader();
        let mut statement = reader
            .prepare_cached("SELECT body, state, seq, owner, amount FROM alerts WHERE id = ?1")?;
        let mut rows = statement.query([id.to_string()])?;
        rows.next()?.map(kept).transpose()
    }

    /// How many alerts are open.
    pub fn open_count(&self) -> Result<u64, InboxError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached("SELECT COUNT(*) FROM alerts WHERE shelf = 0")?;
        Ok(statement.query_row([], |row| row.get::<_, i64>(0))?.cast_unsigned())
    }

    /// Tallies round the list of this query.
    pub fn counts(&self, query: &Query) -> Result<Counts, InboxError> {
        let mut counts = Counts::default();
        let (sql, params) = query.conditions(true, true);
        let shelves = match query.standing {
            Standing::Closed | Standing::Any => "shelf < 3",
            _ => "shelf IN (0, 1)",
        };
        let sql = format!("{shelves} AND {sql}");
        self.tally("CAST(shelf AS TEXT)", &sql, params, |shelf, currency, alerts, money| {
            let tally = match shelf {
                "0" => &mut counts.open,
                "1" => &mut counts.snoozed,
                "2" => &mut counts.closed,
                _ => return,
            };
            tally.add(currency, alerts, money);
        })?;
        let (sql, params) = query.conditions(true, false);
        let sql = format!("{} AND {sql}", query.standing.condition());
        let mut families: Vec<Tally> = vec![Tally::default(); Family::ALL.len()];
        self.tally("family", &sql, params, |name, currency, alerts, money| {
            if let Some(family) = Family::from_name(name) {
                families[family as usize].add(currency, alerts, money);
            }
        })?;
        let named = Family::ALL.iter().zip(families).filter(|(_, tally)| tally.alerts > 0);
        counts.families = named.map(|((family, _), tally)| (*family, tally)).collect();
        Ok(counts)
    }

    /// Open alerts of each owner in sight, the largest number first; at most 500 owners.
    pub fn owners(&self, sight: &Sight) -> Result<Vec<(String, Tally)>, InboxError> {
        let query = Query { sight: sight.clone(), ..Query::default() };
        let (sql, params) = query.in_sight();
        let sql = format!("shelf = 0 AND {sql}");
        let mut owners: Vec<(String, Tally)> = Vec::new();
        self.tally("owner", &sql, params, |owner, currency, alerts, money| {
            if owners.last().is_none_or(|(last, _)| last != owner) {
                owners.push((owner.to_owned(), Tally::default()));
            }
            if let Some((_, tally)) = owners.last_mut() {
                tally.add(currency, alerts, money);
            }
        })?;
        owners.sort_by(|(a, x), (b, y)| y.alerts.cmp(&x.alerts).then_with(|| a.cmp(b)));
        owners.truncate(Query::OWNERS_MAX);
        Ok(owners)
    }

    /// Alerts and whole units of money, by `group` and currency, in the order of `group`.
    fn tally(
        &self,
        group: &str,
        condition: &str,
        params: Vec<Param>,
        mut each: impl FnMut(&str, Option<Currency>, u64, i64),
    ) -> Result<(), InboxError> {
        let reader = self.reader();
        // Whole units: a sum of millionths could leave the range of 64 bits.
        let mut statement = reader.prepare_cached(&format!(
            "SELECT {group} AS grouped, currency, COUNT(*),
                    SUM(CASE WHEN rank > {RANK_NONE} THEN rank / 1000000 ELSE 0 END)
             FROM alerts WHERE {condition} GROUP BY grouped, currency ORDER BY grouped, currency",
        ))?;
        let mut rows = statement.query(rusqlite::params_from_iter(params))?;
        while let Some(row) = rows.next()? {
            let currency: Option<String> = row.get(1)?;
            let currency = currency.and_then(|code| Currency::parse(&code).ok());
            let alerts = row.get::<_, i64>(2)?.cast_unsigned();
            each(row.get_ref(0)?.as_str().unwrap_or_default(), currency, alerts, row.get(3)?);
        }
        Ok(())
    }

    /// Number of the newest change; 0 before the first.
    pub fn newest_seq(&self) -> Result<u64, InboxError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached("SELECT COALESCE(MAX(seq), 0) FROM changes")?;
        Ok(statement.query_row([], |row| row.get::<_, i64>(0))?.cast_unsigned())
    }

    /// At most `limit` changes behind the number `seq`, of one owner or of all in sight.
    ///
    /// Of an alert that has left the sight since, only that it left is told.
    pub fn changes_since(
        &self,
        seq: u64,
        (sight, owner): (&Sight, Option<&str>),
        limit: u32,
    ) -> Result<Since, InboxError> {
        let reader = self.reader();
        let bounds = reader
            .prepare_cached("SELECT MIN(seq), MAX(seq) FROM changes")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (oldest, newest) = match bounds {
            Some((Some(oldest), Some(newest))) => (i64::cast_unsigned(oldest), newest),
            _ => (1, 0),
        };
        let newest = i64::cast_unsigned(newest);
        if seq > newest || seq + 1 < oldest {
            return Ok(Since::Resync(newest));
        }
        let mut sql = String::from(
            "SELECT seq, id, opened, owner, family, state, at FROM changes WHERE seq > ?",
        );
        let mut params = vec![Param::Integer(seq.cast_signed())];
        if let Some(owner) = owner {
            sql.push_str(" AND owner = ?");
            params.push(Param::Text(owner.to_owned()));
        }
        if let Some((condition, keys)) = sight.condition("owner") {
            let still = "EXISTS (SELECT 1 FROM alerts WHERE alerts.id = changes.id AND alerts.";
            sql.push_str(&format!(
                " AND {condition} AND (state = '{MOVED}' OR {still}{condition}))"
            ));
            params.extend([keys.clone(), keys]);
        }
        sql.push_str(" ORDER BY seq LIMIT ?");
        params.push(Param::Integer(i64::from(limit)));
        let mut statement = reader.prepare_cached(&sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(params))?;
        let mut changes = Vec::new();
        while let Some(row) = rows.next()? {
            let id: String = row.get(1)?;
            let Ok(id) = id.parse() else { continue };
            changes.push(Change {
                seq: row.get::<_, i64>(0)?.cast_unsigned(),
                id,
                opened: row.get(2)?,
                owner: row.get(3)?,
                family: row.get(4)?,
                state: row.get(5)?,
                at: Timestamp::saturating(row.get(6)?),
            });
        }
        Ok(Since::Changes(changes))
    }
}

impl Tally {
    fn add(&mut self, currency: Option<Currency>, alerts: u64, money: i64) {
        self.alerts += alerts;
        if money != 0 {
            self.money.push((currency, money));
        }
    }
}

/// Reads `body, state, seq, owner, amount`.
pub(super) fn kept(row: &Row<'_>) -> Result<Kept, InboxError> {
    let mut alert: Alert = serde_json::from_str(row.get_ref(0)?.as_str().unwrap_or_default())?;
    let state: AlertState = serde_json::from_str(row.get_ref(1)?.as_str().unwrap_or_default())?;
    alert.state = state;
    alert.owner = Owner::from_key(row.get_ref(3)?.as_str().unwrap_or_default());
    let amount: Option<i64> = row.get(4)?;
    let currency = alert.value.and_then(|value| value.currency);
    let amount = amount.map(|micros| Value { amount: Decimal::from_micros(micros), currency });
    Ok(Kept { alert, seq: row.get::<_, i64>(2)?.cast_unsigned(), amount })
}
