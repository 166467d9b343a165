//! Which keys do rule files and test files have, and what does each hold? The one table that the
//! reader, `rules fmt`, the JSON Schema and the reference page are made from.
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

use crate::alert::Family;
use crate::alert::Severity;
use crate::event::EntityKind;
use crate::event::Kind;
use crate::rule::file::Mode;

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
    Choice(fn() -> Vec<&'static str>),
    /// A CEL expression.
    Expression,
    /// A text with expressions in it.
    Template,
    /// A plain text.
    Text,
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
    Key { name, needed: false, holds, meaning }
}

const fn needed(name: &'static str, holds: Holds, meaning: &'static str) -> Key {
    Key { name, needed: true, holds, meaning }
}

/// A rule file.
pub static RULE_FILE: [Key; 1] =
    [needed("groups", Holds::List(&Holds::Mapping(&GROUP)), "rules that belong together")];

/// A group of rules.
pub static GROUP: [Key; 2] = [
    needed("name", Holds::Text, "the group's name, unique within its file"),
    needed("rules", Holds::List(&Holds::Mapping(&RULE)), "its rules"),
];

/// A rule.
pub static RULE: [Key; 17] = [
    needed(
        "alert",
        Holds::AlertName,
        "the rule's name, in CamelCase; it names its alerts everywhere, so keep it",
    ),
    needed(
        "family",
        Holds::Choice(families),
        "`cross_sell up_sell switch_sell drift performance trend margin alignment quality`",
    ),
    key(
        "entity",
        Holds::Choice(entities),
        "whose history the lists are: `customer` (when nothing is said), `rep`, `product`",
    ),
    needed("on", Holds::Trigger, "what makes the rule look: events, a silence, a schedule"),
    key(
        "let",
        Holds::Named(&Holds::Expression),
        "named parts, in order; each may use those above it; they are shown with the alert as its reasons",
    ),
    needed(
        "when",
        Holds::Expression,
        "the condition; a silence may do without: then the silence is the condition",
    ),
    key("for", Holds::Duration, "how long `when` must hold before the alert opens"),
    key(
        "keep_firing_for",
        Holds::Duration,
        "how long `when` must be false before the alert closes",
    ),
    key(
        "cooldown",
        Holds::Duration,
        "how long the rule is quiet for the entity after an alert has closed",
    ),
    key("expires_after", Holds::Duration, "when the moment passes: the alert closes by itself"),
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
    ),
    needed(
        "annotations",
        Holds::Mapping(&ANNOTATIONS),
        "`summary`, the line in the inbox, and `description`",
    ),
    key(
        "evidence",
        Holds::Expression,
        "the events shown behind the alert; else the one that set it off, or the newest twelve orders",
    ),
    key("mode", Holds::Choice(modes), "`live`, `shadow` (to the record only), `off`"),
];

/// `on: {silence: …}`.
pub static SILENCE: [Key; 2] = [
    needed("silence", Holds::Choice(event_types), "the type of event that stays away"),
    needed("after", Holds::Expression, "how long after the last one, a duration"),
];

/// `on: {every: …}`.
pub static SCHEDULE: [Key; 4] = [
    needed("every", Holds::Duration, "how often the rule looks, once a minute at most"),
    key("at", Holds::TimeOfDay, "time of day"),
    key("zone", Holds::Text, "whose time of day: `Europe/Berlin`, `+07:00`; else UTC"),
    key("spread", Holds::Duration, "each entity's own moment lies within so long after it"),
];

/// Labels that mean something to the program.
pub static LABELS: [Key; 2] = [
    key("severity", Holds::Choice(severities), "how urgent it is"),
    key("play", Holds::Text, "what the sales person is to do, such as `win_back`"),
];

/// `annotations`.
pub static ANNOTATIONS: [Key; 2] = [
    needed("summary", Holds::Template, "the line in the inbox"),
    key("description", Holds::Template, "what more there is to say"),
];

/// A test file.
pub static TEST_FILE: [Key; 2] = [
    needed(
        "rule_files",
        Holds::List(&Holds::Text),
        "the rule files under test; paths count from the folder of the test file",
    ),
    needed("tests", Holds::List(&Holds::Mapping(&TEST)), "the tests; each runs by itself"),
];

/// A test.
pub static TEST: [Key; 9] = [
    needed("name", Holds::Text, "the claim"),
    key(
        "customers",
        Holds::List(&Holds::Record(&[])),
        "customers that are known beforehand, with the field names of data files",
    ),
    key("products", Holds::List(&Holds::Record(&[])), "the same of products"),
    key("reps", Holds::List(&Holds::Record(&[])), "the same of reps"),
    key(
        "peers",
        Holds::List(&Holds::Record(&EVENT)),
        "orders of other customers, from which is learned beforehand what goes together; with `every` and `count` each is of a customer of its own",
    ),
    key(
        "events",
        Holds::List(&Holds::Record(&EVENT)),
        "events in the line form, each with `at`; `every: 30d, count: 6` makes six of them",
    ),
    key(
        "until",
        Holds::Instant,
        "how far the clock goes on after the last event: silences and schedules need it",
    ),
    key(
        "alerts",
        Holds::List(&Holds::Mapping(&EXPECTED)),
        "the alerts that are to come; of a rule that is named, all of them",
    ),
    key("quiet", Holds::List(&Holds::Text), "rules that are not to fire at all"),
];

/// An event of a test; its other keys are the fields of data files.
pub static EVENT: [Key; 3] = [
    needed("at", Holds::Instant, "when it happens, or the first of them"),
    key("every", Holds::Duration, "from one to the next; `count` says how many"),
    key("count", Holds::Count, "how many there are in all"),
];

/// An alert that a test expects.
pub static EXPECTED: [Key; 11] = [
    needed("rule", Holds::Text, "the rule that fires"),
    key("customer_id", Holds::Text, "of which customer"),
    key("rep_id", Holds::Text, "of which rep"),
    key("product_id", Holds::Text, "of which product"),
    key("opened_at", Holds::Instant, "when it begins to fire"),
    key("value", Holds::Number, "money at stake, to the cent"),
    key(
        "labels",
        Holds::Named(&Holds::Text),
        "labels that it has, among others; `severity` and `family` are among them",
    ),
    key("summary", Holds::Text, "the line in the inbox"),
    key("description", Holds::Text, "what more there is to say"),
    key("evidence", Holds::List(&Holds::Text), "ids of events that are behind it, among others"),
    key(
        "state",
        Holds::Text,
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

fn families() -> Vec<&'static str> {
    Family::ALL.iter().map(|(_, name)| *name).collect()
}

fn entities() -> Vec<&'static str> {
    [EntityKind::Customer, EntityKind::Rep, EntityKind::Product].map(EntityKind::name).to_vec()
}

fn modes() -> Vec<&'static str> {
    Mode::ALL.iter().map(|(_, name)| *name).collect()
}

fn severities() -> Vec<&'static str> {
    [Severity::Info, Severity::Warning, Severity::Critical].map(Severity::name).to_vec()
}

/// Types of events that `on` and `silence` take.
pub fn event_types() -> Vec<&'static str> {
    Kind::ALL.iter().map(|(_, name)| *name).collect()
}
