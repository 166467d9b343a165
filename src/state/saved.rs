//! An entity as a snapshot keeps it: what cannot be computed from anything else.
//!
//! ```text
//! history as it lies in memory ─┐
//! slots, sets ever seen ────────┼──► Saved ──► the same entity, by the same layout; by another
//! clock, currency, who served ──┘             one, refilled from the history
//! ```
//!
//! Slots mean something only to the plan that laid them out, so a snapshot keeps the plan's
//! [`Layout`] beside them. Another one, after an upgrade of the program, takes over what it keeps
//! alike, and counts the rest from the history.

use std::fmt::Debug;

use rapidhash::v3::rapidhash_v3;

use crate::event::Symbol;
use crate::event::reference::Customer;
use crate::money::Currency;
use crate::state::Entity;
use crate::state::Having;
use crate::state::OwnedSets;
use crate::state::Rare;
use crate::state::Slots;
use crate::state::detection::State;
use crate::state::history::History;
use crate::state::history::SavedHistory;
use crate::state::past::PastAlert;
use crate::state::past::PastAlerts;
use crate::state::program::Program;
use crate::state::program::Running;
use crate::state::refill::Carried;
use crate::state::window::Aggregate;
use crate::state::window::Plan;
use crate::state::window::Upkeep;
use crate::time::Timestamp;

/// The form of the records of a history: another number after each change of their bytes. Since 2 a
/// record says its territory; those of form 1 are read as they are.
pub const HISTORY_FORM: u8 = 2;

/// What is saved of an entity.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    /// Its clock.
    pub clock: Timestamp,
    /// Its history.
    pub history: SavedHistory,
    /// Its numbers.
    pub slots: Vec<i64>,
    /// Sets of names ever seen.
    pub owned: Vec<(u16, Option<Symbol>)>,
    /// What detectors made of what the history has forgotten; empty where it has forgotten
    /// nothing.
    pub base: Vec<State>,
    /// The alerts that it has had.
    pub past: Vec<PastAlert>,
    /// Reference data of a customer.
    pub profile: Option<Box<Customer>>,
    /// Currency of the first amount seen.
    pub currency: Option<Currency>,
    /// Who served it last: rep, territory, when.
    pub served: (Option<Symbol>, Option<Symbol>, Timestamp),
}

/// What the numbers of an entity mean.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    /// Equal for plans that lay out alike.
    pub id: u64,
    /// Running values of everything ever seen: what each counts, as a hash, and where it stands.
    pub ever: Vec<(u64, Running)>,
    /// What each set of names holds, as a hash.
    pub sets: Vec<u64>,
    /// What each detector follows, as a hash; empty in snapshots of format 2 and before.
    pub followed: Vec<u64>,
}

impl Layout {
    /// The layout of a plan, whose expressions stand in this program.
    pub fn of(plan: &Plan, program: &Program) -> Self {
        let spelled =
            |what: &dyn Debug| rapidhash_v3(program.spelled(&format!("{what:?}")).as_bytes());
        let ever = |aggregate: &Aggregate| {
            let Aggregate { list, filter, measure, kind, unit, .. } = aggregate;
            (spelled(&(list, filter, measure, kind, unit)), aggregate.running())
        };
        Self {
            id: rapidhash_v3(format!("{plan:?} {program:?}").as_bytes()),
            ever: plan.ever.iter().map(|place| ever(plan.aggregate(place))).collect(),
            sets: plan.owned.iter().map(|set| spelled(set)).collect(),
            followed: plan.followed.iter().map(|followed| spelled(followed)).collect(),
        }
    }

    /// What an entity of this layout brings to another plan.
    pub fn carried(&self, plan: &Plan, program: &Program) -> Carried {
        let now = Self::of(plan, program);
        let value = |key: u64| self.ever.iter().find(|(known, _)| *known == key);
        let place = |all: &[u64], key: u64| {
            let found = all.iter().position(|known| *known == key);
            found.and_then(|place| u16::try_from(place).ok())
        };
        Carried::new(
            (plan, program),
            now.ever.iter().map(|(key, to)| (value(*key).map(|(_, from)| *from), *to)),
            now.sets.iter().map(|key| place(&self.sets, *key)),
            now.followed.iter().map(|key| place(&self.followed, *key)),
        )
    }
}

impl Entity {
    /// What has to be saved of it; its history, slots and sets are lent to `with`.
    pub fn saved<T>(&self, with: impl FnOnce(Parts<'_>) -> T) -> T {
        with(Parts {
            entity: self,
            slots: &self.slots,
            owned: &self.owned().0,
            base: self.rests_on().unwrap_or_default(),
            served_at: self.served_at,
        })
    }

    /// Until when no window moves.
    pub fn stirs_at(&self) -> Timestamp {
        self.stirs_at
    }

    /// Says until when no window moves: of an entity that is as it was, which forgets no sooner
    /// for having been written down.
    pub fn stir_at(&mut self, at: Timestamp) {
        self.stirs_at = at;
    }

    /// Feeds the detectors with the history, on top of what they made of its forgotten part.
    pub fn follow_again(&mut self, upkeep: Upkeep<'_>) {
        let places: Vec<Option<u16>> = (0..).map(Some).take(upkeep.plan.followed.len()).collect();
        self.follow_by(&places, upkeep);
    }

    /// An entity that was saved; its numbers are those of its layout then.
    pub fn restored(saved: Saved) -> Self {
        let Saved { clock, history, slots, owned, base, past, profile, currency, served } = saved;
        let (rep, territory, served_at) = served;
        let mut entity = Self {
            clock,
            history: History::restored(history),
            slots: Slots::from_vec(slots),
            rare: Rare::default(),
            home: currency.into(),
            rep,
            served_at,
            // The next event or deadline looks at every window.
            stirs_at: Timestamp::MIN,
            laid_out: 0,
        };
        if !owned.is_empty() || !past.is_empty() || profile.is_some() || territory.is_some() {
            let (owned, past) = (OwnedSets(owned), PastAlerts::restored(past));
            *entity.rare.begin() = Having { owned, kept: None, past, profile, territory };
        }
        // What detectors have made follows from the history: see `Entity::follow_again`.
        if !base.is_empty() {
            entity.rest_again(base);
        }
        entity
    }
}

/// The parts of an entity that others do not see.
pub struct Parts<'a> {
    /// The entity.
    pub entity: &'a Entity,
    /// Its numbers.
    pub slots: &'a [i64],
    /// Sets of names ever seen.
    pub owned: &'a [(u16, Option<Symbol>)],
    /// What detectors made of what the history has forgotten.
    pub base: &'a [State],
    /// When it was served last.
    pub served_at: Timestamp,
}
