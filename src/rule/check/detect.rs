//! Functions that ask a detector: over everything ever seen it is kept, over a part of the history
//! it is fed anew.
//!
//! ```text
//! margin_shift(lines)                       kept by the plan
//! margin_shift(lines.last('365d')).alarm    a walk over the window
//! ```

use std::sync::Arc;

use crate::rule::check::Checked;
use crate::rule::check::Checker;
use crate::rule::check::ENTITY;
use crate::rule::check::ListExpr;
use crate::rule::check::ListSource;
use crate::rule::check::Record;
use crate::rule::diagnostic::suggest;
use crate::rule::expression::Expr;
use crate::rule::expression::Node as Tree;
use crate::rule::plan::Window;
use crate::rule::vocabulary::ItemType;
use crate::rule::vocabulary::Type;
use crate::rule::vocabulary::detectors::Gives;
use crate::rule::vocabulary::detectors::Of;
use crate::rule::vocabulary::detectors::Signature;
use crate::state::detection::Detection;
use crate::state::detection::Figure;
use crate::state::detection::Over;
use crate::state::detection::REACH;
use crate::state::detection::kept::Followed;
use crate::state::program::NEWEST_REACH;
use crate::state::program::Node;
use crate::state::program::NodeId;
use crate::state::program::Source;
use crate::state::program::Stage;
use crate::state::value::Value;
use crate::state::window::Filter;
use crate::state::window::List;

/// What a detector has found, before one of its fields is asked for.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The function.
    pub signature: &'static Signature,
    over: Over,
    argument: Option<NodeId>,
    depends: u8,
}

