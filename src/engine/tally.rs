//! What did a shard do, in all and rule by rule?

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::rule::set::RuleSet;
use crate::state::value::Fault;

/// What a shard did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events that changed an entity.
    pub applied: u64,
    /// Of those, how many were put among older ones.
    pub late: u64,
    /// Of those, how many lay before every window.
    pub too_late: u64,
    /// Events that an entity had already.
    pub duplicates: u64,
    /// Timers that fired.
    pub timers: u64,
    /// By rule, in the order of the set.
    pub rules: Vec<RuleTally>,
    /// The rules' names, in that order.
    names: Arc<[Arc<str>]>,
    /// Of rules that were taken out, or that another shard does not have yet.
    gone: BTreeMap<Arc<str>, RuleTally>,
}

/// What was done for one rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuleTally {
    /// How often it was asked.
    pub evaluations: u64,
    /// How often it had no value.
    pub failures: u64,
    /// Items of lists that it went through: what it costs.
    pub items: u64,
    /// Alerts that it opened.
    pub alerts: u64,
    /// Whether it had no value when it was last asked.
    pub is_failing: bool,
    /// How often it took too many steps since it last had saved some again.
    pub exhausted: u8,
    /// Why it is not asked any more, if it is not.
    pub resting: Option<Resting>,
}

/// Why a rule is not asked any more until the rules are loaded again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resting {
    /// It took too many steps, several times.
    Exhausted,
    /// It met a mistake in the program.
    Broken,
}

impl Resting {
    /// Why, for people.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Exhausted => "it took too many steps three times: narrow its windows",
            Self::Broken => "the program broke on it: please report the rule and the log",
        }
    }
}

impl RuleTally {
    /// So often may a rule take too many steps before it rests.
    const EXHAUSTED_MAX: u8 = 3;

    /// Takes note of an answer, or why there was none, and of the items gone through for it.
    #[inline]
    pub(crate) fn note(&mut self, fault: Option<Fault>, items: u32) {
        self.items += u64::from(items);
        self.is_failing = fault.is_some();
        self.failures += u64::from(fault.is_some());
    }

    /// Takes note of an event at which it says nothing, whatever its condition is.
    #[inline]
    pub(crate) fn passed(&mut self) {
        self.is_failing = false;
    }

    /// It went through all that it had; whether that was once too often.
    #[cold]
    pub(crate) fn strike(&mut self) -> bool {
        self.exhausted = self.exhausted.saturating_add(1);
        self.exhausted >= Self::EXHAUSTED_MAX
    }

    fn add(&mut self, other: &Self) {
        self.evaluations += other.evaluations;
        self.failures += other.failures;
        self.items += other.items;
        self.alerts += other.alerts;
        self.is_failing |= other.is_failing;
        self.exhausted = self.exhausted.max(other.exhausted);
        self.resting = self.resting.max(other.resting);
    }
}

impl Tally {
    /// Nothing done yet.
    pub fn new(rules: &RuleSet) -> Self {
        Self {
            rules: vec![RuleTally::default(); rules.rules.len()],
            names: names(rules),
            ..Self::default()
        }
    }

    /// Adds what another shard did. While a change of rules is under way the two may have
    /// different rules: they are put together by name.
    pub fn add(&mut self, other: &Self) {
        self.applied += other.applied;
        self.late += other.late;
        self.too_late += other.too_late;
        self.duplicates += other.duplicates;
        self.timers += other.timers;
        if self.names.is_empty() {
            self.names = Arc::clone(&other.names);
            self.rules.resize(self.names.len(), RuleTally::default());
        }
        if self.names == other.names {
            self.rules.iter_mut().zip(&other.rules).for_each(|(mine, theirs)| mine.add(theirs));
        } else {
            for (name, theirs) in other.names.iter().zip(&other.rules) {
                self.of(name).add(theirs);
            }
        }
        for (name, theirs) in &other.gone {
            self.of(name).add(theirs);
        }
    }

    /// What was done for the rule of this name, now or before it was taken out.
    pub fn rule(&self, name: &str) -> RuleTally {
        let place = self.names.iter().position(|known| **known == *name);
        let found = place.and_then(|place| self.rules.get(place)).or_else(|| self.gone.get(name));
        found.copied().unwrap_or_default()
    }

    /// Every rule that there ever was, with what was done for it.
    pub fn by_name(&self) -> impl Iterator<Item = (&str, &RuleTally)> {
        let gone = self.gone.iter().map(|(name, tally)| (&**name, tally));
        self.names.iter().map(|name| &**name).zip(&self.rules).chain(gone)
    }

    /// Other rules from here on: what was counted stays with its name, and none rests.
    pub fn adopt(&mut self, rules: &RuleSet) {
        let old = std::mem::replace(&mut self.names, names(rules));
        for (name, tally) in old.iter().zip(self.rules.drain(..)) {
            self.gone.insert(Arc::clone(name), tally);
        }
        for name in self.names.iter() {
            let before = self.gone.remove(name).unwrap_or_default();
            self.rules.push(RuleTally { is_failing: false, exhausted: 0, resting: None, ..before });
        }
        for tally in self.gone.values_mut() {
            *tally = RuleTally { is_failing: false, exhausted: 0, resting: None, ..*tally };
        }
    }

    fn of(&mut self, name: &Arc<str>) -> &mut RuleTally {
        match self.names.iter().position(|known| known == name) {
            Some(place) => &mut self.rules[place],
            None => self.gone.entry(Arc::clone(name)).or_default(),
        }
    }
}

fn names(rules: &RuleSet) -> Arc<[Arc<str>]> {
    rules.rules.iter().map(|rule| Arc::clone(&rule.name)).collect()
}
