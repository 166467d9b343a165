//! What does an expression give, by the book? Lists are built, and the tree is walked over them.
//!
//! ```text
//! Vec<Event> ─► list of items ─► filter, map ─► sum, exists …      as CEL says, item by item
//! ```
//!
//! Slow and plain on purpose: it shares nothing with the compiled program but the parsed tree.

use siaga::event::Event;
use siaga::event::Kind;
use siaga::event::Line;
use siaga::event::Symbol;
use siaga::event::Symbols;
use siaga::money::Currency;
use siaga::money::Decimal;
use siaga::rule::expression::BinaryOp;
use siaga::rule::expression::Expr;
use siaga::rule::expression::Node;
use siaga::rule::expression::UnaryOp;
use siaga::state::past::PastAlert;
use siaga::time::Span;
use siaga::time::Timestamp;

use crate::scene::DAY;
use crate::scene::HOUR;
use crate::windows::detected;
use crate::windows::detected::Looked;
use crate::windows::fold::folded;
use crate::windows::fold::quantile;
use crate::windows::fold::reduced;
use crate::windows::fold::total;
use crate::windows::worth::Broken;
use crate::windows::worth::Worth;
use crate::windows::worth::arithmetic;
use crate::windows::worth::less;
use crate::windows::worth::same;

/// All that an expression can see.
pub(crate) struct World<'a> {
    /// What happened to the customer, in the order of (time, id).
    pub(crate) events: &'a [Event],
    /// The alerts that the customer has had, in the order in which they opened.
    pub(crate) alerts: &'a [PastAlert],
    pub(crate) clock: i64,
    pub(crate) event: &'a Event,
    pub(crate) home: Option<Currency>,
    pub(crate) symbols: &'a Symbols,
    /// Rep, territory, from when to when.
    pub(crate) tenures: &'a [(&'static str, &'static str, i64, i64)],
}

