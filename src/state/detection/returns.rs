//! Units of a product that come back, against what was usual for it.

use serde::Deserialize;
use serde::Serialize;

use crate::event::Kind;
use crate::state::detection::Sample;
use crate::state::detector::return_rate::ReturnRate;
use crate::state::detector::return_rate::ReturnRule;
use crate::state::value::Value;
use crate::time::Span;
use crate::time::Timestamp;

/// Units sold from which what is usual is taken, and how long that lasts at least: what comes back
/// comes later than it was sold, so the first weeks of a product tell too little.
const BASELINE_UNITS: f64 = 500.0;
const BASELINE_SPAN: Span = Span::from_millis(90 * Span::DAY.millis());
/// Share that comes back of a product of which nothing is known, and units that this counts for.
const START: (f64, f64) = (0.03, 200.0);

/// What is told of returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReturnsFigure {
    /// Whether more come back than used to.
    Alarm,
    /// Since when.
    Since,
    /// Share that used to come back.
    Usual,
    /// Share that has come back since.
    Rate,
    /// Units sold since.
    Sold,
    /// Units that came back since.
    Returned,
}

/// Returns of one product.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Returns {
    /// What was sold and came back at first.
    baseline: (f64, f64),
    /// When that began, and whether it is over.
    begun: Option<Timestamp>,
    stands: bool,
    rate: ReturnRate,
    /// Units sold and returned when the sum last stood at zero, and when that was.
    zero: (f64, f64),
    zero_at: Option<Timestamp>,
}

impl Returns {
    /// The usual share, once the baseline stands.
    fn rule(&self) -> Option<ReturnRule> {
        let (sold, returned) = self.baseline;
        let usual = (returned + START.0 * START.1) / (sold + START.1);
        self.stands.then(|| ReturnRule::of_usual(usual))
    }

    pub(super) fn feed(&mut self, sample: &Sample<'_>) {
        let units = sample.lines.iter().filter_map(|line| line.quantity);
        let units: f64 = units.map(|quantity| quantity.to_f64().abs()).sum();
        let is_sale = sample.kind == Kind::Order;
        let begun = *self.begun.get_or_insert(sample.time);
        let Some(rule) = self.rule() else {
            let long = sample.time - begun >= BASELINE_SPAN;
            let side = if is_sale { &mut self.baseline.0 } else { &mut self.baseline.1 };
            *side += units;
            self.stands = long && self.baseline.0 >= BASELINE_UNITS;
            self.zero_at = Some(sample.time);
            return;
        };
        if is_sale {
            self.rate.add_sold(&rule, units);
        } else {
            self.rate.add_returned(&rule, units);
        }
        if self.rate.sum <= 0.0 {
            self.zero = (self.rate.sold, self.rate.returned);
            self.zero_at = Some(sample.time);
        }
    }

    pub(super) fn read(&self, figure: ReturnsFigure) -> Value {
        let Some(rule) = self.rule() else {
            return match figure {
                ReturnsFigure::Alarm => Value::Bool(false),
                _ => Value::Null,
            };
        };
        let risen = self.rate.is_risen(&rule);
        let (sold, returned) = (self.rate.sold - self.zero.0, self.rate.returned - self.zero.1);
        match figure {
            ReturnsFigure::Alarm => Value::Bool(risen),
            ReturnsFigure::Since => self.zero_at.filter(|_| risen).map_or(Value::Null, Value::Time),
            ReturnsFigure::Usual => Value::Double(rule.usual),
            ReturnsFigure::Rate if sold <= 0.0 => Value::Null,
            ReturnsFigure::Rate => Value::Double(returned / sold),
            ReturnsFigure::Sold => Value::Double(sold),
            ReturnsFigure::Returned => Value::Double(returned),
        }
    }
}
