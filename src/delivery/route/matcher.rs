//! Matchers: does an alert with these labels go this way?
//!
//! ```text
//! severity="critical"   tier!="C"   rule=~"Margin.*"   territory!~"North|South"   value>=50000
//! ```
//!
//! The syntax and its meaning are Alertmanager's: a regular expression matches the whole value, a
//! label that is not there is empty, several matchers stand in a list or between braces, parted by
//! commas. `>=`, `<=`, `>` and `<` are ours; they compare numbers, and what is no number matches none.

use std::collections::BTreeMap;
use std::fmt;

use regex::Regex;
use serde::Deserialize;

/// What an alert is, for routing.
pub type Labels = BTreeMap<String, String>;

/// One condition on one label.
#[derive(Debug, Clone)]
pub struct Matcher {
    /// Name of the label.
    pub name: String,
    test: Test,
    /// As it was written, for people.
    text: String,
}

#[derive(Debug, Clone)]
enum Test {
    Equal(String),
    NotEqual(String),
    Like(Regex),
    NotLike(Regex),
    Number(Order, f64),
}

#[derive(Debug, Clone, Copy)]
enum Order {
    AtLeast,
    AtMost,
    Above,
    Below,
}

/// All of these must hold; none at all always does.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(try_from = "Written")]
pub struct Matchers(pub Vec<Matcher>);

/// One text, or a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    One(String),
    Many(Vec<String>),
}

/// Why a matcher was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatcherError {
    /// No operator.
    #[error("`{0}` compares nothing: write e.g. `severity=\"critical\"` or `rule=~\"Margin.*\"`")]
    Operator(String),
    /// No name, or not one.
    #[error("`{0}` has no label in front: write e.g. `tier=\"A\"`")]
    Name(String),
    /// A quote without an end, or something behind it.
    #[error("`{0}`: a value stands between two quotes, and `,` or nothing follows it")]
    Quotes(String),
    /// No regular expression.
    #[error("`{text}` has no regular expression: {error}: write e.g. `rule=~\"Margin.*\"`")]
    Regex {
        /// The matcher.
        text: String,
        /// What is wrong with it.
        error: String,
    },
    /// No number.
    #[error("`{0}` compares with what is no number: write e.g. `value>=50000`")]
    Number(String),
}

const OPERATORS: [&str; 8] = ["=~", "!~", "!=", ">=", "<=", "=", ">", "<"];

impl Matcher {
    /// Whether the labels meet it.
    pub fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.name).map(String::as_str).unwrap_or_default();
        match &self.test {
            Test::Equal(want) => value == want,
            Test::NotEqual(want) => value != want,
            Test::Like(want) => want.is_match(value),
            Test::NotLike(want) => !want.is_match(value),
            Test::Number(order, want) => value.parse::<f64>().is_ok_and(|value| match order {
                Order::AtLeast => value >= *want,
                Order::AtMost => value <= *want,
                Order::Above => value > *want,
                Order::Below => value < *want,
            }),
        }
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Matchers {
    /// Parses one or several, in braces or not.
    pub fn parse(text: &str) -> Result<Self, MatcherError> {
        let inner = text.trim();
        let inner = inner.strip_prefix('{').and_then(|i| i.strip_suffix('}')).unwrap_or(inner);
        let (mut matchers, mut rest) = (Vec::new(), inner.trim());
        while !rest.is_empty() {
            let (matcher, behind) = parse_one(rest)?;
            matchers.push(matcher);
            rest = behind.trim_start();
        }
        Ok(Self(matchers))
    }

    /// Whether the labels meet all of them.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|matcher| matcher.matches(labels))
    }

    /// The first that the labels do not meet.
    pub fn failing(&self, labels: &Labels) -> Option<&Matcher> {
        self.0.iter().find(|matcher| !matcher.matches(labels))
    }
}

impl TryFrom<Written> for Matchers {
    type Error = MatcherError;
    fn try_from(written: Written) -> Result<Self, MatcherError> {
        let texts = match written {
            Written::One(text) => vec![text],
            Written::Many(texts) => texts,
        };
        let parsed = texts.iter().map(|text| Self::parse(text).map(|matchers| matchers.0));
        Ok(Self(parsed.collect::<Result<Vec<_>, _>>()?.concat()))
    }
}

impl fmt::Display for Matchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<&str> = self.0.iter().map(|matcher| matcher.text.as_str()).collect();
        write!(f, "{{{}}}", texts.join(", "))
    }
}

