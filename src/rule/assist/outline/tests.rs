//! Does the outline say what stands there, and does every text have one?

use proptest::prelude::*;

use super::*;
use crate::rule::document;
use crate::rule::document::Shape as Read;
use crate::rule::document::Yaml;

/// Each written value as `path=value`.
fn leaves(text: &str) -> Vec<String> {
    let outline = Outline::read(text);
    let shown = outline.nodes().filter(|(_, node)| node.shape.is_written() || node.bare);
    let shown = shown.map(|(index, node)| {
        let sign = if node.bare { "?" } else { "=" };
        format!("{}{sign}{}", outline.path(index).join("."), outline.raw(index))
    });
    shown.collect()
}

#[test]
fn blocks_brackets_and_texts_are_told_apart() {
    for (text, want) in [
        ("a: 1\nb:\n  c: x # y\n  d: 'é: z'\n", vec!["a=1", "b.c=x", "b.d=é: z"]),
        ("a:\n- b: 1\n  c: 2\n- 3\nd: 4", vec!["a.-.b=1", "a.-.c=2", "a.-=3", "d=4"]),
        ("a: [x, 'y', {b: 1, c}]", vec!["a.-=x", "a.-=y", "a.-.b=1", "a.-.c?"]),
        ("a: {b: [1,\n  2], c: f(x) * 3}\nd: 5", vec!["a.b.-=1", "a.b.-=2", "a.c=f(x) * 3", "d=5"]),
        ("a: |\n  x: 1\n\n  y\nb: 2", vec!["a=  x: 1\n\n  y", "b=2"]),
        ("a: >-\n  x\nb: 2", vec!["a=  x", "b=2"]),
        ("a: x &&\n  y\nb: 2", vec!["a=x &&\n  y", "b=2"]),
        ("a:\n  x > 5\nb: 2", vec!["a=x > 5", "b=2"]),
        ("a: &n |\n  x\nb: *n", vec!["a=  x", "b=*n"]),
        ("a: \"x\n  \\\" y\"\nb: 2", vec!["a=x\n  \\\" y", "b=2"]),
        ("- - a\n  - b\n- c: d", vec!["-.-=a", "-.-=b", "-.c=d"]),
        ("# c\n---\na: 1", vec!["a=1"]),
    ] {
        assert_eq!(leaves(text), want, "{text}");
    }
}

#[test]
fn what_is_half_typed_leaves_the_rest_alone() {
    for (text, want) in [
        ("a: 1\nwh\nb: 2", vec!["a=1", "wh?", "b=2"]),
        ("a:\n  b: [x,\n  c: 1\nd: 2", vec!["a.b.-=x", "a.c=1", "d=2"]),
        ("a: {b: 1, c\nd: 2", vec!["a.b=1", "a.c?", "d=2"]),
        ("a: 'x\nb: 2", vec!["a=x", "b=2"]),
        ("a:\n  - al\n  - b: 1", vec!["a.-=al", "a.-.b=1"]),
        ("a:\n  b:\n    c: 1\n  d\n", vec!["a.b.c=1", "a.d?"]),
        ("a: |\nb: 1", vec!["a=", "b=1"]),
        ("a: 'x' == y # z\nb: 'x' # y", vec!["a='x' == y", "b=x"]),
        ("a:\n  b\n  c: 1", vec!["a.b?", "a.c=1"]),
        ("a:\n  b: {c: 1\n  d\n", vec!["a.b.c=1", "a.d?"]),
        ("a: [\n  b,\n]\nc: 1", vec!["a.-=b", "c=1"]),
    ] {
        assert_eq!(leaves(text), want, "{text}");
    }
}

/// Each scalar of the parser with its path, aliases left out.
fn walk(yaml: &Yaml, path: &str, found: &mut Vec<(String, usize)>) {
    match &yaml.shape {
        Read::Scalar(_) => found.push((path.to_owned(), yaml.span.start)),
        Read::Null => {}
        Read::List(items) => items.iter().for_each(|item| walk(item, &format!("{path}.-"), found)),
        Read::Map(entries) => {
            for (key, value) in entries {
                let Read::Scalar(key) = &key.shape else { continue };
                walk(value, &format!("{path}.{}", key.text), found);
            }
        }
    }
}

#[test]
fn sound_files_are_read_as_the_parser_reads_them() {
    for file in ["cross_sell.rules", "drift.rules", "margin.rules", "drift.test", "margin.test"] {
        let path = format!("{}/rules/{file}.yaml", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let (yaml, outline) = (document::read(0, &text).unwrap(), Outline::read(&text));
        let mut want = Vec::new();
        walk(&yaml, "", &mut want);
        let written = outline.nodes().filter(|(_, node)| node.shape.is_written());
        let found: Vec<_> = written
            .map(|(index, node)| {
                let start = outline.node(outline.resolved(index)).value.start;
                let block = matches!(node.shape, Shape::Literal | Shape::Alias);
                let start = if block { start + blanks(&text, start) } else { start };
                (format!(".{}", outline.path(index).join(".")), start)
            })
            .collect();
        assert_eq!(found, want, "{file}");
    }
}

proptest! {
    #[test]
    fn every_text_has_an_outline(text in "([a-c]|[:,'\"|>&*!#{}\\[\\]\n\r é-]|  |- |: ){0,60}") {
        let outline = Outline::read(&text);
        for (index, node) in outline.nodes() {
            prop_assert!(text.get(node.value.clone()).is_some(), "value of {index}");
            prop_assert!(text.get(node.span.clone()).is_some(), "span of {index}");
            prop_assert!(index == ROOT || node.parent < index);
            let _ = (outline.raw(index), outline.path(index), outline.resolved(index));
        }
        for offset in 0..=text.len() {
            let _ = outline.at(offset);
        }
    }
}
