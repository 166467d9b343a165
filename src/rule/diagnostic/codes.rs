//! What does a code mean, at length? `rules explain-code E108` prints it.
//!
//! ```text
//! E0xx  the file itself        E1xx  what is written, and tests
//! E2xx  what it means          E3xx  what all rules need together      Wxxx  allowed, hardly meant
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
        "E150",
        "a test names a rule that there is not",
        "The name under `rule` or `quiet` is none of the rules in the test's `rule_files`, or that rule has\na mistake and was left out.\n\n  rule_files: [drift.rules.yaml]\n  tests:\n    - name: a customer who stays away is reported\n      alerts: [{rule: DriftSilence, customer_id: c1}]",
    ),
    code(
        "E151",
        "a line of a test is refused",
        "Events and reference data of a test go through the decoder of data files; this line did not pass.\nThe message is that of the decoder. An order has lines, a line a product:\n\n  - {at: 2025-03-01, type: order, customer_id: c1, lines: [{product_id: p1, net_amount: 10}]}",
    ),
    code(
        "E152",
        "an expected alert did not come",
        "The test lists an alert that the rule did not give. The help says how often the condition was asked,\nwhether it had a value, and what came instead. `siaga rules test` runs on event time: set `until`\nfar enough that silences and schedules are over.\n\n  until: 2025-12-01",
    ),
    code(
        "E153",
        "an alert came, but not as expected",
        "The rule fired for this entity, and something that the test says of the alert is not so. Each\ndifference has a line. What a test does not say is not compared; amounts agree to the cent.\n\n  alerts: [{rule: DriftSilence, customer_id: c1, value: 1200.00, labels: {play: win_back}}]",
    ),
    code(
        "E154",
        "a rule that was to stay quiet fired",
        "The rule stands under `quiet`, and at least one alert of it came.\n\n  quiet: [DriftSilence]",
    ),
    code(
        "E155",
        "an alert came that is not listed",
        "A test that lists alerts of a rule lists all of them, so that a rule that fires twice is noticed.\nList the other one, too, or give the rule a `cooldown` or an `episode`.",
    ),
    code(
        "E201",
        "there is no such name",
        "An expression knows the lists (`orders`, `lines`, `calls` …), `event` where an event sets the rule\noff, `customer` (or `rep`, `product`: whatever `entity` says), `now`, the names under `let`\nabove it, and the variables of the lists around it. `value` is known in the annotations.\n\n  let:\n    recent: lines.last('30d').sum(l, l.net)\n  when: recent > 1000",
    ),
    code(
        "E202",
        "there is no such function",
        "A function stands alone, `mean_gap(orders)`, or behind what it works on, `orders.last('30d')`. The\nhelp lists what there is. `percent`, `money` and `round` write values and stand in templates only:\n\n  summary: \"{{ customer.name }}: {{ percent(recent) }}\"",
    ),
    code(
        "E203",
        "there is no such field",
        "The help lists the fields that there are. Lines have what was sold, events what was said; a list has\nno fields, its items have.\n\n  when: event.topic == 'car_insurance'\n  value: lines.last('30d').sum(l, l.net)\n\nWhat the vocabulary does not know of a customer stands under `customer.attributes.name`.",
    ),
    code(
        "E204",
        "the wrong kind of thing",
        "A list stands where a value is needed, a text where a condition is, and so on. A list becomes a\nvalue by asking it something:\n\n  when: size(orders.last('30d')) >= 5\n  when: lines.exists(l, l.category == 'Safety')",
    ),
    code(
        "E205",
        "types that do not go together",
        "Money, numbers, durations, instants and texts are kept apart, so that a rule cannot add days to\ndollars. What goes:\n\n  money + money        money * number       money / money    a plain ratio\n  time - time          a duration           time + duration\n  money < number       in whole units of the customer's currency\n\n`amount(5)` makes money of a number, `double(x)` a number of money, `duration('30d')` a duration.",
    ),
    code(
        "E206",
        "constants that have no result",
        "Both sides are written out, and their result is no number: a division by zero, or a number that is\ntoo large.\n\n  value: spend * 0.3",
    ),
    code(
        "E207",
        "the wrong number of arguments",
        "Functions over the items of a list take a name for the item, and what to do with it:\n\n  lines.last('30d').sum(l, l.net)        not  lines.last('30d').sum(net)\n  orders.between('210d', '30d')          the older end first",
    ),
    code(
        "E208",
        "a window, pattern or time zone that makes no sense",
        "A list has one window, which comes before `filter` and `map`; its older end comes first; `.last(n)`\ntakes 1 to 1,000 items.\n\n  lines.last('30d').filter(l, l.category == 'Safety')\n  orders.between('210d', '30d')\n  orders.last(10)\n\nA pattern is a regular expression in RE2's syntax. A time zone is a name of the IANA database or an\noffset:\n\n  event.product.matches('^A[0-9]+$')\n  event.time.getHours('Europe/Berlin') < 12\n  event.time.getHours('+07:00') < 12",
    ),
    code(
        "E209",
        "this has to be written out",
        "The lengths of windows, lists of constants, patterns, shares of quantiles and the tables in `{…}`\nare fixed when the rules are loaded, because windows are kept from event to event. Write the value\nitself:\n\n  lines.last('30d')          not  lines.last(length)",
    ),
    code(
        "E210",
        "lists are nested too deeply",
        "At most four lists can stand within each other. Name the inner ones under `let`:\n\n  let:\n    large: orders.last('365d').filter(o, o.net > 1000)\n  when: size(large) > 3",
    ),
    code(
        "E211",
        "there is no event here",
        "A rule that a silence or a schedule sets off has no event: nothing happened. It sees the lists, the\ncustomer and `now`. The newest event of a list is `.last()`:\n\n  when: orders.last().net > 1000",
    ),
    code(
        "E212",
        "everything ever seen is not kept",
        "Of a list without a window only running values are kept: `size sum avg min max`, `exists`, the times\nof `first` and `last`, and which categories, products or brands were ever bought. Anything else\nneeds a window:\n\n  lines.last('365d').stddev(l, l.net)",
    ),
    code(
        "E213",
        "there is no such type of event",
        "`on` and `silence` name types of events: `order`, `return`, `call.started` … `call` stands for all\ncalls, `call.started` for their beginning alone.\n\n  on: [call.started, order]\n  on: {silence: order, after: \"duration('60d')\"}",
    ),
    code(
        "E301",
        "the rules keep too much",
        "Every window and running value costs 8 bytes for each customer, at most 4,096 of them. Rules that\nask for the same window share it: prefer a few lengths (`7d 30d 90d 365d`) over many.\n\n  lines.last('30d')          in place of '28d', '29d', '31d' …",
    ),
    code(
        "E302",
        "a window reaches too far",
        "A window reaches back 1,100 days at most, since all of it is kept in memory. For longer, use a list\nwithout a window and what can be kept of it: `size sum avg min max first last exists`.\n\n  when: size(orders) >= 10",
    ),
    code(
        "E303",
        "a name means something already",
        "A part under `let` may not take the name of a list or of `now event customer rep product value`:\nexpressions behind it would read differently from what they say.\n\n  let: {recent_orders: orders.last('30d')}",
    ),
    code(
        "E305",
        "this is no evidence",
        "Evidence is a list of the entity's events: a window, or the newest of a list, filtered if need be.\nOf lines, the orders that they belong to are shown.\n\n  evidence: lines.last('30d').filter(l, l.category == 'Safety')\n  evidence: orders.last(10)",
    ),
    code(
        "E306",
        "a schedule that looks too often",
        "A schedule looks at every customer each time. Once a minute is the most; once a day is usual.\n\n  on: {every: 1d, at: '07:00'}\n\nWhat has to be seen at once is set off by its event instead: `on: [order]`.",
    ),
    code(
        "E307",
        "a rule that costs too much",
        "Lists within lists multiply. For a busy customer, with four items a day in a list, a rule may go\nthrough 200,000 items each time it looks; beyond that the evaluator would stop it. Shorten the\nwindows that stand within each other, or count over one list with a table.\n\n  lines.last('90d').exists(l, lines.last('365d').exists(x, x.net > l.net))\n\n`rules check --cost` shows what each rule costs.",
    ),
    code(
        "W001",
        "a folder without rule files",
        "The names of rule files end in `.rules.yaml`; others are not looked at.",
    ),
    code(
        "W101",
        "always true",
        "The condition holds whatever happens, so it does nothing: a size is never negative, and a thing is\nalways equal to itself. Mostly another bound was meant.\n\n  size(orders) > 0           not  size(orders) >= 0",
    ),
    code(
        "W102",
        "always false",
        "The condition never holds, so the rule never fires: its bounds leave nothing between them.\n\n  event.net > 5 && event.net < 10           not  event.net > 10 && event.net < 5",
    ),
    code(
        "W103",
        "nothing closes its alerts",
        "An alert closes when `when` is false as the rule looks again. A condition over everything ever seen\nstays true once it is true, and one that asks about the event alone is asked again at the next such\nevent only. Say when the moment passes:\n\n  expires_after: 14d",
    ),
    code(
        "W104",
        "an item is named and not used",
        "Functions over the items of a list take a name for the item. Where the name is not used behind it,\nanother name was likely meant.\n\n  lines.exists(l, l.category == 'Safety')   not  lines.exists(x, l.category == 'Safety')",
    ),
    code(
        "W105",
        "a comment that reads like an expression",
        "`//` begins a comment within an expression. What stands behind it here could be computed, so one\n`/`, a division, may be meant. A comment in words of its own is not reported.\n\n  profit / spent             not  profit // spent",
    ),
    code(
        "W106",
        "nearly a label that means something",
        "Labels may have any name, and only `severity` and `play` mean something to the program. A name that\nis nearly one of them is likely a slip: the alert would be no more than a warning.\n\n  labels: {severity: critical, play: win_back}",
    ),
    code(
        "W107",
        "a key within a comment",
        "A comment reaches to the end of its line. Where a key of a rule follows in it, behind some blanks,\nthe line break before the key was likely lost.\n\n  # What is at stake.\n  value: event.net",
    ),
    code(
        "W108",
        "an event that never comes",
        "The history that was given has no such event, so the rule would not look even once, and a silence\nwould never begin. Look at the types that the history has, or at the mapping of the source.",
    ),
    code(
        "W109",
        "a name that the history does not have",
        "The rule compares a category, a brand, a topic … with a text that the history never has in that\nfield. Upper and lower case are different.\n\n  event.category == 'Tires and Tubes'       not  'Tyres and Tubes'",
    ),
    code(
        "W110",
        "a text that begins or ends with a blank",
        "The text is compared with names of the data, blanks included, and names seldom have them at their\nends. A quote and a blank may have changed places.\n\n  event.category == 'Welding'               not  ' Welding'",
    ),
    code(
        "W111",
        "a list within a list that asks nothing of the outer item",
        "Whether something exists in the inner list is the same for every item of the outer one, so it\nneither keeps nor drops single items. Mostly the name of the outer item was meant somewhere in it.\n\n  lines.filter(l, !lines.exists(x, x.category == table[l.category]))\n                                              not  table[x.category]",
    ),
    code(
        "W112",
        "no alert is like that",
        "The rule compares a field of past alerts with a text that the field never has: the name of a rule\nthat is not in these files, a state or a family of another name. It is never true. The states are\n`firing acknowledged snoozed resolved expired withdrawn won lost dismissed`.\n\n  !alerts.last('90d').exists(a, a.rule == 'CallBack' && a.state == 'won')",
    ),
    code(
        "W113",
        "nearly a type of event",
        "The type of an event is compared with a text that is nearly, but not quite, one of the types that\nthere are. Events that are none of them keep the word of their source, so that it may be meant; if\nthe source has such a word, map it to another one.\n\n  interactions.filter(i, i.kind in ['visit', 'email'])           not  'emial'",
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

    #[test]
    fn every_code_in_the_source_is_explained() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let (mut folders, mut codes) = (vec![root], std::collections::BTreeSet::new());
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("codes.rs")
                {
                    let text = std::fs::read_to_string(path).unwrap();
                    let quoted = text.split('"').skip(1).filter(|word| {
                        let (kind, digits) = word.split_at_checked(1).unwrap_or_default();
                        ["E", "W"].contains(&kind)
                            && digits.len() == 3
                            && digits.bytes().all(|b| b.is_ascii_digit())
                    });
                    codes.extend(quoted.map(str::to_owned));
                }
            }
        }
        let unknown: Vec<_> = codes.iter().filter(|code| explain(code).is_none()).collect();
        assert!(codes.len() > 40 && unknown.is_empty(), "{unknown:?}");
    }
}
