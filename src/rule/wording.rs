//! What does a compiled expression say? Its node tree, written back in the words of the language.
//!
//! ```text
//! compare < ─┬─ aggregate 3              lines.last('30d').sum(l, l.net) < amount(500)
//!            └─ constant 500
//! ```
//!
//! It says what is computed, which may be more than the author wrote: `margin_rate(lines)` reads as
//! the quotient that it is.

use std::fmt::Write;

use crate::event::EntityKind;
use crate::event::Symbols;
use crate::rule::vocabulary;
use crate::rule::vocabulary::ALERTS;
use crate::rule::vocabulary::detectors;
use crate::rule::vocabulary::detectors::Of;
use crate::rule::vocabulary::offers::OFFER_FIELDS;
use crate::rule::vocabulary::offers::OFFERS;
use crate::state::assortment::Asked;
use crate::state::builtin::Builtin;
use crate::state::detection::Detection;
use crate::state::detection::Over;
use crate::state::detection::kept::Followed;
use crate::state::learned::Learned;
use crate::state::learned::PeerFigure;
use crate::state::offers::Ask;
use crate::state::offers::Context;
use crate::state::offers::OfferField;
use crate::state::past::AlertField;
use crate::state::past::Reach;
use crate::state::program::End;
use crate::state::program::Field;
use crate::state::program::Function;
use crate::state::program::Function2;
use crate::state::program::KnownField;
use crate::state::program::Node;
use crate::state::program::NodeId;
use crate::state::program::ProfileField;
use crate::state::program::Program;
use crate::state::program::Scan;
use crate::state::program::Source;
use crate::state::program::Stage;
use crate::state::value::Arithmetic;
use crate::state::value::Comparison;
use crate::state::value::Value;
use crate::state::window::AggregateKind;
use crate::state::window::Filter;
use crate::state::window::List;
use crate::state::window::Measure;
use crate::state::window::Plan;
use crate::time::Span;

/// Entries of a table of constants that are written out.
const ENTRIES_MAX: usize = 4;

/// What is needed to write a node.
#[derive(Clone, Copy)]
pub struct Writing<'a> {
    /// Where the nodes stand.
    pub program: &'a Program,
    /// The windows.
    pub plan: &'a Plan,
    /// Texts.
    pub symbols: &'a Symbols,
    /// Whose history the rule looks at.
    pub entity: EntityKind,
    /// The names of the rule's parts, by place.
    pub names: &'a [&'a str],
}

/// A node as text.
pub fn of(writing: Writing<'_>, id: NodeId) -> String {
    Writer { writing, variables: Vec::new() }.node(id, 0)
}

/// The list that a node looks at, without what is made of its items; none for other nodes.
pub fn list_of(writing: Writing<'_>, id: NodeId) -> Option<String> {
    let mut writer = Writer { writing, variables: Vec::new() };
    match writing.program.node(id) {
        Node::Aggregate(running) => Some(writer.kept(running.place)),
        Node::Decides(verdict) => Some(writer.kept(verdict.count.place)),
        Node::Detect(detection) => Some(writer.over(&detection.over)),
        Node::Scan(scan) if !matches!(scan.source, Source::Values(_)) => {
            Some(writer.items(scan, |_, text| text))
        }
        _ => None,
    }
}

struct Writer<'a> {
    writing: Writing<'a>,
    /// Item variables, the innermost last.
    variables: Vec<String>,
}

/// How tightly things bind: `?:` is 0, operators follow, a call or a field is the tightest.
const MEMBER: u8 = 7;

