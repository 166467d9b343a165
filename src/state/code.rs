//! A node, compiled: a closure over its operands' closures, made once when the rules are read.
//!
//! ```text
//! recent < baseline - 0.03      less(let 0, subtract(let 1, 0.03))
//! ```
//!
//! Where an operand is a constant, a running value or a field of the event, the closure reads it
//! itself: the compiler makes one closure for each operation and kind of operand, so that such an
//! operand costs no call. Values and faults travel in registers, as [`Cell`]s.

use std::fmt;
use std::sync::Arc;

use crate::event::Symbol;
use crate::state::cell::Cell;
use crate::state::evaluate::evaluate;
use crate::state::evaluate::happened;
use crate::state::evaluate::kept;
use crate::state::evaluate::named;
use crate::state::evaluate::other;
use crate::state::program::Field;
use crate::state::program::Node;
use crate::state::program::NodeId;
use crate::state::program::Program;
use crate::state::program::Running;
use crate::state::program::Scope;
use crate::state::value::Arithmetic;
use crate::state::value::Comparison;
use crate::state::value::Fault;
use crate::state::value::Value;
use crate::state::walked;

/// What computes a node.
#[derive(Clone)]
pub(crate) struct Code(Arc<Run>);

type Run = dyn Fn(&mut Scope<'_>) -> Cell + Send + Sync;

impl Code {
    /// The value of the node, or the fault in its place.
    #[inline]
    pub(crate) fn run(&self, scope: &mut Scope<'_>) -> Cell {
        (self.0)(scope)
    }

    fn new(run: impl Fn(&mut Scope<'_>) -> Cell + Send + Sync + 'static) -> Self {
        Self(Arc::new(run))
    }

    /// The code of a node whose operands stand in the program already.
    pub(crate) fn of(program: &Program, id: NodeId, node: &Node) -> Self {
        match *node {
            Node::Constant(value) => {
                let constant = Cell::from(value);
                Self::new(move |_| constant)
            }
            Node::Aggregate(running) => Self::new(move |scope| kept(scope, running)),
            Node::Event(field) => Self::new(move |scope| happened(scope, field)),
            Node::Let(place) => Self::new(move |scope| named(scope, place)),
            Node::And(a, b) => either(program.code(a).clone(), program.code(b).clone(), false),
            Node::Or(a, b) => either(program.code(a).clone(), program.code(b).clone(), true),
            Node::Arithmetic(op, a, b) => {
                let operands = (Operand::of(program, a), Operand::of(program, b));
                // Each operation is a closure of its own, which knows it.
                match op {
                    Arithmetic::Add => of_two(operands, |a, b| a.arithmetic(Arithmetic::Add, b)),
                    Arithmetic::Subtract => {
                        of_two(operands, |a, b| a.arithmetic(Arithmetic::Subtract, b))
                    }
                    Arithmetic::Multiply => {
                        of_two(operands, |a, b| a.arithmetic(Arithmetic::Multiply, b))
                    }
                    Arithmetic::Divide => {
                        of_two(operands, |a, b| a.arithmetic(Arithmetic::Divide, b))
                    }
                    Arithmetic::Modulo => {
                        of_two(operands, |a, b| a.arithmetic(Arithmetic::Modulo, b))
                    }
                }
            }
            Node::Compare(op, a, b) => {
                let operands = (Operand::of(program, a), Operand::of(program, b));
                match op {
                    Comparison::Equal => of_two(operands, |a, b| a.compare(Comparison::Equal, b)),
                    Comparison::NotEqual => {
                        of_two(operands, |a, b| a.compare(Comparison::NotEqual, b))
                    }
                    Comparison::Less => of_two(operands, |a, b| a.compare(Comparison::Less, b)),
                    Comparison::LessOrEqual => {
                        of_two(operands, |a, b| a.compare(Comparison::LessOrEqual, b))
                    }
                    Comparison::Greater => {
                        of_two(operands, |a, b| a.compare(Comparison::Greater, b))
                    }
                    Comparison::GreaterOrEqual => {
                        of_two(operands, |a, b| a.compare(Comparison::GreaterOrEqual, b))
                    }
                }
            }
            Node::Scan(ref scan) if walked::alike(program, scan) => {
                let scan = Arc::clone(scan);
                Self::new(move |scope| walked::once(scope, id, &scan).into())
            }
            Node::Lookup(key, ref pairs) => Table::of(pairs).map_or_else(
                || Self::new(move |scope| other(scope, id).into()),
                |table| Self::new(move |scope| table.found(scope, (id, key)).into()),
            ),
            _ => Self::new(move |scope| other(scope, id).into()),
        }
    }
}

/// A map whose keys are all texts, in the order of their names' numbers: `{'a': 'b'}[x]`.
struct Table(Box<[(Symbol, Value)]>);

impl Table {
    fn of(pairs: &[(Value, Value)]) -> Option<Self> {
        let named = |(key, value): &(Value, Value)| match key {
            Value::Text(name) => Some((*name, *value)),
            _ => None,
        };
        let mut all: Vec<_> = pairs.iter().map(named).collect::<Option<_>>()?;
        // Of equal keys the first counts.
        all.sort_by_key(|(name, _)| *name);
        all.dedup_by_key(|(name, _)| *name);
        Some(Self(all.into()))
    }

    fn found(&self, scope: &mut Scope<'_>, (id, key): (NodeId, NodeId)) -> Result<Value, Fault> {
        match evaluate(scope, key)? {
            Value::Text(name) => {
                let place = self.0.binary_search_by_key(&name, |(known, _)| *known);
                Ok(place.map_or(Value::Null, |place| self.0[place].1))
            }
            // A text that was made has no number: it is compared by what it says.
            Value::Made(_) => other(scope, id),
            _ => Ok(Value::Null),
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code")
    }
}

/// An operand, as the closure over it finds it.
enum Operand {
    Constant(Cell),
    Running(Running),
    Event(Field),
    Computed(Code),
}

impl Operand {
    fn of(program: &Program, id: NodeId) -> Self {
        match program.node(id) {
            Node::Constant(value) => Self::Constant(Cell::from(*value)),
            Node::Aggregate(running) => Self::Running(*running),
            Node::Event(field) => Self::Event(*field),
            _ => Self::Computed(program.code(id).clone()),
        }
    }
}

/// The code of an operation over two operands, which has no say in when they are computed.
fn of_two<F>(operands: (Operand, Operand), operation: F) -> Code
where
    F: Fn(Cell, Cell) -> Cell + Send + Sync + 'static,
{
    use Operand::Computed;
    use Operand::Constant;
    use Operand::Event;
    use Operand::Running;
    match operands {
        (Running(a), Constant(b)) => Code::new(move |scope| operation(kept(scope, a), b)),
        (Running(a), Running(b)) => {
            Code::new(move |scope| operation(kept(scope, a), kept(scope, b)))
        }
        (Event(a), Constant(b)) => Code::new(move |scope| operation(happened(scope, a), b)),
        (Computed(a), Constant(b)) => Code::new(move |scope| operation(a.run(scope), b)),
        (Computed(a), Running(b)) => {
            Code::new(move |scope| operation(a.run(scope), kept(scope, b)))
        }
        (Running(a), b) => {
            let b = b.code();
            Code::new(move |scope| operation(kept(scope, a), b.run(scope)))
        }
        (a, b) => {
            let (a, b) = (a.code(), b.code());
            Code::new(move |scope| operation(a.run(scope), b.run(scope)))
        }
    }
}

impl Operand {
    fn code(self) -> Code {
        match self {
            Self::Constant(value) => Code::new(move |_| value),
            Self::Running(running) => Code::new(move |scope| kept(scope, running)),
            Self::Event(field) => Code::new(move |scope| happened(scope, field)),
            Self::Computed(code) => code,
        }
    }
}

/// `&&` (decided by `false`) and `||` (decided by `true`): a fault on one side does not matter
/// when the other side decides, on whichever side it stands (CEL's logical operators).
fn either(a: Code, b: Code, deciding: bool) -> Code {
    Code::new(move |scope| {
        let left = a.run(scope).truth();
        if left.is(deciding) {
            return left;
        }
        let right = b.run(scope).truth();
        if right.is(deciding) || !left.is_fault() { right } else { left }
    })
}
