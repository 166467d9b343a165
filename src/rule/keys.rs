//! Which keys do rule files and test files have, what does each hold, and what does it mean? The one
//! table that the reader, `rules fmt`, the JSON Schema, the reference page and editors' completions
//! and hovers are made from.
//!
//! ```text
//! RULE_FILE ── groups ─► GROUP ── rules ─► RULE ─┬─ on ──────────► SILENCE, SCHEDULE
//!                                                ├─ let, labels ─► names of the author's own
//!                                                └─ annotations ─► ANNOTATIONS
//! TEST_FILE ── tests ──► TEST ─┬─ events ─► EVENT and the fields of data files
//!                              └─ alerts ─► EXPECTED
//! ```
//!
//! Keys stand in the order in which they are written.

use crate::rule::words;
use crate::rule::words::Word;

/// One key of a mapping.
#[derive(Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// Whether the mapping needs it.
    pub needed: bool,
    /// What stands behind it.
    pub holds: Holds,
    /// What it says, for people.
    pub meaning: &'static str,
    /// What an editor puts behind its colon, with `${1:…}` where something is to be filled in.
    pub start: &'static str,
}

/// What a node of a file holds.
#[derive(Debug, Clone, Copy)]
pub enum Holds {
    /// A mapping with these keys and no others.
    Mapping(&'static [Key]),
    /// A mapping with these keys and any others.
    Record(&'static [Key]),
    /// A mapping from the author's own names to values of one kind.
    Named(&'static Self),
    /// A list of values of one kind.
    List(&'static Self),
    /// `labels`: the author's own names, of which [`LABELS`] mean something to the program.
    Labels,
    /// `on`: a list of types of events, [`SILENCE`] or [`SCHEDULE`].
    Trigger,
    /// A name in CamelCase.
    AlertName,
    /// One of these words.
    Choice(&'static [Word]),
    /// The name of a rule.
    Rule,
    /// The path of a rule file.
    RuleFile,
    /// A field of data files, whatever the decoder takes; mostly one of these words, if there are
    /// any.
    Datum(&'static [Word]),
    /// A CEL expression.
    Expression,
    /// A text with expressions in it.
    Template,
    /// A plain text.
    Text,
    /// A plain text that is likely written under the same key elsewhere, too.
    Likewise,
    /// `30d`.
    Duration,
    /// `07:00`.
    TimeOfDay,
    /// `2025-03-01T09:30:00Z`, `2025-03-01`.
    Instant,
    /// A number.
    Number,
    /// A whole number from 1.
    Count,
}

const fn key(name: &'static str, holds: Holds, meaning: &'static str) -> Key {
    Key { name, needed: false, holds, meaning, start: " " }
}

const fn needed(name: &'static str, holds: Holds, meaning: &'static str) -> Key {
    Key { needed: true, ..key(name, holds, meaning) }
}

const fn field(name: &'static str, meaning: &'static str) -> Key {
    key(name, Holds::Datum(&[]), meaning)
}

impl Key {
    const fn starts(self, start: &'static str) -> Self {
        Self { start, ..self }
    }

    /// What it says, as a sentence of its own.
    pub fn sentence(&self) -> String {
        let mut letters = self.meaning.chars();
        let first = letters.next().map(|letter| letter.to_uppercase().to_string());
        format!("{}{}.", first.unwrap_or_default(), letters.as_str())
    }
}

/// A rule file.
pub static RULE_FILE: [Key; 1] = [needed(
    "groups",
    Holds::List(&Holds::Mapping(&GROUP)),
    "rules that belong together; a rule file starts with it",
)
.starts("\n  - name: ${1:name}\n    rules:\n      - $0")];

/// A group of rules.
pub static GROUP: [Key; 2] = [
    needed("name", Holds::Text, "the group's name, unique within its file").starts(" ${1:name}"),
    needed("rules", Holds::List(&Holds::Mapping(&RULE)), "its rules").starts("\n  - $0"),
];

/// A rule.
pub static RULE: [Key; 17] = [
    needed(
        "alert",
        Holds::AlertName,
        "the rule's name, in CamelCase; it names its alerts everywhere, so keep it",
    )
    .starts(" ${1:NameInCamelCase}"),
    needed(
        "family",
        Holds::Choice(&words::FAMILIES),
        "what kind of chance or danger it looks for: `cross_sell up_sell switch_sell drift performance trend margin alignment quality`",
    ),
    key(
        "entity",
        Holds::Choice(&words::ENTITIES),
        "whose history the lists are: `customer` (when nothing is said), `rep`, `product`",
    ),
    needed(
        "on",
        Holds::Trigger,
        "what makes the rule look: events `[order, call.started]`, a silence `{silence: order, after: …}`, a schedule `{every: 1d, at: \"07:00\"}`",
    )
    .starts(" [${1:order}]"),
    key(
        "let",
        Holds::Named(&Holds::Expression),
        "named parts, in order; each may use those above it; they are shown with the alert as its reasons",
    )
    .starts("\n  ${1:name}: $0"),
    needed(
        "when",
        Holds::Expression,
        "the condition; a silence may do without: then the silence is the condition",
    ),
    key("for", Holds::Duration, "how long `when` must hold before the alert opens"),
    key(
        "keep_firing_for",
        Holds::Duration,
        "how long `when` must be false before the alert closes: a short dip does not close it",
    ),
    key(
        "cooldown",
        Holds::Duration,
        "how long the rule is quiet for the entity after an alert has closed",
    ),
    key(
        "expires_after",
        Holds::Duration,
        "when the moment passes: the alert closes by itself; `0s` is over as soon as it is told",
    ),
    key("value", Holds::Expression, "the money at stake; it ranks the inbox"),
    key(
        "episode",
        Holds::Expression,
        "names the occurrence, e.g. `date(event.time)`: one alert for each, in place of one at a time",
    ),
    key("at", Holds::Expression, "the instant that the alert speaks of, where it is not now"),
    key(
        "labels",
        Holds::Labels,
        "plain words; `severity` is `info`, `warning` (when nothing is said) or `critical`",
    )
    .starts(" {severity: ${1:warning}, play: ${2:play}}"),
    needed(
        "annotations",
        Holds::Mapping(&ANNOTATIONS),
        "what people read: `summary`, the line in the inbox, and `description`",
    )
    .starts("\n  summary: \"${1:{{ customer.name \\}\\}}\""),
    key(
        "evidence",
        Holds::Expression,
        "the events shown behind the alert; else the one that set it off, or the newest twelve orders",
    ),
    key(
        "mode",
        Holds::Choice(&words::MODES),
        "whether alerts reach anybody: `live`, `shadow` (to the record only), `off`",
    ),
];

/// `on: {silence: …}`.
pub static SILENCE: [Key; 2] = [
    needed(
        "silence",
        Holds::Choice(&words::KINDS),
        "the type of event that stays away; the next one closes the alert",
    ),
    needed(
        "after",
        Holds::Expression,
        "how long after the last one, e.g. `mean_gap(orders) * 3` or `duration('30d')`",
    ),
];

/// `on: {every: …}`.
pub static SCHEDULE: [Key; 4] = [
    needed(
        "every",
        Holds::Duration,
        "how often the rule looks, from the first event of the entity on; once a minute at most",
    ),
    key("at", Holds::TimeOfDay, "time of day").starts(" \"${1:07:00}\""),
    key("zone", Holds::Text, "whose time of day: `Europe/Berlin`, `+07:00`; else UTC")
        .starts(" ${1:Europe/Berlin}"),
    key(
        "spread",
        Holds::Duration,
        "each entity's own moment lies within so long after it, always the same",
    ),
];

/// Labels that mean something to the program.
pub static LABELS: [Key; 2] = [
    key("severity", Holds::Choice(&words::SEVERITIES), "how urgent it is"),
    key("play", Holds::Likewise, "what the sales person is to do, such as `win_back`"),
];

/// `annotations`.
pub static ANNOTATIONS: [Key; 2] = [
    needed(
        "summary",
        Holds::Template,
        "the line in the inbox; `{{ … }}` holds an expression, and is written as suits its type",
    )
    .starts(" \"$1\""),
    key("description", Holds::Template, "what more there is to say").starts(" \"$1\""),
];

/// A test file.
pub static TEST_FILE: [Key; 2] = [
    needed(
        "rule_files",
        Holds::List(&Holds::RuleFile),
        "the rule files under test; paths count from the folder of the test file",
    )
    .starts(" [${1:name.rules.yaml}]"),
    needed(
        "tests",
        Holds::List(&Holds::Mapping(&TEST)),
        "the tests; each runs by itself on a virtual clock, through the decoder and the engine that serve",
    )
    .starts("\n  - name: ${1:what is claimed}\n    $0"),
];

/// A test.
pub static TEST: [Key; 10] = [
    needed("name", Holds::Text, "the claim"),
    key(
        "customers",
        Holds::List(&Holds::Record(&CUSTOMER)),
        "customers that are known beforehand, with the field names of data files",
    )
    .starts("\n  - {customer_id: ${1:c1}, name: ${2:Name}}"),
    key("products", Holds::List(&Holds::Record(&PRODUCT)), "the same of products")
        .starts("\n  - {product_id: ${1:p1}, category: ${2:Category}}"),
    key("reps", Holds::List(&Holds::Record(&REP)), "the same of reps")
        .starts("\n  - {rep_id: ${1:r1}}"),
    key("agreements", Holds::List(&Holds::Record(&AGREEMENT)), "the same of agreements")
        .starts("\n  - {agreement_id: ${1:a1}, customer_id: ${2:c1}}"),
    key(
        "peers",
        Holds::List(&Holds::Record(&EVENT)),
        "orders of other customers, from which is learned beforehand what goes together; with `every` and `count` each is of a customer of its own",
    ),
    key(
        "events",
        Holds::List(&Holds::Record(&EVENT)),
        "events in the line form, each with `at`; `every: 30d, count: 6` makes six of them",
    )
    .starts("\n  - {at: ${1:2025-01-01}, customer_id: ${2:c1}, type: ${3:order}}"),
    key(
        "until",
        Holds::Instant,
        "how far the clock goes on after the last event: silences and schedules need it",
    ),
    key(
        "alerts",
        Holds::List(&Holds::Mapping(&EXPECTED)),
        "the alerts that are to come; of a rule that is named, all of them",
    )
    .starts("\n  - {rule: $1}"),
    key("quiet", Holds::List(&Holds::Rule), "rules that are not to fire at all").starts(" [$1]"),
];

/// Fields of data files that a customer of a test has mostly.
pub static CUSTOMER: [Key; 5] = [
    field("customer_id", "its id"),
    field("name", "what people call it"),
    field("segment", "line of business"),
    field("tier", "importance: A, B …"),
    field("owner_rep_id", "id of its rep"),
];

/// Those of a product.
pub static PRODUCT: [Key; 4] = [
    field("product_id", "its id"),
    field("name", "what people call it"),
    field("category", "its category"),
    field("brand", "its brand"),
];

/// Those of a sales person.
pub static REP: [Key; 2] =
    [field("rep_id", "the id of the sales person"), field("name", "what people call the person")];

/// Those of an agreement.
pub static AGREEMENT: [Key; 6] = [
    field("agreement_id", "its number"),
    field("customer_id", "with whom"),
    field("from", "first day of the term"),
    field("to", "first day after the term"),
    field("planned_amount", "revenue promised over the term"),
    field("discount_rate", "discount agreed, as a share of the list price"),
];

/// An event of a test: three keys of its own, and fields of data files.
pub static EVENT: [Key; 10] = [
    needed("at", Holds::Instant, "when it happens, or the first of them"),
    key("every", Holds::Duration, "from one to the next; `count` says how many"),
    key("count", Holds::Count, "how many there are in all"),
    key(
        "type",
        Holds::Datum(&words::KINDS),
        "what happened: this and all below are fields of data files, which may have others",
    ),
    field("customer_id", "id of the customer"),
    field("rep_id", "id of the sales person"),
    field("event_id", "its id; else it is called `t2-e1-0`: test 2, its event 1, repeat 0"),
    field("currency", "currency of its amounts"),
    field("topic", "what it was about"),
    key("lines", Holds::List(&Holds::Record(&LINE)), "its lines")
        .starts(" [{product_id: ${1:p1}, quantity: ${2:1}, net_amount: ${3:100}}]"),
];

/// Fields of data files that a line of an event has mostly.
pub static LINE: [Key; 7] = [
    field("product_id", "id of the product"),
    field("category", "category of the product"),
    field("brand", "brand of the product"),
    field("quantity", "units sold"),
    field("unit_price", "price of a unit, before discount"),
    field("unit_cost", "cost of a unit"),
    field("net_amount", "amount after discount"),
];

/// An alert that a test expects.
pub static EXPECTED: [Key; 11] = [
    needed("rule", Holds::Rule, "the rule that fires"),
    key("customer_id", Holds::Likewise, "of which customer"),
    key("rep_id", Holds::Likewise, "of which rep"),
    key("product_id", Holds::Likewise, "of which product"),
    key("opened_at", Holds::Instant, "when it begins to fire"),
    key("value", Holds::Number, "money at stake, to the cent"),
    key(
        "labels",
        Holds::Labels,
        "labels that it has, among others; `severity` and `family` are among them",
    )
    .starts(" {$1}"),
    key("summary", Holds::Text, "the line in the inbox").starts(" \"$1\""),
    key("description", Holds::Text, "what more there is to say").starts(" \"$1\""),
    key("evidence", Holds::List(&Holds::Text), "ids of events that are behind it, among others")
        .starts(" [$1]"),
    key(
        "state",
        Holds::Choice(&words::STATES),
        "how it stands at the end: `firing`, `closed`, or why it was closed: `resolved`, `expired`",
    ),
];

/// The names of keys, for the reader.
pub fn names(keys: &'static [Key]) -> Vec<&'static str> {
    keys.iter().map(|key| key.name).collect()
}

/// What a whole file holds.
pub fn of_file(is_test: bool) -> Holds {
    Holds::Mapping(if is_test { &TEST_FILE } else { &RULE_FILE })
}

impl Holds {
    /// What stands at the end of a path of keys, `-` being an item; none where nothing is known.
    pub fn at(self, path: &[&str]) -> Option<Self> {
        path.iter().try_fold(self, |holds, step| holds.below(step))
    }

    fn below(self, step: &str) -> Option<Self> {
        match self {
            Self::List(item) if step == "-" => Some(*item),
            Self::Trigger if step == "-" => Some(Self::Choice(&words::KINDS)),
            Self::Mapping(_) | Self::Trigger => self.key(step).map(|key| key.holds),
            Self::Record(_) => Some(self.key(step).map_or(Self::Datum(&[]), |key| key.holds)),
            Self::Labels => Some(self.key(step).map_or(Self::Likewise, |key| key.holds)),
            Self::Named(value) => Some(*value),
            _ => None,
        }
    }

    /// The keys of a mapping, where some are known.
    pub fn keys(self) -> impl Iterator<Item = &'static Key> {
        let (first, second): (&[Key], &[Key]) = match self {
            Self::Mapping(keys) | Self::Record(keys) => (keys, &[]),
            Self::Labels => (&LABELS, &[]),
            Self::Trigger => (&SILENCE, &SCHEDULE),
            _ => (&[], &[]),
        };
        first.iter().chain(second)
    }

    /// A key of a mapping by its name.
    pub fn key(self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }

    /// What it is, in a few words.
    pub fn form(self) -> &'static str {
        match self {
            Self::AlertName | Self::Text | Self::Likewise | Self::Datum(_) => "text",
            Self::TimeOfDay => "time of day",
            Self::Number => "number",
            Self::Count => "whole number",
            Self::Instant => "instant",
            Self::Duration => "length of time",
            Self::Expression => "expression",
            Self::Template => "text with `{{ expressions }}`",
            Self::Choice(_) => "word",
            Self::Rule => "name of a rule",
            Self::RuleFile => "rule file",
            Self::Mapping(_) | Self::Named(_) | Self::Record(_) | Self::Labels => "mapping",
            Self::List(_) => "list",
            Self::Trigger => "list or mapping",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::diagnostic::Files;
    use crate::rule::file;
    use crate::rule::fixture;

    /// Of a key that no reader knows, whether the reader refuses it.
    fn is_refused(is_test: bool, text: &str) -> bool {
        let mut files = Files::default();
        files.add("a", text);
        let problems = if is_test { fixture::read(0, &files).1 } else { file::read(&files).1 };
        problems.iter().any(|problem| problem.code == "E101")
    }

    #[test]
    fn the_keys_on_a_path_are_those_that_the_readers_take() {
        for (is_test, path, text) in [
            (false, &[][..], "#: 1"),
            (false, &["groups", "-"], "groups: [{#: g, rules: []}]"),
            (false, &["groups", "-", "rules", "-"], "groups: [{name: g, rules: [{#: 1}]}]"),
            (
                false,
                &["groups", "-", "rules", "-", "on"],
                "groups: [{name: g, rules: [{on: {silence: order, #: 1}}, {on: {every: 1d, #: 1}}]}]",
            ),
            (
                false,
                &["groups", "-", "rules", "-", "annotations"],
                "groups: [{name: g, rules: [{annotations: {#: 1}}]}]",
            ),
            (true, &[], "#: 1"),
            (true, &["tests", "-"], "tests: [{#: x}]"),
            (true, &["tests", "-", "alerts", "-"], "tests: [{name: x, alerts: [{#: x}]}]"),
        ] {
            let holds = of_file(is_test).at(path).unwrap();
            assert!(holds.keys().next().is_some(), "{path:?}");
            assert!(is_refused(is_test, &text.replace('#', "zzzzzzzz")), "{path:?}");
            if path.last() == Some(&"on") {
                continue;
            }
            for key in holds.keys() {
                assert!(!is_refused(is_test, &text.replace('#', key.name)), "{}", key.name);
            }
        }
    }

    #[test]
    fn a_path_leads_to_what_stands_there() {
        let rule = |path: &[&str]| {
            let all: Vec<&str> =
                ["groups", "-", "rules", "-"].iter().chain(path).copied().collect();
            of_file(false).at(&all).map(Holds::form)
        };
        for (path, want) in [
            (&["let", "anything"][..], Some("expression")),
            (&["on"], Some("list or mapping")),
            (&["on", "-"], Some("word")),
            (&["on", "at"], Some("time of day")),
            (&["labels", "severity"], Some("word")),
            (&["labels", "own"], Some("text")),
            (&["annotations", "summary"], Some("text with `{{ expressions }}`")),
            (&["anotations"], None),
            (&["when", "-"], None),
        ] {
            assert_eq!(rule(path), want, "{path:?}");
        }
        let line = of_file(true).at(&["tests", "-", "events", "-", "lines", "-", "any"]);
        assert_eq!(line.map(Holds::form), Some("text"));
    }
}