impl Writer<'_> {
    /// In brackets where it binds less tightly than its place asks.
    fn node(&mut self, id: NodeId, strength: u8) -> String {
        let (text, own) = self.bare(id);
        if own < strength { format!("({text})") } else { text }
    }

    fn infix(&mut self, a: NodeId, sign: &str, b: NodeId, own: u8) -> (String, u8) {
        let (left, right) = (self.node(a, own), self.node(b, own + 1));
        (format!("{left} {sign} {right}"), own)
    }

    fn compared(&mut self, id: NodeId, strength: u8) -> String {
        match self.writing.program.node(id) {
            Node::Constant(Value::Money(amount)) => amount.to_string(),
            _ => self.node(id, strength),
        }
    }

    fn bare(&mut self, id: NodeId) -> (String, u8) {
        match self.writing.program.node(id) {
            Node::Arithmetic(op, a, b) => match op {
                Arithmetic::Add => self.infix(*a, "+", *b, 4),
                Arithmetic::Subtract => self.infix(*a, "-", *b, 4),
                Arithmetic::Multiply => self.infix(*a, "*", *b, 5),
                Arithmetic::Divide => self.infix(*a, "/", *b, 5),
                Arithmetic::Modulo => self.infix(*a, "%", *b, 5),
            },
            Node::Compare(op, a, b) => {
                let sign = sign(*op);
                // Against money a plain number is money, and so it is written.
                let (left, right) = (self.compared(*a, 3), self.compared(*b, 4));
                (format!("{left} {sign} {right}"), 3)
            }
            Node::Call(Builtin::Compare(op), args) => self.infix(args[0], sign(*op), args[1], 3),
            Node::Call(Builtin::Concat, args) => self.infix(args[0], "+", args[1], 4),
            Node::And(a, b) => self.infix(*a, "&&", *b, 2),
            Node::Or(a, b) => self.infix(*a, "||", *b, 1),
            Node::Not(a) => (format!("!{}", self.node(*a, 6)), 6),
            Node::Negate(a) => (format!("-{}", self.node(*a, 6)), 6),
            Node::Conditional(a, b, c) => {
                let (a, b, c) = (self.node(*a, 1), self.node(*b, 1), self.node(*c, 0));
                (format!("{a} ? {b} : {c}"), 0)
            }
            Node::In(a, values) => {
                let needle = self.node(*a, 4);
                (format!("{needle} in {}", self.constants(values)), 3)
            }
            _ => (self.member(id), MEMBER),
        }
    }

    /// What binds as tightly as a name.
    fn member(&mut self, id: NodeId) -> String {
        match self.writing.program.node(id) {
            Node::Constant(value) => self.constant(*value),
            Node::Field(outwards, field) => {
                format!("{}.{}", self.variable(*outwards), field_name(*field))
            }
            Node::OfAlert(outwards, field) => {
                format!("{}.{}", self.variable(*outwards), alert_field_name(*field))
            }
            Node::OfOffer(outwards, field) => {
                format!("{}.{}", self.variable(*outwards), offer_field_name(*field))
            }
            Node::Learned(question) => self.learned(question),
            Node::Variable(outwards) => self.variable(*outwards),
            Node::Event(field) => format!("event.{}", field_name(*field)),
            Node::Profile(field) => self.profile(*field),
            Node::Attribute(name) => format!("customer.attributes.{name}"),
            Node::Now => "now".to_owned(),
            Node::Let(place) => {
                let name = self.writing.names.get(usize::from(*place));
                name.map_or_else(|| "value".to_owned(), |name| (*name).to_owned())
            }
            Node::Has(a) => format!("has({})", self.node(*a, 0)),
            Node::Lookup(a, pairs) => {
                let key = self.node(*a, 0);
                let mut table = String::from("{");
                for (index, (known, value)) in pairs.iter().take(ENTRIES_MAX).enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    let (known, value) = (self.constant(*known), self.constant(*value));
                    let _ = write!(table, "{comma}{known}: {value}");
                }
                more(&mut table, pairs.len());
                format!("{table}}}[{key}]")
            }
            Node::Owns(set, key) => {
                let key = self.node(*key, 4);
                let Some(owned) = self.writing.plan.owned.get(usize::from(*set)) else {
                    return key;
                };
                let (list, filter) = (owned.list, owned.filter);
                let field = field_name(owned.field);
                let text = self.filtered(list, list.name().to_owned(), filter);
                let x = letter(list);
                format!("{text}.exists({x}, {x}.{field} == {key})")
            }
            Node::Aggregate(running) => self.aggregate(running.place),
            Node::Decides(verdict) => {
                let text = self.kept(verdict.count.place);
                // What counts are the items that decide: for `all`, those for which it fails.
                let sign = if verdict.decided { ">" } else { "==" };
                format!("(size({text}) {sign} 0)")
            }
            Node::Scan(scan) => self.items(scan, |writer, text| writer.ended(scan, &text)),
            Node::Function(function, a) => {
                format!("{}({})", function_name(*function), self.node(*a, 0))
            }
            Node::Function2(function, a, b) => self.function2(*function, *a, *b),
            Node::Call(builtin, args) => self.call(builtin, args),
            Node::Detect(detection) => self.detection(detection),
            Node::Known(field) => known_name(field),
            // Operators bind less tightly: `bare` writes them.
            _ => self.node(id, MEMBER),
        }
    }

    /// What a detector gives: the function, its list, and the field.
    fn detection(&mut self, detection: &Detection) -> String {
        let (name, field) = detectors::name_of(detection.figure);
        let of = detectors::signature(name).map(|signature| signature.of);
        let list = match (&detection.over, of) {
            (Over::Ever(_), Some(Of::Entity(kind))) => kind.name().to_owned(),
            (over, _) => self.over(over),
        };
        let mut text = format!("{name}({list}");
        if let Some(argument) = detection.argument {
            let _ = write!(text, ", {}", self.node(argument, 0));
        }
        text.push(')');
        if let Some(field) = field {
            let _ = write!(text, ".{field}");
        }
        text
    }

    fn function2(&mut self, function: Function2, a: NodeId, b: NodeId) -> String {
        let method = match function {
            Function2::Greatest | Function2::Least => {
                let name = if function == Function2::Least { "least" } else { "greatest" };
                return format!("{name}({}, {})", self.node(a, 0), self.node(b, 0));
            }
            Function2::StartsWith => "startsWith",
            Function2::EndsWith => "endsWith",
            Function2::Contains => "contains",
            Function2::OrElse => "orElse",
        };
        format!("{}.{method}({})", self.node(a, MEMBER), self.node(b, 0))
    }

    fn call(&mut self, builtin: &Builtin, args: &[NodeId]) -> String {
        let mut rest = args.iter();
        let first = rest.next().map_or_else(String::new, |first| {
            self.node(*first, if builtin.is_method() { MEMBER } else { 0 })
        });
        let mut others: Vec<String> = rest.map(|arg| self.node(*arg, 0)).collect();
        match builtin {
            Builtin::Matches(pattern) => others.push(quoted(pattern.text())),
            Builtin::Calendar(_, zone) => others.extend(zone.name().as_deref().map(quoted)),
            _ => {}
        }
        let name = builtin.name();
        if builtin.is_method() {
            return format!("{first}.{name}({})", others.join(", "));
        }
        others.insert(0, first);
        format!("{name}({})", others.join(", "))
    }

    fn profile(&self, field: ProfileField) -> String {
        if field == ProfileField::ConsentMarketing {
            return "customer.consent.marketing".to_owned();
        }
        let known = vocabulary::CUSTOMER_FIELDS.iter().find(|(_, known, ..)| *known == field);
        format!("{}.{}", self.writing.entity.name(), known.map_or("id", |(name, ..)| *name))
    }

    fn variable(&self, outwards: u8) -> String {
        let place = self.variables.len().checked_sub(1 + usize::from(outwards));
        place.and_then(|place| self.variables.get(place)).cloned().unwrap_or_else(|| "x".to_owned())
    }

    /// Binds an item variable for the text that `write` makes.
    fn bound(&mut self, letter: &str, write: impl FnOnce(&mut Self, &str) -> String) -> String {
        let taken = self.variables.iter().filter(|name| name.starts_with(letter)).count();
        let name = if taken > 0 { format!("{letter}{}", taken + 1) } else { letter.to_owned() };
        self.variables.push(name.clone());
        let text = write(self, &name);
        self.variables.pop();
        text
    }

    /// The list of a running value, filtered.
    fn kept(&mut self, place: u16) -> String {
        let plan = self.writing.plan;
        let aggregate = plan.aggregate(place);
        let list = aggregate.list;
        let within = |span: &&crate::state::window::SpanPlan| {
            span.members.iter().any(|member| member == place)
        };
        let window = match plan.spans.iter().find(within) {
            Some(span) => window(list.name(), span.from, span.to),
            None => list.name().to_owned(),
        };
        self.filtered(list, window, aggregate.filter)
    }

    fn filtered(&mut self, list: List, text: String, filter: Filter) -> String {
        let x = letter(list);
        match filter {
            Filter::All => text,
            Filter::Category(symbol) => {
                let category = self.constant(Value::Text(symbol));
                format!("{text}.filter({x}, {x}.category == {category})")
            }
            Filter::Holds(node) => self.bound(x, |writer, name| {
                let condition = writer.node(node, 0);
                format!("{text}.filter({name}, {condition})")
            }),
        }
    }

    fn aggregate(&mut self, place: u16) -> String {
        let text = self.kept(place);
        let aggregate = self.writing.plan.aggregate(place);
        let method = match aggregate.kind {
            AggregateKind::Count => return format!("size({text})"),
            AggregateKind::Sum => "sum",
            AggregateKind::Min => "min",
            AggregateKind::Max => "max",
        };
        let measure = aggregate.measure;
        self.bound(letter(aggregate.list), |writer, name| {
            let measured = match measure {
                Measure::One => "1".to_owned(),
                Measure::Field(field) => format!("{name}.{}", field_name(field)),
                Measure::Value(node) => writer.node(node, 0),
            };
            format!("{text}.{method}({name}, {measured})")
        })
    }

    /// The items of a scan, and what `end` makes of them.
    fn items(&mut self, scan: &Scan, end: impl FnOnce(&mut Self, String) -> String) -> String {
        let text = self.part(&scan.source, &scan.stages);
        end(self, text)
    }

    /// The list that a detector follows.
    fn over(&mut self, over: &Over) -> String {
        match over {
            Over::Part(source, stages) => self.part(source, stages),
            Over::Ever(place) => {
                match self.writing.plan.followed.get(usize::from(*place)).copied() {
                    Some(Followed { list, filter, .. }) => {
                        self.filtered(list, list.name().to_owned(), filter)
                    }
                    None => String::new(),
                }
            }
        }
    }

    /// A source of items, and what is dropped or changed of them.
    fn part(&mut self, source: &Source, stages: &[Stage]) -> String {
        let mut text = match source {
            Source::Window(list, span) => {
                let spans = &self.writing.plan.spans;
                let span = spans.get(usize::from(*span));
                span.map_or_else(String::new, |span| window(list.name(), span.from, span.to))
            }
            Source::Newest(list, count) => format!("{}.last({count})", list.name()),
            Source::Offers(ask) => self.ask(ask),
            Source::Alerts(reach) => match *reach {
                Reach::Kept => ALERTS.to_owned(),
                Reach::Newest(count) => format!("{ALERTS}.last({count})"),
                Reach::Within { from, to } => window(ALERTS, from, to),
            },
            Source::EventLines => "event.lines".to_owned(),
            Source::Values(values) => self.constants(values),
            Source::Split(text, separator, most) => {
                let most =
                    most.map_or_else(String::new, |most| format!(", {}", self.node(most, 0)));
                let separator = self.node(*separator, 0);
                format!("{}.split({separator}{most})", self.node(*text, MEMBER))
            }
        };
        let x = source_letter(source);
        for stage in stages {
            let (method, node) = match stage {
                Stage::Filter(node) => ("filter", *node),
                Stage::Map(node) => ("map", *node),
            };
            text = self.bound(x, |writer, name| {
                let inner = writer.node(node, 0);
                format!("{text}.{method}({name}, {inner})")
            });
        }
        text
    }

    fn ended(&mut self, scan: &Scan, text: &str) -> String {
        let (method, node) = match scan.end {
            End::Size => return format!("size({text})"),
            End::GapDeviation => return format!("gap_stddev({text})"),
            End::First(node) => return self.chosen(scan, text, ("first()", node)),
            End::Last(node) => return self.chosen(scan, text, ("last()", node)),
            End::At(node, place) => {
                let place = self.node(place, 0);
                return self.chosen(scan, text, (&format!("[{place}]"), node));
            }
            End::Join(node, separator) => {
                let separator = self.bound("", |writer, _| writer.node(separator, 0));
                return self.chosen(scan, text, (&format!("join({separator})"), node));
            }
            End::Quantile(node, share) => {
                return self.bound(scan_letter(scan), |writer, name| {
                    let inner = writer.node(node, 0);
                    format!("{text}.quantile({name}, {inner}, {share})")
                });
            }
            End::Sum(node) => ("sum", node),
            End::Average(node) => ("avg", node),
            End::Min(node) => ("min", node),
            End::Max(node) => ("max", node),
            End::StandardDeviation(node) => ("stddev", node),
            End::Exists(node) => ("exists", node),
            End::All(node) => ("all", node),
            End::ExistsOne(node) => ("exists_one", node),
            End::Distinct(node) => ("distinct", node),
        };
        self.bound(scan_letter(scan), |writer, name| {
            let inner = writer.node(node, 0);
            format!("{text}.{method}({name}, {inner})")
        })
    }

    /// One of the items, or all their texts: `asked` stands behind the list.
    fn chosen(&mut self, scan: &Scan, text: &str, (asked, node): (&str, NodeId)) -> String {
        let dot = if asked.starts_with('[') { "" } else { "." };
        match self.writing.program.node(node) {
            Node::Variable(0) => format!("{text}{dot}{asked}"),
            Node::Field(0, field) => format!("{text}{dot}{asked}.{}", field_name(*field)),
            Node::OfAlert(0, field) => format!("{text}{dot}{asked}.{}", alert_field_name(*field)),
            Node::OfOffer(0, field) => format!("{text}{dot}{asked}.{}", offer_field_name(*field)),
            _ => self.bound(scan_letter(scan), |writer, name| {
                let inner = writer.node(node, 0);
                format!("{text}.map({name}, {inner}){dot}{asked}")
            }),
        }
    }

    /// A list of offers.
    fn ask(&mut self, ask: &Ask) -> String {
        let name = OFFERS.iter().find(|(_, meeting)| *meeting == ask.meeting);
        let name = name.map_or("?", |(name, _)| *name);
        format!("{name}({}, {})", self.context(ask.context), ask.number)
    }

    fn context(&mut self, context: Context) -> String {
        match context {
            Context::Category(node) => self.node(node, 0),
            Context::Event => "event.lines".to_owned(),
            Context::Owned(_) => "lines".to_owned(),
            Context::Newest(count) => format!("lines.last({count})"),
            Context::Window(span) => {
                let span = self.writing.plan.spans.get(usize::from(span));
                span.map_or_else(String::new, |span| window("lines", span.from, span.to))
            }
        }
    }

    /// A question about what was learned.
    fn learned(&mut self, question: &Learned) -> String {
        let named = |figure: &PeerFigure| {
            PeerFigure::ALL.iter().find(|(known, _)| known == figure).map_or("?", |(_, name)| name)
        };
        match question {
            Learned::Lift(context, category) => {
                format!("affinity({}, {})", self.context(*context), self.node(*category, 0))
            }
            Learned::Quantile(figure, segment, share) => {
                let (segment, share) = (self.node(*segment, 0), self.node(*share, 0));
                format!("peers({segment}).quantile('{}', {share})", named(figure))
            }
            Learned::Rank(figure, segment, amount) => {
                let (segment, amount) = (self.node(*segment, 0), self.node(*amount, 0));
                format!("peers({segment}).rank('{}', {amount})", named(figure))
            }
            Learned::Size(segment) => format!("peers({}).size()", self.node(*segment, 0)),
            Learned::Declined(offer) => format!("declined({})", self.node(*offer, 0)),
            Learned::ValueTier => "customer.value_tier".to_owned(),
        }
    }

    fn constants(&self, values: &[Value]) -> String {
        let shown = values.iter().take(ENTRIES_MAX).map(|value| self.constant(*value));
        let mut text = format!("[{}", shown.collect::<Vec<_>>().join(", "));
        more(&mut text, values.len());
        text.push(']');
        text
    }

    fn constant(&self, value: Value) -> String {
        match value {
            Value::Null => "null".to_owned(),
            Value::Bool(truth) => truth.to_string(),
            Value::Int(int) => int.to_string(),
            Value::Double(double) => format!("{double:?}"),
            Value::Number(number) => number.to_string(),
            Value::Money(amount) => format!("amount({amount})"),
            Value::Time(at) => format!("timestamp('{at}')"),
            Value::Span(span) => format!("duration('{span}')"),
            Value::Text(symbol) => quoted(&self.writing.symbols.text(symbol)),
            // No constant is one.
            Value::Made(_) => quoted(""),
        }
    }
}

