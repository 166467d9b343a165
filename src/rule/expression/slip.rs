//! What did the author mean, where the parser only says that it expected something else?
//!
//! ```text
//! margin = 30%          the parser: token recognition error at: '= '
//!        ^              here:       `=` does not compare; write `==`
//! ```
//!
//! The checks below know the habits of people who come from spreadsheets, SQL and Python. They
//! run only over a text that is refused anyway, and the first one that knows the slip speaks.

use std::ops::Range;

use cel::ParseError;

use crate::rule::expression::CHARS_MAX;
use crate::rule::expression::DEPTH_MAX;
use crate::rule::expression::ExpressionError;
use crate::rule::expression::token::Kind;
use crate::rule::expression::token::Tokens;

type Slip = Option<ExpressionError>;

/// Nothing is written.
pub(super) fn empty(text: &str) -> ExpressionError {
    ExpressionError::new("E123", 0..text.len(), "the expression is empty")
        .help("write a condition or a value, e.g. `size(orders) > 0`")
}

/// Too many characters.
pub(super) fn too_long(text: &str) -> ExpressionError {
    let length = text.chars().count();
    let message =
        format!("the expression has {length} characters, at most {CHARS_MAX} are allowed");
    ExpressionError::new("E121", 0..text.len(), message).help("name its parts under `let:`")
}

/// Too many steps down.
pub(super) fn too_deep(at: Range<usize>) -> ExpressionError {
    let message = format!("the expression is nested more than {DEPTH_MAX} deep");
    ExpressionError::new("E121", at, message)
        .label("too deep from here on")
        .help("name its parts under `let:`")
}

/// CEL that rules do not know.
pub(super) fn foreign(at: Range<usize>, label: &str) -> ExpressionError {
    ExpressionError::new("E122", at, "this part of CEL is not in the rule language").label(label)
}

/// `has(topic)`.
pub(super) fn has_needs_field(at: Range<usize>) -> ExpressionError {
    ExpressionError::new("E120", at, "`has` asks for a field")
        .label("this is no field of something")
        .help("write the field with what it belongs to, e.g. `has(event.topic)`")
}

