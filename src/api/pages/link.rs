//! Links within the pages: the list that is shown, with one thing changed.

use crate::access::address::encoded;
use crate::api::alerts::Parameters;

/// What narrows a list, in the order of an address; a cursor belongs to one list alone.
const NAMES: [&str; 8] = ["state", "owner", "family", "entity", "rule", "severity", "min", "q"];

/// The words of a list's address, empty where they are not given.
#[derive(Debug, Clone, Default)]
pub(super) struct Link {
    words: [String; NAMES.len()],
}

impl From<&Parameters> for Link {
    fn from(given: &Parameters) -> Self {
        let words = [
            &given.state,
            &given.owner,
            &given.family,
            &given.entity,
            &given.rule,
            &given.severity,
            &given.min,
            &given.q,
        ];
        Self { words: words.map(|word| word.clone().unwrap_or_default()) }
    }
}

impl Link {
    /// The same list with another word in this place; none when it is empty.
    pub(super) fn with(&self, name: &str, word: &str) -> Self {
        let mut words = self.words.clone();
        for (known, place) in NAMES.iter().zip(&mut words) {
            if *known == name {
                word.clone_into(place);
            }
        }
        Self { words }
    }

    /// The same list in another state, with every family.
    pub(super) fn with_state(&self, state: &str) -> String {
        let state = if state == "open" { "" } else { state };
        self.with("state", state).with("family", "").address("")
    }

    /// The same list of one family, or of all when it is empty.
    pub(super) fn with_family(&self, family: &str) -> String {
        self.with("family", family).address("")
    }

    /// The same list without this word.
    pub(super) fn without(&self, name: &str) -> String {
        self.with(name, "").address("")
    }

    /// The page of the same list behind this cursor.
    pub(super) fn with_cursor(&self, cursor: &str) -> String {
        self.address(cursor)
    }

    /// The address of a list.
    pub(super) fn to(pairs: &[(&str, &str)]) -> String {
        let link = pairs.iter().fold(Self::default(), |link, (name, word)| link.with(name, word));
        link.address("")
    }

    fn address(&self, cursor: &str) -> String {
        let mut address = String::from("/");
        let words = NAMES.iter().copied().zip(self.words.iter().map(String::as_str));
        for (name, value) in words.chain([("cursor", cursor)]) {
            if !value.is_empty() {
                address.push(if address.len() == 1 { '?' } else { '&' });
                address.push_str(name);
                address.push('=');
                address.push_str(&encoded(value));
            }
        }
        address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_changes_one_thing() {
        let link = Link::default()
            .with("state", "snoozed")
            .with("owner", "territory:North & \"South\"")
            .with("min", "500");
        let owner = "owner=territory%3ANorth%20%26%20%22South%22";
        assert_eq!(link.with_state("open"), format!("/?{owner}&min=500"));
        let margin = format!("/?state=snoozed&{owner}&family=margin&min=500");
        assert_eq!(link.with_family("margin"), margin);
        assert_eq!(link.without("owner"), "/?state=snoozed&min=500");
        assert_eq!(link.with_cursor("x"), format!("/?state=snoozed&{owner}&min=500&cursor=x"));
        assert_eq!(Link::default().with_state("open"), "/");
        assert_eq!(Link::to(&[("rule", "A b"), ("state", "closed")]), "/?state=closed&rule=A%20b");
    }
}