/// As a rule writes a text.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn sign(op: Comparison) -> &'static str {
    match op {
        Comparison::Equal => "==",
        Comparison::NotEqual => "!=",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

/// A field of `rep` or `product`.
fn known_name(field: &KnownField) -> String {
    if let KnownField::ProductAttribute(name) = field {
        return format!("product.attributes.{name}");
    }
    let rep = vocabulary::REP_FIELDS.iter().find(|(_, known, ..)| known == field);
    let product = || vocabulary::PRODUCT_FIELDS.iter().find(|(_, known, ..)| known == field);
    match rep {
        Some((name, ..)) => format!("rep.{name}"),
        None => format!("product.{}", product().map_or("id", |(name, ..)| *name)),
    }
}

fn more(text: &mut String, all: usize) {
    if all > ENTRIES_MAX {
        let _ = write!(text, ", … {} more", all - ENTRIES_MAX);
    }
}

fn window(list: &str, from: Span, to: Span) -> String {
    if to == Span::ZERO {
        format!("{list}.last('{from}')")
    } else {
        format!("{list}.between('{from}', '{to}')")
    }
}

/// What an item of a list is called.
fn letter(list: List) -> &'static str {
    &list.name()[..1]
}

fn scan_letter(scan: &Scan) -> &'static str {
    source_letter(&scan.source)
}

