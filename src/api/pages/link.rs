//! Links within the pages: the list that is shown, with one thing changed.

use std::fmt::Write as _;

use crate::api::alerts::Parameters;

/// The words of a list's address, empty where they are not given.
#[derive(Debug, Clone, Default)]
pub(super) struct Link {
    state: String,
    owner: String,
    family: String,
    entity: String,
    text: String,
}

impl From<&Parameters> for Link {
    fn from(parameters: &Parameters) -> Self {
        let word = |given: &Option<String>| given.clone().unwrap_or_default();
        Self {
            state: word(&parameters.state),
            owner: word(&parameters.owner),
            family: word(&parameters.family),
            entity: word(&parameters.entity),
            text: word(&parameters.q),
        }
    }
}

impl Link {
    /// The same list in another state, with every family.
    pub(super) fn with_state(&self, state: &str) -> String {
        let state = if state == "open" { "" } else { state };
        let family = String::new();
        Self { state: state.to_owned(), family, ..self.clone() }.address("")
    }

    /// The same list of one family, or of all when it is empty.
    pub(super) fn with_family(&self, family: &str) -> String {
        Self { family: family.to_owned(), ..self.clone() }.address("")
    }

    /// The page of the same list behind this cursor.
    pub(super) fn with_cursor(&self, cursor: &str) -> String {
        self.address(cursor)
    }

    fn address(&self, cursor: &str) -> String {
        let mut address = String::from("/");
        for (name, value) in [
            ("state", self.state.as_str()),
            ("owner", &self.owner),
            ("family", &self.family),
            ("entity", &self.entity),
            ("q", &self.text),
            ("cursor", cursor),
        ] {
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

/// Percent-encoded, so that it is one segment of a path or one value of a query.
pub(in crate::api) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_changes_one_thing() {
        let link = Link {
            state: "snoozed".to_owned(),
            owner: "territory:North & \"South\"".to_owned(),
            ..Link::default()
        };
        let owner = "owner=territory%3ANorth%20%26%20%22South%22";
        assert_eq!(link.with_state("open"), format!("/?{owner}"));
        assert_eq!(link.with_family("margin"), format!("/?state=snoozed&{owner}&family=margin"));
        assert_eq!(Link::default().with_state("open"), "/");
    }
}
