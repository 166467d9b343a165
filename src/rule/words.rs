//! What do the words of rule files mean? One line each, for hovers and completions.
//!
//! Fields and functions have theirs in the [vocabulary](crate::rule::vocabulary); here are the
//! words around expressions, and the names that they begin with.

use crate::rule::vocabulary::SCOPE;
use crate::state::window::List;

/// A word with its meaning.
pub type Word = (&'static str, &'static str);

/// Those of events, and the one of alerts.
const LIST_COUNT: usize = List::ALL.len() + 1;

/// The lists of an entity, which stand first among the names that an expression begins with.
pub const LISTS: &[Word] = SCOPE.split_at(LIST_COUNT).0;

/// Names that stand for one thing.
pub const NAMES: &[Word] = SCOPE.split_at(LIST_COUNT).1;

/// What stands in place of `customer` in rules over reps and products.
pub const OTHERS: [Word; 2] = [
    ("rep", "the sales person whose history the lists are"),
    ("product", "the product whose history the lists are"),
];

/// Constants.
pub const CONSTANTS: [Word; 3] = [
    ("true", "yes"),
    ("false", "no"),
    ("null", "nothing: the source did not say, or the list is empty"),
];

/// Types of events.
pub const KINDS: [Word; 24] = [
    ("order", "goods or services sold"),
    ("return", "goods taken back; amounts are negative"),
    ("adjustment", "a correction of stock or amount"),
    ("credit_memo", "money given back without goods"),
    ("quote", "a quote was sent; alone it stands for all that becomes of quotes, too"),
    ("quote.accepted", "the customer accepted a quote"),
    ("quote.lost", "the customer declined a quote"),
    ("quote.expired", "a quote ran out"),
    ("call", "a telephone call; it stands for the beginning and the end of calls, too"),
    ("call.started", "the customer is on the phone now"),
    ("call.ended", "the call is over"),
    ("email", "an e-mail, in either direction"),
    ("meeting", "a meeting"),
    ("visit", "a visit by a rep"),
    ("web", "a visit to the web site"),
    ("chat", "a chat"),
    ("complaint", "a complaint or support case"),
    ("campaign_sent", "a campaign's message went out"),
    ("campaign_response", "the customer answered a campaign"),
    ("survey", "a survey was answered"),
    ("opportunity_opened", "a sales opportunity was opened"),
    ("opportunity_won", "a sales opportunity was won"),
    ("opportunity_lost", "a sales opportunity was lost"),
    ("other", "any other interaction"),
];

/// Families of rules.
pub const FAMILIES: [Word; 9] = [
    ("cross_sell", "a complementary category is missing"),
    ("up_sell", "a higher grade, a larger pack, the next price tier"),
    ("switch_sell", "a more profitable substitute"),
    ("drift", "the customer is leaving, as a whole or in part"),
    ("performance", "a rep's quota, conversion or activity"),
    ("trend", "a lasting rise or fall"),
    ("margin", "margin below the customer's own normal"),
    ("alignment", "terms and coverage that no longer fit the customer's value"),
    ("quality", "returns of a product, sentiment"),
];

/// Whose history the lists are.
pub const ENTITIES: [Word; 3] = [
    ("customer", "the lists are those of one customer; so it is when nothing is said"),
    ("rep", "the lists are those of one sales person"),
    ("product", "the lists are those of one product"),
];

/// How urgent an alert is.
pub const SEVERITIES: [Word; 3] = [
    ("info", "worth knowing"),
    ("warning", "worth acting on this week; so it is when nothing is said"),
    ("critical", "act now: the customer is on the phone, or money is being lost"),
];

/// Whether alerts reach anybody.
pub const MODES: [Word; 3] = [
    ("live", "alerts reach people; so it is when nothing is said"),
    ("shadow", "alerts go to the record only"),
    ("off", "the rule is checked and does not run"),
];

/// How an alert of a test stands at its end.
pub const STATES: [Word; 4] = [
    ("firing", "it is open"),
    ("closed", "it is closed, for whatever reason"),
    ("resolved", "its condition no longer holds"),
    ("expired", "its moment has passed"),
];

/// Where a past alert stands.
pub const STANDINGS: [Word; 9] = [
    ("firing", "it waits for somebody"),
    ("acknowledged", "somebody is on it"),
    ("snoozed", "it is put aside for a while"),
    ("resolved", "closed: its condition no longer held"),
    ("expired", "closed: its moment passed"),
    ("withdrawn", "closed: its rule was taken away"),
    ("won", "closed: the sale was made"),
    ("lost", "closed: the sale was not made"),
    ("dismissed", "closed: somebody found it wrong"),
];

/// Lengths of time that authors write most.
pub const DURATIONS: [Word; 10] = [
    ("15m", "15 minutes"),
    ("1h", "an hour"),
    ("1d", "a day"),
    ("3d", "3 days"),
    ("7d", "a week"),
    ("14d", "two weeks"),
    ("30d", "30 days"),
    ("90d", "a quarter"),
    ("210d", "210 days"),
    ("365d", "a year"),
];

/// What a word means.
pub fn meaning(words: &[Word], word: &str) -> Option<&'static str> {
    words.iter().find(|(known, _)| *known == word).map(|(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Family;
    use crate::event::Kind;
    use crate::rule::file::Mode;
    use crate::rule::vocabulary::ALERTS;
    use crate::state::past::Standing;

    #[test]
    fn every_word_that_a_rule_file_can_hold_has_its_meaning() {
        fn words(words: &[Word]) -> Vec<&str> {
            words.iter().map(|(word, _)| *word).collect()
        }
        let lists: Vec<&str> = List::ALL.iter().map(|(_, name)| *name).chain([ALERTS]).collect();
        assert_eq!(words(LISTS), lists);
        assert_eq!(words(&KINDS), Kind::ALL.map(|(_, name)| name));
        assert_eq!(words(&FAMILIES), Family::ALL.map(|(_, name)| name));
        assert_eq!(words(&STANDINGS), Standing::ALL.map(|(_, name)| name));
        assert_eq!(words(&MODES), Mode::ALL.map(|(_, name)| name));
    }
}
