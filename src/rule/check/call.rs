//! Calls of functions, and of methods on values.

use crate::rule::check::Checked;
use crate::rule::check::Checker;
use crate::rule::check::ENTITY;
use crate::rule::check::ListExpr;
use crate::rule::check::Typed;
use crate::rule::check::Which;
use crate::rule::diagnostic::suggest;
use crate::rule::expression::Expr;
use crate::rule::expression::Node as Tree;
use crate::rule::vocabulary::FORMATS;
use crate::rule::vocabulary::FUNCTIONS;
use crate::rule::vocabulary::ItemType;
use crate::rule::vocabulary::LIST_METHODS;
use crate::rule::vocabulary::Type;
use crate::rule::vocabulary::VALUE_METHODS;
use crate::rule::vocabulary::detectors;
use crate::rule::vocabulary::offers::OFFERS;
use crate::state::assortment::Asked;
use crate::state::assortment::AskedOfQuantity;
use crate::state::builtin;
use crate::state::builtin::Builtin;
use crate::state::builtin::CalendarPart;
use crate::state::program::End;
use crate::state::program::Field;
use crate::state::program::Function;
use crate::state::program::Function2;
use crate::state::program::Node;
use crate::state::value::Arithmetic;
use crate::state::value::Value;
use crate::time::TimeError;
use crate::time::Timestamp;

