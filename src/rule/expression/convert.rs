//! How does the parser's tree become ours?
//!
//! The parser numbers its nodes and gives the bytes of *one* token for each, with an inclusive end:
//!
//! ```text
//! (a + b) * lines.last(5)     `*` 8..=8, the call 20..=20 (its bracket)
//! └──┬──┘   └─────┬─────┘
//!    operand      operand     so `*` covers 0..23, and is marked 8..9
//! ```
//!
//! A node covers its token and its operands with the brackets around them; the partner of an
//! opening bracket ends it. Chains of `&&` and `||`, which the parser balances, lean to the left.

use std::ops::Range;

use cel::common::ast::CallExpr;
use cel::common::ast::EntryExpr;
use cel::common::ast::Expr as CelExpr;
use cel::common::ast::IdedExpr;
use cel::common::ast::LiteralValue;
use cel::common::ast::SelectExpr;
use cel::common::ast::SourceInfo;
use cel::common::ast::operators;

use crate::rule::expression::BinaryOp;
use crate::rule::expression::DEPTH_MAX;
use crate::rule::expression::Expr;
use crate::rule::expression::ExpressionError;
use crate::rule::expression::Node;
use crate::rule::expression::UnaryOp;
use crate::rule::expression::slip;
use crate::rule::expression::token::Tokens;

/// What the conversion looks at.
struct Source<'a> {
    text: &'a str,
    tokens: &'a Tokens<'a>,
    places: &'a SourceInfo,
}

/// A run of `&&` or of `||` between the same two brackets.
struct Chain<'a> {
    /// The parser's name of the operator.
    name: &'a str,
    /// The bracket it stands in.
    inside: Option<usize>,
    depth: usize,
}

/// Our tree for the parser's.
pub(super) fn convert(
    tree: &IdedExpr,
    places: &SourceInfo,
    text: &str,
    tokens: &Tokens<'_>,
) -> Result<Expr, ExpressionError> {
    Source { text, tokens, places }.expr(tree, 0)
}

