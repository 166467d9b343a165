//! How is one rule read from its mapping?

use crate::alert::Family;
use crate::alert::Severity;
use crate::event::EntityKind;
use crate::rule::diagnostic::Diagnostic;
use crate::rule::document::Fields;
use crate::rule::document::Located;
use crate::rule::document::Reader;
use crate::rule::document::Shape;
use crate::rule::document::Yaml;
use crate::rule::file::Formula;
use crate::rule::file::Mode;
use crate::rule::file::RuleSource;
use crate::rule::file::Trigger;
use crate::rule::file::part;
use crate::rule::keys;
use crate::rule::template::Template;
use crate::state::builtin;
use crate::time::Span;

const ENTITIES: [(EntityKind, &str); 3] = [
    (EntityKind::Customer, "customer"),
    (EntityKind::Rep, "rep"),
    (EntityKind::Product, "product"),
];

const SEVERITIES: [(Severity, &str); 3] =
    [(Severity::Info, "info"), (Severity::Warning, "warning"), (Severity::Critical, "critical")];

/// Words that an expression cannot use as a name.
const RESERVED: [&str; 20] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "var",
    "while",
];

/// Most characters of a rule's name.
const NAME_CHARS_MAX: usize = 80;

/// One rule; `None` when something is wrong with it, which is reported.
pub(super) fn rule(reader: &mut Reader, yaml: &Yaml) -> Option<RuleSource> {
    let problems_before = reader.problems.len();
    let mut fields = reader.fields(yaml, "the rule", &keys::names(&keys::RULE))?;
    let alert = reader
        .require(&fields, "alert", "name the rule, e.g. `alert: MarginBelowOwnBaseline`")
        .and_then(|yaml| alert_name(reader, yaml));
    if let Some(named) = fields.get("alert") {
        fields.span = named.span.clone();
    }
    let family = reader
        .require(&fields, "family", "write e.g. `family: margin`")
        .and_then(|yaml| reader.choice(yaml, "family", &Family::ALL));
    let entity = fields.get("entity").and_then(|y| reader.choice(y, "entity", &ENTITIES));
    let on = reader
        .require(&fields, "on", "say what makes it look, e.g. `on: [order]`")
        .and_then(|yaml| trigger(reader, yaml));
    let is_silence = matches!(&on, Some(Located { value: Trigger::Silence { .. }, .. }));
    if fields.get("when").is_none() && on.is_some() && !is_silence {
        reader.require(&fields, "when", "write the condition, e.g. `when: size(orders) > 0`");
    }
    let parts = parts(reader, &fields);
    let when = formula(reader, &fields, "when");
    let holds_for = duration(reader, &fields, "for");
    let keep_firing_for = duration(reader, &fields, "keep_firing_for");
    let cooldown = duration(reader, &fields, "cooldown");
    let expires_after = duration(reader, &fields, "expires_after");
    let value = formula(reader, &fields, "value");
    let episode = formula(reader, &fields, "episode");
    let at = formula(reader, &fields, "at");
    let labels = labels(reader, &fields);
    let annotations = annotations(reader, &fields);
    let evidence = formula(reader, &fields, "evidence");
    let mode = fields.get("mode").and_then(|y| reader.choice(y, "mode", &Mode::ALL));
    if reader.problems[problems_before..].iter().any(Diagnostic::is_error) {
        return None;
    }
    let (summary, description) = annotations?;
    Some(RuleSource {
        file: reader.file,
        alert: alert?,
        family: family?,
        entity: entity.map_or(EntityKind::Customer, |entity| entity.value),
        on: on?,
        parts,
        when,
        holds_for,
        keep_firing_for,
        cooldown,
        expires_after,
        value,
        episode,
        at,
        labels,
        summary,
        description,
        evidence,
        mode: mode.map_or(Mode::Live, |mode| mode.value),
    })
}

fn formula(reader: &mut Reader, fields: &Fields<'_>, key: &str) -> Option<Formula> {
    part::formula(reader, fields.get(key)?, key)
}

