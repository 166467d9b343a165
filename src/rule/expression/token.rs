//! Where do the words and signs of an expression stand, and which brackets belong together?
//!
//! ```text
//! size ( lines . last ( '30d' ) )
//!  W   [   W   S  W   [   T   ] ]      W word, N number, T text, S sign, [ ] brackets
//!      └──────────────┼───────┼─┘
//!                     └───────┘        `partner`
//! ```
//!
//! The table lives beside the parser's tree: it completes the places of the tree's nodes, and it
//! knows what the author wrote where the parser only knows that it did not expect it.

use std::ops::Range;

/// What kind of word or sign it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rule) enum Kind {
    /// A name or a keyword.
    Word,
    /// `5`, `5u`, `0.05`, `1e6`.
    Number,
    /// `'30d'`, closed.
    Text,
    /// `'30d`, not closed.
    OpenText,
    /// An operator, a dot, a comma, a colon.
    Sign,
    /// `(`, `[`, `{`.
    Open,
    /// `)`, `]`, `}`.
    Close,
    /// A character that has no meaning here.
    Stray,
}

/// One word or sign.
#[derive(Debug, Clone)]
pub(in crate::rule) struct Token {
    pub(in crate::rule) kind: Kind,
    pub(in crate::rule) span: Range<usize>,
    /// Of a bracket: the number of the token that closes or opens it.
    pub(in crate::rule) partner: Option<usize>,
}

/// All words and signs of one expression.
#[derive(Debug)]
pub(in crate::rule) struct Tokens<'a> {
    text: &'a str,
    pub(in crate::rule) all: Vec<Token>,
}

/// Signs of two letters; `<>`, `=>` and the like are no operators, but are written as one.
const PAIRS: [&str; 12] = ["&&", "||", "==", "!=", "<=", ">=", "<>", "=>", "=<", "**", "..", ":="];

impl<'a> Tokens<'a> {
    /// Cuts a text into its words and signs; never fails.
    pub(in crate::rule) fn read(text: &'a str) -> Self {
        let mut all = Vec::new();
        let mut at = 0;
        while let Some(first) = text[at..].chars().next() {
            if first.is_whitespace() {
                at += first.len_utf8();
                continue;
            }
            if text[at..].starts_with("//") {
                at += text[at..].find('\n').unwrap_or(text.len() - at);
                continue;
            }
            let (kind, length) = next(&text[at..], first);
            all.push(Token { kind, span: at..at + length, partner: None });
            at += length;
        }
        let mut tokens = Self { text, all };
        tokens.pair_brackets();
        tokens
    }

    fn pair_brackets(&mut self) {
        let mut open: Vec<usize> = Vec::new();
        for index in 0..self.all.len() {
            match self.all[index].kind {
                Kind::Open => open.push(index),
                Kind::Close => {
                    let Some(&start) = open.last() else { continue };
                    let pair = [self.word(start), self.word(index)].concat();
                    if matches!(pair.as_str(), "()" | "[]" | "{}") {
                        open.pop();
                        self.all[start].partner = Some(index);
                        self.all[index].partner = Some(start);
                    }
                }
                _ => {}
            }
        }
    }

