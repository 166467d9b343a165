//! A figure as it is asked for: of everything ever seen it is read from the kept state, of a part
//! of the history the detector is fed anew.

use smallvec::SmallVec;

use crate::state::detection::Basis;
use crate::state::detection::Detection;
use crate::state::detection::Detector;
use crate::state::detection::Over;
use crate::state::detection::Sample;
use crate::state::detection::State;
use crate::state::detection::View;
use crate::state::evaluate::evaluate;
use crate::state::history::Entry;
use crate::state::item::Body;
use crate::state::item::Head;
use crate::state::item::Item;
use crate::state::program::Bound;
use crate::state::program::Scope;
use crate::state::program::Source;
use crate::state::program::Stage;
use crate::state::scan::newest;
use crate::state::value::Fault;
use crate::state::value::Value;
use crate::state::window::Upkeep;

/// The figure of a list, as of now.
pub(crate) fn figure(scope: &mut Scope<'_>, detection: &Detection) -> Result<Value, Fault> {
    let argument = match detection.argument {
        None => None,
        Some(node) => match evaluate(scope, node)?.widened() {
            Value::Null => return Err(Fault::Missing),
            value => Some(value),
        },
    };
    let entity = scope.entity.ok_or(Fault::Type)?;
    let basis = Basis::of(entity, scope.catalog);
    let view = View {
        now: scope.now,
        basis,
        team: &scope.catalog.models().team,
        rep: scope.id.and_then(|id| scope.catalog.rep(id)),
        home: entity.currency(),
        symbols: scope.symbols,
        argument,
    };
    match &detection.over {
        Over::Ever(place) => {
            let upkeep = Upkeep {
                plan: scope.plan,
                program: scope.program,
                symbols: scope.symbols,
                catalog: scope.catalog,
            };
            let read = |state: &State| state.read(detection.figure, &view);
            entity.followed(*place, upkeep, read).unwrap_or(Err(Fault::Type))
        }
        Over::Part(source, stages) => {
            let fed = part(scope, detection.detector, (source, stages))?;
            fed.read(detection.figure, &view)
        }
    }
}

/// What a detector makes of a part of the history.
fn part(
    scope: &mut Scope<'_>,
    detector: Detector,
    (source, stages): (&Source, &[Stage]),
) -> Result<State, Fault> {
    let entity = scope.entity.ok_or(Fault::Type)?;
    let basis = Basis::of(entity, scope.catalog);
    let (list, from, to, mut skip) = match source {
        Source::Window(list, span) => {
            let (from, to) = entity.bounds(scope.plan, *span);
            (*list, from, to, 0)
        }
        Source::Newest(list, count) => {
            let (from, skip) = newest(entity, *list, *count);
            (*list, from, entity.history.end(), skip)
        }
        _ => return Err(Fault::Type),
    };
    let mut state = detector.start();
    for entry in entity.history.from(from).take_while(|entry| entry.offset < to) {
        if !detector.takes(list, entry.kind()) {
            continue;
        }
        let head = entry.open().head;
        let Some(lines) = sift(scope, detector, (&entry, head), (stages, &mut skip))? else {
            continue;
        };
        state.feed(
            basis,
            &Sample {
                kind: head.kind,
                time: head.time,
                foreign: head.foreign,
                mood: head.talk.sentiment,
                lines: &lines,
            },
        );
    }
    Ok(state)
}

/// The lines of an event that pass the stages; none where the event does not, or no line does.
fn sift(
    scope: &mut Scope<'_>,
    detector: Detector,
    (entry, head): (&Entry<'_>, Head),
    (stages, skip): (&[Stage], &mut u32),
) -> Result<Option<SmallVec<[Body; 4]>>, Fault> {
    let mut passes = |scope: &mut Scope<'_>, item: Item| -> Result<bool, Fault> {
        if *skip > 0 {
            *skip -= 1;
            return Ok(false);
        }
        scope.fuel = scope.fuel.checked_sub(1).ok_or(Fault::Fuel)?;
        let mark = scope.texts.mark();
        scope.items.push(Bound::Item(item));
        let held = all(scope, stages);
        scope.items.pop();
        scope.texts.release(mark);
        held
    };
    if !detector.is_of_lines() {
        let held = passes(scope, entry.whole())?;
        return Ok(held.then(|| entry.lines().collect()));
    }
    let mut lines = SmallVec::new();
    for body in entry.lines() {
        if passes(scope, Item { head, body })? {
            lines.push(body);
        }
    }
    Ok((!lines.is_empty()).then_some(lines))
}

fn all(scope: &mut Scope<'_>, stages: &[Stage]) -> Result<bool, Fault> {
    for stage in stages {
        let Stage::Filter(node) = stage else { return Err(Fault::Type) };
        if !evaluate(scope, *node)?.truth()? {
            return Ok(false);
        }
    }
    Ok(true)
}
