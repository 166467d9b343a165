//! Is somebody mentioned in a text, as a word of its own?
//!
//! ```text
//! "c1 has bought"   c1: yes        "c10 has bought"   c1: no
//! ```

/// Where a word stands in a text, from a place on: none where it is a part of a longer one.
fn find(text: &str, word: &str, from: usize) -> Option<usize> {
    if word.is_empty() {
        return None;
    }
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    let mut from = from;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find(word)).map(|at| from + at) {
        let end = at + word.len();
        let before = text[..at].chars().next_back().zip(word.chars().next());
        let after = word.chars().next_back().zip(text[end..].chars().next());
        let is_part = |pair: Option<(char, char)>| pair.is_some_and(|(a, b)| joins(a) && joins(b));
        if !is_part(before) && !is_part(after) {
            return Some(at);
        }
        from = at + word.chars().next().map_or(1, char::len_utf8);
    }
    None
}

/// Whether a word stands in a text.
pub fn mentions(text: &str, word: &str) -> bool {
    find(text, word, 0).is_some()
}

/// The text with another word in its place; none where it does not stand there.
pub fn replaced(text: &str, word: &str, by: &str) -> Option<String> {
    let mut at = find(text, word, 0)?;
    let (mut out, mut done) = (String::with_capacity(text.len()), 0);
    loop {
        out.push_str(&text[done..at]);
        out.push_str(by);
        done = at + word.len();
        match find(text, word, done) {
            Some(next) => at = next,
            None => break,
        }
    }
    out.push_str(&text[done..]);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_where_it_stands_alone() {
        for (text, word, want) in [
            ("c1", "c1", Some("X")),
            ("c10, c1; xc1 \"c1\" c1-2", "c1", Some("c10, X; xc1 \"X\" X-2")),
            ("c10", "c1", None),
            ("c_c1", "c1", None),
            ("Müller & Söhne", "Müller", Some("X & Söhne")),
            ("ÄMüllerä", "Müller", None),
            ("(a)(a)", "(a)", Some("XX")),
            ("aa aaa", "aa", Some("X aaa")),
            ("any", "", None),
        ] {
            assert_eq!(replaced(text, word, "X").as_deref(), want, "{word} in {text}");
            assert_eq!(mentions(text, word), want.is_some(), "{word} in {text}");
        }
    }
}