/// The author's words for what the parser refused.
pub(super) fn explain(text: &str, tokens: &Tokens<'_>, errors: &[ParseError]) -> ExpressionError {
    let checks: [fn(&Tokens<'_>, usize) -> Slip; 5] = [letter, sign, word, bracket, operand];
    checks
        .iter()
        .find_map(|check| (0..tokens.all.len()).find_map(|index| check(tokens, index)))
        .unwrap_or_else(|| unexpected(text, tokens, errors))
}

fn wrong(at: Range<usize>, message: impl Into<String>) -> ExpressionError {
    ExpressionError::new("E120", at, message)
}

/// Quotes that do not close, and characters that mean nothing.
fn letter(tokens: &Tokens<'_>, index: usize) -> Slip {
    let token = &tokens.all[index];
    let (at, word) = (token.span.clone(), tokens.word(index));
    match token.kind {
        Kind::OpenText => {
            let quote = word.chars().next().unwrap_or('\'');
            Some(
                wrong(at, "the text is not closed")
                    .label("it starts here")
                    .help(format!("end it with a `{quote}` on the same line")),
            )
        }
        Kind::Text => bad_escape(word).map(|(escape, within)| {
            wrong(
                at.start + within.start..at.start + within.end,
                format!("`{escape}` means nothing in a text"),
            )
            .help("write `\\\\` for a backslash, or `\\'` for a quote")
        }),
        Kind::Stray => Some(stray(at, word)),
        _ => None,
    }
}

fn stray(at: Range<usize>, word: &str) -> ExpressionError {
    match word {
        "‘" | "’" | "“" | "”" | "„" | "«" | "»" | "´" | "`" => {
            wrong(at, format!("`{word}` is not a straight quote"))
                .help("write texts with `'`, e.g. `'car_insurance'`")
        }
        "≥" | "≤" | "≠" | "×" | "÷" | "−" | "–" | "—" => {
            let plain = match word {
                "≥" => ">=",
                "≤" => "<=",
                "≠" => "!=",
                "×" => "*",
                "÷" => "/",
                _ => "-",
            };
            wrong(at, format!("`{word}` is not an operator")).help(format!("write `{plain}`"))
        }
        "$" | "€" | "£" | "¥" => wrong(at, format!("`{word}` is not part of a number"))
            .help("write the amount alone, e.g. `1200.0`: the currency is that of the events"),
        ";" => wrong(at, "there is one expression only, `;` separates none")
            .help("name further values under `let:`"),
        "^" => wrong(at, "`^` is not an operator").help("multiply, e.g. `x * x`"),
        "#" => wrong(at, "`#` starts no comment within an expression")
            .help("write `// …`, or end the YAML value before the comment"),
        _ => wrong(at, format!("`{word}` means nothing in an expression"))
            .help("write names with the letters a to z, digits and `_`; put texts in quotes"),
    }
}

/// The first escape that CEL does not know, with its place.
fn bad_escape(word: &str) -> Option<(&str, Range<usize>)> {
    let quote = word.find(['\'', '"']).unwrap_or(0);
    if word[..quote].contains(['r', 'R']) {
        return None;
    }
    let mut letters = word.char_indices();
    while let Some((at, c)) = letters.next() {
        if c != '\\' {
            continue;
        }
        let (next_at, next) = letters.next()?;
        if !"abfnrtv\\'\"`?xXuU0123".contains(next) {
            let within = at..next_at + next.len_utf8();
            return Some((&word[within.clone()], within));
        }
    }
    None
}

/// Signs of other languages.
fn sign(tokens: &Tokens<'_>, index: usize) -> Slip {
    let token = &tokens.all[index];
    if token.kind != Kind::Sign {
        return None;
    }
    let at = token.span.clone();
    let touches = |other: usize| tokens.all.get(other).is_some_and(|t| t.span.start == at.end);
    let slip = match tokens.word(index) {
        "==" | "!=" if touches(index + 1) && tokens.word(index + 1) == "=" => {
            let sign = tokens.word(index);
            wrong(at.start..at.end + 1, format!("`{sign}=` is not an operator"))
                .help(format!("write `{sign}`"))
        }
        "=" => wrong(at, "`=` does not compare")
            .label("is this meant to compare?")
            .help("write `==`; names are given under `let:`"),
        ":=" => wrong(at, "`:=` gives no names here").help("give names under `let:`"),
        "<>" => wrong(at, "`<>` is not an operator").help("write `!=`"),
        "=>" => wrong(at, "`=>` is not an operator").help("write `>=`"),
        "=<" => wrong(at, "`=<` is not an operator").help("write `<=`"),
        "**" => wrong(at, "`**` is not an operator").help("multiply, e.g. `x * x`"),
        "&" => wrong(at, "`&` is not an operator").help("write `&&` for \"and\""),
        "|" => wrong(at, "`|` is not an operator").help("write `||` for \"or\""),
        ".." => wrong(at, "two dots follow each other").help("write one"),
        "%" if tokens.all.get(index.checked_sub(1)?)?.kind == Kind::Number
            && tokens.all[index - 1].span.end == at.start
            && !tokens.starts_operand(index + 1) =>
        {
            let number = tokens.word(index - 1);
            let share = number
                .parse::<f64>()
                .map_or_else(|_| "0.3".to_owned(), |n| ((n * 1e4).round() / 1e6).to_string());
            wrong(tokens.all[index - 1].span.start..at.end, "`%` does not mean percent here")
                .help(format!("write the share, `{share}`"))
        }
        "," if tokens.enclosing(at.start).is_none() && !is_open(tokens, index) => {
            let thousands = index > 0
                && tokens.all[index - 1].kind == Kind::Number
                && tokens.all.get(index + 1).is_some_and(|t| t.kind == Kind::Number);
            let slip = wrong(at, "a comma stands between arguments only");
            if thousands {
                slip.help("write thousands without a comma, and decimals with a point")
            } else {
                slip.help("take the comma away")
            }
        }
        "," if matches!(tokens.word(index + 1), ")") => {
            wrong(at, "nothing follows the last comma").help("take the comma away")
        }
        _ => return None,
    };
    Some(slip)
}

/// Whether a bracket that never closes is open before this token.
fn is_open(tokens: &Tokens<'_>, index: usize) -> bool {
    tokens.all[..index].iter().any(|t| t.kind == Kind::Open && t.partner.is_none())
}

/// Words of other languages, and durations without quotes.
fn word(tokens: &Tokens<'_>, index: usize) -> Slip {
    let token = &tokens.all[index];
    if token.kind != Kind::Word {
        return None;
    }
    let (at, word) = (token.span.clone(), tokens.word(index));
    let before = index.checked_sub(1);
    let between =
        before.is_some_and(|b| tokens.ends_operand(b)) && tokens.starts_operand(index + 1);
    if let Some(number) = before.filter(|b| tokens.all[*b].kind == Kind::Number)
        && tokens.all[number].span.end == at.start
    {
        let whole = [tokens.word(number), word].concat();
        let span = tokens.all[number].span.start..at.end;
        let duration = ["ms", "s", "m", "h", "d", "w", "y"].contains(&word);
        let slip = wrong(span, format!("`{whole}` is not a number"));
        return Some(if duration {
            slip.help(format!("write a duration in quotes, `'{whole}'`"))
        } else {
            slip.help("a number has digits and one point, e.g. `0.05`")
        });
    }
    let slip = match word.to_ascii_lowercase().as_str() {
        "and" if between => wrong(at, format!("`{word}` is not an operator")).help("write `&&`"),
        "or" if between => wrong(at, format!("`{word}` is not an operator")).help("write `||`"),
        "is" if between => wrong(at, format!("`{word}` is not an operator")).help("write `==`"),
        "mod" if between => wrong(at, format!("`{word}` is not an operator")).help("write `%`"),
        "like" | "contains" if between => wrong(at, format!("`{word}` is not an operator"))
            .help("write e.g. `event.topic.contains('car')`"),
        "between" if between => wrong(at, "`between` is not an operator")
            .help("write two comparisons, e.g. `1 <= x && x <= 5`"),
        "not" if tokens.starts_operand(index + 1) => {
            wrong(at, format!("`{word}` is not an operator"))
                .help("write `!` before what is denied")
        }
        "not" if tokens.word(index + 1) == "in" => {
            wrong(at, "`not in` is not an operator").help("write `!(x in list)`")
        }
        "if" | "then" | "else" | "case" | "when" if between || before.is_none() || word == "if" => {
            wrong(at, format!("`{word}` is not an operator"))
                .help("write `condition ? value : other value`")
        }
        "as" | "break" | "const" | "continue" | "for" | "function" | "import" | "let" | "loop"
        | "package" | "namespace" | "return" | "var" | "void" | "while"
            if tokens.word(before.unwrap_or(usize::MAX)) != "." =>
        {
            wrong(at, format!("`{word}` is a word that CEL keeps for itself"))
                .help("take another name")
        }
        _ => return None,
    };
    Some(slip)
}

/// Brackets without their partner.
fn bracket(tokens: &Tokens<'_>, index: usize) -> Slip {
    let token = &tokens.all[index];
    let (at, word) = (token.span.clone(), tokens.word(index));
    match token.kind {
        Kind::Open if word == "{" && tokens.word(index + 1) == "{" => Some(
            wrong(at.start..at.end + 1, "`{{ }}` stands in templates only")
                .help("write the expression alone"),
        ),
        Kind::Open if token.partner.is_none() => {
            let close = match word {
                "(" => ")",
                "[" => "]",
                _ => "}",
            };
            Some(
                wrong(at, format!("`{word}` is never closed"))
                    .label("opened here")
                    .help(format!("put a `{close}` where it ends")),
            )
        }
        Kind::Close if token.partner.is_none() => {
            Some(wrong(at, format!("`{word}` closes nothing")).help("take it away, or open it"))
        }
        _ => None,
    }
}

/// Operators without operands, and operands without operators.
fn operand(tokens: &Tokens<'_>, index: usize) -> Slip {
    let token = &tokens.all[index];
    let (at, word) = (token.span.clone(), tokens.word(index));
    let before = index.checked_sub(1);
    let after = tokens.all.get(index + 1);
    let operator =
        word == "in" || token.kind == Kind::Sign && !matches!(word, "." | "," | ":" | "?" | "!");
    let prefix = matches!(word, "-");
    if operator && !tokens.starts_operand(index + 1) && tokens.word(index + 1) != "." {
        return Some(
            wrong(at, format!("nothing stands to the right of `{word}`"))
                .label("a value is missing behind this")
                .help("write the value, or take the sign away"),
        );
    }
    if operator && !prefix && !before.is_some_and(|b| tokens.ends_operand(b)) {
        return Some(
            wrong(at, format!("nothing stands to the left of `{word}`"))
                .label("a value is missing before this")
                .help("write the value, or take the sign away"),
        );
    }
    if word == "." && !after.is_some_and(|t| t.kind == Kind::Word && t.span.start >= at.end) {
        return Some(wrong(at, "no name follows the dot").help("write e.g. `event.topic`"));
    }
    if word == "." && tokens.word(index + 1) == "in" {
        let at = tokens.all[index + 1].span.clone();
        let slip = wrong(at, "`in` is an operator and names no field");
        return Some(slip.help("take another name"));
    }
    if word == "?"
        && !tokens.all[index..].iter().any(|t| {
            t.kind == Kind::Sign && tokens.word(tokens.starting(t.span.start).unwrap_or(0)) == ":"
        })
    {
        return Some(
            wrong(at, "a choice has no second value")
                .help("write `condition ? value : other value`"),
        );
    }
    let opens = token.kind == Kind::Open && word != "{";
    let stands_alone = tokens.starts_operand(index) && !opens && token.kind != Kind::Sign;
    if stands_alone && before.is_some_and(|b| tokens.ends_operand(b)) {
        let left = tokens.word(index - 1);
        return Some(
            wrong(at, format!("no operator stands between `{left}` and `{word}`"))
                .help("write e.g. `&&`, `==` or `+` between them"),
        );
    }
    if word == "(" && tokens.word(index + 1) == ")" && !before.is_some_and(|b| tokens.is_name(b)) {
        let end = tokens.all[index + 1].span.end;
        let slip = wrong(at.start..end, "nothing stands in the brackets");
        return Some(slip.help("write an expression in them, or take them away"));
    }
    None
}

/// What no check knows: the parser's own complaint, in short.
fn unexpected(text: &str, tokens: &Tokens<'_>, errors: &[ParseError]) -> ExpressionError {
    let Some(first) = errors.first() else {
        return wrong(0..text.len(), "this is not an expression");
    };
    // Lines and columns of the parser count characters from 1.
    let line_from = |line: usize| {
        let lines = text.split_inclusive('\n');
        lines.take(line.saturating_sub(1)).map(str::len).sum::<usize>()
    };
    let number = |n: isize| usize::try_from(n).unwrap_or(0);
    let from = line_from(number(first.pos.0));
    let column = number(first.pos.1).saturating_sub(1);
    let at = text[from..].char_indices().nth(column).map_or(text.len(), |(at, _)| from + at);
    let index = tokens.all.partition_point(|token| token.span.end <= at);
    if first.msg.contains("invalid int literal") || first.msg.contains("invalid uint literal") {
        let span = tokens.all.get(index).map_or(at..at, |token| token.span.clone());
        return wrong(span, "the number is too large").help(
            "whole numbers reach ±9,223,372,036,854,775,807; write `1.0e20` for a larger one",
        );
    }
    match tokens.all.get(index) {
        Some(token) => {
            wrong(token.span.clone(), format!("`{}` is not expected here", tokens.word(index)))
        }
        None => wrong(text.len()..text.len(), "the expression ends too early"),
    }
}
