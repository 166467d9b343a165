//! Operators: what may stand on their two sides, and what comes of it.

use std::sync::Arc;

use crate::money::Decimal;
use crate::rule::check::Checked;
use crate::rule::check::Checker;
use crate::rule::check::ListExpr;
use crate::rule::check::ListSource;
use crate::rule::check::Typed;
use crate::rule::check::list::never_in;
use crate::rule::expression::BinaryOp;
use crate::rule::expression::Expr;
use crate::rule::expression::UnaryOp;
use crate::rule::vocabulary::ItemType;
use crate::rule::vocabulary::Type;
use crate::state::builtin::Builtin;
use crate::state::program::Node;
use crate::state::program::NodeId;
use crate::state::value;
use crate::state::value::Arithmetic;
use crate::state::value::Comparison;
use crate::state::value::Value;

impl Checker<'_> {
    pub(super) fn unary(&mut self, expr: &Expr, op: UnaryOp, a: &Expr) -> Checked {
        match op {
            UnaryOp::Not => {
                let a = self.expect(a, &[Type::Bool], "what `!` turns round");
                self.typed(Node::Not(a.node), Type::Bool, a.depends)
            }
            UnaryOp::Negate => {
                let a = self.value(a);
                let fits = a.ty.is_number() || matches!(a.ty, Type::Money | Type::Span);
                if !fits {
                    let message = format!("{} has no negative", a.ty.noun());
                    let help =
                        "`-` stands before numbers, money and durations; `!` turns a bool round";
                    self.error("E205", &expr.span, message, "", Some(help));
                }
                match self.constant_of(a) {
                    Some(Value::Int(int)) if int != i64::MIN => {
                        self.constant(Value::Int(-int), Type::Int)
                    }
                    Some(Value::Double(double)) => {
                        self.constant(Value::Double(-double), Type::Double)
                    }
                    _ => self.typed(Node::Negate(a.node), a.ty, a.depends),
                }
            }
        }
    }

    pub(super) fn binary(&mut self, expr: &Expr, op: BinaryOp, a: &Expr, b: &Expr) -> Checked {
        let comparison = match op {
            BinaryOp::And | BinaryOp::Or => {
                let a = self.expect(a, &[Type::Bool], "each side of `&&` and `||`");
                let b = self.expect(b, &[Type::Bool], "each side of `&&` and `||`");
                let depends = a.depends | b.depends;
                let node = if op == BinaryOp::And {
                    Node::And(a.node, b.node)
                } else {
                    Node::Or(a.node, b.node)
                };
                return self.typed(node, Type::Bool, depends);
            }
            BinaryOp::In => return self.membership(expr, a, b),
            BinaryOp::Add => return self.arithmetic(expr, Arithmetic::Add, a, b),
            BinaryOp::Subtract => return self.arithmetic(expr, Arithmetic::Subtract, a, b),
            BinaryOp::Multiply => return self.arithmetic(expr, Arithmetic::Multiply, a, b),
            BinaryOp::Divide => return self.arithmetic(expr, Arithmetic::Divide, a, b),
            BinaryOp::Modulo => return self.arithmetic(expr, Arithmetic::Modulo, a, b),
            BinaryOp::Equal => Comparison::Equal,
            BinaryOp::NotEqual => Comparison::NotEqual,
            BinaryOp::Less => Comparison::Less,
            BinaryOp::LessEqual => Comparison::LessOrEqual,
            BinaryOp::Greater => Comparison::Greater,
            BinaryOp::GreaterEqual => Comparison::GreaterOrEqual,
        };
        let (a, b) = (self.value(a), self.value(b));
        let equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        let with_null = a.ty == Type::Null || b.ty == Type::Null;
        if !(a.ty.compares_with(b.ty) || (equality && with_null)) {
            let message = format!("{} cannot be compared with {}", a.ty.noun(), b.ty.noun());
            let help = match (a.ty, b.ty) {
                (Type::Null, _) | (_, Type::Null) => Some(
                    "null has no order: test it with `== null`, or give it a value with `orElse`",
                ),
                (Type::Span, Type::Text) | (Type::Text, Type::Span) => {
                    Some("write a length of time as `duration('30d')`")
                }
                (Type::Time, Type::Text) | (Type::Text, Type::Time) => {
                    Some("write an instant as `timestamp('2025-01-01T00:00:00Z')`")
                }
                (Type::Text, Type::Int) | (Type::Int, Type::Text) => {
                    Some("ids and categories are strings: put quotes around the number")
                }
                _ => None,
            };
            self.error("E205", &expr.span, message, "", help);
        }
        let (left, right) = (self.in_unit_of(b, a), self.in_unit_of(a, b));
        let (a, b) = (Typed { node: left, ..a }, Typed { node: right, ..b });
        let node = self.compared(comparison, a, b);
        Checked::Value(Typed { node, ty: Type::Bool, depends: a.depends | b.depends })
    }

    /// A number that is written out and compared with money is money: exact, and compared at once.
    fn in_unit_of(&mut self, other: Typed, number: Typed) -> NodeId {
        let written = match self.constant_of(number) {
            Some(Value::Int(_) | Value::Double(_)) if other.ty == Type::Money => number.node,
            _ => return number.node,
        };
        let plain = match self.program.node(written) {
            Node::Constant(value) => value.number().ok(),
            _ => None,
        };
        let amount = plain.and_then(|plain| {
            let amount = Decimal::from_f64(plain).ok()?;
            // A number finer than money's last place stays what it is.
            (amount.to_f64().to_bits() == plain.to_bits()).then_some(amount)
        });
        match amount {
            Some(amount) => self.program.add(Node::Constant(Value::Money(amount))),
            None => number.node,
        }
    }

    fn arithmetic(&mut self, expr: &Expr, op: Arithmetic, a: &Expr, b: &Expr) -> Checked {
        let (left, right) = (self.check(a), self.check(b));
        if op == Arithmetic::Add
            && let (Checked::List(left), Checked::List(right)) = (&left, &right)
            && let Some(both) = concatenated(left, right)
        {
            return Checked::List(both);
        }
        let (a, b) = (self.single(a, left), self.single(b, right));
        let Some(ty) = a.ty.arithmetic(op, b.ty) else {
            let help = match (a.ty, b.ty) {
                (Type::Money, Type::Int | Type::Double)
                | (Type::Int | Type::Double, Type::Money) => Some(
                    "turn the number into money with `amount(…)`, or money into a number with `double(…)`",
                ),
                (Type::Money, Type::Money) => {
                    Some("money times money is no amount: one of them is a number")
                }
                (Type::Time | Type::Span, Type::Text | Type::Int | Type::Double) => {
                    Some("write a length of time as `duration('30d')`")
                }
                (Type::Text, _) | (_, Type::Text) if op == Arithmetic::Add => {
                    Some("make a string of the other side with `string(…)`")
                }
                _ => None,
            };
            let message =
                format!("`{}` does not take {} and {}", sign(op), a.ty.noun(), b.ty.noun());
            self.error("E205", &expr.span, message, "", help);
            return Checked::Value(self.unknown());
        };
        if ty == Type::Text {
            return self.builtin(Builtin::Concat, &[a, b], ty);
        }
        if ty != Type::Unknown
            && let (Some(x), Some(y)) = (self.constant_of(a), self.constant_of(b))
        {
            match value::arithmetic(op, x, y) {
                Ok(value) => return self.constant(value, ty),
                Err(fault) => {
                    let help = "both sides are constants: write what is meant";
                    self.error("E206", &expr.span, fault.to_string(), "", Some(help));
                }
            }
        }
        self.typed(Node::Arithmetic(op, a.node, b.node), ty, a.depends | b.depends)
    }

    pub(super) fn conditional(&mut self, expr: &Expr, a: &Expr, b: &Expr, c: &Expr) -> Checked {
        let a = self.expect(a, &[Type::Bool], "the condition before `?`");
        let (b, c) = (self.value(b), self.value(c));
        let ty = match (b.ty, c.ty) {
            (one, other) if one == other => one,
            (Type::Unknown, _) | (_, Type::Unknown) => Type::Unknown,
            (Type::Null, other) | (other, Type::Null) => other,
            (one, other) if one.is_number() && other.is_number() => Type::Double,
            (one, other) => {
                let message = format!("one branch is {}, the other {}", one.noun(), other.noun());
                self.error("E204", &expr.span, message, "", Some("make both the same"));
                Type::Unknown
            }
        };
        let node = Node::Conditional(a.node, b.node, c.node);
        self.typed(node, ty, a.depends | b.depends | c.depends)
    }

    fn membership(&mut self, expr: &Expr, a: &Expr, b: &Expr) -> Checked {
        match self.check(b) {
            Checked::List(ListExpr {
                source: ListSource::Values(values), stages, item, ..
            }) if stages.is_empty() => {
                let needle = self.value(a);
                if let ItemType::Value(ty) = item
                    && !needle.ty.compares_with(ty)
                {
                    let message = never_in(needle.ty, ty);
                    self.error("E205", &a.span, message, "", Some("compare values of one type"));
                }
                self.typed(Node::In(needle.node, values), Type::Bool, needle.depends)
            }
            Checked::List(list) if matches!(list.item, ItemType::Value(_)) => {
                self.contains(expr, &list, a)
            }
            Checked::Table(pairs, _) => {
                let needle = self.value(a);
                let keys: Arc<[Value]> = pairs.iter().map(|(key, _)| *key).collect();
                self.typed(Node::In(needle.node, keys), Type::Bool, needle.depends)
            }
            Checked::Value(typed) if typed.ty == Type::Unknown => {
                self.value(a);
                Checked::Value(typed)
            }
            _ => {
                let help = "write `x in ['a', 'b']`, `x in lines.last('30d').map(l, l.category)`, \
                            or `.exists(y, y.category == x)` on a list";
                self.error("E204", &b.span, "`in` needs a list of values", "", Some(help));
                Checked::Value(self.unknown())
            }
        }
    }
}

/// `['a'] + ['b']`: lists that are written out, one behind the other.
fn concatenated(left: &ListExpr, right: &ListExpr) -> Option<ListExpr> {
    let (ListSource::Values(a), ListSource::Values(b)) = (&left.source, &right.source) else {
        return None;
    };
    let (ItemType::Value(one), ItemType::Value(other)) = (left.item, right.item) else {
        return None;
    };
    let plain = left.stages.is_empty() && right.stages.is_empty();
    let alike = one == Type::Unknown || other == Type::Unknown || one.compares_with(other);
    (plain && alike).then(|| ListExpr {
        source: ListSource::Values(a.iter().chain(b.iter()).copied().collect()),
        item: if one == Type::Unknown { right.item } else { left.item },
        ..left.clone()
    })
}

fn sign(op: Arithmetic) -> char {
    match op {
        Arithmetic::Add => '+',
        Arithmetic::Subtract => '-',
        Arithmetic::Multiply => '*',
        Arithmetic::Divide => '/',
        Arithmetic::Modulo => '%',
    }
}
