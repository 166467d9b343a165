//! What a single value can be asked: `text.lowerAscii()`, `time.getHours('Europe/Berlin')`.

use std::sync::Arc;

use crate::rule::check::Checked;
use crate::rule::check::Checker;
use crate::rule::check::ListExpr;
use crate::rule::check::ListSource;
use crate::rule::check::Typed;
use crate::rule::diagnostic::suggest;
use crate::rule::expression::Expr;
use crate::rule::expression::Node as Tree;
use crate::rule::vocabulary::ItemType;
use crate::rule::vocabulary::Type;
use crate::rule::vocabulary::VALUE_METHODS;
use crate::rule::vocabulary::value_methods;
use crate::state::builtin::Builtin;
use crate::state::builtin::CalendarPart;
use crate::state::builtin::Pattern;
use crate::state::builtin::Zone;
use crate::state::program::Function2;
use crate::state::program::Node;
use crate::state::program::NodeId;
use crate::state::program::Program;
use crate::state::value::Comparison;

/// A method of texts that takes values and gives one.
struct Method {
    name: &'static str,
    /// Types of its arguments; those behind the first `needed` may be left out.
    takes: &'static [Type],
    needed: usize,
    builtin: Builtin,
    gives: Type,
}

impl Method {
    const fn new(
        name: &'static str,
        builtin: Builtin,
        takes: &'static [Type],
        needed: usize,
        gives: Type,
    ) -> Self {
        Self { name, takes, needed, builtin, gives }
    }
}

static OF_TEXTS: [Method; 11] = [
    Method::new("size", Builtin::Size, &[], 0, Type::Int),
    Method::new("lowerAscii", Builtin::LowerAscii, &[], 0, Type::Text),
    Method::new("upperAscii", Builtin::UpperAscii, &[], 0, Type::Text),
    Method::new("trim", Builtin::Trim, &[], 0, Type::Text),
    Method::new("reverse", Builtin::Reverse, &[], 0, Type::Text),
    Method::new("charAt", Builtin::CharAt, &[Type::Int], 1, Type::Text),
    Method::new("indexOf", Builtin::IndexOf, &[Type::Text, Type::Int], 1, Type::Int),
    Method::new("lastIndexOf", Builtin::LastIndexOf, &[Type::Text, Type::Int], 1, Type::Int),
    Method::new("substring", Builtin::Substring, &[Type::Int, Type::Int], 1, Type::Text),
    Method::new("replace", Builtin::Replace, &[Type::Text, Type::Text, Type::Int], 2, Type::Text),
    Method::new("split", Builtin::Concat, &[Type::Text, Type::Int], 1, Type::Text),
];

/// The part of a date or time that a method asks for.
fn calendar_part(name: &str) -> Option<CalendarPart> {
    CalendarPart::METHODS.iter().find(|(known, _)| *known == name).map(|(_, part)| *part)
}

