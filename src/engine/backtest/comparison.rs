//! Which alerts are new, gone, kept? Two ledgers laid side by side, and what they sum up to.
//!
//! ```text
//! new ledger, by id ─┐                ┌─ only here ─► new
//!                    ├─► both, stepwise ─ in both ──► kept; changed where value, severity,
//! old ledger, by id ─┘                └─ only there ► gone          opening or closing differ
//! ```
//!
//! An id that comes again (an episode whose alert had closed) is matched first with first,
//! second with second.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;

use rapidhash::fast::RandomState;

use crate::alert::Family;
use crate::alert::Value;
use crate::engine::backtest::ledger::Entry;
use crate::engine::backtest::ledger::Ledger;
use crate::engine::backtest::outcome::Judged;
use crate::engine::backtest::outcome::Outcomes;
use crate::money::Currency;

/// The difference of two rule sets.
#[derive(Debug)]
pub struct Comparison {
    new: Ledger,
    old: Ledger,
    rows: Vec<Row>,
    /// All alerts.
    pub total: Split,
    /// By the name of the rule.
    pub rules: BTreeMap<String, Split>,
    /// By who should act.
    pub owners: BTreeMap<String, Split>,
    /// By the day on which they opened, counted from 1970, UTC.
    pub days: BTreeMap<i64, Split>,
    /// How much the new set asks of each rep.
    pub new_volume: Volume,
    /// How much the old set did.
    pub old_volume: Volume,
}

/// Alerts, by what the change of rules makes of them.
#[derive(Debug, Clone, Default)]
pub struct Split {
    /// Only the new rules have them.
    pub new: Count,
    /// Only the old rules had them.
    pub gone: Count,
    /// Both have them; with the money and the outcomes of the new rules.
    pub kept: Count,
    /// The kept ones as the old rules had them.
    pub kept_before: Count,
    /// Kept ones that differ in something.
    pub changed: u64,
    /// Of those, how many differ in what.
    pub differences: [u64; 4],
}

/// How many alerts, and how much money in each currency.
#[derive(Debug, Clone, Default)]
pub struct Count {
    /// How many.
    pub alerts: u64,
    /// Millionths, by currency.
    pub money: BTreeMap<Option<Currency>, i128>,
    /// Those whose outcome is known.
    pub judged: Judged,
}

/// How many alerts a rep gets on a day.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Volume {
    /// Alerts that go to a rep.
    pub alerts: u64,
    /// Reps that get any, under either set.
    pub reps: u64,
    /// Days from the first alert to the last, under either set.
    pub days: u64,
    /// The rep and the day with the most, and how many.
    pub busiest: Option<(String, i64, u64)>,
}

/// One line of the comparison.
#[derive(Debug, Clone, Copy)]
struct Row {
    new: Option<u32>,
    old: Option<u32>,
}

/// What the change of rules makes of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Only the new rules have it.
    New,
    /// Only the old rules had it.
    Gone,
    /// Both have it, and it differs in something.
    Changed,
    /// Both have it, and it is the same.
    Kept,
}

/// In what two alerts of the same id can differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// The money at stake.
    Value,
    /// How urgent.
    Severity,
    /// When it opened.
    Opening,
    /// When it closed, and why.
    Closing,
}

/// One alert of the comparison, to be read.
#[derive(Debug, Clone, Copy)]
pub struct Compared<'a> {
    /// What became of it.
    pub change: Change,
    /// As the new rules have it, else as the old ones had it.
    pub entry: &'a Entry,
    /// As the old rules had a kept one.
    pub before: Option<&'a Entry>,
    ledger: &'a Ledger,
}

impl Change {
    /// The lower-case word.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Gone => "gone",
            Self::Changed => "changed",
            Self::Kept => "kept",
        }
    }
}

