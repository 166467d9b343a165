//! How is a tree written? In one way only, so that equal trees give equal texts.
//!
//! The text is the key under which the planner finds that two rules share a sub-expression, and
//! what `explain` shows. Reading it back gives the same tree:
//!
//! ```text
//! ((a+b))*"x".size()   ──►   (a + b) * 'x'.size()   ──►   the same tree
//! ```

use std::fmt;
use std::fmt::Write;

use crate::rule::expression::BinaryOp;
use crate::rule::expression::Expr;
use crate::rule::expression::Node;

/// How tightly the two tightest kinds bind; below them stand `BinaryOp::strength` and `?:` (0).
const UNARY: u8 = 6;
const MEMBER: u8 = 7;

impl Expr {
    /// The one text of this tree.
    pub fn to_text(&self) -> String {
        self.to_string()
    }

    fn strength(&self) -> u8 {
        match &self.node {
            Node::Conditional(..) => 0,
            Node::Binary(op, ..) => op.strength(),
            Node::Unary(..) => UNARY,
            Node::Int(number) if *number < 0 => UNARY,
            Node::Double(number) if number.is_sign_negative() => UNARY,
            _ => MEMBER,
        }
    }

    /// In brackets where it binds less tightly than its place asks.
    fn write_at(&self, f: &mut fmt::Formatter<'_>, strength: u8) -> fmt::Result {
        if self.strength() < strength { write!(f, "({self})") } else { write!(f, "{self}") }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Node::Null => f.write_str("null"),
            Node::Bool(value) => write!(f, "{value}"),
            Node::Int(value) => write!(f, "{value}"),
            Node::Uint(value) => write!(f, "{value}u"),
            Node::Double(value) => write!(f, "{value:?}"),
            Node::Text(text) => write_text(f, text),
            Node::Ident(name) => f.write_str(name),
            Node::Select(of, field) => {
                of.write_at(f, MEMBER)?;
                write!(f, ".{field}")
            }
            Node::Index(of, key) => {
                of.write_at(f, MEMBER)?;
                write!(f, "[{key}]")
            }
            Node::Call { name, target, args } => {
                if let Some(target) = target {
                    target.write_at(f, MEMBER)?;
                    f.write_char('.')?;
                }
                write!(f, "{name}(")?;
                write_list(f, args)?;
                f.write_char(')')
            }
            Node::Unary(op, of) => {
                f.write_str(op.sign())?;
                of.write_at(f, MEMBER)
            }
            Node::Binary(op, left, right) => write_binary(f, *op, left, right),
            Node::Conditional(condition, then, otherwise) => {
                condition.write_at(f, 1)?;
                f.write_str(" ? ")?;
                then.write_at(f, 1)?;
                write!(f, " : {otherwise}")
            }
            Node::List(items) => {
                f.write_char('[')?;
                write_list(f, items)?;
                f.write_char(']')
            }
            Node::Map(entries) => {
                f.write_char('{')?;
                for (index, (key, value)) in entries.iter().enumerate() {
                    write!(f, "{}{key}: {value}", if index > 0 { ", " } else { "" })?;
                }
                f.write_char('}')
            }
            Node::Has(of, field) => {
                f.write_str("has(")?;
                of.write_at(f, MEMBER)?;
                write!(f, ".{field})")
            }
        }
    }
}

/// A chain leans to the left, so only its right operand needs brackets at equal strength.
fn write_binary(
    f: &mut fmt::Formatter<'_>,
    op: BinaryOp,
    left: &Expr,
    right: &Expr,
) -> fmt::Result {
    left.write_at(f, op.strength())?;
    write!(f, " {} ", op.sign())?;
    right.write_at(f, op.strength() + 1)
}

fn write_list(f: &mut fmt::Formatter<'_>, items: &[Expr]) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        write!(f, "{}{item}", if index > 0 { ", " } else { "" })?;
    }
    Ok(())
}

fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('\'')?;
    for c in text.chars() {
        match c {
            '\'' => f.write_str("\\'")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('\'')
}
