//! What an event has to be for a rule to hold at all: most events are turned away at the gate,
//! before anything of the rule is computed.
//!
//! ```text
//! event.category == 'toner' && last_ink <= now - duration('30d')
//! └──── gate ────────────┘     `false && …` is false, whatever the rest is, a fault included
//! ```

use crate::event::Event;
use crate::event::Symbol;
use crate::state::program::Field;
use crate::state::program::Node;
use crate::state::program::NodeId;
use crate::state::program::Program;
use crate::state::value::Comparison;
use crate::state::value::Value;

/// Names that an event has to have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gate(Box<[(Field, Symbol)]>);

impl Gate {
    /// The gate before a condition: what all of it depends on, and the event alone tells.
    pub fn of(program: &Program, condition: NodeId) -> Self {
        let (mut parts, mut names) = (vec![condition], Vec::new());
        while let Some(part) = parts.pop() {
            match program.node(part) {
                Node::And(a, b) => parts.extend([*a, *b]),
                Node::Compare(Comparison::Equal, a, b) => {
                    names.extend(required(program, *a, *b).or_else(|| required(program, *b, *a)));
                }
                _ => {}
            }
        }
        Self(names.into())
    }

    /// Whether the event is turned away: the condition does not hold for it.
    #[inline]
    pub fn bars(&self, event: &Event) -> bool {
        self.0.iter().any(|(field, wanted)| name(event, *field).is_some_and(|name| name != *wanted))
    }
}

/// A field of the event and the name that it is compared with.
fn required(program: &Program, field: NodeId, name: NodeId) -> Option<(Field, Symbol)> {
    match (program.node(field), program.node(name)) {
        (Node::Event(field), Node::Constant(Value::Text(name))) => Some((*field, *name)),
        _ => None,
    }
}

/// A name of the event, if it is plain to see.
fn name(event: &Event, field: Field) -> Option<Symbol> {
    match (field, event.lines.as_slice()) {
        (Field::Channel, _) => event.channel,
        (Field::Rep, _) => event.rep,
        (Field::Customer, _) => event.customer,
        (Field::Category, [line]) => line.category,
        (Field::Product, [line]) => line.product,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use crate::event::Line;
    use crate::event::Symbols;
    use crate::money::Decimal;
    use crate::time::Timestamp;

    #[test]
    fn an_event_is_turned_away_if_a_name_that_all_depends_on_is_another() {
        let symbols = Symbols::default();
        let mut program = Program::default();
        let mut is = |field, name: &str| {
            let a = program.add(Node::Event(field));
            let b = program.add(Node::Constant(Value::Text(symbols.intern(name))));
            (a, b)
        };
        let (toner, web) = (is(Field::Category, "toner"), is(Field::Channel, "web"));
        let mut node = |node| program.add(node);
        let equal = |(a, b)| Node::Compare(Comparison::Equal, a, b);
        let (toner, web) = (node(equal(toner)), node(equal((web.1, web.0))));
        let (both, either) = (node(Node::And(toner, web)), node(Node::Or(toner, web)));
        let event = |category: &str, channel: &str| {
            let line = Line {
                number: 0,
                product: None,
                category: Some(symbols.intern(category)),
                brand: None,
                promotion: None,
                quantity: Decimal::ONE,
                net: None,
                cost: None,
                discount: None,
                non_product: false,
            };
            Event {
                id: "1".into(),
                source: symbols.intern("test"),
                kind: Kind::Order,
                time: Timestamp::EPOCH,
                customer: None,
                rep: None,
                territory: None,
                channel: Some(symbols.intern(channel)),
                order: None,
                currency: None,
                lines: [line].into_iter().collect(),
                detail: None,
            }
        };
        for (condition, category, channel, want) in [
            (toner, "toner", "shop", false),
            (toner, "paper", "web", true),
            (both, "toner", "web", false),
            (both, "toner", "shop", true),
            (both, "paper", "web", true),
            (either, "paper", "shop", false),
        ] {
            let gate = Gate::of(&program, condition);
            assert_eq!(gate.bars(&event(category, channel)), want, "{category} {channel}");
        }
        // What the event does not say, or says of several lines, is left to the condition.
        let gate = Gate::of(&program, both);
        let mut vague = event("paper", "web");
        vague.lines.push(vague.lines[0]);
        assert!(!gate.bars(&vague));
        vague.channel = None;
        assert!(!gate.bars(&vague));
    }
}