/// An item of a list.
#[derive(Clone)]
enum Item<'a> {
    Event(&'a Event),
    Line(&'a Event, &'a Line),
    Alert(&'a PastAlert),
    Plain(Worth),
}

/// What a sub-expression stands for.
enum Thing<'a> {
    Plain(Worth),
    List(Vec<Item<'a>>),
    One(Option<Item<'a>>),
    TheEvent,
}

/// Item variables, the innermost last.
type Names<'n, 'a> = Vec<(&'n str, Item<'a>)>;

impl<'a> World<'a> {
    pub(crate) fn value(&self, expr: &Expr) -> Result<Worth, Broken> {
        self.plain(expr, &mut Vec::new())
    }

    fn plain<'n>(&self, expr: &'n Expr, names: &mut Names<'n, 'a>) -> Result<Worth, Broken> {
        match self.thing(expr, names)? {
            Thing::Plain(worth) | Thing::One(Some(Item::Plain(worth))) => Ok(worth),
            Thing::One(None) => Ok(Worth::Null),
            _ => Err(Broken),
        }
    }

    fn truth<'n>(&self, expr: &'n Expr, names: &mut Names<'n, 'a>) -> Result<bool, Broken> {
        match self.plain(expr, names)? {
            Worth::Bool(truth) => Ok(truth),
            _ => Err(Broken),
        }
    }

    fn thing<'n>(&self, expr: &'n Expr, names: &mut Names<'n, 'a>) -> Result<Thing<'a>, Broken> {
        Ok(Thing::Plain(match &expr.node {
            Node::Null => Worth::Null,
            Node::Bool(truth) => Worth::Bool(*truth),
            Node::Int(int) => Worth::Int(*int),
            Node::Double(double) => Worth::Double(*double),
            Node::Text(text) => Worth::Text(text.clone()),
            Node::Ident(name) => return Ok(self.name(name, names)),
            Node::Select(target, field) if function_of(target).is_some() => {
                self.detected(target, field, names)?
            }
            Node::Select(target, field) => match self.thing(target, names)? {
                Thing::TheEvent => self.field(&Item::Event(self.event), field)?,
                Thing::One(Some(item)) => self.field(&item, field)?,
                Thing::One(None) => Worth::Null,
                _ => return Err(Broken),
            },
            Node::Has(target, field) => {
                let item = match self.thing(target, names)? {
                    Thing::TheEvent => Item::Event(self.event),
                    Thing::One(Some(item)) => item,
                    _ => return Err(Broken),
                };
                Worth::Bool(!matches!(self.field(&item, field), Ok(Worth::Null)))
            }
            Node::List(items) => {
                let items: Result<Vec<Item<'a>>, Broken> =
                    items.iter().map(|item| self.plain(item, names).map(Item::Plain)).collect();
                return items.map(Thing::List);
            }
            Node::Unary(UnaryOp::Not, a) => Worth::Bool(!self.truth(a, names)?),
            Node::Unary(UnaryOp::Negate, a) => {
                arithmetic(BinaryOp::Multiply, &self.plain(a, names)?, &Worth::Int(-1))?
            }
            Node::Conditional(a, b, c) => {
                self.plain(if self.truth(a, names)? { b } else { c }, names)?
            }
            Node::Binary(BinaryOp::Add, a, b) if matches!(a.node, Node::List(_)) => {
                match (self.thing(a, names)?, self.thing(b, names)?) {
                    (Thing::List(mut a), Thing::List(b)) => {
                        a.extend(b);
                        return Ok(Thing::List(a));
                    }
                    _ => return Err(Broken),
                }
            }
            Node::Binary(op, a, b) => self.binary(*op, a, b, names)?,
            Node::Index(list, place) => {
                let Thing::List(list) = self.thing(list, names)? else { return Err(Broken) };
                let Worth::Int(place) = self.plain(place, names)? else { return Err(Broken) };
                let item = usize::try_from(place).ok().and_then(|place| list.get(place));
                return item.map(|item| Thing::One(Some(item.clone()))).ok_or(Broken);
            }
            Node::Call { name, target: Some(target), args } => {
                return match self.thing(target, names)? {
                    Thing::List(list) => self.of_list(name, list, args, names),
                    Thing::Plain(worth) | Thing::One(Some(Item::Plain(worth))) => {
                        let args: Result<Vec<Worth>, Broken> =
                            args.iter().map(|arg| self.plain(arg, names)).collect();
                        of_plain(name, &worth, &args?)
                    }
                    _ => Err(Broken),
                };
            }
            Node::Call { name, target: None, .. } if detected::NAMES.contains(&name.as_str()) => {
                self.detected(expr, "", names)?
            }
            Node::Call { name, target: None, args } => self.function(name, args, names)?,
            other => unreachable!("{other:?} is not generated"),
        }))
    }

    /// What a detector finds in the list that it is given.
    fn detected<'n>(
        &self,
        call: &'n Expr,
        field: &str,
        names: &mut Names<'n, 'a>,
    ) -> Result<Worth, Broken> {
        let Some((function, [list, rest @ ..])) = function_of(call) else { return Err(Broken) };
        let Thing::List(list) = self.thing(list, names)? else { return Err(Broken) };
        let mut events: Vec<(&Event, Vec<&Line>)> = Vec::new();
        for item in list {
            match item {
                Item::Event(event) => events.push((event, event.lines.iter().collect())),
                Item::Line(event, line) => match events.last_mut() {
                    Some((known, lines)) if std::ptr::eq(*known, event) => lines.push(line),
                    _ => events.push((event, vec![line])),
                },
                Item::Plain(_) | Item::Alert(_) => return Err(Broken),
            }
        }
        let argument = match rest.first() {
            None => None,
            Some(Expr { node: Node::Text(text), .. }) => {
                Some(Worth::Span(Span::parse(text).unwrap().millis()))
            }
            Some(argument) => Some(self.plain(argument, names)?),
        };
        let name = |symbol: Symbol| self.symbols.text(symbol);
        let looked = Looked { events, clock: self.clock, home: self.home, argument, name: &name };
        looked.gives(function, field)
    }

    fn name<'n>(&self, name: &str, names: &Names<'n, 'a>) -> Thing<'a> {
        if let Some((_, item)) = names.iter().rev().find(|(known, _)| *known == name) {
            return Thing::One(Some(item.clone()));
        }
        match name {
            "event" => Thing::TheEvent,
            "now" => Thing::Plain(Worth::Time(self.clock)),
            "lines" => {
                let orders = self.events.iter().filter(|event| event.kind == Kind::Order);
                let lines = orders
                    .flat_map(|event| event.lines.iter().map(move |line| Item::Line(event, line)));
                Thing::List(lines.collect())
            }
            "alerts" => Thing::List(self.alerts.iter().map(Item::Alert).collect()),
            list => {
                let held = self.events.iter().filter(|event| holds(list, event.kind));
                Thing::List(held.map(Item::Event).collect())
            }
        }
    }

    fn binary<'n>(
        &self,
        op: BinaryOp,
        a: &'n Expr,
        b: &'n Expr,
        names: &mut Names<'n, 'a>,
    ) -> Result<Worth, Broken> {
        if let BinaryOp::And | BinaryOp::Or = op {
            let (a, b) = (self.truth(a, names), self.truth(b, names));
            return folded([a, b], op == BinaryOp::Or).map(Worth::Bool);
        }
        let a = self.plain(a, names)?;
        if op == BinaryOp::In {
            let Thing::List(list) = self.thing(b, names)? else { return Err(Broken) };
            let held = |item: &Item<'a>| matches!(item, Item::Plain(worth) if same(worth, &a));
            return Ok(Worth::Bool(list.iter().any(held)));
        }
        let b = self.plain(b, names)?;
        if let (BinaryOp::Add, Worth::Text(a), Worth::Text(b)) = (op, &a, &b) {
            return Ok(Worth::Text(format!("{a}{b}")));
        }
        Ok(Worth::Bool(match op {
            BinaryOp::Equal => same(&a, &b),
            BinaryOp::NotEqual => !same(&a, &b),
            BinaryOp::Less => less(&a, &b)?,
            BinaryOp::LessEqual => !less(&b, &a)?,
            BinaryOp::Greater => less(&b, &a)?,
            BinaryOp::GreaterEqual => !less(&a, &b)?,
            _ => return arithmetic(op, &a, &b),
        }))
    }

    fn function<'n>(
        &self,
        name: &str,
        args: &'n [Expr],
        names: &mut Names<'n, 'a>,
    ) -> Result<Worth, Broken> {
        let millis = |length: &str| Span::parse(length).unwrap().millis();
        if let (Node::Text(text), "duration" | "timestamp") = (&args[0].node, name) {
            return Ok(match name {
                "duration" => Worth::Span(millis(text)),
                _ => Worth::Time(Timestamp::parse(text).unwrap().millis()),
            });
        }
        if name == "hour" {
            let Worth::Time(at) = self.plain(&args[0], names)? else { return Err(Broken) };
            return Ok(Worth::Int(at.rem_euclid(DAY) / HOUR));
        }
        if name == "in_territory" {
            return self.in_territory(args, names);
        }
        let list = match self.thing(&args[0], names)? {
            Thing::List(list) => list,
            Thing::Plain(worth) => return of_plain(name, &worth, &[]).and_then(plain_of),
            _ => return Err(Broken),
        };
        match name {
            "size" => Ok(Worth::Int(i64::try_from(list.len()).unwrap())),
            "margin_rate" => {
                let sum = |field: &str| -> Result<Worth, Broken> {
                    total(list.iter().map(|item| self.field(item, field)), Worth::Money(0))
                };
                let (net, cost) = (sum("net")?, sum("cost")?);
                let profit = arithmetic(BinaryOp::Subtract, &net, &cost)?;
                arithmetic(BinaryOp::Divide, &profit, &net)
            }
            "mean_gap" => {
                let ends = (list.first().ok_or(Broken)?, list.last().ok_or(Broken)?);
                let (first, last) = (self.field(ends.0, "time")?, self.field(ends.1, "time")?);
                let span = arithmetic(BinaryOp::Subtract, &last, &first)?;
                let gaps = Worth::Int(i64::try_from(list.len()).unwrap() - 1);
                arithmetic(BinaryOp::Divide, &span, &gaps)
            }
            other => unreachable!("{other} is not generated"),
        }
    }

    /// Whether a territory was a rep's: null where a name is missing, or nothing is known of then.
    fn in_territory<'n>(
        &self,
        args: &'n [Expr],
        names: &mut Names<'n, 'a>,
    ) -> Result<Worth, Broken> {
        let [rep, territory, at] = args else { return Err(Broken) };
        let asked = [rep, territory, at].map(|arg| self.plain(arg, names));
        let [Worth::Text(rep), Worth::Text(territory), Worth::Time(at)] =
            [asked[0].clone()?, asked[1].clone()?, asked[2].clone()?]
        else {
            return Ok(Worth::Null);
        };
        let then =
            |(who, _, from, to): &&(&str, &str, i64, i64)| *who == rep && *from <= at && at < *to;
        let held: Vec<&str> = self.tenures.iter().filter(then).map(|tenure| tenure.1).collect();
        if held.is_empty() {
            return Ok(Worth::Null);
        }
        Ok(Worth::Bool(held.contains(&territory.as_str())))
    }

    fn of_list<'n>(
        &self,
        method: &str,
        list: Vec<Item<'a>>,
        args: &'n [Expr],
        names: &mut Names<'n, 'a>,
    ) -> Result<Thing<'a>, Broken> {
        let time = |item: &Item<'a>| match item {
            Item::Event(event) | Item::Line(event, _) => event.time.millis(),
            Item::Alert(alert) => alert.opened.millis(),
            Item::Plain(_) => unreachable!("a window is of a history"),
        };
        let length = |arg: &Expr| match &arg.node {
            Node::Text(text) => Span::parse(text).unwrap().millis(),
            _ => unreachable!("a length is written out"),
        };
        let within = |list: Vec<Item<'a>>, from: i64, to: i64| {
            let (after, upto) = (self.clock - from, self.clock - to);
            list.into_iter().filter(|item| after < time(item) && time(item) <= upto).collect()
        };
        Ok(match (method, args) {
            ("last", []) => Thing::One(list.last().cloned()),
            ("first", []) => Thing::One(list.first().cloned()),
            ("last", [Expr { node: Node::Int(count), .. }]) => {
                let older = list.len().saturating_sub(usize::try_from(*count).unwrap());
                Thing::List(list[older..].to_vec())
            }
            ("last", [from]) => Thing::List(within(list, length(from), 0)),
            ("between", [from, to]) => Thing::List(within(list, length(from), length(to))),
            ("size", []) => Thing::Plain(Worth::Int(i64::try_from(list.len()).unwrap())),
            ("contains", [value]) => {
                let value = self.plain(value, names)?;
                let held = |item: &Item<'a>| matches!(item, Item::Plain(w) if same(w, &value));
                yes(list.iter().any(held))
            }
            ("join", [separator]) => {
                let Worth::Text(separator) = self.plain(separator, names)? else {
                    return Err(Broken);
                };
                Thing::Plain(joined(list, &separator)?)
            }
            ("quantile", [name, value, share]) => {
                let worths = list.iter().map(|item| self.of_item((name, value), item, names));
                let worths: Vec<Worth> = worths.collect::<Result<_, _>>()?;
                Thing::Plain(quantile(&worths, self.plain(share, names)?.number()?)?)
            }
            ("filter" | "count", [name, condition]) => {
                let mut kept = Vec::new();
                for item in list {
                    match self.of_item((name, condition), &item, names)? {
                        Worth::Bool(true) => kept.push(item),
                        Worth::Bool(false) => {}
                        _ => return Err(Broken),
                    }
                }
                let count = Worth::Int(i64::try_from(kept.len()).unwrap());
                if method == "count" { Thing::Plain(count) } else { Thing::List(kept) }
            }
            ("map", [name, value]) => {
                let mapped: Result<Vec<Item<'a>>, Broken> = list
                    .iter()
                    .map(|item| self.of_item((name, value), item, names).map(Item::Plain))
                    .collect();
                Thing::List(mapped?)
            }
            _ => {
                let mut worths = Vec::new();
                for item in &list {
                    worths.push(match (args, item) {
                        ([name, value], item) => self.of_item((name, value), item, names),
                        (_, Item::Plain(worth)) => Ok(worth.clone()),
                        _ => Err(Broken),
                    });
                }
                Thing::Plain(reduced(method, worths, &args[args.len().saturating_sub(1)..])?)
            }
        })
    }

    /// The value of an expression for one item.
    fn of_item<'n>(
        &self,
        (name, value): (&'n Expr, &'n Expr),
        item: &Item<'a>,
        names: &mut Names<'n, 'a>,
    ) -> Result<Worth, Broken> {
        let Node::Ident(name) = &name.node else { return Err(Broken) };
        names.push((name, item.clone()));
        let found = self.plain(value, names);
        names.pop();
        found
    }

    /// A field of an alert.
    fn of_alert(&self, alert: &PastAlert, field: &str) -> Worth {
        match field {
            "rule" => Worth::Text(self.symbols.text(alert.rule)),
            "family" => Worth::Text(self.symbols.text(alert.family)),
            "opened" => Worth::Time(alert.opened.millis()),
            "closed" => alert.closed.map_or(Worth::Null, |at| Worth::Time(at.millis())),
            "state" => Worth::Text(format!("{:?}", alert.state).to_lowercase()),
            "value" => alert.value.map_or(Worth::Null, |value| Worth::Money(value.micros().into())),
            other => unreachable!("{other} is not generated"),
        }
    }

    /// A field of an event or a line; null when the source did not say, and an error when it is an
    /// amount in another currency.
    fn field(&self, item: &Item<'a>, field: &str) -> Result<Worth, Broken> {
        let event = match item {
            Item::Event(event) | Item::Line(event, _) => *event,
            Item::Alert(alert) => return Ok(self.of_alert(alert, field)),
            Item::Plain(_) => return Err(Broken),
        };
        let lines: &[Line] = match item {
            Item::Line(_, line) => std::slice::from_ref(*line),
            _ => &event.lines,
        };
        let name = |symbol: Option<Symbol>| {
            symbol.map_or(Worth::Null, |symbol| Worth::Text(self.symbols.text(symbol)))
        };
        let agreed = |of: fn(&Line) -> Option<Symbol>| {
            let first = lines.first().and_then(of);
            first.filter(|_| lines.iter().all(|line| of(line) == first))
        };
        let summed = |of: &dyn Fn(&Line) -> Option<i64>| -> Option<i128> {
            let all: Option<Vec<i64>> = lines.iter().map(of).collect();
            all.filter(|all| !all.is_empty()).map(|all| all.iter().copied().map(i128::from).sum())
        };
        let net = |line: &Line| line.net.map(Decimal::micros);
        let cost = |line: &Line| line.cost.map(Decimal::micros);
        let off = |line: &Line| line.discount.map(Decimal::micros);
        let detail = event.detail.as_deref();
        let money = match field {
            "net" => summed(&net),
            "cost" => summed(&cost),
            "gross_profit" => summed(&net).and_then(|net| Some(net - summed(&cost)?)),
            "discount" => {
                let told: Vec<i64> = lines.iter().filter_map(off).collect();
                (!told.is_empty()).then(|| told.iter().copied().map(i128::from).sum())
            }
            "amount" => detail.and_then(|d| d.amount).map(|amount| amount.micros().into()),
            _ => {
                let exact = |number: Option<Decimal>| {
                    number.map_or(Worth::Null, |n| Worth::Exact(n.micros().into()))
                };
                return Ok(match field {
                    "time" => Worth::Time(event.time.millis()),
                    "kind" => Worth::Text(event.kind.name().to_owned()),
                    "channel" => name(event.channel),
                    "rep" => name(event.rep),
                    "territory" => name(event.territory),
                    "category" => name(agreed(|l| l.category).or(detail.and_then(|d| d.category))),
                    "brand" => name(agreed(|line| line.brand)),
                    "topic" => name(detail.and_then(|d| d.topic)),
                    "sentiment" => exact(detail.and_then(|d| d.sentiment)),
                    "duration" => exact(detail.and_then(|d| d.duration_s)),
                    "quantity" => summed(&|line| Some(line.quantity.micros()))
                        .map_or(Worth::Null, Worth::Exact),
                    "non_product" => {
                        Worth::Bool(!lines.is_empty() && lines.iter().all(|line| line.non_product))
                    }
                    other => unreachable!("{other} is not generated"),
                });
            }
        };
        let foreign = event.currency.is_some() && event.currency != self.home;
        match money {
            Some(_) if foreign => Err(Broken),
            money => Ok(money.map_or(Worth::Null, Worth::Money)),
        }
    }
}

