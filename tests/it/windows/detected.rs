//! What does a detector find in a list, by the book? Its mathematics, fed with the whole list.

use siaga::event::Event;
use siaga::event::Line;
use siaga::event::Symbol;
use siaga::money::Currency;
use siaga::money::Decimal;
use siaga::state::detector::category_loss::CategorySlots;
use siaga::state::detector::category_loss::LossRule;
use siaga::state::detector::category_loss::Slot;
use siaga::state::detector::days;
use siaga::state::detector::discount_shift::DiscountShift;
use siaga::state::detector::margin::MarginRule;
use siaga::state::detector::margin_shift::MarginShift;
use siaga::state::detector::margin_shift::SoldLine;
use siaga::state::detector::purchase_days::PurchaseDays;
use siaga::state::detector::regularity::Regularity;
use siaga::state::detector::regularity::SPREAD_OF_CHANCE;
use siaga::state::detector::regularity::Usual;
use siaga::state::detector::rhythm::Population;
use siaga::state::detector::sentiment::Sentiment;
use siaga::state::detector::span_of_days;
use siaga::state::detector::trend::Direction;
use siaga::state::detector::trend::Trend;
use siaga::state::detector::trend::TrendRule;
use siaga::time::Span;
use siaga::time::Timestamp;

use crate::windows::worth::Broken;
use crate::windows::worth::Worth;

/// The functions.
pub(crate) const NAMES: [&str; 11] = [
    "p_alive",
    "expected_purchases",
    "drift_deadline",
    "p_active",
    "silence_limit",
    "category_loss",
    "category_dropped",
    "discount_shift",
    "margin_shift",
    "trend",
    "sentiment",
];

/// A list, and what it is looked at with.
pub(crate) struct Looked<'a> {
    /// Its events, each with those of its lines that are in the list.
    pub(crate) events: Vec<(&'a Event, Vec<&'a Line>)>,
    pub(crate) clock: i64,
    pub(crate) home: Option<Currency>,
    pub(crate) argument: Option<Worth>,
    pub(crate) name: &'a dyn Fn(Symbol) -> String,
}

