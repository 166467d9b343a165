//! Functions over what was learned across customers: lists of offers, peers, affinity.

use crate::rule::check::Checked;
use crate::rule::check::Checker;
use crate::rule::check::ENTITY;
use crate::rule::check::ItemRef;
use crate::rule::check::ListExpr;
use crate::rule::check::ListSource;
use crate::rule::check::Typed;
use crate::rule::diagnostic::suggest;
use crate::rule::expression::Expr;
use crate::rule::expression::Node as Tree;
use crate::rule::plan::Window;
use crate::rule::vocabulary::ItemType;
use crate::rule::vocabulary::Type;
use crate::rule::vocabulary::offers::OFFER_FIELDS;
use crate::rule::vocabulary::offers::PEER_METHODS;
use crate::state::learned::Learned;
use crate::state::learned::PeerFigure;
use crate::state::learned::VALUE_REACH;
use crate::state::models::affinity::Meeting;
use crate::state::offers::Ask;
use crate::state::offers::Context;
use crate::state::offers::OFFERS_MAX;
use crate::state::program::Field;
use crate::state::program::NEWEST_REACH;
use crate::state::program::Node;
use crate::state::value::Value;
use crate::state::window::Filter;
use crate::state::window::List;
use crate::state::window::Owned;

impl Checker<'_> {
    /// `next_best(event.lines, 5)`, `white_space(lines, 5)`.
    pub(super) fn offers(
        &mut self,
        expr: &Expr,
        (name, meeting): (&str, Meeting),
        args: &[Expr],
    ) -> Checked {
        let [of, number] = args else { return self.arguments(expr, name, 2, args) };
        let context = self.context(of, name);
        let number = self.number_of_offers(number);
        let owned = self.owned_categories(expr);
        let (Some(context), Some(number), Some(owned)) = (context, number, owned) else {
            return Checked::Value(self.unknown());
        };
        self.program.read_models();
        Checked::List(ListExpr {
            source: ListSource::Offers(Ask { meeting, context, owned, number }),
            stages: Vec::new(),
            depends: 0,
            mapped: false,
            item: ItemType::Offer,
        })
    }

    /// The place of the categories ever bought.
    fn owned_categories(&mut self, expr: &Expr) -> Option<u16> {
        let owned = Owned { list: List::Lines, filter: Filter::All, field: Field::Category };
        match self.planner.owned(owned) {
            Ok(set) => Some(set),
            Err(full) => {
                self.error("E301", &expr.span, full.to_string(), "", None);
                None
            }
        }
    }

    fn number_of_offers(&mut self, number: &Expr) -> Option<u32> {
        let typed = self.expect(number, &[Type::Int], "how many offers");
        let constant = match self.constant_of(typed) {
            Some(Value::Int(number)) => u32::try_from(number).ok(),
            _ => None,
        };
        let sound = constant.filter(|number| (1..=OFFERS_MAX).contains(number));
        if sound.is_none() && typed.ty != Type::Unknown {
            let message = format!("this has to be a number from 1 to {OFFERS_MAX}, written out");
            let help = "such as `next_best(event.lines, 5)`";
            self.error("E208", &number.span, message, "", Some(help));
        }
        sound
    }

    /// What offers have to go with: lines of an order, or a category by its name.
    fn context(&mut self, of: &Expr, name: &str) -> Option<Context> {
        let help = format!("such as `{name}(event.lines, 5)`, `{name}(lines.last('365d'), 5)`");
        match self.check(of) {
            Checked::Value(typed) if typed.ty == Type::Unknown => None,
            Checked::Value(typed) if matches!(typed.ty, Type::Text | Type::Dynamic) => {
                Some(Context::Category(typed.node))
            }
            Checked::List(list) if list.stages.is_empty() => match list.source {
                ListSource::EventLines => Some(Context::Event),
                ListSource::History(List::Lines, window) => self.part_of_lines(of, window),
                _ => {
                    let message = format!("`{name}` needs lines, or the name of a category");
                    self.error("E204", &of.span, message, "", Some(&help));
                    None
                }
            },
            Checked::List(_) => {
                let message = format!("`{name}` takes lines as they are: no `filter` or `map`");
                self.error("E204", &of.span, message, "", Some(&help));
                None
            }
            _ => {
                let message = format!("`{name}` needs lines, or the name of a category");
                self.error("E204", &of.span, message, "", Some(&help));
                None
            }
        }
    }

    fn part_of_lines(&mut self, of: &Expr, window: Window) -> Option<Context> {
        match window {
            Window::Ever => self.owned_categories(of).map(Context::Owned),
            Window::Newest(count) => {
                self.planner.reach(NEWEST_REACH);
                Some(Context::Newest(count))
            }
            Window::Time { from, to } => match self.planner.span(from, to) {
                Ok(span) => Some(Context::Window(span)),
                Err(full) => {
                    self.error("E301", &of.span, full.to_string(), "", None);
                    None
                }
            },
        }
    }

    /// `affinity(event.lines, 'Safety')`
    pub(super) fn affinity(&mut self, expr: &Expr, args: &[Expr]) -> Checked {
        let [of, category] = args else { return self.arguments(expr, "affinity", 2, args) };
        let context = self.context(of, "affinity");
        let category = self.expect(category, &[Type::Text], "the category");
        match context {
            Some(context) => self.learned(Learned::Lift(context, category.node), Type::Double),
            None => Checked::Value(self.unknown()),
        }
    }

    /// `declined('Safety')`
    pub(super) fn declined(&mut self, expr: &Expr, args: &[Expr]) -> Checked {
        let [offer] = args else { return self.arguments(expr, "declined", 1, args) };
        let offer = self.expect(offer, &[Type::Text], "what was offered");
        self.learned(Learned::Declined(offer.node), Type::Bool)
    }

    /// `peers(customer.segment).quantile('profit', 0.5)`
    pub(super) fn peers(&mut self, expr: &Expr, of: &[Expr], name: &str, args: &[Expr]) -> Checked {
        let [segment] = of else { return self.arguments(expr, "peers", 1, of) };
        let segment = self.expect(segment, &[Type::Text, Type::Null], "the segment");
        match (name, args) {
            ("size", []) => self.learned(Learned::Size(segment.node), Type::Int),
            ("quantile", [figure, share]) => {
                let figure = self.peer_figure(figure);
                let share = self.expect(share, &[Type::Double], "the share");
                let Some(figure) = figure else { return Checked::Value(self.unknown()) };
                self.learned(Learned::Quantile(figure, segment.node, share.node), Type::Money)
            }
            ("rank", [figure, amount]) => {
                let figure = self.peer_figure(figure);
                let amount = self.expect(amount, &[Type::Money, Type::Double], "the amount");
                let Some(figure) = figure else { return Checked::Value(self.unknown()) };
                self.learned(Learned::Rank(figure, segment.node, amount.node), Type::Double)
            }
            _ => self.no_peer_method(expr, name),
        }
    }

    /// `peers(…)` with nothing behind it, or with something that peers have not.
    pub(super) fn no_peer_method(&mut self, expr: &Expr, name: &str) -> Checked {
        let known = PEER_METHODS.iter().find(|(known, _)| *known == name);
        let near = suggest(name, PEER_METHODS.iter().map(|(known, _)| *known));
        let label = near.map_or_else(String::new, |near| format!("did you mean `{near}`?"));
        let usage = known.map_or_else(|| PEER_METHODS[0].1, |(_, usage)| usage);
        let message = "peers are asked for `quantile`, `rank` or `size`";
        self.error("E202", &expr.mark, message, &label, Some(usage));
        Checked::Value(self.unknown())
    }

    fn peer_figure(&mut self, expr: &Expr) -> Option<PeerFigure> {
        if let Tree::Text(text) = &expr.node
            && let Some((figure, _)) = PeerFigure::ALL.iter().find(|(_, name)| name == text)
        {
            return Some(*figure);
        }
        let help = "write `'profit'` or `'net'`";
        self.error("E208", &expr.span, "there is no such figure of peers", "", Some(help));
        None
    }

    /// `customer.value_tier`
    pub(super) fn value_tier(&mut self) -> Checked {
        self.planner.reach(VALUE_REACH);
        self.learned(Learned::ValueTier, Type::Text)
    }

    fn learned(&mut self, question: Learned, ty: Type) -> Checked {
        self.program.read_models();
        self.typed(Node::Learned(question.into()), ty, ENTITY)
    }

    /// A field of an offer.
    pub(super) fn offer_field(&mut self, expr: &Expr, item: &ItemRef, field: &str) -> Checked {
        let found = OFFER_FIELDS.iter().find(|(name, ..)| *name == field);
        let Some((_, field, ty, _)) = found else {
            let names = OFFER_FIELDS.map(|(name, ..)| name);
            return self.no_field(expr, "an offer", field, &names);
        };
        match item {
            ItemRef::Variable(level, _) => {
                let outwards = self.outwards(*level);
                let node = self.program.add(Node::OfOffer(outwards, *field));
                Checked::Value(Typed { node, ty: *ty, depends: 1 << level })
            }
            ItemRef::Chosen(list, which) => {
                let node = self.program.add(Node::OfOffer(0, *field));
                self.one_of(expr, list, *which, (node, *ty))
            }
        }
    }
}