    /// The text of a token; empty for a number that is none.
    pub(in crate::rule) fn word(&self, index: usize) -> &'a str {
        self.all.get(index).map_or("", |token| &self.text[token.span.clone()])
    }

    /// The number of the token that starts at this byte.
    pub(in crate::rule) fn starting(&self, byte: usize) -> Option<usize> {
        self.all.binary_search_by_key(&byte, |token| token.span.start).ok()
    }

    /// The number of the token that ends before this byte.
    pub(in crate::rule) fn ending(&self, byte: usize) -> Option<usize> {
        self.all.binary_search_by_key(&byte, |token| token.span.end).ok()
    }

    /// The number of the innermost bracket that is open at this byte.
    pub(in crate::rule) fn enclosing(&self, byte: usize) -> Option<usize> {
        let before = self.all.partition_point(|token| token.span.start < byte);
        self.all[..before].iter().rposition(|token| {
            token.kind == Kind::Open
                && token.partner.is_some_and(|close| self.all[close].span.start >= byte)
        })
    }

    /// The span with the brackets that stand closely around it, without those of a call.
    pub(in crate::rule) fn with_brackets(&self, span: &Range<usize>) -> Range<usize> {
        let mut span = span.clone();
        while let (Some(first), Some(last)) = (self.starting(span.start), self.ending(span.end)) {
            let Some(open) = first.checked_sub(1) else { break };
            let grouping = self.word(open) == "("
                && self.all[open].partner == Some(last + 1)
                && !open.checked_sub(1).is_some_and(|before| self.is_name(before));
            if !grouping {
                break;
            }
            span = self.all[open].span.start..self.all[last + 1].span.end;
        }
        span
    }

    /// Whether it is a word that can name something.
    pub(in crate::rule) fn is_name(&self, index: usize) -> bool {
        self.all.get(index).is_some_and(|token| token.kind == Kind::Word)
            && self.word(index) != "in"
    }

    /// Whether an operand can end with this token.
    pub(in crate::rule) fn ends_operand(&self, index: usize) -> bool {
        self.all.get(index).is_some_and(|token| match token.kind {
            Kind::Word => self.word(index) != "in",
            Kind::Number | Kind::Text | Kind::OpenText | Kind::Close => true,
            Kind::Sign | Kind::Open | Kind::Stray => false,
        })
    }

    /// Whether an operand can start with this token.
    pub(in crate::rule) fn starts_operand(&self, index: usize) -> bool {
        self.all.get(index).is_some_and(|token| match token.kind {
            Kind::Word => self.word(index) != "in",
            Kind::Number | Kind::Text | Kind::OpenText | Kind::Open => true,
            Kind::Sign => matches!(self.word(index), "!" | "-"),
            Kind::Close | Kind::Stray => false,
        })
    }

    /// Where the nesting goes beyond `max`, if it does: each bracket counts, and each operator
    /// that builds on the one before it. A parser would have to go down as many steps.
    pub(in crate::rule) fn too_deep(&self, max: usize) -> Option<Range<usize>> {
        // Per open bracket: operators since the last comma, and those of them outside of `&&`.
        let (mut levels, mut depth) = (vec![(0, 0)], 0);
        for (index, token) in self.all.iter().enumerate() {
            let word = self.word(index);
            let level = levels.len() - 1;
            let (chain, whole) = &mut levels[level];
            match (token.kind, word) {
                (Kind::Open, _) => {
                    *chain += 1;
                    depth += 1;
                    levels.push((0, 0));
                }
                (Kind::Close, _) if level > 0 => {
                    depth -= *chain + *whole;
                    levels.pop();
                }
                (Kind::Sign, ",") => {
                    depth -= *chain + *whole;
                    (*chain, *whole) = (0, 0);
                }
                (Kind::Sign, "&&" | "||" | "?") => {
                    depth -= *chain;
                    *chain = 0;
                    *whole += 1;
                    depth += 1;
                }
                (Kind::Sign, _) => {
                    *chain += 1;
                    depth += 1;
                }
                _ => {}
            }
            if depth > max {
                return Some(token.span.clone());
            }
        }
        None
    }
}

/// Kind and length of the first token of a text that is not empty.
fn next(text: &str, first: char) -> (Kind, usize) {
    let prefixed = |letters: &[char]| {
        let quote = text.find(['\'', '"']).filter(|at| (1..=2).contains(at));
        quote.filter(|at| text[..*at].chars().all(|c| letters.contains(&c)))
    };
    if let Some(quote) = prefixed(&['r', 'R', 'b', 'B']) {
        let raw = text[..quote].contains(['r', 'R']);
        let (kind, length) = quoted(&text[quote..], raw);
        return (kind, quote + length);
    }
    match first {
        '\'' | '"' => quoted(text, false),
        '0'..='9' => (Kind::Number, number(text)),
        '_' | 'a'..='z' | 'A'..='Z' => {
            let word = |c: char| c == '_' || c.is_ascii_alphanumeric();
            (Kind::Word, text.find(|c| !word(c)).unwrap_or(text.len()))
        }
        '(' | '[' | '{' => (Kind::Open, 1),
        ')' | ']' | '}' => (Kind::Close, 1),
        _ if PAIRS.iter().any(|pair| text.starts_with(pair)) => (Kind::Sign, 2),
        '+' | '-' | '*' | '/' | '%' | '<' | '>' | '!' | '?' | ':' | '.' | ',' | '=' | '&' | '|' => {
            (Kind::Sign, 1)
        }
        _ => (Kind::Stray, first.len_utf8()),
    }
}

/// Kind and length of a text in quotes, of one or three signs each.
fn quoted(text: &str, raw: bool) -> (Kind, usize) {
    let mark = &text[..1];
    let triple = mark.repeat(3);
    let end = if text.starts_with(&triple) { triple.as_str() } else { mark };
    let mut at = end.len();
    while let Some(c) = text[at..].chars().next() {
        if text[at..].starts_with(end) {
            return (Kind::Text, at + end.len());
        }
        if c == '\n' && end.len() == 1 {
            break;
        }
        at += c.len_utf8();
        if c == '\\' && !raw {
            at += text[at..].chars().next().map_or(0, char::len_utf8);
        }
    }
    (Kind::OpenText, at)
}

/// Length of a number: digits, one point with digits behind it, an exponent, a `u`.
fn number(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    if text.starts_with("0x") {
        let hex = bytes[2..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let unsigned = usize::from(bytes.get(2 + hex) == Some(&b'u'));
        return 2 + hex + unsigned;
    }
    let mut at = digits(0);
    if bytes.get(at) == Some(&b'.') && digits(at + 1) > 0 {
        at += 1 + digits(at + 1);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        if at + 1 + sign < bytes.len() && digits(at + 1 + sign) > 0 {
            at += 1 + sign + digits(at + 1 + sign);
        }
    }
    at + usize::from(matches!(bytes.get(at), Some(b'u' | b'U')))
}
