//! Which mistake can be mended by putting one text in the place of another?
//!
//! A mistake says what to write instead. Where it says it in one word, that word is the repair:
//! ``did you mean `topic`?``, ``write `==` ``, ``write it in CamelCase, `LateOrder` ``.

use crate::rule::diagnostic::Diagnostic;

/// Phrases behind which the repair stands in back quotes. What is an example (`e.g.`) or a form to
/// be filled in follows none of them.
const PHRASES: [&str; 5] = [
    "did you mean `",
    "write it in CamelCase, `",
    "write the share, `",
    "write a duration in quotes, `",
    "write `",
];

/// Operators and signs that a mistake can name as the whole of what is to be written.
const SIGNS: [&str; 11] = ["==", "!=", "<=", ">=", "&&", "||", "!", "%", "*", "/", "-"];

/// What to put in the place of the mistake's span, if that mends it.
pub fn replacement(problem: &Diagnostic) -> Option<&str> {
    let said = [Some(problem.label.as_str()), problem.help.as_deref()];
    said.into_iter().flatten().find_map(|said| {
        let (phrase, rest) =
            PHRASES.iter().find_map(|phrase| Some((*phrase, said.strip_prefix(phrase)?)))?;
        let (word, _) = rest.split_once('`')?;
        let plain = phrase != "write `";
        let whole = matches!(problem.code, "E109" | "E130") && rest.len() == word.len() + 1;
        let sign = problem.code == "E120" && SIGNS.contains(&word);
        (!word.is_empty() && (plain || whole || sign)).then_some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Symbols;
    use crate::rule::compile;
    use crate::rule::diagnostic::Files;
    use crate::rule::file;

    fn problems(lines: &str) -> (String, Vec<Diagnostic>) {
        let mut text = "groups:\n  - name: g\n    rules:\n      - alert: A\n".to_owned();
        for line in lines.lines() {
            text.push_str(&format!("        {line}\n"));
        }
        let mut files = Files::default();
        files.add("a.rules.yaml", text.as_str());
        let (rules, mut problems) = file::read(&files);
        problems.extend(compile::compile(&rules, &Symbols::default()).1);
        (text, problems)
    }

    #[test]
    fn a_repair_mends_the_mistake() {
        let rest = "family: drift\non: [order]\nannotations: {summary: x}\n";
        for (lines, mended) in [
            ("famly: drift\non: [order]\nwhen: true\nannotations: {summary: x}", "family: drift"),
            ("family: drifft\non: [order]\nwhen: true\nannotations: {summary: x}", "drift"),
            ("family: drift\non: [ordr]\nwhen: true\nannotations: {summary: x}", "[order]"),
            ("family: drift\non: order\nwhen: true\nannotations: {summary: x}", "on: [order]"),
            (&format!("{rest}when: event.topik == 'a'"), "event.topic"),
            (&format!("{rest}when: event.topic = 'a'"), "event.topic == 'a'"),
            (&format!("{rest}when: size(orders) > 1 and true"), "1 && true"),
            (&format!("{rest}when: size(ordes) > 1"), "size(orders)"),
            (&format!("{rest}when: szie(orders) > 1"), "size(orders)"),
            (&format!("{rest}when: orders.lst('30d').size() > 1"), "orders.last("),
            (&format!("{rest}when: size(orders.last(30d)) > 1"), "last('30d')"),
            (&format!("{rest}when: margin_rate(lines.last('9d')) > 30%"), "> 0.3"),
        ] {
            let (text, found) = problems(lines);
            let problem = found.iter().find(|p| replacement(p).is_some()).unwrap_or_else(|| {
                panic!("no repair of {lines}: {found:?}");
            });
            let mut repaired = text.clone();
            repaired.replace_range(problem.span.clone(), replacement(problem).unwrap());
            assert!(repaired.contains(mended), "{repaired}");
            let again = problems(
                &repaired.lines().skip(4).collect::<Vec<_>>().join("\n").replace("        ", ""),
            )
            .1;
            assert!(again.len() < found.len(), "{repaired}\n{again:?}");
        }
    }

    #[test]
    fn an_example_is_no_repair() {
        for (code, help) in [
            ("E120", "write `condition ? value : other value`"),
            ("E120", "write `\\\\` for a backslash, or `\\'` for a quote"),
            ("E103", "write e.g. `family: margin`"),
            ("E209", "write `duration('30d')`"),
            ("E109", "write e.g. `[order]`, `{silence: order, after: \"30d\"}`"),
            ("E105", "write one of `a`, `b`"),
        ] {
            let problem = Diagnostic::error(code, 0, 0..1, "x").with_help(help);
            assert_eq!(replacement(&problem), None, "{help}");
        }
    }
}
