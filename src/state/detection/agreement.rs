//! A customer's agreement: what was promised, what was bought, and what was given away beyond it.
//!
//! Looked at is the agreement that runs at the moment, of several the one that began last. A line is
//! entitled to the agreed discount off its list price; what it got beyond that has leaked.

use serde::Deserialize;
use serde::Serialize;

use crate::event::reference::Agreement as Contract;
use crate::money::Decimal;
use crate::state::detection::Sample;
use crate::state::detection::View;
use crate::state::detector::agreement::Agreement;
use crate::state::detector::agreement::AgreementRule;
use crate::state::detector::agreement::Terms;
use crate::state::detector::days;
use crate::state::detector::decay::DecayedSum;
use crate::state::value::Fault;
use crate::state::value::Value;
use crate::time::Timestamp;

/// Half-life of what was bought lately, and the days that it counts for.
const HALF_LIFE_DAYS: f64 = 42.0;
const RECENT_DAYS: f64 = 60.0;

/// What is told of an agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AgreementFigure {
    /// Revenue promised over the term.
    Commitment,
    /// Bought in the term so far, returns taken off.
    Bought,
    /// What will have been bought by the end.
    Projected,
    /// Share of the commitment that will be missing.
    Gap,
    /// Given away beyond the agreed discount.
    Leakage,
    /// That as a share of what was bought.
    LeakageRate,
    /// Share of the term that is over.
    Elapsed,
    /// First instant after the term.
    Ends,
}

/// What was bought under the agreement that ran when the newest event happened.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Bought {
    key: Option<Key>,
    sums: Agreement,
    recent: Option<DecayedSum>,
}

/// Which agreement, by what matters here.
type Key = (Timestamp, Timestamp, Option<Decimal>);

fn key_of(contract: &Contract) -> Key {
    (contract.from, contract.to, contract.discount_rate)
}

/// The agreement that runs at an instant.
pub(super) fn running(contracts: &[Contract], at: Timestamp) -> Option<&Contract> {
    contracts.iter().rfind(|contract| contract.from <= at && at < contract.to)
}

impl Bought {
    pub(super) fn feed(
        &mut self,
        contracts: &[Contract],
        sample: &Sample<'_>,
    ) -> Result<(), Fault> {
        let Some(contract) = running(contracts, sample.time) else { return Ok(()) };
        let key = key_of(contract);
        if self.key != Some(key) {
            *self = Self { key: Some(key), ..Self::default() };
        }
        let net = sample.net()?;
        for line in sample.lines.iter().filter(|line| !line.non_product) {
            let Some(net) = line.net else { continue };
            let list = line.discount.and_then(|off| net.checked_add(off)).unwrap_or(net);
            let rate = contract.discount_rate.unwrap_or(Decimal::ZERO);
            let kept = Decimal::ONE.checked_sub(rate).and_then(|kept| list.checked_mul(kept));
            let entitled = match contract.discount_rate {
                // Of a return, and where no discount was agreed, nothing has leaked.
                Some(_) if net > Decimal::ZERO => kept.unwrap_or(net),
                _ => net,
            };
            self.sums.add(0.0, Decimal::ONE, net, entitled);
        }
        self.sums.bought += net.to_f64();
        let recent = self.recent.get_or_insert(DecayedSum::EMPTY);
        recent.add(net.to_f64(), sample.time, HALF_LIFE_DAYS);
        Ok(())
    }

    pub(super) fn read(
        &self,
        contracts: &[Contract],
        figure: AgreementFigure,
        view: &View<'_>,
    ) -> Result<Value, Fault> {
        let Some(contract) = running(contracts, view.now) else { return Ok(Value::Null) };
        if let (Some(home), Some(theirs)) = (view.home, contract.currency)
            && home != theirs
        {
            return Err(Fault::Currencies);
        }
        let nothing = Self::default();
        let own = if self.key == Some(key_of(contract)) { self } else { &nothing };
        let elapsed = days(view.now - contract.from);
        let commitment = contract.planned_amount;
        let terms = Terms {
            commitment: commitment.map_or(0.0, Decimal::to_f64),
            days: days(contract.to - contract.from),
        };
        let recent = own
            .recent
            .map_or(0.0, |recent| recent.rate_per_day(view.now, HALF_LIFE_DAYS, elapsed.max(1.0)));
        let projected = || own.sums.projected(&terms, elapsed, recent, RECENT_DAYS);
        let money =
            |amount: f64| Decimal::from_f64(amount).map(Value::Money).map_err(|_| Fault::Overflow);
        let rule = AgreementRule { attained_min: f64::INFINITY, ..AgreementRule::START };
        Ok(match figure {
            AgreementFigure::Commitment => commitment.map_or(Value::Null, Value::Money),
            AgreementFigure::Bought => return money(own.sums.bought),
            AgreementFigure::Projected => return money(projected()),
            AgreementFigure::Gap => {
                let gap = Agreement::gap(&rule, &terms, elapsed, projected());
                gap.map_or(Value::Null, |gap| Value::Double(gap.max(0.0)))
            }
            AgreementFigure::Leakage => Value::Money(own.sums.under_charged),
            AgreementFigure::LeakageRate if own.sums.revenue > Decimal::ZERO => {
                let share = own.sums.under_charged.to_f64() / own.sums.revenue.to_f64();
                Value::Double(share)
            }
            AgreementFigure::LeakageRate => Value::Null,
            AgreementFigure::Elapsed => Value::Double(elapsed / terms.days.max(1e-9)),
            AgreementFigure::Ends => Value::Time(contract.to),
        })
    }
}
