//! What does a code mean, at length? `rules explain-code E108` prints it.
//!
//! ```text
//! E0xx  the file itself        E1xx  what is written      E2xx  what it means
//! Wxxx  allowed, hardly meant
//! ```
//!
//! A code keeps its meaning for ever; one that is no longer in use is not given again.

/// One code with its explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// `E108`.
    pub code: &'static str,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// Why it is wrong, and an example of what to write.
    pub explanation: &'static str,
}

const fn code(code: &'static str, title: &'static str, explanation: &'static str) -> Code {
    Code { code, title, explanation }
}

/// Every code, in order.
pub const CODES: &[Code] = &[
    code(
        "E001",
        "a file cannot be read",
        "The file does not exist, may not be read, or is not UTF-8.\nCheck the path and the rights; save the file as UTF-8.",
    ),
    code(
        "E002",
        "not YAML",
        "The file breaks the rules of YAML, so nothing behind that place can be read.\nThe usual reasons:\n\n  * a value holds `: ` or ` #`, or starts with one of `{ [ * & ! @ %`: put it in quotes;\n  * a quote is not closed;\n  * a line is indented with tabs, or not as far as the lines it belongs to.\n\n  when: \"event.topic == 'a: b'\"",
    ),
    code(
        "E003",
        "a file is too involved",
        "Aliases (`*name`) and nesting are limited, so that a small file cannot fill the memory.\nWrite the rules out, or share less at a time.",
    ),
    code(
        "E004",
        "a file or a rule set is too large",
        "A file has at most 4 MiB, a rule set at most 10,000 rules. Split the file, or drop rules.",
    ),
    code(
        "E101",
        "unknown key",
        "The mapping has no such key. A misspelled key would otherwise do nothing, silently.\nThe keys of a rule are `alert family entity on let when for keep_firing_for cooldown\nexpires_after value episode at labels annotations evidence mode`.",
    ),
    code(
        "E102",
        "a key is written twice",
        "One of the two values would be dropped. Take one of them away.",
    ),
    code(
        "E103",
        "a key is missing",
        "A rule needs `alert`, `family`, `on`, `when` and `annotations.summary`; a rule that a\nsilence sets off may do without `when`: then the silence is the condition.",
    ),
    code(
        "E104",
        "a value has the wrong shape",
        "A list, a mapping or a single value stands where another of the three is needed.\nA text that starts with `{` or `[` needs quotes, or YAML reads a mapping or a list:\n\n  summary: \"{{ customer.name }} stays away\"",
    ),
    code(
        "E105",
        "a value is not one of the possible ones",
        "The key takes one of a few words, which the message names.",
    ),
    code(
        "E106",
        "not a duration",
        "Durations are written as in Prometheus: whole numbers with the units `y w d h m s ms`, from\nlarge to small, each at most once: `15m`, `30d`, `52w`, `1h30m`. `m` is a minute.",
    ),
    code(
        "E107",
        "not a name for an alert",
        "The name stands for the alert everywhere: in the inbox, in metrics, in the API. It is\nCamelCase of ASCII letters and digits: `MarginBelowOwnBaseline`. Keep it stable: a new\nname is a new alert.",
    ),
    code(
        "E108",
        "a name is used twice",
        "Two rules of one name could not be told apart in the inbox. Names of rules are unique over\nall files, names of groups within their file.",
    ),
    code(
        "E109",
        "not a trigger",
        "`on` says what makes the rule look:\n\n  on: [order, return]                                events of these types\n  on: {silence: order, after: \"30d\"}                 none of that type for so long\n  on: {every: 1d, at: \"07:00\"}                       a schedule, in UTC",
    ),
    code(
        "E110",
        "not a name for a part",
        "Names under `let` are used in expressions: small letters, digits and `_`, not starting with\na digit, and none of the words that CEL keeps for itself.",
    ),
    code(
        "E111",
        "not a label",
        "A label's name is of small letters, digits and `_`; its value is a plain text, the same for\nevery alert of the rule. Values that change stand in `annotations`.",
    ),
    code(
        "E112",
        "not a time of day",
        "Write hours and minutes of a day of 24 hours, in quotes: `at: \"07:00\"`. It is UTC.",
    ),
    code(
        "E120",
        "not an expression",
        "Expressions are CEL, the Common Expression Language. Where it differs from spreadsheets\nand SQL:\n\n  a == b   a != b              not  =  <>\n  a && b   a || b   !a         not  and  or  not\n  c ? x : y                    not  if(c, x, y)\n  'text'                       straight quotes\n  0.3                          not  30%\n  '30d'                        durations are texts",
    ),
    code(
        "E121",
        "an expression is too long or too deep",
        "An expression has at most 10,000 characters and 96 levels. Name its parts under `let`.",
    ),
    code(
        "E122",
        "a part of CEL that rules do not have",
        "Bytes, objects, optional fields (`.?`) and the like have no use in rules.",
    ),
    code("E123", "an expression is empty", "Write an expression, or take the key away."),
    code(
        "E124",
        "an expression is written folded",
        "In a folded text (`>`) the places of mistakes are lost. Write the expression in one line,\nor behind `|`: lines may break in it.\n\n  when: |\n    size(orders) >= 5\n      && recent < baseline",
    ),
    code(
        "E130",
        "not a template",
        "A template is a text with expressions in double braces: `{{ customer.name }}`. Functions\nformat: `{{ money(value) }}`, `{{ percent(recent) }}`. There are no pipes, no `$` variables\nand no loops. `{{ '{{' }}` writes two braces.",
    ),
    code(
        "E140",
        "not a test",
        "A test has a `name`, `events` and what is expected: `alerts`, `quiet`, or both.\n\n  - name: a customer who stays away is reported\n    events:\n      - {at: 2025-01-01, every: 30d, count: 6, customer_id: c1, type: order, lines: [...]}\n    until: 2025-12-01\n    alerts: [{rule: DriftSilence, customer_id: c1}]",
    ),
    code(
        "E141",
        "not an instant",
        "Write RFC 3339 or a date: `2025-03-01T09:30:00Z`, `2025-03-01` (midnight UTC).",
    ),
    code(
        "E142",
        "a generator makes too much or nothing",
        "`every` and `count` come together: `count` events, `every` apart, from `at` on. A test has\nat most 100,000 events. Without `every`, `count` is a field of the event.",
    ),
    code(
        "W001",
        "a folder without rule files",
        "The names of rule files end in `.rules.yaml`; others are not looked at.",
    ),
];

/// The explanation of a code, in whatever case it is written.
pub fn explain(code: &str) -> Option<&'static Code> {
    CODES.iter().find(|known| known.code.eq_ignore_ascii_case(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_in_order_and_explained() {
        assert!(CODES.is_sorted_by(|a, b| a.code < b.code));
        for known in CODES {
            assert!(!known.title.is_empty() && known.explanation.len() > 40, "{}", known.code);
            assert!(known.explanation.lines().all(|l| l.chars().count() <= 100), "{}", known.code);
        }
        assert_eq!(explain("e108").map(|c| c.title), Some("a name is used twice"));
        assert_eq!(explain("E999"), None);
    }
}
