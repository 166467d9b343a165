//! Lists that are walked, not built: a source of items, stages that drop or change them, and what
//! is made of the rest.
//!
//! ```text
//! window of the history ─► filter ─► map ─► sum, min, exists …   stops as soon as it is settled
//! ```

use std::ops::ControlFlow;

use crate::event::Symbol;
use crate::money::Decimal;
use crate::state::Entity;
use crate::state::builtin::next_part;
use crate::state::evaluate::evaluate;
use crate::state::field::is_foreign;
use crate::state::history::Entry;
use crate::state::item::Body;
use crate::state::item::Head;
use crate::state::item::Item;
use crate::state::offers;
use crate::state::program::Bound;
use crate::state::program::DISTINCT_MAX;
use crate::state::program::End;
use crate::state::program::NEWEST_REACH;
use crate::state::program::NodeId;
use crate::state::program::QUANTILE_MAX;
use crate::state::program::Scan;
use crate::state::program::Scope;
use crate::state::program::Source;
use crate::state::program::Stage;
use crate::state::quantile;
use crate::state::reads::Reads;
use crate::state::sieve::Sieve;
use crate::state::texts;
use crate::state::texts::Mark;
use crate::state::texts::append;
use crate::state::value;
use crate::state::value::Arithmetic;
use crate::state::value::Fault;
use crate::state::value::Value;
use crate::state::window::List;
use crate::time::Timestamp;

pub(crate) fn walk(scope: &mut Scope<'_>, scan: &Scan) -> Result<Value, Fault> {
    let mut end = Ending::default();
    let entity = scope.entity;
    let plan = scope.plan;
    if let End::At(_, place) = scan.end {
        end.wanted = match evaluate(scope, place)?.widened() {
            Value::Int(place) => Some(place),
            // CEL takes a double that is whole.
            Value::Double(place) => match value::whole(place)? {
                Value::Int(whole) if value::equal(Value::Int(whole), Value::Double(place)) => {
                    Some(whole)
                }
                _ => return Err(Fault::Index),
            },
            Value::Null => return Err(Fault::Missing),
            _ => return Err(Fault::Type),
        };
    }
    match &scan.source {
        Source::EventLines => {
            let event = scope.event.ok_or(Fault::Missing)?;
            let head = Head::of(event, is_foreign(scope, event));
            for line in &event.lines {
                let item = Item { head, body: Body::of(line) };
                if feed(scope, scan, Bound::Item(item), &mut end)? {
                    break;
                }
            }
        }
        Source::Values(values) => {
            for value in values.iter() {
                if feed(scope, scan, Bound::Value(*value), &mut end)? {
                    break;
                }
            }
        }
        Source::Split(text, separator, most) => {
            split(scope, scan, (*text, *separator, *most), &mut end)?;
        }
        Source::Window(list, span) => {
            let entity = entity.ok_or(Fault::Type)?;
            let (from, to) = entity.bounds(plan, *span);
            history_items(scope, scan, entity, (*list, from, to), &mut end)?;
        }
        Source::Newest(list, count) => {
            let entity = entity.ok_or(Fault::Type)?;
            let (from, skip) = newest(entity, *list, *count);
            end.skip = skip;
            history_items(scope, scan, entity, (*list, from, entity.history.end()), &mut end)?;
        }
        Source::Offers(ask) => {
            for offer in offers::offers(scope, ask)?.iter() {
                if feed(scope, scan, Bound::Offer(*offer), &mut end)? {
                    break;
                }
            }
        }
        Source::Alerts(reach) => {
            let entity = entity.ok_or(Fault::Type)?;
            for place in entity.past().places(*reach, entity.clock) {
                if feed(scope, scan, Bound::Alert(place), &mut end)? {
                    break;
                }
            }
        }
    }
    end.finish(scope, scan)
}

