//! Is there one layout, is it kept, and does it say the same?

use super::*;
use crate::event::Symbols;
use crate::rule::compile;
use crate::rule::starter;

const RULES: &str = "x.rules.yaml";

#[track_caller]
fn check(name: &str, text: &str, want: &str) {
    let once = layout(name, text).unwrap_or_else(|(files, problems)| {
        panic!("{}", crate::rule::diagnostic::render(&problems, &files, false))
    });
    assert_eq!(once, want);
    let twice = layout(name, &once).map_err(|(_, problems)| problems);
    assert_eq!(twice.as_deref(), Ok(want), "twice is not once");
}

#[test]
fn a_rule_is_laid_out_in_one_way() {
    check(
        RULES,
        "\
# Head.
groups:
- rules:
  -   when:   size( orders )>=5&&event.net>0   # enough
      # What it is.
      family:  drift
      on: [order]   \n\n\n
      labels:
        severity: info
      let:
          recent:   margin_rate( lines.last('30d') )


          # Kept.
          usual: \"margin_rate(lines.last('90d'))\"
      # Last of the rule.
      annotations: {summary: 'a {{percent( recent )}} of {{  event.net }}'}
      alert: A
  # Of the next.
  - alert: B
    family: drift
    on: {silence: order, after: mean_gap(orders)*3}
    annotations:
      description: |
        Two  lines
          of   text
      summary: x
  # At the end.
  name: g
",
        "\
# Head.
groups:
  # At the end.
  - name: g
    rules:
      - alert: A
        # What it is.
        family: drift
        on: [order]
        let:
          recent: margin_rate(lines.last('30d'))

          # Kept.
          usual: \"margin_rate(lines.last('90d'))\"
        when: size(orders) >= 5 && event.net > 0  # enough

        labels:
          severity: info
        # Last of the rule.
        annotations: {summary: 'a {{ percent(recent) }} of {{ event.net }}'}
      # Of the next.
      - alert: B
        family: drift
        on: {silence: order, after: mean_gap(orders) * 3}
        annotations:
          summary: x
          description: |
            Two  lines
              of   text
",
    );
}

#[test]
fn a_long_condition_is_broken_where_nothing_else_is_lost() {
    let rule = |when: &str| {
        format!(
            "groups:\n  - name: g\n    rules:\n      - alert: A\n        family: drift\n        on: [order]\n        when: {when}\n        annotations: {{summary: x}}\n"
        )
    };
    let parts = ["size(orders.last('30d')) >= 5", "event.net > 100", "event.category == 'Safety'"];
    let long = parts.join(" && ") + " && event.brand != 'x'";
    let block = format!(
        "|\n          {}\n            && {}\n            && {}\n            && event.brand != 'x'",
        parts[0], parts[1], parts[2]
    );
    check(RULES, &rule(&long), &rule(&block));
    check(RULES, &rule(&format!("\"{long}\"")), &rule(&block));
    let noted = format!("{long}  # a comment stays behind its value");
    check(RULES, &rule(&noted), &rule(&noted));
    check(RULES, &rule(&parts[..2].join(" && ")), &rule(&parts[..2].join(" && ")));
}

#[test]
fn a_test_file_is_laid_out_and_its_lists_keep_their_order() {
    check(
        "x.test.yaml",
        "tests:\n- quiet: [B]\n  name: n\n  events:\n  - {type: order, at: 2025-01-01}\n  - at:  2024-01-01\n    type: order\nrule_files: [a.rules.yaml]\n",
        "rule_files: [a.rules.yaml]\ntests:\n  - name: n\n    events:\n      - {type: order, at: 2025-01-01}\n      - at: 2024-01-01\n        type: order\n    quiet: [B]\n",
    );
}

#[test]
fn a_file_with_mistakes_is_left_alone() {
    for text in ["groups: [", "groups:\n  - name: g\n    rules:\n      - alrt: A\n", "a: 1"] {
        let (files, problems) = layout(RULES, text).unwrap_err();
        assert!(!problems.is_empty(), "{text}");
        assert_eq!(files.text(0), text);
    }
}

