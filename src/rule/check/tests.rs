//! Which mistakes does the checker find, where does it place them, and what does it say?

use crate::event::Symbols;
use crate::rule::compile;
use crate::rule::diagnostic;
use crate::rule::diagnostic::Files;
use crate::rule::file;
use crate::rule::rows;
use crate::rule::rows::Row;
use crate::rule::rows::Told;
use crate::rule::rows::rule_with;

/// All mistakes of a rule with these lines.
fn mistakes(lines: &str) -> Vec<Told> {
    let mut files = Files::default();
    files.add("a.rules.yaml", rule_with("call.started", lines));
    let (rule_files, problems) = file::read(&files);
    let shown = diagnostic::render(&problems, &files, false);
    assert!(problems.is_empty(), "{lines} is not even read:\n{shown}");
    let (set, problems) = compile::compile(&rule_files, &Symbols::default());
    assert_eq!(set.rules.len(), usize::from(problems.is_empty()), "{lines}");
    rows::told(&problems, &files)
}

/// Rows that have an expression in the place of lines.
#[track_caller]
fn check(key: &str, cases: &[Row<'_>]) {
    let lines: Vec<String> = cases.iter().map(|(expr, ..)| format!("{key}: \"{expr}\"")).collect();
    let rows = lines.iter().zip(cases).map(|(lines, (_, code, place, part))| {
        let row: Row<'_> = (lines, code, place, part);
        row
    });
    rows::check(&rows.collect::<Vec<_>>(), mistakes);
}

#[test]
fn a_name_that_is_not_known_is_told_with_the_nearest() {
    check(
        "when",
        &[
            ("size(order) > 3", "E201", "order", "did you mean `orders`?"),
            ("tomorrow > now", "E201", "tomorrow", "known here are orders, lines"),
            ("rep.id == 'r1'", "E201", "rep", "set `entity: rep`"),
            ("value > 3", "E201", "value", "known in `annotations`"),
            ("event.topik == 'x'", "E203", "topik", "did you mean `topic`?"),
            ("customer.nmae == 'x'", "E203", "nmae", "did you mean `name`?"),
            ("customer.consent.mail", "E203", "mail", "it has marketing"),
            ("lines.exists(l, l.topic == 'x')", "E203", "topic", "a line has no field `topic`"),
            ("orders.net > 3", "E203", "net", "name its items: `.sum(x, x.net)`"),
            ("orders.last().time.net > 3", "E203", "net", "a timestamp has no field"),
            ("siz(orders) > 3", "E202", "siz", "did you mean `size`?"),
            ("sum(orders) > 3", "E202", "sum", "stands behind a list"),
            ("percent(0.5) > 3", "E202", "percent", "writes a value"),
            ("orders.summ(o, o.net) > 3", "E202", "summ", "did you mean `sum`?"),
            ("event.topic.startswith('a')", "E202", "startswith", "did you mean `startsWith`?"),
            ("event.topic.toLower() == 'a'", "E202", "toLower", "lowerAscii"),
            ("event.time.getHour() > 1", "E202", "getHour", "did you mean `getHours`?"),
            ("math.ciel(1.5) > 1.0", "E202", "ciel", "did you mean `math.ceil`?"),
            ("orders.last('9d').meidan(o, o.net) > 1", "E202", "meidan", "did you mean `median`?"),
        ],
    );
}

#[test]
fn types_and_units_are_kept_apart() {
    check(
        "when",
        &[
            ("size(orders)", "E204", "size(orders)", "`when` has to be a bool"),
            ("orders", "E204", "orders", "a list is not a value"),
            ("customer", "E204", "customer", "this is not a single value"),
            ("event.topic && true", "E204", "event.topic", "each side of `&&`"),
            ("!event.topic", "E204", "event.topic", "what `!` turns round"),
            ("event.topic in orders", "E204", "orders", "needs a list of values"),
            ("event.topic[0] == 'a'", "E204", "event.topic", "works on lists and tables only"),
            ("event.topic in ['a', 5]", "E204", "5", "cannot hold an int"),
            ("mean_gap(lines) > duration('1d')", "E204", "mean_gap", "needs a list of events"),
            ("gap_stddev(lines) > duration('1d')", "E204", "gap_stddev", "list of events"),
            ("size(customer) > 1", "E204", "customer", "`size` needs a list"),
            ("[1, 2][true] == 1", "E204", "true", "a place in a list has to be"),
            ("orders.last('9d').join(',') == 'a'", "E204", "join", "needs a list of strings"),
            (
                "(true ? 1 : 'a') == 1",
                "E204",
                "true ? 1 : 'a'",
                "one branch is an int, the other a",
            ),
            ("event.amount + 5 > 3", "E205", "event.amount + 5", "money with `amount(…)`"),
            ("5 - event.amount > 3", "E205", "5 - event.amount", "`-` does not take an int"),
            (
                "event.amount * event.amount > 3",
                "E205",
                "event.amount * event.amount",
                "one of them is a number",
            ),
            ("now + 5 > now", "E205", "now + 5", "duration('30d')"),
            ("now - event.time > '3d'", "E205", "now - event.time > '3d'", "duration('30d')"),
            ("event.time > '2025-01-01'", "E205", "event.time > '2025-01-01'", "timestamp("),
            ("event.product == 5", "E205", "event.product == 5", "put quotes around"),
            ("event.topic < 5", "E205", "event.topic < 5", "a string cannot be compared"),
            ("event.topic + 5 == 'a5'", "E205", "event.topic + 5", "string(…)"),
            ("size(event.time) > 1", "E205", "size", "`size` works on strings"),
            (
                "event.net.lowerAscii() == 'a'",
                "E205",
                "lowerAscii",
                "works on strings, not on money",
            ),
            ("event.topic.getHours() > 1", "E205", "getHours", "works on timestamps and durations"),
            ("lines.last('9d').median(l, l.brand) > 1", "E205", "median", "not of a string"),
            ("event.amount > null", "E205", "event.amount > null", "null has no order"),
            ("event.topic in [1, 2]", "E205", "event.topic", "a string is never in a list of ints"),
            ("lines.last('9d').sum(l, l.brand) > 1", "E205", "sum", "works on numbers and money"),
            ("-event.topic == 'a'", "E205", "-event.topic", "has no negative"),
            ("greatest(now, 1) > now", "E205", "greatest(now, 1)", "cannot be compared"),
            ("event.duration.contains('a')", "E205", "contains", "works on strings"),
            ("event.topic.orElse(5) == 'a'", "E205", "event.topic.orElse(5)", "one type"),
            ("1 / 0 > 1", "E206", "1 / 0", "division by zero"),
        ],
    );
    check(
        "value",
        &[
            ("now", "E204", "now", "`value` has to be money or a double"),
            ("event.topic", "E204", "event.topic", "this is a string"),
        ],
    );
}

#[test]
fn windows_and_arguments_are_checked() {
    check(
        "when",
        &[
            ("lines.last('30d').sum(l.net) > 1", "E207", "sum", "takes 2 arguments, not 1"),
            ("size(orders, lines) > 1", "E207", "size", "takes 1 argument, not 2"),
            ("least(1) > 1", "E207", "least", "takes 2 arguments, not 1"),
            ("lines.last('9d').sum(l.net, 1) > 1", "E207", "l.net", "has to be a plain name"),
            ("size(orders.last('30x')) > 1", "E208", "'30x'", "write e.g. `'30d'`"),
            ("size(orders.last(0)) > 1", "E208", "0", "takes 1 to 1000"),
            ("size(orders.between('30d', '210d')) > 1", "E208", "between", "older end comes first"),
            ("size(orders.last('9d').last('3d')) > 1", "E208", "last", "has its window already"),
            (
                "size(lines.filter(l, l.net > 1).last(3)) > 1",
                "E208",
                "last",
                "take the newest first",
            ),
            ("duration('x') > duration('1d')", "E208", "'x'", "write e.g. `duration('1h30m')`"),
            ("timestamp('x') > now", "E208", "'x'", "timestamp('2025"),
            ("event.topic.matches('(a') ", "E208", "'(a'", "unclosed group"),
            ("event.time.getHours('Berlin') > 1", "E208", "'Berlin'", "there is no time zone"),
            ("hour(event.time, '+25:00') > 1", "E208", "'+25:00'", "there is no time zone"),
            (
                "event.topic.matches(event.brand)",
                "E209",
                "event.brand",
                "pattern has to be written",
            ),
            ("lines.last('9d').quantile(l, l.net, 90) > 1", "E209", "90", "from 0 to 1"),
            ("lines.last('9d').quantile(l, l.net) > 1", "E207", "quantile", "takes 3 arguments"),
            ("event.topic.substring() == 'a'", "E207", "substring", "takes 1 argument, not 0"),
            ("math.sqrt(1.0, 2.0) > 1.0", "E207", "sqrt", "takes 1 argument, not 2"),
            ("size(orders.last(now - now)) > 1", "E209", "now - now", "has to be constant"),
            ("event.topic in [event.brand]", "E209", "event.brand", "has to be written out"),
            ("customer.attributes[event.topic] == 1", "E209", "event.topic", "as a text"),
            (
                "orders.stddev(o, o.net) > 1.0",
                "E212",
                "orders.stddev(o, o.net)",
                "name a window: `orders.last",
            ),
            (
                "lines.distinct(l, l.category) > 1",
                "E212",
                "lines.distinct(l, l.category)",
                "they are not kept",
            ),
            ("size(orders.last('5000d')) > 1", "E302", "A", "further than"),
        ],
    );
}

#[test]
fn what_stands_around_the_expressions_is_checked() {
    let rows = [
        ("on: [cal.started]", "E213", "cal.started", "did you mean `call.started`?"),
        ("on: [purchase]", "E213", "purchase", "there are order, return"),
        ("on: {silence: ordr, after: \"duration('9d')\"}", "E213", "ordr", "did you mean `order`?"),
        ("on: {silence: order, after: \"30\"}", "E204", "30", "has to be a duration"),
        ("on: {silence: order, after: \"'30d'\"}", "E204", "'30d'", "as `duration('30d')`"),
        (
            "on: {silence: order, after: \"duration('9d')\"}\nwhen: event.net > 3",
            "E211",
            "event",
            "sees lists and `now`",
        ),
        ("on: {every: 1d}\nwhen: event.net > 3", "E211", "event", "sees lists and `now`"),
        ("on: {every: 59s}", "E306", "59s", "once a minute at most"),
        ("entity: rep\nwhen: customer.id == 'c'", "E201", "customer", "set `entity: customer`"),
        ("entity: rep\nwhen: rep.nmae == 'c'", "E203", "nmae", "did you mean `name`?"),
        ("entity: product\nwhen: product.stock > 3", "E203", "stock", "it has id, name"),
        ("let: {orders: '5'}\nwhen: now > event.time", "E303", "orders", "choose another name"),
        ("let: {value: '5'}", "E303", "value", "means something already"),
        ("let: {a: b + 1, b: '5'}", "E201", "b", "there is no `b` here"),
        ("evidence: lines", "E305", "lines", "such as `lines.last('30d')`"),
        ("evidence: size(orders)", "E305", "size(orders)", "a list of events"),
        ("at: event.net", "E204", "event.net", "`at` has to be a timestamp"),
        ("annotations: {summary: '{{ percent(now) }}'}", "E205", "now", "cannot write a timestamp"),
        ("annotations: {summary: '{{ round(1.5, x1) }}'}", "E205", "x1", "from 0 to 9"),
        ("annotations: {summary: '{{ round(1.5, 10) }}'}", "E205", "10", "from 0 to 9"),
        ("annotations: {summary: '{{ orders }}'}", "E204", "orders", "a list is not a value"),
        ("annotations: {summary: '{{ valu }}'}", "E201", "valu", "there is no `valu`"),
    ];
    rows::check(&rows, mistakes);
}

#[test]
fn a_mistake_is_reported_with_line_and_column() {
    let mut files = Files::default();
    let text =
        rule_with("call.started", "let:\n  näh: '1'\nwhen: \"event.topik == 'ö' && order > 1\"");
    files.add("a.rules.yaml", text.replace("näh", "near"));
    let (rule_files, _) = file::read(&files);
    let (_, problems) = compile::compile(&rule_files, &Symbols::default());
    let places = problems.iter().map(|problem| {
        let at = files.position(0, problem.span.start);
        (problem.code, at.line, at.column)
    });
    assert_eq!(places.collect::<Vec<_>>(), [("E203", 10, 22), ("E201", 10, 38)]);
}

#[test]
fn sound_rules_have_no_mistakes() {
    for lines in [
        "when: customer.consent.marketing != false && !lines.exists(l, l.category == event.topic)",
        "when: has(event.amount) && event.amount > 100 && event.topic in ['a', 'b']",
        "let: {need: \"{'a': 'b'}\"}\nwhen: \"need[event.topic] != null && 'a' in need\"",
        "let: {need: \"{'a': 'b'}\"}\n\
         when: \"event.lines.exists(l, !lines.exists(x, x.category == need[l.category]))\"",
        "when: customer.attributes.size > 5 || customer.attributes['class'] == 'L'",
        "on: {silence: order, after: mean_gap(orders) * 2.5 + gap_stddev(orders.last('365d'))}",
        "when: event.topic < 'b' && 'a' + event.topic != 'ab' && size(event.topic) > 2",
        "when: event.topic.lowerAscii().trim().split(' ').exists(w, w in ['a', 'b'])",
        "when: lines.last('30d').map(l, l.category).join(', ').contains(event.topic)",
        "when: event.category in lines.last('30d').map(l, l.category)",
        "when: orders.last('90d')[0].net > orders.last('90d').median(o, o.net)",
        "when: event.time.getHours('Europe/Berlin') < 12 && hour(now, '+01:00') > 3",
        "when: event.time.getDayOfWeek(customer.attributes.zone) in [0, 6]",
        "value: math.round(lines.last('30d').quantile(l, l.net, 0.9))",
        "when: event.product.matches('^A[0-9]+$') || event.topic in ['a'] + ['b']",
        "entity: rep\nwhen: rep.quota != null && rep.manager == 'm' && now < rep.quota_to",
        "entity: product\nwhen: product.attributes.stock < 5 && product.list_price > 3",
        "on: {every: 7d, at: \"07:00\"}\nwhen: size(orders.last('30d')) == 0",
        "value: lines.last('30d').sum(l, l.net) * 12.0\nannotations: {summary: '{{ value }}'}",
    ] {
        assert_eq!(mistakes(lines), [], "{lines}");
    }
}
