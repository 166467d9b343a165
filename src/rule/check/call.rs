//! Calls of functions, and of methods on values.

use crate::rule::check::Checked;
use crate::rule::check::Checker;
use crate::rule::check::ENTITY;
use crate::rule::check::ListExpr;
use crate::rule::check::Typed;
use crate::rule::diagnostic::suggest;
use crate::rule::expression::Expr;
use crate::rule::expression::Node as Tree;
use crate::rule::vocabulary::FORMATS;
use crate::rule::vocabulary::FUNCTIONS;
use crate::rule::vocabulary::ItemType;
use crate::rule::vocabulary::LIST_METHODS;
use crate::rule::vocabulary::Type;
use crate::rule::vocabulary::VALUE_METHODS;
use crate::state::program::End;
use crate::state::program::Field;
use crate::state::program::Function;
use crate::state::program::Function2;
use crate::state::program::Node;
use crate::state::value::Arithmetic;
use crate::state::value::Value;
use crate::time::Span;
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

    /// `text.startsWith('x')` and the like.
    fn method(&mut self, expr: &Expr, on: Typed, name: &str, args: &[Expr]) -> Checked {
        let function = match name {
            "startsWith" => Function2::StartsWith,
            "endsWith" => Function2::EndsWith,
            "contains" => Function2::Contains,
            "orElse" | "or_else" => {
                let [other] = args else { return self.arguments(expr, name, 1, args) };
                let other = self.value(other);
                let ty = if on.ty == Type::Null { other.ty } else { on.ty };
                if !(other.ty == ty || other.ty.compares_with(ty)) {
                    let message = format!("`orElse` gives {} or {}", on.ty.noun(), other.ty.noun());
                    let help = "both values are of one type";
                    self.error("E205", &expr.span, message, "", Some(help));
                }
                let node = Node::Function2(Function2::OrElse, on.node, other.node);
                return self.typed(node, ty, on.depends | other.depends);
            }
            _ => {
                let near = suggest(name, VALUE_METHODS.iter().map(|(known, _)| *known));
                let label = near.map_or_else(String::new, |near| format!("did you mean `{near}`?"));
                let message = format!("{} has no `{name}`", on.ty.noun());
                let help = "a value has orElse; a string has startsWith, endsWith, contains, too";
                self.error("E202", &expr.mark, message, &label, Some(help));
                return Checked::Value(self.unknown());
            }
        };
        let [part] = args else { return self.arguments(expr, name, 1, args) };
        let part = self.expect(part, &[Type::Text], "what is looked for");
        if !matches!(on.ty, Type::Text | Type::Dynamic) {
            let message = format!("`{name}` works on strings, not on {}", on.ty.noun());
            self.error("E205", &expr.mark, message, "", Some("compare it with `==` or `<`"));
        }
        let node = Node::Function2(function, on.node, part.node);
        self.typed(node, Type::Bool, on.depends | part.depends)
    }

    fn arguments(&mut self, expr: &Expr, name: &str, wanted: usize, args: &[Expr]) -> Checked {
        let known = FUNCTIONS.iter().chain(&VALUE_METHODS);
        let usage = known.copied().find(|(known, _)| *known == name);
        let message = wrong_count(name, wanted, args.len());
        let help = usage.map_or("", |(_, usage)| usage);
        self.error("E207", &expr.mark, message, "", Some(help));
        Checked::Value(self.unknown())
    }

    fn function(&mut self, expr: &Expr, name: &str, args: &[Expr]) -> Checked {
        let plain = |function, from: &'static [Type], to| Some((function, from, to));
        let simple = match name {
            "date" => plain(Function::Date, &[Type::Time], Some(Type::Time)),
            "hour" => plain(Function::Hour, &[Type::Time], Some(Type::Int)),
            "day_of_week" => plain(Function::DayOfWeek, &[Type::Time], Some(Type::Int)),
            "millis" => plain(Function::Millis, &[Type::Time, Type::Span], Some(Type::Int)),
            "days" => plain(Function::Days, &[Type::Span], Some(Type::Double)),
            "double" => {
                plain(Function::Double, &[Type::Int, Type::Double, Type::Money], Some(Type::Double))
            }
            "int" => plain(Function::Int, &[Type::Int, Type::Double, Type::Money], Some(Type::Int)),
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
        match name {
            "size" | "margin_rate" | "mean_gap" | "gap_stddev" => {
                self.list_function(expr, name, args)
            }
            "duration" | "timestamp" => {
                let [arg] = args else { return self.arguments(expr, name, 1, args) };
                self.literal(arg, name == "duration")
            }
            "sells" => {
                let [arg] = args else { return self.arguments(expr, name, 1, args) };
                let arg = self.expect(arg, &[Type::Text], "the category");
                // The catalogue changes beside the history: no property of an item.
                let node = Node::Function(Function::Sells, arg.node);
                self.typed(node, Type::Bool, arg.depends | ENTITY)
            }
            "greatest" | "least" => self.extreme(expr, name, args),
            _ => self.no_function(expr, name),
        }
    }

    fn extreme(&mut self, expr: &Expr, name: &str, args: &[Expr]) -> Checked {
        let [a, b] = args else { return self.arguments(expr, name, 2, args) };
        let (a, b) = (self.value(a), self.value(b));
        if !a.ty.compares_with(b.ty) {
            let message = format!("{} cannot be compared with {}", a.ty.noun(), b.ty.noun());
            let help = "both are of one type, or both numbers";
            self.error("E205", &expr.span, message, "", Some(help));
        }
        let function = if name == "least" { Function2::Least } else { Function2::Greatest };
        let ty = if a.ty == Type::Int { b.ty } else { a.ty };
        self.typed(Node::Function2(function, a.node, b.node), ty, a.depends | b.depends)
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

    fn literal(&mut self, arg: &Expr, duration: bool) -> Checked {
        let Tree::Text(text) = &arg.node else {
            let help = if duration {
                "write `duration('30d')`"
            } else {
                "write `timestamp('2025-01-01')`"
            };
            self.error("E209", &arg.span, "this has to be written out", "", Some(help));
            return Checked::Value(self.unknown());
        };
        let parsed = if duration {
            Span::parse(text).map(|span| (Value::Span(span), Type::Span))
        } else {
            Timestamp::parse(text).map(|at| (Value::Time(at), Type::Time))
        };
        match parsed {
            Ok((value, ty)) => self.constant(value, ty),
            Err(error) => {
                let help = if duration {
                    "write e.g. `duration('1h30m')`"
                } else {
                    "write e.g. `timestamp('2025-03-01T09:30:00Z')`"
                };
                self.error("E208", &arg.span, error.to_string(), "", Some(help));
                Checked::Value(self.unknown())
            }
        }
    }

    /// Share of the net amount that is left after cost: `(Σ net − Σ cost) / Σ net`.
    fn margin_rate(&mut self, expr: &Expr, list: &ListExpr) -> Checked {
        if matches!(list.item, ItemType::Value(_)) {
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
        let last = self.chosen_field(expr, list, true, time);
        let last = self.settled(last, &expr.span);
        let first = self.chosen_field(expr, list, false, time);
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
