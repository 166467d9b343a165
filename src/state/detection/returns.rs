//! Units of a product that come back, against what was usual for it.

use crate::event::Kind;
use crate::state::detection::Sample;
use crate::state::detector::return_rate::ReturnRate;
use crate::state::detector::return_rate::ReturnRule;
use crate::state::value::Fault;
use crate::state::value::Value;
use crate::time::Timestamp;

/// Units sold from which what is usual is taken.
const BASELINE_UNITS: f64 = 500.0;
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
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Returns {
    /// What was sold and came back at first, and then all of it.
    baseline: (f64, f64),
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
        (sold >= BASELINE_UNITS).then(|| ReturnRule::of_usual(usual))
    }

    pub(super) fn feed(&mut self, sample: &Sample<'_>) {
        let units = sample.lines.iter().filter_map(|line| line.quantity);
        let units: f64 = units.map(|quantity| quantity.to_f64().abs()).sum();
        let is_sale = sample.kind == Kind::Order;
        let Some(rule) = self.rule() else {
            let side = if is_sale { &mut self.baseline.0 } else { &mut self.baseline.1 };
            *side += units;
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

    pub(super) fn read(&self, figure: ReturnsFigure) -> Result<Value, Fault> {
        let Some(rule) = self.rule() else {
            return Ok(match figure {
                ReturnsFigure::Alarm => Value::Bool(false),
                _ => Value::Null,
            });
        };
        let risen = self.rate.is_risen(&rule);
        let (sold, returned) = (self.rate.sold - self.zero.0, self.rate.returned - self.zero.1);
        Ok(match figure {
            ReturnsFigure::Alarm => Value::Bool(risen),
            ReturnsFigure::Since if risen => self.zero_at.map_or(Value::Null, Value::Time),
            ReturnsFigure::Since => Value::Null,
            ReturnsFigure::Usual => Value::Double(rule.usual),
            ReturnsFigure::Rate if sold > 0.0 => Value::Double(returned / sold),
            ReturnsFigure::Rate => Value::Null,
            ReturnsFigure::Sold => Value::Double(sold),
            ReturnsFigure::Returned => Value::Double(returned),
        })
    }
}
