//! What does a new rule look like? A rule file and its test file that pass at once, to be changed.
//!
//! ```text
//! family, on ──► Shape ──► <name>.rules.yaml   one rule, each of its keys with what it is for
//!                     └──► <name>.test.yaml    a case that fires, a case that stays quiet
//! ```

use crate::alert::Family;
use crate::event::Kind;
use crate::rule::file::RULE_FILE_SUFFIX;
use crate::rule::fixture::TEST_FILE_SUFFIX;

/// What makes a new rule look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// What its family usually looks at.
    Usual,
    /// An event of one of these types.
    Events(Vec<Kind>),
    /// Orders stay away.
    Silence,
    /// Once a day.
    Schedule,
}

/// Names and texts of the two files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skeleton {
    /// Name of the rule file.
    pub rule_file: String,
    /// What it holds.
    pub rules: String,
    /// Name of the test file.
    pub test_file: String,
    /// What it holds.
    pub tests: String,
}

/// The parts in which skeletons differ.
struct Shape {
    /// Keys from `on` to `annotations`, indented as they stand in the file.
    rule: String,
    fires: String,
    quiet: String,
    until: &'static str,
    entity: &'static str,
}

/// A rule of this name, which is to be CamelCase.
pub fn skeleton(name: &str, family: Family, start: &Start) -> Skeleton {
    let shape = match (start, family) {
        (Start::Silence, _) | (Start::Usual, Family::Drift) => silence(),
        (Start::Schedule, _) | (Start::Usual, Family::Trend) => schedule(),
        (Start::Events(kinds), _) => events(kinds),
        (Start::Usual, Family::CrossSell) => call(),
        (Start::Usual, Family::Margin) => margin(),
        (Start::Usual, Family::Quality) => quality(),
        (Start::Usual, Family::Performance) => performance(),
        (Start::Usual, Family::UpSell | Family::SwitchSell | Family::Alignment) => {
            events(&[Kind::Order])
        }
    };
    let stem = file_stem(name);
    let (rule_file, test_file) =
        (format!("{stem}{RULE_FILE_SUFFIX}"), format!("{stem}{TEST_FILE_SUFFIX}"));
    let rules = format!(
        "\
# What should a sales person hear about, and why? Say it here.
groups:
  - name: {stem}
    rules:
      - alert: {name}
        family: {}
{}        mode: live
",
        family.name(),
        shape.rule,
    );
    let until = match shape.until {
        "" => String::new(),
        until => format!("    until: {until}\n"),
    };
    let tests = format!(
        "\
rule_files: [{rule_file}]
tests:
  - name: who should be told about is told about
    events:
{}{until}    alerts:
      - {{rule: {name}, {}: c1}}

  - name: all others are left alone
    events:
{}{until}    quiet: [{name}]
",
        shape.fires, shape.entity, shape.quiet,
    );
    Skeleton { rule_file, rules, test_file, tests }
}

/// `MarginFalls` becomes `margin_falls`.
fn file_stem(name: &str) -> String {
    let mut stem = String::with_capacity(name.len() + 4);
    for (at, c) in name.char_indices() {
        let after_small = name[..at].ends_with(|b: char| !b.is_ascii_uppercase());
        if c.is_ascii_uppercase() && after_small && at > 0 {
            stem.push('_');
        }
        stem.push(c.to_ascii_lowercase());
    }
    stem
}

/// An event of a test: `{at: …, customer_id: …, …}`.
fn event(at: &str, customer: &str, kind: Kind, more: &str) -> String {
    let what = if kind.is_transaction() {
        let lines = "lines: [{product_id: p1, quantity: 1, net_amount: 100}]";
        format!("type: {}, currency: USD, {lines}", kind.name())
    } else {
        format!("kind: {}", kind.name())
    };
    format!("      - {{at: {at}, customer_id: {customer}, {what}{more}}}\n")
}

fn events(kinds: &[Kind]) -> Shape {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    let rule = format!(
        "        on: [{}]
        let:
          recent: orders.last('365d')
        # Replace this condition by your own.
        when: size(recent) >= 3
        cooldown: 30d
        expires_after: 14d
        value: recent.sum(o, o.net) * 0.1
        labels: {{severity: info, play: call}}
        annotations:
          summary: \"{{{{ customer.name }}}} has ordered {{{{ size(recent) }}}} times in a year\"
          description: \"About {{{{ money(value) }}}} is at stake.\"
        evidence: recent
",
        names.join(", ")
    );
    let kind = kinds.first().copied().unwrap_or(Kind::Order);
    let orders = |customer: &str, count: u8| {
        event(&format!("2025-01-01, every: 10d, count: {count}"), customer, Kind::Order, "")
    };
    Shape {
        rule,
        fires: orders("c1", 3) + &event("2025-02-01", "c1", kind, ""),
        quiet: orders("c2", 1) + &event("2025-02-01", "c2", kind, ""),
        until: "",
        entity: "customer_id",
    }
}