/// The parts of a text, each made as it is looked at.
fn split(
    scope: &mut Scope<'_>,
    scan: &Scan,
    (text, separator, most): (NodeId, NodeId, Option<NodeId>),
    end: &mut Ending,
) -> Result<(), Fault> {
    let (text, separator) = (evaluate(scope, text)?, evaluate(scope, separator)?);
    let most = match most.map(|most| evaluate(scope, most)).transpose()? {
        None => i64::MAX,
        Some(Value::Int(most)) => {
            if most < 0 {
                i64::MAX
            } else {
                most
            }
        }
        Some(Value::Null) => return Err(Fault::Missing),
        Some(_) => return Err(Fault::Type),
    };
    let symbols = scope.symbols;
    let (mut next, mut parts) = (Some(0), 0);
    while let Some(from) = next.filter(|_| parts < most) {
        parts += 1;
        let mark = scope.texts.mark();
        let part = scope.texts.make(|texts, out| {
            let names = symbols.read();
            let (text, separator) = (texts.read(&names, text)?, texts.read(&names, separator)?);
            let (part, rest) = next_part(text, separator, from, parts == most);
            next = rest;
            append(out, &text[part])
        })?;
        let settled = feed(scope, scan, Bound::Value(part), end)?;
        end.give_back(scope, mark)?;
        if settled {
            break;
        }
    }
    Ok(())
}

/// Where the newest `count` items begin: an offset, and how many of its items are too old.
pub(crate) fn newest(entity: &Entity, list: List, count: u32) -> (u32, u32) {
    let (mut from, mut seen) = (entity.history.end(), 0_u32);
    // What is older is kept or not as memory allows: it is never looked at.
    let oldest = entity.clock - NEWEST_REACH;
    for entry in entity.history.back_from(from) {
        if seen >= count || entry.time() <= oldest {
            break;
        }
        if list.holds(entry.kind()) {
            let items = if list == List::Lines { entry.lines().count() } else { 1 };
            seen += u32::try_from(items).unwrap_or(u32::MAX);
            from = entry.offset;
        }
    }
    (from, seen.saturating_sub(count))
}

/// Bytes of records below which no [`Sieve`] is worth its making.
const SHORT: u32 = 512;

fn history_items(
    scope: &mut Scope<'_>,
    scan: &Scan,
    entity: &Entity,
    (list, from, to): (List, u32, u32),
    end: &mut Ending,
) -> Result<(), Fault> {
    if scan.end == End::GapDeviation && scan.stages.is_empty() && list != List::Lines {
        return gaps(scope, entity, (list, from, to), end);
    }
    let reads = Reads::of(scope.program, scan);
    if matches!(scan.end, End::Last(_)) && scan.stages.is_empty() && end.skip == 0 {
        // Only the last item matters: it is looked for from the end.
        let newest = entity.history.back_from(to).take_while(|entry| entry.offset >= from);
        let mut newest = newest.filter(|entry| list.holds(entry.kind()));
        let last = if list == List::Lines {
            newest.find_map(|entry| reads.last_line(&entry))
        } else {
            newest.next().map(|entry| reads.whole(&entry))
        };
        return match last {
            Some(item) => feed(scope, scan, Bound::Item(item), end).map(|_| ()),
            None => Ok(()),
        };
    }
    let is_long = to.saturating_sub(from) > SHORT;
    let mut sieve = is_long.then(|| Sieve::of(scope.program, scan)).flatten();
    if matches!(scan.end, End::Last(_)) && end.skip == 0 && scan.is_sure(scope.program) {
        // The last item that passes is looked for from the end: no filter fails on those before it.
        let newest = entity.history.back_from(to).take_while(|entry| entry.offset >= from);
        for entry in newest.filter(|entry| list.holds(entry.kind())) {
            record(scope, scan, (&entry, list, reads), (end, &mut sieve))?;
            if end.count > 0 {
                break;
            }
        }
        return Ok(());
    }
    for entry in entity.history.from(from).take_while(|entry| entry.offset < to) {
        if list.holds(entry.kind())
            && record(scope, scan, (&entry, list, reads), (end, &mut sieve))?
        {
            break;
        }
    }
    Ok(())
}