/// The name and the arguments of a call of a detector.
fn function_of(expr: &Expr) -> Option<(&str, &[Expr])> {
    match &expr.node {
        Node::Call { name, target: None, args } => {
            detected::NAMES.contains(&name.as_str()).then_some((name.as_str(), args.as_slice()))
        }
        _ => None,
    }
}

/// What a single value gives that is asked something.
fn of_plain<'a>(method: &str, worth: &Worth, args: &[Worth]) -> Result<Thing<'a>, Broken> {
    let place = |at: &Worth| match at {
        Worth::Int(at) => usize::try_from(*at).map_err(|_| Broken),
        _ => Err(Broken),
    };
    Ok(Thing::Plain(match (method, worth, args) {
        ("orElse", Worth::Null, [other]) => other.clone(),
        ("orElse", worth, [_]) => worth.clone(),
        ("startsWith", Worth::Text(text), [Worth::Text(part)]) => {
            Worth::Bool(text.starts_with(part.as_str()))
        }
        ("upperAscii", Worth::Text(text), []) => {
            Worth::Text(text.chars().map(|c| c.to_ascii_uppercase()).collect())
        }
        ("size", Worth::Text(text), []) => Worth::Int(i64::try_from(text.chars().count()).unwrap()),
        ("indexOf", Worth::Text(text), [Worth::Text(part)]) => {
            let starts = (0..text.len()).find(|at| text[*at..].starts_with(part.as_str()));
            Worth::Int(starts.map_or(-1, |at| i64::try_from(at).unwrap()))
        }
        ("substring", Worth::Text(text), [from, to @ ..]) => {
            let letters: Vec<char> = text.chars().collect();
            let from = place(from)?;
            let to = to.first().map_or(Ok(letters.len()), place)?;
            Worth::Text(letters.get(from..to).ok_or(Broken)?.iter().collect())
        }
        ("split", Worth::Text(text), [Worth::Text(separator)]) => {
            let parts = text.split(separator.as_str());
            let parts = parts.map(|part| Item::Plain(Worth::Text(part.to_owned())));
            return Ok(Thing::List(parts.collect()));
        }
        ("getHours", Worth::Time(at), [Worth::Text(offset)]) => {
            let hours: i64 = offset.trim_end_matches(":00").parse().unwrap();
            Worth::Int((at + hours * HOUR).rem_euclid(DAY) / HOUR)
        }
        // The first day of 1970 was a Thursday.
        ("getDayOfWeek", Worth::Time(at), []) => Worth::Int((at.div_euclid(DAY) + 4).rem_euclid(7)),
        _ => return Err(Broken),
    }))
}

fn joined(list: Vec<Item<'_>>, separator: &str) -> Result<Worth, Broken> {
    let texts = list.into_iter().map(|item| match item {
        Item::Plain(Worth::Text(text)) => Ok(text),
        _ => Err(Broken),
    });
    let texts: Vec<String> = texts.collect::<Result<_, _>>()?;
    Ok(Worth::Text(texts.join(separator)))
}

fn plain_of(thing: Thing<'_>) -> Result<Worth, Broken> {
    match thing {
        Thing::Plain(worth) => Ok(worth),
        _ => Err(Broken),
    }
}

fn yes<'a>(truth: bool) -> Thing<'a> {
    Thing::Plain(Worth::Bool(truth))
}

fn holds(list: &str, kind: Kind) -> bool {
    match list {
        "orders" => kind == Kind::Order,
        "returns" => matches!(kind, Kind::Return | Kind::CreditMemo),
        "quotes" => kind == Kind::Quote,
        "calls" => matches!(kind, Kind::Call | Kind::CallStarted),
        "interactions" => {
            !matches!(kind, Kind::Order | Kind::Return | Kind::Adjustment | Kind::CreditMemo)
        }
        "complaints" => kind == Kind::Complaint,
        other => unreachable!("{other} is not generated"),
    }
}