impl Looked<'_> {
    pub(crate) fn gives(&self, function: &str, field: &str) -> Result<Worth, Broken> {
        match function {
            "p_alive" | "expected_purchases" | "drift_deadline" => self.drift(function),
            "p_active" | "silence_limit" => self.regular(),
            "category_loss" => self.loss(field),
            "category_dropped" => self.dropped(field),
            "discount_shift" => self.discount(field),
            "margin_shift" => self.margin(field),
            "trend" => self.trend(field),
            _ => {
                let mut mood = Sentiment::default();
                for (event, _) in &self.events {
                    if let Some(said) = event.detail.as_ref().and_then(|d| d.sentiment) {
                        mood.add(event.time, said.to_f64());
                    }
                }
                Ok(Worth::Double(mood.mean(self.now())))
            }
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock).unwrap()
    }

    fn is_foreign(&self, event: &Event) -> bool {
        self.home.is_some() && event.currency.is_some() && event.currency != self.home
    }

    fn drift(&self, function: &str) -> Result<Worth, Broken> {
        let mut times = self.events.iter().map(|(event, _)| event.time);
        let Some(first) = times.next() else { return Ok(Worth::Null) };
        let mut bought = PurchaseDays::first(first);
        times.for_each(|at| bought.add(at));
        let (model, repeats) = (Population::START.repeat_buying, bought.repeats(self.now()));
        Ok(match (function, &self.argument) {
            ("p_alive", None) => Worth::Double(model.p_alive(repeats)),
            ("expected_purchases", Some(Worth::Span(span))) => {
                let horizon = days(Span::from_millis(*span));
                Worth::Double(model.expected_purchases(repeats, horizon))
            }
            (_, Some(level)) => {
                let silence = model.deadline_days(repeats.x, repeats.tx_days, level.number()?);
                silence.map_or(Worth::Null, |days| Worth::Span(span_of_days(days).millis()))
            }
            _ => return Err(Broken),
        })
    }

    fn regular(&self) -> Result<Worth, Broken> {
        let mut times = self.events.iter().map(|(event, _)| event.time);
        let Some(first) = times.next() else { return Ok(Worth::Null) };
        let mut bought = Regularity::first(first);
        times.for_each(|at| bought.add(at));
        let Population { repeat_buying, gap_median_days } = Population::START;
        let usual = Usual { repeat_buying, gap_median_days, gap_spread: SPREAD_OF_CHANCE };
        let Some(level) = &self.argument else {
            return Ok(Worth::Double(bought.p_active(&usual, self.now())));
        };
        let limit = bought.silence_limit_days(&usual, level.number()?);
        Ok(limit.map_or(Worth::Null, |days| Worth::Span(span_of_days(days).millis())))
    }

    fn slots(&self) -> CategorySlots<Symbol> {
        let mut slots = CategorySlots::default();
        for (event, lines) in &self.events {
            let goods = lines.iter().filter(|line| !line.non_product);
            slots.add(goods.filter_map(|line| line.category), event.time);
        }
        slots
    }

    fn dropped(&self, field: &str) -> Result<Worth, Broken> {
        let slots = self.slots();
        let chance = self.argument.as_ref().ok_or(Broken)?.number()?;
        let dropped: Vec<&Slot<Symbol>> = slots.dropped(4, chance).collect();
        if field == "count" {
            return Ok(Worth::Int(i64::try_from(dropped.len()).unwrap()));
        }
        let by_chance = |one: &&&Slot<Symbol>, other: &&&Slot<Symbol>| {
            slots.chance(one).total_cmp(&slots.chance(other))
        };
        let Some(slot) = dropped.iter().min_by(by_chance) else { return Ok(Worth::Null) };
        Ok(match field {
            "category" => Worth::Text((self.name)(slot.name)),
            "since" => Worth::Time(slot.last.millis()),
            "gap" => Worth::Span(span_of_days(slot.gap_days()).millis()),
            "missed" => Worth::Int(i64::from(slots.missed(slot))),
            _ => Worth::Double(slots.chance(slot)),
        })
    }

    fn discount(&self, field: &str) -> Result<Worth, Broken> {
        let rule = MarginRule::START;
        let mut shift = DiscountShift::default();
        for (event, lines) in &self.events {
            if self.is_foreign(event) {
                return Err(Broken);
            }
            let (mut list, mut given) = (0, 0);
            for line in lines.iter().filter(|line| !line.non_product) {
                let net = line.net.map_or(0, Decimal::micros);
                if net > 0 {
                    let discount = line.discount.map_or(0, Decimal::micros);
                    (list, given) = (list + net + discount, given + discount);
                }
            }
            let [list, given] = [list, given].map(Decimal::from_micros);
            shift.add(&rule, event.time, list, given);
        }
        let share = |share: Option<f64>| share.map_or(Worth::Null, Worth::Double);
        Ok(match field {
            "alarm" => Worth::Bool(shift.is_alarmed()),
            "strength" => Worth::Double(shift.strength(&rule)),
            "since" => time(shift.since()),
            "usual" => share(shift.usual()),
            "recent" => share(shift.recent()),
            "orders" => Worth::Int(i64::from(shift.orders())),
            _ => Worth::Money(shift.extra().ok_or(Broken)?.micros().into()),
        })
    }

    fn loss(&self, field: &str) -> Result<Worth, Broken> {
        let slots = self.slots();
        let gap_median_days = Population::START.gap_median_days;
        let gaps = self.argument.as_ref().ok_or(Broken)?.number()?;
        let rule = LossRule { gap_median_days, gaps, purchases_min: 4 };
        let mut lost: Vec<&Slot<Symbol>> = slots.lost(&rule, self.now()).collect();
        lost.sort_by_key(|slot| (slot.deadline(&rule), slot.purchases));
        let last = lost.last();
        let of = |worth: &dyn Fn(&Slot<Symbol>) -> Worth| last.map_or(Worth::Null, |s| worth(s));
        Ok(match field {
            "count" => Worth::Int(i64::try_from(lost.len()).unwrap()),
            "category" => of(&|slot| Worth::Text((self.name)(slot.name))),
            "since" => of(&|slot| Worth::Time(slot.last.millis())),
            "gap" => of(&|slot| {
                Worth::Span(span_of_days(slot.shrunk_gap_days(gap_median_days)).millis())
            }),
            "purchases" => of(&|slot| Worth::Int(i64::from(slot.purchases))),
            _ => time(slots.next_deadline(&rule, self.now())),
        })
    }

    fn margin(&self, field: &str) -> Result<Worth, Broken> {
        const CENT: i128 = 10_000;
        let rule = MarginRule::START;
        let mut shift = MarginShift::default();
        for (event, lines) in &self.events {
            if self.is_foreign(event) {
                return Err(Broken);
            }
            let of =
                |l: &&Line| SoldLine::of(l.product, Some(l.quantity), l.net, l.discount, l.cost);
            let sold: Vec<SoldLine> = lines.iter().filter_map(of).collect();
            shift.add(&rule, event.time, &sold);
        }
        let (orders, revenue, profit) = shift.explained();
        let lost = |cents: i64| Worth::Money(i128::from(-cents) * CENT);
        let causes = shift.causes();
        Ok(match field {
            "alarm" => Worth::Bool(shift.is_alarmed()),
            "strength" => Worth::Double(shift.strength(&rule)),
            "since" => time(shift.since()),
            "usual" => shift.normal(&rule).map_or(Worth::Null, |n| Worth::Double(n.to_f64())),
            "recent" if revenue.micros() == 0 => Worth::Null,
            "recent" => Worth::Double(profit.to_f64() / revenue.to_f64()),
            "orders" => Worth::Int(i64::from(orders)),
            "price" => lost(causes.price),
            "discount" => lost(causes.discount),
            "cost" => lost(causes.cost),
            "mix" => lost(causes.mix),
            _ => lost(causes.price + causes.discount + causes.cost + causes.mix),
        })
    }

    fn trend(&self, field: &str) -> Result<Worth, Broken> {
        let rule = TrendRule::UNLEARNED;
        let mut trend: Option<Trend> = None;
        for (event, _) in &self.events {
            if self.is_foreign(event) {
                return Err(Broken);
            }
            let net: Option<i64> = event.lines.iter().map(|l| l.net.map(Decimal::micros)).sum();
            #[expect(clippy::cast_precision_loss, reason = "a small amount")]
            let spend = net.ok_or(Broken)? as f64 / 1e6;
            match &mut trend {
                None => trend = Some(Trend::first(&rule, event.time, spend)),
                Some(trend) => {
                    trend.add(&rule, event.time, spend, |_| 1.0).unwrap();
                }
            }
        }
        let Some(mut trend) = trend else {
            return Ok(if field == "alarm" { Worth::Bool(false) } else { Worth::Null });
        };
        trend.advance(&rule, self.now(), |_| 1.0);
        let usual = trend.usual(&rule);
        let variance = usual.map_or(0.0, |(_, deviation)| deviation * deviation);
        let weekly = |root: f64| root.max(0.0).powi(2) + variance;
        #[expect(clippy::cast_possible_truncation, reason = "a small amount")]
        let money = |amount: f64| Worth::Money((amount * 1e6).round() as i128);
        let (level, slope) = trend.level_and_slope();
        Ok(match (field, trend.alarmed()) {
            ("alarm", alarmed) => Worth::Bool(alarmed.is_some()),
            ("strength", _) => Worth::Double(trend.strength(&rule)),
            ("direction", Some((Direction::Fall, _))) => Worth::Text("fall".to_owned()),
            ("direction", Some((Direction::Rise, _))) => Worth::Text("rise".to_owned()),
            ("since", Some((_, sum))) => time(sum.zero_at.or(trend.baseline_until(&rule))),
            ("direction" | "since", None) => Worth::Null,
            ("usual", _) => usual.map_or(Worth::Null, |(root, _)| money(weekly(root))),
            ("slope", _) => money(weekly(level + slope) - weekly(level)),
            _ => money(weekly(level)),
        })
    }
}

fn time(at: Option<Timestamp>) -> Worth {
    at.map_or(Worth::Null, |at| Worth::Time(at.millis()))
}
