//! Which alerts has an entity had? The list `alerts` of its rules: the newest of them, in the order
//! in which they opened, each with what became of it.
//!
//! ```text
//! alerts.last('90d').exists(a, a.rule == 'DriftSilence' && a.state == 'won')
//! └─ at most 64, by `opened` ─┘          └── rule, family, opened, closed, state, value, offer
//! ```
//!
//! Whoever runs the rules keeps it, and brings it up to date between two moments, never within
//! one: all rules that look at an event see the alerts as they stood before it, so that what they
//! see does not depend on which rule stands first.

use crate::event::Symbol;
use crate::event::Symbols;
use crate::money::Decimal;
use crate::state::value::Value;
use crate::time::Span;
use crate::time::Timestamp;

/// Alerts that are kept of an entity: the newest.
pub const KEPT_MAX: usize = 64;

/// One alert that an entity has had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastAlert {
    /// The bits of its id.
    pub id: u128,
    /// Name of its rule.
    pub rule: Symbol,
    /// Family of its rule.
    pub family: Symbol,
    /// When it opened.
    pub opened: Timestamp,
    /// When it was closed; none while it is open.
    pub closed: Option<Timestamp>,
    /// Where it stands.
    pub state: Standing,
    /// Money at stake, in the entity's currency.
    pub value: Option<Decimal>,
    /// What it offered: the text of the rule's part named `offer`.
    pub offer: Option<Symbol>,
}

/// Where an alert stands, or why it was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It waits for somebody.
    Firing,
    /// Somebody is on it.
    Acknowledged,
    /// It is put aside for a while.
    Snoozed,
    /// Its condition no longer held.
    Resolved,
    /// Its moment passed.
    Expired,
    /// Its rule was taken away.
    Withdrawn,
    /// The sale was made.
    Won,
    /// The sale was not made.
    Lost,
    /// Somebody found it wrong.
    Dismissed,
}

/// Fields of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlertField {
    /// Name of its rule.
    Rule,
    /// Family of its rule.
    Family,
    /// When it opened.
    Opened,
    /// When it was closed.
    Closed,
    /// Where it stands.
    State,
    /// Money at stake.
    Value,
    /// What it offered.
    Offer,
}

/// Which of the alerts a list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All that are kept.
    Kept,
    /// The newest so many.
    Newest(u32),
    /// Those that opened from `from` ago to `to` ago.
    Within {
        /// The older end.
        from: Span,
        /// The newer end.
        to: Span,
    },
}

/// The alerts of one entity, the oldest first. Most entities have had none, or one.
#[derive(Debug, Default, Clone)]
pub struct PastAlerts(Option<Box<[Row]>>);

/// A [`PastAlert`] as it is kept: 56 bytes of it, not 80.
#[derive(Debug, Clone, Copy)]
struct Row {
    /// Bytes, since a number of so many would begin at a multiple of 16, and make it longer.
    id: [u8; 16],
    opened: Timestamp,
    /// [`Timestamp::MAX`] while it is open.
    closed: Timestamp,
    /// Of no meaning unless it is `valued`.
    value: Decimal,
    rule: Symbol,
    family: Symbol,
    offer: Option<Symbol>,
    state: Standing,
    valued: bool,
}

impl Standing {
    /// Every standing with its name in rules.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::Firing, "firing"),
        (Self::Acknowledged, "acknowledged"),
        (Self::Snoozed, "snoozed"),
        (Self::Resolved, "resolved"),
        (Self::Expired, "expired"),
        (Self::Withdrawn, "withdrawn"),
        (Self::Won, "won"),
        (Self::Lost, "lost"),
        (Self::Dismissed, "dismissed"),
    ];

    /// Its name in rules.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

impl PastAlert {
    /// The part of a rule that says what it offers; who declines the alert declines that.
    pub const OFFER: &str = "offer";

    /// One of its fields; null where there is nothing to say.
    pub fn field(&self, field: AlertField, symbols: &Symbols) -> Value {
        match field {
            AlertField::Rule => Value::Text(self.rule),
            AlertField::Family => Value::Text(self.family),
            AlertField::Opened => Value::Time(self.opened),
            AlertField::Closed => self.closed.map_or(Value::Null, Value::Time),
            AlertField::State => Value::Text(symbols.intern(self.state.name())),
            AlertField::Offer => self.offer.map_or(Value::Null, Value::Text),
            AlertField::Value => self.value.map_or(Value::Null, Value::Money),
        }
    }
}

impl From<PastAlert> for Row {
    fn from(alert: PastAlert) -> Self {
        let PastAlert { id, rule, family, opened, closed, state, value, offer } = alert;
        Self {
            id: id.to_ne_bytes(),
            opened,
            closed: closed.unwrap_or(Timestamp::MAX),
            value: value.unwrap_or_default(),
            rule,
            family,
            offer,
            state,
            valued: value.is_some(),
        }
    }
}

impl Row {
    fn id(&self) -> u128 {
        u128::from_ne_bytes(self.id)
    }

    fn told(&self) -> PastAlert {
        PastAlert {
            id: self.id(),
            rule: self.rule,
            family: self.family,
            opened: self.opened,
            closed: (self.closed < Timestamp::MAX).then_some(self.closed),
            state: self.state,
            value: self.valued.then_some(self.value),
            offer: self.offer,
        }
    }
}

impl PastAlerts {
    /// Those of an entity that has had none.
    pub(crate) const NONE: &Self = &Self(None);