fn silence() -> Shape {
    let rule = "        # Each order sets a timer; the rule looks when it is over, traffic or not.
        on:
          silence: order
          after: greatest(mean_gap(orders) * 2, duration('28d'))
        when: size(orders) >= 4
        value: orders.last('365d').sum(o, o.net) * 0.25
        labels: {severity: warning, play: win_back}
        annotations:
          summary: \"{{ customer.name }} is silent since {{ date(orders.last().time) }}\"
          description: \"It usually orders every {{ round(days(mean_gap(orders)), 0) }} days.\"
        evidence: orders.last(12)
";
    Shape {
        rule: rule.to_owned(),
        fires: event("2025-01-01, every: 30d, count: 5", "c1", Kind::Order, ""),
        quiet: event("2025-01-01, every: 30d, count: 12", "c2", Kind::Order, ""),
        until: "2025-12-20",
        entity: "customer_id",
    }
}

fn schedule() -> Shape {
    let rule = "        # UTC; it begins with the first event of the customer.
        on: {every: 7d, at: \"07:00\"}
        let:
          recent: orders.last('90d').sum(o, o.net)
          before: orders.between('180d', '90d').sum(o, o.net)
        when: size(orders.between('180d', '90d')) >= 3 && recent < before * 0.5
        cooldown: 90d
        expires_after: 30d
        value: before - recent
        labels: {severity: warning, play: call}
        annotations:
          summary: \"{{ customer.name }} buys for {{ money(recent) }} a quarter, before {{ money(before) }}\"
        evidence: orders.last('180d')
";
    Shape {
        rule: rule.to_owned(),
        fires: event("2025-01-01, every: 15d, count: 6", "c1", Kind::Order, ""),
        quiet: event("2025-01-01, every: 15d, count: 13", "c2", Kind::Order, ""),
        until: "2025-07-05",
        entity: "customer_id",
    }
}

fn call() -> Shape {
    let rule = "        on: [call.started]
        # Consent that is not known does not stand in the way; consent that was refused does.
        when: |
          event.topic == 'Welding'
            && customer.consent.marketing != false
            && !lines.exists(l, l.category == 'Safety')
        cooldown: 30d
        expires_after: 15m
        value: lines.last('365d').sum(l, l.net) * 0.15
        labels: {severity: critical, play: cross_sell}
        annotations:
          summary: \"{{ customer.name }} is calling about Welding and has never bought Safety\"
        evidence: lines.last('365d')
";
    let bought = |customer: &str, category: &str| {
        format!(
            "      - {{at: 2025-01-10, customer_id: {customer}, type: order, currency: USD, lines: [{{product_id: p1, category: {category}, quantity: 1, net_amount: 100}}]}}\n"
        )
    };
    let call =
        |customer: &str| event("2025-03-01", customer, Kind::CallStarted, ", topic: Welding");
    Shape {
        rule: rule.to_owned(),
        fires: bought("c1", "Welding") + &call("c1"),
        quiet: bought("c2", "Safety") + &call("c2"),
        until: "",
        entity: "customer_id",
    }
}

fn margin() -> Shape {
    let rule = "        on: [order]
        let:
          recent_lines: lines.last('30d').filter(l, has(l.cost))
          usual_lines: lines.between('210d', '30d').filter(l, has(l.cost))
          recent: margin_rate(recent_lines)
          usual: margin_rate(usual_lines)
        when: size(recent_lines) >= 3 && size(usual_lines) >= 5 && recent < usual - 0.03
        keep_firing_for: 3d
        cooldown: 60d
        expires_after: 30d
        value: (usual - recent) * recent_lines.sum(l, l.net) * 12.0
        labels: {severity: warning, play: defend_margin}
        annotations:
          summary: \"{{ customer.name }}: margin {{ percent(recent) }}, usually {{ percent(usual) }}\"
          description: \"{{ money(value) }} a year is at stake.\"
        evidence: recent_lines
";
    let sold = |at: &str, customer: &str, cost: u8| {
        format!(
            "      - {{at: {at}, customer_id: {customer}, type: order, currency: USD, lines: [{{product_id: p1, quantity: 1, unit_cost: {cost}, net_amount: 100}}]}}\n"
        )
    };
    let (before, after) = ("2025-01-01, every: 14d, count: 8", "2025-05-20, every: 3d, count: 4");
    Shape {
        rule: rule.to_owned(),
        fires: sold(before, "c1", 60) + &sold(after, "c1", 75),
        quiet: sold(before, "c2", 60) + &sold(after, "c2", 60),
        until: "",
        entity: "customer_id",
    }
}

fn quality() -> Shape {
    let rule = "        on: [complaint]
        let:
          recent: complaints.last('30d')
        when: size(recent) >= 2
        cooldown: 30d
        expires_after: 14d
        value: orders.last('365d').sum(o, o.net) * 0.1
        labels: {severity: warning, play: service}
        annotations:
          summary: \"{{ customer.name }} has complained {{ size(recent) }} times in 30 days\"
        evidence: recent
";
    let complaint = |customer: &str, count: u8| {
        let at = format!("2025-03-01, every: 5d, count: {count}");
        event("2025-01-01", customer, Kind::Order, "") + &event(&at, customer, Kind::Complaint, "")
    };
    Shape {
        rule: rule.to_owned(),
        fires: complaint("c1", 2),
        quiet: complaint("c2", 1),
        until: "",
        entity: "customer_id",
    }
}

fn performance() -> Shape {
    let rule = "        entity: rep
        on: {every: 7d, at: \"07:00\"}
        let:
          recent: orders.last('30d').sum(o, o.net)
          before: orders.between('60d', '30d').sum(o, o.net)
        when: size(orders.between('60d', '30d')) >= 5 && recent < before * 0.5
        cooldown: 30d
        expires_after: 14d
        value: before - recent
        labels: {severity: info, play: coach}
        annotations:
          summary: \"{{ rep.id }} has sold for {{ money(recent) }} in 30 days, before {{ money(before) }}\"
        evidence: orders.last('60d')
";
    let sold = |rep: &str, count: u8| {
        event(
            &format!("2025-01-01, every: 5d, count: {count}"),
            "k1",
            Kind::Order,
            &format!(", rep_id: {rep}"),
        )
    };
    Shape {
        rule: rule.to_owned(),
        fires: sold("c1", 7),
        quiet: sold("c2", 13),
        until: "2025-03-03",
        entity: "rep_id",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Symbols;
    use crate::rule::compile;
    use crate::rule::diagnostic;
    use crate::rule::diagnostic::Files;
    use crate::rule::file;
    use crate::rule::fixture;
    use crate::rule::layout;

    /// Every skeleton that can be asked for.
    fn all() -> Vec<Skeleton> {
        let mut starts = vec![Start::Silence, Start::Schedule];
        starts.extend(Kind::ALL.iter().map(|(kind, _)| Start::Events(vec![*kind])));
        starts.push(Start::Events(vec![Kind::CallStarted, Kind::Order]));
        let usual = Family::ALL.iter().map(|(family, _)| (*family, Start::Usual));
        let others = starts.into_iter().map(|start| (Family::Trend, start));
        usual.chain(others).map(|(family, start)| skeleton("NewRule", family, &start)).collect()
    }

    #[test]
    fn every_skeleton_is_sound_and_laid_out() {
        for skeleton in all() {
            let mut files = Files::default();
            files.add(&skeleton.rule_file, &skeleton.rules);
            let (rule_files, mut problems) = file::read(&files);
            problems.extend(compile::compile(&rule_files, &Symbols::default()).1);
            let shown = diagnostic::render(&problems, &files, false);
            assert!(problems.is_empty(), "{}\n{shown}", skeleton.rules);
            let mut files = Files::default();
            files.add(&skeleton.test_file, &skeleton.tests);
            let (_, problems) = fixture::read(0, &files);
            let shown = diagnostic::render(&problems, &files, false);
            assert!(problems.is_empty(), "{}\n{shown}", skeleton.tests);
            let laid_out = layout::layout(&skeleton.rule_file, &skeleton.rules).unwrap();
            assert_eq!(laid_out, skeleton.rules);
            let laid_out = layout::layout(&skeleton.test_file, &skeleton.tests).unwrap();
            assert_eq!(laid_out, skeleton.tests);
        }
    }

    #[test]
    fn a_name_becomes_that_of_a_file() {
        for (name, stem) in [("MarginFalls", "margin_falls"), ("A", "a"), ("CRMGap2X", "crmgap2_x")]
        {
            assert_eq!(file_stem(name), stem);
        }
    }
}
