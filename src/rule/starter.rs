//! The starter rules, built into the program so that it does something useful from the start.

use crate::rule::diagnostic::Files;

/// Name and text of each file in `rules/`.
pub const STARTER: [(&str, &str); 9] = [
    ("alignment.rules.yaml", include_str!("../../rules/alignment.rules.yaml")),
    ("cross_sell.rules.yaml", include_str!("../../rules/cross_sell.rules.yaml")),
    ("drift.rules.yaml", include_str!("../../rules/drift.rules.yaml")),
    ("margin.rules.yaml", include_str!("../../rules/margin.rules.yaml")),
    ("performance.rules.yaml", include_str!("../../rules/performance.rules.yaml")),
    ("quality.rules.yaml", include_str!("../../rules/quality.rules.yaml")),
    ("switch_sell.rules.yaml", include_str!("../../rules/switch_sell.rules.yaml")),
    ("trend.rules.yaml", include_str!("../../rules/trend.rules.yaml")),
    ("up_sell.rules.yaml", include_str!("../../rules/up_sell.rules.yaml")),
];

/// The starter rules as files.
pub fn files() -> Files {
    let mut files = Files::default();
    for (name, text) in STARTER {
        files.add(name, text);
    }
    files
}