/// Takes the items of one record; tells whether the result is settled.
#[inline]
fn record(
    scope: &mut Scope<'_>,
    scan: &Scan,
    (entry, list, reads): (&Entry<'_>, List, Reads),
    (end, sieve): (&mut Ending, &mut Option<Sieve>),
) -> Result<bool, Fault> {
    if list != List::Lines {
        return feed_sieved(scope, scan, reads.whole(entry), (end, sieve));
    }
    let broken = reads.lines(entry, |item| match feed_sieved(scope, scan, item, (end, sieve)) {
        Ok(false) => ControlFlow::Continue(()),
        settled => ControlFlow::Break(settled),
    });
    broken.break_value().unwrap_or(Ok(false))
}

/// The gaps between events, which ask for nothing but their times: no item is made of them.
fn gaps(
    scope: &mut Scope<'_>,
    entity: &Entity,
    (list, from, to): (List, u32, u32),
    end: &mut Ending,
) -> Result<(), Fault> {
    let within = entity.history.from(from).take_while(|entry| entry.offset < to);
    for entry in within.filter(|entry| list.holds(entry.kind())) {
        if end.skip > 0 {
            end.skip -= 1;
            continue;
        }
        scope.fuel = scope.fuel.checked_sub(1).ok_or(Fault::Fuel)?;
        end.count += 1;
        end.gap(entry.time())?;
    }
    Ok(())
}

/// What a scan has made of its items so far.
#[derive(Default)]
struct Ending {
    /// Items still to be passed over.
    skip: u32,
    count: i64,
    decided: Option<bool>,
    /// Of an item that would matter if no other decided.
    undecided: Option<Fault>,
    total: Total,
    best: Option<Value>,
    /// The place of the item that is asked for.
    wanted: Option<i64>,
    /// Of the first item, the last, or the one at that place.
    chosen: Option<Result<Value, Fault>>,
    /// Where its text stands, if that was made.
    chosen_from: Option<Mark>,
    /// The different values, or all values that a quantile is sought of.
    values: Vec<Value>,
    /// Those of the different values that are names, in the order of their numbers.
    names: Vec<Symbol>,
    joined: String,
    mean: f64,
    squares: f64,
    before: Option<Timestamp>,
}

/// A sum that knows what it adds up.
#[derive(Clone, Copy, PartialEq, Default)]
enum Total {
    #[default]
    Nothing,
    Int(i64),
    Money(i128),
    Number(i128),
    Double(f64),
}

/// Takes one item; tells whether the result is settled.
fn feed(scope: &mut Scope<'_>, scan: &Scan, bound: Bound, end: &mut Ending) -> Result<bool, Fault> {
    if end.skip > 0 {
        end.skip -= 1;
        return Ok(false);
    }
    scope.fuel = scope.fuel.checked_sub(1).ok_or(Fault::Fuel)?;
    pass(scope, scan, (bound, &scan.stages), end)
}

/// As [`feed`], where the first filter need not be asked of a name that it was asked of.
#[inline]
fn feed_sieved(
    scope: &mut Scope<'_>,
    scan: &Scan,
    item: Item,
    (end, sieve): (&mut Ending, &mut Option<Sieve>),
) -> Result<bool, Fault> {
    let (Some(sieve), 0) = (sieve, end.skip) else {
        return feed(scope, scan, Bound::Item(item), end);
    };
    scope.fuel = scope.fuel.checked_sub(1).ok_or(Fault::Fuel)?;
    let passes = match sieve.says(&item) {
        Some(passes) => passes,
        None => {
            let mark = scope.texts.mark();
            scope.items.push(Bound::Item(item));
            let told = evaluate(scope, sieve.condition).and_then(Value::truth);
            scope.items.pop();
            scope.texts.release(mark);
            let passes = told?;
            sieve.note(&item, passes);
            passes
        }
    };
    if !passes {
        return Ok(false);
    }
    pass(scope, scan, (Bound::Item(item), scan.stages.get(1..).unwrap_or_default()), end)
}

/// Takes one item through the rest of the stages.
#[inline]
fn pass(
    scope: &mut Scope<'_>,
    scan: &Scan,
    (bound, rest): (Bound, &[Stage]),
    end: &mut Ending,
) -> Result<bool, Fault> {
    let mark = scope.texts.mark();
    scope.items.push(bound);
    let settled = stages(scope, scan, rest, end);
    scope.items.pop();
    end.give_back(scope, mark)?;
    settled
}

fn stages(
    scope: &mut Scope<'_>,
    scan: &Scan,
    rest: &[Stage],
    end: &mut Ending,
) -> Result<bool, Fault> {
    for stage in rest {
        match stage {
            Stage::Filter(node) => {
                if !evaluate(scope, *node)?.truth()? {
                    return Ok(false);
                }
            }
            Stage::Map(node) => {
                let value = evaluate(scope, *node)?;
                scope.items.pop();
                scope.items.push(Bound::Value(value));
            }
        }
    }
    end.count += 1;
    // A filter that fails on a later item fails for the whole list: only without one is the rest
    // not looked at.
    let settles = scan.stages.is_empty();
    match scan.end {
        End::Size => {}
        End::Sum(node) | End::Average(node) => {
            let value = said(scope, node)?;
            end.total = end.total.plus(value)?;
        }
        End::Min(node) | End::Max(node) => {
            let value = said(scope, node)?;
            end.extreme(value, matches!(scan.end, End::Min(_)))?;
        }
        End::StandardDeviation(node) => {
            let value = said(scope, node)?.number()?;
            end.spread(value, end.count);
        }
        End::GapDeviation => match scope.items.get(0) {
            Some(Bound::Item(item)) => end.gap(item.head.time)?,
            _ => return Err(Fault::Type),
        },
        // `exists` is a chain of `||`, `all` one of `&&`: an error on one item does not matter
        // when another decides.
        End::Exists(node) | End::All(node) => {
            let deciding = matches!(scan.end, End::Exists(_));
            match evaluate(scope, node).and_then(Value::truth) {
                Ok(truth) if truth == deciding => {
                    end.decided = Some(deciding);
                    return Ok(settles);
                }
                Ok(_) => {}
                Err(Fault::Fuel) => return Err(Fault::Fuel),
                Err(fault) => end.undecided = end.undecided.or(Some(fault)),
            }
        }
        End::ExistsOne(node) => {
            end.count -= i64::from(!evaluate(scope, node)?.truth()?);
        }
        // Only the chosen item is asked: what another one lacks does not matter.
        End::First(_) if end.chosen.is_some() => {}
        End::First(node) => {
            end.chosen = Some(evaluate(scope, node));
            return Ok(settles);
        }
        End::Last(node) => end.chosen = Some(evaluate(scope, node)),
        End::At(node, _) => {
            if Some(end.count - 1) == end.wanted {
                end.chosen = Some(evaluate(scope, node));
                return Ok(settles);
            }
        }
        End::Distinct(_) | End::Quantile(..) | End::Join(..) => gather(scope, scan.end, end)?,
    }
    Ok(false)
}

/// Takes one item of those that are held until the end.
fn gather(scope: &mut Scope<'_>, made: End, end: &mut Ending) -> Result<(), Fault> {
    match made {
        End::Distinct(node) => {
            let value = evaluate(scope, node)?;
            // Names are one where their numbers are; only a text that was made is read.
            let name = match value {
                Value::Text(name) => Some(name),
                made @ Value::Made(_) => texts::symbol(scope, made),
                _ => None,
            };
            let place = name.map(|name| end.names.binary_search(&name));
            let is_known = matches!(place, Some(Ok(_)))
                || end.values.iter().any(|known| texts::same(scope, *known, value));
            match (value, place) {
                _ if is_known => {}
                (Value::Text(name), Some(Err(place))) => end.names.insert(place, name),
                _ => end.values.push(value),
            }
            if end.values.len() + end.names.len() > DISTINCT_MAX {
                return Err(Fault::Overflow);
            }
        }
        End::Quantile(node, _) => {
            let value = said(scope, node)?.widened();
            if end.values.len() >= QUANTILE_MAX {
                return Err(Fault::Overflow);
            }
            // What is equal to itself has a place among the others; not-a-number has none.
            value::order(value, value)?;
            end.values.push(value);
        }
        End::Join(node, separator) => {
            if end.count > 1 {
                let separator = evaluate(scope, separator)?;
                texts::read(scope, separator, |text| append(&mut end.joined, text))??;
            }
            let value = said(scope, node)?;
            texts::read(scope, value, |text| append(&mut end.joined, text))??;
        }
        _ => return Err(Fault::Type),
    }
    Ok(())
}

/// The value of an item's expression, which has to be there.
fn said(scope: &mut Scope<'_>, node: NodeId) -> Result<Value, Fault> {
    match evaluate(scope, node)? {
        Value::Null => Err(Fault::Missing),
        value => Ok(value),
    }
}

impl Total {
    fn plus(self, value: Value) -> Result<Self, Fault> {
        Ok(match (self, value) {
            (Self::Nothing, Value::Int(int)) => Self::Int(int),
            (Self::Nothing, Value::Money(amount)) => Self::Money(amount.micros().into()),
            (Self::Nothing, Value::Number(number)) => Self::Number(number.micros().into()),
            (Self::Nothing, Value::Double(double)) => Self::Double(double),
            (Self::Int(a), Value::Int(b)) => Self::Int(a.checked_add(b).ok_or(Fault::Overflow)?),
            (Self::Money(a), Value::Money(b)) => Self::Money(a + i128::from(b.micros())),
            (Self::Number(a), Value::Number(b)) => Self::Number(a + i128::from(b.micros())),
            (Self::Double(a), b) => Self::Double(a + b.number()?),
            (Self::Int(_) | Self::Number(_), b) => {
                Self::Double(self.value()?.number()? + b.number()?)
            }
            _ => return Err(Fault::Type),
        })
    }

    fn value(self) -> Result<Value, Fault> {
        let decimal =
            |micros| i64::try_from(micros).map(Decimal::from_micros).map_err(|_| Fault::Overflow);
        Ok(match self {
            Self::Nothing => Value::Null,
            Self::Int(int) => Value::Int(int),
            Self::Money(micros) => Value::Money(decimal(micros)?),
            Self::Number(micros) => Value::Number(decimal(micros)?),
            Self::Double(double) => Value::Double(double),
        })
    }
}

impl Ending {
    /// Takes the `count`th value by Welford's recurrence: no cancellation of large squares.
    #[expect(clippy::cast_precision_loss, reason = "a count of items in memory")]
    fn spread(&mut self, value: f64, count: i64) {
        let delta = value - self.mean;
        self.mean += delta / count as f64;
        self.squares += delta * (value - self.mean);
    }

    /// Keeps the smallest value, or the largest.
    fn extreme(&mut self, value: Value, smallest: bool) -> Result<(), Fault> {
        use std::cmp::Ordering::Greater;
        use std::cmp::Ordering::Less;
        let wanted = if smallest { Less } else { Greater };
        match self.best {
            Some(best) if value::order(value, best)? != wanted => {}
            _ => self.best = Some(value),
        }
        Ok(())
    }

    /// Takes the time from the item before to this one.
    fn gap(&mut self, at: Timestamp) -> Result<(), Fault> {
        if let Some(before) = self.before.replace(at) {
            let gap = Value::Span(at - before).number()?;
            self.spread(gap, self.count - 1);
        }
        Ok(())
    }

    /// Gives back the texts that were made since, but for the one that is held.
    #[inline]
    fn give_back(&mut self, scope: &mut Scope<'_>, mark: Mark) -> Result<(), Fault> {
        let texts = &mut *scope.texts;
        match (&mut self.chosen, self.values.last_mut()) {
            (Some(Ok(chosen @ Value::Made(_))), _) if texts.is_since(mark, *chosen) => {
                // The one that was chosen before makes room for it.
                let from = self.chosen_from.map_or(mark, |from| from.min(mark));
                self.chosen_from = Some(from);
                *chosen = texts.keep(from, *chosen)?;
            }
            (None, Some(value @ Value::Made(_))) => *value = texts.keep(mark, *value)?,
            _ => texts.release(mark),
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of items in memory")]
    fn finish(self, scope: &mut Scope<'_>, scan: &Scan) -> Result<Value, Fault> {
        match scan.end {
            End::Size => Ok(Value::Int(self.count)),
            End::Sum(_) if self.total == Total::Nothing => Ok(scan.zero),
            End::Sum(_) => self.total.value(),
            End::Average(_) if self.count == 0 => Ok(Value::Null),
            End::Average(_) => {
                let total = self.total.value()?;
                value::arithmetic(
                    Arithmetic::Divide,
                    total.widened(),
                    Value::Double(self.count as f64),
                )
            }
            End::Min(_) | End::Max(_) => Ok(self.best.unwrap_or(Value::Null)),
            End::First(_) | End::Last(_) => self.chosen.unwrap_or(Ok(Value::Null)),
            End::StandardDeviation(_) if self.count < 2 => Ok(Value::Null),
            End::StandardDeviation(_) => {
                Ok(Value::Double((self.squares / (self.count - 1) as f64).sqrt()))
            }
            End::GapDeviation if self.count < 3 => Ok(Value::Null),
            End::GapDeviation => {
                value::span_of((self.squares / (self.count - 2) as f64).sqrt().floor())
            }
            End::Exists(_) | End::All(_) => match (self.decided, self.undecided) {
                (Some(decided), _) => Ok(Value::Bool(decided)),
                (None, Some(fault)) => Err(fault),
                (None, None) => Ok(Value::Bool(matches!(scan.end, End::All(_)))),
            },
            End::ExistsOne(_) => Ok(Value::Bool(self.count == 1)),
            End::Distinct(_) => {
                let different = self.values.len() + self.names.len();
                Ok(Value::Int(i64::try_from(different).unwrap_or(i64::MAX)))
            }
            End::At(..) => self.chosen.unwrap_or(Err(Fault::Index)),
            End::Quantile(_, share) => quantile::of(self.values, share),
            End::Join(..) => scope.texts.make(|_, out| append(out, &self.joined)),
        }
    }
}
