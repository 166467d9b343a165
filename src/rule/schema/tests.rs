//! Does the schema allow what the reader allows, and refuse every other key?

use std::path::Path;

use super::*;
use crate::rule::diagnostic::Files;
use crate::rule::file;
use crate::rule::fixture;
use crate::rule::starter;
use crate::time::Span;

/// Why a value does not fit a schema, as far as our schemas go; a keyword that is not known here
/// fails the test.
#[expect(clippy::too_many_lines, reason = "a keyword a line, in the order of the schemas")]
fn complaints(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let fits = |schema: &Value| {
        let mut inner = Vec::new();
        complaints(root, schema, value, at, &mut inner);
        inner.is_empty()
    };
    for (keyword, wanted) in schema.as_object().unwrap() {
        let holds = match keyword.as_str() {
            "$schema" | "title" | "description" | "$defs" | "examples" => true,
            "$ref" => {
                let name = wanted.as_str().unwrap().strip_prefix("#").unwrap();
                fits(root.pointer(name).unwrap())
            }
            "type" => {
                let is = |kind: &Value| match kind.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "number" => value.is_number(),
                    "integer" => value.is_u64() || value.is_i64(),
                    other => panic!("{other}"),
                };
                wanted.as_array().map_or_else(|| is(wanted), |kinds| kinds.iter().any(is))
            }
            "enum" => wanted.as_array().unwrap().contains(value),
            "anyOf" => wanted.as_array().unwrap().iter().any(fits),
            "required" => value.as_object().is_none_or(|object| {
                let names = wanted.as_array().unwrap().iter();
                names.map(|name| name.as_str().unwrap()).all(|name| object.contains_key(name))
            }),
            "properties" => {
                for (name, inner) in wanted.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        complaints(root, inner, value, &format!("{at}/{name}"), found);
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                for (name, value) in value.as_object().into_iter().flatten() {
                    if known.is_some_and(|known| known.contains_key(name)) {
                        continue;
                    }
                    if wanted == &json!(false) {
                        found.push(format!("{at}: unknown key {name}"));
                    } else {
                        complaints(root, wanted, value, &format!("{at}/{name}"), found);
                    }
                }
                true
            }
            "propertyNames" => value
                .as_object()
                .into_iter()
                .flatten()
                .all(|(name, _)| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')),
            "items" => {
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    complaints(root, wanted, value, &format!("{at}/{index}"), found);
                }
                true
            }
            "minItems" => value.as_array().is_none_or(|list| !list.is_empty()),
            "minimum" => value.as_i64().is_none_or(|number| number >= 1),
            "maximum" => value.as_i64().is_none_or(|number| number <= 0),
            "maxLength" => value.as_str().is_none_or(|text| text.len() <= 80),
            "pattern" => match (wanted.as_str().unwrap(), value.as_str()) {
                (_, None) => true,
                (pattern, Some(text)) if pattern.contains("ms)?$") => Span::parse(text).is_ok(),
                (pattern, Some(text)) if pattern.starts_with("^[A-Z]") => {
                    text.starts_with(|c: char| c.is_ascii_uppercase())
                }
                (_, Some(text)) => text.contains(':'),
            },
            other => panic!("the validator does not know `{other}`"),
        };
        if !holds {
            found.push(format!("{at}: {value} does not fit {keyword} {wanted}"));
        }
    }
}

fn check(schema: &Value, yaml: &str) -> Vec<String> {
    let value: Value = serde_saphyr::from_str(yaml).unwrap();
    let mut found = Vec::new();
    complaints(schema, schema, &value, "", &mut found);
    found
}