impl Checker<'_> {
    /// `text.startsWith('x')` and the like.
    pub(super) fn method(&mut self, expr: &Expr, on: Typed, name: &str, args: &[Expr]) -> Checked {
        let function = match name {
            "startsWith" => Function2::StartsWith,
            "endsWith" => Function2::EndsWith,
            "contains" => Function2::Contains,
            "orElse" | "or_else" => return self.or_else(expr, on, name, args),
            "matches" => {
                let [pattern] = args else { return self.arguments(expr, name, 1, args) };
                return self.matches(expr, on, pattern);
            }
            _ => {
                if let Some(part) = calendar_part(name) {
                    return self.calendar(expr, on, (name, part), args);
                }
                if let Some(method) = OF_TEXTS.iter().find(|method| method.name == name) {
                    return self.of_text(expr, on, method, args);
                }
                return self.no_value_method(expr, on, name);
            }
        };
        let [part] = args else { return self.arguments(expr, name, 1, args) };
        let part = self.expect(part, &[Type::Text], "what is looked for");
        self.wants_text(expr, on, name);
        let node = Node::Function2(function, on.node, part.node);
        self.typed(node, Type::Bool, on.depends | part.depends)
    }

    fn or_else(&mut self, expr: &Expr, on: Typed, name: &str, args: &[Expr]) -> Checked {
        let [other] = args else { return self.arguments(expr, name, 1, args) };
        let other = self.value(other);
        let ty = if on.ty == Type::Null { other.ty } else { on.ty };
        if !(other.ty == ty || other.ty.compares_with(ty)) {
            let message = format!("`orElse` gives {} or {}", on.ty.noun(), other.ty.noun());
            let help = "both values are of one type";
            self.error("E205", &expr.span, message, "", Some(help));
        }
        let node = Node::Function2(Function2::OrElse, on.node, other.node);
        self.typed(node, ty, on.depends | other.depends)
    }

    fn no_value_method(&mut self, expr: &Expr, on: Typed, name: &str) -> Checked {
        let near = suggest(name, VALUE_METHODS.iter().map(|(known, _)| *known));
        let label = near.map_or_else(String::new, |near| format!("did you mean `{near}`?"));
        let message = format!("{} has no `{name}`", on.ty.noun());
        let names: Vec<&str> = value_methods(on.ty).map(|(known, _)| *known).collect();
        let help = format!("it has {}", names.join(", "));
        self.error("E202", &expr.mark, message, &label, Some(&help));
        Checked::Value(self.unknown())
    }

    fn wants_text(&mut self, expr: &Expr, on: Typed, name: &str) {
        if !matches!(on.ty, Type::Text | Type::Dynamic | Type::Unknown) {
            let message = format!("`{name}` works on strings, not on {}", on.ty.noun());
            let help = "make a string of it with `string(…)`, or compare it with `==` or `<`";
            self.error("E205", &expr.mark, message, "", Some(help));
        }
    }

    fn of_text(&mut self, expr: &Expr, on: Typed, method: &Method, args: &[Expr]) -> Checked {
        if !(method.needed..=method.takes.len()).contains(&args.len()) {
            return self.arguments(expr, method.name, method.needed, args);
        }
        self.wants_text(expr, on, method.name);
        let mut nodes = vec![on.node];
        let mut depends = on.depends;
        for (arg, wanted) in args.iter().zip(method.takes) {
            let what = match wanted {
                Type::Int => "a place or a number of times",
                _ => "the argument",
            };
            let typed = self.expect(arg, std::slice::from_ref(wanted), what);
            nodes.push(typed.node);
            depends |= typed.depends;
        }
        if method.name == "split" {
            return Checked::List(ListExpr {
                source: ListSource::Split(nodes[0], nodes[1], nodes.get(2).copied()),
                stages: Vec::new(),
                depends,
                mapped: false,
                item: ItemType::Value(Type::Text),
            });
        }
        self.typed(Node::Call(method.builtin.clone(), nodes.into()), method.gives, depends)
    }

    /// A function of one value, or of some, whose types were checked.
    pub(super) fn builtin(&mut self, builtin: Builtin, args: &[Typed], ty: Type) -> Checked {
        let depends = args.iter().fold(0, |all, arg| all | arg.depends);
        let nodes: Arc<[NodeId]> = args.iter().map(|arg| arg.node).collect();
        self.typed(Node::Call(builtin, nodes), ty, depends)
    }

    /// `text.matches('pattern')`: the pattern is compiled with the rule.
    pub(super) fn matches(&mut self, expr: &Expr, on: Typed, pattern: &Expr) -> Checked {
        self.wants_text(expr, on, "matches");
        let Tree::Text(text) = &pattern.node else {
            let help = "write the pattern itself: `text.matches('^A[0-9]+$')`";
            let message = "a pattern has to be written out";
            self.error("E209", &pattern.span, message, "", Some(help));
            return Checked::Value(self.unknown());
        };
        match Pattern::new(text) {
            Ok(pattern) => self.builtin(Builtin::Matches(pattern), &[on], Type::Bool),
            Err(wrong) => {
                let message = format!("this is not a pattern: {wrong}");
                let help =
                    "patterns are regular expressions in RE2's syntax; `\\\\.` is a dot itself";
                self.error("E208", &pattern.span, message, "", Some(help));
                Checked::Value(self.unknown())
            }
        }
    }

    /// `time.getHours()`, `time.getHours('Europe/Berlin')`, `duration.getHours()`.
    fn calendar(
        &mut self,
        expr: &Expr,
        on: Typed,
        (name, part): (&str, CalendarPart),
        args: &[Expr],
    ) -> Checked {
        let of_length = matches!(
            part,
            CalendarPart::Hours
                | CalendarPart::Minutes
                | CalendarPart::Seconds
                | CalendarPart::Milliseconds
        );
        match (on.ty, args) {
            (Type::Span, []) if of_length => self.builtin(Builtin::Length(part), &[on], Type::Int),
            (Type::Time | Type::Unknown, []) => {
                self.builtin(Builtin::Calendar(part, Zone::UTC), &[on], Type::Int)
            }
            (Type::Time | Type::Unknown, [zone]) => self.in_zone(on, part, zone, Type::Int),
            (Type::Time | Type::Span, _) => self.arguments(expr, name, 0, args),
            _ => {
                let also = if of_length { " and durations" } else { "" };
                let message =
                    format!("`{name}` works on timestamps{also}, not on {}", on.ty.noun());
                let help = "such as `event.time` or `now`";
                self.error("E205", &expr.mark, message, "", Some(help));
                Checked::Value(self.unknown())
            }
        }
    }

    /// A part of an instant in a zone that the argument names.
    pub(super) fn in_zone(
        &mut self,
        on: Typed,
        part: CalendarPart,
        zone: &Expr,
        ty: Type,
    ) -> Checked {
        let Tree::Text(name) = &zone.node else {
            let named = self.expect(zone, &[Type::Text], "a time zone");
            return self.builtin(Builtin::Calendar(part, Zone::Named), &[on, named], ty);
        };
        match Zone::parse(name) {
            Some(zone) => self.builtin(Builtin::Calendar(part, zone), &[on], ty),
            None => {
                let message = format!("there is no time zone `{name}`");
                let help = "write a name of the IANA database such as `'Europe/Berlin'`, `'UTC'`, \
                            or an offset such as `'+02:00'`";
                self.error("E208", &zone.span, message, "", Some(help));
                Checked::Value(self.unknown())
            }
        }
    }

    /// `a op b`, with texts compared by what they say where one may be made by the rule.
    pub(super) fn compared(&mut self, op: Comparison, a: Typed, b: Typed) -> NodeId {
        let textual = |typed: Typed| matches!(typed.ty, Type::Text | Type::Dynamic);
        let equality = matches!(op, Comparison::Equal | Comparison::NotEqual);
        let plain = equality && stored(self.program, a.node) && stored(self.program, b.node);
        if textual(a) && textual(b) && !plain {
            let nodes = Arc::from([a.node, b.node]);
            return self.program.add(Node::Call(Builtin::Compare(op), nodes));
        }
        self.program.add(Node::Compare(op, a.node, b.node))
    }
}

/// Whether its texts are all names of the data, of which equal ones are one symbol.
fn stored(program: &Program, node: NodeId) -> bool {
    matches!(
        program.node(node),
        Node::Constant(_)
            | Node::Event(_)
            | Node::Field(..)
            | Node::OfAlert(..)
            | Node::Profile(_)
            | Node::Attribute(_)
            | Node::Known(_)
            | Node::Lookup(..)
    )
}
