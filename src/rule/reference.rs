//! The reference of the language: each name that a rule can use, from the tables that the program
//! itself reads. `rules docs --reference` writes it; the tables in `rules/README.md` are these.

use crate::rule::keys;
use crate::rule::keys::Key;
use crate::rule::page::Block;
use crate::rule::page::Page;
use crate::rule::vocabulary::ALERT_FIELDS;
use crate::rule::vocabulary::CUSTOMER_FIELDS;
use crate::rule::vocabulary::FIELDS;
use crate::rule::vocabulary::FORMATS;
use crate::rule::vocabulary::FUNCTIONS;
use crate::rule::vocabulary::LIST_METHODS;
use crate::rule::vocabulary::PRODUCT_FIELDS;
use crate::rule::vocabulary::REP_FIELDS;
use crate::rule::vocabulary::SCOPE;
use crate::rule::vocabulary::Type;
use crate::rule::vocabulary::VALUE_METHODS;
use crate::rule::vocabulary::detectors;
use crate::rule::vocabulary::detectors::DETECTORS;
use crate::rule::vocabulary::offers::OFFER_FIELDS;
use crate::rule::vocabulary::offers::VALUE_TIER;
use crate::state::program::KnownField;

/// The whole reference.
pub fn reference() -> Page {
    let mut blocks = Vec::new();
    let mut section = |title: &str, table: Block| {
        blocks.push(Block::Heading(2, title.to_owned()));
        blocks.push(table);
    };
    section("Keys of a rule", keys_of_rules());
    section("Names in expressions", told(["Name", "What it is"], &SCOPE));
    section("Fields of events and of the items of lists", fields());
    section("Fields of the items of `alerts`", alert_fields());
    section("Fields of offers", offer_fields());
    section("Fields of `customer`", customer_fields());
    section("Fields of `rep`", known_fields(&REP_FIELDS, false));
    section("Fields of `product`", known_fields(&PRODUCT_FIELDS, true));
    section("Operations on lists", told(["Operation", "What it gives"], &LIST_METHODS));
    section("Asked of a value", told(["Asked of a value", "What it gives"], &VALUE_METHODS));
    section("Functions", told(["Function", "What it gives"], &FUNCTIONS));
    section("What detectors find", findings());
    section("Functions in texts", told(["In a text", "How it is written"], &FORMATS));
    section("Keys of a test", keys_of(&keys::TEST));
    section("Keys of an event of a test", keys_of(&keys::EVENT));
    section("Keys of an expected alert", keys_of(&keys::EXPECTED));
    Page { title: "Reference of the rule language".to_owned(), blocks }
}

fn keys_of_rules() -> Block {
    let needed = |key: &Key| if key.needed { "yes" } else { "" };
    let rows = keys::RULE
        .iter()
        .map(|key| vec![code(key.name), needed(key).to_owned(), key.meaning.to_owned()]);
    table(&["Key", "Needed", "What it says"], rows)
}

fn keys_of(keys: &[Key]) -> Block {
    let rows = keys.iter().map(|key| vec![code(key.name), key.meaning.to_owned()]);
    table(&["Key", "What it says"], rows)
}

fn told(head: [&str; 2], names: &[(&str, &str)]) -> Block {
    table(&head, names.iter().map(|(name, what)| vec![code(name), (*what).to_owned()]))
}

fn fields() -> Block {
    let of = |line: bool| if line { "events, lines" } else { "events" };
    let rows = FIELDS.iter().map(|(name, _, ty, line, what)| {
        vec![code(name), ty.to_string(), of(*line).to_owned(), (*what).to_owned()]
    });
    table(&["Field", "Type", "Of", ""], rows)
}

fn alert_fields() -> Block {
    let rows = ALERT_FIELDS
        .iter()
        .map(|(name, _, ty, what)| vec![code(name), ty.to_string(), (*what).to_owned()]);
    table(&["Field", "Type", ""], rows)
}

fn offer_fields() -> Block {
    let rows = OFFER_FIELDS
        .iter()
        .map(|(name, _, ty, what)| vec![code(name), ty.to_string(), (*what).to_owned()]);
    table(&["Field", "Type", ""], rows)
}

fn customer_fields() -> Block {
    let plain = CUSTOMER_FIELDS.iter().map(|(name, _, ty, what)| (*name, ty.to_string(), *what));
    let deeper = [
        ("value_tier", "string".to_owned(), VALUE_TIER),
        (
            "consent.marketing",
            "bool".to_owned(),
            "whether marketing may contact it; null where nobody asked",
        ),
        ("attributes.…", "dyn".to_owned(), "anything else that the source says, by its name"),
    ];
    let rows = plain.chain(deeper).map(|(name, ty, what)| vec![code(name), ty, what.to_owned()]);
    table(&["Field", "Type", ""], rows)
}

fn known_fields(fields: &[(&str, KnownField, Type, &str)], attributes: bool) -> Block {
    let id = ("id", Type::Text, "its id in the source");
    let more = (
        "attributes.…",
        Type::Dynamic,
        "anything else that the source says, by its name: `product.attributes.stock`",
    );
    let plain = fields.iter().map(|(name, _, ty, what)| (*name, *ty, *what));
    let all = std::iter::once(id).chain(plain).chain(attributes.then_some(more));
    let rows = all.map(|(name, ty, what)| vec![code(name), ty.to_string(), what.to_owned()]);
    table(&["Field", "Type", ""], rows)
}

fn findings() -> Block {
    let rows = DETECTORS.iter().flat_map(|signature| {
        detectors::figures(signature.name).map(|(field, _, ty, what)| {
            vec![
                code(&format!("{}.{field}", signature.example)),
                ty.to_string(),
                (*what).to_owned(),
            ]
        })
    });
    table(&["Field", "Type", ""], rows)
}

fn code(name: &str) -> String {
    format!("`{name}`")
}

fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Block {
    Block::Table(head.iter().map(|&cell| cell.to_owned()).collect(), rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_of_the_readme_are_the_generated_ones() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/rules/README.md");
        let readme = std::fs::read_to_string(path).unwrap();
        let wrong: Vec<String> = reference()
            .blocks
            .into_iter()
            .filter(|block| matches!(block, Block::Table(..)))
            .map(|table| Page { title: String::new(), blocks: vec![table] }.to_markdown())
            .map(|table| table.trim_start_matches(['#', ' ', '\n']).to_owned())
            .filter(|table| !readme.contains(table.as_str()))
            .collect();
        assert!(wrong.is_empty(), "rules/README.md lacks these tables:\n{}", wrong.join("\n"));
    }
}