impl Difference {
    /// Every difference with its word.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Value, "value"),
        (Self::Severity, "severity"),
        (Self::Opening, "opening"),
        (Self::Closing, "closing"),
    ];

    fn holds(self, new: &Entry, old: &Entry) -> bool {
        match self {
            Self::Value => new.value != old.value,
            Self::Severity => new.severity != old.severity,
            Self::Opening => new.opened_at != old.opened_at,
            Self::Closing => (new.closing, new.closed_at) != (old.closing, old.closed_at),
        }
    }
}

impl<'a> Compared<'a> {
    /// Name of its rule.
    pub fn rule(&self) -> &'a str {
        self.ledger.rule(self.entry)
    }

    /// Family of its rule.
    pub fn family(&self) -> Option<Family> {
        self.ledger.family(self.entry)
    }

    /// The id of its entity.
    pub fn entity(&self) -> &'a str {
        self.ledger.entity(self.entry)
    }

    /// Who should act.
    pub fn owner(&self) -> &'a str {
        self.ledger.owner(self.entry)
    }

    /// In what it differs from before.
    pub fn differences(&self) -> impl Iterator<Item = &'static str> + use<'a> {
        let (entry, before) = (self.entry, self.before);
        let differs = move |(difference, _): &(Difference, &str)| {
            before.is_some_and(|before| difference.holds(entry, before))
        };
        Difference::ALL.into_iter().filter(differs).map(|(_, name)| name)
    }
}

impl Count {
    fn add(&mut self, value: Option<Value>) {
        self.alerts += 1;
        if let Some(value) = value {
            *self.money.entry(value.currency).or_default() += i128::from(value.amount.micros());
        }
    }

    /// With those of another count.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        sum.alerts += other.alerts;
        for (currency, micros) in &other.money {
            *sum.money.entry(*currency).or_default() += micros;
        }
        sum.judged = sum.judged.with(other.judged);
        sum
    }
}

impl Split {
    /// All alerts of the new rules.
    pub fn after(&self) -> Count {
        self.new.with(&self.kept)
    }

    /// All alerts of the old rules.
    pub fn before(&self) -> Count {
        self.gone.with(&self.kept_before)
    }

    fn add(&mut self, compared: &Compared<'_>, outcomes: &Outcomes) {
        let count = match compared.change {
            Change::New => &mut self.new,
            Change::Gone => &mut self.gone,
            Change::Changed | Change::Kept => &mut self.kept,
        };
        count.add(compared.entry.value);
        let outcome = outcomes.of(compared.ledger, compared.entry);
        if let Some(outcome) = outcome {
            count.judged.add(outcome);
        }
        let Some(before) = compared.before else { return };
        self.kept_before.add(before.value);
        if let Some(outcome) = outcome {
            self.kept_before.judged.add(outcome);
        }
        self.changed += u64::from(compared.change == Change::Changed);
        for (sum, (difference, _)) in self.differences.iter_mut().zip(Difference::ALL) {
            *sum += u64::from(difference.holds(compared.entry, before));
        }
    }
}

impl Comparison {
    /// Compares the alerts of two sets.
    pub fn new(mut new: Ledger, mut old: Ledger, outcomes: &Outcomes) -> Self {
        new.settle();
        old.settle();
        let rows = matched(&new, &old);
        let all = Self {
            new,
            old,
            rows,
            total: Split::default(),
            rules: BTreeMap::new(),
            owners: BTreeMap::new(),
            days: BTreeMap::new(),
            new_volume: Volume::default(),
            old_volume: Volume::default(),
        };
        let mut total = Split::default();
        let (mut rules, mut owners, mut days) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for compared in all.alerts() {
            total.add(&compared, outcomes);
            under(&mut rules, compared.rule()).add(&compared, outcomes);
            under(&mut owners, compared.owner()).add(&compared, outcomes);
            let day: &mut Split = days.entry(compared.entry.opened_at.day()).or_default();
            day.add(&compared, outcomes);
        }
        let mut reps = HashSet::new();
        for ledger in [&all.new, &all.old] {
            let owners = ledger.entries.iter().map(|entry| ledger.owner(entry));
            reps.extend(owners.filter(|owner| owner.starts_with("rep:")));
        }
        let length = match (days.keys().next(), days.keys().next_back()) {
            (Some(first), Some(last)) => u64::try_from(last - first + 1).unwrap_or(0),
            _ => 0,
        };
        let (count, both) = (reps.len() as u64, [&all.new, &all.old]);
        let [new_volume, old_volume] = both.map(|ledger| Volume::of(ledger, count, length));
        Self { total, rules, owners, days, new_volume, old_volume, ..all }
    }