impl Source<'_> {
    /// The bytes of a node's own token.
    fn token(&self, id: u64) -> Range<usize> {
        let whole = 0..self.text.len();
        let Some((start, last)) = self.places.offset_for(id) else { return whole };
        let (Ok(start), Ok(last)) = (usize::try_from(start), usize::try_from(last)) else {
            return whole;
        };
        // The end is that of the last character, which may have several bytes.
        let end = self.text.ceil_char_boundary(last + 1);
        if start <= end && self.text.is_char_boundary(start) { start..end } else { whole }
    }

    /// The span of an operand as its parent sees it: with the brackets around it.
    fn outer(&self, expr: &Expr) -> Range<usize> {
        self.tokens.with_brackets(&expr.span)
    }

    /// From the token to its closing partner.
    fn bracketed(&self, open: &Range<usize>) -> Range<usize> {
        let close = self.tokens.starting(open.start).and_then(|i| self.tokens.all[i].partner);
        open.start..close.map_or(open.end, |close| self.tokens.all[close].span.end)
    }

    /// The word before a place, if it stands right before it.
    fn word_before(&self, byte: usize) -> Option<Range<usize>> {
        let index = self.tokens.all.partition_point(|t| t.span.end <= byte).checked_sub(1)?;
        self.tokens.is_name(index).then(|| self.tokens.all[index].span.clone())
    }

    /// The token behind a place.
    fn token_after(&self, byte: usize) -> Range<usize> {
        let index = self.tokens.all.partition_point(|t| t.span.start < byte);
        self.tokens.all.get(index).map_or(byte..byte, |token| token.span.clone())
    }

    fn expr(&self, tree: &IdedExpr, depth: usize) -> Result<Expr, ExpressionError> {
        let token = self.token(tree.id);
        if depth > DEPTH_MAX {
            return Err(slip::too_deep(token));
        }
        let depth = depth + 1;
        match &tree.expr {
            CelExpr::Literal(literal) => self.literal(literal, token),
            CelExpr::Ident(name) if name.starts_with('.') => {
                Err(slip::foreign(token, "a name does not start with a dot"))
            }
            CelExpr::Ident(name) => Ok(whole(token, Node::Ident(name.clone()))),
            CelExpr::Select(select) => self.select(select, &token, depth),
            CelExpr::Call(call) => self.call(call, token, depth),
            CelExpr::List(list) if list.optional_indices.is_empty() => {
                let items = self.all(&list.elements, depth)?;
                Ok(whole(self.bracketed(&token), Node::List(items)))
            }
            CelExpr::Map(map) => {
                let mut entries = Vec::with_capacity(map.entries.len());
                for entry in &map.entries {
                    match &entry.expr {
                        EntryExpr::MapEntry(entry) if !entry.optional => entries
                            .push((self.expr(&entry.key, depth)?, self.expr(&entry.value, depth)?)),
                        _ => return Err(slip::foreign(token, "optional entries are not known")),
                    }
                }
                Ok(whole(self.bracketed(&token), Node::Map(entries)))
            }
            CelExpr::Struct(_) => Err(slip::foreign(token, "rules make no objects")),
            CelExpr::List(_) | CelExpr::Comprehension(_) | CelExpr::Unspecified => {
                Err(slip::foreign(token, "this part of CEL is not known to rules"))
            }
        }
    }

    fn all(&self, trees: &[IdedExpr], depth: usize) -> Result<Vec<Expr>, ExpressionError> {
        trees.iter().map(|tree| self.expr(tree, depth)).collect()
    }

    fn literal(
        &self,
        literal: &LiteralValue,
        token: Range<usize>,
    ) -> Result<Expr, ExpressionError> {
        let node = match literal {
            LiteralValue::Null => Node::Null,
            LiteralValue::Boolean(value) => Node::Bool(*value.inner()),
            LiteralValue::Int(value) => Node::Int(*value.inner()),
            LiteralValue::UInt(value) => Node::Uint(*value.inner()),
            LiteralValue::Double(value) => Node::Double(*value.inner()),
            LiteralValue::String(value) => Node::Text(value.inner().to_owned()),
            LiteralValue::Bytes(_) => {
                return Err(slip::foreign(token, "bytes are not known to rules"));
            }
        };
        let negative = match &node {
            Node::Int(value) => *value < 0,
            Node::Double(value) => value.is_sign_negative(),
            _ => false,
        };
        // The parser makes one node of `-5`, but gives the place of the digits.
        let sign = self.tokens.starting(token.start).and_then(|index| index.checked_sub(1));
        let span = match sign {
            Some(sign) if negative && self.tokens.word(sign) == "-" => {
                self.tokens.all[sign].span.start..token.end
            }
            _ => token,
        };
        Ok(whole(span, node))
    }

    fn select(
        &self,
        select: &SelectExpr,
        dot: &Range<usize>,
        depth: usize,
    ) -> Result<Expr, ExpressionError> {
        let of = self.expr(&select.operand, depth)?;
        let mark = self.token_after(dot.end);
        let span = self.outer(&of).start..mark.end;
        Ok(Expr { span, mark, node: Node::Select(Box::new(of), select.field.clone()) })
    }

    fn call(
        &self,
        call: &CallExpr,
        token: Range<usize>,
        depth: usize,
    ) -> Result<Expr, ExpressionError> {
        let name = call.func_name.as_str();
        if name == operators::LOGICAL_AND || name == operators::LOGICAL_OR {
            return self.chain(call, token, depth);
        }
        let args = self.all(&call.args, depth)?;
        if let Some(op) = binary(name)
            && args.len() == 2
        {
            return Ok(self.binary(op, args, token));
        }
        match (name, <[Expr; 1]>::try_from(args)) {
            (operators::LOGICAL_NOT, Ok([of])) => Ok(self.unary(UnaryOp::Not, of, token)),
            (operators::NEGATE, Ok([of])) => Ok(self.unary(UnaryOp::Negate, of, token)),
            (operators::HAS, Ok([of])) if call.target.is_none() => self.has(of, &token),
            (_, Ok([of])) => self.named(call, vec![of], token, depth),
            (operators::CONDITIONAL, Err(args)) => match <[Expr; 3]>::try_from(args) {
                Ok([a, b, c]) => {
                    let span = self.outer(&a).start..self.outer(&c).end;
                    let node = Node::Conditional(Box::new(a), Box::new(b), Box::new(c));
                    Ok(Expr { span, mark: token, node })
                }
                Err(_) => Err(slip::foreign(token, "this condition is not whole")),
            },
            (operators::INDEX, Err(args)) => match <[Expr; 2]>::try_from(args) {
                Ok([of, key]) => {
                    let brackets = self.bracketed(&token);
                    let span = self.outer(&of).start..brackets.end;
                    let node = Node::Index(Box::new(of), Box::new(key));
                    Ok(Expr { span, mark: brackets, node })
                }
                Err(_) => Err(slip::foreign(token, "this index is not whole")),
            },
            (_, Err(args)) => self.named(call, args, token, depth),
        }
    }

    fn unary(&self, op: UnaryOp, of: Expr, token: Range<usize>) -> Expr {
        let span = token.start..self.outer(&of).end;
        match (op, &of.node) {
            // `-(5)` is the number that it is printed as.
            (UnaryOp::Negate, Node::Int(value)) if value.checked_neg().is_some() => {
                let node = Node::Int(-*value);
                whole(span, node)
            }
            (UnaryOp::Negate, Node::Double(value)) => {
                let node = Node::Double(-*value);
                whole(span, node)
            }
            _ => Expr { span, mark: token, node: Node::Unary(op, Box::new(of)) },
        }
    }

    fn binary(&self, op: BinaryOp, args: Vec<Expr>, token: Range<usize>) -> Expr {
        let mut spans = args.iter().map(|arg| self.outer(arg));
        let start = spans.next().map_or(token.start, |span| span.start);
        let end = spans.next().map_or(token.end, |span| span.end);
        let mut args = args.into_iter().map(Box::new);
        match (args.next(), args.next()) {
            (Some(left), Some(right)) => {
                Expr { span: start..end, mark: token, node: Node::Binary(op, left, right) }
            }
            _ => whole(token, Node::Null),
        }
    }

    /// `a && b && c`, which the parser gives as a balanced tree.
    fn chain(
        &self,
        call: &CallExpr,
        token: Range<usize>,
        depth: usize,
    ) -> Result<Expr, ExpressionError> {
        let op =
            if call.func_name == operators::LOGICAL_AND { BinaryOp::And } else { BinaryOp::Or };
        let inside = self.tokens.enclosing(token.start);
        let chain = Chain { name: &call.func_name, inside, depth };
        let mut terms = Vec::new();
        for (index, arg) in call.args.iter().enumerate() {
            let mark = if index == 0 { 0..0 } else { token.clone() };
            self.terms(arg, mark, &chain, &mut terms)?;
        }
        let mut terms = terms.into_iter();
        let Some((first, _)) = terms.next() else {
            return Err(slip::foreign(token, "this condition is not whole"));
        };
        Ok(terms.fold(first, |left, (right, mark)| self.binary(op, vec![left, right], mark)))
    }

    /// The terms of a chain, each with the operator before it. A term in brackets is one term.
    fn terms(
        &self,
        tree: &IdedExpr,
        mark: Range<usize>,
        chain: &Chain<'_>,
        terms: &mut Vec<(Expr, Range<usize>)>,
    ) -> Result<(), ExpressionError> {
        let token = self.token(tree.id);
        match &tree.expr {
            CelExpr::Call(call)
                if call.func_name == chain.name
                    && self.tokens.enclosing(token.start) == chain.inside =>
            {
                for (index, arg) in call.args.iter().enumerate() {
                    let mark = if index == 0 { mark.clone() } else { token.clone() };
                    self.terms(arg, mark, chain, terms)?;
                }
            }
            _ => terms.push((self.expr(tree, chain.depth)?, mark)),
        }
        Ok(())
    }

    fn has(&self, of: Expr, bracket: &Range<usize>) -> Result<Expr, ExpressionError> {
        let brackets = self.bracketed(bracket);
        let start = self.word_before(bracket.start).map_or(brackets.start, |word| word.start);
        let span = start..brackets.end;
        match of.node {
            Node::Select(inner, field) => {
                Ok(Expr { span, mark: of.mark, node: Node::Has(inner, field) })
            }
            _ => Err(slip::has_needs_field(of.span)),
        }
    }

    /// `f(a)`, `a.f(b)`.
    fn named(
        &self,
        call: &CallExpr,
        args: Vec<Expr>,
        bracket: Range<usize>,
        depth: usize,
    ) -> Result<Expr, ExpressionError> {
        let name = call.func_name.as_str();
        if name.starts_with(['_', '@', '.', '!', '-']) && !self.text.contains(name) {
            return Err(slip::foreign(bracket, "optional fields (`.?`) are not known to rules"));
        }
        let target = match &call.target {
            Some(target) => Some(Box::new(self.expr(target, depth)?)),
            None => None,
        };
        let mark = self.word_before(bracket.start).unwrap_or_else(|| bracket.clone());
        let start = target.as_ref().map_or(mark.start, |target| self.outer(target).start);
        let span = start..self.bracketed(&bracket).end;
        Ok(Expr { span, mark, node: Node::Call { name: name.to_owned(), target, args } })
    }
}

/// A node that is marked as a whole.
fn whole(span: Range<usize>, node: Node) -> Expr {
    Expr { mark: span.clone(), span, node }
}

/// The operator behind the parser's name for it: `_+_`, `@in`.
fn binary(name: &str) -> Option<BinaryOp> {
    match name {
        operators::IN => Some(BinaryOp::In),
        _ => BinaryOp::from_sign(name.strip_prefix('_')?.strip_suffix('_')?),
    }
}
