//! Operations on lists: what can be kept as a running value becomes one, the rest is a scan.
//!
//! ```text
//! window  × stages that look at their item only × size, sum, avg, exists, all, count  ► running
//! ever    × the same, and min, max                                                    ► running
//! ever    × exists(x, x.category == something)                                        ► a set
//! window  × anything else                                                             ► a scan
//! ever    × anything else                                                             ► refused
//! ```

use std::sync::Arc;

use crate::rule::check::Checked;
use crate::rule::check::Checker;
use crate::rule::check::ENTITY;
use crate::rule::check::ItemRef;
use crate::rule::check::ListExpr;
use crate::rule::check::ListSource;
use crate::rule::check::Typed;
use crate::rule::check::Which;
use crate::rule::check::call::wrong_count;
use crate::rule::check::plain_field;
use crate::rule::check::zero;
use crate::rule::diagnostic::suggest;
use crate::rule::expression::Expr;
use crate::rule::expression::Node as Tree;
use crate::rule::plan::Asked;
use crate::rule::plan::Window;
use crate::rule::set::Evidence;
use crate::rule::vocabulary::ItemType;
use crate::rule::vocabulary::LIST_METHODS;
use crate::rule::vocabulary::Type;
use crate::state::past::Reach;
use crate::state::program::End;
use crate::state::program::Field;
use crate::state::program::Function;
use crate::state::program::NEWEST_REACH;
use crate::state::program::Node;
use crate::state::program::NodeId;
use crate::state::program::Scan;
use crate::state::program::Source;
use crate::state::program::Stage;
use crate::state::program::Verdict;
use crate::state::value::Arithmetic;
use crate::state::value::Comparison;
use crate::state::value::Value;
use crate::state::window::AggregateKind;
use crate::state::window::Filter;
use crate::state::window::List;
use crate::state::window::Measure;
use crate::state::window::Owned;
use crate::state::window::Unit;
use crate::time::Span;

/// Most items of `.last(n)`.
const NEWEST_MAX: i64 = 1_000;

