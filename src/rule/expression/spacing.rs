//! How is an expression spaced? One blank around operators and behind commas, none within brackets.
//!
//! ```text
//! size( orders )>=5&&recent<base-0.03   ──►   size(orders) >= 5 && recent < base - 0.03
//! ```
//!
//! Only blanks between words and signs are changed, and only within a line: how texts and numbers
//! are written, brackets that are not needed, comments and line breaks stay as their author has
//! them. So a change can be laid over any way of writing the expression in YAML.

use std::ops::Range;

use crate::rule::expression::parse;
use crate::rule::expression::token::Kind;
use crate::rule::expression::token::Tokens;

/// Blanks to change, in order: their place, what belongs there, and whether a colon is beside
/// them, which YAML may take for its own. None for a text that is not an expression.
pub fn spacing(text: &str) -> Vec<Gap> {
    let Ok(tree) = parse(text) else { return Vec::new() };
    let tokens = Tokens::read(text);
    let mut gaps = Vec::new();
    for index in 1..tokens.all.len() {
        let span = tokens.all[index - 1].span.end..tokens.all[index].span.start;
        let found = &text[span.clone()];
        if found.contains('\n') || found.contains("//") {
            continue;
        }
        let wanted = between(&tokens, index);
        if found != wanted {
            let colon = tokens.word(index - 1) == ":" || tokens.word(index) == ":";
            gaps.push(Gap { span, wanted, colon });
        }
    }
    // The reading of signs above is our own; the parser has the last word on whether it was right.
    if parse(&closed_up(text, &gaps)).as_ref() == Ok(&tree) { gaps } else { Vec::new() }
}

/// Places at which a chain of `&&` or `||` that is no part of anything else can go on in a new
/// line: before each of its signs, the blanks included.
pub fn breaks(text: &str) -> Vec<Range<usize>> {
    let tokens = Tokens::read(text);
    let (mut depth, mut or, mut and) = (0_usize, Vec::new(), Vec::new());
    for (index, token) in tokens.all.iter().enumerate().skip(1) {
        let blanks = tokens.all[index - 1].span.end..token.span.start;
        match (tokens.all[index - 1].kind, tokens.word(index)) {
            (Kind::Open, _) => depth += 1,
            (Kind::Close, _) => depth = depth.saturating_sub(1),
            _ => {}
        }
        match tokens.word(index) {
            "?" if depth == 0 => return Vec::new(),
            "||" if depth == 0 => or.push(blanks),
            "&&" if depth == 0 => and.push(blanks),
            _ => {}
        }
    }
    if or.is_empty() { and } else { or }
}

/// Blanks between two words or signs that are not as they should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Where they stand in the text; may be empty.
    pub span: Range<usize>,
    /// What belongs there.
    pub wanted: &'static str,
    /// Whether a colon is beside them.
    pub colon: bool,
}

fn closed_up(text: &str, gaps: &[Gap]) -> String {
    let (mut out, mut done) = (String::with_capacity(text.len()), 0);
    for gap in gaps {
        out.push_str(&text[done..gap.span.start]);
        out.push_str(gap.wanted);
        done = gap.span.end;
    }
    out + &text[done..]
}

/// What belongs before this token.
fn between(tokens: &Tokens<'_>, index: usize) -> &'static str {
    let (before, word) = (tokens.word(index - 1), tokens.word(index));
    let kind = tokens.all[index].kind;
    let opens_call = word == "(" && tokens.is_name(index - 1);
    let opens_index = word == "[" && tokens.ends_operand(index - 1);
    let signed = match before {
        "!" => true,
        "-" => !index.checked_sub(2).is_some_and(|first| tokens.ends_operand(first)),
        _ => false,
    };
    let tight = tokens.all[index - 1].kind == Kind::Open
        || kind == Kind::Close
        || matches!((before, word), (".", _) | (_, "." | ","))
        || opens_call
        || opens_index
        || signed
        || (word == ":" && is_entry(tokens, index));
    if tight { "" } else { " " }
}

/// Whether a colon stands in a table's entry, and not in `condition ? a : b`.
fn is_entry(tokens: &Tokens<'_>, colon: usize) -> bool {
    let at = tokens.all[colon].span.start;
    let Some(open) = tokens.enclosing(at).filter(|open| tokens.word(*open) == "{") else {
        return false;
    };
    // Going back, each `?` belongs to the nearest `:` behind it that has none yet.
    let mut waiting = 0_usize;
    for index in (open + 1..colon).rev() {
        if tokens.enclosing(tokens.all[index].span.start) != Some(open) {
            continue;
        }
        match (tokens.word(index), waiting) {
            (",", _) => break,
            ("?", 0) => return false,
            ("?", _) => waiting -= 1,
            (":", _) => waiting += 1,
            _ => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_spaced_in_one_way() {
        for (text, want) in [
            ("size( orders )>=5&&a<b-0.03", "size(orders) >= 5 && a < b - 0.03"),
            ("! a||- b<-1", "!a || -b < -1"),
            ("x  in[ 'a','b' ]", "x in ['a', 'b']"),
            ("{'a' :1,'b':c?2:3}[ x ]", "{'a': 1, 'b': c ? 2 : 3}[x]"),
            ("c ?a: b", "c ? a : b"),
            ("lines . last( '30d' ).sum(l,l.net)", "lines.last('30d').sum(l, l.net)"),
            ("(a+b)*- c", "(a + b) * -c"),
            ("a\n  &&b", "a\n  && b"),
            ("a  // why\n+b", "a  // why\n+ b"),
            ("'a  b'=='c'", "'a  b' == 'c'"),
            ("a && ", "a && "),
        ] {
            let spaced = closed_up(text, &spacing(text));
            assert_eq!(spaced, want);
            assert_eq!(spacing(&spaced), [], "{text}");
        }
    }

    #[test]
    fn a_chain_breaks_at_its_outermost_signs() {
        let parts = |text: &str| {
            let mut out = text.to_owned();
            for span in breaks(text).into_iter().rev() {
                out.replace_range(span, "|");
            }
            out
        };
        assert_eq!(parts("a && (b && c) && f(d && e)"), "a|&& (b && c)|&& f(d && e)");
        assert_eq!(parts("a && b || c"), "a && b||| c");
        assert_eq!(parts("a && b ? c : d"), "a && b ? c : d");
    }
}
