//! Routing: which receivers does an alert go to, and why?
//!
//! ```text
//! [route] receiver = "desk"                      an alert enters at the root and goes down to the
//!   ├─ {severity="critical"} ─► "phone" continue     first child that matches, and on to the next
//!   ├─ {tier="A"}            ─► "seniors"            sibling if that child says `continue`; where
//!   └─ {family="margin"}     ─► "desk"               no child matches, the node itself receives it
//! ```
//!
//! The tree is Alertmanager's. The labels are those of the rule, and over them what every alert has:
//! `family`, `rule`, `severity`, `kind`, `entity`, `rep`, `territory`, `value`, `currency`, and of
//! customers `segment` and `tier`.

pub mod matcher;

use std::fmt::Write;

use serde::Deserialize;

use crate::alert::Alert;
use crate::alert::Owner;
use crate::delivery::route::matcher::Labels;
use crate::delivery::route::matcher::Matchers;
use crate::engine::port::EntityView;

/// Section `[route]`: one node of the tree with those below it.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Route {
    /// What an alert must be to come here.
    pub matchers: Matchers,
    /// Name of a receiver or of a channel; without one, that of the node above.
    pub receiver: Option<String>,
    /// Whether the nodes behind this one are asked too.
    #[serde(rename = "continue")]
    pub is_continued: bool,
    /// The nodes below, asked in this order.
    pub routes: Vec<Self>,
}

/// A node at which an alert ends up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit<'a> {
    /// Name of the receiver; `None` where no node on the way has one.
    pub receiver: Option<&'a str>,
    /// The matchers on the way, from the root: `{} / {tier="A"}`.
    pub path: String,
}

impl Route {
    /// Every node at which an alert with these labels ends up, in order.
    pub fn find(&self, labels: &Labels) -> Vec<Hit<'_>> {
        let mut hits = Vec::new();
        self.descend(labels, None, "", &mut hits);
        hits
    }

    fn descend<'a>(
        &'a self,
        labels: &Labels,
        above: Option<&'a str>,
        way: &str,
        hits: &mut Vec<Hit<'a>>,
    ) -> bool {
        if !self.matchers.matches(labels) {
            return false;
        }
        let receiver = self.receiver.as_deref().or(above);
        let path =
            if way.is_empty() { "root".to_owned() } else { format!("{way} / {}", self.matchers) };
        let mut is_taken = false;
        for route in &self.routes {
            let taken = route.descend(labels, receiver, &path, hits);
            is_taken |= taken;
            if taken && !route.is_continued {
                break;
            }
        }
        if !is_taken {
            hits.push(Hit { receiver, path });
        }
        true
    }

    /// Every receiver that the tree names, each with the place that names it.
    pub fn receivers(&self) -> Vec<(String, &str)> {
        let mut named = Vec::new();
        self.name("route", &mut named);
        named
    }

    fn name<'a>(&'a self, place: &str, named: &mut Vec<(String, &'a str)>) {
        named.extend(self.receiver.as_deref().map(|receiver| (place.to_owned(), receiver)));
        for (index, route) in self.routes.iter().enumerate() {
            route.name(&format!("{place}.routes[{index}]"), named);
        }
    }

    /// The tree, drawn; nodes where an alert with these labels ends up are marked.
    pub fn draw(&self, labels: Option<&Labels>) -> String {
        let hits = labels.map(|labels| self.find(labels)).unwrap_or_default();
        let mut drawing = Drawing { text: String::new(), labels, hits };
        let above = self.receiver.as_deref().unwrap_or("every channel");
        let mark = drawing.mark("root");
        let _ = writeln!(drawing.text, "{above}{mark}");
        drawing.add(self, "", ("root", above));
        drawing.text
    }
}

/// A drawing of the tree, on its way.
struct Drawing<'a> {
    text: String,
    labels: Option<&'a Labels>,
    hits: Vec<Hit<'a>>,
}

