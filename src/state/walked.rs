//! Lists that several rules ask for: each is walked once for an event, not once for a rule.
//!
//! ```text
//! begin ─► rule 1: lines.last('365d').max(l, l.net) > 500    walks ──► kept
//!          rule 2: lines.last('365d').max(l, l.net) > 900    reads ◄──┘
//! end   ─► forgotten: the next event makes another list
//! ```
//!
//! Equal expressions are one node of the program, so the node tells what is equal. Running values
//! need none of this: they cost one read.

use crate::state::detection::Over;
use crate::state::offers::Answered;
use crate::state::program::Node;
use crate::state::program::NodeId;
use crate::state::program::Program;
use crate::state::program::Scan;
use crate::state::program::Scope;
use crate::state::program::Source;
use crate::state::scan::walk;
use crate::state::value::Fault;
use crate::state::value::Value;

/// What was made of lists while one event, or one deadline, is looked at by all rules.
#[derive(Debug, Default)]
pub struct Walked {
    /// The moments so far; what was kept in another one is not true any more.
    moment: u64,
    open: bool,
    kept: Vec<Option<Kept>>,
    answered: Option<(u64, Answered)>,
}

/// What a list has given.
#[derive(Debug, Clone, Copy)]
struct Kept {
    moment: u64,
    outcome: Result<Value, Fault>,
    /// What walking it has cost; whoever reads it pays the same, so that no rule's budget depends
    /// on which rules stand before it.
    fuel: u32,
}

impl Walked {
    /// The entity is as it is now until [`Walked::end`].
    pub fn begin(&mut self) {
        self.moment += 1;
        self.open = true;
    }

    /// The entity changes: nothing is kept, and nothing read.
    pub fn end(&mut self) {
        self.open = false;
    }

    /// The offers that were found last at this moment.
    pub(crate) fn answered(&self) -> Option<&Answered> {
        let (moment, answered) = self.answered.as_ref()?;
        (self.open && *moment == self.moment).then_some(answered)
    }

    /// Keeps the offers that were found.
    pub(crate) fn answer(&mut self, answered: Answered) {
        self.answered = Some((self.moment, answered));
    }

    fn read(&self, node: NodeId) -> Option<Kept> {
        let kept = (*self.kept.get(node.index())?)?;
        (self.open && kept.moment == self.moment).then_some(kept)
    }

    fn keep(&mut self, node: NodeId, outcome: Result<Value, Fault>, fuel: u32) {
        if !self.open {
            return;
        }
        let place = node.index();
        if self.kept.len() <= place {
            self.kept.resize(place + 1, None);
        }
        self.kept[place] = Some(Kept { moment: self.moment, outcome, fuel });
    }
}

/// What a scan makes of its items, walked at most once a moment. It has to be [`alike`].
pub(crate) fn once(scope: &mut Scope<'_>, node: NodeId, scan: &Scan) -> Result<Value, Fault> {
    let kept = scope.walked.as_ref().and_then(|walked| walked.read(node));
    if let Some(Kept { outcome, fuel, .. }) = kept
        && let Some(rest) = scope.fuel.checked_sub(fuel)
    {
        scope.fuel = rest;
        return outcome;
    }
    let before = scope.fuel;
    let outcome = walk(scope, scan);
    // A text that was made lives as long as this evaluation; what the fuel did not reach for, another
    // rule may reach.
    if !matches!(outcome, Ok(Value::Made(_)) | Err(Fault::Fuel))
        && let Some(walked) = &mut scope.walked
    {
        walked.keep(node, outcome, before - scope.fuel);
    }
    outcome
}

/// Whether a list of the history gives the same to every rule at one moment: it speaks of nothing
/// but the entity, not of a rule's names, its event, or the items of a list around it.
pub(crate) fn alike(program: &Program, scan: &Scan) -> bool {
    let shared = matches!(scan.source, Source::Window(..) | Source::Newest(..) | Source::Alerts(_));
    shared && closed_scan(program, scan, 0)
}

/// `depth` lists stand around it whose items it may speak of.
fn closed(program: &Program, id: NodeId, depth: u8) -> bool {
    match program.node(id) {
        Node::Let(_) | Node::Event(_) => false,
        Node::Field(outwards, _)
        | Node::OfAlert(outwards, _)
        | Node::OfOffer(outwards, _)
        | Node::Variable(outwards) => *outwards < depth,
        Node::Scan(scan) => closed_scan(program, scan, depth),
        Node::Detect(detection) if matches!(detection.over, Over::Part(..)) => false,
        node => node.operands().into_iter().all(|operand| closed(program, operand, depth)),
    }
}

fn closed_scan(program: &Program, scan: &Scan, depth: u8) -> bool {
    scan.source != Source::EventLines
        && scan.of_each().all(|node| closed(program, node, depth + 1))
        && scan.of_all().all(|node| closed(program, node, depth))
}
