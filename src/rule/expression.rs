//! What does an expression say? CEL text becomes a tree in which every node knows its place.
//!
//! ```text
//! event.topic == 'car'          Binary(==)            0..20, mark 12..14
//!                               ├─ Select(topic)      0..11, mark 6..11
//!                               │  └─ Ident(event)    0..5
//!                               └─ Text(car)          15..20
//! ```
//!
//! The grammar is that of the `cel` crate, without macros: `exists`, `map`, `filter` stay calls,
//! since here they are list operations that the planner makes incremental. The crate gives one
//! token per node; the token table of [`token`] makes whole spans of them, brackets included.
//! What it refuses, [`slip`] puts into words for authors.

mod convert;
mod print;
mod slip;
mod spacing;
pub(in crate::rule) mod token;

use std::ops::Range;

pub use self::spacing::Gap;
pub use self::spacing::breaks;
pub use self::spacing::spacing;
use self::token::Tokens;

/// Most characters in one expression.
pub const CHARS_MAX: usize = 10_000;

/// Deepest nesting of an expression: brackets, and operators that build on each other.
pub const DEPTH_MAX: usize = 96;

/// One node with its place. Two are equal when they say the same, wherever they stand.
#[derive(Debug, Clone)]
pub struct Expr {
    /// The bytes it covers, its sub-expressions included, brackets around it not.
    pub span: Range<usize>,
    /// The part of it to point at: name of the field or function, operator; else all of it.
    pub mark: Range<usize>,
    /// What it says.
    pub node: Node,
}

/// What one node says.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// `5`, `-5`, `0x1F`.
    Int(i64),
    /// `5u`.
    Uint(u64),
    /// `0.05`, `1e6`; never NaN or infinite.
    Double(f64),
    /// `'30d'`.
    Text(String),
    /// `event`, `baseline`.
    Ident(String),
    /// `event.topic`.
    Select(Box<Expr>, String),
    /// `list[0]`, `map['key']`.
    Index(Box<Expr>, Box<Expr>),
    /// `size(orders)`, `lines.last('30d')`, `lines.exists(l, l.net > 0)`.
    Call {
        /// Name of the function or list operation.
        name: String,
        /// What stands before the dot.
        target: Option<Box<Expr>>,
        /// What stands in the brackets.
        args: Vec<Expr>,
    },
    /// `!a`, `-a`.
    Unary(UnaryOp, Box<Expr>),
    /// `a + b`; a chain leans to the left.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `condition ? then : otherwise`.
    Conditional(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `['a', 'b']`.
    List(Vec<Expr>),
    /// `{'a': 1}`.
    Map(Vec<(Expr, Expr)>),
    /// `has(event.topic)`.
    Has(Box<Expr>, String),
}

/// An operator before its operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `!`
    Not,
    /// `-`
    Negate,
}

/// An operator between its operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `||`
    Or,
    /// `&&`
    And,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `in`
    In,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
}

/// Why a text is not an expression, in the author's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// Which explanation belongs to it.
    pub code: &'static str,
    /// The bytes of the expression that are wrong.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What stands under the carets; may be empty.
    pub label: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

impl BinaryOp {
    /// Every operator with its sign and how tightly it binds.
    const ALL: [(Self, &'static str, u8); 14] = [
        (Self::Or, "||", 1),
        (Self::And, "&&", 2),
        (Self::Equal, "==", 3),
        (Self::NotEqual, "!=", 3),
        (Self::Less, "<", 3),
        (Self::LessEqual, "<=", 3),
        (Self::Greater, ">", 3),
        (Self::GreaterEqual, ">=", 3),
        (Self::In, "in", 3),
        (Self::Add, "+", 4),
        (Self::Subtract, "-", 4),
        (Self::Multiply, "*", 5),
        (Self::Divide, "/", 5),
        (Self::Modulo, "%", 5),
    ];

    /// The sign as authors write it.
    pub fn sign(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// How tightly it binds, from 1 (`||`) to 5 (`*`).
    fn strength(self) -> u8 {
        Self::ALL[self as usize].2
    }

    /// The operator of a sign.
    fn from_sign(sign: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, s, _)| *s == sign).map(|(op, _, _)| *op)
    }

