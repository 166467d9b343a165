//! Which keys may stand where, what do they mean, and what do they take?
//!
//! ```text
//! groups . - . rules . - . keep_firing_for  ──► Key { what it means, Takes::Duration }
//! tests  . - . alerts . - . rule            ──► Key { …, Takes::Rule }
//! ```

use crate::rule::assist::words;
use crate::rule::assist::words::Word;

/// A key with its meaning.
#[derive(Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What it says, in one or two sentences.
    pub what: &'static str,
    /// What stands behind it.
    pub takes: Takes,
    /// What is put behind it when it is completed, with `${1:…}` where something is to be filled
    /// in.
    pub start: &'static str,
}

/// What a value can be.
#[derive(Debug, Clone, Copy)]
pub enum Takes {
    /// A text of the author's own.
    Text,
    /// A number.
    Number,
    /// An instant or a day.
    Instant,
    /// A length of time.
    Duration,
    /// An expression.
    Expression,
    /// A text with expressions.
    Template,
    /// One of some words.
    Choice(&'static [Word]),
    /// The name of a rule of the folder.
    Rule,
    /// The name of a rule file.
    RuleFile,
    /// A text that is likely one of those under this key elsewhere in the folder.
    Likewise,
    /// A mapping with these keys.
    Map(&'static [Key]),
    /// A mapping with names of the author's own, each with such a value.
    Named(&'static Self),
    /// A mapping with these keys and names of the author's own besides.
    Open(&'static [Key]),
    /// A list of such items.
    List(&'static Self),
    /// Either: what makes a rule look is a list of events or a mapping.
    Either(&'static Self, &'static Self),
}

const fn key(name: &'static str, takes: Takes, start: &'static str, what: &'static str) -> Key {
    Key { name, what, takes, start }
}

/// A rule file.
pub const RULE_FILE: Takes = Takes::Map(&[key(
    "groups",
    Takes::List(&GROUP),
    "\n  - name: ${1:name}\n    rules:\n      - $0",
    "The groups of rules; a rule file starts with it.",
)]);

/// A test file.
pub const TEST_FILE: Takes = Takes::Map(&[
    key(
        "rule_files",
        Takes::List(&Takes::RuleFile),
        " [${1:name.rules.yaml}]",
        "The rule files under test; paths count from the folder of this file.",
    ),
    key(
        "tests",
        Takes::List(&TEST),
        "\n  - name: ${1:what is claimed}\n    $0",
        "The tests. Each runs by itself on a virtual clock, through the decoder and the engine that serve.",
    ),
]);

const GROUP: Takes = Takes::Map(&[
    key("name", Takes::Text, " ${1:name}", "The name of the group, once in a file."),
    key("rules", Takes::List(&RULE), "\n  - $0", "The rules of the group."),
]);

/// A rule.
pub const RULE: Takes = Takes::Map(&[
    key(
        "alert",
        Takes::Text,
        " ${1:NameInCamelCase}",
        "The rule's name, in CamelCase. It names its alerts everywhere, so keep it.",
    ),
    key(
        "family",
        Takes::Choice(&words::FAMILIES),
        " ",
        "What kind of chance or danger it looks for.",
    ),
    key(
        "entity",
        Takes::Choice(&words::ENTITIES),
        " ",
        "Whose history the lists are: `customer` (when nothing is said), `rep` or `product`.",
    ),
    key(
        "on",
        Takes::Either(&Takes::List(&Takes::Choice(&words::KINDS)), &TRIGGER),
        " [${1:order}]",
        "What makes the rule look: `[order, call.started]` events, `{silence: order, after: …}` a silence, `{every: 1d, at: \"07:00\"}` a schedule.",
    ),
    key(
        "let",
        Takes::Named(&Takes::Expression),
        "\n  ${1:name}: $0",
        "Named parts, in order; each may use those above it. They are shown with the alert as its reasons.",
    ),
    key(
        "when",
        Takes::Expression,
        " ",
        "The condition. A silence may do without: then the silence is the condition.",
    ),
    key("for", Takes::Duration, " ", "How long `when` must hold before the alert opens."),
    key(
        "keep_firing_for",
        Takes::Duration,
        " ",
        "How long `when` must be false before the alert closes: a short dip does not close it.",
    ),
    key(
        "cooldown",
        Takes::Duration,
        " ",
        "How long the rule is quiet for the entity after an alert has closed.",
    ),
    key(
        "expires_after",
        Takes::Duration,
        " ",
        "When the moment passes: the alert closes by itself. `0s` is over as soon as it is told.",
    ),
    key("value", Takes::Expression, " ", "The money at stake; it ranks the inbox."),
    key(
        "episode",
        Takes::Expression,
        " ",
        "Names the occurrence, e.g. `date(event.time)`: one alert for each, in place of one at a time.",
    ),
    key("at", Takes::Expression, " ", "The instant that the alert speaks of, where it is not now."),
    key(
        "labels",
        Takes::Open(&LABELS),
        " {severity: ${1:warning}, play: ${2:play}}",
        "Plain words. `severity` is `info`, `warning` (when nothing is said) or `critical`.",
    ),
    key(
        "annotations",
        Takes::Map(&ANNOTATIONS),
        "\n  summary: \"${1:{{ customer.name \\}\\}}\"",
        "What people read: `summary`, the line in the inbox, and `description`.",
    ),
    key(
        "evidence",
        Takes::Expression,
        " ",
        "The events shown behind the alert; else the one that set it off, or the newest twelve orders.",
    ),
    key(
        "mode",
        Takes::Choice(&words::MODES),
        " ",
        "Whether alerts reach anybody: `live`, `shadow` (to the record only), `off`.",
    ),
]);

const TRIGGER: Takes = Takes::Map(&[
    key(
        "silence",
        Takes::Choice(&words::KINDS),
        " ",
        "Each event of this type sets a timer; the rule looks when it is over. The next such event closes the alert.",
    ),
    key(
        "after",
        Takes::Expression,
        " ",
        "How long the silence may last, e.g. `mean_gap(orders) * 3` or `duration('30d')`.",
    ),
    key(
        "every",
        Takes::Duration,
        " ",
        "How often the rule looks, from the first event of the entity on.",
    ),
    key("at", Takes::Text, " \"${1:07:00}\"", "The time of day of a schedule."),
    key(
        "zone",
        Takes::Text,
        " ${1:Europe/Berlin}",
        "Whose time of day, by its IANA name or as `+07:00`; UTC when nothing is said.",
    ),
    key(
        "spread",
        Takes::Duration,
        " ",
        "Each entity's own moment lies within so long after the time of day, always the same.",
    ),
]);

const LABELS: [Key; 2] = [
    key("severity", Takes::Choice(&words::SEVERITIES), " ", "How urgent the alert is."),
    key("play", Takes::Likewise, " ", "What a sales person is to do about it."),
];

const ANNOTATIONS: [Key; 2] = [
    key(
        "summary",
        Takes::Template,
        " \"$1\"",
        "The line in the inbox. `{{ … }}` holds an expression, and is written as suits its type.",
    ),
    key("description", Takes::Template, " \"$1\"", "What more there is to say."),
];

const TEST: Takes = Takes::Map(&[
    key("name", Takes::Text, " ", "The claim."),
    key(
        "customers",
        Takes::List(&Takes::Open(&CUSTOMER)),
        "\n  - {customer_id: ${1:c1}, name: ${2:Name}}",
        "Customers that are known beforehand, with the field names of data files.",
    ),
    key(
        "products",
        Takes::List(&Takes::Open(&PRODUCT)),
        "\n  - {product_id: ${1:p1}, category: ${2:Category}}",
        "Products that are known beforehand, with the field names of data files.",
    ),
    key(
        "reps",
        Takes::List(&Takes::Open(&REP)),
        "\n  - {rep_id: ${1:r1}}",
        "Sales persons that are known beforehand, with the field names of data files.",
    ),
    key(
        "events",
        Takes::List(&Takes::Open(&EVENT)),
        "\n  - {at: ${1:2025-01-01}, customer_id: ${2:c1}, type: ${3:order}}",
        "Events in the line form, each with `at`; `every: 30d, count: 6` makes six of them.",
    ),
    key(
        "until",
        Takes::Instant,
        " ",
        "How far the clock goes on after the last event: silences and schedules need it.",
    ),
    key(
        "alerts",
        Takes::List(&EXPECTED),
        "\n  - {rule: $1}",
        "The alerts that are to come; of a rule that is named, all of them.",
    ),
    key("quiet", Takes::List(&Takes::Rule), " [$1]", "Rules that are not to fire at all."),
]);

const CUSTOMER: [Key; 5] = [
    key("customer_id", Takes::Likewise, " ", "Its id."),
    key("name", Takes::Text, " ", "What people call it."),
    key("segment", Takes::Likewise, " ", "Line of business."),
    key("tier", Takes::Likewise, " ", "Importance: A, B …"),
    key("owner_rep_id", Takes::Likewise, " ", "Id of its rep."),
];

const PRODUCT: [Key; 4] = [
    key("product_id", Takes::Likewise, " ", "Its id."),
    key("name", Takes::Text, " ", "What people call it."),
    key("category", Takes::Likewise, " ", "Its category."),
    key("brand", Takes::Likewise, " ", "Its brand."),
];

const REP: [Key; 2] = [
    key("rep_id", Takes::Likewise, " ", "The id of the sales person."),
    key("name", Takes::Text, " ", "The name of the sales person."),
];

const EVENT: [Key; 10] = [
    key("at", Takes::Instant, " ", "When it happens, the first one of several."),
    key("every", Takes::Duration, " ", "From one to the next; with `count`."),
    key("count", Takes::Number, " ", "With `every`, how many there are in all."),
    key("type", Takes::Choice(&words::KINDS), " ", "What happened."),
    key("customer_id", Takes::Likewise, " ", "Id of the customer."),
    key("rep_id", Takes::Likewise, " ", "Id of the sales person."),
    key(
        "event_id",
        Takes::Text,
        " ",
        "Its id; else it is called `t2-e1-0`: test 2, its event 1, repeat 0.",
    ),
    key("currency", Takes::Likewise, " ", "Currency of its amounts."),
    key("topic", Takes::Likewise, " ", "What it was about."),
    key(
        "lines",
        Takes::List(&Takes::Open(&LINE)),
        " [{product_id: ${1:p1}, quantity: ${2:1}, net_amount: ${3:100}}]",
        "Its lines.",
    ),
];

const LINE: [Key; 7] = [
    key("product_id", Takes::Likewise, " ", "Id of the product."),
    key("category", Takes::Likewise, " ", "Category of the product."),
    key("brand", Takes::Likewise, " ", "Brand of the product."),
    key("quantity", Takes::Number, " ", "Units sold."),
    key("unit_price", Takes::Number, " ", "Price of a unit, before discount."),
    key("unit_cost", Takes::Number, " ", "Cost of a unit."),
    key("net_amount", Takes::Number, " ", "Amount after discount."),
];

const EXPECTED: Takes = Takes::Map(&[
    key("rule", Takes::Rule, " ", "The rule that fires."),
    key("customer_id", Takes::Likewise, " ", "Of which customer."),
    key("rep_id", Takes::Likewise, " ", "Of which rep."),
    key("product_id", Takes::Likewise, " ", "Of which product."),
    key("opened_at", Takes::Instant, " ", "When it begins to fire."),
    key("value", Takes::Number, " ", "Money at stake, to the cent."),
    key("labels", Takes::Open(&LABELS), " {$1}", "Labels that it has, among others."),
    key("summary", Takes::Text, " \"$1\"", "The line in the inbox."),
    key("description", Takes::Text, " \"$1\"", "What more there is to say."),
    key(
        "evidence",
        Takes::List(&Takes::Text),
        " [$1]",
        "Ids of events that are behind it, among others.",
    ),
    key("state", Takes::Choice(&words::STATES), " ", "How it stands at the end."),
]);

/// What may stand at the end of a path of keys, `-` being an item; none where nothing is known.
pub fn takes(file: Takes, path: &[&str]) -> Option<Takes> {
    let mut at = file;
    for step in path {
        at = below(at, step)?;
    }
    Some(at)
}

fn below(takes: Takes, step: &str) -> Option<Takes> {
    match takes {
        Takes::List(item) if step == "-" => Some(*item),
        Takes::Map(keys) => find(keys, step).map(|key| key.takes),
        Takes::Open(keys) => Some(find(keys, step).map_or(Takes::Likewise, |key| key.takes)),
        Takes::Named(value) => Some(*value),
        Takes::Either(first, second) => below(*first, step).or_else(|| below(*second, step)),
        _ => None,
    }
}

/// The keys of a mapping, where some are known.
pub fn keys(takes: Takes) -> &'static [Key] {
    match takes {
        Takes::Map(keys) | Takes::Open(keys) => keys,
        Takes::Either(_, second) => keys(*second),
        _ => &[],
    }
}

/// A key by its name.
pub fn find<'k>(keys: &'k [Key], name: &str) -> Option<&'k Key> {
    keys.iter().find(|key| key.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::diagnostic::Files;
    use crate::rule::file;
    use crate::rule::fixture;

    /// The keys that a reader names when it meets an unknown one.
    fn told(name: &str, text: &str) -> Vec<String> {
        let mut files = Files::default();
        files.add(name, text);
        let problems = match name {
            "rules" => file::read(&files).1,
            _ => fixture::read(0, &files).1,
        };
        let help = problems.iter().find(|p| p.code == "E101").unwrap().help.clone().unwrap();
        help.trim_start_matches("its keys are ")
            .split(", ")
            .map(|word| word.trim_matches('`').to_owned())
            .collect()
    }

    #[test]
    fn the_keys_are_those_that_the_readers_take() {
        let rule = "groups: [{name: g, rules: [{alert: A, zzzzzzzz: 1}]}]";
        let group = "groups: [{zzzzzzzz: g, rules: []}]";
        let silence = "groups: [{name: g, rules: [{on: {zzzzzzzzzz: 1}}]}]";
        let texts = "groups: [{name: g, rules: [{annotations: {zzzzzzzzzzzz: 1}}]}]";
        let test = "tests: [{zzzzzzzz: x}]";
        let alert = "tests: [{name: x, alerts: [{zzzzzzzzz: x}]}]";
        for (name, text, path) in [
            ("rules", "zzzzzzzz: 1", &[][..]),
            ("rules", group, &["groups", "-"]),
            ("rules", rule, &["groups", "-", "rules", "-"]),
            ("rules", silence, &["groups", "-", "rules", "-", "on"]),
            ("rules", texts, &["groups", "-", "rules", "-", "annotations"]),
            ("tests", "zzzzzzzz: 1", &[]),
            ("tests", test, &["tests", "-"]),
            ("tests", alert, &["tests", "-", "alerts", "-"]),
        ] {
            let file = if name == "rules" { RULE_FILE } else { TEST_FILE };
            let known = keys(takes(file, path).unwrap()).iter().map(|key| key.name);
            let mut known: Vec<&str> = known.collect();
            if path.last() == Some(&"on") {
                // A schedule has keys of its own.
                known.retain(|key| !["every", "at", "zone", "spread"].contains(key));
            }
            assert_eq!(known, told(name, text), "{path:?}");
        }
    }
}