impl Checker<'_> {
    pub(super) fn call(
        &mut self,
        expr: &Expr,
        name: &str,
        target: Option<&Expr>,
        args: &[Expr],
    ) -> Checked {
        match target {
            None => self.function(expr, name, args),
            Some(Expr { node: Tree::Call { name: peers, target: None, args: of }, .. })
                if peers == "peers" =>
            {
                self.peers(expr, of, name, args)
            }
            Some(Expr { node: Tree::Ident(space), .. })
                if space == "math" && !self.is_named(space) =>
            {
                self.math(expr, name, args)
            }
            Some(target) => match self.check(target) {
                Checked::List(list) => self.list_call(expr, list, name, args),
                Checked::Value(typed) if typed.ty == Type::Unknown => Checked::Value(typed),
                Checked::Value(typed) => self.method(expr, typed, name, args),
                _ => {
                    let typed = self.value(target);
                    self.method(expr, typed, name, args)
                }
            },
        }
    }

    pub(super) fn arguments(
        &mut self,
        expr: &Expr,
        name: &str,
        wanted: usize,
        args: &[Expr],
    ) -> Checked {
        let known = FUNCTIONS.iter().chain(&VALUE_METHODS);
        let usage = known.copied().find(|(known, _)| *known == name);
        let message = wrong_count(name, wanted, args.len());
        let help = usage.map_or("", |(_, usage)| usage);
        self.error("E207", &expr.mark, message, "", Some(help));
        Checked::Value(self.unknown())
    }

    fn function(&mut self, expr: &Expr, name: &str, args: &[Expr]) -> Checked {
        if let Some(signature) = detectors::signature(name) {
            return self.detect(expr, signature, args);
        }
        if let ("date" | "hour" | "day_of_week", [time, zone]) = (name, args) {
            let part = match name {
                "date" => CalendarPart::Midnight,
                "hour" => CalendarPart::Hours,
                _ => CalendarPart::DayOfWeek,
            };
            let ty = if name == "date" { Type::Time } else { Type::Int };
            let time = self.expect(time, &[Type::Time], "the argument");
            return self.in_zone(time, part, zone, ty);
        }
        let plain = |function, from: &'static [Type], to| Some((function, from, to));
        let simple = match name {
            "date" => plain(Function::Date, &[Type::Time], Some(Type::Time)),
            "hour" => plain(Function::Hour, &[Type::Time], Some(Type::Int)),
            "day_of_week" => plain(Function::DayOfWeek, &[Type::Time], Some(Type::Int)),
            "millis" => plain(Function::Millis, &[Type::Time, Type::Span], Some(Type::Int)),
            "days" => plain(Function::Days, &[Type::Span], Some(Type::Double)),
            "amount" => plain(Function::Amount, &[Type::Int, Type::Double], Some(Type::Money)),
            "abs" => {
                plain(Function::Abs, &[Type::Int, Type::Double, Type::Money, Type::Span], None)
            }
            _ => None,
        };
        if let Some((function, from, to)) = simple {
            let [arg] = args else { return self.arguments(expr, name, 1, args) };
            let arg = self.expect(arg, from, "the argument");
            let node = Node::Function(function, arg.node);
            return self.typed(node, to.unwrap_or(arg.ty), arg.depends);
        }
        if let Some((_, meeting)) = OFFERS.iter().find(|(known, _)| *known == name) {
            return self.offers(expr, (name, *meeting), args);
        }
        match name {
            "affinity" => self.affinity(expr, args),
            "declined" => self.declined(expr, args),
            "peers" => self.no_peer_method(expr, name),
            "size" | "margin_rate" | "mean_gap" | "gap_stddev" => {
                self.list_function(expr, name, args)
            }
            "duration" | "timestamp" | "string" | "int" | "double" | "bool" => {
                let [arg] = args else { return self.arguments(expr, name, 1, args) };
                match (&arg.node, name) {
                    (Tree::Text(text), "duration") => self.duration(arg, text),
                    (Tree::Text(text), "timestamp") => self.timestamp(arg, text),
                    _ => self.conversion(name, arg),
                }
            }
            "matches" => {
                let [text, pattern] = args else { return self.arguments(expr, name, 2, args) };
                let text = self.value(text);
                self.matches(expr, text, pattern)
            }
            "sells" => self.sells(expr, name, args),
            "list_price" | "unit_cost" | "margin_floor" | "grade" | "own_brand" | "substitute" => {
                self.of_product(expr, name, args)
            }
            "next_break" | "price_at" => self.of_quantity(expr, name, args),
            "p_switch" => self.p_switch(expr, name, args),
            "win_rate_below" => self.win_rate_below(expr, name, args),
            "in_territory" => self.in_territory(expr, name, args),
            "greatest" | "least" => self.extreme(expr, name, args),
            _ => self.no_function(expr, name),
        }
    }

    /// Whether the catalogue has a category.
    fn sells(&mut self, expr: &Expr, name: &str, args: &[Expr]) -> Checked {
        let [arg] = args else { return self.arguments(expr, name, 1, args) };
        let arg = self.expect(arg, &[Type::Text], "the category");
        // The catalogue changes beside the history: no property of an item.
        let node = Node::Function(Function::Sells, arg.node);
        self.typed(node, Type::Bool, arg.depends | ENTITY)
    }

    /// What the catalogue says of a product.
    fn of_product(&mut self, expr: &Expr, name: &str, args: &[Expr]) -> Checked {
        let [arg] = args else { return self.arguments(expr, name, 1, args) };
        let arg = self.expect(arg, &[Type::Text], "the product");
        let (function, ty) = match name {
            "list_price" => (Function::ListPrice, Type::Money),
            "unit_cost" => (Function::UnitCost, Type::Money),
            "grade" => (Function::Of(Asked::Grade), Type::Text),
            "own_brand" => (Function::Of(Asked::OwnBrand), Type::Bool),
            "substitute" => (Function::Of(Asked::Substitute), Type::Text),
            _ => (Function::MarginFloor, Type::Double),
        };
        self.typed(Node::Function(function, arg.node), ty, arg.depends | ENTITY)
    }

    /// What the catalogue says of a quantity of a product.
    fn of_quantity(&mut self, expr: &Expr, name: &str, args: &[Expr]) -> Checked {
        let [product, quantity] = args else { return self.arguments(expr, name, 2, args) };
        let mut asked = [
            self.expect(product, &[Type::Text], "the product"),
            self.expect(quantity, &[Type::Int, Type::Double], "the quantity"),
        ];
        asked[0].depends |= ENTITY;
        let (of, ty) = match name {
            "next_break" => (AskedOfQuantity::NextBreak, Type::Double),
            _ => (AskedOfQuantity::PriceAt, Type::Money),
        };
        self.builtin(Builtin::OfQuantity(of), &asked, ty)
    }

    /// The learned chance that a customer takes the own brand.
    fn p_switch(&mut self, expr: &Expr, name: &str, args: &[Expr]) -> Checked {
        let [category, own, all, lines] = args else {
            return self.arguments(expr, name, 4, args);
        };
        let numbers =
            [own, all, lines].map(|arg| self.expect(arg, &[Type::Int, Type::Double], "the number"));
        let [own, all, lines] = numbers;
        let mut category = self.expect(category, &[Type::Text], "the category");
        category.depends |= ENTITY;
        self.builtin(Builtin::PSwitch, &[category, own, all, lines], Type::Double)
    }

    fn win_rate_below(&mut self, expr: &Expr, name: &str, args: &[Expr]) -> Checked {
        let [won, lost, team] = args else { return self.arguments(expr, name, 3, args) };
        let numbers = [won, lost, team]
            .map(|arg| self.expect(arg, &[Type::Int, Type::Double], "the argument"));
        self.builtin(Builtin::WinRateBelow, &numbers, Type::Double)
    }

    /// Whether a territory was a rep's.
    fn in_territory(&mut self, expr: &Expr, name: &str, args: &[Expr]) -> Checked {
        let [rep, territory, at] = args else { return self.arguments(expr, name, 3, args) };
        let mut asked = [
            self.expect(rep, &[Type::Text], "the rep"),
            self.expect(territory, &[Type::Text], "the territory"),
            self.expect(at, &[Type::Time], "the time"),
        ];
        // The reps change beside the history: no property of an item.
        asked[0].depends |= ENTITY;
        self.builtin(Builtin::InTerritory, &asked, Type::Bool)
    }

    /// The largest or smallest of some values.
    fn extreme(&mut self, expr: &Expr, name: &str, args: &[Expr]) -> Checked {
        let [first, others @ ..] = args else { return self.arguments(expr, name, 2, args) };
        if others.is_empty() {
            return self.arguments(expr, name, 2, args);
        }
        let function = if name.ends_with("least") { Function2::Least } else { Function2::Greatest };
        let mut best = self.value(first);
        for other in others {
            let other = self.value(other);
            if !best.ty.compares_with(other.ty) {
                let message =
                    format!("{} cannot be compared with {}", best.ty.noun(), other.ty.noun());
                let help = "all are of one type, or all numbers";
                self.error("E205", &expr.span, message, "", Some(help));
                return Checked::Value(self.unknown());
            }
            let node = self.program.add(Node::Function2(function, best.node, other.node));
            let ty = if best.ty == Type::Int { other.ty } else { best.ty };
            best = Typed { node, ty, depends: best.depends | other.depends };
        }
        Checked::Value(best)
    }

    /// A function of CEL's `math`.
    fn math(&mut self, expr: &Expr, name: &str, args: &[Expr]) -> Checked {
        const NUMBERS: &[Type] = &[Type::Int, Type::Double];
        const AMOUNTS: &[Type] = &[Type::Int, Type::Double, Type::Money];
        let full = format!("math.{name}");
        let (builtin, takes, gives) = match name {
            "greatest" | "least" => return self.math_extreme(expr, name, args),
            "abs" => return self.function(expr, name, args),
            "ceil" => (Builtin::Ceil, AMOUNTS, None),
            "floor" => (Builtin::Floor, AMOUNTS, None),
            "round" => (Builtin::Round, AMOUNTS, None),
            "trunc" => (Builtin::Trunc, AMOUNTS, None),
            "sign" => {
                let [arg] = args else { return self.arguments(expr, &full, 1, args) };
                let wanted = [Type::Int, Type::Double, Type::Money, Type::Span];
                let arg = self.expect(arg, &wanted, "the argument");
                let double = matches!(arg.ty, Type::Double | Type::Dynamic);
                let ty = if double { Type::Double } else { Type::Int };
                return self.builtin(Builtin::Sign, &[arg], ty);
            }
            "sqrt" => (Builtin::Sqrt, NUMBERS, Some(Type::Double)),
            "isNaN" => (Builtin::IsNan, NUMBERS, Some(Type::Bool)),
            "isInf" => (Builtin::IsInf, NUMBERS, Some(Type::Bool)),
            "isFinite" => (Builtin::IsFinite, NUMBERS, Some(Type::Bool)),
            _ => return self.no_function(expr, &full),
        };
        let [arg] = args else { return self.arguments(expr, &full, 1, args) };
        let arg = self.expect(arg, takes, "the argument");
        self.builtin(builtin, &[arg], gives.unwrap_or(arg.ty))
    }

    /// `math.greatest(1, 2)`, or of one list.
    fn math_extreme(&mut self, expr: &Expr, name: &str, args: &[Expr]) -> Checked {
        let [only] = args else { return self.extreme(expr, name, args) };
        match self.check(only) {
            Checked::List(list) => {
                let method = if name == "least" { "min" } else { "max" };
                self.list_call(expr, list, method, &[])
            }
            checked => Checked::Value(self.single(only, checked)),
        }
    }

    /// `string(x)`, `int(x)` and the like, of a value that is known when the rule runs.
    fn conversion(&mut self, name: &str, arg: &Expr) -> Checked {
        use Type::Bool;
        use Type::Double;
        use Type::Int;
        use Type::Money;
        use Type::Span;
        use Type::Text;
        use Type::Time;
        let (builtin, from, to): (_, &[Type], _) = match name {
            "duration" => (Builtin::Duration, &[Text, Span], Span),
            "timestamp" => (Builtin::Timestamp, &[Text, Int, Time], Time),
            "string" => (Builtin::String, &[Text, Int, Double, Money, Bool, Time, Span], Text),
            "int" => (Builtin::Int, &[Int, Double, Money, Text, Time], Int),
            "double" => (Builtin::Double, &[Int, Double, Money, Text], Double),
            _ => (Builtin::Bool, &[Bool, Text], Bool),
        };
        let arg = self.expect(arg, from, "the argument");
        match (name, arg.ty) {
            ("int", Int | Double | Money) => {
                self.typed(Node::Function(Function::Int, arg.node), Int, arg.depends)
            }
            ("double", Int | Double | Money) => {
                self.typed(Node::Function(Function::Double, arg.node), Double, arg.depends)
            }
            _ => self.builtin(builtin, &[arg], to),
        }
    }

    fn is_named(&self, name: &str) -> bool {
        self.lets.iter().any(|named| named.name == name)
            || self.variables.iter().any(|(known, _)| known == name)
    }

    fn no_function(&mut self, expr: &Expr, name: &str) -> Checked {
        let near = suggest(name, FUNCTIONS.iter().map(|(known, _)| *known));
        let label = near.map_or_else(String::new, |near| format!("did you mean `{near}`?"));
        let message = format!("there is no function `{name}`");
        let help = if FORMATS.iter().any(|(known, _)| *known == name) {
            format!("`{name}` writes a value, at the top of `{{{{ … }}}}` only")
        } else if LIST_METHODS.iter().any(|(known, _)| *known == name) {
            format!("it stands behind a list: `orders.last('30d').{name}(…)`")
        } else {
            let names: Vec<&str> = FUNCTIONS.iter().map(|(known, _)| *known).collect();
            format!("there are {}", names.join(", "))
        };
        self.error("E202", &expr.mark, message, &label, Some(&help));
        Checked::Value(self.unknown())
    }

    /// A function of one list.
    fn list_function(&mut self, expr: &Expr, name: &str, args: &[Expr]) -> Checked {
        let [arg] = args else { return self.arguments(expr, name, 1, args) };
        let checked = self.check(arg);
        if matches!(checked, Checked::Value(typed) if typed.ty == Type::Unknown) {
            return checked;
        }
        if name == "size" && !matches!(checked, Checked::List(_) | Checked::Record(_)) {
            if let Checked::Table(pairs, _) = checked {
                let count = i64::try_from(pairs.len()).unwrap_or(i64::MAX);
                return self.constant(Value::Int(count), Type::Int);
            }
            let text = self.single(arg, checked);
            return self.method(expr, text, name, &[]);
        }
        let Checked::List(list) = checked else {
            let message = format!("`{name}` needs a list");
            let help = "such as `orders.last('30d')`";
            self.error("E204", &arg.span, message, "", Some(help));
            return Checked::Value(self.unknown());
        };
        match name {
            "size" => Checked::Value(self.size_of(expr, &list)),
            "margin_rate" => self.margin_rate(expr, &list),
            "gap_stddev" => self.gap_stddev(expr, &list),
            _ => self.mean_gap(expr, &list),
        }
    }

    /// `duration('30d')`: known at once.
    fn duration(&mut self, arg: &Expr, text: &str) -> Checked {
        if let Some(span) = builtin::parse_span(text) {
            return self.constant(Value::Span(span), Type::Span);
        }
        let message = TimeError::Span(text.chars().take(40).collect()).to_string();
        self.error("E208", &arg.span, message, "", Some("write e.g. `duration('1h30m')`"));
        Checked::Value(self.unknown())
    }

    /// `timestamp('2025-01-01')`: known at once.
    fn timestamp(&mut self, arg: &Expr, text: &str) -> Checked {
        match Timestamp::parse(text) {
            Ok(at) => self.constant(Value::Time(at), Type::Time),
            Err(error) => {
                let help = "write e.g. `timestamp('2025-03-01T09:30:00Z')`";
                self.error("E208", &arg.span, error.to_string(), "", Some(help));
                Checked::Value(self.unknown())
            }
        }
    }

    /// Share of the net amount that is left after cost: `(Σ net − Σ cost) / Σ net`.
    fn margin_rate(&mut self, expr: &Expr, list: &ListExpr) -> Checked {
        if !matches!(list.item, ItemType::Event | ItemType::Line) {
            let help = "such as `margin_rate(lines.last('30d'))`";
            self.error("E204", &expr.mark, "`margin_rate` needs lines or orders", "", Some(help));
            return Checked::Value(self.unknown());
        }
        let net = self.sum_of(expr, list, Field::Net, Type::Money);
        let cost = self.sum_of(expr, list, Field::Cost, Type::Money);
        let profit = Node::Arithmetic(Arithmetic::Subtract, net.node, cost.node);
        let profit = self.program.add(profit);
        let rate = Node::Arithmetic(Arithmetic::Divide, profit, net.node);
        self.typed(rate, Type::Double, ENTITY)
    }

    /// Standard deviation of the times between neighbours.
    fn gap_stddev(&mut self, expr: &Expr, list: &ListExpr) -> Checked {
        if list.item != ItemType::Event {
            return self.needs_events(expr, "gap_stddev", "`gap_stddev(orders.last('365d'))`");
        }
        self.scan(expr, list, End::GapDeviation, (Type::Span, 0))
    }

    fn needs_events(&mut self, expr: &Expr, name: &str, example: &str) -> Checked {
        let message = format!("`{name}` needs a list of events");
        self.error("E204", &expr.mark, message, "", Some(&format!("such as {example}")));
        Checked::Value(self.unknown())
    }

    /// Mean time between neighbours: `(last − first) / (n − 1)`.
    fn mean_gap(&mut self, expr: &Expr, list: &ListExpr) -> Checked {
        if list.item != ItemType::Event {
            return self.needs_events(expr, "mean_gap", "`mean_gap(orders)`");
        }
        let time = (Field::Time, Type::Time);
        let last = self.chosen_field(expr, list, Which::Last, time);
        let last = self.settled(last, &expr.span);
        let first = self.chosen_field(expr, list, Which::First, time);
        let first = self.settled(first, &expr.span);
        let size = self.size_of(expr, list);
        let one = self.program.add(Node::Constant(Value::Int(1)));
        let whole = self.program.add(Node::Arithmetic(Arithmetic::Subtract, last.node, first.node));
        let gaps = self.program.add(Node::Arithmetic(Arithmetic::Subtract, size.node, one));
        self.typed(Node::Arithmetic(Arithmetic::Divide, whole, gaps), Type::Span, ENTITY)
    }
}

/// How many arguments were wanted, and how many came.
pub(super) fn wrong_count(name: &str, wanted: usize, got: usize) -> String {
    let noun = if wanted == 1 { "argument" } else { "arguments" };
    format!("`{name}` takes {wanted} {noun}, not {got}")
}