    /// The alerts of both sets, by the time of their opening.
    pub fn alerts(&self) -> impl Iterator<Item = Compared<'_>> {
        self.rows.iter().filter_map(|row| self.compared(*row))
    }

    /// Alerts that opened while the windows were filled, and do not count: of the new set and of
    /// the old one.
    pub fn warming(&self) -> (u64, u64) {
        (self.new.warming, self.old.warming)
    }

    fn compared(&self, row: Row) -> Option<Compared<'_>> {
        let new = row.new.and_then(|place| self.new.entries.get(place as usize));
        let old = row.old.and_then(|place| self.old.entries.get(place as usize));
        match (new, old) {
            (Some(entry), Some(before)) => {
                let same = Difference::ALL.iter().all(|(d, _)| !d.holds(entry, before));
                let change = if same { Change::Kept } else { Change::Changed };
                Some(Compared { change, entry, before: Some(before), ledger: &self.new })
            }
            (Some(entry), None) => {
                Some(Compared { change: Change::New, entry, before: None, ledger: &self.new })
            }
            (None, Some(entry)) => {
                Some(Compared { change: Change::Gone, entry, before: None, ledger: &self.old })
            }
            (None, None) => None,
        }
    }
}

fn under<'m>(map: &'m mut BTreeMap<String, Split>, name: &str) -> &'m mut Split {
    if !map.contains_key(name) {
        map.insert(name.to_owned(), Split::default());
    }
    map.entry(name.to_owned()).or_default()
}

/// Both ledgers, in the order of ids, stepwise; then in the order of time.
fn matched(new: &Ledger, old: &Ledger) -> Vec<Row> {
    let (mut rows, mut left, mut right) = (Vec::new(), 0, 0);
    let place = |index: usize| u32::try_from(index).ok();
    loop {
        let order = match (new.entries.get(left), old.entries.get(right)) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => a.id.cmp(&b.id),
        };
        let new = if order == Ordering::Greater { None } else { place(left) };
        let old = if order == Ordering::Less { None } else { place(right) };
        left += usize::from(order != Ordering::Greater);
        right += usize::from(order != Ordering::Less);
        rows.push(Row { new, old });
    }
    let entry = |row: &Row| match (row.new, row.old) {
        (Some(place), _) => new.entries.get(place as usize).map(|e| (e.opened_at, e.id)),
        (None, place) => old.entries.get(place.unwrap_or(0) as usize).map(|e| (e.opened_at, e.id)),
    };
    rows.sort_by_key(entry);
    rows
}

impl Volume {
    fn of(ledger: &Ledger, reps: u64, days: u64) -> Self {
        let mut each: HashMap<(&str, i64), u64, RandomState> = HashMap::default();
        let mut alerts = 0;
        for entry in &ledger.entries {
            let owner = ledger.owner(entry);
            if owner.starts_with("rep:") {
                alerts += 1;
                *each.entry((owner, entry.opened_at.day())).or_default() += 1;
            }
        }
        // Of equals the first by day and name: the same in every run.
        let busiest = each.into_iter().max_by(|((owner, day), count), (other, more)| {
            count.cmp(more).then_with(|| (other.1, other.0).cmp(&(*day, owner)))
        });
        let busiest = busiest.map(|((owner, day), count)| (owner.to_owned(), day, count));
        Self { alerts, reps, days, busiest }
    }

    /// Alerts for a rep and a day, in the mean.
    #[expect(clippy::cast_precision_loss, reason = "a mean for display")]
    pub fn mean(&self) -> f64 {
        match self.reps * self.days {
            0 => 0.0,
            rep_days => self.alerts as f64 / rep_days as f64,
        }
    }
}