impl Checker<'_> {
    /// `name(list, argument)`.
    pub(super) fn detect(
        &mut self,
        expr: &Expr,
        signature: &'static Signature,
        args: &[Expr],
    ) -> Checked {
        let (list, argument) = match (args, signature.argument) {
            ([list], None) => (list, None),
            ([list, argument], Some(ty)) => (list, Some((argument, ty))),
            _ => {
                let wanted = 1 + usize::from(signature.argument.is_some());
                return self.arguments(expr, signature.name, wanted, args);
            }
        };
        let list = match (self.check(list), signature.of) {
            (Checked::Record(Record::Entity), Of::Entity(kind)) if kind == self.entity => {
                return self.of_entity(expr, signature);
            }
            (Checked::List(list), Of::Events | Of::Lines) => list,
            (Checked::Value(typed), _) if typed.ty == Type::Unknown => {
                return Checked::Value(typed);
            }
            _ => return self.wrong_list(list, signature),
        };
        let wanted = if signature.of == Of::Lines { ItemType::Line } else { ItemType::Event };
        if list.item != wanted {
            return self.wrong_list(&args[0], signature);
        }
        let Some(over) = self.over(&args[0], signature, &list) else {
            return Checked::Value(self.unknown());
        };
        let (mut node, mut depends) = (None, list.depends | ENTITY);
        if let Some((argument, ty)) = argument {
            let Some(typed) = self.asked_for(argument, ty) else {
                return Checked::Value(self.unknown());
            };
            node = Some(typed.0);
            depends |= typed.1;
        }
        let finding = Finding { signature, over, argument: node, depends };
        match signature.gives {
            Gives::One(figure, ty) => self.figure(&finding, figure, ty),
            Gives::Fields(_) => Checked::Finding(Box::new(finding)),
        }
    }

    /// `name(rep)`: all that belongs to the entity.
    fn of_entity(&mut self, expr: &Expr, signature: &'static Signature) -> Checked {
        let detector = signature.detector;
        let followed = Followed { detector, list: List::Orders, filter: Filter::All };
        match self.planner.follow(followed) {
            Ok(place) => {
                let over = Over::Ever(place);
                let finding = Finding { signature, over, argument: None, depends: ENTITY };
                Checked::Finding(Box::new(finding))
            }
            Err(full) => {
                self.error("E301", &expr.span, full.to_string(), "", None);
                Checked::Value(self.unknown())
            }
        }
    }

    fn wrong_list(&mut self, list: &Expr, signature: &Signature) -> Checked {
        let what = match signature.of {
            Of::Events => "a list of events".to_owned(),
            Of::Lines => "a list of lines".to_owned(),
            Of::Entity(kind) => format!("`{0}`, in a rule with `entity: {0}`", kind.name()),
        };
        let message = format!("`{}` needs {what}", signature.name);
        let help = format!("such as `{}`", signature.example);
        self.error("E204", &list.span, message, "", Some(&help));
        Checked::Value(self.unknown())
    }

    /// What a figure is asked for; a length of time may be written as a text.
    fn asked_for(&mut self, argument: &Expr, ty: Type) -> Option<(NodeId, u8)> {
        if let (Tree::Text(_), Type::Span) = (&argument.node, ty) {
            let span = self.length(argument)?;
            return Some((self.program.add(Node::Constant(Value::Span(span))), 0));
        }
        let typed = self.expect(argument, &[ty], "what it is asked for");
        (typed.ty != Type::Unknown).then_some((typed.node, typed.depends))
    }

    /// The list as the detector gets it.
    fn over(&mut self, expr: &Expr, signature: &Signature, list: &ListExpr) -> Option<Over> {
        let ListSource::History(history, window) = list.source else {
            let help = format!("such as `{}`", signature.example);
            let message = format!("`{}` needs a list of the history", signature.name);
            self.error("E204", &expr.span, message, "", Some(&help));
            return None;
        };
        let source = match window {
            Window::Ever => {
                if list.depends != 0 {
                    let help = format!(
                        "name a window, such as `{}.last('365d')`, or let the filter speak of \
                         the item alone",
                        history.name()
                    );
                    let message = "the detector is kept from event to event: what it is fed with \
                                   cannot depend on anything else";
                    self.error("E212", &expr.span, message, "", Some(&help));
                    return None;
                }
                let filter = self.one_filter(&list.stages)?;
                let followed = Followed { detector: signature.detector, list: history, filter };
                return match self.planner.follow(followed) {
                    Ok(place) => Some(Over::Ever(place)),
                    Err(full) => {
                        self.error("E301", &expr.span, full.to_string(), "", None);
                        None
                    }
                };
            }
            Window::Newest(count) => {
                self.planner.reach(NEWEST_REACH.min(REACH));
                Source::Newest(history, count)
            }
            Window::Time { from, to } => match self.planner.span(from, to) {
                Ok(span) => Source::Window(history, span),
                Err(full) => {
                    self.error("E301", &expr.span, full.to_string(), "", None);
                    return None;
                }
            },
        };
        debug_assert!(list.stages.iter().all(|stage| matches!(stage, Stage::Filter(_))));
        Some(Over::Part(source, list.stages.clone()))
    }

    fn figure(&mut self, finding: &Finding, figure: Figure, ty: Type) -> Checked {
        let Finding { signature, over, argument, depends } = finding;
        let detector = signature.detector;
        // What is usual for such customers is learned across them.
        self.program.read_models();
        let detection = Detection { figure, detector, over: over.clone(), argument: *argument };
        self.typed(Node::Detect(Arc::new(detection)), ty, *depends)
    }

    /// A field of what was found.
    pub(super) fn finding_field(&mut self, expr: &Expr, finding: &Finding, field: &str) -> Checked {
        let Gives::Fields(fields) = finding.signature.gives else {
            return Checked::Value(self.unknown());
        };
        if let Some((_, figure, ty, _)) = fields.iter().find(|(name, ..)| *name == field) {
            return self.figure(finding, *figure, *ty);
        }
        let names: Vec<&str> = fields.iter().map(|(name, ..)| *name).collect();
        let near = suggest(field, names.iter().copied());
        let label = near.map_or_else(String::new, |near| format!("did you mean `{near}`?"));
        let message = format!("`{}` finds no `{field}`", finding.signature.name);
        let help = format!("it has {}", names.join(", "));
        self.error("E203", &expr.mark, message, &label, Some(&help));
        Checked::Value(self.unknown())
    }
}