fn duration(reader: &mut Reader, fields: &Fields<'_>, key: &str) -> Option<Located<Span>> {
    reader.duration(fields.get(key)?, key)
}

fn alert_name(reader: &mut Reader, yaml: &Yaml) -> Option<Located<String>> {
    let name = reader.text(yaml, "alert")?;
    let text = name.value.as_str();
    let camel = text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_alphanumeric());
    if camel && text.len() <= NAME_CHARS_MAX {
        return Some(name);
    }
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let joined: String = words
        .flat_map(|word| {
            word[..1].to_ascii_uppercase().chars().chain(word[1..].chars()).collect::<Vec<_>>()
        })
        .collect();
    let problem = reader.error("E107", &name.span, format!("`{text}` is not a name for an alert"));
    let usable = joined.starts_with(|c: char| c.is_ascii_uppercase()) && joined != text;
    let help = if usable && joined.len() <= NAME_CHARS_MAX {
        format!("write it in CamelCase, `{joined}`")
    } else {
        format!("write up to {NAME_CHARS_MAX} letters and digits in CamelCase, e.g. `MarginFalls`")
    };
    reader.report(problem.with_help(help));
    None
}

/// `on: [order]`, `on: {silence: …}`, `on: {every: …}`.
fn trigger(reader: &mut Reader, yaml: &Yaml) -> Option<Located<Trigger>> {
    let located = |value| Some(Located { value, span: yaml.span.clone() });
    let help =
        "write e.g. `[order]`, `{silence: order, after: \"30d\"}` or `{every: 1d, at: \"07:00\"}`";
    match &yaml.shape {
        Shape::List(items) => {
            if items.is_empty() {
                let problem = reader.error("E109", &yaml.span, "`on` names no event");
                reader.report(problem.with_help(help));
                return None;
            }
            let events = reader.texts(yaml, "on")?;
            (events.len() == items.len()).then_some(Trigger::Events(events)).and_then(located)
        }
        Shape::Map(entries) => {
            let has = |key: &str| {
                entries.iter().any(|(k, _)| matches!(&k.shape, Shape::Scalar(s) if s.text == key))
            };
            if has("every") {
                let fields = reader.fields(yaml, "a schedule", &keys::names(&keys::SCHEDULE))?;
                let every = fields.get("every").and_then(|every| interval(reader, every));
                let at = match fields.get("at") {
                    Some(at) => Some(time_of_day(reader, at)?),
                    None => None,
                };
                let zone = match fields.get("zone") {
                    Some(zone) => Some(time_zone(reader, zone)?),
                    None => None,
                };
                let spread = match fields.get("spread") {
                    Some(spread) => Some(reader.duration(spread, "spread")?),
                    None => None,
                };
                return located(Trigger::Every { every: every?, at, zone, spread });
            }
            let fields = reader.fields(yaml, "a silence", &keys::names(&keys::SILENCE))?;
            let event = reader
                .require(&fields, "silence", help)
                .and_then(|event| reader.text(event, "silence"));
            let after = reader
                .require(&fields, "after", "say how long, e.g. `after: \"30d\"`")
                .and_then(|after| part::formula(reader, after, "after"));
            located(Trigger::Silence { event: event?, after: after? })
        }
        Shape::Null | Shape::Scalar(_) => {
            let message = format!("`on` is a list or a mapping, here is {}", yaml.noun());
            let problem = reader.error("E109", &yaml.span, message);
            reader.report(match &yaml.shape {
                Shape::Scalar(event) => problem.with_help(format!("write `[{}]`", event.text)),
                _ => problem.with_help(help),
            });
            None
        }
    }
}

fn interval(reader: &mut Reader, yaml: &Yaml) -> Option<Located<Span>> {
    let every = reader.duration(yaml, "every")?;
    if every.value == Span::ZERO {
        let problem = reader.error("E106", &every.span, "`every` is longer than nothing");
        reader.report(problem.with_help("write e.g. `every: 1d`"));
        return None;
    }
    Some(every)
}