#[test]
fn the_starter_rules_and_their_tests_fit() {
    let rules = of_rule_files();
    for (name, text) in starter::STARTER {
        assert_eq!(check(&rules, text), Vec::<String>::new(), "{name}");
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let (files, _, _) = fixture::load(&[folder]);
    for file in 0..files.len() {
        assert_eq!(check(&of_test_files(), files.text(file)), Vec::<String>::new());
    }
}

/// A rule file with every key; `…` is where a key can be put in.
const RULES: &str = "\
groups:
  - name: g
    rules:
      - alert: A
        family: drift
        entity: customer
        on: {every: 1d, at: '07:00', zone: Europe/Berlin, spread: 1h}
        let: {a: '1'}
        when: size(orders) > 0
        for: 0s
        keep_firing_for: 3d
        cooldown: 1h30m
        expires_after: 52w
        value: 5
        episode: date(now)
        at: now
        labels: {severity: info, play: x, other: y}
        annotations: {summary: s, description: d}
        evidence: orders.last(3)
        mode: shadow
      - alert: B
        family: margin
        on: {silence: order, after: mean_gap(orders)}
        annotations: {summary: s}
";

const TESTS: &str = "\
rule_files: [a.rules.yaml]
tests:
  - name: n
    customers: [{customer_id: c, name: n, segment: s, tier: A, owner_rep_id: r}]
    products: [{product_id: p, category: c, brand: b}]
    reps: [{rep_id: r}]
    agreements: [{agreement_id: a, customer_id: c, from: 2025-01-01, to: 2026-01-01, planned_amount: 1, discount_rate: 0.1}]
    peers: [{at: '2025-01-01', every: 1d, count: 2, type: order, lines: [{product_id: p, quantity: 1, net_amount: 4}]}]
    events:
      - {at: '2025-01-01', every: 1d, count: 2, type: order, customer_id: c, currency: USD}
      - {at: '2025-01-01', event_id: e, type: sale, topic: t, lines: [{product_id: p, quantity: '2', unit_price: 2, unit_cost: 1, net_amount: 4}]}
    until: '2025-02-01'
    alerts:
      - {rule: A, customer_id: c, rep_id: r, product_id: p, opened_at: '2025-01-01', labels: {play: x}, value: 1.5, summary: s, description: d, evidence: [e], state: firing}
    quiet: [B]
";

#[test]
fn every_key_that_the_reader_accepts_fits_and_is_described() {
    assert_eq!(check(&of_rule_files(), RULES), Vec::<String>::new());
    assert_eq!(check(&of_test_files(), TESTS), Vec::<String>::new());
    let mut files = Files::default();
    files.add("a.rules.yaml", RULES);
    assert_eq!(file::read(&files).1, []);
    let number = files.add("a.test.yaml", TESTS);
    assert_eq!(fixture::read(number, &files).1, []);
    let schemas = of_rule_files().to_string() + &of_test_files().to_string();
    for keys in [
        &keys::RULE_FILE[..],
        &keys::GROUP,
        &keys::RULE,
        &keys::SILENCE,
        &keys::SCHEDULE,
        &keys::LABELS,
        &keys::ANNOTATIONS,
        &keys::TEST_FILE,
        &keys::TEST,
        &keys::CUSTOMER,
        &keys::PRODUCT,
        &keys::REP,
        &keys::LINE,
        &keys::EVENT,
        &keys::EXPECTED,
    ] {
        for key in keys {
            let meaning = json!(key.meaning).to_string();
            assert!(schemas.contains(&meaning), "{}: {meaning}", key.name);
            let written =
                [RULES, TESTS].iter().any(|text| text.contains(&format!("{}:", key.name)));
            assert!(written, "the examples above lack `{}`", key.name);
        }
    }
}

#[test]
fn a_key_that_is_not_known_does_not_fit_anywhere() {
    for (schema, text) in [(of_rule_files(), RULES), (of_test_files(), TESTS)] {
        // An event's own fields are free, so `every` is told from them only by its place.
        for key in ["groups", "name", "alert", "when", "summary", "silence", "rule_files", "rule"] {
            let wrong = text.replacen(&format!("{key}: "), &format!("x{key}: x, {key}: "), 1);
            let in_flow = format!("{{{key}: ");
            if text.contains(&in_flow) && !text.contains(&format!("- {in_flow}")) {
                assert!(!check(&schema, &wrong).is_empty(), "{wrong}");
            }
            let wrong = text.replacen(&format!("{key}:"), &format!("{key}s:"), 1);
            if text.contains(&format!("{key}:")) {
                assert!(!check(&schema, &wrong).is_empty(), "{wrong}");
            }
        }
    }
    let replaced = |from: &str, to: &str| check(&of_rule_files(), &RULES.replacen(from, to, 1));
    for (from, to) in [
        ("family: drift", "family: drfit"),
        ("severity: info", "severity: high"),
        ("mode: shadow", "mode: dark"),
        ("cooldown: 1h30m", "cooldown: soon"),
        ("        when: size(orders) > 0\n", ""),
        ("on: {every: 1d, at: '07:00', zone: Europe/Berlin, spread: 1h}", "on: [ordr]"),
        ("alert: A", "alert: margin falls"),
    ] {
        assert!(!replaced(from, to).is_empty(), "{to}");
    }
}
