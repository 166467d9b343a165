//! A condition that asks for one name of each item: it is worked out once a name, not once an item.
//!
//! ```text
//! lines.last('365d').filter(l, complements[l.category] == offer)
//!                              hundreds of lines, a handful of categories
//! ```
//!
//! A look at a list changes nothing that a condition reads: of two items with the same name it says
//! the same. What fails is asked again.

use crate::event::Symbol;
use crate::state::field::name_of;
use crate::state::item::Item;
use crate::state::program::Field;
use crate::state::program::Node;
use crate::state::program::NodeId;
use crate::state::program::Program;
use crate::state::program::Scan;
use crate::state::program::Stage;

/// Names that are remembered, each at a place of its own; of two with one place, the latter.
const PLACES: usize = 64;

/// What the first condition of a list says of the names seen so far.
pub(crate) struct Sieve {
    /// The condition.
    pub(crate) condition: NodeId,
    field: Field,
    known: [Option<(Option<Symbol>, bool)>; PLACES],
}

impl Sieve {
    /// That of a list whose first stage is such a condition.
    pub(crate) fn of(program: &Program, scan: &Scan) -> Option<Self> {
        let Some(&Stage::Filter(condition)) = scan.stages.first() else { return None };
        let mut field = None;
        let is_such = asks_for(program, condition, &mut field);
        let field = field.filter(|_| is_such)?;
        Some(Self { condition, field, known: [None; PLACES] })
    }

    /// What is known of an item with this name.
    #[inline]
    pub(crate) fn says(&self, item: &Item) -> Option<bool> {
        let name = name_of(item, self.field);
        self.known[place(name)].and_then(|(known, passes)| (known == name).then_some(passes))
    }

    /// Remembers what the condition said of an item.
    pub(crate) fn note(&mut self, item: &Item, passes: bool) {
        let name = name_of(item, self.field);
        self.known[place(name)] = Some((name, passes));
    }
}

#[inline]
fn place(name: Option<Symbol>) -> usize {
    name.map_or(0, |name| name.number() as usize % PLACES)
}

/// Whether a condition depends on nothing of an item but one name, which is found out.
fn asks_for(program: &Program, id: NodeId, name: &mut Option<Field>) -> bool {
    let node = program.node(id);
    match node {
        Node::Field(0, field) => field.is_name() && *name.get_or_insert(*field) == *field,
        // Nothing of an item, or more than a look at it: lists within have items of their own.
        Node::OfAlert(0, _)
        | Node::OfOffer(0, _)
        | Node::Variable(0)
        | Node::Decides(_)
        | Node::Scan(_)
        | Node::Detect(_)
        | Node::Learned(_) => false,
        node => node.operands().into_iter().all(|operand| asks_for(program, operand, name)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::Kind;
    use crate::event::Symbols;
    use crate::state::item::Body;
    use crate::state::item::Head;
    use crate::state::item::Talk;
    use crate::state::program::End;
    use crate::state::program::Source;
    use crate::state::value::Comparison;
    use crate::state::value::Value;
    use crate::state::window::List;
    use crate::time::Timestamp;

    #[test]
    fn only_a_condition_on_one_name_is_worked_out_once_a_name() {
        let mut program = Program::default();
        let mut field = |depth, field| program.add(Node::Field(depth, field));
        let [category, brand, net] =
            [Field::Category, Field::Brand, Field::Net].map(|f| field(0, f));
        let outer = field(1, Field::Net);
        let nine = program.add(Node::Constant(Value::Int(9)));
        let mut equal = |a, b| program.add(Node::Compare(Comparison::Equal, a, b));
        let [is_nine, is_brand, of_outer] =
            [(category, nine), (category, brand), (outer, nine)].map(|(a, b)| equal(a, b));
        let of_net = equal(net, nine);
        let now = program.add(Node::Now);
        let both = program.add(Node::And(is_nine, of_outer));
        let either = program.add(Node::Or(is_nine, of_net));
        let list = |stages| Scan {
            source: Source::Newest(List::Lines, 1),
            stages,
            end: End::Size,
            zero: Value::Int(0),
        };
        let within = program.add(Node::Scan(Arc::new(list(Vec::new()))));
        let nested = program.add(Node::And(is_nine, within));
        for (stages, want) in [
            (vec![Stage::Filter(is_nine)], Some(Field::Category)),
            (vec![Stage::Filter(both), Stage::Filter(of_net)], Some(Field::Category)),
            (vec![Stage::Filter(is_brand)], None),
            (vec![Stage::Filter(of_net)], None),
            (vec![Stage::Filter(either)], None),
            (vec![Stage::Filter(nested)], None),
            // The same of every item: there is nothing to tell apart.
            (vec![Stage::Filter(now)], None),
            (vec![Stage::Map(category), Stage::Filter(is_nine)], None),
            (vec![], None),
        ] {
            let scan = list(stages);
            let sieve = Sieve::of(&program, &scan);
            assert_eq!(sieve.map(|sieve| sieve.field), want, "{scan:?}");
        }
    }

    #[test]
    fn names_that_share_a_place_are_told_apart() {
        let mut program = Program::default();
        let category = program.add(Node::Field(0, Field::Category));
        let scan = Scan {
            source: Source::Newest(List::Lines, 1),
            stages: vec![Stage::Filter(category)],
            end: End::Size,
            zero: Value::Int(0),
        };
        let mut sieve = Sieve::of(&program, &scan).unwrap();
        let symbols = Symbols::default();
        let head = Head {
            kind: Kind::Order,
            time: Timestamp::MIN,
            foreign: false,
            channel: None,
            rep: None,
            territory: None,
            customer: None,
            talk: Talk::default(),
        };
        let line = |category| Item { head, body: Body { category, ..Body::default() } };
        let names: Vec<_> = (0..=PLACES).map(|n| Some(symbols.intern(&n.to_string()))).collect();
        let (first, last) = (line(names[0]), line(names[PLACES]));
        assert_eq!(sieve.says(&first), None);
        sieve.note(&first, true);
        assert_eq!((sieve.says(&first), sieve.says(&last)), (Some(true), None));
        sieve.note(&last, false);
        assert_eq!((sieve.says(&first), sieve.says(&last)), (None, Some(false)));
        sieve.note(&line(None), true);
        assert_eq!(sieve.says(&line(None)), Some(true));
    }
}