impl Checker<'_> {
    /// `list.name(args)`.
    pub(super) fn list_call(
        &mut self,
        expr: &Expr,
        list: ListExpr,
        name: &str,
        args: &[Expr],
    ) -> Checked {
        let wanted: usize = match name {
            "last" if args.is_empty() => {
                return Checked::Item(ItemRef::Chosen(Box::new(list), Which::Last));
            }
            "first" | "size" => 0,
            "last" | "contains" | "join" => 1,
            "between" | "filter" | "map" | "exists" | "all" | "exists_one" | "count" | "sum"
            | "avg" | "min" | "max" | "stddev" | "median" | "distinct" => 2,
            "quantile" => 3,
            _ => return self.no_method(expr, name),
        };
        // A list of plain values is its own measure: `.map(x, x.net).sum()`.
        let own = match name {
            "last" | "contains" => false,
            "join" => args.is_empty(),
            _ => matches!(list.item, ItemType::Value(_)) && args.len() + 2 == wanted,
        };
        if args.len() != wanted && !own {
            let usage = LIST_METHODS.iter().find(|(known, _)| *known == name);
            let usage = usage.map_or("", |(_, usage)| usage);
            let message = wrong_count(name, wanted, args.len());
            self.error("E207", &expr.mark, message, "", Some(usage));
            return Checked::Value(self.unknown());
        }
        match (name, args) {
            ("first", _) => Checked::Item(ItemRef::Chosen(Box::new(list), Which::First)),
            ("last", [length]) => self.window(expr, list, length, None),
            ("between", [from, to]) => self.window(expr, list, from, Some(to)),
            ("filter", [name, condition]) => self.filter(list, name, condition),
            ("map", [name, value]) => self.map(list, name, value),
            ("contains", [value]) => self.contains(expr, &list, value),
            ("join", args) => self.join(expr, &list, args.first()),
            ("quantile", [measured @ .., share]) => {
                self.reduce(expr, &list, name, (measured, Some(share)))
            }
            ("size", _) => self.size(expr, &list),
            _ => self.reduce(expr, &list, name, (args, None)),
        }
    }

    fn no_method(&mut self, expr: &Expr, name: &str) -> Checked {
        let names: Vec<&str> = LIST_METHODS.iter().map(|(name, _)| *name).collect();
        let near = suggest(name, names.iter().copied());
        let label = near.map_or_else(String::new, |near| format!("did you mean `{near}`?"));
        let help = format!("a list has {}", names.join(", "));
        self.error("E202", &expr.mark, format!("a list has no `{name}`"), &label, Some(&help));
        Checked::Value(self.unknown())
    }

    /// `.last('30d')`, `.last(20)`, `.between('210d', '30d')`.
    fn window(
        &mut self,
        expr: &Expr,
        mut list: ListExpr,
        first: &Expr,
        to: Option<&Expr>,
    ) -> Checked {
        if !list.source.is_whole() {
            let help = "take the window first: `lines.last('30d').filter(…)`";
            self.error("E208", &expr.mark, "this list has its window already", "", Some(help));
            return Checked::List(list);
        }
        let window = match (&first.node, to) {
            (Tree::Int(count), None) if (1..=NEWEST_MAX).contains(count) => {
                if !list.stages.is_empty() {
                    let help = "take the newest first: `lines.last(20).filter(…)`";
                    self.error(
                        "E208",
                        &expr.mark,
                        "`.last(n)` comes before `.filter`",
                        "",
                        Some(help),
                    );
                }
                if matches!(list.source, ListSource::History(..)) {
                    self.planner.reach(NEWEST_REACH);
                }
                Window::Newest(u32::try_from(*count).unwrap_or(1))
            }
            (Tree::Int(_), None) => {
                let message = format!("`.last(n)` takes 1 to {NEWEST_MAX}");
                let help = "or a length of time: `.last('30d')`";
                self.error("E208", &first.span, message, "", Some(help));
                return Checked::List(list);
            }
            _ => {
                let from = self.length(first);
                let to = to.map_or(Some(Span::ZERO), |to| self.length(to));
                let (Some(from), Some(to)) = (from, to) else { return Checked::List(list) };
                if from <= to {
                    let help = "the older end comes first: `.between('210d', '30d')`";
                    self.error("E208", &expr.mark, "the window is empty", "", Some(help));
                    return Checked::List(list);
                }
                Window::Time { from, to }
            }
        };
        list.source = list.source.within(window);
        Checked::List(list)
    }

    /// A length of time that is written out: `'30d'` or `duration('30d')`.
    pub(super) fn length(&mut self, expr: &Expr) -> Option<Span> {
        if let Tree::Text(text) = &expr.node {
            return match Span::parse(text) {
                Ok(span) => Some(span),
                Err(error) => {
                    let help = "write e.g. `'30d'`, `'52w'`, `'1h30m'`";
                    self.error("E208", &expr.span, error.to_string(), "", Some(help));
                    None
                }
            };
        }
        let typed = self.expect(expr, &[Type::Span], "a window's length");
        match self.constant_of(typed) {
            Some(Value::Span(span)) => Some(span),
            _ if typed.ty == Type::Unknown => None,
            _ => {
                let help = "write it out, such as `'30d'`: windows are kept from event to event";
                self.error(
                    "E209",
                    &expr.span,
                    "a window's length has to be constant",
                    "",
                    Some(help),
                );
                None
            }
        }
    }

    fn filter(&mut self, mut list: ListExpr, name: &Expr, condition: &Expr) -> Checked {
        let item = list.item;
        let kept = self.with_variable(name, item, |checker, level| {
            let what = "the condition of `filter`";
            let typed = checker.expect(condition, &[Type::Bool], what);
            (typed.node, typed.depends & !(1 << level))
        });
        if let Some((node, depends)) = kept {
            list.stages.push(Stage::Filter(node));
            list.depends |= depends;
        }
        Checked::List(list)
    }

    fn map(&mut self, mut list: ListExpr, name: &Expr, value: &Expr) -> Checked {
        let item = list.item;
        let mapped = self.with_variable(name, item, |checker, level| {
            let typed = checker.value(value);
            (typed.node, typed.ty, typed.depends & !(1 << level))
        });
        if let Some((node, ty, depends)) = mapped {
            list.stages.push(Stage::Map(node));
            list.depends |= depends;
            list.mapped = true;
            list.item = ItemType::Value(ty);
        }
        Checked::List(list)
    }

    pub(super) fn contains(&mut self, expr: &Expr, list: &ListExpr, value: &Expr) -> Checked {
        let ItemType::Value(ty) = list.item else {
            let help = "ask for a field: `.exists(x, x.category == …)`";
            self.error("E204", &expr.mark, "`contains` needs plain values", "", Some(help));
            return Checked::Value(self.unknown());
        };
        let needle = self.beside_item(list.item, |checker| checker.value(value));
        if !needle.ty.compares_with(ty) && needle.ty != Type::Null {
            let message = never_in(needle.ty, ty);
            self.error("E205", &value.span, message, "", Some("compare values of one type"));
        }
        let node = self.program.add(Node::Variable(0));
        let compared = self.compared(Comparison::Equal, Typed { node, ty, depends: 0 }, needle);
        self.scan(expr, list, End::Exists(compared), (Type::Bool, needle.depends))
    }

    /// `.join(', ')`: a list of texts as one.
    fn join(&mut self, expr: &Expr, list: &ListExpr, separator: Option<&Expr>) -> Checked {
        if !matches!(list.item, ItemType::Value(Type::Text | Type::Dynamic | Type::Unknown)) {
            let help = "make strings of the items: `.map(x, x.category).join(', ')`";
            self.error("E204", &expr.mark, "`join` needs a list of strings", "", Some(help));
            return Checked::Value(self.unknown());
        }
        let separator = match separator {
            Some(separator) => self.beside_item(list.item, |checker| {
                checker.expect(separator, &[Type::Text], "what stands between")
            }),
            None => {
                let none = Value::Text(self.symbols.intern(""));
                let node = self.program.add(Node::Constant(none));
                Typed { node, ty: Type::Text, depends: 0 }
            }
        };
        let node = self.program.add(Node::Variable(0));
        self.scan(expr, list, End::Join(node, separator.node), (Type::Text, separator.depends))
    }

    fn size(&mut self, expr: &Expr, list: &ListExpr) -> Checked {
        let end = End::Size;
        match self.running(expr, list, (Measure::One, AggregateKind::Count, Unit::Int), end) {
            Some(node) => Self::value_of(node, Type::Int),
            None => self.scan(expr, list, end, (Type::Int, 0)),
        }
    }

    /// The size of a list, for functions made of it.
    pub(super) fn size_of(&mut self, expr: &Expr, list: &ListExpr) -> Typed {
        let checked = self.size(expr, list);
        self.settled(checked, &expr.span)
    }

    fn value_of(node: NodeId, ty: Type) -> Checked {
        Checked::Value(Typed { node, ty, depends: ENTITY })
    }

    /// `sum`, `avg`, `min`, `max`, `stddev`, `median`, `quantile` with its share, `distinct`,
    /// `count`, `exists`, `all`, `exists_one`.
    fn reduce(
        &mut self,
        expr: &Expr,
        list: &ListExpr,
        name: &str,
        (args, share): (&[Expr], Option<&Expr>),
    ) -> Checked {
        let condition = matches!(name, "count" | "exists" | "all" | "exists_one");
        let measured = match args {
            [variable, measure] => {
                let item = list.item;
                self.with_variable(variable, item, |checker, level| {
                    let typed = if condition {
                        checker.expect(measure, &[Type::Bool], "the condition")
                    } else {
                        checker.value(measure)
                    };
                    Typed { depends: typed.depends & !(1 << level), ..typed }
                })
            }
            _ => {
                let ItemType::Value(ty) = list.item else { return Checked::Value(self.unknown()) };
                let node = self.program.add(Node::Variable(0));
                Some(Typed { node, ty, depends: 0 })
            }
        };
        let Some(measured) = measured else { return Checked::Value(self.unknown()) };
        match name {
            "count" => {
                let mut filtered = list.clone();
                filtered.stages.push(Stage::Filter(measured.node));
                filtered.depends |= measured.depends;
                self.size(expr, &filtered)
            }
            "exists" => self.exists(expr, list, args, measured),
            "all" => self.all(expr, list, measured),
            "exists_one" => {
                let end = End::ExistsOne(measured.node);
                self.scan(expr, list, end, (Type::Bool, measured.depends))
            }
            "distinct" => {
                let end = End::Distinct(measured.node);
                self.scan(expr, list, end, (Type::Int, measured.depends))
            }
            "quantile" | "median" => self.quantile(expr, list, measured, share),
            _ => self.numeric(expr, list, name, measured),
        }
    }

    /// The value below which a share of the values lies, which is written out; else half of them.
    fn quantile(
        &mut self,
        expr: &Expr,
        list: &ListExpr,
        measured: Typed,
        share: Option<&Expr>,
    ) -> Checked {
        let given = share.map(|share| (share, self.value(share)));
        let share = match given {
            None => 0.5,
            Some((share, typed)) => {
                let constant = self.constant_of(typed).and_then(|value| value.number().ok());
                match constant.filter(|share| (0.0..=1.0).contains(share)) {
                    Some(share) => share,
                    None => {
                        let help = "the share of the values that lie below: \
                                    `.quantile(x, x.net, 0.9)`";
                        let message = "this has to be a number from 0 to 1, written out";
                        self.error("E209", &share.span, message, "", Some(help));
                        return Checked::Value(self.unknown());
                    }
                }
            }
        };
        let ty = match measured.ty {
            ty @ (Type::Money | Type::Span) => ty,
            ty if ty.is_number() => Type::Double,
            ty => {
                let message = format!(
                    "a quantile is one of numbers, money or durations, not of {}",
                    ty.noun()
                );
                let help = "measure a number, money or a duration: `.median(x, x.net)`";
                self.error("E205", &expr.mark, message, "", Some(help));
                return Checked::Value(self.unknown());
            }
        };
        self.scan(expr, list, End::Quantile(measured.node, share), (ty, measured.depends))
    }

    fn numeric(&mut self, expr: &Expr, list: &ListExpr, name: &str, measured: Typed) -> Checked {
        let ordered = matches!(name, "min" | "max");
        let fits = measured.ty.is_number()
            || measured.ty == Type::Money
            || (ordered && matches!(measured.ty, Type::Time | Type::Span));
        if !fits {
            let message =
                format!("`{name}` works on numbers and money, not on {}", measured.ty.noun());
            let help = "measure a field: `.sum(x, x.net)`; count with `.count(x, condition)`";
            self.error("E205", &expr.mark, message, "", Some(help));
            return Checked::Value(self.unknown());
        }
        let node = measured.node;
        let mean = if measured.ty == Type::Money { Type::Money } else { Type::Double };
        let (end, ty, kind) = match name {
            "sum" => (End::Sum(node), measured.ty, Some(AggregateKind::Sum)),
            "avg" => (End::Average(node), mean, Some(AggregateKind::Sum)),
            "min" => (End::Min(node), measured.ty, Some(AggregateKind::Min)),
            "max" => (End::Max(node), measured.ty, Some(AggregateKind::Max)),
            _ => (End::StandardDeviation(node), Type::Double, None),
        };
        let ever = matches!(list.source, ListSource::History(_, Window::Ever));
        // The smallest of a window changes when it leaves; only the smallest ever can be kept.
        let kind = kind.filter(|_| ever || !ordered);
        let running = kind.and_then(|kind| {
            let unit = self.unit(measured)?;
            let end = if name == "avg" { End::Sum(node) } else { end };
            let measure = self.measure(node);
            let free = measured.depends == 0;
            if free { self.running(expr, list, (measure, kind, unit), end) } else { None }
        });
        match running {
            Some(sum) if name == "avg" => {
                let size = self.size_of(expr, list);
                self.mean(sum, size.node, ty)
            }
            Some(node) => Self::value_of(node, ty),
            None => self.scan(expr, list, end, (ty, measured.depends)),
        }
    }

    /// `size == 0 ? null : sum / size`
    fn mean(&mut self, sum: NodeId, size: NodeId, ty: Type) -> Checked {
        let none = self.program.add(Node::Constant(Value::Int(0)));
        let null = self.program.add(Node::Constant(Value::Null));
        let empty = self.program.add(Node::Compare(Comparison::Equal, size, none));
        let size = self.program.add(Node::Function(Function::Double, size));
        let mean = self.program.add(Node::Arithmetic(Arithmetic::Divide, sum, size));
        let node = self.program.add(Node::Conditional(empty, null, mean));
        Self::value_of(node, ty)
    }

    fn unit(&self, measured: Typed) -> Option<Unit> {
        match measured.ty {
            Type::Int => Some(Unit::Int),
            Type::Money => Some(Unit::Money),
            Type::Time => Some(Unit::Time),
            // A plain field is an exact decimal; what was computed is not, and its sum would
            // depend on the order in which items come and go.
            Type::Double => plain_field(self.program, measured.node).map(|_| Unit::Number),
            _ => None,
        }
    }

    fn measure(&self, node: NodeId) -> Measure {
        match plain_field(self.program, node) {
            Some(
                field
                @ (Field::Net | Field::Cost | Field::Discount | Field::Quantity | Field::Time),
            ) => Measure::Field(field),
            _ => Measure::Value(node),
        }
    }

    fn exists(&mut self, expr: &Expr, list: &ListExpr, args: &[Expr], condition: Typed) -> Checked {
        if let ListSource::History(history, Window::Ever) = list.source
            && let Some(node) = self.owned(expr, history, list, args)
        {
            return Self::value_of(node, Type::Bool);
        }
        self.fold(expr, list, (condition, condition.node), End::Exists(condition.node))
    }

    fn all(&mut self, expr: &Expr, list: &ListExpr, condition: Typed) -> Checked {
        let not = self.program.add(Node::Not(condition.node));
        self.fold(expr, list, (condition, not), End::All(condition.node))
    }

    /// `exists` or `all`: a running count of the items for which `decisive` holds.
    fn fold(
        &mut self,
        expr: &Expr,
        list: &ListExpr,
        (condition, decisive): (Typed, NodeId),
        end: End,
    ) -> Checked {
        let mut deciding = list.clone();
        deciding.stages.push(Stage::Filter(decisive));
        deciding.depends |= condition.depends;
        let asked = (Measure::One, AggregateKind::Count, Unit::Int);
        let running = self.running(expr, &deciding, asked, End::Size);
        let count = running.and_then(|node| match self.program.node(node) {
            Node::Aggregate(count) => Some(*count),
            _ => None,
        });
        let Some(count) = count else {
            return self.scan(expr, list, end, (Type::Bool, condition.depends));
        };
        let fallback = match list.source {
            ListSource::History(history, Window::Time { from, to }) => {
                let span = self.planner.span(from, to);
                span.ok().map(|span| {
                    let source = Source::Window(history, span);
                    let zero = Value::Bool(false);
                    Arc::new(Scan { source, stages: list.stages.clone(), end, zero })
                })
            }
            _ => None,
        };
        let exact = fallback.is_some();
        let decided = matches!(end, End::Exists(_));
        let node = self.program.add(Node::Decides(Arc::new(Verdict { count, decided, fallback })));
        let node = if exact { node } else { self.whole(expr, list, node) };
        Self::value_of(node, Type::Bool)
    }

    /// The value of `node` unless a filter of the list, over everything ever seen, has failed on
    /// an item: then the list has no value, and nothing made of it.
    fn whole(&mut self, expr: &Expr, list: &ListExpr, node: NodeId) -> NodeId {
        if list.stages.is_empty() {
            return node;
        }
        let size = self.size_of(expr, list).node;
        let none = self.program.add(Node::Constant(Value::Int(0)));
        let sound = self.program.add(Node::Compare(Comparison::GreaterOrEqual, size, none));
        let never = self.program.add(Node::Constant(Value::Bool(false)));
        self.program.add(Node::Conditional(sound, node, never))
    }

    /// `lines.exists(x, x.category == key)` over everything ever seen, for a key that is not a
    /// property of the line: a look into the set of categories ever bought.
    fn owned(
        &mut self,
        expr: &Expr,
        history: List,
        list: &ListExpr,
        args: &[Expr],
    ) -> Option<NodeId> {
        let [name, condition] = args else { return None };
        let Tree::Binary(crate::rule::expression::BinaryOp::Equal, a, b) = &condition.node else {
            return None;
        };
        if history != List::Lines || list.mapped || list.depends != 0 {
            return None;
        }
        let pair = self.with_variable(name, list.item, |checker, level| {
            let (a, b) = (checker.value(a), checker.value(b));
            let own = 1 << level;
            match (a.depends & own != 0, b.depends & own != 0) {
                (true, false) => Some((a, true)),
                (false, true) => Some((b, false)),
                _ => None,
            }
        })??;
        let (item, key) = pair;
        // The set is looked into from outside of the list, where there is no item variable.
        let key = self.value(if key { b } else { a });
        let field = plain_field(self.program, item.node)?;
        if item.ty != Type::Text {
            return None;
        }
        let filter = self.one_filter(&list.stages)?;
        match self.planner.owned(Owned { list: history, filter, field }) {
            Ok(set) => {
                let owns = self.program.add(Node::Owns(set, key.node));
                Some(self.whole(expr, list, owns))
            }
            Err(full) => Some(self.kept(expr, Err(full))),
        }
    }

    /// All filters of a list as one, each asked only where the ones before it hold; none when a
    /// stage is not a filter.
    pub(super) fn one_filter(&mut self, stages: &[Stage]) -> Option<Filter> {
        let mut all: Option<NodeId> = None;
        for stage in stages {
            let Stage::Filter(node) = stage else { return None };
            all = Some(match all {
                None => *node,
                Some(before) => {
                    let never = self.program.add(Node::Constant(Value::Bool(false)));
                    self.program.add(Node::Conditional(before, *node, never))
                }
            });
        }
        let Some(node) = all else { return Some(Filter::All) };
        if let Node::Compare(Comparison::Equal, a, b) = *self.program.node(node)
            && plain_field(self.program, a) == Some(Field::Category)
            && let Node::Constant(Value::Text(symbol)) = self.program.node(b)
        {
            return Some(Filter::Category(*symbol));
        }
        Some(Filter::Holds(node))
    }

    /// The node of a running value, where the list allows one.
    fn running(
        &mut self,
        expr: &Expr,
        list: &ListExpr,
        (measure, kind, unit): (Measure, AggregateKind, Unit),
        end: End,
    ) -> Option<NodeId> {
        let ListSource::History(history, window) = list.source else { return None };
        if list.mapped || list.depends != 0 || matches!(window, Window::Newest(_)) {
            return None;
        }
        let filter = self.one_filter(&list.stages)?;
        let fallback = match window {
            Window::Time { from, to } => {
                let span = self.planner.span(from, to).ok()?;
                let zero = match unit {
                    Unit::Money => zero(Type::Money),
                    Unit::Number => Value::Number(crate::money::Decimal::ZERO),
                    _ => Value::Int(0),
                };
                let source = Source::Window(history, span);
                Some(Arc::new(Scan { source, stages: list.stages.clone(), end, zero }))
            }
            _ => None,
        };
        let asked = Asked { list: history, window, filter, measure, kind, unit, fallback };
        let kept = self.planner.aggregate(asked, self.program);
        Some(self.kept(expr, kept))
    }

    /// A scan of a list; refused where the list is everything ever seen.
    pub(super) fn scan(
        &mut self,
        expr: &Expr,
        list: &ListExpr,
        end: End,
        (ty, depends): (Type, u8),
    ) -> Checked {
        let source = match &list.source {
            ListSource::EventLines => Source::EventLines,
            ListSource::Values(values) => Source::Values(Arc::clone(values)),
            ListSource::Split(text, separator, most) => Source::Split(*text, *separator, *most),
            ListSource::Offers(ask) => Source::Offers(*ask),
            ListSource::Alerts(window) => Source::Alerts(match *window {
                Window::Ever => Reach::Kept,
                Window::Newest(count) => Reach::Newest(count),
                Window::Time { from, to } => Reach::Within { from, to },
            }),
            ListSource::History(history, Window::Newest(count)) => Source::Newest(*history, *count),
            ListSource::History(history, Window::Time { from, to }) => {
                match self.planner.span(*from, *to) {
                    Ok(span) => Source::Window(*history, span),
                    Err(full) => {
                        self.error("E301", &expr.span, full.to_string(), "", None);
                        return Checked::Value(self.unknown());
                    }
                }
            }
            ListSource::History(history, Window::Ever) => {
                let name = history.name();
                let message = format!("this needs all `{name}` ever seen, and they are not kept");
                let help = format!("name a window: `{name}.last('365d')`");
                self.error("E212", &expr.span, message, "", Some(&help));
                return Checked::Value(self.unknown());
            }
        };
        // A text that is split tells by itself what it depends on.
        let constant = matches!(source, Source::Values(_) | Source::Split(..));
        let scan = Scan { source, stages: list.stages.clone(), end, zero: zero(ty) };
        let depends = list.depends | depends | if constant { 0 } else { ENTITY };
        self.typed(Node::Scan(Arc::new(scan)), ty, depends)
    }

    /// A list as evidence: its events are shown, its lines within them.
    pub(crate) fn evidence(&mut self, checked: &Checked) -> Option<Evidence> {
        let Checked::List(list) = checked else { return None };
        // Unlike a window that is kept, evidence is looked up when everything is known.
        if list.mapped || list.depends & !ENTITY != 0 {
            return None;
        }
        match list.source {
            ListSource::EventLines => Some(Evidence::Event),
            ListSource::History(history, Window::Newest(count)) => {
                Some(Evidence::Newest(history, count))
            }
            ListSource::History(history, Window::Time { from, to }) => {
                let span = self.planner.span(from, to).ok()?;
                Some(Evidence::Window(history, span, list.stages.clone()))
            }
            _ => None,
        }
    }

    /// A field of one item.
    pub(super) fn chosen_field(
        &mut self,
        expr: &Expr,
        list: &ListExpr,
        which: Which,
        (field, ty): (Field, Type),
    ) -> Checked {
        let node = self.program.add(Node::Field(0, field));
        let ever = matches!(list.source, ListSource::History(_, Window::Ever));
        if ever && field == Field::Time {
            let (kind, end) = match which {
                Which::First => (AggregateKind::Min, End::Min(node)),
                _ => (AggregateKind::Max, End::Max(node)),
            };
            let asked = (Measure::Field(Field::Time), kind, Unit::Time);
            if !matches!(which, Which::At(_))
                && let Some(node) = self.running(expr, list, asked, end)
            {
                return Self::value_of(node, ty);
            }
        }
        self.one_of(expr, list, which, (node, ty))
    }

    /// One of a list's plain values.
    pub(super) fn chosen_value(&mut self, expr: &Expr, list: &ListExpr, which: Which) -> Typed {
        let ItemType::Value(ty) = list.item else { return self.unknown() };
        let node = self.program.add(Node::Variable(0));
        let checked = self.one_of(expr, list, which, (node, ty));
        self.settled(checked, &expr.span)
    }

    /// What an expression gives for one item of a list.
    pub(super) fn one_of(
        &mut self,
        expr: &Expr,
        list: &ListExpr,
        which: Which,
        (node, ty): (NodeId, Type),
    ) -> Checked {
        let (end, depends) = match which {
            Which::First => (End::First(node), 0),
            Which::Last => (End::Last(node), 0),
            Which::At(place) => (End::At(node, place.node), place.depends),
        };
        self.scan(expr, list, end, (ty, depends))
    }

    /// Sum of a plain field of a list's items, for functions made of it.
    pub(super) fn sum_of(&mut self, expr: &Expr, list: &ListExpr, field: Field, ty: Type) -> Typed {
        let node = self.program.add(Node::Field(0, field));
        let measured = Typed { node, ty, depends: 0 };
        let checked = self.numeric(expr, list, "sum", measured);
        self.settled(checked, &expr.span)
    }
}

impl ListSource {
    /// Whether it is a list that windows are taken of, and none was taken yet.
    fn is_whole(&self) -> bool {
        matches!(self, Self::History(_, Window::Ever) | Self::Alerts(Window::Ever))
    }

    /// Its part in a window.
    fn within(self, window: Window) -> Self {
        match self {
            Self::History(list, _) => Self::History(list, window),
            Self::Alerts(_) => Self::Alerts(window),
            other => other,
        }
    }
}

/// Why a value can be in no list of this type.
pub(super) fn never_in(value: Type, list: Type) -> String {
    format!("{} is never in a list of {list}s", value.noun())
}
