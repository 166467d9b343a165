//! Words in addresses and forms.

use std::fmt::Write as _;

/// Percent-encoded, so that it is one segment of a path or one value of a query or a form.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The body of a form.
pub(crate) fn form(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_word_is_read_as_part_of_the_address() {
        for (word, want) in [
            ("", ""),
            ("a-b_c.~9", "a-b_c.~9"),
            ("a/b?c&d=e", "a%2Fb%3Fc%26d%3De"),
            ("ü +", "%C3%BC%20%2B"),
        ] {
            assert_eq!(encoded(word), want);
        }
        assert_eq!(form(&[("a", "1"), ("b", "x&y")]), "a=1&b=x%26y");
    }
}
