//! Which YAML is read, and how are its mistakes told?

use super::*;

/// The value of key `k`, with the file.
fn value(yaml: &str) -> Scalar {
    let Shape::Map(entries) = read(0, yaml).unwrap().shape else { panic!("{yaml}") };
    let found = entries.into_iter().find_map(|(key, value)| match (key.shape, value.shape) {
        (Shape::Scalar(key), Shape::Scalar(value)) if key.text == "k" => Some(value),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("{yaml}"))
}

#[test]
fn every_byte_of_a_scalar_has_its_place_in_the_file() {
    // What to look for in the text, and what stands at its place in the file.
    for (yaml, style, text, part, place) in [
        ("é: 1\nk: größe > 5 # c\n", Style::Plain, "größe > 5", "> 5", "> 5"),
        ("k: a &&\n   ö || c\nx: 1", Style::Plain, "a && ö || c", "ö ||", "ö ||"),
        ("k:\n  size(x)\n", Style::Plain, "size(x)", "x", "x"),
        ("k: 'it''s ö'", Style::SingleQuoted, "it's ö", "'s", "''s"),
        ("k: 'a == ''ö''' # c", Style::SingleQuoted, "a == 'ö'", "'ö'", "''ö''"),
        (r#"k: "a \"ö\" b""#, Style::DoubleQuoted, "a \"ö\" b", "\"ö\"", r#"\"ö\""#),
        (r#"k: "\u00e9 b""#, Style::DoubleQuoted, "é b", "é", r"\u00e9"),
        ("k: \"a\n  b\"", Style::DoubleQuoted, "a b", "b", "b"),
        ("k: |\n  a ö\n    b\n  c\nx: 1", Style::Literal, "a ö\n  b\nc\n", "b\nc", "b\n  c"),
        ("k: |-  # why\n  a\n\n  b", Style::Literal, "a\n\nb", "b", "b"),
        ("k: &x 012", Style::Plain, "012", "012", "012"),
        ("k: no", Style::Plain, "no", "no", "no"),
        ("k: 0x1F", Style::Plain, "0x1F", "0x1F", "0x1F"),
        ("k: 2025-01-01", Style::Plain, "2025-01-01", "01-01", "01-01"),
        ("a: &x [1, p]\nb: *x\nk: last", Style::Plain, "last", "last", "last"),
        ("x: &d 'ö'\nk: *d", Style::SingleQuoted, "ö", "ö", "ö"),
        ("b: &b {k: yes}\n<<: *b", Style::Plain, "yes", "yes", "yes"),
    ] {
        let found = value(yaml);
        assert_eq!((found.style, found.text.as_str()), (style, text), "{yaml}");
        let from = text.find(part).unwrap();
        let placed = found.alignment.place(&(from..from + part.len()));
        assert_eq!(&yaml[placed], place, "{yaml}");
    }
}

#[test]
fn a_folded_scalar_has_only_one_place() {
    let yaml = "k: >-\n  a\n  b\nx: 1";
    let found = value(yaml);
    assert_eq!((found.style, found.text.as_str()), (Style::Folded, "a b"));
    assert!(!found.alignment.is_exact());
    assert!(yaml[found.alignment.place(&(2..3))].starts_with("a\n  b"));
}

#[test]
fn repeated_keys_are_handed_on() {
    let Shape::Map(entries) = read(0, "a: 1\na: 2\n").unwrap().shape else { panic!() };
    assert_eq!(entries.len(), 2);
}

#[test]
fn a_file_that_is_no_yaml_is_refused_where_it_breaks() {
    let bomb = {
        let mut text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (from, to) in ["a", "b", "c", "d", "e", "f", "g"].windows(2).map(|w| (w[0], w[1])) {
            let list = vec![format!("*{from}"); 10].join(", ");
            text.push_str(&format!("{to}: &{to} [{list}]\n"));
        }
        text
    };
    let deep = format!("a: {}{}", "[".repeat(100), "]".repeat(100));
    for (yaml, code, at, message) in [
        ("a: b: c\n", "E002", ":", "not allowed here"),
        ("é: x == 'a' && y: 3\n", "E002", ":", "not allowed here"),
        ("a:\n\t- b\n", "E002", "-", "tab"),
        ("a: 'x\n", "E002", "'", "unclosed quote"),
        ("a: @x\n", "E002", "@", "unexpected character"),
        ("a: \"\\q\"\n", "E002", "\"", "escape"),
        ("a: 'b'c\n", "E002", "c", "trailing"),
        ("a: *b\n", "E002", "*", "anchor"),
        ("a: 1\n---\nb: 2\n", "E002", "", "more than one"),
        (bomb.as_str(), "E003", "", "too involved"),
        (deep.as_str(), "E003", "", "too involved"),
    ] {
        let error = read(0, yaml).expect_err(yaml);
        assert_eq!(error.code, code, "{yaml}: {}", error.message);
        assert!(error.message.contains(message), "{yaml}: {}", error.message);
        assert!(yaml[error.span.clone()].starts_with(at), "{yaml}: {:?}", error.span);
    }
    let huge = " ".repeat(FILE_BYTES_MAX + 1);
    assert_eq!(read(0, &huge).unwrap_err().code, "E004");
}
