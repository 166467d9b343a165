//! What is an expression, for those who ask about a place: editors.

use std::fmt;
use std::ops::Range;

use crate::event::EntityKind;
use crate::rule::check::Checked;
use crate::rule::check::Checker;
use crate::rule::check::ItemRef;
use crate::rule::check::Record;
use crate::rule::vocabulary::ItemType;
use crate::rule::vocabulary::Type;
use crate::state::program::Items;

/// What an expression is, without what it is compiled to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// One value.
    Value(Type),
    /// A list of such items.
    List(ItemType),
    /// An event or a line, with fields.
    Item(ItemType),
    /// A thing with fields, of a rule over this kind of entity.
    Record(Record, EntityKind),
    /// What a detector has found, by the function that asked it.
    Finding(&'static str),
    /// `{'a': 'b'}`, with such values.
    Table(Type),
}

impl Sort {
    /// What an item variable is.
    pub fn of_item(item: ItemType) -> Self {
        match item {
            ItemType::Value(ty) => Self::Value(ty),
            ItemType::Event | ItemType::Line | ItemType::Alert | ItemType::Offer => {
                Self::Item(item)
            }
        }
    }
}

impl Checked {
    /// What it is, in a rule over such entities.
    pub fn sort(&self, entity: EntityKind) -> Sort {
        match self {
            Self::Value(typed) => Sort::Value(typed.ty),
            Self::List(list) => Sort::List(list.item),
            Self::Item(ItemRef::Variable(_, item)) => Sort::of_item(*item),
            Self::Item(ItemRef::Chosen(list, _)) => Sort::of_item(list.item),
            Self::Record(record) => Sort::Record(*record, entity),
            Self::Finding(finding) => Sort::Finding(finding.signature.name),
            Self::Table(_, ty) => Sort::Table(*ty),
        }
    }
}

impl Checker<'_> {
    /// Makes an item variable known to what is checked from here on; one too many is left out.
    pub fn bind(&mut self, name: &str, item: ItemType) {
        if self.variables.len() < Items::DEPTH_MAX {
            self.variables.push((name.to_owned(), item));
        }
    }

    pub(super) fn note(&mut self, span: &Range<usize>, checked: &Checked) {
        let entity = self.entity;
        if let Some(seen) = &mut self.seen {
            seen.push((span.clone(), checked.sort(entity)));
        }
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(ty) | Self::Item(ItemType::Value(ty)) => ty.fmt(f),
            Self::List(ItemType::Event) => f.write_str("list of events"),
            Self::List(ItemType::Line) => f.write_str("list of lines"),
            Self::List(ItemType::Alert) => f.write_str("list of alerts"),
            Self::List(ItemType::Offer) => f.write_str("list of offers"),
            Self::Item(ItemType::Offer) => f.write_str("an offer"),
            Self::List(ItemType::Value(ty)) => write!(f, "list of {ty}"),
            Self::Item(ItemType::Line) => f.write_str("a line of an order"),
            Self::Item(ItemType::Alert) => f.write_str("an alert"),
            Self::Item(ItemType::Event) | Self::Record(Record::Event, _) => f.write_str("an event"),
            Self::Record(Record::Entity, kind) => write!(f, "a {}", kind.name()),
            Self::Record(Record::Consent, _) => f.write_str("what the customer consented to"),
            Self::Record(Record::Attributes, _) => f.write_str("further attributes by their names"),
            Self::Finding(function) => write!(f, "what `{function}` finds"),
            Self::Table(ty) => write!(f, "table with values of type {ty}"),
        }
    }
}
