//! Which alerts has the customer had? Random ones, told between the events of a stream.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use siaga::event::Symbols;
use siaga::money::Decimal;
use siaga::state::past::PastAlert;
use siaga::state::past::Standing;

use crate::scene::DAY;
use crate::scene::at;

/// An alert, the event before which it is told, and what becomes of it before a later one.
#[derive(Debug, Clone)]
pub(crate) struct Fate {
    pub(crate) told: usize,
    opened: i64,
    rule: &'static str,
    family: &'static str,
    value: Option<i64>,
    pub(crate) ends: Option<(usize, Standing)>,
}

/// As it stands before its end or after it.
impl Fate {
    pub(crate) fn alert(&self, number: usize, symbols: &Symbols) -> PastAlert {
        let units = |units: i64| Decimal::from_micros(units * Decimal::SCALE);
        PastAlert {
            id: u128::try_from(number).unwrap(),
            rule: symbols.intern(self.rule),
            family: symbols.intern(self.family),
            opened: at(self.opened * DAY / 4),
            closed: None,
            state: Standing::Firing,
            value: self.value.map(units),
            offer: None,
        }
    }

    /// The alert after its end.
    pub(crate) fn ended(&self, alert: PastAlert, state: Standing) -> PastAlert {
        let open = matches!(state, Standing::Firing | Standing::Acknowledged | Standing::Snoozed);
        let closed = (!open).then(|| at((self.opened + 5) * DAY / 4));
        PastAlert { state, closed, ..alert }
    }
}

pub(crate) fn fate() -> impl Strategy<Value = Fate> {
    let standing = select(&Standing::ALL[..]).prop_map(|(standing, _)| standing);
    let words = (select(&["Calls", "Cross", "Quiet"][..]), select(&["cross_sell", "drift"][..]));
    let times = (0..24_usize, 0..120_i64);
    let ends = option::of((0..24_usize, standing));
    (times, words, option::of(-5..60_i64), ends).prop_map(
        |((told, opened), (rule, family), value, ends)| {
            let ends = ends.map(|(later, standing)| (told + later, standing));
            Fate { told, opened, rule, family, value, ends }
        },
    )
}