fn source_letter(source: &Source) -> &'static str {
    match source {
        Source::Window(list, _) | Source::Newest(list, _) => letter(*list),
        Source::Alerts(_) => "a",
        Source::Offers(_) => "o",
        Source::EventLines => "l",
        Source::Values(_) => "v",
        Source::Split(..) => "t",
    }
}

fn field_name(field: Field) -> &'static str {
    let known = vocabulary::FIELDS.iter().find(|(_, known, ..)| *known == field);
    known.map_or("?", |(name, ..)| *name)
}

fn offer_field_name(field: OfferField) -> &'static str {
    let known = OFFER_FIELDS.iter().find(|(_, known, ..)| *known == field);
    known.map_or("?", |(name, ..)| *name)
}

fn alert_field_name(field: AlertField) -> &'static str {
    let known = vocabulary::ALERT_FIELDS.iter().find(|(_, known, ..)| *known == field);
    known.map_or("?", |(name, ..)| *name)
}

fn function_name(function: Function) -> &'static str {
    match function {
        Function::Date => "date",
        Function::Millis => "millis",
        Function::Days => "days",
        Function::Double => "double",
        Function::Int => "int",
        Function::Abs => "abs",
        Function::Amount => "amount",
        Function::Hour => "hour",
        Function::DayOfWeek => "day_of_week",
        Function::Sells => "sells",
        Function::ListPrice => "list_price",
        Function::UnitCost => "unit_cost",
        Function::MarginFloor => "margin_floor",
        Function::Of(Asked::Grade) => "grade",
        Function::Of(Asked::OwnBrand) => "own_brand",
        Function::Of(Asked::Substitute) => "substitute",
    }
}