    /// Whether it yields true or false from two comparable values.
    pub fn is_comparison(self) -> bool {
        self.strength() == 3 && self != Self::In
    }
}

impl UnaryOp {
    /// The sign as authors write it.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Not => "!",
            Self::Negate => "-",
        }
    }
}

impl ExpressionError {
    fn new(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { code, span, message: message.into(), label: String::new(), help: None }
    }

    fn label(self, label: impl Into<String>) -> Self {
        Self { label: label.into(), ..self }
    }

    fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

impl Expr {
    /// Every node below and including this one, the outer before the inner.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        visit(self);
        for child in self.children() {
            child.walk(visit);
        }
    }

    /// The direct sub-expressions, in the order of the text.
    pub fn children(&self) -> Vec<&Self> {
        match &self.node {
            Node::Null
            | Node::Bool(_)
            | Node::Int(_)
            | Node::Uint(_)
            | Node::Double(_)
            | Node::Text(_)
            | Node::Ident(_) => Vec::new(),
            Node::Select(of, _) | Node::Has(of, _) | Node::Unary(_, of) => vec![of],
            Node::Index(a, b) | Node::Binary(_, a, b) => vec![a, b],
            Node::Conditional(a, b, c) => vec![a, b, c],
            Node::Call { target, args, .. } => target.as_deref().into_iter().chain(args).collect(),
            Node::List(items) => items.iter().collect(),
            Node::Map(entries) => entries.iter().flat_map(|(k, v)| [k, v]).collect(),
        }
    }

    /// The same tree with every place put through `place`: from a place in the expression to one
    /// in its file.
    #[must_use]
    pub fn placed(mut self, place: &impl Fn(&Range<usize>) -> Range<usize>) -> Self {
        self.place(place);
        self
    }

    fn place(&mut self, place: &impl Fn(&Range<usize>) -> Range<usize>) {
        self.span = place(&self.span);
        self.mark = place(&self.mark);
        match &mut self.node {
            Node::Null
            | Node::Bool(_)
            | Node::Int(_)
            | Node::Uint(_)
            | Node::Double(_)
            | Node::Text(_)
            | Node::Ident(_) => {}
            Node::Select(of, _) | Node::Has(of, _) | Node::Unary(_, of) => of.place(place),
            Node::Index(a, b) | Node::Binary(_, a, b) => {
                a.place(place);
                b.place(place);
            }
            Node::Conditional(a, b, c) => {
                a.place(place);
                b.place(place);
                c.place(place);
            }
            Node::Call { target, args, .. } => {
                for child in target.as_deref_mut().into_iter().chain(args) {
                    child.place(place);
                }
            }
            Node::List(items) => items.iter_mut().for_each(|i| i.place(place)),
            Node::Map(entries) => entries.iter_mut().for_each(|(k, v)| {
                k.place(place);
                v.place(place);
            }),
        }
    }
}

/// Parses one expression; its places count from the start of `text`.
pub fn parse(text: &str) -> Result<Expr, ExpressionError> {
    if text.trim().is_empty() {
        return Err(slip::empty(text));
    }
    if text.chars().count() > CHARS_MAX {
        return Err(slip::too_long(text));
    }
    let tokens = Tokens::read(text);
    if let Some(at) = tokens.too_deep(DEPTH_MAX) {
        return Err(slip::too_deep(at));
    }
    match cel::Env::default().parser().parse_with_source_info(text) {
        Ok((tree, places)) => convert::convert(&tree, &places, text, &tokens),
        Err(errors) => Err(slip::explain(text, &tokens, &errors.errors)),
    }
}

#[cfg(test)]
mod tests;