/// The first matcher of a text, and what stands behind its comma.
fn parse_one(text: &str) -> Result<(Matcher, &str), MatcherError> {
    let shown = || text.chars().take(80).collect::<String>();
    let (name, rest) = match text.strip_prefix('"') {
        Some(_) => {
            let (name, rest) = quoted(text).ok_or_else(|| MatcherError::Quotes(shown()))?;
            (name, rest.trim_start())
        }
        None => {
            let end = text.find(['=', '!', '<', '>', ',']).unwrap_or(text.len());
            (text[..end].trim().to_owned(), &text[end..])
        }
    };
    let operator = OPERATORS.into_iter().find(|operator| rest.starts_with(operator));
    let operator = operator.ok_or_else(|| MatcherError::Operator(shown()))?;
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(MatcherError::Name(shown()));
    }
    let rest = rest[operator.len()..].trim_start();
    let (value, rest) = if rest.starts_with('"') {
        quoted(rest).ok_or_else(|| MatcherError::Quotes(shown()))?
    } else {
        let end = rest.find(',').unwrap_or(rest.len());
        if rest[..end].contains('"') {
            return Err(MatcherError::Quotes(shown()));
        }
        (rest[..end].trim_end().to_owned(), &rest[end..])
    };
    let rest = rest.trim_start();
    let behind = match rest.strip_prefix(',') {
        Some(behind) => behind,
        None if rest.is_empty() => rest,
        None => return Err(MatcherError::Quotes(shown())),
    };
    let text = text[..text.len() - rest.len()].trim().to_owned();
    let test = test(operator, value, &text)?;
    Ok((Matcher { name, test, text }, behind))
}

fn test(operator: &str, value: String, text: &str) -> Result<Test, MatcherError> {
    let number = |order| {
        let number = value.parse().map_err(|_| MatcherError::Number(text.to_owned()))?;
        Ok(Test::Number(order, number))
    };
    let regex = || {
        Regex::new(&format!("^(?s:{value})$")).map_err(|error| MatcherError::Regex {
            text: text.to_owned(),
            error: error.to_string().lines().last().unwrap_or_default().to_owned(),
        })
    };
    match operator {
        "=~" => Ok(Test::Like(regex()?)),
        "!~" => Ok(Test::NotLike(regex()?)),
        "!=" => Ok(Test::NotEqual(value)),
        ">=" => number(Order::AtLeast),
        "<=" => number(Order::AtMost),
        ">" => number(Order::Above),
        "<" => number(Order::Below),
        _ => Ok(Test::Equal(value)),
    }
}

/// A text that begins with a quote: what it says, and what stands behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut said = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((said, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => said.push('\n'),
                escaped @ ('"' | '\\') => said.push(escaped),
                other => said.extend(['\\', other]),
            },
            plain => said.push(plain),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Labels {
        let pairs =
            [("severity", "warning"), ("tier", "A"), ("value", "1234.5"), ("note", "a,b\"")];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    #[test]
    fn a_matcher_means_what_it_means_in_alertmanager() {
        for (text, want) in [
            ("severity=\"warning\"", true),
            ("severity = warning", true),
            ("severity=\"warn\"", false),
            ("severity!=\"warn\"", true),
            ("severity=~\"warn\"", false),
            ("severity=~\"warn.*|critical\"", true),
            ("severity!~\"info|debug\"", true),
            ("missing=\"\"", true),
            ("missing!=\"x\"", true),
            ("missing=~\".+\"", false),
            ("{severity=\"warning\",tier=~\"A|B\",}", true),
            ("{severity=\"warning\",tier=\"C\"}", false),
            ("note=\"a,b\\\"\"", true),
            ("\"severity\"=\"warning\"", true),
            ("", true),
            ("{}", true),
            ("value>=1234.5", true),
            ("value>1234.5", false),
            ("value<2000, value<=1234.5", true),
            ("tier>1", false),
            ("missing<1", false),
        ] {
            assert_eq!(Matchers::parse(text).map(|m| m.matches(&labels())), Ok(want), "{text}");
        }
    }

    #[test]
    fn what_is_no_matcher_is_refused_with_a_way_out() {
        for (text, want) in [
            ("severity", "compares nothing"),
            ("severity=\"a\" tier=\"b\"", "`,` or nothing follows"),
            ("severity=\"a", "between two quotes"),
            ("severity=a\"b", "between two quotes"),
            ("=\"a\"", "no label in front"),
            ("a b=\"c\"", "no label in front"),
            ("rule=~\"(\"", "no regular expression"),
            ("value>=much", "no number"),
        ] {
            let error = Matchers::parse(text).unwrap_err().to_string();
            assert!(error.contains(want), "{text}: {error}");
        }
    }

    #[test]
    fn a_matcher_is_shown_as_it_was_written() {
        let shown = Matchers::parse("{a=\"1\" , b=~\"2|3\"}").unwrap().to_string();
        assert_eq!(shown, "{a=\"1\", b=~\"2|3\"}");
    }
}