/// `Europe/Berlin`, `+07:00`.
fn time_zone(reader: &mut Reader, yaml: &Yaml) -> Option<Located<String>> {
    let text = reader.text(yaml, "zone")?;
    if builtin::time_zone(&text.value).is_none() {
        let message = format!("there is no time zone `{}`", text.value);
        let problem = reader.error("E112", &text.span, message);
        reader.report(problem.with_help(
            "write a name of the IANA database such as `Europe/Berlin`, or e.g. `\"+07:00\"`",
        ));
        return None;
    }
    Some(text)
}

/// `07:00`, from midnight.
fn time_of_day(reader: &mut Reader, yaml: &Yaml) -> Option<Located<Span>> {
    let text = reader.text(yaml, "at")?;
    let parsed = text.value.split_once(':').and_then(|(hours, minutes)| {
        let two = |digits: &str, below: i64| {
            let plain =
                (1..=2).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            digits.parse::<i64>().ok().filter(|number| plain && *number < below)
        };
        Some((two(hours, 24)? * 60 + two(minutes, 60)?) * 60_000)
    });
    if parsed.is_none() {
        let message = format!("`{}` is not a time of day", text.value);
        let problem = reader.error("E112", &text.span, message);
        reader.report(problem.with_help("write hours and minutes, e.g. `at: \"07:00\"`"));
    }
    parsed.map(|millis| text.map(|_| Span::from_millis(millis)))
}

/// `let`, in the order of the file.
fn parts(reader: &mut Reader, fields: &Fields<'_>) -> Vec<(Located<String>, Formula)> {
    let Some(names) = fields.get("let").and_then(|yaml| reader.any_fields(yaml, "`let`")) else {
        return Vec::new();
    };
    let mut parts = Vec::with_capacity(names.entries.len());
    for (name, span, yaml) in names.entries {
        let fits = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !RESERVED.contains(&name);
        if !fits {
            let problem = reader.error("E110", &span, format!("`{name}` is not a name for a part"));
            reader.report(problem.with_help(
                "write small letters, digits and `_`, e.g. `recent_margin`, and no word of CEL",
            ));
        }
        if let Some(formula) = part::formula(reader, yaml, name) {
            parts.push((Located { value: name.to_owned(), span }, formula));
        }
    }
    parts
}

fn labels(reader: &mut Reader, fields: &Fields<'_>) -> Vec<(Located<String>, Located<String>)> {
    let Some(found) = fields.get("labels").and_then(|y| reader.any_fields(y, "`labels`")) else {
        return Vec::new();
    };
    let mut labels = Vec::with_capacity(found.entries.len());
    for (name, span, yaml) in found.entries {
        let fits = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !fits {
            let problem =
                reader.error("E111", &span, format!("`{name}` is not a name for a label"));
            reader.report(problem.with_help("write small letters, digits and `_`, e.g. `play`"));
        }
        if name == "severity" && reader.choice(yaml, name, &SEVERITIES).is_none() {
            continue;
        }
        let Some(text) = reader.text(yaml, name) else { continue };
        if text.value.contains("{{") {
            let problem = reader.error("E111", &text.span, "a label is a plain text");
            reader.report(problem.with_help("put values into `annotations`"));
        }
        labels.push((Located { value: name.to_owned(), span }, text));
    }
    labels
}

fn annotations(reader: &mut Reader, fields: &Fields<'_>) -> Option<(Template, Option<Template>)> {
    let help = "write e.g. `annotations: {summary: \"{{ customer.name }} stays away\"}`";
    let yaml = reader.require(fields, "annotations", help)?;
    let texts = reader.fields(yaml, "`annotations`", &keys::names(&keys::ANNOTATIONS))?;
    let summary = reader
        .require(&texts, "summary", help)
        .and_then(|yaml| part::template(reader, yaml, "summary"));
    let description = match texts.get("description") {
        Some(yaml) => Some(part::template(reader, yaml, "description")?),
        None => None,
    };
    Some((summary?, description))
}