    /// What [`PastAlerts::all`] gave.
    pub(crate) fn restored(all: Vec<PastAlert>) -> Self {
        Self((!all.is_empty()).then(|| all.into_iter().map(Row::from).collect()))
    }

    /// Takes in an alert that has opened. One of the same id is the same alert, told of again.
    pub fn open(&mut self, alert: PastAlert) {
        let mut all = self.0.take().unwrap_or_default().into_vec();
        all.retain(|known| known.id() != alert.id);
        // What opened at one instant stays in the order in which it was told.
        let place = all.partition_point(|known| known.opened <= alert.opened);
        // No room for more: the next alert is far away.
        all.reserve_exact(1);
        all.insert(place, alert.into());
        if all.len() > KEPT_MAX {
            all.remove(0);
        }
        self.0 = Some(all.into());
    }

    /// Notes where an alert stands now. One that is not kept any more is of no matter.
    pub fn change(&mut self, id: u128, state: Standing, closed: Option<Timestamp>) {
        for alert in self.0.iter_mut().flatten().filter(|alert| alert.id() == id) {
            (alert.state, alert.closed) = (state, closed.unwrap_or(Timestamp::MAX));
        }
    }

    fn rows(&self) -> &[Row] {
        self.0.as_deref().unwrap_or_default()
    }

    /// All that are kept, the oldest first.
    pub fn all(&self) -> impl ExactSizeIterator<Item = PastAlert> + DoubleEndedIterator + '_ {
        self.rows().iter().map(Row::told)
    }

    /// The one at a place.
    pub fn at(&self, place: usize) -> Option<PastAlert> {
        self.rows().get(place).map(Row::told)
    }

    /// Places of those that a list holds when the clock stands at `now`.
    pub fn places(&self, reach: Reach, now: Timestamp) -> std::ops::Range<usize> {
        let all = self.rows();
        let upto = |limit: Timestamp| all.partition_point(|alert| alert.opened <= limit);
        match reach {
            Reach::Kept => 0..all.len(),
            Reach::Newest(count) => {
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                all.len().saturating_sub(count)..all.len()
            }
            Reach::Within { from, to } => {
                let first = upto(now - from);
                first..upto(now - to).max(first)
            }
        }
    }

    /// Heap bytes that they occupy.
    pub fn heap_bytes(&self) -> usize {
        size_of_val(self.rows())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = Span::DAY.millis();

    fn on_day(day: i64) -> Timestamp {
        Timestamp::saturating(day * DAY)
    }

    fn days(days: i64) -> Span {
        Span::from_millis(days * DAY)
    }

    fn alert(symbols: &Symbols, id: u128, day: i64) -> PastAlert {
        let (rule, family) = (symbols.intern("R"), symbols.intern("drift"));
        let (opened, closed) = (on_day(day), None);
        let state = Standing::Firing;
        PastAlert { id, rule, family, opened, closed, state, value: None, offer: None }
    }

    /// The ids of what stands at these places.
    fn ids(past: &PastAlerts, places: std::ops::Range<usize>) -> Vec<u128> {
        places.filter_map(|place| past.at(place)).map(|alert| alert.id).collect()
    }

    #[test]
    fn a_list_holds_what_opened_in_its_window() {
        let symbols = Symbols::default();
        let mut past = PastAlerts::default();
        // The third speaks of an earlier instant than the second.
        for (id, day) in [(1, 10), (2, 40), (3, 20), (4, 40)] {
            past.open(alert(&symbols, id, day));
        }
        let within = |from, to| Reach::Within { from: days(from), to: days(to) };
        for (reach, want) in [
            (Reach::Kept, &[1, 3, 2, 4][..]),
            (Reach::Newest(1), &[4]),
            (Reach::Newest(3), &[3, 2, 4]),
            (Reach::Newest(9), &[1, 3, 2, 4]),
            (within(30, 0), &[3, 2, 4]),
            // The older end is not within, the newer end is.
            (within(20, 0), &[2, 4]),
            (within(40, 20), &[1, 3]),
            (within(9, 5), &[]),
        ] {
            assert_eq!(ids(&past, past.places(reach, on_day(40))), want, "{reach:?}");
        }
        assert_eq!(ids(&past, past.places(within(5, 0), on_day(30))), [0; 0], "it opened later");
    }

    #[test]
    fn the_newest_are_kept_and_an_alert_is_kept_once() {
        let symbols = Symbols::default();
        let mut past = PastAlerts::default();
        assert_eq!((past.all().len(), past.heap_bytes()), (0, 0));
        let beyond = u128::try_from(KEPT_MAX).unwrap() + 6;
        for id in 0..beyond {
            past.open(alert(&symbols, id, i64::try_from(id).unwrap()));
        }
        assert_eq!(ids(&past, 0..1), [6]);
        assert_eq!(past.all().len(), KEPT_MAX);
        past.open(alert(&symbols, 6, 200));
        assert_eq!((ids(&past, 0..1), past.all().len()), (vec![7], KEPT_MAX));
        past.change(6, Standing::Won, Some(on_day(201)));
        past.change(1, Standing::Lost, Some(on_day(201)));
        let last = past.at(KEPT_MAX - 1).unwrap();
        assert_eq!((last.id, last.state, last.closed), (6, Standing::Won, Some(on_day(201))));
        assert!(past.all().take(KEPT_MAX - 1).all(|alert| alert.state == Standing::Firing));
    }

    #[test]
    fn a_standing_has_its_own_name() {
        for (standing, name) in Standing::ALL {
            assert_eq!(standing.name(), name);
        }
    }
}
