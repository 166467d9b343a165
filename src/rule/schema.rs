//! What may stand in a rule file or a test file, as a JSON Schema (2020-12) for editors.
//!
//! It is made from the tables in [`keys`](crate::rule::keys) that the reader uses, so it knows each
//! key with its meaning and no other. What expressions mean is for `rules check`.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::rule::keys;
use crate::rule::keys::Holds;
use crate::rule::keys::Key;
use crate::rule::words;
use crate::rule::words::Word;

/// The schema of rule files.
pub fn of_rule_files() -> Value {
    whole("Siaga rule file", "Rules: what a sales person should hear about.", false)
}

/// The schema of test files.
pub fn of_test_files() -> Value {
    whole("Siaga test file", "Tests of rules on a virtual clock.", true)
}

fn whole(title: &str, description: &str, is_test: bool) -> Value {
    let mut schema = node(keys::of_file(is_test));
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "description": description,
        "$defs": definitions(),
    });
    // A definition that is not used would only puzzle who reads the schema.
    let used = schema.to_string();
    if let (Value::Object(schema), Value::Object(head)) = (&mut schema, head) {
        schema.extend(head);
        if let Some(Value::Object(definitions)) = schema.get_mut("$defs") {
            definitions.retain(|name, _| used.contains(&format!("\"#/$defs/{name}\"")));
        }
    }
    schema
}

/// What is written the same way under many keys.
fn definitions() -> Value {
    // A plain YAML value is a number or a truth value to a schema before anybody can ask.
    let plain = json!(["string", "number", "boolean"]);
    json!({
        "text": {"type": plain},
        "expression": {"type": plain, "description": "a CEL expression"},
        "template": {"type": plain, "description": "a text; `{{ … }}` holds an expression"},
        "duration": {
            // `0` is a length, and a number to YAML.
            "type": ["string", "integer"],
            "maximum": 0,
            "pattern": "^(?=.)([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$",
            "examples": ["15m", "30d", "52w", "1h30m"],
        },
        "time_of_day": {"type": "string", "pattern": "^[0-9]{1,2}:[0-9]{1,2}$", "examples": ["07:00"]},
        "instant": {"type": "string", "examples": ["2025-03-01", "2025-03-01T09:30:00Z"]},
    })
}

/// The schema of a node.
fn node(holds: Holds) -> Value {
    match holds {
        Holds::Mapping(keys) => mapping(keys),
        Holds::Record(keys) => json!({
            "type": "object", "properties": properties(keys), "required": required(keys),
        }),
        Holds::Named(inner) => {
            let mut named = json!({"type": "object", "additionalProperties": node(*inner)});
            if matches!(inner, Holds::Expression) {
                named["propertyNames"] = json!({"pattern": "^[a-z_][A-Za-z0-9_]*$"});
            }
            named
        }
        Holds::List(inner) => json!({"type": "array", "items": node(*inner)}),
        Holds::Labels => json!({
            "type": "object",
            "properties": properties(&keys::LABELS),
            "propertyNames": {"pattern": "^[a-z][a-z0-9_]*$"},
            "additionalProperties": {"$ref": "#/$defs/text"},
        }),
        Holds::Trigger => json!({
            "anyOf": [
                {
                    "type": "array", "minItems": 1,
                    "items": {"enum": names(&words::KINDS)},
                    "description": "types of events",
                },
                described(mapping(&keys::SILENCE), "no such event for a while"),
                described(mapping(&keys::SCHEDULE), "a schedule"),
            ],
        }),
        Holds::AlertName => json!({
            "type": "string", "pattern": "^[A-Z][A-Za-z0-9]*$", "maxLength": 80,
        }),
        Holds::Choice(words) => json!({"enum": names(words)}),
        // What the decoder takes, it takes in more than one form.
        Holds::Datum(_) => json!({}),
        Holds::Expression => json!({"$ref": "#/$defs/expression"}),
        Holds::Template => json!({"$ref": "#/$defs/template"}),
        Holds::Text | Holds::Likewise | Holds::Rule | Holds::RuleFile => {
            json!({"$ref": "#/$defs/text"})
        }
        Holds::Duration => json!({"$ref": "#/$defs/duration"}),
        Holds::TimeOfDay => json!({"$ref": "#/$defs/time_of_day"}),
        Holds::Instant => json!({"$ref": "#/$defs/instant"}),
        Holds::Number => json!({"type": "number"}),
        Holds::Count => json!({"type": "integer", "minimum": 1}),
    }
}

fn names(words: &[Word]) -> Vec<&'static str> {
    words.iter().map(|(word, _)| *word).collect()
}

fn mapping(keys: &[Key]) -> Value {
    let mut schema = json!({
        "type": "object",
        "properties": properties(keys),
        "required": required(keys),
        "additionalProperties": false,
    });
    if keys.iter().any(|key| key.name == "when") {
        // A silence may be the condition itself.
        let silence = json!({"properties": {"on": {"type": "object", "required": ["silence"]}}});
        schema["required"] = required(keys)
            .as_array()
            .map(|names| names.iter().filter(|name| *name != "when").cloned().collect())
            .unwrap_or_default();
        schema["anyOf"] = json!([{"required": ["when"]}, silence]);
    }
    schema
}

fn properties(keys: &[Key]) -> Map<String, Value> {
    keys.iter().map(|key| (key.name.to_owned(), described(node(key.holds), key.meaning))).collect()
}

fn required(keys: &[Key]) -> Value {
    keys.iter().filter(|key| key.needed).map(|key| key.name).collect()
}

fn described(mut schema: Value, meaning: &str) -> Value {
    schema["description"] = json!(meaning);
    schema
}

#[cfg(test)]
mod tests;
