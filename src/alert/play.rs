//! A play: what is a sales person to do about an alert, in a sentence?
//!
//! ```text
//! labels: {play: win_back}            ─► the sentence for `win_back` below
//! labels: {play: "Ask for the tender"} ─► as the author wrote it
//! no play                              ─► the sentence for the alert's family
//! ```

use crate::alert::Family;

/// Plays with a sentence of their own, by their word in `labels.play`.
const PLAYS: [(&str, &str); 14] = [
    (
        "win_back",
        "Call this week: ask what has changed and whether somebody else delivers now. Agree on the \
         next order before you hang up.",
    ),
    (
        "save_category",
        "Ask where they buy these goods now. Bring a price for their usual quantities to the next \
         contact.",
    ),
    ("cross_sell", "Offer what goes with it now, and say why it fits what they already buy."),
    ("up_sell", "Show the higher grade or the larger pack, and what it saves them over a year."),
    (
        "switch_sell",
        "Offer the substitute for what they buy today; have a sample and both prices at hand.",
    ),
    (
        "defend_margin",
        "Look through discounts and costs of the orders below before the next quote. Take back what \
         nobody agreed to, or pass the cost on.",
    ),
    ("renegotiate", "Ask for a talk about terms: what they get has to fit what they buy."),
    ("visit", "Arrange a visit: the customer is worth more of your time than it gets."),
    ("grow", "Ask what drives the rise, and secure it with an agreement or a larger share."),
    ("stop_decline", "Find out together why they buy less, and agree on one step that turns it."),
    ("coach", "Sit down with the rep: go through the open chances, and choose the next three."),
    ("follow_up", "Get back to the customer today, and write down what was agreed."),
    (
        "recover_service",
        "Apologise, say what will be done by when, and call again once it is done.",
    ),
    ("check_quality", "Ask the product's owner for the cause, and tell the customers who have it."),
];

/// What to do about an alert of a family whose `play` label says this: the author's own sentence,
/// the play's, or the family's.
pub fn sentence(label: Option<&str>, family: Family) -> &str {
    let Some(label) = label.filter(|label| !label.is_empty()) else { return of_family(family) };
    match PLAYS.iter().find(|(word, _)| *word == label) {
        Some((_, sentence)) => sentence,
        None if label.contains(' ') => label,
        // A word of the author's own names the play, but is no sentence.
        None => of_family(family),
    }
}

/// The name of a play as people say it: `win_back` reads "Win back"; none for a whole sentence.
pub fn name(label: &str) -> Option<String> {
    let words = label.replace('_', " ");
    let mut letters = words.chars();
    let first = letters.next().filter(|_| !label.contains(' '))?;
    Some(first.to_uppercase().chain(letters).collect())
}

fn of_family(family: Family) -> &'static str {
    let word = match family {
        Family::CrossSell => "cross_sell",
        Family::UpSell => "up_sell",
        Family::SwitchSell => "switch_sell",
        Family::Drift => "win_back",
        Family::Performance => "coach",
        Family::Trend => "stop_decline",
        Family::Margin => "defend_margin",
        Family::Alignment => "renegotiate",
        Family::Quality => "check_quality",
    };
    PLAYS.iter().find(|(known, _)| *known == word).map_or("", |(_, sentence)| sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_says_what_to_do_whatever_its_label() {
        for (label, begins, named) in [
            (Some("win_back"), "Call this week", Some("Win back")),
            (Some("Ask for the tender."), "Ask for the tender.", None),
            (Some("house_special"), "Call this week", Some("House special")),
            (Some(""), "Call this week", None),
            (None, "Call this week", None),
        ] {
            let told = sentence(label, Family::Drift);
            assert!(told.starts_with(begins), "{label:?}: {told}");
            assert_eq!(label.and_then(name).as_deref(), named, "{label:?}");
        }
    }

    #[test]
    fn every_family_has_a_play() {
        for (family, name) in Family::ALL {
            assert!(!of_family(family).is_empty(), "{name}");
        }
    }
}