#[test]
fn what_is_not_understood_stays_as_it_is() {
    // A given indentation, a key below its dash, an alias, a merged mapping.
    for text in [
        "groups:\n  - name: g\n    rules:\n      -\n        alert: A\n        family: drift\n        on: [order]\n        when: 'true'\n        annotations: {summary: x}\n",
        "groups:\n  - name: g\n    rules:\n      - alert: A\n        family: drift\n        on: [order]\n        when: 'true'\n        annotations:\n          summary: |2\n              x\n",
        "groups:\n  - name: g\n    rules:\n      - alert: A\n        family: drift\n        on: &on [order]\n        when: &w size(orders) > 1\n        annotations: {summary: x}\n      - alert: B\n        family: drift\n        on: *on\n        when: *w\n        annotations: {summary: x}\n",
    ] {
        check(RULES, text, text);
    }
}

/// The rules of a text as the engine would run them.
fn compiled(name: &str, text: &str) -> String {
    let mut files = Files::default();
    files.add(name, text);
    let (rule_files, problems) = file::read(&files);
    assert_eq!(problems, [], "{text}");
    let (set, _) = compile::compile(&rule_files, &Symbols::default());
    let meaning =
        set.rules.iter().map(|rule| (&rule.name, rule.when, &rule.part_nodes, rule.timing));
    format!("{:?} {:?} {:?}", meaning.collect::<Vec<_>>(), set.program, set.plans)
}

#[test]
fn the_starter_rules_are_laid_out_as_they_are() {
    for (name, text) in starter::STARTER {
        check(name, text, text);
    }
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let (files, _, problems) = fixture::load(&[folder]);
    assert_eq!((files.len(), problems.len()), (9, 0));
    for file in 0..files.len() {
        check(files.name(file), files.text(file), files.text(file));
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    /// Entries of a rule, each as its author may have written it.
    const ENTRIES: [&[&str]; 9] = [
        &["alert: A", "alert:   A  # name", "alert: 'A'"],
        &["family: drift", "family:  drift   # kind"],
        &[
            "on: [order]",
            "on:\n  - order\n  -   call",
            "on: {silence: order, after: mean_gap(orders)*2}",
        ],
        &[
            "let: {a: '1'}",
            "let:\n    a: 1+2\n    # why\n    b:   a * 2 # x",
            "let:\n  a: |\n      1 +\n        2",
        ],
        &[
            "when: size(orders)>=5",
            "when: |\n    size(orders) > 1\n      &&  size( lines )>2",
            "when: size(orders.last('30d')) >= 5 && size(orders.last('365d')) >= 50 && size(lines.last('30d')) >= 500",
            "when: \"size(orders)>=5 && 'a  b'!='its'\"",
        ],
        &["cooldown: 3d", "cooldown:    3d"],
        &["labels: {play: x}", "labels:\n     play:  x\n     severity: info"],
        &[
            "annotations: {summary: \"{{now}} x\"}",
            "annotations:\n   description: d\n   summary: >-\n     folded\n     text",
        ],
        &["mode: off", "# above\n\n\nmode: off"],
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn any_layout_becomes_the_one_and_means_the_same(
            picks in proptest::collection::vec(0_usize..4, ENTRIES.len()),
            order in Just((0..ENTRIES.len()).collect::<Vec<_>>()).prop_shuffle(),
            (outer, inner) in (0_usize..3, 1_usize..4),
        ) {
            let mut text = format!("groups:\n{0}- name: g\n{0}  rules:\n", " ".repeat(outer));
            let dash = " ".repeat(outer + 2 + inner);
            for (place, entry) in order.iter().enumerate() {
                let choices = ENTRIES[*entry];
                for (number, line) in choices[picks[*entry] % choices.len()].lines().enumerate() {
                    let first = place == 0 && number == 0 && !line.starts_with('#');
                    let mark = if first { "- " } else { "  " };
                    // A comment above the first key stands above its dash.
                    let moved = place == 0 && *entry == 8 && picks[8] % 2 == 1;
                    let mark = if moved && line.starts_with("mode") { "- " } else { mark };
                    text.push_str(&format!("{dash}{mark}{line}\n"));
                }
            }
            let once = layout(RULES, &text).map_err(|(files, problems)| {
                TestCaseError::fail(crate::rule::diagnostic::render(&problems, &files, false))
            })?;
            prop_assert_eq!(&layout(RULES, &once).ok(), &Some(once.clone()), "{}", text);
            prop_assert_eq!(compiled(RULES, &text), compiled(RULES, &once), "{}\n{}", text, once);
            let keys: Vec<_> = once.lines().filter_map(|l| l.strip_prefix("        ")).collect();
            let rank = |word: &str| keys.iter().position(|l| l.starts_with(word));
            prop_assert!(rank("family") < rank("on:") && rank("let") < rank("when"), "{}", once);
        }
    }
}