impl Drawing<'_> {
    fn mark(&self, path: &str) -> &'static str {
        if self.hits.iter().any(|hit| hit.path == path) { "  ◄" } else { "" }
    }

    /// Adds what is below a node: its path, and the receiver that its children have from it.
    fn add(&mut self, node: &Route, indent: &str, (path, above): (&str, &str)) {
        for (index, route) in node.routes.iter().enumerate() {
            let is_last = index + 1 == node.routes.len();
            let (branch, below) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            let matchers = &route.matchers;
            let path = format!("{path} / {matchers}");
            let receiver = route.receiver.as_deref().unwrap_or(above);
            let goes_on = if route.is_continued { ", continue" } else { "" };
            let failing = self.labels.and_then(|labels| matchers.failing(labels));
            let failing = failing.map_or_else(String::new, |m| format!("  (not {m})"));
            let mark = self.mark(&path);
            let line = format!("{branch}{matchers} ─► {receiver}{goes_on}{mark}{failing}");
            let _ = writeln!(self.text, "{indent}{line}");
            self.add(route, &format!("{indent}{below}"), (&path, receiver));
        }
    }
}

/// What an alert is, for routing: its own labels and, where it is known, its customer's.
pub fn labels(alert: &Alert, entity: Option<&EntityView>) -> Labels {
    let mut labels = alert.labels.clone();
    let mut set = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            labels.insert(name.to_owned(), value);
        }
    };
    set("family", Some(alert.family.name().to_owned()));
    set("rule", Some(alert.rule.clone()));
    set("severity", Some(alert.severity.name().to_owned()));
    set("kind", Some(alert.entity_kind.name().to_owned()));
    set("entity", Some(alert.entity_id.clone()));
    set("value", alert.value.map(|value| value.amount.to_string()));
    set("currency", alert.value.and_then(|value| value.currency).map(|c| c.to_string()));
    if let Some(entity) = entity {
        set("segment", entity.segment.clone());
        set("tier", entity.tier.clone());
        set("territory", entity.territory.clone());
    }
    match &alert.owner {
        Owner::Rep(id) => set("rep", Some(id.clone())),
        Owner::Territory(name) => set("territory", Some(name.clone())),
        Owner::Queue => {}
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = r#"
        receiver = "desk"
        [[routes]]
        matchers = ['severity="critical"']
        receiver = "phone"
        continue = true
        [[routes]]
        matchers = ['tier=~"A|B"']
        receiver = "seniors"
        [[routes.routes]]
        matchers = 'value>=50000'
        receiver = "head"
        [[routes.routes]]
        matchers = 'family="margin"'
        [[routes]]
        matchers = ['family="margin"']
        receiver = "pricing"
    "#;

    fn of(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_alert_goes_down_to_the_first_that_matches_and_on_where_it_says_so() {
        let tree: Route = toml::from_str(TREE).unwrap();
        for (labels, want) in [
            (&[][..], &["desk"][..]),
            (&[("severity", "critical")], &["phone"]),
            (&[("severity", "critical"), ("tier", "A")], &["phone", "seniors"]),
            (&[("tier", "B"), ("value", "50000")], &["head"]),
            (&[("tier", "B"), ("family", "margin")], &["seniors"]),
            (&[("family", "margin")], &["pricing"]),
        ] {
            let labels = of(labels);
            let hits = tree.find(&labels);
            let got: Vec<&str> = hits.iter().filter_map(|hit| hit.receiver).collect();
            assert_eq!(got, want, "{labels:?}");
        }
        let hits = tree.find(&of(&[("tier", "B"), ("family", "margin")]));
        assert_eq!(hits[0].path, "root / {tier=~\"A|B\"} / {family=\"margin\"}");
    }

    #[test]
    fn the_drawing_says_where_an_alert_ends_up_and_why_not_elsewhere() {
        let tree: Route = toml::from_str(TREE).unwrap();
        let drawn = tree.draw(Some(&of(&[("tier", "A"), ("value", "60000")])));
        let want = "\
desk
├─ {severity=\"critical\"} ─► phone, continue  (not severity=\"critical\")
├─ {tier=~\"A|B\"} ─► seniors
│  ├─ {value>=50000} ─► head  ◄
│  └─ {family=\"margin\"} ─► seniors  (not family=\"margin\")
└─ {family=\"margin\"} ─► pricing  (not family=\"margin\")
";
        assert_eq!(drawn, want);
    }

    #[test]
    fn a_mistake_in_the_tree_is_told_with_its_line() {
        let error = toml::from_str::<Route>("receiver = \"a\"\n[[routes]]\nmatchers = ['tier']");
        let error = error.unwrap_err().to_string();
        assert!(error.contains("line 3") && error.contains("compares nothing"), "{error}");
        let error = toml::from_str::<Route>("recever = \"a\"").unwrap_err().to_string();
        assert!(error.contains("line 1") && error.contains("recever"), "{error}");
    }
}
